"""The lake: closed days as a Delta Lake table, partitioned by UTC day, sorted by (point, time), open to every other engine.

Delta has no unsigned integers, so `point` is a long and `quality` an integer there. Each append carries the number of the move
as a Delta application transaction, which is how the historian learns after a crash whether a move had happened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tieline.historian.errors import one_line
from tieline.historian.schema import LakeFile
from tieline.model import UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

APPLICATION = "tieline-historian"
ROW_GROUP = 131_072


class Lake:
    """The Delta table at a folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def has_move(self, move: int) -> bool:
        """Whether the append with that number, or a later one, is in the table."""
        table = self._table()
        if table is None:
            return False
        version = table.transaction_version(APPLICATION)
        return version is not None and version >= move

    def append(self, move: int, rows: pa.RecordBatchReader) -> None:
        """Appends rows (day, point, time, value, quality), sorted, as one Delta commit; on return they are on disk."""
        before = {file.path for file in self.files()}
        with self._explained():
            self._write(move, rows)
            # object_store renames into place but does not sync; the historian is about to delete its own copy.
            for file in self.files():
                if file.path not in before:
                    _sync(Path(file.path))
            for log in sorted((self.folder / "_delta_log").glob("*.json"))[-2:]:
                _sync(log)
            _sync(self.folder)

    def _write(self, move: int, rows: pa.RecordBatchReader) -> None:
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        self.folder.mkdir(parents=True, exist_ok=True)
        write_deltalake(
            str(self.folder),
            rows,
            mode="append",
            partition_by=["day"],
            writer_properties=WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=ROW_GROUP),
            commit_properties=CommitProperties(app_transactions=[Transaction(APPLICATION, move)]),
        )

    def files(self) -> list[LakeFile]:
        """The Parquet files of the table's newest version."""
        table = self._table()
        if table is None:
            return []
        actions = _columns(table.get_add_actions(flatten=True))
        rows = zip(actions["path"], actions["partition.day"], actions["num_records"], strict=True)
        return sorted(
            (LakeFile(path=str(self.folder / unquote(path)), day=_day(day), rows=count) for path, day, count in rows),
            key=lambda file: (file.day, file.path),
        )

    def delete_before(self, day: date) -> bool:
        """Takes the days before that day out of the table; False where there is none. Their files go with `vacuum`."""
        table = self._table()
        if table is None or not any(file.day < day for file in self.files()):
            return False
        with self._explained():
            table.delete(f"day < CAST('{day.isoformat()}' AS DATE)")
        return True

    def vacuum(self, *, retention_hours: int = 1) -> Sequence[str]:
        """Removes files that no version of so many last hours needs, by default so that no reader loses one under its hands."""
        table = self._table()
        if table is None:
            return []
        with self._explained():
            removed: list[str] = table.vacuum(retention_hours=retention_hours, dry_run=False, enforce_retention_duration=False)
        return removed

    def size(self) -> int:
        """Bytes on disk, those of files that wait to be removed among them."""
        total = 0
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    def _table(self) -> Any:
        from deltalake import DeltaTable

        with self._explained():
            return DeltaTable(str(self.folder)) if DeltaTable.is_deltatable(str(self.folder)) else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError) as error:
            raise UnavailableError(f"the lake at {self.folder} cannot be reached: {one_line(error)}") from error


def _columns(batch: Any) -> dict[str, list[Any]]:
    import pyarrow as pa

    columns: dict[str, list[Any]] = pa.table(batch).to_pydict()
    return columns


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _sync(path: Path) -> None:
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
