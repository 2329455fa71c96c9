"""Values in bulk: from the octets of a report or of a read to columns, without a step for each point.

A `Plan` says what the leaves of each member of a data set are: value, quality or time of which row. Reports of one data set with the same
members included look alike to the octet but for the values themselves: tags and lengths stand in the same places. So the first of
a kind is walked (`Layout.of`) and remembered: where its tags and lengths are, and where each value. The next that has the same octets
in those places (`Layout.fits`, one comparison of arrays) is decoded by gathering: as many array operations as there are types of
values, whatever the number of points. One that differs, say because an integer needs another octet, is walked again.

What is walked is total: a member whose shape is not that of the plan is a finding, not an error, and the others are good.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from tieline.model import RemoteError
from tieline.model.quality import STATUS
from tieline.protocols.iec61850.mms.ber import MAX_DEPTH, Field, fields

Rows = npt.NDArray[np.intp]
Octets = npt.NDArray[np.uint8]

MOST_LAYOUTS = 64
"""Layouts that are remembered for a data set; the longest unused is dropped."""

_DENIED = 0x80
_HEADED = frozenset({0x84, 0x87})
"""Bit strings and floating point: padding and format, their first octet, belong to the shape, as a ninth octet of an integer does."""


class Part(IntEnum):
    """What a leaf is for its row."""

    VALUE = 0
    QUALITY = 1
    TIME = 2


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf that means something: which part of which row."""

    row: int
    part: Part


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a data set: what each of its leaves is, in the order in which they come. Points may share a quality or a time."""

    leaves: tuple[tuple[Leaf, ...], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows it says something of, each once."""
        return tuple(dict.fromkeys(leaf.row for leaf in itertools.chain.from_iterable(self.leaves)))

    def without(self, rows: AbstractSet[int]) -> Member:
        """The same, but that it says nothing of these rows."""
        return Member(tuple(tuple(leaf for leaf in meanings if leaf.row not in rows) for meanings in self.leaves))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What a report or a read says. Each pair of columns has one length; a row is at most once in each."""

    value_row: Rows
    value: npt.NDArray[np.float64]
    """NaN where what came is no number."""
    quality_row: Rows
    quality: npt.NDArray[np.uint16]
    """The 13 bits of IEC 61850-7-3 as `tieline.model.Quality` has them."""
    time_row: Rows
    time_us: npt.NDArray[np.int64]
    time_quality: Octets
    denied: tuple[tuple[int, int], ...] = ()
    """Members that could not be accessed: their place in the data set and the code of the error."""
    misshapen: tuple[int, ...] = ()
    """Members that are not what the plan says, by their place."""
    reason_row: Rows | None = None
    """Rows of which a reason is known, where the report has reasons; a row may be there more than once."""
    reason: Octets | None = None
    """The first octet of the reason for each (IEC 61850-8-1, table 42)."""

    @classmethod
    def joined(cls, parts: Sequence[Columns]) -> Columns:
        """What several segments of one report say together."""
        if len(parts) == 1:
            return parts[0]
        reason_rows = [part.reason_row for part in parts if part.reason_row is not None]
        reasons = [part.reason for part in parts if part.reason is not None]
        return cls(
            np.concatenate([part.value_row for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.quality_row for part in parts]),
            np.concatenate([part.quality for part in parts]),
            np.concatenate([part.time_row for part in parts]),
            np.concatenate([part.time_us for part in parts]),
            np.concatenate([part.time_quality for part in parts]),
            tuple(itertools.chain.from_iterable(part.denied for part in parts)),
            tuple(itertools.chain.from_iterable(part.misshapen for part in parts)),
            np.concatenate(reason_rows) if reason_rows else None,
            np.concatenate(reasons) if reasons else None,
        )


@dataclass(frozen=True, slots=True)
class _Gather:
    """Leaves of one type and size."""

    tag: int
    size: int
    where: npt.NDArray[np.intp]
    """Octets of each leaf's content, a line a leaf."""
    row: Rows
    shift: int = 0
    """Padding bits of bit strings."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is in one kind of report."""

    size: int
    fixed: Rows
    """Octets that are tags and lengths."""
    pattern: Octets
    values: tuple[_Gather, ...]
    qualities: _Gather
    times: _Gather
    absent: Rows
    """Rows whose value is of a type that is no number."""
    denied: tuple[tuple[int, int], ...]
    misshapen: tuple[int, ...]
    reason_row: Rows | None
    reasons: Rows | None
    """Where the reason of each of those rows is."""

    def fits(self, body: Octets) -> bool:
        """Whether these octets are of this kind."""
        return len(body) == self.size and bool((body[self.fixed] == self.pattern).all())

    def read(self, body: Octets) -> Columns:
        """The columns of octets that fit."""
        numbers = [_NUMBERS[gather.tag](gather, body[gather.where]) for gather in self.values]
        rows = [gather.row for gather in self.values]
        if len(self.absent):
            rows.append(self.absent)
            numbers.append(np.full(len(self.absent), np.nan))
        stamps = body[self.times.where]
        octets = body[self.qualities.where]
        return Columns(
            np.concatenate(rows) if rows else _NO_ROWS,
            np.concatenate(numbers) if numbers else np.empty(0),
            self.qualities.row,
            _QUALITY[octets[:, 1].astype(np.uint16) << 8 | octets[:, 2]] if len(octets) else np.empty(0, np.uint16),
            self.times.row,
            _microseconds(stamps) if len(stamps) else np.empty(0, np.int64),
            stamps[:, 7] if len(stamps) else np.empty(0, np.uint8),
            self.denied,
            self.misshapen,
            self.reason_row,
            None if self.reasons is None else body[self.reasons],
        )


class Plan:
    """The members of a data set, or of a read, and the layouts that were seen of it."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self._layouts: OrderedDict[tuple[bytes, int, bool, bool], Layout] = OrderedDict()

    def decode(self, body: bytes, included: Rows, *, has_references: bool = False, has_reasons: bool = False) -> Columns:
        """The columns of a report's octets behind its inclusion bits: references, values, reasons. Raises `RemoteError`.

        `included` are the places of the members that it has, rising; each has to be there in the plan.
        """
        octets = np.frombuffer(body, np.uint8)
        key = (included.tobytes(), len(body), has_references, has_reasons)
        layout = self._layouts.get(key)
        if layout is None or not layout.fits(octets):
            layout = _layout_of(self.members, body, included.tolist(), has_references=has_references, has_reasons=has_reasons)
            self._layouts[key] = layout
            if len(self._layouts) > MOST_LAYOUTS:
                self._layouts.popitem(last=False)
        self._layouts.move_to_end(key)
        return layout.read(octets)


class _Builder:
    """Collects leaves while a body is walked."""

    def __init__(self) -> None:
        self.fixed: list[tuple[int, int]] = []
        self.values: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
        self.qualities: list[tuple[int, int]] = []
        self.times: list[tuple[int, int]] = []
        self.absent: list[int] = []

    def take(self, body: bytes, leaf: Leaf, found: Field) -> None:
        """One leaf with a meaning."""
        size = found.stop - found.start
        if leaf.part is Part.QUALITY:
            self.qualities.append((leaf.row, found.start))
        elif leaf.part is Part.TIME:
            self.times.append((leaf.row, found.start))
        elif _is_number(body, found):
            shift = body[found.start] if found.tag == 0x84 else 0
            self.values.setdefault((found.tag, size, shift), []).append((leaf.row, found.start))
            if found.tag in _HEADED or size > 8:
                self.fixed.append((found.start, found.start + 1))
        else:
            self.absent.append(leaf.row)
            self.fixed.append((found.start, min(found.start + 1, found.stop)))


def _layout_of(
    members: Sequence[Member], body: bytes, included: Sequence[int], *, has_references: bool, has_reasons: bool
) -> Layout:
    """Walks a body; raises `RemoteError` where what it says it includes is not there."""
    found = list(fields(body))
    count = len(included)
    if len(found) != count * (1 + has_references + has_reasons):
        raise RemoteError(f"a report says that it includes {count} members, and has {len(found)} parts")
    builder = _Builder()
    denied, misshapen = [], []
    values = found[count:] if has_references else found
    for place, top in zip(included, values, strict=False):
        if top.tag == _DENIED and top.stop - top.start == 1:
            denied.append((place, body[top.start]))
            builder.fixed.append((top.start, top.stop))
        elif not _take_member(builder, body, top, members[place]):
            misshapen.append(place)
    edges = [(each.start, each.stop) for each in found]
    for first, last in zip([(0, 0), *edges], edges, strict=False):
        builder.fixed.append((first[1], last[0]))
    reason_row, reasons = None, None
    if has_reasons:
        parts = found[-count:] if count else []
        if any(part.tag != 0x84 or part.stop - part.start < 2 for part in parts):
            raise RemoteError("a report has reasons that make no sense")
        pairs = [(row, part.start + 1) for place, part in zip(included, parts, strict=True) for row in members[place].rows]
        reason_row = np.array([row for row, _ in pairs], np.intp)
        reasons = np.array([where for _, where in pairs], np.intp)
    fixed = np.unique(np.concatenate([np.arange(a, b) for a, b in builder.fixed])) if builder.fixed else _NO_ROWS
    return Layout(
        size=len(body),
        fixed=fixed.astype(np.intp),
        pattern=np.frombuffer(body, np.uint8)[fixed],
        values=tuple(_gather(tag, size, shift, places) for (tag, size, shift), places in builder.values.items()),
        qualities=_gather(0x84, 3, 0, builder.qualities),
        times=_gather(0x91, 8, 0, builder.times),
        absent=np.array(builder.absent, np.intp),
        denied=tuple(denied),
        misshapen=tuple(misshapen),
        reason_row=reason_row,
        reasons=reasons,
    )


def _take_member(builder: _Builder, body: bytes, top: Field, member: Member) -> bool:
    """Whether the member has the shape that is expected; if so, its leaves are taken."""
    leaves = list(_leaves(body, top, builder.fixed, 1))
    if len(leaves) != len(member.leaves):
        return False
    wanted = [(leaf, found) for meanings, found in zip(member.leaves, leaves, strict=True) for leaf in meanings]
    for leaf, found in wanted:
        size = found.stop - found.start
        if leaf.part is Part.QUALITY and not (found.tag == 0x84 and size == 3):
            return False
        if leaf.part is Part.TIME and not (found.tag == 0x91 and size == 8):
            return False
    for leaf, found in wanted:
        builder.take(body, leaf, found)
    return True


def _leaves(body: bytes, found: Field, fixed: list[tuple[int, int]], depth: int) -> Iterator[Field]:
    if found.tag != 0xA2:
        yield found
        return
    if depth > MAX_DEPTH:
        raise RemoteError(f"structures are nested deeper than {MAX_DEPTH} levels")
    start = found.start
    for inner in fields(body, found.start, found.stop):
        fixed.append((start, inner.start))
        yield from _leaves(body, inner, fixed, depth + 1)
        start = inner.stop


def _is_number(body: bytes, found: Field) -> bool:
    size = found.stop - found.start
    match found.tag:
        case 0x83:
            return size == 1
        case 0x84:
            return 2 <= size <= 5 and body[found.start] < 8
        case 0x85:
            return 1 <= size <= 8
        case 0x86:
            return 1 <= size <= 8 or (size == 9 and body[found.start] == 0)
        case 0x87:
            return size in {5, 9}
        case _:
            return False


def _gather(tag: int, size: int, shift: int, places: Sequence[tuple[int, int]]) -> _Gather:
    row = np.array([row for row, _ in places], np.intp)
    start = np.array([start for _, start in places], np.intp)
    return _Gather(tag, size, start[:, None] + np.arange(size), row, shift)


# Types of numbers


def _boolean(_: _Gather, octets: Octets) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = (octets[:, 0] != 0).astype(np.float64)
    return numbers


def _floating(gather: _Gather, octets: Octets) -> npt.NDArray[np.float64]:
    kind = ">f4" if gather.size == 5 else ">f8"
    with np.errstate(invalid="ignore"):  # a device may send a signaling NaN, at which numpy would complain
        numbers: npt.NDArray[np.float64] = np.ascontiguousarray(octets[:, 1:]).view(kind)[:, 0].astype(np.float64)
    return numbers


def _unsigned(_: _Gather, octets: Octets) -> npt.NDArray[np.float64]:
    return _whole(octets).view(np.uint64).astype(np.float64)


def _signed(gather: _Gather, octets: Octets) -> npt.NDArray[np.float64]:
    unused = 64 - 8 * gather.size
    numbers: npt.NDArray[np.int64] = _whole(octets).view(np.int64) << unused >> unused
    return numbers.astype(np.float64)


def _bits(gather: _Gather, octets: Octets) -> npt.NDArray[np.float64]:
    return (_whole(octets[:, 1:]) >> np.uint64(gather.shift)).astype(np.float64)


def _whole(octets: Octets) -> npt.NDArray[np.uint64]:
    """Up to nine octets as one number, the first of nine being zero."""
    wide = np.zeros((len(octets), 8), np.uint8)
    octets = octets[:, -8:]
    wide[:, 8 - octets.shape[1] :] = octets
    return wide.view(">u8")[:, 0].astype(np.uint64)


_NUMBERS = {0x83: _boolean, 0x84: _bits, 0x85: _signed, 0x86: _unsigned, 0x87: _floating}
_NO_ROWS = np.empty(0, np.intp)


def _microseconds(stamps: Octets) -> npt.NDArray[np.int64]:
    """UTC times of IEC 61850-8-1 (clause 8.1.3.7): seconds, and 24 bits of fraction, rounded."""
    wide = np.zeros((len(stamps), 8), np.uint8)
    wide[:, 1:4] = stamps[:, 4:7]
    wide[:, 4:] = stamps[:, :4]
    pair = wide.view(">u4").astype(np.int64)
    micros: npt.NDArray[np.int64] = pair[:, 1] * 1_000_000 + (pair[:, 0] * 1_000_000 + (1 << 23) >> 24)
    return micros


def _qualities() -> npt.NDArray[np.uint16]:
    """From two octets, the first bit highest, to the bits of `Quality`, the first bit lowest (IEC 61850-8-1, table 38)."""
    wire = np.arange(65_536, dtype=np.uint32)
    column = np.zeros(65_536, np.uint32)
    for bit in range(16):
        column |= (wire >> (15 - bit) & 1) << bit
    return (column & STATUS).astype(np.uint16)


_QUALITY = _qualities()
