"""Durations, operations and rates."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import Quality

from .plans import Station

GOOD = 0
INVALID = int(Quality.INVALID)
INCOMPLETE = int(Quality.QUESTIONABLE | Quality.INACCURATE)
POINTS = ["cb binary", "n counter kWh", "p analog kW"]
OPEN, CLOSED = 0.0, 1.0


def calculation(name: str, function: str, of: str, **keys: object) -> str:
    text = f'[[calculations]]\nname = "{name}"\nfunction = "{function}"\nof = "{of}"\n'
    return text + "".join(f"{key} = {value!r}\n" for key, value in keys.items())


def station(function: str, of: str = "m/cb", **keys: object) -> Station:
    return Station(calculation("a", function, of, **keys), POINTS)


def test_the_time_in_a_state_adds_up() -> None:
    alpha = station("duration", state="closed", unit="s")
    rows = [("cb", 0, CLOSED), ("cb", 10, OPEN), ("cb", 30, CLOSED), ("cb", 35, CLOSED), ("cb", 40, OPEN)]
    found = alpha.of(alpha.take(*rows), "a")  # type: ignore[arg-type]
    assert found == [(at, value, GOOD) for at, value in [(0, 0), (10, 10), (30, 10), (35, 15), (40, 20)]]


def test_the_time_in_a_state_is_told_with_the_clock_as_well() -> None:
    alpha = station("duration", state="closed", unit="min", report_s=60)
    alpha.take(("cb", 30, CLOSED))
    assert alpha.of(alpha.tick(61), "a") == [(60, 0.5, GOOD)]
    assert len(alpha.tick(119)) == 0
    assert alpha.of(alpha.tick(120), "a") == [(120, 1.5, GOOD)]
    assert alpha.of(alpha.take(("cb", 150, OPEN)), "a") == [(150, 2.0, GOOD)]
    assert alpha.of(alpha.tick(180), "a") == [(180, 2.0, GOOD)]


def test_a_total_never_falls_where_an_event_comes_after_it_was_told() -> None:
    alpha = station("duration", state="closed", unit="s")
    alpha.take(("cb", 0, CLOSED))
    assert alpha.of(alpha.tick(60), "a") == [(60, 60.0, GOOD)]
    assert alpha.of(alpha.take(("cb", 58, OPEN)), "a") == [(58, 60.0, GOOD)]
    alpha.take(("cb", 70, CLOSED))
    assert alpha.of(alpha.tick(120), "a") == [(120, 108.0, GOOD)]


def test_a_state_is_not_believed_longer_than_the_maximum_gap() -> None:
    alpha = station("duration", state="on", unit="s", max_gap_s=100.0)
    alpha.take(("cb", 0, CLOSED))
    assert alpha.of(alpha.tick(60), "a") == [(60, 60.0, GOOD)]
    assert alpha.of(alpha.tick(120), "a") == [(120, 100.0, INCOMPLETE)]
    assert alpha.of(alpha.take(("cb", 150, CLOSED)), "a") == [(150, 100.0, INCOMPLETE)]
    assert alpha.of(alpha.tick(180), "a") == [(180, 130.0, GOOD)]


def test_time_of_which_the_state_is_not_known_does_not_count() -> None:
    alpha = station("duration", state="closed", unit="s")
    rows = [("cb", 0, CLOSED), ("cb", 10, math.nan, INVALID), ("cb", 30, CLOSED), ("cb", 40, CLOSED)]
    found = alpha.of(alpha.take(*rows), "a")  # type: ignore[arg-type]
    assert [value for _, value, _ in found] == [0, 10, 10, 20]
    assert [quality for _, _, quality in found] == [GOOD, INCOMPLETE, INCOMPLETE, GOOD]


def test_the_time_in_the_present_state_begins_anew_with_it() -> None:
    alpha = station("duration", state="closed", unit="s", show="present")
    found = alpha.of(
        alpha.take(("cb", 0, CLOSED), ("cb", 5, CLOSED), ("cb", 10, OPEN), ("cb", 30, CLOSED), ("cb", 42, CLOSED)), "a"
    )
    assert [value for _, value, _ in found] == [0, 5, 0, 0, 12]
    assert [quality for _, _, quality in found] == [INCOMPLETE, INCOMPLETE, GOOD, GOOD, GOOD]
    assert alpha.of(alpha.tick(60), "a") == [(60, 30.0, GOOD)]
    ((_, value, quality),) = alpha.of(alpha.take(("cb", 61, math.nan, INVALID)), "a")
    assert math.isnan(value)
    assert quality & 3 == INVALID


def test_durations_go_on_after_a_restart_but_not_through_it() -> None:
    alpha = station("duration", state="closed", unit="s")
    alpha.take(("cb", 0, CLOSED))
    alpha.tick(70)
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("cb", 100, CLOSED)), "a") == [(100, 100.0, GOOD)]
    alpha.tick(110)
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("cb", 500, CLOSED)), "a") == [(500, 110.0, INCOMPLETE)]
    assert alpha.of(alpha.take(("cb", 510, CLOSED)), "a") == [(510, 120.0, GOOD)]


STATES = st.lists(st.tuples(st.integers(1, 50), st.sampled_from([OPEN, CLOSED, math.nan])), min_size=1, max_size=25)
BOTH = tuple(
    Station(
        calculation("a", "duration", "m/cb", state="closed", unit="s")
        + calculation("b", "duration", "m/cb", state="closed", unit="s", show="present")
        + calculation("c", "operations", "m/cb", count="both"),
        POINTS,
    )
    for _ in range(2)
)


@given(STATES, st.lists(st.integers(0, 25), max_size=4))
@settings(max_examples=60)
def test_durations_and_counts_are_those_of_brute_force_whatever_the_batches(
    steps: list[tuple[int, float]], cuts: list[int]
) -> None:
    alpha, beta = BOTH
    alpha.restart()
    beta.restart()
    times = list(itertools.accumulate(step for step, _ in steps))
    rows = [("cb", float(at), state, INVALID if math.isnan(state) else GOOD) for at, (_, state) in zip(times, steps, strict=True)]
    whole = alpha.take(*rows)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    found: dict[str, list[tuple[float, float, int]]] = {"a": [], "b": [], "c": []}
    for begin, end in itertools.pairwise(edges):
        part = beta.take(*rows[begin:end])
        for name in found:
            found[name] += beta.of(part, name)
        beta.restart(beta.calculations.remember())
    assert repr(found) == repr({name: alpha.of(whole, name) for name in found})
    total = count = 0.0
    entered, position = -1.0, math.nan
    before = math.nan
    for number, (_, at, state, _) in enumerate(rows):
        if before == CLOSED:
            total += at - rows[number - 1][1]
        if state == CLOSED and before != CLOSED:
            entered = at
        if not math.isnan(state):
            count += not math.isnan(position) and position != state
            position = state
        before = state
        assert found["a"][number][1] == total
        assert found["c"][number][1] == count
        present = found["b"][number][1]
        assert math.isnan(present) if math.isnan(state) else present == (at - entered if state == CLOSED else 0.0)


@pytest.mark.parametrize(("count", "expected"), [("openings", [0, 1, 1, 2]), ("closings", [0, 0, 1, 1]), ("both", [0, 1, 2, 3])])
def test_operations_of_a_switch_are_counted(count: str, expected: list[int]) -> None:
    alpha = station("operations", count=count)
    found = alpha.of(alpha.take(("cb", 0, CLOSED), ("cb", 1, OPEN), ("cb", 2, CLOSED), ("cb", 3, OPEN)), "a")
    assert [value for _, value, _ in found] == expected


def test_the_first_count_after_a_time_in_the_dark_is_questionable() -> None:
    alpha = station("operations")
    rows = [("cb", 0, CLOSED), ("cb", 1, math.nan, INVALID), ("cb", 2, OPEN), ("cb", 3, OPEN)]
    found = alpha.of(alpha.take(*rows), "a")  # type: ignore[arg-type]
    assert found == [(0, 0.0, GOOD), (1, 0.0, INCOMPLETE), (2, 1.0, INCOMPLETE), (3, 1.0, GOOD)]


def test_a_switch_that_moved_while_the_gateway_stood_still_is_counted() -> None:
    alpha = station("operations")
    alpha.take(("cb", 0, CLOSED))
    alpha.tick(10)
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("cb", 500, OPEN)), "a") == [(500, 1.0, INCOMPLETE)]


@pytest.mark.parametrize(("per", "expected"), [("s", 0.5), ("min", 30.0), ("h", 1800.0)])
def test_a_rate_is_the_rise_over_the_time(per: str, expected: float) -> None:
    alpha = station("rate", "m/n", per=per)
    (first, second) = alpha.of(alpha.take(("n", 0, 100.0), ("n", 20, 110.0)), "a")
    assert first[2] & 3 == INVALID
    assert second == (20, pytest.approx(expected), GOOD)


def test_a_rate_is_converted_into_its_unit() -> None:
    alpha = station("rate", "m/n", per="h", unit="MWh/h")
    assert alpha.of(alpha.take(("n", 0, 100.0), ("n", 3600, 600.0)), "a")[-1] == (3600, pytest.approx(0.5), GOOD)


def test_a_rate_goes_through_a_rollover() -> None:
    alpha = station("rate", "m/n", rollover=65536)
    assert alpha.of(alpha.take(("n", 0, 65_530.0), ("n", 10, 4.0)), "a")[-1] == (10, pytest.approx(1.0), GOOD)


@pytest.mark.parametrize("keys", [{}, {"rollover": 65536}])
def test_the_rate_of_a_counter_that_begins_anew_is_not_known(keys: dict[str, object]) -> None:
    alpha = station("rate", "m/n", **keys)
    ((_, value, quality),) = alpha.of(alpha.take(("n", 0, 20_000.0), ("n", 10, 5.0)), "a")[1:]
    assert math.isnan(value)
    assert quality == INVALID


def test_a_measurement_may_fall() -> None:
    alpha = station("rate", "m/p")
    assert alpha.of(alpha.take(("p", 0, 10.0), ("p", 2, 4.0)), "a")[-1] == (2, -3.0, GOOD)


def test_two_samples_of_one_time_have_no_rate_between_them() -> None:
    alpha = station("rate", "m/p")
    alpha.take(("p", 0, 10.0))
    assert len(alpha.take(("p", 0, 12.0))) == 0
    assert alpha.of(alpha.take(("p", 2, 14.0)), "a") == [(2, 1.0, GOOD)]


def test_a_rate_is_not_known_where_one_of_its_samples_is_not() -> None:
    alpha = station("rate", "m/p")
    rows = [("p", 0, 1.0), ("p", 1, math.nan, INVALID), ("p", 2, 3.0), ("p", 3, 4.0)]
    found = alpha.of(alpha.take(*rows), "a")  # type: ignore[arg-type]
    assert [quality & 3 for _, _, quality in found] == [INVALID, INVALID, INVALID, GOOD]


def test_a_rate_goes_on_after_a_restart() -> None:
    alpha = station("rate", "m/p")
    alpha.take(("p", 0, 1.0))
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("p", 2, 5.0)), "a") == [(2, 2.0, GOOD)]
