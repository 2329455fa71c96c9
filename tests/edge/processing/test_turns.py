from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tieline.edge.processing.turns import WIDE, by_row, is_once, turns, wide_turns


@given(st.lists(st.integers(0, 6), min_size=1, max_size=200))
def test_each_turn_has_a_point_once_and_all_turns_together_keep_the_order_of_each(index: list[int]) -> None:
    column = np.array(index, np.intp)
    places = np.arange(len(index))
    parts = [places[turn] for turn in turns(column)]
    assert sorted(place for part in parts for place in part.tolist()) == places.tolist()
    assert all(len(set(column[part].tolist())) == len(part) for part in parts)
    for number in set(index):
        order = [place for part in parts for place in part.tolist() if index[place] == number]
        assert order == sorted(order)
    assert len(parts) == max(map(index.count, index))


@given(st.lists(st.integers(0, 200), max_size=120))
def test_whether_a_number_is_there_twice_is_told_for_any_length(index: list[int]) -> None:
    assert is_once(np.array(index, np.intp)) == (len(set(index)) == len(index))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=300))
def test_wide_turns_and_the_rest_are_everything_and_keep_the_order_of_each(index: list[int]) -> None:
    column = np.array(index, np.intp)
    places = np.arange(len(index))
    wide, rest = wide_turns(column)
    assert all(len(places[turn]) >= WIDE for turn in wide) or is_once(column)
    parts = [*(places[turn].tolist() for turn in wide), rest.tolist()]
    for number in set(index):
        assert [place for part in parts for place in part if index[place] == number] == np.flatnonzero(column == number).tolist()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_rows_of_each_point_are_put_one_after_the_other(index: list[int]) -> None:
    column = np.array(index, np.intp)
    order, runs = by_row(column)
    assert {row: order[begin:end].tolist() for row, begin, end in runs} == {
        number: np.flatnonzero(column == number).tolist() for number in set(index)
    }
