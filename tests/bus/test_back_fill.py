"""What happens now goes first, what happened meanwhile follows beside it, and both are there once in the end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from bench.topology import Topology, running, utility_of
from tieline.bus import publish, streams
from tieline.bus.links import answer_links
from tieline.config.site import ReportingSection
from tieline.config.spool import SpoolSection
from tieline.edge.forward import Forwarder, Spool
from tieline.edge.image import ProcessImage
from tieline.edge.outbox import Outbox
from tieline.historian import FILE_NAME, Historian, query
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff, SystemClock
from tieline.model import Batch, Event, Point, PointId, PointKind, Purpose, Quality, Samples, UnavailableError, subjects
from tieline.scada import LiveState
from tieline.scada.feed import Feed

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

POINTS = [Point(id=PointId(number), site="north", device="d", name=f"p{number}", kind=PointKind.ANALOG) for number in range(1, 9)]


@dataclass
class Center:
    """What runs at the center."""

    historian: Historian
    counts: IngestCounts
    live: LiveState

    def newest(self, point: int = 1) -> float:
        """The value of a point as operators see it."""
        return float(self.live.value[self.live.rows([point])[0]])


@asynccontextmanager
async def center(folder: Path, topology: Topology, *, backfill_kbps: int = 0) -> AsyncIterator[Center]:
    async def keep_joining() -> None:
        while True:
            with suppress(UnavailableError):
                await streams.join_sites(topology.center, ["north"], backfill_kbps={"north": backfill_kbps})
            await asyncio.sleep(0.5)

    with Historian.open(folder / FILE_NAME, lake=folder / "lake", points=POINTS) as historian:
        place = Center(historian, IngestCounts(), LiveState(POINTS))
        clock = SystemClock()
        tasks = [
            asyncio.create_task(keep_joining()),
            asyncio.create_task(answer_links(topology.center, ["north"], clock.now_us)),
            asyncio.create_task(ingest(topology.historian, historian, place.counts, Backoff(random.random))),
            asyncio.create_task(Feed(topology.center, place.live, clock.now_us).run()),
        ]
        try:
            yield place
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


class Gateway:
    """A forwarder with its image, and a device whose samples are numbered."""

    def __init__(self, topology: Topology) -> None:
        self.image = ProcessImage(POINTS)
        site = utility_of(Path(), ["north"]).sites[0]
        reporting = ReportingSection(batch_samples=100, batch_age_s=0.01)
        self.forwarder = Forwarder(
            replace(site, reporting=reporting), topology.edge, self.image.newest, clock=SystemClock(), rng=random.Random(99)
        )
        self.written = 0

    def measure(self, count: int) -> None:
        numbers = np.arange(self.written, self.written + count)
        samples = Samples.of(numbers % 8 + 1, 1_700_000_000_000_000 + numbers, numbers)
        self.image.update(samples)
        self.forwarder.add(samples)
        self.written += count


async def until(check: Callable[[], bool], *, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.01)


def values(folder: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        query(folder, "SELECT value FROM samples ORDER BY value").read_all()["value"].to_numpy()
    )
    return found


async def test_after_an_outage_live_data_goes_first_and_history_follows_beside_it(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        topology = await stack.enter_async_context(running(tmp_path))
        here = await stack.enter_async_context(center(tmp_path, topology, backfill_kbps=400))
        gateway = Gateway(topology)
        await stack.enter_async_context(gateway.forwarder.running())
        link = gateway.forwarder.link
        await until(lambda: link.is_up)
        gateway.measure(800)
        await until(lambda: here.counts.samples == 800 and here.newest(8) == 799)
        assert link.round_trip_s is not None
        assert link.offset_s == pytest.approx(0, abs=1.0)

        os.kill(topology.dmz_server.pid, signal.SIGSTOP)
        try:
            gateway.measure(80)  # nobody knows of the outage yet
            await until(lambda: not link.is_up)
            gateway.measure(20_000)
            await gateway.forwarder.settle()
            assert (await streams.depth(topology.edge, subjects.BACKFILL_STREAM)).messages >= 200
        finally:
            os.kill(topology.dmz_server.pid, signal.SIGCONT)
        await until(lambda: link.is_up)
        picture = gateway.written
        await until(lambda: here.newest((picture - 1) % 8 + 1) == picture - 1)
        gateway.measure(8)
        await until(lambda: here.newest(8) == gateway.written - 1)
        backlog = await streams.depth(topology.edge, subjects.BACKFILL_STREAM)
        assert backlog.waiting > 50, "live data arrived while back-fill was still on its way"
        await until(lambda: here.counts.samples == gateway.written, within_s=60)
        assert here.live.applied < 5_000, "back-fill does not go through the live state"
        await until(lambda: {"center_lost", "center_restored"} <= {one.event.kind for one in here.live.events.after()})
    assert np.array_equal(values(tmp_path), np.arange(gateway.written))
    told = query(tmp_path, "SELECT kind FROM events WHERE kind LIKE 'center%' ORDER BY time").read_all()["kind"].to_pylist()
    assert told == ["center_lost", "center_restored"]


def device_events(first: int, last: int) -> Samples:
    numbers = np.arange(first, last)
    return Samples.of(numbers % 8 + 1, 1_700_000_000_000_000 + numbers, numbers, Quality.DEVICE_TIME)


async def test_a_device_that_repeats_to_the_successor_what_was_not_confirmed_is_heard_once(tmp_path: Path) -> None:
    """The predecessor ends without a word, twice: once with its server, and once with its backlog not yet at the center."""
    async with running(tmp_path) as topology:
        confirmed = 0
        for start, last in ((1, 300), (2, 500)):
            outbox = Outbox("north", batch_samples=40, batch_age_s=0.01, memory_samples=10_000, rng=random.Random(start))
            outbox.start = await streams.ensure_site_streams(topology.edge, "north", spool_mb=64)
            assert outbox.start == start + 1, "the topology has made them once"
            outbox.is_live = start == 1
            storing = asyncio.create_task(outbox.run(lambda batch: publish(topology.edge, batch)))
            outbox.add(device_events(confirmed, last))
            outbox.add_event(Event(time=last, site="north", kind="k", text=str(last)))
            await outbox.settle()
            confirmed = last - 60  # the device did not get to know of the last sixty
            outbox.add(device_events(last, last + 7))  # of which nobody knows whether they were stored
            storing.cancel()
            await asyncio.wait([storing])
            os.kill(topology.edge_server.pid, signal.SIGKILL)
            await until(lambda start=start: topology.edge_server.restarts == start)  # type: ignore[misc]
        async with center(tmp_path, topology) as here:
            gateway = Gateway(topology)
            async with gateway.forwarder.running():
                await until(lambda: gateway.forwarder.link.is_up)
                gateway.forwarder.add(device_events(confirmed, 700))
                await gateway.forwarder.settle()
                await until(lambda: here.counts.samples >= 700)
            assert here.counts.repeated_samples >= 120
    assert np.array_equal(values(tmp_path), np.arange(700))


async def test_what_is_given_up_while_the_rest_is_on_its_way_is_counted_to_the_sample(tmp_path: Path) -> None:
    async with running(tmp_path) as topology, center(tmp_path, topology, backfill_kbps=20_000) as here:
        spool = Spool(
            "north",
            topology.edge,
            SpoolSection(mb=16),
            disk=None,
            server=None,
            on_event=lambda _: None,
            clock=SystemClock(),
        )
        for number in range(1, 401):
            numbers = np.arange((number - 1) * 5_000, number * 5_000)
            samples = Samples.of(numbers % 8 + 1, 1_700_000_000_000_000 + numbers, numbers)
            await spool.store(Batch(site="north", incarnation=1, sequence=number, samples=samples, purpose=Purpose.BACKFILL))
        dropped = spool.dropped_samples[subjects.BACKFILL_STREAM]
        assert dropped > 0
        await until(lambda: here.counts.samples >= 2_000_000 - dropped, within_s=60)
        async with asyncio.timeout(20):
            while await topology.held_at_site():
                await asyncio.sleep(0.05)
        assert here.counts.samples > 725_000, "the center took some while others were given up"
    found = values(tmp_path)
    assert len(found) == len(np.unique(found)) == 2_000_000 - dropped
