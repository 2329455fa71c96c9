"""The bill of materials counts what the folder's files say, and `tieline network` writes and prints what it is asked for."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.config.network.folders import network_folder
from tieline.cli.app import app
from tieline.config import read_folder
from tieline.model import ConfigError, UnavailableError
from tieline.network.rendering.materials import BETWEEN, Bill, bill_of

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"


def network(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["network", *map(str, words)])


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((EXAMPLE / "network" / name).read_text().splitlines()))


@pytest.fixture(scope="module")
def bill() -> Bill:
    utility = read_folder(EXAMPLE)
    assert utility.network is not None
    return bill_of(utility.network, utility.name)


def test_every_node_and_every_meter_of_cable_is_counted_once(bill: Bill) -> None:
    nodes, links = _rows("nodes.csv"), _rows("links.csv")
    assert sum(item.count for item in bill.section("models")) == len(nodes)
    assert sum(item.count for item in bill.section("cables")) == len(links)
    for item in bill.section("cables"):
        assert item.length_m == sum(float(row["length_m"]) for row in links if row["cable"] == item.name), item.name
    sites = {row["name"]: row["site"] for row in nodes}
    sunfield = [row for row in nodes if row["site"] == "sunfield"]
    assert sum(item.counts.get("sunfield", 0) for item in bill.section("models")) == len(sunfield)
    crossing = [row for row in links if sites[row["a"].split("/")[0]] != sites[row["b"].split("/")[0]]]
    assert sum(item.counts.get(BETWEEN, 0) for item in bill.section("cables")) == len(crossing) == 4


def test_transceivers_are_those_put_into_cages(bill: Bill) -> None:
    links = _rows("links.csv")
    wanted = [row[side] for row in links for side in ("sfp_a", "sfp_b") if row[side]]
    assert {item.name: item.count for item in bill.section("transceivers")} == {name: wanted.count(name) for name in set(wanted)}


def test_batteries_are_counted_in_cells(bill: Bill) -> None:
    rows = [row for row in _rows("supplies.csv") if row["kind"] == "battery"]
    assert sum(item.count for item in bill.section("batteries")) == sum(int(row["cells"]) for row in rows)
    assert sum(item.count for item in bill.section("supplies")) == len(_rows("supplies.csv")) - len(rows)


def test_the_bill_as_csv_adds_up() -> None:
    rows = list(csv.DictReader(io.StringIO(network("bom", EXAMPLE, "--format", "csv").output)))
    for name in {row["item"] for row in rows}:
        own = [row for row in rows if row["item"] == name]
        assert sum(int(row["count"]) for row in own if row["site"] != "all") == int(own[-1]["count"])
        assert own[-1]["site"] == "all"
    assert {"section", "item", "description", "site", "count", "length_m"} == set(rows[0])


def test_the_bill_as_table_has_lengths_by_site() -> None:
    output = network("bom", EXAMPLE).output
    assert "42,000 m (4)" in output
    assert "Battery cells" in output


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "style"}]


def test_the_page_needs_nothing_from_elsewhere_and_has_no_script() -> None:
    output = network("bom", EXAMPLE, "--format", "html").output
    page = _Page()
    page.feed(output)
    assert "script" not in page.tags
    assert not page.links
    assert "url(" not in output
    assert page.tags.count("table") == 5


def test_render_writes_a_file_for_each_switch_and_says_what_is_missing(tmp_path: Path) -> None:
    result = network("render", EXAMPLE, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out/northgate/ng-acc.cfg").is_file()
    assert "ng-rb" in (tmp_path / "out/not-rendered.md").read_text()
    assert f"{tmp_path}/out/northgate/ng-acc.cfg" in result.output
    assert "not rendered, see" in result.output


def test_render_of_one_node_writes_that_one(tmp_path: Path) -> None:
    result = network("render", EXAMPLE, "--out", tmp_path, "--node", "ng-fw", "--style", "linux")
    assert result.exit_code == 0
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["ng-fw.nft", "ng-fw.sh", "not-rendered.md"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--node", "ng-cam-gate"), "'ng-cam-gate' is no switch, router or firewall of this network; write one of ng-fw"),
        (("--style", "junos"), "there is no style 'junos'; write one of linux, ovs, ios, comnet"),
    ],
)
def test_words_that_mean_nothing_are_told_with_those_that_do(tmp_path: Path, words: tuple[str, str], said: str) -> None:
    result = network("render", EXAMPLE, "--out", tmp_path / "out", *words)
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = network("render", network_folder(tmp_path / "folder"), "--out", tmp_path / "out")
    assert isinstance(result.exception, UnavailableError)
    assert "cannot be written" in str(result.exception)


def test_a_format_that_there_is_not_is_told() -> None:
    assert "write one of table, csv, html" in str(network("bom", EXAMPLE, "--format", "pdf").exception)
