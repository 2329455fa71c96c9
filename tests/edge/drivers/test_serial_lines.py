"""Several devices, noise and silence on one serial line."""

from __future__ import annotations

import asyncio
import os
import struct

from tieline.model import Quality
from tieline.protocols.modbus import crc16

from .field import make_device, running
from .serial_line import line, rtu

OLD = Quality.INVALID | Quality.OLD_DATA


async def test_noise_on_a_serial_line_is_skipped_and_a_damaged_answer_is_asked_for_again():
    with line() as ((ours, _), (wire, _)):
        asked = []

        def answer() -> None:
            asked.append(os.read(wire, 4096))
            frame = b"\x05\x03\x02" + struct.pack(">H", len(asked))
            frame += crc16(frame)
            if len(asked) == 2:
                os.write(wire, frame[:-1] + bytes((frame[-1] ^ 1,)))
            elif len(asked) == 4:
                os.write(wire, b"\x00\xff\x05\x03" + frame[:3])
                os.write(wire, frame[3:])
            else:
                os.write(wire, frame)

        asyncio.get_running_loop().add_reader(wire, answer)
        try:
            async with running(make_device([{"address": 0}], rtu(ours, 5, timeout_s=0.2), polls={"fast": 0.1})) as field:
                await field.until(lambda: field.value("p0") >= 5)
        finally:
            asyncio.get_running_loop().remove_reader(wire)
        assert [cycle.value[0] for cycle in field.cycles][:4] == [1, 3, 4, 5]
        assert field.drivers[0].health.timeouts == 1
        assert field.events == []


async def test_a_late_answer_on_a_serial_line_is_only_taken_as_one_to_the_same_question():
    with line() as ((ours, _), (wire, _)):
        held = []

        def answer() -> None:
            frame = b"\x05\x03\x02" + os.read(wire, 4096)[2:4]  # every register holds its own address
            held.append(frame + crc16(frame))
            if len(held) == 1:
                return  # comes with the next one
            os.write(wire, held[-2] if len(held) == 2 else held[-1])
            if len(held) == 2:  # the answer to the repetition still follows
                asyncio.get_running_loop().call_later(0.05, os.write, wire, held[-1])

        asyncio.get_running_loop().add_reader(wire, answer)
        rows = [{"address": 100}, {"address": 200}]
        try:
            async with running(make_device(rows, rtu(ours, 5, timeout_s=0.2, max_gap=0), polls={"fast": 0.1})) as field:
                await field.cycles_more(3)
        finally:
            asyncio.get_running_loop().remove_reader(wire)
        assert all(list(cycle.value) == [100, 200] for cycle in field.cycles)
        assert all(not (cycle.quality & int(Quality.INVALID)).any() for cycle in field.cycles)


async def test_a_dead_device_costs_its_neighbors_on_the_line_one_timeout_in_each_back_off():
    with line() as ((ours, _), (wire, _)):
        asked = []

        def answer() -> None:
            unit = os.read(wire, 4096)[0]
            asked.append(unit)
            frame = bytes((unit,)) + b"\x03\x02\x00\x07"
            if unit == 5:
                os.write(wire, frame + crc16(frame))

        asyncio.get_running_loop().add_reader(wire, answer)
        alive = make_device([{"address": 0}], rtu(ours, 5), polls={"fast": 0.02})
        dead = make_device([{"address": 0}], rtu(ours, 6, timeout_s=0.1), name="dead", polls={"fast": 0.02})
        try:
            async with running(alive, dead) as field:
                await field.until(lambda: asked.count(6) >= 4)
                assert field.kinds() == ["device_lost"]
                assert (field.value("p0"), field.quality("p0"), field.quality("p0", 1)) == (7, Quality.GOOD, OLD)
        finally:
            asyncio.get_running_loop().remove_reader(wire)
        assert asked.count(5) > 5 * asked.count(6)


async def test_a_serial_port_that_is_not_there_is_a_lost_device():
    async with running(make_device([{"address": 0}], rtu("/dev/ttyNowhere", 1))) as field:
        await field.until(lambda: field.kinds() == ["device_lost"])
        assert "/dev/ttyNowhere" in field.events[0].text
