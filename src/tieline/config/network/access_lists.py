"""Access lists and static routes: names of zones, VLANs and nodes become subnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

from tieline.config.network.description import AclEntry, Node, Route, Subnet, Vlan
from tieline.config.network.draft import Draft, one_of
from tieline.config.network.rows import AclRow
from tieline.config.services import Ports


def resolve_acls(draft: Draft, nodes: Mapping[str, Node], vlans: Sequence[Vlan]) -> tuple[AclEntry, ...]:
    """The entries, in the order of the file."""
    names = _names(draft, nodes, vlans)
    written = {row.name for _, row in draft.nodes}
    entries = []
    for line, row in draft.acls:
        node = nodes.get(row.node)
        if node is None:
            if row.node not in written:
                draft.is_known("acls", line, "node", row.node, nodes, "node", "nodes")
        elif node.model.layer < 3:
            draft.report("acls", line, "node", row.node, f"model {node.model.name} does not route", "name a router or firewall")
        else:
            _check_interface(draft, line, row, node)
        sources, targets = (
            _side(draft, line, column, text, names) for column, text in (("from", row.source), ("to", row.target))
        )
        if sources is None or targets is None:
            continue
        entries.append(
            AclEntry(
                node=row.node,
                interface=row.interface,
                direction=row.direction,
                sources=sources,
                targets=targets,
                protocol=row.protocol,
                ports=tuple(_ports(row)),
                is_reply=row.reply,
                action=row.action,
                description=row.description,
                line=line,
            )
        )
    return tuple(entries)


def _ports(row: AclRow) -> list[Ports]:
    found = []
    for text in row.ports:
        first, _, last = text.partition("-")
        found.append(Ports("udp" if row.protocol == "udp" else "tcp", int(first), int(last or first)))
    return found


def _names(draft: Draft, nodes: Mapping[str, Node], vlans: Sequence[Vlan]) -> dict[str, tuple[Subnet, ...]]:
    """What `from` and `to` may name: zones before VLANs before nodes."""
    found: dict[str, tuple[Subnet, ...]] = {
        node.name: tuple(ip_network(each.address) for each in node.addresses) for node in nodes.values()
    }
    for vlan in vlans:
        if vlan.subnet is not None:
            found[vlan.name] = found[f"vlan{vlan.id}"] = (vlan.subnet,)
    for zone in draft.around.zones:
        try:
            subnets = tuple(map(ip_network, zone.subnets))
        except ValueError:
            continue
        found[zone.name] = subnets or tuple(vlan.subnet for vlan in vlans if vlan.zone == zone.name and vlan.subnet is not None)
    return found


def _side(draft: Draft, line: int, column: str, text: str, names: Mapping[str, tuple[Subnet, ...]]) -> tuple[Subnet, ...] | None:
    if text == "any":
        return ()
    if text[0].isdigit() or ":" in text:
        try:
            return (ip_network(text),)
        except ValueError as error:
            draft.report("acls", line, column, text, f"is no subnet: {error}", "write for example 10.1.0.0/24")
            return None
    if text not in names:
        if not draft.partial & {"nodes", "vlans"}:
            problem = "is no zone, VLAN or node, no subnet, and not any"
            draft.report("acls", line, column, text, problem, one_of(text, names))
        return None
    if not names[text]:
        if "vlans" not in draft.partial:
            draft.report("acls", line, column, text, "has no addresses", "write a subnet")
        return None
    return names[text]


def _check_interface(draft: Draft, line: int, row: AclRow, node: Node) -> None:
    if not row.interface or draft.partial & {"nodes", "vlans", "ports"}:
        return
    known = {f"vlan{each.vlan}" for each in node.addresses if each.vlan is not None}
    known |= {port.name for port in node.ports if port.mode == "routed"}
    if row.interface not in known:
        problem = f"{node.name} routes nothing there"
        draft.report("acls", line, "interface", row.interface, problem, one_of(row.interface, sorted(known)))


def resolve_routes(draft: Draft, nodes: Mapping[str, Node]) -> tuple[Route, ...]:
    """Static routes; the next hop is in a subnet of the node."""
    routes = []
    written = {row.name for _, row in draft.nodes}
    for number, section in enumerate(draft.file.routes):
        node = nodes.get(section.node)
        via = ip_address(section.via)
        if node is None:
            if section.node not in written:
                draft.is_known_key(draft.key("routes", number, "node"), section.node, nodes, "node", "nodes")
            continue
        if not any(each.network.version == via.version and via in each.network for each in node.addresses):
            draft.top.report_key(
                draft.key("routes", number, "via"), f"{node.name} is in no subnet with it", "name a next hop", value=section.via
            )
        everything = "0.0.0.0/0" if via.version == 4 else "::/0"
        target = ip_network(everything if section.to == "default" else section.to)
        routes.append(Route(node=section.node, target=target, via=via))
    return tuple(routes)
