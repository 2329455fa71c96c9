"""SCL, the substation configuration language (IEC 61850-6): files to a typed model and to findings, without any I/O."""

from tieline.protocols.iec61850.scl.common_data_classes import ControlModel
from tieline.protocols.iec61850.scl.document import Header, Reading, Scl
from tieline.protocols.iec61850.scl.findings import SclFinding, Severity
from tieline.protocols.iec61850.scl.points import Control, IedPoints, SclPoint, Slot, Source, points_of
from tieline.protocols.iec61850.scl.reading import read_scl

__all__ = [
    "Control",
    "ControlModel",
    "Header",
    "IedPoints",
    "Reading",
    "Scl",
    "SclFinding",
    "SclPoint",
    "Severity",
    "Slot",
    "Source",
    "points_of",
    "read_scl",
]
