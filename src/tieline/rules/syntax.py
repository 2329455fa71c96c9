"""The tree that the parser builds. `start` and `end` are offsets of the node in the text."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.rules.types import Type


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, TRUE or FALSE, or a duration in seconds."""

    start: int
    end: int
    value: float | bool
    type: Type


@dataclass(frozen=True, slots=True)
class Name:
    """An input, an output or a variable; `part` is the output of a function block behind the dot."""

    start: int
    end: int
    name: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """`-`, `+` or NOT before an operand."""

    start: int
    end: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """Operands joined by operators of one precedence, taken from left to right."""

    start: int
    end: int
    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; the name in capitals."""

    start: int
    end: int
    function: str
    arguments: tuple[Node, ...]


Node = Literal | Name | Unary | Chain | Call


@dataclass(frozen=True, slots=True)
class Assignment:
    """`target := value;`"""

    start: int
    target: Name
    value: Node


@dataclass(frozen=True, slots=True)
class BlockCall:
    """`block(input := value, ...);` each input with its offset."""

    start: int
    block: str
    inputs: tuple[tuple[int, str, Node], ...]


@dataclass(frozen=True, slots=True)
class If:
    """IF and ELSIF with their conditions, in order, and what ELSE holds."""

    start: int
    branches: tuple[tuple[Node, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...]


Statement = Assignment | BlockCall | If


@dataclass(frozen=True, slots=True)
class Declaration:
    """One variable or function block of a VAR section."""

    start: int
    name: str
    type_start: int
    type: str
    initial: Node | None
