"""`utility.toml`: the utility as a whole, its zones and conduits, its center, its people."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from tieline.config.alarms_utility import UtilityAlarms
from tieline.config.audit import AuditSection
from tieline.config.control import ControlSection
from tieline.config.fields import Host, Port, Strict
from tieline.config.login import LoginSection
from tieline.config.people import PersonSection
from tieline.config.remote import RemoteSection
from tieline.config.zones import ConduitSection, HostSection, ZoneSection


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
    est_port: Port = Field(default=8443, description="where roles ask for certificates (EST)")
    remote_port: Port | None = Field(default=None, description="where remote access is accepted; off where it is left out")
    enterprise_port: Port = Field(default=7423, description="where clients of enterprise zones connect, where a conduit lets any")


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
    hosts: list[HostSection] = Field(default_factory=list)
    conduits: list[ConduitSection] = Field(default_factory=list)
    people: list[PersonSection] = Field(default_factory=list)
    login: LoginSection = LoginSection()
    audit: AuditSection = AuditSection()
    remote: RemoteSection = RemoteSection()
