"""`utility.toml`: the utility as a whole, its zones and conduits, its center, its people."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from tieline.config.alarms_utility import UtilityAlarms
from tieline.config.control import ControlSection
from tieline.config.fields import Host, Name, Port, Role, Strict
from tieline.config.login import LoginSection

ZoneKind = Literal["substation", "plant", "dmz", "control_center", "enterprise"]


def _known(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (LookupError, OSError, ValueError) as error:
        raise ValueError("no such time zone; give an IANA name like Europe/Zurich, or UTC") from error
    return zone


TimeZone = Annotated[str, AfterValidator(_known)]


class DmzSection(Strict):
    """Where sites and the center meet: the only address that anybody dials."""

    host: Host = "127.0.0.1"
    port: Port = 7422


class CenterSection(Strict):
    """The control center."""

    hmi_port: Port = 8400
    stream_mb: int = Field(default=4_096, ge=64, description="disk for batches that the historian has not committed yet")
    bus_servers: Literal[1, 3] = Field(
        default=1, description="one bus server, or a cluster of three that outlives the end of any"
    )


class RetentionSection(Strict):
    """How long samples stay where."""

    lake_after_days: int = Field(
        default=1, ge=0, description="closed UTC days older than this move from the historian to the lake"
    )
    delete_after_days: int | None = Field(default=None, ge=1, description="nothing is deleted where this is left out")


class ZoneSection(Strict):
    """A zone of IEC 62443-3-2: what trusts each other."""

    name: Name
    kind: ZoneKind
    sites: list[Name] = Field(default_factory=list)
    security_level: int = Field(default=1, ge=0, le=4)
    description: str = ""


class ConduitSection(Strict):
    """A permitted way between two zones, with the reason for it."""

    source: Name
    target: Name
    protocol: Literal["bus"] = "bus"
    reason: str = Field(min_length=1)


class PersonSection(Strict):
    """Somebody with a role (IEC 62351-8)."""

    name: Name
    roles: list[Role] = Field(default_factory=list)
    areas: list[Name] = Field(default_factory=list, description="sites in which the roles hold; all where left out")


class UtilityFile(Strict):
    """The whole of `utility.toml`."""

    name: str = Field(min_length=1, max_length=80)
    time_zone: TimeZone = Field(default="UTC", description="an IANA name; screens show UTC or this")
    dmz: DmzSection = DmzSection()
    center: CenterSection = CenterSection()
    retention: RetentionSection = RetentionSection()
    control: ControlSection = ControlSection()
    alarms: UtilityAlarms = UtilityAlarms()
    zones: list[ZoneSection] = Field(min_length=1)
    conduits: list[ConduitSection] = Field(default_factory=list)
    people: list[PersonSection] = Field(default_factory=list)
    login: LoginSection = LoginSection()
