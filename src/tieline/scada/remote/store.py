"""What remote access must not forget: grants, sessions, and the numbers of orders to sites. One SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tieline.model import UnavailableError
from tieline.security.remote.desk import KEPT_GRANTS, KEPT_SESSIONS
from tieline.security.remote.records import Grant, Session, SessionState

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (site TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS grants (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, opened_us INTEGER NOT NULL, is_closed INTEGER NOT NULL,
    body BLOB NOT NULL
);
"""
_encode = msgspec.msgpack.Encoder().encode
_grant = msgspec.msgpack.Decoder(Grant)
_session = msgspec.msgpack.Decoder(Session)


class RemoteStore:
    """Calls block for a disk; safe to use from several threads. Written before what it is about happens."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._guard = threading.Lock()

    @classmethod
    def open(cls, file: Path) -> RemoteStore:
        """The store in this file, made where there is none. Raises `UnavailableError` where it cannot be used."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(file, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"the record of remote access in {file} cannot be opened: {error}") from error
        return cls(connection)

    def put(self, changed: Grant | Session) -> None:
        """Stores it as it is from now on."""
        with self._using() as connection:
            if isinstance(changed, Grant):
                connection.execute(
                    "INSERT INTO grants (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                    (changed.id, _encode(changed)),
                )
            else:
                connection.execute(
                    "INSERT INTO sessions (id, opened_us, is_closed, body) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET is_closed = excluded.is_closed, body = excluded.body",
                    (changed.id, changed.opened_us, changed.state is SessionState.CLOSED, _encode(changed)),
                )

    def number(self, site: str, now_us: int) -> int:
        """The number of the next order to a site: above every earlier one, also where this file was lost, as it is a time."""
        with self._using() as connection:
            row = connection.execute(
                "INSERT INTO numbers VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET number = max(number + 1, excluded.number) "
                "RETURNING number",
                (site, now_us),
            ).fetchone()
        return int(row[0])

    def grants(self) -> dict[str, Grant]:
        """The newest ones, oldest first."""
        with self._using() as connection:
            rows = connection.execute("SELECT body FROM grants ORDER BY place DESC LIMIT ?", (KEPT_GRANTS,)).fetchall()
        return {grant.id: grant for grant in (_grant.decode(body) for (body,) in reversed(rows))}

    def sessions(self) -> dict[str, Session]:
        """The newest ones, oldest first."""
        with self._using() as connection:
            rows = connection.execute("SELECT body FROM sessions ORDER BY place DESC LIMIT ?", (KEPT_SESSIONS,)).fetchall()
        return {session.id: session for session in (_session.decode(body) for (body,) in reversed(rows))}

    def session(self, session: str) -> Session | None:
        """One session, however old."""
        with self._using() as connection:
            row = connection.execute("SELECT body FROM sessions WHERE id = ?", (session,)).fetchone()
        return None if row is None else _session.decode(row[0])

    def older_than(self, before_us: int) -> list[str]:
        """Sessions that were opened before, and are closed."""
        with self._using() as connection:
            rows = connection.execute("SELECT id FROM sessions WHERE is_closed AND opened_us < ?", (before_us,)).fetchall()
        return [str(row[0]) for row in rows]

    def forget(self, session: str) -> None:
        """The session was long ago."""
        with self._using() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def close(self) -> None:
        """Ends it."""
        with self._guard:
            self._connection.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                with self._connection:
                    yield self._connection
            except (sqlite3.Error, msgspec.MsgspecError) as error:
                raise UnavailableError(f"the record of remote access cannot be used: {error}") from error
