"""Our own stations on real channels, with everything that they said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter

from tieline.cli.run import free_port
from tieline.config.dnp3 import Dnp3Connection
from tieline.edge.dnp3 import make_station, open_station_channel
from tieline.edge.dnp3.listening import ListeningChannel
from tieline.io import SystemClock
from tieline.model import Now
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, OperateMode
from tieline.protocols.dnp3.line import Session
from tieline.protocols.dnp3.master import Master, MasterEvent, MasterSettings, Measured, Result, TaskDone
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationEvent, OutstationSettings

from .peer_wire import Watch

MASTER, OUTSTATION = 1, 10

_Event = TypeVar("_Event")
_CONNECTION: TypeAdapter[Dnp3Connection] = TypeAdapter(Dnp3Connection)


class _OnChannel:
    """A session on a channel of its own."""

    def __init__(self, session: Session, connection: dict[str, Any], watch: Watch, *, local: int, remote: int) -> None:
        self.watch = watch
        self.clock = SystemClock()
        is_master = isinstance(session, Master)
        read = _CONNECTION.validate_python({"host": "127.0.0.1"} | connection)
        self.station = make_station(read, local=local, remote=remote, is_master=is_master, session=session, owner=self)
        self.channel = open_station_channel(read, name="test", clock=self.clock, random=lambda: 0.0)
        self.reasons: list[str | None] = []

    def now(self) -> Now:
        return Now(self.clock.monotonic(), self.clock.now_us())

    def wake(self) -> None:
        self.channel.wake(self.station)

    def on_activity(self, now: Now) -> None:
        raise NotImplementedError

    def on_channel(self, reason: str | None) -> None:
        self.reasons.append(reason)
        self.watch.poke()

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.channel.run(self.station))
        try:
            yield
        finally:
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome


class OurMaster(_OnChannel):
    """Our master, dialing a port."""

    def __init__(self, port: int, watch: Watch, *, outstation: int = OUTSTATION, **settings: Any) -> None:
        self.session = Master(MasterSettings(**{"timeout_s": 2.0} | settings))
        super().__init__(self.session, {"transport": "tcp", "port": port}, watch, local=MASTER, remote=outstation)
        self.said: list[MasterEvent] = []
        self.values: dict[tuple[PointType, int], float] = {}
        self.flags: dict[tuple[PointType, int], int] = {}
        self.changes: list[tuple[PointType, int, float]] = []
        """Events of the outstation, in the order in which they were told."""
        self.times_us: list[int] = []
        """Theirs."""

    def on_activity(self, now: Now) -> None:
        for event in self.session.events():
            self.said.append(event)
            if isinstance(event, Measured):
                self._take(event)
        self.watch.poke()

    def _take(self, measured: Measured) -> None:
        for block in measured.measurements:
            for index, value, flags, time_us in zip(
                block.index.tolist(), block.value.tolist(), block.flags.tolist(), block.time_us.tolist(), strict=True
            ):
                self.values[block.kind, index] = value
                self.flags[block.kind, index] = flags
                if block.is_event:
                    self.changes.append((block.kind, index, value))
                    self.times_us.append(time_us)

    def heard(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.said if isinstance(event, kind)]

    def of(self, kind: PointType) -> dict[int, float]:
        """The values of one type, by index."""
        return {index: value for (found, index), value in sorted(self.values.items()) if found is kind}

    async def until(self, condition: Callable[[], object]) -> None:
        await self.watch.until(condition, lambda: ([str(event)[:200] for event in self.said], self.reasons))

    async def ask(self, begin: Callable[[Now], int]) -> Result:
        """What came of a request."""
        number = begin(self.now())
        self.wake()
        await self.until(lambda: any(done.request == number for done in self.heard(TaskDone)))
        (result,) = [done.result for done in self.heard(TaskDone) if done.request == number]
        return result


@contextlib.asynccontextmanager
async def our_master(port: int, watch: Watch, **settings: Any) -> AsyncIterator[OurMaster]:
    """Our master, running."""
    master = OurMaster(port, watch, **settings)
    async with master._running():
        yield master


class Handler:
    """Outputs of our outstation; index 9 is blocked, and 99 is not there."""

    def __init__(self) -> None:
        self.selected: list[int] = []
        self.operated: list[tuple[int, BinaryCommand | AnalogCommand, OperateMode]] = []

    def _may(self, index: int) -> CommandStatus:
        return {9: CommandStatus.BLOCKED, 99: CommandStatus.NOT_SUPPORTED}.get(index, CommandStatus.SUCCESS)

    def select(self, index: int, command: BinaryCommand | AnalogCommand) -> CommandStatus:
        self.selected.append(index)
        return self._may(index)

    def operate(self, index: int, command: BinaryCommand | AnalogCommand, mode: OperateMode) -> CommandStatus:
        status = self._may(index)
        if status is CommandStatus.SUCCESS:
            self.operated.append((index, command, mode))
        return status

    def write_string(self, index: int, value: bytes) -> bool:
        return False


class OurOutstation(_OnChannel):
    """Our outstation, listening at `port`."""

    def __init__(self, database: Database, watch: Watch, **settings: Any) -> None:
        self.port = free_port()
        self.database = database
        self.handler = Handler()
        clock = SystemClock()
        self.session = Outstation(OutstationSettings(**settings), database, self.handler, Now(clock.monotonic(), clock.now_us()))
        super().__init__(self.session, {"transport": "tcp_server", "port": self.port}, watch, local=OUTSTATION, remote=MASTER)
        self.said: list[OutstationEvent] = []

    def on_activity(self, now: Now) -> None:
        self.said += self.session.events()
        self.watch.poke()

    def heard(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.said if isinstance(event, kind)]

    def is_listening(self) -> bool:
        return isinstance(self.channel, ListeningChannel) and self.channel.is_listening

    def change(self, kind: PointType, index: int, value: float, flags: int = 1) -> None:
        """A point changes, and the master may be told."""
        self.database.update(kind, index, value, flags, self.clock.now_us())
        self.wake()

    async def until(self, condition: Callable[[], object]) -> None:
        await self.watch.until(condition, lambda: ([str(event) for event in self.said], self.reasons))


@contextlib.asynccontextmanager
async def our_outstation(database: Database, watch: Watch, **settings: Any) -> AsyncIterator[OurOutstation]:
    """Our outstation, running and listening."""
    outstation = OurOutstation(database, watch, **settings)
    async with outstation._running():
        await watch.until(outstation.is_listening)
        yield outstation
