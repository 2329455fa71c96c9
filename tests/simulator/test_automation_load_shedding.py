"""Load shedding against the simulated network: generation is lost, stages act in order, frequency recovers, loads come back."""

from __future__ import annotations

import pytest

from tests.simulator.automation_rig import Rig
from tieline.edge.automation.functions import SheddingState
from tieline.simulator.plant import PowerSystem

SECTION = """
kind = "load_shedding"
name = "ufls"
frequency = ["rtu-1/hv_frequency", "rtu-1/a_frequency", "rtu-1/b_frequency"]
voltage = ["rtu-1/a_voltage_ab", "rtu-1/b_voltage_ab"]
agree_kv = 2
dead_below_kv = 10
restore = "automatic"
restore_above_hz = 49.2
restore_delay_s = 30
restore_interval_s = 10

[[automation.functions.stages]]
below_hz = 49.0
delay_s = 0.2
breakers = [{ control = "rtu-1/f5_command", position = "rtu-1/f5_position" }]

[[automation.functions.stages]]
below_hz = 48.7
delay_s = 0.2
breakers = [{ control = "rtu-1/f3_command", position = "rtu-1/f3_position" }]

[[automation.functions.stages]]
below_hz = 48.2
delay_s = 0.2
breakers = [{ control = "rtu-1/f2_command", position = "rtu-1/f2_position" }]
"""
SYSTEM = PowerSystem(rated_mva=60, inertia_s=6, reserve_percent=2)


def rig() -> Rig:
    one = Rig("northgate", SECTION, period_s=0.1, system=SYSTEM)
    one.run(3)
    one.plant.operate("sf-bess", "active_power", 0.0)
    one.run(5)
    return one


def test_stages_act_in_order_the_frequency_recovers_and_loads_are_restored_one_by_one() -> None:
    one = rig()
    lost_at = one.elapsed_s
    one.plant.lose_generation(9e6)
    lowest, crossed = 50.0, {}
    for _ in range(250):
        one.run(0.1)
        frequency = one.plant.read("ng-132", "frequency")
        lowest = min(lowest, frequency)
        for limit in (49.0, 48.7):
            if frequency < limit:
                crossed.setdefault(limit, one.elapsed_s)
    assert [(name, value) for _, name, value in one.commands] == [("ng-qf5 switch_position", 0), ("ng-qf3 switch_position", 0)]
    for (at, _, _), limit in zip(one.commands, (49.0, 48.7), strict=True):
        assert 0.2 <= at - crossed[limit] + 1e-6 <= 0.31  # the delay, and at most one scan
    assert crossed[49.0] - lost_at == pytest.approx(2.0, abs=0.6)  # 9 MW of 60 MVA with H = 6 s: 0.6 Hz/s
    assert 48.2 < lowest < 48.7
    assert one.plant.read("old-town-load-1", "active_power") == 0
    assert one.plant.read("harbor-load", "active_power") < -5e6
    assert one.plant.read("ng-132", "frequency") > lowest + 0.1

    one.plant.lose_generation(-9e6)
    one.run(120)
    restored = one.commands[2:]
    assert [(name, value) for _, name, value in restored] == [("ng-qf3 switch_position", 1), ("ng-qf5 switch_position", 1)]
    assert restored[1][0] - restored[0][0] == pytest.approx(10, abs=0.11)
    assert one.plant.read("old-town-load-1", "active_power") < -1e6
    assert one.plant.read("fairfield-load-2", "active_power") < -1e5
    assert one.plant.read("ng-132", "frequency") == pytest.approx(50, abs=0.25)
    assert one.function.shown()["state"] == SheddingState.ARMED


def test_a_loss_that_the_governors_carry_sheds_nothing() -> None:
    one = rig()
    one.plant.lose_generation(1e6)
    one.run(60)
    assert one.commands == []


def test_a_station_without_supply_is_no_under_frequency_and_sheds_nothing() -> None:
    one = rig()
    one.plant.feed("tso", feeding=False)
    one.run(10)
    assert one.function.shown()["state"] == SheddingState.BLOCKED
    one.plant.feed("tso", feeding=True)
    one.run(10)
    assert one.commands == []
    assert one.kinds == ["function_blocked", "function_released"]
