"""`sum`, `mean`, `min`, `max`, `count_good` across points, and `difference`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieline.config.calculation_sections import MembersSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations.fanout import Bits, Floats, Index, Mask
from tieline.edge.processing.calculations.momentary import Inputs, Moments
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INACCURATE, INVALID, checked, combined, is_usable, worsened
from tieline.model import Quality, Samples, is_good

_DIFFERENCE = "difference"


class Members(Part):
    """All calculations across points at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        self._inputs = Inputs(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._needed = np.array([_needed(calculation) for calculation in plan], np.intp)
        functions = [_function(calculation) for calculation in plan]
        self._is = {name: np.array([function == name for function in functions]) for name in set(functions)}
        self._sign = np.array([_sign(calculation, place) for calculation in plan for place in range(len(calculation.inputs))])

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The results due to these samples."""
        moments = self._inputs.take(rows, samples)
        if moments is None:
            return Samples.empty()
        which, first = moments.calculation, moments.first
        usable = is_usable(moments.value, moments.quality)
        count = np.add.reduceat(usable, first, dtype=np.intp)
        quality = self._quality(moments, usable, count)
        value = self._value(moments, usable, count)
        if "count_good" in self._is:
            counts = self._is["count_good"][which]
            value = np.where(counts, np.add.reduceat(is_good(moments.quality), first, dtype=np.intp), value)
            quality = np.where(counts, combined(moments.quality, first) & np.uint16(Quality.DEVICE_TIME), quality)
        value, quality = checked(value, quality)
        return Samples(self._id[which], moments.newest, value, quality)

    def _quality(self, moments: Moments, usable: Mask, count: Index) -> Bits:
        first = moments.first
        width = np.diff(np.append(first, len(usable)))
        # What an unusable member has to say of itself is said by what becomes of the result.
        of_usable = combined(np.where(usable, moments.quality, moments.quality & np.uint16(Quality.DEVICE_TIME)), first)
        of_all = combined(moments.quality, first)
        quality = np.where(count < width, worsened(of_usable, np.full_like(of_usable, INACCURATE)), of_usable)
        return np.where(count < self._needed[moments.calculation], worsened(of_all, np.full_like(of_all, INVALID)), quality)

    def _value(self, moments: Moments, usable: Mask, count: Index) -> Floats:
        which, first = moments.calculation, moments.first
        total = np.add.reduceat(np.where(usable, moments.value * self._sign[moments.slot], 0.0), first)
        value = total
        for name, chosen in self._is.items():
            match name:
                case "mean":
                    found = total / np.maximum(count, 1)
                case "min":
                    found = np.minimum.reduceat(np.where(usable, moments.value, np.inf), first)
                case "max":
                    found = np.maximum.reduceat(np.where(usable, moments.value, -np.inf), first)
                case _:
                    continue
            value = np.where(chosen[which], found, value)
        return value


def _function(calculation: Calculation) -> str:
    return calculation.settings.function if isinstance(calculation.settings, MembersSection) else _DIFFERENCE


def _sign(calculation: Calculation, place: int) -> float:
    return -1.0 if place and _function(calculation) == _DIFFERENCE else 1.0


def _needed(calculation: Calculation) -> int:
    """How many usable members a result needs."""
    count = len(calculation.inputs)
    if not isinstance(calculation.settings, MembersSection):
        return count
    return calculation.settings.needed(count)
