"""Damaged files of every sort give findings, and never an exception."""

from __future__ import annotations

import os
import random
import re

import pytest

from tests.protocols.iec61850.scl.files import EDITION_1, millbrook_text, small
from tieline.protocols.iec61850.scl import data_model, multicasts_of, points_of, read_scl, single_lines_of

ROUNDS = int(os.environ.get("SCL_FUZZ_ROUNDS", "70"))
BATCHES = 10


def sources() -> list[bytes]:
    """Small files that have everything, so that thousands of them can be read: the station with one IED, an ICD, a skeleton."""
    text = millbrook_text()
    one = re.sub(r'  <IED name="MBQ0[2-6]".*?\n  </IED>\n', "", text, flags=re.DOTALL)
    one = re.sub(r'      <Bay name="Q0[2-6]".*?\n      </Bay>\n', "", one, flags=re.DOTALL)
    return [one.encode(), EDITION_1.read_bytes(), small().encode()]


SOURCES = sources()
NUMBERS = [b"-1", b"1e999", b"nan", b"99999999999999999999", b"0x10", b"", b"1_0", "٣".encode(), b"--", b"+", b"\xc2\xa0"]
PIECES = [
    b"<",
    b">",
    b"&",
    b"&#0;",
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"\0",
    b"\xff",
    b"\xc3",
    b'"',
    b"xmlns=''",
    b"<?x",
    b"}",
    b":",
    b"(3)",
]


def use(octets: bytes) -> None:
    """Everything that is done with a file."""
    reading = read_scl(octets, "fuzz.scd")
    assert reading.scl is not None or reading.findings
    for finding in reading.findings:
        assert str(finding)
    if reading.scl is None:
        return
    scl = reading.scl
    multicasts_of(scl)
    for station in single_lines_of(scl):
        station.by_node()
    for ied in scl.ieds:
        points_of(scl, ied, beyond_data_sets=True)
        for _ in data_model(scl, ied):
            pass


def mutate_octets(source: bytes, dice: random.Random) -> bytes:
    octets = bytearray(source)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(octets))
        match dice.randrange(5):
            case 0:
                octets[at] = dice.randrange(256)
            case 1:
                del octets[at : at + dice.randint(1, 60)]
            case 2:
                octets[at:at] = dice.choice(PIECES)
            case 3:
                end = at + dice.randint(1, 400)
                octets[at:at] = octets[at:end]
            case _:
                octets[at : at + 2] = octets[at : at + 2][::-1]
        if not octets:
            return b""
    return bytes(octets)


def mutate_elements(source: bytes, dice: random.Random) -> bytes:
    """Well-formed files that make no sense: what the checks have to stand."""
    text = source
    for _ in range(dice.randint(1, 8)):
        match dice.randrange(5):
            case 0:
                text = swap(text, rb'="([^"<]*)"', dice)
            case 1:
                text = replace(text, rb'="([^"<]*)"', dice.choice(NUMBERS), dice)
            case 2:
                text = replace(text, rb' [a-zA-Z]+="([^"<]*)"', b"", dice, whole=True)
            case 3:
                text = replace(text, rb"<[A-Z][A-Za-z0-9]* [^<>]*/>", b"", dice, whole=True)
            case _:
                text = repeat(text, rb"<([A-Z][A-Za-z0-9]*) [^<>]*/>", dice)
    return text


def replace(text: bytes, pattern: bytes, new: bytes, dice: random.Random, *, whole: bool = False) -> bytes:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = dice.choice(found)
    start, end = match.span(0 if whole else 1)
    return text[:start] + new + text[end:]


def swap(text: bytes, pattern: bytes, dice: random.Random) -> bytes:
    other = dice.choice(list(re.finditer(pattern, text)))[1]
    return replace(text, pattern, other, dice)


def repeat(text: bytes, pattern: bytes, dice: random.Random) -> bytes:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    where, what = dice.choice(found), dice.choice(found)
    return text[: where.end()] + what[0] * dice.choice([1, 2, 30]) + text[where.end() :]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_octets_are_survived(batch: int) -> None:
    dice = random.Random(f"octets {batch}")
    for _ in range(ROUNDS):
        use(mutate_octets(dice.choice(SOURCES), dice))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_files_that_make_no_sense_are_survived(batch: int) -> None:
    dice = random.Random(f"elements {batch}")
    for _ in range(ROUNDS):
        use(mutate_elements(dice.choice(SOURCES), dice))


@pytest.mark.parametrize("batch", range(BATCHES))
def test_types_that_are_mixed_up_are_survived(batch: int) -> None:
    """References among types are exchanged at random: cycles, dangling ones, structures in place of objects."""
    dice = random.Random(f"types {batch}")
    text = SOURCES[0]
    for _ in range(ROUNDS // 4):
        mixed = text
        for _ in range(dice.randint(1, 12)):
            mixed = swap(mixed, rb'<[SB]?D[AO] [^<>]*type="([^"<]*)"', dice)
        use(mixed)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_any_octets_are_survived(batch: int) -> None:
    dice = random.Random(f"any {batch}")
    for _ in range(ROUNDS):
        use(
            dice.choice([b"", b"<SCL>", b"\xff\xfe", b"\0<", b"<?xml version='1.0' encoding='"])
            + dice.randbytes(dice.randrange(200))
        )
