"""Part (b): from the edge's publish to committed in the historian, through three servers, every message synced to disk twice.

The path is the product's own: `publish` of the gateway, the site's stream, the DMZ, the center's stream, `ingest`, DuckDB. The publisher
is a process of its own. A batch carries the moment of its publishing as the time of its first sample, so the time to
committed is measured for every batch. CPU is that of all processes: publisher, three servers, historian.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import uvloop

from bench import topology
from bench.result import Result, show
from tieline.bus import connected, publish, streams
from tieline.historian import Historian
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff
from tieline.model import Batch, Samples
from tieline.security.identity import Authority

JOIN_TIMEOUT_S = 20.0
DRAIN_TIMEOUT_S = 60.0


def run(*, large_batches: int = 2_000, sites: Sequence[int] = (1_000, 2_000), seconds: int = 20) -> list[Result]:
    """All shapes, one after the other, each on servers and files of its own."""
    results = uvloop.run(
        _measure("large site, batches of 10,000", ["large", str(large_batches), "10000"], large_batches * 10_000)
    )
    for count in sites:
        name = f"{count:,} sites, one batch of 300 a second each"
        results += uvloop.run(
            _measure(name, ["many", str(count), "300", str(seconds)], count * 300 * seconds, offered=count * 300)
        )
    return results


async def _measure(name: str, arguments: list[str], expected: int, offered: int | None = None) -> list[Result]:
    os.sync()  # what the shape before has left to write must not slow down this one's
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with topology.running(Path(folder), subject="site.*.batch") as bus:
            await _join(bus)
            return await _drive(name, bus, Path(folder), arguments, expected, offered)


async def _join(bus: topology.Topology) -> None:
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    while not await streams.join_sites(bus.center, ["north"]):
        if time.monotonic() > deadline:
            raise TimeoutError("the center does not reach the site")
        await asyncio.sleep(0.05)


async def _drive(
    name: str, bus: topology.Topology, folder: Path, arguments: list[str], expected: int, offered: int | None
) -> list[Result]:
    delays_s: list[float] = []
    counts = IngestCounts()
    committed_at = time.time()

    def note(batches: list[Batch]) -> None:
        nonlocal committed_at
        committed_at = time.time()
        delays_s.extend(committed_at - int(batch.samples.time[0]) / 1e6 for batch in batches)

    with Historian.open(folder / "historian.duckdb", lake=folder / "lake") as historian:
        historian.start_care()
        taking = asyncio.create_task(ingest(bus.historian, historian, counts, Backoff(random.random), on_commit=note))
        servers = [bus.edge_server.pid, bus.dmz_server.pid, bus.center_server.pid]
        before = sum(map(_cpu_s, servers)) + _cpu_s(os.getpid())
        publisher = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.pipeline", "--publish", str(folder), str(bus.edge_server.port), *arguments,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await publisher.communicate()
        started, publisher_cpu_s, behind_s = map(float, out.split())
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while counts.samples < expected and time.monotonic() < deadline and not taking.done():
            await asyncio.sleep(0.02)
        cpu_s = sum(map(_cpu_s, servers)) + _cpu_s(os.getpid()) - before + publisher_cpu_s
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
    elapsed_s = committed_at - started
    p50, p99 = np.percentile(delays_s, [50, 99])
    missing = expected - counts.samples
    shape = f"{counts.samples:,} samples in {elapsed_s:.1f} s; {missing} missing, {counts.repeats} repeats"
    if offered is not None:
        shape += f"; offered {offered:,}/s, publisher at most {behind_s * 1e3:.0f} ms behind"
    return [
        _result(f"{name}: committed", counts.samples / elapsed_s, "samples/s", shape),
        _result(f"{name}: CPU, all processes", cpu_s / (counts.samples / 1e6), "s per M samples"),
        _result(f"{name}: publish to committed, p50", p50 * 1e3, "ms"),
        _result(f"{name}: publish to committed, p99", p99 * 1e3, "ms"),
    ]


def _result(name: str, value: float, unit: str, detail: str = "") -> Result:
    return Result(part="b", name=name, value=float(value), unit=unit, detail=detail)


def _cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _publish(folder: Path, port: int, shape: str, *numbers: int) -> None:
    """The publisher's process: prints when it started, its CPU seconds, and how far it fell behind its schedule."""
    credentials = Authority.open(folder / "authority").credentials("edge-north")
    async with connected(port, credentials) as client:
        started = time.time()
        cpu_before = time.process_time()
        behind_s = 0.0
        if shape == "large":
            count, size = numbers
            point, value = np.arange(size, dtype=np.uint32) % 20_000, np.random.default_rng(1).normal(50, 1, size)
            quality = np.zeros(size, np.uint16)
            for sequence in range(1, count + 1):
                at = np.arange(size) + time.time_ns() // 1_000
                samples = Samples(point, at, np.roll(value, sequence), quality)
                await publish(client, Batch(site="north", incarnation=1, sequence=sequence, samples=samples))
        else:
            sites, size, seconds = numbers
            async with asyncio.TaskGroup() as tasks:
                origin = asyncio.get_running_loop().time() + 0.5
                started = time.time() + 0.5
                workers = [tasks.create_task(_site(client, at, sites, size, seconds, origin)) for at in range(sites)]
            behind_s = max(worker.result() for worker in workers)
        print(started, time.process_time() - cpu_before, behind_s)


async def _site(client: object, number: int, sites: int, size: int, seconds: int, origin: float) -> float:
    """One site: a batch a second at its own moment of the second; gives the most that it was late."""
    loop = asyncio.get_running_loop()
    point = np.arange(size, dtype=np.uint32) + number * size
    value = np.random.default_rng(number).normal(50, 1, size)
    quality = np.zeros(size, np.uint16)
    latest = 0.0
    for sequence in range(1, seconds + 1):
        due = origin + sequence - 1 + number / sites
        await asyncio.sleep(max(0.0, due - loop.time()))
        latest = max(latest, loop.time() - due)
        at = np.arange(size) + time.time_ns() // 1_000
        batch = Batch(site=f"s{number}", incarnation=1, sequence=sequence, samples=Samples(point, at, value, quality))
        await publish(client, batch)  # type: ignore[arg-type]
    return latest


def main() -> None:
    """`python -m bench.pipeline [--quick]`."""
    if sys.argv[1:2] == ["--publish"]:
        folder, port, shape, *numbers = sys.argv[2:]
        uvloop.run(_publish(Path(folder), int(port), shape, *map(int, numbers)))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load, for a look")
    quick = parser.parse_args().quick
    show(run(large_batches=200, sites=(1_000,), seconds=5) if quick else run())


if __name__ == "__main__":
    main()
