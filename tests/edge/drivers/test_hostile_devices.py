"""Devices that do what the standard does not foresee, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math

import pytest

from tieline.edge.driver import UnconfirmedError
from tieline.model import Quality, RefusedError, RemoteError, UnavailableError

from .field import SkippingClock, make_device, next_request, running, serving, tcp

OLD = Quality.INVALID | Quality.OLD_DATA
FAILED = Quality.INVALID | Quality.FAILURE
UNKNOWN = Quality.INVALID | Quality.BAD_REFERENCE
GOOD = Quality.GOOD


async def test_a_device_that_accepts_and_never_answers_is_lost_and_its_points_were_never_read():
    async def handler(reader, writer):
        await reader.read()

    rows = [{"address": 0}, {"address": 1, "kind": "setpoint"}]
    async with serving(handler) as port, running(make_device(rows, tcp(port, timeout_s=0.05))) as field:
        await field.until(lambda: "device_lost" in field.kinds())
        await field.cycles_more(2)
        assert math.isnan(field.value("p0"))
        assert field.quality("p0") == OLD
        assert not field.drivers[0].health.is_up
        assert field.kinds() == ["device_lost"]
        with pytest.raises(UnavailableError, match="does not answer"):
            await field.drivers[0].write(field.id_of("p1"), 1)


async def test_a_late_answer_is_not_taken_for_the_next_request():
    asked = []

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            asked.append(request)
            if len(asked) == 1:
                continue  # answered together with the next one, but first
            if len(asked) == 2:
                writer.write(asked[0].registers(666))
            writer.write(request.registers(len(asked)))

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port, timeout_s=0.1))) as field:
        await field.until(lambda: field.quality("p0") == OLD)
        await field.until(lambda: field.quality("p0") == GOOD)
        assert field.value("p0") == 2
        assert not any(666 in cycle.value for cycle in field.cycles)
        assert field.events == []


async def test_one_byte_at_a_time_is_an_answer_when_it_is_complete_in_time():
    async def handler(reader, writer):
        while True:
            answer = (await next_request(reader)).registers(7)
            for byte in answer:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0)

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port))) as field:
        await field.until(lambda: field.value("p0") == 7)


async def test_one_byte_a_second_is_no_answer():
    async def handler(reader, writer):
        answer = (await next_request(reader)).registers(7)
        for byte in answer:
            writer.write(bytes((byte,)))
            await asyncio.sleep(1)

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port, timeout_s=0.1))) as field:
        await field.until(lambda: "device_lost" in field.kinds())
        assert field.quality("p0") == OLD


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 5000, b"\0" * 300, bytes(range(256)) * 20],
    ids=["http", "ones", "zeros", "all bytes"],
)
async def test_garbage_costs_the_connection_and_nothing_else(garbage):
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        while True:
            request = await next_request(reader)
            writer.write(garbage if len(connections) == 1 else request.registers(5))

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port))) as field:
        await field.until(lambda: field.quality("p0") == FAILED)
        await field.until(lambda: field.value("p0") == 5)
        assert field.kinds() == ["device_lost", "device_restored"]
        assert field.drivers[0].health.malformed == 1


async def test_a_connection_closed_mid_frame_is_opened_again_with_back_off():
    connections = []

    async def handler(reader, writer):
        connections.append(asyncio.get_running_loop().time())
        request = await next_request(reader)
        writer.write(request.registers(5)[:9])
        await writer.drain()

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port))) as field:
        await field.until(lambda: len(connections) == 3)
        assert connections[1] - connections[0] >= 0.45
        assert connections[2] - connections[1] >= 0.45
        assert field.quality("p0") == OLD
        assert field.kinds() == ["device_lost"]


async def test_an_idle_connection_that_the_device_closed_is_opened_again_without_a_word():
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        writer.write((await next_request(reader)).registers(len(connections)))
        await writer.drain()

    async with serving(handler) as port, running(make_device([{"address": 0}], tcp(port))) as field:
        await field.until(lambda: field.value("p0") == 3)
        assert field.events == []
        assert all(not (cycle.quality & int(Quality.INVALID)).any() for cycle in field.cycles)


@pytest.mark.parametrize("wrong", ["unit", "function", "length", "announced", "empty"])
async def test_an_answer_that_does_not_fit_marks_only_the_points_of_its_block(wrong):
    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            answer = request.registers(9)
            if request.address == 100:
                answer = {
                    "unit": request.answer(b"\x03\x02\x00\x09", unit=77),
                    "function": request.answer(b"\x04\x02\x00\x09"),
                    "length": request.answer(b"\x03\x04\x00\x09\x00\x09"),
                    "announced": request.answer(b"\x03\x09\x00\x09"),
                    "empty": request.answer(b"\x03"),
                }[wrong]
            writer.write(answer)

    device_rows = [{"address": 0}, {"address": 100}]
    async with serving(handler) as port, running(make_device(device_rows, tcp(port))) as field:
        await field.cycles_more(2)
        assert (field.value("p0"), field.quality("p0")) == (9, GOOD)
        assert field.quality("p1") == FAILED
        assert math.isnan(field.value("p1"))
        assert field.events == []
        assert field.drivers[0].health.malformed >= 2


async def test_an_answer_with_a_wrong_transaction_is_no_answer():
    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            shift = 1 if request.address == 100 else 0
            writer.write(request.answer(b"\x03\x02\x00\x09", transaction=request.transaction + shift))

    rows = [{"address": 0}, {"address": 100}]
    async with serving(handler) as port, running(make_device(rows, tcp(port, timeout_s=0.1))) as field:
        await field.cycles_more(2)
        assert (field.value("p0"), field.quality("p0")) == (9, GOOD)
        assert field.quality("p1") == OLD


@pytest.mark.parametrize(("code", "quality"), [(1, UNKNOWN), (4, FAILED), (6, OLD), (8, FAILED), (99, FAILED)])
async def test_an_exception_marks_its_block_and_keeps_the_last_values(code, quality):
    is_refusing = False

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            writer.write(request.refusal(code) if is_refusing and request.address == 100 else request.registers(9))

    rows = [{"address": 0}, {"address": 100}]
    async with serving(handler) as port, running(make_device(rows, tcp(port))) as field:
        await field.until(lambda: field.quality("p1") == GOOD)
        is_refusing = True
        await field.until(lambda: field.quality("p1") == quality)
        assert field.value("p1") == 9
        assert field.quality("p0") == GOOD
        is_refusing = False
        await field.until(lambda: field.quality("p1") == GOOD)
        assert field.events == []


async def test_an_unknown_address_in_a_block_spoils_only_its_own_point_and_the_split_is_remembered():
    asked = []

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            asked.append((request.address, request.count))
            wanted = range(request.address, request.address + request.count)
            writer.write(request.refusal(2) if {3, 11} & set(wanted) else request.registers(*wanted))

    # 11 is in a gap: nobody wants it, and it disappears when the gap does.
    rows = [{"address": address} for address in (0, 1, 2, 3, 4, 5, 10, 12)]
    async with serving(handler) as port, running(make_device(rows, tcp(port))) as field:
        await field.until(lambda: field.quality("p7") == GOOD)
        assert [field.value(f"p{n}") for n in (0, 1, 2, 4, 5, 6, 7)] == [0, 1, 2, 4, 5, 10, 12]
        assert all(field.quality(f"p{n}") == GOOD for n in (0, 1, 2, 4, 5, 6, 7))
        assert field.quality("p3") == UNKNOWN
        await field.cycles_more(1)
        del asked[:]
        await field.cycles_more(3)
        assert not any(address <= 3 < address + count or address <= 11 < address + count for address, count in asked)
        assert field.quality("p3") == UNKNOWN
        assert all((cycle.point == field.cycles[0].point).all() for cycle in field.cycles)


async def test_an_address_that_appears_later_is_found_after_a_while():
    unknown = {3}
    asked = []

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            asked.append(request.count)
            wanted = range(request.address, request.address + request.count)
            writer.write(request.refusal(2) if unknown & set(wanted) else request.registers(*wanted))

    clock = SkippingClock()
    async with (
        serving(handler) as port,
        running(make_device([{"address": n} for n in range(6)], tcp(port)), clock=clock) as field,
    ):
        await field.until(lambda: field.quality("p3") == UNKNOWN)
        unknown.clear()
        await field.cycles_more(2)
        assert field.quality("p3") == UNKNOWN
        clock.skipped_s = 301
        await field.until(lambda: field.quality("p3") == GOOD)
        del asked[:]
        await field.cycles_more(2)
        assert set(asked) == {6}


async def test_a_device_that_bears_only_short_requests_is_read_in_shorter_ones():
    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            wanted = range(request.address, request.address + request.count)
            writer.write(request.refusal(3) if request.count > 8 else request.registers(*wanted))

    rows = [{"address": address} for address in range(40)]
    async with serving(handler) as port, running(make_device(rows, tcp(port))) as field:
        await field.until(lambda: field.quality("p39") == GOOD)
        assert [field.value(f"p{n}") for n in range(40)] == list(range(40))
        assert not (field.cycles[-1].quality & int(Quality.INVALID)).any()


async def test_a_device_that_is_silent_about_addresses_it_does_not_know_is_not_lost():
    asked = []

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            asked.append(request.address)
            if request.address < 100:
                writer.write(request.registers(9))

    rows = [{"address": 0}, {"address": 100}, {"address": 200}, {"address": 300}]
    async with serving(handler) as port, running(make_device(rows, tcp(port, timeout_s=0.05))) as field:
        await field.cycles_more(10)
        assert field.events == []
        assert all(cycle.value[0] == 9 and not cycle.quality[0] & int(Quality.INVALID) for cycle in field.cycles)
        assert [field.quality(name) for name in ("p1", "p2", "p3")] == [OLD] * 3
    assert sorted(address for address in asked if address) == [100, 200, 300]


async def test_a_slow_group_delays_a_fast_one_by_one_request_only():
    order = []

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            order.append(request.address)
            await asyncio.sleep(0.02)
            writer.write(request.registers(*range(request.count)))

    rows = [{"address": 10_000, "poll": "fast"}] + [{"address": 100 * n, "poll": "slow"} for n in range(30)]
    async with serving(handler) as port:
        device = make_device(rows, tcp(port, max_gap=0), polls={"fast": 0.001, "slow": 0.001})
        async with running(device) as field:
            await field.until(lambda: field.quality("p30") == GOOD)
    fast = [position for position, address in enumerate(order) if address == 10_000]
    assert all(later - earlier <= 3 for earlier, later in itertools.pairwise(fast))


async def test_a_device_that_was_switched_off_and_on_is_lost_once_and_restored_once():
    async def handler(reader, writer):
        while True:
            writer.write((await next_request(reader)).registers(4))

    async with contextlib.AsyncExitStack() as stack:
        async with serving(handler) as port:
            field = await stack.enter_async_context(running(make_device([{"address": 0}], tcp(port))))
            await field.until(lambda: field.quality("p0") == GOOD)
        await field.until(lambda: field.quality("p0") == OLD)
        await field.cycles_more(3)
        assert (field.value("p0"), field.drivers[0].health.is_up) == (4, False)
        async with serving(handler, port):
            await field.until(lambda: field.quality("p0") == GOOD)
    assert field.kinds() == ["device_lost", "device_restored"]


async def test_a_slow_group_does_not_wait_for_its_next_tick_to_see_the_device_come_back():
    connections = []

    async def handler(reader, writer):
        connections.append(writer)
        request = await next_request(reader)
        if len(connections) > 1:
            writer.write(request.registers(4))
            await next_request(reader)

    device = ([{"address": 0, "poll": "daily"}], {"daily": 86_400.0})
    async with serving(handler) as port, running(make_device(device[0], tcp(port), polls=device[1])) as field:
        await field.until(lambda: field.quality("p0") == GOOD)
        assert len(field.cycles) == 2


async def test_neither_a_dead_nor_a_slow_device_delays_a_third():
    async def dead(reader, writer):
        await reader.read()

    async def slow(reader, writer):
        while True:
            request = await next_request(reader)
            await asyncio.sleep(0.3)
            writer.write(request.registers(*range(request.count)))

    async def quick(reader, writer):
        while True:
            request = await next_request(reader)
            writer.write(request.registers(*range(request.count)))

    async with serving(dead) as dead_port, serving(slow) as slow_port, serving(quick) as port:
        devices = [
            make_device([{"address": 0}], tcp(dead_port, timeout_s=2), name="dead", polls={"fast": 0.1}),
            make_device([{"address": n * 200} for n in range(9)], tcp(slow_port, timeout_s=2), name="slow", polls={"fast": 0.1}),
            make_device([{"address": 0}], tcp(port), name="quick", polls={"fast": 0.1}),
        ]
        async with running(*devices) as field:
            quick_id = field.id_of("p0", 2)
            await field.until(lambda: len(field.arrivals.get(quick_id, [])) >= 21)
            arrivals = field.arrivals[quick_id]
            gaps = sorted(later - earlier for earlier, later in itertools.pairwise(arrivals))
            assert gaps[len(gaps) // 2] < 0.15  # the usual gap is the period, though each neighbor takes seconds
            assert field.drivers[0].health.requests == 1


async def test_writes_are_confirmed_refused_or_unknown_but_never_silently_lost():
    behavior = "echo"
    is_silent = False

    async def handler(reader, writer):
        while True:
            request = await next_request(reader)
            if is_silent:
                continue
            if request.pdu[0] == 3:
                writer.write(request.registers(*[0] * request.count))
            elif behavior == "echo":
                writer.write(request.answer(request.pdu[:5]))
            elif behavior == "other":
                writer.write(request.answer(request.pdu[:3] + b"\xab\xcd"))
            elif behavior == "no":
                writer.write(request.refusal(4))
            elif behavior == "gateway":
                writer.write(request.refusal(11))
            # else silence

    rows = [
        {"address": 0, "kind": "setpoint", "type": "int16", "scale": 0.1},
        {"address": 1},
        {"address": 2, "kind": "control", "type": "bits", "bit": 3},
    ]
    async with serving(handler) as port, running(make_device(rows, tcp(port, timeout_s=0.1), polls={"fast": 60})) as field:
        await field.cycles_more(1)
        driver, point = field.drivers[0], field.id_of("p0")
        await driver.write(point, -12.3)
        await driver.write(field.id_of("p2"), 1)
        with pytest.raises(RefusedError, match="does not fit"):
            await driver.write(point, 4000)
        with pytest.raises(RefusedError, match="no writable point"):
            await driver.write(field.id_of("p1"), 1)
        behavior = "no"
        with pytest.raises(RemoteError, match="server device failure"):
            await driver.write(point, 1)
        for unclear in ("other", "gateway", "silence"):
            behavior = unclear
            with pytest.raises(UnconfirmedError):
                await driver.write(point, 1)
        is_silent = True
        with pytest.raises(UnavailableError) as caught:  # the register was not even read
            await driver.write(field.id_of("p2"), 1)
        assert not isinstance(caught.value, UnconfirmedError)
