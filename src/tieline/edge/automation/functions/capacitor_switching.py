"""Capacitor switching by reactive power, voltage or power factor, with voltage overrides.

    resting --beyond a threshold--> waiting --delay--> switching --seen to have moved--> resting

One step moves at a time, and each waits for the delay anew. On goes the step that has been off for longest, of those that are discharged,
below their daily limit, not locked out, and not so large that it would have to go off again; off goes the one that has been on for longest.
The power factor is followed as the reactive power that belongs to it: Q = P tan(arccos(pf)).

Above `force_off_above_kv` steps go off, and none goes on; below `force_on_below_kv` they go on, whatever reactive power says.
A step that does not move, or that somebody else opens, is locked out: a capacitor that its protection has tripped is not closed again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from tieline.config.automation_functions.capacitor_switching import CapacitorSwitchingPlan
from tieline.edge.automation.function import NOTHING, Action, Answer, Read, Request
from tieline.edge.automation.functions.capacitor_step import CapacitorStep
from tieline.edge.automation.functions.inputs import Position, bad_ones, quantity
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Delay
from tieline.model import Now, Result


class CapacitorState(IntEnum):
    """What the point `state` shows."""

    OBSERVING = 0
    BLOCKED = 1
    RESTING = 2
    WAITING = 3
    SWITCHING = 4
    NO_STEP_LEFT = 5
    LOCKED_OUT = 6


class CapacitorSwitching:
    """The steps at one busbar."""

    def __init__(self, plan: CapacitorSwitchingPlan) -> None:
        self._plan = plan
        section = plan.section
        self._section = section
        self._standing = Standing(plan.name, block=plan.block, reset=plan.reset)
        self._steps = [
            CapacitorStep(breaker, step.mvar, self._standing, timeout_s=section.switch_timeout_s)
            for breaker, step in zip(plan.steps, section.steps, strict=True)
        ]
        self._timers = {(closes, forced): Delay() for closes in (True, False) for forced in (True, False)}
        self._not_before = -math.inf
        self._state = CapacitorState.OBSERVING
        self._deviation = math.nan
        self._remaining_s = 0.0
        self._drawn_mvar = math.nan
        self._off_mvar = math.nan

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan."""
        reason = self._standing.read(read)
        if self._standing.was_reset:
            for step in self._steps:
                step.is_locked_out = False
        for step in self._steps:
            if step.follow(now, read, answers, is_acting=may_act) in {Result.REFUSED, Result.FAILED}:
                self._not_before = now.monotonic_s + self._section.delay_s
        voltage_kv = quantity(read, self._plan.voltage) / 1e3
        self._standing.set_block(now, reason or self._find_block(read, voltage_kv))
        request = self._decide(now, read, voltage_kv, may_act=may_act)
        notices = self._standing.take_notices()
        return Action(requests=(request,) if request else (), notices=notices) if request or notices else NOTHING

    def reset(self) -> None:
        """The next scan releases all steps."""
        self._standing.ask_for_reset()

    def shown(self) -> Mapping[str, float]:
        """State, deviation and counters."""
        return {
            "state": float(self._state),
            "steps_on": float(sum(step.position is Position.CLOSED for step in self._steps)),
            "steps_locked_out": float(sum(step.is_locked_out for step in self._steps)),
            "deviation": self._deviation,
            "remaining": self._remaining_s,
            "operations": float(sum(step.operations for step in self._steps)),
            "blocked": float(bool(self._standing.blocked)),
            "locked_out": float(all(step.is_locked_out for step in self._steps)),
        }

    def remember(self) -> dict[str, Any]:
        """Of each step, under the name of its control."""
        return {"steps": {self._key(step): step.remember() for step in self._steps}}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        steps = state.get("steps")
        for step in self._steps:
            step.recall(steps.get(self._key(step)) if isinstance(steps, Mapping) else None)

    @staticmethod
    def _key(step: CapacitorStep) -> str:
        return f"{step.breaker.control.device}/{step.breaker.control.name}"

    def _find_block(self, read: Read, voltage_kv: float) -> str:
        plan = self._plan
        bad = bad_ones(read, [plan.reactive_power, plan.active_power, plan.voltage])
        if bad:
            return f"{', '.join(bad)} bad"
        is_dead = self._section.dead_below_kv is not None and voltage_kv < self._section.dead_below_kv
        return "the busbar is dead" if is_dead else ""

    def _decide(self, now: Now, read: Read, voltage_kv: float, *, may_act: bool) -> Request | None:
        self._remaining_s = 0.0
        wish = self._wish(read, voltage_kv)
        can_act = may_act and not self._standing.blocked and not any(step.is_moving for step in self._steps)
        held = {key: timer.held_s(now, holds=can_act and key == wish) for key, timer in self._timers.items()}
        rest = self._find_rest(may_act=may_act)
        if rest is not None or wish is None:
            self._state = CapacitorState.RESTING if rest is None else rest
            return None
        closes, forced = wish
        step = self._choose_on(now, forced=forced) if closes else self._choose_off()
        if step is None:
            self._state = CapacitorState.NO_STEP_LEFT
            return None
        delay_s = self._section.force_delay_s if forced else self._section.delay_s
        self._remaining_s = max(delay_s - held[wish], self._not_before - now.monotonic_s, 0.0)
        if self._remaining_s > 0:
            self._state = CapacitorState.WAITING
            return None
        self._state = CapacitorState.SWITCHING
        self._timers[wish].reset()
        why = f"{voltage_kv:.4g} kV" if forced or self._section.by == "voltage" else f"{self._drawn_mvar:.3g} Mvar drawn"
        return step.ask(now, why, close=closes)

    def _find_rest(self, *, may_act: bool) -> CapacitorState | None:
        if not may_act:
            return CapacitorState.OBSERVING
        if any(step.is_moving for step in self._steps):
            return CapacitorState.SWITCHING
        if self._standing.blocked:
            return CapacitorState.BLOCKED
        return CapacitorState.LOCKED_OUT if all(step.is_locked_out for step in self._steps) else None

    def _wish(self, read: Read, voltage_kv: float) -> tuple[bool, bool] | None:
        """Whether a step shall go on (True) or off, and whether the voltage forces it; None where nothing is to be done."""
        section = self._section
        wish = self._follow(read, voltage_kv)
        if section.force_off_above_kv is not None and voltage_kv > section.force_off_above_kv:
            return (False, True)
        if section.force_on_below_kv is not None and voltage_kv < section.force_on_below_kv:
            return (True, True)
        return wish

    def _follow(self, read: Read, voltage_kv: float) -> tuple[bool, bool] | None:
        section = self._section
        if section.by == "voltage":
            on_kv, off_kv = section.on_below_kv, section.off_above_kv
            return None if on_kv is None or off_kv is None else self._beyond(on_kv - voltage_kv, off_kv - voltage_kv)
        sign = 1.0 if section.forward == "positive" else -1.0
        self._drawn_mvar = sign * quantity(read, self._plan.reactive_power) / 1e6
        on_mvar, self._off_mvar = self._thresholds(sign * quantity(read, self._plan.active_power) / 1e6)
        return self._beyond(self._drawn_mvar - on_mvar, self._drawn_mvar - self._off_mvar)

    def _thresholds(self, drawn_mw: float) -> tuple[float, float]:
        """Reactive power above which a step goes on and below which one goes off; NaN where the power factor says nothing."""
        section = self._section
        if section.by == "reactive_power" and section.on_above_mvar is not None and section.off_below_mvar is not None:
            return section.on_above_mvar, section.off_below_mvar
        on, off = section.on_below_power_factor, section.off_below_power_factor
        if on is None or off is None or not abs(drawn_mw) >= section.least_mw:
            return math.nan, math.nan
        return abs(drawn_mw) * math.tan(math.acos(on)), -abs(drawn_mw) * math.tan(math.acos(off))

    def _beyond(self, on: float, off: float) -> tuple[bool, bool] | None:
        """`on` is how far the one threshold is exceeded, `off` (negative) the other."""
        self._deviation = max(on, 0.0) + min(off, 0.0)
        return (True, False) if on > 0 else (False, False) if off < 0 else None

    def _choose_on(self, now: Now, *, forced: bool) -> CapacitorStep | None:
        section = self._section
        fitting = [
            step
            for step in self._steps
            if step.position is Position.OPEN
            and not step.is_locked_out
            and now.monotonic_s - step.opened_at >= section.discharge_s
            and step.times_on(now) < section.most_operations_a_day
            and (forced or section.by == "voltage" or self._drawn_mvar - step.mvar > self._off_mvar)
        ]
        return min(fitting, key=lambda step: step.changed_at, default=None)

    def _choose_off(self) -> CapacitorStep | None:
        on = [step for step in self._steps if step.position is Position.CLOSED and not step.is_locked_out]
        return min(on, key=lambda step: step.changed_at, default=None)
