"""`rate`: how fast a counter or a measurement rises, from each sample and the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tieline.config.calculation_sections import RateSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Index
from tieline.edge.processing.calculations.following import NEVER, Arrivals, before, lasts
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INVALID, checked, is_usable, worsened
from tieline.edge.processing.calculations.series import steps_of
from tieline.model import PointKind, Samples


class Rates(Part):
    """All rates at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = [_settings(calculation) for calculation in plan]
        self._keys = [f"{calculation.point.path} {calculation.inputs[0].point.path}" for calculation in plan]
        self._arrivals = Arrivals(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale for calculation in plan])
        self._rollover = np.array([np.nan if each.rollover is None else each.rollover for each in settings])
        kinds = [calculation.inputs[0].point.kind for calculation in plan]
        self._may_fall = np.array([kind is not PointKind.COUNTER for kind in kinds]) & np.isnan(self._rollover)
        self._value = np.full(len(plan), np.nan)
        """Of the newest sample; NaN where it cannot be used."""
        self._quality = np.full(len(plan), INVALID, np.uint16)

    @property
    def late(self) -> int:  # type: ignore[override]  # counted where samples arrive
        """Samples that came after a newer one."""
        return self._arrivals.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The rate at each of these samples that is of another time than the one before it."""
        came = self._arrivals.take(rows, samples)
        which, first = came.which, came.first
        if not len(which):
            return Samples.empty()
        value = np.where(is_usable(came.value, came.quality), came.value, np.nan)
        time_before = before(came.time, first, self._arrivals.time[which[first]])
        value_before = before(value, first, self._value[which[first]])
        quality = worsened(came.quality, before(came.quality, first, self._quality[which[first]]))
        risen, is_reset = steps_of(value_before, value, self._rollover[which])
        step = np.where(self._may_fall[which], value - value_before, risen)
        span = came.time - np.where(time_before == NEVER, came.time, time_before)
        is_unknown = np.isnan(value_before) | np.isnan(value) | (is_reset & ~self._may_fall[which]) | (span < 0)
        rate = step / (span / 1e6) * self._scale[which]
        quality = np.where(is_unknown, worsened(quality, np.full_like(quality, INVALID)), quality)
        rate, quality = checked(rate, quality)
        is_first_ever = time_before == NEVER
        last = lasts(first, len(which))
        self._arrivals.time[which[last]], self._value[which[last]] = came.time[last], value[last]
        self._quality[which[last]] = came.quality[last]
        due = (span != 0) | is_first_ever
        return Samples(self._id[which], came.time, rate, quality).take(due)

    def remember(self) -> dict[str, Any]:
        return memory.remember(self._keys, self._columns())

    def recall(self, state: Mapping[str, Any]) -> None:
        memory.recall(self._keys, self._columns(), state)

    def _columns(self) -> memory.Columns:
        return {"time": self._arrivals.time, "value": self._value, "quality": self._quality}


def _settings(calculation: Calculation) -> RateSection:
    assert isinstance(calculation.settings, RateSection)
    return calculation.settings
