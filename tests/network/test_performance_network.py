"""What services send, which way it goes, and what becomes of it after a loss, on described networks."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import tieline.examples
from tests.network.large import write_large
from tieline.config import Utility, read_folder
from tieline.config.network import Link, Network, Node, Port, Ring, Service, standard_catalog
from tieline.network.performance.after import rerouting, worst_after
from tieline.network.performance.headroom import headroom_of
from tieline.network.performance.known import known_of
from tieline.network.performance.network import performance_of
from tieline.network.performance.paths import NoPathError, Paths
from tieline.network.performance.traffic import goose, sampled_values, streams_of, synchrophasors
from tieline.network.redundancy.failures import failures_of
from tieline.network.result import Given, Verdict


@cache
def ridgeway() -> Utility:
    return read_folder(Path(tieline.examples.__path__[0]) / "ridgeway")


def ridgeway_network() -> Network:
    network = ridgeway().network
    assert network is not None
    return network


@pytest.fixture
def station(tmp_path: Path) -> Network:
    """Five switches in a ring with a firewall, six devices each."""
    network = read_folder(write_large(tmp_path, switches=5, vlans=1, switches_a_site=5, devices_a_switch=6)).network
    assert network is not None
    return network


def service(kind: str, source: str, *targets: str, **keys: object) -> Service:
    given: dict[str, object] = {
        "name": "s",
        "kind": kind,
        "sources": (source,),
        "targets": targets,
        "vlan": None,
        "qos": None,
        "transfer_class": None,
        "max_delay_ms": None,
    }
    return Service(**{**given, **keys})  # type: ignore[arg-type]


@pytest.mark.parametrize(("frequency", "rate"), [(50, "4.80"), (60, "5.76")])
def test_a_stream_of_sampled_values_takes_what_is_known(frequency: int, rate: str) -> None:
    network = ridgeway_network()
    network = replace(network, defaults=replace(network.defaults, frequency_hz=frequency), services=())
    source = network.nodes[0].name
    (stream,) = streams_of(replace(network, services=(service("sv", source, svid_octets=10, vlan=1),)))
    assert f"{stream.rate.value:.2f}" == rate
    assert stream.rate.unit == "Mbit/s"
    assert stream.largest_bits == 150 * 8
    assert "svID = 10.00 octets (network.toml, service s)" in str(stream.rate)


def test_two_samples_in_a_frame_halve_the_frames() -> None:
    """IEC 61869-9, F4800S2I4U4: 4,800 samples a second, two in each frame."""
    pattern = sampled_values(Given(10), Given(60), samples_per_period=80, asdus=2)
    assert pattern.frames_per_s.value == 2_400
    assert pattern.frame_octets.value == 130 + 93 + 2  # lengths over 127 take two octets


def test_a_goose_repeats_itself_ever_more_slowly() -> None:
    pattern = goose(Given(180), Given(4), Given(1_000))
    assert pattern.burst_frames.value == 10  # at rest, at 0 and 4, 12, 28, 60, 124, 252, 508, 1020 ms
    assert pattern.spread is not None
    assert pattern.spread.burst == 2 * 200
    assert pattern.spread.rate == pytest.approx(200 / 0.004)


def test_a_synchrophasor_frame_has_the_octets_of_its_standard() -> None:
    assert synchrophasors(Given(6), Given(50), analogs=1, digitals=1).frame_octets.value == 16 + 2 + 48 + 8 + 4 + 2 + 28 + 22


def test_what_the_folder_knows_of_a_device_is_taken() -> None:
    utility, network = ridgeway(), ridgeway_network()
    known = known_of(utility, network)
    assert {"modbus", "dnp3", "mms", "bus"} <= {kind for _, kind in known.sent}
    assert known.goose
    node, kind = next(key for key in known.sent if key[1] == "modbus")
    asked = replace(network, services=(service("modbus", "ng-gw", node),))
    request, answer = streams_of(asked, known)
    assert "poll groups" in str(answer.rate)
    assert (request.source, answer.source) == ("ng-gw", node)
    assert kind == "modbus"
    stated = replace(network, services=(service("modbus", "ng-gw", node, frame_octets=100, frames_per_s=4.0),))
    assert streams_of(stated, known)[1].rate.value == pytest.approx(120 * 8 * 4 / 1e6)


def test_a_large_message_goes_in_several_frames() -> None:
    network = ridgeway_network()
    (stream,) = streams_of(
        replace(network, services=(service("video", "ng-gw", "ng-nvr", frame_octets=3_044, frames_per_s=10.0),))
    )
    assert stream.largest_bits == 1_542 * 8
    assert stream.rate.value == pytest.approx(2 * 1_542 * 8 * 10 / 1e6)


def test_every_stream_of_the_example_has_a_bound_that_says_why() -> None:
    utility, network = ridgeway(), ridgeway_network()
    streams = streams_of(network, known_of(utility, network))
    performance = performance_of(network, streams)
    assert not performance.unrouted
    assert performance.bounds is not None
    assert performance.bounds.is_stable
    results = performance.results()
    kinds = {"worst-case delay", "utilization", "backlog of all queues", "forwarded by all ports together"}
    assert {result.what.split(" to ")[0] for result in results} == kinds
    assert all(math.isfinite(result.value) and result.inputs and result.source for result in results)
    trip = next(result for result in results if result.subject.startswith("northgate-trips"))
    assert trip.limit == pytest.approx(0.6)  # a fifth of TT6
    assert any(line.name.startswith("port ng-") for line in trip.inputs)


def test_a_station_attached_twice_sends_over_both_networks() -> None:
    network = ridgeway_network()
    members = {member for ring in network.rings if ring.protocol == "prp" for member in ring.members}
    one, other, vlan = next(
        (each.sources[0], target, each.vlan)
        for each in network.services
        for target in each.targets
        if each.kind == "goose" and {each.sources[0], target} <= members and target != each.sources[0]
    )
    steps = Paths(network).unicast(one, other, vlan)
    assert sum(step.before < 0 for step in steps) == 2
    lost = network.links[steps[0].way.link].name
    after = Paths(network, [("link", lost)]).unicast(one, other, vlan)
    assert sum(step.before < 0 for step in after) == 1


def test_a_lost_link_of_a_ring_is_gone_around(station: Network) -> None:
    root, last = "s000-sw00-d0", "s000-sw02-d0"
    whole = Paths(station).unicast(root, last, 100)
    names = [station.links[step.way.link].name for step in whole]
    assert len(whole) == 4
    after = Paths(station, [("link", names[1])]).unicast(root, last, 100)
    assert names[1] not in {station.links[step.way.link].name for step in after}
    assert len(after) == 5
    with pytest.raises(NoPathError, match="not joined"):
        Paths(station, [("link", names[1]), ("node", "s000-sw03")]).unicast(root, last, 100)
    with pytest.raises(NoPathError, match="is lost"):
        Paths(station, [("node", last)]).unicast(root, last, 100)
    with pytest.raises(NoPathError, match="VLAN 999"):
        Paths(station).unicast(root, last, 999)


def test_a_multicast_reaches_every_port_of_its_vlan_once(station: Network) -> None:
    steps = Paths(station).flood("s000-sw00-d0", 100)
    ends = [station.links[step.way.link].b.node if step.way.is_forth else station.links[step.way.link].a.node for step in steps]
    assert len(ends) == len(set(ends))
    assert set(ends) == {node.name for node in station.nodes} - {"s000-sw00-d0"}
    assert all(step.before < index for index, step in enumerate(steps))


def test_subnets_are_joined_by_routers(tmp_path: Path) -> None:
    network = read_folder(write_large(tmp_path, switches=6, vlans=6, switches_a_site=2)).network
    assert network is not None
    steps = Paths(network).unicast("s000-gw", "s001-gw", None)
    ends = {name for step in steps for name in network.links[step.way.link].nodes}
    assert {"s000-fw", "s001-fw"} <= ends
    duct = next(failure for failure in failures_of(network) if failure.name == "duct-0")
    around = Paths(network, duct.gone).unicast("s000-gw", "s001-gw", None)
    assert "s002-fw" in {name for step in around for name in network.links[step.way.link].nodes}


def test_after_a_loss_the_longer_way_has_the_greater_bound(station: Network) -> None:
    trip = service("goose", "s000-sw00-d0", "s000-sw02-d0", vlan=100, transfer_class="TT6", max_delay_ms=3.0)
    network = replace(station, services=(trip,))
    streams = streams_of(network)
    everything = performance_of(network, streams)
    (whole,) = everything.delays()
    failures = rerouting(everything, failures_of(network))
    (raised,) = worst_after(everything, failures)
    assert raised.result.value > whole.value
    assert raised.failure.kind in {"link", "node"}
    assert raised.result.what.endswith(f"after the failure of {raised.failure}")
    # Nobody asked for redundancy, so nothing is judged; where it is asked, that comes first, and more where more is not asked.
    assert raised.result.verdict is Verdict.INFORMATION
    assert "does not have to survive" in raised.result.note
    asked = replace(network, services=(replace(trip, redundancy="any_link"),))
    judged = worst_after(performance_of(asked, streams_of(asked)), failures)
    assert [each.failure.kind for each in judged if each.has_to_survive] == ["link"]
    assert {each.result.verdict for each in judged if each.has_to_survive} == {Verdict.OK}
    gone = performance_of(network, streams, [("node", "s000-sw02")])
    (result,) = gone.delays()
    assert result.verdict is Verdict.FAILS


def test_more_than_a_link_carries_has_no_bound_and_names_the_port(station: Network) -> None:
    flood = service("video", "s000-sw00-d0", "s000-sw01-d0", vlan=100, rate_kbps=150_000.0)
    performance = performance_of(replace(station, services=(flood,)), streams_of(replace(station, services=(flood,))))
    (delay,) = performance.delays()
    assert delay.verdict is Verdict.FAILS
    assert "s000-sw00-d0/1" in delay.note
    assert any(result.value > 100 and result.verdict is Verdict.FAILS for result in performance.utilizations())


def hsr_ring(count: int) -> Network:
    """Relays that pass frames on around a ring, each over its ports 1 and 2."""
    catalog = standard_catalog()
    model = catalog.models["generic-relay-prp"]

    def port(node: str, name: str) -> Port:
        return Port(node=node, name=name, medium="fiber", connector="lc", speeds_mbps=(100,), optics="", mode="host")

    names = [f"ied-{index}" for index in range(count)]
    nodes = tuple(
        Node(
            name=name,
            site="s",
            rack="",
            kind="relay",
            model=model,
            ports=(port(name, "1"), port(name, "2")),
            vlans=frozenset(),
        )
        for name in names
    )
    links = tuple(
        Link(
            name=f"l{index}",
            a=nodes[index].ports[0],
            b=nodes[(index + 1) % count].ports[1],
            medium="fiber",
            cable=None,
            length_m=50,
            speed_mbps=100,
        )
        for index in range(count)
    )
    ring = Ring(name="hsr", protocol="hsr", members=tuple(names))
    base = ridgeway_network()
    services = tuple(service("goose", name, names[0] if name != names[0] else names[1], name=name, vlan=5) for name in names)
    return replace(base, nodes=nodes, links=links, rings=(ring,), services=services, ducts=(), acls=(), supplies=(), classes=())


def test_a_ring_of_relays_is_gone_around_both_ways_and_bounded() -> None:
    network = hsr_ring(6)
    steps = Paths(network).unicast("ied-0", "ied-2", 5)
    assert [step.before for step in steps] == [-1, 0, -1, 2, 3, 4]
    with pytest.raises(NoPathError):
        Paths(network, [("link", "l1"), ("link", "l4")]).unicast("ied-0", "ied-2", 5)
    performance = performance_of(network, streams_of(network))
    assert performance.bounds is not None
    assert performance.bounds.is_cyclic
    assert performance.bounds.is_stable


def test_what_breaks_first_when_traffic_grows_is_named(station: Network) -> None:
    """40 Mbit/s of video fit 2.5 times into 100 Mbit/s; the last link is fullest, for the trips of others come along."""
    video = service("video", "s000-sw00-d0", "s000-sw01-d0", vlan=100, rate_kbps=40_000.0, burst_frames=1.0, name="video")
    trip = service("goose", "s000-sw02-d0", "s000-sw03-d0", vlan=100, qos=station.classes[-1], max_delay_ms=50.0, name="trip")
    network = replace(station, services=(video, trip))
    performance = performance_of(network, streams_of(network))
    result = headroom_of(performance)
    assert result is not None
    assert result.value == pytest.approx(100 / (40 * 1_542 / 1_522), rel=0.011)
    assert "it is full: port s000-sw01/1 cannot send all of video" in result.note
    assert result.subject == "s000-sw01-d0"
    assert result.verdict is Verdict.OK
    # A poll behind a camera whose own link is full first has no bound either; what breaks is the camera's link.
    camera = replace(video, rate_kbps=9_000.0)
    poll = service("modbus", "s000-gw", "s000-sw01-d1", vlan=100, max_delay_ms=50.0, name="poll")
    behind = replace(network, services=(poll, camera))
    first = headroom_of(performance_of(behind, streams_of(behind)))
    assert first is not None
    assert (
        "s000-sw00-d0" in first.note.partition(" breaks first")[0] or "s000-sw01-d0" in first.note.partition(" breaks first")[0]
    )
    assert "100 % full" not in first.note
    hurried = replace(network, services=(replace(video, max_delay_ms=0.1),))
    assert headroom_of(performance_of(hurried, streams_of(hurried))) is None
    idle = replace(network, services=(replace(video, rate_kbps=1.0),))
    unlimited = headroom_of(performance_of(idle, streams_of(idle)))
    assert unlimited is not None
    assert "at least" in unlimited.note


def test_a_short_goose_is_as_long_as_the_shortest_frame_at_once_too() -> None:
    pattern = goose(Given(40), Given(4), Given(1_000))
    assert pattern.spread is not None
    assert pattern.spread.burst == 2 * 88
