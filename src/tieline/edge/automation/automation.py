"""A site's automation: the scan in its period, hand-over, and the way of requests through the gate and back.

Scans stand on a grid of monotonic time, so that neither work nor late wake-ups add up; a scan that comes too late for the next place
on the grid skips it, and that is counted. All of a scan sees one snapshot of the process image and one moment.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tieline.config.automation import AUTOMATION, OF_EACH_FUNCTION
from tieline.config.automation import Automation as Plan
from tieline.config.automation_rules import RulePlan
from tieline.config.function_base import FunctionPlan
from tieline.edge.automation.function import Answer, Function, Notice, Request
from tieline.edge.automation.functions import make_function
from tieline.edge.automation.handover import Handover, Mode
from tieline.edge.automation.restraint import Restraint
from tieline.edge.automation.rule import Rule
from tieline.edge.automation.scan import Entry, Scan, memory_of, remind, shown_by
from tieline.edge.automation.snapshot import Snapshot
from tieline.edge.gate import Gate
from tieline.edge.gate.gate import AUTOMATION as ORIGIN
from tieline.edge.image import ProcessImage
from tieline.io import Clock, Ticker
from tieline.model import Command, Event, Now, Outcome, Point, PointId, Quality, RefusedError, Samples, Severity

COMMAND_LIFE_S = 10.0
"""A request that has not reached its device by then has lost its meaning."""
PEAK_S = 60.0


class Automation:
    """One site's automation. `run` it; it is the driver of its own controls."""

    def __init__(
        self,
        plan: Plan,
        image: ProcessImage,
        gate: Gate,
        *,
        site: str,
        is_center_reachable: Callable[[], bool],
        on_event: Callable[[Event], None],
        on_samples: Callable[[Samples], None],
        clock: Clock,
        make: Callable[[FunctionPlan, str], Function] | None = None,
    ) -> None:
        """`make` makes the function of a plan; by default those that `tieline.config` knows."""
        make = make or make_any
        self.overruns = 0
        """Scans that did not happen because there was no time for them."""
        self.scans = 0
        self._plan = plan
        self._site = site
        self._image = image
        self._gate = gate
        self._is_center_reachable = is_center_reachable
        self._on_event = on_event
        self._on_samples = on_samples
        self._clock = clock
        self._entries = {each.name: Entry(make(each, site), each.acts) for each in plan.functions}
        self._taken_out: set[str] = set()
        """Functions that somebody has taken out of service."""
        self._scan = Scan(
            list(self._entries.values()),
            watchdog_s=plan.watchdog_s,
            most_faults=plan.most_faults,
            elapsed=clock.monotonic,
        )
        self._handover = Handover(
            handover_delay_s=plan.handover_delay_s,
            handback_delay_s=plan.handback_delay_s,
            most_per_hour=plan.most_handovers_per_hour,
        )
        self._ids = np.array([point.id for point in plan.points], np.uint32)
        self._names = [point.name for point in plan.points]
        self._controls = dict(_controls(plan.points, self._entries))
        self._started = f"{clock.now_us():x}"
        self._commands = 0
        self._restraint = Restraint()
        self._time, self._lateness = _Peak(), _Peak()

    @property
    def mode(self) -> Mode:
        """Who is in charge."""
        return self._handover.mode

    async def run(self) -> None:
        """Scans until cancelled."""
        ticker = Ticker(self._plan.period_s, self._clock.monotonic())
        while True:
            due = ticker.next_tick(self._clock.monotonic())
            self.overruns += ticker.missed
            ticker.missed = 0
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            self.scan(due)

    def scan(self, due: float) -> None:
        """One scan, which should have begun at `due` of the monotonic clock."""
        now = Now(self._clock.monotonic(), self._clock.now_us())
        self._lateness.add(now.monotonic_s, max(0.0, now.monotonic_s - due))
        notice = self._handover.update(now, is_reachable=self._is_center_reachable())
        if notice is not None:
            self._tell(notice, now)
            self._gate.record(
                actor=AUTOMATION, action=notice.kind, target=self._site, detail={"text": notice.text, "mode": self.mode.value}
            )
        snapshot = Snapshot(self._image, now, max_age_s=self._plan.max_age_s)
        for wanted in self._scan.run(now, snapshot.read, self._handover.may_act):
            for each in self._restraint.admitted(wanted.entry.name, wanted.action.notices, now.monotonic_s):
                self._tell(each, now)
            for request in wanted.action.requests:
                self._ask(wanted.entry, request, now)
        self.scans += 1
        self._time.add(now.monotonic_s, self._clock.monotonic() - now.monotonic_s)
        self._show(now)

    async def write(self, point: PointId, value: float) -> None:
        """Operates a control of a function; the gate comes here as to a device's driver. Raises `RefusedError`."""
        control = self._controls.get(point)
        if control is None:
            raise RefusedError(f"automation has no control {point}")
        entry, what = control
        if what == "service":
            self._put_in_service(entry, is_in=bool(value))
        elif value != 1:
            raise RefusedError("a reset takes 1")
        else:
            entry.function.reset()

    def remember(self) -> dict[str, Any]:
        """What has to survive a restart."""
        now = Now(self._clock.monotonic(), self._clock.now_us())
        functions = {name: memory for name, entry in self._entries.items() if (memory := memory_of(entry)) is not None}
        return {"handover": self._handover.remember(now), "functions": functions, "taken_out": sorted(self._taken_out)}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave in an earlier life, before the first scan."""
        handover, functions, taken_out = (state.get(key) for key in ("handover", "functions", "taken_out"))
        if isinstance(handover, Mapping):
            self._handover.recall(handover)
        for name, memory in functions.items() if isinstance(functions, Mapping) else ():
            if name in self._entries and isinstance(memory, Mapping):
                remind(self._entries[name], memory)
        for name in taken_out if isinstance(taken_out, list | tuple) else ():
            if isinstance(name, str) and name in self._entries:
                self._taken_out.add(name)
                self._entries[name].in_service = False

    def _put_in_service(self, entry: Entry, *, is_in: bool) -> None:
        if is_in:
            self._taken_out.discard(entry.name)
            entry.faults_in_a_row = 0
        else:
            self._taken_out.add(entry.name)
        entry.is_new = is_in and not entry.in_service
        entry.in_service = is_in
        entry.is_acting &= is_in
        kind = "function_in_service" if is_in else "function_out_of_service"
        notice = Notice(kind=kind, text=f"{entry.name} was {'put in' if is_in else 'taken out of'} service")
        self._tell(notice, Now(self._clock.monotonic(), self._clock.now_us()))

    def _ask(self, entry: Entry, request: Request, now: Now) -> None:
        self._commands += 1
        command = Command(
            id=f"{self._site}-{entry.name}-{self._started}-{self._commands}",
            point=request.point.id,
            value=request.value,
            requester=f"{ORIGIN}{entry.name}",
            expires=now.utc_us + round(COMMAND_LIFE_S * 1e6),
        )
        answered = partial(_answered, entry, request)
        self._gate.submit(command, f"{ORIGIN}{entry.name}", answered, reason=request.reason)

    def _tell(self, notice: Notice, now: Now) -> None:
        device = notice.device or AUTOMATION
        self._on_event(
            Event(
                time=now.utc_us,
                site=self._site,
                device=device,
                kind=notice.kind,
                severity=Severity(notice.severity),
                text=notice.text,
            )
        )

    def _show(self, now: Now) -> None:
        shown: dict[str, float] = {
            "isolated": math.nan if self.mode is Mode.STARTING else float(self.mode is Mode.ISOLATED),
            "scan_time": self._time.largest * 1000,
            "scan_lateness": self._lateness.largest * 1000,
            "scan_overruns": self.overruns,
        }
        for name, entry in self._entries.items():
            # A control shows what it stands at, as those of devices do.
            own = {
                "acting": entry.is_acting,
                "in_service": entry.in_service,
                "faults": entry.faults,
                "service": entry.in_service,
                "reset": 0,
            }
            shown |= {f"{name}_{key}": float(value) for key, value in (own | dict(shown_by(entry))).items()}
        value = np.array([shown.get(name, math.nan) for name in self._names])
        quality = np.where(np.isnan(value), np.uint16(Quality.INVALID), np.uint16(Quality.GOOD)).astype(np.uint16)
        self._on_samples(Samples(self._ids, np.full(len(value), now.utc_us), value, quality))


def make_any(plan: FunctionPlan, site: str) -> Function:
    """The function of a plan, a rule or one of the declared kinds."""
    return Rule(plan) if isinstance(plan, RulePlan) else make_function(plan, site)


def _controls(points: Iterable[Point], entries: Mapping[str, Entry]) -> Iterable[tuple[PointId, tuple[Entry, str]]]:
    names = [shown.name for shown in OF_EACH_FUNCTION if shown.kind.is_writable]
    for point in points:
        for name in names:
            function = point.name.removesuffix(f"_{name}")
            if point.kind.is_writable and function in entries and function != point.name:
                yield point.id, (entries[function], name)


def _answered(entry: Entry, request: Request, outcome: Outcome) -> None:
    entry.answers.append(Answer(request=request, outcome=outcome))


class _Peak:
    """The largest of the values of the last minute."""

    def __init__(self) -> None:
        self._values: deque[tuple[float, float]] = deque()

    def add(self, at: float, value: float) -> None:
        while self._values and self._values[-1][1] <= value:
            self._values.pop()
        self._values.append((at, value))
        while self._values[0][0] < at - PEAK_S:
            self._values.popleft()

    @property
    def largest(self) -> float:
        return self._values[0][1] if self._values else math.nan
