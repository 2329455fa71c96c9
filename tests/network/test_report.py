"""The report finds the example's weaknesses, says which link breaks first, and ends in time for a large network."""

from __future__ import annotations

import json
import shutil
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


def section(output: str, title: str) -> str:
    return output.partition(f"\n{title}\n{'=' * len(title)}\n\n")[2].partition("\n\n")[0]


@pytest.fixture(scope="module")
def of_example() -> tuple[int, str]:
    return report(EXAMPLE)


def test_the_report_of_the_example_names_the_shared_duct(of_example: tuple[int, str]) -> None:
    code, output = of_example
    assert code == 1
    assert "stops when duct river-bridge is cut, with wan-cc-ng and wan-sf-cc in it: ng-gw to dmz-1" in output


def test_the_report_says_which_link_breaks_first_and_why(of_example: tuple[int, str]) -> None:
    _, output = of_example
    first = " ".join(section(output, "Which link breaks first").split())
    assert "When traffic grows: link ng-p-f1-a (100 Mbit/s, ng-p-f1/a to ng-a2/2) breaks first. With more than " in first
    assert "northgate-trips: ng-p-t1 takes longer than the 0.60 ms that it may: at port ng-a2/2 it may wait" in first
    assert "When a cable is cut: duct river-bridge does most harm." in first
    assert "though telemetry has to survive that" in first
    assert "When fibers age: link ng-a1-a2 breaks first." in first
    assert output.index("Which link breaks first") < 100


def test_what_fails_is_told_with_formula_and_source(of_example: tuple[int, str]) -> None:
    _, output = of_example
    physical = section(output, "Power over Ethernet")
    assert "ng-cam-sw: PoE claimed 111.00 W, limit 108.00 W, margin -3.00 W: fails" in physical
    assert "source: IEEE 802.3-2022" in physical
    assert "Closest to its limit, of each kind:" in physical


def test_a_network_without_weaknesses_ends_with_0(tmp_path: Path) -> None:
    code, output = report(write_large(tmp_path, switches=4, vlans=2, switches_a_site=2))
    assert "every service survives what it has to;" in output
    assert code == 0, output


def test_each_topic_has_a_verdict_with_counts(of_example: tuple[int, str]) -> None:
    verdicts = section(of_example[1], "Verdicts").split("\n")
    assert [line.split("  ")[0] for line in verdicts if "  FAILS  " in line] == ["Redundancy", "Power over Ethernet"]
    assert any(line.endswith("4 findings; 69 of 177 single failures stop something") for line in verdicts)
    assert any(line.endswith("failures that send traffic another way") for line in verdicts)


def test_services_say_what_they_survive_and_how_late_they_may_be(of_example: tuple[int, str]) -> None:
    rows = {line.split()[0]: line.split() for line in section(of_example[1], "Services").split("\n")}
    assert rows["telemetry"][1:7] == ["any", "duct", "22", "1", "too", "many"]
    assert rows["northgate-trips"][1:5] == ["any", "node", "2", "ok"]
    assert float(rows["millbrook-trips"][3]) < float(rows["millbrook-trips"][4]) < 0.6 == float(rows["millbrook-trips"][5])


def test_failures_that_a_service_has_to_survive_stand_first(of_example: tuple[int, str]) -> None:
    rows = section(of_example[1], "What single failures stop").split("\n")
    assert rows[3].split("  ")[0] == "duct river-bridge"
    assert "  wan-cc-ng, wan-sf-cc  " in rows[3]
    assert rows[3].endswith("  telemetry          northgate-pictures, telemetry")
    assert rows[-1] == "59 more failures stop something; --all lists them. 108 other single failures stop nothing."


def test_everything_is_told_with_all_and_what_rings_do(of_example: tuple[int, str]) -> None:
    _, output = report(EXAMPLE, "--all")
    assert len(section(output, "What single failures stop").split("\n")) == 1 + 69 + 1
    ring = [line.split() for line in section(output, "Ring sunfield-ring after each failure").split("\n")]
    assert ["link", "sf-ring1", "sf-s1", "none"] in ring
    assert ["node", "sf-s1", "sf-s2", "none"] in ring
    assert ["nothing", "sf-s1", "sf-s3/18"] in ring


def test_delays_after_failures_are_computed_where_they_are_asked_for() -> None:
    _, output = report(EXAMPLE, "--no-failures")
    assert "failures that send traffic another way; --failures does" in section(output, "Verdicts")


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
    findings = section(of_example[1], "Redundancy").split("\n")
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


def test_check_says_how_the_proofs_stand_and_ends_with_0_where_the_folder_has_no_mistake() -> None:
    started = time.process_time()
    result = CliRunner().invoke(app, ["check", str(EXAMPLE)])
    assert time.process_time() - started < 3
    assert result.exit_code == 0
    assert [line.split("  ")[0] for line in result.output.split("\n  ")[1:]] == ["Redundancy", "Power over Ethernet"]
    assert "71 nodes, 86 links, 11 VLANs, 13 services; 7 of 9 proofs and budgets hold; `tieline network report" in result.output


def test_a_network_from_a_netbox_is_reported_before_anybody_has_written_services(tmp_path: Path) -> None:
    """Its ports have names like GigabitEthernet1/1, and one of them feeds a camera."""
    folder = network_folder(tmp_path)
    shutil.rmtree(folder / "network")
    exports = Path(__file__).parents[1] / "data/netbox/api"
    assert CliRunner().invoke(app, ["network", "import", "netbox", str(exports), "--into", str(folder)]).exit_code == 0
    _, output = report(folder)
    assert "Redundancy                 -          no service is described; write [[services]]" in output
    assert "2 of 2 within their limits" in section(output, "Verdicts")
    assert "When traffic grows" not in output


def test_the_catalogue_is_listed_without_a_folder() -> None:
    output = CliRunner().invoke(app, ["network", "catalogue", "--list", "models", "--format", "csv"]).output
    rows = {line.partition(",")[0]: line for line in output.split("\n")}
    assert "feeds class 4; 9-10 sfp 100/1000" in rows["generic-ie-8p-2sfp"]
    lists = json.loads(CliRunner().invoke(app, ["network", "catalogue", "--format", "json"]).output)
    assert {name: bool(rows) for name, rows in lists.items()} == dict.fromkeys(
        ("models", "transceivers", "cables", "cells"), True
    )
    assert isinstance(CliRunner().invoke(app, ["network", "catalogue", "--list", "switches"]).exception, ConfigError)


def test_500_switches_200_vlans_and_10_000_ports_are_checked_within_10_s(tmp_path: Path) -> None:
    """Every device is polled, and each VLAN has GOOSE: 8,400 streams. CPU time of everything, from reading the folder to the last line."""
    folder = write_large(tmp_path, is_busy=True)
    started = time.process_time()
    _, output = report(folder)
    assert time.process_time() - started < 10
    assert output.startswith("Network of Large: 4550 nodes, 4575 links, 200 VLANs, 400 services")
    assert "8400 of 8400 within their limits" in output
    # 500 switches of 20 ports; so many services are not all listed.
    assert "375 more services; --all lists them." in output
