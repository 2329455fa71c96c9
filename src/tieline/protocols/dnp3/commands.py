"""Commands to outputs, and what an outstation says to them (IEEE 1815-2012, clauses 4.4.4, 11.9.2 and annex A.8, A.20)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal

from tieline.model import LocalError
from tieline.protocols.dnp3.application import ObjectBlock
from tieline.protocols.dnp3.objects import Records, object_type


class CommandStatus(IntEnum):
    """The status octet of a command (clause 11.9.2); a number that is none of these is `UNDEFINED` here."""

    SUCCESS = 0
    TIMEOUT = 1
    NO_SELECT = 2
    FORMAT_ERROR = 3
    NOT_SUPPORTED = 4
    ALREADY_ACTIVE = 5
    HARDWARE_ERROR = 6
    LOCAL = 7
    TOO_MANY_OBJECTS = 8
    NOT_AUTHORIZED = 9
    AUTOMATION_INHIBIT = 10
    PROCESSING_LIMITED = 11
    OUT_OF_RANGE = 12
    DOWNSTREAM_LOCAL = 13
    ALREADY_COMPLETE = 14
    BLOCKED = 15
    CANCELED = 16
    BLOCKED_OTHER_MASTER = 17
    DOWNSTREAM_FAIL = 18
    NON_PARTICIPATING = 126
    UNDEFINED = 127

    @classmethod
    def of(cls, octet: int) -> CommandStatus:
        """What a status octet says; the highest bit is reserved."""
        try:
            return cls(octet & 0x7F)
        except ValueError:
            return cls.UNDEFINED


class Operation(IntEnum):
    """What a control relay output block does with its output: the low four bits of the control code."""

    NUL = 0
    PULSE_ON = 1
    PULSE_OFF = 2
    LATCH_ON = 3
    LATCH_OFF = 4


class TripClose(IntEnum):
    """Which of two complementary outputs is meant: the high two bits of the control code."""

    NUL = 0
    CLOSE = 1
    TRIP = 2
    RESERVED = 3


class OperateMode(Enum):
    """How a command is given."""

    SELECT_BEFORE_OPERATE = "select before operate"
    DIRECT_OPERATE = "direct operate"
    DIRECT_OPERATE_NO_ACK = "direct operate, no acknowledgement"


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryCommand:
    """A control relay output block (g12v1). Raises `LocalError` for a number that its field cannot hold."""

    operation: Operation
    trip_close: TripClose = TripClose.NUL
    clear: bool = False
    """Take what is queued for the output away first."""
    queue: bool = False
    """Obsolete; 0 by the standard."""
    count: int = 1
    on_ms: int = 0
    off_ms: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.count <= 0xFF:
            raise LocalError(f"a command is carried out 0 to 255 times, not {self.count}")
        for name, value in (("on", self.on_ms), ("off", self.off_ms)):
            if not 0 <= value <= 0xFFFFFFFF:
                raise LocalError(f"the {name}-time is 0 to {0xFFFFFFFF} ms, not {value}")

    @property
    def code(self) -> int:
        """The control code octet."""
        return self.trip_close << 6 | self.clear << 5 | self.queue << 4 | self.operation


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalogCommand:
    """An analog output block (g41); raises `LocalError` for a value that its variation cannot hold."""

    value: float
    variation: Literal[1, 2, 3, 4] = 3
    """1 is a 32-bit integer, 2 a 16-bit one, 3 a short and 4 a long floating-point number."""

    def __post_init__(self) -> None:
        if self.variation in {1, 2}:
            limit = 2.0 ** (31 if self.variation == 1 else 15)
            if not (-limit <= self.value < limit and float(self.value).is_integer()):
                raise LocalError(
                    f"g41v{self.variation} holds whole numbers of {16 * (3 - self.variation)} bits, not {self.value}"
                )
        elif not abs(self.value) <= (3.4028234663852886e38 if self.variation == 3 else 1.7976931348623157e308):
            raise LocalError(f"g41v{self.variation} cannot hold {self.value}")


Command = BinaryCommand | AnalogCommand


def command_block(index: int, command: Command) -> ObjectBlock:
    """The block of a request for one command, with status 0."""
    if isinstance(command, BinaryCommand):
        records = _records(12, 1)
        records["code"], records["count"] = command.code, command.count
        records["on_ms"], records["off_ms"] = command.on_ms, command.off_ms
        return ObjectBlock.indexed(12, 1, [index], records=records)
    records = _records(41, command.variation)
    records["value"] = command.value
    return ObjectBlock.indexed(41, command.variation, [index], records=records)


def _records(group: int, variation: int) -> Records:
    kind = object_type(group, variation)
    assert kind is not None
    return kind.zeros(1)
