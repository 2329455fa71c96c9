"""Puts simulated DNP3 outstations on real channels: TCP and TLS that masters open or that devices open themselves, UDP, serial lines.

Addresses are held by a socket that is bound and never listens: until somebody does, connections are refused there, and no other process
is given the port (Linux lets a second socket with SO_REUSEADDR listen at it).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress

from tieline.config.dnp3 import Dnp3Connection, Dnp3Serial, Dnp3Tcp, Dnp3TcpServer, Dnp3Tls, Dnp3TlsServer, Dnp3Udp
from tieline.config.field import NetworkPlace, SerialPlace
from tieline.edge.dnp3 import Station, StationChannel, make_station, open_station_channel
from tieline.edge.dnp3.line_runner import LineRunner
from tieline.io import Channel, Clock, Receiver, open_udp
from tieline.model import UnavailableError
from tieline.protocols.dnp3.line import Line
from tieline.simulator.devices.dnp3 import Dnp3Device
from tieline.simulator.devices.pseudo_terminal import open_pseudo_terminal

_COMMON = tuple(name for name in Dnp3Tcp.model_fields if name not in {"transport", "host", "port"})
_LISTENS_WITHIN_S = 10.0
_LOOK_AGAIN_S = 0.002
_BITS_PER_BYTE = 10  # start, eight, stop
_MOST_READ = 4096


class Reservation:
    """An address that is ours, whoever will listen at it; port 0 finds a free one."""

    def __init__(self, host: str, port: int, *, names: str, is_udp: bool = False) -> None:
        """Raises `UnavailableError` where somebody has it; `names` are the devices that want it."""
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM)
            try:
                if not is_udp:
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._socket.bind(address)
            except OSError:
                self._socket.close()
                raise
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnavailableError(f"{names} cannot be served at {host} port {port}: {reason}") from error
        self.host = host
        self.port: int = self._socket.getsockname()[1]

    @property
    def place(self) -> NetworkPlace:
        """The address."""
        return NetworkPlace(host=self.host, port=self.port)

    @property
    def is_listened(self) -> bool:
        """Whether somebody listens at it."""
        with socket.socket(self._socket.family, socket.SOCK_STREAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(self._socket.getsockname())
            except OSError:
                return True
        return False

    def release(self) -> None:
        """It is no longer ours."""
        self._socket.close()


class ChannelEndpoint:
    """Outstations behind one TCP port, or one that dials the gateway."""

    def __init__(
        self,
        devices: Sequence[Dnp3Device],
        *,
        at: Reservation,
        dials: bool,
        clock: Clock,
        random: Callable[[], float],
        context: ssl.SSLContext | None = None,
    ) -> None:
        """With a context, as mutual TLS. A device that dials has an endpoint of its own."""
        self.devices = tuple(devices)
        self._at = at
        self._context = context
        self._clock = clock
        self._random = random
        self._connection = _turned(devices[0].device.connection, at, is_tls=context is not None, dials=dials)
        self._dials = dials
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def place(self) -> NetworkPlace:
        """Where the masters find them, or where the gateway is dialed."""
        return self._at.place

    async def start(self) -> None:
        """Listens, or dials from now on."""
        if self._tasks:
            return
        channel = open_station_channel(
            self._connection,
            name=self.devices[0].path,
            clock=self._clock,
            random=self._random,
            tls=None if self._context is None else self._give_context,
        )
        for device in self.devices:
            station = _station_of(device)
            device.on_change = _waking(channel, station)
            self._tasks.append(asyncio.create_task(channel.run(station), name=f"dnp3 {device.path}"))
        if not self._dials:
            await self._wait_until_listening()

    async def stop(self) -> None:
        """Breaks all connections and listens or dials no more."""
        tasks, self._tasks = self._tasks, []
        for device in self.devices:
            device.on_change = None
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def follow(self) -> None:
        """Serves as long as a device is there."""
        if all(device.behavior.manner == "gone" for device in self.devices):
            await self.stop()
        else:
            await self.start()
            _wake_all(self.devices)

    async def _wait_until_listening(self) -> None:
        names = ", ".join(device.path for device in self.devices)
        try:
            async with asyncio.timeout(_LISTENS_WITHIN_S):
                while not self._at.is_listened:  # noqa: ASYNC110 - a channel does not say when it listens
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError as error:
            await self.stop()
            raise UnavailableError(
                f"{names} cannot be served at {self._at.host} port {self._at.port}: nobody can listen"
            ) from error

    def _give_context(self, _connection: object) -> ssl.SSLContext:
        assert self._context is not None
        return self._context


class _LineEndpoint:
    """Outstations on one line that has no connections: a UDP socket or a serial line."""

    def __init__(self, devices: Sequence[Dnp3Device], *, clock: Clock, datagrams: bool) -> None:
        self.devices = tuple(devices)
        self._clock = clock
        self._datagrams = datagrams
        self._runner: LineRunner | None = None
        self._channel: Channel | None = None

    async def start(self) -> None:
        """Opens the line."""
        if self._runner is not None:
            return
        line = Line(shared_medium=len(self.devices) > 1, datagrams=self._datagrams)
        runner = LineRunner(line, name=self.devices[0].path, clock=self._clock, is_stream=False, on_end=lambda _: None)
        for device in self.devices:
            runner.add(_station_of(device))
            device.on_change = runner.wake
        heard = _FirstWord(runner)
        heard.channel = self._channel = await self._open(heard)
        self._runner = runner

    async def stop(self) -> None:
        """Closes the line."""
        if self._runner is None or self._channel is None:
            return
        for device in self.devices:
            device.on_change = None
        self._runner.stop()
        self._channel.close()
        await self._channel.wait_closed()
        self._runner = self._channel = None

    @abstractmethod
    async def _open(self, receiver: Receiver) -> Channel: ...


class _FirstWord:
    """Gives a line its channel when somebody has spoken: before that there is nobody who could be told anything."""

    def __init__(self, runner: LineRunner) -> None:
        self.channel: Channel | None = None
        self._runner = runner
        self._is_attached = False
        runner.expect()

    def received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._is_attached and self.channel is not None:
            self._is_attached = True
            self._runner.attach(self.channel)
        self._runner.received(data)

    def closed(self, reason: str) -> None:
        """The channel ended."""
        self._runner.closed(reason)


class UdpEndpoint(_LineEndpoint):
    """Outstations behind one UDP port; they answer whoever spoke last."""

    def __init__(self, devices: Sequence[Dnp3Device], *, at: Reservation, clock: Clock) -> None:
        super().__init__(devices, clock=clock, datagrams=True)
        self._at = at

    @property
    def place(self) -> NetworkPlace:
        """The socket."""
        return self._at.place

    async def follow(self) -> None:
        """Is there as long as a device is."""
        if all(device.behavior.manner == "gone" for device in self.devices):
            await self.stop()
        else:
            await self.start()
            _wake_all(self.devices)

    async def _open(self, receiver: Receiver) -> Channel:
        self._at.release()  # unlike a listening port, a UDP port belongs to one socket
        return await open_udp(receiver, local_host=self._at.host, local_port=self._at.port)


class Dnp3SerialEndpoint(_LineEndpoint):
    """Outstations on one serial line: the far end of a pseudo-terminal, as fast as the line's baud rate lets it be."""

    def __init__(self, devices: Sequence[Dnp3Device], *, baud_rate: int, clock: Clock) -> None:
        super().__init__(devices, clock=clock, datagrams=False)
        self._baud_rate = baud_rate
        self._serial_port = ""

    @property
    def place(self) -> SerialPlace:
        """The line, once started."""
        return SerialPlace(serial_port=self._serial_port)

    async def follow(self) -> None:
        """A line stays where it is when a device on it is gone."""
        _wake_all(self.devices)

    async def _open(self, receiver: Receiver) -> Channel:
        far, near, self._serial_port = open_pseudo_terminal(", ".join(device.path for device in self.devices))
        return _FarEnd(far, near, receiver, seconds_per_byte=_BITS_PER_BYTE / self._baud_rate)


class IdleLine:
    """A serial line on which nobody answers; what is sent there is lost."""

    def __init__(self, names: str) -> None:
        self._far, self._near, serial_port = open_pseudo_terminal(names)
        self.place = SerialPlace(serial_port=serial_port)
        asyncio.get_running_loop().add_reader(self._far, self._lose)

    def release(self) -> None:
        """Closes the line."""
        asyncio.get_running_loop().remove_reader(self._far)
        os.close(self._far)
        os.close(self._near)

    def _lose(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._far, _MOST_READ)


class _FarEnd:
    """The far end of a pseudo-terminal as a `Channel`; bytes come out as fast as on a line."""

    def __init__(self, far: int, near: int, receiver: Receiver, *, seconds_per_byte: float) -> None:
        self.is_open = True
        self.pending = 0
        self._far, self._near = far, near
        self._receiver = receiver
        self._seconds_per_byte = seconds_per_byte
        self._free_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(far, self._read)

    def send(self, data: bytes) -> None:
        """The bytes are at the other end when the line has carried them."""
        if self.is_open:
            self.pending += len(data)
            self._free_at = max(self._loop.time(), self._free_at) + len(data) * self._seconds_per_byte
            self._loop.call_at(self._free_at, self._arrive, data)

    def close(self) -> None:
        """Closes both ends."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._far)
            os.close(self._far)
            os.close(self._near)

    async def wait_closed(self) -> None:
        """It is closed at once."""

    def _arrive(self, data: bytes) -> None:
        self.pending -= len(data)
        if self.is_open:
            with suppress(BlockingIOError):  # nobody reads: the bytes are lost, as on a real line
                os.write(self._far, data)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._receiver.received(os.read(self._far, _MOST_READ))


def is_dialed(connection: Dnp3Connection) -> bool:
    """Whether the device opens the connection: the gateway listens."""
    return isinstance(connection, Dnp3TcpServer | Dnp3TlsServer)


def _turned(connection: Dnp3Connection, at: Reservation, *, is_tls: bool, dials: bool) -> Dnp3Connection:
    """The connection as the device sees it, which does what the gateway does not: listen, or dial."""
    assert not isinstance(connection, Dnp3Serial | Dnp3Udp)
    common = {name: getattr(connection, name) for name in _COMMON} | {"host": at.host, "port": at.port}
    match is_tls, dials:
        case True, True:
            return Dnp3Tls(transport="tls", **common)
        case True, False:
            return Dnp3TlsServer(transport="tls_server", **common)
        case False, True:
            return Dnp3Tcp(transport="tcp", **common)
        case _:
            return Dnp3TcpServer(transport="tcp_server", **common)


def _station_of(device: Dnp3Device) -> Station:
    section = device.device
    return make_station(
        section.connection,
        local=section.outstation,
        remote=section.master,
        is_master=False,
        session=device.session,
        owner=device,
        accept_self_address=False,
    )


def _waking(channel: StationChannel, station: Station) -> Callable[[], None]:
    return lambda: channel.wake(station)


def _wake_all(devices: Sequence[Dnp3Device]) -> None:
    """A device that speaks again does so at once."""
    for device in devices:
        if device.on_change is not None:
            device.on_change()
