"""Binary frames of the live feed: columns that a browser maps typed arrays over, without parsing.

Little-endian; `docs/reference/web.md` has the layout. With n values:

    0        4  magic, "TLF1"
    4        1  version, 1
    5        1  type: 1 snapshot, 2 changes
    6        2  zero
    8        4  n, uint32
    12       4  uint32, which of this viewer's subscriptions the frame answers, from 1
    16       8  float64, the server's time, microseconds since 1970-01-01 UTC
    24      8n  float64 time of the sample, microseconds (0: never heard)
    24+8n   8n  float64 value
    24+16n  4n  uint32 point id
    24+20n  2n  uint16 quality
"""

from __future__ import annotations

import struct
from enum import IntEnum

import numpy as np

from tieline.scada import LiveState
from tieline.scada.live import Rows

MAGIC = b"TLF1"
VERSION = 1
HEADER = struct.Struct("<4sBBHIId")
BYTES_PER_VALUE = 22


class FrameType(IntEnum):
    """What a frame is."""

    SNAPSHOT = 1
    CHANGES = 2


def encode_frame(kind: FrameType, live: LiveState, rows: Rows, subscription: int, now: int) -> bytes:
    """A frame with the newest samples of these rows."""
    count = len(rows)
    return b"".join(
        (
            HEADER.pack(MAGIC, VERSION, kind, 0, count, subscription, now),
            live.time[rows].astype("<f8").tobytes(),
            live.value[rows].astype("<f8", copy=False).tobytes(),
            live.id[rows].astype("<u4", copy=False).tobytes(),
            live.quality[rows].astype("<u2", copy=False).tobytes(),
        )
    )


def decode_frame(frame: bytes) -> tuple[FrameType, int, int, np.ndarray[tuple[int], np.dtype[np.void]]]:
    """Type, subscription, server time and the values (fields point, time, value, quality); for clients in Python.

    Raises `ValueError` where the bytes are no such frame.
    """
    if len(frame) < HEADER.size:
        raise ValueError("the frame is shorter than its header")
    magic, version, kind, _, count, subscription, now = HEADER.unpack_from(frame)
    if magic != MAGIC or version != VERSION:
        raise ValueError("this is no live frame of a known version")
    if len(frame) != HEADER.size + count * BYTES_PER_VALUE:
        raise ValueError(f"the frame's length does not match its {count} values")
    values = np.empty(count, [("point", "<u4"), ("time", "<i8"), ("value", "<f8"), ("quality", "<u2")])
    offset = HEADER.size
    for name, kind_of, width in (("time", "<f8", 8), ("value", "<f8", 8), ("point", "<u4", 4), ("quality", "<u2", 2)):
        values[name] = np.frombuffer(frame, kind_of, count, offset)
        offset += width * count
    return FrameType(kind), subscription, int(now), values
