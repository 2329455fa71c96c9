"""`window` and `counter_delta`: what a point was over each window of the UTC clock.

A result comes when the window is over and late samples had their time, and is stamped at the window's end. Means, integrals and standard
deviations are weighted by time, over the time in which a value is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline.config.calculation_sections import CounterDeltaSection, WindowSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations.fanout import Bits, Floats, Index
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INACCURATE, INVALID, checked
from tieline.edge.processing.calculations.series import Closed, Series, SeriesSettings
from tieline.model import Now, Quality, Samples

HOUR_US = 3.6e9
HALF = 0.5
_ALWAYS_TOLD = np.uint16(Quality.SUBSTITUTED | Quality.TEST | Quality.OPERATOR_BLOCKED)


class Windows(Part):
    """All aggregates over windows at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        self._series = Series([_series(calculation, row_of) for calculation in plan], len(row_of))
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale for calculation in plan])
        self._good_share = np.array([_settings(calculation).good_share for calculation in plan])
        aggregates = [_aggregate(calculation) for calculation in plan]
        self._is = {name: np.array([aggregate == name for aggregate in aggregates]) for name in sorted(set(aggregates))}

    @property
    def late(self) -> int:  # type: ignore[override]  # counted by the series
        """Samples that came too late for their window."""
        return self._series.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """Nothing yet: a window is over when the time is."""
        self._series.take(rows, samples)
        return Samples.empty()

    def tick(self, now: Now) -> Samples:
        """The windows that are over."""
        return Samples.concatenate(self._result(closed) for closed in self._series.tick(now))

    def remember(self) -> dict[str, Any]:
        return self._series.remember()

    def recall(self, state: Mapping[str, Any]) -> None:
        self._series.recall(state)

    def _result(self, closed: Closed) -> Samples:
        which = closed.series
        value = np.full(len(which), np.nan)
        for name, chosen in self._is.items():
            value = np.where(chosen[which], aggregate_of(name, closed), value)
        quality = quality_of(closed, self._good_share[which])
        if "counter_delta" in self._is:
            is_anew = self._is["counter_delta"][which] & (closed.sums["resets"] > 0) & (quality == 0)
            quality = np.where(is_anew, quality | INACCURATE, quality)
        value, quality = checked(value * self._scale[which], quality)
        return Samples(self._id[which], closed.end, value, quality)


def aggregate_of(name: str, closed: Closed) -> Floats:
    """One aggregate of windows; NaN where there is none."""
    sums = closed.sums
    mean = sums["integral"] / sums["usable_us"]
    found: Any
    match name:
        case "mean":
            found = mean
        case "integral":
            found = np.where(sums["usable_us"] > 0, sums["integral"] / HOUR_US, np.nan)
        case "standard_deviation":
            found = np.sqrt(np.maximum(sums["square"] / sums["usable_us"] - mean**2, 0))
        case "range":
            found = sums["max"] - sums["min"]
        case "first":
            found = np.where(np.isnan(sums["first"]), closed.at_begin, sums["first"])
        case "last":
            found = np.where(np.isnan(sums["last"]), closed.at_begin, sums["last"])
        case "difference":
            found = closed.value - closed.at_begin
        case "counter_delta":
            found = sums["risen"]
        case _:
            found = sums[name]
    return np.asarray(found, np.float64)


def quality_of(closed: Closed, good_share: npt.NDArray[np.float64]) -> Bits:
    """From the share of the window in which the value was known and good: below the limit questionable, below one half invalid."""
    share = closed.sums["good_us"] / closed.length
    bits = closed.sums["bits"]
    quality = np.where(share >= good_share, bits & _ALWAYS_TOLD, bits | INACCURATE)
    found: Bits = np.where(share < HALF, bits | INVALID, quality).astype(np.uint16)
    return found


def _settings(calculation: Calculation) -> WindowSection | CounterDeltaSection:
    assert isinstance(calculation.settings, WindowSection | CounterDeltaSection)
    return calculation.settings


def _aggregate(calculation: Calculation) -> str:
    settings = _settings(calculation)
    return settings.aggregate if isinstance(settings, WindowSection) else settings.function


def _series(calculation: Calculation, row_of: dict[int, int]) -> SeriesSettings:
    settings = _settings(calculation)
    (source,) = calculation.inputs
    is_window = isinstance(settings, WindowSection)
    interpolation = settings.interpolation if isinstance(settings, WindowSection) else "hold"
    return SeriesSettings(
        key=f"{calculation.point.path} {source.point.path} {settings.window_s} {interpolation} {source.factor:g}",
        row=row_of[source.point.id],
        factor=source.factor,
        window_s=settings.window_s,
        grace_s=settings.grace_s,
        max_gap_s=settings.max_gap_s,
        is_linear=interpolation == "trapezoid",
        rollover=None if is_window else _rollover(calculation),
    )


def _rollover(calculation: Calculation) -> float | None:
    settings = calculation.settings
    assert isinstance(settings, CounterDeltaSection)
    return None if settings.rollover is None else settings.rollover * calculation.inputs[0].factor
