"""An outstation keeps its events until the gateway has them on its disk."""

from __future__ import annotations

import asyncio

import pytest

from tieline.model import UnavailableError
from tieline.protocols.dnp3.measurements import PointType

from .outstations import Rtu, connection, free_port, listed, make_device, running, serving

TYPES = {PointType.ANALOG_INPUT: 1}
POLLED = {"unsolicited": (), "polls": {"events_s": 0.1}}


class Disk:
    """Takes what is reported when it is told to."""

    def __init__(self) -> None:
        self.is_full = False
        self._stores = asyncio.Event()
        self._stores.set()
        self.asked = 0

    def block(self) -> None:
        self._stores.clear()

    def go_on(self) -> None:
        self._stores.set()

    async def settle(self) -> None:
        self.asked += 1
        await self._stores.wait()
        if self.is_full:
            raise UnavailableError("part of it was given up")


@pytest.mark.parametrize("reporting", [{}, POLLED], ids=["unsolicited", "polled"])
async def test_events_leave_the_outstation_when_they_are_stored(reporting: dict[str, object]) -> None:
    port, disk = free_port(), Disk()
    rtu = Rtu(connection("tcp_server", port=port), TYPES)
    device = make_device(listed(30), connection(port=port), **reporting)  # type: ignore[arg-type]
    async with serving(rtu), running(device, settle=disk.settle) as field:
        await field.until_polled(lambda: field.drivers[0].health.is_up and not len(rtu.session.buffer))
        disk.block()
        asked = disk.asked
        rtu.update(PointType.ANALOG_INPUT, 0, 7)
        await field.until_polled(lambda: field.value("p0") == 7 and disk.asked > asked)
        assert len(rtu.session.buffer) == 1
        disk.go_on()
        await field.until_polled(lambda: not len(rtu.session.buffer))


async def test_events_that_could_not_be_stored_are_not_confirmed_and_come_again() -> None:
    port, disk = free_port(), Disk()
    rtu = Rtu(connection("tcp_server", port=port), TYPES)
    device = make_device(listed(30), connection(port=port))
    async with serving(rtu), running(device, settle=disk.settle) as field:
        await field.until_polled(lambda: field.drivers[0].health.is_up and not len(rtu.session.buffer))
        disk.is_full = True
        asked = disk.asked
        rtu.update(PointType.ANALOG_INPUT, 0, 7)
        await field.until_polled(lambda: field.value("p0") == 7 and disk.asked > asked)
        assert len(rtu.session.buffer) == 1
        disk.is_full = False
        await field.until_polled(lambda: not len(rtu.session.buffer))
        point = field.id_of("p0")
        times = [
            int(time)
            for cycle in field.cycles
            for number, time, value in zip(cycle.point, cycle.time, cycle.value, strict=True)
            if number == point and value == 7
        ]
        assert len(times) > len(set(times)), "the event was handed over again, with its own time"
