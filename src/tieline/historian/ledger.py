"""Which batches are committed: sets of whole numbers kept as intervals.

A publisher numbers its batches 1, 2, 3 ... within one *incarnation*, a random number that it draws when it starts. Batches may
arrive twice and out of order, so the highest number seen is not enough; the set of numbers is, and because nearly all of them
arrive in the end it is nearly always one interval.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class IntervalSet:
    """A set of integers that costs memory by its gaps, not by its members."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in intervals:
            self.add(first, last)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The intervals in ascending order, both ends included; no two of them touch."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many intervals there are."""
        return len(self._firsts)

    def add(self, first: int, last: int) -> None:
        """Adds all numbers from `first` to `last`, both included."""
        if first > last:
            raise ValueError(f"an interval from {first} to {last} is empty")
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers as intervals that do not touch, in ascending order."""
    found = IntervalSet()
    for number in sorted(numbers):
        found.add(number, number)
    return list(found)


class Ledger:
    """The committed sequences of every site and incarnation."""

    def __init__(self, rows: Iterable[tuple[str, int, int, int]] = ()) -> None:
        self._sets: dict[tuple[str, int], IntervalSet] = {}
        for site, incarnation, first, last in rows:
            self.add(site, incarnation, first, last)

    def has(self, site: str, incarnation: int, sequence: int) -> bool:
        """Whether that batch is committed."""
        held = self._sets.get((site, incarnation))
        return held is not None and sequence in held

    def add(self, site: str, incarnation: int, first: int, last: int) -> None:
        """Notes the batches from `first` to `last` as committed."""
        self._sets.setdefault((site, incarnation), IntervalSet()).add(first, last)

    def rows(self) -> list[tuple[str, int, int, int]]:
        """One row (site, incarnation, first, last) for each interval."""
        return [(site, incarnation, *interval) for (site, incarnation), held in self._sets.items() for interval in held]

    def __len__(self) -> int:
        """How many rows `rows` gives."""
        return sum(map(len, self._sets.values()))
