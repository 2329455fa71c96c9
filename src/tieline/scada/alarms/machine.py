"""The states of an alarm and every way from one to another (ISA-18.2-2016 figure 3, IEC 62682 figure 3).

How it works. An alarm has a *condition*, which comes and goes after its delays, and a *state*, which also says what people
have done. Six states are those of an alarm that is told to people. Three hold it back: a person has shelved it, its design
suppresses it, or it is out of service. More than one may hold it back at a time; the strongest is its state (out of service,
then suppressed, then shelved). While it is held back its condition is followed, but changes nothing. When nothing holds it
back any more it `RESUME`s: it is unacknowledged where its condition holds, as if it came now, and normal otherwise; a latch
does not outlast being held back.

`TABLE` is all of it: for every state and trigger the state that follows, `STAYS` where nothing changes, `RESUME`, or why it
is refused. A refusal changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from tieline.model.alarms import AlarmState

Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]

STATES: tuple[AlarmState, ...] = tuple(AlarmState)
"""A state's code is its place here."""
CODE: Mapping[AlarmState, int] = {state: code for code, state in enumerate(STATES)}


class Trigger(IntEnum):
    """What can happen to an alarm."""

    RAISE = 0
    """Its condition came, and has lasted for its on-delay."""
    RETURN = 1
    """Its condition went, and has been gone for its off-delay."""
    ACKNOWLEDGE = 2
    RESET = 3
    SHELVE = 4
    UNSHELVE = 5
    EXPIRE = 6
    """The time for which it was shelved is over."""
    SUPPRESS = 7
    UNSUPPRESS = 8
    TAKE_OUT = 9
    """Out of service."""
    PUT_BACK = 10
    """Into service."""


class Special(StrEnum):
    """What may stand in the table beside states and refusals."""

    STAYS = "stays"
    RESUME = "resumes"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request makes no sense in a state."""

    why: str


Target = AlarmState | Special | Refused

N, U, A, R = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.RETURNED
LU, LA = AlarmState.LATCHED_UNACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED
SH, SU, OS = AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE
_, BACK = Special.STAYS, Special.RESUME

NOTHING_TO_ACKNOWLEDGE = Refused("it is normal, there is nothing to acknowledge")
ACKNOWLEDGED_ALREADY = Refused("it is acknowledged already")
NOTHING_TO_RESET = Refused("it is normal, there is nothing to reset")
STILL_ACTIVE = Refused("its condition still holds; it can be reset when that is gone")
NOT_LATCHED = Refused("it is not latched; acknowledge it")
ACKNOWLEDGE_FIRST = Refused("nobody has acknowledged it; acknowledge it first")
IS_SHELVED = Refused("it is shelved")
IS_SUPPRESSED = Refused("it is suppressed by design")
IS_OUT = Refused("it is out of service")
NOT_SHELVED = Refused("it is not shelved")
NOT_OUT = Refused("it is in service")

TABLE: Mapping[Trigger, tuple[Target, ...]] = {
    # state before:         normal                 unack.        acknowledged          returned     latched un.        latched ack.
    #                       shelved     suppressed     out of service
    Trigger.RAISE: (U, _, _, U, U, U, _, _, _),
    Trigger.RETURN: (_, R, N, _, _, _, _, _, _),  # of an alarm that does not latch; see LATCHED_RETURN
    Trigger.ACKNOWLEDGE: (
        *(NOTHING_TO_ACKNOWLEDGE, A, ACKNOWLEDGED_ALREADY, N, LA, ACKNOWLEDGED_ALREADY),
        *(IS_SHELVED, IS_SUPPRESSED, IS_OUT),
    ),
    Trigger.RESET: (
        *(NOTHING_TO_RESET, STILL_ACTIVE, STILL_ACTIVE, NOT_LATCHED, ACKNOWLEDGE_FIRST, N),
        *(IS_SHELVED, IS_SUPPRESSED, IS_OUT),
    ),
    Trigger.SHELVE: (SH, SH, SH, SH, SH, SH, SH, IS_SUPPRESSED, IS_OUT),  # once more: until another time
    Trigger.UNSHELVE: (*(NOT_SHELVED,) * 6, BACK, IS_SUPPRESSED, IS_OUT),
    Trigger.EXPIRE: (*(_,) * 6, BACK, _, _),
    Trigger.SUPPRESS: (SU, SU, SU, SU, SU, SU, SU, _, _),
    Trigger.UNSUPPRESS: (*(_,) * 7, BACK, _),
    Trigger.TAKE_OUT: (*(OS,) * 8, IS_OUT),
    Trigger.PUT_BACK: (*(NOT_OUT,) * 8, BACK),
}
"""Trigger: what follows, in the order of `STATES`."""

LATCHED_RETURN: tuple[Target, ...] = (_, LU, LA, _, _, _, _, _, _)
"""What follows `RETURN` for an alarm that latches."""

HELD = CODE[SH]
"""States from this code on hold an alarm back."""

_STAYS, _RESUME, _REFUSED = -1, -2, -3


def target(trigger: Trigger, state: AlarmState, *, is_latching: bool) -> Target:
    """What the table says."""
    row = LATCHED_RETURN if is_latching and trigger is Trigger.RETURN else TABLE[trigger]
    return row[CODE[state]]


def _code(found: Target) -> int:
    match found:
        case AlarmState():
            return CODE[found]
        case Special():
            return _STAYS if found is Special.STAYS else _RESUME
        case Refused():
            return _REFUSED


_NEXT = np.array(
    [
        [[_code(target(trigger, state, is_latching=latches)) for state in STATES] for trigger in Trigger]
        for latches in (False, True)
    ],
    np.int8,
)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What holds alarms back, and whether their conditions hold, in columns."""

    is_active: Mask
    is_shelved: Mask
    is_suppressed: Mask
    is_out: Mask


def follow(trigger: Trigger, before: Codes, is_latching: Mask, held: Held) -> tuple[Codes, Mask]:
    """The codes of the states that follow, and where the trigger is refused; `held` says how things stand after it."""
    found = _NEXT[is_latching.astype(np.intp), int(trigger), before]
    is_refused = found == _REFUSED
    after = np.where(found < 0, before, found).astype(np.int8)
    resumes = found == _RESUME
    if resumes.any():
        resumed = np.select(
            [held.is_out, held.is_suppressed, held.is_shelved, held.is_active],
            [CODE[OS], CODE[SU], CODE[SH], CODE[U]],
            CODE[N],
        )
        after = np.where(resumes, resumed, after).astype(np.int8)
    return after, is_refused
