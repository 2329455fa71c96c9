"""Requests that command outputs: their objects become commands, and come back with a status each (clauses 4.4.4, 11.9.2).

Binary outputs are commanded by control relay output blocks (g12v1) or by one block and a mask of outputs (g12v2 and g12v3), analog
outputs by g41. A request with anything else in it is refused as a whole, so that no half of it is carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast

import numpy as np

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, Fragment, Function, ObjectBlock
from tieline.protocols.dnp3.commands import (
    AnalogCommand,
    BinaryCommand,
    Command,
    CommandStatus,
    OperateMode,
    Operation,
    TripClose,
)
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.outstation.database import Database
from tieline.protocols.dnp3.outstation.selection import Selection

_MODES = {
    Function.OPERATE: OperateMode.SELECT_BEFORE_OPERATE,
    Function.DIRECT_OPERATE: OperateMode.DIRECT_OPERATE,
    Function.DIRECT_OPERATE_NO_RESPONSE: OperateMode.DIRECT_OPERATE_NO_ACK,
}


class CommandHandler(Protocol):
    """What carries out commands; it answers at once."""

    def select(self, index: int, command: Command) -> CommandStatus:
        """Whether the command could be carried out; nothing moves yet."""
        ...

    def operate(self, index: int, command: Command, mode: OperateMode) -> CommandStatus:
        """Carries the command out, or says why not."""
        ...

    def write_string(self, index: int, value: bytes) -> bool:
        """Takes an octet string that the master wrote (g110); False where it may not be written."""
        ...


@dataclass(frozen=True, slots=True)
class _Item:
    """One command of a request, and where its status belongs."""

    group: int
    index: int
    command: Command | None
    """None where the object says nothing that could be carried out."""
    block: int
    record: int


class ControlRequests:
    """Carries out requests to command outputs for one association."""

    def __init__(self, handler: CommandHandler, database: Database, selection: Selection, max_controls: int) -> None:
        self._handler = handler
        self._database = database
        self._selection = selection
        self._max_controls = max_controls

    def answer(self, request: Fragment, objects: bytes, now: Now) -> tuple[list[ObjectBlock], IIN]:
        """The objects of the request, whose octets behind the header are `objects`, with what became of them."""
        items, iin = _items(request.blocks)
        if iin or not items:
            self._selection.clear()
            return [], iin or IIN.PARAMETER_ERROR
        sequence = request.control.sequence
        if request.function == Function.SELECT:
            statuses = [self._select(number, item, now) for number, item in enumerate(items)]
            self._selection.clear()
            if not any(statuses):
                outputs = {(item.group, item.index) for item in items}
                self._selection.select(objects, sequence, outputs, now.monotonic_s)
        else:
            mode = _MODES[Function(request.function)]
            allowed = CommandStatus.SUCCESS
            if mode is OperateMode.SELECT_BEFORE_OPERATE:
                allowed = self._selection.take(objects, sequence, now.monotonic_s)
            statuses = [allowed or self._operate(number, item, mode, now) for number, item in enumerate(items)]
        return _echo(request.blocks, items, statuses), IIN(0)

    def _check(self, number: int, item: _Item, now: Now) -> CommandStatus:
        if number >= self._max_controls:
            return CommandStatus.TOO_MANY_OBJECTS
        if item.command is None:
            return CommandStatus.NOT_SUPPORTED
        if self._selection.is_blocked((item.group, item.index), now.monotonic_s):
            return CommandStatus.BLOCKED_OTHER_MASTER
        return CommandStatus.SUCCESS

    def _select(self, number: int, item: _Item, now: Now) -> CommandStatus:
        refused = self._check(number, item, now)
        if refused or item.command is None:
            return refused
        return self._handler.select(item.index, item.command)

    def _operate(self, number: int, item: _Item, mode: OperateMode, now: Now) -> CommandStatus:
        refused = self._check(number, item, now)
        if refused or item.command is None:
            return refused
        status = self._handler.operate(item.index, item.command, mode)
        if isinstance(item.command, BinaryCommand):
            kind, value = PointType.BINARY_OUTPUT_COMMAND, float(_is_on(item.command))
        else:
            kind, value = PointType.ANALOG_OUTPUT_COMMAND, item.command.value
        self._database.record_commands(kind, item.index, value, status, now.utc_us)
        return status


def _is_on(command: BinaryCommand) -> bool:
    """What g13 reports: on for close, latch on and pulse on, unless it is a trip."""
    if command.trip_close is not TripClose.NUL:
        return command.trip_close is TripClose.CLOSE
    return command.operation in {Operation.PULSE_ON, Operation.LATCH_ON}


def _items(blocks: tuple[ObjectBlock, ...]) -> tuple[list[_Item], IIN]:
    """The commands in blocks; none, and why, where a block is no command."""
    items: list[_Item] = []
    pattern: BinaryCommand | None = None
    pattern_block = -1
    for number, block in enumerate(blocks):
        match block.group, block.variation:
            case 12, 2 if block.records is not None and len(block.records) == 1:
                pattern, pattern_block = _binary(block.records, 0), number
            case 12, 3 if block.states is not None and block.start is not None and pattern_block == number - 1 >= 0:
                numbers = np.flatnonzero(block.states) + block.start
                items += [_Item(12, index, pattern, pattern_block, 0) for index in numbers.tolist()]
            case (12, 1) | (41, _) if block.records is not None and (block.indexes is not None or block.start is not None):
                for record, index in enumerate(block.points.tolist()):
                    command = _binary(block.records, record) if block.group == 12 else _analog(block, record)
                    items.append(_Item(block.group, index, command, number, record))
            case (12, _) | (41, _):
                return [], IIN.PARAMETER_ERROR
            case _:
                return [], IIN.OBJECT_UNKNOWN
    return items, IIN(0)


def _binary(records: np.ndarray[tuple[int], np.dtype[np.void]], at: int) -> BinaryCommand | None:
    code, count, on_ms, off_ms, _ = records[at].item()
    operation, trip_close = code & 0x0F, code >> 6
    if operation > Operation.LATCH_OFF or trip_close == TripClose.RESERVED:
        return None
    return BinaryCommand(
        operation=Operation(operation),
        trip_close=TripClose(trip_close),
        clear=bool(code & 0x20),
        queue=bool(code & 0x10),
        count=count,
        on_ms=on_ms,
        off_ms=off_ms,
    )


def _analog(block: ObjectBlock, at: int) -> AnalogCommand | None:
    assert block.records is not None
    value = float(block.records["value"][at])
    if not np.isfinite(value):
        return None
    return AnalogCommand(value=value, variation=cast("Literal[1, 2, 3, 4]", block.variation))  # g41 has no others


def _echo(blocks: tuple[ObjectBlock, ...], items: list[_Item], statuses: list[CommandStatus]) -> list[ObjectBlock]:
    out = [block if block.records is None else replace(block, records=block.records.copy()) for block in blocks]
    for block in out:
        if block.records is not None:
            block.records["status"] = CommandStatus.SUCCESS
    for item, status in zip(items, statuses, strict=True):
        records = out[item.block].records
        assert records is not None
        if status:  # a pattern has one status for all its outputs: the last that is not success
            records["status"][item.record] = status
    return out
