"""What joins a connection of the event loop with the thread of the MMS server that serves it.

The library serves each client in a thread that reads and writes a blocking socket, and reports are written by whichever thread made
them, with the locks of the whole server held. So that no client can hold these up, nothing here ever blocks a writer: what is written
waits in memory until the loop has sent it, and a client that does not take it in time loses its connection. Reading blocks the one
thread that has nothing else to do.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import cast

from tieline.simulator.devices.behavior import Behavior

_MOST_UNSENT = 8 << 20
_MOST_UNREAD = 1 << 18


class Wire(asyncio.Protocol):
    """One connection: a protocol to the event loop, and `recv`, `sendall`, `shutdown` and `close` of a socket to the thread."""

    def __init__(
        self, behavior: Callable[[], Behavior], *, on_open: Callable[[Wire], None], on_sent: Callable[[Wire], None]
    ) -> None:
        """`on_open` and `on_sent` (which includes the end of the connection) are called on the event loop."""
        self._behavior = behavior
        self._on_open = on_open
        self._on_sent = on_sent
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._is_choked = False
        self._late: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        # Of both sides, under the lock.
        self._changed = threading.Condition()
        self._unread = bytearray()
        self._unsent = bytearray()
        self._is_told = False
        self._is_paused = False
        self._is_over = False

    # The event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)  # a stream server's; uvloop's is not registered as one
        self._transport.set_write_buffer_limits(0)  # so that the end of what waits is heard of
        self._on_open(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """The client is gone."""
        self._transport = None
        self._late.clear()
        if self._timer is not None:
            self._timer.cancel()
        with self._changed:
            self._is_over = True
            self._unsent.clear()
            self._changed.notify_all()
        self._on_sent(self)

    def data_received(self, data: bytes) -> None:
        """Bytes for the thread."""
        with self._changed:
            self._unread += data
            if len(self._unread) > _MOST_UNREAD and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()
            self._changed.notify_all()

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        self._is_choked = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_choked = False
        self.follow()

    def follow(self) -> None:
        """Sends what waits, as the device behaves at the moment."""
        with self._changed:
            self._is_told = False
        behavior = self._behavior()
        if self._transport is None or self._is_choked or behavior.manner == "silent":
            return
        with self._changed:
            data = bytes(self._unsent)
            self._unsent.clear()
        now = self._loop.time()
        if data and (behavior.manner == "slow" or self._late):
            self._late.append((now + (behavior.delay_s if behavior.manner == "slow" else 0.0), data))
            data = b""
        while self._late and self._late[0][0] <= now:
            data += self._late.popleft()[1]
        if data:
            self._transport.write(data)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._late[0][0], self.follow) if self._late else None
        self._on_sent(self)

    @property
    def is_sent(self) -> bool:
        """Whether the operating system has taken all that was written."""
        with self._changed:
            if self._is_over:
                return True
            is_waiting = bool(self._unsent)
        return not is_waiting and not self._late and (self._transport is None or not self._transport.get_write_buffer_size())

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self._is_over

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address."""
        address = self._transport.get_extra_info("peername") if self._transport is not None else None
        return (str(address[0]), int(address[1])) if address else ("", 0)

    def abort(self) -> None:
        """Breaks the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    # The thread's side: what the library uses of a socket

    def recv(self, size: int) -> bytes:
        """Waits for at least one byte; none when the connection is over."""
        with self._changed:
            while not self._unread and not self._is_over:
                self._changed.wait()
            if self._is_over:
                return b""
            data = bytes(self._unread[:size])
            del self._unread[:size]
            if self._is_paused and len(self._unread) < _MOST_UNREAD // 2:
                self._is_paused = False
                self._tell(self._resume)
            return data

    def sendall(self, data: bytes) -> None:
        """Never waits. Raises `BrokenPipeError` when the connection is over, as it is for a client that takes nothing."""
        with self._changed:
            if not self._is_over and len(self._unsent) + len(data) > _MOST_UNSENT:
                self._end()
            if self._is_over:
                raise BrokenPipeError
            self._unsent += data
            if not self._is_told:
                self._is_told = True
                self._tell(self.follow)

    def shutdown(self, _how: int) -> None:
        """Ends the connection."""
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        with self._changed:
            self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._changed.notify_all()
            self._tell(self._close)

    def _close(self) -> None:
        """What was written before the end, a conclude response perhaps, still goes out."""
        with self._changed:
            data = bytes(self._unsent)
            self._unsent.clear()
        if self._is_choked:
            self.abort()
        elif self._transport is not None:
            if data and self._behavior().manner != "silent":
                self._transport.write(data)
            self._transport.close()

    def _tell(self, function: Callable[[], None]) -> None:
        # The loop outlives every connection: an endpoint waits for its threads before it lets go.
        self._loop.call_soon_threadsafe(function)
