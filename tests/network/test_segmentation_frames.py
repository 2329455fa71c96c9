"""How frames spread, for the behavior of every vendor, against a plain simulation; and what a description becomes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import product

from tests.network.segmentation_designs import CATALOG, access, clean, trunk
from tieline.config.network import Defaults, Link, Network, Node, Port, Ring, Route
from tieline.network.segmentation import prove_segmentation
from tieline.network.segmentation.described import fabric_of
from tieline.network.segmentation.fabric import Behavior, Fabric, FabricPort, PortKind, Stack, fabric
from tieline.network.segmentation.frames import frame_bytes
from tieline.network.segmentation.spread import FREE, MOST_TAGS, deliveries, spread
from tieline.security.zones.plan import Plan

VLANS = (10, 20)
DEEPEST = 3
NO_PLAN = Plan(utility="", zones=(), conduits=())


def _random(seed: int) -> Fabric:
    """Bridges with circles, all kinds of ports, and any behavior that the data can say."""
    chance = random.Random(seed)
    count = chance.randint(2, 4)
    ports: list[FabricPort] = []
    links = []

    def add(bridge: int) -> str:
        name = f"b{bridge}p{len(ports)}"
        behavior = Behavior(
            access_tagged=chance.choice(["drop", "own_vlan", "any"]),
            ingress_filtering=chance.random() < 0.7,
            native_tagged=chance.choice(["accept", "drop"]),
            native_egress=chance.choice(["untagged", "tagged"]),
            priority_tagged=chance.choice(["native", "drop"]),
            trunk_untagged=chance.choice(["native", "drop"]),
            second_tag="drop" if chance.random() < 0.15 else "keep",
            access_inner="drop" if chance.random() < 0.15 else "keep",
            most_tags=2 if chance.random() < 0.15 else None,
        )
        kind = chance.choice([PortKind.ACCESS, PortKind.TRUNK, PortKind.TRUNK, PortKind.TRUNK, PortKind.TUNNEL])
        vlan = chance.choice(VLANS) if kind is not PortKind.TRUNK or chance.random() < 0.6 else None
        allowed = frozenset(chance.sample(VLANS, chance.randint(1, 2))) if kind is PortKind.TRUNK else frozenset()
        ports.append(FabricPort(name=name, bridge=f"b{bridge}", kind=kind, vlan=vlan, allowed=allowed, behavior=behavior))
        return name

    for bridge in range(1, count):
        links.append((add(chance.randrange(bridge)), add(bridge)))
    if chance.random() < 0.5:
        links.append((add(0), add(count - 1)))
    for bridge in range(count):
        for _ in range(chance.randint(1, 2)):
            add(bridge)
    return fabric(ports, links)


def _plainly(made: Fabric, start: str, frame: Stack) -> set[tuple[str, Stack]]:
    """Every copy of a frame by itself, with the port that it came by. One that grew too long is followed no further."""
    out: set[tuple[str, Stack]] = set()
    seen = set()
    left = list(_into(made.by_name[start], frame))
    while left:
        copy = left.pop()
        if copy in seen:
            continue
        seen.add(copy)
        came, vlan, beneath = copy
        for port in made.ports:
            if port.bridge != made.by_name[came].bridge or port.name == came or vlan not in port.members:
                continue
            if port.kind is PortKind.ACCESS and port.behavior.access_inner == "drop" and beneath:
                continue
            stack = beneath if port.leaves_untagged(vlan) else (vlan, *beneath)
            peer = made.peer(port.name)
            if peer is None:
                out.add((port.name, stack))
            elif len(stack) <= MOST_TAGS:
                left += _into(made.by_name[peer], stack)
    return out


def _into(port: FabricPort, stack: Stack) -> Iterator[tuple[str, int, Stack]]:
    behavior = port.behavior
    if port.kind is PortKind.TUNNEL and stack and stack[0]:
        kept = stack if behavior.most_tags is None else stack[: behavior.most_tags - 1]
        assert port.vlan is not None
        yield port.name, port.vlan, kept
        return
    top, beneath = (stack[0], stack[1:]) if stack else (None, ())
    if behavior.second_tag == "drop" and beneath:
        return
    native = port.vlan
    if port.kind is PortKind.TRUNK and (behavior.trunk_untagged == "drop" or native not in port.allowed):
        native = None
    if top is None:
        vlan = native
    elif top == 0:
        vlan = native if behavior.priority_tagged == "native" or port.kind is PortKind.TUNNEL else None
        if port.kind is not PortKind.TRUNK and behavior.access_inner == "drop":
            beneath = ()
    elif port.kind is PortKind.ACCESS:
        vlan = top if behavior.access_tagged == "any" or (behavior.access_tagged == "own_vlan" and top == port.vlan) else None
    elif top == port.vlan and behavior.native_tagged == "drop":
        vlan = None
    else:
        vlan = top if top in port.allowed or not behavior.ingress_filtering else None
    if vlan is not None:
        yield port.name, vlan, beneath


def _grows(made: Fabric) -> bool:
    """Whether a tunnel port on a link could put tag upon tag."""
    return any(port.kind is PortKind.TUNNEL and made.peer(port.name) for port in made.ports)


def test_frames_spread_as_a_plain_simulation_of_every_copy_says() -> None:
    stacks = [stack for depth in range(DEEPEST + 1) for stack in product((0, *VLANS), repeat=depth)]
    arrived = 0
    for seed in range(150):
        made = _random(seed)
        for start in (port.name for port in made.ports if made.peer(port.name) is None):
            reached: set[str] = set()
            for stack in stacks:
                plain = _plainly(made, start, stack)
                assert deliveries(made, start, stack) == plain, f"seed {seed}: {stack} into {start}"
                reached |= {port for port, _ in plain}
                arrived += len(plain)
            if _grows(made):
                continue
            free = list(spread(made, [(start, (), FREE)]))
            for arrival in free:
                if not arrival.tail:
                    assert (arrival.port, arrival.known) in _plainly(made, start, arrival.frame), f"seed {seed}: {arrival.frame}"
                assert arrival.port in {port for port, _ in _plainly(made, start, arrival.frame)}, f"seed {seed}: {arrival.frame}"
            assert reached <= {arrival.port for arrival in free}, f"seed {seed}: {start}"
            assert {arrival.port for arrival in free if len(arrival.frame) <= DEEPEST} <= reached
    assert arrived > 5_000


def test_a_frame_is_as_long_as_the_shortest_on_the_wire_and_bears_its_tags() -> None:
    frame = frame_bytes((1, 20))
    assert frame.hex().startswith("ffffffffffff02000000000181000001810000" + "14" + "88b5")
    assert len(frame) == 60


def _node(name: str, model: str, *ports: Port) -> Node:
    made = CATALOG.models[model]
    return Node(name=name, site="", rack="", kind=made.kind, model=made, ports=ports, vlans=frozenset({10}))


def _network(nodes: list[Node], pairs: list[tuple[str, str]], rings: tuple[Ring, ...] = ()) -> Network:
    ports = {port.path: port for node in nodes for port in node.ports}
    return Network(
        defaults=Defaults(),
        catalog=CATALOG,
        places=(),
        vlans=(),
        classes=(),
        nodes=tuple(nodes),
        links=tuple(
            Link(name=f"l{number}", a=ports[a], b=ports[b], medium="fiber", cable=None, length_m=1.0, speed_mbps=100)
            for number, (a, b) in enumerate(pairs)
        ),
        rings=rings,
    )


def _host(node: str, name: str) -> Port:
    return replace(access(node, name, 10), mode="host", native=None, allowed=frozenset())


def test_media_converters_aggregated_links_and_nodes_of_a_ring_pass_frames_on() -> None:
    lag = [replace(trunk(node, port, {10}), lag="lag1") for node in ("s0", "s1") for port in ("1", "2")]
    nodes = [
        _node("s0", "generic-ie-16t-4sfp", *lag[:2], access("s0", "3", 10), access("s0", "4", 10)),
        _node("s1", "generic-ie-16t-4sfp", *lag[2:], access("s1", "3", 10)),
        _node("converter", "generic-media-converter", _host("converter", "tp"), _host("converter", "sfp")),
        _node("camera", "generic-controller", _host("camera", "1")),
        _node("relay", "generic-controller", _host("relay", "a"), _host("relay", "b")),
        _node("far", "generic-controller", _host("far", "a"), _host("far", "b")),
    ]
    pairs = [("s0/1", "s1/1"), ("s0/2", "s1/2"), ("s0/3", "converter/tp"), ("converter/sfp", "camera/1"), ("s1/3", "relay/a")]
    ring = Ring(name="hsr", protocol="hsr", members=("relay", "far"))
    made = fabric_of(_network(nodes, [*pairs, ("relay/b", "far/a")], (ring,)), NO_PLAN)
    assert made.links.count(("s0/lag1", "s1/lag1")) == 1
    at = {endpoint.device: endpoint.port for endpoint in made.endpoints}
    assert at.keys() == {"camera", "relay", "far"}
    reached = {port for port, _ in deliveries(made, at["camera"], ())}
    assert {at["relay"], at["far"]} <= reached


def test_nothing_passes_a_port_that_is_disabled() -> None:
    off = replace(access("s0", "1", 10), mode="disabled", allowed=frozenset())
    nodes = [
        _node("s0", "generic-ie-16t-4sfp", off, access("s0", "2", 10)),
        _node("a", "generic-controller", _host("a", "1")),
        _node("b", "generic-controller", _host("b", "1")),
    ]
    made = fabric_of(_network(nodes, [("s0/1", "a/1"), ("s0/2", "b/1")]), NO_PLAN)
    assert [endpoint.device for endpoint in made.endpoints] == ["b"]


def test_static_routes_send_a_packet_by_the_longest_prefix() -> None:
    draft = clean(1_002)
    assert draft.sites > 1, "the seed has two sites"
    network = draft.network()
    free = replace(network, acls=())
    model = CATALOG.models["generic-router-4t-2sfp"]
    free = replace(
        free,
        nodes=tuple(replace(node, model=model, kind="router", _by_name={}) if node.is_router else node for node in free.nodes),
    )

    def leaks(*routes: Route) -> set[tuple[str, str]]:
        found = prove_segmentation(replace(free, routes=routes), draft.plan, most=10_000).findings
        return {(finding.source, finding.target) for finding in found if finding.fault == "packet-leak"}

    def route(node: str, target: str, via: str) -> Route:
        return Route(node=node, target=ip_network(target), via=ip_address(via))

    assert ("s0-cameras", "s1-control") in leaks()
    back = route("s0-fw", "0.0.0.0/0", "10.255.0.1")
    core = route("core", "10.1.0.0/16", "10.255.0.2")
    assert ("s0-cameras", "s1-control") not in leaks(back, core), "the core sends everything back to the first site"
    assert ("s0-cameras", "s1-control") in leaks(back, core, route("core", "10.1.110.0/24", "10.255.1.2"))
    assert ("s0-cameras", "s1-control") not in leaks(route("s0-fw", "10.1.110.0/24", "10.255.9.9"), core)
