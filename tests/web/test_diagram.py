"""The live single-line in Chromium: positions, energization and values change in the drawing, and a symbol opens its faceplate."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tieline.config import read_folder
from tieline.grid.topology import network_of
from tieline.model import PointKind, Quality, Samples
from tieline.scada import LiveState
from tieline.web.app import wall_clock

from .test_browser import Screen, screening
from .world import MadeUpHistory, PlayedField, World

axe = pytest.importorskip("axe_playwright_python.async_playwright")
from playwright.async_api import expect  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]
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


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    utility = read_folder(EXAMPLE)
    live = LiveState(utility.points, started=wall_clock())
    field = Plant(utility, live, wall_clock)
    world = World(utility, live, MadeUpHistory(utility, wall_clock), field, wall_clock)
    field.step()
    async with screening(world) as screen:
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
    await screen.open("/site/northgate/diagram")
    await expect(screen.page.locator('[data-id="ng-qf3"]')).to_have_class(re.compile(r"\bclosed\b"))
    results = await axe.Axe().run(screen.page)
    assert results.violations_count == 0, results.generate_report()


async def test_a_site_without_connectivity_says_so(screen: Screen) -> None:
    answer = await screen.page.request.get("/api/sites/center/diagram")
    assert answer.status == 404
    assert "connectivity" in (await answer.json())["error"]["message"]
