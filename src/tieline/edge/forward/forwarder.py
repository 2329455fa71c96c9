"""Between what a gateway reports and the center: outbox, spool and link as one part.

    add, add_event, add_record -> Outbox -> Spool -> EVENTS, SITE, BACKFILL (JetStream on local disk) -> the center
                                     ^
                                    Link: is the center there?

While the link is up, samples go to the live stream. When it goes down, new ones go to back-fill; when it is up again, a picture of
all points goes ahead, new samples are live at once, and back-fill follows beside them at its own pace.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client

from tieline.bus import streams
from tieline.bus.streams import Depth
from tieline.config import Site
from tieline.edge.forward.spool import Restartable, Spool
from tieline.edge.link import Link, keep_asking
from tieline.edge.outbox import Outbox
from tieline.io import Clock
from tieline.model import AuditRecord, Event, Samples, subjects

FLUSH_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardCounts:
    """How forwarding goes; counted since the gateway's start."""

    samples: int
    """Reported."""
    batches: int
    """Acknowledged by the site's streams."""
    pending: int
    """Samples in memory, not yet acknowledged."""
    conflated: int
    """Samples given up for newer ones of the same point because memory was full."""
    events_dropped: int
    """Events and records given up because memory was full."""
    dropped_samples: dict[str, int]
    """By stream: samples given up because the disk, or the spool's share of it, was full."""
    dropped_events: int
    """The same of events and records."""
    is_disk_full: bool
    restarts: int
    """Of the bus server, because it did not recover from a full disk by itself."""


class Forwarder:
    """Forwards for one gateway, connected to the bus server beside it, while `running`."""

    def __init__(
        self,
        site: Site,
        client: Client,
        newest: Callable[[], Samples],
        *,
        clock: Clock,
        rng: random.Random,
        server: Restartable | None = None,
        disk: Path | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """`newest` gives the newest sample of every point; `disk` is a folder on the disk with the streams of `server`.

        What happens to link and spool goes to `on_event`, which is to hand it back with the others; without it, it is simply sent.
        """
        self._site = site
        self._client = client
        self._newest = newest
        self._clock = clock
        self._outbox = Outbox(
            site.name,
            batch_samples=site.reporting.batch_samples,
            batch_age_s=site.reporting.batch_age_s,
            memory_samples=site.reporting.memory_samples,
            rng=rng,
        )
        self._outbox.is_live = False
        tell = on_event or self._outbox.add_event
        self._spool = Spool(site.name, client, site.spool, disk=disk, server=server, on_event=tell, clock=clock)
        self.link = Link(site.name, tell)
        self.link.on_change = self._turn

    @property
    def incarnation(self) -> int:
        """The number that names this start of the gateway."""
        return self._outbox.incarnation

    @property
    def counts(self) -> ForwardCounts:
        """As they are now."""
        return ForwardCounts(
            samples=self._outbox.samples_taken,
            batches=self._outbox.batches_acknowledged,
            pending=self._outbox.pending,
            conflated=self._outbox.conflated,
            events_dropped=self._outbox.events_dropped,
            dropped_samples=dict(self._spool.dropped_samples),
            dropped_events=self._spool.dropped_events,
            is_disk_full=self._spool.is_disk_full,
            restarts=self._spool.restarts,
        )

    @property
    def depths(self) -> dict[str, Depth]:
        """What each of the site's streams held a second ago."""
        return dict(self._spool.depths)

    def add(self, samples: Samples) -> None:
        """Takes samples; never waits."""
        self._outbox.add(samples)

    def add_event(self, event: Event) -> None:
        """Takes an event; never waits."""
        self._outbox.add_event(event)

    def add_record(self, record: AuditRecord) -> None:
        """Takes an audit record; never waits."""
        self._outbox.add_record(record)

    async def settle(self) -> None:
        """Returns when everything that was added so far is on the site's disk.

        Raises `UnavailableError` where some of it had to be given up meanwhile: nothing may be confirmed to a device then.
        """
        await self._outbox.settle()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Forwards until the block is left; what is in memory then is still stored, for five seconds at the most."""
        site, spool_mb = self._site.name, self._site.spool.mb
        self._outbox.start = await streams.ensure_site_streams(self._client, site, spool_mb=spool_mb)
        async with asyncio.TaskGroup() as tasks:
            storing = tasks.create_task(self._outbox.run(self._spool.store), name=f"store batches of {site}")
            beside = [
                tasks.create_task(keep_asking(self.link, self._client, self._clock), name=f"ask for the center at {site}"),
                tasks.create_task(self._spool.watch(), name=f"watch the spool of {site}"),
            ]
            try:
                yield
            finally:
                self._outbox.close()
                self._spool.close()
                await asyncio.wait([storing], timeout=FLUSH_TIMEOUT_S)
                for task in (storing, *beside):
                    task.cancel()

    def _turn(self, is_up: bool) -> None:
        self._outbox.is_live = is_up
        if is_up:
            self._outbox.show(self._newest())


def waiting(depths: dict[str, Depth]) -> tuple[int, int]:
    """Batches that the center was not sent yet: of all streams, and of them back-fill."""
    return sum(depth.waiting for depth in depths.values()), depths[subjects.BACKFILL_STREAM].waiting
