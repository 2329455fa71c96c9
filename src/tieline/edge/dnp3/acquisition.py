"""From what an outstation reports to samples: which point, what unit, how good, and when; each change once.

Events are what happened: every one becomes a sample, in the order in which they came. Present values are only what is: one that
says what is held already becomes none. One that differs may belong to an event which the outstation has not told yet. As long as it
indicates that events are waiting (IIN1.1 to 1.3), such a value is *withheld*: the event brings it with the outstation's time, and if
none comes, the value is handed on as soon as nothing waits any more, or after `WITHHOLD_US`.

A live picture shows the sample with the latest time. So no point may keep a sample of an earlier time as its last one: what the gateway
stamps is never before what was handed on, and an event from a clock that is behind is followed by its value with the gateway's time.

A command's point shows the status of the output that it commands (groups 10 and 40), where the outstation reports one; it may have none.

What is held stays true while an outstation that reports unasked says nothing else. `refresh` repeats it, with a time so long ago
that an event would have arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline.config.dnp3_points import GROUPS, STATUS_GROUPS, Dnp3Row
from tieline.edge.dnp3.quality import flag_class, qualities
from tieline.model import STATUS, Point, Quality, Samples
from tieline.protocols.dnp3.application import EVENTS_WAITING, IIN
from tieline.protocols.dnp3.master import Measured
from tieline.protocols.dnp3.measurements import NO_TIME, POINT_TYPES, Measurements, PointType

WITHHOLD_US = 10_000_000
"""A present value waits so long for the event that it may belong to."""

EARLIEST_US = 946_684_800_000_000
"""2000-01-01: a device whose clock is before that has never been set."""

FUTURE_US = 86_400_000_000
"""A time further ahead than a day is no time."""

LOST = Quality.INVALID | Quality.OLD_DATA
UNKNOWN_POINT = Quality.INVALID | Quality.BAD_REFERENCE
NO_NUMBER = Quality.INVALID | Quality.FAILURE

_CLASS_BITS = {None: EVENTS_WAITING, 0: IIN(0), 1: IIN.CLASS_1_EVENTS, 2: IIN.CLASS_2_EVENTS, 3: IIN.CLASS_3_EVENTS}
_MOST_INDEXES = 65_536

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Reported:
    """Values of points on the list, in the order in which they came."""

    row: Rows
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]

    def where(self, chosen: Mask | Rows) -> _Reported:
        return _Reported(self.row[chosen], self.time[chosen], self.value[chosen], self.quality[chosen])


class Acquisition:
    """The points of one outstation. `reports_events`: it is asked for events, or may report them unasked."""

    def __init__(self, rows: Sequence[Dnp3Row], points: Sequence[Point], *, reports_events: bool) -> None:
        count = len(points)
        self.points = tuple(points)
        self._unlisted: dict[PointType, Mask] = {}
        self._rows = tuple(rows)
        self._is_command = np.array([GROUPS[row.group].is_written for row in rows], np.bool_)
        self._ids = np.array([point.id for point in self.points], np.uint32)
        self._scale = np.array([row.scale for row in self._rows], np.float64)
        self._offset = np.array([row.offset for row in self._rows], np.float64)
        self._bits = np.array([_CLASS_BITS[row.event_class] for row in self._rows], np.uint16)
        self._is_followed = np.full(count, reports_events) & (self._bits != 0)
        self._places, self._twin = _places(self._rows)
        self._value = np.full(count, np.nan)
        self._status = np.full(count, LOST, np.uint16)
        self._newest = np.full(count, np.iinfo(np.int64).min)
        self._device_time = np.full(count, np.iinfo(np.int64).min)  # the outstation's time of the last value that had one
        self._present_time = self._device_time.copy()  # the same, of present values only
        self._is_held = np.zeros(count, np.bool_)  # there is a value of the outstation's, not one that we made up
        self._is_seen = np.zeros(count, np.bool_)
        self._is_withheld = np.zeros(count, np.bool_)
        self._withheld = _Reported(np.arange(count), np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.uint16))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def kinds(self) -> tuple[PointType, ...]:
        """The types of points on the list."""
        return tuple(self._places)

    @property
    def unlisted(self) -> dict[PointType, list[int]]:
        """What the outstation has and the list has not: indexes by type."""
        return {kind: np.flatnonzero(mask).tolist() for kind, mask in self._unlisted.items()}

    # What comes

    def take(self, measured: Measured) -> Samples:
        """Samples of what is new in a fragment, in its order."""
        parts = []
        for measurements in measured.measurements:
            reported = self._read(measurements, measured)
            if reported is None or not len(reported.row):
                continue
            self._is_seen[reported.row] = True
            if measurements.is_event:
                parts += self._take_events(reported, measured.received_us)
            else:
                parts += self._take_present(reported, measured)
        parts.append(self.settle(measured.received_us, measured.iin))
        return Samples.concatenate(parts)

    def settle(self, now_us: int, iin: IIN = EVENTS_WAITING) -> Samples:
        """Present values that were withheld and are not any more, because nothing waits or enough time has passed."""
        if not self._is_withheld.any():
            return Samples.empty()
        waited = np.abs(now_us - self._withheld.time) >= WITHHOLD_US
        rows = np.flatnonzero(self._is_withheld & (waited | ((self._bits & iin) == 0)))
        if not len(rows):
            return Samples.empty()
        self._is_withheld[rows] = False
        withheld = self._withheld.where(rows)
        return self._hand_on(withheld.where(self._is_new(withheld)))

    # What time does

    def refresh(self, at_us: int) -> Samples:
        """What is held of points whose events are followed, with a time at which it was surely true."""
        rows = np.flatnonzero(self._is_held & self._is_followed & ~self._is_withheld & (self._newest < at_us))
        return self._say_again(rows, np.full(len(rows), at_us))

    def lose(self, now_us: int) -> Samples:
        """The outstation does not answer: every point keeps its value, which is old now."""
        self._is_held[:] = False
        self._is_seen[:] = False
        self._is_withheld[:] = False
        self._status[:] = LOST
        rows = np.flatnonzero(self._is_expected)
        return self._say_again(rows, np.full(len(rows), now_us))

    def repeat_absent(self, now_us: int) -> Samples:
        """Points that have not come, or not again since the outstation was lost: as bad as before."""
        rows = np.flatnonzero(~self._is_held & self._is_expected)
        return self._say_again(rows, np.full(len(rows), now_us))

    def missing(self) -> tuple[Point, ...]:
        """Points of the list that the outstation has not reported since it was lost."""
        return tuple(self.points[row] for row in self._missing_rows().tolist())

    def missing_kinds(self) -> tuple[PointType, ...]:
        """The types of the points that are missing."""
        is_here = self._is_seen | self._is_command
        return tuple(kind for kind, places in self._places.items() if not is_here[places[places >= 0]].all())

    def give_up_missing(self, now_us: int) -> Samples:
        """Marks points that the outstation does not have."""
        rows = self._missing_rows()
        self._status[rows] = UNKNOWN_POINT
        return self._say_again(rows, np.full(len(rows), now_us))

    def clock_stepped(self, now_us: int) -> None:
        """The gateway's clock was set: what was stamped later than now does not count any more."""
        np.minimum(self._newest, now_us, out=self._newest)

    @property
    def _is_expected(self) -> Mask:
        """Points that the outstation is to report; commands only once they were."""
        is_expected: Mask = ~self._is_command | ~np.isnan(self._value)
        return is_expected

    def _missing_rows(self) -> Rows:
        return np.flatnonzero(~self._is_seen & ~self._is_command)

    # Reading

    def _read(self, measurements: Measurements, measured: Measured) -> _Reported | None:
        """What a block says of points that are on the list."""
        places = self._places.get(measurements.kind)
        if places is None:
            if measurements.kind.static and measurements.kind.event:
                self._note_unlisted(measurements.kind, measurements.index)
            return None
        row = places.take(measurements.index, mode="clip")
        is_listed = row >= 0
        flags, value, time = measurements.flags, measurements.value, measurements.time_us
        if not is_listed.all():
            self._note_unlisted(measurements.kind, measurements.index[~is_listed])
            row, flags, value, time = row[is_listed], flags[is_listed], value[is_listed], time[is_listed]
        twin = self._twin[row]
        has_twin = twin >= 0
        if has_twin.any():
            again = np.concatenate((np.arange(len(row)), np.flatnonzero(has_twin)))
            row = np.concatenate((row, twin[has_twin]))
            flags, value, time = flags[again], value[again], time[again]
        quality = qualities(flag_class(measurements.kind))[flags]
        value = value * self._scale[row] + self._offset[row]
        is_number = np.isfinite(value)
        if not is_number.all():
            quality = np.where(is_number, quality, np.uint16(NO_NUMBER))
        is_synchronized = measurements.is_time_synchronized and not measured.iin & IIN.NEED_TIME
        time, quality = _stamp(time, quality, measured.received_us, is_synchronized=is_synchronized)
        return _Reported(row, time, value, quality)

    def _note_unlisted(self, kind: PointType, index: npt.NDArray[np.uint32]) -> None:
        mask = self._unlisted.setdefault(kind, np.zeros(_MOST_INDEXES, np.bool_))
        mask[index[index < _MOST_INDEXES]] = True

    def _take_events(self, events: _Reported, received_us: int) -> list[Samples]:
        rows = events.row
        # A frozen counter's event may come behind the present value that was read with the same time.
        is_known = (events.quality & Quality.DEVICE_TIME) != 0
        is_known &= (events.time == self._present_time[rows]) & (events.value == self._value[rows])
        is_known &= (events.quality & STATUS) == self._status[rows]
        if is_known.any():
            events = events.where(~is_known)
            rows = events.row
        if not len(rows):
            return []
        samples = self._hand_on(events)
        withheld = rows[self._is_withheld[rows]]
        if len(withheld):
            is_over = self._withheld.value[withheld] == self._value[withheld]
            is_over |= self._withheld.time[withheld] <= self._newest[withheld]
            self._is_withheld[withheld[is_over]] = False
        last = _last_of(rows)
        behind = last[samples.time[last] < self._newest[rows[last]]]
        if not len(behind):
            return [samples]
        return [samples, self._say_again(rows[behind], np.full(len(behind), received_us))]

    def _take_present(self, present: _Reported, measured: Measured) -> list[Samples]:
        is_new = self._is_new(present)
        known = present.row[~is_new]
        self._is_withheld[known] = False
        # Nobody follows the events of these: that they were read again is the news.
        again = known[~self._is_followed[known]]
        confirmed = self._say_again(again, np.full(len(again), measured.received_us))
        new = present.where(is_new)
        waits = ((self._bits[new.row] & measured.iin) != 0) & self._is_followed[new.row] & self._is_held[new.row]
        waits &= (new.quality & Quality.DEVICE_TIME) == 0
        if waits.any():
            rows = new.row[waits]
            self._withheld.time[rows] = new.time[waits]
            self._withheld.value[rows] = new.value[waits]
            self._withheld.quality[rows] = new.quality[waits]
            self._is_withheld[rows] = True
            new = new.where(~waits)
        samples = self._hand_on(new)
        has_time = (new.quality & Quality.DEVICE_TIME) != 0
        self._present_time[new.row[has_time]] = new.time[has_time]
        return [confirmed, samples]

    def _is_new(self, present: _Reported) -> Mask:
        """Which present values differ from what is held."""
        rows = present.row
        is_same = (present.value == self._value[rows]) | (np.isnan(present.value) & np.isnan(self._value[rows]))
        is_same &= (present.quality & STATUS) == self._status[rows]
        is_same &= self._is_held[rows]
        is_same &= ((present.quality & Quality.DEVICE_TIME) == 0) | (present.time <= self._device_time[rows])
        is_new: Mask = ~is_same
        return is_new

    # Handing on

    def _hand_on(self, reported: _Reported) -> Samples:
        """Samples of values that are now held; each time is the outstation's, or not before what was handed on."""
        rows = reported.row
        if not len(rows):
            return Samples.empty()
        is_ours = (reported.quality & Quality.DEVICE_TIME) == 0
        time = reported.time
        if is_ours.any():
            time = np.where(is_ours, np.maximum(time, self._newest[rows] + 1) + _repetition(rows), time)
        self._value[rows] = reported.value
        self._status[rows] = reported.quality & STATUS
        self._is_held[rows] = True
        self._device_time[rows[~is_ours]] = time[~is_ours]
        np.maximum.at(self._newest, rows, time)
        return Samples(self._ids[rows], time, reported.value, reported.quality)

    def _say_again(self, rows: Rows, time: npt.NDArray[np.int64]) -> Samples:
        """What is held, stamped by the gateway."""
        time = np.maximum(time, self._newest[rows] + 1)
        self._newest[rows] = time
        return Samples(self._ids[rows], time, self._value[rows], self._status[rows])


def _places(rows: Sequence[Dnp3Row]) -> tuple[dict[PointType, Rows], Rows]:
    """For each type of point: the row of each index, -1 where the list has none. For each row: a second one for the same, or -1."""
    places: dict[PointType, Rows] = {}
    twin = np.full(len(rows), -1, np.intp)
    for place, row in enumerate(rows):
        kind, _ = POINT_TYPES[STATUS_GROUPS.get(row.group, row.group)]
        of_kind = places.setdefault(kind, np.full(_MOST_INDEXES, -1, np.intp))
        first = int(of_kind[row.index])
        if first >= 0:
            twin[first] = place
        else:
            of_kind[row.index] = place
    return places, twin


def _stamp(
    time: npt.NDArray[np.int64], quality: npt.NDArray[np.uint16], received_us: int, *, is_synchronized: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
    """The time of each sample, and what its quality says of it."""
    has_time = time != NO_TIME
    if not has_time.any():
        return np.full(len(time), received_us), quality
    is_absurd = (time < EARLIEST_US) | (time > received_us + FUTURE_US)
    worth = Quality.DEVICE_TIME if is_synchronized else Quality.DEVICE_TIME | Quality.CLOCK_NOT_SYNCHRONIZED
    about = np.where(is_absurd, np.uint16(Quality.CLOCK_FAILURE), np.uint16(worth))
    return np.where(is_absurd, received_us, time), np.where(has_time, quality | about, quality)


def _last_of(rows: Rows) -> Rows:
    """Where each row comes for the last time."""
    _, from_end = np.unique(rows[::-1], return_index=True)
    return len(rows) - 1 - from_end


def _repetition(rows: Rows) -> npt.NDArray[np.int64]:
    """0 where a row comes for the first time, 1 for the second, and so on: no two samples of a point have one time."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    count = np.empty(len(rows), np.int64)
    count[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return count
