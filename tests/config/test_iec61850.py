from __future__ import annotations

import re
from pathlib import Path

import pytest

from tieline.config import Iec61850Device, Iec61850Row, Utility, inspect_folder, read_folder
from tieline.config.field import InterfacePlace, NetworkPlace, Place, goose_key, relocate
from tieline.config.iec61850 import Iec61850Tcp, Iec61850Tls
from tieline.model import ConfigError, PointKind
from tieline.model.single_line import EquipmentType

from .folders import UTILITY, edit, findings_of, write

SITE = "sites/alpha/site.toml"
SCD = "sites/alpha/scl/millbrook.scd"
LIST = "sites/alpha/points/q01.csv"
SAMPLE = Path(__file__).parents[1] / "data" / "iec61850" / "millbrook.scd"

DEVICE = """\
[[devices]]
name = "q01"
protocol = "iec61850"
ied = "MBQ01"
"""

NODES = """\
name,voltage_kv,site
grid,20,
in1,20,alpha
in2,20,alpha
bar,20,alpha
f1,20,alpha
t1-hv,20,alpha
lv1,0.4,alpha
"""

SWITCHES = """\
name,from_node,to_node,scl
q1,in1,bar,MB/J1/Q01/QA1
q2,in2,bar,MB/J1/Q02/QA1
qf1,bar,f1,MB/J1/Q03/QA1
qt1,bar,t1-hv,MB/J1/Q05/QA1
"""

LINES = """\
name,from_node,to_node,length_km,r_ohm_per_km,x_ohm_per_km,rated_current_a
l1,grid,in1,1,0.1,0.1,400
l2,grid,in2,1,0.1,0.1,400
"""

TRANSFORMERS = """\
name,high_node,low_node,rated_mva,high_kv,low_kv,short_circuit_percent,load_loss_kw,no_load_loss_kw,scl
t1,t1-hv,lv1,1,20,0.4,6,9,0.7,MB/T1
"""

GRID = {
    "grid/nodes.csv": NODES,
    "grid/switches.csv": SWITCHES,
    "grid/lines.csv": LINES,
    "grid/transformers.csv": TRANSFORMERS,
    "grid/sources.csv": "name,node\ns,grid\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"utility.toml": UTILITY, SITE: DEVICE, SCD: SAMPLE.read_text()})


def add(folder: Path, name: str, text: str) -> None:
    with (folder / name).open("a") as file:
        file.write(text)


def add_device(folder: Path, name: str, ied: str, more: str = "") -> None:
    add(folder, SITE, f'\n[[devices]]\nname = "{name}"\nprotocol = "iec61850"\nied = "{ied}"\n{more}\n')


def device_of(folder: Path) -> Iec61850Device:
    device = read_folder(folder).site("alpha").devices[0]
    assert isinstance(device, Iec61850Device)
    return device


def rows_of(folder: Path) -> dict[str, Iec61850Row]:
    return {row.name: row for row in device_of(folder).rows}


def line_of(folder: Path, name: str, text: str) -> int:
    return next(number for number, line in enumerate((folder / name).read_text().splitlines(), 1) if text in line)


def test_an_ied_needs_no_more_than_its_name(folder: Path) -> None:
    device = device_of(folder)
    assert device.description == "Incoming feeder 1 from Northgate"
    assert (device.scl_file, device.ied.name, device.access_point) == (SCD, "MBQ01", "S1")
    assert isinstance(device.connection, Iec61850Tcp)
    assert (device.connection.host, device.connection.port) == ("10.20.3.11", 102)
    assert (device.address.psel, device.address.ap_title) == (b"\x00\x00\x00\x01", "1,3,9999,23")
    assert len(device.points) == len(device.rows) == len(device.described) == 44


def test_points_bring_their_names_kinds_and_units_from_the_file(folder: Path) -> None:
    rows = rows_of(folder)
    power, position = rows["meas-mmxu1-totw"], rows["ctrl-cswi1-pos"]
    assert (power.kind, power.unit, power.description) == (PointKind.ANALOG, "MW", "Q01 active power")
    assert (power.reference, power.fc, power.source, power.step) == ("MBQ01MEAS/MMXU1.TotW.mag.f", "MX", "mms", 0.0)
    assert (position.kind, position.description) == (PointKind.DOUBLE, "Q01 circuit breaker QA1")
    command = rows["ctrl-cswi1-pos-command"]
    assert (command.kind, command.fc, command.reference) == (PointKind.CONTROL, "CO", "MBQ01CTRL/CSWI1.Pos.Oper.ctlVal")
    energy = rows["meas-mmtr1-supwh"]
    assert (energy.kind, energy.unit, energy.scale, energy.step) == (PointKind.COUNTER, "kWh", 10.0, 10.0)
    assert {"meas-mmxu1-a-phsa", "prot-ptrc1-tr", "prot-ptrc1-tr-phsa", "prot-ptoc1-str-dirgeneral"} <= set(rows)
    assert rows["ctrl-cilo1-enacls"].description == "MBQ01CTRL/CILO1.EnaCls"


def test_sampled_values_are_no_points(folder: Path) -> None:
    assert not [row for row in device_of(folder).rows if row.reference.startswith("MBQ01MU01/")]


def test_report_control_blocks_leave_out_what_is_reserved_for_others(folder: Path) -> None:
    sources = {source.reference: source for source in device_of(folder).report_sources}
    assert len(sources) == 6
    position = sources["MBQ01CTRL/LLN0.brcbPos"]
    assert (position.instances, position.data_set) == (("02", "03"), "MBQ01CTRL/LLN0.dsPos")
    assert position.members[:2] == (("MBQ01CTRL/CSWI1.Pos", "ST"), ("MBQ01CTRL/CSWI2.Pos", "ST"))
    assert (position.control.conf_rev, position.integrity_s, position.buffer_time_s) == (20001, 0.0, 0.05)
    measured = sources["MBQ01MEAS/LLN0.urcbMeas"]
    assert (measured.instances, measured.integrity_s) == (("01", "02", "03", "04"), 30.0)


def test_a_block_that_is_reserved_for_others_is_not_ours_to_choose(folder: Path) -> None:
    add(folder, SITE, '[devices.reports]\ncontrol_blocks = ["brcbPos"]\n')
    edit(folder, SCD, '<RptEnabled max="3">', '<RptEnabled max="1">')
    (found,) = findings_of(folder)
    assert (found.where, found.problem) == ("devices[0].reports.control_blocks", "the SCL file reserves all of it for MBGW")
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\nclient = "MBGW"')
    assert [source.instances for source in device_of(folder).report_sources] == [("01",)]


def test_what_is_reserved_for_us_comes_first(folder: Path) -> None:
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\nclient = "MBGW"')
    sources = {source.control.name: source.instances for source in device_of(folder).report_sources}
    assert sources["brcbPos"] == ("01", "02", "03")


@pytest.mark.parametrize("name", ["brcbPos", "CTRL/LLN0.brcbPos", "MBQ01CTRL/LLN0.brcbPos"])
def test_report_control_blocks_can_be_chosen_and_changed(folder: Path, name: str) -> None:
    add(folder, SITE, f'[devices.reports]\ncontrol_blocks = ["{name}"]\nintegrity_s = 120\nbuffer_time_s = 1\n')
    (source,) = device_of(folder).report_sources
    assert (source.control.name, source.integrity_s, source.buffer_time_s) == ("brcbPos", 120, 1)


def test_the_section_has_the_last_word_about_the_address(folder: Path) -> None:
    add(folder, SITE, '[devices.connection]\nhost = "bay1.example"\nport = 10102\ntimeout_s = 2\n')
    connection = device_of(folder).connection
    assert isinstance(connection, Iec61850Tcp)
    assert (connection.host, connection.port, connection.timeout_s) == ("bay1.example", 10102, 2)


def test_tls_takes_its_own_port_and_its_files(folder: Path) -> None:
    add(folder, SITE, '[devices.connection]\ntransport = "tls"\nauthority_file = "ca.pem"\n')
    (found,) = findings_of(folder)
    assert (found.where, found.problem) == ("devices[0].connection.authority_file", "there is no such file")
    write(folder, {"ca.pem": ""})
    connection = device_of(folder).connection
    assert isinstance(connection, Iec61850Tls)
    assert (connection.host, connection.port, connection.authority_file) == ("10.20.3.11", 3782, "ca.pem")


def test_the_file_s_own_port_counts(folder: Path) -> None:
    edit(folder, SCD, ">10.20.3.11</P>", '>10.20.3.11</P><P type="MMS-Port">1102</P>')
    assert device_of(folder).connection.port == 1102


def test_ten_devices_share_one_reading_of_their_file(folder: Path) -> None:
    for number in range(2, 7):
        add_device(folder, f"q0{number}", f"MBQ0{number}")
    devices = [device for device in read_folder(folder).site("alpha").devices if isinstance(device, Iec61850Device)]
    assert len(devices) == 6
    assert len({id(device.scl) for device in devices}) == 1


def test_an_only_ied_need_not_be_named(folder: Path) -> None:
    text = (folder / SCD).read_text()
    text = re.sub(r"  <IED name=\"MBQ0[2-6]\".*?</IED>\n", "", text, flags=re.DOTALL)
    text = re.sub(r"  <Substation.*?</Substation>\n", "", text, flags=re.DOTALL)
    text = re.sub(r"      <ConnectedAP iedName=\"MBQ0[2-6]\".*?</ConnectedAP>\n", "", text, flags=re.DOTALL)
    text = re.sub(r"          <Inputs>.*?</Inputs>\n", "", text, flags=re.DOTALL)
    text = re.sub(r"              <IEDName .*?</IEDName>\n", "", text)
    write(folder, {SCD: text})
    edit(folder, SITE, 'ied = "MBQ01"\n', "")
    assert device_of(folder).ied.name == "MBQ01"


def add_access_point(folder: Path, body: str) -> None:
    """A second access point of MBQ01, S2, with an address of its own."""
    text = (folder / SCD).read_text()
    end = text.index("</AccessPoint>", text.index('<IED name="MBQ01"')) + len("</AccessPoint>")
    text = text[:end] + f'<AccessPoint name="S2">{body}</AccessPoint>' + text[end:]
    connected = '<ConnectedAP iedName="MBQ01" apName="S2"><Address><P type="IP">10.20.4.11</P></Address></ConnectedAP>'
    write(folder, {SCD: text.replace('<ConnectedAP iedName="MBQ01"', f'{connected}<ConnectedAP iedName="MBQ01"', 1)})


def test_an_access_point_may_lead_to_the_server_of_another(folder: Path) -> None:
    add_access_point(folder, '<ServerAt apName="S1"/>')
    assert device_of(folder).connection.host == "10.20.3.11"
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\naccess_point = "S2"')
    device = device_of(folder)
    assert (device.connection.host, device.address.ip, len(device.points)) == ("10.20.4.11", "10.20.4.11", 44)


def test_one_of_two_servers_has_to_be_chosen(folder: Path) -> None:
    add_access_point(
        folder,
        '<Server><Authentication/><LDevice inst="AUX"><LN0 lnClass="LLN0" inst="" lnType="LLN0_LD"/></LDevice></Server>',
    )
    (found,) = findings_of(folder)
    assert (found.where, found.remedy) == ("devices[0].access_point", "write one of S1, S2")
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\naccess_point = "S2"')
    assert [row.reference for row in device_of(folder).rows if not row.reference.startswith("MBQ01AUX/")] == []


def test_long_and_foreign_names_become_names_of_points(folder: Path) -> None:
    text = (folder / SCD).read_text()
    long = "Q" * 60
    text = text.replace('ldInst="MEAS"', f'ldInst="{long}"').replace('inst="MEAS"', f'inst="{long}"')
    text = text.replace('ldInst="CTRL"', 'ldInst="C_T L"').replace('inst="CTRL"', 'inst="C_T L"')
    write(folder, {SCD: text})
    names = list(rows_of(folder))
    assert "c_t-l-cswi1-pos" in names
    assert [name for name in names if name.startswith("qqq")]
    assert max(len(name) for name in names) == 64


# The electrical model


def test_points_know_their_equipment_in_grid_by_the_links_of_the_file(folder: Path) -> None:
    write(folder, GRID)
    rows = rows_of(folder)
    known = {
        name: (row.equipment, row.quantity, row.phase) for name, row in rows.items() if row.equipment or row.quantity or row.phase
    }
    assert known == {
        "ctrl-cswi1-pos": ("q1", "switch_position", ""),
        "ctrl-cswi1-pos-command": ("q1", "switch_position", ""),
        "ctrl-xcbr1-pos": ("q1", "switch_position", ""),
        "ctrl-xcbr1-opcnt": ("q1", "operations", ""),
        "meas-mmxu1-totw": ("q1", "active_power", ""),
        "meas-mmxu1-totvar": ("q1", "reactive_power", ""),
        "meas-mmxu1-totpf": ("q1", "power_factor", ""),
        "meas-mmxu1-hz": ("q1", "frequency", ""),
        "meas-mmxu1-ppv-phsab": ("q1", "voltage", "AB"),
        "meas-mmxu1-ppv-phsbc": ("q1", "voltage", "BC"),
        "meas-mmxu1-ppv-phsca": ("q1", "voltage", "CA"),
        "meas-mmxu1-a-phsa": ("q1", "current", "A"),
        "meas-mmxu1-a-phsb": ("q1", "current", "B"),
        "meas-mmxu1-a-phsc": ("q1", "current", "C"),
        "prot-ptrc1-tr": ("q1", "trip", ""),
        "prot-ptoc1-op": ("q1", "trip", ""),
    }


@pytest.mark.parametrize(
    ("ied", "supplied", "demanded"),
    [("MBQ01", "energy_exported", "energy_imported"), ("MBQ03", "energy_imported", "energy_exported")],
)
def test_energy_is_counted_in_the_direction_of_the_breaker(folder: Path, ied: str, supplied: str, demanded: str) -> None:
    write(folder, GRID)
    edit(folder, SITE, 'ied = "MBQ01"', f'ied = "{ied}"')
    link = f'<LNode iedName="{ied}" ldInst="MEAS" prefix="" lnClass="MMXU" lnInst="1"/>'
    edit(folder, SCD, link, link + link.replace("MMXU", "MMTR"))
    rows = rows_of(folder)
    assert (rows["meas-mmtr1-supwh"].quantity, rows["meas-mmtr1-dmdwh"].quantity) == (supplied, demanded)


def test_energy_is_left_open_where_the_busbar_is_not_known(folder: Path) -> None:
    write(folder, GRID)
    link = '<LNode iedName="MBQ01" ldInst="MEAS" prefix="" lnClass="MMXU" lnInst="1"/>'
    edit(folder, SCD, link, link + link.replace("MMXU", "MMTR"))
    edit(folder, "grid/switches.csv", "q2,in2,bar", "q2,in2,f1")
    edit(folder, "grid/switches.csv", "qt1,bar,t1-hv", "qt1,f1,t1-hv")
    rows = rows_of(folder)
    assert (rows["meas-mmxu1-totw"].equipment, rows["meas-mmtr1-supwh"].equipment) == ("q1", "")


def test_a_transformer_s_temperature_belongs_to_the_transformer(folder: Path) -> None:
    write(folder, GRID)
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ05"')
    row = rows_of(folder)["ctrl-stmp1-tmp"]
    assert (row.equipment, row.quantity, row.unit) == ("t1", "oil_temperature", "°C")


def test_a_unit_that_does_not_fit_leaves_the_quantity_open(folder: Path) -> None:
    write(folder, GRID)
    text = (folder / SCD).read_text()
    write(folder, {SCD: text.replace(">Hz<", ">V<")})
    row = rows_of(folder)["meas-mmxu1-hz"]
    assert (row.unit, row.equipment, row.quantity) == ("V", "", "")


def test_two_breakers_in_a_bay_leave_open_where_it_is_measured(folder: Path) -> None:
    write(folder, GRID)
    edit(folder, "grid/switches.csv", "q2,in2,bar,MB/J1/Q02/QA1", "q2,in2,bar,MB/J1/Q01/QB1")
    rows = rows_of(folder)
    assert rows["meas-mmxu1-totw"].equipment == ""
    assert (rows["ctrl-cswi1-pos"].equipment, rows["ctrl-cswi2-pos"].equipment) == ("q1", "q2")


def test_a_path_of_grid_that_no_file_has_is_a_mistake(folder: Path) -> None:
    write(folder, GRID)
    edit(folder, "grid/switches.csv", "MB/J1/Q05/QA1", "MB/J1/Q05/QA7")
    edit(folder, "grid/switches.csv", "MB/J1/Q02/QA1", "MB/J1/Q01/QA1")
    taken, absent = findings_of(folder)
    assert (taken.file, taken.line, taken.where) == ("grid/switches.csv", 3, "scl")
    assert taken.problem == "grid/switches.csv:2 is that already"
    assert (absent.line, absent.where, absent.value) == (5, "scl", "MB/J1/Q05/QA7")
    assert absent.remedy == "did you mean MB/J1/Q05/QA1?"


# The single-line


def test_a_site_s_single_line_comes_from_its_scl(folder: Path) -> None:
    write(folder, GRID)
    drawing = read_folder(folder).site("alpha").single_line
    assert drawing is not None
    assert drawing.name == "MB"
    pieces = {piece.path: piece.type for piece in drawing.equipment()}
    assert pieces["MB/J1/Q01/QA1"] is EquipmentType.BREAKER


def test_a_site_without_scl_has_its_single_line_from_grid(folder: Path) -> None:
    write(folder, GRID)
    write(
        folder,
        {
            SITE: '[[devices]]\nname = "m"\nprotocol = "modbus"\npolls = { slow = 10 }\nconnection = { host = "m", transport = "tcp" }\n'
        },
    )
    write(folder, {"sites/alpha/points/m.csv": "name,kind,table,address,poll\nx,analog,input_register,0,slow\n"})
    for name in ("switches", "transformers"):
        text = (folder / f"grid/{name}.csv").read_text()
        write(folder, {f"grid/{name}.csv": re.sub(r",(scl|MB/\S*)$", "", text, flags=re.MULTILINE)})
    drawing = read_folder(folder).site("alpha").single_line
    assert drawing is not None
    assert {piece.path for piece in drawing.equipment()} == {"q1", "q2", "qf1", "qt1", "t1", "l1", "l2"}


def test_a_site_with_neither_has_none(folder: Path) -> None:
    text = (folder / SCD).read_text()
    write(folder, {SCD: re.sub(r"  <Substation.*?</Substation>\n", "", text, flags=re.DOTALL)})
    assert read_folder(folder).site("alpha").single_line is None


# Lists


def test_a_list_chooses_renames_and_corrects(folder: Path) -> None:
    write(
        folder,
        {
            LIST: "reference,name,kind,unit,description,low,high,deadband,scale,offset,max_silence_s,id\n"
            "MEAS/MMXU1.TotW,power,,kW,Power out,-9000,9000,5,-1000,,5,77\n"
            "MBQ01CTRL/CSWI1.Pos,cb,,,,,,,,,,\n"
            "CTRL/CSWI1.Pos.Oper,cb-command,,,,,,,,,,\n"
            "MBQ01MEAS/MMTR1.SupWh.actVal,,analog,MWh,,,,,0.001,2,,\n"
        },
    )
    device = device_of(folder)
    assert [point.name for point in device.points] == ["power", "cb", "cb-command", "meas-mmtr1-supwh"]
    power, cb, command, energy = device.rows
    assert (power.unit, power.description, power.scale, power.low, power.high) == ("kW", "Power out", -1000, -9000, 9000)
    assert (device.points[0].id, device.points[0].reporting.deadband, device.points[0].reporting.max_silence_s) == (77, 5, 5)
    assert (cb.kind, cb.reference) == (PointKind.DOUBLE, "MBQ01CTRL/CSWI1.Pos.stVal")
    assert (command.kind, command.fc) == (PointKind.CONTROL, "CO")
    assert (energy.kind, energy.unit, energy.scale, energy.offset) == (PointKind.ANALOG, "MWh", 0.01, 2)
    assert [described.object_reference for described in device.described] == [row.reference for row in device.rows]


def test_a_turned_direction_turns_the_limits_of_the_file(folder: Path) -> None:
    old = 'desc="Q01 active power">'
    limits = "".join(
        f'<SDI name="{name}"><DAI name="f"><Val>{value}</Val></DAI></SDI>' for name, value in (("min", -2), ("max", 12))
    )
    ranged = f'{old}<SDI name="rangeC">{limits}</SDI>'
    edit(folder, SCD, old, ranged)
    plain = rows_of(folder)["meas-mmxu1-totw"]
    assert (plain.low, plain.high) == (-2, 12)
    write(folder, {LIST: "reference,scale\nMEAS/MMXU1.TotW,-1\n"})
    (row,) = device_of(folder).rows
    assert (row.low, row.high) == (-12, 2)


def test_a_list_reaches_beyond_data_sets(folder: Path) -> None:
    write(folder, {LIST: "reference\nCTRL/LLN0.Mod.stVal\n"})
    (row,) = device_of(folder).rows
    assert row.name == "ctrl-lln0-mod"


def test_a_list_corrects_equipment_and_quantity_and_they_are_checked(folder: Path) -> None:
    write(folder, GRID)
    write(
        folder,
        {LIST: "reference,equipment,quantity\nMEAS/MMXU1.TotW,t1,\nMEAS/MMXU1.Hz,bar,\nMEAS/MMXU1.TotVAr,q1,tap_position\n"},
    )
    wrong = findings_of(folder)
    assert {(found.file, found.line) for found in wrong} == {(LIST, 4)}
    assert ("quantity", "a switch has no such quantity") in {(found.where, found.problem) for found in wrong}
    edit(folder, LIST, "tap_position", "reactive_power")
    assert [(row.equipment, row.quantity) for row in device_of(folder).rows] == [
        ("t1", "active_power"),
        ("bar", "frequency"),
        ("q1", "reactive_power"),
    ]


@pytest.mark.parametrize(
    ("row", "where", "problem", "remedy"),
    [
        ("MEAS/MMXU1.TotV,,,,", "reference", "the IED has no such value", "did you mean MEAS/MMXU1.TotVAr?"),
        ("MEAZ/MMXU1.TotW,,,,", "reference", "the IED has no such value", "did you mean something of MEAS/MMXU1?"),
        ("nonsense,,,,", "reference", "the IED has no such value", "write for example CTRL/CSWI1.Pos, as the SCL file has it"),
        ("MBQ01CTRL/CSWI2.Pos,,,,", "reference", "line 2 has the same value", "name each once"),
        ("MEAS/MMXU1.TotW,cb,,,", "name", "the name is taken by line 2", "choose another"),
        ("CTRL/CSWI1.Pos,,binary,,", "kind", "a Dbpos is double", "write double, or leave it empty"),
        ("MEAS/MMXU1.Hz,,control,,", "kind", "a FLOAT32 is analog", "write analog or counter"),
        ("CTRL/CSWI1.Pos,,,2,", "scale", "a double point is not scaled", "leave scale and offset empty"),
        ("MEAS/MMXU1.TotW,,,0,", "scale", "every value would be the same", "write a scale other than 0"),
        (
            "PROT/PTRC1.Tr,,,,goose",
            "source",
            "no GOOSE that the site listens to has it",
            "describe [goose] in site.toml with its control block, or leave the column empty",
        ),
    ],
)
def test_mistakes_of_a_list_are_found(folder: Path, row: str, where: str, problem: str, remedy: str) -> None:
    write(folder, {LIST: f"reference,name,kind,scale,source\nCTRL/CSWI2.Pos,cb,,,\n{row}\n"})
    (found,) = findings_of(folder)
    assert (found.file, found.line, found.where, found.problem, found.remedy) == (LIST, 3, where, problem, remedy)


def test_a_row_that_contradicts_itself_is_reported_with_its_line(folder: Path) -> None:
    write(folder, {LIST: "reference,low,high,unit\nMEAS/MMXU1.TotW,5,1,\nMEAS/MMXU1.Hz,0,x,\n"})
    one, other = findings_of(folder)
    assert (one.line, one.problem) == (2, "low 5 is not below high 1")
    assert (other.line, other.where, other.problem) == (3, "high", "is not a number")


def test_a_list_that_is_named_has_to_be_there(folder: Path) -> None:
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\npoints = "points/other.csv"')
    (found,) = findings_of(folder)
    assert (found.file, found.problem) == ("sites/alpha/points/other.csv", "the file is missing")


def test_derived_names_that_are_the_same_are_reported_in_the_file(folder: Path) -> None:
    text = (folder / SCD).read_text()
    start = text.index('<LDevice inst="MEAS"')
    copy = text[start : text.index("</LDevice>", start) + len("</LDevice>")]
    copy = copy.replace('inst="MEAS"', 'inst="Meas"').replace('ldInst="MEAS"', 'ldInst="Meas"')
    write(folder, {SCD: text.replace(copy, "", 1)[:start] + copy + text[start:]})
    found = findings_of(folder)
    assert {finding.problem.partition(" would")[2] for finding in found} == {" have the same name"}
    assert (found[0].file, found[0].where) == (SCD, "MBQ01MEAS/MMXU1.TotW.mag.f")
    assert found[0].line == line_of(folder, SCD, 'ldInst="MEAS" prefix="" lnClass="MMXU" lnInst="1" doName="TotW"')


# What the site says of files


@pytest.mark.parametrize(
    ("old", "new", "where", "problem", "remedy"),
    [
        ('"MBQ01"', '"MBQ11"', "ied", "the SCL file has no such IED", "did you mean MBQ01?"),
        ('"MBQ01"', '"MBGW"', "access_point", "MBGW has no server", "name an IED with a server"),
        (
            'ied = "MBQ01"',
            "",
            "ied",
            "is missing, and the SCL file has 6 IEDs with a server",
            "write one of MBQ01, MBQ02, MBQ03, MBQ04, MBQ05, MBQ06",
        ),
        (
            '"MBQ01"',
            '"MBQ01"\naccess_point = "S2"',
            "access_point",
            "the SCL file has no such access point in MBQ01",
            "write one of S1",
        ),
        ('"MBQ01"', '"MBQ01"\nclient = "MBGV"', "client", "the SCL file has no such IED", "did you mean MBGW?"),
        (
            '"MBQ01"',
            '"MBQ01"\nreports = { control_blocks = ["brcbPoss"] }',
            "reports.control_blocks",
            "the SCL file has no such report control block",
            "did you mean brcbPos?",
        ),
        (
            '"MBQ01"',
            '"MBQ01"\nscl = "../../../other.scd"',
            "scl",
            "lies outside the folder",
            "keep the file in the site's folder",
        ),
    ],
)
def test_what_a_section_refers_to_has_to_be_there(
    folder: Path, old: str, new: str, where: str, problem: str, remedy: str
) -> None:
    edit(folder, SITE, old, new)
    (found,) = findings_of(folder)
    assert (found.file, found.where, found.problem, found.remedy) == (SITE, f"devices[0].{where}", problem, remedy)


def test_an_access_point_without_an_address_is_a_mistake(folder: Path) -> None:
    edit(folder, SCD, ">10.20.3.11</P>", ">0.0.0.0</P>")
    (found,) = findings_of(folder)
    assert found.where == "devices[0].connection.host"
    assert found.problem == "is missing, and the SCL file has no IP address for MBQ01, access point S1"


def test_two_devices_are_not_one_server(folder: Path) -> None:
    add_device(folder, "q02", "MBQ02", '[devices.connection]\nhost = "10.20.3.11"')
    (found,) = findings_of(folder)
    assert (found.line, found.where, found.problem) == (11, "devices[1].connection.host", "q01 has the same address and port")


def test_a_socket_speaks_one_protocol(folder: Path) -> None:
    add(
        folder,
        SITE,
        '[[devices]]\nname = "rtu"\nprotocol = "dnp3"\noutstation = 1\nmaster = 2\n'
        '[devices.connection]\ntransport = "tcp"\nhost = "10.20.3.11"\nport = 102\n',
    )
    write(folder, {"sites/alpha/points/rtu.csv": "name,kind,group,index\nx,binary,1,0\n"})
    (found,) = findings_of(folder)
    assert found.problem == "q01 speaks IEC 61850 (tcp) there"


@pytest.mark.parametrize(
    ("others", "problem"),
    [([], "there is no SCL file in scl/"), (["a.scd", "b.CID"], "there are several SCL files in scl/")],
)
def test_without_a_name_there_is_one_file(folder: Path, others: list[str], problem: str) -> None:
    (folder / SCD).unlink()
    write(folder, {f"sites/alpha/scl/{name}": "<SCL/>" for name in [*others, "notes.txt"]})
    (found,) = findings_of(folder)
    assert (found.where, found.problem) == ("devices[0].scl", problem)


def test_a_file_that_is_not_there_or_no_scl_is_reported_once_for_all_devices(folder: Path) -> None:
    add_device(folder, "q02", "MBQ02")
    write(folder, {SCD: '<?xml version="1.0"?>\n<SCL>\n<IED name="MBQ01">\n'})
    (found,) = findings_of(folder)
    assert (found.file, found.line) == (SCD, 4)
    text = (folder / SITE).read_text()
    write(folder, {SITE: re.sub(r'(ied = "MBQ0\d")', r'\1\nscl = "scl/other.scd"', text)})
    (found,) = findings_of(folder)
    assert (found.file, found.problem) == ("sites/alpha/scl/other.scd", "the file is missing")


def test_mistakes_of_the_file_are_named_by_line_and_element(folder: Path) -> None:
    edit(folder, SCD, 'lnClass="CSWI" lnInst="1" doName="Pos" fc="ST"', 'lnClass="CSWI" lnInst="9" doName="Pos" fc="ST"')
    (found,) = findings_of(folder)
    assert (found.file, found.line) == (SCD, line_of(folder, SCD, 'lnInst="9"'))
    assert found.where.startswith("SCL/IED[MBQ01]/AccessPoint[S1]/Server/LDevice[CTRL]")


def test_mistakes_of_ieds_that_nobody_reads_are_none_of_ours(folder: Path) -> None:
    text = (folder / SCD).read_text()
    start = text.index('<IED name="MBQ06"')
    broken = text[start:].replace(
        'lnClass="CSWI" lnInst="1" doName="Pos" fc="ST"', 'lnClass="CSWI" lnInst="9" doName="Pos" fc="ST"', 1
    )
    write(folder, {SCD: text[:start] + broken})
    assert findings_of(folder) == []
    add_device(folder, "q06", "MBQ06")
    (found,) = findings_of(folder)
    assert found.file == SCD


def test_mistakes_everywhere_are_found_at_once(folder: Path) -> None:
    edit(folder, SITE, 'ied = "MBQ01"', 'ied = "MBQ01"\nclient = "NOBODY"\npolls = { period_s = 0 }')
    add(
        folder,
        SITE,
        '[devices.commands]\ncategory = "anybody"\n[goose]\ninterface = "eth 1"\ncontrol_blocks = ["MBQ01PROT/LLN0.gcb"]\n',
    )
    edit(folder, SCD, 'lnClass="CSWI" lnInst="1" doName="Pos" fc="ST"', 'lnClass="CSWI" lnInst="9" doName="Pos" fc="ST"')
    write(folder, {LIST: "reference\nnonsense\n"})
    assert {(found.file, found.where) for found in findings_of(folder)} >= {
        (SITE, "devices[0].client"),
        (SITE, "devices[0].polls.period_s"),
        (SITE, "devices[0].commands.category"),
        (SITE, "goose.interface"),
        (SITE, "goose.control_blocks"),
        (LIST, "reference"),
    }
    assert any(found.file == SCD for found in findings_of(folder))


def test_a_misspelled_transport_hides_nothing(folder: Path) -> None:
    add(folder, SITE, '[devices.connection]\ntransport = "tsl"\ntimeout_s = -1\n')
    assert {(found.where, found.line) for found in findings_of(folder)} == {
        ("devices[0].connection.transport", 6),
        ("devices[0].connection.timeout_s", 7),
    }


def test_unknown_keys_of_a_connection_without_transport_are_mistakes(folder: Path) -> None:
    add(folder, SITE, "[devices.connection]\nhots = 'x'\n")
    (found,) = findings_of(folder)
    assert (found.where, found.line, found.remedy) == ("devices[0].connection.hots", 6, "did you mean host?")


# GOOSE


def test_a_site_listens_to_all_goose_of_its_file(folder: Path) -> None:
    add(folder, SITE, '[goose]\ninterface = "eth1"\n')
    goose = read_folder(folder).site("alpha").goose
    assert goose is not None
    assert goose.interface == "eth1"
    assert [stream.reference for stream in goose.streams] == [f"MBQ0{number}PROT/LLN0.gcbTrip" for number in range(1, 7)]
    assert (goose.streams[0].mac, goose.streams[0].vlan_id) == ("01-0c-cd-01-00-01", 20)


def test_values_come_from_goose_where_the_list_says_so(folder: Path) -> None:
    add(folder, SITE, '[goose]\ninterface = "eth1"\ncontrol_blocks = ["MBQ01PROT/LLN0.gcbTrip"]\n')
    write(folder, {LIST: "reference,source\nPROT/PTRC1.Tr,goose\nCTRL/XCBR1.Pos,goose\nMEAS/MMXU1.TotW,\n"})
    device = device_of(folder)
    assert [(row.reference, row.source) for row in device.rows] == [
        ("MBQ01PROT/PTRC1.Tr.general", "goose"),
        ("MBQ01CTRL/XCBR1.Pos.stVal", "goose"),
        ("MBQ01MEAS/MMXU1.TotW.mag.f", "mms"),
    ]
    edit(folder, SITE, "MBQ01PROT/LLN0.gcbTrip", "MBQ02PROT/LLN0.gcbTrip")
    assert [found.where for found in findings_of(folder)] == ["source", "source"]


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ('["MBQ01PROT/LLN0.gcbTrap"]', "the SCL file has no such GOOSE control block"),
        ('["MBQ02PROT/LLN0.gcbTrip"]', "the SCL file has no multicast address for it"),
    ],
)
def test_goose_that_is_not_sent_is_not_listened_to(folder: Path, blocks: str, problem: str) -> None:
    text = (folder / SCD).read_text()
    start = text.index('<ConnectedAP iedName="MBQ02"')
    text = text[:start] + re.sub(r"<GSE .*?</GSE>", "", text[start:], count=1, flags=re.DOTALL)
    write(folder, {SCD: text})
    add(folder, SITE, f'[goose]\ninterface = "eth1"\ncontrol_blocks = {blocks}\n')
    (found,) = findings_of(folder)
    assert (found.where, found.problem) == ("goose.control_blocks", problem)


# The simulated field


@pytest.fixture
def utility(folder: Path) -> Utility:
    add_device(folder, "q02", "MBQ02", '[devices.connection]\ntransport = "tls"\nauthority_file = "ca.pem"')
    add(folder, SITE, '[goose]\ninterface = "eth1"\n')
    write(folder, {"ca.pem": ""})
    return read_folder(folder)


def test_ieds_move_into_the_simulated_field(utility: Utility) -> None:
    book: dict[str, Place] = {
        "alpha/q01": NetworkPlace(host="127.0.0.1", port=4001),
        "alpha/q02": NetworkPlace(host="127.0.0.1", port=4002),
    }
    site = relocate(utility, book).site("alpha")
    plain, secure = site.devices
    assert isinstance(plain, Iec61850Device)
    assert isinstance(secure, Iec61850Device)
    assert (plain.connection.host, plain.connection.port) == ("127.0.0.1", 4001)
    assert isinstance(secure.connection, Iec61850Tls)
    assert (secure.connection.port, secure.connection.server_name, secure.connection.authority_file) == (4002, "10.20.3.12", None)
    assert site.goose is None
    with pytest.raises(ConfigError, match="alpha/q02"):
        relocate(utility, {"alpha/q01": book["alpha/q01"]})
    with pytest.raises(ConfigError, match="another kind of connection"):
        relocate(utility, book | {"alpha/q01": InterfacePlace(interface="veth0")})


def test_goose_is_listened_to_where_the_simulated_field_publishes_it(utility: Utility) -> None:
    book: dict[str, Place] = {f"alpha/q0{at}": NetworkPlace(host="127.0.0.1", port=4000 + at) for at in (1, 2)}
    goose = relocate(utility, book | {goose_key("alpha"): InterfacePlace(interface="veth0")}).site("alpha").goose
    assert goose is not None
    assert goose.interface == "veth0"
    assert len(goose.streams) == 6


def test_a_hostile_file_gives_findings_and_no_exception(folder: Path) -> None:
    raw = (folder / SCD).read_bytes()
    for damaged in (b"", b"\x00" * 100, raw[: len(raw) // 2], raw.replace(b"Pos", b""), raw.replace(b"stVal", b"\xff")):
        (folder / SCD).write_bytes(damaged)
        utility, findings = inspect_folder(folder)
        assert utility is None
        assert findings
