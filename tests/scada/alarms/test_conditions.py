"""What samples say: limits with hysteresis, deviations, rates, states, quality; order, and many samples at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import Now, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind, AlarmState

from .plans import SECOND, START_US, Bench, bench, path, plan, point, state_plan

GOOD, INVALID, QUESTIONABLE = Quality.DEVICE_TIME, Quality.INVALID, Quality.QUESTIONABLE
S = AlarmState


def limit(kind: AlarmKind, limit: float, hysteresis: float = 0.0) -> Bench:
    return bench(plan("a1", point(1), kind, limit=limit, hysteresis=hysteresis))


@pytest.mark.parametrize(
    ("kind", "bound", "values", "active"),
    [
        (AlarmKind.HIGH, 100, [100, 100.1, 98.1, 98, 100], [False, True, True, False, False]),
        (AlarmKind.HIGH_HIGH, -5, [-5, -4.9, -7, -7.1], [False, True, False, False]),
        (AlarmKind.LOW, 100, [100, 99.9, 101.9, 102, 100], [False, True, True, False, False]),
        (AlarmKind.LOW_LOW, -5, [-5, -5.1, -3.1, -3], [False, True, True, False]),
    ],
)
def test_a_limit_is_left_beyond_its_hysteresis(kind: AlarmKind, bound: float, values: list[float], active: list[bool]) -> None:
    made = limit(kind, bound, 2)
    found = []
    for value in values:
        made.read(1, value)
        made.wait(1)
        found.append(made.alarm().is_active)
    assert found == active


def test_a_deviation_is_measured_from_the_reference_whichever_of_the_two_moves() -> None:
    made = bench(plan("a1", point(1), AlarmKind.DEVIATION, limit=3, hysteresis=1, reference=point(2)))
    made.read(1, 10)
    assert not made.alarm().is_active  # the reference is not known
    made.read(2, 7)
    assert not made.alarm().is_active
    made.read(2, 6)
    assert made.alarm().is_active
    made.read(1, 8.5)
    assert made.alarm().is_active
    made.read(1, 8)
    assert not made.alarm().is_active


def test_a_deviation_within_one_batch_is_seen() -> None:
    made = bench(plan("a1", point(1), AlarmKind.DEVIATION, limit=3, reference=point(2)))
    time = START_US + np.arange(5)
    assert path(made.engine.take(Samples.of([2, 1, 2, 1, 2], time, [0, 1, 5, 6, 5], GOOD), made.now)) == [
        ("raise", S.NORMAL, S.UNACKNOWLEDGED),
        ("return", S.UNACKNOWLEDGED, S.RETURNED),
    ]


def test_a_deviation_from_a_reference_that_is_not_known_says_nothing() -> None:
    made = bench(plan("a1", point(1), AlarmKind.DEVIATION, limit=3, reference=point(2)))
    made.read(2, 0)
    made.read(1, 5)
    made.read(2, 5, quality=INVALID)
    made.wait(1)
    made.read(1, 0)
    assert made.alarm().is_active
    made.read(2, 1)
    assert not made.alarm().is_active


def test_a_rate_is_that_from_one_good_sample_to_the_next() -> None:
    made = bench(plan("a1", point(1), AlarmKind.RATE, limit=5, hysteresis=1))
    for value, quality, is_active in [
        (0, GOOD, False),
        (5, GOOD, False),
        (-1, GOOD, True),
        (3.5, GOOD, True),
        (900, INVALID, True),
        (11, GOOD, False),  # 7.5 in two seconds
    ]:
        made.read(1, value, quality=quality)
        assert made.alarm().is_active == is_active, value
        made.wait(1)


def test_two_samples_of_the_same_time_have_no_rate() -> None:
    made = bench(plan("a1", point(1), AlarmKind.RATE, limit=5))
    made.read(1, 0)
    made.read(1, 900)
    assert not made.alarm().is_active


def test_a_double_point_has_the_abnormal_states_that_are_named() -> None:
    at = point(1, kind=PointKind.DOUBLE)
    made = bench(plan("a1", at, AlarmKind.STATE, abnormal=frozenset({0, 3})))
    found = []
    for value in (1, 0, 2, 3, 7, float("nan"), 1):
        made.read(1, value)
        found.append(made.alarm().is_active)
    assert found == [False, True, False, True, True, True, False]


@pytest.mark.parametrize(("doubt", "active"), [(False, [False, False, True, False]), (True, [False, True, True, False])])
def test_a_quality_alarm_is_about_the_quality_alone(doubt: bool, active: list[bool]) -> None:
    made = bench(plan("a1", point(1), AlarmKind.QUALITY, is_any_doubt=doubt))
    found = []
    for quality in (GOOD, QUESTIONABLE, INVALID, GOOD):
        made.read(1, float("nan"), quality=quality)
        found.append(made.alarm().is_active)
    assert found == active


def test_bad_quality_neither_raises_nor_returns_and_doubt_only_raises() -> None:
    made = limit(AlarmKind.HIGH, 100)
    found = []
    for value, quality in [
        (900, INVALID),
        (900, Quality.TEST),
        (900, QUESTIONABLE | Quality.OUT_OF_RANGE),
        (0, INVALID),
        (0, QUESTIONABLE),
        (0, Quality.TEST),
        (float("nan"), GOOD),
        (0, GOOD),
    ]:
        made.read(1, value, quality=quality)
        found.append(made.alarm().is_active)
    assert found == [False, False, True, True, True, True, True, False]


def test_a_pulse_within_one_batch_is_an_alarm() -> None:
    made = bench(state_plan(1))
    assert path(made.read(1, 0, 1, 0)) == [("raise", S.NORMAL, S.UNACKNOWLEDGED), ("return", S.UNACKNOWLEDGED, S.RETURNED)]
    assert (made.alarm().raised, made.alarm().returned) == (START_US - 1_000, START_US)
    assert made.alarm().has_device_time


def test_an_older_sample_changes_nothing() -> None:
    made = bench(state_plan(1))
    made.read(1, 0, at_s=10)
    assert made.read(1, 1, at_s=9.999_999) == []
    assert path(made.read(1, 1, at_s=10)) == [("raise", S.NORMAL, S.UNACKNOWLEDGED)]


def test_older_samples_within_a_batch_change_nothing() -> None:
    made = bench(state_plan(1))
    at = START_US + np.array([5, 9, 6, 9, 8])
    made.engine.take(Samples.of([1] * 5, at, [0, 1, 0, 1, 0], GOOD), made.now)
    assert made.alarm().is_active


def test_a_clock_that_jumped_ahead_does_not_silence_its_point() -> None:
    made = bench(state_plan(1))
    made.read(1, 0, at_s=86_400)
    made.wait(11)
    made.read(1, 1)
    assert made.alarm().is_active


def test_one_point_may_have_many_alarms_and_others_none() -> None:
    at = point(1)
    made = bench(
        plan("high", at, AlarmKind.HIGH, limit=10),
        plan("very-high", at, AlarmKind.HIGH_HIGH, limit=20),
        plan("bad", at, AlarmKind.QUALITY),
    )
    made.engine.take(Samples.of([9, 1, 4_000_000_000], START_US, [1, 25, 3], GOOD), made.now)
    assert [made.state(name) for name in ("high", "very-high", "bad")] == [S.UNACKNOWLEDGED, S.UNACKNOWLEDGED, S.NORMAL]


@given(
    values=st.lists(
        st.tuples(st.sampled_from([1, 2]), st.integers(0, 12), st.sampled_from([GOOD, INVALID, QUESTIONABLE])), max_size=60
    ),
    cuts=st.sets(st.integers(0, 60)),
)
def test_how_samples_are_cut_into_batches_does_not_matter(values: list[tuple[int, int, Quality]], cuts: set[int]) -> None:
    def make() -> Bench:
        return bench(
            plan("high", point(1), AlarmKind.HIGH, limit=8, hysteresis=3),
            plan("low", point(1), AlarmKind.LOW, limit=3, on_delay_s=2.0, off_delay_s=3.0),
            plan("rate", point(2), AlarmKind.RATE, limit=4),
            plan("deviation", point(1), AlarmKind.DEVIATION, limit=5, reference=point(2)),
            plan("quality", point(2), AlarmKind.QUALITY, off_delay_s=1.0),
        )

    def columns(part: list[tuple[int, tuple[int, int, Quality]]]) -> Samples:
        return Samples.of(
            [each[0] for _, each in part],
            [START_US + place * SECOND for place, _ in part],
            [float(each[1]) for _, each in part],
            [int(each[2]) for _, each in part],
        )

    placed = list(enumerate(values))
    whole, cut = make(), make()
    whole.wait(60)
    cut.wait(60)
    whole.engine.take(columns(placed), whole.now)
    edges = sorted({0, len(placed), *(each for each in cuts if each < len(placed))})
    for begin, end in itertools.pairwise(edges):
        cut.engine.take(columns(placed[begin:end]), cut.now)
    for name in ("high", "low", "rate", "deviation", "quality"):
        one, other = whole.alarm(name), cut.alarm(name)
        assert (one.state, one.is_active, one.raised, one.returned, one.count) == (
            other.state,
            other.is_active,
            other.raised,
            other.returned,
            other.count,
        )


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    made = bench(state_plan(1), state_plan(2, suppress="q", suppress_inputs={"q": point(9, kind=PointKind.BINARY)}))
    made.read(9, 1)
    made.now = Now(made.now.monotonic_s + 1, made.now.utc_us - 3_600 * SECOND)
    made.read(1, 1)
    made.read(9, 0)
    assert made.alarm("a1").is_active
    assert made.state("a2") is S.NORMAL


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_rate_passes_over_what_is_no_number(nonsense: float) -> None:
    made = bench(plan("a1", point(1), AlarmKind.RATE, limit=5))
    time = START_US + np.arange(3) * SECOND
    made.engine.take(Samples.of([1, 1, 1], time, [0, nonsense, 4], GOOD), made.now)
    assert not made.alarm().is_active
    made.engine.take(Samples.of([1], time[-1] + SECOND, [10], GOOD), made.now)
    assert made.alarm().is_active


def test_a_value_that_is_no_number_says_nothing_and_an_infinite_one_is_beyond_every_limit() -> None:
    made = limit(AlarmKind.HIGH, 100)
    made.read(1, np.nan)
    assert not made.alarm().is_active
    made.read(1, np.inf)
    assert made.alarm().is_active
    made.read(1, np.nan)
    assert made.alarm().is_active


def test_a_doubtful_reference_returns_no_deviation() -> None:
    made = bench(plan("a1", point(1), AlarmKind.DEVIATION, limit=3, reference=point(2)))
    made.read(1, 10)
    made.read(2, 0)
    made.read(2, 10, quality=QUESTIONABLE)
    made.read(1, 10)
    assert made.alarm().is_active
    made.read(2, 10)
    assert not made.alarm().is_active


def test_a_time_from_the_future_makes_no_condition_last() -> None:
    made = bench(state_plan(1, on_delay_s=60.0))
    made.read(1, 1)
    assert path(made.read(1, 0, at_s=3_600)) == []
    assert made.state() is S.NORMAL
