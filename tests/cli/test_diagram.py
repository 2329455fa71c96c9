"""`tieline diagram`: a drawing that stands alone."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tieline.cli.diagram import run
from tieline.config import read_folder
from tieline.model import ConfigError

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("site", ["northgate", "millbrook", "sunfield"])
@pytest.mark.parametrize("symbols", ["", "ansi"])
def test_every_site_of_the_example_is_drawn(tmp_path: Path, site: str, symbols: str) -> None:
    target = tmp_path / "drawing.svg"
    run(EXAMPLE, site, target, symbols, "day")
    drawing = ET.parse(target).getroot()
    station = read_folder(EXAMPLE).site(site).single_line
    assert station is not None
    groups = [group for group in drawing.iter(f"{SVG}g") if "equipment" in group.get("class", "").split()]
    assert sorted(group.get("data-id", "") for group in groups) == sorted(piece.path for piece in station.equipment())
    assert all(group.find(f"{SVG}title") is not None and group.get("role") == "img" for group in groups)
    everything = list(drawing.iter())
    assert drawing.find(f"{SVG}style") is not None
    assert not [element for element in everything if "style" in element.attrib or element.tag == f"{SVG}script"]


def test_a_switch_stands_as_it_normally_does(tmp_path: Path) -> None:
    target = tmp_path / "drawing.svg"
    run(EXAMPLE, "northgate", target, "", "night")
    classes = {group.get("data-id"): group.get("class", "").split() for group in ET.parse(target).iter(f"{SVG}g")}
    assert "open" in classes["ng-q0"]
    assert "closed" in classes["ng-qf1"]


@pytest.mark.parametrize(
    ("site", "symbols", "theme", "words"),
    [
        ("nowhere", "", "day", "there is no site 'nowhere'"),
        ("northgate", "din", "day", "there is no set of symbols 'din'; write iec or ansi"),
        ("northgate", "", "dusk", "there is no theme 'dusk'; write day or night"),
    ],
)
def test_what_is_not_there_is_said(site: str, symbols: str, theme: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(EXAMPLE, site, None, symbols, theme)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        run(EXAMPLE, "northgate", tmp_path / "no" / "drawing.svg", "", "day")
