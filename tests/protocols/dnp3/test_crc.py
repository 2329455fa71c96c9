"""The check against its definition, and the fast ways against each other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.dnp3.bitwise import checked, crc
from tieline.protocols.dnp3.crc import MANY_BLOCKS, append_checks, crc16, is_header_right, remove_checks

FULL = 250
PER_FULL_FRAME = FULL // 16


def test_the_check_of_the_digits_is_the_one_in_the_catalogs():
    assert crc16(b"123456789") == crc(b"123456789") == 0xEA82


@given(st.binary(max_size=40))
def test_the_check_is_that_of_the_definition(data):
    assert crc16(data) == crc(data)


@pytest.mark.parametrize("count", [1, MANY_BLOCKS // PER_FULL_FRAME, MANY_BLOCKS // PER_FULL_FRAME + 2, 100])
def test_few_and_many_payloads_get_the_checks_of_the_definition(count):
    rng = random.Random(count)
    payloads = [rng.randbytes(FULL if n % 3 else rng.randrange(FULL + 1)) for n in range(count)]
    wires = append_checks(payloads)
    assert wires == [b"".join(checked(payload[n : n + 16]) for n in range(0, len(payload), 16)) for payload in payloads]
    offsets = [3 + sum(map(len, wires[:n])) + n for n in range(count)]
    wire = b"..." + b".".join(wires)
    assert remove_checks(wire, offsets, [len(payload) for payload in payloads]) == payloads


@given(st.lists(st.integers(0, FULL), max_size=12), st.randoms(use_true_random=False))
def test_payloads_end_before_the_first_with_a_flipped_bit(sizes, rng):
    payloads = [rng.randbytes(size) for size in sizes]
    wires = append_checks(payloads)
    offsets = [sum(map(len, wires[:n])) for n in range(len(wires))]
    wire = bytearray(b"".join(wires))
    if not wire:
        return
    flipped = rng.randrange(len(wire))
    wire[flipped] ^= 1 << rng.randrange(8)
    damaged = next(n for n in range(len(wires)) if offsets[n] <= flipped < offsets[n] + len(wires[n]))
    assert remove_checks(bytes(wire), offsets, sizes) == payloads[:damaged]


@pytest.mark.parametrize("damaged", [0, 5, 15 * 18 - 1, 15 * 18, 15 * 18 + 11])
@pytest.mark.parametrize("nth", [0, 7, 19])
def test_a_damaged_octet_among_many_frames_is_found(damaged, nth):
    payloads = [random.Random(n).randbytes(FULL) for n in range(20)]
    wires = append_checks(payloads)
    size = len(wires[0])
    wire = bytearray(b"".join(wires))
    wire[nth * size + damaged] ^= 0x10
    assert remove_checks(bytes(wire), range(0, 20 * size, size), [FULL] * 20) == payloads[:nth]


@given(st.binary(min_size=8, max_size=8), st.integers(0, 79))
def test_a_header_is_right_until_one_of_its_bits_is_flipped(header, bit):
    wire = bytearray(b"?" + checked(header))
    assert is_header_right(bytes(wire), 1)
    wire[1 + bit // 8] ^= 1 << bit % 8
    assert not is_header_right(bytes(wire), 1)
