"""A device of a site that is an IED, as people write it; whatever they leave out, the SCL file says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tieline.config.fields import Host, Name, Port, PositiveSeconds, Seconds, Strict
from tieline.config.maintenance import Maintained
from tieline.config.transports import TlsClient

MMS_PORT = 102
"""ISO transport over TCP (RFC 1006)."""

SECURE_MMS_PORT = 3_782
"""The same over TLS (IEC 62351-4)."""


class _Association(Strict):
    """How an association behaves on any transport; what is empty comes from the SCL file."""

    host: Host = Field(default="", description="the IP address of the access point, where it is empty")
    port: Port = Field(default=0, description="the access point's, otherwise 102, or 3782 with TLS, where it is left out")
    timeout_s: PositiveSeconds = Field(default=5.0, description="for connecting, associating, and each answer")
    keep_alive_s: PositiveSeconds = Field(
        default=10.0, description="a server that is silent for so long is asked whether it is there"
    )


class Iec61850Tcp(_Association):
    """MMS in the clear: for a device in the same security zone."""

    transport: Literal["tcp"] = "tcp"


class Iec61850Tls(_Association, TlsClient):
    """MMS over mutual TLS (IEC 62351-4)."""

    transport: Literal["tls"]


Iec61850Connection = Annotated[Iec61850Tcp | Iec61850Tls, Field(discriminator="transport")]


class Iec61850Reports(Strict):
    """Which report control blocks are taken, and what is changed in them; what is left out stays as the SCL file says."""

    control_blocks: tuple[str, ...] | None = Field(
        default=None, description="brcbPos or CTRL/LLN0.brcbPos; left out: all that are meant for us or for nobody"
    )
    integrity_s: Seconds | None = Field(default=None, description="everything is reported with this period; 0 for never")
    buffer_time_s: Seconds | None = Field(default=None, description="how long the server collects changes for one report")
    with_references: bool = Field(default=False, description="reports name each member; longer, for servers that err without")
    reservation_s: int = Field(
        default=3_600, ge=0, le=32_767, description="a buffered block stays ours so long while we are away"
    )


class Iec61850Polls(Strict):
    """What no report brings is read."""

    period_s: PositiveSeconds = 2.0


class Iec61850Commands(Strict):
    """What a command says of itself, and how long it may take."""

    category: Literal["station_control", "remote_control", "automatic_station", "automatic_remote", "maintenance"] = Field(
        default="remote_control", description="originator category (orCat)"
    )
    identity: str = Field(default="Tieline", min_length=1, max_length=64, description="originator identification (orIdent)")
    interlock_check: bool = Field(default=True, description="the device checks its interlocking")
    synchro_check: bool = Field(default=True, description="the device checks synchronism")
    timeout_s: PositiveSeconds = Field(default=10.0, description="how long a command termination may take")


class Iec61850Section(Maintained):
    """One IED."""

    name: Name
    protocol: Literal["iec61850"]
    description: str = ""
    points: str | None = Field(
        default=None, description="a list of points, relative to the site; points/<name>.csv where there is one"
    )
    scl: str = Field(default="", description="the SCL file, relative to the site; the only one in scl/ where it is empty")
    ied: str = Field(default="", description="its name in the SCL file; the only one with a server where it is empty")
    access_point: str = Field(default="", description="the only one with a server where it is empty")
    client: str = Field(default="", description="the IED in the SCL file that we are: what is reserved for it is ours")
    connection: Iec61850Connection = Iec61850Tcp()
    reports: Iec61850Reports = Iec61850Reports()
    polls: Iec61850Polls = Iec61850Polls()
    commands: Iec61850Commands = Iec61850Commands()

    @model_validator(mode="before")
    @classmethod
    def _transport_is_tcp(cls, table: Any) -> Any:
        """A connection that names no transport is plain TCP."""
        connection = table.get("connection") if isinstance(table, dict) else None
        if isinstance(connection, dict) and "transport" not in connection:
            return table | {"connection": {"transport": "tcp"} | connection}
        return table
