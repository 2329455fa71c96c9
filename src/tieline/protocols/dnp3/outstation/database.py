"""What an outstation measures: its points by type, shared by all its masters.

Values come in arrays and make events where a number moved beyond its deadband since its last event, a state changed or flags did. An
event goes into the buffer of every master, in the order of the updates, whatever the type. Classes and deadbands belong to the
outstation, not to an association: what one master assigns holds for all (clause 4.4.17 knows no owner of an assignment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.measurements import Flag, PointType
from tieline.protocols.dnp3.outstation.event_buffer import EventBuffer
from tieline.protocols.dnp3.outstation.event_encoding import EventColumns
from tieline.protocols.dnp3.outstation.point_table import MOST_STRING, Integers, Points, PointTable, check_deadbands, spread
from tieline.protocols.dnp3.outstation.selection import Reservations

FREEZES = {PointType.COUNTER: PointType.FROZEN_COUNTER, PointType.ANALOG_INPUT: PointType.FROZEN_ANALOG_INPUT}
"""Which type holds the frozen values of which."""
_LOCAL_INDICATIONS = IIN.LOCAL_CONTROL | IIN.DEVICE_TROUBLE | IIN.CONFIG_CORRUPT | IIN.ALREADY_EXECUTING

Values = float | Sequence[float] | npt.NDArray[np.float64]
Numbers = int | Sequence[int] | npt.NDArray[np.integer]


class Database:
    """The points of one outstation."""

    def __init__(self, points: Mapping[PointType, Points]) -> None:
        """Raises `LocalError` where a type is set as it cannot be."""
        if PointType.ANALOG_INPUT_DEADBAND in points:
            raise LocalError("deadbands are there wherever analog inputs are")
        self._tables = {kind: PointTable(kind, given) for kind, given in points.items()}
        self.reservations = Reservations()
        self._buffers: list[EventBuffer] = []
        self._indications = IIN(0)

    @property
    def indications(self) -> IIN:
        """What the device says about itself in every response: local control, trouble, damaged configuration."""
        return self._indications

    @indications.setter
    def indications(self, indications: IIN) -> None:
        if indications & ~_LOCAL_INDICATIONS:
            raise LocalError(f"{indications!r} is not for the device to say")
        self._indications = indications

    @property
    def kinds(self) -> tuple[PointType, ...]:
        """The types that have points, by static group."""
        return tuple(sorted(self._tables))

    def table(self, kind: PointType) -> PointTable | None:
        """The columns of a type; None where there are no such points. To be read, not written."""
        return self._tables.get(kind)

    def attach(self, buffer: EventBuffer) -> None:
        """From now on events go there too."""
        self._buffers.append(buffer)

    def detach(self, buffer: EventBuffer) -> None:
        """No more events go there. Raises `LocalError` where none did."""
        if buffer not in self._buffers:
            raise LocalError("that event buffer is not attached")
        self._buffers.remove(buffer)

    def update(
        self, kind: PointType, indexes: Numbers, value: Values, flags: Numbers, time_us: Numbers, *, with_events: bool = True
    ) -> int:
        """Takes new values of points, in order; gives how many events they made.

        Flags without state bits. A point may be named several times; with `with_events` False nothing is told, which is for the values
        that are there before the outstation speaks for the first time. Raises `LocalError`, and changes nothing, for a point that does
        not exist or a value that its type cannot have.
        """
        if kind is PointType.OCTET_STRING:
            raise LocalError("octet strings are updated with `update_strings`")
        table, at = self._locate(kind, indexes)
        values = _reals(value, len(at))
        marks = table.checked(values, _integers(flags, len(at)).astype(np.uint8))
        times = _integers(time_us, len(at))
        made = self._store(table, at, values, marks, times)
        if not with_events:
            return 0
        rows = np.flatnonzero(made)
        if len(rows):
            self._tell(table, at[rows], values[rows], marks[rows], times[rows])
        return len(rows)

    def update_strings(self, indexes: Numbers, strings: Sequence[bytes], time_us: int) -> int:
        """Takes new octet strings of 1 to 255 octets; gives how many events they made. Raises `LocalError` as `update` does."""
        table, at = self._locate(PointType.OCTET_STRING, indexes)
        if len(strings) != len(at):
            raise LocalError(f"{len(at)} octet strings are named, {len(strings)} are given")
        if not all(1 <= len(string) <= MOST_STRING for string in strings):
            raise LocalError(f"an octet string has 1 to {MOST_STRING} octets")
        changed: list[int] = []
        for number, (place, string) in enumerate(zip(at.tolist(), strings, strict=True)):
            if string != table.strings[place] or table.flags[place] != Flag.ONLINE:
                changed.append(number)
            table.strings[place] = string
            table.flags[place] = Flag.ONLINE
            table.time_us[place] = time_us
        rows = np.array([number for number in changed if table.event_class[at[number]]], np.int64)
        if len(rows):
            text = np.empty(len(rows), np.object_)
            text[:] = [strings[row] for row in rows.tolist()]
            variation = np.array([len(string) for string in text], np.uint8)
            count = len(rows)
            times = np.full(count, time_us, np.int64)
            marks = np.full(count, Flag.ONLINE, np.uint8)
            self._tell(table, at[rows], np.zeros(count), marks, times, variation, text)
        return len(rows)

    def freeze(self, kind: PointType, at: Integers | None, time_us: int, *, clear: bool = False) -> int:
        """Freezes counters or analog inputs (all, or those at these places of the columns); gives how many events that made.

        Those that have no frozen point of the same index stay as they are. Each freeze of a frozen point with a class is an event,
        because intervals are counted by them. With `clear` the counters then begin at 0, which is no event by itself.
        """
        target_kind = FREEZES.get(kind)
        source = self._tables.get(kind)
        if target_kind is None or source is None:
            raise LocalError(f"{kind.name} cannot be frozen here")
        rows = np.arange(len(source)) if at is None else at
        target = self._tables.get(target_kind)
        made = 0
        if target is not None:
            places = target.find(source.index[rows])
            frozen, places = rows[places >= 0], places[places >= 0]
            value, flags = source.value[frozen], source.flags[frozen]
            times = np.full(len(frozen), time_us, np.int64)
            target.store(places, value, flags, times)
            target.event_value[places], target.event_flags[places] = value, flags
            told = np.flatnonzero(target.event_class[places])
            if len(told):
                self._tell(target, places[told], value[told], flags[told], times[told])
            made = len(told)
        if clear:
            source.value[rows] = 0.0
            source.event_value[rows] = 0.0
        return made

    def record_commands(self, kind: PointType, indexes: Numbers, value: Values, status: Numbers, time_us: int) -> None:
        """Notes commands that were carried out, for masters that want to know (g13, g43); points that are not configured are left out."""
        table = self._tables.get(kind)
        if table is None:
            return
        at = table.find(np.atleast_1d(np.asarray(indexes, np.int64)))
        values, statuses = _reals(value, len(at)), _integers(status, len(at)).astype(np.uint8)
        rows = np.flatnonzero((at >= 0) & (table.event_class[at] > 0))
        if len(rows):
            self._tell(table, at[rows], values[rows], statuses[rows], np.full(len(rows), time_us, np.int64))

    def assign_class(self, kind: PointType, at: Integers | None, event_class: int) -> None:
        """Puts points into a class; events that are already buffered keep theirs."""
        if not 0 <= event_class <= 3:
            raise LocalError(f"a class is 0 to 3, not {event_class}")
        table = self._tables.get(kind)
        if table is None:
            raise LocalError(f"there is no {kind.name}")
        table.event_class[slice(None) if at is None else at] = event_class

    def set_deadbands(self, indexes: Numbers, deadband: Values) -> None:
        """Sets deadbands of analog inputs. Raises `LocalError`, and changes nothing, for one that cannot be."""
        table, at = self._locate(PointType.ANALOG_INPUT, indexes)
        values = _reals(deadband, len(at))
        check_deadbands(values)
        table.deadband[at] = values

    def _locate(self, kind: PointType, indexes: Numbers) -> tuple[PointTable, Integers]:
        table = self._tables.get(kind)
        if table is None:
            raise LocalError(f"there is no {kind.name}")
        numbers = np.atleast_1d(np.asarray(indexes, np.int64))
        at = table.find(numbers)
        if len(at) and at.min() < 0:
            raise LocalError(f"there is no {kind.name} {numbers[at < 0][0]}")
        return table, at

    def _store(
        self,
        table: PointTable,
        at: Integers,
        value: npt.NDArray[np.float64],
        flags: npt.NDArray[np.uint8],
        time_us: Integers,
    ) -> npt.NDArray[np.bool_]:
        if (np.diff(at) > 0).all():
            return table.store(at, value, flags, time_us)
        made = np.zeros(len(at), np.bool_)
        left = np.arange(len(at))
        while len(left):  # what is named several times is taken in turns
            first = np.sort(np.unique(at[left], return_index=True)[1])
            turn = left[first]
            made[turn] = table.store(at[turn], value[turn], flags[turn], time_us[turn])
            left = np.delete(left, first)
        return made

    def _tell(
        self,
        table: PointTable,
        at: Integers,
        value: npt.NDArray[np.float64],
        flags: npt.NDArray[np.uint8],
        time_us: Integers,
        variation: npt.NDArray[np.uint8] | None = None,
        text: npt.NDArray[np.object_] | None = None,
    ) -> None:
        events = EventColumns(
            np.full(len(at), table.kind.event, np.uint8),
            table.event_variation[at] if variation is None else variation,
            table.index[at],
            value,
            flags,
            time_us,
            np.full(len(at), None, np.object_) if text is None else text,
        )
        for buffer in self._buffers:
            buffer.append(events, table.event_class[at])


def _reals(given: Values, count: int) -> npt.NDArray[np.float64]:
    return spread(np.asarray(given, np.float64), count)


def _integers(given: Numbers, count: int) -> Integers:
    return spread(np.asarray(given, np.int64), count)
