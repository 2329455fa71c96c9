"""CRC-16/DNP (IEEE 1815-2012 clause 9.2): generator 3D65h, octets least significant bit first, inverted, low octet first on the wire.

The register is as wide as two octets, so one look into a table of 65,536 entries moves a pair of octets through it. Blocks of a frame
are checked one after the other that way; where a read brought many frames, numpy moves the same pair of all their blocks through at
once. Short blocks come only at the end of a frame and are always done singly.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

BLOCK_SIZE = 16
"""Data octets that share one check; only the last block of a frame may have fewer."""

CHECKED_SIZE = BLOCK_SIZE + 2
"""A full block with its check."""

MANY_BLOCKS = 48
"""From here on numpy is the faster way: measured 0.31 us a block singly, against 12 us and 0.014 us a block."""

_REFLECTED_GENERATOR = 0xA6BC
_PAIRS = struct.Struct("<8H")
_PAIRS_AND_CHECK = struct.Struct("<9H")
_HEADER_PAIRS_AND_CHECK = struct.Struct("<5H")
_CHECK = struct.Struct("<H")


def crc16(data: bytes) -> int:
    """The check of some octets."""
    table = _table()
    if len(data) == BLOCK_SIZE:
        a, b, c, d, e, f, g, h = cast("tuple[int, ...]", _PAIRS.unpack(data))  # what a struct gives has no types
        return table[table[table[table[table[table[table[table[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ h] ^ 0xFFFF
    register = 0
    for (pair,) in struct.iter_unpack("<H", data[: len(data) & ~1]):
        register = table[register ^ pair]
    if len(data) & 1:
        # A lone octet moves only half of the register through: as the upper half of a pair whose lower half is nil.
        register = register >> 8 ^ table[(register ^ data[-1]) << 8 & 0xFF00]
    return register ^ 0xFFFF


def is_header_right(wire: bytes, start: int) -> bool:
    """Whether the eight octets from `start` on are followed by their check."""
    table = _table()
    a, b, c, d, check = cast("tuple[int, ...]", _HEADER_PAIRS_AND_CHECK.unpack_from(wire, start))
    return table[table[table[table[a] ^ b] ^ c] ^ d] ^ check == 0xFFFF


def append_checks(payloads: Sequence[bytes]) -> list[bytes]:
    """Each payload as it stands in a frame: in blocks of 16 octets, each followed by its check."""
    if sum(len(payload) for payload in payloads) >= MANY_BLOCKS * BLOCK_SIZE:
        return _append_to_many(payloads)
    return [b"".join([block + _CHECK.pack(crc16(block)) for block in _blocks_of(payload)]) for payload in payloads]


def remove_checks(wire: bytes, offsets: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
    """The payloads of `sizes` octets whose blocks begin at `offsets`; ends before the first with a wrong check.

    `wire` holds all of their blocks.
    """
    if sum(sizes) >= MANY_BLOCKS * BLOCK_SIZE:
        return _remove_from_many(wire, offsets, sizes)
    table = _table()
    payloads: list[bytes] = []
    for offset, size in zip(offsets, sizes, strict=True):
        tail = offset + size // BLOCK_SIZE * CHECKED_SIZE
        for start in range(offset, tail, CHECKED_SIZE):
            a, b, c, d, e, f, g, h, check = _PAIRS_AND_CHECK.unpack_from(wire, start)
            if table[table[table[table[table[table[table[table[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ h] ^ check != 0xFFFF:
                return payloads
        rest = size % BLOCK_SIZE
        if rest and not _is_right(wire, tail, rest):
            return payloads
        blocks = [wire[start : start + BLOCK_SIZE] for start in range(offset, tail, CHECKED_SIZE)]
        blocks.append(wire[tail : tail + rest])
        payloads.append(b"".join(blocks))
    return payloads


def _append_to_many(payloads: Sequence[bytes]) -> list[bytes]:
    full = b"".join([payload[: len(payload) // BLOCK_SIZE * BLOCK_SIZE] for payload in payloads])
    pairs = np.frombuffer(full, dtype="<u2").reshape(-1, BLOCK_SIZE // 2)
    checked = np.empty((len(pairs), CHECKED_SIZE // 2), dtype="<u2")
    checked[:, :-1] = pairs
    checked[:, -1] = _crcs(pairs)
    wire = checked.tobytes()
    encoded: list[bytes] = []
    start = 0
    for payload in payloads:
        stop = start + len(payload) // BLOCK_SIZE * CHECKED_SIZE
        rest = payload[len(payload) // BLOCK_SIZE * BLOCK_SIZE :]
        encoded.append(wire[start:stop] + rest + _CHECK.pack(crc16(rest)) if rest else wire[start:stop])
        start = stop
    return encoded


def _remove_from_many(wire: bytes, offsets: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
    counts = np.array(sizes) // BLOCK_SIZE
    ends = np.cumsum(counts)
    nth_of_frame = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    starts = np.repeat(np.array(offsets), counts) + nth_of_frame * CHECKED_SIZE
    octets = np.frombuffer(wire, dtype=np.uint8)[starts[:, np.newaxis] + np.arange(CHECKED_SIZE)]
    pairs = octets.view("<u2")
    wrong = np.flatnonzero(_crcs(pairs[:, :-1]) != pairs[:, -1])
    right = int(np.searchsorted(ends, wrong[0], side="right")) if wrong.size else len(sizes)
    full = octets[:, :BLOCK_SIZE].tobytes()
    payloads: list[bytes] = []
    start = 0
    for offset, size in zip(offsets[:right], sizes[:right], strict=True):
        stop = start + size // BLOCK_SIZE * BLOCK_SIZE
        tail, rest = offset + size // BLOCK_SIZE * CHECKED_SIZE, size % BLOCK_SIZE
        if rest and not _is_right(wire, tail, rest):
            break
        payloads.append(full[start:stop] + wire[tail : tail + rest])
        start = stop
    return payloads


def _is_right(wire: bytes, start: int, size: int) -> bool:
    stop = start + size
    return crc16(wire[start:stop]) == wire[stop] | wire[stop + 1] << 8


def _blocks_of(data: bytes) -> list[bytes]:
    return [data[start : start + BLOCK_SIZE] for start in range(0, len(data), BLOCK_SIZE)]


def _crcs(pairs: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """The checks of full blocks; one row a block, one column a pair of octets."""
    table = _table_array()
    columns = np.ascontiguousarray(pairs.T)
    registers: npt.NDArray[np.uint16] = table.take(columns[0])
    for column in columns[1:]:
        registers = table.take(registers ^ column)
    return ~registers


@functools.cache
def _table_array() -> npt.NDArray[np.uint16]:
    registers: npt.NDArray[np.uint16] = np.arange(0x10000, dtype=np.uint16)
    for _ in range(16):
        registers = np.where(registers & 1, registers >> 1 ^ np.uint16(_REFLECTED_GENERATOR), registers >> 1)
    return registers


@functools.cache
def _table() -> list[int]:
    entries: list[int] = _table_array().tolist()
    return entries
