"""`kind = "capacitor_switching"`: steps of capacitors follow reactive power, voltage or power factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tieline.config.automation_functions.references import Breaker, BreakerSection, Measured, References, named
from tieline.config.fields import PositiveSeconds
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind


class CapacitorStepSection(BreakerSection):
    """A step of a bank with its switch."""

    mvar: float = Field(gt=0, allow_inf_nan=False, description="injected at nominal voltage")


class CapacitorSwitchingSection(FunctionBase):
    """Capacitor switching as it is written."""

    kind: Literal["capacitor_switching"]
    by: Literal["reactive_power", "voltage", "power_factor"] = Field(description="what the steps follow")
    steps: list[CapacitorStepSection] = Field(min_length=1, max_length=12, description="switched one by one, in rotation")
    reactive_power: str | None = Field(default=None, description="of the supply, capacitors included")
    active_power: str | None = Field(default=None, description="of the supply, in the same direction")
    forward: Literal["positive", "negative"] = Field(default="positive", description="sign of power that flows to the loads")
    voltage: str | None = Field(default=None, description="of the busbar, between phases")
    on_above_mvar: float | None = Field(default=None, allow_inf_nan=False, description="drawn from the supply: a step goes on")
    off_below_mvar: float | None = Field(default=None, allow_inf_nan=False, description="drawn from the supply: a step goes off")
    on_below_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="voltage: a step goes on")
    off_above_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="voltage: a step goes off")
    on_below_power_factor: float | None = Field(default=None, gt=0, lt=1, description="lagging: a step goes on")
    off_below_power_factor: float | None = Field(default=None, gt=0, le=1, description="leading: a step goes off")
    least_mw: float = Field(default=0.1, gt=0, allow_inf_nan=False, description="below it there is no power factor")
    delay_s: PositiveSeconds = Field(default=60.0, description="beyond a threshold for so long before each step")
    force_on_below_kv: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="voltage: on, whatever it follows"
    )
    force_off_above_kv: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="voltage: off, whatever it follows"
    )
    force_delay_s: PositiveSeconds = Field(default=5.0, description="before each step by voltage override")
    dead_below_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="a dead busbar: nothing is switched")
    discharge_s: PositiveSeconds = Field(default=300.0, description="after a step went off before it may go on again")
    most_operations_a_day: int = Field(default=10, ge=1, le=1_000, description="of a step going on, within 24 hours")
    switch_timeout_s: PositiveSeconds = Field(default=5.0, description="in which a switch is seen to have moved")
    block: str | None = Field(default=None, description="binary: blocks while it is on")
    reset: str | None = Field(default=None, description="binary: releases steps that are locked out as it rises")


SHOWN = (
    Shown(name="state", description="0 observing, 1 blocked, 2 resting, 3 waiting, 4 switching, 5 no step left, 6 locked out"),
    Shown(name="steps_on", description="steps that are seen closed"),
    Shown(name="steps_locked_out", description="steps that rest until reset"),
    Shown(name="deviation", description="Mvar or kV beyond the threshold; positive asks for a step on"),
    Shown(name="remaining", unit="s", description="until a step is switched"),
    Shown(name="operations", description="since the beginning"),
    Shown(name="blocked", kind=PointKind.BINARY, description="something keeps it from working"),
    Shown(name="locked_out", kind=PointKind.BINARY, description="every step rests until it is reset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacitorSwitchingPlan(FunctionPlan):
    """Capacitor switching as it was understood."""

    section: CapacitorSwitchingSection
    steps: tuple[Breaker, ...]
    reactive_power: Measured | None
    active_power: Measured | None
    voltage: Measured | None
    block: Point | None
    reset: Point | None


_NEEDED = {
    "reactive_power": ("reactive_power", "on_above_mvar", "off_below_mvar"),
    "voltage": ("voltage", "on_below_kv", "off_above_kv"),
    "power_factor": ("reactive_power", "active_power", "on_below_power_factor", "off_below_power_factor"),
}
_THRESHOLDS = {name for names in _NEEDED.values() for name in names if name.startswith(("on_", "off_"))}


def read_capacitor_switching(
    points: SitePoints, key: KeyPath, section: CapacitorSwitchingSection
) -> CapacitorSwitchingPlan | None:
    """The plan, or None and findings."""
    refs = References(points, key)
    steps = [refs.breaker(("steps", index), step) for index, step in enumerate(section.steps)]
    reactive_power = refs.measured(("reactive_power",), section.reactive_power, "reactive_power")
    active_power = refs.measured(("active_power",), section.active_power, "active_power")
    voltage = refs.measured(("voltage",), section.voltage, "voltage")
    block, reset = refs.state(("block",), section.block), refs.state(("reset",), section.reset)
    _check_criterion(refs, section)
    _check_thresholds(refs, section)
    _check_overrides(refs, section)
    for index, step in enumerate(section.steps):
        taken = [other.control for other in section.steps[:index]]
        refs.require(
            step.control not in taken,
            ("steps", index, "control"),
            "is that of another step",
            "name each once",
            value=step.control,
        )
    found = tuple(step for step in steps if step is not None)
    if not refs.is_sound or len(found) < len(steps):
        return None
    return CapacitorSwitchingPlan(
        name=section.name,
        acts=section.acts,
        reads=named([reactive_power, active_power, voltage, *(step.position for step in found), block, reset]),
        writes=named([step.control for step in found]),
        shown=SHOWN,
        section=section,
        steps=found,
        reactive_power=reactive_power,
        active_power=active_power,
        voltage=voltage,
        block=block,
        reset=reset,
    )


def _check_criterion(refs: References, section: CapacitorSwitchingSection) -> None:
    needed = _NEEDED[section.by]
    for name in needed:
        refs.require(getattr(section, name) is not None, (name,), "is missing", f"add it: the steps follow {section.by}")
    for name in sorted(_THRESHOLDS - set(needed)):
        given = getattr(section, name)
        refs.require(given is None, (name,), "has no effect", f"remove it: the steps follow {section.by}", value=given)


def _check_thresholds(refs: References, section: CapacitorSwitchingSection) -> None:
    largest = max(step.mvar for step in section.steps)
    if section.on_above_mvar is not None and section.off_below_mvar is not None:
        gap = section.on_above_mvar - section.off_below_mvar
        refs.require(
            gap > largest,
            ("off_below_mvar",),
            f"is {gap:g} Mvar below on_above_mvar, and a step has {largest:g}, so that it would go on and off",
            f"write less than {section.on_above_mvar - largest:g}",
            value=section.off_below_mvar,
        )
    for low, high in (("on_below_kv", "off_above_kv"), ("force_on_below_kv", "force_off_above_kv")):
        one, other = getattr(section, low), getattr(section, high)
        if one is not None and other is not None:
            refs.require(one < other, (high,), f"is not above {low} {one:g}", "raise it", value=other)


def _check_overrides(refs: References, section: CapacitorSwitchingSection) -> None:
    for name in ("force_on_below_kv", "force_off_above_kv", "dead_below_kv"):
        given = getattr(section, name)
        refs.require(given is None or section.voltage is not None, (name,), "has no effect", "name voltage too, or remove it")
    lowest = [value for value in (section.on_below_kv, section.force_on_below_kv) if value is not None]
    refs.require(
        section.dead_below_kv is None or section.dead_below_kv < min(lowest, default=section.dead_below_kv + 1),
        ("dead_below_kv",),
        "is not below the voltage at which a step goes on",
        "lower it, for example to half of the nominal voltage",
        value=section.dead_below_kv,
    )
    if section.off_above_kv is not None and section.force_off_above_kv is not None:
        refs.require(
            section.force_off_above_kv >= section.off_above_kv,
            ("force_off_above_kv",),
            f"is below off_above_kv {section.off_above_kv:g}",
            "raise it",
            value=section.force_off_above_kv,
        )
