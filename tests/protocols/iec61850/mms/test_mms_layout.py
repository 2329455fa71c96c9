"""Columns out of octets, with the encodings and decodings of open61850 beside them."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open61850 import data as peer

from tieline.model import STATUS, RemoteError
from tieline.protocols.iec61850.mms.layout import Columns, Leaf, Member, Part, Plan

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALUE, QUALITY, TIME = (
    lambda row: (Leaf(row, Part.VALUE),),
    lambda row: (Leaf(row, Part.QUALITY),),
    lambda row: (Leaf(row, Part.TIME),),
)


def measured(row: int) -> Member:
    """`{mag{f}, q, t}`."""
    return Member((VALUE(row), QUALITY(row), TIME(row)))


def encode(number: peer.IECData, quality: int, time_us: int, time_quality: int) -> bytes:
    """As a device does: the bits of the quality in the order of their numbers."""
    wire = sum(1 << (15 - bit) for bit in range(13) if quality >> bit & 1)
    stamp = peer.TimestampData(EPOCH + timedelta(microseconds=time_us), time_quality)
    parts = [peer.StructureData([number]), peer.BitStringData(wire.to_bytes(2, "big"), 3), stamp]
    return peer.encode_data(peer.StructureData(parts))


def all_of(count: int) -> np.ndarray:
    return np.arange(count)


def single(member: Member, body: bytes) -> Columns:
    return Plan([member]).decode(body, all_of(1))


NUMBERS = st.one_of(
    st.floats(width=32).map(lambda each: (peer.FloatData(each), each)),
    st.floats().map(lambda each: (peer.FloatData(each, double=True), each)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda each: (peer.IntData(each), float(each))),
    st.integers(0, (1 << 64) - 1).map(lambda each: (peer.UIntData(each), float(each))),
    st.booleans().map(lambda each: (peer.BoolData(each), float(each))),
    st.integers(0, 3).map(lambda each: (peer.BitStringData(bytes([each << 6]), 6), float(each))),
)
MEMBERS = st.tuples(NUMBERS, st.integers(0, STATUS), st.integers(0, (1 << 32) * 1_000_000 - 1), st.integers(0, 255))


@given(st.lists(MEMBERS, min_size=1, max_size=12), st.integers(0, 3))
def test_values_qualities_and_times_are_what_was_encoded(members: list, turns: int) -> None:
    plan = Plan([measured(row) for row in range(len(members))])
    body = b"".join(encode(number, quality, time_us, octet) for (number, _), quality, time_us, octet in members)
    for _ in range(turns + 1):  # walked the first time, gathered after that
        columns = plan.decode(body, all_of(len(members)))
        found = dict(zip(columns.value_row.tolist(), columns.value.tolist(), strict=True))
        for row, ((_, expected), quality, time_us, octet) in enumerate(members):
            assert found[row] == expected or (math.isnan(found[row]) and math.isnan(expected))
            assert columns.quality[columns.quality_row == row].tolist() == [quality]
            assert abs(int(columns.time_us[columns.time_row == row][0]) - time_us) <= 1
            assert columns.time_quality[columns.time_row == row].tolist() == [octet]


def test_a_report_that_looks_the_same_but_for_one_length_is_walked_again() -> None:
    plan = Plan([measured(0), measured(1)])
    first = encode(peer.IntData(1), 0, 5, 0) + encode(peer.IntData(300), 0, 5, 0)
    second = encode(peer.IntData(300), 0, 5, 0) + encode(peer.IntData(1), 0, 5, 0)
    assert len(first) == len(second)
    for body, expected in ((first, [1, 300]), (second, [300, 1]), (first, [1, 300])):
        columns = plan.decode(body, all_of(2))
        assert columns.value[np.argsort(columns.value_row)].tolist() == expected


def test_members_that_share_a_quality_and_a_time_all_get_them() -> None:
    member = Member((VALUE(0), VALUE(1), QUALITY(0) + QUALITY(1), TIME(0) + TIME(1)))
    values = peer.StructureData([peer.FloatData(1.5), peer.FloatData(-30.0)])
    stamp = peer.TimestampData(EPOCH + timedelta(seconds=7))
    columns = single(member, peer.encode_data(peer.StructureData([values, peer.BitStringData(b"\x40\x00", 3), stamp])))
    assert columns.value.tolist() == [1.5, -30.0]
    assert columns.quality.tolist() == [2, 2]
    assert columns.time_us.tolist() == [7_000_000, 7_000_000]


def test_text_where_a_number_was_expected_is_no_number() -> None:
    columns = single(Member((VALUE(0),)), peer.encode_data(peer.VisibleStringData("on")))
    assert np.isnan(columns.value).tolist() == [True]


def test_a_member_that_cannot_be_accessed_and_one_of_another_shape_are_named_and_the_rest_is_good() -> None:
    plan = Plan([measured(0), measured(1), measured(2)])
    body = b"\x80\x01\x0a" + peer.encode_data(peer.BoolData(True)) + encode(peer.FloatData(2.0), 0, 1, 0)
    columns = plan.decode(body, all_of(3))
    assert columns.denied == ((0, 10),)
    assert columns.misshapen == (1,)
    assert columns.value_row.tolist() == [2]


def test_reasons_belong_to_the_rows_of_their_members() -> None:
    plan = Plan([measured(0), measured(1), measured(2)])
    body = encode(peer.FloatData(1.0), 0, 1, 0) + encode(peer.FloatData(2.0), 0, 1, 0)
    body += peer.encode_data(peer.BitStringData(b"\x40", 1)) + peer.encode_data(peer.BitStringData(b"\x04", 1))
    columns = plan.decode(body, np.array([0, 2]), has_reasons=True)
    assert columns.reason_row is not None
    assert columns.reason is not None
    assert dict(zip(columns.reason_row.tolist(), columns.reason.tolist(), strict=True)) == {0: 0x40, 2: 0x04}


@pytest.mark.parametrize("count", [1, 3])
def test_a_body_of_more_or_fewer_parts_than_it_says_is_an_error(count: int) -> None:
    body = encode(peer.FloatData(1.0), 0, 1, 0) * 2
    with pytest.raises(RemoteError, match="parts"):
        Plan([measured(row) for row in range(3)]).decode(body, all_of(count))


def test_layouts_that_are_remembered_are_bounded() -> None:
    plan = Plan([measured(row) for row in range(200)])
    body = encode(peer.FloatData(1.0), 0, 1, 0)
    for row in range(200):
        plan.decode(body, np.array([row]))
    assert len(plan._layouts) <= 64


def test_damaged_bodies_give_columns_or_an_error_and_nothing_else() -> None:
    generator = random.Random(61850)
    plan = Plan([measured(row) for row in range(6)])
    numbers = [
        peer.FloatData(1.0),
        peer.IntData(-7),
        peer.BoolData(True),
        peer.UIntData(9),
        peer.BitStringData(b"\x80", 6),
        peer.FloatData(2.0),
    ]
    body = b"".join(encode(number, 3, 1_700_000_000_000_000, 0x2A) for number in numbers)
    errors = 0
    for _ in range(20_000):
        damaged = bytearray(body)
        for _ in range(generator.randrange(1, 5)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        if generator.random() < 0.2:
            del damaged[generator.randrange(len(damaged)) :]
        try:
            columns = plan.decode(bytes(damaged), all_of(6))
        except RemoteError:
            errors += 1
            continue
        assert len(columns.value) == len(columns.value_row)
        assert len(columns.quality) == len(columns.quality_row)
        assert len(columns.time_us) == len(columns.time_row) == len(columns.time_quality)
    assert 0 < errors < 20_000


def test_what_is_a_number_does_not_depend_on_what_came_before() -> None:
    sound, too_large = bytes([0x86, 9, *bytes(8), 5]), bytes([0x86, 9, 1, *bytes(7), 5])
    padded, senseless = b"\x84\x02\x06\x80", b"\x84\x02\x0b\x80"
    for good, bad, number in ((sound, too_large, 5.0), (padded, senseless, 2.0)):
        plan = Plan([Member((VALUE(0),))])
        numbers = [float(plan.decode(body, all_of(1)).value[0]) for body in (good, bad, good, bad)]
        assert numbers[::2] == [number, number]
        assert all(map(math.isnan, numbers[1::2]))


def test_a_signaling_nan_is_no_number_and_no_complaint() -> None:
    for body in (b"\x87\x05\x08\x7f\xa0\x00\x01", b"\x87\x09\x0b\x7f\xf4" + bytes(5) + b"\x01"):
        assert math.isnan(single(Member((VALUE(0),)), body).value[0])
