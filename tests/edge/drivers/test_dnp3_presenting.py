"""Points of a site, presented to masters of others: here, our own driver."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from tieline.config.outstation import Outstation, OutstationRow
from tieline.edge.dnp3 import StationChannels
from tieline.edge.dnp3.presenting import PresentedOutstation
from tieline.io import SystemClock
from tieline.model import STATUS, Event, Now, Point, PointId, PointKind, Quality, Samples
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, Command, CommandStatus, OperateMode, Operation
from tieline.protocols.dnp3.master import Outcome
from tieline.protocols.dnp3.measurements import PointType

from .field import serving as serving_tcp
from .outstations import Asking, connection, free_port, listed, make_device, running

DEVICE = int(Quality.DEVICE_TIME)
KINDS = (PointKind.BINARY, PointKind.DOUBLE, PointKind.COUNTER, PointKind.ANALOG, PointKind.SETPOINT)
GROUPS = (1, 3, 20, 30, 40)
POINTS = tuple(
    Point(id=PointId(100 + n), site="northgate", device="rtu", name=f"p{n}", kind=kind) for n, kind in enumerate(KINDS)
)


def outstation(place: Any, rows: list[dict[str, Any]] | None = None, **keys: Any) -> Outstation:
    """Presents the five points, each in its group, unless rows say otherwise; `point` is their number."""
    given = rows or [{"point": n, "group": group, "index": 0} for n, group in enumerate(GROUPS)]
    return Outstation(
        **{
            "site": "northgate",
            "name": "scada",
            "description": "",
            "outstation": 10,
            "masters": (1,),
            "connection": place,
            "unsolicited": True,
            "event_buffer": 1000,
            "rows": tuple(OutstationRow.model_validate(row | {"point": f"rtu/p{row['point']}"}) for row in given),
            "points": tuple(POINTS[row["point"]] for row in given),
        }
        | keys
    )


class Presented:
    """A running outstation and the events of it."""

    def __init__(self, config: Outstation) -> None:
        self.clock = SystemClock()
        self.events: list[Event] = []
        self.channel = StationChannels(clock=self.clock, random=lambda: 0.0).of(config.connection)
        self.subject = PresentedOutstation(config, channel=self.channel, on_event=self.events.append, clock=self.clock)

    def take(self, number: int, value: float, quality: int = 0, time: int | None = None) -> None:
        at = self.clock.now_us() if time is None else time
        self.subject.take(Samples.of([100 + number], [at], [value], [quality]))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@contextlib.asynccontextmanager
async def presenting(config: Outstation) -> AsyncIterator[Presented]:
    here = Presented(config)
    for number, value in enumerate((1, 2, 3, 4.5, 5.5)):
        here.take(number, value)
    task = asyncio.create_task(here.subject.run())
    try:
        async with asyncio.timeout(5):
            while not getattr(here.channel, "is_listening", True):
                await asyncio.sleep(0)
        yield here
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome


async def test_a_master_reads_every_kind_of_point_and_hears_of_each_change_with_its_time():
    port = free_port()
    device = make_device(listed(*GROUPS), connection(port=port))
    async with presenting(outstation(connection("tcp_server", port=port))) as here, running(device) as field:
        await field.until(lambda: all(field.quality(f"p{n}") == Quality.GOOD for n in range(5)))
        assert [field.value(f"p{n}") for n in range(5)] == [1, 2, 3, 4.5, 5.5]
        at = here.clock.now_us() // 1000 * 1000
        for number, value in enumerate((0, 1, 2, 3.5, 4.5)):
            here.take(number, value, DEVICE, at + number * 1000)
        await field.until(lambda: field.value("p4") == 4.5)
        assert [(field.newest[int(field.id_of(f"p{n}"))].time - at) // 1000 for n in range(3)] == [0, 1, 2]
        assert [field.value(f"p{n}") for n in range(5)] == [0, 1, 2, 3.5, 4.5]
        assert here.kinds() == ["master_connected"]


async def test_two_masters_hear_of_every_change_each_once():
    port = free_port()
    config = outstation(connection("tcp_server", port=port), masters=(1, 2), event_buffer=10_000)
    devices = [make_device(listed(20), connection(port=port), name=f"rtu-{n}") for n in (1, 2)]
    async with presenting(config) as here, running(devices[0]) as first, running(replaced(devices[1], master=2)) as second:
        both = first, second
        for field in both:
            await field.until(lambda field=field: field.quality("p0") == Quality.GOOD)
        counts = np.arange(4.0, 504.0)
        here.subject.take(Samples.of([102], here.clock.now_us() + np.arange(500) * 1000, counts, [DEVICE]))
        for field in both:
            await field.until(lambda field=field: field.value("p0") == 503)
            told = [value for cycle in field.cycles for value in cycle.value[(cycle.quality & DEVICE) != 0].tolist()]
            assert told == counts.tolist()


def replaced(device, **keys):
    return dataclasses.replace(device, **keys)


@pytest.mark.parametrize(
    ("value", "quality", "seen"),
    [
        (7.0, Quality.INVALID | Quality.OLD_DATA, Quality.INVALID | Quality.FAILURE | Quality.OLD_DATA),
        (7.0, Quality.SUBSTITUTED, Quality.SUBSTITUTED),
        (7.0, Quality.QUESTIONABLE | Quality.OUT_OF_RANGE, Quality.QUESTIONABLE | Quality.OVERFLOW),
        (7.0, Quality.QUESTIONABLE, Quality.INVALID | Quality.FAILURE),
        (7.0, Quality.TEST, Quality.INVALID | Quality.FAILURE),
        (math.nan, Quality.GOOD, Quality.INVALID | Quality.FAILURE | Quality.OLD_DATA),
    ],
)
async def test_what_is_bad_here_is_bad_there(value, quality, seen):
    port = free_port()
    async with (
        presenting(outstation(connection("tcp_server", port=port))) as here,
        running(make_device(listed(30), connection(port=port))) as field,
    ):
        await field.until(lambda: field.quality("p0") == Quality.GOOD)
        here.take(3, value, int(quality))
        await field.until(lambda: int(field.quality("p0")) & STATUS == int(seen))


async def test_one_point_may_be_several_objects_with_scales_and_deadbands():
    port = free_port()
    rows = [
        {"point": 3, "group": 30, "index": 5, "scale": 0.1, "offset": 1, "deadband": 2},
        {"point": 3, "group": 30, "index": 6},
        {"point": 3, "group": 40, "index": 7, "scale": -1},
    ]
    device = make_device([{"group": 30, "index": 5}, {"group": 30, "index": 6}, {"group": 40, "index": 7}], connection(port=port))
    async with presenting(outstation(connection("tcp_server", port=port), rows)) as here, running(device) as field:
        await field.until(lambda: [field.value(f"p{n}") for n in range(3)] == [35, 4.5, -4.5])
        here.take(3, 5.5)
        await field.until(lambda: [field.value(f"p{n}") for n in range(3)] == [35, 5.5, -5.5])
        here.take(3, 7.5)
        await field.until(lambda: [field.value(f"p{n}") for n in range(3)] == [65, 7.5, -7.5])


async def test_a_master_can_command_nothing_restart_nothing_and_set_no_clock():
    port = free_port()
    latch = BinaryCommand(operation=Operation.LATCH_ON)
    async with presenting(outstation(connection("tcp_server", port=port))) as here:
        master = Asking(connection(port=port))
        before = here.clock.now_us() - here.clock.monotonic() * 1e6
        async with master.running():
            analog = await master.ask(lambda now: operate(master, (0, AnalogCommand(value=1.0)), now))
            assert analog.statuses == (CommandStatus.NOT_AUTHORIZED,)
            binary = await master.ask(lambda now: operate(master, (9, latch), now))
            assert binary.statuses == (CommandStatus.NOT_SUPPORTED,)
            assert (await master.ask(master.session.cold_restart)).outcome is Outcome.REFUSED
            assert (await master.ask(master.session.synchronize_time)).outcome is Outcome.DONE
        assert abs(here.clock.now_us() - here.clock.monotonic() * 1e6 - before) < 1e5
        assert "master_connected" in here.kinds()


def operate(master: Asking, command: tuple[int, Command], now: Now) -> int:
    return master.session.operate([command], OperateMode.DIRECT_OPERATE, now)


async def test_a_port_that_is_taken_is_reported_once_and_tried_again():
    async def nobody(reader, writer):
        await reader.read()

    async with serving_tcp(nobody) as port:
        here = Presented(outstation(connection("tcp_server", port=port)))
        task = asyncio.create_task(here.subject.run())
        async with asyncio.timeout(10):
            while here.kinds() != ["master_lost"]:
                await asyncio.sleep(0.01)
        assert "address already in use" in here.events[0].text.lower()
        here.take(3, 1.0)
    try:
        async with running(make_device(listed(30), connection(port=port))) as field:
            await field.until(lambda: field.value("p0") == 1.0)
            assert here.kinds() == ["master_lost", "master_connected"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_points_of_mixed_types_are_taken_in_columns():
    rows = [{"point": 3, "group": 30, "index": n} for n in range(1000)] + [
        {"point": 0, "group": 1, "index": n} for n in range(1000)
    ]
    here = Presented(outstation(connection("tcp_server", port=free_port()), rows))
    mixed = np.tile([103, 100], 200)
    here.subject.take(Samples.of(mixed, np.arange(400), np.tile([1.5, 1.0], 200)))
    analog, binary = (here.subject.database.table(kind) for kind in (PointType.ANALOG_INPUT, PointType.BINARY_INPUT))
    assert analog is not None
    assert binary is not None
    assert set(analog.value.tolist()) == {1.5}
    assert set(binary.value.tolist()) == {1.0}
    assert analog.time_us[0] == 398
