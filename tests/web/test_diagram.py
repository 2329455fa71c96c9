"""The live single-line in Chromium: positions, energization and values change in the drawing, and a symbol opens its faceplate."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI

from tests.scada.alarms.plans import plan
from tests.scada.control import scene as control_scene
from tieline.bus.scada import AlarmsChanged
from tieline.config import read_folder
from tieline.grid.topology import network_of
from tieline.io import SystemClock
from tieline.model import Batch, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind
from tieline.scada import LiveState
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.service import PersonRequester, ScadaService, permits
from tieline.web import create_app
from tieline.web.app import wall_clock

from .supervised import NearScada
from .test_browser import Screen, screening
from .world import MadeUpHistory, PlayedField, World

axe = pytest.importorskip("axe_playwright_python.async_playwright")
from playwright.async_api import expect  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
expect.set_options(timeout=15_000)
EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"


class Plant(PlayedField):
    """The example's sites: switches stand as is normal unless told otherwise, everything else measures 12.5."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.network = network_of(self.utility)
        self.positions: dict[str, float] = {}

    def step(self) -> None:
        now = self.clock()
        grid = self.utility.grid
        assert grid is not None
        is_open = {switch.name for switch in grid.switches if switch.normal == "open"}
        network = self.network
        earthing = {
            int(point) for point in network.points if (name := network.switch_of(int(point))) and network.is_earthing(name)
        }
        for site in self.utility.sites:
            points = [point for point in site.points if point.kind is not PointKind.CONTROL]
            values = [
                self.positions.get(point.equipment, 1.0 if point.equipment in is_open or int(point.id) in earthing else 2.0)
                if point.kind is PointKind.DOUBLE
                else 12.5
                for point in points
            ]
            qualities = np.full(len(points), int(Quality.DEVICE_TIME), np.uint32)
            self.live.apply(site.name, Samples.of([point.id for point in points], now - 80_000, values, qualities), now)
            self.live.heartbeat(site.name, now, self.stats_of(site))
        self.live.tick(now)


def example_world() -> World:
    utility = read_folder(EXAMPLE)
    live = LiveState(utility.points, started=wall_clock())
    field = Plant(utility, live, wall_clock)
    field.step()
    return World(utility, live, MadeUpHistory(utility, wall_clock), field, wall_clock)


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    async with screening(example_world()) as screen:
        yield screen


async def test_the_drawing_is_live(screen: Screen) -> None:
    page, plant = screen.page, screen.world.field
    assert isinstance(plant, Plant)
    await screen.open("/site/northgate/diagram")
    coupler, breaker = page.locator('[data-id="ng-q0"]'), page.locator('[data-id="ng-qf3"]')
    line = page.locator('path.net[data-node="ng-f3"]')
    await expect(coupler).to_have_class(re.compile(r"\bopen\b"))
    await expect(breaker).to_have_class(re.compile(r"(?=.*\bclosed\b)(?=.*(^|\s)energized\b)"))
    await expect(page.locator(".reading .value").first).to_have_text(re.compile(r"^12\.5"))

    plant.positions["ng-qf3"] = 1.0
    await expect(breaker).to_have_class(re.compile(r"\bopen\b"))
    await expect(line).to_have_class(re.compile(r"\bde-energized\b"))
    plant.positions["ng-qf3"] = 0.0
    await expect(breaker).to_have_class(re.compile(r"\bintermediate\b"))
    await expect(line).to_have_class(re.compile(r"\bnot-known\b"))
    await expect(breaker.locator("title")).to_have_text(re.compile("ng-qf3, intermediate, energized, .*position"))
    plant.positions["ng-qf3"] = 3.0
    await expect(breaker).to_have_class(re.compile(r"\bbad\b"))
    await expect(breaker.locator("title")).to_have_text(re.compile("ng-qf3, in a bad position, energized"))
    assert not screen.complaints  # the faceplate below asks supervision, which there is none of here

    await page.evaluate("document.addEventListener('faceplate', (event) => { window.asked = event.detail; })")
    await breaker.focus()
    await page.keyboard.press("Enter")
    asked = await page.evaluate("window.asked")
    position = next(
        int(point.id)
        for point in screen.world.utility.points
        if point.equipment == "ng-qf3" and point.quantity == "switch_position"
    )
    assert asked["points"][0] == position
    assert "ng-qf3" in asked["title"]


@dataclass(eq=False)
class Watched(World):
    """With supervision, which is asked in this process."""

    scada: NearScada

    def app(self, **_: float) -> FastAPI:
        return create_app(self.utility, self.live, self.history, clock=self.clock, scada=self.scada)


async def test_an_alarm_stands_at_its_symbol_until_it_is_over(tmp_path: Path) -> None:
    world = example_world()
    trip, voltage = (world.id_of(f"northgate/rtu-1/{name}") for name in ("f3_trip", "hv_voltage_ab"))
    points = {int(point.id): point for point in world.utility.points}
    plans = [
        plan("trip", points[trip], AlarmKind.STATE, priority=1, abnormal=frozenset({1}), text="Old Town trip"),
        plan("lost", points[voltage], AlarmKind.LOW, priority=3, limit=100.0, text="No voltage"),
    ]
    async with (
        control_scene.running(tmp_path / "control") as control,
        AlarmDesk(
            lambda now: AlarmService(AlarmEngine(plans), AlarmStore(tmp_path / "alarms.db"), now, permits=permits), SystemClock()
        ) as desk,
    ):
        near = NearScada(ScadaService(desk, ControlAnswers(control.service)))
        watched = Watched(world.utility, world.live, world.history, world.field, world.clock, near)

        async def happen(sequence: int, *values: float) -> None:
            now = world.clock()
            samples = Samples.of([trip, voltage], [now] * 2, list(values), Quality.DEVICE_TIME)
            batch = Batch(site="northgate", incarnation=1, sequence=sequence, samples=samples)
            await desk.do(lambda service, at: service.take([batch], at))
            await tell()

        async def tell() -> None:
            near.alarms = await desk.do(
                lambda service, _: AlarmsChanged(service.incarnation, service.revision, service.unacknowledged())
            )

        async with screening(watched) as screen:
            page = screen.page
            await screen.open("/site/northgate/diagram")
            breaker, busbar = page.locator('[data-id="ng-qf3"]'), page.locator('.busbar[data-id="ng-132"]')
            await expect(breaker).to_have_class(re.compile(r"\bclosed\b"))
            await expect(page.locator(".marks")).to_have_count(0)
            await happen(1, 1.0, 12.5)
            await expect(breaker.locator(".marks.unacknowledged [data-priority='1']")).to_be_visible()
            await expect(breaker).to_have_attribute("aria-label", re.compile("priority 1, unacknowledged: Old Town trip"))
            await expect(busbar.locator(".marks.unacknowledged [data-priority='3']")).to_be_visible()
            await expect(page.locator(".elsewhere")).to_be_hidden()

            ada = PersonRequester(name="ada", roles=frozenset({"operator"}), areas=None)
            done = await desk.do(lambda service, at: service.acknowledge(["northgate/trip", "northgate/lost"], ada, at))
            assert not done.refused
            await tell()
            await expect(breaker.locator(".marks [data-priority='1']")).to_be_visible()
            await expect(page.locator(".marks.unacknowledged")).to_have_count(0)
            await happen(2, 0.0, 132.0)
            await expect(page.locator(".marks")).to_have_count(0)
            await expect(breaker).to_have_attribute("aria-label", "breaker ng-qf3, closed, energized")
            assert not screen.complaints


async def test_a_drawing_is_zoomed_and_moved_with_keys_and_mouse(screen: Screen) -> None:
    page = screen.page
    await screen.open("/site/northgate/diagram")
    host = page.locator(".drawing")
    symbol = page.locator('[data-id="ng-qf3"] .hit')
    await expect(host).to_have_attribute("data-fit", "true")

    async def place() -> tuple[float, float, float]:
        box = await symbol.bounding_box()
        assert box is not None
        return box["x"], box["y"], box["width"]

    async def is_all_seen() -> bool:
        seen = await host.bounding_box()
        boxes = [await page.locator(f'[data-id="{name}"] .hit').bounding_box() for name in ("ng-q1-hv", "ng-q2-lv", "ng-qf1")]
        assert seen is not None
        return all(
            box is not None
            and seen["x"] <= box["x"] <= seen["x"] + seen["width"] - box["width"]
            and seen["y"] <= box["y"] <= seen["y"] + seen["height"] - box["height"]
            for box in boxes
        )

    await expect(page.locator('[data-id="ng-qf3"]')).to_have_class(re.compile(r"\bclosed\b"))
    assert await is_all_seen()
    x, y, width = await place()
    await page.keyboard.press("+")
    await expect(host).to_have_attribute("data-fit", "false")
    assert (await place())[2] == pytest.approx(1.25 * width, rel=0.06)
    await host.focus()
    before = (await place())[1]
    await page.keyboard.press("ArrowDown")
    assert (await place())[1] < before
    await page.mouse.move(x, y)
    await page.evaluate("document.addEventListener('faceplate', () => { window.isAsked = true; })")
    before = (await place())[1]
    await page.mouse.down()
    await page.mouse.move(x, y + 30, steps=4)
    await page.mouse.up()
    assert (await place())[1] == pytest.approx(before + 30, abs=8)
    assert not await page.evaluate("window.isAsked")
    await page.keyboard.press("0")
    await expect(host).to_have_attribute("data-fit", "true")
    assert await is_all_seen()
    await page.mouse.wheel(0, -300)
    await expect(host).to_have_attribute("data-fit", "false")
    assert not screen.complaints


async def test_nothing_is_claimed_while_the_server_is_away(screen: Screen) -> None:
    page = screen.page
    await screen.open("/site/millbrook/diagram")
    breaker = page.locator('[data-id="MB/J1/Q01/QA1"]')
    await expect(breaker).to_have_class(re.compile(r"\bclosed\b"))
    await screen.restart_server([expect(breaker).to_have_class(re.compile(r"\bunknown\b"))])
    await expect(breaker).to_have_class(re.compile(r"\bclosed\b"))


@pytest.mark.parametrize("theme", ["night", "day"])
async def test_everybody_can_use_the_drawing(screen: Screen, theme: str) -> None:
    await screen.page.add_init_script(
        f"document.documentElement.dataset.theme = '{theme}'; localStorage.setItem('theme', '{theme}')"
    )
    for site, breaker in {"northgate": "ng-qf3", "millbrook": "MB/J1/Q01/QA1", "sunfield": "sf-qt1"}.items():
        await screen.open(f"/site/{site}/diagram")
        await expect(screen.page.locator(f'[data-id="{breaker}"]')).to_have_class(re.compile(r"\bclosed\b"))
        results = await axe.Axe().run(screen.page)
        assert results.violations_count == 0, results.generate_report()


async def test_a_site_without_connectivity_says_so(screen: Screen) -> None:
    answer = await screen.page.request.get("/api/sites/center/diagram")
    assert answer.status == 404
    assert "connectivity" in (await answer.json())["error"]["message"]
