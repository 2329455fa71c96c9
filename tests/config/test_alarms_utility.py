"""`[alarms]` in utility.toml: the journal's size, and the alarms of the center and the DMZ."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.alarms_utility import UtilityAlarms
from tieline.model.alarms import AlarmKind

from .folders import UTILITY, edit, findings_of, write

FILES = {
    "utility.toml": UTILITY,
    "sites/alpha/site.toml": """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
connection = { transport = "tcp", host = "10.1.1.11" }
""",
    "sites/alpha/points/rtu-1.csv": "name,kind,unit,group,index\nv_a,analog,kV,30,0\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def add(folder: Path, section: str) -> None:
    path = folder / "utility.toml"
    path.write_text(path.read_text() + f"\n[alarms]\n{section}\n")


def test_the_center_and_the_dmz_have_alarms_of_their_own(folder: Path) -> None:
    found = {alarm.id: alarm for role in read_folder(folder).roles for alarm in role.alarms}
    assert set(found) == {
        *(f"center/{name}" for name in ("disk", "disk_full", "certificate", "stream", "stream_full", "delay")),
        *(f"dmz/{name}" for name in ("link", "disk", "disk_full", "certificate")),
    }
    stream = found["center/stream_full"]
    assert (stream.kind, stream.limit, stream.priority) == (AlarmKind.HIGH_HIGH, 85, 1)
    assert stream.text == "Control center: the center's stream, of what it may take: high"
    assert stream.point is not None
    assert stream.point.path == "center/tieline/stream_percent"
    assert all(alarm.response and alarm.consequence for alarm in found.values())


def test_the_folder_says_when_and_whether_and_how_long_the_journal_is_kept(folder: Path) -> None:
    add(folder, "disk_percent = 70\nkeep_days = 30\nmost_mb = 100")
    utility = read_folder(folder)
    assert (utility.alarms.keep_days, utility.alarms.most_mb) == (30, 100)
    assert {alarm.limit for role in utility.roles for alarm in role.alarms if alarm.name == "disk"} == {70}
    edit(folder, "utility.toml", "[alarms]", "[alarms]\nown = false")
    assert [alarm for role in read_folder(folder).roles for alarm in role.alarms] == []


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("disk_percent = 96", "disk_full_percent is not above disk_percent"),
        ("stream_full_percent = 50", "stream_full_percent is not above stream_percent"),
        ("keep_days = 0", "is out of range"),
        ("most_mb = 1", "is out of range"),
    ],
)
def test_limits_that_make_no_sense_are_found(folder: Path, section: str, said: str) -> None:
    add(folder, section)
    assert any(said in str(finding) for finding in findings_of(folder)), findings_of(folder)


def test_every_key_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "utility-folder.md").read_text()
    assert [key for key in UtilityAlarms.model_fields if f"`{key}`" not in text] == []
