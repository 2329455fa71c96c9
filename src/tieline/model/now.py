"""What time it is, as far as a state machine that must not look at a clock is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Now:
    """One moment on two clocks: timers run on the monotonic one, time stamps come from the other, which may step."""

    monotonic_s: float
    utc_us: int
    """Microseconds since 1970-01-01 UTC."""

    @property
    def utc_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC: the unit of DNP3's absolute time (clause 11.3.3.2)."""
        return self.utc_us // 1_000
