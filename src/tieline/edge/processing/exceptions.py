"""Report by exception: of what was measured, only what says something new goes up.

A sample is reported when it is the point's first, when its value has moved beyond the band around the last *reported* value, when
the IEC 61850-7-3 part of its quality has changed (a change between a number and NaN counts as one), or when nothing was
reported of the point for its maximum silence. The band is the deadband or a percentage of the last reported value, the larger of both.

Devices stamp their events themselves, and a clock may be behind. A live picture shows what has the latest time; so where the sample
reported last has not, the next one that has is reported, whatever it says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tieline.config.processing import PointReporting
from tieline.edge.processing.part import Mask, Qualities, Times, Values
from tieline.edge.processing.turns import Index, by_row
from tieline.model import STATUS

NEVER = np.iinfo(np.int64).min


class Exceptions:
    """Remembers what was reported last of each point. Points of which everything goes up are those that bear no silence."""

    def __init__(self, reporting: Sequence[PointReporting]) -> None:
        count = len(reporting)
        self._deadband = np.array([point.deadband for point in reporting])
        self._share = np.array([point.percent_of_value / 100 for point in reporting])
        self._has_shares = bool(self._share.any())
        silences_s = (0.0 if point.report == "everything" else point.max_silence_s for point in reporting)
        self._silence_us = np.fromiter((int(silence_s * 1e6) for silence_s in silences_s), np.int64, count)
        self._value = np.full(count, np.nan)
        self._quality = np.zeros(count, np.uint16)
        self._time = np.full(count, NEVER, np.int64)
        self._latest = self._time.copy()

    def choose(self, index: Index, time: Times, value: Values, quality: Qualities) -> Mask:
        """Which of these are reported; each point is there once."""
        held, last = self._value[index], self._time[index]
        status = quality & STATUS
        band = self._deadband[index]
        with np.errstate(invalid="ignore"):
            if self._has_shares:
                band = np.fmax(band, self._share[index] * np.abs(held))
            moved = np.abs(value - held) > band
        is_first = last == NEVER
        silence = np.where(is_first, 0, time - np.where(is_first, 0, last))
        # A clock that stepped back (negative silence) reports too: the old stamp no longer says anything.
        silent = (silence >= self._silence_us[index]) | (silence < 0)
        latest = self._latest[index]
        is_behind = (last < latest) & (time >= latest)
        chosen: Mask = (
            is_first | moved | silent | is_behind | (status != self._quality[index]) | (np.isnan(value) != np.isnan(held))
        )
        where = index[chosen]
        self._value[where] = value[chosen]
        self._quality[where] = status[chosen]
        self._time[where] = time[chosen]
        self._latest[where] = np.maximum(latest[chosen], time[chosen])
        return chosen

    def choose_in_turn(self, index: Index, time: Times, value: Values, quality: Qualities) -> Mask:
        """The same one sample after the other; a point may be there often."""
        order, runs = by_row(index)
        times, values, statuses = time[order].tolist(), value[order].tolist(), (quality[order] & STATUS).tolist()
        chosen = np.zeros(len(index), np.bool_)
        for row, begin, end in runs:
            held, last, latest, status = (column.item(row) for column in (self._value, self._time, self._latest, self._quality))
            deadband, share, silence_us = (column.item(row) for column in (self._deadband, self._share, self._silence_us))
            for place in range(begin, end):
                at, number = times[place], values[place]
                if (
                    last == NEVER
                    or abs(number - held) > max(deadband, share * abs(held))
                    or not 0 <= at - last < silence_us
                    or last < latest <= at
                    or statuses[place] != status
                    or math.isnan(number) != math.isnan(held)
                ):
                    chosen[order[place]] = True
                    held, last, latest, status = number, at, max(latest, at), statuses[place]
            self._value[row], self._time[row], self._latest[row], self._quality[row] = held, last, latest, status
        return chosen
