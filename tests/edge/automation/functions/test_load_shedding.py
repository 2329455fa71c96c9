from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tests.edge.automation.functions.bench import Bench, breaker_points, plan_of, point
from tieline.edge.automation.functions import SheddingState
from tieline.edge.automation.functions.slope import Slope
from tieline.edge.automation.functions.voting import agree
from tieline.model import PointKind, Result

POINTS = [
    *breaker_points("a", "b", "c"),
    *(point(f"f{number}", unit="Hz") for number in (1, 2, 3)),
    point("u", unit="kV"),
    point("resetting", PointKind.BINARY),
]
HEAD = """
kind = "load_shedding"
name = "ufls"
frequency = [{frequency}]
voltage = ["ied/u"]
dead_below_kv = 10
restore = "automatic"
restore_above_hz = 49.8
restore_delay_s = 30
restore_interval_s = 10
switch_timeout_s = 2
reset = "ied/resetting"
"""
STAGES = """
[[automation.functions.stages]]
below_hz = 49.0
delay_s = 0.25
breakers = [{ control = "ied/a_cmd", position = "ied/a_pos" }]
[[automation.functions.stages]]
below_hz = 48.6
delay_s = 0.25
breakers = [{ control = "ied/b_cmd", position = "ied/b_pos" }, { control = "ied/c_cmd", position = "ied/c_pos" }]
"""


def bench(more: str = "", *, measurements: int = 1, stages: str = STAGES, jammed: frozenset[str] = frozenset()) -> Bench:
    def field(name: str, value: float) -> None:
        if name.removesuffix("_cmd") not in jammed:
            one.values[name.replace("_cmd", "_pos")] = 1.0 + value

    frequency = ", ".join(f'"ied/f{number}"' for number in range(1, measurements + 1))
    one = Bench(plan_of(POINTS, HEAD.format(frequency=frequency) + more + stages), field)
    one.values |= {f"{name}_pos": 2.0 for name in "abc"} | {"u": 20.0, "resetting": 0.0}
    one.values |= {f"f{number}": 50.0 for number in range(1, measurements + 1)}
    one.run(2)
    return one


def test_a_stage_waits_for_its_delay_and_opens_all_its_breakers_at_once() -> None:
    one = bench()
    one.run(0.25, f1=48.95)
    assert one.requests == []
    one.run(5)
    assert one.commands == [("a_cmd", 0.0)]
    one.run(5, f1=48.5)
    assert one.commands[1:] == [("b_cmd", 0.0), ("c_cmd", 0.0)]
    assert one.shown()["open_breakers"] == 3
    assert one.shown()["stage"] == 2
    assert one.kinds.count("load_shed") == 3


def test_a_dip_shorter_than_the_delay_sheds_nothing() -> None:
    one = bench()
    for _ in range(10):
        one.run(0.25, f1=48.5)
        one.run(0.25, f1=49.5)
    assert one.requests == []


def test_a_dead_busbar_is_no_under_frequency() -> None:
    one = bench()
    one.run(5, u=0.0, f1=0.0)
    one.run(0.5, u=20.0, f1=47.0)  # it settles after the voltage has come back
    assert one.requests == []
    assert one.shown()["state"] == SheddingState.BLOCKED
    one.run(2)
    assert len(one.requests) == 3


@pytest.mark.parametrize("bad", ["f1", "u"])
def test_a_bad_measurement_sheds_nothing(bad: str) -> None:
    one = bench()
    one.spoil(bad)
    one.run(10, f1=47.0)
    assert one.requests == []
    assert one.kinds == ["function_blocked"]


def test_two_of_three_decide() -> None:
    one = bench(measurements=3)
    one.run(10, f3=48.0)
    assert one.requests == []
    one.spoil("f2")
    one.run(10)
    assert one.requests == []  # the two that are left disagree
    one.run(10, f1=48.0)
    assert len(one.requests) == 3
    other = bench(measurements=3)
    other.run(5, f1=48.0, f2=48.1)
    assert len(other.requests) == 3


def test_two_that_disagree_shed_nothing() -> None:
    one = bench(measurements=2)
    one.run(10, f1=48.0)
    assert one.requests == []
    assert one.kinds == ["function_blocked"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([50.0], 50.0),
        ([math.nan], math.nan),
        ([50.0, 50.1], 50.05),
        ([50.0, 50.3], math.nan),
        ([50.0, math.nan], math.nan),
        ([50.0, 50.1, 48.0], 50.0),
        ([50.0, math.nan, 50.1], 50.05),
        ([50.0, math.nan, math.nan], math.nan),
        ([50.0, 49.0, 48.0], math.nan),
        ([], math.nan),
    ],
)
def test_voting(values: list[float], expected: float) -> None:
    assert agree(values, 0.2) == pytest.approx(expected, nan_ok=True)


def test_the_slope_needs_its_window_and_then_is_that_of_the_line() -> None:
    slope = Slope(0.5)
    for number in range(20):
        if number < 4:
            assert math.isnan(slope.per_s)
        slope.add(number * 0.1, 50 - 0.13 * number)
    assert slope.per_s == pytest.approx(-1.3)
    slope.add(2.1, math.nan)
    assert math.isnan(slope.per_s)


RATE = """
[[automation.functions.stages]]
rate_hz_per_s = 1.0
rate_below_hz = 49.7
breakers = [{ control = "ied/a_cmd", position = "ied/a_pos" }]
"""


@pytest.mark.parametrize(("per_s", "sheds"), [(-1.3, True), (-0.8, False)])
def test_a_fast_fall_sheds_before_a_threshold_is_reached(per_s: float, sheds: bool) -> None:
    one = bench("rate_window_s = 0.5\n", stages=RATE)
    frequency = 50.0
    while frequency > 49.0:
        frequency += per_s * one.period_s
        one.run(one.period_s, f1=frequency)
    assert bool(one.requests) is sheds


def test_low_voltage_sheds_where_the_busbar_is_not_dead() -> None:
    stage = STAGES.replace("below_hz = 49.0", "below_kv = 17.0")
    one = bench("restore_above_kv = 19\n", stages=stage)
    one.run(5, u=16.0)
    assert one.commands == [("a_cmd", 0.0)]
    one.run(29, u=19.5)
    assert len(one.requests) == 1
    one.run(2)
    assert one.commands[1:] == [("a_cmd", 1.0)]


def shed_all(one: Bench) -> None:
    one.run(2, f1=48.9)
    one.run(2, f1=48.4)
    assert len(one.requests) == 3
    one.requests.clear()


def test_loads_are_restored_step_by_step_the_last_first() -> None:
    one = bench()
    shed_all(one)
    one.run(29.875, f1=49.9)
    assert one.requests == []
    one.run(30.25)
    assert one.commands == [("c_cmd", 1.0), ("b_cmd", 1.0), ("a_cmd", 1.0)]
    times = [at for at, _, _ in one.requests]
    assert [later - earlier for earlier, later in pairwise(times)] == [10.0, 10.0]
    assert one.shown()["state"] == SheddingState.ARMED


def test_loads_are_restored_in_the_declared_order() -> None:
    one = bench('restore_order = ["ied/b_cmd", "ied/a_cmd", "ied/c_cmd"]\n')
    shed_all(one)
    one.run(60, f1=49.9)
    assert [name for name, _ in one.commands] == ["b_cmd", "a_cmd", "c_cmd"]


def test_a_dip_begins_the_restoration_delay_anew() -> None:
    one = bench()
    shed_all(one)
    one.run(29, f1=49.9)
    one.run(1, f1=49.7)
    one.run(29, f1=49.9)
    assert one.requests == []


def test_only_what_it_opened_itself_is_restored_after_a_restart_too() -> None:
    one = bench()
    one.values["b_pos"] = 1.0  # open before
    one.run(2, f1=48.4)
    assert [name for name, _ in one.commands] == ["a_cmd", "c_cmd"]
    one.run(1, c_pos=2.0)  # somebody closes it
    one.run(1, c_pos=1.0)  # and opens it again
    one.restart()
    one.requests.clear()
    one.run(120, f1=50.0)
    assert one.commands == [("a_cmd", 1.0)]


def test_loads_that_are_shed_again_after_a_restoration_stay_off_until_reset() -> None:
    one = bench()
    one.run(2, f1=48.9)
    one.run(31, f1=49.9)
    one.run(2, f1=48.9)
    assert one.commands == [("a_cmd", 0.0), ("a_cmd", 1.0), ("a_cmd", 0.0)]
    one.restart()
    one.run(200, f1=50.0)
    assert len(one.requests) == 3
    assert one.shown()["state"] == SheddingState.RESTORATION_LOCKED
    one.run(2, f1=48.5)
    assert len(one.requests) == 5  # shedding itself goes on
    one.run(60, f1=50.0, resetting=1.0)
    assert one.commands[-3:] == [("c_cmd", 1.0), ("b_cmd", 1.0), ("a_cmd", 1.0)]


def test_a_breaker_that_does_not_open_is_asked_twice_and_said() -> None:
    one = bench(jammed=frozenset("a"))
    one.run(20, f1=48.9)
    assert one.commands == [("a_cmd", 0.0), ("a_cmd", 0.0)]
    assert "breaker_failed_to_open" in one.kinds
    assert one.shown()["open_breakers"] == 0


def test_a_breaker_that_does_not_close_is_left_to_people() -> None:
    one = bench()
    one.run(2, f1=48.9)
    one.result = Result.FAILED
    one.run(200, f1=50.0)
    assert one.commands == [("a_cmd", 0.0), ("a_cmd", 1.0)]
    assert "breaker_failed_to_close" in one.kinds


def test_a_breaker_whose_position_is_unknown_is_opened_but_never_closed() -> None:
    one = bench()
    one.values["a_pos"] = 0.0
    one.run(2, f1=48.9)
    assert one.commands == [("a_cmd", 0.0)]
    one.run(200, f1=50.0)
    assert len(one.requests) == 1


def test_it_sheds_nothing_while_it_may_not_act_and_counts_anew_when_it_may() -> None:
    one = bench()
    one.may_act = False
    one.run(60, f1=48.9)
    one.may_act = True
    one.run(0.25)
    assert one.requests == []
    one.run(0.25)
    assert one.commands == [("a_cmd", 0.0)]


@pytest.mark.parametrize("closes", [True, False])
def test_a_load_that_is_being_restored_while_frequency_falls_again_is_shed_as_soon_as_it_is_back(closes: bool) -> None:
    one = bench()
    one.run(2, f1=48.9)
    one.run(29.5, f1=50.0)
    one.result = None  # the breaker takes its time
    one.run(1)
    assert one.commands[1:] == [("a_cmd", 1.0)]
    one.run(0.5, f1=48.9)
    one.result = Result.DONE
    one.run(0.5, **({"a_pos": 2.0} if closes else {}))
    assert one.commands[2:] == ([("a_cmd", 0.0)] if closes else [])
    one.run(3)
    assert one.values["a_pos"] == 1.0
    assert one.kinds.count("load_shed") == (2 if closes else 1)
    assert "function_locked_out" in one.kinds  # it was restored in vain
