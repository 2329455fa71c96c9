"""`duration`: how long a point was in a state since the beginning, or is in it now.

Each sample gives a result, and so does each `report_s` of the UTC clock. A state is believed for `max_gap_s` after its sample; what comes
behind that does not count, and the result says that it may be missing something. A result between samples counts up to its own time; where
a sample comes later that is older, the total goes back to no less than what was told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tieline.config.calculation_sections import DurationSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Bits, Index, Mask, Times
from tieline.edge.processing.calculations.following import NEVER, Arrivals, before, lasts, running_totals
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INACCURATE, INVALID, accumulated, is_usable, worsened
from tieline.model import Now, PointKind, Quality, Samples

_BINARY = {"off": 0.0, "open": 0.0, "on": 1.0, "closed": 1.0}
_DOUBLE = {"intermediate": 0.0, "off": 1.0, "open": 1.0, "on": 2.0, "closed": 2.0, "bad": 3.0}


class Durations(Part):
    """All durations at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = [_settings(calculation) for calculation in plan]
        count = len(plan)
        self._keys = [
            f"{calculation.point.path} {calculation.inputs[0].point.path} {each.state} {each.show}"
            for calculation, each in zip(plan, settings, strict=True)
        ]
        self._arrivals = Arrivals(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale / 1e6 for calculation in plan])
        self._state = np.array([_number(calculation) for calculation in plan])
        self._is_present = np.array([each.show == "present" for each in settings])
        self._period = np.array([each.report_s * 1_000_000 for each in settings], np.int64)
        self._gap = np.array([int(each.max_gap_s * 1e6) for each in settings], np.int64)
        self._is_in = np.zeros(count, np.bool_)
        self._usable = np.zeros(count, np.bool_)
        self._quality = np.full(count, INVALID, np.uint16)
        self._since = np.full(count, NEVER, np.int64)
        """When it came into the state in which it is."""
        self._is_exact = np.zeros(count, np.bool_)
        """Whether it was seen to come into it."""
        self._total = np.zeros(count, np.int64)
        """Microseconds up to the newest sample."""
        self._told = np.zeros(count, np.int64)
        self._due = np.full(count, NEVER, np.int64)
        self._told_us = self._stopped_us = NEVER

    @property
    def late(self) -> int:  # type: ignore[override]  # counted where samples arrive
        """Samples that came after a newer one."""
        return self._arrivals.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The duration at each of these samples."""
        came = self._arrivals.take(rows, samples)
        which, first = came.which, came.first
        if not len(which):
            return Samples.empty()
        usable = is_usable(came.value, came.quality)
        is_in = usable & (came.value == self._state[which])
        time_before = before(came.time, first, self._arrivals.time[which[first]])
        was_in = before(is_in, first, self._is_in[which[first]])
        was_usable = before(usable, first, self._usable[which[first]])
        counted, is_missed = self._span(which, time_before, came.time)
        total = running_totals(first, self._total[which[first]], np.where(was_in, counted, 0))
        since, is_exact = self._entered(which, first, came.time, is_in, was_in, was_usable & ~is_missed)
        last = lasts(first, len(which))
        at = which[last]
        self._arrivals.time[at], self._is_in[at], self._usable[at] = came.time[last], is_in[last], usable[last]
        self._quality[at], self._total[at] = came.quality[last], total[last]
        self._since[at], self._is_exact[at] = since[last], is_exact[last]
        is_missed |= ~was_usable & (time_before != NEVER)
        return self._results(
            which, came.time, total, since, is_in, is_exact, accumulated(came.quality, usable, is_missed), usable
        )

    def tick(self, now: Now) -> Samples:
        """The durations that are reported with the clock."""
        if now.utc_us < self._told_us:
            self._due[:] = NEVER  # the clock has stepped back
        self._told_us = now.utc_us
        if now.utc_us < self._due.min():
            return Samples.empty()
        at = now.utc_us // self._period * self._period
        due = np.flatnonzero((self._due <= now.utc_us) & (self._arrivals.time != NEVER) & (self._arrivals.time <= at))
        self._due = at + self._period
        time = at[due]
        counted, is_missed = self._span(due, self._arrivals.time[due], time)
        total = self._total[due] + np.where(self._is_in[due], counted, 0)
        quality = self._quality[due] & np.uint16(0xFFFF & ~Quality.DEVICE_TIME)
        quality = accumulated(quality, self._usable[due], is_missed)
        known = self._usable[due] & ~is_missed
        return self._results(due, time, total, self._since[due], self._is_in[due], self._is_exact[due], quality, known)

    def _span(self, which: Index, start: Times, end: Times) -> tuple[Times, Mask]:
        """How much of the time from a sample on is believed to be as it says, and whether any of it is not."""
        is_first = start == NEVER
        begin = np.where(is_first, end, start)
        known = begin + self._gap[which]
        stopped = (start <= self._stopped_us) & (end - max(self._stopped_us, 0) > memory.RESTART_US)
        known = np.where(stopped, np.minimum(known, np.maximum(self._stopped_us, begin)), known)
        return np.maximum(np.minimum(end, known) - begin, 0), ((end > known) | (end < begin)) & ~is_first

    def _entered(self, which: Index, first: Index, time: Times, is_in: Mask, was_in: Mask, was_known: Mask) -> tuple[Times, Mask]:
        """Since when it is in the state, and whether that was seen; unchanged while it stays in it."""
        stays = is_in & was_in & was_known
        since, is_exact = np.where(stays, NEVER, time), is_in & ~was_in & was_known
        place = np.arange(len(which))
        run = np.repeat(first, np.diff(np.append(first, len(which))))
        origin = np.maximum.accumulate(np.where(stays, -1, place))  # the newest row that did not stay
        inside = origin >= run
        since = np.where(inside, since[np.maximum(origin, 0)], self._since[which])
        return since, np.where(inside, is_exact[np.maximum(origin, 0)], self._is_exact[which])

    def _results(
        self,
        which: Index,
        time: Times,
        total: Times,
        since: Times,
        is_in: Mask,
        is_exact: Mask,
        quality: Bits,
        known: Mask,
    ) -> Samples:
        present = self._is_present[which]
        told = np.maximum(total, self._told[which])
        np.maximum.at(self._told, which, told)
        duration = np.where(present, np.where(is_in, np.maximum(time - since, 0), 0), told)
        doubtful = present & is_in & ~is_exact
        quality = np.where(doubtful, worsened(quality, np.full_like(quality, INACCURATE)), quality)
        quality = np.where(present & ~known, worsened(quality, np.full_like(quality, INVALID)), quality)
        value = np.where(present & ~known, np.nan, duration * self._scale[which])
        return Samples(self._id[which], time, value, quality)

    def remember(self) -> dict[str, Any]:
        return {**memory.remember(self._keys, self._columns()), "told_us": self._told_us}

    def recall(self, state: Mapping[str, Any]) -> None:
        told = memory.time_of(state.get("told_us"))
        if len(memory.recall(self._keys, self._columns(), state)) and told is not None:
            self._stopped_us = max(self._stopped_us, told)

    def _columns(self) -> memory.Columns:
        return {
            "time": self._arrivals.time,
            "in": self._is_in,
            "usable": self._usable,
            "quality": self._quality,
            "since": self._since,
            "exact": self._is_exact,
            "total": self._total,
            "told": self._told,
        }


def _settings(calculation: Calculation) -> DurationSection:
    assert isinstance(calculation.settings, DurationSection)
    return calculation.settings


def _number(calculation: Calculation) -> float:
    is_double = calculation.inputs[0].point.kind is PointKind.DOUBLE
    return (_DOUBLE if is_double else _BINARY)[_settings(calculation).state]
