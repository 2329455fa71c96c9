"""What all functions of a site's automation have in common, as it is written and as it is understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tieline.config.fields import Name, Strict
from tieline.model import Point, PointKind

Acts = Literal["connected", "isolated", "always"]
"""When a function may act: while the center can be reached, while it cannot, or in both cases."""


class FunctionBase(Strict):
    """Keys of every `[[automation.functions]]`."""

    name: Name = Field(description="names its points, events and audit records")
    acts: Acts = Field(default="always", description="when it may act: connected to the center, isolated from it, or always")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One value that a function shows: the point `automation/<function>_<name>`."""

    name: str
    kind: PointKind = PointKind.ANALOG
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPlan:
    """A function as it was understood; each kind of function extends it."""

    name: str
    acts: Acts
    reads: tuple[Point, ...] = ()
    writes: tuple[Point, ...] = ()
    """Two functions that may act at the same time do not write one point."""
    shown: tuple[Shown, ...] = ()
