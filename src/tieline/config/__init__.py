"""Reads the utility folder: every mistake at once, each with its place and what would be right."""

from tieline.config.findings import Finding, FolderError
from tieline.config.folder import Device, Site, Utility, inspect_folder, read_folder
from tieline.config.grid import Grid
from tieline.config.modbus import Connection, ModbusRow, RtuConnection, TcpConnection, TlsConnection
from tieline.config.site import ReportingSection
from tieline.config.utility import ConduitSection, DmzSection, RetentionSection, ZoneSection

__all__ = [
    "ConduitSection",
    "Connection",
    "Device",
    "DmzSection",
    "Finding",
    "FolderError",
    "Grid",
    "ModbusRow",
    "ReportingSection",
    "RetentionSection",
    "RtuConnection",
    "Site",
    "TcpConnection",
    "TlsConnection",
    "Utility",
    "ZoneSection",
    "inspect_folder",
    "read_folder",
]
