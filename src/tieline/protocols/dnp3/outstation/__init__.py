"""The outstation: a database shared by all masters, and one association with each, as a session without I/O."""

from tieline.protocols.dnp3.outstation.control_requests import CommandHandler
from tieline.protocols.dnp3.outstation.database import FREEZES, Database
from tieline.protocols.dnp3.outstation.event_buffer import EventBuffer
from tieline.protocols.dnp3.outstation.files import FileInfo, Files
from tieline.protocols.dnp3.outstation.outstation import Outstation
from tieline.protocols.dnp3.outstation.point_table import STATE_LIMITS, Points
from tieline.protocols.dnp3.outstation.settings import (
    ClassAssigned,
    DeadbandsWritten,
    Frozen,
    OutstationEvent,
    OutstationSettings,
    RestartCleared,
    RestartRequested,
    TimeWritten,
    UnsolicitedChanged,
)

__all__ = [
    "FREEZES",
    "STATE_LIMITS",
    "ClassAssigned",
    "CommandHandler",
    "Database",
    "DeadbandsWritten",
    "EventBuffer",
    "FileInfo",
    "Files",
    "Frozen",
    "Outstation",
    "OutstationEvent",
    "OutstationSettings",
    "Points",
    "RestartCleared",
    "RestartRequested",
    "TimeWritten",
    "UnsolicitedChanged",
]
