"""Puts a simulated IED on a TCP port, in the clear or with TLS."""

from __future__ import annotations

import asyncio
import ssl

from tieline.config.field import NetworkPlace
from tieline.model import UnavailableError
from tieline.simulator.devices.iec61850.device import Iec61850Device
from tieline.simulator.devices.iec61850.wire import Wire


class Iec61850Endpoint:
    """One IED at its address."""

    def __init__(self, device: Iec61850Device, *, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        """With a context, as mutual TLS (IEC 62351-3)."""
        self.devices = (device,)
        self.host = host
        self.port = port
        """The one that was asked for; once started, the one that was found."""
        self._device = device
        self._context = context
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()

    @property
    def place(self) -> NetworkPlace:
        """The socket, once started."""
        return NetworkPlace(host=self.host, port=self.port)

    async def start(self) -> None:
        """Listens; port 0 finds a free one."""
        self._device.open()
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._make_wire, self.host, self.port, ssl=self._context, backlog=64)
        except OSError as error:
            await self._device.close()
            reason = (error.strerror or str(error)).lower()
            raise UnavailableError(f"{self._device.path} cannot be served at {self.host} port {self.port}: {reason}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Breaks all connections, listens no more and ends the device's threads."""
        await self._leave()
        await self._device.close()

    async def follow(self) -> None:
        """Listens as long as the device is there; one that is gone keeps its buffered reports."""
        if self._device.behavior.manner == "gone":
            await self._leave()
            return
        await self.start()
        for wire in tuple(self._wires):
            wire.follow()

    async def _leave(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for wire in tuple(self._wires):
                wire.abort()
            await server.wait_closed()
            await self._device.join()

    def _make_wire(self) -> Wire:
        return Wire(lambda: self._device.behavior, on_open=self._admit, on_sent=self._look)

    def _admit(self, wire: Wire) -> None:
        self._wires.add(wire)
        if self._device.behavior.manner != "silent" and not self._device.admit(wire, wire.peer):
            wire.abort()

    def _look(self, wire: Wire) -> None:
        if wire.is_over:
            self._wires.discard(wire)
        self._device.look()
