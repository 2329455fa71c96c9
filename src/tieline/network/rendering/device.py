"""What a switch or router has to be told, settled once for all targets: ports, VLANs, interfaces, access lists, the tree, classes.

A port that no link uses, or that is disabled, is parked: shut down, in a VLAN that nothing else is in. A trunk without a native VLAN gets
one that no zone uses (`VlanIntent.native_vlan`), and does not let it pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.config.network import AclEntry, Address, Network, Node, NodeAddress, Port, QosClass, Ring, Route
from tieline.config.network.catalog import expand_names
from tieline.config.snmp import Watch
from tieline.model import subjects
from tieline.network.redundancy.spanning_tree import DEFAULT_PRIORITY, priority_of
from tieline.network.rendering.access_lists import AccessList, Conduits, access_lists
from tieline.security.zones import Plan

_PARKING = 998
_LAST_VLAN = 4094


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePort:
    """A port, and what it is used for."""

    port: Port
    is_used: bool
    """Whether a link ends here, and frames pass; otherwise it is parked."""
    is_edge: bool
    """Whether what hangs here does not bridge."""
    other: str
    """The far end, `node/port`; empty where there is none."""
    speed_mbps: int | None
    """Where it is set to one of those that the model has."""
    fastest_mbps: int
    """What the model's port can have."""
    can_feed: bool
    """Whether the model's port feeds devices."""
    feeds: bool
    """Whether a device lives from it."""

    @property
    def words(self) -> str:
        """For the description that the device shows."""
        to = f"to {self.other}" if self.other else "unused"
        return to if not self.port.description else f"{to}: {self.port.description}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where the node has an address of its own."""

    name: str
    """`vlan11`, or the routed port."""
    vlan: int | None
    addresses: tuple[NodeAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Everything that its configuration says."""

    utility: str
    node: Node
    ports: tuple[DevicePort, ...]
    lags: Mapping[str, tuple[DevicePort, ...]]
    """Members by the group's name; groups with a member in use that is not routed."""
    vlans: Mapping[int, str]
    """Those that it has to know, with their names."""
    native: int
    """For trunks without one of their own; no zone uses it."""
    parking: int
    interfaces: tuple[Interface, ...]
    lists: tuple[AccessList, ...]
    is_denied_by_default: bool
    routes: tuple[Route, ...]
    gateway: Address | None
    """Of a switch for its own address."""
    tree: Ring | None
    """The RSTP ring that it is in; of several, the first."""
    priority: int
    """Of the bridge, the lowest of its rings."""
    classes: tuple[QosClass, ...]
    watch: Watch | None
    """How it is watched; None where it is not."""
    told: Address | None
    """The site's gateway, which its notifications and syslog go to; None where that has no address."""

    @property
    def used(self) -> Iterator[DevicePort]:
        """Ports that are not parked."""
        return (port for port in self.ports if port.is_used)

    @property
    def bridged(self) -> Iterator[DevicePort]:
        """Of these, those that frames of VLANs pass."""
        return (each for each in self.used if each.port.mode in {"access", "trunk", "hybrid"})

    def native_of(self, port: Port) -> int:
        """The native VLAN of a trunk."""
        return self.native if port.native is None else port.native


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRendered:
    """What the configuration does not say, though the description does."""

    node: str
    subject: str
    problem: str


def devices_of(network: Network, plan: Plan, native: int, zone_vlans: frozenset[int], conduits: Conduits) -> Iterator[Device]:
    """The switches, routers and firewalls of the network, settled."""
    gateways = {role: host.addresses[0] for host in plan.hosts if host.addresses for role in host.roles}
    taken = {*network.vlan_by_id, *zone_vlans, native, network.defaults.native_vlan}
    parking = next(vlan for vlan in (_PARKING, *range(_LAST_VLAN, 1, -1)) if vlan not in taken)
    trees: dict[str, list[Ring]] = {}
    for ring in network.rings:
        if ring.protocol == "rstp":
            for member in ring.members:
                trees.setdefault(member, []).append(ring)
    for node in network.nodes:
        if not node.is_bridge:
            continue
        ports = tuple(_ports(network, node))
        interfaces = tuple(_interfaces(node))
        yield Device(
            utility=plan.utility,
            node=node,
            ports=ports,
            lags=_lags(ports),
            vlans={vlan: network.vlan_by_id[vlan].name for vlan in sorted(node.vlans) if vlan in network.vlan_by_id},
            native=native,
            parking=parking,
            interfaces=interfaces,
            lists=tuple(access_lists(_entries(network, node), [each.name for each in interfaces], conduits))
            if node.is_router
            else (),
            is_denied_by_default=node.is_router and network.is_denied_by_default(node),
            routes=tuple(route for route in network.routes if route.node == node.name),
            gateway=None if node.is_router else _gateway(network, interfaces),
            tree=next(iter(trees.get(node.name, ())), None),
            priority=min((priority_of(ring, node.name) for ring in trees.get(node.name, ())), default=DEFAULT_PRIORITY),
            classes=tuple(sorted(network.classes, key=lambda each: each.queue)),
            watch=network.watch if node.model.has_snmp and node.addresses and node.watch != "no" else None,
            told=gateways.get(subjects.edge_role(node.site)),
        )


def _entries(network: Network, node: Node) -> Sequence[AclEntry]:
    return network.acls_of.get(node.name, ())


def _ports(network: Network, node: Node) -> Iterator[DevicePort]:
    fastest = {name: max(group.speeds_mbps) for group in node.model.ports for name in expand_names(group.names)}
    feeding = {name for group in node.model.ports if group.poe_class is not None for name in expand_names(group.names)}
    several = {name for group in node.model.ports if len(group.speeds_mbps) > 1 for name in expand_names(group.names)}
    for port in node.ports:
        link = network.link_of.get(port.path)
        other = None if link is None else (link.b if link.a.path == port.path else link.a)
        yield DevicePort(
            port=port,
            is_used=other is not None and port.mode != "disabled",
            is_edge=other is not None
            and not network.by_name[other.node].is_bridge
            and network.by_name[other.node].model.layer > 1,
            other="" if other is None else other.path,
            speed_mbps=port.speeds_mbps[0] if len(port.speeds_mbps) == 1 and port.name in several else None,
            fastest_mbps=fastest[port.name],
            can_feed=port.name in feeding,
            feeds=other is not None and network.by_name[other.node].powered_by == port.path,
        )


def _lags(ports: Sequence[DevicePort]) -> dict[str, tuple[DevicePort, ...]]:
    found: dict[str, list[DevicePort]] = {}
    for each in ports:
        if each.port.lag and each.is_used and each.port.mode != "routed":
            found.setdefault(each.port.lag, []).append(each)
    return {name: tuple(members) for name, members in found.items()}


def _interfaces(node: Node) -> Iterator[Interface]:
    found: dict[str, list[NodeAddress]] = {}
    for each in node.addresses:
        found.setdefault(f"vlan{each.vlan}" if each.vlan is not None else each.port, []).append(each)
    for name, addresses in found.items():
        yield Interface(name=name, vlan=addresses[0].vlan, addresses=tuple(addresses))


def _gateway(network: Network, interfaces: Sequence[Interface]) -> Address | None:
    vlans = (network.vlan_by_id[each.vlan] for each in interfaces if each.vlan is not None and each.vlan in network.vlan_by_id)
    known = (vlan.gateway for vlan in vlans)
    return next((gateway for gateway in known if gateway is not None), None)
