"""Which way frames go through boxes between redundant networks, link aggregations and devices with several links, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from tieline.config.network import (
    Catalog,
    Defaults,
    Link,
    Model,
    Network,
    Node,
    NodeAddress,
    Port,
    QosClass,
    Ring,
    Route,
    Service,
    standard_catalog,
)
from tieline.config.network.catalog import PortGroup
from tieline.network.performance.network import performance_of
from tieline.network.performance.paths import NoPathError, Paths
from tieline.network.performance.traffic import streams_of
from tieline.network.result import Verdict

_KINDS = {"s": "generic-ie-8p-2sfp", "b": "generic-redbox", "d": "generic-relay-prp"}


def network_of(
    *pairs: str, rings: tuple[Ring, ...] = (), vlans: dict[str, int] | None = None, model: Model | None = None
) -> Network:
    """Nodes by the first letter of their names: a switch, a box or a device; links at 100 Mbit/s like `s1-d1`, in LAG x like `s1-s2 x`.

    Ports carry every VLAN; those of `vlans`, by the name of their link, one alone.
    """
    catalog = standard_catalog()
    ports: dict[str, list[Port]] = {}
    links = []
    for text in pairs:
        ends, _, lag = text.partition(" ")
        made = []
        for name in ends.split("-"):
            mine = ports.setdefault(name, [])
            only = (vlans or {}).get(ends)
            mine.append(
                Port(
                    node=name,
                    name=str(len(mine) + 1),
                    medium="fiber",
                    connector="lc",
                    speeds_mbps=(100,),
                    optics="",
                    mode="host" if name[0] == "d" else "trunk" if only is None else "access",
                    native=only,
                    allowed=frozenset(range(1, 20)) if only is None else frozenset({only}),
                    lag=lag,
                )
            )
            made.append(mine[-1])
        link = Link(name=text, a=made[0], b=made[1], medium="fiber", cable=None, length_m=0, speed_mbps=100)
        links.append(replace(link, name=f"{text} {len(links)}") if lag else link)
    nodes = tuple(
        Node(
            name=name,
            site="x",
            rack="",
            kind=used.kind,
            model=used,
            ports=tuple(mine),
            vlans=frozenset(range(1, 20)),
        )
        for name, mine in ports.items()
        for used in [model if model is not None and name[0] == "s" else catalog.models[_KINDS[name[0]]]]
    )
    return Network(
        defaults=Defaults(),
        catalog=Catalog(),
        places=(),
        vlans=(),
        classes=(),
        nodes=nodes,
        links=tuple(links),
        rings=rings,
    )


def service(source: str, *targets: str, **keys: object) -> Service:
    given: dict[str, object] = {"name": "s", "kind": "goose", "sources": (source,), "targets": targets, "vlan": 5, "qos": None}
    return Service(**{"transfer_class": None, "max_delay_ms": None, **given, **keys})  # type: ignore[arg-type]


def ways(network: Network, steps: object) -> list[str]:
    """Each row of steps as the nodes that it goes through, without rows that others go on from."""
    steps = list(steps)  # type: ignore[call-overload]
    inner = {step.before for step in steps}
    found = []
    for index in range(len(steps)):
        if index in inner:
            continue
        at, names = index, []
        while at >= 0:
            link = network.links[steps[at].way.link]
            ends = (link.a.node, link.b.node) if steps[at].way.is_forth else (link.b.node, link.a.node)
            names.append(ends[1])
            at, begin = steps[at].before, ends[0]
        found.append(" ".join([begin, *reversed(names)]))
    return sorted(found)


def prp(*members: str) -> Ring:
    return Ring(name="prp", protocol="prp", members=members, lan_a=("sa",), lan_b=("sb",))


HSR = Ring(name="hsr", protocol="hsr", members=("d1", "d2", "b1", "d3"))
BOXES = ("sa-d1", "sb-d1", "b1-sa", "b1-sb", "b2-sa", "b2-sb", "b1-s1", "b2-s2", "s1-d3", "s2-d4")


def test_a_device_of_an_hsr_ring_reaches_what_is_behind_a_box_and_is_reached_from_there() -> None:
    network = network_of("d1-d2", "d2-b1", "b1-d3", "d3-d1", "b1-s1", "s1-d4", rings=(HSR,))
    paths = Paths(network)
    # What is meant for nobody in the ring goes around until it is back; the box sends on the copy that is there first, whichever it is.
    assert ways(network, paths.unicast("d1", "d4", 5)) in (
        ["d1 d2 b1 d3", "d1 d3 b1 d2", "d1 d3 b1 s1 d4"],
        ["d1 d2 b1 d3", "d1 d2 b1 s1 d4", "d1 d3 b1 d2"],
    )
    assert ways(network, paths.unicast("d4", "d2", 5)) == ["d4 s1 b1 d2", "d4 s1 b1 d3 d1 d2"]
    assert ways(network, Paths(network, [("link", "d2-b1")]).unicast("d4", "d2", 5)) == ["d4 s1 b1 d3 d1 d2"]
    with pytest.raises(NoPathError):
        Paths(network, [("node", "b1")]).unicast("d1", "d4", 5)
    ends = {way.split()[-1] for way in ways(network, paths.flood("d4", 5))}
    assert ends == {"d2", "d3"}  # the last of each way around the ring, before they meet the box again
    assert len(paths.flood("d4", 5)) == 2 + 2 * 3
    assert [way for way in ways(network, paths.flood("d1", 5)) if way.endswith("s1 d4")]


def test_boxes_of_a_prp_network_join_what_is_behind_them_and_not_the_two_lans() -> None:
    network = network_of(*BOXES, rings=(prp("d1", "b1", "b2"),))
    paths = Paths(network)
    assert ways(network, paths.unicast("d3", "d1", 5)) == ["d3 s1 b1 sa d1", "d3 s1 b1 sb d1"]
    assert ways(network, paths.unicast("d3", "d4", 5)) == ["d3 s1 b1 sa b2 s2 d4", "d3 s1 b1 sb b2"]
    flood = ways(network, paths.flood("d1", 5))
    assert sum(way.endswith("s2 d4") for way in flood) == 1
    assert not any("sa" in way.split() and "sb" in way.split() for way in flood)
    without = Paths(network, [("node", "sa")])
    assert ways(network, without.unicast("d3", "d4", 5)) == ["d3 s1 b1 sb b2 s2 d4"]


def test_a_device_with_a_link_in_each_of_two_vlans_takes_the_one_of_the_service() -> None:
    network = network_of("d1-s1", "d1-s2", "s1-d2", "s2-d3", "s1-s2", vlans={"d1-s1": 4, "s1-s2": 4})
    assert ways(network, Paths(network).unicast("d3", "d1", 5)) == ["d3 s2 d1"]
    assert ways(network, Paths(network).flood("d3", 5)) == ["d3 s2 d1"]


def test_a_multicast_that_misses_one_of_its_targets_fails() -> None:
    network = network_of("d1-s1", "s1-d2", "s1-s2", "s2-d3", vlans={"s1-s2": 4})
    asked = replace(network, services=(service("d1", "d2", "d3", max_delay_ms=1_000.0),))
    (delay,) = performance_of(asked, streams_of(asked)).delays()
    assert delay.verdict is Verdict.FAILS
    assert "does not reach d3" in delay.note


def test_a_lag_may_put_all_streams_on_one_link_and_is_used_by_all_of_them() -> None:
    """60 + 60 Mbit/s fit into two links of 100 Mbit/s, unless they share one of them."""
    network = network_of("d1-s1", "d2-s1", "s1-s2 x", "s1-s2 x", "s2-d3", "s2-d4")
    calm = {"kind": "other", "rate_kbps": 30_000.0, "burst_frames": 1.0, "max_delay_ms": 100.0}
    many = {**calm, "rate_kbps": 60_000.0}
    for keys, verdict, words in ((calm, Verdict.OK, "delays are for that case"), (many, Verdict.FAILS, "delays have no bound")):
        asked = (service("d1", "d3", name="one", **keys), service("d2", "d4", name="other", **keys))
        asking = replace(network, services=asked)
        performance = performance_of(asking, streams_of(asking))
        used = next(each for each in performance.utilizations() if each.subject.startswith("s1-s2 x 2 from s1"))
        assert used.verdict is Verdict.OK
        assert used.value == pytest.approx(float(keys["rate_kbps"]) / 1e3 * 1_542 / 1_522, rel=1e-6)  # type: ignore[arg-type]
        assert words in used.note
        assert {delay.verdict for delay in performance.delays()} == {verdict}
    assert all("LAG" in delay.note for delay in performance.delays())


def test_frames_that_come_over_a_lag_may_meet_again_behind_it() -> None:
    """Behind one link two streams come one after the other; behind two they may come at once."""
    keys = {"kind": "other", "frame_octets": 1_000, "frames_per_s": 1.0, "max_delay_ms": 100.0}
    delays = []
    for between in (("s1-s2",), ("s1-s2 x", "s1-s2 x")):
        network = network_of("d1-s1", "d2-s1", *between, "s2-d3")
        asking = replace(network, services=(service("d1", "d3", name="a", **keys), service("d2", "d3", name="b", **keys)))
        delays.append(max(delay.value for delay in performance_of(asking, streams_of(asking)).delays()))
    assert delays[1] > delays[0] + 1_000 * 8 / 100e6 * 1e3 * 0.8


def test_a_switch_with_one_queue_knows_no_priority() -> None:
    classes = (QosClass(name="high", pcp=(7,), queue=1), QosClass(name="low", pcp=(0,), queue=0))
    burst = {"kind": "other", "frame_octets": 1_000, "frames_per_s": 1.0, "burst_frames": 20.0}
    values = []
    for queues in (8, 1):
        model = standard_catalog().models["generic-ie-8p-2sfp"].model_copy(update={"queues": queues})
        network = replace(network_of("d1-s1", "d2-s1", "d4-s1", "s1-d3", model=model), classes=classes)
        asked = (
            service("d1", "d3", name="trip", qos=classes[0]),
            service("d2", "d3", name="bulk", **{**burst, "qos": classes[1]}),
            service("d4", "d3", name="more", **{**burst, "qos": classes[1]}),
        )
        asking = replace(network, services=asked)
        values.append(next(each.value for each in performance_of(asking, streams_of(asking)).delays() if "trip" in each.subject))
    assert values[1] > values[0] + 18 * 1_020 * 8 / 100e6 * 1e3


def test_prp_makes_every_frame_six_octets_longer() -> None:
    network = network_of("sa-d1", "sb-d1", "sa-d2", "sb-d2", rings=(prp("d1", "d2"),))
    asking = replace(network, services=(service("d1", "d2", frame_octets=180),))
    performance = performance_of(asking, streams_of(asking))
    assert performance.columns is not None
    assert performance.columns[2].largest_bits.tolist() == [206 * 8]
    assert performance.columns[1].blocking_bits == 1_548 * 8


def test_packets_go_to_their_gateway_and_where_static_routes_say() -> None:
    """The direct link between two routers is not used where a static route leads around it."""
    model = standard_catalog().models["generic-router-4t-2sfp"]
    network = network_of("d1-s1", "s1-s2", "s1-s3", "s3-s2", "s2-d2", model=model)
    subnets = {link.name: number for number, link in enumerate(network.links)}
    last = {"s1": 1, "s2": 2, "s3": 3, "d1": 9, "d2": 9}

    def address(port: Port, link: str) -> NodeAddress:
        at = "" if port.mode == "host" else port.name
        return NodeAddress(address=ip_address(f"10.0.{subnets[link]}.{last[port.node]}"), prefix=24, vlan=None, port=at)

    def routed(port: Port) -> Port:
        return port if port.mode == "host" else replace(port, mode="routed", native=None, allowed=frozenset())

    links = tuple(replace(link, a=routed(link.a), b=routed(link.b)) for link in network.links)
    nodes = tuple(
        replace(
            node,
            ports=tuple(map(routed, node.ports)),
            addresses=tuple(address(port, link.name) for link in links for port in (link.a, link.b) if port.node == node.name),
            _by_name={},
        )
        for node in network.nodes
    )
    network = replace(network, nodes=nodes, links=links)
    assert ways(network, Paths(network).unicast("d1", "d2", None)) == ["d1 s1 s2 d2"]
    target, via = ip_network("10.0.4.0/24"), {"s1": "10.0.2.3", "s3": "10.0.3.2"}
    routes = tuple(Route(node=name, target=target, via=ip_address(text)) for name, text in via.items())
    around = replace(network, routes=routes)
    assert ways(around, Paths(around).unicast("d1", "d2", None)) == ["d1 s1 s3 s2 d2"]
    with pytest.raises(NoPathError):
        Paths(around, [("node", "s3")]).unicast("d1", "d2", None)


def test_a_port_with_a_buffer_of_its_own_is_judged_by_that() -> None:
    model = standard_catalog().models["generic-ie-8p-2sfp"]
    groups = [PortGroup(names="1-2"), PortGroup(names="3", buffer_kib=2.0)]
    model = model.model_copy(update={"ports": groups, "buffer_kib": 500.0})
    network = network_of("d1-s1", "d2-s1", "s1-d3", model=model)
    burst = {"kind": "other", "frame_octets": 1_000, "frames_per_s": 1.0, "burst_frames": 20.0}
    asking = replace(network, services=(service("d1", "d3", name="one", **burst), service("d2", "d3", name="other", **burst)))
    (found,) = (each for each in performance_of(asking, streams_of(asking)).backlogs() if each.subject.startswith("s1"))
    assert found.subject == "s1/3"
    assert found.verdict is Verdict.FAILS
    back = replace(asking, services=(service("d3", "d1", **burst),))
    (found,) = (each for each in performance_of(back, streams_of(back)).backlogs() if each.subject.startswith("s1"))
    assert (found.subject, found.verdict) == ("s1", Verdict.OK)


def test_a_switch_that_has_to_forward_more_than_all_its_ports_together_can_fails() -> None:
    model = standard_catalog().models["generic-ie-8p-2sfp"].model_copy(update={"switching_mbps": 100.0})
    network = network_of("d1-s1", "d2-s1", "s1-d3", "s1-d4", model=model)
    for rate, verdict in ((40_000.0, Verdict.OK), (60_000.0, Verdict.FAILS)):
        keys = {"kind": "other", "rate_kbps": rate}
        asking = replace(network, services=(service("d1", "d3", name="one", **keys), service("d2", "d4", name="other", **keys)))
        (found,) = (each for each in performance_of(asking, streams_of(asking)).backlogs() if each.what.startswith("forwarded"))
        assert (found.subject, found.verdict) == ("s1", verdict)
        assert found.value == pytest.approx(2 * rate / 1e3 * 1_542 / 1_522, rel=1e-6)
