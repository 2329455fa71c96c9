"""What goes up of the samples of a site: for each point everything, what is new, or nothing.

A point without a section of its own is reported by exception, as the point list has it; states, which have no deadband, with every
change. Of points of class aggregates or on request nothing goes up, whatever happens to them: the section that says so was
written on purpose, and the site keeps their samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieline.config.processing import PointProcessing, PointReporting
from tieline.edge.processing.exceptions import Exceptions
from tieline.edge.processing.memo import Memo
from tieline.edge.processing.part import Mask
from tieline.edge.processing.swinging_door import Held, SwingingDoors
from tieline.edge.processing.turns import Index, wide_turns
from tieline.edge.processing.weave import woven
from tieline.model import VALIDITY, Now, Point, Quality, Samples
from tieline.model.lookup import Lookup
from tieline.model.samples import PointColumn

_OUT_OF_RANGE = np.uint16(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
_MUTE = {"aggregates", "on_request"}


@dataclass(frozen=True, slots=True)
class _Way:
    """The samples of a batch that are reported in one way."""

    at: Index
    """Their places."""
    rows: Index
    wide: list[Index | slice]
    rest: Index
    """Both as of `wide_turns`, counted within `at`."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What follows from the point column of a batch."""

    rows: Index
    exceptions: _Way
    doors: _Way


class Reporting:
    """Chooses what goes up, by what went up before. Every point has to be one of those given at the start."""

    def __init__(self, points: Sequence[Point], plan: Sequence[PointProcessing] = ()) -> None:
        declared = {entry.point.id: entry.reporting for entry in plan if entry.reporting is not None}
        ordered = sorted(points, key=lambda point: point.id)
        reporting = [declared.get(point.id) or _usual(point) for point in ordered]
        self._ids = np.array([point.id for point in ordered], np.uint32)
        self._lookup = Lookup(self._ids)
        self._low = np.array([-np.inf if point.low is None else point.low for point in ordered])
        self._high = np.array([np.inf if point.high is None else point.high for point in ordered])
        self._has_limits = bool(np.isfinite(self._low).any() or np.isfinite(self._high).any())
        self._exceptions = Exceptions(reporting)
        doors = [(row, point.door) for row, point in enumerate(reporting) if point.door is not None]
        self._doors = SwingingDoors([door for _, door in doors])
        self._door_ids = self._ids[[row for row, _ in doors]]
        self._door_rows = np.full(len(ordered), -1, np.intp)
        self._door_rows[[row for row, _ in doors]] = np.arange(len(doors))
        self._is_mute = np.array([point.report in _MUTE for point in reporting], np.bool_)
        self._memo: Memo[_Plan] = Memo(self._plan)

    def select(self, samples: Samples) -> Samples:
        """The samples worth reporting, limits applied, in their order, and in front of them those that were held back for them."""
        if not len(samples):
            return samples
        plan = self._memo.of(samples.point)
        samples = self._with_limits(samples, plan.rows)
        chosen = np.zeros(len(samples), np.bool_)
        self._by_exception(plan.exceptions, samples, chosen)
        freed, before = self._by_doors(plan.doors, samples, chosen)
        reported = samples if chosen.all() else samples.take(chosen)
        return woven(reported, np.flatnonzero(chosen), freed, before) if len(freed) else reported

    def qualify(self, samples: Samples) -> Samples:
        """The samples with limits applied, all of them; `select` does it too, and harmlessly again."""
        return self._with_limits(samples, self._memo.of(samples.point).rows) if len(samples) else samples

    def tick(self, now: Now) -> Samples:
        """Samples that compression has held back for as long as it may; they are reported as they are."""
        return self._of_doors(self._doors.tick(now)) if len(self._door_ids) else Samples.empty()

    def flush(self) -> Samples:
        """All samples that compression holds back: what is left to report at the end."""
        return self._of_doors(self._doors.flush())

    def _by_exception(self, way: _Way, samples: Samples, chosen: Mask) -> None:
        for turn in way.wide:
            at = way.at[turn]
            chosen[at] = self._exceptions.choose(way.rows[turn], samples.time[at], samples.value[at], samples.quality[at])
        if len(way.rest):
            at = way.at[way.rest]
            chosen[at] = self._exceptions.choose_in_turn(
                way.rows[way.rest], samples.time[at], samples.value[at], samples.quality[at]
            )

    def _by_doors(self, way: _Way, samples: Samples, chosen: Mask) -> tuple[Samples, Index]:
        """Chooses, and gives what was held back until now with the places in front of which it belongs."""
        freed: list[Samples] = []
        before: list[Index] = []
        choices = [(turn, self._doors.choose) for turn in way.wide]
        if len(way.rest):
            choices.append((way.rest, self._doors.choose_in_turn))
        for turn, choose in choices:
            at = way.at[turn]
            chosen[at], frees, held = choose(way.rows[turn], samples.time[at], samples.value[at], samples.quality[at])
            freed.append(self._of_doors(held))
            before.append(at[frees])
        return Samples.concatenate(freed), np.concatenate([np.empty(0, np.intp), *before])

    def _of_doors(self, held: Held) -> Samples:
        return Samples(self._door_ids[held.rows], held.time, held.value, held.quality)

    def _plan(self, column: PointColumn) -> _Plan:
        rows = self._lookup.rows(column)
        if (rows < 0).any():
            raise ValueError("samples of a point that this site does not have")
        door_rows = self._door_rows[rows]
        by_exception = np.flatnonzero((door_rows < 0) & ~self._is_mute[rows])
        by_doors = np.flatnonzero(door_rows >= 0)
        return _Plan(rows, _way(by_exception, rows[by_exception]), _way(by_doors, door_rows[by_doors]))

    def _with_limits(self, samples: Samples, rows: Index) -> Samples:
        if not self._has_limits:
            return samples
        beyond = (samples.value < self._low[rows]) | (samples.value > self._high[rows])
        beyond &= (samples.quality & VALIDITY) == 0
        if not beyond.any():
            return samples
        quality = np.where(beyond, samples.quality | _OUT_OF_RANGE, samples.quality)
        return Samples(samples.point, samples.time, samples.value, quality)


def _way(at: Index, rows: Index) -> _Way:
    wide, rest = wide_turns(rows) if len(rows) else ([], rows)
    return _Way(at, rows, wide, rest)


def _usual(point: Point) -> PointReporting:
    return PointReporting(report="exceptions", deadband=point.reporting.deadband, max_silence_s=point.reporting.max_silence_s)
