"""A site's own screen: it says whose it is, and whether the center is reached; and Tieline's own points beside those of the plant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tieline.config.own_points import CENTER, edge_points, role_points
from tieline.model import Quality, Samples
from tieline.scada import LiveState
from tieline.web import create_app
from tieline.web.app import wall_clock

from .world import NOON, MadeUpHistory, PlayedField, World, make_site, make_utility, make_world, serving

CHROMIUM = Path("/usr/bin/chromium")


def make_own_world(clock: Callable[[], int] = lambda: NOON) -> World:
    """Northgate as it sees itself."""
    whole = make_utility()
    northgate = replace(whole.site("northgate"), own_points=edge_points("northgate", whole.site("northgate").devices))
    utility = replace(whole, sites=(northgate,), roles=())
    live = LiveState(utility.points, sites=["northgate"], started=clock())
    history = MadeUpHistory(utility, clock, begin=clock() - 3_600_000_000)
    return World(utility, live, history, PlayedField(utility, live, clock), clock)


def app_of(world: World) -> FastAPI:
    return create_app(world.utility, world.live, world.history, clock=world.clock, local_site="northgate")


def tell_link(world: World, is_up: float, quality: int = 0) -> None:
    point = next(point for point in world.utility.points if point.name == "link_up")
    world.live.apply("northgate", Samples.of([point.id], world.clock(), is_up, quality), world.clock())


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8400")


async def test_the_interface_says_whose_screen_it_is() -> None:
    async with client_of(app_of(make_own_world())) as client:
        body = (await client.get("/api/sites")).json()
    assert body["local_site"] == "northgate"
    assert [site["name"] for site in body["sites"]] == ["northgate"]
    async with client_of(make_world(lambda: NOON).app()) as client:
        assert (await client.get("/api/sites")).json()["local_site"] is None


async def test_own_points_are_grouped_and_not_counted_among_those_of_the_plant() -> None:
    world = make_own_world()
    world.field.step()
    plant = len(list(world.utility.plant_points))
    async with client_of(app_of(world)) as client:
        site = (await client.get("/api/sites/northgate")).json()
        devices = (await client.get("/api/devices", params={"site": "northgate"})).json()["devices"]
        own = (await client.get("/api/devices/northgate/tieline")).json()
        points = (await client.get("/api/points", params={"site": "northgate", "device": "tieline"})).json()
    assert site["points"] == plant == sum(site["values"].values())
    assert site["devices"] == 3
    assert [device["name"] for device in devices] == ["rtu-1", "rtu-2", "rtu-3", "tieline"]
    assert (own["protocol"], own["points"]) == ("tieline", points["total"])


async def test_own_points_are_metrics_and_what_is_bad_is_left_out() -> None:
    world = make_own_world()
    world.field.step()
    tell_link(world, 1.0)
    async with client_of(app_of(world)) as client:
        assert 'tieline_link_up{site="northgate"} 1.0\n' in (await client.get("/metrics")).text
        tell_link(world, 1.0, int(Quality.INVALID))
        assert "tieline_link_up{" not in (await client.get("/metrics")).text


async def test_the_roles_without_a_site_have_points_and_a_page_but_are_no_sites() -> None:
    utility = make_utility()
    center = replace(make_site(CENTER, "Control center", "role", 0, 0, []), own_points=role_points(CENTER))
    utility = replace(utility, roles=(center,))
    live = LiveState(utility.points, started=NOON)
    async with client_of(create_app(utility, live, MadeUpHistory(utility, lambda: NOON), clock=lambda: NOON)) as client:
        body = (await client.get("/api/sites")).json()
        assert CENTER not in [site["name"] for site in body["sites"]]
        assert [role["name"] for role in body["roles"]] == [CENTER]
        assert (await client.get("/api/values/center/tieline/memory_mb")).status_code == 200
        assert (await client.get("/site/center")).status_code == 200


@pytest.mark.browser
@pytest.mark.timeout(120)
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium")
async def test_every_page_says_whose_screen_it_is_and_whether_the_center_is_reached() -> None:
    from playwright.async_api import async_playwright, expect

    world = make_own_world(wall_clock)

    async def play() -> None:
        while True:
            world.field.step()
            tell_link(world, state["link"])
            await asyncio.sleep(0.2)

    state = {"link": 1.0}
    async with serving(world, app=app_of(world)) as address, async_playwright() as driver:
        playing = asyncio.create_task(play())
        browser = await driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        line = page.locator(".own-screen")
        for path in ("/", "/trend", "/site/northgate"):
            await page.goto(f"http://{address}{path}")
            await expect(line).to_contain_text("Local screen of Northgate", timeout=15_000)
            await expect(line).to_contain_text("center reached", timeout=15_000)
        own = page.locator('[data-device="tieline"]')
        await expect(own.locator("li").first).to_be_hidden()
        await own.get_by_role("button").click()
        await expect(own.locator("li").first).to_be_visible()
        state["link"] = 0.0
        await expect(line).to_contain_text("center not reached: the site goes on alone", timeout=15_000)
        await expect(line).to_have_attribute("data-center", "lost")
        assert not complaints
        playing.cancel()
        await browser.close()
