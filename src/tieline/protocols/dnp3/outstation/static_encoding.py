"""Present values as octets: what a request asked for, written a fragment at a time.

Points of one variation whose indexes follow each other share a header with a range. Where the request named points one by one they are
answered the same way, each behind its index, unless their variation is packed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from tieline.protocols.dnp3.application import ObjectBlock, encode_block
from tieline.protocols.dnp3.measurements import STATIC_VARIATIONS, Flag, PointType, encode
from tieline.protocols.dnp3.objects import ObjectType, Packing, Records, object_type
from tieline.protocols.dnp3.outstation.point_table import Integers, PointTable

_HEAD = 7
"""The octets of a header with a range of 16 bits: the longest used here."""
_WITH_FLAGS = {
    (1, 1): 2,
    (3, 1): 2,
    (10, 1): 2,
    (20, 5): 1,
    (20, 6): 2,
    (21, 9): 1,
    (21, 10): 2,
    (30, 3): 1,
    (30, 4): 2,
    (31, 5): 1,
    (31, 6): 2,
}
"""What takes the place of a variation without flags where a point is not simply ONLINE, so that nothing bad looks good."""


@dataclass(slots=True, eq=False)
class StaticRead:
    """Points of one type that a request asks for, and how far they are written."""

    kind: PointType
    table: PointTable
    at: Integers
    """Where they are in the columns, in the order of the answer."""
    variation: int = 0
    """What was asked for; 0 leaves it to each point."""
    is_listed: bool = False
    """Whether the request named them one by one."""
    _done: int = 0
    _ends: Integers | None = None

    @property
    def is_done(self) -> bool:
        """Whether all are written."""
        return self._done == len(self.at)

    def write(self, room: int) -> bytes:
        """The blocks of as many of the points as fit into so many octets."""
        out: list[bytes] = []
        while not self.is_done:
            octets = self._strings(room) if self.kind is PointType.OCTET_STRING else self._numbers(room)
            if not octets:
                break
            out.append(octets)
            room -= len(octets)
        return b"".join(out)

    def _numbers(self, room: int) -> bytes:
        """One header: points of the same variation."""
        at = self.at[self._done : self._end()]
        variation = int(self._variations(at[:1])[0])
        kind = _type(self.kind.static, variation)
        number = _most(kind, room, self.is_listed)
        at = at[:number]
        flags = self.table.flags[at]
        flagged = _WITH_FLAGS.get((self.kind.static, variation))
        if flagged is not None and (flags != Flag.ONLINE).any():
            kind = _type(self.kind.static, flagged)
            number = _most(kind, room, self.is_listed)
            at, flags = at[:number], flags[:number]
        if not len(at):
            return b""
        block = self._block(kind, at, encode(kind, self._values(at), flags, self.table.time_us[at]))
        self._done += len(at)
        return encode_block(block)

    def _block(self, kind: ObjectType, at: Integers, objects: Records | npt.NDArray[np.uint8]) -> ObjectBlock:
        indexes = self.table.index[at]
        start, stop = int(indexes[0]), int(indexes[-1])
        if kind.packing is not Packing.RECORDS:
            states = cast("npt.NDArray[np.uint8]", objects)  # what is packed are states, all else are records
            return ObjectBlock.range(kind.group, kind.variation, start, stop, states=states)
        records = cast("Records", objects)
        if self.is_listed:
            return ObjectBlock.indexed(kind.group, kind.variation, indexes, records=records)
        return ObjectBlock.range(kind.group, kind.variation, start, stop, records=records)

    def _strings(self, room: int) -> bytes:
        """One header: octet strings of the same length whose indexes follow each other."""
        start = self._done
        first = int(self.at[start])
        length = len(self.table.strings[first])
        strings: list[bytes] = []
        room -= _HEAD
        for offset, place in enumerate(self.at[start:].tolist()):
            string = self.table.strings[place]
            room -= length
            if room < 0 or len(string) != length or self.table.index[place] != self.table.index[first] + offset:
                break
            strings.append(string)
        if not strings:
            return b""
        self._done += len(strings)
        index = int(self.table.index[first])
        return encode_block(ObjectBlock.range(110, length, index, index + len(strings) - 1, strings=tuple(strings)))

    def _end(self) -> int:
        """Where the points end that may share a header with the next one to be written."""
        if self._ends is None:
            variations = self._variations(self.at)
            breaks = np.diff(variations) != 0
            gaps = np.diff(self.table.index[self.at].astype(np.int64)) != 1
            if self.is_listed:
                gaps &= (variations[1:] == 1) & (self.kind in _PACKED)
            breaks |= gaps
            self._ends = np.append(np.flatnonzero(breaks) + 1, len(self.at))
        return int(self._ends[np.searchsorted(self._ends, self._done, "right")])

    def _variations(self, at: Integers) -> Integers:
        if self.variation:
            return np.full(len(at), self.variation)
        if self.kind is PointType.ANALOG_INPUT_DEADBAND:
            return np.full(len(at), STATIC_VARIATIONS[self.kind][0])
        return self.table.static_variation[at].astype(np.int64)

    def _values(self, at: Integers) -> npt.NDArray[np.float64]:
        return self.table.deadband[at] if self.kind is PointType.ANALOG_INPUT_DEADBAND else self.table.value[at]


_PACKED = {PointType.BINARY_INPUT, PointType.DOUBLE_BIT_BINARY_INPUT, PointType.BINARY_OUTPUT_STATUS}


def _type(group: int, variation: int) -> ObjectType:
    kind = object_type(group, variation)
    assert kind is not None
    return kind


def _most(kind: ObjectType, room: int, is_listed: bool) -> int:
    """How many objects of a type fit behind a header."""
    room = max(room - _HEAD, 0)
    match kind.packing:
        case Packing.BITS:
            return room * 8
        case Packing.PAIRS:
            return room * 4
        case _:
            return room // (kind.octets(1) + (2 if is_listed else 0))
