"""The voltage regulator on a transformer of Northgate in the simulated network, in place of its own regulator."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.simulator.automation_rig import Rig
from tieline.edge.automation.functions import RegulatorState

SECTION = """
kind = "voltage_regulator"
name = "t1-avr"
voltage = "rtu-1/a_voltage_ab"
setpoint_kv = 20.6
bandwidth_percent = 2.0
raise_tap = "tm-1/tap_raise"
lower_tap = "tm-1/tap_lower"
tap_position = "tm-1/tap_position"
tap_lowest = 1
tap_highest = 19
tap_step_percent = 1.25
delay_s = 30
subsequent_delay_s = 10
"""
COMPENSATED = """
active_power = "rtu-1/t1_lv_active_power"
reactive_power = "rtu-1/t1_lv_reactive_power"
ldc_r_ohm = 0.3
ldc_x_ohm = 0.5
"""


def rig(more: str = "") -> Rig:
    one = Rig("northgate", SECTION + more, period_s=0.5)
    one.plant.operate("ng-t1", "regulation_automatic", 0.0)
    one.run(120)  # settled, whatever it took
    one.commands.clear()
    one.notices.clear()
    return one


def deviation(one: Rig) -> float:
    return 100 * (one.plant.read("ng-20a", "voltage", "AB") / 20_600 - 1)


def test_a_voltage_step_of_the_source_is_regulated_out_in_the_expected_steps_and_times() -> None:
    one = rig()
    tap = one.plant.read("ng-t1", "tap_position")
    before = deviation(one)
    one.plant.set_source_voltage("tso", 1.02 * 0.96)
    begin = one.elapsed_s
    one.run(0.5)
    offset = deviation(one)
    assert offset == pytest.approx(before - 4.0, abs=0.4)
    one.run(180)
    times = [at - begin for at, _, _ in one.commands]
    assert {name for _, name, _ in one.commands} == {"ng-t1 tap_raise"}
    assert len(times) == pytest.approx((-offset - 1.0) / 1.25, abs=1)  # until half the band is reached
    assert times[0] == pytest.approx(30.5, abs=0.6)
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([10.5] * (len(times) - 1), abs=0.6)
    assert one.plant.read("ng-t1", "tap_position") == tap + len(times)
    assert abs(deviation(one)) <= 1.0
    one.run(600)
    assert len(one.commands) == len(times)  # no hunting
    assert one.function.shown()["state"] == RegulatorState.IN_BAND
    assert one.notices == []


def test_a_load_ramp_is_followed_in_one_direction_and_ends_within_the_band() -> None:
    one = rig()
    for load in ("harbor-load", "old-town-load-1", "old-town-load-2"):
        one.plant.scale_load(load, 2.4, over_s=300)
    one.run(500)
    ups = [name for _, name, _ in one.commands]
    assert ups
    assert set(ups) == {"ng-t1 tap_raise"}
    assert abs(deviation(one)) <= 1.0
    for load in ("harbor-load", "old-town-load-1", "old-town-load-2"):
        one.plant.scale_load(load, 1.0, over_s=300)
    one.run(500)
    downs = [name for _, name, _ in one.commands[len(ups) :]]
    assert downs
    assert set(downs) == {"ng-t1 tap_lower"}
    assert abs(deviation(one)) <= 1.0
    assert one.function.shown()["hunting"] == 0


def test_line_drop_compensation_holds_the_voltage_where_the_load_is() -> None:
    one = rig(COMPENSATED)
    shown = one.function.shown()
    assert abs(shown["deviation"]) <= 1.0
    power = one.plant.read("ng-q1-lv", "active_power")
    reactive = one.plant.read("ng-q1-lv", "reactive_power")
    voltage = one.plant.read("ng-20a", "voltage", "AB")
    current = complex(power, -reactive) / voltage
    assert shown["voltage"] * 1e3 == pytest.approx(abs(voltage - (0.3 + 0.5j) * current), rel=1e-9)
    assert voltage > 20_600 * 1.005


def test_a_dead_busbar_blocks_and_the_taps_stay_where_they_are() -> None:
    one = rig()
    one.plant.feed("tso", feeding=False)
    one.run(120)
    one.plant.feed("tso", feeding=True)
    one.run(20)
    assert one.commands == []
    assert one.kinds == ["function_blocked", "function_released"]
