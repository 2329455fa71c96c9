"""The DNP3 driver against our own outstation, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket

import numpy as np
import pytest

from tieline.edge.dnp3 import StationChannels
from tieline.edge.driver import UnconfirmedError
from tieline.io import SystemClock
from tieline.model import STATUS, Quality, RefusedError, RemoteError, Reporting, UnavailableError
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, OperateMode, Operation, TripClose
from tieline.protocols.dnp3.measurements import Flag, PointType
from tieline.protocols.dnp3.outstation import TimeWritten

from .field import serving as serving_tcp
from .outstations import Certificates, Rtu, SteppingClock, connection, free_port, listed, make_device, running, serving
from .serial_line import line, pump

LOST = Quality.INVALID | Quality.OLD_DATA
EVERYTHING = {
    PointType.BINARY_INPUT: 4,
    PointType.DOUBLE_BIT_BINARY_INPUT: 4,
    PointType.BINARY_OUTPUT_STATUS: 4,
    PointType.COUNTER: 4,
    PointType.ANALOG_INPUT: 4,
    PointType.ANALOG_OUTPUT_STATUS: 4,
}
ALL_GROUPS = listed(1, 3, 10, 20, 30, 40)


def status_of(field, name: str, device: int = 0) -> Quality:
    return Quality(int(field.quality(name, device)) & STATUS)


def history(field, name: str) -> list[tuple[int, float, int]]:
    """Time, value and quality of every sample of a point, in the order in which they were handed over."""
    point = field.id_of(name)
    return [
        (int(time), float(value), int(quality))
        for cycle in field.cycles
        for number, time, value, quality in zip(cycle.point, cycle.time, cycle.value, cycle.quality, strict=True)
        if number == point
    ]


async def check_both_ways(field, rtu: Rtu, device: int = 0) -> None:
    """Present values, then an event of each type, then a command."""
    await field.until(lambda: all(status_of(field, f"p{n}", device) == Quality.GOOD for n in range(6)))
    for value, kind in enumerate(EVERYTHING, 1):
        rtu.update(kind, 0, value % 2 if kind in {PointType.BINARY_INPUT, PointType.BINARY_OUTPUT_STATUS} else min(value, 3))
    await field.until(lambda: [field.value(f"p{n}", device) for n in range(6)] == [1, 2, 1, 3, 3, 3])
    assert field.drivers[device].health.is_up
    assert field.drivers[device].health.errors == 0
    await field.drivers[device].write(field.id_of("p6", device), 1)
    assert rtu.outputs.operated[-1][:2] == (0, BinaryCommand(operation=Operation.LATCH_ON))


async def test_an_outstation_is_dialed_read_and_operated():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), EVERYTHING)
    device = make_device([*ALL_GROUPS, *listed(12)], connection(port=port))
    async with serving(rtu), running(device) as field:
        await check_both_ways(field, rtu)
        assert [kind for kind in field.kinds() if kind != "points_unlisted"] == ["device_restarted"]


async def test_an_outstation_that_dials_in_is_read_and_operated():
    port = free_port()
    rtu = Rtu(connection(port=port), EVERYTHING)
    device = make_device([*ALL_GROUPS, *listed(12)], connection("tcp_server", port=port))
    async with running(device) as field, serving(rtu):
        await check_both_ways(field, rtu)


async def test_datagrams_are_read_and_operated_over():
    ours, theirs = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    rtu = Rtu(connection("udp", port=ours, local_host="127.0.0.1", local_port=theirs), EVERYTHING)
    place = connection("udp", port=theirs, local_host="127.0.0.1", local_port=ours)
    async with serving(rtu), running(make_device([*ALL_GROUPS, *listed(12)], place)) as field:
        await check_both_ways(field, rtu)


async def test_two_outstations_on_one_serial_line_are_read_and_operated_with_link_confirmations():
    with line() as ((ours, theirs), masters):
        place = connection("serial", serial_port=theirs, baud_rate=115_200, link_confirm=True)
        channel = StationChannels(clock=SystemClock(), random=lambda: 0.0).of(place)
        rtus = [Rtu(place, EVERYTHING, address=address, channel=channel) for address in (10, 11)]
        mine = connection("serial", serial_port=ours, baud_rate=115_200, link_confirm=True)
        rows = [*ALL_GROUPS, *listed(12)]
        devices = [make_device(rows, mine, name=f"rtu-{address}", outstation=address) for address in (10, 11)]
        async with pump(masters), serving(*rtus), running(*devices) as field:
            for number, rtu in enumerate(rtus):
                await check_both_ways(field, rtu, number)


async def test_two_outstations_behind_one_tcp_connection_share_it():
    port = free_port()
    place = connection("tcp_server", port=port)
    channel = StationChannels(clock=SystemClock(), random=lambda: 0.0).of(place)
    rtus = [Rtu(place, EVERYTHING, address=address, channel=channel) for address in (10, 11)]
    rows = [*ALL_GROUPS, *listed(12)]
    devices = [make_device(rows, connection(port=port), name=f"rtu-{address}", outstation=address) for address in (10, 11)]
    async with serving(*rtus), running(*devices) as field:
        for number, rtu in enumerate(rtus):
            await check_both_ways(field, rtu, number)
        assert len(channel.connections) == 1


async def test_events_keep_the_time_and_the_order_of_the_device():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.BINARY_INPUT: 2, PointType.ANALOG_INPUT: 2})
    device = make_device([{"group": 1, "index": 0}, {"group": 30, "index": 1, "scale": 0.5, "offset": 2}], connection(port=port))
    async with serving(rtu), running(device) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        at = rtu.clock.now_us() // 1000 * 1000
        for number in range(10):
            rtu.database.update(PointType.BINARY_INPUT, 0, (number + 1) % 2, Flag.ONLINE, at + number * 1000)
        rtu.update(PointType.ANALOG_INPUT, 1, 7.0, time_us=at)
        await field.until(lambda: field.value("p1") == 5.5)
        told = [row for row in history(field, "p0") if row[2] & Quality.DEVICE_TIME]
        assert told == [(at + n * 1000, (n + 1) % 2, int(Quality.DEVICE_TIME)) for n in range(10)]
        assert (at, 5.5, int(Quality.DEVICE_TIME)) in history(field, "p1")


async def test_an_outstation_killed_and_started_again_loses_and_doubles_no_event():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.COUNTER: 1})
    device = make_device(listed(20), connection(port=port))
    async with serving(rtu), running(device) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        count = 0
        for _ in range(3):
            for _ in range(50):
                count += 1
                rtu.update(PointType.COUNTER, 0, count)
            await rtu.kill()  # with events on the way, unconfirmed
            for _ in range(50):
                count += 1
                rtu.database.update(PointType.COUNTER, 0, count, Flag.ONLINE, rtu.clock.now_us())
            await field.until(lambda: status_of(field, "p0") == LOST)
            lost_at = field.value("p0")
            await rtu.start()
            await field.until(lambda lost_at=lost_at: field.value("p0") > lost_at and status_of(field, "p0") == Quality.GOOD)
        await field.until(lambda: field.value("p0") == count and field.kinds().count("device_restored") == 3)
        events = [value for _, value, quality in history(field, "p0") if quality & Quality.DEVICE_TIME]
        assert events == [float(n) for n in range(1, count + 1)]
        assert field.kinds() == ["device_restarted", *["device_lost", "device_restored"] * 3]


async def test_an_outstation_that_has_lost_power_is_read_anew():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1})
    async with serving(rtu), running(make_device(listed(30), connection(port=port))) as field:
        rtu.update(PointType.ANALOG_INPUT, 0, 5.0)
        await field.until(lambda: field.value("p0") == 5.0)
        await rtu.kill()
        await field.until(lambda: status_of(field, "p0") == LOST)
        assert field.value("p0") == 5.0
        assert not field.drivers[0].health.is_up
        rtu.reset()
        await rtu.start()
        await field.until(lambda: (field.value("p0"), field.quality("p0")) == (0.0, Quality.GOOD))
        assert field.kinds() == ["device_restarted", "device_lost", "device_restarted", "device_restored"]


async def test_an_outstation_that_was_never_there_is_lost_and_its_points_were_never_read():
    device = make_device([*listed(30, 12)], connection(port=free_port()))
    async with running(device) as field:
        await field.until(lambda: field.kinds() == ["device_lost"])
        await field.until(lambda: math.isnan(field.value("p0")) and field.quality("p0") == LOST)
        with pytest.raises(UnavailableError, match="does not answer"):
            await field.drivers[0].write(field.id_of("p1"), 1)


async def test_an_outstation_that_accepts_and_says_nothing_is_lost():
    async def ignore(reader, writer):
        await reader.read()

    async with serving_tcp(ignore) as port, running(make_device(listed(30), connection(port=port, timeout_s=0.1))) as field:
        await field.until(lambda: field.kinds() == ["device_lost"])
        assert field.drivers[0].health.timeouts > 0


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x64" * 3000, b"\0" * 300, bytes(range(256)) * 40, os.urandom(5000)],
    ids=["http", "starts", "zeros", "all bytes", "random"],
)
async def test_garbage_before_an_outstation_answers_costs_nothing(garbage):
    rtu = Rtu(connection("tcp_server", port=free_port()), {PointType.ANALOG_INPUT: 1})
    inner = rtu.place.port

    async def relay(source, target):
        while data := await source.read(4096):
            target.write(data)

    async def handler(reader, writer):
        writer.write(garbage)
        from_rtu, to_rtu = await asyncio.open_connection("127.0.0.1", inner)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(relay(reader, to_rtu))
                tasks.create_task(relay(from_rtu, writer))
        finally:
            to_rtu.transport.abort()
            with contextlib.suppress(ConnectionError):
                await to_rtu.wait_closed()

    async with serving(rtu), serving_tcp(handler) as port, running(make_device(listed(30), connection(port=port))) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        assert "device_lost" not in field.kinds()


@pytest.mark.parametrize("who", ["device", "gateway"])
async def test_a_certificate_that_expires_costs_the_connection_until_it_is_renewed(tmp_path, who):
    certificates = Certificates(tmp_path)
    certificates.issue("device")
    certificates.issue("gateway")
    port = free_port()
    place = connection("tls_server", port=port, peer_name="gateway")
    rtu = Rtu(place, {PointType.ANALOG_INPUT: 1}, tls=certificates.context("device"))
    device = make_device(listed(30), connection("tls", port=port, server_name="device"))
    async with serving(rtu), running(device, tls=certificates.context("gateway")) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        certificates.issue(who, valid_h=-1)
        rtu.channel.drop(rtu.station, "the night has passed")
        await field.until(lambda: "device_lost" in field.kinds())
        assert status_of(field, "p0") == LOST
        certificates.issue(who)
        await field.until(lambda: "device_restored" in field.kinds() and field.quality("p0") == Quality.GOOD)


async def test_whoever_dials_in_with_the_certificate_of_somebody_else_is_refused(tmp_path):
    certificates = Certificates(tmp_path)
    certificates.issue("device")
    certificates.issue("thief")
    port = free_port()
    device = make_device(listed(30), connection("tls_server", port=port, peer_name="device"))
    thief = Rtu(
        connection("tls", port=port, server_name="device"), {PointType.ANALOG_INPUT: 1}, tls=certificates.context("thief")
    )
    rightful = Rtu(
        connection("tls", port=port, server_name="device"), {PointType.ANALOG_INPUT: 1}, tls=certificates.context("device")
    )
    thief.database.update(PointType.ANALOG_INPUT, 0, 666.0, Flag.ONLINE, 0, with_events=False)
    async with running(device, tls=certificates.context("device")) as field, serving(thief), serving(rightful):
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        assert not any(666.0 in cycle.value for cycle in field.cycles)


async def test_a_clock_that_steps_breaks_no_timer_and_reaches_the_outstation_again():
    clock = SteppingClock()
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1}, clock=SteppingClock(), time_period_s=3600.0)

    def written() -> list[int]:
        return [event.utc_us for event in rtu.said if isinstance(event, TimeWritten)]

    async with serving(rtu), running(make_device(listed(30), connection(port=port)), clock=clock) as field:
        await field.until(lambda: len(written()) == 1 and field.quality("p0") == Quality.GOOD)
        for count, step_s in enumerate((7200.0, -7200.0), 2):
            clock.step_s += step_s
            await field.until_polled(lambda count=count: len(written()) == count)
            assert abs(written()[-1] - clock.now_us()) < 5_000_000
        rtu.update(PointType.ANALOG_INPUT, 0, 4.0)
        await field.until(lambda: field.value("p0") == 4.0)
        assert field.drivers[0].health.is_up
        assert "device_lost" not in field.kinds()


async def test_what_a_device_says_of_itself_is_reported_once_when_it_changes():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1})
    async with serving(rtu), running(make_device(listed(30), connection(port=port))) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        rtu.database.indications = IIN.DEVICE_TROUBLE | IIN.LOCAL_CONTROL
        rtu.update(PointType.ANALOG_INPUT, 0, 1.0)
        await field.until(lambda: {"device_trouble", "local_control"} <= set(field.kinds()))
        rtu.database.indications = IIN(0)
        rtu.update(PointType.ANALOG_INPUT, 0, 2.0)
        await field.until(lambda: field.kinds().count("device_trouble") == 2)
        assert field.kinds() == ["device_restarted", *["device_trouble", "local_control"] * 2]


async def test_events_that_an_outstation_lost_are_reported():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.COUNTER: 1}, event_capacity=(5, 5, 5))
    async with serving(rtu), running(make_device(listed(20), connection(port=port))) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        await rtu.kill()
        for count in range(1, 21):
            rtu.database.update(PointType.COUNTER, 0, count, Flag.ONLINE, rtu.clock.now_us())
        await rtu.start()
        await field.until(lambda: "device_events_lost" in field.kinds())
        await field.until(lambda: field.value("p0") == 20)


async def test_points_that_only_one_side_has_are_named():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 9})
    rows = [{"group": 30, "index": 0}, {"group": 30, "index": 70}, {"group": 1, "index": 3}]
    async with serving(rtu), running(make_device(rows, connection(port=port))) as field:
        await field.until(lambda: {"points_missing", "points_unlisted"} <= set(field.kinds()))
        texts = {event.kind: event.text for event in field.events}
        assert texts["points_missing"].endswith("does not report 2 points of its list: p1, p2")
        assert "8 points" in texts["points_unlisted"]
        assert texts["points_unlisted"].endswith("analog input 5 and 3 more")
        assert field.quality("p0") == Quality.GOOD
        assert field.quality("p1") == Quality.INVALID | Quality.BAD_REFERENCE


async def test_commands_are_what_the_rows_say_and_refusals_say_why():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1})
    rows = [
        *listed(30),
        {"group": 12, "index": 1, "operation": "trip_close", "on_ms": 250},
        {"group": 12, "index": 2, "operation": "pulse", "count": 3},
        {"group": 41, "index": 3, "scale": 0.1, "offset": 5},
        {"group": 41, "index": 4, "variation": 3},
        {"group": 41, "index": 5, "variation": 2},
    ]
    async with serving(rtu), running(make_device(rows, connection(port=port), control="direct_operate")) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        (driver,) = field.drivers

        async def sent(name: str, value: float) -> object:
            await driver.write(field.id_of(name), value)
            return rtu.outputs.operated[-1]

        pulse = {"operation": Operation.PULSE_ON, "off_ms": 100}
        assert await sent("p1", 1) == (
            1,
            BinaryCommand(trip_close=TripClose.CLOSE, on_ms=250, **pulse),
            OperateMode.DIRECT_OPERATE,
        )
        assert (await sent("p1", 0))[1] == BinaryCommand(trip_close=TripClose.TRIP, on_ms=250, **pulse)
        assert (await sent("p2", 1))[1] == BinaryCommand(count=3, on_ms=100, **pulse)
        assert (await sent("p3", 6.2))[1] == AnalogCommand(value=12.0, variation=1)
        assert (await sent("p4", 0.5))[1] == AnalogCommand(value=0.5, variation=3)
        for name, value in (("p2", 0), ("p1", 0.5), ("p1", math.nan), ("p3", math.inf), ("p5", 40_000), ("p0", 1)):
            with pytest.raises(RefusedError):
                await driver.write(field.id_of(name), value)
        rtu.outputs.status = CommandStatus.LOCAL
        with pytest.raises(RemoteError, match=r"switched to local control \(LOCAL\)"):
            await driver.write(field.id_of("p1"), 1)
        assert driver.health.exceptions == 1


async def test_a_command_whose_answer_is_lost_may_have_been_carried_out():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1})
    device = make_device(listed(30, 12), connection(port=port), control="direct_operate")
    async with serving(rtu), running(device) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)

        def die(index, command, mode):
            rtu.channel.drop(rtu.station, "died while it was operating")
            return CommandStatus.SUCCESS

        rtu.outputs.operate = die
        with pytest.raises(UnconfirmedError, match="may or may not"):
            await field.drivers[0].write(field.id_of("p1"), 1)


async def test_a_quiet_device_keeps_its_values_fresh_and_a_dead_one_does_not():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 1})
    device = make_device(listed(30), connection(port=port), reporting=Reporting(max_silence_s=1.0))
    async with serving(rtu), running(device) as field:
        await field.until(lambda: len(history(field, "p0")) >= 3)
        times = [time for time, _, _ in history(field, "p0")]
        assert times == sorted(set(times))
        await rtu.kill()
        await field.until(lambda: status_of(field, "p0") == LOST)
        seen = len(history(field, "p0"))
        await field.until(lambda: len(history(field, "p0")) >= seen + 2)
        assert all(quality == LOST for _, _, quality in history(field, "p0")[seen:])


async def test_many_points_come_in_one_piece_each_fragment():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 2000})
    rtu.database.update(PointType.ANALOG_INPUT, range(2000), np.arange(2000.0), Flag.ONLINE, 0, with_events=False)
    device = make_device([{"index": n} for n in range(2000)], connection(port=port))
    async with serving(rtu), running(device) as field:
        await field.until(lambda: len(field.newest) == 2000 and status_of(field, "p1999") == Quality.GOOD)
        assert [field.value(f"p{n}") for n in (0, 1, 1999)] == [0, 1, 1999]
        assert len(field.cycles) < 20


async def test_what_class_0_leaves_out_is_read_by_name():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.FROZEN_COUNTER: 1, PointType.COUNTER: 1})
    rows = [{"group": 20, "index": 0}, {"group": 21, "index": 0}]
    async with serving(rtu), running(make_device(rows, connection(port=port))) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD and status_of(field, "p1") == Quality.GOOD)
        assert "points_missing" not in field.kinds()


async def test_a_long_start_up_is_not_called_a_loss_once_more():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.ANALOG_INPUT: 3000}, max_fragment=249)
    device = make_device([{"index": n} for n in range(3000)], connection(port=port), reporting=Reporting(max_silence_s=0.5))
    async with running(device) as field:
        await field.until(lambda: "device_lost" in field.kinds())
        async with serving(rtu):
            await field.until(lambda: "device_restored" in field.kinds())
            assert {int(newest.quality) & STATUS for newest in field.newest.values()} == {0}


async def test_an_outstation_that_cannot_report_unasked_is_polled_for_events():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.COUNTER: 1}, unsolicited_allowed=False)
    device = make_device(listed(20), connection(port=port), unsolicited=(), polls={"events_s": 0.1})
    async with serving(rtu), running(device) as field:
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        for count in range(1, 6):
            rtu.update(PointType.COUNTER, 0, count)
        await field.until(lambda: field.value("p0") == 5)
        assert [value for _, value, quality in history(field, "p0") if quality & Quality.DEVICE_TIME] == [1, 2, 3, 4, 5]
        assert field.kinds() == ["device_restarted"]


async def test_what_a_device_refuses_of_its_settings_is_said_once():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), {PointType.COUNTER: 1}, unsolicited_allowed=False)
    async with serving(rtu), running(make_device(listed(20), connection(port=port))) as field:
        await field.until(lambda: "request_refused" in field.kinds())
        assert "refuses to report events unasked" in field.events[-1].text
        rtu.channel.drop(rtu.station, "the line was cut")
        await field.until(lambda: field.drivers[0].health.exceptions == 2)
        assert field.kinds().count("request_refused") == 1
