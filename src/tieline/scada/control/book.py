"""What control must not forget: numbers of orders, commands and what became of them, tags, runs of programs. One SQLite file.

The audit says what happened, for people and for ever; this file is what the center acts on after a restart.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tieline.model import Outcome, PointId, RefusedError, Result, UnavailableError
from tieline.model.control import Operation, ProgramRun, Tag

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (site TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS commands (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, selection TEXT NOT NULL, point INTEGER NOT NULL, path TEXT NOT NULL,
    value REAL NOT NULL, requester TEXT NOT NULL, approved_by TEXT NOT NULL, released_us INTEGER NOT NULL, was_sent INTEGER NOT NULL,
    time INTEGER, result TEXT, reason TEXT, is_final INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS open_commands ON commands (place) WHERE is_final = 0;
CREATE TABLE IF NOT EXISTS tags (id TEXT PRIMARY KEY, tag BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, changed INTEGER NOT NULL, run BLOB NOT NULL);
"""
_COLUMNS = "id, selection, point, path, value, requester, approved_by, released_us, was_sent, time, result, reason, is_final"
_REPLACING = (
    "ON CONFLICT (id) DO UPDATE SET "
    "time = excluded.time, result = excluded.result, reason = excluded.reason, is_final = excluded.is_final "
    "WHERE NOT commands.is_final AND commands.selection = excluded.selection"
)
TAKEN = "the id is that of another command"

_encode = msgspec.msgpack.Encoder().encode
_tag = msgspec.msgpack.Decoder(Tag)
_run = msgspec.msgpack.Decoder(ProgramRun)

_Row = tuple[str, str, int, str, float, str, str, int, int, int | None, str | None, str | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command as the book has it."""

    operation: Operation
    was_sent: bool
    """It has a number of its site; otherwise it was refused here, or is made of steps."""
    is_final: bool
    """What became of it is known, and will not change."""


class ControlBook:
    """Calls block for a disk; safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, *, most_commands: int, most_runs: int) -> None:
        self._connection = connection
        self._most_commands = most_commands
        self._most_runs = most_runs
        self._guard = threading.Lock()

    @classmethod
    def open(cls, file: Path, *, most_commands: int = 100_000, most_runs: int = 1_000) -> ControlBook:
        """The book in this file, which keeps the latest commands and runs. Raises `UnavailableError` where it cannot be used."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(file, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"the record of commands in {file} cannot be opened: {error}") from error
        return cls(connection, most_commands=most_commands, most_runs=most_runs)

    def begin(self, operation: Operation, site: str | None, now_us: int) -> int:
        """The command is under way; gives the number of its order where it goes to a `site`.

        Numbers grow for ever: they are at least the time in microseconds, so that they do so also where this file was lost.
        Raises `RefusedError` where the id is that of another command.
        """
        with self._writing() as connection:
            begun = connection.execute(
                "INSERT INTO commands (id, selection, point, path, value, requester, approved_by, released_us, was_sent) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*_begun(operation), site is not None),
            )
            if not begun.rowcount:
                raise RefusedError(TAKEN)
            connection.execute(
                "DELETE FROM commands WHERE is_final AND place <= (SELECT place FROM commands ORDER BY place DESC LIMIT 1 OFFSET ?)",
                (self._most_commands,),
            )
            return 0 if site is None else _next_number(connection, site, now_us)

    def number(self, site: str, now_us: int) -> int:
        """A new number for another order to the site."""
        with self._writing() as connection:
            return _next_number(connection, site, now_us)

    def end(self, operation: Operation, outcome: Outcome, *, is_final: bool) -> None:
        """What became of the command, as far as that is known; also of one that never began. What is final stays."""
        row = (*_begun(operation), False, outcome.time, str(outcome.result), outcome.reason, is_final)
        with self._writing() as connection:
            connection.execute(
                f"INSERT INTO commands ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) {_REPLACING}",  # noqa: S608
                row,
            )

    def is_empty(self) -> bool:
        """Whether no order ever left, as far as this file knows."""
        with self._reading() as connection:
            return connection.execute("SELECT number FROM numbers LIMIT 1").fetchone() is None

    def find(self, command: str) -> Entry | None:
        """The command of that id."""
        return next(iter(self._entries("WHERE id = ?", (command,))), None)

    def open_ones(self) -> list[Entry]:
        """Commands of which it is not known for sure what became of them, oldest first."""
        return self._entries("WHERE is_final = 0 ORDER BY place", ())

    def newest(self, most: int) -> list[Operation]:
        """The latest commands, newest first."""
        return [entry.operation for entry in self._entries("ORDER BY place DESC LIMIT ?", (most,))]

    def tags(self) -> list[Tag]:
        """Every tag that hangs."""
        with self._reading() as connection:
            return [_tag.decode(row[0]) for row in connection.execute("SELECT tag FROM tags")]

    def put_tag(self, tag: Tag) -> None:
        """The tag hangs."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO tags VALUES (?, ?) ON CONFLICT DO UPDATE SET tag = excluded.tag", (tag.id, _encode(tag))
            )

    def remove_tag(self, tag: str) -> None:
        """The tag is off."""
        with self._writing() as connection:
            connection.execute("DELETE FROM tags WHERE id = ?", (tag,))

    def runs(self) -> list[ProgramRun]:
        """The latest runs of programs, the one that changed last first."""
        with self._reading() as connection:
            return [_run.decode(row[0]) for row in connection.execute("SELECT run FROM runs ORDER BY changed DESC")]

    def put_run(self, run: ProgramRun) -> None:
        """The run is so from now on; old ones that are over are given up."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET changed = excluded.changed, run = excluded.run",
                (run.id, run.changed_us, _encode(run)),
            )
            old = connection.execute("SELECT id, run FROM runs ORDER BY changed DESC LIMIT -1 OFFSET ?", (self._most_runs,))
            over = [(id_,) for id_, stored in old.fetchall() if _run.decode(stored).state.is_over]
            connection.executemany("DELETE FROM runs WHERE id = ?", over)

    def close(self) -> None:
        """Ends writing."""
        with self._guard:
            self._connection.close()

    def _entries(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM commands {where}", values).fetchall()  # noqa: S608 - constants
        return [_entry(row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._guard, self._connection:
                yield self._connection
        except sqlite3.Error as error:
            raise UnavailableError(f"the record of commands cannot be written: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._guard:
                yield self._connection
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise UnavailableError(f"the record of commands cannot be read: {error}") from error


def _next_number(connection: sqlite3.Connection, site: str, now_us: int) -> int:
    statement = (
        "INSERT INTO numbers VALUES (?, ?) ON CONFLICT DO UPDATE SET number = max(number + 1, excluded.number) RETURNING number"
    )
    return int(connection.execute(statement, (site, now_us)).fetchone()[0])


def _begun(operation: Operation) -> tuple[str | int | float, ...]:
    return (
        operation.id,
        operation.selection,
        operation.point,
        operation.path,
        operation.value,
        operation.requester,
        operation.approved_by,
        operation.released_us,
    )


def _entry(row: _Row) -> Entry:
    id_, selection, point, path, value, requester, approved_by, released_us, was_sent, time, result, reason, is_final = row
    outcome = None if result is None else Outcome(command=id_, time=time or 0, result=Result(result), reason=reason or "")
    operation = Operation(
        id=id_,
        selection=selection,
        point=PointId(point),
        path=path,
        value=value,
        requester=requester,
        approved_by=approved_by,
        released_us=released_us,
        outcome=outcome,
    )
    return Entry(operation=operation, was_sent=bool(was_sent), is_final=bool(is_final))
