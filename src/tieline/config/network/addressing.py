"""VLANs against the zones of utility.toml, addresses against VLANs, and what an address says against where its node is connected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network

from tieline.config.network.description import Address, Link, Network, Node, Subnet, Vlan
from tieline.config.network.draft import Draft, one_of
from tieline.config.network.vlan_sets import format_vlans


class SubnetIndex:
    """Finds the VLAN whose subnet an address lies in, in a look-up for each length of prefix."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Vlan]] = {}
        for vlan in vlans:
            if vlan.subnet is not None:
                shift = vlan.subnet.max_prefixlen - vlan.subnet.prefixlen
                found = self._by_length.setdefault((vlan.subnet.version, shift), {})
                found.setdefault(int(vlan.subnet.network_address) >> shift, vlan)

    def find(self, address: Address) -> Vlan | None:
        """The VLAN, that of the longest prefix where several fit; None for none."""
        for (version, shift), vlans in sorted(self._by_length.items(), key=lambda item: item[0][1]):
            if version == address.version and (vlan := vlans.get(int(address) >> shift)) is not None:
                return vlan
        return None


def resolve_vlans(draft: Draft) -> tuple[Vlan, ...]:
    """Those of network.toml."""
    return tuple(
        Vlan(
            id=section.id,
            name=section.name,
            zone=section.zone or "",
            subnet=None if section.subnet is None else ip_network(section.subnet),
            gateway=None if section.gateway is None else ip_address(section.gateway),
            description=section.description,
        )
        for section in draft.file.vlans
    )


def check_vlans(draft: Draft, vlans: Sequence[Vlan]) -> None:
    """Each VLAN is there once, belongs to the zone that utility.toml has it in, and lies within that zone's subnets."""
    zones = {zone.name: zone for zone in draft.around.zones if zone.name}
    home = {vlan: zone.name for zone in draft.around.zones for vlan in zone.vlans}
    taken: dict[int, str] = {}
    held = _Held()
    for number, vlan in enumerate(vlans):
        if vlan.id in taken:
            draft.top.report_key(draft.key("vlans", number, "id"), f"{taken[vlan.id]} has it", "give each its own", value=vlan.id)
        taken.setdefault(vlan.id, vlan.name)
        if vlan.zone and vlan.zone not in zones:
            draft.top.report_key(
                draft.key("vlans", number, "zone"), "utility.toml has no such zone", one_of(vlan.zone, zones), value=vlan.zone
            )
        elif home.get(vlan.id, "") != vlan.zone:
            where = (
                f"has it in zone {home[vlan.id]}" if vlan.id in home else f"does not have it among the vlans of zone {vlan.zone}"
            )
            draft.top.report_key(
                draft.key("vlans", number, "zone"),
                f"utility.toml {where}",
                "correct one of them",
                value=f"VLAN {vlan.id} of {vlan.zone or 'no zone'}",
            )
        if vlan.subnet is not None:
            _check_subnet(draft, number, vlan, [] if vlan.zone not in zones else list(zones[vlan.zone].subnets), held)
        if vlan.gateway is not None and (vlan.subnet is None or vlan.gateway not in vlan.subnet):
            problem = "the VLAN has no subnet" if vlan.subnet is None else f"is not in the VLAN's subnet {vlan.subnet}"
            draft.top.report_key(draft.key("vlans", number, "gateway"), problem, "correct one of them", value=vlan.gateway)
    if "vlans" not in draft.partial:
        for missing in sorted(home.keys() - taken.keys()):
            draft.top.report_key(
                ("vlans",),
                f"utility.toml has VLAN {missing} in zone {home[missing]}, and this file does not describe it",
                f"add [[vlans]] with id = {missing}, or remove it there",
                value=missing,
            )


class _Held:
    """Subnets that are taken; whether one overlaps any is found without looking at all."""

    def __init__(self) -> None:
        self._every: list[tuple[Subnet, Vlan]] = []
        self._own: set[tuple[int, int, int]] = set()
        self._above: set[tuple[int, int, int]] = set()
        """Those, and everything that they are part of."""

    def add(self, subnet: Subnet, vlan: Vlan) -> None:
        self._every.append((subnet, vlan))
        keys = list(_with_above(subnet))
        self._own.add(keys[0])
        self._above.update(keys)

    def overlapping(self, subnet: Subnet) -> list[tuple[Subnet, Vlan]]:
        """Of two that overlap one is part of the other."""
        keys = list(_with_above(subnet))
        if keys[0] not in self._above and self._own.isdisjoint(keys):
            return []
        return [each for each in self._every if each[0].version == subnet.version and each[0].overlaps(subnet)]


def _with_above(subnet: Subnet) -> Iterator[tuple[int, int, int]]:
    first = int(subnet.network_address) >> (subnet.max_prefixlen - subnet.prefixlen)
    return ((subnet.version, subnet.prefixlen - up, first >> up) for up in range(subnet.prefixlen + 1))


def _check_subnet(draft: Draft, number: int, vlan: Vlan, of_zone: Sequence[str], held: _Held) -> None:
    assert vlan.subnet is not None
    key = draft.key("vlans", number, "subnet")
    for other, holder in held.overlapping(vlan.subnet):
        draft.top.report_key(key, f"overlaps {other} of VLAN {holder.id}", "give each its own", value=vlan.subnet)
    held.add(vlan.subnet, vlan)
    wide = [network for network in map(_network, of_zone) if network is not None]
    if wide and not any(is_within(vlan.subnet, network) for network in wide):
        names = ", ".join(map(str, wide))
        draft.top.report_key(
            key, f"is not within the subnets of zone {vlan.zone}: {names}", "correct one of them", value=vlan.subnet
        )


def _network(text: str) -> Subnet | None:
    try:
        return ip_network(text)
    except ValueError:
        return None  # told in utility.toml


def is_within(inner: Subnet, outer: Subnet) -> bool:
    """Whether a subnet is part of another."""
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and int(inner.network_address) >> (outer.max_prefixlen - outer.prefixlen)
        == int(outer.network_address) >> (outer.max_prefixlen - outer.prefixlen)
    )


def check_addresses(draft: Draft, network: Network) -> None:
    """No address is there twice, switches know the VLANs they have addresses in, and every gateway is somebody's address."""
    lines = {row.name: line for line, row in reversed(draft.nodes)}
    taken: dict[Address, Node] = {}
    for node in network.nodes:
        for each in node.addresses:
            holder = taken.setdefault(each.address, node)
            if holder is not node:
                draft.report(
                    "nodes", lines[node.name], "addresses", each.address, f"{holder.name} has it", "give each node its own"
                )
            if node.is_bridge and each.vlan is not None and each.vlan not in node.vlans:
                problem = f"lies in VLAN {each.vlan}, which the node does not have"
                draft.report(
                    "nodes",
                    lines[node.name],
                    "addresses",
                    each.address,
                    problem,
                    f"add {each.vlan} to vlans; it has {format_vlans(node.vlans)}",
                )
    for number, vlan in enumerate(network.vlans):
        if vlan.gateway is not None and vlan.gateway not in taken and "nodes" not in draft.partial:
            draft.top.report_key(
                draft.key("vlans", number, "gateway"),
                "no node has this address",
                "write it into addresses of the router, or leave gateway out",
                value=vlan.gateway,
            )


def check_connections(draft: Draft, network: Network) -> None:
    """A device stands in the VLAN that its port is connected to. Rows with a mistake of their own may say another VLAN than they mean."""
    doubtful = {row.node for line, row in draft.ports if ("ports", line) in draft.faulty}
    doubtful |= {end.partition("/")[0] for line, row in draft.links if ("links", line) in draft.faulty for end in (row.a, row.b)}
    if "ports" in draft.partial or not doubtful <= network.by_name.keys():
        return
    lines = {row.name: line for line, row in reversed(draft.nodes)}
    by_name = network.by_name
    for node in network.nodes:
        if node.is_bridge or node.model.layer == 1 or not node.addresses:
            continue
        reached: set[int] = set()
        for link in network.links_of[node.name]:
            far = follow(link, node.name, network.links_of, by_name)
            if far is None or not by_name[far[0]].is_bridge or not doubtful.isdisjoint((node.name, far[0])):
                reached.clear()
                break
            reached |= by_name[far[0]].port(far[1]).allowed
        if not reached:
            continue
        for each in node.addresses:
            if each.vlan is not None and each.vlan not in reached:
                draft.report(
                    "nodes",
                    lines[node.name],
                    "addresses",
                    each.address,
                    f"lies in VLAN {each.vlan}, and the node is connected to VLAN {format_vlans(reached)}",
                    "correct the address, or the port's VLAN",
                )


def follow(link: Link, start: str, links_of: Mapping[str, Sequence[Link]], by_name: Mapping[str, Node]) -> tuple[str, str] | None:
    """Node and port at the end of a way that begins at a node, through media converters; None where it ends in one."""
    port = link.other(start)
    for _ in range(16):
        node = by_name[port.node]
        if node.model.layer > 1:
            return port.node, port.name
        onward = [other for other in links_of[node.name] if other is not link]
        if len(onward) != 1:
            return None
        link = onward[0]
        port = link.other(node.name)
    return None
