"""From signals to changes of conditions, each after its on-delay or off-delay.

A condition that is *seen* begins to wait; where it is seen for as long as its delay, it *holds*. Time passes in two ways: by
the samples' own times, so that what was late on its way is judged by when it happened, and by the clock, so that a condition
that nobody speaks of any more is not forgotten. Delays move no time stamp: an alarm is as old as its condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tieline.edge.processing.turns import turns
from tieline.model import Now
from tieline.scada.alarms.conditions import Floats, Mask, Observed, Qualities, Rows, Times
from tieline.scada.live import FUTURE_US


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Conditions that came or went, each alarm once."""

    row: Rows
    is_active: Mask
    time: Times
    value: Floats
    quality: Qualities


class Delays:
    """What is seen, what holds, and since when."""

    def __init__(self, on_delay_s: Floats, off_delay_s: Floats) -> None:
        count = len(on_delay_s)
        self._delay_us = np.stack([np.rint(off_delay_s * 1e6), np.rint(on_delay_s * 1e6)]).astype(np.int64)
        self.is_seen = np.zeros(count, np.bool_)
        self.is_active = np.zeros(count, np.bool_)
        """Whether the condition holds."""
        self.since = np.zeros(count, np.int64)
        """When it was seen otherwise than before; microseconds since 1970-01-01 UTC."""
        self.since_received = np.zeros(count, np.int64)
        self.value = np.full(count, np.nan)
        """What was read then."""
        self.quality = np.zeros(count, np.uint16)
        self._since_s = np.zeros(count)
        self.touched: list[Rows] = []
        """Rows in which something was noted since the list was emptied."""

    def recall(self, now: Now) -> None:
        """Goes on where another process ended: what was waiting has waited on meanwhile."""
        waited_us = np.clip(now.utc_us - self.since_received, 0, self._delay(np.arange(len(self.since))))
        self._since_s = now.monotonic_s - waited_us / 1e6

    def forget(self, rows: Rows) -> None:
        """Nothing is seen of these, and nothing holds."""
        self.is_seen[rows] = self.is_active[rows] = False

    def take(self, observed: Observed, now: Now) -> Iterator[Changes]:
        """The changes that the signals lead to, in the order of each alarm's signals."""
        row, starts = observed.row, observed.starts
        places = np.arange(len(row))
        last = np.maximum.accumulate(np.where(observed.signal != 0, places, -1))
        is_seen = np.where(last >= starts, observed.signal[last] > 0, self.is_seen[row])
        before = np.where(starts == places, self.is_seen[row], np.roll(is_seen, 1))
        changed = np.flatnonzero(is_seen != before)
        latest = now.utc_us + FUTURE_US
        for turn in turns(row[changed]) if len(changed) else ():
            which = changed[turn]
            rows, time = row[which], observed.time[which]
            yield from self._mature(rows, np.minimum(time, latest))
            self.is_seen[rows] = is_seen[which]
            self.since[rows] = time
            self.since_received[rows] = now.utc_us
            self._since_s[rows] = now.monotonic_s
            self.value[rows] = observed.value[which]
            self.quality[rows] = observed.quality[which]
            self.touched.append(rows)
            yield from self._mature(rows, time)
        ends = np.flatnonzero(np.append(row[1:] != row[:-1], True)) if len(row) else places
        waiting = ends[self.is_seen[row[ends]] != self.is_active[row[ends]]]
        if len(waiting):
            yield from self._mature(row[waiting], np.minimum(observed.time[waiting], latest))

    def tick(self, now: Now) -> Iterator[Changes]:
        """The changes that are due by the clock."""
        waiting = np.flatnonzero(self.is_seen != self.is_active)
        due = waiting[(now.monotonic_s - self._since_s[waiting]) * 1e6 >= self._delay(waiting)]
        if len(due):
            yield self._change(due)

    def _mature(self, rows: Rows, time: Times) -> Iterator[Changes]:
        """Those that have been seen for long enough by then."""
        is_due = (self.is_seen[rows] != self.is_active[rows]) & (time - self.since[rows] >= self._delay(rows))
        if is_due.any():
            yield self._change(rows[is_due])

    def _delay(self, rows: Rows) -> Times:
        delay: Times = self._delay_us[self.is_seen[rows].astype(np.intp), rows]
        return delay

    def _change(self, rows: Rows) -> Changes:
        self.is_active[rows] = self.is_seen[rows]
        self.touched.append(rows)
        return Changes(
            rows, self.is_active[rows].copy(), self.since[rows].copy(), self.value[rows].copy(), self.quality[rows].copy()
        )
