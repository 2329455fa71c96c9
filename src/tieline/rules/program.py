"""A program for the scan of a gateway: statements over inputs, variables, function blocks and outputs.

What is checked here is compiled by `running` to Python functions once for each start; a program itself holds no state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from tieline.rules.blocks import KINDS, BlockKind
from tieline.rules.checker import Checker, Scope
from tieline.rules.errors import Findings, did_you_mean
from tieline.rules.functions import FUNCTIONS
from tieline.rules.parser import Parser
from tieline.rules.running import Layout, Running
from tieline.rules.scalars import Frame, scalar_code
from tieline.rules.syntax import Assignment, BlockCall, Declaration, If, Name, Statement
from tieline.rules.types import Type
from tieline.rules.value import BAD


class Program:
    """A checked program."""

    def __init__(self, text: str, layout: Layout, scope: Scope) -> None:
        self.text = text
        self.names = frozenset(scope.used)
        """The inputs that it uses."""
        self.aged = frozenset(scope.aged)
        """The inputs whose age it uses."""
        self.outputs = frozenset(layout.outputs)
        self._layout = layout

    @classmethod
    def parse(cls, text: str, inputs: Mapping[str, Type], outputs: Mapping[str, Type]) -> Self:
        """Checks the text. Raises `RuleError` with every mistake; an input need not be used, an output must be assigned somewhere."""
        findings = Findings(text)
        declarations, statements = Parser(text, findings).program()
        variables, blocks = _declared(declarations, {**inputs, **outputs}, findings)
        scope = Scope(inputs, {**outputs, **variables}, blocks, ages=True)
        check = _Statements(scope, findings)
        check.all(statements)
        if not findings.any:
            for name in sorted(set(outputs) - check.assigned):
                findings.add(len(text), f"the output {name} is never assigned", f"write {name} := ...;")
        findings.refuse()
        initial = _initial(declarations, variables, findings)
        findings.refuse()
        return cls(text, Layout(text, dict(inputs), dict(outputs), variables, initial, blocks, tuple(statements)), scope)

    def start(self) -> Running:
        """The program with variables at their initial values, ready for its first scan."""
        return Running(self._layout, self.names)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Program({', '.join(sorted(self.names))} -> {', '.join(sorted(self.outputs))})"


def _declared(
    declarations: Sequence[Declaration], taken: Mapping[str, Type], findings: Findings
) -> tuple[dict[str, Type], dict[str, BlockKind]]:
    """The variables and the function blocks by their names; a variable of an unknown type counts as REAL."""
    variables: dict[str, Type] = {}
    blocks: dict[str, BlockKind] = {}
    for one in declarations:
        if findings.is_full:
            break
        name = one.type.upper()
        if one.name in taken:
            findings.add(one.start, f"{one.name} is an input or output already", "take another name")
        elif one.name in variables or one.name in blocks:
            findings.add(one.start, f"{one.name} is declared twice", "take another name")
        elif name in KINDS:
            blocks[one.name] = KINDS[name]
            if one.initial is not None:
                findings.add(one.initial.start, f"a {name} has no initial value", "remove it")
        elif name in Type.__members__:
            variables[one.name] = Type[name]
            if one.initial is not None:
                Checker(Scope({}), findings).wants(one.initial, Type[name], f"the initial value of {one.name}")
        else:
            findings.add(one.type_start, f"there is no type {one.type}", _TYPES.get(name) or did_you_mean(name, [*Type, *KINDS]))
            variables[one.name] = Type.REAL
    return variables, blocks


def _initial(declarations: Sequence[Declaration], variables: Mapping[str, Type], findings: Findings) -> dict[str, float | bool]:
    """The initial values: constant expressions; 0, FALSE or T#0s without one."""
    values: dict[str, float | bool] = {name: kind is not Type.BOOL and 0.0 for name, kind in variables.items()}
    for one in declarations:
        if one.initial is not None:
            value, status = scalar_code(one.initial, {}, "")(Frame())
            if status & BAD:
                findings.add(one.initial.start, f"the initial value of {one.name} is not defined", "write a number")
            values[one.name] = value
    return values


_TYPES = {
    **dict.fromkeys(
        ["INT", "SINT", "DINT", "LINT", "UINT", "USINT", "UDINT", "ULINT", "LREAL"], "write REAL, which holds integers too"
    ),
    **dict.fromkeys(["BYTE", "WORD", "DWORD", "LWORD"], "there are no bit strings; write REAL or BOOL"),
    **dict.fromkeys(["CTUD"], "use a CTU and a CTD"),
}


class _Statements:
    """Checks statements."""

    def __init__(self, scope: Scope, findings: Findings) -> None:
        self._scope = scope
        self._findings = findings
        self._checker = Checker(scope, findings)
        self.assigned: set[str] = set()

    def all(self, statements: Sequence[Statement]) -> None:
        """Checks them and what they hold."""
        for statement in statements:
            if self._findings.is_full:
                return
            match statement:
                case Assignment():
                    self._assignment(statement)
                case BlockCall():
                    self._call(statement)
                case If():
                    for condition, body in statement.branches:
                        self._checker.wants(condition, Type.BOOL, "a condition")
                        self.all(body)
                    self.all(statement.otherwise)

    def _assignment(self, statement: Assignment) -> None:
        target = statement.target
        kind = self._scope.variables.get(target.name)
        if kind is not None and target.part is None:
            self._checker.wants(statement.value, kind, f"what {target.name} is given")
            self.assigned.add(target.name)
            return
        self._checker.type_of(statement.value)
        self._refuse(target)

    def _refuse(self, target: Name) -> None:
        name = target.name
        if name in self._scope.inputs:
            self._findings.add(
                target.start, f"{name} is an input and cannot be assigned", "assign to an output or to a variable of VAR"
            )
        elif name in self._scope.blocks:
            kind = self._scope.blocks[name]
            wanted = ", ".join(f"{given} := ..." for given in kind.inputs)
            self._findings.add(target.start, f"{name} is a {kind.name} and cannot be assigned", f"write {name}({wanted});")
        elif target.part is not None and name in self._scope.variables:
            self._findings.add(target.start, f"{name} has no parts", f"write {name} := ...;")
        else:
            near = did_you_mean(name, self._scope.variables)
            self._findings.add(target.start, f"there is no {name} to assign to", near or "declare it: VAR name : REAL; END_VAR")

    def _call(self, statement: BlockCall) -> None:
        kind = self._scope.blocks.get(statement.block)
        if kind is None:
            for _, _, value in statement.inputs:
                self._checker.type_of(value)
            remedy = did_you_mean(statement.block, self._scope.blocks)
            if statement.block.upper() in KINDS:
                remedy = f"declare one: VAR t1 : {statement.block.upper()}; END_VAR"
            elif statement.block.upper() in FUNCTIONS:
                remedy = "a function stands in an expression: name := ...;"
            self._findings.add(statement.start, f"there is no function block {statement.block}", remedy)
            return
        given: set[str] = set()
        for start, name, value in statement.inputs:
            wanted = kind.inputs.get(name.upper())
            if wanted is None:
                self._findings.add(start, f"{statement.block} has no input {name}", did_you_mean(name.upper(), kind.inputs))
                self._checker.type_of(value)
                continue
            if name.upper() in given:
                self._findings.add(start, f"{name} is given twice", "remove one")
            given.add(name.upper())
            self._checker.wants(value, wanted, f"{name} of {statement.block}")
