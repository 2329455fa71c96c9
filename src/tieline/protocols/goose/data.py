"""MMS data as GOOSE carries it (ISO 9506-2, `Data`; IEC 61850-8-1, clause 8.1): every type, nested, from octets and to octets.

Reading also notes where each leaf stands, so that later frames of the same layout need not be read element by element (`reading.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from tieline.model import LocalError
from tieline.protocols.goose.ber import element, integer, read_header, unsigned
from tieline.protocols.goose.errors import FrameError
from tieline.protocols.goose.timing import UtcTime

MAX_DEPTH = 10
"""Structures within structures; data objects of the standard need four."""

ARRAY, STRUCTURE = 0xA1, 0xA2
BOOLEAN, BIT_STRING, INTEGER, UNSIGNED, FLOAT = 0x83, 0x84, 0x85, 0x86, 0x87
OCTET_STRING, VISIBLE_STRING, GENERALIZED_TIME, BINARY_TIME = 0x89, 0x8A, 0x8B, 0x8C
BCD, BOOLEAN_ARRAY, OBJECT_ID, MMS_STRING, UTC_TIME = 0x8D, 0x8E, 0x8F, 0x90, 0x91

_UNINTERPRETED = frozenset({GENERALIZED_TIME, BCD, BOOLEAN_ARRAY, OBJECT_ID})
_MS_PER_DAY = 86_400_000
_DAYS_1970_TO_1984 = 5_113


@dataclass(frozen=True, slots=True)
class Boolean:
    """BOOLEAN."""

    value: bool


@dataclass(frozen=True, slots=True)
class Integer:
    """INT8 to INT64 and enumerated values, signed."""

    value: int
    size: int = 0
    """Octets on the wire; 0 is as few as the value needs. Reading gives what was there."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """INT8U to INT64U."""

    value: int
    size: int = 0
    """As for `Integer`. A value that fills its octets up to the highest bit is read as it stands: some devices omit the leading zero."""


@dataclass(frozen=True, slots=True)
class Float32:
    """FLOAT32."""

    value: float


@dataclass(frozen=True, slots=True)
class Float64:
    """FLOAT64."""

    value: float


@dataclass(frozen=True, slots=True)
class BitString:
    """Bits; the first one on the wire, bit 0 of the standard, is the most significant one of `value`."""

    value: int
    size: int
    """How many bits."""


@dataclass(frozen=True, slots=True)
class OctetString:
    """Octets."""

    value: bytes


@dataclass(frozen=True, slots=True)
class VisibleString:
    """Text in ISO 646; octets that are none of it are read as ISO 8859-1."""

    value: str


@dataclass(frozen=True, slots=True)
class MmsString:
    """Text in UTF-8."""

    value: str


@dataclass(frozen=True, slots=True)
class BinaryTime:
    """Milliseconds since midnight, and the days since 1984-01-01 where it has six octets."""

    milliseconds: int
    days: int | None = None

    @property
    def us(self) -> int | None:
        """Microseconds since 1970-01-01 UTC, where there is a date."""
        return None if self.days is None else ((self.days + _DAYS_1970_TO_1984) * _MS_PER_DAY + self.milliseconds) * 1_000


@dataclass(frozen=True, slots=True)
class Uninterpreted:
    """A type of MMS that IEC 61850 does not use: its tag and octets."""

    tag: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Structure:
    """Members of different types."""

    members: tuple[Data, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """Elements of one type."""

    elements: tuple[Data, ...]


Leaf: TypeAlias = (
    Boolean
    | Integer
    | Unsigned
    | Float32
    | Float64
    | BitString
    | OctetString
    | VisibleString
    | MmsString
    | BinaryTime
    | UtcTime
    | Uninterpreted
)
Data: TypeAlias = Leaf | Structure | Array


class LeafPlace(NamedTuple):
    """Where a leaf is: which one within the data set, and which octets of the frame are its content."""

    path: tuple[int, ...]
    """The entry, and the member at each level below it: `(2, 0)` is the first member of the third entry."""
    tag: int
    start: int
    stop: int


def read_data(octets: bytes, start: int, stop: int, places: list[LeafPlace]) -> tuple[Data, ...]:
    """Every element between two octets; notes the leaves in `places`. Raises `FrameError`."""
    return _read(octets, start, stop, (), places)


def _read(octets: bytes, at: int, stop: int, path: tuple[int, ...], places: list[LeafPlace]) -> tuple[Data, ...]:
    if len(path) > MAX_DEPTH:
        raise FrameError(f"structures within structures, deeper than {MAX_DEPTH}", at)
    found: list[Data] = []
    while at < stop:
        tag, start, end = read_header(octets, at, stop)
        here = (*path, len(found))
        if tag == STRUCTURE:
            found.append(Structure(_read(octets, start, end, here, places)))
        elif tag == ARRAY:
            found.append(Array(_read(octets, start, end, here, places)))
        else:
            found.append(read_leaf(tag, octets[start:end], start))
            places.append(LeafPlace(here, tag, start, end))
        at = end
    return tuple(found)


def read_leaf(tag: int, content: bytes, at: int) -> Leaf:
    """One value from its tag and content, which begins at octet `at` of the frame. Raises `FrameError`."""
    size = len(content)
    if tag == BOOLEAN and size == 1:
        return Boolean(content[0] != 0)
    if tag == BIT_STRING and size and content[0] <= 7 and (size > 1 or not content[0]):
        return BitString(int.from_bytes(content[1:], "big") >> content[0], 8 * (size - 1) - content[0])
    if tag == INTEGER and 1 <= size <= 8:
        return Integer(int.from_bytes(content, "big", signed=True), size)
    if tag == UNSIGNED and (1 <= size <= 8 or (size == 9 and not content[0])):
        return Unsigned(int.from_bytes(content, "big"), size)
    # The first octet is the width of the exponent (ISO 9506-2, FloatingPoint).
    if tag == FLOAT and size == 5 and content[0] == 8:
        return Float32(struct.unpack_from(">f", content, 1)[0])
    if tag == FLOAT and size == 9 and content[0] == 11:
        return Float64(struct.unpack_from(">d", content, 1)[0])
    if tag == UTC_TIME and size == 8:
        return UtcTime.from_octets(content)
    if tag == OCTET_STRING:
        return OctetString(content)
    if tag == VISIBLE_STRING:
        return VisibleString(content.decode("latin-1"))
    if tag == MMS_STRING:
        return MmsString(content.decode(errors="replace"))
    if tag == BINARY_TIME and size in {4, 6}:
        return BinaryTime(int.from_bytes(content[:4], "big"), int.from_bytes(content[4:], "big") if size == 6 else None)
    if tag in _UNINTERPRETED:
        return Uninterpreted(tag, content)
    raise FrameError(f"no value has tag {tag:02x} and {size} octets such as {content[:9].hex()}", at)


def encode_data(data: Iterable[Data]) -> bytes:
    """The elements one after another. Raises `LocalError` for what does not fit its type."""
    return b"".join(_encode(each, 0) for each in data)


def _encode(data: Data, depth: int) -> bytes:
    if depth > MAX_DEPTH:
        raise LocalError(f"structures within structures, deeper than {MAX_DEPTH}")
    match data:
        case Boolean():
            return element(BOOLEAN, b"\x01" if data.value else b"\0")
        case Integer():
            return element(INTEGER, integer(data.value, _bounded(data.size, 8)))
        case Unsigned():
            return element(UNSIGNED, unsigned(data.value, _bounded(data.size, 9)))
        case Float32():
            try:
                return element(FLOAT, struct.pack(">Bf", 8, data.value))
            except OverflowError as error:
                raise LocalError(f"{data.value} does not fit into 32 bits") from error
        case Float64():
            return element(FLOAT, struct.pack(">Bd", 11, data.value))
        case BitString():
            if data.size < 0 or not 0 <= data.value < 1 << data.size:
                raise LocalError(f"{data.value:#x} is not a string of {data.size} bits")
            unused = -data.size % 8
            return element(BIT_STRING, bytes((unused,)) + (data.value << unused).to_bytes((data.size + 7) // 8, "big"))
        case OctetString():
            return element(OCTET_STRING, data.value)
        case VisibleString():
            return element(VISIBLE_STRING, visible(data.value))
        case MmsString():
            return element(MMS_STRING, _utf8(data.value))
        case BinaryTime():
            days = b"" if data.days is None else unsigned(data.days, 2)
            return element(BINARY_TIME, unsigned(data.milliseconds, 4) + days)
        case UtcTime():
            return element(UTC_TIME, data.to_octets())
        case Uninterpreted():
            if data.tag not in _UNINTERPRETED:
                raise LocalError(f"tag {data.tag:02x} has a type of its own, or none")
            return element(data.tag, data.content)
        case Structure():
            return element(STRUCTURE, b"".join(_encode(each, depth + 1) for each in data.members))
        case Array():
            return element(ARRAY, b"".join(_encode(each, depth + 1) for each in data.elements))
        case _:
            assert_never(data)


def visible(text: str) -> bytes:
    """A visible string's octets. Raises `LocalError` for characters that it cannot have."""
    if not text.isascii() or not text.isprintable():
        raise LocalError(f"{text!r} has characters that no visible string has")
    return text.encode("ascii")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LocalError(f"{text!r} cannot be written as UTF-8") from error


def _bounded(size: int, largest: int) -> int:
    if not 0 <= size <= largest:
        raise LocalError(f"an integer of {size} octets")
    return size
