"""`[[automation.functions]]` in `site.toml`: what each kind of function is told, and what can be wrong with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tieline.config.automation_functions.voltage_regulator import (
    VoltageRegulatorPlan,
    VoltageRegulatorSection,
    read_voltage_regulator,
)
from tieline.config.function_base import FunctionPlan
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints

__all__ = ["FunctionSection", "VoltageRegulatorPlan", "VoltageRegulatorSection", "read_function"]

FunctionSection = Annotated[VoltageRegulatorSection, Field(discriminator="kind")]


def read_function(points: SitePoints, key: KeyPath, section: FunctionSection) -> FunctionPlan | None:
    """The function that a section describes, or None; mistakes become findings at keys below `key`."""
    return read_voltage_regulator(points, key, section)
