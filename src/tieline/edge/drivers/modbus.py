"""Modbus devices: poll groups on one connection, writes between them, and what becomes of everything that goes wrong.

A `ModbusLine` is a channel on which one request is outstanding at a time: a TCP or TLS connection of one device, or a serial line
that several devices share. Whoever wants to ask queues for it in order of arrival, one request at a time, so a long poll group
delays a short one by a single request, and a device in silence delays its neighbors by a single timeout.

A poll group is a task of its own on a grid of ticks. Each cycle asks for its blocks, marks those that failed, decodes the group's image
once and hands over one sample of each point, always in the same order.

    up ──(connection refused or broken; second failure in a row)──► away ──(back-off over)──► probing ──(answer)──► up
                                                                     ▲                           │
                                                                     └────(failure: doubled)─────┘

While a device is away nothing is sent to it and its points are marked. On a serial line nothing tells a late answer from the next one,
so a read that was not answered is repeated at once, before anything else is asked: a late answer is then one to the same question. The
line then keeps silent for the time an answer may take, because a second one may follow; after a second failure the device is left alone
for the back-off. `device_lost` is reported at the second failure in a row, or at once where
there is no connection; `device_restored` with the first answer after it.
"""

from __future__ import annotations

import asyncio
import random as _random
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tieline.config import ModbusDevice, TlsFiles
from tieline.config.modbus import Connection, ModbusRow, RtuConnection, TlsConnection
from tieline.edge.driver import DriverHealth, UnconfirmedError
from tieline.io import Backoff, Channel, Clock, Ticker, open_serial, open_tcp
from tieline.model import Event, PointId, Quality, RefusedError, Samples, Severity, TielineError, UnavailableError
from tieline.protocols.modbus import (
    Block,
    DeviceExceptionError,
    ExceptionCode,
    Image,
    ReadModifyWrite,
    ReadRequest,
    ResponseError,
    RtuSession,
    Session,
    StreamError,
    TcpSession,
    Write,
    WriteRequest,
    encode_write,
    plan_reads,
    split_block,
)

TlsContext = Callable[[TlsFiles], ssl.SSLContext]
OnSamples = Callable[[Samples], None]
OnEvent = Callable[[Event], None]
_T = TypeVar("_T")

MERGE_AGAIN_S = 300.0
"""How long a split of a block, and a point whose address the device does not know, are taken for granted."""

START_SPREAD_S = 1.0
"""The first cycle of a poll group comes within this time, or its period where that is shorter."""

ASK_AGAIN_S = 30.0
"""After this time a group with a longer period asks again for what was not answered."""

NO_ANSWER = Quality.INVALID | Quality.OLD_DATA
FAILED = Quality.INVALID | Quality.FAILURE
UNKNOWN_ADDRESS = Quality.INVALID | Quality.BAD_REFERENCE
EXCEPTION_QUALITY: dict[int, Quality] = {
    ExceptionCode.ILLEGAL_FUNCTION: UNKNOWN_ADDRESS,
    ExceptionCode.ILLEGAL_DATA_ADDRESS: UNKNOWN_ADDRESS,
    ExceptionCode.ILLEGAL_DATA_VALUE: UNKNOWN_ADDRESS,
    ExceptionCode.SERVER_DEVICE_FAILURE: FAILED,
    ExceptionCode.ACKNOWLEDGE: NO_ANSWER,
    ExceptionCode.SERVER_DEVICE_BUSY: NO_ANSWER,
    ExceptionCode.MEMORY_PARITY_ERROR: FAILED,
    ExceptionCode.GATEWAY_PATH_UNAVAILABLE: NO_ANSWER,
    ExceptionCode.GATEWAY_TARGET_FAILED: NO_ANSWER,
}
"""What an exception makes of its points; codes outside of the standard are failures."""

_FROM_GATEWAY = {ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED}
_MAY_HAVE_ACTED = {ExceptionCode.ACKNOWLEDGE, ExceptionCode.GATEWAY_TARGET_FAILED}
_WORTH_SPLITTING = {ExceptionCode.ILLEGAL_DATA_ADDRESS, ExceptionCode.ILLEGAL_DATA_VALUE}


class ModbusLine:
    """A channel to one device, or to all devices of a serial line; one request at a time."""

    def __init__(self, connection: Connection, *, clock: Clock, tls: TlsContext | None = None) -> None:
        self.connection = connection
        self.lock = asyncio.Lock()
        """Held around `transact`, and around several where nothing may come between them."""
        self.session: Session = RtuSession() if isinstance(connection, RtuConnection) else TcpSession()
        self._clock = clock
        self._tls = tls
        self._channel: Channel | None = None
        self._waiting: asyncio.Future[tuple[bytes, int]] | None = None
        self._users = 0
        self._silence_s = 0.0
        self._silent_until = float("-inf")
        if isinstance(connection, RtuConnection):
            # At least 3.5 characters of 11 bits between frames, 1.75 ms above 19,200 baud (Serial Line V1.02, clause 2.5.1.1).
            self._silence_s = max(0.00175, 3.5 * 11 / connection.baud_rate)

    async def transact(self, unit: int, pdu: bytes, timeout_s: float) -> tuple[bytes, int]:
        """Sends one request and gives the answer's PDU with the time at which it arrived; opens the channel where needed.

        Raises `UnavailableError` where nothing could be sent, `UnconfirmedError` where no answer came, `ResponseError` where it was
        none to this request.
        """
        if self._silence_s and (wait_s := self._silent_until - self._clock.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        if self._channel is None or not self._channel.is_open:
            self._channel = await self._open(timeout_s)
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[tuple[bytes, int]] = loop.create_future()
        self._waiting = waiting
        timer = loop.call_later(timeout_s, self._fail, UnconfirmedError(f"no answer within {timeout_s:g} s"))
        self._channel.send(self.session.request(unit, pdu))
        try:
            return await waiting
        finally:
            timer.cancel()
            self.session.abandon()
            self._waiting = None

    async def _open(self, timeout_s: float) -> Channel:
        self.session.reset()
        connection = self.connection
        if isinstance(connection, RtuConnection):
            return await open_serial(
                connection.serial_port,
                self,
                baud_rate=connection.baud_rate,
                parity=connection.parity,
                stop_bits=connection.stop_bits,
            )
        if not isinstance(connection, TlsConnection):
            return await open_tcp(connection.host, connection.port, self, timeout_s=timeout_s)
        if self._tls is None:
            raise UnavailableError(f"{connection.host} wants TLS, and there are no certificates for it")
        try:
            context = self._tls(connection)
        except (OSError, ValueError, TielineError) as error:
            raise UnavailableError(f"the certificates for {connection.host} cannot be used: {error}") from error
        return await open_tcp(
            connection.host, connection.port, self, timeout_s=timeout_s, tls=context, server_name=connection.server_name
        )

    def keep_silent(self, wait_s: float) -> None:
        """Nothing is sent for that long; what arrives meanwhile is dropped."""
        self._silent_until = max(self._silent_until, self._clock.monotonic() + wait_s)

    def received(self, data: bytes) -> None:
        """Bytes from the channel."""
        if self._silence_s:
            self.keep_silent(self._silence_s)
        try:
            answer = self.session.receive(data)
        except StreamError as error:
            self.close()
            self._fail(error)
        except ResponseError as error:
            self._fail(error)
        else:
            if answer is not None and self._waiting is not None and not self._waiting.done():
                self._waiting.set_result((answer, self._clock.now_us()))

    def closed(self, reason: str) -> None:
        """The channel ended."""
        self._channel = None
        self._fail(UnconfirmedError(f"the connection broke: {reason}"))

    def _fail(self, error: TielineError) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    @property
    def is_open(self) -> bool:
        """Whether there is a channel."""
        return self._channel is not None

    def close(self) -> None:
        """Ends the channel; the next request opens another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def join(self) -> None:
        """One more user."""
        self._users += 1

    async def leave(self) -> None:
        """One user less; with the last one the channel ends."""
        self._users -= 1
        if not self._users and self._channel is not None:
            channel = self._channel
            self.close()
            await channel.wait_closed()


def modbus_drivers(
    devices: Iterable[ModbusDevice],
    *,
    on_samples: OnSamples,
    on_event: OnEvent,
    clock: Clock,
    tls: TlsContext | None = None,
    random: Callable[[], float] = _random.random,
) -> list[ModbusDriver]:
    """A driver for each Modbus device; those on one serial port share its line. Raises `ConfigError` for a value no request can hold."""
    lines: dict[str, ModbusLine] = {}
    drivers = []
    for device in devices:
        connection = device.connection
        line = ModbusLine(connection, clock=clock, tls=tls)
        if isinstance(connection, RtuConnection):
            line = lines.setdefault(connection.serial_port, line)
        drivers.append(ModbusDriver(device, line=line, on_samples=on_samples, on_event=on_event, clock=clock, random=random))
    return drivers


@dataclass(slots=True)
class _Group:
    """A poll group: its image, and the split that the device forced on it."""

    name: str
    period_s: float
    rows: tuple[ModbusRow, ...]
    merged: tuple[Block, ...]
    image: Image
    rejected: set[ReadRequest] = field(default_factory=set)
    """Requests that are not asked for any more, because the device does not know the address and they cannot be split."""
    merge_at: float = float("inf")
    answered: set[ReadRequest] = field(default_factory=set)
    """Requests that the device has ever answered, be it with an exception."""
    silent: dict[ReadRequest, float] = field(default_factory=dict)
    """Requests that it does not answer although it answers others, and when to try them again."""
    is_complete: bool = True
    """Whether every block was answered in the last cycle, be it by an exception."""
    cycle_share: float | None = None
    """How long the last cycle took, of the period."""


class ModbusDriver:
    """One Modbus device; see `Driver`."""

    def __init__(
        self,
        device: ModbusDevice,
        *,
        line: ModbusLine,
        on_samples: OnSamples,
        on_event: OnEvent,
        clock: Clock,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.device = device
        self._line = line
        self._on_samples = on_samples
        self._on_event = on_event
        self._clock = clock
        self._unit = device.connection.unit
        self._timeout_s = device.connection.timeout_s
        self._is_shared = isinstance(device.connection, RtuConnection)
        self._rows = {point.id: row for point, row in zip(device.points, device.rows, strict=True)}
        self._groups = [self._make_group(name, period_s) for name, period_s in device.polls.items()]
        self._random = random
        self._backoff = Backoff(random)
        self._away_until = float("-inf")
        self._failures = 0
        self._is_lost = False
        self._is_up = False
        self._has_answered = False
        """It answered since it was last away."""
        self._requests = self._exceptions = self._timeouts = self._malformed = self._overruns = 0

    def _make_group(self, name: str, period_s: float) -> _Group:
        chosen = [(row, point) for row, point in zip(self.device.rows, self.device.points, strict=True) if row.poll == name]
        rows = tuple(row for row, _ in chosen)
        limits = self.device.connection
        blocks = plan_reads(rows, max_registers=limits.max_registers, max_bits=limits.max_bits, max_gap=limits.max_gap)
        return _Group(name, period_s, rows, blocks, Image(rows, [point.id for _, point in chosen], blocks))

    @property
    def health(self) -> DriverHealth:
        """A snapshot."""
        return DriverHealth(
            is_up=self._is_up,
            requests=self._requests,
            exceptions=self._exceptions,
            timeouts=self._timeouts,
            malformed=self._malformed,
            overruns=self._overruns,
            cycle_share=max((group.cycle_share for group in self._groups if group.cycle_share is not None), default=None),
        )

    async def run(self) -> None:
        """Polls until cancelled."""
        self._line.join()
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in self._groups:
                    if group.rows:
                        tasks.create_task(self._poll(group), name=f"poll {self.device.path} {group.name}")
        finally:
            await self._line.leave()

    async def write(self, point: PointId, value: float) -> None:
        """Writes the value and checks that the device confirms it; see `Driver.write`."""
        row = self._rows.get(point)
        if row is None or not row.kind.is_writable:
            raise RefusedError(f"{self.device.path} has no writable point {row.name if row else point}")
        plan = encode_write(row, value)
        async with self._line.lock:
            await self._execute(plan.request if isinstance(plan, Write) else await self._modify(plan))

    async def _modify(self, plan: ReadModifyWrite) -> WriteRequest:
        try:
            response, _ = await self._ask(plan.read.pdu)
        except UnconfirmedError as error:  # only reading: nothing can have happened
            raise UnavailableError(str(error)) from error
        return plan.write(self._judge(plan.read.payload, response))

    async def _execute(self, request: WriteRequest) -> None:
        try:
            response, _ = await self._transact(request.pdu)
            self._judge(request.check, response)
        except DeviceExceptionError as error:
            if error.code in _MAY_HAVE_ACTED:
                raise UnconfirmedError(f"{self.device.path}: {error}") from error
            raise
        except (ResponseError, StreamError) as error:
            raise UnconfirmedError(f"{self.device.path}: {error}") from error

    # Polling

    async def _poll(self, group: _Group) -> None:
        # Devices that start together neither connect nor poll together.
        origin = self._clock.monotonic() + self._random() * min(group.period_s, START_SPREAD_S)
        ticker = Ticker(group.period_s, origin)
        wake = ticker.next_tick(self._clock.monotonic())
        while True:
            await asyncio.sleep(wake - self._clock.monotonic())
            began = self._clock.monotonic()
            await self._cycle(group)
            group.cycle_share = (self._clock.monotonic() - began) / group.period_s
            wake = ticker.next_tick(self._clock.monotonic())
            self._overruns += ticker.missed
            ticker.missed = 0
            while not group.is_complete:
                # A slow group does not wait for its next tick to learn that the device is back.
                again = self._away_until if self._is_away() else self._clock.monotonic() + ASK_AGAIN_S
                if again >= wake:
                    break
                await asyncio.sleep(again - self._clock.monotonic())
                await self._cycle(group)

    async def _cycle(self, group: _Group) -> None:
        """Reads every block once, and hands over one sample of each point."""
        if self._clock.monotonic() >= group.merge_at:
            self._merge(group)
        group.is_complete = not self._is_away()
        todo = deque(group.image.blocks)
        if self._is_away():
            for number in range(len(todo)):
                group.image.fail(number, NO_ANSWER, self._clock.now_us())
            todo.clear()
        while todo:
            block = todo.popleft()
            if block.request in group.silent and self._clock.monotonic() < group.silent[block.request]:
                group.image.fail(group.image.number_of(block.request), NO_ANSWER, self._clock.now_us())
            elif block.request not in group.rejected:
                todo.extendleft(reversed(await self._read_block(group, block)))
        now_us = self._clock.now_us()
        for request in group.rejected:
            group.image.fail(group.image.number_of(request), UNKNOWN_ADDRESS, now_us)
        self._on_samples(group.image.samples())

    async def _read_block(self, group: _Group, block: Block) -> tuple[Block, ...]:
        """Reads one block into the image; gives the pieces to read instead where the device does not bear it in one."""
        image = group.image
        number = image.number_of(block.request)
        # A device that answers other requests is not lost because it does not answer one that it never has.
        is_proof = block.request in group.answered or not self._has_answered
        try:
            async with self._line.lock:
                response, time_us = await self._ask(block.request.pdu, is_proof=is_proof)
                group.answered.add(block.request)
                group.silent.pop(block.request, None)
                payload = self._judge(block.request.payload, response)
        except DeviceExceptionError as error:
            if error.code in _WORTH_SPLITTING:
                return self._split(group, block)
            image.fail(number, EXCEPTION_QUALITY.get(error.code, FAILED), self._clock.now_us())
            group.is_complete &= error.code not in _FROM_GATEWAY
        except (ResponseError, StreamError):
            image.fail(number, FAILED, self._clock.now_us())
        except UnavailableError:
            image.fail(number, NO_ANSWER, self._clock.now_us())
            group.is_complete = False
            if not is_proof and self._has_answered:
                group.silent[block.request] = self._clock.monotonic() + ASK_AGAIN_S
        else:
            image.store(number, payload, time_us)
        return ()

    def _split(self, group: _Group, block: Block) -> tuple[Block, ...]:
        pieces = split_block(group.rows, block)
        group.merge_at = min(group.merge_at, self._clock.monotonic() + MERGE_AGAIN_S)
        if len(pieces) == 1:
            group.rejected.add(block.request)
            return ()
        blocks = [other for other in group.image.blocks if other != block]
        group.image = group.image.with_blocks([*blocks, *pieces])
        return pieces

    def _merge(self, group: _Group) -> None:
        group.rejected.clear()
        group.merge_at = float("inf")
        group.image = group.image.with_blocks(group.merged)

    # Asking

    async def _ask(self, pdu: bytes, *, is_proof: bool = True) -> tuple[bytes, int]:
        """A request that changes nothing, under the line's lock; on a serial line repeated once."""
        try:
            return await self._transact(pdu, is_proof=is_proof)
        except UnconfirmedError:
            if not self._is_shared or self._is_away():
                raise
            try:
                return await self._transact(pdu, is_proof=is_proof)
            finally:
                if not self._is_away():
                    self._line.keep_silent(self._timeout_s)

    async def _transact(self, pdu: bytes, *, is_proof: bool = True) -> tuple[bytes, int]:
        """One request under the line's lock, with what its outcome says of the device; silence says nothing without `is_proof`."""
        if self._is_away():
            raise UnavailableError(f"{self.device.path} does not answer; it is asked again soon")
        self._requests += 1
        try:
            return await self._line.transact(self._unit, pdu, self._timeout_s)
        except UnconfirmedError as error:
            self._timeouts += 1
            if is_proof or not self._line.is_open:
                self._failed(str(error), is_sure=not self._line.is_open)
            if self._is_away() and not self._is_shared:
                self._line.close()
            raise UnconfirmedError(f"{self.device.path}: {error}") from error
        except UnavailableError as error:
            self._timeouts += 1
            self._failed(str(error), is_sure=True)
            raise
        except StreamError as error:
            self._malformed += 1
            self._failed(str(error), is_sure=True)
            raise
        except ResponseError:
            self._malformed += 1
            raise

    def _judge(self, check: Callable[[bytes], _T], response: bytes) -> _T:
        """What the check makes of the answer, counted."""
        try:
            checked = check(response)
        except DeviceExceptionError as error:
            self._exceptions += 1
            if error.code in _FROM_GATEWAY:
                self._failed(str(error), is_sure=False)
            else:
                self._answered()
            raise
        except ResponseError:
            self._malformed += 1
            raise
        self._answered()
        return checked

    # The device's state

    def _is_away(self) -> bool:
        return self._clock.monotonic() < self._away_until

    def _answered(self) -> None:
        self._has_answered = True
        if self._failures:
            self._failures = 0
            self._backoff.reset()
        if self._is_up:
            return
        self._is_up = True
        if self._is_lost:
            self._is_lost = False
            self._report("device_restored", Severity.INFO, f"{self.device.path} answers again")
            for group in self._groups:
                group.silent.clear()
                # It may be another device, or another program in it.
                group.merge_at = self._clock.monotonic() if group.merge_at < float("inf") else group.merge_at

    def _failed(self, reason: str, *, is_sure: bool) -> None:
        self._failures += 1
        if not is_sure and self._failures == 1:
            return
        self._away_until = self._clock.monotonic() + self._backoff.next_wait()
        self._is_up = self._has_answered = False
        if not self._is_lost:
            self._is_lost = True
            self._report("device_lost", Severity.ERROR, f"{self.device.path} is lost: {reason}")

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
