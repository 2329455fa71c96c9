"""A simulated Modbus device: takes request PDUs, gives response PDUs (Modbus Application Protocol V1.1b3), and knows no sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline import config
from tieline.config.modbus import ModbusRow, Table
from tieline.model import LocalError, TielineError
from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.device import Column, ShowNote, WriteNote
from tieline.simulator.devices.registers import Registers

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
_READS: Mapping[int, tuple[Table, int]] = {
    1: ("coil", 2000),
    2: ("discrete_input", 2000),
    3: ("holding_register", 125),
    4: ("input_register", 125),
}
_ON, _OFF = 0xFF00, 0x0000


class ModbusDevice:
    """One device of a utility folder: its values, its registers, its manners."""

    def __init__(self, device: config.ModbusDevice) -> None:
        self.path = device.path
        self.unit: int = device.connection.unit
        self.points = device.points
        self.behavior: Behavior = NORMAL
        self.requests = 0
        self.on_write: WriteNote | None = None
        self.on_show: ShowNote | None = None
        self._watch: _RegisterWatch | None = None
        self._rows = device.rows
        self._index = {point.name: number for number, point in enumerate(device.points)}
        self._registers = Registers(device.rows)
        self._values: Column = np.zeros(len(device.rows))
        self._writable = [number for number, row in enumerate(device.rows) if row.kind.is_writable]
        self._open: dict[Table, dict[int, list[int]]] = {"coil": {}, "holding_register": {}}
        for number in self._writable:
            row = device.rows[number]
            for address in range(row.address, row.address + row.length):
                self._open[row.table].setdefault(address, []).append(number)
        self._feedback = _find_feedback(device.rows)
        self.feedback = frozenset(number for numbers in self._feedback.values() for number in numbers)
        self._registers.write_points(self._values)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def values(self) -> Column:
        """What the points stand at, in engineering units; they change with `publish` and `change`."""
        return self._values

    def number(self, name: str) -> int:
        """A point's number in the device. Raises `LocalError` where there is no such point."""
        if name not in self._index:
            raise LocalError(f"{self.path} has no point {name}")
        return self._index[name]

    def publish(self, values: Column) -> None:
        """New values for all points, in their order; masters see all of them or none."""
        self._values[:] = values
        self._show()

    def change(self, values: Mapping[str, float]) -> None:
        """New values for some points; masters see all of them or none. It costs as much as `publish`: change many at once."""
        for name, value in values.items():
            self._values[self.number(name)] = value
        self._show()

    def _show(self) -> None:
        self._registers.write_points(self._values)
        if self.on_show is not None:
            self.on_show(None)

    def row(self, number: int) -> ModbusRow:
        """Where a point lies."""
        return self._rows[number]

    def watch(self, numbers: Sequence[int], on_read: Callable[[], None]) -> _RegisterWatch:
        """Looks which connections read the registers of these points from now on. One watch at a time."""
        self._watch = _RegisterWatch(self, [self._rows[number] for number in numbers], on_read)
        return self._watch

    def unwatch(self, watch: _RegisterWatch) -> None:
        """Ends a watch; harmless for one that another has replaced."""
        if self._watch is watch:
            self._watch = None

    def left(self, master: object) -> None:
        """A connection has ended that may have read."""
        if self._watch is not None:
            self._watch.forget(master)

    def answer(self, request: bytes, master: object = None) -> bytes:
        """The response to a request; any bytes have one."""
        self.requests += 1
        function = request[0] if request else 0
        if self.behavior.manner == "refusing":
            return _exception(function, self.behavior.exception)
        if function in _READS:
            return self._answer_read(request, master)
        match function:
            case 5 if len(request) == 5:
                return self._answer_coil(request)
            case 6 if len(request) == 5:
                return self._write_registers(request, int.from_bytes(request[1:3], "big"), request[3:5], response=request)
            case 15 if len(request) >= 6:
                return self._answer_coils(request)
            case 16 if len(request) >= 6:
                return self._answer_registers(request)
            case 5 | 6 | 15 | 16:
                return _exception(function, ILLEGAL_VALUE)
            case _:
                return _exception(function, ILLEGAL_FUNCTION)

    def _answer_read(self, request: bytes, master: object) -> bytes:
        function = request[0]
        table, most = _READS[function]
        address, count = int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
        if len(request) != 5 or not 1 <= count <= most:
            return _exception(function, ILLEGAL_VALUE)
        if address + count > self._registers.size[table]:
            return _exception(function, ILLEGAL_ADDRESS)
        content = self._registers.read(table, address, count)
        if self._watch is not None:
            self._watch.note(table, address, count, master)
        return bytes((function, len(content))) + content

    def _answer_coil(self, request: bytes) -> bytes:
        address, value = int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
        if value not in {_ON, _OFF}:
            return _exception(5, ILLEGAL_VALUE)
        return self._write_coils(5, address, np.array([value == _ON], np.uint8), response=request)

    def _answer_coils(self, request: bytes) -> bytes:
        address, count = int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
        size = (count + 7) // 8
        if not 1 <= count <= 1968 or request[5] != size or len(request) != 6 + size:
            return _exception(15, ILLEGAL_VALUE)
        bits = np.unpackbits(np.frombuffer(request[6:], np.uint8), bitorder="little")[:count]
        return self._write_coils(15, address, bits, response=request[:5])

    def _answer_registers(self, request: bytes) -> bytes:
        address, count = int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
        if not 1 <= count <= 123 or request[5] != 2 * count or len(request) != 6 + 2 * count:
            return _exception(16, ILLEGAL_VALUE)
        return self._write_registers(request, address, request[6:], response=request[:5])

    def _write_coils(self, function: int, address: int, bits: npt.NDArray[np.uint8], *, response: bytes) -> bytes:
        is_open = self._open["coil"]
        if any(place not in is_open for place in range(address, address + len(bits))):
            return _exception(function, ILLEGAL_ADDRESS)
        packed = np.frombuffer(self._registers.read("coil", address, len(bits)), np.uint8)
        before = np.unpackbits(packed, bitorder="little")[: len(bits)]
        self._registers.write_coils(address, bits)
        touched = {number for place in range(address, address + len(bits)) for number in is_open[place]}
        return self._take(function, touched, lambda: self._registers.write_coils(address, before), response)

    def _write_registers(self, request: bytes, address: int, content: bytes, *, response: bytes) -> bytes:
        is_open = self._open["holding_register"]
        count = len(content) // 2
        if any(place not in is_open for place in range(address, address + count)):
            return _exception(request[0], ILLEGAL_ADDRESS)
        before = self._registers.read("holding_register", address, count)
        self._registers.write_registers(address, content)
        touched = {number for place in range(address, address + count) for number in is_open[place]}
        return self._take(request[0], touched, lambda: self._registers.write_registers(address, before), response)

    def _take(self, function: int, touched: set[int], undo: Callable[[], Any], response: bytes) -> bytes:
        """Acts on the points that a write has changed; a bit field only where its own bits did."""
        values = self._registers.read_points()
        wanted = {}
        for number in sorted(touched):
            row, value = self._rows[number], float(values[number])
            if row.type == "bits" and row.table == "holding_register" and value == self._values[number]:
                continue
            is_beyond = (row.low is not None and value < row.low) or (row.high is not None and value > row.high)
            if is_beyond or not np.isfinite(value):
                undo()
                return _exception(function, ILLEGAL_VALUE)
            wanted[number] = value
        try:
            for number, value in wanted.items():
                self._values[[number, *self._feedback.get(number, ())]] = value
                if self.on_write is not None:
                    self.on_write(number, value)
        except TielineError:
            undo()
            return _exception(function, DEVICE_FAILURE)
        if self.on_show is not None:
            self.on_show(None)
        return response


class _RegisterWatch:
    """Who has read the registers of some points since they were new. Who has read all of them once is a polling master."""

    def __init__(self, device: ModbusDevice, rows: Sequence[ModbusRow], on_read: Callable[[], None]) -> None:
        self._device = device
        self._spans = frozenset((row.table, row.address, row.address + row.length) for row in rows)
        self._on_read = on_read
        self._unread: dict[object, set[tuple[Table, int, int]]] = {}
        self._polling: set[object] = set()

    @property
    def is_read(self) -> bool:
        """Whether every polling master has read all of them, and there is one."""
        return bool(self._polling) and not any(self._unread.get(master, self._spans) for master in self._polling)

    def renew(self) -> None:
        """New values are about to be published."""
        self._unread.clear()

    def end(self) -> None:
        """Looks no longer."""
        self._device.unwatch(self)

    def note(self, table: Table, address: int, count: int, master: object) -> None:
        """A connection has read registers."""
        unread = self._unread.setdefault(master, set(self._spans))
        unread -= {span for span in unread if span[0] == table and address <= span[1] and span[2] <= address + count}
        if not unread:
            self._polling.add(master)
            self._on_read()

    def forget(self, master: object) -> None:
        """A connection has ended."""
        self._polling.discard(master)
        self._unread.pop(master, None)
        self._on_read()


def _find_feedback(rows: tuple[ModbusRow, ...]) -> dict[int, list[int]]:
    """The points that lie in the very same place as each writable one."""

    def place(row: ModbusRow) -> tuple[object, ...]:
        return row.table, row.address, row.length, row.bit

    writable = {place(row): number for number, row in enumerate(rows) if row.kind.is_writable}
    feedback: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        if not row.kind.is_writable and place(row) in writable:
            feedback.setdefault(writable[place(row)], []).append(number)
    return feedback


def _exception(function: int, code: int) -> bytes:
    return bytes((function | 0x80, code))
