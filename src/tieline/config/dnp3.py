"""What a utility folder says of a DNP3 outstation that Tieline reads: its channel, how it is polled, and one row for each point.

The transports are shared with the outstations that Tieline itself is (`tieline.config.outstation`); their names always say what
Tieline does: `tcp` and `tls` dial, `tcp_server` and `tls_server` listen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tieline.config.device import Device
from tieline.config.dnp3_points import Dnp3Row
from tieline.config.fields import Host, Name, Port, PositiveSeconds, Seconds, Strict
from tieline.config.maintenance import Maintained
from tieline.config.transports import SerialLine, TlsClient, TlsServer
from tieline.model import Reporting

DNP_PORT = 20_000
"""`dnp` (IEEE 1815-2012, 13.2): TCP and UDP in the clear."""

DNP_SEC_PORT = 19_999
"""`dnp-sec`: over TLS."""

LAST_ADDRESS = 65_519
"""The highest link address of a station; those from 65520 on are reserved, for self-address and broadcast (9.2.4.1.3)."""

LinkAddress = Annotated[int, Field(ge=0, le=LAST_ADDRESS)]
EventClass = Literal[1, 2, 3]


class _Channel(Strict):
    """How link and application layer behave on any transport."""

    timeout_s: PositiveSeconds = Field(default=5.0, description="how long a response, or the confirmation of one, may take")
    retries: int = Field(default=2, ge=0, le=100, description="how often what changes nothing is repeated after silence")
    link_confirm: bool = Field(default=False, description="the link layer confirms each frame; for serial lines that lose some")
    link_timeout_s: PositiveSeconds = Field(default=1.0, description="how long a link confirmation may take")
    link_retries: int = Field(default=2, ge=0, le=100, description="how often a frame without link confirmation is repeated")
    keep_alive_s: Seconds = Field(default=60.0, description="the link is asked for its status after this silence; 0 for never")
    max_fragment: int = Field(default=2048, ge=249, le=65_535, description="octets of the longest fragment that we receive")


class Dnp3Tcp(_Channel):
    """TCP in the clear, which we open: for a peer in the same security zone."""

    transport: Literal["tcp"]
    host: Host
    port: Port = DNP_PORT


class Dnp3TcpServer(_Channel):
    """TCP in the clear, which the peer opens: we listen at `host`."""

    transport: Literal["tcp_server"]
    host: Host
    port: Port = DNP_PORT
    peer_hosts: tuple[Host, ...] = Field(default=(), description="who may connect; empty: anybody")


class Dnp3Tls(_Channel, TlsClient):
    """Mutual TLS, which we open."""

    transport: Literal["tls"]
    host: Host
    port: Port = DNP_SEC_PORT


class Dnp3TlsServer(_Channel, TlsServer):
    """Mutual TLS, which the peer opens: we listen at `host`."""

    transport: Literal["tls_server"]
    host: Host
    port: Port = DNP_SEC_PORT
    peer_hosts: tuple[Host, ...] = Field(default=(), description="who may connect; empty: anybody")


class Dnp3Udp(_Channel):
    """Datagrams between two sockets."""

    transport: Literal["udp"]
    host: Host
    port: Port = DNP_PORT
    local_host: Host = "0.0.0.0"  # noqa: S104 - all interfaces, where the engineer names none
    local_port: int = Field(default=DNP_PORT, ge=0, le=65_535, description="0: any free one")


class Dnp3Serial(_Channel, SerialLine):
    """A serial line, point to point or multi-drop."""

    transport: Literal["serial"]


Dnp3Connection = Annotated[
    Dnp3Tcp | Dnp3TcpServer | Dnp3Tls | Dnp3TlsServer | Dnp3Udp | Dnp3Serial, Field(discriminator="transport")
]


def channel_of(connection: Dnp3Connection) -> tuple[str | int, ...]:
    """What connections have in common that share a channel: a serial line, a TCP connection, a listening socket, a peer's UDP socket."""
    if isinstance(connection, Dnp3Serial):
        return "serial", connection.serial_port
    return connection.transport, connection.host, connection.port


class Dnp3Polls(Strict):
    """Periods of the polls; 0 leaves one out. There is always an integrity poll at start-up and after a restart or an overflow."""

    integrity_s: Seconds = Field(default=3_600.0, description="classes 1, 2, 3 and 0")
    events_s: Seconds = Field(default=0.0, description="classes 1, 2 and 3 in one request")
    class_1_s: Seconds = 0.0
    class_2_s: Seconds = 0.0
    class_3_s: Seconds = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dnp3Device(Device):
    """A DNP3 outstation that we are the master of; keys as in `Dnp3Section`."""

    protocol: Literal["dnp3"] = "dnp3"
    outstation: int
    master: int
    connection: Dnp3Connection
    polls: Dnp3Polls
    unsolicited: tuple[EventClass, ...]
    time_synchronization: Literal["lan", "non_lan", "off"]
    assign_classes: bool
    write_deadbands: bool
    freeze_counters_s: float
    control: Literal["select_before_operate", "direct_operate"]
    rows: tuple[Dnp3Row, ...]


class Dnp3Section(Maintained):
    """One DNP3 outstation."""

    name: Name
    protocol: Literal["dnp3"]
    description: str = ""
    points: str | None = Field(default=None, description="the point list, relative to the site; points/<name>.csv by default")
    outstation: LinkAddress
    master: LinkAddress
    connection: Dnp3Connection
    polls: Dnp3Polls = Dnp3Polls()
    unsolicited: tuple[EventClass, ...] = Field(default=(1, 2, 3), description="classes that it may report unasked")
    time_synchronization: Literal["lan", "non_lan", "off"] = Field(default="lan", description="done when it asks (IIN1.4)")
    assign_classes: bool = Field(default=False, description="tell it the classes of the point list at start-up")
    write_deadbands: bool = Field(default=False, description="tell it the deadbands of the point list at start-up")
    freeze_counters_s: Seconds = Field(default=0.0, description="counters are frozen with this period; 0 for never")
    control: Literal["select_before_operate", "direct_operate"] = "select_before_operate"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.outstation == self.master:
            raise ValueError(f"outstation and master have the same link address {self.master}; give each its own")
        polls = self.polls
        if not (self.unsolicited or any((polls.integrity_s, polls.events_s, polls.class_1_s, polls.class_2_s, polls.class_3_s))):
            raise ValueError("nothing would be read; permit unsolicited classes, or poll integrity_s or events_s")
        return self

    def to_device(self, site: str, rows: Sequence[Dnp3Row], default: Reporting) -> Dnp3Device:
        """The device that the section and its point list describe."""
        return Dnp3Device(
            site=site,
            name=self.name,
            description=self.description,
            outstation=self.outstation,
            master=self.master,
            connection=self.connection,
            polls=self.polls,
            unsolicited=self.unsolicited,
            time_synchronization=self.time_synchronization,
            assign_classes=self.assign_classes,
            write_deadbands=self.write_deadbands,
            freeze_counters_s=self.freeze_counters_s,
            control=self.control,
            rows=tuple(rows),
            points=tuple(row.to_point(site, self.name, default) for row in rows),
            maintenance=self.maintenance,
        )
