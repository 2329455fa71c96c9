"""The example utility: what topology computes beside what the simulator's load flow gives."""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tieline.config import Utility, read_folder
from tieline.grid.topology import Network, State, Topology, network_of
from tieline.model import PointKind, Samples
from tieline.scada.links import SiteStats
from tieline.scada.live import LiveState
from tieline.simulator.plant import Plant

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
NOON = calendar.timegm((2026, 6, 17, 11, 0, 0))
BUSBAR_DISCONNECTOR = "MB/J1/Q01/QB1"
EARTHING_SWITCH = "MB/J1/Q03/QC1"


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture(scope="module")
def network(utility: Utility) -> Network:
    return network_of(utility)


@pytest.fixture
def plant(utility: Utility) -> Plant:
    assert utility.grid is not None
    return Plant(utility.grid, start_s=NOON, seed=3, seconds_between_trips=math.inf)


def see(topology: Topology, plant: Plant, utility: Utility) -> None:
    """Every position of a switch that the plant has; SCL's own disconnectors are closed, its earthing switches open."""
    assert utility.grid is not None
    in_plant = {switch.name for switch in utility.grid.switches}
    network = topology.network
    values = []
    for point in network.positions:
        if point.switch in in_plant:
            kind = PointKind.DOUBLE if point.is_double else PointKind.BINARY
            values.append(plant.read(point.switch, "switch_position", kind=kind))
        else:
            closed = not network.is_earthing(point.switch)
            values.append(1.0 + closed if point.is_double else float(closed))
    topology.update([point.point for point in network.positions], values)


def voltages(utility: Utility, plant: Plant) -> dict[str, float]:
    """The solved voltage of every node, per unit."""
    assert utility.grid is not None
    return {node.name: plant.read(node.name, "voltage") / (node.voltage_kv * 1e3) for node in utility.grid.nodes}


def compare(topology: Topology, utility: Utility, plant: Plant) -> set[str]:
    """The nodes without voltage, which are the same for both."""
    solved = voltages(utility, plant)
    for name, per_unit in solved.items():
        assert topology.is_energized(name) is (per_unit > 0.5), name
    return {name for name, per_unit in solved.items() if per_unit < 0.5}


def operate(plant: Plant, switches: Iterable[str], *, close: bool) -> None:
    for switch in switches:
        plant.operate(switch, "switch_position", float(close))
    for _ in range(5):
        plant.step(1.0)


def test_energization_is_where_the_load_flow_finds_voltage_after_every_operation(
    utility: Utility, network: Network, plant: Plant
) -> None:
    assert utility.grid is not None
    topology = Topology(network)
    see(topology, plant, utility)
    assert compare(topology, utility, plant) == set()
    lost_sometime: set[str] = set()
    for switch in utility.grid.switches:
        if switch.normal == "closed":
            told = topology.would_deenergize(switch.name)
            operate(plant, [switch.name], close=False)
            see(topology, plant, utility)
            dead = compare(topology, utility, plant)
            lost_sometime |= dead
            loads = {load.name: load for load in utility.grid.loads if load.node in dead}
            assert set(loads) == set(told.equipment) & {load.name for load in utility.grid.loads}
            assert told.load_mw == pytest.approx(sum(load.peak_mw for load in loads.values()))
            operate(plant, [switch.name], close=True)
            see(topology, plant, utility)
            assert compare(topology, utility, plant) == set()
    assert len(lost_sometime) > 25


def test_random_switching_agrees_with_the_load_flow(utility: Utility, network: Network, plant: Plant) -> None:
    assert utility.grid is not None
    topology = Topology(network)
    rng = np.random.default_rng(11)
    names = [switch.name for switch in utility.grid.switches]
    for _ in range(25):
        for closes in (False, True):
            operate(plant, rng.choice(names, 4, replace=False).tolist(), close=closes)
            see(topology, plant, utility)
            compare(topology, utility, plant)


def test_measured_voltages_of_the_plant_raise_no_doubts_and_a_dead_one_does(
    utility: Utility, network: Network, plant: Plant
) -> None:
    topology = Topology(network)
    see(topology, plant, utility)
    points = {point.id: point for point in utility.plant_points}
    for each in network.voltages:
        point = points[each.point]
        topology.update(each.point, plant.read(point.equipment, "voltage", point.phase) / (1e3 if each.unit == "kV" else 1.0))
    assert topology.doubts() == {}
    at_millbrook = [each for each in network.voltages if each.node == "mb-in1"]
    topology.update([each.point for each in at_millbrook], 0.0)
    assert list(topology.doubts()) == ["mb-in1"]


def test_a_breaker_of_the_grid_and_of_scl_is_one_with_both_names(network: Network) -> None:
    assert network.switch("mb-q1") == network.switch("MB/J1/Q01/QA1")
    assert network.piece("mb-q1").nodes == ("MB/J1/Q01/L1", "MB/J1/Q01/L2")
    assert network.node("MB/J1/W1/BB1") == network.node("mb-20")


def test_every_switch_of_the_example_has_a_point_that_tells_its_position(network: Network) -> None:
    assert {point.switch for point in network.positions} == set(network.switches)


def test_positions_from_a_live_state_are_unknown_once_they_are_stale(utility: Utility, network: Network, plant: Plant) -> None:
    live = LiveState(utility.points)
    topology, told = Topology(network), Topology(network)
    see(told, plant, utility)
    for site in utility.sites:
        live.heartbeat(site.name, 1_000_000, SiteStats())
    rows = live.rows(network.points)
    for point in network.positions:
        value = {True: 2.0, False: 1.0}[bool(told.position(point.switch))]
        live.seed(Samples.of(point.point, 1_000_000, value if point.is_double else value - 1), 1_000_000)
    for now, expected in ((1_500_000, State.ENERGIZED), (3_600_000_000, State.UNKNOWN)):
        newest = live.newest(rows, now)
        topology.update(newest.point, newest.value, newest.quality, newest.is_stale)
        assert topology.state("hospital-load") is expected
    assert topology.why_unknown("mb-q1") == "its position is stale"


def test_commands_lead_to_their_switches(utility: Utility, network: Network) -> None:
    by_path = {point.path: point.id for point in utility.plant_points}
    assert network.switch_of(by_path["northgate/rtu-1/coupler_command"]) == "ng-q0"
    assert network.switch_of(by_path["millbrook/q01/ctrl-cswi3-pos-command"]) == "MB/J1/Q01/QC1"
    assert network.switch_of(by_path["northgate/tm-1/tap_raise"]) is None


def test_a_disconnector_of_scl_cuts_the_station_off_from_the_grid(utility: Utility, network: Network, plant: Plant) -> None:
    topology = Topology(network)
    see(topology, plant, utility)
    point = next(each for each in network.positions if each.switch == BUSBAR_DISCONNECTOR)
    changes = topology.update(point.point, 1)
    assert changes.switches == (BUSBAR_DISCONNECTOR,)
    assert "hospital" in changes.nodes
    assert topology.state("hospital-load") is State.DE_ENERGIZED
    assert topology.state("mb-in1") is State.ENERGIZED


def test_an_earthing_switch_of_scl_earths_the_cable_of_the_grid(utility: Utility, network: Network, plant: Plant) -> None:
    topology = Topology(network)
    operate(plant, ["mb-qf1"], close=False)
    see(topology, plant, utility)
    assert topology.would_earth_live(EARTHING_SWITCH).ok is True
    point = next(each for each in network.positions if each.switch == EARTHING_SWITCH)
    topology.update(point.point, 2)
    assert topology.state("mill-quarter-load") is State.EARTHED
    assert topology.state("mb-quarter") is State.EARTHED
    assert topology.would_energize("mb-qf1").ok is False


def test_a_controller_and_a_breaker_that_disagree_make_the_position_unknown(
    utility: Utility, network: Network, plant: Plant
) -> None:
    topology = Topology(network)
    see(topology, plant, utility)
    controller, breaker = (each for each in network.positions if each.switch == "mb-q1")
    topology.update(controller.point, 1)
    assert topology.position("mb-q1") is None
    assert topology.why_unknown("mb-q1") == "its points disagree"
    assert topology.state("hospital-load") is State.UNKNOWN
    topology.update(breaker.point, 1)
    assert topology.position("mb-q1") is False
    topology.update(breaker.point, 0)
    assert topology.position("mb-q1") is None
    topology.update(controller.point, 2)
    assert topology.position("mb-q1") is None
    assert topology.why_unknown("mb-q1") == "it is between its positions, or in a bad one"
