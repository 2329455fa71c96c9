from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import (
    Dnp3Device,
    Iec61850Device,
    ModbusDevice,
    Outstation,
    RtuConnection,
    TlsConnection,
    Utility,
    read_folder,
)
from tieline.config.dnp3 import Dnp3Connection, Dnp3Serial, Dnp3TcpServer, Dnp3Tls, Dnp3TlsServer, Dnp3Udp
from tieline.config.field import NetworkPlace, Place, SerialPlace, read_book, relocate, write_book
from tieline.config.snmp import SnmpDevice
from tieline.config.transports import SerialLine
from tieline.model import ConfigError, UnavailableError

from .folders import UTILITY, write

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"


@pytest.fixture
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
def book(utility: Utility) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for number, served in enumerate(served for site in utility.sites for served in (*site.devices, *site.outstations)):
        assert isinstance(served, ModbusDevice | Dnp3Device | Iec61850Device | SnmpDevice | Outstation)
        is_serial = isinstance(served.connection, SerialLine)
        places[served.path] = (
            SerialPlace(serial_port="/dev/pts/3") if is_serial else NetworkPlace(host="127.0.0.1", port=4000 + number)
        )
    return places


def test_a_book_is_read_as_it_was_written(tmp_path: Path, book: dict[str, Place]) -> None:
    write_book(tmp_path / "new" / "field.json", book)
    assert read_book(tmp_path / "new" / "field.json") == book
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["field.json"]


def test_relocation_changes_addresses_and_nothing_else(utility: Utility, book: dict[str, Place]) -> None:
    moved = relocate(utility, book)
    assert moved.points == utility.points
    for before, after in zip(utility.sites, moved.sites, strict=True):
        for old, new in zip(before.devices, after.devices, strict=True):
            assert (new.path, new.rows) == (old.path, old.rows)
            if not (isinstance(new, ModbusDevice) and isinstance(old, ModbusDevice)):
                continue
            assert new.connection.unit == old.connection.unit
            if isinstance(new.connection, RtuConnection):
                assert new.connection.serial_port == "/dev/pts/3"
            else:
                assert new.connection.host == "127.0.0.1"
                assert new.connection.port >= 4000


def test_a_tls_device_keeps_the_name_that_its_certificate_has(tmp_path: Path) -> None:
    site = (
        '[[devices]]\nname = "rtu-2"\nprotocol = "modbus"\npolls = { slow = 5 }\n'
        '[devices.connection]\ntransport = "tls"\nhost = "rtu-2.example"\n'
    )
    points = "name,kind,table,address,poll\nx,analog,input_register,0,slow\n"
    write(tmp_path, {"utility.toml": UTILITY, "sites/alpha/site.toml": site, "sites/alpha/points/rtu-2.csv": points})
    moved = relocate(read_folder(tmp_path), {"alpha/rtu-2": NetworkPlace(host="127.0.0.1", port=4000)})
    (device,) = moved.site("alpha").devices
    assert isinstance(device, ModbusDevice)
    assert isinstance(device.connection, TlsConnection)
    assert (device.connection.host, device.connection.server_name) == ("127.0.0.1", "rtu-2.example")


def test_a_device_that_the_book_leaves_out_is_an_error(utility: Utility, book: dict[str, Place]) -> None:
    del book["sunfield/bess-1"]
    with pytest.raises(ConfigError, match="sunfield/bess-1"):
        relocate(utility, book)


def test_a_device_on_another_kind_of_connection_is_an_error(utility: Utility, book: dict[str, Place]) -> None:
    book["sunfield/bess-1"] = SerialPlace(serial_port="/dev/pts/9")
    with pytest.raises(ConfigError, match="sunfield/bess-1"):
        relocate(utility, book)


def test_no_book_and_a_broken_book_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="tieline simulate"):
        read_book(tmp_path / "field.json")
    (tmp_path / "field.json").write_text('{"a": ')
    with pytest.raises(ConfigError, match="no address book"):
        read_book(tmp_path / "field.json")


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"field\.json cannot be written"):
        write_book(tmp_path / "file" / "field.json", {})


FIVE = {
    "dialed": 'transport = "tls"\nhost = "a.example"\nauthority_file = "ca.pem"',
    "dialing": 'transport = "tcp_server"\nhost = "10.1.1.1"\npeer_hosts = ["10.9.0.1"]',
    "secure": 'transport = "tls_server"\nhost = "10.1.1.1"\npeer_name = "secure.example"',
    "datagrams": 'transport = "udp"\nhost = "10.1.1.11"',
    "line": 'transport = "serial"\nserial_port = "/dev/ttyS1"\nparity = "even"',
}


@pytest.fixture
def dnp3(tmp_path: Path) -> Utility:
    """One DNP3 device for each kind of connection, and an outstation."""
    sections = [
        f'[[devices]]\nname = "{name}"\nprotocol = "dnp3"\noutstation = 10\nmaster = 1\n[devices.connection]\n{connection}\n'
        for name, connection in FIVE.items()
    ]
    outstation = (
        '[[outstations]]\nname = "scada"\noutstation = 9\nmasters = [1]\n'
        '[outstations.connection]\ntransport = "tcp_server"\nhost = "10.1.1.1"\nport = 20001\n'
    )
    write(tmp_path, {f"sites/alpha/points/{name}.csv": "name,kind,group,index\nx,binary,1,0\n" for name in FIVE})
    write(tmp_path, {"sites/alpha/outstations/scada.csv": "point,group,index\nline/x,1,0\n"})
    write(tmp_path, {"utility.toml": UTILITY, "sites/alpha/site.toml": "\n".join([*sections, outstation]), "ca.pem": ""})
    return read_folder(tmp_path)


def places(utility: Utility) -> dict[str, Place]:
    site = utility.site("alpha")
    names = [*(device.path for device in site.devices), *(outstation.path for outstation in site.outstations)]
    book: dict[str, Place] = {name: NetworkPlace(host="127.0.0.1", port=4000 + at) for at, name in enumerate(names)}
    return book | {"alpha/line": SerialPlace(serial_port="/dev/pts/3")}


def test_dnp3_devices_move_with_every_kind_of_connection(dnp3: Utility) -> None:
    site = relocate(dnp3, places(dnp3)).site("alpha")
    moved: dict[str, Dnp3Connection] = {}
    for device in site.devices:
        assert isinstance(device, Dnp3Device)
        assert (device.outstation, device.master) == (10, 1)
        moved[device.name] = device.connection
    dialed, dialing, secure, datagrams, line = moved.values()
    assert isinstance(dialed, Dnp3Tls)
    assert (dialed.host, dialed.port, dialed.server_name, dialed.authority_file) == ("127.0.0.1", 4000, "a.example", None)
    assert isinstance(dialing, Dnp3TcpServer)
    assert (dialing.host, dialing.port, dialing.peer_hosts) == ("127.0.0.1", 4001, ())
    assert isinstance(secure, Dnp3TlsServer)
    assert (secure.port, secure.peer_name) == (4002, "secure.example")
    assert isinstance(datagrams, Dnp3Udp)
    assert (datagrams.port, datagrams.local_host, datagrams.local_port) == (4003, "127.0.0.1", 0)
    assert isinstance(line, Dnp3Serial)
    assert (line.serial_port, line.parity) == ("/dev/pts/3", "none")


def test_outstations_move_too(dnp3: Utility) -> None:
    (outstation,) = relocate(dnp3, places(dnp3)).site("alpha").outstations
    assert isinstance(outstation.connection, Dnp3TcpServer)
    assert (outstation.connection.host, outstation.connection.port) == ("127.0.0.1", 4005)
    assert outstation.points == dnp3.site("alpha").outstations[0].points
    with pytest.raises(ConfigError, match="alpha/scada"):
        relocate(dnp3, {path: place for path, place in places(dnp3).items() if path != "alpha/scada"})


def test_a_serial_line_does_not_become_a_socket(dnp3: Utility) -> None:
    with pytest.raises(ConfigError, match="alpha/line is simulated on another kind of connection"):
        relocate(dnp3, places(dnp3) | {"alpha/line": NetworkPlace(host="127.0.0.1", port=4000)})
