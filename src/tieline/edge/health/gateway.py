"""The gateway's own points: what comes in and goes out, what waits, how devices answer, whether the center is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from tieline.config import Site
from tieline.config.exposition import Exposition
from tieline.edge.driver import Driver
from tieline.edge.forward import Forwarder
from tieline.edge.link import Link
from tieline.io import Clock
from tieline.model import Samples, UnavailableError, subjects
from tieline.observe import LoopLag, Rate, Sampler, serve_metrics
from tieline.observe.sampler import Measure

MB = 1_000_000
log = structlog.get_logger()
_STREAMS = {
    "events_batches": subjects.EVENTS_STREAM,
    "live_batches": subjects.SITE_STREAM,
    "backfill_batches": subjects.BACKFILL_STREAM,
}


class GatewayState:
    """Samples the gateway's own points once a second. Feed it with `take`, show it drivers and forwarder with `watch`, and `run` it."""

    def __init__(self, site: Site, clock: Clock, measures: Sequence[Measure] = ()) -> None:
        """`measures` gives what every role says of itself."""
        self._site = site
        self._clock = clock
        self._taken = 0
        self.sampler = Sampler(site.own_points, clock.now_us, clock.monotonic)
        self._lag = LoopLag()
        self.sampler.add(self._lag, Rate("samples_in_per_s", lambda: self._taken, clock.monotonic), *measures)

    def take(self, samples: Samples) -> None:
        """Counts what came out of processing."""
        self._taken += len(samples)

    def watch(self, drivers: Sequence[Driver], forwarder: Forwarder) -> None:
        """From now on says how these are."""
        self.sampler.add(
            lambda: device_state(drivers),
            lambda: forward_state(forwarder, self._site.spool.mb),
            lambda: link_state(forwarder.link),
            Rate("samples_out_per_s", lambda: forwarder.counts.samples, self._clock.monotonic),
        )

    async def run(self, on_samples: Callable[[Samples], None]) -> None:
        """Samples until cancelled; `on_samples` is where the gateway takes samples."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run(), name="watch the event loop")
            tasks.create_task(self.sampler.run(on_samples), name="sample own state")
            if self._site.local.metrics_port is not None:
                tasks.create_task(self._serve(self._site.local.metrics_port), name="serve metrics")

    async def _serve(self, port: int) -> None:
        exposition = Exposition(self._site.own_points, [(self._site.name, device.name) for device in self._site.devices])
        try:
            await serve_metrics(port, lambda: exposition.text_of(self.sampler.known))
        except UnavailableError as error:  # no reason to stop acquiring
            log.error("metrics not served", site=self._site.name, reason=str(error))


def device_state(drivers: Sequence[Driver]) -> Mapping[str, float]:
    """How devices answer."""
    values: dict[str, float] = {}
    for driver in drivers:
        name, health = driver.device.name, driver.health
        values[f"{name}_up"] = float(health.is_up)
        values[f"{name}_errors"] = health.errors
        values[f"{name}_overruns"] = health.overruns
        if health.cycle_share is not None:
            values[f"{name}_cycle_percent"] = 100 * health.cycle_share
    return values


def forward_state(forwarder: Forwarder, spool_mb: int) -> Mapping[str, float]:
    """What waits for the center, and what had to be given up."""
    counts, depths = forwarder.counts, forwarder.depths
    spooled = sum(depth.bytes for depth in depths.values())
    return {
        "memory_samples": counts.pending,
        "samples_conflated": counts.conflated,
        "samples_dropped": sum(counts.dropped_samples.values()),
        "events_dropped": counts.events_dropped + counts.dropped_events,
        **{name: depths[stream].waiting for name, stream in _STREAMS.items() if stream in depths},
        "spool_mb": spooled / MB,
        "spool_percent": 100 * spooled / (spool_mb * 1024 * 1024),
    }


def link_state(link: Link) -> Mapping[str, float]:
    """Whether the center answers; round trip and offset only while it does."""
    values = {"link_up": float(link.is_up)}
    if link.is_up and link.round_trip_s is not None:
        values["link_round_trip_ms"] = 1e3 * link.round_trip_s
    if link.is_up and link.offset_s is not None:
        values["clock_offset_ms"] = 1e3 * link.offset_s
    return values
