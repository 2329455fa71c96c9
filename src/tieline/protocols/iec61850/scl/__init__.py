"""SCL, the substation configuration language (IEC 61850-6): files to a typed model and to findings, without any I/O."""

from tieline.protocols.iec61850.scl.common_data_classes import ControlModel
from tieline.protocols.iec61850.scl.data_model import DataAttribute, data_model
from tieline.protocols.iec61850.scl.document import Header, Reading, Scl
from tieline.protocols.iec61850.scl.findings import SclFinding, Severity
from tieline.protocols.iec61850.scl.multicast import Multicast, multicasts_of
from tieline.protocols.iec61850.scl.points import Control, IedPoints, SclPoint, Slot, Source, points_of
from tieline.protocols.iec61850.scl.reading import read_scl
from tieline.protocols.iec61850.scl.single_line import single_lines_of

__all__ = [
    "Control",
    "ControlModel",
    "DataAttribute",
    "Header",
    "IedPoints",
    "Multicast",
    "Reading",
    "Scl",
    "SclFinding",
    "SclPoint",
    "Severity",
    "Slot",
    "Source",
    "data_model",
    "multicasts_of",
    "points_of",
    "read_scl",
    "single_lines_of",
]
