"""The page of remote access in Debian's Chromium: asked for, approved by another person with a second factor, seen, cut."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from nats.aio.client import Client

from tests.security.accounts.world import PASSWORD, SECRET, Center
from tieline.bus.asking import Request
from tieline.bus.remote import RemoteClient
from tieline.config import DmzSection, LoginSection, PersonSection
from tieline.config.remote import RemoteService as Service
from tieline.config.remote import SiteRemote
from tieline.io import SystemClock
from tieline.model import subjects
from tieline.scada.remote.service import RemoteService
from tieline.scada.remote.store import RemoteStore
from tieline.security.audit import AuditLog
from tieline.security.identity import Authority
from tieline.security.identity.accounts.totp import code_at, step_at
from tieline.security.identity.signing import Signer
from tieline.security.remote.records import Session, SessionState
from tieline.web import create_app

from .login_world import Browser, browsing
from .world import World, make_world, serving

A = TypeVar("A")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = os.environ.get("TIELINE_PICTURES")
PEOPLE = (
    PersonSection(name="ines", roles=["installer"], areas=["northgate"]),
    PersonSection(name="vince", roles=["installer"], only_remote_access=True),
    PersonSection(name="ada", roles=["operator"]),
    PersonSection(name="lise", roles=["viewer"]),
    PersonSection(name="hedy", roles=["security_auditor"]),
)
pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


class Near(RemoteClient):
    """Asks the service itself."""

    def __init__(self, service: RemoteService) -> None:
        self.service = service

    async def ask(self, request: Request[A]) -> A:
        answer: A = await self.service.answer(request)  # type: ignore[arg-type,assignment]
        return answer


class Rooms:
    """A center whose folder opens remote access."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.world: World = make_world(history_s=60)
        services = (Service(device="rtu-1", name="dnp3", host="10.41.1.11", port=20_000),)
        sites = tuple(replace(site, remote=SiteRemote(services=services)) for site in self.world.utility.sites)
        self.world.utility = replace(self.world.utility, dmz=DmzSection(remote_port=7443), sites=sites)
        self.center = Center(folder, LoginSection(), PEOPLE)
        stack.enter_context(closing(self.center.accounts))
        self.audit = AuditLog.open(folder / "audit", "remote", SystemClock())
        stack.callback(self.audit.close)
        self.store = RemoteStore.open(folder / "remote.db")
        stack.callback(self.store.close)
        signer = Signer(Authority.open(folder / "authority").credentials(subjects.REMOTE_ROLE))
        self.service = RemoteService(
            self.world.utility,
            Client(),
            signer,
            audit=self.audit,
            store=self.store,
            folder=folder / "recordings",
            door="dmz.example:7443",
            clock=SystemClock(),
        )
        self.app = create_app(
            self.world.utility,
            self.world.live,
            self.world.history,
            clock=self.world.clock,
            accounts=self.center.accounts,
            remote=Near(self.service),
        )

    @asynccontextmanager
    async def browser_of(self, name: str, *, shows_factor: bool = True) -> AsyncIterator[Browser]:
        self.center.prepare(name, has_app=True)
        async with browsing(self.app) as browser:
            assert (await browser.log_in(name)).status_code == 200
            if shows_factor:
                self.center.clock.go(30)
                code = code_at(SECRET, step_at(self.center.clock.utc_us))
                assert (await browser.send_json("POST", "/api/login/second-factor", {"code": code})).status_code == 200
            yield browser

    async def opened(self, grant: str) -> Session:
        """A session, as far as the screens can tell."""
        found = self.service._desk.grant(grant)
        session = Session(
            id="r-7",
            grant=grant,
            person=found.person,
            reason=found.reason,
            site=found.site,
            device=found.device,
            service=found.service,
            port=found.port,
            address="203.0.113.9",
            opened_us=time.time_ns() // 1_000,
            end_us=found.end_us,
            state=SessionState.OPEN,
            up_bytes=12_345,
            down_bytes=3_456_789,
        )
        await self.service._ledger.keep(session)
        return session


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with ExitStack() as stack:
        yield Rooms(tmp_path, stack)


ASKED = {"site": "northgate", "device": "rtu-1", "service": "dnp3", "reason": "new settings", "minutes": 30}


async def test_each_route_asks_for_its_role_and_its_second_factor(rooms: Rooms) -> None:
    async with (
        rooms.browser_of("ines") as ines,
        rooms.browser_of("ada", shows_factor=False) as ada,
        rooms.browser_of("lise") as lise,
        rooms.browser_of("hedy") as hedy,
    ):
        assert (await lise.send_json("POST", "/api/remote/grants", ASKED)).status_code == 403
        made = await ines.send_json("POST", "/api/remote/grants", ASKED)
        assert made.status_code == 200, made.text
        grant = made.json()["id"]
        answers = {
            "needs a second factor": await ada.send_json("POST", f"/api/remote/grants/{grant}/approve"),
            "another person": await ines.send_json("POST", f"/api/remote/grants/{grant}/approve"),
            "may not approve": await hedy.send_json("POST", f"/api/remote/grants/{grant}/approve"),
            "nobody has approved": await ines.send_json("POST", f"/api/remote/grants/{grant}/ticket"),
            "there is no session": await hedy.send_json("GET", "/api/remote/sessions/r-0/recording"),
            "may not read recordings": await ines.send_json("GET", "/api/remote/sessions/r-0/recording"),
        }
        for words, answer in answers.items():
            assert (answer.status_code, words in answer.text) == (403, True), answer.text
        for wrong in ({"minutes": 0}, {"reason": ""}, {"reason": "a\nb"}, {"begin": "soon"}, {"more": 1}, {"minutes": "nan"}):
            assert (await ines.send_json("POST", "/api/remote/grants", ASKED | wrong)).status_code == 400
        assert (await lise.get("/api/remote")).json()["grants"] == []
        assert [each["id"] for each in (await hedy.get("/api/remote")).json()["grants"]] == [grant]
        assert (await lise.get("/remote")).status_code == 403
        assert (await lise.send_json("POST", "/api/remote/cut", {"name": grant})).status_code == 403
        assert (await ada.send_json("POST", "/api/remote/cut", {"name": grant, "reason": "no"})).json()["grants"] == [grant]
        refused = [record for record in rooms.audit.since(0) if record.outcome == "refused"]
        assert len(refused) == 8
        assert all(record.detail["reason"] for record in refused)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
async def test_remote_access_is_asked_for_approved_seen_and_cut_on_its_page(rooms: Rooms) -> None:
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import Page, async_playwright, expect

    complaints: list[str] = []
    for name in ("ines", "ada", "vince"):
        rooms.center.prepare(name, has_app=True)
    async with serving(rooms.world, app=rooms.app) as address, async_playwright() as playwright:
        base = f"http://{address}"
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])

        async def page_of(name: str, theme: str) -> Page:
            context = await browser.new_context(base_url=base, viewport={"width": 1920, "height": 1080})
            await context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
            data = {"name": name, "password": PASSWORD}
            assert (await context.request.post("/api/login", data=data, headers={"origin": base})).ok
            page = await context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
            page.on("pageerror", lambda error: complaints.append(error.stack or str(error)))
            await page.goto("/remote")
            await expect(page.locator("main")).to_have_attribute("data-ready", "true")
            return page

        async def check(page: Page, picture: str) -> None:
            results = await Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
            for width, height in ((1920, 1080), (1024, 768)):
                await page.set_viewport_size({"width": width, "height": height})
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                if PICTURES:
                    await page.screenshot(path=f"{PICTURES}/{picture}-{width}.png")
            await page.set_viewport_size({"width": 1920, "height": 1080})

        ines, ada = await page_of("ines", "night"), await page_of("ada", "day")
        await ines.get_by_label("Service of a device").select_option("northgate/rtu-1/dnp3")
        await ines.get_by_role("button", name="Ask").click()
        await expect(ines.locator("aside .failure")).to_have_text("Say why.")
        await ines.get_by_label("Reason").fill("new settings for feeder 3")
        await ines.get_by_role("button", name="Ask").click()
        await expect(ines.locator(".grants tbody")).to_contain_text("waits for approval")
        await expect(ines.locator(".grants").get_by_role("button", name="Approve")).to_have_count(0)
        await expect(ada.locator("aside")).to_have_count(0)
        approve = ada.get_by_role("button", name="Approve remote access of ines to northgate/rtu-1/dnp3")
        await approve.focus()
        await ada.keyboard.press("Enter")
        rooms.center.clock.go(30)
        await ada.get_by_label("Code of your authenticator app").fill(code_at(SECRET, step_at(rooms.center.clock.utc_us)))
        await check(ada, "remote-approve")
        await ada.keyboard.press("Enter")
        await expect(ada.locator(".grants tbody")).to_contain_text("approved")
        await expect(ines.locator(".grants code")).to_contain_text("tieline remote connect g-")
        (grant,) = rooms.service._desk.grants
        session = await rooms.opened(grant)
        await expect(ada.locator(".running tbody")).to_contain_text("203.0.113.9")
        await expect(ada.locator(".running tbody tr td").nth(7)).to_have_text("3456.8")
        await check(ada, "remote-day")
        await check(ines, "remote-night")
        await ada.locator(".running tbody").get_by_role("button", name="Cut remote access of ines").click()
        await ada.keyboard.type("storm")
        await ada.keyboard.press("Enter")
        await expect(ada.locator(".grants tbody")).to_contain_text("cut by ada: storm")
        closed = msgspec.structs.replace(
            session, state=SessionState.CLOSED, closed_us=session.opened_us + 61_000_000, words="cut by ada: storm"
        )
        await rooms.service._ledger.keep(closed)
        await expect(ada.locator(".ended tbody")).to_contain_text("61 s")
        await check(ada, "remote-ended")
        vince = await page_of("vince", "night")  # whose account is for this only: no other pages, no live values
        await expect(vince.get_by_role("button", name="Ask")).to_be_visible()
        await expect(vince.locator("nav a")).to_have_text(["Remote access"])
        await vince.get_by_label("Reason").fill("a look")
        await check(vince, "remote-vendor")
        await vince.goto("/account")
        await expect(vince.locator("main")).to_have_attribute("data-ready", "true")
        assert complaints == []
        await browser.close()


async def test_an_account_for_remote_access_only_reaches_nothing_else(rooms: Rooms) -> None:
    async with rooms.browser_of("vince") as vince:
        for path in (
            "/stations",
            "/overview",
            "/api/values",
            "/api/alarms",
            "/api/history",
            "/metrics",
            "/openapi.json",
            "/api/audit",
        ):
            answer = await vince.get(path)
            assert (answer.status_code, "for remote access only" in answer.text) == (403, True), path
        for path in (
            "/api/remote",
            "/remote",
            "/account",
            "/api/session",
            "/api/sites",
            "/static/remote.js",
            "/login",
        ):
            assert (await vince.get(path)).status_code == 200, path
        for path in ("/api/control/select", "/api/alarms/acknowledge", "/api/remotely", "/api/remote/../values"):
            assert (await vince.send_json("POST", path, {})).status_code == 403, path
        assert (await vince.get("/")).headers["location"] == "/remote"
        made = await vince.send_json("POST", "/api/remote/grants", ASKED)
        assert made.status_code == 200, made.text
        token = (
            await vince.send_json("POST", "/api/account/tokens", {"label": "tool", "roles": ["installer"], "days": 1})
        ).json()
    async with browsing(rooms.app) as tool:
        headers = {"authorization": f"Bearer {token['value']}"}
        assert (await tool.get("/api/remote", headers=headers)).status_code == 200
        assert (await tool.get("/api/values", headers=headers)).status_code == 403
