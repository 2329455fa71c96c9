"""Whole images decoded at once, against values decoded one by one."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.config.modbus import REGISTERS
from tieline.model import Quality
from tieline.protocols.modbus import plan_reads, split_block

from .rows import Memory, fill, in_row_order, make_image, make_row

GOOD = Quality.GOOD
INVALID = Quality.INVALID | GOOD
FORMATS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f", "float64": "d"}
ORDERS = ["ABCD", "CDAB", "BADC", "DCBA"]

# The bytes of 0102..., most significant first, as the orders put them on the wire.
LAYOUTS = {
    ("int16", "ABCD"): "0102",
    ("int16", "CDAB"): "0102",
    ("int16", "BADC"): "0201",
    ("int16", "DCBA"): "0201",
    ("int32", "ABCD"): "01020304",
    ("int32", "CDAB"): "03040102",
    ("int32", "BADC"): "02010403",
    ("int32", "DCBA"): "04030201",
    ("int64", "ABCD"): "0102030405060708",
    ("int64", "CDAB"): "0708050603040102",
    ("int64", "BADC"): "0201040306050807",
    ("int64", "DCBA"): "0807060504030201",
}


def reference(row, memory: Memory) -> float:
    """One value, decoded the slow and obvious way."""
    function = {"coil": 1, "discrete_input": 2, "holding_register": 3, "input_register": 4}[row.table]
    if function <= 2:
        return sum(int(memory.bits[function][row.address + bit]) << bit for bit in range(row.bits)) * row.scale + row.offset
    words = [int(word) for word in memory.registers[function][row.address : row.address + row.length]]
    if row.word_order in {"CDAB", "DCBA"}:
        words.reverse()
    if row.word_order in {"BADC", "DCBA"}:
        words = [word >> 8 | (word & 255) << 8 for word in words]
    if row.type == "bits":
        return ((words[0] >> row.bit) & ((1 << row.bits) - 1)) * row.scale + row.offset
    (raw,) = struct.unpack(">" + FORMATS[row.type], b"".join(struct.pack(">H", word) for word in words))
    return float(raw) * row.scale + row.offset


@pytest.mark.parametrize(("kind", "order"), LAYOUTS)
def test_every_word_order_puts_the_bytes_where_its_letters_say(kind, order):
    image = make_image([make_row(type=kind, word_order=order)])
    image.store(0, bytes.fromhex(LAYOUTS[kind, order]), 5)
    samples = image.samples()
    assert samples.value.tolist() == [float(int.from_bytes(bytes(range(1, 2 * REGISTERS[kind] + 1)), "big"))]
    assert samples.time.tolist() == [5]


scales = st.sampled_from([1.0, 0.1, -2.5, 1e6])
register_rows = st.builds(
    lambda table, address, kind, order, scale, offset: make_row(
        table=table, address=address, type=kind, word_order=order, scale=scale, offset=offset
    ),
    st.sampled_from(["holding_register", "input_register"]),
    st.integers(0, 400),
    st.sampled_from(list(FORMATS)),
    st.sampled_from(ORDERS),
    scales,
    st.sampled_from([0.0, 40.0, -0.5]),
)
bit_field_rows = st.builds(
    lambda address, place, order: make_row(address=address, type="bits", bit=place[0], bits=place[1], word_order=order),
    st.integers(0, 400),
    st.integers(0, 15).flatmap(lambda bit: st.tuples(st.just(bit), st.integers(1, 16 - bit))),
    st.sampled_from(ORDERS),
)
coil_rows = st.builds(
    lambda table, address, bits: make_row(table=table, address=address, bits=bits, kind="control"),
    st.sampled_from(["coil", "discrete_input"]),
    st.integers(0, 4000),
    st.integers(1, 16),
)
any_rows = st.lists(st.one_of(register_rows, bit_field_rows, coil_rows), min_size=1, max_size=40)


@given(any_rows, st.integers(0, 2**32), st.integers(4, 125), st.integers(16, 2000), st.integers(0, 124))
def test_an_image_gives_what_decoding_value_by_value_gives(rows, seed, max_registers, max_bits, max_gap):
    memory = Memory(seed)
    image = make_image(rows, max_registers=max_registers, max_bits=max_bits, max_gap=max_gap)
    fill(image, memory, time_us=123)
    samples = image.samples()
    expected = np.array([reference(row, memory) for row in rows])
    assert samples.point.tolist() == image.order
    np.testing.assert_array_equal(in_row_order(image, samples.value), expected)
    assert (samples.time == 123).all()
    for row, value, quality in zip(rows, expected, in_row_order(image, samples.quality), strict=True):
        if math.isnan(value):
            assert quality == INVALID | Quality.FAILURE
        elif math.isinf(value):
            assert quality == INVALID | Quality.OVERFLOW
        elif row.type in {"int64", "uint64"} and abs((value - row.offset) / row.scale) > 2**53:
            assert quality == Quality.QUESTIONABLE | Quality.INACCURATE | GOOD
        else:
            assert quality == GOOD


@given(any_rows, st.data())
def test_a_failed_block_marks_its_points_keeps_their_values_and_touches_no_others(rows, data):
    image = make_image(rows, max_gap=0)
    old, new = Memory(1), Memory(2)
    fill(image, old, time_us=1)
    before = in_row_order(image, image.samples().value)
    failed = data.draw(st.sets(st.integers(0, len(image.blocks) - 1)))
    fill(image, new, time_us=2)
    fill(image, old, time_us=1)
    for number, block in enumerate(image.blocks):
        if number in failed:
            image.fail(number, Quality.INVALID | Quality.OLD_DATA, 2)
        else:
            image.store(number, block.request.payload(new.answer(block.request.pdu)), 2)
    samples = image.samples()
    quality, value = in_row_order(image, samples.quality), in_row_order(image, samples.value)
    assert (samples.time == 2).all()
    for number, block in enumerate(image.blocks):
        for index in block.rows:
            if number in failed:
                assert quality[index] == INVALID | Quality.OLD_DATA
                np.testing.assert_equal(value[index], before[index])
            else:
                assert quality[index] != INVALID | Quality.OLD_DATA
                np.testing.assert_equal(value[index], reference(rows[index], new))


@pytest.mark.parametrize(
    ("columns", "data", "value", "quality"),
    [
        ({"type": "float32"}, "7FC00000", math.nan, INVALID | Quality.FAILURE),
        ({"type": "float32"}, "7F800001", math.nan, INVALID | Quality.FAILURE),  # signaling
        ({"type": "float32", "word_order": "DCBA"}, "0000C0FF", math.nan, INVALID | Quality.FAILURE),
        ({"type": "float32"}, "FF800000", -math.inf, INVALID | Quality.OVERFLOW),
        ({"type": "float64"}, "7FF0000000000000", math.inf, INVALID | Quality.OVERFLOW),
        ({"type": "float64", "scale": 1e10}, "7FEFFFFFFFFFFFFF", math.inf, INVALID | Quality.OVERFLOW),
        ({"type": "float64"}, "7FEFFFFFFFFFFFFF", 1.7976931348623157e308, GOOD),
        ({"type": "uint64"}, "0020000000000000", 2.0**53, GOOD),
        ({"type": "uint64"}, "0020000000000002", 2.0**53 + 2, Quality.QUESTIONABLE | Quality.INACCURATE | GOOD),
        ({"type": "int64"}, "8000000000000000", -(2.0**63), Quality.QUESTIONABLE | Quality.INACCURATE | GOOD),
        ({"type": "int64", "scale": 0.001}, "FFFFFFFFFFFFFFFF", -0.001, GOOD),
    ],
)
def test_a_value_says_what_it_is_worth(columns, data, value, quality):
    image = make_image([make_row(**columns), make_row(address=10)])
    image.store(0, bytes.fromhex(data).ljust(22, b"\0"), 1)
    samples = image.samples()
    np.testing.assert_equal(in_row_order(image, samples.value).tolist(), [value, 0])
    assert in_row_order(image, samples.quality).tolist() == [quality, GOOD]


def test_a_stale_value_is_as_bad_as_its_block_whatever_it_was_worth_before():
    image = make_image([make_row(type="uint64")])
    image.store(0, b"\xff" * 8, 1)
    image.fail(0, Quality.INVALID | Quality.OLD_DATA, 2)
    assert image.samples().quality.tolist() == [INVALID | Quality.OLD_DATA]


def test_what_was_never_read_is_not_a_number_and_old():
    image = make_image([make_row(type="int32"), make_row(table="coil", kind="binary")])
    samples = image.samples()
    assert np.isnan(samples.value).all()
    assert (samples.quality == INVALID | Quality.OLD_DATA).all()
    image.store(0, b"\x01", 1)
    assert np.isnan(image.samples().value).tolist() == [True, False]


@given(any_rows, st.integers(0, 2**32))
def test_reading_by_other_blocks_keeps_values_and_qualities(rows, seed):
    image = make_image(rows, max_gap=124)
    fill(image, Memory(seed), time_us=7)
    image.fail(len(image.blocks) - 1, Quality.INVALID | Quality.FAILURE, 8)
    pieces = [piece for block in image.blocks for piece in split_block(rows, block)]
    for blocks in (pieces, plan_reads(rows, max_registers=125, max_bits=2000, max_gap=0)):
        other = image.with_blocks(blocks)
        np.testing.assert_array_equal(other.samples().value, image.samples().value)
        np.testing.assert_array_equal(other.samples().quality, image.samples().quality)
        np.testing.assert_array_equal(other.samples().point, image.samples().point)
        np.testing.assert_array_equal(other.with_blocks(image.blocks).samples().value, image.samples().value)


def test_the_ids_are_the_same_array_in_every_cycle_and_values_never_are():
    image = make_image([make_row(), make_row(address=1)])
    fill(image, Memory(1))
    first = image.samples()
    value = first.value.copy()
    fill(image, Memory(2))
    second = image.samples()
    assert first.point is second.point
    assert first.value is not second.value
    np.testing.assert_array_equal(first.value, value)
    with pytest.raises(ValueError, match="read-only"):
        first.point[0] = 1


def test_a_double_point_of_two_coils_has_its_low_bit_first():
    image = make_image([make_row(table="coil", kind="double", bits=2, address=address) for address in (0, 2, 4, 6)])
    image.store(0, bytes((0b11_10_01_00,)), 1)
    assert image.samples().value.tolist() == [0, 1, 2, 3]


def test_an_image_without_rows_gives_no_samples():
    image = make_image([])
    assert len(image) == len(image.samples()) == 0
