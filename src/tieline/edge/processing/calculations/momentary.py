"""Results that depend on what their inputs are at a moment: sums, differences, three-phase quantities, expressions.

A calculation is evaluated once for each time at which one of its inputs has a sample, with every input as it was then, so that of a
burst of events none is lost; a poll, in which all have one time, makes one evaluation. A sample that its device stamped before the
newest of its input changes nothing. The result's time is that of the newest input.

All calculations of a kind are evaluated together. Within a batch, events are put in order by calculation and time; the value of an
input at an evaluation is then the last event of that input before it, found by bisection, or what the input was before the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieline.config.calculations import Calculation
from tieline.edge.image import NEVER
from tieline.edge.processing.calculations.fanout import Bits, Fanout, Floats, Index, Times, starts_of
from tieline.edge.processing.calculations.stamps import is_in_order
from tieline.model import Samples


@dataclass(frozen=True, slots=True)
class Moments:
    """Evaluations, in runs of inputs: run `i` begins at `first[i]` and holds the inputs of `calculation[i]` in their order."""

    calculation: Index
    first: Index
    slot: Index
    value: Floats
    """In the unit in which the function computes."""
    quality: Bits
    time: Times
    """Of each input, 0 where it was never heard."""

    @property
    def newest(self) -> Times:
        """The time of each evaluation: that of its newest input."""
        found: Times = np.maximum.reduceat(self.time, self.first)
        return found


class Inputs:
    """The inputs of the calculations of a kind, as they were last."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        inputs = [each for calculation in plan for each in calculation.inputs]
        widths = [len(calculation.inputs) for calculation in plan]
        self._rows = Fanout([row_of[each.point.id] for each in inputs], len(row_of))
        self._calculation = np.repeat(np.arange(len(plan)), widths)
        self._slots = Fanout(self._calculation, len(plan))
        self._factor = np.array([each.factor for each in inputs])
        self._time = np.zeros(len(inputs), np.int64)
        self._value = np.full(len(inputs), np.nan)
        self._quality = np.full(len(inputs), NEVER, np.uint16)

    def take(self, rows: Index, samples: Samples) -> Moments | None:
        """What has to be evaluated for these samples of these rows of the site's points; None where nothing has to."""
        position, slot = self._rows.expand(rows)
        time = samples.time[position]
        fresh = is_in_order(time, self._time[slot], samples.quality[position])
        if not fresh.all():
            position, slot, time = position[fresh], slot[fresh], time[fresh]
        if not len(slot):
            return None
        calculation = self._calculation[slot]
        order = np.lexsort((time, calculation))
        position, slot, time, calculation = position[order], slot[order], time[order], calculation[order]
        value, quality = samples.value[position] * self._factor[slot], samples.quality[position]
        is_new = np.concatenate(([True], (calculation[1:] != calculation[:-1]) | (time[1:] != time[:-1])))
        evaluated = calculation[is_new]
        evaluation = np.cumsum(is_new) - 1
        if len(starts_of(evaluated)) == len(evaluated):
            self._update(slot, time, value, quality)
            return self.at(evaluated)
        moments = self._as_of(evaluated, evaluation, slot, time, value, quality)
        self._update(slot, time, value, quality)
        return moments

    def at(self, calculations: Index) -> Moments:
        """One evaluation of each of these calculations, with the inputs as they are now."""
        run, slot = self._slots.expand(calculations)
        return Moments(calculations, starts_of(run), slot, self._value[slot], self._quality[slot], self._time[slot])

    def _update(self, slot: Index, time: Times, value: Floats, quality: Bits) -> None:
        self._time[slot], self._value[slot], self._quality[slot] = time, value, quality  # of two the last stays: the newer one

    def _as_of(self, evaluated: Index, evaluation: Index, slot: Index, time: Times, value: Floats, quality: Bits) -> Moments:
        count = len(evaluated)
        key = slot * count + evaluation
        order = np.argsort(key, kind="stable")
        run, asked = self._slots.expand(evaluated)
        place = np.searchsorted(key[order], asked * count + run, side="right") - 1
        event = order[np.maximum(place, 0)]
        is_there = (place >= 0) & (slot[event] == asked)
        return Moments(
            evaluated,
            starts_of(run),
            asked,
            np.where(is_there, value[event], self._value[asked]),
            np.where(is_there, quality[event], self._quality[asked]),
            np.where(is_there, time[event], self._time[asked]),
        )
