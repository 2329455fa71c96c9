"""Every object type with every qualifier that it may have, filled by chance; and what it means for two blocks to be the same."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import strategies as st

from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock
from tieline.protocols.dnp3.objects import KNOWN_TYPES, ObjectType, Packing, object_type

RANGES = {0x00: 0xFF, 0x01: 0xFFFF, 0x02: 0xFFFFFFFF}
"""Qualifiers with a start and a stop, and the highest index of each."""
COUNTS = {0x07: 0xFF, 0x08: 0xFFFF, 0x09: 0xFFFFFFFF}
INDEXED = {0x10 * (place + 1) + code: limit for place, limit in enumerate(RANGES.values()) for code in COUNTS}
"""Qualifiers with an index before each object, and the highest index of each."""
SIZED = {0x4B: 0xFF, 0x5B: 0xFFFF, 0x6B: 0xFFFFFFFF}

OTHERS = [
    (110, 1),
    (110, 255),
    (111, 7),
    (112, 3),
    (113, 9),
    (0, 1),
    (0, 240),
    (0, 255),
    (70, 5),
    (83, 1),
    (120, 1),
    (60, 1),
    (60, 4),
]
"""Types whose size does not follow from group and variation."""


def _type(group: int, variation: int) -> ObjectType:
    found = object_type(group, variation)
    assert found is not None, (group, variation)
    return found


TYPES: list[ObjectType] = [_type(*numbers) for numbers in (*KNOWN_TYPES, *OTHERS)]
RECORD_TYPES = [kind for kind in TYPES if kind.packing is Packing.RECORDS]


def qualifiers(kind: ObjectType) -> list[int]:
    """What a response may have it behind."""
    match kind.packing:
        case Packing.NOTHING:
            return [0x06, *COUNTS]
        case Packing.FREE:
            return list(SIZED)
        case Packing.BITS | Packing.PAIRS:
            return [*RANGES, *COUNTS]
        case _:
            return [*RANGES, *COUNTS, *INDEXED, *SIZED]


def objects(chance: random.Random, kind: ObjectType, count: int) -> dict[str, object]:
    """So many objects of any value, as `ObjectBlock` takes them."""
    match kind.packing:
        case Packing.RECORDS:
            assert kind.dtype is not None
            return {"records": np.frombuffer(chance.randbytes(count * kind.dtype.itemsize), kind.dtype)}
        case Packing.BITS | Packing.PAIRS:
            limit = 2 if kind.packing is Packing.BITS else 4
            return {"states": np.array([chance.randrange(limit) for _ in range(count)], np.uint8)}
        case Packing.STRINGS:
            return {"strings": tuple(chance.randbytes(kind.variation) for _ in range(count))}
        case Packing.ATTRIBUTES:
            return {"strings": tuple(_attribute(chance) for _ in range(count))}
        case Packing.FREE:
            return {"strings": tuple(chance.randbytes(chance.choice([0, 1, 40])) for _ in range(count))}
        case _:
            return {}


def _attribute(chance: random.Random) -> bytes:
    kind, length = chance.choice([1, 2, 254, 255]), chance.choice([0, 1, 17])
    return bytes((kind, length)) + chance.randbytes(length + (256 if kind == 255 else 0))


def block(chance: random.Random, kind: ObjectType, qualifier: int, count: int) -> ObjectBlock:
    """One block as `parse_fragment` would give it."""
    numbers = kind.group, kind.variation, qualifier
    if qualifier == 0x06:
        return ObjectBlock(*numbers, 0)
    if qualifier in SIZED:
        strings = tuple(chance.randbytes(chance.choice([0, 1, 40])) for _ in range(count))
        return ObjectBlock(*numbers, count, strings=strings)
    found = objects(chance, kind, count)
    if qualifier in RANGES:
        start = chance.choice([0, 1, RANGES[qualifier] - count + 1])
        return ObjectBlock(*numbers, count, start=start, **found)  # type: ignore[arg-type]
    if qualifier in INDEXED:
        limit = INDEXED[qualifier]
        indexes = np.array([chance.choice([0, limit, chance.randint(0, limit)]) for _ in range(count)], np.uint32)
        return ObjectBlock(*numbers, count, indexes=indexes, **found)  # type: ignore[arg-type]
    return ObjectBlock(*numbers, count, **found)  # type: ignore[arg-type]


@st.composite
def blocks(draw: st.DrawFn) -> ObjectBlock:
    """Any block of a response."""
    kind = draw(st.sampled_from(TYPES))
    qualifier = draw(st.sampled_from(qualifiers(kind)))
    count = draw(st.integers(1 if qualifier in RANGES else 0, 12))
    return block(random.Random(draw(st.integers(0, 1 << 32))), kind, qualifier, count)


controls = st.integers(0, 255).map(Control.of)
iins = st.integers(0, 0xFFFF).map(IIN)
responses = st.tuples(
    controls, st.sampled_from([Function.RESPONSE, Function.UNSOLICITED_RESPONSE]), st.lists(blocks(), max_size=6), iins
)


def is_same(one: ObjectBlock, other: ObjectBlock) -> bool:
    """Whether two blocks have the same header, and the same objects to the bit."""
    return (
        (one.group, one.variation, one.qualifier, one.count, one.start, one.strings)
        == (other.group, other.variation, other.qualifier, other.count, other.start, other.strings)
        and _octets(one.indexes) == _octets(other.indexes)
        and _octets(one.states) == _octets(other.states)
        and _fields(one) == _fields(other)
    )


def _octets(column: np.ndarray | None) -> bytes | None:
    return None if column is None else column.tobytes()


def _fields(found: ObjectBlock) -> dict[str, bytes] | None:
    if found.records is None:
        return None
    assert found.records.dtype.names is not None
    return {name: found.records[name].tobytes() for name in found.records.dtype.names}
