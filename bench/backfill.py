"""Part (n): back-fill after an outage of 24 h, while live data flows, through three real servers into the historian.

A site of 2,000 points reports 200 samples a second after exception reporting (each point every ten seconds, on average): 17.28 million
in 24 h. While the link is down the gateway makes a batch of them twice a second, so 172,800 batches of 100 samples wait in the site's
back-fill stream, each synced to disk. Then the link returns. The site goes on with the same 200 samples a second through its forwarder
(a process of its own, ten samples each 50 ms, which is how long a sample may wait for company), and a live state fed as the web
server's is (another process) notes how old each sample is when it arrives: before back-fill, during it and after it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import uvloop

from bench import topology
from bench.result import Result, show
from tieline.bus import connected, publish, streams
from tieline.bus.links import answer_links
from tieline.edge.forward import Forwarder
from tieline.historian import Historian
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff, SystemClock
from tieline.model import Batch, Point, PointId, PointKind, Purpose, Samples, subjects
from tieline.scada import LiveState
from tieline.scada.feed import Feed
from tieline.security.identity import Authority

POINTS, RATE = 2_000, 200
BATCHES_A_SECOND = 2
BATCH = RATE // BATCHES_A_SECOND
LIVE_PERIOD_S = 0.05
QUIET_S = 20.0
MOST_S = 1_200.0


def run(*, hours: float = 24.0, backfill_kbps: int = 0) -> list[Result]:
    """Fills, joins, measures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return uvloop.run(_run(Path(folder), round(hours * 3600) * BATCHES_A_SECOND, backfill_kbps))


async def _run(folder: Path, batches: int, backfill_kbps: int) -> list[Result]:
    counts = IngestCounts()
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(topology.running(folder))
        historian = stack.enter_context(Historian.open(folder / "historian.duckdb", lake=folder / "lake", points=_points()))
        historian.start_care()
        stack.push_async_callback(_end, asyncio.create_task(ingest(bus.historian, historian, counts, Backoff(random.random))))
        stack.push_async_callback(_end, asyncio.create_task(answer_links(bus.center, ["north"], SystemClock().now_us)))
        limits = {"north": backfill_kbps}
        await _until(lambda: _joined(bus, limits))
        await _hold_back(bus, is_held=True)
        filled_s = await _fill(bus, batches)
        port = str(bus.edge_server.port)
        await stack.enter_async_context(_child("--watch", str(folder), str(bus.center_server.port)))
        await stack.enter_async_context(_child("--site", str(folder), port))
        await asyncio.sleep(5.0)  # the link has to come up, and the caches to be warm
        moments = [time.time()]
        await asyncio.sleep(QUIET_S)
        live_before = counts.samples
        moments.append(time.time())
        await _hold_back(bus, is_held=False)
        await _until(lambda: _is_empty(bus))
        moments.append(time.time())
        await _until(lambda: _has(counts, live_before + batches * BATCH))
        committed_s = time.time() - moments[1]
        await asyncio.sleep(3.0)
        moments += [time.time(), time.time() + QUIET_S]
        await asyncio.sleep(QUIET_S + 1.0)
    noted = np.fromfile(folder / "ages").reshape(-1, 2)
    crossing_s = moments[2] - moments[1]
    samples = batches * BATCH
    shape = f"{samples:,} samples in {batches:,} batches; filled in {filled_s:.0f} s"
    results = [
        _result("back-fill crosses the DMZ", samples / crossing_s, "samples/s", f"{shape}; {crossing_s:.0f} s"),
        _result("back-fill committed in the historian", samples / committed_s, "samples/s", f"{committed_s:.0f} s"),
    ]
    for when, start, end in (("before", *moments[0:2]), ("during", *moments[1:3]), ("after", *moments[3:5])):
        ages_s = noted[(noted[:, 0] >= start) & (noted[:, 0] < end), 1]
        detail = f"{len(ages_s):,} samples, longest {ages_s.max() * 1e3:,.0f} ms"
        results += [
            _result(f"live latency {when} back-fill, p{at}", float(np.percentile(ages_s, at)) * 1e3, "ms", detail)
            for at in (50, 99)
        ]
    return results


def _result(name: str, value: float, unit: str, detail: str = "") -> Result:
    return Result(part="n", name=name, value=value, unit=unit, detail=detail)


def _points() -> list[Point]:
    return [
        Point(id=PointId(number), site="north", device="rtu", name=f"p{number}", kind=PointKind.ANALOG)
        for number in range(1, POINTS + 1)
    ]


async def _until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(MOST_S):
        while not await check():
            await asyncio.sleep(0.05)


async def _joined(bus: topology.Topology, limits: dict[str, int]) -> bool:
    return bool(await streams.join_sites(bus.center, ["north"], backfill_kbps=limits))


async def _is_empty(bus: topology.Topology) -> bool:
    return (await streams.depth(bus.edge, subjects.BACKFILL_STREAM)).messages == 0


async def _has(counts: IngestCounts, samples: int) -> bool:
    return counts.samples >= samples


async def _hold_back(bus: topology.Topology, *, is_held: bool) -> None:
    """Keeps the back-fill at the site, or lets it go."""
    subject = f"$JS.API.CONSUMER.PAUSE.{subjects.BACKFILL_STREAM}.{subjects.CENTER_CONSUMER}"
    await streams.api(bus.edge, subject, {"pause_until": "2100-01-01T00:00:00Z"} if is_held else {})


async def _fill(bus: topology.Topology, batches: int) -> float:
    """What the site kept during the outage; gives how long it took to store it."""
    began = time.monotonic()
    rng = np.random.default_rng(1)
    origin_us = time.time_ns() // 1_000 - batches * 1_000_000 // BATCHES_A_SECOND
    quality = np.zeros(BATCH, np.uint16)

    async def store(number: int) -> None:
        first_us = origin_us + number * 1_000_000 // BATCHES_A_SECOND
        at = first_us + np.arange(BATCH) * (1_000_000 // RATE)
        samples = Samples(rng.integers(1, POINTS + 1, BATCH, np.uint32), at, rng.normal(50, 1, BATCH), quality)
        await publish(
            bus.edge, Batch(site="north", incarnation=1, sequence=number + 1, samples=samples, purpose=Purpose.BACKFILL)
        )

    for first in range(0, batches, 100):
        await asyncio.gather(*map(store, range(first, min(first + 100, batches))))
    return time.monotonic() - began


@asynccontextmanager
async def _child(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.backfill", *arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _site(folder: Path, port: int) -> None:
    """The gateway's process: live samples, each with the moment of its measurement as its value."""
    credentials = Authority.open(folder / "authority").credentials(subjects.edge_role("north"))
    site = topology.utility_of(folder, ["north"]).sites[0]
    rng = np.random.default_rng(2)
    count = round(RATE * LIVE_PERIOD_S)
    async with connected(port, credentials) as client:
        forwarder = Forwarder(site, client, Samples.empty, clock=SystemClock(), rng=random.SystemRandom())
        async with forwarder.running():
            loop = asyncio.get_running_loop()
            due = loop.time()
            while True:
                now = time.time()
                forwarder.add(Samples.of(rng.choice(POINTS, count, replace=False) + 1, int(now * 1e6), now))
                due += LIVE_PERIOD_S
                await asyncio.sleep(max(0.0, due - loop.time()))


class _Noting(LiveState):
    """A live state that notes when each sample arrived and how old it was."""

    file: int

    def apply(self, site: str, samples: Samples, now: int) -> int:
        changed = super().apply(site, samples, now)
        arrived = np.full(len(samples), time.time())
        os.write(self.file, np.column_stack([arrived, arrived - samples.value]).tobytes())
        return changed


async def _watch(folder: Path, port: int) -> None:
    """The web server's part, as far as live values go."""
    credentials = Authority.open(folder / "authority").credentials(subjects.WEB_ROLE)
    live = _Noting(_points(), sites=["north"])
    live.file = os.open(folder / "ages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with connected(port, credentials) as client:
        await Feed(client, live, lambda: time.time_ns() // 1_000).run()


def main() -> None:
    """`python -m bench.backfill [--hours H] [--backfill-kbps K]`."""
    if sys.argv[1:2] in (["--site"], ["--watch"]):
        role, folder, port = sys.argv[1:]
        uvloop.run((_site if role == "--site" else _watch)(Path(folder), int(port)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="length of the outage")
    parser.add_argument("--backfill-kbps", type=int, default=0, help="limit of back-fill; 0 for none")
    asked = parser.parse_args()
    show(run(hours=asked.hours, backfill_kbps=asked.backfill_kbps))


if __name__ == "__main__":
    main()
