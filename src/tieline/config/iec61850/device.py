"""An IED as the rest of Tieline sees it, with the SCL file that it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tieline.config.device import Device
from tieline.config.iec61850.rows import Iec61850Row
from tieline.config.iec61850.section import Iec61850Commands, Iec61850Connection, Iec61850Polls, Iec61850Reports
from tieline.protocols.iec61850.scl import Scl, SclPoint
from tieline.protocols.iec61850.scl.communication import Address
from tieline.protocols.iec61850.scl.control_blocks import ReportControl
from tieline.protocols.iec61850.scl.ied import Ied


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSource:
    """A report control block that we may take, with what the section changes in it."""

    logical_node: str
    """`MBQ01CTRL/LLN0`."""
    control: ReportControl
    instances: tuple[str, ...]
    """What follows the name, `01` and `02`, those meant for us first; `("",)` where the block is not indexed."""
    members: tuple[tuple[str, str], ...]
    """References of its data set, `MBQ01CTRL/CSWI1.Pos`, each with its functional constraint; empty where the SCL has no data set."""
    integrity_s: float
    buffer_time_s: float

    @property
    def reference(self) -> str:
        """Without the number of an instance: `MBQ01CTRL/LLN0.brcbPos`."""
        return f"{self.logical_node}.{self.control.name}"

    @property
    def data_set(self) -> str:
        """`MBQ01CTRL/LLN0.dsPos`; empty where the client has to choose one."""
        return f"{self.logical_node}.{self.control.data_set}" if self.control.data_set else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Iec61850Device(Device):
    """An IED; `described[i]` is what the SCL file says of `points[i]`."""

    protocol: Literal["iec61850"] = "iec61850"
    scl_file: str
    """Relative to the folder."""
    scl: Scl = field(repr=False, compare=False)
    """Shared by all devices of the file."""
    ied: Ied = field(repr=False, compare=False)
    access_point: str
    address: Address
    """What the SCL file says of the access point, selectors with it; empty where it says nothing."""
    connection: Iec61850Connection
    """With host and port."""
    report_sources: tuple[ReportSource, ...]
    reports: Iec61850Reports
    polls: Iec61850Polls
    commands: Iec61850Commands
    rows: tuple[Iec61850Row, ...]
    described: tuple[SclPoint, ...] = field(repr=False)
