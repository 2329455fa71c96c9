"""Sampled values: frames to columns, and what is missing among them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.goose.frames import ADDRESS, T0_US
from tests.protocols.goose.strategies import U16, U32, addresses, utc_times, visible
from tieline.model import LocalError, Now
from tieline.protocols.goose import (
    Asdu,
    ExpectedSv,
    FindingKind,
    FrameError,
    SvFrame,
    SvKey,
    SvReader,
    SvSubscriber,
    decode_sv,
    encode_sv,
)
from tieline.protocols.goose.ber import element
from tieline.protocols.goose.ethernet import build_frame

GOLDEN = bytes.fromhex(
    # Written by hand from IEC 61850-9-2 and the 9-2LE guideline: one ASDU, two channels instead of eight.
    "010ccd040001 020000000021 8100 8004 88ba 4000 0039 0000 0000"
    "60 2f 80 01 01 a2 2a 30 28"
    "80 07 4e475f4d553031  82 02 0f9f  83 04 00000001  85 01 02"
    "87 10 00000064 00000000  ffffff9c 00000003"
)
ASDU = Asdu(sv_id="NG_MU01", smp_cnt=3_999, conf_rev=1, smp_synch=2, sample=struct.pack(">iIiI", 100, 0, -100, 3))
SV_ADDRESS = replace(ADDRESS, destination="01:0c:cd:04:00:01", source="02:00:00:00:00:21", app_id=0x4000, vlan_id=4)
EXPECTED = ExpectedSv(sv_id="NG_MU01", conf_rev=1, app_id=0x4000, channels=2)
K = FindingKind

asdus = st.builds(
    Asdu,
    sv_id=visible(),
    dat_set=st.none() | visible(),
    smp_cnt=U16,
    conf_rev=U32,
    refr_tm=st.none() | utc_times,
    smp_synch=st.integers(0, 255),
    smp_rate=st.none() | U16,
    sample=st.binary(max_size=80),
    smp_mod=st.none() | U16,
    gm_identity=st.none() | st.binary(min_size=8, max_size=8),
)
frames = st.builds(
    SvFrame, address=addresses(), simulation=st.booleans(), asdus=st.lists(asdus, min_size=1, max_size=8).map(tuple)
)


def test_the_golden_frame_is_read_and_written() -> None:
    frame = SvFrame(address=SV_ADDRESS, asdus=(ASDU,))
    assert decode_sv(GOLDEN) == frame
    assert encode_sv(frame) == GOLDEN


@given(frames)
def test_what_is_written_is_read_as_it_was(frame: SvFrame) -> None:
    octets = encode_sv(frame)
    assert decode_sv(octets) == frame
    assert decode_sv(octets + bytes(20)) == frame


@given(frames)
def test_columns_hold_what_the_frame_holds(frame: SvFrame) -> None:
    octets = encode_sv(frame)
    (block,), errors = SvReader().read([octets, octets])
    assert not errors
    assert block.smp_cnt.tolist() == [asdu.smp_cnt for asdu in frame.asdus] * 2
    assert block.smp_synch.tolist() == [asdu.smp_synch for asdu in frame.asdus] * 2
    if block.values.shape[1]:
        pairs = np.stack([block.values.astype(np.int64), block.quality.astype(np.int64)], axis=2)
        assert pairs.tolist() == [[list(each) for each in struct.iter_unpack(">iI", asdu.sample)] for asdu in frame.asdus] * 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("88ba4000", "88b84000", "is not sampled values"),
        ("602f80", "612f80", "cannot begin with 61"),
        ("602f80", "602e80", "end 1 octets early"),
        ("800101a2", "800102a2", "noASDU is 2, but there are 1"),
        ("800101a2", "800100a2", "noASDU cannot be"),
        ("800101a2", "810101a2", "noASDU cannot be"),
        ("a22a3028", "a32a3028", "missing or out of order"),
        ("a22a3028", "a22a3128", "begins with 31"),
        ("8007", "8a07", "has no place here"),
        ("82020f9f", "81020f9f", "smpCnt is missing"),
        ("85010287", "82010287", "has no place here"),
        ("85010287", "84010287", "refrTm has 1 octets, not 8"),
        ("8710", "8810", "smpMod has 16 octets"),
    ],
)
def test_octets_that_make_no_samples_are_refused_with_a_reason(old: str, new: str, words: str) -> None:
    assert GOLDEN.count(bytes.fromhex(old)) == 1
    with pytest.raises(FrameError, match=words):
        decode_sv(GOLDEN.replace(bytes.fromhex(old), bytes.fromhex(new)))


def test_more_asdus_than_announced_and_long_names_are_refused() -> None:
    two = encode_sv(SvFrame(address=SV_ADDRESS, asdus=(ASDU, ASDU)))
    with pytest.raises(FrameError, match="noASDU is 1, but there are more"):
        decode_sv(two.replace(bytes.fromhex("800102"), bytes.fromhex("800101")))
    asdu = element(0x30, element(0x80, b"x" * 130) + GOLDEN[GOLDEN.index(bytes.fromhex("82020f9f")) :])
    long = build_frame(SV_ADDRESS, 0x88BA, element(0x60, element(0x80, b"\x01") + element(0xA2, asdu)))
    with pytest.raises(FrameError, match="svID has 130 characters"):
        decode_sv(long)


@pytest.mark.parametrize(
    "asdu",
    [
        replace(ASDU, smp_cnt=0x1_0000),
        replace(ASDU, sv_id="x" * 130),
        replace(ASDU, sv_id="ä"),
        replace(ASDU, gm_identity=b"1234567"),
        replace(ASDU, smp_synch=256),
    ],
)
def test_samples_that_the_standard_does_not_allow_are_not_sent(asdu: Asdu) -> None:
    with pytest.raises(LocalError):
        encode_sv(SvFrame(address=SV_ADDRESS, asdus=(asdu,)))


def test_a_frame_needs_asdus() -> None:
    with pytest.raises(LocalError):
        encode_sv(SvFrame(address=SV_ADDRESS, asdus=()))
    with pytest.raises(LocalError):
        encode_sv(SvFrame(address=SV_ADDRESS, asdus=(ASDU,) * 65))


def octets(counts: Iterable[int], **changes: object) -> bytes:
    address = changes.pop("address", SV_ADDRESS)
    simulation = changes.pop("simulation", False)
    each = tuple(replace(ASDU, smp_cnt=count, **changes) for count in counts)  # type: ignore[arg-type]
    return encode_sv(SvFrame(address=address, simulation=simulation, asdus=each))  # type: ignore[arg-type]


def stream(first: int, count: int, rate: int = 4_000, *, asdus: int = 1, without: Iterable[int] = ()) -> Iterator[bytes]:
    """Frames from one sample on, without some of them, numbered from the first."""
    gone = set(without)
    for number in range(0, count, asdus):
        if number not in gone:
            yield octets((first + number + place) % rate for place in range(asdus))


def at(seconds: float) -> Now:
    return Now(seconds, T0_US + round(seconds * 1e6))


@pytest.mark.parametrize(("rate", "asdus"), [(4_000, 1), (4_800, 1), (4_800, 2), (14_400, 6)])
def test_an_unbroken_stream_has_no_findings(rate: int, asdus: int) -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    frames = list(stream(rate - 600, 1_200, rate, asdus=asdus))
    for start in range(0, len(frames), 70):
        subscriber.receive(frames[start : start + 70], at(0))
    assert subscriber.findings() == []
    (status,) = subscriber.status()
    assert (status.samples, status.lost, status.repeated, status.is_alive, status.is_synchronized) == (1_200, 0, 0, True, True)


@pytest.mark.parametrize(
    ("first", "without", "lost"),
    [
        (0, [5], 1),
        (0, range(5, 15), 10),
        (0, [5, 8], 2),
        (3_990, [10], 1),  # the very turn
        (3_990, [9, 10, 11], 3),
    ],
)
def test_lost_samples_are_counted(first: int, without: Iterable[int], lost: int) -> None:
    subscriber = SvSubscriber([replace(EXPECTED, samples_per_s=4_000)], at(0))
    subscriber.receive(stream(first, 30, without=without), at(0))
    (finding,) = subscriber.findings()
    assert (finding.kind, finding.count, finding.stream) == (K.LOSS, lost, "NG_MU01")
    assert subscriber.status()[0].lost == lost


def test_the_rate_is_found_at_the_first_turn() -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    subscriber.receive(stream(4_700, 200, 4_800), at(0))
    subscriber.receive(stream(100, 4_900, 4_800, without=[4_699, 4_700]), at(0.1))
    assert subscriber.status()[0].lost == 2


def test_repeated_and_late_samples_are_not_lost_ones() -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    subscriber.receive([octets([count]) for count in (10, 11, 11, 12, 10, 13)], at(0))
    (finding,) = subscriber.findings()
    assert (finding.kind, finding.count) == (K.REPLAY, 2)
    assert (subscriber.status()[0].lost, subscriber.status()[0].repeated) == (0, 2)


def test_silence_is_reported_and_so_is_its_end() -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    subscriber.receive([octets([10])], at(0))
    assert subscriber.next_deadline() == pytest.approx(0.5)
    subscriber.tick(at(0.49))
    assert subscriber.findings() == []
    subscriber.tick(at(0.5))
    subscriber.receive([octets([2_000])], at(1.0))
    assert [(each.kind, each.is_over) for each in subscriber.findings()] == [(K.EXPIRED, False), (K.EXPIRED, True)]
    assert subscriber.status()[0].lost == 0


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"conf_rev": 2}, K.CONFIGURATION, "confRev is 2, not 1"),
        ({"sample": bytes(64)}, K.CONFIGURATION, "the number of channels is 8, not 2"),
        ({"smp_synch": 0}, K.SYNCHRONIZATION, "not synchronized"),
        ({"address": replace(SV_ADDRESS, app_id=0x4001)}, K.ADDRESS, "APPID is 4001, not 4000"),
        ({"sv_id": "NG_MU09"}, K.UNKNOWN_PUBLISHER, "NG_MU09 from 02:00:00:00:00:21"),
        ({"simulation": True}, K.SIMULATION, "not used"),
    ],
)
def test_what_differs_is_reported(changes: dict[str, object], kind: FindingKind, words: str) -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    blocks = subscriber.receive([octets([1], **changes)], at(0))
    (finding,) = subscriber.findings()
    assert finding.kind is kind
    assert words in finding.text
    assert bool(blocks) == (kind not in {K.UNKNOWN_PUBLISHER, K.SIMULATION})


def test_a_second_source_is_not_used() -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    (block,) = subscriber.receive([octets([1])], at(0))
    assert block.key == SvKey("02:00:00:00:00:21", 0x4000, "NG_MU01", simulation=False)
    assert subscriber.receive([octets([2], address=replace(SV_ADDRESS, source="02:00:00:00:00:99"))], at(0)) == []
    assert [each.kind for each in subscriber.findings()] == [K.SECOND_PUBLISHER]


def test_damaged_frames_do_not_stop_the_sound_ones() -> None:
    subscriber = SvSubscriber([EXPECTED], at(0))
    (block,) = subscriber.receive([octets([1]), GOLDEN[:-1], octets([2]), b""], at(0))
    assert block.smp_cnt.tolist() == [1, 2]
    assert block.values.tolist() == [[100, -100]] * 2
    assert block.quality.tolist() == [[0, 3]] * 2
    assert subscriber.malformed == 2
    assert {each.kind for each in subscriber.findings()} == {K.MALFORMED}
