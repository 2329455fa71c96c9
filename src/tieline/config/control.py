"""`[control]` in `utility.toml`: who may operate what from the center, and what has to be so before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from tieline.config.calculation_expressions import parse_expression
from tieline.config.fields import Name, PositiveSeconds, Role, Strict
from tieline.config.gate import Interlock
from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.config.utility_points import UtilityPoints
from tieline.model import EquipmentType, Point, PointId
from tieline.rules import Type

M = TypeVar("M", bound=BaseModel)

OnFinding = Literal["refuse", "show", "off"]
EVERYTHING = "*/*/*"
Patterns = Annotated[
    list[str], Field(min_length=1, description="writable points as site/device/name; * and ? stand for anything")
]


class RuleSection(Strict):
    """Who may operate what. Of all rules that permit somebody to operate a point, what any asks for is asked for."""

    roles: list[Role] = Field(min_length=1, description="any of them")
    sites: list[Name] = Field(default_factory=list, description="areas; every one where it is left out")
    equipment: list[EquipmentType] = Field(default_factory=list, description="classes of equipment; any where it is left out")
    quantities: list[str] = Field(default_factory=list, description="of the points; any where it is left out")
    points: Patterns = Field(default_factory=lambda: [EVERYTHING])
    second_person: bool = Field(default=False, description="another person with such a role has to approve")
    second_factor: bool | None = Field(
        default=None, description="operating needs a second factor; as in [login] where it is left out"
    )


class ControlInterlockSection(Strict):
    """A condition that has to hold, with good quality, for commands to some points."""

    points: Patterns
    when: float | None = Field(default=None, description="only for commands with this value; without it for every one")
    expression: str = Field(description="permits the command where it is TRUE and its quality is good")
    inputs: dict[str, str] = Field(default_factory=dict, description="name in the expression = point as site/device/name")
    text: str = Field(min_length=1, description="why a command is refused, for people")
    permits_parallel: bool = Field(
        default=False, description="where it holds, closing may join parts that are both live: the permission of a synchrocheck"
    )


class ControlSetpointSection(Strict):
    """How far, and how fast, some setpoints may be moved."""

    points: Patterns
    low: float | None = Field(default=None, allow_inf_nan=False, description="narrower than the point's own limit")
    high: float | None = Field(default=None, allow_inf_nan=False, description="narrower than the point's own limit")
    ramp_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="in the point's unit a second")
    step_s: float = Field(default=1.0, ge=0.1, le=60, description="from one step of the ramp to the next")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.low is None and self.high is None and self.ramp_per_s is None:
            raise ValueError("limits nothing; write low, high or ramp_per_s")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high; exchange them")
        return self


class ControlSection(Strict):
    """Commands from the center."""

    select_s: PositiveSeconds = Field(default=30.0, description="a selection that is not executed by then is given up")
    command_s: float = Field(default=10.0, gt=0, le=60, description="a released command that reaches its site later is refused")
    answer_s: PositiveSeconds = Field(default=60.0, description="a site's answer is awaited for so long; then nobody knows")
    feedback_s: PositiveSeconds = Field(default=5.0, description="what the site has seen has to be seen here so soon after")
    most_selections: int = Field(default=1_000, ge=1, le=100_000, description="points that are selected at a time")
    kept_commands: int = Field(default=100_000, ge=1_000, le=10_000_000, description="whose outcome can be asked for")
    kept_runs: int = Field(default=1_000, ge=10, le=100_000, description="runs of programs that are over and still listed")
    earthing: OnFinding = Field(default="refuse", description="what would earth something live, or make something earthed live")
    parallel: OnFinding = Field(default="refuse", description="what would join two live parts, or close a ring")
    rules: list[RuleSection] = Field(default_factory=list)
    interlocks: list[ControlInterlockSection] = Field(default_factory=list)
    setpoints: list[ControlSetpointSection] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may operate `points`, and what is asked for."""

    roles: frozenset[str]
    points: frozenset[PointId]
    second_person: bool = False
    second_factor: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterInterlock:
    """A condition over points of any site; `condition.points` are those that may be operated where it holds."""

    condition: Interlock
    permits_parallel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointPlan:
    """How far and how fast a setpoint may be moved; None is no limit."""

    low: float | None = None
    high: float | None = None
    ramp_per_s: float | None = None
    step_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a command from the center has to pass."""

    select_s: float = 30.0
    command_s: float = 10.0
    answer_s: float = 60.0
    feedback_s: float = 5.0
    most_selections: int = 1_000
    kept_commands: int = 100_000
    kept_runs: int = 1_000
    earthing: OnFinding = "refuse"
    parallel: OnFinding = "refuse"
    rules: tuple[Rule, ...] = ()
    interlocks: tuple[CenterInterlock, ...] = ()
    setpoints: Mapping[PointId, SetpointPlan] = field(default_factory=dict)


def read_control(
    source: Source,
    points: UtilityPoints,
    sites: Collection[str],
    classes: Mapping[tuple[str, str], EquipmentType],
    *,
    second_factor: bool,
) -> Control:
    """What `[control]` in `utility.toml` describes; mistakes become findings, if they are not already.

    `sites` are all names of sites; `classes` has what each piece of equipment is, by its site and name. `second_factor` says whether
    operating needs one where a rule does not say.
    """
    table = source.document.get("control")
    table = table if isinstance(table, dict) else {}
    plain = {key: value for key, value in table.items() if key not in {"rules", "interlocks", "setpoints"}}
    try:
        section = ControlSection.model_validate(plain)
    except ValidationError:
        section = ControlSection()
    reader = _Reader(source, points, table)
    rules = tuple(reader.rules(sites, classes, second_factor=second_factor))
    return Control(
        select_s=section.select_s,
        command_s=section.command_s,
        answer_s=section.answer_s,
        feedback_s=section.feedback_s,
        most_selections=section.most_selections,
        kept_commands=section.kept_commands,
        kept_runs=section.kept_runs,
        earthing=section.earthing,
        parallel=section.parallel,
        rules=rules if "rules" in table else (reader.default_rule(second_factor=second_factor),),
        interlocks=tuple(reader.interlocks()),
        setpoints=dict(reader.setpoints()),
    )


class _Reader:
    def __init__(self, source: Source, points: UtilityPoints, table: Mapping[str, Any]) -> None:
        self._source = source
        self._points = points
        self._table = table

    def default_rule(self, *, second_factor: bool) -> Rule:
        """Where nothing is written: operators operate, as IEC 62351-8 has it, and nobody else does."""
        every = frozenset(point.id for point in self._points.every_writable())
        return Rule(roles=frozenset({"operator"}), points=every, second_factor=second_factor)

    def rules(
        self, sites: Collection[str], classes: Mapping[tuple[str, str], EquipmentType], *, second_factor: bool
    ) -> Iterator[Rule]:
        for key, section in self._tables("rules", RuleSection):
            for name in section.sites:
                if name not in sites:
                    remedy = f"write one of {', '.join(sites)}"
                    self._source.report_key((*key, "sites"), "there is no such site", remedy, value=name)
            found = self._writable(key, section.points)
            chosen = [point for point in found if _is_of(section, point, classes)]
            if found and not chosen and set(section.sites) <= set(sites):
                remedy = "correct sites, equipment, quantities or points"
                self._source.report_key(key, "permits nothing: no point is all of that", remedy)
            yield Rule(
                roles=frozenset(section.roles),
                points=frozenset(point.id for point in chosen),
                second_person=section.second_person,
                second_factor=second_factor if section.second_factor is None else section.second_factor,
            )

    def interlocks(self) -> Iterator[CenterInterlock]:
        for key, section in self._tables("interlocks", ControlInterlockSection):
            found = self._writable(key, section.points)
            inputs = condition_of(self._source, self._points, (*key, "expression"), section.expression, section.inputs)
            if inputs is not None:
                condition = Interlock(
                    points=frozenset(point.id for point in found),
                    when=section.when,
                    expression=section.expression,
                    inputs=inputs,
                    text=section.text,
                )
                yield CenterInterlock(condition=condition, permits_parallel=section.permits_parallel)

    def setpoints(self) -> Iterator[tuple[PointId, SetpointPlan]]:
        seen: set[PointId] = set()
        for key, section in self._tables("setpoints", ControlSetpointSection):
            for point in self._writable(key, section.points):
                self._check_setpoint(key, section, point)
                if point.id in seen:
                    self._source.report_key((*key, "points"), "is limited already", "keep one", value=point.path)
                seen.add(point.id)
                yield (
                    point.id,
                    SetpointPlan(low=section.low, high=section.high, ramp_per_s=section.ramp_per_s, step_s=section.step_s),
                )

    def _check_setpoint(self, key: KeyPath, section: ControlSetpointSection, point: Point) -> None:
        if point.kind.is_discrete:
            self._source.report_key((*key, "points"), "is a control, which has two values", "name setpoints", value=point.path)
        for name, limit in (("low", section.low), ("high", section.high)):
            is_below = limit is not None and point.low is not None and limit < point.low
            is_above = limit is not None and point.high is not None and limit > point.high
            if is_below or is_above:
                problem = f"is outside of {point.path}, {_span(point)}"
                self._source.report_key((*key, name), problem, "write a limit within it", value=limit)

    def _writable(self, key: KeyPath, patterns: list[str]) -> list[Point]:
        if patterns == [EVERYTHING]:
            return self._points.every_writable()
        return list(self._points.writable(self._source, (*key, "points"), patterns).values())

    def _tables(self, name: str, model: type[M]) -> Iterator[tuple[KeyPath, M]]:
        """Those tables of `[[control.<name>]]` that are right in themselves; what is wrong with others is reported already."""
        tables = self._table.get(name, [])
        for index, each in enumerate(tables if isinstance(tables, list) else []):
            try:
                yield ("control", name, index), model.model_validate(each)
            except ValidationError:
                continue


def condition_of(
    source: Source, points: UtilityPoints, key: KeyPath, text: str, inputs: Mapping[str, str]
) -> dict[str, Point] | None:
    """The inputs of a condition that stands at a key, their names beside it under `inputs`; None and findings where it is wrong."""
    beside = (*key[:-1], "inputs")
    named = {name: points.find(source, (*beside, name), path) for name, path in inputs.items()}
    found = {name: point for name, point in named.items() if point is not None}
    if len(found) < len(named):
        return None
    expression = parse_expression(source, key, text, {name: point.kind for name, point in found.items()})
    if expression is None:
        return None
    if expression.type is not Type.BOOL:
        problem = f"gives a {expression.type}, which permits nothing and forbids nothing"
        source.report_key(key, problem, "write a condition, such as position = 2", value=text)
        return None
    return {name: point for name, point in found.items() if name in expression.names | expression.aged}


def _is_of(section: RuleSection, point: Point, classes: Mapping[tuple[str, str], EquipmentType]) -> bool:
    return (
        (not section.sites or point.site in section.sites)
        and (not section.quantities or point.quantity in section.quantities)
        and (not section.equipment or classes.get((point.site, point.equipment)) in section.equipment)
    )


def _span(point: Point) -> str:
    low, high = ("any" if limit is None else f"{limit:g}" for limit in (point.low, point.high))
    return f"which takes {low} to {high} {point.unit}".rstrip()
