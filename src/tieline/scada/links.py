"""Links to sites: whether each is heard, and what its edge says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class LinkState(StrEnum):
    """Whether a site is heard at the center."""

    WAITING = "waiting"
    """Nothing was heard yet, but the time that a heartbeat may take has not passed."""
    UP = "up"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStats:
    """How the edge gets along with one device; the counters start with the edge's process."""

    is_up: bool
    polls: int = 0
    errors: int = 0
    timeouts: int = 0
    reconnects: int = 0
    round_trip_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStats:
    """What a site's edge says of itself in a heartbeat."""

    samples_per_s: float = 0.0
    batches_per_s: float = 0.0
    pending_samples: int = 0
    """In memory, not yet in the site's stream."""
    spooled_batches: int = 0
    """In the site's stream, not yet taken by the center."""
    devices: Mapping[str, DeviceStats] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A site's link as it is now; times are microseconds since 1970-01-01 UTC."""

    site: str
    state: LinkState
    since: int
    """When the state began."""
    heard: int | None = None
    """When the newest heartbeat came; None where there was none."""
    stats: SiteStats = field(default_factory=SiteStats)
