"""The protocols that a conduit can permit: their transports and ports, so that a folder names `ssh` and not numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transport = Literal["tcp", "udp", "icmp"]


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """Ports of one transport, both ends included; ICMP has none and says 0."""

    transport: Transport
    first: int
    last: int

    def __str__(self) -> str:
        if self.transport == "icmp":
            return "icmp"
        return f"{self.transport}/{self.first}" if self.first == self.last else f"{self.transport}/{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A protocol as a firewall sees it; where it listens unless the conduit names other ports."""

    name: str
    ports: tuple[Ports, ...]
    """Empty where the conduit has to name them."""
    description: str
    transport: Transport = "tcp"
    """That of ports which a conduit names itself."""
    is_encrypted: bool
    """Whether the protocol itself protects what it carries."""


def _tcp(*ports: int) -> tuple[Ports, ...]:
    return tuple(Ports("tcp", port, port) for port in ports)


def _udp(*ports: int) -> tuple[Ports, ...]:
    return tuple(Ports("udp", port, port) for port in ports)


def _service(
    name: str, ports: tuple[Ports, ...], description: str, *, encrypted: bool, transport: Transport | None = None
) -> Service:
    chosen = transport or (ports[0].transport if ports else "tcp")
    return Service(name=name, ports=ports, description=description, transport=chosen, is_encrypted=encrypted)


BUS = "bus"
EST = "est"

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        _service(BUS, _tcp(7422), "Tieline's own bus: NATS with mutual TLS 1.3", encrypted=True),
        _service("https", _tcp(443), "web pages and interfaces", encrypted=True),
        _service(EST, _tcp(8443), "enrolment of certificates (RFC 7030)", encrypted=True),
        _service("ssh", _tcp(22), "SSH", encrypted=True),
        _service("rdp", _tcp(3389), "remote desktop", encrypted=True),
        _service("ntp", _udp(123), "time (RFC 5905)", encrypted=False),
        _service("ptp", (Ports("udp", 319, 320),), "precision time (IEEE 1588) over UDP", encrypted=False),
        _service("dns", (*_udp(53), *_tcp(53)), "names", encrypted=False),
        _service("syslog", _tcp(6514), "logs over TLS (RFC 5425)", encrypted=True),
        _service("syslog-udp", _udp(514), "logs in the clear (RFC 5426)", encrypted=False),
        _service("snmp", _udp(161), "SNMP requests", encrypted=False),
        _service("snmp-trap", _udp(162), "SNMP notifications", encrypted=False),
        _service("ldaps", _tcp(636), "directory", encrypted=True),
        _service("radsec", _tcp(2083), "RADIUS over TLS (RFC 6614)", encrypted=True),
        _service("dnp3", (*_tcp(20_000), *_udp(20_000)), "DNP3 (IEEE 1815)", encrypted=False),
        _service("dnp3-tls", _tcp(19_999), "DNP3 over TLS (IEC 62351-3)", encrypted=True),
        _service("modbus", _tcp(502), "Modbus/TCP", encrypted=False),
        _service("modbus-tls", _tcp(802), "Modbus/TCP Security", encrypted=True),
        _service("iec61850", _tcp(102), "IEC 61850 MMS", encrypted=False),
        _service("iec61850-tls", _tcp(3782), "IEC 61850 MMS over TLS (IEC 62351-3)", encrypted=True),
        _service("iec104", _tcp(2404), "IEC 60870-5-104", encrypted=False),
        _service("iec104-tls", _tcp(19_998), "IEC 60870-5-104 over TLS (IEC 62351-3)", encrypted=True),
        _service("opcua", _tcp(4840), "OPC UA", encrypted=True),
        _service("ping", (Ports("icmp", 0, 0),), "ICMP echo", encrypted=False, transport="icmp"),
        _service("tcp", (), "any other over TCP; the conduit names the ports", encrypted=False, transport="tcp"),
        _service("udp", (), "any other over UDP; the conduit names the ports", encrypted=False, transport="udp"),
    )
}
"""By name."""
