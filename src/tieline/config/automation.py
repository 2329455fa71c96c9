"""`[automation]` in `site.toml`: what the site's gateway does by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from tieline.config.automation_functions import FunctionSection, read_function
from tieline.config.automation_rules import RuleSection, read_rule
from tieline.config.fields import PositiveSeconds, Seconds, Strict
from tieline.config.function_base import FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointId, PointKind, derive_point_id

AUTOMATION = "automation"
"""The device to which the points of local automation belong."""

AnyFunctionSection = Annotated[FunctionSection | RuleSection, Field(discriminator="kind")]

OF_THE_SCAN = (
    Shown(name="isolated", kind=PointKind.BINARY, description="The site works alone"),
    Shown(name="scan_time", unit="ms", description="Longest scan of the last minute"),
    Shown(name="scan_lateness", unit="ms", description="Latest begin of a scan in the last minute"),
    Shown(name="scan_overruns", kind=PointKind.COUNTER, description="Scans that did not happen because there was no time"),
)
OF_EACH_FUNCTION = (
    Shown(name="acting", kind=PointKind.BINARY, description="acts"),
    Shown(name="in_service", kind=PointKind.BINARY, description="is in service"),
    Shown(name="faults", kind=PointKind.COUNTER, description="scans that failed"),
    Shown(name="service", kind=PointKind.CONTROL, description="put in (1) or out of (0) service"),
    Shown(name="reset", kind=PointKind.CONTROL, description="release its lockout (1)"),
)


class AutomationSection(Strict):
    """What the site's gateway does by itself."""

    period_s: float = Field(default=1.0, ge=0.1, le=3600, allow_inf_nan=False, description="from one scan to the next")
    watchdog_s: PositiveSeconds | None = Field(
        default=None, description="a function's scan that takes longer is a fault; half the period by default"
    )
    most_faults: int = Field(default=3, ge=1, description="so many in a row put a function out of service")
    max_age_s: Seconds = Field(default=0.0, description="older values count as bad; 0 leaves that to the devices' quality")
    handover_delay_s: Seconds = Field(default=10.0, description="the center is lost for so long before the site takes over")
    handback_delay_s: Seconds = Field(default=60.0, description="the center is back for so long before it is handed back")
    most_handovers_per_hour: int = Field(
        default=6, ge=1, description="after so many the site keeps control until an hour has passed"
    )
    functions: list[AnyFunctionSection] = Field(default_factory=list, description="in the order in which they are scanned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What the site's gateway does by itself; `points` are those that it shows, and the controls of its functions."""

    period_s: float = 1.0
    watchdog_s: float = 0.5
    most_faults: int = 3
    max_age_s: float = 0.0
    handover_delay_s: float = 10.0
    handback_delay_s: float = 60.0
    most_handovers_per_hour: int = 6
    functions: tuple[FunctionPlan, ...] = ()
    points: tuple[Point, ...] = ()


def read_automation(points: SitePoints, document: Mapping[str, object]) -> Automation | None:
    """The automation that `[automation]` describes, or None; mistakes become findings, if they are not already."""
    table = document.get("automation")
    if not isinstance(table, dict):
        return None
    try:
        section = AutomationSection.model_validate({key: value for key, value in table.items() if key != "functions"})
    except ValidationError:
        section = AutomationSection()
    functions = _functions(points, table)
    shown = automation_points(points.site, [plan for _, plan in functions])
    for point in shown:
        points.add(point)
    return Automation(
        period_s=section.period_s,
        watchdog_s=section.watchdog_s or section.period_s / 2,
        most_faults=section.most_faults,
        max_age_s=section.max_age_s,
        handover_delay_s=section.handover_delay_s,
        handback_delay_s=section.handback_delay_s,
        most_handovers_per_hour=section.most_handovers_per_hour,
        functions=tuple(plan for _, plan in functions),
        points=shown,
    )


def automation_points(site: str, functions: Sequence[FunctionPlan]) -> tuple[Point, ...]:
    """The points of a site's automation, in the order of its functions."""
    return tuple(make_point(site, name, shown) for name, shown in _names(functions))


def make_point(site: str, name: str, shown: Shown) -> Point:
    """One point of a site's automation."""
    return Point(
        id=derive_point_id(f"{site}/{AUTOMATION}/{name}"),
        site=site,
        device=AUTOMATION,
        name=name,
        kind=shown.kind,
        unit=shown.unit,
        description=shown.description,
    )


def _names(functions: Sequence[FunctionPlan]) -> Iterator[tuple[str, Shown]]:
    for shown in OF_THE_SCAN:
        yield shown.name, shown
    for plan in functions:
        for shown in OF_EACH_FUNCTION:
            yield (
                f"{plan.name}_{shown.name}",
                Shown(name=shown.name, kind=shown.kind, description=f"{plan.name}: {shown.description}"),
            )
        for shown in plan.shown:
            yield f"{plan.name}_{shown.name}", shown


def _functions(points: SitePoints, table: Mapping[str, Any]) -> list[tuple[KeyPath, FunctionPlan]]:
    """The functions that are right, in their order."""
    adapter: TypeAdapter[AnyFunctionSection] = TypeAdapter(AnyFunctionSection)
    tables = table.get("functions", [])
    found: list[tuple[KeyPath, FunctionPlan]] = []
    names: set[str] = set()
    for index, each in enumerate(tables if isinstance(tables, list) else []):
        key: KeyPath = ("automation", "functions", index)
        try:
            section = adapter.validate_python(each)
        except ValidationError:
            continue
        if section.name in names:
            points.source.report_key((*key, "name"), "the name is taken already", "choose another", value=section.name)
        names.add(section.name)
        plan = read_rule(points, key, section) if isinstance(section, RuleSection) else read_function(points, key, section)
        if plan is not None:
            found.append((key, plan))
    _check_names(points, found)
    _check_writes(points, found)
    return found


def _check_names(points: SitePoints, functions: Sequence[tuple[KeyPath, FunctionPlan]]) -> None:
    """Names of functions and of their values can run into each other: `a` with `b_c`, and `a_b` with `c`."""
    taken: dict[str, str] = {shown.name: "the scan" for shown in OF_THE_SCAN}
    for key, plan in functions:
        for shown in (*OF_EACH_FUNCTION, *plan.shown):
            name = f"{plan.name}_{shown.name}"
            other = taken.setdefault(name, plan.name)
            if other != plan.name:
                problem = f"its point {AUTOMATION}/{name} is also one of {other}"
                points.source.report_key((*key, "name"), problem, "choose another name", value=plan.name)


def _check_writes(points: SitePoints, functions: Sequence[tuple[KeyPath, FunctionPlan]]) -> None:
    """Two functions that may act at the same time do not operate one point."""
    writers: dict[PointId, list[FunctionPlan]] = {}
    for key, plan in functions:
        for point in plan.writes:
            for other in writers.setdefault(point.id, []):
                if "always" in (plan.acts, other.acts) or plan.acts == other.acts:
                    points.source.report_key(
                        key,
                        f"operates {point.device}/{point.name}, which {other.name} operates too",
                        "let one of them act connected and the other isolated, or join them",
                        value=plan.name,
                    )
            writers[point.id].append(plan)
