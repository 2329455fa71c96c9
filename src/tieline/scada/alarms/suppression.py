"""Suppression by design: expressions over points that say when alarms mean nothing (ISA-18.2 clause 12.3).

Alarms of the same expression over the same points are decided as one. Only TRUE of good quality suppresses: nothing is
hidden because of a position that nobody knows. Until every point of an expression has been heard, everything stays as it
was. What a device reports while it is being tested says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tieline.config.alarm_plan import AlarmPlan
from tieline.config.calculation_expressions import expression_of
from tieline.model import VALIDITY, Quality, Samples
from tieline.rules import Expression, Value
from tieline.scada.alarms.conditions import Rows
from tieline.scada.live import FUTURE_US

_NEVER = np.iinfo(np.int64).min
_TEST = int(Quality.TEST)


@dataclass(slots=True)
class _Rule:
    expression: Expression
    places: dict[str, int]
    """Name in the expression: place of its point."""
    rows: Rows
    is_on: bool | None = None


class Suppression:
    """Decides which alarms are suppressed by design."""

    def __init__(self, plan: Sequence[AlarmPlan]) -> None:
        alike: dict[tuple[str, tuple[tuple[str, str], ...]], list[int]] = {}
        for row, each in enumerate(plan):
            if each.suppress:
                key = each.suppress, tuple((name, point.path) for name, point in sorted(each.suppress_inputs.items()))
                alike.setdefault(key, []).append(row)
        inputs = {int(point.id) for each in plan for point in each.suppress_inputs.values() if each.suppress}
        self._ids = np.array(sorted(inputs), np.uint32)
        self._place = {int(point): place for place, point in enumerate(self._ids)}
        self._rules = [self._rule(plan[rows[0]], rows) for rows in alike.values()]
        self._users: dict[int, list[int]] = {}
        for number, rule in enumerate(self._rules):
            for place in rule.places.values():
                self._users.setdefault(place, []).append(number)
        self._time = np.full(len(self._ids), _NEVER)
        self._clock = _NEVER
        self._value = np.full(len(self._ids), np.nan)
        self._quality = np.zeros(len(self._ids), np.uint16)
        self.rows = np.array([row for row, each in enumerate(plan) if each.suppress], np.intp)
        """Alarms that an expression can suppress."""

    def _rule(self, plan: AlarmPlan, rows: list[int]) -> _Rule:
        kinds = {name: point.kind for name, point in plan.suppress_inputs.items()}
        places = {name: self._place[int(point.id)] for name, point in plan.suppress_inputs.items()}
        return _Rule(expression_of(plan.suppress, kinds), places, np.array(rows, np.intp))

    def take(self, samples: Samples, now_us: int) -> Iterator[tuple[Rows, bool, str]]:
        """The alarms that are suppressed, or no longer, from these samples on, and the expression that says so."""
        if not len(self._ids) or not len(samples):
            return
        if now_us < self._clock:  # the clock was set back: what came before must not silence what comes now
            np.minimum(self._time, now_us, out=self._time)
        self._clock = now_us
        place = np.minimum(np.searchsorted(self._ids, samples.point), len(self._ids) - 1)
        rank = np.minimum(samples.time, now_us + FUTURE_US)
        concerned: set[int] = set()
        for sample in np.flatnonzero((self._ids[place] == samples.point) & ((samples.quality & _TEST) == 0)).tolist():
            where = int(place[sample])
            if rank[sample] >= self._time[where]:
                self._time[where] = rank[sample]
                self._value[where] = samples.value[sample]
                self._quality[where] = samples.quality[sample]
                concerned.update(self._users[where])
        for number in sorted(concerned):
            rule = self._rules[number]
            is_on = self._decide(rule)
            if is_on is not None and is_on != rule.is_on:
                rule.is_on = is_on
                yield rule.rows, is_on, rule.expression.text

    def _decide(self, rule: _Rule) -> bool | None:
        if any(self._time[place] == _NEVER for place in rule.places.values()):
            return None
        inputs = {name: Value(float(self._value[place]), int(self._quality[place])) for name, place in rule.places.items()}
        found = rule.expression.evaluate(inputs)
        return bool(found.value == 1.0) and not int(found.quality) & VALIDITY
