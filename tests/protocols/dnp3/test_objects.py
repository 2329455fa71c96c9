"""The object table against annex A, and against two implementations that nobody here wrote."""

from __future__ import annotations

import random

import numpy as np
import pytest
from dnp3.objects import registry
from dnp3.objects.layout import LAYOUTS as DNP3PY
from dnp3.objects.layout import TimeKind, ValueCodec
from hypothesis import given
from hypothesis import strategies as st
from py1815 import decode as py1815

from tieline.protocols.dnp3.objects import KNOWN_TYPES, Packing, object_type, prefixed, set_times_ms, times_ms

# IEEE 1815-2012, annex A: octets of one object by group, in the order of the variations from 1 on; None: packed, or there is none.
SIZES = {
    1: [None, 1],
    2: [1, 7, 3],
    3: [None, 1],
    4: [1, 7, 3],
    10: [None, 1],
    11: [1, 7],
    12: [11, 11, None],
    13: [1, 7],
    20: [5, 3, 5, 3, 4, 2, 4, 2],
    21: [5, 3, 5, 3, 11, 9, 11, 9, 4, 2, 4, 2],
    22: [5, 3, 5, 3, 11, 9, 11, 9],
    23: [5, 3, 5, 3, 11, 9, 11, 9],
    30: [5, 3, 4, 2, 5, 9],
    31: [5, 3, 11, 9, 4, 2, 5, 9],
    32: [5, 3, 11, 9, 5, 9, 11, 15],
    33: [5, 3, 11, 9, 5, 9, 11, 15],
    34: [2, 4, 4],
    40: [5, 3, 5, 9],
    41: [5, 3, 5, 9],
    42: [5, 3, 11, 9, 5, 9, 11, 15],
    43: [5, 3, 11, 9, 5, 9, 11, 15],
    50: [6, 10, 6, 11],
    51: [6, 6],
    52: [2, 2],
    80: [None],
    81: [3],
    86: [None, 1],
    101: [2, 4, 8],
    102: [1],
    120: [None, None, 6, 2],
    121: [7],
    122: [7, 13],
}
KINDS = {ValueCodec.INT: "i", ValueCodec.UINT: "u", ValueCodec.FLOAT32: "f", ValueCodec.FLOAT64: "f"}


def dtype_of(group, variation):
    kind = object_type(group, variation)
    assert kind is not None
    assert kind.packing is Packing.RECORDS
    assert kind.dtype is not None
    return kind.dtype


def test_the_table_holds_the_variations_and_sizes_of_annex_a_and_no_others():
    wanted = {(group, place): size for group, sizes in SIZES.items() for place, size in enumerate(sizes, 1) if size is not None}
    found = {numbers: kind.dtype.itemsize for numbers in KNOWN_TYPES if (kind := object_type(*numbers)) and kind.dtype}
    assert found == wanted


def test_single_bits_and_pairs_are_packed_and_nothing_else_is():
    packed = {numbers: kind.packing for numbers in KNOWN_TYPES if (kind := object_type(*numbers)) and not kind.dtype}
    bits = dict.fromkeys([(1, 1), (10, 1), (12, 3), (80, 1)], Packing.BITS)
    assert packed == bits | {(3, 1): Packing.PAIRS}


@pytest.mark.parametrize(
    ("group", "variation", "fields"),
    [
        (2, 3, ["flags", "relative"]),
        (12, 1, ["code", "count", "on_ms", "off_ms", "status"]),
        (22, 6, ["flags", "value", "time_low", "time_high"]),
        (32, 8, ["flags", "value", "time_low", "time_high"]),
        (41, 4, ["value", "status"]),
        (43, 4, ["status", "value", "time_low", "time_high"]),
        (50, 4, ["time_low", "time_high", "interval", "units"]),
        (81, 1, ["fill", "group", "variation"]),
        (122, 2, ["flags", "association", "value", "time_low", "time_high"]),
    ],
)
def test_fields_stand_in_the_order_of_annex_a(group, variation, fields):
    dtype = dtype_of(group, variation)
    assert list(dtype.names) == fields
    offsets = [dtype.fields[name][1] for name in fields]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("numbers", sorted(DNP3PY), ids=lambda numbers: "g{}v{}".format(*numbers))
def test_every_layout_of_dnp3py_is_ours(numbers):
    theirs, kind = DNP3PY[numbers], object_type(*numbers)
    assert kind is not None
    if theirs.is_packed:
        assert [kind.octets(count) for count in range(20)] == [(count * theirs.bits_per_point + 7) // 8 for count in range(20)]
        return
    assert kind.octets(7) == 7 * theirs.width
    if theirs.codec in KINDS and kind.group not in {50, 51}:
        assert (kind.has_flags, kind.has_time) == (theirs.has_flags, theirs.time is TimeKind.ABSOLUTE)
        assert kind.dtype["value"].kind == KINDS[theirs.codec]
    if theirs.codec is ValueCodec.FLAG_STATE:
        assert (kind.has_flags, kind.has_relative_time) == (True, theirs.time is TimeKind.RELATIVE)


@pytest.mark.parametrize("numbers", registry.get_registered(), ids=lambda numbers: "g{}v{}".format(*numbers))
def test_every_object_of_dnp3py_says_the_same_as_ours(numbers):
    peer, kind = registry.lookup(*numbers), object_type(*numbers)
    assert kind is not None
    if kind.dtype is None or peer.size() is None:
        return
    chance = random.Random(7)
    assert peer.size() == kind.dtype.itemsize
    for _ in range(30):
        octets = chance.randbytes(peer.size())
        ours = np.frombuffer(octets, kind.dtype)[0]
        try:
            theirs = peer.from_bytes(octets)
        except ValueError:  # a status or an operation that it has no name for
            continue
        if hasattr(theirs, "timestamp"):
            assert theirs.timestamp.milliseconds == times_ms(np.frombuffer(octets, kind.dtype))[0]
        if hasattr(theirs, "quality"):
            assert int(theirs.quality) in {ours["flags"], ours["flags"] & 0x7F}
        if hasattr(theirs, "value") and "value" in kind.dtype.names:
            np.testing.assert_equal(float(theirs.value), float(ours["value"]))


@pytest.mark.parametrize("numbers", sorted(py1815.LAYOUTS), ids=lambda numbers: "g{}v{}".format(*numbers))
def test_every_layout_of_py1815_is_ours(numbers):
    theirs, kind = py1815.LAYOUTS[numbers], object_type(*numbers)
    assert kind is not None
    assert kind.packing is (Packing.BITS if theirs.packed else Packing.RECORDS)
    if not theirs.packed:
        assert kind.octets(3) == 3 * theirs.size


@pytest.mark.parametrize("numbers", [(0, 0), (0, 254), (1, 0), (1, 3), (60, 0), (60, 5), (70, 0), (110, 0), (114, 1), (255, 255)])
def test_what_annex_a_does_not_have_is_unknown(numbers):
    assert object_type(*numbers) is None


@pytest.mark.parametrize(
    ("numbers", "packing"),
    [
        ((0, 1), Packing.ATTRIBUTES),
        ((0, 255), Packing.ATTRIBUTES),
        ((60, 1), Packing.NOTHING),
        ((70, 5), Packing.FREE),
        ((82, 1), Packing.FREE),
        ((86, 1), Packing.FREE),
        ((120, 1), Packing.FREE),
        ((110, 3), Packing.STRINGS),
        ((113, 255), Packing.STRINGS),
    ],
)
def test_what_has_no_size_of_its_own_says_how_it_is_packed(numbers, packing):
    kind = object_type(*numbers)
    assert kind is not None
    assert kind.packing is packing
    assert kind.octets(2) == (2 * numbers[1] if packing is Packing.STRINGS else 0)
    with pytest.raises(TypeError, match=f"g{numbers[0]}v{numbers[1]} is not made of records"):
        kind.zeros(1)


@given(st.lists(st.integers(0, (1 << 48) - 1), min_size=1))
def test_times_of_48_bits_come_back(times):
    records = np.zeros(len(times), dtype_of(2, 2))
    set_times_ms(records, np.array(times, np.int64))
    assert times_ms(records).tolist() == times
    assert records.tobytes() == b"".join(b"\0" + time.to_bytes(6, "little") for time in times)


def test_times_beyond_48_bits_stop_at_their_ends():
    records = np.zeros(3, dtype_of(50, 1))
    set_times_ms(records, np.array([-1, 1 << 48, np.iinfo(np.int64).max]))
    assert times_ms(records).tolist() == [0, (1 << 48) - 1, (1 << 48) - 1]
    set_times_ms(records, 5)
    assert times_ms(records).tolist() == [5, 5, 5]


@pytest.mark.parametrize("octets", [1, 2, 4])
def test_an_index_moves_every_field_and_nothing_else(octets):
    plain = dtype_of(12, 1)
    index, record = prefixed(plain, octets)
    assert index.itemsize == record.itemsize == octets + plain.itemsize
    data = random.Random(1).randbytes(3 * record.itemsize)
    for place in range(3):
        start = place * record.itemsize
        assert np.frombuffer(data, index)["index"][place] == int.from_bytes(data[start : start + octets], "little")
        whole = np.frombuffer(data[start + octets : start + record.itemsize], plain)[0]
        assert np.frombuffer(data, record)[place].tolist() == whole.tolist()
