"""Every page, in both themes: axe finds no violation, nothing complains, and nothing goes beyond a screen of 1920 pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.web.pages import PAGES

CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip("Chromium is not installed", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402

from tests.web.test_faceplate import desks  # noqa: E402

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
ELSEWHERE = {"/login", "/account", "/accounts", "/site/{site}/diagram", "/remote", "/network", "/network/{place}"}
"""Looked at with many people, with stations and a network to draw, and where remote access is open."""


async def test_everybody_can_use_every_page_in_either_theme(tmp_path: Path) -> None:
    names = {"site": "alpha", "device": "rtu-1", "name": "q1"}
    paths = [page.path.format(**names) for page in PAGES if page.path not in ELSEWHERE]
    found = {}
    async with desks(tmp_path) as at:
        for theme in ("night", "day"):
            page = await at.of("grace", "/", theme=theme)
            for path in paths:
                await at.open(page, path)
                assert await page.locator("html").get_attribute("data-theme") == theme
                results = await Axe().run(page)
                if results.violations_count:
                    found[path, theme] = results.generate_report()
                width = await page.evaluate("document.documentElement.scrollWidth")
                if width > 1920:
                    found[path, f"{theme}, {width} px wide"] = ""
        assert found == {}, "\n".join(map(str, found.values()))
        assert at.complaints == []
