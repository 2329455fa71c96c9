"""Mistakes in a network of several sites: rings that are not closed, LANs that are missed, devices that are there twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.config.folders import edit, findings_of

EXAMPLE = Path(__file__).parents[3] / "src/tieline/examples/ridgeway"

MISTAKES = [
    ("links.csv", "ng-p-f1-b,ng-p-f1/b,ng-b2/2", "ng-p-f1-b,ng-p-f1/b,ng-acc/20", "rings[0].members", "is not attached to LAN B"),
    ("network.toml", 'lan_b = ["ng-b1", "ng-b2"]', 'lan_b = ["ng-b1", "ng-a2"]', "rings[0].lan_b", "is in both LANs"),
    ("network.toml", '"ng-mu-t2", "ng-rb",', '"ng-mu-t2", "ng-gw",', "rings[0].members", "is not attached to LAN A"),
    ("network.toml", '"ng-mu-t2", "ng-rb",', '"ng-mu-t2", "ng-rtu",', "rings[0].members", "model generic-rtu has no prp"),
    (
        "network.toml",
        'protocol = "rstp"\nmembers = ["mb-s1", "mb-s2"',
        'protocol = "mrp"\nmembers = ["mb-s2", "mb-s1"',
        "rings[1].members",
        "no link joins mb-s1 and mb-s3, which stand beside each other in the ring",
    ),
    (
        "network.toml",
        'root = "mb-s1"\n',
        'root = "mb-s1"\nmax_age_s = 40\n',
        "rings[1]",
        "the timers break IEEE 802.1D clause 17.14",
    ),
    ("network.toml", "mb-s1 = 4096", "mb-s1 = 4000", "rings[1].priorities.mb-s1", "input should be a multiple of 4096"),
    ("network.toml", "mb-s1 = 4096", "sf-s1 = 4096", "rings[1].priorities", "is no member"),
    ("nodes.csv", "northgate-gw,", "rtu-1,", "devices", "northgate/rtu-1 has the address 10.41.1.11, and the node does not"),
    ("nodes.csv", ",millbrook-gw,", ",northgate-gw,", "devices", "ng-gw is that already"),
    ("nodes.csv", "ng-54", "ng-54 ng-48a ng-48b", "supplies", "generic-ie-8p-2sfp has 2 supply inputs"),
    (
        "links.csv",
        "1000base-zx,1000base-zx",
        "1000base-zx,1000base-lx10",
        "sfp_b",
        "1000base-zx sends at 1550 nm, and 1000base-lx10",
    ),
    ("links.csv", "1000base-lx10,1000base-lx10", "1000base-bx10-d,1000base-lx10", "sfp_b", "1000base-bx10-d needs 1 fiber(s)"),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "problem"), MISTAKES)
def test_a_mistake_of_the_example_is_found(tmp_path: Path, file: str, old: str, new: str, where: str, problem: str) -> None:
    folder = tmp_path / "ridgeway"
    shutil.copytree(EXAMPLE, folder)
    edit(folder, f"network/{file}", old, new)
    found = findings_of(folder)
    assert any(each.where == where and each.problem.startswith(problem) for each in found), found


def test_a_pair_for_one_fiber_sends_where_the_other_receives(tmp_path: Path) -> None:
    folder = tmp_path / "ridgeway"
    shutil.copytree(EXAMPLE, folder)
    edit(folder, "network/links.csv", "1000base-lx10,1000base-lx10", "1000base-bx10-d,1000base-bx10-u")
    assert findings_of(folder) == []
