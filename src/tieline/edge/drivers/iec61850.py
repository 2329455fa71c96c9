"""IEC 61850 servers as devices: an association with the model checked, reports into samples, polls where no report comes, controls.

    away ──(associated, model read, blocks enabled)──► up ──(association ended, silence)──► away ──(back-off)──► ...

What the device has other than the list says is told, point by point, and the rest works. A device that is lost keeps its values, invalid
and old. When it is back, buffered reports bring what happened in between, each once (`edge.iec61850.subscription`).
"""

from __future__ import annotations

import asyncio
import random as _random
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from tieline.config.device import Device
from tieline.config.transports import TlsFiles
from tieline.edge.driver import DriverHealth, UnconfirmedError
from tieline.edge.iec61850.acquisition import NO_ACCESS, UNKNOWN_POINT, Acquisition
from tieline.edge.iec61850.client import Association, associate
from tieline.edge.iec61850.controlling import Controls
from tieline.edge.iec61850.directory import Directory, Meanings
from tieline.edge.iec61850.settings import Iec61850Settings
from tieline.edge.iec61850.subscription import Subscription, UnusableError
from tieline.io import Backoff, Clock, Ticker
from tieline.model import Event, PointId, Quality, RefusedError, RemoteError, Samples, Severity, TielineError, UnavailableError
from tieline.protocols.iec61850.mms.control import Command, control_informed
from tieline.protocols.iec61850.mms.errors import RejectError, ServiceError
from tieline.protocols.iec61850.mms.layout import Columns, Member, Plan
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.reports import LIST_NAME, decode_report
from tieline.protocols.iec61850.mms.session import Informed

TlsContext = Callable[[TlsFiles], ssl.SSLContext]
OnSamples = Callable[[Samples], None]
OnEvent = Callable[[Event], None]

READ_TOGETHER = 32
"""Variables that a poll reads in one request."""

REPORT_DELAY_S = 2.0
"""A report of a change is here by then, the time for which a block collects changes not counted."""

TICK_S = 0.5
CLOCK_STEP_S = 1.0
MOST_NAMED = 20
"""Points that are missing are told one by one up to so many, the others by their number."""

_NO_OBJECT = {4, 5, 10}

log = structlog.get_logger()


@dataclass(slots=True)
class _Poll:
    """Variables that are read in one request."""

    names: tuple[Name, ...]
    members: tuple[Member, ...]
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.plan = Plan(self.members)

    @property
    def rows(self) -> list[int]:
        return sorted({row for member in self.members for row in member.rows})

    def halves(self) -> list[_Poll]:
        """The same in two requests."""
        middle = len(self.names) // 2
        return [_Poll(self.names[:middle], self.members[:middle]), _Poll(self.names[middle:], self.members[middle:])]


class Iec61850Driver:
    """One server; see `Driver`."""

    def __init__(
        self,
        device: Device,
        *,
        settings: Iec61850Settings,
        on_samples: OnSamples,
        on_event: OnEvent,
        clock: Clock,
        tls: TlsContext | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.device = device
        self._settings = settings
        self._on_samples = on_samples
        self._on_event = on_event
        self._clock = clock
        self._tls = tls
        self._backoff = Backoff(random)
        self._acquisition = Acquisition(settings.monitored)
        self._controlled = {each.point.id: each for each in settings.controlled}
        self._controls = Controls(connected=self._connected, clock=clock, termination_timeout_s=settings.command_timeout_s)
        self._subscriptions = [
            Subscription(block, self._tell_once, reservation_s=settings.reservation_s)
            for block in sorted(
                settings.reports, key=lambda block: not block.is_buffered
            )  # a point of both kinds is taken from the better
        ]
        self._association: Association | None = None
        self._directory: Directory | None = None
        self._meanings = Meanings((), Directory())
        self._polls: list[_Poll] = []
        self._ended: asyncio.Future[str] | None = None
        self._told: set[tuple[str, str]] = set()
        self._is_up = False
        self._is_lost = False
        self._requests = self._exceptions = self._timeouts = self._malformed = self._overruns = 0
        delay_s = max((block.buffer_time_s for block in settings.reports), default=0.0) + REPORT_DELAY_S
        self._delay_us = round(delay_s * 1e6)
        silences = [each.point.reporting.max_silence_s for each in settings.monitored]
        self._refresh_s = min(5.0, max(TICK_S, min(silences, default=5.0) / 2))

    @property
    def health(self) -> DriverHealth:
        """A snapshot."""
        association = self._association
        return DriverHealth(
            is_up=self._is_up,
            requests=self._requests + (association.requests if association else 0),
            exceptions=self._exceptions,
            timeouts=self._timeouts + (association.timeouts if association else 0),
            malformed=self._malformed,
            overruns=self._overruns,
        )

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """Its report control blocks, for whoever wants to know how they are."""
        return tuple(self._subscriptions)

    def remember(self) -> dict[str, Any]:
        """Where its buffered reports have got to, by the names of their blocks."""
        return {str(each.block.name): state for each in self._subscriptions if (state := each.remember())}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on there."""
        for each in self._subscriptions:
            if isinstance(held := state.get(str(each.block.name)), dict):
                each.recall(held)

    async def run(self) -> None:
        """Acquires until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_associated(), name=f"association of {self.device.path}")
            tasks.create_task(self._keep_time(), name=f"time of {self.device.path}")

    async def write(self, point: PointId, value: float) -> None:
        """Operates the object with what its settings say of origin, checks and test; see `Driver.write`."""
        controlled = self._controlled.get(point)
        if controlled is None:
            raise RefusedError(f"{self.device.path} has no writable point {point}")
        command = Command(
            value=(value - controlled.offset) / controlled.scale,
            category=controlled.category,
            identity=controlled.identity.encode(),
            test=controlled.test,
            interlock_check=controlled.interlock_check,
            synchro_check=controlled.synchro_check,
        )
        try:
            await self.operate(point, command)
        except RemoteError:
            self._exceptions += 1
            raise

    async def operate(self, point: PointId, command: Command) -> None:
        """Operates the object; the command's value is the device's, without scale. Raises as `Driver.write` does."""
        controlled = self._controlled.get(point)
        if controlled is None:
            raise RefusedError(f"{self.device.path} has no writable point {point}")
        path = f"{self.device.path}/{controlled.point.name}"
        try:
            await self._controls.operate(controlled, command)
        except TielineError as error:
            raise _kind_of(error)(f"{path}: {error}") from error

    # The association

    def _connected(self) -> tuple[Association, Directory] | None:
        if self._association is None or not self._association.is_open or self._directory is None:
            return None
        return self._association, self._directory

    async def _keep_associated(self) -> None:
        while True:
            try:
                reason = await self._associate_once()
            except asyncio.CancelledError:
                await self._let_go("Tieline stops")
                raise
            except TielineError as error:
                self._exceptions += isinstance(error, ServiceError)
                self._malformed += isinstance(error, RemoteError) and not isinstance(error, ServiceError | RejectError)
                self._timeouts += isinstance(error, UnavailableError)
                reason = str(error)
            except ExceptionGroup as group:
                reason = _reason_of(group)
            except Exception as error:
                log.exception("driver failed", device=self.device.path)
                reason = f"an error of ours: {error}"
            await self._let_go(reason)
            self._lose(reason)
            await asyncio.sleep(self._backoff.next_wait())

    async def _associate_once(self) -> str:
        """One association from its beginning to its end, and why it ended."""
        settings = self._settings
        self._ended = asyncio.get_running_loop().create_future()
        self._association = association = await associate(
            settings.host,
            settings.port,
            timeout_s=settings.timeout_s,
            on_informed=self._informed,
            on_closed=self._closed,
            tls=self._context(),
            server_name=settings.tls.server_name if settings.tls is not None else None,
            selectors=settings.selectors,
        )
        await self._learn(association)
        self._is_up = True
        if self._is_lost:
            self._is_lost = False
            self._report("device_restored", Severity.INFO, f"{self.device.path} answers again")
        self._backoff.reset()
        async with asyncio.TaskGroup() as tasks:
            duties = [
                tasks.create_task(self._poll(association), name=f"poll {self.device.path}"),
                tasks.create_task(self._watch(association), name=f"watch {self.device.path}"),
                tasks.create_task(self._enable_again(association), name=f"reports of {self.device.path}"),
            ]
            reason = await self._ended
            for duty in duties:
                duty.cancel()
        return reason

    def _context(self) -> ssl.SSLContext | None:
        """Made anew for each association, so that certificates that were renewed are taken."""
        files = self._settings.tls
        if files is None:
            return None
        if self._tls is None:
            raise UnavailableError(f"{self._settings.host} wants TLS, and there are no certificates for it")
        try:
            return self._tls(files)
        except (OSError, ValueError, TielineError) as error:
            raise UnavailableError(f"the certificates for {self._settings.host} cannot be used: {error}") from error

    def _closed(self, reason: str) -> None:
        self._controls.disconnected(reason)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    async def _let_go(self, reason: str) -> None:
        self._is_up = False
        association, self._association = self._association, None
        self._directory = None
        for subscription in self._subscriptions:
            subscription.disconnected()
        self._controls.disconnected(reason)
        if association is not None:
            association.close()
            self._requests += association.requests
            self._timeouts += association.timeouts
            await association.wait_closed()

    def _lose(self, reason: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._report("device_lost", Severity.ERROR, f"{self.device.path} is lost: {reason}")
        self._hand_on(self._acquisition.lose(self._clock.now_us()))

    # What the device has

    async def _learn(self, association: Association) -> None:
        """Reads the model, tells what differs from the list, and enables what reports."""
        points = self._settings.monitored
        names = [name for each in points for name in (each.value, each.quality, each.time) if name is not None]
        names += [name for each in self._settings.controlled for name in _control_names(each.target)]
        names += [name for each in self._subscriptions for name in each.names]
        self._directory = directory = await Directory.load(association, names)
        self._meanings = meanings = Meanings(points, directory)
        self._tell_missing(meanings, directory)
        for subscription in self._subscriptions:
            if not subscription.wants_data_set:
                await self._enable(association, subscription)
        await self._enable_made(association)
        self._plan_polls()

    def _tell_missing(self, meanings: Meanings, directory: Directory) -> None:
        missing = [(self._settings.monitored[row].point.name, name) for row, name in meanings.missing.items()]
        missing += [(each.point.name, each.target) for each in self._settings.controlled if directory.find(each.target) is None]
        for point, name in missing[:MOST_NAMED]:
            self._tell_once("points_missing", Severity.WARNING, f"{self.device.path}/{point}: the device has no {name}")
        if len(missing) > MOST_NAMED:
            text = f"{self.device.path} does not have {len(missing)} points of its list, of which {MOST_NAMED} were named"
            self._tell_once("points_missing", Severity.WARNING, text)
        rows = np.array(sorted(meanings.missing), np.intp)
        self._hand_on(self._acquisition.mark(rows, UNKNOWN_POINT, self._clock.now_us()))

    async def _enable(self, association: Association, subscription: Subscription, to_cover: tuple[Name, ...] = ()) -> bool:
        directory = self._directory
        if directory is None:
            return False
        try:
            await subscription.enable(
                association, directory, self._meanings, to_cover=to_cover, claimed=self._claimed_from(subscription)
            )
            if subscription.block.is_buffered:  # it has what happened meanwhile; others that stood in for it have not
                rows = self._meanings.covered(subscription.members)
                for other in self._subscriptions:
                    if other.is_enabled and not other.block.is_buffered:
                        other.leave(rows)
        except UnusableError as error:
            text = f"{self.device.path}: no reports of {subscription.block.name}, its points are read instead: {error}"
            self._tell_once("reports_unavailable", Severity.WARNING, text)
            return False
        self._told = {
            told for told in self._told if str(subscription.block.name) not in told[1] or told[0] != "reports_unavailable"
        }
        return True

    def _claimed_from(self, subscription: Subscription) -> set[int]:
        """Rows that others report which are as good: a buffered block yields to buffered ones only."""
        is_buffered = subscription.block.is_buffered
        as_good = [each for each in self._subscriptions if each.is_enabled and (each.block.is_buffered or not is_buffered)]
        return self._meanings.covered(member for each in as_good for member in each.members)

    async def _enable_made(self, association: Association) -> None:
        """Data sets are made of what the others do not have."""
        for subscription in self._subscriptions:
            if subscription.wants_data_set and not subscription.is_enabled:
                rows = self._uncovered()
                if rows:
                    await self._enable(association, subscription, tuple(self._meanings.to_read(rows)))

    def _uncovered(self) -> list[int]:
        members = [member for each in self._subscriptions if each.is_enabled for member in each.members]
        covered = self._meanings.covered(members)
        return [row for row in range(len(self._acquisition)) if row not in covered and row not in self._meanings.missing]

    def _plan_polls(self) -> None:
        """Reads what no report brings."""
        uncovered = set(self._uncovered())
        missing = self._meanings.missing
        rows = [row for row in range(len(self._acquisition)) if row not in uncovered and row not in missing]
        self._acquisition.follow(np.array(rows, np.intp))
        chosen = [(name, self._meanings.member(name)) for name in self._meanings.to_read(sorted(uncovered))]
        known = [(name, member) for name, member in chosen if member is not None]
        self._polls = [
            _Poll(tuple(name for name, _ in part), tuple(member for _, member in part))
            for part in (known[start : start + READ_TOGETHER] for start in range(0, len(known), READ_TOGETHER))
        ]

    # What the device reports

    def _informed(self, informed: Informed) -> None:
        """An information report; called by the association, which takes no error from here."""
        try:
            if informed.list_name == LIST_NAME:
                self._take_report(informed.results)
            else:
                said = control_informed(informed)
                if said is not None:
                    self._controls.informed(said)
        except RemoteError as error:
            self._malformed += 1
            log.info("unreadable", device=self.device.path, fault=str(error))

    def _take_report(self, results: bytes) -> None:
        report = decode_report(results)
        subscription = next((each for each in self._subscriptions if each.is_mine(report)), None)
        if subscription is None:
            return
        taken = subscription.take(report)
        if taken is not None:
            received_us = self._clock.now_us()
            self._hand_on(self._acquisition.take(taken.columns, received_us=received_us, entry_us=taken.entry_us))
            for code, rows in subscription.denied_rows(taken.columns).items():
                self._hand_on(self._acquisition.mark(rows, _quality_of(code), received_us))
        subscription.handed_on(report)

    # What is read

    async def _poll(self, association: Association) -> None:
        ticker = Ticker(self._settings.poll_s, self._clock.monotonic())
        while True:
            for poll in list(self._polls):
                await self._read(association, poll)
            now = self._clock.monotonic()
            tick = ticker.next_tick(now)
            await asyncio.sleep(tick - now)

    async def _read(self, association: Association, poll: _Poll) -> None:
        try:
            body = await association.read_encoded(poll.names)
            columns = poll.plan.decode(body, np.arange(len(poll.members)))
        except (ServiceError, RejectError) as error:
            self._exceptions += 1
            if len(poll.names) > 1:  # what is too long for one answer is asked for in two
                self._polls = [part for each in self._polls for part in (each.halves() if each is poll else [each])]
                return
            self._tell_once(
                "request_refused", Severity.WARNING, f"{self.device.path} does not let {poll.names[0]} be read: {error}"
            )
            self._mark(np.array(poll.rows, np.intp), NO_ACCESS)
        except RemoteError as error:
            self._malformed += 1
            log.info("unreadable", device=self.device.path, what="read", fault=str(error))
            self._mark(np.array(poll.rows, np.intp), NO_ACCESS)
        except UnavailableError:
            self._mark(np.array(poll.rows, np.intp), Quality.INVALID | Quality.OLD_DATA)
        else:
            self._take_read(poll, columns)

    def _take_read(self, poll: _Poll, columns: Columns) -> None:
        self._hand_on(self._acquisition.take(columns, received_us=self._clock.now_us(), is_poll=True))
        for place, code in [*columns.denied, *((place, -1) for place in columns.misshapen)]:
            self._mark(np.array(poll.members[place].rows, np.intp), _quality_of(code))

    def _mark(self, rows: np.ndarray[tuple[int], np.dtype[np.intp]], quality: Quality) -> None:
        self._hand_on(self._acquisition.mark(rows, quality, self._clock.now_us()))

    # Whether it is there

    async def _watch(self, association: Association) -> None:
        """Asks a silent device whether it is there; TCP would notice after many minutes that it is not."""
        loop = asyncio.get_running_loop()
        while True:
            wait_s = association.silent_since + self._settings.keepalive_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            try:
                await association.ask_alive()
            except UnavailableError as error:
                self._closed(f"it does not answer: {error}")
                return

    async def _enable_again(self, association: Association) -> None:
        while True:
            await asyncio.sleep(self._settings.enable_again_s)
            waiting = [each for each in self._subscriptions if not each.is_enabled]
            for subscription in waiting:
                if not subscription.wants_data_set:
                    await self._enable(association, subscription)
            await self._enable_made(association)
            if any(each.is_enabled for each in waiting):
                self._plan_polls()

    # What time brings

    async def _keep_time(self) -> None:
        next_refresh = self._clock.monotonic()
        offset_s = self._offset_s()
        while True:
            await asyncio.sleep(TICK_S)
            before_s, offset_s = offset_s, self._offset_s()
            if abs(offset_s - before_s) > CLOCK_STEP_S:
                log.warning("clock stepped", device=self.device.path, step_s=round(offset_s - before_s, 3))
                self._acquisition.clock_stepped(self._clock.now_us())
            self._forsake_silent()
            if self._clock.monotonic() >= next_refresh:
                next_refresh = self._clock.monotonic() + self._refresh_s
                now_us = self._clock.now_us()
                if self._is_up or self._is_lost:
                    self._hand_on(self._acquisition.repeat_absent(now_us))
                if self._is_up:
                    self._hand_on(self._acquisition.refresh(now_us - self._delay_us))

    def _forsake_silent(self) -> None:
        """Reads what blocks reported that do not report any more; their values would look true for ever."""
        now_s = self._clock.monotonic()
        silent = [each for each in self._subscriptions if each.is_silent(now_s)]
        for each in silent:
            each.forsake()
            text = f"{self.device.path}: {each.block.name} has stopped to report, its points are read until it does again"
            self._tell_once("reports_unavailable", Severity.WARNING, text)
        if silent and self._is_up:
            self._plan_polls()

    def _offset_s(self) -> float:
        return self._clock.now_us() / 1e6 - self._clock.monotonic()

    # To the gateway

    def _hand_on(self, samples: Samples) -> None:
        if len(samples):
            self._on_samples(samples)

    def _tell_once(self, kind: str, severity: Severity, text: str) -> None:
        """Tells something of the device that stays as it is, once; losses each time."""
        if kind in {"model_differs", "points_missing", "reports_unavailable", "request_refused"}:
            if (kind, text) in self._told:
                return
            self._told.add((kind, text))
        self._report(kind, severity, text if text.startswith(self.device.path) else f"{self.device.path}: {text}")

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


def _control_names(target: Name) -> Iterable[Name]:
    yield target
    if "$CO$" in target.item:
        yield Name(target.domain, target.item.replace("$CO$", "$CF$", 1))


def _quality_of(code: int) -> Quality:
    return UNKNOWN_POINT if code in _NO_OBJECT else NO_ACCESS


def _kind_of(error: TielineError) -> type[TielineError]:
    """The kind of error by which `Driver.write` says what happened."""
    kinds = (UnconfirmedError, UnavailableError, RefusedError, RemoteError)
    return next((kind for kind in kinds if isinstance(error, kind)), UnconfirmedError)


def _reason_of(group: BaseExceptionGroup[BaseException]) -> str:
    """What the first of several errors says; those that are not ours are mistakes, and are logged."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if not isinstance(first, TielineError):
        log.error("driver failed", exc_info=first)
        return f"an error of ours: {first}"
    return str(first)
