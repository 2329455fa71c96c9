"""Application fragments: octets to headers and objects, and back (IEEE 1815-2012, clause 4.2).

`parse_fragment` reads as far as a fragment can be read. What stands behind an object nobody knows is still read where the qualifier
says how long that object is; otherwise `Fragment.fault` says why, and from where on, nothing was. `encode_fragment` writes exactly what
`parse_fragment` reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import partial

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.objects import ObjectType, Packing, Records, object_type, prefixed


class Function(IntEnum):
    """Function codes (clause 4.4)."""

    CONFIRM = 0
    READ = 1
    WRITE = 2
    SELECT = 3
    OPERATE = 4
    DIRECT_OPERATE = 5
    DIRECT_OPERATE_NO_RESPONSE = 6
    IMMEDIATE_FREEZE = 7
    IMMEDIATE_FREEZE_NO_RESPONSE = 8
    FREEZE_CLEAR = 9
    FREEZE_CLEAR_NO_RESPONSE = 10
    FREEZE_AT_TIME = 11
    FREEZE_AT_TIME_NO_RESPONSE = 12
    COLD_RESTART = 13
    WARM_RESTART = 14
    INITIALIZE_DATA = 15
    INITIALIZE_APPLICATION = 16
    START_APPLICATION = 17
    STOP_APPLICATION = 18
    SAVE_CONFIGURATION = 19
    ENABLE_UNSOLICITED = 20
    DISABLE_UNSOLICITED = 21
    ASSIGN_CLASS = 22
    DELAY_MEASURE = 23
    RECORD_CURRENT_TIME = 24
    OPEN_FILE = 25
    CLOSE_FILE = 26
    DELETE_FILE = 27
    GET_FILE_INFO = 28
    AUTHENTICATE_FILE = 29
    ABORT_FILE = 30
    ACTIVATE_CONFIGURATION = 31
    AUTHENTICATION_REQUEST = 32
    AUTHENTICATION_REQUEST_NO_RESPONSE = 33
    RESPONSE = 129
    UNSOLICITED_RESPONSE = 130
    AUTHENTICATION_RESPONSE = 131


class IIN(IntFlag):
    """Internal indications (clause 4.5); the low octet is IIN1."""

    BROADCAST = 1 << 0
    CLASS_1_EVENTS = 1 << 1
    CLASS_2_EVENTS = 1 << 2
    CLASS_3_EVENTS = 1 << 3
    NEED_TIME = 1 << 4
    LOCAL_CONTROL = 1 << 5
    DEVICE_TROUBLE = 1 << 6
    DEVICE_RESTART = 1 << 7
    NO_FUNCTION_CODE_SUPPORT = 1 << 8
    OBJECT_UNKNOWN = 1 << 9
    PARAMETER_ERROR = 1 << 10
    EVENT_BUFFER_OVERFLOW = 1 << 11
    ALREADY_EXECUTING = 1 << 12
    CONFIG_CORRUPT = 1 << 13


EVENTS_WAITING = IIN.CLASS_1_EVENTS | IIN.CLASS_2_EVENTS | IIN.CLASS_3_EVENTS
REQUEST_REFUSED = IIN.NO_FUNCTION_CODE_SUPPORT | IIN.OBJECT_UNKNOWN | IIN.PARAMETER_ERROR
"""What a response says where the request was not carried out as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The application control octet (clause 4.2.2.4)."""

    first: bool = True
    final: bool = True
    confirm: bool = False
    """The receiver shall confirm the fragment."""
    unsolicited: bool = False
    sequence: int = 0

    @classmethod
    def of(cls, octet: int) -> Control:
        """What an octet says."""
        return cls(
            first=bool(octet & 0x80),
            final=bool(octet & 0x40),
            confirm=bool(octet & 0x20),
            unsolicited=bool(octet & 0x10),
            sequence=octet & 0x0F,
        )

    @property
    def octet(self) -> int:
        """How it is sent."""
        return self.first << 7 | self.final << 6 | self.confirm << 5 | self.unsolicited << 4 | self.sequence & 0x0F


@dataclass(frozen=True, slots=True, eq=False)
class ObjectBlock:
    """One object header and the objects that belong to it."""

    group: int
    variation: int
    qualifier: int
    count: int
    """Objects that it names; 0 with the qualifier "all"."""
    start: int | None = None
    """The first index of a range."""
    indexes: npt.NDArray[np.uint32] | None = None
    """The indexes, where each stands before its object."""
    records: Records | None = None
    """The objects, where they are of one size."""
    states: npt.NDArray[np.uint8] | None = None
    """The objects, where they are packed bits (0, 1) or pairs of bits (0 to 3)."""
    strings: tuple[bytes, ...] | None = None
    """The objects, where they are octets."""

    def __str__(self) -> str:
        return f"g{self.group}v{self.variation}"

    @property
    def type(self) -> ObjectType | None:
        """Its type; None where nobody knows it."""
        return object_type(self.group, self.variation)

    @property
    def points(self) -> npt.NDArray[np.uint32]:
        """The index of each object. Raises `LocalError` where a range without objects is too long to write out."""
        if self.indexes is not None:
            return self.indexes
        if self.count > 65_536 and self.records is None and self.states is None and self.strings is None:
            raise LocalError(f"{self} names {self.count} objects")
        return np.arange(self.count, dtype=np.uint32) + np.uint32(self.start or 0)

    @property
    def names_all(self) -> bool:
        """Whether it asks for all there is (qualifier 6)."""
        return self.qualifier == 0x06

    @classmethod
    def all(cls, group: int, variation: int = 0) -> ObjectBlock:
        """A header that asks for all objects of a group; variation 0 leaves the form to the outstation."""
        return cls(group, variation, 0x06, 0)

    @classmethod
    def limited(cls, group: int, variation: int, count: int) -> ObjectBlock:
        """A header that asks for so many objects at the most."""
        _check(1 <= count <= 0xFFFF, f"a count is 1 to 65535, not {count}")
        return cls(group, variation, 0x07 if count <= 0xFF else 0x08, count)

    @classmethod
    def range(
        cls,
        group: int,
        variation: int,
        start: int,
        stop: int,
        *,
        records: Records | None = None,
        states: npt.NDArray[np.uint8] | None = None,
        strings: tuple[bytes, ...] | None = None,
    ) -> ObjectBlock:
        """The objects from `start` to `stop`, both included; where objects are given, as many as that."""
        _check(0 <= start <= stop <= 0xFFFF, f"a range is 0 to 65535, not {start} to {stop}")
        count = stop - start + 1
        for given in (records, states, strings):
            _check(given is None or len(given) == count, f"{count} objects are named, another number is given")
        qualifier = 0x00 if stop <= 0xFF else 0x01
        return cls(group, variation, qualifier, count, start=start, records=records, states=states, strings=strings)

    @classmethod
    def indexed(
        cls,
        group: int,
        variation: int,
        indexes: npt.NDArray[np.uint32] | Sequence[int],
        *,
        records: Records | None = None,
        strings: tuple[bytes, ...] | None = None,
    ) -> ObjectBlock:
        """Objects each behind its index: events, commands, scattered points."""
        given_indexes = np.asarray(indexes)
        count = len(given_indexes)
        _check(1 <= count <= 0xFFFF, f"a header holds 1 to 65535 objects, not {count}")
        lowest, highest = int(given_indexes.min()), int(given_indexes.max())
        _check(0 <= lowest <= highest <= 0xFFFF, f"an index is 0 to 65535, not {highest if lowest >= 0 else lowest}")
        numbers = given_indexes.astype(np.uint32)
        for given in (records, strings):
            _check(given is None or len(given) == count, f"{count} objects are named, another number is given")
        qualifier = 0x17 if max(highest, count) <= 0xFF else 0x28
        return cls(group, variation, qualifier, count, indexes=numbers, records=records, strings=strings)

    @classmethod
    def counted(cls, group: int, variation: int, records: Records) -> ObjectBlock:
        """Objects without an index: times, delays."""
        _check(1 <= len(records) <= 0xFF, f"a header holds 1 to 255 of these objects, not {len(records)}")
        return cls(group, variation, 0x07, len(records), records=records)

    @classmethod
    def free(cls, group: int, variation: int, *strings: bytes) -> ObjectBlock:
        """Objects in free format, each behind its length (qualifier 5B)."""
        _check(1 <= len(strings) <= 0xFF, f"a header holds 1 to 255 objects in free format, not {len(strings)}")
        _check(all(len(string) <= 0xFFFF for string in strings), "an object in free format has 65535 octets at the most")
        return cls(group, variation, 0x5B, len(strings), strings=strings)


@dataclass(frozen=True, slots=True, eq=False)
class Fragment:
    """A fragment as far as it could be read."""

    control: Control
    function: int
    """A `Function`, or a number that is none."""
    blocks: tuple[ObjectBlock, ...] = ()
    iin: IIN | None = None
    """Of a response."""
    fault: FragmentError | None = None
    """Why the rest could not be read."""

    @property
    def is_response(self) -> bool:
        """Whether an outstation sent it."""
        return self.iin is not None


_RESPONSES = {Function.RESPONSE, Function.UNSOLICITED_RESPONSE, Function.AUTHENTICATION_RESPONSE}
_WITH_OBJECTS = {
    Function.WRITE,
    Function.SELECT,
    Function.OPERATE,
    Function.DIRECT_OPERATE,
    Function.DIRECT_OPERATE_NO_RESPONSE,
    Function.OPEN_FILE,
    Function.CLOSE_FILE,
    Function.DELETE_FILE,
    Function.GET_FILE_INFO,
    Function.AUTHENTICATE_FILE,
    Function.ABORT_FILE,
    Function.ACTIVATE_CONFIGURATION,
    Function.AUTHENTICATION_REQUEST,
    Function.AUTHENTICATION_REQUEST_NO_RESPONSE,
    *_RESPONSES,
}
"""Functions whose headers are followed by objects (clause 4.4); in all others, only what `_has_objects` names is."""
_FREEZES_AT_TIME = {Function.FREEZE_AT_TIME, Function.FREEZE_AT_TIME_NO_RESPONSE}

_RANGE_OCTETS = {0: 1, 1: 2, 2: 4}
_COUNT_OCTETS = {7: 1, 8: 2, 9: 4, 0xB: 1}
_PAIR_SHIFTS = np.array([0, 2, 4, 6], np.uint8)
_EXTENDED_LIST = 255
"""The type of a device attribute (U8BS8EXLIST) that is 256 octets longer than its length octet says (table 5-16)."""
_PREFIX_OCTETS = {0: 0, 1: 1, 2: 2, 3: 4, 4: 1, 5: 2, 6: 4}


def parse_fragment(data: bytes) -> Fragment:
    """Reads a fragment. Raises `FragmentError` only where not even its header is there."""
    if len(data) < 2:
        raise FragmentError(f"a fragment of {len(data)} octets has no header", len(data))
    function = data[1]
    iin: IIN | None = None
    offset = 2
    if function in _RESPONSES:
        if len(data) < 4:
            raise FragmentError("the response ends before its internal indications", len(data))
        iin = IIN(data[2] | data[3] << 8)
        offset = 4
    blocks: list[ObjectBlock] = []
    fault: FragmentError | None = None
    try:
        while offset < len(data):
            block, offset = _parse_block(data, offset, function)
            blocks.append(block)
    except FragmentError as error:
        fault = error
    return Fragment(Control.of(data[0]), function, tuple(blocks), iin, fault)


def encode_fragment(control: Control, function: int, blocks: Sequence[ObjectBlock] = (), iin: IIN | None = None) -> bytes:
    """A fragment's octets; `iin` is given with responses."""
    _check((iin is not None) == (function in _RESPONSES), "internal indications belong to responses, and only there")
    head = bytes((control.octet, function)) if iin is None else bytes((control.octet, function, iin & 0xFF, iin >> 8))
    return head + b"".join(encode_block(block) for block in blocks)


def _parse_block(data: bytes, offset: int, function: int) -> tuple[ObjectBlock, int]:
    if len(data) - offset < 3:
        raise FragmentError("the fragment ends within an object header", offset)
    group, variation, qualifier = data[offset : offset + 3]
    at = offset + 3
    prefix, code = qualifier >> 4, qualifier & 0x0F
    if prefix not in _PREFIX_OCTETS:
        raise FragmentError(f"qualifier {qualifier:02X} of g{group}v{variation} is reserved", offset)
    start: int | None = None
    if code in _RANGE_OCTETS:
        octets = _RANGE_OCTETS[code]
        start, stop = _number(data, at, octets, offset), _number(data, at + octets, octets, offset)
        at += 2 * octets
        if stop < start:
            raise FragmentError(f"the range of g{group}v{variation} goes from {start} to {stop}", offset)
        count = stop - start + 1
    elif code in _COUNT_OCTETS:
        octets = _COUNT_OCTETS[code]
        count = _number(data, at, octets, offset)
        at += octets
    elif code == 6:
        count = 0
    else:
        raise FragmentError(f"qualifier {qualifier:02X} of g{group}v{variation} is reserved", offset)
    if (prefix and start is not None) or (prefix < 4) == (code == 0xB) or (prefix and code == 6):
        raise FragmentError(f"qualifier {qualifier:02X} of g{group}v{variation} has no meaning", offset)
    if prefix >= 4:
        return _parse_free(data, at, offset, group, variation, qualifier, count)
    header = group, variation, qualifier, count
    if not _has_objects(function, group) or code == 6:  # "all" is followed by nothing, whatever the function
        return _parse_names(data, at, offset, header, start, _PREFIX_OCTETS[prefix])
    return _parse_objects(data, at, offset, header, start, _PREFIX_OCTETS[prefix])


def _has_objects(function: int, group: int) -> bool:
    """Whether objects follow a header. When to freeze is said by an object before the headers that say what; what authenticates a
    request in aggressive mode is one in any request."""
    return function in _WITH_OBJECTS or (group == 50 and function in _FREEZES_AT_TIME) or group == 120


def _number(data: bytes, at: int, octets: int, offset: int) -> int:
    if at + octets > len(data):
        raise FragmentError("the fragment ends within an object header", offset)
    return int.from_bytes(data[at : at + octets], "little")


def _parse_free(
    data: bytes, at: int, offset: int, group: int, variation: int, qualifier: int, count: int
) -> tuple[ObjectBlock, int]:
    octets = _PREFIX_OCTETS[qualifier >> 4]
    strings = []
    for _ in range(count):
        size = _number(data, at, octets, offset)
        at += octets
        if at + size > len(data):
            raise FragmentError(f"g{group}v{variation} has {size} octets, of which {len(data) - at} are there", offset)
        strings.append(data[at : at + size])
        at += size
    return ObjectBlock(group, variation, qualifier, count, strings=tuple(strings)), at


def _parse_names(
    data: bytes, at: int, offset: int, header: tuple[int, int, int, int], start: int | None, prefix: int
) -> tuple[ObjectBlock, int]:
    """A header of a request that only names objects, be it one by one."""
    group, variation, qualifier, count = header
    if not prefix:
        return ObjectBlock(group, variation, qualifier, count, start=start), at
    if at + count * prefix > len(data):
        raise FragmentError(f"g{group}v{variation} names {count} objects, and the fragment ends before", offset)
    indexes = np.frombuffer(data, f"<u{prefix}", count, at).astype(np.uint32)
    return ObjectBlock(group, variation, qualifier, count, indexes=indexes), at + count * prefix


def _parse_objects(
    data: bytes, at: int, offset: int, header: tuple[int, int, int, int], start: int | None, prefix: int
) -> tuple[ObjectBlock, int]:
    group, variation, qualifier, count = header
    kind = object_type(group, variation)
    if kind is None:
        raise FragmentError(f"g{group}v{variation} is not known and its length is not given", offset)
    if kind.packing is Packing.NOTHING:
        return _parse_names(data, at, offset, header, start, prefix)
    if kind.packing is Packing.FREE:
        raise FragmentError(f"{kind} needs a qualifier with a length, not {qualifier:02X}", offset)
    if kind.packing is Packing.ATTRIBUTES:
        return _parse_attributes(data, at, offset, header, start, prefix)
    if prefix and kind.packing in {Packing.BITS, Packing.PAIRS}:
        raise FragmentError(f"{kind} is packed and takes no index before each object", offset)
    size = kind.octets(count) + count * prefix
    if at + size > len(data):
        raise FragmentError(f"{count} objects {kind} take {size} octets, and {len(data) - at} are there", offset)
    end = at + size
    block = partial(ObjectBlock, group, variation, qualifier, count, start=start)
    match kind.packing:
        case Packing.RECORDS:
            assert kind.dtype is not None
            if not prefix:
                return block(records=np.frombuffer(data, kind.dtype, count, at)), end
            index, record = prefixed(kind.dtype, prefix)
            indexes = np.frombuffer(data, index, count, at)["index"].astype(np.uint32)
            return block(indexes=indexes, records=np.frombuffer(data, record, count, at)), end
        case Packing.BITS:
            octets = np.frombuffer(data, np.uint8, end - at, at)
            return block(states=np.unpackbits(octets, count=count, bitorder="little")), end
        case Packing.PAIRS:
            pairs = np.frombuffer(data, np.uint8, end - at, at)[:, None] >> _PAIR_SHIFTS & 3
            return block(states=pairs.reshape(-1)[:count].astype(np.uint8, copy=False)), end
        case _:
            step = prefix + variation
            places = range(at, end, step)
            numbers = np.array([int.from_bytes(data[place : place + prefix], "little") for place in places], np.uint32)
            strings = tuple(data[place + prefix : place + step] for place in places)
            return block(indexes=numbers if prefix else None, strings=strings), end


def _parse_attributes(
    data: bytes, at: int, offset: int, header: tuple[int, int, int, int], start: int | None, prefix: int
) -> tuple[ObjectBlock, int]:
    """Device attributes say their own length: type, length, data."""
    group, variation, qualifier, count = header
    indexes, strings = [], []
    for _ in range(count):
        indexes.append(int.from_bytes(data[at : at + prefix], "little"))
        at += prefix
        kind, length = data[at : at + 2] if at + 2 <= len(data) else (0, len(data))
        size = 2 + length + (256 if kind == _EXTENDED_LIST else 0)
        if at + size > len(data):
            raise FragmentError("the fragment ends within a device attribute", offset)
        strings.append(data[at : at + size])
        at += size
    numbers = np.array(indexes, np.uint32) if prefix else None
    return ObjectBlock(group, variation, qualifier, count, start=start, indexes=numbers, strings=tuple(strings)), at


def encode_block(block: ObjectBlock) -> bytes:
    """A header's octets with its objects."""
    code, prefix = block.qualifier & 0x0F, _PREFIX_OCTETS[block.qualifier >> 4]
    head = bytes((block.group, block.variation, block.qualifier))
    if code in _RANGE_OCTETS:
        octets = _RANGE_OCTETS[code]
        assert block.start is not None
        head += block.start.to_bytes(octets, "little") + (block.start + block.count - 1).to_bytes(octets, "little")
    elif code in _COUNT_OCTETS:
        head += block.count.to_bytes(_COUNT_OCTETS[code], "little")
    return head + _encode_objects(block, prefix)


def _encode_objects(block: ObjectBlock, prefix: int) -> bytes:
    if block.records is not None:
        return _encode_records(block, block.records, prefix)
    if block.strings is not None:
        before = _prefixes(block, block.strings, prefix)
        return b"".join(length + string for length, string in zip(before, block.strings, strict=True))
    if block.states is not None:
        kind = block.type
        if kind is None or kind.packing is Packing.BITS:
            return np.packbits(block.states, bitorder="little").tobytes()
        padded = np.zeros(-(-len(block.states) // 4) * 4, np.uint8)
        padded[: len(block.states)] = block.states
        octets: npt.NDArray[np.uint8] = (padded.reshape(-1, 4) << _PAIR_SHIFTS).sum(1, dtype=np.uint8)
        return octets.tobytes()
    return b"" if block.indexes is None else block.indexes.astype(f"<u{prefix}").tobytes()


def _prefixes(block: ObjectBlock, strings: tuple[bytes, ...], octets: int) -> list[bytes]:
    if block.qualifier >> 4 >= 4:
        return [len(string).to_bytes(octets, "little") for string in strings]
    if block.indexes is None:
        return [b""] * len(strings)
    return [index.to_bytes(octets, "little") for index in block.indexes.tolist()]


def _encode_records(block: ObjectBlock, records: Records, prefix: int) -> bytes:
    kind = block.type
    assert kind is not None
    assert kind.dtype is not None
    if not prefix:
        return records.astype(kind.dtype, copy=False).tobytes()
    assert block.indexes is not None
    index, record = prefixed(kind.dtype, prefix)
    octets = bytearray(len(records) * record.itemsize)
    np.frombuffer(octets, index)["index"] = block.indexes
    target = np.frombuffer(octets, record)
    for name in kind.dtype.names or ():
        target[name] = records[name]
    return bytes(octets)


def _check(is_right: bool, message: str) -> None:
    if not is_right:
        raise LocalError(message)
