"""A function of the local automation against the simulated plant of the example, without sockets, in time that the test moves."""

from __future__ import annotations

import calendar
from pathlib import Path

from tests.edge.automation.functions.bench import plan_of
from tieline.config import read_folder
from tieline.config.quantities import quantity_of
from tieline.edge.automation.function import Answer, Notice, Reading
from tieline.edge.automation.functions import make_function
from tieline.model import Now, Outcome, Point, Quality, Result
from tieline.simulator.plant import Plant, PowerSystem

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
NOON = calendar.timegm((2026, 6, 17, 11, 0, 0))


class Rig:
    """The function reads what the point lists of the site measure, and its commands operate the plant at once."""

    def __init__(
        self, site: str, section: str, *, period_s: float, seed: int = 5, start_s: float = NOON, system: PowerSystem | None = None
    ) -> None:
        utility = read_folder(RIDGEWAY)
        assert utility.grid is not None
        places = {one.name: (one.latitude or 0.0, one.longitude or 0.0) for one in utility.sites}
        self.plant = Plant(utility.grid, start_s=start_s, seed=seed, places=places, system=system)
        points = [point for point in utility.points if point.site == site]
        self.function = make_function(plan_of(points, section), site)
        self.period_s = period_s
        self.elapsed_s = 0.0
        self.commands: list[tuple[float, str, float]] = []
        """Seconds, `equipment quantity`, value."""
        self.notices: list[Notice] = []
        self._answers: list[Answer] = []

    def read(self, point: Point) -> Reading:
        quantity = quantity_of(point.quantity, point.kind)
        if quantity is None or not point.equipment:
            return Reading(float("nan"), int(Quality.INVALID), 0, float("inf"))
        value = self.plant.read(point.equipment, point.quantity, point.phase, point.kind) / quantity.units[point.unit]
        return Reading(value, 0, self._now.utc_us, 0.0)

    @property
    def _now(self) -> Now:
        return Now(500.0 + self.elapsed_s, 1_800_000_000_000_000 + round(self.elapsed_s * 1e6))

    def run(self, seconds: float) -> None:
        """Steps the plant and scans once a period."""
        for _ in range(round(seconds / self.period_s)):
            self.elapsed_s = round(self.elapsed_s + self.period_s, 6)
            self.plant.step(self.period_s)
            answers, self._answers = self._answers, []
            action = self.function.scan(self._now, self.read, answers, may_act=True)
            self.notices += action.notices
            for request in action.requests:
                quantity = quantity_of(request.point.quantity, request.point.kind)
                assert quantity is not None
                factor = quantity.units[request.point.unit]
                self.plant.operate(request.point.equipment, request.point.quantity, request.value * factor)
                self.commands.append((self.elapsed_s, f"{request.point.equipment} {request.point.quantity}", request.value))
                outcome = Outcome(command="c", time=self._now.utc_us, result=Result.DONE)
                self._answers.append(Answer(request=request, outcome=outcome))

    @property
    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices]
