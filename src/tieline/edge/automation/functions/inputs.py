"""What functions read: numbers in the first unit of their quantity, and where switches are; NaN and UNKNOWN where nothing is certain."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

from tieline.config.automation_functions.references import Measured
from tieline.edge.automation.function import Read
from tieline.model import Point, PointKind


class Position(Enum):
    """Where a switch is seen to be."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """On its way, in a bad state, of bad quality, or too old."""


def number(read: Read, point: Point | None) -> float:
    """The value of a point, or NaN where it is not good or there is no point."""
    if point is None:
        return math.nan
    reading = read(point)
    return reading.value if reading.is_good and math.isfinite(reading.value) else math.nan


def quantity(read: Read, measured: Measured | None) -> float:
    """A measurement in the first unit of its quantity, or NaN where it is not good or there is none."""
    return math.nan if measured is None else number(read, measured.point) * measured.factor


def is_on(read: Read, point: Point | None) -> bool | None:
    """The state that a binary or double point shows; None where it is uncertain or there is no point."""
    value = number(read, point)
    if point is None or math.isnan(value):
        return None
    if point.kind is PointKind.DOUBLE:
        return {1.0: False, 2.0: True}.get(value)
    return {0.0: False, 1.0: True}.get(value)


def position(read: Read, point: Point) -> Position:
    """Where the switch is whose position the point shows: 1 is closed for binaries, 2 (and 1 open) for double points."""
    state = is_on(read, point)
    return Position.UNKNOWN if state is None else Position.CLOSED if state else Position.OPEN


def bad_ones(read: Read, points: Iterable[Point | Measured | None]) -> list[str]:
    """The names of the points that are there and not good."""
    given = [one.point if isinstance(one, Measured) else one for one in points if one is not None]
    return [f"{point.device}/{point.name}" for point in given if math.isnan(number(read, point))]
