"""Requests as bytes, and what may be answered to them (Modbus Application Protocol V1.1b3, clauses 6 and 7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from tieline.config.modbus import Table
from tieline.protocols.modbus.errors import DeviceExceptionError, ResponseError

READ_FUNCTION: dict[Table, int] = {"coil": 1, "discrete_input": 2, "holding_register": 3, "input_register": 4}
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
_ON, _OFF = 0xFF00, 0x0000


class ExceptionCode(IntEnum):
    """The exception codes of clause 7."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    SERVER_DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5
    SERVER_DEVICE_BUSY = 6
    MEMORY_PARITY_ERROR = 8
    GATEWAY_PATH_UNAVAILABLE = 10
    GATEWAY_TARGET_FAILED = 11


def check_function(request: bytes, response: bytes) -> None:
    """Raises `DeviceExceptionError` or `ResponseError` unless the response is a positive one to that function."""
    if response[:1] == request[:1]:
        return
    if len(response) == 2 and response[0] == request[0] | 0x80:
        code = response[1]
        words = ExceptionCode(code).name.lower().replace("_", " ") if code in _CODES else "no standard reason"
        raise DeviceExceptionError(request[0], code, words)
    raise ResponseError(f"asked for function {request[0]}, got {response[:8].hex(' ') or 'nothing'}")


_CODES = frozenset(ExceptionCode)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Reads `count` registers or bits from `address` on."""

    table: Table
    address: int
    count: int
    pdu: bytes = field(init=False, compare=False)
    size: int = field(init=False, compare=False)
    """Bytes of data in the answer."""

    def __post_init__(self) -> None:
        is_bits = self.table in {"coil", "discrete_input"}
        most = 2000 if is_bits else 125
        if not (1 <= self.count <= most and 0 <= self.address <= 65536 - self.count):
            raise ValueError(f"cannot read {self.count} of table {self.table} at {self.address}")
        pdu = struct.pack(">BHH", READ_FUNCTION[self.table], self.address, self.count)
        object.__setattr__(self, "pdu", pdu)
        object.__setattr__(self, "size", (self.count + 7) // 8 if is_bits else 2 * self.count)

    def payload(self, response: bytes) -> bytes:
        """The data of the response PDU. Raises `DeviceExceptionError` or `ResponseError`."""
        check_function(self.pdu, response)
        if len(response) != self.size + 2 or response[1] != self.size:
            raise ResponseError(
                f"asked for {self.size} bytes of data, got {len(response) - 2}, announced as {response[1:2].hex()}"
            )
        return response[2:]


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A request of function 5, 6, 15 or 16; its answer echoes the first bytes."""

    pdu: bytes

    @classmethod
    def of_registers(cls, address: int, data: bytes) -> WriteRequest:
        """Writes whole registers: function 6 for one, 16 for more."""
        count = len(data) // 2
        if count == 1:
            return cls(struct.pack(">BH", WRITE_REGISTER, address) + data)
        return cls(struct.pack(">BHHB", WRITE_REGISTERS, address, count, len(data)) + data)

    @classmethod
    def of_coils(cls, address: int, value: int, count: int) -> WriteRequest:
        """Writes `count` coils, the least significant bit of `value` first: function 5 for one, 15 for more."""
        if count == 1:
            return cls(struct.pack(">BHH", WRITE_COIL, address, _ON if value else _OFF))
        data = value.to_bytes((count + 7) // 8, "little")
        return cls(struct.pack(">BHHB", WRITE_COILS, address, count, len(data)) + data)

    def check(self, response: bytes) -> None:
        """Raises `DeviceExceptionError` or `ResponseError` unless the response confirms exactly this request."""
        check_function(self.pdu, response)
        if response != self.pdu[:5]:
            raise ResponseError(f"wrote {self.pdu[:5].hex(' ')}, but the device confirmed {response[:8].hex(' ')}")


def crc16(data: bytes) -> bytes:
    """The two check bytes of an RTU frame in the order of the wire (Modbus over Serial Line V1.02, clause 2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_CRC_TABLE = tuple(_crc_entry(value) for value in range(256))
