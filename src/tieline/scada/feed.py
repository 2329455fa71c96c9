"""From the bus into the live state: batches in the order in which the center stored them, and the sites' health.

Back-fill is left to the historian: the picture that a site sends when its link is up again says all that is newest, and whatever is
older would be passed over.

What the live state finds out by itself (a link is lost) goes the other way, onto the same stream, so that the historian keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from tieline.bus import Health, decode_batch, decode_health
from tieline.model import RemoteError, subjects
from tieline.scada.found import Found
from tieline.scada.links import DeviceStats, SiteStats
from tieline.scada.live import LiveState

log = structlog.get_logger()

TICK_S = 0.5
_PENDING_BYTES = 256 * 1024 * 1024


class Feed:
    """Keeps a live state up to date from the bus. `run` it."""

    def __init__(
        self,
        client: Client,
        live: LiveState,
        clock: Callable[[], int],
        *,
        stream: str = subjects.CENTER_STREAM,
        batches: Sequence[str] = (subjects.EVERY_BATCH, subjects.EVERY_SITE_EVENT, subjects.EVERY_CONTROL_EVENT),
        found: Callable[[str], str] | None = subjects.center_batches,
        start_after: int | None = None,
    ) -> None:
        """Follows the batches of these subjects in the stream; `found` gives, for a site, where its found events go, None for nowhere.

        With `start_after`, what the stream holds up to that number is left to the seed of `run`.
        """
        self._start_after = start_after
        self._client = client
        self._live = live
        self._clock = clock
        self._stream = stream
        self._subjects = batches
        self._before: dict[str, Health] = {}
        self._found = None if found is None else Found(client, found)
        if self._found is not None:
            live.on_event = self._found.note

    async def run(self, seed: Callable[[], Awaitable[None]] | None = None) -> None:
        """Follows until cancelled. `seed` is awaited once the stream is followed, so that nothing falls between it and the stream."""
        # One subscription a site: the DMZ passes on no wildcard that reaches beyond what a site may publish.
        health = [await self._client.subscribe(subjects.health(site), cb=self._on_health) for site in self._live.sites]
        batches = [await self._follow(subject) for subject in self._subjects]
        try:
            if seed is not None:
                await seed()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tick(), name="tick")
                if self._found is not None:
                    tasks.create_task(self._found.run(), name="publish what was found")
        finally:
            if self._client.is_connected:
                for subscription in (*batches, *health):
                    await subscription.unsubscribe()

    async def _follow(self, subject: str) -> JetStreamContext.PushSubscription:
        config = ConsumerConfig(inactive_threshold=10.0)
        if self._start_after is not None:
            config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, self._start_after + 1
        return await self._client.jetstream().subscribe(
            subject,
            stream=self._stream,
            ordered_consumer=True,
            config=config,
            cb=self._on_batch,
            pending_bytes_limit=_PENDING_BYTES,
        )

    async def _tick(self) -> None:
        while True:
            self._live.tick(self._clock())
            await asyncio.sleep(TICK_S)

    async def _on_batch(self, message: Msg) -> None:
        try:
            batch = decode_batch(message.data, site=subjects.site_of(message.subject))
        except RemoteError as error:
            log.error("message is not a batch", subject=message.subject, reason=str(error))
            return
        self._live.apply(batch.site, batch.samples, self._clock())
        for event in batch.events:
            self._live.record(event)

    async def _on_health(self, message: Msg) -> None:
        try:
            health = decode_health(message.data, site=subjects.site_of(message.subject))
        except RemoteError as error:
            log.error("message is not a health report", subject=message.subject, reason=str(error))
            return
        before = self._before.get(health.site, health)
        self._before[health.site] = health
        self._live.heartbeat(health.site, self._clock(), _stats(before, health))


def _stats(before: Health, now: Health) -> SiteStats:
    """Rates from two reports one after the other; none where the gateway was started in between."""
    seconds = (now.time - before.time) / 1e6
    is_same = before.incarnation == now.incarnation and seconds > 0
    return SiteStats(
        samples_per_s=(now.samples - before.samples) / seconds if is_same else 0.0,
        batches_per_s=(now.batches - before.batches) / seconds if is_same else 0.0,
        pending_samples=now.pending,
        spooled_batches=now.spooled,
        devices={
            name: DeviceStats(is_up=device.is_up, polls=device.requests, errors=device.errors)
            for name, device in now.devices.items()
        },
    )
