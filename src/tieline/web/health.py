"""`/api/health`: how those processes of the center are that have no points of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tieline import __version__
from tieline.bus.scada import ScadaClient
from tieline.model import TielineError
from tieline.observe import LoopLag, ProcessState
from tieline.web.api import ERRORS
from tieline.web.history import History
from tieline.web.times import iso

PATIENCE_S = 5.0
DAY_US = 86_400_000_000

DEVICE_CHANGES = """
SELECT site, device, arg_max(kind, time) AS kind, epoch_us(max(time)) AS time FROM events
WHERE kind IN ('device_lost', 'device_restored', 'device_restarted') AND device <> '' AND time >= make_timestamptz($1)
GROUP BY site, device ORDER BY site, device
"""


class ProcessBody(BaseModel):
    """A process; null is what is not known."""

    name: str
    is_up: bool
    words: str = Field(description="why it is not up, or what it says of itself")
    answers_ms: float | None = Field(description="how long it took to answer")
    uptime_s: float | None = None
    cpu_percent: float | None = None
    memory_mb: float | None = None
    loop_lag_ms: float | None = None


class HealthBody(BaseModel):
    """The processes that were asked."""

    version: str
    processes: list[ProcessBody]


class DeviceChangeBody(BaseModel):
    """When a device was last lost, or came back."""

    site: str
    device: str
    kind: str
    time: str


class DeviceChangesBody(BaseModel):
    """The devices that were lost in the last 30 days."""

    changes: list[DeviceChangeBody]


class OwnProcess:
    """Measures the web server's own process. `run` it beside what it watches."""

    def __init__(self) -> None:
        self._state = ProcessState()
        self._lag = LoopLag()
        self._newest: dict[str, float] = dict(self._state())

    async def run(self, period_s: float = 1.0) -> None:
        """Measures until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag.run(), name="delay of the event loop")
            while True:
                await asyncio.sleep(period_s)
                self._newest = {**self._state(), **self._lag()}

    def body(self) -> ProcessBody:
        """As it was measured last."""
        return ProcessBody(name="web", is_up=True, words="it answers this", answers_ms=None, **self._newest)


def health_router(own: OwnProcess, history: History, scada: ScadaClient | None, clock: Callable[[], int]) -> APIRouter:
    """Both routes."""
    router = APIRouter(prefix="/api/health", responses=ERRORS)

    @router.get("", summary="Processes of the center without points of their own")
    async def health() -> HealthBody:
        processes = [own.body(), await _ask_historian(history)]
        if scada is not None:
            processes.append(_supervision(scada))
        return HealthBody(version=__version__, processes=processes)

    @router.get("/devices", summary="Which devices were lost in the last 30 days, or came back since")
    async def devices() -> DeviceChangesBody:
        table = await history.query(DEVICE_CHANGES, [clock() - 30 * DAY_US])
        changes = [DeviceChangeBody(**{**row, "time": iso(row["time"])}) for row in table.to_pylist()]
        return DeviceChangesBody(changes=changes)

    return router


async def _ask_historian(history: History) -> ProcessBody:
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await history.query("SELECT 1")
    except (TielineError, TimeoutError) as error:
        words = str(error) or f"it did not answer within {PATIENCE_S:g} s"
        return ProcessBody(name="historian", is_up=False, words=words, answers_ms=None)
    return ProcessBody(name="historian", is_up=True, words="it answers", answers_ms=1e3 * (loop.time() - asked))


def _supervision(scada: ScadaClient) -> ProcessBody:
    words = "its sign of life is heard" if scada.is_heard else "its sign of life is missing; it is started again"
    return ProcessBody(name="scada", is_up=scada.is_heard, words=words, answers_ms=None)
