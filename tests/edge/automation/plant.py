"""A site's automation in fake time: an image to show values in, a real gate and audit, and a device that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.config.automation import Automation as Plan
from tieline.config.automation import automation_points
from tieline.config.function_base import Acts, FunctionPlan, Shown
from tieline.config.gate import Gate as GatePlan
from tieline.edge.automation.automation import Automation, make_any
from tieline.edge.automation.function import NOTHING, Action, Answer, Function, Read
from tieline.edge.gate import Gate
from tieline.edge.image import ProcessImage
from tieline.model import Event, Now, Point, PointId, PointKind, Quality, Samples, TielineError, derive_point_id
from tieline.security.audit import AuditLog


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 1_000.0
        self.us = 1_700_000_000_000_000

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.s

    def advance(self, seconds: float) -> None:
        self.s += seconds
        self.us += round(seconds * 1e6)


class Inline(ThreadPoolExecutor):
    """Does at once what is handed to a thread, so that fake time does not run on meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except TielineError as error:
            future.set_exception(error)
        return future


def make_point(name: str, kind: PointKind = PointKind.ANALOG, **options: Any) -> Point:
    return Point(id=derive_point_id(f"northgate/rtu-1/{name}"), site="northgate", device="rtu-1", name=name, kind=kind, **options)


VOLTAGE = make_point("u", unit="kV")
LOAD = make_point("p", unit="MW")
SWITCH = make_point("q1", PointKind.BINARY)
TRIP = make_point("trip", PointKind.CONTROL)
CLOSE = make_point("close", PointKind.CONTROL)
SETPOINT = make_point("p_set", PointKind.SETPOINT, unit="MW", low=-100, high=100)
ALL = (VOLTAGE, LOAD, SWITCH, TRIP, CLOSE, SETPOINT)


@dataclass
class Scripted:
    """A function that does what a test says, faults included."""

    name: str
    act: Callable[[Now, Read, bool], Action] = lambda _now, _read, _may_act: NOTHING
    answers: list[Answer] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    """Of each scan, whether it might act."""
    resets: int = 0
    recalled: dict[str, Any] = field(default_factory=dict)

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        self.seen.append(may_act)
        self.answers.extend(answers)
        return self.act(now, read, may_act)

    def reset(self) -> None:
        self.resets += 1

    def shown(self) -> Mapping[str, float]:
        return {"scans": float(len(self.seen))}

    def remember(self) -> dict[str, Any]:
        return {"scans": len(self.seen)}

    def recall(self, state: Mapping[str, Any]) -> None:
        self.recalled = dict(state)


def plan_of(name: str, acts: Acts = "always") -> FunctionPlan:
    return FunctionPlan(name=name, acts=acts, shown=(Shown(name="scans", kind=PointKind.COUNTER),))


class Device:
    """Confirms every write, or fails as planned."""

    def __init__(self) -> None:
        self.written: list[tuple[str, float]] = []
        self.fault: Exception | None = None

    async def write(self, point: PointId, value: float) -> None:
        if self.fault is not None:
            raise self.fault
        self.written.append((next(each.name for each in ALL if each.id == point), value))


class Plant:
    """The automation and everything around it."""

    def __init__(
        self, folder: Path, plans: Iterable[FunctionPlan], functions: Iterable[Function], gate: GatePlan, **settings: Any
    ) -> None:
        self.clock = settings.pop("clock", None) or FakeClock()
        self.is_center_there = True
        self.events: list[Event] = []
        self.samples: list[Samples] = []
        self.device = Device()
        made = {function.name: function for function in functions}
        plans = tuple(plans)
        points = automation_points("northgate", plans)
        self.plan = Plan(functions=plans, points=points, **settings)
        self.image = ProcessImage([*ALL, *points])
        self.audit = AuditLog.open(folder / "audit", "northgate", self.clock)
        drivers: dict[str, Any] = {"rtu-1": self.device}
        self.gate = Gate(gate, [*ALL, *points], self.image, drivers, self.audit, on_event=self.events.append, clock=self.clock)
        self.automation = Automation(
            self.plan,
            self.image,
            self.gate,
            site="northgate",
            is_center_reachable=lambda: self.is_center_there,
            on_event=self.events.append,
            on_samples=self._take,
            clock=self.clock,
            make=lambda plan, site: made.get(plan.name) or make_any(plan, site),
        )
        drivers["automation"] = self.automation

    def _take(self, samples: Samples) -> None:
        self.samples.append(samples)
        self.image.update(samples)

    def show(self, point: Point, value: float, quality: int = Quality.GOOD) -> None:
        self.image.update(Samples.of([point.id], [self.clock.us], [value], [quality]))

    async def scan(self, count: int = 1) -> None:
        """So many periods, each with its scan at its end."""
        for _ in range(count):
            self.clock.advance(self.plan.period_s)
            self.gate.tick(Now(self.clock.s, self.clock.us))
            self.automation.scan(self.clock.s)
            for _ in range(30):
                await asyncio.sleep(0)

    def own(self, name: str) -> tuple[float, int]:
        """Value and quality of an own point in the newest samples."""
        point = self.point(name)
        row = list(self.samples[-1].point).index(point.id)
        return float(self.samples[-1].value[row]), int(self.samples[-1].quality[row])

    def point(self, name: str) -> Point:
        return next(point for point in self.plan.points if point.name == name)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def told(self) -> list[str]:
        """The kinds of events that the gate did not raise."""
        return [kind for kind in self.kinds if not kind.startswith("command_")]


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    plans: Iterable[FunctionPlan],
    functions: Iterable[Function] = (),
    *,
    gate: GatePlan | None = None,
    **settings: Any,
) -> AsyncIterator[Plant]:
    """A plant whose gate runs; all time is the clock's, and scans come when the test says so."""
    asyncio.get_running_loop().set_default_executor(Inline(max_workers=1))
    plant = Plant(folder, plans, functions, gate or GatePlan(), **settings)
    task = asyncio.create_task(plant.gate.run())
    await asyncio.sleep(0)
    try:
        yield plant
    finally:
        task.cancel()
        await asyncio.wait([task])
        plant.audit.close()
