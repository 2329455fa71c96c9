"""The login in Debian's Chromium: in, step by step, out; set up, with nothing that the policy or axe complains about."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from tests.security.accounts.world import OTHER_PASSWORD, PASSWORD, Center
from tieline.web import listen, serve
from tieline.web.skeleton import STATIC

from .login_world import app_of, center_in
from .world import World, make_world

FILES = sorted((STATIC / "login").iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_the_login_reaches_out_or_goes_around_the_policy(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"https?://", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;,\s)])|\brgba?\(", text)


CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import Page, async_playwright, expect  # noqa: E402

expect.set_options(timeout=15_000)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]


class Screen:
    """A page, and everything that it complained about but refusals, which browsers note too."""

    def __init__(self, page: Page, center: Center) -> None:
        self.page = page
        self.center = center
        self.complaints: list[str] = []
        page.on("console", lambda message: self._note(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._note(str(error)))

    def _note(self, text: str) -> None:
        if not re.search(r"status of (400|401|403|429)", text):
            self.complaints.append(text)

    async def fill(self, **values: str) -> None:
        for name, value in values.items():
            await self.page.locator(f'input[name="{name}"]').first.fill(value)

    async def log_in(self, name: str, password: str = PASSWORD) -> None:
        await self.fill(name=name, password=password)
        await self.page.keyboard.press("Enter")

    async def check(self) -> None:
        """Axe finds nothing, in either theme."""
        for theme in ("night", "day"):
            await self.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            results = await Axe().run(self.page)
            assert results.violations_count == 0, results.generate_report()
        assert self.complaints == []


@asynccontextmanager
async def screening(world: World, center: Center, host: str = "127.0.0.1") -> AsyncIterator[Screen]:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(app_of(world, center), listener=listener))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = await browser.new_page(base_url=f"http://{host}:{port}", viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(15_000)
        try:
            yield Screen(page, center)
        finally:
            await browser.close()
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    center = center_in(tmp_path)
    with closing(center.accounts):
        yield center


@pytest.fixture
async def screen(center: Center) -> AsyncIterator[Screen]:
    world = make_world(history_s=600)
    world.field.step()
    async with screening(world, center) as screen:
        yield screen


pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


async def test_one_logs_in_by_keyboard_lands_where_one_wanted_to_go_and_logs_out(screen: Screen) -> None:
    page = screen.page
    screen.center.prepare()
    await page.goto("/site/northgate")
    await expect(page.get_by_label("Name")).to_be_focused()
    await screen.check()
    await screen.log_in("ada", OTHER_PASSWORD)
    await expect(page.get_by_role("alert")).to_have_text("the name or the password is wrong")
    await screen.log_in("ada")
    await expect(page.locator("body")).to_have_attribute("data-connection", "live")
    assert page.url.endswith("/site/northgate")
    await expect(page.locator(".who summary")).to_have_text("ada")
    await screen.check()
    await page.locator(".who summary").press("Enter")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Password", exact=True)).to_be_visible()
    await page.goto("/")
    await expect(page).to_have_url(re.compile("/login"))


async def test_the_first_administrator_gets_from_the_console_to_a_list_of_accounts(screen: Screen) -> None:
    page, center = screen.page, screen.center
    given = center.accounts.administration.first_administrator()
    assert given is not None
    await page.goto("/accounts")
    await screen.log_in("rosalind", given.secret)
    await expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    await screen.check()
    await screen.fill(old=given.secret, new=PASSWORD, again=PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-person="ada"]')).to_contain_text("no account")
    await page.get_by_role("link", name="Your account").click()
    await page.get_by_role("button", name="Set up an authenticator app").click()
    typed = (await page.locator("#app-secret").inner_text()).replace(" ", "")
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    await screen.check()
    await page.get_by_label("The code that the app shows now").fill(center.code(base64.b32decode(typed)))
    await page.keyboard.press("Enter")
    await expect(page.locator(".codes li")).to_have_count(10)
    await expect(page.get_by_text("Control: permitted now")).to_be_visible()
    await screen.check()
    await page.get_by_role("link", name="Accounts").click()
    await page.get_by_role("button", name="Create ada").click()
    await expect(page.locator("#one-time")).to_have_text(re.compile("^[a-z0-9]{5}(-[a-z0-9]{5}){3}$"))
    await expect(page.locator('[data-person="ada"]')).to_contain_text("awaits the first login")
    await page.get_by_label("Find").fill("ada")
    await expect(page.locator("tbody tr:visible")).to_have_count(1)
    await page.get_by_role("button", name="Administer ada").click()
    await screen.check()
    await page.get_by_label("Why the account is locked").fill("on leave")
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-person="ada"]')).to_contain_text("locked: on leave")
    await screen.check()


async def test_a_code_permits_control_and_a_token_is_shown_once(screen: Screen) -> None:
    page, center = screen.page, screen.center
    center.prepare(has_app=True)
    await page.goto("/account")
    await screen.log_in("ada")
    await expect(page.get_by_text("Control: not before")).to_be_visible()
    await page.get_by_label("Code of your authenticator app").fill(center.code())
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Control: permitted now")).to_be_visible()
    await page.get_by_label("What it is for").fill("laptop")
    await page.get_by_label("viewer").check()
    await page.get_by_role("button", name="Make a token").click()
    value = await page.locator("#token-value").inner_text()
    assert center.accounts.login.token_identity(value, "") is not None
    await page.reload()
    await expect(page.get_by_text("laptop: viewer, until")).to_be_visible()
    await expect(page.locator("#token-value")).to_have_count(0)
    await screen.check()


async def test_a_security_key_in_a_browser(center: Center) -> None:
    center.prepare()
    async with screening(make_world(history_s=600), center, host="localhost") as screen:
        page = screen.page
        tools = await page.context.new_cdp_session(page)
        await tools.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True, "isUserVerified": True}
        await tools.send(
            "WebAuthn.addVirtualAuthenticator", {"options": {**options, "hasUserVerification": True, "hasResidentKey": False}}
        )
        await page.goto("/account")
        await screen.log_in("ada")
        await page.get_by_role("button", name="Add a security key").click()
        await page.get_by_role("button", name="Touch the key").click()
        await expect(page.locator(".codes li")).to_have_count(10)
        await page.get_by_role("button", name="Log out", exact=True).click()
        await expect(page.get_by_label("Password", exact=True)).to_be_visible()
        await page.goto("/account")
        await screen.log_in("ada")
        await page.get_by_role("button", name="Use a security key").click()
        await expect(page.get_by_text("Control: permitted now")).to_be_visible()
        assert screen.complaints == []


async def test_a_page_that_is_open_says_so_when_the_session_ends(screen: Screen) -> None:
    page, center = screen.page, screen.center
    center.prepare()
    await page.goto("/")
    await screen.log_in("ada")
    await expect(page.locator("body")).to_have_attribute("data-connection", "live")
    center.clock.go(3_600)
    await expect(page.locator("body")).to_have_attribute("data-connection", "lost")
