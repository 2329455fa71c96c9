"""What people type into `[[calculations]]`: one model for each function."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, RootModel, model_validator

from tieline.config.fields import Name, PositiveSeconds, Seconds, Strict

DAY_S = 86_400
MAX_GAP_S = 7_200.0
"""A value is believed for two hours: twice the time after which a device that reports changes only is read as a whole."""


def _divides_a_day(seconds: int) -> int:
    if DAY_S % seconds:
        longer = next(candidate for candidate in range(seconds, DAY_S + 1) if DAY_S % candidate == 0)
        raise ValueError(
            f"{seconds} s do not divide a day, so that windows would not begin at midnight; write for example {longer}"
        )
    return seconds


def _is_a_share(needs: float | str) -> float | str:
    if needs not in {"all", "any"} and (isinstance(needs, str) or not 0 < needs <= 1):
        raise ValueError('is neither "all", "any" nor a share; write for example 0.8')
    return needs


WindowSeconds = Annotated[int, Field(ge=1, le=DAY_S), AfterValidator(_divides_a_day)]
Interpolation = Literal["hold", "trapezoid"]
Direction = Literal["injection", "withdrawal", "net"]
Three = Annotated[list[str], Field(min_length=3, max_length=3)]
Gap = Annotated[PositiveSeconds, Field(description="a value is believed for so long after its sample")]
Grace = Annotated[Seconds, Field(description="how long after a window's end samples of it may still come")]
GoodShare = Annotated[float, Field(ge=0.5, le=1, description="of the time; below it a result is questionable")]
Rollover = Annotated[
    float, Field(gt=0, allow_inf_nan=False, description="the counter begins anew after so many: 65536 for 16 bits")
]


class CalculatedPoint(Strict):
    """What every calculated point can say of itself."""

    name: Name
    unit: str = Field(default="", max_length=16)
    description: str = ""
    equipment: str = Field(default="", description="piece of plant in grid/")
    quantity: str = ""
    phase: str = Field(default="", pattern=r"^(A|B|C|N|AB|BC|CA|ABC)?$")
    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    deadband: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_silence_s: PositiveSeconds | None = None
    id: int | None = Field(default=None, ge=0, le=0xFFFFFFFF)


class ExpressionSection(CalculatedPoint):
    """A formula in the language of rules."""

    function: Literal["expression"]
    expression: str = Field(min_length=1)
    inputs: dict[str, str] = Field(min_length=1, description="name in the expression = device/name")


class MembersSection(CalculatedPoint):
    """Something of several points at one moment."""

    function: Literal["sum", "mean", "min", "max", "count_good"]
    of: list[str] = Field(min_length=1, description="device/name, with * and ? for any characters")
    needs: Annotated[float | str, AfterValidator(_is_a_share)] = Field(
        default="all", description="members that have to be usable: all, any (one), or a share of them"
    )

    def needed(self, count: int) -> int:
        """How many of so many members have to be usable."""
        if isinstance(self.needs, str):
            return count if self.needs == "all" else 1
        return math.ceil(self.needs * count - 1e-9)


class DifferenceSection(CalculatedPoint):
    """The first point less the second."""

    function: Literal["difference"]
    of: list[str] = Field(min_length=2, max_length=2)


class ThreePhaseSection(CalculatedPoint):
    """What follows from the measurements of three phases."""

    function: Literal["three_phase"]
    show: Literal[
        "active_power",
        "reactive_power",
        "apparent_power",
        "power_factor",
        "voltage_unbalance",
        "positive_sequence",
        "negative_sequence",
        "zero_sequence",
        "neutral_current",
        "line_voltage_ab",
        "line_voltage_bc",
        "line_voltage_ca",
    ]
    method: Literal["vector", "arithmetic", "negative_sequence", "nema"] | None = None
    voltage: Three | None = Field(default=None, description="phase to earth: A, B, C")
    voltage_angle: Three | None = None
    current: Three | None = None
    current_angle: Three | None = None
    active_power: Three | None = None
    reactive_power: Three | None = None
    line_voltage: Three | None = Field(default=None, description="between phases: AB, BC, CA")

    @model_validator(mode="after")
    def _method_fits(self) -> Self:
        permitted = {"apparent_power": ("vector", "arithmetic"), "power_factor": ("vector", "arithmetic")}
        permitted["voltage_unbalance"] = ("negative_sequence", "nema")
        methods = permitted.get(self.show, ())
        if self.method is not None and self.method not in methods:
            remedy = f"write {' or '.join(methods)}" if methods else "remove it"
            raise ValueError(f"method {self.method} is none of {self.show}; {remedy}")
        return self


class WindowSection(CalculatedPoint):
    """Something of one point over each window of the UTC clock."""

    function: Literal["window"]
    of: str
    window_s: WindowSeconds
    aggregate: Literal[
        "mean", "min", "max", "sum", "count", "last", "first", "range", "standard_deviation", "integral", "difference"
    ]
    interpolation: Interpolation = "hold"
    grace_s: Grace = 5.0
    good_share: GoodShare = 0.9
    max_gap_s: Gap = MAX_GAP_S


class CounterDeltaSection(CalculatedPoint):
    """By how much a counter has risen in each window of the UTC clock."""

    function: Literal["counter_delta"]
    of: str
    window_s: WindowSeconds
    rollover: Rollover | None = None
    grace_s: Grace = 5.0
    good_share: GoodShare = 0.9
    max_gap_s: Gap = MAX_GAP_S


class DemandSection(CalculatedPoint):
    """Mean power over a window, as it is billed."""

    function: Literal["demand"]
    of: str
    window_s: WindowSeconds = 900
    subinterval_s: WindowSeconds | None = None
    show: Literal["present", "last", "maximum"] = "last"
    direction: Direction = "withdrawal"
    reset: Literal["monthly", "daily", "never"] = "monthly"
    interpolation: Interpolation = "hold"
    grace_s: Grace = 5.0
    good_share: GoodShare = 0.9
    max_gap_s: Gap = MAX_GAP_S

    @model_validator(mode="after")
    def _subintervals_fill_the_window(self) -> Self:
        if self.window_s % self.step_s:
            raise ValueError(
                f"subinterval_s {self.step_s} does not divide window_s {self.window_s}; write one that does, for example "
                f"{next(step for step in range(self.step_s, self.window_s + 1) if self.window_s % step == 0)}"
                if self.step_s < self.window_s
                else f"subinterval_s {self.step_s} is longer than window_s {self.window_s}; write a part of it"
            )
        return self

    @property
    def step_s(self) -> int:
        """Seconds of a subinterval; a window that is not divided has one."""
        return self.subinterval_s or self.window_s


class EnergySection(CalculatedPoint):
    """The integral of power since the beginning."""

    function: Literal["energy"]
    of: str
    direction: Direction = "injection"
    interpolation: Interpolation = "trapezoid"
    max_gap_s: Gap = MAX_GAP_S


class DurationSection(CalculatedPoint):
    """How long a point is in a state."""

    function: Literal["duration"]
    of: str
    state: Literal["on", "off", "closed", "open", "intermediate", "bad"]
    show: Literal["total", "present"] = "total"
    report_s: WindowSeconds = 60
    max_gap_s: Gap = MAX_GAP_S


class OperationsSection(CalculatedPoint):
    """How often a switch has changed its position."""

    function: Literal["operations"]
    of: str
    count: Literal["openings", "closings", "both"] = "openings"


class RateSection(CalculatedPoint):
    """How fast a counter or a measurement rises."""

    function: Literal["rate"]
    of: str
    per: Literal["s", "min", "h"] = "s"
    rollover: Rollover | None = None


Settings = (
    ExpressionSection
    | MembersSection
    | DifferenceSection
    | ThreePhaseSection
    | WindowSection
    | CounterDeltaSection
    | DemandSection
    | EnergySection
    | DurationSection
    | OperationsSection
    | RateSection
)


class CalculationSection(RootModel[Annotated[Settings, Field(discriminator="function")]]):
    """One calculated point."""
