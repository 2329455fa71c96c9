"""One channel and the stations that talk on it: which frame is whose, who may speak, and what is to be sent.

A line has as many stations as there are pairs of local and remote address: several outstations behind one serial line, several masters
of one outstation, or both roles. Each has a link layer (`LinkStation`), a reassembler and a session of the application layer.

Sessions speak whenever they want, unless the medium is shared: there a session that waits for a response keeps the others from beginning
a request, and they take turns.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.frame import SELF_ADDRESS, Deframer, LinkFrame, is_broadcast
from tieline.protocols.dnp3.link import LinkStation
from tieline.protocols.dnp3.transport import MOST_FRAGMENT, Reassembler, segment


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A fragment that a session wants to be sent."""

    fragment: bytes
    destination: int | None = None
    """A broadcast address; None is the session's peer."""


class Session(Protocol):
    """The application layer of one station, as a line drives it."""

    @property
    def is_busy(self) -> bool:
        """Whether it waits for a response: on a shared medium nobody else may begin a request. False while the link is down."""
        ...

    def link_up(self, now: Now) -> None:
        """The channel was opened, or a peer that was silent speaks again."""
        ...

    def link_down(self, now: Now) -> None:
        """The channel was closed, or the peer is silent: what is outstanding will not be answered."""
        ...

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        """A fragment from the peer; `broadcast` is the address where it came to all outstations."""
        ...

    def tick(self, now: Now) -> None:
        """Time passed."""
        ...

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds; after a tick always later than that one.

        What is due but may not begin yet has no deadline: the line asks with `take` as soon as it may.
        """
        ...

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        """Fragments to send, in order; confirmations and responses only, unless it may begin.

        Asked after everything that happens on the line, but not before what was taken last has left.
        """
        ...


class Line:
    """A channel from the point of view of the protocol; closed when it is made.

    After each call that takes the time, `take` what is to be sent and ask for the `next_deadline`. Where something was asked of a
    session directly, `tick` sends it. With `datagrams` no frame reaches over the end of what is received at once (clause 13, UDP).
    """

    def __init__(self, *, shared_medium: bool = False, datagrams: bool = False) -> None:
        self.shared_medium = shared_medium
        self.datagrams = datagrams
        self.deframer = Deframer()
        """Counts what was no frame."""
        self.is_open = False
        """Whether there is a channel."""
        self.ignored = 0
        """Frames that no station here accepts."""
        self._ports: list[_Port] = []
        self._by_addresses: dict[tuple[int, int, bool], _Port] = {}
        self._turn = 0

    def add(
        self, station: LinkStation, session: Session, *, accept_broadcast: bool = False, max_fragment: int = MOST_FRAGMENT
    ) -> None:
        """Puts a station on the line; where that is open, with the next call that takes the time.

        Raises `LocalError` for a pair of addresses that is there already, a master that accepts broadcasts, a second one that answers
        the same master at the self-address, and an open station.
        """
        addresses = station.local, station.remote, station.is_master
        if addresses in self._by_addresses or station.is_open:
            raise LocalError(f"station {station.local} is on a line already with its peer {station.remote}")
        if accept_broadcast and station.is_master:
            raise LocalError("only an outstation accepts broadcasts")
        if station.accept_self_address and any(
            port.station.accept_self_address and port.station.remote == station.remote for port in self._ports
        ):
            raise LocalError(f"another station answers {station.remote} at the self-address")
        port = _Port(station, session, accept_broadcast=accept_broadcast, max_fragment=max_fragment)
        self._by_addresses[addresses] = port
        self._ports.append(port)

    def remove(self, station: LinkStation, now: Now) -> None:
        """Takes a station off the line; raises `LocalError` for one that is not there."""
        addresses = station.local, station.remote, station.is_master
        port = self._by_addresses.get(addresses)
        if port is None or port.station is not station:
            raise LocalError(f"station {station.local} is not on this line")
        del self._by_addresses[addresses]
        self._ports.remove(port)
        port.closed(now)

    @property
    def is_silent(self) -> bool:
        """Whether stations keep the link alive and none of their peers answers: such a TCP connection is to be closed (clause 13)."""
        asking = [port.station for port in self._ports if port.station.is_open and port.station.keep_alive_s is not None]
        return bool(asking) and not any(station.is_up for station in asking)

    def opened(self, now: Now) -> None:
        """There is a channel."""
        self.closed(now)
        self.is_open = True
        self._go_on(now)

    def closed(self, now: Now) -> None:
        """The channel is gone; harmless when repeated."""
        self.is_open = False
        self.deframer.reset()
        for port in self._ports:
            port.closed(now)

    def receive(self, data: bytes, now: Now) -> None:
        """Octets came, in any pieces, or a datagram; raises `LocalError` without a channel."""
        if not self.is_open:
            raise LocalError("octets from a channel that is closed")
        self._open_new(now)
        for frame in self.deframer.receive(data):
            ports = self._accepting(frame)
            for port in ports:
                port.receive(frame, now)
            self.ignored += not ports
        if self.datagrams:
            self.deframer.reset()
        self._go_on(now)

    def tick(self, now: Now) -> None:
        """Time passed, or something was asked of a session."""
        for port in self._ports:
            port.session.tick(now)
        if self.is_open:
            self._go_on(now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds; 0 for at once."""
        if self.is_open and any(not port.station.is_open or port.is_held for port in self._ports):
            return 0.0
        deadlines = [port.session.next_deadline() for port in self._ports]
        busy = self._count_busy()
        deadlines += [port.station.next_deadline(may_begin=self._may_begin(port, busy)) for port in self._ports]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def take(self) -> bytes:
        """What is to be sent now; nothing where it is empty."""
        return b"".join(self.take_datagrams())

    def take_datagrams(self) -> list[bytes]:
        """What is to be sent now, in whole frames; those of an unconfirmed fragment are in one piece."""
        return [datagram for port in self._ports for datagram in port.station.take_datagrams()]

    def _open_new(self, now: Now) -> None:
        for port in self._ports:
            if not port.station.is_open:
                port.opened(now)

    def _accepting(self, frame: LinkFrame) -> list[_Port]:
        if is_broadcast(frame.destination):
            return [port for port in self._ports if port.accept_broadcast and port.station.accepts(frame)]
        if frame.destination == SELF_ADDRESS:
            return [port for port in self._ports if port.station.accepts(frame)]
        port = self._by_addresses.get((frame.destination, frame.source, not frame.is_from_master))
        return [port] if port is not None else []

    def _go_on(self, now: Now) -> None:
        """Whoever may speak does, beginning behind the one that began last."""
        self._open_new(now)
        count = len(self._ports)
        first = self._turn
        busy = self._count_busy()
        for place in range(first, first + count):
            port = self._ports[place % count]
            was_busy = port.is_busy
            port.go_on(now, may_begin=self._may_begin(port, busy))
            if port.is_busy != was_busy:
                busy += 1 if port.is_busy else -1
                if port.is_busy:
                    self._turn = (place + 1) % count

    def _count_busy(self) -> int:
        return sum(port.is_busy for port in self._ports)

    def _may_begin(self, port: _Port, busy: int) -> bool:
        return not self.shared_medium or busy == port.is_busy


class _Port:
    """A station on a line with its session."""

    def __init__(self, station: LinkStation, session: Session, *, accept_broadcast: bool, max_fragment: int) -> None:
        self.station = station
        self.session = session
        self.accept_broadcast = accept_broadcast
        self._is_up = False
        self._waiting: deque[Outgoing] = deque()
        self._sequence = 0
        self._from_peer = Reassembler(max_fragment)
        self._to_all = Reassembler(max_fragment)
        self._to_all_address = 0
        self._was_full = False

    @property
    def is_busy(self) -> bool:
        return self.station.is_open and (self.session.is_busy or bool(self._waiting) or self.station.is_waiting)

    @property
    def is_held(self) -> bool:
        """Whether it was kept from sending by what nobody had taken, and somebody has since."""
        return self._was_full and self._is_up and self.station.is_ready

    def opened(self, now: Now) -> None:
        self.station.opened(now)
        self._follow(now)

    def closed(self, now: Now) -> None:
        self.station.closed(now)
        self._follow(now)

    def receive(self, frame: LinkFrame, now: Now) -> None:
        segments = self.station.receive(frame, now)
        self._follow(now)
        broadcast = frame.destination if is_broadcast(frame.destination) else None
        if broadcast is not None and broadcast != self._to_all_address:
            self._to_all.reset()
            self._to_all_address = broadcast
        reassembler = self._from_peer if broadcast is None else self._to_all
        for part in segments:
            fragment = reassembler.receive(part)
            if fragment is not None:
                self.session.receive(fragment, now, broadcast=broadcast)

    def go_on(self, now: Now, *, may_begin: bool) -> None:
        """Sends what the session has, as far as the station takes it, and lets the station see the time."""
        self.station.tick(now, may_begin=may_begin)
        self._follow(now)
        if not self._is_up:
            return
        if self.station.is_ready and not self._waiting:
            self._waiting.extend(self.session.take(now, may_begin=may_begin))
        while self._waiting and self.station.is_ready:
            outgoing = self._waiting.popleft()
            segments, self._sequence = segment(outgoing.fragment, self._sequence)
            self.station.send(segments, now, outgoing.destination)
        self._was_full = self.station.is_full

    def _follow(self, now: Now) -> None:
        """Tells the session when the link came or went."""
        if self.station.is_up == self._is_up:
            return
        self._is_up = self.station.is_up
        if self._is_up:
            self.session.link_up(now)
            return
        self._from_peer.reset()
        self._to_all.reset()
        self._waiting.clear()
        self.session.link_down(now)
