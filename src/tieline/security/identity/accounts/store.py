"""Accounts on disk: one SQLite file that only its owner may read.

What is secret by itself (session and token values, recovery codes, one-time secrets, passwords) is here as a hash only; the secrets of
authenticator apps have to be here as they are, which is why the file is worth protecting as a key is.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tieline.model import UnavailableError

VERSION = 2

_SCHEMA = """
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    password TEXT,
    must_change INTEGER NOT NULL,
    expires_us INTEGER,
    locked TEXT,
    totp BLOB,
    totp_step INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE TABLE former_passwords (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    password TEXT NOT NULL
) STRICT;
CREATE TABLE security_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    label TEXT NOT NULL,
    host TEXT NOT NULL,
    added_us INTEGER NOT NULL
) STRICT;
CREATE TABLE recovery_codes (
    name TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    hash TEXT NOT NULL,
    PRIMARY KEY (name, hash)
) STRICT;
CREATE TABLE sessions (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    stage TEXT NOT NULL,
    address TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    used_us INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    label TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT;
CREATE TABLE devices (
    hash TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    used_us INTEGER NOT NULL
) STRICT;
"""
_LOGINS = """
ALTER TABLE accounts ADD COLUMN login_us INTEGER;
ALTER TABLE accounts ADD COLUMN login_address TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN before_us INTEGER;
ALTER TABLE accounts ADD COLUMN before_address TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN before_failures INTEGER NOT NULL DEFAULT 0;
"""
_STEPS = (_SCHEMA, _LOGINS)
"""Each leads from one version to the next."""


class Store:
    """The file, open; `with store.change() as rows:` is a transaction that is on the disk when it ends, or did not happen."""

    def __init__(self, path: Path) -> None:
        """Opens the file and makes it where it is not there. Raises `UnavailableError` where that cannot be done."""
        self._path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
            self._rows = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"the accounts in {path} cannot be opened: {error}") from error
        self._rows.row_factory = sqlite3.Row
        try:
            self._prepare()
        except (sqlite3.Error, UnavailableError) as error:
            self._rows.close()
            raise UnavailableError(f"the accounts in {path} cannot be used: {error}") from error

    def _prepare(self) -> None:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "trusted_schema = OFF",
        ):
            self._rows.execute(f"PRAGMA {pragma}")
        (version,) = self._rows.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise UnavailableError(f"they are of version {version}, written by a newer Tieline")
        if version < VERSION:
            steps = " ".join(_STEPS[version:])
            self._rows.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")

    @contextmanager
    def look(self) -> Iterator[sqlite3.Connection]:
        """For reading. Raises `UnavailableError` where the disk does not let it."""
        with self._lock:
            try:
                yield self._rows
            except sqlite3.Error as error:
                raise UnavailableError(f"the accounts in {self._path} cannot be read: {error}") from error

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """For writing, all or nothing. Raises `UnavailableError` where the disk does not take it."""
        with self._lock:
            try:
                self._rows.execute("BEGIN IMMEDIATE")
                try:
                    yield self._rows
                except BaseException:
                    self._rows.execute("ROLLBACK")
                    raise
                self._rows.execute("COMMIT")
            except sqlite3.Error as error:
                if self._rows.in_transaction:
                    self._rows.execute("ROLLBACK")
                raise UnavailableError(f"the accounts in {self._path} cannot be written: {error}") from error

    def close(self) -> None:
        """Ends it; nothing else may be called afterwards."""
        with self._lock:
            self._rows.close()
