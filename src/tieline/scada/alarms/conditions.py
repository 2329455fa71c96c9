"""From samples to signals: what each sample says about the condition of each alarm that looks at its point.

A signal is 1 (the condition holds), -1 (it does not) or 0 (the sample says nothing, and everything stays as it was). Between
a limit and the limit less the hysteresis a value says nothing. Bad quality says nothing either, except to quality alarms: an
invalid sample neither raises nor returns an alarm, a questionable one can raise it and not return it. What a device reports
while it is being tested says nothing at all.

Samples of a point that are older than one that was taken already are passed over; a time ahead of the clock by more than
`FUTURE_US` does not count for more than that, so that a clock that once jumped ahead does not silence its points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tieline.config.alarm_plan import AlarmPlan
from tieline.config.alarms import LIMIT_KINDS
from tieline.edge.processing.turns import is_once
from tieline.model import Point, Quality, Samples
from tieline.model import severity as severity_of
from tieline.model.alarms import AlarmKind
from tieline.scada.live import FUTURE_US

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Qualities = npt.NDArray[np.uint16]
Signals = npt.NDArray[np.int8]
Severities = npt.NDArray[np.uint8]
Column = TypeVar("Column", Floats, Severities)

_QUESTIONABLE, _INVALID = 1, 2
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Signals in columns; those of one alarm stand together, in the order in which they came."""

    row: Rows
    signal: Signals
    time: Times
    value: Floats
    quality: Qualities

    def __len__(self) -> int:
        return len(self.row)

    @property
    def starts(self) -> Rows:
        """For each place, the place at which the signals of its alarm begin."""
        return starts_of(self.row)


def starts_of(row: Rows) -> Rows:
    """For each place of a column, the place at which its run of equal numbers begins."""
    places = np.arange(len(row))
    begins = np.ones(len(row), np.bool_)
    begins[1:] = row[1:] != row[:-1]
    found: Rows = np.maximum.accumulate(np.where(begins, places, 0))
    return found


class Conditions:
    """The conditions of all alarms that look at samples."""

    def __init__(self, plan: Sequence[AlarmPlan]) -> None:
        looks = [(row, role, point.id) for row, each in enumerate(plan) for role, point in _looked_at(each)]
        points = np.array([point for _, _, point in looks], np.uint32)
        order = np.argsort(points, kind="stable")
        self._ids, self._first, self._count = np.unique(points[order], return_index=True, return_counts=True)
        self._row = np.array([row for row, _, _ in looks], np.intp)[order]
        self._is_reference = np.array([role for _, role, _ in looks], np.bool_)[order]
        self._newest = np.full(len(self._ids), _NEVER)
        self._clock = _NEVER

        kinds = [each.kind for each in plan]
        self._is_level = np.array([kind in LIMIT_KINDS for kind in kinds], np.bool_)
        self._is_state = np.array([kind is AlarmKind.STATE for kind in kinds], np.bool_)
        self._is_quality = np.array([kind is AlarmKind.QUALITY for kind in kinds], np.bool_)
        self._is_deviation = np.array([kind is AlarmKind.DEVIATION for kind in kinds], np.bool_)
        self._is_rate = np.array([kind is AlarmKind.RATE for kind in kinds], np.bool_)
        self._sign = np.array([-1.0 if kind in {AlarmKind.LOW, AlarmKind.LOW_LOW} else 1.0 for kind in kinds])
        self._limit = self._sign * np.array([each.limit or 0.0 for each in plan])
        self._return = self._limit - np.array([each.hysteresis for each in plan])
        self._abnormal = np.array([sum(1 << value for value in each.abnormal) for each in plan], np.uint8)
        self._doubt = np.array([_QUESTIONABLE if each.is_any_doubt else _INVALID for each in plan], np.uint8)
        self._value = np.full(len(plan), np.nan)
        """Of rates and deviations, what was read last."""
        self._value_time = np.full(len(plan), _NEVER)
        self._reference = np.full(len(plan), np.nan)
        self._severity = np.zeros((2, len(plan)), np.uint8)
        """Of deviations, what the value and the reference were worth that were read last."""

    def recall(self, since: Times) -> None:
        """Goes on where another process ended: samples from before the moment at which an alarm's condition changed last are older."""
        at = np.repeat(np.arange(len(self._ids)), self._count)
        is_own = ~self._is_reference
        np.maximum.at(self._newest, at[is_own], since[self._row[is_own]])

    def newest(self, rows: Rows) -> Times:
        """When the points of these alarms, all of which look at samples, were measured last."""
        at = np.zeros(len(self._limit), np.intp)
        is_own = ~self._is_reference
        at[self._row[is_own]] = np.repeat(np.arange(len(self._ids)), self._count)[is_own]
        return self._newest[at[rows]]

    def take(self, samples: Samples, now_us: int) -> Observed | None:
        """What the samples say; None where they say nothing to any alarm."""
        if not len(self._ids) or not len(samples):
            return None
        if now_us < self._clock:  # the clock was set back: what came before must not silence what comes now
            np.minimum(self._newest, now_us, out=self._newest)
        self._clock = now_us
        place = np.minimum(np.searchsorted(self._ids, samples.point), len(self._ids) - 1)
        wanted = np.flatnonzero(self._ids[place] == samples.point)
        if not len(wanted):
            return None
        place = place[wanted]
        is_new = self._in_order(place, np.minimum(samples.time[wanted], now_us + FUTURE_US))
        if not is_new.all():
            wanted, place = wanted[is_new], place[is_new]
        return self._observe(samples, wanted, place)

    def _in_order(self, place: Rows, rank: Times) -> Mask:
        """Where a sample is not older than any of its point before it."""
        is_new: Mask = rank >= self._newest[place]
        if is_once(place):
            self._newest[place] = np.maximum(self._newest[place], rank)
            return is_new
        order = np.argsort(place, kind="stable")
        by_point, ranks = place[order], np.unique(rank[order], return_inverse=True)[1]
        along = by_point * np.int64(len(rank)) + ranks  # grows from point to point, so that one running maximum serves all
        is_new[order] &= along >= np.maximum.accumulate(along)
        np.maximum.at(self._newest, place, rank)
        return is_new

    def _observe(self, samples: Samples, wanted: Rows, place: Rows) -> Observed:
        """Each sample for each alarm that looks at its point."""
        count = self._count[place]
        sample = np.repeat(wanted, count)
        within = np.arange(len(sample)) - np.repeat(np.cumsum(count) - count, count)
        look = np.repeat(self._first[place], count) + within
        row = self._row[look]
        if not is_once(row):
            order = np.argsort(row, kind="stable")
            row, sample, look = row[order], sample[order], look[order]
        time, value, quality = samples.time[sample], samples.value[sample], samples.quality[sample]
        severity = severity_of(quality)
        severity[(quality & int(Quality.TEST)) != 0] = _INVALID
        measure = self._sign[row] * value
        which = np.flatnonzero(self._is_deviation[row])
        if len(which):
            is_reference = self._is_reference[look[which]]
            measure[which], severity[which] = self._deviation(row[which], is_reference, value[which], severity[which])
        which = np.flatnonzero(self._is_rate[row])
        if len(which):
            measure[which] = self._rate(row[which], time[which], value[which], severity[which])
        signal = np.zeros(len(row), np.int8)
        is_level = self._is_level[row]
        signal[is_level & (measure > self._limit[row])] = 1
        signal[is_level & (measure <= self._return[row])] = -1
        self._judge_states(row, value, signal)
        signal[severity == _INVALID] = 0
        signal[(severity == _QUESTIONABLE) & (signal < 0)] = 0
        of_quality = self._is_quality[row] & ((quality & int(Quality.TEST)) == 0)
        signal = np.where(of_quality, np.where(severity_of(quality) >= self._doubt[row], 1, -1), signal).astype(np.int8)
        return Observed(row, signal, time, value, quality)

    def _judge_states(self, row: Rows, value: Floats, signal: Signals) -> None:
        which = np.flatnonzero(self._is_state[row])
        if not len(which):
            return
        states = value[which]
        is_state = (states >= 0) & (states <= 3)
        codes = np.where(is_state, states, 0).astype(np.uint8)
        is_abnormal = ((self._abnormal[row[which]] >> codes) & 1) == 1
        signal[which] = np.where(is_state, np.where(is_abnormal, 1, -1), 0)

    def _deviation(self, row: Rows, is_reference: Mask, value: Floats, severity: Severities) -> tuple[Floats, Severities]:
        """How far values are from their references, as both stood when either was read, and what the worse of them is worth.

        NaN where one of them is not known.
        """
        known = np.where((severity == _INVALID) | ~np.isfinite(value), np.nan, value)
        starts = starts_of(row)
        measured = _carried(~is_reference, known, starts, self._value[row])
        reference = _carried(is_reference, known, starts, self._reference[row])
        self._value[row] = measured  # of several, the last stays
        self._reference[row] = reference
        worth = np.stack(
            [
                _carried(given, severity, starts, self._severity[which, row])
                for which, given in enumerate((~is_reference, is_reference))
            ]
        )
        self._severity[:, row] = worth
        return np.abs(measured - reference), worth.max(axis=0)

    def _rate(self, row: Rows, time: Times, value: Floats, severity: Severities) -> Floats:
        """How fast values moved since the last one that was worth something; NaN where there was none."""
        rate = np.full(len(row), np.nan)
        good = np.flatnonzero((severity != _INVALID) & np.isfinite(value))
        row, time, value = row[good], time[good], value[good]
        is_first = np.ones(len(row), np.bool_)
        is_first[1:] = row[1:] != row[:-1]
        before = np.where(is_first, self._value[row], np.roll(value, 1))
        seconds = (time - np.where(is_first, np.maximum(self._value_time[row], 0), np.roll(time, 1))) / 1e6
        rate[good] = np.abs(value - before) / np.where(seconds > 0, seconds, np.nan)
        self._value[row] = value
        self._value_time[row] = time
        return rate


def _carried(given: Mask, value: Column, starts: Rows, before: Column) -> Column:
    """At each place the value that was given last for its alarm, or what it was before."""
    last = np.maximum.accumulate(np.where(given, np.arange(len(value)), -1))
    return np.where(last >= starts, value[last], before)


def _looked_at(plan: AlarmPlan) -> list[tuple[bool, Point]]:
    if plan.point is None or plan.kind in {AlarmKind.EVENT, AlarmKind.COMMUNICATION}:
        return []
    looked = [(False, plan.point)]
    if plan.reference is not None:
        looked.append((True, plan.reference))
    return looked
