"""Part (p): from a person's request at the center to the write at the device, and to the confirmed feedback.

Real are the three bus servers (center, DMZ, site) with their permissions, the signatures, both audits and both records of commands with
their fsyncs, the center's door and the site's gate. The device is in this process: it takes a value at once, and the site and the center
are shown its position at the next tick, 10 ms later at the most.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import uvloop

from bench.result import Result, show
from bench.topology import Topology, running, utility_of
from tieline.bus import connected
from tieline.config import Device, Utility
from tieline.config.control import Control, Rule
from tieline.config.gate import Feedback
from tieline.config.gate import Gate as Plan
from tieline.edge.command_book import CommandBook
from tieline.edge.commands import Commands
from tieline.edge.gate import Gate
from tieline.edge.image import ProcessImage
from tieline.io import SystemClock
from tieline.model import Event, Now, Point, PointId, PointKind, Samples, derive_point_id, subjects
from tieline.model.control import Person
from tieline.scada import LiveState, SiteStats
from tieline.scada.control import ControlService
from tieline.security.audit import AuditLog
from tieline.security.identity.signing import Signer, Verifier

WARM_UP, COMMANDS = 20, 300
ADA = Person(name="ada", roles=frozenset({"operator"}))


def _point(name: str, kind: PointKind) -> Point:
    return Point(id=derive_point_id(f"north/rtu/{name}"), site="north", device="rtu", name=name, kind=kind)


CONTROL = _point("q1_command", PointKind.CONTROL)
POSITION = _point("q1", PointKind.DOUBLE)
POINTS = (CONTROL, POSITION)


class Breaker:
    """Takes the value at once, notes when, and shows its position a moment later."""

    def __init__(self) -> None:
        self.written_s: list[float] = []
        self.shows: float | None = None

    async def write(self, point: PointId, value: float) -> None:
        """Moves."""
        assert point == CONTROL.id
        self.written_s.append(time.perf_counter())
        self.shows = 2.0 if value else 1.0


def _utility(folder: Path) -> Utility:
    utility = utility_of(folder, ["north"])
    device = Device(site="north", name="rtu", protocol="none", description="", rows=(), points=POINTS)
    site = replace(utility.sites[0], devices=(device,), gate=Plan(feedbacks={CONTROL.id: Feedback(point=POSITION)}))
    rule = Rule(roles=frozenset({"operator"}), points=frozenset({CONTROL.id}), second_factor=False)
    return replace(utility, sites=(site,), control=Control(rules=(rule,)))


def run() -> list[Result]:
    """The four figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return uvloop.run(_measure(Path(name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The center's service, and what it reaches."""

    service: ControlService
    breaker: Breaker
    topology: Topology
    commands: asyncio.Task[None]


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[Door]:
    """A utility of one breaker, from the center to the device."""
    utility, clock, breaker = _utility(folder), SystemClock(), Breaker()
    image = ProcessImage(POINTS)
    live = LiveState(utility.points, sites=["north"], started=clock.now_us())

    def take(value: float) -> None:
        samples = Samples.of([POSITION.id], [clock.now_us()], [value], [0])
        image.update(samples)
        live.apply("north", samples, clock.now_us())

    async with AsyncExitStack() as stack:
        topology = await stack.enter_async_context(running(folder))
        credentials = topology.authority.credentials(subjects.SCADA_ROLE)
        client = await stack.enter_async_context(connected(topology.center_server.port, credentials))
        audit = AuditLog.open(folder / "site" / "audit", "north", clock)
        stack.callback(audit.close)
        book = CommandBook.open(folder / "site" / "commands.db", clock.now_us())
        stack.callback(book.close)
        drivers = cast("Any", {"rtu": breaker})
        gate = Gate(utility.site("north").gate, POINTS, image, drivers, audit, on_event=_drop, clock=clock)
        verifier = Verifier(credentials.authority, subjects.SCADA_ROLE)
        commands = Commands("north", POINTS, gate, book, audit, verifier, offset_s=lambda: 0.0, on_event=_drop, clock=clock)
        inner = stack.enter_context(ExitStack())
        center_audit = AuditLog.open(folder / "center-data" / "audit", "center", clock)
        inner.callback(center_audit.close)
        service = ControlService.open(
            utility, live, client, Signer(credentials), inner, folder=folder / "center-data", audit=center_audit, clock=clock
        )
        take(1.0)
        taking = asyncio.create_task(commands.run(topology.edge))
        works = [gate.run(), service.run(), _tick(gate, breaker, take, live)]
        tasks = [taking, *(asyncio.create_task(work) for work in works)]
        try:
            yield Door(service=service, breaker=breaker, topology=topology, commands=taking)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _drop(event: Event) -> None:
    """Nobody listens here."""


async def _tick(gate: Gate, breaker: Breaker, take: Callable[[float], None], live: LiveState) -> None:
    clock = SystemClock()
    while True:
        live.heartbeat("north", clock.now_us(), SiteStats())
        if breaker.shows is not None:
            take(breaker.shows)
            breaker.shows = None
        gate.tick(Now(clock.monotonic(), clock.now_us()))
        await asyncio.sleep(0.01)


async def _measure(folder: Path) -> list[Result]:
    to_device: list[float] = []
    to_feedback: list[float] = []
    async with door(folder) as at:
        await reached(at)
        for number in range(WARM_UP + COMMANDS):
            selection = await at.service.select(ADA, CONTROL.id, float(number % 2))
            asked_s = time.perf_counter()
            outcome = await at.service.execute(ADA, selection.id)
            assert outcome.result == "done", outcome
            if number >= WARM_UP:
                to_device.append(at.breaker.written_s[-1] - asked_s)
                to_feedback.append(time.perf_counter() - asked_s)
    detail = f"{COMMANDS} commands one after the other, everything on this machine and its disk"
    device, feedback = "command to the device's write", "command to confirmed feedback"
    return [*_figures(device, to_device, detail), *_figures(feedback, to_feedback, detail)]


async def reached(at: Door) -> None:
    """Waits until the way to the site is open: commands are refused before that, and nothing is sent."""
    async with asyncio.timeout(20):
        while True:
            selection = await at.service.select(ADA, CONTROL.id, 1.0)
            if (await at.service.execute(ADA, selection.id)).result == "done":
                return
            await asyncio.sleep(0.05)


def _figures(name: str, taken_s: Sequence[float], detail: str) -> list[Result]:
    return [
        Result(part="p", name=f"{name}, p{at}", value=float(np.percentile(taken_s, at)) * 1e3, unit="ms", detail=detail)
        for at in (50, 99)
    ]


if __name__ == "__main__":
    sys.exit(show(run()))
