"""How long to wait before trying again: doubling, capped, and jittered so that a hundred clients do not come back at once."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """The waits between attempts; `random` returns numbers in [0, 1)."""

    def __init__(self, random: Callable[[], float], *, first_s: float = 0.5, cap_s: float = 30.0, factor: float = 2.0) -> None:
        self.first_s = first_s
        self.cap_s = cap_s
        self.factor = factor
        self._random = random
        self._base_s = first_s

    def next_wait(self) -> float:
        """Seconds to wait now: between `first_s` and `cap_s`, at least half of the doubled base."""
        base = self._base_s
        self._base_s = min(self.cap_s, base * self.factor)
        return max(self.first_s, base * (0.5 + 0.5 * self._random()))

    def reset(self) -> None:
        """It worked: the next failure starts from `first_s` again."""
        self._base_s = self.first_s
