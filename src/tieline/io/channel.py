"""A channel of bytes to a device: TCP, TLS or a serial line behind one face.

Bytes arrive by callback and leave without waiting: field protocols are request and answer, a few hundred bytes each, so there is
nothing to stream and nothing to pause.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Protocol, cast

from tieline.model import UnavailableError

_READ_SIZE = 4096


class Receiver(Protocol):
    """Who gets the bytes; both calls are synchronous and must not raise."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        ...

    def closed(self, reason: str) -> None:
        """The other side, or the medium, ended the channel; not called after `Channel.close`."""
        ...


class Channel(Protocol):
    """A channel of bytes, open when it is made."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        ...

    def send(self, data: bytes) -> None:
        """Hands bytes to the operating system; on a broken channel nothing happens but that `closed` follows."""
        ...

    def close(self) -> None:
        """Ends the channel at once and drops what was not sent; harmless when repeated."""
        ...

    async def wait_closed(self) -> None:
        """Returns when the operating system has everything back."""
        ...


class _StreamChannel(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver: Receiver | None = receiver
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport

    def data_received(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.closed(str(exc) if exc else "the device closed the connection")

    @property
    def is_open(self) -> bool:
        return not self._ended.is_set()

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        await self._ended.wait()


async def open_tcp(
    host: str,
    port: int,
    receiver: Receiver,
    *,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
) -> Channel:
    """A TCP connection, with TLS where a context is given; raises `UnavailableError`, also after `timeout_s` (handshake included)."""
    name = (server_name or host) if tls is not None else None
    try:
        async with asyncio.timeout(timeout_s):
            _, channel = await asyncio.get_running_loop().create_connection(
                lambda: _StreamChannel(receiver), host, port, ssl=tls, server_hostname=name
            )
    except TimeoutError as error:
        raise UnavailableError(f"{host} port {port} did not accept a connection within {timeout_s:g} s") from error
    except (OSError, UnicodeError) as error:
        raise UnavailableError(f"cannot connect to {host} port {port}: {_words(error)}") from error
    return channel


class _SerialChannel:
    def __init__(self, descriptor: int, receiver: Receiver) -> None:
        self._descriptor = descriptor
        self._receiver = receiver
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(_words(error))
            return
        if data:
            self._receiver.received(data)
        else:
            self._fail("the serial line hung up")

    def _fail(self, reason: str) -> None:
        if self.is_open:
            self.close()
            self._receiver.closed(reason)

    def send(self, data: bytes) -> None:
        # A request is 256 bytes at the most and the kernel buffers 4096: a short write means a line that does not move,
        # and the missing answer will say so.
        if self.is_open:
            try:
                os.write(self._descriptor, data)
            except BlockingIOError:
                return
            except OSError as error:
                self._loop.call_soon(self._fail, _words(error))

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._descriptor)
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
        raise UnavailableError(f"cannot open the serial line {path}: {_words(error)}") from error
    try:
        descriptor = os.dup(port.fileno())  # pyserial configures the line; reading and writing it needs only the descriptor
    finally:
        port.close()
    os.set_blocking(descriptor, False)
    return _SerialChannel(descriptor, receiver)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
