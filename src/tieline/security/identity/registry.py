"""What an authority remembers: which certificates it has issued, which are revoked, which tokens are out.

A file of SQLite, because several processes issue certificates. Times are microseconds since 1970-01-01 UTC; of tokens only hashes are here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieline.model import UnavailableError

_BUSY_S = 20.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS issued (
    serial TEXT PRIMARY KEY, role TEXT NOT NULL, generation INTEGER NOT NULL, issued_us INTEGER NOT NULL, ends_us INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, public_key BLOB NOT NULL, names TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS issued_by_role ON issued (role, generation);
CREATE TABLE IF NOT EXISTS revoked (serial TEXT PRIMARY KEY, at_us INTEGER NOT NULL, reason TEXT NOT NULL, ends_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS generations (role TEXT PRIMARY KEY, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lists (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, key BLOB NOT NULL, hosts TEXT NOT NULL, expires_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, used_us INTEGER);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that was issued."""

    serial: int
    role: str
    generation: int
    issued_us: int
    ends_us: int
    fingerprint: str
    """SHA-256, hexadecimal."""
    public_key: bytes
    """In DER (SubjectPublicKeyInfo)."""
    names: tuple[str, ...]
    """Hosts for which it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedSerial:
    """A serial number that is revoked, until its certificate ends by itself."""

    serial: int
    at_us: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token that is out; `key` is the SHA-256 of its secret."""

    id: str
    role: str
    key: bytes
    hosts: tuple[str, ...]
    expires_us: int
    attempts: int = 0
    used_us: int | None = None


class Registry:
    """The file, for several threads and processes; every method is one transaction. Raises `UnavailableError`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()

    def issued(self, role: str | None = None) -> list[Issued]:
        """What was issued, oldest first."""
        where, values = ("", ()) if role is None else ("WHERE role = ?", (role,))
        rows = self._rows(
            "SELECT serial, role, generation, issued_us, ends_us, fingerprint, public_key, names "  # noqa: S608
            f"FROM issued {where} ORDER BY issued_us, rowid",
            values,
        )
        return [
            Issued(
                serial=int(row[0], 16),
                role=row[1],
                generation=row[2],
                issued_us=row[3],
                ends_us=row[4],
                fingerprint=row[5],
                public_key=row[6],
                names=_words(row[7]),
            )
            for row in rows
        ]

    def add(self, one: Issued) -> None:
        """Remembers what was issued."""
        self._do(
            "INSERT INTO issued VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                f"{one.serial:x}",
                one.role,
                one.generation,
                one.issued_us,
                one.ends_us,
                one.fingerprint,
                one.public_key,
                "\n".join(one.names),
            ),
        )

    def generations(self) -> dict[str, int]:
        """Of each role that was ever revoked, the generation that counts."""
        return {row[0]: row[1] for row in self._rows("SELECT role, generation FROM generations ORDER BY role")}

    def revoke(self, role: str, reason: str, now_us: int) -> int:
        """Revokes all of a role's certificates; the generation that counts from now on."""
        with self._transaction():
            generation = self.generations().get(role, 0) + 1
            self._do("INSERT OR REPLACE INTO generations VALUES (?, ?)", (role, generation))
            self._do(
                "INSERT OR IGNORE INTO revoked SELECT serial, ?, ?, ends_us FROM issued WHERE role = ? AND ends_us > ?",
                (now_us, reason, role, now_us),
            )
            return generation

    def revoked(self, now_us: int) -> list[RevokedSerial]:
        """What is revoked and has not ended by itself."""
        rows = self._rows("SELECT serial, at_us, reason FROM revoked WHERE ends_us > ? ORDER BY at_us, serial", (now_us,))
        return [RevokedSerial(serial=int(row[0], 16), at_us=row[1], reason=row[2]) for row in rows]

    def next_list(self) -> int:
        """A number for a new list, larger than every one before."""
        with self._transaction():
            self._do("INSERT INTO lists VALUES (1, 1) ON CONFLICT (only) DO UPDATE SET number = number + 1")
            return int(self._rows("SELECT number FROM lists")[0][0])

    def add_token(self, token: TokenRow, now_us: int) -> None:
        """Remembers a token; forgets those that expired a month ago."""
        with self._transaction():
            self._do("DELETE FROM tokens WHERE expires_us < ?", (now_us - 30 * 86_400_000_000,))
            self._do(
                "INSERT INTO tokens (id, role, key, hosts, expires_us) VALUES (?, ?, ?, ?, ?)",
                (token.id, token.role, token.key, "\n".join(token.hosts), token.expires_us),
            )

    def tokens(self) -> list[TokenRow]:
        """Those that are known, the newest last."""
        rows = self._rows("SELECT id, role, key, hosts, expires_us, attempts, used_us FROM tokens ORDER BY rowid")
        return [
            TokenRow(id=row[0], role=row[1], key=row[2], hosts=_words(row[3]), expires_us=row[4], attempts=row[5], used_us=row[6])
            for row in rows
        ]

    def token(self, number: str) -> TokenRow | None:
        """The token with this id."""
        return next((token for token in self.tokens() if token.id == number), None)

    def fail_token(self, number: str) -> None:
        """Counts an attempt that failed."""
        self._do("UPDATE tokens SET attempts = attempts + 1 WHERE id = ?", (number,))

    def use_token(self, number: str, now_us: int) -> bool:
        """It is used up; whether it was not before."""
        with self._transaction() as connection:
            found = connection.execute("UPDATE tokens SET used_us = ? WHERE id = ? AND used_us IS NULL", (now_us, number))
            return found.rowcount == 1

    def free_token(self, number: str) -> None:
        """It was not used after all."""
        self._do("UPDATE tokens SET used_us = NULL WHERE id = ?", (number,))

    def _rows(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._transaction() as connection:
            return connection.execute(statement, values).fetchall()

    def _do(self, statement: str, values: tuple[object, ...] = ()) -> None:
        with self._transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        under_way: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if under_way is not None:
            yield under_way
            return
        try:
            is_new = not self._file.exists()
            connection = sqlite3.connect(self._file, timeout=_BUSY_S, isolation_level=None)
            try:
                if is_new:
                    self._file.chmod(0o600)
                connection.executescript(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                self._local.connection = connection
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            finally:
                self._local.connection = None
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(f"the authority's record {self._file} cannot be used: {error}") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()
