"""Frames as bytes, to be replayed by whoever doubts a finding."""

from __future__ import annotations

import struct

from tieline.network.segmentation.fabric import Stack

_BROADCAST = b"\xff" * 6
_SENDER = bytes.fromhex("020000000001")
"""A locally administered address (IEEE 802-2014, clause 8.4)."""
_TAG = 0x8100
_EXPERIMENTAL = 0x88B5
"""For local experiments (IEEE 802-2014, table 9-1)."""
_SHORTEST = 60
"""Without the frame check sequence, which the hardware appends."""


def frame_bytes(tags: Stack, payload: bytes = b"tieline") -> bytes:
    """A broadcast frame with these VLAN tags, as a raw socket sends it."""
    header = _BROADCAST + _SENDER + b"".join(struct.pack(">HH", _TAG, vlan) for vlan in tags)
    return (header + struct.pack(">H", _EXPERIMENTAL) + payload).ljust(_SHORTEST, b"\0")
