"""A period that does not drift.

Ticks stand on a grid `origin + n * period`. Each is computed from the origin, never from the tick before, so neither late wake-ups
nor the work between ticks add up. Work that takes longer than the period finds the grid ahead of it: the ticks that passed meanwhile
are skipped and counted, never made up for in a burst.
"""

from __future__ import annotations

import math


class Ticker:
    """Hands out the ticks of one grid; the caller sleeps."""

    def __init__(self, period_s: float, origin: float) -> None:
        if not period_s > 0:
            raise ValueError(f"a period is positive, not {period_s}")
        self.period_s = period_s
        self.missed = 0
        """Ticks that were skipped because the work before took too long."""
        self._origin = origin
        self._count = -1

    def next_tick(self, now: float) -> float:
        """The next tick, at or after `now`, in the same monotonic seconds; each call is the next one. The first is the origin."""
        wanted = self._count + 1
        self._count = max(wanted, math.ceil((now - self._origin) / self.period_s)) if wanted else 0
        self.missed += self._count - wanted
        return self._origin + self._count * self.period_s
