"""Many frames: repetitions are read against a template (`template.py`), and values come in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.goose.data import BIT_STRING, BOOLEAN, FLOAT, INTEGER, UNSIGNED, UTC_TIME, LeafPlace
from tieline.protocols.goose.ethernet import Address
from tieline.protocols.goose.message import Dissection, GooseFrame, GooseMessage, Span, decode_goose, dissect_goose
from tieline.protocols.goose.template import Template, TemplateCache
from tieline.protocols.goose.timing import UtcTime


class StreamKey(NamedTuple):
    """What tells one publisher's stream from another."""

    source: str
    app_id: int
    gocb_ref: str
    simulation: bool


class Layout(Template):
    """What all frames have in common that differ in counters, times and values only."""

    def __init__(self, frame: bytes, dissection: Dissection) -> None:
        self.address: Address = dissection.frame.address
        self.message: GooseMessage = dissection.frame.message
        """The first message; its texts, confRev, flags and number of entries are those of all."""
        self.key = StreamKey(self.address.source, self.address.app_id, self.message.gocb_ref, self.message.simulation)
        self.leaves: tuple[LeafPlace, ...] = dissection.leaves
        self.t = dissection.t
        self.data = dissection.data
        self._live, self._state, self._sequence = dissection.time_allowed_to_live, dissection.st_num, dissection.sq_num
        counters = [_inner(frame, span) for span in (self._live, self._state, self._sequence)]
        super().__init__(frame, [*counters, self.t, *(_value_span(leaf) for leaf in self.leaves)], dissection.stop)

    def reading(self, frame: bytes) -> Reading:
        """What changes, from a frame that is known to have this layout."""
        state, sequence, live = self._state, self._sequence, self._live
        return Reading(
            self,
            frame,
            int.from_bytes(frame[state.start : state.stop], "big"),
            int.from_bytes(frame[sequence.start : sequence.stop], "big"),
            int.from_bytes(frame[live.start : live.stop], "big"),
        )

    @cached_property
    def plan(self) -> tuple[_Block, ...]:
        """Leaves of one type and size together."""
        blocks: dict[tuple[int, int], list[int]] = {}
        for number, leaf in enumerate(self.leaves):
            start, stop = _value_span(leaf)
            if leaf.tag in _NUMERIC and 1 <= stop - start <= 8:
                blocks.setdefault((leaf.tag, stop - start), []).append(number)
        return tuple(
            _Block(
                tag=tag,
                size=size,
                leaves=np.array(numbers),
                octets=np.array([[*range(*_value_span(self.leaves[number]))] for number in numbers]),
                unused=np.array([self._unused(self.leaves[number]) for number in numbers], np.uint64),
            )
            for (tag, size), numbers in blocks.items()
        )

    def bit_size(self, leaf: LeafPlace) -> int:
        """How many bits a bit string has; 0 for every other type."""
        return 8 * (leaf.stop - leaf.start - 1) - self._unused(leaf) if leaf.tag == BIT_STRING else 0

    def _unused(self, leaf: LeafPlace) -> int:
        return self.fixed >> 8 * (self.size - 1 - leaf.start) & 0xFF if leaf.tag == BIT_STRING else 0


class Reading(NamedTuple):
    """One frame: its layout and its counters; everything else is read from the octets when it is asked for."""

    layout: Layout
    frame: bytes
    st_num: int
    sq_num: int
    time_allowed_to_live_ms: int

    @property
    def key(self) -> StreamKey:
        """Whose frame it is."""
        return self.layout.key

    @property
    def data(self) -> bytes:
        """The octets of allData."""
        span = self.layout.data
        return self.frame[span.start : span.stop]

    @property
    def t(self) -> UtcTime:
        """When the state number was raised."""
        span = self.layout.t
        return UtcTime.from_octets(self.frame[span.start : span.stop])

    @property
    def t_us(self) -> int:
        """The same in microseconds since 1970-01-01 UTC."""
        span = self.layout.t
        stamp = int.from_bytes(self.frame[span.start : span.stop], "big")
        return (stamp >> 32) * 1_000_000 + ((stamp >> 8 & 0xFF_FFFF) * 1_000_000 + (1 << 23) >> 24)

    def decoded(self) -> GooseFrame:
        """The frame as values."""
        return decode_goose(self.frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    tag: int
    size: int
    leaves: npt.NDArray[np.intp]
    octets: npt.NDArray[np.intp]
    unused: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """The values of frames of one layout: a row for each frame, a column for each leaf."""

    leaves: tuple[LeafPlace, ...]
    numbers: npt.NDArray[np.float64]
    """Booleans, integers, floats, and bit strings as a number, the first bit the most significant; NaN for everything else."""
    bits: npt.NDArray[np.uint64]
    """Bit strings of up to 64 bits likewise; booleans, integers and floats as they stand, not sign-extended; of a UtcTime all eight
    octets; 0 for everything else."""
    t_us: npt.NDArray[np.int64]
    """`t` of each message: microseconds since 1970-01-01 UTC."""
    t_quality: npt.NDArray[np.uint8]


class FrameReader:
    """Reads frames one after another and remembers the layouts that it has met."""

    def __init__(self) -> None:
        self.repeated = 0
        """Frames that agreed with a known layout."""
        self._layouts: TemplateCache[Layout] = TemplateCache()

    def read(self, frame: bytes) -> Reading:
        """Reads a GOOSE frame. Raises `FrameError`, exactly where `decode_goose` does."""
        layout = self._layouts.find(frame)
        if layout is None:
            layout = Layout(frame, dissect_goose(frame))
            self._layouts.add(frame, layout)
        else:
            self.repeated += 1
        return layout.reading(frame)


def read_columns(readings: Sequence[Reading]) -> Columns:
    """The values of one or more readings of one layout. Raises `LocalError` where there are several layouts, or none."""
    if not readings or any(each.layout is not readings[0].layout for each in readings):
        raise LocalError("columns need readings of one layout")
    layout = readings[0].layout
    octets = np.frombuffer(b"".join(each.frame for each in readings), np.uint8).reshape(len(readings), layout.size)
    numbers = np.full((len(readings), len(layout.leaves)), np.nan)
    bits = np.zeros((len(readings), len(layout.leaves)), np.uint64)
    for block in layout.plan:
        numbers[:, block.leaves], bits[:, block.leaves] = _values(block, octets[:, block.octets])
    stamps = np.ascontiguousarray(octets[:, layout.t.start : layout.t.stop]).view(">u8")[:, 0].astype(np.uint64)
    return Columns(
        leaves=layout.leaves,
        numbers=numbers,
        bits=bits,
        t_us=utc_us(stamps),
        t_quality=(stamps & np.uint64(0xFF)).astype(np.uint8),
    )


def utc_us(stamps: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Microseconds since 1970-01-01 UTC of time stamps given as the number that their eight octets are, rounded as by `UtcTime`."""
    seconds = (stamps >> np.uint64(32)).astype(np.int64)
    fractions = (stamps >> np.uint64(8) & np.uint64(0xFF_FFFF)).astype(np.int64)
    return seconds * 1_000_000 + (fractions * 1_000_000 + (1 << 23) >> 24)


_NUMERIC = frozenset({BOOLEAN, BIT_STRING, INTEGER, UNSIGNED, FLOAT, UTC_TIME})


def _values(block: _Block, octets: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint64]]:
    rows, count, size = octets.shape
    padded = np.zeros((rows, count, 8), np.uint8)
    padded[:, :, 8 - size :] = octets
    bits = padded.view(">u8")[:, :, 0].astype(np.uint64)
    if block.tag == FLOAT:
        # A device may send a signaling NaN, at which numpy would complain.
        with np.errstate(invalid="ignore"):
            numbers = octets.copy().view(">f4" if size == 4 else ">f8")[:, :, 0].astype(np.float64)
    elif block.tag == INTEGER:
        padded[:, :, : 8 - size] = np.where(octets[:, :, :1] & 0x80, 0xFF, 0)
        numbers = padded.view(">i8")[:, :, 0].astype(np.float64)
    elif block.tag == BOOLEAN:
        bits = (bits != 0).astype(np.uint64)
        numbers = bits.astype(np.float64)
    elif block.tag == UTC_TIME:
        numbers = np.full((rows, count), np.nan)
    else:
        bits = bits >> block.unused
        numbers = bits.astype(np.float64)
    return numbers, bits


def _inner(frame: bytes, span: Span) -> Span:
    """A counter's octets without the leading zero of five, which must stay."""
    return Span(span.start + 1, span.stop) if span.stop - span.start == 5 and not frame[span.start] else span


def _value_span(leaf: LeafPlace) -> Span:
    """A leaf's content without the octet that says how to read the rest."""
    has_leading = leaf.tag in {BIT_STRING, FLOAT} or (leaf.tag == UNSIGNED and leaf.stop - leaf.start == 9)
    return Span(leaf.start + has_leading, leaf.stop)
