"""Part (f): DNP3, octets to columns for each second of CPU time of one core, and events from an outstation to a master over TCP.

The codec is given the octets of a response as our outstation sends it, link frames with their checks, and ends with columns. Beside it
stands py1815, given the same octets: its frame reader, reassembler and object decoder. "Both sessions" is a master and an outstation
joined in one process: request, response, confirmation, event buffer and all. Over loopback TCP the outstation is a process of its own,
which reports unsolicited events as fast as its master confirms them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time

import numpy as np
import structlog
from pydantic import TypeAdapter

from bench.modbus import measure
from bench.result import Result
from tieline.cli.run import free_port
from tieline.config.dnp3 import Dnp3Connection
from tieline.edge.dnp3 import make_station, open_station_channel
from tieline.io import SystemClock
from tieline.model import Now
from tieline.protocols.dnp3.application import parse_fragment
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.frame import Deframer
from tieline.protocols.dnp3.line import Line
from tieline.protocols.dnp3.link import LinkStation
from tieline.protocols.dnp3.master import Master, MasterSettings, Measured
from tieline.protocols.dnp3.measurements import Flag, PointType, decode
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationSettings, Points
from tieline.protocols.dnp3.transport import Reassembler

POINTS = 10_000
EVENTS = 1_000_000
CAPACITY = 50_000
BURST = 2_000
T0_US = 1_700_000_000_000_000
ONLINE = np.uint8(Flag.ONLINE)
CLASSES = frozenset({1, 2, 3})
STATIC = {"g30v1": (PointType.ANALOG_INPUT, 1), "g30v5": (PointType.ANALOG_INPUT, 5), "g1v2": (PointType.BINARY_INPUT, 2)}
EVENT = {"g32v7": (PointType.ANALOG_INPUT, 7), "g2v2": (PointType.BINARY_INPUT, 2)}


class NoCommands:
    """Refuses commands."""

    def select(self, _index: int, _command: object) -> CommandStatus:
        """Refuses."""
        return CommandStatus.NOT_SUPPORTED

    def operate(self, _index: int, _command: object, _mode: object) -> CommandStatus:
        """Refuses."""
        return CommandStatus.NOT_SUPPORTED

    def write_string(self, _index: int, _value: bytes) -> bool:
        """Refuses."""
        return False


def fill(database: Database, kind: PointType, number: int, count: int, *, with_events: bool = True) -> None:
    """A new value for so many points, each with a millisecond of its own; `number` is the first event's."""
    numbers = np.arange(number, number + count)
    values = (numbers * 0.5 if kind is PointType.ANALOG_INPUT else numbers // POINTS % 2).astype(np.float64)
    times = T0_US + numbers * 1_000
    database.update(kind, numbers % POINTS, values, np.full(count, ONLINE), times, with_events=with_events)


class Pair:
    """A master and an outstation in one process."""

    def __init__(self, kind: PointType, variation: int, *, is_event: bool) -> None:
        points = Points(index=range(POINTS), event_class=1, event_variation=variation)
        if not is_event:
            points = Points(index=range(POINTS), static_variation=variation)
        self.kind = kind
        self.database = Database({kind: points})
        self.number = 0
        self._now = Now(0.0, T0_US)
        fill(self.database, kind, 0, POINTS, with_events=False)
        settings = OutstationSettings(event_capacity=(CAPACITY, 1, 1), unsolicited_allowed=False)
        outstation = Outstation(settings, self.database, NoCommands(), self._now)
        self.master = Master(MasterSettings(unsolicited_classes=frozenset(), scan_on_iin=frozenset()))
        self._near, self._far = Line(), Line()
        self._near.add(LinkStation(local=1, remote=10, is_master=True), self.master)
        self._far.add(LinkStation(local=10, remote=1, is_master=False), outstation)
        self._far.opened(self._now)
        self._near.opened(self._now)
        self.exchange()

    def exchange(self) -> tuple[int, list[bytes]]:
        """Carries octets to and fro until both are silent; gives how many values arrived, and what the outstation sent."""
        count, sent = 0, []
        while octets := self._near.take():
            self._far.receive(octets, self._now)
            answer = self._far.take()
            if answer:
                sent.append(answer)
                self._near.receive(answer, self._now)
            events = self.master.events()
            count += sum(len(each) for event in events if isinstance(event, Measured) for each in event.measurements)
        return count, sent

    def poll_static(self) -> tuple[int, list[bytes]]:
        """An integrity poll."""
        self.master.scan_integrity(self._now)
        self._near.tick(self._now)
        return self.exchange()

    def poll_events(self) -> tuple[int, list[bytes]]:
        """A change of every point, and an event poll."""
        self.number += POINTS
        fill(self.database, self.kind, self.number, POINTS)
        self.master.scan_events(CLASSES, self._now)
        self._near.tick(self._now)
        return self.exchange()


def decode_octets(octets: list[bytes]) -> int:
    """Ours: frames, fragments, objects, columns."""
    deframer, reassembler, count = Deframer(), Reassembler(), 0
    for each in octets:
        for frame in deframer.receive(each):
            fragment = reassembler.receive(frame.payload)
            if fragment is not None:
                for block in parse_fragment(fragment).blocks:
                    measurements = decode(block)
                    assert measurements is not None
                    count += len(measurements)
    return count


def py1815_octets(octets: list[bytes]) -> int:
    """The same with py1815, which ends with an object for each value."""
    from py1815.application import parse_response
    from py1815.decode import decode_objects
    from py1815.link import FrameReader
    from py1815.transport import Reassembler as PeerReassembler

    reader, reassembler, count = FrameReader(), PeerReassembler(), 0
    for each in octets:
        for frame in reader.feed(each):
            fragment = reassembler.add(frame.payload)
            if fragment is not None:
                count += len(decode_objects(parse_response(fragment).body).objects)
    return count


def codec(name: str, octets: list[bytes]) -> list[Result]:
    """Both decoders on the same octets."""
    assert decode_octets(octets) == py1815_octets(octets) == POINTS
    ours = measure(lambda: decode_octets(octets))
    peers = measure(lambda: py1815_octets(octets))
    return [
        Result(part="f", name=f"codec, {name}", value=ours, unit="values/s/core"),
        Result(part="f", name=f"codec, {name}, py1815", value=peers, unit="values/s/core", detail=f"{ours / peers:.0f} x"),
    ]


class _Owner:
    """Counts what arrives."""

    def __init__(self, master: Master) -> None:
        self.master = master
        self.count = 0
        self.first_s = self.last_s = 0.0
        self.done = asyncio.Event()

    def on_activity(self, now: Now) -> None:
        """Counts."""
        for event in self.master.events():
            if isinstance(event, Measured):
                self.first_s = self.first_s or now.monotonic_s
                self.last_s = now.monotonic_s
                self.count += sum(len(each) for each in event.measurements if each.is_event)
        if self.count >= EVENTS:
            self.done.set()

    def on_channel(self, reason: str | None) -> None:
        """Nothing."""


def _connection(transport: str, port: int) -> Dnp3Connection:
    described = {"transport": transport, "host": "127.0.0.1", "port": port, "timeout_s": 30.0}
    adapter: TypeAdapter[Dnp3Connection] = TypeAdapter(Dnp3Connection)
    return adapter.validate_python(described)


async def serve(port: int) -> None:
    """The outstation's process: keeps its event buffer filled until it has made all events, then waits to be ended."""
    clock = SystemClock()
    database = Database({PointType.ANALOG_INPUT: Points(index=range(POINTS), event_class=1, event_variation=7)})
    settings = OutstationSettings(event_capacity=(CAPACITY, 1, 1), unsolicited_max_events=(1, 1, 1))
    outstation = Outstation(settings, database, NoCommands(), Now(clock.monotonic(), clock.now_us()))
    made, room = 0, asyncio.Event()

    class Owner:
        def on_activity(self, _now: Now) -> None:
            outstation.events()
            if outstation.buffer.waiting(1) < CAPACITY - 2 * BURST:
                room.set()

        def on_channel(self, _reason: str | None) -> None:
            room.set()

    connection = _connection("tcp_server", port)
    station = make_station(connection, local=10, remote=1, is_master=False, session=outstation, owner=Owner())
    channel = open_station_channel(connection, name="outstation", clock=clock, random=lambda: 0.5)
    running = asyncio.create_task(channel.run(station))
    print("ready", flush=True)
    while made < EVENTS:
        await room.wait()
        room.clear()
        while len(outstation.buffer) < CAPACITY - BURST and made < EVENTS:
            fill(database, PointType.ANALOG_INPUT, made, BURST)
            made += BURST
        channel.wake(station)
    while len(outstation.buffer):
        await room.wait()
        room.clear()
    times = os.times()
    print(json.dumps({"cpu_s": times.user + times.system}), flush=True)
    await running


async def receive(port: int) -> tuple[float, float]:
    """The master's side; gives events a second, and its CPU time."""
    clock = SystemClock()
    master = Master(MasterSettings(timeout_s=30.0))
    owner = _Owner(master)
    connection = _connection("tcp", port)
    station = make_station(connection, local=1, remote=10, is_master=True, session=master, owner=owner)
    channel = open_station_channel(connection, name="master", clock=clock, random=lambda: 0.5)
    before_s = time.process_time()
    running = asyncio.create_task(channel.run(station))
    async with asyncio.timeout(300):
        await owner.done.wait()
    cpu_s = time.process_time() - before_s
    running.cancel()
    await asyncio.wait([running])
    assert owner.count == EVENTS
    return EVENTS / (owner.last_s - owner.first_s), cpu_s


def over_tcp() -> list[Result]:
    """Unsolicited events from another process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.dnp3", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        rate, cpu_s = asyncio.run(receive(port))
        far_s = json.loads(process.stdout.readline())["cpu_s"]
    finally:
        process.kill()
        process.wait()
    return [
        Result(
            part="f",
            name="unsolicited events over TCP, g32v7",
            value=rate,
            unit="events/s",
            detail=f"CPU s per million: master {cpu_s * 1e6 / EVENTS:.2f}, outstation {far_s * 1e6 / EVENTS:.2f}",
        )
    ]


def _keep_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def run() -> list[Result]:
    """All of it."""
    _keep_quiet()
    results: list[Result] = []
    for name, (kind, variation) in STATIC.items():
        pair = Pair(kind, variation, is_event=False)
        results += codec(f"{POINTS:,} x {name}", pair.poll_static()[1])
        rate = measure(lambda pair=pair: pair.poll_static()[0])  # type: ignore[misc]
        results.append(Result(part="f", name=f"both sessions, {POINTS:,} x {name}", value=rate, unit="values/s/core"))
    for name, (kind, variation) in EVENT.items():
        pair = Pair(kind, variation, is_event=True)
        results += codec(f"{POINTS:,} events {name}", pair.poll_events()[1])
        rate = measure(lambda pair=pair: pair.poll_events()[0])  # type: ignore[misc]
        results.append(Result(part="f", name=f"both sessions, {POINTS:,} events {name}", value=rate, unit="events/s/core"))
    return results + over_tcp()


if __name__ == "__main__":
    _keep_quiet()
    asyncio.run(serve(int(sys.argv[1])))
