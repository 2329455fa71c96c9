"""Statistics of points over a range of time, from every raw sample.

A sample's value holds until the next sample of its point, but no longer than the point may be silent, and not beyond the range; the
last sample before the range holds into it. What is invalid or no finite number breaks the value: it weighs nothing and is no
extreme. Means and deviations weigh each value with the time that it held, so that a point that reports by exception counts right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline.model import Samples, severity

HOUR_US = 3_600_000_000


@dataclass(slots=True, eq=False)
class _Point:
    """What is known of one point so far; times in microseconds, `spread` is the weighted sum of squares about the mean."""

    hold: int
    samples: int = 0
    min: float = np.inf
    min_time: int = 0
    max: float = -np.inf
    max_time: int = 0
    covered: float = 0.0
    good: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    last: Samples = field(default_factory=Samples.empty)


class Statistics:
    """Takes the samples of a range piece by piece, in order of time, and gives the statistics of all of them."""

    def __init__(self, start_us: int, end_us: int, holds_us: Mapping[int, int]) -> None:
        """`holds_us` says for each point how long a value holds at the most."""
        self._start, self._end = start_us, end_us
        self._points = {point: _Point(hold) for point, hold in sorted(holds_us.items())}

    def take(self, samples: Samples) -> None:
        """Samples sorted by point and time, none of which is older than those taken before."""
        ids = np.fromiter(self._points, np.uint32, len(self._points))
        starts, ends = (samples.point.searchsorted(ids, side).tolist() for side in ("left", "right"))
        for one, start, end in zip(self._points.values(), starts, ends, strict=True):
            if start < end:
                self._take(one, samples.take(slice(start, end)))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """One row for each point: point, samples, min, min_time, max, max_time, mean, deviation (both weighted with time), integral
        (in unit hours), covered and good (microseconds in which a value, a good value is known)."""
        for one in self._points.values():
            if len(one.last):
                self._weigh(one, one.last, np.array([self._end]))
                one.last = Samples.empty()
        points = list(self._points.values())
        known = np.array([one.samples > 0 and one.min <= one.max for one in points], bool)
        covered = np.array([one.covered for one in points])
        mean = _where(covered > 0, np.array([one.mean for one in points]))
        spread = np.array([one.spread for one in points])
        return {
            "point": np.array(list(self._points), np.uint32),
            "samples": np.array([one.samples for one in points], np.int64),
            "min": _where(known, np.array([one.min for one in points])),
            "min_time": _where(known, np.array([one.min_time for one in points], np.int64)),
            "max": _where(known, np.array([one.max for one in points])),
            "max_time": _where(known, np.array([one.max_time for one in points], np.int64)),
            "mean": mean,
            "deviation": _where(covered > 0, np.sqrt(spread / np.maximum(covered, 1))),
            "integral": mean * covered / HOUR_US,
            "covered": covered.astype(np.int64),
            "good": np.array([one.good for one in points]).astype(np.int64),
        }

    def _take(self, one: _Point, samples: Samples) -> None:
        inside = samples.take(slice(*samples.time.searchsorted((self._start, self._end)).tolist()))
        one.samples += len(inside)
        usable = inside.take(_is_usable(inside))
        if len(usable):
            low, high = int(usable.value.argmin()), int(usable.value.argmax())
            if usable.value[low] < one.min:
                one.min, one.min_time = float(usable.value[low]), int(usable.time[low])
            if usable.value[high] > one.max:
                one.max, one.max_time = float(usable.value[high]), int(usable.time[high])
        held = Samples.concatenate((one.last, samples)) if len(one.last) else samples
        self._weigh(one, held.take(slice(0, -1)), held.time[1:])
        one.last = held.take(slice(-1, None))

    def _weigh(self, one: _Point, samples: Samples, following: npt.NDArray[np.int64]) -> None:
        """Adds the time that each sample holds, until the one that follows it."""
        until = np.minimum(np.minimum(following, samples.time + one.hold), self._end)
        weight = np.maximum(until - np.maximum(samples.time, self._start), 0).astype(np.float64)
        weight[~_is_usable(samples)] = 0.0
        covered = float(weight.sum())
        if not covered:
            return
        value = np.where(weight > 0, samples.value, 0.0)
        mean = float(weight @ value) / covered
        spread = float(weight @ np.square(value - mean))
        # Chan, Golub and LeVeque: the moments of two parts joined without cancellation
        whole = one.covered + covered
        apart = mean - one.mean
        one.spread += spread + apart * apart * one.covered * covered / whole
        one.mean += apart * covered / whole
        one.covered = whole
        one.good += float(weight[severity(samples.quality) == 0].sum())


def _is_usable(samples: Samples) -> npt.NDArray[np.bool_]:
    return np.isfinite(samples.value) & (severity(samples.quality) < 2)


def _where(known: npt.NDArray[np.bool_], column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ma.MaskedArray(column, mask=~known)
