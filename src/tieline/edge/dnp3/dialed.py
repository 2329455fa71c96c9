"""A channel that we open: a TCP or TLS connection, a UDP socket, a serial line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tieline.config.dnp3 import Dnp3Connection, Dnp3Serial, Dnp3Tls, Dnp3Udp
from tieline.edge.dnp3.channels import StationChannel, TlsContext, make_context
from tieline.edge.dnp3.line_runner import LineRunner
from tieline.edge.dnp3.stations import Station
from tieline.edge.dnp3.watching import WatchedDeframer
from tieline.io import Backoff, Channel, Clock, open_serial, open_tcp, open_udp
from tieline.model import UnavailableError
from tieline.protocols.dnp3.line import Line

OPEN_TIMEOUT_S = 10.0
"""A connection is there within this time, TLS handshake included."""

log = structlog.get_logger()


class DialedChannel(StationChannel):
    """One connection, socket or line that we open, and open again when it ends."""

    def __init__(
        self,
        connection: Dnp3Connection,
        *,
        name: str,
        clock: Clock,
        tls: TlsContext | None,
        random: Callable[[], float],
    ) -> None:
        super().__init__(connection, name=name, clock=clock)
        self._tls = tls
        self._backoff = Backoff(random)
        self._deframer = WatchedDeframer()
        is_udp = isinstance(connection, Dnp3Udp)
        line = Line(datagrams=is_udp)
        line.deframer = self._deframer
        is_stream = not is_udp and not isinstance(connection, Dnp3Serial)
        self._runner = LineRunner(line, name=name, clock=clock, is_stream=is_stream, on_end=self._on_end)
        self._ended: asyncio.Future[str] | None = None
        self._channel: Channel | None = None

    def wake(self, station: Station) -> None:  # noqa: ARG002 - all stations are on the one line
        """Sends what was asked for."""
        self._runner.wake()

    def drop(self, station: Station, reason: str) -> None:  # noqa: ARG002
        """Ends the connection; it is opened again."""
        self._runner.closed(reason)

    def _join(self, station: Station) -> None:
        self._runner.add(station)
        self._runner.wake()

    def _leave(self, station: Station) -> None:
        self._runner.remove(station)

    def _on_end(self, reason: str) -> None:
        log.debug("channel ended", channel=self.name, reason=reason)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    async def _drive(self) -> None:
        try:
            while True:
                await self._once()
                await asyncio.sleep(self._backoff.next_wait())
        finally:
            self._runner.stop()
            if self._channel is not None:
                await self._channel.wait_closed()

    async def _once(self) -> None:
        """One connection, from opening it to its end."""
        self._ended = asyncio.get_running_loop().create_future()
        self._runner.expect()
        before = self._deframer.frames
        try:
            self._channel = channel = await self._open()
        except UnavailableError as error:
            self._runner.detach(str(error))
            return
        log.debug("channel open", channel=self.name)
        self._runner.attach(channel)
        await self._ended
        if self._deframer.frames > before:  # a host that accepts and then closes is not dialed twice a second
            self._backoff.reset()

    async def _open(self) -> Channel:
        connection, runner = self.connection, self._runner
        match connection:
            case Dnp3Serial():
                return await open_serial(
                    connection.serial_port,
                    runner,
                    baud_rate=connection.baud_rate,
                    parity=connection.parity,
                    stop_bits=connection.stop_bits,
                )
            case Dnp3Udp():
                return await open_udp(
                    runner,
                    local_host=connection.local_host,
                    local_port=connection.local_port,
                    peer_host=connection.host,
                    peer_port=connection.port,
                )
            case Dnp3Tls():
                context = make_context(self._tls, connection, connection.host)
                return await open_tcp(
                    connection.host,
                    connection.port,
                    runner,
                    timeout_s=OPEN_TIMEOUT_S,
                    tls=context,
                    server_name=connection.server_name,
                )
            case _:
                return await open_tcp(connection.host, connection.port, runner, timeout_s=OPEN_TIMEOUT_S)
