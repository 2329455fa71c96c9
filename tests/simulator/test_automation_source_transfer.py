"""Source transfer on the two incoming breakers of Millbrook in the simulated network."""

from __future__ import annotations

import pytest

from tests.simulator.automation_rig import Rig
from tieline.edge.automation.functions import TransferState
from tieline.model import PointKind

SECTION = """
kind = "source_transfer"
name = "millbrook-abt"
arrangement = "main_standby"
dead_below_kv = 8
dead_delay_s = 1.0
healthy_above_kv = 18
healthy_delay_s = 3.0
residual_below_kv = 5
dead_time_s = 0.5
switch_timeout_s = 3.0
retransfer_delay_s = 60

[[automation.functions.supplies]]
name = "cable-1"
control = "q01/ctrl-cswi1-pos-command"
position = "q01/ctrl-cswi1-pos"
voltage = ["q01/meas-mmxu1-ppv-phsab", "q01/meas-mmxu1-ppv-phsbc", "q01/meas-mmxu1-ppv-phsca"]
trip = ["q01/prot-ptrc1-tr", "q01/prot-ptoc1-op"]
bus_voltage = "q03/meas-mmxu1-ppv-phsab"

[[automation.functions.supplies]]
name = "cable-2"
control = "q02/ctrl-cswi1-pos-command"
position = "q02/ctrl-cswi1-pos"
voltage = ["q02/meas-mmxu1-ppv-phsab", "q02/meas-mmxu1-ppv-phsbc", "q02/meas-mmxu1-ppv-phsca"]
trip = ["q02/prot-ptrc1-tr", "q02/prot-ptoc1-op"]
"""
OPEN, CLOSED = 1.0, 2.0


class Millbrook(Rig):
    def __init__(self) -> None:
        super().__init__("millbrook", SECTION, period_s=0.1)
        self.were_parallel = False
        self.run(5)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / self.period_s)):
            super().run(self.period_s)
            self.were_parallel |= self.position("mb-q1") != OPEN and self.position("mb-q2") != OPEN

    def position(self, switch: str) -> float:
        return self.plant.read(switch, "switch_position", kind=PointKind.DOUBLE)

    @property
    def sequence(self) -> list[tuple[str, float]]:
        return [(name.removesuffix(" switch_position"), value) for _, name, value in self.commands]

    @property
    def is_alive(self) -> bool:
        return self.plant.read("mb-20", "voltage") > 18_000


def test_a_lost_supply_is_exchanged_for_the_other_and_taken_back_when_it_has_returned() -> None:
    one = Millbrook()
    assert one.is_alive
    one.plant.operate("ng-qf1", "switch_position", 0)
    lost_at = one.elapsed_s
    one.run(10)
    assert one.sequence == [("mb-q1", 0), ("mb-q2", 1)]
    opened, closed = (at - lost_at for at, _, _ in one.commands)
    assert opened == pytest.approx(1.0 + 0.4, abs=0.3)  # the delay, and the travel of the breaker at Northgate
    assert closed - opened == pytest.approx(0.4 + 0.5, abs=0.3)  # its own travel, seen, and the dead time
    assert (one.position("mb-q1"), one.position("mb-q2")) == (OPEN, CLOSED)
    assert one.is_alive
    assert one.plant.read("ng-mb-2", "current") > 10
    assert one.function.shown()["state"] == TransferState.TRANSFERRED

    one.plant.operate("ng-qf1", "switch_position", 1)
    one.run(59)
    assert len(one.commands) == 2
    one.run(10)
    assert one.sequence[2:] == [("mb-q2", 0), ("mb-q1", 1)]
    assert one.is_alive
    assert one.plant.read("ng-mb-1", "current") > 10
    assert one.function.shown()["state"] == TransferState.NORMAL
    assert not one.were_parallel
    assert one.kinds == ["transfer_begun", "transfer_done"] * 2


def test_a_fault_on_the_busbar_locks_out_and_nothing_is_closed_onto_it() -> None:
    one = Millbrook()
    one.plant.fault("mb-20")
    one.run(5)
    one.plant.operate("ng-qf1", "switch_position", 0)  # even if the supply is lost as well
    one.run(120)
    assert one.commands == []
    assert not one.is_alive
    assert one.function.shown()["locked_out"] == 1
    assert one.kinds == ["function_locked_out"]


def test_a_fault_on_the_cable_is_a_lost_supply() -> None:
    one = Millbrook()
    one.plant.fault("mb-in1")
    one.run(10)
    assert one.sequence == [("mb-q1", 0), ("mb-q2", 1)]
    assert one.is_alive


def test_a_breaker_that_is_jammed_keeps_the_standby_open() -> None:
    one = Millbrook()
    one.plant.jam("mb-q1")
    one.plant.operate("ng-qf1", "switch_position", 0)
    one.run(60)
    assert one.sequence == [("mb-q1", 0)]
    assert one.function.shown()["locked_out"] == 1
    assert not one.were_parallel


def test_while_both_supplies_are_lost_it_waits_and_then_takes_the_one_that_returns() -> None:
    one = Millbrook()
    one.plant.feed("tso", feeding=False)
    one.run(30)
    assert one.commands == []
    one.plant.operate("ng-qf1", "switch_position", 0)
    one.plant.feed("tso", feeding=True)
    one.run(10)
    assert one.sequence == [("mb-q1", 0), ("mb-q2", 1)]
    assert one.is_alive
