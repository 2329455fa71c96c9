"""Our outstation with dnp3py's master, as far as that goes: it drops command statuses and cuts setpoints to whole numbers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from dnp3.core.enums import ControlCode
from dnp3.master import DefaultSOEHandler, Master, MasterConfig
from dnp3.master.commands import ControlOperation, DirectOperateTask
from dnp3.master.tcp_runner import MasterTcpRunner

from tieline.protocols.dnp3.commands import BinaryCommand, Operation
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.outstation import Database, Points, UnsolicitedChanged

from .peer_stations import MASTER, OUTSTATION, OurOutstation, our_outstation
from .peer_wire import PATIENCE_S, Watch

BINARY, ANALOG, COUNTER = PointType.BINARY_INPUT, PointType.ANALOG_INPUT, PointType.COUNTER
T0_US = 1_750_000_000_000_000


@contextlib.asynccontextmanager
async def joined() -> AsyncIterator[tuple[OurOutstation, MasterTcpRunner, DefaultSOEHandler]]:
    """Our outstation and the peer, connected; its link reset comes first."""
    kinds = {BINARY: 1, PointType.DOUBLE_BIT_BINARY_INPUT: 1, ANALOG: 2, COUNTER: 3, PointType.BINARY_OUTPUT_STATUS: 0}
    database = Database({kind: Points(index=range(600), event_class=number) for kind, number in kinds.items()})
    for kind in kinds:
        database.update(kind, range(600), [index % 2 for index in range(600)], 1, T0_US, with_events=False)
    watch = Watch()
    async with our_outstation(database, watch) as outstation:
        handler = DefaultSOEHandler()
        config = MasterConfig(address=MASTER, outstation_address=OUTSTATION)
        master = Master(config=config, handler=handler)
        async with MasterTcpRunner(master=master, port=outstation.port, response_timeout=PATIENCE_S) as runner:
            yield outstation, runner, handler


async def test_an_integrity_poll_of_many_fragments_is_read_to_its_end():
    async with joined() as (_, runner, handler):
        fragments = await runner.integrity_poll()
        assert len(fragments) > 3
        expected = {index: index % 2 for index in range(600)}
        assert {index: value.value for index, value in handler.binary_inputs.items()} == expected
        assert {index: value.value for index, value in handler.binary_outputs.items()} == expected
        assert {index: value.value for index, value in handler.analog_inputs.items()} == expected
        assert {index: value.value for index, value in handler.counters.items()} == expected
        assert {index: int(value.state) for index, value in handler.double_bit_inputs.items()} == expected
        assert {value.quality for value in handler.analog_inputs.values()} == {1}


async def test_unsolicited_events_are_received_and_confirmed():
    async with joined() as (outstation, runner, handler):
        await runner.integrity_poll()
        await runner.enable_unsolicited()
        assert outstation.heard(UnsolicitedChanged)[-1].classes == {1, 2, 3}
        outstation.change(ANALOG, 7, 12.5)
        while (value := handler.get_analog_input(7)) is None or value.value != 12.5:
            assert await runner.listen_unsolicited(timeout=PATIENCE_S) is not None
        assert value.timestamp is not None
        await outstation.until(lambda: not len(outstation.session.buffer))


async def test_polled_events_are_confirmed():
    async with joined() as (outstation, runner, handler):
        outstation.change(BINARY, 4, 1)
        await runner.class_poll()
        value = handler.get_binary_input(4)
        assert value is not None
        assert value.value is True
        await outstation.until(lambda: not len(outstation.session.buffer))


async def test_a_direct_operate_arrives_as_it_was_meant():
    async with joined() as (outstation, runner, _):
        task = DirectOperateTask(
            operations=[ControlOperation(index=3, control_code=ControlCode.LATCH_OFF, count=2, on_time=300, off_time=400)]
        )
        await runner.request(runner.master.build_direct_operate(task))
        ((index, command, _),) = outstation.handler.operated
        assert index == 3
        assert command == BinaryCommand(operation=Operation.LATCH_OFF, count=2, on_ms=300, off_ms=400)
