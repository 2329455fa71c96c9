"""`diagram.toml`: what it adjusts, and that its mistakes are found."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

from tieline.config import inspect_folder, read_folder

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"


def findings_of(tmp_path: Path, text: str, site: str = "northgate") -> list[str]:
    folder = tmp_path / "utility"
    copytree(EXAMPLE, folder)
    (folder / f"sites/{site}/diagram.toml").write_text(text)
    return [str(finding) for finding in inspect_folder(folder)[1]]


def test_the_file_of_a_site_is_read() -> None:
    site = read_folder(EXAMPLE).site("northgate")
    assert site.diagram.bays["ng-qf2"].description == "Harbor"
    assert site.diagram.nodes["ng-20a"].name == "20 kV A"


def test_names_that_the_station_does_not_have_are_found(tmp_path: Path) -> None:
    text = 'order = ["ng-qf11"]\n[bays.ng-qf22]\n[nodes.ng-20c]\n[equipment.ng-t3]\n'
    found = findings_of(tmp_path, text)
    assert [line.split(": ")[1].split(" = ")[0] for line in found] == [
        "order[0]",
        "bays.ng-qf22",
        "nodes.ng-20c",
        "equipment.ng-t3",
    ]
    assert all("did you mean" in line for line in found)


def test_a_bay_named_twice_is_found(tmp_path: Path) -> None:
    (found,) = findings_of(tmp_path, 'order = ["ng-qf1", "ng-qf1"]\n')
    assert "the bay is named twice" in found


def test_a_symbol_with_two_ends_needs_equipment_with_two(tmp_path: Path) -> None:
    (found,) = findings_of(tmp_path, '[equipment.ng-cap-b]\nsymbol = "fuse"\n')
    assert "the symbol has two ends, the equipment has 1 in this station" in found


def test_an_unknown_key_is_found(tmp_path: Path) -> None:
    (found,) = findings_of(tmp_path, 'colour = "red"\n')
    assert "unknown key" in found
