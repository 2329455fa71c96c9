"""Devices to talk to, and what a driver said of them."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tieline.config import ModbusDevice
from tieline.config.modbus import Connection, ModbusRow
from tieline.edge.drivers.modbus import ModbusDriver, modbus_drivers
from tieline.io import SystemClock
from tieline.model import Event, Quality, Reporting, Samples

NO_LIMIT_S = 15.0


def make_device(
    rows: Iterable[dict[str, Any]], connection: dict[str, Any], *, name: str = "rtu-1", polls: dict[str, float] | None = None
) -> ModbusDevice:
    """A device whose rows are analog holding registers of the poll group `fast`, unless they say otherwise."""
    default = {"kind": "analog", "table": "holding_register", "poll": "fast"}
    read = [ModbusRow.model_validate(default | {"name": f"p{number}"} | row) for number, row in enumerate(rows)]
    return ModbusDevice(
        site="northgate",
        name=name,
        protocol="modbus",
        description="",
        connection=TypeAdapter(Connection).validate_python(connection),
        polls=polls or {"fast": 0.05},
        rows=tuple(read),
        points=tuple(row.to_point("northgate", name, Reporting()) for row in read),
    )


def tcp(port: int, **limits: Any) -> dict[str, Any]:
    return {"transport": "tcp", "host": "127.0.0.1", "port": port, "timeout_s": 0.5} | limits


@dataclass
class Newest:
    value: float
    quality: Quality
    time: int


@dataclass
class Field:
    """Running drivers, everything they reported, and ways to wait for it."""

    drivers: list[ModbusDriver] = field(default_factory=list)
    cycles: list[Samples] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    newest: dict[int, Newest] = field(default_factory=dict)
    arrivals: dict[int, list[float]] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take_samples(self, samples: Samples) -> None:
        self.cycles.append(samples)
        now = asyncio.get_running_loop().time()
        for point, time, value, quality in zip(samples.point, samples.time, samples.value, samples.quality, strict=True):
            self.newest[int(point)] = Newest(float(value), Quality(int(quality)), int(time))
            self.arrivals.setdefault(int(point), []).append(now)
        self._changed.set()

    def take_event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(NO_LIMIT_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            words = [event.text for event in self.events], [driver.health for driver in self.drivers]
            raise AssertionError(f"did not come true within {NO_LIMIT_S:g} s; {words}") from None

    async def until_polled(self, condition: Callable[[], object]) -> None:
        """As `until`, for what is true of something that tells nobody."""
        async with asyncio.timeout(NO_LIMIT_S):
            while not condition():
                await asyncio.sleep(0.01)

    async def cycles_more(self, count: int) -> None:
        target = len(self.cycles) + count
        await self.until(lambda: len(self.cycles) >= target)

    def value(self, name: str, device: int = 0) -> float:
        return self._of(name, device).value

    def quality(self, name: str, device: int = 0) -> Quality:
        return self._of(name, device).quality

    def _of(self, name: str, device: int) -> Newest:
        point = next(point for point in self.drivers[device].device.points if point.name == name)
        return self.newest.get(point.id) or Newest(np.nan, Quality.INVALID | Quality.TEST, 0)

    def id_of(self, name: str, device: int = 0) -> Any:
        return next(point.id for point in self.drivers[device].device.points if point.name == name)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


class SkippingClock(SystemClock):
    """The real time, and what is added to it."""

    skipped_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped_s


@contextlib.asynccontextmanager
async def running(*devices: ModbusDevice, tls: Any = None, clock: SystemClock | None = None) -> AsyncIterator[Field]:
    """The drivers of those devices, running."""
    here = Field()
    clock = clock or SystemClock()
    here.drivers = modbus_drivers(
        devices, on_samples=here.take_samples, on_event=here.take_event, clock=clock, tls=tls, random=lambda: 0.0
    )
    tasks = [asyncio.create_task(driver.run()) for driver in here.drivers]
    try:
        yield here
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError), outcome


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, port: int = 0, **options: Any) -> AsyncIterator[int]:
    """A server that handles each connection by that coroutine; gives its port. Handlers are cancelled at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(guarded(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", port, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@dataclass(frozen=True)
class Asked:
    """A request as a hostile server sees it."""

    header: bytes
    pdu: bytes

    def answer(self, pdu: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
        number = self.header[:2] if transaction is None else struct.pack(">H", transaction & 0xFFFF)
        return number + struct.pack(">HHB", 0, len(pdu) + 1, self.header[6] if unit is None else unit) + pdu

    @property
    def transaction(self) -> int:
        return int.from_bytes(self.header[:2], "big")

    @property
    def address(self) -> int:
        return int.from_bytes(self.pdu[1:3], "big")

    @property
    def count(self) -> int:
        return int.from_bytes(self.pdu[3:5], "big")

    def registers(self, *values: int) -> bytes:
        return self.answer(struct.pack(f">BB{len(values)}H", self.pdu[0], 2 * len(values), *values))

    def refusal(self, code: int) -> bytes:
        return self.answer(bytes((self.pdu[0] | 0x80, code)))


async def next_request(reader: asyncio.StreamReader) -> Asked:
    header = await reader.readexactly(7)
    return Asked(header, await reader.readexactly(int.from_bytes(header[4:6], "big") - 1))
