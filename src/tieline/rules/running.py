"""A program while it runs: scan after scan, with what it keeps between them.

Theory of operation. Every input, output, variable and block output has a slot with its value and status. A scan sets the slots of the
inputs and runs the statements. An assignment sets a slot. A condition that is not good does not decide: no branch runs, and every slot
that any branch could have set is *held*, that is, keeps its value and has the condition's status joined to its own until the next scan
begins; a call of a block with an input that is not good holds the outputs of the block, and lets no time pass in it. What is held is
put back at the begin of the next scan, so that a doubt ends with its cause.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from tieline.model import Now, Quality
from tieline.model.quality import STATUS
from tieline.rules.blocks import Block, BlockKind, finite, restored
from tieline.rules.scalars import Fault, Frame, Part, ScalarCode, part, scalar_code
from tieline.rules.syntax import Assignment, BlockCall, If, Node, Statement
from tieline.rules.types import Type
from tieline.rules.value import BAD, Value, outer

_ABSENT = Value(math.nan, int(Quality.INVALID))

Action = Callable[["_Scan"], None]
Slots = Mapping[tuple[str, str | None], int]


@dataclass(frozen=True, slots=True)
class Layout:
    """A checked program, as `Running` needs it."""

    text: str
    inputs: Mapping[str, Type]
    outputs: Mapping[str, Type]
    variables: Mapping[str, Type]
    initial: Mapping[str, float | bool]
    """Of the variables."""
    blocks: Mapping[str, BlockKind]
    statements: tuple[Statement, ...]


class _Scan(Frame):
    """The slots, and what happened to them in this scan."""

    __slots__ = ("assigned", "condition", "held", "now_s")

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.condition = 0
        """The status of the conditions that led to the statement."""
        self.assigned: set[int] = set()
        self.held: dict[int, tuple[Part, Part]] = {}
        """By slot: what it was, and what it is while it is held."""

    def hold(self, slots: Iterable[int], status: int) -> None:
        for slot in slots:
            value, own = was = self.slots[slot]
            self.slots[slot] = doubted = (value, own | status)
            before = self.held.get(slot)
            self.held[slot] = (before[0] if before is not None and before[1] is was else was, doubted)

    def release(self) -> None:
        """Puts back what is held, unless it was assigned meanwhile."""
        for slot in self.doubted():
            self.slots[slot] = self.held[slot][0]
        self.held.clear()

    def doubted(self) -> list[int]:
        """The slots that are held, and were not assigned since."""
        return [slot for slot, (_, doubted) in self.held.items() if self.slots[slot] is doubted]


class Running:
    """One running instance of a program; made by `Program.start`."""

    def __init__(self, layout: Layout, used: frozenset[str]) -> None:
        self._layout = layout
        self._inputs = {name: kind for name, kind in layout.inputs.items() if name in used}
        self._blocks: dict[str, Block] = {name: kind.make() for name, kind in layout.blocks.items()}
        self._scan = _Scan()
        self._kept: dict[str, int] = {}
        slots: dict[tuple[str, str | None], int] = {}

        def add(name: str, output: str | None, initial: Part) -> int:
            slots[name, output] = len(self._scan.slots)
            self._scan.slots.append(initial)
            return slots[name, output]

        for name, kind in self._inputs.items():
            add(name, None, part(_ABSENT, kind))
        for name, kind in layout.outputs.items():
            self._kept[name] = add(name, None, (False if kind is Type.BOOL else 0.0, int(Quality.INVALID)))
        for name, initial in layout.initial.items():
            self._kept[name] = add(name, None, (initial, 0))
        for name, block in layout.blocks.items():
            for output, kind in block.outputs.items():
                add(name, output, (False if kind is Type.BOOL else 0.0, 0))
        self._slots: Slots = slots
        self._outputs = {slots[name, None]: name for name in layout.outputs}
        self._parameters: dict[str, list[Part]] = {
            name: [(False if kind is Type.BOOL else 0.0, 0) for kind in block.inputs.values()]
            for name, block in layout.blocks.items()
        }
        self._run = self._body(layout.statements)
        self._was_held: set[int] = set()
        self.faults: tuple[Fault, ...] = ()
        """Arithmetic of the last scan that had no result, each place once, in the order of execution."""

    def scan(self, now: Now, inputs: Mapping[str, Value], ages: Mapping[str, float] | None = None) -> dict[str, Value]:
        """Runs the program once; the outputs that this scan has set, with the status bits of IEC 61850 (the time is the caller's).

        An input that is missing is invalid; `ages` are seconds. An output is in the result if it was assigned, if it is held because a
        condition was not good (its value of before, with that quality), or if such a hold has ended (its own quality again). An
        output that was never assigned is invalid.
        """
        scan = self._scan
        scan.release()
        scan.assigned.clear()
        scan.faults.clear()
        scan.now_s = now.monotonic_s
        scan.ages = ages or {}
        for slot, (name, kind) in enumerate(self._inputs.items()):
            scan.slots[slot] = part(inputs.get(name, _ABSENT), kind)
        self._run(scan)
        self.faults = tuple(dict.fromkeys(scan.faults))
        held = self._outputs.keys() & scan.doubted()
        told = scan.assigned | held | self._was_held
        self._was_held = held
        return {
            name: Value(float(scan.slots[slot][0]), outer(scan.slots[slot][1]))
            for slot, name in self._outputs.items()
            if slot in told
        }

    def remember(self) -> dict[str, Any]:
        """Everything that the program keeps from scan to scan: numbers, strings and lists."""
        types = {**self._layout.outputs, **self._layout.variables}
        own = {slot: self._scan.held[slot][0] for slot in self._scan.doubted()}
        variables = {}
        for name, slot in self._kept.items():
            value, status = own.get(slot, self._scan.slots[slot])
            variables[name] = [str(types[name]), float(value), status]
        blocks = {}
        for name, block in self._blocks.items():
            outputs = [self._slots[name, output] for output in self._layout.blocks[name].outputs]
            blocks[name] = [
                self._layout.blocks[name].name,
                block.state(),
                [list(map(float, parameter)) for parameter in self._parameters[name]],
                [list(map(float, own.get(slot, self._scan.slots[slot]))) for slot in outputs],
            ]
        return {"variables": variables, "blocks": blocks}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `remember` gave, bumpless: the time in between does not count. What does not fit the program is left out."""
        types = {**self._layout.outputs, **self._layout.variables}
        for name, kept in _entries(state, "variables"):
            if name in self._kept and len(kept) == 3 and kept[0] == types[name]:
                known = _part(kept[1:], types[name])
                if known is not None:
                    self._scan.slots[self._kept[name]] = known
        for name, kept in _entries(state, "blocks"):
            if name in self._blocks and len(kept) == 4 and kept[0] == self._layout.blocks[name].name:
                self._recall_block(name, kept)

    def _recall_block(self, name: str, kept: Sequence[Any]) -> None:
        kind = self._layout.blocks[name]
        parameters = _parts(kept[2], kind.inputs.values())
        outputs = _parts(kept[3], kind.outputs.values())
        if parameters is None or outputs is None or not restored(self._blocks[name], kept[1]):
            return
        self._parameters[name][:] = parameters
        for output, known in zip(kind.outputs, outputs, strict=True):
            self._scan.slots[self._slots[name, output]] = known

    # Compilation

    def _body(self, statements: Sequence[Statement]) -> Action:
        actions = [self._action(statement) for statement in statements]
        if len(actions) == 1:
            return actions[0]

        def run(scan: _Scan) -> None:
            for action in actions:
                action(scan)

        return run

    def _action(self, statement: Statement) -> Action:
        match statement:
            case Assignment():
                return self._assignment(statement)
            case BlockCall():
                return self._block_call(statement)
            case If():
                return self._if(statement)

    def _code(self, node: Node) -> ScalarCode:
        return scalar_code(node, self._slots, self._layout.text)

    def _assignment(self, statement: Assignment) -> Action:
        slot, code = self._slots[statement.target.name, None], self._code(statement.value)

        def run(scan: _Scan) -> None:
            value, status = code(scan)
            scan.slots[slot] = (value, status | scan.condition)
            scan.assigned.add(slot)

        return run

    def _block_call(self, statement: BlockCall) -> Action:
        name = statement.block
        block, kind = self._blocks[name], self._layout.blocks[name]
        order = list(kind.inputs)
        given = [(order.index(wanted.upper()), self._code(value)) for _, wanted, value in statement.inputs]
        outputs = [self._slots[name, output] for output in kind.outputs]
        parameters = self._parameters[name]

        def run(scan: _Scan) -> None:
            found = [(place, code(scan)) for place, code in given]
            bad = reduce(lambda joined, one: joined | one[1][1] if one[1][1] & BAD else joined, found, 0)
            if bad:
                block.pause()
                scan.hold(outputs, bad)
                return
            for place, value in found:
                parameters[place] = value
            status = scan.condition
            for _, its in parameters:
                status |= its
            results = block.step(scan.now_s, *[value for value, _ in parameters])
            for slot, result in zip(outputs, results, strict=True):
                scan.slots[slot] = (result, status)

        return run

    def _if(self, statement: If) -> Action:
        branches = [(self._code(condition), self._body(body)) for condition, body in statement.branches]
        otherwise = self._body(statement.otherwise)
        touched, called = set[int](), set[str]()
        self._touched([statement], touched, called)
        blocks = [self._blocks[name] for name in sorted(called)]

        def run(scan: _Scan) -> None:
            outside = scan.condition
            for condition, body in branches:
                is_met, status = condition(scan)
                if status & BAD:
                    scan.hold(touched, scan.condition | status)
                    for block in blocks:
                        block.pause()
                    break
                scan.condition |= status
                if is_met:
                    body(scan)
                    break
            else:
                otherwise(scan)
            scan.condition = outside

        return run

    def _touched(self, statements: Sequence[Statement], slots: set[int], called: set[str]) -> None:
        """The slots that the statements may set, and the blocks that they may call."""
        for statement in statements:
            match statement:
                case Assignment():
                    slots.add(self._slots[statement.target.name, None])
                case BlockCall():
                    called.add(statement.block)
                    slots.update(self._slots[statement.block, output] for output in self._layout.blocks[statement.block].outputs)
                case If():
                    for _, body in statement.branches:
                        self._touched(body, slots, called)
                    self._touched(statement.otherwise, slots, called)


def _entries(state: object, key: str) -> list[tuple[str, Sequence[Any]]]:
    found = state.get(key) if isinstance(state, Mapping) else None
    if not isinstance(found, Mapping):
        return []
    return [(name, kept) for name, kept in found.items() if isinstance(kept, list | tuple)]


def _parts(kept: object, kinds: Iterable[Type]) -> list[Part] | None:
    wanted = list(kinds)
    if not isinstance(kept, list | tuple) or len(kept) != len(wanted):
        return None
    known = [_part(one, kind) for one, kind in zip(kept, wanted, strict=True)]
    return [one for one in known if one is not None] if None not in known else None


def _part(kept: object, kind: Type) -> Part | None:
    """A value with its status, if it is one."""
    if not isinstance(kept, list | tuple) or len(kept) != 2:
        return None
    value, status = finite(kept[0]), finite(kept[1])
    if status is None or not 0 <= status <= STATUS:
        return None
    if value is None:
        is_missing = kind is not Type.BOOL and isinstance(kept[0], float) and int(status) & 2
        return (math.nan, int(status)) if is_missing else None
    return (value != 0 if kind is Type.BOOL else value), int(status)
