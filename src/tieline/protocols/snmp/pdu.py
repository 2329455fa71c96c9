"""What messages carry (RFC 3416), to octets and back.

There are hundreds of values in each look at a switch. pyasn1, on which pysnmp stands, takes 60 µs of CPU for each; here it is 3 µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from tieline.model import LocalError
from tieline.protocols.snmp.ber import INTEGER, OCTETS, SEQUENCE, element, enter, header, integer, read_integer
from tieline.protocols.snmp.errors import ResponseError
from tieline.protocols.snmp.values import Oid, Value

NULL, OBJECT_ID = 0x05, 0x06
ADDRESS, COUNTER_32, GAUGE_32, TICKS, OPAQUE, COUNTER_64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
_ABSENT = {NULL, 0x80, 0x81, 0x82}
"""No value: unSpecified, noSuchObject, noSuchInstance, endOfMibView."""
_UNSIGNED = {COUNTER_32, GAUGE_32, TICKS, COUNTER_64, 0x47}
_TEXTS = {OCTETS, ADDRESS, OPAQUE}
_MOST_SUBIDENTIFIERS = 128
_MOST_OID_OCTETS = 5 * _MOST_SUBIDENTIFIERS
_MOST_SUBIDENTIFIER = 2**32 - 1


class Kind(IntEnum):
    """What a PDU is for; the values are its tags."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


_KINDS = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Pdu:
    """What is asked, answered or told; a value is None where there is none."""

    kind: Kind
    request_id: int
    bindings: tuple[tuple[Oid, Value | None], ...] = ()
    first: int = 0
    """error-status, or non-repeaters."""
    second: int = 0
    """error-index, or max-repetitions."""


def bindings_of(names: Sequence[Oid]) -> tuple[tuple[Oid, Value | None], ...]:
    """Names alone, as a question has them."""
    return tuple((name, None) for name in names)


def encode_scoped(pdu: Pdu, engine_id: bytes) -> bytes:
    """The scoped PDU, for the default context of an engine. A number is an INTEGER."""
    bindings = b"".join(element(SEQUENCE, _encode_oid(name) + _encode_value(value)) for name, value in pdu.bindings)
    numbers = b"".join(_encode_value(number) for number in (pdu.request_id, pdu.first, pdu.second))
    body = element(pdu.kind, numbers + element(SEQUENCE, bindings))
    return element(SEQUENCE, element(OCTETS, engine_id) + element(OCTETS, b"") + body)


def decode_scoped(octets: bytes) -> Pdu:
    """Reads a scoped PDU; what follows it is padding, as some agents have it. Raises `ResponseError`."""
    at, end = enter(octets, 0, len(octets), SEQUENCE)
    for _ in range(2):
        at = enter(octets, at, end, OCTETS)[1]
    tag, at, end = header(octets, at, end)
    kind = _KINDS.get(tag)
    if kind is None:
        raise ResponseError(f"a PDU of kind {tag:02x} is not known")
    numbers = []
    for _ in range(3):
        start, at = enter(octets, at, end, INTEGER)
        numbers.append(read_integer(octets, start, at))
    at, end = enter(octets, at, end, SEQUENCE)
    bindings = []
    while at < end:
        start, at = enter(octets, at, end, SEQUENCE)
        name, start = _read_oid(octets, start, at)
        bindings.append((name, _read_value(octets, start, at)))
    return Pdu(kind, numbers[0], tuple(bindings), numbers[1], numbers[2])


def as_response(scoped: bytes) -> bytes:
    """A scoped PDU that was read, made the response to itself, with all that it bears (RFC 3416, clause 4.2.7)."""
    at, end = enter(scoped, 0, len(scoped), SEQUENCE)
    for _ in range(2):
        at = enter(scoped, at, end, OCTETS)[1]
    return scoped[:at] + bytes((Kind.RESPONSE,)) + scoped[at + 1 : end]


def _read_oid(octets: bytes, at: int, stop: int) -> tuple[Oid, int]:
    start, end = enter(octets, at, stop, OBJECT_ID)
    return _oid(octets, start, end), end


def _oid(octets: bytes, start: int, end: int) -> Oid:
    if not 1 <= end - start <= _MOST_OID_OCTETS:
        raise ResponseError("an object identifier has no number, or too many")
    return _decode_oid(octets[start:end])


def _read_value(octets: bytes, at: int, stop: int) -> Value | None:
    tag, start, end = header(octets, at, stop)
    if tag == INTEGER:
        return read_integer(octets, start, end)
    if tag in _UNSIGNED:
        # Some agents leave out the zero before a first bit that is set.
        if not 1 <= end - start <= 9:
            raise ResponseError("a number has no octet, or too many")
        return int.from_bytes(octets[start:end], "big")
    if tag in _TEXTS:
        return octets[start:end]
    if tag == OBJECT_ID:
        return _oid(octets, start, end)
    if tag in _ABSENT:
        return None
    raise ResponseError(f"a value of type {tag:02x} is not known")


@lru_cache(maxsize=65_536)
def _decode_oid(octets: bytes) -> Oid:
    """From its content (X.690, clause 8.19)."""
    if octets[-1] & 0x80:
        raise ResponseError("an object identifier is cut off")
    numbers: list[int] = []
    number = 0
    for octet in octets:
        number = number << 7 | (octet & 0x7F)
        if number > _MOST_SUBIDENTIFIER:
            raise ResponseError("an object identifier has a number beyond 32 bits")
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if len(numbers) > _MOST_SUBIDENTIFIERS:
        raise ResponseError("an object identifier has too many numbers")
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])


@lru_cache(maxsize=65_536)
def _encode_oid(name: Oid) -> bytes:
    """With its tag."""
    if len(name) < 2 or not all(0 <= number <= _MOST_SUBIDENTIFIER for number in name):
        raise LocalError(f"{name} is no object identifier")
    octets = bytearray()
    for number in (40 * name[0] + name[1], *name[2:]):
        shift = max(number.bit_length() - 1, 0) // 7 * 7
        while shift:
            octets.append(0x80 | (number >> shift & 0x7F))
            shift -= 7
        octets.append(number & 0x7F)
    return element(OBJECT_ID, bytes(octets))


def _encode_value(value: Value | None) -> bytes:
    if value is None:
        return bytes((NULL, 0))
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, bytes):
        return element(OCTETS, value)
    return _encode_oid(value)
