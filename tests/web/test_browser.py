"""The screens in Debian's Chromium: values move, losses show, nothing breaks the policy, everybody can use them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tieline.model import Quality
from tieline.web import listen, serve

from .world import World, make_world

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium"),
]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import Page, async_playwright, expect  # noqa: E402

expect.set_options(timeout=15_000)  # two cores, and others at work on them

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
POWER, OIL = "northgate/rtu-1/t1-p", "northgate/rtu-1/t1-oil"
PAGES = ["/", "/stations", "/site/northgate", f"/trend?points={POWER},{OIL}&from=-15m"]
TREND = PAGES[3]


class Screen:
    """A page over a played world, and everything that it complained about."""

    def __init__(self, world: World, page: Page, server: Restartable) -> None:
        self.world = world
        self.server = server
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, path: str) -> None:
        await self.page.goto(path)
        await expect(self.page.locator("body")).to_have_attribute("data-connection", "live", timeout=15_000)

    def value(self, path: str) -> str:
        return f'[data-point="{path}"] .value'

    async def number(self, path: str) -> str:
        number = self.page.locator(f"{self.value(path)} .number")
        await expect(number).not_to_have_text("—")  # the first values have come
        return await number.inner_text()

    async def restart_server(self, meanwhile: Sequence[Awaitable[None]]) -> None:
        await self.server.stop()
        for expected in meanwhile:
            await expected
        self.server.start()


class Restartable:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = 0
        self.start()

    def start(self) -> None:
        listener = listen("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self.task = asyncio.create_task(serve(self.world.app(), listener=listener))

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def screening(world: World, *, is_reduced: bool = False) -> AsyncIterator[Screen]:
    server = Restartable(world)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await browser.new_page(
            base_url=f"http://127.0.0.1:{server.port}",
            viewport={"width": 1920, "height": 1080},
            reduced_motion="reduce" if is_reduced else "no-preference",
        )
        page.set_default_timeout(15_000)
        playing = asyncio.create_task(world.field.play(0.2))
        try:
            yield Screen(world, page, server)
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing
            await browser.close()
            await server.stop()


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    world = make_world(history_s=7_200)
    world.field.step()
    async with screening(world) as screen:
        yield screen


async def no_overflow(page: Page) -> bool:
    script = """() => {
        const root = document.documentElement;
        const groups = document.querySelector(".groups");
        return root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth
            && (!groups || groups.scrollWidth <= groups.clientWidth + 1);
    }"""
    return bool(await page.evaluate(script))


async def test_every_page_shows_live_values_without_scrolling_or_complaint(screen: Screen) -> None:
    readings = {
        "/": '[data-site="northgate"] .figure .number >> nth=0',
        "/stations": '[data-site="northgate"] .figure .number >> nth=0',
        "/site/northgate": f"{screen.value(POWER)} .number",
        TREND: f"{screen.value(POWER)} .number",
    }
    for path in PAGES:
        await screen.open(path)
        reading = screen.page.locator(readings[path])
        await expect(reading).to_have_text(re.compile(r"^\u2212?\d+\.\d\d$"))
        first = await reading.inner_text()
        await expect(reading).not_to_have_text(first)
        assert await no_overflow(screen.page), path
    assert screen.complaints == []


@pytest.mark.parametrize("theme", ["night", "day"])
async def test_axe_finds_nothing_on_any_page(screen: Screen, theme: str) -> None:
    await screen.page.goto("/healthz")
    await screen.page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    screen.world.field.qualities |= {
        screen.world.id_of(POWER): int(Quality.QUESTIONABLE),
        screen.world.id_of(OIL): int(Quality.INVALID),
    }
    screen.world.field.down.add("northgate/rtu-2")
    for path in PAGES:
        await screen.open(path)
        await expect(screen.page.locator("html")).to_have_attribute("data-theme", theme)
        await expect(screen.page.locator(".count[data-count=invalid] b")).to_have_text("1")
        found = await Axe().run(screen.page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


async def test_axe_finds_nothing_when_everything_is_lost(screen: Screen) -> None:
    screen.world.field.silent.update(screen.world.live.sites)
    for path in PAGES:
        await screen.open(path)
        await expect(screen.page.locator(".count[data-count=stale] b")).to_have_text("267")
        found = await Axe().run(screen.page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


async def test_a_lost_link_marks_every_value_of_its_site_and_no_other(screen: Screen) -> None:
    await screen.open("/site/northgate")
    values, stale = screen.page.locator(".device .value"), screen.page.locator('.device .value[data-stale="true"]')
    await expect(values).to_have_count(131)
    await expect(stale).to_have_count(0)
    screen.world.field.silent.add("northgate")
    await expect(stale).to_have_count(131)
    await expect(screen.page.locator(".toolbar .link")).to_have_text(re.compile("^link lost, heard .* ago$"))
    await expect(screen.page.locator("#header .chip[data-link=lost]")).to_have_count(1)
    await expect(screen.page.locator(".device-state").first).to_have_text("unknown")
    await expect(screen.page.locator(".banner")).to_be_hidden()
    screen.world.field.silent.clear()
    await expect(stale).to_have_count(0)
    assert screen.complaints == []


async def test_the_overview_tells_lost_and_restored_links(screen: Screen) -> None:
    await screen.open("/stations")
    screen.world.field.silent.add("sunfield")
    await expect(screen.page.locator(".links [data-link=lost] .name")).to_have_text("sunfield")
    screen.world.field.silent.clear()
    await expect(screen.page.locator(".links [data-link=lost]")).to_have_count(0)
    await screen.open("/")
    await expect(screen.page.locator(".tile b").first).to_have_text("3 / 3")
    screen.world.field.silent.add("sunfield")
    await expect(screen.page.locator('tr[data-site="sunfield"] .link')).to_have_attribute("data-link", "lost")
    await expect(screen.page.locator(".tile b").first).to_have_text("2 / 3")
    await expect(screen.page.locator(".map [data-link=lost] .name")).to_have_text("Sunfield solar")
    await expect(screen.page.locator('.events tr[data-kind="link_lost"]').first).to_contain_text("silent for")
    screen.world.field.silent.clear()
    await expect(screen.page.locator('.events tr[data-kind="link_restored"]').first).to_contain_text("link restored after")
    assert screen.complaints == []


async def test_a_lost_server_marks_the_whole_screen_and_comes_back_by_itself(screen: Screen) -> None:
    await screen.open("/site/sunfield")
    fresh = screen.page.locator('.device .value[data-stale="false"]')
    await expect(fresh).to_have_count(41)
    await screen.restart_server(
        meanwhile=[
            expect(screen.page.locator("body")).to_have_attribute("data-connection", "lost"),
            expect(screen.page.locator(".banner")).to_contain_text("Everything shown is old; reconnecting."),
            expect(fresh).to_have_count(0),
            expect(screen.page.locator("#header .state")).to_have_text("lost"),
        ]
    )
    await expect(screen.page.locator("body")).to_have_attribute("data-connection", "live", timeout=15_000)
    await expect(screen.page.locator(".banner")).to_be_hidden()
    await expect(fresh).to_have_count(41)


async def test_a_server_that_hangs_is_noticed_by_its_silence(screen: Screen) -> None:
    await screen.page.route_web_socket("**/live", lambda _: None)  # the socket opens, and nothing is ever said
    await screen.page.goto("/site/sunfield")
    await expect(screen.page.locator(".banner")).to_have_text(
        "No live data: the server is silent. Everything shown is old; reconnecting."
    )


async def test_values_show_their_quality_by_shape(screen: Screen) -> None:
    looks = {
        "northgate/rtu-1/t1-p": (Quality.QUESTIONABLE, "questionable", "?", "font-style", "italic"),
        "northgate/rtu-1/t1-q": (Quality.INVALID | Quality.OLD_DATA, "invalid", "\u00d7", "text-decoration-line", "line-through"),
        "northgate/rtu-1/t1-oil": (Quality.SUBSTITUTED, "substituted", "s", "text-decoration-line", "underline"),
        "northgate/rtu-1/t1-tap": (Quality.DEVICE_TIME, "good", "", "font-style", "normal"),
    }
    screen.world.field.qualities |= {screen.world.id_of(path): int(look[0]) for path, look in looks.items()}
    await screen.open("/site/northgate")
    for path, (_, mark, sign, style, expected) in looks.items():
        value = screen.page.locator(screen.value(path))
        await expect(value).to_have_attribute("data-quality", mark)
        await expect(value.locator(".sign")).to_have_text(sign)
        await expect(value.locator(".number")).to_have_css(style, expected)
    await expect(screen.page.locator(screen.value("northgate/rtu-1/t1-q"))).to_have_attribute("title", "invalid, old data")


async def test_switches_are_shapes_and_words(screen: Screen) -> None:
    await screen.open("/site/northgate")
    symbol = screen.page.locator(f"{screen.value('northgate/rtu-1/t1-hv-cb')} .switch")
    state = await screen.number("northgate/rtu-1/t1-hv-cb")
    assert state in {"open", "closed", "intermediate"}
    await expect(symbol).to_have_attribute("data-state", state)
    await expect(symbol.locator(".square")).to_have_css("visibility", "visible")


async def test_the_filter_and_the_keyboard_find_a_value_and_open_its_faceplate(screen: Screen) -> None:
    await screen.open("/site/northgate")
    await screen.page.keyboard.press("f")
    await screen.page.keyboard.type("T1-oil temperature")
    await expect(screen.page.locator(".device li:visible")).to_have_count(1)
    await expect(screen.page.locator(".found")).to_have_text("1 of 131 values")
    await screen.page.locator(".device li:visible a").focus()
    await screen.page.keyboard.press("Enter")
    await expect(screen.page.get_by_role("dialog").locator("header .path")).to_have_text(OIL)
    await expect(screen.page.locator(screen.value(OIL))).to_have_attribute("data-stale", "false")


async def test_only_what_is_not_good_can_be_shown(screen: Screen) -> None:
    screen.world.field.qualities[screen.world.id_of(OIL)] = int(Quality.INVALID)
    await screen.open("/site/northgate")
    await screen.page.get_by_label("only what is not good").check()
    await expect(screen.page.locator(".device li:visible")).to_have_count(1)
    await expect(screen.page.locator(".device li:visible .name")).to_have_text("t1-oil")


async def test_a_page_of_a_site_that_is_not_there_says_so(screen: Screen) -> None:
    await screen.page.goto("/site/nowhere")
    await expect(screen.page.get_by_role("alert").first).to_contain_text('there is no site "nowhere"')
    await expect(screen.page.get_by_role("link", name="Overview")).to_be_visible()


async def test_a_historian_that_is_away_is_said_on_the_trend(screen: Screen) -> None:
    screen.world.history.is_down = True
    await screen.open(TREND)
    await expect(screen.page.locator(".toolbar .failure")).to_have_text("the historian does not answer; it is started again")
    await expect(screen.page.locator(screen.value(POWER))).to_have_attribute("data-stale", "false")


async def test_the_theme_is_kept(screen: Screen) -> None:
    await screen.open("/")
    await expect(screen.page.locator("html")).to_have_attribute("data-theme", "night")
    await screen.page.get_by_label("Day or night theme").click()
    await screen.open("/site/northgate")
    await expect(screen.page.locator("html")).to_have_attribute("data-theme", "day")


async def test_nothing_moves_where_motion_is_not_wanted() -> None:
    world = make_world(history_s=600)
    async with screening(world, is_reduced=True) as screen:
        for path in PAGES:
            await screen.open(path)
            assert await screen.page.evaluate("document.getAnimations().length") == 0
            moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
            assert await screen.page.evaluate(moving) == 0
