"""An expression over the samples of points: parsed and checked once, evaluated over columns or single values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np

from tieline.rules.checker import Checker, Scope
from tieline.rules.columns import Columns, column_code
from tieline.rules.errors import Findings
from tieline.rules.lexer import KEYWORDS, NAME
from tieline.rules.parser import Parser
from tieline.rules.scalars import Frame, scalar_code, single
from tieline.rules.syntax import Node
from tieline.rules.types import Type
from tieline.rules.value import FloatColumn, Value

Age = FloatColumn | float
"""Seconds since a sample was new."""


class Expression:
    """A checked expression; it holds no state, so that several may evaluate it at once."""

    def __init__(self, text: str, node: Node, kind: Type, scope: Scope) -> None:
        self.text = text
        self.type = kind
        """What it gives."""
        self.names = frozenset(scope.used)
        """The inputs that it uses."""
        self.aged = frozenset(scope.aged)
        """The inputs whose age it uses."""
        self._inputs = {name: scope.inputs[name] for name in sorted(self.names)}
        slots = {name: slot for slot, name in enumerate(self._inputs)}
        self._column = column_code(node, slots)
        self._scalar = scalar_code(node, {(name, None): slot for name, slot in slots.items()}, text)

    @classmethod
    def parse(cls, text: str, names: Iterable[str] | Mapping[str, Type], *, ages: bool = False) -> Self:
        """Checks the text, whose inputs may be `names` (REAL unless a mapping says otherwise).

        `ages` offers the function AGE, whose ages `evaluate` is then given. Raises `RuleError` with every mistake.
        """
        inputs = names if isinstance(names, Mapping) else dict.fromkeys(names, Type.REAL)
        findings = Findings(text)
        node = Parser(text, findings).expression()
        scope = Scope(inputs, ages=ages)
        kind = None if node is None else Checker(scope, findings).type_of(node)
        findings.refuse()
        assert node is not None
        assert kind is not None
        return cls(text, node, kind, scope)

    def evaluate(self, inputs: Mapping[str, Value], ages: Mapping[str, Age] | None = None) -> Value:
        """The value and quality from those of the inputs: numbers if all of them are, otherwise two columns of their length.

        `inputs` must hold every one of `names`, `ages` (in seconds) those of `aged`; an age that is missing is invalid. The value of
        the result may be the very column of an input; do not write into it. Impossible arithmetic gives NaN with
        `INVALID | OVERFLOW`, never an exception or a warning.
        """
        given = [inputs[name] for name in self._inputs]
        known = {name: ages[name] for name in self.aged if name in ages} if ages else {}
        if any(isinstance(part, np.ndarray) for value in given for part in value) or any(
            isinstance(age, np.ndarray) for age in known.values()
        ):
            return Columns(self._inputs, given, known).run(self._column)
        frame = Frame()
        frame.load(self._inputs.values(), given)
        frame.ages = known
        return single(self._scalar(frame), given)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Expression({self.text!r}: {self.type})"


def name_problem(name: str) -> str:
    """Why an input or output cannot have this name; nothing if it can."""
    if NAME.fullmatch(name) and name.upper() not in KEYWORDS:
        return ""
    return "a name is made of letters of ASCII, digits and _, begins with no digit, and is no word of the language"
