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

from pydantic import TypeAdapter, ValidationError

from tieline.config.fields import Host, Port, Strict
from tieline.config.folder import Device, Utility
from tieline.config.modbus import Connection, RtuConnection, TlsConnection
from tieline.model import ConfigError, UnavailableError

FIELD_FILE = "field.json"
"""The name of the address book in the simulator's data directory."""


class NetworkPlace(Strict):
    """A socket."""

    host: Host
    port: Port


class SerialPlace(Strict):
    """A serial line."""

    serial_port: str


Place = NetworkPlace | SerialPlace
AddressBook = Mapping[str, Place]
"""`site/device`: where it is served."""

_BOOK = TypeAdapter(dict[str, Place])


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
    """The same utility with each device at its place in the book. Raises `ConfigError` where a device is missing or does not fit.

    TLS devices of a simulated field show certificates of Tieline's own authority for the name that the folder gives them.
    """
    sites = tuple(
        replace(site, devices=tuple(_relocate_device(device, book) for device in site.devices)) for site in utility.sites
    )
    return replace(utility, sites=sites)


def _relocate_device(device: Device, book: AddressBook) -> Device:
    place = book.get(device.path)
    if place is None:
        raise ConfigError(f"the simulated field has no {device.path}; start `tieline simulate` again with this folder")
    return replace(device, connection=_move(device, place))


def _move(device: Device, place: Place) -> Connection:
    connection = device.connection
    if isinstance(connection, RtuConnection):
        if isinstance(place, SerialPlace):
            # A pseudo-terminal carries bytes, not bits: Linux refuses a parity there.
            return connection.model_copy(update={"serial_port": place.serial_port, "parity": "none"})
    elif isinstance(place, NetworkPlace):
        update: dict[str, object] = {"host": place.host, "port": place.port}
        if isinstance(connection, TlsConnection):
            update["server_name"] = connection.server_name or connection.host
            update |= {"authority_file": None, "certificate_file": None, "key_file": None}
        return connection.model_copy(update=update)
    raise ConfigError(
        f"{device.path} is simulated on another kind of connection; start `tieline simulate` again with this folder"
    )
