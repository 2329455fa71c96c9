"""What read_view makes of real agents: lldpd and snmpd in network namespaces, and the parts of a switch that a script plays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.snmp_agents import SnmpAgent, set_link, two_switches
from tieline.edge.snmp.session import SnmpSession
from tieline.protocols.snmp.view import (
    INVENTORY_COLUMNS,
    SCALARS,
    STATE_COLUMNS,
    TOPOLOGY_COLUMNS,
    AgentView,
    Detection,
    Interface,
    PoePort,
    poe_set,
    read_view,
)

PLAYED: dict[str, tuple[str, str | int]] = {
    # POWER-ETHERNET-MIB: two ports of group 1, one of which delivers; CISCO-POWER-ETHERNET-EXT-MIB: its watts
    "1.3.6.1.2.1.105.1.1.1.3.1.1": ("integer", 1),
    "1.3.6.1.2.1.105.1.1.1.6.1.1": ("integer", 3),
    "1.3.6.1.2.1.105.1.1.1.10.1.1": ("integer", 5),
    "1.3.6.1.2.1.105.1.1.1.3.1.2": ("integer", 2),
    "1.3.6.1.2.1.105.1.1.1.6.1.2": ("integer", 1),
    "1.3.6.1.2.1.105.1.3.1.1.2.1": ("gauge", 120),
    "1.3.6.1.2.1.105.1.3.1.1.4.1": ("gauge", 13),
    "1.3.6.1.4.1.9.9.402.1.2.1.9.1.1": ("gauge", 12_400),
    # ENTITY-MIB: a chassis, a thermometer; ENTITY-SENSOR-MIB: 41.5 degrees Celsius
    "1.3.6.1.2.1.47.1.1.1.1.5.1": ("integer", 3),
    "1.3.6.1.2.1.47.1.1.1.1.5.7": ("integer", 8),
    "1.3.6.1.2.1.47.1.1.1.1.10.1": ("string", "15.2(8)E"),
    "1.3.6.1.2.1.47.1.1.1.1.11.1": ("string", "FDO1234"),
    "1.3.6.1.2.1.47.1.1.1.1.13.1": ("string", "IE-4010"),
    "1.3.6.1.2.1.99.1.1.1.1.7": ("integer", 8),
    "1.3.6.1.2.1.99.1.1.1.2.7": ("integer", 9),
    "1.3.6.1.2.1.99.1.1.1.3.7": ("integer", 1),
    "1.3.6.1.2.1.99.1.1.1.4.7": ("integer", 415),
    "1.3.6.1.2.1.99.1.1.1.5.7": ("integer", 1),
    # CISCO-ENVMON-MIB: two supplies, one without power
    "1.3.6.1.4.1.9.9.13.1.5.1.2.1": ("string", "PSU A"),
    "1.3.6.1.4.1.9.9.13.1.5.1.2.2": ("string", "PSU B"),
    "1.3.6.1.4.1.9.9.13.1.5.1.3.1": ("integer", 1),
    "1.3.6.1.4.1.9.9.13.1.5.1.3.2": ("integer", 6),
}


@pytest.fixture(scope="module")
def switches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SnmpAgent, SnmpAgent]]:
    with two_switches(tmp_path_factory.mktemp("switches")) as pair:
        pair[0].put(PLAYED)
        yield pair


async def look(session: SnmpSession) -> AgentView:
    scalars = await session.get(SCALARS)
    return read_view(scalars, await session.walk((*STATE_COLUMNS, *TOPOLOGY_COLUMNS, *INVENTORY_COLUMNS)))


def named(view: AgentView, name: str) -> Interface:
    return next(each for each in view.interfaces.values() if each.name == name)


async def test_real_switches_are_seen_with_their_links_neighbors_and_power(switches: tuple[SnmpAgent, SnmpAgent]) -> None:
    one, other = switches
    session = SnmpSession(one.host, one.port, one.keys)
    try:
        async with asyncio.timeout(20):
            while len((view := await look(session)).neighbors) < 2:
                await asyncio.sleep(0.2)
        assert view.system.name == "switch-a"
        assert view.system.boots == 1
        assert view.system.uptime_s is not None
        assert 0 < view.system.uptime_s < 60

        port = named(view, "port1")
        assert (port.is_up, port.is_enabled, port.is_hc, port.is_physical) == (True, True, True, True)
        assert port.speed_mbps == 10_000
        assert (port.in_errors, port.out_discards) == (0, 0)
        assert (port.out_octets or 0) > 0
        assert not named(view, "lo").is_physical

        assert {(each.local_interface, each.system_name, each.port) for each in view.neighbors} == {
            (named(view, "port1").index, "switch-b", "port1"),
            (named(view, "port2").index, "switch-b", "port2"),
        }
        assert all(each.is_port_named for each in view.neighbors)
        back = SnmpSession(other.host, other.port, other.keys)
        theirs = await look(back)
        back.close()
        assert {each.chassis for each in view.neighbors} == {theirs.chassis}
        assert len(theirs.chassis) == len("00:11:22:33:44:55")
        assert (theirs.poe_ports, theirs.supplies, theirs.firmware, theirs.temperature_c) == ((), (), None, None)

        assert view.poe_ports == (
            PoePort(
                group=1,
                number=1,
                is_enabled=True,
                detection=Detection.DELIVERING_POWER,
                power_class=4,
                power_w=pytest.approx(12.4),
            ),
            PoePort(group=1, number=2, is_enabled=False, detection=Detection.DISABLED),
        )
        assert [(each.budget_w, each.used_w) for each in view.poe_groups] == [(120, 13)]
        assert (view.firmware, view.serial_number, view.model) == ("15.2(8)E", "FDO1234", "IE-4010")
        assert view.temperature_c == pytest.approx(41.5)
        assert [(each.name, each.is_good) for each in view.supplies] == [("PSU A", True), ("PSU B", False)]

        set_link(other, "port2", is_up=False)
        await session.set(poe_set(view.poe_ports[1], True))
        async with asyncio.timeout(20):
            while named(view := await look(session), "port2").is_up:
                await asyncio.sleep(0.2)
        assert named(view, "port1").is_up
        assert named(view, "port2").is_enabled  # it is the other end that was taken down
        assert view.poe_ports[1].is_enabled
    finally:
        session.close()
