"""The rows of accounts: what is stored of a person besides sessions and tokens."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tieline.security.identity.accounts.security_keys import SecurityKey
from tieline.security.identity.accounts.store import Store

MOST_DEVICES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """A login, and how often a password was refused after it."""

    time_us: int | None
    """None where nobody has logged in yet."""
    address: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is stored of a person."""

    name: str
    password: str | None
    """Its hash; None for who logs in elsewhere only."""
    must_change: bool
    """The password is a one-time secret."""
    expires_us: int | None
    """When the one-time secret does."""
    locked: str | None
    """Why an administrator locked it; None for not."""
    totp: bytes | None
    totp_step: int
    """The step of time of the code accepted last."""
    last: Logins
    """The login that there was last."""
    before: Logins
    """The one before that: what its owner is told."""


class Records:
    """Reads and writes the rows; not safe to use from several threads at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._failures: Counter[str] = Counter()
        """Refused passwords since the last login, or since the start."""

    def account(self, name: str) -> Account | None:
        """The account of this name."""
        with self._store.look() as rows:
            row = rows.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
        return None if row is None else self._account(row)

    def accounts(self) -> list[Account]:
        """All accounts by name."""
        with self._store.look() as rows:
            return [self._account(row) for row in rows.execute("SELECT * FROM accounts ORDER BY name")]

    def ensure(self, name: str, utc_us: int) -> Account:
        """The account, made without a password where there is none."""
        with self._store.change() as rows:
            rows.execute(
                "INSERT INTO accounts (name, must_change, created_us, changed_us) VALUES (?, 0, ?, ?) ON CONFLICT DO NOTHING",
                (name, utc_us, utc_us),
            )
        account = self.account(name)
        assert account is not None
        return account

    def set_password(self, name: str, hashed: str, utc_us: int, *, expires_us: int | None = None, keep_former: int = 0) -> None:
        """A new password; with `expires_us` a one-time secret, which has to be changed. So many former ones are remembered."""
        with self._store.change() as rows:
            row = rows.execute("SELECT password, must_change FROM accounts WHERE name = ?", (name,)).fetchone()
            if row is not None and row["password"] is not None and not row["must_change"]:
                rows.execute("INSERT INTO former_passwords (name, password) VALUES (?, ?)", (name, row["password"]))
            rows.execute(
                "DELETE FROM former_passwords WHERE name = ? AND number NOT IN "
                "(SELECT number FROM former_passwords WHERE name = ? ORDER BY number DESC LIMIT ?)",
                (name, name, max(0, keep_former - 1)),
            )
            rows.execute(
                "UPDATE accounts SET password = ?, must_change = ?, expires_us = ?, changed_us = ? WHERE name = ?",
                (hashed, expires_us is not None, expires_us, utc_us, name),
            )

    def drop_one_time_secret(self, name: str) -> Account:
        """The account without its one-time secret, where it has one: its owner came in by another way."""
        with self._store.change() as rows:
            rows.execute(
                "UPDATE accounts SET password = NULL, must_change = 0, expires_us = NULL WHERE name = ? AND must_change = 1",
                (name,),
            )
        account = self.account(name)
        assert account is not None
        return account

    def renew_hash(self, name: str, hashed: str) -> None:
        """The same password, hashed with the parameters of today."""
        with self._store.change() as rows:
            rows.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))

    def former_passwords(self, name: str) -> list[str]:
        """The hashes of the passwords before, the newest first."""
        with self._store.look() as rows:
            found = rows.execute("SELECT password FROM former_passwords WHERE name = ? ORDER BY number DESC", (name,))
            return [row["password"] for row in found]

    def note_login(self, name: str, address: str, utc_us: int) -> None:
        """Somebody logged in; the login before, with what failed since, is kept."""
        with self._store.change() as rows:
            rows.execute(
                "UPDATE accounts SET before_us = login_us, before_address = login_address, before_failures = ?, "
                "login_us = ?, login_address = ? WHERE name = ?",
                (self._failures.pop(name, 0), utc_us, address, name),
            )

    def note_failure(self, name: str) -> None:
        """A password of a person was refused; in memory only: writing it would take time, and tell that there is an account."""
        self._failures[name] += 1

    def lock(self, name: str, reason: str | None) -> None:
        """Locks an account for this reason, or unlocks it."""
        with self._store.change() as rows:
            rows.execute("UPDATE accounts SET locked = ? WHERE name = ?", (reason, name))

    def remove(self, name: str) -> bool:
        """Removes an account with all that belongs to it; whether there was one."""
        with self._store.change() as rows:
            rows.execute("DELETE FROM sessions WHERE person = ?", (name,))
            return rows.execute("DELETE FROM accounts WHERE name = ?", (name,)).rowcount > 0

    def set_totp(self, name: str, secret: bytes | None, step: int = 0) -> None:
        """Sets up an authenticator app, or takes it away."""
        with self._store.change() as rows:
            rows.execute("UPDATE accounts SET totp = ?, totp_step = ? WHERE name = ?", (secret, step, name))

    def accept_totp(self, name: str, step: int) -> bool:
        """Notes the step of an accepted code; False where one as late was accepted already, by whomever."""
        with self._store.change() as rows:
            done = rows.execute("UPDATE accounts SET totp_step = ? WHERE name = ? AND totp_step < ?", (step, name, step))
            return done.rowcount == 1

    def keys(self, name: str) -> list[SecurityKey]:
        """A person's security keys, the oldest first."""
        with self._store.look() as rows:
            found = rows.execute("SELECT * FROM security_keys WHERE name = ? ORDER BY added_us, id", (name,)).fetchall()
        return [
            SecurityKey(
                id=row["id"],
                label=row["label"],
                host=row["host"],
                added_us=row["added_us"],
                public_key=row["public_key"],
                sign_count=row["sign_count"],
            )
            for row in found
        ]

    def has_key(self, identifier: str) -> bool:
        """Whether a key belongs to somebody."""
        with self._store.look() as rows:
            return rows.execute("SELECT 1 FROM security_keys WHERE id = ?", (identifier,)).fetchone() is not None

    def add_key(self, name: str, key: SecurityKey) -> None:
        """Adds a key, which belongs to nobody."""
        with self._store.change() as rows:
            rows.execute(
                "INSERT INTO security_keys VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key.id, name, key.public_key, key.sign_count, key.label, key.host, key.added_us),
            )

    def count_key(self, identifier: str, sign_count: int) -> None:
        """What a key's counter shows now."""
        with self._store.change() as rows:
            rows.execute("UPDATE security_keys SET sign_count = ? WHERE id = ?", (sign_count, identifier))

    def remove_key(self, name: str, identifier: str) -> bool:
        """Removes one of a person's keys; whether there was one."""
        with self._store.change() as rows:
            return rows.execute("DELETE FROM security_keys WHERE name = ? AND id = ?", (name, identifier)).rowcount > 0

    def set_recovery_codes(self, name: str, hashes: Sequence[str]) -> None:
        """Replaces a person's recovery codes."""
        with self._store.change() as rows:
            rows.execute("DELETE FROM recovery_codes WHERE name = ?", (name,))
            rows.executemany("INSERT INTO recovery_codes VALUES (?, ?)", [(name, one) for one in hashes])

    def recovery_codes(self, name: str) -> int:
        """How many codes a person has left."""
        with self._store.look() as rows:
            (count,) = rows.execute("SELECT count(*) FROM recovery_codes WHERE name = ?", (name,)).fetchone()
        return int(count)

    def use_recovery_code(self, name: str, hashed: str) -> bool:
        """Takes a code away; whether the person had it."""
        with self._store.change() as rows:
            return rows.execute("DELETE FROM recovery_codes WHERE name = ? AND hash = ?", (name, hashed)).rowcount > 0

    def forget_factors(self, name: str) -> None:
        """No app, no keys, no recovery codes."""
        with self._store.change() as rows:
            rows.execute("UPDATE accounts SET totp = NULL, totp_step = 0 WHERE name = ?", (name,))
            rows.execute("DELETE FROM security_keys WHERE name = ?", (name,))
            rows.execute("DELETE FROM recovery_codes WHERE name = ?", (name,))

    def is_device_of(self, name: str, hashed: str) -> bool:
        """Whether the person logged in with this browser before."""
        with self._store.look() as rows:
            return rows.execute("SELECT 1 FROM devices WHERE hash = ? AND person = ?", (hashed, name)).fetchone() is not None

    def note_device(self, name: str, hashed: str, utc_us: int) -> None:
        """The person logged in with this browser; the oldest of many is forgotten."""
        with self._store.change() as rows:
            rows.execute(
                "INSERT INTO devices VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET used_us = excluded.used_us",
                (hashed, name, utc_us),
            )
            rows.execute(
                "DELETE FROM devices WHERE person = ? AND hash NOT IN "
                "(SELECT hash FROM devices WHERE person = ? ORDER BY used_us DESC LIMIT ?)",
                (name, name, MOST_DEVICES),
            )

    def forget_devices(self, name: str) -> None:
        """No browser is known any more."""
        with self._store.change() as rows:
            rows.execute("DELETE FROM devices WHERE person = ?", (name,))

    def _account(self, row: sqlite3.Row) -> Account:
        return Account(
            name=row["name"],
            password=row["password"],
            must_change=bool(row["must_change"]),
            expires_us=row["expires_us"],
            locked=row["locked"],
            totp=row["totp"],
            totp_step=row["totp_step"],
            last=Logins(time_us=row["login_us"], address=row["login_address"], failures=self._failures[row["name"]]),
            before=Logins(time_us=row["before_us"], address=row["before_address"], failures=row["before_failures"]),
        )
