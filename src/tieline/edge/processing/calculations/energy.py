"""`energy`: the integral of power from sample to sample, since the beginning.

Each sample gives a result. What lies between two samples of which one cannot be used, that are farther apart than `max_gap_s`, or between
which the gateway stood still for more than a minute, is not integrated; the result of the sample behind it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tieline.config.calculation_sections import EnergySection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Index
from tieline.edge.processing.calculations.following import NEVER, Arrivals, before, lasts, running_totals
from tieline.edge.processing.calculations.integration import SIGN, mean_of
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import accumulated, checked, is_usable
from tieline.edge.processing.calculations.windows import HOUR_US
from tieline.model import Now, Samples


class Energies(Part):
    """All energies at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = [_settings(calculation) for calculation in plan]
        self._keys = [
            f"{calculation.point.path} {calculation.inputs[0].point.path} {each.direction}"
            for calculation, each in zip(plan, settings, strict=True)
        ]
        self._arrivals = Arrivals(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale for calculation in plan])
        self._sign = np.array([SIGN[each.direction] for each in settings], np.int8)
        self._is_linear = np.array([each.interpolation == "trapezoid" for each in settings])
        self._gap = np.array([int(each.max_gap_s * 1e6) for each in settings], np.int64)
        self._value = np.full(len(plan), np.nan)
        """Of the newest sample; NaN where it cannot be used."""
        self._total = np.zeros(len(plan))
        """In hours times the unit of power."""
        self._told_us = self._stopped_us = NEVER

    @property
    def late(self) -> int:  # type: ignore[override]  # counted where samples arrive
        """Samples that came after a newer one."""
        return self._arrivals.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The energy at each of these samples."""
        came = self._arrivals.take(rows, samples)
        which, first = came.which, came.first
        if not len(which):
            return Samples.empty()
        usable = is_usable(came.value, came.quality)
        power = np.where(usable, came.value, np.nan)
        time_before = before(came.time, first, self._arrivals.time[which[first]])
        value_before = before(power, first, self._value[which[first]])
        is_first = time_before == NEVER
        span = came.time - np.where(is_first, came.time, time_before)
        stopped = (time_before <= self._stopped_us) & (came.time - max(self._stopped_us, 0) > memory.RESTART_US)
        other_end = np.where(self._is_linear[which], power, value_before)
        is_known = np.isfinite(value_before) & np.isfinite(other_end) & (span >= 0) & (span <= self._gap[which]) & ~stopped
        step = mean_of(value_before, other_end, self._sign[which]) * span / HOUR_US
        is_known &= np.isfinite(step)
        step = np.where(is_known, step, 0.0)
        total = running_totals(first, self._total[which[first]], step)
        last = lasts(first, len(which))
        self._arrivals.time[which[last]] = came.time[last]
        self._value[which[last]], self._total[which[last]] = power[last], total[last]
        quality = accumulated(came.quality, usable, ~is_known & ~is_first & (span != 0))
        value, quality = checked(total * self._scale[which], quality)
        return Samples(self._id[which], came.time, value, quality)

    def tick(self, now: Now) -> Samples:
        """Nothing: a sample has to come."""
        self._told_us = now.utc_us
        return Samples.empty()

    def remember(self) -> dict[str, Any]:
        return {**memory.remember(self._keys, self._columns()), "told_us": self._told_us}

    def recall(self, state: Mapping[str, Any]) -> None:
        told = memory.time_of(state.get("told_us"))
        if len(memory.recall(self._keys, self._columns(), state)) and told is not None:
            self._stopped_us = max(self._stopped_us, told)

    def _columns(self) -> memory.Columns:
        return {"time": self._arrivals.time, "value": self._value, "total": self._total}


def _settings(calculation: Calculation) -> EnergySection:
    assert isinstance(calculation.settings, EnergySection)
    return calculation.settings
