"""Steps that remember: rate of change, substitution, rollover, filter, median.

A batch may hold a point once, as polls do, or often, as bursts of events do. Where it is there once, each step is a few array operations
for all points. Where it is there often, `Runs` puts the samples of each point one after the other, and "the sample before" is the next
column; where a result depends on the result before, plain numbers are taken one after the other. What comes out is the same
however samples are split into batches. Bad samples pass as they are and are not remembered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tieline.config.processing_steps import Filter, Median, RateOfChange, Rollover, Substitute
from tieline.edge.processing.part import Mask, Part, Qualities, Runs, Values
from tieline.edge.processing.steps import State
from tieline.model import STATUS, VALIDITY, Quality, is_good

NEVER = np.iinfo(np.int64).min

_FOR_EVER = np.iinfo(np.int64).max
_TOO_FAST = np.uint16(Quality.QUESTIONABLE | Quality.INCONSISTENT)
_OUT_OF_RANGE = np.uint16(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
_SUBSTITUTED_GOOD = np.uint16(Quality.SUBSTITUTED)
_SUBSTITUTED = np.uint16(Quality.QUESTIONABLE | Quality.SUBSTITUTED)
_LONGEST_MEDIAN = 5


class RateOfChangeMany:
    """What moved faster than possible since the last plausible sample is questionable, inconsistent.

    The reference is the last plausible sample, not the last one: with time, what is possible grows until it reaches a step that is real,
    and the sample after a spike is plausible again. Where time does not advance no rate can be told, and the sample is the reference.
    """

    def __init__(self, steps: Sequence[RateOfChange]) -> None:
        self._per_us = np.array([step.per_s * 1e-6 for step in steps])
        self._value = np.full(len(steps), np.nan)
        self._time = np.zeros(len(steps), np.int64)

    @property
    def state(self) -> State:
        return {"value": self._value, "time": self._time}

    def take(self, part: Part) -> tuple[Values, Qualities]:
        runs = Runs(part, part.is_usable())
        elapsed = runs.time - runs.before(runs.time, self._time)
        moved = np.abs(runs.value - runs.before(runs.value, self._value))
        is_too_fast = (elapsed > 0) & (moved > self._per_us[runs.rows] * elapsed)
        if not is_too_fast.any():
            runs.remember(runs.value, self._value)
            runs.remember(runs.time, self._time)
            return part.value, part.quality
        if runs.is_short:
            plausible = ~is_too_fast
            rows = runs.rows[plausible]
            self._value[rows] = runs.value[plausible]
            self._time[rows] = runs.time[plausible]
        else:
            is_too_fast = self._one_by_one(runs)
        return part.value, np.where(runs.spread(is_too_fast, len(part.value)), part.quality | _TOO_FAST, part.quality)

    def _one_by_one(self, runs: Runs) -> Mask:
        times, values = runs.time.tolist(), runs.value.tolist()
        is_too_fast = np.zeros(len(runs), np.bool_)
        for row, begin, end in runs.spans():
            value, time, per_us = float(self._value[row]), int(self._time[row]), float(self._per_us[row])
            for at in range(begin, end):
                elapsed = times[at] - time
                if elapsed > 0 and abs(values[at] - value) > per_us * elapsed:
                    is_too_fast[at] = True
                else:
                    value, time = values[at], times[at]
            self._value[row], self._time[row] = value, time
        return is_too_fast


class SubstituteMany:
    """While a sample is bad, a fixed value or the last good one, marked substituted, for a time from the first bad sample on."""

    def __init__(self, steps: Sequence[Substitute]) -> None:
        self._holds = np.array([step.hold for step in steps])
        self._fixed = np.array([np.nan if step.value is None else step.value for step in steps])
        self._is_any = np.array([step.when == "not_good" for step in steps])
        self._becomes_good = np.array([step.quality == "good" for step in steps])
        self._for_us = np.array([_FOR_EVER if step.for_s is None else round(step.for_s * 1e6) for step in steps], np.int64)
        self._held = np.full(len(steps), np.nan)
        self._since = np.full(len(steps), NEVER, np.int64)

    @property
    def state(self) -> State:
        return {"held": self._held, "since": self._since}

    def take(self, part: Part) -> tuple[Values, Qualities]:
        is_number, is_valid = np.isfinite(part.value), is_good(part.quality)
        bits = part.quality & np.uint16(VALIDITY)
        is_useless = (bits == Quality.INVALID) | (bits == Quality.RESERVED)
        is_bad = ~is_number | is_useless | (self._is_any[part.rows] & ~is_valid)
        if not is_bad.any() and not (self._since[part.rows] != NEVER).any():
            runs = Runs(part, is_number & is_valid)
            runs.remember(runs.value, self._held)
            return part.value, part.quality
        runs = Runs(part, np.ones(len(part.value), np.bool_))
        bad, good = is_bad[runs.at], (is_number & is_valid)[runs.at]
        held = runs.latest(good, runs.value, self._held)
        begins = bad & ~runs.before(bad, self._since != NEVER)
        since = np.where(bad, runs.latest(begins, runs.time, self._since), NEVER)
        runs.remember(held, self._held)
        runs.remember(since, self._since)
        return self._replaced(part, runs, bad, held, since)

    def _replaced(self, part: Part, runs: Runs, bad: Mask, held: Values, since: np.ndarray) -> tuple[Values, Qualities]:
        other = np.where(self._holds[runs.rows], held, self._fixed[runs.rows])
        elapsed = np.where(bad, runs.time - np.where(bad, since, 0), 0)
        is_replaced = bad & (elapsed <= self._for_us[runs.rows]) & np.isfinite(other)
        old = part.quality[runs.at]
        as_good = (old & np.uint16(0xFFFF & ~STATUS)) | _SUBSTITUTED_GOOD
        marked = np.where(self._becomes_good[runs.rows], as_good, old | _SUBSTITUTED)
        value, quality = part.value.copy(), part.quality.copy()
        value[runs.at] = np.where(is_replaced, other, runs.value)
        quality[runs.at] = np.where(is_replaced, marked, old)
        return value, quality


class RolloverMany:
    """A counter that goes on: raw + offset, where a wrap adds the modulus, and a reset what was there before.

    A count below the one before is a wrap if the way on over the modulus is no longer than the largest step, otherwise a reset. What
    was counted since a reset counts, unless it is more than the largest step. A sample older than the newest only gets the offset.
    """

    def __init__(self, steps: Sequence[Rollover]) -> None:
        self._modulus = np.array([step.modulus for step in steps])
        self._largest = np.array([step.largest_step or step.modulus / 2 for step in steps])
        self._raw = np.full(len(steps), np.nan)
        self._offset = np.zeros(len(steps))
        self._time = np.full(len(steps), NEVER, np.int64)

    @property
    def state(self) -> State:
        return {"raw": self._raw, "offset": self._offset, "time": self._time}

    def take(self, part: Part) -> tuple[Values, Qualities]:
        usable = part.is_usable()
        strange = usable & ((part.value < 0) | (part.value >= self._modulus[part.rows]))
        quality = np.where(strange, part.quality | _OUT_OF_RANGE, part.quality) if strange.any() else part.quality
        runs = Runs(part, usable & ~strange)
        before = runs.before(runs.value, self._raw)
        is_new = runs.time >= runs.before(runs.time, self._time)
        is_back = is_new & (runs.value < before)
        offset = self._offset[runs.rows]
        if runs.is_short:
            if is_back.any():
                offset = offset + self._jumps(runs, before, is_back)
            rows = runs.rows[is_new]
            self._raw[rows], self._time[rows], self._offset[rows] = runs.value[is_new], runs.time[is_new], offset[is_new]
        elif is_back.any() or not is_new.all():
            offset = self._one_by_one(runs)
        else:
            runs.remember(runs.value, self._raw)
            runs.remember(runs.time, self._time)
        value = part.value.copy()
        value[runs.at] = runs.value + offset
        return value, quality

    def _jumps(self, runs: Runs, before: Values, is_back: Mask) -> Values:
        """What the offset of each grows by."""
        modulus, largest = self._modulus[runs.rows], self._largest[runs.rows]
        since_reset = np.where(runs.value <= largest, before, before - runs.value)
        return np.where(is_back, np.where(runs.value + modulus - before <= largest, modulus, since_reset), 0.0)

    def _one_by_one(self, runs: Runs) -> Values:
        times, values = runs.time.tolist(), runs.value.tolist()
        offsets: list[float] = []
        for row, begin, end in runs.spans():
            raw, time, offset = float(self._raw[row]), int(self._time[row]), float(self._offset[row])
            modulus, largest = float(self._modulus[row]), float(self._largest[row])
            for at in range(begin, end):
                value = values[at]
                if times[at] >= time:
                    if value < raw:
                        since_reset = raw if value <= largest else raw - value
                        offset += modulus if value + modulus - raw <= largest else since_reset
                    raw, time = value, times[at]
                offsets.append(offset)
            self._raw[row], self._time[row], self._offset[row] = raw, time, offset
        return np.array(offsets)


class FilterMany:
    """First-order low-pass: y += (1 - exp(-Δt / T)) · (x - y); the first sample is the first output. Time that goes back counts as none."""

    def __init__(self, steps: Sequence[Filter]) -> None:
        self._per_us = np.array([-1e-6 / step.time_constant_s for step in steps])
        self._value = np.full(len(steps), np.nan)
        self._time = np.zeros(len(steps), np.int64)

    @property
    def state(self) -> State:
        return {"value": self._value, "time": self._time}

    def take(self, part: Part) -> tuple[Values, Qualities]:
        runs = Runs(part, part.is_usable())
        elapsed = np.maximum(runs.time - runs.before(runs.time, self._time), 0)
        share = -np.expm1(self._per_us[runs.rows] * elapsed)
        if runs.is_short:
            held = self._value[runs.rows]
            result = np.where(np.isnan(held), runs.value, held + share * (runs.value - held))
        else:
            result = self._one_by_one(runs, share)
        runs.remember(result, self._value)
        runs.remember(runs.time, self._time)
        value = part.value.copy()
        value[runs.at] = result
        return value, part.quality

    def _one_by_one(self, runs: Runs, share: Values) -> Values:
        values, shares = runs.value.tolist(), share.tolist()
        results: list[float] = []
        for row, begin, end in runs.spans():
            held = float(self._value[row])
            for at in range(begin, end):
                held = values[at] if math.isnan(held) else held + shares[at] * (values[at] - held)
                results.append(held)
        return np.array(results)


class MedianMany:
    """The median of the last three or five good values; until there are as many, the value itself."""

    def __init__(self, steps: Sequence[Median]) -> None:
        self._is_five = np.array([step.of == _LONGEST_MEDIAN for step in steps])
        self._window = np.full((len(steps), _LONGEST_MEDIAN - 1), np.nan)
        """The values before, newest first."""

    @property
    def state(self) -> State:
        return {"window": self._window}

    def take(self, part: Part) -> tuple[Values, Qualities]:
        runs = Runs(part, part.is_usable())
        x = runs.value
        one, two, three, four = (runs.earlier(back, x, self._window) for back in range(1, _LONGEST_MEDIAN))
        middle = np.maximum(np.minimum(x, one), np.minimum(np.maximum(x, one), two))
        is_five = self._is_five[runs.rows]
        if is_five.any():
            middle = np.where(is_five, np.sort(np.stack([x, one, two, three, four]), axis=0)[2], middle)
        is_full = np.isfinite(np.where(is_five, four, two))
        runs.remember(np.stack([x, one, two, three], axis=1), self._window)
        value = part.value.copy()
        value[runs.at] = np.where(is_full, middle, x)
        return value, part.quality
