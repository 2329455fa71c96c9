"""Which value of which message is which point."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model import PointId
from tieline.protocols.goose import Expected, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class GoosePoint:
    """A point that a value of a data set feeds. Paths lead to leaves: the entry, and the member at each level below it, from 0."""

    point: PointId
    value: Path
    quality: Path | None = None
    """Where its quality is; without one a value is as good as its message."""
    time: Path | None = None
    """Where its own time stamp is; without one the message's `t` is."""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GooseBlock:
    """A GOOSE control block to supervise, with the points that it feeds; none where it is only watched."""

    expected: Expected
    device: str
    """The device that events about it name."""
    points: tuple[GoosePoint, ...] = ()
