"""What follows from the point column of a batch, worked out once: polls bring the same points in the same order again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from tieline.model.samples import PointColumn

T = TypeVar("T")

_MOST_SAMPLES = 200_000


class Memo(Generic[T]):
    """Answers of a function of point columns; the oldest are forgotten where they would cover more than 200,000 samples."""

    def __init__(self, make: Callable[[PointColumn], T]) -> None:
        self._make = make
        self._known: dict[tuple[int, int, int], tuple[PointColumn, T]] = {}
        self._samples = 0

    def of(self, column: PointColumn) -> T:
        """The answer for a column, which must not be empty."""
        key = (len(column), int(column[0]), int(column[-1]))
        known = self._known.get(key)
        if known is not None and np.array_equal(known[0], column):
            return known[1]
        made = self._make(column)
        if known is not None:
            self._forget(key)
        if len(column) <= _MOST_SAMPLES:
            self._known[key] = (column.copy(), made)
            self._samples += len(column)
            while self._samples > _MOST_SAMPLES:
                self._forget(next(iter(self._known)))
        return made

    def _forget(self, key: tuple[int, int, int]) -> None:
        self._samples -= len(self._known.pop(key)[0])
