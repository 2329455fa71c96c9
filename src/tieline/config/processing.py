"""`[[processing]]` in `site.toml`: what is done to the samples of points before they are reported, and what goes up of them.

A point takes its steps from one section, and what is reported of it from one section (it may be the same one): that two say
something about the same is a mistake, so the order of sections does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from tieline.config.calculation_sections import WindowSeconds
from tieline.config.fields import PositiveSeconds, Strict
from tieline.config.lines import KeyPath
from tieline.config.processing_steps import Debounce, Linearize, Step, StepSection, Substitute
from tieline.config.processing_tables import read_linearization
from tieline.config.site_points import CALCULATED, SitePoints
from tieline.model import Point, PointKind

ReportClass = Literal["everything", "exceptions", "aggregates", "on_request"]
"""What goes up of a point: every sample, what is new, aggregates over windows only, or nothing unless the center fetches it."""

Aggregate = Literal["mean", "min", "max", "last"]

_LONGEST_NAME = 64
BANDS = ("deadband", "deadband_percent", "percent_of_value")
_OF_EXCEPTIONS = (*BANDS, "max_silence_s", "compression", "deviation", "max_interval_s")
_OF_AGGREGATES = ("aggregates", "window_s")


class ProcessingSection(Strict):
    """What is done to the samples of some points."""

    points: list[str] = Field(min_length=1, description="device/name, with * and ? for any characters")
    steps: list[StepSection] = Field(default_factory=list, description="in the order in which they are taken")
    report: ReportClass | None = Field(default=None, description="what goes up; exceptions if other keys say how")
    deadband: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="absolute, in the point's unit")
    deadband_percent: float | None = Field(default=None, ge=0, le=100, description="of the span from low to high")
    percent_of_value: float | None = Field(
        default=None, ge=0, le=100, description="of the value reported last, and no less than the deadband"
    )
    max_silence_s: PositiveSeconds | None = Field(default=None, description="an unchanged value is repeated after this time")
    compression: Literal["swinging_door"] | None = None
    deviation: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="most by which the line between reported samples is beside a measured one",
    )
    max_interval_s: PositiveSeconds | None = Field(default=None, description="longest time between two reported samples")
    aggregates: list[Aggregate] = Field(default_factory=list, description="what goes up of class aggregates")
    window_s: WindowSeconds | None = Field(default=None, description="length of their windows, which begin at midnight UTC")

    @property
    def reports(self) -> bool:
        """Whether the section says what is reported."""
        return self.report is not None or any(self._is_given(key) for key in (*_OF_EXCEPTIONS, *_OF_AGGREGATES))

    def _is_given(self, key: str) -> bool:
        return getattr(self, key) not in (None, [])

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.steps and not self.reports:
            raise ValueError("the section says nothing; write steps or what is reported")
        if any(isinstance(step, Debounce) for step in self.steps[:-1]):
            raise ValueError("debounce is not the last step; it holds samples back, so put it at the end")
        self._check_class()
        self._check_exceptions()
        return self

    def _check_class(self) -> None:
        report = self.report or "exceptions"
        for keys, wanted in ((_OF_EXCEPTIONS, "exceptions"), (_OF_AGGREGATES, "aggregates")):
            given = [key for key in keys if self._is_given(key)]
            if given and report != wanted:
                raise ValueError(f'{given[0]} belongs to report = "{wanted}"; remove it or change report')
        if report == "aggregates" and (not self.aggregates or self.window_s is None):
            raise ValueError("aggregates need their functions and their window; write aggregates and window_s")
        if len(set(self.aggregates)) != len(self.aggregates):
            raise ValueError("an aggregate is there twice; name each once")

    def _check_exceptions(self) -> None:
        bands = [key for key in BANDS if self._is_given(key)]
        if self.deadband is not None and self.deadband_percent is not None:
            raise ValueError("deadband and deadband_percent exclude each other; keep one")
        if self.compression is None:
            for key in ("deviation", "max_interval_s"):
                if self._is_given(key):
                    raise ValueError(f'{key} belongs to compression = "swinging_door"; add that or remove it')
            return
        if self.deviation is None:
            raise ValueError("swinging_door needs a deviation; write the largest error that is permitted, in the point's unit")
        if bands:
            raise ValueError(f"{bands[0]} and compression exclude each other; compression has deviation instead")
        if self.max_silence_s is not None:
            raise ValueError("max_silence_s and compression exclude each other; compression has max_interval_s instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwingingDoor:
    """Compression: the line between reported samples is never more than `deviation` beside a measured one."""

    deviation: float
    max_interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReporting:
    """What goes up of one point. A change beyond the larger one of the two bands is an exception."""

    report: ReportClass
    deadband: float
    """Absolute, in the point's unit."""
    percent_of_value: float = 0.0
    max_silence_s: float
    door: SwingingDoor | None = None
    """Takes the place of bands and silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointProcessing:
    """What is done to the samples of one point."""

    point: Point
    steps: tuple[Step, ...] = ()
    reporting: PointReporting | None = None
    """None where no section says so: exceptions, as the point list has them."""


class _Match(NamedTuple):
    """A point that a section names, itself or by a pattern."""

    key: KeyPath
    """Where it does."""
    point: Point
    is_named: bool


Matches = Mapping[str, _Match]
"""By `device/name`."""


def read_processing(points: SitePoints, sections: Sequence[tuple[KeyPath, ProcessingSection]]) -> tuple[PointProcessing, ...]:
    """What the sections say for each point that they name; mistakes become findings."""
    named: dict[str, Point] = {}
    steps: dict[str, tuple[Step, ...]] = {}
    reporting: dict[str, PointReporting] = {}
    steps_from: dict[str, KeyPath] = {}
    reporting_from: dict[str, KeyPath] = {}
    for key, section in sections:
        matches = _matches(points, key, section)
        named.update((name, match.point) for name, match in matches.items())
        if section.steps:
            measured = _measured(points, matches, "steps are taken before points are calculated", "use an expression instead")
            _find_doubles(points, measured, key, steps_from, "takes its steps from")
            steps.update(dict.fromkeys(measured, _read_steps(points, key, section, measured)))
        if section.reports:
            matches = _reported(points, section, matches)
            _find_doubles(points, matches, key, reporting_from, "is reported as in")
            _check_kinds(points, section, matches)
            reporting.update((name, _reporting_of(section, match.point)) for name, match in matches.items())
    return tuple(
        PointProcessing(point=point, steps=steps.get(name, ()), reporting=reporting.get(name)) for name, point in named.items()
    )


def implied_calculations(
    points: SitePoints, sections: Sequence[tuple[KeyPath, ProcessingSection]]
) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The `[[calculations]]` tables that points of class aggregates need, each with the key that asks for it.

    To be read before calculations are: patterns match measured points only. A name that grows too long is a finding.
    """
    for key, section in sections:
        if section.report != "aggregates":
            continue
        for reference, match in _matches(points, key, section, with_calculated=False).items():
            for function in section.aggregates:
                name = f"{match.point.device}_{match.point.name}_{function}"
                if len(name) <= _LONGEST_NAME:
                    yield (
                        match.key,
                        {
                            "name": name,
                            "function": "window",
                            "of": reference,
                            "aggregate": function,
                            "window_s": section.window_s,
                        },
                    )
                    continue
                problem = f"the name of its {function} is longer than {_LONGEST_NAME} characters"
                points.source.report_key(match.key, problem, "shorten the point's name", value=name)


def _matches(points: SitePoints, key: KeyPath, section: ProcessingSection, *, with_calculated: bool = True) -> Matches:
    found: dict[str, _Match] = {}
    for index, pattern in enumerate(section.points):
        if not with_calculated and pattern.startswith(f"{CALCULATED}/"):
            continue
        is_named = not any(wild in pattern for wild in "*?")
        where = (*key, "points", index)
        for point in points.match(where, pattern):
            if with_calculated or point.device != CALCULATED:
                found.setdefault(f"{point.device}/{point.name}", _Match(where, point, is_named))
    return found


def _measured(points: SitePoints, matches: Matches, problem: str, remedy: str) -> Matches:
    """Those that are measured; a calculated point that is named itself is a finding, one that a pattern meets is passed over."""
    for name, match in matches.items():
        if match.point.device == CALCULATED and match.is_named:
            points.source.report_key(match.key, problem, remedy, value=name)
    return {name: match for name, match in matches.items() if match.point.device != CALCULATED}


def _find_doubles(points: SitePoints, matches: Matches, key: KeyPath, taken: dict[str, KeyPath], how: str) -> None:
    """A point of which two sections say the same is a finding, one for each pair of sections."""
    met: set[KeyPath] = set()
    for name, match in matches.items():
        other = taken.setdefault(name, key)
        if other != key and other not in met:
            met.add(other)
            number = int(other[1]) + 1
            points.source.report_key(match.key, f"{name} {how} section {number} already", "keep it in one section", value=name)


def _read_steps(points: SitePoints, key: KeyPath, section: ProcessingSection, matches: Matches) -> tuple[Step, ...]:
    steps: list[Step] = []
    for index, step in enumerate(section.steps):
        where = (*key, "steps", index, "step")
        wrong = [name for name, match in matches.items() if match.point.kind not in step.kinds]
        if wrong:
            kind = matches[wrong[0]].point.kind
            remedy = f"it is for points that are {' or '.join(sorted(step.kinds))}"
            points.source.report_key(where, f"{wrong[0]} is {_article(kind)} point", remedy, value=step.step)
        for name, match in matches.items():
            if isinstance(step, Substitute) and not _may_be(match.point.kind, step.value):
                problem = f"{name} is {_article(match.point.kind)} point and has no such value"
                points.source.report_key((*where[:-1], "value"), problem, "write a state that it has", value=step.value)
                break
        if isinstance(step, Linearize):
            table = read_linearization(points.source, (*where[:-1], "table"), step)
            steps += [] if table is None else [table]
        else:
            steps.append(step)
    return tuple(steps)


def _may_be(kind: PointKind, value: float | None) -> bool:
    states = {PointKind.BINARY: {0.0, 1.0}, PointKind.DOUBLE: {0.0, 1.0, 2.0, 3.0}}
    return value is None or kind not in states or value in states[kind]


def _article(kind: PointKind) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _reported(points: SitePoints, section: ProcessingSection, matches: Matches) -> Matches:
    if section.report != "aggregates":
        return matches
    return _measured(points, matches, "is calculated itself", "add a calculation over it, and report it on_request")


def _check_kinds(points: SitePoints, section: ProcessingSection, matches: Matches) -> None:
    """Findings for what does not suit the points' kinds or limits, one for each key."""
    band = next((key for key in BANDS if getattr(section, key)), "compression" if section.compression else "")
    for name, match in matches.items():
        point, key = match.point, (*match.key[:-2], band)
        if band and point.kind.is_discrete:
            points.source.report_key(
                key, f"{name} is {_article(point.kind)} point", "every change of a state is reported", value=name
            )
            return
        if band == "compression" and point.kind is PointKind.COUNTER:
            points.source.report_key(key, f"{name} is a counter", "give it a deadband instead", value=name)
            return
        if band == "deadband_percent" and (point.low is None or point.high is None):
            remedy = "write low and high into its point list, or use deadband"
            points.source.report_key(
                key, f"{name} has no span to take a percentage of", remedy, value=section.deadband_percent or 0
            )
            return


def _reporting_of(section: ProcessingSection, point: Point) -> PointReporting:
    usual = point.reporting
    deadband = usual.deadband if section.percent_of_value is None else 0.0
    if section.deadband is not None:
        deadband = section.deadband
    if section.deadband_percent is not None and point.low is not None and point.high is not None:
        deadband = section.deadband_percent / 100 * (point.high - point.low)
    door = None
    if section.deviation is not None:
        door = SwingingDoor(deviation=section.deviation, max_interval_s=section.max_interval_s or usual.max_silence_s)
    return PointReporting(
        report=section.report or "exceptions",
        deadband=deadband,
        percent_of_value=section.percent_of_value or 0.0,
        max_silence_s=section.max_silence_s or usual.max_silence_s,
        door=door,
    )
