"""The GOOSE that a site listens to. It is monitored, no more: Tieline takes no part in protection."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from tieline.config.fields import Strict
from tieline.protocols.iec61850.scl import Multicast, Scl


class GooseSection(Strict):
    """`[goose]`: where GOOSE is listened to, and to which of it."""

    interface: str = Field(pattern=r"^[^\s/]{1,15}$", description="the network interface on the station bus, for example eth1")
    control_blocks: tuple[str, ...] | None = Field(
        default=None, description="MBQ01PROT/LLN0.gcbTrip; left out: all of the SCL file that are sent"
    )
    scl: str = Field(default="", description="the SCL file, relative to the site; the only one in scl/ where it is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class GooseMonitoring:
    """What a site listens to. Values go into those points of its devices whose row says `source = goose`."""

    interface: str
    scl: Scl = field(repr=False, compare=False)
    streams: tuple[Multicast, ...]
    """GOOSE only; each has an address."""
