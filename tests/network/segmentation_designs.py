"""Random designs without a leak, and faults to put into them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

from tieline.config.network import (
    AclEntry,
    Defaults,
    Link,
    Network,
    Node,
    NodeAddress,
    Port,
    Service,
    Tagging,
    Vlan,
    standard_catalog,
)
from tieline.config.network.description import PortMode
from tieline.config.services import SERVICES, Ports
from tieline.security.zones.plan import Conduit, Plan, Zone

CATALOG = standard_catalog()
NATIVE, DMZ, CENTER = 999, 40, 42


@dataclass
class Draft:
    """A design in the making."""

    seed: int
    sites: int = 0
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    acls: list[AclEntry] = field(default_factory=list)
    vlans: list[Vlan] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    plan: Plan = field(default_factory=lambda: Plan(utility="random", zones=(), conduits=()))

    def network(self) -> Network:
        ports = {port.path: port for node in self.nodes.values() for port in node.ports}
        return Network(
            defaults=Defaults(native_vlan=NATIVE),
            catalog=CATALOG,
            places=(),
            vlans=tuple(self.vlans),
            classes=(),
            nodes=tuple(self.nodes.values()),
            links=tuple(replace(link, a=ports[link.a.path], b=ports[link.b.path]) for link in self.links),
            acls=tuple(replace(entry, line=number) for number, entry in enumerate(self.acls, 2)),
            services=tuple(self.services),
        )

    def set_port(self, path: str, **values: object) -> None:
        name, _, port = path.partition("/")
        node = self.nodes[name]
        ports = tuple(replace(each, **values) if each.name == port else each for each in node.ports)  # type: ignore[arg-type]
        self.nodes[name] = replace(node, ports=ports, _by_name={})

    def set_tagging(self, name: str, **values: object) -> None:
        node = self.nodes[name]
        tagging = node.model.tagging.model_copy(update=values)
        self.nodes[name] = replace(node, model=node.model.model_copy(update={"tagging": tagging}), _by_name={})

    def port(self, path: str) -> Port:
        name, _, port = path.partition("/")
        return self.nodes[name].port(port)

    def other(self, path: str) -> str:
        """The port at the other end of the link."""
        return next((link.b if link.a.path == path else link.a).path for link in self.links if path in (link.a.path, link.b.path))

    def edges(self, zone: str) -> list[str]:
        """Ports of switches that have a device of the zone."""
        devices = [name for name in self.nodes if name.startswith(f"{zone}-d")]
        return [self.other(f"{name}/1") for name in devices]


def _port(node: str, name: str, mode: PortMode, native: int | None, allowed: set[int]) -> Port:
    return Port(
        node=node,
        name=name,
        medium="copper",
        connector="rj45",
        speeds_mbps=(100,),
        optics="",
        mode=mode,
        native=native,
        allowed=frozenset(allowed),
    )


def access(node: str, name: str, vlan: int) -> Port:
    return _port(node, name, "access", vlan, {vlan})


def trunk(node: str, name: str, vlans: set[int], native: int | None = NATIVE) -> Port:
    return _port(node, name, "trunk", native, vlans)


def _address(text: str, vlan: int | None, port: str = "") -> NodeAddress:
    address, _, prefix = text.partition("/")
    return NodeAddress(address=ip_address(address), prefix=int(prefix or 24), vlan=vlan, port=port)


def clean(seed: int) -> Draft:
    """Sites of one to four switches with three zones, each site behind a router, and a core with DMZ and center."""
    chance = random.Random(seed)
    draft = Draft(seed, chance.randint(1, 3))
    zones: list[Zone] = []
    conduits: list[Conduit] = []

    def zone(name: str, subnet: str, vlan: int) -> None:
        zones.append(
            Zone(
                name=name,
                kind="substation",
                sites=(),
                security_level=2,
                description="",
                subnets=(ip_network(subnet),),
                vlans=(vlan,),
                hosts=(),
                devices=(),
            )
        )
        draft.vlans.append(Vlan(id=vlan, name=name, zone=name, subnet=ip_network(subnet)))

    def conduit(source: str, target: str, protocol: str, port: int) -> None:
        conduits.append(
            Conduit(
                id=f"{source}-{target}-{protocol}",
                source=source,
                target=target,
                service=SERVICES[protocol],
                ports=(Ports("tcp", port, port),),
                direction="both",
                reason="",
                owner="",
                source_members=(),
                target_members=(),
            )
        )

    def line(node: str, interface: str, source: str, target: str, ports: int | None, action: str, *, reply: bool = False) -> None:
        draft.acls.append(
            AclEntry(
                node=node,
                interface=interface,
                direction="in",
                sources=(ip_network(source),) if source else (),
                targets=(ip_network(target),) if target else (),
                protocol="tcp" if ports else "any",
                ports=(Ports("tcp", ports, ports),) if ports else (),
                is_reply=reply,
                action="permit" if action == "permit" else "deny",
            )
        )

    def add(node: Node) -> None:
        draft.nodes[node.name] = node

    def join(a: Port, b: Port) -> None:
        draft.links.append(Link(name=f"l{len(draft.links)}", a=a, b=b, medium="copper", cable=None, length_m=1.0, speed_mbps=100))

    def device(name: str, at: Port, address: str, vlan: int) -> None:
        port = _port(name, "1", "host", None, set())
        add(
            Node(
                name=name,
                site="",
                rack="",
                kind="controller",
                model=CATALOG.models["generic-controller"],
                ports=(port,),
                vlans=frozenset({vlan}),
                addresses=(_address(address, vlan),),
            )
        )
        join(port, at)

    zone("dmz", "10.40.0.0/24", DMZ)
    zone("center", "10.42.0.0/24", CENTER)
    is_stateful = chance.random() < 0.5
    router_model = CATALOG.models["generic-firewall-6t-2sfp" if is_stateful else "generic-router-4t-2sfp"]
    core_ports = [access("core", "dmz", DMZ), access("core", "center", CENTER)]
    core_addresses = [_address("10.40.0.1", DMZ), _address("10.42.0.1", CENTER)]
    conduit("center", "dmz", "ssh", 22)
    line("core", "vlan42", "10.42.0.0/24", "10.40.0.0/24", 22, "permit")
    line("core", "vlan40", "10.40.0.0/24", "10.42.0.0/24", 22, "permit", reply=True)
    for site in range(draft.sites):
        name, base = f"s{site}", 100 + 10 * site
        control, cameras, management = base, base + 1, base + 2
        own = {control, cameras, management}
        nets = {vlan: f"10.1.{vlan}." for vlan in own}
        for label, vlan in ((f"{name}-control", control), (f"{name}-cameras", cameras), (f"{name}-management", management)):
            zone(label, f"{nets[vlan]}0/24", vlan)
        conduit(f"{name}-control", "dmz", "bus", 7422)
        conduit(f"{name}-cameras", "dmz", "https", 443)
        router = f"{name}-fw"
        line(router, f"vlan{control}", f"{nets[control]}0/24", "10.40.0.0/24", 7422, "permit")
        line(router, f"vlan{cameras}", f"{nets[cameras]}0/24", "10.1.0.0/16", None, "deny")
        line(router, f"vlan{cameras}", f"{nets[cameras]}0/24", "10.42.0.0/24", None, "deny")
        line(router, f"vlan{cameras}", f"{nets[cameras]}0/24", "", 443, "permit")
        line(router, f"vlan{management}", "", "", None, "deny")
        line("core", f"to-{name}", f"{nets[control]}0/24", "10.40.0.0/24", 7422, "permit")
        line("core", f"to-{name}", f"{nets[cameras]}0/24", "10.40.0.0/24", 443, "permit")
        line(router, "wan", "10.40.0.0/24", f"{nets[control]}0/24", 7422, "permit", reply=True)
        line(router, "wan", "10.40.0.0/24", f"{nets[cameras]}0/24", 443, "permit", reply=True)
        line("core", "vlan40", "10.40.0.0/24", f"{nets[control]}0/24", 7422, "permit", reply=True)
        line("core", "vlan40", "10.40.0.0/24", f"{nets[cameras]}0/24", 443, "permit", reply=True)
        wan = _port(router, "wan", "routed", None, set())
        core_wan = _port("core", f"to-{name}", "routed", None, set())
        inside = trunk(router, "1", own)
        add(
            Node(
                name=router,
                site="",
                rack="",
                kind=router_model.kind,
                model=router_model,
                ports=(inside, wan),
                vlans=frozenset(own),
                addresses=(
                    *(_address(f"{nets[vlan]}1", vlan) for vlan in sorted(own)),
                    _address(f"10.255.{site}.2/30", None, "wan"),
                ),
            )
        )
        core_ports.append(core_wan)
        core_addresses.append(_address(f"10.255.{site}.1/30", None, f"to-{name}"))
        join(wan, core_wan)
        switches = [f"{name}-sw{number}" for number in range(chance.randint(2, 4))]
        of_switch: dict[str, list[Port]] = {switch: [] for switch in switches}

        def trunk_at(switch: str, number: int, ports: dict[str, list[Port]] = of_switch, vlans: set[int] = own) -> Port:
            native = NATIVE if chance.random() < 0.7 else None
            ports[switch].append(trunk(switch, f"t{number}", vlans, native))
            return ports[switch][-1]

        join(inside, trunk_at(switches[0], 0))
        pairs = [(number, chance.randrange(number)) for number in range(1, len(switches))]
        if len(switches) > 2 and chance.random() < 0.5:
            pairs.append((0, len(switches) - 1))
        for number, (a, b) in enumerate(pairs, 1):
            join(trunk_at(switches[a], number), trunk_at(switches[b], number))
        count = dict.fromkeys(own, 0)
        wanted = [control, control, cameras, cameras, *(chance.choice(sorted(own)) for _ in range(chance.randint(2, 6)))]
        for number, vlan in enumerate(wanted):
            switch = switches[number % len(switches)]
            at = access(switch, f"e{number}", vlan)
            of_switch[switch].append(at)
            label = {control: "control", cameras: "cameras", management: "management"}[vlan]
            device(f"{name}-{label}-d{count[vlan]}", at, f"{nets[vlan]}{10 + count[vlan]}", vlan)
            count[vlan] += 1
        draft.services.append(
            Service(
                name=f"{name}-polls",
                kind="modbus",
                sources=(f"{name}-control-d0",),
                targets=(f"{name}-control-d1",),
                vlan=control,
                qos=None,
                transfer_class=None,
                max_delay_ms=None,
            )
        )
        for number, switch in enumerate(switches):
            tagging = Tagging(
                access_tagged=chance.choice(["drop", "own_vlan"]),
                ingress_filtering=chance.random() < 0.8,
                native_tagged=chance.choice(["accept", "drop"]),
                native_egress=chance.choice(["untagged", "tagged"]),
                priority_tagged=chance.choice(["native", "drop"]),
                trunk_untagged=chance.choice(["native", "drop"]),
            )
            add(
                Node(
                    name=switch,
                    site="",
                    rack="",
                    kind="switch",
                    model=CATALOG.models["generic-ie-16t-4sfp"].model_copy(update={"tagging": tagging}),
                    ports=tuple(of_switch[switch]),
                    vlans=frozenset(own),
                    addresses=(_address(f"{nets[management]}{200 + number}", management),),
                )
            )
    add(
        Node(
            name="core",
            site="",
            rack="",
            kind=router_model.kind,
            model=router_model,
            ports=tuple(core_ports),
            vlans=frozenset({DMZ, CENTER}),
            addresses=tuple(core_addresses),
        )
    )
    device("dmz-d0", core_ports[0], "10.40.0.2", DMZ)
    device("center-d0", core_ports[1], "10.42.0.2", CENTER)
    draft.plan = Plan(utility="random", zones=tuple(zones), conduits=tuple(conduits))
    return draft


@dataclass(frozen=True)
class Fault:
    """Something wrong in a design."""

    name: str
    put: Callable[[Draft], None]
    pairs: frozenset[tuple[str, str]]
    """Any of which has to be found: from zone to zone of site 0."""


_CONTROL, _CAMERAS, _MANAGEMENT = 100, 101, 102


def _hop(draft: Draft) -> str:
    """Makes a switch with a camera one that lets a frame of two tags in, and gives back its trunk."""
    edge = draft.edges("s0-cameras")[0]
    switch = edge.partition("/")[0]
    draft.set_tagging(switch, access_tagged="own_vlan", native_egress="untagged", native_tagged="accept")
    return next(port.path for port in draft.nodes[switch].ports if port.mode == "trunk")


def _native_equals_zone(draft: Draft) -> None:
    at = _hop(draft)
    for path in (at, draft.other(at)):
        draft.set_port(path, native=_CAMERAS)


def _native_at_one_end(draft: Draft) -> None:
    draft.set_port(_hop(draft), native=_CAMERAS)


def _priority_on_top(draft: Draft) -> None:
    at = _hop(draft)
    draft.set_tagging(at.partition("/")[0], access_tagged="drop", priority_tagged="native")
    draft.set_port(at, native=_CAMERAS)


def _trunk_at_device(draft: Draft) -> None:
    at = draft.edges("s0-cameras")[0]
    draft.set_tagging(at.partition("/")[0], native_tagged="accept")
    draft.set_port(at, mode="trunk", native=_CAMERAS, allowed=frozenset({_CONTROL, _CAMERAS, _MANAGEMENT}))


def _no_filter(draft: Draft) -> None:
    at = draft.edges("s0-cameras")[0]
    draft.set_tagging(at.partition("/")[0], ingress_filtering=False)
    draft.set_port(at, mode="trunk", native=_CAMERAS, allowed=frozenset({_CAMERAS}))


def _believes_tags(draft: Draft) -> None:
    draft.set_tagging(draft.edges("s0-cameras")[0].partition("/")[0], access_tagged="any")


def _wrong_vlan(draft: Draft) -> None:
    draft.set_port(draft.edges("s0-cameras")[0], native=_CONTROL, allowed=frozenset({_CONTROL}))


def _management(draft: Draft) -> None:
    draft.set_port(draft.edges("s0-control")[0], native=_MANAGEMENT, allowed=frozenset({_MANAGEMENT}))


def _cables(draft: Draft) -> None:
    a, b = draft.edges("s0-cameras")[0], draft.edges("s0-control")[0]
    at = {a: draft.port(b), b: draft.port(a)}
    draft.links = [replace(link, b=at.get(link.b.path, link.b)) for link in draft.links]


def _any_any(draft: Draft) -> None:
    entry = next(entry for entry in draft.acls if entry.node == "s0-fw" and entry.interface == f"vlan{_CAMERAS}")
    draft.acls.insert(0, replace(entry, sources=(), targets=(), protocol="any", ports=(), action="permit"))


def _swapped(draft: Draft) -> None:
    own = [number for number, entry in enumerate(draft.acls) if entry.node == "s0-fw" and entry.interface == f"vlan{_CAMERAS}"]
    first, last = own[0], own[-1]
    draft.acls[first], draft.acls[last] = draft.acls[last], draft.acls[first]


def _router_in_both(draft: Draft) -> None:
    a, b = (draft.edges(f"s0-{zone}")[0] for zone in ("cameras", "control"))
    name = "s0-recorder"
    ports = tuple(_port(name, str(number), "routed", None, set()) for number in (1, 2))
    switches = [path.partition("/")[0] for path in (a, b)]
    for number, (switch, vlan) in enumerate(zip(switches, (_CAMERAS, _CONTROL), strict=True)):
        node = draft.nodes[switch]
        at = access(switch, f"x{number}", vlan)
        draft.nodes[switch] = replace(node, ports=(*node.ports, at), _by_name={})
        draft.links.append(
            Link(name=f"x{number}", a=ports[number], b=at, medium="copper", cable=None, length_m=1.0, speed_mbps=100)
        )
    draft.nodes[name] = Node(
        name=name,
        site="",
        rack="",
        kind="router",
        model=CATALOG.models["generic-router-4t-2sfp"],
        ports=ports,
        vlans=frozenset(),
        addresses=(_address(f"10.1.{_CAMERAS}.99", None, "1"), _address(f"10.1.{_CONTROL}.99", None, "2")),
    )


_OUT = frozenset({("s0-cameras", "s0-control")})
_EITHER = frozenset({("s0-cameras", "s0-control"), ("s0-control", "s0-cameras")})
FAULTS = (
    Fault("the native VLAN of a trunk is that of a zone", _native_equals_zone, _OUT),
    Fault("the native VLAN of one end is that of a zone", _native_at_one_end, _OUT),
    Fault("a priority tag hides a second tag", _priority_on_top, _OUT),
    Fault("a device hangs on a trunk that allows all", _trunk_at_device, _OUT),
    Fault("ingress filtering is off", _no_filter, _OUT),
    Fault("an access port believes any tag", _believes_tags, _OUT),
    Fault("an access port is in the wrong VLAN", _wrong_vlan, _EITHER),
    Fault("a controller is in the management VLAN", _management, frozenset({("s0-control", "s0-management")})),
    Fault("two cables are in each other's ports", _cables, _EITHER),
    Fault("any may go anywhere", _any_any, _OUT),
    Fault("lines of the access list are swapped", _swapped, _OUT),
    Fault("a router has a leg in both zones", _router_in_both, _EITHER),
)
