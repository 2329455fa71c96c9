"""Promise 1: nothing acknowledged is lost or doubled, whatever dies on the way."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.topology import Topology, running, utility_of
from tieline.bus import Server, connected, streams
from tieline.bus.links import answer_links
from tieline.config.site import ReportingSection
from tieline.edge.forward import Forwarder
from tieline.historian import Historian, query
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff, SystemClock
from tieline.model import Samples, UnavailableError, subjects

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


async def until(check: Callable[[], bool], *, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.02)


async def keep_joining(topology: Topology) -> None:
    while True:
        with suppress(UnavailableError):  # the center's own server is being started again
            await streams.join_sites(topology.center, ["north"])
        await asyncio.sleep(0.1)


async def kill(server: Server) -> None:
    """SIGKILL; returns when the supervisor has brought the server back."""
    restarts = server.restarts
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: server.restarts > restarts)


async def freeze(server: Server) -> None:
    """A black hole: the server takes connections and bytes and does nothing with them, for a while."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(4)  # this long is the outage: it is the thing under test, not a wait for something
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def keep_answering(topology: Topology) -> None:
    """The center's part of the link."""
    await answer_links(topology.center, ["north"], SystemClock().now_us)


def forwarder_of(topology: Topology, newest: Callable[[], Samples]) -> Forwarder:
    """The forwarder of the site, with small batches."""
    site = utility_of(Path(), ["north"]).sites[0]
    reporting = ReportingSection(batch_samples=20, batch_age_s=0.01, max_silence_s=60.0)
    clock = SystemClock()
    return Forwarder(replace(site, reporting=reporting), topology.edge, newest, clock=clock, rng=random.Random(1))


async def forward(forwarder: Forwarder) -> None:
    async with forwarder.running():
        await asyncio.Event().wait()


async def test_every_acknowledged_sample_is_committed_once_while_every_server_dies(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        forwarder = forwarder_of(topology, lambda: Samples.empty())
        counts = IngestCounts()
        written = 0

        async def measure() -> None:
            nonlocal written
            while True:
                number = np.arange(written, written + 20)
                forwarder.add(Samples.of(number % 50, number, number))
                written += 20
                await asyncio.sleep(0.005)

        async def committed(historian: Historian) -> None:
            """The historian's part, which is stopped and started on the way as if its process had been killed."""
            credentials = topology.authority.credentials(subjects.HISTORIAN_ROLE)
            async with connected(topology.center_server.port, credentials) as client:
                await ingest(client, historian, counts, Backoff(random.random))

        with Historian.open(tmp_path / "historian.duckdb", lake=tmp_path / "lake") as historian:
            publishing = asyncio.create_task(forward(forwarder))
            beside = [asyncio.create_task(keep_joining(topology)), asyncio.create_task(keep_answering(topology))]
            measuring = asyncio.create_task(measure())
            taking = asyncio.create_task(committed(historian))
            await until(lambda: counts.samples > 1_000)
            await kill(topology.dmz_server)
            await kill(topology.edge_server)
            await kill(topology.center_server)
            taking.cancel()
            await asyncio.wait([taking])
            await freeze(topology.dmz_server)
            taking = asyncio.create_task(committed(historian))
            await kill(topology.center_server)
            await kill(topology.dmz_server)
            measuring.cancel()
            async with asyncio.timeout(60):
                await forwarder.settle()
            assert forwarder.counts.conflated == 0
            assert sum(forwarder.counts.dropped_samples.values()) == 0
            try:
                await until(lambda: counts.samples >= written or taking.done(), within_s=90)
            except TimeoutError:
                pytest.fail(f"{counts} of {written} samples; at the site: {await topology.held_at_site()} batches")
            finally:
                for task in (publishing, *beside, taking):
                    task.cancel()
                await asyncio.wait([publishing, *beside, taking])
        answer = query_all(tmp_path)
    assert len(answer) == written, f"{counts}"
    assert np.array_equal(answer, np.arange(written))
    assert written > 5_000


def query_all(folder: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every value in the historian, sorted."""
    values: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        query(folder, "SELECT value FROM samples ORDER BY value").read_all()["value"].to_numpy()
    )
    return values
