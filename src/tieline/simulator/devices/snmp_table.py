"""What an SNMP agent answers out of: rows of object identifiers in their order, and the four operations on them (RFC 3416)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from tieline.protocols.goose.ber import element, integer, read_header, unsigned
from tieline.protocols.goose.errors import FrameError
from tieline.simulator.devices.snmp_security import Oid, decode_oid, encode_oid, response

Value = bytes | Callable[[float], bytes]
"""Encoded, or how it is made at a moment of monotonic time, in s."""
Taker = Callable[[int], bool]
"""Takes an integer that is written; False where the value is none for it."""

_GET, _GET_NEXT, _RESPONSE, _SET, _GET_BULK = 0xA0, 0xA1, 0xA2, 0xA3, 0xA5
_NO_SUCH_OBJECT, _NO_SUCH_INSTANCE, _END_OF_VIEW = bytes((0x80, 0)), bytes((0x81, 0)), bytes((0x82, 0))
_TOO_BIG, _GENERAL_ERROR, _NO_ACCESS, _WRONG_TYPE, _WRONG_VALUE, _NOT_WRITABLE = 1, 5, 6, 7, 10, 17
_MOST_REPETITIONS = 500
_MOST_BINDINGS = 2_000
_HEADER_OCTETS = 32
"""What a response has besides its bindings, at the most."""


class Table:
    """All that an agent has. `objects` are the columns and scalars of which it can have instances."""

    def __init__(self, rows: Mapping[Oid, Value], takers: Mapping[Oid, Taker], objects: frozenset[Oid]) -> None:
        self._oids = sorted(rows)
        self._encoded = [encode_oid(oid) for oid in self._oids]
        self._values = [rows[oid] for oid in self._oids]
        self._takers = takers
        self._objects = objects

    def __len__(self) -> int:
        return len(self._oids)

    def answer(self, pdu: bytes, now_s: float, *, most_octets: int, is_refusing: bool = False) -> bytes | None:
        """The response to a request, both with their tags; None where it is none. `most_octets` bounds the response."""
        tag, at, stop = read_header(pdu, 0, len(pdu))
        request_id, at = _read_integer(pdu, at, stop)
        first, at = _read_integer(pdu, at, stop)
        second, at = _read_integer(pdu, at, stop)
        _, at, stop = read_header(pdu, at, stop)
        bindings = list(islice(_read_bindings(pdu, at, stop), _MOST_BINDINGS))
        echoed = pdu[at:stop]
        if is_refusing:
            return response(request_id, _GENERAL_ERROR, 1 if bindings else 0, echoed)
        oids = [oid for oid, _ in bindings]
        room = most_octets - _HEADER_OCTETS
        if tag == _GET_BULK:
            return response(request_id, 0, 0, self._bulk(oids, max(0, first), max(0, second), now_s, room))
        if tag == _SET:
            status, index = self._set(bindings)
            return response(request_id, status, index, echoed)
        if tag == _GET:
            found = b"".join(self._exact(oid, now_s) for oid in oids)
        elif tag == _GET_NEXT:
            found = b"".join(self._next(oid, now_s)[1] for oid in oids)
        else:
            return None
        return response(request_id, 0, 0, found) if len(found) <= room else response(request_id, _TOO_BIG, 0, b"")

    def _exact(self, oid: Oid, now_s: float) -> bytes:
        row = bisect_left(self._oids, oid)
        if row < len(self._oids) and self._oids[row] == oid:
            return self._binding(row, now_s)
        is_known = any(oid[:size] in self._objects for size in range(2, len(oid)))
        return element(0x30, encode_oid(oid) + (_NO_SUCH_INSTANCE if is_known else _NO_SUCH_OBJECT))

    def _next(self, oid: Oid, now_s: float) -> tuple[Oid | None, bytes]:
        row = bisect_right(self._oids, oid)
        if row == len(self._oids):
            return None, element(0x30, encode_oid(oid) + _END_OF_VIEW)
        return self._oids[row], self._binding(row, now_s)

    def _binding(self, row: int, now_s: float) -> bytes:
        value = self._values[row]
        return element(0x30, self._encoded[row] + (value if isinstance(value, bytes) else value(now_s)))

    def _bulk(self, oids: Sequence[Oid], single: int, repetitions: int, now_s: float, room: int) -> bytes:
        """As many bindings as fit, in their order (RFC 3416, 4.2.3)."""
        found = bytearray()
        for oid in oids[:single]:
            binding = self._next(oid, now_s)[1]
            if len(found) + len(binding) > room:
                return bytes(found)
            found += binding
        at: list[Oid] = list(oids[single:])
        for _ in range(min(repetitions, _MOST_REPETITIONS)):
            is_over = True
            for place, oid in enumerate(at):
                following, binding = self._next(oid, now_s)
                if len(found) + len(binding) > room:
                    return bytes(found)
                found += binding
                if following is not None:
                    at[place] = following
                    is_over = False
            if is_over:
                break
        return bytes(found)

    def _set(self, bindings: Sequence[tuple[Oid, bytes]]) -> tuple[int, int]:
        """Everything or nothing: error status and index."""
        wanted: list[tuple[Taker, int]] = []
        for index, (oid, value) in enumerate(bindings, 1):
            taker = self._takers.get(oid)
            if taker is None:
                row = bisect_left(self._oids, oid)
                is_there = row < len(self._oids) and self._oids[row] == oid
                return (_NOT_WRITABLE if is_there else _NO_ACCESS), index
            try:
                number, _ = _read_integer(value, 0, len(value))
            except FrameError:
                return _WRONG_TYPE, index
            wanted.append((taker, number))
        for index, (taker, number) in enumerate(wanted, 1):
            if not taker(number):
                return _WRONG_VALUE, index
        return 0, 0


def octets(text: str | bytes) -> bytes:
    """An OCTET STRING."""
    return element(0x04, text.encode() if isinstance(text, str) else text)


def number(value: int) -> bytes:
    """An INTEGER."""
    return element(0x02, integer(value))


def gauge(value: int) -> bytes:
    """A Gauge32, which stays at its largest."""
    return element(0x42, unsigned(min(max(value, 0), 0xFFFFFFFF)))


def ticks(seconds: float) -> bytes:
    """TimeTicks, wrapped."""
    return element(0x43, unsigned(int(seconds * 100) & 0xFFFFFFFF))


def counter64(value: int) -> bytes:
    """A Counter64, wrapped."""
    return element(0x46, unsigned(value & 0xFFFFFFFFFFFFFFFF))


def _read_integer(octets_: bytes, at: int, stop: int) -> tuple[int, int]:
    tag, start, end = read_header(octets_, at, stop)
    if tag != 0x02:
        raise FrameError("an integer is missing", at)
    return int.from_bytes(octets_[start:end], "big", signed=True), end


def _read_bindings(pdu: bytes, at: int, stop: int) -> Iterator[tuple[Oid, bytes]]:
    """Object identifiers, and values with their tags."""
    while at < stop:
        _, at, end = read_header(pdu, at, stop)
        tag, start, after = read_header(pdu, at, end)
        if tag != 0x06:
            raise FrameError("an object identifier is missing", at)
        yield decode_oid(pdu[start:after]), pdu[after:end]
        at = end
