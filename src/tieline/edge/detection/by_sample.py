"""Detectors that look at each sample as it comes. In one call every point is there once; values are finite and not invalid.

Columns are indexed by a point's number within the detector; times are microseconds UTC of the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tieline.config.detection import Flatline, Limits, Rate, Spike, Stuck
from tieline.edge.detection.voice import Column, Episodes, Index, Times, Voice, amount
from tieline.model import Event, Point, Severity

_LEVELS = {2: "far above", 1: "above", -1: "below", -2: "far below"}
_NEVER = np.iinfo(np.int64).min // 2
_LEARNED_SAMPLES = 20
_MEMORY = 1 / 64
"""Weight of the newest difference in the mean absolute difference from sample to sample."""


class LimitDetector:
    """Four limits; a value that was beyond one is back only when it is back by the hysteresis."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Limits]) -> None:
        self._voice = Voice(points, "limit_exceeded")
        self._bounds = {
            -2: _column([limits.low_low for limits in settings], -np.inf),
            -1: _column([limits.low for limits in settings], -np.inf),
            1: _column([limits.high for limits in settings], np.inf),
            2: _column([limits.high_high for limits in settings], np.inf),
        }
        self._hysteresis = np.array([limits.hysteresis for limits in settings])
        self._level = np.zeros(len(points), np.int8)

    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]:
        """An event whenever a value passes a limit outwards or comes back."""
        low_low, low, high, high_high = (self._bounds[level][index] for level in (-2, -1, 1, 2))
        room, before = self._hysteresis[index], self._level[index]
        above = (value > high).astype(np.int8) + (value > high_high)
        still_above = (value > high - room).astype(np.int8) + (value > high_high - room)
        below = (value < low).astype(np.int8) + (value < low_low)
        still_below = (value < low + room).astype(np.int8) + (value < low_low + room)
        level = np.clip(before, above, still_above) * (still_above > 0) * (before >= 0)
        level = np.where(above > 0, np.maximum(level, above), level)
        fallen = -np.clip(-before, below, still_below) * (still_below > 0) * (before <= 0)
        fallen = np.where(below > 0, np.minimum(fallen, -below), fallen)
        now = np.where(level != 0, level, fallen).astype(np.int8)
        for place in np.flatnonzero(now != before).tolist():
            number, reached, was = int(index[place]), int(now[place]), int(before[place])
            shown = amount(self._voice.points[number], float(value[place]))
            is_back = abs(reached) < abs(was) and reached * was >= 0
            passed = was if is_back else reached
            bound = amount(self._voice.points[number], float(self._bounds[passed][number]))
            text = (
                f"is back at {shown}; the limit is {bound}"
                if is_back
                else f"is {_LEVELS[reached]} its limit: {shown}, the limit is {bound}"
            )
            yield from self._voice.say(number, int(time[place]), text, has_ended=is_back)
        self._level[index] = now


class RateDetector:
    """The slope from one sample to the next."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Rate]) -> None:
        self._voice = Voice(points, "rate_exceeded")
        self._most = np.array([rate.per_s for rate in settings])
        self._value = np.full(len(points), np.nan)
        self._time = np.full(len(points), _NEVER)
        self._episodes = Episodes(len(points))

    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]:
        """An event when a value begins to move too fast, one when it moves as it should again."""
        seconds = np.maximum((time - self._time[index]) / 1e6, 1e-3)
        slope = (value - self._value[index]) / seconds  # NaN for the first sample
        too_fast = np.abs(slope) > self._most[index]
        before = self._value[index]
        self._value[index] = value
        self._time[index] = time
        began, ended = self._episodes.update(index, too_fast)
        for place in began.tolist():
            number = int(index[place])
            point = self._voice.points[number]
            text = (
                f"moved from {amount(point, float(before[place]))} to {amount(point, float(value[place]))} in {seconds[place]:.3g} s: "
                f"{abs(slope[place]):.4g} a second, {self._most[number]:g} are possible"
            )
            yield from self._voice.say(number, int(time[place]), text)
        for place in ended.tolist():
            number = int(index[place])
            text = f"moves as it should again, at {amount(self._voice.points[number], float(value[place]))}"
            yield from self._voice.say(number, int(time[place]), text, has_ended=True)


class StuckDetector:
    """The very same number again and again."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Stuck]) -> None:
        self._voice = Voice(points, "value_stuck")
        self._for_us = np.array([int(stuck.for_s * 1e6) for stuck in settings], np.int64)
        self._value = np.full(len(points), np.nan)
        self._since = np.full(len(points), _NEVER)
        self._episodes = Episodes(len(points))

    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]:
        """An event when a value has been the same for too long, one when it moves again."""
        moved = value != self._value[index]
        self._value[index] = value
        self._since[index] = np.where(moved, time, self._since[index])
        lasted = time - self._since[index]
        began, ended = self._episodes.update(index, lasted >= self._for_us[index])
        for place in began.tolist():
            number = int(index[place])
            text = f"has been exactly {amount(self._voice.points[number], float(value[place]))} for {lasted[place] / 1e6:.0f} s"
            yield from self._voice.say(number, int(time[place]), text)
        for place in ended.tolist():
            number = int(index[place])
            text = f"moves again, to {amount(self._voice.points[number], float(value[place]))}"
            yield from self._voice.say(number, int(time[place]), text, has_ended=True)


class FlatlineDetector:
    """The spread between lowest and highest value of a time, kept in two halves that take turns."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Flatline]) -> None:
        self._voice = Voice(points, "flatline")
        count = len(points)
        self._half_us = np.array([int(flatline.for_s * 0.5e6) for flatline in settings], np.int64)
        self._least = np.array([flatline.spread for flatline in settings])
        self._began = np.full(count, _NEVER)
        self._halves = np.zeros(count, np.int64)
        self._low = np.full((2, count), np.inf)
        self._high = np.full((2, count), -np.inf)
        self._episodes = Episodes(count)

    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]:
        """An event when the unrest of a value is gone, one when it is back."""
        is_over = time - self._began[index] >= self._half_us[index]
        over = index[is_over]
        if len(over):
            is_first = self._began[over] == _NEVER
            for bounds, empty in ((self._low, np.inf), (self._high, -np.inf)):
                bounds[1, over] = bounds[0, over]
                bounds[0, over] = empty
            self._halves[over] = np.where(is_first, 0, self._halves[over] + 1)
            self._began[over] = time[is_over]
        self._low[0, index] = np.minimum(self._low[0, index], value)
        self._high[0, index] = np.maximum(self._high[0, index], value)
        spread = self._high[:, index].max(axis=0) - self._low[:, index].min(axis=0)
        is_flat = (spread < self._least[index]) & ((self._halves[index] >= 2) | self._episodes.is_on[index])
        began, ended = self._episodes.update(index, is_flat)
        for place in began.tolist():
            number = int(index[place])
            point = self._voice.points[number]
            seconds = 2e-6 * float(self._half_us[number])
            text = (
                f"has stayed within {amount(point, float(spread[place]))} for {seconds:.0f} s, at {amount(point, float(value[place]))}; "
                f"{amount(point, float(self._least[number]))} are usual"
            )
            yield from self._voice.say(number, int(time[place]), text)
        for place in ended.tolist():
            number = int(index[place])
            text = f"is alive again, at {amount(self._voice.points[number], float(value[place]))}"
            yield from self._voice.say(number, int(time[place]), text, has_ended=True)


class SpikeDetector:
    """One sample far off its course, judged by the mean absolute difference from sample to sample; the next one is back."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Spike]) -> None:
        self._voice = Voice(points, "spike", Severity.INFO)
        count = len(points)
        self._deviations = np.array([spike.deviations for spike in settings])
        self._least = np.array([spike.least for spike in settings])
        self._base = np.full(count, np.nan)
        self._unrest = np.zeros(count)
        self._learned = np.zeros(count, np.int64)
        self._suspect = np.full(count, np.nan)
        self._suspect_time = np.zeros(count, np.int64)

    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]:
        """An event for each spike, when the value is back."""
        base, suspect = self._base[index], self._suspect[index]
        far = np.maximum(self._deviations[index] * self._unrest[index], self._least[index])
        difference = np.abs(value - base)  # NaN for the first sample
        is_off = (difference > far) & (self._learned[index] >= _LEARNED_SAMPLES) & (far > 0)
        was_off = ~np.isnan(suspect)
        for place in np.flatnonzero(was_off & ~is_off).tolist():
            number = int(index[place])
            point = self._voice.points[number]
            text = (
                f"jumped to {amount(point, float(suspect[place]))} for one sample, between {amount(point, float(base[place]))} "
                f"and {amount(point, float(value[place]))}"
            )
            yield from self._voice.say(number, int(self._suspect_time[number]), text)
        is_new = is_off & ~was_off  # the second sample off the course makes it a step, and the new course
        self._suspect[index] = np.where(is_new, value, np.nan)
        self._suspect_time[index] = np.where(is_new, time, 0)
        step = np.where(np.isnan(difference), 0.0, np.where(was_off & is_off, 0.0, difference))
        weight = np.maximum(_MEMORY, 1 / (self._learned[index] + 1.0))
        learns = ~is_new
        self._unrest[index] = np.where(learns, (1 - weight) * self._unrest[index] + weight * step, self._unrest[index])
        self._learned[index] += learns
        self._base[index] = np.where(learns, value, base)


def _column(values: Sequence[float | None], absent: float) -> Column:
    return np.array([absent if value is None else value for value in values])
