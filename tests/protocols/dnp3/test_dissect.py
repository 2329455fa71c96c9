"""What tshark says to each object in a response and to each kind of request; and that our way of asking it can hear a no."""

from __future__ import annotations

import random

import pytest

from tests.protocols.dnp3.dissect import assert_clean, dissect, frames_of, needs_tshark
from tests.protocols.dnp3.strategies import TYPES, block
from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock, encode_fragment
from tieline.protocols.dnp3.frame import encode_frame
from tieline.protocols.dnp3.measurements import POINT_TYPES
from tieline.protocols.dnp3.objects import Packing, object_type

pytestmark = needs_tshark

# What tshark 4.0 passes over as an "unknown data chunk" or an unknown object, and two whose value it forgets to step over (g43v1, v3).
FOREIGN = {(4, 3), (43, 1), (43, 3), (50, 2), (50, 4), (51, 2), (52, 1), (81, 1), (86, 2), (102, 1), (121, 1), (122, 1), (122, 2)}
FOREIGN |= {(31, variation) for variation in range(1, 7)} | {(33, variation) for variation in range(1, 5)}
FOREIGN |= {(101, 1), (101, 2), (101, 3), (112, 3), (113, 9), (120, 3), (120, 4)}
TIMES = {50, 51, 52}
EVENTS = {group for group, (_, is_event) in POINT_TYPES.items() if is_event} | {12, 41}


def in_a_response(kind):
    """The qualifiers that a response has it behind."""
    if kind.group in TIMES:
        return [0x07]
    if kind.group in EVENTS and kind.packing not in {Packing.BITS, Packing.PAIRS}:
        return [0x17, 0x28]
    return [0x00, 0x01] if kind.packing in {Packing.BITS, Packing.PAIRS} else [0x00, 0x01, 0x17, 0x28]


KNOWN = [kind for kind in TYPES if (kind.group, kind.variation) not in FOREIGN]
KNOWN = [kind for kind in KNOWN if kind.packing not in {Packing.FREE, Packing.NOTHING, Packing.ATTRIBUTES}]


def test_each_object_in_a_response_is_clean_and_is_what_we_say_it_is():
    chance, frames, wanted = random.Random(4), [], []
    for kind in KNOWN:
        for qualifier in in_a_response(kind):
            for count in (1, 1 if kind.group in TIMES else 7):
                last = ObjectBlock.range(1, 2, 7, 7, records=object_type(1, 2).zeros(1))
                sent = [block(chance, kind, qualifier, count), last]
                data = encode_fragment(Control(sequence=1), Function.RESPONSE, sent, IIN(0))
                made = frames_of(data[:2048], is_from_master=False)
                if len(made) == 1:
                    frames += made
                    variation = 0 if kind.packing is Packing.STRINGS else kind.variation  # tshark shows none, for it is a length
                    wanted.append(f"0x{kind.group:02x}{variation:02x},0x0102")
    assert len(wanted) > 500
    assert_clean(frames)
    assert [row[0] for row in dissect(frames, "dnp3.al.obj")] == wanted


def test_a_response_in_many_frames_is_put_together():
    records = object_type(30, 5).zeros(300)
    sent = [ObjectBlock.range(30, 5, 0, 299, records=records), ObjectBlock.range(1, 2, 7, 7, records=object_type(1, 2).zeros(1))]
    data = encode_fragment(Control(confirm=True), Function.RESPONSE, sent, IIN.DEVICE_RESTART)
    frames = frames_of(data, is_from_master=False, sequence=20)  # tshark does not follow the number from 63 to 0
    assert len(frames) == 7
    assert_clean(frames)
    assert dissect(frames, "dnp3.al.obj")[-1] == ["0x1e05,0x0102"]


REQUESTS = [
    *(f"C0 {function:02X}" for function in (0x00, 0x0D, 0x0E, 0x0F, 0x10, 0x17, 0x18)),
    *(f"C1 {function:02X} 140006" for function in (0x07, 0x08, 0x09, 0x0A)),
    "D2 00",
    "C0 01 3C0206 3C0306 3C0406 3C0106",
    "C1 01 3C0207 0A 3C0308 0001",
    "C2 01 1E0000 00 09 010001 0000 FF03",
    "C3 01 1E0117 02 01 05 010228 0100 2C01",  # tshark has a list of indexes only with a variation
    "C4 01 320107 01",
    "C6 02 500100 07 07 00",
    "C8 02 320307 01 0B0C0D0E0F01",
    "CA 02 320107 01 0B0C0D0E0F01",
    "CB 02 220117 02 01 0A00 05 FF00",
    "CB 14 3C0206 3C0306 3C0406",
    "CC 15 3C0206 3C0306 3C0406",
    "CD 16 3C0206 010006 3C0306 1E0028 0100 0700",
    *(f"C{function:X} {function:02X} 0C0117 01 0A 41 01 64000000 64000000 00" for function in (3, 4, 5, 6)),
    *(f"C{function:X} {function:02X} 0C0128 0100 2C01 03 01 00000000 00000000 00" for function in (3, 4, 5, 6)),
    *(f"C{variation} 05 29{variation:02X}28 0100 0500" + value + "00" for variation, value in enumerate(("64000000", "6400"), 1)),
    *(f"C{variation} 05 29{variation:02X}17 01 05" + value + "00" for variation, value in enumerate(("0000C03F", 8 * "00"), 3)),
    "C7 19 46035B 01 1F00 1A00 0500 000000000000 0000 00000000 00000000 0100 0004 0100 6162636465",
    "C8 01 46055B 01 0800 01000000 00000000",
    "C9 1A 46045B 01 0D00 01000000 00000000 0000 0200 00",
    "CA 1C 46075B 01 1500 1400 0100 0000 00000000 000000000000 0000 0300 2E",
]
RESPONSES = [
    "C0 81 8000",
    "F0 82 9000",
    "C9 81 0000 340207 01 0300",
    "C8 81 0000 46055B 01 0C00 01000000 00000080 61626364",
    "C7 81 0000 46045B 01 0D00 01000000 04000000 0004 0100 00",
    "F1 82 0200 330107 01 0B0C0D0E0F01 020317 02 00 81 0100 03 01 FFFF",
    "C0 81 0000 00FA00 00 00 01 03 414243",
]


def test_each_kind_of_request_is_clean():
    frames = [frame for request in REQUESTS for frame in frames_of(bytes.fromhex(request), is_from_master=True)]
    assert_clean(frames)
    functions = [int(row[0]) for row in dissect(frames, "dnp3.al.func")]
    assert functions == [bytes.fromhex(request)[1] for request in REQUESTS]


def test_each_kind_of_response_is_clean():
    assert_clean([frame for response in RESPONSES for frame in frames_of(bytes.fromhex(response), is_from_master=False)])


def spoilt(frame, place):
    return frame[:place] + bytes((frame[place] ^ 0x55,)) + frame[place + 1 :]


GOOD = frames_of(bytes.fromhex("C081 0000 1E0200 00 00 01 0100"), is_from_master=False)[0]


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (spoilt(GOOD, 0), "no DNP3"),
        (spoilt(GOOD, 9), "frame 1"),
        (spoilt(GOOD, 12), "frame 1"),
        (frames_of(bytes.fromhex("C081 0000 1E0200 00 05 01 0100"), is_from_master=False)[0], "malformed"),
        (frames_of(bytes.fromhex("C081 0000 C80200 00 00 01 0100"), is_from_master=False)[0], "frame 1"),
        (encode_frame(0x44, 1, 10, b"\xc0\xc0\x81\x00"), "malformed"),
    ],
)
def test_what_is_wrong_is_found(frame, complaint):
    assert_clean([GOOD])
    with pytest.raises(AssertionError, match=complaint):
        assert_clean([GOOD, frame])
