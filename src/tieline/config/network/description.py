"""The communications network as `network/` describes it, resolved: every node has its model, every port its VLANs, every link its two ends.

Names are unique: of nodes through all sites, of ports within their node, of links, supplies, ducts, services and rings. A port is written
`node/port`. VLANs of a port that carries none, such as that of a media converter, are empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

from tieline.config.network.catalog import Cable, Catalog, Cell, Connector, Model, NodeKind, PortMedium, Transceiver
from tieline.config.services import Ports
from tieline.config.snmp import Watch

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network
PortMode = Literal["access", "trunk", "hybrid", "routed", "disabled", "host"]
"""`host` is the port of a device that does not bridge: it takes the VLANs that the other end gives it."""
LinkMedium = Literal["copper", "fiber", "radio", "internal"]
RingProtocol = Literal["rstp", "mrp", "hsr", "prp", "lacp", "dual_homing"]
SupplyKind = Literal["dc", "ac", "battery", "converter"]
ServiceKind = Literal[
    "goose",
    "sv",
    "mms",
    "dnp3",
    "iec104",
    "modbus",
    "synchrophasor",
    "ptp",
    "ntp",
    "video",
    "access_control",
    "ami",
    "voice",
    "syslog",
    "snmp",
    "bus",
    "teleprotection",
    "other",
]
TransferClass = Literal["TT0", "TT1", "TT2", "TT3", "TT4", "TT5", "TT6"]
TRANSFER_MS: Mapping[TransferClass, float | None] = {
    "TT0": None,
    "TT1": 1000.0,
    "TT2": 500.0,
    "TT3": 100.0,
    "TT4": 20.0,
    "TT5": 10.0,
    "TT6": 3.0,
}
"""Transfer time classes of IEC 61850-5:2013, table 1, in ms; TT0 has more than a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where nodes stand that is no site of the utility: the control center's building, a repeater on a hill."""

    name: str
    title: str
    is_site: bool
    """Whether it is a folder in `sites/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlan:
    """A VLAN of the utility."""

    id: int
    name: str
    zone: str
    """Of `utility.toml`; empty where it belongs to none, as the native VLAN of trunks or one between routers."""
    subnet: Subnet | None = None
    gateway: Address | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QosClass:
    """A class of traffic in the queues of every switch."""

    name: str
    pcp: tuple[int, ...]
    """Priority code points of IEEE 802.1Q that belong to it."""
    queue: int
    """0 is the lowest."""
    weight: float | None = None
    """Its share among the weighted queues; None for strict priority, served before all weighted ones, the highest queue first."""


@lru_cache(maxsize=65_536)
def _subnet(address: Address, prefix: int) -> Subnet:
    """Kept, for the proofs ask for the same ones again and again."""
    kind = IPv4Network if isinstance(address, IPv4Address) else IPv6Network
    return kind((address, prefix), strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """An address of a node, and where it has it."""

    address: Address
    prefix: int
    vlan: int | None
    """None on a routed port."""
    port: str = ""
    """The routed port; empty for the node's interface in that VLAN."""

    @property
    def network(self) -> Subnet:
        """The subnet that it stands in."""
        return _subnet(self.address, self.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoePort:
    """That a port feeds the device at its other end."""

    highest_class: int
    priority: Literal["critical", "high", "low"] = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of a node."""

    node: str
    name: str
    medium: PortMedium
    connector: Connector
    speeds_mbps: tuple[int, ...]
    """Those it can have, lowest first; one where it is set."""
    optics: str
    """Built in; empty otherwise."""
    mode: PortMode
    native: int | None = None
    """The VLAN that frames without a tag are taken for; None where there is none. They pass only where it is among `allowed`."""
    allowed: frozenset[int] = frozenset()
    """VLANs that pass: of an access port its own; of a trunk, the native one without a tag; of a host those that it tags itself."""
    lag: str = ""
    poe: PoePort | None = None
    description: str = ""
    is_listed: bool = False
    """Whether it has a row in ports.csv."""

    @property
    def path(self) -> str:
        """`node/port`."""
        return f"{self.node}/{self.name}"

    @property
    def tagged(self) -> frozenset[int]:
        """Those that pass with a tag."""
        return self.allowed - {self.native}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A switch, a router, or a device with a connection to the network."""

    name: str
    site: str
    """A site or a place."""
    rack: str
    kind: NodeKind
    model: Model
    ports: tuple[Port, ...]
    vlans: frozenset[int]
    """Those that it knows; of a device that does not bridge, those of its addresses."""
    addresses: tuple[NodeAddress, ...] = ()
    supplies: tuple[str, ...] = ()
    """Those that feed it, each of them alone enough."""
    powered_by: str = ""
    """`node/port` that feeds it over PoE; empty where none does."""
    devices: tuple[str, ...] = ()
    """What it is elsewhere in the folder: hosts of utility.toml by name, devices as `site/device`."""
    outdoor: bool = False
    watch: str = ""
    """`no`, `yes`, or the address of its agent; empty where it is watched if it can be."""
    firmware: str = ""
    """What it should run; empty where nobody says."""
    description: str = ""
    _by_name: dict[str, Port] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._by_name.update((port.name, port) for port in self.ports)

    def port(self, name: str) -> Port:
        """The port of that name. Raises `KeyError`."""
        return self._by_name[name]

    @property
    def is_bridge(self) -> bool:
        """Whether frames pass from one of its ports to another."""
        return self.model.is_bridge

    @property
    def is_router(self) -> bool:
        """Whether packets pass from one of its subnets to another: its model routes, and it is in two at least."""
        return self.model.layer == 3 and len({each.network for each in self.addresses}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What joins two ports."""

    name: str
    a: Port
    b: Port
    medium: LinkMedium
    cable: Cable | None
    """None for radio and what is internal."""
    length_m: float
    speed_mbps: float
    """What both ends and the medium agree on."""
    splices: int = 0
    connectors: int = 0
    """Mated pairs between transmitter and receiver."""
    db_per_km: float | None = None
    """Measured or guaranteed, in place of the cable's."""
    extra_db: float = 0.0
    """Splitters, attenuators, what else there is."""
    optics_a: Transceiver | None = None
    """Put in or built in; None for copper without."""
    optics_b: Transceiver | None = None
    ducts: tuple[str, ...] = ()
    delay_us: float | None = None
    """Of a radio or leased link, one way; None follows from the length."""
    description: str = ""

    @property
    def nodes(self) -> tuple[str, str]:
        """The names of the nodes at its ends."""
        return self.a.node, self.b.node

    def other(self, node: str) -> Port:
        """The port at the end that is not this node's."""
        return self.b if self.a.node == node else self.a


@dataclass(frozen=True, slots=True, kw_only=True)
class Duct:
    """What several links run through, and are lost with: a duct, a tower, a leased circuit's provider (a shared risk group)."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AclEntry:
    """A line of an access list; the first that fits decides."""

    node: str
    interface: str
    """`vlan11`, or a routed port; empty for everything that the node routes."""
    direction: Literal["in", "out"]
    sources: tuple[Subnet, ...]
    """Empty for any."""
    targets: tuple[Subnet, ...]
    protocol: Literal["any", "tcp", "udp", "icmp"]
    ports: tuple[Ports, ...]
    """Where the target listens; empty for any."""
    is_reply: bool
    """Whether it fits what comes back: `ports` are then the source's."""
    action: Literal["permit", "deny"]
    description: str = ""
    line: int = field(default=0, compare=False)
    """In acls.csv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route."""

    node: str
    target: Subnet
    via: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A part of a battery's duty besides the network: a current over a time."""

    current_a: float
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What feeds nodes, or other supplies."""

    name: str
    site: str
    kind: SupplyKind
    voltage_v: float
    capacity_w: float | None = None
    """What it can give continuously; None where nothing limits it."""
    fed_by: tuple[str, ...] = ()
    """Supplies, each of them alone enough; empty for a source of its own."""
    efficiency: float = 1.0
    """Of a converter: output by input."""
    cell: Cell | None = None
    cells: int = 0
    """In series."""
    capacity_ah: float | None = None
    """Rated, of the battery."""
    autonomy_h: float | None = None
    """For how long it has to carry what it feeds."""
    duty: tuple[Load, ...] = ()
    temperature_c: float = 25.0
    """The lowest of the electrolyte."""
    design_margin: float = 1.1
    aging_factor: float = 1.25
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Redundancy: which nodes belong together, and by which protocol."""

    name: str
    protocol: RingProtocol
    members: tuple[str, ...]
    """Of a ring in its order; of PRP the end nodes that are attached to both LANs."""
    lan_a: tuple[str, ...] = ()
    """The switches of a PRP network's LAN A."""
    lan_b: tuple[str, ...] = ()
    root: str = ""
    """Of RSTP the root bridge, of MRP the manager."""
    secondary_root: str = ""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """Bridge priorities where they are not the default 32768."""
    recovery_ms: float | None = None
    """Longest interruption that the protocol is relied on for; None takes the protocol's own."""
    hello_s: float = 2.0
    max_age_s: float = 20.0
    forward_delay_s: float = 15.0
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that the network has to carry: from each of its sources to each of its targets."""

    name: str
    kind: ServiceKind
    sources: tuple[str, ...]
    """Nodes."""
    targets: tuple[str, ...]
    vlan: int | None
    """None where it is routed: each end is in its own."""
    qos: QosClass | None
    transfer_class: TransferClass | None
    max_delay_ms: float | None
    """Written, or of the transfer time class; None where it may take its time."""
    redundancy: Literal["none", "any_link", "any_node", "any_duct", "any"] = "none"
    """What it has to survive the loss of; `any` is each of link, node, supply and duct."""
    max_outage_ms: float | None = None
    """Longest interruption while redundancy takes over; 0 needs PRP or HSR."""
    frame_octets: int | None = None
    """On the wire, without preamble and gap; None where the kind's own model says."""
    frames_per_s: float | None = None
    burst_frames: float | None = None
    """So many at once."""
    rate_kbps: float | None = None
    svid_octets: int | None = None
    """Length of the name of a sampled value stream."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds where nothing else is said."""

    fiber_margin_db: float = 3.0
    """Kept free for ageing and repairs."""
    ambient_c: tuple[float, float] = (0.0, 40.0)
    """Lowest and highest indoors."""
    outdoor_c: tuple[float, float] = (-25.0, 55.0)
    """Lowest and highest outdoors, within an enclosure in the sun."""
    frequency_hz: Literal[50, 60] = 50
    native_vlan: int = 1
    """Of trunks, and of access ports without a VLAN."""
    poe_margin: float = 0.1
    """Share of a PoE budget that is kept free."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """The communications network of a utility, without a mistake."""

    defaults: Defaults
    catalog: Catalog
    places: tuple[Place, ...]
    """Sites first, then places."""
    vlans: tuple[Vlan, ...]
    classes: tuple[QosClass, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    ducts: tuple[Duct, ...] = ()
    acls: tuple[AclEntry, ...] = ()
    """In the order of the file, which is that in which a node looks at its own."""
    routes: tuple[Route, ...] = ()
    supplies: tuple[Supply, ...] = ()
    rings: tuple[Ring, ...] = ()
    services: tuple[Service, ...] = ()
    watch: Watch | None = None
    """None where nothing is watched."""

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """The nodes."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def vlan_by_id(self) -> Mapping[int, Vlan]:
        """The VLANs."""
        return {vlan.id: vlan for vlan in self.vlans}

    @cached_property
    def link_of(self) -> Mapping[str, Link]:
        """The link of each port that has one, by `node/port`."""
        return {port.path: link for link in self.links for port in (link.a, link.b)}

    @cached_property
    def links_of(self) -> Mapping[str, tuple[Link, ...]]:
        """The links of each node, by its name; every node is there."""
        found: dict[str, list[Link]] = {node.name: [] for node in self.nodes}
        for link in self.links:
            found[link.a.node].append(link)
            if link.b.node != link.a.node:
                found[link.b.node].append(link)
        return {name: tuple(links) for name, links in found.items()}

    @cached_property
    def supply_by_name(self) -> Mapping[str, Supply]:
        """The supplies."""
        return {supply.name: supply for supply in self.supplies}

    @cached_property
    def owner_of(self) -> Mapping[Address, Node]:
        """The node that has an address."""
        return {each.address: node for node in self.nodes for each in node.addresses}

    @cached_property
    def acls_of(self) -> Mapping[str, tuple[AclEntry, ...]]:
        """The access list of each node that has one."""
        found: dict[str, list[AclEntry]] = {}
        for entry in self.acls:
            found.setdefault(entry.node, []).append(entry)
        return {name: tuple(entries) for name, entries in found.items()}

    @cached_property
    def node_of_device(self) -> Mapping[str, Node]:
        """The node that a host (`northgate-gw`) or device (`northgate/rtu-1`) of the folder is."""
        return {device: node for node in self.nodes for device in node.devices}

    def ports(self) -> Iterator[Port]:
        """Every port of every node."""
        return (port for node in self.nodes for port in node.ports)

    def is_denied_by_default(self, node: Node) -> bool:
        """Whether a packet that no line of the node's access list fits is dropped: on a firewall always, elsewhere behind any list."""
        return node.kind == "firewall" or node.name in self.acls_of
