"""A server of libiec61850 in a process of its own, a line to it that can be cut, and a driver with all that it said."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tieline.config.device import Device
from tieline.config.transports import TlsFiles
from tieline.edge.drivers.iec61850 import Iec61850Driver
from tieline.edge.iec61850.settings import ControlledPoint, Iec61850Settings, MonitoredPoint, ReportBlock
from tieline.io import Clock, SystemClock
from tieline.model import Event, Point, PointKind, Quality, Samples, derive_point_id
from tieline.protocols.iec61850.mms.names import Name, name_of

needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("pyiec61850") is None, reason="pyiec61850-ng (libiec61850) is not installed"
)

LIMIT_S = 15.0
LD = "T1LD0"
STATES = Name(LD, "LLN0$States")
MEASURED = Name(LD, "LLN0$Measured")
WIDE = Name(LD, "LLN0$Wide")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Peer:
    """The server; `ask` makes it do things."""

    def __init__(self, port: int, *options: str) -> None:
        self.port = port
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        script = Path(__file__).with_name("libiec_server.py")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            str(self.port),
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        answer = await self._answer()
        assert answer["running"]

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def serving(*options: str, port: int | None = None) -> AsyncIterator[Peer]:
    peer = Peer(port or free_port(), *options)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


class Line:
    """A TCP proxy: while it is cut, connections end and nobody gets through."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.is_cut = False
        self.is_held = False
        self.connections = 0
        self.hold_answers_after = b""
        """Once these octets were seen on the way to the server, the next answer passes, and then none."""
        self.damage: Callable[[bytes], bytes] | None = None
        """What becomes of answers on their way."""
        self.piece = 65_536
        """Octets of an answer that pass at once."""
        self.is_slow = False
        self._late: list[tuple[asyncio.StreamWriter, bytes]] = []
        self._answers_left: int | None = None
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        self.connections += 1
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, onward}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, onward, is_answer=False))
                tasks.create_task(self._pump(onward_reader, writer, is_answer=True))
        finally:
            self._writers -= {writer, onward}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if is_answer and self._answers_left is not None:
                    self._answers_left -= 1
                    if self._answers_left < 0:
                        continue
                elif not is_answer and self.is_held:
                    continue
                if not is_answer and self.hold_answers_after and self.hold_answers_after in data:
                    self._answers_left = 1
                if is_answer and self.is_slow:
                    self._late.append((writer, data))
                    continue
                if is_answer and self.damage is not None:
                    data = self.damage(data)
                for start in range(0, len(data), self.piece):
                    writer.write(data[start : start + self.piece])
                    if self.piece < 65_536:
                        await asyncio.sleep(0)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def hold(self) -> None:
        """Nothing arrives any more, and nobody notices."""
        self.is_held = True

    def release(self) -> None:
        """What was slow arrives."""
        self.is_slow = False
        for writer, data in self._late:
            writer.write(data)
        self._late.clear()

    def mend(self) -> None:
        self.is_cut = False

    async def stop(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


@contextlib.asynccontextmanager
async def line_to(target: int) -> AsyncIterator[Line]:
    line = Line(target)
    await line.start()
    try:
        yield line
    finally:
        await line.stop()


def make_point(name: str, kind: PointKind = PointKind.ANALOG) -> Point:
    return Point(id=derive_point_id(f"millbrook/ied/{name}"), site="millbrook", device="ied", name=name, kind=kind)


def monitored(name: str, reference: str, fc: str, value: str, **more: Any) -> MonitoredPoint:
    """A point of a data object with `q` and `t`."""
    return MonitoredPoint(
        point=make_point(name),
        value=name_of(f"{reference}.{value}", fc),
        quality=name_of(f"{reference}.q", fc),
        time=name_of(f"{reference}.t", fc),
        **more,
    )


def controlled(name: str, reference: str, **more: Any) -> ControlledPoint:
    return ControlledPoint(point=make_point(name, PointKind.CONTROL), target=name_of(reference, "CO"), **more)


POWER = monitored("power", f"{LD}/MMXU1.TotW", "MX", "mag.f", scale=0.001)
FREQUENCY = monitored("frequency", f"{LD}/MMXU1.Hz", "MX", "mag.f")
ALARM = monitored("alarm", f"{LD}/GGIO1.Ind1", "ST", "stVal")
BREAKER = monitored("breaker", f"{LD}/XCBR1.Pos", "ST", "stVal")
ENERGY = monitored("energy", f"{LD}/MMTR1.TotWh", "ST", "actVal")
POINTS = (POWER, FREQUENCY, ALARM, BREAKER, ENERGY)
SWITCHES = tuple(controlled(f"switch-{number}", f"{LD}/GGIO1.SPCSO{number}") for number in range(1, 5))
BUFFERED = ReportBlock(name=Name(LD, "LLN0$BR$brStates"), instances=("01", "02"), data_set=STATES, conf_rev=1, integrity_s=0)
UNBUFFERED = ReportBlock(
    name=Name(LD, "LLN0$RP$urMeasured"), instances=("01", "02"), data_set=MEASURED, conf_rev=1, integrity_s=0
)


def settings(port: int, **more: Any) -> Iec61850Settings:
    defaults: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "timeout_s": 2.0,
        "keepalive_s": 1.0,
        "poll_s": 0.1,
        "command_timeout_s": 1.0,
        "monitored": POINTS,
        "controlled": SWITCHES,
        "reports": (BUFFERED, UNBUFFERED),
    }
    return Iec61850Settings(**(defaults | more))


@dataclass
class Watched:
    """A running driver and everything that it reported."""

    driver: Iec61850Driver
    batches: list[Samples] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take_samples(self, samples: Samples) -> None:
        self.batches.append(samples)
        self._changed.set()

    def take_event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while not condition():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self._changed.wait()
        except TimeoutError:
            seen = [f"{event.kind}: {event.text}" for event in self.events]
            pytest.fail(f"it did not come about; events: {seen}; last: {self.last()}")

    def of(self, point: MonitoredPoint) -> list[tuple[int, float, Quality]]:
        """All samples of a point in their order: time, value, quality."""
        found = []
        for batch in self.batches:
            for row in (batch.point == point.point.id).nonzero()[0]:
                found.append((int(batch.time[row]), float(batch.value[row]), Quality(int(batch.quality[row]))))
        return found

    def newest(self, point: MonitoredPoint) -> tuple[int, float, Quality]:
        samples = self.of(point)
        return samples[-1] if samples else (0, float("nan"), Quality.INVALID)

    def last(self) -> dict[str, tuple[int, float, Quality]]:
        return {point.point.name: self.newest(point) for point in POINTS}

    def texts(self, kind: str) -> list[str]:
        return [event.text for event in self.events if event.kind == kind]

    async def up(self) -> None:
        await self.until(lambda: self.driver.health.is_up)


@contextlib.asynccontextmanager
async def driving(
    chosen: Iec61850Settings,
    *,
    tls: Callable[[TlsFiles], ssl.SSLContext] | None = None,
    clock: Clock | None = None,
    memory: Mapping[str, Any] | None = None,
) -> AsyncIterator[Watched]:
    watched: Watched
    device = Device(
        site="millbrook",
        name="ied",
        protocol="iec61850",
        description="",
        rows=(),
        points=(*(each.point for each in chosen.monitored), *(each.point for each in chosen.controlled)),
    )
    driver = Iec61850Driver(
        device,
        settings=chosen,
        on_samples=lambda samples: watched.take_samples(samples),
        on_event=lambda event: watched.take_event(event),
        clock=clock or SystemClock(),
        tls=tls,
        random=lambda: 0.0,
    )
    driver.recall(memory or {})
    watched = Watched(driver)
    task = asyncio.create_task(driver.run(), name="driver")
    try:
        yield watched
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
