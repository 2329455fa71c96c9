"""The steps of `[[processing]]`: what is done to a sample's value and quality, one after the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tieline.config.fields import PositiveSeconds, Strict
from tieline.model import PointKind

_QUANTITIES = frozenset({PointKind.ANALOG, PointKind.COUNTER, PointKind.SETPOINT})
_STATES = frozenset({PointKind.BINARY, PointKind.DOUBLE})


class Scale(Strict):
    """value · factor + offset."""

    step: Literal["scale"]
    factor: float = Field(default=1.0, allow_inf_nan=False, description="new unit per old unit")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="in the new unit, added after the factor")
    kinds: ClassVar[Collection[PointKind]] = _QUANTITIES

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.factor == 0:
            raise ValueError("every value would be the same; write a factor other than 0")
        return self


class Linearize(Strict):
    """The output of a table, between whose rows it is linear."""

    step: Literal["linearize"]
    table: str = Field(min_length=1, description="CSV file, relative to the site's folder, with the columns input and output")
    outside: Literal["invalid", "clamp", "extrapolate"] = Field(default="invalid", description="what is done beyond the table")
    kinds: ClassVar[Collection[PointKind]] = frozenset({PointKind.ANALOG, PointKind.SETPOINT})


class Limits(Strict):
    """A value beyond what can be is questionable or invalid, out of range."""

    step: Literal["limits"]
    low: float | None = Field(default=None, allow_inf_nan=False, description="in the unit that the value has here")
    high: float | None = Field(default=None, allow_inf_nan=False)
    beyond: Literal["questionable", "invalid"] = Field(default="questionable", description="the quality of a value beyond them")
    clamp: bool = Field(default=False, description="a value beyond a limit becomes that limit")
    kinds: ClassVar[Collection[PointKind]] = _QUANTITIES

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("limits need a limit; write low, high or both")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}; exchange or correct them")
        return self


class RateOfChange(Strict):
    """A value that moves faster than it can is questionable, inconsistent."""

    step: Literal["rate_of_change"]
    per_s: float = Field(gt=0, allow_inf_nan=False, description="the fastest that can be, units per second")
    kinds: ClassVar[Collection[PointKind]] = _QUANTITIES


class Substitute(Strict):
    """Another value while the quality is bad."""

    step: Literal["substitute"]
    value: float | None = Field(default=None, allow_inf_nan=False, description="this one")
    hold: bool = Field(default=False, description="or the last good one")
    when: Literal["invalid", "not_good"] = Field(default="invalid", description="what counts as bad")
    quality: Literal["questionable", "good"] = Field(default="questionable", description="validity of the value put in")
    for_s: PositiveSeconds | None = Field(default=None, description="no longer than this; without it as long as it is bad")
    kinds: ClassVar[Collection[PointKind]] = _QUANTITIES | _STATES

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.value is not None) == self.hold:
            raise ValueError("either a value is put in or the last good one is held; write value or hold = true")
        return self


class Rollover(Strict):
    """A counter that wraps, or starts again, becomes one that goes on."""

    step: Literal["rollover"]
    modulus: float = Field(gt=0, allow_inf_nan=False, description="the count after the largest: 65536 of 16 bits")
    largest_step: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="most that is counted between two samples; without it half the modulus",
    )
    kinds: ClassVar[Collection[PointKind]] = frozenset({PointKind.COUNTER, PointKind.ANALOG})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.largest_step is not None and self.largest_step >= self.modulus:
            raise ValueError(f"largest_step {self.largest_step:g} is not below modulus {self.modulus:g}; correct one")
        return self


class Filter(Strict):
    """First-order low-pass, right for samples at irregular times."""

    step: Literal["filter"]
    time_constant_s: PositiveSeconds
    kinds: ClassVar[Collection[PointKind]] = frozenset({PointKind.ANALOG, PointKind.SETPOINT})


class Median(Strict):
    """The median of the last good values, against spikes."""

    step: Literal["median"]
    of: Literal[3, 5] = 3
    kinds: ClassVar[Collection[PointKind]] = frozenset({PointKind.ANALOG, PointKind.SETPOINT})


class Invert(Strict):
    """On becomes off, open becomes closed."""

    step: Literal["invert"]
    kinds: ClassVar[Collection[PointKind]] = _STATES


class Debounce(Strict):
    """A change counts only once it has lasted."""

    step: Literal["debounce"]
    for_s: PositiveSeconds
    kinds: ClassVar[Collection[PointKind]] = _STATES


class Round(Strict):
    """The nearest multiple of a resolution."""

    step: Literal["round"]
    resolution: float = Field(gt=0, allow_inf_nan=False, description="in the unit that the value has here")
    kinds: ClassVar[Collection[PointKind]] = _QUANTITIES


StepSection = Annotated[
    Scale | Linearize | Limits | RateOfChange | Substitute | Rollover | Filter | Median | Invert | Debounce | Round,
    Field(discriminator="step"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearization:
    """A linearization with its table read: inputs rise strictly, there are two at least, outputs are as many."""

    inputs: tuple[float, ...]
    outputs: tuple[float, ...]
    outside: Literal["invalid", "clamp", "extrapolate"]
    step: Literal["linearize"] = "linearize"


Step = Scale | Linearization | Limits | RateOfChange | Substitute | Rollover | Filter | Median | Invert | Debounce | Round
"""A step that is ready to be carried out."""
