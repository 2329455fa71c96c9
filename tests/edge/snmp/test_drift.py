from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.edge.snmp.nodes import node, port
from tieline.config.snmp import SnmpDevice
from tieline.edge.snmp.drift import Difference, DifferenceKind, differences
from tieline.edge.snmp.drifting import Drifting
from tieline.edge.snmp.identities import Identities
from tieline.edge.snmp.matching import match_interfaces, match_poe
from tieline.protocols.snmp.view import AgentView, Detection, Interface, LldpNeighbor, PoePort, System

SWITCH = node(
    "sw-1",
    [
        port("Gi1/1", ("sw-2", "Gi1/1")),
        port("Gi1/2", ("fw", "eth3")),
        port("Gi1/3", feeds="cam-1"),
        port("Gi1/4", is_linked=False),
        port("Gi1/5", is_linked=False, is_disabled=True),
    ],
    host="10.0.0.11",
    firmware="15.2(7)E3",
)
OTHER = node("sw-2", [port("Gi1/1", ("sw-1", "Gi1/1")), port("Gi1/2")], host="10.0.0.12")
LONG_TICKS = 1_000_000


def heard(at: int, system: str, its_port: str, **more: Any) -> LldpNeighbor:
    return LldpNeighbor(
        local_port_number=at,
        local_interface=at,
        **{"chassis": f"00:00:00:00:00:{at:02x}", "system_name": system, "port": its_port, "is_port_named": True, **more},
    )


def interface(index: int, *, is_up: bool = True, **more: Any) -> Interface:
    return Interface(index=index, name=f"Gi1/{index}", **{"speed_mbps": 1_000.0 if is_up else None, "is_up": is_up, **more})


def as_designed() -> AgentView:
    return AgentView(
        system=System(name="sw-1", description="IOS Software, Version 15.2(7)E3, RELEASE", uptime_ticks=LONG_TICKS),
        chassis="00:00:00:00:00:99",
        interfaces={
            1: interface(1),
            2: interface(2),
            3: interface(3),
            4: interface(4, is_up=False),
            5: interface(5, is_up=False, is_enabled=False),
        },
        neighbors=(heard(1, "sw-2", "Gi1/1"), heard(2, "fw.station.example", "eth3")),
        poe_ports=(
            PoePort(group=1, number=3, is_enabled=True, detection=Detection.DELIVERING_POWER),
            PoePort(group=1, number=4, is_enabled=True, detection=Detection.SEARCHING),
        ),
    )


def with_interface(index: int, **more: Any) -> AgentView:
    view = as_designed()
    return replace(view, interfaces={**view.interfaces, index: replace(view.interfaces[index], **more)})


def with_neighbors(*neighbors: LldpNeighbor) -> AgentView:
    return replace(as_designed(), neighbors=neighbors)


def with_poe(number: int, **more: Any) -> AgentView:
    view = as_designed()
    return replace(view, poe_ports=tuple(replace(each, **more) if each.number == number else each for each in view.poe_ports))


def found(view: AgentView, device: SnmpDevice = SWITCH) -> list[Difference]:
    return list(differences(device, view, Identities([SWITCH, OTHER])))


def only(view: AgentView) -> Difference:
    (difference,) = found(view)
    return difference


def test_a_node_as_designed_differs_in_nothing() -> None:
    assert found(as_designed()) == []


@pytest.mark.parametrize(
    ("view", "kind", "at", "words"),
    [
        (with_interface(1, is_up=False), DifferenceKind.LINK_DOWN, "Gi1/1", "no link to sw-2 port Gi1/1"),
        (with_interface(3, is_up=False), DifferenceKind.LINK_DOWN, "Gi1/3", "no link to cam-1"),
        (with_interface(2, is_up=False, is_enabled=False), DifferenceKind.LINK_DOWN, "Gi1/2", "is switched off"),
        (with_interface(4, is_up=True), DifferenceKind.LINK_UP, "Gi1/4", "the design has it unused"),
        (with_interface(5, is_up=True, is_enabled=True), DifferenceKind.LINK_UP, "Gi1/5", "the design has it disabled"),
        (with_interface(5, is_enabled=True), DifferenceKind.PORT_OPEN, "Gi1/5", "whoever plugs in there is on the network"),
        (with_interface(1, speed_mbps=100.0), DifferenceKind.SPEED, "Gi1/1", "runs at 100 Mbit/s, and the design has 1 Gbit/s"),
        (with_interface(1, duplex="half"), DifferenceKind.DUPLEX, "Gi1/1", "half duplex"),
        (with_poe(3, is_enabled=False, detection=Detection.DISABLED), DifferenceKind.POE_OFF, "Gi1/3", "cam-1 lives from it"),
        (with_poe(3, detection=Detection.FAULT), DifferenceKind.POE_FAILED, "Gi1/3", "no power to cam-1: fault"),
        (with_poe(4, detection=Detection.DELIVERING_POWER), DifferenceKind.POE_ON, "Gi1/4", "feeds nothing from it"),
        (replace(as_designed(), firmware="15.2(7)E30", system=System(name="sw-1")), DifferenceKind.FIRMWARE, "", "15.2(7)E30"),
    ],
    ids=lambda value: str(value) if isinstance(value, DifferenceKind) else "",
)
def test_what_differs_is_told_with_the_port_and_in_words(view: AgentView, kind: DifferenceKind, at: str, words: str) -> None:
    difference = only(view)
    assert (difference.kind, difference.port) == (kind, at)
    assert words in difference.text
    assert difference.remedy


def test_a_port_that_the_agent_does_not_have_and_ones_that_the_design_does_not() -> None:
    view = as_designed()
    rest = {index: each for index, each in view.interfaces.items() if index != 4}
    more = {9: Interface(index=9, name="Te1/9"), 10: Interface(index=10, name="Vlan11"), 11: Interface(index=11, name="br0")}
    kinds = {each.kind: each for each in found(replace(view, interfaces=rest | more, poe_ports=()))}
    assert set(kinds) == {DifferenceKind.PORT_MISSING, DifferenceKind.PORTS_MORE}
    assert kinds[DifferenceKind.PORT_MISSING].port == "Gi1/4"
    assert kinds[DifferenceKind.PORTS_MORE].found == "Te1/9", "VLANs and bridges are no ports"


def test_cables_that_are_exchanged_are_told_as_such_at_both_ports() -> None:
    first, second = found(with_neighbors(heard(1, "fw", "eth3"), heard(2, "sw-2", "Gi1/1")))
    assert "port Gi1/1 leads to fw port eth3, and the design has sw-2 port Gi1/1 there" in first.text
    assert "the two cables are exchanged" in first.text
    assert first.remedy == "exchange the plugs of ports Gi1/1 and Gi1/2"
    assert second.port == "Gi1/2"
    assert "exchanged" in second.text


def test_another_port_of_the_right_neighbor_is_told_with_where_the_plug_belongs() -> None:
    difference = only(with_neighbors(heard(1, "sw-2", "Gi1/2"), heard(2, "fw", "eth3")))
    assert "leads to sw-2 port Gi1/2" in difference.text
    assert difference.remedy.startswith("plug the cable into port Gi1/1 of sw-2")


def test_a_stranger_is_named_by_what_he_tells_of_himself() -> None:
    stranger = heard(1, "", "00:11:22:33:44:55", is_port_named=False, addresses=("10.9.9.9",))
    assert "leads to 10.9.9.9" in only(with_neighbors(stranger, heard(2, "fw", "eth3"))).text


@pytest.mark.parametrize(
    "neighbor",
    [
        heard(1, "SW-2.station.example", "GigabitEthernet1/1"),
        heard(1, "a name of its own", "Gi1/1", addresses=("10.0.0.12",)),
        heard(1, "sw-2", "00:11:22:33:44:55", is_port_named=False),
        heard(1, "sw-2", "7", is_port_named=False, port_description="to the switch in the cellar"),
    ],
    ids=["long names", "by address", "port as a MAC address", "port by a number of its own"],
)
def test_a_neighbor_is_known_however_he_names_himself(neighbor: LldpNeighbor) -> None:
    assert found(with_neighbors(neighbor, heard(2, "fw", "eth3"))) == []


def test_a_neighbor_is_known_by_the_chassis_that_his_own_agent_tells() -> None:
    view = with_neighbors(heard(1, "renamed", "Gi1/1", chassis="aa:bb:cc:00:00:01"), heard(2, "fw", "eth3"))
    identities = Identities([SWITCH, OTHER])
    assert [each.kind for each in differences(SWITCH, view, identities)] == [DifferenceKind.NEIGHBOR]
    identities.learn_chassis("sw-2", "aa:bb:cc:00:00:01")
    assert differences(SWITCH, view, identities) == ()


def test_a_port_description_that_is_another_port_of_the_neighbor_is_believed() -> None:
    neighbor = heard(1, "sw-2", "00:11:22:33:44:55", is_port_named=False, port_description="Gi1/2")
    assert only(with_neighbors(neighbor, heard(2, "fw", "eth3"))).kind is DifferenceKind.NEIGHBOR


def test_nobody_is_missed_before_he_has_had_time_to_tell_that_he_is_there() -> None:
    silent = with_neighbors(heard(2, "fw", "eth3"))
    assert only(silent).kind is DifferenceKind.NEIGHBOR_SILENT
    just_up = {**silent.interfaces, 1: interface(1, last_change=LONG_TICKS - 1_000)}
    assert found(replace(silent, interfaces=just_up)) == []
    assert found(replace(silent, chassis="")) == [], "an agent that does not speak LLDP"


def test_where_another_node_answers_nothing_else_is_compared() -> None:
    wrong = replace(with_interface(1, is_up=False), system=System(name="SW-2.station.example"))
    difference = only(wrong)
    assert difference.kind is DifferenceKind.NODE
    assert difference.text == "at 10.0.0.11, the address of sw-1, answers sw-2"
    assert "is called Switch" in only(replace(wrong, system=System(name="Switch"))).text


def test_a_firmware_is_compared_as_a_word_and_only_where_something_is_told() -> None:
    silent = replace(as_designed(), system=System(name="sw-1", uptime_ticks=LONG_TICKS))
    assert found(silent) == []
    assert found(replace(silent, firmware="V15.2(7)E3")) == []
    assert only(replace(silent, firmware="5.2(7)E3")).kind is DifferenceKind.FIRMWARE


def test_poe_rows_belong_to_ports_by_number_or_by_the_index_of_the_interface() -> None:
    zero_based = node("sw", [port("p0", feeds="cam"), port("p1", feeds="lamp")])
    view = AgentView(
        interfaces={index: Interface(index=index, name=f"p{index - 1}") for index in (1, 2)},
        poe_ports=tuple(PoePort(group=1, number=number) for number in (1, 2)),
    )
    matched = match_poe(zero_based, view, match_interfaces(zero_based.ports, view.interfaces))
    assert {name: row.number for name, row in matched.items()} == {"p0": 1, "p1": 2}
    view = as_designed()
    shifted = replace(
        view, interfaces={index + 10_000: replace(each, index=index + 10_000) for index, each in view.interfaces.items()}
    )
    matched = match_poe(SWITCH, shifted, match_interfaces(SWITCH.ports, shifted.interfaces))
    assert {name: row.number for name, row in matched.items()} == {"Gi1/3": 3, "Gi1/4": 4}


def test_a_port_is_known_by_the_short_and_the_long_name_of_its_interface() -> None:
    names = ("GigabitEthernet1/1", "gi1/2", "GI 1/3")
    interfaces = {index: Interface(index=index, description=name) for index, name in enumerate(names, 1)}
    matched = match_interfaces(SWITCH.ports, interfaces)
    assert {name: each.index for name, each in matched.items()} == {"Gi1/1": 1, "Gi1/2": 2, "Gi1/3": 3}


def told(drifting: Drifting, view: AgentView, now_s: float) -> tuple[list[DifferenceKind], int]:
    changes = drifting.take(found(view), now_s)
    return [each.kind for each in changes.begun], len(changes.ended)


def test_a_difference_that_may_pass_counts_when_it_is_found_again_and_is_told_once() -> None:
    drifting, cut = Drifting(10.0), with_interface(1, is_up=False)
    assert told(drifting, cut, 0.0) == ([], 0)
    assert told(drifting, cut, 1.0) == ([], 0), "a look that a trap has asked for, a moment later"
    assert told(drifting, as_designed(), 5.0) == ([], 0)
    assert told(drifting, cut, 30.0) == ([], 0)
    assert told(drifting, cut, 60.0) == ([DifferenceKind.LINK_DOWN], 0)
    assert told(drifting, cut, 90.0) == ([], 0)
    assert told(drifting, as_designed(), 120.0) == ([], 1)


def test_a_difference_that_does_not_pass_counts_at_once() -> None:
    drifting = Drifting(10.0)
    assert told(drifting, with_poe(3, is_enabled=False), 0.0) == ([DifferenceKind.POE_OFF], 0)


def test_another_stranger_at_the_same_port_is_told_again() -> None:
    drifting = Drifting(10.0)
    for now_s in (0.0, 30.0):
        drifting.take(found(with_neighbors(heard(1, "x", "1"), heard(2, "fw", "eth3"))), now_s)
    assert told(drifting, with_neighbors(heard(1, "y", "1"), heard(2, "fw", "eth3")), 60.0) == ([DifferenceKind.NEIGHBOR], 0)


def test_what_was_told_before_a_restart_is_not_told_again_and_its_end_is() -> None:
    before, cut = Drifting(10.0), with_interface(1, is_up=False)
    for now_s in (0.0, 30.0):
        before.take(found(cut), now_s)
    after = Drifting(10.0)
    after.recall(before.remember())
    assert told(after, cut, 0.0) == ([], 0)
    assert [each.kind for each in after.current] == [DifferenceKind.LINK_DOWN]
    assert told(after, as_designed(), 30.0) == ([], 1)


@pytest.mark.parametrize("nonsense", [None, 7, [1], [["a", "b"]], [["a", 1, "c"]], {"a": "b"}])
def test_a_memory_that_makes_no_sense_is_passed_over(nonsense: object) -> None:
    drifting = Drifting(10.0)
    drifting.recall(nonsense)
    assert drifting.remember() == []


def test_a_row_that_an_agent_keeps_of_an_interface_that_is_gone_is_not_taken_for_the_port() -> None:
    """Debian's snmpd does so where an interface is taken out and comes back with another index."""
    view = as_designed()
    gone = Interface(index=1, name="Gi1/1", is_enabled=False)
    back = replace(view.interfaces[1], index=40)
    heard_there = tuple(replace(each, local_interface=40) if each.local_interface == 1 else each for each in view.neighbors)
    assert found(replace(view, interfaces={**view.interfaces, 1: gone, 40: back}, neighbors=heard_there)) == []
