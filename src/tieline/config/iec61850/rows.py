"""Rows of an IED's points: as its list has them, which may be little, and whole, with what the SCL file adds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tieline.config.fields import Name, PositiveSeconds, Strict
from tieline.config.rows import PointRow
from tieline.model import PointKind

Brought = Literal["mms", "goose"]


class Iec61850Listed(Strict):
    """One row of an IED's point list: which attribute it is, and what is said other than in the SCL file."""

    reference: str = Field(
        min_length=1, description="CTRL/CSWI1.Pos, or MBQ01CTRL/CSWI1.Pos.stVal; CTRL/CSWI1.Pos.Oper for the command"
    )
    name: Name | None = None
    kind: PointKind | None = None
    unit: str | None = Field(default=None, max_length=16)
    description: str | None = None
    equipment: str | None = None
    quantity: str | None = None
    phase: str | None = Field(default=None, pattern=r"^(A|B|C|N|AB|BC|CA|ABC)?$")
    low: float | None = Field(default=None, allow_inf_nan=False)
    high: float | None = Field(default=None, allow_inf_nan=False)
    deadband: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    deadband_percent: float | None = Field(default=None, ge=0, le=100)
    max_silence_s: PositiveSeconds | None = None
    id: int | None = Field(default=None, ge=0, le=0xFFFFFFFF)
    scale: float = Field(
        default=1.0, allow_inf_nan=False, description="on top of that in the SCL file; -1 turns a direction around"
    )
    offset: float = Field(default=0.0, allow_inf_nan=False)
    source: Brought = Field(default="mms", description="goose: the value comes from the GOOSE that has it")


class Iec61850Row(PointRow):
    """A point of an IED, whole: value = the device's number * scale + offset."""

    reference: str = Field(description="MBQ01CTRL/CSWI1.Pos.stVal")
    fc: str = Field(description="functional constraint; CO for a command")
    scale: float = 1.0
    offset: float = 0.0
    source: Brought = "mms"
    is_whole: bool = Field(default=False, description="the device's numbers are integers")

    @property
    def step(self) -> float:
        """The difference between two neighboring values; 0 for floating point."""
        return abs(self.scale) if self.is_whole else 0.0
