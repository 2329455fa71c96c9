"""`kind = "rule"` of `[[automation.functions]]`: a program of the rule language over points of the site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tieline.config.fields import Name, Seconds
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.config.rule_texts import report_mistakes
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind
from tieline.rules import Program, RuleError, Type, name_problem

PositiveRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]

FAULT = "fault"
"""The value that every rule shows beside its own."""


class RuleSection(FunctionBase):
    """A program that is run once a scan."""

    kind: Literal["rule"]
    program: str | None = Field(default=None, description="the program itself")
    file: str | None = Field(default=None, description="or the file that holds it, relative to the site's folder")
    inputs: dict[str, str] = Field(default_factory=dict, description="name in the program = point")
    outputs: dict[Name, str] = Field(default_factory=dict, description="name in the program = writable point")
    values: dict[Name, str] = Field(default_factory=dict, description="name in the program = unit; shown and not written")
    signals: list[Name] = Field(
        default_factory=list, description="names in the program that are TRUE or FALSE; shown and not written"
    )
    on_fault: Literal["hold", "bad"] = Field(
        default="hold", description="what a value shows that could not be calculated: the last good one, or bad quality"
    )
    initial: Literal["wait", "assert"] = Field(
        default="wait",
        description="when it begins to act and an output's value is not known: command changes only, or what the program says",
    )
    reassert_s: Seconds = Field(default=0.0, description="an output is commanded again after this time")
    ramp_per_s: dict[Name, PositiveRate] = Field(default_factory=dict, description="output = its unit a second, for setpoints")

    @model_validator(mode="after")
    def _has_one_program(self) -> Self:
        if (self.program is None) == (self.file is None):
            raise ValueError("needs one program; write program or file")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePlan(FunctionPlan):
    """A rule as it was understood."""

    program: str
    inputs: Mapping[str, Point]
    outputs: Mapping[str, Point]
    values: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    on_fault: Literal["hold", "bad"] = "hold"
    initial: Literal["wait", "assert"] = "wait"
    reassert_s: float = 0.0
    ramp_per_s: Mapping[str, float] = field(default_factory=dict)

    def parse(self) -> Program:
        """The program. Raises `RuleError` where it is wrong."""
        shown = dict.fromkeys(self.values, Type.REAL) | dict.fromkeys(self.signals, Type.BOOL)
        return Program.parse(self.program, _types(self.inputs), _types(self.outputs) | shown)


def read_rule(points: SitePoints, key: KeyPath, section: RuleSection) -> RulePlan | None:
    """The rule that a section describes, or None; mistakes become findings at keys below `key`."""
    reader = _Reader(points, key, section)
    inputs, outputs = reader.points_of("inputs", section.inputs), reader.outputs()
    reader.check_names()
    source, text = reader.text()
    if text is None or not reader.is_sound:
        return None
    plan = RulePlan(
        name=section.name,
        acts=section.acts,
        reads=tuple(dict.fromkeys([*inputs.values(), *outputs.values()])),
        writes=tuple(outputs.values()),
        shown=tuple(_shown(section, outputs)),
        program=text,
        inputs=inputs,
        outputs=outputs,
        values=tuple(section.values),
        signals=tuple(section.signals),
        on_fault=section.on_fault,
        initial=section.initial,
        reassert_s=section.reassert_s,
        ramp_per_s=section.ramp_per_s,
    )
    try:
        program = plan.parse()
    except RuleError as error:
        report_mistakes(source, (*key, "program") if section.file is None else (), text, error)
        return None
    for unused in sorted(set(section.inputs) - set(program.names) - set(program.aged)):
        points.source.report_key((*key, "inputs", unused), "is not used in the program", "remove it", value=unused)
    return plan


class _Reader:
    """Looks up what a section names; `is_sound` tells whether all of it can be used."""

    def __init__(self, points: SitePoints, key: KeyPath, section: RuleSection) -> None:
        self._points = points
        self._key = key
        self._section = section
        self.is_sound = True

    def points_of(self, where: str, references: Mapping[str, str]) -> dict[str, Point]:
        found = {name: self._points.find((*self._key, where, name), reference) for name, reference in references.items()}
        self.is_sound &= all(point is not None for point in found.values())
        return {name: point for name, point in found.items() if point is not None}

    def outputs(self) -> dict[str, Point]:
        outputs = self.points_of("outputs", self._section.outputs)
        seen: dict[Point, str] = {}
        for name, point in outputs.items():
            reference = self._section.outputs[name]
            if not point.kind.is_writable:
                self._mistake(("outputs", name), "no command can be addressed to that", "name a setpoint or control", reference)
            elif point in seen:
                self._mistake(("outputs", name), f"is the output {seen[point]} already", "name each point once", reference)
            seen.setdefault(point, name)
        for name in self._section.ramp_per_s:
            if name not in self._section.outputs:
                self._mistake(("ramp_per_s", name), "there is no such output", "name one of the outputs", name)
            elif name in outputs and outputs[name].kind is not PointKind.SETPOINT:
                self._mistake(("ramp_per_s", name), "only a setpoint is ramped", "remove it", name)
        return outputs

    def check_names(self) -> None:
        seen: dict[str, str] = {FAULT: ""}
        section = self._section
        for where, names in (
            ("inputs", section.inputs),
            ("outputs", section.outputs),
            ("values", section.values),
            ("signals", section.signals),
        ):
            for name in names:
                key: KeyPath = (where,) if where == "signals" else (where, name)
                if problem := name_problem(name):
                    self._mistake(key, problem, "choose another name", name)
                elif name == FAULT and where != "inputs":
                    self._mistake(key, "every rule shows whether it has a fault under this name", "choose another name", name)
                elif name.casefold() in seen and name != FAULT:
                    self._mistake(key, f"the name is in {seen[name.casefold()]} already", "choose another", name)
                seen.setdefault(name.casefold(), where)

    def text(self) -> tuple[Source, str | None]:
        """The program, and the file in which it stands."""
        source, section = self._points.source, self._section
        if section.file is None:
            return source, section.program
        beside = source.beside(section.file)
        if beside is None:
            self._mistake(("file",), "lies outside the folder", "keep the program in the site's folder", section.file)
            return source, None
        if not beside.path.is_file():
            self._mistake(("file",), "there is no such file", "the path is relative to the site's folder", section.file)
            return source, None
        return beside, beside.read_text()

    def _mistake(self, path: KeyPath, problem: str, remedy: str, value: str) -> None:
        self.is_sound = False
        self._points.source.report_key((*self._key, *path), problem, remedy, value=value)


def _shown(section: RuleSection, outputs: Mapping[str, Point]) -> list[Shown]:
    written = [
        Shown(
            name=name,
            kind=PointKind.BINARY if point.kind is PointKind.CONTROL else PointKind.ANALOG,
            unit=point.unit,
            description=f"{section.name}: what it wants of {point.device}/{point.name}",
        )
        for name, point in outputs.items()
    ]
    values = [Shown(name=name, unit=unit, description=f"{section.name}: {name}") for name, unit in section.values.items()]
    signals = [Shown(name=name, kind=PointKind.BINARY, description=f"{section.name}: {name}") for name in section.signals]
    return [*written, *values, *signals, Shown(name=FAULT, kind=PointKind.BINARY, description=f"{section.name}: has a fault")]


def _types(points: Mapping[str, Point]) -> dict[str, Type]:
    return {
        name: Type.BOOL if point.kind in {PointKind.BINARY, PointKind.CONTROL} else Type.REAL for name, point in points.items()
    }
