"""People, a folder's services and a clock for tests of remote access."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from tieline.config.fields import Role
from tieline.config.remote import RemoteSection, RemoteService, SiteRemote
from tieline.model import Now
from tieline.security.identity.accounts import Identity
from tieline.security.remote.desk import RemoteDesk
from tieline.security.remote.records import Grant, Session

NOON_US = 1_784_721_600_000_000
RELAY = RemoteService(device="relay-1", name="web", host="10.1.0.7", port=443)
SITES = {
    "north": SiteRemote(services=(RELAY,), most_sessions=3),
    "south": SiteRemote(services=(RELAY,)),
    "shut": SiteRemote(allowed=False, services=(RELAY,)),
}


def person(name: str, *roles: Role, areas: frozenset[str] | None = None, has_second_factor: bool = True) -> Identity:
    return Identity(
        person=name,
        roles=frozenset(roles),
        areas=areas,
        has_second_factor=has_second_factor,
        session="b-1",
        address="192.0.2.9",
        is_token=True,
    )


VENDOR = person("ines", "installer", areas=frozenset({"north"}))
OPERATOR = person("ada", "operator")
ELSEWHERE = person("mary", "operator", areas=frozenset({"south"}))
BOTH = person("grace", "engineer", "operator")
VIEWER = person("lise", "viewer")
SECURITY = person("rosalind", "security_administrator")


@dataclass
class World:
    """A desk, and a clock that is set."""

    settings: RemoteSection = field(default_factory=RemoteSection)
    now: Now = field(default_factory=lambda: Now(1_000.0, NOON_US))

    def __post_init__(self) -> None:
        numbers = count(1)
        self.desk = RemoteDesk(self.settings, SITES, new_id=lambda: str(next(numbers)))

    def go(self, seconds: float) -> None:
        self.now = Now(self.now.monotonic_s + seconds, self.now.utc_us + round(seconds * 1e6))

    def ask(
        self, who: Identity = VENDOR, site: str = "north", service: str = "web", minutes: float = 60, begin_s: float = 0
    ) -> Grant:
        begin_us = self.now.utc_us + round(begin_s * 1e6) if begin_s else 0
        grant = self.desk.ask(who, site, "relay-1", service, "new firmware", begin_us, minutes, self.now.utc_us)
        self.desk.put(grant)
        return grant

    def approve(self, grant: Grant, who: Identity = OPERATOR) -> Grant:
        approved = self.desk.approve(who, grant.id, self.now.utc_us)
        self.desk.put(approved)
        return approved

    def granted(self, **asked: float) -> Grant:
        return self.approve(self.ask(**asked))  # type: ignore[arg-type]

    def ticket(self, grant: Grant, secret: bytes = b"s", who: Identity = VENDOR) -> bytes:
        self.desk.issue(self.desk.ticket(who, grant.id, secret, self.now))
        return secret

    def redeem(self, secret: bytes = b"s") -> Session:
        session = self.desk.redeem(secret, "192.0.2.9", self.now)
        self.desk.put(session)
        return session
