"""Whatever a master sends, in whatever state: an outstation answers in fragments that can be read, or not at all, and does not grow."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest

from tests.protocols.dnp3.outstation.rig import INTEGRITY, Bench, Handler, online, small_database
from tests.protocols.dnp3.outstation.test_files import Memory
from tieline.protocols.dnp3.application import Control, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, Operation, command_block
from tieline.protocols.dnp3.file_objects import FileCommand, FileCommandStatus, FileDescriptor, FileMode, FileTransport
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import object_type
from tieline.protocols.dnp3.outstation import OutstationSettings

CASES = 2_500
CROB = command_block(1, BinaryCommand(operation=Operation.LATCH_ON))
ANALOG = command_block(0, AnalogCommand(value=1.5))


def requests():
    """One of each, and more of those in which much can be wrong."""
    interval = object_type(50, 2).zeros(1)
    mask = ObjectBlock.range(12, 3, 0, 7, states=np.ones(8, np.uint8))
    deadband = object_type(34, 3).zeros(2)
    time = object_type(50, 1).zeros(1)
    bodies = [
        (Function.CONFIRM, []),
        (Function.READ, INTEGRITY),
        (Function.READ, [ObjectBlock.all(group) for group in (1, 2, 3, 4, 10, 20, 21, 22, 30, 32, 34, 40, 110, 111)]),
        (Function.READ, [ObjectBlock.range(30, 1, 0, 301), ObjectBlock.indexed(1, 1, [1, 2, 9]), ObjectBlock.limited(2, 3, 2)]),
        (Function.READ, [ObjectBlock.limited(50, 1, 1), ObjectBlock.range(80, 1, 0, 7)]),
        (Function.WRITE, [ObjectBlock.range(80, 1, 7, 7, states=np.zeros(1, np.uint8)), ObjectBlock.counted(50, 1, time)]),
        (Function.WRITE, [ObjectBlock.indexed(34, 3, [0, 300], records=deadband)]),
        (Function.WRITE, [ObjectBlock.range(110, 3, 0, 1, strings=(b"abc", b"def"))]),
        *[(function, [CROB, ANALOG]) for function in (3, 4, 5, 6)],
        (Function.SELECT, [ObjectBlock.counted(12, 2, CROB.records), mask]),
        *[(function, [ObjectBlock.all(20), ObjectBlock.range(30, 0, 0, 1)]) for function in (7, 8, 9, 10)],
        (Function.FREEZE_AT_TIME, [ObjectBlock.counted(50, 2, interval), ObjectBlock.all(20)]),
        (Function.COLD_RESTART, []),
        (Function.ENABLE_UNSOLICITED, INTEGRITY[:3]),
        (Function.DISABLE_UNSOLICITED, INTEGRITY[:3]),
        (Function.ASSIGN_CLASS, [ObjectBlock.all(60, 3), ObjectBlock.range(1, 0, 0, 5)]),
        (Function.DELAY_MEASURE, []),
        (Function.RECORD_CURRENT_TIME, []),
        (Function.OPEN_FILE, [FileCommand(name="log", mode=FileMode.READ, max_block=100).block]),
        (Function.READ, [FileTransport(handle=1, number=0).block]),
        (Function.CLOSE_FILE, [FileCommandStatus(handle=1).block]),
        (Function.GET_FILE_INFO, [FileDescriptor(name="/").block]),
    ]
    return [encode_fragment(Control(), function, blocks) for function, blocks in bodies]


REQUESTS = requests()


def mutated(rng):
    octets = bytearray(rng.choice(REQUESTS))
    octets[0] = rng.choice([0xC0, 0xC0, 0xC0, 0xD0, 0xE0, rng.randrange(256)]) & 0xF0 | rng.randrange(16)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(1, len(octets))
        match rng.randrange(5):
            case 0:
                octets[at] = rng.randrange(256)
            case 1:
                octets[at] = rng.choice([0, 1, 0x7F, 0xFF, 0x06, 0x17, 0x28, 0x5B])
            case 2:
                del octets[at : at + rng.randrange(1, 6)]
            case 3:
                octets[at:at] = rng.choice(REQUESTS)[2 : 2 + rng.randrange(12)]
            case _:
                octets += rng.choice(REQUESTS)[2:]
        if len(octets) < 2:
            break
    return bytes(octets[:2_048])


class Moody(Handler):
    """Forgets what it was asked, so that only the outstation can grow."""

    def operate(self, index, command, mode):
        super().operate(index, command, mode)
        del self.operated[:], self.selected[:]
        return self.answers.get(index, index % 5)

    def write_string(self, index, value):
        return len(value) % 2 == 0


def check(one, out):
    for octets in out:
        assert len(octets) <= one.settings.max_fragment
        fragment = parse_fragment(octets)
        assert fragment.fault is None, octets.hex()
        assert fragment.function in {Function.RESPONSE, Function.UNSOLICITED_RESPONSE}
    assert len(out) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_mutated_requests_are_answered_or_not_in_every_state(seed):
    rng = random.Random(seed)
    settings = OutstationSettings(
        max_fragment=rng.choice([270, 2_048]),
        event_capacity=(50, 50, 50),
        time_period_s=60.0,
        unsolicited_allowed=seed % 3 > 0,
        unsolicited_retries=rng.choice([None, 1]),
    )
    one = Bench(online(small_database()), settings=settings, handler=Moody(), files=Memory(log=bytes(1_000)), start=seed % 2 == 0)
    answered = 0
    for _ in range(CASES):
        if rng.random() < 0.3:
            one.update(PointType.ANALOG_INPUT, [0, 301], rng.gauss(0, 5))
            one.update(PointType.BINARY_INPUT, rng.randrange(20), rng.randrange(2))
        out = one.send(mutated(rng), broadcast=rng.choice([None] * 9 + [0xFFFD, 0xFFFE, 0xFFFF]))
        check(one, out)
        answered += len(out)
        for octets in out:
            if rng.random() < 0.5:
                check(one, one.confirm(octets))
        if rng.random() < 0.2:
            check(one, one.after(rng.choice([0.1, 3.0, 20.0])))
            deadline = one.outstation.next_deadline()
            assert deadline is None or deadline > one.now.monotonic_s
        if rng.random() < 0.01:
            one.outstation.link_down(one.now)
            assert one.take() == []
            one.outstation.link_up(one.now)
        one.outstation.events()
    assert answered > CASES / 4
    # What it was through, it works: a master that behaves gets its answer, and all events once.
    one.outstation.link_down(one.now)
    one.outstation.restart(one.now)
    one.outstation.link_up(one.now)
    for octets in one.take():
        one.confirm(octets)
    one.read(*INTEGRITY)
    assert len(one.outstation.buffer) == 0


@pytest.mark.parametrize("seed", range(3))
def test_random_octets_are_answered_or_not(seed):
    rng = random.Random(100 + seed)
    one = Bench(online(small_database()), settings=OutstationSettings(unsolicited_allowed=False), handler=Moody())
    for _ in range(CASES):
        function = bytes((0xC0 | rng.randrange(16), rng.randrange(34)))
        check(one, one.send(function + rng.randbytes(rng.randrange(40))))


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_flood_of_requests_does_not_grow_the_outstation(is_taken):
    one = Bench(online(small_database()), settings=OutstationSettings(event_capacity=(50, 50, 50)), handler=Moody())
    many = ObjectBlock.all(30), ObjectBlock.all(20), ObjectBlock.all(60, 1)
    flood = [one.request(Function.READ, *many * 200), *(one.request(Function.DIRECT_OPERATE, CROB) for _ in range(20))]
    flood += [encode_fragment(Control(sequence=number), Function.WRITE, [ANALOG]) for number in range(16)]

    def pour(times):
        for number in range(times):
            one.outstation.receive(flood[number % len(flood)], one.now)
            if is_taken:
                one.take()

    pour(100)
    tracemalloc.start()
    pour(100)
    before, _ = tracemalloc.get_traced_memory()
    pour(400)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000
