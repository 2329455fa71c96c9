"""What the proof says of whole designs."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tests.network.segmentation_designs import FAULTS, Draft, Fault, clean
from tieline.config.network import AclEntry, Network
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
