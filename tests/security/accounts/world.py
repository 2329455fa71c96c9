"""Accounts to test: a folder's people, a clock that is set, an audit that remembers, hashes that cost little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tieline.config import LoginSection, PersonSection
from tieline.security.identity.accounts import Accounts, Entry, Hasher, Identity
from tieline.security.identity.accounts.totp import code_at, step_at

NOON_US = 1_784_721_600_000_000
PASSWORD = "a kettle sings at dawn"
OTHER_PASSWORD = "seven grey herons wade"
SECRET = b"12345678901234567890"

PEOPLE = (
    PersonSection(name="ada", roles=["operator", "viewer"], areas=["northgate"]),
    PersonSection(name="grace", roles=["engineer", "operator"]),
    PersonSection(name="lise", roles=["viewer"]),
    PersonSection(name="rosalind", roles=["security_administrator"]),
    PersonSection(name="hedy", roles=["security_administrator", "security_auditor"]),
)


class SetClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.utc_us = NOON_US
        self.monotonic_s = 1_000.0

    def now_us(self) -> int:
        return self.utc_us

    def monotonic(self) -> float:
        return self.monotonic_s

    def go(self, seconds: float) -> None:
        self.utc_us += round(seconds * 1e6)
        self.monotonic_s += seconds

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.utc_us += round(seconds * 1e6)


@dataclass
class Record:
    actor: str
    action: str
    target: str
    detail: Mapping[str, object]
    outcome: str


@dataclass
class Audit:
    """Remembers, or refuses as a full disk does."""

    records: list[Record] = field(default_factory=list)
    failure: Exception | None = None

    def append(
        self, *, actor: str, action: str, target: str = "", detail: Mapping[str, object] | None = None, outcome: str = ""
    ) -> None:
        if self.failure is not None:
            raise self.failure
        self.records.append(Record(actor, action, target, dict(detail or {}), outcome))

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.actor, one.action, one.outcome) for one in self.records]


class Center:
    """A center's accounts, which can be restarted."""

    def __init__(self, folder: Path, settings: LoginSection | None = None, people: tuple[PersonSection, ...] = PEOPLE) -> None:
        self.path = folder / "center/accounts.sqlite"
        self.settings = settings or LoginSection()
        self.people = people
        self.clock = SetClock()
        self.audit = Audit()
        self.accounts = self.open()

    def open(self) -> Accounts:
        return Accounts.open(
            self.path,
            title="Ridgeway",
            people=self.people,
            settings=self.settings,
            clock=self.clock,
            record=self.audit.append,
            hasher=Hasher(time_cost=1, memory_kib=32),
        )

    def restart(self, after_s: float = 1.0) -> None:
        self.accounts.close()
        self.clock.go(after_s)
        self.clock.monotonic_s = 5.0  # another boot
        self.accounts = self.open()

    def prepare(self, name: str = "ada", *, has_app: bool = False) -> None:
        self.accounts.administration.prepare(name, PASSWORD, totp_secret=SECRET if has_app else None)

    def log_in(self, name: str = "ada", password: str = PASSWORD, *, address: str = "10.0.0.1", device: str = "") -> Entry:
        return self.accounts.login.by_password(name, password, address=address, device=device)

    def code(self, secret: bytes = SECRET) -> str:
        return code_at(secret, step_at(self.clock.utc_us))

    def full(self, name: str = "ada") -> Entry:
        """A session with a second factor shown."""
        self.prepare(name, has_app=True)
        entry = self.log_in(name)
        return self.accounts.login.show_code(entry.session, self.code(), address="10.0.0.1")

    def identity(self, entry: Entry) -> Identity:
        identity = self.accounts.login.identity(entry.session, "10.0.0.1")
        assert identity is not None
        return identity

    def administrator(self, name: str = "rosalind") -> Identity:
        return self.identity(self.full(name))
