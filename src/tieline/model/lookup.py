"""Rows of points by their ids, for columns in which nothing is in order.

A binary search in a large table waits for memory at each halving: a tenth of a microsecond an id. Most ids are found by their hash instead
(Knuth's multiplicative one, a table eight times as large); those whose place another id has taken are searched for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tieline.model.samples import PointColumn

Index = npt.NDArray[np.intp]

_GOLDEN = np.uint32(2_654_435_769)
_BITS_TO_SPARE = 3


class Lookup:
    """Finds the row of an id among ids that rise strictly."""

    def __init__(self, ids: PointColumn) -> None:
        self._ids = ids
        bits = min(len(ids).bit_length() + _BITS_TO_SPARE, 32)
        self._shift = np.uint32(32 - bits)
        self._table = np.zeros(1 << bits, np.intp)
        self._table[(ids * _GOLDEN) >> self._shift] = np.arange(len(ids))

    def rows(self, column: PointColumn) -> Index:
        """The row of each, or -1."""
        if not len(self._ids):
            return np.full(len(column), -1, np.intp)
        rows: Index = self._table[(column * _GOLDEN) >> self._shift]
        elsewhere = np.flatnonzero(self._ids[rows] != column)
        if len(elsewhere):
            sought = column[elsewhere]
            found = np.minimum(np.searchsorted(self._ids, sought), len(self._ids) - 1)
            rows[elsewhere] = np.where(self._ids[found] == sought, found, -1)
        return rows
