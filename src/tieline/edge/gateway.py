"""A site's gateway: devices are read and operated, what is new is reported, and the site goes on alone where nobody asks.

    drivers, monitors -> Pipeline -> Forwarder: the site's streams on local disk -> the center takes them from there
                          |   |`-> LocalStore: everything, for the site's own history and screen
                          |   `--> outstations that the site presents to SCADA masters of others
                          `-> Automation -> Gate -> drivers

Drivers and monitors hand over columns synchronously on the event loop; nothing between them and the outbox waits. Every second the
gateway says how it is; that report is not stored, so that silence at the center means what it says.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from nats.aio.client import Client
from nats.errors import Error

from tieline.bus import DeviceHealth, Health, encode_health
from tieline.config import Site
from tieline.config.automation import AUTOMATION
from tieline.edge.automation.automation import Automation
from tieline.edge.command_book import CommandBook
from tieline.edge.commands import Commands
from tieline.edge.driver import Driver, Settle
from tieline.edge.forward import Forwarder, Restartable
from tieline.edge.forward.forwarder import waiting
from tieline.edge.gate import AuditReporting, Gate
from tieline.edge.gate.gate import Operable
from tieline.edge.health import GatewayState
from tieline.edge.local import LocalStore
from tieline.edge.memory import KeepingAtOnce, Memory, Remembering
from tieline.edge.pipeline import Pipeline
from tieline.edge.remote import RemoteAccess
from tieline.io import Clock, Ticker
from tieline.model import Event, Now, Point, Samples, subjects
from tieline.observe.sampler import Measure
from tieline.security.audit import AuditLog
from tieline.security.audit.keeping import keep_checkpoints, record_configuration
from tieline.security.identity.signing import Verifier

HEALTH_PERIOD_S = 1.0
TICK_S = 0.1
AUDIT_BYTES = 64 * 1024 * 1024
"""Of the audit that the center has, so much stays at the site."""

log = structlog.get_logger()

MakeDrivers = Callable[[Callable[[Samples], None], Callable[[Event], None], Settle], Sequence[Driver]]
"""Makes the site's drivers, given where samples and events go, and what to wait for before a device is told that they are safe."""


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
        folder: Path,
        described_by: Path | None = None,
        make_monitors: MakeMonitors = lambda _samples, _event: (),
        make_presenters: MakePresenters = lambda _event: (),
        measures: Sequence[Measure] = (),
        server: Restartable | None = None,
        verifier: Verifier | None = None,
        remote_verifier: Verifier | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """`folder` is the site's own: its audit and its memory are kept there, on the disk that holds the streams of `server`.

        `described_by` is the utility folder: what it is at the start is recorded. `measures` give what every role says of itself.
        Commands of the center are taken where there is a `verifier` of their signatures, and orders of remote access where there is a
        `remote_verifier`.
        """
        self._remote_verifier = remote_verifier
        self._verifier = verifier
        self._site = site
        self._client = client
        self._folder = folder
        self._described_by = described_by
        self._clock = clock
        self._forwarder = Forwarder(
            site, client, self._newest, clock=clock, rng=rng, server=server, disk=folder, on_event=self._note
        )
        self._local = LocalStore(site, client, rng=rng) if site.local.enabled else None
        self._state = GatewayState(site, clock, [*measures, *([self._local.measure] if self._local is not None else [])])
        self._pipeline = Pipeline(site, forward=self._forwarder.add, on_event=self._note)
        self._presenters = make_presenters(self._note)
        self._pipeline.takers += [presenter.take for presenter in self._presenters]
        self._pipeline.takers.append(self._state.take)
        if self._local is not None:
            self._pipeline.takers.append(self._local.take)
        self._drivers = make_drivers(self._pipeline.take, self._note, self._forwarder.settle)
        self._monitors = make_monitors(self._pipeline.take, self._note)
        self._state.watch(self._drivers, self._forwarder)

    async def run(self) -> None:
        """Acquires and publishes until cancelled; what is in memory then is still published, for five seconds at the most.

        Raises `UnavailableError` where the folder cannot be written.
        """
        audit = AuditLog.open(self._folder / "audit", self._site.name, self._clock)
        try:
            if self._described_by is not None:
                record_configuration(audit, self._described_by)
            book = CommandBook.open(self._folder / "commands.db", self._clock.now_us())
            try:
                await self._work(audit, book)
            finally:
                book.close()
        finally:
            audit.close()

    async def _work(self, audit: AuditLog, book: CommandBook) -> None:
        site, forwarder = self._site.name, self._forwarder
        drivers: dict[str, Operable] = {driver.device.name: driver for driver in self._drivers}
        points = list(self._site.plant_points)
        gate = Gate(self._site.gate, points, self._pipeline.image, drivers, audit, on_event=self._note, clock=self._clock)
        parts: dict[str, Remembering] = {"pipeline": self._pipeline}
        parts |= {f"driver {name}": driver for name, driver in drivers.items() if isinstance(driver, Remembering)}
        automation = self._make_automation(gate)
        if automation is not None:
            parts["automation"] = drivers[AUTOMATION] = automation
        memory = Memory(self._folder / "memory.bin", parts, forwarder.settle)
        for part in parts.values():
            if isinstance(part, KeepingAtOnce):
                part.keep_with(memory.keep)
        memory.recall()
        self._pipeline.tick(self._now())
        reporting = AuditReporting(audit, forwarder.add_record, forwarder.settle, keep_bytes=AUDIT_BYTES)
        commands = self._take_commands(points, gate, book, audit)
        remote = self._take_remote(audit)
        log.info("gateway runs", site=site, devices=len(drivers), points=len(points))
        try:
            async with forwarder.running():
                try:
                    async with asyncio.TaskGroup() as tasks:
                        for name, work in self._works(gate, commands, remote, automation, reporting, memory, audit):
                            tasks.create_task(work, name=f"{name} of {site}")
                finally:
                    self._pipeline.flush()
        finally:
            if not forwarder.counts.pending:
                memory.write()

    def _works(
        self,
        gate: Gate,
        commands: Commands | None,
        remote: RemoteAccess | None,
        automation: Automation | None,
        reporting: AuditReporting,
        memory: Memory,
        audit: AuditLog,
    ) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on until the gateway ends, by name; commands find the gate open before anybody gives one."""
        yield "gate", gate.run()
        if commands is not None:
            yield "commands", commands.run(self._client)
        if remote is not None:
            yield "remote access", remote.run()
        for driver in self._drivers:
            yield f"driver {driver.device.name}", driver.run()
        for monitor in self._monitors:
            yield "monitor", monitor.run()
        for presenter in self._presenters:
            yield "presenter", presenter.run()
        if automation is not None:
            yield "automation", automation.run()
        if self._local is not None:
            yield "own history", self._local.run()
        yield "audit", reporting.run()
        yield "checkpoints", keep_checkpoints(audit)
        yield "memory", memory.run()
        yield "clock", self._tick(gate)
        yield "own state", self._state.run(self._pipeline.add)
        yield "health", self._report_health()

    def _take_commands(self, points: Sequence[Point], gate: Gate, book: CommandBook, audit: AuditLog) -> Commands | None:
        if self._verifier is None:
            return None
        return Commands(
            self._site.name,
            points,
            gate,
            book,
            audit,
            self._verifier,
            offset_s=lambda: self._forwarder.link.offset_s,
            on_event=self._note,
            clock=self._clock,
        )

    def _take_remote(self, audit: AuditLog) -> RemoteAccess | None:
        if self._remote_verifier is None:
            return None
        return RemoteAccess(
            self._site,
            self._client,
            self._remote_verifier,
            audit,
            folder=self._folder,
            offset_s=lambda: self._forwarder.link.offset_s,
            on_event=self._note,
            clock=self._clock,
        )

    def _make_automation(self, gate: Gate) -> Automation | None:
        if self._site.automation is None:
            return None
        return Automation(
            self._site.automation,
            self._pipeline.image,
            gate,
            site=self._site.name,
            is_center_reachable=lambda: self._forwarder.link.is_up,
            on_event=self._note,
            on_samples=self._pipeline.add,
            clock=self._clock,
        )

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())

    def _newest(self) -> Samples:
        return self._pipeline.image.newest()

    def _note(self, event: Event) -> None:
        self._forwarder.add_event(event)
        if self._local is not None:
            self._local.add_event(event)

    async def _tick(self, gate: Gate) -> None:
        ticker = Ticker(TICK_S, self._clock.monotonic())
        while True:
            due = ticker.next_tick(self._clock.monotonic())
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            now = self._now()
            self._pipeline.tick(now)
            gate.tick(now)

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
