"""Our master with dnp3py's simulated energy resource (IEEE 1815.2), a process of its own that is killed and started again."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from py1815 import FunctionCode

from tieline.cli.run import free_port
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, OperateMode, Operation
from tieline.protocols.dnp3.master import Answers, DutyRefused, EventPoll, Outcome, Restarted, StartedUp, Unanswered, Unreadable
from tieline.protocols.dnp3.measurements import Flag, PointType

from .peer_stations import MASTER, OUTSTATION, OurMaster, our_master
from .peer_wire import Watch, Wire, wired

ANALOG, OUTPUT = PointType.ANALOG_INPUT, PointType.BINARY_OUTPUT_STATUS
LIMIT, LIMIT_FEEDBACK = 87, 148
ENABLE_LIMIT = 17


@contextlib.contextmanager
def der(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The simulated resource, listening at that port sooner or later."""
    command = [sys.executable, "-m", "dnp3.mesa", "--profile-name", "minimal_1547", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--address", str(OUTSTATION), "--master-address", str(MASTER)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.asynccontextmanager
async def joined(**settings: Any) -> AsyncIterator[tuple[OurMaster, subprocess.Popen[bytes], Wire]]:
    """Our master and the resource, once the start-up is over."""
    watch, port = Watch(), free_port()
    with der(port) as process:
        await watch.until(lambda: answers(port))
        async with wired(port, watch) as wire, our_master(wire.port, watch, **settings) as master:
            await master.until(lambda: master.heard(StartedUp))
            yield master, process, wire
            assert master.heard(Unreadable) == []
            assert master.heard(DutyRefused) == []


async def test_the_integrity_poll_reads_all_116_points():
    async with joined() as (master, _, wire):
        assert {kind: len(master.of(kind)) for kind in PointType if master.of(kind)} == {
            PointType.BINARY_INPUT: 19,
            PointType.BINARY_OUTPUT_STATUS: 7,
            PointType.ANALOG_INPUT: 90,
        }
        assert set(master.flags.values()) == {Flag.ONLINE}
        curve = [master.values[ANALOG, index] for index in range(330, 341)]
        assert curve == [4, 4, 8, 160, 1200, 2000, 1200, 2000, 1100, 100_000, 1100]
        assert set(master.of(PointType.BINARY_INPUT).values()) == {0}
        asked = wire.functions(is_master=True)
        assert asked[0] == FunctionCode.DISABLE_UNSOLICITED
        assert FunctionCode.WRITE in asked


async def test_a_setpoint_is_seen_in_its_feedback_by_the_next_event_poll():
    polls = (EventPoll(period_s=0.1),)
    async with joined(event_polls=polls, scan_on_iin=frozenset(), unsolicited_classes=frozenset()) as (master, _, _):
        assert master.values[ANALOG, LIMIT_FEEDBACK] == 0
        for value, mode in ((500, OperateMode.SELECT_BEFORE_OPERATE), (250, OperateMode.DIRECT_OPERATE)):
            command = AnalogCommand(value=value, variation=1)
            result = await master.ask(
                lambda now, command=command, mode=mode: master.session.operate([(LIMIT, command)], mode, now)
            )
            assert (result.outcome, result.statuses) == (Outcome.DONE, (CommandStatus.SUCCESS,))
            await master.until(lambda value=value: (ANALOG, LIMIT_FEEDBACK, value) in master.changes)
        assert [value for kind, index, value in master.changes if (kind, index) == (ANALOG, LIMIT_FEEDBACK)] == [500, 250]


async def test_an_output_is_switched_and_read_back():
    async with joined() as (master, _, _):
        command = [(ENABLE_LIMIT, BinaryCommand(operation=Operation.LATCH_ON))]
        result = await master.ask(lambda now: master.session.operate(command, OperateMode.SELECT_BEFORE_OPERATE, now))
        assert result.outcome is Outcome.DONE
        await master.ask(master.session.scan_integrity)
        assert [index for index, state in master.of(OUTPUT).items() if state] == [ENABLE_LIMIT]


async def test_a_setpoint_that_does_not_exist_or_is_out_of_range_is_refused():
    async with joined() as (master, _, wire):
        for commands, status in (
            ([(4, AnalogCommand(value=1))], CommandStatus.NOT_SUPPORTED),
            ([(LIMIT, AnalogCommand(value=-1e9))], CommandStatus.OUT_OF_RANGE),
        ):
            result = await master.ask(
                lambda now, commands=commands: master.session.operate(commands, OperateMode.SELECT_BEFORE_OPERATE, now)
            )
            assert (result.outcome, result.statuses) == (Outcome.REFUSED, (status,))
        assert FunctionCode.OPERATE not in wire.functions(is_master=True)


async def test_a_resource_that_is_killed_and_started_again_is_read_again():
    async with joined() as (master, process, wire):
        command = [(ENABLE_LIMIT, BinaryCommand(operation=Operation.LATCH_ON))]
        await master.ask(lambda now: master.session.operate(command, OperateMode.DIRECT_OPERATE, now))
        await master.ask(master.session.scan_integrity)
        assert master.values[OUTPUT, ENABLE_LIMIT] == 1
        process.kill()
        await master.until(lambda: master.heard(Unanswered))
        result = await master.ask(lambda now: master.session.operate(command, OperateMode.DIRECT_OPERATE, now))
        assert result.outcome is Outcome.NOT_SENT
        port = free_port()
        with der(port):
            await master.until(lambda: answers(port))
            wire.target = port
            await master.until(lambda: len(master.heard(StartedUp)) == 2)
            assert len(master.heard(Restarted)) == 2
            assert len(master.heard(Answers)) == 2
            assert master.values[OUTPUT, ENABLE_LIMIT] == 0
