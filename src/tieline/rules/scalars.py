"""Evaluation of single values, for a scan: each node of the tree becomes one Python function, without numpy.

The rules of quality are those of `columns`. Here AND, OR, SEL and VALID_OR do not evaluate what cannot matter, so that it raises no fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tieline.model.quality import STATUS
from tieline.rules.columns import CLOCK, DEVICE_TIME
from tieline.rules.errors import place
from tieline.rules.functions import ARITHMETIC, COMPARISONS, FUNCTIONS, Operation
from tieline.rules.syntax import Call, Chain, Literal, Name, Node, Unary
from tieline.rules.types import Type
from tieline.rules.value import BAD, FAULT, Value, inner, outer

Part = tuple[Any, int]
"""A value (float or bool) and its status in the inner writing."""


class Fault(NamedTuple):
    """Arithmetic that had no result, where it stands in the text; `text` is for people."""

    line: int
    column: int
    text: str


class Frame:
    """What one evaluation reads and writes: a slot for each name, and the faults."""

    __slots__ = ("ages", "faults", "slots")

    def __init__(self) -> None:
        self.slots: list[Part] = []
        self.ages: Mapping[str, Any] = {}
        self.faults: list[Fault] = []

    def load(self, types: Iterable[Type], given: Iterable[Value]) -> None:
        """Sets the first slots to the inputs."""
        self.slots = [part(value, kind) for value, kind in zip(given, types, strict=True)]


ScalarCode = Callable[[Frame], Part]


def part(given: Value, kind: Type) -> Part:
    """An input; what is not finite is a fault unless it is invalid already."""
    value, status = float(given.value), inner(int(given.quality) & STATUS)
    if not math.isfinite(value):
        return (False if kind is Type.BOOL else math.nan), status if status & 2 else status | FAULT
    return (value != 0 if kind is Type.BOOL else value), status


def single(result: Part, given: Sequence[Value]) -> Value:
    """The result of an expression with the time bits of all its inputs."""
    clocks, device = 0, DEVICE_TIME if given else 0
    for value in given:
        clocks |= int(value.quality) & CLOCK
        device &= int(value.quality)
    return Value(float(result[0]), outer(result[1]) | clocks | device)


def scalar_code(node: Node, slots: Mapping[tuple[str, str | None], int], text: str) -> ScalarCode:
    """The tree as one function; `slots` says which name (and part, in capitals) has which slot; `text` is its source."""
    return _Writer(slots, text).code(node)


class _Writer:
    def __init__(self, slots: Mapping[tuple[str, str | None], int], text: str) -> None:
        self._slots = slots
        self._text = text

    def code(self, node: Node) -> ScalarCode:
        match node:
            case Literal():
                literal = (node.value, 0)
                return lambda _: literal
            case Name():
                slot = self._slots[node.name, node.part.upper() if node.part else None]
                return lambda frame: frame.slots[slot]
            case Unary():
                return _unary(node.operator, self.code(node.operand))
            case Chain():
                return self._chain(node)
            case Call():
                return self._call(node)

    def _chain(self, node: Chain) -> ScalarCode:
        first = self.code(node.first)
        sign = node.rest[0][0]
        if sign in {"AND", "OR"}:
            return _decided([first, *[self.code(operand) for _, operand in node.rest]], by=sign == "OR")
        if len(node.rest) == 1:
            return self._pair(sign, first, node.rest[0][1], node.start)
        return _steps(first, [self._step(sign, operand, node.start) for sign, operand in node.rest])

    def _pair(self, sign: str, left: ScalarCode, operand: Node, start: int) -> ScalarCode:
        right = self.code(operand)
        if sign in ARITHMETIC:
            return _calculated(ARITHMETIC[sign], (left, right), self._fault(sign, start, operand.end))
        compare = _differs if sign == "XOR" else COMPARISONS[sign][1]

        def run(frame: Frame) -> Part:
            (a, p), (b, q) = left(frame), right(frame)
            return compare(a, b), p | q

        return run

    def _step(self, sign: str, operand: Node, start: int) -> Callable[[Part, Frame], Part]:
        """One operator of a longer chain, from what stands to its left."""
        right = self.code(operand)
        if sign not in ARITHMETIC:
            compare = _differs if sign == "XOR" else COMPARISONS[sign][1]

            def run(left: Part, frame: Frame) -> Part:
                b, q = right(frame)
                return compare(left[0], b), left[1] | q

            return run
        operation, fault = ARITHMETIC[sign], self._fault(sign, start, operand.end)
        return lambda left, frame: _result(operation, (left, right(frame)), fault, frame)

    def _call(self, node: Call) -> ScalarCode:
        if node.function == "AGE":
            return _age(node.arguments[0])
        arguments = [self.code(argument) for argument in node.arguments]
        if node.function in _OWN:
            return _OWN[node.function](*arguments)
        known = FUNCTIONS[node.function]
        operation, fault = known.operation, self._fault(node.function, node.start, node.end)
        assert operation is not None
        if known.repeats:
            return _repeated(operation, arguments, fault)
        return _calculated(operation, tuple(arguments), fault)

    def _fault(self, sign: str, start: int, end: int) -> Fault:
        source = " ".join(self._text[start:end].split())
        shown = source if len(source) <= 60 else f"{source[:57]}..."
        line, column = place(self._text, start)
        return Fault(line, column, f"{_CAUSES.get(sign, 'the result is not defined or too large')}: {shown}")


_CAUSES = {
    "/": "division by zero, or the result is too large",
    "MOD": "division by zero",
    "+": "the result is too large",
    "-": "the result is too large",
    "*": "the result is too large",
}


def _differs(a: bool, b: bool) -> bool:
    return a is not b


def _unary(sign: str, operand: ScalarCode) -> ScalarCode:
    def negated(frame: Frame) -> Part:
        value, status = operand(frame)
        return not value, status

    def negative(frame: Frame) -> Part:
        value, status = operand(frame)
        return -value, status

    return {"NOT": negated, "-": negative, "+": operand}[sign]


def _steps(first: ScalarCode, steps: Sequence[Callable[[Part, Frame], Part]]) -> ScalarCode:
    def run(frame: Frame) -> Part:
        left = first(frame)
        for step in steps:
            left = step(left, frame)
        return left

    return run


def _calculated(operation: Operation, arguments: tuple[ScalarCode, ...], fault: Fault) -> ScalarCode:
    if len(arguments) == 1:
        (only,) = arguments
        return lambda frame: _result(operation, (only(frame),), fault, frame)
    if len(arguments) == 2:
        left, right = arguments
        return lambda frame: _result(operation, (left(frame), right(frame)), fault, frame)
    return lambda frame: _result(operation, tuple([argument(frame) for argument in arguments]), fault, frame)


def _repeated(operation: Operation, arguments: Sequence[ScalarCode], fault: Fault) -> ScalarCode:
    def run(frame: Frame) -> Part:
        result = arguments[0](frame)
        for argument in arguments[1:]:
            result = _result(operation, (result, argument(frame)), fault, frame)
        return result

    return run


def _result(operation: Operation, parts: tuple[Part, ...], fault: Fault, frame: Frame) -> Part:
    status = 0
    for _, one in parts:
        status |= one
    try:
        value = operation.scalar(*[value for value, _ in parts])
    except (ArithmeticError, ValueError):
        value = math.nan
    if math.isfinite(value):
        return value, status
    if all(math.isfinite(value) for value, _ in parts):
        frame.faults.append(fault)
        status |= FAULT
    return math.nan, status


def _decided(operands: Sequence[ScalarCode], *, by: bool) -> ScalarCode:
    def run(frame: Frame) -> Part:
        value, status = operands[0](frame)
        for operand in operands[1:]:
            if value is by and not status & BAD:
                break
            other, its = operand(frame)
            if other is by and not its & BAD:
                value, status = other, its
            else:
                value, status = (value or other) if by else (value and other), status | its
        return value, status

    return run


def _sel(condition: ScalarCode, if_false: ScalarCode, if_true: ScalarCode) -> ScalarCode:
    def run(frame: Frame) -> Part:
        given, status = condition(frame)
        value, its = if_true(frame) if given else if_false(frame)
        return value, status | its

    return run


def _valid_or(argument: ScalarCode, alternative: ScalarCode) -> ScalarCode:
    def run(frame: Frame) -> Part:
        found = argument(frame)
        return alternative(frame) if found[1] & BAD else found

    return run


def _good(argument: ScalarCode) -> ScalarCode:
    return lambda frame: (not argument(frame)[1] & BAD, 0)


def _age(argument: Node) -> ScalarCode:
    assert isinstance(argument, Name)
    name = argument.name

    def run(frame: Frame) -> Part:
        age = frame.ages.get(name)
        return (math.nan, FAULT) if age is None or not math.isfinite(age) else (float(age), 0)

    return run


_OWN: dict[str, Callable[..., ScalarCode]] = {"SEL": _sel, "VALID_OR": _valid_or, "GOOD": _good}
