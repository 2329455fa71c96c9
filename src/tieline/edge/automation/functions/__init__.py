"""The functions that a site's gateway can perform by itself. Each is a state machine without clock or input and output of its own."""

from __future__ import annotations

from tieline.config.automation_functions import (
    BatteryControlPlan,
    CapacitorSwitchingPlan,
    LoadSheddingPlan,
    SourceTransferPlan,
    VoltageRegulatorPlan,
)
from tieline.config.function_base import FunctionPlan
from tieline.edge.automation.function import Function
from tieline.edge.automation.functions.battery_control import BatteryControl, BatteryState
from tieline.edge.automation.functions.capacitor_switching import CapacitorState, CapacitorSwitching
from tieline.edge.automation.functions.load_shedding import LoadShedding, SheddingState
from tieline.edge.automation.functions.source_transfer import SourceTransfer, TransferState
from tieline.edge.automation.functions.voltage_regulator import RegulatorState, VoltageRegulator
from tieline.model import LocalError

__all__ = [
    "BatteryControl",
    "BatteryState",
    "CapacitorState",
    "CapacitorSwitching",
    "LoadShedding",
    "RegulatorState",
    "SheddingState",
    "SourceTransfer",
    "TransferState",
    "VoltageRegulator",
    "make_function",
]


def make_function(plan: FunctionPlan, site: str) -> Function:
    """The function of a plan. Raises `LocalError` for a plan of another kind."""
    match plan:
        case VoltageRegulatorPlan():
            return VoltageRegulator(plan)
        case CapacitorSwitchingPlan():
            return CapacitorSwitching(plan)
        case BatteryControlPlan():
            return BatteryControl(plan)
        case LoadSheddingPlan():
            return LoadShedding(plan)
        case SourceTransferPlan():
            return SourceTransfer(plan)
        case _:
            raise LocalError(f"{site} has no function for {plan.name}: {type(plan).__name__} is not known here")
