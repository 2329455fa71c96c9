"""A whole bus on this machine: one server for the sites, the DMZ, the center; the same configuration as in the field."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client

from tieline.bus import Server, connected, streams
from tieline.bus.configuration import for_center, for_dmz, for_site
from tieline.cli.run import free_port
from tieline.config import ConduitSection, DmzSection, RetentionSection, Site, Utility, ZoneSection
from tieline.config.site import ReportingSection
from tieline.config.utility import CenterSection
from tieline.model import subjects
from tieline.security.identity import Authority, Credentials
from tieline.security.zones import Plan, plan_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The servers, and a connected client for each place."""

    authority: Authority
    edge_credentials: Credentials
    edge_server: Server
    dmz_server: Server
    center_server: Server
    edge: Client
    center: Client
    historian: Client
    fetch: Client
    observer: Client
    """At the center, and bound by no permission there: what it cannot do, no role of the center can."""

    async def held_at_site(self) -> int:
        """Batches in the site's streams: those that the center was not sent, and those whose storage it has not acknowledged."""
        return sum([(await streams.depth(self.edge, stream)).messages for stream in subjects.SITE_STREAMS])


def utility_of(folder: Path, names: Sequence[str]) -> Utility:
    """A utility with sites that have no devices."""
    sites = [
        Site(name=name, title=name, kind="substation", latitude=None, longitude=None, reporting=ReportingSection(), devices=())
        for name in names
    ]
    zones = [
        ZoneSection(name="stations", kind="substation", sites=list(names)),
        ZoneSection(name="dmz", kind="dmz"),
        ZoneSection(name="center", kind="control_center"),
    ]
    conduits = [ConduitSection(source=source, target="dmz", reason="test") for source in ("stations", "center")]
    return Utility(
        folder=folder,
        name="Test",
        dmz=DmzSection(),
        center=CenterSection(),
        retention=RetentionSection(),
        zones=tuple(zones),
        conduits=tuple(conduits),
        people=(),
        sites=tuple(sites),
    )


def plan_for(folder: Path, names: Sequence[str]) -> Plan:
    """The zones of that utility."""
    return plan_of(utility_of(folder, names))


def utility_toml(name: str, *sites: str) -> str:
    """The smallest `utility.toml` for these sites."""
    zones = [("stations", "substation", list(sites)), ("dmz", "dmz", []), ("center", "control_center", [])]
    text = f'name = "{name}"\n'
    for zone, kind, members in zones:
        text += f'[[zones]]\nname = "{zone}"\nkind = "{kind}"\nsites = {members}\n'
    for source in ("stations", "center"):
        text += f'[[conduits]]\nsource = "{source}"\ntarget = "dmz"\nreason = "telemetry"\n'
    return text


@asynccontextmanager
async def running(folder: Path, *, site: str = "north", subject: str | None = None) -> AsyncIterator[Topology]:
    """The bus of one site; `subject` lets its stream take the batches of more sites than its own (for load)."""
    authority = Authority.open(folder / "authority")
    hosts = ["127.0.0.1", "localhost"]
    edge = authority.credentials(subjects.edge_role(site), hosts=hosts)
    dmz = authority.credentials(subjects.DMZ_ROLE, hosts=hosts)
    center = authority.credentials(subjects.CENTER_ROLE, hosts=hosts)
    historian, fetch, observer = (
        authority.credentials(role) for role in (subjects.HISTORIAN_ROLE, subjects.FETCH_ROLE, "observer")
    )
    port = free_port()
    address = f"127.0.0.1:{port}"
    plan = plan_for(folder, [site])
    at_site = for_site(plan, site, edge, folder / "edge-streams", address)
    if subject is not None:
        at_site["accounts"]["OT"]["users"][0]["permissions"]["publish"]["allow"].append(subject)
    at_center = for_center(plan, center, folder / "center-streams", address)
    at_center["accounts"]["OT"]["users"].append({"user": "CN=observer"})
    async with AsyncExitStack() as stack:
        dmz_server = await stack.enter_async_context(Server.running("dmz", folder / "dmz", for_dmz(plan, dmz, "127.0.0.1", port)))
        center_server = await stack.enter_async_context(Server.running("center", folder / "center", at_center))
        edge_server = await stack.enter_async_context(Server.running("edge", folder / "edge", at_site))
        edge_client = await stack.enter_async_context(connected(edge_server.port, edge))
        center_client = await stack.enter_async_context(connected(center_server.port, center))
        historian_client = await stack.enter_async_context(connected(center_server.port, historian))
        fetch_client = await stack.enter_async_context(connected(center_server.port, fetch))
        observing_client = await stack.enter_async_context(connected(center_server.port, observer))
        await streams.ensure_site_streams(edge_client, site, spool_mb=4000, subject=subject)
        await streams.ensure_center_stream(center_client, stream_mb=4000)
        yield Topology(
            authority=authority,
            edge_credentials=edge,
            edge_server=edge_server,
            dmz_server=dmz_server,
            center_server=center_server,
            edge=edge_client,
            center=center_client,
            historian=historian_client,
            fetch=fetch_client,
            observer=observing_client,
        )
