"""The pages of alarms and control in a browser, over a center that runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.system.people import Person

CHROMIUM = Path("/usr/bin/chromium")
TIMEOUT_MS = 20_000
POINT = "sunfield/ppc-1/t2_command"


def look_at_pages(port: int, person: Person) -> None:
    """Operates a breaker on the page, and looks at the alarms; nothing where there is no browser."""
    if not CHROMIUM.exists():
        return
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Route, expect, sync_playwright

    expect.set_options(timeout=TIMEOUT_MS)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1920, "height": 1080})
        context.add_cookies(
            [{"name": name, "value": value, "url": f"http://127.0.0.1:{port}"} for name, value in person.cookies().items()]
        )
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto("/operate")
        page.get_by_role("searchbox", name="Search").fill("sunfield t2_command")
        page.locator(f'.choose button[data-point="{POINT}"]').press("Enter")
        page.locator('.choice label:has-text("open") input').check()
        page.get_by_label("Reason", exact=True).fill("test of the page")
        page.get_by_role("button", name="Select", exact=True).press("Enter")
        expect(page.locator(".verdicts li")).not_to_have_count(0)
        expect(page.locator(".standing")).to_have_text("Ready to execute.")
        _picture(page, "operate-confirm")
        expect(page.locator(".execute")).to_be_enabled()
        page.locator(".execute").press("Enter")
        expect(page.locator(".outcome")).to_have_text(re.compile("^Done: open"))
        expect(page.locator(".execute")).to_be_hidden()
        expect(page.locator('.near li:has-text("t2_position") .number')).to_have_text("open")
        expect(page.locator(".others")).to_contain_text(POINT)
        _picture(page, "operate-outcome")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

        page.get_by_role("searchbox", name="Search").fill("rtu-1/f2_command")
        asked: list[Route] = []
        page.route("**/api/details/points/*", lambda route: asked.append(route))
        page.locator('.choose button[data-point="northgate/rtu-1/f2_command"]').press("Enter")
        expect(page.locator(".operated h2")).to_contain_text("Feeder 2")
        expect(page.locator(".operate-steps")).to_be_hidden()  # nothing of the point before can be operated meanwhile
        for route in asked:
            route.continue_()
        page.unroute("**/api/details/points/*")
        page.locator('.choice label:has-text("open") input').check()
        page.get_by_role("button", name="Select", exact=True).press("Enter")
        expect(page.locator(".operate-steps")).to_contain_text("Refused")
        expect(page.locator('.verdicts [data-standing="refused"]')).to_contain_text("feeder 5")
        expect(page.locator(".execute")).to_be_hidden()

        page.goto("/alarms")
        expect(page.locator(".found")).to_have_text(re.compile(r"^\d+ alarms?"))
        row = page.locator('.alarms [data-alarm*="tm-2"][data-state="acknowledged"]').first
        expect(row.locator(".priority")).to_be_visible()
        _picture(page, "alarms")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        row.click()
        page.locator(".detail").get_by_role("button", name=re.compile("^Shelve")).press("Enter")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Shelve").click()
        expect(dialog.get_by_role("alert")).to_have_text("Say why.")
        dialog.get_by_label("Reason").fill("the transformer monitor is replaced")
        dialog.get_by_label("For").select_option("15")
        _picture(page, "alarms-shelve")
        dialog.get_by_role("button", name="Shelve").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("tab", name=re.compile("^Shelved")).click()
        expect(page.locator('.alarms [data-alarm*="tm-2"][data-state="shelved"]')).to_have_count(1)
        browser.close()
    assert complaints == []


def _picture(page: object, name: str) -> None:
    """Where somebody wants to look at the pages."""
    folder = os.environ.get("TIELINE_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png")  # type: ignore[attr-defined]
