"""A rule: a program that is run once a scan, and whose outputs are commanded when they change.

What the program assigns to an output is what it wants. It is commanded while the rule acts, its quality is good, and it differs from what
the point is known to have: what the device confirmed last, or, where somebody else may have set it, what the point itself shows with good
quality. Where neither is known, the first value is taken for what is there (`initial = "wait"`), or commanded (`"assert"`). While the rule
does not act it runs as well, so that timers and filters are right at the moment when it takes over; what it commanded before is then
forgotten, because others may have commanded since. A refused command is repeated with growing pauses for as long as it is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.config.automation_rules import FAULT, RulePlan
from tieline.edge.automation.function import Action, Answer, Notice, Read, Reading, Request
from tieline.edge.automation.ramp import Ramp
from tieline.model import VALIDITY, Now, Point, Quality, Severity
from tieline.rules import Fault, Value

_TOO_OLD = int(Quality.INVALID | Quality.OLD_DATA)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class Rule:
    """One rule of a site's automation."""

    def __init__(self, plan: RulePlan) -> None:
        """Raises `RuleError` where the program is wrong, which reading the folder has excluded."""
        self._plan = plan
        self._program = plan.parse()
        self._running = self._program.start()
        self._outputs = {name: _Output(name, point, plan, plan.ramp_per_s.get(name)) for name, point in plan.outputs.items()}
        self._shown = dict.fromkeys([*plan.outputs, *plan.values, *plan.signals], math.nan)
        self._faults: frozenset[Fault] = frozenset()

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """Runs the program; see the module."""
        for answer in answers:
            for output in self._outputs.values():
                output.take(answer, now)
        readings = {name: read(point) for name, point in self._plan.inputs.items()}
        values = {name: Value(reading.value, _quality(reading)) for name, reading in readings.items()}
        wanted = self._running.scan(now, values, {name: reading.age_s for name, reading in readings.items()})
        for name, value in wanted.items():
            self._show(name, value)
        requests = []
        for name, output in self._outputs.items():
            request = output.step(now, read(output.point), wanted.get(name), may_act=may_act)
            if request is not None:
                requests.append(request)
        return Action(requests=tuple(requests), notices=self._tell_faults())

    def shown(self) -> Mapping[str, float]:
        """Its outputs, values and signals, and whether it has a fault."""
        return self._shown | {FAULT: float(bool(self._faults))}

    def reset(self) -> None:
        """The program begins anew, with its variables at their initial values."""
        self._running = self._program.start()

    def remember(self) -> dict[str, Any]:
        """What the program keeps from scan to scan, and what it commanded last."""
        return {
            "program": self._running.remember(),
            "commanded": {name: output.commanded for name, output in self._outputs.items() if output.commanded is not None},
        }

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `remember` gave; what does not fit is left out."""
        program, commanded = state.get("program"), state.get("commanded")
        if isinstance(program, Mapping):
            self._running.recall(program)
        for name, value in commanded.items() if isinstance(commanded, Mapping) else ():
            if name in self._outputs and isinstance(value, int | float) and math.isfinite(value):
                self._outputs[name].commanded = float(value)

    def _show(self, name: str, value: Value) -> None:
        if not int(value.quality) & VALIDITY:
            self._shown[name] = float(value.value)
        elif self._plan.on_fault == "bad":
            self._shown[name] = math.nan

    def _tell_faults(self) -> tuple[Notice, ...]:
        """One line for each fault that was not there in the scan before."""
        faults = frozenset(self._running.faults)
        new = [fault for fault in self._running.faults if fault not in self._faults]
        was_faulty, self._faults = bool(self._faults), faults
        notices = [
            Notice(
                kind="rule_fault",
                text=f"{self.name}: line {fault.line}, column {fault.column}: {fault.text}",
                severity=Severity.WARNING,
            )
            for fault in new
        ]
        if was_faulty and not faults:
            notices.append(Notice(kind="rule_fault_over", text=f"{self.name}: calculates everything again"))
        return tuple(notices)


class _Output:
    """One output: what is wanted, what is known to be there, and what is on its way."""

    def __init__(self, name: str, point: Point, plan: RulePlan, ramp_per_s: float | None) -> None:
        self.point = point
        self.commanded: float | None = None
        """What the device confirmed last; None where that is not known, or somebody else may have changed it."""
        self._name = name
        self._rule = plan.name
        self._reassert_s = plan.reassert_s
        self._asserts = plan.initial == "assert"
        self._ramp = None if ramp_per_s is None else Ramp(ramp_per_s)
        self._under_way: Request | None = None
        self._confirmed_s: float | None = None
        self._pause_s = 0.0
        self._not_before_s = -math.inf
        self._refused: float | None = None

    def take(self, answer: Answer, now: Now) -> None:
        """What became of the request that is under way."""
        if answer.request is not self._under_way:
            return
        self._under_way = None
        if answer.is_done:
            self.commanded, self._confirmed_s, self._pause_s = answer.request.value, now.monotonic_s, 0.0
            return
        self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._not_before_s = now.monotonic_s + self._pause_s
        self._refused = answer.request.value
        if self._ramp is not None and self.commanded is not None:
            self._ramp.follow(self.commanded, now.monotonic_s)

    def step(self, now: Now, present: Reading, wanted: Value | None, *, may_act: bool) -> Request | None:
        """One scan; the request, where one is due."""
        if not may_act:
            self.commanded, self._confirmed_s = None, None
            self._under_way, self._pause_s, self._not_before_s = None, 0.0, -math.inf
            self._follow(now, present)
            return None
        if wanted is None or int(wanted.quality) & VALIDITY:
            if self._ramp is not None:
                self._ramp.follow(math.nan, now.monotonic_s)  # it stays where it is: time is not saved up
            return None
        if self._under_way is not None:
            return None
        target = float(wanted.value)
        there = self._there(present)
        if there is None and not self._asserts:
            self.commanded = target
            return None
        is_paused = now.monotonic_s < self._not_before_s
        if is_paused and self._ramp is not None:
            self._ramp.follow(math.nan if there is None else there, now.monotonic_s)
            return None
        value = self._toward(target, there, now)
        if value == there and not self._is_due(now):
            return None
        if is_paused and value == self._refused:
            return None
        self._under_way = Request(point=self.point, value=value, reason=f"{self._rule}: {self._name} is {target:g}")
        return self._under_way

    def _is_due(self, now: Now) -> bool:
        """Whether what is there shall be asserted; the time begins when that is seen first."""
        if self._confirmed_s is None:
            self._confirmed_s = now.monotonic_s
        return self._reassert_s > 0 and now.monotonic_s - self._confirmed_s >= self._reassert_s

    def _there(self, present: Reading) -> float | None:
        if self.commanded is not None:
            return self.commanded
        return present.value if present.is_good else None

    def _follow(self, now: Now, present: Reading) -> None:
        if self._ramp is not None:
            self._ramp.follow(present.value if present.is_good else math.nan, now.monotonic_s)

    def _toward(self, target: float, there: float | None, now: Now) -> float:
        if self._ramp is None:
            return target
        if there is not None and math.isnan(self._ramp.value):
            self._ramp.follow(there, now.monotonic_s)
        return self._ramp.toward(target, now.monotonic_s)


def _quality(reading: Reading) -> int:
    return reading.quality | _TOO_OLD if reading.is_too_old else reading.quality
