"""The gate before a real driver and a simulated Modbus device on a socket, and the audit on its way to the center."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.edge.drivers.field import make_device, running, tcp
from tieline.config.gate import Feedback
from tieline.config.gate import Gate as Plan
from tieline.edge.gate import AuditReporting, Gate
from tieline.edge.image import ProcessImage
from tieline.io import SystemClock
from tieline.model import AuditRecord, Command, Now, Result, Samples, UnavailableError
from tieline.security.audit import AuditLog, verify
from tieline.security.audit.merkle import frontier_of
from tieline.simulator.devices import TcpEndpoint
from tieline.simulator.devices.modbus import ModbusDevice as SimulatedModbus

ROWS = [
    {"name": "setting", "table": "holding_register", "address": 0, "kind": "setpoint", "low": 0.0, "high": 100.0},
    {"name": "shown", "table": "holding_register", "address": 0},
    {"name": "other", "table": "holding_register", "address": 1},
]


async def test_a_command_passes_the_gate_reaches_the_device_and_is_done_when_a_poll_shows_it(tmp_path: Path) -> None:
    plain = make_device(ROWS, tcp(1))
    simulated = SimulatedModbus(plain)
    endpoint = TcpEndpoint({1: simulated}, host="127.0.0.1", port=0)
    await endpoint.start()
    clock = SystemClock()
    device = make_device(ROWS, tcp(endpoint.place.port, unit=1))
    setting, shown, _ = device.points
    image = ProcessImage(device.points)
    audit = AuditLog.open(tmp_path / "audit", "northgate", clock)
    plan = Plan(feedbacks={setting.id: Feedback(point=shown, within_s=10)})
    try:
        async with running(device) as field:
            drivers = {"rtu-1": field.drivers[0]}
            events = []
            gate = Gate(plan, device.points, image, drivers, audit, on_event=events.append, clock=clock)

            async def tick() -> None:
                taken = 0
                while True:
                    image.update(Samples.concatenate(field.cycles[taken:]))
                    taken = len(field.cycles)
                    gate.tick(Now(clock.monotonic(), clock.now_us()))
                    await asyncio.sleep(0.01)

            tasks = [asyncio.create_task(gate.run()), asyncio.create_task(tick())]
            await field.cycles_more(2)
            expires = clock.now_us() + 10_000_000
            command = Command(id="1", point=setting.id, value=42.0, requester="ada", expires=expires)
            outcome = await gate.operate(command, "center")
            assert (outcome.result, outcome.reason) == (Result.DONE, "")
            assert simulated.values[simulated.number("setting")] == 42
            assert field.value("shown") == 42
            too_much = Command(id="2", point=setting.id, value=142.0, requester="ada", expires=expires)
            assert (await gate.operate(too_much, "center")).result is Result.REFUSED
            assert simulated.values[simulated.number("setting")] == 42
            assert [(record.action, record.outcome) for record in audit.since(0)] == [
                ("command", "released"),
                ("command_outcome", "done"),
                ("command", "refused"),
            ]
            await endpoint.stop()
            gone = Command(id="3", point=setting.id, value=7.0, requester="ada", expires=expires)
            assert (await gate.operate(gone, "center")).result in {Result.FAILED, Result.UNKNOWN}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        assert [event.kind for event in events][:2] == ["command_done", "command_refused"]
    finally:
        await endpoint.stop()
        audit.close()
    assert verify(tmp_path / "audit").is_intact


class Center:
    """What the audit is sent to."""

    def __init__(self) -> None:
        self.pending: list[AuditRecord] = []
        self.records: list[AuditRecord] = []
        self.is_there = True

    async def settle(self) -> None:
        if not self.is_there:
            self.pending.clear()
            raise UnavailableError("the disk takes nothing")
        self.records += self.pending
        self.pending.clear()


async def test_the_center_gets_every_record_in_order_and_after_a_restart_only_what_it_lacks(tmp_path: Path) -> None:
    audit, center = AuditLog.open(tmp_path, "northgate", SystemClock()), Center()
    reporting = AuditReporting(audit, center.pending.append, center.settle, keep_bytes=1_000_000)
    for _ in range(3):
        audit.append(actor="ada", action="command")
    center.is_there = False
    with pytest.raises(UnavailableError):
        await reporting.send()
    assert audit.sent == 0
    center.is_there = True
    assert await reporting.send()
    assert not await reporting.send()
    audit.close()
    again = AuditLog.open(tmp_path, "northgate", SystemClock())
    again.append(actor="ada", action="command")
    assert await AuditReporting(again, center.pending.append, center.settle, keep_bytes=1_000_000).send()
    again.close()
    assert [record.sequence for record in center.records] == [1, 2, 3, 4]
    verdict = verify(tmp_path)
    assert verdict.is_intact
    assert frontier_of(bytes.fromhex(record.hash) for record in center.records).root() == verdict.root
