"""The description of the network is read, resolved, and each mistake in it is found where it stands."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.config.folders import edit, findings_of
from tests.config.network.folders import network_folder
from tests.network.large import write_large
from tieline.config import read_folder
from tieline.config.network import Network, Transceiver, standard_catalog


def network_of(folder: Path) -> Network:
    network = read_folder(folder).network
    assert network is not None
    return network


def test_a_folder_without_a_network_has_none(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    for file in (folder / "network").iterdir():
        file.unlink()
    (folder / "network").rmdir()
    assert read_folder(folder).network is None


def test_ports_have_the_vlans_that_their_rows_and_their_model_say(tmp_path: Path) -> None:
    network = network_of(network_folder(tmp_path))
    switch = network.by_name["sw-1"]
    assert (switch.port("1").mode, switch.port("1").native, switch.port("1").allowed) == ("access", 11, frozenset({11}))
    assert (switch.port("4").mode, switch.port("4").native) == ("access", 1)
    trunk = switch.port("8")
    assert (trunk.mode, trunk.native, trunk.allowed, trunk.tagged) == ("trunk", 1, {11, 12}, {11, 12})
    assert network.by_name["fw"].port("2").mode == "routed"
    assert network.by_name["gw"].port("eth0").mode == "host"
    assert network.by_name["fw"].is_router
    assert not network.by_name["gw"].is_router


def test_a_camera_is_fed_by_the_port_that_it_is_linked_to(tmp_path: Path) -> None:
    network = network_of(network_folder(tmp_path))
    assert network.by_name["cam-1"].powered_by == "sw-1/3"
    assert network.by_name["gw"].powered_by == ""


def test_links_have_the_speed_that_both_ends_agree_on(tmp_path: Path) -> None:
    network = network_of(network_folder(tmp_path))
    assert network.link_of["rtu-1/1"].speed_mbps == 100
    assert network.link_of["gw/eth0"].speed_mbps == 1000
    assert network.link_of["sw-2/9"].speed_mbps == 1000


def test_a_device_is_known_by_its_place_in_the_folder(tmp_path: Path) -> None:
    network = network_of(network_folder(tmp_path))
    assert network.node_of_device["alpha/rtu-1"].name == "rtu-1"


def test_access_lists_name_zones_vlans_and_nodes(tmp_path: Path) -> None:
    network = network_of(network_folder(tmp_path))
    first, last = network.acls_of["fw"]
    assert [str(subnet) for subnet in first.sources] == ["10.1.1.0/24"]
    assert [str(subnet) for subnet in first.targets] == ["10.1.0.2/32"]
    assert [str(ports) for ports in first.ports] == ["tcp/554"]
    assert last.sources == last.targets == ()
    assert network.is_denied_by_default(network.by_name["fw"])


MISTAKES = [
    ("nodes.csv", "gw,alpha", "gw,omega", "site", "there is no such site or place"),
    ("nodes.csv", "generic-gateway", "generic-gatewai", "model", "there is no such model in the catalogue"),
    ("nodes.csv", "rtu-1,alpha", "gw,alpha", "name", "the name is taken by line 5"),
    ("nodes.csv", "10.1.0.3,", "10.1.0.2,", "addresses", "gw has it"),
    ("nodes.csv", "10.1.0.3,", "10.7.0.3,", "addresses", "no VLAN has a subnet with this address"),
    ("nodes.csv", "10.1.0.3,", "10.1.1.3,", "addresses", "lies in VLAN 12, and the node is connected to VLAN 11"),
    ("nodes.csv", "10.1.0.3,", "10.1.0.3/16,", "addresses", "VLAN 11 has the subnet 10.1.0.0/24"),
    ("nodes.csv", "10.1.0.3,", "10.1.0.255,", "addresses", "is no host's address in 10.1.0.0/24"),
    ("nodes.csv", "10.1.0.3,", "10.1.0.9,", "devices", "alpha/rtu-1 has the address 10.1.0.3, and the node does not"),
    ("nodes.csv", "dc24,rtu-1", "dc24,rtu-7", "devices", "the folder has no such host or device of the site"),
    ("nodes.csv", "11-12,dc48", "11-13,dc48", "vlans", "network.toml has no VLAN 13"),
    ("nodes.csv", "11-12,dc48", "12-11,dc48", "vlans", "12-11 is not within 1 to 4094, the lower first"),
    ("nodes.csv", "11-12,dc48", "11,dc48", "allowed", "sw-2 does not have VLAN 12"),
    ("nodes.csv", "11-12,dc48", "11-12,dc99", "supplies", "there is no such supply"),
    ("nodes.csv", "11-12,dc48", "11-12,dc24", "supplies", "gives 24 V; generic-ie-8p-2sfp needs 46 to 57 V"),
    ("nodes.csv", "10.1.0.12", "10.1.0.12/24@1", "addresses", "the port is not routed"),
    ("nodes.csv", "generic-camera-fixed", "generic-camera-ptz", "supplies", "sw-1/3 feeds class 3, and it needs class 6"),
    ("ports.csv", "sw-1,3,,12", "sw-9,3,,12", "node", "there is no such node"),
    ("ports.csv", "sw-1,3,,12", "sw-1,33,,12", "port", "model generic-ie-8p-2sfp has no such port"),
    ("ports.csv", "sw-1,3,,12", "sw-1,2-3,,12", "port", "line 2 has the port"),
    ("ports.csv", "sw-1,3,,12", "sw-1,3,,99", "vlan", "sw-1 does not have VLAN 99"),
    ("ports.csv", "sw-1,3,,12", "sw-1,3,routed,12", "mode", "generic-ie-8p-2sfp does not route"),
    ("ports.csv", "sw-1,3,,12,,,,3", "sw-1,3,,12,,,,8", "poe", "the port of model generic-ie-8p-2sfp feeds class 4 at the most"),
    ("ports.csv", "sw-1,3,,12,,,,3", "sw-1,3,,12,,,,off", "supplies", "draws its power over Ethernet, and none of the ports"),
    ("ports.csv", "sw-1,3,,12,,,,3", "sw-1,3,,12,,40,,3", "speed_mbps", "the port does not have this speed"),
    ("ports.csv", "sw-1,8,trunk,,11 12", "sw-1,8,access,11,12", "allowed", "an access port has one VLAN"),
    ("ports.csv", "sw-1,8,trunk,,11 12", "sw-1,8,trunk,,11 x", "allowed", "x is no VLAN"),
    ("links.csv", "cam-1/1,sw-1/3", "cam-1/1,sw-1/2", "b", "link rtu-sw1 in line 3 uses the port"),
    ("links.csv", "cam-1/1,sw-1/3", "cam-1/1,sw-1/44", "b", "sw-1 has no such port"),
    ("links.csv", "cam-1/1,sw-1/3", "cam-7/1,sw-1/3", "a", "there is no such node"),
    ("links.csv", "cam-1/1,sw-1/3", "cam-1,sw-1/3", "a", "is no port"),
    ("links.csv", "cam-1/1,sw-1/3", "sw-1/4,sw-1/3", "b", "both ends are ports of one node"),
    ("links.csv", "sw-2/9,fiber,om3", "sw-2/8,fiber,om3", "b", "is a copper port, and the link is fiber"),
    ("links.csv", "sw-2/9,fiber,om3", "sw-2/9,fiber,om9", "cable", "there is no such cable in the catalogue"),
    ("links.csv", "sw-2/9,fiber,om3", "sw-2/9,fiber,os2", "sfp_a", "1000base-sx does not fit singlemode fiber os2"),
    ("links.csv", "sw-2/9,fiber,om3", "sw-2/9,fiber,cat6", "cable", "is a copper cable, and the link is fiber"),
    ("links.csv", "1000base-sx,1000base-sx", "1000base-sx,", "sfp_b", "the cage sw-2/9 is empty"),
    ("links.csv", "1000base-sx,1000base-sx", "1000base-sx,100base-fx", "b", "the ends have no speed in common"),
    ("links.csv", "1000base-sx,1000base-sx", "10gbase-sr,10gbase-sr", "sfp_a", "does not fit into sw-1/9, which has 100, 1000"),
    ("links.csv", "1000base-sx,1000base-sx", "1000base-sx,1000base-lx", "sfp_b", "1000base-sx sends at 850 nm, and 1000base-lx"),
    ("links.csv", "1000base-sx,1000base-sx", "1000base-t,1000base-sx", "sfp_a", "is for copper, and the link is fiber"),
    ("links.csv", "copper,cat6,60", "copper,cat6,160", "length_m", "cat6 carries 100 m at the most"),
    ("links.csv", "copper,cat6,60", "copper,cat6,", "", "the length of the cable is missing"),
    ("links.csv", "copper,cat6,60", "copper,,60", "", "a link of copper has a cable"),
    ("links.csv", "copper,cat6,60,,", "copper,cat6,60,4,", "", "only fiber has splices and attenuation"),
    ("links.csv", "copper,cat6,60", "fiber,om3,60", "a", "is a copper port, and the link is fiber"),
    ("links.csv", "north-duct,,,\n", "south-duct,,,\n", "ducts", "there is no such duct in network.toml"),
    ("acls.csv", "fw,vlan12,in,cameras", "sw-1,vlan12,in,cameras", "node", "model generic-ie-8p-2sfp does not route"),
    ("acls.csv", "fw,vlan12,in,cameras", "fw,vlan13,in,cameras", "interface", "fw routes nothing there"),
    ("acls.csv", "fw,vlan12,in,cameras", "fw,vlan12,in,camera", "from", "is no zone, VLAN or node, no subnet, and not any"),
    ("acls.csv", "gw,tcp,554", "gw,icmp,554", "", "icmp has no ports"),
    ("acls.csv", "gw,tcp,554", "10.1.0.0/8,tcp,554", "to", "is no subnet"),
    ("supplies.csv", "0.9,", "1.9,", "efficiency", "is out of range"),
    ("supplies.csv", "500,battery", "500,dc48", "fed_by", "the supply feeds itself"),
    ("supplies.csv", "example-vrla,55", ",55", "", "a battery has cells"),
    ("supplies.csv", "100A:1min", "100A/1min", "duty.0", "100A/1min is no part of a duty"),
    ("network.toml", 'zone = "stations"', 'zone = "station"', "vlans[0].zone", "utility.toml has no such zone"),
    ("network.toml", "id = 12", "id = 14", "vlans[1].zone", "utility.toml does not have it among the vlans of zone stations"),
    (
        "network.toml",
        "id = 12",
        "id = 14",
        "vlans",
        "utility.toml has VLAN 12 in zone stations, and this file does not describe it",
    ),
    ("network.toml", "id = 12", "id = 11", "vlans[1].id", "control has it"),
    ("network.toml", 'name = "cameras"', 'name = "control"', "vlans[1].name", "the name is taken already"),
    ("network.toml", "10.1.1.0/24", "10.2.1.0/24", "vlans[1].subnet", "is not within the subnets of zone stations: 10.1.0.0/16"),
    ("network.toml", "10.1.1.0/24", "10.1.0.0/16", "vlans[1].subnet", "overlaps 10.1.0.0/24 of VLAN 11"),
    ("network.toml", "10.1.1.0/24", "10.1.0.128/25", "vlans[1].subnet", "overlaps 10.1.0.0/24 of VLAN 11"),
    (
        "network.toml",
        'gateway = "10.1.1.1"',
        'gateway = "10.1.0.1"',
        "vlans[1].gateway",
        "is not in the VLAN's subnet 10.1.1.0/24",
    ),
    ("network.toml", 'gateway = "10.1.1.1"', 'gateway = "10.1.1.9"', "vlans[1].gateway", "no node has this address"),
    ("network.toml", "pcp = [1]", "pcp = [6]", "classes[1].pcp", "class protection has it"),
    ("network.toml", "queue = 0", "queue = 3", "classes[1].queue", "class protection has it"),
    ("network.toml", 'from = "gw"', 'from = "gww"', "services[0].from", "there is no such node"),
    ("network.toml", "vlan = 11", "vlan = 21", "services[0].vlan", "there is no such VLAN"),
    ("network.toml", 'qos = "protection"', 'qos = "protect"', "services[0].qos", "there is no such class of traffic"),
    ("network.toml", 'to = ["rtu-1"]', 'to = ["gw"]', "services[0].to", "the service ends where it begins"),
    ("network.toml", '"sw-1", "sw-2"]', '"sw-1", "gw"]', "rings[0].members", "model generic-gateway has no rstp"),
    ("network.toml", 'root = "sw-1"', 'root = "fw"', "rings[0].root", "is no member"),
    ("network.toml", 'protocol = "rstp"', 'protocol = "prp"', "rings[0]", "PRP has two LANs"),
    ("network.toml", "[[ducts]]", "[[duct]]", "duct", "unknown key"),
    ("network.toml", 'via = "10.1.0.254"', 'via = "10.9.0.254"', "routes[0].via", "fw is in no subnet with it"),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "problem"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, file: str, old: str, new: str, where: str, problem: str) -> None:
    folder = network_folder(tmp_path)
    edit(folder, f"network/{file}", old, new)
    found = findings_of(folder)
    assert any(each.where == where and each.problem.startswith(problem) for each in found), found
    assert all(each.remedy for each in found)


def test_what_refers_to_an_entry_with_a_mistake_is_no_second_mistake(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    edit(folder, "network/network.toml", 'subnet = "10.1.1.0/24"', 'subnet = "10.1.1/24"')
    edit(folder, "network/nodes.csv", "gw,alpha,r1,", "gw,ALPHA,r1,")
    edit(folder, "network/nodes.csv", "dc48,,,station switch", "dc48,,perhaps,station switch")
    edit(folder, "network/supplies.csv", "dc48,alpha,converter,48", "dc48,alpha,converter,forty-eight")
    assert [(each.file, each.where) for each in findings_of(folder)] == [
        ("network/network.toml", "vlans[1].subnet"),
        ("network/nodes.csv", "outdoor"),
        ("network/nodes.csv", "site"),
        ("network/supplies.csv", "voltage_v"),
    ]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ports.csv", "sw-1,1-2,,11", "sw-1,1-2,,13"),
        ("ports.csv", "sw-1,1-2,,11", "sw-1,1-2,acces,11"),
        ("ports.csv", "sw-1,1-2,,11", "sw-1,2-1,,11"),
        ("ports.csv", "sw-1,1-2,,11", "sw-9,1-2,,11"),
        ("links.csv", "cam-1/1,sw-1/3", "cam-1/1,sw-1/2"),
        ("nodes.csv", "sw-2,alpha", "sw-1,alpha"),
    ],
)
def test_a_port_or_a_name_that_is_mistaken_is_told_once(tmp_path: Path, file: str, old: str, new: str) -> None:
    """Not again of the device whose VLAN is another then, nor of everything that means the node by its right name."""
    folder = network_folder(tmp_path)
    edit(folder, f"network/{file}", old, new)
    assert [each.file for each in findings_of(folder)] == [f"network/{file}"]


def test_members_of_a_lag_that_differ_are_found(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    edit(folder, "network/ports.csv", "sw-1,9-10,trunk,,11-12,,up", "sw-1,9,trunk,,11-12,,up,,,\nsw-1,10,trunk,,11,,up")
    found = findings_of(folder)
    assert [each.problem for each in found] == ["sw-1/10 and sw-1/9 differ: VLANs 11 and 11-12"]


def test_a_lag_that_leads_to_two_nodes_is_found(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    edit(folder, "network/nodes.csv", "fw,alpha", "sw-3,alpha,r1,,generic-ie-8p-2sfp,,all,dc48,,,\nfw,alpha")
    edit(folder, "network/links.csv", "sw-1/10,sw-2/10", "sw-1/10,sw-3/10")
    problems = [each.problem for each in findings_of(folder)]
    assert "sw-1/9 leads to sw-2 up, and sw-1/10 to sw-3 no group" in problems


def test_a_utility_adds_models_and_corrects_those_that_there_are(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    path = folder / "network/catalogue/ours.toml"
    path.parent.mkdir()
    path.write_text(
        '[[models]]\nname = "generic-rtu"\nkind = "rtu"\nsource = "data sheet"\npower_w = 7.5\nsupply_v = [18, 60]\n'
        '[[models.ports]]\nnames = "1"\nspeeds_mbps = [100]\n'
    )
    assert network_of(folder).by_name["rtu-1"].model.power_w == 7.5
    path.write_text(path.read_text().replace('names = "1"', 'names = "1"\nmedium = "fiber"\noptics = "nothing"'))
    assert ("models[0].ports[0].optics", "there is no such transceiver") in [
        (each.where, each.problem) for each in findings_of(folder)
    ]


def test_every_transceiver_sends_enough_for_the_budget_that_its_standard_names() -> None:
    def budget(each: Transceiver) -> float:
        assert each.transmit_min_dbm is not None
        assert each.sensitivity_dbm is not None
        return each.transmit_min_dbm - each.sensitivity_dbm

    named = [each for each in standard_catalog().transceivers.values() if each.budget_db is not None]
    assert len(named) > 5
    assert [each.name for each in named if budget(each) != pytest.approx(each.budget_db)] == []


def test_a_large_network_is_read_and_checked_in_time(tmp_path: Path) -> None:
    folder = write_large(tmp_path)
    started = time.process_time()
    network = network_of(folder)
    assert time.process_time() - started < 4
    switches = [node for node in network.nodes if node.kind == "switch"]
    assert (len(switches), len(network.vlans)) == (500, 200)
    assert sum(len(node.ports) for node in switches) == 10_000
