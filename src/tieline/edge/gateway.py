"""A site's gateway: devices are read, what is new is reported, batches go to the site's stream.

    drivers, monitors -> Reporting -> Outbox -> the site's stream (JetStream on local disk) -> the center takes it from there
        `-> outstations that the site presents to SCADA masters of others

Drivers and monitors hand over columns synchronously on the event loop; nothing between them and the outbox waits. Every second the
gateway says how it is; that report is not stored, so that silence at the center means what it says.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error

from tieline.bus import DeviceHealth, Health, encode_health, subjects
from tieline.config import Site
from tieline.edge.driver import Driver
from tieline.edge.forward import Forwarder, Restartable
from tieline.edge.forward.forwarder import waiting
from tieline.edge.image import ProcessImage
from tieline.edge.processing.reporting import Reporting
from tieline.edge.states import StateChanges
from tieline.io import Clock
from tieline.model import Event, Samples

HEALTH_PERIOD_S = 1.0

log = structlog.get_logger()

MakeDrivers = Callable[[Callable[[Samples], None], Callable[[Event], None]], Sequence[Driver]]
"""Makes the site's drivers, given where samples and events go."""


class Monitor(Protocol):
    """Listens to what devices tell each other, and hands over samples and events."""

    async def run(self) -> None:
        """Listens until cancelled; whatever is heard, or not heard, becomes quality and events, never an error."""
        ...


MakeMonitors = Callable[[Callable[[Samples], None], Callable[[Event], None]], Sequence[Monitor]]
"""Makes what listens at the site, given where samples and events go."""


class Presenter(Protocol):
    """Shows the site's points to somebody else."""

    def take(self, samples: Samples) -> None:
        """Samples of any points, with limits applied; synchronous, and never blocks."""
        ...

    async def run(self) -> None:
        """Serves until cancelled; whatever others do becomes events, never an error."""
        ...


MakePresenters = Callable[[Callable[[Event], None]], Sequence[Presenter]]
"""Makes what presents the site's points, given where events go."""


class Gateway:
    """One site's gateway, connected to the bus server beside it. `run` it."""

    def __init__(
        self,
        site: Site,
        client: Client,
        make_drivers: MakeDrivers,
        *,
        make_monitors: MakeMonitors = lambda _samples, _event: (),
        make_presenters: MakePresenters = lambda _event: (),
        server: Restartable | None = None,
        disk: Path | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._site = site
        self._client = client
        self._clock = clock
        self._reporting = Reporting(list(site.points))
        self._states = StateChanges(site.points)
        self._image = ProcessImage(site.points)
        self._forwarder = Forwarder(site, client, self._image.newest, clock=clock, rng=rng, server=server, disk=disk)
        self._presenters = make_presenters(self._forwarder.add_event)
        self._drivers = make_drivers(self._take, self._forwarder.add_event)
        self._monitors = make_monitors(self._take, self._forwarder.add_event)

    async def run(self) -> None:
        """Acquires and publishes until cancelled; what is in memory then is still published, for five seconds at the most."""
        log.info("gateway runs", site=self._site.name, devices=len(self._drivers), points=len(list(self._site.points)))
        async with self._forwarder.running(), asyncio.TaskGroup() as tasks:
            for driver in self._drivers:
                tasks.create_task(driver.run(), name=f"drive {driver.device.path}")
            for monitor in self._monitors:
                tasks.create_task(monitor.run(), name=f"listen at {self._site.name}")
            for presenter in self._presenters:
                tasks.create_task(presenter.run(), name=f"present {self._site.name}")
            tasks.create_task(self._report_health(), name=f"health of {self._site.name}")

    def _take(self, samples: Samples) -> None:
        self._image.update(samples)
        if self._presenters:
            samples = self._reporting.qualify(samples)
            for presenter in self._presenters:
                presenter.take(samples)
        reported = self._reporting.select(samples)
        self._forwarder.add(reported)
        for event in self._states.of(reported):
            self._forwarder.add_event(event)

    async def _report_health(self) -> None:
        while True:
            try:
                await self._client.publish(subjects.health(self._site.name), encode_health(self._health()))
            except Error as error:
                log.debug("health not sent", site=self._site.name, error=str(error))
            await asyncio.sleep(HEALTH_PERIOD_S)

    def _health(self) -> Health:
        counts, (spooled, backfill) = self._forwarder.counts, waiting(self._forwarder.depths)
        return Health(
            site=self._site.name,
            time=self._clock.now_us(),
            incarnation=self._forwarder.incarnation,
            samples=counts.samples,
            batches=counts.batches,
            pending=counts.pending,
            conflated=counts.conflated,
            spooled=spooled,
            backfill=backfill,
            dropped=sum(counts.dropped_samples.values()),
            devices={
                driver.device.name: DeviceHealth(
                    is_up=driver.health.is_up,
                    requests=driver.health.requests,
                    errors=driver.health.errors,
                    overruns=driver.health.overruns,
                )
                for driver in self._drivers
            },
        )
