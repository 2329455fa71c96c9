"""`kind = "load_shedding"`: loads are shed in stages while frequency or voltage is low (ANSI devices 81U, 81R, 27), and restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import Field

from tieline.config.automation_functions.references import Breaker, BreakerSection, Measured, References, named
from tieline.config.fields import PositiveSeconds, Seconds, Strict
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind


class StageSection(Strict):
    """One stage: it acts where any of its criteria is met."""

    below_hz: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="frequency below it for delay_s")
    below_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="voltage below it for delay_s")
    delay_s: Seconds = Field(default=0.2, description="before it acts")
    rate_hz_per_s: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="frequency falls faster: it acts at once below rate_below_hz"
    )
    rate_below_hz: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="the rate counts below it only")
    breakers: list[BreakerSection] = Field(min_length=1, description="opened together")


class LoadSheddingSection(FunctionBase):
    """Load shedding as it is written."""

    kind: Literal["load_shedding"]
    nominal_hz: float = Field(default=50.0, ge=16, le=60, description="further than a fifth from it is no frequency")
    frequency: list[str] = Field(default_factory=list, max_length=3, description="one, two that agree, or two of three that do")
    agree_hz: float = Field(default=0.2, gt=0, allow_inf_nan=False, description="so much may frequencies differ")
    voltage: list[str] = Field(default_factory=list, max_length=3, description="one, two that agree, or two of three that do")
    agree_kv: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="so much may voltages differ; default 5 %"
    )
    dead_below_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="a dead busbar: nothing is shed")
    settle_s: Seconds = Field(default=1.0, description="after a busbar was dead before anything is shed")
    rate_window_s: PositiveSeconds = Field(default=0.5, description="over which the rate of change is taken")
    switch_timeout_s: PositiveSeconds = Field(default=5.0, description="in which a breaker is seen to have moved")
    stages: list[StageSection] = Field(min_length=1, max_length=12, description="in the order in which they act")
    restore: Literal["automatic", "manual"] = Field(default="manual", description="what it has opened itself")
    restore_above_hz: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="frequency to restore")
    restore_above_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="voltage to restore")
    restore_delay_s: PositiveSeconds = Field(default=300.0, description="above them for so long before the first")
    restore_interval_s: PositiveSeconds = Field(default=30.0, description="between two")
    restore_order: list[str] = Field(default_factory=list, description="controls; default last opened, first closed")
    restore_attempts: int = Field(default=1, ge=1, le=10, description="restorations after which loads were shed again")
    block: str | None = Field(default=None, description="binary: blocks while it is on")
    reset: str | None = Field(default=None, description="binary: permits restoration again as it rises")


SHOWN = (
    Shown(
        name="state", description="0 observing, 1 blocked, 2 armed, 3 a stage waits, 4 shed, 5 restoring, 6 restoration locked"
    ),
    Shown(name="frequency", unit="Hz", description="agreed upon"),
    Shown(name="voltage", unit="kV", description="agreed upon"),
    Shown(name="rate", unit="Hz/s", description="of change of frequency"),
    Shown(name="stage", description="the highest that has acted; 0 none"),
    Shown(name="open_breakers", description="opened by this function and not closed since"),
    Shown(name="operations", description="breakers it has opened since the beginning"),
    Shown(name="blocked", kind=PointKind.BINARY, description="something keeps it from working"),
    Shown(name="locked_out", kind=PointKind.BINARY, description="nothing is restored until it is reset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage with its breakers."""

    section: StageSection
    breakers: tuple[Breaker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSheddingPlan(FunctionPlan):
    """Load shedding as it was understood."""

    section: LoadSheddingSection
    frequency: tuple[Measured, ...]
    voltage: tuple[Measured, ...]
    stages: tuple[Stage, ...]
    restore_order: tuple[Breaker, ...]
    """Empty for the reverse of the order in which they were opened."""
    block: Point | None
    reset: Point | None


def read_load_shedding(points: SitePoints, key: KeyPath, section: LoadSheddingSection) -> LoadSheddingPlan | None:
    """The plan, or None and findings."""
    refs = References(points, key)
    frequency = refs.all_measured(("frequency",), section.frequency, "frequency")
    voltage = refs.all_measured(("voltage",), section.voltage, "voltage")
    stages = [_read_stage(refs, index, stage) for index, stage in enumerate(section.stages)]
    by_control = {
        written.control: breaker
        for stage, read in zip(section.stages, stages, strict=True)
        for written, breaker in zip(stage.breakers, read, strict=True)
    }
    block, reset = refs.state(("block",), section.block), refs.state(("reset",), section.reset)
    _check_measured(refs, section)
    _check_stages(refs, section)
    _check_breakers(refs, section)
    _check_restoration(refs, section, list(by_control))
    breakers = [breaker for read in stages for breaker in read if breaker is not None]
    if not refs.is_sound or len(breakers) < sum(len(stage.breakers) for stage in section.stages):
        return None
    order = tuple(breaker for name in section.restore_order if (breaker := by_control[name]) is not None)
    return LoadSheddingPlan(
        name=section.name,
        acts=section.acts,
        reads=named([*frequency, *voltage, *(breaker.position for breaker in breakers), block, reset]),
        writes=named([breaker.control for breaker in breakers]),
        shown=SHOWN,
        section=section,
        frequency=frequency,
        voltage=voltage,
        stages=tuple(
            Stage(section=written, breakers=tuple(breaker for breaker in read if breaker is not None))
            for written, read in zip(section.stages, stages, strict=True)
        ),
        restore_order=order,
        block=block,
        reset=reset,
    )


def _read_stage(refs: References, index: int, stage: StageSection) -> list[Breaker | None]:
    return [refs.breaker(("stages", index, "breakers", number), one) for number, one in enumerate(stage.breakers)]


def _check_measured(refs: References, section: LoadSheddingSection) -> None:
    needs_hz = any(stage.below_hz is not None or stage.rate_hz_per_s is not None for stage in section.stages)
    needs_kv = any(stage.below_kv is not None for stage in section.stages)
    refs.require(bool(section.frequency) or not needs_hz, ("frequency",), "is missing", "name one to three measurements")
    refs.require(bool(section.voltage) or not needs_kv, ("voltage",), "is missing", "name one to three measurements")
    refs.require(
        not section.voltage or section.dead_below_kv is not None,
        ("dead_below_kv",),
        "is missing",
        "write the voltage below which the busbar is dead, for example half of the nominal one",
    )
    refs.require(
        bool(section.voltage) or section.dead_below_kv is None,
        ("dead_below_kv",),
        "has no effect",
        "name voltage too, or remove it",
    )


def _check_stages(refs: References, section: LoadSheddingSection) -> None:
    for index, stage in enumerate(section.stages):
        path = ("stages", index)
        criteria = (stage.below_hz, stage.below_kv, stage.rate_hz_per_s)
        refs.require(any(one is not None for one in criteria), path, "never acts", "write below_hz, below_kv or rate_hz_per_s")
        refs.require(
            (stage.rate_hz_per_s is None) == (stage.rate_below_hz is None),
            (*path, "rate_hz_per_s" if stage.rate_hz_per_s is None else "rate_below_hz"),
            "is missing",
            "write rate_hz_per_s and rate_below_hz, or neither",
        )
        for name in ("below_hz", "rate_below_hz"):
            value = getattr(stage, name)
            refs.require(
                value is None or 0.8 * section.nominal_hz < value < section.nominal_hz,
                (*path, name),
                f"is no low frequency where {section.nominal_hz:g} Hz is nominal",
                "write one below it, but not by a fifth",
                value=value,
            )
        refs.require(
            stage.below_kv is None or section.dead_below_kv is None or stage.below_kv > section.dead_below_kv,
            (*path, "below_kv"),
            f"is not above dead_below_kv {section.dead_below_kv}, below which nothing is shed",
            "correct one of the two",
            value=stage.below_kv,
        )
    for name in ("below_hz", "below_kv"):
        given = [(index, stage) for index, stage in enumerate(section.stages) if getattr(stage, name) is not None]
        for (_, before), (index, stage) in pairwise(given):
            one, other = getattr(before, name), getattr(stage, name)
            refs.require(
                (other, -stage.delay_s) <= (one, -before.delay_s),
                ("stages", index, name),
                f"acts before the stage above it, which has {one:g}",
                "order the stages from the first to act to the last",
                value=other,
            )


def _check_breakers(refs: References, section: LoadSheddingSection) -> None:
    seen: set[str] = set()
    for index, stage in enumerate(section.stages):
        for number, breaker in enumerate(stage.breakers):
            path = ("stages", index, "breakers", number, "control")
            refs.require(
                breaker.control not in seen, path, "is opened by a stage already", "name each breaker once", value=breaker.control
            )
            seen.add(breaker.control)


def _check_restoration(refs: References, section: LoadSheddingSection, controls: Sequence[str]) -> None:
    is_automatic = section.restore == "automatic"
    for name, column in (("restore_above_hz", "below_hz"), ("restore_above_kv", "below_kv")):
        limits = [value for stage in section.stages if (value := getattr(stage, column)) is not None]
        if column == "below_hz":
            limits += [stage.rate_below_hz for stage in section.stages if stage.rate_below_hz is not None]
        given = getattr(section, name)
        refs.require(given is not None or not limits or not is_automatic, (name,), "is missing", "write it, or manual as restore")
        refs.require(
            given is None or given > max(limits, default=0.0),
            (name,),
            f"is not above the highest threshold of the stages, {max(limits, default=0.0):g}",
            "raise it",
            value=given,
        )
    for index, name in enumerate(section.restore_order):
        path = ("restore_order", index)
        refs.require(name in controls, path, "is the control of no stage", "write one that a stage opens", value=name)
        refs.require(name not in section.restore_order[:index], path, "is named twice", "name it once", value=name)
    missing = [name for name in controls if name not in section.restore_order]
    refs.require(
        not section.restore_order or not missing,
        ("restore_order",),
        f"leaves out {', '.join(missing)}",
        "name every control that a stage opens, or none",
    )
