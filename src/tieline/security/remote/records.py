"""The vocabulary of remote access: a grant, and a session under it. Times are microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class GrantState(StrEnum):
    """How far a grant is."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    ENDED = "ended"
    """Withdrawn, cut, or its time is over."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A person may reach one service of one device for a time, once another person has agreed."""

    id: str
    person: str
    reason: str
    site: str
    device: str
    service: str
    host: str
    """Of the service, as the folder says."""
    port: int
    asked_us: int
    begin_us: int
    """From when on it may be used."""
    end_us: int
    state: GrantState = GrantState.ASKED
    decided_by: str = ""
    """Who approved or refused it."""
    decided_us: int = 0
    ended_us: int = 0
    words: str = ""
    """Why it was refused, or has ended."""

    @property
    def target(self) -> str:
        """`site/device/service`, as the audit names it."""
        return f"{self.site}/{self.device}/{self.service}"

    def is_usable(self, now_us: int) -> bool:
        """Whether it can be used at this moment."""
        return self.state is GrantState.APPROVED and self.begin_us <= now_us < self.end_us


class SessionState(StrEnum):
    """How far a session is."""

    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One connection through the DMZ to a service, under a grant."""

    id: str
    grant: str
    person: str
    reason: str
    site: str
    device: str
    service: str
    port: int
    address: str
    """From where, as the DMZ sees it."""
    opened_us: int
    end_us: int
    """When it is cut at the latest: the grant's end."""
    state: SessionState = SessionState.OPENING
    closed_us: int = 0
    words: str = ""
    """Why it has ended."""
    up_bytes: int = 0
    """Towards the device."""
    down_bytes: int = 0
    sha256: str = ""
    """Of the recording, once it is complete."""

    @property
    def target(self) -> str:
        """`site/device/service`, as the audit names it."""
        return f"{self.site}/{self.device}/{self.service}"
