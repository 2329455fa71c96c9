"""Where the devices of a folder are served: which share an address or a line, and what takes the place of addresses that are elsewhere.

Addresses of loopback are kept. Every other network address becomes a free port of 127.0.0.1, every serial line a pseudo-terminal. Sites
may use the same names and private addresses: each means its own. Devices that open the connection themselves dial the gateway at a
port of their own, which is held free for it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from tieline import config
from tieline.config import RtuConnection, TlsConnection, Utility
from tieline.config.dnp3 import Dnp3Serial, Dnp3Tls, Dnp3TlsServer, Dnp3Udp, channel_of
from tieline.config.field import InterfacePlace, Place, goose_key
from tieline.config.iec61850 import Iec61850Tls
from tieline.io import Clock
from tieline.model import ConfigError
from tieline.security.identity import Authority
from tieline.security.identity.credentials import Credentials
from tieline.simulator.devices import (
    ChannelEndpoint,
    Dnp3Device,
    Dnp3SerialEndpoint,
    Endpoint,
    GooseSender,
    IdleLine,
    Iec61850Device,
    Iec61850Endpoint,
    ModbusDevice,
    OpenInterface,
    Reservation,
    SerialEndpoint,
    SimulatedDevice,
    SnmpDevice,
    SnmpEndpoint,
    TcpEndpoint,
    UdpEndpoint,
    is_dialed,
)

_LOOPBACK = "127.0.0.1"
_Key = tuple[object, ...]
S = TypeVar("S", bound=config.Device)


class Places:
    """Serves the devices of a utility. What it opens, the exit stack closes."""

    def __init__(
        self,
        utility: Utility,
        devices: Mapping[str, SimulatedDevice],
        *,
        data: Path,
        clock: Clock,
        random: Callable[[], float],
        goose_interface: str | None,
        open_interface: OpenInterface,
    ) -> None:
        """`data` holds the authority, which is only touched where a device speaks TLS. Without an interface, there is no GOOSE."""
        self.book: dict[str, Place] = {}
        self.endpoints: dict[str, Endpoint] = {}
        """By device."""
        self._utility = utility
        self._devices = devices
        self._data = data
        self._clock = clock
        self._random = random
        self._goose_interface = goose_interface
        self._open_interface = open_interface

    async def open(self, stack: AsyncExitStack) -> None:
        """Starts everything. Raises `UnavailableError` where an address cannot be had, `ConfigError` where two devices want one."""
        for make in (self._modbus, self._dnp3, self._iec61850, self._snmp):
            for endpoint in make(stack):
                await endpoint.start()
                stack.push_async_callback(endpoint.stop)
                for device in endpoint.devices:
                    self.endpoints[device.path] = endpoint
                    self.book[device.path] = endpoint.place
        self._reserve_outstations(stack)
        self._publish_goose(stack)

    def _modbus(self, _stack: AsyncExitStack) -> Iterator[Endpoint]:
        for sections in self._by_channel(config.ModbusDevice, _modbus_key):
            connection = sections[0].connection
            units: dict[int, ModbusDevice] = {}
            for section in sections:
                device = self._devices[section.path]
                assert isinstance(device, ModbusDevice)
                other = units.setdefault(section.connection.unit, device)
                if other is not device:
                    raise ConfigError(f"{device.path} and {other.path} have the same address and unit; give each its own")
            if isinstance(connection, RtuConnection):
                yield SerialEndpoint(units, baud_rate=connection.baud_rate)
                continue
            context = None
            if isinstance(connection, TlsConnection):
                context = self._credentials(sections[0], connection.host, connection.server_name).server_context()
            host, port = _move(connection.host, connection.port)
            yield TcpEndpoint(units, host=host, port=port, context=context)

    def _dnp3(self, stack: AsyncExitStack) -> Iterator[Endpoint]:
        for sections in self._by_channel(config.Dnp3Device, _dnp3_key):
            connection = sections[0].connection
            devices = [self._find_dnp3(section) for section in sections]
            names = ", ".join(device.path for device in devices)
            _check_addresses(sections)
            if isinstance(connection, Dnp3Serial):
                yield Dnp3SerialEndpoint(devices, baud_rate=connection.baud_rate, clock=self._clock)
                continue
            host, port = _move(connection.host, connection.port)
            at = Reservation(host, port, names=names, is_udp=isinstance(connection, Dnp3Udp))
            stack.callback(at.release)
            if isinstance(connection, Dnp3Udp):
                yield UdpEndpoint(devices, at=at, clock=self._clock)
                continue
            context = None
            if isinstance(connection, Dnp3Tls):
                context = self._credentials(sections[0], connection.host, connection.server_name).server_context()
            elif isinstance(connection, Dnp3TlsServer):
                context = _dialing(self._credentials(sections[0], connection.peer_name))
            yield ChannelEndpoint(
                devices, at=at, dials=is_dialed(connection), clock=self._clock, random=self._random, context=context
            )

    def _iec61850(self, _stack: AsyncExitStack) -> Iterator[Endpoint]:
        for site in self._utility.sites:
            for section in site.devices:
                if not isinstance(section, config.Iec61850Device):
                    continue
                device, connection = self._devices[section.path], section.connection
                assert isinstance(device, Iec61850Device)
                context = None
                if isinstance(connection, Iec61850Tls):
                    context = self._credentials(section, connection.host, connection.server_name).server_context()
                host, port = _move(connection.host, connection.port)
                yield Iec61850Endpoint(device, host=host, port=port, context=context)

    def _snmp(self, _stack: AsyncExitStack) -> Iterator[Endpoint]:
        for device in self._devices.values():
            if isinstance(device, SnmpDevice):
                host, port = _move(device.device.connection.host, device.device.connection.port)
                yield SnmpEndpoint(device, host=host, port=port)

    def _find_dnp3(self, section: config.Dnp3Device) -> Dnp3Device:
        device = self._devices[section.path]
        assert isinstance(device, Dnp3Device)
        return device

    def _by_channel(self, kind: type[S], key: Callable[[S], _Key]) -> Iterator[Sequence[S]]:
        found: dict[_Key, list[S]] = {}
        for site in self._utility.sites:
            for section in site.devices:
                if isinstance(section, kind):
                    found.setdefault(key(section), []).append(section)
        yield from found.values()

    def _credentials(self, section: config.Device, *hosts: str | None) -> Credentials:
        names = sorted({_LOOPBACK, "localhost", *(host for host in hosts if host)})
        return Authority.open(self._data / "authority").credentials(f"device.{section.site}.{section.name}", hosts=names)

    def _publish_goose(self, stack: AsyncExitStack) -> None:
        """What the IEDs of a site publish, where the site listens to GOOSE at all."""
        for site in self._utility.sites if self._goose_interface is not None else ():
            assert self._goose_interface is not None
            streams = [
                (device, stream)
                for section in site.devices
                if isinstance(section, config.Iec61850Device)
                and isinstance(device := self._devices[section.path], Iec61850Device)
                for stream in (site.goose.streams if site.goose is not None else ())
                if stream.ied == section.ied.name
            ]
            sender = GooseSender(streams, self._goose_interface, self._clock, open_interface=self._open_interface)
            if streams and sender.start():
                stack.callback(sender.stop)
                self.book[goose_key(site.name)] = InterfacePlace(interface=self._goose_interface)

    def _reserve_outstations(self, stack: AsyncExitStack) -> None:
        """An address for each outstation that a gateway is: it listens there. Where it would dial or talk on a line, nobody answers."""
        held: dict[_Key, Reservation | IdleLine] = {}
        for site in self._utility.sites:
            for outstation in site.outstations:
                connection = outstation.connection
                key = (site.name, *channel_of(connection))
                if key not in held:
                    if isinstance(connection, Dnp3Serial):
                        held[key] = IdleLine(outstation.path)
                    else:
                        host, port = _move(connection.host, connection.port)
                        held[key] = Reservation(host, port, names=outstation.path, is_udp=isinstance(connection, Dnp3Udp))
                    stack.callback(held[key].release)
                self.book[outstation.path] = held[key].place


def _modbus_key(section: config.ModbusDevice) -> _Key:
    connection = section.connection
    if isinstance(connection, RtuConnection):
        return ("rtu", section.site, connection.serial_port)
    return (connection.transport, _network(section.site, connection.host), connection.host, connection.port)


def _dnp3_key(section: config.Dnp3Device) -> _Key:
    connection = section.connection
    if is_dialed(connection):
        return ("dialed", section.path)
    network = section.site if isinstance(connection, Dnp3Serial) else _network(section.site, connection.host)
    return (network, *channel_of(connection))


def _network(site: str, host: str) -> str:
    return "" if _is_loopback(host) else site


def _move(host: str, port: int) -> tuple[str, int]:
    return (host, port) if _is_loopback(host) else (_LOOPBACK, 0)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_addresses(sections: Sequence[config.Dnp3Device]) -> None:
    found: dict[tuple[int, int], str] = {}
    for section in sections:
        other = found.setdefault((section.outstation, section.master), section.path)
        if other != section.path:
            raise ConfigError(f"{section.path} and {other} have the same address and link addresses; give each its own")


def _dialing(credentials: Credentials) -> ssl.SSLContext:
    """For a device that dials: it checks who vouches for the gateway, not its name, which nobody has told it."""
    context = credentials.client_context()
    context.check_hostname = False
    return context
