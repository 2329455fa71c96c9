"""From a value for a writable point to a DNP3 command, and from the outstation's answer to what a caller has to know."""

from __future__ import annotations

from typing import Literal, cast

from tieline.config.dnp3_points import Dnp3Row
from tieline.edge.driver import UnconfirmedError
from tieline.model import LocalError, RefusedError, RemoteError, TielineError, UnavailableError
from tieline.protocols.dnp3.commands import (
    AnalogCommand,
    BinaryCommand,
    Command,
    CommandStatus,
    Operation,
    TripClose,
)
from tieline.protocols.dnp3.master import Outcome, Result

STATUS_WORDS: dict[CommandStatus, str] = {
    CommandStatus.TIMEOUT: "the operate came too late after the select",
    CommandStatus.NO_SELECT: "no select came before the operate",
    CommandStatus.FORMAT_ERROR: "the command is malformed for it",
    CommandStatus.NOT_SUPPORTED: "this output does not do that",
    CommandStatus.ALREADY_ACTIVE: "the output is still busy with another command",
    CommandStatus.HARDWARE_ERROR: "the output's hardware failed",
    CommandStatus.LOCAL: "the device is switched to local control",
    CommandStatus.TOO_MANY_OBJECTS: "too many commands in one request",
    CommandStatus.NOT_AUTHORIZED: "this master may not operate it",
    CommandStatus.AUTOMATION_INHIBIT: "a program in the device forbids it",
    CommandStatus.PROCESSING_LIMITED: "the device is too busy",
    CommandStatus.OUT_OF_RANGE: "the value is out of its range",
    CommandStatus.DOWNSTREAM_LOCAL: "a device behind it is switched to local control",
    CommandStatus.ALREADY_COMPLETE: "the output is in that state already",
    CommandStatus.BLOCKED: "an interlock in the device blocks it",
    CommandStatus.CANCELED: "the command was canceled",
    CommandStatus.BLOCKED_OTHER_MASTER: "another master is operating it",
    CommandStatus.DOWNSTREAM_FAIL: "a device behind it does not answer",
    CommandStatus.NON_PARTICIPATING: "the device does not take part",
    CommandStatus.UNDEFINED: "the device gave no reason that the standard knows",
}
"""What each status other than SUCCESS means."""


def command_of(row: Dnp3Row, value: float) -> Command:
    """The command that gives a point a value; raises `RefusedError` where there is none."""
    if row.group == 41:
        return _analog(row, value)
    if row.group != 12:
        raise RefusedError(f"{row.name} is not writable")
    if value not in {0, 1}:
        raise RefusedError(f"{row.name} takes 0 or 1, not {value:g}")
    is_on = value == 1
    if row.operation == "latch":
        return BinaryCommand(operation=Operation.LATCH_ON if is_on else Operation.LATCH_OFF)
    if row.operation == "pulse" and not is_on:
        raise RefusedError(f"{row.name} gives a pulse; it takes 1 only")
    which = TripClose.NUL
    if row.operation == "trip_close":
        which = TripClose.CLOSE if is_on else TripClose.TRIP
    return BinaryCommand(operation=Operation.PULSE_ON, trip_close=which, count=row.count, on_ms=row.on_ms, off_ms=row.off_ms)


def _analog(row: Dnp3Row, value: float) -> AnalogCommand:
    raw = (value - row.offset) / row.scale
    variation = cast("Literal[1, 2, 3, 4]", row.command_variation)  # the folder's check knows of these four only
    try:
        return AnalogCommand(value=float(round(raw)) if variation in {1, 2} else raw, variation=variation)
    except (LocalError, ValueError, OverflowError) as error:  # what is no number cannot be rounded
        raise RefusedError(f"{row.name} cannot take {value:g}: {error}") from error


def error_of(path: str, result: Result) -> TielineError | None:
    """What went wrong with a command; None where the outstation has confirmed it."""
    match result.outcome:
        case Outcome.DONE:
            return None
        case Outcome.REFUSED:
            return RemoteError(f"{path} refuses: {_reason(result)}")
        case Outcome.NOT_SENT:
            return UnavailableError(f"{path} was not asked: {_reason(result)}")
        case _:
            return UnconfirmedError(f"{path} may or may not have acted: {_reason(result)}")


def _reason(result: Result) -> str:
    failed = [status for status in result.statuses if status is not CommandStatus.SUCCESS]
    if failed:
        return f"{STATUS_WORDS[failed[0]]} ({failed[0].name})"
    return result.why or result.outcome.value
