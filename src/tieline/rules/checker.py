"""Names and types of a tree, before anything is evaluated. A part whose type is unknown after a mistake raises no further ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieline.rules.blocks import BlockKind
from tieline.rules.errors import Findings, did_you_mean
from tieline.rules.functions import COMPARISONS, FUNCTIONS, RESULTS
from tieline.rules.syntax import Call, Chain, Literal, Name, Node, Unary
from tieline.rules.types import Type


@dataclass(frozen=True, slots=True)
class Scope:
    """What a text may use; `used` and `aged` are filled by the check."""

    inputs: Mapping[str, Type]
    variables: Mapping[str, Type] = field(default_factory=dict)
    """Of a program, outputs among them."""
    blocks: Mapping[str, BlockKind] = field(default_factory=dict)
    """Of a program."""
    ages: bool = False
    used: set[str] = field(default_factory=set)
    """The inputs that were used."""
    aged: set[str] = field(default_factory=set)
    """The inputs whose age was asked for."""


class Checker:
    """Checks the trees of one text in a scope."""

    def __init__(self, scope: Scope, findings: Findings) -> None:
        self._scope = scope
        self._findings = findings

    def wants(self, node: Node, wanted: Type, what: str) -> None:
        """Checks the tree, and that its type is `wanted`; `what` names its place."""
        found = self.type_of(node)
        if found is not None and found is not wanted:
            self._findings.add(node.start, f"{what} is {wanted}, not {found}", remedy(found, wanted))

    def type_of(self, node: Node) -> Type | None:
        """Checks the tree and gives its type; None if a mistake leaves that open."""
        if self._findings.is_full:
            return None
        match node:
            case Literal():
                return node.type
            case Name():
                return self._name(node)
            case Unary():
                return self._unary(node)
            case Chain():
                return self._chain(node)
            case Call():
                return self._call(node)

    def _name(self, node: Name) -> Type | None:
        scope = self._scope
        if node.name in scope.blocks:
            return self._part(node)
        kind = scope.inputs.get(node.name) or scope.variables.get(node.name)
        if kind is None:
            known = [*scope.inputs, *scope.variables, *scope.blocks]
            if node.name.upper() in FUNCTIONS:
                self._findings.add(node.start, f"{node.name.upper()} is a function", f"write {signature(node.name.upper())}")
            else:
                self._findings.add(node.start, f"there is no {node.name}", did_you_mean(node.name, known))
            return None
        if node.part is not None:
            self._findings.add(node.start, f"{node.name} has no parts", "a dot only takes the output of a function block")
            return None
        if node.name in scope.inputs:
            scope.used.add(node.name)
        return kind

    def _part(self, node: Name) -> Type | None:
        kind = self._scope.blocks[node.name]
        outputs = kind.outputs
        choice = f"write {' or '.join(f'{node.name}.{output}' for output in outputs)}"
        if node.part is None:
            self._findings.add(node.start, f"{node.name} is a {kind.name} and has no value of its own", choice)
        elif node.part.upper() not in outputs:
            self._findings.add(node.start, f"a {kind.name} has no output {node.part}", choice)
        return outputs.get((node.part or "").upper())

    def _unary(self, node: Unary) -> Type | None:
        if node.operator == "NOT":
            self.wants(node.operand, Type.BOOL, "what NOT negates")
            return Type.BOOL
        found = self.type_of(node.operand)
        if found is Type.BOOL:
            self._findings.add(node.start, f"`{node.operator}` takes a number, not BOOL", "the opposite of a BOOL is NOT")
            return None
        return found

    def _chain(self, node: Chain) -> Type | None:
        left = self.type_of(node.first)
        before: Node = node.first
        for sign, operand in node.rest:
            right = self.type_of(operand)
            left = self._pair(sign, (before, left), (operand, right))
            before = operand
        return left

    def _pair(self, sign: str, left: tuple[Node, Type | None], right: tuple[Node, Type | None]) -> Type | None:
        if sign in {"AND", "OR", "XOR"}:
            for node, found in (left, right):
                if found is not None and found is not Type.BOOL:
                    self._findings.add(node.start, f"{sign} joins BOOL, not {found}", remedy(found, Type.BOOL))
            return Type.BOOL
        if left[1] is None or right[1] is None:
            return Type.BOOL if sign in COMPARISONS else None
        pair = (left[1], right[1])
        if sign in COMPARISONS:
            if pair[0] is not pair[1]:
                self._findings.add(right[0].start, f"{pair[0]} cannot be compared with {pair[1]}", remedy(pair[1], pair[0]))
            elif pair[0] is Type.BOOL and sign not in {"=", "<>"}:
                self._findings.add(right[0].start, f"`{sign}` does not compare BOOL", "use AND, OR, XOR, NOT; a < x AND x < b")
            return Type.BOOL
        result = RESULTS[sign].get(pair)
        if result is None:
            self._mismatch(sign, left[0], right[0], pair)
        return result

    def _mismatch(self, sign: str, left: Node, right: Node, pair: tuple[Type, Type]) -> None:
        """Blames the operand whose change would mend it, the right one first."""
        problem = f"`{sign}` does not take {pair[0]} and {pair[1]}"
        for wanted in (pair[0], Type.REAL):
            if (pair[0], wanted) in RESULTS[sign]:
                self._findings.add(right.start, problem, remedy(pair[1], wanted))
                return
        for wanted in (pair[1], Type.REAL):
            if (wanted, pair[1]) in RESULTS[sign]:
                self._findings.add(left.start, problem, remedy(pair[0], wanted))
                return
        self._findings.add(right.start, problem, remedy(pair[1], Type.REAL))

    def _call(self, node: Call) -> Type | None:
        function = FUNCTIONS.get(node.function)
        if function is None or (node.function == "AGE" and not self._scope.ages):
            for argument in node.arguments:
                self.type_of(argument)
            self._unknown(node)
            return None
        least = len(function.arguments)
        if len(node.arguments) < least or (len(node.arguments) > least and not function.repeats):
            problem = f"{node.function} has {len(node.arguments)} argument{'s' * (len(node.arguments) != 1)}"
            self._findings.add(node.start, problem, f"write {signature(node.function)}")
            return None
        if node.function == "AGE":
            return self._age(node.arguments[0])
        if node.function == "GOOD":
            self.type_of(node.arguments[0])
            return Type.BOOL
        if node.function == "VALID_OR":
            return self._same(node, node.arguments, frozenset(Type))
        if node.function == "SEL":
            self.wants(node.arguments[0], Type.BOOL, "the condition of SEL")
            return self._same(node, node.arguments[1:], frozenset(Type))
        allowed = frozenset({Type.REAL, Type.TIME}) if function.takes_time else frozenset({Type.REAL})
        return self._same(node, node.arguments, allowed)

    def _unknown(self, node: Call) -> None:
        if node.function == "AGE":
            self._findings.add(node.start, "AGE is not offered here", "it is known in programs only")
        elif node.function in self._scope.blocks or any(name.upper() == node.function for name in self._scope.blocks):
            self._findings.add(node.start, "a function block is called in a statement of its own", "read its outputs with a dot")
        else:
            self._findings.add(node.start, f"there is no function {node.function}", did_you_mean(node.function, FUNCTIONS))

    def _age(self, argument: Node) -> Type:
        if not isinstance(argument, Name) or argument.part is not None or argument.name not in self._scope.inputs:
            self.type_of(argument)
            self._findings.add(argument.start, "AGE takes an input", "write AGE(name), with the name of an input")
        else:
            self._scope.used.add(argument.name)
            self._scope.aged.add(argument.name)
        return Type.TIME

    def _same(self, node: Call, arguments: Sequence[Node], allowed: frozenset[Type]) -> Type | None:
        """Checks that all are of one type that is allowed, which is that of the result."""
        common: Type | None = None
        for argument in arguments:
            found = self.type_of(argument)
            if found is None:
                continue
            if found not in allowed:
                self._findings.add(argument.start, f"{node.function} does not take {found}", remedy(found, Type.REAL))
            elif common is None:
                common = found
            elif found is not common:
                problem = f"{node.function} is given {common} and {found}"
                self._findings.add(argument.start, problem, remedy(found, common))
        return Type.REAL if common is None and allowed == {Type.REAL} else common


def signature(function: str) -> str:
    """The function as it is called, for example `LIMIT(low, in, high)`."""
    known = FUNCTIONS[function]
    return f"{function}({', '.join(known.arguments)}{', ...' * known.repeats})"


def remedy(found: Type, wanted: Type) -> str:
    """What makes the wanted type of the one that was found."""
    return _REMEDIES[found, wanted]


_REMEDIES = {
    (Type.REAL, Type.BOOL): "compare the number, for example x <> 0",
    (Type.TIME, Type.BOOL): "compare the duration, for example x > T#5s",
    (Type.BOOL, Type.REAL): "SEL(x, 0, 1) makes a number of a BOOL",
    (Type.TIME, Type.REAL): "x / T#1s makes a number of seconds of a TIME",
    (Type.REAL, Type.TIME): "write a duration as T#5s; x * T#1s makes a TIME of a number of seconds",
    (Type.BOOL, Type.TIME): "SEL(x, T#0s, T#1s) makes a TIME of a BOOL",
}
