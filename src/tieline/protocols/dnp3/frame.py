"""Frames of the data link layer (IEEE 1815-2012 clause 9.2.4), and how they are found in a stream of octets.

A frame is a header of ten octets, start octets and check included, and up to 250 octets of user data in blocks of 16, each with a
check of its own. The deframer looks for the start octets; a header whose check fails costs only these two, because a frame may begin
right behind them. A frame whose data are damaged is dropped, and the search goes on behind its start octets too: on a line that loses
octets the next frame begins before the damaged one seems to end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from tieline.model import LocalError
from tieline.protocols.dnp3.crc import BLOCK_SIZE, append_checks, crc16, is_header_right, remove_checks

MAX_USER_DATA = 250
"""Octets of user data that a frame may carry."""

MAX_FRAME_SIZE = 292
"""Octets of the longest frame, checks included."""

MAX_ADDRESS = 0xFFEF
"""The last address that a single station may have; FFF0h to FFFBh are reserved."""

SELF_ADDRESS = 0xFFFC
"""Whoever is asked at this address answers with its own."""

BROADCAST_NO_CONFIRM = 0xFFFD
"""To all outstations; none asks the master to confirm that it noticed."""

BROADCAST_MUST_CONFIRM = 0xFFFE
"""To all outstations; each reports IIN1.0 until the master has confirmed a response."""

BROADCAST_MAY_CONFIRM = 0xFFFF
"""To all outstations; each decides for itself whether its report of IIN1.0 has to be confirmed."""

_START = b"\x05\x64"
_HEADER_SIZE = 10
_HEADER = struct.Struct("<2sBBHH")
_CHECK = struct.Struct("<H")
_MIN_LENGTH = 5  # the length octet counts control and addresses, but neither start octets nor checks
_DIR, _PRM, _FCB, _FCV = 0x80, 0x40, 0x20, 0x10


class PrimaryFunction(IntEnum):
    """What a primary station says; codes that are missing here are obsolete or reserved."""

    RESET_LINK_STATES = 0
    TEST_LINK_STATES = 2
    CONFIRMED_USER_DATA = 3
    UNCONFIRMED_USER_DATA = 4
    REQUEST_LINK_STATUS = 9


class SecondaryFunction(IntEnum):
    """What a secondary station answers."""

    ACK = 0
    NACK = 1
    LINK_STATUS = 11
    NOT_SUPPORTED = 15


def is_broadcast(address: int) -> bool:
    """Whether a destination is all outstations."""
    return BROADCAST_NO_CONFIRM <= address <= BROADCAST_MAY_CONFIRM


@dataclass(frozen=True, slots=True)
class LinkFrame:
    """A frame without its checks."""

    control: int
    destination: int
    source: int
    payload: bytes = b""

    @property
    def is_from_master(self) -> bool:
        """DIR: whether a master sent it."""
        return bool(self.control & _DIR)

    @property
    def is_primary(self) -> bool:
        """PRM: whether it opens a transaction; else it answers one."""
        return bool(self.control & _PRM)

    @property
    def fcb(self) -> bool:
        """The frame count bit of a primary frame, which tells a repetition from the next one."""
        return bool(self.control & _FCB)

    @property
    def fcv_or_dfc(self) -> bool:
        """FCV of a primary frame: the frame count bit counts; DFC of a secondary one: its buffers are full."""
        return bool(self.control & _FCV)

    @property
    def function(self) -> int:
        """The function code; `is_primary` says of which table."""
        return self.control & 0x0F


def primary_control(function: PrimaryFunction, *, is_from_master: bool, fcb: bool = False) -> int:
    """The control octet of a primary frame; FCV follows from the function."""
    counts = function in (PrimaryFunction.TEST_LINK_STATES, PrimaryFunction.CONFIRMED_USER_DATA)
    return _PRM | function | (_DIR if is_from_master else 0) | (_FCV if counts else 0) | (_FCB if counts and fcb else 0)


def secondary_control(function: SecondaryFunction, *, is_from_master: bool, dfc: bool = False) -> int:
    """The control octet of a secondary frame."""
    return function | (_DIR if is_from_master else 0) | (_FCV if dfc else 0)


def encode_frame(control: int, destination: int, source: int, payload: bytes = b"") -> bytes:
    """One frame with its checks; raises `LocalError` for what fits in none."""
    return encode_frames(control, destination, source, [payload])


def encode_frames(control: int, destination: int, source: int, payloads: Sequence[bytes]) -> bytes:
    """Frames that differ in nothing but the user data, one behind the other; raises `LocalError` for what fits in none."""
    if not (0 <= control <= 0xFF and 0 <= destination <= 0xFFFF and 0 <= source <= 0xFFFF):
        raise LocalError(f"no frame has control {control}, destination {destination} and source {source}")
    if any(len(payload) > MAX_USER_DATA for payload in payloads):
        raise LocalError(f"a frame carries at most {MAX_USER_DATA} octets, not {max(map(len, payloads))}")
    parts: list[bytes] = []
    for payload, blocks in zip(payloads, append_checks(payloads), strict=True):
        header = _HEADER.pack(_START, _MIN_LENGTH + len(payload), control, destination, source)
        parts += (header, _CHECK.pack(crc16(header)), blocks)
    return b"".join(parts)


class Deframer:
    """Finds the frames in a stream of octets, which may come in any pieces; keeps less than one frame of them."""

    def __init__(self) -> None:
        self.dropped_octets = 0
        """Octets that belong to no frame."""
        self.header_errors = 0
        """Start octets that no right header follows."""
        self.data_errors = 0
        """Frames that were dropped for a wrong check of their data."""
        self._rest = b""

    def receive(self, data: bytes) -> list[LinkFrame]:
        """The frames that these octets complete."""
        buffer = self._rest + data if self._rest else data
        frames: list[LinkFrame] = []
        position = used = 0
        at_most = len(buffer) + 1
        while True:
            headers, stop, errors = _find_headers(buffer, position, at_most)
            payloads = remove_checks(
                buffer, [header.start + _HEADER_SIZE for header in headers], [header.size for header in headers]
            )
            for header, payload in zip(headers, payloads, strict=False):
                frames.append(LinkFrame(header.control, header.destination, header.source, payload))
                used += _frame_size(header.size)
            if len(payloads) < len(headers):
                # What was found behind a damaged frame may lie within it. One frame at a time from here on, or a peer that damages
                # each of them on purpose would have the rest searched again and again.
                damaged = headers[len(payloads)]
                self.data_errors += 1
                self.header_errors += damaged.errors_before
                position = damaged.start + len(_START)
                at_most = 1
                continue
            self.header_errors += errors
            position = stop
            if len(headers) < at_most:
                break
        self._rest = buffer[position:]
        self.dropped_octets += position - used
        return frames

    def reset(self) -> None:
        """Forgets the beginning of a frame: what follows comes from another medium, or in another datagram."""
        self.dropped_octets += len(self._rest)
        self._rest = b""


class _Header(NamedTuple):
    start: int
    size: int
    control: int
    destination: int
    source: int
    errors_before: int


def _find_headers(buffer: bytes, position: int, at_most: int) -> tuple[list[_Header], int, int]:
    """The headers of whole frames from `position` on, where the search has to go on, and how many headers were wrong."""
    headers: list[_Header] = []
    errors = 0
    end = len(buffer)
    while len(headers) < at_most:
        position = buffer.find(_START, position)
        if position < 0:
            position = end - 1 if buffer.endswith(_START[:1]) else end
            break
        if position + _HEADER_SIZE > end:
            break
        _, length, control, destination, source = _HEADER.unpack_from(buffer, position)
        if length < _MIN_LENGTH or not is_header_right(buffer, position):
            errors += 1
            position += len(_START)
            continue
        size = length - _MIN_LENGTH
        stop = position + _frame_size(size)
        if stop > end:
            break
        headers.append(_Header(position, size, control, destination, source, errors))
        position = stop
    return headers, position, errors


def _frame_size(user_data: int) -> int:
    return _HEADER_SIZE + user_data + (user_data + BLOCK_SIZE - 1) // BLOCK_SIZE * _CHECK.size
