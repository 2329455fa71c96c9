from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tieline.historian.ledger import IntervalSet, Ledger, runs

intervals = st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(intervals))
def test_an_interval_set_holds_what_a_set_holds(added: list[tuple[int, int]]) -> None:
    held = IntervalSet(added)
    plain = {number for first, last in added for number in range(first, last + 1)}
    assert {number for number in range(80) if number in held} == plain


@given(st.lists(intervals))
def test_intervals_are_ascending_and_do_not_touch(added: list[tuple[int, int]]) -> None:
    held = list(IntervalSet(added))
    assert all(first <= last for first, last in held)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(held))


@given(st.permutations(range(1, 40)))
def test_numbers_in_any_order_become_one_interval(numbers: list[int]) -> None:
    held = IntervalSet()
    for number in numbers:
        held.add(number, number)
    assert list(held) == [(1, 39)]


@given(st.sets(st.integers(1, 100)))
def test_runs_are_the_numbers_again(numbers: set[int]) -> None:
    assert {number for first, last in runs(numbers) for number in range(first, last + 1)} == numbers


def test_a_ledger_tells_sites_and_incarnations_apart() -> None:
    ledger = Ledger([("a", 1, 1, 5)])
    assert ledger.has("a", 1, 5)
    assert not ledger.has("a", 1, 6)
    assert not ledger.has("a", 2, 5)
    assert not ledger.has("b", 1, 5)


def test_a_ledger_gives_its_rows_back() -> None:
    ledger = Ledger([("a", 1, 1, 5), ("a", 1, 6, 6), ("b", 3, 2, 2)])
    assert ledger.rows() == [("a", 1, 1, 6), ("b", 3, 2, 2)]
    assert len(ledger) == 2
