"""Supervision of as many alarms as wanted in front of a browser where somebody is logged in, over a historian that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.scada.alarms.plans import plan
from tests.scada.control import scene as control_scene
from tests.security.accounts.world import PASSWORD, Center
from tieline.bus.scada import AlarmsChanged
from tieline.config import Site
from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer, Retention
from tieline.io import SystemClock
from tieline.model import Batch, Event, Point, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind
from tieline.scada import LiveState
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.service import ScadaService, permits
from tieline.web import create_app
from tieline.web.logs import Records

from .login_world import center_in
from .supervised import NearScada
from .world import MadeUpHistory, PlayedField, World, make_device, make_site, make_world, serving

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
SITE, DEVICE = "northgate", "rtu-9"


@dataclass
class Room:
    """What a test turns: points that alarms watch, events that happen, and a page where grace is logged in."""

    world: World
    center: Center
    desk: AlarmDesk
    scada: NearScada
    historian: Historian
    points: Sequence[Point]
    page: Page
    sequence: int = 0
    complaints: list[str] = field(default_factory=list)

    async def happen(self, values: dict[int, float]) -> None:
        """Points by their numbers take these values; 1 raises the alarm."""
        self.sequence += 1
        now = self.world.clock()
        ids = [self.points[number].id for number in values]
        samples = Samples.of(ids, [now] * len(ids), list(values.values()), Quality.DEVICE_TIME)
        self.world.live.apply(SITE, samples, now)
        batch = Batch(site=SITE, incarnation=1, sequence=self.sequence, samples=samples)
        await self.desk.do(lambda service, at: service.take([batch], at))
        await self.tell()

    async def tell(self) -> None:
        """As supervision tells the center by itself."""
        self.scada.alarms = await self.desk.do(
            lambda service, _: AlarmsChanged(service.incarnation, service.revision, service.unacknowledged())
        )

    async def store(self, events: Iterable[Event]) -> None:
        """These have happened, and are in the historian."""
        self.sequence += 1
        batch = Batch(site=SITE, incarnation=2, sequence=self.sequence, samples=Samples.empty(), events=tuple(events))
        await asyncio.to_thread(self.historian.commit, [batch])

    async def open(self, path: str) -> None:
        await self.page.goto(path)
        await self.page.locator("main[data-ready]").wait_for()


@asynccontextmanager
async def room(folder: Path, alarms: int, *, records: Records | None = None, person: str = "grace") -> AsyncIterator[Room]:
    """So many alarms of one device, every fifth of priority 1, and so on to 4; the first three are of one group."""
    world = make_world(history_s=600)
    rows = [(f"x{number:05d}", PointKind.BINARY, "", f"Cell {number} fault", "", 0.0, 1.0) for number in range(alarms)]
    many = make_device(SITE, DEVICE, "Cells", rows)
    sites = tuple(
        make_site(site.name, site.title, site.kind, 55.0, -1.6, [*site.devices, many]) if site.name == SITE else site
        for site in world.utility.sites
    )
    made = make_world_of(world, sites)
    points = many.points
    plans = [
        plan(
            point.name,
            point,
            AlarmKind.STATE,
            priority=1 + number % 4,
            abnormal=frozenset({1}),
            text=f"{point.description}, of those that have a long message for people",
            group="bay" if number < 3 else "",
            response="Send somebody",
            consequence="The cell stays cold",
        )
        for number, point in enumerate(points)
    ]
    center = center_in(folder, second_factor="never")
    for name in ("grace", "lise"):
        center.prepare(name)
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(center.accounts))
        historian = stack.enter_context(
            Historian.open(folder / FILE_NAME, lake=folder / "lake", points=made.utility.points, retention=Retention())
        )
        stack.enter_context(HistorianServer(historian))
        client = await stack.enter_async_context(AsyncClient(folder))
        control = await stack.enter_async_context(control_scene.running(folder / "control"))
        desk = await stack.enter_async_context(
            AlarmDesk(
                lambda now: AlarmService(AlarmEngine(plans), AlarmStore(folder / "alarms.db"), now, permits=permits),
                SystemClock(),
            )
        )
        scada = NearScada(ScadaService(desk, ControlAnswers(control.service)))
        app = create_app(
            made.utility,
            made.live,
            client,
            clock=made.clock,
            accounts=center.accounts,
            scada=scada,
            records=records,
        )
        address = await stack.enter_async_context(serving(made, app=app))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        stack.push_async_callback(browser.close)
        page = await browser.new_page(base_url=f"http://{address}", viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(20_000)
        found = Room(made, center, desk, scada, historian, points, page)
        page.on("console", lambda said: found.complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        await found.tell()
        await page.goto("/login?next=/events")
        await page.locator('input[name="name"]').fill(person)
        await page.locator('input[name="password"]').fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator(".event-rows").wait_for(state="attached")
        playing = asyncio.create_task(made.field.play(1.0))
        stack.callback(playing.cancel)
        yield found


def make_world_of(world: World, sites: tuple[Site, ...]) -> World:
    """The world with these sites instead."""
    utility = replace(world.utility, sites=sites)
    live = LiveState(utility.points, started=world.clock())
    return World(utility, live, MadeUpHistory(utility, world.clock), PlayedField(utility, live, world.clock), world.clock)
