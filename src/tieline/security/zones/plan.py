"""The zones and conduits of a utility, resolved: every member has its addresses, every conduit its ports; nothing is implied any more.

What is not in a plan is not permitted. A plan depends on the folder alone and is the same each time: in the order of the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from tieline.config import ConduitSection, HostSection, Utility, ZoneSection
from tieline.config.field_ways import FieldWay, field_way, listening_ways, zone_of_node
from tieline.config.services import BUS, EST, SERVICES, Ports, Service
from tieline.config.snmp import SnmpDevice
from tieline.config.zone_roles import roles_of_zone
from tieline.config.zones import Direction, ZoneKind
from tieline.model import ConfigError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ENTERPRISE_KIND: Literal["enterprise"] = "enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine on which roles run."""

    name: str
    zone: str
    addresses: tuple[Address, ...]
    roles: tuple[str, ...]
    """The names in its certificates."""
    is_implied: bool = False
    """Whether the folder describes none for the zone, and this one stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDevice:
    """A device of a site, a master of somebody else that asks its gateway, or nodes of the network that tell it something."""

    path: str
    """`site/device`, or `site/outstation` for the masters of one; `site/watch.traps` and `site/watch.syslog` for what nodes tell."""
    zone: str
    addresses: tuple[Address, ...]
    """Empty where the folder gives a host name, lets anybody connect, or the device is on a serial line."""
    way: FieldWay | None
    """How it and the gateway reach each other; None over a serial line."""

    @property
    def site(self) -> str:
        """The site it belongs to."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone with everything in it."""

    name: str
    kind: ZoneKind
    sites: tuple[str, ...]
    security_level: int
    description: str
    subnets: tuple[Network, ...]
    vlans: tuple[int, ...]
    hosts: tuple[Host, ...]
    devices: tuple[FieldDevice, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """The names in the certificates of the zone."""
        return tuple(dict.fromkeys(role for host in self.hosts for role in host.roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A host or device of a conduit's end."""

    name: str
    kind: Literal["host", "device"]
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduit:
    """A permitted way between two zones; its source opens every connection."""

    id: str
    source: str
    target: str
    service: Service
    ports: tuple[Ports, ...]
    """Where the target listens."""
    direction: Direction
    """Where data may flow."""
    reason: str
    owner: str
    source_members: tuple[Member, ...]
    """Whom it is narrowed to; empty for the whole zone, its subnets included."""
    target_members: tuple[Member, ...]

    @property
    def lets_to_target(self) -> bool:
        """Whether data may flow from source to target."""
        return self.direction in {"both", "to_target"}

    @property
    def lets_to_source(self) -> bool:
        """Whether data may flow from target to source."""
        return self.direction in {"both", "to_source"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All zones and conduits of a utility."""

    utility: str
    zones: tuple[Zone, ...]
    conduits: tuple[Conduit, ...]
    remote_sites: tuple[str, ...] = ()
    """The sites that the center reaches for remote access; none where the folder leaves it off."""
    meeting_point: str = ""
    """The name or address in the DMZ that everybody dials; empty where that is not said."""

    def zone(self, name: str) -> Zone:
        """The zone of that name. Raises `ConfigError` where there is none."""
        if name in self._by_name:
            return self._by_name[name]
        raise ConfigError(f"there is no zone {name!r}; there are {', '.join(zone.name for zone in self.zones)}")

    def of_kind(self, *kinds: ZoneKind) -> tuple[Zone, ...]:
        """The zones of these kinds."""
        return tuple(zone for zone in self.zones if zone.kind in kinds)

    @property
    def hosts(self) -> Iterator[Host]:
        """All hosts, zone by zone."""
        return (host for zone in self.zones for host in zone.hosts)

    def host(self, name: str) -> Host:
        """The host of that name. Raises `ConfigError` where there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise ConfigError(f"there is no host {name!r}; there are {', '.join(host.name for host in self.hosts)}")

    @property
    def sites(self) -> tuple[str, ...]:
        """All sites, zone by zone."""
        return tuple(site for zone in self.zones for site in zone.sites)

    def zone_of_role(self, role: str) -> Zone | None:
        """The zone in which a role runs; None where no role has that name."""
        return self._by_role.get(role)

    def zone_of_site(self, site: str) -> Zone | None:
        """The zone that holds a site; None where none does."""
        return self._by_site.get(site)

    def between(self, source: str, target: str) -> tuple[Conduit, ...]:
        """The conduits that one zone opens to another."""
        return tuple(conduit for conduit in self.conduits if (conduit.source, conduit.target) == (source, target))

    def bus_conduit(self, zone: str) -> Conduit | None:
        """The conduit through which a zone reaches the bus in the DMZ; None where there is none."""
        return self._bus_conduits.get(zone)

    @cached_property
    def readers(self) -> tuple[tuple[str, Conduit], ...]:
        """The enterprise zones that a conduit lets read from the bus, with it."""
        zones = ((zone.name, self.bus_conduit(zone.name)) for zone in self.of_kind(ENTERPRISE_KIND))
        return tuple((name, conduit) for name, conduit in zones if conduit is not None)

    @cached_property
    def _by_name(self) -> dict[str, Zone]:
        return {zone.name: zone for zone in reversed(self.zones)}

    @cached_property
    def _by_site(self) -> dict[str, Zone]:
        return {site: zone for zone in reversed(self.zones) for site in zone.sites}

    @cached_property
    def _by_role(self) -> dict[str, Zone]:
        return {role: zone for zone in reversed(self.zones) for role in zone.roles}

    @cached_property
    def _bus_conduits(self) -> dict[str, Conduit]:
        return {
            conduit.source: conduit
            for conduit in reversed(self.conduits)
            if conduit.service.name == BUS and self.zone(conduit.target).kind == "dmz"
        }


def plan_of(utility: Utility) -> Plan:
    """The plan that the folder describes."""
    ways = _ways(utility)
    zones = tuple(
        _zone(section, [host for host in utility.hosts if host.zone == section.name], ways[section.name])
        for section in utility.zones
    )
    by_name = {zone.name: zone for zone in zones}
    conduits = tuple(_conduit(section, by_name, utility) for section in utility.conduits)
    reachable = tuple(site.name for site in utility.sites if site.remote.allowed) if utility.dmz.remote_port is not None else ()
    return Plan(utility=utility.name, zones=zones, conduits=conduits, remote_sites=reachable, meeting_point=utility.dmz.host)


def _ways(utility: Utility) -> dict[str, list[tuple[str, FieldWay | None]]]:
    """Devices and outstations by zone: of the zone's sites, but watched nodes of the network where their addresses are."""
    subnets = [(ip_network(subnet), section.name) for section in utility.zones for subnet in section.subnets]
    found: dict[str, list[tuple[str, FieldWay | None]]] = {section.name: [] for section in utility.zones}
    sites = {site.name: site for site in utility.sites}
    for section in utility.zones:
        for site in (sites[name] for name in section.sites if name in sites):
            nodes = [device for device in site.devices if isinstance(device, SnmpDevice)]
            homes = {node.name: zone_of_node(node, subnets) or section.name for node in nodes}
            here = [node for node in nodes if homes[node.name] == section.name]
            found[section.name] += [(way.path, way) for way in listening_ways(site.name, site.watch, here)]
            for device in site.devices:
                found[homes.get(device.name, section.name)].append((device.path, field_way(device)))
            found[section.name] += [(outstation.path, field_way(outstation)) for outstation in site.outstations]
    return found


def _zone(section: ZoneSection, hosts: list[HostSection], devices: list[tuple[str, FieldWay | None]]) -> Zone:
    implied = roles_of_zone(section.kind, section.name, section.sites)
    made = tuple(
        Host(
            name=host.name,
            zone=section.name,
            addresses=tuple(map(ip_address, host.addresses)),
            roles=tuple(host.roles) or (implied if len(hosts) == 1 else ()),
        )
        for host in hosts
    )
    return Zone(
        name=section.name,
        kind=section.kind,
        sites=tuple(section.sites),
        security_level=section.security_level,
        description=section.description,
        subnets=tuple(map(ip_network, section.subnets)),
        vlans=tuple(section.vlans),
        hosts=made or (Host(name=section.name, zone=section.name, addresses=(), roles=implied, is_implied=True),),
        devices=tuple(FieldDevice(path=path, zone=section.name, addresses=_addresses(way), way=way) for path, way in devices),
    )


def _addresses(way: FieldWay | None) -> tuple[Address, ...]:
    found = []
    for host in way.peer_hosts if way is not None else ():
        try:
            found.append(ip_address(host))
        except ValueError:
            continue  # a host name; it is resolved where it is dialed
    return tuple(found)


def _conduit(section: ConduitSection, zones: dict[str, Zone], utility: Utility) -> Conduit:
    service = SERVICES[section.protocol]
    listened = section.ports or _listened(section, zones, utility)
    ports = tuple(Ports(service.transport, port, port) for port in listened) or service.ports
    return Conduit(
        id=section.name,
        source=section.source,
        target=section.target,
        service=service,
        ports=ports,
        direction=section.direction,
        reason=section.reason,
        owner=section.owner,
        source_members=tuple(_member(zones[section.source], name) for name in section.source_members),
        target_members=tuple(_member(zones[section.target], name) for name in section.target_members),
    )


def _listened(section: ConduitSection, zones: dict[str, Zone], utility: Utility) -> list[int]:
    """Where Tieline itself listens in the DMZ for what the conduit carries."""
    if section.protocol == BUS:
        is_enterprise = zones[section.source].kind == ENTERPRISE_KIND
        return [utility.dmz.enterprise_port if is_enterprise else utility.dmz.port]
    if section.protocol == EST and zones[section.target].kind == "dmz":
        return [utility.dmz.est_port]
    return []


def _member(zone: Zone, name: str) -> Member:
    for host in zone.hosts:
        if host.name == name:
            return Member(name=name, kind="host", addresses=host.addresses)
    for device in zone.devices:
        if name in {device.path, device.path.rpartition("/")[2]}:
            return Member(name=device.path, kind="device", addresses=device.addresses)
    raise ConfigError(f"zone {zone.name} has no host or device {name!r}")
