"""The samples that one step of a chain gets, and the way along time through those of each point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tieline.edge.processing.turns import Index
from tieline.model import is_good

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Qualities = npt.NDArray[np.uint16]
Column = npt.NDArray[Any]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Part:
    """Samples in columns; `rows[i]` is the row of the step's parameters that sample `i` belongs to. The columns are not to be changed."""

    rows: Index
    time: Times
    value: Values
    quality: Qualities
    order: Index | None
    """The samples ordered by row, then as they came; None where no row is there twice."""

    def is_usable(self) -> Mask:
        """Where a sample says something about its past and future: its validity is good and its value finite."""
        return is_good(self.quality) & np.isfinite(self.value)


class Runs:
    """The chosen samples of a part, ordered by row, then as they came: a run for each row, each continuing what is remembered."""

    def __init__(self, part: Part, chosen: Mask) -> None:
        if part.order is not None:
            self.at: Index | slice = part.order[chosen[part.order]]
        else:
            self.at = slice(None) if chosen.all() else np.flatnonzero(chosen)
        self.rows = part.rows[self.at]
        """The row of each."""
        self.time = part.time[self.at]
        self.value = part.value[self.at]
        self._starts: Index | None = None
        """Where runs begin; None where each is one sample long."""
        if part.order is not None and len(self.rows):
            self._starts = np.flatnonzero(np.concatenate(([True], self.rows[1:] != self.rows[:-1])))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_short(self) -> bool:
        """Whether every run is one sample long."""
        return self._starts is None

    def spans(self) -> list[tuple[int, int, int]]:
        """Row, begin and end of each run."""
        starts = np.arange(len(self.rows)) if self._starts is None else self._starts
        ends = np.append(starts[1:], len(self.rows))
        return list(zip(self.rows[starts].tolist(), starts.tolist(), ends.tolist(), strict=True))

    def before(self, column: npt.NDArray[T], remembered: npt.NDArray[T]) -> npt.NDArray[T]:
        """What stands in a column one sample earlier in the run, or is remembered of its row."""
        if self._starts is None:
            return remembered[self.rows]
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        shifted[self._starts] = remembered[self.rows[self._starts]]
        return shifted

    def latest(self, is_new: Mask, column: npt.NDArray[T], remembered: npt.NDArray[T]) -> npt.NDArray[T]:
        """What stands in a column at the latest sample so far of the run that is new, or is remembered of its row."""
        if self._starts is None:
            return np.where(is_new, column, remembered[self.rows])
        places = np.arange(len(column))
        found = np.maximum.accumulate(np.where(is_new, places, -1))
        begin = np.repeat(self._starts, np.diff(self._starts, append=len(column)))
        return np.where(found >= begin, column[found], remembered[self.rows])

    def earlier(self, back: int, column: npt.NDArray[T], remembered: npt.NDArray[T]) -> npt.NDArray[T]:
        """What stands in a column so many samples earlier; `remembered[row]` holds what was before the run, newest first."""
        if self._starts is None:
            newest: npt.NDArray[T] = remembered[self.rows, back - 1]
            return newest
        places = np.arange(len(column))
        depth = places - np.repeat(self._starts, np.diff(self._starts, append=len(column)))
        old = remembered[self.rows, np.maximum(back - 1 - depth, 0)]
        return np.where(depth >= back, column[np.maximum(places - back, 0)], old)

    def remember(self, column: npt.NDArray[T], remembered: npt.NDArray[T]) -> None:
        """Notes what stands at the end of each run."""
        if self._starts is None:
            remembered[self.rows] = column
        else:
            ends = np.append(self._starts[1:], len(column)) - 1
            remembered[self.rows[ends]] = column[ends]

    def spread(self, column: Mask, count: int) -> Mask:
        """A column of the runs as one of all `count` samples of the part; False for those that were not chosen."""
        full = np.zeros(count, np.bool_)
        full[self.at] = column
        return full
