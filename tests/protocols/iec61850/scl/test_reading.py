"""What an SCL file says is what the model says, in every edition."""

from __future__ import annotations

from tests.protocols.iec61850.scl.files import EDITION_1, MILLBROOK, line_of, millbrook, millbrook_text, read, small
from tieline.protocols.iec61850.scl import data_model, read_scl


def test_the_station_of_the_demo_has_no_findings() -> None:
    reading = read_scl(MILLBROOK.read_bytes(), "millbrook.scd")
    assert reading.findings == ()
    assert reading.scl is not None
    assert reading.scl.edition == "2007B4"
    assert [ied.name for ied in reading.scl.ieds] == ["MBGW", *(f"MBQ0{number}" for number in range(1, 7))]
    assert (reading.scl.header.id, reading.scl.header.version, reading.scl.header.revision) == ("RIDGEWAY-MB", "3", "7")


def test_a_file_of_edition_1_has_no_findings_and_its_defaults() -> None:
    reading = read_scl(EDITION_1.read_bytes(), EDITION_1.name)
    assert reading.findings == ()
    scl = reading.scl
    assert scl is not None
    assert scl.edition == "1"
    assert scl.substations[0].description == "Umspannwerk Mühlbach", "the file is in ISO 8859-1"
    device = next(scl.ieds[0].devices())
    report = device.nodes[0].reports[0]
    assert report.instance_names == ("brcb01",)
    assert report.triggers.general_interrogation
    assert device.nodes[0].gooses[0].is_goose
    assert device.nodes[0].setting_control is not None
    assert device.nodes[0].setting_control.active == 2


def test_addresses_are_understood() -> None:
    ((net, point),) = millbrook().connections("MBQ01")
    assert (net.name, net.type, net.bit_rate_mbps) == ("StationBus", "8-MMS", 100.0)
    address = point.address
    assert (address.ip, address.mask, address.gateway) == ("10.20.3.11", "255.255.255.0", "10.20.3.1")
    assert (address.psel, address.ssel, address.tsel) == (b"\0\0\0\1", b"\0\1", b"\0\1")
    assert (address.ap_title, address.ae_qualifier, address.port) == ("1,3,9999,23", 23, None)
    goose, stream = point.multicasts
    assert (goose.mac, goose.app_id, goose.vlan_id, goose.vlan_priority) == ("01-0c-cd-01-00-01", 0x1001, 0x014, 6)
    assert (goose.min_time_ms, goose.max_time_ms, goose.is_sampled) == (4.0, 1000.0, False)
    assert (stream.control_block, stream.is_sampled, stream.mac) == ("msvcb01", True, "01-0c-cd-04-00-01")


def test_control_blocks_have_all_their_attributes() -> None:
    ied = millbrook().ied("MBQ01")
    assert ied is not None
    control = ied.device("CTRL")
    assert control is not None
    report = control.nodes[0].reports[0]
    assert report.instance_names == ("brcbPos01", "brcbPos02", "brcbPos03")
    assert (report.data_set, report.conf_rev, report.is_buffered, report.buffer_time_ms) == ("dsPos", 20001, True, 50)
    assert report.triggers.data_change
    assert report.triggers.quality_change
    assert not report.triggers.integrity
    assert report.optional_fields.entry_id
    assert not report.optional_fields.data_reference
    assert [client.ied for client in report.clients] == ["MBGW"]
    unit = ied.device("MU01")
    assert unit is not None
    stream = unit.nodes[0].sampled_values[0]
    assert (stream.sv_id, stream.sample_rate, stream.asdu_count, stream.options) == (
        "MBQ01MU01",
        80,
        1,
        frozenset({"sampleSynchronized"}),
    )
    service = ied.service("ConfDataSet")
    assert service is not None
    assert service.get("maxAttributes") == "128"
    assert ied.service("DynDataSet") is None


def test_a_report_control_block_that_is_not_indexed_bears_its_own_name() -> None:
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST"/></DataSet>'
    ln0 += '<ReportControl name="r" datSet="d" confRev="1" indexed="false"><RptEnabled max="5"/></ReportControl>'
    scl = read(small(ln0=ln0)).scl
    assert scl is not None
    assert next(scl.ieds[0].devices()).nodes[0].reports[0].instance_names == ("r",)


def test_a_logical_device_may_have_a_name_of_its_own() -> None:
    text = small().replace('LDevice inst="LD"', 'LDevice inst="LD" ldName="FEEDER_7"')
    scl = read(text).scl
    assert scl is not None
    assert next(scl.ieds[0].devices()).name == "FEEDER_7"
    assert next(data_model(scl, scl.ieds[0])).reference == "FEEDER_7/LLN0.Beh.stVal"
    named = read(small()).scl
    assert named is not None
    assert next(named.ieds[0].devices()).name == "E1LD"


def test_the_data_model_of_an_ied_is_complete() -> None:
    scl = millbrook()
    ied = scl.ied("MBQ01")
    assert ied is not None
    model = {each.reference: each for each in data_model(scl, ied)}
    position = model["MBQ01CTRL/CSWI1.Pos.stVal"]
    assert (position.leaf.fc, position.leaf.cdc, position.leaf.b_type) == ("ST", "DPC", "Dbpos")
    assert position.leaf.triggers == {"dchg"}
    current = model["MBQ01MEAS/MMXU1.A.phsB.cVal.ang.f"]
    assert (current.leaf.fc, current.leaf.cdc, current.leaf.data_object, current.leaf.attribute) == (
        "MX",
        "CMV",
        "A.phsB",
        "cVal.ang.f",
    )
    behavior = model["MBQ01CTRL/XCBR1.Beh.stVal"]
    assert behavior.leaf.enum is not None
    assert behavior.leaf.enum.word(3) == "test"
    assert model["MBQ01CTRL/CSWI1.Pos.ctlModel"].value == "sbo-with-enhanced-security", "of the instance"
    assert model["MBQ01CTRL/XCBR1.Pos.ctlModel"].value == "status-only", "of the type"
    assert model["MBQ01CTRL/XCBR1.Pos.stVal"].value is None
    assert model["MBQ01CTRL/CSWI2.Pos.Oper.origin.orCat"].leaf.fc == "CO", "structures pass their constraint on"


def test_ieds_of_the_same_type_share_it() -> None:
    scl = millbrook()
    leaves = [scl.templates.leaves(scl.nodes(ied)["CTRL", "CSWI1"].type) for ied in scl.ieds[1:]]
    assert all(each is leaves[0] for each in leaves)
    data_sets = [scl.nodes(ied)["CTRL", "LLN0"].data_sets[0].members for ied in scl.ieds[1:]]
    assert all(each is data_sets[0] for each in data_sets)
    values = [scl.nodes(ied)["CTRL", "GGIO1"].values for ied in scl.ieds[1:]]
    assert all(each is values[0] for each in values)


def test_elements_know_their_line() -> None:
    text = millbrook_text()
    ied = millbrook().ied("MBQ04")
    assert ied is not None
    assert ied.line == line_of(text, '<IED name="MBQ04"')
    data_set = millbrook().nodes(ied)["CTRL", "LLN0"].data_sets[0]
    assert data_set.lines[0] == data_set.line + 1


def test_links_lead_from_logical_nodes_to_equipment() -> None:
    scl = millbrook()
    assert scl.equipment("MBQ02", "CTRL", "XCBR1") == ("MB/J1/Q02/QA1",)
    assert scl.equipment("MBQ01", "MU01", "TCTR2") == ("MB/J1/Q01/BC1/B",)
    assert scl.equipment("MBQ05", "CTRL", "STMP1") == ("MB/T1",)
    assert scl.equipment("MBQ05", "PROT", "PTRC1") == ("MB/J1/Q05/Protection",)
    assert scl.equipment("MBQ05", "PROT", "LLN0") == ()


def test_the_nearest_link_comes_first() -> None:
    link = '<LNode iedName="E1" ldInst="LD" lnClass="GGIO" lnInst="1"/>'
    before = f"""<Substation name="S">{link}<VoltageLevel name="V"><Bay name="B">{link}
      <Function name="F">{link}</Function>
      <ConductingEquipment name="Q" type="CBR">{link}</ConductingEquipment></Bay></VoltageLevel></Substation>"""
    scl = read(small(before=before)).scl
    assert scl is not None
    assert scl.equipment("E1", "LD", "GGIO1") == ("S/V/B/Q", "S/V/B/F", "S/V/B", "S")


def test_what_vendors_add_is_passed_over_without_a_word() -> None:
    private = '<Private type="V"><x:A xmlns:x="urn:v"><LN lnClass="Q"/></x:A><Anything><IED name="Z"/></Anything></Private>'
    foreign = '<v:Mark xmlns:v="urn:v" v:a="1"><v:B/></v:Mark>'
    reading = read(small(ln0=private + foreign, node=private, before=private + foreign))
    assert reading.findings == ()
    assert reading.scl is not None
    assert [ied.name for ied in reading.scl.ieds] == ["E1"]


def test_a_specification_without_ieds_is_read() -> None:
    text = """<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B"><Header id="x"/><Substation name="S">
      <VoltageLevel name="V"><Bay name="B"><ConductingEquipment name="Q" type="CBR"><LNode iedName="None" lnClass="XCBR" lnInst="1"/>
      </ConductingEquipment></Bay></VoltageLevel></Substation></SCL>"""
    reading = read(text)
    assert reading.findings == ()
    assert reading.scl is not None
    assert reading.scl.ieds == ()
    assert next(reading.scl.substations[0].links())[2].ied == ""


def test_an_access_point_may_lead_to_the_server_of_another() -> None:
    text = small().replace("</AccessPoint>", '</AccessPoint><AccessPoint name="S2"><ServerAt apName="S1"/></AccessPoint>')
    reading = read(text)
    assert reading.findings == ()
    assert reading.scl is not None
    assert [point.server_at for point in reading.scl.ieds[0].access_points] == ["", "S1"]
