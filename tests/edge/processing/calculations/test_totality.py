"""Whatever samples come, results come and no errors, and nothing bad looks good."""

from __future__ import annotations

import copy
import math
import struct
import time
from random import Random
from typing import Any

import msgspec
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tieline.model import VALIDITY, Quality, severity

from .plans import Station

POINTS = ["p analog", "q analog", "r analog", "n counter kWh", "cb binary"]
THREE = '["m/p", "m/q", "m/r"]'
TABLES = {
    "sum": f'function = "sum"\nof = {THREE}',
    "mean": f'function = "mean"\nof = {THREE}\nneeds = "any"',
    "min": f'function = "min"\nof = {THREE}\nneeds = 0.5',
    "max": f'function = "max"\nof = {THREE}',
    "count_good": 'function = "count_good"\nof = ["m/*", "calc/sum"]',
    "difference": 'function = "difference"\nof = ["m/p", "calc/sum"]',
    "ratio": 'function = "expression"\nexpression = "p / q + SQRT(r)"\ninputs = { p = "m/p", q = "m/q", r = "m/r" }',
    "old": 'function = "expression"\nexpression = "AGE(p) > T#5s OR cb"\ninputs = { p = "m/p", cb = "m/cb" }',
    "pf": f'function = "three_phase"\nshow = "power_factor"\nactive_power = {THREE}\nreactive_power = {THREE}',
    "energy": 'function = "energy"\nof = "m/p"',
    "net": 'function = "energy"\nof = "calc/sum"\ndirection = "net"\ninterpolation = "hold"',
    "rolling": 'function = "demand"\nof = "m/p"\nwindow_s = 30\nsubinterval_s = 10',
    "maximum": 'function = "demand"\nof = "m/p"\nwindow_s = 10\nshow = "maximum"\nreset = "daily"\ninterpolation = "trapezoid"',
    "delta": 'function = "counter_delta"\nof = "m/n"\nwindow_s = 10\nrollover = 65536',
    "rate": 'function = "rate"\nof = "m/n"',
    "on": 'function = "duration"\nof = "m/cb"\nstate = "on"',
    "on_now": 'function = "duration"\nof = "m/cb"\nstate = "on"\nshow = "present"',
    "operations": 'function = "operations"\nof = "m/cb"\ncount = "both"',
}
for aggregate in ("mean", "min", "max", "sum", "count", "last", "first", "range", "standard_deviation", "integral", "difference"):
    for kind in ("hold", "trapezoid"):
        TABLES[f"{aggregate}_{kind}"] = (
            f'function = "window"\nof = "m/p"\nwindow_s = 10\naggregate = "{aggregate}"\ninterpolation = "{kind}"'
        )
ALPHA = Station("".join(f'[[calculations]]\nname = "{name}"\n{keys}\n' for name, keys in TABLES.items()), POINTS)

samples = st.tuples(
    st.sampled_from(["p", "q", "r", "n", "cb"]),
    st.integers(-50, 200).map(float),
    st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 2.0, 3.0])),
    st.one_of(st.sampled_from([0, 0, int(Quality.DEVICE_TIME)]), st.integers(0, 0xFFFF)),
)
steps = st.lists(
    st.one_of(st.lists(samples, min_size=1, max_size=12), st.integers(-100, 200), st.just("restart")), min_size=1, max_size=12
)


@given(steps)
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_any_samples_and_any_clock_give_results_that_are_numbers_or_invalid(history: list[object]) -> None:
    ALPHA.restart()
    for step in [0, *history, 250]:
        if isinstance(step, list):
            result = ALPHA.take(*step)
        elif isinstance(step, int):
            result = ALPHA.tick(step)
        else:
            ALPHA.restart(ALPHA.calculations.remember())
            continue
        is_invalid = severity(result.quality) == 2
        assert not np.isinf(result.value).any()
        assert np.array_equal(np.isnan(result.value), is_invalid)
        assert not np.any((result.quality & VALIDITY) == Quality.RESERVED)


JUNK = [None, True, -1, 2**63 - 1, 2**64 - 1, math.nan, "x", b"", b"\xff" * 8, [], {}, [["x", None]], {1: 2}, {b"k": 1}]
WORDS = [b"\xff" * 8, b"\0" * 8, (2**63 - 1).to_bytes(8, "little"), (2**63).to_bytes(8, "little"), struct.pack("<d", math.inf)]


def damaged(state: Any, chance: Random, share: float) -> Any:
    """The state with some entries replaced by others, left out, or overwritten."""
    if chance.random() < share:
        return chance.choice(JUNK)
    if isinstance(state, dict):
        return {key: damaged(each, chance, share) for key, each in state.items() if chance.random() > share}
    if isinstance(state, list):
        return [damaged(each, chance, share) for each in state]
    if isinstance(state, bytes) and len(state) > 8 and chance.random() < 4 * share:
        at = chance.randrange(len(state) // 8) * 8
        return (state[:at] + chance.choice(WORDS) + state[at + 8 :])[: len(state)]
    return state


def state_after_half_a_minute() -> dict[str, Any]:
    ALPHA.restart()
    for second in range(30):
        ALPHA.take(*[(name, float(second), float(second % 4)) for name in ("p", "q", "r", "n", "cb")])
        ALPHA.tick(second)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(ALPHA.calculations.remember()), type=dict)


KEPT = state_after_half_a_minute()


@given(st.randoms(use_true_random=False), st.sampled_from([0.005, 0.02, 0.1]))
@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_any_memory_can_be_recalled_and_calculations_go_on(chance: Random, share: float) -> None:
    state = damaged(KEPT, chance, share)
    ALPHA.restart(state if isinstance(state, dict) else {})
    begun = time.process_time()
    for at in (31.0, 60.0, 1e6, 10.0):
        ALPHA.tick(at)
        ALPHA.take(("p", at, 1.0), ("n", at, 5.0), ("cb", at, 1.0))
        msgspec.msgpack.encode(ALPHA.calculations.remember())
    assert time.process_time() - begun < 5


def test_a_memory_of_another_century_is_not_made_up_for_window_by_window() -> None:
    """Its newest value is said to hold for ever, and samples that were not folded stand far behind the open windows."""
    state = copy.deepcopy(KEPT)
    for kept in state.values():
        series = kept.get("series", kept)
        if "log" in series:
            count = len(series["keys"])
            series["columns"] |= {"begin": bytes(8 * count), "front": bytes(8 * count), "time": bytes(8 * count)}
    ALPHA.restart(state)
    begun = time.process_time()
    ALPHA.tick(31)
    assert time.process_time() - begun < 5
    ALPHA.take(("p", 31, 1.0))
    assert len(ALPHA.tick(60))
