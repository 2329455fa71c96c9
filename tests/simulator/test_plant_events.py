"""What can happen to the plant: sources that are lost, faults, loads that grow, generation that is missing."""

from __future__ import annotations

import calendar
import math
from pathlib import Path

import numpy as np
import pytest

from tieline.config import Utility, read_folder
from tieline.config.grid import ExternalSource, Grid, Load, Node, Shunt, Storage, Switch
from tieline.model import ConfigError, PointKind
from tieline.simulator import (
    FaultEvent,
    Field,
    GenerationEvent,
    LoadEvent,
    Scenario,
    SourceEvent,
    SwitchEvent,
    read_scenario,
)
from tieline.simulator.plant import Plant, PowerSystem

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
NOON = calendar.timegm((2026, 6, 17, 11, 0, 0))


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


def build(utility: Utility) -> Plant:
    assert utility.grid is not None
    return Plant(utility.grid, start_s=NOON, seed=5)


def small(*, system: PowerSystem | None = None, storage: tuple[Storage, ...] = ()) -> Plant:
    """Two supplies, a busbar, two loads of 4 and 6 MW behind breakers, and two steps of capacitors."""
    names = ("in-1", "in-2", "bus", "f-1", "f-2", "c-1", "c-2")
    grid = Grid(
        nodes=tuple(Node(name=name, voltage_kv=20) for name in names),
        sources=(ExternalSource(name="net-1", node="in-1"), ExternalSource(name="net-2", node="in-2")),
        switches=(
            Switch(name="q-1", from_node="in-1", to_node="bus"),
            Switch(name="q-2", from_node="in-2", to_node="bus", normal="open"),
            Switch(name="q-f1", from_node="bus", to_node="f-1"),
            Switch(name="q-f2", from_node="bus", to_node="f-2"),
            Switch(name="q-c1", from_node="bus", to_node="c-1", normal="open"),
            Switch(name="q-c2", from_node="bus", to_node="c-2", normal="open"),
        ),
        loads=(
            Load(name="load-1", node="f-1", peak_mw=4, profile="constant"),
            Load(name="load-2", node="f-2", peak_mw=6, profile="constant"),
        ),
        storage=storage,
        shunts=(Shunt(name="cap-1", node="c-1", reactive_mvar=1.0), Shunt(name="cap-2", node="c-2", reactive_mvar=2.0)),
    )
    return Plant(grid, start_s=NOON, seed=3, system=system)


def run(plant: Plant, seconds: float, step: float = 0.1) -> None:
    for _ in range(round(seconds / step)):
        plant.step(step)


def test_what_a_lost_source_alone_has_fed_is_dead_until_it_returns() -> None:
    plant = small()
    plant.feed("net-1", feeding=False)
    plant.step(0.1)
    assert plant.read("bus", "voltage") == 0
    assert plant.read("bus", "frequency") == 0
    assert plant.read("in-2", "voltage") > 19_000
    plant.operate("q-1", "switch_position", 0)
    plant.operate("q-2", "switch_position", 1)
    run(plant, 1.0)
    assert plant.read("bus", "voltage") > 19_000
    assert plant.read("in-1", "voltage") == 0
    plant.feed("net-1", feeding=True)
    plant.step(0.1)
    assert plant.read("in-1", "voltage") > 19_000


def test_a_utility_without_any_source_is_dark_and_comes_back(utility: Utility) -> None:
    plant = build(utility)
    plant.feed("tso", feeding=False)
    run(plant, 1.0)
    assert plant.read("ng-132", "voltage") == 0
    assert plant.read("harbor-load", "active_power") == 0
    assert plant.read("sf-pv1", "active_power") == 0
    plant.feed("tso", feeding=True)
    run(plant, 1.0)
    assert plant.read("ng-132", "voltage") > 130_000
    assert plant.read("harbor-load", "active_power") < -1e6


def test_the_voltage_of_a_source_is_what_it_is_set_to() -> None:
    plant = small()
    plant.set_source_voltage("net-1", 1.05)
    plant.step(0.1)
    assert plant.read("in-1", "voltage") == pytest.approx(21_000, rel=0.015)


def test_a_load_grows_along_its_ramp() -> None:
    plant = small()
    before = plant.read("load-1", "active_power")
    plant.scale_load("load-1", 1.5, over_s=10.0)
    run(plant, 5.0)
    assert plant.read("load-1", "active_power") == pytest.approx(1.25 * before, rel=0.06)
    run(plant, 10.0)
    assert plant.read("load-1", "active_power") == pytest.approx(1.5 * before, rel=0.06)


def test_capacitors_inject_only_while_their_breaker_is_closed() -> None:
    plant = small()
    before = plant.read("net-1", "reactive_power")
    assert plant.read("cap-2", "reactive_power") == 0
    plant.operate("q-c2", "switch_position", 1)
    run(plant, 1.0)
    assert plant.read("cap-2", "reactive_power") == pytest.approx(2e6, rel=0.03)
    assert plant.read("net-1", "reactive_power") == pytest.approx(before - 2e6, abs=3e5)


def test_protection_opens_what_feeds_a_fault_as_often_as_it_is_closed(utility: Utility) -> None:
    plant = build(utility)
    plant.fault("mb-20")
    plant.step(0.1)
    assert plant.read("mb-q1", "switch_position", kind=PointKind.DOUBLE) == 1
    assert plant.read("mb-q1", "trip") == 1
    assert plant.read("mb-20", "voltage") == 0
    assert plant.read("mb-in1", "voltage") > 19_000
    assert plant.read("mb-qf1", "switch_position", kind=PointKind.DOUBLE) == 2
    run(plant, 30.0, 1.0)
    assert plant.read("mb-q1", "switch_position", kind=PointKind.DOUBLE) == 1  # it does not reclose
    plant.operate("mb-q2", "switch_position", 1)
    run(plant, 2.0)
    assert plant.read("mb-q2", "switch_position", kind=PointKind.DOUBLE) == 1
    assert plant.read("mb-q2", "trip") == 1
    plant.repair("mb-20")
    plant.operate("mb-q1", "switch_position", 1)
    run(plant, 2.0)
    assert plant.read("mb-20", "voltage") > 19_000


def test_a_fault_on_a_cable_is_cleared_at_its_beginning(utility: Utility) -> None:
    plant = build(utility)
    plant.fault("mb-in1")
    plant.step(0.1)
    assert plant.read("ng-qf1", "trip") == 1
    assert plant.read("mb-q1", "trip") == 0  # nothing feeds the fault from that side
    assert plant.read("mb-20", "voltage") == 0


def test_a_jammed_switch_neither_opens_nor_trips() -> None:
    plant = small()
    plant.jam("q-1")
    plant.operate("q-1", "switch_position", 0)
    plant.trip("q-1")
    run(plant, 2.0)
    assert plant.read("q-1", "switch_position", kind=PointKind.DOUBLE) == 2
    plant.jam("q-1", jammed=False)
    plant.operate("q-1", "switch_position", 0)
    run(plant, 2.0)
    assert plant.read("q-1", "switch_position", kind=PointKind.DOUBLE) == 1


def test_frequency_falls_at_the_rate_that_inertia_permits() -> None:
    plant = small(system=PowerSystem(rated_mva=100, inertia_s=5.0))
    before = plant.read("bus", "frequency")
    plant.lose_generation(10e6)
    run(plant, 0.5, 0.05)
    assert (plant.read("bus", "frequency") - before) / 0.5 == pytest.approx(-0.1 * 50 / (2 * 5.0), rel=0.15)


def test_frequency_settles_where_droop_and_damping_balance_the_loss() -> None:
    plant = small(system=PowerSystem(rated_mva=100, damping=2.0, droop_percent=4.0, reserve_percent=50.0))
    plant.lose_generation(10e6)
    seen = []
    for _ in range(1200):
        plant.step(0.1)
        seen.append(plant.read("bus", "frequency"))
    expected = 50 - 0.1 * 50 / (2.0 + 1 / 0.04)
    assert np.mean(seen[600:]) == pytest.approx(expected, abs=0.02)
    assert min(seen) < expected - 0.1  # the governors are late


def test_shed_load_and_returned_generation_bring_the_frequency_back() -> None:
    plant = small(system=PowerSystem(rated_mva=20, reserve_percent=0.0))
    plant.lose_generation(4e6)
    run(plant, 3.0)
    low = plant.read("bus", "frequency")
    assert low < 48.5
    plant.operate("q-f1", "switch_position", 0)
    run(plant, 60.0)
    assert plant.read("bus", "frequency") == pytest.approx(50.0, abs=0.3)
    plant.operate("q-f1", "switch_position", 1)
    plant.lose_generation(-4e6)
    run(plant, 200.0)
    assert plant.read("bus", "frequency") == pytest.approx(50.0, abs=0.1)


def test_a_battery_that_answers_the_frequency_relieves_the_system() -> None:
    battery = Storage(name="battery", node="bus", rated_mw=4, capacity_mwh=8)
    system = PowerSystem(rated_mva=20, reserve_percent=0.0)
    lowest = {}
    for name, storage in (("with", (battery,)), ("without", ())):
        plant = small(system=system, storage=storage)
        plant.lose_generation(2e6)
        run(plant, 20.0)
        lowest[name] = plant.read("bus", "frequency")
    assert lowest["with"] > lowest["without"] + 0.5


def test_long_steps_give_the_same_frequency_as_short_ones() -> None:
    results = []
    for step in (0.1, 2.0):
        plant = small(system=PowerSystem(rated_mva=100))
        plant.lose_generation(3e6)
        before = plant.read("bus", "frequency")
        run(plant, 20.0, step)
        results.append(plant.read("bus", "frequency") - before)
    assert results[0] == pytest.approx(results[1], abs=0.06)  # chance differs by some 0.02 Hz


def test_a_plant_to_which_nothing_happens_is_as_it_always_was(utility: Utility) -> None:
    plain, told = build(utility), build(utility)
    told.feed("tso", feeding=True)
    told.scale_load("harbor-load", 1.0)
    told.repair("mb-20")
    told.lose_generation(0.0)
    run(plain, 2.0)
    run(told, 2.0)
    assert np.array_equal(plain.values, told.values)


async def test_a_scenario_happens_to_the_plant(utility: Utility, tmp_path: Path) -> None:
    scenario = Scenario(
        seconds_between_trips=math.inf,
        events=[
            GenerationEvent(at_s=1, lost_mw=6, for_s=4),
            LoadEvent(at_s=1, load="harbor-load", factor=0.5),
            SourceEvent(at_s=10, source="tso", action="lose"),
            SourceEvent(at_s=11, source="tso", action="return"),
            SwitchEvent(at_s=12, switch="mb-q1", action="jam"),
            FaultEvent(at_s=13, fault="mb-in1", for_s=2),
        ],
    )
    field = Field(utility, data=tmp_path, scenario=scenario, start_s=NOON)
    plant = field.plant
    assert plant is not None
    before = plant.read("harbor-load", "active_power")
    for _ in range(4):
        await field.play(1.0)
    assert plant.read("ng-132", "frequency") < 49
    assert plant.read("harbor-load", "active_power") == pytest.approx(before / 2, rel=0.1)
    for _ in range(6):
        await field.play(1.0)
    assert plant.read("ng-132", "voltage") == 0
    for _ in range(3):
        await field.play(1.0)
    assert plant.read("ng-132", "voltage") > 0
    assert plant.read("ng-qf1", "trip") == 1
    await field.play(2.0)
    plant.operate("ng-qf1", "switch_position", 1)
    await field.play(1.0)
    assert plant.read("mb-in1", "voltage") > 19_000


@pytest.mark.parametrize(
    "event",
    [
        SourceEvent(at_s=0, source="nothing", action="lose"),
        LoadEvent(at_s=0, load="tso", factor=2),
        FaultEvent(at_s=0, fault="harbor-load"),
    ],
)
def test_an_event_for_equipment_that_is_not_there_is_refused(
    utility: Utility, tmp_path: Path, event: SourceEvent | LoadEvent | FaultEvent
) -> None:
    with pytest.raises(ConfigError, match="names a"):
        Field(utility, data=tmp_path, scenario=Scenario(events=[event]))


def test_a_scenario_file_names_all_kinds_of_events(tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    path.write_text(
        "[system]\ninertia_s = 3\n\n"
        "[[events]]\nat_s = 1\nlost_mw = 5\n\n"
        '[[events]]\nat_s = 2\nsource = "tso"\naction = "voltage"\nvoltage_pu = 0.97\n\n'
        '[[events]]\nat_s = 3\nload = "harbor-load"\nfactor = 1.4\nover_s = 60\n\n'
        '[[events]]\nat_s = 4\nfault = "mb-20"\nfor_s = 5\n'
    )
    scenario = read_scenario(path)
    assert [type(event) for event in scenario.events] == [GenerationEvent, SourceEvent, LoadEvent, FaultEvent]
    assert scenario.system.inertia_s == 3


def test_a_voltage_belongs_to_the_action_that_sets_it(tmp_path: Path) -> None:
    path = tmp_path / "storm.toml"
    path.write_text('[[events]]\nat_s = 2\nsource = "tso"\naction = "voltage"\n')
    with pytest.raises(ConfigError):
        read_scenario(path)
