"""Commands to devices, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.model.points import PointId


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One value for one writable point. `id` makes it idempotent; `expires` is microseconds since 1970-01-01 UTC."""

    id: str
    point: PointId
    value: float
    requester: str
    expires: int


class Result(StrEnum):
    """How a command ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The device may or may not have acted: the answer was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the command with that id, and why in words. `time` is microseconds since 1970-01-01 UTC."""

    command: str
    time: int
    result: Result
    reason: str = ""
