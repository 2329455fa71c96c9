"""`python -m bench.dnp3_fuzz`: damaged DNP3 fragments and streams of frames until there are as many as asked for.

Any octets give events or a `RemoteError`: whatever else comes out is printed with the octets that it took, and ends the run. Fragments go
through the parser and the conversion to columns; streams, in pieces of any size, through deframer and reassembler before that.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.frame import Deframer, encode_frame
from tieline.protocols.dnp3.measurements import common_time, decode
from tieline.protocols.dnp3.objects import KNOWN_TYPES, object_type
from tieline.protocols.dnp3.transport import Reassembler, segment

TELLING = bytes.fromhex("00 01 03 06 07 08 09 0B 17 28 39 3C 5B 64 6E 7F 80 81 82 FE FF")
"""Octets that mean something in many places: qualifiers, function codes, ends of ranges."""


@lru_cache
def seeds() -> tuple[bytes, ...]:
    """A response with each object that there is, and requests of every kind."""
    chance = random.Random(1815)
    found = [
        bytes.fromhex(text)
        for text in (
            "C001 3C0206 3C0306 3C0406 3C0106",
            "C602 500100 07 07 00",
            "CF0B 320207 01 0B0C0D0E0F01 80510100 140006",
            "C303 0C0117 01 0A 41 01 64000000 64000000 00",
            "C505 290228 0100 0500 6400 00",
            "C606 0C0207 01 03 01 E8030000 00000000 00 0C0300 00 07 A5",
            "C719 46035B 01 1F00 1A00 0500 000000000000 0000 00000000 00000000 0100 0004 0100 6162636465",
            "C081 0000 46055B 01 0C00 01000000 00000080 41424344 C9035B 01 0000 010200 00 00 81",
            "C081 0000 00FF00 00 00 FE 06 010002000300 00FC00 00 00 01 02 4142",
            "C081 0000 6E0500 00 01 68656C6C6F 776F726C64 6F0317 02 01 414243 02 444546",
        )
    ]
    for numbers in KNOWN_TYPES:
        found.append(encode_fragment(Control(), Function.RESPONSE, list(_forms(numbers, chance)), IIN(0)))
    return tuple(found)


def _forms(numbers: tuple[int, int], chance: random.Random) -> Iterator[ObjectBlock]:
    kind = object_type(*numbers)
    assert kind is not None
    if kind.dtype is None:
        yield ObjectBlock.range(*numbers, 0, 20, states=np.zeros(21, np.uint8))
        return
    if kind.has_relative_time:
        yield ObjectBlock.counted(51, 1 + chance.randrange(2), np.zeros(1, np.dtype([("time_low", "<u4"), ("time_high", "<u2")])))
    records = np.frombuffer(chance.randbytes(3 * kind.dtype.itemsize), kind.dtype)
    yield ObjectBlock.range(*numbers, 1, 3, records=records)
    yield ObjectBlock.indexed(*numbers, [1, 300, 7], records=records)
    yield ObjectBlock.counted(*numbers, records)


def damage(data: bytearray, chance: random.Random) -> None:
    """Changes, adds, removes or repeats some octets."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 | 1 if place < len(data):
                data[place] = chance.choice(TELLING)
            case 2 if place < len(data):
                data[place] = chance.randrange(256)
            case 3:
                data[place:place] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                del data[place : place + chance.randrange(1, 9)]
            case _:
                data[place:] = chance.choice(seeds())[chance.randrange(12) :]


def read(fragment: bytes) -> int:
    """Parses, decodes and throws away; how many blocks there were."""
    common = None
    with contextlib.suppress(FragmentError):
        blocks = parse_fragment(fragment).blocks
        for block in blocks:
            common = common_time(block) or common
            decode(block, common)
        return len(blocks)
    return 0


def fragments(count: int, seed: int) -> int:
    """Reads so many damaged fragments; how many blocks were in them."""
    chance, blocks = random.Random(seed), 0
    for _ in range(count):
        data = bytearray(chance.choice(seeds()))
        damage(data, chance)
        blocks += _told(read, bytes(data))
    return blocks


def link_streams(count: int, seed: int) -> int:
    """Receives so many frames, damaged before or after their checks were added, in pieces; how many blocks were in them."""
    chance, blocks, sequence, left = random.Random(seed), 0, 0, count
    deframer, reassembler = Deframer(), Reassembler()

    def receive(piece: bytes) -> int:
        found = 0
        for frame in deframer.receive(piece):
            fragment = reassembler.receive(frame.payload)
            found += read(fragment) if fragment else 0
        return found

    while left > 0:
        stream = bytearray()
        for _ in range(min(8, left)):
            fragment = bytearray(chance.choice(seeds()))
            if chance.random() < 0.5:
                damage(fragment, chance)
            parts, sequence = segment(bytes(fragment) or b"\0", sequence)
            for part in parts:
                payload = bytearray(part)
                if chance.random() < 0.1:
                    damage(payload, chance)
                stream += encode_frame(
                    chance.choice((0xC4, 0x44, 0xD3, 0xF3, chance.randrange(256))), 1, 10, bytes(payload[:250])
                )
            left -= len(parts)
        if chance.random() < 0.5:
            damage(stream, chance)
        while stream:
            size = chance.choice((1, 2, 9, 40, 300, 4000))
            blocks += _told(receive, bytes(stream[:size]))
            del stream[:size]
    return blocks


def _told(work: Callable[[bytes], int], data: bytes) -> int:
    try:
        return work(data)
    except Exception:
        print(f"these octets were too much: {data.hex()}")
        raise


def main() -> None:
    """Runs both with as many as asked for."""
    ask = argparse.ArgumentParser(prog="python -m bench.dnp3_fuzz", description=__doc__)
    ask.add_argument("--count", type=int, default=1_000_000, help="fragments, and frames")
    ask.add_argument(
        "--seed", type=int, default=time.time_ns(), help="what chance begins with; another one each time if not given"
    )
    asked = ask.parse_args()
    warnings.simplefilter("error")
    for name, run in (("fragments", fragments), ("frames", link_streams)):
        start, blocks = time.process_time(), 0
        for done in range(0, asked.count, 50_000):
            blocks += run(min(50_000, asked.count - done), asked.seed + done)
        taken = time.process_time() - start
        print(f"{asked.count:,} damaged {name} (seed {asked.seed}): {blocks:,} blocks read, nothing else raised; {taken:.0f} s")


if __name__ == "__main__":
    main()
