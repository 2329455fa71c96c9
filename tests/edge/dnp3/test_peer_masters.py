"""Our outstation with a master that nobody here wrote: py1815's, over TCP."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from py1815 import FunctionCode, IIN2Bit, IINBit, link
from py1815.decode import DecodedObject
from py1815.decode import PointType as Peer
from py1815.master import Master as PeerMaster
from py1815.master import Tasks
from py1815.master.api import Outstation as PeerAssociation
from py1815.master.association import Exchange
from py1815.master.controls import Mode
from py1815.master.requests import class_scan

from tests.protocols.dnp3.dissect import assert_clean, needs_tshark
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, OperateMode, Operation, TripClose
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, STATIC_VARIATIONS, PointType
from tieline.protocols.dnp3.outstation import (
    ClassAssigned,
    Database,
    Frozen,
    Points,
    RestartCleared,
    RestartRequested,
    TimeWritten,
    UnsolicitedChanged,
)

from .peer_stations import MASTER, OUTSTATION, OurOutstation, our_outstation
from .peer_wire import Watch, Wire, payload_of, wired

BINARY, ANALOG, COUNTER = PointType.BINARY_INPUT, PointType.ANALOG_INPUT, PointType.COUNTER
SUCCESS, BLOCKED, NOT_SUPPORTED, NO_SELECT, TIMEOUT = 0, 15, 4, 2, 1
PEERS = {
    PointType.BINARY_INPUT: Peer.BINARY_INPUT,
    PointType.BINARY_OUTPUT_STATUS: Peer.BINARY_OUTPUT,
    PointType.COUNTER: Peer.COUNTER,
    PointType.FROZEN_COUNTER: Peer.FROZEN_COUNTER,
    PointType.ANALOG_INPUT: Peer.ANALOG_INPUT,
    PointType.ANALOG_OUTPUT_STATUS: Peer.ANALOG_OUTPUT,
}
T0_US = 1_750_000_000_000_000


def make_database() -> Database:
    """Ten points of each type in each of their variations, every type in an event class of its own."""
    points = {}
    for number, kind in enumerate(PEERS):
        variations = [variation for variation in STATIC_VARIATIONS[kind] if is_plain(kind, variation)]
        indexes = [100 * place + step for place in range(len(variations)) for step in range(10)]
        points[kind] = Points(
            index=indexes,
            event_class=1 + number % 3,
            static_variation=np.repeat(variations, 10),
            deadband=0.0,
        )
    database = Database(points)
    for kind in PEERS:
        table = database.table(kind)
        assert table is not None
        value = np.arange(len(table.index), dtype=np.float64)
        value = value % 2 if kind in {BINARY, PointType.BINARY_OUTPUT_STATUS} else value * 7
        database.update(kind, table.index, value, 1, T0_US, with_events=False)
    return database


def is_plain(kind: PointType, variation: int) -> bool:
    """Packed variations and those without flags send a point that is not simply on line with flags: they are left to others."""
    return not (kind in {BINARY, PointType.BINARY_OUTPUT_STATUS} and variation == 1)


@contextlib.asynccontextmanager
async def joined(tasks: Tasks | None = None, **settings: Any) -> AsyncIterator[tuple[OurOutstation, PeerAssociation, Wire]]:
    """Our outstation and the peer, connected."""
    watch = Watch()
    async with (
        our_outstation(make_database(), watch, **settings) as outstation,
        wired(outstation.port, watch) as wire,
        PeerMaster() as master,
    ):
        association = await master.add(
            "ours",
            host="127.0.0.1",
            port=wire.port,
            outstation_address=OUTSTATION,
            master_address=MASTER,
            response_timeout=2.0,
            reconnect=0.05,
            tasks=tasks or Tasks(enable_unsolicited=(1, 2, 3)),
            on_unsolicited=watch.poke,
            on_exchange=watch.poke,
            on_connection=watch.poke,
            wait=5.0,
        )
        yield outstation, association, wire


async def settled(outstation: OurOutstation, master: PeerAssociation) -> None:
    """Once the start-up sequence is over."""
    await outstation.until(lambda: outstation.heard(UnsolicitedChanged) and outstation.heard(UnsolicitedChanged)[-1].classes)
    await master.idle()


def events_of(master: PeerAssociation, kind: Peer) -> list[tuple[int, Any]]:
    return [(event.index, event.value) for event in master.store.events if event.point is kind and event.index is not None]


def is_set(exchange: Exchange, bit: IINBit | IIN2Bit) -> bool:
    assert exchange.iin is not None
    return exchange.iin.is_set(bit)


async def test_start_up_clears_the_restart_and_reads_every_type_in_every_variation():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        for kind, peer in PEERS.items():
            table = outstation.database.table(kind)
            assert table is not None
            found = master.store.points(peer)
            assert {index: point.value for index, point in found.items()} == dict(
                zip(table.index.tolist(), table.value.tolist(), strict=True)
            )
            seen = {(point.group, point.variation) for point in found.values()}
            assert seen == {(kind.static, variation) for variation in STATIC_VARIATIONS[kind] if is_plain(kind, variation)}
            assert all(point.flags in {None, 1} for point in found.values())
        assert outstation.heard(RestartCleared)
        assert outstation.heard(UnsolicitedChanged)[-1].classes == {1, 2, 3}
        assert master.indications is not None
        assert not master.indications.is_set(IINBit.DEVICE_RESTART)


async def test_unsolicited_events_arrive_in_order_with_their_times_and_are_confirmed():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        for step in range(5):
            outstation.database.update(BINARY, [3, 4], [step % 2 == 0, step % 2], 1, T0_US + step * 1_000)
            outstation.database.update(ANALOG, [7], [step * 1.5], 1, T0_US + step * 1_000)
        outstation.wake()
        await outstation.until(lambda: len(master.store.events) >= 13 and not len(outstation.session.buffer))
        off_and_on = [(3, False), (4, True), (3, True), (4, False)]  # at first it is as it was
        assert events_of(master, Peer.BINARY_INPUT) == off_and_on * 2
        assert events_of(master, Peer.ANALOG_INPUT) == [(7, 0.0), (7, 1.5), (7, 3.0), (7, 4.5), (7, 6.0)]
        times = [event.time_ms for event in master.store.events if event.point is Peer.ANALOG_INPUT]
        assert times == [T0_US // 1000 + step for step in range(5)]
        assert any(not unsolicited.null for unsolicited in master.unsolicited)


@pytest.mark.parametrize("kind", [*PEERS])
async def test_events_of_a_type_are_read_in_each_of_their_variations(kind: PointType):
    variations = EVENT_VARIATIONS[kind]
    database = Database({kind: Points(index=range(len(variations)), event_class=2, event_variation=variations)})
    watch = Watch()
    async with (
        our_outstation(database, watch, unsolicited_allowed=False) as outstation,
        PeerMaster() as peers,
    ):
        master = await peers.add(
            "ours",
            host="127.0.0.1",
            port=outstation.port,
            outstation_address=OUTSTATION,
            master_address=MASTER,
            tasks=Tasks.none(),
            wait=5.0,
        )
        database.update(kind, range(len(variations)), np.ones(len(variations)), 1, T0_US)
        polled = await master.scan("class2")
        assert [one.problem for one in polled.undecoded] == []
        found = {one.index: one for one in polled.objects if one.event}
        assert {index: one.variation for index, one in found.items()} == dict(enumerate(variations))
        assert all(one.value == 1 and one.flags == 1 for one in found.values())
        timed = {one.variation: one.time_ms for one in found.values() if one.time_ms is not None}
        assert timed
        assert set(timed.values()) == {T0_US // 1000}
        assert not is_set(await master.scan("class2"), IINBit.CLASS_2_EVENTS)
        assert len(master.store.events) == len(variations)


async def test_class_bits_say_what_waits_until_it_is_confirmed():
    async with joined(Tasks.none(), unsolicited_allowed=False) as (outstation, master, _):
        outstation.change(BINARY, 1, 0.0)
        outstation.change(COUNTER, 1, 99.0)
        read = await master.read(binary_inputs=[1])
        assert read.objects[0].value is False
        assert is_set(read, IINBit.CLASS_1_EVENTS)
        assert is_set(read, IINBit.CLASS_3_EVENTS)
        assert not is_set(read, IINBit.CLASS_2_EVENTS)
        assert [one.value for one in (await master.scan("class3")).objects] == [99]
        read = await master.scan("class3")
        assert read.objects == ()
        assert not is_set(read, IINBit.CLASS_3_EVENTS)
        assert is_set(read, IINBit.CLASS_1_EVENTS)
        outstation.database.indications = IIN.LOCAL_CONTROL | IIN.DEVICE_TROUBLE
        read = await master.scan("class3")
        assert is_set(read, IINBit.LOCAL_CONTROL)
        assert is_set(read, IINBit.DEVICE_TROUBLE)
        assert is_set(read, IINBit.DEVICE_RESTART)
        await master.clear_restart()
        assert not is_set(await master.scan("class3"), IINBit.DEVICE_RESTART)


async def test_events_that_are_not_confirmed_are_kept_for_the_next_poll():
    async with joined(Tasks.none(), unsolicited_allowed=False) as (outstation, master, _):
        outstation.change(BINARY, 1, 0.0)
        for deviation in ("withhold_confirmation", "wrong_confirmation_sequence"):
            master.deviations.set(deviation, True)
            assert len((await master.scan("class1")).objects) == 1
            master.deviations.set(deviation, False)
            assert len(outstation.session.buffer) == 1
        assert len((await master.scan("class1")).objects) == 1
        await outstation.until(lambda: not len(outstation.session.buffer))


async def test_too_many_events_are_told_as_an_overflow_until_it_is_over():
    async with joined(Tasks.none(), unsolicited_allowed=False, event_capacity=(10, 10, 10)) as (outstation, master, _):
        for step in range(30):
            outstation.database.update(ANALOG, [0], [1000.0 + step], 1, T0_US)
        polled = await master.scan("class2")
        assert is_set(polled, IIN2Bit.EVENT_BUFFER_OVERFLOW)
        assert [one.value for one in polled.objects] == [1020.0 + step for step in range(10)]
        assert not is_set(await master.scan("class2"), IIN2Bit.EVENT_BUFFER_OVERFLOW)


async def test_events_of_a_lost_connection_are_delivered_exactly_once():
    async with joined() as (outstation, master, wire):
        await settled(outstation, master)
        outstation.change(ANALOG, 7, 1.0)
        await outstation.until(lambda: master.store.events and not len(outstation.session.buffer))
        wire.swallows_outstation = True
        outstation.change(ANALOG, 7, 2.0)
        outstation.change(ANALOG, 7, 3.0)
        wire.cut()
        outstation.change(ANALOG, 7, 4.0)
        wire.swallows_outstation = False
        await outstation.until(lambda: len(master.store.events) >= 4 and not len(outstation.session.buffer))
        assert events_of(master, Peer.ANALOG_INPUT) == [(7, 1.0), (7, 2.0), (7, 3.0), (7, 4.0)]
        outstation.change(ANALOG, 7, 5.0)
        await outstation.until(lambda: len(master.store.events) == 5)


async def test_an_unsolicited_response_that_is_not_confirmed_is_repeated_octet_for_octet():
    async with joined(unsolicited_retry_s=0.1, confirm_timeout_s=0.2) as (outstation, master, wire):
        await settled(outstation, master)
        before = len(wire.frames)
        master.deviations.withhold_unsolicited_confirmation = True
        outstation.change(ANALOG, 7, 2.0)
        await outstation.until(lambda: len(wire.frames) >= before + 3)
        master.deviations.withhold_unsolicited_confirmation = False
        await outstation.until(lambda: not len(outstation.session.buffer))
        assert len({payload_of(frame) for frame in wire.frames[before : before + 3]}) == 1
        assert events_of(master, Peer.ANALOG_INPUT) == [(7, 2.0)]


async def test_select_before_operate_reaches_the_handler_as_it_was_meant():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        done = await master.operate(
            binary_outputs={3: "trip", 700: True}, analog_outputs={1: 2.5, 2: 70_000, 4: -5}, mode=Mode.SELECT
        )
        assert done.accepted is True
        assert [int(status.status) for status in done.statuses if status.status is not None] == [SUCCESS] * 5
        assert outstation.handler.selected == [3, 700, 1, 2, 4]
        modes = {mode for _, _, mode in outstation.handler.operated}
        assert modes == {OperateMode.SELECT_BEFORE_OPERATE}
        commands = {index: command for index, command, _ in outstation.handler.operated}
        trip = commands[3]
        assert isinstance(trip, BinaryCommand)
        assert (trip.operation, trip.trip_close) == (Operation.PULSE_ON, TripClose.TRIP)
        assert commands[1] == AnalogCommand(value=2.5, variation=3)
        assert commands[2] == AnalogCommand(value=70_000, variation=1)
        assert commands[4] == AnalogCommand(value=-5, variation=2)


async def test_a_refused_select_operates_nothing_and_tells_each_status():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        refused = await master.operate(binary_outputs={1: True, 9: True, 99: False}, mode=Mode.SELECT)
        assert refused.accepted is False
        assert [status.status for status in refused.statuses] == [SUCCESS, BLOCKED, NOT_SUPPORTED]
        assert outstation.handler.operated == []
        direct = await master.operate(binary_outputs={1: True, 9: True}, mode=Mode.DIRECT)
        assert [status.status for status in direct.statuses] == [SUCCESS, BLOCKED]
        assert [(index, mode) for index, _, mode in outstation.handler.operated] == [(1, OperateMode.DIRECT_OPERATE)]
        silent = await master.operate(analog_outputs={1: 3}, mode=Mode.DIRECT_NO_ACK)
        assert silent.accepted is None
        await outstation.until(lambda: len(outstation.handler.operated) == 2)


def crob(index: int, status: int = 0) -> bytes:
    return bytes([12, 1, 0x28, 1, 0]) + struct.pack("<HBBIIB", index, 3, 1, 100, 100, status)


def status_of(exchange: Exchange) -> int:
    (echo,) = exchange.objects
    return echo.raw[-1]


async def test_an_operate_without_its_select_is_refused():
    async with joined(Tasks.none()) as (outstation, master, _):
        assert status_of(await master.request(FunctionCode.OPERATE, crob(3))) == NO_SELECT
        assert status_of(await master.request(FunctionCode.SELECT, crob(3))) == SUCCESS
        assert status_of(await master.request(FunctionCode.OPERATE, crob(4))) == NO_SELECT
        await master.request(FunctionCode.SELECT, crob(3))
        await master.scan("class1")  # another request in between: its sequence is not the next any more
        assert status_of(await master.request(FunctionCode.OPERATE, crob(3))) == NO_SELECT
        assert outstation.handler.operated == []
        await master.request(FunctionCode.SELECT, crob(3))
        assert status_of(await master.request(FunctionCode.OPERATE, crob(3))) == SUCCESS
        assert status_of(await master.request(FunctionCode.OPERATE, crob(3))) == NO_SELECT
        assert [index for index, _, _ in outstation.handler.operated] == [3]


async def test_a_select_expires():
    async with joined(Tasks.none(), select_timeout_s=0.05) as (outstation, master, _):
        await master.request(FunctionCode.SELECT, crob(3))
        since = outstation.now().monotonic_s
        await outstation.until(lambda: outstation.now().monotonic_s > since + 0.06)
        assert status_of(await master.request(FunctionCode.OPERATE, crob(3))) in {TIMEOUT, NO_SELECT}
        assert outstation.handler.operated == []


@pytest.mark.parametrize("procedure", [None, "lan", "non_lan"])
async def test_the_time_is_written_when_we_need_it(procedure: str | None):
    tasks = Tasks(enable_unsolicited=(1, 2, 3), time_procedure=procedure)
    async with joined(tasks, time_period_s=3600.0) as (outstation, master, _):
        await settled(outstation, master)
        await outstation.until(lambda: outstation.heard(TimeWritten))
        (written,) = outstation.heard(TimeWritten)
        now = outstation.now()
        assert abs((written.utc_us - written.monotonic_s * 1e6) - (now.utc_us - now.monotonic_s * 1e6)) < 5_000_000
        assert not is_set(await master.scan("class1"), IINBit.NEED_TIME)


async def test_counters_are_frozen_and_cleared():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        assert (await master.freeze(clear=True)).complete
        (frozen,) = outstation.heard(Frozen)
        assert frozen.is_cleared
        await master.integrity_poll()
        point = master.store.frozen_counter(9)
        assert point is not None
        assert point.value == 63
        assert not (await master.freeze(respond=False)).fragments
        await outstation.until(lambda: len(outstation.heard(Frozen)) == 2)


async def test_a_broadcast_is_taken_by_us_and_told_with_the_next_response():
    async with joined(Tasks.none(), unsolicited_allowed=False) as (outstation, master, _):
        await master.broadcast(FunctionCode.IMMED_FREEZE_NR, bytes([20, 0, 6]), address=link.Broadcast.OPTIONAL_CONFIRM)
        await outstation.until(lambda: outstation.heard(Frozen))
        assert is_set(await master.scan("class1"), IINBit.BROADCAST)
        assert not is_set(await master.scan("class1"), IINBit.BROADCAST)


async def test_a_class_is_assigned():
    async with joined(Tasks.none()) as (outstation, master, _):
        body = class_scan(2) + bytes([1, 0, 0x00, 3, 5])
        done = await master.request(FunctionCode.ASSIGN_CLASS, body)
        assert not is_set(done, IIN2Bit.PARAM_ERROR)
        (assigned,) = outstation.heard(ClassAssigned)
        assert (assigned.kind, assigned.index.tolist(), assigned.event_class) == (BINARY, [3, 4, 5], 2)
        outstation.change(BINARY, 3, 0.0)
        outstation.change(BINARY, 1, 0.0)
        assert [one.index for one in (await master.scan("class2")).objects] == [3]
        assert [one.index for one in (await master.scan("class1")).objects] == [1]


async def test_what_we_do_not_have_is_refused_with_the_right_indication():
    async with joined(Tasks.none()) as (_, master, _):
        assert is_set(await master.request(FunctionCode.READ, bytes([3, 0, 6])), IIN2Bit.OBJECT_UNKNOWN)
        assert is_set(await master.request(FunctionCode.READ, bytes([201, 1, 6])), IIN2Bit.OBJECT_UNKNOWN)
        assert is_set(await master.read(binary_inputs=[50_000]), IIN2Bit.PARAM_ERROR)
        assert is_set(await master.request(FunctionCode.ACTIVATE_CONFIG, b""), IIN2Bit.FUNC_NOT_SUPPORTED)
        assert is_set(await master.request(FunctionCode.READ, bytes([1, 0, 0x0B])), IIN2Bit.PARAM_ERROR)


async def test_a_restart_is_carried_out_and_starts_the_association_anew():
    async with joined() as (outstation, master, _):
        await settled(outstation, master)
        done = await master.restart("cold")
        (delay,) = done.objects
        assert (delay.group, delay.variation, delay.value) == (52, 1, 10)
        assert outstation.heard(RestartRequested) == [RestartRequested(is_cold=True)]
        cleared = len(outstation.heard(RestartCleared))
        outstation.said.clear()
        outstation.session.restart(outstation.now())
        outstation.wake()
        await outstation.until(lambda: len(outstation.heard(RestartCleared)) == cleared)
        await settled(outstation, master)
        outstation.change(ANALOG, 7, 2.0)
        await outstation.until(lambda: events_of(master, Peer.ANALOG_INPUT) == [(7, 2.0)])


@pytest.mark.parametrize(
    "deviation",
    [
        "corrupt_header_crc",
        "corrupt_body_crc",
        "truncate",
        "overstate_length",
        "orphan_segment",
        "endless_series",
        "second_master_address",
    ],
)
async def test_a_wrong_request_is_not_answered_and_the_next_right_one_is(deviation: str):
    async with joined(Tasks.none()) as (outstation, master, _):
        outstation.change(BINARY, 1, 0.0)
        master.association._response_timeout = 0.3
        master.deviations.set(deviation, True)
        assert (await master.scan("class1")).fragments == ()
        master.deviations.clear()
        master.association._response_timeout = 5.0
        answered: list[DecodedObject] = []
        for _ in range(2):  # what a frame claimed beyond its end is taken from the one behind it
            answered += (await master.scan("class1")).objects
        assert [one.index for one in answered] == [1]


async def test_a_repeated_request_is_answered_again_and_operated_once():
    async with joined(Tasks.none()) as (outstation, master, _):
        master.deviations.repeat_request = True
        done = await master.operate(binary_outputs={3: True}, mode=Mode.SELECT)
        master.deviations.clear()
        assert done.accepted is True
        await master.scan("class1")
        assert [index for index, _, _ in outstation.handler.operated] == [3]


@needs_tshark
async def test_tshark_finds_nothing_wrong_with_the_whole_session():
    async with joined(Tasks(enable_unsolicited=(1, 2, 3), time_procedure="lan"), time_period_s=3600.0) as (
        outstation,
        master,
        wire,
    ):
        await settled(outstation, master)
        for kind in PEERS:
            outstation.change(kind, 3, 0.0)
        await outstation.until(lambda: not len(outstation.session.buffer))
        await master.operate(binary_outputs={3: "trip", 9: True}, analog_outputs={1: 2.5}, mode=Mode.SELECT)
        await master.operate(binary_outputs={3: "close"}, analog_outputs={1: 2.5}, mode=Mode.SELECT)
        await master.freeze()
        await master.integrity_poll()
        assert_clean(wire.frames)
