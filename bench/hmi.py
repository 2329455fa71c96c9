"""The HMI with a large utility: what twenty viewers cost, and what an operator's browser makes of it. `python -m bench.hmi` prints it.

The server runs in a process of its own over 50,000 points of a hundred stations, of which 5,000 change every second. Nineteen viewers,
each subscribed to one station's 500 points, are in this process; the twentieth is Chromium with the page of a station. One of its
points tells the time at which it changed, so that the page itself shows how old a change is when it is painted. For the memory, the
feed runs as fast as it can until an hour's frames have been shown.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
from prometheus_client import Gauge
from websockets.asyncio.client import connect

from bench.result import Result
from bench.web import NoHistory, utility_with
from tieline.model import Point, PointId, PointKind, Samples
from tieline.scada import LiveState, SiteStats
from tieline.web import create_app, listen, serve
from tieline.web.app import wall_clock
from tieline.web.viewers import FeedLimits

if TYPE_CHECKING:
    from playwright.async_api import Page

SITES, POINTS = 100, 500
CHANGES_PER_S = 5_000
PERIOD_S = 0.02
VIEWERS = 20
SECONDS = 20.0
FRAMES_OF_AN_HOUR = 36_000
FAST_TICK_S = 0.005
CHROMIUM = Path("/usr/bin/chromium")

WATCH = """path => {
  const cell = document.querySelector(`li[data-point="${path}"] .number`);
  const seen = { ages: [], frames: [], long: [] };
  window.seen = seen;
  const wall = () => performance.timeOrigin + performance.now();
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => seen.ages.push(wall() % 1e6 - data);
  new MutationObserver(() => channel.port2.postMessage(Number(cell.textContent.replace(/[^0-9]/g, ""))))
    .observe(cell, { childList: true, characterData: true, subtree: true });
  let last = 0;
  const frame = (at) => { if (last) seen.frames.push(at - last); last = at; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => { for (const task of list.getEntries()) seen.long.push(task.duration); })
    .observe({ entryTypes: ["longtask"] });
}"""


def run() -> list[Result]:
    """CPU and bytes of the server; frames, age at paint and memory of the browser. Nothing where there is no Chromium."""
    if not CHROMIUM.exists():
        print("part r is left out: Chromium is not installed")
        return []
    return asyncio.run(_run())


async def _run() -> list[Result]:
    from playwright.async_api import async_playwright

    results = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        with _server() as port:
            results += await _look(page, port)
        with _server(FAST_TICK_S) as port:
            results += await _look_for_an_hour(page, port)
        await browser.close()
    return results


@contextmanager
def _server(tick_s: float = FeedLimits().tick_s) -> Iterator[int]:
    server = subprocess.Popen([sys.executable, "-m", "bench.hmi", "serve", str(tick_s)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


async def _look(page: Page, port: int) -> list[Result]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.TaskGroup() as tasks:
        watching = [tasks.create_task(_watch(port, await _ids(client, f"s{number}"))) for number in range(1, VIEWERS)]
        await _open(page, port)
        while await _read(client, "tieline_web_viewers") < VIEWERS:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        await page.evaluate("() => { for (const list of Object.values(window.seen)) list.length = 0; }")
        before, at = await _figures(client), time.perf_counter()
        await asyncio.sleep(SECONDS)
        after, took = await _figures(client), time.perf_counter() - at
        seen = await page.evaluate("() => window.seen")
        for task in watching:
            task.cancel()
    cpu, sent, frames = ((after[key] - before[key]) / took for key in ("cpu", "bytes", "frames"))
    ages, deltas = np.array(seen["ages"]), np.array(seen["frames"])
    detail = f"{SITES * POINTS:,} points, {CHANGES_PER_S:,} changes/s, {VIEWERS} viewers of {POINTS}"
    percentiles = (50, 95, 99)
    return [
        Result(part="r", name="HMI: server", value=100 * cpu, unit="% of a core", detail=detail),
        Result(part="r", name="HMI: to each viewer", value=sent / VIEWERS / 1e3, unit="kB/s"),
        Result(part="r", name="HMI: frames to each viewer", value=frames / VIEWERS, unit="1/s"),
        *(
            Result(part="r", name=f"HMI: change to paint, p{at}", value=float(np.percentile(ages, at)), unit="ms")
            for at in percentiles
        ),
        *(
            Result(part="r", name=f"HMI: between frames, p{at}", value=float(np.percentile(deltas, at)), unit="ms")
            for at in percentiles
        ),
        Result(
            part="r", name="HMI: longest frame", value=float(deltas.max()), unit="ms", detail=f"{len(deltas)} frames in Chromium"
        ),
        Result(part="r", name="HMI: tasks over 50 ms", value=len(seen["long"]), unit=""),
    ]


async def _look_for_an_hour(page: Page, port: int) -> list[Result]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await _open(page, port)
        session = await page.context.new_cdp_session(page)

        async def memory() -> tuple[float, float]:
            """Of browser and server, MB."""
            await page.evaluate("() => { for (const list of Object.values(window.seen)) list.length = 0; }")
            await session.send("HeapProfiler.collectGarbage")
            usage = await session.send("Runtime.getHeapUsage")
            return usage["usedSize"] / 1e6, await _read(client, "bench_resident_bytes") / 1e6

        async def wait_for(frames: float) -> None:
            while await _read(client, "tieline_web_frames_total") < frames:
                await asyncio.sleep(0.5)

        await wait_for(FRAMES_OF_AN_HOUR / 10)
        heap_before, resident_before = await memory()
        await wait_for(FRAMES_OF_AN_HOUR * 1.1)
        heap_after, resident_after = await memory()
    detail = f"{FRAMES_OF_AN_HOUR:,} frames, as many as in an hour"
    return [
        Result(part="r", name="HMI: browser's heap before", value=heap_before, unit="MB"),
        Result(part="r", name="HMI: browser's heap after", value=heap_after, unit="MB", detail=detail),
        Result(part="r", name="HMI: server's memory before", value=resident_before, unit="MB"),
        Result(part="r", name="HMI: server's memory after", value=resident_after, unit="MB", detail=detail),
    ]


async def _open(page: Page, port: int) -> None:
    await page.goto(f"http://127.0.0.1:{port}/site/s0")
    cell = page.locator('li[data-point="s0/rtu/p0"] .number', has_text=re.compile("[0-9]"))
    await cell.wait_for(state="attached")
    await page.evaluate(WATCH, "s0/rtu/p0")


async def _watch(port: int, ids: list[int]) -> None:
    async with connect(f"ws://127.0.0.1:{port}/live", compression=None, max_size=None) as viewer:
        await viewer.send(json.dumps({"subscribe": ids}))
        async for _ in viewer:
            pass


async def _ids(client: httpx.AsyncClient, site: str) -> list[int]:
    answer = await client.get("/api/points", params={"site": site, "limit": POINTS})
    return [point["id"] for point in answer.json()["points"]]


async def _figures(client: httpx.AsyncClient) -> dict[str, float]:
    names = {"cpu": "bench_cpu_seconds", "frames": "tieline_web_frames_total", "bytes": "tieline_web_bytes_total"}
    return {key: await _read(client, name) for key, name in names.items()}


async def _read(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


async def _serve(tick_s: float) -> None:
    points = {
        f"s{site}": tuple(
            Point(
                id=PointId(site * POINTS + number + 1),
                site=f"s{site}",
                device="rtu",
                name=f"p{number}",
                kind=PointKind.ANALOG if number else PointKind.COUNTER,
            )
            for number in range(POINTS)
        )
        for site in range(SITES)
    }
    utility = utility_with(points)
    live = LiveState(utility.points, started=wall_clock())
    app = create_app(utility, live, NoHistory(), limits=FeedLimits(tick_s=tick_s))
    registry = app.state.feed.metrics.registry
    cpu = Gauge("bench_cpu_seconds", "CPU of this process", registry=registry)
    cpu.set_function(lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resident = Gauge("bench_resident_bytes", "Memory of this process", registry=registry)
    resident.set_function(lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    rows = [live.id[live.rows(np.array([point.id for point in of_site], np.uint32))] for of_site in points.values()]
    is_fast = tick_s <= FAST_TICK_S
    period_s, many = (tick_s, POINTS // 50) if is_fast else (PERIOD_S, int(CHANGES_PER_S * PERIOD_S) // 10)

    async def change() -> None:
        random = np.random.default_rng(1)
        due = asyncio.get_running_loop().time()
        turn = 0
        while True:
            now = wall_clock()
            # So many of some stations at a time: a batch is one station's.
            for site in (0,) if is_fast else range(turn % 10, SITES, 10):
                ids = random.choice(rows[site][1:], many, replace=False)
                live.apply(f"s{site}", Samples.of(ids, now, random.random(len(ids))), now)
                live.heartbeat(f"s{site}", now, SiteStats(samples_per_s=CHANGES_PER_S / SITES))
            if is_fast or turn % 7 == 0:
                live.apply("s0", Samples.of(rows[0][:1], now, np.array([now // 1_000 % 1e6])), now)
            turn += 1
            due += period_s
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(change())
        tasks.create_task(serve(app, listener=listener))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(_serve(float(sys.argv[2])))
    else:
        for result in run():
            print(f"{result.name:40} {result.value:12.1f} {result.unit:14} {result.detail}")
