"""Serial lines."""

from __future__ import annotations

import asyncio
import os

from tieline.io.channel import Channel, Receiver, words_of
from tieline.model import UnavailableError

MAX_SERIAL_PENDING = 65_536
"""Bytes that wait for a serial line; at 9600 baud more than a minute of them. One on which there would be more is closed."""

_READ_SIZE = 4096


class _SerialChannel:
    def __init__(self, descriptor: int, receiver: Receiver) -> None:
        self._descriptor = descriptor
        self._receiver = receiver
        self._unsent = bytearray()
        self._is_failing = False
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(words_of(error))
            return
        if data:
            self._receiver.received(data)
        else:
            self._fail("the serial line hung up")

    def _fail(self, reason: str) -> None:
        if self.is_open:
            self.close()
            self._receiver.closed(reason)

    def _fail_soon(self, reason: str) -> None:
        self._is_failing = True
        self._loop.call_soon(self._fail, reason)

    @property
    def pending(self) -> int:
        return len(self._unsent)

    def send(self, data: bytes) -> None:
        if not self.is_open or self._is_failing:
            return
        was_idle = not self._unsent
        if len(self._unsent) + len(data) > MAX_SERIAL_PENDING:
            self._fail_soon(f"the serial line does not move: {len(self._unsent)} bytes wait for it")
            return
        self._unsent += data
        if was_idle:
            self._write()
            if self._unsent and not self._is_failing:
                self._loop.add_writer(self._descriptor, self._writable)

    def _write(self) -> None:
        try:
            del self._unsent[: os.write(self._descriptor, self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            self._fail_soon(words_of(error))

    def _writable(self) -> None:
        self._write()
        if not self._unsent or self._is_failing:
            self._loop.remove_writer(self._descriptor)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._unsent.clear()
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            os.close(self._descriptor)

    async def wait_closed(self) -> None:
        return


async def open_serial(path: str, receiver: Receiver, *, baud_rate: int, parity: str, stop_bits: int) -> Channel:
    """A serial line with 8 data bits, for us alone; `parity` is `none`, `even` or `odd`. Raises `UnavailableError`."""
    import serial

    try:
        port = serial.Serial(
            path,
            baudrate=baud_rate,
            bytesize=8,
            parity=parity[0].upper(),
            stopbits=stop_bits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise UnavailableError(f"cannot open the serial line {path}: {words_of(error)}") from error
    try:
        descriptor = os.dup(port.fileno())  # pyserial configures the line; reading and writing it needs only the descriptor
    finally:
        port.close()
    os.set_blocking(descriptor, False)
    return _SerialChannel(descriptor, receiver)
