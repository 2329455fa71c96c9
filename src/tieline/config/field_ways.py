"""How a gateway and its peers in the field reach each other over IP: who opens the connection, where, and what is spoken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from tieline.config.device import Device
from tieline.config.dnp3 import Dnp3Device, Dnp3TcpServer, Dnp3Tls, Dnp3TlsServer, Dnp3Udp
from tieline.config.iec61850.device import Iec61850Device
from tieline.config.iec61850.section import Iec61850Tls
from tieline.config.modbus import ModbusDevice, TcpConnection, TlsConnection
from tieline.config.outstation import Outstation
from tieline.config.services import Ports, Transport
from tieline.config.snmp import SnmpDevice, Watch

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldWay:
    """A connection in the field."""

    path: str
    """`site/device` or `site/outstation`."""
    service: str
    """The name of a service (`tieline.config.services`)."""
    is_opened_by_gateway: bool
    """False where the gateway listens."""
    ports: Ports
    """Where whoever is connected to listens."""
    own_host: str = ""
    """The gateway's own address, where it listens; empty where any will do."""
    peer_hosts: tuple[str, ...] = ()
    """The device, or who may connect; empty for anybody."""


def field_way(described: Device | Outstation) -> FieldWay | None:
    """The way between the gateway and what is described; None for a serial line."""
    match described:
        case ModbusDevice(path=path, connection=TcpConnection() | TlsConnection() as connection):
            return _dialed(path, "modbus", connection.host, connection.port, is_tls=isinstance(connection, TlsConnection))
        case Iec61850Device(path=path, connection=connection):
            return _dialed(path, "iec61850", connection.host, connection.port, is_tls=isinstance(connection, Iec61850Tls))
        case Dnp3Device() | Outstation():
            return _dnp3(described)
        case SnmpDevice(path=path, connection=connection):
            return _dialed(path, "snmp", connection.host, connection.port, is_tls=False, transport="udp")
        case _:
            return None


def listening_ways(site: str, watch: Watch | None, nodes: Sequence[SnmpDevice]) -> Iterator[FieldWay]:
    """The ways on which watched nodes tell a site's gateway something of their own accord; `nodes` are those in its zone.

    Their paths are those of no device: no name of one has a dot.
    """
    hosts = tuple(node.connection.host for node in nodes)
    if watch is None or not hosts:
        return
    for name, service, port in (("traps", "snmp-trap", watch.trap_port), ("syslog", "syslog-udp", watch.syslog_port)):
        if port is not None:
            yield FieldWay(
                path=f"{site}/watch.{name}",
                service=service,
                is_opened_by_gateway=False,
                ports=Ports("udp", port, port),
                peer_hosts=hosts,
            )


def zone_of_node(node: SnmpDevice, subnets: Iterable[tuple[Network, str]]) -> str | None:
    """The zone in whose subnets the agent is; None where no zone has the address. It need not be that of the node's site."""
    address = ip_address(node.connection.host)
    return next((zone for subnet, zone in subnets if subnet.version == address.version and address in subnet), None)


def _dnp3(described: Dnp3Device | Outstation) -> FieldWay | None:
    connection = described.connection
    if isinstance(connection, Dnp3TcpServer | Dnp3TlsServer):
        return FieldWay(
            path=described.path,
            service="dnp3-tls" if isinstance(connection, Dnp3TlsServer) else "dnp3",
            is_opened_by_gateway=False,
            ports=Ports("tcp", connection.port, connection.port),
            own_host=connection.host,
            peer_hosts=connection.peer_hosts,
        )
    if connection.transport == "serial":
        return None
    transport: Transport = "udp" if isinstance(connection, Dnp3Udp) else "tcp"
    return _dialed(
        described.path, "dnp3", connection.host, connection.port, is_tls=isinstance(connection, Dnp3Tls), transport=transport
    )


def _dialed(path: str, service: str, host: str, port: int, *, is_tls: bool, transport: Transport = "tcp") -> FieldWay:
    return FieldWay(
        path=path,
        service=f"{service}-tls" if is_tls else service,
        is_opened_by_gateway=True,
        ports=Ports(transport, port, port),
        peer_hosts=(host,),
    )
