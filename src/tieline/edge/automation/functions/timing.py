"""Time as functions need it: how long something has held, and how often something happened lately."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tieline.model import Now

_MOST_KEPT = 1_000


class Delay:
    """How long a condition has held without a break, on the monotonic clock."""

    def __init__(self) -> None:
        self._since: float | None = None

    def held_s(self, now: Now, *, holds: bool) -> float:
        """Seconds since the condition began to hold; 0 in the scan in which it does, -1 where it does not hold."""
        if not holds:
            self._since = None
            return -1.0
        if self._since is None:
            self._since = now.monotonic_s
        return max(0.0, now.monotonic_s - self._since)

    def reset(self) -> None:
        """Begins anew with the next scan."""
        self._since = None


class Recent:
    """When something happened within a sliding window. What an earlier life remembers is dated by UTC and never later than now."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._times: deque[tuple[float, int]] = deque(maxlen=_MOST_KEPT)
        self._recalled: list[int] = []

    def add(self, now: Now) -> None:
        """It has happened."""
        self._settle(now)
        self._times.append((now.monotonic_s, now.utc_us))

    def count(self, now: Now) -> int:
        """How often it has happened within the window."""
        self._settle(now)
        while self._times and self._times[0][0] <= now.monotonic_s - self.window_s:
            self._times.popleft()
        return len(self._times)

    def clear(self) -> None:
        """Forgets everything."""
        self._times.clear()
        self._recalled = []

    def remember(self) -> list[int]:
        """Microseconds since 1970-01-01 UTC."""
        return [*self._recalled, *(utc for _, utc in self._times)]

    def recall(self, times: object) -> None:
        """Takes what `remember` gave; anything else is ignored."""
        if isinstance(times, Iterable) and not isinstance(times, str | bytes):
            self._recalled = [time for time in times if isinstance(time, int) and not isinstance(time, bool)][-_MOST_KEPT:]

    def _settle(self, now: Now) -> None:
        for utc in self._recalled:
            age_s = max(0.0, (now.utc_us - utc) / 1e6)
            self._times.append((now.monotonic_s - age_s, utc))
        self._recalled = []
