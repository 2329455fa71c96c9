"""The single-line, by hand."""

from __future__ import annotations

from tieline.model.single_line import Bay, Equipment, EquipmentType, Node, SingleLine, Terminal, VoltageLevel


def piece(name: str, kind: EquipmentType, *nodes: str) -> Equipment:
    ends = tuple(Terminal(node=node, is_earth=node == "earth") for node in nodes)
    return Equipment(path=name, name=name, type=kind, terminals=ends)


def station() -> SingleLine:
    feeder = Bay(
        name="feeder",
        equipment=(
            piece("q", EquipmentType.BREAKER, "bar", "out"),
            piece("e", EquipmentType.EARTHING_SWITCH, "out", "earth"),
            piece("v", EquipmentType.VOLTAGE_TRANSFORMER, "out"),
            piece("loose", EquipmentType.CABLE, "", "out"),
        ),
        nodes=(Node(path="out", name="out"),),
    )
    busbar = Bay(name="bar", nodes=(Node(path="bar", name="bar", is_busbar=True), Node(path="idle", name="idle", is_busbar=True)))
    transformer = piece("t", EquipmentType.POWER_TRANSFORMER, "bar", "elsewhere")
    return SingleLine(name="s", levels=(VoltageLevel(name="20kV", bays=(busbar, feeder)),), transformers=(transformer,))


def test_equipment_meets_at_nodes() -> None:
    found = {node: [piece.name for piece in pieces] for node, pieces in station().by_node().items()}
    assert found == {"bar": ["t", "q"], "idle": [], "out": ["q", "e", "v", "loose"], "elsewhere": ["t"]}


def test_earth_and_loose_ends_are_no_nodes() -> None:
    nodes = {each.name: each.nodes for each in station().equipment()}
    assert nodes["e"] == ("out",)
    assert nodes["loose"] == ("out",)


def test_a_bay_of_nodes_only_is_a_busbar() -> None:
    assert [bay.is_busbar for bay in station().levels[0].bays] == [True, False]


def test_types_know_whether_they_switch_or_feed() -> None:
    assert [kind for kind in EquipmentType if kind.is_switch] == [
        EquipmentType.BREAKER,
        EquipmentType.DISCONNECTOR,
        EquipmentType.EARTHING_SWITCH,
    ]
    assert EquipmentType.INFEED.is_feeding
    assert not EquipmentType.LOAD.is_feeding
