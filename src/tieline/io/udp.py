"""UDP: a channel of datagrams to one peer, or to whoever spoke last."""

from __future__ import annotations

import asyncio
from typing import cast

from tieline.io.channel import Receiver, words_of
from tieline.model import UnavailableError

_MAX_PENDING = 262_144


class UdpChannel(asyncio.DatagramProtocol):
    """A UDP socket as a `Channel`; get one with `open_udp`.

    With a peer, the operating system lets nothing else through. Without one, datagrams go to whoever sent the last one; before
    anybody did they are dropped.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.peer: tuple[str, int] | None = None
        """Where datagrams go: host and port."""
        self.local_port = 0
        """Our port, also when any was asked for."""
        self.dropped = 0
        """Datagrams that were not sent: too long, too many, or to nobody."""
        self._receiver: Receiver | None = receiver
        self._transport: asyncio.DatagramTransport | None = None
        self._is_connected = False
        self._address: tuple[str, int] | None = None
        self._ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # a datagram protocol is only given a datagram transport
        self.local_port = transport.get_extra_info("sockname")[1]
        peer = transport.get_extra_info("peername")
        if peer is not None:
            self._is_connected = True
            self.peer = (peer[0], peer[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram came."""
        if not self._is_connected:
            self._address = addr  # of IPv6 it has four parts
            self.peer = (addr[0], addr[1])
        if self._receiver is not None:
            self._receiver.received(data)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002
        """A datagram was too long, or nobody was there to get it; on UDP that is no end."""
        self.dropped += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._ended.set()
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.closed(words_of(exc) if exc else "the socket was closed")

    @property
    def is_open(self) -> bool:
        """Whether there is a socket."""
        return not self._ended.is_set()

    @property
    def pending(self) -> int:
        """Bytes that the operating system has not taken yet."""
        if self._transport is None or self._ended.is_set():
            return 0
        return cast("asyncio.WriteTransport", self._transport).get_write_buffer_size()  # it has this one of its methods, too

    def send(self, data: bytes) -> None:
        """Sends one datagram; where too much waits already it is dropped, as the network would."""
        if self._transport is None or self._transport.is_closing():
            return
        if self.peer is None or self.pending > _MAX_PENDING:
            self.dropped += 1
            return
        self._transport.sendto(data, None if self._is_connected else self._address)

    def close(self) -> None:
        """Ends it at once; harmless when repeated."""
        self._receiver = None
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Returns when the port is free."""
        await self._ended.wait()


async def open_udp(
    receiver: Receiver,
    *,
    local_host: str | None = None,
    local_port: int = 0,
    peer_host: str | None = None,
    peer_port: int | None = None,
) -> UdpChannel:
    """A UDP socket at a local address, for one peer or, without `peer_host`, for anybody; raises `UnavailableError`.

    Each `received` is a datagram, and each `send` makes one.
    """
    peer = None if peer_host is None else (peer_host, peer_port or 0)
    # An address of the peer's family is chosen where none is given.
    local = None if local_host is None and peer is not None and not local_port else (local_host or "0.0.0.0", local_port)  # noqa: S104
    try:
        _, channel = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: UdpChannel(receiver), local_addr=local, remote_addr=peer
        )
    except (OSError, UnicodeError, OverflowError, ValueError) as error:
        where = f"to {peer_host} port {peer_port}" if peer is not None else f"at port {local_port}"
        raise UnavailableError(f"cannot open UDP {where}: {words_of(error)}") from error
    return channel
