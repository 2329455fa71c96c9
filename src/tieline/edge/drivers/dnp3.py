"""DNP3 outstations as devices: a master's session for each, on a channel that several may share.

    starting ──(integrity poll done)──► up ──(no answer, no connection)──► lost ──(integrity poll done)──► up
        └───────────────────(no answer, no connection)────────────────────►┘

The session polls, synchronizes, confirms and begins anew by itself; this driver makes samples, events and outcomes of what it reports.
A connection that ends is no loss yet: the device is lost when another cannot be had, or when nobody answers on it in time. A lost device's
points keep their values, invalid and old, until its next integrity poll.

Confirmations leave after the samples are with the gateway, because the line sends only when this driver has taken the session's events;
with a `settle`, after they are on the site's disk. What a gateway that is killed has not stored is still in the outstation, and comes
again.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

import structlog

from tieline.config.dnp3 import Dnp3Device, Dnp3TcpServer, Dnp3TlsServer
from tieline.config.dnp3_points import GROUPS
from tieline.edge.dnp3 import StationChannel, StationChannels, TlsContext, make_station
from tieline.edge.dnp3.acquisition import Acquisition
from tieline.edge.dnp3.commanding import command_of, error_of
from tieline.edge.dnp3.indications import DUTIES, changes
from tieline.edge.dnp3.settings import event_delay_s, reports_events, settings_of
from tieline.edge.driver import DriverHealth, Settle, at_once
from tieline.io import Clock
from tieline.model import Event, LocalError, Now, PointId, RefusedError, Samples, Severity, UnavailableError
from tieline.protocols.dnp3.application import IIN, ObjectBlock
from tieline.protocols.dnp3.commands import OperateMode
from tieline.protocols.dnp3.master import (
    Answers,
    BufferOverflowed,
    DutyRefused,
    IinChanged,
    Master,
    MasterEvent,
    Measured,
    Outcome,
    Rank,
    Restarted,
    Result,
    StartedUp,
    TaskDone,
    Unanswered,
    Unreadable,
)
from tieline.protocols.dnp3.measurements import PointType

OnSamples = Callable[[Samples], None]
OnEvent = Callable[[Event], None]

DIAL_IN_S = 30.0
"""A device that dials in has this long until it is called lost."""

TICK_S = 0.5
CLOCK_STEP_S = 1.0
"""A step of the gateway's clock beyond this is passed on to the outstations that take the time from it."""

_MOST_NAMED = 5
_MODES = {
    "select_before_operate": OperateMode.SELECT_BEFORE_OPERATE,
    "direct_operate": OperateMode.DIRECT_OPERATE,
}

log = structlog.get_logger()


def dnp3_drivers(
    devices: Iterable[Dnp3Device],
    *,
    on_samples: OnSamples,
    on_event: OnEvent,
    clock: Clock,
    tls: TlsContext | None = None,
    random: Callable[[], float] = _random.random,
    channels: StationChannels | None = None,
    settle: Settle = at_once,
) -> list[Dnp3Driver]:
    """A driver for each device; those that name the same line, connection or socket share it, also with others in `channels`."""
    channels = channels or StationChannels(clock=clock, random=random, tls=tls)
    return [
        Dnp3Driver(
            device,
            channel=channels.of(device.connection),
            on_samples=on_samples,
            on_event=on_event,
            clock=clock,
            settle=settle,
        )
        for device in devices
    ]


class Dnp3Driver:
    """One outstation; see `Driver`."""

    def __init__(
        self,
        device: Dnp3Device,
        *,
        channel: StationChannel,
        on_samples: OnSamples,
        on_event: OnEvent,
        clock: Clock,
        settle: Settle = at_once,
    ) -> None:
        self.device = device
        self._settle = settle
        self._channel = channel
        self._on_samples = on_samples
        self._on_event = on_event
        self._clock = clock
        self._master = Master(settings_of(device, holds_confirmations=settle is not at_once))
        self._station = make_station(
            device.connection,
            local=device.master,
            remote=device.outstation,
            is_master=True,
            session=self._master,
            owner=self,
        )
        self._points = Acquisition(device.rows, device.points, reports_events=reports_events(device))
        self._rows = {point.id: row for point, row in zip(device.points, device.rows, strict=True)}
        self._event_delay_us = round(event_delay_s(device) * 1e6)
        silences = [point.reporting.max_silence_s for point in self._points.points]
        self._refresh_s = min(5.0, max(TICK_S, min(silences, default=5.0) / 2))
        self._is_held = asyncio.Event()
        self._commands: dict[int, asyncio.Future[Result]] = {}
        self._left_out: tuple[PointType, ...] = ()
        self._reads: dict[int, bool] = {}
        """Reads of what class 0 leaves out, by request; true where what does not come is missing."""
        self._unlisted_told = 0
        self._missing_told: frozenset[str] = frozenset()
        self._refusals: set[tuple[Rank, str]] = set()
        self._indications = IIN(0)
        self._takes_time = False
        self._is_up = False
        self._is_lost = False
        self._has_started = False
        self._has_channel = False
        self._lost_at: float | None = None
        self._why = "it does not answer"
        self._broken = self._refused = self._malformed = 0

    @property
    def health(self) -> DriverHealth:
        """A snapshot."""
        counters = self._master.counters
        return DriverHealth(
            is_up=self._is_up,
            requests=counters.requests,
            exceptions=self._refused,
            timeouts=counters.timeouts + self._broken,
            malformed=self._malformed,
        )

    async def run(self) -> None:
        """Acquires until cancelled."""
        listens = isinstance(self.device.connection, Dnp3TcpServer | Dnp3TlsServer)
        self._expect(DIAL_IN_S if listens else self._patience_s, "it has not dialed in" if listens else self._why)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._channel.run(self._station), name=f"channel of {self.device.path}")
            tasks.create_task(self._keep_time(), name=f"time of {self.device.path}")
            tasks.create_task(self._confirm_what_is_safe(), name=f"confirmations of {self.device.path}")

    async def write(self, point: PointId, value: float) -> None:
        """Operates the output and checks that the outstation confirms it; see `Driver.write`."""
        row = self._rows.get(point)
        if row is None or not GROUPS[row.group].is_written:
            raise RefusedError(f"{self.device.path} has no writable point {row.name if row else point}")
        command = command_of(row, value)
        if not self._is_up:
            raise UnavailableError(f"{self.device.path} does not answer")
        waiting: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        try:
            number = self._master.operate([(row.index, command)], _MODES[self.device.control], self._now())
        except LocalError as error:
            raise UnavailableError(f"{self.device.path} was not asked: {error}") from error
        self._commands[number] = waiting
        self._channel.wake(self._station)
        try:
            result = await waiting
        finally:
            self._commands.pop(number, None)
        error_found = error_of(f"{self.device.path}/{row.name}", result)
        if error_found is not None:
            self._refused += not isinstance(error_found, UnavailableError)
            raise error_found

    # What the channel says

    def on_activity(self, now: Now) -> None:
        """Takes the session's events."""
        for event in self._master.events():
            self._take(event, now)
        if self._master.held is not None:
            self._is_held.set()

    def on_channel(self, reason: str | None) -> None:
        """A connection came, ended, or could not be had."""
        if reason is None:
            self._has_channel = True
            return
        self._broken += 1
        self._why = reason
        if self._has_channel:
            self._has_channel = False
            self._expect(self._patience_s, reason)
        else:
            self._lose(reason)

    # What the session says

    def _take(self, event: MasterEvent, now: Now) -> None:
        match event:
            case Measured():
                self._hand_on(self._points.take(event))
            case Answers():
                self._is_up = True
                self._lost_at = None
            case Unanswered(why):
                self._unanswered(why)
            case StartedUp():
                self._started(now)
            case IinChanged(iin):
                self._indicate(iin)
            case Restarted():
                self._report("device_restarted", Severity.WARNING, f"{self.device.path} has restarted")
            case BufferOverflowed():
                text = f"{self.device.path} has lost events: more happened than it could keep"
                self._report("device_events_lost", Severity.ERROR, text)
            case DutyRefused(duty, result):
                self._refuse(duty, result, now)
            case TaskDone(request, result):
                self._end(request, result, now)
            case Unreadable(what, fault):
                self._malformed += 1
                log.info("unreadable", device=self.device.path, what=what, fault=str(fault or ""))
            case _:
                assert_never(event)

    def _started(self, now: Now) -> None:
        self._has_started = True
        self._lost_at = None
        if self._is_lost:
            self._is_lost = False
            self._report("device_restored", Severity.INFO, f"{self.device.path} answers again")
        self._tell_unlisted()
        self._left_out = self._points.missing_kinds()
        self._read_left_out(now, is_first=True)

    def _read_left_out(self, now: Now, *, is_first: bool = False) -> None:
        """Asks by name for what class 0 does not hold; what belongs to it is for the device to say."""
        if self._left_out:
            blocks = [ObjectBlock.all(kind.static) for kind in self._left_out]
            number = self._ask(lambda: self._master.read(blocks, now))
            if number is not None:
                self._reads[number] = is_first
                self._channel.wake(self._station)

    def _end(self, request: int, result: Result, now: Now) -> None:
        waiting = self._commands.get(request)
        if waiting is not None and not waiting.done():
            waiting.set_result(result)
        elif self._reads.pop(request, False) and result.outcome in {Outcome.DONE, Outcome.REFUSED}:
            self._give_up_missing(now)

    def _give_up_missing(self, now: Now) -> None:
        missing = frozenset(point.name for point in self._points.missing())
        if not missing:
            return
        self._hand_on(self._points.give_up_missing(now.utc_us))
        if missing != self._missing_told:
            self._missing_told = missing
            text = f"{self.device.path} does not report {len(missing)} points of its list: {_some(sorted(missing))}"
            self._report("points_missing", Severity.WARNING, text)

    def _tell_unlisted(self) -> None:
        unlisted = self._points.unlisted
        names = [f"{GROUPS[kind.static].name} {index}" for kind, indexes in unlisted.items() for index in indexes]
        if len(names) > self._unlisted_told:
            text = f"{self.device.path} reports {len(names)} points that are not on its list: {_some(names)}"
            self._report("points_unlisted", Severity.INFO, text)
        self._unlisted_told = len(names)

    def _indicate(self, iin: IIN) -> None:
        self._takes_time |= bool(iin & IIN.NEED_TIME)
        before, self._indications = self._indications, iin
        for kind, severity, words in changes(before, iin):
            self._report(kind, severity, f"{self.device.path} {words}")

    def _refuse(self, duty: Rank, result: Result, now: Now) -> None:
        if duty is Rank.DISABLE_UNSOLICITED:  # it has no unsolicited responses, and so there are none to hold back
            return
        self._refused += 1
        if (duty, result.why) not in self._refusals:
            self._refusals.add((duty, result.why))
            self._tell_refusal(duty, result)
        if duty is Rank.INTEGRITY and not self._has_started:
            self._started(now)

    def _tell_refusal(self, duty: Rank, result: Result) -> None:
        words = DUTIES.get(duty, duty.name.lower())
        self._report("request_refused", Severity.WARNING, f"{self.device.path} refuses {words}: {result.why}")

    # Whether it is there

    @property
    def _patience_s(self) -> float:
        """How long after a connection ended another one may take to bring an answer."""
        connection = self.device.connection
        return connection.timeout_s * (connection.retries + 1)

    def _unanswered(self, why: str) -> None:
        self._is_up = self._has_started = False
        self._why = why
        if self._station.link.is_open:
            self._lose(why)
        else:
            self._expect(self._patience_s, why)

    def _expect(self, wait_s: float, why: str) -> None:
        self._why = why
        if self._lost_at is None and not self._is_lost:
            self._lost_at = self._clock.monotonic() + wait_s

    def _lose(self, why: str) -> None:
        self._lost_at = None
        self._has_started = False
        if not self._is_lost:
            self._is_lost = True
            self._report("device_lost", Severity.ERROR, f"{self.device.path} is lost: {why}")
        self._hand_on(self._points.lose(self._clock.now_us()))

    async def _confirm_what_is_safe(self) -> None:
        while True:
            await self._is_held.wait()
            self._is_held.clear()
            mark = self._master.held
            if mark is None:
                continue
            try:
                await self._settle()
            except UnavailableError as error:
                log.warning("events not confirmed", device=self.device.path, reason=str(error))
                self._master.distrust(mark)
            else:
                self._master.release(mark, self._now())
            self._channel.wake(self._station)

    # What time brings

    async def _keep_time(self) -> None:
        next_refresh = self._clock.monotonic()
        integrity_s = self.device.polls.integrity_s or float("inf")
        next_read = self._clock.monotonic() + integrity_s
        offset_s = self._offset_s()
        while True:
            await asyncio.sleep(TICK_S)
            before_s, offset_s = offset_s, self._offset_s()
            if abs(offset_s - before_s) > CLOCK_STEP_S:
                self._step_clock(offset_s - before_s)
            if self._lost_at is not None and self._clock.monotonic() >= self._lost_at:
                self._lose(self._why)
            self._hand_on(self._points.settle(self._clock.now_us()))
            if self._clock.monotonic() >= next_refresh:
                next_refresh = self._clock.monotonic() + self._refresh_s
                self._refresh()
            if self._clock.monotonic() >= next_read:
                next_read = self._clock.monotonic() + integrity_s
                if self._is_up and self._has_started:
                    self._read_left_out(self._now())

    def _refresh(self) -> None:
        now_us = self._clock.now_us()
        is_started = self._is_up and self._has_started
        if self._is_lost or is_started:
            self._hand_on(self._points.repeat_absent(now_us))
        if is_started:
            self._hand_on(self._points.refresh(now_us - self._event_delay_us))

    def _step_clock(self, step_s: float) -> None:
        log.warning("clock stepped", device=self.device.path, step_s=round(step_s, 3))
        self._points.clock_stepped(self._clock.now_us())
        if self._is_up and self._takes_time and self.device.time_synchronization != "off":
            self._ask(lambda: self._master.synchronize_time(self._now()))
            self._channel.wake(self._station)

    def _ask(self, begin: Callable[[], int]) -> int | None:
        """Begins a request of our own; None where too many wait already."""
        try:
            return begin()
        except LocalError as error:
            log.warning("request not made", device=self.device.path, reason=str(error))
            return None

    def _offset_s(self) -> float:
        return self._clock.now_us() / 1e6 - self._clock.monotonic()

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())

    # To the gateway

    def _hand_on(self, samples: Samples) -> None:
        if len(samples):
            self._on_samples(samples)

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


def _some(names: Sequence[str]) -> str:
    named = ", ".join(names[:_MOST_NAMED])
    return named if len(names) <= _MOST_NAMED else f"{named} and {len(names) - _MOST_NAMED} more"
