"""Values to requests: the inverse of scaling, with a range check, and the function that writes the result."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from tieline.config.modbus import ModbusRow
from tieline.protocols.modbus.errors import ValueRefusedError
from tieline.protocols.modbus.layout import BIG_ENDIAN, INTEGER_SPAN, byte_positions
from tieline.protocols.modbus.wire import ReadRequest, WriteRequest

_STRUCT = {"i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q", "f4": "f", "f8": "d"}


@dataclass(frozen=True, slots=True)
class Write:
    """One request does it."""

    request: WriteRequest


@dataclass(frozen=True, slots=True)
class ReadModifyWrite:
    """Some bits of a register: read it, put the bits in, write it, with nothing else of ours in between."""

    read: ReadRequest
    mask: int
    bits: int

    def write(self, payload: bytes) -> WriteRequest:
        """The request that changes only our bits of the register as it was read."""
        register = int.from_bytes(payload, "big")
        return WriteRequest.of_registers(self.read.address, (register & ~self.mask | self.bits).to_bytes(2, "big"))


def encode_write(row: ModbusRow, value: float) -> Write | ReadModifyWrite:
    """What to send so that the point reads `value` (in its unit). Raises `ValueRefusedError` where it does not fit."""
    if not math.isfinite(value):
        raise ValueRefusedError(f"{row.name} cannot be set to {value}")
    raw = (value - row.offset) / row.scale
    if not math.isfinite(raw):
        raise ValueRefusedError(f"{value:g} does not fit {row.name}: its scale {row.scale:g} makes it infinite")
    if row.table == "coil":
        return Write(WriteRequest.of_coils(row.address, _to_integer(row, value, raw, (0, 2**row.bits - 1)), row.bits))
    if row.table != "holding_register":
        raise ValueRefusedError(f"{row.name} stands in the table {row.table}, which cannot be written")
    if row.type == "bits":
        number = _to_integer(row, value, raw, (0, 2**row.bits - 1))
        mask, bits = ((1 << row.bits) - 1) << row.bit, number << row.bit
        if row.word_order in {"BADC", "DCBA"}:
            mask, bits = _swap(mask), _swap(bits)
        if row.bits == 16:
            return Write(WriteRequest.of_registers(row.address, bits.to_bytes(2, "big")))
        return ReadModifyWrite(ReadRequest(row.table, row.address, 1), mask, bits)
    form = ">" + _STRUCT[BIG_ENDIAN[row.type][1:]]
    if row.type in INTEGER_SPAN:
        plain = struct.pack(form, _to_integer(row, value, raw, INTEGER_SPAN[row.type]))
    else:
        try:
            plain = struct.pack(form, raw)
        except OverflowError:
            raise ValueRefusedError(f"{value:g} does not fit {row.name}: {row.type} ends at 3.4e38") from None
    data = bytearray(len(plain))
    for byte, position in zip(plain, byte_positions(row.word_order, row.length), strict=True):
        data[position] = byte
    return Write(WriteRequest.of_registers(row.address, bytes(data)))


def _to_integer(row: ModbusRow, value: float, raw: float, span: tuple[int, int]) -> int:
    if row.kind.is_discrete and raw != math.floor(raw):
        raise ValueRefusedError(f"{row.name} is a state; {value:g} is none")
    if not span[0] <= round(raw) <= span[1]:
        lowest, highest = sorted(end * row.scale + row.offset for end in span)
        raise ValueRefusedError(f"{value:g} does not fit {row.name}: it takes {lowest:g} to {highest:g}")
    return round(raw)


def _swap(register: int) -> int:
    return (register & 0xFF) << 8 | register >> 8
