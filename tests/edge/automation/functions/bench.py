"""A function on a bench: a section as it is written in `site.toml`, readings that the test sets, time that the test moves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tieline.config.automation import AutomationSection
from tieline.config.automation_functions import read_function
from tieline.config.fields import Strict
from tieline.config.findings import Finding
from tieline.config.function_base import FunctionPlan
from tieline.config.reading import Source
from tieline.config.site_points import SitePoints
from tieline.edge.automation.function import Answer, Function, Notice, Reading, Request
from tieline.edge.automation.functions import make_function
from tieline.model import Now, Outcome, Point, PointKind, Quality, Result, derive_point_id

BEGIN_US = 1_800_000_000_000_000


class Site(Strict):
    """A `site.toml` with nothing but automation."""

    automation: AutomationSection


def point(name: str, kind: PointKind = PointKind.ANALOG, unit: str = "", **more: Any) -> Point:
    """A point of the device `ied`."""
    path = f"station/ied/{name}"
    return Point(id=derive_point_id(path), site="station", device="ied", name=name, kind=kind, unit=unit, **more)


def breaker_points(*names: str) -> list[Point]:
    """Position (double) and control of each breaker."""
    points = []
    for name in names:
        points.append(point(f"{name}_pos", PointKind.DOUBLE, equipment=name, quantity="switch_position"))
        points.append(point(f"{name}_cmd", PointKind.CONTROL, equipment=name, quantity="switch_position"))
    return points


def read_section(points: Iterable[Point], text: str) -> tuple[FunctionPlan | None, list[Finding]]:
    """What is understood of `[[automation.functions]]`, given without that header, and the findings."""
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.toml"
        path.write_text(f"[[automation.functions]]\n{text}", encoding="utf-8")
        source = Source(Path(folder), path, findings)
        site = source.read_toml(Site)
        if site is None:
            return None, findings
        known = {f"{one.device}/{one.name}": one for one in points}
        site_points = SitePoints(source, "station", known, lambda _device: False)
        plan = read_function(site_points, ("automation", "functions", 0), site.automation.functions[0])  # type: ignore[arg-type]
        return plan, findings


def plan_of(points: Iterable[Point], text: str) -> FunctionPlan:
    """The plan of a section that is right."""
    plan, findings = read_section(points, text)
    assert not findings, "\n".join(str(finding) for finding in findings)
    assert plan is not None
    return plan


class Bench:
    """Runs one function against readings by name. Commands are answered in the next scan, and what they do is up to `field`."""

    def __init__(self, plan: FunctionPlan, field: Callable[[str, float], None] | None = None, *, period_s: float = 0.125) -> None:
        """`field` is told of each command with its result DONE: point name and value."""
        self.plan = plan
        self.function: Function = make_function(plan, "station")
        self.field = field or (lambda _name, _value: None)
        self.period_s = period_s
        self.now_s = 100.0
        self.values: dict[str, float] = {}
        self.quality: dict[str, int] = {}
        self.may_act = True
        self.result: Result | None = Result.DONE
        """How commands end; None for never."""
        self.requests: list[tuple[float, str, float]] = []
        """Seconds since the begin, point, value: those that were passed on."""
        self.notices: list[Notice] = []
        self._answers: list[Answer] = []

    @property
    def elapsed_s(self) -> float:
        return round(self.now_s - 100.0, 6)

    @property
    def now(self) -> Now:
        return Now(self.now_s, BEGIN_US + round((self.now_s - 100.0) * 1e6))

    def read(self, one: Point) -> Reading:
        value = self.values.get(one.name)
        if value is None:
            return Reading(float("nan"), int(Quality.INVALID), 0, float("inf"))
        return Reading(value, self.quality.get(one.name, 0), self.now.utc_us, 0.0)

    def scan(self) -> list[Request]:
        """One scan at the present time; the time then moves on by one period."""
        answers, self._answers = self._answers, []
        action = self.function.scan(self.now, self.read, answers, may_act=self.may_act)
        self.notices += action.notices
        passed = list(action.requests) if self.may_act else []
        for request in passed:
            assert request.point in self.plan.writes
            assert request.reason
            self.requests.append((self.elapsed_s, request.point.name, request.value))
            if self.result is not None:
                outcome = Outcome(command="c", time=self.now.utc_us, result=self.result)
                self._answers.append(Answer(request=request, outcome=outcome))
            if self.result is Result.DONE:
                self.field(request.point.name, request.value)
        self.now_s += self.period_s
        return passed

    def run(self, seconds: float, **values: float) -> None:
        """Scans for so long with these readings."""
        self.values.update(values)
        for _ in range(round(seconds / self.period_s)):
            self.scan()

    def spoil(self, name: str, quality: int = int(Quality.INVALID)) -> None:
        self.quality[name] = quality

    def restart(self) -> None:
        """The process is started anew, with what the function remembered; the monotonic clock begins elsewhere."""
        state = self.function.remember()
        self.function = make_function(self.plan, "station")
        self.function.recall(state)
        self._answers = []

    @property
    def kinds(self) -> list[str]:
        """Of the notices so far."""
        return [notice.kind for notice in self.notices]

    @property
    def commands(self) -> list[tuple[str, float]]:
        """Without their times."""
        return [(name, value) for _, name, value in self.requests]

    def shown(self) -> Mapping[str, float]:
        shown = self.function.shown()
        assert set(shown) == {one.name for one in self.plan.shown}
        return shown
