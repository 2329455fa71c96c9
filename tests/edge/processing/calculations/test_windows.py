from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import Quality

from .plans import T0, S, Station

GOOD = 0
INVALID = int(Quality.INVALID)
INCOMPLETE = int(Quality.QUESTIONABLE | Quality.INACCURATE)
AGGREGATES = (
    "mean", "min", "max", "sum", "count", "last", "first", "range", "standard_deviation", "integral", "difference",
)  # fmt: skip


def window(aggregate: str, window_s: int = 60, **keys: object) -> str:
    text = f'[[calculations]]\nname = "{aggregate}"\nfunction = "window"\nof = "m/p"\n'
    text += f'window_s = {window_s}\naggregate = "{aggregate}"\n'
    return text + "".join(f"{name} = {value!r}\n" for name, value in keys.items())


def station(*aggregates: str, **keys: Any) -> Station:
    return Station("".join(window(aggregate, **keys) for aggregate in aggregates), ["p analog kW", "n counter kWh"])


def test_a_window_comes_when_it_is_over_and_late_samples_had_their_time() -> None:
    alpha = station("mean", grace_s=5.0)
    alpha.tick(5)
    alpha.take(("p", 0, 10.0), ("p", 15, 30.0))
    assert len(alpha.tick(64.9)) == 0
    assert alpha.of(alpha.tick(65), "mean") == [(60, 25.0, GOOD)]
    assert len(alpha.tick(65.1)) == 0


def test_windows_are_aligned_to_the_clock_whenever_the_start_was() -> None:
    alpha = Station(window("mean", 21_600), ["p analog kW"])
    alpha.tick(3_000)
    alpha.take(("p", 3_000, 1.0))
    found = [row for hour in range(1, 26) for row in alpha.of(alpha.tick(hour * 3600 + 5), "mean")]
    assert [at for at, _, _ in found] == [21_600, 43_200, 64_800, 86_400]


@pytest.mark.parametrize("spring", [1_774_746_000, 1_792_890_000])
def test_a_change_to_or_from_summer_time_makes_no_longer_day(spring: int) -> None:
    """On 2026-03-29 and 2026-10-25 at 01:00 UTC the clocks of Europe were changed; days of UTC have 24 hours all the same."""
    alpha = Station(window("count", 86_400, good_share=0.5), ["p analog kW"])
    midnight = spring // 86_400 * 86_400 - T0 // S
    alpha.tick(midnight + 5)
    counts = []
    for hour in range(49):
        counts += alpha.of(alpha.tick(midnight + hour * 3600 + 6), "count")
        alpha.take(("p", midnight + hour * 3600 + 6, 1.0))
    assert [(at - midnight, value) for at, value, _ in counts] == [(86_400, 24.0), (172_800, 24.0)]


def test_a_sample_at_the_end_of_a_window_belongs_to_the_next() -> None:
    alpha = station("sum", "last")
    alpha.tick(5)
    alpha.take(("p", 0, 1.0), ("p", 30, 2.0), ("p", 60, 4.0), ("p", 119, 8.0))
    first, second = alpha.tick(65), alpha.tick(125)
    assert (alpha.of(first, "sum"), alpha.of(second, "sum")) == ([(60, 3.0, GOOD)], [(120, 12.0, GOOD)])
    assert (alpha.of(first, "last"), alpha.of(second, "last")) == ([(60, 2.0, GOOD)], [(120, 8.0, GOOD)])


def test_a_value_that_does_not_change_goes_on_to_count() -> None:
    alpha = station(*AGGREGATES)
    alpha.tick(5)
    alpha.take(("p", 0, 6.0))
    alpha.tick(65)
    found = {name: alpha.of(alpha_tick, name) for alpha_tick in [alpha.tick(125)] for name in AGGREGATES}
    expected = {"mean": 6.0, "min": 6.0, "max": 6.0, "sum": 0.0, "count": 0.0, "last": 6.0, "first": 6.0, "range": 0.0}
    expected |= {"standard_deviation": 0.0, "integral": 0.1, "difference": 0.0}
    assert found == {name: [(120, pytest.approx(value), GOOD)] for name, value in expected.items()}


def test_a_straight_line_runs_through_the_end_of_a_window() -> None:
    alpha = station("mean", "max", "difference", interpolation="trapezoid", grace_s=20.0)
    alpha.tick(20)
    alpha.take(("p", 0, 0.0), ("p", 40, 40.0), ("p", 80, 0.0))
    result = alpha.tick(80)
    assert alpha.of(result, "mean") == [(60, pytest.approx((40 * 20 + 20 * 30) / 60), GOOD)]
    assert alpha.of(result, "max") == [(60, 40.0, GOOD)]
    assert alpha.of(result, "difference") == [(60, 20.0, GOOD)]
    assert alpha.of(alpha.tick(140), "max") == [(120, 20.0, GOOD)]


def test_a_sample_that_comes_late_counts_where_it_belongs() -> None:
    alpha = station("mean", "first", grace_s=10.0)
    alpha.tick(10)
    alpha.take(("p", 0, 10.0))
    alpha.take(("p", 50, 40.0), ("p", 65, 99.0))
    alpha.tick(68)
    alpha.take(("p", 20, 30.0))
    result = alpha.tick(70)
    assert alpha.of(result, "mean") == [(60, pytest.approx((10 * 20 + 30 * 30 + 40 * 10) / 60), GOOD)]
    assert alpha.calculations.late == 0


def test_a_sample_that_comes_after_its_window_was_closed_is_counted_and_left_out() -> None:
    alpha = station("mean")
    alpha.tick(5)
    alpha.take(("p", 0, 10.0))
    alpha.tick(65)
    assert len(alpha.take(("p", 59, 1e9))) == 0
    assert alpha.calculations.late == 1
    assert alpha.of(alpha.tick(125), "mean") == [(120, 10.0, GOOD)]


def test_windows_go_on_after_a_clock_was_ahead_for_a_while() -> None:
    alpha = station("sum")
    alpha.tick(5)
    alpha.take(("p", 0, 1.0))
    alpha.tick(65)
    alpha.tick(1_000_000)
    alpha.take(("p", 1_000_000, 1e6))
    alpha.tick(70)
    alpha.take(("p", 70, 2.0), ("p", 110, 3.0))
    assert alpha.of(alpha.tick(125), "sum")[-1][:2] == (120, 5.0)
    assert alpha.calculations.late == 0


@pytest.mark.parametrize(("bad_s", "quality"), [(6, GOOD), (7, INCOMPLETE), (30, INCOMPLETE), (31, INVALID)])
def test_the_share_of_good_time_is_the_quality_of_a_window(bad_s: int, quality: int) -> None:
    alpha = station("mean")
    alpha.tick(5)
    alpha.take(("p", 0, 10.0), ("p", 20, math.nan, INVALID), ("p", 20 + bad_s, 10.0))
    ((_, value, found),) = alpha.of(alpha.tick(65), "mean")
    assert found == quality
    assert value == 10.0 if quality != INVALID else math.isnan(value)


def test_questionable_values_count_but_are_not_good_time() -> None:
    alpha = station("mean", good_share=1.0)
    alpha.tick(5)
    questionable = int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
    alpha.take(("p", 0, 10.0), ("p", 50, 40.0, questionable))
    expected = (60, 15.0, INCOMPLETE | int(Quality.OUT_OF_RANGE))
    assert alpha.of(alpha.tick(65), "mean") == [expected]


def test_a_substituted_value_shows_in_a_good_window() -> None:
    alpha = station("mean")
    alpha.tick(5)
    alpha.take(("p", 0, 10.0, int(Quality.SUBSTITUTED)))
    assert alpha.of(alpha.tick(65), "mean") == [(60, 10.0, int(Quality.SUBSTITUTED))]


def test_a_value_is_not_believed_longer_than_the_maximum_gap() -> None:
    alpha = station("integral", "mean", max_gap_s=90.0)
    alpha.tick(5)
    alpha.take(("p", 0, 60.0))
    assert alpha.of(alpha.tick(65), "integral") == [(60, 1.0, GOOD)]
    result = alpha.tick(125)
    assert alpha.of(result, "integral") == [(120, 0.5, INCOMPLETE)]
    assert alpha.of(result, "mean") == [(120, 60.0, INCOMPLETE)]
    ((_, value, quality),) = alpha.of(alpha.tick(185), "mean")
    assert math.isnan(value)
    assert quality == INVALID


def test_a_point_that_was_never_heard_has_invalid_windows() -> None:
    alpha = station("mean", "sum")
    alpha.tick(5)
    result = alpha.tick(65)
    assert [quality for name in ("mean", "sum") for _, _, quality in alpha.of(result, name)] == [INVALID, INVALID]


def test_a_clock_that_leaps_ahead_closes_the_last_window_and_not_each_in_between() -> None:
    alpha = station("mean", max_gap_s=60.0, window_s=1)
    alpha.tick(5)
    alpha.take(("p", 5, 1.0))
    year = 365 * 86_400
    found = alpha.of(alpha.tick(year), "mean")
    assert found[-1][0] == year - 5
    assert len(found) < 70


def test_a_clock_that_steps_back_does_not_close_a_window_twice() -> None:
    alpha = station("sum")
    alpha.tick(5)
    alpha.take(("p", 0, 1.0))
    assert len(alpha.tick(65)) == 1
    assert len(alpha.tick(10)) == 0
    assert len(alpha.tick(65)) == 0
    alpha.take(("p", 70, 5.0))
    assert alpha.of(alpha.tick(125), "sum") == [(120, 5.0, GOOD)]


def test_more_samples_than_are_kept_are_folded_before_the_window_is_over() -> None:
    alpha = station("sum", "mean", "count", window_s=86_400)
    alpha.tick(5)
    for block in range(30):
        alpha.tick((block + 1) * 2880)
        alpha.take(*(("p", block * 2880 + 0.72 * number, float(number % 7)) for number in range(4000)))
    result = alpha.tick(86_405)
    values = [float(number % 7) for number in range(4000)] * 30
    assert alpha.of(result, "count") == [(86_400, 120_000.0, GOOD)]
    assert alpha.of(result, "sum") == [(86_400, sum(values), GOOD)]
    assert alpha.of(result, "mean") == [(86_400, pytest.approx(sum(values) / len(values)), GOOD)]


def test_a_counter_that_rolls_over_has_risen() -> None:
    text = '[[calculations]]\nname = "d"\nfunction = "counter_delta"\nof = "m/n"\nwindow_s = 60\nrollover = 65536\nunit = "MWh"\n'
    alpha = Station(text, ["n counter kWh"])
    alpha.tick(5)
    alpha.take(("n", 0, 65_000.0), ("n", 30, 65_500.0), ("n", 50, 100.0), ("n", 61, 150.0))
    assert alpha.of(alpha.tick(65), "d") == [(60, pytest.approx(0.636), GOOD)]
    alpha.take(("n", 90, 200.0))
    assert alpha.of(alpha.tick(125), "d") == [(120, pytest.approx(0.1), GOOD)]


def test_a_counter_that_begins_anew_counts_from_zero_and_says_so() -> None:
    text = '[[calculations]]\nname = "d"\nfunction = "counter_delta"\nof = "m/n"\nwindow_s = 60\n'
    alpha = Station(text, ["n counter kWh"])
    alpha.tick(5)
    alpha.take(("n", 0, 1000.0), ("n", 30, 1010.0), ("n", 50, 5.0))
    assert alpha.of(alpha.tick(65), "d") == [(60, 15.0, INCOMPLETE)]


def test_a_window_of_a_calculated_point_follows_it() -> None:
    text = '[[calculations]]\nname = "total"\nfunction = "sum"\nof = ["m/p", "m/q"]\n' + window("mean").replace(
        "m/p", "calc/total"
    )
    alpha = Station(text, ["p analog kW", "q analog kW"])
    alpha.tick(5)
    alpha.take(("p", 0, 1.0), ("q", 0, 2.0))
    alpha.take(("p", 30, 3.0), ("q", 30, 4.0))
    assert alpha.of(alpha.tick(65), "mean") == [(60, 5.0, GOOD)]


# Brute force: the value at every millisecond of the window, from all samples in order of time.

Row = tuple[int, float, int]
HORIZON_S = 40
WINDOW_S = 10


def curve(rows: list[Row], gap_ms: int, *, is_linear: bool, begin: int) -> list[tuple[float, bool]]:
    """Value in the middle of each millisecond of a window and whether it is good; NaN where it is not known."""
    ordered = sorted(rows, key=lambda row: row[0])
    found = []
    for ms in range(begin, begin + WINDOW_S * 1000, 100):
        at = ms + 50.0
        earlier = [row for row in ordered if row[0] <= at]
        later = [row for row in ordered if row[0] > at]
        if not earlier or earlier[-1][2] == INVALID or at - earlier[-1][0] > gap_ms:
            found.append((math.nan, False))
            continue
        time, value, quality = earlier[-1]
        if is_linear and later and later[0][2] != INVALID and later[0][0] - time <= gap_ms:
            value += (later[0][1] - value) * (at - time) / (later[0][0] - time)
        found.append((value, quality == GOOD))
    return found


rows_of_samples = st.lists(
    st.tuples(
        st.integers(0, HORIZON_S * 10 - 1).map(lambda tenth: tenth * 100),
        st.floats(-1e3, 1e3),
        st.sampled_from([GOOD, GOOD, GOOD, int(Quality.QUESTIONABLE), INVALID]),
    ),
    max_size=25,
    unique_by=lambda row: row[0],
)


def run(alpha: Station, rows: list[Row], cuts: list[int], restart_at: int = -1) -> list[tuple[str, float, float, int]]:
    """All windows of samples that come in this order, in batches; everything is in before the first window is closed."""
    alpha.restart()
    alpha.tick(0)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    found: list[tuple[str, float, float, int]] = []
    for number, (begin, end) in enumerate(itertools.pairwise(edges)):
        alpha.take(*(("p", ms / 1000, value, quality) for ms, value, quality in rows[begin:end]))
        if number == restart_at:
            alpha.restart(alpha.calculations.remember())
    for at in range(HORIZON_S, 2 * HORIZON_S, WINDOW_S):
        result = alpha.tick(at)
        found += [
            (name, *row)
            for name in ("mean", "integral", "min", "max", "standard_deviation", "count")
            for row in alpha.of(result, name)
        ]
        if restart_at >= 0:
            alpha.restart(alpha.calculations.remember())
    return found


def aggregates(interpolation: str) -> Station:
    names = ("mean", "integral", "min", "max", "standard_deviation", "count")
    return station(*names, window_s=WINDOW_S, interpolation=interpolation, grace_s=float(HORIZON_S - WINDOW_S), max_gap_s=7.0)


STATIONS = {name: (aggregates(name), aggregates(name)) for name in ("hold", "trapezoid")}


@pytest.mark.parametrize("interpolation", ["hold", "trapezoid"])
@given(rows=rows_of_samples)
@settings(max_examples=60)
def test_windows_of_irregular_samples_are_those_of_brute_force(interpolation: str, rows: list[Row]) -> None:
    alpha, _ = STATIONS[interpolation]
    found = {(name, at): (value, quality) for name, at, value, quality in run(alpha, rows, [7, 13])}
    for begin in range(0, HORIZON_S * 1000, WINDOW_S * 1000):
        seen = curve(rows, 7000, is_linear=interpolation == "trapezoid", begin=begin)
        known = [value for value, _ in seen if not math.isnan(value)]
        share = sum(good for _, good in seen) / len(seen)
        at = (begin / 1000) + WINDOW_S
        value, quality = found["mean", at]
        assert quality & 3 == (0 if share >= 0.9 else 3 if share >= 0.5 else 2)
        if share < 0.5:
            assert math.isnan(value)
            continue
        assert value == pytest.approx(sum(known) / len(known), rel=1e-9, abs=1e-6)
        assert found["integral", at][0] == pytest.approx(sum(known) * 0.1 / 3600, rel=1e-9, abs=1e-6)
        inside = [row[1] for row in rows if begin <= row[0] < begin + WINDOW_S * 1000 and row[2] != INVALID]
        assert found["count", at][0] == len(inside)
        if interpolation == "hold":
            mean = sum(known) / len(known)
            spread = math.sqrt(sum((each - mean) ** 2 for each in known) / len(known))
            assert found["standard_deviation", at][0] == pytest.approx(spread, rel=1e-6, abs=1e-3)
            assert found["min", at][0] == min(known + inside)
            assert found["max", at][0] == max(known + inside)


@pytest.mark.parametrize("interpolation", ["hold", "trapezoid"])
@given(rows=rows_of_samples, cuts=st.lists(st.integers(0, 25), max_size=4), order=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_windows_depend_neither_on_batches_nor_on_order_nor_on_a_restart(
    interpolation: str, rows: list[Row], cuts: list[int], order: Any
) -> None:
    alpha, beta = STATIONS[interpolation]
    shuffled = rows.copy()
    order.shuffle(shuffled)
    expected = run(alpha, rows, [])
    assert repr(run(beta, shuffled, cuts)) == repr(expected)
    assert repr(run(beta, rows, cuts, restart_at=1)) == repr(expected)


def test_a_stop_of_the_gateway_is_a_time_of_which_nothing_is_known() -> None:
    alpha = station("mean", window_s=600)
    alpha.tick(5)
    alpha.take(("p", 0, 10.0))
    alpha.tick(200)
    state = alpha.calculations.remember()
    alpha.restart(state)
    alpha.take(("p", 500, 40.0))
    alpha.tick(501)
    ((_, value, quality),) = alpha.of(alpha.tick(605), "mean")
    assert quality == INCOMPLETE | int(Quality.OLD_DATA)
    assert value == pytest.approx((10 * 200 + 40 * 100) / 300)


@pytest.mark.parametrize(
    "damage", [{}, {"windows 0": 5}, {"windows 0": {"keys": ["x"], "columns": {"integral": b"123"}}}, {"x": {}}]
)
def test_a_damaged_memory_is_ignored(damage: dict[str, object]) -> None:
    alpha = station("mean")
    alpha.restart(damage)
    alpha.tick(5)
    alpha.take(("p", 0, 10.0))
    assert alpha.of(alpha.tick(65), "mean") == [(60, 10.0, GOOD)]


def test_what_is_remembered_can_be_packed() -> None:
    import msgspec

    alpha = station(*AGGREGATES)
    alpha.tick(5)
    alpha.take(("p", 0, 10.0), ("p", 1, 20.0))
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(alpha.calculations.remember()))
    alpha.restart(state)
    assert alpha.of(alpha.tick(65), "count") == [(60, 2.0, GOOD)]
