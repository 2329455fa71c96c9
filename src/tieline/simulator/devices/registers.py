"""The registers of a Modbus device: a memory that point values are written into, and read from, all at once.

This is the inverse of what a driver does, and shares no code with it: a check of one against the other says something.

Registers lie in one array of bytes, input registers first, then holding registers; coils and discrete inputs in one array with a byte
for each bit. What has no point reads as 0, up to the last address that a point has in a table; beyond there is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline.config.modbus import ModbusRow, Table

Column = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_NUMPY_TYPE = {
    "int16": ">i2",
    "uint16": ">u2",
    "int32": ">i4",
    "uint32": ">u4",
    "int64": ">i8",
    "uint64": ">u8",
    "float32": ">f4",
    "float64": ">f8",
}
_REGISTER_TABLES: tuple[Table, ...] = ("input_register", "holding_register")
_BIT_TABLES: tuple[Table, ...] = ("coil", "discrete_input")


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Points of one type: which, and where each of their bytes lies."""

    points: Index
    dtype: np.dtype[np.generic]
    places: Index
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class _Bits:
    """Points that are bit fields of one width in bit tables: which, and where each of their bits lies, lowest first."""

    points: Index
    places: Index
    weights: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Fields:
    """Points that are bit fields in registers."""

    points: Index
    places: Index
    """Of the byte pair of each: high, low."""
    shift: npt.NDArray[np.int64]
    mask: npt.NDArray[np.int64]
    registers: Index
    """The distinct byte pairs."""
    register_of: Index
    kept: npt.NDArray[np.int64]
    """The bits of each distinct pair that belong to no point."""


class Registers:
    """The memory of one device with the points that lie in it."""

    def __init__(self, rows: Sequence[ModbusRow]) -> None:
        self._rows = tuple(rows)
        self.size: dict[Table, int] = {
            table: max((row.address + row.length for row in rows if row.table == table), default=0)
            for table in (*_REGISTER_TABLES, *_BIT_TABLES)
        }
        """How many addresses each table has."""
        self._start: dict[Table, int] = {
            "input_register": 0,
            "holding_register": 2 * self.size["input_register"],
            "coil": 0,
            "discrete_input": self.size["coil"],
        }
        self._memory = np.zeros(2 * (self.size["input_register"] + self.size["holding_register"]), np.uint8)
        self._bits = np.zeros(self.size["coil"] + self.size["discrete_input"], np.uint8)
        self._scale = np.array([row.scale for row in rows], np.float64)
        self._offset = np.array([row.offset for row in rows], np.float64)
        self._numbers = tuple(self._plan_numbers())
        self._bit_groups = tuple(self._plan_bits())
        self._fields = self._plan_fields()

    def write_points(self, values: Column) -> None:
        """Puts a value (in engineering units) for every point into the registers; what does not fit goes to the nearest limit."""
        raw = (values - self._offset) / self._scale
        for group in self._numbers:
            numbers = raw[group.points]
            if group.dtype.kind != "f":
                numbers = np.clip(np.rint(np.nan_to_num(numbers)), group.lowest, group.highest)
            with np.errstate(over="ignore"):
                encoded = numbers.astype(group.dtype)
            self._memory[group.places] = encoded.view(np.uint8).reshape(group.places.shape)
        for bits in self._bit_groups:
            whole = self._as_integers(raw[bits.points], bits.weights.sum())
            self._bits[bits.places] = (whole[:, None] & bits.weights) != 0
        if self._fields is not None:
            fields = self._fields
            pairs = self._memory[fields.registers].astype(np.int64)
            content = (pairs[:, 0] << 8 | pairs[:, 1]) & fields.kept
            placed = self._as_integers(raw[fields.points], fields.mask) << fields.shift
            np.bitwise_or.at(content, fields.register_of, placed)
            self._memory[fields.registers] = np.stack([content >> 8, content & 0xFF], axis=1)

    def read_points(self) -> Column:
        """The values (in engineering units) that the registers hold now, for every point."""
        raw = np.zeros(len(self._rows))
        for group in self._numbers:
            gathered = np.ascontiguousarray(self._memory[group.places])
            with np.errstate(invalid="ignore"):
                raw[group.points] = gathered.view(group.dtype).reshape(-1).astype(np.float64)
        for bits in self._bit_groups:
            raw[bits.points] = self._bits[bits.places] @ bits.weights
        if self._fields is not None:
            fields = self._fields
            pairs = self._memory[fields.places].astype(np.int64)
            raw[fields.points] = (pairs[:, 0] << 8 | pairs[:, 1]) >> fields.shift & fields.mask
        return raw * self._scale + self._offset

    def read(self, table: Table, address: int, count: int) -> bytes:
        """What a read request gets: registers, or packed bits."""
        start = self._start[table]
        if table in _BIT_TABLES:
            return np.packbits(self._bits[start + address : start + address + count], bitorder="little").tobytes()
        return self._memory[start + 2 * address : start + 2 * (address + count)].tobytes()

    def write_registers(self, address: int, content: bytes) -> None:
        """Holding registers as a master writes them."""
        start = self._start["holding_register"] + 2 * address
        self._memory[start : start + len(content)] = np.frombuffer(content, np.uint8)

    def write_coils(self, address: int, content: npt.NDArray[np.uint8]) -> None:
        """Coils as a master writes them, a byte for each."""
        start = self._start["coil"] + address
        self._bits[start : start + len(content)] = content

    @staticmethod
    def _as_integers(raw: Column, highest: int | np.int64 | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.clip(np.rint(np.nan_to_num(raw)), 0, highest).astype(np.int64)

    def _place(self, row: ModbusRow) -> list[int]:
        """Where the bytes of a register point lie, the most significant first."""
        registers = [self._start[row.table] + 2 * (row.address + number) for number in range(row.length)]
        if row.word_order in {"CDAB", "DCBA"}:
            registers.reverse()
        halves = (1, 0) if row.word_order in {"BADC", "DCBA"} else (0, 1)
        return [register + half for register in registers for half in halves]

    def _plan_numbers(self) -> list[_Numbers]:
        plans = []
        for name, code in _NUMPY_TYPE.items():
            points = [index for index, row in enumerate(self._rows) if row.type == name and row.table in _REGISTER_TABLES]
            if points:
                dtype = np.dtype(code)
                lowest, highest = (0.0, 0.0) if dtype.kind == "f" else _span(dtype)
                places = np.array([self._place(self._rows[index]) for index in points], np.intp)
                plans.append(_Numbers(np.array(points, np.intp), dtype, places, lowest, highest))
        return plans

    def _plan_bits(self) -> list[_Bits]:
        plans = []
        for width in sorted({row.bits for row in self._rows if row.table in _BIT_TABLES}):
            points = [index for index, row in enumerate(self._rows) if row.table in _BIT_TABLES and row.bits == width]
            starts = [self._start[self._rows[index].table] + self._rows[index].address for index in points]
            places = np.array(starts, np.intp)[:, None] + np.arange(width)
            plans.append(_Bits(np.array(points, np.intp), places, 1 << np.arange(width, dtype=np.int64)))
        return plans

    def _plan_fields(self) -> _Fields | None:
        points = [index for index, row in enumerate(self._rows) if row.type == "bits" and row.table in _REGISTER_TABLES]
        if not points:
            return None
        rows = [self._rows[index] for index in points]
        places = np.array([self._place(row) for row in rows], np.intp)
        registers, register_of = np.unique(places, axis=0, return_inverse=True)
        register_of = register_of.reshape(-1)
        shift = np.array([row.bit for row in rows], np.int64)
        mask = np.array([(1 << row.bits) - 1 for row in rows], np.int64)
        used = np.zeros(len(registers), np.int64)
        np.bitwise_or.at(used, register_of, mask << shift)
        return _Fields(np.array(points, np.intp), places, shift, mask, registers, register_of, ~used & 0xFFFF)


def _span(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    """The limits of an integer type that a float64 can be clipped to without passing them."""
    limits = np.iinfo(dtype)  # type: ignore[type-var]  # only called for integers
    highest = float(limits.max)
    return float(limits.min), highest if int(highest) <= limits.max else float(np.nextafter(highest, 0))
