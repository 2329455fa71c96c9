"""The frequency after a loss of generation: one machine for the whole system, after Anderson and Mirheydar, "A low-order system
frequency response model", IEEE Trans. Power Systems 5 (1990) 720-729, with the governors' reserve limited and no reheat.

    2 H / f0  d df/dt  = p_m + p_shed - p_lost - D df / f0        (per unit of the system's rated power)
    T_g  d p_m/dt      = clip(-df / (R f0), -1, reserve) - p_m

H is the inertia constant, D the self-regulation of loads, R the droop of the governors, T_g their lag. What is no longer consumed in
the simulated network since the loss counts as shed, what batteries give more, too. Real generators leave the network at some 5 % from
nominal; here the frequency stops at 10 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEP_S = 0.02
_MOST_STEPS = 5_000
_QUIET_HZ = 1e-3
_FURTHEST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSystem:
    """The system to which the network belongs when generation is lost."""

    rated_mva: float | None = None
    """As large as all loads of the network at their peaks where nothing is said."""
    inertia_s: float = 4.0
    damping: float = 1.5
    """Percent of load for a percent of frequency."""
    droop_percent: float = 5.0
    governor_s: float = 6.0
    reserve_percent: float = 5.0
    """Of the rated power, that governors can add."""


class FrequencyResponse:
    """How far the frequency is from where it would be without the loss; exactly 0 until there is one, and again when all is over."""

    def __init__(self, system: PowerSystem, *, peak_mw: float, nominal_hz: float = 50.0) -> None:
        self._system = system
        self._rated_w = (system.rated_mva or max(peak_mw, 1.0)) * 1e6
        self._nominal = nominal_hz
        self._governors = 0.0
        self.lost_w = 0.0
        """Generation lost; positive lowers the frequency."""
        self.deviation_hz = 0.0

    @property
    def is_active(self) -> bool:
        """Whether there is anything to respond to."""
        return self.lost_w != 0 or self.deviation_hz != 0

    def lose(self, watts: float) -> None:
        """So much generation is lost from now on; negative returns."""
        self.lost_w += watts
        if abs(self.lost_w) < 1:
            self.lost_w = 0.0

    def step(self, seconds: float, relief_w: float) -> float:
        """The deviation some seconds later; `relief_w` is load shed and power added in the network since the loss."""
        if not self.is_active:
            return 0.0
        system, nominal = self._system, self._nominal
        balance = (relief_w - self.lost_w) / self._rated_w
        count = min(max(1, math.ceil(seconds / _STEP_S)), _MOST_STEPS)
        dt = seconds / count
        deviation = self.deviation_hz
        for _ in range(count):
            wanted = min(max(-deviation / nominal / (system.droop_percent / 100), -1.0), system.reserve_percent / 100)
            self._governors += (wanted - self._governors) * -math.expm1(-dt / system.governor_s)
            rate = (self._governors + balance - system.damping * deviation / nominal) * nominal / (2 * system.inertia_s)
            deviation = min(max(deviation + rate * dt, -_FURTHEST * nominal), _FURTHEST * nominal)
        self.deviation_hz = deviation
        if self.lost_w == 0 and abs(deviation) < _QUIET_HZ and abs(self._governors) < _QUIET_HZ and abs(balance) < _QUIET_HZ:
            self.deviation_hz = self._governors = 0.0
        return self.deviation_hz
