from __future__ import annotations

import pytest

from tests.edge.automation.functions.bench import Bench, breaker_points, plan_of, point
from tieline.edge.automation.functions import TransferState
from tieline.model import PointKind, Result

POINTS = [
    *breaker_points("q1", "q2", "qt"),
    point("u1", unit="kV"),
    point("u2", unit="kV"),
    point("ub", unit="V"),
    point("trip1", PointKind.BINARY),
    point("trip2", PointKind.BINARY),
    point("blocking", PointKind.BINARY),
    point("resetting", PointKind.BINARY),
]
COMMON = """
kind = "source_transfer"
name = "abt"
dead_below_kv = 10
dead_delay_s = 1.0
healthy_above_kv = 18
healthy_delay_s = 3.0
dead_time_s = 0.5
switch_timeout_s = 2.0
retransfer_delay_s = 60
retry_s = 20
reset = "ied/resetting"
block = "ied/blocking"
"""
SUPPLIES = """
[[automation.functions.supplies]]
name = "north"
control = "ied/q1_cmd"
position = "ied/q1_pos"
voltage = ["ied/u1"]
trip = ["ied/trip1"]
{bus}
[[automation.functions.supplies]]
name = "south"
control = "ied/q2_cmd"
position = "ied/q2_pos"
voltage = ["ied/u2"]
trip = ["ied/trip2"]
"""
STANDBY = COMMON + 'arrangement = "main_standby"\n'
TIED = COMMON + 'arrangement = "main_tie_main"\ntie = { control = "ied/qt_cmd", position = "ied/qt_pos" }\n'
HEALTHY = {"u1": 20.0, "u2": 20.0, "trip1": 0.0, "trip2": 0.0, "blocking": 0.0, "resetting": 0.0}


def bench(text: str = STANDBY, *, bus: str = "", jammed: set[str] | None = None, **positions: float) -> Bench:
    """Breakers that move at once, but for those that are jammed."""

    def field(name: str, value: float) -> None:
        breaker = name.removesuffix("_cmd")
        if breaker not in (jammed or set()):
            one.values[f"{breaker}_pos"] = 1.0 + value

    one = Bench(plan_of(POINTS, text + SUPPLIES.format(bus=bus)), field)
    normal = {"q1_pos": 2.0, "q2_pos": 1.0} if "main_standby" in text else {"q1_pos": 2.0, "q2_pos": 2.0, "qt_pos": 1.0}
    one.values |= HEALTHY | normal | positions
    one.run(5)
    return one


def times(one: Bench) -> list[tuple[float, str, float]]:
    return [(round(at - 5.0, 3), name.removesuffix("_cmd"), value) for at, name, value in one.requests]


def test_a_lost_supply_is_replaced_after_its_delay_and_open_comes_before_close() -> None:
    one = bench()
    assert one.shown()["state"] == TransferState.NORMAL
    one.run(5, u1=0.0)
    assert times(one) == [(1.0, "q1", 0.0), (1.625, "q2", 1.0)]
    assert one.shown()["state"] == TransferState.TRANSFERRED
    assert one.kinds == ["transfer_begun", "transfer_done"]


def test_a_dip_that_is_shorter_than_the_delay_transfers_nothing() -> None:
    one = bench()
    for _ in range(5):
        one.run(0.9, u1=0.0)
        one.run(0.5, u1=20.0)
    assert one.requests == []


def test_a_supply_that_is_low_but_not_dead_transfers_nothing() -> None:
    one = bench()
    one.run(20, u1=15.0)
    assert one.requests == []


def test_the_other_supply_has_to_be_healthy_for_its_time() -> None:
    one = bench()
    one.run(10, u1=0.0, u2=0.0)
    assert one.requests == []
    assert one.shown()["state"] == TransferState.SUPPLY_LOST
    one.run(2.9, u2=20.0)
    assert one.requests == []
    one.run(0.5)
    assert one.commands == [("q1_cmd", 0.0)]


def test_it_goes_back_once_the_supply_has_been_healthy_for_the_retransfer_delay() -> None:
    one = bench()
    one.run(5, u1=0.0)
    one.run(59, u1=20.0)
    assert len(one.requests) == 2
    one.run(3)
    assert one.commands[2:] == [("q2_cmd", 0.0), ("q1_cmd", 1.0)]
    assert one.shown()["state"] == TransferState.NORMAL
    assert one.shown()["transferred"] == 0


def test_it_goes_back_after_a_restart_too_but_never_from_what_others_have_switched() -> None:
    one = bench()
    one.run(5, u1=0.0)
    one.restart()
    one.run(63, u1=20.0)
    assert one.commands[2:] == [("q2_cmd", 0.0), ("q1_cmd", 1.0)]
    other = bench(q1_pos=1.0, q2_pos=2.0)
    other.run(200)
    assert other.requests == []
    assert other.shown()["state"] == TransferState.NOT_READY


def test_manual_retransfer_leaves_the_way_back_to_people() -> None:
    one = bench(STANDBY + 'retransfer = "manual"\n')
    one.run(5, u1=0.0)
    one.run(200, u1=20.0)
    assert len(one.requests) == 2


def test_a_lost_standby_is_left_at_once_for_a_main_that_has_returned() -> None:
    one = bench()
    one.run(5, u1=0.0)
    one.run(5, u1=20.0)
    one.run(3, u2=0.0)
    assert one.commands[2:] == [("q2_cmd", 0.0), ("q1_cmd", 1.0)]


def test_a_trip_is_a_fault_on_the_busbar_and_locks_out() -> None:
    one = bench()
    one.run(1, trip1=1.0, q1_pos=1.0)
    one.run(30, u1=0.0)
    assert one.requests == []
    assert one.kinds == ["function_locked_out"]
    one.run(1, resetting=1.0)
    assert one.shown()["locked_out"] == 1  # the trip is still there
    one.run(1, resetting=0.0, trip1=0.0)
    one.run(1, resetting=1.0)
    assert one.shown()["locked_out"] == 0


def test_a_trip_between_opening_and_closing_keeps_the_standby_open() -> None:
    one = bench()
    one.run(1.2, u1=0.0)
    one.run(20, trip1=1.0)
    assert times(one) == [(1.0, "q1", 0.0)]
    assert "transfer_abandoned" in one.kinds


def test_a_breaker_that_somebody_has_opened_is_left_open() -> None:
    one = bench()
    one.run(30, q1_pos=1.0)
    one.run(30, u1=0.0)
    assert one.requests == []


def test_a_breaker_that_does_not_open_locks_out_before_anything_is_closed() -> None:
    one = bench(jammed={"q1"})
    one.run(60, u1=0.0)
    assert times(one) == [(1.0, "q1", 0.0)]
    assert one.kinds == ["transfer_begun", "function_locked_out", "transfer_abandoned"]


def test_a_breaker_that_is_not_seen_to_open_for_certain_keeps_the_other_open() -> None:
    one = bench(jammed={"q1"})
    one.run(1.5, u1=0.0)
    one.run(60, q1_pos=0.0)
    assert times(one) == [(1.0, "q1", 0.0)]


def test_a_breaker_that_does_not_close_locks_out() -> None:
    one = bench(jammed={"q2"})
    one.run(60, u1=0.0)
    assert times(one) == [(1.0, "q1", 0.0), (1.625, "q2", 1.0)]
    assert one.shown()["locked_out"] == 1


def test_where_a_close_is_refused_for_certain_the_healthy_main_is_closed_again() -> None:
    one = bench()
    one.run(1.5, u1=0.0)
    one.result = Result.REFUSED
    one.run(0.25, u1=20.0)
    one.result = Result.DONE
    one.run(5)
    assert times(one) == [(1.0, "q1", 0.0), (1.625, "q2", 1.0), (1.75, "q1", 1.0)]
    assert one.values["q1_pos"] == 2
    assert one.shown()["locked_out"] == 1


def test_a_refused_opening_is_tried_again_later() -> None:
    one = bench()
    one.result = Result.REFUSED
    one.run(1.3, u1=0.0)
    one.result = Result.DONE
    one.run(15)
    assert len(one.requests) == 1
    one.run(10)
    assert one.commands == [("q1_cmd", 0.0), ("q1_cmd", 0.0), ("q2_cmd", 1.0)]


def test_a_busbar_that_still_has_voltage_delays_closing() -> None:
    one = bench(STANDBY + "residual_below_kv = 4\n", bus='bus_voltage = "ied/ub"')
    one.run(5, u1=0.0, ub=9_000.0)
    assert times(one) == [(1.0, "q1", 0.0)]
    assert one.shown()["state"] == TransferState.WAITING
    one.run(1, ub=3_900.0)
    assert one.commands[-1] == ("q2_cmd", 1.0)


def test_the_main_is_closed_again_where_the_standby_fails_meanwhile_and_the_main_returns() -> None:
    one = bench()
    one.run(1.3, u1=0.0)
    one.run(10, u2=0.0)
    assert times(one) == [(1.0, "q1", 0.0)]
    one.run(4, u1=20.0)
    assert one.commands == [("q1_cmd", 0.0), ("q1_cmd", 1.0)]
    assert one.shown()["transferred"] == 0


@pytest.mark.parametrize("name", ["u1", "u2", "q1_pos", "q2_pos", "trip1", "blocking"])
def test_no_uncertain_input_lets_anything_move(name: str) -> None:
    one = bench()
    one.spoil(name)
    one.run(30, u1=0.0)
    assert one.requests == []
    assert one.kinds == ["function_blocked"]


def test_while_it_may_not_act_it_neither_transfers_nor_counts_the_delay() -> None:
    one = bench()
    one.may_act = False
    one.run(60, u1=0.0)
    one.may_act = True
    one.run(0.9)
    assert one.requests == []
    one.run(0.3)
    assert one.commands == [("q1_cmd", 0.0)]


def test_a_transfer_that_may_not_go_on_is_abandoned_after_a_minute() -> None:
    one = bench()
    one.run(1.2, u1=0.0)
    one.may_act = False
    one.run(70)
    one.may_act = True
    one.run(30)
    assert times(one) == [(1.0, "q1", 0.0)]
    assert "transfer_abandoned" in one.kinds


def test_too_many_transfers_within_an_hour_lock_out() -> None:
    one = bench(STANDBY.replace("retransfer_delay_s = 60", "retransfer_delay_s = 5") + "most_transfers_an_hour = 3\n")
    for _ in range(4):
        one.run(10, u1=0.0)
        one.run(20, u1=20.0)
    assert len(one.requests) == 6
    assert one.shown()["locked_out"] == 1


def test_with_a_tie_the_other_main_takes_over_its_neighbor_and_gives_it_back() -> None:
    one = bench(TIED)
    one.run(5, u2=0.0)
    assert times(one) == [(1.0, "q2", 0.0), (1.625, "qt", 1.0)]
    one.run(65, u2=20.0)
    assert one.commands[2:] == [("qt_cmd", 0.0), ("q2_cmd", 1.0)]
    assert one.shown()["state"] == TransferState.NORMAL


def test_with_a_tie_the_loss_of_both_ends_with_whichever_returns() -> None:
    one = bench(TIED)
    one.run(5, u1=0.0)
    assert one.commands == [("q1_cmd", 0.0), ("qt_cmd", 1.0)]
    one.run(10, u2=0.0)
    assert len(one.requests) == 2
    one.run(5, u1=20.0)
    assert one.commands[2:] == [("q2_cmd", 0.0), ("q1_cmd", 1.0)]
    assert (one.values["q1_pos"], one.values["q2_pos"], one.values["qt_pos"]) == (2, 1, 2)
    one.run(65, u2=20.0)
    assert one.commands[4:] == [("qt_cmd", 0.0), ("q2_cmd", 1.0)]


def test_two_supplies_that_others_have_put_in_parallel_are_left_alone() -> None:
    for text, positions in ((STANDBY, {"q2_pos": 2.0}), (TIED, {"qt_pos": 2.0})):
        one = bench(text, **positions)
        one.run(30, u1=0.0)
        assert one.requests == []
