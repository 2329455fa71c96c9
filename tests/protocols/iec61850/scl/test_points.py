"""Points are found by themselves: value, quality and time attributes, kind, unit, control model, place in the data sets."""

from __future__ import annotations

import pytest

from tests.protocols.iec61850.scl.files import EDITION_1, millbrook, read, small
from tieline.model import PointKind
from tieline.protocols.iec61850.scl import ControlModel, IedPoints, SclPoint, Slot, points_of, read_scl


def points(name: str = "MBQ01", *, beyond_data_sets: bool = False) -> dict[tuple[str, str], SclPoint]:
    ied = millbrook().ied(name)
    assert ied is not None
    found = points_of(millbrook(), ied, beyond_data_sets=beyond_data_sets)
    assert found.findings == ()
    return {point.key: point for point in found.points}


def edition_1() -> dict[tuple[str, str], SclPoint]:
    scl = read_scl(EDITION_1.read_bytes()).scl
    assert scl is not None
    return {point.key: point for point in points_of(scl, scl.ieds[0], beyond_data_sets=True).points}


def small_points(text: str) -> IedPoints:
    scl = read(text).scl
    assert scl is not None
    return points_of(scl, scl.ieds[0], beyond_data_sets=True)


GOLDEN = [
    ("CTRL/CSWI1.Pos.stVal", "ST", "DPC", PointKind.DOUBLE, "", "Pos.q", "Pos.t", "Q01 circuit breaker QA1", "MB/J1/Q01/QA1"),
    ("CTRL/XCBR1.Loc.stVal", "ST", "SPS", PointKind.BINARY, "", "Loc.q", "Loc.t", "Q01 local control", "MB/J1/Q01/QA1"),
    (
        "CTRL/XCBR1.OpCnt.stVal",
        "ST",
        "INS",
        PointKind.COUNTER,
        "",
        "OpCnt.q",
        "OpCnt.t",
        "Q01 breaker operations",
        "MB/J1/Q01/QA1",
    ),
    ("LD0/LPHD1.PhyHealth.stVal", "ST", "ENS", PointKind.ANALOG, "", "PhyHealth.q", "PhyHealth.t", "", None),
    ("MEAS/MMXU1.TotW.mag.f", "MX", "MV", PointKind.ANALOG, "MW", "TotW.q", "TotW.t", "Q01 active power", "MB/J1/Q01/BC1"),
    (
        "MEAS/MMXU1.TotVAr.mag.f",
        "MX",
        "MV",
        PointKind.ANALOG,
        "Mvar",
        "TotVAr.q",
        "TotVAr.t",
        "Q01 reactive power",
        "MB/J1/Q01/BC1",
    ),
    ("MEAS/MMXU1.TotPF.mag.f", "MX", "MV", PointKind.ANALOG, "", "TotPF.q", "TotPF.t", "Q01 power factor", "MB/J1/Q01/BC1"),
    (
        *("MEAS/MMXU1.PPV.phsAB.cVal.mag.f", "MX", "CMV", PointKind.ANALOG, "kV"),
        *("PPV.phsAB.q", "PPV.phsAB.t", "Q01 voltage between phases", "MB/J1/Q01/BC1"),
    ),
    ("MEAS/MMXU1.A.phsC.cVal.mag.f", "MX", "CMV", PointKind.ANALOG, "A", "A.phsC.q", "A.phsC.t", "Q01 current", "MB/J1/Q01/BC1"),
    (
        "MEAS/MMTR1.SupWh.actVal",
        "ST",
        "BCR",
        PointKind.COUNTER,
        "kWh",
        "SupWh.q",
        "SupWh.t",
        "Q01 energy towards the busbar",
        None,
    ),
    ("PROT/PTRC1.Tr.phsB", "ST", "ACT", PointKind.BINARY, "", "Tr.q", "Tr.t", "Q01 trip", "MB/J1/Q01/Protection"),
    (
        "PROT/PTOC1.Str.general",
        "ST",
        "ACD",
        PointKind.BINARY,
        "",
        "Str.q",
        "Str.t",
        "Q01 overcurrent started",
        "MB/J1/Q01/Protection",
    ),
    (
        "PROT/PTOC1.Str.dirGeneral",
        "ST",
        "ACD",
        PointKind.ANALOG,
        "",
        "Str.q",
        "Str.t",
        "Q01 overcurrent started",
        "MB/J1/Q01/Protection",
    ),
    ("MU01/TCTR1.AmpSv.instMag.i", "MX", "SAV", PointKind.ANALOG, "A", "AmpSv.q", "", "Current A", "MB/J1/Q01/BC1/A"),
    (
        "PROT/PTOC1.StrVal.setMag.f",
        "SP",
        "ASG",
        PointKind.SETPOINT,
        "kA",
        "",
        "",
        "Q01 overcurrent pickup",
        "MB/J1/Q01/Protection",
    ),
    (
        "PROT/PTOC1.OpDlTmms.setVal",
        "SP",
        "ING",
        PointKind.SETPOINT,
        "ms",
        "",
        "",
        "Q01 overcurrent delay",
        "MB/J1/Q01/Protection",
    ),
    ("CTRL/GGIO1.SPCSO1.Oper.ctlVal", "CO", "SPC", PointKind.CONTROL, "", "", "", "Q01 panel light", None),
]


@pytest.mark.parametrize("expected", GOLDEN, ids=[row[0] for row in GOLDEN])
def test_a_point_is_what_its_common_data_class_says(expected: tuple[object, ...]) -> None:
    reference, fc, *rest = expected
    point = points(beyond_data_sets=True)[f"MBQ01{reference}", str(fc)]
    equipment = point.equipment[0] if point.equipment else None
    assert [point.cdc, point.kind, point.unit, point.quality, point.time, point.description, equipment] == rest


def test_without_being_asked_for_only_data_sets_and_commands_become_points() -> None:
    assert ("MBQ01PROT/PTOC1.StrVal.setMag.f", "SP") not in points()
    assert ("MBQ01CTRL/CSWI1.Beh.stVal", "ST") not in points()
    assert ("MBQ01CTRL/CSWI1.Pos.Oper.ctlVal", "CO") in points()
    assert set(points()) < set(points(beyond_data_sets=True))


@pytest.mark.parametrize(
    ("reference", "model"),
    [
        ("MBQ01CTRL/CSWI1.Pos.Oper.ctlVal", ControlModel.SBO_ENHANCED),
        ("MBQ01CTRL/CSWI2.Pos.Oper.ctlVal", ControlModel.SBO_NORMAL),
        ("MBQ01CTRL/CSWI3.Pos.Oper.ctlVal", ControlModel.DIRECT_ENHANCED),
        ("MBQ01LD0/LLN0.LEDRs.Oper.ctlVal", ControlModel.DIRECT_NORMAL),
    ],
)
def test_the_control_model_is_known(reference: str, model: ControlModel) -> None:
    control = points()[reference, "CO"].control
    assert control is not None
    assert control.model is model
    assert control.b_type == "BOOLEAN"


def test_time_limits_of_a_control_are_known() -> None:
    control = points()["MBQ01CTRL/CSWI1.Pos.Oper.ctlVal", "CO"].control
    assert control is not None
    assert (control.sbo_timeout_ms, control.operate_timeout_ms) == (30_000, 10_000)
    assert control.model is not None
    assert control.model.needs_select
    assert control.model.is_enhanced


def test_what_has_only_a_status_cannot_be_operated() -> None:
    assert not [key for key in points(beyond_data_sets=True) if "XCBR1" in key[0] and key[1] == "CO"]


def test_a_point_knows_where_it_is_in_a_data_set_of_whole_data() -> None:
    (source,) = points()["MBQ01CTRL/CSWI1.Pos.stVal", "ST"].sources
    assert source.data_set == "MBQ01CTRL/LLN0.dsPos"
    assert source.value == Slot(0, (2,)), "origin and ctlNum come before it"
    assert (source.quality, source.time) == (Slot(0, (3,)), Slot(0, (4,)))
    (source,) = points()["MBQ01MEAS/MMXU1.A.phsC.cVal.mag.f", "MX"].sources
    assert source.value == Slot(5, (2, 1, 0, 0)), "A, phsC, cVal behind instCVal, mag, f"
    assert source.quality == Slot(5, (2, 2))


def test_a_point_finds_its_quality_among_the_other_members() -> None:
    (source,) = points()["MBQ01MEAS/MMTR1.DmdWh.actVal", "ST"].sources
    assert (source.value, source.quality, source.time) == (Slot(3, ()), Slot(4, ()), Slot(5, ()))
    (source,) = points()["MBQ01CTRL/XCBR1.Pos.stVal", "ST"].sources
    assert (source.value, source.quality, source.time) == (Slot(4, ()), Slot(5, ()), None)


def test_a_point_in_two_data_sets_has_both() -> None:
    sources = points()["MBQ01PROT/PTRC1.Tr.general", "ST"].sources
    assert [source.data_set for source in sources] == ["MBQ01PROT/LLN0.dsTrip", "MBQ01PROT/LLN0.dsProt"]


def test_limits_and_scales_are_known() -> None:
    pickup = points(beyond_data_sets=True)["MBQ01PROT/PTOC1.StrVal.setMag.f", "SP"]
    assert (pickup.low, pickup.high) == (0.1, 4.0)
    delay = points(beyond_data_sets=True)["MBQ01PROT/PTOC1.OpDlTmms.setVal", "SP"]
    assert (delay.low, delay.high) == (0.0, 60_000.0)
    assert points()["MBQ01MU01/TCTR1.AmpSv.instMag.i", "MX"].scale == 0.001
    assert points()["MBQ01MEAS/MMTR1.SupWh.actVal", "ST"].scale == 10.0


def test_enumerations_keep_their_words() -> None:
    enum = points()["MBQ01LD0/LPHD1.PhyHealth.stVal", "ST"].enum
    assert enum is not None
    assert enum.values == ((1, "Ok"), (2, "Warning"), (3, "Alarm"))


def test_a_client_has_no_points() -> None:
    assert points("MBGW", beyond_data_sets=True) == {}


def test_units_of_edition_1_are_understood() -> None:
    power = edition_1()["TEMPLATEC1/MMXU1.TotW.mag.i", "MX"]
    assert (power.unit, power.scale, power.offset) == ("MW", 0.01, -5.0)
    assert edition_1()["TEMPLATEC1/MMXU1.A.phsA.cVal.mag.f", "MX"].unit == "A", "written as the ordinal 5"


def test_controls_of_edition_1_are_understood() -> None:
    breaker = edition_1()["TEMPLATEC1/Q0XCBR1.Pos.Oper.ctlVal", "CO"]
    assert breaker.control is not None
    assert breaker.control.model is None, "the file does not say"
    assert breaker.control.has_operate_time
    tap = edition_1()["TEMPLATEC1/ATCC1.TapChg.Oper.ctlVal", "CO"]
    assert (tap.kind, tap.b_type) == (PointKind.CONTROL, "Tcmd")
    band = edition_1()["TEMPLATEC1/ATCC1.BndCtr.Oper.setMag.i", "CO"]
    assert band.kind is PointKind.SETPOINT
    assert band.control is not None
    assert band.control.model is ControlModel.DIRECT_NORMAL
    assert edition_1()["TEMPLATEC1/ATCC1.TapChg.valWTr.posVal", "ST"].kind is PointKind.ANALOG
    assert edition_1()["TEMPLATEC1/MMTR1.TotWh.actVal", "ST"].scale == 0.5
    assert ("TEMPLATEC1/MMTR1.TotWh.frVal", "ST") not in edition_1()


def test_a_data_set_of_a_whole_logical_node_is_understood() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" fc="ST"/></DataSet>'
    found = {point.key: point for point in small_points(small(ln0=ln0)).points}
    assert found["E1LD/GGIO1.Ind1.stVal", "ST"].sources[0].value == Slot(0, (0, 0))


def test_a_unit_in_words_of_a_vendor_is_found_by_its_ordinal() -> None:
    templates = """<DataTypeTemplates><LNodeType id="LLN0" lnClass="LLN0"/>
      <LNodeType id="GGIO" lnClass="GGIO"><DO name="AnIn1" type="MV"/><DO name="AnIn2" type="MV"/></LNodeType>
      <DOType id="MV" cdc="MV">
        <DA name="mag" bType="Struct" type="Value" fc="MX"/><DA name="units" bType="Struct" type="Unit" fc="CF"/></DOType>
      <DAType id="Value"><BDA name="f" bType="FLOAT32"/></DAType>
      <DAType id="Unit"><BDA name="SIUnit" bType="Enum" type="U"/><BDA name="multiplier" bType="Enum" type="M"/></DAType>
      <EnumType id="U"><EnumVal ord="29">Volt</EnumVal><EnumVal ord="999">furlong</EnumVal></EnumType>
      <EnumType id="M"><EnumVal ord="3">tausend</EnumVal></EnumType></DataTypeTemplates>"""
    node = """<DOI name="AnIn1"><SDI name="units"><DAI name="SIUnit"><Val>Volt</Val></DAI>
      <DAI name="multiplier"><Val>tausend</Val></DAI></SDI></DOI>
      <DOI name="AnIn2"><SDI name="units"><DAI name="SIUnit"><Val>furlong</Val></DAI></SDI></DOI>"""
    found = small_points(small(node=node, templates=templates))
    assert [point.unit for point in found.points] == ["kV", ""]
    assert [(finding.value, finding.severity.value) for finding in found.findings] == [("furlong", "warning")]


def test_a_control_model_that_is_none_is_reported_and_left_to_the_server() -> None:
    text = EDITION_1.read_bytes().replace(b"<Val>direct-with-normal-security</Val>", b"<Val>by-hand</Val>")
    scl = read_scl(text).scl
    assert scl is not None
    found = points_of(scl, scl.ieds[0])
    assert ["control model" in finding.problem for finding in found.findings] == [True]
    control = next(point.control for point in found.points if "TapChg.Oper" in point.object_reference)
    assert control is not None
    assert control.model is None


def test_a_data_set_of_arrays_gives_no_points() -> None:
    templates = """<DataTypeTemplates><LNodeType id="LLN0" lnClass="LLN0"/>
      <LNodeType id="GGIO" lnClass="GGIO"><DO name="H" type="HMV"/></LNodeType>
      <DOType id="HMV" cdc="HMV"><SDO name="har" type="CMV" count="16"/></DOType>
      <DOType id="CMV" cdc="CMV"><DA name="cVal" bType="Struct" type="Vector" fc="MX"/></DOType>
      <DAType id="Vector"><BDA name="mag" bType="Struct" type="Value"/></DAType>
      <DAType id="Value"><BDA name="f" bType="FLOAT32"/></DAType></DataTypeTemplates>"""
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="H" fc="MX"/></DataSet>'
    assert small_points(small(ln0=ln0, templates=templates)).points == ()
