"""Operating outputs: select before operate, and direct operate (IEEE 1815-2012, clauses 4.4.4 to 4.4.6).

Nothing here is ever repeated. The operate leaves only when the select was answered with exactly what was sent, every status SUCCESS, and
then with the next sequence number. What an answer that differs from the request means cannot be known: after a select nothing has
happened, after an operate anything may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tieline.model import LocalError
from tieline.protocols.dnp3.application import Function, ObjectBlock
from tieline.protocols.dnp3.commands import Command, CommandStatus, OperateMode, command_block
from tieline.protocols.dnp3.master.tasks import Blocks, Fate, Outcome, Reply, Request, Result, Steps


def command_blocks(commands: Sequence[tuple[int, Command]]) -> tuple[ObjectBlock, ...]:
    """The blocks for index and command each. Raises `LocalError` for none, and for an index that does not exist."""
    if not commands:
        raise LocalError("there is no command to send")
    for index, _ in commands:
        if not 0 <= index <= 0xFFFF:
            raise LocalError(f"an index is 0 to 65535, not {index}")
    return tuple(command_block(index, command) for index, command in commands)


def operate(blocks: Blocks, mode: OperateMode) -> Steps:
    """The steps of one operation."""
    match mode:
        case OperateMode.SELECT_BEFORE_OPERATE:
            return _select_before_operate(blocks)
        case OperateMode.DIRECT_OPERATE:
            return _direct_operate(Function.DIRECT_OPERATE, blocks)
        case OperateMode.DIRECT_OPERATE_NO_ACK:
            return _direct_operate(Function.DIRECT_OPERATE_NO_RESPONSE, blocks)


def _select_before_operate(blocks: Blocks) -> Steps:
    reply = yield Request(Function.SELECT, blocks)
    result = _judge(reply, blocks)
    if result.outcome is not Outcome.DONE:
        outcome = Outcome.NOT_SENT if result.outcome is Outcome.UNCONFIRMED else result.outcome
        return replace(result, outcome=outcome, why=f"select: {result.why}", was_only_selected=True)
    reply = yield Request(Function.OPERATE, blocks)
    return _judge(reply, blocks)


def _direct_operate(function: Function, blocks: Blocks) -> Steps:
    reply = yield Request(function, blocks)
    return _judge(reply, blocks)


def _judge(reply: Reply, blocks: Blocks) -> Result:
    if reply.fate is not Fate.ANSWERED:
        failure = reply.failure
        assert failure is not None
        return failure
    echo = _compare(blocks, reply.blocks)
    failed = next((status for status in echo.statuses if status is not CommandStatus.SUCCESS), None)
    refusal = reply.failure
    if refusal is not None and echo.is_whole and failed is None:
        why = f"{refusal.why}, yet every status is SUCCESS"
        return Result(outcome=Outcome.UNCONFIRMED, why=why, iin=reply.iin, statuses=echo.statuses)
    if refusal is not None or failed is not None:
        words = [] if refusal is None else [refusal.why]
        words += [] if failed is None else [f"the status is {failed.name}"]
        return Result(outcome=Outcome.REFUSED, why="; ".join(words), iin=reply.iin, statuses=echo.statuses)
    if reply.fault is not None or not echo.is_whole:
        why = "the answer does not repeat the request"
        return Result(outcome=Outcome.UNCONFIRMED, why=why, iin=reply.iin, statuses=echo.statuses)
    return Result(outcome=Outcome.DONE, iin=reply.iin, statuses=echo.statuses)


@dataclass(frozen=True, slots=True)
class _Echo:
    is_whole: bool
    statuses: tuple[CommandStatus, ...]


def _compare(sent: Blocks, answered: Blocks) -> _Echo:
    """Whether the answer is the request but for its statuses; these as far as it is."""
    statuses: list[CommandStatus] = []
    for ours, theirs in zip(sent, answered, strict=False):
        if _but_for_status(ours) != _but_for_status(theirs):
            break
        assert theirs.records is not None
        statuses += [CommandStatus.of(octet) for octet in theirs.records["status"].tolist()]
    is_whole = len(answered) == len(sent) == len(statuses)
    return _Echo(is_whole, tuple(statuses))


def _but_for_status(block: ObjectBlock) -> tuple[int, int, int, list[int], bytes] | None:
    if block.records is None or block.indexes is None or block.group not in {12, 41} or block.type is None:
        return None
    records = block.type.zeros(len(block.records))
    for name in records.dtype.names or ():
        if name != "status":
            records[name] = block.records[name]
    return block.group, block.variation, block.qualifier, block.indexes.tolist(), records.tobytes()
