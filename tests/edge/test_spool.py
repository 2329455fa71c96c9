"""The site's spool on a real server: its budget, its priorities, and a disk that fills up."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from nats.aio.client import Client

from bench.topology import plan_for
from tieline.bus import Server, connected, decode_batch, streams
from tieline.bus.configuration import for_site
from tieline.config.spool import SpoolSection
from tieline.edge.forward import Spool
from tieline.edge.outbox import Outbox
from tieline.io import SystemClock
from tieline.model import Batch, Event, Purpose, Samples, UnavailableError, subjects
from tieline.security.identity import Authority

pytestmark = pytest.mark.system

SITE, BACKFILL, EVENTS = subjects.SITE_STREAM, subjects.BACKFILL_STREAM, subjects.EVENTS_STREAM
MB = 1024 * 1024


@dataclass
class Place:
    """A site's server, its client and its spool, on a disk."""

    server: Server
    client: Client
    spool: Spool
    disk: Path
    events: list[Event] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    async def held(self, stream: str) -> list[Batch]:
        """The batches in a stream, oldest first."""
        found, place = [], 1
        while (message := await streams.read_next(self.client, stream, place)) is not None:
            found.append(decode_batch(message[1]))
            place = message[0] + 1
        return found

    async def samples(self, stream: str) -> int:
        return sum(len(batch.samples) for batch in await self.held(stream))

    async def bytes(self) -> int:
        return sum([(await streams.depth(self.client, stream)).bytes for stream in subjects.SITE_STREAMS])


@asynccontextmanager
async def site(
    folder: Path, section: SpoolSection, *, disk: Path | None = None, is_disk_known: bool = True
) -> AsyncIterator[Place]:
    store = (disk or folder) / "streams"
    async with AsyncExitStack() as stack:
        credentials = Authority.open(folder / "authority").credentials("edge-north", hosts=["127.0.0.1", "localhost"])
        configuration = for_site(plan_for(folder, ["north"]), "north", credentials, store, "127.0.0.1:1")
        server = await stack.enter_async_context(Server.running("edge", folder / "edge", configuration))
        client = await stack.enter_async_context(connected(server.port, credentials))
        await streams.ensure_site_streams(client, "north", spool_mb=section.mb)
        events: list[Event] = []
        known = disk if is_disk_known else None
        spool = Spool("north", client, section, disk=known, server=server, on_event=events.append, clock=SystemClock())
        place = Place(server, client, spool, disk or folder, events)
        watching = asyncio.create_task(spool.watch())
        try:
            yield place
        finally:
            spool.close()
            await watching


def batch(number: int, purpose: Purpose) -> Batch:
    """Some 110 KB of back-fill, or twice as much of something else."""
    samples = 5_000 if purpose is Purpose.BACKFILL else 10_000
    at = np.arange(samples) + number * 1_000_000
    return Batch(site="north", incarnation=1, sequence=number, samples=Samples.of(at % 7, at, at), purpose=purpose)


def told(number: int, text: str = "x" * 100_000) -> Batch:
    happened = (Event(time=number, site="north", kind="k", text=text),)
    return Batch(site="north", incarnation=1, sequence=number, samples=Samples.empty(), events=happened, purpose=Purpose.EVENTS)


async def eventually(check: Callable[[], Awaitable[bool]], *, within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not await check():
            await asyncio.sleep(0.05)


async def test_the_oldest_backfill_makes_room_and_every_lost_sample_is_counted(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16, events_percent=25)) as place:
        for number in range(1, 201):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        kept = await place.held(BACKFILL)
        lost = 200 - len(kept)
        assert 80 < lost < 120
        assert [one.sequence for one in kept] == list(range(lost + 1, 201))
        assert place.spool.dropped_samples == {BACKFILL: 5_000 * lost}
        assert await place.bytes() <= 12 * MB
        assert place.kinds == ["spool_full"]


async def test_live_measurements_push_out_backfill_and_never_the_share_of_the_events(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16, events_percent=25)) as place:
        for number in range(1, 51):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        for number in range(51, 151):
            await place.spool.store(batch(number, Purpose.LIVE))
        assert await place.held(BACKFILL) == []
        live = await place.held(SITE)
        assert live[-1].sequence == 150
        assert place.spool.dropped_samples == {BACKFILL: 250_000, SITE: 1_000_000 - 10_000 * len(live)}
        for number in range(151, 186):
            await place.spool.store(told(number))
        assert len(await place.held(EVENTS)) == 35
        assert len(await place.held(SITE)) == len(live), "events had room of their own"


async def test_events_push_out_measurements_and_at_last_the_oldest_events(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16, events_percent=10)) as place:
        for number in range(1, 61):
            await place.spool.store(batch(number, Purpose.LIVE))
        for number in range(61, 261):
            await place.spool.store(told(number))
        assert await place.held(SITE) == []
        kept = [one.sequence for one in await place.held(EVENTS)]
        assert kept == list(range(261 - len(kept), 261))
        assert place.spool.dropped_events == 200 - len(kept) > 0
        assert await place.bytes() <= 16 * MB


async def test_the_end_of_a_shortage_is_told_with_how_much_is_lost_and_from_when(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        for number in range(1, 161):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        lost = place.spool.dropped_samples[BACKFILL]
        await streams.api(place.client, f"$JS.API.STREAM.PURGE.{BACKFILL}", {"keep": 10})  # as if the center had taken them

        async def is_told() -> bool:
            return "spool_restored" in place.kinds

        await eventually(is_told)
        assert f"{lost:,} samples from 1970-01-01 00:00:01+00:00 to" in place.events[-1].text
        assert place.kinds == ["spool_full", "spool_restored"]


async def test_what_the_center_was_sent_already_is_not_dropped(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        taken: list[int] = []

        async def take(message: object) -> None:
            taken.append(decode_batch(message.data).sequence)  # type: ignore[attr-defined]

        await place.client.subscribe("_INBOX.edge-north.center", cb=take)
        for number in range(1, 31):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        await streams.api(
            place.client,
            f"$JS.API.CONSUMER.DURABLE.CREATE.{BACKFILL}.{subjects.CENTER_CONSUMER}",
            {
                "stream_name": BACKFILL,
                "config": {
                    "durable_name": subjects.CENTER_CONSUMER,
                    "deliver_subject": "_INBOX.edge-north.center",
                    "ack_policy": "explicit",
                    "max_ack_pending": 5,
                },
            },
        )

        async def sent() -> bool:
            return len(taken) == 5

        await eventually(sent)
        for number in range(31, 201):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        kept = [one.sequence for one in await place.held(BACKFILL)]
        assert taken == [1, 2, 3, 4, 5]
        assert kept[:6] == [*taken, 6], "the server may have the next one in hand"
        assert kept[6:] == list(range(207 - len(kept), 201))
        assert place.spool.dropped_samples[BACKFILL] == 5_000 * (200 - len(kept))


async def test_a_batch_is_stored_once_however_often_its_publisher_tries(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        for _ in range(3):
            await place.spool.store(batch(1, Purpose.LIVE))
        assert len(await place.held(SITE)) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a disk that can be filled needs the right to mount one")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """A file of somebody else that leaves so many bytes free."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        os.posix_fallocate(file.fileno(), 0, max(1, free - leave))
    return filler


async def test_a_disk_that_others_fill_costs_old_measurements_and_keeps_its_reserve(tmp_path: Path, small_disk: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=32, reserve_mb=16), disk=small_disk) as place:
        for number in range(1, 121):
            await place.spool.store(batch(number, Purpose.BACKFILL))
        filler = fill(small_disk, leave=15 * MB)
        for number in range(121, 181):
            await place.spool.store(batch(number, Purpose.LIVE))
        lost = place.spool.dropped_samples[BACKFILL]
        assert await place.samples(BACKFILL) == 600_000 - lost
        assert await place.samples(SITE) == 600_000
        assert place.spool.is_disk_full
        assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize > 4 * MB
        filler.unlink()

        async def is_restored() -> bool:
            return not place.spool.is_disk_full

        await eventually(is_restored)
        assert place.kinds[:2] == ["disk_full", "spool_full"]
        assert "disk_restored" in place.kinds


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_disk_filled_to_the_last_byte_holds_up_nobody_and_heals_by_itself(
    tmp_path: Path, small_disk: Path, is_known: bool
) -> None:
    """Where the disk is not known beforehand, the server runs into its end, and stops storing for good."""
    async with site(tmp_path, SpoolSection(mb=32, reserve_mb=0), disk=small_disk, is_disk_known=is_known) as place:
        outbox = Outbox("north", batch_samples=5_000, batch_age_s=0.01, memory_samples=20_000, rng=random.Random(1))
        running = asyncio.create_task(outbox.run(place.spool.store))
        slowest_s = 0.0
        written = 0

        def measure() -> None:
            """Events are small, and their stream goes on storing for a while in a block that it has already."""
            nonlocal slowest_s, written
            outbox.add_event(Event(time=written, site="north", kind="k", text="t"))
            began = asyncio.get_running_loop().time()
            numbers = np.arange(written, written + 2_000)
            outbox.add(Samples.of(numbers % 50, numbers, numbers))
            written += 2_000
            slowest_s = max(slowest_s, asyncio.get_running_loop().time() - began)

        async def is_stuck() -> bool:
            measure()
            return outbox.conflated > 0 and place.spool.is_disk_full is is_known

        filler = fill(small_disk, leave=0)
        await eventually(is_stuck)
        assert outbox.pending <= 20_000 + 5_000, "one batch is on its way"
        filler.unlink()

        async def is_stored() -> bool:
            measure()
            return not place.spool.is_disk_full and outbox.pending < 5_000

        await eventually(is_stored)
        outbox.close()
        async with asyncio.timeout(20):
            await running
        held = await place.held(SITE)
        values = np.concatenate([one.samples.value for one in held])
        assert values[-1] == written - 1
        assert len(values) == len(np.unique(values)) == written - outbox.conflated
        assert slowest_s < 0.1
        if is_known:
            assert (place.kinds, place.spool.restarts) == (["disk_full", "disk_restored"], 0)
        else:
            assert (place.kinds, place.server.restarts) == ([], place.spool.restarts)
            assert place.spool.restarts


async def test_a_site_s_stream_of_an_older_release_keeps_what_it_holds(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        for stream in subjects.SITE_STREAMS:
            await streams.api(place.client, f"$JS.API.STREAM.DELETE.{stream}", {})
        old = {
            "name": SITE,
            "subjects": [subjects.batches("north")],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_bytes": 14 * MB,
            "duplicate_window": 120_000_000_000,
        }
        await streams.api(place.client, f"$JS.API.STREAM.CREATE.{SITE}", old)
        for number in range(1, 61):
            await place.spool.store(batch(number, Purpose.LIVE))
        assert await streams.ensure_site_streams(place.client, "north", spool_mb=8) == 1
        assert await streams.ensure_site_streams(place.client, "north", spool_mb=8) == 2
        assert [one.sequence for one in await place.held(SITE)] == list(range(1, 61))
        await place.spool.store(told(61))
        assert len(await place.held(EVENTS)) == 1


async def test_a_spool_that_is_made_much_smaller_still_starts_with_all_that_it_holds(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=2_000)) as place:
        for number in range(1, 122):
            await place.spool.store(batch(number, Purpose.LIVE))
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        assert [one.sequence for one in await place.held(SITE)] == list(range(1, 122))
        await place.spool.store(told(122))
        assert len(await place.held(EVENTS)) == 1
        await place.spool.store(batch(123, Purpose.LIVE))
        assert await place.bytes() < 16 * MB


async def test_a_stream_that_cannot_be_reached_is_an_error_that_may_be_tried_again(tmp_path: Path) -> None:
    async with site(tmp_path, SpoolSection(mb=16)) as place:
        await streams.api(place.client, f"$JS.API.STREAM.DELETE.{SITE}", {})
        with pytest.raises(UnavailableError):
            await place.spool.store(batch(1, Purpose.LIVE))
