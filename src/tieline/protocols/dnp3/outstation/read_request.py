"""What a READ asks for: events are selected in the buffer, present values and single objects lined up behind them (clause 4.4.2).

Events go first, all classes together in the order in which they happened, so that a present value that follows is never older than an
event before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tieline.protocols.dnp3.application import IIN, ObjectBlock, encode_block
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, POINT_TYPES, STATIC_VARIATIONS, PointType
from tieline.protocols.dnp3.objects import object_type, set_times_ms
from tieline.protocols.dnp3.outstation.database import Database
from tieline.protocols.dnp3.outstation.event_buffer import EventBuffer
from tieline.protocols.dnp3.outstation.point_table import PointTable
from tieline.protocols.dnp3.outstation.static_encoding import StaticRead

_RANGES = {0x00, 0x01, 0x02}
_COUNTS = {0x07, 0x08}


class _Part(Protocol):
    @property
    def is_done(self) -> bool: ...

    def write(self, room: int) -> bytes: ...


@dataclass(slots=True)
class _Single:
    """An object that is written as it is."""

    octets: bytes
    is_done: bool = False

    def write(self, room: int) -> bytes:
        if len(self.octets) > room:
            return b""
        self.is_done = True
        return self.octets


class ReadPlan:
    """What is still to be answered to a READ."""

    def __init__(self, database: Database, events: EventBuffer) -> None:
        self._database = database
        self._events = events
        self._parts: deque[_Part] = deque()
        self.iin = IIN(0)
        """What was wrong with the request."""

    def add(self, block: ObjectBlock, *, indications: IIN, utc_ms: int) -> None:
        """Lines up what a header asks for; what of it cannot be answered is noted in `iin`."""
        if block.group == 60:
            self.iin |= self._class(block)
        elif block.group == 50:
            self.iin |= self._time(block, utc_ms)
        elif block.group == 80:
            self.iin |= self._indications(block, indications)
        elif block.group in POINT_TYPES:
            kind, is_event = POINT_TYPES[block.group]
            self.iin |= self._event(block, kind) if is_event else self._static(block, kind)
        else:
            self.iin |= IIN.OBJECT_UNKNOWN

    def add_block(self, block: ObjectBlock) -> None:
        """Lines up one object."""
        self._parts.append(_Single(encode_block(block)))

    @property
    def is_done(self) -> bool:
        """Whether all is written."""
        return not self._parts and not self._events.has_selected

    def write(self, room: int, *, is_synchronized: bool) -> bytes:
        """What of it fits into so many octets. Events that are written count as sent."""
        octets = self._events.write(room, is_synchronized=is_synchronized) if self._events.has_selected else b""
        out = [octets]
        room -= len(octets)
        while self._parts and not self._events.has_selected:
            octets = self._parts[0].write(room)
            out.append(octets)
            room -= len(octets)
            if not self._parts[0].is_done:
                break
            self._parts.popleft()
        return b"".join(out)

    def _class(self, block: ObjectBlock) -> IIN:
        if not 1 <= block.variation <= 4:
            return IIN.OBJECT_UNKNOWN
        if block.variation == 1:
            if not block.names_all:
                return IIN.PARAMETER_ERROR
            for kind in self._database.kinds:
                table = self._database.table(kind)
                if kind.static and table is not None and len(table):
                    self._parts.append(StaticRead(kind, table, table.places))
            return IIN(0)
        if not block.names_all and block.qualifier not in _COUNTS:
            return IIN.PARAMETER_ERROR
        self._events.select_classes((block.variation - 1,), None if block.names_all else block.count)
        return IIN(0)

    def _event(self, block: ObjectBlock, kind: PointType) -> IIN:
        if self._database.table(kind) is None or block.variation not in (0, *EVENT_VARIATIONS.get(kind, ())):
            return IIN.OBJECT_UNKNOWN
        if not block.names_all and block.qualifier not in _COUNTS:
            return IIN.PARAMETER_ERROR
        self._events.select_group(block.group, block.variation, None if block.names_all else block.count)
        return IIN(0)

    def _static(self, block: ObjectBlock, kind: PointType) -> IIN:
        is_deadband = kind is PointType.ANALOG_INPUT_DEADBAND
        table = self._database.table(PointType.ANALOG_INPUT if is_deadband else kind)
        if table is None or block.variation not in (0, *STATIC_VARIATIONS.get(kind, ())):
            return IIN.OBJECT_UNKNOWN
        found = named_points(block, table)
        if found is None:
            return IIN.PARAMETER_ERROR
        at, is_complete = found
        if len(at):
            self._parts.append(StaticRead(kind, table, at, block.variation, block.indexes is not None))
        return IIN(0) if is_complete else IIN.PARAMETER_ERROR

    def _time(self, block: ObjectBlock, utc_ms: int) -> IIN:
        if block.variation not in {0, 1}:
            return IIN.OBJECT_UNKNOWN
        if not block.names_all and not (block.qualifier in _COUNTS and block.count == 1):
            return IIN.PARAMETER_ERROR
        kind = object_type(50, 1)
        assert kind is not None
        records = kind.zeros(1)
        set_times_ms(records, utc_ms)
        self.add_block(ObjectBlock.counted(50, 1, records))
        return IIN(0)

    def _indications(self, block: ObjectBlock, indications: IIN) -> IIN:
        if block.variation not in {0, 1}:
            return IIN.OBJECT_UNKNOWN
        start, stop = 0, 15
        if block.start is not None:
            start, stop = block.start, block.start + block.count - 1
        elif not block.names_all:
            return IIN.PARAMETER_ERROR
        if stop > 15:
            return IIN.PARAMETER_ERROR
        states = (int(indications) >> np.arange(start, stop + 1) & 1).astype(np.uint8)
        self.add_block(ObjectBlock.range(80, 1, start, stop, states=states))
        return IIN(0)


def named_points(block: ObjectBlock, table: PointTable) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], bool] | None:
    """Where the points are that a header names, and whether all of those exist; None where it cannot name points."""
    if block.names_all:
        return table.places, True
    if block.indexes is not None:
        at = table.find(block.indexes)
        return at[at >= 0], bool((at >= 0).all())
    if block.start is not None and block.qualifier in _RANGES:
        at = table.between(block.start, block.start + block.count - 1)
        return at, len(at) == block.count
    return None
