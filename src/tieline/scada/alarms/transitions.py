"""Transitions: what happened to which alarms, in columns."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model.alarms import AlarmState
from tieline.scada.alarms.conditions import Floats, Qualities, Rows, Times
from tieline.scada.alarms.machine import CODE, HELD, Codes, Mask, Trigger

NORMAL, UNACKNOWLEDGED = CODE[AlarmState.NORMAL], CODE[AlarmState.UNACKNOWLEDGED]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transitions:
    """One trigger for some alarms at one moment. Where an alarm was held back, the state may be the same before and after."""

    trigger: Trigger
    row: Rows
    before: Codes
    after: Codes
    time: Times
    """Of the condition, by the device's own clock; of a request, the center's. Microseconds since 1970-01-01 UTC."""
    received: int
    """When the center knew."""
    value: Floats
    quality: Qualities
    by: str = ""
    """The person, or the logic, that did it; empty for a condition."""
    reason: str = ""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def told(self) -> Rows:
        """The alarms of which people are told now: the annunciations of ISA-18.2."""
        rows: Rows = self.row[(self.after == UNACKNOWLEDGED) & (self.before != UNACKNOWLEDGED)]
        return rows


def is_told(codes: Codes) -> Mask:
    """Where the code is that of an alarm that stands before people: neither normal nor held back."""
    stands: Mask = (codes != NORMAL) & (codes < HELD)
    return stands
