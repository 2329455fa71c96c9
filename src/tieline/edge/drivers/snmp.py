"""Watched nodes of the communications network: SNMPv3 agents, looked at against their design.

A look asks for what changes (ports, counters, power, sensors) at every tick of `period_s`, for neighbors and for what the node consists
of at every tenth; for neighbors also after a change of a link, and for as long as they are not as designed. A hint, such as a trap, has
the driver look at once; what it says is not believed. Each look hands over one sample of each point, and tells as events which differences
from the design are new and which are over.

    looking ──(no answer, although repeated; wrong keys; nonsense)──► away ──(back-off over, or the next tick)──► looking
       ▲                                                                │
       └───────────────────────────(answer)─────────────────────────────┘

`device_lost` is told at once, because a session repeats what is not answered; `device_restored` with the first answer after it.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from tieline.config.snmp import Measure, SnmpDevice
from tieline.edge.driver import DriverHealth
from tieline.edge.snmp.drift import Difference, DifferenceKind, differences
from tieline.edge.snmp.drifting import Drifting, remembered
from tieline.edge.snmp.hints import Hints
from tieline.edge.snmp.identities import Identities
from tieline.edge.snmp.looking import Look, Looker
from tieline.edge.snmp.power import CONFIRM_S, OFF_S, Power
from tieline.edge.snmp.rates import Meter, Reading, has_restarted
from tieline.edge.snmp.showing import Showing
from tieline.io import Backoff, Clock, Ticker
from tieline.model import (
    Event,
    PointId,
    RefusedError,
    RemoteError,
    Samples,
    Severity,
    TielineError,
    UnavailableError,
)
from tieline.protocols.snmp import ResponseError, SnmpKeys

if TYPE_CHECKING:
    from tieline.edge.snmp.session import SnmpSession

log = structlog.get_logger()

KeysOf = Callable[[SnmpDevice], SnmpKeys]
"""The keys of a node's agent; raises `ConfigError` or `UnavailableError` where there are none."""
OnSamples = Callable[[Samples], None]
OnEvent = Callable[[Event], None]

START_SPREAD_S = 1.0
"""The first look comes within this time; those after it stand on a grid of their own."""
HINT_GAP_S = 1.0
"""Hints do not make looks follow each other faster."""
SHORTEST_SHARE, LONGEST_SHARE = 0.5, 3.5
"""Of the period: between readings of which rates are made."""
MOST_SHORTEST_S = 10.0
_ABOUT_NEIGHBORS = {DifferenceKind.NEIGHBOR, DifferenceKind.NEIGHBOR_SILENT}


def snmp_drivers(
    devices: Iterable[SnmpDevice],
    *,
    on_samples: OnSamples,
    on_event: OnEvent,
    clock: Clock,
    keys: KeysOf,
    hints: Hints | None = None,
    random: Callable[[], float] = _random.random,
) -> list[SnmpDriver]:
    """A driver for each watched node; together they know who is who. `hints` have them look at once."""
    watched = list(devices)
    identities = Identities(watched)
    return [
        SnmpDriver(
            device,
            identities=identities,
            keys=keys,
            hints=hints or Hints(),
            on_samples=on_samples,
            on_event=on_event,
            clock=clock,
            random=random,
        )
        for device in watched
    ]


class SnmpDriver:
    """One watched node; see `Driver`."""

    def __init__(
        self,
        device: SnmpDevice,
        *,
        identities: Identities,
        keys: KeysOf,
        hints: Hints,
        on_samples: OnSamples,
        on_event: OnEvent,
        clock: Clock,
        random: Callable[[], float] = _random.random,
        off_s: float = OFF_S,
        confirm_s: float = CONFIRM_S,
    ) -> None:
        """A restart takes a port's power away for `off_s`, and waits for it to come out again for `confirm_s` at the most."""
        self.device = device
        self.problem = ""
        """Why it does not answer; empty where it does, or was not asked yet."""
        self._identities = identities
        self._keys = keys
        self._hints = hints
        self._on_samples = on_samples
        self._on_event = on_event
        self._clock = clock
        self._random = random
        self._rows = {point.id: row for point, row in zip(device.points, device.rows, strict=True)}
        self._measured = tuple(port for port in device.ports if any(row.port == port.name for row in device.rows))
        self._places = {port.name: number for number, port in enumerate(self._measured)}
        period_s = device.connection.period_s
        self._meter = Meter(
            np.array([np.nan if port.speed_mbps is None else port.speed_mbps for port in self._measured], np.float64),
            shortest_s=min(period_s * SHORTEST_SHARE, MOST_SHORTEST_S),
            longest_s=period_s * LONGEST_SHARE,
        )
        self._session: SnmpSession | None = None
        self._looker = Looker(device, self._open, clock)
        self._showing = Showing(device, identities)
        self._drifting = Drifting(period_s * SHORTEST_SHARE)
        self._power = Power(
            device, self._looker, report=self._report, clock=clock, random=random, off_s=off_s, confirm_s=confirm_s
        )
        self._backoff = Backoff(random)
        self._tasks: asyncio.TaskGroup | None = None
        self._turn = asyncio.Lock()
        self._reading: Reading | None = None
        self._boots: int | None = None
        self._is_up = self._is_lost = False
        self._looks = self._exceptions = self._timeouts = self._malformed = self._overruns = 0
        self._cycle_share: float | None = None

    @property
    def health(self) -> DriverHealth:
        """A snapshot."""
        return DriverHealth(
            is_up=self._is_up,
            requests=self._looks,
            exceptions=self._exceptions,
            timeouts=self._timeouts,
            malformed=self._malformed,
            overruns=self._overruns,
            cycle_share=self._cycle_share,
        )

    @property
    def found(self) -> Look | None:
        """The newest look; None where the agent does not answer, or was not asked yet."""
        return self._looker.last

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What differs from the design, as of the newest look that was answered."""
        return self._drifting.current

    def compare(self) -> tuple[Difference, ...]:
        """All that differs at the newest look, also what may pass by itself, with what has been learned of neighbors since."""
        look = self._looker.last
        if look is None:
            return ()
        return tuple(each for each in differences(self.device, look.view, self._identities) if not self._is_at_work(each))

    def keep_with(self, keep: Callable[[], Awaitable[None]]) -> None:
        """Takes what writes its memory at once: before a port is without power, it is on the disk that it is owed it."""
        self._power.keep = keep

    def remember(self) -> dict[str, Any]:
        """Differences that were told, ports that are owed their power."""
        return {"told": self._drifting.remember(), "owed": sorted(self._power.owed)}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on there."""
        self._drifting.recall(state.get("told"))
        names = {port.name for port in self.device.ports}
        owed = {each for each in remembered(state, "owed") if each in names}
        if owed:
            self._power.recall(owed)

    async def run(self) -> None:
        """Looks until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._power.repay(), name=f"power of {self.device.path}")
                await self._look_on()
        finally:
            self._tasks = None
            self.close()

    def close(self) -> None:
        """Lets go of the session; the next look opens another."""
        if self._session is not None:
            self._session.close()
            self._session = None

    async def write(self, point: PointId, value: float) -> None:
        """Switches or restarts the power of a port; see `Driver.write`. A restart goes on when nobody waits for it any longer."""
        row = self._rows.get(point)
        if row is None or row.measure not in {Measure.POE_SWITCH, Measure.POE_RESTART}:
            raise RefusedError(f"{self.device.path} has no writable point {row.name if row else point}")
        if value not in ({1.0} if row.measure is Measure.POE_RESTART else {0.0, 1.0}):
            takes = "1 only" if row.measure is Measure.POE_RESTART else "0 and 1"
            raise RefusedError(f"{self.device.path} takes {takes} at {row.name}, not {value:g}")
        if self._tasks is None:
            raise UnavailableError(f"{self.device.path} is not watched")
        is_restart = row.measure is Measure.POE_RESTART
        work = self._power.restart(row.port) if is_restart else self._power.switch(row.port, is_on=value == 1.0)
        # An error is for who waits, not for the driver: it must not end the group.
        switching = self._tasks.create_task(_outcome(work), name=f"power of {self.device.path} {row.port}")
        try:
            error = await asyncio.shield(switching)
        finally:
            self._hints.poke(self.device.name)
        if error is not None:
            raise error

    # Looking

    async def look(self) -> bool:
        """One look, handed over; whether the agent answered."""
        async with self._turn:
            self._looks += 1
            try:
                look = await self._looker.look()
            except TielineError as error:
                self._failed(error)
                return False
            except Exception as error:  # whatever an agent says, the others are watched on
                log.exception("driver failed", device=self.device.path)
                self._failed(RemoteError(f"an error of ours: {error!r}"))
                return False
            self._answered(look)
            return True

    async def _look_on(self) -> None:
        period_s = self.device.connection.period_s
        await asyncio.sleep(self._random() * min(period_s, START_SPREAD_S))
        # Nodes do not stay in step with each other: one look is some thousand lines of work.
        ticker = Ticker(period_s, self._clock.monotonic() + self._random() * period_s)
        while True:
            began = self._clock.monotonic()
            is_answered = await self.look()
            ended = self._clock.monotonic()
            self._cycle_share = (ended - began) / period_s
            wake = ticker.next_tick(ended)
            self._overruns += ticker.missed
            ticker.missed = 0
            while not is_answered and (again := self._clock.monotonic() + self._backoff.next_wait()) < wake:
                # Who watches seldom does not wait for the next tick to learn that the node is back.
                await asyncio.sleep(again - self._clock.monotonic())
                is_answered = await self.look()
            await self._wait(wake)

    async def _wait(self, wake: float) -> None:
        """Until the tick, looking at every hint before it."""
        while (left_s := wake - self._clock.monotonic()) > 0:
            if await self._hints.wait(self.device.name, left_s):
                self._looker.ask_neighbors()
                await self.look()
                await asyncio.sleep(max(0.0, min(HINT_GAP_S, wake - self._clock.monotonic())))

    async def _open(self) -> SnmpSession:
        if self._session is None:
            # pysnmp below it takes a while to be imported, and most sites watch nothing.
            from tieline.edge.snmp.session import SnmpSession

            connection = self.device.connection
            self._session = SnmpSession(
                connection.host,
                connection.port,
                self._keys(self.device),
                timeout_s=connection.timeout_s,
                retries=connection.retries,
            )
        return self._session

    def _answered(self, look: Look) -> None:
        self._identities.learn_chassis(self.device.name, look.view.chassis)
        if self._session is not None and self._session.engine_id is not None:
            self._hints.learn(self.device.name, self._session.engine_id)
        self.problem = ""
        self._is_up = True
        self._backoff.reset()
        if self._is_lost:
            self._is_lost = False
            self._report("device_restored", Severity.INFO, f"{self.device.path} answers again")
        reading = look.reading(self._measured)
        boots = look.view.system.boots
        has_begun_anew = self._reading is not None and (self._boots != boots or has_restarted(self._reading, reading))
        if has_begun_anew:
            self._looker.ask_all()
            self._report("device_restarted", Severity.WARNING, f"{self.device.path} has restarted")
        self._boots = boots
        self._reading = reading
        rates = self._meter.take(reading)
        seen = self.compare()
        if any(each.kind in _ABOUT_NEIGHBORS for each in seen) or self._showing.lacks_neighbors(look):
            self._looker.ask_neighbors()
        changes = self._drifting.take(seen, look.time_s)
        self._on_samples(self._showing.take(look, rates, self._places, self._drifting, self._power.owed))
        for text in changes.ended:
            self._report("network_drift_ended", Severity.INFO, f"{self.device.path}, no longer: {text}")
        for each in changes.begun:
            self._report("network_drift", Severity.WARNING, f"{self.device.path}: {each.text}; {each.remedy}")

    def _is_at_work(self, each: Difference) -> bool:
        """Whether a restart of a port's power is what makes the difference."""
        return each.port in self._power.owed and each.kind in {DifferenceKind.POE_OFF, DifferenceKind.POE_FAILED}

    def _failed(self, error: TielineError) -> None:
        self._exceptions += isinstance(error, RemoteError) and not isinstance(error, ResponseError)
        self._malformed += isinstance(error, ResponseError)
        self._timeouts += isinstance(error, UnavailableError)
        self.problem = str(error)
        self._is_up = False
        self._meter.forget()
        self._looker.forget()
        self.close()  # keys that were renewed meanwhile are read with the next one
        if not self._is_lost:
            self._is_lost = True
            self._report("device_lost", Severity.ERROR, f"{self.device.path} is lost: {error}")
        self._on_samples(self._showing.lost(self._clock.now_us()))

    def _report(self, kind: str, severity: Severity, text: str) -> None:
        self._on_event(
            Event(
                time=self._clock.now_us(),
                site=self.device.site,
                device=self.device.name,
                kind=kind,
                severity=severity,
                text=text,
            )
        )


async def _outcome(work: Awaitable[None]) -> TielineError | None:
    try:
        await work
    except TielineError as error:
        return error
    return None
