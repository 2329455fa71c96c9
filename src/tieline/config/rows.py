"""The columns that every point list has, whatever the protocol."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tieline.config.fields import Name, PositiveSeconds, Strict
from tieline.model import Point, PointId, PointKind, Reporting, derive_point_id


class PointRow(Strict):
    """One row of a point list; protocols add the columns that say where the value is."""

    name: Name
    kind: PointKind
    unit: str = Field(default="", max_length=16)
    description: str = ""
    equipment: str = Field(default="", description="piece of plant in grid/")
    quantity: str = Field(default="", description="what is measured there: active_power, voltage, switch_position ...")
    phase: str = Field(default="", pattern=r"^(A|B|C|N|AB|BC|CA|ABC)?$")
    low: float | None = Field(default=None, allow_inf_nan=False, description="below it a value is questionable")
    high: float | None = Field(default=None, allow_inf_nan=False, description="above it a value is questionable")
    deadband: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="absolute, in the point's unit")
    deadband_percent: float | None = Field(default=None, ge=0, le=100, description="of the span from low to high")
    max_silence_s: PositiveSeconds | None = None
    id: int | None = Field(default=None, ge=0, le=0xFFFFFFFF, description="only to keep an old id or to resolve a collision")

    @model_validator(mode="after")
    def _limits_make_sense(self) -> Self:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}; exchange or correct them")
        if self.deadband is not None and self.deadband_percent is not None:
            raise ValueError("deadband and deadband_percent exclude each other; keep one")
        if self.deadband_percent is not None and (self.low is None or self.high is None):
            raise ValueError("deadband_percent needs the span it is a percentage of; write low and high too")
        if self.kind.is_discrete and (self.deadband or self.deadband_percent):
            raise ValueError(f"a {self.kind} point has no deadband; leave it empty")
        if self.deadband is not None and self.low is not None and self.high is not None and self.deadband >= self.high - self.low:
            raise ValueError(
                f"deadband {self.deadband:g} is as large as the whole span from low to high; nothing would be reported"
            )
        return self

    @property
    def step(self) -> float:
        """The difference between two neighboring values that the device can report; 0 where that cannot be told."""
        return 0.0

    def to_point(self, site: str, device: str, default: Reporting) -> Point:
        """The point that this row describes."""
        deadband = 0.0 if self.kind.is_discrete else default.deadband
        if self.deadband is not None:
            deadband = self.deadband
        elif self.deadband_percent is not None and self.low is not None and self.high is not None:
            deadband = self.deadband_percent / 100 * (self.high - self.low)
        path = f"{site}/{device}/{self.name}"
        return Point(
            id=derive_point_id(path) if self.id is None else PointId(self.id),
            site=site,
            device=device,
            name=self.name,
            kind=self.kind,
            unit=self.unit,
            description=self.description,
            equipment=self.equipment,
            quantity=self.quantity,
            phase=self.phase,
            low=self.low,
            high=self.high,
            reporting=Reporting(deadband=deadband, max_silence_s=self.max_silence_s or default.max_silence_s),
        )
