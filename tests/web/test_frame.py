"""The frame around every page in Chromium: alarms always in view, sound, keys, search, time, themes, and what is offered to whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.security.accounts.world import PASSWORD
from tieline.web import listen, serve

from .supervised import Supervised, supervised
from .test_browser import ARGUMENTS, CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium"),
]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import BrowserContext, Page, async_playwright, expect  # noqa: E402

expect.set_options(timeout=15_000)

SOUND = "--autoplay-policy=document-user-activation-required"
BANNER = ".alarm-banner"
SAMPLE_BLINKING = """async () => {
    const seen = [];
    for (const start = performance.now(); performance.now() - start < 1500; ) {
        await new Promise(requestAnimationFrame);
        const lit = [...document.querySelectorAll(".unacknowledged .priority")];
        seen.push([...new Set(lit.map((symbol) => getComputedStyle(symbol).outlineColor))]);
    }
    return seen;
}"""
NOISE = re.compile(r"status of (401|403)|WebSocket is closed before")


class Room:
    """A control room: a center, and a browser whose complaints are kept."""

    def __init__(self, center: Supervised, context: BrowserContext) -> None:
        self.center = center
        self.context = context
        self.complaints: list[str] = []

    async def sit(self, person: str, path: str = "/") -> Page:
        """A page at which the person is logged in."""
        page = await self.context.new_page()
        page.on("console", lambda said: self._note(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        await page.goto(f"/login?next={path}")
        await page.fill('input[name="name"]', person)
        await page.fill('input[name="password"]', PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        return page

    def _note(self, text: str) -> None:
        if not NOISE.search(text):
            self.complaints.append(text)


@asynccontextmanager
async def room(folder: Path) -> AsyncIterator[Room]:
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with supervised(folder) as center, async_playwright() as playwright:
        serving = asyncio.create_task(serve(center.app(), listener=listener))
        playing = asyncio.create_task(center.world.field.play(0.3))
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*ARGUMENTS, SOUND])
        context = await browser.new_context(base_url=address, viewport={"width": 1920, "height": 1080})
        context.set_default_timeout(15_000)
        try:
            yield Room(center, context)
        finally:
            await browser.close()
            for task in (playing, serving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def test_unacknowledged_alarms_are_on_every_page_until_somebody_acknowledges_them(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        page = await there.sit("ada", "/stations")
        rows, counts = page.locator(f"{BANNER} .first li:not([inert])"), page.locator(f"{BANNER} .alarm-count b")
        await expect(page.locator(f"{BANNER} .quiet")).to_have_text("No unacknowledged alarms")
        await there.center.happen(f3=1, f4=1)
        await there.center.happen(f1=1)
        await expect(rows.first).to_contain_text("Feeder 1 trip")
        await expect(rows.first.locator(".priority")).to_have_attribute("data-priority", "1")
        await expect(rows.nth(1)).to_contain_text("Feeder 3 trip")
        await expect(counts).to_have_text(["1", "1", "1", "0"])

        seen = await page.evaluate(SAMPLE_BLINKING)
        assert {len(colors) for colors in seen} == {1}, "all blink in one phase"
        assert len({colors[0] for colors in seen}) == 2
        await page.emulate_media(reduced_motion="reduce")
        await expect(page.locator("body[data-beat]")).to_have_count(0)
        for theme in ("night", "day"):
            await page.evaluate(f"localStorage.setItem('theme', '{theme}'); document.dispatchEvent(new Event('themechoice'))")
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()

        await rows.first.get_by_role("button", name="Acknowledge northgate/f1").press("Enter")
        await expect(rows.first).to_contain_text("Feeder 3 trip")
        await page.keyboard.press("Shift+A")
        await expect(rows.first).to_contain_text("Feeder 4 trip")
        await expect(counts).to_have_text(["0", "0", "1", "0"])
        await there.center.happen(f4=0)
        await expect(rows.first).to_contain_text("returned")
        await rows.first.get_by_role("link").click()
        await expect(page).to_have_url(re.compile("/alarms[?]alarm=northgate%2F"))
        await page.goto("/stations")
        await expect(page.locator("main")).to_have_attribute("data-ready", "true")
        there.center.scada.is_away = True
        await expect(page.locator(f"{BANNER} .quiet")).to_contain_text("not supervised at the moment")
        assert there.complaints == []


async def test_an_alarm_sounds_where_sound_is_on_until_it_is_silenced_or_acknowledged(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        page = await there.sit("ada")
        sound, silence = page.locator(".alarm-sound"), page.get_by_role("button", name="Silence")
        await expect(sound).to_have_attribute("data-state", "off")
        await page.get_by_role("button", name="Sound off").click()
        await expect(sound).to_have_attribute("data-state", "ready")
        await there.center.happen(f2=1)
        await expect(sound).to_have_attribute("data-state", "sounding")
        await silence.click()
        await expect(sound).to_have_attribute("data-state", "ready")
        await there.center.happen(f5=1)
        await expect(silence).to_be_visible()

        other = await there.context.new_page()
        await other.goto("/stations")
        await expect(other.locator(".sound-words")).to_have_text("Sound comes from another window of this browser")
        await page.close()
        state = other.locator(".alarm-sound")
        await expect(state).to_have_attribute("data-state", re.compile("blocked|sounding"))  # the browser decides
        if await state.get_attribute("data-state") == "blocked":
            await expect(other.locator(".sound-words")).to_contain_text(
                "the browser plays nothing before you click or press a key"
            )
        await other.mouse.click(5, 900)
        await expect(other.locator(".alarm-sound")).to_have_attribute("data-state", "sounding")
        assert there.complaints == []


async def test_what_a_person_may_not_do_is_not_offered_and_refused(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.center.happen(f1=1)
        page = await there.sit("lise")
        row = page.locator(f"{BANNER} .first li").first
        await expect(row).to_contain_text("Feeder 1 trip")
        await expect(row.get_by_role("button")).to_have_count(0)
        await expect(page.get_by_role("link", name="Operate")).to_have_count(0)
        answer = await page.goto("/operate")
        assert answer is not None
        assert answer.status == 403
        await expect(page.get_by_role("alert").first).to_contain_text("it is for people with the role")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await page.locator(".who summary").press("Enter")
        await expect(page.locator(".who .menu")).to_contain_text("Roles: viewer")
        await expect(page.get_by_role("link", name="Accounts")).to_have_count(0)
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await page.keyboard.press("Escape")
        await expect(page.locator(".who .menu")).to_be_hidden()
        assert there.complaints == []


async def test_everything_is_found_and_opened_by_keyboard(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.center.happen(f1=1)
        page = await there.sit("ada", "/stations")
        await page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keyboard")
        await expect(dialog).to_contain_text("go to Trend")
        await expect(dialog).to_contain_text("Filter stations")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await page.keyboard.press("Escape")
        await page.keyboard.press("f")
        await page.keyboard.type("g t /?")
        await expect(page.locator(".toolbar .found")).to_have_text("0 of 3 stations")
        await expect(page).to_have_url(re.compile("/stations$"))
        await page.keyboard.press("Tab")

        await page.keyboard.press("/")
        search = page.get_by_role("combobox", name="Search points")
        await expect(search).to_be_focused()
        options = page.get_by_role("dialog", name="Search").get_by_role("option")
        await page.keyboard.type("feeder 1 trip")
        await expect(options.filter(has_text="northgate/rtu-2/f01-trip")).to_have_count(1)
        await expect(options.first).to_have_attribute("data-kind", "alarm")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        await search.fill("millbrook f03-p MW")
        await expect(options).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("millbrook.*f03-p"))
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        await page.keyboard.type("go")
        await expect(page.locator("body")).to_have_attribute("data-page", "overview")
        assert there.complaints == []


async def test_times_are_shown_in_utc_or_in_the_utility_s_time_and_themes_follow_the_system(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        page = await there.sit("ada")
        clock = page.locator("#header .clock")
        event = page.locator('.events tr[data-kind="link_up"] .time').first
        await expect(clock).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$"))
        in_utc = await event.inner_text()
        await clock.click()
        await expect(clock).to_have_text(re.compile(r"\d\d:\d\d:\d\d\+0[12]:00$"))
        await expect(clock).to_have_attribute("title", re.compile("site time .Europe/Zurich.; switch to UTC"))
        await expect(event).not_to_have_text(in_utc)
        await page.reload()
        await expect(clock).to_have_text(re.compile(r"\+0[12]:00$"))
        await page.keyboard.type("gu")
        await expect(clock).to_have_text(re.compile("Z$"))
        await expect(event).to_have_text(in_utc)
        theme = page.get_by_label("Day or night theme")
        for choice, shown in (("day", "day"), ("auto", "night"), ("night", "night")):
            await page.emulate_media(color_scheme="dark")
            await theme.click()
            await expect(page.locator("html")).to_have_attribute("data-theme-choice", choice)
            await expect(page.locator("html")).to_have_attribute("data-theme", shown)
            if choice == "auto":
                await page.emulate_media(color_scheme="light")
                await expect(page.locator("html")).to_have_attribute("data-theme", "day")
        assert there.complaints == []
