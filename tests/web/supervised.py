"""A center with accounts and alarms in front of a browser: real supervision in this process, asked without a bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from tests.scada.alarms.plans import plan
from tests.scada.control import scene as control_scene
from tests.security.accounts.world import Center
from tieline.bus.scada import AlarmsChanged, ControlChanged, Request, ScadaClient
from tieline.io import SystemClock
from tieline.model import Batch, Point, Quality, Samples, UnavailableError
from tieline.model.alarms import AlarmKind
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.service import ScadaService, permits
from tieline.web import create_app

from .login_world import center_in
from .world import World, make_world

A = TypeVar("A")


class NearScada(ScadaClient):
    """Asks the service itself; it can be away, as when its process has ended."""

    def __init__(self, service: ScadaService) -> None:
        self._service = service
        self.is_away = False
        self.alarms = AlarmsChanged(0, 0)
        self.control = ControlChanged(0, 0)

    @property
    def is_heard(self) -> bool:
        return not self.is_away

    async def ask(self, request: Request[A]) -> A:
        if self.is_away:
            raise UnavailableError("alarms and control do not run at the moment; they are started again")
        answer: A = await self._service.answer(request)  # type: ignore[arg-type,assignment]
        return answer


@dataclass
class Supervised:
    """What a test turns: the points that alarms watch, and everything behind the pages."""

    world: World
    center: Center
    desk: AlarmDesk
    scada: NearScada
    points: dict[str, Point]
    sequence: int = 0
    values: dict[str, float] = field(default_factory=dict)

    async def happen(self, **values: float) -> None:
        """The trips of these feeders take these values, 1 raises the alarm."""
        self.sequence += 1
        now = self.world.clock()
        ids = [self.points[name].id for name in values]
        samples = Samples.of(ids, [now] * len(ids), list(values.values()), Quality.DEVICE_TIME)
        batch = Batch(site="northgate", incarnation=1, sequence=self.sequence, samples=samples)
        await self.desk.do(lambda service, at: service.take([batch], at))

    async def tell(self) -> None:
        """As supervision tells the center by itself, until cancelled."""
        while True:
            await self.tell_once()
            await asyncio.sleep(0.1)

    async def tell_once(self) -> None:
        self.scada.alarms = await self.desk.do(
            lambda service, _: AlarmsChanged(service.incarnation, service.revision, service.unacknowledged())
        )

    def app(self) -> FastAPI:
        world = self.world
        return create_app(
            world.utility, world.live, world.history, clock=world.clock, accounts=self.center.accounts, scada=self.scada
        )


@asynccontextmanager
async def supervised(folder: Path, priorities: Iterable[int] = (1, 2, 2, 3, 4)) -> AsyncIterator[Supervised]:
    """Alarms of the trips of Northgate's feeders, f1 to f5, with these priorities; the utility's clocks are those of Zurich."""
    world = make_world(history_s=600)
    world.utility = replace(world.utility, time_zone="Europe/Zurich")
    names = {f"f{number}": f"northgate/rtu-2/f{number:02d}-trip" for number in range(1, 6)}
    by_path = {point.path: point for point in world.utility.points}
    points = {name: by_path[path] for name, path in names.items()}
    plans = [
        plan(
            name,
            point,
            AlarmKind.STATE,
            priority=priority,
            abnormal=frozenset({1}),
            text=f"Feeder {name[1:]} trip",
            response="Look",
        )
        for (name, point), priority in zip(points.items(), priorities, strict=True)
    ]

    center = center_in(folder, second_factor="never")
    for person in ("ada", "lise", "rosalind"):
        center.prepare(person)
    with closing(center.accounts):
        async with (
            control_scene.running(folder / "control") as control,
            AlarmDesk(
                lambda now: AlarmService(AlarmEngine(plans), AlarmStore(folder / "alarms.db"), now, permits=permits),
                SystemClock(),
            ) as desk,
        ):
            near = NearScada(ScadaService(desk, ControlAnswers(control.service)))
            made = Supervised(world, center, desk, near, points)
            telling = asyncio.create_task(made.tell(), name="tell where the alarms are")
            try:
                yield made
            finally:
                telling.cancel()
                with suppress(asyncio.CancelledError):
                    await telling
