"""Remote access on a real bus in this process: the servers of a site, the DMZ and the center, and what runs at each for remote access."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.topology import utility_of
from tests.security.remote.world import OPERATOR, person
from tieline.bus import Server, connected, remote
from tieline.bus.configuration import for_center, for_dmz, for_site
from tieline.bus.remote_door import RemoteDoor
from tieline.cli.run import free_port
from tieline.config import DmzSection, Site, Utility
from tieline.config.remote import RemoteSection, SiteRemote
from tieline.config.remote import RemoteService as Service
from tieline.edge import remote as edge
from tieline.io import SystemClock
from tieline.model import Event, RemoteError, subjects
from tieline.model.audit import AuditRecord
from tieline.scada.remote.service import RemoteService
from tieline.scada.remote.store import RemoteStore
from tieline.security.audit import AuditLog
from tieline.security.identity import Authority
from tieline.security.identity.signing import Signer, Verifier
from tieline.security.remote.flow import CHUNK
from tieline.security.remote.frames import HEAD_BYTES, HELLO, Kind, pack, unpack_head
from tieline.security.zones import plan_of

VENDOR = person("ines", "installer")


@dataclass
class Device:
    """A server that echoes, and remembers whether it was let go; it can be told to be silent, so that its window fills."""

    port: int = 0
    connections: int = 0
    received: bytes = b""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.closed.clear()
        with suppress(OSError):
            while True:
                await self.reads.wait()
                content = await reader.read(65_536)
                if not content:
                    break
                self.received += content
                writer.write(content)
                await writer.drain()
        self.closed.set()
        writer.transport.abort()


@dataclass
class Rig:
    """All of it, and the ways in."""

    utility: Utility
    service: RemoteService
    device: Device
    door: int
    authority: Authority
    audit: AuditLog
    folder: Path
    events: list[Event]
    tasks: dict[str, asyncio.Task[None]]
    lines: list[Line] = field(default_factory=list)

    async def granted(self, minutes: float = 10) -> str:
        """A grant that was asked for and approved."""
        request = remote.AskGrant(who=VENDOR, site="north", device="relay-1", service="web", reason="a look", minutes=minutes)
        grant = await self.service.answer(request)
        await self.service.answer(remote.ApproveGrant(who=OPERATOR, grant=grant.id))  # type: ignore[attr-defined]
        return str(grant.id)  # type: ignore[attr-defined]

    async def ticket(self, grant: str) -> bytes:
        given = await self.service.answer(remote.AskTicket(who=VENDOR, grant=grant))
        return bytes.fromhex(given.ticket)  # type: ignore[attr-defined]

    async def dial(self, hello: bytes) -> Line:
        """A TLS connection that has sent these bytes."""
        context = ssl.create_default_context(cafile=str(self.authority.held("dmz").authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        reader, writer = await asyncio.open_connection("127.0.0.1", self.door, ssl=context, server_hostname="127.0.0.1")
        writer.write(hello)
        line = Line(reader, writer)
        self.lines.append(line)
        return line

    async def connect(self, ticket: bytes) -> Line:
        """A connection that has shown a ticket."""
        return await self.dial(HELLO + pack(Kind.TICKET, ticket))

    async def session(self, grant: str | None = None) -> Line:
        """A session that is open."""
        line = await self.connect(await self.ticket(grant or await self.granted()))
        kind, words = await line.read()
        assert kind is Kind.OPENED, words
        line.name = words.decode().split()[0]
        return line

    async def cut(self, name: str = "") -> None:
        await self.service.answer(remote.Cut(who=OPERATOR, name=name, reason="enough"))

    def records(self, action: str) -> list[AuditRecord]:
        return [record for record in self.audit.since(0) if record.action == action]

    async def closed(self, name: str) -> AuditRecord:
        """What the audit says of the end of a session."""
        found: list[AuditRecord] = []

        def is_there() -> bool:
            found[:] = [record for record in self.records("remote_close") if record.detail["id"] == name]
            return bool(found)

        await until(is_there)
        return found[0]

    def recording(self, name: str) -> Path:
        return self.folder / "recordings" / f"{name}.pcapng"


class Line:
    """A person's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.name = reader, writer, ""

    async def read(self) -> tuple[Kind, bytes]:
        kind, length = unpack_head(await self.reader.readexactly(HEAD_BYTES))
        return kind, await self.reader.readexactly(length)

    async def data(self, count: int) -> bytes:
        """So many bytes from the device."""
        content = b""
        while len(content) < count:
            kind, part = await self.read()
            assert kind is Kind.DATA, (kind, part)
            content += part
        return content

    async def farewell(self) -> str:
        """Why it was ended, whatever comes before that."""
        async with asyncio.timeout(25):
            try:
                while True:
                    kind, words = await self.read()
                    if kind is Kind.CLOSE:
                        return words.decode()
            except (asyncio.IncompleteReadError, OSError, RemoteError):
                return ""

    def send(self, content: bytes) -> None:
        for begin in range(0, len(content), CHUNK):
            self.writer.write(pack(Kind.DATA, content[begin : begin + CHUNK]))

    def close(self) -> None:
        self.writer.transport.abort()


async def until(check: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Waits for a condition that others bring about."""
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(folder: Path, settings: RemoteSection | None = None, *, kbps: int = 100_000) -> AsyncIterator[Rig]:
    authority = Authority.open(folder / "authority")
    hosts = ["127.0.0.1", "localhost"]
    at_site, dmz, center = (
        authority.credentials(role, hosts=hosts)
        for role in (subjects.edge_role("north"), subjects.DMZ_ROLE, subjects.CENTER_ROLE)
    )
    role = authority.credentials(subjects.REMOTE_ROLE)
    device, door, port = Device(), free_port(), free_port()
    device.reads.set()
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(device.talk, "127.0.0.1", 0)
        stack.callback(server.close)
        device.port = server.sockets[0].getsockname()[1]
        services = (Service(device="relay-1", name="web", host="127.0.0.1", port=device.port),)
        utility = utility_of(folder, ["north"])
        site: Site = replace(utility.sites[0], remote=SiteRemote(services=services, kbps=kbps))
        utility = replace(utility, dmz=DmzSection(remote_port=door), remote=settings or RemoteSection(free_mb=16), sites=(site,))
        plan, address = plan_of(utility), f"127.0.0.1:{port}"
        servers = [
            await stack.enter_async_context(Server.running(name, folder / name, configuration))
            for name, configuration in (
                ("dmz", for_dmz(plan, dmz, "127.0.0.1", port)),
                ("center", for_center(plan, center, folder / "center-streams", address)),
                ("edge", for_site(plan, "north", at_site, folder / "edge-streams", address)),
            )
        ]
        clients = [
            await stack.enter_async_context(connected(server.port, credentials))
            for server, credentials in zip(servers, (dmz, role, at_site), strict=True)
        ]
        clock, events = SystemClock(), list[Event]()
        audits = [AuditLog.open(folder / f"audit-{name}", name, clock) for name in ("remote", "north")]
        for audit in audits:
            stack.callback(audit.close)
        store = RemoteStore.open(folder / "remote.db")
        stack.callback(store.close)
        service = RemoteService(
            utility,
            clients[1],
            Signer(role),
            audit=audits[0],
            store=store,
            folder=folder / "recordings",
            door=f"127.0.0.1:{door}",
            clock=clock,
        )
        access = edge.RemoteAccess(
            site,
            clients[2],
            Verifier(at_site.authority, subjects.REMOTE_ROLE),
            audits[1],
            folder=folder,
            offset_s=lambda: 0.0,
            on_event=events.append,
            clock=clock,
            places={("relay-1", "web"): services[0]},
        )
        works = {
            "center": service.run(),
            "site": access.run(),
            "dmz": RemoteDoor(clients[0], dmz, "127.0.0.1", door, clock).run(),
        }
        tasks = {name: asyncio.create_task(work, name=name) for name, work in works.items()}
        await until(lambda: is_listened_to(door))
        rig = Rig(utility, service, device, door, authority, audits[0], folder, events, tasks)
        await joined(rig)
        try:
            yield rig
        finally:
            for line in rig.lines:
                line.close()
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)


async def joined(rig: Rig) -> None:
    """The leaf connections are there as soon as a session can be opened."""
    grant = await rig.granted()

    async def is_open() -> bool:
        line = await rig.connect(await rig.ticket(grant))
        kind, _ = await line.read()
        line.close()
        return kind is Kind.OPENED

    await eventually(is_open)
    await rig.service.answer(remote.Cut(who=OPERATOR, name=grant))
    await until(lambda: rig.device.closed.is_set())
    rig.events.clear()


async def eventually(check: Callable[[], Awaitable[bool]], *, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not await check():
            await asyncio.sleep(0.05)


def is_listened_to(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
