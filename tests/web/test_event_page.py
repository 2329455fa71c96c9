"""The pages of events and of the system in Chromium: what has happened, what is happening, what is wrong first."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import expect  # noqa: E402

from tieline.model import Event  # noqa: E402
from tieline.model.events import Severity  # noqa: E402
from tieline.web.logs import Records  # noqa: E402

from .many_alarms import Room, room  # noqa: E402

expect.set_options(timeout=20_000)


async def axe_finds_nothing(room: Room) -> None:
    for theme in ("night", "day"):
        await room.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        found = await Axe().run(room.page)
        assert found.violations_count == 0, found.generate_report()


def happened(now: int, number: int) -> Event:
    return Event(
        time=now - number * 1_000_000 - (1 if number % 2 else 0),
        site="northgate",
        device="rtu-1",
        kind="state_changed",
        severity=Severity.WARNING if number % 10 == 0 else Severity.INFO,
        text=f"breaker {number} opened",
    )


async def test_events_are_read_as_one_scrolls_follow_as_they_happen_and_can_be_held(tmp_path: Path) -> None:
    async with room(tmp_path, 5) as made:
        page, world = made.page, made.world
        now = world.clock() - 60_000_000
        await made.store(happened(now, number) for number in range(1_200))
        await made.open("/events?device=rtu-1&site=northgate")
        found = page.locator(".found")
        await expect(found).to_have_text("500 events, older ones as you scroll")
        first = page.locator('.event-rows [aria-rowindex="2"]')
        await expect(first.locator(".text")).to_have_text("breaker 0 opened")
        await expect(page.locator('.event-rows [aria-rowindex="2"] .time')).to_have_text(
            re.compile(r"\d\d:\d\d:\d\d\.\d{3}(\d{3})?$")
        )
        assert await page.locator(".event-rows .rows .row").count() < 70
        await page.locator(".event-rows").focus()
        await page.keyboard.press("End")
        await expect(found).to_have_text("1000 events, older ones as you scroll")
        await page.keyboard.press("End")
        await expect(found).to_have_text("1200 events")
        await page.keyboard.press("End")
        await expect(page.locator('[data-cursor="true"] .text')).to_have_text("breaker 1199 opened")
        await page.keyboard.press("Home")

        def report(text: str, kind: str = "state_changed") -> None:
            event = Event(time=world.clock(), site="northgate", device="rtu-1", kind=kind, text=text)
            world.live.record(event)

        report("breaker 2000 closed")
        await expect(first.locator(".text")).to_have_text("breaker 2000 closed")
        await page.get_by_role("button", name="Pause").press("Enter")
        report("breaker 2001 closed")
        await expect(page.locator(".tail")).to_have_text("paused, 1 new")
        await expect(first.locator(".text")).to_have_text("breaker 2000 closed")
        await page.get_by_role("button", name="Go on").press("Enter")
        await expect(first.locator(".text")).to_have_text("breaker 2001 closed")
        await axe_finds_nothing(made)

        await page.get_by_role("button", name="! warning").press("Enter")
        await expect(found).to_have_text("120 events")
        await page.get_by_label("Filter events by text").fill("breaker 119")
        await expect(found).to_have_text("1 events")
        assert "severity=warning" in page.url
        assert "text=breaker+119" in page.url
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Export csv").press("Enter")
        rows = (await (await download.value).path()).read_text().splitlines()
        assert [row.rpartition(",")[2] for row in rows] == ["text", "breaker 1190 opened"]
        assert made.complaints == []


async def test_the_page_of_the_system_puts_what_is_wrong_first(tmp_path: Path) -> None:
    async with room(tmp_path, 5) as made:
        page, world = made.page, made.world
        world.field.down.add("sunfield/inverters")
        world.field.silent.add("millbrook")
        await made.open("/health")
        await expect(page.locator(".roles tbody tr").first).to_have_attribute("data-wrong", "true")
        await expect(page.locator('[data-role="millbrook"] .wrong')).to_have_text(re.compile("link lost|not heard since"))
        await expect(page.locator('[data-role="sunfield"] .wrong')).to_have_text(re.compile("1 device does not answer"))
        await expect(page.locator('[data-process="historian"] .device-state')).to_have_text("up")
        await expect(page.locator('[data-process="scada"] .device-state')).to_have_text("up")
        await expect(page.locator("#subtitle")).to_contain_text("in want of attention")
        await axe_finds_nothing(made)
        made.scada.is_away = True
        await expect(page.locator('[data-process="scada"]')).to_have_attribute("data-wrong", "true")
        await page.set_viewport_size({"width": 1024, "height": 768})
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert made.complaints == []


async def test_the_log_shows_who_logged_in_and_what_roles_complain_about(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    line = {"timestamp": "2026-11-18T12:00:01Z", "level": "warning", "role": "scada", "event": "process ended", "child": "web"}
    (logs / "center.log").write_text(json.dumps(line) + "\n")
    async with room(tmp_path, 5, records=Records(logs=logs)) as made:
        page = made.page
        await made.open("/log")
        await expect(page.locator("#audit .empty")).to_have_text("No record fits.")
        await axe_finds_nothing(made)
        await page.get_by_role("tab", name="Logs of the roles").press("Enter")
        await expect(page.locator(".log-rows .rows .row")).to_have_count(1)
        await expect(page.locator(".log-rows .rows .event")).to_have_text("process ended")
        await expect(page.locator(".missing")).to_contain_text("dmz: its log is not on this machine")
        await axe_finds_nothing(made)
        assert made.complaints == []
