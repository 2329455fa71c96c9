"""Fragments: golden ones, every object behind every qualifier there and back, damage, bounds, and what two other stacks read."""

from __future__ import annotations

import contextlib
import random
import tracemalloc

import numpy as np
import pytest
from dnp3.application import builder, parser
from dnp3.core.enums import FunctionCode
from hypothesis import given
from hypothesis import strategies as st
from py1815 import application as py1815
from py1815 import decode as py1815_decode
from py1815.master import requests as py1815_requests

from bench.dnp3_fuzz import fragments, link_streams
from tests.protocols.dnp3.strategies import INDEXED, OTHERS, RANGES, SIZED, TYPES, block, blocks, is_same, qualifiers, responses
from tieline.model import LocalError, RemoteError
from tieline.protocols.dnp3.application import (
    IIN,
    Control,
    Function,
    ObjectBlock,
    encode_block,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.measurements import decode
from tieline.protocols.dnp3.objects import KNOWN_TYPES, Packing, object_type

# What goes over the wire in the procedures of IEEE 1815-2012: the class polls of 5.4.2 and start-up of 5.1, time synchronization of
# 10.3, freezes of 5.4.6, select and operate of 4.4.4, events with a common time of occurrence of A.24.
GOLDEN = [
    ("C0 00", Function.CONFIRM, []),
    ("D3 00", Function.CONFIRM, []),
    ("C0 01 3C0206 3C0306 3C0406 3C0106", Function.READ, ["g60v2", "g60v3", "g60v4", "g60v1"]),
    ("C1 01 3C0207 0A 3C0308 0001", Function.READ, ["g60v2", "g60v3"]),
    ("C2 01 1E0000 00 09 010001 0000 FF03", Function.READ, ["g30v0", "g1v0"]),
    ("C3 01 1E0017 02 01 05 010028 0100 2C01", Function.READ, ["g30v0", "g1v0"]),
    ("C4 01 320107 01", Function.READ, ["g50v1"]),
    ("C5 01 00FE00 00 00 00FF06", Function.READ, ["g0v254", "g0v255"]),
    ("C6 02 500100 07 07 00", Function.WRITE, ["g80v1"]),
    ("C7 18", Function.RECORD_CURRENT_TIME, []),
    ("C8 02 320307 01 0B0C0D0E0F01", Function.WRITE, ["g50v3"]),
    ("C9 17", Function.DELAY_MEASURE, []),
    ("CA 02 320107 01 0B0C0D0E0F01", Function.WRITE, ["g50v1"]),
    ("CB 14 3C0206 3C0306 3C0406", Function.ENABLE_UNSOLICITED, ["g60v2", "g60v3", "g60v4"]),
    ("CC 15 3C0206 3C0306 3C0406", Function.DISABLE_UNSOLICITED, ["g60v2", "g60v3", "g60v4"]),
    ("CD 16 3C0206 010006 3C0306 1E0028 0100 0700", Function.ASSIGN_CLASS, ["g60v2", "g1v0", "g60v3", "g30v0"]),
    ("CE 07 140006", Function.IMMEDIATE_FREEZE, ["g20v0"]),
    ("CF 0B 320207 01 0B0C0D0E0F01 80510100 140006", Function.FREEZE_AT_TIME, ["g50v2", "g20v0"]),
    ("C0 0D", Function.COLD_RESTART, []),
    ("C3 03 0C0117 01 0A 41 01 64000000 64000000 00", Function.SELECT, ["g12v1"]),
    ("C4 04 0C0128 0100 0A00 41 01 64000000 64000000 00", Function.OPERATE, ["g12v1"]),
    ("C5 05 290228 0100 0500 6400 00", Function.DIRECT_OPERATE, ["g41v2"]),
    ("C6 06 0C0207 01 03 01 E8030000 00000000 00 0C0300 00 07 A5", Function.DIRECT_OPERATE_NO_RESPONSE, ["g12v2", "g12v3"]),
    (
        "C7 19 46035B 01 1F00 1A00 0500 000000000000 0000 00000000 00000000 0100 0004 0100 6162636465",
        Function.OPEN_FILE,
        ["g70v3"],
    ),
    ("C8 01 46055B 01 0800 01000000 00000000", Function.READ, ["g70v5"]),
    ("C9 01 780307 01 01000000 0100 3C0206 78095B 01 0400 01020304", Function.READ, ["g120v3", "g60v2", "g120v9"]),
    ("C0 81 8000", Function.RESPONSE, []),
    ("C9 81 0000 340207 01 0300", Function.RESPONSE, ["g52v2"]),
    ("F0 82 9000", Function.UNSOLICITED_RESPONSE, []),
    (
        "F1 82 0200 330107 01 0B0C0D0E0F01 020317 02 00 81 0100 03 01 FFFF",
        Function.UNSOLICITED_RESPONSE,
        ["g51v1", "g2v3"],
    ),
    ("EA 81 0E00 010100 03 0C A501 1E0501 0A00 0A00 01 0000C03F", Function.RESPONSE, ["g1v1", "g30v5"]),
]


@pytest.mark.parametrize(("octets", "function", "names"), GOLDEN)
def test_the_fragments_of_the_standards_procedures_are_read_and_written(octets, function, names):
    data = bytes.fromhex(octets)
    fragment = parse_fragment(data)
    assert fragment.fault is None
    assert (fragment.function, [str(found) for found in fragment.blocks]) == (function, names)
    assert fragment.control == Control.of(data[0])
    assert fragment.is_response == (data[1] >= 0x81)
    assert encode_fragment(fragment.control, fragment.function, fragment.blocks, fragment.iin) == data


def test_the_control_octet_is_the_one_of_the_standard():
    assert Control(first=True, final=False, confirm=True, unsolicited=False, sequence=9).octet == 0xA9
    assert [Control.of(octet).octet for octet in range(256)] == list(range(256))


def test_what_a_fragment_says_is_read_into_columns():
    data = bytes.fromhex("EA 81 0E08 010100 03 0C A501 020117 02 00 81 03 01 0D0017 0000")
    fragment = parse_fragment(data[:-5])
    assert fragment.iin == IIN.CLASS_1_EVENTS | IIN.CLASS_2_EVENTS | IIN.CLASS_3_EVENTS | IIN.EVENT_BUFFER_OVERFLOW
    bits, events = fragment.blocks
    assert bits.points.tolist() == list(range(3, 13))
    assert bits.states.tolist() == [1, 0, 1, 0, 0, 1, 0, 1, 1, 0]
    assert (events.points.tolist(), events.records["flags"].tolist()) == ([0, 3], [0x81, 0x01])


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_object_behind_every_qualifier_comes_back(kind):
    chance = random.Random(str(kind))
    for qualifier in qualifiers(kind):
        for count in (1, 2, 9, 17) if qualifier in RANGES else (0, 1, 5, 17):
            sent = block(chance, kind, qualifier, count)
            data = encode_fragment(Control(), Function.RESPONSE, [sent, ObjectBlock.all(60, 1)], IIN(0))
            fragment = parse_fragment(data)
            assert fragment.fault is None
            assert is_same(fragment.blocks[0], sent)
            assert fragment.blocks[1].names_all
            assert encode_fragment(fragment.control, fragment.function, fragment.blocks, fragment.iin) == data


@pytest.mark.parametrize("qualifier", [*RANGES, 0x06, 0x07, 0x08, 0x09, *INDEXED])
@pytest.mark.parametrize(
    "function", [Function.READ, Function.ASSIGN_CLASS, Function.IMMEDIATE_FREEZE, Function.ENABLE_UNSOLICITED]
)
def test_requests_name_objects_known_or_not_with_every_qualifier(function, qualifier):
    data = bytes((0xC0, function))
    limit = {0x00: "01FF", 0x01: "0100FFFF", 0x02: "01000000FFFFFFFF", 0x06: ""}.get(qualifier)
    for numbers in [(30, 0), (200, 9), (110, 0), (50, 1), (0, 254)]:
        data += bytes((*numbers, qualifier))
        if limit is not None:
            data += bytes.fromhex(limit)
            continue
        data += (2).to_bytes({7: 1, 8: 2, 9: 4}[qualifier & 15], "little")
        data += random.Random(1).randbytes(2 * {0: 0, 1: 1, 2: 2, 3: 4}[qualifier >> 4])
    fragment = parse_fragment(data)
    assert fragment.fault is None
    assert [found.group for found in fragment.blocks] == [30, 200, 110, 50, 0]
    assert all(found.records is None and found.strings is None for found in fragment.blocks)
    assert encode_fragment(fragment.control, fragment.function, fragment.blocks) == data


@given(responses)
def test_a_response_of_any_blocks_comes_back(response):
    control, function, sent, iin = response
    data = encode_fragment(control, function, sent, iin)
    fragment = parse_fragment(data)
    assert (fragment.control, fragment.function, fragment.iin, fragment.fault) == (control, function, iin, None)
    assert len(fragment.blocks) == len(sent)
    assert all(map(is_same, fragment.blocks, sent))
    assert encode_fragment(control, function, fragment.blocks, iin) == data


@given(responses, st.data())
def test_a_response_cut_short_is_read_up_to_the_header_that_is_cut(response, data):
    control, function, sent, iin = response
    octets = encode_fragment(control, function, sent, iin)
    cut = data.draw(st.integers(0, len(octets)))
    if cut < 4:
        with pytest.raises(FragmentError):
            parse_fragment(octets[:cut])
        return
    fragment = parse_fragment(octets[:cut])
    ends = [4]
    for one in sent:
        ends.append(ends[-1] + len(encode_block(one)))
    whole = sum(end <= cut for end in ends) - 1
    assert len(fragment.blocks) == whole
    assert all(map(is_same, fragment.blocks, sent))
    assert (fragment.fault.offset if fragment.fault else cut) == ends[whole]


@given(st.binary(max_size=300))
def test_any_octets_give_a_fragment_or_an_error(data):
    with contextlib.suppress(FragmentError):
        for found in parse_fragment(data).blocks:
            decode(found)


def test_damaged_fragments_and_frames_give_no_other_exception():
    assert fragments(14_000, seed=1815) > 1_000
    assert link_streams(6_000, seed=1815) > 1_000


@given(responses)
def test_whatever_could_be_read_is_written_as_it_was(response):
    octets = bytearray(encode_fragment(*response))
    octets[random.Random(len(octets)).randrange(len(octets))] ^= 0x11
    with contextlib.suppress(FragmentError):
        fragment = parse_fragment(bytes(octets))
        again = parse_fragment(encode_fragment(fragment.control, fragment.function, fragment.blocks, fragment.iin))
        assert again.fault is None
        assert len(again.blocks) == len(fragment.blocks)
        assert all(map(is_same, again.blocks, fragment.blocks))


@pytest.mark.parametrize("qualifier", SIZED)
def test_an_unknown_object_behind_its_length_is_passed_over(qualifier):
    octets = {0x4B: 1, 0x5B: 2, 0x6B: 4}[qualifier]
    strange = bytes((201, 3, qualifier, 2)) + (3).to_bytes(octets, "little") + b"abc" + bytes(octets)
    data = bytes.fromhex("C081 0000 0102 00 00 01 81 01") + strange + bytes.fromhex("1E0200 05 05 01 F4FF")
    first, unknown, last = parse_fragment(data).blocks
    assert first.records["flags"].tolist() == [0x81, 0x01]
    assert (str(unknown), unknown.type, unknown.strings) == ("g201v3", None, (b"abc", b""))
    assert (last.points.tolist(), last.records["value"].tolist()) == ([5], [-12])


@pytest.mark.parametrize("header", ["C90317 01 00", "C90300 00 00", "C90307 01", "010028 0100 0000", "700001 0000 0000"])
def test_an_unknown_object_without_a_length_ends_the_reading_where_it_stands(header):
    data = bytes.fromhex("C081 0000 0102 00 00 01 81 01" + header + "01 02 03 1E0200 05 05 01 F4FF")
    fragment = parse_fragment(data)
    assert [str(found) for found in fragment.blocks] == ["g1v2"]
    assert fragment.fault.offset == 11
    assert isinstance(fragment.fault, RemoteError)
    assert "not known and its length is not given (octet 11 of the fragment)" in str(fragment.fault)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1E", "ends within an object header"),
        ("1E02", "ends within an object header"),
        ("1E0200 00", "ends within an object header"),
        ("1E0209 000000", "ends within an object header"),
        ("1E0203 00 00", "is reserved"),
        ("1E020A 00", "is reserved"),
        ("1E020C 00", "is reserved"),
        ("1E0277 00", "is reserved"),
        ("1E0287 00", "is reserved"),
        ("1E0210 00 00", "has no meaning"),
        ("1E0216", "has no meaning"),
        ("1E020B 00", "has no meaning"),
        ("1E021B 00", "has no meaning"),
        ("1E0257 00", "has no meaning"),
        ("1E0250 00 00", "has no meaning"),
        ("1E0200 05 04", "goes from 5 to 4"),
        ("1E0202 FFFFFFFF 00000000", "goes from 4294967295 to 0"),
        ("1E0200 00 01 01 0000 01 00", "2 objects g30v2 take 6 octets, and 5 are there"),
        ("1E0202 00000000 FFFFFFFF 01 0000", "4294967296 objects g30v2"),
        ("1E0209 FFFFFFFF 01 0000", "4294967295 objects g30v2"),
        ("1E0239 FFFFFFFF 00000000 01 0000", "4294967295 objects g30v2"),
        ("010102 00000000 FFFFFFFF 00", "4294967296 objects g1v1"),
        ("030102 00000000 FFFFFFFF 00", "4294967296 objects g3v1"),
        ("6EFF02 00000000 FFFFFFFF 00", "4294967296 objects g110v255"),
        ("3C0239 FFFFFFFF 00", "names 4294967295 objects"),
        ("010117 01 00 00", "takes no index before each object"),
        ("460500 00 00", "needs a qualifier with a length"),
        ("46055B 01 0500 01020304", "has 5 octets, of which 4 are there"),
        ("46055B 02 0100 01 FF", "ends within an object header"),
        ("46056B 01 FFFFFFFF", "has 4294967295 octets, of which 0 are there"),
        ("00F000 00 00", "ends within a device attribute"),
        ("00F000 00 00 01", "ends within a device attribute"),
        ("00F000 00 00 01 03 6162", "ends within a device attribute"),
        ("00FF00 00 00 FF 01 61", "ends within a device attribute"),
        ("00F002 00000000 FFFFFFFF 0100", "ends within a device attribute"),
        ("00F039 FFFFFFFF 01", "ends within a device attribute"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(body, message):
    for before in (b"", bytes.fromhex("3C0206")):
        fragment = parse_fragment(b"\xc0\x81\x00\x00" + before + bytes.fromhex(body))
        assert len(fragment.blocks) == bool(before)
        assert fragment.fault.offset == 4 + len(before)
        assert message in str(fragment.fault)


@pytest.mark.parametrize("data", ["", "C0", "C081", "C08100", "F08200", "C083"])
def test_without_a_header_there_is_no_fragment(data):
    with pytest.raises(FragmentError) as caught:
        parse_fragment(bytes.fromhex(data))
    assert caught.value.offset == len(data) // 2


def test_a_list_of_attributes_may_be_longer_than_its_length_octet_can_say():
    data = bytes.fromhex("C081 0000 00FF00 00 00 FF 02") + bytes(258) + bytes.fromhex("00FC00 00 00 01 02 4142")
    listed, name = parse_fragment(data).blocks
    assert (len(listed.strings[0]), name.strings) == (260, (b"\x01\x02AB",))


def test_indexes_and_ranges_reach_the_last_of_four_octets():
    data = bytes.fromhex("C081 0000 010202 FEFFFFFF FFFFFFFF 81 01 010239 01000000 FFFFFFFF 81")
    for found, points in zip(parse_fragment(data).blocks, ([2**32 - 2, 2**32 - 1], [2**32 - 1]), strict=True):
        assert found.points.tolist() == points
        assert decode(found).index.tolist() == points


def test_more_than_65536_objects_that_are_there_have_their_points():
    data = bytes.fromhex("C081 0000 010102 00000000 FFFF0100") + bytes(16_384)
    (found,) = parse_fragment(data).blocks
    assert len(decode(found)) == len(found.points) == 131_072


def test_a_range_that_is_only_named_is_not_written_out_beyond_bounds():
    (found,) = parse_fragment(bytes.fromhex("C001 1E0002 00000000 FFFFFFFF")).blocks
    assert found.count == 1 << 32
    with pytest.raises(LocalError, match="g30v0 names 4294967296 objects"):
        _ = found.points
    (found,) = parse_fragment(bytes.fromhex("C001 1E0001 0000 FFFF")).blocks
    assert found.points.tolist() == list(range(65_536))


HOSTILE = {
    "ranges of 4 octets without end": bytes.fromhex("C081 0000") + 185 * bytes.fromhex("010102 00000000 FFFFFFFF"),
    "a read of ranges of 4 octets": bytes.fromhex("C001") + 186 * bytes.fromhex("1E0002 00000000 FFFFFFFF"),
    "classes counted in 4 octets": bytes.fromhex("C081 0000") + 290 * bytes.fromhex("3C0109 FFFFFFFF"),
    "headers without objects": bytes.fromhex("C081 0000") + 511 * bytes.fromhex("1E020700"),
    "headers of all objects": bytes.fromhex("C001") + 682 * bytes.fromhex("1E0006"),
    "one packed object a header": bytes.fromhex("C081 0000") + 340 * bytes.fromhex("01010000 00 01"),
    "empty objects with a length": bytes.fromhex("C081 0000 46055B FF") + bytes(510) + 5 * (b"\x46\x05\x5b\x7f" + bytes(254)),
    "attributes without data": bytes.fromhex("C081 0000 00F002 00000000 FFFFFFFF") + bytes(2033),
    "strings of one octet": bytes.fromhex("C081 0000 6E0101 0000 F407") + bytes(2037),
    "bits to the end": bytes.fromhex("C081 0000 010101 0000 A73F") + bytes(2037),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_fragment_gets_little_memory(data):
    assert len(data) <= 2048
    for found in parse_fragment(data).blocks:  # what is cached once does not count
        decode(found)
    tracemalloc.start()
    try:
        fragment = parse_fragment(data)
        measured = [decode(found) for found in fragment.blocks]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(measured) == len(fragment.blocks)
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ObjectBlock.range(1, 1, 5, 4), "not 5 to 4"),
        (lambda: ObjectBlock.range(1, 1, -1, 4), "not -1 to 4"),
        (lambda: ObjectBlock.range(1, 1, 0, 65_536), "not 0 to 65536"),
        (lambda: ObjectBlock.range(1, 1, 0, 4, states=np.zeros(4, np.uint8)), "5 objects are named"),
        (lambda: ObjectBlock.range(110, 1, 0, 1, strings=(b"a",)), "2 objects are named"),
        (lambda: ObjectBlock.indexed(12, 1, [-1]), "not -1"),
        (lambda: ObjectBlock.indexed(12, 1, [0, 65_536]), "not 65536"),
        (lambda: ObjectBlock.indexed(12, 1, [2**32 + 1]), "not 4294967297"),
        (lambda: ObjectBlock.indexed(12, 1, []), "not 0"),
        (lambda: ObjectBlock.indexed(12, 1, range(65_536)), "not 65536"),
        (lambda: ObjectBlock.indexed(111, 1, [1, 2], strings=(b"a",)), "2 objects are named"),
        (lambda: ObjectBlock.limited(60, 2, 0), "not 0"),
        (lambda: ObjectBlock.limited(60, 2, 65_536), "not 65536"),
        (lambda: ObjectBlock.counted(50, 1, object_type(50, 1).zeros(0)), "not 0"),
        (lambda: ObjectBlock.counted(50, 1, object_type(50, 1).zeros(256)), "not 256"),
        (lambda: ObjectBlock.free(70, 5), "not 0"),
        (lambda: ObjectBlock.free(70, 5, bytes(65_536)), "65535 octets"),
        (lambda: encode_fragment(Control(), Function.READ, iin=IIN(0)), "belong to responses"),
        (lambda: encode_fragment(Control(), Function.RESPONSE), "belong to responses"),
    ],
)
def test_a_block_that_cannot_be_sent_is_refused(make, message):
    with pytest.raises(LocalError, match=message):
        make()


def test_blocks_take_the_shortest_qualifier():
    records = object_type(30, 2).zeros(2)
    found = [
        ObjectBlock.range(30, 2, 254, 255, records=records),
        ObjectBlock.range(30, 2, 255, 256, records=records),
        ObjectBlock.indexed(32, 2, [255, 0], records=records),
        ObjectBlock.indexed(32, 2, [256, 0], records=records),
        ObjectBlock.indexed(32, 2, range(256), records=object_type(32, 2).zeros(256)),
        ObjectBlock.limited(60, 2, 255),
        ObjectBlock.limited(60, 2, 256),
        ObjectBlock.counted(50, 1, object_type(50, 1).zeros(1)),
        ObjectBlock.free(70, 5, b""),
        ObjectBlock.all(60, 1),
    ]
    assert [one.qualifier for one in found] == [0x00, 0x01, 0x17, 0x28, 0x28, 0x07, 0x08, 0x07, 0x5B, 0x06]
    for one in found:
        function = Function.READ if one.group == 60 else Function.WRITE
        (again,) = parse_fragment(encode_fragment(Control(), function, [one])).blocks
        assert is_same(again, one)


def is_read_by_dnp3py(kind):
    return object_type(*kind) is not None and kind not in {
        (12, 2),
        (12, 3),
        (50, 2),
        (50, 4),
        (81, 1),
        (120, 4),
        (112, 3),
        (113, 9),
    }


@pytest.mark.parametrize("numbers", [numbers for numbers in (*KNOWN_TYPES, *OTHERS) if is_read_by_dnp3py(numbers)])
def test_dnp3py_finds_the_same_blocks_in_what_we_send(numbers):
    kind, chance = object_type(*numbers), random.Random(3)
    for qualifier in qualifiers(kind):
        sent = [block(chance, kind, qualifier, 5), ObjectBlock.range(1, 2, 7, 7, records=object_type(1, 2).zeros(1))]
        data = encode_fragment(Control(sequence=5), Function.RESPONSE, sent, IIN.DEVICE_RESTART)
        theirs = parser.parse_response(data)
        assert theirs.truncation is None
        assert [one.to_bytes() for one in theirs.objects] == [encode_block(one) for one in sent]
        assert (theirs.sequence, theirs.header.device_restart) == (5, True)


DNP3PY_REQUESTS = {
    "integrity": builder.build_integrity_poll(3),
    "class 1 and 3": builder.build_class_poll(class_2=False),
    "all of a group": builder.build_all_objects_request(FunctionCode.READ, 30, 0),
    "a range": builder.build_range_request(FunctionCode.READ, 30, 2, 4, 400),
    "a count": builder.build_count_request(FunctionCode.READ, 2, 0, 300),
    "confirm": builder.build_confirm_request(7),
    "delay": builder.build_delay_measure_request(),
    "cold restart": builder.build_cold_restart_request(),
    "warm restart": builder.build_warm_restart_request(),
    "unsolicited on": builder.build_enable_unsolicited_request(),
    "unsolicited off": builder.build_disable_unsolicited_request(),
}


@pytest.mark.parametrize("theirs", DNP3PY_REQUESTS.values(), ids=DNP3PY_REQUESTS)
def test_the_requests_of_dnp3py_are_read_and_written_alike(theirs):
    fragment = parse_fragment(theirs.to_bytes())
    assert fragment.fault is None
    assert (fragment.function, fragment.control.sequence) == (theirs.header.function, theirs.sequence)
    assert len(fragment.blocks) == len(theirs.objects)
    assert encode_fragment(fragment.control, fragment.function, fragment.blocks) == theirs.to_bytes()


PY1815_REQUESTS = {
    "integrity": (Function.READ, py1815_requests.scan("integrity")),
    "points": (
        Function.READ,
        py1815_requests.read_points(
            {py1815_decode.PointType.ANALOG_INPUT: [1, 2, 9, 700], py1815_decode.PointType.BINARY_INPUT: None}
        ),
    ),
    "index list": (Function.READ, py1815.index_list_header(30, 1, [5, 1, 300])),
    "time": (Function.WRITE, py1815_requests.write_time(1_700_000_000_000)),
    "recorded time": (Function.WRITE, py1815_requests.write_recorded_time(1_700_000_000_000)),
    "restart": (Function.WRITE, py1815_requests.clear_restart()),
    "freeze": (Function.IMMEDIATE_FREEZE, py1815_requests.freeze_counters()),
}


@pytest.mark.parametrize(("function", "body"), PY1815_REQUESTS.values(), ids=PY1815_REQUESTS)
def test_the_requests_of_py1815_are_read_and_written_alike(function, body):
    data = py1815.build_request(py1815.FunctionCode(function), sequence=6, body=body)
    fragment = parse_fragment(data)
    assert (fragment.fault, fragment.function, fragment.control) == (None, function, Control(sequence=6))
    assert encode_fragment(fragment.control, fragment.function, fragment.blocks) == data


@given(st.lists(blocks(), min_size=1, max_size=4))
def test_py1815_reads_no_more_than_we_do(sent):
    data = encode_fragment(Control(), Function.RESPONSE, sent, IIN(0))
    theirs = py1815_decode.decode_objects(data[4:])
    if theirs.complete:
        assert len(theirs.objects) == sum(one.count for one in sent)


def test_no_octet_of_a_fragment_is_copied_again_and_again():
    class Counting(bytes):
        copied = 0

        def __getitem__(self, place):
            found = super().__getitem__(place)
            Counting.copied += len(found) if isinstance(found, bytes) else 1
            return found

    for body in ("010200 00 00 01", "6E0300 00 00 616263", "46055B 01 0100 61", "00F000 00 00 01 01 61", "010117 00", "3C0206"):
        data = b"\xc0\x81\x00\x00" + 300 * bytes.fromhex(body)
        Counting.copied = 0
        parse_fragment(Counting(data))
        assert Counting.copied < 3 * len(data)


def test_what_is_read_knows_its_type_and_cannot_be_written_to():
    (found,) = parse_fragment(bytes.fromhex("C081 0000 0C0117 01 0A 41 01 64000000 64000000 00")).blocks
    assert not found.records.flags.writeable
    assert found.type.packing is Packing.RECORDS
