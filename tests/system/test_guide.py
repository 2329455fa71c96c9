"""The operator's guide: its story told by an operator in a browser, over the whole example utility, and its pictures.

A short circuit in the harbor trips the breaker of feeder 2; whoever sits at the desk finds out why, and closes it again. Every chapter
takes a picture. `make pictures` writes them to docs/images; a test without compares: changed values pass, a changed layout fails.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.system.people import PASSWORD, prepare_accounts
from tests.system.pictures import LIVELY, STILL, Album
from tests.system.processes import Processes, eventually, run
from tieline.cli.run import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
SHOWN_BY = (ROOT / "docs/how-to/operators-guide.md", ROOT / "docs/how-to/watch-the-network.md", ROOT / "README.md")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = (
    "overview",
    "alarm",
    "single-line",
    "confirm",
    "refused",
    "tags",
    "program",
    "trend",
    "events",
    "system",
    "site",
    "network",
    "day",
)
"""What the run takes, in this order."""

WITHIN_MS = 30_000
FAULT_S = 60
"""After the simulation has begun; the alarm stays until the breaker is closed, so that it may come before anybody looks."""
SCENARIO = f"""
seconds_between_trips = inf

[[events]]
at_s = {FAULT_S}
fault = "harbor"
for_s = 1
"""
ALARM = "northgate/f2-trip"
RTU = "northgate/rtu-1"


def test_each_picture_is_shown_and_each_that_is_shown_is_taken() -> None:
    shown = [name for page in SHOWN_BY for name in re.findall(r"!\[[^\]]+\]\([./a-z]*images/([a-z-]+)\.png\)", page.read_text())]
    assert set(shown) == set(PICTURES)
    assert {path.name for path in IMAGES.iterdir()} == {f"{name}.png" for name in PICTURES}


@pytest.mark.system
@pytest.mark.browser
@pytest.mark.timeout(480)
@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium")
def test_an_operator_finds_the_cause_of_an_alarm_and_restores_the_supply(tmp_path: Path, processes: Processes) -> None:
    with center(tmp_path, processes) as (port, stop), desk(port) as at:
        at.comes_in()
        at.sees_the_alarm_and_its_cause()
        at.sees_what_is_dead()
        at.closes_the_breaker()
        at.is_refused()
        at.hangs_a_tag()
        at.reads_a_program()
        at.looks_back()
        at.looks_at_the_system()
        at.looks_at_the_network()
        at.works_by_day()
        assert at.complaints == []
        at.loses_the_center(stop)
    assert tuple(at.album.taken) == PICTURES
    assert at.album.problems == []


@contextmanager
def center(folder: Path, processes: Processes) -> Iterator[tuple[int, Callable[[], None]]]:
    """The example utility with its field: the port of its pages, and what stops the center."""
    utility, data = folder / "mine", folder / "data"
    assert run("example", utility).returncode == 0
    (folder / "scenario.toml").write_text(SCENARIO)
    prepare_accounts(utility, data, "ada")
    processes.start("simulate", utility, "--data", data, "--scenario", folder / "scenario.toml")
    eventually(lambda: (data / "field.json").exists())
    port = free_port()
    center = processes.start("run", utility, "--data", data, "--simulated", "--password-only", "--port", str(port))
    eventually(lambda: answers(port), within_s=120)
    yield port, center.terminate


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def desk(port: int) -> Iterator[Desk]:
    """A screen of 1920 by 1080 in front of the center."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{port}", viewport={"width": 1920, "height": 1080}, reduced_motion="reduce"
        )
        page = context.new_page()
        page.set_default_timeout(WITHIN_MS)
        written = os.environ.get("TIELINE_PICTURES")
        yield Desk(page, Album(browser.new_page(), IMAGES, Path(written) if written else None))
        browser.close()


class Desk:
    """Ada at her desk; each method is a chapter of the guide."""

    def __init__(self, page: Page, album: Album) -> None:
        from playwright.sync_api import expect

        self.album = album
        self.complaints: list[str] = []
        self._page, self._expect = page, expect
        page.on("console", lambda said: self._note(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._note(str(error)))

    def comes_in(self) -> None:
        page, expect = self._page, self._expect
        page.goto("/")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda address: "/login" not in address)
        self._is_ready("Overview")
        expect(page.locator(".tile").first).to_contain_text("3 / 3")
        expect(page.locator(".tile").nth(1)).to_contain_text("35 / 35")

    def sees_the_alarm_and_its_cause(self) -> None:
        page, expect = self._page, self._expect
        first = page.locator(f'.alarm-banner [data-alarm="{ALARM}"]')
        expect(first).to_contain_text("Feeder 2 Harbor: protection has tripped", timeout=(FAULT_S + 60) * 1e3)
        expect(first).to_have_attribute("data-priority", "2")
        expect(page.locator(".sites-panel tr", has_text="Northgate")).to_contain_text("1")
        expect(page.locator(".events-panel")).to_contain_text("Feeder 2 Harbor")
        self._take("overview", LIVELY)

        first.get_by_role("link").click()
        self._is_ready("Alarms")
        row = page.locator(f'.alarms [data-alarm="{ALARM}"]')
        expect(row).to_contain_text("unacknowledged")
        detail = page.locator(".detail")
        expect(detail.locator("h2")).to_contain_text(ALARM)
        expect(detail).to_contain_text("Harbor is without this supply")
        expect(detail).to_contain_text("ask for the fault indicator; patrol before the second attempt")
        expect(detail.locator(".history li").first).to_contain_text("came")
        self._take("alarm")
        page.locator(".alarms").press("a")
        expect(row).to_have_attribute("data-state", "acknowledged")
        expect(page.locator(".alarm-banner .quiet")).to_have_text("No unacknowledged alarms")

    def sees_what_is_dead(self) -> None:
        page, expect = self._page, self._expect
        page.locator(".detail").get_by_role("link", name="Single line").click()
        self._is_ready("Northgate")
        expect(self._part("ng-qf2")).to_have_class(re.compile(r"\bopen\b"))
        expect(self._part("ng-qf1")).to_have_class(re.compile(r"\bclosed\b"))
        expect(page.locator('[data-node="ng-f2"]').first).to_have_class(re.compile(r"\bde-energized\b"))
        expect(page.locator('[data-node="ng-f1"]').first).to_have_class(re.compile(r"(?<!-)\benergized\b"))
        expect(self._part("ng-qf2")).to_have_attribute("data-alarm", "2")
        self._take("single-line")

    def closes_the_breaker(self) -> None:
        page, expect = self._page, self._expect
        self._part("ng-qf2").press("Enter")
        plate = page.get_by_role("dialog")
        expect(plate.locator(".faceplate")).to_have_attribute("data-ready", "true")
        expect(plate.locator(".large .number")).to_have_text("open")
        expect(plate.locator(".part.alarms")).to_contain_text("Feeder 2 Harbor: protection has tripped")
        self._select("close", "the fault indicator shows nothing any more")
        expect(page.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        expect(page.locator(".verdicts")).to_contain_text("ada may operate")
        expect(page.locator(".execute")).to_be_enabled()
        self._take("confirm")
        page.locator(".execute").click()
        expect(page.locator(".outcome")).to_have_text(re.compile("^Done: close"))
        expect(plate.locator(".large .number")).to_have_text("closed")
        expect(plate.locator(".part.alarms")).not_to_contain_text("Feeder 2 Harbor: protection has tripped")
        page.keyboard.press("Escape")
        expect(plate).to_be_hidden()
        expect(self._part("ng-qf2")).to_have_class(re.compile(r"\bclosed\b"))
        expect(page.locator('[data-node="ng-f2"]').first).to_have_class(re.compile(r"(?<!-)\benergized\b"))
        self._go("g a", "Alarms")
        expect(page.locator(f'.alarms [data-alarm="{ALARM}"]')).to_have_count(0)

    def is_refused(self) -> None:
        page, expect = self._page, self._expect
        self._go("g p", "Operate")
        page.get_by_role("searchbox", name="Search").fill("northgate t1_hv_command")
        page.locator(f'.choose [data-point="{RTU}/t1_hv_command"]').click()
        expect(page.locator(".asked")).to_contain_text("A second person has to approve.")
        self._select("open", "")
        expect(page.locator('.verdicts [data-standing="refused"]')).to_contain_text(
            "the 20 kV breaker of transformer 1 is not open"
        )
        expect(page.locator(".standing")).to_have_text(re.compile("^Refused. Nothing is held, nothing was sent"))
        expect(page.locator(".execute")).to_be_hidden()
        self._take("refused")

    def hangs_a_tag(self) -> None:
        page, expect = self._page, self._expect
        self._go("g k", "Tags")
        form = page.locator(".tag-form")
        form.get_by_label("Point or equipment").fill("ng-qf4")
        form.get_by_label("Reason").fill("joint on Millbrook cable 2 is repaired, work order 417")
        form.get_by_role("button", name="Hang on").click()
        expect(page.locator("tr[data-tag]")).to_contain_text("Do not operate")
        self._take("tags")
        self._open(f"/operate?point={RTU}/f4_command", "Operate")
        self._select("open", "")
        expect(page.locator('.verdicts [data-standing="refused"]')).to_contain_text("work order 417")

    def reads_a_program(self) -> None:
        page, expect = self._page, self._expect
        self._go("g w", "Switching programs")
        page.get_by_text("Northgate: take transformer 1 out of service").first.click()
        expect(page.locator("main")).to_contain_text("close the bus coupler")
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
        self._take("program")

    def looks_back(self) -> None:
        page, expect = self._page, self._expect
        pens = ("f2_current_a", "f2_active_power", "a_voltage_ab", "f2_position")
        self._open(f"/trend?points={','.join(f'{RTU}/{pen}' for pen in pens)}&from=-2m&events=1", "Trend")
        expect(page.locator(".pens tbody tr")).to_have_count(len(pens))
        chart = page.locator(".chart")
        box = chart.locator(".u-over").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + 200)
        page.keyboard.down("Shift")
        page.mouse.click(box["x"] + box["width"] * 0.95, box["y"] + 200)
        page.keyboard.up("Shift")
        expect(page.locator(f'[data-point="{RTU}/f2_current_a"] [data-column="difference"]')).to_have_text(re.compile(r"\d"))
        expect(page.locator(f'[data-point="{RTU}/f2_current_a"] [data-column="max"]')).to_have_text(re.compile(r"\d"))
        expect(page.locator(".readout")).to_contain_text("2 \u2212 1: ")
        self._take("trend", LIVELY)

        self._go("g e", "Events")
        rows = page.locator(".event-rows")
        expect(rows).to_contain_text(f"{RTU}/f2_command to 1 by center/ada, done")
        expect(rows).to_contain_text("Feeder 2 Harbor: breaker position closed")
        self._take("events", LIVELY)

    def looks_at_the_system(self) -> None:
        page, expect = self._page, self._expect
        self._go("g y", "System")
        expect(page.locator("main")).to_contain_text("all 35 answer")
        expect(page.locator("main")).to_contain_text("Alarms and control")
        expect(page.locator("main")).not_to_contain_text("values are old")
        self._take("system", LIVELY)
        self._open("/site/northgate", "Northgate")
        expect(page.locator(f'li[data-point="{RTU}/f2_position"]')).to_contain_text("closed")
        expect(page.locator(".groups")).not_to_contain_text("never")
        self._take("site")

    def looks_at_the_network(self) -> None:
        page, expect = self._page, self._expect
        self._go("g n", "Network")
        expect(page.locator(".network-now .empty")).to_have_text(re.compile("^18 of 18 watched nodes answer"))
        page.locator('.node[data-id="northgate"]').press("Enter")
        self._is_ready("Northgate")
        page.locator('.node[data-id="ng-cam-sw"]').press("Enter")
        camera = page.locator(".ports tr", has_text="ng-cam-gate")
        expect(camera.locator(".device-state")).to_have_text("up")
        expect(camera.locator(".poe .number")).to_have_text(re.compile(r"^[1-9]"))
        expect(page.locator(".network-findings")).to_have_attribute("data-ready", "true")
        self._take("network", LIVELY)

    def works_by_day(self) -> None:
        page, expect = self._page, self._expect
        self._open("/site/northgate/diagram", "Northgate")
        self._press("g d")
        expect(page.locator("html")).to_have_attribute("data-theme", "day")
        expect(self._part("ng-qf2")).to_have_class(re.compile(r"\bclosed\b"))
        expect(self._part("ng-qf4")).to_have_class(re.compile(r"\btagged\b"))
        self._take("day")

    def loses_the_center(self, stop: Callable[[], None]) -> None:
        page, expect = self._page, self._expect
        stop()
        expect(page.locator(".banner")).to_have_text(re.compile("^No live data: .* Everything shown is old; reconnecting"))
        expect(self._part("ng-qf2")).to_have_class(re.compile(r"\bunknown\b"))

    def _is_ready(self, title: str) -> None:
        expect = self._expect
        expect(self._page).to_have_title(re.compile(title))
        expect(self._page.locator("body")).to_have_attribute("data-connection", "live")
        expect(self._page.locator("main")).to_have_attribute("data-ready", "true")

    def _open(self, path: str, title: str) -> None:
        self._page.goto(path)
        self._is_ready(title)

    def _press(self, keys: str) -> None:
        for key in keys.split():
            self._page.keyboard.press(key)

    def _go(self, keys: str, title: str) -> None:
        """To another page, by the keyboard."""
        self._press(keys)
        self._is_ready(title)

    def _part(self, name: str) -> Locator:
        return self._page.locator(f'svg [data-id="{name}"]')

    def _select(self, order: str, reason: str) -> None:
        """The first step, for what is chosen."""
        page = self._page
        page.locator(f'.choice label:has-text("{order}") input').check()
        page.locator(".operate-steps").get_by_label("Reason").fill(reason)
        page.get_by_role("button", name="Select", exact=True).click()

    def _take(self, name: str, most: float = STILL) -> None:
        self._page.mouse.move(960, 1079)
        self.album.take(self._page, name, most)

    def _note(self, text: str) -> None:
        if "WebSocket is closed before" not in text:  # of a page that was left while it began
            self.complaints.append(text)
