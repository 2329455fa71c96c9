"""The accounts of a center, opened: everything about people who log in hangs from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieline.config.login import LoginSection
from tieline.config.people import PersonSection
from tieline.io.clock import Clock
from tieline.security.identity.accounts.administration import Administration
from tieline.security.identity.accounts.factors import Factors
from tieline.security.identity.accounts.login import Login
from tieline.security.identity.accounts.own import Own
from tieline.security.identity.accounts.parts import Parts, Recorder
from tieline.security.identity.accounts.passwords import Hasher
from tieline.security.identity.accounts.records import Records
from tieline.security.identity.accounts.sessions import Sessions
from tieline.security.identity.accounts.store import Store
from tieline.security.identity.accounts.throttle import Throttle
from tieline.security.identity.accounts.tokens import Tokens


class Accounts:
    """People who log in. Get one with `open`, and `close` it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.settings = parts.settings
        self.title = parts.title
        self.factors = Factors(parts)
        self.login = Login(parts, self.factors)
        self.own = Own(parts)
        self.administration = Administration(parts, self.factors)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        title: str,
        people: Sequence[PersonSection],
        settings: LoginSection,
        clock: Clock,
        record: Recorder,
        hasher: Hasher | None = None,
    ) -> Accounts:
        """The accounts in this SQLite file, which is made where it is not there, readable by its owner only.

        `title` is the utility's name. `record` writes the audit, before what it records takes effect; what it raises is raised
        by whatever was to be recorded. Raises `UnavailableError` where the file cannot be used.
        """
        store = Store(path)
        control_s = settings.control_minutes * 60.0
        return cls(
            Parts(
                title=title,
                people={person.name: person for person in people},
                settings=settings,
                clock=clock,
                record=record,
                hasher=hasher or Hasher(),
                store=store,
                records=Records(store),
                sessions=Sessions(
                    store,
                    idle_s=settings.idle_minutes * 60.0,
                    longest_s=settings.session_hours * 3_600.0,
                    control_s=control_s,
                ),
                tokens=Tokens(store, control_s=control_s),
                throttle=Throttle(lock_after=settings.lock_after, longest_s=settings.longest_lock_minutes * 60.0),
            )
        )

    def is_for_remote_access_only(self, person: str) -> bool:
        """Whether the folder lets this person do nothing else."""
        section = self._parts.people.get(person)
        return section is not None and section.only_remote_access

    def close(self) -> None:
        """Ends it; nothing else may be called afterwards."""
        with self._parts.lock:
            self._parts.store.close()
