"""What the driver of an IEC 61850 server needs to know; made from an SCL file and a site's section elsewhere.

Names are MMS names: `name_of("LD/MMXU1.TotW.mag.f", "MX")` of `tieline.protocols.iec61850.mms.names` makes one of an object reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.config.transports import TlsClient
from tieline.model import Point
from tieline.protocols.iec61850.mms.control import ControlModel, OriginCategory
from tieline.protocols.iec61850.mms.library import Selectors
from tieline.protocols.iec61850.mms.names import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredPoint:
    """A point and the attributes it is made of; a CODED ENUM of two bits (Dbpos) gives 0 to 3."""

    point: Point
    value: Name
    """The attribute with the value, down to the leaf: `MMXU1$MX$TotW$mag$f`, `XCBR1$ST$Pos$stVal`."""
    quality: Name | None = None
    time: Name | None = None
    scale: float = 1.0
    offset: float = 0.0
    is_switched: bool = False
    """A Dbpos is shown as off (0) and on (1); between them, and in a bad state, it is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledPoint:
    """A point that can be written."""

    point: Point
    target: Name
    """The data object under CO, `XCBR1$CO$Pos`; or the attribute of a setting, `LLN0$SP$StrVal$setMag$f`."""
    model: ControlModel | None = None
    """What the SCL file says; what the device says counts."""
    category: OriginCategory = OriginCategory.REMOTE_CONTROL
    identity: str = "Tieline"
    """Who commands, `orIdent`; 64 characters at the most."""
    interlock_check: bool = True
    synchro_check: bool = True
    test: bool = False
    scale: float = 1.0
    """A value is divided by it after `offset` was taken off, as the opposite of what is done to measured values."""
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlock:
    """A report control block that the driver may take."""

    name: Name
    """Without the number of an instance: `LLN0$BR$brcbStates`, `MMXU1$RP$urcbMeas`."""
    instances: tuple[str, ...] = ("",)
    """What is to be put behind the name, `("01", "02")`: the first that is free is taken."""
    data_set: Name | None = None
    """Its data set, `LLN0$States`; None is a block for which the driver makes one of what no other data set has."""
    members: tuple[Name, ...] = ()
    """The members that the data set ought to have; empty where nobody knows."""
    conf_rev: int | None = None
    integrity_s: float = 60.0
    buffer_time_s: float = 0.0
    """How long the server collects changes for one report."""
    with_references: bool = False
    """Whether reports are to name each member."""

    @property
    def is_buffered(self) -> bool:
        """Whether the server keeps reports while nobody is there."""
        return "$BR$" in self.name.item


@dataclass(frozen=True, slots=True, kw_only=True)
class Iec61850Settings:
    """One server, as the driver sees it."""

    host: str
    port: int = 102
    tls: TlsClient | None = None
    selectors: Selectors = field(default_factory=Selectors)
    timeout_s: float = 5.0
    """For connecting, associating, and each answer."""
    keepalive_s: float = 10.0
    """A server that says nothing for so long is asked whether it is there."""
    poll_s: float = 2.0
    """How often points are read that no report brings."""
    command_timeout_s: float = 10.0
    """How long a command termination may take."""
    enable_again_s: float = 30.0
    """After this time a report control block that could not be had is tried again."""
    reservation_s: int = 3600
    """How long a buffered block stays ours while we are not there (ResvTms)."""
    monitored: tuple[MonitoredPoint, ...] = ()
    controlled: tuple[ControlledPoint, ...] = ()
    reports: tuple[ReportBlock, ...] = ()
