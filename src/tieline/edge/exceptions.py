"""Report by exception: of what was measured, only what says something new goes up.

A sample is reported when it is the point's first, when its value has moved beyond the deadband since the last *reported* value, when
the IEC 61850-7-3 part of its quality has changed (a change between a number and NaN counts as one), or when nothing was
reported of the point for its maximum silence. Before that, a value outside the point's limits becomes questionable, out of range.

Devices stamp their events themselves, and a clock may be behind. A live picture shows what has the latest time; so where the sample
reported last has not, the next one that has is reported, whatever it says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.model import STATUS, VALIDITY, Point, Quality, Samples

_OUT_OF_RANGE = np.uint16(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
_NEVER = np.iinfo(np.int64).min


class ExceptionReporting:
    """Remembers what was reported last of each point; one array operation a column, whatever the number of samples."""

    def __init__(self, points: Sequence[Point]) -> None:
        ids = np.array([point.id for point in points], dtype=np.uint32)
        order = np.argsort(ids)
        ordered = [points[position] for position in order]
        self._ids = ids[order]
        self._deadband = np.array([point.reporting.deadband for point in ordered])
        self._silence_us = np.array([int(point.reporting.max_silence_s * 1e6) for point in ordered], dtype=np.int64)
        self._low = np.array([-np.inf if point.low is None else point.low for point in ordered])
        self._high = np.array([np.inf if point.high is None else point.high for point in ordered])
        self._value = np.full(len(ordered), np.nan)
        self._quality = np.zeros(len(ordered), dtype=np.uint16)
        self._time = np.full(len(ordered), _NEVER, dtype=np.int64)
        self._latest = self._time.copy()

    def select(self, samples: Samples) -> Samples:
        """The samples worth reporting, in their order, with limits applied. Every point has to be one of those given at the start."""
        if not len(samples):
            return samples
        index = np.searchsorted(self._ids, samples.point)
        if np.any(index == len(self._ids)) or np.any(self._ids[index] != samples.point):
            raise ValueError("samples of a point that this site does not have")
        samples = self._with_limits(samples, index)
        chosen = np.zeros(len(samples), dtype=np.bool_)
        for turn in _turns(index):
            chosen[turn] = self._choose(index[turn], samples.time[turn], samples.value[turn], samples.quality[turn])
        return samples if chosen.all() else samples.take(chosen)

    def qualify(self, samples: Samples) -> Samples:
        """The samples with limits applied, all of them; `select` does it too, and harmlessly again."""
        return self._with_limits(samples, np.minimum(np.searchsorted(self._ids, samples.point), len(self._ids) - 1))

    def _with_limits(self, samples: Samples, index: npt.NDArray[np.intp]) -> Samples:
        beyond = (samples.value < self._low[index]) | (samples.value > self._high[index])
        beyond &= (samples.quality & VALIDITY) == 0
        if not beyond.any():
            return samples
        quality = np.where(beyond, samples.quality | _OUT_OF_RANGE, samples.quality)
        return Samples(samples.point, samples.time, samples.value, quality)

    def _choose(
        self,
        index: npt.NDArray[np.intp],
        time: npt.NDArray[np.int64],
        value: npt.NDArray[np.float64],
        quality: npt.NDArray[np.uint16],
    ) -> npt.NDArray[np.bool_]:
        """Which of these are reported; each point is there once."""
        held, last = self._value[index], self._time[index]
        status = quality & STATUS
        with np.errstate(invalid="ignore"):
            moved = np.abs(value - held) > self._deadband[index]
        is_first = last == _NEVER
        silence = np.where(is_first, 0, time - np.where(is_first, 0, last))
        # A clock that stepped back (negative silence) reports too: the old stamp no longer says anything.
        silent = (silence >= self._silence_us[index]) | (silence < 0)
        latest = self._latest[index]
        is_behind = (last < latest) & (time >= latest)
        chosen: npt.NDArray[np.bool_] = (
            is_first | moved | silent | is_behind | (status != self._quality[index]) | (np.isnan(value) != np.isnan(held))
        )
        where = index[chosen]
        self._value[where] = value[chosen]
        self._quality[where] = status[chosen]
        self._time[where] = time[chosen]
        self._latest[where] = np.maximum(latest[chosen], time[chosen])
        return chosen


def _turns(index: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp] | slice]:
    """Splits rows so that in each part a point is there once, and rows of a point stay in order.

    A poll has every point once (one part); a burst of events may have a point often (as many parts as its most frequent point).
    """
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    is_new = np.empty(len(ordered), dtype=np.bool_)
    is_new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    if is_new.all():
        return [slice(None)]
    starts = np.flatnonzero(is_new)
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
    return [np.sort(order[rank == turn]) for turn in range(int(rank.max()) + 1)]
