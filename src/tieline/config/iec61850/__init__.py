"""IEC 61850 in a utility folder: devices from SCL files, and the GOOSE that a site listens to.

Nothing is typed twice: addresses, points, units, report control blocks and control models come from the SCL file; the folder says which
IED a device is, and may choose, rename and correct.
"""

from tieline.config.iec61850.device import Iec61850Device, ReportSource
from tieline.config.iec61850.goose import GooseMonitoring, GooseSection
from tieline.config.iec61850.rows import Iec61850Listed, Iec61850Row
from tieline.config.iec61850.section import (
    Iec61850Commands,
    Iec61850Connection,
    Iec61850Polls,
    Iec61850Reports,
    Iec61850Section,
    Iec61850Tcp,
    Iec61850Tls,
)

__all__ = [
    "GooseMonitoring",
    "GooseSection",
    "Iec61850Commands",
    "Iec61850Connection",
    "Iec61850Device",
    "Iec61850Listed",
    "Iec61850Polls",
    "Iec61850Reports",
    "Iec61850Row",
    "Iec61850Section",
    "Iec61850Tcp",
    "Iec61850Tls",
    "ReportSource",
]
