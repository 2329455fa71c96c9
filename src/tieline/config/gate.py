"""`[gate]` in `site.toml`: what a command has to pass before it reaches a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from tieline.config.calculation_expressions import parse_expression
from tieline.config.fields import PositiveSeconds, Seconds, Strict
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointId, PointKind
from tieline.rules import Type

M = TypeVar("M", bound=BaseModel)

FOLLOW_S = 10.0
_UNWRITABLE, _WRITABLE = "no command can be addressed to that", "name a point of the kind setpoint or control"
Patterns = Annotated[list[str], Field(min_length=1, description="writable points as device/name; * and ? stand for anything")]
Expects = Literal["value", "change"] | Annotated[float, Field(allow_inf_nan=False)]


class InterlockSection(Strict):
    """A condition that has to hold, with good quality, for commands to some points."""

    points: Patterns
    when: float | None = Field(default=None, description="only for commands with this value; without it for every one")
    expression: str = Field(description="permits the command where it is TRUE and its quality is good")
    inputs: dict[str, str] = Field(default_factory=dict, description="name in the expression = point")
    text: str = Field(min_length=1, description="why a command is refused, for people")


class LimitSection(Strict):
    """How often some points may be operated."""

    points: Patterns
    most_per_hour: int | None = Field(default=None, ge=1, description="operations within any hour")
    least_interval_s: Seconds = Field(default=0.0, description="from one operation to the next")
    together: bool = Field(default=False, description="the points share one count, as raise and lower of a tap changer do")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.most_per_hour is None and not self.least_interval_s:
            raise ValueError("limits nothing; write most_per_hour or least_interval_s")
        return self


class FeedbackSection(Strict):
    """Which point shows that a command had its effect."""

    point: str = Field(description="the writable point")
    feedback: str = Field(description="the point that follows it")
    feedback_s: PositiveSeconds = Field(default=FOLLOW_S, description="within this time")
    tolerance: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="by how much it may differ")
    expects: Expects = Field(
        default="value", description="the commanded value, any change, or a number that it shows after whatever was commanded"
    )


class GateSection(Strict):
    """What a command has to pass before it reaches a device."""

    local_switch: str | None = Field(default=None, description="the point of the site's local/remote switch")
    local_when: float = Field(default=1.0, allow_inf_nan=False, description="the switch's value in local")
    automation_when_local: bool = Field(default=False, description="the site's own automation operates in local too")
    write_timeout_s: PositiveSeconds = Field(default=30.0, description="a device that has not confirmed by then may have acted")
    follow_switches: bool = Field(default=True, description="a switch's position is the feedback of its control")
    interlocks: list[InterlockSection] = Field(default_factory=list)
    limits: list[LimitSection] = Field(default_factory=list)
    feedbacks: list[FeedbackSection] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interlock:
    """A condition for commands to `points`, which is TRUE with good quality where they are permitted."""

    points: frozenset[PointId]
    when: float | None = None
    expression: str
    inputs: Mapping[str, Point]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often each of `points`, or all of them together, may be operated."""

    points: frozenset[PointId]
    most_per_hour: int | None = None
    least_interval_s: float = 0.0
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What `point` has to show, and by when."""

    point: Point
    within_s: float = FOLLOW_S
    tolerance: float = 0.0
    expects: Expects = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a command at a site has to pass."""

    local_switch: Point | None = None
    local_when: float = 1.0
    automation_when_local: bool = False
    write_timeout_s: float = 30.0
    interlocks: tuple[Interlock, ...] = ()
    limits: tuple[Limit, ...] = ()
    feedbacks: Mapping[PointId, Feedback] = field(default_factory=dict)


def read_gate(
    points: SitePoints, document: Mapping[str, object], measured: Iterable[Point], usual: Mapping[PointId, Feedback]
) -> Gate:
    """The gate that `[gate]` describes, or the one that stands without it; mistakes become findings, if they are not already.

    `measured` are the points of the site's devices, among which the positions of switches are found; `usual` are further feedbacks
    that hold where the folder says no others.
    """
    table = document.get("gate")
    table = table if isinstance(table, dict) else {}
    plain = {key: value for key, value in table.items() if key not in {"interlocks", "limits", "feedbacks"}}
    try:
        section = GateSection.model_validate(plain)
    except ValidationError:
        section = GateSection()
    local_switch = None if section.local_switch is None else points.find(("gate", "local_switch"), section.local_switch)
    feedbacks = _follow_switches(measured) if section.follow_switches else {}
    return Gate(
        local_switch=local_switch,
        local_when=section.local_when,
        automation_when_local=section.automation_when_local,
        write_timeout_s=section.write_timeout_s,
        interlocks=tuple(_interlocks(points, table)),
        limits=tuple(_limits(points, table)),
        feedbacks={**usual, **feedbacks, **dict(_feedbacks(points, table))},
    )


def _interlocks(points: SitePoints, table: Mapping[str, Any]) -> Iterator[Interlock]:
    for key, section in _tables(table, "interlocks", InterlockSection):
        named = {name: points.find((*key, "inputs", name), reference) for name, reference in section.inputs.items()}
        inputs = {name: point for name, point in named.items() if point is not None}
        found = _writable(points, key, section.points)
        if len(inputs) < len(named):
            continue
        kinds = {name: point.kind for name, point in inputs.items()}
        expression = parse_expression(points.source, (*key, "expression"), section.expression, kinds)
        if expression is None:
            continue
        if expression.type is not Type.BOOL:
            points.source.report_key(
                (*key, "expression"),
                f"gives a {expression.type}, which permits nothing and forbids nothing",
                "write a condition, such as position = 0",
                value=section.expression,
            )
            continue
        for unused in sorted(set(inputs) - set(expression.names)):
            points.source.report_key((*key, "inputs", unused), "is not used in the expression", "remove it", value=unused)
        ids = frozenset(point.id for point in found)
        yield Interlock(points=ids, when=section.when, expression=section.expression, inputs=inputs, text=section.text)


def _limits(points: SitePoints, table: Mapping[str, Any]) -> Iterator[Limit]:
    for key, section in _tables(table, "limits", LimitSection):
        found = _writable(points, key, section.points)
        yield Limit(
            points=frozenset(point.id for point in found),
            most_per_hour=section.most_per_hour,
            least_interval_s=section.least_interval_s,
            together=section.together,
        )


def _feedbacks(points: SitePoints, table: Mapping[str, Any]) -> Iterator[tuple[PointId, Feedback]]:
    seen: set[PointId] = set()
    for key, section in _tables(table, "feedbacks", FeedbackSection):
        point = points.find((*key, "point"), section.point)
        feedback = points.find((*key, "feedback"), section.feedback)
        if point is None or feedback is None:
            continue
        if not point.kind.is_writable:
            points.source.report_key((*key, "point"), _UNWRITABLE, _WRITABLE, value=section.point)
        elif point.id in seen:
            points.source.report_key((*key, "point"), "has a feedback already", "keep one", value=section.point)
        elif point.id == feedback.id:
            points.source.report_key((*key, "feedback"), "is the point itself", "name another", value=section.feedback)
        seen.add(point.id)
        yield (
            point.id,
            Feedback(point=feedback, within_s=section.feedback_s, tolerance=section.tolerance, expects=section.expects),
        )


def _writable(points: SitePoints, key: KeyPath, patterns: list[str]) -> list[Point]:
    """The writable points that the patterns match; a pattern that matches others only is a finding."""
    found: dict[PointId, Point] = {}
    for pattern in patterns:
        matched = points.match((*key, "points"), pattern)
        writable = [point for point in matched if point.kind.is_writable]
        if matched and not writable:
            points.source.report_key((*key, "points"), _UNWRITABLE, _WRITABLE, value=pattern)
        found |= {point.id: point for point in writable}
    return list(found.values())


def _follow_switches(measured: Iterable[Point]) -> dict[PointId, Feedback]:
    """The position of each switch that has one control and one position, as its control's feedback."""
    controls: dict[str, list[Point]] = {}
    positions: dict[str, list[Point]] = {}
    for point in measured:
        if point.quantity == "switch_position" and point.equipment and not point.phase:
            if point.kind is PointKind.CONTROL:
                controls.setdefault(point.equipment, []).append(point)
            elif point.kind in {PointKind.BINARY, PointKind.DOUBLE}:
                positions.setdefault(point.equipment, []).append(point)
    return {
        control.id: Feedback(point=positions[equipment][0])
        for equipment, found in controls.items()
        if len(positions.get(equipment, [])) == 1
        for control in found
    }


def _tables(table: Mapping[str, Any], name: str, model: type[M]) -> Iterator[tuple[KeyPath, M]]:
    """Those tables of `[[gate.<name>]]` that are right in themselves; what is wrong with others is reported already."""
    tables = table.get(name, [])
    for index, each in enumerate(tables if isinstance(tables, list) else []):
        try:
            yield ("gate", name, index), model.model_validate(each)
        except ValidationError:
            continue
