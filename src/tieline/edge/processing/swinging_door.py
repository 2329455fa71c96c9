"""Swinging-door compression (E. H. Bristol, US 4,669,097, 1987): straight lines in place of samples, with an error that is stated.

From the sample reported last (the anchor) two doors open to every sample that came since: the slopes of the lines to `deviation` above
it and below it. The steepest lower and the flattest upper one are the corridor: a line from the anchor whose slope lies within passes
every sample so far by no more than the deviation. As long as the slope to the newest sample lies within the corridor, that sample is
held back, and it alone. When it does not, the sample held before, to which the line did pass, is reported with its own time and
quality, and is the next anchor. So the line from each reported sample to the next one is never more than the deviation beside a sample
that was measured between them, whatever comes.

A segment also ends, with the sample held back and the new one reported, where the quality changes, a number becomes none or the other way,
time does not advance, or nothing was measured for longer than the maximum interval. No segment is longer than that interval, and
a sample is held back no longer: `tick` lets it go, by the monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tieline.config.processing import SwingingDoor
from tieline.edge.processing.exceptions import NEVER
from tieline.edge.processing.part import Mask, Qualities, Times, Values
from tieline.edge.processing.turns import Index
from tieline.model import STATUS, Now


class Held(NamedTuple):
    """Samples by the rows of their points, in columns."""

    rows: Index
    time: Times
    value: Values
    quality: Qualities


class SwingingDoors:
    """The corridors of many points, one row each. A held time of `NEVER` means that nothing is held back."""

    def __init__(self, doors: Sequence[SwingingDoor]) -> None:
        count = len(doors)
        self._deviation = np.array([door.deviation for door in doors])
        self._interval_s = np.array([door.max_interval_s for door in doors])
        self._interval_us = np.array([int(door.max_interval_s * 1e6) for door in doors], np.int64)
        self._time = np.full(count, NEVER, np.int64)
        self._value = np.full(count, np.nan)
        self._status = np.zeros(count, np.uint16)
        self._latest = self._time.copy()
        self._held_time = self._time.copy()
        self._held_value = self._value.copy()
        self._held_quality = self._status.copy()
        self._low = np.full(count, -np.inf)
        self._high = np.full(count, np.inf)
        self._found_s = np.full(count, np.nan)
        """When a tick found that a sample of this segment is held back."""

    def choose(self, index: Index, time: Times, value: Values, quality: Qualities) -> tuple[Mask, Mask, Held]:
        """Which of these are reported, in front of which a held one is, and those held ones; each point is there once."""
        status = quality & STATUS
        start, base = self._time[index], self._value[index]
        is_first = start == NEVER
        start = np.where(is_first, time, start)
        held = self._held(index)
        has_held = held.time != NEVER
        last = np.where(has_held, held.time, start)
        last_value = np.where(has_held, held.value, base)
        is_number = np.isfinite(value)
        is_same = (value == last_value) | (np.isnan(value) & np.isnan(last_value))
        is_repeated = ~is_first & (time == last) & is_same & (status == self._status[index])
        interval, latest = self._interval_us[index], self._latest[index]
        breaks = (status != self._status[index]) | (is_number != np.isfinite(base)) | (time <= start) | (time < last)
        breaks |= (time - last > interval) | ((start < latest) & (time >= latest)) | (~is_number & ~is_same)
        with np.errstate(over="ignore", invalid="ignore"):
            breaks |= is_number & ~np.isfinite(value - base)
        breaks &= ~is_first & ~is_repeated
        goes_on = ~is_first & ~is_repeated & ~breaks
        is_drawn = goes_on & is_number
        with np.errstate(all="ignore"):
            slope = (value - base) / (time - start)
            leaves = is_drawn & ~((slope >= self._low[index]) & (slope <= self._high[index]))
            start, base = np.where(leaves, held.time, start), np.where(leaves, held.value, base)
            elapsed = time - start
            low, high = ((value + way * self._deviation[index] - base) / elapsed for way in (-1, 1))
        low = np.where(leaves, low, np.fmax(low, self._low[index]))
        high = np.where(leaves, high, np.fmin(high, self._high[index]))
        is_reported = is_first | breaks | (goes_on & ((elapsed >= interval) | (elapsed == 0)))
        frees = has_held & (breaks | leaves)
        freed = _chosen(held, frees)
        self._anchor(freed)
        is_held = is_drawn & ~is_reported
        current = Held(index, time, value, quality)
        self._hold(_chosen(current, is_held), low[is_held], high[is_held])
        self._anchor(_chosen(current, is_reported))
        return is_reported, frees, freed

    def choose_in_turn(self, index: Index, time: Times, value: Values, quality: Qualities) -> tuple[Mask, Mask, Held]:
        """The same one sample after the other; a point may be there often."""
        reported, frees = np.zeros(len(index), np.bool_), np.zeros(len(index), np.bool_)
        freed: list[tuple[int, int, float, int]] = []
        columns = zip(index.tolist(), time.tolist(), value.tolist(), quality.tolist(), strict=True)
        for place, (row, at, number, bits) in enumerate(columns):
            held = (row, int(self._held_time[row]), float(self._held_value[row]), int(self._held_quality[row]))
            reported[place], frees[place] = self._take(row, at, number, bits)
            if frees[place]:
                freed.append(held)
        rows, times, values, qualities = zip(*freed, strict=True) if freed else ((),) * 4
        return (
            reported,
            frees,
            Held(
                np.array(rows, np.intp), np.array(times, np.int64), np.array(values, np.float64), np.array(qualities, np.uint16)
            ),
        )

    def _take(self, row: int, at: int, number: float, bits: int) -> tuple[bool, bool]:
        """Whether a sample is reported, and whether the held one is in front of it."""
        start, base = int(self._time[row]), float(self._value[row])
        held_at, held = int(self._held_time[row]), float(self._held_value[row])
        has_held = held_at != NEVER
        last, last_value = (held_at, held) if has_held else (start, base)
        is_same_status, is_number = bits & STATUS == self._status[row], math.isfinite(number)
        is_same = number == last_value or (math.isnan(number) and math.isnan(last_value))
        if start == NEVER:
            return self._report(row, at, number, bits), False
        if at == last and is_same and is_same_status:
            return False, False
        interval, latest = int(self._interval_us[row]), int(self._latest[row])
        is_broken = not is_same_status or is_number != math.isfinite(base) or at <= start or at < last or at - last > interval
        if is_broken or start < latest <= at or not (math.isfinite(number - base) if is_number else is_same):
            if has_held:
                self._report(row, held_at, held, int(self._held_quality[row]))
            return self._report(row, at, number, bits), has_held
        if not is_number:
            return at - start >= interval and self._report(row, at, number, bits), False
        slope = (number - base) / (at - start)
        leaves = not self._low[row] <= slope <= self._high[row]
        if leaves:
            self._report(row, held_at, held, int(self._held_quality[row]))
            start, base = held_at, held
        elapsed, deviation = at - start, float(self._deviation[row])
        if elapsed >= interval or elapsed == 0:
            return self._report(row, at, number, bits), leaves
        self._low[row] = max(float(self._low[row]), (number - deviation - base) / elapsed)
        self._high[row] = min(float(self._high[row]), (number + deviation - base) / elapsed)
        self._held_time[row], self._held_value[row], self._held_quality[row] = at, number, bits
        return False, leaves

    def _report(self, row: int, at: int, number: float, bits: int) -> bool:
        self._time[row], self._value[row], self._status[row] = at, number, bits & STATUS
        self._latest[row] = max(int(self._latest[row]), at)
        self._held_time[row] = NEVER
        self._low[row], self._high[row], self._found_s[row] = -math.inf, math.inf, math.nan
        return True

    def tick(self, now: Now) -> Held:
        """The samples that were held back for long enough."""
        rows = np.flatnonzero(self._held_time != NEVER)
        found_s = self._found_s[rows]
        self._found_s[rows] = np.where(np.isnan(found_s), now.monotonic_s, found_s)
        return self._let_go(rows[now.monotonic_s - self._found_s[rows] >= self._interval_s[rows]])

    def flush(self) -> Held:
        """All samples that are held back."""
        return self._let_go(np.flatnonzero(self._held_time != NEVER))

    def _let_go(self, rows: Index) -> Held:
        freed = self._held(rows)
        self._anchor(freed)
        return freed

    def _held(self, rows: Index) -> Held:
        return Held(rows, self._held_time[rows], self._held_value[rows], self._held_quality[rows])

    def _hold(self, held: Held, low: Values, high: Values) -> None:
        rows = held.rows
        self._held_time[rows], self._held_value[rows], self._held_quality[rows] = held.time, held.value, held.quality
        self._low[rows], self._high[rows] = low, high

    def _anchor(self, reported: Held) -> None:
        """A new segment begins at what was reported."""
        rows = reported.rows
        self._time[rows], self._value[rows], self._status[rows] = reported.time, reported.value, reported.quality & STATUS
        self._latest[rows] = np.maximum(self._latest[rows], reported.time)
        self._held_time[rows] = NEVER
        self._low[rows], self._high[rows] = -np.inf, np.inf
        self._found_s[rows] = np.nan


def _chosen(samples: Held, where: Mask) -> Held:
    return Held(samples.rows[where], samples.time[where], samples.value[where], samples.quality[where])
