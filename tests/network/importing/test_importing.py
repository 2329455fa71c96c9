"""What is known elsewhere becomes the beginning of a description that `tieline check` accepts, and what is lost is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.config.network.folders import network_folder
from tieline.cli.app import app
from tieline.config import read_folder
from tieline.config.network import Network
from tieline.model import ConfigError

DATA = Path(__file__).parents[2] / "data/netbox"
EXAMPLE = Path(__file__).parents[3] / "src/tieline/examples/ridgeway"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = network_folder(tmp_path / "utility")
    shutil.rmtree(made / "network")
    return made


def carry_over(*arguments: str | Path) -> str:
    """What the command says; it has to be satisfied with what it wrote."""
    result = CliRunner().invoke(app, ["network", "import", *map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def network_of(folder: Path) -> Network:
    network = read_folder(folder).network
    assert network is not None
    return network


def test_a_netbox_of_json_becomes_a_network(folder: Path) -> None:
    carry_over("netbox", DATA / "api", "--into", folder)
    network = network_of(folder)
    assert [node.name for node in network.nodes] == ["sw-core-1", "sw-core-2", "fw-1", "gw-alpha", "cam-gate", "rtu-1", "pp-1"]
    switch = network.by_name["sw-core-1"]
    assert (switch.kind, switch.rack, len(switch.ports)) == ("switch", "R1", 10)
    assert [str(each.address) for each in switch.addresses] == ["10.1.0.11"]
    assert (switch.port("GigabitEthernet1/1").mode, switch.port("GigabitEthernet1/1").native) == ("access", 11)
    assert switch.port("GigabitEthernet1/3").allowed == {11, 12}
    assert switch.port("GigabitEthernet1/7").mode == "disabled"
    assert network.vlan_by_id[11].zone == "stations"
    assert str(network.vlan_by_id[12].subnet) == "10.1.1.0/24"


def test_members_of_a_lag_have_the_vlans_of_the_lag(folder: Path) -> None:
    carry_over("netbox", DATA / "api", "--into", folder)
    port = network_of(folder).by_name["sw-core-2"].port("GigabitEthernet1/10")
    assert (port.mode, port.lag, port.allowed) == ("trunk", "Po1", {11, 12})


def test_cables_have_their_length_in_meters_and_transceivers_that_fit(folder: Path) -> None:
    output = carry_over("netbox", DATA / "api", "--into", folder)
    links = {link.name: link for link in network_of(folder).links}
    assert links["c-002"].length_m == pytest.approx(57.912)
    assert links["f-002"].length_m == 125
    assert links["f-001"].optics_a is not None
    assert links["f-001"].optics_a.name == "1000base-sx"
    assert "transceivers are not among what NetBox exports; these were assumed: f-001: 1000base-sx" in output
    assert "lengths are not in NetBox, and 0 here; budgets need them: fw-1-port-1" in output


def test_a_link_through_a_patch_panel_is_one_link(folder: Path) -> None:
    output = carry_over("netbox", DATA / "api", "--into", folder)
    link = network_of(folder).link_of["rtu-1/eth-0"]
    assert {link.a.path, link.b.path} == {"rtu-1/eth-0", "sw-core-2/GigabitEthernet1/1"}
    assert "links through patch panels have the length of their first cable only" in output
    assert "cables that end at no interface, such as those of power, were left out: P-001" in output


def test_a_camera_is_fed_by_the_switch_that_netbox_says(folder: Path) -> None:
    carry_over("netbox", DATA / "api", "--into", folder)
    camera = network_of(folder).by_name["cam-gate"]
    assert (camera.powered_by, camera.model.poe_class) == ("sw-core-1/GigabitEthernet1/2", 3)


def test_what_could_not_be_carried_over_is_said(folder: Path) -> None:
    output = carry_over("netbox", DATA / "api", "--into", folder)
    for words in (
        "VLANs are there more than once, with one number; the first was taken: 11 Control old",
        "prefixes do not lie within the subnets of their zone; they were left out: 192.168.99.0/24 of VLAN 12",
        "VLANs belong to no zone of utility.toml; add them to the vlans of their zones: 99",
        "addresses lie in no VLAN's prefix, and were left out: 172.20.0.5/24 of GW.alpha",
        "interfaces of these types are no ports here, and were left out: SW Core 1 Console (other)",
        "they are of kind other, and do not bridge: PP-1",
        "they are not active in NetBox, and here as if they were: Cam Gate",
        "SW Core 1 is sw-core-1",
        "NetBox knows nothing of services",
    ):
        assert words in output


def test_an_address_at_a_provider_makes_a_routed_port(folder: Path) -> None:
    carry_over("netbox", DATA / "api", "--into", folder)
    firewall = network_of(folder).by_name["fw-1"]
    assert firewall.port("port-6").mode == "routed"
    assert [(str(each.address), each.prefix) for each in firewall.addresses if each.port == "port-6"] == [("203.0.113.2", 30)]


def test_a_netbox_of_tables_becomes_a_network(folder: Path) -> None:
    carry_over("netbox", DATA / "tables", "--into", folder)
    network = network_of(folder)
    assert [(link.a.path, link.b.path, link.length_m) for link in network.links] == [
        ("gw/eth0", "sw-1/1", 3.0),
        ("fw-1/1", "sw-1/2", 2.0),
    ]
    switch = network.by_name["sw-1"]
    assert (switch.port("2").mode, switch.port("2").allowed) == ("trunk", {11, 12})
    assert (switch.port("3").mode, switch.port("4").medium) == ("disabled", "sfp")


def test_a_single_file_holds_all_lists_and_missing_ones_are_named(folder: Path, tmp_path: Path) -> None:
    whole = {name: json.loads((DATA / f"api/{name}.json").read_text())["results"] for name in ("devices", "interfaces")}
    file = tmp_path / "netbox.json"
    file.write_text(json.dumps(whole))
    output = carry_over("netbox", file, "--into", folder)
    assert "NetBox gave no such lists, so they are empty here: cables, vlans, prefixes, ip_addresses" in output
    assert "VLANs of zones that NetBox does not have were added without a subnet: 11, 12" in output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no JSON", "is no export of NetBox"),
        ("[]", "a single file holds an object"),
        ('{"devices": 7}', "a list is a JSON array of objects"),
        ('{"interfaces": []}', "has no devices"),
        ('{"devices": [{"name": "a"}], "ip_addresses": [{"address": "10.1.0.300/24"}]}', "10.1.0.300"),
        ('{"devices": [{"name": "a"}], "prefixes": [{"prefix": ""}]}', "is no export of NetBox"),
    ],
)
def test_a_file_that_is_no_export_is_refused_in_words(folder: Path, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "netbox.json"
    file.write_text(content)
    result = CliRunner().invoke(app, ["network", "import", "netbox", str(file), "--into", str(folder)])
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)
    assert not (folder / "network").exists()


def test_a_description_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    result = CliRunner().invoke(app, ["network", "import", "netbox", str(DATA / "api"), "--into", str(folder)])
    assert isinstance(result.exception, ConfigError)
    assert "exists already" in str(result.exception)


@pytest.fixture(scope="module")
def from_scl(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str]:
    folder = tmp_path_factory.mktemp("scl") / "ridgeway"
    shutil.copytree(EXAMPLE, folder)
    shutil.rmtree(folder / "network")
    scl = folder / "sites/millbrook/scl/millbrook.scd"
    output = carry_over("scl", scl, "--into", folder, "--site", "millbrook")
    return network_of(folder), output


def test_the_communication_section_becomes_nodes_with_their_addresses(from_scl: tuple[Network, str]) -> None:
    network, _ = from_scl
    assert {str(each.address) for each in network.by_name["mbq03"].addresses} == {"10.41.2.13"}
    assert network.node_of_device["millbrook/q03"].name == "mbq03"
    assert str(network.vlan_by_id[12].subnet) == "10.41.2.0/24"
    assert network.vlan_by_id[20].zone == "millbrook"


def test_goose_becomes_a_service_with_its_vlan_priority_and_times(from_scl: tuple[Network, str]) -> None:
    network, output = from_scl
    service = next(each for each in network.services if each.name == "mbq05prot-lln0-gcbtrip")
    assert (service.kind, service.sources, service.targets, service.vlan) == ("goose", ("mbq05",), ("mbq01", "mbq02"), 20)
    assert service.qos is not None
    assert service.qos.pcp == (6,)
    assert (service.frames_per_s, service.max_delay_ms) == (1.0, 3.0)
    assert "MAC 01-0C-CD-01-00-05, APPID 1005, MinTime 4 ms, MaxTime 1000 ms" in service.description
    assert "nobody in the file takes them" in output


def test_reports_become_services_of_their_client(from_scl: tuple[Network, str]) -> None:
    network, _ = from_scl
    service = next(each for each in network.services if each.kind == "mms")
    assert (service.sources, len(service.targets), service.vlan) == (("mbgw",), 6, 12)


def test_what_scl_does_not_say_is_said(from_scl: tuple[Network, str]) -> None:
    network, output = from_scl
    assert "SCL names no switches: one stands for each subnetwork; replace it by the real ones: StationBus" in output
    assert "links are 0 m of copper, for SCL does not say what they are" in output
    switch = network.by_name["switch-stationbus"]
    assert [port.mode for port in switch.ports[:2]] == ["access", "trunk"]
    assert switch.port("2").allowed == {12, 20, 21}
