from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest

from tests.edge.automation.functions.bench import Bench, plan_of, point
from tieline.edge.automation.functions import BatteryState
from tieline.model import PointKind, Result

POINTS = [
    point("set", PointKind.SETPOINT, "kW", low=-4000, high=4000),
    point("battery", unit="kW"),
    point("soc", unit="%"),
    point("poc", unit="MW"),
    point("sun", unit="kW"),
    point("blocking", PointKind.BINARY),
]
HEAD = """
kind = "battery_control"
name = "bess"
power_setpoint = "ied/set"
battery_power = "ied/battery"
state_of_charge = "ied/soc"
charge_limit_mw = 4
discharge_limit_mw = 4
ramp_mw_per_s = 0.5
deadband_mw = 0.05
filter_s = 2
"""
SHAVING = HEAD + 'connection_power = "ied/poc"\nimport_limit_mw = 5\nexport_limit_mw = 3\n'
SMOOTHING = HEAD + 'solar_power = "ied/sun"\nramp_limit_mw_per_min = 0.6\n'


class Plant:
    """A battery that follows its setpoint, a connection that others use too, and measurements that come late."""

    def __init__(self, text: str, *, late: int = 0) -> None:
        self.bench = Bench(plan_of(POINTS, text), self._write)
        self.bench.values |= {"set": 0.0, "soc": 50.0, "sun": 0.0, "blocking": 0.0}
        self.battery_kw = 0.0
        self.others_mw = 0.0
        self._past: deque[float] = deque([0.0] * (late + 1), maxlen=late + 1)

    def _write(self, _name: str, value: float) -> None:
        self.battery_kw = value

    def run(self, seconds: float, **values: float) -> None:
        self.bench.values.update(values)
        for _ in range(round(seconds / self.bench.period_s)):
            self._past.append(self.battery_kw)
            self.bench.values |= {"battery": self._past[0], "poc": self.others_mw + self.battery_kw / 1e3}
            self.bench.scan()

    @property
    def connection_mw(self) -> float:
        return self.others_mw + self.battery_kw / 1e3


def test_nothing_is_asked_of_the_battery_within_the_limits() -> None:
    one = Plant(SHAVING)
    one.others_mw = -4.9
    one.run(60)
    assert one.battery_kw == 0
    assert one.bench.shown()["state"] == BatteryState.IDLE


def test_import_and_export_are_kept_at_their_limits() -> None:
    one = Plant(SHAVING)
    one.others_mw = -7.0
    one.run(30)
    assert one.connection_mw == pytest.approx(-5, abs=0.06)
    assert one.bench.shown()["state"] == BatteryState.LIMITING_IMPORT
    one.others_mw = 4.5
    one.run(60)
    assert one.connection_mw == pytest.approx(3, abs=0.06)
    assert one.bench.shown()["state"] == BatteryState.LIMITING_EXPORT
    one.others_mw = 0.0
    one.run(60)
    assert one.battery_kw == 0


def test_measurements_that_come_late_do_not_make_it_swing() -> None:
    one = Plant(SHAVING, late=8)  # the battery's own power is a second old
    one.others_mw = -7.0
    one.run(120)
    seen = []
    for _ in range(100):
        one.run(0.125)
        seen.append(one.connection_mw)
    assert max(seen) - min(seen) < 0.06
    assert seen[-1] == pytest.approx(-5, abs=0.06)


def test_the_setpoint_moves_no_faster_than_its_ramp_and_not_below_its_deadband() -> None:
    one = Plant(SHAVING)
    one.others_mw = -20.0
    one.run(30)
    values = [0.0] + [value for _, _, value in one.bench.requests]
    times = [at for at, _, _ in one.bench.requests]
    assert max(values) == 4000
    for earlier, later, at, before in zip(values[1:], values[2:], times[1:], times, strict=False):
        assert abs(later - earlier) <= 500 * (at - before) + 1e-6
        assert abs(later - earlier) >= 50


def test_power_fades_towards_the_limits_of_charge_and_what_is_missing_is_said() -> None:
    one = Plant(SHAVING)
    one.others_mw = -8.0
    one.run(40, soc=11.0)
    assert one.battery_kw == pytest.approx(2000, abs=60)  # half of the taper
    one.run(40, soc=10.0)
    assert one.battery_kw == 0
    assert one.bench.shown()["state"] == BatteryState.EXHAUSTED
    assert one.bench.shown()["missing"] == pytest.approx(3.0, abs=0.1)
    assert one.bench.kinds.count("battery_exhausted") == 1


def test_it_recovers_its_charge_where_the_limits_permit() -> None:
    one = Plant(SHAVING + "recovery_mw = 1\n")
    one.run(20, soc=40.0)
    assert one.battery_kw == -1000
    one.others_mw = -4.6
    one.run(30)
    assert one.connection_mw == pytest.approx(-5, abs=0.06)
    one.others_mw = 0.0
    one.run(30, soc=48.0)
    assert one.battery_kw == pytest.approx(-1000, abs=50)  # until the target, not the edge of the band
    one.run(30, soc=50.1)
    assert one.battery_kw == 0


def test_solar_power_and_battery_together_keep_the_ramp_limit() -> None:
    one = Plant(SMOOTHING)
    one.run(5, sun=3000.0)
    assert one.battery_kw == 0
    total = []
    one.bench.values["sun"] = 1000.0
    for _ in range(240):
        one.run(0.5)
        total.append(one.battery_kw + 1000)
    after = total[12:]  # until the converter has ramped there
    assert after[0] == pytest.approx(2940, abs=70)
    assert max(abs(later - earlier) for earlier, later in pairwise(after)) < 60
    one.run(120)
    assert one.battery_kw == pytest.approx(0, abs=51)


def test_with_a_bad_input_the_setpoint_is_held_and_then_goes_to_zero() -> None:
    one = Plant(SHAVING)
    one.others_mw = -7.0
    one.run(30)
    held = one.battery_kw
    one.bench.spoil("poc")
    one.run(9)
    assert one.battery_kw == held
    one.run(10)
    assert one.battery_kw == 0
    assert one.bench.kinds == ["function_blocked"]
    one.bench.quality.clear()
    one.run(30)
    assert one.connection_mw == pytest.approx(-5, abs=0.06)


def test_the_block_input_leaves_the_setpoint_to_others() -> None:
    one = Plant(SHAVING + 'block = "ied/blocking"\n')
    one.others_mw = -7.0
    one.run(30, blocking=1.0)
    assert one.bench.requests == []


def test_taking_over_begins_where_the_battery_is() -> None:
    one = Plant(SHAVING)
    one.bench.may_act = False
    one.battery_kw = 3000.0
    one.run(10)
    one.bench.may_act = True
    one.run(0.125)
    assert one.bench.requests[0][2] == pytest.approx(3000, abs=500 * 0.125 + 1)


def test_a_setpoint_that_is_not_taken_is_written_again_later() -> None:
    one = Plant(SHAVING)
    one.others_mw = -7.0
    one.bench.result = Result.REFUSED
    one.run(25)
    assert len(one.bench.requests) == 3
    assert "setpoint_not_taken" in one.bench.kinds
    one.bench.result = Result.DONE
    one.run(30)
    assert one.connection_mw == pytest.approx(-5, abs=0.06)


def test_the_setpoint_is_written_again_for_devices_that_forget_it() -> None:
    one = Plant(SHAVING + "refresh_s = 10\n")
    one.run(60.25)
    assert [round(at) for at, _, _ in one.bench.requests] == [0, 10, 20, 30, 40, 50, 60]
