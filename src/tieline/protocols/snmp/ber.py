"""Basic encoding rules (X.690) as SNMP uses them: tags of one octet, definite lengths.

Lengths are checked against what encloses them before anything is made of them, and nothing is nested deeper than a reader asks for: the
cost of any octets is linear in their number. pyasn1 takes more than a second for some datagrams that anybody may send.
"""

from __future__ import annotations

from tieline.protocols.snmp.errors import ResponseError

INTEGER, OCTETS, SEQUENCE = 0x02, 0x04, 0x30


def header(octets: bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Tag, first octet of the content, and its end, of what stands at `at` and has to end by `stop`. Raises `ResponseError`."""
    if at + 2 > stop:
        raise ResponseError("a message is cut off")
    tag, length, start = octets[at], octets[at + 1], at + 2
    if length >= 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > stop:
            raise ResponseError("a message has a length that makes no sense")
        length = int.from_bytes(octets[start : start + size], "big")
        start += size
    if start + length > stop:
        raise ResponseError("a message is cut off")
    return tag, start, start + length


def enter(octets: bytes, at: int, stop: int, wanted: int) -> tuple[int, int]:
    """First octet and end of the content of what has to be of that tag. Raises `ResponseError`."""
    tag, start, end = header(octets, at, stop)
    if tag != wanted:
        raise ResponseError(f"a message has {tag:02x} where {wanted:02x} belongs")
    return start, end


def read_integer(octets: bytes, start: int, end: int) -> int:
    """The content of a number with a sign. Raises `ResponseError`."""
    if not 1 <= end - start <= 9:
        raise ResponseError("a number has no octet, or too many")
    return int.from_bytes(octets[start:end], "big", signed=True)


def element(tag: int, content: bytes) -> bytes:
    """With the shortest length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    """In as few octets as it needs."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return element(INTEGER, value.to_bytes(size, "big", signed=True))
