"""An outstation of py1815, which nobody here wrote, with points that a test may change."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from py1815 import OutstationServer, Session, UnknownObject, object_header
from py1815.application import ObjectHeader
from py1815.control import CommandStatus, encode_analog_output_status, encode_binary_output_status
from py1815.events import EventBuffers, EventClass
from py1815.objects import (
    AnalogPoint,
    AnalogQuality,
    AnalogVariation,
    BinaryPoint,
    BinaryQuality,
    CounterPoint,
    analog_range,
    binary_range,
    counter_range,
    frozen_counter_range,
)
from py1815.session import Control

from .peer_stations import MASTER, OUTSTATION
from .peer_wire import Watch

FROZEN_MS = 1_700_000_000_123
BLOCKED, MISSING = 9, 99


class Plant:
    """Points, outputs and a clock; what py1815 calls providers."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.binary = [BinaryPoint(index % 3 == 0) for index in range(12)]
        self.analog = [AnalogPoint(index * 1000 - 3000) for index in range(10)]
        self.floats = [AnalogPoint(0.5, AnalogQuality.ONLINE | AnalogQuality.OVER_RANGE), AnalogPoint(-1e30, 0)]
        self.counters = [CounterPoint(2**32 - 1), CounterPoint(7)]
        self.frozen = [(CounterPoint(5), FROZEN_MS), (CounterPoint(6), FROZEN_MS + 1)]
        self.states = [True, False, True, False]
        self.setpoints = [1.0, 1.5, -2.0]
        self.before: bytes = b""
        """What comes before everything else in an answer to a read of class 0."""
        self.selects: list[tuple[int, str]] = []
        self.operated: list[tuple[str, int, object]] = []
        self.times_ms: list[int] = []
        self.freezes: list[bool] = []

    # Reading

    def read(self, headers: Sequence[ObjectHeader]) -> bytes:
        return b"".join(self.read_blocks(headers))

    def read_blocks(self, headers: Sequence[ObjectHeader]) -> list[bytes]:
        groups = {
            1: binary_range(0, self.binary),
            10: object_header(10, 2, start=0, stop=len(self.states) - 1)
            + b"".join(encode_binary_output_status(state=state) for state in self.states),
            20: counter_range(0, self.counters),
            21: frozen_counter_range(0, self.frozen),
            30: analog_range(0, self.analog) + analog_range(300, self.floats, variation=AnalogVariation.FLOAT32_WITH_FLAG),
            40: object_header(40, 3, start=0, stop=len(self.setpoints) - 1)
            + b"".join(encode_analog_output_status(value, 3) for value in self.setpoints),
        }
        blocks = []
        for header in headers:
            if header.is_class_request:
                blocks += [self.before, *groups.values()] if self.before else [*groups.values()]
            elif header.group in groups and header.variation == 0:
                blocks.append(groups[header.group])
            else:
                raise UnknownObject(f"there is no group {header.group}")
        return blocks

    # Commands

    def select(self, controls: Sequence[Control]) -> list[CommandStatus]:
        self.selects += [(control.index, control.function.name) for control in controls]
        self.watch.poke()
        return [self._may(control) for control in controls]

    def operate(self, controls: Sequence[Control]) -> list[CommandStatus]:
        statuses = [self._may(control) for control in controls]
        self.operated += [
            (control.function.name, control.index, control.command)
            for control, status in zip(controls, statuses, strict=True)
            if status is CommandStatus.SUCCESS
        ]
        self.watch.poke()
        return statuses

    def _may(self, control: Control) -> CommandStatus:
        return {BLOCKED: CommandStatus.BLOCKED, MISSING: CommandStatus.NOT_SUPPORTED}.get(control.index, CommandStatus.SUCCESS)

    # The rest

    def freeze(self, headers: Sequence[ObjectHeader], *, clear: bool) -> None:
        self.freezes.append(clear)
        self.frozen = [(counter, FROZEN_MS + 1000) for counter in self.counters]
        self.watch.poke()

    def take_time(self, milliseconds: int) -> None:
        self.times_ms.append(milliseconds)
        self.watch.poke()


class PeerOutstation:
    """py1815's outstation with a plant."""

    def __init__(self, watch: Watch, **options: Any) -> None:
        self.plant = Plant(watch)
        self.buffers = EventBuffers(capacity=options.pop("capacity", 1000))
        for index, binary in enumerate(self.plant.binary):
            self.buffers.prime_binary(index, binary)
        for index, analog in enumerate(self.plant.analog):
            self.buffers.prime_analog(index, analog)
        self.restarts = 0
        self.session = Session(
            self.plant,
            events=self.buffers,
            control_provider=self.plant,
            freeze_provider=self.plant,
            time_sink=self.plant.take_time,
            restart_handler=self._restart,
            outstation_address=OUTSTATION,
            master_address=MASTER,
            **{"unsolicited": True, "unsolicited_confirm_timeout": 1.0, "need_time": True} | options,
        )
        self.server = OutstationServer(self.session, bind="127.0.0.1:0", unsolicited_interval=0.1)

    def _restart(self) -> int:
        self.restarts += 1
        return 50

    async def stop(self) -> None:
        """Ends it once its connection is over: py1815 leaves the transport of one that it ends itself unclosed."""
        await self.plant.watch.until(lambda: not self.server.connected)
        await self.server.stop()

    def switch(self, index: int, state: bool, at_ms: int, flags: int = BinaryQuality.ONLINE) -> None:
        """A binary input changes: an event of class 1."""
        self.plant.binary[index] = BinaryPoint(state, flags)
        self.buffers.record_binary(index, self.plant.binary[index], event_class=EventClass.CLASS_1, timestamp_ms=at_ms)

    def move(self, index: int, value: int, at_ms: int) -> None:
        """An analog input changes: an event of class 2."""
        self.plant.analog[index] = AnalogPoint(value)
        self.buffers.record_analog(index, self.plant.analog[index], event_class=EventClass.CLASS_2, timestamp_ms=at_ms)


@contextlib.asynccontextmanager
async def peer_outstation(watch: Watch, **options: Any) -> AsyncIterator[PeerOutstation]:
    """The outstation, listening at `server.port`."""
    peer = PeerOutstation(watch, **options)
    await peer.server.start()
    try:
        yield peer
    finally:
        await peer.stop()
