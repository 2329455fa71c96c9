"""`programs/*.toml`: switching programs, the orders of work of a control room as files that are reviewed before they are run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from tieline.config.control import condition_of
from tieline.config.fields import PositiveSeconds, Seconds, Strict
from tieline.config.findings import Finding
from tieline.config.gate import Interlock
from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.config.utility_points import UtilityPoints
from tieline.model import Point, PointKind


class StepSection(Strict):
    """One operation of a program, with what has to be so before and after."""

    text: str = Field(default="", description="what the step does, for people")
    point: str = Field(description="the writable point as site/device/name")
    value: float = Field(allow_inf_nan=False, description="what it is set to")
    before: str | None = Field(default=None, description="the step is not executed before this is TRUE with good quality")
    before_s: Seconds = Field(default=0.0, description="it may become so within this time")
    after: str | None = Field(default=None, description="the step is done when this is TRUE with good quality")
    after_s: PositiveSeconds = Field(default=10.0, description="within this time")
    inputs: dict[str, str] = Field(default_factory=dict, description="name in before and after = point as site/device/name")
    confirm: bool = Field(default=False, description="a person confirms before the step is executed")
    pause_s: Seconds = Field(default=0.0, description="after the step, before the next one")


class ProgramFile(Strict):
    """The whole of a file in `programs/`."""

    title: str = Field(min_length=1)
    description: str = ""
    steps: list[StepSection] = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStep:
    """One operation of a program."""

    text: str
    point: Point
    value: float
    before: Interlock | None = None
    before_s: float = 0.0
    after: Interlock | None = None
    after_s: float = 10.0
    confirm: bool = False
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A switching program; its name is that of its file."""

    name: str
    title: str
    description: str
    steps: tuple[ProgramStep, ...]
    fingerprint: str
    """Changes with the file."""


def read_programs(folder: Path, points: UtilityPoints, findings: list[Finding]) -> tuple[Program, ...]:
    """The programs of a utility folder; mistakes become findings."""
    return tuple(_read_programs(folder, points, findings))


def _read_programs(folder: Path, points: UtilityPoints, findings: list[Finding]) -> Iterator[Program]:
    for path in sorted((folder / "programs").glob("*.toml")):
        source = Source(folder, path, findings)
        name = path.stem
        if name != name.lower() or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            source.report("the file's name is no name of a program", "use lower-case letters, digits, - and _ only", value=name)
        described = source.read_toml(ProgramFile)
        if described is None:
            continue
        steps = [_read_step(source, points, ("steps", index), step) for index, step in enumerate(described.steps)]
        whole = [step for step in steps if step is not None]
        if len(whole) == len(steps):
            yield Program(
                name=name,
                title=described.title,
                description=described.description,
                steps=tuple(whole),
                fingerprint=hashlib.sha256(path.read_bytes()).hexdigest(),
            )


def _read_step(source: Source, points: UtilityPoints, key: KeyPath, step: StepSection) -> ProgramStep | None:
    point = points.find_writable(source, (*key, "point"), step.point)
    used: set[str] = set()
    conditions: dict[str, Interlock] = {}
    for name, text in (("before", step.before), ("after", step.after)):
        if text is None:
            continue
        inputs = condition_of(source, points, (*key, name), text, step.inputs)
        if inputs is None:
            return None
        used |= inputs.keys()
        conditions[name] = Interlock(points=frozenset(), expression=text, inputs=inputs, text=text)
    for unused in sorted(step.inputs.keys() - used):
        source.report_key((*key, "inputs", unused), "is used neither in before nor in after", "remove it", value=unused)
    if step.before_s and step.before is None:
        source.report_key((*key, "before_s"), "there is nothing to wait for", "write before, or remove it", value=step.before_s)
    if point is None:
        return None
    if problem := _value_problem(point, step.value):
        source.report_key((*key, "value"), problem, f"write what {point.path} takes", value=step.value)
    return ProgramStep(
        text=step.text or f"{point.path} to {step.value:g}",
        point=point,
        value=step.value,
        before=conditions.get("before"),
        before_s=step.before_s,
        after=conditions.get("after"),
        after_s=step.after_s,
        confirm=step.confirm,
        pause_s=step.pause_s,
    )


def _value_problem(point: Point, value: float) -> str:
    if point.kind is PointKind.CONTROL:
        return "" if value in {0, 1} else "a control is set to 0 or 1"
    if value < (-math.inf if point.low is None else point.low):
        return f"is below {point.low:g} {point.unit}".rstrip()
    if value > (math.inf if point.high is None else point.high):
        return f"is above {point.high:g} {point.unit}".rstrip()
    return ""
