from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import RtuConnection, TcpConnection, TlsConnection, Utility, read_folder
from tieline.config.field import NetworkPlace, Place, SerialPlace, read_book, relocate, write_book
from tieline.model import ConfigError, UnavailableError

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"


@pytest.fixture
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
def book(utility: Utility) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for number, device in enumerate(device for site in utility.sites for device in site.devices):
        is_serial = isinstance(device.connection, RtuConnection)
        places[device.path] = (
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
            assert new.connection.unit == old.connection.unit
            if isinstance(new.connection, TcpConnection | TlsConnection):
                assert new.connection.host == "127.0.0.1"
                assert new.connection.port >= 4000
            else:
                assert new.connection.serial_port == "/dev/pts/3"


def test_a_tls_device_keeps_the_name_that_its_certificate_has(utility: Utility, book: dict[str, Place]) -> None:
    device = next(device for device in relocate(utility, book).site("northgate").devices if device.name == "rtu-2")
    assert isinstance(device.connection, TlsConnection)
    assert device.connection.server_name == "rtu-2.northgate.ridgeway.example"


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
