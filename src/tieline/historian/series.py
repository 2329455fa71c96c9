"""Keeps in memory the series that are asked for again: a point's samples of one sorted part, decoded and ready to cut.

DuckDB needs half a millisecond to plan the smallest query and decodes whole vectors for a few rows; a screen asks for the same few
points again and again. What a body or a file of the lake holds never changes under its name and number of rows, so nothing ever
has to be invalidated. A series is loaded when it is asked for the second time; the first time, only the range asked for is read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tieline.model import Samples, severity

Key = tuple[Hashable, int]

CACHE_BYTES = 128 * 1024 * 1024
ROW_BYTES = 22
LONGEST_ROWS = 200_000
"""A longer series is read from the file each time: its query takes longer than DuckDB's planning."""
_REMEMBERED = 65_536
_OVERHEAD_ROWS = 40
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


class SeriesCache:
    """Series by (part, point), the least recently used of which go first; may be used by many threads."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._limit_rows = limit_bytes // ROW_BYTES
        self._rows = 0
        self._held: OrderedDict[Key, Samples] = OrderedDict()
        self._noted: OrderedDict[Key, bool] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, part: Hashable, points: Sequence[int]) -> list[Samples] | None:
        """The series of all these points in that part; `None` where one is missing."""
        with self._lock:
            held = self._held
            try:
                found = [held[part, point] for point in points]
            except KeyError:
                return None
            for point in points:
                held.move_to_end((part, point))
            return found

    def is_worth_loading(self, part: Hashable, points: Sequence[int]) -> bool:
        """Whether all these points were noted before, and none is too long."""
        with self._lock:
            return all(self._noted.get((part, point), False) for point in points)

    def note(self, part: Hashable, points: Sequence[int]) -> None:
        """Remembers that these points were asked for."""
        with self._lock:
            for point in points:
                self._noted.setdefault((part, point), True)
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)

    def put(self, part: Hashable, points: Sequence[int], samples: Samples) -> list[Samples]:
        """Keeps the samples, sorted by point and time, of all these points in that part, and gives them series by series."""
        ids = np.asarray(points, np.uint32)
        starts, ends = (np.searchsorted(samples.point, ids, side).tolist() for side in _SIDES)
        found = [_owned(samples.take(slice(start, end))) for start, end in zip(starts, ends, strict=True)]
        with self._lock:
            for point, series in zip(points, found, strict=True):
                if len(series) > LONGEST_ROWS:
                    self._noted[part, point] = False
                elif (part, point) not in self._held:
                    self._held[part, point] = series
                    self._rows += len(series) + _OVERHEAD_ROWS
            while self._rows > self._limit_rows and self._held:
                self._rows -= len(self._held.popitem(last=False)[1]) + _OVERHEAD_ROWS
        return found


def cut(series: Samples, start_us: int, end_us: int) -> Samples:
    """The samples of a series, sorted by time, from `start_us` to before `end_us`."""
    first, last = series.time.searchsorted((start_us, end_us))
    return series if first == 0 and last == len(series) else series.take(slice(first, last))


def by_point_and_time(samples: Samples) -> Samples:
    """The samples sorted."""
    later = samples.time[1:] >= samples.time[:-1]
    if np.all((samples.point[1:] > samples.point[:-1]) | ((samples.point[1:] == samples.point[:-1]) & later)):
        return samples
    return samples.take(np.lexsort((samples.time, samples.point)))


def decimate(samples: Samples, start_us: int, width_us: int) -> dict[str, Any]:
    """The columns of `Reader.history` for samples sorted by point and time, in buckets of that width from `start_us` on."""
    if not len(samples):
        return {}
    bucket = (samples.time - start_us) // width_us
    is_first = np.empty(len(samples), bool)
    is_first[0] = True
    np.not_equal(bucket[1:], bucket[:-1], out=is_first[1:])
    is_first[1:] |= samples.point[1:] != samples.point[:-1]
    first = np.flatnonzero(is_first)
    finite = np.isfinite(samples.value)
    count = np.add.reduceat(finite, first, dtype=np.int64)
    low, high = np.where(finite, samples.value, np.inf), np.where(finite, samples.value, -np.inf)
    total = np.add.reduceat(np.where(finite, samples.value, 0.0), first)
    place = np.maximum.reduceat(np.where(finite, np.arange(len(samples)), -1), first)
    has_none = count == 0

    def nullable(column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.ma.MaskedArray(column, mask=has_none) if has_none.any() else column

    return {
        "point": samples.point[first],
        "time": start_us + bucket[first] * width_us,
        "min": nullable(np.minimum.reduceat(low, first)),
        "max": nullable(np.maximum.reduceat(high, first)),
        "mean": nullable(total / np.maximum(count, 1)),
        "last": nullable(samples.value[place]),
        "count": count,
        "severity": np.maximum.reduceat(severity(samples.quality), first),
    }


def _owned(samples: Samples) -> Samples:
    """A copy, so that a few rows do not keep the memory of many."""
    return Samples(samples.point.copy(), samples.time.copy(), samples.value.copy(), samples.quality.copy())
