"""Simulated IEDs of IEC 61850: an MMS server made from the SCL file, and the GOOSE that the IED publishes."""

from tieline.simulator.devices.iec61850.device import Iec61850Device
from tieline.simulator.devices.iec61850.goose import GooseSender, OpenInterface
from tieline.simulator.devices.iec61850.serving import Iec61850Endpoint

__all__ = ["GooseSender", "Iec61850Device", "Iec61850Endpoint", "OpenInterface"]
