"""Floods and the figures of the standard, against plain counting."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.scada.alarms.floods import FEWER_THAN, MORE_THAN, WINDOW_US, Flood, FloodWatch, floods_in
from tieline.scada.alarms.metrics import Metrics, chattering, most_within, percent_in_flood, percent_of_hours_above

from .plans import SECOND, START_US

HOUR = 3_600 * SECOND
WINDOW_S = WINDOW_US // SECOND
seconds = st.lists(st.integers(0, 4_000), max_size=80).map(sorted)


def plainly(told: list[int]) -> list[tuple[int, int]]:
    """When floods begin and end, second by second."""
    found: list[tuple[int, int]] = []
    began = None
    for now in range(4_000 + WINDOW_S + 1):
        count = sum(now - WINDOW_S < at <= now for at in told)
        if began is None and count > MORE_THAN:
            began = now
        elif began is not None and count < FEWER_THAN:
            found.append((began, now))
            began = None
    return found


@given(seconds)
def test_floods_begin_and_end_where_counting_says(told: list[int]) -> None:
    found = floods_in(np.array(told, np.int64) * SECOND)
    assert [(flood.began // SECOND, flood.ended // SECOND) for flood in found] == plainly(told)


@given(seconds, st.sets(st.integers(0, 4_000), max_size=20))
def test_it_does_not_matter_how_often_a_watch_is_asked(told: list[int], ticks: set[int]) -> None:
    watch = FloodWatch()
    found = []
    for now in range(4_000 + WINDOW_S + 1):
        ended = watch.tick(now * SECOND) if now in ticks or now == 4_000 + WINDOW_S else None
        count = told.count(now)
        watch_ended = watch.take(now * SECOND, count) if count else None
        for flood in (ended, watch_ended):
            if flood is not None and flood.ended:
                found.append(flood)
    assert [(flood.began, flood.ended) for flood in found] == [
        (flood.began, flood.ended) for flood in floods_in(np.array(told, np.int64) * SECOND)
    ]


def test_ten_alarms_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    assert floods_in(np.arange(10) * SECOND) == []
    assert floods_in(np.arange(11) * SECOND) == [Flood(began=10 * SECOND, ended=606 * SECOND, alarms=11)]


def test_alarms_of_one_moment_are_a_flood_at_once() -> None:
    assert floods_in(np.full(20, SECOND)) == [Flood(began=SECOND, ended=SECOND + WINDOW_US, alarms=20)]


@given(seconds)
def test_the_most_in_ten_minutes_is_the_most_that_counting_finds(told: list[int]) -> None:
    most = max((sum(end - WINDOW_S < at <= end for at in told) for end in told), default=0)
    assert most_within(np.array(told, np.int64) * SECOND) == most


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400)), max_size=40))
def test_chattering_alarms_are_those_that_counting_finds(told: list[tuple[int, int]]) -> None:
    told.sort(key=lambda each: each[1])
    expected = {row for row, at in told if sum(other == row and at <= when <= at + 60 for other, when in told) >= 3}
    found = chattering(np.array([row for row, _ in told], np.intp), np.array([at for _, at in told], np.int64) * SECOND)
    assert set(found.tolist()) == expected


def test_the_flooded_part_of_a_time_is_what_lies_within_it() -> None:
    floods = (Flood(began=0, ended=20, alarms=11), Flood(began=50, ended=60, alarms=11))
    assert percent_in_flood(floods, 10, 110) == 20
    assert percent_in_flood((), 10, 110) == 0


@pytest.mark.parametrize("figure", [field.name for field in fields(Metrics)][3:])
def test_every_figure_is_documented(figure: str) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/alarms.md").read_text()
    assert f"`{figure}`" in page


def test_hours_with_too_many_alarms_are_counted() -> None:
    told = np.concatenate([np.full(31, HOUR // 2), np.full(30, 3 * HOUR // 2), np.full(99, 3 * HOUR)])
    assert percent_of_hours_above(told, 0, 4 * HOUR, 30) == 50
    assert percent_of_hours_above(told[:0], 0, HOUR // 2, 30) == 0


def test_a_flood_ends_in_time_where_the_clock_is_set_back() -> None:
    watch = FloodWatch()
    watch.take(START_US, 20)
    watch.tick(START_US - 3_600 * SECOND)
    assert watch.flood is not None
    watch.tick(START_US - 3_000 * SECOND)
    assert watch.flood is None
