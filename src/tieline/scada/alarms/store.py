# ruff: noqa: S608 (every name that is put into SQL here is our own)
"""How every alarm stands and what happened to it, on disk: SQLite with a write-ahead log, synchronized at every commit.

One commit holds what some batches led to: the states that changed, a line of the journal for each transition, and which batches those were.
So whatever moment a process dies at, a batch was taken with all that follows from it, or not at all; one that comes again is
recognized.

The journal is the sequence of events: each line has the device's own time in microseconds, and says whether it is the device's. It is
kept for so many days and megabytes; the oldest lines go first.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from tieline.historian.ledger import IntervalSet
from tieline.model import ConfigError, Now, Quality, UnavailableError
from tieline.model.alarms import AlarmState
from tieline.scada.alarms.conditions import Rows, Times
from tieline.scada.alarms.engine import AlarmEngine
from tieline.scada.alarms.machine import STATES, Codes, Trigger
from tieline.scada.alarms.transitions import Transitions

VERSION = 1
_DAY_US = 86_400_000_000
_PRUNED_AT_ONCE = 50_000

Taken = Mapping[tuple[str, int], IntervalSet]
"""Site and incarnation: the sequences of the batches that were taken."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS alarm (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {columns});
CREATE TABLE IF NOT EXISTS journal (
    sequence INTEGER PRIMARY KEY, alarm INTEGER NOT NULL, "trigger" INTEGER NOT NULL, before INTEGER NOT NULL, after INTEGER NOT NULL,
    time INTEGER NOT NULL, received INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_received ON journal (received);
CREATE INDEX IF NOT EXISTS journal_alarm ON journal (alarm, received);
CREATE TABLE IF NOT EXISTS taken (
    site TEXT NOT NULL, incarnation INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (site, incarnation, first)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of the sequence of events; times are microseconds since 1970-01-01 UTC."""

    sequence: int
    alarm: str
    trigger: str
    before: AlarmState
    after: AlarmState
    time: int
    has_device_time: bool
    """Whether `time` is the device's own; otherwise it is the gateway's or the center's."""
    received: int
    value: float | None
    """What was read then; None where nothing was."""
    quality: int
    by: str
    reason: str


class JournalQuery(TypedDict, total=False):
    """Which lines of the journal are wanted: all, where nothing is said. Times are microseconds since 1970-01-01 UTC."""

    begin: int
    """Received then or later."""
    end: int
    """Received before."""
    after: int
    """Later lines than that of this sequence."""
    alarm: str | None
    site: str | None
    by_time: bool
    """In the order of the times of their conditions and requests, and not of their receipt."""
    newest_first: bool
    limit: int
    """1,000 where left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Of which alarms people were told and when, in columns, in the order of receipt; alarms by their rows in the engine."""

    row: Rows
    received: Times


class AlarmStore:
    """The file. Belongs to one thread at a time, but for `journal` and `told`, which another one may ask.

    Raises `UnavailableError` where the disk does not take or give what it should.
    """

    def __init__(self, path: Path, *, keep_days: int = 400, most_mb: int = 4_096) -> None:
        self._path = path
        self._keep_us = keep_days * _DAY_US
        self._most_bytes = most_mb * 1024 * 1024
        self._number = np.zeros(0, np.int64)
        self._ids: dict[int, str] = {}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._explained():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            self._connection.close()
            raise ConfigError(
                f"{path} is of version {version}, this release reads {VERSION}; update Tieline or move the file away"
            )
        path.chmod(0o600)
        self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        self._reading = threading.Lock()

    def close(self) -> None:
        """Everything is on the disk already."""
        self._reader.close()
        self._connection.close()

    def recall(self, engine: AlarmEngine, now: Now) -> tuple[Taken, list[Transitions]]:
        """Fills a new engine with what another process left; gives what was taken, and what follows from what the folder says now."""
        columns = _columns(engine)
        with self._explained(), self._transaction():
            definition = ", ".join(f"{name} {_type(column)}" for name, column in columns.items())
            for statement in _SCHEMA.format(columns=definition).split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.executemany("INSERT OR IGNORE INTO alarm (id) VALUES (?)", [(each.id,) for each in engine.plan])
            found = self._connection.execute(f"SELECT number, id, {', '.join(columns)} FROM alarm").fetchall()
            taken = self._connection.execute("SELECT site, incarnation, first, last FROM taken").fetchall()
        sets: dict[tuple[str, int], IntervalSet] = {}
        for site, incarnation, first, last in taken:
            sets.setdefault((site, incarnation), IntervalSet()).add(first, last)
        self._number = np.zeros(len(engine), np.int64)
        self._ids = {}
        for number, name, *values in found:
            self._ids[number] = name
            row = engine.row_of.get(name)
            if row is None:
                continue
            self._number[row] = number
            if values[0] is None:
                continue  # it is new
            for column, value in zip(columns.values(), values, strict=True):
                column[row] = np.nan if value is None else value
        return sets, engine.recalled(now)

    def commit(self, engine: AlarmEngine, transitions: Iterable[Transitions], taken: Taken) -> None:
        """Writes what changed; `taken` holds all that was taken of each site and incarnation of which something was."""
        rows = np.flatnonzero(engine.standing.is_unsaved)
        columns = _columns(engine)
        values = [column[rows].tolist() for column in columns.values()]
        with self._explained(), self._transaction():
            assignments = ", ".join(f"{name} = ?" for name in columns)
            self._connection.executemany(
                f"UPDATE alarm SET {assignments} WHERE number = ?", zip(*values, self._number[rows].tolist(), strict=True)
            )
            for chunk in transitions:
                self._connection.executemany(
                    "INSERT INTO journal VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    _lines(chunk, self._number),
                )
            for (site, incarnation), sequences in taken.items():
                self._connection.execute("DELETE FROM taken WHERE site = ? AND incarnation = ?", (site, incarnation))
                self._connection.executemany(
                    "INSERT INTO taken VALUES (?, ?, ?, ?)", [(site, incarnation, *interval) for interval in sequences]
                )
        engine.standing.is_unsaved[rows] = False

    def journal(self, **asked: Unpack[JournalQuery]) -> list[JournalEntry]:
        """The lines that are asked for."""
        conditions = ["received >= ?", "received < ?"]
        given: list[str | int] = [asked.get("begin", 0), asked.get("end", 2**62)]
        if "after" in asked:
            conditions.append("sequence > ?")
            given.append(asked["after"])
        if alarm := asked.get("alarm"):
            conditions.append("alarm = (SELECT number FROM alarm WHERE id = ?)")
            given.append(alarm)
        if site := asked.get("site"):
            conditions.append("alarm IN (SELECT number FROM alarm WHERE id >= ? AND id < ?)")
            given += [f"{site}/", f"{site}0"]  # 0 comes after /
        direction = "DESC" if asked.get("newest_first") else "ASC"
        order = f"time {direction}, sequence {direction}" if asked.get("by_time") else f"sequence {direction}"
        with self._explained(), self._reading:
            found = self._reader.execute(
                'SELECT sequence, alarm, "trigger", before, after, time, received, value, quality, by, reason FROM journal '
                f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?",
                (*given, asked.get("limit", 1_000)),
            ).fetchall()
        return [self._entry(*line) for line in found]

    def _entry(
        self, sequence: int, alarm: int, trigger: int, before: int, after: int, time: int, received: int, *more: Any
    ) -> JournalEntry:
        value, quality, by, reason = more
        return JournalEntry(
            sequence=sequence,
            alarm=self._ids[alarm],
            trigger=Trigger(trigger).name.lower(),
            before=STATES[before],
            after=STATES[after],
            time=time,
            has_device_time=bool(quality & Quality.DEVICE_TIME),
            received=received,
            value=value,
            quality=quality,
            by=by,
            reason=reason,
        )

    def told(self, begin: int, end: int) -> Told:
        """Of which alarms people were told in [begin, end); those that the folder no longer has are left out."""
        code = STATES.index(AlarmState.UNACKNOWLEDGED)
        with self._explained(), self._reading:
            found = self._reader.execute(
                "SELECT alarm, received FROM journal WHERE received >= ? AND received < ? AND after = ? AND before <> ? "
                "ORDER BY received, sequence",
                (begin, end, code, code),
            )
            lines = np.fromiter(found, np.dtype([("alarm", np.int64), ("received", np.int64)]))
        number, received = lines["alarm"], lines["received"]
        order = np.argsort(self._number)
        place = np.minimum(np.searchsorted(self._number[order], number), max(len(order) - 1, 0))
        is_known = self._number[order][place] == number if len(order) else np.zeros(len(number), np.bool_)
        return Told(order[place[is_known]] if len(order) else number.astype(np.intp), received[is_known])

    def prune(self, now_us: int) -> bool:
        """Removes lines of the journal that are too old, or too many; so many at once at the most, and gives whether that was all."""
        with self._explained(), self._transaction():
            removed = self._connection.execute(
                "DELETE FROM journal WHERE sequence IN (SELECT sequence FROM journal WHERE received < ? ORDER BY sequence LIMIT ?)",
                (now_us - self._keep_us, _PRUNED_AT_ONCE),
            ).rowcount
            if not removed and self._used() > self._most_bytes:
                removed = self._connection.execute(
                    "DELETE FROM journal WHERE sequence IN (SELECT sequence FROM journal ORDER BY sequence LIMIT ?)",
                    (_PRUNED_AT_ONCE,),
                ).rowcount
        return removed < _PRUNED_AT_ONCE

    def _used(self) -> int:
        (pages,), (free,), (size,) = (
            self._connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise UnavailableError(f"{self._path} cannot be used: {error}") from error


def _columns(engine: AlarmEngine) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """The columns that outlive the process; the first is there for every alarm that was ever stored."""
    standing, delays = engine.standing, engine.delays
    return {
        "state": standing.state,
        "raised": standing.raised,
        "raised_received": standing.raised_received,
        "raised_quality": standing.raised_quality,
        "returned": standing.returned,
        "acknowledged": standing.acknowledged,
        "acknowledged_by": standing.acknowledged_by,
        "value": standing.value,
        "quality": standing.quality,
        "count": standing.count,
        "is_shelved": standing.is_shelved,
        "shelved_until": standing.shelved_until,
        "shelved_by": standing.shelved_by,
        "shelved_reason": standing.shelved_reason,
        "is_suppressed": standing.is_suppressed,
        "is_suppressed_by_logic": standing.is_suppressed_by_logic,
        "suppressed_reason": standing.suppressed_reason,
        "is_out": standing.is_out,
        "out_by": standing.out_by,
        "out_reason": standing.out_reason,
        "is_first_out": engine.first_out.is_marked,
        "is_seen": delays.is_seen,
        "is_active": delays.is_active,
        "since": delays.since,
        "since_received": delays.since_received,
        "since_value": delays.value,
        "since_quality": delays.quality,
    }


def _type(column: np.ndarray[Any, np.dtype[Any]]) -> str:
    return {"f": "REAL", "O": "TEXT"}.get(column.dtype.kind, "INTEGER")


def _lines(chunk: Transitions, number: Times) -> Iterator[tuple[object, ...]]:
    count = len(chunk)
    codes: Sequence[Codes] = (chunk.before, chunk.after)
    return zip(
        number[chunk.row].tolist(),
        [int(chunk.trigger)] * count,
        *(code.tolist() for code in codes),
        chunk.time.tolist(),
        [chunk.received] * count,
        chunk.value.tolist(),
        chunk.quality.tolist(),
        [chunk.by] * count,
        [chunk.reason] * count,
        strict=True,
    )
