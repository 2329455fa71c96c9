"""The process image: the newest sample of every point of a site, in columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from tieline.edge.processing.turns import is_once
from tieline.model import Point, Quality, Samples

Rows = npt.NDArray[np.intp]

NEVER = int(Quality.INVALID | Quality.OLD_DATA)
"""Quality of a point of which nothing was ever heard."""

_LATE_US = 300_000_000


class ProcessImage:
    """Row `i` of each column belongs to the point with the `i`-th smallest id. Read the columns, change them with `update` only."""

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = tuple(sorted(points, key=lambda point: point.id))
        count = len(self.points)
        self.id = np.fromiter((point.id for point in self.points), np.uint32, count)
        self.time = np.zeros(count, np.int64)
        """Microseconds since 1970-01-01 UTC; 0 where nothing was ever heard."""
        self.value = np.full(count, np.nan)
        self.quality = np.full(count, NEVER, np.uint16)

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, ids: npt.NDArray[np.uint32]) -> Rows:
        """The rows of these points. Raises `ValueError` where one is not a point of the site."""
        rows = np.searchsorted(self.id, ids)
        if not len(self.id) and len(ids):
            raise ValueError("samples of a point that this site does not have")
        rows[rows == len(self.id)] = 0
        if not np.array_equal(self.id[rows], ids):
            raise ValueError("samples of a point that this site does not have")
        return rows

    def row(self, point: Point) -> int:
        """The row of one point."""
        return int(self.rows(np.array([point.id], np.uint32))[0])

    def update(self, samples: Samples) -> Rows:
        """Takes samples, in the order in which they came; gives the row of each.

        What a device stamped itself, and less than five minutes before what is there, is history and stays out. Anything else that is older
        tells of a clock that was wrong or has stepped, and is what is known now.
        """
        rows = self.rows(samples.point)
        if not _is_in_order(rows, samples.time):
            self._update_one_by_one(rows, samples)
            return rows
        behind_us = self.time[rows] - samples.time
        is_late = behind_us > 0
        if is_late.any():
            is_late &= ((samples.quality & np.uint16(Quality.DEVICE_TIME)) != 0) & (behind_us <= _LATE_US)
        new, where = (samples.take(~is_late), rows[~is_late]) if is_late.any() else (samples, rows)
        self.time[where] = new.time  # where a point is there twice, the last one stays
        self.value[where] = new.value
        self.quality[where] = new.quality
        return rows

    def _update_one_by_one(self, rows: Rows, samples: Samples) -> None:
        columns = (samples.time.tolist(), samples.value.tolist(), samples.quality.tolist())
        for row, time, value, quality in zip(rows.tolist(), *columns, strict=True):
            if not (quality & Quality.DEVICE_TIME and 0 < int(self.time[row]) - time <= _LATE_US):
                self.time[row], self.value[row], self.quality[row] = time, value, quality

    def newest(self) -> Samples:
        """The newest sample of each point of which anything was ever heard."""
        heard = self.time != 0
        return Samples(self.id[heard], self.time[heard], self.value[heard], self.quality[heard])


def _is_in_order(rows: Rows, time: npt.NDArray[np.int64]) -> bool:
    """Whether no point that is there more than once has an older sample behind a newer one."""
    if is_once(rows):
        return True
    order = np.argsort(rows, kind="stable")
    is_older = (np.diff(rows[order]) == 0) & (np.diff(time[order]) < 0)
    return not is_older.any()
