"""What the web needs from the historian, and how an answer is laid on a grid of time.

Buckets stand on multiples of their width since 1970, whatever range is asked for: a trend that moves on, or that continues with
live values, keeps its buckets, and extremes do not jump from one pixel to the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tieline.model import Point

STEPS_US = tuple(
    step * unit
    for unit, steps in (
        (1, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        (1_000_000, (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)),
        (60_000_000, (1, 2, 3, 4, 5, 15, 30)),
        (3_600_000_000, (1, 2, 3, 4, 6, 8, 12)),
        (86_400_000_000, (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
    )
    for step in steps
)
"""Widths that a bucket may have: those that people read off a clock, and from 15 minutes up whole quarters of an hour, in which the
historian keeps its rollup; none between 5 and 15 minutes, because days of raw samples are slower to read than their rollup."""


class History(Protocol):
    """The historian, as far as the web needs it."""

    async def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """Samples of the points with start <= time < end, in that many buckets of equal width, as a table sorted by point and time.

        Columns: point uint32, time timestamp[us, UTC] (start of the bucket), min, max, mean and last float64 (null where nothing in
        the bucket was a finite number), count, severity uint8 (the worst in the bucket: 0 good, 1 questionable, 2 invalid). Buckets
        without samples are left out.
        Raises `UnavailableError`.
        """
        ...

    async def statistics(self, points: Sequence[int], start_us: int, end_us: int, holds_us: Sequence[int]) -> pa.Table:
        """Statistics of the points over every raw sample with start <= time < end, as `tieline.historian.Reader.statistics` has it.

        Raises `UnavailableError`.
        """
        ...

    def pieces(self, points: Sequence[int], start_us: int, end_us: int) -> AsyncIterator[pa.Table]:
        """Raw samples (point uint32, time timestamp[us, UTC], value float64, quality uint16) of the points with start <= time < end
        in consecutive pieces of time that fit into memory, each sorted by point and time.

        Raises `UnavailableError`.
        """
        ...

    async def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """The answer to a statement in SQL. Raises `UnavailableError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A range of time cut into buckets of equal width."""

    start_us: int
    end_us: int
    bucket_us: int

    @property
    def buckets(self) -> int:
        """How many there are."""
        return (self.end_us - self.start_us) // self.bucket_us


def lay_grid(start_us: int, end_us: int, buckets: int) -> Grid:
    """The finest grid of readable width that covers the range with at most that many buckets (two more for its edges)."""
    wanted = (end_us - start_us) / buckets
    width = next((step for step in STEPS_US if step >= wanted), STEPS_US[-1])
    return Grid(start_us=start_us // width * width, end_us=-(-end_us // width) * width, bucket_us=width)


def lay_fine_grid(start_us: int, end_us: int, columns: int) -> Grid:
    """The coarsest grid of readable width that covers the range with no bucket wider than one of so many columns of a screen."""
    wanted = (end_us - start_us) / columns
    width = next((step for step in reversed(STEPS_US) if step <= wanted), STEPS_US[0])
    return Grid(start_us=start_us // width * width, end_us=-(-end_us // width) * width, bucket_us=width)


def hold_us(point: Point) -> int:
    """How long a sample's value is good for, while nothing newer comes, in microseconds; the live state calls it stale then."""
    return round((1.5 * point.reporting.max_silence_s + 5) * 1_000_000)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One point's buckets, in columns."""

    time: npt.NDArray[np.int64]
    min: npt.NDArray[np.float64]
    max: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]
    severity: npt.NDArray[np.uint8]


def split(table: pa.Table, points: Sequence[int]) -> dict[int, Series]:
    """The table's buckets for each of the points; a point without samples has an empty series."""
    ids = table.column("point").to_numpy()
    time = table.column("time").to_numpy().astype("datetime64[us]").view(np.int64)
    order = np.lexsort((time, ids))
    ids, time = ids[order], time[order]
    low, high, mean, last = (
        np.asarray(table.column(name).to_numpy(), np.float64)[order] for name in ("min", "max", "mean", "last")
    )
    count = np.asarray(table.column("count").to_numpy(), np.int64)[order]
    severity = np.asarray(table.column("severity").to_numpy(), np.uint8)[order]
    series = {}
    for point in points:
        part = slice(np.searchsorted(ids, point), np.searchsorted(ids, point, side="right"))
        columns = (time[part], low[part], high[part], mean[part], last[part], count[part], severity[part])
        series[point] = Series(*columns)
    return series
