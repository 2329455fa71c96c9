"""Battery control: limits at a point of connection, smoothing of solar power, and a state of charge that lasts.

    others   = export of the connection - battery                    (low-pass filtered)
    smoothed = a reference that follows solar power no faster than its ramp limit, minus solar power
    target   = smoothed and recovery, clipped to  -import_limit - others ... export_limit - others
             then clipped to what power limits and state of charge permit

The filter makes the loop stable: measurements at the two places that are tau apart give a loop gain of at most tau / filter_s, below 1.
Limits of the connection come before smoothing, smoothing before recovery. Towards its lowest and highest state of charge the power fades to
zero, without a switching point.

Nothing is written while the function may not act or its block input is on; it follows the battery's power meanwhile and begins from there.
With an uncertain input the setpoint is held, then taken to 0 along the ramp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from tieline.config.automation_functions.battery_control import BatteryControlPlan
from tieline.edge.automation.function import NOTHING, Action, Answer, Read, Request
from tieline.edge.automation.functions.inputs import bad_ones, quantity
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Delay
from tieline.edge.automation.ramp import Ramp
from tieline.model import Now, Severity

_ANSWERED_WITHIN_S = 30.0
_RETRY_S = 10.0
_SHORT_S = 10.0
_MEGA = 1e6


class BatteryState(IntEnum):
    """What the point `state` shows."""

    OBSERVING = 0
    BLOCKED = 1
    IDLE = 2
    LIMITING_IMPORT = 3
    LIMITING_EXPORT = 4
    SMOOTHING = 5
    RECOVERING = 6
    EXHAUSTED = 7


class BatteryControl:
    """One battery. Powers are megawatts, positive where they enter the network."""

    def __init__(self, plan: BatteryControlPlan) -> None:
        self._plan = plan
        self._section = plan.section
        self._standing = Standing(plan.name, block=plan.block)
        self._ramp = Ramp(plan.section.ramp_mw_per_s)
        self._others = math.nan
        self._reference = math.nan
        self._recovery = 0
        self._bad = Delay()
        self._short = Delay()
        self._is_short_said = False
        self._at = math.nan
        self._request: Request | None = None
        self._asked_at = -math.inf
        self._not_before = -math.inf
        self._written = math.nan
        self._battery = math.nan
        self._target = math.nan
        self._missing = 0.0
        self._state = BatteryState.OBSERVING

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan."""
        plan = self._plan
        resting = self._standing.read(read)
        self._take(now, answers)
        bad = bad_ones(read, [plan.battery_power, plan.state_of_charge, plan.connection_power, plan.solar_power])
        self._standing.set_block(now, resting or (f"{', '.join(bad)} bad" if bad else ""))
        bad_s = self._bad.held_s(now, holds=bool(bad))
        elapsed_s = 0.0 if math.isnan(self._at) else max(0.0, now.monotonic_s - self._at)
        self._at = now.monotonic_s
        self._battery = battery = quantity(read, plan.battery_power) / _MEGA
        request = None
        if bad:
            self._others = self._reference = math.nan
            self._target = 0.0
        else:
            self._target = self._aim(now, read, battery, elapsed_s)
        if not may_act or resting:
            self._rest(now, battery, BatteryState.BLOCKED if may_act else BatteryState.OBSERVING)
        elif bad and bad_s < self._section.hold_s:
            self._state = BatteryState.BLOCKED
            self._ramp.follow(math.nan, now.monotonic_s)
        else:
            self._state = BatteryState.BLOCKED if bad else self._state
            request = self._write(now)
        notices = self._standing.take_notices()
        return Action(requests=(request,) if request else (), notices=notices) if request or notices else NOTHING

    def shown(self) -> Mapping[str, float]:
        """State and powers."""
        return {
            "state": float(self._state),
            "target": self._target,
            "setpoint": self._battery if math.isnan(self._written) else self._written,
            "others": self._others,
            "missing": self._missing,
            "blocked": float(bool(self._standing.blocked)),
        }

    def reset(self) -> None:
        """There is nothing that locks it out."""

    def remember(self) -> dict[str, Any]:
        """Whether it is recovering; everything else is measured."""
        return {"recovery": self._recovery}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        recovery = state.get("recovery")
        if isinstance(recovery, int) and recovery in {-1, 0, 1}:
            self._recovery = int(recovery)

    def _take(self, now: Now, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.request is self._request:
                self._request = None
                if not answer.is_done:
                    self._written = math.nan
                    self._not_before = now.monotonic_s + _RETRY_S
                    text = f"the setpoint was not taken: {answer.outcome.reason or answer.outcome.result}"
                    self._standing.say("setpoint_not_taken", text, Severity.WARNING)
        if now.monotonic_s - self._asked_at > _ANSWERED_WITHIN_S:
            self._request = None

    def _rest(self, now: Now, battery: float, state: BatteryState) -> None:
        self._ramp.follow(battery, now.monotonic_s)
        self._written = math.nan
        self._state = state

    def _aim(self, now: Now, read: Read, battery: float, elapsed_s: float) -> float:
        """The target in megawatts; sets the state that explains it."""
        section = self._section
        charge = quantity(read, self._plan.state_of_charge)
        base, state = self._smooth(read, battery, self._recover(charge), elapsed_s)
        lowest, highest = self._limits(read, battery, elapsed_s)
        wanted = min(max(base, lowest), highest)
        if wanted > base:
            state = BatteryState.LIMITING_IMPORT
        elif wanted < base:
            state = BatteryState.LIMITING_EXPORT
        fade_out = min(max((charge - section.soc_lowest_percent) / section.soc_taper_percent, 0.0), 1.0)
        fade_in = min(max((section.soc_highest_percent - charge) / section.soc_taper_percent, 0.0), 1.0)
        target = min(max(wanted, -section.charge_limit_mw * fade_in), section.discharge_limit_mw * fade_out)
        self._missing = max(lowest - target, target - highest, 0.0)
        is_short = self._short.held_s(now, holds=self._missing > section.deadband_mw) >= _SHORT_S
        if is_short and not self._is_short_said:
            text = f"the limits of the connection cannot be held: {self._missing:.2f} MW are missing at {charge:.0f} % charge"
            self._standing.say("battery_exhausted", text, Severity.WARNING)
        self._is_short_said = is_short
        self._state = BatteryState.EXHAUSTED if is_short else state
        return target

    def _recover(self, charge: float) -> float:
        """Recovery begins outside the band and ends at the target."""
        section = self._section
        error = charge - section.soc_target_percent
        if abs(error) > section.soc_band_percent / 2:
            self._recovery = 1 if error > 0 else -1
        elif error * self._recovery <= 0:
            self._recovery = 0
        return section.recovery_mw * self._recovery

    def _smooth(self, read: Read, battery: float, recovery: float, elapsed_s: float) -> tuple[float, BatteryState]:
        section = self._section
        idle = BatteryState.RECOVERING if recovery else BatteryState.IDLE
        if self._plan.solar_power is None or section.ramp_limit_mw_per_min is None:
            return recovery, idle
        solar = quantity(read, self._plan.solar_power) / _MEGA
        if math.isnan(self._reference):
            self._reference = solar + battery
        step = section.ramp_limit_mw_per_min / 60 * elapsed_s
        self._reference += min(max(solar + recovery - self._reference, -step), step)
        base = self._reference - solar
        return base, BatteryState.SMOOTHING if abs(base - recovery) > section.deadband_mw else idle

    def _limits(self, read: Read, battery: float, elapsed_s: float) -> tuple[float, float]:
        """Between which powers of the battery the connection keeps its limits."""
        section = self._section
        if self._plan.connection_power is None:
            return -math.inf, math.inf
        sign = 1.0 if section.export_is == "positive" else -1.0
        others = sign * quantity(read, self._plan.connection_power) / _MEGA - battery
        if math.isnan(self._others):
            self._others = others
        self._others += (others - self._others) * -math.expm1(-elapsed_s / section.filter_s)
        lowest = -math.inf if section.import_limit_mw is None else -section.import_limit_mw - self._others
        highest = math.inf if section.export_limit_mw is None else section.export_limit_mw - self._others
        return lowest, highest

    def _write(self, now: Now) -> Request | None:
        section, setpoint = self._section, self._plan.power_setpoint
        value = self._ramp.toward(self._target, now.monotonic_s)
        value = min(max(value, -section.charge_limit_mw), section.discharge_limit_mw)
        change = abs(value - self._written)
        is_worth = math.isnan(change) or (change > 0 and (change >= section.deadband_mw or value == 0))
        is_stale = section.refresh_s > 0 and now.monotonic_s - self._asked_at >= section.refresh_s
        if self._request is not None or now.monotonic_s < self._not_before or not (is_worth or is_stale):
            return None
        self._written, self._asked_at = value, now.monotonic_s
        self._request = Request(
            point=setpoint.point, value=value * _MEGA / setpoint.factor, reason=f"{self._state.name.lower().replace('_', ' ')}"
        )
        return self._request
