"""`kind = "battery_control"`: a battery keeps a connection within limits and smooths solar power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tieline.config.automation_functions.references import Measured, References, Setpoint, named
from tieline.config.fields import PositiveSeconds, Seconds
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind


class BatteryControlSection(FunctionBase):
    """Battery control as it is written."""

    kind: Literal["battery_control"]
    power_setpoint: str = Field(description="setpoint of the battery; positive discharges")
    battery_power: str = Field(description="of the battery as it is measured; positive discharges")
    state_of_charge: str = Field(description="of the battery, in percent")
    connection_power: str | None = Field(default=None, description="at the point of connection, the battery's share included")
    export_is: Literal["positive", "negative"] = Field(default="positive", description="sign of connection_power that leaves")
    import_limit_mw: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="what may be drawn at the connection"
    )
    export_limit_mw: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="what may leave at the connection")
    filter_s: PositiveSeconds = Field(
        default=5.0, description="time constant for what the others draw; more than measurements at the two places are apart"
    )
    solar_power: str | None = Field(default=None, description="whose fluctuations are smoothed")
    ramp_limit_mw_per_min: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="that solar power and battery together may change"
    )
    charge_limit_mw: float = Field(gt=0, allow_inf_nan=False, description="most that it charges with")
    discharge_limit_mw: float = Field(gt=0, allow_inf_nan=False, description="most that it discharges with")
    soc_lowest_percent: float = Field(default=10.0, ge=0, le=100, description="state of charge to which it discharges")
    soc_highest_percent: float = Field(default=90.0, ge=0, le=100, description="state of charge to which it charges")
    soc_taper_percent: float = Field(default=2.0, gt=0, le=20, description="before these limits, in which its power fades to 0")
    soc_target_percent: float = Field(default=50.0, ge=0, le=100, description="to which it recovers when nothing else is asked")
    soc_band_percent: float = Field(
        default=10.0, gt=0, le=100, description="around the target, both sides together, to leave alone"
    )
    recovery_mw: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="power of recovery; 0 for none")
    ramp_mw_per_s: float = Field(gt=0, allow_inf_nan=False, description="how fast the setpoint moves")
    deadband_mw: float = Field(default=0.01, ge=0, allow_inf_nan=False, description="smaller changes are not written")
    refresh_s: Seconds = Field(default=0.0, description="the setpoint is written again after so long; 0 for never")
    hold_s: Seconds = Field(default=10.0, description="with an uncertain input before the setpoint goes to 0")
    block: str | None = Field(default=None, description="binary: nothing is written while it is on")


SHOWN = (
    Shown(
        name="state",
        description="0 observing, 1 blocked, 2 idle, 3 limiting import, 4 limiting export, 5 smoothing, 6 recovering, 7 exhausted",
    ),
    Shown(name="target", unit="MW", description="what is asked for, before the ramp"),
    Shown(name="setpoint", unit="MW", description="as it was written last; what the battery does while nothing is written"),
    Shown(name="others", unit="MW", description="export of the connection without the battery, filtered"),
    Shown(name="missing", unit="MW", description="by which the limits cannot be held"),
    Shown(name="blocked", kind=PointKind.BINARY, description="something keeps it from working"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryControlPlan(FunctionPlan):
    """Battery control as it was understood."""

    section: BatteryControlSection
    power_setpoint: Setpoint
    battery_power: Measured
    state_of_charge: Measured
    connection_power: Measured | None
    solar_power: Measured | None
    block: Point | None


def read_battery_control(points: SitePoints, key: KeyPath, section: BatteryControlSection) -> BatteryControlPlan | None:
    """The plan, or None and findings."""
    refs = References(points, key)
    power_setpoint = refs.setpoint(("power_setpoint",), section.power_setpoint, "active_power")
    battery_power = refs.measured(("battery_power",), section.battery_power, "active_power")
    state_of_charge = refs.measured(("state_of_charge",), section.state_of_charge, "state_of_charge")
    connection_power = refs.measured(("connection_power",), section.connection_power, "active_power")
    solar_power = refs.measured(("solar_power",), section.solar_power, "active_power")
    block = refs.state(("block",), section.block)
    _check_purpose(refs, section)
    _check_charge(refs, section)
    _check_power(refs, section, power_setpoint)
    if power_setpoint is None or battery_power is None or state_of_charge is None or not refs.is_sound:
        return None
    return BatteryControlPlan(
        name=section.name,
        acts=section.acts,
        reads=named([battery_power, state_of_charge, connection_power, solar_power, block]),
        writes=named([power_setpoint]),
        shown=SHOWN,
        section=section,
        power_setpoint=power_setpoint,
        battery_power=battery_power,
        state_of_charge=state_of_charge,
        connection_power=connection_power,
        solar_power=solar_power,
        block=block,
    )


def _check_purpose(refs: References, section: BatteryControlSection) -> None:
    has_limit = section.import_limit_mw is not None or section.export_limit_mw is not None
    has_ramp = section.ramp_limit_mw_per_min is not None
    refs.require(
        has_limit or has_ramp, (), "has nothing to do", "write import_limit_mw, export_limit_mw or ramp_limit_mw_per_min"
    )
    refs.require(
        not has_limit or section.connection_power is not None, ("connection_power",), "is missing", "name it for the limits"
    )
    refs.require(has_limit or section.connection_power is None, ("connection_power",), "has no effect", "write a limit for it")
    refs.require(not has_ramp or section.solar_power is not None, ("solar_power",), "is missing", "name what is smoothed")
    refs.require(
        has_ramp or section.solar_power is None, ("solar_power",), "has no effect", "write ramp_limit_mw_per_min, or remove it"
    )
    measured = [section.battery_power, section.connection_power, section.solar_power]
    for index, name in enumerate(("battery_power", "connection_power", "solar_power")):
        refs.require(
            measured[index] is None or measured[index] not in measured[:index],
            (name,),
            "is named already",
            "name another measurement",
            value=measured[index],
        )


def _check_charge(refs: References, section: BatteryControlSection) -> None:
    room = section.soc_highest_percent - section.soc_lowest_percent
    refs.require(
        room > 2 * section.soc_taper_percent,
        ("soc_highest_percent",),
        f"leaves {room:g} % above soc_lowest_percent, which the taper at both ends takes up",
        "raise it, or lower soc_lowest_percent",
        value=section.soc_highest_percent,
    )
    half = section.soc_band_percent / 2
    refs.require(
        not section.recovery_mw
        or section.soc_lowest_percent
        <= section.soc_target_percent - half
        < section.soc_target_percent + half
        <= section.soc_highest_percent,
        ("soc_target_percent",),
        f"with its band does not lie within {section.soc_lowest_percent:g} to {section.soc_highest_percent:g} %",
        "correct the target or soc_band_percent",
        value=section.soc_target_percent,
    )


def _check_power(refs: References, section: BatteryControlSection, setpoint: Setpoint | None) -> None:
    smaller = min(section.charge_limit_mw, section.discharge_limit_mw)
    for name in ("deadband_mw", "recovery_mw"):
        value = getattr(section, name)
        refs.require(
            value < smaller or (name == "recovery_mw" and value <= smaller),
            (name,),
            f"is not below the power limits, {smaller:g} MW",
            "lower it",
            value=value,
        )
    if setpoint is not None:
        for name, sign, limit in (("discharge_limit_mw", 1, setpoint.point.high), ("charge_limit_mw", -1, setpoint.point.low)):
            value = getattr(section, name)
            most = None if limit is None else sign * limit * setpoint.factor / 1e6
            refs.require(
                most is None or value <= most + 1e-9,
                (name,),
                f"is more than {section.power_setpoint} takes, {most} MW",
                "lower it, or correct low and high of the point",
                value=value,
            )
