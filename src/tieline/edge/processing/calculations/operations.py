"""`operations`: how often a switch has opened, closed, or both.

What counts is a change from one of the two positions to the other; a double point passes through its intermediate state in between. Where
the position was unknown for a time, the switch may have operated more often than is seen, and the first result behind says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tieline.config.calculation_sections import OperationsSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Floats, Index, starts_of
from tieline.edge.processing.calculations.following import NEVER, Arrivals, before, lasts, running_totals
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import accumulated, is_usable
from tieline.model import Now, PointKind, Samples

_OPEN, _CLOSED = 0.0, 1.0


class Operations(Part):
    """All counts of operations at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = [_settings(calculation) for calculation in plan]
        self._keys = [
            f"{calculation.point.path} {calculation.inputs[0].point.path} {each.count}"
            for calculation, each in zip(plan, settings, strict=True)
        ]
        self._arrivals = Arrivals(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._offset = np.array([_is_double(calculation) for calculation in plan], np.float64)
        """What lies between the numbers of a double point's positions, 1 and 2, and those of a binary one's."""
        self._openings = np.array([each.count != "closings" for each in settings])
        self._closings = np.array([each.count != "openings" for each in settings])
        self._position = np.full(len(plan), np.nan)
        self._is_dark = np.zeros(len(plan), np.bool_)
        """Since the last position that was heard, it was not known for a time."""
        self._total = np.zeros(len(plan))
        self._told_us = self._stopped_us = NEVER

    @property
    def late(self) -> int:  # type: ignore[override]  # counted where samples arrive
        """Samples that came after a newer one."""
        return self._arrivals.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The count at each of these samples."""
        came = self._arrivals.take(rows, samples)
        which, first = came.which, came.first
        if not len(which):
            return Samples.empty()
        usable = is_usable(came.value, came.quality)
        position = came.value - self._offset[which]
        is_position = usable & ((position == _OPEN) | (position == _CLOSED))
        step = np.zeros(len(which))
        at = np.flatnonzero(is_position)
        if len(at):
            run = starts_of(which[at])
            last_position = before(position[at], run, self._position[which[at][run]])
            step[at] = self._counts(which[at], last_position, position[at])
            end = lasts(run, len(at))
            self._position[which[at[end]]] = position[at[end]]
        total = running_totals(first, self._total[which[first]], step)
        is_dark = before(~usable, first, self._is_dark[which[first]])
        time_before = before(came.time, first, self._arrivals.time[which[first]])
        is_dark |= (time_before <= self._stopped_us) & (came.time - max(self._stopped_us, 0) > memory.RESTART_US)
        is_dark &= time_before != NEVER
        last = lasts(first, len(which))
        self._arrivals.time[which[last]], self._total[which[last]] = came.time[last], total[last]
        self._is_dark[which[last]] = ~usable[last]
        return Samples(self._id[which], came.time, total, accumulated(came.quality, usable, is_dark))

    def _counts(self, which: Index, old: Floats, new: Floats) -> Floats:
        opened = self._openings[which] & (old == _CLOSED) & (new == _OPEN)
        closed = self._closings[which] & (old == _OPEN) & (new == _CLOSED)
        return np.asarray(opened | closed, np.float64)

    def tick(self, now: Now) -> Samples:
        """Nothing: a sample has to come."""
        self._told_us = now.utc_us
        return Samples.empty()

    def remember(self) -> dict[str, Any]:
        return {**memory.remember(self._keys, self._columns()), "told_us": self._told_us}

    def recall(self, state: Mapping[str, Any]) -> None:
        told = memory.time_of(state.get("told_us"))
        if len(memory.recall(self._keys, self._columns(), state)) and told is not None:
            self._stopped_us = max(self._stopped_us, told)

    def _columns(self) -> memory.Columns:
        return {"time": self._arrivals.time, "position": self._position, "dark": self._is_dark, "total": self._total}


def _settings(calculation: Calculation) -> OperationsSection:
    assert isinstance(calculation.settings, OperationsSection)
    return calculation.settings


def _is_double(calculation: Calculation) -> bool:
    return calculation.inputs[0].point.kind is PointKind.DOUBLE
