from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.edge.processing.reporting import Reporting as Selecting
from tieline.model import STATUS, VALIDITY, Point, PointId, PointKind, Quality, Reporting, Samples

S = 1_000_000


def point(
    number: int, *, deadband: float = 0.0, silence_s: float = 60.0, low: float | None = None, high: float | None = None
) -> Point:
    return Point(
        id=PointId(number),
        site="a",
        device="b",
        name=f"p{number}",
        kind=PointKind.ANALOG,
        low=low,
        high=high,
        reporting=Reporting(deadband=deadband, max_silence_s=silence_s),
    )


def values(reported: Samples) -> list[float]:
    return reported.value.tolist()


def test_drift_within_the_deadband_is_reported_once_it_adds_up() -> None:
    reporting = Selecting([point(1, deadband=1.0)])
    seen = [values(reporting.select(Samples.of(1, at, 0.3 * at))) for at in range(9)]
    assert [v for part in seen for v in part] == pytest.approx([0.0, 1.2, 2.4])


def test_a_change_of_quality_is_always_reported_but_not_one_of_time_quality() -> None:
    reporting = Selecting([point(1, deadband=10.0)])
    qualities = [0, 0, Quality.INVALID, Quality.INVALID, Quality.DEVICE_TIME, Quality.CLOCK_NOT_SYNCHRONIZED]
    reported = [len(reporting.select(Samples.of(1, at, 5.0, int(quality)))) for at, quality in enumerate(qualities)]
    assert reported == [1, 0, 1, 0, 1, 0]


def test_an_unchanged_value_is_repeated_after_its_maximum_silence() -> None:
    reporting = Selecting([point(1, silence_s=10.0)])
    reported = [len(reporting.select(Samples.of(1, at * S, 5.0))) for at in range(0, 31, 5)]
    assert reported == [1, 0, 1, 0, 1, 0, 1]


def test_a_clock_that_steps_back_does_not_silence_a_point() -> None:
    reporting = Selecting([point(1)])
    assert len(reporting.select(Samples.of(1, 1_000 * S, 5.0))) == 1
    assert len(reporting.select(Samples.of(1, 10 * S, 5.0))) == 1
    assert len(reporting.select(Samples.of(1, 11 * S, 5.0))) == 0


def test_a_value_beyond_its_limits_is_questionable_and_stays_what_it_is() -> None:
    reporting = Selecting([point(1, low=0, high=100)])
    reported = reporting.select(Samples.of([1, 1, 1], [1, 2, 3], [50, 101, 50]))
    assert values(reported) == [50, 101, 50]
    assert [int(q) & VALIDITY for q in reported.quality] == [0, int(Quality.QUESTIONABLE), 0]
    assert int(reported.quality[1]) & Quality.OUT_OF_RANGE


def test_an_invalid_value_is_not_called_out_of_range() -> None:
    reporting = Selecting([point(1, low=0, high=100)])
    assert reporting.select(Samples.of(1, 1, 500, int(Quality.INVALID))).quality.tolist() == [int(Quality.INVALID)]


def test_a_value_reported_behind_a_newer_one_is_said_again_as_soon_as_it_is_the_newest() -> None:
    reporting = Selecting([point(1)])
    told = [(10 * S, 0.0), (8 * S, 1.0), (9 * S, 1.0), (11 * S, 1.0), (12 * S, 1.0)]
    reported = [len(reporting.select(Samples.of(1, at, value))) for at, value in told]
    assert reported == [1, 1, 0, 1, 0]


def test_limits_can_be_applied_without_choosing() -> None:
    reporting = Selecting([point(1, low=0, high=100), point(2)])
    qualified = reporting.qualify(Samples.of([2, 1, 1], 1, [500, 101, 50]))
    assert [bool(quality & Quality.OUT_OF_RANGE) for quality in qualified.quality.tolist()] == [False, True, False]
    assert len(reporting.qualify(Samples.empty())) == 0


def test_not_a_number_is_reported_when_it_comes_and_when_it_goes() -> None:
    reporting = Selecting([point(1, deadband=1.0)])
    reported = [len(reporting.select(Samples.of(1, at, v))) for at, v in enumerate([1.0, math.nan, math.nan, 1.0])]
    assert reported == [1, 1, 0, 1]


def test_samples_of_a_point_that_the_site_does_not_have_are_a_bug_of_the_caller() -> None:
    reporting = Selecting([point(1), point(5)])
    for unknown in (0, 3, 9):
        with pytest.raises(ValueError, match="does not have"):
            reporting.select(Samples.of(unknown, 0, 0.0))


rows = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(0, 40).map(lambda at: at * S),
        st.one_of(st.integers(-5, 5).map(float), st.just(math.nan)),
        st.sampled_from([0, int(Quality.INVALID), int(Quality.DEVICE_TIME)]),
    ),
    max_size=40,
)


@given(st.lists(rows, max_size=4), st.permutations([1, 2, 3, 4]))
def test_columns_give_what_a_loop_over_samples_gives(batches: list[list[tuple[int, int, float, int]]], order: list[int]) -> None:
    points = {number: point(number, deadband=number / 2, silence_s=15.0, low=-4, high=4) for number in order}
    reporting = Selecting([points[number] for number in order])
    last: dict[int, tuple[int, float, int]] = {}
    latest: dict[int, int] = {}
    for batch in batches:
        expected = []
        for number, at, value, quality in batch:
            told = points[number]
            assert told.low is not None
            assert told.high is not None
            if (value < told.low or value > told.high) and not quality & VALIDITY:
                quality |= int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
            if number in last:
                was_at, was, was_quality = last[number]
                is_new = (
                    abs(value - was) > told.reporting.deadband
                    or math.isnan(value) != math.isnan(was)
                    or quality & STATUS != was_quality
                    or not 0 <= at - was_at < told.reporting.max_silence_s * S
                    or was_at < latest[number] <= at
                )
            else:
                is_new = True
            if is_new:
                last[number] = (at, value, quality & STATUS)
                latest[number] = max(at, latest.get(number, at))
                expected.append((number, at, value, quality))
        columns = [np.array(column) for column in zip(*batch, strict=True)] if batch else [np.empty(0)] * 4
        reported = reporting.select(Samples.of(*columns))
        got = list(
            zip(reported.point.tolist(), reported.time.tolist(), reported.value.tolist(), reported.quality.tolist(), strict=True)
        )
        assert [(*g[:2], str(g[2]), g[3]) for g in got] == [(*e[:2], str(e[2]), e[3]) for e in expected]
