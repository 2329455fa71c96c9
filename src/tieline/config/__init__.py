"""Reads the utility folder: every mistake at once, each with its place and what would be right."""

from tieline.config.detection import PointDetection
from tieline.config.device import Device
from tieline.config.dnp3 import Dnp3Connection, Dnp3Device
from tieline.config.dnp3_points import Dnp3Row
from tieline.config.findings import Finding, FolderError
from tieline.config.folder import Site, Utility, inspect_folder, read_folder
from tieline.config.grid import Grid
from tieline.config.iec61850 import GooseMonitoring, GooseSection, Iec61850Connection, Iec61850Device, Iec61850Row
from tieline.config.login import LoginSection, OidcSection
from tieline.config.modbus import Connection, ModbusDevice, ModbusRow, RtuConnection, TcpConnection, TlsConnection
from tieline.config.outstation import Outstation, OutstationRow
from tieline.config.people import PersonSection
from tieline.config.site import ReportingSection
from tieline.config.transports import TlsFiles
from tieline.config.utility import DmzSection, RetentionSection
from tieline.config.zones import ConduitSection, HostSection, ZoneSection

__all__ = [
    "ConduitSection",
    "Connection",
    "Device",
    "DmzSection",
    "Dnp3Connection",
    "Dnp3Device",
    "Dnp3Row",
    "Finding",
    "FolderError",
    "GooseMonitoring",
    "GooseSection",
    "Grid",
    "HostSection",
    "Iec61850Connection",
    "Iec61850Device",
    "Iec61850Row",
    "LoginSection",
    "ModbusDevice",
    "ModbusRow",
    "OidcSection",
    "Outstation",
    "OutstationRow",
    "PersonSection",
    "PointDetection",
    "ReportingSection",
    "RetentionSection",
    "RtuConnection",
    "Site",
    "TcpConnection",
    "TlsConnection",
    "TlsFiles",
    "Utility",
    "ZoneSection",
    "inspect_folder",
    "read_folder",
]
