"""From samples to what they go into: one sample may be an input of many calculations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.bool_]


class Fanout:
    """Maps keys 0, 1, ... to slots: `keys[slot]` is the key of a slot, and a key may have any number of slots, in ascending order."""

    def __init__(self, keys: Any, count: int) -> None:
        column = np.asarray(keys, np.intp)
        self._slots: Index = np.argsort(column, kind="stable")
        self._width: Index = np.bincount(column, minlength=count).astype(np.intp)
        self._first: Index = np.cumsum(self._width) - self._width

    def expand(self, keys: Index) -> tuple[Index, Index]:
        """For each slot of each key, in the order of the keys: the position in `keys`, and the slot."""
        width = self._width[keys]
        total = int(width.sum())
        position = np.repeat(np.arange(len(keys)), width)
        within = np.arange(total) - np.repeat(np.cumsum(width) - width, width)
        return position, self._slots[self._first[keys][position] + within]

    def is_wanted(self, keys: Index) -> Mask:
        """Which keys have a slot at all."""
        return self._width[keys] > 0


def starts_of(ordered: npt.NDArray[Any]) -> Index:
    """Where each run of equal elements begins."""
    if not len(ordered):
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
