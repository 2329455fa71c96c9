"""Line-drop compensation: the voltage at the load center, from that at the transformer and the current that flows there.

    U_load = |U - (R + jX) sqrt3 I|,  sqrt3 I = (P - jQ) / U     (phasors of a balanced system, U between phases, real)

so the drop in phase is (R P + X Q) / U, and (X P - R Q) / U stands across it.
"""

from __future__ import annotations

import math


def powers_of(voltage_v: float, current_a: float, power_factor: float) -> tuple[float, float]:
    """Watts and vars of a lagging current; the power factor's sign is the direction of the power, and of both."""
    apparent = math.sqrt(3) * voltage_v * current_a
    share = min(abs(power_factor), 1.0)
    sign = math.copysign(1.0, power_factor)
    return sign * apparent * share, sign * apparent * math.sqrt(1 - share * share)


def voltage_at_load(voltage_v: float, power_w: float, reactive_var: float, r_ohm: float, x_ohm: float) -> float:
    """Volts between phases at the end of the line; NaN without a voltage."""
    if not voltage_v > 0:
        return math.nan
    along = (r_ohm * power_w + x_ohm * reactive_var) / voltage_v
    across = (x_ohm * power_w - r_ohm * reactive_var) / voltage_v
    return math.hypot(voltage_v - along, across)
