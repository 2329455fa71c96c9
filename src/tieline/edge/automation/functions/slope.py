"""The rate of change of a measurement over a short window."""

from __future__ import annotations

import math
from collections import deque

_LEAST = 3
_SPAN = 0.8
"""Of the window; measurements that cover less say nothing yet."""


class Slope:
    """A straight line through the measurements of a window, by least squares."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, monotonic_s: float, value: float) -> None:
        """A new measurement; NaN begins anew."""
        if math.isnan(value) or (self._seen and monotonic_s <= self._seen[-1][0]):
            self._seen.clear()
        if not math.isnan(value):
            self._seen.append((monotonic_s, value))
        while len(self._seen) > _LEAST and monotonic_s - self._seen[1][0] >= self._window_s:
            self._seen.popleft()

    @property
    def per_s(self) -> float:
        """Units a second; NaN while the window is not covered."""
        if len(self._seen) < _LEAST or self._seen[-1][0] - self._seen[0][0] < _SPAN * self._window_s:
            return math.nan
        times = [time for time, _ in self._seen]
        middle = sum(times) / len(times)
        spread = sum((time - middle) ** 2 for time in times)
        return sum((time - middle) * value for time, value in self._seen) / spread
