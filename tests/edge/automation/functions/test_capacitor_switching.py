from __future__ import annotations

import pytest

from tests.edge.automation.functions.bench import Bench, breaker_points, plan_of, point
from tieline.edge.automation.functions import CapacitorState
from tieline.model import PointKind, Result

POINTS = [
    *breaker_points("c1", "c2", "c3"),
    point("q", unit="kvar"),
    point("p", unit="MW"),
    point("u", unit="kV"),
    point("resetting", PointKind.BINARY),
]
HEAD = """
kind = "capacitor_switching"
name = "caps"
delay_s = 20
discharge_s = 100
switch_timeout_s = 2
reset = "ied/resetting"
"""
BY_Q = 'by = "reactive_power"\nreactive_power = "ied/q"\non_above_mvar = 1.0\noff_below_mvar = -0.5\n'
BY_U = 'by = "voltage"\nvoltage = "ied/u"\non_below_kv = 19.6\noff_above_kv = 20.4\n'
BY_PF = (
    'by = "power_factor"\nreactive_power = "ied/q"\nactive_power = "ied/p"\n'
    "on_below_power_factor = 0.95\noff_below_power_factor = 0.99\n"
)
STEPS = "".join(
    f'\n[[automation.functions.steps]]\ncontrol = "ied/c{n}_cmd"\nposition = "ied/c{n}_pos"\nmvar = 1.0\n' for n in (1, 2, 3)
)


def bench(text: str = BY_Q, *, jammed: bool = False) -> Bench:
    """Three steps of 1 Mvar, off and discharged, that change the reactive power (and the voltage by 0.2 kV)."""

    def field(name: str, value: float) -> None:
        position = name.replace("_cmd", "_pos")
        if not jammed and one.values[position] != 1.0 + value:
            one.values[position] = 1.0 + value
            one.values["q"] -= 1000 if value else -1000
            one.values["u"] += 0.2 if value else -0.2

    one = Bench(plan_of(POINTS, HEAD + text + STEPS), field)
    one.values |= {f"c{n}_pos": 1.0 for n in (1, 2, 3)} | {"q": 0.0, "p": 5.0, "u": 20.0, "resetting": 0.0}
    one.run(110)
    return one


def test_steps_go_on_one_by_one_each_after_the_delay() -> None:
    one = bench()
    one.run(100, q=2800.0)
    assert [(at - 110, name) for at, name, _ in one.requests] == [(20.0, "c1_cmd"), (40.125, "c2_cmd")]
    assert one.shown()["steps_on"] == 2
    assert one.shown()["state"] == CapacitorState.RESTING


def test_what_has_been_on_for_longest_goes_off_first_and_comes_back_last() -> None:
    one = bench()
    one.run(60, q=2800.0)
    one.run(30, q=-900.0)
    assert one.commands[2:] == [("c1_cmd", 0.0)]
    one.run(150)
    one.run(25, q=1500.0)
    assert one.commands[3:] == [("c3_cmd", 1.0)]


def test_a_step_that_would_have_to_go_off_again_stays_off() -> None:
    one = bench(BY_PF)
    one.run(100, q=900.0, p=0.5)
    assert one.requests == []
    assert one.shown()["state"] == CapacitorState.NO_STEP_LEFT


def test_the_power_factor_asks_for_the_reactive_power_that_belongs_to_it() -> None:
    one = bench(BY_PF)
    one.run(30, q=1_600.0)  # 0.9525 lagging
    assert one.requests == []
    one.run(30, q=1_700.0)
    assert one.commands == [("c1_cmd", 1.0)]
    one.run(30, q=-700.0)  # 0.99 leading is 712 kvar
    assert len(one.requests) == 1
    one.run(30, q=-730.0)
    assert one.commands[1:] == [("c1_cmd", 0.0)]
    one.run(100, p=0.01, q=500.0)
    assert len(one.requests) == 2  # without power there is no power factor


def test_steps_follow_the_voltage() -> None:
    one = bench(BY_U)
    one.run(60, u=19.3)
    assert one.commands == [("c1_cmd", 1.0), ("c2_cmd", 1.0)]
    one.run(60, u=20.5)
    assert one.commands[2:] == [("c1_cmd", 0.0)]


def test_voltage_overrides_what_the_steps_follow() -> None:
    text = BY_Q + 'voltage = "ied/u"\nforce_off_above_kv = 21\nforce_on_below_kv = 19\nforce_delay_s = 3\n'
    one = bench(text)
    one.run(25, q=2800.0)
    one.run(5, u=21.1)
    assert one.commands == [("c1_cmd", 1.0), ("c1_cmd", 0.0)]
    one.run(60, q=4_000.0, u=21.1)
    assert len(one.requests) == 2  # none goes on while the voltage is high
    one.run(4, q=0.0, u=18.9)
    assert one.commands[2:] == [("c2_cmd", 1.0)]


def test_a_step_that_has_not_discharged_stays_off() -> None:
    one = bench()
    one.function.recall({"steps": {"ied/c2_cmd": {"locked_out": True}, "ied/c3_cmd": {"locked_out": True}}})
    one.run(25, q=1500.0)
    one.run(25, q=-1000.0)
    assert one.commands == [("c1_cmd", 1.0), ("c1_cmd", 0.0)]
    opened = one.requests[-1][0]
    one.run(200, q=1500.0)
    assert one.commands[2:] == [("c1_cmd", 1.0)]
    assert one.requests[-1][0] - opened >= 100


def test_after_a_start_nobody_knows_whether_a_step_has_discharged() -> None:
    one = bench()
    one.restart()
    one.run(99, q=1500.0)
    assert one.requests == []
    one.run(25)
    assert len(one.requests) == 1


def test_no_step_goes_on_more_often_a_day_than_it_may_after_a_restart_too() -> None:
    one = bench("most_operations_a_day = 2\n" + BY_Q)
    for number in range(12):
        one.run(140, q=1500.0)
        one.run(140, q=-1000.0)
        if number == 3:
            one.restart()
    ons = [name for name, value in one.commands if value == 1.0]
    assert len(ons) == 6
    assert {ons.count(name) for name in ons} == {2}
    one.period_s = 60.0
    one.run(86_400, q=0.0)
    one.run(120, q=1500.0)
    assert len([name for name, value in one.commands if value == 1.0]) == 7


def test_a_step_that_does_not_close_is_locked_out_and_another_is_taken() -> None:
    one = bench(jammed=True)
    one.run(60, q=1500.0)
    assert one.commands[:2] == [("c1_cmd", 1.0), ("c2_cmd", 1.0)]
    assert one.kinds[:1] == ["capacitor_step_locked_out"]
    one.run(200)
    assert one.shown()["locked_out"] == 1
    assert len(one.requests) == 3
    one.run(1, resetting=1.0)
    assert one.shown()["steps_locked_out"] == 0


def test_a_step_that_opens_by_itself_is_not_closed_again() -> None:
    one = bench()
    one.run(25, q=1500.0)
    one.run(150, c1_pos=1.0, q=0.0)
    assert one.shown()["steps_locked_out"] == 1
    one.run(25, q=1500.0)
    assert one.commands[1:] == [("c2_cmd", 1.0)]


def test_a_step_that_opens_while_it_may_not_act_is_not_locked_out() -> None:
    one = bench()
    one.run(25, q=1500.0)
    one.may_act = False
    one.run(10, c1_pos=1.0)
    assert one.shown()["steps_locked_out"] == 0


def test_a_refused_command_is_tried_again_after_the_delay() -> None:
    one = bench()
    one.result = Result.REFUSED
    one.run(61, q=1500.0)
    assert 2 <= len(one.requests) <= 3
    assert one.shown()["steps_locked_out"] == 0


@pytest.mark.parametrize("bad", ["q", "u"])
def test_a_bad_measurement_blocks(bad: str) -> None:
    one = bench(BY_Q + 'voltage = "ied/u"\n')
    one.spoil(bad)
    one.run(100, q=1500.0)
    assert one.requests == []
    assert one.kinds == ["function_blocked"]


def test_a_dead_busbar_blocks() -> None:
    one = bench(BY_U + "dead_below_kv = 10\n")
    one.run(100, u=0.0)
    assert one.requests == []


def test_while_it_may_not_act_no_delay_passes() -> None:
    one = bench()
    one.may_act = False
    one.run(100, q=1500.0)
    one.may_act = True
    one.run(19.875)
    assert one.requests == []
    one.run(0.25)
    assert len(one.requests) == 1
