"""Walking the basic encoding rules (X.690) as MMS uses them: tags of one octet, definite lengths.

Nothing is copied while walking: a field is a tag with where its content starts and stops. Lengths are checked against what encloses them
before anything is made of them, and nesting is bounded, so that the cost of any octets is linear in their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tieline.model import RemoteError

MAX_DEPTH = 24
"""Structures nested deeper than that are nonsense: the deepest data object of IEC 61850-7-3 has less than ten levels."""


class Field(NamedTuple):
    """A tag, and where its content is."""

    tag: int
    start: int
    stop: int


def field_at(data: bytes, offset: int, end: int) -> Field:
    """The field that begins at an offset and has to end before another; raises `RemoteError`."""
    if offset + 2 > end:
        raise RemoteError("a field is cut off")
    tag = data[offset]
    if tag & 0x1F == 0x1F:
        raise RemoteError("a field has a tag of more than one octet")
    length = data[offset + 1]
    start = offset + 2
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise RemoteError("a field has a length that makes no sense")
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + length > end:
        raise RemoteError(f"a field of {length} octets does not fit into what encloses it")
    return Field(tag, start, start + length)


def fields(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Field]:
    """The fields one after another that fill a range; raises `RemoteError`."""
    end = len(data) if stop is None else stop
    while start < end:
        found = field_at(data, start, end)
        yield found
        start = found.stop


def unsigned(data: bytes, found: Field) -> int:
    """The content as a number that is not negative, with or without a leading zero; raises `RemoteError`."""
    if not 1 <= found.stop - found.start <= 9:
        raise RemoteError("a number has no octet, or too many")
    return int.from_bytes(data[found.start : found.stop], "big")


def signed(data: bytes, found: Field) -> int:
    """The content as a number; raises `RemoteError`."""
    if not 1 <= found.stop - found.start <= 8:
        raise RemoteError("a number has no octet, or too many")
    return int.from_bytes(data[found.start : found.stop], "big", signed=True)


def text(data: bytes, found: Field) -> str:
    """The content as text; what is not ASCII is replaced."""
    return data[found.start : found.stop].decode("ascii", errors="replace")
