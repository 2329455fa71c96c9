from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.config.processing import PointReporting, SwingingDoor
from tieline.edge.processing.reporting import Reporting
from tieline.model import STATUS, Now, Quality, Samples

from .points import BAD, Row, S, point, reported, rows, samples, series, split

T0 = 1_000 * S


def compressing(*numbers: int, deviation: float = 1.0, interval_s: float = 60.0) -> Reporting:
    door = SwingingDoor(deviation=deviation, max_interval_s=interval_s)
    way = PointReporting(report="exceptions", deadband=0.0, max_silence_s=60.0, door=door)
    return Reporting([point(number) for number in numbers], [reported(number, way) for number in numbers])


def told(reporting: Reporting, given: list[tuple[float, float]], quality: int = 0) -> list[tuple[float, float]]:
    """What is reported of samples of point 1 that come one by one; times in seconds."""
    found: list[tuple[float, float]] = []
    for at, value in given:
        chosen = reporting.select(Samples.of(1, T0 + round(at * S), value, quality))
        found += zip(((chosen.time - T0) / S).tolist(), chosen.value.tolist(), strict=True)
    return found


def test_of_a_straight_line_its_ends_are_reported() -> None:
    reporting = compressing(1)
    assert told(reporting, [(at, 2.0 * at) for at in range(20)]) == [(0, 0)]
    assert told(reporting, [(20, 0.0)]) == [(19, 38.0)]


def test_where_the_line_turns_the_sample_before_is_reported_with_its_own_time() -> None:
    reporting = compressing(1, deviation=0.5)
    assert told(reporting, [(0, 0), (1, 0), (2, 0), (3, 5), (4, 10), (5, 15), (6, 15)]) == [(0, 0), (2, 0), (5, 15)]


def test_noise_of_less_than_half_the_deviation_is_not_reported() -> None:
    reporting = compressing(1, deviation=1.0)
    assert told(reporting, [(at, 0.45 * (-1) ** at) for at in range(50)]) == [(0, 0.45)]


def test_a_change_of_quality_reports_what_was_held_back_and_the_change() -> None:
    reporting = compressing(1)
    assert told(reporting, [(0, 0), (1, 0), (2, 0)]) == [(0, 0)]
    assert told(reporting, [(3, 0)], BAD) == [(2, 0), (3, 0)]
    assert told(reporting, [(4, 0)], BAD | int(Quality.DEVICE_TIME)) == []


def test_a_held_sample_goes_up_with_the_quality_that_it_came_with() -> None:
    reporting = compressing(1)
    reporting.select(samples([(1, T0, 0.0, 0), (1, T0 + S, 0.0, int(Quality.DEVICE_TIME))]))
    chosen = reporting.select(samples([(1, T0 + 2 * S, 50.0, 0)]))
    assert rows(chosen) == [(1, T0 + S, "0.0", int(Quality.DEVICE_TIME))]


def test_not_a_number_ends_a_segment_and_so_does_the_next_number() -> None:
    found = told(compressing(1), [(0, 0), (1, 0), (2, 0), (3, math.nan), (4, math.nan), (5, 1), (6, 1)])
    assert [(at, str(value)) for at, value in found] == [(0, "0.0"), (2, "0.0"), (3, "nan"), (5, "1.0")]


def test_a_gap_longer_than_the_interval_is_reported_on_both_sides() -> None:
    assert told(compressing(1, interval_s=10), [(0, 0), (1, 0), (2, 0), (30, 0), (31, 0)]) == [(0, 0), (2, 0), (30, 0)]


def test_a_signal_that_does_not_move_is_reported_once_an_interval() -> None:
    assert told(compressing(1, interval_s=10), [(at, 5) for at in range(35)]) == [(0, 5), (10, 5), (20, 5), (30, 5)]


def test_a_clock_that_steps_back_ends_the_segment() -> None:
    assert told(compressing(1), [(100, 0), (101, 0), (50, 0), (51, 0)]) == [(100, 0), (101, 0), (50, 0)]


def test_a_difference_that_no_double_holds_ends_the_segment() -> None:
    assert told(compressing(1), [(0, 1e308), (1, -1e308), (2, 1e308)]) == [(0, 1e308), (1, -1e308), (2, 1e308)]


def test_the_same_sample_once_more_says_nothing() -> None:
    assert told(compressing(1), [(0, 1), (0, 1), (1, 1), (1, 1), (2, 1)]) == [(0, 1)]


def test_a_tick_reports_what_was_held_back_for_the_interval() -> None:
    reporting = compressing(1, 2, interval_s=10)
    assert told(reporting, [(0, 0), (1, 3)]) == [(0, 0)]
    ticks = [len(reporting.tick(Now(5.0 + tenth / 10, 0))) for tenth in range(120)]
    assert ticks.index(1) == 100
    assert sum(ticks) == 1
    assert told(reporting, [(2, 3), (3, 3)]) == []


def test_a_sample_held_back_later_waits_for_its_own_interval() -> None:
    reporting = compressing(1, interval_s=10)
    told(reporting, [(0, 0), (1, 0)])
    assert len(reporting.tick(Now(0.0, 0))) == 0
    assert told(reporting, [(2, 50)]) == [(1, 0)]
    assert len(reporting.tick(Now(9.0, 0))) == 0
    assert len(reporting.tick(Now(18.9, 0))) == 0
    assert reporting.tick(Now(19.0, 0)).value.tolist() == [50]


def test_what_is_held_back_at_the_end_can_be_asked_for() -> None:
    reporting = compressing(1, 2)
    reporting.select(samples([(1, T0, 0.0, 0), (1, T0 + S, 0.0, 0), (2, T0, 7.0, 0)]))
    assert rows(reporting.flush()) == [(1, T0 + S, "0.0", 0)]
    assert not len(reporting.flush())


def test_held_samples_stand_in_front_of_the_sample_that_freed_them() -> None:
    reporting = compressing(1, 2)
    reporting.select(samples([(1, T0, 0.0, 0), (2, T0, 0.0, 0), (1, T0 + S, 0.0, 0), (2, T0 + S, 0.0, 0)]))
    chosen = reporting.select(samples([(2, T0 + 2 * S, 9.0, BAD), (1, T0 + 2 * S, 9.0, BAD)]))
    assert [(number, at) for number, at, *_ in rows(chosen)] == [(2, T0 + S), (2, T0 + 2 * S), (1, T0 + S), (1, T0 + 2 * S)]


def beside_the_line(measured: list[Row], up: Samples) -> float:
    """The most by which a number that was measured is beside the straight line between its neighbors among those reported."""
    worst = 0.0
    for _, at, value, quality in measured:
        place = int(np.searchsorted(up.time, at, side="right")) - 1
        if up.time[place] == at or not math.isfinite(value):
            continue
        begin, end = int(up.time[place]), int(up.time[place + 1])
        first, last = float(up.value[place]), float(up.value[place + 1])
        assert quality & STATUS == up.quality[place] & STATUS
        worst = max(worst, abs(value - (first + (last - first) * ((at - begin) / (end - begin)))))
    return worst


@given(
    series(backwards=False),
    st.sampled_from([0.1, 1.0, 5.0]),
    st.sampled_from([2.0, 30.0]),
    st.lists(st.integers(0, 120), max_size=8),
)
def test_no_measured_sample_is_ever_further_beside_the_line_than_the_deviation(
    given_rows: list[Row], deviation: float, interval_s: float, cuts: list[int]
) -> None:
    # Of samples with the same time the line can pass through one only, so each time is there once.
    given_rows = [(number, at + place, value, quality) for place, (number, at, value, quality) in enumerate(given_rows)]
    reporting = compressing(1, 2, 3, deviation=deviation, interval_s=interval_s)
    parts = [reporting.select(part) for part in split(samples(given_rows), cuts)]
    up = Samples.concatenate([*parts, reporting.flush()])
    for number in (1, 2, 3):
        measured = [row for row in given_rows if row[0] == number]
        mine = up.take(up.point == number)
        assert np.all(np.diff(mine.time) > 0)
        assert set(rows(mine)) <= set(rows(samples(measured)))
        if measured:
            assert beside_the_line(measured, mine) <= deviation * (1 + 1e-9) + 1e-9


@given(
    series(values=st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.nan, math.inf, 1e308, -1e308]))),
    st.lists(st.integers(0, 120)),
)
def test_columns_give_what_one_sample_after_the_other_gives(given_rows: list[Row], cuts: list[int]) -> None:
    whole = samples(given_rows)
    together, apart = compressing(1, 2, 3, interval_s=9), compressing(1, 2, 3, interval_s=9)
    parts = [rows(together.select(part)) for part in split(whole, cuts)]
    singles = [rows(apart.select(whole.take(slice(at, at + 1)))) for at in range(len(whole))]
    assert [row for part in parts for row in part] == [row for part in singles for row in part]
    assert rows(together.flush()) == rows(apart.flush())


@pytest.mark.parametrize("turns", [1, 7])
def test_many_points_at_once_are_treated_as_each_alone(turns: int) -> None:
    rng = np.random.default_rng(3)
    count, length = 50, 70
    values = np.cumsum(rng.normal(0, 1, (length, count)), axis=0)
    reporting = compressing(*range(count), deviation=2.0, interval_s=20)
    found: dict[int, list[tuple[int, float]]] = {number: [] for number in range(count)}
    for begin in range(0, length, turns):
        batch = [
            (number, T0 + at * S, float(values[at, number]), 0) for at in range(begin, begin + turns) for number in range(count)
        ]
        for number, at, value, _ in rows(reporting.select(samples(batch))):
            found[number].append((at, float(value)))
    for number in range(count):
        alone = compressing(number, deviation=2.0, interval_s=20)
        expected = alone.select(samples([(number, T0 + at * S, float(values[at, number]), 0) for at in range(length)]))
        assert found[number] == list(zip(expected.time.tolist(), expected.value.tolist(), strict=True))
