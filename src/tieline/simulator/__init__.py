"""The simulated field: real protocol servers for every device of a utility folder, driven by a physical model."""

from tieline.simulator.devices import NORMAL, Behavior, ModbusDevice
from tieline.simulator.field import Field, simulate
from tieline.simulator.replay import Recording, Replay, read_recording
from tieline.simulator.scenario import QUIET, DeviceEvent, Scenario, SwitchEvent, read_scenario

__all__ = [
    "NORMAL",
    "QUIET",
    "Behavior",
    "DeviceEvent",
    "Field",
    "ModbusDevice",
    "Recording",
    "Replay",
    "Scenario",
    "SwitchEvent",
    "read_recording",
    "read_scenario",
    "simulate",
]
