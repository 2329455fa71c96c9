# ruff: noqa: S608 (every name and number put into SQL here is our own; texts go through `literal`)
"""Reads the historian on a cursor of its own: any SQL that only reads, and the two questions that screens ask all the time.

`samples` and `history` do not go through the views. They know from the catalog which parts can hold an answer and ask those
alone, which is what keeps them at a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import duckdb
import numpy as np

from tieline.historian import schema
from tieline.historian.errors import QueryError, one_line
from tieline.historian.guard import check
from tieline.historian.pieces import Pieces
from tieline.historian.schema import DAY_US, QUARTER_US, Catalog
from tieline.historian.series import SeriesCache, by_point_and_time, cut, decimate
from tieline.historian.statistics import Statistics
from tieline.model import Samples, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

Parameters = Sequence[Any] | Mapping[str, Any] | None

BATCH_ROWS = 65_536
MAX_BUCKETS = 100_000
_MOST_ROWS = 1_000_000
"""Questions that read more do not put their series into memory."""
_LONGEST_US = 1 << 60
_T = TypeVar("_T")


class Reader:
    """Answers from one cursor; not for two threads at once, except `interrupt`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, catalog: Callable[[], Catalog], cache: SeriesCache) -> None:
        """For `Historian.reader`."""
        self._cursor = cursor
        self._catalog = catalog
        self._cache = cache

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
        points = _checked(points, start_us, end_us)
        if not points or start_us >= end_us:
            return _table({}, _SAMPLES)
        found = self._snapshot(lambda catalog: self._read(catalog, points, start_us, end_us), start_us, end_us)
        columns = {"point": found.point, "time": found.time, "value": found.value, "quality": found.quality}
        return _table(columns, _SAMPLES)

    def following(self, points: Sequence[int], start_us: int, end_us: int, after: tuple[int, int] | None, most: int) -> Samples:
        """Samples of these points from `start_us` to before `end_us` by time and point: the first so many after a (time, point)."""
        points = _checked(points, start_us, end_us)
        if not points or start_us >= end_us:
            return Samples.empty()
        where = _where(points, start_us, end_us)
        if after is not None:
            time = f"make_timestamptz({after[0]})"
            where += f" AND (time > {time} OR (time = {time} AND point > {after[1]}))"

        def read(catalog: Catalog) -> Samples:
            if not catalog:
                return Samples.empty()
            return self._fetch(f"{schema.raw_scan(catalog, where)} ORDER BY time, point LIMIT {most}")

        found = self._snapshot(read, start_us, end_us)
        return found.take(np.lexsort((found.point, found.time)))

    def span(self) -> tuple[int, int] | None:
        """The oldest and the newest time that anything here may have; None where there is nothing."""
        catalog = self._catalog()
        held = [(part.first, part.last) for part in catalog.parts if part.first is not None and part.last is not None]
        held += [(schema.day_start(file.day), schema.day_start(file.day) + DAY_US - 1) for file in catalog.files]
        return (min(first for first, _ in held), max(last for _, last in held)) if held else None

    def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """What a trend of these points needs: one row for each point and bucket that has samples, by point and time.

        Columns: `point`, `time` (the start of the bucket), `min`, `max`, `mean`, `last`, `count`, `severity` (the worst). What is
        not a finite number does not count; a bucket with nothing else has NULL there and `count` 0. At most `buckets` buckets of
        equal width cover the range; they begin at `start_us` or, from a quarter of an hour upwards, on whole quarters, so that the
        rollup serves and no sample is lost or counted twice.
        """
        if not 1 <= buckets <= MAX_BUCKETS:
            raise QueryError(f"the number of buckets must be from 1 to {MAX_BUCKETS}, not {buckets}")
        points = _checked(points, start_us, end_us)
        if not points or start_us >= end_us:
            return _table({}, _HISTORY)
        width = -(-(end_us - start_us) // buckets)
        if width < QUARTER_US:
            columns = self._snapshot(lambda catalog: self._raw_trend(catalog, points, start_us, end_us, width), start_us, end_us)
        else:
            first, last = start_us // QUARTER_US * QUARTER_US, -(-end_us // QUARTER_US) * QUARTER_US
            width = -(-(last - first) // (buckets * QUARTER_US)) * QUARTER_US
            columns = self._snapshot(lambda catalog: self._rolled_trend(catalog, points, first, last, width), first, last)
        return _table(columns, _HISTORY)

    def statistics(self, points: Sequence[int], start_us: int, end_us: int, holds_us: Sequence[int]) -> pa.Table:
        """Statistics of these points from `start_us` to before `end_us` over every raw sample: one row for each point, in ascending
        order. `holds_us` says of each how long a value holds at the most while nothing newer comes.

        Columns: `point`, `samples`, `min`, `min_time`, `max`, `max_time`, `mean`, `deviation` (both weighted with time), `integral`
        (in unit hours), `covered` and `good` (microseconds in which a value, a good value is known); NULL for what is not known.
        """
        holds = {int(point): hold for point, hold in zip(points, holds_us, strict=True) if 0 <= point < 1 << 32}
        if not holds or start_us >= end_us:
            return _table({}, _STATISTICS)
        found = Statistics(start_us, end_us, holds)
        wanted = _checked(list(holds), start_us, end_us)
        read = self._read if end_us - start_us <= DAY_US else self._read_once
        pieces = Pieces(start_us - max(holds.values()), end_us)
        for start, end in pieces:
            samples = self._snapshot(partial(read, points=wanted, start_us=start, end_us=end), start, end)
            found.take(samples)
            pieces.took(len(samples))
        return _table(found.columns(), _STATISTICS)

    def _snapshot(self, read: Callable[[Catalog], _T], start_us: int, end_us: int) -> _T:
        """What `read` finds in the parts that overlap the range, all as of one moment."""
        try:
            with suppress(duckdb.CatalogException):  # a part was compacted or moved since the look into the catalog
                return read(self._catalog().within(start_us, end_us))
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                return read(schema.load_catalog(self._cursor).within(start_us, end_us))
            finally:
                self._cursor.execute("ROLLBACK")
        except duckdb.Error as error:
            raise _explained(error) from None

    def _read(self, catalog: Catalog, points: Sequence[int], start_us: int, end_us: int) -> Samples:
        cached, rest = self._cached(catalog, points)
        found = [cut(series, start_us, end_us) for sources in cached for series in sources]
        if rest:
            fetched = self._fetch(schema.raw_scan(rest, _where(points, start_us, end_us)))
            found.append(fetched)
            self._note(rest, points, len(fetched))
        samples = found[0] if len(found) == 1 else Samples.concatenate(found)
        is_sorted = len(cached) == 1 and not rest
        return samples if is_sorted else by_point_and_time(samples)

    def _read_once(self, catalog: Catalog, points: Sequence[int], start_us: int, end_us: int) -> Samples:
        """`_read` past the memory: so much that it would drive out what screens ask for again."""
        if not catalog:
            return Samples.empty()
        return by_point_and_time(self._fetch(schema.raw_scan(catalog, _where(points, start_us, end_us))))

    def _raw_trend(self, catalog: Catalog, points: Sequence[int], start_us: int, end_us: int, width: int) -> dict[str, Any]:
        if not self._cached(catalog, points)[1].bodies:
            return decimate(self._read(catalog, points, start_us, end_us), start_us, width)
        scan = schema.numbers(schema.raw_scan(catalog, _where(points, start_us, end_us)))
        bucket = _bucket(start_us, width)
        found = f"SELECT {schema.ROLLUP}, bucket AS time FROM (SELECT *, {bucket} AS bucket FROM {scan}) GROUP BY ALL"
        columns = self._fetch_trend(found)
        self._note(catalog, points, int(columns["count"].sum()))
        return columns

    def _rolled_trend(self, catalog: Catalog, points: Sequence[int], start_us: int, end_us: int, width: int) -> dict[str, Any]:
        where = _where(points, start_us, end_us)
        rows = f"SELECT * FROM store.quarter {where}"
        if catalog.tails:
            rows += f" UNION ALL {schema.quarters(schema.raw_scan(Catalog(tuple(catalog.tails)), where))}"
        return self._fetch_trend(schema.merged(rows, _bucket(start_us, width)))

    def _cached(self, catalog: Catalog, points: Sequence[int]) -> tuple[list[list[Samples]], Catalog]:
        """The series of the points, in ascending order, of each part that has them in memory; and the parts that do not."""
        found, missing = [], []
        for part in catalog.bodies:
            series = self._cache.get(part.key, points)
            if series is None and self._cache.is_worth_loading(part.key, points):
                loaded = by_point_and_time(self._fetch(schema.raw_scan(part.alone, f"WHERE {_among(points)}")))
                series = self._cache.put(part.key, points, loaded)
            if series is None:
                missing.append(part)
            else:
                found.append(series)
        return found, Catalog.of([*catalog.tails, *missing])

    def _note(self, catalog: Catalog, points: Sequence[int], rows: int) -> None:
        if rows <= _MOST_ROWS:
            for part in catalog.bodies:
                self._cache.note(part.key, points)

    def _fetch(self, scan: str) -> Samples:
        columns = self._cursor.execute(f"SELECT point, epoch_us(time) AS time, value, quality FROM ({scan})").fetchnumpy()
        return Samples(*(np.asarray(columns[name]) for name in ("point", "time", "value", "quality")))

    def _fetch_trend(self, scan: str) -> dict[str, Any]:
        columns = "point, time, min, max, sum / nullif(count, 0) AS mean, last, count, severity"
        found = self._cursor.execute(f"SELECT {columns} FROM ({scan})").fetchnumpy()
        order = np.lexsort((found["time"], found["point"]))  # DuckDB's ORDER BY costs a small query a third of its time
        return {name: column[order] for name, column in found.items()}


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

_STATISTICS = {
    "point": "uint32",
    "samples": "int64",
    "min": "float64",
    "min_time": "time",
    "max": "float64",
    "max_time": "time",
    "mean": "float64",
    "deviation": "float64",
    "integral": "float64",
    "covered": "int64",
    "good": "int64",
}


def _table(columns: Mapping[str, Any], types: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    arrays = []
    for name, kind in types.items():
        column = columns.get(name, np.empty(0, np.int64))
        mask = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) and column.mask is not np.ma.nomask else None
        data = np.asarray(np.ma.getdata(column), np.int64 if kind == "time" else kind)
        array = pa.array(data, mask=mask)
        arrays.append(array.cast(pa.timestamp("us", "UTC")) if kind == "time" else array)
    return pa.table(arrays, names=list(types))


def _checked(points: Sequence[int], start_us: int, end_us: int) -> list[int]:
    """The points that can exist, each once, in ascending order."""
    if max(abs(start_us), abs(end_us)) > _LONGEST_US:
        raise QueryError("the range of time is out of all bounds; times are microseconds since 1970-01-01 UTC")
    return sorted({int(point) for point in points if 0 <= point < 1 << 32})


def _among(points: Sequence[int]) -> str:
    return f"point = {points[0]}" if len(points) == 1 else f"point IN ({', '.join(map(str, points))})"


def _where(points: Sequence[int], start: int, end: int) -> str:
    return f"WHERE {_among(points)} AND {_within(start, end)}"


def _bucket(start: int, width: int) -> str:
    return f"{start} + (epoch_us(time) - {start}) // {width} * {width}"


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
