"""The points of one type in an outstation: what they are set to, what they measure now, and what their last event said, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, NO_TIME, STATE_BITS, STATIC_VARIATIONS, Flag, PointType

_Number = TypeVar("_Number", np.float64, np.int64)
Integers = npt.NDArray[np.int64]
Settings = int | Sequence[int] | npt.NDArray[np.integer]
"""One number for all points, or one for each."""

STATE_LIMITS = {
    PointType.BINARY_INPUT: 1,
    PointType.BINARY_OUTPUT_STATUS: 1,
    PointType.BINARY_OUTPUT_COMMAND: 1,
    PointType.DOUBLE_BIT_BINARY_INPUT: 3,
}
"""The highest state of the types that have states."""
MOST_STRING = 255
"""Octets of an octet string: its variation is its length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """How the points of one type are set; each column has one entry a point, or one number holds for all."""

    index: Sequence[int] | npt.NDArray[np.integer]
    """0 to 65535, each once; need not be without gaps."""
    event_class: Settings = 0
    """1 to 3; 0 has no events."""
    static_variation: Settings = 0
    """What a request that leaves it open is answered with; 0 takes the usual one."""
    event_variation: Settings = 0
    deadband: float | Sequence[float] | npt.NDArray[np.floating] = 0.0
    """How far a number must move from its last event for the next one."""


class PointTable:
    """The columns of one type, sorted by index. A point that was never updated has the flag RESTART and is not ONLINE."""

    def __init__(self, kind: PointType, points: Points) -> None:
        """Raises `LocalError` for an index, class, variation or deadband that cannot be."""
        index = np.asarray(points.index, np.int64)
        if len(index) and not 0 <= index.min() <= index.max() <= 0xFFFF:
            raise LocalError(f"an index of {kind.name} is 0 to 65535")
        order = np.argsort(index, kind="stable")
        count = len(index)
        self.kind = kind
        self.index = index[order].astype(np.uint32)
        if count and not np.diff(self.index.astype(np.int64)).all():
            raise LocalError(f"an index of {kind.name} is there twice")
        self.event_class = _column(kind, "class", points.event_class, order, (0, 1, 2, 3))
        statics, events = STATIC_VARIATIONS.get(kind, (0,)), EVENT_VARIATIONS.get(kind, (0,))
        self.static_variation = _variations(kind, points.static_variation, order, statics)
        self.event_variation = _variations(kind, points.event_variation, order, events)
        deadband = spread(np.asarray(points.deadband, np.float64), count)[order]
        check_deadbands(deadband)
        self.deadband = deadband
        self.value = np.zeros(count)
        self.flags = np.full(count, Flag.RESTART, np.uint8)
        self.time_us = np.full(count, NO_TIME)
        self.strings = [b"\0"] * count if kind is PointType.OCTET_STRING else []
        self.event_value = self.value.copy()
        self.event_flags = self.flags.copy()
        self._places = np.full(int(self.index[-1]) + 1 if count else 0, -1, np.int64)
        self.places: Integers = np.arange(count)
        self._places[self.index] = self.places

    def __len__(self) -> int:
        return len(self.index)

    def find(self, indexes: npt.NDArray[np.integer]) -> Integers:
        """Where in the columns each point is; -1 where there is none with that index."""
        if not len(self._places):
            return np.full(len(indexes), -1, np.int64)
        wanted = indexes.astype(np.int64, copy=False)
        found = self._places.take(wanted, mode="clip")
        found[(wanted < 0) | (wanted >= len(self._places))] = -1
        return found

    def between(self, start: int, stop: int) -> Integers:
        """Where the points from one index to another are, both included."""
        first, last = np.searchsorted(self.index, [start, stop + 1])
        return self.places[first:last]

    def checked(self, value: npt.NDArray[np.float64], flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The flags without state bits. Raises `LocalError` where a value is no state of this type."""
        limit = STATE_LIMITS.get(self.kind)
        if limit is None:
            return flags
        if not ((value >= 0) & (value <= limit) & (value == np.floor(value))).all():
            raise LocalError(f"a state of {self.kind.name} is 0 to {limit}")
        return flags & np.uint8(0xFF ^ STATE_BITS[self.kind])

    def store(
        self, at: Integers, value: npt.NDArray[np.float64], flags: npt.NDArray[np.uint8], time_us: Integers
    ) -> npt.NDArray[np.bool_]:
        """Takes new values of points that are each named once; gives which of them make an event."""
        before = self.event_value[at]
        with np.errstate(invalid="ignore"):
            moved = np.abs(value - before) > self.deadband[at]
        moved |= flags != self.event_flags[at]
        moved |= np.isnan(value) != np.isnan(before)
        self.value[at] = value
        self.flags[at] = flags
        self.time_us[at] = time_us
        has_class = self.event_class[at] > 0
        said = at[moved | ~has_class]
        self.event_value[said] = self.value[said]
        self.event_flags[said] = self.flags[said]
        moved &= has_class
        return moved


def check_deadbands(deadband: npt.NDArray[np.float64]) -> None:
    """Raises `LocalError` unless all are finite and not negative."""
    if not (np.isfinite(deadband) & (deadband >= 0)).all():
        raise LocalError("a deadband is a number that is not negative")


def spread(given: npt.NDArray[_Number], count: int) -> npt.NDArray[_Number]:
    """One entry a point, where one number may be given for all. Raises `LocalError` where there are more or fewer."""
    if given.shape not in {(), (1,), (count,)}:
        raise LocalError(f"{count} points are named, {given.size} entries are given")
    return np.broadcast_to(given, count)


def _column(
    kind: PointType, name: str, given: Settings, order: npt.NDArray[np.intp], allowed: Sequence[int]
) -> npt.NDArray[np.uint8]:
    numbers = spread(np.asarray(given, np.int64), len(order))
    if not np.isin(numbers, allowed).all():
        raise LocalError(f"a {name} of {kind.name} is one of {', '.join(map(str, sorted(allowed)))}")
    return numbers[order].astype(np.uint8)


def _variations(kind: PointType, given: Settings, order: npt.NDArray[np.intp], allowed: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    column = _column(kind, "variation", given, order, (0, *allowed))
    column[column == 0] = allowed[0]
    return column
