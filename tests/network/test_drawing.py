"""The drawings of the network: everything is on them, once, and nothing lies on anything else."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from tests.config.network.folders import network_folder
from tests.network.large import write_large
from tieline.cli.app import app
from tieline.config import read_folder
from tieline.config.network import Network
from tieline.model import ConfigError
from tieline.network.drawing import Plan, plan_overview, plan_site, svg_of

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
SVG = "{http://www.w3.org/2000/svg}"
PLACES = ("northgate", "millbrook", "sunfield", "ridge-road")


def network_of(folder: Path) -> Network:
    network = read_folder(folder).network
    assert network is not None
    return network


@pytest.fixture(scope="module")
def example() -> Network:
    return network_of(EXAMPLE)


def assert_nothing_overlaps(plan: Plan) -> None:
    for one, other in combinations(plan.boxes, 2):
        is_apart = (
            one.x + one.width <= other.x
            or other.x + other.width <= one.x
            or one.y + one.height <= other.y
            or other.y + other.height <= one.y
        )
        assert is_apart, f"{one.key} lies on {other.key}"
    for box in plan.boxes:
        assert box.x >= 0
        assert box.x + box.width <= plan.width
        assert box.y + box.height <= plan.height


@pytest.mark.parametrize("site", PLACES)
def test_every_node_of_a_site_is_drawn_once(example: Network, site: str) -> None:
    plan = plan_site(example, site)
    drawn = [box.key for box in plan.boxes if box.kind not in {"group", "remote"}]
    drawn += [row.name for box in plan.boxes for row in box.rows if not row.is_heading]
    assert sorted(drawn) == sorted(node.name for node in example.nodes if node.site == site)


@pytest.mark.parametrize("site", PLACES)
def test_boxes_do_not_lie_on_each_other_and_no_wire_runs_through_one(example: Network, site: str) -> None:
    plan = plan_site(example, site)
    assert_nothing_overlaps(plan)
    for wire in plan.wires:
        for (x1, y1), (x2, y2) in zip(wire.points, wire.points[1:], strict=False):
            for box in plan.boxes:
                is_beside = max(x1, x2) <= box.x or min(x1, x2) >= box.x + box.width
                is_above_or_below = max(y1, y2) <= box.y or min(y1, y2) >= box.y + box.height
                assert is_beside or is_above_or_below, f"{wire.key} runs through {box.key}"


def test_wires_that_are_not_joined_do_not_run_in_one_line(example: Network) -> None:
    for site in PLACES:
        level = [
            (y1, min(x1, x2), max(x1, x2), wire.key)
            for wire in plan_site(example, site).wires
            for (x1, y1), (x2, y2) in zip(wire.points, wire.points[1:], strict=False)
            if y1 == y2 and x1 != x2
        ]
        for one, other in combinations(level, 2):
            assert one[0] != other[0] or one[2] <= other[1] or other[2] <= one[1] or one[3] == other[3]


def test_wires_tell_medium_speed_and_length(example: Network) -> None:
    wires = {wire.key: wire for wire in plan_site(example, "northgate").wires}
    assert (wires["ng-a1|ng-a2"].medium, wires["ng-a1|ng-a2"].label) == ("fiber", "1G om3 90 m")
    assert "through ng-yard" in wires["ng-a1|ng-a2"].tip
    assert (wires["ng-fw|ng-cam-sw"].medium, wires["ng-fw|ng-cam-sw"].label) == ("copper", "1G cat6 2 m")


def test_a_device_behind_media_converters_is_told_where_it_is_attached(example: Network) -> None:
    group = next(box for box in plan_site(example, "northgate").boxes if box.key == "at ng-acc")
    rows = {row.name: row for row in group.rows}
    assert [rows[name].indent for name in ("ng-mc2-in", "ng-mc2-out", "ng-tm2")] == [0, 1, 2]


def test_the_overview_joins_the_sites_and_names_shared_ducts(example: Network) -> None:
    plan = plan_overview(example, "Ridgeway Electric")
    assert {box.key for box in plan.boxes} == set(PLACES)
    assert_nothing_overlaps(plan)
    labels = {wire.key: wire.label for wire in plan.wires}
    assert labels["northgate|ridge-road"] == "1G g652d 7.8 km\nriver-bridge"
    assert "river-bridge" in labels["ridge-road|sunfield"]


def test_large_networks_are_drawn_without_overlaps(tmp_path: Path) -> None:
    network = network_of(write_large(tmp_path))
    overview = plan_overview(network, "Large")
    assert len(overview.boxes) == 25
    assert_nothing_overlaps(overview)
    site = plan_site(network, "s003")
    assert_nothing_overlaps(site)
    assert sum(box.kind == "switch" for box in site.boxes) == 20


def test_a_node_without_a_link_is_drawn_too(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    nodes = folder / "network/nodes.csv"
    nodes.write_text(nodes.read_text() + "spare,alpha,r1,,generic-rtu,,,dc24,,,\n")
    rows = [row for box in plan_site(network_of(folder), "alpha").boxes for row in box.rows]
    assert [row.note for row in rows if row.name == "spare"] == ["not attached"]


def test_the_same_network_gives_the_same_bytes(example: Network) -> None:
    assert svg_of(plan_site(example, "northgate"), "day") == svg_of(plan_site(network_of(EXAMPLE), "northgate"), "day")


@pytest.mark.parametrize("site", [(), ("--site", "northgate")])
def test_the_command_writes_svg_that_stands_alone(tmp_path: Path, site: tuple[str, ...]) -> None:
    target = tmp_path / "drawing.svg"
    result = CliRunner().invoke(app, ["network", "draw", str(EXAMPLE), *site, "--output", str(target)])
    assert result.exit_code == 0
    drawing = ET.parse(target).getroot()
    assert drawing.find(f"{SVG}title") is not None
    assert drawing.find(f"{SVG}desc") is not None
    assert drawing.find(f"{SVG}style") is not None
    assert not [element for element in drawing.iter() if "style" in element.attrib or element.tag == f"{SVG}script"]


def test_a_site_that_is_not_there_is_said() -> None:
    result = CliRunner().invoke(app, ["network", "draw", str(EXAMPLE), "--site", "nowhere"])
    assert isinstance(result.exception, ConfigError)
    assert "there is no site 'nowhere' with a network; write one of millbrook, northgate" in str(result.exception)


def test_lists_are_printed_as_csv_and_narrowed_to_a_site() -> None:
    arguments = ["network", "show", str(EXAMPLE), "--list", "vlans", "--format", "csv"]
    result = CliRunner().invoke(app, [*arguments, "--site", "millbrook"])
    assert [line.partition(",")[0] for line in result.output.splitlines()] == ["VLAN", "12", "20", "21"]
    every = CliRunner().invoke(app, arguments).output.splitlines()
    assert len(every) == 12


def test_ports_tell_what_passes_and_where_they_lead() -> None:
    arguments = ["network", "show", str(EXAMPLE), "--list", "ports", "--format", "csv", "--site", "northgate"]
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert 'ng-a1,1,fiber,trunk,"11 untagged, 23-24",100,,ng-p-t1/a' in lines
    assert "ng-cam-sw,1,copper,access,101 untagged,100,class 4,ng-cam-gate/1" in lines


def test_boxes_come_in_the_order_in_which_they_are_read(example: Network) -> None:
    overview = plan_overview(example, "Ridgeway Electric").boxes
    assert [box.y for box in overview] == sorted(box.y for box in overview)
    boxes = [box for box in plan_site(example, "northgate").boxes if box.kind != "group"]
    assert [box.y for box in boxes] == sorted(box.y for box in boxes)
    keys = [box.key for box in plan_site(example, "northgate").boxes]
    assert keys[keys.index("at ng-acc") - 1] == "ng-acc"


def test_a_wire_names_the_links_that_it_stands_for(example: Network) -> None:
    wires = [wire for site in PLACES for wire in plan_site(example, site).wires]
    names = {link.name for link in example.links}
    assert all(wire.links and names.issuperset(wire.links) for wire in wires)
    between = next(wire for wire in plan_overview(example, "Ridgeway Electric").wires if wire.key == "northgate|ridge-road")
    assert between.links == ("wan-cc-ng",)
    assert 'data-links="wan-cc-ng"' in svg_of(plan_overview(example, "Ridgeway Electric"))
