"""The substation section becomes the single-line."""

from __future__ import annotations

from tests.protocols.iec61850.scl.files import EDITION_1, millbrook, read, small
from tieline.model.single_line import Bay, EquipmentType, Position, SingleLine
from tieline.protocols.iec61850.scl import read_scl, single_lines_of


def station() -> SingleLine:
    (found,) = single_lines_of(millbrook())
    return found


def bay(name: str) -> Bay:
    return next(each for level in station().levels for each in level.bays if each.name == name)


def test_levels_go_from_high_to_low() -> None:
    assert [(level.name, level.nominal_kv) for level in station().levels] == [("J1", 20.0), ("N1", 0.4)]
    assert [each.name for each in station().levels[0].bays] == ["W1", "Q01", "Q02", "Q03", "Q04", "Q05", "Q06"]


def test_a_bay_without_equipment_is_a_busbar() -> None:
    assert bay("W1").is_busbar
    assert not bay("Q01").is_busbar
    assert [node.path for node in station().nodes() if node.is_busbar] == ["MB/J1/W1/BB1", "MB/N1/B1/L1", "MB/N1/B2/L1"]


def test_equipment_has_its_kind_and_terminals() -> None:
    kinds = {piece.name: piece.type for piece in bay("Q01").equipment}
    assert kinds == {
        "QB1": EquipmentType.DISCONNECTOR,
        "QA1": EquipmentType.BREAKER,
        "BC1": EquipmentType.CURRENT_TRANSFORMER,
        "QC1": EquipmentType.EARTHING_SWITCH,
        "BA1": EquipmentType.VOLTAGE_TRANSFORMER,
        "WA1": EquipmentType.INFEED,
    }
    breaker = next(piece for piece in bay("Q01").equipment if piece.name == "QA1")
    assert breaker.path == "MB/J1/Q01/QA1"
    assert breaker.nodes == ("MB/J1/Q01/L1", "MB/J1/Q01/L2")
    assert breaker.logical_nodes == ("MBQ01CTRL/CSWI1", "MBQ01CTRL/XCBR1", "MBQ01CTRL/CILO1")
    assert breaker.position == Position(x=0.0, y=2.0)
    earthing = next(piece for piece in bay("Q01").equipment if piece.name == "QC1")
    assert earthing.nodes == ("MB/J1/Q01/L3",)
    assert earthing.is_normally_open


def test_transformers_join_the_levels() -> None:
    first, second = station().transformers
    assert (first.name, first.windings, first.has_tap_changer) == ("T1", ("W1", "W2"), False)
    assert first.nodes == ("MB/J1/Q05/L3", "MB/N1/B1/L1")
    assert first.logical_nodes == ("MBQ05CTRL/STMP1",)
    assert second.nodes == ("MB/J1/Q06/L3", "MB/N1/B2/L1")


def test_everything_is_connected_with_the_busbar() -> None:
    by_node = station().by_node()
    assert [piece.path for piece in by_node["MB/J1/W1/BB1"]] == [f"MB/J1/Q0{number}/QB1" for number in range(1, 7)]
    neighbors = {piece.path: piece.nodes for piece in station().equipment()}
    reached: set[str] = set()
    waiting = ["MB/J1/W1/BB1"]
    while waiting:
        node = waiting.pop()
        for piece in by_node[node]:
            fresh = set(neighbors[piece.path]) - reached
            reached |= fresh
            waiting += fresh
    assert reached == set(by_node)


def test_functions_are_those_of_the_bay() -> None:
    assert bay("Q03").logical_nodes == ("MBQ03PROT/PTOC1", "MBQ03PROT/PTRC1", "MBQ03PROT/RREC1")


def test_a_tap_changer_a_neutral_and_a_transformer_in_a_bay_are_understood() -> None:
    link = '<LNode iedName="E1" ldInst="LD" lnClass="GGIO" lnInst="1"/>'
    before = f"""<Substation name="S"><VoltageLevel name="V"><Voltage unit="V" multiplier="k">110</Voltage><Bay name="B">
      <PowerTransformer name="T" type="PTR"><TransformerWinding name="W1" type="PTW">
      <Terminal name="N" connectivityNode="S/V/B/grounded" cNodeName="grounded"/><Terminal name="1" connectivityNode="S/V/B/n"/>
      <TapChanger name="OLTC" type="LTC">{link}</TapChanger></TransformerWinding></PowerTransformer>
      <ConductingEquipment name="X" type="XYZ"/><ConnectivityNode name="n"/><ConnectivityNode name="grounded"/>
      </Bay></VoltageLevel></Substation>"""
    reading = read(small(before=before))
    assert reading.findings == ()
    assert reading.scl is not None
    (drawn,) = single_lines_of(reading.scl)
    (transformer,) = drawn.transformers
    assert transformer.path == "S/V/B/T"
    assert transformer.has_tap_changer
    assert transformer.nodes == ("S/V/B/n",)
    assert transformer.logical_nodes == ("E1LD/GGIO1",)
    assert [piece.type for piece in drawn.equipment()] == [EquipmentType.POWER_TRANSFORMER, EquipmentType.OTHER]
    assert [node.name for node in drawn.nodes()] == ["n"]


def test_a_station_of_edition_1_is_drawn() -> None:
    scl = read_scl(EDITION_1.read_bytes()).scl
    assert scl is not None
    (drawn,) = single_lines_of(scl)
    assert drawn.levels[0].nominal_kv == 110.0
    assert drawn.levels[0].bays[0].position == Position(x=3.0, y=4.5)
    (breaker,) = drawn.levels[0].bays[0].equipment
    assert breaker.nodes == ("AA1/D1/Q1/L1", "AA1/D1/Q1/L2")
    assert breaker.logical_nodes == ("TEMPLATEC1/Q0XCBR1",)
