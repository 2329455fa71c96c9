"""How well the alarms of some operators serve them: the figures of ISA-18.2 clause 16 (IEC 62682 clause 16), from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tieline.scada.alarms.conditions import Rows, Times
from tieline.scada.alarms.floods import WINDOW_US, Flood, floods_in
from tieline.scada.alarms.standing import RECENT, RECENT_US

MOST_BAD_ACTORS = 10
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BadActor:
    """An alarm that came often, and its share of all in percent."""

    alarm: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The figures of a time; times are microseconds since 1970-01-01 UTC. Only alarms of which people were told count."""

    begin: int
    end: int
    operators: int
    alarms: int
    per_operator_hour: float
    """About 6 are very likely to be acceptable, about 12 manageable."""
    most_in_ten_minutes: int
    """For each operator, in any ten minutes; 10 or fewer."""
    percent_of_hours_above_30: float
    """Hours with more than 30 alarms an operator; below 1 %."""
    floods: tuple[Flood, ...]
    percent_in_flood: float
    """Below 1 %."""
    priorities: Mapping[int, int]
    """Priority: how many alarms. About 5 % high, 15 % medium and 80 % low; critical ones are fewer than 1 %."""
    bad_actors: tuple[BadActor, ...]
    """The ten that came most often; together 1 % to 5 % of all."""
    chattering: tuple[str, ...]
    """Those that came three times in a minute; none."""
    stale: tuple[str, ...]
    """Those that have been active for more than 24 hours now; fewer than 5."""
    standing: int
    """Active now, and not held back."""
    unacknowledged: int
    shelved: int
    suppressed: int
    out_of_service: int


def most_within(told: Times, window_us: int = WINDOW_US) -> int:
    """The most alarms in any window of that length; the times are in ascending order."""
    if not len(told):
        return 0
    return int((np.arange(1, len(told) + 1) - np.searchsorted(told, told - window_us, side="right")).max())


def percent_in_flood(floods: tuple[Flood, ...], begin: int, end: int) -> float:
    """How much of the time [begin, end) is flooded."""
    flooded = sum(max(0, min(flood.ended, end) - max(flood.began, begin)) for flood in floods)
    return 100 * flooded / (end - begin)


def percent_of_hours_above(told: Times, begin: int, end: int, most: float) -> float:
    """How many of the hours from `begin` on have more alarms than that, in percent; what is left of an hour at the end counts as one."""
    hours = -(-(end - begin) // _HOUR_US)
    counts = np.bincount((told - begin) // _HOUR_US, minlength=hours)
    return float(100 * np.count_nonzero(counts > most) / hours)


def chattering(row: Rows, told: Times) -> Rows:
    """The alarms that came three times within a minute; `told` is in ascending order."""
    order = np.argsort(row, kind="stable")
    row, told = row[order], told[order]
    last, first = slice(RECENT - 1, None), slice(None, -(RECENT - 1))
    found: Rows = np.unique(row[last][(row[last] == row[first]) & (told[last] - told[first] <= RECENT_US)])
    return found


def flooded(told: Times) -> tuple[Flood, ...]:
    """The floods among these alarms."""
    return tuple(floods_in(told))
