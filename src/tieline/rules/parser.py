"""Tokens to trees: Pratt's method for expressions, recursive descent for statements.

Operators of one precedence become one `Chain`, so that a sum of a thousand terms is no deeper than a sum of two. What nests (parentheses,
arguments, IF) is counted, and refused beyond `DEEPEST`: neither the parser nor what walks its trees can exhaust Python's stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from tieline.rules.errors import Findings, did_you_mean
from tieline.rules.lexer import Kind, Token, tokens
from tieline.rules.syntax import Assignment, BlockCall, Call, Chain, Declaration, If, Literal, Name, Node, Statement, Unary
from tieline.rules.types import Type

DEEPEST = 100
"""Levels of nesting; an operand to the right of an operator is one, parentheses and arguments are one, an IF is one."""

PRECEDENCE = {
    **dict.fromkeys(["OR"], 1),
    **dict.fromkeys(["XOR"], 2),
    **dict.fromkeys(["AND", "&"], 3),
    **dict.fromkeys(["=", "<>"], 4),
    **dict.fromkeys(["<", ">", "<=", ">="], 5),
    **dict.fromkeys(["+", "-"], 6),
    **dict.fromkeys(["*", "/", "MOD"], 7),
    "**": 8,
}
"""Larger binds tighter (IEC 61131-3, clause 7.3.2). `-`, `+` and NOT before an operand bind tighter than all but `**`, with which the
editions of the standard disagree: there a parenthesis is demanded."""

_NO_LOOP = ("there are no loops", "a program runs once in each scan; keep state in VAR")
_REFUSED = {
    "FOR": _NO_LOOP,
    "WHILE": _NO_LOOP,
    "REPEAT": _NO_LOOP,
    "CASE": ("there is no CASE", "write IF ... ELSIF ... END_IF;"),
}


class _Stop(Exception):  # noqa: N818 - it steers, and never leaves this module
    """The parser cannot go on from here; the mistake is noted."""


class _TooDeep(Exception):  # noqa: N818
    """The text nests too deeply; the mistake is noted, and nothing behind it is looked at."""


class Parser:
    """Parses one text; mistakes go to `findings`."""

    def __init__(self, text: str, findings: Findings) -> None:
        self._findings = findings
        self._tokens = tokens(text, findings)
        self._at = 0
        self._depth = 0

    # Expressions

    def expression(self) -> Node | None:
        """The whole text as one expression; None if it is none."""
        try:
            node = self._expression(0)
            if self._peek().kind is not Kind.END:
                self._unexpected("an operator or the end")
        except (_Stop, _TooDeep):
            return None
        return node

    def _expression(self, binding: int) -> Node:
        """An expression of operators that bind tighter than `binding`."""
        with self._deeper():
            left = self._operand()
            while (strength := self._strength()) > binding:
                left = self._chain(left, strength)
            return left

    def _strength(self) -> int:
        token = self._peek()
        return PRECEDENCE.get(token.text, 0) if token.kind in {Kind.SYMBOL, Kind.KEYWORD} else 0

    def _chain(self, first: Node, strength: int) -> Chain:
        rest: list[tuple[str, Node]] = []
        while self._strength() == strength:
            operator = self._take().text
            rest.append(("AND" if operator == "&" else operator, self._expression(strength)))
        return Chain(first.start, rest[-1][1].end, first, tuple(rest))

    def _operand(self) -> Node:
        token = self._peek()
        if token.kind in {Kind.NONSENSE, Kind.END}:
            self._unexpected("a value")
        self._take()
        match token.kind:
            case Kind.NUMBER:
                return Literal(token.start, token.end, token.number, Type.REAL)
            case Kind.TIME:
                return Literal(token.start, token.end, token.number, Type.TIME)
            case Kind.NAME:
                return self._named(token)
        if token.text in {"TRUE", "FALSE"}:
            return Literal(token.start, token.end, token.text == "TRUE", Type.BOOL)
        if token.text in {"-", "+", "NOT"}:
            return self._unary(token)
        if token.text == "MOD" and self._peek().text == "(":
            return self._call(token)
        if token.text == "(":
            node = self._expression(0)
            closing = self._expect(")", "to close the parenthesis")
            return replace(node, start=token.start, end=closing.end)
        self._at -= 1
        self._unexpected("a value")
        raise AssertionError

    def _unary(self, token: Token) -> Unary:
        operand = self._expression(PRECEDENCE["**"])
        if self._peek().text == "**":
            self._findings.add(
                token.start,
                f"`{token.text}` before a power has two readings",
                "write -(a ** b) or (-a) ** b: the editions of the standard differ",
            )
        return Unary(token.start, operand.end, token.text, operand)

    def _named(self, token: Token) -> Node:
        if self._peek().text == "(":
            return self._call(token)
        return self._name(token)

    def _name(self, token: Token) -> Name:
        if self._peek().text != ".":
            return Name(token.start, token.end, token.text)
        self._take()
        part = self._take_name(f"an output of {token.text}")
        return Name(token.start, part.end, token.text, part.text)

    def _call(self, token: Token) -> Call:
        self._take()
        arguments: list[Node] = []
        if self._peek().text != ")":
            arguments.append(self._expression(0))
            while self._peek().text == ",":
                self._take()
                arguments.append(self._expression(0))
        end = self._expect(")", f"to close {token.text.upper()}(").end
        return Call(token.start, end, token.text.upper(), tuple(arguments))

    # Programs

    def program(self) -> tuple[list[Declaration], list[Statement]]:
        """The whole text as declarations and statements; what could not be understood is left out."""
        declarations: list[Declaration] = []
        statements: list[Statement] = []
        with suppress(_TooDeep):
            self._sections(declarations, statements)
        return declarations, statements

    def _sections(self, declarations: list[Declaration], statements: list[Statement]) -> None:
        while self._peek().kind is not Kind.END:
            if self._peek().text == "VAR":
                if statements:
                    self._findings.add(self._peek().start, "VAR comes behind a statement", "declare all variables first")
                declarations += self._declarations()
            else:
                statements += self._statements(frozenset())
                if self._peek().kind is not Kind.END and self._peek().text != "VAR":
                    self._findings.add(self._peek().start, f"{self._peek().text} ends nothing here", "remove it")
                    self._take()

    def _declarations(self) -> list[Declaration]:
        self._take()
        found: list[Declaration] = []
        if self._peek().text in {"CONSTANT", "RETAIN"}:
            self._findings.add(
                self._peek().start, f"VAR {self._peek().text} is not known", "write VAR: every variable is kept from scan to scan"
            )
            self._take()
        while self._peek().text != "END_VAR":
            start = self._at
            try:
                found += self._declaration()
            except _Stop:
                self._recover()
            if self._peek().kind is Kind.END or self._at == start:
                self._findings.add(self._peek().start, "the VAR section does not end", "end it with END_VAR")
                return found
        self._take()
        if self._peek().text == ";":
            self._take()
        return found

    def _declaration(self) -> list[Declaration]:
        names = [self._take_name("the name of a variable")]
        while self._peek().text == ",":
            self._take()
            names.append(self._take_name("the name of a variable"))
        self._expect(":", "before the type")
        kind = self._take_name("a type or function block")
        initial = None
        if self._peek().text == ":=":
            self._take()
            initial = self._expression(0)
        self._expect(";", "at the end of the declaration")
        return [Declaration(name.start, name.text, kind.start, kind.text, initial) for name in names]

    def _statements(self, until: frozenset[str]) -> list[Statement]:
        """Statements up to a keyword of `until`, or one that no statement begins with, or the end."""
        found: list[Statement] = []
        while self._peek().kind is not Kind.END and self._peek().text not in until:
            if self._peek().text in _CLOSING:
                break
            try:
                statement = self._statement()
            except _Stop:
                self._recover()
            else:
                if statement is not None:
                    found.append(statement)
        return found

    def _statement(self) -> Statement | None:
        token = self._peek()
        if token.text == ";":
            self._take()
            return None
        if token.text == "IF":
            with self._deeper():
                return self._if()
        if token.kind is Kind.NAME:
            self._take()
            if self._peek().text == "(":
                return self._block_call(token)
            target = self._name(token)
            if self._peek().text == "=":
                self._findings.add(self._peek().start, "= compares", "an assignment is written :=")
                raise _Stop
            self._expect(":=", f"behind {token.text}")
            value = self._expression(0)
            self._expect(";", "at the end of the statement")
            return Assignment(token.start, target, value)
        if token.text in _REFUSED:
            self._findings.add(token.start, *_REFUSED[token.text])
            self._skip(f"END_{token.text}")
            return None
        if token.kind is Kind.KEYWORD:
            self._findings.add(
                token.start, f"{token.text} begins no statement here", "statements are name := value; block(...); and IF"
            )
            raise _Stop
        self._unexpected("a statement")
        return None

    def _block_call(self, token: Token) -> BlockCall:
        self._take()
        inputs: list[tuple[int, str, Node]] = []
        while self._peek().text != ")":
            if inputs:
                self._expect(",", "between the inputs")
            name = self._take_name(f"an input of {token.text}, as in IN := value")
            if self._peek().text == "=>":
                self._findings.add(self._peek().start, "=> is not known", f"read {token.text}.{name.text} after the call")
                raise _Stop
            self._expect(":=", f"behind {name.text}")
            inputs.append((name.start, name.text, self._expression(0)))
        self._take()
        self._expect(";", "at the end of the statement")
        return BlockCall(token.start, token.text, tuple(inputs))

    def _if(self) -> If:
        start = self._take().start
        branches: list[tuple[Node, tuple[Statement, ...]]] = []
        otherwise: tuple[Statement, ...] = ()
        branches.append(self._branch())
        while self._peek().text == "ELSIF":
            self._take()
            branches.append(self._branch())
        if self._peek().text == "ELSE":
            self._take()
            otherwise = tuple(self._statements(_IF_PARTS))
        if self._peek().text != "END_IF":
            self._findings.add(start, "the IF does not end", "end it with END_IF;")
            return If(start, tuple(branches), otherwise)
        self._take()
        if self._peek().text == ";":
            self._take()
        else:
            self._findings.add(self._peek().start, "`;` is missing", "write END_IF;")
        return If(start, tuple(branches), otherwise)

    def _branch(self) -> tuple[Node, tuple[Statement, ...]]:
        condition = self._condition()
        return condition, tuple(self._statements(_IF_PARTS))

    def _condition(self) -> Node:
        start = self._peek().start
        try:
            condition = self._expression(0)
            self._expect("THEN", "behind the condition")
        except _Stop:
            while self._peek().kind is not Kind.END and self._peek().text not in {"THEN", ";", *_CLOSING}:
                self._take()
            if self._peek().text == "THEN":
                self._take()
            return Literal(start, start, False, Type.BOOL)
        return condition

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def _take_name(self, what: str) -> Token:
        if self._peek().kind is Kind.KEYWORD:
            self._findings.add(
                self._peek().start, f"{self._peek().text} is a word of the language and cannot be a name", "take another name"
            )
            raise _Stop
        if self._peek().kind is not Kind.NAME:
            self._unexpected(what)
        return self._take()

    def _expect(self, sign: str, why: str) -> Token:
        if self._peek().text != sign or self._peek().kind is Kind.NONSENSE:
            self._unexpected(f"`{sign}` {why}")
        return self._take()

    def _unexpected(self, wanted: str) -> None:
        """Notes what is there instead of what is wanted, and gives up."""
        token = self._peek()
        if token.kind is not Kind.NONSENSE:
            found = "the text ends" if token.kind is Kind.END else f"`{token.text}` is not expected"
            remedy = f"{wanted} is expected"
            if token.text in {"=", "=>", ":="}:
                remedy = "equal is =, not equal is <>, an assignment is :="
            elif token.kind is Kind.NAME and (near := did_you_mean(token.text, [*PRECEDENCE, "THEN"])).startswith("did"):
                remedy += f"; {near}"
            elif token.text == ".":
                remedy = "a dot only takes the output of a function block, and a number begins with a digit"
            self._findings.add(token.start, found, remedy)
        raise _Stop

    def _skip(self, end: str) -> None:
        """Goes behind a group that is refused as a whole, or its first line if its end is missing."""
        ends = [at for at in range(self._at, len(self._tokens)) if self._tokens[at].text == end]
        if not ends:
            self._recover()
            return
        self._at = ends[0] + 1
        if self._peek().text == ";":
            self._take()

    def _recover(self) -> None:
        """Goes behind the next `;`, or before what begins or ends a group of statements."""
        while self._peek().kind is not Kind.END and self._peek().text not in _CLOSING and self._peek().text != "IF":
            if self._take().text == ";":
                return

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                problem = f"this is nested deeper than {DEEPEST} levels"
                self._findings.add(self._peek().start, problem, "split it, or use a variable")
                raise _TooDeep
            yield
        finally:
            self._depth -= 1


_IF_PARTS = frozenset({"ELSIF", "ELSE", "END_IF"})
_CLOSING = _IF_PARTS | {"VAR", "END_VAR"}
