"""Series of samples, cut into windows that are aligned to the UTC clock.

Samples are only noted when they come. When a window is over, and the time for late ones too, what belongs to it is put in order of time
and folded into its sums: one array operation for all series that have a window to close. So a late sample counts as if it had come in
time, as long as what was around it has not been folded.

A value holds from its sample to the next one (or runs straight to it, `trapezoid`), but for `max_gap_s` at the most; after that nothing
is known. A straight line needs its other end; where that has not come when the window is closed, the value is held. A window is from its
beginning up to, but not including, its end.

Not more than about `MOST` samples are kept. Beyond it, what is older than the time for late samples is folded before its window is over,
and a sample that comes even later is lost to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Bits, Fanout, Floats, Index, Mask, Times, starts_of
from tieline.edge.processing.calculations.integration import mean_of
from tieline.edge.processing.calculations.quality import is_usable
from tieline.edge.processing.calculations.stamps import AHEAD_US
from tieline.model import VALIDITY, Now, Quality, Samples, is_good

MOST = 50_000
LONG_SILENCE = 1_000
"""Windows without anything, of which only the last is told where samples come behind them."""

_NEVER = np.iinfo(np.int64).min
_DETAILS = np.uint16(0xFFFF & ~VALIDITY & ~Quality.DEVICE_TIME)
_BREAK = np.uint16(Quality.INVALID | Quality.OLD_DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSettings:
    """How one series is cut and integrated."""

    key: str
    """What it is, for the memory over restarts."""
    row: int
    """Of its point among those of the site."""
    factor: float
    window_s: int
    grace_s: float
    max_gap_s: float
    is_linear: bool = False
    sign: int = 0
    """1 or -1 counts the part above or below zero alone."""
    rollover: float | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Windows that are over, one of each of these series."""

    series: Index
    end: Times
    sums: Mapping[str, npt.NDArray[Any]]
    """The columns of `Series.sums` for these series."""
    length: Times
    value: Floats
    """What the value is at the end; NaN where that is not known."""
    at_begin: Floats
    """What it was at the beginning; NaN where that is not known."""


class Series:
    """All series of a kind of calculations."""

    def __init__(self, settings: Sequence[SeriesSettings], rows: int) -> None:
        count = len(settings)
        self._keys = [each.key for each in settings]
        self._slots = Fanout([each.row for each in settings], rows)
        self._factor = np.array([each.factor for each in settings])
        self.length = np.array([each.window_s * 1_000_000 for each in settings], np.int64)
        self._grace = np.array([int(each.grace_s * 1e6) for each in settings], np.int64)
        self._gap = np.array([int(each.max_gap_s * 1e6) for each in settings], np.int64)
        self._is_linear = np.array([each.is_linear for each in settings])
        self._sign = np.array([each.sign for each in settings], np.int8)
        self._rollover = np.array([np.nan if each.rollover is None else each.rollover for each in settings])
        self.sums: dict[str, npt.NDArray[Any]] = {
            "integral": np.zeros(count),
            "square": np.zeros(count),
            "usable_us": np.zeros(count, np.int64),
            "good_us": np.zeros(count, np.int64),
            "sum": np.zeros(count),
            "count": np.zeros(count, np.int64),
            "min": np.full(count, np.inf),
            "max": np.full(count, -np.inf),
            "first": np.full(count, np.nan),
            "last": np.full(count, np.nan),
            "at_begin": np.full(count, np.nan),
            "bits": np.zeros(count, np.uint16),
            "risen": np.zeros(count),
            "resets": np.zeros(count, np.int64),
        }
        """Of the window that is open: time integral and integral of the square in value times microseconds, and so on."""
        self._start_of = {name: column[:1].copy() for name, column in self.sums.items()}
        self._begin = np.full(count, _NEVER, np.int64)
        self._front = np.full(count, _NEVER, np.int64)
        """What is older has been folded."""
        self._time = np.full(count, _NEVER, np.int64)
        """At this time the value was as follows; it is that of a sample, or in between two."""
        self._value = np.full(count, np.nan)
        self._quality = np.full(count, _BREAK, np.uint16)
        self._known = np.full(count, _NEVER, np.int64)
        """Until then the value may be believed."""
        self._counter = np.full(count, np.nan)
        self._state = {
            "begin": self._begin,
            "front": self._front,
            "time": self._time,
            "value": self._value,
            "quality": self._quality,
            "known": self._known,
            "counter": self._counter,
            **self.sums,
        }
        self._log = _Log()
        self._most = MOST
        self._now_us = _NEVER
        self._stopped_us = _NEVER
        self._due_us = _NEVER
        self._back_us = _NEVER
        self.late = 0

    def take(self, rows: Index, samples: Samples) -> None:
        """Notes the samples of these rows."""
        position, slot = self._slots.expand(rows)
        if not len(slot):
            return
        time = samples.time[position]
        right = time >= self._front[slot]
        if not right.all():
            self.late += int(np.count_nonzero(~right))
            position, slot, time = position[right], slot[right], time[right]
        self._log.add(slot, time, samples.value[position] * self._factor[slot], samples.quality[position])
        if self._log.count > self._most and self._now_us != _NEVER:
            self._fold_early()

    def tick(self, now: Now) -> list[Closed]:
        """The windows that are over, each series' in order of time."""
        self._now_us = now.utc_us
        if now.utc_us < self._back_us:
            self._begin_anew()
        if now.utc_us < self._due_us:
            return []
        self._begin_windows()
        self._break_after_stop()
        closed = []
        due = np.flatnonzero(self._begin + self.length + self._grace <= now.utc_us)
        while len(due):
            closed.append(self._close(due))
            due = due[self._begin[due] + self.length[due] + self._grace[due] <= now.utc_us]
            self._skip_silence(due)
        self._due_us = int((self._begin + self.length + self._grace).min())
        self._back_us = int((self._begin - np.maximum(self.length, AHEAD_US)).min())
        return closed

    def remember(self) -> dict[str, Any]:
        """The state of each series, and the samples that were not folded yet."""
        slot, time, value, quality = self._log.columns()
        return {
            **memory.remember(self._keys, self._state),
            "told_us": self._now_us,
            "slot": slot.astype(np.int32).tobytes(),
            "log": [time.tobytes(), value.tobytes(), quality.tobytes()],
        }

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from what was kept; a stop of more than a minute is a gap."""
        rows = memory.recall(self._keys, self._state, state)
        told, slot_bytes, log = memory.time_of(state.get("told_us")), state.get("slot"), state.get("log")
        if not len(rows):
            return
        self._drop_impossible()
        self._stopped_us = self._stopped_us if told is None else max(self._stopped_us, told)
        self._due_us = _NEVER
        if not isinstance(slot_bytes, bytes) or not isinstance(log, list | tuple) or len(log) != 3:
            return
        count = len(slot_bytes) // 4
        slot = memory.column_of(slot_bytes, np.int32, count)
        columns = [memory.column_of(each, dtype, count) for each, dtype in zip(log, _Log.DTYPES, strict=True)]
        if slot is None or any(column is None for column in columns) or np.any((slot < 0) | (slot >= len(rows))):
            return
        own = rows[slot]
        time, value, quality = (column for column in columns if column is not None)
        is_own = (own >= 0) & (time >= 0) & (time <= memory.LATEST_US)
        self._log.add(own[is_own], time[is_own], value[is_own], quality[is_own])

    def _begin_anew(self) -> None:
        """After the clock was far ahead and has stepped back: windows that were closed meanwhile are not waited for."""
        wrong = np.flatnonzero(self._begin - np.maximum(self.length, AHEAD_US) > self._now_us)
        self._log.drop(wrong)
        self._forget(wrong)
        self._due_us = _NEVER

    def _drop_impossible(self) -> None:
        """Series whose times contradict each other begin anew."""
        end = self._begin + self.length
        is_possible = (self._begin >= 0) & (self._begin <= memory.LATEST_US) & (self._begin % self.length == 0)
        is_possible &= (self._front <= end) & (self._time <= end)
        is_possible &= (self._known == _NEVER) | ((self._time >= 0) & (self._known <= self._time + self._gap))
        self._forget(np.flatnonzero(~is_possible))

    def _forget(self, series: Index) -> None:
        self._begin[series] = self._front[series] = self._time[series] = self._known[series] = _NEVER
        self._empty(series)

    def _begin_windows(self) -> None:
        unset = self._begin == _NEVER
        earliest = self._now_us - self._grace
        self._begin[unset] = (earliest // self.length * self.length)[unset]

    def _break_after_stop(self) -> None:
        if self._stopped_us == _NEVER:
            return
        if self._now_us - self._stopped_us > memory.RESTART_US:
            slot = np.flatnonzero((self._front <= self._stopped_us) & (self._begin <= self._stopped_us))
            count = len(slot)
            at, unknown = np.full(count, self._stopped_us), np.full(count, np.nan)
            self._log.add(slot, at, unknown, np.full(count, _BREAK, np.uint16))
        self._stopped_us = _NEVER

    def _skip_silence(self, due: Index) -> None:
        """Of windows of which nothing is known only the last is closed, so that a clock that leaps ahead does not make millions.

        Where samples come behind a long silence, it ends with them.
        """
        if not len(due):
            return
        newest_due = (self._now_us - self._grace[due]) // self.length[due] * self.length[due] - self.length[due]
        first_noted = self._log.first_times(due)
        last = np.minimum(newest_due, first_noted // self.length[due] * self.length[due] - self.length[due])
        last = np.where(first_noted >= newest_due, newest_due, last)
        is_long = last - self._begin[due] > LONG_SILENCE * self.length[due]
        is_silent = (self._known[due] <= self._begin[due]) & ((first_noted >= newest_due) | is_long)
        silent = due[is_silent]
        self._begin[silent] = last[is_silent]
        self._front[silent] = np.maximum(self._front[silent], self._begin[silent])

    def _close(self, due: Index) -> Closed:
        end = self._begin[due] + self.length[due]
        self._fold(due, end)
        is_known = (self._known[due] > end) & is_usable(self._value[due], self._quality[due])
        value = np.where(is_known, self._value[due], np.nan)
        sums = {name: column[due] for name, column in self.sums.items()}
        self._empty(due)
        self.sums["at_begin"][due] = value
        self._begin[due] = end
        return Closed(due, end, sums, self.length[due], value, sums["at_begin"])

    def _empty(self, series: Index) -> None:
        for name, column in self.sums.items():
            column[series] = self._start_of[name]

    def _fold_early(self) -> None:
        """Folds what late samples need not be put in order with any more."""
        due = np.flatnonzero(self._begin != _NEVER)
        newest = np.minimum(self._log.last_times(due, self._now_us - self._grace[due]), self._begin[due] + self.length[due])
        later = newest > self._front[due]
        if later.any():
            self._fold(due[later], newest[later])
        self._most = max(MOST, 2 * self._log.count)

    def _fold(self, due: Index, until: Times) -> None:
        """Puts all that is noted of these series before a time into the sums of the window that is open."""
        rank = np.full(len(self._keys), -1, np.intp)
        rank[due] = np.arange(len(due))
        noted, following = self._log.split(rank, until)
        has_value = self._time[due] != _NEVER
        held = np.flatnonzero(has_value)
        run = np.concatenate((held, rank[noted.slot]))
        order = np.argsort(run, kind="stable")
        run = run[order]
        slot = due[run]
        time = np.concatenate((self._time[due][held], noted.time))[order]
        value = np.concatenate((self._value[due][held], noted.value))[order]
        quality = np.concatenate((self._quality[due][held], noted.quality))[order]
        known = np.concatenate((self._known[due][held], noted.time + self._gap[noted.slot]))[order]
        is_sample = np.concatenate((np.zeros(len(held), np.bool_), np.ones(len(noted.slot), np.bool_)))[order]
        rows = _Rows(run, slot, time, value, quality, known, is_sample)
        if len(run):
            self._add_time(rows, until, following)
            self._add_samples(rows)
        self._front[due] = until

    def _add_time(self, rows: _Rows, until: Times, following: _Following) -> None:
        """Integrals, and what the value is where the fold ends."""
        run, slot = rows.run, rows.slot
        is_last = np.append(run[1:] != run[:-1], True)
        next_time = np.where(is_last, following.time[run], np.append(rows.time[1:], 0))
        next_value = np.where(is_last, following.value[run], np.append(rows.value[1:], 0))
        next_usable = np.where(is_last, following.usable[run], np.append(rows.usable[1:], False))
        stop = np.where(is_last, until[run], next_time)
        is_linear = self._is_linear[slot] & rows.usable & next_usable & (next_time <= rows.known) & (next_time > rows.time)
        span = np.where(is_linear, next_time - rows.time, 1)
        slope = np.where(is_linear, next_value - rows.value, 0.0) / span
        slope = np.where(np.isfinite(slope), slope, 0.0)
        begin = np.maximum(rows.time, self._begin[slot])
        stop = np.maximum(stop, self._begin[slot])
        start_value, stop_value = rows.value + slope * (begin - rows.time), rows.value + slope * (stop - rows.time)
        dt = np.maximum(np.minimum(stop, rows.known) - begin, 0)
        counts = rows.usable & (dt > 0)
        sums = self.sums
        if counts.any():
            at, a, b, us = slot[counts], start_value[counts], stop_value[counts], dt[counts]
            np.add.at(sums["integral"], at, mean_of(a, b, self._sign[at]) * us)
            np.add.at(sums["square"], at, (a * a + a * b + b * b) / 3 * us)
            np.add.at(sums["usable_us"], at, us)
            np.add.at(sums["good_us"], at, np.where(is_good(rows.quality[counts]), us, 0))
            np.minimum.at(sums["min"], at, np.minimum(a, b))
            np.maximum.at(sums["max"], at, np.maximum(a, b))
            opens = counts & (begin == self._begin[slot]) & np.isnan(sums["at_begin"][slot])
            sums["at_begin"][slot[opens]] = start_value[opens]
        covers = (dt > 0) | rows.is_sample
        np.bitwise_or.at(sums["bits"], slot[covers], rows.quality[covers] & _DETAILS)
        last = slot[is_last]
        self._time[last] = until[run[is_last]]
        self._value[last] = stop_value[is_last]
        self._quality[last] = rows.quality[is_last]
        self._known[last] = rows.known[is_last]

    def _add_samples(self, rows: _Rows) -> None:
        """What is made of the samples themselves, whatever the time between them."""
        counted = rows.is_sample & rows.usable & (rows.time >= self._begin[rows.slot])
        self._add_steps(rows)
        if not counted.any():
            return
        at, value = rows.slot[counted], rows.value[counted]
        sums = self.sums
        np.add.at(sums["sum"], at, value)
        np.add.at(sums["count"], at, 1)
        np.minimum.at(sums["min"], at, value)
        np.maximum.at(sums["max"], at, value)
        sums["last"][at] = value
        first = starts_of(at)
        new = first[np.isnan(sums["first"][at[first]])]
        sums["first"][at[new]] = value[new]

    def _add_steps(self, rows: _Rows) -> None:
        """By how much a counter has risen: a fall is its rollover where it has one, otherwise it began anew."""
        chosen = rows.is_sample & rows.usable
        slot, value, time = rows.slot[chosen], rows.value[chosen], rows.time[chosen]
        if not len(slot):
            return
        first = starts_of(slot)
        before = np.append(np.nan, value[:-1])
        before[first] = self._counter[slot[first]]
        risen, is_reset = steps_of(before, value, self._rollover[slot])
        inside = time >= self._begin[slot]
        np.add.at(self.sums["risen"], slot[inside], risen[inside])
        np.add.at(self.sums["resets"], slot[inside], is_reset[inside])
        self._counter[slot] = value


def steps_of(before: Floats, value: Floats, rollover: Floats) -> tuple[Floats, Mask]:
    """By how much a counter has risen from one value to the next, and whether it began anew in between.

    A counter that falls has rolled over, if it can and if that makes less than half of its range; otherwise it began at zero. The first
    value, before which there is none (NaN), is no rise.
    """
    step = value - before
    rolled = step + rollover
    falls = step < 0
    is_rollover = falls & (rolled >= 0) & (rolled < rollover / 2)
    is_reset: Mask = falls & ~is_rollover
    risen = np.where(is_rollover, rolled, np.where(is_reset, np.maximum(value, 0.0), step))
    return np.where(np.isnan(before), 0.0, risen), is_reset


@dataclass(frozen=True, slots=True)
class _Rows:
    """Values and when they began, in runs of one series, ordered by time; not all are samples: a run may begin in between two."""

    run: Index
    slot: Index
    time: Times
    value: Floats
    quality: Bits
    known: Times
    is_sample: Mask

    @property
    def usable(self) -> Mask:
        return is_usable(self.value, self.quality)


@dataclass(frozen=True, slots=True)
class _Following:
    """Of each series the first sample behind those that are folded; time 0 and not usable where there is none."""

    time: Times
    value: Floats
    usable: Mask


@dataclass(frozen=True, slots=True)
class _Noted:
    slot: Index
    time: Times
    value: Floats
    quality: Bits


class _Log:
    """Samples that were not folded yet."""

    DTYPES = (np.int64, np.float64, np.uint16)

    def __init__(self) -> None:
        self._parts: list[_Noted] = []
        self._is_ordered = True
        self.count = 0

    def add(self, slot: Index, time: Times, value: Floats, quality: Bits) -> None:
        if len(slot):
            self._parts.append(_Noted(slot, time, value, quality))
            self._is_ordered = False
            self.count += len(slot)

    def columns(self) -> tuple[Index, Times, Floats, Bits]:
        """All of them, ordered by series and time; those of one time in the order in which they came."""
        if not self._is_ordered:
            slot, time = (np.concatenate([getattr(part, name) for part in self._parts]) for name in ("slot", "time"))
            order = np.lexsort((time, slot))
            value, quality = (np.concatenate([getattr(part, name) for part in self._parts]) for name in ("value", "quality"))
            self._keep(_Noted(slot[order], time[order], value[order], quality[order]))
        if not self._parts:
            return np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint16)
        (part,) = self._parts
        return part.slot, part.time, part.value, part.quality

    def split(self, rank: Index, until: Times) -> tuple[_Noted, _Following]:
        """Takes out what is before a time of each series that has a rank (not -1); the others keep all."""
        slot, time, value, quality = self.columns()
        place = rank[slot]
        out = (place >= 0) & (time < until[place])
        noted = _Noted(slot[out], time[out], value[out], quality[out])
        slot, time, value, quality = slot[~out], time[~out], value[~out], quality[~out]
        self._keep(_Noted(slot, time, value, quality))
        following = _Following(np.zeros(len(until), np.int64), np.full(len(until), np.nan), np.zeros(len(until), np.bool_))
        first = starts_of(slot)
        first = first[rank[slot[first]] >= 0]
        which = rank[slot[first]]
        following.time[which], following.value[which] = time[first], value[first]
        following.usable[which] = is_usable(value[first], quality[first])
        return noted, following

    def drop(self, slots: Index) -> None:
        """Forgets the samples of these series."""
        noted = _Noted(*self.columns())
        stays = ~np.isin(noted.slot, slots)
        self._keep(_Noted(noted.slot[stays], noted.time[stays], noted.value[stays], noted.quality[stays]))

    def first_times(self, slots: Index) -> Times:
        """When the first sample of each of these series was; far in the future where there is none."""
        slot, time, _, _ = self.columns()
        found = np.full(len(slots), np.iinfo(np.int64).max)
        place = np.searchsorted(slot, slots)
        is_there = place < len(slot)
        is_there[is_there] = slot[place[is_there]] == slots[is_there]
        found[is_there] = time[place[is_there]]
        return found

    def last_times(self, slots: Index, before: Times) -> Times:
        """When the last sample of each of these series up to a time was; far in the past where there is none."""
        slot, time, _, _ = self.columns()
        latest = np.full((int(slots.max()) if len(slots) else 0) + 1, _NEVER)
        limit = np.full(len(latest), _NEVER)
        limit[slots] = before
        fits = slot < len(latest)
        fits[fits] = time[fits] <= limit[slot[fits]]
        np.maximum.at(latest, slot[fits], time[fits])
        return latest[slots]

    def _keep(self, noted: _Noted) -> None:
        self._parts = [noted] if len(noted.slot) else []
        self._is_ordered = True
        self.count = len(noted.slot)
