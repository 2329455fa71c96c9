"""A control room over a center and a site that run: web server, people who are logged in, control, a gate, and a device that obeys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from nats.aio.client import Client

from tests.scada.control.scene import Scene, running
from tests.security.accounts.world import PASSWORD
from tieline.bus import scada
from tieline.bus.scada import ScadaClient
from tieline.cli.scada import open_alarms
from tieline.io import SystemClock
from tieline.model import PointKind
from tieline.scada import SiteStats
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.service import ScadaService
from tieline.security.identity.accounts import Accounts, Hasher
from tieline.security.identity.accounts.totp import code_at, step_at
from tieline.web import create_app, listen, serve

from .world import MadeUpHistory

CONTROL = """
[[people]]
name = "ada"
roles = ["operator"]

[[people]]
name = "grace"
roles = ["engineer", "operator"]

[[people]]
name = "lise"
roles = ["viewer"]

[control]
select_s = {select_s}

[[control.rules]]
roles = ["operator"]
second_factor = false

[[control.rules]]
roles = ["operator"]
points = ["alpha/rtu-1/q2_command"]
second_person = true
second_factor = false

[[control.rules]]
roles = ["operator"]
points = ["alpha/rtu-1/raise"]
second_factor = true

[[control.interlocks]]
points = ["alpha/rtu-1/q1_command"]
when = 1
expression = "NOT earthed"
inputs = {{ earthed = "alpha/rtu-1/es1" }}
text = "the feeder is earthed"

[[control.setpoints]]
points = ["alpha/rtu-1/p_set"]
high = 8
ramp_per_s = 2
step_s = 0.25
"""
PROGRAM = """
title = "Take feeder 1 out of service"
description = "Opens the breaker, when somebody has confirmed it."

[[steps]]
text = "open the breaker"
point = "alpha/rtu-1/q1_command"
value = 0
after = "position = 1"
inputs = { position = "alpha/rtu-1/q1" }
confirm = true

[[steps]]
text = "reduce the setpoint"
point = "alpha/rtu-1/p_set"
value = 1
before = "position = 1"
inputs = { position = "alpha/rtu-1/q1" }
"""
SITE = """
[[gate.feedbacks]]
point = "rtu-1/q2_command"
feedback = "rtu-1/q2"
"""
SECRET = b"12345678901234567890"
LOOK_S = 0.02
LIFE_S = 0.5


@dataclass
class _Asked:
    data: bytes
    answered: asyncio.Future[_Asked]

    async def respond(self, payload: bytes) -> None:
        self.answered.set_result(_Asked(payload, self.answered))


class Bus:
    """Carries what supervision and screens say to each other within this process."""

    is_connected = True

    def __init__(self) -> None:
        self._listeners: dict[str, Callable[[Any], Awaitable[None]]] = {}

    async def subscribe(self, subject: str, *, cb: Callable[[Any], Awaitable[None]], **_: object) -> Bus:
        self._listeners[subject] = cb
        return self

    async def unsubscribe(self) -> None:
        return None

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> _Asked:
        message = _Asked(payload, asyncio.get_running_loop().create_future())
        await self._listeners[subject](message)
        async with asyncio.timeout(timeout):
            return await message.answered

    async def publish(self, subject: str, payload: bytes) -> None:
        if subject in self._listeners:
            await self._listeners[subject](_Asked(payload, asyncio.get_running_loop().create_future()))


@dataclass
class Room:
    """The control room, the site it looks at, and where its pages are."""

    scene: Scene
    accounts: Accounts
    base: str
    is_silent: bool = False
    """Whether the site is not heard."""
    shown: int = 0
    """How many writes the device has followed."""

    def code(self) -> str:
        """What grace's app shows now."""
        return code_at(SECRET, step_at(SystemClock().now_us()))

    @property
    def written(self) -> list[tuple[str, float]]:
        """What reached the device, in order."""
        names = {int(point.id): name for name, point in self.scene.points.items()}
        return [(names[int(point)], value) for point, value in self.scene.driver.written]

    async def obey(self) -> None:
        """The device does what is written, and its site is heard."""
        loop, beaten = asyncio.get_running_loop(), float("-inf")
        followers = {"q1_command": "q1", "q2_command": "q2"}
        while True:
            for name, value in self.written[self.shown :]:
                self.shown += 1
                self.scene.show(name, value)
                if name in followers:
                    self.scene.show(followers[name], 2.0 if value else 1.0)
            if loop.time() - beaten > LIFE_S:
                beaten = loop.time()
                if not self.is_silent:
                    self.scene.live.heartbeat("alpha", SystemClock().now_us(), SiteStats())
                self.scene.live.tick(SystemClock().now_us())
            await asyncio.sleep(LOOK_S)


@contextlib.asynccontextmanager
async def control_room(folder: Path, *, select_s: float = 30.0) -> AsyncIterator[Room]:
    """Everything runs; both breakers are closed, nothing is earthed, the setpoint stands at 0 MW."""
    clock = SystemClock()
    control = CONTROL.format(select_s=select_s)
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(running(folder, control, programs={"feeder-1-out": PROGRAM}, site=SITE))
        for name, point in scene.points.items():
            scene.show(name, 2.0 if point.kind is PointKind.DOUBLE else 0.0)
        bus = cast("Client", Bus())
        alarms = await stack.enter_async_context(AlarmDesk(partial(open_alarms, scene.utility, folder / "alarms"), clock))
        answers = ControlAnswers(scene.service)
        service, client = ScadaService(alarms, answers), ScadaClient(bus)
        accounts = Accounts.open(
            folder / "accounts.sqlite",
            title="Test Electric",
            people=scene.utility.people,
            settings=scene.utility.login,
            clock=clock,
            record=lambda **_: None,
            hasher=Hasher(time_cost=1, memory_kib=32),
        )
        stack.callback(accounts.close)
        for name in ("ada", "grace", "lise"):
            accounts.administration.prepare(name, PASSWORD, totp_secret=SECRET if name == "grace" else None)
        history = MadeUpHistory(scene.utility, clock.now_us, begin=clock.now_us() - 3_600_000_000)
        app = create_app(scene.utility, scene.live, history, accounts=accounts, scada=client)
        listener = listen("127.0.0.1", 0)
        room = Room(scene, accounts, f"http://127.0.0.1:{listener.getsockname()[1]}")
        works = [
            scada.answer_requests(bus, service.answer),
            client.run(),
            alarms.tell_changes(bus),
            answers.tell_changes(bus),
            room.obey(),
            serve(app, listener=listener),
        ]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield room
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
