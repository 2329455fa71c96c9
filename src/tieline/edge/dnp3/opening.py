"""From a connection as the engineer describes it to a channel."""

from __future__ import annotations

from collections.abc import Callable

from tieline.config.dnp3 import Dnp3Connection, Dnp3TcpServer, Dnp3TlsServer, channel_of
from tieline.edge.dnp3.channels import StationChannel, TlsContext
from tieline.edge.dnp3.dialed import DialedChannel
from tieline.edge.dnp3.listening import ListeningChannel
from tieline.io import Clock


def open_station_channel(
    connection: Dnp3Connection,
    *,
    name: str,
    clock: Clock,
    random: Callable[[], float],
    tls: TlsContext | None = None,
) -> StationChannel:
    """The channel that a connection describes; nothing is opened before it runs."""
    if isinstance(connection, Dnp3TcpServer | Dnp3TlsServer):
        return ListeningChannel(connection, name=name, clock=clock, random=random, tls=tls)
    return DialedChannel(connection, name=name, clock=clock, random=random, tls=tls)


class StationChannels:
    """The channels of a site: stations whose connections name the same line, socket or place share one."""

    def __init__(self, *, clock: Clock, random: Callable[[], float], tls: TlsContext | None = None) -> None:
        self._clock = clock
        self._random = random
        self._tls = tls
        self._channels: dict[tuple[str | int, ...], StationChannel] = {}

    def of(self, connection: Dnp3Connection) -> StationChannel:
        """The channel that a connection names."""
        key = channel_of(connection)
        if key not in self._channels:
            name = " ".join(map(str, key))
            self._channels[key] = open_station_channel(
                connection, name=name, clock=self._clock, random=self._random, tls=self._tls
            )
        return self._channels[key]
