"""The simulated field: real protocol servers for every device of a utility folder, driven by a physical model."""

from tieline.simulator.devices import NORMAL, Behavior, Dnp3Device, Iec61850Device, ModbusDevice, SimulatedDevice
from tieline.simulator.field import Field, simulate
from tieline.simulator.replay import Recording, Replay, read_recording
from tieline.simulator.scenario import (
    QUIET,
    DeviceEvent,
    FaultEvent,
    GenerationEvent,
    LoadEvent,
    Scenario,
    SourceEvent,
    SwitchEvent,
    read_scenario,
)

__all__ = [
    "NORMAL",
    "QUIET",
    "Behavior",
    "DeviceEvent",
    "Dnp3Device",
    "FaultEvent",
    "Field",
    "GenerationEvent",
    "Iec61850Device",
    "LoadEvent",
    "ModbusDevice",
    "Recording",
    "Replay",
    "Scenario",
    "SimulatedDevice",
    "SourceEvent",
    "SwitchEvent",
    "read_recording",
    "read_scenario",
    "simulate",
]
