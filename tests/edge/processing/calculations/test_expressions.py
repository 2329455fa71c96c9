from __future__ import annotations

import math

import pytest

from tieline.model import Quality

from .plans import Station

GOOD = 0
INVALID = int(Quality.INVALID)
UNDEFINED = int(Quality.INVALID | Quality.OVERFLOW)
POINTS = ["p analog kW", "q analog kW", "cb binary", "r analog kW"]


def expression(text: str, name: str = "a", **inputs: str) -> str:
    given = ", ".join(f'{key} = "m/{point}"' for key, point in inputs.items())
    return f'[[calculations]]\nname = "{name}"\nfunction = "expression"\nexpression = """{text}"""\ninputs = {{ {given} }}\n'


def station(text: str, **inputs: str) -> Station:
    return Station(expression(text, **inputs), POINTS)


def test_an_expression_is_evaluated_for_every_sample_of_its_inputs() -> None:
    alpha = station("p * p + q", p="p", q="q")
    alpha.take(("p", 0, 1.0), ("q", 0, 2.0))
    found = alpha.of(alpha.take(("p", 1, 3.0), ("p", 2, 4.0), ("q", 2, 5.0), ("p", 3, 5.0), ("r", 4, 1.0)), "a")
    assert found == [(1, 11.0, GOOD), (2, 21.0, GOOD), (3, 30.0, GOOD)]


def test_a_binary_point_is_a_condition() -> None:
    alpha = station("cb AND p > 10.0", cb="cb", p="p")
    found = alpha.of(alpha.take(("cb", 0, 1.0), ("p", 0, 11.0), ("p", 1, 9.0)), "a")
    assert found == [(0, 1.0, GOOD), (1, 0.0, GOOD)]


def test_expressions_of_one_text_keep_their_own_points_apart() -> None:
    text = (
        expression("x + 1.0", "a", x="p")
        + expression("x + 1.0", "b", x="q")
        + expression("x + 1.0", "c", x="cb").replace("x + 1.0", "x")
    )
    alpha = Station(text, POINTS)
    result = alpha.take(("p", 1, 1.0), ("q", 2, 10.0), ("cb", 3, 1.0))
    assert [alpha.of(result, name) for name in "abc"] == [[(1, 2.0, GOOD)], [(2, 11.0, GOOD)], [(3, 1.0, GOOD)]]


def test_a_division_by_zero_is_invalid() -> None:
    alpha = station("p / q", p="p", q="q")
    ((_, value, quality),) = alpha.of(alpha.take(("p", 0, 1.0), ("q", 0, 0.0)), "a")
    assert math.isnan(value)
    assert quality == UNDEFINED
    assert alpha.of(alpha.take(("q", 1, 2.0)), "a") == [(1, 0.5, GOOD)]


@pytest.mark.parametrize("quality", [INVALID, int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)])
def test_a_bad_input_makes_a_bad_result(quality: int) -> None:
    alpha = station("p + q", p="p", q="q")
    ((_, value, found),) = alpha.of(alpha.take(("p", 0, 1.0), ("q", 0, 2.0, quality)), "a")
    assert found == quality
    assert math.isnan(value) if quality == INVALID else value == 3.0


def test_an_input_that_was_never_heard_makes_an_invalid_result() -> None:
    alpha = station("p + q", p="p", q="q")
    ((_, value, quality),) = alpha.of(alpha.take(("p", 0, 1.0)), "a")
    assert math.isnan(value)
    assert quality & 3 == INVALID


def test_an_expression_on_age_changes_as_time_passes() -> None:
    alpha = station("AGE(p) > T#10s", p="p")
    assert alpha.of(alpha.take(("p", 0, 5.0, int(Quality.DEVICE_TIME))), "a")[0][1:2] == (0.0,)
    assert len(alpha.tick(5)) == 0
    assert alpha.of(alpha.tick(10.5), "a") == [(10.5, 1.0, GOOD)]
    assert len(alpha.tick(12)) == 0
    assert alpha.of(alpha.take(("p", 12.5, 5.0)), "a") == [(12.5, 0.0, GOOD)]


def test_a_result_on_age_is_never_stamped_before_the_one_that_was_told() -> None:
    alpha = station("AGE(p) > T#10s", p="p")
    alpha.take(("p", 0, 5.0))
    alpha.tick(20)
    assert alpha.of(alpha.take(("p", 19, 5.0)), "a")[0][0] == 20


def test_calculations_of_calculations_follow_in_one_go() -> None:
    text = '[[calculations]]\nname = "top"\nfunction = "sum"\nof = ["calc/a", "calc/b"]\n'
    text += expression("p * 2.0", "a", p="p") + expression("q * 3.0", "b", q="q")
    alpha = Station(text, POINTS)
    result = alpha.take(("p", 1, 1.0), ("q", 1, 10.0))
    assert alpha.of(result, "top") == [(1, 32.0, GOOD)]
    result = alpha.take(("p", 2, 2.0))
    assert (alpha.of(result, "a"), alpha.of(result, "b"), alpha.of(result, "top")) == ([(2, 4.0, GOOD)], [], [(2, 34.0, GOOD)])


def test_a_site_without_calculations_has_no_results() -> None:
    alpha = Station("", POINTS)
    assert len(alpha.take(("p", 1, 1.0))) == 0
    assert len(alpha.tick(1)) == 0
    assert alpha.calculations.remember() == {}
