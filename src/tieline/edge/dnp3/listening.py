"""A channel that peers open: we listen, and find out from its frames which station a connection is for.

Each connection has a line of its own. A station is on the line of the newest connection from which a frame for it came; the connection
that it leaves is closed when no other station is on it, because a peer that dials again has given up the old one, whether or not
the network has said so. A connection never takes a station from a newer one.

An outstation that dials in may wait to be asked. So each new connection is asked for the link status of every outstation that may be
behind it; what answers is there. Masters speak first.

A connection from which nothing for one of the stations comes in time is closed, and so is the oldest of these when there are too many.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable

import structlog

from tieline.config.dnp3 import Dnp3TcpServer, Dnp3TlsServer
from tieline.edge.dnp3.channels import StationChannel, TlsContext, make_context
from tieline.edge.dnp3.line_runner import LineRunner
from tieline.edge.dnp3.stations import Station
from tieline.edge.dnp3.watching import WatchedDeframer
from tieline.io import Backoff, Channel, Clock, listen_tcp, peer_names
from tieline.model import LocalError, UnavailableError
from tieline.protocols.dnp3.frame import SELF_ADDRESS, LinkFrame, PrimaryFunction, encode_frame, is_broadcast, primary_control
from tieline.protocols.dnp3.line import Line

IDENTIFY_S = 30.0
"""A connection says within this time whose it is."""

ASK_S = 5.0
"""How often a new connection is asked who is behind it."""

MOST_STRANGERS = 32
"""Connections at a time of which nobody knows yet whose they are."""

RESOLVE_S = 60.0
"""How often the names among `peer_hosts` are looked up."""

_MOST_LOGGED = 64  # hosts of which a refusal is logged, each once

log = structlog.get_logger()


class ListeningChannel(StationChannel):
    """A listening socket and the connections that it accepted."""

    def __init__(
        self,
        connection: Dnp3TcpServer | Dnp3TlsServer,
        *,
        name: str,
        clock: Clock,
        tls: TlsContext | None,
        random: Callable[[], float],
        identify_s: float = IDENTIFY_S,
    ) -> None:
        super().__init__(connection, name=name, clock=clock)
        self.place = connection
        self.identify_s = identify_s
        self.connections: list[_Connection] = []
        """Oldest first."""
        self.is_listening = False
        self._tls = tls
        self._backoff = Backoff(random)
        self._waiting: dict[Station, LineRunner] = {}
        """A line that is never open for each station, so that its session sees the time without a connection too."""
        self._holders: dict[Station, _Connection] = {}
        self._addresses: dict[str, frozenset[str]] = {}
        self._refused_hosts: set[str] = set()

    def wake(self, station: Station) -> None:
        """Sends what was asked for."""
        self._runner_of(station).wake()

    def drop(self, station: Station, reason: str) -> None:
        """Ends the connection that the station is on."""
        holder = self._holders.get(station)
        if holder is not None:
            holder.runner.closed(reason)

    def make_runner(self, line: Line, *, is_stream: bool, on_end: Callable[[str], None]) -> LineRunner:
        """A runner with the channel's name and clock."""
        return LineRunner(line, name=self.name, clock=self._clock, is_stream=is_stream, on_end=on_end)

    def candidates(self, host: str) -> list[Station]:
        """The stations whose peer may come from there."""
        return [station for station in self._waiting if self._may_come(station, host)]

    def claim(self, station: Station, claimant: _Connection) -> bool:
        """Moves a station to the connection from which a frame for it came; False where it is on a newer one."""
        holder = self._holders.get(station)
        if holder is not None and holder.number > claimant.number:
            return False
        self._runner_of(station).remove(station)
        self._holders[station] = claimant
        claimant.runner.add(station)
        if holder is not None and not holder.runner.stations:
            log.info("peer came again", channel=self.name, peer=claimant.host)
            holder.close()
        return True

    def release(self, connection: _Connection) -> None:
        """A connection ended: its stations wait for the next one."""
        if connection in self.connections:
            self.connections.remove(connection)
        for station in tuple(connection.runner.stations):
            connection.runner.remove(station)
            del self._holders[station]
            self._waiting[station].add(station)
            self._waiting[station].wake()

    def _runner_of(self, station: Station) -> LineRunner:
        holder = self._holders.get(station)
        return self._waiting[station] if holder is None else holder.runner

    def _join(self, station: Station) -> None:
        for other in self._waiting:
            if other.key == station.key and other.peer_hosts == station.peer_hosts:
                raise LocalError(f"{self.name} has a station {station.link.local} for {station.link.remote} already")
        runner = self._waiting[station] = self.make_runner(Line(), is_stream=False, on_end=lambda _: None)
        runner.add(station)
        runner.wake()

    def _leave(self, station: Station) -> None:
        self._runner_of(station).remove(station)
        self._waiting.pop(station).stop()
        holder = self._holders.pop(station, None)
        if holder is not None and not holder.runner.stations:
            holder.close()

    def _may_come(self, station: Station, host: str) -> bool:
        return not station.peer_hosts or any(host in self._addresses.get(name, ()) for name in station.peer_hosts)

    # Listening

    async def _drive(self) -> None:
        try:
            while True:
                try:
                    await self._listen()
                except UnavailableError as error:
                    for runner in tuple(self._waiting.values()):
                        runner.detach(str(error))
                await asyncio.sleep(self._backoff.next_wait())
        finally:
            connections = tuple(self.connections)
            for connection in connections:
                connection.close()
            for connection in connections:
                await connection.channel.wait_closed()

    async def _listen(self) -> None:
        await self._resolve()
        place = self.place
        context = self._context(place) if isinstance(place, Dnp3TlsServer) else None
        listener = await listen_tcp(place.host, place.port, self._accept, tls=context)
        log.info("listening", channel=self.name, host=place.host, port=place.port)
        self._backoff.reset()
        self.is_listening = True
        try:
            while True:
                await asyncio.sleep(RESOLVE_S)
                await self._resolve()
        finally:
            self.is_listening = False
            listener.close()
            await listener.wait_closed()

    def _context(self, place: Dnp3TlsServer) -> ssl.SSLContext:
        """A context that is asked for its certificate anew in each handshake; who vouches for peers is read once."""

        def renew(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG001
            try:
                connection.context = make_context(self._tls, place, place.host)
            except UnavailableError as error:  # while the file is being written; what was there before may still be good
                log.warning("certificate not renewed", channel=self.name, reason=str(error))

        context = make_context(self._tls, place, place.host)
        context.sni_callback = renew
        return context

    async def _resolve(self) -> None:
        """Looks up who may connect; a name that nobody knows at the moment keeps what it had."""
        for name in {name for station in self._waiting for name in station.peer_hosts}:
            with contextlib.suppress(OSError, UnicodeError):
                found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
                self._addresses[name] = frozenset(normal_address(str(place[0])) for *_, place in found)

    def _accept(self, channel: Channel, host: str) -> _Connection | None:
        """A connection came: None refuses it."""
        host = normal_address(host)
        if not self.candidates(host) or not self._bears_name(channel):
            if host not in self._refused_hosts and len(self._refused_hosts) < _MOST_LOGGED:
                self._refused_hosts.add(host)
                log.warning("connection refused", channel=self.name, peer=host, certificate=sorted(peer_names(channel)))
            return None
        strangers = [connection for connection in self.connections if not connection.runner.stations]
        if len(strangers) >= MOST_STRANGERS:
            strangers[0].close()
        number = self.connections[-1].number + 1 if self.connections else 0
        connection = _Connection(self, channel, host, number)
        self.connections.append(connection)
        return connection

    def _bears_name(self, channel: Channel) -> bool:
        wanted = self.place.peer_name if isinstance(self.place, Dnp3TlsServer) else None
        return wanted is None or wanted.lower() in peer_names(channel)


class _Connection:
    """One accepted connection; a `Receiver`."""

    def __init__(self, owner: ListeningChannel, channel: Channel, host: str, number: int) -> None:
        self.host = host
        self.number = number
        """Greater than that of every older one."""
        self._owner = owner
        self.channel = channel
        line = Line()
        line.deframer = WatchedDeframer(self._look)
        self.runner = owner.make_runner(line, is_stream=True, on_end=self._on_end)
        self._asked_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_started = False

    def start(self) -> None:
        """The channel is open."""
        self.runner.attach(self.channel)
        self._ask()

    def received(self, data: bytes) -> None:
        """Bytes from the peer."""
        self.runner.received(data)

    def closed(self, reason: str) -> None:
        """The peer ended the connection."""
        self.runner.closed(reason)

    def close(self, reason: str = "the gateway closed the connection") -> None:
        """Ends it."""
        self.runner.detach(reason)
        self._on_end(reason)

    def _on_end(self, reason: str) -> None:
        log.debug("connection ended", channel=self._owner.name, peer=self.host, reason=reason)
        if self._timer is not None:
            self._timer.cancel()
        self.runner.stop()
        self._owner.release(self)

    def _ask(self) -> None:
        """Asks for whoever may be there, until somebody is or the time is over."""
        self._timer = None
        if self.runner.stations:
            return
        if self._asked_s >= self._owner.identify_s:
            self.close("nobody that is known here is behind it")
            return
        wait_s = min(ASK_S, self._owner.identify_s)
        self._asked_s += wait_s
        control = primary_control(PrimaryFunction.REQUEST_LINK_STATUS, is_from_master=True)
        for station in self._owner.candidates(self.host):
            if station.link.is_master:
                self.channel.send(encode_frame(control, station.link.remote, station.link.local))
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._ask)

    def _look(self, frame: LinkFrame) -> None:
        """A right frame came; where it is for a station that is not here yet, that station comes."""
        if (frame.destination, frame.source, not frame.is_from_master) in [station.key for station in self.runner.stations]:
            return
        came = []
        for station in self._owner.candidates(self.host):
            link = station.link
            if link.remote != frame.source or link.is_master == frame.is_from_master or station in self.runner.stations:
                continue
            to_all = not link.is_master and is_broadcast(frame.destination)
            to_self = link.accept_self_address and frame.destination == SELF_ADDRESS
            if (frame.destination == link.local or to_all or to_self) and self._owner.claim(station, self):
                came.append(station)
        if came:
            self.runner.line.tick(self.runner.now())  # opens them, so that this very frame reaches them
        for station in came:
            station.owner.on_channel(None)


def normal_address(host: str) -> str:
    """An address as it is compared: an IPv4 peer of an IPv6 socket is written as IPv4, a zone is left out."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
