"""A real transformer's measurements through real registers, a real network and a center that is killed on the way."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench.topology import utility_toml
from tests.system.processes import Processes, eventually
from tieline.cli.run import free_port
from tieline.historian import query
from tieline.model import UnavailableError

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "ett" / "ETTh1.csv"
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
RESOLUTION = 0.001

SITE = """\
[reporting]
max_silence_s = 86400
[[devices]]
name = "xfmr"
protocol = "modbus"
polls = { fast = 0.002 }
[devices.connection]
transport = "tcp"
host = "10.9.9.9"
"""

pytestmark = pytest.mark.system


def write_folder(folder: Path) -> None:
    rows = ["name,kind,table,address,type,scale,poll", "row,analog,input_register,0,uint32,,fast"]
    rows += [f"{name.lower()},analog,input_register,{2 + 2 * at},int32,{RESOLUTION},fast" for at, name in enumerate(COLUMNS)]
    for name, text in {
        "utility.toml": utility_toml("Replay", "field"),
        "sites/field/site.toml": SITE,
        "sites/field/points/xfmr.csv": "\n".join(rows) + "\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def committed(data: Path, sql: str) -> list[dict[str, object]]:
    """An answer of the historian; nothing while it is not there."""
    try:
        rows: list[dict[str, object]] = query(data / "center" / "historian", sql).read_all().to_pylist()
    except UnavailableError:
        return []
    return rows


def newest_row(data: Path) -> float:
    rows = committed(data, "SELECT max(value) AS row FROM samples WHERE point = 'row'")
    return float(str(rows[0]["row"])) if rows and rows[0]["row"] is not None else 0.0


def rows_held(data: Path) -> int:
    rows = committed(data, "SELECT count(DISTINCT value) AS rows FROM samples WHERE point = 'row' AND value > 0")
    return int(str(rows[0]["rows"])) if rows else 0


@pytest.mark.timeout(300)
@pytest.mark.skipif(not RECORDING.exists(), reason=f"the recording is not here: {RECORDING.name}")
def test_every_value_of_a_recording_arrives_once_although_the_center_is_killed_twice(
    tmp_path: Path, processes: Processes
) -> None:
    folder, data = tmp_path / "utility", tmp_path / "data"
    write_folder(folder)
    dmz = f"127.0.0.1:{free_port()}"
    common = (folder, "--data", data, "--dmz-address", dmz)
    replaying = processes.start("simulate", folder, "--data", data, "--replay", RECORDING, "--until-read")
    eventually((data / "field.json").exists)
    processes.start("run", *common, "--dmz")

    def start_center() -> subprocess.Popen[bytes]:
        return processes.start("run", *common, "--center", "--no-login", "--port", str(free_port()))

    center = start_center()
    eventually(lambda: (data / "authority" / "roles" / "center.crt").exists())
    processes.start("run", *common, "--site", "field", "--simulated")
    with RECORDING.open() as file:
        source = [[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)]
    for kill_at in (len(source) * 0.25, len(source) * 0.6):
        eventually(lambda at=kill_at: newest_row(data) >= at, within_s=120)
        os.kill(center.pid, signal.SIGKILL)
        center.wait()
        center = start_center()
    assert replaying.poll() is None, processes.said_by(replaying)
    eventually(lambda: rows_held(data) == len(source), within_s=120)  # the newest row may be there before those of an outage

    answer = query(
        data / "center" / "historian",
        "SELECT point, time, value, quality FROM samples WHERE device = 'xfmr' ORDER BY time, point",
    ).read_all()
    point, time = answer["point"].to_numpy(), answer["time"].to_numpy()
    value, quality = answer["value"].to_numpy(), answer["quality"].to_numpy()
    assert not np.any(quality & 3), "nothing was bad"
    is_row = point == "row"
    rows, row_times = value[is_row].astype(int), time[is_row]
    started = int(np.searchsorted(rows, 1))  # before the first row the device shows row 0
    assert rows[started:].tolist() == list(range(1, len(source) + 1)), "every row once, in order"
    for at, name in enumerate(COLUMNS):
        is_column = point == name.lower()
        expected = np.array([row[at] for row in source])
        newest_before = np.searchsorted(time[is_column], row_times[started:], side="right") - 1
        assert np.max(np.abs(value[is_column][newest_before] - expected)) <= RESOLUTION / 2 + 1e-9
        registers = np.round(expected / RESOLUTION)
        changes = 1 + np.count_nonzero(np.diff(registers))
        assert np.count_nonzero(time[is_column] >= row_times[started]) in {changes, changes - 1}, "nothing twice"
        assert len(np.unique(time[is_column])) == np.count_nonzero(is_column)
