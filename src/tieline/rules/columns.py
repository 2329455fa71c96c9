"""Evaluation over columns: each node of the tree becomes one function of numpy, called once for all rows.

The status of a partial result is a number as long as it is the same in every row, which is the usual case and costs nothing; only
otherwise is it a column. Time bits are no part of it: they depend on all inputs alike, and are joined at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from tieline.model.quality import STATUS, Quality, QualityColumn
from tieline.rules.functions import ARITHMETIC, COMPARISONS, FUNCTIONS, Operation
from tieline.rules.syntax import Call, Chain, Literal, Name, Node, Unary
from tieline.rules.types import Type
from tieline.rules.value import BAD, FAULT, FloatColumn, Value, inner, inner_column, outer, outer_column

Status = Any
"""An int, or a uint16 column."""
Part = tuple[Any, Status]
"""A partial result: float64 or bool, a column or a number; and its status in the inner writing."""

ColumnCode = Callable[["Columns"], Part]

DEVICE_TIME = int(Quality.DEVICE_TIME)
CLOCK = int(Quality.CLOCK_NOT_SYNCHRONIZED | Quality.CLOCK_FAILURE)


class Columns:
    """The inputs of one evaluation."""

    def __init__(self, types: Mapping[str, Type], given: Sequence[Value], ages: Mapping[str, FloatColumn | float]) -> None:
        self._given = given
        self.parts = [_load(value, kind) for value, kind in zip(given, types.values(), strict=True)]
        self.ages = {name: _real(np.asarray(age, dtype=np.float64), 0) for name, age in ages.items()}
        every = [np.shape(part) for value in given for part in value] + [np.shape(age) for age in ages.values()]
        self._shape = np.broadcast_shapes(*every)

    def run(self, code: ColumnCode) -> Value:
        """The result in full columns."""
        with np.errstate(all="ignore"):
            value, status = code(self)
        if not isinstance(value, np.ndarray) or value.dtype != np.float64:
            value = np.asarray(value, dtype=np.float64)
        if value.shape != self._shape:
            value = np.broadcast_to(value, self._shape).copy()
        quality = self._time_bits() | (outer(status) if isinstance(status, int) else outer_column(status))
        if isinstance(quality, int):
            return Value(value, np.full(self._shape, quality, dtype=np.uint16))
        return Value(value, np.broadcast_to(quality, self._shape).copy() if quality.shape != self._shape else quality)

    def _time_bits(self) -> Status:
        every: list[Status] = [_uniform(value.quality) for value in self._given]
        clocks: Status = reduce(lambda a, b: a | b, every) & CLOCK
        device: Status = reduce(lambda a, b: a & b, every) & DEVICE_TIME
        return clocks | device


def _uniform(quality: QualityColumn | int) -> Status:
    """The quality as one number if all rows have the same."""
    if not isinstance(quality, np.ndarray):
        return int(quality)
    if not quality.size:
        return 0
    quality = quality.astype(np.uint16, copy=False)
    first = quality.flat[0]
    return int(first) if (quality == first).all() else quality


def _load(given: Value, kind: Type) -> Part:
    quality = _uniform(given.quality)
    status = inner(quality & STATUS) if isinstance(quality, int) else inner_column(quality & STATUS)
    value, status = _real(np.asarray(given.value, dtype=np.float64), status)
    return (_truth(value) if kind is Type.BOOL else value), status


def _truth(value: FloatColumn) -> Any:
    return (value != 0) & (value == value)


def _real(value: FloatColumn, status: Status) -> Part:
    """An input; what is not finite is a fault unless it is invalid already."""
    finite = np.isfinite(value)
    if finite.all():
        return value, status
    unsaid = ~finite & ((status & np.uint16(2)) == 0)
    return np.where(finite, value, np.nan), status | np.where(unsaid, np.uint16(FAULT), np.uint16(0))


def column_code(node: Node, slots: Mapping[str, int]) -> ColumnCode:
    """The tree as one function; `slots` says which input has which place."""
    match node:
        case Literal():
            literal: Part = (node.value, 0)
            return lambda _: literal
        case Name():
            slot = slots[node.name]
            return lambda columns: columns.parts[slot]
        case Unary():
            return _unary(node.operator, column_code(node.operand, slots))
        case Chain():
            first = column_code(node.first, slots)
            return _chain(first, [(_JOINS[sign], column_code(operand, slots)) for sign, operand in node.rest])
        case Call():
            if node.function == "AGE":
                return _age(node.arguments[0])
            arguments = [column_code(argument, slots) for argument in node.arguments]
            return _call(node.function, arguments)


def _unary(sign: str, operand: ColumnCode) -> ColumnCode:
    def run(columns: Columns) -> Part:
        value, status = operand(columns)
        return (np.logical_not(value) if sign == "NOT" else np.negative(value) if sign == "-" else value), status

    return run


def _chain(first: ColumnCode, rest: Sequence[tuple[Callable[[Part, Part], Part], ColumnCode]]) -> ColumnCode:
    def run(columns: Columns) -> Part:
        part = first(columns)
        for join, operand in rest:
            part = join(part, operand(columns))
        return part

    return run


def _call(function: str, arguments: Sequence[ColumnCode]) -> ColumnCode:
    known = FUNCTIONS[function]
    if function in _OWN:
        own = _OWN[function]
        return lambda columns: own(*[argument(columns) for argument in arguments])
    operation = known.operation
    assert operation is not None
    if known.repeats:
        return _chain(arguments[0], [(lambda a, b: _apply(operation, a, b), argument) for argument in arguments[1:]])
    return lambda columns: _apply(operation, *[argument(columns) for argument in arguments])


def _apply(operation: Operation, *parts: Part) -> Part:
    value = operation.column(*[part[0] for part in parts])
    status: Status = reduce(lambda a, b: a | b, [part[1] for part in parts])
    if not operation.can_fault:
        return value, status
    finite = np.isfinite(value)
    if finite.all():
        return value, status
    fresh = ~finite
    for part in parts:
        fresh = fresh & np.isfinite(part[0])
    return np.where(finite, value, np.nan), status | np.where(fresh, np.uint16(FAULT), np.uint16(0))


def _age(argument: Node) -> ColumnCode:
    assert isinstance(argument, Name)
    name = argument.name
    return lambda columns: columns.ages.get(name, (np.nan, FAULT))


def _and(left: Part, right: Part) -> Part:
    value = np.logical_and(left[0], right[0])
    return value, _decided(left, right, by=False)


def _or(left: Part, right: Part) -> Part:
    value = np.logical_or(left[0], right[0])
    return value, _decided(left, right, by=True)


def _decided(left: Part, right: Part, *, by: bool) -> Status:
    """A good operand that decides the result on its own gives its status, the left one first; otherwise both join."""
    (a, p), (b, q) = left, right
    if isinstance(p, int) and isinstance(q, int) and p == q:
        return p
    by_left = np.equal(a, by) & ((p & np.uint16(BAD)) == 0)
    by_right = np.equal(b, by) & ((q & np.uint16(BAD)) == 0)
    joined = np.asarray(p | q, dtype=np.uint16)
    return np.where(by_left, np.asarray(p, np.uint16), np.where(by_right, np.asarray(q, np.uint16), joined))


def _sel(condition: Part, if_false: Part, if_true: Part) -> Part:
    (given, status), (a, p), (b, q) = condition, if_false, if_true
    return np.where(given, b, a), status | _chosen(given, q, p)


def _valid_or(part: Part, alternative: Part) -> Part:
    (a, p), (b, q) = part, alternative
    if isinstance(p, int):
        return alternative if p & BAD else part
    valid = (p & np.uint16(BAD)) == 0
    return np.where(valid, a, b), _chosen(valid, p, q)


def _chosen(condition: Any, if_true: Status, if_false: Status) -> Status:
    if isinstance(if_true, int) and isinstance(if_false, int) and if_true == if_false:
        return if_true
    return np.where(condition, np.asarray(if_true, np.uint16), np.asarray(if_false, np.uint16))


def _good(part: Part) -> Part:
    status = part[1]
    return (status & BAD) == 0 if isinstance(status, int) else (status & np.uint16(BAD)) == 0, 0


def _arithmetic(operation: Operation) -> Callable[[Part, Part], Part]:
    return lambda left, right: _apply(operation, left, right)


def _comparison(function: Callable[..., Any]) -> Callable[[Part, Part], Part]:
    return lambda left, right: (function(left[0], right[0]), left[1] | right[1])


_JOINS: dict[str, Callable[[Part, Part], Part]] = {
    **{sign: _arithmetic(operation) for sign, operation in ARITHMETIC.items()},
    **{sign: _comparison(column) for sign, (column, _) in COMPARISONS.items()},
    "AND": _and,
    "OR": _or,
    "XOR": _comparison(np.not_equal),
}

_OWN: dict[str, Callable[..., Part]] = {"SEL": _sel, "VALID_OR": _valid_or, "GOOD": _good}
