"""How people log in, as the folder says it, and in which areas their roles hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder

from .folders import UTILITY, findings_of, write

SITE = """\
[[devices]]
name = "rtu-1"
protocol = "modbus"
polls = { fast = 1.0 }

[devices.connection]
transport = "tcp"
host = "10.1.1.11"
"""
POINTS = (
    "name,kind,unit,table,address,type,scale,low,high,deadband_percent,poll,bits\np,analog,MW,input_register,0,int16,,,,,fast,\n"
)


def folder(tmp_path: Path, more: str) -> Path:
    return write(
        tmp_path, {"utility.toml": UTILITY + more, "sites/alpha/site.toml": SITE, "sites/alpha/points/rtu-1.csv": POINTS}
    )


def test_people_have_roles_in_areas_and_the_folder_says_how_they_log_in(tmp_path: Path) -> None:
    more = """
[[people]]
name = "ada"
roles = ["operator"]
areas = ["alpha"]

[login]
second_factor = "always"

[login.oidc]
issuer = "https://login.example"
client_id = "tieline"
"""
    utility = read_folder(folder(tmp_path, more))
    assert utility.people[0].areas == ["alpha"]
    assert utility.login.second_factor == "always"
    assert utility.login.oidc is not None
    assert utility.login.oidc.claim == "preferred_username"


def test_without_a_word_about_it_a_second_factor_is_asked_for_control(tmp_path: Path) -> None:
    assert read_folder(folder(tmp_path, "")).login.second_factor == "control"


def test_an_area_that_is_no_site_is_reported_beside_other_mistakes(tmp_path: Path) -> None:
    more = """
[[people]]
name = "ada"
roles = ["driver"]
areas = ["alpha", "beta"]

[login]
idle_minutes = 0

[login.oidc]
issuer = "http://login.example"
client_id = "tieline"
"""
    told = "\n".join(str(one) for one in findings_of(folder(tmp_path, more)))
    for words in ("there is no such site", "beta", "idle_minutes", "has to begin with https://"):
        assert words in told
    assert told.count("there is no such site") == 1


@pytest.mark.parametrize("people", ["people = 3\n", "[[people]]\nname = 'ada'\nareas = 3\n", "people = [3]\n"])
def test_people_of_the_wrong_shape_are_findings_not_a_crash(tmp_path: Path, people: str) -> None:
    more = people if people.startswith("[[") else ""
    place = folder(tmp_path, more)
    if not more:
        (place / "utility.toml").write_text(people + UTILITY)
    assert findings_of(place)
