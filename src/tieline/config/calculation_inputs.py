"""What a calculation is made of: its inputs among the points of the site, with their units, and the unit and kind of its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from tieline.config.calculation_expressions import parse_expression
from tieline.config.calculation_sections import (
    CounterDeltaSection,
    DemandSection,
    DifferenceSection,
    DurationSection,
    EnergySection,
    ExpressionSection,
    MembersSection,
    OperationsSection,
    RateSection,
    Settings,
    ThreePhaseSection,
    WindowSection,
)
from tieline.config.calculation_units import TIMES, base_of, factor, over_an_hour
from tieline.config.lines import KeyPath
from tieline.config.site_points import CALCULATED, SitePoints
from tieline.model import Point, PointKind
from tieline.rules import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One point that goes into a calculation."""

    point: Point
    role: str = ""
    """What it is there: a name in an expression, `voltage` of a three-phase calculation."""
    factor: float = 1.0
    """Its values times this are in the unit in which the function computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a calculation is made of, and what it gives."""

    inputs: tuple[Input, ...]
    kind: PointKind = PointKind.ANALOG
    unit: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class References:
    """The points that a calculation refers to, as `device/name` under the key that names them."""

    by_key: Mapping[str, tuple[str, ...]]
    is_whole: bool
    """No reference led nowhere."""

    def names_at(self, device: str) -> Iterator[str]:
        """The names of those that belong to a device."""
        for references in self.by_key.values():
            for reference in references:
                owner, _, name = reference.partition("/")
                if owner == device:
                    yield name


PHASE_KEYS = ("voltage", "voltage_angle", "current", "current_angle", "active_power", "reactive_power", "line_voltage")
"""The keys of a three-phase calculation that name three points each."""


def references_of(points: SitePoints, key: KeyPath, settings: Settings) -> References:
    """The points that a section names; a reference that leads nowhere is a finding."""
    given: dict[str, list[str]] = {}
    match settings:
        case MembersSection():
            return _members(points, (*key, "of"), settings)
        case ExpressionSection():
            given = {f"inputs.{name}": [reference] for name, reference in settings.inputs.items()}
        case ThreePhaseSection():
            given = {name: getattr(settings, name) for name in PHASE_KEYS if getattr(settings, name) is not None}
        case DifferenceSection():
            given = {"of": settings.of}
        case _:
            given = {"of": [settings.of]}
    found = {
        name: tuple(each for each in references if points.find((*key, *name.split(".")), each) is not None)
        for name, references in given.items()
    }
    return References(found, all(len(found[name]) == len(references) for name, references in given.items()))


def _members(points: SitePoints, key: KeyPath, settings: MembersSection) -> References:
    """Each point once; a pattern does not mean the calculated point itself."""
    itself = f"{CALCULATED}/{settings.name}"
    found: dict[str, None] = {}
    is_whole = True
    for pattern in settings.of:
        matched = [f"{point.device}/{point.name}" for point in points.match(key, pattern)]
        is_whole &= bool(matched)
        found |= dict.fromkeys(each for each in matched if each != itself or pattern == itself)
    if is_whole and not found:
        points.source.report_key(key, "matches nothing but the point itself", "correct the pattern", value=settings.of[0])
    return References({"of": tuple(found)}, is_whole and bool(found))


def bind(points: SitePoints, key: KeyPath, settings: Settings, references: References) -> Binding | None:
    """What a section's function is made of, its references being right; None and findings where the points do not suit it."""
    binder = _Binder(points, key, settings, references)
    before = binder.mistakes
    binding = binder.bind()
    return binding if binder.mistakes == before else None


class _Binder:
    def __init__(self, points: SitePoints, key: KeyPath, settings: Settings, references: References) -> None:
        self._points = points
        self._key = key
        self._settings = settings
        self._of = {
            name: [point for each in named if (point := points.find((*key, name), each)) is not None]
            for name, named in references.by_key.items()
        }
        self.mistakes = 0

    def bind(self) -> Binding:
        """What the function is made of; it is right where there were no mistakes."""
        settings = self._settings
        match settings:
            case ExpressionSection():
                return self._expression(settings)
            case MembersSection():
                return self._members(settings)
            case DifferenceSection():
                return self._alike()
            case ThreePhaseSection():
                return self._three_phase(settings)
            case WindowSection():
                return self._window(settings)
            case CounterDeltaSection():
                return self._alike()
            case DemandSection():
                return self._alike(base="W")
            case EnergySection():
                return self._energy(settings)
            case DurationSection():
                return self._duration(settings)
            case OperationsSection():
                self._needs_switch("")
                return Binding(inputs=self._inputs("of"), kind=PointKind.COUNTER, unit=settings.unit)
            case RateSection():
                return self._rate(settings)
        assert_never(settings)

    def _expression(self, settings: ExpressionSection) -> Binding:
        names = dict(settings.inputs)
        kinds = {name: self._of[f"inputs.{name}"][0].kind for name in names}
        parsed = parse_expression(self._points.source, (*self._key, "expression"), settings.expression, kinds)
        if parsed is None:
            self.mistakes += 1
            return Binding(inputs=())
        for name in sorted(names.keys() - parsed.names - parsed.aged):
            self._report("inputs", "the expression does not use it", "use it or remove it", name)
        inputs = tuple(Input(point=self._of[f"inputs.{name}"][0], role=name) for name in names)
        kind = PointKind.BINARY if parsed.type is Type.BOOL else PointKind.ANALOG
        unit = settings.unit or (_TIME_UNIT if parsed.type is Type.TIME else "")
        scale = 1.0
        if parsed.type is Type.TIME:
            scale = self._factor("unit", _TIME_UNIT, unit)
        return Binding(inputs=inputs, kind=kind, unit=unit, scale=scale)

    def _members(self, settings: MembersSection) -> Binding:
        if settings.function == "count_good":
            if settings.needs != "all":
                self._report("needs", "count_good counts what is good and needs none of it", "remove it", settings.needs)
            return Binding(inputs=self._inputs("of"), unit=settings.unit)
        return self._alike()

    def _alike(self, base: str = "") -> Binding:
        """Points that are added, subtracted or compared: all in the unit of the result, which is that of the first unless written."""
        self._needs_quantities("of")
        of = self._of["of"]
        unit = self._settings.unit or next((point.unit for point in of if point.unit), "")
        if base:
            self._factor("of", unit, base)
        return Binding(inputs=self._inputs("of", unit), unit=unit)

    def _three_phase(self, settings: ThreePhaseSection) -> Binding:
        keys = self._phase_keys(settings)
        if not keys:
            return Binding(inputs=())
        for name in self._of.keys() - set(keys):
            self._report(name, f"{settings.show} does not need it", "remove it", "")
        inputs: list[Input] = []
        for name in keys:
            self._needs_quantities(name)
            inputs += self._inputs(name, BASE_OF_PHASE_KEY[name])
        base = _BASE_OF_SHOWN.get(settings.show) or BASE_OF_PHASE_KEY[keys[0]]
        like = next((each.point.unit for each in inputs if each.point.unit and base_of(each.point.unit) == base), base)
        unit = settings.unit or ("" if base == "1" else like)
        return Binding(inputs=tuple(inputs), unit=unit, scale=self._factor("unit", base, unit))

    def _phase_keys(self, settings: ThreePhaseSection) -> tuple[str, ...]:
        """Those that the result is calculated from, in the order of the formula; a finding where they are not there."""
        ways = ways_of(settings)
        for way in ways:
            if all(name in self._of for name in way):
                return way
        needed = ", or ".join(" and ".join(way) for way in ways)
        self._report("show", f"{settings.show} needs {needed}", "add what is missing: three points each", settings.show)
        return ()

    def _window(self, settings: WindowSection) -> Binding:
        (point,) = self._of["of"]
        if settings.aggregate not in {"last", "first", "count"}:
            self._needs_quantities("of")
        if settings.aggregate == "count":
            return Binding(inputs=self._inputs("of"), unit=settings.unit)
        natural = over_an_hour(point.unit) if settings.aggregate == "integral" else point.unit
        unit = settings.unit or natural
        return Binding(inputs=self._inputs("of"), unit=unit, scale=self._factor("unit", natural, unit))

    def _energy(self, settings: EnergySection) -> Binding:
        self._needs_quantities("of")
        (point,) = self._of["of"]
        power = base_of(point.unit) if point.unit else "W"
        if power not in {"W", "var", "VA"}:
            self._report("of", f"is in {point.unit}, which is no power", "name a point in W, kW, MW, var ...", _named(point))
            return Binding(inputs=())
        unit = settings.unit or over_an_hour(point.unit or "W")
        kind = PointKind.ANALOG if settings.direction == "net" else PointKind.COUNTER
        return Binding(
            inputs=self._inputs("of", power), kind=kind, unit=unit, scale=self._factor("unit", over_an_hour(power), unit)
        )

    def _duration(self, settings: DurationSection) -> Binding:
        self._needs_switch(settings.state)
        unit = settings.unit or "h"
        kind = PointKind.COUNTER if settings.show == "total" else PointKind.ANALOG
        return Binding(inputs=self._inputs("of"), kind=kind, unit=unit, scale=self._factor("unit", "s", unit))

    def _rate(self, settings: RateSection) -> Binding:
        self._needs_quantities("of")
        (point,) = self._of["of"]
        natural = f"{point.unit or 1}/{settings.per}"
        if settings.unit not in {"", natural} and point.unit:
            return self._rate_of_other(settings, point)
        return Binding(inputs=self._inputs("of"), unit=settings.unit or natural, scale=TIMES[settings.per])

    def _rate_of_other(self, settings: RateSection, point: Point) -> Binding:
        """A rate in a unit of its own: that of the point or one it can be converted into, over the time."""
        wanted, _, time = settings.unit.rpartition("/")
        scale = factor(point.unit, wanted) if wanted else None
        if scale is None or time != settings.per:
            remedy = f"write {point.unit}/{settings.per}"
            self._report("unit", f"a rate of {point.unit} per {settings.per} is not in it", remedy, settings.unit)
        return Binding(inputs=self._inputs("of"), unit=settings.unit, scale=(scale or 1.0) * TIMES[settings.per])

    def _inputs(self, name: str, unit: str = "") -> tuple[Input, ...]:
        """The points of a key, converted into a unit where one is named."""
        return tuple(
            Input(point=point, role=name, factor=self._factor(name, point.unit, unit or point.unit, _named(point)))
            for point in self._of[name]
        )

    def _factor(self, name: str, given: str, wanted: str, value: str = "") -> float:
        found = factor(given, wanted)
        if found is None:
            remedy = f"use a unit that can be converted into {base_of(given if name == 'unit' else wanted)}, or another point"
            self._report(name, f"{given} cannot be converted into {wanted}", remedy, value or wanted)
        return 1.0 if found is None else found

    def _needs_quantities(self, name: str) -> None:
        """Double points and controls are nothing to compute with."""
        for point in self._of[name]:
            if point.kind in {PointKind.DOUBLE, PointKind.CONTROL}:
                remedy = "name an analog, counter or binary point; of switches there are duration and operations"
                self._report(name, f"is a {point.kind} point, not a number", remedy, _named(point))

    def _needs_switch(self, state: str) -> None:
        (point,) = self._of["of"]
        if point.kind not in {PointKind.BINARY, PointKind.DOUBLE}:
            self._report("of", f"is of kind {point.kind} and has no states", "name a binary or double point", _named(point))
        elif state in {"intermediate", "bad"} and point.kind is PointKind.BINARY:
            self._report("state", "a binary point is never in it", "write on, off, closed or open", state)

    def _report(self, name: str, problem: str, remedy: str, value: object) -> None:
        self.mistakes += 1
        self._points.source.report_key((*self._key, name), problem, remedy, value=value)


BASE_OF_PHASE_KEY: Mapping[str, str] = {
    "voltage": "V",
    "voltage_angle": "°",
    "current": "A",
    "current_angle": "°",
    "active_power": "W",
    "reactive_power": "var",
    "line_voltage": "V",
}

_BASE_OF_SHOWN: Mapping[str, str] = {
    "active_power": "W",
    "reactive_power": "var",
    "apparent_power": "VA",
    "power_factor": "1",
    "voltage_unbalance": "%",
}
_TIME_UNIT = "s"


def ways_of(settings: ThreePhaseSection) -> Sequence[tuple[str, ...]]:
    """The keys from which a three-phase quantity can be calculated; the first of these ways that can be gone is."""
    phasors = ("voltage", "voltage_angle", "current", "current_angle")
    match settings.show:
        case "active_power" | "reactive_power":
            return ((settings.show,), phasors)
        case "apparent_power" | "power_factor" if settings.method == "arithmetic":
            if settings.show == "apparent_power":
                return (("voltage", "current"),)
            return (("active_power", "voltage", "current"), phasors)
        case "apparent_power" | "power_factor":
            return (("active_power", "reactive_power"), phasors)
        case "voltage_unbalance":
            return (("line_voltage",),)
        case "positive_sequence" | "negative_sequence" | "zero_sequence":
            return (("voltage", "voltage_angle"), ("current", "current_angle"))
        case "neutral_current":
            return (("current", "current_angle"),)
        case _:
            return (("voltage", "voltage_angle"),)


def _named(point: Point) -> str:
    return f"{point.device}/{point.name}"
