from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tests.edge.automation.functions.bench import Bench, plan_of, point
from tieline.edge.automation.functions import RegulatorState
from tieline.edge.automation.functions.line_drop import powers_of, voltage_at_load
from tieline.model import PointKind, Result

POINTS = [
    point("u", unit="kV"),
    point("u_hv", unit="kV"),
    point("i", unit="A"),
    point("p", unit="MW"),
    point("q", unit="Mvar"),
    point("pf"),
    point("tap"),
    point("tap_other"),
    point("tie", PointKind.DOUBLE),
    point("raise", PointKind.CONTROL),
    point("lower", PointKind.CONTROL),
    point("tap_set", PointKind.SETPOINT),
    point("blocking", PointKind.BINARY),
    point("resetting", PointKind.BINARY),
]
BASE = """
kind = "voltage_regulator"
name = "t1"
voltage = "ied/u"
setpoint_kv = 20.0
bandwidth_percent = 2.0
tap_position = "ied/tap"
tap_lowest = 1
tap_highest = 19
tap_step_percent = 1.25
delay_s = 30
subsequent_delay_s = 10
tap_timeout_s = 8
"""
PULSES = 'raise_tap = "ied/raise"\nlower_tap = "ied/lower"\n'


def bench(text: str = "", *, moves: bool = True, steps: float = 0.0125) -> Bench:
    """A tap changer that steps at once, and a voltage that follows by `steps` of it."""

    def field(name: str, value: float) -> None:
        if not moves:
            return
        change = value - one.values["tap"] if name == "tap_set" else 1.0 if name == "raise" else -1.0
        one.values["tap"] += change
        one.values["u"] *= 1 + steps * change

    one = Bench(plan_of(POINTS, BASE + (PULSES if "tap_setpoint" not in text else "") + text), field)
    one.values |= {"tap": 10.0, "u": 20.0}
    return one


def test_nothing_moves_within_the_band() -> None:
    one = bench()
    one.run(100, u=20.19)
    one.run(100, u=19.81)
    assert one.requests == []
    assert one.shown()["state"] == RegulatorState.IN_BAND
    assert one.shown()["deviation"] == pytest.approx(-0.95)


def test_a_tap_is_not_changed_within_the_delay() -> None:
    one = bench()
    one.run(30, u=19.7)
    assert one.requests == []
    assert one.shown()["state"] == RegulatorState.WAITING
    assert one.shown()["remaining"] == pytest.approx(0.125)
    one.run(0.25)
    assert one.requests == [(30.0, "raise", 1.0)]


def test_a_voltage_that_returns_into_the_band_begins_the_delay_anew() -> None:
    one = bench()
    one.run(29, u=19.7)
    one.run(1, u=20.0)
    one.run(29, u=19.7)
    assert one.requests == []
    one.run(2)
    assert len(one.requests) == 1


def test_steps_that_follow_wait_for_the_shorter_delay() -> None:
    one = bench()
    one.run(60, u=19.3)
    assert [(name, round(at)) for at, name, _ in one.requests] == [("raise", 30), ("raise", 40), ("raise", 50)]
    assert abs(one.shown()["deviation"]) < 1
    assert one.shown()["taps_last_hour"] == 3


def test_too_high_a_voltage_lowers_and_a_setpoint_takes_the_place_of_pulses() -> None:
    one = bench('tap_setpoint = "ied/tap_set"\n')
    one.run(31, u=20.3)
    assert one.requests == [(30.0, "tap_set", 9.0)]


def test_the_inverse_characteristic_is_faster_for_larger_deviations() -> None:
    times = []
    for voltage in (19.78, 19.6, 19.2):
        one = bench('delay_characteristic = "inverse"\n')
        one.run(40, u=voltage)
        times.append(one.requests[0][0])
    assert times[0] == pytest.approx(30 / 1.1, abs=0.2)
    assert times[1] == pytest.approx(15, abs=0.2)
    assert times[2] == pytest.approx(7.5, abs=0.2)


def test_line_drop_is_the_phasor_difference() -> None:
    power, reactive = powers_of(20_000, 300, 0.9)
    current = complex(power, -reactive) / 20_000  # times sqrt 3
    assert voltage_at_load(20_000, power, reactive, 0.8, 1.5) == pytest.approx(abs(20_000 - (0.8 + 1.5j) * current))
    assert math.isnan(voltage_at_load(0.0, power, reactive, 0.8, 1.5))


@pytest.mark.parametrize(
    ("inputs", "values"),
    [
        ('active_power = "ied/p"\nreactive_power = "ied/q"\n', {"p": 9.0, "q": 3.0}),
        (
            'active_power = "ied/p"\nreactive_power = "ied/q"\nforward = "negative"\n',
            {"p": -9.0, "q": -3.0},
        ),
        (
            'current = "ied/i"\npower_factor = "ied/pf"\n',
            {"i": math.hypot(9, 3) * 1e3 / (math.sqrt(3) * 20), "pf": 9 / math.hypot(9, 3)},
        ),
    ],
)
def test_compensation_raises_a_voltage_that_only_the_load_finds_too_low(inputs: str, values: dict[str, float]) -> None:
    one = bench("ldc_r_ohm = 0.4\nldc_x_ohm = 0.8\n" + inputs)
    one.run(31, **values)
    assert one.commands == [("raise", 1.0)]
    without = bench()
    without.run(31, **values)
    assert without.commands == []


def test_compensation_is_limited() -> None:
    one = bench('ldc_r_ohm = 5\nldc_most_percent = 4\nactive_power = "ied/p"\nreactive_power = "ied/q"\n')
    one.run(1, p=20.0, q=0.0)
    assert one.shown()["voltage"] == pytest.approx(19.2)


def test_a_bad_input_blocks_and_is_said_once() -> None:
    one = bench()
    one.spoil("u")
    one.run(100, u=19.0)
    assert one.requests == []
    assert one.kinds == ["function_blocked"]
    assert "ied/u" in one.notices[0].text
    assert one.shown()["blocked"] == 1
    one.quality.clear()
    one.run(29)
    assert one.requests == []
    assert one.kinds == ["function_blocked", "function_released"]
    one.run(2)
    assert one.commands == [("raise", 1.0)]


def test_undervoltage_and_overcurrent_block() -> None:
    one = bench('overcurrent_a = 800\ncurrent = "ied/i"\n')
    one.run(40, u=13.0, i=100.0)
    one.run(40, u=19.5, i=900.0)
    assert one.requests == []
    one.run(31, i=700.0)
    assert one.commands == [("raise", 1.0)]


def test_the_block_input_blocks_and_its_bad_quality_too() -> None:
    one = bench('block = "ied/blocking"\n')
    one.run(40, u=19.5, blocking=1.0)
    one.spoil("blocking")
    one.run(40, blocking=0.0)
    assert one.requests == []
    one.quality.clear()
    one.run(31)
    assert one.commands == [("raise", 1.0)]


def test_a_far_too_high_voltage_lowers_without_delay() -> None:
    one = bench("fast_lower_percent = 106\n")
    one.run(5, u=21.9)
    assert one.commands[:3] == [("lower", 1.0)] * 3
    assert one.requests[0][0] < 0.2
    assert all(later - earlier >= 1.0 for (earlier, _, _), (later, _, _) in pairwise(one.requests))
    assert one.values["u"] < 21.2


def test_the_last_tap_is_not_passed() -> None:
    one = bench()
    one.run(200, u=18.5, tap=18.0)
    assert one.commands == [("raise", 1.0)]
    assert one.shown()["state"] == RegulatorState.AT_LAST_TAP
    assert one.kinds == ["tap_at_limit"]


def test_a_tap_that_does_not_move_locks_out_after_as_many_commands_as_are_permitted() -> None:
    one = bench("lockout_after = 2\n", moves=False)
    one.run(300, u=19.5)
    assert len(one.requests) == 2
    assert one.requests[1][0] - one.requests[0][0] >= 30
    assert one.kinds == ["tap_not_moved", "tap_not_moved", "function_locked_out"]
    assert one.shown()["locked_out"] == 1


def test_a_lockout_survives_a_restart_and_ends_with_the_reset_input() -> None:
    one = bench('lockout_after = 1\nreset = "ied/resetting"\n', moves=False)
    one.run(60, u=19.5, resetting=0.0)
    one.restart()
    one.run(100)
    assert len(one.requests) == 1
    one.run(1, resetting=1.0)
    assert "function_lockout_reset" in one.kinds
    one.run(31)
    assert len(one.requests) == 2


def test_a_reset_input_that_is_on_at_the_start_resets_nothing() -> None:
    one = bench('lockout_after = 1\nreset = "ied/resetting"\n', moves=False)
    one.run(60, u=19.5, resetting=1.0)
    assert one.shown()["locked_out"] == 1


def test_an_operator_resets_by_command_too() -> None:
    one = bench("lockout_after = 1\n", moves=False)
    one.run(60, u=19.5)
    one.function.reset()
    one.run(1)
    assert one.shown()["locked_out"] == 0


def test_a_refused_step_is_no_failure_of_the_tap_changer_and_is_tried_again_later() -> None:
    one = bench()
    one.result = Result.REFUSED
    one.run(100, u=19.5)
    assert [round(at) for at, _, _ in one.requests] == [30, 60, 90]
    assert one.shown()["locked_out"] == 0
    assert set(one.kinds) == {"tap_refused"}


def test_steps_that_nobody_commanded_lock_out() -> None:
    one = bench()
    one.run(5)
    for _ in range(3):
        one.values["tap"] += 1
        one.run(5)
    assert one.kinds == ["function_locked_out"]
    assert "runaway" in one.notices[0].text
    one.run(100, u=19.0)
    assert one.requests == []


def test_steps_by_hand_while_it_may_not_act_are_no_runaway() -> None:
    one = bench()
    one.may_act = False
    one.run(5)
    for _ in range(6):
        one.values["tap"] += 1
        one.run(2)
    one.may_act = True
    one.run(5)
    assert one.notices == []


def test_a_step_in_the_wrong_direction_counts_against_the_tap_changer() -> None:
    one = bench("lockout_after = 1\n", moves=False)
    one.run(30.1, u=19.5)
    one.run(2, tap=9.0)
    assert one.kinds[:2] == ["tap_not_moved", "function_locked_out"]
    assert "wrong way" in one.notices[0].text


def test_taking_over_is_no_reason_to_move() -> None:
    one = bench()
    one.may_act = False
    one.run(300, u=19.5)
    assert one.shown()["state"] == RegulatorState.OBSERVING
    one.may_act = True
    one.run(29.9)
    assert one.requests == []
    one.run(0.3)
    assert len(one.requests) == 1


def test_many_steps_within_an_hour_are_an_event() -> None:
    one = bench("most_taps_an_hour = 3\n")
    for number in range(5):
        one.run(40, u=19.5 if number % 2 else 20.5)
        one.run(5, u=20.0)
    assert one.kinds.count("tap_operations_high") == 1


def test_changes_of_direction_are_an_event_and_survive_a_restart() -> None:
    one = bench("hunting_reversals = 3\n")
    for number in range(4):
        one.run(31, u=19.5 if number % 2 else 20.5)
        one.run(2, u=20.0)
        if number == 2:
            one.restart()
    assert one.kinds.count("tap_hunting") <= 1
    one.run(31, u=20.5)
    one.run(2, u=20.0)
    assert one.kinds.count("tap_hunting") == 1
    assert one.shown()["hunting"] == 1


REVERSE = 'active_power = "ied/p"\nreverse_power_mw = 0.5\nreverse_delay_s = 5\n'


def test_reverse_power_is_ignored_blocks_or_turns_regulation_round() -> None:
    ignoring = bench(REVERSE)
    ignoring.run(31, u=19.5, p=-3.0)
    assert ignoring.commands == [("raise", 1.0)]

    blocking = bench(REVERSE + 'reverse_power = "block"\n')
    blocking.run(60, u=19.5, p=-3.0)
    assert blocking.requests == []
    assert blocking.kinds == ["reverse_power", "function_blocked"]
    blocking.run(37, p=1.0)
    assert blocking.commands == [("raise", 1.0)]

    text = 'reverse_power = "regulate"\nreverse_voltage = "ied/u_hv"\nreverse_setpoint_kv = 110\n'
    turned = bench(REVERSE + text)
    turned.run(37, u=19.5, u_hv=107.0, p=-3.0)
    assert turned.commands == [("lower", 1.0)]  # fewer volts at the low side are more at the high side


def test_a_follower_goes_to_its_master_while_in_parallel_only() -> None:
    one = bench('parallel = "ied/tie"\nmaster_tap_position = "ied/tap_other"\n')
    one.run(20, tie=1.0, tap_other=12.0)
    assert one.requests == []
    one.run(20, tie=2.0)
    assert one.commands == [("raise", 1.0), ("raise", 1.0)]
    assert one.values["tap"] == 12


def test_a_master_waits_for_its_follower() -> None:
    one = bench('follower_tap_positions = ["ied/tap_other"]\n')
    one.run(60, u=19.0, tap_other=10.0)
    assert one.commands == [("raise", 1.0)]
    one.values["tap_other"] = 11.0
    one.run(31)
    assert len(one.commands) == 2


def test_taps_of_parallel_transformers_that_are_far_apart_lock_out() -> None:
    one = bench('master_tap_position = "ied/tap_other"\n')
    one.run(5, tap_other=14.0)
    assert one.kinds == ["function_locked_out"]
    assert one.requests == []
