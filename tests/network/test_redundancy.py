"""Single points of failure, against trying every failure, and what rings ask for."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import pairwise

import pytest

from tests.network.segmentation_designs import CATALOG, access, trunk
from tieline.config.network import (
    Defaults,
    Duct,
    Link,
    Network,
    Node,
    NodeAddress,
    Port,
    Ring,
    Route,
    Service,
    Supply,
    Vlan,
)
from tieline.network.redundancy import prove_redundancy
from tieline.network.redundancy.failures import Element, Failure
from tieline.network.redundancy.spanning_tree import Role, cost_of, recovery_ms, timer_bound_ms, tree_of
from tieline.network.redundancy.ways import Ways, cables_of
from tieline.network.segmentation.described import fabric_of
from tieline.network.segmentation.spread import deliveries
from tieline.security.zones.plan import Plan

VLAN = 10


class Builder:
    """A network, piece by piece."""

    def __init__(self) -> None:
        self.ports: dict[str, list[Port]] = {}
        self.nodes: dict[str, Node] = {}
        self.ends: list[tuple[str, Port, Port, tuple[str, ...], float]] = []
        self.rings: list[Ring] = []
        self.services: list[Service] = []
        self.supplies: list[Supply] = []

    def node(self, name: str, model: str, *, supplies: tuple[str, ...] = (), addresses: tuple[NodeAddress, ...] = ()) -> str:
        made = CATALOG.models[model]
        self.ports[name] = []
        self.nodes[name] = Node(
            name=name,
            site="",
            rack="",
            kind=made.kind,
            model=made,
            ports=(),
            vlans=frozenset({VLAN}),
            supplies=supplies,
            addresses=addresses,
        )
        return name

    def switch(self, name: str, *, supplies: tuple[str, ...] = ()) -> str:
        return self.node(name, "generic-ie-16t-4sfp", supplies=supplies)

    def device(self, name: str, *at: str, supplies: tuple[str, ...] = ()) -> str:
        self.node(name, "generic-controller", supplies=supplies)
        for switch in at:
            own = replace(access(name, str(len(self.ports[name])), VLAN), mode="host", native=None, allowed=frozenset())
            self.ports[name].append(own)
            self.join(own, self.port(switch, access(switch, "", VLAN)))
        return name

    def port(self, node: str, like: Port) -> Port:
        made = replace(like, name=str(len(self.ports[node])))
        self.ports[node].append(made)
        return made

    def trunks(self, a: str, b: str, *ducts: str, speed: float = 100) -> str:
        return self.join(self.port(a, trunk(a, "", {VLAN})), self.port(b, trunk(b, "", {VLAN})), *ducts, speed=speed)

    def join(self, a: Port, b: Port, *ducts: str, speed: float = 100) -> str:
        name = f"l{len(self.ends)}"
        self.ends.append((name, a, b, ducts, speed))
        return name

    def service(self, source: str, *targets: str, redundancy: str = "any", max_outage_ms: float | None = None) -> None:
        self.services.append(
            Service(
                name=f"{source}-service",
                kind="goose",
                sources=(source,),
                targets=targets,
                vlan=VLAN,
                qos=None,
                transfer_class=None,
                max_delay_ms=None,
                redundancy=redundancy,  # type: ignore[arg-type]
                max_outage_ms=max_outage_ms,
            )
        )

    def network(self) -> Network:
        return Network(
            defaults=Defaults(),
            catalog=CATALOG,
            places=(),
            vlans=(),
            classes=(),
            nodes=tuple(replace(node, ports=tuple(self.ports[name]), _by_name={}) for name, node in self.nodes.items()),
            links=tuple(
                Link(name=name, a=a, b=b, medium="fiber", cable=None, length_m=1.0, speed_mbps=speed, ducts=ducts)
                for name, a, b, ducts, speed in self.ends
            ),
            ducts=tuple(Duct(name=name) for name in dict.fromkeys(duct for end in self.ends for duct in end[3])),
            supplies=tuple(self.supplies),
            rings=tuple(self.rings),
            services=tuple(self.services),
        )


def _supply(name: str, *fed_by: str, kind: str = "dc") -> Supply:
    return Supply(name=name, site="", kind=kind, voltage_v=48.0, fed_by=fed_by)  # type: ignore[arg-type]


def _random(seed: int) -> Network:
    chance = random.Random(seed)
    made = Builder()
    count = chance.randint(2, 9)
    made.supplies = [_supply("mains"), _supply("p", "mains"), _supply("q", "mains"), _supply("r")]
    for number in range(count):
        made.switch(f"s{number}", supplies=tuple(chance.sample(["p", "q", "r"], chance.randint(1, 2))))
    pairs = [(chance.randrange(number), number) for number in range(1, count) if chance.random() < 0.97]
    pairs += [(chance.randrange(count), chance.randrange(count)) for _ in range(chance.randint(0, count))]
    for number, (a, b) in enumerate(pairs):
        ducts = chance.sample(["d0", "d1", "d2", "d3"], chance.randint(0, 2))
        if a != b:
            _random_link(chance, made, f"s{a}", f"s{b}", f"x{number}", *ducts)
    for number in range(4):
        switches = [f"s{chance.randrange(count)}" for _ in range(chance.choice([1, 1, 2]))]
        made.device(f"e{number}", *switches, supplies=("r",) if chance.random() < 0.2 else ())
    network = made.network()
    over_poe = {name for name in ("e0", "e2") if chance.random() < 0.3}
    feeding = {name: network.links_of[name][0].other(name).path for name in over_poe}
    return replace(
        network,
        nodes=tuple(
            replace(node, powered_by=feeding[node.name], supplies=(), _by_name={}) if node.name in over_poe else node
            for node in network.nodes
        ),
    )


def _random_link(chance: random.Random, made: Builder, a: str, b: str, between: str, *ducts: str) -> None:
    """Mostly a trunk, at times one without the VLAN, or with an access port, or with a media converter."""

    def port(name: str) -> Port:
        kinds = [trunk(name, "", {VLAN}), trunk(name, "", {11, VLAN}, native=VLAN), access(name, "", VLAN), trunk(name, "", {11})]
        return made.port(name, chance.choices(kinds, [14, 2, 1, 1])[0])

    if chance.random() < 0.8:
        made.join(port(a), port(b), *ducts)
        return
    made.node(between, "generic-media-converter", supplies=("q",) if chance.random() < 0.5 else ())
    ends = [made.port(between, replace(access(between, "", VLAN), mode="host", native=None)) for _ in range(2)]
    made.join(port(a), ends[0], *ducts)
    made.join(ends[1], port(b), *ducts)


def _without(network: Network, gone: frozenset[Element]) -> Network:
    """With nothing at the places that failed."""
    return replace(
        network,
        links=tuple(
            link
            for link in network.links
            if ("link", link.name) not in gone and not any(("node", name) in gone for name in link.nodes)
        ),
    )


def _is_heard(network: Network, source: str, target: str) -> bool:
    """As frames spread, which is known from Open vSwitch."""
    made = fabric_of(network, Plan(utility="", zones=(), conduits=()))
    at = {name: {each.port for each in made.endpoints if each.device == name} for name in (source, target)}
    reached = {port for start in at[source] for port, _ in deliveries(made, start, ())}
    return bool((reached | at[source]) & at[target])


@pytest.mark.parametrize("block", range(4))
def test_single_points_are_those_that_trying_every_failure_finds(block: int) -> None:
    cutting = 0
    for seed in range(50 * block, 50 * block + 50):
        network = _random(seed)
        ways = Ways(network)
        states = {failure: _without(network, failure.gone) for failure in ways.failures}
        for source, target in (("e0", "e1"), ("e2", "e3")):
            expected: list[Failure] | None = [
                failure
                for failure, state in states.items()
                if failure.name not in (source, target) and not _is_heard(state, source, target)
            ]
            if not _is_heard(network, source, target):
                expected = None
            points = ways.single_points(source, target, VLAN)
            assert (None if points is None else list(points)) == expected, f"seed {seed}: {source} to {target}"
            cutting += len(points or ())
    assert cutting > 100


def _ring(count: int, *, speed: float = 100) -> Builder:
    made = Builder()
    names = [made.switch(f"s{number}") for number in range(count)]
    for number in range(count):
        made.trunks(names[number], names[(number + 1) % count], speed=speed)
    return made


def test_a_duct_that_carries_both_links_is_named_with_them_and_what_stops() -> None:
    made = Builder()
    made.switch("site")
    made.switch("center")
    made.trunks("site", "center", "ridge-road")
    made.trunks("site", "center", "ridge-road", "river")
    made.rings.append(Ring(name="both", protocol="rstp", members=("site", "center"), root="center"))
    made.device("gateway", "site")
    made.device("server", "center")
    made.service("gateway", "server", redundancy="any_duct")
    found = prove_redundancy(made.network())
    cause = "duct ridge-road is cut, with l0 and l1 in it"
    wanted = "service gateway-service has to survive the loss of any duct, but stops when"
    assert [str(finding) for finding in found.findings] == [f"{wanted} {cause}: gateway to server"]
    losses = {loss.failure.name: str(loss) for loss in found.losses}
    assert losses["ridge-road"] == f"{cause}: these services stop: gateway-service (gateway to server)"
    assert "river" not in losses
    assert losses.keys() == {"ridge-road", "site", "center", "l2", "l3"}


def test_what_a_battery_carries_goes_on_without_the_mains() -> None:
    made = Builder()
    made.supplies = [_supply("mains"), _supply("battery", "mains", kind="battery"), _supply("charger", "mains")]
    made.switch("s0", supplies=("battery",))
    made.switch("s1", supplies=("charger",))
    made.trunks("s0", "s1")
    failures = {failure.name: failure.gone for failure in Ways(made.network()).failures if failure.kind == "supply"}
    assert failures == {
        "mains": frozenset({("node", "s1")}),
        "battery": frozenset({("node", "s0")}),
        "charger": frozenset({("node", "s1")}),
    }


def test_a_way_through_a_media_converter_ends_with_it() -> None:
    made = Builder()
    made.switch("s0")
    made.switch("s1")
    made.node("converter", "generic-media-converter")
    tp, sfp = (made.port("converter", replace(access("converter", "", VLAN), mode="host", native=None)) for _ in range(2))
    made.join(made.port("s0", trunk("s0", "", {VLAN})), tp)
    made.join(sfp, made.port("s1", trunk("s1", "", {VLAN})))
    made.device("a", "s0")
    made.device("b", "s1")
    points = Ways(made.network()).single_points("a", "b", VLAN)
    assert points is not None
    assert {str(point) for point in points} == {
        "link l0",
        "link l1",
        "link l2",
        "link l3",
        "node s0",
        "node s1",
        "node converter",
    }


def test_a_ring_of_rstp_blocks_opposite_its_root_and_opens_after_a_failure() -> None:
    made = _ring(6)
    ring = Ring(name="ring", protocol="rstp", members=tuple(made.nodes), root="s0", priorities={"s0": 4_096})
    made.rings.append(ring)
    network = made.network()
    cables = list(cables_of(network))
    whole = tree_of(network, ring, cables)
    assert whole.root == "s0"
    assert whole.costs == {"s0": 0, "s1": 200_000, "s5": 200_000, "s2": 400_000, "s4": 400_000, "s3": 600_000}
    assert len(whole.blocked) == 1
    assert whole.blocked[0].startswith("s3/")
    assert list(whole.roles.values()).count(Role.ROOT) == 5
    broken = tree_of(network, ring, cables, [("link", "l0")])
    assert broken.blocked == ()
    assert broken.costs["s1"] == 1_000_000
    without_root = tree_of(network, ring, cables, [("node", "s0")])
    assert without_root.root == "s1"
    assert not without_root.is_certain, "of equal priorities the MAC address decides"
    assert recovery_ms(network, ring, cables) == 10.0 + 6 * 5.0
    assert timer_bound_ms(ring) == 36_000.0


def test_a_tree_takes_the_cheapest_way_to_the_root_and_leaves_no_circle() -> None:
    circles = 0
    for seed in range(100):
        chance = random.Random(seed)
        made = Builder()
        names = [made.switch(f"s{number}") for number in range(chance.randint(2, 8))]
        joined = [(names[chance.randrange(number)], names[number]) for number in range(1, len(names))]
        joined += [(a, b) for a, b in (chance.sample(names, 2) for _ in range(chance.randint(0, 6)))]
        for a, b in joined:
            made.trunks(a, b, speed=chance.choice([10, 100, 1_000]))
        ring = Ring(name="ring", protocol="rstp", members=tuple(names), priorities={chance.choice(names): 4_096})
        network = made.network()
        cables = list(cables_of(network))
        tree = tree_of(network, ring, cables)
        assert tree.root == next(iter(ring.priorities))
        costs = dict.fromkeys(names, 1 << 40) | {tree.root: 0}
        for _ in names:
            for cable in cables:
                for one, other in ((cable.a.node, cable.b.node), (cable.b.node, cable.a.node)):
                    costs[other] = min(costs[other], costs[one] + cost_of(cable.links[0].speed_mbps))
        assert tree.costs == costs
        forwarding = [cable for cable in cables if not {cable.a.path, cable.b.path} & {*tree.blocked}]
        assert len(forwarding) == len(names) - 1, f"seed {seed}"
        reached = {tree.root}
        for _ in names:
            reached |= {
                name for cable in forwarding for name in (cable.a.node, cable.b.node) if reached & {cable.a.node, cable.b.node}
            }
        assert reached == set(names)
        for cable in cables:
            assert Role.DESIGNATED in (tree.roles[cable.a.path], tree.roles[cable.b.path])
        circles += len(cables) - len(forwarding)
    assert circles > 100


def test_path_costs_are_those_of_the_standard() -> None:
    assert [cost_of(speed) for speed in (10, 100, 1_000, 10_000)] == [2_000_000, 200_000, 20_000, 2_000]


def test_a_ring_that_recovers_too_slowly_for_a_service_is_found() -> None:
    made = _ring(6)
    made.rings.append(Ring(name="ring", protocol="rstp", members=tuple(made.nodes), root="s0", secondary_root="s1"))
    made.device("a", "s0")
    made.device("b", "s3")
    made.service("a", "b", redundancy="none", max_outage_ms=20)
    assert [str(state).partition(" (")[0] for state in prove_redundancy(made.network()).rings] == [
        "ring: root s0, without it s1, blocked s3/1"
    ]
    assert [finding.problem for finding in prove_redundancy(made.network()).findings] == [
        "service a-service stands an interruption of 20 ms; ring ring, on the way from a to b, takes up to 40 ms to recover"
    ]


def test_a_circle_that_no_protocol_opens_is_found_with_its_links() -> None:
    made = _ring(3)
    problems = [finding.problem for finding in prove_redundancy(made.network()).findings]
    assert problems == [
        "l0, l1, l2 are a circle in VLAN 10 that no protocol opens: name the switches in a ring, or take a link out"
    ]
    made.rings.append(Ring(name="ring", protocol="rstp", members=tuple(made.nodes), root="s0"))
    assert prove_redundancy(made.network()).findings == ()


def _prp() -> Builder:
    made = Builder()
    made.supplies = [_supply("p"), _supply("q")]
    for name, supply in (("a1", "p"), ("a2", "p"), ("b1", "q"), ("b2", "q")):
        made.switch(name, supplies=(supply,))
    made.trunks("a1", "a2", "trench-a")
    made.trunks("b1", "b2", "trench-b")
    made.device("relay", "a1", "b1")
    made.device("unit", "a2", "b2")
    made.rings.append(Ring(name="prp", protocol="prp", members=("relay", "unit"), lan_a=("a1", "a2"), lan_b=("b1", "b2")))
    made.service("relay", "unit", max_outage_ms=0)
    return made


def test_two_disjoint_lans_survive_everything() -> None:
    found = prove_redundancy(_prp().network())
    assert found.findings == ()
    assert found.losses == ()


def test_whatever_two_lans_share_is_found() -> None:
    made = _prp()
    made.trunks("a2", "b1")
    assert [finding.problem for finding in prove_redundancy(made.network()).findings] == [
        "ring prp: LAN A and LAN B are joined: a2 - b1; frames of one get into the other"
    ]
    made = _prp()
    made.ends = [(*end[:3], ("trench",) if end[3] else (), end[4]) for end in made.ends]
    found = prove_redundancy(made.network())
    assert "ring prp: duct trench takes l0 of LAN A and l1 of LAN B at once" in [finding.problem for finding in found.findings]
    assert [loss.failure.name for loss in found.losses] == ["trench"]
    made = _prp()
    made.supplies = [_supply("mains"), _supply("p", "mains"), _supply("q", "mains")]
    found = prove_redundancy(made.network())
    assert "ring prp: supply mains takes a1, a2 of LAN A and b1, b2 of LAN B at once" in [
        finding.problem for finding in found.findings
    ]
    assert [loss.failure.name for loss in found.losses] == ["mains"]


def test_a_redbox_does_not_join_the_two_lans() -> None:
    made = _prp()
    made.node("box", "generic-redbox")
    for switch in ("a1", "b1"):
        made.trunks("box", switch)
    made.switch("behind")
    made.trunks("box", "behind")
    made.device("camera", "behind")
    made.device("only-a", "a2")
    made.device("only-b", "b2")
    made.rings[0] = replace(made.rings[0], members=("relay", "unit", "box"))
    network = made.network()
    ways = Ways(network)
    assert ways.single_points("only-a", "only-b", VLAN) is None
    points = ways.single_points("camera", "unit", VLAN)
    assert points is not None
    assert {point.name for point in points if point.kind == "node"} == {"behind", "box"}
    assert not [finding for finding in prove_redundancy(network).findings if finding.fault == "ring"]


def test_nodes_of_an_hsr_ring_pass_frames_on_and_any_one_may_fail() -> None:
    made = Builder()
    names = [made.node(f"n{number}", "generic-controller") for number in range(5)]
    for number, name in enumerate(names):
        near, far = (
            replace(access(each, "", VLAN), mode="host", native=None, allowed=frozenset()) for each in (name, names[number - 4])
        )
        made.join(made.port(name, near), made.port(names[number - 4], far))
    made.rings.append(Ring(name="hsr", protocol="hsr", members=tuple(names)))
    made.service("n0", "n2", max_outage_ms=0)
    found = prove_redundancy(made.network())
    assert found.findings == ()
    assert found.losses == ()
    made.ends.pop()
    losses = {loss.failure.name for loss in prove_redundancy(made.network()).losses}
    assert losses == {"l0", "l1", "n1"}


def test_links_of_an_hsr_ring_are_alike_and_none_goes_across() -> None:
    made = Builder()
    names = [made.node(f"n{number}", "generic-controller") for number in range(4)]
    for one, other, speed in (("n0", "n1", 100), ("n1", "n2", 1_000), ("n2", "n3", 100), ("n3", "n0", 100), ("n0", "n2", 100)):
        near, far = (replace(access(each, "", VLAN), mode="host", native=None, allowed=frozenset()) for each in (one, other))
        made.join(made.port(one, near), made.port(other, far), speed=speed)
    made.rings.append(Ring(name="hsr", protocol="hsr", members=tuple(names)))
    assert [finding.problem for finding in prove_redundancy(made.network()).findings] == [
        "ring hsr: n0 and n2 are joined across the ring by l4: frames circulate",
        "ring hsr: its links differ in speed: l0 100 Mbit/s, l1 1000 Mbit/s",
    ]


def test_a_ring_too_long_for_its_timers_is_found() -> None:
    made = _ring(22)
    made.rings.append(Ring(name="ring", protocol="rstp", members=tuple(made.nodes), root="s0"))
    problems = [finding.problem for finding in prove_redundancy(made.network()).findings]
    assert len(problems) == 1
    assert "with 22 bridges in a row" in problems[0]
    made.rings[0] = replace(made.rings[0], max_age_s=40.0)
    assert ["do not go together" in finding.problem for finding in prove_redundancy(made.network()).findings] == [True]


def test_links_that_are_aggregated_are_no_circle_and_each_may_fail() -> None:
    made = Builder()
    made.switch("s0")
    made.switch("s1")
    for _ in range(2):
        ends = [made.port(name, replace(trunk(name, "", {VLAN}), lag="lag1")) for name in ("s0", "s1")]
        made.join(*ends)
    made.device("a", "s0")
    made.device("b", "s1")
    made.service("a", "b", redundancy="none")
    found = prove_redundancy(made.network())
    assert found.findings == ()
    assert {loss.failure.name for loss in found.losses} == {"s0", "s1", "l2", "l3"}


def test_a_lan_of_prp_that_leads_nowhere_makes_nothing_seamless() -> None:
    """LAN A is a ring, so that no single failure stops the service; the interruption is the ring's all the same."""
    made = _prp()
    made.switch("a3", supplies=("p",))
    made.trunks("a2", "a3")
    made.trunks("a3", "a1")
    made.rings[0] = replace(made.rings[0], lan_a=("a1", "a2", "a3"))
    made.rings.append(Ring(name="ring", protocol="rstp", members=("a1", "a2", "a3"), root="a1"))
    assert prove_redundancy(made.network()).findings == ()
    network = made.network()
    cut = replace(network, links=tuple(link for link in network.links if link.ducts != ("trench-b",)))
    (finding,) = [each for each in prove_redundancy(cut).findings if each.fault == "slow"]
    assert finding.problem.endswith("of the two ways that prp is to give it, only one leads from relay to unit")


def test_a_circle_through_a_ring_that_ends_outside_of_it_is_found() -> None:
    made = _ring(4)
    made.rings.append(Ring(name="ring", protocol="mrp", members=tuple(made.nodes), root="s0"))
    made.switch("beside")
    made.trunks("s1", "beside")
    assert prove_redundancy(made.network()).findings == ()
    made.trunks("beside", "s2")
    (finding,) = prove_redundancy(made.network()).findings
    assert finding.problem.startswith("l4, l1, l5 are a circle in VLAN 10 that no protocol opens")


def test_switches_of_two_rings_of_rstp_have_one_tree() -> None:
    made = _ring(3)
    others = [made.switch(f"t{number}") for number in range(3)]
    for number in range(3):
        made.trunks(others[number], others[(number + 1) % 3])
    made.trunks("s0", "t0")
    made.trunks("s1", "t1")
    made.rings.append(Ring(name="one", protocol="rstp", members=("s0", "s1", "s2"), root="s0"))
    made.rings.append(Ring(name="other", protocol="rstp", members=tuple(others), root="t0"))
    assert prove_redundancy(made.network()).findings == ()


def test_two_boxes_between_an_hsr_ring_and_one_lan_are_a_circle() -> None:
    made = Builder()
    names = ["n0", "x0", "n1", "x1"]
    for name in names:
        made.node(name, "generic-redbox" if name[0] == "x" else "generic-controller")
    for one, other in pairwise([*names, names[0]]):
        ends = []
        for name in (one, other):
            like = trunk(name, "", {VLAN})
            ends.append(made.port(name, like if name[0] == "x" else replace(like, mode="host", native=None, allowed=frozenset())))
        made.join(*ends)
    made.rings.append(Ring(name="hsr", protocol="hsr", members=tuple(names)))
    made.switch("behind")
    made.trunks("behind", "x0")
    vlans = (Vlan(id=VLAN, name="bus", zone=""),)
    assert prove_redundancy(replace(made.network(), vlans=vlans)).findings == ()
    made.trunks("behind", "x1")
    (finding,) = prove_redundancy(replace(made.network(), vlans=vlans)).findings
    assert "are a circle in VLAN 10" in finding.problem


def test_what_is_routed_stops_with_its_gateway_whatever_other_routers_there_are() -> None:
    made = Builder()
    far = 11

    def address(text: str, vlan: int) -> NodeAddress:
        return NodeAddress(address=ip_address(text), prefix=24, vlan=vlan)

    for number in (1, 2):
        addresses = (address(f"10.0.0.{number}", VLAN), address(f"10.0.1.{number}", far))
        made.node(f"r{number}", "generic-router-4t-2sfp", addresses=addresses)
        made.nodes[f"r{number}"] = replace(made.nodes[f"r{number}"], vlans=frozenset({VLAN, far}), _by_name={})
    for name, vlan in (("s0", VLAN), ("s1", far)):
        made.switch(name)
        made.nodes[name] = replace(made.nodes[name], vlans=frozenset({vlan}), _by_name={})
        for number in (1, 2):
            made.join(made.port(name, trunk(name, "", {vlan})), made.port(f"r{number}", trunk(f"r{number}", "", {vlan})))
    for name, switch, vlan in (("a", "s0", VLAN), ("b", "s1", far)):
        made.node(name, "generic-controller", addresses=(address(f"10.0.{vlan - VLAN}.9", vlan),))
        own = replace(access(name, "", vlan), mode="host", native=None, allowed=frozenset())
        made.join(made.port(name, own), made.port(switch, access(switch, "", vlan)))
    vlans = tuple(
        Vlan(id=vlan, name=f"v{vlan}", zone="", subnet=ip_network(f"10.0.{vlan - VLAN}.0/24"), gateway=gateway)
        for vlan, gateway in ((VLAN, ip_address("10.0.0.1")), (far, ip_address("10.0.1.2")))
    )
    network = replace(made.network(), vlans=vlans)
    points = Ways(network).single_points("a", "b", None)
    assert points is not None
    assert {point.name for point in points if point.kind == "node"} == {"s0", "s1", "r1", "r2"}
    # Without a gateway of its own a router's static route decides.
    a_only = replace(network, vlans=(vlans[0], replace(vlans[1], gateway=None)))
    points = Ways(a_only).single_points("a", "b", None)
    assert points is not None
    assert {point.name for point in points if point.kind == "node"} == {"s0", "s1", "r1"}
    free = replace(network, vlans=tuple(replace(vlan, gateway=None) for vlan in vlans))
    points = Ways(free).single_points("a", "b", None)
    assert points is not None
    assert {point.name for point in points if point.kind == "node"} == {"s0", "s1"}


def test_static_routes_lead_one_way_and_not_around_its_failure() -> None:
    """Three routers in a triangle of routed links: with a routing protocol any link may fail, with static routes those that they name."""
    made = Builder()
    legs = {"r1": ("x", "y"), "r2": ("x", "z"), "r3": ("y", "z")}
    nets = {"x": "10.9.1", "y": "10.9.2", "z": "10.9.3"}
    far = {"r1": "10.0.0", "r2": "10.0.1"}
    for number, (name, both) in enumerate(legs.items(), 1):
        addresses = [NodeAddress(address=ip_address(f"{nets[net]}.{number}"), prefix=24, vlan=None, port=net) for net in both]
        if name in far:
            addresses.append(NodeAddress(address=ip_address(f"{far[name]}.1"), prefix=24, vlan=None, port="lan"))
        made.node(name, "generic-router-4t-2sfp", addresses=tuple(addresses))
        made.ports[name] = [replace(trunk(name, net, set()), mode="routed", native=None) for net in (*both, "lan")]
    by_path = {port.path: port for ports in made.ports.values() for port in ports}
    wires = {net: made.join(*(by_path[f"{name}/{net}"] for name, both in legs.items() if net in both)) for net in nets}
    for name, router in (("a", "r1"), ("b", "r2")):
        address = NodeAddress(address=ip_address(f"{far[router]}.9"), prefix=24, vlan=None)
        made.node(name, "generic-controller", addresses=(address,))
        own = replace(access(name, "", VLAN), mode="host", native=None, allowed=frozenset())
        made.join(made.port(name, own), by_path[f"{router}/lan"])
    network = made.network()
    between = [{point.name for point in Ways(network).single_points("a", "b", None) or ()}]
    to_b, to_a = (ip_network(f"{far[name]}.0/24") for name in ("r2", "r1"))
    routes = (
        Route(node="r1", target=to_b, via=ip_address("10.9.1.2")),
        Route(node="r2", target=to_a, via=ip_address("10.9.1.1")),
    )
    between.append({point.name for point in Ways(replace(network, routes=routes)).single_points("a", "b", None) or ()})
    back = (routes[0], replace(routes[1], via=ip_address("10.9.3.3")), Route(node="r3", target=to_a, via=ip_address("10.9.2.1")))
    between.append({point.name for point in Ways(replace(network, routes=back)).single_points("a", "b", None) or ()})
    ends = {"r1", "r2", "l3", "l4"}
    assert between == [ends, ends | {wires["x"]}, ends | {*wires.values(), "r3"}]


def test_a_switch_reaches_what_hangs_on_it() -> None:
    made = Builder()
    made.switch("s0")
    made.device("a", "s0")
    points = Ways(made.network()).single_points("s0", "a", VLAN)
    assert points is not None
    assert [str(point) for point in points] == ["link l0"]
