"""A site without the center: its own screen and history; and what the center fetches from there later."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest

from tests.system.processes import Processes, asked, eventually, process_of, run
from tieline.cli.run import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def value(port: int, path: str) -> float | None:
    try:
        found: float | None = get(port, f"/api/values/{path}")["value"]
    except OSError:
        return None
    return found


def count(data: Path, where: str) -> int:
    return int(next((row["n"] for row in asked(data, f"SELECT count(*) AS n FROM samples WHERE {where}")), 0))


def test_a_site_goes_on_alone_and_the_center_fetches_what_it_kept(tmp_path: Path, processes: Processes) -> None:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    processes.start("simulate", folder, "--data", data)
    eventually(lambda: (data / "field.json").exists())
    screen, hmi, dmz = free_port(), free_port(), f"127.0.0.1:{free_port()}"
    common = ("run", folder, "--data", data, "--dmz-address", dmz)
    site = processes.start(*common, "--site", "northgate", "--simulated", "--port", str(screen))

    # No center, no DMZ: everything is seen at the site, with its history, and it is said that the center is not there.
    eventually(lambda: value(screen, "northgate/tieline/link_up") == 0.0)
    eventually(lambda: (seen := get(screen, "/api/sites/northgate"))["values"]["good"] == seen["points"])
    sites = get(screen, "/api/sites")
    assert (sites["local_site"], [one["name"] for one in sites["sites"]]) == ("northgate", ["northgate"])
    series = "/api/history?points=northgate/rtu-1/hv_frequency&from=-5m"
    eventually(lambda: sum(get(screen, series)["series"][0]["count"]) > 5)
    with urllib.request.urlopen(f"http://127.0.0.1:{screen}/metrics", timeout=10) as answer:
        assert b'tieline_device_up{site="northgate",device="rtu-1"} 1.0' in answer.read()

    # The store and screen are killed; the gateway starts them again and goes on meanwhile.
    before = process_of(data, "--local")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: process_of(data, "--local") not in {0, before})
    eventually(lambda: value(screen, "northgate/tieline/link_up") == 0.0)
    assert site.poll() is None

    began = datetime.now(UTC).isoformat()
    processes.start(*common, "--dmz")
    center = processes.start(*common, "--center", "--no-login", "--port", str(hmi))
    eventually(lambda: value(hmi, "northgate/tieline/link_up") == 1.0)
    eventually(lambda: value(screen, "northgate/tieline/link_up") == 1.0)
    eventually(lambda: value(hmi, "center/tieline/memory_mb") is not None and value(hmi, "dmz/tieline/memory_mb") is not None)
    assert get(hmi, "/api/sites")["local_site"] is None

    # What the site kept is more than what it reports by exception; stored, the center has it all, and nothing twice.
    arguments = ("fetch", "northgate", "rtu-1/*", "-1h", began, "--data", data)
    assert run(*arguments, "--output", tmp_path / "a.csv", "--format", "csv").returncode == 0
    table = pyarrow.csv.read_csv(tmp_path / "a.csv")
    assert table.column_names == ["point", "time", "value", "quality"]
    first, last = (table["time"][place].as_py().isoformat() for place in (0, -1))
    where = f"site = 'northgate' AND device = 'rtu-1' AND time BETWEEN '{first}' AND '{last}'"
    assert count(data, where) < len(table)

    def is_all_stored() -> bool:
        """It waits for the site's backlog, and leaves out what may be on its way: as time goes by it comes to the end of the range."""
        stored = run(*arguments, "--store")
        if stored.returncode:
            assert "backlog" in stored.stderr or "leaves out the last 30 s" in stored.stderr, stored.stderr
            return False
        assert re.search("\\d+ of them were not at the center and are stored there", stored.stderr), stored.stderr
        assert not stored.stdout
        return "fetched, 0 of them were not" in stored.stderr and count(data, where) >= len(table)

    eventually(is_all_stored, within_s=120, every_s=2.0)
    answer = run(
        "query",
        f"SELECT count(*) - count(DISTINCT (site, device, point, time)) AS twice FROM samples WHERE {where}",
        "--data",
        data,
        "--format",
        "json",
    )
    assert json.loads(answer.stdout)[0]["twice"] == 0

    nothing = run("fetch", "northgate", "rtu-1/*", "-5h", "-4h", "--data", data)
    assert nothing.returncode == 2
    assert "keeps nothing of these points for that time; it keeps 20" in nothing.stderr
    assert not nothing.stdout
    os.kill(site.pid, signal.SIGTERM)
    site.wait(30)
    unreachable = run("fetch", "northgate", "rtu-1/*", "-1h", "now", "--data", data)
    assert unreachable.returncode == 2
    assert "northgate cannot be reached" in unreachable.stderr or "northgate does not answer" in unreachable.stderr
    assert center.poll() is None
