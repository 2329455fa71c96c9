"""The control model (IEC 61850-7-2, clause 20; 61850-8-1, clause 20): what is written to operate an object, and what comes back.

    direct, normal security      write Oper
    select before operate,       read SBO, whose answer bears a name, then write Oper
        normal security
    direct, enhanced security    write Oper, await the command termination
    select before operate,       write SBOw, then Oper, await the command termination
        enhanced security

A refusal is preceded by an information report of `LastApplError`, which says why. A command termination is one of `Oper`, with
`LastApplError` beside it where the command failed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.session import Informed
from tieline.protocols.iec61850.mms.types import MmsType, Simple, Structure
from tieline.protocols.iec61850.mms.values import Bits, Moment, Value, decode_values


class ControlModel(IntEnum):
    """Values of `ctlModel`."""

    STATUS_ONLY = 0
    DIRECT_NORMAL = 1
    SBO_NORMAL = 2
    DIRECT_ENHANCED = 3
    SBO_ENHANCED = 4

    @property
    def is_enhanced(self) -> bool:
        """Whether a command ends with a termination."""
        return self in {ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED}

    @property
    def is_selected(self) -> bool:
        """Whether the object is selected before it is operated."""
        return self in {ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED}


class OriginCategory(IntEnum):
    """Values of `orCat`."""

    NOT_SUPPORTED = 0
    BAY_CONTROL = 1
    STATION_CONTROL = 2
    REMOTE_CONTROL = 3
    AUTOMATIC_BAY = 4
    AUTOMATIC_STATION = 5
    AUTOMATIC_REMOTE = 6
    MAINTENANCE = 7
    PROCESS = 8


ADD_CAUSES = {
    0: "it does not say why",
    1: "the operation is not supported",
    2: "blocked by the switching hierarchy: local control is on, or another place has the authority",
    3: "the object could not be selected",
    4: "the switch is in an invalid position",
    5: "the position is reached already",
    6: "a parameter was changed while the command ran",
    7: "the tap changer is at the end of its range",
    8: "blocked by the mode of the function (Mod)",
    9: "blocked by something in the process",
    10: "blocked by interlocking",
    11: "blocked by the synchrocheck",
    12: "another command is being executed",
    13: "blocked by the health of the device (Health)",
    14: "another control of the same domain is active (1-of-n)",
    15: "aborted by a cancel",
    16: "the time for the command ran out",
    17: "aborted by a trip of the protection",
    18: "the object is not selected",
    19: "the object is selected already",
    20: "no authority to access the object",
    21: "ended beyond the end position",
    22: "aborted because command and measured value differ",
    23: "aborted because the communication was lost",
    24: "blocked by a command that is set (CmdBlk)",
    25: "no cause",
    26: "the parameters of the selection and of the command differ",
    27: "another client has locked the object",
}
"""AddCause in words (IEC 61850-7-2, table of additional causes)."""

_ERRORS = {0: "", 1: "unknown error", 2: "the timeout test failed", 3: "the operator test failed"}
_LAST_APPL_ERROR = "LastApplError"
_ROUNDING = 1e-9
"""How far a whole number may be off after a scale was taken out of it: 2.3 / 0.1 is no 23."""


@dataclass(frozen=True, slots=True)
class LastApplError:
    """Why a control was refused or failed."""

    control_object: str
    """As MMS writes it: `LD/LN$CO$DO$Oper`."""
    error: int
    add_cause: int
    control_number: int | None

    @property
    def words(self) -> str:
        """For people."""
        cause = ADD_CAUSES.get(self.add_cause, f"additional cause {self.add_cause}")
        error = _ERRORS.get(self.error, f"error {self.error}")
        return f"{cause} ({error})" if error else cause


@dataclass(frozen=True, slots=True)
class ControlInformed:
    """What an information report says of a control object: `error` alone is a refusal's reason; `is_termination` ends a command."""

    control_object: Name
    """The data object, `LN$CO$DO`."""
    is_termination: bool
    control_number: int | None
    error: LastApplError | None


def control_informed(informed: Informed) -> ControlInformed | None:
    """What an information report says of a control; None where it is about something else. Raises `RemoteError`."""
    if informed.list_name or not informed.variables:
        return None
    values = decode_values(informed.results)
    if len(values) != len(informed.variables):
        raise RemoteError("an information report has not as many values as variables")
    error, oper, number = None, None, None
    for name, value in zip(informed.variables, values, strict=True):
        if name.item == _LAST_APPL_ERROR:
            error = _last_appl_error(value)
        elif name.item.endswith("$Oper"):
            oper, number = name, _control_number(value)
    if oper is not None:
        return ControlInformed(Name(oper.domain, oper.item.removesuffix("$Oper")), True, number, error)
    if error is not None:
        domain, _, item = error.control_object.partition("/")
        for last in ("$Oper", "$SBOw", "$SBO", "$Cancel"):
            item = item.removesuffix(last)
        return ControlInformed(Name(domain, item), False, error.control_number, error)
    return None


def _last_appl_error(value: Value) -> LastApplError:
    match value:
        case (str() as target, int() as error, tuple(), int() as number, int() as cause, *_):
            return LastApplError(target, error, cause, number)
        case _:
            raise RemoteError("a LastApplError makes no sense")


def _control_number(value: Value) -> int | None:
    """The ctlNum in a command: the number behind the origin."""
    if isinstance(value, tuple):
        for before, part in itertools.pairwise(value):
            if isinstance(before, tuple) and len(before) == 2 and isinstance(part, int) and not isinstance(part, bool):
                return part
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is to be done, and on whose behalf."""

    value: float
    category: OriginCategory = OriginCategory.REMOTE_CONTROL
    identity: bytes = b"Tieline"
    test: bool = False
    interlock_check: bool = True
    synchro_check: bool = True


def command_values(oper: MmsType, command: Command, *, number: int, time_us: int) -> Value:
    """The structure that an object's Oper, SBOw or Cancel takes, by its type; raises `LocalError` where the value does not fit."""
    if not isinstance(oper, Structure):
        raise LocalError("the object cannot be operated: its Oper is no structure")
    return tuple(_part(each.name, each.type, command, number, time_us) for each in oper.components)


def _part(name: str, mms_type: MmsType, command: Command, number: int, time_us: int) -> Value:
    match name:
        case "ctlVal":
            return control_value(mms_type, command.value)
        case "origin":
            return (int(command.category), command.identity[:64])
        case "ctlNum":
            return number
        case "T":
            return Moment(time_us, 0x0A)  # milliseconds are meant: ten bits of the fraction
        case "operTm":
            return Moment(0)
        case "Test":
            return command.test
        case "Check":
            bits = ([0] if command.synchro_check else []) + ([1] if command.interlock_check else [])
            return Bits.of(set(bits), 2)
        case _:
            raise LocalError(f"the object wants {name} in a command, which is unknown")


def control_value(mms_type: MmsType, value: float) -> Value:
    """A number as a control value or setting of this type; raises `LocalError` where it does not fit."""
    if isinstance(mms_type, Structure):  # AnalogueValue: i, f or both, of which f is the finer
        names = [each.name for each in mms_type.components]
        if len(names) == 1:
            return (control_value(mms_type.components[0].type, value),)
        if set(names) == {"i", "f"}:
            return tuple(control_value(each.type, value if each.name == "f" else round(value)) for each in mms_type.components)
        raise LocalError(f"a number does not fit into a structure of {', '.join(names)}")
    if not isinstance(mms_type, Simple):
        raise LocalError("a number does not fit into an array")
    if not math.isfinite(value):
        raise LocalError(f"{value} is no value for a control")
    if mms_type.kind == "float":
        return value
    whole = round(value)
    if abs(value - whole) > _ROUNDING * max(1.0, abs(value)):
        raise LocalError(f"{value:g} is not a whole number")
    if mms_type.kind == "boolean":
        if whole not in {0, 1}:
            raise LocalError(f"{value:g} is neither 0 nor 1")
        return bool(whole)
    if mms_type.kind == "bit-string" and mms_type.size in {2, -2} and 0 <= whole <= 3:
        return Bits(whole, 2)
    if mms_type.kind in {"integer", "unsigned"}:
        return whole
    raise LocalError(f"a number does not fit into {mms_type.kind}")


def check_selected(values: Sequence[Value]) -> bool:
    """Whether a read of SBO selected the object: its answer bears a name then."""
    return len(values) == 1 and isinstance(values[0], str) and bool(values[0])
