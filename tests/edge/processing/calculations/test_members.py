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
UNDEFINED = int(Quality.INVALID | Quality.OVERFLOW)
POINTS = ["p1 analog kW", "p2 analog MW", "p3 analog kW", "p4 analog kW"]


def station(function: str, **keys: object) -> Station:
    text = f'[[calculations]]\nname = "a"\nfunction = "{function}"\n'
    given = {"of": ["m/p1", "m/p2", "m/p3"], **keys}
    return Station(text + "".join(f"{name} = {value!r}\n" for name, value in given.items()), POINTS)


@pytest.mark.parametrize(
    ("function", "expected"), [("sum", 2_006.0), ("mean", 2_006 / 3), ("min", 1.0), ("max", 2_000.0), ("count_good", 3.0)]
)
def test_members_in_different_units_are_taken_together(function: str, expected: float) -> None:
    alpha = station(function)
    result = alpha.take(("p1", 1, 1.0), ("p2", 1, 2.0), ("p3", 1, 5.0))
    assert alpha.of(result, "a") == [(1, pytest.approx(expected), GOOD)]


def test_a_result_is_stamped_with_the_time_of_its_newest_input() -> None:
    alpha = station("sum")
    alpha.take(("p1", 1, 1.0), ("p2", 1, 2.0), ("p3", 3, 5.0))
    assert alpha.of(alpha.take(("p1", 2, 2.0)), "a") == [(3, 2_007.0, GOOD)]


def test_only_the_calculations_whose_inputs_are_there_have_results() -> None:
    alpha = station("sum")
    assert len(alpha.take(("p4", 1, 1.0))) == 0
    assert len(alpha.tick(100)) == 0


def test_a_sum_of_which_a_member_is_missing_is_never_just_smaller() -> None:
    alpha = station("sum")
    (result,) = alpha.of(alpha.take(("p1", 1, 1.0), ("p2", 1, 2.0)), "a")
    assert math.isnan(result[1])
    assert result[2] & 3 == INVALID
    (result,) = alpha.of(alpha.take(("p3", 2, math.nan, INVALID)), "a")
    assert math.isnan(result[1])
    (result,) = alpha.of(alpha.take(("p3", 3, 5.0)), "a")
    assert result == (3, 2_006.0, GOOD)


@pytest.mark.parametrize(
    ("needs", "usable", "quality"),
    [("any", 1, INCOMPLETE), ("any", 0, INVALID), (0.6, 2, INCOMPLETE), (0.67, 2, INVALID), (1, 3, GOOD), (1.0, 2, INVALID)],
)
def test_a_result_needs_as_many_members_as_it_says(needs: object, usable: int, quality: int) -> None:
    alpha = station("mean", needs=needs, of=["m/p1", "m/p3", "m/p4"])
    names = ["p1", "p3", "p4"]
    rows = [(name, 1.0, 4.0, GOOD if place < usable else INVALID) for place, name in enumerate(names)]
    ((_, value, found),) = alpha.of(alpha.take(*rows), "a")
    assert found == quality
    assert value == 4.0 if quality != INVALID else math.isnan(value)


def test_the_count_of_good_members_is_good_itself() -> None:
    alpha = station("count_good")
    questionable = int(Quality.QUESTIONABLE)
    found = alpha.of(alpha.take(("p1", 1, 1.0), ("p2", 1, 1.0, questionable), ("p3", 1, math.nan, INVALID)), "a")
    assert found == [(1, 1.0, GOOD)]


def test_a_result_is_as_bad_as_its_worst_member_and_says_why() -> None:
    alpha = station("sum")
    substituted = int(Quality.QUESTIONABLE | Quality.SUBSTITUTED)
    clock = int(Quality.CLOCK_NOT_SYNCHRONIZED | Quality.DEVICE_TIME)
    ((_, _, quality),) = alpha.of(alpha.take(("p1", 1, 1.0, substituted), ("p2", 1, 1.0, clock), ("p3", 1, 1.0)), "a")
    assert quality == int(Quality.QUESTIONABLE | Quality.SUBSTITUTED | Quality.CLOCK_NOT_SYNCHRONIZED)


def test_a_result_has_device_time_only_where_all_inputs_have_it() -> None:
    alpha = station("sum")
    device = int(Quality.DEVICE_TIME)
    ((_, _, quality),) = alpha.of(alpha.take(("p1", 1, 1.0, device), ("p2", 1, 1.0, device), ("p3", 1, 1.0)), "a")
    assert quality == GOOD
    ((_, _, quality),) = alpha.of(alpha.take(("p3", 2, 1.0, device)), "a")
    assert quality == device


def test_a_difference_is_the_first_less_the_second() -> None:
    alpha = station("difference", of=["m/p1", "m/p2"])
    assert alpha.of(alpha.take(("p1", 1, 500.0), ("p2", 2, 0.2)), "a")[-1] == (2, 300.0, GOOD)


def test_a_sum_beyond_all_numbers_is_invalid() -> None:
    alpha = station("sum", of=["m/p1", "m/p3"])
    ((_, value, quality),) = alpha.of(alpha.take(("p1", 1, 1.7e308), ("p3", 1, 1.7e308)), "a")
    assert math.isnan(value)
    assert quality == UNDEFINED


def test_every_sample_of_a_burst_has_its_result() -> None:
    alpha = station("sum", of=["m/p1", "m/p3"])
    alpha.take(("p1", 0, 1.0), ("p3", 0, 10.0))
    burst = [("p1", 1.0, 2.0), ("p1", 2.0, 3.0), ("p1", 3.0, 4.0), ("p3", 2.0, 20.0), ("p3", 4.0, 30.0)]
    found = alpha.of(alpha.take(*burst), "a")
    assert found == [(1, 12.0, GOOD), (2, 23.0, GOOD), (3, 24.0, GOOD), (4, 34.0, GOOD)]


def test_a_sample_that_is_older_than_the_newest_of_its_input_changes_nothing() -> None:
    alpha = station("sum", of=["m/p1", "m/p3"])
    alpha.take(("p1", 5, 1.0), ("p3", 5, 1.0))
    assert len(alpha.take(("p1", 4, 100.0, int(Quality.DEVICE_TIME)))) == 0
    assert alpha.of(alpha.take(("p3", 6, 2.0)), "a") == [(6, 3.0, GOOD)]


values = st.floats(min_value=-1e6, max_value=1e6)
events = st.lists(st.tuples(st.sampled_from(["p1", "p3", "p4"]), values, st.sampled_from([GOOD, INVALID])), max_size=30)


@given(events, st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=50)
def test_results_do_not_depend_on_how_events_are_batched(rows: list[tuple[str, float, int]], cuts: list[int]) -> None:
    stamped = [(name, float(at), value, quality) for at, (name, value, quality) in enumerate(rows)]
    whole, parts = SHARED
    whole.restart()
    parts.restart()
    expected = whole.of(whole.take(*stamped), "a") if stamped else []
    edges = sorted({0, len(stamped), *(min(cut, len(stamped)) for cut in cuts)})
    found = [row for begin, end in itertools.pairwise(edges) for row in parts.of(parts.take(*stamped[begin:end]), "a")]
    assert repr(found) == repr(expected)
    held: dict[str, float] = {}
    for (name, at, value, quality), (when, shown, _) in zip(stamped, expected, strict=True):
        held[name] = value if quality == GOOD else math.nan
        assert when == at
        usable = [each for each in held.values() if not math.isnan(each)]
        assert shown == pytest.approx(math.fsum(usable), rel=1e-9, abs=1e-6) if usable else math.isnan(shown)


SHARED = tuple(station("sum", needs="any", of=["m/p1", "m/p3", "m/p4"]) for _ in range(2))
