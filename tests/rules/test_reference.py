"""Random well-typed expressions against a slow evaluator of this test's own, row by row, with numbers and with columns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.rules import Expression, Type, Value

NAMES = {"x": Type.REAL, "y": Type.REAL, "p": Type.BOOL, "q": Type.BOOL, "t": Type.TIME}
ROWS = 7
FAULT_DETAILS = 0x4
DEVICE, CLOCKS = 0x2000, 0xC000
ROUNDED = {"SIN", "COS", "TAN", "EXP", "LN", "LOG", "ASIN", "ACOS", "ATAN", "ATAN2", "HYPOT", "**"}
"""What the C library and numpy, for a column and for a number, may round differently in the last digit."""


@dataclass(frozen=True)
class Known:
    """A value with its quality as the standard tells it: how bad (0, 1, 2), and details."""

    value: float
    bad: int
    details: int

    def with_status_of(self, *others: Known) -> Known:
        bad, details = self.bad, self.details
        for other in others:
            bad, details = max(bad, other.bad), details | other.details
        return Known(self.value, bad, details)


Row = dict[str, Known]


@dataclass(frozen=True)
class Case:
    """A random expression: its text, and what it is of one row."""

    text: str
    of: Callable[[Row], Known]
    used: frozenset[str] = field(default_factory=frozenset)
    is_exact: bool = True


def calculated(function: Callable[..., float], *given: Known) -> Known:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            value = float(function(*[np.float64(one.value) for one in given]))
    except ZeroDivisionError:
        value = math.nan
    joined = Known(value, 0, 0).with_status_of(*given)
    if math.isfinite(value):
        return joined
    if all(math.isfinite(one.value) for one in given):
        joined = joined.with_status_of(Known(0, 2, FAULT_DETAILS))
    return Known(math.nan, joined.bad, joined.details)


ARITHMETIC: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "MOD": np.fmod,
    "**": np.power,
}
COMPARISONS: dict[str, Callable[..., bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
}
ONE_ARGUMENT: dict[str, Callable[[float], float]] = {
    "ABS": np.abs,
    "SQRT": np.sqrt,
    "EXP": np.exp,
    "LN": np.log,
    "LOG": np.log10,
    "SIN": np.sin,
    "COS": np.cos,
    "TAN": np.tan,
    "ASIN": np.arcsin,
    "ACOS": np.arccos,
    "ATAN": np.arctan,
    "TRUNC": np.trunc,
    "ROUND": np.rint,
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "SIGN": np.sign,
}
TWO_ARGUMENTS: dict[str, Callable[[float, float], float]] = {
    "ATAN2": lambda a, b: np.arctan2(a + 0.0, b + 0.0),
    "HYPOT": np.hypot,
    "MIN": np.minimum,
    "MAX": np.maximum,
    "MOD": np.fmod,
}


def join_logic(sign: str, left: Known, right: Known) -> Known:
    a, b = left.value != 0, right.value != 0
    if sign == "XOR":
        return Known(float(a != b), 0, 0).with_status_of(left, right)
    deciding = sign == "OR"
    for one, value in ((left, a), (right, b)):
        if one.bad == 0 and value == deciding:
            return Known(float(deciding), one.bad, one.details)
    return Known(float((a or b) if deciding else (a and b)), 0, 0).with_status_of(left, right)


def binary(sign: str, left: Case, right: Case) -> Case:
    def of(row: Row) -> Known:
        a, b = left.of(row), right.of(row)
        if sign in ARITHMETIC:
            return calculated(ARITHMETIC[sign], a, b)
        if sign in COMPARISONS:
            return Known(float(COMPARISONS[sign](a.value, b.value)), 0, 0).with_status_of(a, b)
        return join_logic(sign, a, b)

    return Case(
        f"({left.text} {sign} {right.text})", of, left.used | right.used, left.is_exact and right.is_exact and sign not in ROUNDED
    )


def call(name: str, function: Callable[..., float], *arguments: Case) -> Case:
    text = f"{name}({', '.join(one.text for one in arguments)})"
    used = frozenset[str]().union(*[one.used for one in arguments])
    is_exact = name not in ROUNDED and all(one.is_exact for one in arguments)
    return Case(text, lambda row: calculated(function, *[one.of(row) for one in arguments]), used, is_exact)


def select(condition: Case, if_false: Case, if_true: Case) -> Case:
    def of(row: Row) -> Known:
        given = condition.of(row)
        return (if_true if given.value else if_false).of(row).with_status_of(given)

    used = condition.used | if_false.used | if_true.used
    text = f"SEL({condition.text}, {if_false.text}, {if_true.text})"
    return Case(text, of, used, condition.is_exact and if_false.is_exact and if_true.is_exact)


def valid_or(first: Case, alternative: Case) -> Case:
    def of(row: Row) -> Known:
        found = first.of(row)
        return alternative.of(row) if found.bad else found

    return Case(
        f"VALID_OR({first.text}, {alternative.text})", of, first.used | alternative.used, first.is_exact and alternative.is_exact
    )


def unary(sign: str, operand: Case) -> Case:
    def of(row: Row) -> Known:
        found = operand.of(row)
        return Known(float(not found.value) if sign == "NOT" else -found.value, found.bad, found.details)

    return Case(f"({sign} {operand.text})", of, operand.used, operand.is_exact)


def good(operand: Case) -> Case:
    return Case(f"GOOD({operand.text})", lambda row: Known(float(operand.of(row).bad == 0), 0, 0), operand.used, operand.is_exact)


def name(of: str) -> Case:
    return Case(of, lambda row: row[of], frozenset({of}))


def literal(text: str, value: float) -> Case:
    return Case(text, lambda _: Known(value, 0, 0))


@cache
def cases(kind: Type, depth: int = 4) -> st.SearchStrategy[Case]:
    """Expressions of a type."""
    leaves = st.sampled_from([name(one) for one, its in NAMES.items() if its is kind])
    if kind is Type.REAL:
        leaves |= st.sampled_from(
            [literal("0", 0.0), literal("2", 2.0), literal("0.5", 0.5), literal("1e300", 1e300), literal("(-3)", -3.0)]
        )
    elif kind is Type.TIME:
        leaves |= st.just(literal("T#1m30s", 90.0))
    else:
        leaves |= st.sampled_from([literal("TRUE", 1.0), literal("FALSE", 0.0)])
    if not depth:
        return leaves

    def below(its: Type) -> st.SearchStrategy[Case]:
        return cases(its, depth - 1)

    own = below(kind)
    choices = [leaves, st.builds(select, below(Type.BOOL), own, own), st.builds(valid_or, own, own)]
    if kind is Type.BOOL:
        choices += [
            st.builds(binary, st.sampled_from(sorted(COMPARISONS)), below(Type.REAL), below(Type.REAL)),
            st.builds(binary, st.sampled_from(sorted(COMPARISONS)), below(Type.TIME), below(Type.TIME)),
            st.builds(binary, st.sampled_from(["AND", "OR", "XOR", "=", "<>"]), own, own),
            st.builds(lambda one: unary("NOT", one), own),
            st.builds(good, below(Type.REAL) | own),
        ]
        return st.one_of(choices)
    choices += [
        st.builds(binary, st.sampled_from(["+", "-"]), own, own),
        st.builds(lambda one: unary("-", one), own),
        st.builds(lambda a, b: call("MIN", np.minimum, a, b), own, own),
        st.builds(
            lambda a, b, c: call("LIMIT", lambda low, x, high: np.minimum(np.maximum(x, low), high), a, b, c), own, own, own
        ),
    ]
    if kind is Type.TIME:
        return st.one_of(*choices, st.builds(binary, st.sampled_from(["*", "/"]), own, below(Type.REAL)))
    choices += [
        st.builds(binary, st.sampled_from(sorted(ARITHMETIC)), own, own),
        st.builds(lambda f, a: call(f, ONE_ARGUMENT[f], a), st.sampled_from(sorted(ONE_ARGUMENT)), own),
        st.builds(lambda f, a, b: call(f, TWO_ARGUMENTS[f], a, b), st.sampled_from(sorted(TWO_ARGUMENTS)), own, own),
        st.builds(lambda a, b: binary("/", a, b), below(Type.TIME), below(Type.TIME)),
    ]
    return st.one_of(choices)


REALS = st.sampled_from([0.0, 1.0, -1.0, 0.5, -2.5, 1e300, -1e300, 3.0, math.nan, 1e-300]) | st.floats(-100, 100)
QUALITIES = st.builds(
    lambda *bits: bits[0] | bits[1] | bits[2],
    st.integers(0, 3),
    st.sampled_from([0, 0, 4, 0x80, 0x1FFC]),
    st.sampled_from([0, DEVICE, DEVICE | 0x4000]),
)


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Value]:
    """A column for every name; qualities often the same in all rows."""
    columns = {}
    for one, kind in NAMES.items():
        values = st.sampled_from([0.0, 1.0]) if kind is Type.BOOL else REALS
        value = np.array([draw(values) for _ in range(ROWS)])
        same = draw(st.none() | QUALITIES)
        quality = [draw(QUALITIES) if same is None else same for _ in range(ROWS)]
        columns[one] = Value(value, np.array(quality, dtype=np.uint16))
    return columns


def row_of(given: dict[str, Value], row: int) -> Row:
    found = {}
    for one, (values, qualities) in given.items():
        value, quality = float(np.asarray(values)[row]), int(np.asarray(qualities)[row])
        known = Known(value, {0: 0, 1: 2, 2: 2, 3: 1}[quality & 3], quality & 0x1FFC)
        if not math.isfinite(value) and known.bad < 2:
            known = known.with_status_of(Known(0, 2, FAULT_DETAILS))
        found[one] = known
    return found


def quality_of(known: Known, given: dict[str, Value], used: frozenset[str], row: int) -> int:
    every = [int(np.asarray(given[one].quality)[row]) for one in used]
    device = DEVICE if every and all(quality & DEVICE for quality in every) else 0
    clocks = 0
    for quality in every:
        clocks |= quality & CLOCKS
    return {0: 0, 1: 3, 2: 2}[known.bad] | known.details | device | clocks


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(Type)).flatmap(lambda kind: st.tuples(st.just(kind), cases(kind))), inputs())
def test_every_evaluation_is_what_the_language_says(typed: tuple[Type, Case], given: dict[str, Value]) -> None:
    kind, case = typed
    expression = Expression.parse(case.text, NAMES)
    assert expression.type is kind
    assert expression.names == case.used
    result = expression.evaluate(given)
    for row in range(ROWS):
        known = case.of(row_of(given, row))
        quality = quality_of(known, given, case.used, row)
        if case.used and case.is_exact:
            assert np.asarray(result.quality)[row] == quality, case.text
            np.testing.assert_equal(np.asarray(result.value)[row], known.value)
        scalar = expression.evaluate(
            {one: Value(float(np.asarray(v)[row]), int(np.asarray(q)[row])) for one, (v, q) in given.items()}
        )
        if case.is_exact:
            assert scalar.quality == quality, case.text
            assert scalar.value == pytest.approx(known.value, nan_ok=True, rel=0, abs=0), case.text
