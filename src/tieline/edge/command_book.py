"""Which commands of the center a site has taken: the newest number, and what became of the latest ones, over a restart too."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

import structlog

from tieline.model import Outcome, PointId, Result, UnavailableError

KEPT = 10_000
"""Commands whose outcome can still be asked for."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS begun (us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS newest (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS taken (
    id TEXT PRIMARY KEY, place INTEGER NOT NULL UNIQUE, point INTEGER NOT NULL, value REAL NOT NULL, requester TEXT NOT NULL,
    time INTEGER, result TEXT, reason TEXT
);
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A command that arrived; without an outcome it is under way, or the gateway ended meanwhile."""

    id: str
    point: PointId
    value: float
    requester: str
    outcome: Outcome | None = None


class CommandBook:
    """One file, written before anything that it is about happens. Calls block for a disk; safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection, *, kept: int, is_new_for_damage: bool) -> None:
        self._connection = connection
        self._kept = kept
        self._guard = threading.Lock()
        self.was_damaged = is_new_for_damage
        """Whether an earlier one could not be read, and this one begins anew."""
        self.begun_us = int(connection.execute("SELECT us FROM begun").fetchone()[0])
        """When the book was begun: what was issued before may have been taken by an earlier one."""

    @classmethod
    def open(cls, file: Path, now_us: int, *, kept: int = KEPT) -> CommandBook:
        """The book in this file, begun where there is none; one that is damaged is put aside. The outcomes of `kept` commands stay.

        Raises `UnavailableError` where the disk does not let it be read and written.
        """
        try:
            return cls(_connect(file, now_us), kept=kept, is_new_for_damage=False)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise UnavailableError(f"the record of commands in {file} cannot be opened: {error}") from error
            log.exception("record of commands is damaged", file=str(file))
        try:
            file.replace(file.with_suffix(".damaged"))
            for ending in ("-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
            return cls(_connect(file, now_us), kept=kept, is_new_for_damage=True)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"the record of commands in {file} cannot be begun anew: {error}") from error

    @property
    def newest(self) -> int:
        """The largest number that was taken; 0 for none."""
        with self._guard, _told("read"):
            row = self._connection.execute("SELECT number FROM newest").fetchone()
        return 0 if row is None else int(row[0])

    def take(self, number: int, taken: Taken | None = None) -> None:
        """The number is used from now on, and the command is under way. Raises `UnavailableError` where the disk refuses."""
        with self._guard, _told("written"), self._connection:
            self._connection.execute(
                "INSERT INTO newest VALUES (1, ?) ON CONFLICT DO UPDATE SET number = excluded.number", (number,)
            )
            if taken is not None:
                row = (taken.id, number, taken.point, taken.value, taken.requester)
                self._connection.execute("INSERT INTO taken (id, place, point, value, requester) VALUES (?, ?, ?, ?, ?)", row)
                self._connection.execute(
                    "DELETE FROM taken WHERE place <= (SELECT place FROM taken ORDER BY place DESC LIMIT 1 OFFSET ?)",
                    (self._kept,),
                )

    def end(self, outcome: Outcome) -> None:
        """The command has its outcome. Raises `UnavailableError` where the disk refuses."""
        with self._guard, _told("written"), self._connection:
            self._connection.execute(
                "UPDATE taken SET time = ?, result = ?, reason = ? WHERE id = ?",
                (outcome.time, str(outcome.result), outcome.reason, outcome.command),
            )

    def find(self, command: str) -> Taken | None:
        """The command of that id; None where none came, or it was too long ago."""
        with self._guard, _told("read"):
            row = self._connection.execute(f"{_SELECT} WHERE id = ?", (command,)).fetchone()
        return None if row is None else _taken(row)

    def open_ones(self) -> list[Taken]:
        """Those that have no outcome, oldest first."""
        with self._guard, _told("read"):
            rows = self._connection.execute(f"{_SELECT} WHERE result IS NULL ORDER BY place").fetchall()
        return [_taken(row) for row in rows]

    def has_forgotten(self) -> bool:
        """Whether so many commands came that the oldest may have been given up."""
        with self._guard, _told("read"):
            count = self._connection.execute("SELECT count(*) FROM taken").fetchone()[0]
        return bool(count >= self._kept)

    def close(self) -> None:
        """Ends writing."""
        with self._guard:
            self._connection.close()


_SELECT = "SELECT id, point, value, requester, time, result, reason FROM taken"


class _told:  # noqa: N801 - reads as a word where it is used
    """What SQLite cannot do is told in our terms."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise UnavailableError(f"the record of commands cannot be {self._doing}: {error}") from error


def _connect(file: Path, now_us: int) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        with connection:
            connection.execute("INSERT INTO begun SELECT ? WHERE NOT EXISTS (SELECT * FROM begun)", (now_us,))
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _taken(row: tuple[str, int, float, str, int | None, str | None, str | None]) -> Taken:
    id_, point, value, requester, time, result, reason = row
    outcome = None if result is None else Outcome(command=id_, time=time or 0, result=Result(result), reason=reason or "")
    return Taken(id=id_, point=PointId(point), value=value, requester=requester, outcome=outcome)
