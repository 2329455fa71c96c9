"""`kind = "voltage_regulator"`: a transformer's tap changer holds a voltage (ANSI device 90)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tieline.config.automation_functions.references import Measured, References, Setpoint, named
from tieline.config.fields import PositiveSeconds
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind


class VoltageRegulatorSection(FunctionBase):
    """A voltage regulator as it is written."""

    kind: Literal["voltage_regulator"]
    voltage: str = Field(description="the voltage that is held, between phases")
    setpoint_kv: float = Field(gt=0, allow_inf_nan=False, description="held, between phases")
    bandwidth_percent: float = Field(gt=0, lt=20, allow_inf_nan=False, description="of the setpoint, to both sides together")
    raise_tap: str | None = Field(default=None, description="control: 1 steps to a higher voltage")
    lower_tap: str | None = Field(default=None, description="control: 1 steps to a lower voltage")
    tap_setpoint: str | None = Field(default=None, description="setpoint of the tap position, in place of the two controls")
    tap_position: str = Field(description="where the tap is; a higher position is a higher voltage")
    tap_lowest: int = Field(ge=-100, le=100, description="position below which nothing is lowered")
    tap_highest: int = Field(ge=-100, le=100, description="position above which nothing is raised")
    tap_step_percent: float = Field(gt=0, lt=10, description="what one step changes, of the rated voltage")
    delay_s: PositiveSeconds = Field(default=30.0, description="out of band for so long before the first step")
    delay_characteristic: Literal["definite", "inverse"] = Field(
        default="definite", description="inverse: delay_s at the edge of the band, half of it at twice that deviation"
    )
    subsequent_delay_s: PositiveSeconds = Field(default=10.0, description="before each further step in the same direction")
    tap_timeout_s: PositiveSeconds = Field(default=15.0, description="in which the position shows a step that was commanded")
    lockout_after: int = Field(default=3, ge=1, le=20, description="commanded steps in a row that did not come")
    current: str | None = Field(default=None, description="load current, for compensation and overcurrent")
    power_factor: str | None = Field(default=None, description="of the load current, lagging; its sign is the direction of power")
    active_power: str | None = Field(default=None, description="through the transformer")
    reactive_power: str | None = Field(default=None, description="through the transformer")
    forward: Literal["positive", "negative"] = Field(default="positive", description="sign of power that flows to the loads")
    ldc_r_ohm: float = Field(default=0.0, ge=0, le=1_000, description="resistance of the line that is compensated")
    ldc_x_ohm: float = Field(default=0.0, ge=0, le=1_000, description="reactance of the line that is compensated")
    ldc_most_percent: float = Field(default=10.0, gt=0, le=30, description="of the setpoint that compensation adds at the most")
    undervoltage_percent: float = Field(default=70.0, gt=0, lt=100, description="of the setpoint; below it nothing moves")
    overcurrent_a: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="above it nothing moves")
    fast_lower_percent: float | None = Field(default=None, gt=100, lt=150, description="of the setpoint; lowers at once")
    runaway_taps: int = Field(default=3, ge=1, le=20, description="steps that nobody commanded and that lock it out")
    runaway_window_s: PositiveSeconds = Field(default=60.0, description="within so long")
    most_taps_an_hour: int = Field(default=20, ge=1, le=1_000, description="more are an event")
    hunting_reversals: int = Field(default=4, ge=2, le=100, description="changes of direction that are an event")
    hunting_window_s: PositiveSeconds = Field(default=1800.0, description="within so long")
    reverse_power: Literal["ignore", "block", "regulate"] = Field(
        default="ignore", description="what power against the forward direction does; regulate holds reverse_voltage"
    )
    reverse_power_mw: float = Field(default=0.1, gt=0, allow_inf_nan=False, description="more than that is reverse")
    reverse_delay_s: PositiveSeconds = Field(default=10.0, description="before the direction counts as changed")
    reverse_voltage: str | None = Field(default=None, description="held at the other side while power is reverse")
    reverse_setpoint_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="for reverse_voltage")
    parallel: str | None = Field(default=None, description="binary: on while the transformers feed one busbar; always without it")
    master_tap_position: str | None = Field(default=None, description="followed while in parallel")
    follower_tap_positions: list[str] = Field(default_factory=list, description="waited for while in parallel")
    most_tap_difference: int = Field(default=2, ge=1, le=10, description="between parallel transformers; more locks it out")
    block: str | None = Field(default=None, description="binary: blocks while it is on")
    reset: str | None = Field(default=None, description="binary: releases a lockout as it rises")


SHOWN = (
    Shown(
        name="state",
        description="0 observing, 1 blocked, 2 in band, 3 waiting, 4 tapping, 5 at the last tap, 6 locked out, 7 in reverse",
    ),
    Shown(name="voltage", unit="kV", description="compensated for the line drop"),
    Shown(name="deviation", unit="%", description="from the setpoint; positive is too high"),
    Shown(name="remaining", unit="s", description="until the tap moves"),
    Shown(name="taps_last_hour", description="steps within an hour"),
    Shown(name="failures", description="steps in a row that did not come"),
    Shown(name="blocked", kind=PointKind.BINARY, description="something keeps it from working"),
    Shown(name="locked_out", kind=PointKind.BINARY, description="rests until it is reset"),
    Shown(name="hunting", kind=PointKind.BINARY, description="changes direction too often"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageRegulatorPlan(FunctionPlan):
    """A voltage regulator as it was understood."""

    section: VoltageRegulatorSection
    voltage: Measured
    tap_position: Point
    raise_tap: Point | None
    lower_tap: Point | None
    tap_setpoint: Setpoint | None
    current: Measured | None
    power_factor: Measured | None
    active_power: Measured | None
    reactive_power: Measured | None
    reverse_voltage: Measured | None
    parallel: Point | None
    master: Point | None
    followers: tuple[Point, ...]
    block: Point | None
    reset: Point | None


def read_voltage_regulator(points: SitePoints, key: KeyPath, section: VoltageRegulatorSection) -> VoltageRegulatorPlan | None:
    """The plan, or None and findings."""
    refs = References(points, key)
    voltage = refs.measured(("voltage",), section.voltage, "voltage")
    tap_position = refs.number(("tap_position",), section.tap_position)
    raise_tap = refs.control(("raise_tap",), section.raise_tap)
    lower_tap = refs.control(("lower_tap",), section.lower_tap)
    tap_setpoint = refs.setpoint(("tap_setpoint",), section.tap_setpoint)
    current = refs.measured(("current",), section.current, "current")
    power_factor = refs.measured(("power_factor",), section.power_factor, "power_factor")
    active_power = refs.measured(("active_power",), section.active_power, "active_power")
    reactive_power = refs.measured(("reactive_power",), section.reactive_power, "reactive_power")
    reverse_voltage = refs.measured(("reverse_voltage",), section.reverse_voltage, "voltage")
    parallel = refs.state(("parallel",), section.parallel)
    master = refs.number(("master_tap_position",), section.master_tap_position)
    found = [refs.number(("follower_tap_positions", i), name) for i, name in enumerate(section.follower_tap_positions)]
    followers = tuple(one for one in found if one is not None)
    block, reset = refs.state(("block",), section.block), refs.state(("reset",), section.reset)
    _check_outputs(refs, section)
    _check_band(refs, section, voltage)
    _check_currents(refs, section)
    _check_parallel(refs, section)
    if voltage is None or tap_position is None or not refs.is_sound:
        return None
    inputs = (voltage, tap_position, current, power_factor, active_power, reactive_power, reverse_voltage, parallel, master)
    return VoltageRegulatorPlan(
        name=section.name,
        acts=section.acts,
        reads=named((*inputs, *followers, block, reset)),
        writes=named((raise_tap, lower_tap, tap_setpoint)),
        shown=SHOWN,
        section=section,
        voltage=voltage,
        tap_position=tap_position,
        raise_tap=raise_tap,
        lower_tap=lower_tap,
        tap_setpoint=tap_setpoint,
        current=current,
        power_factor=power_factor,
        active_power=active_power,
        reactive_power=reactive_power,
        reverse_voltage=reverse_voltage,
        parallel=parallel,
        master=master,
        followers=followers,
        block=block,
        reset=reset,
    )


def _check_outputs(refs: References, section: VoltageRegulatorSection) -> None:
    pulses = [section.raise_tap, section.lower_tap]
    if section.tap_setpoint is not None:
        refs.require(
            not any(pulses), ("tap_setpoint",), "there are raise_tap or lower_tap too", "keep the setpoint or the two controls"
        )
    else:
        for name, given in zip(("raise_tap", "lower_tap"), pulses, strict=True):
            refs.require(given is not None, (name,), "is missing", "name both controls, or tap_setpoint")
        refs.require(
            pulses[0] is None or pulses[0] != pulses[1], ("lower_tap",), "is raise_tap too", "name the other", value=pulses[1]
        )
    refs.require(
        section.tap_lowest < section.tap_highest,
        ("tap_highest",),
        f"is not above tap_lowest {section.tap_lowest}",
        "correct one of the two",
        value=section.tap_highest,
    )


def _check_band(refs: References, section: VoltageRegulatorSection, voltage: Measured | None) -> None:
    half = section.bandwidth_percent / 2
    refs.require(
        section.bandwidth_percent > section.tap_step_percent,
        ("bandwidth_percent",),
        f"is not more than one step of {section.tap_step_percent:g} %, so that the tap would go to and fro",
        f"write about {1.6 * section.tap_step_percent:g}",
        value=section.bandwidth_percent,
    )
    refs.require(
        section.undervoltage_percent < 100 - half,
        ("undervoltage_percent",),
        f"reaches into the band, which begins at {100 - half:g} %",
        "lower it",
        value=section.undervoltage_percent,
    )
    refs.require(
        section.fast_lower_percent is None or section.fast_lower_percent > 100 + half,
        ("fast_lower_percent",),
        f"reaches into the band, which ends at {100 + half:g} %",
        "raise it",
        value=section.fast_lower_percent,
    )
    if voltage is not None:
        lowest = -1e99 if voltage.point.low is None else voltage.point.low * voltage.factor / 1e3
        highest = 1e99 if voltage.point.high is None else voltage.point.high * voltage.factor / 1e3
        refs.require(
            lowest <= section.setpoint_kv * (1 - half / 100) and section.setpoint_kv * (1 + half / 100) <= highest,
            ("setpoint_kv",),
            f"with its band lies outside the limits of {section.voltage}: {lowest:g} to {highest:g} kV",
            "correct the setpoint, or low and high of the point",
            value=section.setpoint_kv,
        )


def _check_currents(refs: References, section: VoltageRegulatorSection) -> None:
    has_power = section.active_power is not None and section.reactive_power is not None
    has_phasor = section.current is not None and section.power_factor is not None
    if section.ldc_r_ohm or section.ldc_x_ohm:
        name = "ldc_r_ohm" if section.ldc_r_ohm else "ldc_x_ohm"
        remedy = "name active_power and reactive_power, or current and power_factor"
        refs.require(has_power or has_phasor, (name,), "the current is not known", remedy)
    refs.require(
        section.overcurrent_a is None or section.current is not None or has_power,
        ("overcurrent_a",),
        "the current is not known",
        "name current",
    )
    if section.reverse_power != "ignore":
        is_known = section.active_power is not None or has_phasor
        refs.require(is_known, ("reverse_power",), "the direction of power is not known", "name active_power")
    regulates = section.reverse_power == "regulate"
    for name in ("reverse_voltage", "reverse_setpoint_kv"):
        given = getattr(section, name) is not None
        refs.require(given or not regulates, (name,), "is missing", "add it, or write block as reverse_power")
        refs.require(not given or regulates, (name,), "has no effect", "write regulate as reverse_power, or remove it")


def _check_parallel(refs: References, section: VoltageRegulatorSection) -> None:
    is_follower, is_master = section.master_tap_position is not None, bool(section.follower_tap_positions)
    refs.require(
        not (is_follower and is_master),
        ("master_tap_position",),
        "a transformer that others follow follows none",
        "keep one of master_tap_position and follower_tap_positions",
    )
    refs.require(
        section.parallel is None or is_follower or is_master,
        ("parallel",),
        "has no effect",
        "name master_tap_position or follower_tap_positions too",
    )
    refs.require(
        section.tap_position not in (section.master_tap_position, *section.follower_tap_positions),
        ("master_tap_position",) if is_follower else ("follower_tap_positions",),
        "is tap_position itself",
        "name that of the other transformer",
        value=section.tap_position,
    )
