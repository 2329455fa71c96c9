"""A channel of bytes to a device: TCP, TLS, UDP or a serial line behind one face.

Bytes arrive by callback and leave without waiting. What the operating system does not take at once waits in the channel, up to a
bound; whoever has much to send looks at `pending` and holds back.
"""

from __future__ import annotations

from typing import Protocol

MAX_PENDING = 4 * 1024 * 1024
"""Bytes that wait for a peer that does not read; a channel on which there would be more is closed."""


class Receiver(Protocol):
    """Who gets the bytes; both calls are synchronous and must not raise."""

    def received(self, data: bytes) -> None:
        """Bytes arrived; from UDP, one datagram."""
        ...

    def closed(self, reason: str) -> None:
        """The other side, or the medium, ended the channel; not called after `Channel.close`, nor from within `Channel.send`."""
        ...


class Channel(Protocol):
    """A channel of bytes, open when it is made."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        ...

    @property
    def pending(self) -> int:
        """Bytes that the operating system has not taken yet; with TLS some 64 KiB may be missing in it."""
        ...

    def send(self, data: bytes) -> None:
        """Sends bytes, through UDP as one datagram; on a broken channel nothing happens but that `closed` follows.

        So it does when more would wait than the bound of the channel.
        """
        ...

    def close(self) -> None:
        """Ends the channel at once and drops what was not sent; harmless when repeated."""
        ...

    async def wait_closed(self) -> None:
        """Returns when the operating system has everything back."""
        ...


def words_of(error: Exception) -> str:
    """What an error says, without its number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
