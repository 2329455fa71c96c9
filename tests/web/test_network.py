"""The page of the communications network in Chromium, over the example's design with points that a field plays; and its routes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests.scada.alarms.plans import plan
from tests.scada.control import scene as control_scene
from tieline.bus.scada import AlarmsChanged
from tieline.config import Utility, read_folder
from tieline.config.snmp import Measure, SnmpDevice, WatchRow
from tieline.io import SystemClock
from tieline.model import Batch, Event, Point, Quality, Samples, Severity
from tieline.model.alarms import AlarmKind
from tieline.scada import LiveState
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.service import ScadaService, permits
from tieline.web import create_app
from tieline.web.app import wall_clock

from .supervised import NearScada
from .test_browser import Screen, no_overflow, screening
from .world import NOON, MadeUpHistory, PlayedField, World, value_of

axe = pytest.importorskip("axe_playwright_python.async_playwright")
from playwright.async_api import Locator, expect  # noqa: E402

expect.set_options(timeout=15_000)
EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
AS_DESIGNED = {
    **dict.fromkeys((Measure.LINK, Measure.NEIGHBOR, Measure.POE, Measure.POE_SWITCH, Measure.SUPPLY, Measure.FIRMWARE), 1.0),
    **dict.fromkeys((Measure.ERRORS_PER_S, Measure.DRIFT, Measure.POE_RESTART), 0.0),
    Measure.IN_PERCENT: 9.6,
    Measure.OUT_PERCENT: 3.2,
}


def watched_rows(utility: Utility) -> Iterator[tuple[Point, WatchRow]]:
    for site in utility.sites:
        for device in site.devices:
            if isinstance(device, SnmpDevice):
                yield from zip(device.points, device.rows, strict=True)


class WatchedField(PlayedField):
    """Sites whose watched nodes say what the design has, unless told otherwise."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.measures = {point.id: row.measure for point, row in watched_rows(self.utility)}
        self.found: dict[str, float] = {}
        """By path, what is found in place of the design."""

    def value_of(self, point: Point, now: int) -> float:
        default = AS_DESIGNED.get(self.measures[point.id]) if point.id in self.measures else None
        return self.found.get(point.path, value_of(point, now) if default is None else default)

    def step(self) -> None:
        now = self.clock()
        for site in self.utility.sites:
            if site.name not in self.silent:
                points = list(site.points)
                values = [self.value_of(point, now) for point in points]
                qualities = [self.qualities.get(int(point.id), int(Quality.DEVICE_TIME)) for point in points]
                self.live.apply(site.name, Samples.of([point.id for point in points], now - 80_000, values, qualities), now)
                self.live.heartbeat(site.name, now, self.stats_of(site))
        self.live.tick(now)


@dataclass(eq=False)
class Supervised(World):
    """With supervision, which is asked in this process."""

    scada: NearScada

    def app(self, **_: float) -> FastAPI:
        return create_app(self.utility, self.live, self.history, clock=self.clock, scada=self.scada)


def wire(screen: Screen, link: str) -> Locator:
    return screen.page.locator(f'.link[data-links~="{link}"]')


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_the_plan_shows_what_is_not_as_designed_and_leads_to_it(tmp_path: Path) -> None:
    utility = read_folder(EXAMPLE)
    live = LiveState(utility.points, started=wall_clock())
    field = WatchedField(utility, live, wall_clock)
    field.step()
    down = next(
        point
        for point, row in watched_rows(utility)
        if row.measure is Measure.LINK and point.path.startswith("northgate/ng-fw/") and row.port == port_of(utility, "wan-cc-ng")
    )
    plans = [plan("wan", down, AlarmKind.STATE, priority=2, abnormal=frozenset({0}), text="Link to Ridge Road down")]
    async with (
        control_scene.running(tmp_path / "control") as control,
        AlarmDesk(
            lambda now: AlarmService(AlarmEngine(plans), AlarmStore(tmp_path / "alarms.db"), now, permits=permits), SystemClock()
        ) as desk,
    ):
        near = NearScada(ScadaService(desk, ControlAnswers(control.service)))
        world = Supervised(utility, live, MadeUpHistory(utility, wall_clock), field, wall_clock, near)

        async def raise_alarm() -> None:
            samples = Samples.of([int(down.id)], [wall_clock()], [0.0], Quality.DEVICE_TIME)
            batch = Batch(site="northgate", incarnation=1, sequence=1, samples=samples)
            await desk.do(lambda service, at: service.take([batch], at))
            near.alarms = await desk.do(
                lambda service, _: AlarmsChanged(service.incarnation, service.revision, service.unacknowledged())
            )

        async with screening(world) as screen:
            await quiet_overview(screen)
            field.found[down.path] = 0.0
            await raise_alarm()
            await a_link_is_down(screen)
            await a_site_and_its_nodes(screen, field)
            await what_the_proofs_say(screen)
            await everybody_can_use_it(screen)
            assert screen.complaints == []


def port_of(utility: Utility, link: str) -> str:
    assert utility.network is not None
    found = next(each for each in utility.network.links if each.name == link)
    return next(port.name for port in (found.a, found.b) if port.node == "ng-fw")


async def quiet_overview(screen: Screen) -> None:
    page = screen.page
    await screen.open("/network")
    await expect(page.locator(".network-now .empty")).to_have_text(re.compile(r"^(\d+) of \1 watched nodes answer"))
    await expect(wire(screen, "wan-cc-ng")).to_have_class(re.compile(r"\bup\b"))
    await expect(page.locator('.label[data-of="northgate|ridge-road"] tspan').first).to_have_text("1G · 10 %")
    await expect(page.locator(".link-mark, .marks")).to_have_count(0)
    assert await no_overflow(page)


async def a_link_is_down(screen: Screen) -> None:
    page = screen.page
    await expect(wire(screen, "wan-cc-ng")).to_have_class(re.compile(r"\bdown\b"))
    await expect(wire(screen, "wan-cc-ng").locator(".link-mark path")).to_be_visible()
    await expect(wire(screen, "wan-cc-ng")).to_have_attribute("data-priority", "2")
    northgate = page.locator('.node[data-id="northgate"]')
    await expect(northgate.locator(".marks.unacknowledged [data-priority='2']")).to_be_visible()
    await expect(northgate).to_have_attribute(
        "aria-label", re.compile("1 difference; alarm of priority 2, unacknowledged: Link to")
    )
    line = page.locator(".differences a")
    await expect(line).to_have_text(re.compile(r"^ng-fwlink wan-cc-ng is down \(ng-fw/"))
    await northgate.focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/network/northgate")


async def a_site_and_its_nodes(screen: Screen, field: WatchedField) -> None:
    page = screen.page
    await expect(page.locator("main")).to_have_attribute("data-ready", "true")
    await expect(wire(screen, "wan-cc-ng").locator(".link-mark")).to_be_visible()
    firewall = page.locator('.node[data-id="ng-fw"]')
    await expect(firewall.locator(".marks [data-priority='2']")).to_be_visible()
    await page.locator(".differences a").press("Enter")
    await page.wait_for_url("**/network/northgate?node=ng-fw")
    await expect(firewall).to_have_attribute("aria-current", "true")
    ports = page.locator(".ports tbody tr")
    await expect(ports.filter(has_text="cc-fw").locator(".device-state")).to_have_text("down")
    await expect(ports.filter(has_text="ng-acc").locator(".device-state")).to_have_text("up")

    await page.locator('.node[data-id="ng-cam-sw"]').focus()
    await page.keyboard.press("Enter")
    camera = ports.filter(has_text="ng-cam-t1")
    await expect(camera.locator(".in .number")).to_have_text(re.compile(r"^9\.6"))
    field.found["northgate/ng-cam-sw/port-2-poe"] = 0.0
    field.found["northgate/ng-cam-sw/port-2-link"] = 0.0
    row = page.locator('.row[data-id="ng-cam-t1"]')
    await expect(row.locator(".note")).to_have_text("no power")
    await expect(row).to_have_attribute("aria-label", re.compile("link down, no power"))
    await expect(page.locator(".differences")).to_contain_text("port 2 delivers no power")
    restart = camera.get_by_role("button", name=re.compile("^Restart ng-cam-t1"))
    await restart.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".faceplate")).to_have_attribute("data-ready", "true")
    await expect(dialog.locator("header")).to_contain_text("northgate/ng-cam-sw/port-2-poe_restart")
    await expect(dialog.locator(".choice label")).to_have_count(1)
    await expect(dialog.locator(".choice label")).to_contain_text("restart")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(restart).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(".network-node")).to_be_hidden()
    await expect(page.locator('.node[data-id="ng-cam-sw"]')).to_be_focused()

    field.found["northgate/ng-a1/drift"] = 1.0
    text = "northgate/ng-a1: port 3 has 100 Mbit/s, not 1000; look at both ends"
    event = Event(time=wall_clock(), site="northgate", device="ng-a1", kind="network_drift", severity=Severity.WARNING, text=text)
    field.live.record(event)
    differs = page.locator('.differences [data-what="drift"]')
    await expect(differs).to_have_text("ng-a11 difference from the designport 3 has 100 Mbit/s, not 1000; look at both ends")

    field.down.add("northgate/ng-acc")
    access = page.locator('.node[data-id="ng-acc"]')
    await expect(access).to_have_class(re.compile(r"\bsilent\b"))
    await expect(page.locator(".differences li").first).to_have_text("ng-accdoes not answer")
    field.silent.add("northgate")
    await expect(access).to_have_class(re.compile(r"\bunknown\b"))
    await expect(wire(screen, "ng-fw-acc")).to_have_class(re.compile(r"\bunknown\b"))
    field.silent.clear()
    field.down.clear()
    await expect(wire(screen, "ng-fw-acc")).to_have_class(re.compile(r"\bup\b"))


async def what_the_proofs_say(screen: Screen) -> None:
    page = screen.page
    findings = page.locator(".network-findings")
    await expect(findings).to_have_attribute("data-ready", "true")
    await expect(findings.locator("h3").first).to_have_text("What breaks first when traffic grows")
    cut = findings.locator("details").filter(has_text="river-bridge").first
    await cut.locator("summary").press("Enter")
    await cut.get_by_role("link", name="ng-fw").press("Enter")
    await page.wait_for_url("**/network/northgate?node=ng-fw")


async def everybody_can_use_it(screen: Screen) -> None:
    page = screen.page
    for theme, width, height, path in (
        ("night", 1920, 1080, "/network/northgate?node=ng-cam-sw"),
        ("day", 1024, 768, "/network/northgate?node=ng-cam-sw"),
        ("day", 1024, 768, "/network"),
    ):
        await page.set_viewport_size({"width": width, "height": height})
        await screen.open(path)
        await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        await expect(page.locator(".network-findings")).to_have_attribute("data-ready", "true")
        found = await axe.Axe().run(page)
        assert found.violations_count == 0, f"{path}, {theme}: {found.generate_report()}"
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(EXAMPLE)


def client_of(utility: Utility) -> httpx.AsyncClient:
    live = LiveState(utility.points, started=NOON)
    app = create_app(utility, live, MadeUpHistory(utility, lambda: NOON), clock=lambda: NOON)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8400")


async def test_the_routes_tell_which_points_belong_to_which_link_and_port(utility: Utility) -> None:
    async with client_of(utility) as client:
        whole = (await client.get("/api/network")).json()
        assert [place["name"] for place in whole["places"]] == ["millbrook", "northgate", "sunfield", "ridge-road"]
        assert whole["nodes"]["ng-acc"] == "northgate"
        assert {link["name"] for link in whole["links"]} == {"wan-cc-ng", "wan-ng-mb", "wan-mb-sf", "wan-sf-cc"}
        points = {int(point.id): point for point in utility.points}
        assert {
            each["measure"] for each in whole["watched"] if each["link"] not in {link["name"] for link in whole["links"]}
        } <= {*("link", "neighbor", "poe", "supply", "firmware", "drift")}
        there = (await client.get("/api/network/places/northgate")).json()
        assert len(there["watched"]) > len([each for each in whole["watched"] if each["site"] == "northgate"])
        for each in there["watched"]:
            assert points[each["id"]].path == f"{each['site']}/{each['node']}/{each['name']}"
        beyond = {each["node"] for each in there["watched"] if each["site"] != "northgate"}
        assert beyond == {"mb-fw"}
        switch = next(node for node in there["nodes"] if node["name"] == "ng-cam-sw")
        port = next(port for port in switch["ports"] if port["name"] == "2")
        assert (port["other"], port["feeds"]) == ("ng-cam-t1/1", "ng-cam-t1")
        assert (await client.get("/api/network/places/nowhere")).status_code == 404
        assert (await client.get("/network/nowhere")).status_code == 404
        assert (await client.get("/network/ridge-road")).status_code == 200
        for path in ("/api/network/drawing", "/api/network/places/northgate/drawing"):
            drawn = await client.get(path)
            assert drawn.headers["content-type"] == "image/svg+xml"
            assert "style=" not in drawn.text


async def test_findings_name_the_nodes_that_they_are_about(utility: Utility) -> None:
    async with client_of(utility) as client:
        found = (await client.get("/api/network/findings")).json()
    assert not found["is_right"]
    topics = {topic["key"]: topic for topic in found["topics"]}
    duct = next(
        each for each in topics["redundancy"]["findings"] if "river-bridge" in each["text"] and "telemetry" in each["text"]
    )
    assert {"cc-fw", "ng-fw", "sf-fw"} <= set(duct["nodes"])
    assert {"ng-cam-sw"} <= set(topics["poe"]["findings"][0]["nodes"])
    assert topics["segmentation"]["verdict"] == "ok"
    assert found["first"]["text"]
    assert 0 < len(found["losses"]) <= found["stopping"]


async def test_without_a_network_there_is_no_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/network")).status_code == 404
    assert "/network" not in (await client.get("/")).text
    for path in ("", "/findings", "/drawing", "/places/northgate", "/places/northgate/drawing"):
        answer = await client.get(f"/api/network{path}")
        assert answer.status_code == 404
        assert "describes none in network/" in answer.json()["error"]["message"]


async def test_a_network_that_nobody_watches_is_shown_as_designed(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "folder")
    network = tmp_path / "folder/network/network.toml"
    network.write_text(re.sub(r"(?ms)^\[watch\].*?(?=^\[|\Z)", "", network.read_text()))
    async with client_of(read_folder(tmp_path / "folder")) as client:
        whole = (await client.get("/api/network")).json()
        there = (await client.get("/api/network/places/northgate")).json()
    assert whole["watched"] == there["watched"] == []
    assert {place["watched"] for place in whole["places"]} == {0}
    assert not any(node["is_watched"] for node in there["nodes"])
    assert len(there["links"]) > 30
