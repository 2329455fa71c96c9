"""From what a server reports to samples: which point, what unit, how good, and when; each change once.

A report whose reason is a change is an *event*: it becomes a sample with the time attribute of the data object, or where there is none
with the time of the report's entry. A general interrogation, an integrity report and a poll say what *is*: where that is what is held
already, nothing new is said; where it is not, the change was missed, and the value gets the server's time if that is later than all that
was handed on.

A live picture shows the sample with the latest time. So an event whose time is earlier than what was handed on, from a clock that is
behind or out of a buffer, is followed by its value with the gateway's time. What is held stays true while a server that is alive reports
nothing else: `refresh` says it again, with a time so long ago that a report would have come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.edge.iec61850.settings import MonitoredPoint
from tieline.edge.iec61850.time_quality import EARLIEST_US, FUTURE_US, TIME_WORTH
from tieline.model import STATUS, Quality, Samples
from tieline.protocols.iec61850.mms.layout import Columns, Rows
from tieline.protocols.iec61850.mms.reports import EVENT_REASONS

LOST = Quality.INVALID | Quality.OLD_DATA
UNKNOWN_POINT = Quality.INVALID | Quality.BAD_REFERENCE
NO_ACCESS = Quality.INVALID | Quality.FAILURE

_NEVER = np.iinfo(np.int64).min
_NO_NUMBER = np.uint16(Quality.INVALID | Quality.FAILURE)
_DEVICE_TIME = np.uint16(Quality.DEVICE_TIME)

Mask = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]


class Acquisition:
    """The monitored points of one server; a row is a point's place in them."""

    def __init__(self, points: Sequence[MonitoredPoint]) -> None:
        count = len(points)
        self.points = tuple(points)
        self._ids = np.array([each.point.id for each in points], np.uint32)
        self._scale = np.array([each.scale for each in points], np.float64)
        self._offset = np.array([each.offset for each in points], np.float64)
        self._is_switched = np.array([each.is_switched for each in points], np.bool_)
        has_quality = np.array([each.quality is not None for each in points], np.bool_)
        # A value whose quality has not come yet is not good.
        self._status = np.where(has_quality, np.uint16(LOST), np.uint16(Quality.GOOD))
        self._value = np.full(count, np.nan)
        self._shown = np.full(count, LOST, np.uint16)
        self._reported = self._shown.copy()  # the same as the server said it last, whatever became of the server
        self._newest = np.full(count, _NEVER)
        self._device_time = np.full(count, _NEVER)
        self._is_held = np.zeros(count, np.bool_)
        self._is_followed = np.zeros(count, np.bool_)

    def __len__(self) -> int:
        return len(self.points)

    def follow(self, rows: Rows) -> None:
        """From now on, reports tell the changes of these rows, and of no others."""
        self._is_followed[:] = False
        self._is_followed[rows] = True

    # What comes

    def take(self, columns: Columns, *, received_us: int, entry_us: int | None = None, is_poll: bool = False) -> Samples:
        """Samples of what is new in a report or a poll."""
        rows = np.unique(np.concatenate([columns.value_row, columns.quality_row, columns.time_row]))
        if not len(rows):
            return Samples.empty()
        value_before, shown_before = self._value[rows], self._reported[rows]
        was_held = self._is_held[rows].copy()
        value_row = columns.value_row
        with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is marked below
            raw = np.where(self._is_switched[value_row], _switched(columns.value), columns.value)
            self._value[value_row] = raw * self._scale[value_row] + self._offset[value_row]
        self._status[columns.quality_row] = columns.quality & STATUS
        value = self._value[rows]
        shown = np.where(np.isfinite(value), self._status[rows], _NO_NUMBER)
        is_same = ((value == value_before) | (np.isnan(value) & np.isnan(value_before))) & (shown == shown_before)
        is_event = _events(rows, columns, is_poll=is_poll)
        time, worth = _stamps(rows, columns, is_event, received_us, entry_us)
        has_time = (worth & _DEVICE_TIME) != 0
        is_known = is_same & (~has_time | (time <= self._device_time[rows]))
        is_known &= np.where(is_event, has_time & (time == self._device_time[rows]), True)
        again = is_known & (~was_held | ~(is_event | self._is_followed[rows]))
        new = ~is_known
        self._shown[rows] = self._reported[rows] = shown
        self._is_held[rows] = True
        parts = [self._say(rows[again], np.full(int(again.sum()), received_us))]
        if new.any():
            parts += self._new(rows[new], time[new], worth[new], is_event[new], received_us)
        return parts[0] if len(parts) == 1 else Samples.concatenate(parts)

    def _new(self, rows: Rows, time: Times, worth: npt.NDArray[np.uint16], is_event: Mask, received_us: int) -> list[Samples]:
        newest = self._newest[rows]
        is_device = (worth & _DEVICE_TIME) != 0
        # A present value whose own time is not after what was handed on says only that it is so now.
        is_device &= is_event | (time > newest)
        ours = np.maximum(received_us, newest + 1)
        time = np.where(is_device, time, ours)
        worth = np.where(is_device, worth, worth & ~_DEVICE_TIME)
        self._device_time[rows[is_device]] = time[is_device]
        self._newest[rows] = np.maximum(newest, time)
        samples = Samples(self._ids[rows], time, self._value[rows], self._shown[rows] | worth)
        behind = rows[time < newest]
        if not len(behind):
            return [samples]
        return [samples, self._say(behind, np.full(len(behind), received_us))]

    # What time and accidents do

    def refresh(self, at_us: int) -> Samples:
        """What is held of rows that reports follow, with a time at which it was surely true."""
        rows = np.flatnonzero(self._is_held & self._is_followed & (self._newest < at_us))
        return self._say(rows, np.full(len(rows), at_us))

    def lose(self, now_us: int) -> Samples:
        """The server does not answer: every point keeps its value, which is old now."""
        self._is_held[:] = False
        self._shown[:] = LOST
        return self._say(np.arange(len(self)), np.full(len(self), now_us))

    def repeat_absent(self, now_us: int) -> Samples:
        """Points that have not come, or not again since the server was lost: as bad as before."""
        rows = np.flatnonzero(~self._is_held)
        return self._say(rows, np.full(len(rows), now_us))

    def mark(self, rows: Rows, quality: Quality, now_us: int) -> Samples:
        """Points that cannot be had, and why."""
        self._is_held[rows] = False
        self._shown[rows] = quality
        return self._say(rows, np.full(len(rows), now_us))

    def clock_stepped(self, now_us: int) -> None:
        """The gateway's clock was set: what was stamped later than now does not count any more."""
        np.minimum(self._newest, now_us, out=self._newest)

    def _say(self, rows: Rows, time: Times) -> Samples:
        """What is held, stamped by the gateway."""
        time = np.maximum(time, self._newest[rows] + 1)
        self._newest[rows] = time
        return Samples(self._ids[rows], time, self._value[rows], self._shown[rows])


def _switched(position: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Off and on of two-bit positions; NaN for intermediate and bad states."""
    return np.where(position == 1, 0.0, np.where(position == 2, 1.0, np.nan))


def _events(rows: Rows, columns: Columns, *, is_poll: bool) -> Mask:
    """Of which rows a change is told; a report without reasons tells changes."""
    if columns.reason is None or columns.reason_row is None:
        return np.full(len(rows), not is_poll)
    is_event = np.zeros(len(rows), np.bool_)
    told = columns.reason_row[(columns.reason & EVENT_REASONS) != 0]
    where = np.minimum(np.searchsorted(rows, told), len(rows) - 1)
    is_event[where[rows[where] == told]] = True  # a member that could not be accessed has a reason, and no rows
    return is_event


def _stamps(
    rows: Rows, columns: Columns, is_event: Mask, received_us: int, entry_us: int | None
) -> tuple[Times, npt.NDArray[np.uint16]]:
    """The time of each row, and what its quality says of it."""
    time = np.full(len(rows), received_us)
    worth = np.zeros(len(rows), np.uint16)
    if entry_us is not None and EARLIEST_US <= entry_us <= received_us + FUTURE_US:
        time[is_event] = entry_us
        worth[is_event] = _DEVICE_TIME
    if not len(columns.time_row):
        return time, worth
    where = np.searchsorted(rows, columns.time_row)
    theirs = columns.time_us
    about = TIME_WORTH[columns.time_quality]
    is_set = theirs != 0  # nobody has ever written it
    is_sound = (theirs >= EARLIEST_US) & (theirs <= received_us + FUTURE_US) & ((about & Quality.CLOCK_FAILURE) == 0)
    use = is_set & is_sound
    time[where[use]] = theirs[use]
    worth[where[use]] = about[use] | _DEVICE_TIME
    fails = where[is_set & ~is_sound]
    time[fails] = received_us
    worth[fails] = Quality.CLOCK_FAILURE
    return time, worth
