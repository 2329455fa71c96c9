"""How much of somebody is taken: a burst, and so many a second after it; the others are counted."""

from __future__ import annotations


class Allowance:
    """A bucket of tokens that fills up again. Times are those of the monotonic clock."""

    def __init__(self, burst: float, per_s: float, now_s: float) -> None:
        self.left_out = 0
        """That were not taken since the last `settle`."""
        self._burst, self._per_s = burst, per_s
        self._tokens, self._filled_s = burst, now_s
        self._since_s: float | None = None

    def takes(self, now_s: float) -> bool:
        """Whether one more is taken; one that is not is counted."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        self.left_out += 1
        self._since_s = now_s if self._since_s is None else self._since_s
        return False

    def settle(self, now_s: float, after_s: float) -> int:
        """How many were left out, once so much time has passed since the first of them; 0 otherwise."""
        if self._since_s is None or now_s - self._since_s < after_s:
            return 0
        count, self.left_out, self._since_s = self.left_out, 0, None
        return count
