"""`[[detection]]`: what is read from it, and that each mistake is found where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.detection import Disagreement, Limits, Missing

from .folders import UTILITY, edit, findings_of, write

SITE = "sites/alpha/site.toml"
FILES = {
    "utility.toml": UTILITY,
    SITE: """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
connection = { transport = "tcp", host = "10.1.1.11" }

[[detection]]
points = ["rtu-1/v_?"]
limits = { low = 118, high = 145, hysteresis = 0.5 }
missing = { for_s = 30 }

[[detection]]
points = ["rtu-1/v_a"]
disagreement = { with = ["rtu-1/v_b"], tolerance = 2 }

[[detection]]
points = ["rtu-1/cb"]
missing = { for_s = 60 }
""",
    "sites/alpha/points/rtu-1.csv": """\
name,kind,unit,group,index
v_a,analog,kV,30,0
v_b,analog,kV,30,1
i_a,analog,A,30,2
cb,double,,3,0
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def test_each_point_gets_what_is_looked_for(folder: Path) -> None:
    found = read_folder(folder).site("alpha").detection
    assert [(each.point.name, type(each.looks_for)) for each in found] == [
        ("v_a", Limits),
        ("v_a", Missing),
        ("v_b", Limits),
        ("v_b", Missing),
        ("v_a", Disagreement),
        ("cb", Missing),
    ]
    assert [point.name for point in found[4].others] == ["v_b"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('["rtu-1/v_?"]', '["rtu-1/w_?"]', 9, "matches no point of the site"),
        ('["rtu-1/v_a"]', '["rtu-1/v_c"]', 14, "there is no such point at this site; did you mean rtu-1/v_b?"),
        ('["rtu-1/v_a"]', '["v_a"]', 14, "is not of the form device/name"),
        ("low = 118, high = 145", "low = 145, high = 118", 10, "not in the order low_low < low < high < high_high"),
        ("low = 118, high = 145, ", "", 10, "names no limit"),
        ("hysteresis = 0.5", "hysteresis = 20", 10, "the hysteresis 20 leaves nothing between low and high"),
        ("hysteresis = 0.5", "hysterese = 0.5", 10, "unknown key; did you mean hysteresis?"),
        ("missing = { for_s = 60 }", "stuck = { for_s = 60 }", 19, "rtu-1/cb is a double point"),
        ("missing = { for_s = 60 }", "", 17, "looks for nothing; write one of limits, rate"),
        ('with = ["rtu-1/v_b"]', 'with = ["rtu-1/i_a"]', 15, "rtu-1/v_a is in kV, rtu-1/i_a in A"),
        ('with = ["rtu-1/v_b"]', 'with = ["rtu-1/v_a"]', 15, "compares rtu-1/v_a with itself"),
        ('with = ["rtu-1/v_b"], tolerance = 2', 'with = ["rtu-1/v_b"], tolerance = 0', 15, "is out of range"),
        ('["rtu-1/cb"]', '["rtu-1/v_b"]', 19, "missing of rtu-1/v_b is looked for in another section already"),
    ],
)
def test_a_mistake_is_found_where_it_stands(folder: Path, old: str, new: str, line: int, said: str) -> None:
    edit(folder, SITE, old, new)
    (finding,) = findings_of(folder)
    assert said in str(finding)
    assert (finding.file, finding.line) == (SITE, line)


def test_a_device_whose_list_is_wrong_hides_no_other_mistake(folder: Path) -> None:
    edit(folder, "sites/alpha/points/rtu-1.csv", "v_b,analog,kV,30,1", "v_b,analog,kV,30,x")
    edit(folder, SITE, '["rtu-1/cb"]', '["rtu-2/cb"]')
    said = [str(finding) for finding in findings_of(folder)]
    assert len(said) == 2
    assert "rtu-2/cb" in said[1]
