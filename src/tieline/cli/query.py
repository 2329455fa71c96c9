"""`tieline query`: SQL to the historian, answers in five formats; all but the table are written as they arrive."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tieline.model import ConfigError, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("table", "csv", "json", "parquet", "arrow")
MOST_TABLE_ROWS = 1_000


def run(sql: str, data: Path, output: str, file: Path | None) -> None:
    """Asks, and writes the answer to a file or to standard output."""
    from tieline.cli.run import historian_folder
    from tieline.historian import query

    check_format(output, file)
    write_answer(query(historian_folder(data), sql), output, file)


def check_format(output: str, file: Path | None) -> None:
    """Raises `ConfigError` where there is no such format, or it is not for a terminal."""
    if output not in FORMATS:
        raise ConfigError(f"there is no format {output!r}; write one of {', '.join(FORMATS)}")
    if file is None and output in {"parquet", "arrow"} and sys.stdout.isatty():
        raise ConfigError(f"{output} is not for a terminal; add --output FILE, or redirect")


def write_answer(answer: pa.RecordBatchReader, output: str, file: Path | None) -> None:
    """Writes an answer, as it comes, to a file or to standard output; a file is there as a whole or not at all."""
    with _target(file) as sink:
        try:
            _WRITERS[output](answer, sink)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output has had enough; Python must not complain at exit


@contextmanager
def _target(file: Path | None) -> Iterator[IO[bytes]]:
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = file.with_name(f".{file.name}.part")
    try:
        with partial.open("wb") as sink:
            yield sink
        partial.replace(file)
    except OSError as error:
        raise UnavailableError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_table(answer: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    rows: list[list[str]] = []
    is_cut = False
    for batch in answer:
        columns = [[_cell(value) for value in column.slice(0, MOST_TABLE_ROWS - len(rows) + 1).to_pylist()] for column in batch]
        rows.extend(list(row) for row in zip(*columns, strict=True))
        if len(rows) > MOST_TABLE_ROWS:
            is_cut = True
            break
    del rows[MOST_TABLE_ROWS:]
    names = answer.schema.names
    widths = [max(len(name), *(len(row[at]) for row in rows), 0) if rows else len(name) for at, name in enumerate(names)]
    is_number = [_is_number(field) for field in answer.schema]
    lines = [names, ["─" * width for width in widths], *rows]
    for line in lines:
        cells = (
            cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(line, widths, is_number, strict=True)
        )
        sink.write(("  ".join(cells).rstrip() + "\n").encode())
    noun = "row" if len(rows) == 1 else "rows"
    note = f"first {MOST_TABLE_ROWS} rows; --format csv gives all" if is_cut else f"{len(rows)} {noun}"
    sink.write(f"({note})\n".encode())


def _is_number(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return _moment(value)
        case float():
            return f"{value:.10g}"
        case _:
            return str(value)


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(sep=" ") + "Z"


def _write_csv(answer: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    from pyarrow.csv import CSVWriter

    with CSVWriter(sink, answer.schema) as writer:
        for batch in answer:
            writer.write_batch(batch)


def _write_json(answer: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    sink.write(b"[")
    separator = b"\n"
    for batch in answer:
        for row in batch.to_pylist():
            plain = {name: _plain(value) for name, value in row.items()}
            sink.write(separator + json.dumps(plain, ensure_ascii=False).encode())
            separator = b",\n"
    sink.write(b"\n]\n")


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return _moment(value).replace(" ", "T")
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return str(value)


def _write_parquet(answer: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    from pyarrow.parquet import ParquetWriter

    with ParquetWriter(sink, answer.schema, compression="zstd") as writer:
        for batch in answer:
            writer.write_batch(batch)


def _write_arrow(answer: pa.RecordBatchReader, sink: IO[bytes]) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sink, answer.schema) as writer:
        for batch in answer:
            writer.write_batch(batch)


_WRITERS = {"table": _write_table, "csv": _write_csv, "json": _write_json, "parquet": _write_parquet, "arrow": _write_arrow}
