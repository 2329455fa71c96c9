"""The simulated field: real protocol servers for every device of a utility folder, driven by a physical model."""

from tieline.simulator.devices import NORMAL, Behavior, Dnp3Device, Iec61850Device, ModbusDevice, SimulatedDevice, SnmpDevice
from tieline.simulator.field import Field, simulate
from tieline.simulator.replay import Recording, Replay, read_recording
from tieline.simulator.scenario import (
    QUIET,
    CableSwapEvent,
    DeviceEvent,
    DuctEvent,
    FaultEvent,
    FirmwareEvent,
    GenerationEvent,
    LinkEvent,
    LoadEvent,
    PortErrorsEvent,
    Scenario,
    SourceEvent,
    SupplyEvent,
    SwitchEvent,
    read_scenario,
)

__all__ = [
    "NORMAL",
    "QUIET",
    "Behavior",
    "CableSwapEvent",
    "DeviceEvent",
    "Dnp3Device",
    "DuctEvent",
    "FaultEvent",
    "Field",
    "FirmwareEvent",
    "GenerationEvent",
    "Iec61850Device",
    "LinkEvent",
    "LoadEvent",
    "ModbusDevice",
    "PortErrorsEvent",
    "Recording",
    "Replay",
    "Scenario",
    "SimulatedDevice",
    "SnmpDevice",
    "SourceEvent",
    "SupplyEvent",
    "SwitchEvent",
    "read_recording",
    "read_scenario",
    "simulate",
]
