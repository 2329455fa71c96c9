"""What of a folder's devices can be reached by remote access, and mistakes in saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.field import NetworkPlace, SerialPlace, relocate

from .folders import UTILITY, findings_of, write

SITE = """\
[remote]
kbps = 2000

[[devices]]
name = "rtu-1"
protocol = "modbus"
polls = { fast = 1.0 }

[devices.connection]
transport = "tcp"
host = "10.1.1.11"

[[devices.maintenance]]
name = "web"
port = 443
description = "its own pages"

[[devices.maintenance]]
name = "console"
host = "10.1.1.99"
port = 22

[[devices]]
name = "meter-1"
protocol = "modbus"
polls = { fast = 1.0 }

[devices.connection]
transport = "rtu"
serial_port = "/dev/ttyS1"
"""
POINTS = "name,kind,unit,table,address,type,poll\np,analog,MW,input_register,0,int16,fast\n"


def folder(tmp_path: Path, site: str = SITE, more: str = "") -> Path:
    files = {"utility.toml": UTILITY + more, "sites/alpha/site.toml": site}
    return write(tmp_path, files | {f"sites/alpha/points/{name}.csv": POINTS for name in ("rtu-1", "meter-1")})


def test_a_protocol_over_tcp_is_a_service_by_itself_and_others_are_named(tmp_path: Path) -> None:
    remote = read_folder(folder(tmp_path)).site("alpha").remote
    assert [(each.device, each.name, each.host, each.port) for each in remote.services] == [
        ("rtu-1", "modbus", "10.1.1.11", 502),
        ("rtu-1", "web", "10.1.1.11", 443),
        ("rtu-1", "console", "10.1.1.99", 22),
    ]
    assert (remote.allowed, remote.kbps) == (True, 2000)
    assert remote.service("rtu-1", "ssh") is None


def test_what_may_be_reached_stays_that_of_the_folder_where_the_field_is_simulated(tmp_path: Path) -> None:
    utility = read_folder(folder(tmp_path))
    book = {"alpha/rtu-1": NetworkPlace(host="127.0.0.1", port=5020), "alpha/meter-1": SerialPlace(serial_port="/dev/pts/9")}
    assert relocate(utility, book).site("alpha").remote == utility.site("alpha").remote


def test_remote_access_is_off_without_a_port_and_a_site_may_refuse_it(tmp_path: Path) -> None:
    assert read_folder(folder(tmp_path)).dmz.remote_port is None
    shut = SITE.replace("kbps = 2000", "allowed = false")
    utility = read_folder(folder(tmp_path / "other", shut, "[dmz]\nremote_port = 7443\n[remote]\nlongest_hours = 2\n"))
    assert (utility.dmz.remote_port, utility.remote.longest_hours) == (7443, 2)
    assert not utility.site("alpha").remote.allowed


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "console"', 'name = "web"', "the service web is there twice"),
        ('name = "console"', 'name = "modbus"', "named like the protocol"),
        (
            'serial_port = "/dev/ttyS1"',
            'serial_port = "/dev/ttyS1"\n[[devices.maintenance]]\nname = "web"\nport = 80',
            "write host",
        ),
        ("port = 443", "port = 0", "port"),
        ("kbps = 2000", "kbps = 1", "kbps"),
    ],
)
def test_a_mistake_is_reported(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SITE
    found = findings_of(folder(tmp_path, SITE.replace(old, new, 1)))
    assert len(found) == 1
    assert words in str(found[0])
