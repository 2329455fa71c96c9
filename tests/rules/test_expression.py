"""Expressions as people write them: precedence, types, functions, quality."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tieline.model import Quality
from tieline.rules import Expression, RuleError, Type, Value, name_problem

INVALID, QUESTIONABLE, OVERFLOW = int(Quality.INVALID), int(Quality.QUESTIONABLE), int(Quality.OVERFLOW)
FAULT = INVALID | OVERFLOW
TEST, OLD = int(Quality.TEST), int(Quality.OLD_DATA)
DEVICE, UNSYNCHRONIZED = int(Quality.DEVICE_TIME), int(Quality.CLOCK_NOT_SYNCHRONIZED)
BOOLS = {"p": Type.BOOL, "q": Type.BOOL}


def number(text: str) -> float:
    """The value of an expression without inputs."""
    result = Expression.parse(text, []).evaluate({})
    assert result.quality == 0
    return float(result.value)


def both(text: str, names: dict[str, Type], **inputs: tuple[float, int]) -> tuple[float, int]:
    """The result, which is the same for numbers and for columns."""
    expression = Expression.parse(text, names)
    scalar = expression.evaluate({name: Value(*given) for name, given in inputs.items()})
    columns = expression.evaluate(
        {name: Value(np.full(3, value), np.full(3, quality, dtype=np.uint16)) for name, (value, quality) in inputs.items()}
    )
    assert isinstance(columns.value, np.ndarray)
    assert isinstance(columns.quality, np.ndarray)
    assert columns.quality.dtype == np.uint16
    for row in range(3):
        np.testing.assert_equal(columns.value[row], scalar.value)
        assert columns.quality[row] == scalar.quality
    return float(scalar.value), int(scalar.quality)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("12 / 4 / 3", 1),
        ("2 ** 3 ** 2", 64),
        ("2 * 3 ** 2", 18),
        ("2 ** -1", 0.5),
        ("(-2) ** 2", 4),
        ("-(2 ** 2)", -4),
        ("-3 + 5", 2),
        ("-3 * -2", 6),
        ("- -3", 3),
        ("+3", 3),
        ("7 MOD 4 * 2", 6),
        ("-7 MOD 4", -3),
        ("1 < 2 = TRUE", 1),
        ("1 = 1 <> FALSE", 1),
        ("NOT FALSE AND FALSE", 0),
        ("NOT (FALSE AND FALSE)", 1),
        ("TRUE OR FALSE AND FALSE", 1),
        ("TRUE XOR TRUE AND FALSE", 1),
        ("TRUE OR TRUE XOR TRUE", 1),
        ("TRUE & FALSE", 0),
        ("not true or true", 1),
        ("1 + 1 > 1 AND 2 < 3", 1),
        ("1 (* one (* and more *) *) + // the rest\n 2", 3),
        ("1_000.5", 1000.5),
        ("1.5e-3", 0.0015),
        ("2E2", 200),
        ("T#1m30s", 90),
        ("t#250ms", 0.25),
        ("TIME#1d_2h", 93_600),
        ("T#1.5h", 5400),
        ("T#-5s", -5),
        ("T#100us + T#50ns", 0.00010005),
        ("T#1m / T#1s", 60),
        ("T#1m * 2 = 2 * T#1m", 1),
        ("T#1m / 2", 30),
        ("-T#5s", -5),
        ("T#1s > T#999ms", 1),
    ],
)
def test_operators_bind_and_literals_read_as_in_structured_text(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ABS(-2.5)", 2.5),
        ("ABS(T#-2s)", 2),
        ("SQRT(0)", 0),
        ("SQRT(2)", math.sqrt(2)),
        ("EXP(0)", 1),
        ("EXP(-1000)", 0),
        ("LN(EXP(3))", 3),
        ("LOG(1000)", 3),
        ("SIN(0)", 0),
        ("COS(0)", 1),
        ("TAN(0.5)", math.tan(0.5)),
        ("ASIN(1)", math.pi / 2),
        ("ACOS(1)", 0),
        ("ATAN(1)", math.pi / 4),
        ("ATAN2(1, -1)", 3 * math.pi / 4),
        ("ATAN2(0, 0)", 0),
        ("ATAN2(-0.0, -1)", math.pi),
        ("HYPOT(3, 4)", 5),
        ("HYPOT(3e200, 4e200)", 5e200),
        ("MIN(3)", None),
        ("MIN(3, 1, 2)", 1),
        ("MAX(3, 1, 7, 2)", 7),
        ("MAX(T#1s, T#2s)", 2),
        ("LIMIT(0, 5, 3)", 3),
        ("LIMIT(0, -5, 3)", 0),
        ("LIMIT(0, 2, 3)", 2),
        ("LIMIT(3, 2, 0)", 0),
        ("SEL(FALSE, 1, 2)", 1),
        ("SEL(TRUE, 1, 2)", 2),
        ("SEL(TRUE, FALSE, TRUE)", 1),
        ("sel(1 > 2, T#1s, T#2s)", 1),
        ("TRUNC(-1.7)", -1),
        ("TRUNC(1.7)", 1),
        ("ROUND(0.5)", 0),
        ("ROUND(1.5)", 2),
        ("ROUND(-2.5)", -2),
        ("FLOOR(-1.2)", -2),
        ("CEIL(-1.2)", -1),
        ("CEIL(1e300)", 1e300),
        ("SIGN(-3)", -1),
        ("SIGN(0)", 0),
        ("SIGN(9)", 1),
        ("MOD(7, 4)", 3),
        ("MOD(-7, 4)", -3),
        ("5.5 MOD 2", 1.5),
        ("GOOD(1)", 1),
        ("VALID_OR(1, 2)", 1),
    ],
)
def test_functions_give_what_their_names_say(text: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(RuleError):
            Expression.parse(text, [])
        return
    assert number(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "x / 0",
        "0 / x / 0",
        "x MOD 0",
        "MOD(x, 0)",
        "SQRT(-x)",
        "LN(0 * x)",
        "LN(-x)",
        "LOG(-x)",
        "ASIN(x + 1)",
        "ACOS(-x - 1)",
        "EXP(x * 1000)",
        "x * 1e308 * 10",
        "1e308 + 1e308 * x",
        "-1e308 - 1e308 * x",
        "0 ** -x",
        "(-x) ** 0.5",
        "(x * 1e200) ** 2",
        "HYPOT(1.7e308, 1.7e308 * x)",
        "1 / (1 / (x * 0))",
        "MIN(1, x / 0)",
        "MAX(1, x / 0)",
        "FLOOR(x / 0)",
        "ABS(x / 0)",
        "T#1s / (x - x)",
    ],
)
def test_impossible_arithmetic_is_invalid_with_overflow_and_never_raises(text: str) -> None:
    value, quality = both(text, {"x": Type.REAL}, x=(1.0, 0))
    assert math.isnan(value)
    assert quality == FAULT


def test_a_fault_is_not_blamed_on_an_input_that_was_invalid_already() -> None:
    value, quality = both("x + 1", {"x": Type.REAL}, x=(math.nan, INVALID | OLD))
    assert math.isnan(value)
    assert quality == INVALID | OLD


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_input_that_is_no_number_is_a_fault(value: float) -> None:
    result, quality = both("x", {"x": Type.REAL}, x=(value, TEST))
    assert math.isnan(result)
    assert quality == FAULT | TEST
    assert both("p", BOOLS, p=(value, 0)) == (0, FAULT)


def test_comparing_a_fault_is_invalid() -> None:
    assert both("1 / x > 0", {"x": Type.REAL}, x=(0.0, 0)) == (0, FAULT)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (0, 0, 0),
        (0, QUESTIONABLE, QUESTIONABLE),
        (QUESTIONABLE, INVALID, INVALID),
        (INVALID, INVALID, INVALID),
        (1, 0, INVALID),
        (QUESTIONABLE | OLD, TEST, QUESTIONABLE | OLD | TEST),
        (INVALID | OLD, QUESTIONABLE | TEST, INVALID | OLD | TEST),
        (DEVICE, DEVICE, DEVICE),
        (DEVICE, 0, 0),
        (DEVICE | UNSYNCHRONIZED, DEVICE, DEVICE | UNSYNCHRONIZED),
    ],
)
def test_a_result_is_as_good_as_the_worst_of_its_inputs(first: int, second: int, joined: int) -> None:
    names = {"x": Type.REAL, "y": Type.REAL}
    for text in ("x + y", "MIN(x, y)", "HYPOT(x, y)", "LIMIT(x, y, x)", "ATAN2(x, y)", "x - 1 + y * 2"):
        assert both(text, names, x=(1.0, first), y=(2.0, second))[1] == joined
    for text in ("x < y", "x = y", "(x < 5) XOR (y > 5)"):
        assert both(text, names, x=(1.0, first), y=(2.0, second))[1] == joined


@pytest.mark.parametrize(
    ("text", "p", "q", "value", "quality"),
    [
        ("p AND q", (0, 0), (1, INVALID), 0, 0),
        ("p AND q", (1, INVALID), (0, 0), 0, 0),
        ("p AND q", (1, 0), (1, INVALID), 1, INVALID),
        ("p AND q", (0, INVALID), (1, 0), 0, INVALID),
        ("p AND q", (0, TEST), (0, OLD), 0, TEST),
        ("p AND q", (0, INVALID), (0, OLD), 0, OLD),
        ("p AND q", (0, QUESTIONABLE), (0, INVALID), 0, INVALID),
        ("p OR q", (1, 0), (0, INVALID), 1, 0),
        ("p OR q", (0, INVALID), (1, 0), 1, 0),
        ("p OR q", (0, 0), (0, INVALID), 0, INVALID),
        ("p OR q", (1, QUESTIONABLE), (0, 0), 1, QUESTIONABLE),
        ("NOT p OR q", (0, TEST), (0, INVALID), 1, TEST),
        ("p XOR q", (1, 0), (1, INVALID), 0, INVALID),
        ("p AND q AND NOT p", (1, INVALID), (0, 0), 0, 0),
    ],
)
def test_what_decides_alone_is_not_tainted_by_the_rest(
    text: str, p: tuple[float, int], q: tuple[float, int], value: float, quality: int
) -> None:
    assert both(text, BOOLS, p=p, q=q) == (value, quality)


def test_a_selection_depends_on_its_condition_and_on_the_chosen_branch_only() -> None:
    names = {"p": Type.BOOL, "x": Type.REAL, "y": Type.REAL}
    text = "SEL(p, x, y)"
    assert both(text, names, p=(0, 0), x=(1, TEST), y=(2, INVALID)) == (1, TEST)
    assert both(text, names, p=(1, 0), x=(1, TEST), y=(2, INVALID)) == (2, INVALID)
    assert both(text, names, p=(1, QUESTIONABLE), x=(1, INVALID), y=(2, OLD)) == (2, QUESTIONABLE | OLD)
    assert both("SEL(y = 0, x / y, 0)", {"x": Type.REAL, "y": Type.REAL}, x=(1, 0), y=(0, 0)) == (0, 0)


def test_quality_can_be_asked_for_and_replaced() -> None:
    names = {"x": Type.REAL, "y": Type.REAL}
    assert both("GOOD(x)", names, x=(5, TEST)) == (1, 0)
    assert both("GOOD(x)", names, x=(5, QUESTIONABLE)) == (0, 0)
    assert both("GOOD(1 / x)", names, x=(0, 0)) == (0, 0)
    assert both("VALID_OR(x, y)", names, x=(5, TEST), y=(6, INVALID)) == (5, TEST)
    assert both("VALID_OR(x, y)", names, x=(5, INVALID | TEST), y=(6, QUESTIONABLE)) == (6, QUESTIONABLE)
    assert both("VALID_OR(1 / x, 0)", names, x=(0, 0)) == (0, 0)


def test_choices_are_made_row_by_row() -> None:
    expression = Expression.parse("VALID_OR(SEL(p, x, 1 / x), -1)", {"p": Type.BOOL, "x": Type.REAL})
    p = Value(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, INVALID], dtype=np.uint16))
    x = Value(np.array([4.0, 5, 4, 0, 4]), np.array([TEST, INVALID, 0, 0, 0], dtype=np.uint16))
    result = expression.evaluate({"p": p, "x": x})
    assert np.asarray(result.value).tolist() == [4, -1, 0.25, -1, -1]
    assert np.asarray(result.quality).tolist() == [TEST, 0, 0, 0, 0]


def test_the_time_is_the_devices_only_if_every_input_says_so_whatever_branch_is_taken() -> None:
    names = {"p": Type.BOOL, "x": Type.REAL}
    assert both("SEL(p, x, 0)", names, p=(1, DEVICE), x=(1, DEVICE)) == (0, DEVICE)
    assert both("SEL(p, x, 0)", names, p=(1, DEVICE), x=(1, INVALID)) == (0, 0)
    assert Expression.parse("1", []).evaluate({}) == Value(1.0, 0)


def test_columns_and_numbers_mix() -> None:
    result = Expression.parse("x * y", ["x", "y"]).evaluate({"x": Value(np.arange(3.0), 0), "y": Value(2.0, TEST)})
    assert np.asarray(result.value).tolist() == [0, 2, 4]
    assert np.asarray(result.quality).tolist() == [TEST] * 3
    constant = Expression.parse("SEL(GOOD(x), 1, 2)", ["x"]).evaluate({"x": Value(np.arange(3.0), 0)})
    assert np.asarray(constant.value).tolist() == [2, 2, 2]


def test_empty_columns_give_empty_columns() -> None:
    nothing = Value(np.empty(0), np.empty(0, dtype=np.uint16))
    result = Expression.parse("SEL(x > 0, 1 / x, VALID_OR(x, 2))", ["x"]).evaluate({"x": nothing})
    assert np.shape(result.value) == np.shape(result.quality) == (0,)


def test_integers_and_booleans_are_taken_as_columns() -> None:
    p = Value(np.array([True, False]), np.zeros(2, dtype=np.uint16))
    x = Value(np.array([3, 4], dtype=np.int32), np.zeros(2, dtype=np.uint16))
    result = Expression.parse("SEL(p, x, -x)", {"p": Type.BOOL, "x": Type.REAL}).evaluate({"p": p, "x": x})
    assert np.asarray(result.value).tolist() == [-3, 4]


def test_the_inputs_columns_are_not_changed() -> None:
    value, quality = np.array([1.0, np.nan, 0.0]), np.array([0, 2, 3], dtype=np.uint16)
    Expression.parse("1 / x + x ** 2", ["x"]).evaluate({"x": Value(value, quality)})
    np.testing.assert_equal(value, [1.0, np.nan, 0.0])
    assert quality.tolist() == [0, 2, 3]


def test_an_age_is_a_duration_that_the_caller_knows() -> None:
    expression = Expression.parse("AGE(x) > T#5s", ["x"], ages=True)
    assert (expression.names, expression.aged, expression.type) == ({"x"}, {"x"}, Type.BOOL)
    bad = Value(1.0, INVALID)
    assert expression.evaluate({"x": bad}, {"x": 6.0}) == Value(1.0, 0)
    assert expression.evaluate({"x": bad}, {"x": 4.0}) == Value(0.0, 0)
    assert expression.evaluate({"x": bad}) == Value(0.0, FAULT)
    column = expression.evaluate({"x": Value(np.ones(2), 0)}, {"x": np.array([4.0, 6.0])})
    assert np.asarray(column.value).tolist() == [0, 1]
    unknown = expression.evaluate({"x": Value(np.ones(2), 0)})
    assert np.asarray(unknown.quality).tolist() == [FAULT, FAULT]


def test_an_expression_tells_its_names_its_type_and_its_text() -> None:
    expression = Expression.parse(" a > B ", {"a": Type.REAL, "B": Type.REAL, "c": Type.BOOL})
    assert expression.names == {"a", "B"}
    assert expression.type is Type.BOOL
    assert str(expression) == " a > B "
    assert Expression.parse("T#1s * 2", []).type is Type.TIME
    assert Expression.parse("min + 1", ["min"]).names == {"min"}


def test_an_input_that_is_not_given_is_the_callers_error() -> None:
    with pytest.raises(KeyError):
        Expression.parse("x", ["x"]).evaluate({})


@pytest.mark.parametrize(
    ("name", "is_usable"), [("u_12", True), ("MIN", True), ("Mod", False), ("1a", False), ("a b", False), ("ä", False)]
)
def test_names_can_be_judged_beforehand(name: str, is_usable: bool) -> None:
    assert (name_problem(name) == "") is is_usable
    if is_usable:
        assert Expression.parse(name, [name]).names == {name}
    else:
        with pytest.raises(RuleError):
            Expression.parse(name, [name])


def test_a_long_sum_is_no_deep_one() -> None:
    assert number(" + ".join(["1"] * 5_000)) == 5_000
    assert number(f"MAX({', '.join(map(str, range(5_000)))})") == 4_999
    assert number(" OR ".join(["FALSE"] * 5_000)) == 0
