"""The report finds the example's weaknesses, says which link breaks first, and ends in time for a large network."""

from __future__ import annotations

import json
import time
from html import unescape
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.config.network.folders import network_folder
from tests.network.large import write_large
from tieline.cli.app import app
from tieline.model import ConfigError

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"


def report(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["network", "report", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def of_example() -> tuple[int, str]:
    return report(EXAMPLE)


def test_the_report_of_the_example_names_the_shared_duct(of_example: tuple[int, str]) -> None:
    code, output = of_example
    assert code == 1
    assert "duct river-bridge carries wan-cc-ng and wan-sf-cc: cut: it stops" in output


def test_the_report_says_which_link_breaks_first_and_why(of_example: tuple[int, str]) -> None:
    _, output = of_example
    first = output.partition("Which link breaks first\n\n")[2].partition("\n\n")[0]
    assert "breaks first: northgate-trips" in first
    assert "where it waits longest" in output


def test_what_fails_is_told_with_formula_and_source(of_example: tuple[int, str]) -> None:
    _, output = of_example
    physical = output.partition("\nPower over Ethernet\n\n")[2].partition("Supplies and batteries")[0]
    assert "ng-cam-sw: PoE claimed 111.00 W, limit 108.00 W, margin -3.00 W: fails" in physical
    assert "source: IEEE 802.3-2022" in physical
    assert "Closest to its limit, of each kind:" in physical


def test_a_network_without_weaknesses_ends_with_0(tmp_path: Path) -> None:
    code, output = report(write_large(tmp_path, switches=4, vlans=2, switches_a_site=2))
    assert "every service survives what it has to;" in output
    assert code == 0, output


def test_json_is_json_where_a_value_is_not_known() -> None:
    _, output = report(EXAMPLE, "--format", "json")
    document = json.loads(output, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert document["is_right"] is False
    assert {each["subject"] for topic in document["topics"] for each in topic["results"] if each["verdict"] == "fails"} == {
        "ng-cam-sw",
        "ng-cam-sw 7",
    }


def test_the_report_as_a_page_says_what_the_text_says_and_needs_nothing_from_elsewhere(of_example: tuple[int, str]) -> None:
    code, output = report(EXAMPLE, "--format", "html")
    assert code == 1
    said = unescape(output)
    findings = of_example[1].partition("\nRedundancy\n\n")[2].partition("\n\n")[0].split("\n")
    assert all(f"<p>{line}</p>" in said for line in findings if line)
    assert '<th scope="row">ng-cam-sw</th><td>PoE claimed</td><td class="number">111.00 W</td>' in output
    assert "\u2717 fails" in output
    assert "<td>20 of 22 within their limits</td>" in said
    assert not any(word in output for word in ("<script", "src=", "href=", "url("))


def test_a_folder_without_a_network_is_said(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    for file in (folder / "network").iterdir():
        file.unlink()
    (folder / "network").rmdir()
    result = CliRunner().invoke(app, ["network", "report", str(folder)])
    assert isinstance(result.exception, ConfigError)
    assert "describes no network" in str(result.exception)


def test_check_says_where_the_network_is_proven() -> None:
    output = CliRunner().invoke(app, ["check", str(EXAMPLE)]).output
    assert "no mistakes\nits network: 71 nodes, 86 links, 11 VLANs; `tieline network report" in output


def test_500_switches_are_read_proven_and_computed_within_10_s(tmp_path: Path) -> None:
    folder = write_large(tmp_path)
    started = time.process_time()
    report(folder)
    assert time.process_time() - started < 10
