"""What operators and functions take, give and do: one table for the checker and for both evaluators.

`column` is the numpy function, `scalar` the same for two Python floats or one. A scalar function may raise `ArithmeticError` or
`ValueError`, or give a number that is not finite: both are faults.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieline.rules.types import Type

Scalar = Callable[..., float]


@dataclass(frozen=True, slots=True)
class Operation:
    """A calculation of REAL or TIME numbers; `can_fault` if finite arguments may have no finite result."""

    column: Callable[..., Any]
    scalar: Scalar
    can_fault: bool = True


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is called; `arguments` are the names in the documentation, the last repeats if `repeats`."""

    arguments: tuple[str, ...]
    operation: Operation | None = None
    """None if the evaluators treat it on their own."""
    repeats: bool = False
    takes_time: bool = False
    """Whether all arguments, and then the result, may be TIME in place of REAL."""


def _atan2_column(y: Any, x: Any) -> Any:
    return np.arctan2(
        np.add(y, 0.0), np.add(x, 0.0)
    )  # adding zero makes +0 of -0: the result does not depend on the sign of a zero


def _atan2(y: float, x: float) -> float:
    return math.atan2(y + 0.0, x + 0.0)


def _smaller(a: float, b: float) -> float:
    return a if a < b or a != a else b


def _larger(a: float, b: float) -> float:
    return a if a > b or a != a else b


def _limit_column(low: Any, given: Any, high: Any) -> Any:
    return np.minimum(np.maximum(given, low), high)


def _limit(low: float, given: float, high: float) -> float:
    return _smaller(_larger(given, low), high)


def _sign(a: float) -> float:
    return float((a > 0) - (a < 0)) if a == a else a


def _whole(function: Callable[[float], int]) -> Scalar:
    def run(a: float) -> float:
        return float(function(a)) if math.isfinite(a) else a

    return run


ARITHMETIC = {
    "+": Operation(np.add, operator.add),
    "-": Operation(np.subtract, operator.sub),
    "*": Operation(np.multiply, operator.mul),
    "/": Operation(np.divide, operator.truediv),
    "MOD": Operation(np.fmod, math.fmod),
    "**": Operation(np.power, math.pow),
}

COMPARISONS: dict[str, tuple[Callable[..., Any], Callable[[Any, Any], bool]]] = {
    "<": (np.less, operator.lt),
    ">": (np.greater, operator.gt),
    "<=": (np.less_equal, operator.le),
    ">=": (np.greater_equal, operator.ge),
    "=": (np.equal, operator.eq),
    "<>": (np.not_equal, operator.ne),
}

_R, _T = Type.REAL, Type.TIME
RESULTS = {
    "+": {(_R, _R): _R, (_T, _T): _T},
    "-": {(_R, _R): _R, (_T, _T): _T},
    "*": {(_R, _R): _R, (_T, _R): _T, (_R, _T): _T},
    "/": {(_R, _R): _R, (_T, _R): _T, (_T, _T): _R},
    "MOD": {(_R, _R): _R},
    "**": {(_R, _R): _R},
}
"""The type of an arithmetic result by those of its operands."""

FUNCTIONS = {
    "ABS": Function(("x",), Operation(np.abs, abs, can_fault=False), takes_time=True),
    "SQRT": Function(("x",), Operation(np.sqrt, math.sqrt)),
    "EXP": Function(("x",), Operation(np.exp, math.exp)),
    "LN": Function(("x",), Operation(np.log, math.log)),
    "LOG": Function(("x",), Operation(np.log10, math.log10)),
    "SIN": Function(("x",), Operation(np.sin, math.sin, can_fault=False)),
    "COS": Function(("x",), Operation(np.cos, math.cos, can_fault=False)),
    "TAN": Function(("x",), Operation(np.tan, math.tan)),
    "ASIN": Function(("x",), Operation(np.arcsin, math.asin)),
    "ACOS": Function(("x",), Operation(np.arccos, math.acos)),
    "ATAN": Function(("x",), Operation(np.arctan, math.atan, can_fault=False)),
    "ATAN2": Function(("y", "x"), Operation(_atan2_column, _atan2, can_fault=False)),
    "HYPOT": Function(("x", "y"), Operation(np.hypot, math.hypot)),
    "MOD": Function(("x", "y"), ARITHMETIC["MOD"]),
    "TRUNC": Function(("x",), Operation(np.trunc, _whole(math.trunc), can_fault=False)),
    "ROUND": Function(("x",), Operation(np.rint, _whole(round), can_fault=False)),
    "FLOOR": Function(("x",), Operation(np.floor, _whole(math.floor), can_fault=False)),
    "CEIL": Function(("x",), Operation(np.ceil, _whole(math.ceil), can_fault=False)),
    "SIGN": Function(("x",), Operation(np.sign, _sign, can_fault=False)),
    "MIN": Function(("x", "y"), Operation(np.minimum, _smaller, can_fault=False), repeats=True, takes_time=True),
    "MAX": Function(("x", "y"), Operation(np.maximum, _larger, can_fault=False), repeats=True, takes_time=True),
    "LIMIT": Function(("low", "in", "high"), Operation(_limit_column, _limit, can_fault=False), takes_time=True),
    "SEL": Function(("condition", "if_false", "if_true")),
    "GOOD": Function(("x",)),
    "VALID_OR": Function(("x", "alternative")),
    "AGE": Function(("input",)),
}
