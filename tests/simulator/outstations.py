"""A folder of DNP3 outstations, and masters for them: an independent one (py1815), and an ear on any transport."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from py1815.master import Master, Outstation, Tasks

from bench.topology import utility_toml
from tieline.config import Dnp3Device, TlsFiles, Utility, read_folder
from tieline.config.field import NetworkPlace, relocate
from tieline.edge.dnp3 import make_station, open_station_channel
from tieline.io import SystemClock
from tieline.model import Now
from tieline.protocols.dnp3.application import Control, Fragment, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.line import Outgoing
from tieline.security.identity import Authority
from tieline.simulator import Dnp3Device as SimulatedRtu
from tieline.simulator import Field

SITE = """\
[[devices]]
name = "rtu"
protocol = "dnp3"
outstation = 10
master = 1
[devices.connection]
"""
TRANSPORTS = {
    "tcp": 'transport = "tcp"\nhost = "10.9.9.9"\n',
    "tcp_server": 'transport = "tcp_server"\nhost = "10.9.9.1"\n',
    "tls": 'transport = "tls"\nhost = "10.9.9.9"\nserver_name = "rtu.example"\n',
    "tls_server": 'transport = "tls_server"\nhost = "10.9.9.1"\npeer_name = "rtu.example"\n',
    "udp": 'transport = "udp"\nhost = "10.9.9.9"\n',
    "serial": 'transport = "serial"\nserial_port = "/dev/ttyS1"\nbaud_rate = 115200\n',
}
POINTS = """\
name,kind,unit,group,index,class,variation,event_variation,scale,offset,low,high,deadband,operation
door,binary,,1,0,,,,,,,,,
alarm,binary,,1,7,0,1,,,,,,,
lamp,binary,,10,0,2,,,,,,,,
switch,control,,12,0,,,,,,,,,latch
breaker,control,,12,1,,,,,,,,,trip_close
horn,control,,12,2,,,,,,,,,pulse
energy,counter,kWh,20,0,,,,,,,,5,
energy-frozen,counter,kWh,21,0,0,,,,,,,,
power,analog,MW,30,0,,2,4,0.01,,-100,100,0.5,
level,analog,m,30,1,1,5,,,,0,1000,,
offset,analog,%,30,2,3,1,,0.5,-20,,,,
wanted,analog,kV,40,0,,,,0.1,,,,,
target,setpoint,kV,41,0,,2,,0.1,,19,22,,
"""


def write_folder(folder: Path, transport: str = "tcp", points: str = POINTS) -> Utility:
    """A utility `field` with one outstation `rtu`; there is no grid, so nothing moves but what a test moves."""
    files = {
        "utility.toml": utility_toml("Outstations", "field"),
        "sites/field/site.toml": SITE + TRANSPORTS[transport],
        "sites/field/points/rtu.csv": points,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read_folder(folder)


def standing_alone(utility: Utility) -> SimulatedRtu:
    """The outstation without a channel; all its points stand at 0."""
    section = utility.site("field").devices[0]
    assert isinstance(section, Dnp3Device)
    return SimulatedRtu(section, StoppedClock(0))


def rtu_of(field: Field, path: str = "field/rtu") -> SimulatedRtu:
    """The simulated outstation."""
    device = field.hold(path)
    assert isinstance(device, SimulatedRtu)
    return device


@contextlib.asynccontextmanager
async def master_of(
    field: Field, path: str = "field/rtu", *, tls: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[Outstation]:
    """A master of py1815 that is connected with the outstation and has done what it does at first."""
    place = field.book[path]
    assert isinstance(place, NetworkPlace)
    usual = {"tasks": Tasks(enable_unsolicited=(1, 2, 3)), "response_timeout": 3.0, "outstation_address": 10, "master_address": 1}
    async with Master() as master:
        outstation = await master.add(path, host=place.host, port=place.port, tls=tls, **(usual | options))
        await outstation.idle()
        yield outstation


class Ear:
    """A master's end of a line that sends what it is told, confirms everything, and keeps what comes."""

    def __init__(self) -> None:
        self.is_busy = False
        self.heard: asyncio.Queue[Fragment] = asyncio.Queue()
        self._out: list[Outgoing] = []
        self._sequence = 0
        self.wake: Callable[[], None] = lambda: None

    def ask(self, function: Function, *blocks: ObjectBlock) -> None:
        self._sequence = (self._sequence + 1) % 16
        self._out.append(Outgoing(encode_fragment(Control(sequence=self._sequence), function, blocks)))
        self.wake()

    async def hear(self, function: Function, timeout_s: float = 10.0) -> Fragment:
        """The next fragment of that kind."""
        async with asyncio.timeout(timeout_s):
            while (fragment := await self.heard.get()).function != function:
                pass
        return fragment

    def link_up(self, now: Now) -> None: ...
    def link_down(self, now: Now) -> None: ...
    def tick(self, now: Now) -> None: ...
    def next_deadline(self) -> float | None: ...
    def on_activity(self, now: Now) -> None: ...
    def on_channel(self, reason: str | None) -> None: ...

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        parsed = parse_fragment(fragment)
        if parsed.control.confirm:
            control = Control(sequence=parsed.control.sequence, unsolicited=parsed.control.unsolicited)
            self._out.append(Outgoing(encode_fragment(control, Function.CONFIRM)))
        self.heard.put_nowait(parsed)

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        out, self._out = self._out, []
        return out


@contextlib.asynccontextmanager
async def ear_of(utility: Utility, field: Field, data: Path, path: str = "field/rtu") -> AsyncIterator[Ear]:
    """An ear where the gateway would be, whatever the transport."""
    credentials = Authority.open(data / "authority").credentials("edge-field", hosts=["127.0.0.1"])

    def context(connection: TlsFiles) -> ssl.SSLContext:
        is_server = connection.__class__.__name__.endswith("Server")
        return credentials.server_context() if is_server else credentials.client_context()

    device = next(device for site in relocate(utility, field.book).sites for device in site.devices if device.path == path)
    assert isinstance(device, Dnp3Device)
    ear = Ear()
    station = make_station(
        device.connection, local=device.master, remote=device.outstation, is_master=True, session=ear, owner=ear
    )
    channel = open_station_channel(device.connection, name=path, clock=SystemClock(), random=random.Random(1).random, tls=context)
    ear.wake = lambda: channel.wake(station)
    running = asyncio.create_task(channel.run(station))
    await asyncio.sleep(0)  # only a channel that runs can be woken
    try:
        yield ear
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class StoppedClock:
    """Wall time that stands still while timers run."""

    def __init__(self, now_us: int) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return time.monotonic()
