"""Basic encoding rules (ITU-T X.690) as far as GOOSE and sampled values use them: tags of one octet, definite lengths."""

from __future__ import annotations

from tieline.model import LocalError
from tieline.protocols.goose.errors import FrameError


def read_header(octets: bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Tag, and first octet and end of the content, of the element at `at`; it must end by `stop`. Raises `FrameError`."""
    if at + 2 > stop:
        raise FrameError("an element is cut off", at)
    tag = octets[at]
    if tag & 0x1F == 0x1F:
        raise FrameError(f"a tag of several octets ({tag:02x}) has no place here", at)
    length = octets[at + 1]
    start = at + 2
    if length >= 0x80:
        size = length & 0x7F
        # Two octets of length reach to the end of any frame; X.690 allows more of them than are needed.
        if not 1 <= size <= 2 or start + size > stop:
            raise FrameError(f"a length cannot begin with {length:02x}", at + 1)
        length = int.from_bytes(octets[start : start + size], "big")
        start += size
    if start + length > stop:
        raise FrameError(f"an element of {length} octets does not fit into the {stop - start} that are left", at)
    return tag, start, start + length


def element(tag: int, content: bytes) -> bytes:
    """An element with the shortest length. Raises `LocalError` beyond 65,535 octets."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size <= 0xFF:
        return bytes((tag, 0x81, size)) + content
    if size <= 0xFFFF:
        return bytes((tag, 0x82, size >> 8, size & 0xFF)) + content
    raise LocalError(f"an element of {size} octets does not fit into a frame")


def integer(value: int, size: int = 0) -> bytes:
    """A signed integer in as few octets as it needs, or in `size`. Raises `LocalError` where it does not fit."""
    needed = (value if value >= 0 else ~value).bit_length() // 8 + 1
    try:
        return value.to_bytes(size or needed, "big", signed=True)
    except OverflowError as error:
        raise LocalError(f"{value} does not fit into {size} octets") from error


def unsigned(value: int, size: int = 0) -> bytes:
    """An unsigned integer likewise; without `size` it gets a leading zero where it would read as negative."""
    try:
        return value.to_bytes(size or value.bit_length() // 8 + 1, "big")
    except OverflowError as error:
        raise LocalError(f"{value} does not fit into {size} octets, unsigned") from error
