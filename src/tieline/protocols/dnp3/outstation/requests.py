"""What an outstation does for requests other than READ and commands: it writes, freezes, assigns and tells (clauses 4.4.3 to 4.4.24)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, Fragment, Function, ObjectBlock
from tieline.protocols.dnp3.measurements import POINT_TYPES, PointType, values_of
from tieline.protocols.dnp3.objects import object_type, times_ms
from tieline.protocols.dnp3.outstation.control_requests import CommandHandler
from tieline.protocols.dnp3.outstation.database import FREEZES, Database
from tieline.protocols.dnp3.outstation.freeze_schedule import FreezeSchedule
from tieline.protocols.dnp3.outstation.point_table import PointTable
from tieline.protocols.dnp3.outstation.read_request import named_points
from tieline.protocols.dnp3.outstation.settings import (
    ClassAssigned,
    DeadbandsWritten,
    Frozen,
    OutstationEvent,
    OutstationSettings,
    RestartCleared,
    RestartRequested,
    TimeWritten,
    UnsolicitedChanged,
)
from tieline.protocols.dnp3.outstation.unsolicited import Unsolicited

Answer = tuple[list[ObjectBlock], IIN]
_RESTART_BIT = 7


class OutstationRequests:
    """Carries requests out for one association."""

    def __init__(
        self,
        settings: OutstationSettings,
        database: Database,
        handler: CommandHandler,
        unsolicited: Unsolicited,
        tell: Callable[[OutstationEvent], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._handler = handler
        self._unsolicited = unsolicited
        self._tell = tell
        self._recorded_s: float | None = None
        self.freezes = FreezeSchedule(self._freeze)
        self.has_restarted = True
        """IIN1.7."""
        self.has_time = True
        """Whether the master has written the time since it was last needed."""

    def restart(self) -> None:
        """As at first, but for the time."""
        self._recorded_s = None
        self.freezes.clear()
        self.has_restarted = True

    def answer(self, request: Fragment, now: Now) -> Answer:
        """What is answered, once it is done."""
        match request.function:
            case Function.WRITE:
                return self._write(request, now)
            case Function.IMMEDIATE_FREEZE | Function.IMMEDIATE_FREEZE_NO_RESPONSE:
                return [], self._freeze(request.blocks, now.utc_us, clear=False)
            case Function.FREEZE_CLEAR | Function.FREEZE_CLEAR_NO_RESPONSE:
                return [], self._freeze(request.blocks, now.utc_us, clear=True)
            case Function.FREEZE_AT_TIME | Function.FREEZE_AT_TIME_NO_RESPONSE:
                return [], self.freezes.set(request.blocks, now)
            case Function.COLD_RESTART | Function.WARM_RESTART if self._settings.restart_allowed:
                return self._restart(is_cold=request.function == Function.COLD_RESTART)
            case Function.ENABLE_UNSOLICITED | Function.DISABLE_UNSOLICITED if self._settings.unsolicited_allowed:
                return self._enable(request, is_enabled=request.function == Function.ENABLE_UNSOLICITED)
            case Function.ASSIGN_CLASS:
                return self._assign(request)
            case Function.DELAY_MEASURE:
                return [_delay(2, 0)], IIN(0)  # the answer is made in the same instant
            case Function.RECORD_CURRENT_TIME:
                self._recorded_s = now.monotonic_s
                return [], IIN(0)
            case _:
                return [], IIN.NO_FUNCTION_CODE_SUPPORT

    def _write(self, request: Fragment, now: Now) -> Answer:
        iin = IIN(0)
        for block in request.blocks:
            iin |= self._write_objects(block, now)
        return [], iin

    def _write_objects(self, block: ObjectBlock, now: Now) -> IIN:
        match block.group, block.variation:
            case 80, 1:
                return self._write_indications(block)
            case 50, 1 | 3:
                return self._write_time(block, now)
            case 34, 1 | 2 | 3:
                return self._write_deadbands(block)
            case 110, _ if block.strings is not None:
                return self._write_strings(block)
            case _:
                return IIN.OBJECT_UNKNOWN

    def _write_indications(self, block: ObjectBlock) -> IIN:
        if block.states is None or block.start != _RESTART_BIT or block.count != 1 or block.states[0]:
            return IIN.PARAMETER_ERROR
        if self.has_restarted:
            self.has_restarted = False
            self._tell(RestartCleared())
        return IIN(0)

    def _write_time(self, block: ObjectBlock, now: Now) -> IIN:
        if block.records is None or len(block.records) != 1:
            return IIN.PARAMETER_ERROR
        at_s: float | None = now.monotonic_s
        if block.variation == 3:  # counts from the RECORD_CURRENT_TIME before it
            at_s, self._recorded_s = self._recorded_s, None
        if at_s is None:
            return IIN.PARAMETER_ERROR
        self.has_time = True
        self._tell(TimeWritten(int(times_ms(block.records)[0]) * 1_000, at_s))
        return IIN(0)

    def _write_deadbands(self, block: ObjectBlock) -> IIN:
        table = self._database.table(PointType.ANALOG_INPUT)
        if table is None:
            return IIN.OBJECT_UNKNOWN
        if block.records is None or (block.indexes is None and block.start is None):
            return IIN.PARAMETER_ERROR
        deadband = values_of(block.records)
        right = (table.find(block.points) >= 0) & np.isfinite(deadband) & (deadband >= 0)
        if right.any():
            indexes = block.points[right]
            self._database.set_deadbands(indexes, deadband[right])
            self._tell(DeadbandsWritten(indexes, deadband[right]))
        return IIN(0) if right.all() else IIN.PARAMETER_ERROR

    def _write_strings(self, block: ObjectBlock) -> IIN:
        if block.indexes is None and block.start is None:
            return IIN.PARAMETER_ERROR
        written = [
            self._handler.write_string(index, string)
            for index, string in zip(block.points.tolist(), block.strings or (), strict=True)
        ]
        return IIN(0) if all(written) else IIN.PARAMETER_ERROR

    def _freeze(self, blocks: Iterable[ObjectBlock], utc_us: int, *, clear: bool) -> IIN:
        """Freezes each point once, however many of the headers name it."""
        iin = IIN(0)
        named: dict[PointType, tuple[PointTable, npt.NDArray[np.bool_]]] = {}
        for block in blocks:
            kind, is_event = POINT_TYPES.get(block.group, (None, False))
            table = None if kind is None or is_event else self._database.table(kind)
            frozen = None if kind not in FREEZES else self._database.table(FREEZES[kind])
            if kind is None or table is None or frozen is None or (clear and kind is not PointType.COUNTER):
                iin |= IIN.OBJECT_UNKNOWN
                continue
            found = named_points(block, table)
            if found is None:
                iin |= IIN.PARAMETER_ERROR
                continue
            at, is_complete = found
            named.setdefault(kind, (table, np.zeros(len(table), np.bool_)))[1][at] = True
            iin |= IIN(0) if is_complete else IIN.PARAMETER_ERROR
        for kind, (table, is_named) in named.items():
            at = np.flatnonzero(is_named)
            if len(at):
                self._database.freeze(kind, at, utc_us, clear=clear)
                self._tell(Frozen(kind, table.index[at], clear))
        return iin

    def _restart(self, *, is_cold: bool) -> Answer:
        self._tell(RestartRequested(is_cold))
        return [_delay(1, self._settings.restart_delay_s[0 if is_cold else 1])], IIN(0)

    def _enable(self, request: Fragment, *, is_enabled: bool) -> Answer:
        iin = IIN(0)
        classes: set[int] = set()
        for block in request.blocks:
            if block.group != 60 or not 2 <= block.variation <= 4:
                iin |= IIN.OBJECT_UNKNOWN
            elif not block.names_all:
                iin |= IIN.PARAMETER_ERROR
            else:
                classes.add(block.variation - 1)
        before = self._unsolicited.classes
        self._unsolicited.classes = before | classes if is_enabled else before - classes
        if self._unsolicited.classes != before:
            self._tell(UnsolicitedChanged(self._unsolicited.classes))
        return [], iin

    def _assign(self, request: Fragment) -> Answer:
        iin = IIN(0)
        event_class: int | None = None
        for block in request.blocks:
            if block.group == 60:
                event_class = block.variation - 1 if 1 <= block.variation <= 4 and block.names_all else None
                iin |= IIN.PARAMETER_ERROR if event_class is None else IIN(0)
            elif event_class is None:
                iin |= IIN.PARAMETER_ERROR
            else:
                iin |= self._assign_points(block, event_class)
        return [], iin

    def _assign_points(self, block: ObjectBlock, event_class: int) -> IIN:
        kind, _ = POINT_TYPES.get(block.group, (None, False))
        table = None if kind is None else self._database.table(kind)
        if kind is None or table is None:
            return IIN.OBJECT_UNKNOWN
        found = named_points(block, table)
        if found is None:
            return IIN.PARAMETER_ERROR
        at, is_complete = found
        if len(at):
            self._database.assign_class(kind, at, event_class)
            self._tell(ClassAssigned(kind, table.index[at], event_class))
        return IIN(0) if is_complete else IIN.PARAMETER_ERROR


def _delay(variation: int, value: int) -> ObjectBlock:
    """A time delay: seconds in variation 1, milliseconds in 2."""
    kind = object_type(52, variation)
    assert kind is not None
    records = kind.zeros(1)
    records["value"] = value
    return ObjectBlock.counted(52, variation, records)
