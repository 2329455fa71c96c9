"""The own points of the roles without a site: sampled, reported by exception, and put onto the center's stream.

The DMZ has no stream. It sends the values of its points in its sign of life, and the center makes samples of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus import Health, decode_health, encode_health, publish, scada, streams
from tieline.config import Utility
from tieline.config.exposition import Exposition
from tieline.config.own_points import CENTER, DMZ
from tieline.edge.outbox import Outbox
from tieline.edge.processing.reporting import Reporting
from tieline.historian.ingest import IngestCounts
from tieline.io import Clock
from tieline.model import Batch, Point, Purpose, RemoteError, Samples, UnavailableError, subjects
from tieline.observe import LoopLag, Rate, Sampler, serve_metrics
from tieline.observe.sampler import PERIOD_S, Measure

MB = 1_000_000
MEMORY_SAMPLES = 10_000
BATCH_AGE_S = 0.2

log = structlog.get_logger()


class OwnBatches:
    """Puts what a role without a site says of itself onto the center's stream. `run` it."""

    def __init__(self, role: str, points: Sequence[Point], client: Client, rng: random.Random) -> None:
        self._role = role
        self._client = client
        self._reporting = Reporting(points)
        self._outbox = Outbox(role, batch_samples=len(points), batch_age_s=BATCH_AGE_S, memory_samples=MEMORY_SAMPLES, rng=rng)

    def take(self, samples: Samples) -> None:
        """Samples of the role's own points; what says nothing new stays here."""
        self._outbox.add(self._reporting.select(samples))

    async def run(self) -> None:
        """Publishes until cancelled."""
        await self._outbox.run(self._publish)

    async def _publish(self, batch: Batch) -> None:
        await publish(self._client, batch, subject=subjects.batches(self._role))


class CommitDelay:
    """How long live batches take from their last sample to their commit. Hand it what is committed."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._worst_us = 0

    def take(self, batches: Sequence[Batch]) -> None:
        """Batches that were committed now."""
        now = self._now_us()
        for batch in batches:
            if batch.purpose is Purpose.LIVE and len(batch.samples):
                self._worst_us = max(self._worst_us, now - int(batch.samples.time.max()))

    def __call__(self) -> Mapping[str, float]:
        """The worst since the last call."""
        worst_us, self._worst_us = self._worst_us, 0
        return {"ingest_delay_s": worst_us / 1e6}


def ingest_measures(counts: IngestCounts, historian_file: Path) -> Sequence[Measure]:
    """What the historian takes, and how large it is."""
    return (
        Rate("rows_per_s", lambda: counts.samples),
        lambda: {"batches_repeated": counts.repeats, "batches_unreadable": counts.unreadable},
        lambda: {"historian_mb": historian_file.stat().st_size / MB},
    )


async def keep_center_state(utility: Utility, client: Client, clock: Clock, measures: Sequence[Measure]) -> None:
    """Says how the center and the DMZ are until cancelled."""
    points = {role.name: role.own_points for role in utility.roles}
    rng = random.SystemRandom()
    state = Sampler(points[CENTER], clock.now_us, clock.monotonic)
    lag = LoopLag()
    state.add(lag, *measures)
    center, dmz = (OwnBatches(role, points[role], client, rng) for role in (CENTER, DMZ))
    dmz_state = Sampler(points[DMZ], clock.now_us, clock.monotonic)

    async def on_health(message: Msg) -> None:
        try:
            dmz_state.put(decode_health(message.data).values)
        except RemoteError as error:
            log.error("message is not a health report", subject=message.subject, reason=str(error))
            return
        dmz.take(dmz_state.sample())

    async def on_alarms(message: Msg) -> None:
        try:
            told = scada.decode_alarms_changed(message.data)
        except RemoteError as error:
            log.error("message is not a change of alarms", reason=str(error))
            return
        state.put(
            {
                "alarms_standing": told.standing,
                "alarms_unacknowledged": sum(told.unacknowledged),
                "alarms_in_ten_minutes": told.in_ten_minutes,
            }
        )

    subscriptions = [
        await client.subscribe(subjects.health(DMZ), cb=on_health),
        await client.subscribe(subjects.ALARMS_CHANGED, cb=on_alarms),
    ]
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lag.run(), name="watch the event loop")
            tasks.create_task(center.run(), name="publish the center's state")
            tasks.create_task(dmz.run(), name="publish the DMZ's state")
            tasks.create_task(state.run(center.take), name="sample the center's state")
            tasks.create_task(_look_at_stream(client, state), name="look at the center's stream")
            tasks.create_task(show_life(client, CENTER, clock, dict), name="say that the center is there")
    finally:
        if client.is_connected:
            for subscription in subscriptions:
                await subscription.unsubscribe()


async def keep_dmz_state(
    utility: Utility, client: Client, clock: Clock, measures: Sequence[Measure], *, metrics_port: int | None
) -> None:
    """Says how the DMZ is until cancelled. Raises `UnavailableError` where the port for metrics cannot be had."""
    points = next(role.own_points for role in utility.roles if role.name == DMZ)
    state, lag = Sampler(points, clock.now_us, clock.monotonic), LoopLag()
    state.add(lag, *measures)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lag.run(), name="watch the event loop")
        tasks.create_task(show_life(client, DMZ, clock, state.values), name="say that the DMZ is there")
        if metrics_port is not None:
            exposition = Exposition(points, [])
            tasks.create_task(serve_metrics(metrics_port, lambda: exposition.text_of(state.known)), name="serve metrics")


async def show_life(client: Client, role: str, clock: Clock, values: Callable[[], dict[str, float]]) -> None:
    """A role's sign of life once a second, with the values of its own points."""
    incarnation = time.time_ns() // 1_000
    while True:
        health = Health(
            site=role,
            time=clock.now_us(),
            incarnation=incarnation,
            samples=0,
            batches=0,
            pending=0,
            conflated=0,
            spooled=0,
            devices={},
            values=values(),
        )
        try:
            await client.publish(subjects.health(role), encode_health(health))
        except Error as error:
            log.debug("health not sent", site=role, error=str(error))
        await asyncio.sleep(PERIOD_S)


async def _look_at_stream(client: Client, state: Sampler) -> None:
    while True:
        try:
            answer = await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
            alarms = await streams.api(client, f"$JS.API.CONSUMER.INFO.{subjects.CENTER_STREAM}.{subjects.ALARMS_CONSUMER}", {})
        except UnavailableError as error:
            log.debug("stream not looked at", reason=str(error))
        else:
            held, most = answer["state"], answer["config"]["max_bytes"]
            state.put({"stream_batches": held["messages"], "stream_percent": 100 * held["bytes"] / max(most, 1)})
            state.put({"alarms_batches": alarms["num_pending"] + alarms["num_ack_pending"]})
        await asyncio.sleep(PERIOD_S)
