"""Under-frequency and under-voltage load shedding in stages (ANSI 81U, 81R, 27), and restoration.

Frequency and voltage are agreed upon by voting. They count only while the busbar is alive, and has been for a moment: a dead busbar is no
under-frequency. A stage that is below its threshold for its delay, or whose rate of change says so, opens its breakers at once, and
acts again only after its criterion was not met in between.

What is restored is what was seen closed, was opened here, and was not closed by anybody since: one breaker at a time, in the declared
order, after frequency and voltage have been back for the delay; a dip begins the delay anew. Loads that are shed again after a
restoration end restoration, after as many attempts as are permitted, until somebody resets it; shedding itself is never locked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from tieline.config.automation_functions.load_shedding import LoadSheddingPlan, StageSection
from tieline.edge.automation.function import NOTHING, Action, Answer, Read, Request
from tieline.edge.automation.functions.inputs import quantity
from tieline.edge.automation.functions.shed_load import Phase, ShedLoad
from tieline.edge.automation.functions.slope import Slope
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Delay
from tieline.edge.automation.functions.voting import agree
from tieline.model import Now

_NEAR = 0.2
"""A frequency further from the nominal one than this share is none."""
_AGREE = 0.05
"""Of the highest voltage, where no agree_kv is given."""
_ATTEMPT_S = 600.0
"""Loads that are shed within so long after one was restored were restored in vain."""


class SheddingState(IntEnum):
    """What the point `state` shows."""

    OBSERVING = 0
    BLOCKED = 1
    ARMED = 2
    WAITING = 3
    SHED = 4
    RESTORING = 5
    RESTORATION_LOCKED = 6


class LoadShedding:
    """The stages of one busbar."""

    def __init__(self, plan: LoadSheddingPlan) -> None:
        self._plan = plan
        self._section = plan.section
        self._standing = Standing(plan.name, block=plan.block, reset=plan.reset)
        timeout_s = plan.section.switch_timeout_s
        self._loads = [
            [ShedLoad(breaker, self._standing, timeout_s=timeout_s) for breaker in stage.breakers] for stage in plan.stages
        ]
        self._every = [load for stage in self._loads for load in stage]
        self._timers = [Delay() for _ in plan.stages]
        self._has_acted = [False for _ in plan.stages]
        self._opened: list[str] = []
        self._slope = Slope(plan.section.rate_window_s)
        self._newest: tuple[int, ...] = ()
        self._alive = Delay()
        self._back = Delay()
        self._restored_at = -math.inf
        self._attempts = 0
        self._is_attempt_spent = False
        self._operations = 0
        self._frequency = math.nan
        self._voltage_v = math.nan
        self._state = SheddingState.OBSERVING

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan."""
        reason = self._standing.read(read)
        if self._standing.was_reset:
            self._attempts, self._is_attempt_spent = 0, False
        self._measure(now, read)
        self._standing.set_block(now, reason or self._find_block(now))
        requests = [load.follow(now, read, answers, may_act=may_act) for load in self._every]
        self._note_moves()
        can_act = may_act and not self._standing.blocked
        requests += self._shed(now, can_act=can_act)
        requests.append(self._restore(now, can_act=can_act))
        self._state = self._find_state(may_act=may_act)
        wanted = tuple(request for request in requests if request is not None)
        notices = self._standing.take_notices()
        return Action(requests=wanted, notices=notices) if wanted or notices else NOTHING

    def reset(self) -> None:
        """The next scan permits restoration again."""
        self._standing.ask_for_reset()

    def shown(self) -> Mapping[str, float]:
        """State, what is measured, and counters."""
        return {
            "state": float(self._state),
            "frequency": self._frequency,
            "voltage": self._voltage_v / 1e3,
            "rate": self._slope.per_s,
            "stage": float(max((number for number, acted in enumerate(self._has_acted, 1) if acted), default=0)),
            "open_breakers": float(sum(load.is_ours for load in self._every)),
            "operations": float(self._operations),
            "blocked": float(bool(self._standing.blocked)),
            "locked_out": float(bool(self._standing.lockout)),
        }

    def remember(self) -> dict[str, Any]:
        """What it has opened, in this order, its counters, and whether restoration is locked."""
        state = {"opened": list(self._opened), "attempts": self._attempts, "operations": self._operations}
        return self._standing.remember() | state

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        self._standing.recall(state)
        opened = state.get("opened")
        names = [name for name in opened if isinstance(name, str)] if isinstance(opened, list | tuple) else []
        for load in self._every:
            load.is_ours = load.key in names
        known = {load.key for load in self._every}
        self._opened = [name for name in dict.fromkeys(names) if name in known]
        for name in ("attempts", "operations"):
            value = state.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                setattr(self, f"_{name}", value)

    def _measure(self, now: Now, read: Read) -> None:
        plan, section = self._plan, self._section
        nominal = section.nominal_hz
        frequencies = [quantity(read, one) for one in plan.frequency]
        near = [value if abs(value - nominal) < _NEAR * nominal else math.nan for value in frequencies]
        self._frequency = agree(near, section.agree_hz)
        voltages = [quantity(read, one) for one in plan.voltage]
        tolerance_v = (
            _AGREE * max((volts for volts in voltages if volts > 0), default=0.0)
            if section.agree_kv is None
            else section.agree_kv * 1e3
        )
        self._voltage_v = agree(voltages, tolerance_v)
        times = tuple(read(one.point).time_us for one in plan.frequency)
        if times != self._newest:
            self._newest = times
            self._slope.add(now.monotonic_s, self._frequency)

    def _find_block(self, now: Now) -> str:
        section, plan = self._section, self._plan
        reason = ""
        if plan.voltage and math.isnan(self._voltage_v):
            reason = "voltages are bad or disagree"
        elif plan.voltage and self._voltage_v < (section.dead_below_kv or 0.0) * 1e3:
            reason = "the busbar is dead"
        elif plan.frequency and math.isnan(self._frequency):
            reason = "frequencies are bad or disagree"
        alive_s = self._alive.held_s(now, holds=not reason)
        if not reason and alive_s < section.settle_s:
            return "the measurements have just come back"
        return reason

    def _note_moves(self) -> None:
        names = {load.key: load.is_ours for load in self._every}
        self._opened = [name for name in self._opened if names[name]]
        for load in self._every:
            if load.is_ours and load.key not in self._opened:
                self._opened.append(load.key)
                self._operations += 1

    def _shed(self, now: Now, *, can_act: bool) -> list[Request | None]:
        requests: list[Request | None] = []
        for number, (stage, timer) in enumerate(zip(self._plan.stages, self._timers, strict=True)):
            section = stage.section
            is_low, is_fast = self._is_low(section), self._is_fast(section)
            held_s = timer.held_s(now, holds=can_act and is_low)
            if not is_low and not is_fast:
                self._has_acted[number] = False
            is_due = can_act and ((is_low and held_s >= section.delay_s) or is_fast)
            if is_due and not self._has_acted[number]:
                self._has_acted[number] = True
                reason = f"stage {number + 1}: {self._describe(section, is_fast=is_fast and not is_low)}"
                self._standing.say("load_shedding_stage", reason)
                requests += [load.open(now, reason) for load in self._loads[number]]
        if any(request is not None for request in requests) or any(load.is_to_reopen for load in self._every):
            self._note_vain_restoration(now)
        return requests

    def _is_low(self, stage: StageSection) -> bool:
        is_low_hz = stage.below_hz is not None and self._frequency < stage.below_hz
        return is_low_hz or (stage.below_kv is not None and self._voltage_v < stage.below_kv * 1e3)

    def _is_fast(self, stage: StageSection) -> bool:
        if stage.rate_hz_per_s is None or stage.rate_below_hz is None:
            return False
        return self._frequency < stage.rate_below_hz and self._slope.per_s < -stage.rate_hz_per_s

    def _describe(self, stage: StageSection, *, is_fast: bool) -> str:
        if is_fast:
            return f"{self._slope.per_s:.2f} Hz/s at {self._frequency:.2f} Hz"
        if stage.below_hz is not None and self._frequency < stage.below_hz:
            return f"{self._frequency:.2f} Hz"
        return f"{self._voltage_v / 1e3:.4g} kV"

    def _note_vain_restoration(self, now: Now) -> None:
        if self._is_attempt_spent or now.monotonic_s - self._restored_at > _ATTEMPT_S:
            return
        self._is_attempt_spent = True
        self._attempts += 1
        if self._attempts >= self._section.restore_attempts:
            self._standing.lock_out("loads were shed again after they had been restored; nothing more is restored")

    def _restore(self, now: Now, *, can_act: bool) -> Request | None:
        section = self._section
        is_back = self._is_back() and not any(self._is_low(stage.section) for stage in self._plan.stages)
        back_s = self._back.held_s(now, holds=can_act and is_back)
        is_moving = any(load.phase is not Phase.IDLE for load in self._every)
        is_permitted = section.restore == "automatic" and can_act and not self._standing.lockout and not is_moving
        if (
            not is_permitted
            or back_s < section.restore_delay_s
            or now.monotonic_s - self._restored_at < section.restore_interval_s
        ):
            return None
        for load in self._in_order():
            request = load.close(now, "frequency and voltage are back")
            if request is not None:
                self._restored_at, self._is_attempt_spent = now.monotonic_s, False
                return request
        return None

    def _is_back(self) -> bool:
        section = self._section
        is_hz_back = section.restore_above_hz is None or self._frequency > section.restore_above_hz
        return is_hz_back and (section.restore_above_kv is None or self._voltage_v > section.restore_above_kv * 1e3)

    def _in_order(self) -> list[ShedLoad]:
        by_key = {load.key: load for load in self._every}
        if self._plan.restore_order:
            keys = [f"{breaker.control.device}/{breaker.control.name}" for breaker in self._plan.restore_order]
        else:
            keys = self._opened[::-1]
        return [by_key[key] for key in keys]

    def _find_state(self, *, may_act: bool) -> SheddingState:
        if not may_act:
            return SheddingState.OBSERVING
        if self._standing.blocked:
            return SheddingState.BLOCKED
        if any(load.phase is Phase.CLOSING for load in self._every):
            return SheddingState.RESTORING
        is_waiting = any(
            self._is_low(stage.section) and not acted for stage, acted in zip(self._plan.stages, self._has_acted, strict=True)
        )
        if is_waiting:
            return SheddingState.WAITING
        if self._standing.lockout:
            return SheddingState.RESTORATION_LOCKED
        return SheddingState.SHED if any(load.is_ours for load in self._every) else SheddingState.ARMED
