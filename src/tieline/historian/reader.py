# ruff: noqa: S608 (every name and number put into SQL here is our own; texts go through `literal`)
"""Reads the historian on a cursor of its own: any SQL that only reads, and the two questions that screens ask all the time.

`samples` and `history` do not go through the views. They know from the catalog which parts can hold an answer and ask those
alone, which is what keeps them at a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import duckdb
import numpy as np

from tieline.historian import schema
from tieline.historian.errors import QueryError, one_line
from tieline.historian.guard import check
from tieline.historian.schema import DAY_US, QUARTER_US, Catalog
from tieline.model import UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

Parameters = Sequence[Any] | Mapping[str, Any] | None

BATCH_ROWS = 65_536
MAX_BUCKETS = 100_000
_ATTEMPTS = 5


class Reader:
    """Answers from one cursor; not for two threads at once, except `interrupt`."""

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection], catalog: Callable[[], Catalog]) -> None:
        """For `Historian.reader`."""
        self._cursor = cursor()
        self._catalog = catalog

    def close(self) -> None:
        """Gives the cursor back; harmless when repeated."""
        with suppress(duckdb.Error):
            self._cursor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """Makes the query that runs now fail with a `QueryError`; for another thread to call."""
        self._cursor.interrupt()

    def query(self, statement: str, parameters: Parameters = None) -> pa.RecordBatchReader:
        """The answer to one statement, computed while it is read, as of one moment.

        Raises `QueryError`, also from the reader that it returns.
        """
        import pyarrow as pa

        check(self._cursor, statement)
        with suppress(duckdb.Error):
            self._cursor.execute("ROLLBACK")
        try:
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
            relation = self._cursor.sql(statement, params=parameters)
            answer = relation.to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, TypeError, ValueError) as error:
            with suppress(duckdb.Error):
                self._cursor.execute("ROLLBACK")
            raise _explained(error) from None
        return pa.RecordBatchReader.from_batches(answer.schema, self._stream(answer))

    def _stream(self, answer: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        try:
            yield from answer
        except (duckdb.Error, OSError, ValueError) as error:
            raise _explained(error) from None
        finally:
            with suppress(duckdb.Error):
                self._cursor.execute("ROLLBACK")

    def samples(self, points: Sequence[int], start_us: int, end_us: int) -> pa.Table:
        """Samples (point, time, value, quality) of these points from `start_us` to before `end_us`, by point and time."""
        where = f"WHERE {_among(points)} AND {_within(start_us, end_us)}"

        def statement(catalog: Catalog) -> str:
            if not catalog:
                return ""
            columns = "point, epoch_us(time) AS time, value, quality"
            return f"SELECT {columns} FROM ({schema.raw_scan(catalog, where)})"

        columns = self._fetch(statement, start_us, end_us) if len(points) and start_us < end_us else {}
        return _table(columns, _SAMPLES)

    def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """What a trend of these points needs: one row for each point and bucket that has samples, by point and time.

        Columns: `point`, `time` (the start of the bucket), `min`, `max`, `mean`, `last`, `count`, `severity` (the worst). What is not a
        finite number does not count; a bucket with nothing else has NULL there and `count` 0. At most `buckets` buckets of equal
        width cover the range; they begin at `start_us` or, from a quarter of an hour upwards, on whole quarters, so that the rollup
        serves and no sample is lost or counted twice.
        """
        if not 1 <= buckets <= MAX_BUCKETS:
            raise QueryError(f"the number of buckets must be from 1 to {MAX_BUCKETS}, not {buckets}")
        if not len(points) or start_us >= end_us:
            return _table({}, _HISTORY)
        width = -(-(end_us - start_us) // buckets)
        uses_rollup = width >= QUARTER_US
        if uses_rollup:
            first = start_us // QUARTER_US * QUARTER_US
            width = -(-(end_us - first) // (buckets * QUARTER_US)) * QUARTER_US
            start_us, end_us = first, -(-end_us // QUARTER_US) * QUARTER_US
        where = f"WHERE {_among(points)} AND {_within(start_us, end_us)}"
        bucket = f"{start_us} + (epoch_us(time) - {start_us}) // {width} * {width}"

        def statement(catalog: Catalog) -> str:
            if not uses_rollup and not catalog:
                return ""
            if uses_rollup:
                fresh = schema.raw_scan(Catalog(tuple(catalog.tails)), where)
                rows = f"SELECT * FROM store.quarter {where}"
                rows += f" UNION ALL {schema.quarters(fresh)}" if fresh else ""
                found = schema.merged(rows, bucket)
            else:
                scan = schema.numbers(schema.raw_scan(catalog, where))
                found = f"SELECT {schema.ROLLUP}, bucket AS time FROM (SELECT *, {bucket} AS bucket FROM {scan}) GROUP BY ALL"
            columns = "point, time, min, max, sum / nullif(count, 0) AS mean, last, count, severity"
            return f"SELECT {columns} FROM ({found})"

        return _table(self._fetch(statement, start_us, end_us), _HISTORY)

    def _fetch(self, statement: Callable[[Catalog], str], start: int, end: int) -> dict[str, Any]:
        for attempt in range(_ATTEMPTS):
            held = self._catalog()
            catalog = Catalog(
                tuple(part for part in held.parts if part.overlaps(start, end)),
                tuple(file for file in held.files if file.overlaps(start, end)),
            )
            question = statement(catalog)
            try:
                found: dict[str, Any] = self._cursor.execute(question).fetchnumpy() if question else {}
            except duckdb.CatalogException as error:
                # A part was compacted or moved between the look into the catalog and the query.
                if attempt == _ATTEMPTS - 1:
                    raise _explained(error) from None
            except duckdb.Error as error:
                raise _explained(error) from None
            else:
                return found
        raise AssertionError


_SAMPLES = {"point": "uint32", "time": "time", "value": "float64", "quality": "uint16"}
_HISTORY = {
    "point": "uint32",
    "time": "time",
    "min": "float64",
    "max": "float64",
    "mean": "float64",
    "last": "float64",
    "count": "int64",
    "severity": "uint8",
}


def _table(columns: Mapping[str, Any], types: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    arrays = []
    order = np.lexsort((columns["time"], columns["point"])) if columns else np.empty(0, np.intp)  # DuckDB's takes 0.25 ms
    for name, kind in types.items():
        column = columns[name][order] if columns else np.empty(0, np.int64)
        mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) and column.mask is not np.ma.nomask else None
        data = np.asarray(np.ma.getdata(column), np.int64 if kind == "time" else kind)
        array = pa.array(data, mask=mask)
        arrays.append(array.view(pa.timestamp("us", "UTC")) if kind == "time" else array)
    return pa.table(arrays, names=list(types))


def _among(points: Sequence[int]) -> str:
    ids = [int(point) for point in points]
    return f"point = {ids[0]}" if len(ids) == 1 else f"point IN ({', '.join(map(str, ids))})"


def _within(start: int, end: int) -> str:
    low, high = max(start, 0), min(end, 200 * 366 * DAY_US)
    return f"time >= make_timestamptz({low}) AND time < make_timestamptz({high})"


def _explained(error: Exception) -> QueryError | UnavailableError:
    said = one_line(error)
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in said.upper():
        return QueryError("the query was interrupted")
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError(f"the query needs more memory than it may have: {said}")
    if isinstance(error, duckdb.FatalException | duckdb.ConnectionException):
        return UnavailableError(f"the historian cannot answer now: {said}")
    return QueryError(re.sub(r"^(Invalid Input|Binder|Catalog|Parser) Error: ", "", said))
