"""The transport function (IEEE 1815-2012 clause 8): fragments of the application layer in segments that fit into link frames.

A segment is one header octet (FIN, FIR and a sequence number modulo 64) and up to 249 octets of the fragment. At the receiver

    idle ──FIR──► assembling ──next in sequence──► assembling ──FIN──► idle, the fragment is complete
                      │  ▲ └─FIR: what there was is dropped, this one begins anew
                      │  └───same number and same octets as the last one: a repetition, dropped
                      └──anything else: all of it is dropped──► idle

and without FIR nothing begins.
"""

from __future__ import annotations

from tieline.model import LocalError
from tieline.protocols.dnp3.frame import MAX_USER_DATA

MAX_SEGMENT_DATA = MAX_USER_DATA - 1
"""Octets of a fragment that a segment carries."""

MOST_FRAGMENT = 2048
"""Octets of a fragment that every device has to be able to receive, unless it says otherwise."""

_FIN, _FIR, _SEQUENCE = 0x80, 0x40, 0x3F


def segment(fragment: bytes, sequence: int) -> tuple[list[bytes], int]:
    """The segments of a fragment, the first with this sequence number, and the number for the next fragment.

    Raises `LocalError` for an empty fragment and for a number outside of 0 to 63.
    """
    if not fragment or not 0 <= sequence <= _SEQUENCE:
        raise LocalError(f"no segments for {len(fragment)} octets from sequence number {sequence} on")
    segments: list[bytes] = []
    for start in range(0, len(fragment), MAX_SEGMENT_DATA):
        stop = start + MAX_SEGMENT_DATA
        header = sequence | (_FIR if start == 0 else 0) | (_FIN if stop >= len(fragment) else 0)
        segments.append(bytes((header,)) + fragment[start:stop])
        sequence = sequence + 1 & _SEQUENCE
    return segments, sequence


class Reassembler:
    """Makes fragments of the segments from one peer; keeps no more than one fragment of at most `max_fragment` octets."""

    def __init__(self, max_fragment: int = MOST_FRAGMENT) -> None:
        if max_fragment < 1:
            raise LocalError(f"no fragment has {max_fragment} octets")
        self.max_fragment = max_fragment
        self.dropped = 0
        """Segments that became part of no fragment, repetitions included."""
        self._parts: list[bytes] = []
        self._last = b""
        self._size = 0

    def receive(self, segment: bytes) -> bytes | None:
        """The fragment that this segment completes, else None."""
        if len(segment) < 2:
            self.dropped += 1
            return None
        header = segment[0]
        if header & _FIR:
            self.reset()
        elif not self._parts:
            self.dropped += 1
            return None
        elif header & _SEQUENCE != (self._last[0] + 1) & _SEQUENCE:
            self.dropped += 1
            if segment != self._last:
                self.reset()
            return None
        self._parts.append(segment[1:])
        self._last = segment
        self._size += len(segment) - 1
        if self._size > self.max_fragment:
            self.reset()
            return None
        if not header & _FIN:
            return None
        fragment = b"".join(self._parts)
        self._clear()
        return fragment

    def reset(self) -> None:
        """Forgets the fragment that was begun."""
        self.dropped += len(self._parts)
        self._clear()

    def _clear(self) -> None:
        self._parts = []
        self._size = 0
