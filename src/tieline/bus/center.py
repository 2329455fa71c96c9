"""The center's bus: one server, or a cluster of three that goes on when any one of them ends.

Three servers on one machine outlive each other's end, not the machine's. Each has a store of its own and a leaf connection to the DMZ of
its own; between them are routes with mutual TLS and a secret that is drawn when the center starts, because a certificate of our authority
alone makes nobody a server. The center's stream and the historian's place in it are on all three: what two of them have on disk is
acknowledged, and a majority elects who goes on.

Which store a center has used follows from its folders: `streams` is that of one server, `streams-1` to `streams-3` are those of three. A
server that finds streams of the other kind deletes them, so they never share a folder.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client

from tieline.bus import streams
from tieline.bus.configuration import for_center, in_cluster
from tieline.bus.server import Server
from tieline.model import UnavailableError
from tieline.security.identity import Credentials
from tieline.security.zones import Plan

READY_S = 60.0
"""Three servers may take so long to find each other and elect one."""

_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class CenterBus:
    """The servers that run."""

    servers: tuple[Server, ...]

    @property
    def ports(self) -> list[int]:
        """Where clients find them, on loopback."""
        return [server.port for server in self.servers]

    @property
    def replicas(self) -> int:
        """On how many servers a stream is."""
        return len(self.servers)

    def reload(self) -> None:
        """Has all of them read their certificates again."""
        for server in self.servers:
            server.reload()


def stores(place: Path, servers: int) -> list[Path]:
    """The folders of the streams of so many servers."""
    return [place / "streams"] if servers == 1 else [place / f"streams-{number + 1}" for number in range(servers)]


@asynccontextmanager
async def center_bus(
    plan: Plan,
    place: Path,
    credentials: Credentials,
    dmz: str | None,
    *,
    servers: int,
    generation: Callable[[str], int] = lambda _: 0,
) -> AsyncIterator[CenterBus]:
    """The center's servers, ready for clients, until the block is left; without a `dmz` nothing new comes from the sites.

    `generation` says of which generation a role's certificate has to be. Raises `UnavailableError` where one does not start.
    """
    configurations = [for_center(plan, credentials, store, dmz) for store in stores(place, servers)]
    names = [("center", place / "bus")]
    if servers > 1:
        names = [(f"center-{number + 1}", place / f"bus-{number + 1}") for number in range(servers)]
        ports, secret = _free_ports(servers), secrets.token_urlsafe(24)
        configurations = [
            in_cluster(
                configuration, name, credentials, port=port, others=[each for each in ports if each != port], secret=secret
            )
            for configuration, (name, _), port in zip(configurations, names, ports, strict=True)
        ]
    async with AsyncExitStack() as stack:
        running = [
            stack.enter_async_context(Server.running(name, folder, configuration, generation=generation))
            for (name, folder), configuration in zip(names, configurations, strict=True)
        ]
        yield CenterBus(tuple([await each for each in running]))


async def ensure_center_stream(client: Client, bus: CenterBus, *, stream_mb: int) -> None:
    """The center's stream on all servers, as soon as they have elected one. Raises `UnavailableError` where they do not."""
    await _patiently(lambda: streams.ensure_center_stream(client, stream_mb=stream_mb, replicas=bus.replicas))


async def _patiently(ask: Callable[[], Awaitable[None]]) -> None:
    deadline = asyncio.get_running_loop().time() + READY_S
    while True:
        try:
            return await ask()
        except UnavailableError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_RETRY_S)


def _free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
