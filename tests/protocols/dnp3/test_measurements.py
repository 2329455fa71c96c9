"""Blocks to columns and back: every variation, its limits, its flags and times, and what two other stacks make of the same octets."""

from __future__ import annotations

import math
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py1815 import decode as py1815

from tests.protocols.dnp3.strategies import INDEXED, RANGES, TYPES, block
from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.measurements import (
    EVENT_VARIATIONS,
    NO_TIME,
    POINT_TYPES,
    STATIC_VARIATIONS,
    CommonTime,
    Flag,
    PointType,
    common_time,
    decode,
    encode,
)
from tieline.protocols.dnp3.objects import Packing, object_type

MEASURED = [kind for kind in TYPES if kind.group in POINT_TYPES]
NUMBERS = [kind for kind in MEASURED if POINT_TYPES[kind.group][0] is not PointType.OCTET_STRING]
BINARIES = {PointType.BINARY_INPUT, PointType.BINARY_OUTPUT_STATUS, PointType.BINARY_OUTPUT_COMMAND}
COUNTERS = {PointType.COUNTER, PointType.FROZEN_COUNTER}
COMMANDS = {PointType.BINARY_OUTPUT_COMMAND, PointType.ANALOG_OUTPUT_COMMAND}
T0_MS = 1_700_000_000_000


def is_binary(kind):
    return POINT_TYPES[kind.group][0] in BINARIES | {PointType.DOUBLE_BIT_BINARY_INPUT}


def limits(kind):
    """The lowest and the highest value that a variation holds."""
    point = POINT_TYPES[kind.group][0]
    if point in BINARIES:
        return 0.0, 1.0
    if point is PointType.DOUBLE_BIT_BINARY_INPUT:
        return 0.0, 3.0
    dtype = kind.dtype["value"]
    info = np.finfo(dtype.str) if dtype.kind == "f" else np.iinfo(dtype.str)
    return float(info.min), float(info.max)


def there_and_back(kind, value, flags=None, time_us=None, common=None):
    """What is measured at the other end."""
    value = np.asarray(value, np.float64)
    count = len(value)
    flags = np.full(count, Flag.ONLINE, np.uint8) if flags is None else np.asarray(flags, np.uint8)
    time_us = np.full(count, NO_TIME) if time_us is None else np.asarray(time_us, np.int64)
    made = encode(kind, value, flags, time_us, common_ms=common.time_ms if common else 0)
    if kind.packing is Packing.RECORDS:
        sent = ObjectBlock.indexed(kind.group, kind.variation, np.arange(count, dtype=np.uint32) + 5, records=made)
    else:
        sent = ObjectBlock.range(kind.group, kind.variation, 5, 4 + count, states=made)
    (found,) = parse_fragment(encode_fragment(Control(), Function.RESPONSE, [sent], IIN(0))).blocks
    measured = decode(found, common)
    assert measured is not None
    assert measured.index.tolist() == list(range(5, 5 + count))
    assert (measured.kind, measured.is_event) == POINT_TYPES[kind.group]
    return measured


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
@settings(max_examples=20)
@given(data=st.data())
def test_every_variation_brings_its_values_flags_and_times_back(kind, data):
    low, high = limits(kind)
    dtype = None if kind.dtype is None or is_binary(kind) else kind.dtype["value"]
    if dtype is not None and dtype.kind == "f":
        values = st.floats(low, high, width=8 * dtype.itemsize, allow_nan=False)
    else:
        values = st.integers(int(low), int(high)).map(float)
    value = data.draw(st.lists(values, min_size=1, max_size=20))
    count = len(value)
    state_bits = 0xC0 if kind.group in {3, 4} else 0x80 if is_binary(kind) else 0
    flags = [octet & ~state_bits for octet in data.draw(st.binary(min_size=count, max_size=count))]
    times = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=count, max_size=count))
    time_us = [(T0_MS + after) * 1_000 for after in times]
    found = there_and_back(kind, value, flags, time_us, CommonTime(T0_MS, is_synchronized=False))
    assert found.value.tolist() == value
    has_flags = kind.has_flags or POINT_TYPES[kind.group][0] is PointType.ANALOG_OUTPUT_COMMAND
    assert found.flags.tolist() == (flags if has_flags else [Flag.ONLINE] * count)
    has_time = kind.has_time or kind.has_relative_time
    assert found.time_us.tolist() == (time_us if has_time else [NO_TIME] * count)
    assert found.is_time_synchronized is not kind.has_relative_time


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if not is_binary(kind)], ids=str)
def test_what_a_variation_cannot_hold_saturates_and_says_so(kind):
    point = POINT_TYPES[kind.group][0]
    if point in COUNTERS:
        return
    low, high = limits(kind)
    found = there_and_back(kind, [math.inf, -math.inf, high, low], [Flag.ONLINE] * 4)
    assert found.value.tolist() == [high, low, high, low]
    if point is PointType.ANALOG_OUTPUT_COMMAND:
        assert found.flags.tolist() == [1, 1, 1, 1]
    elif kind.has_flags:
        over = Flag.ONLINE | Flag.OVER_RANGE
        assert found.flags.tolist() == [over, over, Flag.ONLINE, Flag.ONLINE]
    if kind.dtype["value"].itemsize < 8:
        assert there_and_back(kind, [high * 1.5, low * 1.5 - 1]).value.tolist() == [high, low]


@pytest.mark.parametrize("kind", [kind for kind in NUMBERS if POINT_TYPES[kind.group][0] in COUNTERS], ids=str)
@settings(max_examples=30)
@given(value=st.integers(-(2**52), 2**52))
def test_counters_are_cut_to_their_low_bits(kind, value):
    found = there_and_back(kind, [value])
    assert found.value.tolist() == [value % (1 << 8 * kind.dtype["value"].itemsize)]
    assert found.flags.tolist() == [Flag.ONLINE]


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_what_is_no_number_is_zero_and_not_online(kind):
    point = POINT_TYPES[kind.group][0]
    is_nothing = [math.nan, math.inf, -math.inf] if point in COUNTERS or is_binary(kind) else [math.nan]
    found = there_and_back(kind, [*is_nothing, 1.0], [Flag.ONLINE | Flag.RESTART] * (len(is_nothing) + 1))
    assert found.value.tolist() == [0.0] * len(is_nothing) + [1.0]
    both = Flag.ONLINE | Flag.RESTART
    if point in COMMANDS:  # a status is no flags
        assert set(found.flags.tolist()) == {both}
    elif kind.has_flags:
        assert found.flags.tolist() == [Flag.RESTART] * len(is_nothing) + [both]


@pytest.mark.parametrize(
    ("group", "variation", "most"), [(1, 1, 1), (1, 2, 1), (10, 2, 1), (13, 1, 1), (3, 1, 3), (3, 2, 3), (4, 2, 3)]
)
def test_states_are_brought_into_their_bits_and_touch_no_flag(group, variation, most):
    kind = object_type(group, variation)
    found = there_and_back(kind, [-7.0, 0.4, 0.6, 1.0, 2.0, 3.0, 1e30], [0] * 7)
    assert found.value.tolist() == [0, 0, 1, 1, min(2, most), most, most]
    if kind.has_flags:
        assert not found.flags.any()


def test_numbers_are_rounded_to_the_nearest_that_an_integer_holds():
    found = there_and_back(object_type(30, 2), [1.4, 1.6, -1.6, 32767.4, 32767.6, -32768.5])
    assert found.value.tolist() == [1, 2, -2, 32767, 32767, -32768]
    assert (found.flags & Flag.OVER_RANGE).tolist() == [0, 0, 0, 0, Flag.OVER_RANGE, 0]
    assert there_and_back(object_type(34, 1), [-1.0, 65535.7]).value.tolist() == [0, 65535]


def test_double_bit_states_are_those_of_the_standard():
    data = bytes.fromhex("C081 0000 030100 02 07 E4 01 030200 00 03 01 41 81 C1")
    packed, flagged = map(decode, parse_fragment(data).blocks)
    assert packed.value.tolist() == [0, 1, 2, 3, 1, 0]
    assert packed.index.tolist() == [2, 3, 4, 5, 6, 7]
    assert flagged.value.tolist() == [0, 1, 2, 3]
    assert flagged.flags.tolist() == [Flag.ONLINE] * 4


def test_relative_times_count_from_the_last_common_time():
    data = bytes.fromhex(
        "C182 0000 330107 01 0068E5CF8B01 020317 01 02 81 0A00 330207 01 E803E5CF8B01 020317 01 03 01 FFFF 040317 01 09 81 0000"
    )
    common, seen = None, []
    for found in parse_fragment(data).blocks:
        common = common_time(found) or common
        measured = decode(found, common)
        if measured is not None:
            seen.append((measured.index[0], measured.value[0], measured.time_us[0] // 1_000, measured.is_time_synchronized))
    first, second = 0x018BCFE56800, 0x018BCFE503E8
    assert seen == [(2, 1, first + 10, True), (3, 0, second + 0xFFFF, False), (9, 2, second, False)]


def test_a_relative_time_without_a_common_one_is_no_time():
    (found,) = parse_fragment(bytes.fromhex("C182 0000 020317 01 02 81 0A00")).blocks
    assert common_time(found) is None
    assert decode(found).time_us.tolist() == [NO_TIME]


def test_a_read_of_the_common_time_sets_none():
    (found,) = parse_fragment(bytes.fromhex("C001 330107 01")).blocks
    assert common_time(found) is None
    (found,) = parse_fragment(bytes.fromhex("C081 0000 330107 00")).blocks
    assert common_time(found) is None


def test_relative_times_stop_at_the_ends_of_their_octets():
    times = [(T0_MS - 1) * 1_000, T0_MS * 1_000 + 999, (T0_MS + 70_000) * 1_000, NO_TIME]
    found = there_and_back(object_type(2, 3), [1.0] * 4, None, times, CommonTime(T0_MS, is_synchronized=True))
    assert (found.time_us // 1_000 - T0_MS).tolist() == [0, 0, 65_535, 0]
    assert found.is_time_synchronized


def test_an_event_without_a_time_is_sent_with_that_of_1970():
    assert there_and_back(object_type(2, 2), [1.0], None, [NO_TIME]).time_us.tolist() == [0]


def test_the_latest_time_of_48_bits_fits_into_microseconds():
    data = bytes.fromhex("C081 0000 020217 01 00 81 FFFFFFFFFFFF")
    assert decode(parse_fragment(data).blocks[0]).time_us.tolist() == [((1 << 48) - 1) * 1_000]


def test_octet_strings_keep_their_octets():
    sent = [
        ObjectBlock.range(110, 3, 4, 5, strings=(b"abc", b"\0\xff\0")),
        ObjectBlock.indexed(111, 2, [9, 2], strings=(b"hi", b"ho")),
    ]
    static, events = map(decode, parse_fragment(encode_fragment(Control(), Function.RESPONSE, sent, IIN(0))).blocks)
    assert (static.index.tolist(), static.strings, static.is_event) == ([4, 5], (b"abc", b"\0\xff\0"), False)
    assert (events.index.tolist(), events.strings, events.is_event) == ([9, 2], (b"hi", b"ho"), True)
    assert np.isnan(events.value).all()
    assert len(events) == 2


@pytest.mark.parametrize(
    "body",
    [
        "3C0106",
        "320107 01 000000000000",
        "340207 01 0000",
        "0C0117 01 0A 41 01 64000000 64000000 00",
        "290217 01 05 6400 00",
        "500100 07 07 00",
        "1E055B 01 0100 61",
        "6E015B 01 0100 61",
        "010006",
        "1E0106",
        "1E0207 01 01 0000",
        "010107 08 FF",
        "6E0107 01 61",
    ],
)
def test_what_measures_nothing_or_names_no_point_gives_no_measurements(body):
    fragment = parse_fragment(bytes.fromhex("C081 0000" + body))
    assert fragment.fault is None
    assert decode(fragment.blocks[0]) is None


def test_what_a_request_names_measures_nothing():
    (found,) = parse_fragment(bytes.fromhex("C001 1E0200 00 05")).blocks
    assert decode(found) is None


def test_a_signaling_nan_is_a_value_like_any_other():
    data = bytes.fromhex("C081 0000 1E0500 00 01 01 0100A07F 01 0000C0FF 1E0600 00 00 01 010000000000F07F")
    singles, doubles = map(decode, parse_fragment(data).blocks)
    assert np.isnan(singles.value).all()
    assert np.isnan(doubles.value).all()


@pytest.mark.parametrize("numbers", [(110, 4), (12, 1), (41, 1), (50, 1), (60, 1), (80, 1)])
def test_objects_that_hold_no_numbers_are_not_encoded(numbers):
    nothing = np.zeros(1)
    with pytest.raises(LocalError, match=f"g{numbers[0]}v{numbers[1]} holds no numbers"):
        encode(object_type(*numbers), nothing, nothing.astype(np.uint8), nothing.astype(np.int64))


def test_every_variation_that_a_point_may_have_is_one_of_its_group():
    for variations, place in ((STATIC_VARIATIONS, 0), (EVENT_VARIATIONS, 1)):
        for point, numbers in variations.items():
            group = point.value[place]
            known = {kind.variation for kind in MEASURED if kind.group == group}
            # 3, 4, 7 and 8 of the counters are the obsolete delta counters (11 and 12 of the frozen ones as well).
            obsolete = ({3, 4, 7, 8, 11, 12} & known) if point in COUNTERS else set()
            assert set(numbers) == known - obsolete, point
            assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("kind", [kind for kind in MEASURED if (kind.group, kind.variation) in py1815.LAYOUTS], ids=str)
def test_py1815_measures_the_same(kind):
    chance, point = random.Random(str(kind)), POINT_TYPES[kind.group][0]
    for qualifier in (0x00, 0x01) if kind.packing is Packing.BITS else (0x00, 0x01, 0x17, 0x28):
        assert qualifier in {**RANGES, **INDEXED}
        clock = ObjectBlock.counted(51, 2, object_type(51, 2).zeros(1))
        sent = block(chance, kind, qualifier, 20)
        data = encode_fragment(Control(), Function.RESPONSE, [clock, sent], IIN(0))
        theirs = py1815.decode_objects(data[4:])
        assert theirs.complete
        before, found = parse_fragment(data).blocks
        ours = decode(found, common_time(before))
        objects = theirs.objects[1:]
        assert ours.index.tolist() == [one.index for one in objects]
        np.testing.assert_array_equal(ours.value, [float(one.value) for one in objects])
        flags = [Flag.ONLINE if one.flags is None else one.flags for one in objects]
        assert ours.flags.tolist() == flags
        times = [NO_TIME if one.time_ms is None else one.time_ms * 1_000 for one in objects]
        assert ours.time_us.tolist() == times
        assert ours.is_event is objects[0].event
        assert (point in BINARIES) is isinstance(objects[0].value, bool)
        if kind.has_relative_time:
            assert (ours.is_time_synchronized, objects[0].synchronized) == (False, False)


def test_values_stand_where_annex_a_puts_them():
    # Flags before the value, the time behind it; low octets first.
    found = there_and_back(object_type(32, 7), [1.5], [0x21], [T0_MS * 1_000])
    assert (found.value[0], found.flags[0], found.time_us[0]) == (1.5, 0x21, T0_MS * 1_000)
    made = encode(object_type(32, 7), np.array([1.5]), np.array([0x21], np.uint8), np.array([T0_MS * 1_000]))
    assert made.tobytes() == b"\x21" + struct.pack("<f", 1.5) + T0_MS.to_bytes(6, "little")
    made = encode(object_type(43, 2), np.array([-2.0]), np.array([4], np.uint8), np.array([0]))
    assert made.tobytes() == b"\x04" + struct.pack("<h", -2)
