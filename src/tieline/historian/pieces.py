"""Cuts a long range of time into pieces that fit into memory, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.historian.schema import DAY_US

MOST_ROWS = 500_000
_FIRST_US = 3_600_000_000
_SHORTEST_US = 1_000_000
_LONGEST_US = 32 * DAY_US


class Pieces:
    """Consecutive parts of a range, as long as their rows allow; none ends in the middle of a day that it did not begin in.

    Whoever reads a piece says by `took` how many rows it had: the next is longer or shorter.
    """

    def __init__(self, start_us: int, end_us: int) -> None:
        self._at, self._end = start_us, end_us
        self._length = _FIRST_US

    def __iter__(self) -> Iterator[tuple[int, int]]:
        while self._at < self._end:
            start, until = self._at, self._at + self._length
            midnight = until // DAY_US * DAY_US
            self._at = min(midnight if midnight > start else until, self._end)
            yield start, self._at

    def took(self, rows: int) -> None:
        """So many rows were in the piece read last."""
        if rows > MOST_ROWS:
            self._length = max(self._length // 2, _SHORTEST_US)
        elif rows < MOST_ROWS // 4:
            self._length = min(self._length * 4, _LONGEST_US)
        elif rows < MOST_ROWS // 2:
            self._length = min(self._length * 2, _LONGEST_US)
