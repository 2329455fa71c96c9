"""Floods: more alarms than a person can answer (ISA-18.2 clause 16.5, IEC 62682 clause 16.5).

A flood begins for an operator where more than ten new alarms come within ten minutes, and ends where fewer than five did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tieline.scada.alarms.conditions import Times

WINDOW_US = 600_000_000
MORE_THAN = 10
FEWER_THAN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A flood; times are microseconds since 1970-01-01 UTC."""

    began: int
    ended: int = 0
    """0 while it goes on."""
    alarms: int
    """New ones, from ten minutes before it began."""


class FloodWatch:
    """Finds floods of one operator while they come."""

    def __init__(self) -> None:
        self.flood: Flood | None = None
        """What goes on now."""
        self._told: deque[tuple[int, int]] = deque()
        self._count = 0

    @property
    def count(self) -> int:
        """New alarms of the last ten minutes."""
        return self._count

    def take(self, at: int, count: int) -> Flood | None:
        """So many new alarms came at that time. Gives the flood that began with them, or the one that ended before."""
        ended = self.tick(at)
        if not count:
            return ended
        self._told.append((at, count))
        self._count += count
        if self.flood is not None:
            self.flood = Flood(began=self.flood.began, alarms=self.flood.alarms + count)
        elif self._count > MORE_THAN:
            self.flood = Flood(began=at, alarms=self._count)
            return self.flood
        return ended

    def tick(self, at: int) -> Flood | None:
        """Forgets what is older than ten minutes; gives the flood that is over by that."""
        if self._told and self._told[-1][0] > at:  # the clock was set back: they age from now on
            self._told = deque((min(came, at), count) for came, count in self._told)
        while self._told and self._told[0][0] <= at - WINDOW_US:
            came, count = self._told.popleft()
            self._count -= count
            if self.flood is not None and self._count < FEWER_THAN:
                ended = Flood(began=self.flood.began, ended=came + WINDOW_US, alarms=self.flood.alarms)
                self.flood = None
                self._drop(at)
                return ended
        return None

    def _drop(self, at: int) -> None:
        while self._told and self._told[0][0] <= at - WINDOW_US:
            self._count -= self._told.popleft()[1]


def floods_in(told: Times) -> list[Flood]:
    """The floods among new alarms at these times, in ascending order; the last may still go on after all of them."""
    watch = FloodWatch()
    found: list[Flood] = []
    times, counts = np.unique(told, return_counts=True)
    for at, count in zip(times.tolist(), counts.tolist(), strict=True):
        ended = watch.tick(at)
        if ended is not None:
            found.append(ended)
        watch.take(at, count)
    if watch.flood is not None:
        last = watch.tick(np.iinfo(np.int64).max)
        assert last is not None
        found.append(last)
    return found
