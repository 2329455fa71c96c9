"""What logging in, second factors and administration share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tieline.config.login import LoginSection
from tieline.config.people import PersonSection
from tieline.io.clock import Clock
from tieline.model import Now
from tieline.security.identity.accounts.passwords import Hasher
from tieline.security.identity.accounts.records import Records
from tieline.security.identity.accounts.sessions import Sessions
from tieline.security.identity.accounts.store import Store
from tieline.security.identity.accounts.throttle import Throttle
from tieline.security.identity.accounts.tokens import Tokens


class Recorder(Protocol):
    """Writes the audit: `AuditLog.append`, or what leads there. Whatever it raises undoes what was to be recorded."""

    def __call__(
        self, *, actor: str, action: str, target: str = "", detail: Mapping[str, object] | None = None, outcome: str = ""
    ) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The pieces; hold `lock` while using any but the hasher, and never while hashing."""

    title: str
    """The utility's name."""
    people: Mapping[str, PersonSection]
    settings: LoginSection
    clock: Clock
    record: Recorder
    hasher: Hasher
    store: Store
    records: Records
    sessions: Sessions
    tokens: Tokens
    throttle: Throttle
    lock: threading.RLock = field(default_factory=threading.RLock)

    def now(self) -> Now:
        """This moment."""
        return Now(self.clock.monotonic(), self.clock.now_us())
