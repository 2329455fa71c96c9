"""The list of alarms in Chromium: what wants attention first, what is done with alarms, and ten thousand of them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import Page, expect  # noqa: E402

from .many_alarms import Room, room  # noqa: E402

expect.set_options(timeout=20_000)
MANY = 10_000
CHANGES = 20
"""At once, five times a second."""
MOST_MS = 50.0
TRACED = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]


async def in_order(page: Page) -> list[str]:
    """The alarms in view, from top to bottom, by the names of their points."""
    rows = await page.evaluate(
        """() => [...document.querySelectorAll('.alarms [data-alarm]')]
            .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((row) => row.dataset.alarm)"""
    )
    return [row.rpartition("/")[2] for row in rows]


async def axe_finds_nothing(room: Room, *themes: str) -> None:
    for theme in themes:
        await room.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        found = await Axe().run(room.page)
        assert found.violations_count == 0, found.generate_report()


async def test_alarms_are_sorted_narrowed_acknowledged_shelved_and_taken_out(tmp_path: Path) -> None:
    async with room(tmp_path, 60) as made:
        page = made.page
        await made.happen(dict.fromkeys(range(4), 1.0))
        await made.happen({5: 1.0})
        await made.happen({5: 0.0})
        await made.open("/alarms")
        rows = page.locator(".alarms .rows [data-alarm]")
        await expect(rows).to_have_count(5)
        assert await in_order(page) == ["x00000", "x00005", "x00001", "x00002", "x00003"]
        await expect(page.locator('.alarms [data-alarm$="x00005"] .state')).to_have_text("returned, unack.")
        await expect(page.locator('.alarms [data-alarm$="x00000"] .mark')).to_have_text("first-out")
        await expect(page.locator('.alarms [data-alarm$="x00001"] .now')).to_have_text(re.compile("on|off"))
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")

        # the cursor, the details with the history, the address
        await page.locator(".alarms").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".detail h2 .id")).to_have_text("northgate/x00005")
        await expect(page.locator(".history li")).to_have_count(2)
        await expect(page.locator(".history li").first).to_contain_text("went")
        assert "alarm=northgate%2Fx00005" in page.url
        await axe_finds_nothing(made, "night", "day")

        # keys: acknowledge what is at the cursor, then a selection
        await page.locator(".alarms").focus()
        await page.keyboard.press("a")
        await expect(rows).to_have_count(4)
        await page.locator(".alarms").focus()
        await page.keyboard.press("Home")
        await page.keyboard.press("Space")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="Acknowledge selected (2)").press("Enter")
        await expect(page.locator('.alarms [data-state="acknowledged"]')).to_have_count(2)
        assert (await in_order(page))[:2] == ["x00002", "x00003"]

        # shelve with a reason, see when it comes back, unshelve
        await page.locator('.alarms [data-alarm$="x00002"]').click()
        await page.locator(".detail").get_by_role("button", name="Shelve").press("Enter")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Shelve").press("Enter")
        await expect(dialog.get_by_role("alert")).to_have_text("Say why.")
        await dialog.get_by_label("Reason").fill("it is being repaired")
        await dialog.get_by_label("For").select_option("15")
        await dialog.get_by_role("button", name="Shelve").press("Enter")
        await expect(rows).to_have_count(3)
        shelved = page.get_by_role("tab", name=re.compile("^Shelved"))
        await expect(shelved.locator("b")).to_have_text("1")
        await shelved.press("Enter")
        await expect(page.locator('.alarms [data-alarm$="x00002"] .returns')).to_have_text(re.compile(r"^at .*, in 1[45] min$"))
        await expect(page.locator('.alarms [data-alarm$="x00002"] .reason')).to_have_text("it is being repaired · grace")
        assert "tab=shelved" in page.url
        await page.locator('.alarms [data-alarm$="x00002"]').click()
        await page.locator(".detail").get_by_role("button", name="Unshelve").press("Enter")
        await expect(page.locator(".empty:visible")).to_have_text("Nothing is shelved.")

        # out of service, and back
        await page.get_by_role("tab", name=re.compile("^Alarms")).press("Enter")
        await page.locator('.alarms [data-alarm$="x00003"]').click()
        await page.locator(".detail").get_by_role("button", name="Take out of service").press("Enter")
        await dialog.get_by_label("Reason").fill("the sensor is dismantled")
        await dialog.get_by_role("button", name="Take out of service").press("Enter")
        await expect(dialog).to_be_hidden()
        await page.get_by_role("tab", name=re.compile("^Out of service")).press("Enter")
        await expect(page.locator('.alarms [data-alarm$="x00003"] .reason')).to_have_text("the sensor is dismantled · grace")

        assert made.complaints == []


async def test_an_address_is_a_list_and_whoever_only_looks_is_offered_nothing_to_do(tmp_path: Path) -> None:
    async with room(tmp_path, 20, person="lise") as made:
        page = made.page
        await made.happen(dict.fromkeys(range(20), 1.0))
        await page.set_viewport_size({"width": 1024, "height": 768})
        await made.open("/alarms?priority=1,2&text=cell 1")
        rows = page.locator(".alarms .rows [data-alarm]")
        await expect(rows).to_have_count(5)
        assert await in_order(page) == ["x00012", "x00016", "x00001", "x00013", "x00017"]
        await expect(page.locator(".found")).to_have_text("5 of 20 alarms")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await expect(page.locator(".flood")).to_have_text(re.compile("^Alarm flood since .*: 20 new alarms"))
        await axe_finds_nothing(made, "day")
        await made.open("/alarms?tab=figures")
        await expect(page.locator(".figure").first).to_contain_text("Peak in any ten minutes")
        await axe_finds_nothing(made, "night")
        await made.open("/alarms")
        await page.locator(".alarms [data-alarm]").first.click()
        await expect(made.page.locator(".detail h2 .id")).to_have_text("northgate/x00000")
        for words in ("Acknowledge", "Ack", "Shelve", "Take out"):
            await expect(made.page.locator("main").get_by_role("button", name=re.compile(f"^{words}"))).to_have_count(0)


async def test_only_alarms_in_view_are_acknowledged_together(tmp_path: Path) -> None:
    async with room(tmp_path, 200) as made:
        page = made.page
        await made.happen(dict.fromkeys(range(200), 1.0))
        await made.open("/alarms")
        await expect(page.locator(".flood")).to_be_visible()  # takes a line from the list
        button = page.get_by_role("button", name=re.compile(r"^Acknowledge visible \(\d+\)"))
        # Read and pressed at once: whatever else of the page takes a line leaves fewer in view.
        words = await button.evaluate("button => { const words = button.innerText; button.click(); return words; }")
        visible = int(re.findall(r"\d+", words)[0])
        assert 10 < visible < 60
        await expect(page.locator("#subtitle")).to_have_text(f"{200 - visible} unacknowledged, 200 in all")
        acknowledged = await made.desk.do(
            lambda service, now: [alarm.priority for alarm in service.snapshot(now).alarms if alarm.state == "acknowledged"]
        )
        assert len(acknowledged) == visible
        assert set(acknowledged) == {1}


@pytest.mark.timeout(110)
async def test_ten_thousand_alarms_scroll_while_a_hundred_change_each_second(tmp_path: Path) -> None:
    async with room(tmp_path, MANY) as made:
        page = made.page
        await made.happen(dict.fromkeys(range(MANY), 1.0))
        await made.open("/alarms")
        await expect(page.locator("#subtitle")).to_have_text(f"{MANY} unacknowledged, {MANY} in all")
        assert await page.locator(".alarms .rows .row").count() < 60

        assert page.context.browser is not None
        await page.evaluate(SCROLL)
        await page.context.browser.start_tracing(page=page, categories=TRACED)
        for turn in range(30):
            await made.happen({(turn * 37 + one * 331) % MANY: float(turn % 2) for one in range(CHANGES)})
            await asyncio.sleep(0.2)
        tasks = main_thread_tasks(await page.context.browser.stop_tracing())
        print(
            f"frames {await page.evaluate('window.frames_seen')}, tasks {len(tasks)}, ms of processor time: "
            f"p99 {tasks[len(tasks) * 99 // 100]:.1f}, worst {tasks[-1]:.1f}"
        )
        assert await page.evaluate("window.frames_seen") > 30
        assert tasks[-1] < MOST_MS
        gone = await made.desk.do(lambda service, now: sum(not alarm.is_active for alarm in service.snapshot(now).alarms))
        assert gone > 0
        assert made.complaints == []


SCROLL = """() => {
    const list = document.querySelector(".alarms");
    let isDown = true;
    window.frames_seen = 0;
    const frame = () => {
        window.frames_seen += 1;
        list.scrollTop += isDown ? 400 : -400;
        if (list.scrollTop <= 0) isDown = true;
        if (list.scrollTop + list.clientHeight >= list.scrollHeight) isDown = false;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def main_thread_tasks(trace: bytes) -> list[float]:
    """How much processor time each task of the page's main thread took, in milliseconds, ascending.

    Processor time says what the page costs, however many others share the machine.
    """
    events = json.loads(trace)["traceEvents"]
    mains = {
        (one["pid"], one["tid"]) for one in events if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    return sorted(
        one["tdur"] / 1e3
        for one in events
        if one["name"] in {"RunTask", "ThreadControllerImpl::RunTask"} and "tdur" in one and (one["pid"], one["tid"]) in mains
    )
