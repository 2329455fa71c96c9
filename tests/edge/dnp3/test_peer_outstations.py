"""Our master with an outstation that nobody here wrote: py1815's, over TCP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
from py1815 import FunctionCode
from py1815.control import AnalogOutput, ControlRelayOutputBlock, OperationType, TripCloseCode
from py1815.objects import AnalogPoint, BinaryQuality

from tests.protocols.dnp3.dissect import assert_clean, needs_tshark
from tieline.protocols.dnp3.application import IIN, ObjectBlock
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, OperateMode, Operation, TripClose
from tieline.protocols.dnp3.master import (
    Answers,
    BufferOverflowed,
    DutyRefused,
    IinChanged,
    Measured,
    Outcome,
    Rank,
    Restarted,
    StartedUp,
    Unanswered,
    Unreadable,
)
from tieline.protocols.dnp3.measurements import Flag, PointType

from .peer_outstation import BLOCKED, MISSING, PeerOutstation, peer_outstation
from .peer_stations import OurMaster, our_master
from .peer_wire import Watch, Wire, wired

BINARY, ANALOG = PointType.BINARY_INPUT, PointType.ANALOG_INPUT
T0_MS = 1_750_000_000_000


@contextlib.asynccontextmanager
async def joined(
    peer_options: dict[str, Any] | None = None, *, refuses: Sequence[Rank] = (), unreadable: int = 0, **settings: Any
) -> AsyncIterator[tuple[OurMaster, PeerOutstation, Wire]]:
    """Our master and the peer, once the start-up is over."""
    watch = Watch()
    async with (
        peer_outstation(watch, **peer_options or {}) as peer,
        wired(peer.server.port, watch) as wire,
        our_master(wire.port, watch, **settings) as master,
    ):
        await master.until(lambda: master.heard(StartedUp) and is_enabled(master, peer) and not peer.session.restart_indication)
        yield master, peer, wire
        assert len(master.heard(Unreadable)) == unreadable
        assert [refused.duty for refused in master.heard(DutyRefused)] == list(refuses)


def is_enabled(master: OurMaster, peer: PeerOutstation) -> bool:
    return {int(number) for number in peer.session.unsolicited_classes} == set(master.session.settings.unsolicited_classes)


async def test_start_up_disables_then_reads_everything_then_enables():
    async with joined() as (master, peer, wire):
        plant = peer.plant
        assert master.of(BINARY) == {index: float(point.state) for index, point in enumerate(plant.binary)}
        expected = {index: point.value for index, point in enumerate(plant.analog)}
        found = master.of(ANALOG)
        assert {index: found[index] for index in range(10)} == expected
        assert (found[300], master.flags[ANALOG, 300]) == (0.5, Flag.ONLINE | Flag.OVER_RANGE)
        assert (found[301], master.flags[ANALOG, 301]) == (np.float32(-1e30), 0)
        assert master.of(PointType.COUNTER) == {0: 2**32 - 1, 1: 7}
        assert master.of(PointType.FROZEN_COUNTER) == {0: 5, 1: 6}
        assert master.of(PointType.BINARY_OUTPUT_STATUS) == {0: 1, 1: 0, 2: 1, 3: 0}
        assert master.of(PointType.ANALOG_OUTPUT_STATUS) == {0: 1, 1: 1.5, 2: -2}
        asked = [code for code in wire.functions(is_master=True) if code != FunctionCode.CONFIRM]
        first, last = asked.index(FunctionCode.DISABLE_UNSOLICITED), asked.index(FunctionCode.ENABLE_UNSOLICITED)
        assert first == 0
        assert FunctionCode.READ in asked[first:last]
        assert master.changes == []


async def test_the_clock_is_set_by_the_procedure_for_a_lan():
    async with joined() as (master, peer, wire):
        await master.until(lambda: peer.plant.times_ms)
        asked = wire.functions(is_master=True)
        at = asked.index(FunctionCode.RECORD_CURRENT_TIME)
        assert FunctionCode.WRITE in asked[at + 1 :]
        assert abs(peer.plant.times_ms[0] - master.clock.now_us() // 1000) < 15_000
        assert len(peer.plant.times_ms) == 1
        assert not peer.session.need_time
        needs = [bool(event.iin & IIN.NEED_TIME) for event in master.heard(IinChanged)]
        assert needs[0]
        assert not needs[-1]


async def test_the_clock_is_set_again_when_the_outstation_asks_again():
    async with joined() as (master, peer, _):
        await master.until(lambda: peer.plant.times_ms)
        peer.session.need_time = True
        await master.ask(lambda now: master.session.scan_events(frozenset({1}), now))
        await master.until(lambda: len(peer.plant.times_ms) == 2)


async def test_the_delay_of_the_line_is_measured():
    async with joined() as (master, _, wire):
        result = await master.ask(master.session.measure_delay)
        assert result.outcome is Outcome.DONE
        assert result.delay_ms is not None
        assert 0 <= result.delay_ms < 5_000
        assert FunctionCode.DELAY_MEASURE in wire.functions(is_master=True)


async def test_unsolicited_events_come_in_order_with_their_times_and_are_confirmed():
    async with joined() as (master, peer, _):
        for step in range(6):
            peer.switch(1, step % 2 == 0, T0_MS + step)
            peer.move(2, step * 11, T0_MS + 100 + step)
        peer.switch(4, True, T0_MS + 50, BinaryQuality.COMM_LOST)
        peer.server.notify()
        await master.until(lambda: len(master.changes) == 13 and peer.buffers.total == 0)
        binary = [(index, value) for kind, index, value in master.changes if kind is BINARY]
        assert binary == [(1, 1), (1, 0), (1, 1), (1, 0), (1, 1), (1, 0), (4, 1)]
        assert [value for kind, _, value in master.changes if kind is ANALOG] == [0, 11, 22, 33, 44, 55]
        times = dict(zip([(kind, value) for kind, _, value in master.changes], master.times_us, strict=True))
        assert times[ANALOG, 33.0] == (T0_MS + 103) * 1000
        assert master.flags[BINARY, 4] == Flag.COMM_LOST
        assert any(event.is_unsolicited for event in master.heard(Measured))


async def test_class_polls_bring_the_events_of_their_class_only():
    async with joined(unsolicited_classes=frozenset(), scan_on_iin=frozenset()) as (master, peer, wire):
        peer.switch(1, True, T0_MS)
        peer.move(2, 5, T0_MS + 1)
        assert (await master.ask(lambda now: master.session.scan_events(frozenset({2}), now))).points == 1
        assert master.changes == [(ANALOG, 2, 5)]
        assert (await master.ask(lambda now: master.session.scan_events(frozenset({1, 3}), now))).points == 1
        assert master.changes[1:] == [(BINARY, 1, 1)]
        await master.until(lambda: peer.buffers.total == 0)
        assert (await master.ask(lambda now: master.session.scan_events(frozenset({1, 2, 3}), now))).points == 0
        assert wire.functions(is_master=False).count(FunctionCode.UNSOLICITED_RESPONSE) == 1  # that of its start


async def test_events_are_read_when_the_indications_say_that_they_wait():
    refuses = [Rank.DISABLE_UNSOLICITED]  # it has none
    async with joined({"unsolicited": False}, refuses=refuses, unsolicited_classes=frozenset()) as (master, peer, _):
        peer.switch(1, True, T0_MS)
        await master.ask(lambda now: master.session.read([ObjectBlock.all(20, 0)], now))
        await master.until(lambda: peer.buffers.total == 0)
        assert master.changes == [(BINARY, 1, 1)]


async def test_events_of_many_fragments_are_all_read():
    async with joined({"max_response": 300}, unsolicited_classes=frozenset()) as (master, peer, _):
        for step in range(500):
            peer.move(step % 10, 10_000 + step, T0_MS + step)
        result = await master.ask(lambda now: master.session.scan_events(frozenset({2}), now))
        assert result.points < 500  # it sends so many fragments at a time, and says that there are more
        await master.until(lambda: peer.buffers.total == 0)
        assert [value for _, _, value in master.changes] == [10_000 + step for step in range(500)]


async def test_events_of_a_lost_connection_are_told_once_by_the_next():
    async with joined() as (master, peer, wire):
        peer.switch(1, True, T0_MS)
        peer.server.notify()
        await master.until(lambda: peer.buffers.total == 0)
        wire.swallows_master = True  # the next response arrives and its confirmation does not
        peer.switch(2, True, T0_MS + 1)
        peer.move(3, 77, T0_MS + 2)
        peer.server.notify()
        await master.until(lambda: len(master.changes) == 3)
        wire.cut()
        await master.until(lambda: master.heard(Unanswered))
        peer.switch(2, False, T0_MS + 3)
        peer.move(3, 78, T0_MS + 4)
        wire.swallows_master = False
        await master.until(lambda: peer.buffers.total == 0 and len(master.heard(StartedUp)) == 2)
        assert sorted(master.changes, key=lambda change: (change[0].static, change[1])) == [
            (BINARY, 1, 1),
            (BINARY, 2, 1),
            (BINARY, 2, 0),
            (ANALOG, 3, 77),
            (ANALOG, 3, 78),
        ]
        assert master.session.repeated_events == 2
        assert len(master.heard(Answers)) == 2


async def test_events_that_never_arrived_come_after_the_link_is_back():
    async with joined() as (master, peer, wire):
        wire.swallows_outstation = True
        peer.switch(2, True, T0_MS + 1)
        peer.server.notify()
        before = len(wire.frames)
        await master.until(lambda: len(wire.frames) > before)
        assert master.changes == []
        wire.cut()
        wire.swallows_outstation = False
        await master.until(lambda: master.changes and peer.buffers.total == 0)
        assert master.changes == [(BINARY, 2, 1)]


async def test_a_lost_event_buffer_is_made_good_by_an_integrity_poll():
    async with joined({"capacity": 4}) as (master, peer, _):
        for step in range(20):
            peer.move(1, step, T0_MS + step)
        peer.plant.analog[5] = AnalogPoint(4242)
        peer.server.notify()
        await master.until(lambda: master.heard(BufferOverflowed) and master.values[ANALOG, 5] == 4242)
        assert [value for _, index, value in master.changes] == [16, 17, 18, 19]


async def test_select_before_operate_is_carried_out_when_the_outstation_accepts_it():
    async with joined() as (master, peer, wire):
        commands = [
            (3, BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.TRIP, on_ms=250, off_ms=60_000, count=2)),
            (300, BinaryCommand(operation=Operation.LATCH_OFF)),
            (2, AnalogCommand(value=-12.75)),
            (4, AnalogCommand(value=70_000, variation=1)),
            (5, AnalogCommand(value=-32_768, variation=2)),
            (6, AnalogCommand(value=1e300, variation=4)),
        ]
        result = await master.ask(lambda now: master.session.operate(commands, OperateMode.SELECT_BEFORE_OPERATE, now))
        assert result.outcome is Outcome.DONE
        assert result.statuses == (CommandStatus.SUCCESS,) * 6
        assert [index for index, _ in peer.plant.selects] == [3, 300, 2, 4, 5, 6]
        crob = peer.plant.operated[0][2]
        assert isinstance(crob, ControlRelayOutputBlock)
        assert (crob.operation, crob.trip_close) == (OperationType.PULSE_ON, TripCloseCode.TRIP)
        assert (crob.on_time_ms, crob.off_time_ms, crob.count) == (250, 60_000, 2)
        values = [
            (control.variation, control.value) for _, _, control in peer.plant.operated[2:] if isinstance(control, AnalogOutput)
        ]
        assert values == [(3, -12.75), (1, 70_000), (2, -32_768), (4, 1e300)]
        assert {function for function, _, _ in peer.plant.operated} == {"OPERATE"}
        asked = wire.functions(is_master=True)
        assert asked.index(FunctionCode.OPERATE) == asked.index(FunctionCode.SELECT) + 1


async def test_nothing_is_operated_when_a_select_is_refused():
    async with joined() as (master, peer, wire):
        on = BinaryCommand(operation=Operation.LATCH_ON)
        commands = [(1, on), (BLOCKED, on), (MISSING, on)]
        result = await master.ask(lambda now: master.session.operate(commands, OperateMode.SELECT_BEFORE_OPERATE, now))
        assert result.outcome is Outcome.REFUSED
        assert result.statuses == (CommandStatus.SUCCESS, CommandStatus.BLOCKED, CommandStatus.NOT_SUPPORTED)
        assert peer.plant.operated == []
        assert FunctionCode.OPERATE not in wire.functions(is_master=True)


async def test_direct_operate_tells_each_status_and_without_answer_none():
    async with joined() as (master, peer, _):
        commands = [(1, AnalogCommand(value=5.5)), (BLOCKED, AnalogCommand(value=6.5))]
        result = await master.ask(lambda now: master.session.operate(commands, OperateMode.DIRECT_OPERATE, now))
        assert result.outcome is Outcome.REFUSED
        assert result.statuses == (CommandStatus.SUCCESS, CommandStatus.BLOCKED)
        silent = [(2, BinaryCommand(operation=Operation.LATCH_ON))]
        result = await master.ask(lambda now: master.session.operate(silent, OperateMode.DIRECT_OPERATE_NO_ACK, now))
        assert result.outcome is Outcome.SENT
        await master.until(lambda: len(peer.plant.operated) == 2)
        assert [(name, index) for name, index, _ in peer.plant.operated] == [("DIRECT_OPERATE", 1), ("DIRECT_OPERATE_NR", 2)]


async def test_a_command_whose_answer_is_lost_is_neither_repeated_nor_called_done():
    async with joined(timeout_s=0.3) as (master, peer, wire):
        wire.swallows_outstation = True
        command = [(1, BinaryCommand(operation=Operation.LATCH_ON))]
        result = await master.ask(lambda now: master.session.operate(command, OperateMode.DIRECT_OPERATE, now))
        assert result.outcome is Outcome.UNCONFIRMED
        assert len(peer.plant.operated) == 1
        wire.swallows_outstation = False
        assert wire.functions(is_master=True).count(FunctionCode.DIRECT_OPERATE) == 1
        await master.ask(lambda now: master.session.scan_events(frozenset({1}), now))
        assert len(peer.plant.operated) == 1


async def test_a_restart_is_noticed_and_everything_is_read_and_enabled_anew():
    async with joined() as (master, peer, _):
        before = len(master.heard(Restarted))
        assert before == 1
        result = await master.ask(master.session.cold_restart)
        assert result.outcome is Outcome.DONE
        assert (result.delay_ms, peer.restarts) == (50, 1)
        peer.plant.analog[0] = AnalogPoint(31)
        await master.until(lambda: len(master.heard(StartedUp)) == 2 and is_enabled(master, peer))
        assert len(master.heard(Restarted)) == 2
        assert not peer.session.restart_indication
        assert master.values[ANALOG, 0] == 31


async def test_an_outstation_that_is_replaced_by_another_is_started_up_like_the_first():
    watch = Watch()
    async with (
        peer_outstation(watch) as first,
        peer_outstation(watch) as second,
        wired(first.server.port, watch) as wire,
        our_master(wire.port, watch) as master,
    ):
        await master.until(lambda: is_enabled(master, first))
        second.plant.analog[0] = AnalogPoint(99)
        wire.target = second.server.port
        wire.cut()
        await master.until(lambda: is_enabled(master, second) and len(master.heard(StartedUp)) == 2)
        assert master.values[ANALOG, 0] == 99
        assert len(master.heard(Restarted)) == 2


async def test_objects_that_we_do_not_know_hide_nothing_that_follows():
    async with joined(unreadable=1) as (master, peer, _):
        of_private_size = bytes([201, 7, 0x5B, 2, 3, 0, 1, 2, 3, 1, 0, 9])
        no_such_variation = bytes([30, 77, 0x5B, 1, 4, 0, 1, 2, 3, 4])
        peer.plant.before = of_private_size + no_such_variation
        peer.plant.analog[9] = AnalogPoint(-5)
        result = await master.ask(master.session.scan_integrity)
        assert result.outcome is Outcome.DONE
        assert master.values[ANALOG, 9] == -5
        assert master.values[PointType.ANALOG_OUTPUT_STATUS, 2] == -2
        assert [str(block) for block in result.blocks] == ["g201v7"]
        assert [unreadable.what for unreadable in master.heard(Unreadable)] == ["g30v77 with qualifier 5B"]


async def test_a_read_of_what_the_outstation_does_not_have_is_refused():
    async with joined() as (master, _, _):
        result = await master.ask(lambda now: master.session.read([ObjectBlock.all(3, 0)], now))
        assert result.outcome is Outcome.REFUSED
        assert result.iin & IIN.OBJECT_UNKNOWN
        result = await master.ask(
            lambda now: master.session.write_deadbands([(1, 5)], now),
        )
        assert result.outcome is Outcome.REFUSED


async def test_counters_are_frozen():
    async with joined() as (master, peer, _):
        result = await master.ask(lambda now: master.session.freeze(now, clear=True))
        assert result.outcome is Outcome.DONE
        assert peer.plant.freezes == [True]
        await master.ask(lambda now: master.session.read([ObjectBlock.all(21, 0)], now))
        assert master.of(PointType.FROZEN_COUNTER) == {0: 2**32 - 1, 1: 7}


@needs_tshark
async def test_tshark_finds_nothing_wrong_with_the_whole_session():
    async with joined() as (master, peer, wire):
        peer.switch(1, True, T0_MS)
        peer.move(2, 5, T0_MS + 1)
        peer.server.notify()
        await master.until(lambda: len(master.changes) == 2 and peer.buffers.total == 0)
        commands = [(3, BinaryCommand(operation=Operation.LATCH_ON)), (2, AnalogCommand(value=1.5))]
        await master.ask(lambda now: master.session.operate(commands, OperateMode.SELECT_BEFORE_OPERATE, now))
        await master.ask(lambda now: master.session.freeze(now))
        await master.ask(master.session.measure_delay)
        assert_clean(wire.frames)
