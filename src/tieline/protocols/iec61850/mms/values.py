"""MMS values as Python has them (ISO 9506-2, `Data`), for what is read one by one; `layout` is for what comes in bulk.

| MMS                                            | here                              |
|------------------------------------------------|-----------------------------------|
| boolean, integer, unsigned, floating point     | `bool`, `int`, `float`            |
| visible string, MMS string                     | `str`                             |
| octet string                                   | `bytes`                           |
| bit string                                     | `Bits`, the first bit highest     |
| UTC time                                       | `Moment`                          |
| binary time                                    | `Moment` without a time quality   |
| structure, array                               | `tuple`                           |
| failure of an access                           | `AccessError`                     |
"""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeAlias

from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.ber import MAX_DEPTH, Field, fields

_EPOCH_1984_US = 441_763_200_000_000
_DAY_US = 86_400_000_000


class Bits(NamedTuple):
    """A bit string: its first bit is the highest of `value`."""

    value: int
    length: int

    def has(self, index: int) -> bool:
        """Whether a bit is set; the first is 0, and those beyond the end are not."""
        return index < self.length and bool(self.value >> (self.length - 1 - index) & 1)

    @classmethod
    def of(cls, indexes: set[int] | frozenset[int], length: int) -> Bits:
        """A bit string with these bits set."""
        return cls(sum(1 << (length - 1 - index) for index in indexes), length)


class Moment(NamedTuple):
    """A time in microseconds since 1970 UTC, and the octet of its quality (IEC 61850-8-1, clause 8.1.3.7)."""

    time_us: int
    quality: int = 0


class AccessError(NamedTuple):
    """A variable could not be read or written."""

    code: int

    @property
    def words(self) -> str:
        """What it means (ISO 9506-2, `DataAccessError`)."""
        return ACCESS_ERRORS.get(self.code, f"error {self.code}")


ACCESS_ERRORS = {
    0: "the object is invalidated",
    1: "hardware fault",
    2: "temporarily unavailable",
    3: "access denied",
    4: "object undefined",
    5: "invalid address",
    6: "type not supported",
    7: "type inconsistent",
    8: "attributes inconsistent",
    9: "access not supported",
    10: "no such object",
    11: "invalid value",
}

Value: TypeAlias = "bool | int | float | str | bytes | Bits | Moment | AccessError | tuple[Value, ...] | None"


def decode_values(data: bytes, start: int = 0, stop: int | None = None) -> list[Value]:
    """The values one after another; those of unknown types are None. Raises `RemoteError`."""
    return [_decode(data, found, 1) for found in fields(data, start, stop)]


def _decode(data: bytes, found: Field, depth: int) -> Value:
    tag, start, stop = found
    if tag in {0xA1, 0xA2}:
        if depth > MAX_DEPTH:
            raise RemoteError(f"structures are nested deeper than {MAX_DEPTH} levels")
        return tuple(_decode(data, inner, depth + 1) for inner in fields(data, start, stop))
    return decode_simple(tag, data[start:stop])


def decode_simple(tag: int, content: bytes) -> Value:
    """A value that is neither structure nor array, by its tag; None where its type or size is unknown."""
    match tag, len(content):
        case 0x80, 1:
            return AccessError(content[0])
        case 0x83, 1:
            return content[0] != 0
        case 0x84, size if 1 <= size <= 1024 and content[0] < 8:
            return _bits(content)
        case (0x85, size) if 1 <= size <= 8:
            return int.from_bytes(content, "big", signed=True)
        case (0x86, size) if 1 <= size <= 9:
            return int.from_bytes(content, "big")
        case 0x87, 5:
            number: float = struct.unpack("!f", content[1:])[0]
            return number
        case 0x87, 9:
            wide: float = struct.unpack("!d", content[1:])[0]
            return wide
        case 0x89, _:
            return content
        case (0x8A | 0x90, _):
            return content.decode("ascii", errors="replace")
        case 0x8C, 6:
            millis = int.from_bytes(content[:4], "big")
            return Moment(_EPOCH_1984_US + int.from_bytes(content[4:], "big") * _DAY_US + millis * 1000)
        case 0x91, 8:
            fraction = int.from_bytes(content[4:7], "big")
            return Moment(int.from_bytes(content[:4], "big") * 1_000_000 + (fraction * 1_000_000 + (1 << 23) >> 24), content[7])
        case _:
            return None


def _bits(content: bytes) -> Bits:
    length = max(0, 8 * (len(content) - 1) - content[0])
    return Bits(int.from_bytes(content[1:], "big") >> content[0], length)
