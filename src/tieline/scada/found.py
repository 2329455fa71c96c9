"""Events that the center, or a site's own screen, has found out by itself, on their way to the stream."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import structlog
from nats.aio.client import Client

from tieline.bus import publish
from tieline.model import Batch, Event, Samples, UnavailableError

log = structlog.get_logger()

RETRY_S = 1.0
MOST_FOUND = 10_000


class Found:
    """Publishes events in their order, each until it is stored. `run` it."""

    def __init__(self, client: Client, subject: Callable[[str], str]) -> None:
        """`subject` gives, for a site, where its events go."""
        self._client = client
        self._subject = subject
        self._incarnation = random.SystemRandom().getrandbits(63)
        self._sequences: Counter[str] = Counter()
        self._events: asyncio.Queue[Event] = asyncio.Queue(MOST_FOUND)

    def note(self, event: Event) -> None:
        """Takes an event."""
        if self._events.full():  # the center's own stream has been away for long: the oldest says least
            self._events.get_nowait()
        self._events.put_nowait(event)

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            event = await self._events.get()
            self._sequences[event.site] += 1
            batch = Batch(
                site=event.site,
                incarnation=self._incarnation,
                sequence=self._sequences[event.site],
                samples=Samples.empty(),
                events=(event,),
            )
            await self._publish_surely(batch)

    async def _publish_surely(self, batch: Batch) -> None:
        while True:
            try:
                return await publish(self._client, batch, subject=self._subject(batch.site))
            except UnavailableError as error:
                log.debug("event not stored yet", site=batch.site, reason=str(error))
                await asyncio.sleep(RETRY_S)
