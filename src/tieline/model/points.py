"""Points: the things a utility measures and operates, under one name each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2s
from typing import NewType

PointId = NewType("PointId", int)
"""A point's stable 32-bit number, by which samples refer to it."""


class PointKind(StrEnum):
    """What a point's value is."""

    ANALOG = "analog"
    BINARY = "binary"
    DOUBLE = "double"
    """IEC 61850 Dbpos: 0 intermediate, 1 off (open), 2 on (closed), 3 bad state."""
    COUNTER = "counter"
    SETPOINT = "setpoint"
    CONTROL = "control"

    @property
    def is_writable(self) -> bool:
        """Whether a command can be addressed to points of this kind."""
        return self in {PointKind.SETPOINT, PointKind.CONTROL}

    @property
    def is_discrete(self) -> bool:
        """Whether the value is a state and not a quantity: no scale, no deadband."""
        return self in {PointKind.BINARY, PointKind.DOUBLE, PointKind.CONTROL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """When a point's sample is worth sending: change beyond the deadband, change of quality, or silence grown too long."""

    deadband: float = 0.0
    """Absolute, in the point's unit; 0 reports every change."""
    max_silence_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured or operated quantity, named `site/device/name`."""

    id: PointId
    site: str
    device: str
    name: str
    kind: PointKind
    unit: str = ""
    description: str = ""
    equipment: str = ""
    """The piece of plant it belongs to, by its name in the electrical model (`grid/`)."""
    quantity: str = ""
    """What it measures there, in CIM's words: `active_power`, `voltage`, `switch_position` ..."""
    phase: str = ""
    low: float | None = None
    """The lowest value that makes sense; below it a sample is questionable, out of range."""
    high: float | None = None
    reporting: Reporting = field(default_factory=Reporting)

    @property
    def path(self) -> str:
        """`site/device/name`."""
        return f"{self.site}/{self.device}/{self.name}"


def derive_point_id(path: str) -> PointId:
    """The id of a point that was given none: 32 bits of the hash of its path, so that it is the same on every machine.

    Ids of two paths can collide (about one chance in three hundred among 5,000 points); reading a utility folder finds that,
    and the engineer writes another id beside one of them.
    """
    return PointId(int.from_bytes(blake2s(path.encode(), digest_size=4).digest(), "big"))
