"""A site without SCL has its single-line from `grid/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import tieline
from tieline.config.folder import read_folder
from tieline.config.grid import Grid, Node, Shunt, Switch
from tieline.config.single_line import single_line_of
from tieline.model.single_line import EquipmentType, SingleLine

RIDGEWAY = Path(tieline.__file__).parent / "examples" / "ridgeway"


@cache
def grid() -> Grid:
    found = read_folder(RIDGEWAY).grid
    assert found is not None
    return found


def bays(station: SingleLine) -> dict[str, list[str]]:
    return {bay.name: [piece.name for piece in bay.equipment] for level in station.levels for bay in level.bays}


def test_northgate_has_its_busbars_bays_and_transformers() -> None:
    station = single_line_of(grid(), "northgate")
    assert [level.nominal_kv for level in station.levels] == [132.0, 20.0]
    found = bays(station)
    assert [bay.name for level in station.levels for bay in level.bays if bay.is_busbar] == ["ng-132", "ng-20a", "ng-20b"]
    assert found["ng-q0"] == ["ng-q0"], "a coupler is a bay of its own"
    assert found["ng-qf2"] == ["ng-harbor", "ng-qf2"]
    assert [(piece.name, piece.windings, piece.has_tap_changer) for piece in station.transformers] == [
        ("ng-t1", ("high", "low"), True),
        ("ng-t2", ("high", "low"), True),
    ]


def test_every_piece_of_a_site_is_in_one_bay() -> None:
    for site in ("northgate", "millbrook", "sunfield"):
        station = single_line_of(grid(), site)
        here = {node.name for node in grid().nodes if node.site == site}
        expected = {piece.name for piece in grid() if not isinstance(piece, Node) and here & set(piece.nodes)}
        drawn = [piece.path for piece in station.equipment()]
        assert sorted(drawn) == sorted(expected)
        assert {node.path for node in station.nodes()} == here


def test_what_is_normally_open_is_drawn_so() -> None:
    pieces = {piece.name: piece for piece in single_line_of(grid(), "millbrook").equipment()}
    assert pieces["mb-q2"].is_normally_open
    assert not pieces["mb-q1"].is_normally_open
    assert pieces["mb-q1"].type is EquipmentType.BREAKER
    assert pieces["ng-mb-1"].type is EquipmentType.LINE


def test_shunts_and_disconnectors_have_their_kind() -> None:
    pieces = (
        Shunt(name="c", node="n", reactive_mvar=2.0),
        Shunt(name="l", node="n", reactive_mvar=-2.0),
    )
    small = Grid(
        nodes=(Node(name="n", voltage_kv=20, site="s"), Node(name="m", voltage_kv=20, site="s")),
        shunts=pieces,
        switches=(Switch(name="q", from_node="n", to_node="m", type="disconnector"),),
    )
    station = single_line_of(small, "s")
    assert {piece.name: piece.type for piece in station.equipment()} == {
        "c": EquipmentType.CAPACITOR,
        "l": EquipmentType.REACTOR,
        "q": EquipmentType.DISCONNECTOR,
    }
    assert [bay.name for bay in station.levels[0].bays] == ["q"], "without a breaker it bears the name of its first piece"


def test_a_bay_that_chooses_between_two_busbars_is_no_busbar() -> None:
    names = ("one", "two", *(f"{side}{number}" for side in "mo" for number in (1, 2, 3)))
    switches = [Switch(name="c", from_node="one", to_node="two")]
    for number in (1, 2, 3):
        middle, out = f"m{number}", f"o{number}"
        switches += [Switch(name=f"d{bar}{number}", from_node=bar, to_node=middle, type="disconnector") for bar in ("one", "two")]
        switches += [Switch(name=f"b{number}", from_node=middle, to_node=out)]
    small = Grid(nodes=tuple(Node(name=name, voltage_kv=110, site="s") for name in names), switches=tuple(switches))
    (level,) = single_line_of(small, "s").levels
    assert [bay.name for bay in level.bays] == ["one", "two", "b1", "b2", "b3", "c"]
    assert [bay.name for bay in level.bays if bay.is_busbar] == ["one", "two"]


def test_a_site_without_nodes_is_empty() -> None:
    assert single_line_of(grid(), "nowhere") == SingleLine(name="nowhere")
