"""`tieline network watch` where no agent is asked; with agents it is in tests/system/test_network_watch.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.config.network.folders import network_folder, watched_folder
from tieline.cli.network_watch import run
from tieline.model import ConfigError


def test_a_node_without_keys_does_not_answer_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = watched_folder(tmp_path / "mine")
    assert run(folder, tmp_path / "data", None, "sw-1", "text", is_once=True, is_simulated=False) == 1
    text = capsys.readouterr().out
    assert "sw-1 does not answer: the SNMP key" in text
    assert "tieline network keys" in text


def test_nodes_of_places_are_watched_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = watched_folder(tmp_path / "mine")
    nodes = folder / "network" / "nodes.csv"
    nodes.write_text(nodes.read_text() + "sw-9,hill,r1,,generic-ie-8p-2sfp,10.1.0.99,all,,,,,,\n")
    assert run(folder, tmp_path / "data", "hill", None, "json", is_once=True, is_simulated=False) == 1
    assert [each["node"] for each in json.loads(capsys.readouterr().out)["nodes"]] == ["sw-9"]


def test_a_network_that_is_not_watched_and_names_that_are_not_there_are_mistakes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(ConfigError, match="nothing is watched"):
        run(network_folder(tmp_path / "plain"), data, None, None, "text", is_once=True, is_simulated=False)
    folder = watched_folder(tmp_path / "mine")
    for site, name, output in (("beta", None, "text"), (None, "cam-1", "text"), (None, None, "html")):
        with pytest.raises(ConfigError):
            run(folder, data, site, name, output, is_once=True, is_simulated=False)
