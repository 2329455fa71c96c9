"""Alarms to try things with, a clock that stands still, and a plain way to feed an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tieline.config.alarms import AlarmPlan
from tieline.model import Now, Point, PointId, PointKind, Quality, Samples
from tieline.model.alarms import Alarm, AlarmKind, AlarmState
from tieline.scada.alarms import AlarmEngine
from tieline.scada.alarms.machine import STATES
from tieline.scada.alarms.showing import alarms_of
from tieline.scada.alarms.transitions import Transitions

START_US = 1_700_000_000_000_000
SECOND = 1_000_000


def point(
    number: int, name: str = "", kind: PointKind = PointKind.ANALOG, *, site: str = "alpha", device: str = "rtu-1"
) -> Point:
    return Point(id=PointId(number), site=site, device=device, name=name or f"p{number}", kind=kind, unit="kV")


def plan(name: str, at: Point | None, kind: AlarmKind, **more: Any) -> AlarmPlan:
    given: dict[str, Any] = {
        "id": f"{at.site if at else 'alpha'}/{name}",
        "site": at.site if at else "alpha",
        "device": at.device if at else "",
        "point": at,
        "name": name,
        "text": name,
        "kind": kind,
        "priority": 2,
    }
    return AlarmPlan(**(given | more))


def state_plan(number: int, **more: Any) -> AlarmPlan:
    """An alarm that is active while its binary point is 1."""
    given: dict[str, Any] = {"abnormal": frozenset({1})}
    return plan(f"a{number}", point(number, kind=PointKind.BINARY), AlarmKind.STATE, **(given | more))


@dataclass
class Bench:
    """An engine and its time."""

    engine: AlarmEngine
    now: Now

    def wait(self, seconds: float) -> list[Transitions]:
        self.now = Now(self.now.monotonic_s + seconds, self.now.utc_us + round(seconds * SECOND))
        return self.engine.tick(self.now)

    def read(
        self, point: int, *values: float, quality: int = Quality.DEVICE_TIME, at_s: float | None = None
    ) -> list[Transitions]:
        """Samples of a point, a millisecond apart, the last now (or so many seconds from the start)."""
        last = self.now.utc_us if at_s is None else START_US + round(at_s * SECOND)
        time = last - 1_000 * np.arange(len(values))[::-1]
        return self.engine.take(Samples.of(np.full(len(values), point), time, values, quality), self.now)

    def alarm(self, name: str = "a1") -> Alarm:
        row = self.engine.row_of[f"alpha/{name}"]
        return alarms_of(self.engine, np.array([row]), self.now)[0]

    def state(self, name: str = "a1") -> AlarmState:
        return self.alarm(name).state


def bench(*plans: AlarmPlan) -> Bench:
    return Bench(AlarmEngine(plans), Now(1_000.0, START_US))


def path(made: list[Transitions]) -> list[tuple[str, str, str]]:
    """Trigger, state before, state after of every transition."""
    return [
        (each.trigger.name.lower(), STATES[before], STATES[after])
        for each in made
        for before, after in zip(each.before.tolist(), each.after.tolist(), strict=True)
    ]
