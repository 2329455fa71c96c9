"""A substation that has no center: it acts, keeps what happened, shows it, and tells everything when somebody is there."""

from __future__ import annotations

import json
import urllib.request
from importlib.resources import files
from pathlib import Path

import pytest

from tests.system.processes import Processes, asked, eventually
from tieline.cli.run import free_port
from tieline.security.audit import verify

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

OPEN, CLOSED = 1, 2
SUPPLY_LOST = """\
seconds_between_trips = inf

[[events]]
at_s = 35
switch = "ng-qf1"
action = "open"
"""


def values_at(port: int, site: str) -> dict[str, float | None]:
    """What the screen at this port says of the site's points; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/values?site={site}", timeout=10) as answer:
            return {value["path"].partition("/")[2]: value["value"] for value in json.load(answer)["values"]}
    except OSError:
        return {}


def test_a_substation_without_a_center_transfers_its_supply_shows_it_and_reports_it_later(
    tmp_path: Path, processes: Processes
) -> None:
    folder, data, screen, dmz = Path(str(files("tieline.examples") / "ridgeway")), tmp_path / "data", free_port(), free_port()
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SUPPLY_LOST)
    processes.start("simulate", folder, "--data", data, "--scenario", scenario)
    eventually((data / "field.json").exists)
    address = ("--dmz-address", f"127.0.0.1:{dmz}")
    site = processes.start("run", folder, "--site", "millbrook", "--simulated", "--data", data, "--port", str(screen), *address)

    def stands(first: float, second: float) -> bool:
        found = values_at(screen, "millbrook")
        return (found.get("q01/ctrl-xcbr1-pos"), found.get("q02/ctrl-xcbr1-pos")) == (first, second)

    eventually(lambda: stands(CLOSED, OPEN))
    eventually(lambda: values_at(screen, "millbrook").get("automation/transfer_acting") == 1)
    eventually(lambda: stands(OPEN, CLOSED), within_s=90)
    found = values_at(screen, "millbrook")
    assert found["automation/isolated"] == 1
    assert found["tieline/link_up"] == 0
    assert site.poll() is None, processes.said_by(site)

    audit = verify(data / "site-millbrook" / "audit")
    assert audit.is_intact, audit.damages
    # Now there is a center, for the first time.
    processes.start("run", folder, "--dmz", "--data", data, *address)
    processes.start("run", folder, "--center", "--data", data, "--port", str(free_port()), *address)
    sql = "SELECT target, action, outcome FROM audit WHERE site = 'millbrook' AND action LIKE 'command%' ORDER BY sequence"
    eventually(lambda: len(asked(data, sql)) >= 4)
    assert [tuple(row.values()) for row in asked(data, sql)[:4]] == [
        ("millbrook/q01/ctrl-cswi1-pos-command", "command", "released"),
        ("millbrook/q01/ctrl-cswi1-pos-command", "command_outcome", "done"),
        ("millbrook/q02/ctrl-cswi1-pos-command", "command", "released"),
        ("millbrook/q02/ctrl-cswi1-pos-command", "command_outcome", "done"),
    ]
    sql = (
        "SELECT device, value FROM samples WHERE site = 'millbrook' AND point = 'ctrl-xcbr1-pos' AND device IN ('q01', 'q02') "
        "AND quality % 4 = 0 ORDER BY time"
    )

    def positions(device: str) -> list[object]:
        changes = [row["value"] for row in asked(data, sql) if row["device"] == device]
        return [value for place, value in enumerate(changes) if place == 0 or value != changes[place - 1]]

    eventually(lambda: positions("q01")[-1:] == [OPEN] and positions("q02")[-1:] == [CLOSED])
    assert [value for value in positions("q01") if value] == [CLOSED, OPEN]
    assert [value for value in positions("q02") if value] == [OPEN, CLOSED]
    sql_of_kinds = "SELECT DISTINCT kind FROM events WHERE site = 'millbrook'"
    eventually(lambda: {"command_done", "center_restored"} <= {row["kind"] for row in asked(data, sql_of_kinds)})
    assert verify(data / "site-millbrook" / "audit").is_intact
