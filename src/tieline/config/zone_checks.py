"""That zones, hosts and conduits fit together, and that nothing gets around the DMZ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tieline.config.checks import find_duplicates
from tieline.config.device import Device
from tieline.config.field_ways import field_way, zone_of_node
from tieline.config.lines import KeyPath
from tieline.config.network import Watching
from tieline.config.outline import ConduitOutline, HostOutline, ZoneOutline, conduits_of, hosts_of, names_of, zones_of
from tieline.config.reading import Source
from tieline.config.services import BUS, SERVICES
from tieline.config.snmp import SnmpDevice
from tieline.config.zone_roles import roles_of_zone

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

OWNED_LEVEL = 2
"""From this security level on, of either of its zones, somebody has to answer for a conduit."""

_FIELD = ("substation", "plant")
_BEHIND_DMZ = (*_FIELD, "control_center")
_NEEDED_DIRECTIONS = {
    "substation": ("both", "to_target"),
    "plant": ("both", "to_target"),
    "control_center": ("both", "to_source"),
    "enterprise": ("to_source",),
}
"""Where data have to flow, and may, on the bus conduits that these open."""


def check_zones(source: Source, sites: Sequence[str], devices: Mapping[str, Sequence[Device]], watching: Watching) -> None:
    """Zones, hosts, conduits and sites fit together; `devices` are those of the sites without a mistake, watched nodes among them."""
    zones, hosts, conduits = zones_of(source.document), hosts_of(source.document), conduits_of(source.document)
    find_duplicates(source, "zones", [zone.name for zone in zones])
    find_duplicates(source, "people", names_of(source.document, "people"))
    homes = _check_homes(source, zones, sites)
    _check_networks(source, zones, hosts, devices)
    _check_hosts(source, zones, hosts)
    _check_conduits(source, zones, conduits)
    places = _Places(zones, devices)
    _check_members(source, zones, hosts, conduits, places, lambda name: any(watching.is_uncertain(site, name) for site in sites))
    _check_watched(source, conduits, homes, places)
    if zones and all(zone.kind and zone.name for zone in zones):
        _check_ways(source, zones, conduits, {homes[site] for site in sites if site in homes})
        _check_dmz_address(source, zones, hosts)


def _check_homes(source: Source, zones: Sequence[ZoneOutline], sites: Sequence[str]) -> dict[str, str]:
    """The zone of each site; every site is in exactly one."""
    homes: dict[str, str] = {}
    for zone in zones:
        key = ("zones", zone.index, "sites")
        for name in zone.sites:
            if name not in sites:
                source.report_key(key, "there is no such site", f"write one of {', '.join(sites) or 'none: no site'}", value=name)
            elif name in homes:
                source.report_key(key, f"the site is in zone {homes[name]} already", "keep it in one zone", value=name)
            if zone.kind not in {*_FIELD, ""}:
                source.report_key(key, f"a zone of kind {zone.kind} holds no sites", "move it to a substation zone", value=name)
            homes[name] = zone.name
    for site in sites:
        if zones and site not in homes:
            source.report_key(("zones",), "the site is in no zone", "name it in the sites of a zone", value=site)
    return homes


def _check_networks(
    source: Source, zones: Sequence[ZoneOutline], hosts: Sequence[HostOutline], devices: Mapping[str, Sequence[Device]]
) -> None:
    """No address and no VLAN is in two zones, and whatever is in a zone with subnets has its addresses in them."""
    held: list[tuple[Network, ZoneOutline]] = []
    vlans: dict[int, str] = {}
    for zone in zones:
        for network in _networks(zone):
            for other, holder in held:
                if network.version == other.version and network.overlaps(other):
                    where = "this zone already has" if holder is zone else f"zone {holder.name} has"
                    source.report_key(
                        ("zones", zone.index, "subnets"),
                        f"{where} {other}, which overlaps",
                        "give every zone subnets of its own",
                        value=network,
                    )
            held.append((network, zone))
        for vlan in zone.vlans:
            if vlan in vlans:
                source.report_key(
                    ("zones", zone.index, "vlans"), f"zone {vlans[vlan]} has this VLAN", "keep it in one zone", value=vlan
                )
            vlans[vlan] = zone.name
    by_name = {zone.name: zone for zone in zones if zone.name}
    for host in hosts:
        for text in host.addresses:
            _check_inside(source, ("hosts", host.index, "addresses"), text, by_name.get(host.zone), "move the host")
    for zone in zones:
        for site in zone.sites:
            for device in devices.get(site, ()):
                way = field_way(device)
                if isinstance(device, SnmpDevice) and zone_of_node(device, ((net, other.name) for net, other in held)):
                    continue  # in another zone there has to be a conduit, see _check_watched
                for peer in way.peer_hosts if way is not None else ():
                    words = f"add the subnet of device {device.path}, or correct the device's host"
                    _check_inside(source, ("zones", zone.index, "subnets"), peer, zone, words)


def _check_inside(source: Source, key: KeyPath, text: str, zone: ZoneOutline | None, remedy: str) -> None:
    address = _address(text)
    networks = _networks(zone) if zone is not None else []
    if zone is None or address is None or not networks or address.is_loopback:
        return
    if not any(address in network for network in networks):
        names = ", ".join(map(str, networks))
        source.report_key(key, f"the address is outside the subnets of zone {zone.name}: {names}", remedy, value=address)


def _check_hosts(source: Source, zones: Sequence[ZoneOutline], hosts: Sequence[HostOutline]) -> None:
    """Every host is in one zone, has addresses of its own, and every role of a zone that has hosts is on one of them."""
    by_name = {zone.name: zone for zone in zones if zone.name}
    homes = {role: zone.name for zone in zones for role in roles_of_zone(zone.kind, zone.name, zone.sites)}
    seen: dict[str, str] = {}
    addresses: dict[Address, str] = {}
    for host in hosts:
        if host.name and host.name in seen:
            problem = "the name is taken already" if seen[host.name] == host.zone else f"is in zone {seen[host.name]} already"
            source.report_key(("hosts", host.index, "name"), problem, "choose another name for another host", value=host.name)
        seen.setdefault(host.name, host.zone)
        if host.zone and host.zone not in by_name:
            source.report_key(
                ("hosts", host.index, "zone"), "there is no such zone", f"write one of {', '.join(by_name)}", value=host.zone
            )
        for address in [address for text in host.addresses if (address := _address(text)) is not None]:
            if addresses.setdefault(address, host.name) != host.name:
                source.report_key(
                    ("hosts", host.index, "addresses"), f"{addresses[address]} has it", "give each its own", value=address
                )
        for role in host.roles:
            home = homes.get(role, host.zone)
            if home != host.zone:
                source.report_key(
                    ("hosts", host.index, "roles"), f"the role belongs to zone {home}", "run it on a host there", value=role
                )
    for zone in zones:
        there = [host for host in hosts if host.zone == zone.name]
        if len(there) == 1 and not there[0].roles:
            continue
        for role in roles_of_zone(zone.kind, zone.name, zone.sites) if there else ():
            if not any(role in host.roles for host in there):
                source.report_key(
                    ("hosts", there[0].index, "roles"),
                    f"no host of zone {zone.name} is {role}",
                    "name the role at the host on which it runs",
                    value=role,
                )


def _check_conduits(source: Source, zones: Sequence[ZoneOutline], conduits: Sequence[ConduitOutline]) -> None:
    """The ends of conduits are zones, somebody answers for them, and none gets around the DMZ."""
    names = [zone.name for zone in zones if zone.name]
    by_name = {zone.name: zone for zone in zones}
    ids: dict[str, int] = {}
    for conduit in conduits:
        for end, name in (("source", conduit.source), ("target", conduit.target)):
            if name and name not in names:
                source.report_key(
                    ("conduits", conduit.index, end), "there is no such zone", f"write one of {', '.join(names)}", value=name
                )
        if conduit.source and conduit.source == conduit.target:
            _check_way_inside(source, conduit)
        if conduit.id and conduit.id in ids:
            source.report_key(("conduits", conduit.index), "the id is taken already", "write another id", value=conduit.id)
        ids.setdefault(conduit.id, conduit.index)
        service = SERVICES.get(conduit.protocol)
        if service is not None and not service.ports and not conduit.has_ports:
            source.report_key(
                ("conduits", conduit.index),
                "names no ports",
                "write ports = [...]; any would be too many",
                value=conduit.protocol,
            )
        if service is not None and service.transport == "icmp" and conduit.has_ports:
            source.report_key(("conduits", conduit.index, "ports"), "ICMP has no ports", "remove them", value=conduit.protocol)
        ends = by_name.get(conduit.source), by_name.get(conduit.target)
        if ends[0] is not None and ends[1] is not None:
            _check_conduit(source, conduit, ends[0], ends[1])


def _check_way_inside(source: Source, conduit: ConduitOutline) -> None:
    """Hosts deny what their own zone sends, too: a way inside a zone names the members that it leads to."""
    key = ("conduits", conduit.index)
    if conduit.protocol == BUS:
        source.report_key(key, "leads from a zone to itself", "name two zones: the bus connects zones", value=conduit.source)
    elif not conduit.target_members:
        source.report_key(
            key, "lets everybody in the zone talk to everybody", "name target_members, those who listen", value=conduit.source
        )


def _check_conduit(source: Source, conduit: ConduitOutline, opener: ZoneOutline, target: ZoneOutline) -> None:
    key = ("conduits", conduit.index)
    most = max(opener, target, key=lambda zone: zone.security_level)
    if most.security_level >= OWNED_LEVEL and not conduit.owner.strip():
        source.report_key(
            key,
            f"nobody answers for it, though zone {most.name} has security level {most.security_level}",
            "write owner = with the person or team that reviews it",
            value=conduit.id,
        )
    kinds = {opener.kind: opener, target.kind: target}
    inner = next((kinds[kind] for kind in _BEHIND_DMZ if kind in kinds), None)
    if "enterprise" in kinds and inner is not None:
        source.report_key(
            key,
            f"leads between enterprise zone {kinds['enterprise'].name} and {inner.kind} {inner.name} past the DMZ",
            "end it in the DMZ; what is needed from there is a conduit of its own",
            value=conduit.id,
        )
        return
    if conduit.protocol != BUS or not opener.kind or not target.kind:
        return
    if target.kind != "dmz":
        source.report_key(key, "the bus is opened towards the DMZ only", "name the DMZ as target", value=conduit.target)
        return
    needed = _NEEDED_DIRECTIONS.get(opener.kind, ())
    if conduit.direction and conduit.direction not in needed:
        source.report_key(
            (*key, "direction"),
            f"on the bus a zone of kind {opener.kind} {'only reads' if opener.kind == 'enterprise' else 'needs its data to flow'}",
            f"write {' or '.join(needed)}",
            value=conduit.direction,
        )


class _Places:
    """Which devices are in which zone: those of its sites, but watched nodes where their addresses are."""

    def __init__(self, zones: Sequence[ZoneOutline], devices: Mapping[str, Sequence[Device]]) -> None:
        subnets = [(network, zone.name) for zone in zones for network in _networks(zone)]
        self._devices = devices
        self.of_zone: dict[str, list[Device]] = {zone.name: [] for zone in zones}
        homes = {site: zone.name for zone in reversed(zones) for site in zone.sites}
        for site, there in devices.items():
            for device in there:
                found = zone_of_node(device, subnets) if isinstance(device, SnmpDevice) else None
                self.of_zone.get(found or homes.get(site, ""), []).append(device)

    def are_known(self, zone: ZoneOutline) -> bool:
        """Whether no device of the zone's sites is missing because of a mistake."""
        return all(site in self._devices for site in zone.sites)


def _check_watched(source: Source, conduits: Sequence[ConduitOutline], homes: Mapping[str, str], places: _Places) -> None:
    """Where a watched node is in another zone than the gateway that asks it, a conduit leads there."""
    ways = [each for each in conduits if each.protocol in {"snmp", "udp"}]
    missing: dict[tuple[str, str], list[str]] = {}
    for zone, devices in places.of_zone.items():
        for device in devices:
            home = homes.get(device.site, zone)
            permitted = any(
                (each.source, each.target) == (home, zone)
                and (not each.target_members or {device.name, device.path} & set(each.target_members))
                for each in ways
            )
            if home != zone and not permitted:
                missing.setdefault((home, zone), []).append(device.path)
    for (home, zone), paths in missing.items():
        source.report_key(
            ("conduits",),
            f"no conduit lets the gateway in {home} ask nodes in {zone}, and they are to be watched",
            f'add [[conduits]] with source = "{home}", target = "{zone}", protocol = "snmp", or write no into watch of nodes.csv',
            value=" ".join(paths[:3]) + (" ..." if len(paths) > 3 else ""),
        )


def _check_members(
    source: Source,
    zones: Sequence[ZoneOutline],
    hosts: Sequence[HostOutline],
    conduits: Sequence[ConduitOutline],
    places: _Places,
    is_uncertain: Callable[[str], bool],
) -> None:
    """Members of conduits are hosts or devices of their zones."""
    by_name = {zone.name: zone for zone in zones}
    for conduit in conduits:
        for end, name, members in (
            ("source_members", conduit.source, conduit.source_members),
            ("target_members", conduit.target, conduit.target_members),
        ):
            zone = by_name.get(name)
            if zone is None or not members or not places.are_known(zone):
                continue
            there = [host.name for host in hosts if host.zone == name]
            paths = [device.path for device in places.of_zone[zone.name]]
            for member in members:
                matches = [path for path in paths if member in {path, path.rpartition("/")[2]}]
                if member not in there and len(matches) != 1 and not is_uncertain(member.rpartition("/")[2]):
                    problem = f"zone {name} has several such devices" if matches else f"zone {name} has no such host or device"
                    source.report_key(
                        ("conduits", conduit.index, end),
                        problem,
                        f"write one of {', '.join([*there, *paths][:12]) or 'none: it has neither'}",
                        value=member,
                    )


def _check_ways(
    source: Source, zones: Sequence[ZoneOutline], conduits: Sequence[ConduitOutline], homes: AbstractSet[str]
) -> None:
    """There is one DMZ and one center, and every site's zone and the center's reach the DMZ: without that nothing arrives."""
    only: dict[str, str] = {}
    for kind in ("dmz", "control_center"):
        of_kind = [zone.name for zone in zones if zone.kind == kind]
        if len(of_kind) != 1:
            source.report_key(("zones",), f"there are {len(of_kind)} zones of kind {kind}", "describe exactly one")
        else:
            only[kind] = of_kind[0]
    if len(only) < 2:
        return
    dmz = only["dmz"]
    ways = {(conduit.source, conduit.target) for conduit in conduits if conduit.protocol == BUS}
    for name in sorted(homes | {only["control_center"]}):
        if (name, dmz) not in ways:
            source.report_key(
                ("conduits",),
                f"no conduit leads from {name} to {dmz}; its data would not arrive",
                f'add [[conduits]] with source = "{name}", target = "{dmz}"',
            )


def _check_dmz_address(source: Source, zones: Sequence[ZoneOutline], hosts: Sequence[HostOutline]) -> None:
    """What everybody dials is a host of the DMZ, where those have addresses; all on one machine may meet on loopback."""
    table = source.document.get("dmz")
    dialed = _address(str(table.get("host", ""))) if isinstance(table, dict) else None
    dmz = next(zone.name for zone in zones if zone.kind == "dmz") if any(zone.kind == "dmz" for zone in zones) else ""
    known = [address for host in hosts if host.zone == dmz for address in map(_address, host.addresses) if address is not None]
    if dialed is not None and not dialed.is_loopback and known and dialed not in known:
        source.report_key(
            ("dmz", "host"), "no host of the DMZ has this address", f"write {' or '.join(map(str, known))}", value=dialed
        )


def _networks(zone: ZoneOutline) -> list[Network]:
    found = []
    for text in zone.subnets:
        try:
            found.append(ip_network(text))
        except ValueError:
            continue  # told at the key itself
    return found


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
