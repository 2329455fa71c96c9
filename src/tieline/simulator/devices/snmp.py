"""A watched node of the communications network as an SNMP agent on a UDP port: it shows what has become of the network."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np

from tieline.config.field import NetworkPlace
from tieline.config.snmp import Measure, WatchRow
from tieline.config.snmp import SnmpDevice as Section
from tieline.io import Clock
from tieline.model import ConfigError, LocalError, UnavailableError
from tieline.security.network_keys import SnmpKeys
from tieline.simulator.communications import DISCARDS, ERRORS, IN_OCTETS, OUT_OCTETS, Communications
from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.device import Column, ShowNote, Watch, WriteNote
from tieline.simulator.devices.snmp_agent import Agent
from tieline.simulator.devices.snmp_security import Security
from tieline.simulator.devices.snmp_view import View

_ENGINE_PREFIX = bytes.fromhex("80007ed905")
"""RFC 3411: the enterprise number for documentation (RFC 5612), and that octets follow."""
_ENGINE_OCTETS = 8


class SnmpDevice:
    """One agent. Its values follow from the network; they cannot be set one by one."""

    def __init__(self, device: Section, network: Communications, clock: Clock, keys: SnmpKeys) -> None:
        self.device = device
        self.path = device.path
        self.points = device.points
        self.feedback: frozenset[int] = frozenset()
        self.behavior: Behavior = NORMAL
        self.on_write: WriteNote | None = None
        self.on_show: ShowNote | None = None
        self._clock = clock
        self._network = network
        self._index = {point.name: number for number, point in enumerate(device.points)}
        self._boots = network.boots[device.name]
        self._view = View(device, network, on_power=self._on_power)
        security = Security(
            device.connection,
            engine_id=_ENGINE_PREFIX + hashlib.sha256(device.path.encode()).digest()[:_ENGINE_OCTETS],
            # An agent that starts anew has a higher number than before; this one has no memory but the clock.
            boots=clock.now_us() // 1_000_000 & 0x7FFFFFFF,
            auth=keys.auth,
            priv=keys.priv,
        )
        self.agent = Agent(security, lambda: self._view.table(security), started_s=clock.monotonic())

    @property
    def values(self) -> Column:
        """What the points stand at, in engineering units, as the network is now."""
        return np.array([self._value(row) for row in self.device.rows], np.float64)

    def number(self, name: str) -> int:
        """A point's number in the device. Raises `LocalError` where there is no such point."""
        if name not in self._index:
            raise LocalError(f"{self.path} has no point {name}")
        return self._index[name]

    def publish(self, values: Column) -> None:  # noqa: ARG002 - what every device has
        """Raises `LocalError`: what happens to the network is told to the network."""
        raise LocalError(f"{self.path} shows the communications network; have something happen there (Field.communications)")

    def change(self, values: Mapping[str, float]) -> None:  # noqa: ARG002 - what every device has
        """Raises `LocalError` likewise."""
        raise LocalError(f"{self.path} shows the communications network; have something happen there (Field.communications)")

    def watch(self, numbers: Sequence[int], on_read: Callable[[], None]) -> Watch:  # noqa: ARG002 - what every device has
        """Raises `ConfigError`: a recording cannot be replayed through it."""
        raise ConfigError(f"{self.path} is a node of the communications network: no recording can be replayed through it")

    def follow_network(self) -> None:
        """Something has happened in the network."""
        boots = self._network.boots[self.device.name]
        if boots != self._boots:
            self._boots = boots
            self.agent.restart(self._network.started_s[self.device.name])
        self.agent.renew()
        if self.on_show is not None:
            self.on_show(None)

    def answer(self, datagram: bytes) -> bytes | None:
        """What is sent back; None for what nobody answers."""
        return self.agent.answer(datagram, self._clock.monotonic(), is_refusing=self.behavior.manner == "refusing")

    def _on_power(self, port: str, is_on: bool) -> None:
        self._network.switch_power(f"{self.device.name}/{port}", self._clock.monotonic(), is_on=is_on)
        number = next(
            (number for number, row in enumerate(self.device.rows) if row.port == port and row.measure is Measure.POE_SWITCH),
            None,
        )
        if number is not None and self.on_write is not None:
            self.on_write(number, float(is_on))

    def _value(self, row: WatchRow) -> float:
        network, path = self._network, f"{self.device.name}/{row.port}"
        match row.measure:
            case Measure.LINK:
                return float(network.is_up(path))
            case Measure.IN_PERCENT | Measure.OUT_PERCENT:
                column = IN_OCTETS if row.measure is Measure.IN_PERCENT else OUT_OCTETS
                return self._view.percent(row.port, network.rate(network.row(path), column))
            case Measure.ERRORS_PER_S:
                return network.rate(network.row(path), ERRORS)
            case Measure.DISCARDS_PER_S:
                return network.rate(network.row(path), DISCARDS)
            case Measure.NEIGHBOR:
                return float(self._view.is_as_designed(row.port))
            case Measure.POE:
                return float(network.delivered_w(path) is not None)
            case Measure.POE_W:
                return network.delivered_w(path) or 0.0
            case Measure.POE_SWITCH:
                return float(network.has_power(path))
            case Measure.POE_USED_PERCENT:
                return self._view.used_percent()
            case Measure.SUPPLY:
                return float(self._view.is_fed(row.number))
            case Measure.TEMPERATURE_C:
                return self._view.temperature_c(self._clock.monotonic())
            case Measure.UPTIME_S:
                return self._clock.monotonic() - self.agent.started_s
            case Measure.FIRMWARE:
                return float(self._view.firmware == self.device.firmware)
            case Measure.DRIFT:
                return np.nan  # what the gateway finds, no agent knows
            case Measure.POE_RESTART | Measure.VIOLATIONS:
                return 0.0


class SnmpEndpoint:
    """An agent on its UDP port."""

    def __init__(self, device: SnmpDevice, *, host: str, port: int) -> None:
        self.device = device
        self.host = host
        self.port = port
        """The one that was asked for; once started, the one that was found."""
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def devices(self) -> tuple[SnmpDevice, ...]:
        """Who answers there."""
        return (self.device,)

    @property
    def place(self) -> NetworkPlace:
        """The socket, once started."""
        return NetworkPlace(host=self.host, port=self.port)

    async def follow(self) -> None:
        """Listens as long as the device is there."""
        if self.device.behavior.manner == "gone":
            await self.stop()
        else:
            await self.start()

    async def start(self) -> None:
        """Listens; port 0 finds a free one."""
        if self._transport is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Agent(self.device), local_addr=(self.host, self.port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnavailableError(f"{self.device.path} cannot be served at {self.host} port {self.port}: {reason}") from error
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    async def stop(self) -> None:
        """Listens no more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await asyncio.sleep(0)  # a datagram socket is closed by the loop's next turn


class _Agent(asyncio.DatagramProtocol):
    """Datagrams of one agent."""

    def __init__(self, device: SnmpDevice) -> None:
        self._device = device
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        behavior = self._device.behavior
        if behavior.manner in {"silent", "gone"}:
            return
        answer = self._device.answer(data)
        if answer is None:
            return
        if behavior.manner == "slow":
            asyncio.get_running_loop().call_later(behavior.delay_s, self._send, answer, peer)
        else:
            self._send(answer, peer)

    def _send(self, answer: bytes, peer: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(answer, peer)
