from __future__ import annotations

import calendar
import math
from pathlib import Path

import numpy as np
import pytest

from tieline.config import Utility, read_folder
from tieline.config.grid import ExternalSource, Grid, Line, Load, Node, Transformer
from tieline.model import LocalError, PointKind
from tieline.simulator.plant import Plant
from tieline.simulator.plant.heat import Heat
from tieline.simulator.plant.shapes import Walk, sun
from tieline.simulator.plant.switchgear import TapChangers

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
NOON = calendar.timegm((2026, 6, 17, 11, 0, 0))
EVENING = calendar.timegm((2026, 6, 17, 18, 30, 0))


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


def build(utility: Utility, start_s: float = NOON, seed: int = 5, trips: float = math.inf) -> Plant:
    assert utility.grid is not None
    places = {site.name: (site.latitude or 0.0, site.longitude or 0.0) for site in utility.sites}
    return Plant(utility.grid, start_s=start_s, seed=seed, places=places, seconds_between_trips=trips)


def test_power_balances_where_nothing_is_lost(utility: Utility) -> None:
    plant = build(utility)
    for _ in range(20):
        plant.step(1.0)
        for quantity in ("active_power", "reactive_power"):
            section_a = [plant.read(switch, quantity) for switch in ("ng-qf1", "ng-qf2", "ng-qf3", "ng-q0")]
            assert plant.read("ng-q1-lv", quantity) == pytest.approx(sum(section_a), abs=10)
            assert plant.read("tso", quantity) == pytest.approx(
                plant.read("ng-q1-hv", quantity) + plant.read("ng-q2-hv", quantity), abs=10
            )


def test_everything_generated_is_consumed_or_lost(utility: Utility) -> None:
    plant = build(utility)
    assert utility.grid is not None
    injected = sum(
        plant.read(piece.name, "active_power") for piece in utility.grid if piece.kind in {"source", "solar", "storage", "load"}
    )
    consumed = -sum(plant.read(load.name, "active_power") for load in utility.grid.loads)
    assert 0 < injected < 0.03 * consumed


def test_voltages_fall_along_a_loaded_feeder(utility: Utility) -> None:
    plant = build(utility, EVENING)
    along = [plant.read(node, "voltage") for node in ("ng-20b", "fairfield-1", "fairfield-2")]
    assert along == sorted(along, reverse=True)
    assert along[0] - along[-1] > 100


def test_the_values_of_one_terminal_agree_with_each_other(utility: Utility) -> None:
    plant = build(utility)
    assert utility.grid is not None
    for piece in (*utility.grid.lines, *utility.grid.transformers, *utility.grid.loads, *utility.grid.solar):
        active, reactive, apparent, voltage, current = (
            plant.read(piece.name, name) for name in ("active_power", "reactive_power", "apparent_power", "voltage", "current")
        )
        assert active**2 + reactive**2 == pytest.approx(apparent**2)
        assert current == pytest.approx(apparent / (math.sqrt(3) * voltage))
        phases = [plant.read(piece.name, "active_power", phase) for phase in "ABC"]
        assert sum(phases) == pytest.approx(active)
        for phase in "ABC":
            product = plant.read(piece.name, "voltage", phase) * plant.read(piece.name, "current", phase)
            assert product == pytest.approx(plant.read(piece.name, "apparent_power", phase))


def test_the_same_seed_gives_the_same_values_and_another_does_not(utility: Utility) -> None:
    one, same, other = build(utility), build(utility), build(utility, seed=6)
    for plant in (one, same, other):
        for _ in range(5):
            plant.step(0.5)
    assert np.array_equal(one.values, same.values)
    assert not np.array_equal(one.values, other.values)


def test_an_opened_breaker_leaves_what_it_fed_without_voltage(utility: Utility) -> None:
    plant = build(utility)
    plant.operate("ng-qf5", "switch_position", 0)
    plant.step(0.1)
    assert plant.read("ng-qf5", "switch_position", kind=PointKind.DOUBLE) == 0  # on its way
    plant.step(1.0)
    assert plant.read("ng-qf5", "switch_position", kind=PointKind.DOUBLE) == 1
    assert plant.read("ng-qf5", "switch_position", kind=PointKind.BINARY) == 0
    for name in ("ng-f5", "fairfield-1", "fairfield-2"):
        assert plant.read(name, "voltage") == 0
        assert plant.read(name, "frequency") == 0
    assert plant.read("fairfield-load-1", "active_power") == 0
    assert plant.read("ng-qf5", "current") == 0
    assert plant.read("ng-20b", "voltage") > 19_000
    plant.operate("ng-qf5", "switch_position", 1)
    plant.step(1.0)
    plant.step(1.0)
    assert plant.read("fairfield-2", "voltage") > 19_000


def test_an_island_takes_solar_and_storage_down_with_it(utility: Utility) -> None:
    plant = build(utility)
    assert plant.read("sf-pv1", "active_power") > 1e5
    plant.operate("ng-qf6", "switch_position", 0)
    for _ in range(3):
        plant.step(1.0)
    assert plant.read("sf-pv1", "active_power") == 0
    assert plant.read("sf-bess", "active_power") == 0
    assert plant.read("sf-pv1", "available_power") > 1e5


def test_a_trip_is_indicated_and_reclosed(utility: Utility) -> None:
    plant = build(utility)
    before = plant.read("ng-qf3", "operations")
    plant.trip("ng-qf3")
    plant.step(0.5)
    assert plant.read("ng-qf3", "trip") == 1
    assert plant.read("ng-qf3", "operations") == before + 1
    assert plant.read("old-town-1", "voltage") == 0
    for _ in range(400):
        plant.step(1.0)
    assert plant.read("old-town-1", "voltage") > 19_000
    assert plant.read("ng-qf3", "trip") == 0


def test_chance_trips_only_switches_that_reclose(utility: Utility) -> None:
    plant = build(utility, trips=20.0)
    assert utility.grid is not None
    before = {switch.name: plant.read(switch.name, "operations") for switch in utility.grid.switches}
    for _ in range(400):
        plant.step(1.0)
    moved = {name for name, count in before.items() if plant.read(name, "operations") > count}
    assert moved
    assert moved <= {switch.name for switch in utility.grid.switches if switch.recloses}


def test_a_battery_follows_its_setpoint_and_its_charge(utility: Utility) -> None:
    plant = build(utility)
    charge = plant.read("sf-bess", "state_of_charge")
    plant.operate("sf-bess", "active_power", 3e6)
    for _ in range(600):
        plant.step(1.0)
    assert plant.read("sf-bess", "active_power") == pytest.approx(3e6)
    assert plant.read("sf-bess", "active_power_setpoint") == 3e6
    spent = (charge - plant.read("sf-bess", "state_of_charge")) / 100 * 8e6
    assert spent == pytest.approx(3e6 * 600 / 3600 / math.sqrt(0.89), rel=0.05)
    for _ in range(30):
        plant.step(600.0)
    assert plant.read("sf-bess", "state_of_charge") == pytest.approx(0, abs=0.1)
    assert plant.read("sf-bess", "active_power") == pytest.approx(0, abs=1)


def test_a_limit_curtails_solar_power(utility: Utility) -> None:
    plant = build(utility)
    plant.operate("sf-pv1", "active_power_limit", 250e3)
    plant.step(1.0)
    assert plant.read("sf-pv1", "active_power") == pytest.approx(250e3)
    assert plant.read("sf-pv1", "available_power") > 250e3


def test_raising_a_tap_raises_the_low_side_and_ends_regulation(utility: Utility) -> None:
    plant = build(utility)
    position, voltage = plant.read("ng-t1", "tap_position"), plant.read("ng-20a", "voltage")
    plant.operate("ng-t1", "tap_raise", 1)
    plant.step(1e-3)
    assert plant.read("ng-t1", "tap_position") == position + 1
    assert plant.read("ng-20a", "voltage") > voltage * 1.005
    assert plant.read("ng-t1", "regulation_automatic") == 0
    plant.operate("ng-t1", "tap_position", 99)
    plant.step(1e-3)
    assert plant.read("ng-t1", "tap_position") == 19


def test_the_regulator_holds_a_new_target_after_its_delay(utility: Utility) -> None:
    plant = build(utility)
    plant.operate("ng-t1", "voltage_setpoint", 21_600)
    position = plant.read("ng-t1", "tap_position")
    for _ in range(10):
        plant.step(1.0)
    assert plant.read("ng-t1", "tap_position") == position
    for _ in range(300):
        plant.step(1.0)
    assert plant.read("ng-t1", "tap_position") > position
    assert plant.read("ng-20a", "voltage") == pytest.approx(21_600, rel=0.015)


def test_energy_is_the_integral_of_power(utility: Utility) -> None:
    plant = build(utility)
    before = plant.read("harbor-load", "energy_imported")
    total = 0.0
    for _ in range(100):
        plant.step(1.0)
        total -= plant.read("harbor-load", "active_power") / 3600
    assert plant.read("harbor-load", "energy_imported") - before == pytest.approx(total)


def test_the_sun_rises_in_the_east_and_is_highest_in_the_south_at_noon() -> None:
    latitude, longitude = np.array([47.0]), np.array([0.0])
    day = calendar.timegm((2026, 6, 21, 0, 0, 0))
    elevation, azimuth = sun(latitude, longitude, day + 12 * 3600)
    assert np.degrees(elevation[0]) == pytest.approx(90 - 47 + 23.45, abs=0.5)
    assert np.degrees(azimuth[0]) == pytest.approx(180, abs=3)
    assert 45 < np.degrees(sun(latitude, longitude, day + 5 * 3600)[1][0]) < 90
    assert sun(latitude, longitude, day)[0][0] < 0


def transformer(**changes: object) -> Transformer:
    plate: dict[str, object] = {
        "name": "t", "high_node": "h", "low_node": "l", "rated_mva": 30, "high_kv": 110, "low_kv": 20, "short_circuit_percent": 12,
        "load_loss_kw": 140, "no_load_loss_kw": 20, "tap_lowest": 1, "tap_highest": 19, "tap_neutral": 10, "tap_step_percent": 1.25,
        "target_kv": 20.0, "deadband_percent": 2.0, "delay_s": 30, "vector_group": "YNd11",
    }  # fmt: skip
    return Transformer.model_validate(plate | changes)


def test_rated_load_ends_at_the_rises_of_the_name_plate() -> None:
    heat = Heat([transformer(top_oil_rise_k=40, hot_spot_rise_k=20)])
    for _ in range(48):
        heat.step(1800.0, np.array([1.0]), np.array([20.0]))
    assert heat.oil[0] == pytest.approx(60.0, abs=0.01)
    assert heat.hot_spot[0] == pytest.approx(80.0, abs=0.01)


def test_the_hot_spot_overshoots_after_a_load_step_as_the_standard_says() -> None:
    heat = Heat([transformer(top_oil_rise_k=40, hot_spot_rise_k=20)], load=0.3, ambient=20.0)
    rises = []
    for _ in range(360):
        heat.step(60.0, np.array([1.0]), np.array([20.0]))
        rises.append(float(heat.hot_spot[0] - heat.oil[0]))
    assert max(rises) > 1.2 * rises[-1]


def test_long_thermal_steps_equal_many_short_ones() -> None:
    one, many = Heat([transformer(top_oil_rise_k=30)]), Heat([transformer(top_oil_rise_k=30)])
    one.step(600.0, np.array([0.9]), np.array([10.0]))
    for _ in range(600):
        many.step(1.0, np.array([0.9]), np.array([10.0]))
    assert one.oil[0] == pytest.approx(many.oil[0])
    assert one.hot_spot[0] == pytest.approx(many.hot_spot[0])


def test_a_tap_waits_for_its_delay_and_stays_in_the_deadband() -> None:
    taps = TapChangers([transformer()])
    for _ in range(29):
        taps.step(1.0, np.array([19_700.0]))
    assert taps.position[0] == 10
    taps.step(1.0, np.array([19_700.0]))
    assert taps.position[0] == 11
    for _ in range(100):
        taps.step(1.0, np.array([19_850.0]))
    assert taps.position[0] == 11


def test_a_walk_keeps_its_spread_whatever_the_step() -> None:
    for seconds in (0.1, 1000.0):
        walk = Walk(np.random.default_rng(1), 20_000, spread=2.0, memory_s=30)
        for _ in range(20):
            walk.step(seconds)
        assert walk.value.std() == pytest.approx(2.0, rel=0.05)


def test_the_smallest_grid_is_a_source_at_a_node() -> None:
    node = Node(name="bus", voltage_kv=20)
    plant = Plant(Grid(nodes=(node,), sources=(ExternalSource(name="net", node="bus"),)), start_s=NOON)
    plant.step(1.0)
    assert plant.is_solved
    assert plant.read("bus", "voltage") == pytest.approx(20_000, rel=0.03)


def test_parallel_transformers_and_closed_rings_are_solved(utility: Utility) -> None:
    plant = build(utility)
    for switch in ("ng-q0", "mb-q2"):
        plant.operate(switch, "switch_position", 1)
    for _ in range(3):
        plant.step(1.0)
        assert plant.is_solved
    assert plant.read("ng-20a", "voltage") == pytest.approx(plant.read("ng-20b", "voltage"), rel=1e-6)
    assert plant.read("ng-mb-2", "current") > 10


def test_an_overload_that_no_voltage_can_carry_keeps_the_last_state() -> None:
    nodes = (Node(name="bus", voltage_kv=20), Node(name="far", voltage_kv=20))
    line = Line(
        name="line", from_node="bus", to_node="far", length_km=50, r_ohm_per_km=0.3, x_ohm_per_km=0.4, rated_current_a=200
    )
    load = Load(name="load", node="far", peak_mw=500, profile="constant")
    plant = Plant(
        Grid(nodes=nodes, lines=(line,), sources=(ExternalSource(name="net", node="bus"),), loads=(load,)), start_s=NOON
    )
    plant.step(1.0)
    assert not plant.is_solved
    assert np.isfinite(plant.values[:, 0]).all()


def test_what_equipment_does_not_have_is_refused(utility: Utility) -> None:
    plant = build(utility)
    with pytest.raises(LocalError):
        plant.operate("harbor-load", "switch_position", 1)
    with pytest.raises(LocalError):
        plant.read("nothing", "voltage")
