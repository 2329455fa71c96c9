"""Sessions of browsers: kept at the server, known to the browser by a random value of which only the hash is kept.

    (nothing) -- password --> "second_factor" -- code or key --> "full"          where a second factor is asked at every login
    (nothing) -- password --> "enroll" -- a second factor is set up --> "full"   where one is asked and there is none yet
    (nothing) -- password --> "full"                                             otherwise

A session that is not "full" gives nobody an identity, and lives for ten minutes. Each step of the way, and every second factor shown
later, gives the browser a new value; the session's name stays.

Time-outs run on the monotonic clock, so a step of the wall clock neither lengthens nor ends a session. The sessions survive a
restart: then their age is taken from the wall clock once, and one that seems to come from the future has ended. What a second
factor permits is in memory only and ends with the process.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from tieline.model import Now
from tieline.security.identity.accounts.secret_values import hash_of, new_name, new_value
from tieline.security.identity.accounts.store import Store

Stage = Literal["second_factor", "change_password", "enroll", "full"]
HALF_WAY_S = 600.0
MOST_A_PERSON = 10
"""The oldest ends when somebody logs in once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is now."""

    name: str
    person: str
    stage: Stage
    address: str
    """From where it was begun."""
    started_us: int
    used_us: int
    age_s: float
    """How long ago it was begun."""
    controls_for_s: float
    """For how long control is still permitted; 0 for not."""


@dataclass(slots=True)
class _Times:
    """Of one session, on the monotonic clock of this process."""

    started_s: float
    used_s: float
    stored_s: float
    controls_until_s: float = float("-inf")


class Sessions:
    """All sessions; not safe to use from several threads at once."""

    def __init__(self, store: Store, *, idle_s: float, longest_s: float, control_s: float) -> None:
        self._store = store
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._control_s = control_s
        self._times: dict[str, _Times] = {}

    def begin(self, person: str, stage: Stage, address: str, now: Now) -> tuple[Session, str]:
        """A new session, and the value for the browser."""
        name, value = new_name(), new_value()
        with self._store.change() as rows:
            rows.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, hash_of(value), person, stage, address, now.utc_us, now.utc_us),
            )
            rows.execute(
                "DELETE FROM sessions WHERE person = ? AND name NOT IN "
                "(SELECT name FROM sessions WHERE person = ? ORDER BY rowid DESC LIMIT ?)",
                (person, person, MOST_A_PERSON),
            )
        self._times[name] = _Times(now.monotonic_s, now.monotonic_s, now.monotonic_s)
        self._drop_ended(now)
        session = self.named(name, now)
        assert session is not None
        return session, value

    def find(self, value: str, now: Now) -> Session | None:
        """The session that a browser shows the value of, where it lives."""
        return self._find("hash", hash_of(value), now)

    def named(self, name: str, now: Now) -> Session | None:
        """The session of this name, where it lives."""
        return self._find("name", name, now)

    def touch(self, name: str, now: Now) -> None:
        """The person did something: the idle time begins anew."""
        times = self._times.get(name)
        if times is None:
            return
        times.used_s = now.monotonic_s
        if now.monotonic_s - times.stored_s >= self._idle_s / 10:
            times.stored_s = now.monotonic_s
            with self._store.change() as rows:
                rows.execute("UPDATE sessions SET used_us = ? WHERE name = ?", (now.utc_us, name))

    def rotate(self, name: str, now: Now, *, stage: Stage = "full", permits_control: bool = False) -> str:
        """A new value for the browser, the old one is worth nothing from now on. The session has to live."""
        value = new_value()
        with self._store.change() as rows:
            rows.execute("UPDATE sessions SET hash = ?, stage = ? WHERE name = ?", (hash_of(value), stage, name))
        if permits_control:
            self._times[name].controls_until_s = now.monotonic_s + self._control_s
        return value

    def end(self, name: str) -> None:
        """Ends one."""
        with self._store.change() as rows:
            rows.execute("DELETE FROM sessions WHERE name = ?", (name,))
        self._times.pop(name, None)

    def end_all_of(self, person: str, *, but: str = "") -> int:
        """Ends every one of a person, but this one; how many."""
        with self._store.change() as rows:
            names = [row["name"] for row in rows.execute("SELECT name FROM sessions WHERE person = ?", (person,))]
            ended = [name for name in names if name != but]
            rows.executemany("DELETE FROM sessions WHERE name = ?", [(name,) for name in ended])
        for name in ended:
            self._times.pop(name, None)
        return len(ended)

    def of(self, person: str, now: Now) -> list[Session]:
        """Those of a person that live, the newest first."""
        with self._store.look() as rows:
            names = [
                row["name"] for row in rows.execute("SELECT name FROM sessions WHERE person = ? ORDER BY rowid DESC", (person,))
            ]
        return [session for name in names if (session := self.named(name, now)) is not None]

    def _find(self, column: Literal["hash", "name"], wanted: str, now: Now) -> Session | None:
        with self._store.look() as rows:
            row = rows.execute(f"SELECT * FROM sessions WHERE {column} = ?", (wanted,)).fetchone()  # noqa: S608 - two constants
        if row is None:
            return None
        times = self._times_of(row, now)
        if not self._lives(row["stage"], times, now):
            self.end(row["name"])
            return None
        return Session(
            name=row["name"],
            person=row["person"],
            stage=row["stage"],
            address=row["address"],
            started_us=row["started_us"],
            used_us=row["used_us"],
            age_s=now.monotonic_s - times.started_s,
            controls_for_s=max(0.0, times.controls_until_s - now.monotonic_s),
        )

    def _times_of(self, row: sqlite3.Row, now: Now) -> _Times:
        times = self._times.get(row["name"])
        if times is None:  # begun by a process before this one
            age_s, idle_s = ((now.utc_us - row[column]) / 1e6 for column in ("started_us", "used_us"))
            if min(age_s, idle_s) < 0:
                age_s = float("inf")
            times = _Times(now.monotonic_s - age_s, now.monotonic_s - idle_s, now.monotonic_s - idle_s)
            self._times[row["name"]] = times
        return times

    def _lives(self, stage: str, times: _Times, now: Now) -> bool:
        longest_s = self._longest_s if stage == "full" else min(HALF_WAY_S, self._longest_s)
        return now.monotonic_s - times.started_s < longest_s and now.monotonic_s - times.used_s < self._idle_s

    def _drop_ended(self, now: Now) -> None:
        with self._store.look() as rows:
            names = [row["name"] for row in rows.execute("SELECT name FROM sessions")]
        for name in names:
            self.named(name, now)  # ends it where it is over
        for name in set(self._times).difference(names):
            del self._times[name]
