"""Outstations that do what the standard does not foresee, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random

import numpy as np
import pytest

from tieline.model import Quality
from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock, encode_fragment
from tieline.protocols.dnp3.frame import PrimaryFunction, encode_frames, primary_control
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import object_type
from tieline.protocols.dnp3.transport import segment

from .field import serving as serving_tcp
from .outstations import Rtu, connection, free_port, listed, make_device, running, serving


def framed(fragment: bytes, *, source: int = 10) -> bytes:
    control = primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=False)
    segments, _ = segment(fragment, 0)
    return encode_frames(control, 1, source, segments)


def unsolicited(sequence: int, *values: float, iin: IIN = IIN.CLASS_1_EVENTS, index: int = 0) -> bytes:
    kind = object_type(32, 5)
    assert kind is not None
    records = kind.zeros(len(values))
    records["flags"], records["value"] = 1, values
    block = ObjectBlock.indexed(32, 5, [index] * len(values), records=records)
    control = Control(unsolicited=True, confirm=True, sequence=sequence % 16)
    return encode_fragment(control, Function.UNSOLICITED_RESPONSE, [block], iin)


async def drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


async def test_a_flood_of_unsolicited_responses_starves_nobody_and_loses_nothing():
    count = 3000

    async def flood(reader, writer):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drained(reader))
            for number in range(count):
                writer.write(framed(unsolicited(number, float(number))))
                await writer.drain()
            await reader.read()

    good = Rtu(connection("tcp_server", port=free_port()), {PointType.ANALOG_INPUT: 1})
    async with serving(good), serving_tcp(flood) as port:
        devices = [make_device(listed(30), connection(port=port)), make_device(listed(30), good_place(good), name="rtu-2")]
        async with running(*devices) as field:
            await field.until(lambda: field.value("p0", 0) == count - 1)
            await field.until(lambda: field.quality("p0", 1) == Quality.GOOD)
            good.update(PointType.ANALOG_INPUT, 0, 3.0)
            await field.until(lambda: field.value("p0", 1) == 3.0)
            flooded = field.id_of("p0", 0)
            told = np.concatenate([cycle.value[(cycle.point == flooded) & (cycle.quality == 0)] for cycle in field.cycles])
            assert told[~np.isnan(told)].tolist()[-count:] == list(map(float, range(count)))


def good_place(rtu: Rtu):
    return connection(port=rtu.place.port)


async def test_repeated_sequence_numbers_and_answers_for_somebody_else_change_nothing():
    async def liar(reader, writer):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drained(reader))
            for _ in range(20):
                writer.write(framed(unsolicited(0, 1.0)))
                writer.write(framed(unsolicited(1, 666.0), source=11))
                writer.write(framed(encode_fragment(Control(sequence=9), Function.RESPONSE, [], IIN(0))))
            writer.write(framed(unsolicited(2, 2.0)))

    async with serving_tcp(liar) as port, running(make_device(listed(30), connection(port=port))) as field:
        await field.until(lambda: field.value("p0") == 2.0)
        told = [value for cycle in field.cycles for value in cycle.value.tolist()]
        assert told.count(1.0) == 1
        assert 666.0 not in told


async def test_octets_one_by_one_are_understood():
    async def slow(reader, writer):
        for octet in framed(unsolicited(0, 1.0, 2.0, 5.0)):
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with serving_tcp(slow) as port, running(make_device(listed(30), connection(port=port, timeout_s=5))) as field:
        await field.until(lambda: field.value("p0") == 5.0)


@pytest.mark.parametrize("seed", range(4))
async def test_damaged_traffic_never_ends_the_driver(seed):
    rng = random.Random(seed)
    inner = free_port()
    rtu = Rtu(
        connection("tcp_server", port=inner),
        {PointType.ANALOG_INPUT: 5, PointType.BINARY_INPUT: 5},
        confirm_timeout_s=0.05,
        unsolicited_retry_s=0.05,
        unsolicited_retry_most_s=0.1,
    )
    damaged = 0

    async def relay(source, target, is_damaging):
        nonlocal damaged
        while data := bytearray(await source.read(4096)):
            if is_damaging and damaged < 10 and rng.random() < 0.5:
                damaged += 1
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            target.write(bytes(data))

    async def between(reader, writer):
        from_rtu, to_rtu = await asyncio.open_connection("127.0.0.1", inner)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(relay(reader, to_rtu, False))
                tasks.create_task(relay(from_rtu, writer, True))
        finally:
            to_rtu.transport.abort()
            with contextlib.suppress(ConnectionError):
                await to_rtu.wait_closed()

    async with serving(rtu), serving_tcp(between) as port:
        device = make_device(listed(30, 1), connection(port=port, timeout_s=0.1, retries=5), polls={"events_s": 0.2})
        async with running(device) as field:
            value = 0.0
            while damaged < 10:
                value += 1
                rtu.update(PointType.ANALOG_INPUT, 0, value)
                rtu.update(PointType.BINARY_INPUT, 0, value % 2)
                await field.until(lambda value=value: field.value("p0") >= value)
            await field.until(lambda: field.quality("p0") & 3 == 0)
            told = [v for cycle in field.cycles for v in cycle.value[(cycle.quality & 0x2000) != 0].tolist() if v > 1]
            assert told == sorted(told)
            assert len(told) == len(set(told))
