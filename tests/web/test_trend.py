"""The trend workbench in Chromium over a real historian: what is drawn is what SQL finds, wherever the samples lie."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer
from tieline.model import Batch, Event, Quality, Samples, Severity
from tieline.scada import LiveState
from tieline.web import create_app, listen, serve
from tieline.web.app import wall_clock
from tieline.web.export import MAX_SAMPLES
from tieline.web.times import iso, parse_time

from .world import PlayedField, make_utility, value_of

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
if not CHROMIUM.exists():
    pytest.skip("there is no /usr/bin/chromium", allow_module_level=True)

from axe_playwright_python.async_playwright import Axe  # noqa: E402
from playwright.async_api import Page, async_playwright, expect  # noqa: E402

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
POWER, VOLTAGE, BREAKER = "northgate/rtu-1/t1-p", "northgate/rtu-1/busbar-u", "northgate/rtu-1/t1-hv-cb"
DAY, SECOND = 86_400_000_000, 1_000_000
STEP = 10 * SECOND

DRAWN = """() => {
    const canvas = document.querySelector(".chart canvas");
    const over = document.querySelector(".chart .u-over").getBoundingClientRect();
    const at = canvas.getBoundingClientRect();
    const [left, top, width, height] = [over.left - at.left, over.top - at.top, over.width, over.height].map(Math.round);
    const { data } = canvas.getContext("2d").getImageData(left, top, width, height);
    const columns = [];
    for (let x = 0; x < width; x += 1) {
        let [first, last] = [-1, -1];
        for (let y = 0; y < height; y += 1) {
            if (data[4 * (y * width + x) + 2] < 85) continue;  // the trace is blue, the grid is not
            if (first < 0) first = y;
            last = y;
        }
        columns.push([first, last]);
    }
    return { width, height, columns };
}"""
EXTREMES = """
SELECT floor((epoch_us(s.time) - $1) * $3 / ($2 - $1))::INTEGER AS col, min(value) AS low, max(value) AS high
FROM samples s WHERE site = 'northgate' AND device = 'rtu-1' AND point = 't1-p'
    AND s.time >= make_timestamptz($1 - $4) AND s.time < make_timestamptz($2 + $4) GROUP BY col
"""


@dataclass
class Bench:
    """A page over a historian with three days of samples: in the lake, sorted, and in order of arrival."""

    page: Page
    historian: Historian
    asker: AsyncClient
    field: PlayedField
    now: int
    complaints: list[str]

    async def open(self, path: str) -> None:
        await self.page.goto(path)
        await expect(self.page.locator("body")).to_have_attribute("data-connection", "live")
        await expect(self.page.locator("main")).to_have_attribute("data-ready", "true")


def fill(historian: Historian, field: PlayedField, now: int, clock: list[int]) -> None:
    chosen = [point for point in field.utility.points if point.path in {POWER, VOLTAGE, BREAKER}]
    random = np.random.default_rng(5)
    for number, day in enumerate((3, 2, 1), 1):
        start, end = (now - day * DAY) // STEP * STEP, now - (day - 1) * DAY
        times = np.arange(start, end, STEP)
        parts = []
        for point in chosen:
            values = np.array([value_of(point, int(time)) for time in times])
            if point.path == POWER:
                values[random.random(len(times)) < 0.002] *= -1.5  # extremes of a single sample
            parts.append(Samples.of(int(point.id), times, values))
        clock[0] = end
        events = (
            Event(
                time=end - 600 * SECOND,
                site="northgate",
                device="rtu-1",
                kind="test",
                severity=Severity.WARNING,
                text="bell",
            ),
        )
        batch = Batch(site="northgate", incarnation=1, sequence=number, samples=Samples.concatenate(parts), events=events)
        historian.commit([batch])
        if day > 1:
            historian.maintain(fully=True)
    historian.maintain()


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Bench]:
    utility, now = make_utility(), wall_clock()
    live = LiveState(utility.points, started=now)
    field = PlayedField(utility, live, wall_clock)
    clock = [now]
    historian = Historian.open(folder / FILE_NAME, lake=folder / "lake", points=utility.points, clock=lambda: clock[0])
    fill(historian, field, now, clock)
    async with AsyncClient(folder) as asker, async_playwright() as playwright:
        with historian, HistorianServer(historian):
            listener = listen("127.0.0.1", 0)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            tasks = [
                asyncio.create_task(serve(create_app(utility, live, asker), listener=listener)),
                asyncio.create_task(field.play(0.2)),
            ]
            browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
            page = await browser.new_page(base_url=address, viewport={"width": 1920, "height": 1080})
            page.set_default_timeout(30_000)
            complaints: list[str] = []
            page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            try:
                yield Bench(page, historian, asker, field, now, complaints)
            finally:
                await browser.close()
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    expect.set_options(timeout=30_000)
    async with working(tmp_path) as bench:
        yield bench


async def check_drawn(bench: Bench, start: int, end: int) -> None:
    """Every column of the picture reaches from the least to the greatest raw sample in it, and not beyond those around it."""
    low, high = -120.0, 120.0
    await bench.open(f"/trend?points={POWER}&from={iso(start)}&to={iso(end)}&axes=MW~{low:g}~{high:g}")
    await expect(bench.page.locator(".computed")).to_have_text(re.compile(r"^Statistics over [\d\u202f]+ raw samples$"))
    await bench.page.mouse.move(5, 5)
    drawn = await bench.page.evaluate(DRAWN)
    query = parse_qs(urlsplit(bench.page.url).query)
    assert query["axes"] == ["MW~-120~120"]
    width, height = drawn["width"], drawn["height"]
    start, end = start // 1_000 * 1_000, end // 1_000 * 1_000  # the page asks in milliseconds
    rows = (await bench.asker.query(EXTREMES, [start, end, width, 4 * (end - start) // width])).to_pylist()
    found = {row["col"]: (row["low"], row["high"]) for row in rows}
    assert len(found) > 100
    assert min(low for low, _ in found.values()) < -20  # the extremes of a single sample are among them

    def y(value: float) -> float:
        return (high - value) / (high - low) * float(height)

    for column in sorted(found.keys() & set(range(width))):
        least, greatest = found[column]
        first, last = drawn["columns"][column]
        around = [found[near] for near in range(column - 3, column + 4) if near in found]
        assert first >= 0, f"nothing is drawn in column {column}"
        assert first <= y(greatest) + 1.5 and last >= y(least) - 1.5, f"column {column} misses an extreme"  # noqa: PT018
        assert first >= y(max(one for _, one in around)) - 3 and last <= y(min(one for one, _ in around)) + 3, column  # noqa: PT018


async def test_every_drawn_column_has_the_extremes_that_sql_finds(bench: Bench) -> None:
    now = bench.now
    for start, end in (
        (now - 3 * DAY, now - 60 * SECOND),  # lake, body and tail
        (now - 30 * 3_600 * SECOND - 7_000_000, now - 20 * 3_600 * SECOND),
        (now - 5 * 3_600 * SECOND, now - 20 * SECOND),
    ):
        await check_drawn(bench, start, end)
    assert bench.complaints == []


async def export(bench: Bench, **query: str) -> httpx.Response:
    address = urlsplit(bench.page.url)
    async with httpx.AsyncClient(base_url=f"{address.scheme}://{address.netloc}", timeout=60) as client:
        return await client.get("/api/history/samples", params=query)


def asks_for(address: str, start: int) -> bool:
    """Whether it asks for history from there, or from a little earlier, for what held then."""
    parts = urlsplit(address)
    if parts.path != "/api/history":
        return False
    asked = parse_time(parse_qs(parts.query)["from"][0], 0)
    return start - 60 * SECOND <= asked <= start


async def test_the_workbench_works(bench: Bench) -> None:
    page, now = bench.page, bench.now
    await bench.open("/trend")
    await expect(page.get_by_text("No points yet")).to_be_visible()
    picker = page.get_by_role("combobox", name="Add a point")
    for words, count in (("northgate t1-p MW", 1), ("northgate busbar-u", 2), ("northgate t1-hv-cb", 3)):
        await picker.fill(words)
        await expect(page.locator(".picker [role=option]")).to_have_count(1)
        await picker.press("Enter")
        await expect(page.locator(".pens tbody tr")).to_have_count(count)
    await expect(page.locator(f'[data-point="{POWER}"] .value')).to_have_attribute("data-stale", "false")
    await expect(page.locator(f'[data-point="{BREAKER}"] .now .number')).to_have_text(re.compile("open|closed|intermediate"))

    # range: presets, drag, keys, back
    await page.get_by_role("button", name="8 h").click()
    await expect(page).to_have_url(re.compile(r"&from=-8h$"))
    box = await page.locator(".chart .u-over").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 200)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 200, steps=5)
    await page.mouse.up()
    await expect(page).to_have_url(re.compile(r"&from=2\d\d\d-.*&to=2\d\d\d-"))
    await expect(page.locator(".presets [aria-pressed=true]")).to_have_count(0)
    await expect(page.get_by_role("button", name="Follow")).to_be_visible()
    await page.locator(".chart").focus()
    for key in ("+", "ArrowLeft", "-"):
        before = page.url
        await page.keyboard.press(key)
        await expect(page).not_to_have_url(before)
    for _ in range(4):
        await page.keyboard.press("b")
        await asyncio.sleep(0)
    await expect(page.locator(".presets [aria-pressed=true]")).to_have_text("8 h")

    # statistics and cursors
    start, end = now - 7_200 * SECOND, now - 3_600 * SECOND
    await bench.open(f"/trend?points={POWER},{BREAKER}&from={iso(start)}&to={iso(end)}&events=1")
    rows = (await bench.asker.query(EXTREMES, [start // 1_000 * 1_000, end // 1_000 * 1_000, 1, 0])).to_pylist()
    cell = page.locator(f'[data-point="{POWER}"] [data-column="max"]')
    await expect(cell).to_have_text(f"{rows[0]['high']:.2f}".replace("-", "\u2212"))
    await expect(page.locator(f'[data-point="{POWER}"] [data-column="good"]')).to_have_text("100.0")
    await page.mouse.click(box["x"] + 300, box["y"] + 100)
    await page.keyboard.down("Shift")
    await page.mouse.click(box["x"] + 700, box["y"] + 100)
    await page.keyboard.up("Shift")
    await expect(page.locator(f'[data-point="{POWER}"] [data-column="difference"]')).to_have_text(
        re.compile(r"^\u2212?\d+\.\d\d$")
    )
    await expect(page.locator(".readout")).to_contain_text("2 \u2212 1: 00:")
    await expect(page.locator(".mark:visible")).to_have_count(2)
    address = page.url
    await bench.open(address)
    await expect(page.locator(".mark:visible")).to_have_count(2)

    # axes, comparison, views
    await page.get_by_role("button", name="Axes").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("automatic").uncheck()
    await dialog.get_by_label("Least").fill("5")
    await dialog.get_by_label("Greatest").fill("-5")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("has to lie below")
    await dialog.get_by_label("Greatest").fill("25")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(page).to_have_url(re.compile("axes=MW~5~25"))
    async with page.expect_response(lambda answer: asks_for(answer.url, start - DAY)):
        await page.get_by_label("Compare").select_option("1d")
    await page.get_by_role("button", name="Views").click()
    await dialog.get_by_label("Name").fill("Transformer 1")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("link", name="Transformer 1")).to_have_attribute(
        "href", re.compile("compare=1d.*name=Transformer%201")
    )
    await dialog.get_by_role("button", name="Close").click()

    # what axe says, in both themes, with everything on
    for theme in ("night", "day"):
        await page.evaluate(f"localStorage.setItem('theme', '{theme}')")
        await bench.open(address)
        await expect(page.locator(".computed")).to_contain_text("raw samples")
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    # files: every raw sample, as SQL has them
    await page.get_by_role("button", name="Export").click()
    await expect(dialog.get_by_role("status")).to_contain_text("samples: about")
    async with page.expect_download() as downloading:
        await dialog.get_by_role("link", name="Download CSV").click()
    path = await (await downloading.value).path()
    table = pyarrow.csv.read_csv(path)
    samples = await bench.asker.samples(
        [int(point.id) for point in bench.field.utility.points if point.path in {POWER, BREAKER}],
        start // 1_000 * 1_000,
        end // 1_000 * 1_000,
    )
    assert table.num_rows == samples.num_rows == 720
    assert table.column_names == ["point", "unit", "time", "time_us", "value", "quality", "quality_words"]
    assert sorted(table.column("value").to_pylist()) == sorted(samples.column("value").to_pylist())
    assert table.column("time_us").to_pylist() == sorted(table.column("time_us").to_pylist())
    assert set(table.column("quality_words").to_pylist()) == {"good"}
    assert bench.complaints == []


async def test_a_file_is_parquet_too_and_one_that_is_too_long_is_refused_in_words(bench: Bench) -> None:
    await bench.open("/trend")
    odd = Samples.of(
        int(next(p.id for p in bench.field.utility.points if p.path == POWER)), [bench.now - 30], [np.nan], int(Quality.INVALID)
    )
    bench.historian.commit([Batch(site="northgate", incarnation=2, sequence=1, samples=odd)])
    answer = await export(bench, points=f"{POWER},{VOLTAGE}", **{"from": "-2d"}, format="parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    assert answer.headers["content-disposition"].endswith('.parquet"')
    assert table.num_rows > 2 * 17_000
    assert set(table.column("quality_words").to_pylist()) == {"good", "invalid"}
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    empty = await export(bench, points=POWER, **{"from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"})
    assert empty.text == '"point","unit","time","time_us","value","quality","quality_words"\n'
    assert MAX_SAMPLES >= 16 * 30 * 86_400
