"""The fabric of the network that the folder describes, with the zone of everything that hangs on it.

A zone follows from addresses, not from VLANs: a device in a wrong VLAN is still what it is. Where a device has no address in any subnet of
a zone, it is in that of the host or device of the folder that it is, else of its VLAN, else of its site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tieline.config.network import Network, Node, NodeAddress, Port, Tagging
from tieline.network.segmentation.fabric import Behavior, Endpoint, Fabric, FabricPort, PortKind, fabric
from tieline.security.zones import Plan

ROUTED = 4095
"""In place of a VLAN, within a routed port; the number is reserved in IEEE 802.1Q."""


class Places:
    """In which zone something is."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self._network = network
        self._subnets = [(subnet, zone.name) for zone in plan.zones for subnet in zone.subnets]
        self._devices = {host.name: host.zone for host in plan.hosts if not host.is_implied}
        self._devices |= {device.path: zone.name for zone in plan.zones for device in zone.devices}
        self._sites = {site: zone.name for zone in plan.zones for site in zone.sites}
        self._found: dict[object, str] = {}

    def of_address(self, each: NodeAddress) -> str:
        """Of an address; empty where nobody says."""
        zone = self._found.get(each.network)
        if zone is None:
            named = (name for subnet, name in self._subnets if subnet.version == each.address.version and each.address in subnet)
            vlan = self._network.vlan_by_id.get(each.vlan) if each.vlan is not None else None
            zone = next(named, vlan.zone if vlan is not None else "")
            self._found[each.network] = zone
        return zone

    def of_node(self, node: Node) -> str:
        """Of a device; empty where nobody says."""
        for each in node.addresses:
            if zone := self.of_address(each):
                return zone
        for device in node.devices:
            if zone := self._devices.get(device, ""):
                return zone
        for vlan in sorted(node.vlans) if not node.is_bridge else ():
            known = self._network.vlan_by_id.get(vlan)
            if known is not None and known.zone:
                return known.zone
        return self._sites.get(node.site, "")


def fabric_of(network: Network, plan: Plan) -> Fabric:
    """The fabric."""
    return _Reading(network, Places(network, plan)).fabric()


def address_port(node: Node, each: NodeAddress) -> str:
    """The name of the port within a switch or router behind which its address is."""
    return f"{node.name}/vlan{each.vlan}" if each.vlan is not None else f"{node.name}/{each.port} inside"


class _Reading:
    def __init__(self, network: Network, places: Places) -> None:
        self._network = network
        self._places = places
        self._ports: dict[str, FabricPort] = {}
        self._name: dict[str, str] = {}
        """Of the port or aggregated link, by the path of a port."""
        self._endpoints: list[Endpoint] = []
        hsr = {member for ring in network.rings if ring.protocol == "hsr" for member in ring.members}
        linked = Counter(port.node for link in network.links for port in (link.a, link.b))
        self._passing = {
            node.name
            for node in network.nodes
            if not node.is_bridge
            and linked[node.name] > 1
            and (node.model.layer == 1 or node.kind == "radio" or node.name in hsr)
        }
        """Nodes that pass frames on as they are."""

    def fabric(self) -> Fabric:
        for node in self._network.nodes:
            if node.is_bridge:
                self._add_bridge(node)
            elif node.name in self._passing:
                self._add_passing(node)
        links: dict[tuple[str, str], None] = {}
        for link in self._network.links:
            if "disabled" in (link.a.mode, link.b.mode):
                continue
            a, b = self._name.get(link.a.path), self._name.get(link.b.path)
            if a is None and b is None:
                a, b = self._add_direct(link.a, link.name), self._add_direct(link.b, link.name)
                self._hang(link.a, a)
                self._hang(link.b, b)
            elif a is not None and b is not None:
                links[a, b] = None
            elif a is not None:
                self._hang(link.b, a)
            elif b is not None:
                self._hang(link.a, b)
        return fabric(self._ports.values(), links, self._endpoints)

    def _add(self, port: FabricPort) -> None:
        self._ports.setdefault(port.name, port)

    def _add_bridge(self, node: Node) -> None:
        behavior = behavior_of(node.model.tagging)
        for port in node.ports:
            made = fabric_port(node, port, behavior)
            if made is not None:
                self._name[port.path] = made.name
                self._add(made)
        for each in node.addresses:
            inside = address_port(node, each)
            if each.vlan is not None:
                own = FabricPort(name=inside, bridge=node.name, kind=PortKind.ACCESS, vlan=each.vlan)
            else:
                own = FabricPort(name=inside, bridge=f"{node.name}/{each.port}", kind=PortKind.ACCESS, vlan=ROUTED)
            self._add(own)
            self._endpoints.append(Endpoint(port=own.name, device=node.name, zone=self._places.of_address(each), is_own=True))

    def _add_passing(self, node: Node) -> None:
        for port in node.ports:
            self._name[port.path] = port.path
            self._add(FabricPort(name=port.path, bridge=node.name, kind=PortKind.OPAQUE))
        if node.model.layer != 1 and node.kind != "radio":
            inside = f"{node.name} inside"
            self._add(FabricPort(name=inside, bridge=node.name, kind=PortKind.OPAQUE))
            self._endpoints.append(Endpoint(port=inside, device=node.name, zone=self._places.of_node(node)))

    def _add_direct(self, port: Port, link: str) -> str:
        self._add(FabricPort(name=port.path, bridge=f"link {link}", kind=PortKind.OPAQUE))
        return port.path

    def _hang(self, port: Port, at: str) -> None:
        """What is behind a port of a device, at the port of the fabric that it is plugged into."""
        node = self._network.by_name[port.node]
        self._endpoints.extend(_of_device(node, port, at, self._places))


def _of_device(node: Node, port: Port, at: str, places: Places) -> Iterator[Endpoint]:
    own = places.of_node(node)
    here = [each for each in node.addresses if each.port in ("", port.name)]
    zones = {each.vlan: places.of_address(each) for each in here if each.vlan in port.tagged}
    yield from (Endpoint(port=at, device=node.name, zone=zone, tag=vlan) for vlan, zone in zones.items() if zone)
    named = next((zone for each in here if each.port == port.name and (zone := places.of_address(each))), own)
    yield Endpoint(port=at, device=node.name, zone=named)


def behavior_of(said: Tagging) -> Behavior:
    """What the catalogue says of a model."""
    return Behavior(
        access_tagged=said.access_tagged,
        ingress_filtering=said.ingress_filtering,
        native_tagged=said.native_tagged,
        native_egress=said.native_egress,
        priority_tagged=said.priority_tagged,
        trunk_untagged=said.trunk_untagged,
        second_tag=said.second_tag,
        access_inner=said.access_inner,
        most_tags=said.most_tags,
    )


def fabric_port(node: Node, port: Port, behavior: Behavior | None = None) -> FabricPort | None:
    """A port of a switch or router; None where it passes nothing."""
    behavior = behavior or behavior_of(node.model.tagging)
    name = f"{node.name}/{port.lag}" if port.lag else port.path
    match port.mode:
        case "access":
            return FabricPort(name=name, bridge=node.name, kind=PortKind.ACCESS, vlan=port.native, behavior=behavior)
        case "trunk" | "hybrid":
            return FabricPort(
                name=name, bridge=node.name, kind=PortKind.TRUNK, vlan=port.native, allowed=port.allowed, behavior=behavior
            )
        case "routed":
            strict = Behavior(access_tagged="drop")
            return FabricPort(name=name, bridge=name, kind=PortKind.ACCESS, vlan=ROUTED, behavior=strict)
        case _:
            return None
