"""What the sections of automation functions refer to: points of the right kind, in a unit that is understood."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydantic import Field

from tieline.config.fields import Strict
from tieline.config.lines import KeyPath
from tieline.config.quantities import MEASURED
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind

_NUMBERS = frozenset({PointKind.ANALOG, PointKind.COUNTER})
_STATES = frozenset({PointKind.BINARY, PointKind.DOUBLE})


@dataclass(frozen=True, slots=True)
class Measured:
    """A point that measures a quantity; its value times `factor` is in the first unit of the quantity."""

    point: Point
    factor: float


@dataclass(frozen=True, slots=True)
class Setpoint:
    """A point that takes a quantity; a value in the first unit of the quantity over `factor` is what is written."""

    point: Point
    factor: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """A switch that a function operates: 1 at `control` closes, 0 opens, and `position` shows where it is."""

    control: Point
    position: Point

    @property
    def title(self) -> str:
        """What people call it: its equipment, or the point that shows it."""
        return self.position.equipment or f"{self.position.device}/{self.position.name}"


class BreakerSection(Strict):
    """A switch that a function operates."""

    control: str = Field(description="control that closes it with 1 and opens it with 0")
    position: str = Field(description="binary or double point that shows where it is")


class References:
    """The references of one section. What does not fit becomes a finding, and then `is_sound` is False."""

    def __init__(self, points: SitePoints, key: KeyPath) -> None:
        self._points = points
        self._key = key
        self.is_sound = True

    def mistake(self, path: KeyPath, problem: str, remedy: str, *, value: object = "") -> None:
        """Notes a mistake at a key of the section."""
        self.is_sound = False
        self._points.source.report_key((*self._key, *path), problem, remedy, value=value)

    def require(self, holds: bool, path: KeyPath, problem: str, remedy: str, *, value: object = "") -> None:
        """Notes a mistake where something does not hold."""
        if not holds:
            self.mistake(path, problem, remedy, value=value)

    def measured(self, path: KeyPath, reference: str | None, quantity: str) -> Measured | None:
        """A point that measures that quantity; None where nothing is referred to."""
        point = self._point(path, reference, _NUMBERS)
        factor = self._factor(path, point, quantity)
        return None if point is None or factor is None else Measured(point, factor)

    def all_measured(self, path: KeyPath, references: Sequence[str], quantity: str) -> tuple[Measured, ...]:
        """Points that measure the same; each once."""
        found = [self.measured((*path, index), reference, quantity) for index, reference in enumerate(references)]
        for index, reference in enumerate(references):
            if reference in references[:index]:
                self.mistake((*path, index), "is named twice", "name each measurement once", value=reference)
        return tuple(one for one in found if one is not None)

    def number(self, path: KeyPath, reference: str | None) -> Point | None:
        """A point with a plain number, such as a tap position."""
        return self._point(path, reference, _NUMBERS)

    def state(self, path: KeyPath, reference: str | None) -> Point | None:
        """A binary or double point."""
        return self._point(path, reference, _STATES)

    def control(self, path: KeyPath, reference: str | None) -> Point | None:
        """A control."""
        return self._point(path, reference, {PointKind.CONTROL})

    def setpoint(self, path: KeyPath, reference: str | None, quantity: str = "") -> Setpoint | None:
        """A setpoint of that quantity, or of a plain number."""
        point = self._point(path, reference, {PointKind.SETPOINT})
        factor = self._factor(path, point, quantity) if quantity else 1.0
        return None if point is None or factor is None else Setpoint(point, factor)

    def breaker(self, path: KeyPath, section: BreakerSection) -> Breaker | None:
        """A switch with its control and its position, which belong together."""
        control = self.control((*path, "control"), section.control)
        position = self.state((*path, "position"), section.position)
        if control is None or position is None:
            return None
        self.require(
            not (control.equipment and position.equipment) or control.equipment == position.equipment,
            (*path, "position"),
            f"shows {position.equipment}, while the control operates {control.equipment}",
            "name control and position of one switch",
            value=section.position,
        )
        return Breaker(control, position)

    def _point(self, path: KeyPath, reference: str | None, kinds: Collection[PointKind]) -> Point | None:
        if reference is None:
            return None
        point = self._points.find((*self._key, *path), reference)
        if point is None:
            self.is_sound = False
        elif point.kind not in kinds:
            words = " or ".join(sorted(kinds))
            self.mistake(path, f"is of the kind {point.kind}", f"name a point of the kind {words}", value=reference)
            return None
        return point

    def _factor(self, path: KeyPath, point: Point | None, quantity: str) -> float | None:
        if point is None:
            return None
        units = MEASURED[quantity].units
        if point.unit not in units:
            remedy = f"name a point in {' or '.join(unit or 'no unit' for unit in units)}"
            problem = f"has the unit {point.unit or '(none)'}, which is none of {quantity.replace('_', ' ')}"
            self.mistake(path, problem, remedy, value=f"{point.device}/{point.name}")
            return None
        return units[point.unit]


def named(points: Sequence[Point | Measured | Setpoint | None]) -> tuple[Point, ...]:
    """Those points that are there, each once."""
    found = (one if isinstance(one, Point) else one.point for one in points if one is not None)
    return tuple(dict.fromkeys(found))
