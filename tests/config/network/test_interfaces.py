"""What devices call their ports is said in one place, for their configuration and for whoever watches them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.folders import findings_of
from tests.config.network.folders import network_folder
from tieline.config import read_folder
from tieline.config.network import Model, interface_of, standard_catalog
from tieline.network.rendering import render_network
from tieline.security.zones import plan_of

ENTRY = """\
[[models]]
name = "maker-8p"
kind = "switch"
source = "its manual"
has_snmp = true
supply_inputs = 2
redundancy = ["rstp", "lacp"]
{interface}

[[models.ports]]
names = "1-8"
poe_class = 4
speeds_mbps = [10, 100, 1000]

[[models.ports]]
names = "9-10"
medium = "sfp"
speeds_mbps = [1000]
interface = "xg{{index}}/{{port}}"
"""


def switch() -> Model:
    return standard_catalog().models["generic-ie-16t-4sfp"]


def test_a_template_of_the_catalogue_goes_before_what_is_usual() -> None:
    model = switch().model_copy(update={"interface": "Gi1/{port}", "style": "ios"})
    assert interface_of(model, "9") == interface_of(model, "9", "linux") == "Gi1/9"


@pytest.mark.parametrize(
    ("style", "name"),
    [(None, "17"), ("ios", "GigabitEthernet1/17"), ("comnet", "GigabitEthernet 1/17"), ("linux", "port17")],
)
def test_without_a_template_the_name_is_that_of_the_style_or_the_ports_own(style: str | None, name: str) -> None:
    assert interface_of(switch().model_copy(update={"style": style}), "17") == name


def test_configurations_call_ports_as_the_catalogue_does(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    catalogue = folder / "network" / "catalogue"
    catalogue.mkdir()
    (catalogue / "maker.toml").write_text(ENTRY.format(interface='interface = "Switch1/{port}"'))
    nodes = folder / "network" / "nodes.csv"
    nodes.write_text(nodes.read_text().replace("sw-2,alpha,r1,,generic-ie-8p-2sfp", "sw-2,alpha,r1,,maker-8p"))
    utility = read_folder(folder)
    assert utility.network is not None
    for style, opening in (("ios", "interface "), ("comnet", "interface "), ("linux", "ip link set dev ")):
        text = render_network(utility.network, plan_of(utility), style, "sw-2").files  # type: ignore[arg-type]  # each is one
        assert f"{opening}xg9/9" in next(iter(text.values())), style
    ios = render_network(utility.network, plan_of(utility), "ios", "sw-2").files["alpha/sw-2.cfg"]
    assert "interface Switch1/8\n" in ios


def test_a_template_that_names_something_else_is_a_finding(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    catalogue = folder / "network" / "catalogue"
    catalogue.mkdir()
    (catalogue / "maker.toml").write_text(ENTRY.format(interface='interface = "Gi{slot}/{port}"'))
    (finding,) = findings_of(folder)
    assert (finding.line, "is no template" in finding.problem) == (8, True)
