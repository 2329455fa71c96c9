"""Frames to messages and back: golden octets, every type, every refusal, and the word of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from tests.protocols.goose.frames import ADDRESS, EVERY_TYPE, GOLDEN, T0_US, message, octets
from tests.protocols.goose.strategies import goose_frames
from tieline.model import LocalError
from tieline.protocols.goose import (
    Address,
    Array,
    BinaryTime,
    BitString,
    Boolean,
    Data,
    Float32,
    FrameError,
    GooseFrame,
    Integer,
    MmsString,
    Structure,
    Uninterpreted,
    Unsigned,
    UtcTime,
    VisibleString,
    decode_goose,
    encode_goose,
    parse_mac,
)

GOLDEN_MESSAGE = message(
    BitString(2, 2),
    BitString(0, 13),
    Structure((Float32(1.5), UtcTime(0x6553F100, 0, 10))),
    Integer(-2, 1),
    t=UtcTime(0x6553F100, 0x800000, 10),
    st_num=128,
    sq_num=1,
)


def test_the_golden_frame_is_read() -> None:
    assert decode_goose(GOLDEN) == GooseFrame(address=ADDRESS, message=GOLDEN_MESSAGE)
    assert GOLDEN_MESSAGE.t.us == 1_700_000_000_500_000


def test_the_golden_frame_is_written() -> None:
    assert encode_goose(GooseFrame(address=ADDRESS, message=GOLDEN_MESSAGE)) == GOLDEN


def test_padding_and_trailers_behind_the_pdu_do_not_matter() -> None:
    assert decode_goose(GOLDEN + bytes(11)) == decode_goose(GOLDEN)


def test_a_frame_without_a_tag_has_no_vlan() -> None:
    address = decode_goose(GOLDEN[:12] + GOLDEN[16:]).address
    assert address == Address(destination=ADDRESS.destination, source=ADDRESS.source, app_id=3)


@given(goose_frames())
def test_what_is_written_is_read_as_it_was(frame: GooseFrame) -> None:
    octets = encode_goose(frame)
    again = decode_goose(octets)
    assert again == frame
    assert encode_goose(again) == octets


@given(goose_frames())
def test_a_frame_that_is_cut_off_is_refused_wherever_it_is(frame: GooseFrame) -> None:
    octets = encode_goose(frame)
    for size in {0, 1, 13, 14, 17, 18, 26, len(octets) // 2, len(octets) - 1}:
        if size < len(octets):
            with pytest.raises(FrameError):
                decode_goose(octets[:size])


def test_fixed_length_counters_take_five_octets() -> None:
    frame = GooseFrame(address=ADDRESS, message=GOLDEN_MESSAGE)
    fixed = encode_goose(frame, fixed_length=True)
    assert bytes.fromhex("8105 00000007d0") in fixed
    assert bytes.fromhex("85050000000080 86050000000001 870100 88050000000003 890100 8a050000000004") in fixed
    assert decode_goose(fixed).message == GOLDEN_MESSAGE


def test_optional_fields_have_their_defaults() -> None:
    without = GOLDEN.replace(bytes.fromhex("870100"), b"").replace(bytes.fromhex("890100"), b"")
    without = (
        without.replace(bytes.fromhex("830474726970"), b"")
        .replace(b"\x00\x84\0\0", b"\x00\x78\0\0")
        .replace(b"\x61\x7a", b"\x61\x6e")
    )
    assert decode_goose(without).message == replace(GOLDEN_MESSAGE, go_id=None)


def test_the_security_field_of_edition_1_is_skipped() -> None:
    longer = GOLDEN.replace(b"\x00\x84\0\0", b"\x00\x89\0\0").replace(b"\x61\x7a", b"\x61\x7f") + bytes.fromhex("ac03800101")
    assert decode_goose(longer).message == GOLDEN_MESSAGE


def changed(old: str, new: str) -> bytes:
    """The golden frame with some octets exchanged for as many others."""
    assert GOLDEN.count(bytes.fromhex(old)) == 1
    assert len(old) == len(new)
    return GOLDEN.replace(bytes.fromhex(old), bytes.fromhex(new))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"", "cannot have 0 octets"),
        (GOLDEN + bytes(9_000), "cannot have"),
        (changed("88b80003", "88b90003"), "ethertype 88b9"),
        (changed("88b80003", "88ba0003"), "is not GOOSE"),
        (changed("00840000", "00850000"), "the header says 133 octets"),
        (changed("00840000", "00070000"), "the header says 7 octets"),
        (changed("00840000", "00830000"), "does not fit"),
        (changed("617a80", "607a80"), "begins with 60"),
        (changed("617a80", "618080"), "a length cannot begin with 80"),
        (changed("617a80", "617980"), "octets follow|does not fit"),
        (changed("8102 07d0", "8d02 07d0"), "timeAllowedtoLive is missing"),
        (changed("8102 07d0", "8002 07d0"), "timeAllowedtoLive is missing"),
        (changed("87010088", "87010098"), "confRev is missing"),
        (changed("85020080", "8b020080"), "stNum is missing"),
        (changed("8a0104", "8a0105"), "numDatSetEntries is 5, but there are 4"),
        (changed("8a0104", "8a0103"), "numDatSetEntries is 3, but there are 4"),
        (changed("84020680", "84020880"), "no value has tag 84"),
        (changed("84020680", "80020680"), "no value has tag 80"),
        (changed("84020680", "a0020680"), "no value has tag a0"),
        (changed("84020680", "83020680"), "no value has tag 83"),
        (changed("84020680", "9f020680"), "a tag of several octets"),
        (changed("8501fe", "850080"), "no value has tag 85"),
        (changed("8501fe", "8502fe"), "does not fit"),
        (changed("8705083f", "87050b3f"), "no value has tag 87"),
        (changed("91086553f100000000", "92086553f100000000"), "no value has tag 92"),
        (changed("ab1f84", "ab1e84"), "is cut off"),
    ],
)
def test_octets_that_make_no_message_are_refused_with_a_reason(frame: bytes, words: str) -> None:
    with pytest.raises(FrameError, match=words) as error:
        decode_goose(frame)
    assert 0 <= error.value.offset <= len(frame)


def spliced(old: bytes, new: bytes) -> bytes:
    """The golden frame with a field of another size; lengths follow."""
    assert GOLDEN.count(old) == 1
    head, data = GOLDEN[28:].split(b"\xab\x1f")
    head, data = head.replace(old, new), data.replace(old, new)
    pdu = head + b"\xab" + bytes([len(data)]) + data
    return GOLDEN[:20] + (len(pdu) + 11).to_bytes(2, "big") + GOLDEN[22:26] + b"\x61\x81" + bytes([len(pdu)]) + pdu


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("85020080", "85060000000000 80", "stNum is"),
        ("85020080", "85050100000080", "stNum is"),
        ("85020080", "8500", "stNum is"),
        ("870100", "87020000", "simulation has 2 octets"),
        ("890100", "8900", "ndsCom has 0 octets"),
        ("8408 6553f100 800000 0a", "8409 6553f100 800000 0a00", "t has 9 octets"),
        ("830474726970", "838182" + 130 * "41", "goID has 130 characters"),
        ("830474726970", "83830004 74726970", "a length cannot begin with 83"),
        ("8501fe", "8509" + 9 * "00", "no value has tag 85"),
        ("8501fe", "8609" + "01" + 8 * "00", "no value has tag 86"),
        ("8501fe", "8400", "no value has tag 84"),
        ("8501fe", "840103", "no value has tag 84"),
    ],
)
def test_fields_of_a_wrong_size_are_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        decode_goose(spliced(bytes.fromhex(old), bytes.fromhex(new)))


@pytest.mark.parametrize(
    ("new", "st_num"),
    [("85 05 00ffffffff", 0xFFFF_FFFF), ("85 04 ffffffff", 0xFFFF_FFFF), ("85 01 80", 128), ("85 03 000001", 1)],
)
def test_counters_are_read_with_and_without_their_leading_zero(new: str, st_num: int) -> None:
    assert decode_goose(spliced(bytes.fromhex("85020080"), bytes.fromhex(new))).message.st_num == st_num


def test_lengths_may_be_longer_than_they_need_to_be() -> None:
    longer = spliced(bytes.fromhex("830474726970"), bytes.fromhex("8382000474726970"))
    assert decode_goose(longer).message == GOLDEN_MESSAGE


def nested(depth: int) -> Data:
    data: Data = Boolean(True)
    for _ in range(depth):
        data = Structure((data,))
    return data


def test_nesting_has_an_end() -> None:
    assert decode_goose(octets(nested(10))).message.all_data == (nested(10),)
    with pytest.raises(LocalError, match="deeper"):
        octets(nested(11))
    inner = b"\xa2\x00"
    while len(inner) < 1_000:
        size = len(inner)
        inner = (b"\xa2\x82" + size.to_bytes(2, "big") if size > 127 else b"\xa2" + bytes([size])) + inner
    pdu = GOLDEN[28:].replace(GOLDEN[GOLDEN.index(b"\xab\x1f\x84") :], b"")
    pdu = pdu.replace(b"\x8a\x01\x04", b"\x8a\x01\x01") + b"\xab\x82" + len(inner).to_bytes(2, "big") + inner
    pdu = b"\x61\x82" + len(pdu).to_bytes(2, "big") + pdu
    with pytest.raises(FrameError, match="deeper than 10"):
        decode_goose(GOLDEN[:20] + (len(pdu) + 8).to_bytes(2, "big") + bytes(4) + pdu)


@pytest.mark.parametrize(
    "data",
    [
        Integer(128, 1),
        Integer(1 << 70, 8),
        Integer(1, 9),
        Unsigned(-1),
        Unsigned(256, 1),
        Unsigned(1, 10),
        BitString(4, 2),
        BitString(0, -1),
        VisibleString("ä"),
        VisibleString("a\n"),
        MmsString("\ud800"),
        Array((Integer(1, 9),)),
        Float32(1e300),
        UtcTime(1 << 32, 0),
        UtcTime(0, 1 << 24),
        UtcTime(0, 0, 256),
        BinaryTime(1 << 32),
        BinaryTime(0, 1 << 16),
        Uninterpreted(0x83, b"\x01"),
        VisibleString("x" * 70_000),
        VisibleString("x" * 9_100),
    ],
)
def test_values_that_do_not_fit_their_type_are_not_sent(data: Data) -> None:
    with pytest.raises(LocalError):
        octets(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"st_num": 1 << 32},
        {"sq_num": -1},
        {"gocb_ref": "x" * 130},
        {"go_id": "ü"},
        {"num_dat_set_entries": 3},
        {"address": replace(ADDRESS, destination="01:0c:cd:01:00")},
        {"address": replace(ADDRESS, app_id=0x1_0000)},
        {"address": replace(ADDRESS, vlan_id=4_096)},
        {"address": replace(ADDRESS, vlan_priority=8)},
    ],
)
def test_messages_that_the_standard_does_not_allow_are_not_sent(changes: dict[str, object]) -> None:
    with pytest.raises(LocalError):
        octets(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("us", [0, 1, 999_999, 1_000_000, T0_US + 1, T0_US + 999_999, 0xFFFF_FFFF * 1_000_000 + 999_999])
def test_microseconds_survive_the_time_stamp(us: int) -> None:
    assert UtcTime.of(us).us == us
    assert UtcTime.from_octets(UtcTime.of(us, 0x5F).to_octets()) == UtcTime.of(us, 0x5F)


@pytest.mark.parametrize("us", [-1, 1 << 60])
def test_times_beyond_32_bits_of_seconds_are_not_written(us: int) -> None:
    with pytest.raises(LocalError):
        UtcTime.of(us)


def test_a_binary_time_counts_from_1984() -> None:
    assert BinaryTime(1, 0).us == int(datetime(1984, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 + 1_000
    assert BinaryTime(1).us is None


def test_addresses_are_written_in_two_ways() -> None:
    assert parse_mac("01-0C-CD-01-00-03") == parse_mac("01:0c:cd:01:00:03") == bytes.fromhex("010ccd010003")
    with pytest.raises(LocalError, match="is not a MAC address"):
        parse_mac("010ccd010003")


def test_open61850_reads_what_is_written_here() -> None:
    peer = pytest.importorskip("open61850.goose", reason="open61850 is not installed")
    frame, read = peer.decode_goose_frame(GOLDEN, strict=True)
    assert (frame.dst_mac, frame.src_mac, frame.app_id, frame.vlan_id, frame.vlan_priority) == (
        ADDRESS.destination,
        ADDRESS.source,
        3,
        5,
        4,
    )
    assert (read.gocb_ref, read.dat_set, read.go_id) == (GOLDEN_MESSAGE.gocb_ref, GOLDEN_MESSAGE.dat_set, "trip")
    assert (read.st_num, read.sq_num, read.conf_rev, read.time_allowed_to_live) == (128, 1, 3, 2_000)
    assert read.timestamp == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    # The strict reading refuses anything that the standard does not allow; mMSString has another tag there.
    plain = [each for each in EVERY_TYPE if not isinstance(each, MmsString | Uninterpreted)]
    assert len(peer.decode_goose_frame(octets(*plain), strict=True)[1].all_data) == len(plain)


def test_what_open61850_writes_is_read_here() -> None:
    peer = pytest.importorskip("open61850.goose", reason="open61850 is not installed")
    from open61850 import data

    when = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC) + timedelta(microseconds=123_456)
    values = [
        data.BoolData(True),
        data.IntData(-300),
        data.UIntData(70_000),
        data.FloatData(1.5),
        data.FloatData(1e300, double=True),
        data.BitStringData(b"\x80", 6),
        data.OctetStringData(b"\x01\x02"),
        data.VisibleStringData("trip"),
        data.StructureData([data.BoolData(False), data.TimestampData(when, 10)]),
    ]
    pdu = peer.GoosePDU("A/LLN0$GO$g", 2_000, "A/LLN0$d", None, when, 300, 70_000, True, 3, True, len(values), values, 0x2A)
    raw = peer.encode_goose_frame(pdu, dst_mac=ADDRESS.destination, src_mac=ADDRESS.source, app_id=3, vlan_id=5, vlan_priority=4)
    frame = decode_goose(raw)
    read = frame.message
    assert frame.address == ADDRESS
    assert (read.gocb_ref, read.dat_set, read.go_id) == ("A/LLN0$GO$g", "A/LLN0$d", None)
    assert (read.st_num, read.sq_num, read.conf_rev) == (300, 70_000, 3)
    assert read.simulation
    assert read.nds_com
    assert read.t == UtcTime.of(T0_US + 123_456, 0x2A)
    assert read.all_data[:5] == (Boolean(True), Integer(-300, 2), Unsigned(70_000, 3), Float32(1.5), read.all_data[4])
    assert read.all_data[5] == BitString(2, 2)
    assert read.all_data[7:] == (VisibleString("trip"), Structure((Boolean(False), UtcTime.of(T0_US + 123_456, 10))))
    # True is any octet but 0; the one written there is another.
    assert encode_goose(frame) == raw.replace(b"\xff", b"\x01")
