"""TCP connections, with or without TLS: those that we open, and those that come to us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from tieline.io.channel import MAX_PENDING, Channel, Receiver, words_of
from tieline.model import UnavailableError

_WRITE_SIZE = 16_384  # written at once, TLS would hand a large piece on to where nobody counts it
_BACKLOG = 64
_RETRY_S = 1.0


class AcceptedReceiver(Receiver, Protocol):
    """Who gets the bytes of a connection that came to us."""

    def start(self) -> None:
        """The channel works; called before any `received`."""
        ...


Accept = Callable[[Channel, str], AcceptedReceiver | None]
"""Takes a new connection from a host, or refuses it with None. It must not raise; the channel sends from `start` on."""


class _StreamChannel(asyncio.Protocol):
    def __init__(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()
        self._reason = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # a stream protocol is only ever given a stream transport

    def data_received(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.closed(self._reason or (str(exc) if exc else "the device closed the connection"))

    @property
    def is_open(self) -> bool:
        return not self._ended.is_set()

    @property
    def pending(self) -> int:
        return 0 if self._transport is None or self._ended.is_set() else self._transport.get_write_buffer_size()

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.pending + len(data) > MAX_PENDING:
            self._reason = f"the peer does not read: {self.pending} bytes wait for it"
            transport.abort()
            return
        for start in range(0, len(data), _WRITE_SIZE):
            transport.write(data[start : start + _WRITE_SIZE])

    def close(self) -> None:
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        await self._ended.wait()

    @property
    def peer_names(self) -> frozenset[str]:
        certificate = None if self._transport is None else self._transport.get_extra_info("peercert")
        return frozenset(str(name).lower() for _, name in (certificate or {}).get("subjectAltName", ()))


def peer_names(channel: Channel) -> frozenset[str]:
    """The names and addresses in the certificate that the peer of a TLS connection has shown; empty where there is none."""
    return channel.peer_names if isinstance(channel, _StreamChannel) else frozenset()


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
        raise UnavailableError(f"cannot connect to {host} port {port}: {words_of(error)}") from error
    return channel


class _AcceptedChannel(_StreamChannel):
    def __init__(self, accept: Accept, host: str, on_end: Callable[[], None]) -> None:
        super().__init__(None)
        self.was_made = False
        self._accept = accept
        self._host = host
        self._on_end = on_end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.was_made = True
        receiver = self._accept(self, self._host)
        if receiver is None:
            self.close()
        else:
            self._receiver = receiver
            receiver.start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end()
        super().connection_lost(exc)


class Listener:
    """A listening port; get one with `listen_tcp`."""

    def __init__(
        self,
        sockets: list[socket.socket],
        accept: Accept,
        *,
        tls: ssl.SSLContext | None,
        max_connections: int,
        handshake_timeout_s: float,
    ) -> None:
        self.port: int = sockets[0].getsockname()[1]
        """Where it listens, also when any port was asked for."""
        self.connections = 0
        """Connections that there are, those in their TLS handshake included."""
        self.refused = 0
        """Connections that were too many, or whose TLS handshake failed."""
        self._sockets = sockets
        self._accept = accept
        self._tls = tls
        self._max_connections = max_connections
        self._handshake_timeout_s = handshake_timeout_s if tls is not None else None
        self._arrived: set[socket.socket] = set()
        self._task = asyncio.create_task(self._serve(), name=f"listener on port {self.port}")
        self._task.add_done_callback(self._close_sockets)  # also when it is cancelled before it began

    def close(self) -> None:
        """Listens no more and ends what is in its handshake; connections belong to who accepted them. Harmless when repeated."""
        self._task.cancel()

    async def wait_closed(self) -> None:
        """Returns when the port is free, once `close` was called."""
        await asyncio.wait([self._task])

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for listening in self._sockets:
                group.create_task(self._listen(listening, group), name=f"accepting on port {self.port}")

    async def _listen(self, listening: socket.socket, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                connection, address = await asyncio.get_running_loop().sock_accept(listening)
            except OSError:  # no descriptor is left, or the peer is gone again
                await asyncio.sleep(_RETRY_S)
                continue
            if self.connections >= self._max_connections:
                self.refused += 1
                connection.close()
                continue
            self.connections += 1
            self._arrived.add(connection)
            group.create_task(self._welcome(connection, address[0]), name=f"accepting {address[0]}")

    async def _welcome(self, connection: socket.socket, host: str) -> None:
        self._arrived.remove(connection)
        channel = _AcceptedChannel(self._accept, host, self._forget)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: channel, connection, ssl=self._tls, ssl_handshake_timeout=self._handshake_timeout_s
            )
        except OSError:  # ssl.SSLError and TimeoutError are such
            self.refused += 1
        finally:
            if not channel.was_made:
                self._forget()

    def _forget(self) -> None:
        self.connections -= 1

    def _close_sockets(self, _: asyncio.Task[None]) -> None:
        for each in (*self._sockets, *self._arrived):
            each.close()


async def listen_tcp(
    host: str,
    port: int,
    accept: Accept,
    *,
    tls: ssl.SSLContext | None = None,
    max_connections: int = 256,
    handshake_timeout_s: float = 10.0,
) -> Listener:
    """Accepts connections on a port, 0 for any free one, with TLS where a context is given; raises `UnavailableError`.

    What comes while there are `max_connections` is closed at once; what does not finish its TLS handshake in time, then.
    """
    sockets: list[socket.socket] = []
    try:
        places = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with contextlib.ExitStack() as undo:
            for family, kind, protocol, _, address in dict.fromkeys(places):
                listening = socket.socket(family, kind, protocol)
                undo.callback(listening.close)
                listening.setblocking(False)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                chosen = sockets[0].getsockname()[1] if sockets else port
                listening.bind((address[0], chosen, *address[2:]))
                listening.listen(_BACKLOG)
                sockets.append(listening)
            undo.pop_all()
    except (OSError, UnicodeError, OverflowError) as error:
        raise UnavailableError(f"cannot listen on {host} port {port}: {words_of(error)}") from error
    return Listener(sockets, accept, tls=tls, max_connections=max_connections, handshake_timeout_s=handshake_timeout_s)
