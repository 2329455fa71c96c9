"""What tables of agents mean: what real ones have shown, and anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.protocols.snmp import Value
from tieline.protocols.snmp import view as v
from tieline.protocols.snmp.view import AgentView, Detection, PoePort, poe_set, read_view

Cells = dict[tuple[int, ...], Value]


def lldp(
    *,
    chassis: tuple[int, bytes] = (4, bytes(6)),
    port: tuple[int, bytes] = (5, b"p1"),
    row: tuple[int, int, int] = (0, 2, 1),
    name: bytes = b"sw",
) -> dict[tuple[int, ...], Cells]:
    return {
        v.LLDP_REM_CHASSIS_KIND: {row: chassis[0]},
        v.LLDP_REM_CHASSIS: {row: chassis[1]},
        v.LLDP_REM_PORT_KIND: {row: port[0]},
        v.LLDP_REM_PORT: {row: port[1]},
        v.LLDP_REM_NAME: {row: name},
    }


@pytest.mark.parametrize(
    ("chassis", "text"),
    [
        ((4, bytes.fromhex("0050c2aabbcc")), "00:50:c2:aa:bb:cc"),  # a MAC address
        ((5, b"\x01\xc0\x00\x02\x01"), "192.0.2.1"),  # a network address, IPv4
        ((5, b"\x02" + bytes(15) + b"\x01"), "::1"),
        ((5, b"\x07abc"), ""),  # of a family that is not known
        ((7, b"relay-7"), "relay-7"),  # locally assigned
        ((7, b"\x00\xff\x10"), "00:ff:10"),  # whatever that is
        ((5, b""), ""),
    ],
)
def test_a_chassis_is_named_by_its_kind(chassis: tuple[int, bytes], text: str) -> None:
    assert read_view({}, lldp(chassis=chassis)).neighbors[0].chassis == text


def test_a_port_is_named_by_its_kind() -> None:
    named, addressed = read_view({}, lldp()).neighbors[0], read_view({}, lldp(port=(3, bytes(6)))).neighbors[0]
    assert (named.port, named.is_port_named) == ("p1", True)
    assert (addressed.port, addressed.is_port_named) == ("00:00:00:00:00:00", False)


def test_addresses_at_which_a_neighbor_is_managed_are_in_the_rows_of_their_table() -> None:
    table = lldp()
    table[v.LLDP_REM_ADDRESS] = {
        (0, 2, 1, 1, 4, 192, 0, 2, 9): 2,
        (0, 2, 1, 2, 16, *bytes(15), 1): 2,
        (0, 2, 1, 1, 4, 192, 0, 2): 2,  # cut off
        (0, 2, 1, 1, 4, 192, 0, 2, 999): 2,
        (0, 2, 1): 2,
    }
    assert read_view({}, table).neighbors[0].addresses == ("192.0.2.9", "::1")


def test_of_two_rows_of_one_neighbor_the_newer_counts() -> None:
    table = lldp(row=(100, 2, 1), name=b"old")
    for column, cells in lldp(row=(200, 2, 1), name=b"new").items():
        table[column] |= cells
    assert [each.system_name for each in read_view({}, table).neighbors] == ["new"]


@pytest.mark.parametrize(
    ("local", "interfaces"),
    [
        # Of lldpd the number is the ifIndex; switches have numbers of their own, and name the port as they please.
        ({}, {v.IF_NAME: {(7,): b"Gi1/7"}}),
        ({v.LLDP_PORT_KIND: {(7,): 5}, v.LLDP_PORT_ID: {(7,): b"Gi1/3"}}, {v.IF_NAME: {(10103,): b"Gi1/3"}}),
        (
            {v.LLDP_PORT_KIND: {(7,): 3}, v.LLDP_PORT_ID: {(7,): b"\x00\x50\xc2\x00\x00\x03"}},
            {v.IF_NAME: {(10103,): b"3"}, v.IF_MAC: {(10103,): b"\x00\x50\xc2\x00\x00\x03"}},
        ),
        (
            {v.LLDP_PORT_KIND: {(7,): 7}, v.LLDP_PORT_ID: {(7,): b"7"}, v.LLDP_PORT_DESCR: {(7,): b"GigabitEthernet1/3"}},
            {v.IF_DESCR: {(10103,): b"GigabitEthernet1/3"}},
        ),
        (
            {v.LLDP_PORT_KIND: {(7,): 1}, v.LLDP_PORT_ID: {(7,): b"uplink"}},
            {v.IF_NAME: {(10103,): b"3"}, v.IF_ALIAS: {(10103,): b"uplink"}},
        ),
    ],
    ids=["index", "name", "mac", "description", "alias"],
)
def test_the_port_of_a_neighbor_is_found_among_the_interfaces(
    local: dict[tuple[int, ...], Cells], interfaces: dict[tuple[int, ...], Cells]
) -> None:
    view = read_view({}, {**lldp(row=(0, 7, 1)), **local, **interfaces})
    assert view.neighbors[0].local_interface in view.interfaces


def test_a_neighbor_at_a_port_that_cannot_be_told_is_still_there() -> None:
    assert read_view({}, lldp(row=(0, 7, 1))).neighbors[0].local_interface is None


@pytest.mark.parametrize(
    ("high", "bits", "mbps"),
    [
        (1000, 1_000_000_000, 1000),
        (10_000, 2**32 - 1, 10_000),
        (0, 0, None),
        (0, 64_000, 0.064),
        (None, 100_000_000, 100),
        (40_000, 0, 40_000),
    ],
)
def test_a_speed_is_the_one_that_was_not_cut(high: int | None, bits: int, mbps: float | None) -> None:
    table: dict[tuple[int, ...], Cells] = {v.IF_OPER: {(1,): 1}, v.IF_SPEED: {(1,): bits}}
    if high is not None:
        table[v.IF_HIGH_SPEED] = {(1,): high}
    assert read_view({}, table).interfaces[1].speed_mbps == mbps


def test_counters_are_long_where_both_directions_are() -> None:
    short: dict[tuple[int, ...], Cells] = {
        v.IF_OPER: {(1,): 1},
        v.IF_IN_OCTETS: {(1,): 5},
        v.IF_OUT_OCTETS: {(1,): 6},
        v.IF_HC_IN_OCTETS: {(1,): 2**40},
    }
    one = read_view({}, short).interfaces[1]
    assert (one.is_hc, one.in_octets, one.out_octets, one.in_errors) == (False, 5, 6, None)
    two = read_view({}, {**short, v.IF_HC_OUT_OCTETS: {(1,): 2**41}}).interfaces[1]
    assert (two.is_hc, two.in_octets, two.out_octets) == (True, 2**40, 2**41)


@pytest.mark.parametrize("column", list(v.POE_WATTS))
def test_watts_of_a_port_are_read_where_its_vendor_has_them(column: tuple[int, ...]) -> None:
    table: dict[tuple[int, ...], Cells] = {v.POE_ADMIN: {(1, 7): 1}, v.POE_DETECTION: {(1, 7): 3}, column: {(1, 7): 15_400}}
    port = read_view({}, table).poe_ports[0]
    assert port.power_w == pytest.approx(15.4)
    assert (port.is_delivering, port.status, port.power_class) == (True, "delivering power", None)
    assert poe_set(port, False) == {(*v.POE_ADMIN, 1, 7): 2}
    assert port.detection_oid == (*v.POE_DETECTION, 1, 7)


def test_a_detection_that_no_standard_has_is_none() -> None:
    view = read_view({}, {v.POE_DETECTION: {(1, 1): 99, (1, 2): 4}})
    assert view.poe_ports[0] == PoePort(group=1, number=1)
    assert view.poe_ports[0].status == ""
    assert view.poe_ports[1].detection is Detection.FAULT


def test_temperature_comes_from_the_first_sensor_that_is_in_order() -> None:
    kinds: Cells = {(1,): 4, (2,): 8, (3,): 8, (4,): 8}
    values: Cells = {(1,): 12, (2,): 300, (3,): 39_500, (4,): 50}
    table: dict[tuple[int, ...], Cells] = {
        v.SENSOR_TYPE: kinds,
        v.SENSOR_VALUE: values,
        v.SENSOR_STATUS: {(2,): 3, (3,): 1},
        v.SENSOR_SCALE: {(3,): 8},  # thousandths
    }
    assert read_view({}, table).temperature_c == pytest.approx(39.5)
    assert (
        read_view({}, {v.SENSOR_TYPE: {(1,): 8}, v.SENSOR_VALUE: {(1,): 5}, v.SENSOR_PRECISION: {(1,): 99}}).temperature_c is None
    )


@pytest.mark.parametrize("column", list(v.CELSIUS))
def test_temperature_is_that_of_the_vendor_where_the_standard_has_none(column: tuple[int, ...]) -> None:
    table: dict[tuple[int, ...], Cells] = {column: {(1006,): 44, (1005,): 41}}
    assert read_view({}, table).temperature_c == pytest.approx(41)
    table |= {v.SENSOR_TYPE: {(1,): 8}, v.SENSOR_VALUE: {(1,): 5}}
    assert read_view({}, table).temperature_c == pytest.approx(5)


def test_supplies_come_from_their_state_or_from_the_environment_monitor() -> None:
    entities: dict[tuple[int, ...], Cells] = {
        v.ENTITY_CLASS: {(1,): 3, (2,): 6, (3,): 6, (4,): 6},
        v.ENTITY_NAME: {(2,): b"PS1"},
        v.ENTITY_DESCR: {(3,): b"DC input B"},
        v.ENTITY_OPER: {(2,): 3, (3,): 2},
    }
    assert [(each.name, each.is_good) for each in read_view({}, entities).supplies] == [("PS1", True), ("DC input B", False)]
    monitor: dict[tuple[int, ...], Cells] = {v.ENVMON_SUPPLY_STATE: {(1,): 1, (2,): 3}, v.ENVMON_SUPPLY_NAME: {(1,): b"A"}}
    assert [(each.name, each.is_good) for each in read_view({}, monitor).supplies] == [("A", True), ("supply 2", False)]


def test_firmware_is_that_of_the_chassis_or_of_what_says_it() -> None:
    table: dict[tuple[int, ...], Cells] = {
        v.ENTITY_CLASS: {(1,): 9, (5,): 3},
        v.ENTITY_SOFTWARE: {(1,): b"1.0"},
        v.ENTITY_FIRMWARE: {(5,): b"boot 7"},
    }
    assert read_view({}, table).firmware == "1.0"
    table[v.ENTITY_SOFTWARE][(5,)] = b"2.0\x00"
    assert read_view({}, table).firmware == "2.0"


def test_an_agent_that_says_nothing_gives_nothing() -> None:
    assert read_view({}, {}) == AgentView()


COLUMNS = [*v.STATE_COLUMNS, *v.TOPOLOGY_COLUMNS, *v.INVENTORY_COLUMNS]
ROWS = st.lists(st.integers(0, 300), max_size=8).map(tuple)
VALUES = st.one_of(st.integers(-(2**63), 2**64), st.binary(max_size=20), st.lists(st.integers(0, 9), max_size=4).map(tuple))


@given(
    st.dictionaries(st.sampled_from(v.SCALARS), VALUES),
    st.dictionaries(
        st.sampled_from(COLUMNS),
        st.dictionaries(st.one_of(ROWS, st.just((1,)), st.just((1, 1)), st.just((0, 1, 1))), VALUES, max_size=4),
    ),
)
def test_any_cells_give_a_view(scalars: dict[tuple[int, ...], Value], table: dict[tuple[int, ...], Cells]) -> None:
    view = read_view(scalars, table)
    for neighbor in view.neighbors:
        assert (neighbor.chassis + neighbor.port + neighbor.system_name).isprintable()
    for port in view.poe_ports:
        assert port.status.isprintable()
    assert view.system.uptime_s is None or isinstance(view.system.uptime_s, float)
