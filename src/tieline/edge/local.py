"""What a site keeps of everything that its gateway processes, before exception reporting: the way to its own store.

    processing -> LocalStore -> the stream LOCAL on the site's own server -> `tieline run --local`: the site's historian and screen

It is the least important way out of the gateway. Memory is bounded and the newest wins, the stream gives up its oldest, and whoever
reads it may be killed: nothing here ever holds up what goes to the center.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace

import structlog
from nats.aio.client import Client

from tieline.bus import publish, streams
from tieline.config import Site
from tieline.edge.outbox import Outbox
from tieline.model import Batch, Event, Samples, UnavailableError, subjects

BATCH_AGE_S = 1.0
MEMORY_SAMPLES = 200_000
RETRY_S = 5.0

log = structlog.get_logger()


class LocalStore:
    """Publishes everything to the site's own store. Feed it with `take` and `add_event`, and `run` it."""

    def __init__(self, site: Site, client: Client, *, rng: random.Random) -> None:
        self._site = site.name
        self._client = client
        self._outbox = Outbox(
            site.name,
            batch_samples=site.reporting.batch_samples,
            batch_age_s=BATCH_AGE_S,
            memory_samples=MEMORY_SAMPLES,
            rng=rng,
        )

    def take(self, samples: Samples) -> None:
        """Samples of any points, synchronous; never waits."""
        self._outbox.add(samples)

    def add_event(self, event: Event) -> None:
        """An event; never waits."""
        self._outbox.add_event(event)

    def measure(self) -> Mapping[str, float]:
        """How it is, by the names of own points."""
        return {"local_samples": self._outbox.pending, "local_dropped": self._outbox.conflated + self._outbox.events_dropped}

    async def run(self) -> None:
        """Publishes until cancelled; a stream that cannot be had is tried again and never an error."""
        is_told = False
        while True:
            try:
                await streams.ensure_local_stream(self._client, self._site)
                break
            except UnavailableError as error:
                if not is_told:
                    is_told = True
                    log.warning("local store not there yet", site=self._site, reason=str(error))
                await asyncio.sleep(RETRY_S)
        await self._outbox.run(self._publish)

    async def _publish(self, batch: Batch) -> None:
        # The site's own historian is a copy: it need not look for repeats.
        await publish(self._client, replace(batch, may_repeat=False), subject=subjects.local_batches(self._site))
