"""Which nodes of the network are watched, and what of them: devices of their sites, derived from the design and `[watch]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from tieline.config.gate import FOLLOW_S, Feedback
from tieline.config.network.description import Address, Link, Network, Node, NodeAddress, Port
from tieline.config.network.draft import Draft
from tieline.config.network.interfaces import interface_of
from tieline.config.snmp import Measure, Neighbor, SnmpConnection, SnmpDevice, Watch, WatchedPort, WatchRow
from tieline.model import PointId, PointKind, Reporting

MOST_NAME = 64
"""Characters of a point's name."""
LINK_STATE = "link_state"
RESTART = "restart"
"""Of a control that takes 1 alone."""
_QUANTITIES = {Measure.LINK: LINK_STATE, Measure.POE_RESTART: RESTART}

_NO, _YES = "no", "yes"
_SHAPES: Mapping[Measure, tuple[PointKind, str, str, float]] = {
    Measure.LINK: (PointKind.BINARY, "", "link", 0.0),
    Measure.IN_PERCENT: (PointKind.ANALOG, "%", "received, of the link's speed", 0.5),
    Measure.OUT_PERCENT: (PointKind.ANALOG, "%", "sent, of the link's speed", 0.5),
    Measure.ERRORS_PER_S: (PointKind.ANALOG, "1/s", "frames with errors", 0.0),
    Measure.DISCARDS_PER_S: (PointKind.ANALOG, "1/s", "frames discarded", 0.0),
    Measure.NEIGHBOR: (PointKind.BINARY, "", "neighbor as designed", 0.0),
    Measure.VIOLATIONS: (PointKind.COUNTER, "", "violations of port security", 0.0),
    Measure.POE: (PointKind.BINARY, "", "delivers power", 0.0),
    Measure.POE_W: (PointKind.ANALOG, "W", "power delivered", 0.2),
    Measure.POE_SWITCH: (PointKind.CONTROL, "", "switches its power", 0.0),
    Measure.POE_RESTART: (PointKind.CONTROL, "", "takes its power away for a while", 0.0),
    Measure.SUPPLY: (PointKind.BINARY, "", "has power", 0.0),
    Measure.TEMPERATURE_C: (PointKind.ANALOG, "°C", "temperature inside", 0.5),
    Measure.UPTIME_S: (PointKind.ANALOG, "s", "time since it was started", 3_600.0),
    Measure.FIRMWARE: (PointKind.BINARY, "", "firmware as designed", 0.0),
    Measure.POE_USED_PERCENT: (PointKind.ANALOG, "%", "used of what its ports can give", 0.5),
    Measure.DRIFT: (PointKind.ANALOG, "", "differences from the design", 0.0),
}
"""Of each measure its kind, its unit, what it is in words, its deadband."""


@dataclass(frozen=True, kw_only=True)
class Watching:
    """The watched nodes."""

    devices: Mapping[str, Sequence[SnmpDevice]] = field(default_factory=dict)
    """By site. Where the network has mistakes, what can be told nevertheless."""
    watch: Watch | None = None
    """How they are; None where nothing is watched."""
    uncertain: Mapping[str, frozenset[str]] | None = field(default_factory=dict)
    """By site, nodes that are watched or would be but for mistakes in the network; None where any name may be one."""

    def is_uncertain(self, site: str, name: str) -> bool:
        """Whether a device of that name may be a node of which not everything is known."""
        return self.uncertain is None or name in self.uncertain.get(site, ())

    def has_uncertain(self, site: str) -> bool:
        """Whether there may be such a node at the site."""
        return self.uncertain is None or bool(self.uncertain.get(site))


def derive_watching(draft: Draft, network: Network) -> Watching:
    """The watched nodes of the network; what keeps one from being watched that should be is reported."""
    lines = {row.name: line for line, row in reversed(draft.nodes)}
    derivation = _Derivation(draft, network)
    found: dict[str, list[SnmpDevice]] = {}
    for node in network.nodes:
        device = derivation.device(node, lines[node.name])
        if device is not None:
            found.setdefault(node.site, []).append(device)
    if network.watch is not None:
        paths = {point.path for devices in found.values() for device in devices for point in device.points}
        for path in network.watch.ids:
            if path not in paths and not draft.partial:
                problem, remedy = "no watched node has such a point", "write site/node/point, or take it out"
                draft.top.report_key(("watch", "ids", path), problem, remedy, value=path)
    return Watching(devices=found, watch=network.watch)


def feedbacks_of(devices: Sequence[SnmpDevice]) -> dict[PointId, Feedback]:
    """That a port delivers power, or does not, as the feedback of its switch."""
    found = {}
    for device in devices:
        state = {row.port: point for row, point in zip(device.rows, device.points, strict=True) if row.measure is Measure.POE}
        for row, point in zip(device.rows, device.points, strict=True):
            if row.measure is Measure.POE_SWITCH:
                found[point.id] = Feedback(point=state[row.port], within_s=device.connection.period_s + FOLLOW_S)
    return found


def slug_of(port: str) -> str:
    """The port's name within names of points."""
    return re.sub(r"[^a-z0-9]", "-", port.lower())


def devices_of_places(network: Network) -> list[SnmpDevice]:
    """The nodes that stand at no site and have an agent, as devices: no gateway watches them, but `tieline network watch` can.

    Of several addresses the agent is asked at that of the column `watch`, else at the first.
    """
    watch = network.watch
    design = _Design(network)
    places = {place.name for place in network.places if not place.is_site}
    found = []
    for node in network.nodes:
        if watch is not None and node.site in places and node.watch != _NO and node.model.has_snmp and node.addresses:
            addresses = [each.address for each in node.addresses]
            address = next((each for each in addresses if str(each) == node.watch), addresses[0])
            found.append(design.made(node, watch, address, Reporting()))
    return found


class _Design:
    """What is watched of a node, as the design has it."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def made(self, node: Node, watch: Watch, address: Address, default: Reporting) -> SnmpDevice:
        """The node as a device."""
        ports = tuple(self._ports(node))
        rows = tuple(self._rows(node, ports, watch))
        return SnmpDevice(
            site=node.site,
            name=node.name,
            description=node.description,
            connection=SnmpConnection(
                host=str(address),
                user=watch.user,
                auth=watch.auth,
                priv=watch.priv,
                timeout_s=watch.timeout_s,
                retries=watch.retries,
                period_s=watch.period_s,
            ),
            ports=ports,
            rows=rows,
            points=tuple(row.to_point(node.site, node.name, default) for row in rows),
            firmware=node.firmware,
            has_lldp=node.model.has_lldp,
            poe_budget_w=node.model.poe_budget_w,
        )

    def _ports(self, node: Node) -> Iterator[WatchedPort]:
        for port in node.ports:
            link = self._link(port)
            other = None if link is None else link.other(node.name)
            feeds = other is not None and self._network.by_name[other.node].powered_by == port.path
            yield WatchedPort(
                name=port.name,
                slug=slug_of(port.name),
                interface=interface_of(node.model, port.name),
                is_linked=link is not None,
                is_disabled=port.mode == "disabled",
                speed_mbps=None if link is None else link.speed_mbps,
                neighbor=None if other is None or not node.model.has_lldp else self._neighbor(other),
                poe_class=None if port.poe is None else port.poe.highest_class,
                feeds=other.node if other is not None and feeds else "",
            )

    def _link(self, port: Port) -> Link | None:
        """That which is up where everything is as designed."""
        link = self._network.link_of.get(port.path)
        return None if link is None or "disabled" in (link.a.mode, link.b.mode) else link

    def _neighbor(self, other: Port) -> Neighbor | None:
        """What LLDP should find at the far end: a media converter passes it on as it is (IEEE 802.1AB clause 7.1)."""
        seen: set[str] = set()
        node = self._network.by_name[other.node]
        while node.model.layer == 1 and node.name not in seen:
            seen.add(node.name)
            beyond = [link for link in self._network.links_of[node.name] if other.path not in (link.a.path, link.b.path)]
            if len(beyond) != 1 or self._link(beyond[0].a) is None:
                return None
            other = beyond[0].other(node.name)
            node = self._network.by_name[other.node]
        if not node.model.has_lldp or node.model.layer == 1:
            return None
        return Neighbor(
            node=node.name,
            port=other.name,
            interface=interface_of(node.model, other.name),
            addresses=tuple(str(each.address) for each in node.addresses),
        )

    def _rows(self, node: Node, ports: Sequence[WatchedPort], watch: Watch) -> Iterator[WatchRow]:
        for port in ports:
            if port.is_linked:
                for measure in self._measures(node, port):
                    link = self._network.link_of[f"{node.name}/{port.name}"]
                    about = f"{node.name} port {port.name} to {link.other(node.name).node}"
                    yield self._row(node, watch, measure, f"port-{port.slug}-{measure}", about, port=port.name)
        for number, supply in enumerate(node.supplies, 1):
            about = f"{node.name} supply {number}, {supply}"
            yield self._row(node, watch, Measure.SUPPLY, f"supply-{number}", about, number=number)
        own = [Measure.TEMPERATURE_C, Measure.UPTIME_S, Measure.DRIFT]
        own += [Measure.FIRMWARE] if node.firmware else []
        own += [Measure.POE_USED_PERCENT] if node.model.poe_budget_w is not None else []
        for measure in own:
            yield self._row(node, watch, measure, measure, node.name)

    def _measures(self, node: Node, port: WatchedPort) -> Iterator[Measure]:
        yield from (Measure.LINK, Measure.IN_PERCENT, Measure.OUT_PERCENT, Measure.ERRORS_PER_S, Measure.DISCARDS_PER_S)
        if port.neighbor is not None:
            yield Measure.NEIGHBOR
        if node.model.has_port_security and node.port(port.name).mode == "access":
            yield Measure.VIOLATIONS
        if port.feeds:
            yield from (Measure.POE, Measure.POE_W, Measure.POE_SWITCH, Measure.POE_RESTART)

    def _row(
        self, node: Node, watch: Watch, measure: Measure, name: str, about: str, *, port: str = "", number: int = 0
    ) -> WatchRow:
        kind, unit, words, deadband = _SHAPES[measure]
        return WatchRow(
            name=name,
            kind=kind,
            unit=unit,
            description=f"{about}: {words}",
            quantity=_QUANTITIES.get(measure, ""),
            deadband=deadband if kind is PointKind.ANALOG else None,
            measure=measure,
            port=port,
            number=number,
            id=watch.ids.get(f"{node.site}/{node.name}/{name}"),
        )


class _Derivation(_Design):
    def __init__(self, draft: Draft, network: Network) -> None:
        super().__init__(network)
        self._draft = draft
        self._places = {place.name for place in network.places}
        self._homes = {site: zone.name for zone in reversed(draft.around.zones) for site in zone.sites}
        self._subnets = [
            (ip_network(text), zone.name) for zone in draft.around.zones for text in zone.subnets if _is_network(text)
        ]

    def device(self, node: Node, line: int) -> SnmpDevice | None:
        """The node as a device of its site; None where it is not watched, or cannot be."""
        watch = self._network.watch
        if watch is None or node.watch == _NO or node.site not in self._places:
            return None
        why_not = self._why_not(node)
        if why_not is not None:
            if node.watch and (node.site in self._draft.around.sites or node.watch == _YES):
                self._report(line, node.watch, why_not, "leave it empty, or write no")
            return None
        address = self._address(node, line)
        if address is None or not self._has_own_names(node, line):
            return None
        return self.made(node, watch, address, self._draft.around.reporting.get(node.site, Reporting()))

    def _report(self, line: int, value: object, problem: str, remedy: str, where: str = "watch") -> None:
        self._draft.report("nodes", line, where, value, problem, remedy)

    def _why_not(self, node: Node) -> str | None:
        if node.site not in self._draft.around.sites:
            return "stands at no site, and no gateway could watch it"
        if not node.model.has_snmp:
            return f"{node.model.name} has no SNMP agent, says the catalogue"
        return None if node.addresses else "the node has no address"

    def _address(self, node: Node, line: int) -> Address | None:
        """Where its agent is: what is written, or the one address in the site's zone, or the only one."""
        if node.watch not in {"", _YES}:
            if node.watch in {str(each.address) for each in node.addresses}:
                return next(each.address for each in node.addresses if str(each.address) == node.watch)
            known = ", ".join(str(each.address) for each in node.addresses)
            self._report(line, node.watch, "is none of the node's addresses", f"write yes, no, or one of {known}")
            return None
        home = self._homes.get(node.site, "")
        zones = {each: self._zone_of(each) for each in node.addresses}
        chosen = [each for each, zone in zones.items() if home and zone == home]
        chosen = chosen or [each for each, zone in zones.items() if zone] or list(zones)
        chosen = [each for each in chosen if each.address.version == 4] or chosen
        if len(chosen) == 1:
            return chosen[0].address
        known = " or ".join(str(each.address) for each in chosen)
        problem = "the node has several addresses, and its agent is asked at one"
        self._report(line, node.watch, problem, f"write {known}, or no")
        return None

    def _zone_of(self, each: NodeAddress) -> str:
        vlan = self._network.vlan_by_id.get(each.vlan) if each.vlan is not None else None
        if vlan is not None and vlan.zone:
            return vlan.zone
        held = (zone for subnet, zone in self._subnets if subnet.version == each.address.version and each.address in subnet)
        return next(held, "")

    def _has_own_names(self, node: Node, line: int) -> bool:
        """Whether nothing else of the site has its name, and each of its ports has a name of its own among points."""
        before = True
        if node.name in self._draft.around.taken.get(node.site, ()):
            problem = f"a device of site {node.site} has the name, and the watched node would be one as well"
            self._report(line, node.name, problem, "rename one of them, or write no into the column watch", where="name")
            before = False
        seen: dict[str, str] = {}
        longest = max(map(len, Measure))
        for port in node.ports:
            slug = slug_of(port.name)
            other = seen.setdefault(slug, port.name)
            if other != port.name:
                problem = f"ports {other} and {port.name} would both be {slug} in names of points"
                self._report(line, node.model.name, problem, "name them apart in the catalogue", where="model")
                return False
            if len(f"port-{slug}-") + longest > MOST_NAME:
                problem = f"the name of port {port.name} is too long for names of points"
                self._report(line, node.model.name, problem, "shorten it in the catalogue", where="model")
                return False
        return before


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
