"""`tieline network watch`, mostly where no agent is asked; with switches and cables it is in tests/system/test_network_watch.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.config.network.folders import network_folder, watched_folder
from tests.edge.snmp.nodes import node
from tests.snmp_agents import KEYS, agent
from tieline.cli.network_watch import Watching, run
from tieline.cli.run import run_until_signal
from tieline.model import ConfigError
from tieline.security.network_keys import key_files, make_keys


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


def test_what_an_agent_differs_in_is_told_and_nothing_is_left_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    list(make_keys(data, ["switch"]))
    for path, secret in zip(key_files(data, "switch"), (KEYS.auth_secret, KEYS.priv_secret), strict=True):
        path.write_text(secret)
    chassis = {"1.3.6.1.2.1.47.1.1.1.1.5.1": ("integer", 3), "1.3.6.1.2.1.47.1.1.1.1.10.1": ("string", "4.2")}
    with agent(tmp_path / "agent", cells=chassis) as switch:
        for firmware, is_other in (("4.2", False), ("4.3", True)):
            watching = Watching([node("switch", [], snmp_port=switch.port, firmware=firmware)], data, "text")
            run_until_signal(watching.once())
            text = capsys.readouterr().out
            # Of the interfaces of this machine the design has none.
            assert "make sure that nothing is plugged in there" in text
            assert ("load 4.3" in text) is is_other
            assert not watching.is_as_designed
