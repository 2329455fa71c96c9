"""Puts simulated devices on real connections: Modbus/TCP, Modbus/TCP Security, and RTU on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import cast

from tieline.config.field import NetworkPlace, SerialPlace
from tieline.model import UnavailableError
from tieline.simulator.devices.modbus import ModbusDevice
from tieline.simulator.devices.pseudo_terminal import open_pseudo_terminal

Units = Mapping[int, ModbusDevice]
"""The devices that answer at one address, by unit identifier."""

_HEADER = 7
_LONGEST_PDU = 253
_GATEWAY_TARGET_FAILED = 0x0B
_BITS_PER_BYTE = 11  # start, eight, parity, stop
_SILENT_BYTES = 3.5
_ABANDONED_S = 0.2  # a real slave waits for 3.5 bytes of silence; a process is not woken that exactly


class TcpEndpoint:
    """Devices behind one TCP port, in the clear or, with a context, as Modbus/TCP Security."""

    def __init__(self, units: Units, *, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.units = units
        self.host = host
        self.port = port
        """The one that was asked for; once started, the one that was found."""
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def devices(self) -> tuple[ModbusDevice, ...]:
        """Who answers there."""
        return tuple(self.units.values())

    @property
    def place(self) -> NetworkPlace:
        """The socket, once started."""
        return NetworkPlace(host=self.host, port=self.port)

    async def follow(self) -> None:
        """Listens as long as a device is there."""
        if all(device.behavior.manner == "gone" for device in self.devices):
            await self.stop()
        else:
            await self.start()

    async def start(self) -> None:
        """Listens; port 0 finds a free one."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self.units, self._connections), self.host, self.port, ssl=self._context, backlog=256
            )
        except OSError as error:
            names = ", ".join(device.path for device in self.units.values())
            reason = (error.strerror or str(error)).lower()
            raise UnavailableError(f"{names} cannot be served at {self.host} port {self.port}: {reason}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Breaks all connections and listens no more."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await server.wait_closed()


class _Connection(asyncio.Protocol):
    """One master: frames in, frames out."""

    def __init__(self, units: Units, register: set[_Connection]) -> None:
        self._units = units
        self._register = register
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream server's; uvloop's is not registered as one
        self._register.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._register.discard(self)
        for device in self._units.values():
            device.left(self)

    def abort(self) -> None:
        """Breaks the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        answers = bytearray()
        while len(buffer) > _HEADER:
            length = buffer[4] << 8 | buffer[5]
            if buffer[2] or buffer[3] or not 2 <= length <= _LONGEST_PDU + 1:
                self.abort()  # no Modbus: there is no way to find the next frame
                return
            end = _HEADER - 1 + length
            if len(buffer) < end:
                break
            header, unit, request = bytes(buffer[:4]), buffer[6], bytes(buffer[_HEADER:end])
            del buffer[:end]
            device = self._units.get(unit)
            if device is None:
                answers += _frame(header, unit, bytes((request[0] | 0x80, _GATEWAY_TARGET_FAILED)))
            elif device.behavior.manner not in {"silent", "gone"}:
                frame = _frame(header, unit, device.answer(request, self))
                if device.behavior.manner == "slow":
                    asyncio.get_running_loop().call_later(device.behavior.delay_s, self._send, frame)
                else:
                    answers += frame
        if answers:
            self._send(answers)

    def _send(self, frames: bytes | bytearray) -> None:
        if self._transport is not None:
            self._transport.write(frames)


def _frame(header: bytes, unit: int, response: bytes) -> bytes:
    return header + (len(response) + 1).to_bytes(2, "big") + bytes((unit,)) + response


class SerialEndpoint:
    """Devices on one serial line: the far end of a pseudo-terminal, as fast as the line's baud rate lets it be."""

    def __init__(self, units: Units, *, baud_rate: int) -> None:
        self.units = units
        self.serial_port = ""
        """The near end's name, once started."""
        self._seconds_per_byte = _BITS_PER_BYTE / baud_rate
        self._far = self._near = -1
        self._buffer = bytearray()
        self._last_byte_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def devices(self) -> tuple[ModbusDevice, ...]:
        """Who answers there."""
        return tuple(self.units.values())

    @property
    def place(self) -> SerialPlace:
        """The line, once started."""
        return SerialPlace(serial_port=self.serial_port)

    async def follow(self) -> None:
        """Nothing to do: a line stays where it is when a device on it is gone."""

    async def start(self) -> None:
        """Opens the line."""
        if self._loop is not None:
            return
        self._far, self._near, self.serial_port = open_pseudo_terminal(", ".join(device.path for device in self.devices))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._far, self._receive)

    async def stop(self) -> None:
        """Closes the line; its name is gone then."""
        if self._loop is not None:
            self._loop.remove_reader(self._far)
            self._loop = None
            os.close(self._far)
            os.close(self._near)

    def _receive(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        if now - self._last_byte_s > _ABANDONED_S:
            self._buffer.clear()
        self._last_byte_s = now
        with suppress(BlockingIOError):
            self._buffer += os.read(self._far, 4096)
        while (length := _request_length(self._buffer)) and len(self._buffer) >= length:
            frame = bytes(self._buffer[:length])
            del self._buffer[:length]
            if crc16(frame) != 0:
                self._buffer.clear()  # a slave waits for silence and begins anew
                return
            self._serve(frame)

    def _serve(self, frame: bytes) -> None:
        unit, request = frame[0], frame[1:-2]
        if unit == 0:  # broadcast: everybody acts, nobody answers
            for listener in self.units.values():
                listener.answer(request, self)
            return
        device = self.units.get(unit)
        if device is None or device.behavior.manner in {"silent", "gone"} or self._loop is None:
            return
        answer = bytes((unit,)) + device.answer(request, self)
        answer += crc16(answer).to_bytes(2, "little")
        delay_s = (len(frame) + len(answer) + 2 * _SILENT_BYTES) * self._seconds_per_byte
        if device.behavior.manner == "slow":
            delay_s += device.behavior.delay_s
        self._loop.call_later(delay_s, self._send, answer)

    def _send(self, answer: bytes) -> None:
        if self._loop is not None:
            with suppress(BlockingIOError):  # nobody reads: the bytes are lost, as on a real line
                os.write(self._far, answer)


def _request_length(frame: bytearray) -> int:
    """How long the request that begins here is; 0 where more bytes are needed to say."""
    if len(frame) < 2:
        return 0
    if frame[1] in {15, 16}:
        return 9 + frame[6] if len(frame) > 6 else 0
    return 8


def crc16(data: bytes) -> int:
    """The checksum of RTU frames (Modbus over Serial Line V1.02, 6.2.2); 0 over a frame with its own, low byte first."""
    crc = 0xFFFF
    table = _crc_table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


@lru_cache(maxsize=1)
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
