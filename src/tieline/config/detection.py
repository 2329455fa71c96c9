"""`[[detection]]` in `site.toml`: what is looked for in the samples of points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from tieline.config.fields import PositiveSeconds, Strict
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point

MOST_NEIGHBORS = 8
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limits(Strict):
    """A value beyond a limit, until it is back by the hysteresis."""

    low_low: Number | None = None
    low: Number | None = None
    high: Number | None = None
    high_high: Number | None = None
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        given = [limit for limit in (self.low_low, self.low, self.high, self.high_high) if limit is not None]
        if not given:
            raise ValueError("names no limit; write low_low, low, high or high_high")
        if any(not one < other for one, other in pairwise(given)):
            raise ValueError("the limits are not in the order low_low < low < high < high_high; correct them")
        if self.low is not None and self.high is not None and 2 * self.hysteresis >= self.high - self.low:
            raise ValueError(f"the hysteresis {self.hysteresis:g} leaves nothing between low and high; make it smaller")
        return self


class Rate(Strict):
    """A value that moves faster than it should."""

    per_s: Positive = Field(description="in the point's unit a second")


class Stuck(Strict):
    """A value that comes again and again and is always the same."""

    for_s: PositiveSeconds


class Flatline(Strict):
    """A value whose usual unrest is gone."""

    for_s: PositiveSeconds
    spread: Positive = Field(description="between its lowest and highest value in that time, in the point's unit")


class Spike(Strict):
    """A value that leaves its course for one sample."""

    deviations: Positive = Field(default=8.0, description="in mean absolute differences from one sample to the next")
    least: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(default=0.0, description="smaller ones do not count")


class Missing(Strict):
    """No sample for too long."""

    for_s: PositiveSeconds


class Disagreement(Strict):
    """Redundant measurements that say different things."""

    with_points: list[str] = Field(
        alias="with", min_length=1, max_length=MOST_NEIGHBORS, description="device/name, of the same unit"
    )
    tolerance: Positive = Field(description="in the point's unit")
    for_s: PositiveSeconds = 5.0


class Residual(Strict):
    """A point that leaves its learned relation to its neighbors."""

    neighbors: list[str] = Field(min_length=1, max_length=MOST_NEIGHBORS, description="device/name")
    deviations: Positive = Field(default=6.0, description="in standard deviations of what the relation leaves unexplained")
    for_s: PositiveSeconds = 10.0
    memory_s: PositiveSeconds = Field(default=3600.0, description="how long the relation remembers; time constant")
    warm_up_s: PositiveSeconds = Field(default=600.0, description="learned for so long before anything is found")


class DetectionSection(Strict):
    """What is looked for in the samples of some points."""

    points: list[str] = Field(min_length=1, description="device/name, with * and ? for any characters")
    limits: Limits | None = None
    rate: Rate | None = None
    stuck: Stuck | None = None
    flatline: Flatline | None = None
    spike: Spike | None = None
    missing: Missing | None = None
    disagreement: Disagreement | None = None
    residual: Residual | None = None

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not self.wanted:
            raise ValueError(f"looks for nothing; write one of {', '.join(DETECTORS)}")
        return self

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it looks for."""
        return tuple(name for name in DETECTORS if getattr(self, name) is not None)


DETECTORS = ("limits", "rate", "stuck", "flatline", "spike", "missing", "disagreement", "residual")
_FOR_STATES = frozenset({"missing", "disagreement"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDetection:
    """What is looked for in the samples of one point; `others` are those that it is compared with."""

    point: Point
    looks_for: Limits | Rate | Stuck | Flatline | Spike | Missing | Disagreement | Residual
    others: tuple[Point, ...] = ()


def read_detection(points: SitePoints, sections: Sequence[tuple[KeyPath, DetectionSection]]) -> tuple[PointDetection, ...]:
    """What the sections say for each point that they name; mistakes become findings."""
    found: dict[tuple[str, str], PointDetection] = {}
    for key, section in sections:
        others = {}
        if section.disagreement is not None:
            others["disagreement"] = _resolved(points, (*key, "disagreement", "with"), section.disagreement.with_points)
        if section.residual is not None:
            others["residual"] = _resolved(points, (*key, "residual", "neighbors"), section.residual.neighbors)
        for each, point in _named(points, key, section):
            for wanted in section.wanted:
                if not _fits(points, each, point, wanted) or not _compares(points, (*key, wanted), point, others.get(wanted, ())):
                    continue
                if (point.path, wanted) in found:
                    points.source.report_key(
                        (*each, wanted),
                        f"{wanted} of {point.device}/{point.name} is looked for in another section already",
                        "keep one",
                    )
                    continue
                found[point.path, wanted] = PointDetection(
                    point=point, looks_for=getattr(section, wanted), others=others.get(wanted, ())
                )
    return tuple(found.values())


def _named(points: SitePoints, key: KeyPath, section: DetectionSection) -> Iterator[tuple[KeyPath, Point]]:
    seen: set[str] = set()
    for number, pattern in enumerate(section.points):
        place = (*key, "points", number)
        for point in points.match(place, pattern):
            if point.path not in seen:
                seen.add(point.path)
                yield key, point


def _resolved(points: SitePoints, key: KeyPath, named: Sequence[str]) -> tuple[Point, ...]:
    found = [points.find((*key, number), name) for number, name in enumerate(named)]
    return tuple(point for point in found if point is not None)


def _fits(points: SitePoints, key: KeyPath, point: Point, wanted: str) -> bool:
    if point.kind.is_discrete and wanted not in _FOR_STATES:
        points.source.report_key(
            (*key, wanted), f"{point.device}/{point.name} is a {point.kind} point", "name points with quantities only"
        )
        return False
    return True


def _compares(points: SitePoints, key: KeyPath, point: Point, others: Sequence[Point]) -> bool:
    """Whether a point can be compared with the others."""
    wanted = key[-1]
    for other in others:
        if other.path == point.path:
            points.source.report_key(key, f"compares {point.device}/{point.name} with itself", "name other points")
            return False
        if wanted == "disagreement" and other.unit != point.unit:
            problem = f"{point.device}/{point.name} is in {point.unit or 'no unit'}, {other.device}/{other.name} in {other.unit or 'none'}"
            points.source.report_key(key, problem, "compare points of one unit; a calculation can convert")
            return False
    return True
