"""Tasks of a master: what it asks in how many steps, and what came of it.

A task is a generator: it yields a `Request`, is given the `Reply` to it, yields the next, and returns a `Result`. It knows nothing of
sequence numbers, timers or the link; the master does. After a reply whose fate is not ANSWERED or SENT it must return. Times are taken
when a request leaves: blocks that depend on it are given as a function of `Now`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import IIN, REQUEST_REFUSED, Function, ObjectBlock
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.master.settings import ClassAssignment
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import Records, object_type, set_times_ms

Blocks = Sequence[ObjectBlock]

_NO_RESPONSE = {
    Function.DIRECT_OPERATE_NO_RESPONSE,
    Function.IMMEDIATE_FREEZE_NO_RESPONSE,
    Function.FREEZE_CLEAR_NO_RESPONSE,
    Function.FREEZE_AT_TIME_NO_RESPONSE,
}

_HEADERS_AT_ONCE = 16
_DEADBANDS_AT_ONCE = 32
"""So that a request fits into the smallest fragment that a station may take (clause 4.2.2.1)."""
_NOTHING = IIN(0)


class Rank(IntEnum):
    """What goes first when several tasks could; the order of the start-up tasks is that of clause 5.1.1."""

    COMMAND = 0
    DISABLE_UNSOLICITED = 1
    CLEAR_RESTART = 2
    SYNCHRONIZE_TIME = 3
    ASSIGN_CLASSES = 4
    WRITE_DEADBANDS = 5
    INTEGRITY = 6
    ENABLE_UNSOLICITED = 7
    REQUEST = 8
    SCAN_EVENTS = 9
    POLL_EVENTS = 10
    FREEZE = 11
    FILE = 12
    """Long: everything else goes between its blocks."""


class Outcome(Enum):
    """What became of a request of the application."""

    DONE = "done"
    """Answered as asked; of commands: every status is SUCCESS."""
    REFUSED = "refused"
    """The outstation said no: see the indications or the statuses; of several commands some may have been carried out, unless
    `was_only_selected`."""
    NOT_SENT = "not sent"
    """Nothing can have happened: it did not leave, or only its select did."""
    UNCONFIRMED = "unconfirmed"
    """It left, and there is no answer that could be believed: it may have been carried out."""
    SENT = "sent"
    """It left; an answer was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a task came to."""

    outcome: Outcome
    why: str = ""
    """For people; empty when it was done."""
    iin: IIN = _NOTHING
    """Of the last answer."""
    statuses: tuple[CommandStatus, ...] = ()
    """Of commands, in their order, as far as the answer went."""
    was_only_selected: bool = False
    """Of commands: there was no operate, so that a status of SUCCESS means selected and nothing has moved."""
    delay_ms: int | None = None
    """Of a restart: when the outstation is back. Of a delay measurement or a synchronization: the time a fragment travels."""
    content: bytes = b""
    """Of a file."""
    blocks: tuple[ObjectBlock, ...] = ()
    """Of a read: objects that measure nothing (device attributes, times ...); the others come as `Measured`."""
    points: int = 0
    """Of a read: values that were there."""


class Fate(Enum):
    """How a request fared."""

    ANSWERED = "answered"
    SENT = "sent; no answer is expected"
    UNANSWERED = "sent and not answered"
    BROKEN = "answered without end"
    LINK_LOST = "the link was lost before the answer"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    function: Function
    blocks: Blocks | Callable[[Now], Blocks] = ()
    is_repeatable: bool = False
    """Nothing is lost or done twice when it arrives twice."""
    destination: int | None = None
    """A broadcast address; None: the outstation."""

    @property
    def expects_response(self) -> bool:
        """Whether the outstation answers."""
        return self.destination is None and self.function not in _NO_RESPONSE

    def at(self, now: Now) -> Blocks:
        """Its blocks when it leaves now."""
        return self.blocks(now) if callable(self.blocks) else self.blocks


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    fate: Fate
    sent: Now | None = None
    received: Now | None = None
    iin: IIN = _NOTHING
    blocks: tuple[ObjectBlock, ...] = ()
    """Without those that measure, when it is a READ."""
    fault: FragmentError | None = None
    points: int = 0
    """Values that a READ brought."""

    @property
    def failure(self) -> Result | None:
        """What comes of a task whose request was not answered as asked; None where it was."""
        if self.fate is Fate.ANSWERED:
            return self._refusal()
        if self.fate is Fate.SENT:
            return Result(outcome=Outcome.SENT)
        outcome = Outcome.NOT_SENT if self.fate is Fate.NOT_SENT else Outcome.UNCONFIRMED
        return Result(outcome=outcome, why=self.fate.value)

    def _refusal(self) -> Result | None:
        bits = self.iin & (REQUEST_REFUSED | IIN.ALREADY_EXECUTING)
        if not bits or self.points:
            return None
        words = ", ".join(str(bit.name).lower().replace("_", " ") for bit in bits)
        return Result(outcome=Outcome.REFUSED, why=f"the outstation indicates {words}", iin=self.iin)


Steps = Generator[Request, Reply, Result]


def ask(request: Request) -> Steps:
    """One request, done when it is answered."""
    reply = yield request
    return reply.failure or Result(outcome=Outcome.DONE, iin=reply.iin, blocks=reply.blocks, points=reply.points)


def read(blocks: Blocks) -> Steps:
    """A READ; what it brings is delivered as it comes."""
    return ask(Request(Function.READ, tuple(blocks), is_repeatable=True))


def class_blocks(classes: Iterable[int]) -> tuple[ObjectBlock, ...]:
    """The headers for these classes; events before the present values, so that a value is never older than its events (5.1.1)."""
    return tuple(ObjectBlock.all(60, each + 1) for each in sorted(classes, key=lambda each: (each == 0, each)))


def read_classes(classes: Iterable[int]) -> Steps:
    """A READ of events or, with class 0, of everything."""
    return read(class_blocks(classes))


def set_unsolicited(is_enabled: bool, classes: Iterable[int]) -> Steps:
    """ENABLE_UNSOLICITED or DISABLE_UNSOLICITED."""
    function = Function.ENABLE_UNSOLICITED if is_enabled else Function.DISABLE_UNSOLICITED
    return ask(Request(function, class_blocks(classes), is_repeatable=True))


def clear_restart() -> Steps:
    """WRITE of IIN1.7 (clause 4.5.8). Not repeated: it could take a second restart for the first."""
    block = ObjectBlock.range(80, 1, 7, 7, states=np.zeros(1, np.uint8))
    return ask(Request(Function.WRITE, (block,)))


def assign_classes(assignments: Iterable[ClassAssignment]) -> Steps:
    """ASSIGN_CLASS: a class is followed by points that belong to it (clause 4.4.23); in as many requests as it takes."""
    headers = [(each.point_class + 1, block) for each in assignments for block in point_blocks(each.kind, each.ranges)]
    requests: list[Request] = []
    for start in range(0, len(headers), _HEADERS_AT_ONCE):
        part = headers[start : start + _HEADERS_AT_ONCE]
        blocks = [each for variation, block in part for each in (ObjectBlock.all(60, variation), block)]
        requests.append(Request(Function.ASSIGN_CLASS, tuple(blocks), is_repeatable=True))
    return _ask_each(requests)


def write_deadbands(deadbands: Sequence[tuple[int, float]], variation: int) -> Steps:
    """WRITE of group 34, in as many requests as it takes."""
    kind = object_type(34, variation)
    assert kind is not None
    requests: list[Request] = []
    for start in range(0, len(deadbands), _DEADBANDS_AT_ONCE):
        part = deadbands[start : start + _DEADBANDS_AT_ONCE]
        records = kind.zeros(len(part))
        records["value"] = [deadband for _, deadband in part]
        block = ObjectBlock.indexed(34, variation, [index for index, _ in part], records=records)
        requests.append(Request(Function.WRITE, (block,)))
    return _ask_each(requests)


def _ask_each(requests: Sequence[Request]) -> Steps:
    """One after the other, to the first that is not done."""
    for request in requests[:-1]:
        result = yield from ask(request)
        if result.outcome is not Outcome.DONE:
            return result
    return (yield from ask(requests[-1]))


def point_blocks(kind: PointType, ranges: Sequence[tuple[int, int]]) -> list[ObjectBlock]:
    """Headers that name points; without ranges all of them."""
    if not ranges:
        return [ObjectBlock.all(kind.static)]
    return [ObjectBlock.range(kind.static, 0, start, stop) for start, stop in ranges]


def freeze(
    kind: PointType, ranges: Sequence[tuple[int, int]], *, clear: bool, acknowledged: bool, destination: int | None = None
) -> Steps:
    """IMMEDIATE_FREEZE or FREEZE_CLEAR (clauses 4.4.7 to 4.4.10) of counters or analog inputs."""
    function = {
        (False, True): Function.IMMEDIATE_FREEZE,
        (False, False): Function.IMMEDIATE_FREEZE_NO_RESPONSE,
        (True, True): Function.FREEZE_CLEAR,
        (True, False): Function.FREEZE_CLEAR_NO_RESPONSE,
    }[clear, acknowledged]
    return ask(Request(function, tuple(freezable_blocks(kind, ranges)), destination=destination))


def freeze_at_time(
    kind: PointType, ranges: Sequence[tuple[int, int]], at_ms: int, interval_ms: int, *, acknowledged: bool
) -> Steps:
    """FREEZE_AT_TIME: at a time and every interval after it; a time of 0 means now, an interval of 0 once (clause 4.4.11)."""
    when = _record(50, 2)
    set_times_ms(when, at_ms)
    when["interval"] = interval_ms
    function = Function.FREEZE_AT_TIME if acknowledged else Function.FREEZE_AT_TIME_NO_RESPONSE
    return ask(Request(function, (ObjectBlock.counted(50, 2, when), *freezable_blocks(kind, ranges))))


def freezable_blocks(kind: PointType, ranges: Sequence[tuple[int, int]]) -> list[ObjectBlock]:
    """As `point_blocks`; raises `LocalError` for points that cannot be frozen."""
    if kind not in {PointType.COUNTER, PointType.ANALOG_INPUT}:
        raise LocalError(f"{kind.name} cannot be frozen")
    return point_blocks(kind, ranges)


def freeze_and_read(*, clear: bool) -> Steps:
    """Freezes all counters and reads the frozen ones."""
    result = yield from freeze(PointType.COUNTER, (), clear=clear, acknowledged=True)
    if result.outcome is not Outcome.DONE:
        return result
    return (yield from read((ObjectBlock.all(PointType.FROZEN_COUNTER.static),)))


def restart(function: Function) -> Steps:
    """COLD_RESTART or WARM_RESTART; the answer says after how long the outstation is back (g52)."""
    reply = yield Request(function)
    return reply.failure or Result(outcome=Outcome.DONE, iin=reply.iin, delay_ms=delay_in(reply.blocks))


def delay_in(blocks: Blocks) -> int | None:
    """The delay that an answer holds (g52v1 in seconds, g52v2 in milliseconds)."""
    for block in blocks:
        if block.group == 52 and block.records is not None and len(block.records):
            return int(block.records["value"][0]) * (1_000 if block.variation == 1 else 1)
    return None


def time_record(variation: int, time_ms: int) -> Records:
    """One object of group 50."""
    record = _record(50, variation)
    set_times_ms(record, time_ms)
    return record


def _record(group: int, variation: int) -> Records:
    kind = object_type(group, variation)
    assert kind is not None
    return kind.zeros(1)
