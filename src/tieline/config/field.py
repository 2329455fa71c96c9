"""The address book of a simulated field: where each device of a folder really listens.

A utility folder holds the real addresses. The simulator serves the devices elsewhere (loopback ports, pseudo-terminals) and says
where in `field.json`; `relocate` gives the utility with those addresses, so that everything else runs unchanged.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tieline.config.device import Device
from tieline.config.dnp3 import Dnp3Device, Dnp3TcpServer, Dnp3Tls, Dnp3TlsServer, Dnp3Udp
from tieline.config.fields import Host, Port, Strict
from tieline.config.folder import Site, Utility
from tieline.config.iec61850 import GooseMonitoring, Iec61850Device, Iec61850Tls
from tieline.config.modbus import ModbusDevice, TlsConnection
from tieline.config.network import Watch
from tieline.config.outstation import Outstation
from tieline.config.snmp import SnmpDevice
from tieline.config.transports import SerialLine, TlsFiles
from tieline.model import ConfigError, LocalError, UnavailableError

C = TypeVar("C", bound=Strict)
_LOOPBACK = "127.0.0.1"

FIELD_FILE = "field.json"
"""The name of the address book in the simulator's data directory."""


class NetworkPlace(Strict):
    """A socket."""

    host: Host
    port: Port

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SerialPlace(Strict):
    """A serial line."""

    serial_port: str

    def __str__(self) -> str:
        return self.serial_port


class InterfacePlace(Strict):
    """A network interface, for frames without addresses of IP: GOOSE."""

    interface: str

    def __str__(self) -> str:
        return self.interface


Place = NetworkPlace | SerialPlace | InterfacePlace
AddressBook = Mapping[str, Place]
"""`site/device`: where it is served; `goose_key(site)`: where its GOOSE is published; `traps_key(site)`, `syslog_key(site)`: where the
site's gateway listens for what its network tells."""

_BOOK = TypeAdapter(dict[str, Place])


def goose_key(site: str) -> str:
    """The key of a site's GOOSE in the address book; no device can be named like that."""
    return f"{site}/[goose]"


def traps_key(site: str) -> str:
    """The key of where a site's gateway listens for notifications (SNMP)."""
    return f"{site}/[traps]"


def syslog_key(site: str) -> str:
    """The key of where a site's gateway listens for syslog."""
    return f"{site}/[syslog]"


def write_book(path: Path, book: AddressBook) -> None:
    """Writes the address book in one step: a reader sees all of it or none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_BOOK.dump_json(dict(book), indent=2) + b"\n")
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error


def read_book(path: Path) -> AddressBook:
    """The address book. Raises `UnavailableError` where there is none, `ConfigError` where it makes no sense."""
    try:
        return _BOOK.validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UnavailableError(f"{path} is not there; is `tieline simulate` running with the same --data?") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is no address book; start `tieline simulate` again, it writes a new one") from error


def relocate(utility: Utility, book: AddressBook) -> Utility:
    """The same utility with each device and outstation at its place in the book, and GOOSE listened to where it is published at all.

    For a connection that the peer opens (`tcp_server`, `tls_server`), the place is where we listen: the simulated device dials there.
    TLS devices of a simulated field show certificates of Tieline's own authority for the name that the folder gives them.
    Raises `ConfigError` where a device is missing or does not fit.
    """
    sites = tuple(
        replace(
            site,
            devices=tuple(_relocate_device(device, book) for device in site.devices),
            outstations=tuple(_relocate_outstation(outstation, book) for outstation in site.outstations),
            goose=_relocate_goose(site, book),
            watch=_relocate_watch(site, book),
        )
        for site in utility.sites
    )
    return replace(utility, sites=sites)


def _relocate_device(device: Device, book: AddressBook) -> Device:
    place = _find(device.path, book)
    match device:
        case ModbusDevice():
            return replace(device, connection=_move(device.path, device.connection, place))
        case Dnp3Device():
            return replace(device, connection=_move(device.path, device.connection, place))
        case Iec61850Device():
            return replace(device, connection=_move(device.path, device.connection, place))
        case SnmpDevice():
            return replace(device, connection=_move(device.path, device.connection, place))
        case _:
            raise LocalError(f"{device.path} is of a protocol without connections: {device.protocol}")


def _relocate_outstation(outstation: Outstation, book: AddressBook) -> Outstation:
    place = _find(outstation.path, book)
    return replace(outstation, connection=_move(outstation.path, outstation.connection, place))


def _relocate_goose(site: Site, book: AddressBook) -> GooseMonitoring | None:
    place = book.get(goose_key(site.name))
    if site.goose is None or not isinstance(place, InterfacePlace):
        return None
    return replace(site.goose, interface=place.interface)


def _relocate_watch(site: Site, book: AddressBook) -> Watch | None:
    """Listening where the simulated nodes send to, and nowhere where the book does not say."""
    if site.watch is None:
        return None
    traps, syslog = book.get(traps_key(site.name)), book.get(syslog_key(site.name))
    return replace(
        site.watch,
        trap_port=traps.port if isinstance(traps, NetworkPlace) else None,
        syslog_port=syslog.port if isinstance(syslog, NetworkPlace) else None,
    )


def _find(path: str, book: AddressBook) -> Place:
    place = book.get(path)
    if place is None:
        raise ConfigError(f"the simulated field has no {path}; start `tieline simulate` again with this folder")
    return place


def _move(path: str, connection: C, place: Place) -> C:
    update: dict[str, object]
    match connection, place:
        case SerialLine(), SerialPlace():
            # A pseudo-terminal carries bytes, not bits: Linux refuses a parity there.
            update = {"serial_port": place.serial_port, "parity": "none"}
        case (SerialLine(), _) | (_, SerialPlace() | InterfacePlace()):
            raise ConfigError(
                f"{path} is simulated on another kind of connection; start `tieline simulate` again with this folder"
            )
        case _, NetworkPlace():
            update = {"host": place.host, "port": place.port}
    if isinstance(connection, TlsFiles):
        update |= dict.fromkeys(TlsFiles.model_fields)
    if isinstance(connection, TlsConnection | Dnp3Tls | Iec61850Tls):
        update["server_name"] = connection.server_name or connection.host
    if isinstance(connection, Dnp3TcpServer | Dnp3TlsServer):
        update["peer_hosts"] = ()  # they are elsewhere
    if isinstance(connection, Dnp3Udp):
        update |= {"local_host": _LOOPBACK, "local_port": 0}
    return connection.model_copy(update=update)
