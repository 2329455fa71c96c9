"""How findings become events: a beginning and an end each, with evidence in words, and never a flood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.model import Event, Point, Severity

Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

MOST_A_WINDOW = 10
WINDOW_US = 600_000_000
_LARGEST = 1e120


class Voice:
    """Speaks for one kind of detector; a point is worth so many events in ten minutes, the next one tells how many were left out."""

    def __init__(self, points: Sequence[Point], kind: str, severity: Severity = Severity.WARNING) -> None:
        self.points = points
        self._kind = kind
        self._severity = severity
        self._since = np.full(len(points), np.iinfo(np.int64).min // 2)
        self._said = np.zeros(len(points), np.int64)
        self._silenced = np.zeros(len(points), np.int64)

    def say(self, number: int, time_us: int, text: str, *, has_ended: bool = False) -> list[Event]:
        """The event that says so of the point with this number; none where it has said enough."""
        if abs(time_us - int(self._since[number])) > WINDOW_US:
            self._since[number] = time_us
            self._said[number] = 0
        if self._said[number] >= MOST_A_WINDOW:
            self._silenced[number] += 1
            return []
        self._said[number] += 1
        left_out, self._silenced[number] = int(self._silenced[number]), 0
        point = self.points[number]
        text = f"{name_of(point)} {text}" + (f" ({left_out} such events were left out)" if left_out else "")
        return [
            Event(
                time=time_us,
                site=point.site,
                device=point.device,
                kind=f"{self._kind}_ended" if has_ended else self._kind,
                severity=Severity.INFO if has_ended else self._severity,
                text=text,
            )
        ]


class Episodes:
    """What is going on at which point, and what begins or ends now."""

    def __init__(self, count: int) -> None:
        self.is_on = np.zeros(count, np.bool_)

    def update(self, index: Index, is_found: Mask) -> tuple[Index, Index]:
        """Positions within `index` at which an episode begins, and at which one ends; each number is in `index` once."""
        was = self.is_on[index]
        changed = was != is_found
        if not changed.any():
            return _NONE, _NONE
        self.is_on[index] = is_found
        return np.flatnonzero(changed & is_found), np.flatnonzero(changed & was)


_NONE: Index = np.zeros(0, np.intp)


def is_plain(value: Column) -> Mask:
    """Where a value is a number with which can be reckoned: finite, and not so large that its square is not."""
    plain: Mask = np.abs(value) < _LARGEST
    return plain


def name_of(point: Point) -> str:
    """The point as people call it."""
    return point.description or f"{point.device}/{point.name}"


def amount(point: Point, value: float) -> str:
    """A value with its unit."""
    return f"{value:.6g} {point.unit}".rstrip()
