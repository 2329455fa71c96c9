"""The live feed: what viewers cost the server. `python -m bench.web` prints it.

The server runs in a process of its own over 2,000 points of which 500 change ten times a second; the viewers, each subscribed to the
500, are in this one. CPU is the server's process time, less what the same server takes with nobody looking.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
from prometheus_client import Gauge
from websockets.asyncio.client import connect

from bench.result import Result
from tieline.config import DmzSection, ModbusDevice, ReportingSection, RetentionSection, Site, TcpConnection, Utility
from tieline.config.utility import CenterSection
from tieline.model import Point, PointId, PointKind, Samples
from tieline.scada import LiveState, SiteStats
from tieline.web import create_app, listen, serve
from tieline.web.app import wall_clock

POINTS = 2_000
WATCHED = 500
VIEWERS = 20
SECONDS = 5.0


def run() -> list[Result]:
    """CPU, bytes and frames for twenty viewers; newest values applied to the live state for each CPU second."""
    return [*asyncio.run(_viewers()), _apply()]


async def _viewers() -> list[Result]:
    server = subprocess.Popen([sys.executable, "-m", "bench.web", "serve"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        idle = await _measure(port, 0)
        busy = await _measure(port, VIEWERS)
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()
    cpu = busy["cpu"] - idle["cpu"]
    detail = f"{VIEWERS} viewers of {WATCHED} values changing at 10 Hz"
    return [
        Result(part="e", name="live feed: CPU beyond idle", value=100 * cpu, unit="% of a core", detail=detail),
        Result(part="e", name="live feed: CPU with nobody looking", value=100 * idle["cpu"], unit="% of a core"),
        Result(part="e", name="live feed: frames to each viewer", value=busy["frames"] / VIEWERS, unit="1/s"),
        Result(part="e", name="live feed: to each viewer", value=busy["bytes"] / VIEWERS / 1e3, unit="kB/s"),
    ]


async def _measure(port: int, viewers: int) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.TaskGroup() as tasks:
        ids = [point["id"] for point in (await client.get("/api/points", params={"limit": WATCHED})).json()["points"]]
        watching = [tasks.create_task(_watch(port, ids)) for _ in range(viewers)]
        while await _read(client, "tieline_web_viewers") < viewers:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        names = {"cpu": "bench_cpu_seconds", "frames": "tieline_web_frames_total", "bytes": "tieline_web_bytes_total"}
        before, at = {key: await _read(client, name) for key, name in names.items()}, time.perf_counter()
        await asyncio.sleep(SECONDS)
        after, took = {key: await _read(client, name) for key, name in names.items()}, time.perf_counter() - at
        for task in watching:
            task.cancel()
        return {key: (after[key] - before[key]) / took for key in names}


async def _watch(port: int, ids: list[int]) -> None:
    async with connect(f"ws://127.0.0.1:{port}/live", compression=None, max_size=None) as viewer:
        await viewer.send(json.dumps({"subscribe": ids}))
        async for _ in viewer:
            pass


async def _read(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


def _apply(batches: int = 500, size: int = 10_000) -> Result:
    points = [
        Point(id=PointId(number * 7 + 1), site="s", device="d", name=f"p{number}", kind=PointKind.ANALOG)
        for number in range(50_000)
    ]
    live = LiveState(points)
    random = np.random.default_rng(1)
    ready = [
        Samples.of(live.id[random.integers(0, len(points), size)], number * 1_000 + np.arange(size) // 10, random.random(size))
        for number in range(batches)
    ]
    began = time.process_time()
    for number, samples in enumerate(ready):
        live.apply("s", samples, number * 1_000)
    rate = batches * size / (time.process_time() - began)
    return Result(
        part="e", name="live state: samples applied", value=rate, unit="1/s per core", detail="50,000 points, batches of 10,000"
    )


async def _serve() -> None:
    utility = utility_with(
        {
            "site": tuple(
                Point(id=PointId(number + 1), site="site", device="rtu", name=f"p{number}", kind=PointKind.ANALOG)
                for number in range(POINTS)
            )
        }
    )
    live = LiveState(utility.points, started=wall_clock())
    listener = listen("127.0.0.1", 0)
    app = create_app(utility, live, NoHistory())
    cpu = Gauge("bench_cpu_seconds", "CPU of this process", registry=app.state.feed.metrics.registry)
    cpu.set_function(lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    print(listener.getsockname()[1], flush=True)
    ids = live.id[:WATCHED]

    async def change() -> None:
        random = np.random.default_rng(1)
        while True:
            now = wall_clock()
            live.apply("site", Samples.of(ids, now, random.random(len(ids))), now)
            live.heartbeat("site", now, SiteStats(samples_per_s=5_000))
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(change())
        tasks.create_task(serve(app, listener=listener))


def utility_with(points: Mapping[str, tuple[Point, ...]]) -> Utility:
    """A utility with these sites, each with one device."""
    sites = tuple(
        Site(
            name=name,
            title=name,
            kind="substation",
            latitude=None,
            longitude=None,
            reporting=ReportingSection(),
            devices=(
                ModbusDevice(
                    site=name,
                    name="rtu",
                    protocol="modbus",
                    description="",
                    connection=TcpConnection(host="127.0.0.1"),
                    polls={},
                    rows=(),
                    points=of_site,
                ),
            ),
        )
        for name, of_site in points.items()
    )
    return Utility(
        folder=Path(),
        name="Bench",
        dmz=DmzSection(),
        center=CenterSection(),
        retention=RetentionSection(),
        zones=(),
        conduits=(),
        people=(),
        sites=sites,
    )


class NoHistory:
    """The web without a historian."""

    async def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """Nobody asks."""
        raise NotImplementedError


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        for result in run():
            print(f"{result.name:40} {result.value:12.1f} {result.unit:14} {result.detail}")
