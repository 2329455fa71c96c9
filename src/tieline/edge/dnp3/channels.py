"""Channels that stations share.

Whoever has a station `run`s the channel with it. The first one drives the channel; when it ends, the next one goes on, so there
is no task that nobody owns.
"""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable

from tieline.config import TlsFiles
from tieline.config.dnp3 import Dnp3Connection, Dnp3Tls, Dnp3TlsServer
from tieline.edge.dnp3.stations import Station
from tieline.io import Clock
from tieline.model import TielineError, UnavailableError

TlsContext = Callable[[TlsFiles], ssl.SSLContext]
"""Makes a context from files, for whoever dials or, from `TlsServer`, for whoever listens; asked for each connection, so that a
renewed certificate counts with the next."""


class StationChannel(ABC):
    """A channel and its stations."""

    def __init__(self, connection: Dnp3Connection, *, name: str, clock: Clock) -> None:
        self.connection = connection
        self.name = name
        self._clock = clock
        self._driving = asyncio.Lock()

    async def run(self, station: Station) -> None:
        """Has the station on the channel until cancelled; whatever network and peer do, it comes back to the station's owner.

        Raises `LocalError` for a pair of addresses that is on the channel already.
        """
        self._join(station)
        try:
            async with self._driving:
                await self._drive()
        finally:
            self._leave(station)

    @abstractmethod
    def wake(self, station: Station) -> None:
        """Sends what the station's session was asked for since its owner heard of activity last."""

    @abstractmethod
    def drop(self, station: Station, reason: str) -> None:
        """Ends the connection that the station is on, where there is one; a dialed one is opened again."""

    @abstractmethod
    def _join(self, station: Station) -> None: ...

    @abstractmethod
    def _leave(self, station: Station) -> None: ...

    @abstractmethod
    async def _drive(self) -> None: ...


def make_context(tls: TlsContext | None, connection: Dnp3Tls | Dnp3TlsServer, host: str) -> ssl.SSLContext:
    """The context for a connection. Raises `UnavailableError` where there is none to be had."""
    if tls is None:
        raise UnavailableError(f"{host} wants TLS, and there are no certificates for it")
    try:
        return tls(connection)
    except (OSError, ValueError, TielineError) as error:
        raise UnavailableError(f"the certificates for {host} cannot be used: {error}") from error
