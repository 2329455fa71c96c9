"""Remote access: what of a device can be reached by it, and the `[remote]` sections of the utility and of a site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from tieline.config.device import Device
from tieline.config.dnp3 import Dnp3Device, Dnp3Tcp, Dnp3Tls
from tieline.config.fields import Strict
from tieline.config.iec61850.device import Iec61850Device
from tieline.config.modbus import ModbusDevice, TcpConnection, TlsConnection


class RemoteSection(Strict):
    """`[remote]` of `utility.toml`: remote access as the center grants it."""

    longest_hours: float = Field(default=8.0, gt=0, le=168, description="the longest time that a grant can be asked for")
    waiting_hours: float = Field(default=72.0, gt=0, le=720, description="a grant that nobody approved ends after this")
    ticket_s: float = Field(default=60.0, ge=5, le=600, description="a ticket is used within this time, once")
    idle_minutes: float = Field(default=15.0, gt=0, le=480, description="a session without a byte ends after this")
    most_sessions: int = Field(default=8, ge=1, le=64, description="connections of one grant at the same time")
    most_session_mb: int = Field(default=1_024, ge=1, le=65_536, description="a session ends when its recording is this large")
    free_mb: int = Field(default=1_024, ge=16, description="no session goes on with less room on the disk of the recordings")
    keep_days: int = Field(default=365, ge=1, le=3_650, description="recordings are deleted after this")


class SiteRemoteSection(Strict):
    """`[remote]` of `site.toml`: what a site permits, whatever the center grants."""

    allowed: bool = Field(default=True, description="whether any device here can be reached by remote access")
    kbps: int = Field(default=4_000, ge=64, le=1_000_000, description="both ways and all sessions together, kbit/s")
    most_sessions: int = Field(default=16, ge=1, le=256, description="connections at the same time")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteService:
    """One port of one device, as the folder says it."""

    device: str
    name: str
    """The device's protocol, or what a `[[devices.maintenance]]` is called."""
    host: str
    port: int
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRemote:
    """What remote access finds at a site."""

    allowed: bool = True
    kbps: int = 4_000
    most_sessions: int = 16
    services: tuple[RemoteService, ...] = ()

    def service(self, device: str, name: str) -> RemoteService | None:
        """The service of that name; None where the folder has none."""
        return next((each for each in self.services if (each.device, each.name) == (device, name)), None)


def site_remote(section: SiteRemoteSection, devices: Iterable[Device]) -> SiteRemote:
    """What the folder says of a site's remote access."""
    services = tuple(service for device in devices for service in services_of(device))
    return SiteRemote(allowed=section.allowed, kbps=section.kbps, most_sessions=section.most_sessions, services=services)


def services_of(device: Device) -> tuple[RemoteService, ...]:
    """The device's protocol where we dial it over TCP, then its services for maintenance, as far as they have an address."""
    place = _place(device)
    own = () if place is None else (RemoteService(device=device.name, name=device.protocol, host=place[0], port=place[1]),)
    return own + tuple(
        RemoteService(
            device=device.name,
            name=each.name,
            host=each.host or (place[0] if place else ""),
            port=each.port,
            description=each.description,
        )
        for each in device.maintenance
        if each.host or place is not None
    )


def _place(device: Device) -> tuple[str, int] | None:
    """Host and port; None for serial lines, datagrams, and devices that dial us."""
    if isinstance(device, Iec61850Device):
        return device.connection.host, device.connection.port
    if isinstance(device, ModbusDevice | Dnp3Device):
        connection = device.connection
        if isinstance(connection, TcpConnection | TlsConnection | Dnp3Tcp | Dnp3Tls):
            return connection.host, connection.port
    return None
