"""`python -m bench.goose_fuzz`: damaged GOOSE and SV frames until there are as many as asked for.

Any octets give values or a `RemoteError`: whatever else comes out is printed with the frame that it took, and ends the run. Every frame is
read element by element and against the templates of those before it, and both must say the same; what was read goes on into columns and
through a subscriber.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import time
import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tieline.model import LocalError, Now, RemoteError
from tieline.protocols.goose import (
    Address,
    Array,
    Asdu,
    BinaryTime,
    BitString,
    Boolean,
    Data,
    Expected,
    ExpectedSv,
    Float32,
    Float64,
    FrameReader,
    GooseFrame,
    GooseMessage,
    Integer,
    MmsString,
    OctetString,
    Structure,
    Subscriber,
    SvFrame,
    SvReader,
    SvSubscriber,
    Uninterpreted,
    Unsigned,
    UtcTime,
    VisibleString,
    decode_goose,
    decode_sv,
    encode_goose,
    encode_sv,
    read_columns,
)

T0_US = 1_700_000_000_000_000
TELLING = bytes.fromhex("00 01 02 04 05 06 07 08 09 0B 1F 20 60 61 7F 80 81 82 83 84 85 86 87 88 8A 8C 90 91 A1 A2 AB FE FF")
"""Octets that mean something in many places: tags, beginnings of lengths, exponent widths."""

ADDRESS = Address(destination="01:0c:cd:01:00:01", source="02:00:00:00:00:01", app_id=1, vlan_id=5, vlan_priority=4)
REFERENCE = "NG_Q01LD0/LLN0$GO$gcb{}"

_STATES = (Structure((BitString(2, 2), BitString(0, 13), UtcTime.of(T0_US, 10))), Boolean(True), BitString(0, 13))
_NUMBERS = tuple(Structure((Float32(1.5 * number), BitString(0, 13))) for number in range(12))
_EVERY: tuple[Data, ...] = (
    *(Integer(-(1 << 8 * size - 2), size) for size in range(1, 9)),
    *(Unsigned(1 << 8 * size - 1, size) for size in range(1, 9)),
    *(Unsigned(2**64 - 1, 9), Float64(1e300), OctetString(b"\x01\x02"), VisibleString("trip"), MmsString("Überstrom")),
    *(BinaryTime(5, 6), BinaryTime(7), Uninterpreted(0x8D, b"\x12"), BitString((1 << 70) - 1, 70), BitString(0, 0)),
    Array((Structure((Structure((Boolean(False), Array(()))),)), Float32(-0.0))),
)


def goose_frame(number: int, data: tuple[Data, ...], st_num: int, sq_num: int) -> bytes:
    """A frame of one of the publishers."""
    message = GooseMessage(
        gocb_ref=REFERENCE.format(number),
        time_allowed_to_live_ms=2_000,
        dat_set="NG_Q01LD0/LLN0$ds",
        go_id=None if number else "trip",
        t=UtcTime.of(T0_US + st_num, 10),
        st_num=st_num,
        sq_num=sq_num,
        conf_rev=1,
        num_dat_set_entries=len(data),
        all_data=data,
    )
    address = ADDRESS if number else Address(destination=ADDRESS.destination, source=ADDRESS.source, app_id=1)
    return encode_goose(GooseFrame(address=address, message=message), fixed_length=number == 2)


@lru_cache
def goose_seeds() -> tuple[bytes, ...]:
    """Frames of three publishers, some of them in sequence."""
    return tuple(
        goose_frame(number, data, st_num, sq_num)
        for number, data in enumerate((_STATES, _NUMBERS, _EVERY))
        for st_num in (1, 2, 300, 0xFFFF_FFFF)
        for sq_num in (0, 1, 2, 127, 128, 70_000)
    )


@lru_cache
def sv_seeds() -> tuple[bytes, ...]:
    """Frames of a merging unit of 9-2LE, of one of IEC 61869-9, and one with every optional field."""
    sample = bytes(range(64))
    plain = [Asdu(sv_id="NG_MU01", smp_cnt=count, conf_rev=1, smp_synch=2, sample=sample) for count in (0, 1, 2, 3_998, 3_999)]
    many = tuple(Asdu(sv_id="NG_MU02", smp_cnt=count, conf_rev=1, smp_synch=1, sample=sample) for count in range(8))
    whole = Asdu(
        sv_id="NG_MU03",
        dat_set="NG_MU03/LLN0$PhsMeas1",
        smp_cnt=7,
        conf_rev=1,
        refr_tm=UtcTime.of(T0_US),
        smp_synch=0,
        smp_rate=80,
        sample=sample[:63],
        smp_mod=0,
        gm_identity=bytes(8),
    )
    groups = [*((each,) for each in plain), many, (whole,)]
    return tuple(encode_sv(SvFrame(address=ADDRESS, asdus=asdus)) for asdus in groups)


def damage(data: bytearray, chance: random.Random, seeds: tuple[bytes, ...]) -> None:
    """Changes, adds, removes or repeats some octets; half of the time what follows still has the lengths that it had."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place = chance.randrange(12, len(data) + 1) if len(data) > 12 else 0
        match chance.randrange(9):
            case 0 | 1 | 2 if place < len(data):
                data[place] = chance.choice(TELLING)
            case 3 | 4 if place < len(data):
                data[place] = chance.randrange(256)
            case 5 if place < len(data):
                data[place] ^= 1 << chance.randrange(8)
            case 6:
                data[place:place] = chance.randbytes(chance.randrange(1, 9))
            case 7:
                del data[place : place + chance.randrange(1, 9)]
            case _:
                data[place:] = chance.choice(seeds)[place:]


def leaves(data: tuple[Data, ...]) -> list[float]:
    """The numbers of all leaves, as columns should have them."""
    found: list[float] = []
    for each in data:
        match each:
            case Structure():
                found += leaves(each.members)
            case Array():
                found += leaves(each.elements)
            case Boolean() | Integer() | Unsigned() | Float32() | Float64():
                found.append(float(each.value))
            case BitString() if 0 < (each.size + 7) // 8 <= 8:
                found.append(float(each.value))
            case _:
                found.append(math.nan)
    return found


class GooseTarget:
    """What GOOSE frames are thrown at."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._now = Now(0.0, T0_US)
        expected = [Expected(gocb_ref=REFERENCE.format(number), conf_rev=1, app_id=1) for number in range(3)]
        self._subscriber = Subscriber(expected, self._now)

    def __call__(self, frame: bytes) -> bool:
        """Whether the frame was read."""
        self._now = Now(self._now.monotonic_s + 0.001, self._now.utc_us + 1_000)
        for update in self._subscriber.receive([frame], self._now):
            assert update.expected.gocb_ref
        self._subscriber.findings()
        try:
            slow = decode_goose(frame)
        except RemoteError:
            slow = None
        try:
            fast = self._reader.read(frame)
        except RemoteError:
            assert slow is None, "read against a template and refused, but not element by element"
            return False
        assert slow is not None, "refused element by element, but read against a template"
        message = slow.message
        assert (fast.st_num, fast.sq_num) == (message.st_num, message.sq_num)
        assert (fast.time_allowed_to_live_ms, fast.t) == (message.time_allowed_to_live_ms, message.t)
        assert fast.t_us == message.t.us
        columns = read_columns([fast, fast])
        assert np.array_equal(columns.numbers[1], leaves(message.all_data), equal_nan=True)
        assert columns.t_us.tolist() == [message.t.us] * 2
        with contextlib.suppress(LocalError):  # a text may be one that is never sent
            encode_goose(slow)
        return True


class SvTarget:
    """What SV frames are thrown at."""

    def __init__(self) -> None:
        self._reader = SvReader()
        self._now = Now(0.0, T0_US)
        self._subscriber = SvSubscriber([ExpectedSv(sv_id=f"NG_MU0{number}") for number in (1, 2)], self._now)

    def __call__(self, frame: bytes) -> bool:
        """Whether the frame was read."""
        self._now = Now(self._now.monotonic_s + 0.001, self._now.utc_us + 1_000)
        self._subscriber.receive([frame], self._now)
        self._subscriber.findings()
        blocks, errors = self._reader.read([frame])
        try:
            slow = decode_sv(frame)
        except RemoteError:
            assert errors, "refused element by element, but read against a template"
            return False
        assert not errors, "read against a template and refused, but not element by element"
        (block,) = blocks
        assert block.smp_cnt.tolist() == [asdu.smp_cnt for asdu in slow.asdus]
        assert block.smp_synch.tolist() == [asdu.smp_synch for asdu in slow.asdus]
        if block.values.shape[1]:
            assert [row.astype(">i4").tobytes() for row in block.values] == [
                b"".join(asdu.sample[at : at + 4] for at in range(0, len(asdu.sample), 8)) for asdu in slow.asdus
            ]
        return True


def run(target: Callable[[bytes], bool], seeds: tuple[bytes, ...], count: int, seed: int) -> int:
    """Throws so many damaged frames, with some sound ones between; how many were read all the same."""
    chance, read = random.Random(seed), 0
    for number in range(count):
        data = bytearray(chance.choice(seeds))
        if number % 16:
            damage(data, chance, seeds)
        frame = bytes(data)
        try:
            read += target(frame)
        except Exception:
            print(f"this frame was too much: {frame.hex()}")
            raise
    return read


def main() -> None:
    """Runs both with as many as asked for."""
    ask = argparse.ArgumentParser(prog="python -m bench.goose_fuzz", description=__doc__)
    ask.add_argument("--count", type=int, default=1_000_000, help="frames of GOOSE, and a tenth of it of sampled values")
    ask.add_argument(
        "--seed", type=int, default=time.time_ns(), help="what chance begins with; another one each time if not given"
    )
    asked = ask.parse_args()
    warnings.simplefilter("error")
    for name, target, seeds, count in (
        ("GOOSE frames", GooseTarget(), goose_seeds(), asked.count),
        ("SV frames", SvTarget(), sv_seeds(), asked.count // 10),
    ):
        start = time.process_time()
        read = run(target, seeds, count, asked.seed)
        taken = time.process_time() - start
        print(f"{count:,} damaged {name} (seed {asked.seed}): {read:,} read, nothing else raised; {taken:.0f} s", flush=True)


if __name__ == "__main__":
    main()
