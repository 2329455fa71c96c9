"""What the proof says of whole designs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from tests.network.segmentation_designs import FAULTS, Draft, Fault, access, clean
from tieline.config.network import AclEntry, Network, Node, NodeAddress, Route, Vlan
from tieline.network.segmentation import SegmentationFinding, prove_segmentation
from tieline.network.segmentation.described import fabric_of
from tieline.network.segmentation.fabric import Behavior, Endpoint, FabricPort, PortKind, fabric
from tieline.network.segmentation.frames import frame_bytes
from tieline.network.segmentation.spread import FREE, deliveries, spread
from tieline.network.segmentation.words import way

_EACH = 5


def test_nothing_is_found_in_fifty_clean_designs() -> None:
    for seed in range(50):
        draft = clean(seed)
        found = prove_segmentation(draft.network(), draft.plan)
        assert found.is_proven, f"seed {seed}: {found}"
        assert found.devices >= 8
        assert len(found.zones) == 2 + 3 * draft.sites


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_with_a_way_that_can_be_replayed(fault: Fault) -> None:
    for seed in range(_EACH):
        draft = clean(1_000 + seed)
        fault.put(draft)
        network = draft.network()
        found = [
            finding
            for finding in prove_segmentation(network, draft.plan).findings
            if (finding.source, finding.target) in fault.pairs and finding.fault in ("frame-leak", "packet-leak")
        ]
        assert found, f"seed {seed}"
        for finding in found:
            if finding.fault == "frame-leak":
                _replay_frame(draft, network, finding)
            else:
                _replay_packet(network, finding)
            assert len(finding.path) > 1


def _replay_frame(draft: Draft, network: Network, finding: SegmentationFinding) -> None:
    made = fabric_of(network, draft.plan)
    assert any(endpoint.zone == finding.source for endpoint in made.endpoints_of[finding.port])
    reached = {port for port, _ in deliveries(made, finding.port, finding.tags)}
    assert any(endpoint.zone == finding.target for port in reached for endpoint in made.endpoints_of.get(port, ()))
    assert finding.frame == frame_bytes(finding.tags)


def _replay_packet(network: Network, finding: SegmentationFinding) -> None:
    """From router to router, with each line looked at by itself."""
    words = finding.packet.split()
    transport, source, target = words[0], words[-3].rpartition(":")[0], words[-1].rpartition(":")
    if transport not in ("tcp", "udp"):
        pytest.fail(f"no replay for {finding.packet}")
    port = int(target[2])
    nodes = [node for node in network.nodes if node.is_router]
    queue = [(node, each) for node in nodes for each in node.addresses if ip_address(source) in each.network]
    seen = set()
    while queue:
        node, into = queue.pop()
        if (node.name, into.network) in seen:
            continue
        seen.add((node.name, into.network))
        name = f"vlan{into.vlan}" if into.vlan is not None else into.port
        lines = [entry for entry in network.acls_of.get(node.name, ()) if entry.interface == name and entry.direction == "in"]
        first = next((entry for entry in lines if _fits(entry, source, target[0], transport, port)), None)
        if lines and (first is None or first.action == "deny"):
            continue
        for out in node.addresses:
            if out != into and ip_address(target[0]) in out.network:
                return
            queue += [
                (other, each) for other in nodes for each in other.addresses if other != node and each.network == out.network
            ]
    pytest.fail(f"{finding.packet} does not pass")


def _fits(entry: AclEntry, source: str, target: str, transport: str, port: int) -> bool:
    return (
        (not entry.sources or any(ip_address(source) in subnet for subnet in entry.sources))
        and (not entry.targets or any(ip_address(target) in subnet for subnet in entry.targets))
        and entry.protocol in ("any", transport)
        and (not entry.ports or (not entry.is_reply and any(one.first <= port <= one.last for one in entry.ports)))
    )


def test_a_way_reads_like_one() -> None:
    own = Behavior()
    trunk = {"kind": PortKind.TRUNK, "vlan": 1, "allowed": frozenset({1, 20})}
    made = fabric(
        [
            FabricPort(name="sw-2/7", bridge="sw-2", kind=PortKind.ACCESS, vlan=1, behavior=own),
            FabricPort(name="sw-2/24", bridge="sw-2", **trunk),  # type: ignore[arg-type]
            FabricPort(name="sw-1/24", bridge="sw-1", **trunk),  # type: ignore[arg-type]
            FabricPort(name="sw-1/3", bridge="sw-1", kind=PortKind.ACCESS, vlan=20),
        ],
        [("sw-2/24", "sw-1/24")],
        [Endpoint(port="sw-2/7", device="camera-3", zone="cameras"), Endpoint(port="sw-1/3", device="relay-1", zone="bay")],
    )
    arrival = next(one for one in spread(made, [("sw-2/7", (), FREE)]) if one.port == "sw-1/3")
    assert list(way(made, arrival, sender="camera-3", target="relay-1")) == [
        "camera-3 sends a frame with tags 1, 20 into sw-2/7",
        "sw-2/7 takes it into VLAN 1: an access port that takes a tag of its own VLAN",
        "sw-2/24 sends it on with tag 20: VLAN 1 is its native one, whose tag it takes off",
        "sw-1/24 takes it into VLAN 20: the tag says so, and the trunk has that VLAN",
        "sw-1/3 sends it without a tag",
        "relay-1 has it, without a tag, from VLAN 20",
    ]


def test_a_service_that_cannot_pass_is_found_with_the_port_that_drops_it() -> None:
    draft = clean(3)
    at = draft.edges("s0-control")[1]
    for port in draft.nodes[at.partition("/")[0]].ports:
        if port.mode == "trunk":
            draft.set_port(port.path, allowed=port.allowed - {100})
    found = prove_segmentation(draft.network(), draft.plan).findings
    cut = [finding for finding in found if finding.fault == "service-cut"]
    assert [finding.conduit for finding in cut] == ["s0-polls"]
    assert "s0-control-d1" in cut[0].problem


def test_a_conduit_that_no_router_lets_through_is_found() -> None:
    draft = clean(4)
    draft.acls = [entry for entry in draft.acls if not (entry.node == "core" and entry.interface == "to-s0")]
    draft.acls.append(
        next(
            entry
            for entry in clean(4).acls
            if entry.node == "core" and entry.interface == "to-s0" and entry.ports[0].first == 443
        )
    )
    cut = [finding for finding in prove_segmentation(draft.network(), draft.plan).findings if finding.fault == "conduit-cut"]
    assert [finding.conduit for finding in cut] == ["s0-control-dmz-bus"]
    assert "opens a connection" in cut[0].problem


def test_answers_that_a_stateless_router_drops_are_found() -> None:
    seed = next(seed for seed in range(50) if not clean(seed).nodes["core"].model.stateful)
    draft = clean(seed)
    draft.acls = [
        entry for entry in draft.acls if not (entry.is_reply and entry.interface == "wan" and entry.ports[0].first == 443)
    ]
    cut = [finding for finding in prove_segmentation(draft.network(), draft.plan).findings if finding.fault == "conduit-cut"]
    assert cut
    assert all(finding.conduit.endswith("-cameras-dmz-https") and "answers a connection" in finding.problem for finding in cut)


def _between_routers(draft: Draft) -> None:
    """Puts a VLAN of no zone, in which the site's router lets everything in, on the trunks."""
    wide = next(entry for entry in draft.acls if entry.node == "s0-fw")
    draft.acls.append(
        replace(
            wide, interface=f"vlan{_TRANSIT}", sources=(), targets=(), protocol="any", ports=(), is_reply=False, action="permit"
        )
    )
    router = draft.nodes["s0-fw"]
    routed = router.port("1")
    transit = NodeAddress(address=ip_address("10.254.0.1"), prefix=30, vlan=_TRANSIT)
    draft.nodes["s0-fw"] = replace(router, addresses=(*router.addresses, transit), _by_name={})
    draft.set_port(routed.path, allowed=routed.allowed | {_TRANSIT})
    draft.vlans.append(Vlan(id=_TRANSIT, name="between", zone=""))
    for name, node in list(draft.nodes.items()):
        if name.startswith("s0-sw"):
            for port in node.ports:
                if port.mode == "trunk":
                    draft.set_port(port.path, allowed=port.allowed | {_TRANSIT})


_TRANSIT = 900


def test_who_gets_between_the_routers_gets_where_lists_trust_what_comes() -> None:
    seed = next(seed for seed in range(50) if not clean(seed).nodes["core"].model.stateful)
    draft = clean(seed)
    _between_routers(draft)
    assert prove_segmentation(draft.network(), draft.plan).is_proven
    at = draft.edges("s0-cameras")[0]
    draft.set_port(at, mode="trunk", native=101, allowed=frozenset({101, _TRANSIT}))
    draft.set_tagging(at.partition("/")[0], trunk_untagged="native", native_tagged="accept")
    findings = [finding for finding in prove_segmentation(draft.network(), draft.plan).findings if finding.source == "s0-cameras"]
    assert findings
    assert {finding.fault for finding in findings} == {"packet-leak"}
    assert "s0-control" in {finding.target for finding in findings}
    assert all(finding.tags == (_TRANSIT,) and finding.path[0].endswith(f"into {at}") for finding in findings)
    assert any("it arrives in" in line for line in findings[0].path)


def test_a_server_with_a_leg_in_each_of_two_zones_is_a_way_between_them() -> None:
    draft = clean(5)
    ends = [draft.edges(f"s0-{zone}")[0] for zone in ("cameras", "control")]
    name = "s0-server"
    ports = tuple(replace(access(name, str(number), 1), mode="host", native=None, allowed=frozenset()) for number in (1, 2))
    addresses = tuple(NodeAddress(address=ip_address(f"10.1.{vlan}.77"), prefix=24, vlan=vlan) for vlan in (101, 100))
    base = draft.nodes["s0-control-d0"]
    draft.nodes[name] = replace(base, name=name, ports=ports, addresses=addresses, vlans=frozenset({100, 101}), _by_name={})
    for number, (path, vlan) in enumerate(zip(ends, (101, 100), strict=True)):
        switch = path.partition("/")[0]
        at = access(switch, f"y{number}", vlan)
        node = draft.nodes[switch]
        draft.nodes[switch] = replace(node, ports=(*node.ports, at), _by_name={})
        draft.links.append(replace(draft.links[0], name=f"y{number}", a=ports[number], b=at))
    findings = prove_segmentation(draft.network(), draft.plan).findings
    assert any(name in finding.problem for finding in findings)


def test_a_router_that_sends_packets_on_into_the_subnet_they_came_from_is_followed() -> None:
    """Static routes lead from the first router over the second, which has one arm in the subnet, to the third."""
    draft = Draft(0)
    model = clean(0).nodes["core"].model
    nets = {"a": "10.1.0", "t": "10.254.0", "x": "10.253.0", "b": "10.2.0"}
    legs = {"r1": ("a", "t"), "r2": ("t", "x"), "r3": ("t", "b")}
    for number, (name, both) in enumerate(legs.items(), 1):
        ports = tuple(replace(access(name, net, 1), mode="routed", native=None, allowed=frozenset()) for net in both)
        addresses = tuple(
            NodeAddress(address=ip_address(f"{nets[net]}.{number}"), prefix=24, vlan=None, port=net) for net in both
        )
        draft.nodes[name] = Node(
            name=name, site="", rack="", kind="router", model=model, ports=ports, vlans=frozenset(), addresses=addresses
        )
    zones = tuple(replace(clean(0).plan.zones[0], name=net, subnets=(ip_network(f"{nets[net]}.0/24"),)) for net in ("a", "b"))
    to_b = ip_network("10.2.0.0/24")
    routes = (("r1", "10.254.0.2"), ("r2", "10.254.0.3"), ("r3", "10.254.0.1"))
    network = replace(
        draft.network(),
        routes=tuple(
            Route(node=name, target=to_b if name != "r3" else ip_network("10.1.0.0/24"), via=ip_address(via))
            for name, via in routes
        ),
    )
    findings = prove_segmentation(network, replace(draft.plan, zones=zones)).findings
    assert ("packet-leak", "a", "b") in {(finding.fault, finding.source, finding.target) for finding in findings}
