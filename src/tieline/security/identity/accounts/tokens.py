"""API tokens: what terminals and machines show in place of a session, `Authorization: Bearer tieline_...`.

A person makes one for some of the own roles and for a time; it is shown once. A second factor shown with a token permits control for a
while, as it does for a session.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tieline.config.fields import Role
from tieline.model import Now
from tieline.security.identity.accounts.secret_values import hash_of, new_name, new_value
from tieline.security.identity.accounts.store import Store

PREFIX = "tieline_"
"""So that a token which got lost in a repository or a log is found."""
MOST_A_PERSON = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is now, without its value."""

    name: str
    person: str
    label: str
    roles: frozenset[str]
    created_us: int
    expires_us: int
    controls_for_s: float


class Tokens:
    """All tokens; not safe to use from several threads at once."""

    def __init__(self, store: Store, *, control_s: float) -> None:
        self._store = store
        self._control_s = control_s
        self._controls_until_s: dict[str, float] = {}

    def make(self, person: str, label: str, roles: Collection[Role], life_us: int, now: Now) -> tuple[Token, str]:
        """A new token, and its value, which is not to be had again."""
        name, value = new_name(), PREFIX + new_value()
        with self._store.change() as rows:
            rows.execute("DELETE FROM tokens WHERE expires_us <= ?", (now.utc_us,))
            rows.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, hash_of(value), person, label, " ".join(sorted(roles)), now.utc_us, now.utc_us + life_us),
            )
        token = self.named(name, now)
        assert token is not None
        return token, value

    def find(self, value: str, now: Now) -> Token | None:
        """The token with this value, where it has not expired."""
        return self._first("hash = ?", hash_of(value), now)

    def named(self, name: str, now: Now) -> Token | None:
        """The token of this name, where it has not expired."""
        return self._first("name = ?", name, now)

    def of(self, person: str, now: Now) -> list[Token]:
        """Those of a person, the newest first."""
        return self._select("person = ? ORDER BY rowid DESC", person, now)

    def permit_control(self, name: str, now: Now) -> None:
        """A second factor was shown with this token."""
        self._controls_until_s[name] = now.monotonic_s + self._control_s

    def end_control_of(self, person: str) -> None:
        """What a second factor permitted with any of a person's is over."""
        with self._store.look() as rows:
            names = [row["name"] for row in rows.execute("SELECT name FROM tokens WHERE person = ?", (person,))]
        for name in names:
            self._controls_until_s.pop(name, None)

    def revoke(self, person: str, name: str) -> bool:
        """Ends one of a person's; whether there was one."""
        with self._store.change() as rows:
            done = rows.execute("DELETE FROM tokens WHERE person = ? AND name = ?", (person, name)).rowcount
        self._controls_until_s.pop(name, None)
        return done > 0

    def revoke_all_of(self, person: str) -> int:
        """Ends every one of a person; how many."""
        self.end_control_of(person)
        with self._store.change() as rows:
            return rows.execute("DELETE FROM tokens WHERE person = ?", (person,)).rowcount

    def _first(self, condition: str, value: str, now: Now) -> Token | None:
        return next(iter(self._select(condition, value, now)), None)

    def _select(self, condition: str, value: str, now: Now) -> list[Token]:
        with self._store.look() as rows:
            found = rows.execute(f"SELECT * FROM tokens WHERE {condition}", (value,)).fetchall()  # noqa: S608 - constants
        return [
            Token(
                name=row["name"],
                person=row["person"],
                label=row["label"],
                roles=frozenset(row["roles"].split()),
                created_us=row["created_us"],
                expires_us=row["expires_us"],
                controls_for_s=max(0.0, self._controls_until_s.get(row["name"], 0.0) - now.monotonic_s),
            )
            for row in found
            if row["created_us"] <= now.utc_us + _SLACK_US and now.utc_us < row["expires_us"]
        ]


_SLACK_US = 3_600_000_000
"""A wall clock that was set back by more than this does not make old tokens young: they are refused until it is right again."""
