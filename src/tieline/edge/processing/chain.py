"""The chain of steps: what is done to samples before anything else sees them.

Points have steps in an order of their own. All points that have a step of one kind at one place are one stage, whose parameters stand in
columns: however many points there are, a batch costs a few array operations for each stage that it touches. Debouncing, which alone
drops and adds samples, is the last step wherever it is there, so it comes after all stages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieline.config.processing import PointProcessing
from tieline.config.processing_steps import (
    Debounce,
    Filter,
    Invert,
    Limits,
    Linearization,
    Median,
    RateOfChange,
    Rollover,
    Round,
    Scale,
    Step,
    Substitute,
)
from tieline.edge.processing.debounce import DebounceMany, LetGo
from tieline.edge.processing.memo import Memo
from tieline.edge.processing.part import Part
from tieline.edge.processing.remembered import StepState, recall, remember
from tieline.edge.processing.stateful_steps import FilterMany, MedianMany, RateOfChangeMany, RolloverMany, SubstituteMany
from tieline.edge.processing.steps import InvertMany, LimitsMany, LinearizeMany, RoundMany, ScaleMany, StepOfMany
from tieline.edge.processing.turns import Index, is_once
from tieline.edge.processing.weave import woven
from tieline.model import Now, Samples
from tieline.model.lookup import Lookup
from tieline.model.samples import PointColumn

_MAKERS: Mapping[type, Callable[[Any], StepOfMany]] = {
    Scale: ScaleMany,
    Linearization: LinearizeMany,
    Limits: LimitsMany,
    RateOfChange: RateOfChangeMany,
    Substitute: SubstituteMany,
    Rollover: RolloverMany,
    Filter: FilterMany,
    Median: MedianMany,
    Round: RoundMany,
}


@dataclass(frozen=True, slots=True)
class _Touched:
    """The samples of a batch that a stage is for."""

    at: Index | slice
    rows: Index
    order: Index | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What follows from the point column of a batch."""

    stages: tuple[tuple[StepOfMany, _Touched], ...]
    debounced: _Touched | None


class Chain:
    """The steps of a site's points. Points without steps cost nothing."""

    def __init__(self, plan: Sequence[PointProcessing]) -> None:
        given = sorted((point for point in plan if point.steps), key=lambda point: point.point.id)
        self._ids = np.array([point.point.id for point in given], np.uint32)
        self._stages: list[tuple[StepOfMany, Index]] = []
        """A step of many, and for each point its row there or -1."""
        self._states: list[StepState] = []
        self._debounce: DebounceMany | None = None
        self._debounced: PointColumn = np.empty(0, np.uint32)
        """The ids of the points that it is for."""
        self._debounced_rows: Index = np.empty(0, np.intp)
        places: defaultdict[tuple[int, type], list[int]] = defaultdict(list)
        for row, processing in enumerate(given):
            for place, step in enumerate(processing.steps):
                places[-1 if isinstance(step, Debounce) else place, type(step)].append(row)
        for (place, kind), members in sorted(places.items(), key=lambda item: (item[0][0], item[0][1].__name__)):
            self._add(place, kind, [given[row] for row in members], np.array(members, np.intp))
        self._lookup = Lookup(self._ids)
        self._memo: Memo[_Plan] = Memo(self._plan)

    def take(self, samples: Samples) -> Samples:
        """The samples after their points' steps, in their order; only debouncing leaves some out or puts some in."""
        if not len(samples) or not len(self._ids):
            return samples
        plan = self._memo.of(samples.point)
        for step, touched in plan.stages:
            samples = _through(step, touched, samples)
        if plan.debounced is None or self._debounce is None:
            return samples
        taken = self._debounce.take(_part(plan.debounced, samples))
        if taken is None:
            return samples
        passes, let_go = taken
        at = np.arange(len(samples))[plan.debounced.at]
        stays = np.ones(len(samples), np.bool_)
        stays[at[~passes]] = False
        return woven(samples.take(stays), np.flatnonzero(stays), self._samples_of(let_go), at[let_go.at])

    def tick(self, now: Now) -> Samples:
        """Changes that were held back and have lasted long enough now."""
        let_go = self._debounce.tick(now) if self._debounce is not None else None
        return Samples.empty() if let_go is None else self._samples_of(let_go)

    def remember(self) -> dict[str, Any]:
        """What the steps know of the past, to go on from after a restart."""
        return remember(self._states)

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from what was remembered, for every point that still has a step of the same kind; the rest begins anew."""
        recall(self._states, state)

    def _add(self, place: int, kind: type, members: Sequence[PointProcessing], rows: Index) -> None:
        steps: list[Step] = [member.steps[place] for member in members]
        ids = self._ids[rows]
        if kind is Debounce:
            debounce = DebounceMany([step for step in steps if isinstance(step, Debounce)])
            self._debounce, self._debounced, state = debounce, ids, debounce.state
            self._debounced_rows = _inverse(rows, len(self._ids))
        else:
            step = InvertMany([member.point.kind for member in members]) if kind is Invert else _MAKERS[kind](steps)
            self._stages.append((step, _inverse(rows, len(self._ids))))
            state = step.state
        if state:
            before = [Counter(type(step) for step in member.steps[: place % len(member.steps)])[kind] for member in members]
            self._states.append(StepState(kind.__name__.lower(), np.array(before), ids, state))

    def _plan(self, column: PointColumn) -> _Plan:
        """Which samples of a batch with these points each stage is for."""
        rows = self._lookup.rows(column)
        touched = ((step, _touched(rows, local)) for step, local in self._stages)
        return _Plan(
            stages=tuple((step, found) for step, found in touched if found is not None),
            debounced=_touched(rows, self._debounced_rows) if self._debounce is not None else None,
        )

    def _samples_of(self, let_go: LetGo) -> Samples:
        return Samples(self._debounced[let_go.rows], let_go.time, let_go.value, let_go.quality)


def _inverse(rows: Index, count: int) -> Index:
    """For each of `count` rows its place in `rows`, or -1."""
    places = np.full(count, -1, np.intp)
    places[rows] = np.arange(len(rows))
    return places


def _touched(rows: Index, local: Index) -> _Touched | None:
    """Where `local` has a row for the rows of a batch, some of which are -1; None for nowhere."""
    mine = np.where(rows >= 0, local[rows], -1)
    is_mine = mine >= 0
    if not is_mine.any():
        return None
    at = slice(None) if is_mine.all() else np.flatnonzero(is_mine)
    mine = mine[at]
    return _Touched(at, mine, None if is_once(mine) else np.argsort(mine, kind="stable"))


def _part(touched: _Touched, samples: Samples) -> Part:
    at = touched.at
    return Part(touched.rows, samples.time[at], samples.value[at], samples.quality[at], touched.order)


def _through(step: StepOfMany, touched: _Touched, samples: Samples) -> Samples:
    part = _part(touched, samples)
    value, quality = step.take(part)
    if not isinstance(touched.at, slice):
        value, quality = _put(samples.value, touched.at, value), _put(samples.quality, touched.at, quality)
    return Samples(samples.point, samples.time, value, quality)


def _put(column: Any, at: Index, new: Any) -> Any:
    changed = column.copy()
    changed[at] = new
    return changed
