"""Expressions over points, in the language of rules.

Calculations of the same text over inputs of the same names and kinds are evaluated as one, whatever points stand behind the names; a
station whose feeders are all alike costs one evaluation. An expression with `AGE` is also evaluated once a second, and its result is
due where it is another one than before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from tieline.config.calculation_expressions import expression_of
from tieline.config.calculation_sections import ExpressionSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations.fanout import Bits, Floats, Index, Times
from tieline.edge.processing.calculations.momentary import Inputs, Moments
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import checked
from tieline.edge.processing.calculations.stamps import AHEAD_US
from tieline.model import STATUS, Now, Quality, Samples
from tieline.rules import Value

AGE_PERIOD_S = 1.0


class Expressions(Part):
    """All expressions at once, those of the same text together."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        self._parts = [_Alike(list(group), row_of) for _, group in groupby(sorted(plan, key=_text), key=_text)]
        self._due_s = 0.0

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The results due to these samples."""
        return Samples.concatenate(result for part in self._parts if len(result := part.take(rows, samples)))

    def tick(self, now: Now) -> Samples:
        """The results that have changed because their inputs have grown older."""
        if now.monotonic_s < self._due_s:
            return Samples.empty()
        self._due_s = now.monotonic_s + AGE_PERIOD_S
        return Samples.concatenate(result for part in self._parts if part.aged and len(result := part.tick(now)))


class _Alike:
    """Calculations of one text, from inputs of the same names and kinds."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = plan[0].settings
        assert isinstance(settings, ExpressionSection)
        self._names = tuple(each.role for each in plan[0].inputs)
        self._expression = expression_of(settings.expression, {each.role: each.point.kind for each in plan[0].inputs})
        self.aged = tuple(name for name in self._names if name in self._expression.aged)
        self._inputs = Inputs(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale for calculation in plan])
        self._time = np.zeros(len(plan), np.int64)
        self._value = np.full(len(plan), np.nan)
        self._status = np.zeros(len(plan), np.uint16)

    def take(self, rows: Index, samples: Samples) -> Samples:
        moments = self._inputs.take(rows, samples)
        if moments is None:
            return Samples.empty()
        which = moments.calculation
        newest, told = moments.newest, self._time[which]
        time = np.where(told - newest > AHEAD_US, newest, np.maximum(newest, told))
        value, quality = self._evaluate(moments, time)
        self._note(which, time, value, quality)
        return Samples(self._id[which], time, value, quality)

    def tick(self, now: Now) -> Samples:
        which = np.arange(len(self._id))
        time = np.full(len(self._id), now.utc_us, np.int64)
        value, quality = self._evaluate(self._inputs.at(which), time)
        quality &= np.uint16(0xFFFF & ~Quality.DEVICE_TIME)
        is_same = (value == self._value) | (np.isnan(value) & np.isnan(self._value))
        changed = which[~is_same | ((quality & STATUS) != self._status) | (self._time == 0)]
        self._note(changed, time[changed], value[changed], quality[changed])
        return Samples(self._id[changed], time[changed], value[changed], quality[changed])

    def _evaluate(self, moments: Moments, time: Times) -> tuple[Floats, Bits]:
        count = len(moments.first)
        values, qualities = moments.value.reshape(count, -1), moments.quality.reshape(count, -1)
        times = moments.time.reshape(count, -1)
        inputs = {name: Value(values[:, place], qualities[:, place]) for place, name in enumerate(self._names)}
        ages = {
            name: np.where(times[:, place] == 0, np.inf, np.maximum(time - times[:, place], 0) / 1e6)
            for place, name in enumerate(self._names)
            if name in self.aged
        }
        found = self._expression.evaluate(inputs, ages)
        value = np.broadcast_to(np.asarray(found.value, np.float64), count) * self._scale[moments.calculation]
        return checked(value, np.broadcast_to(np.asarray(found.quality, np.uint16), count))

    def _note(self, which: Index, time: Times, value: Floats, quality: Bits) -> None:
        if self.aged:
            self._time[which], self._value[which], self._status[which] = time, value, quality & STATUS


def _text(calculation: Calculation) -> tuple[str, tuple[tuple[str, str], ...]]:
    assert isinstance(calculation.settings, ExpressionSection)
    return calculation.settings.expression, tuple((each.role, str(each.point.kind)) for each in calculation.inputs)
