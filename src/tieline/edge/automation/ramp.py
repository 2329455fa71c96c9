"""A setpoint's way from what it is to what it shall be, no faster than permitted."""

from __future__ import annotations

import math


class Ramp:
    """Follows the present value while somebody else sets it, then leads from there to the target: no bump at a hand-over."""

    def __init__(self, per_s: float) -> None:
        """`per_s` is in the setpoint's unit a second; 0 means at once."""
        self._per_s = per_s
        self._value = math.nan
        self._at = 0.0

    @property
    def value(self) -> float:
        """Where it stands; NaN before anything was known."""
        return self._value

    def follow(self, value: float, monotonic_s: float) -> None:
        """The setpoint is here, whoever set it; a value that is not finite says nothing."""
        if math.isfinite(value):
            self._value = value
        self._at = monotonic_s

    def toward(self, target: float, monotonic_s: float) -> float:
        """The setpoint at this time on its way to the target. From an unknown value it goes to the target at once."""
        elapsed_s = max(0.0, monotonic_s - self._at)
        self._at = monotonic_s
        if self._per_s <= 0 or not math.isfinite(self._value):
            self._value = target
        else:
            step = self._per_s * elapsed_s
            self._value += min(max(target - self._value, -step), step)
        return self._value
