"""Protocol servers of simulated devices."""

from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.modbus import ModbusDevice
from tieline.simulator.devices.serving import Endpoint, SerialEndpoint, TcpEndpoint

__all__ = ["NORMAL", "Behavior", "Endpoint", "ModbusDevice", "SerialEndpoint", "TcpEndpoint"]
