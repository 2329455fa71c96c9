"""From the bus into the store, stopped at the worst moments; with a real server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.topology import Topology, running
from tests.historian.conftest import NOW, batch, rows_of
from tieline.bus import publish
from tieline.historian import FILE_NAME, Historian
from tieline.historian.ingest import IngestCounts, ingest
from tieline.historian.terms import CommitResult
from tieline.io import Backoff
from tieline.model import Batch, Point, PointId, PointKind, Samples, UnavailableError, subjects

pytestmark = pytest.mark.system


class HeldHistorian(Historian):
    """A historian whose commits store and then do not return until they may."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.stores, self.may_return = threading.Event(), threading.Event()

    def commit(self, batches: Sequence[Batch]) -> CommitResult:
        result = super().commit(batches)
        self.stores.set()
        assert self.may_return.wait(15)
        return result


class FullHistorian(Historian):
    """A historian without any space on its disk."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.refused = threading.Event()

    def commit(self, batches: Sequence[Batch]) -> CommitResult:
        self.refused.set()
        raise UnavailableError("no space")


@pytest.fixture
async def topology(tmp_path: Path) -> AsyncIterator[Topology]:
    """The bus, with two batches of ten samples that wait for the historian."""
    async with running(tmp_path) as topology:
        for sequence in (1, 2):
            await publish(topology.fetch, batch(sequence, site="north"), subject=subjects.center_batches("north"))
        yield topology


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not check():
            await asyncio.sleep(0.005)


async def test_what_was_committed_while_the_ingest_was_stopped_is_counted_once(tmp_path: Path, topology: Topology) -> None:
    counts, backoff = IngestCounts(), Backoff(lambda: 0.0)
    with HeldHistorian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake") as historian:
        stopped = asyncio.create_task(ingest(topology.historian, historian, counts, backoff))
        await until(historian.stores.is_set)
        stopped.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not stopped.done(), "a commit under way is finished first"
        historian.may_return.set()
        await asyncio.wait([stopped])
        assert counts.samples == 10 * counts.batches > 0
        again = asyncio.create_task(ingest(topology.historian, historian, counts, backoff))
        await until(lambda: counts.batches + counts.repeats > 2)
        again.cancel()
        await asyncio.wait([again])
    assert (counts.batches, counts.samples) == (2, 20), counts


async def test_an_ingest_whose_store_is_full_can_be_stopped_at_once(tmp_path: Path, topology: Topology) -> None:
    with FullHistorian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake") as historian:
        trying = asyncio.create_task(ingest(topology.historian, historian, IngestCounts(), Backoff(lambda: 0.0, first_s=60.0)))
        await until(historian.refused.is_set)
        trying.cancel()
        done, _ = await asyncio.wait([trying], timeout=5)
        assert done


async def test_a_site_writes_no_history_of_another_site_s_points(tmp_path: Path, topology: Topology) -> None:
    owners = {1: "south", 2: "north", 3: "south"}
    points = [
        Point(id=PointId(number), site=site, device="d", name=f"p{number}", kind=PointKind.ANALOG)
        for number, site in owners.items()
    ]
    counts = IngestCounts()
    with Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake", points=points) as historian:
        for site in ("north", "south"):
            one = Batch(site=site, incarnation=9, sequence=1, samples=Samples.of([1, 2, 3, 9], NOW, [1, 2, 3, 9]))
            await publish(topology.fetch, one, subject=subjects.center_batches(site))
        taking = asyncio.create_task(ingest(topology.historian, historian, counts, Backoff(lambda: 0.0)))
        await until(lambda: counts.batches == 4)
        taking.cancel()
        await asyncio.wait([taking])
        held = rows_of(historian, f"SELECT value FROM samples WHERE epoch_us(time) = {NOW} AND value IN (1, 2, 3, 9)")
    assert sorted(value for (value,) in held) == [1, 2, 3, 9, 9]
