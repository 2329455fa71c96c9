"""`[[automation.functions]]` in `site.toml`: what each kind of function is told, and what can be wrong with it."""

from __future__ import annotations

from typing import Annotated, assert_never

from pydantic import Field

from tieline.config.automation_functions.battery_control import (
    BatteryControlPlan,
    BatteryControlSection,
    read_battery_control,
)
from tieline.config.automation_functions.capacitor_switching import (
    CapacitorSwitchingPlan,
    CapacitorSwitchingSection,
    read_capacitor_switching,
)
from tieline.config.automation_functions.load_shedding import LoadSheddingPlan, LoadSheddingSection, read_load_shedding
from tieline.config.automation_functions.source_transfer import SourceTransferPlan, SourceTransferSection, read_source_transfer
from tieline.config.automation_functions.voltage_regulator import (
    VoltageRegulatorPlan,
    VoltageRegulatorSection,
    read_voltage_regulator,
)
from tieline.config.function_base import FunctionPlan
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints

__all__ = [
    "BatteryControlPlan",
    "CapacitorSwitchingPlan",
    "FunctionSection",
    "LoadSheddingPlan",
    "SourceTransferPlan",
    "VoltageRegulatorPlan",
    "read_function",
]

FunctionSection = Annotated[
    VoltageRegulatorSection | CapacitorSwitchingSection | BatteryControlSection | LoadSheddingSection | SourceTransferSection,
    Field(discriminator="kind"),
]


def read_function(points: SitePoints, key: KeyPath, section: FunctionSection) -> FunctionPlan | None:
    """The function that a section describes, or None; mistakes become findings at keys below `key`."""
    match section:
        case VoltageRegulatorSection():
            return read_voltage_regulator(points, key, section)
        case CapacitorSwitchingSection():
            return read_capacitor_switching(points, key, section)
        case BatteryControlSection():
            return read_battery_control(points, key, section)
        case LoadSheddingSection():
            return read_load_shedding(points, key, section)
        case SourceTransferSection():
            return read_source_transfer(points, key, section)
        case _:
            assert_never(section)
