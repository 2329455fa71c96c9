"""Anti-hunting: how often a point may be operated, whoever asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tieline.config.gate import Limit
from tieline.model import PointId

HOUR_S = 3600.0


class Limits:
    """Counts releases on the monotonic clock, so that a wall clock that steps neither frees nor blocks a point."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._counted: dict[PointId, list[_Count]] = {}
        for limit in limits:
            shared = _Count(limit)
            for point in limit.points:
                self._counted.setdefault(point, []).append(shared if limit.together else _Count(limit))

    def refusal(self, point: PointId, monotonic_s: float) -> str:
        """Why the point may not be operated now; nothing where it may."""
        return next((words for count in self._counted.get(point, ()) if (words := count.refusal(monotonic_s))), "")

    def count(self, point: PointId, monotonic_s: float) -> None:
        """The point is operated, or was: releases are counted in their order."""
        for count in self._counted.get(point, ()):
            count.add(monotonic_s)


class _Count:
    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._released: deque[float] = deque(maxlen=max(limit.most_per_hour or 1, 1))

    def add(self, monotonic_s: float) -> None:
        self._released.append(monotonic_s)

    def refusal(self, monotonic_s: float) -> str:
        limit, released = self._limit, self._released
        if not released:
            return ""
        left_s = released[-1] + limit.least_interval_s - monotonic_s
        if left_s > 0:
            return f"the last operation was less than {limit.least_interval_s:g} s ago; it may be repeated in {left_s:.0f} s"
        left_s = released[0] + HOUR_S - monotonic_s
        if limit.most_per_hour is not None and len(released) == limit.most_per_hour and left_s > 0:
            return f"{limit.most_per_hour} operations within an hour are the most; the next is possible in {left_s:.0f} s"
        return ""
