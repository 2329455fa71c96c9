"""Segments and fragments (IEEE 1815-2012 clause 8)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import LocalError
from tieline.protocols.dnp3.transport import MAX_SEGMENT_DATA, Reassembler, segment


def received(reassembler: Reassembler, *segments: bytes) -> list[bytes]:
    return [fragment for part in segments if (fragment := reassembler.receive(part)) is not None]


def three(sequence: int = 0, fill: bytes = b"x") -> list[bytes]:
    return segment(fill * (2 * MAX_SEGMENT_DATA + 5), sequence)[0]


@pytest.mark.parametrize(
    ("size", "sequence", "headers", "next_sequence"),
    [
        (1, 0, [0xC0], 1),
        (249, 63, [0xFF], 0),
        (250, 5, [0x45, 0x86], 7),
        (498, 62, [0x7E, 0xBF], 0),
        (600, 63, [0x7F, 0x00, 0x81], 2),
    ],
)
def test_segments_carry_fir_fin_and_a_sequence_modulo_64(size, sequence, headers, next_sequence):
    segments, after = segment(b"x" * size, sequence)
    assert [part[0] for part in segments] == headers
    assert all(len(part) <= 250 for part in segments)
    assert after == next_sequence


@given(st.lists(st.binary(min_size=1, max_size=2048), max_size=5), st.integers(0, 63))
def test_fragments_come_back_whole(fragments, sequence):
    reassembler = Reassembler()
    back = []
    for fragment in fragments:
        segments, sequence = segment(fragment, sequence)
        back += received(reassembler, *segments)
    assert back == fragments
    assert reassembler.dropped == 0


def test_a_repeated_segment_is_dropped_wherever_it_stands():
    a, b, c = three()
    reassembler = Reassembler()
    assert received(reassembler, a, a, b, b, b, c) == [b"x" * 503]
    assert reassembler.dropped == 3
    assert received(reassembler, c) == []


def test_the_same_number_with_other_octets_is_no_repetition_and_ends_the_fragment():
    a, b, c = three()
    reassembler = Reassembler()
    assert received(reassembler, a, b, b[:-1] + b"y", c) == []
    assert reassembler.dropped == 4


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_fragment_with_a_gap_is_dropped_and_the_next_one_is_not(missing):
    segments = three()
    del segments[missing]
    reassembler = Reassembler()
    assert received(reassembler, *segments, *three(3, b"y")) == [b"y" * 503]
    assert reassembler.dropped == 2


def test_fir_begins_anew_with_any_number():
    a, b, _ = three()
    assert received(Reassembler(), a, b, *three(40, b"y")) == [b"y" * 503]


@pytest.mark.parametrize("part", [b"", b"\xc0", b"\x80x", b"\x00x"])
def test_a_segment_without_data_or_without_a_beginning_is_dropped(part):
    reassembler = Reassembler()
    assert received(reassembler, part, b"\xc5ok") == [b"ok"]
    assert reassembler.dropped == 1


def test_a_fragment_that_is_too_long_is_dropped_and_the_bound_is_exact():
    reassembler = Reassembler(max_fragment=503)
    assert received(reassembler, *three()) == [b"x" * 503]
    reassembler = Reassembler(max_fragment=502)
    assert received(reassembler, *three(), *three()[:1], b"\xc9ok") == [b"ok"]
    assert reassembler.dropped == 4


def test_a_fragment_without_end_is_kept_no_longer_than_the_bound():
    reassembler = Reassembler()
    reassembler.receive(b"\x40" + b"x" * 249)
    for sequence in range(1, 100_000):
        assert reassembler.receive(bytes((sequence % 64,)) + b"x" * 249) is None
    assert reassembler.dropped >= 99_990


def test_a_reset_forgets_what_was_begun():
    a, b, c = three()
    reassembler = Reassembler()
    received(reassembler, a, b)
    reassembler.reset()
    assert received(reassembler, c) == []
    assert reassembler.dropped == 3


@pytest.mark.parametrize("seed", range(20))
def test_any_segments_give_fragments_within_the_bound_or_nothing(seed):
    rng = random.Random(seed)
    reassembler = Reassembler(max_fragment=600)
    count = 0
    for _ in range(2000):
        fragment = reassembler.receive(rng.randbytes(rng.randrange(251)))
        if fragment is not None:
            assert 1 <= len(fragment) <= 600
            count += 1
    assert count > 0


def test_wrong_calls_are_local_errors():
    for fragment, sequence in ((b"", 0), (b"x", 64), (b"x", -1)):
        with pytest.raises(LocalError):
            segment(fragment, sequence)
    with pytest.raises(LocalError):
        Reassembler(max_fragment=0)
