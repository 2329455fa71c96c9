"""Faceplates, operating, tags and switching programs in Debian's Chromium, over control and a site's gate that run."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.security.accounts.world import PASSWORD

from .control_world import Room, control_room

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import Browser, Page, async_playwright, expect  # noqa: E402

expect.set_options(timeout=15_000)

PICTURES = os.environ.get("TIELINE_PICTURES")
Q1, Q1_COMMAND = "alpha/rtu-1/q1", "alpha/rtu-1/q1_command"
Q2_COMMAND, P_SET, RAISE = "alpha/rtu-1/q2_command", "alpha/rtu-1/p_set", "alpha/rtu-1/raise"


class Desks:
    """Browsers of people who are logged in, and everything that their pages complained about."""

    def __init__(self, room: Room, browser: Browser) -> None:
        self.room = room
        self.complaints: list[str] = []
        self._browser = browser

    async def of(self, person: str, path: str, *, theme: str = "night") -> Page:
        context = await self._browser.new_context(base_url=self.room.base, viewport={"width": 1920, "height": 1080})
        await context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        answer = await context.request.post(
            "/api/login", data={"name": person, "password": PASSWORD}, headers={"origin": self.room.base}
        )
        assert answer.ok, await answer.text()
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        await self.open(page, path)
        return page

    async def open(self, page: Page, path: str) -> None:
        await page.goto(path)
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        await expect(page.locator("main")).to_have_attribute("data-ready", "true")


@asynccontextmanager
async def desks(folder: Path, *, select_s: float = 30.0) -> AsyncIterator[Desks]:
    async with control_room(folder, select_s=select_s) as room, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield Desks(room, browser)
        finally:
            await browser.close()


def standing(page: Page) -> object:
    return expect(page.locator(".operate-steps .standing"))


async def picture(page: Page, name: str) -> None:
    """Where somebody wants to look at the pages."""
    if not PICTURES:
        return
    for width, height in ((1920, 1080), (1024, 768)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=f"{PICTURES}/{name}-{width}.png")
    await page.set_viewport_size({"width": 1920, "height": 1080})


async def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the button or choice of that name has the focus."""
    focused = page.locator(":focus")
    for _ in range(40):
        await page.keyboard.press("Tab")
        label = await focused.evaluate("e => e.getAttribute('aria-label') || e.closest('label')?.textContent || e.textContent")
        if str(label).strip().startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}")


async def choose(page: Page, state: str) -> None:
    await page.locator(f'.choice label:has-text("{state}") input').check()


async def test_a_breaker_is_operated_from_the_keyboard_alone(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        page = await at.of("ada", "/device/alpha/rtu-1")
        link = page.locator(f'tr[data-point="{Q1}"] a')
        await link.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".faceplate")).to_have_attribute("data-ready", "true")
        await expect(dialog.locator(".large .number")).to_have_text("closed")
        await expect(dialog.locator('.choice label[data-now="true"]')).to_contain_text("close")
        await expect(dialog.locator(".facts")).to_contain_text("input register 0")

        await tab_to(page, "open")
        await page.keyboard.press("Space")
        await tab_to(page, "Select")
        await page.keyboard.press("Enter")
        await expect(dialog.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        await expect(dialog.locator(".verdicts")).to_contain_text("ada may operate")
        await picture(page, "faceplate-ready")
        for theme in ("night", "day"):
            await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()

        await page.keyboard.press("Escape")
        await expect(dialog.locator(".standing")).to_have_text(re.compile("^Cancelled"))
        await expect(dialog).to_be_visible()
        assert at.room.scene.service.selections() == []

        await tab_to(page, "Select")
        await page.keyboard.press("Enter")
        await expect(dialog.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        await expect(dialog.locator(".execute")).to_be_enabled()
        await tab_to(page, "Execute")
        await page.keyboard.press("Enter")
        await expect(dialog.locator(".outcome")).to_have_text(re.compile("^Done: open"))
        await expect(dialog.locator(".large .number")).to_have_text("open")
        assert at.room.written == [("q1_command", 0.0)]
        await picture(page, "faceplate-done")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(link).to_be_focused()
        assert at.complaints == []


async def test_neither_a_double_click_nor_a_held_key_executes(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        page = await at.of("ada", f"/operate?point={Q1_COMMAND}")
        steps = page.locator(".operate-steps")
        await choose(page, "open")
        await page.get_by_role("button", name="Select", exact=True).focus()
        await page.keyboard.down("Enter")
        await expect(steps).to_have_attribute("data-phase", "ready")
        await page.locator(".execute").focus()
        for _ in range(5):
            await page.keyboard.down("Enter")  # the key repeats
        await page.keyboard.up("Enter")
        await page.locator(".execute").dispatch_event("click", {"detail": 2})
        await expect(steps).to_have_attribute("data-phase", "ready")
        assert at.room.written == []

        other = await at.of("grace", f"/operate?point={Q1_COMMAND}")
        await expect(other.locator(".standing")).to_have_text("Selected by ada.")
        await expect(other.get_by_role("button", name="Select", exact=True)).to_be_disabled()
        await expect(other.locator(".others .panel").first).to_contain_text("ada")
        await page.reload()
        await expect(steps).to_have_attribute("data-phase", "ready")  # the selection is the person's, not the screen's
        await expect(page.locator(".execute")).to_be_enabled()

        at.room.is_silent = True
        await expect(steps).to_have_attribute("data-phase", "cut")
        await expect(page.locator(".execute")).to_be_disabled()
        await expect(page.locator(".standing")).to_contain_text("its site is not heard")
        await expect(other.locator(".standing")).to_have_text("Selected by ada.")
        at.room.is_silent = False
        await expect(page.locator(".execute")).to_be_enabled()
        assert at.room.written == []
        assert at.complaints == []


async def test_a_refusal_says_why_and_what_would_make_it_possible(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        at.room.scene.show("es1", 1.0)
        page = await at.of("grace", f"/point/{Q1_COMMAND}")
        await choose(page, "close")
        await page.get_by_role("button", name="Select", exact=True).click()
        refused = page.locator('.verdicts [data-standing="refused"]')
        await expect(refused).to_contain_text("the feeder is earthed")
        await expect(refused.locator("em")).to_have_text(re.compile("^Bring about what it asks for"))
        await expect(page.locator(".execute")).to_be_hidden()
        await picture(page, "faceplate-interlocked")

        at.room.scene.show("es1", 0.0)
        await page.locator("summary", has_text="Hang on a tag").click()
        await page.locator(".tag-form").get_by_label("Reason").fill("people at work")
        await page.get_by_role("button", name="Hang on").click()
        await expect(page.locator(".tag-rows li")).to_contain_text("people at work")
        await choose(page, "open")
        await page.get_by_role("button", name="Select", exact=True).click()
        await expect(refused).to_contain_text("people at work")
        await expect(refused.locator("em")).to_contain_text("takes the tag off")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

        viewer = await at.of("lise", f"/point/{Q1}")
        await expect(viewer.locator(".standing")).to_have_text(
            "You cannot operate this: only operator may operate it; lise is viewer."
        )
        await expect(viewer.locator(".operate-steps button:visible")).to_have_count(0)
        await expect(viewer.locator(".tag-rows li")).to_contain_text("people at work")
        await expect(viewer.get_by_role("button", name="Take the tag off")).to_have_count(0)

        await at.open(page, "/tags")
        row = page.locator("tr[data-tag]")
        await expect(row).to_contain_text("Do not operate")
        await picture(page, "tags")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await row.get_by_role("button", name="Take the tag off").press("Enter")
        await page.keyboard.type("the work is done")
        await page.keyboard.press("Enter")
        await expect(row).to_have_count(0)
        await expect(viewer.locator(".tag-rows")).to_contain_text("No tag hangs on this.")
        assert at.room.scene.said("tag") == ["placed", "removed"]
        assert at.room.written == []
        assert at.complaints == []


async def test_a_selection_that_is_not_executed_in_time_is_over(tmp_path: Path) -> None:
    async with desks(tmp_path, select_s=2.0) as at:
        page = await at.of("ada", f"/point/{Q1_COMMAND}")
        await choose(page, "open")
        await page.get_by_role("button", name="Select", exact=True).click()
        await expect(page.locator(".countdown .left")).to_have_text(re.compile(r"held for \d s"))
        await expect(page.locator(".standing")).to_have_text(re.compile("^Not executed in time"))
        await expect(page.locator(".execute")).to_be_hidden()
        await expect(page.get_by_role("button", name="Select", exact=True)).to_be_enabled()
        assert at.room.written == []


async def test_a_second_person_approves_and_a_second_factor_is_shown_in_place(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        ada = await at.of("ada", f"/operate?point={Q2_COMMAND}")
        await expect(ada.locator(".asked")).to_contain_text("A second person has to approve.")
        await choose(ada, "open")
        await ada.get_by_role("button", name="Select", exact=True).click()
        await expect(ada.locator(".operate-steps")).to_have_attribute("data-phase", "waiting")
        await expect(ada.locator(".execute")).to_be_disabled()
        grace = await at.of("grace", f"/point/{Q2_COMMAND}")
        await expect(grace.locator(".standing")).to_have_text("Selected by ada.")
        await picture(grace, "faceplate-approve")
        await grace.get_by_role("button", name="Approve").press("Enter")
        await expect(ada.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        await expect(ada.locator(".verdicts")).to_contain_text("approved by grace")
        await expect(ada.locator(".outcome")).to_have_text("Nothing was executed yet.")
        await ada.locator(".execute").click()
        await expect(ada.locator(".outcome")).to_have_text(re.compile("^Done: open"))
        await expect(grace.locator(".outcome")).to_have_text(re.compile("^Done: open"))
        await expect(grace.locator(".by")).to_contain_text("by ada, approved by grace")

        await at.open(grace, f"/point/{RAISE}")
        await choose(grace, "switch on")
        await grace.get_by_role("button", name="Select", exact=True).click()
        await expect(grace.locator('[data-check="second_factor"]')).to_contain_text("second factor")
        await grace.locator(".factor input").fill(at.room.code())
        await grace.locator(".factor").get_by_role("button", name="Show the code").click()
        await expect(grace.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        await grace.locator(".execute").click()
        await expect(grace.locator(".outcome")).to_have_text(re.compile("^Done: switch on"))
        assert at.room.written == [("q2_command", 0.0), ("raise", 1.0)]
        assert at.complaints == []


async def test_a_setpoint_is_led_to_its_value_and_stopped(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        page = await at.of("ada", f"/point/{P_SET}")
        await expect(page.locator(".choice")).to_contain_text("10 to 8 MW")
        entry = page.get_by_role("spinbutton", name="Value")
        await expect(entry).to_have_value("0")
        await entry.fill("9")
        await expect(page.locator(".problem")).to_have_text("Above the highest value, 8 MW")
        await expect(page.get_by_role("button", name="Select", exact=True)).to_be_disabled()
        await entry.fill("8")
        await page.keyboard.press("Enter")
        await expect(page.locator(".operate-steps")).to_have_attribute("data-phase", "ready")
        await expect(page.locator(".execute")).to_be_enabled()
        await tab_to(page, "Execute")
        await page.keyboard.press("Enter")
        await expect(page.locator(".progress .words")).to_have_text(re.compile(r"^[1-7] MW of 8 MW, about [1-4] s to go$"))
        await picture(page, "faceplate-ramp")
        await page.get_by_role("button", name="Stop").press("Enter")
        await expect(page.locator(".outcome")).to_have_text(re.compile("^Failed: 8 MW. stopped by ada, at "))
        reached = at.room.written[-1][1]
        assert 0 < reached < 8
        await expect(page.locator(".large .number")).to_have_text(f"{reached:.0f}")
        assert at.complaints == []


async def test_a_switching_program_is_started_confirmed_and_followed(tmp_path: Path) -> None:
    async with desks(tmp_path) as at:
        page = await at.of("ada", "/programs")
        await expect(page.locator(".program-steps > li")).to_have_count(2)
        await page.get_by_role("button", name="Start", exact=True).press("Enter")
        await page.get_by_role("button", name="Start now").press("Enter")
        await expect(page.locator(".program .standing")).to_have_text(re.compile("^waits for a person, step 1 of 2"))
        await picture(page, "program-waits")
        for theme in ("night", "day"):
            await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        viewer = await at.of("lise", "/programs")
        await expect(viewer.locator(".program .buttons")).to_contain_text("You cannot lead it: only operator may operate it")
        await expect(viewer.locator(".program .buttons button")).to_have_count(0)
        await page.get_by_role("button", name="Confirm the step").press("Enter")
        await expect(page.locator(".program-steps > li").first).to_have_attribute("data-state", "done")
        await expect(page.locator('.runs li[data-state="done"]')).to_have_count(1)
        await expect(viewer.locator('.program-steps > li[data-state="done"]')).to_have_count(0)  # the run is over: begin anew
        assert at.room.written[0] == ("q1_command", 0.0)
        assert at.room.written[-1] == ("p_set", 1.0)

        at.room.scene.show("q1", 0.0)
        await page.get_by_role("button", name="Start", exact=True).press("Enter")
        await page.get_by_role("button", name="Start now").press("Enter")
        await page.get_by_role("button", name="Stop").press("Enter")
        await expect(page.locator(".program .standing")).to_have_text(re.compile("^stopped, step 1 of 2"))
        await page.get_by_role("button", name="Abandon", exact=True).press("Enter")
        await page.get_by_role("button", name="Abandon it").press("Enter")
        await expect(page.locator('.runs li[data-state="abandoned"]')).to_have_count(1)
        assert at.complaints == []
