"""A center and a site of one utility in this process: everything is real but the wire between them, which can be cut, and the device."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nats.aio.client import Client

from tests.config.folders import UTILITY, write
from tests.config.test_gate import DEVICE, POINTS
from tests.edge.gate.site import FakeClock, ScriptedDriver
from tieline.config import Utility, read_folder
from tieline.edge.command_book import CommandBook
from tieline.edge.commands import Commands
from tieline.edge.gate import Gate
from tieline.edge.image import ProcessImage
from tieline.io import SystemClock
from tieline.model import AuditRecord, Event, Now, Point, PointId, Quality, Samples, subjects
from tieline.model.control import Person
from tieline.scada import LiveState, SiteStats
from tieline.scada.control import ControlService, Switching
from tieline.scada.control.book import ControlBook
from tieline.scada.control.checks import Checks
from tieline.scada.control.delivery import Delivery
from tieline.scada.control.tags import Tags
from tieline.scada.control.values import Values
from tieline.security.audit import AuditLog
from tieline.security.identity import Authority
from tieline.security.identity.signing import Signer, Verifier

ADA = Person(name="ada", roles=frozenset({"operator"}), has_second_factor=True)
GRACE = Person(name="grace", roles=frozenset({"engineer", "operator"}), has_second_factor=True)
LISE = Person(name="lise", roles=frozenset({"viewer"}), has_second_factor=True)


def read_utility(folder: Path, control: str = "", programs: dict[str, str] | None = None, site: str = "") -> Utility:
    """A utility with the site `alpha` and its device `rtu-1`: two breakers, a tap changer, a setpoint."""
    files = {
        "utility.toml": UTILITY + control,
        "sites/alpha/site.toml": DEVICE + site,
        "sites/alpha/points/rtu-1.csv": POINTS,
        **{f"programs/{name}.toml": text for name, text in (programs or {}).items()},
    }
    return read_folder(write(folder / "utility", files))


def show(live: LiveState, point: Point, value: float, now_us: int, quality: int = 0) -> None:
    """The center knows this of the point."""
    live.apply(point.site, Samples.of([point.id], [now_us], [value], [quality]), now_us)


class Desk:
    """The checks and what they look at, in fake time."""

    def __init__(self, folder: Path, control: str = "", *, switching: Switching | None = None) -> None:
        self.utility = read_utility(folder, control)
        self.clock = FakeClock()
        self.points = {point.name: point for point in self.utility.plant_points}
        self.live = LiveState(self.utility.points, sites=["alpha"], started=self.clock.us)
        self.live.heartbeat("alpha", self.clock.us, SiteStats())
        self.tags = Tags(self.points.values())
        self.values = Values(self.live)
        self.checks = Checks(self.utility.control, self.points.values(), self.live, self.values, self.tags, switching)

    @property
    def now(self) -> Now:
        return self.clock.now

    def show(self, name: str, value: float, quality: int = Quality.GOOD) -> None:
        show(self.live, self.points[name], value, self.clock.us, int(quality))

    def against(self, person: Person, name: str, value: float, approved_by: str = "") -> list[str]:
        """What speaks against it, by check."""
        verdicts = self.checks.verdicts(person, self.points[name].id, value, self.now, approved_by)
        assert all(verdict.words for verdict in verdicts)
        return [f"{verdict.check}: {verdict.words}" for verdict in verdicts if verdict.standing in {"refused", "open"}]


class Wire:
    """Carries messages between the two at once; the bus with the faults that it can have."""

    def __init__(self) -> None:
        self.is_connected = True
        self.commands: Commands | None = None
        self.loses_answers = False
        self.loses_orders = False
        self.sent: list[bytes] = []
        self._inboxes: dict[str, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def new_inbox(self) -> str:
        return f"_INBOX.{len(self._inboxes)}"

    async def subscribe(self, subject: str, *, future: asyncio.Future[Any]) -> Wire:
        self._inboxes[subject] = future
        return self

    async def unsubscribe(self) -> None:
        return None

    async def publish(self, subject: str, payload: bytes, *, reply: str) -> None:
        assert subject == subjects.command("alpha")
        self.sent.append(payload)
        if self.loses_orders:
            return
        if self.commands is None:
            self._inboxes[reply].set_result(_Message(b"", {"Status": "503"}))
            return
        task = asyncio.create_task(self._deliver(self.commands, payload, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, commands: Commands, payload: bytes, reply: str) -> None:
        answer = await commands.answer(payload)
        if not self.loses_answers and not self._inboxes[reply].done():
            self._inboxes[reply].set_result(_Message(answer, None))


@dataclass
class _Message:
    data: bytes
    headers: dict[str, str] | None


@dataclass
class Scene:
    utility: Utility
    live: LiveState
    service: ControlService
    wire: Wire
    driver: ScriptedDriver
    image: ProcessImage
    audit: AuditLog
    site_audit: AuditLog
    points: dict[str, Point]
    events: list[Event]
    """What the center tells operators."""
    changed: list[Any] = field(default_factory=list)

    def show(self, name: str, value: float, quality: int = 0) -> None:
        """Both the site and the center know this of the point."""
        now_us = SystemClock().now_us()
        self.image.update(Samples.of([self.points[name].id], [now_us], [value], [quality]))
        show(self.live, self.points[name], value, now_us, quality)

    def id(self, name: str) -> PointId:
        return self.points[name].id

    @property
    def records(self) -> list[AuditRecord]:
        return self.audit.since(0)

    def said(self, action: str) -> list[str]:
        """The outcomes that the center's audit has for an action."""
        return [record.outcome for record in self.records if record.action == action]

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not check():
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    control: str = "",
    *,
    programs: dict[str, str] | None = None,
    site: str = "",
    on_service: Callable[[ControlService], None] = lambda _: None,
) -> AsyncIterator[Scene]:
    """Both run. What is in the folder is taken up: leave and enter again for a restart of both."""
    clock = SystemClock()
    utility = read_utility(folder, control, programs, site)
    points = {point.name: point for point in utility.plant_points}
    live = LiveState(utility.points, sites=["alpha"], started=clock.now_us())
    live.heartbeat("alpha", clock.now_us(), SiteStats())
    credentials = Authority.open(folder / "authority").credentials(subjects.SCADA_ROLE)
    image, driver, wire, events = ProcessImage(utility.plant_points), ScriptedDriver(), Wire(), list[Event]()
    with contextlib.ExitStack() as stack:
        site_audit = AuditLog.open(folder / "site" / "audit", "alpha", clock)
        stack.callback(site_audit.close)
        site_book = CommandBook.open(folder / "site" / "commands.db", clock.now_us())
        stack.callback(site_book.close)
        plan = utility.site("alpha").gate
        gate = Gate(plan, list(points.values()), image, {"rtu-1": driver}, site_audit, on_event=events.append, clock=clock)
        commands = Commands(
            "alpha",
            points.values(),
            gate,
            site_book,
            site_audit,
            Verifier(credentials.authority, subjects.SCADA_ROLE),
            offset_s=lambda: 0.0,
            on_event=events.append,
            clock=clock,
        )
        await commands.recall()
        wire.commands = commands
        audit = AuditLog.open(folder / "center" / "audit", "center", clock)
        stack.callback(audit.close)
        book = ControlBook.open(folder / "center" / "control.db")
        stack.callback(book.close)
        client = cast("Client", wire)
        delivery = Delivery(client, Signer(credentials), command_s=utility.control.command_s, clock=clock)
        told = list[Event]()
        service = ControlService(utility, live, audit=audit, book=book, delivery=delivery, clock=clock, on_event=told.append)
        on_service(service)
        scene = Scene(utility, live, service, wire, driver, image, audit, site_audit, points, told)
        service.on_change = scene.changed.append

        async def tick() -> None:
            while True:
                gate.tick(Now(clock.monotonic(), clock.now_us()))
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(work) for work in (gate.run(), service.run(), tick())]
        await asyncio.sleep(0)
        try:
            await scene.until(lambda: service._tasks is not None)
            yield scene
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
