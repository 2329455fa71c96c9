"""A `Line` with a channel, a timer, and the owners of its stations.

After each callback, in this order: the line gets what came, the owners hear of it and may ask for more, what the line has to send goes
out, and the timer is set to the line's next deadline. The order is what makes delivery exactly-once: an event is with its owner
before its confirmation leaves.

Bytes of a peer cannot make this raise. What does raise is a mistake of ours: it is logged, and costs the channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tieline.edge.dnp3.stations import Station
from tieline.io import Channel, Clock
from tieline.model import Now
from tieline.protocols.dnp3.line import Line

MOST_PENDING = 262_144
"""Octets that wait for the peer to read; past that, the line has to wait."""

STALLED_S = 30.0
"""A stream whose peer takes nothing of what waits for so long is closed."""

_AGAIN_S = 0.02  # how often a line that has to wait looks whether the peer has read
_SHORTEST_S = 0.001  # no deadline is nearer: a session that has one in the past must not keep the processor
_AFTER_FAILURE_S = 1.0
_MOST_ROUNDS = 64  # what owners may ask and lines may send within one callback; the rest comes with the next

log = structlog.get_logger()


class LineRunner:
    """Drives one line; a `Receiver`. `on_end` hears why its channel ended, unless it was `detach` that ended it."""

    def __init__(self, line: Line, *, name: str, clock: Clock, is_stream: bool, on_end: Callable[[str], None]) -> None:
        self.line = line
        self.stations: list[Station] = []
        self._name = name
        self._clock = clock
        self._is_stream = is_stream
        self._on_end = on_end
        self._channel: Channel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_working = False
        self._is_awake = False
        self._has_failed = False
        self._early: list[bytes] | None = None
        self._early_end = ""
        self._stalled_since: float | None = None
        self._least_pending = 0

    def now(self) -> Now:
        """This moment on both clocks."""
        return Now(self._clock.monotonic(), self._clock.now_us())

    @property
    def is_open(self) -> bool:
        """Whether there is a channel."""
        return self._channel is not None

    # Stations

    def add(self, station: Station) -> None:
        """Puts a station on the line."""
        self.line.add(station.link, station.session, accept_broadcast=station.accept_broadcast, max_fragment=station.max_fragment)
        self.stations.append(station)
        self._share()

    def remove(self, station: Station) -> None:
        """Takes a station off the line; its session learns that the link is down."""
        self.stations.remove(station)
        self.line.remove(station.link, self.now())
        self._share()

    def _share(self) -> None:
        """Where several outstations share a stream, it ends in a serial line or a gateway to one: one request at a time."""
        self.line.shared_medium = not self.line.datagrams and sum(station.link.is_master for station in self.stations) > 1

    # The channel

    def expect(self) -> None:
        """A channel is being opened for this receiver: what it brings before it is attached is kept."""
        self._early = []
        self._early_end = ""

    def attach(self, channel: Channel) -> None:
        """The line has a channel from now on."""
        early, self._early = self._early or [], None
        self._channel = channel
        self._stalled_since = None
        self._work(self.line.opened)
        for station in tuple(self.stations):
            self._tell(station, None)
        for data in early:
            self.received(data)
        if self._early_end:
            self._end(self._early_end)

    def detach(self, reason: str) -> None:
        """Ends the channel, be it there or not; owners hear why."""
        channel, self._channel = self._channel, None
        self._early = None
        if channel is not None:
            channel.close()
        self._work(self.line.closed)
        for station in tuple(self.stations):
            self._tell(station, reason)

    def stop(self) -> None:
        """Ends the channel and the timer without a word to anybody."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        if self.line.is_open:
            self.line.closed(self.now())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def received(self, data: bytes) -> None:
        """Bytes from the channel."""
        if self._channel is not None:
            self._work(lambda now: self.line.receive(data, now))
        elif self._early is not None:
            self._early.append(data)

    def closed(self, reason: str) -> None:
        """The channel ended."""
        if self._early is not None:
            self._early_end = reason
        self._end(reason)

    def wake(self) -> None:
        """A session was asked for something: it is sent, now or, from within an owner's call, at its end."""
        if self._is_working:
            self._is_awake = True
        else:
            self._work(self.line.tick)

    def _end(self, reason: str) -> None:
        if self._channel is not None:
            self.detach(reason)
            self._on_end(reason)

    # The order of things

    def _work(self, step: Callable[[Now], None]) -> None:
        if self._is_working:  # an owner closed the channel from within: what is under way finds it closed
            step(self.now())
            return
        self._is_working = True
        self._has_failed = False
        reason = ""
        try:
            self._rounds(step)
            if self._channel is not None:
                reason = self._why_to_close()
        except Exception as error:
            log.exception("line failed", line=self._name)
            reason = f"an error of ours: {error}"
            self._has_failed = True
        finally:
            self._is_working = False
        if reason:
            self._end(reason)
        self._arm()

    def _rounds(self, step: Callable[[Now], None]) -> None:
        for _ in range(_MOST_ROUNDS):
            self._is_awake = False
            now = self.now()
            step(now)
            for station in tuple(self.stations):
                station.owner.on_activity(now)
            has_sent = self._send()
            # What could not be handed to the line before there was room may be there now.
            if not self._is_awake and not (has_sent and self.line.next_deadline() == 0.0):
                return
            step = self.line.tick
        self._is_awake = True

    def _send(self) -> bool:
        channel = self._channel
        if channel is None or not channel.is_open or channel.pending > MOST_PENDING:
            return False
        datagrams = self.line.take_datagrams()
        if not self.line.datagrams:
            datagrams = [b"".join(datagrams)] if datagrams else []
        for datagram in datagrams:
            channel.send(datagram)
        return bool(datagrams)

    def _why_to_close(self) -> str:
        if not self._is_stream or self._channel is None:
            return ""
        if self.line.is_silent:
            return "the peer does not answer on the link"
        pending = self._channel.pending
        if pending <= MOST_PENDING:
            self._stalled_since = None
        elif self._stalled_since is None or pending < self._least_pending:
            self._stalled_since, self._least_pending = self._clock.monotonic(), pending
        elif self._clock.monotonic() - self._stalled_since > STALLED_S:
            return "the peer does not read what is sent to it"
        return ""

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._has_failed:
            wait_s = _AFTER_FAILURE_S
        elif self._is_awake:
            wait_s = 0.0
        elif self._channel is not None and self._channel.pending > MOST_PENDING:
            wait_s = _AGAIN_S
        else:
            deadline = self.line.next_deadline()
            if deadline is None:
                return
            wait_s = deadline - self._clock.monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(_SHORTEST_S, wait_s), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._work(self.line.tick)

    def _tell(self, station: Station, reason: str | None) -> None:
        try:
            station.owner.on_channel(reason)
        except Exception:
            log.exception("owner of a station failed", line=self._name)
