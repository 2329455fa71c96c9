"""Rows of a batch in which a point may be there more than once, split so that array operations keep the order of each point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]


def turns(index: Index) -> list[Index | slice]:
    """Splits rows so that in each part a point is there once, and rows of a point stay in order.

    A poll has every point once (one part); a burst of events may have a point often (as many parts as its most frequent point).
    """
    if is_once(index):
        return [slice(None)]
    rank = _ranks(index)
    by_rank = np.argsort(rank, kind="stable")
    return list(np.split(by_rank, np.flatnonzero(np.diff(rank[by_rank])) + 1))


def is_once(index: Index) -> bool:
    """Whether no number is there twice; numbers are rows of a table, so small."""
    if len(index) < 2:
        return True
    if len(index) <= 64:
        return len(set(index.tolist())) == len(index)
    places = np.arange(len(index))
    last = np.empty(int(index.max()) + 1, dtype=np.intp)
    last[index] = places
    return bool(np.array_equal(last[index], places))


WIDE = 32
"""From so many rows on, a turn is worth array operations."""


def wide_turns(index: Index) -> tuple[list[Index | slice], Index]:
    """The turns that are worth array operations, and the rows that come after them, in their order, to be taken one by one.

    So a burst of thousands of samples of one point costs as much for each as for the first.
    """
    if is_once(index):
        return [slice(None)], np.empty(0, np.intp)
    rank = _ranks(index)
    widths = np.bincount(rank)  # a turn is never wider than the one before
    ends = np.cumsum(widths[widths >= WIDE])
    by_rank = np.argsort(rank, kind="stable")
    *wide, rest = np.split(by_rank, ends)
    return list(wide), np.sort(rest)


def by_row(index: Index) -> tuple[Index, list[tuple[int, int, int]]]:
    """The places ordered by row, each row's in their order, and for each row there: the row, where its places begin and end."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(starts[1:], len(index))
    return order, list(zip(ordered[starts].tolist(), starts.tolist(), ends.tolist(), strict=True))


def _ranks(index: Index) -> Index:
    """How often each number was there before."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rank = np.empty(len(index), dtype=np.intp)
    rank[order] = np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
    return rank
