"""Protocol servers of simulated devices."""

from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.device import Column, Endpoint, SimulatedDevice, Watch
from tieline.simulator.devices.dnp3 import Dnp3Device
from tieline.simulator.devices.dnp3_serving import (
    ChannelEndpoint,
    Dnp3SerialEndpoint,
    IdleLine,
    Reservation,
    UdpEndpoint,
    is_dialed,
)
from tieline.simulator.devices.iec61850 import GooseSender, Iec61850Device, Iec61850Endpoint, OpenInterface
from tieline.simulator.devices.modbus import ModbusDevice
from tieline.simulator.devices.serving import SerialEndpoint, TcpEndpoint
from tieline.simulator.devices.snmp import SnmpDevice, SnmpEndpoint

__all__ = [
    "NORMAL",
    "Behavior",
    "ChannelEndpoint",
    "Column",
    "Dnp3Device",
    "Dnp3SerialEndpoint",
    "Endpoint",
    "GooseSender",
    "IdleLine",
    "Iec61850Device",
    "Iec61850Endpoint",
    "ModbusDevice",
    "OpenInterface",
    "Reservation",
    "SerialEndpoint",
    "SimulatedDevice",
    "SnmpDevice",
    "SnmpEndpoint",
    "TcpEndpoint",
    "UdpEndpoint",
    "Watch",
    "is_dialed",
]
