# ruff: noqa: S608 (every name and number put into SQL here is our own; texts go through `literal`)
"""The store: owns the DuckDB file, commits batches exactly once, and keeps what it holds in an order that answers quickly.

A commit appends to the one open *tail*, in order of arrival, in the same transaction in which the ledger notes the batches. From
time to time the tail is sealed (a new one takes the commits) and compacted: its rows are sorted by (point, time) into the *body*
of their UTC day, its share of the rollup and of the newest samples is added, and it is dropped, all in one transaction. Closed
days move to the lake, which takes two systems and therefore three steps, each of which can be the last one before a crash:

1. DuckDB: the parts are marked with the number of the move; nothing is added to them any more.
2. Delta Lake: their rows are appended in one Delta commit that carries the number.
3. DuckDB: the parts are dropped and the views read the new files instead.

After a crash the parts are still marked, and the Delta log tells whether step 2 happened: go on with 3, or start again.

Commits take `_commit_lock`, everything else `_care_lock`; only the moment of sealing takes both. Readers take neither.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import numpy as np
import structlog

from tieline.historian import schema
from tieline.historian.connection import connect, has_version, new_cursor
from tieline.historian.errors import one_line
from tieline.historian.lake import Lake
from tieline.historian.ledger import Ledger, runs
from tieline.historian.owners import Owners
from tieline.historian.reader import Reader
from tieline.historian.repeats import may_repeat, repeated_samples, without_repeats
from tieline.historian.schema import EARLIEST_US, LATEST_US, Catalog, Part, day_of, day_start, literal
from tieline.historian.series import SeriesCache
from tieline.historian.terms import CommitResult, Retention
from tieline.model import AuditRecord, Batch, Event, LocalError, Point, Purpose, Quality, Samples, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

log = structlog.get_logger(__name__)

SEAL_ROWS = 4_000_000
"""Measured: 3.8 M rows/s go in while bodies are made of tails of this length, 2.1 M/s with half of it."""
SEAL_AGE_S = 900.0
MB = 1_000_000
TODAYS_SHARE = 1 / 4
"""Of a bounded disk, what may be in use in the DuckDB file: sorting a day again takes as much once more, and the file never shrinks."""
SLICE_ROWS = 250_000
MOVE_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """What one round of `Historian.maintain` did."""

    compacted_rows: int = 0
    moved_rows: int = 0
    deleted_days: int = 0
    trimmed_rows: int = 0
    """Deleted early because the disk that it may take was short."""


class Historian:
    """The one owner of a historian's file; its methods may be called from any thread."""

    def __init__(
        self, path: Path, lake: Lake, retention: Retention, clock: Callable[[], int], seal_rows: int, memory_mb: int | None
    ) -> None:
        """For `open`."""
        self._path = path
        self._lake = lake
        self._retention = retention
        self._clock = clock
        self._seal_rows = seal_rows
        self._memory_mb = memory_mb
        self._commit_lock = threading.Lock()
        self._care_lock = threading.Lock()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._carer: threading.Thread | None = None
        self._cache = SeriesCache() if memory_mb is None else SeriesCache(memory_mb * MB // 8)
        self._moved_on: date | None = None
        self._tidied_on: date | None = None
        self._is_broken = False
        self._ledger, self._ledger_rows = Ledger(), 0
        self._starts: dict[str, int] = {}
        self._fetched: dict[str, int] = {}
        self.owners = Owners()
        """Whose each described point is."""
        self._catalog = Catalog()
        self._number = 1
        self._tail, self._tail_since = Part(name="", kind="tail"), 0.0
        self._connection: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        lake: Path,
        points: Iterable[Point] = (),
        retention: Retention | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        seal_rows: int = SEAL_ROWS,
        memory_mb: int | None = None,
    ) -> Self:
        """Opens or creates the historian at a file, and describes the points to it; `clock` gives microseconds UTC.

        Raises `UnavailableError` where another process owns the file or the disk refuses, `ConfigError` where the file is
        damaged, not a historian's, or of another version.
        """
        historian = cls(path.absolute(), Lake(lake), retention or Retention(), clock, seal_rows, memory_mb)
        historian._connect()
        try:
            historian.describe(points)
        except BaseException:
            historian.close()
            raise
        return historian

    @property
    def path(self) -> Path:
        """The DuckDB file."""
        return self._path

    def close(self) -> None:
        """Ends the care and closes the file; harmless when repeated."""
        self._stopping.set()
        self._due.set()
        if self._carer is not None:
            self._carer.join()
            self._carer = None
        with self._care_lock, self._commit_lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- writing

    def describe(self, points: Iterable[Point]) -> None:
        """Adds or replaces the description of points; those not named keep theirs, for the sake of their old samples."""
        import pyarrow as pa

        held = list(points)
        names = ["id", "site", "device", "name", "path", "kind", "unit", "description", "equipment", "quantity", "phase"]
        columns = {
            name: pa.array([getattr(point, name) for point in held], pa.uint32() if name == "id" else pa.string())
            for name in names
        }
        columns |= {name: pa.array([getattr(point, name) for point in held], pa.float64()) for name in ("low", "high")}
        with self._care_lock, self._transaction(self._care) as cursor, _registered(cursor, "described", pa.table(columns)):
            cursor.execute("DELETE FROM points WHERE id IN (SELECT id FROM described)")
            cursor.execute("INSERT INTO points SELECT * FROM described ORDER BY path")
            self.owners = Owners(cursor.execute("SELECT id, site FROM points").fetchall())

    def commit(self, batches: Sequence[Batch]) -> CommitResult:
        """Stores all batches that are not stored yet, durably and all or none.

        Raises `UnavailableError` where the disk refuses; nothing is stored then, and the same call may be repeated.
        """
        self._mend()
        with self._commit_lock:
            fresh, noted = self._fresh(batches)
            result = self._write(fresh, noted) if fresh else CommitResult()
            tail_rows = self._tail.rows
        if tail_rows >= self._seal_rows:
            self._due.set()
        return replace(result, repeats=len(batches) - len(fresh))

    def _fresh(self, batches: Sequence[Batch]) -> tuple[list[Batch], list[tuple[str, int, int, int]]]:
        fresh: list[Batch] = []
        taken: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        for batch in batches:
            if batch.sequence < 1:
                raise LocalError(f"a batch of {batch.site} has the sequence {batch.sequence}; they begin at 1")
            sequences = taken[batch.site, batch.incarnation]
            if batch.sequence not in sequences and not self._ledger.has(batch.site, batch.incarnation, batch.sequence):
                sequences.add(batch.sequence)
                fresh.append(batch)
        return fresh, [(*key, *interval) for key, sequences in taken.items() for interval in runs(sequences)]

    def _write(self, fresh: Sequence[Batch], noted: Sequence[tuple[str, int, int, int]]) -> CommitResult:
        starts: dict[str, int] = {}
        for batch in fresh:
            if batch.start > max(self._starts.get(batch.site, 0), starts.get(batch.site, 0)):
                starts[batch.site] = batch.start
        fetched: dict[str, int] = {}
        for batch in fresh:
            if batch.is_fetched and len(batch.samples):
                until = min(int(batch.samples.time.max()), LATEST_US)
                fetched[batch.site] = max(until, fetched.get(batch.site, 0), self._fetched.get(batch.site, 0))
        newest = self._starts | starts
        is_suspect = [batch.may_repeat or 0 < batch.start < newest.get(batch.site, 0) for batch in fresh]
        with self._transaction(self._writer) as cursor:
            samples, repeated = _new_samples(cursor, fresh, is_suspect, self._fetched | fetched)
            events, repeated_events = without_repeats(
                cursor,
                [event for batch, is_one in zip(fresh, is_suspect, strict=True) if not is_one for event in batch.events],
                [event for batch, is_one in zip(fresh, is_suspect, strict=True) if is_one for event in batch.events],
            )
            if len(samples):
                with _registered(cursor, "incoming", samples.to_arrow()):
                    cursor.execute(f"INSERT INTO store.{self._tail.name} SELECT * FROM incoming")
            if events:
                with _registered(cursor, "incoming", _event_table(events)):
                    cursor.execute("INSERT INTO store.event SELECT * FROM incoming")
            records = [record for batch in fresh for record in batch.records]
            if records:
                with _registered(cursor, "incoming", _record_table(records)):
                    cursor.execute(schema.ADD_RECORDS)
            for site, start in starts.items():
                cursor.execute("DELETE FROM store.start WHERE site = $1", [site])
                cursor.execute("INSERT INTO store.start VALUES ($1, $2)", [site, start])
            for site, until in fetched.items():
                cursor.execute("DELETE FROM store.fetched WHERE site = $1", [site])
                cursor.execute("INSERT INTO store.fetched VALUES ($1, $2)", [site, until])
            # A row for what is new is the cheapest thing to write; now and then the rows are folded into one for each interval.
            fold = self._ledger_rows > 4096 + 4 * len(self._ledger)
            rows = self._ledger.rows() if fold else []
            if fold:
                cursor.execute("DELETE FROM store.ledger")
            with _registered(cursor, "incoming", _ledger_table([*rows, *noted])):
                cursor.execute("INSERT INTO store.ledger SELECT * FROM incoming")
        self._ledger_rows = (len(rows) if fold else self._ledger_rows) + len(noted)
        for row in noted:
            self._ledger.add(*row)
        self._starts = newest
        self._fetched |= fetched
        if len(samples):
            self._tail = self._tail.grown(len(samples), int(samples.time.min()), int(samples.time.max()))
        return CommitResult(
            batches=len(fresh),
            samples=len(samples),
            events=len(events),
            repeated_samples=repeated,
            repeated_events=repeated_events,
        )

    # ---- reading

    def reader(self) -> Reader:
        """Runs queries on a cursor of its own; to be used by one thread at a time."""
        return Reader(new_cursor(self._root()), self._seen, self._cache)

    def _seen(self) -> Catalog:
        """The catalog with the open tail as it is now."""
        tail = self._tail
        catalog = self._catalog  # second: a tail that is sealed in between stands there with its bounds
        is_open = {part.name for part in catalog.tails if part.state == "open"}
        return replace(catalog, parts=tuple(tail if part.name == tail.name in is_open else part for part in catalog.parts))

    # ---- care

    def start_care(self, *, period_s: float = 60.0) -> None:
        """Runs `maintain` in a thread of its own, every so often and whenever the tail is full, until `close`."""
        if self._carer is not None:
            raise LocalError("the care of this historian runs already")
        self._carer = threading.Thread(target=self._care_for_ever, args=(period_s,), name="historian care", daemon=True)
        self._carer.start()

    def _care_for_ever(self, period_s: float) -> None:
        was_well = True
        while not self._stopping.is_set():
            self._due.wait(period_s)
            self._due.clear()
            if self._stopping.is_set():
                return
            try:
                self.maintain()
                was_well = True
            except Exception as error:  # noqa: BLE001  # the supervisor of this thread: logs once, tries again
                if was_well:
                    log.error("historian care failed", file=str(self._path), error=one_line(error))
                was_well = False

    def maintain(self, *, fully: bool = False) -> Care:
        """Does what is due: compacts a full or old tail, merges bodies of many runs, moves closed days, deletes expired ones.

        With `fully` every tail is compacted and every body merged.
        """
        self._mend()
        with self._care_lock:
            self._finish_interrupted_move()
            deleted = 0
            is_old = time.monotonic() - self._tail_since >= SEAL_AGE_S
            if self._tail.rows and (fully or is_old or self._tail.rows >= self._seal_rows):
                self._seal()
            compacted = sum(self._compact(part, at_leisure=not fully) for part in self._catalog.tails if part.state == "sealed")
            for body in self._catalog.parts:
                if body.state == "open" and (body.runs > 1 if fully else _is_ragged(body)):
                    self._merge(body)
            if self._tidied_on != self._today() or fully:
                self._look_at_lake()
                deleted = self._delete_expired()
                self._tidied_on = self._today()
            moved = self._move_closed_days()
            trimmed = self._make_room()
            return Care(compacted_rows=compacted, moved_rows=moved, deleted_days=deleted, trimmed_rows=trimmed)

    def _seal(self) -> None:
        """Gives the commits a new tail, and bounds the old one."""
        with self._commit_lock:
            sealed, opened = replace(self._tail, state="sealed"), Part(name=f"tail_{self._next_number()}", kind="tail")
            parts = [part for part in self._catalog.parts if part.name != sealed.name]
            catalog = replace(self._catalog, parts=(*parts, sealed, opened))
            with self._transaction(self._care) as cursor:
                cursor.execute(f"CREATE TABLE store.{opened.name} ({schema.COLUMNS})")
                self._write_catalog(cursor, catalog)
            self._catalog = catalog
            self._tail, self._tail_since = opened, time.monotonic()

    def _compact(self, tail: Part, *, at_leisure: bool) -> int:
        """Sorts a sealed tail into the bodies of its days, and drops it; `at_leisure`, it rests between one slice and the next."""
        parts = {part.name: part for part in self._catalog.parts if part.name != tail.name}
        with self._transaction(self._care) as cursor:
            homes = list(self._homes(cursor, tail))
            for part, _ in homes:
                if part.name not in parts:
                    cursor.execute(f"CREATE TABLE store.{part.name} ({schema.COLUMNS})")
                parts[part.name] = part
            cursor.execute("CREATE OR REPLACE TEMP TABLE latest AS FROM store.newest LIMIT 0")
            for points in _slices(cursor, tail):
                began = time.monotonic()
                scan = f"SELECT * FROM store.{tail.name} WHERE {points}"
                for part, days in homes:
                    cursor.execute(f"INSERT INTO store.{part.name} {scan} AND {days} ORDER BY point, time")
                cursor.execute(f"INSERT INTO store.quarter {schema.quarters(scan)} ORDER BY point, time")
                cursor.execute(
                    f"INSERT INTO latest SELECT point, max(time) AS time, arg_max(value, time) AS value, "
                    f"arg_max(quality, time) AS quality FROM (FROM store.newest WHERE {points} UNION ALL {scan}) "
                    f"GROUP BY point ORDER BY point"
                )
                if at_leisure and self._tail.rows < self._seal_rows:
                    self._stopping.wait(time.monotonic() - began)
            cursor.execute("DELETE FROM store.newest; INSERT INTO store.newest FROM latest; DROP TABLE latest")
            cursor.execute(f"DROP TABLE store.{tail.name}")
            catalog = replace(self._catalog, parts=tuple(parts.values()))
            self._write_catalog(cursor, catalog)
        self._catalog = catalog
        return tail.rows

    def _homes(self, cursor: duckdb.DuckDBPyConnection, tail: Part) -> Iterator[tuple[Part, str]]:
        """The bodies into which the rows of a tail go, each grown by them, with the condition that selects them.

        A day with many rows, or with a body already, has a body of its own; the rest (late samples of days long moved, clocks
        gone mad) share one, so that a broken clock cannot make thousands of tables.
        """
        days = cursor.execute(
            f"SELECT epoch_us(time) // {schema.DAY_US}, count(*), epoch_us(min(time)), epoch_us(max(time)) "
            f"FROM store.{tail.name} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        open_bodies = {part.day: part for part in self._catalog.parts if part.kind == "body" and part.state == "open"}
        odd = []
        for number, rows, first, last in days:
            day = date(1970, 1, 1) + timedelta(days=number)
            if day in open_bodies or rows * 16 >= tail.rows:
                where = f"time >= {_at(day_start(day))} AND time < {_at(day_start(day) + schema.DAY_US)}"
                yield self._grown(open_bodies.get(day), day, rows, first, last), where
            else:
                odd.append((number, rows, first, last))
        if odd:
            numbers, rows, firsts, lasts = zip(*odd, strict=True)
            where = f"epoch_us(time) // {schema.DAY_US} IN ({', '.join(map(str, numbers))})"
            yield self._grown(open_bodies.get(None), None, sum(rows), min(firsts), max(lasts)), where

    def _grown(self, body: Part | None, day: date | None, rows: int, first: int, last: int) -> Part:
        if body is None:
            name = f"body_{day:%Y%m%d}_{self._next_number()}" if day else f"body_mixed_{self._next_number()}"
            body = Part(name=name, kind="body", day=day, sorted=rows)
        return replace(body.grown(rows, first, last), runs=body.runs + 1)

    def _merge(self, body: Part, *, since: int = EARLIEST_US) -> None:
        """Sorts all runs of a body into one, and leaves out what is older than `since`."""
        day = f"{body.day:%Y%m%d}" if body.day else "mixed"
        name = f"body_{day}_{self._next_number()}"
        kept = f"SELECT * FROM store.{body.name} WHERE time >= {_at(since)}"
        with self._transaction(self._care) as cursor:
            cursor.execute(f"CREATE TABLE store.{name} ({schema.COLUMNS})")
            cursor.execute(f"INSERT INTO store.{name} {kept} ORDER BY point, time")
            cursor.execute(f"DROP TABLE store.{body.name}")
            rows = int(_one(cursor, f"SELECT count(*) FROM store.{name}"))
            first = body.first if body.first is None else max(body.first, since)
            merged = replace(body, name=name, rows=rows, sorted=rows, runs=1, first=first)
            parts = tuple(merged if part.name == body.name else part for part in self._catalog.parts)
            catalog = replace(self._catalog, parts=parts)
            self._write_catalog(cursor, catalog)
        self._catalog = catalog

    # ---- the lake

    def _look_at_lake(self) -> None:
        """Follows what others did to the lake, such as an OPTIMIZE, whose old files will go one day."""
        files = tuple(self._lake.files())
        if files != self._catalog.files:
            catalog = replace(self._catalog, files=files)
            with self._transaction(self._care) as cursor:
                self._write_catalog(cursor, catalog)
            self._catalog = catalog

    def _move_closed_days(self) -> int:
        """Moves bodies of days that are closed for long enough, and old odd samples, in one Delta commit."""
        limit = self._today() - timedelta(days=self._retention.lake_after_days)
        closed = [part for part in self._catalog.parts if part.kind == "body" and _is_before(part, limit)]
        # Once a day, or for a large piece: what trickles in late is not worth a file in the lake every few minutes.
        if not closed or (self._moved_on == self._today() and sum(part.rows for part in closed) < MOVE_ROWS):
            return 0
        move = self._next_number()
        self._mark(closed, state="moving", move=move)
        self._append_to_lake(move)
        self._moved_on = self._today()
        return self._finish_move(move)

    def _append_to_lake(self, move: int) -> None:
        scan = schema.raw_scan(Catalog(parts=tuple(part for part in self._catalog.parts if part.move == move)))
        with new_cursor(self._root()) as cursor:
            rows = cursor.sql(
                f"SELECT time::DATE AS day, point::BIGINT AS point, time, value, quality::INTEGER AS quality "
                f"FROM ({scan}) ORDER BY day, point, time"
            ).to_arrow_reader(131_072)
            self._lake.append(move, rows)

    def _finish_move(self, move: int) -> int:
        moved = [part for part in self._catalog.parts if part.move == move]
        catalog = Catalog(
            tuple(part for part in self._catalog.parts if part.move != move),
            tuple(self._lake.files()),
        )
        with self._transaction(self._care) as cursor:
            for part in moved:
                cursor.execute(f"DROP TABLE store.{part.name}")
                if part.day is not None:
                    _fold_quarters(cursor, part.day)
            self._write_catalog(cursor, catalog)
        self._catalog = catalog
        return sum(part.rows for part in moved)

    def _finish_interrupted_move(self) -> None:
        for move in sorted({part.move for part in self._catalog.parts if part.move is not None}):
            if self._lake.has_move(move):
                self._finish_move(move)
            else:
                self._mark([part for part in self._catalog.parts if part.move == move], state="open", move=None)

    def _mark(self, parts: Iterable[Part], *, state: str, move: int | None) -> None:
        marked = {part.name for part in parts}
        changed = [replace(part, state=state, move=move) if part.name in marked else part for part in self._catalog.parts]
        catalog = replace(self._catalog, parts=tuple(changed))
        with self._transaction(self._care) as cursor:
            self._write_catalog(cursor, catalog)
        self._catalog = catalog

    def _delete_expired(self) -> int:
        if self._retention.delete_after_days is None:
            return 0
        return self._delete_before(self._today() - timedelta(days=self._retention.delete_after_days))

    def _delete_before(self, limit: date) -> int:
        before = f"time < {_at(day_start(limit))}"
        bodies = [part for part in self._catalog.parts if part.kind == "body" and part.day is not None and part.day < limit]
        mixed = [part for part in self._catalog.parts if part.kind == "body" and part.day is None]
        days = {part.day for part in bodies} | {file.day for file in self._catalog.files if file.day < limit}
        self._lake.vacuum()
        with self._transaction(self._care) as cursor:
            for part in bodies:
                cursor.execute(f"DROP TABLE store.{part.name}")
            for name in [*(part.name for part in mixed), "quarter", "event"]:
                cursor.execute(f"DELETE FROM store.{name} WHERE {before}")
            catalog = Catalog(
                tuple(part for part in self._catalog.parts if part not in bodies),
                tuple(file for file in self._catalog.files if file.day >= limit),
            )
            if days:
                self._write_catalog(cursor, catalog)
        self._catalog = catalog
        # Last, so that the views never name a file that the table has given up; after a crash in between it is done next time.
        self._lake.delete_before(limit)
        return len(days)

    def size(self) -> int:
        """Bytes on disk, of the file, its log and the lake."""
        return self._file_bytes() + self._lake.size()

    def _file_bytes(self) -> int:
        total = 0
        for path in (self._path, self._path.with_name(f"{self._path.name}.wal")):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def _make_room(self) -> int:
        """Deletes the oldest until file and lake fit into what they may take: days of the lake, and what today has too much."""
        if self._retention.most_mb is None:
            return 0
        spare = shutil.disk_usage(self._path.parent).free - self._retention.reserve_mb * MB
        most = min(self._retention.most_mb * MB, max(self.size() + spare, 0))
        trimmed = self._trim_bodies(round(most * TODAYS_SHARE))
        while self._catalog.files and self.size() > most:
            oldest = self._catalog.files[0].day
            rows = sum(file.rows for file in self._catalog.files if file.day == oldest)
            self._delete_before(oldest + timedelta(days=1))
            self._lake.vacuum(retention_hours=0)
            log.warning("history deleted early, the disk that it may take is short", day=oldest.isoformat(), samples=rows)
            trimmed += rows
        return trimmed

    def _trim_bodies(self, most: int) -> int:
        """Deletes the oldest samples in the file where more than that is in use there."""
        bodies = [part for part in self._catalog.parts if part.kind == "body" and part.state == "open"]
        used = self._used_bytes() if bodies else 0
        if used > most:  # it may be what was dropped but not given back yet
            self._checkpoint()
            used = self._used_bytes()
        if used <= most:
            return 0
        share = min(1 - 0.75 * most / used, 0.9)
        scan = schema.raw_scan(Catalog(tuple(bodies)))
        sample = f"SELECT quantile_disc(epoch_us(time), {share}) FROM (SELECT time FROM ({scan}) USING SAMPLE 20000 ROWS)"
        with new_cursor(self._root()) as cursor:
            since = int(_one(cursor, sample))
        before = sum(body.rows for body in bodies)
        for body in bodies:
            if body.first is not None and body.first < since:
                self._merge(body, since=since)
        self._checkpoint()
        trimmed = before - sum(part.rows for part in self._catalog.parts if part.kind == "body" and part.state == "open")
        log.warning("history deleted early, the disk that it may take is short", before=schema.timestamp(since), samples=trimmed)
        return trimmed

    def _used_bytes(self) -> int:
        """What of the file is in use; the rest of it is written to again."""
        with new_cursor(self._root()) as cursor:
            return int(
                _one(cursor, "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = 'historian'")
            )

    def _checkpoint(self) -> None:
        """Gives what was dropped back to the file, unless a commit is under way: then the next round does."""
        with new_cursor(self._root()) as cursor, suppress(duckdb.TransactionException):
            cursor.execute("CHECKPOINT historian")

    # ---- inside

    def _mend(self) -> None:
        """Opens the file anew after an error that DuckDB does not survive, such as a disk that fills up in a checkpoint."""
        if self._is_broken:
            with self._care_lock, self._commit_lock:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                if not self._stopping.is_set():
                    self._connect()

    def _connect(self) -> None:
        self._is_broken = True
        self._connection = connect(self._path, read_only=False, lake=self._lake.folder, memory_mb=self._memory_mb)
        try:
            self._writer, self._care = new_cursor(self._connection), new_cursor(self._connection)
            if not has_version(self._writer, self._path):
                self._create()
            self._load()
            self._is_broken = False
        except duckdb.Error as error:
            self._connection.close()
            self._connection = None
            raise UnavailableError(f"{self._path} cannot be opened: {one_line(error)}") from error
        except BaseException:
            self._connection.close()
            self._connection = None
            raise

    def _create(self) -> None:
        with self._transaction(self._writer) as cursor:
            cursor.execute(schema.TABLES)
            cursor.execute(schema.EVENTS_VIEW)
            cursor.execute(f"CREATE TABLE store.tail_1 ({schema.COLUMNS})")
            cursor.execute("INSERT INTO store.meta VALUES ('version', $1), ('number', '1')", [str(schema.VERSION)])
            self._write_catalog(cursor, Catalog(parts=(Part(name="tail_1", kind="tail"),)))

    def _load(self) -> None:
        cursor = self._writer
        with self._transaction(cursor):
            cursor.execute(schema.ADDED_TABLES)
        self._starts = dict(cursor.execute("SELECT site, max(start) FROM store.start GROUP BY site").fetchall())
        self._fetched = dict(cursor.execute("SELECT site, max(until) FROM store.fetched GROUP BY site").fetchall())
        self._ledger = Ledger(cursor.execute("SELECT site, incarnation, first, last FROM store.ledger ORDER BY ALL").fetchall())
        self._ledger_rows = int(_one(cursor, "SELECT count(*) FROM store.ledger"))
        self._number = int(_one(cursor, "SELECT value FROM store.meta WHERE key = 'number'"))
        self._catalog = schema.load_catalog(cursor)
        self._tail = next(part for part in self._catalog.tails if part.state == "open")
        self._tail_since = time.monotonic()
        try:
            self._finish_interrupted_move()
            files = tuple(self._lake.files())
        except (
            UnavailableError
        ) as error:  # what the lake holds cannot be asked for now; what comes in must be stored all the same
            log.error("lake unavailable", error=str(error))
            files = self._catalog.files
        lake = _one(cursor, "SELECT coalesce(max(value), '') FROM store.meta WHERE key = 'lake'")
        if files != self._catalog.files or lake != str(self._lake.folder):
            catalog = replace(self._catalog, files=files)
            with self._transaction(cursor):
                self._write_catalog(cursor, catalog)
            self._catalog = catalog

    def _write_catalog(self, cursor: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        """Makes the file describe this catalog, and the views show it, within the caller's transaction."""
        cursor.execute("DELETE FROM store.part")
        for part in catalog.parts:
            # The open tail grows by commits that do not come by here: its bounds are looked up when the file is opened.
            written = Part(name=part.name, kind=part.kind) if part.kind == "tail" and part.state == "open" else part
            cursor.execute("INSERT INTO store.part VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", list(astuple(written)))
        if catalog.files != self._catalog.files:
            cursor.execute("DELETE FROM store.lake_file")
            for file in catalog.files:
                cursor.execute("INSERT INTO store.lake_file VALUES ($1, $2, $3)", [file.path, file.day, file.rows])
        cursor.execute("DELETE FROM store.meta WHERE key IN ('number', 'lake')")
        cursor.execute("INSERT INTO store.meta VALUES ('number', $1), ('lake', $2)", [str(self._number), str(self._lake.folder)])
        cursor.execute(schema.views(catalog))

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _today(self) -> date:
        return day_of(self._clock())

    def _root(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            if not self._stopping.is_set():
                raise UnavailableError(f"{self._path} cannot be opened at the moment")
            raise LocalError("the historian is closed")
        return self._connection

    @contextmanager
    def _transaction(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        self._root()
        try:
            cursor.execute("BEGIN TRANSACTION")
            yield cursor
            cursor.execute("COMMIT")
        except (duckdb.FatalException, duckdb.IOException, duckdb.InternalException, duckdb.OutOfMemoryException) as error:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            self._is_broken = isinstance(error, duckdb.FatalException | duckdb.InternalException)
            raise UnavailableError(f"{self._path} cannot be written: {one_line(error)}") from error
        except BaseException:
            with suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            raise


def _one(cursor: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = cursor.execute(query).fetchone()
    assert row is not None
    return row[0]


def _at(time_us: int) -> str:
    return f"TIMESTAMPTZ {literal(schema.timestamp(time_us))}"


def _is_before(part: Part, limit: date) -> bool:
    """Whether the part is due for the lake: its day is over for long, or it holds odd samples that have waited as long."""
    return part.day < limit if part.day is not None else part.first is not None and part.first < day_start(limit)


def _slices(cursor: duckdb.DuckDBPyConnection, tail: Part) -> Iterator[str]:
    """Conditions that cut a tail by ranges of points, in their order, into pieces of about equal size.

    The work on one takes a tenth of a second; without a rest in between, compaction on two cores held up all that shares them.
    """
    count = tail.rows // SLICE_ROWS
    if count < 2:
        yield "true"
        return
    shares = [number / count for number in range(1, count)]
    found = cursor.execute(f"SELECT quantile_disc(point, {shares}) FROM store.{tail.name} USING SAMPLE 20000 ROWS").fetchone()
    assert found is not None
    bounds = sorted(set(found[0]))
    yield f"point < {bounds[0]}"
    for first, end in pairwise(bounds):
        yield f"point >= {first} AND point < {end}"
    yield f"point >= {bounds[-1]}"


def _is_ragged(body: Part) -> bool:
    """Whether merging its runs is worth it: a share of the rows, so that in all a row is rewritten a few times at most."""
    return body.runs >= 4 and 4 * (body.rows - body.sorted) >= body.rows


def _fold_quarters(cursor: duckdb.DuckDBPyConnection, day: date) -> None:
    """Merges the additive rollup rows of a closed day."""
    where = f"WHERE time >= {_at(day_start(day))} AND time < {_at(day_start(day) + schema.DAY_US)}"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE folded AS {schema.merged(f'SELECT * FROM store.quarter {where}', 'time')}")
    cursor.execute(f"DELETE FROM store.quarter {where}")
    cursor.execute("INSERT INTO store.quarter SELECT * FROM folded ORDER BY point, time; DROP TABLE folded")


def _new_samples(
    cursor: duckdb.DuckDBPyConnection, fresh: Sequence[Batch], is_suspect: Sequence[bool], fetched: Mapping[str, int]
) -> tuple[Samples, int]:
    """The samples that are to be stored, and how many are not because they are there already."""
    kept = [(batch, is_one) for batch, is_one in zip(fresh, is_suspect, strict=True) if batch.purpose is not Purpose.PICTURE]
    samples = _sane(Samples.concatenate(batch.samples for batch, _ in kept))
    candidates = [may_repeat(batch, is_suspect=is_one, fetched_us=fetched.get(batch.site)) for batch, is_one in kept]
    if not any(map(np.any, candidates)):
        return samples, 0
    is_repeat = repeated_samples(cursor, samples, np.concatenate(candidates))
    repeated = int(np.count_nonzero(is_repeat))
    return (samples.take(~is_repeat), repeated) if repeated else (samples, 0)


def _sane(samples: Samples) -> Samples:
    """The samples with impossible times moved to the nearest possible one, and marked."""
    wrong = (samples.time < EARLIEST_US) | (samples.time > LATEST_US)
    if not wrong.any():
        return samples
    time_us = np.clip(samples.time, EARLIEST_US, LATEST_US)
    quality = np.where(wrong, samples.quality | np.uint16(Quality.CLOCK_FAILURE), samples.quality).astype(np.uint16)
    return Samples(samples.point, time_us, samples.value, quality)


@contextmanager
def _registered(cursor: duckdb.DuckDBPyConnection, name: str, data: object) -> Iterator[None]:
    cursor.register(name, data)
    try:
        yield
    finally:
        with suppress(duckdb.Error):
            cursor.unregister(name)


def _event_table(events: Sequence[Event]) -> pa.Table:
    import pyarrow as pa

    time_us = pa.array([min(max(event.time, EARLIEST_US), LATEST_US) for event in events], pa.int64())
    columns = {"time": time_us.cast(pa.timestamp("us", "UTC"))}
    for name in ("site", "device", "kind", "severity", "text"):
        columns[name] = pa.array([str(getattr(event, name)) for event in events], pa.string())
    return pa.table(columns)


def _record_table(records: Sequence[AuditRecord]) -> pa.Table:
    import json

    import pyarrow as pa

    columns = {
        "site": pa.array([record.site for record in records], pa.string()),
        "sequence": pa.array([record.sequence for record in records], pa.int64()),
        "time": pa.array([min(max(record.time_us, EARLIEST_US), LATEST_US) for record in records], pa.int64()),
    }
    columns["time"] = columns["time"].cast(pa.timestamp("us", "UTC"))
    for name in ("actor", "action", "target", "detail", "outcome", "hash"):
        values = [getattr(record, name) for record in records]
        columns[name] = pa.array([json.dumps(dict(each)) if name == "detail" else each for each in values], pa.string())
    return pa.table(columns)


def _ledger_table(rows: Sequence[tuple[str, int, int, int]]) -> pa.Table:
    import pyarrow as pa

    sites, *numbers = zip(*rows, strict=True)
    columns = [pa.array(sites, pa.string()), *(pa.array(column, pa.int64()) for column in numbers)]
    return pa.table(columns, names=["site", "incarnation", "first", "last"])
