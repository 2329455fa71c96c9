"""The communications network of the example as it lives: what a cut, a lost supply or an exchanged cable does to what ports show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tieline.config import Utility, read_folder
from tieline.network.performance.known import known_of
from tieline.network.performance.traffic import streams_of
from tieline.simulator.communications import ERRORS, IN_FRAMES, IN_OCTETS, OUT_OCTETS, Communications, find_gateways

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
def network(utility: Utility) -> Communications:
    assert utility.network is not None
    streams = streams_of(utility.network, known_of(utility, utility.network))
    return Communications(utility.network, streams, now_s=100.0, rng=np.random.default_rng(1))


def test_whole_every_node_is_fed_every_link_is_up_and_every_watched_node_is_reached(network: Communications) -> None:
    assert all(network.is_alive(node.name) for node in network.network.nodes)
    assert all(network.is_up(port.path) for link in network.network.links for port in (link.a, link.b))
    switches = [node for node in network.network.nodes if node.model.has_snmp and node.addresses and node.site != "ridge-road"]
    assert len(switches) > 15
    for node in switches:
        (gateway,) = find_gateways(network.network, node.site)
        assert network.joins(gateway, node.name), node.name


def test_a_cut_link_is_down_at_both_ends_and_comes_back(network: Communications) -> None:
    network.cut("ng-fw-cam", 110.0)
    assert not network.is_up("ng-fw/2")
    assert not network.is_up("ng-cam-sw/8")
    assert network.is_up("ng-cam-sw/9")
    assert not network.joins("ng-gw", "ng-cam-sw")
    assert network.changed_s[network.row("ng-fw/2")] == 110.0
    network.cut("ng-fw-cam", 120.0, is_cut=False)
    assert network.is_up("ng-fw/2")
    assert network.joins("ng-gw", "ng-cam-sw")


def test_traffic_takes_the_other_way_around_a_ring_that_is_cut(network: Communications) -> None:
    row = network.row("mb-s1/18")
    before = network.rate(row, IN_OCTETS)
    network.cut("mb-ring1", 110.0)
    assert network.rate(row, IN_OCTETS) > before + 100
    assert network.rate(network.row("mb-s1/17"), IN_OCTETS) == 0
    assert all(network.joins("mb-gw", name) for name in ("mb-s2", "mb-s6"))


def test_everything_in_a_duct_is_cut_with_it(network: Communications) -> None:
    network.cut_duct("river-bridge", 110.0)
    assert not network.is_up("cc-fw/7")
    assert not network.is_up("cc-fw/8")
    assert not network.joins("ng-gw", "dmz-1")
    assert network.joins("ng-gw", "sf-gw")
    network.cut_duct("river-bridge", 120.0, is_cut=False)
    assert network.joins("ng-gw", "dmz-1")


def test_a_lost_supply_takes_with_it_what_it_alone_feeds(network: Communications) -> None:
    network.lose_supply("ng-54", 110.0)
    assert not network.is_alive("ng-cam-sw")
    assert not network.is_alive("ng-cam-gate")
    assert network.is_alive("ng-nvr")
    network.lose_supply("ng-54", 120.0, is_lost=False)
    assert network.is_alive("ng-cam-gate")
    assert network.boots["ng-cam-sw"] == 1
    assert network.started_s["ng-cam-sw"] == 120.0
    network.lose_supply("ng-110a", 130.0)
    assert not network.is_fed("ng-48a")
    assert network.is_alive("ng-acc")
    assert not network.is_alive("ng-a1")
    assert not network.is_up("ng-rb/a")


def test_a_camera_whose_power_is_switched_off_is_dark_and_its_link_down(network: Communications) -> None:
    watts = network.delivered_w("ng-cam-sw/1")
    assert watts is not None
    assert 5 < watts < 12.95
    network.switch_power("ng-cam-sw/1", 110.0, is_on=False)
    assert network.delivered_w("ng-cam-sw/1") is None
    assert not network.is_alive("ng-cam-gate")
    assert not network.is_up("ng-cam-sw/1")
    network.switch_power("ng-cam-sw/1", 120.0, is_on=True)
    assert network.is_up("ng-cam-sw/1")


def test_exchanged_cables_show_each_other_until_they_are_put_back(network: Communications) -> None:
    for now_s, expected in ((110.0, ("ng-tm1", "ng-rtu")), (120.0, ("ng-rtu", "ng-tm1"))):
        network.swap("ng-acc/2", "ng-acc/3", now_s)
        found = [network.opposite(port) for port in ("ng-acc/2", "ng-acc/3")]
        assert tuple(port.node for port in found if port is not None) == expected


def test_a_camera_on_an_exchanged_cable_keeps_its_picture_and_its_power(network: Communications) -> None:
    network.swap("ng-cam-sw/1", "ng-cam-sw/7", 110.0)
    assert network.is_alive("ng-cam-gate")
    assert network.delivered_w("ng-cam-sw/7") == pytest.approx(0.7 * 12.95)
    assert network.rate(network.row("ng-cam-sw/7"), IN_OCTETS) > 500_000


def test_counters_grow_by_the_rates_of_the_designed_streams(network: Communications) -> None:
    row = network.row("ng-cam-sw/1")
    rate = network.rate(row, IN_OCTETS)
    assert rate == pytest.approx(6e6 / 8, rel=0.25)
    assert network.count(row, IN_OCTETS, 130.0) == pytest.approx(30 * rate, abs=1)
    network.wander(130.0)
    assert network.count(row, IN_OCTETS, 130.0) == pytest.approx(30 * rate, abs=1)
    assert network.rate(row, IN_OCTETS) != rate
    recorder = network.row("ng-cam-sw/9")
    assert network.rate(recorder, OUT_OCTETS) > 4.5 * rate
    assert network.rate(row, IN_FRAMES) == pytest.approx(network.rate(row, IN_OCTETS) / 1_400, rel=0.05)


def test_bad_frames_are_counted_and_a_restarted_node_counts_from_zero(network: Communications) -> None:
    row = network.row("ng-acc/3")
    network.disturb("ng-acc/3", 5.0, 110.0)
    assert network.count(row, ERRORS, 120.0) == 50
    network.load_firmware("ng-acc", "9.9", 130.0)
    assert network.firmware("ng-acc") == "9.9"
    assert network.count(row, ERRORS, 130.0) == 0
    assert network.count(row, ERRORS, 131.0) == 5
