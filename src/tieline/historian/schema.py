# ruff: noqa: S608 (every name and number put into SQL here is our own; texts go through `literal`)
"""Tables and views of the historian's DuckDB file.

Users see the schema `main`: the table `points` and the views. What they are made of is in the schema `store`:

| table          | holds                                                                                        |
|----------------|----------------------------------------------------------------------------------------------|
| `meta`         | the version of this layout, the lake's folder                                                |
| `part`         | the catalog of the tables that hold samples                                                  |
| `tail_N`       | samples in order of arrival; exactly one of them is open and takes the commits               |
| `body_DAY_N`   | samples of one UTC day in few runs sorted by (point, time); `body_mixed_N`: of odd days      |
| `lake_file`    | the lake's Parquet files that the views read                                                 |
| `quarter`      | additive rollup rows of a quarter of an hour, of everything that is not in a tail            |
| `newest`       | the newest sample of each point, of everything that is not in a tail                         |
| `event`        | events                                                                                       |
| `audit`        | the sites' audit records                                                                     |
| `start`        | the newest start of each site's gateway                                                      |
| `fetched`      | the time of the newest sample that was fetched from each site, in microseconds               |
| `ledger`       | the committed batches (see `ledger.py`)                                                      |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

VERSION = 1
QUARTER_US = 15 * 60 * 1_000_000
DAY_US = 86_400 * 1_000_000
EARLIEST_US = 0
LATEST_US = 7_258_118_400_000_000
"""2200-01-01; a device clock that says otherwise is wrong, and such a time breaks date arithmetic."""

COLUMNS = "point UINTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL, quality USMALLINT NOT NULL"

TABLES = """
CREATE SCHEMA store;
CREATE TABLE store.meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
CREATE TABLE store.part (
    name VARCHAR NOT NULL, kind VARCHAR NOT NULL, day DATE, state VARCHAR NOT NULL, move BIGINT,
    rows BIGINT NOT NULL, sorted BIGINT NOT NULL, runs BIGINT NOT NULL, first BIGINT, last BIGINT
);
CREATE TABLE store.lake_file (path VARCHAR NOT NULL, day DATE NOT NULL, rows BIGINT NOT NULL);
CREATE TABLE store.quarter (
    point UINTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, min DOUBLE, max DOUBLE, sum DOUBLE, count BIGINT NOT NULL,
    last DOUBLE, last_time TIMESTAMPTZ NOT NULL, severity UTINYINT NOT NULL
);
CREATE TABLE store.newest (
    point UINTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL, quality USMALLINT NOT NULL
);
CREATE TABLE store.event (
    time TIMESTAMPTZ NOT NULL, site VARCHAR NOT NULL, device VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    severity VARCHAR NOT NULL, text VARCHAR NOT NULL
);
CREATE TABLE store.ledger (site VARCHAR NOT NULL, incarnation BIGINT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL);
CREATE TABLE points (
    id UINTEGER NOT NULL, site VARCHAR NOT NULL, device VARCHAR NOT NULL, name VARCHAR NOT NULL, path VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, unit VARCHAR NOT NULL, description VARCHAR NOT NULL, equipment VARCHAR NOT NULL,
    quantity VARCHAR NOT NULL, phase VARCHAR NOT NULL, low DOUBLE, high DOUBLE
);
"""

ADDED_TABLES = """
CREATE TABLE IF NOT EXISTS store.audit (
    site VARCHAR NOT NULL, sequence BIGINT NOT NULL, time TIMESTAMPTZ NOT NULL, actor VARCHAR NOT NULL, action VARCHAR NOT NULL,
    target VARCHAR NOT NULL, detail VARCHAR NOT NULL, outcome VARCHAR NOT NULL, hash VARCHAR NOT NULL
);
ALTER TABLE store.audit DROP COLUMN IF EXISTS previous;
CREATE TABLE IF NOT EXISTS store.start (site VARCHAR NOT NULL, start BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS store.fetched (site VARCHAR NOT NULL, until BIGINT NOT NULL);
CREATE OR REPLACE VIEW audit AS
SELECT site, sequence, time, actor, action, target, detail, outcome, hash FROM store.audit;
"""
"""What files of older releases do not have yet; made whenever a file is opened."""

ADD_RECORDS = """
INSERT INTO store.audit SELECT DISTINCT * FROM incoming i WHERE NOT EXISTS (
    SELECT 1 FROM store.audit a WHERE a.site = i.site AND a.sequence = i.sequence AND a.hash = i.hash
)"""
"""A record comes once, however often it was sent; another with its number is a forgery, and both are kept to show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table that holds samples. `first` and `last` bound its times in microseconds; `None` where it is empty.

    A body has `runs` sorted runs of rows, the first and largest with `sorted` rows.
    """

    name: str
    kind: str
    day: date | None = None
    state: str = "open"
    move: int | None = None
    rows: int = 0
    sorted: int = 0
    runs: int = 0
    first: int | None = None
    last: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Names what is in it: that never changes as long as the number of rows does not."""
        return self.name, self.rows

    @property
    def alone(self) -> Catalog:
        """A catalog of nothing else."""
        return Catalog(parts=(self,))

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it may hold a sample from `start` to before `end`."""
        return self.first is not None and self.last is not None and self.first < end and self.last >= start

    def grown(self, rows: int, first: int | None, last: int | None) -> Part:
        """The part with so many more rows in that range of time."""
        if first is None or last is None:
            return self
        first = first if self.first is None else min(first, self.first)
        last = last if self.last is None else max(last, self.last)
        return replace(self, rows=self.rows + rows, first=first, last=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFile:
    """A Parquet file of the lake, which holds samples of one UTC day."""

    path: str
    day: date
    rows: int

    @property
    def key(self) -> str:
        """Names what is in it: a file never changes."""
        return self.path

    @property
    def alone(self) -> Catalog:
        """A catalog of nothing else."""
        return Catalog(files=(self,))

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it may hold a sample from `start` to before `end`."""
        first = day_start(self.day)
        return first < end and first + DAY_US > start


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that holds samples, as of one moment."""

    parts: tuple[Part, ...] = ()
    files: tuple[LakeFile, ...] = ()

    @classmethod
    def of(cls, members: Iterable[Part | LakeFile]) -> Catalog:
        """A catalog of these."""
        held = list(members)
        return cls(
            tuple(member for member in held if isinstance(member, Part)),
            tuple(member for member in held if isinstance(member, LakeFile)),
        )

    def __bool__(self) -> bool:
        return bool(self.parts or self.files)

    def within(self, start: int, end: int) -> Catalog:
        """That of it which may hold a sample from `start` to before `end`."""
        return Catalog(
            tuple(part for part in self.parts if part.overlaps(start, end)),
            tuple(file for file in self.files if file.overlaps(start, end)),
        )

    @property
    def tails(self) -> list[Part]:
        """The parts in order of arrival, which the rollup and the table of newest samples do not know yet."""
        return [part for part in self.parts if part.kind == "tail"]

    @property
    def bodies(self) -> list[Part | LakeFile]:
        """The sorted parts, the lake's files among them."""
        return [*(part for part in self.parts if part.kind == "body"), *self.files]


def load_catalog(cursor: duckdb.DuckDBPyConnection) -> Catalog:
    """The catalog as the file has it."""
    names = ("name", "kind", "day", "state", "move", "rows", "sorted", "runs", "first", "last")
    rows = cursor.execute(f"SELECT {', '.join(names)} FROM store.part").fetchall()
    parts = [Part(**dict(zip(names, row, strict=True))) for row in rows]
    for place, part in enumerate(parts):
        if part.kind == "tail" and part.state == "open":
            bounds = f"SELECT count(*), epoch_us(min(time)), epoch_us(max(time)) FROM store.{part.name}"
            parts[place] = part.grown(*cursor.execute(bounds).fetchall()[0])
    files = cursor.execute("SELECT path, day, rows FROM store.lake_file ORDER BY day, path").fetchall()
    return Catalog(
        tuple(parts),
        tuple(LakeFile(path=path, day=day, rows=rows) for path, day, rows in files),
    )


def day_start(day: date) -> int:
    """The first microsecond of a UTC day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def day_of(time_us: int) -> date:
    """The UTC day of a time in microseconds."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).date()


def literal(text: str) -> str:
    """A string as SQL spells it."""
    return "'" + text.replace("'", "''") + "'"


def scan_files(files: Iterable[LakeFile]) -> str:
    """The table function call that reads these Parquet files."""
    paths = ", ".join(literal(file.path) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false)"


def raw_scan(catalog: Catalog, where: str = "") -> str:
    """A query for `point, time, value, quality` of everything in the catalog; `where` is put into each branch."""
    branches = [f"SELECT point, time, value, quality FROM store.{part.name} {where}" for part in catalog.parts]
    if catalog.files:
        columns = "point::UINTEGER AS point, time, value, quality::USMALLINT AS quality"
        branches.append(f"SELECT {columns} FROM {scan_files(catalog.files)} {where}")
    return "\nUNION ALL ".join(branches)


ROLLUP = """point, min(number) AS min, max(number) AS max, sum(number) AS sum, count(number) AS count,
    arg_max(number, time) AS last, max(time) AS last_time,
    max(CASE quality & 3 WHEN 0 THEN 0 WHEN 3 THEN 1 ELSE 2 END)::UTINYINT AS severity"""
"""Additive rollup columns over `numbers(...)`; the severities are those of `tieline.model.severity`."""


def numbers(scan: str) -> str:
    """The samples of a scan with NULL in the place of what is not a number, so that it spoils no sum."""
    return f"(SELECT point, time, CASE WHEN isfinite(value) THEN value END AS number, quality FROM ({scan}))"


def quarters(scan: str) -> str:
    """A query for additive rollup rows, a quarter of an hour each, of the samples that `scan` gives."""
    bucket = f"make_timestamptz(epoch_us(time) // {QUARTER_US} * {QUARTER_US})"
    return f"""SELECT point, bucket AS time, min, max, sum, count, last, last_time, severity FROM (
    SELECT {bucket} AS bucket, {ROLLUP} FROM {numbers(scan)} GROUP BY point, bucket)"""


NAMES = "p.site, p.device, p.name AS point, p.unit"


def views(catalog: Catalog) -> str:
    """The statements that make the public views show this catalog."""
    local = Catalog(parts=catalog.parts)
    samples = [f"SELECT {NAMES}, s.time, s.value, s.quality FROM ({raw_scan(local)}) s LEFT JOIN points p ON p.id = s.point"]
    # Delta Lake has no unsigned integers. Joined on its own type, the ids that a query asks for reach the Parquet scan; a branch
    # with constant bounds for each month lets the planner leave out whole months without opening their files.
    for _, month in groupby(sorted(catalog.files, key=lambda file: file.day), key=lambda file: (file.day.year, file.day.month)):
        files = list(month)
        start, end = day_start(files[0].day), day_start(files[-1].day) + DAY_US
        samples.append(
            f"SELECT {NAMES}, s.time, s.value, s.quality::USMALLINT AS quality FROM {scan_files(files)} s "
            f"LEFT JOIN points p ON p.id::BIGINT = s.point "
            f"WHERE s.time >= {literal(timestamp(start))} AND s.time < {literal(timestamp(end))}"
        )
    tails = Catalog(parts=tuple(catalog.tails))
    fresh = raw_scan(tails)
    return f"""
CREATE OR REPLACE VIEW samples AS {chr(10).join(_union(samples))};
CREATE OR REPLACE VIEW newest AS
SELECT {NAMES}, s.time, s.value, s.quality FROM (
    SELECT point, max(time) AS time, arg_max(value, time) AS value, arg_max(quality, time) AS quality
    FROM (SELECT point, time, value, quality FROM store.newest UNION ALL {fresh}) GROUP BY point
) s LEFT JOIN points p ON p.id = s.point;
CREATE OR REPLACE VIEW rollup AS
SELECT {NAMES}, s.time, s.min, s.max, s.sum, s.count, s.last, s.last_time, s.severity FROM (
    SELECT * FROM store.quarter UNION ALL {quarters(fresh)}
) s LEFT JOIN points p ON p.id = s.point;
CREATE OR REPLACE VIEW quarter_hours AS
SELECT {NAMES}, s.time, s.min, s.max, s.sum / nullif(s.count, 0) AS mean, s.count, s.last, s.severity FROM (
    {merged(f"SELECT * FROM store.quarter UNION ALL {quarters(fresh)}", "time")}
) s LEFT JOIN points p ON p.id = s.point;
"""


def merged(scan: str, bucket: str) -> str:
    """A query that merges additive rollup rows of the same point and bucket; `bucket` is an expression over their `time`."""
    return f"""SELECT point, {bucket} AS time, min(min) AS min, max(max) AS max, sum(sum) AS sum, sum(count)::BIGINT AS count,
    arg_max(last, last_time) AS last, max(last_time) AS last_time, max(severity) AS severity
    FROM ({scan}) GROUP BY ALL"""


EVENTS_VIEW = "CREATE OR REPLACE VIEW events AS SELECT time, site, device, kind, severity, text FROM store.event"


def timestamp(time_us: int) -> str:
    """A time as SQL's TIMESTAMPTZ reads it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).isoformat(" ")


def _union(branches: Sequence[str]) -> Iterable[str]:
    for place, branch in enumerate(branches):
        yield ("UNION ALL " if place else "") + branch
