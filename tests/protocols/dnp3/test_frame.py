"""Frames on the wire, and finding them again in whatever arrives."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.dnp3 import bitwise
from tieline.model import LocalError
from tieline.protocols.dnp3.frame import (
    MAX_FRAME_SIZE,
    MAX_USER_DATA,
    Deframer,
    LinkFrame,
    PrimaryFunction,
    SecondaryFunction,
    encode_frame,
    encode_frames,
    primary_control,
    secondary_control,
)

# Octets as other makers' stations send them; tshark finds their checks right.
GOLDEN = [
    ("05 64 05 C0 01 00 00 04 E9 21", LinkFrame(0xC0, 1, 1024)),
    ("05 64 05 00 00 04 01 00 19 A6", LinkFrame(0x00, 1024, 1)),
    (
        "05 64 14 F3 01 00 00 04 0A 3B C0 C3 01 3C 02 06 3C 03 06 3C 04 06 3C 01 06 9A 12",
        LinkFrame(0xF3, 1, 1024, bytes.fromhex("C0 C3 01 3C 02 06 3C 03 06 3C 04 06 3C 01 06")),
    ),
]

frames = st.builds(
    LinkFrame, st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=MAX_USER_DATA)
)


def encoded(frame: LinkFrame) -> bytes:
    return encode_frame(frame.control, frame.destination, frame.source, frame.payload)


def state_of(deframer: Deframer) -> tuple[int, int, int]:
    return deframer.dropped_octets, deframer.header_errors, deframer.data_errors


@pytest.mark.parametrize(("octets", "frame"), GOLDEN)
def test_golden_frames_are_read_and_written(octets, frame):
    wire = bytes.fromhex(octets)
    assert encoded(frame) == wire == bitwise.frame(frame.control, frame.destination, frame.source, frame.payload)
    assert Deframer().receive(wire) == [frame]


def test_the_control_octet_has_the_bits_of_the_standard():
    frame = LinkFrame(0b1111_0011, 1, 2)
    assert (frame.is_from_master, frame.is_primary, frame.fcb, frame.fcv_or_dfc, frame.function) == (True, True, True, True, 3)
    frame = LinkFrame(0b0000_1011, 1, 2)
    assert (frame.is_from_master, frame.is_primary, frame.fcb, frame.fcv_or_dfc, frame.function) == (
        False,
        False,
        False,
        False,
        11,
    )


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (primary_control(PrimaryFunction.RESET_LINK_STATES, is_from_master=True), 0xC0),
        (primary_control(PrimaryFunction.RESET_LINK_STATES, is_from_master=False, fcb=True), 0x40),
        (primary_control(PrimaryFunction.TEST_LINK_STATES, is_from_master=True, fcb=True), 0xF2),
        (primary_control(PrimaryFunction.CONFIRMED_USER_DATA, is_from_master=True), 0xD3),
        (primary_control(PrimaryFunction.CONFIRMED_USER_DATA, is_from_master=False, fcb=True), 0x73),
        (primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=True), 0xC4),
        (primary_control(PrimaryFunction.REQUEST_LINK_STATUS, is_from_master=False), 0x49),
        (secondary_control(SecondaryFunction.ACK, is_from_master=True), 0x80),
        (secondary_control(SecondaryFunction.NACK, is_from_master=False, dfc=True), 0x11),
        (secondary_control(SecondaryFunction.LINK_STATUS, is_from_master=False), 0x0B),
        (secondary_control(SecondaryFunction.NOT_SUPPORTED, is_from_master=False), 0x0F),
    ],
)
def test_control_octets_look_like_the_tables_of_the_standard(control, expected):
    assert control == expected


@given(st.lists(frames, max_size=8), st.integers(1, 400))
def test_frames_come_back_from_any_pieces(sent, piece):
    wire = b"".join(map(encoded, sent))
    whole, pieces = Deframer(), Deframer()
    assert whole.receive(wire) == sent
    assert [frame for n in range(0, len(wire), piece) for frame in pieces.receive(wire[n : n + piece])] == sent
    assert state_of(whole) == state_of(pieces) == (0, 0, 0)


def test_many_frames_of_one_fragment_differ_in_their_data_only():
    payloads = [random.Random(n).randbytes(MAX_USER_DATA - n % 2) for n in range(60)]
    wire = encode_frames(0x44, 1, 2, payloads)
    assert wire == b"".join(bitwise.frame(0x44, 1, 2, payload) for payload in payloads)
    assert Deframer().receive(wire) == [LinkFrame(0x44, 1, 2, payload) for payload in payloads]


def test_noise_around_frames_is_dropped_and_counted():
    frame = LinkFrame(0x44, 1, 2, b"data")
    deframer = Deframer()
    assert deframer.receive(b"\x00\x05\x05" + encoded(frame) + b"noise\x64" + encoded(frame) + b"\x05") == [frame, frame]
    assert state_of(deframer) == (9, 0, 0)  # the last octet may begin a frame
    deframer.reset()
    assert state_of(deframer) == (10, 0, 0)


def test_a_frame_begins_right_behind_false_start_octets():
    frame = LinkFrame(0xC9, 7, 8)
    deframer = Deframer()
    assert deframer.receive(b"\x05\x64\x05\x64" + encoded(frame)) == [frame]
    assert state_of(deframer) == (4, 2, 0)


def test_a_header_with_a_length_below_five_is_none():
    deframer = Deframer()
    short = bitwise.checked(bytes((5, 0x64, 4, 0x44, 1, 0, 2, 0)))
    assert deframer.receive(short + encoded(LinkFrame(0xC9, 1, 2))) == [LinkFrame(0xC9, 1, 2)]
    assert state_of(deframer) == (10, 1, 0)


def test_the_frame_behind_one_that_lost_an_octet_is_found():
    lost, next_one = LinkFrame(0x44, 1, 2, bytes(range(100))), LinkFrame(0x44, 1, 2, b"next")
    wire = encoded(lost)
    deframer = Deframer()
    assert deframer.receive(wire[:50] + wire[51:] + encoded(next_one)) == [next_one]
    assert state_of(deframer) == (len(wire) - 1, 0, 1)


def test_damaged_frames_among_many_are_dropped_alone():
    sent = [LinkFrame(0x44, 1, 2, random.Random(n).randbytes(MAX_USER_DATA)) for n in range(30)]
    wire = bytearray(b"".join(map(encoded, sent)))
    wire[4 * MAX_FRAME_SIZE + 20] ^= 1
    wire[20 * MAX_FRAME_SIZE + 291] ^= 1
    wire[25 * MAX_FRAME_SIZE + 4] ^= 1
    deframer = Deframer()
    assert deframer.receive(bytes(wire)) == [frame for n, frame in enumerate(sent) if n not in {4, 20, 25}]
    assert state_of(deframer) == (3 * MAX_FRAME_SIZE, 1, 2)


@pytest.mark.parametrize("seed", range(60))
def test_mutated_streams_give_frames_or_nothing_and_the_same_in_any_pieces(seed):
    rng = random.Random(seed)
    wire = bytearray()
    for _ in range(60):
        wire += bitwise.frame(rng.randrange(256), rng.randrange(0x10000), 5, rng.randbytes(rng.choice((0, 1, 16, 40, 250))))
    for _ in range(rng.randrange(40)):
        place = rng.randrange(len(wire))
        match rng.randrange(3):
            case 0:
                wire[place] ^= 1 << rng.randrange(8)
            case 1:
                del wire[place : place + rng.randrange(20)]
            case _:
                wire[place:place] = rng.choice((b"\x05", b"\x05\x64", rng.randbytes(9), wire[:30]))
    data = bytes(wire)
    whole, octets, pieces = Deframer(), Deframer(), Deframer()
    frames_found = whole.receive(data)
    assert [frame for octet in data for frame in octets.receive(bytes((octet,)))] == frames_found
    place, found = 0, []
    while place < len(data):
        size = rng.randrange(1, 700)
        found += pieces.receive(data[place : place + size])
        place += size
    assert found == frames_found
    for deframer in (whole, octets, pieces):
        deframer.reset()
    assert state_of(whole) == state_of(octets) == state_of(pieces)
    assert sum(len(encoded(frame)) for frame in frames_found) + whole.dropped_octets == len(data)


@pytest.mark.parametrize(
    "unit",
    [
        b"\x05\x64",
        bitwise.frame(0x44, 1, 2, b"x" * 250)[:10],
        bitwise.frame(0x44, 1, 2, b"x" * 250)[:291] + b"!",
    ],
    ids=["start octets", "headers without data", "damaged frames"],
)
def test_hostile_streams_cost_linear_work_and_keep_less_than_a_frame(unit):
    # A quadratic search would look at each of 200,000 octets thousands of times; the test's own timeout would end it.
    deframer = Deframer()
    data = unit * (1_000_000 // len(unit))
    assert deframer.receive(data) == []
    before = deframer.dropped_octets
    deframer.reset()
    assert deframer.dropped_octets - before < MAX_FRAME_SIZE
    assert deframer.dropped_octets == len(data)


@pytest.mark.parametrize(
    ("control", "destination", "source", "payload"),
    [(256, 1, 2, b""), (-1, 1, 2, b""), (0, 0x10000, 2, b""), (0, 1, -1, b""), (0, 1, 2, b"x" * 251)],
)
def test_what_fits_into_no_frame_is_a_local_error(control, destination, source, payload):
    with pytest.raises(LocalError):
        encode_frame(control, destination, source, payload)
