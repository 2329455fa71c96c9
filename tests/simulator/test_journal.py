from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.simulator.ieds import Clock
from tests.simulator.ieds import write_folder as write_ieds
from tests.simulator.outstations import write_folder as write_outstations
from tieline import config
from tieline.config import read_folder
from tieline.model import UnavailableError
from tieline.simulator import Dnp3Device, Iec61850Device, ModbusDevice, SimulatedDevice
from tieline.simulator.journal import Journal

NOW_US = 1_767_225_600_123_456
MODBUS = """\
[[devices]]
name = "meter"
protocol = "modbus"
polls = { fast = 1.0 }
[devices.connection]
transport = "tcp"
host = "10.9.9.9"
"""


def rtu(folder: Path, clock: Clock) -> SimulatedDevice:
    section = write_outstations(folder).site("field").devices[0]
    assert isinstance(section, config.Dnp3Device)
    return Dnp3Device(section, clock)


def ied(folder: Path, clock: Clock) -> SimulatedDevice:
    section = write_ieds(folder).site("field").devices[0]
    assert isinstance(section, config.Iec61850Device)
    return Iec61850Device(section, clock)


def meter(folder: Path, _clock: Clock) -> SimulatedDevice:
    write_outstations(folder)
    (folder / "sites/field/site.toml").write_text(MODBUS)
    text = (
        "name,kind,table,address,type,poll\nlevel,analog,input_register,0,uint32,fast\ngate,analog,input_register,2,uint32,fast\n"
    )
    (folder / "sites/field/points/rtu.csv").unlink()
    (folder / "sites/field/points/meter.csv").write_text(text)
    section = read_folder(folder).site("field").devices[0]
    assert isinstance(section, config.ModbusDevice)
    return ModbusDevice(section)


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("make", "first", "second"), [(rtu, "energy", "level"), (ied, "ctrl-xcbr1-opcnt", "meas-mmxu1-hz"), (meter, "level", "gate")]
)
def test_a_journal_has_each_change_with_its_time_and_nothing_else(make: object, first: str, second: str, tmp_path: Path) -> None:
    clock = Clock(NOW_US)
    assert callable(make)
    device = make(tmp_path / "folder", clock)
    with Journal(tmp_path / "journal", clock) as journal:
        journal.follow(device)
        clock.us += 1_000
        device.change({first: 7.0})
        device.change({first: 7.0})
        clock.us += 1_000
        device.change({first: 8.0, second: 3.0})
        start, *changes = read(tmp_path / "journal")  # while it is being written
    assert start["is_first"]
    assert len(start["values"]) == len(device.points)  # type: ignore[arg-type]
    path = device.path
    assert changes == [
        {"device": path, "time": NOW_US + 1_000, "is_first": False, "values": {first: 7.0}},
        {"device": path, "time": NOW_US + 2_000, "is_first": False, "values": {first: 8.0, second: 3.0}},
    ]


def test_a_device_whose_master_has_set_its_clock_is_noted_by_that_clock(tmp_path: Path) -> None:
    clock = Clock(NOW_US)
    device = rtu(tmp_path / "folder", clock)
    assert isinstance(device, Dnp3Device)
    with Journal(tmp_path / "journal", clock) as journal:
        journal.follow(device)
        device.ahead_us = 90_000_000
        device.change({"energy": 7.0})
    assert read(tmp_path / "journal")[-1]["time"] == NOW_US + 90_000_000


def test_the_next_journal_goes_on_in_the_same_file(tmp_path: Path) -> None:
    clock = Clock(NOW_US)
    device = meter(tmp_path / "folder", clock)
    for _ in range(2):
        with Journal(tmp_path / "journal", clock) as journal:
            journal.follow(device)
    assert [line["is_first"] for line in read(tmp_path / "journal")] == [True, True]


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot write the journal"):
        Journal(tmp_path / "absent" / "journal", Clock(0))
