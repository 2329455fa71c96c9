"""The corners of SCL: what is rare, left out, or only just allowed."""

from __future__ import annotations

import pytest

from tests.protocols.iec61850.scl.files import EDITION_1, TEMPLATES, millbrook_text, read, small
from tieline.protocols.iec61850.scl import Scl, data_model, multicasts_of, points_of, read_scl, single_lines_of


def scl_of(text: str) -> Scl:
    reading = read(text)
    assert reading.scl is not None
    return reading.scl


def plant(inside: str, *, level: str = "", station: str = "") -> str:
    bay = f'<Bay name="B">{inside}</Bay>'
    return small(before=f'<Substation name="S">{station}<VoltageLevel name="V">{level}{bay}</VoltageLevel></Substation>')


def net(inside: str) -> str:
    return small(before=f"<Communication>{inside}</Communication>")


MISSING = {
    "LNode/lnClass": plant('<LNode iedName="E1"/>'),
    "ConnectivityNode/name": plant("<ConnectivityNode/>"),
    "ConductingEquipment/name": plant('<ConductingEquipment type="CBR"/>'),
    "ConductingEquipment/type": plant('<ConductingEquipment name="Q"/>'),
    "PowerTransformer/name": plant("<PowerTransformer/>"),
    "GeneralEquipment/name": plant("<GeneralEquipment/>"),
    "Function/name": plant("<Function/>"),
    "Bay/name": plant("").replace('<Bay name="B"', "<Bay"),
    "VoltageLevel/name": plant("").replace('<VoltageLevel name="V"', "<VoltageLevel"),
    "Substation/name": plant("").replace('<Substation name="S"', "<Substation"),
    "SubNetwork/name": net("<SubNetwork/>"),
    "ConnectedAP/iedName": net('<SubNetwork name="N"><ConnectedAP apName="S1"/></SubNetwork>'),
    "ConnectedAP/apName": net('<SubNetwork name="N"><ConnectedAP iedName="E1"/></SubNetwork>'),
    "GSE/cbName": net('<SubNetwork name="N"><ConnectedAP iedName="E1" apName="S1"><GSE ldInst="LD"/></ConnectedAP></SubNetwork>'),
    "P/type": net(
        '<SubNetwork name="N"><ConnectedAP iedName="E1" apName="S1"><Address><P>1</P></Address></ConnectedAP></SubNetwork>'
    ),
    "IED/name": small().replace('<IED name="E1"', "<IED"),
    "AccessPoint/name": small().replace('<AccessPoint name="S1"', "<AccessPoint"),
    "ServerAt/apName": small().replace("</IED>", '<AccessPoint name="X"><ServerAt/></AccessPoint></IED>'),
    "LDevice/inst": small().replace('<LDevice inst="LD"', "<LDevice"),
    "LN/lnType": small(device='<LN lnClass="GGIO" inst="2"/>'),
    "DataSet/name": small(ln0="<DataSet/>"),
    "FCDA/lnClass": small(ln0='<DataSet name="d"><FCDA fc="ST"/></DataSet>'),
    "ReportControl/name": small(ln0="<ReportControl/>"),
    "GSEControl/name": small(ln0="<GSEControl/>"),
    "SampledValueControl/name": small(ln0="<SampledValueControl/>"),
    "LogControl/name": small(ln0="<LogControl/>"),
    "ClientLN/iedName": small(ln0='<ReportControl name="r"><RptEnabled><ClientLN/></RptEnabled></ReportControl>'),
    "LNodeType/id": small(templates=TEMPLATES.replace('<LNodeType id="GGIO"', "<LNodeType")),
    "LNodeType/lnClass": small(templates=TEMPLATES.replace(' lnClass="GGIO"', "")),
    "DOType/id": small(templates=TEMPLATES.replace('<DOType id="MV"', "<DOType")),
    "DOType/cdc": small(templates=TEMPLATES.replace(' cdc="MV"', "")),
    "DAType/id": small(templates=TEMPLATES.replace('<DAType id="Value"', "<DAType")),
    "EnumType/id": small(templates=TEMPLATES.replace('<EnumType id="Mode"', "<EnumType")),
    "EnumVal/ord": small(templates=TEMPLATES.replace('ord="5"', "")),
    "DO/type": small(templates=TEMPLATES.replace(' type="SPS"', "")),
    "DA/bType": small(templates=TEMPLATES.replace(' bType="Quality"', "")),
    "BDA/name": small(templates=TEMPLATES.replace('<BDA name="f"', "<BDA")),
}


@pytest.mark.parametrize("where", MISSING)
def test_a_missing_attribute_is_told_and_what_it_names_is_left_out(where: str) -> None:
    tag, attribute = where.split("/")
    findings = [finding for finding in read(MISSING[where]).findings if finding.problem == f"has no {attribute}"]
    assert findings
    assert all(finding.path.rpartition("/")[2].split("[")[0] == tag for finding in findings)
    for ied in scl_of(MISSING[where]).ieds:
        points_of(scl_of(MISSING[where]), ied, beyond_data_sets=True)


def test_a_name_that_is_none_is_told() -> None:
    for old, new, what in (
        ('<DO name="Ind1"', '<DO name="Ind-1"', "data object"),
        ('name="mag"', 'name="1mag"', "data attribute"),
    ):
        findings = read(small(templates=TEMPLATES.replace(old, new))).findings
        assert any(finding.problem == f"is no name of a {what}" for finding in findings)


def test_a_count_may_be_the_name_of_an_attribute() -> None:
    text = small(templates=TEMPLATES.replace('<DA name="mag"', '<DA name="mag" count="numHar"'))
    assert read(text).findings == ()
    assert next(each.leaf.count for each in data_model(scl_of(text), scl_of(text).ieds[0]) if each.leaf.attribute == "mag.f") == 1


def test_names_of_devices_are_bounded() -> None:
    text = small().replace('<LDevice inst="LD"', f'<LDevice inst="LD" ldName="{"N" * 600}"')
    assert any("name is too long" in finding.problem for finding in read(text).findings)


def test_functions_and_general_equipment_are_linked() -> None:
    link = '<LNode iedName="E1" ldInst="LD" lnClass="GGIO" lnInst="1"/>'
    wind = f'<PowerTransformer name="T"><TransformerWinding name="W">{link}</TransformerWinding></PowerTransformer>'
    fan = f'<GeneralEquipment name="fan" type="FAN">{link}</GeneralEquipment>'
    nested = f'<Function name="F"><SubFunction name="G">{link}</SubFunction></Function>'
    inner = f'<EqFunction name="E"><EqSubFunction name="X">{link}</EqSubFunction></EqFunction>'
    breaker = f'<ConductingEquipment name="Q" type="CBR">{inner}</ConductingEquipment>'
    text = plant(nested + fan + breaker, level=wind, station=fan)
    assert read(text).findings == ()
    scl = scl_of(text)
    assert scl.equipment("E1", "LD", "GGIO1") == ("S/V/B/Q", "S/V/T/W", "S/V/B/fan", "S/fan", "S/V/B/F/G")
    (drawn,) = single_lines_of(scl)
    assert drawn.levels[0].bays[0].logical_nodes == ("E1LD/GGIO1",)
    assert drawn.transformers[0].logical_nodes == ("E1LD/GGIO1",)


def test_a_client_may_be_linked_too() -> None:
    client = '<IED name="C"><AccessPoint name="A"><LN lnClass="IHMI" inst="1" lnType="LLN0"/></AccessPoint></IED>'
    good = '<LNode iedName="C" lnClass="IHMI" lnInst="1"/>'
    bad = '<LNode iedName="C" lnClass="IHMI" lnInst="2"/><LNode iedName="D" lnClass="IHMI" lnInst="1"/>'
    text = plant(good + bad).replace("</IED>", f"</IED>{client}")
    problems = [finding.value for finding in read(text).findings if "no such logical node" in finding.problem]
    assert problems == ["C /IHMI2", "D /IHMI1"]


def test_a_log_control_block_is_read() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST"/></DataSet>'
    ln0 += '<LogControl name="l" datSet="d" logName="E1LD/LLN0.log" intgPd="60000" logEna="false"><TrgOps period="true"/></LogControl>'
    (log,) = next(scl_of(small(ln0=ln0)).ieds[0].devices()).nodes[0].logs
    assert (log.data_set, log.log, log.integrity_ms, log.is_enabled) == ("d", "E1LD/LLN0.log", 60_000, False)
    assert log.triggers.integrity
    assert not log.triggers.data_change


def test_inputs_that_are_not_bound_or_of_the_ied_itself_say_nothing() -> None:
    node = '<Inputs><ExtRef desc="later" intAddr="a" pDO="Pos"/>'
    node += '<ExtRef iedName="@" ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1"/></Inputs>'
    reading = read(small(node=node, ln0='<GSEControl name="g"/>'))
    assert reading.findings == ()
    assert reading.scl is not None
    (inputs,) = [each.inputs for each in next(reading.scl.ieds[0].devices()).nodes if each.inputs]
    assert [(each.ied, each.description) for each in inputs] == [("", "later"), ("@", "")]
    assert [each.subscribers for each in multicasts_of(reading.scl)] == [()]


def test_frames_of_samples_grow_with_their_options() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="XXXX" lnInst="1" doName="Ind1" fc="ST"/></DataSet>'
    plain = f'{ln0}<SampledValueControl name="s" datSet="d" smvID="{"S" * 40}"/>'
    full = plain.replace("/>", '><SmvOpts refreshTime="true" sampleRate="true" dataSet="true"/></SampledValueControl>')
    full = full.replace(
        'fc="ST"><SmvOpts refreshTime="true" sampleRate="true" dataSet="true"/></SampledValueControl>', 'fc="ST"/>'
    )
    (small_one,), (large_one,) = multicasts_of(scl_of(small(ln0=plain))), multicasts_of(scl_of(small(ln0=full)))
    assert large_one.frame_octets - small_one.frame_octets == 10 + 4 + len("E1LD/LLN0$d") + 2
    assert small_one.frames_per_s is None, "no rate is given"


def test_a_data_set_member_of_an_array_element_gives_no_point() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST" ix="3"/></DataSet>'
    scl = scl_of(small(ln0=ln0))
    assert next(scl.ieds[0].devices()).nodes[0].data_sets[0].members[0].index == 3
    assert points_of(scl, scl.ieds[0]).points == ()


def test_a_member_that_leads_nowhere_gives_no_point() -> None:
    ln0 = """<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind7" fc="ST"/>
      <FCDA ldInst="XX" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST"/>
      <FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" daName="stVal" fc="MX"/>
      <FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" daName="stVal" fc="ST"/></DataSet>"""
    scl = scl_of(small(ln0=ln0))
    (point,) = points_of(scl, scl.ieds[0]).points
    assert point.object_reference == "E1LD/GGIO1.Ind1.stVal"
    assert point.sources[0].value.member == 3


def test_a_control_without_oper_is_told() -> None:
    text = millbrook_text()
    at = text.index('<DOType id="SPC_Direct"')
    text = text[:at] + text[at:].replace('<DA name="Oper" bType="Struct" type="OperBool" fc="CO"/>', "", 1)
    scl = scl_of(text)
    ied = scl.ied("MBQ01")
    assert ied is not None
    found = points_of(scl, ied)
    assert {finding.problem for finding in found.findings} == {
        "has the control model direct-with-normal-security and no Oper to control it with"
    }
    assert len(found.findings) == 2


def test_a_control_model_may_be_written_as_its_ordinal_or_in_other_words() -> None:
    octets = EDITION_1.read_bytes()
    for new_word, old_word in ((b"1", None), (b"DirectNormal", b"direct-with-normal-security</EnumVal>")):
        changed = octets.replace(b"<Val>direct-with-normal-security</Val>", b"<Val>" + new_word + b"</Val>")
        if old_word:
            changed = changed.replace(old_word, b"DirectNormal</EnumVal>")
        scl = read_scl(changed).scl
        assert scl is not None
        control = next(point.control for point in points_of(scl, scl.ieds[0]).points if "TapChg.Oper" in point.object_reference)
        assert control is not None
        assert control.model == 1


def test_numbers_that_are_none_are_not_used() -> None:
    text = (
        millbrook_text().replace("<Val>30000</Val>", "<Val>half a minute</Val>").replace("<Val>0.001</Val>", "<Val>1e999</Val>")
    )
    scl = scl_of(text)
    ied = scl.ied("MBQ01")
    assert ied is not None
    points = {point.object_reference: point for point in points_of(scl, ied).points}
    control = points["MBQ01CTRL/CSWI1.Pos.Oper.ctlVal"].control
    assert control is not None
    assert control.sbo_timeout_ms is None
    assert points["MBQ01MU01/TCTR1.AmpSv.instMag.i"].scale == 1.0


def test_values_below_a_type_that_is_not_there_are_the_types_mistake() -> None:
    for mistake in ('<DO name="AnIn1" type="GONE"/>', '<DO name="AnIn1" type="MV"/>'):
        templates = TEMPLATES.replace('<DO name="AnIn1" type="MV"/>', mistake)
        if "GONE" not in mistake:
            templates = templates.replace('type="Value" fc="MX"', 'type="GONE" fc="MX"')
        node = '<DOI name="AnIn1"><SDI name="mag"><DAI name="f"><Val>1</Val></DAI></SDI></DOI>'
        member = '<FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="AnIn1" daName="mag.f" fc="MX"/>'
        (finding,) = read(small(node=node, ln0=f'<DataSet name="d">{member}</DataSet>', templates=templates)).findings
        assert finding.value == "GONE"


def test_octets_that_are_not_of_the_declared_encoding_are_replaced() -> None:
    octets = small().replace("UTF-8", "GB2312").encode().replace(b'<Header id="small"', b'<Header id="\xff\xff"')
    (finding,) = read_scl(octets).findings
    assert "not gb2312" in finding.problem


def test_damage_is_told_when_prefixes_are_missing_too() -> None:
    text = millbrook_text().replace('xmlns:sxy="http://www.iec.ch/61850/2003/SCLcoordinates"', "")
    reading = read(text.replace("</Communication>", ""))
    assert reading.scl is None
    assert "prefix that is not declared" in reading.findings[0].problem
    assert ["not well-formed" in finding.problem for finding in reading.errors] == [True]


def test_text_of_what_is_skipped_is_no_value() -> None:
    node = '<DOI name="Ind1"><DAI name="t"><Val>1<x:y xmlns:x="urn:x">2</x:y>3</Val></DAI></DOI>'
    values = [each.value for each in next(scl_of(small(node=node)).ieds[0].devices()).nodes[1].values]
    assert values == ["13"]


def test_elements_without_number_are_refused() -> None:
    octets = small(before=f"<Private>{'<a/>' * 2_000_000}</Private>").encode()
    reading = read_scl(octets)
    assert reading.scl is None
    assert any("more than 2,000,000 elements" in finding.problem for finding in reading.findings)


def test_a_data_object_of_more_types_than_any_real_one_is_left_alone() -> None:
    chain = "".join(f'<DOType id="C{n}" cdc="X"><SDO name="s" type="C{n + 1}"/></DOType>' for n in range(100))
    templates = TEMPLATES.replace('type="MV"/>', 'type="C0"/>').replace(
        "<DAType", f'{chain}<DOType id="C100" cdc="X"/><DAType', 1
    )
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="AnIn1" fc="MX"/></DataSet>'
    scl = scl_of(small(ln0=ln0, templates=templates))
    assert points_of(scl, scl.ieds[0], beyond_data_sets=True).points


def test_a_power_of_points_is_bounded_for_controls_too() -> None:
    names = "".join(f'<DO name="S{n}" type="SPC"/>' for n in range(60))
    junk = "".join(f'<DA name="a{n}" bType="INT32" fc="ST"/>' for n in range(4000))
    spc = f"""<DOType id="SPC" cdc="SPC">{junk}<DA name="ctlModel" bType="Enum" type="M" fc="CF"><Val>1</Val></DA>
      <DA name="Oper" bType="Struct" type="O" fc="CO"/></DOType><DAType id="O"><BDA name="ctlVal" bType="BOOLEAN"/></DAType>
      <EnumType id="M"><EnumVal ord="1">direct-with-normal-security</EnumVal></EnumType>"""
    templates = TEMPLATES.replace('<DO name="Ind1" type="SPS"/>', names).replace("<DAType", f"{spc}<DAType", 1)
    nodes = "".join(f'<LN lnClass="GGIO" inst="{n}" lnType="GGIO"/>' for n in range(2, 40))
    scl = scl_of(small(device=nodes, templates=templates))
    found = points_of(scl, scl.ieds[0], beyond_data_sets=True)
    assert ["the rest is left out" in finding.problem for finding in found.findings] == [True]
    assert len(found.points) < 39 * 60


def test_a_data_object_that_is_an_attribute_is_told() -> None:
    member = '<FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1.stVal" fc="ST"/>'
    (finding,) = read(small(ln0=f'<DataSet name="d">{member}</DataSet>')).findings
    assert finding.problem == "the logical node has no such data object"


def test_a_type_beside_a_plain_basic_type_means_nothing() -> None:
    assert read(small(templates=TEMPLATES.replace('bType="BOOLEAN"', 'bType="BOOLEAN" type="whatever"'))).findings == ()


def test_devices_nodes_and_data_sets_are_found_by_name() -> None:
    ied = scl_of(millbrook_text()).ied("MBQ01")
    assert ied is not None
    device = ied.device("PROT")
    assert device is not None
    assert device.node("NONE1") is None
    node = device.node("LLN0")
    assert node is not None
    assert node.data_set("dsNone") is None
    data_set = node.data_set("dsTrip")
    assert data_set is not None
    assert len(data_set.members) == 6


def test_a_logical_node_without_its_type_has_no_points() -> None:
    scl = scl_of(small(device='<LN lnClass="XCBR" inst="1" lnType="GONE"/>'))
    found = points_of(scl, scl.ieds[0], beyond_data_sets=True)
    assert {point.logical_node for point in found.points} == {"LLN0", "GGIO1"}


def test_data_objects_without_their_type_are_passed_over() -> None:
    scl = scl_of(small(templates=TEMPLATES.replace('name="Ind1" type="SPS"', 'name="Ind1" type="GONE"')))
    found = points_of(scl, scl.ieds[0], beyond_data_sets=True)
    assert [point.object_reference for point in found.points] == ["E1LD/LLN0.Beh.stVal", "E1LD/GGIO1.AnIn1.mag.f"]


def test_a_link_of_a_specification_leads_to_no_logical_node() -> None:
    scl = scl_of(
        plant('<ConductingEquipment name="Q" type="CBR"><LNode iedName="None" lnClass="XCBR" lnInst="1"/></ConductingEquipment>')
    )
    (drawn,) = single_lines_of(scl)
    assert next(drawn.equipment()).logical_nodes == ()
    assert scl.equipment("", "", "XCBR1") == ()


def test_several_streams_of_one_data_set_are_measured_once() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST"/></DataSet>'
    ln0 += '<GSEControl name="a" datSet="d"/><GSEControl name="b" datSet="d"/>'
    first, second = multicasts_of(scl_of(small(ln0=ln0)))
    assert first.frame_octets == second.frame_octets
