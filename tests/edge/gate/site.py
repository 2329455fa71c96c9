"""A small site in fake time: its points, a device that does as it is told, and a gate before it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tieline.config.gate import Gate as Plan
from tieline.edge.driver import DriverHealth
from tieline.edge.gate import Gate
from tieline.edge.image import ProcessImage
from tieline.model import (
    AuditRecord,
    Command,
    Event,
    Now,
    Outcome,
    Point,
    PointKind,
    Quality,
    Samples,
    TielineError,
    derive_point_id,
)
from tieline.security.audit import AuditLog

START_US = 1_700_000_000_000_000
A_MINUTE_US = 60_000_000


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.s = 1_000.0
        self.us = START_US

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.s

    def advance(self, seconds: float) -> None:
        self.s += seconds
        self.us += round(seconds * 1e6)

    @property
    def now(self) -> Now:
        return Now(self.s, self.us)


class Inline(ThreadPoolExecutor):
    """Does at once what is handed to a thread, so that fake time does not run on meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except TielineError as error:
            future.set_exception(error)
        return future


async def settle() -> None:
    """Everything that can go on without time passing goes on."""
    for _ in range(30):
        await asyncio.sleep(0)


def make_point(name: str, kind: PointKind = PointKind.ANALOG, **options: Any) -> Point:
    return Point(id=derive_point_id(f"northgate/rtu-1/{name}"), site="northgate", device="rtu-1", name=name, kind=kind, **options)


POSITION = make_point("q1", PointKind.DOUBLE, equipment="q1", quantity="switch_position")
CONTROL = make_point("q1_command", PointKind.CONTROL, equipment="q1", quantity="switch_position")
EARTHED = make_point("es1", PointKind.BINARY)
LOCAL = make_point("local", PointKind.BINARY)
POWER = make_point("p", unit="MW")
SETPOINT = make_point("p_set", PointKind.SETPOINT, unit="MW", low=-10.0, high=10.0)
RAISE = make_point("raise", PointKind.CONTROL)
LOWER = make_point("lower", PointKind.CONTROL)
TAP = make_point("tap")
ALL = (POSITION, CONTROL, EARTHED, LOCAL, POWER, SETPOINT, RAISE, LOWER, TAP)


class ScriptedDriver:
    """A device that confirms, unless a fault is planned."""

    def __init__(self) -> None:
        self.written: list[tuple[int, float]] = []
        self.fault: Exception | None = None
        self.holds: asyncio.Event | None = None
        self.on_write: Callable[[], None] = lambda: None
        self.health = DriverHealth(is_up=True)

    @property
    def device(self) -> Any:
        raise NotImplementedError

    async def run(self) -> None:
        raise NotImplementedError

    async def write(self, point: int, value: float) -> None:
        self.on_write()
        if self.fault is not None:
            raise self.fault
        self.written.append((point, value))
        if self.holds is not None:
            await self.holds.wait()


class TestSite:
    """The gate and everything around it."""

    __test__ = False

    def __init__(self, folder: Path, plan: Plan, clock: FakeClock) -> None:
        self.clock = clock
        self.image = ProcessImage(ALL)
        self.driver = ScriptedDriver()
        self.drivers: dict[str, Any] = {"rtu-1": self.driver}
        self.events: list[Event] = []
        self.audit = AuditLog.open(folder / "audit", "northgate", clock)
        self.gate = Gate(plan, ALL, self.image, self.drivers, self.audit, on_event=self.events.append, clock=clock)
        self._number = self.audit.last * 1_000

    def show(self, point: Point, value: float, quality: int = Quality.GOOD) -> None:
        self.image.update(Samples.of([point.id], [self.clock.us], [value], [quality]))

    def command(self, point: Point, value: float, **other: Any) -> Command:
        self._number += 1
        default = {"id": f"c{self._number}", "requester": "ada", "expires": self.clock.us + A_MINUTE_US}
        return Command(point=point.id, value=value, **default | other)

    async def operate(self, point: Point, value: float, origin: str = "center", **other: Any) -> Outcome:
        """An operation that needs no time."""
        return await self.at_once(self.gate.operate(self.command(point, value, **other), origin))

    async def at_once(self, operation: Coroutine[Any, Any, Outcome]) -> Outcome:
        task = asyncio.create_task(operation)
        await settle()
        assert task.done()
        return task.result()

    async def pass_time(self, seconds: float, step_s: float = 0.1) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.gate.tick(self.clock.now)
            await settle()

    @property
    def records(self) -> list[AuditRecord]:
        return self.audit.since(0)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@contextlib.asynccontextmanager
async def running(folder: Path, plan: Plan | None = None, clock: FakeClock | None = None) -> AsyncIterator[TestSite]:
    """A site with a gate that runs; all time is the clock's."""
    asyncio.get_running_loop().set_default_executor(Inline(max_workers=1))
    site = TestSite(folder, plan or Plan(), clock or FakeClock())
    task = asyncio.create_task(site.gate.run())
    await settle()
    try:
        yield site
    finally:
        task.cancel()
        await asyncio.wait([task])
        site.audit.close()
