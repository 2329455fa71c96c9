"""Whatever is read, and whenever: no function raises, closes into a parallel, or goes beyond its own limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.automation.functions import (
    test_battery_control,
    test_capacitor_switching,
    test_load_shedding,
    test_source_transfer,
    test_voltage_regulator,
)
from tests.edge.automation.functions.bench import plan_of
from tieline.config.function_base import FunctionPlan
from tieline.edge.automation.function import Answer, Reading, Request
from tieline.edge.automation.functions import make_function
from tieline.model import Now, Outcome, Point, PointKind, Quality, Result

NUMBERS = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 2.0, 3.0, -1.0, 1e300, 10.0, 11.0, 20.0, 48.0, 50.0]),
    st.floats(0, 60),
    st.floats(-5000, 5000),
)
STATES = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan, 0.5])
QUALITIES = st.sampled_from([0, 0, 0, 0, 0, int(Quality.QUESTIONABLE), int(Quality.INVALID), int(Quality.DEVICE_TIME)])
TIMES = st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0, 1.0, 5.0, 30.0, 120.0, 4000.0, -10.0])
RESULTS = st.sampled_from([Result.DONE] * 6 + [Result.REFUSED, Result.FAILED, Result.UNKNOWN, None])


@cache
def plan(kind: str) -> FunctionPlan:
    match kind:
        case "voltage_regulator":
            text = test_voltage_regulator.BASE + test_voltage_regulator.PULSES + test_voltage_regulator.REVERSE
            text += 'reactive_power = "ied/q"\nldc_r_ohm = 1\nfast_lower_percent = 110\nblock = "ied/blocking"\nreset = "ied/resetting"\n'
            text += 'reverse_power = "regulate"\nreverse_voltage = "ied/u_hv"\nreverse_setpoint_kv = 20\ncurrent = "ied/i"\n'
            text += 'delay_characteristic = "inverse"\novercurrent_a = 900\n'
            return plan_of(test_voltage_regulator.POINTS, text)
        case "follower":
            text = test_voltage_regulator.BASE + 'tap_setpoint = "ied/tap_set"\nmaster_tap_position = "ied/tap_other"\n'
            return plan_of(test_voltage_regulator.POINTS, text + 'parallel = "ied/tie"\n')
        case "capacitor_switching":
            module = test_capacitor_switching
            more = 'voltage = "ied/u"\nforce_off_above_kv = 30\nforce_on_below_kv = 19\nmost_operations_a_day = 3\n'
            return plan_of(module.POINTS, module.HEAD + module.BY_PF + more + module.STEPS)
        case "battery_control":
            text = test_battery_control.SHAVING + 'solar_power = "ied/sun"\nramp_limit_mw_per_min = 0.6\nrecovery_mw = 1\n'
            return plan_of(test_battery_control.POINTS, text)
        case "load_shedding":
            module = test_load_shedding
            return plan_of(module.POINTS, module.HEAD.format(frequency='"ied/f1", "ied/f2", "ied/f3"') + module.STAGES)
        case "main_standby":
            module = test_source_transfer
            text = module.STANDBY.replace("retransfer_delay_s = 60", "retransfer_delay_s = 5")
            return plan_of(module.POINTS, text + module.SUPPLIES.format(bus='bus_voltage = "ied/ub"'))
        case _:
            module = test_source_transfer
            return plan_of(module.POINTS, module.TIED + module.SUPPLIES.format(bus=""))


KINDS = (
    "voltage_regulator",
    "follower",
    "capacitor_switching",
    "battery_control",
    "load_shedding",
    "main_standby",
    "main_tie_main",
)


class Run:
    """A function with readings that change as Hypothesis says, and what it may never ask for."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.plan = plan(kind)
        self.function = make_function(self.plan, "station")
        self.readings: dict[str, tuple[float, int]] = {}
        self.monotonic_s = 1_000.0
        self.pending: list[Request] = []
        self.opened: set[str] = set()
        self.went_on: dict[str, list[float]] = {}

    def read(self, point: Point) -> Reading:
        value, quality = self.readings.get(point.name, (math.nan, int(Quality.INVALID)))
        return Reading(value, quality, round(self.monotonic_s * 1e6), 0.0)

    def sees(self, name: str, value: float) -> bool:
        return self.readings.get(name, (math.nan, 1))[0] == value and (self.readings[name][1] & 3) == 0

    def scan(self, seconds: float, answers: Sequence[Answer], *, may_act: bool) -> None:
        self.monotonic_s += seconds
        now = Now(self.monotonic_s, round(self.monotonic_s * 1e6))
        action = self.function.scan(now, self.read, answers, may_act=may_act)
        shown = self.function.shown()
        assert set(shown) == {one.name for one in self.plan.shown}
        assert all(isinstance(value, float) for value in shown.values())
        for request in action.requests:
            assert request.point in self.plan.writes
            assert math.isfinite(request.value)
            if may_act:
                self.check(request)
                self.pending.append(request)
        if not may_act:
            assert not action.requests

    def answer(self, result: Result | None) -> list[Answer]:
        """Ends all commands that are under way; those that are done move what they operate."""
        if result is None:
            return []
        ended, self.pending = self.pending, []
        for request in ended if result is Result.DONE else ():
            name = request.point.name
            if name.endswith("_cmd"):
                self.readings[name.replace("_cmd", "_pos")] = (1.0 + request.value, 0)
            elif name in {"raise", "lower"} and abs(self.readings["tap"][0]) < 100:
                self.readings["tap"] = (self.readings["tap"][0] + (1 if name == "raise" else -1), 0)
            elif name == "tap_set":
                self.readings["tap"] = (request.value, 0)
        return [Answer(request=request, outcome=Outcome(command="c", time=0, result=result)) for request in ended]

    def check(self, request: Request) -> None:
        name = request.point.name.removesuffix("_cmd")
        match self.kind:
            case "main_standby" if request.value == 1:
                assert self.sees("q2_pos" if name == "q1" else "q1_pos", 1.0)
            case "main_tie_main" if request.value == 1:
                assert any(self.sees(f"{other}_pos", 1.0) for other in {"q1", "q2", "qt"} - {name})
            case "voltage_regulator":
                tap = self.readings["tap"][0]
                assert 1 <= round(tap) + (1 if name == "raise" else -1) <= 19
            case "follower":
                assert 1 <= request.value <= 19
            case "battery_control":
                assert -4000 <= request.value <= 4000
            case "capacitor_switching" if request.value == 1:
                assert self.sees(f"{name}_pos", 1.0)
                times = self.went_on.setdefault(name, [])
                times.append(self.monotonic_s)
                assert sum(at > self.monotonic_s - 86_400 for at in times) <= 3
            case "load_shedding" if request.value == 1:
                assert name in self.opened
                assert self.sees(f"{name}_pos", 1.0)
            case "load_shedding":
                self.opened.add(name)


Step = tuple[float, int, dict[str, tuple[float, int]], bool, Result | None, int]


@st.composite
def scripts(draw: st.DrawFn, kind: str) -> list[Step]:
    """Steps: seconds between scans, how many, new readings, may_act, how commands end, and what else: 1 a restart, 2 a reset."""
    points = plan(kind).reads
    usual = GOOD[kind] | HINTS.get(kind, {})
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 14))):
        readings = {}
        for point in draw(st.lists(st.sampled_from(points), max_size=3, unique=True)):
            values = STATES if point.kind in {PointKind.BINARY, PointKind.DOUBLE} else NUMBERS
            likely = st.sampled_from([usual[point.name], GOOD[kind][point.name]]) if point.name in usual else values
            readings[point.name] = (draw(st.one_of(likely, likely, values)), draw(QUALITIES))
        what = draw(st.sampled_from([0] * 12 + [1, 2]))
        may_act = draw(st.sampled_from([True] * 5 + [False]))
        repeats = draw(st.sampled_from([1, 1, 2, 10, 40]))
        steps.append((draw(TIMES), repeats, readings, may_act, draw(RESULTS), what))
    return steps


GOOD = {
    "voltage_regulator": {
        "u": 19.0,
        "u_hv": 20.0,
        "i": 100.0,
        "p": 5.0,
        "q": 1.0,
        "tap": 10.0,
        "blocking": 0.0,
        "resetting": 0.0,
    },
    "follower": {"u": 20.0, "tap": 10.0, "tap_other": 11.0, "tie": 2.0},
    "capacitor_switching": {"q": 2500.0, "p": 5.0, "u": 20.0, "c1_pos": 1.0, "c2_pos": 1.0, "c3_pos": 1.0, "resetting": 0.0},
    "battery_control": {"battery": 0.0, "soc": 50.0, "poc": -7.0, "sun": 1000.0},
    "load_shedding": {"f1": 48.0, "f2": 48.0, "f3": 48.0, "u": 20.0, "a_pos": 2.0, "b_pos": 2.0, "c_pos": 2.0, "resetting": 0.0},
    "main_standby": {**test_source_transfer.HEALTHY, "u1": 0.0, "ub": 0.0, "q1_pos": 2.0, "q2_pos": 1.0},
    "main_tie_main": {**test_source_transfer.HEALTHY, "u1": 0.0, "q1_pos": 2.0, "q2_pos": 2.0, "qt_pos": 1.0},
}


HINTS: dict[str, dict[str, float]] = {
    "voltage_regulator": {"u": 21.0, "p": -5.0, "tap": 18.0},
    "follower": {"tap": 19.0, "tap_other": 20.0},
    "capacitor_switching": {"q": -2500.0},
    "battery_control": {"poc": 9.0, "soc": 90.0},
    "load_shedding": {"f1": 50.0, "f2": 50.0, "f3": 50.0},
    "main_standby": {"u1": 20.0, "u2": 0.0, "ub": 20_000.0, "q1_pos": 1.0},
    "main_tie_main": {"u1": 20.0, "u2": 0.0, "q1_pos": 1.0},
}
"""The other reading that brings a function further."""


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_readings_make_a_function_raise_or_do_what_it_must_not(kind: str, data: st.DataObject) -> None:
    run = Run(kind)
    run.readings = {name: (value, 0) for name, value in GOOD[kind].items()}
    for seconds, repeats, readings, may_act, result, what in data.draw(scripts(kind)):
        run.readings |= readings
        if what == 1:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(run.function.remember()))
            run.function = make_function(run.plan, "station")
            run.function.recall(state)
            run.pending = []
        elif what == 2:
            run.function.reset()  # type: ignore[attr-defined]
        for _ in range(repeats):
            run.scan(seconds, run.answer(result), may_act=may_act)


def test_the_good_readings_let_every_kind_ask_for_something() -> None:
    for kind in KINDS:
        run = Run(kind)
        run.readings = {name: (value, 0) for name, value in GOOD[kind].items()}
        for _ in range(300):
            run.scan(0.5, [], may_act=True)
        assert run.pending, kind


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
NAMES = [
    "lockout",
    "failures",
    "steps",
    "reversals",
    "opened",
    "attempts",
    "operations",
    "transferred",
    "count",
    "recent",
    "recovery",
]


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), JUNK))
@settings(max_examples=60, deadline=None)
def test_a_damaged_memory_is_ignored(kind: str, state: dict[str, object]) -> None:
    run = Run(kind)
    run.function.recall(state)
    run.readings = {name: (value, 0) for name, value in GOOD[kind].items()}
    for _ in range(3):
        run.scan(1.0, [], may_act=True)
    msgspec.msgpack.encode(run.function.remember())
