"""The image of a poll group: the newest bytes of all its blocks in one array, decoded at once.

Storing an answer copies its bytes to the block's place. Decoding then takes all register values in one gather, whose index brings every
value's bytes into big-endian order and values of one type next to each other; views of the gathered bytes are the typed columns. Bits
of coils and inputs are unpacked once and taken by index. So a cycle costs the same few numpy calls whether it has ten values or
ten thousand, and a block that could not be read simply keeps its last bytes.

Rows are put in order of their type once; all samples of an image carry the same array of ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tieline.config.modbus import DataType, ModbusRow
from tieline.model import PointId, Quality, Samples
from tieline.protocols.modbus.layout import BIG_ENDIAN, byte_positions
from tieline.protocols.modbus.plan import BIT_TABLES, Block
from tieline.protocols.modbus.wire import ReadRequest

_Array = TypeVar("_Array", bound=npt.NDArray[Any])

_GOOD = int(Quality.GOOD)
NEVER_READ = Quality.INVALID | Quality.OLD_DATA
_NOT_A_NUMBER = int(Quality.INVALID | Quality.FAILURE)
_INFINITE = int(Quality.INVALID | Quality.OVERFLOW)
_ROUNDED = int(Quality.QUESTIONABLE | Quality.INACCURATE)
_EXACT = 2.0**53
"""Beyond it a float64 has gaps between integers."""

# Wide types first: gathered one after another they are all aligned.
_REGISTER_TYPES: tuple[DataType, ...] = ("int64", "uint64", "float64", "int32", "uint32", "float32", "int16", "uint16", "bits")
_BIT, _BIT_FIELD = len(_REGISTER_TYPES), len(_REGISTER_TYPES) + 1
_FIELD_WIDTH = 16


def _rank(row: ModbusRow) -> int:
    if row.table in BIT_TABLES:
        return _BIT if row.bits == 1 else _BIT_FIELD
    return _REGISTER_TYPES.index(row.type)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Consecutive columns of one register type, and the view of the gathered bytes that holds their raw values."""

    columns: slice
    raw: npt.NDArray[Any]


class Image:
    """The state of one poll group."""

    def __init__(self, rows: Sequence[ModbusRow], ids: Sequence[PointId], blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.order = sorted(range(len(rows)), key=lambda index: _rank(rows[index]))
        """Column `i` of the samples belongs to row `order[i]`."""
        self._rows = rows
        self._source_ids = ids
        self._count = len(rows)
        ordered = [rows[index] for index in self.order]
        self._ids = _frozen(np.array([ids[index] for index in self.order], np.uint32))
        self._lay_out_blocks()
        self._block_of = np.empty(self._count, np.intp)
        column_of = {row: column for column, row in enumerate(self.order)}
        for number, block in enumerate(self.blocks):
            for index in block.rows:
                self._block_of[column_of[index]] = number
        self._plan_registers(ordered)
        self._plan_bits(ordered)
        scale = np.array([row.scale for row in ordered])
        offset = np.array([row.offset for row in ordered])
        self._scale = scale if (scale != 1).any() else None
        self._offset = offset if (offset != 0).any() else None
        self._quality_when_good = _frozen(np.full(self._count, _GOOD, np.uint16))
        self._quality = np.full(self._count, int(NEVER_READ), np.uint16)
        self._was_read = np.zeros(self._count, np.bool_)
        self._time = np.zeros(len(self.blocks), np.int64)
        self._bad = set(range(len(self.blocks)))
        self._numbers = {block.request: number for number, block in enumerate(self.blocks)}

    def number_of(self, request: ReadRequest) -> int:
        """The number of the block with that request."""
        return self._numbers[request]

    def __len__(self) -> int:
        return self._count

    def _lay_out_blocks(self) -> None:
        ends, position = [], 0
        order = sorted(range(len(self.blocks)), key=lambda number: self.blocks[number].request.table in BIT_TABLES)
        starts = [0] * len(self.blocks)
        self._bits_start = -1
        for number in order:
            request = self.blocks[number].request
            if request.table in BIT_TABLES and self._bits_start < 0:
                self._bits_start = position
            starts[number] = position
            position += request.size
            ends.append(position)
        if self._bits_start < 0:
            self._bits_start = position
        self._starts = starts
        # Eight more bytes: what bit fields narrower than the widest look at, and an index into an image of no bytes.
        self._bytes = bytearray(position + 8)
        self._memory = np.frombuffer(self._bytes, np.uint8)
        self._places = [slice(start, start + block.request.size) for start, block in zip(starts, self.blocks, strict=True)]

    def _byte_of(self, row: ModbusRow, block: int) -> int:
        return self._starts[block] + 2 * (row.address - self.blocks[block].request.address)

    def _bit_of(self, row: ModbusRow, block: int) -> int:
        return 8 * (self._starts[block] - self._bits_start) + row.address - self.blocks[block].request.address

    def _plan_registers(self, ordered: Sequence[ModbusRow]) -> None:
        index: list[int] = []
        spans: list[tuple[DataType, int, int, int]] = []
        for rank, kind in enumerate(_REGISTER_TYPES):
            columns = [column for column, row in enumerate(ordered) if _rank(row) == rank]
            if not columns:
                continue
            spans.append((kind, columns[0], columns[-1] + 1, len(index)))
            for column in columns:
                row = ordered[column]
                start = self._byte_of(row, self._block_of[column])
                index += [start + position for position in byte_positions(row.word_order, row.length)]
        self._gather = np.array(index, np.intp)
        self._gathered = np.empty(len(index), np.uint8)
        self._segments: list[_Segment] = []
        self._wide: list[slice] = []
        self._register_bits: tuple[slice, npt.NDArray[np.uint16], npt.NDArray[np.uint16]] | None = None
        for kind, first, last, start in spans:
            dtype = np.dtype(BIG_ENDIAN[kind])
            raw = self._gathered[start : start + (last - first) * dtype.itemsize].view(dtype)
            columns_slice = slice(first, last)
            self._segments.append(_Segment(columns_slice, raw))
            if kind in {"int64", "uint64"}:
                self._wide.append(columns_slice)
            if kind == "bits":
                shift = np.array([row.bit for row in ordered[first:last]], np.uint16)
                mask = np.array([(1 << row.bits) - 1 for row in ordered[first:last]], np.uint16)
                self._register_bits = (columns_slice, shift, mask)

    def _plan_bits(self, ordered: Sequence[ModbusRow]) -> None:
        single = [column for column, row in enumerate(ordered) if _rank(row) == _BIT]
        fields = [column for column, row in enumerate(ordered) if _rank(row) == _BIT_FIELD]
        self._bits: tuple[slice, npt.NDArray[np.intp]] | None = None
        self._fields: tuple[slice, npt.NDArray[np.intp], npt.NDArray[np.float64]] | None = None
        if single:
            index = np.array([self._bit_of(ordered[column], self._block_of[column]) for column in single], np.intp)
            self._bits = (slice(single[0], single[-1] + 1), index)
        if fields:
            first = np.array([self._bit_of(ordered[column], self._block_of[column]) for column in fields], np.intp)
            width = np.array([ordered[column].bits for column in fields])
            step = np.arange(_FIELD_WIDTH)
            weight = np.where(step < width[:, None], 2.0**step, 0.0)
            self._fields = (slice(fields[0], fields[-1] + 1), first[:, None] + step, weight)

    def store(self, block: int, payload: bytes, time_us: int) -> None:
        """The block was read: its data as `ReadRequest.payload` gives it, and when it arrived."""
        self._bytes[self._places[block]] = payload
        self._time[block] = time_us
        if block in self._bad:
            self._bad.discard(block)
            is_ours = self._block_of == block
            self._quality[is_ours] = _GOOD
            self._was_read |= is_ours

    def fail(self, block: int, quality: Quality, time_us: int) -> None:
        """The block could not be read: its points keep their values and get that quality."""
        self._bad.add(block)
        self._quality[self._block_of == block] = quality
        self._time[block] = time_us

    def samples(self) -> Samples:
        """One sample of every point, in the order of `order`."""
        value = np.empty(self._count, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # signaling NaN, and scaling beyond the largest float
            self._read_raw(value)
            flags = self._find_rounded(value)
            if self._scale is not None:
                value *= self._scale
            if self._offset is not None:
                value += self._offset
        flags = self._find_not_finite(value, flags)
        quality = self._quality_when_good if flags is None else flags
        if self._bad:
            quality = np.where(self._quality == _GOOD, quality, self._quality)
            value[~self._was_read] = np.nan
        return Samples(self._ids, self._time[self._block_of], value, quality)

    def _read_raw(self, value: npt.NDArray[np.float64]) -> None:
        if self._segments:
            np.take(self._memory, self._gather, out=self._gathered, mode="clip")
            if self._register_bits is not None:
                columns, shift, mask = self._register_bits
                value[columns] = (self._segments[-1].raw >> shift) & mask
            for segment in self._segments if self._register_bits is None else self._segments[:-1]:
                value[segment.columns] = segment.raw
        if self._bits is not None or self._fields is not None:
            bits = np.unpackbits(self._memory[self._bits_start :], bitorder="little")
            if self._bits is not None:
                value[self._bits[0]] = bits[self._bits[1]]
            if self._fields is not None:
                value[self._fields[0]] = (bits[self._fields[1]] * self._fields[2]).sum(axis=1)

    def _find_rounded(self, value: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16] | None:
        flags = None
        for columns in self._wide:
            is_rounded = np.abs(value[columns]) > _EXACT
            if is_rounded.any():
                flags = self._quality_when_good.copy() if flags is None else flags
                flags[columns][is_rounded] = _ROUNDED
        return flags

    def _find_not_finite(
        self, value: npt.NDArray[np.float64], flags: npt.NDArray[np.uint16] | None
    ) -> npt.NDArray[np.uint16] | None:
        is_finite = np.isfinite(value)
        if is_finite.all():
            return flags
        flags = self._quality_when_good.copy() if flags is None else flags
        flags[~is_finite] = _INFINITE
        flags[np.isnan(value)] = _NOT_A_NUMBER
        return flags

    def with_blocks(self, blocks: Sequence[Block]) -> Image:
        """The same points read by other blocks; values, qualities and times stay what they were."""
        other = Image(self._rows, self._source_ids, blocks)
        other._quality = self._quality.copy()
        other._was_read = self._was_read.copy()
        for number in range(len(other.blocks)):
            parents = np.unique(self._block_of[other._block_of == number])
            other._time[number] = self._time[parents].max()
            for parent in parents:
                other._copy_common(number, self, parent)
        other._bad = set(np.unique(other._block_of[other._quality != _GOOD]).tolist())
        return other

    def _copy_common(self, number: int, old: Image, parent: int) -> None:
        new_block, old_block = self.blocks[number], old.blocks[parent]
        first = max(new_block.request.address, old_block.request.address)
        last = min(new_block.end, old_block.end)
        target, source = first - new_block.request.address, first - old_block.request.address
        if new_block.request.table in BIT_TABLES:
            fresh = np.unpackbits(self._memory[self._places[number]], bitorder="little")
            known = np.unpackbits(old._memory[old._places[parent]], bitorder="little")
            fresh[target : target + last - first] = known[source : source + last - first]
            self._memory[self._places[number]] = np.packbits(fresh, bitorder="little")
        else:
            start, origin = self._starts[number] + 2 * target, old._starts[parent] + 2 * source
            self._memory[start : start + 2 * (last - first)] = old._memory[origin : origin + 2 * (last - first)]


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array
