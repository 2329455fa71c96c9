"""Whatever octets come, a master gives events and goes on."""

from __future__ import annotations

import random
from typing import get_args

import pytest

from tieline.model import Now
from tieline.protocols.dnp3.application import ObjectBlock, parse_fragment
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, OperateMode, Operation
from tieline.protocols.dnp3.master import EventPoll, FreezePlan, MasterEvent, MasterSettings, TaskDone, TimeSynchronization

from .rig import Rig

CLASSES = frozenset({1, 2, 3})
BODIES = [
    "",
    "02 01 17 02 03 81 04 01",
    "33 01 07 01 00 68 e5 cf 8b 01 02 03 17 01 03 81 0a 00",
    "1e 05 00 00 01 01 00 00 80 7f 01 01 00 a0 7f",
    "20 07 28 02 00 01 00 01 00 00 c0 7f 00 68 e5 cf 8b 01 02 00 01 00 00 80 3f 00 68 e5 cf 8b 01",
    "20 06 17 01 01 01 01 00 00 00 00 00 f4 7f",
    "01 01 00 00 09 ff 03 03 01 00 00 07 00 e4 1b",
    "6f 03 17 01 01 61 62 63 6e 02 00 00 01 41 42 43 44",
    "34 02 07 01 0a 00",
    "46 04 5b 01 0d 00 44 33 22 11 05 00 00 00 00 02 01 00 00",
    "46 05 5b 01 0b 00 44 33 22 11 00 00 00 80 61 62 63",
    "46 06 5b 01 09 00 44 33 22 11 00 00 00 00 11",
    "46 02 5b 01 0c 00 0c 00 00 00 0c 00 00 00 fe ca 00 00",
    "0c 01 17 01 07 03 01 00 00 00 00 00 00 00 00 00",
    "29 03 17 01 02 00 00 48 41 00",
    "00 fc 00 00 00 01 03 61 62 63",
    "0d 02 17 01 03 81 00 68 e5 cf 8b 01 2b 07 17 01 03 00 00 00 80 3f 00 68 e5 cf 8b 01",
]


def make_rig(seed: int) -> Rig:
    return Rig(
        MasterSettings(
            timeout_s=2.0,
            most_fragments=20,
            time_synchronization=list(TimeSynchronization)[seed % 3],
            event_polls=(EventPoll(period_s=20.0),),
            freeze=FreezePlan(period_s=60.0),
            deadbands=((1, 2.0),),
        )
    )


def ask(rig: Rig, chance: random.Random) -> int:
    master, now = rig.master, rig.now
    mode = chance.choice(list(OperateMode))
    commands = [(7, BinaryCommand(operation=Operation.LATCH_ON)), (2, AnalogCommand(value=12.5))]
    return chance.choice(
        [
            lambda: master.operate(commands[: chance.randrange(1, 3)], mode, now),
            lambda: master.read([ObjectBlock.all(30)], now),
            lambda: master.scan_integrity(now),
            lambda: master.scan_events(CLASSES, now),
            lambda: master.freeze(now, clear=chance.random() < 0.5, acknowledged=chance.random() < 0.5),
            lambda: master.synchronize_time(now),
            lambda: master.measure_delay(now),
            lambda: master.cold_restart(now),
            lambda: master.read_file("a", now),
            lambda: master.broadcast_time(0xFFFF, now),
        ]
    )()


def mutated(request: bytes, chance: random.Random) -> bytes:
    """An answer that often is one, and often is not."""
    control = 0xC0 | request[0] & 0x0F if chance.random() < 0.8 else chance.randrange(256)
    if chance.random() < 0.2:
        control ^= 1 << chance.randrange(4, 8)
    function = chance.choice([0x81, 0x81, 0x81, 0x82, chance.randrange(256)])
    if function == 0x82 and chance.random() < 0.8:
        control = 0xF0 | chance.randrange(16)
    iin = bytes(
        (chance.choice([0, 0, 0x80, 0x10, 0x0E, chance.randrange(256)]), chance.choice([0, 0, 0, 8, chance.randrange(256)]))
    )
    body = (
        request[2:]
        if chance.random() < 0.3
        else b"".join(bytes.fromhex(chance.choice(BODIES)) for _ in range(chance.randrange(3)))
    )
    octets = bytearray(bytes((control, function)) + iin + body)
    for _ in range(chance.choice([0, 0, 0, 1, 1, 3])):
        match chance.randrange(3):
            case 0:
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            case 1:
                del octets[chance.randrange(len(octets)) :]
            case _:
                octets += chance.randbytes(chance.randrange(20))
        if not octets:
            break
    return bytes(octets)


@pytest.mark.parametrize("seed", range(8))
def test_any_octets_give_events_and_each_request_ends_once(seed) -> None:
    chance = random.Random(seed)
    rig = make_rig(seed)
    asked: set[int] = set()
    request = b"\xc0\x01"
    for _ in range(2500):
        if chance.random() < 0.1 and len(asked - {event.request for event in rig.logged(TaskDone)}) < 20:
            asked.add(ask(rig, chance))
        for outgoing in rig.master.take(rig.now, may_begin=chance.random() < 0.9):
            assert parse_fragment(outgoing.fragment).fault is None, "whatever comes, what leaves is right"
            request = outgoing.fragment
        for event in rig.hear(mutated(request, chance)):
            assert isinstance(event, get_args(MasterEvent))
        rig.wait(chance.choice([0.0, 0.0, 0.1, 3.0]))
        deadline = rig.master.next_deadline()
        assert deadline is None or deadline > rig.seconds
        if chance.random() < 0.005:
            rig.master.link_down(rig.now)
            rig.master.link_up(rig.now)
    rig.master.link_down(Now(rig.seconds, 0))
    rig.told()
    assert sorted(event.request for event in rig.logged(TaskDone)) == sorted(asked)
    outcomes = {event.result.outcome for event in rig.logged(TaskDone)}
    assert len(outcomes) >= 4, "otherwise the answers were never any good"


def test_noise_gives_events() -> None:
    chance = random.Random(99)
    rig = make_rig(0)
    for number in range(5000):
        rig.hear(bytes((0xF0 | number & 15, 0x82, 0, 0)) * chance.randrange(2) + chance.randbytes(chance.randrange(60)))
        rig.sent()
    assert len(rig.log) > 1000
