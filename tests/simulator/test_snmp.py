"""The agents of the example's watched nodes, as Debian's own tools and the gateway's session see them."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tieline.config import Utility, read_folder
from tieline.config.field import NetworkPlace
from tieline.config.snmp import SnmpDevice as Section
from tieline.edge.snmp.session import SnmpSession
from tieline.model import ConfigError, LocalError, UnavailableError
from tieline.protocols.goose.ber import element, integer, read_header
from tieline.protocols.snmp import SnmpKeys
from tieline.protocols.snmp.view import (
    INVENTORY_COLUMNS,
    SCALARS,
    STATE_COLUMNS,
    SYS_NAME,
    TOPOLOGY_COLUMNS,
    AgentView,
    read_view,
)
from tieline.security.network_keys import key_files, read_keys
from tieline.simulator import NORMAL, QUIET, Behavior, Field, Scenario, SnmpDevice
from tieline.simulator.devices.snmp_security import encode_oid
from tieline.simulator.devices.snmp_table import Table, Value, number, octets

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
COLUMNS = (*STATE_COLUMNS, *TOPOLOGY_COLUMNS, *INVENTORY_COLUMNS)
NEEDS_TOOLS = pytest.mark.skipif(shutil.which("snmpbulkwalk") is None, reason="needs Debian's snmp")


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
async def field(utility: Utility, tmp_path: Path) -> AsyncIterator[Field]:
    async with Field(utility, data=tmp_path, scenario=QUIET) as field:
        yield field


def session(field: Field, path: str, data: Path, *, retries: int = 0, timeout_s: float = 5.0) -> SnmpSession:
    place, keys = field.book[path], read_keys(data, path.partition("/")[2])
    assert isinstance(place, NetworkPlace)
    ours = SnmpKeys(user="tieline", auth_secret=keys.auth, priv_secret=keys.priv)
    return SnmpSession(place.host, place.port, ours, timeout_s=timeout_s, retries=retries)


async def look(field: Field, path: str, data: Path) -> AgentView:
    asking = session(field, path, data)
    try:
        return read_view(await asking.get(SCALARS), await asking.walk(COLUMNS))
    finally:
        asking.close()


async def is_answered(field: Field, path: str, data: Path) -> bool:
    asking = session(field, path, data, timeout_s=0.2)
    try:
        await asking.get(SCALARS)
    except UnavailableError:
        return False
    finally:
        asking.close()
    return True


def agent(field: Field, path: str) -> SnmpDevice:
    device = field.device(path)
    assert isinstance(device, SnmpDevice)
    return device


def shown(device: SnmpDevice) -> Mapping[str, float]:
    return dict(zip((point.name for point in device.points), device.values.tolist(), strict=True))


async def tool(field: Field, path: str, data: Path, command: str, *arguments: str, priv: str | None = None) -> tuple[str, str]:
    keys = read_keys(data, path.partition("/")[2])
    secrets = ["-a", "SHA-256", "-A", keys.auth, "-x", "AES", "-X", priv or keys.priv]
    head = [command, "-v3", "-l", "authPriv", "-u", "tieline", *secrets, "-r0", "-On", f"udp:{field.book[path]}"]
    process = await asyncio.create_subprocess_exec(
        *head, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, complained = await process.communicate()
    return said.decode(), complained.decode()


@NEEDS_TOOLS
async def test_a_stranger_walks_an_agent_to_its_end_and_switches_a_camera(field: Field, tmp_path: Path) -> None:
    path = "northgate/ng-cam-sw"
    one, _ = await tool(field, path, tmp_path, "snmpbulkwalk", ".1")
    other, _ = await tool(field, path, tmp_path, "snmpwalk", ".1")
    assert one.count("\n") == other.count("\n") > 300
    assert "past the end of the MIB tree" in one
    oids = [[int(part) for part in line.split(" ", 1)[0].strip(".").split(".")] for line in one.splitlines()[:-1]]
    assert oids == sorted(oids)
    said, _ = await tool(field, path, tmp_path, "snmpset", ".1.3.6.1.2.1.105.1.1.1.3.1.1", "i", "2")
    assert said.endswith("INTEGER: 2\n")
    said, _ = await tool(field, path, tmp_path, "snmpget", ".1.3.6.1.2.1.2.2.1.8.1", ".1.3.6.1.2.1.105.1.1.1.6.1.1")
    assert re.findall(r"INTEGER: (\d)", said) == ["2", "1"]
    values = shown(agent(field, path))
    assert (values["port-1-link"], values["port-1-poe"], values["port-1-poe_switch"]) == (0, 0, 0)
    for oid, kind, value, reason in (
        (".1.3.6.1.2.1.105.1.1.1.3.1.1", "i", "3", "wrongValue"),
        (".1.3.6.1.2.1.105.1.1.1.3.1.1", "s", "1", "wrongType"),
        (".1.3.6.1.2.1.1.5.0", "s", "mine", "notWritable"),
        (".1.3.6.1.2.1.1.5.7", "s", "mine", "noAccess"),
    ):
        assert reason in (await tool(field, path, tmp_path, "snmpset", oid, kind, value))[1]
    absent, _ = await tool(field, path, tmp_path, "snmpget", ".1.3.6.1.2.1.2.2.1.8.99", ".1.3.6.1.2.1.999.1")
    assert "No Such Instance" in absent
    assert "No Such Object" in absent
    assert "Decryption error" in (await tool(field, path, tmp_path, "snmpget", ".1.3", priv="of-somebody-else"))[1]


async def test_the_gateway_sees_every_node_as_designed_and_keys_are_private(
    field: Field, utility: Utility, tmp_path: Path
) -> None:
    sections = [device for site in utility.sites for device in site.devices if isinstance(device, Section)]
    assert len(sections) > 15
    engines = set()
    for section in sections:
        asking = session(field, section.path, tmp_path)
        view = read_view(await asking.get(SCALARS), await asking.walk(COLUMNS))
        engines.add(asking.engine_id)
        asking.close()
        assert view.system.name == section.name
        by_name = {each.name: each for each in view.interfaces.values()}
        assert {port.interface: port.is_linked for port in section.ports} == {name: each.is_up for name, each in by_name.items()}
        assert all(by_name[port.interface].is_enabled != port.is_disabled for port in section.ports)
        assert all(by_name[port.interface].speed_mbps == port.speed_mbps for port in section.ports if port.is_linked)
        designed = {(p.interface, p.neighbor.node, p.neighbor.interface) for p in section.ports if p.neighbor is not None}
        found = {(view.interfaces[each.local_interface or 0].name, each.system_name, each.port) for each in view.neighbors}
        assert designed == found
        assert view.temperature_c is not None
        assert 20 < view.temperature_c < 60
        assert len(view.supplies) >= 1
        assert all(supply.is_good for supply in view.supplies)
        feeding = {port.interface for port in section.ports if port.feeds}
        assert {view.interfaces[port.number].name for port in view.poe_ports if port.is_delivering} == feeding
        assert all(key.stat().st_mode & 0o077 == 0 for key in key_files(tmp_path, section.name))
    assert len(engines) == len(sections)


async def test_what_happens_in_the_network_shows_at_both_ends_and_beyond_it_is_silence(utility: Utility, tmp_path: Path) -> None:
    scenario = Scenario.model_validate(
        {
            "events": [
                {"at_s": 1, "link": "mb-ring1", "for_s": 8},
                {"at_s": 1, "cable_swap": ["ng-acc/16", "ng-acc/17"]},
                {"at_s": 1, "port_errors": "ng-acc/3", "per_s": 7},
                {"at_s": 1, "firmware": "sf-s1", "version": "6.6.6"},
                {"at_s": 1, "supply": "sf-field1"},
                {"at_s": 3, "link": "ng-fw-acc"},
            ],
            "seconds_between_trips": "inf",
        }
    )
    async with Field(utility, data=tmp_path, scenario=scenario) as field:
        before = (await look(field, "sunfield/sf-s1", tmp_path)).system.boots
        await field.play(2.0)
        assert shown(agent(field, "millbrook/mb-s1"))["port-17-link"] == 0
        assert shown(agent(field, "millbrook/mb-s2"))["port-18-link"] == 0
        view = await look(field, "millbrook/mb-s2", tmp_path)
        assert [each.is_up for each in view.interfaces.values() if each.name.endswith("18")] == [False]
        view = await look(field, "northgate/ng-acc", tmp_path)
        found = {view.interfaces[each.local_interface or 0].name: each.system_name for each in view.neighbors}
        designed = {port.interface: port.neighbor.node for port in agent(field, "northgate/ng-acc").device.ports if port.neighbor}
        assert list(found.values()) == list(designed.values())[::-1]
        assert shown(agent(field, "northgate/ng-acc"))["port-3-errors_per_s"] == 7
        view = await look(field, "sunfield/sf-s1", tmp_path)
        assert view.firmware == "6.6.6"
        assert before is not None
        assert view.system.boots == before + 1
        for path in ("sunfield/sf-s2", "sunfield/inv-1"):
            assert field.device(path).behavior.manner == "silent"
        assert not await is_answered(field, "sunfield/sf-s2", tmp_path)
        await field.play(2.0)
        assert field.device("northgate/ng-fw").behavior.manner == "silent"
        assert field.device("northgate/rtu-1").behavior == NORMAL
        await field.play(6.0)
        assert shown(agent(field, "millbrook/mb-s1"))["port-17-link"] == 1


async def test_an_agent_has_the_manners_of_other_devices(field: Field, tmp_path: Path) -> None:
    path = "millbrook/mb-s1"
    await field.behave(path, Behavior(manner="slow", delay_s=0.05))
    assert (await look(field, path, tmp_path)).system.name == "mb-s1"
    for manner in ("silent", "gone"):
        await field.behave(path, Behavior(manner=manner))
        assert not await is_answered(field, path, tmp_path)
    place = field.book[path]
    await field.behave(path, NORMAL)
    assert field.book[path] == place
    assert (await look(field, path, tmp_path)).system.name == "mb-s1"
    device = agent(field, path)
    with pytest.raises(LocalError, match="shows the communications network"):
        device.change({"port-1-link": 0})
    with pytest.raises(ConfigError, match="no recording"):
        device.watch([0], lambda: None)


async def test_an_agent_that_starts_anew_is_believed_though_its_time_begins_again(utility: Utility, tmp_path: Path) -> None:
    path = "millbrook/mb-s1"
    async with Field(utility, data=tmp_path, scenario=QUIET) as field:
        asking = session(field, path, tmp_path, retries=2)
        await asking.get(SCALARS)
        assert field.communications is not None
        field.communications.load_firmware("mb-s1", "2.0", time.monotonic())
        assert (await asking.get(SCALARS))[SYS_NAME] == b"mb-s1"
        asking.close()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"link": "mb-ring9"}, "a link mb-ring9"),
        ({"duct": "tunnel"}, "a duct tunnel"),
        ({"supply": "x"}, "a supply x"),
        ({"cable_swap": ["ng-acc/1", "ng-acc/15"]}, "a linked port ng-acc/15"),
        ({"port_errors": "ng-acc/15", "per_s": 1}, "a linked port ng-acc/15"),
        ({"firmware": "x", "version": "1"}, "a node x"),
    ],
)
def test_a_scenario_that_names_an_unknown_part_of_the_network_is_refused(
    event: dict[str, object], words: str, utility: Utility, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        Field(utility, data=tmp_path, scenario=Scenario.model_validate({"events": [{"at_s": 1, **event}]}))


def request(tag: int, first: int, second: int, *oids: tuple[int, ...]) -> bytes:
    bindings = b"".join(element(0x30, encode_oid(oid) + b"\x05\x00") for oid in oids)
    numbers = b"".join(element(0x02, integer(value)) for value in (77, first, second))
    return element(tag, numbers + element(0x30, bindings))


def read_response(pdu: bytes | None) -> tuple[int, list[bytes]]:
    """Error status, and bindings without their tags."""
    assert pdu is not None
    _, at, stop = read_header(pdu, 0, len(pdu))
    status = 0
    for which in range(3):
        _, start, at = read_header(pdu, at, stop)
        status = pdu[start] if which == 1 else status
    _, at, stop = read_header(pdu, at, stop)
    found = []
    while at < stop:
        _, start, at = read_header(pdu, at, stop)
        found.append(pdu[start:at])
    return status, found


ROWS: dict[tuple[int, ...], Value] = {
    (1, 3, 1, 1): number(1),
    (1, 3, 1, 200): octets("x" * 40),
    (1, 3, 1, 16_500): octets("y" * 40),
    (1, 3, 2, 1): number(4),
}
TABLE = Table(ROWS, {}, frozenset({(1, 3, 1), (1, 3, 2)}))


def test_bulk_goes_column_by_column_in_numerical_order_and_ends_at_the_end() -> None:
    status, found = read_response(TABLE.answer(request(0xA5, 1, 9, (1, 3), (1, 3, 1, 1), (1, 3, 2)), 0.0, most_octets=1_000))
    first, second, third, fourth = ROWS
    expected = [first, second, fourth, third, fourth, fourth, fourth, fourth, fourth]
    assert status == 0
    assert [binding[: len(encode_oid(oid))] for binding, oid in zip(found, expected, strict=True)] == [
        encode_oid(oid) for oid in expected
    ]
    assert [binding[-2:] == b"\x82\x00" for binding in found] == [False] * 4 + [True, False, True, True, True]


def test_what_does_not_fit_is_left_out_of_bulk_and_too_big_otherwise() -> None:
    status, found = read_response(TABLE.answer(request(0xA5, 0, 9, (1, 3)), 0.0, most_octets=120))
    assert (status, len(found)) == (0, 2)
    assert read_response(TABLE.answer(request(0xA0, 0, 0, (1, 3, 1, 200), (1, 3, 1, 16_500)), 0.0, most_octets=120)) == (1, [])
