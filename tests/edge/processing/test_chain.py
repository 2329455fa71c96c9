from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.config.processing import PointProcessing
from tieline.config.processing_steps import (
    Debounce,
    Filter,
    Invert,
    Limits,
    Linearization,
    Median,
    RateOfChange,
    Rollover,
    Round,
    Scale,
    Step,
    Substitute,
)
from tieline.edge.processing.chain import Chain
from tieline.model import Now, PointKind, Quality, Samples

from .points import BAD, Row, S, processing, rows, samples, series, split

T0 = 1_000 * S
QUESTIONABLE = int(Quality.QUESTIONABLE)
OUT_OF_RANGE = int(Quality.OUT_OF_RANGE)
TOO_FAST = int(Quality.QUESTIONABLE | Quality.INCONSISTENT)
SUBSTITUTED = int(Quality.SUBSTITUTED)
DEVICE_TIME = int(Quality.DEVICE_TIME)

Given = list[tuple[float, float, int]]
"""Seconds, value, quality."""


def through(steps: Step | list[Step], given_rows: Given, kind: PointKind = PointKind.ANALOG) -> Given:
    """What becomes of samples of one point that come one by one."""
    chain = Chain([processing(1, *(steps if isinstance(steps, list) else [steps]), kind=kind)])
    return [row for given_row in given_rows for row in taken(chain, given_row)]


def taken(chain: Chain, row: tuple[float, float, int]) -> Given:
    at, value, quality = row
    return plain(chain.take(Samples.of(1, T0 + round(at * S), value, quality)))


def plain(found: Samples) -> Given:
    return list(zip(((found.time - T0) / S).tolist(), found.value.tolist(), found.quality.tolist(), strict=True))


def good(*values: float) -> Given:
    """A sample a second."""
    return [(float(at), value, 0) for at, value in enumerate(values)]


def values(found: Given) -> list[float]:
    return [value for _, value, _ in found]


def qualities(found: Given) -> list[int]:
    return [quality for *_, quality in found]


def test_scale_multiplies_and_then_adds() -> None:
    assert values(through(Scale(step="scale", factor=0.5, offset=-4), good(10, 0, -2))) == [1, -4, -5]


def test_a_result_that_no_double_holds_is_invalid_and_not_a_number() -> None:
    ((_, value, quality),) = through(Scale(step="scale", factor=1e300), [(0, 1e300, DEVICE_TIME)])
    assert math.isnan(value)
    assert quality == int(Quality.INVALID | Quality.OVERFLOW | Quality.DEVICE_TIME)


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        ("clamp", [(-1, 0, 0), (0, 0, 0), (5, 2.5, 0), (10, 5, 0), (15, 22.5, 0), (20, 40, 0), (30, 40, 0)]),
        ("extrapolate", [(-1, -0.5, 0), (0, 0, 0), (5, 2.5, 0), (10, 5, 0), (15, 22.5, 0), (20, 40, 0), (30, 75, 0)]),
        (
            "invalid",
            [
                (-1, 0, BAD | OUT_OF_RANGE),
                (0, 0, 0),
                (5, 2.5, 0),
                (10, 5, 0),
                (15, 22.5, 0),
                (20, 40, 0),
                (30, 40, BAD | OUT_OF_RANGE),
            ],
        ),
    ],
)
def test_between_the_rows_of_a_table_a_line_is_drawn_and_outside_what_was_chosen(outside: Any, expected: Given) -> None:
    step = Linearization(inputs=(0, 10, 20), outputs=(0, 5, 40), outside=outside)
    assert through(step, good(*(raw for raw, *_ in expected))) == [
        (at, value, quality) for at, (_, value, quality) in enumerate(expected)
    ]


@given(
    st.lists(st.lists(st.integers(-1000, 1000), min_size=2, max_size=20, unique=True).map(sorted), min_size=1, max_size=5),
    st.lists(st.floats(-1200, 1200), min_size=1, max_size=40),
)
def test_tables_of_many_lengths_give_what_numpy_interpolates(tables: list[list[int]], raws: list[float]) -> None:
    plan = [
        processing(number, Linearization(inputs=tuple(table), outputs=tuple(np.sin(table).tolist()), outside="clamp"))
        for number, table in enumerate(tables)
    ]
    batch = samples([(number, T0, raw, 0) for raw in raws for number in range(len(tables))])
    expected = [np.interp(raw, table, np.sin(table)) for raw in raws for table in tables]
    assert Chain(plan).take(batch).value == pytest.approx(expected, abs=1e-12)


def test_beyond_limits_is_questionable_or_invalid_and_may_be_clamped() -> None:
    limits = {"low": 0.0, "high": 10.0}
    assert through(Limits(step="limits", **limits), good(5, 11)) == [(0, 5, 0), (1, 11, QUESTIONABLE | OUT_OF_RANGE)]
    assert through(Limits(step="limits", beyond="invalid", clamp=True, **limits), good(-1, 10)) == [
        (0, 0, BAD | OUT_OF_RANGE),
        (1, 10, 0),
    ]


def test_limits_never_make_a_validity_better() -> None:
    assert qualities(through(Limits(step="limits", high=1), [(0, 5, BAD), (1, math.nan, 0)])) == [BAD | OUT_OF_RANGE, 0]


def test_a_spike_is_questionable_and_the_sample_after_it_is_good_again() -> None:
    found = through(RateOfChange(step="rate_of_change", per_s=2), good(10, 11, 90, 12, 13))
    assert qualities(found) == [0, 0, TOO_FAST, 0, 0]
    assert values(found) == [10, 11, 90, 12, 13]


def test_a_step_that_is_real_is_good_once_there_was_time_for_it() -> None:
    assert qualities(through(RateOfChange(step="rate_of_change", per_s=2), good(10, 16, 16, 16, 16))) == [
        *[0, TOO_FAST, TOO_FAST],
        *[0, 0],
    ]


def test_a_clock_that_steps_back_does_not_make_a_sample_too_fast() -> None:
    assert qualities(through(RateOfChange(step="rate_of_change", per_s=1), [(100, 0, 0), (10, 50, 0), (11, 50, 0)])) == [0, 0, 0]


def test_a_fixed_value_stands_in_while_the_value_is_invalid_and_no_longer_than_permitted() -> None:
    step = Substitute(step="substitute", value=7, for_s=2)
    given_rows = [(0.0, 1.0, 0), *[(at, 0.0, BAD) for at in (1.0, 2.0, 3.0, 3.5)], (5.0, 2.0, 0), (6.0, math.nan, 0)]
    found = through(step, given_rows)
    assert [str(value) for value in values(found)] == ["1.0", "7.0", "7.0", "7.0", "0.0", "2.0", "7.0"]
    assert qualities(found) == [0, *[QUESTIONABLE | SUBSTITUTED] * 3, BAD, 0, QUESTIONABLE | SUBSTITUTED]


def test_the_last_good_value_is_held_and_before_the_first_there_is_none() -> None:
    step = Substitute(step="substitute", hold=True, when="not_good", quality="good")
    given_rows = [(0.0, 9.0, BAD), (1.0, 5.0, 0), (2.0, 8.0, QUESTIONABLE | OUT_OF_RANGE | DEVICE_TIME), (3.0, 6.0, 0)]
    assert through(step, given_rows) == [(0, 9, BAD), (1, 5, 0), (2, 5, SUBSTITUTED | DEVICE_TIME), (3, 6, 0)]


def test_a_counter_that_wraps_goes_on() -> None:
    step = Rollover(step="rollover", modulus=65_536)
    assert values(through(step, good(65_000, 65_535, 0, 100, 65_000, 10), PointKind.COUNTER)) == [
        *[65_000, 65_535, 65_536, 65_636],
        *[130_536, 131_082],
    ]


def test_a_counter_that_was_reset_goes_on_with_what_was_counted_since() -> None:
    step = Rollover(step="rollover", modulus=65_536, largest_step=1_000)
    assert values(through(step, good(500, 30_000, 3, 10), PointKind.COUNTER)) == [500, 30_000, 30_003, 30_010]


def test_a_counter_that_was_replaced_by_one_that_has_counted_elsewhere_counts_nothing_at_once() -> None:
    step = Rollover(step="rollover", modulus=65_536, largest_step=1_000)
    assert values(through(step, good(30_000, 20_000, 20_005), PointKind.COUNTER)) == [30_000, 30_000, 30_005]


def test_an_older_count_that_comes_late_is_no_reset_and_an_impossible_one_is_questionable() -> None:
    step = Rollover(step="rollover", modulus=1_000)
    found = through(step, [(0, 900, 0), (1, 100, 0), (0.5, 950, 0), (2, 110, 0), (3, 1_000, 0), (4, 120, 0)], PointKind.COUNTER)
    assert values(found) == [900, 1_100, 1_950, 1_110, 1_000, 1_120]
    assert qualities(found) == [0, 0, 0, 0, QUESTIONABLE | OUT_OF_RANGE, 0]


def test_the_low_pass_answers_a_step_as_its_formula_says_whatever_the_intervals() -> None:
    times = [0.0, 0.5, 0.6, 3.0, 10.0]
    found = through(Filter(step="filter", time_constant_s=2.0), [(-1.0, 0.0, 0), *[(at, 8.0, 0) for at in times]])
    assert values(found)[1:] == pytest.approx([8 * (1 - math.exp(-(at + 1) / 2)) for at in times], rel=1e-12)


def test_a_bad_sample_passes_the_filter_as_it_is_and_leaves_no_trace() -> None:
    step = Filter(step="filter", time_constant_s=2.0)
    undisturbed = through(step, [(0, 1, 0), (2, 5, 0)])
    assert through(step, [(0, 1, 0), (1, 900, BAD), (1.5, math.nan, 0), (2, 5, 0)])[::3] == undisturbed


def test_the_median_of_three_and_of_five_removes_spikes() -> None:
    assert values(through(Median(step="median"), good(1, 2, 99, 3, 4, -99, 5))) == [1, 2, 2, 3, 4, 3, 4]
    assert values(through(Median(step="median", of=5), good(1, 2, 99, 98, 3, 4))) == [1, 2, 99, 98, 3, 4]


def test_inverting_turns_states_and_leaves_what_is_none() -> None:
    assert values(through(Invert(step="invert"), good(0, 1, 7), PointKind.BINARY)) == [1, 0, 7]
    assert values(through(Invert(step="invert"), good(0, 1, 2, 3), PointKind.DOUBLE)) == [0, 2, 1, 3]


def test_rounding_gives_decimal_multiples() -> None:
    assert values(through(Round(step="round", resolution=0.1), good(0.29, 0.31, -0.05, 12.34))) == [0.3, 0.3, -0.0, 12.3]
    assert values(through(Round(step="round", resolution=2.5), good(1.2, 1.3, 6.0))) == [0.0, 2.5, 5.0]


DEBOUNCE = Debounce(step="debounce", for_s=1.0)


def test_a_change_that_does_not_last_never_was() -> None:
    found = through(DEBOUNCE, [(0, 0, 0), (1, 1, 0), (1.2, 0, 0), (5, 0, 0)], PointKind.BINARY)
    assert found == [(0, 0, 0), (1.2, 0, 0), (5, 0, 0)]


def test_a_change_that_lasts_counts_with_the_time_at_which_it_began() -> None:
    found = through(DEBOUNCE, [(0, 0, 0), (1, 1, DEVICE_TIME), (1.5, 1, 0), (2, 1, 0), (3, 1, 0)], PointKind.BINARY)
    assert found == [(0, 0, 0), (1, 1, DEVICE_TIME), (2, 1, 0), (3, 1, 0)]


def test_of_events_that_come_late_each_change_that_lasted_counts() -> None:
    found = through(DEBOUNCE, [(0, 1, 0), (10, 2, 0), (20, 1, 0), (20.5, 2, 0), (40, 0, 0), (40.3, 1, 0)], PointKind.DOUBLE)
    assert found == [(0, 1, 0), (10, 2, 0), (20.5, 2, 0)]


def test_a_bad_state_passes_at_once_and_so_does_what_follows() -> None:
    found = through(DEBOUNCE, [(0, 0, 0), (1, 1, 0), (1.5, 0, BAD), (2, 1, 0)], PointKind.BINARY)
    assert found == [(0, 0, 0), (1.5, 0, BAD), (2, 1, 0)]


def test_a_change_of_a_device_that_does_not_repeat_it_counts_by_the_clock() -> None:
    chain = Chain([processing(1, DEBOUNCE, kind=PointKind.BINARY), processing(2, DEBOUNCE, kind=PointKind.BINARY)])
    for row in [(0.0, 0.0, 0), (1.0, 1.0, DEVICE_TIME)]:
        taken(chain, row)
    ticks = [plain(chain.tick(Now(50 + tenth / 10, 0))) for tenth in range(30)]
    assert [(place, found) for place, found in enumerate(ticks) if found] == [(10, [(1.0, 1.0, DEVICE_TIME)])]
    assert taken(chain, (4.0, 1.0, 0)) == [(4.0, 1.0, 0)]


def test_debounced_samples_keep_their_places_among_others() -> None:
    chain = Chain([processing(2, DEBOUNCE, kind=PointKind.BINARY), processing(1, Scale(step="scale", factor=2))])
    chain.take(samples([(2, T0, 0.0, 0), (2, T0 + S, 1.0, 0)]))
    found = chain.take(samples([(1, T0, 1.0, 0), (3, T0, 5.0, 0), (2, T0 + 2 * S, 1.0, 0), (1, T0 + S, 2.0, 0)]))
    assert rows(found) == [
        (1, T0, "2.0", 0),
        (3, T0, "5.0", 0),
        (2, T0 + S, "1.0", 0),
        (2, T0 + 2 * S, "1.0", 0),
        (1, T0 + S, "4.0", 0),
    ]


def test_points_without_steps_are_handed_on_as_they_are() -> None:
    batch = samples([(1, T0, 1.0, 0)])
    assert Chain([]).take(batch) is batch
    assert Chain([processing(2, Scale(step="scale", factor=2))]).take(batch) is batch


def test_what_went_in_is_not_changed() -> None:
    chain = Chain([processing(1, *EVERY_STEP)])
    batch = samples([(1, T0 + at * S, float(at % 7), BAD if at % 5 == 0 else 0) for at in range(40)])
    before = rows(batch)
    chain.take(batch)
    assert rows(batch) == before


EVERY_STEP: list[Step] = [
    Scale(step="scale", factor=2, offset=1),
    Rollover(step="rollover", modulus=100, largest_step=30),
    Linearization(inputs=(-10, 0, 10), outputs=(5, 0, 20), outside="extrapolate"),
    Limits(step="limits", low=-400, high=400, beyond="invalid"),
    RateOfChange(step="rate_of_change", per_s=3),
    Median(step="median", of=3),
    Substitute(step="substitute", hold=True, for_s=5),
    Filter(step="filter", time_constant_s=3),
    Limits(step="limits", low=-300, high=300, clamp=True),
    Median(step="median", of=5),
    Round(step="round", resolution=0.25),
]
STATES: list[Step] = [Invert(step="invert"), Substitute(step="substitute", hold=True, for_s=5), DEBOUNCE]


def every_kind() -> list[PointProcessing]:
    return [
        processing(1, *EVERY_STEP),
        processing(2, *STATES, kind=PointKind.DOUBLE),
        processing(3, *reversed(EVERY_STEP)),
        processing(4, Filter(step="filter", time_constant_s=1)),
    ]


mixed = series(points=5, values=st.one_of(st.integers(0, 3).map(float), st.floats(-500, 500), st.just(math.nan)))


@given(mixed, st.lists(st.integers(0, 120), max_size=10))
def test_it_does_not_matter_how_samples_are_split_into_batches(given_rows: list[Row], cuts: list[int]) -> None:
    together, apart = Chain(every_kind()), Chain(every_kind())
    whole = samples(given_rows)
    parts = [rows(together.take(part)) for part in split(whole, cuts)]
    singles = [rows(apart.take(whole.take(slice(at, at + 1)))) for at in range(len(whole))]
    assert [row for part in parts for row in part] == [row for part in singles for row in part]


@given(mixed, st.integers(0, 120))
def test_after_a_restart_it_goes_on_as_if_there_had_been_none(given_rows: list[Row], cut: int) -> None:
    whole = samples(given_rows)
    first = Chain(every_kind())
    first.take(whole.take(slice(0, cut)))
    second = Chain(list(reversed(every_kind())))
    second.recall(msgspec.msgpack.decode(msgspec.msgpack.encode(first.remember())))
    rest = whole.take(slice(cut, None))
    assert rows(second.take(rest)) == rows(first.take(rest))


def test_a_counter_goes_on_where_a_step_was_put_in_front_of_it_and_points_were_added() -> None:
    rollover = Rollover(step="rollover", modulus=100)
    before = Chain([processing(5, rollover, kind=PointKind.COUNTER)])
    before.take(samples([(5, T0, 90.0, 0), (5, T0 + S, 10.0, 0)]))
    after = Chain([processing(number, Scale(step="scale", factor=1), rollover, kind=PointKind.COUNTER) for number in (4, 5, 6)])
    after.recall(before.remember())
    found = after.take(samples([(number, T0 + 2 * S, 20.0, 0) for number in (4, 5, 6)]))
    assert found.value.tolist() == [20, 120, 20]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"rollover.0": 7, "filter.0": None},
        {"rollover.0": {"point": b"\1\0\0"}},
        {"rollover.0": {"point": b"\1\0\0\0", "raw": b"12345678", "offset": b"", "time": b"12345678"}},
        {"rollover.0": {"point": b"\1\0\0\0", "raw": "text", "offset": 3.0, "time": b"12345678"}},
        {"rollover.0": {"point": b"", "raw": b"", "offset": b"", "time": b""}},
    ],
)
def test_a_damaged_memory_is_passed_over(state: dict[str, Any]) -> None:
    chain = Chain([processing(1, Rollover(step="rollover", modulus=100), kind=PointKind.COUNTER)])
    chain.recall(state)
    assert values([row for given_row in good(90, 10) for row in taken(chain, given_row)]) == [90, 110]
