"""Voltage regulation by tap changer (ANSI device 90).

    in band --deviation beyond half the bandwidth--> waiting --delay--> tapping --the position shows it--> waiting or in band

The deviation is that of the voltage at the load center (`line_drop`) from the setpoint. The first step waits for `delay_s`, or, inverse,
for `delay_s` times half the bandwidth over the deviation, integrated; steps that follow in the same direction wait for
`subsequent_delay_s`. Back in the band everything begins anew. A voltage far above the setpoint lowers without delay.

Nothing moves with an uncertain input, below the undervoltage limit, above the overcurrent limit, at the last tap, or while locked out: by
steps that do not come or that nobody commanded (`tap_changer`). While the function may not act, its timers rest at zero: taking over is
no reason to move.

With reverse power the function ignores it (generation behind a network that still holds the voltage), blocks, or regulates the voltage
at the other side, where a higher tap position is a lower voltage. In parallel, a follower goes to the position of its master, and the
master takes no further step before its followers have come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tieline.config.automation_functions.voltage_regulator import VoltageRegulatorPlan
from tieline.edge.automation.function import NOTHING, Action, Answer, Read, Request
from tieline.edge.automation.functions.inputs import bad_ones, is_on, number, quantity
from tieline.edge.automation.functions.line_drop import powers_of, voltage_at_load
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.tap_changer import TapChanger
from tieline.edge.automation.functions.timing import Delay
from tieline.model import Now, Result

_FOLLOW_S = 3.0
_FAST_S = 1.0
"""Between two steps without delay: long enough for the voltage to be measured anew."""


class RegulatorState(IntEnum):
    """What the point `state` shows."""

    OBSERVING = 0
    BLOCKED = 1
    IN_BAND = 2
    WAITING = 3
    TAPPING = 4
    AT_LAST_TAP = 5
    LOCKED_OUT = 6
    IN_REVERSE = 7


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one scan measures; NaN where nothing is known."""

    voltage_v: float
    power_w: float
    reactive_var: float
    current_a: float


class VoltageRegulator:
    """One transformer's regulator."""

    def __init__(self, plan: VoltageRegulatorPlan) -> None:
        self._plan = plan
        section = plan.section
        self._section = section
        self._standing = Standing(plan.name, block=plan.block, reset=plan.reset)
        self._tap = TapChanger(
            self._standing,
            timeout_s=section.tap_timeout_s,
            lockout_after=section.lockout_after,
            runaway=(section.runaway_taps, section.runaway_window_s),
            most_an_hour=section.most_taps_an_hour,
            hunting=(section.hunting_reversals, section.hunting_window_s),
        )
        self._state = RegulatorState.OBSERVING
        self._progress = 0.0
        self._direction = 0
        self._is_subsequent = False
        self._hold_until = -math.inf
        self._at = math.nan
        self._remaining_s = 0.0
        self._reversal = Delay()
        self._is_reverse = False
        self._voltage_v = math.nan
        self._deviation = math.nan

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan."""
        reason = self._standing.read(read)
        if self._standing.was_reset:
            self._tap.release()
        position = number(read, self._plan.tap_position)
        position = math.nan if math.isnan(position) else float(round(position))
        ended = self._tap.follow(now, position, answers, is_acting=may_act)
        if ended is Result.DONE:
            self._is_subsequent = True
        elif ended is not None:
            self._hold_until = now.monotonic_s + self._section.delay_s
        elapsed_s = 0.0 if math.isnan(self._at) else max(0.0, now.monotonic_s - self._at)
        self._at = now.monotonic_s
        seen = self._measure(read)
        self._see_reversal(now, seen)
        self._standing.set_block(now, reason or self._find_block(read, seen, position))
        request = self._decide(now, read, seen, position, elapsed_s, may_act=may_act)
        notices = self._standing.take_notices()
        return Action(requests=(request,) if request else (), notices=notices) if request or notices else NOTHING

    def reset(self) -> None:
        """The next scan releases a lockout."""
        self._standing.ask_for_reset()

    def shown(self) -> Mapping[str, float]:
        """State, voltage, deviation and counters."""
        return {
            "state": float(self._state),
            "voltage": self._voltage_v / 1e3,
            "deviation": self._deviation,
            "remaining": self._remaining_s,
            "taps_last_hour": float(self._tap.steps_last_hour),
            "failures": float(self._tap.failures),
            "blocked": float(bool(self._standing.blocked)),
            "locked_out": float(bool(self._standing.lockout)),
            "hunting": float(self._tap.is_hunting),
        }

    def remember(self) -> dict[str, Any]:
        """Lockout and counters."""
        return self._standing.remember() | self._tap.remember()

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        self._standing.recall(state)
        self._tap.recall(state)

    def _measure(self, read: Read) -> _Seen:
        plan = self._plan
        sign = 1.0 if self._section.forward == "positive" else -1.0
        voltage = quantity(read, plan.voltage)
        current = quantity(read, plan.current)
        power = quantity(read, plan.active_power) * sign
        reactive = quantity(read, plan.reactive_power) * sign
        if plan.active_power is None and plan.current is not None and plan.power_factor is not None:
            power, reactive = powers_of(voltage, current, quantity(read, plan.power_factor) * sign)
        if plan.current is None and voltage > 0:
            current = math.hypot(power, reactive) / (math.sqrt(3) * voltage)
        return _Seen(voltage, power, reactive, current)

    def _see_reversal(self, now: Now, seen: _Seen) -> None:
        section = self._section
        if section.reverse_power == "ignore" or math.isnan(seen.power_w):
            self._reversal.reset()
            return
        limit = section.reverse_power_mw * 1e6
        changes = seen.power_w > -limit / 2 if self._is_reverse else seen.power_w < -limit
        if self._reversal.held_s(now, holds=changes) >= section.reverse_delay_s:
            self._is_reverse = not self._is_reverse
            self._reversal.reset()
            text = "power flows in reverse" if self._is_reverse else "power flows forward again"
            self._standing.say("reverse_power" if self._is_reverse else "forward_power", text)
            self._begin_anew()

    def _find_block(self, read: Read, seen: _Seen, position: float) -> str:
        plan, section = self._plan, self._section
        needed = [plan.voltage, plan.current, plan.power_factor, plan.active_power, plan.reactive_power]
        needed += [plan.reverse_voltage] if self._is_reverse and section.reverse_power == "regulate" else []
        bad = bad_ones(read, [*needed, plan.parallel, plan.master, *plan.followers])
        if math.isnan(position) and not self._tap.is_under_way:
            bad.append(f"{plan.tap_position.device}/{plan.tap_position.name}")
        if bad:
            return f"{', '.join(bad)} bad"
        setpoint_v = section.setpoint_kv * 1e3
        if seen.voltage_v < setpoint_v * section.undervoltage_percent / 100:
            return f"undervoltage, {seen.voltage_v / 1e3:.3g} kV"
        if section.overcurrent_a is not None and seen.current_a > section.overcurrent_a:
            return f"overcurrent, {seen.current_a:.0f} A"
        if self._is_reverse and section.reverse_power == "block":
            return "reverse power"
        return self._find_gap(read, position)

    def _find_gap(self, read: Read, position: float) -> str:
        """Taps of parallel transformers that are too far apart lock out; which of them is wrong, nobody here can know."""
        others = [self._plan.master, *self._plan.followers]
        if not self._is_parallel(read) or math.isnan(position):
            return ""
        gaps = [abs(number(read, other) - position) for other in others if other is not None]
        if max(gaps, default=0.0) > self._section.most_tap_difference:
            self._standing.lock_out(f"taps of parallel transformers are {max(gaps):g} apart")
        return ""

    def _is_parallel(self, read: Read) -> bool:
        return self._plan.parallel is None or bool(is_on(read, self._plan.parallel))

    def _decide(self, now: Now, read: Read, seen: _Seen, position: float, elapsed_s: float, *, may_act: bool) -> Request | None:
        is_follower = self._plan.master is not None and self._is_parallel(read)
        direction = self._wanted_direction(read, seen)
        if is_follower:
            direction = self._direction_to_master(read, position)
        if may_act and not self._standing.lockout and not self._standing.blocked and self._tap.is_under_way:
            self._state, self._remaining_s = RegulatorState.TAPPING, math.nan
            return None
        rest = self._find_rest(read, position, direction, may_act=may_act)
        if rest is not None:
            self._state = rest
            self._begin_anew()
            return None
        if is_follower:
            return self._wait(now, position, direction, elapsed_s, _FOLLOW_S, "the master stands elsewhere")
        section = self._section
        fast_v = math.inf if section.fast_lower_percent is None else section.setpoint_kv * 10 * section.fast_lower_percent
        if seen.voltage_v > fast_v and direction < 0 and not self._is_reverse:
            self._state, self._remaining_s = RegulatorState.WAITING, 0.0
            is_due = now.monotonic_s - self._tap.moved_at >= _FAST_S and now.monotonic_s >= self._hold_until
            return self._step(now, position, -1, f"{seen.voltage_v / 1e3:.4g} kV is far too high") if is_due else None
        delay_s = section.subsequent_delay_s if self._is_subsequent and direction == self._direction else section.delay_s
        if section.delay_characteristic == "inverse":
            delay_s *= section.bandwidth_percent / 2 / abs(self._deviation)
        text = f"{self._voltage_v / 1e3:.4g} kV deviates by {self._deviation:+.2f} %"
        return self._wait(now, position, direction, elapsed_s, delay_s, text)

    def _find_rest(self, read: Read, position: float, direction: int, *, may_act: bool) -> RegulatorState | None:
        """The state in which nothing is counted, if it is one of those."""
        if not may_act:
            return RegulatorState.OBSERVING
        if self._standing.lockout:
            return RegulatorState.LOCKED_OUT
        if self._standing.blocked:
            return RegulatorState.BLOCKED
        if direction == 0 or self._must_wait_for_followers(read, position):
            return RegulatorState.IN_REVERSE if self._is_reverse else RegulatorState.IN_BAND
        if not self._section.tap_lowest <= position + direction <= self._section.tap_highest:
            if self._state is not RegulatorState.AT_LAST_TAP:
                self._standing.say("tap_at_limit", f"out of band at the last tap, {position:g}")
            return RegulatorState.AT_LAST_TAP
        return None

    def _wait(self, now: Now, position: float, direction: int, elapsed_s: float, delay_s: float, text: str) -> Request | None:
        """Counts towards the delay, and steps once it is over. A delay that changes keeps the share that has passed."""
        if direction != self._direction or self._state is not RegulatorState.WAITING:
            self._is_subsequent = self._is_subsequent and direction == self._direction
            self._direction, self._progress = direction, 0.0
        else:
            self._progress += elapsed_s / delay_s
        self._state = RegulatorState.WAITING
        self._remaining_s = max((1 - self._progress) * delay_s, self._hold_until - now.monotonic_s, 0.0)
        if self._remaining_s > 1e-9:
            return None
        return self._step(now, position, direction, text)

    def _step(self, now: Now, position: float, direction: int, reason: str) -> Request | None:
        plan = self._plan
        if plan.tap_setpoint is not None:
            request = Request(point=plan.tap_setpoint.point, value=position + direction, reason=reason)
        else:
            point = plan.raise_tap if direction > 0 else plan.lower_tap
            if point is None:
                return None
            request = Request(point=point, value=1.0, reason=reason)
        self._tap.order(now, request, direction)
        self._state, self._remaining_s = RegulatorState.TAPPING, math.nan
        self._direction, self._progress = direction, 0.0
        return request

    def _wanted_direction(self, read: Read, seen: _Seen) -> int:
        """1 raises, -1 lowers, 0 is within the band; notes voltage and deviation on the way."""
        section = self._section
        if self._is_reverse and section.reverse_power == "regulate" and section.reverse_setpoint_kv is not None:
            setpoint_v = section.reverse_setpoint_kv * 1e3
            self._voltage_v = quantity(read, self._plan.reverse_voltage)
        else:
            setpoint_v = section.setpoint_kv * 1e3
            self._voltage_v = seen.voltage_v
            if section.ldc_r_ohm or section.ldc_x_ohm:
                at_load = voltage_at_load(seen.voltage_v, seen.power_w, seen.reactive_var, section.ldc_r_ohm, section.ldc_x_ohm)
                most_v = setpoint_v * section.ldc_most_percent / 100
                self._voltage_v = seen.voltage_v + min(max(at_load - seen.voltage_v, -most_v), most_v)
        self._deviation = 100 * (self._voltage_v / setpoint_v - 1)
        if not abs(self._deviation) > section.bandwidth_percent / 2:
            return 0
        is_high = self._deviation > 0
        is_inverted = self._is_reverse and section.reverse_power == "regulate"
        return -1 if is_high != is_inverted else 1

    def _must_wait_for_followers(self, read: Read, position: float) -> bool:
        followers = self._plan.followers
        return bool(followers) and self._is_parallel(read) and any(number(read, other) != position for other in followers)

    def _direction_to_master(self, read: Read, position: float) -> int:
        target = number(read, self._plan.master)
        return (target > position) - (target < position)

    def _begin_anew(self) -> None:
        self._progress, self._is_subsequent, self._remaining_s = 0.0, False, math.nan
