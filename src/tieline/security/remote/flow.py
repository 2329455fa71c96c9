"""How much may be under way, and how fast: the bus has no back-pressure of its own, so each way of a session has a window.

Every way (up: towards the device; down: towards the person) counts its bytes from 0. A sender has at most `WINDOW` bytes under way that
the far end has not taken yet; the far end says how many it has taken in all. A frame says where it begins, so that one that was lost
on the bus is seen at the next, and ends the session: nothing is ever passed on with a hole in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model import RemoteError

WINDOW = 128 * 1024
CHUNK = 16 * 1024
"""Bytes in one frame at the most."""
SMALL = 2 * 1024
"""A far end that has taken less since it last said so waits with saying it, for company."""


@dataclass(slots=True)
class Sending:
    """The sender's side of one way."""

    sent: int = 0
    taken: int = 0
    is_ended: bool = False

    @property
    def room(self) -> int:
        """So many bytes may be sent now."""
        return WINDOW - (self.sent - self.taken)

    def send(self, count: int) -> int:
        """Where a frame of so many bytes begins."""
        begin = self.sent
        self.sent += count
        return begin

    def acknowledge(self, taken: int) -> None:
        """The far end has taken so many in all. Raises `RemoteError` where that cannot be."""
        if not self.taken <= taken <= self.sent:
            raise RemoteError(f"{taken} bytes are said to be taken, of {self.sent} sent and {self.taken} taken before")
        self.taken = taken


@dataclass(slots=True)
class Receiving:
    """The receiver's side of one way."""

    received: int = 0
    taken: int = 0
    told: int = 0
    is_ended: bool = False

    def receive(self, begin: int, count: int) -> None:
        """A frame has come. Raises `RemoteError` where one is missing, or it is more than there may be under way."""
        if self.is_ended:
            raise RemoteError("bytes after the end")
        if begin != self.received:
            raise RemoteError(f"bytes were lost on the bus: {self.received} had come, and the next begins at {begin}")
        if not 0 < count <= CHUNK or self.received + count - self.taken > WINDOW:
            raise RemoteError(f"{count} bytes are more than may come now")
        self.received += count

    def receive_end(self, total: int) -> None:
        """No more comes; so many bytes did in all. Raises `RemoteError` where some of them are missing."""
        if self.is_ended or total != self.received:
            raise RemoteError(f"bytes were lost on the bus: {self.received} had come of {total}")
        self.is_ended = True

    def tell_taken(self, total: int, *, most: int) -> None:
        """Whoever the bytes were passed on to has taken so many, of `most`. Raises `RemoteError` where that cannot be."""
        if not self.taken <= total <= most:
            raise RemoteError(f"{total} bytes are said to be taken, of {most} passed on and {self.taken} taken before")
        self.taken = total

    def take(self, count: int) -> int | None:
        """So many were handed on; what is to be said of it, None for nothing yet."""
        self.taken += count
        if self.taken == self.received or self.taken - self.told >= SMALL:
            self.told = self.taken
            return self.taken
        return None


class Bucket:
    """A token bucket: a rate that many share, with a little at once."""

    def __init__(self, rate: float, *, at_once_s: float = 0.1) -> None:
        """`rate` in bytes a second."""
        self._rate = rate
        self._most = max(rate * at_once_s, CHUNK)
        self._left = self._most
        self._at_s = float("-inf")

    def take(self, count: int, now_s: float) -> float:
        """Takes so many bytes; for how many seconds whoever takes them has to wait before they go on."""
        if self._at_s > float("-inf"):
            self._left = min(self._most, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        self._left -= count
        return max(0.0, -self._left / self._rate)
