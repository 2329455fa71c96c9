from __future__ import annotations

import time
from pathlib import Path

import pytest

from tieline.config import FolderError, ModbusDevice, TcpConnection, inspect_folder, read_folder
from tieline.model import ConfigError, PointKind

from .folders import UTILITY, edit, write

SITE = """\
title = "Alpha"

[[devices]]
name = "rtu-1"
protocol = "modbus"
polls = { fast = 0.5, slow = 5.0 }

[devices.connection]
transport = "tcp"
host = "10.1.1.11"
"""

POINTS = """\
name,kind,unit,table,address,type,scale,low,high,deadband_percent,poll,bits
p,analog,MW,input_register,0,int16,0.01,-100,100,0.1,fast,
u,analog,kV,input_register,1,float32,,0,150,,slow,
cb,double,,input_register,3,bits,,,,,fast,2
open,control,,coil,0,,,,,,slow,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"utility.toml": UTILITY, "sites/alpha/site.toml": SITE, "sites/alpha/points/rtu-1.csv": POINTS})


def test_a_right_folder_gives_points_with_their_deadbands(folder: Path) -> None:
    utility = read_folder(folder)
    by_name = {point.name: point for point in utility.points}
    assert by_name["p"].reporting.deadband == pytest.approx(0.2)
    assert by_name["u"].reporting.deadband == 0
    assert by_name["cb"].kind is PointKind.DOUBLE
    assert by_name["p"].path == "alpha/rtu-1/p"
    (device,) = utility.site("alpha").devices
    assert isinstance(device, ModbusDevice)
    assert isinstance(device.connection, TcpConnection)
    assert device.connection.port == 502


def test_twenty_planted_mistakes_are_all_reported_with_their_places(folder: Path) -> None:
    utility = UTILITY.replace('kind = "dmz"', 'kind = "dmzz"').replace('source = "center"', 'source = "centre"')
    (folder / "utility.toml").write_text(utility + '\n[center]\nhmi_prot = 80\n[[people]]\nname = "Anna Smith"\n')
    (folder / "sites/alpha/site.toml").write_text(
        SITE.replace('host = "10.1.1.11"', 'host = "10.1.1.311"').replace("fast = 0.5", "fast = -0.5")
        + 'port = 70000\n\n[[devices]]\nname = "rtu-1"\nprotocol = "modbuss"\npolls = {}\n[devices.connection]\ntransport = "tcp"\n'
    )
    rows = """\
name,kind,unit,table,address,type,word_order,scale,low,high,deadband,poll,bits
a,analog,MW,input_register,0,int16,,0,,,,fast,
a,analog,MW,input_register,1,int16,,,,,,fast,
b,analog,MW,input_register,2,float32,,,,,,medium,
c,analog,MW,input_register,3,int16,,,,,,fast,
d,analog,MW,input_register,70000,int16,,,,,,fast,
e,analog,MW,input_register,65535,float32,,,,,,fast,
f,setpoint,MW,input_register,20,int16,,,,,,fast,
g,analog,MW,input_register,30,int17,,,,,,fast,
h,analog,MW,input_register,40,int16,,0.1,5000,6000,,fast,
i,analog,MW,input_register,50,int16,,,10,5,,fast,
j,double,,input_register,60,bits,,,,,,fast,1
k,analog,MW,input_register,seventy,int16,,,,,,fast,
l,analog,MW,input_register,80,int16,,,,,,fast,,,
M M,analog,MW,input_register,81,int16,,,,,,fast,
"""
    (folder / "sites/alpha/points/rtu-1.csv").write_text(rows)
    nothing, findings = inspect_folder(folder)
    assert nothing is None
    places = {(finding.file, finding.line) for finding in findings}
    expected = {
        ("utility.toml", 10),
        ("utility.toml", 22),
        ("utility.toml", 27),
        ("utility.toml", 29),
        ("sites/alpha/site.toml", 6),
        ("sites/alpha/site.toml", 10),
        ("sites/alpha/site.toml", 11),
        ("sites/alpha/site.toml", 14),
        ("sites/alpha/site.toml", 15),
        ("sites/alpha/site.toml", 16),
        ("sites/alpha/site.toml", 17),
        *(("sites/alpha/points/rtu-1.csv", line) for line in range(3, 16)),
        ("sites/alpha/points/rtu-1.csv", 2),
    }
    assert expected <= places, f"not reported: {sorted(expected - places)}\n" + "\n".join(map(str, findings))
    assert len(findings) >= 20
    assert all(finding.problem for finding in findings)


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "says"),
    [
        ("utility.toml", 'name = "Test Electric"', 'name = "Test Electric', 1, "not valid TOML"),
        ("utility.toml", 'sites = ["alpha"]', 'sites = ["alpha", "gamma"]', 6, "no such site"),
        ("utility.toml", 'sites = ["alpha"]', "sites = []", 3, "in no zone"),
        ("utility.toml", 'target = "dmz"', 'target = "nowhere"', 18, "no such zone"),
        ("utility.toml", 'source = "stations"', 'source = "dmz"', 16, "zone to itself"),
        ("sites/alpha/site.toml", "polls", "pols", 6, "did you mean polls?"),
        ("sites/alpha/site.toml", 'transport = "tcp"', 'transport = "udp"', 9, "'tcp'"),
        ("sites/alpha/site.toml", 'host = "10.1.1.11"', "host = 10", 10, "not text"),
        ("sites/alpha/site.toml", 'host = "10.1.1.11"', 'host = "10.1.1.11"\nunit = 300', 11, "out of range"),
        ("sites/alpha/points/rtu-1.csv", "input_register,1", "input_register,0", 3, "overlaps p of line 2"),
        ("sites/alpha/points/rtu-1.csv", "name,kind", "nmae,kind", 1, "did you mean name?"),
        ("sites/alpha/points/rtu-1.csv", "cb,double", '"cb,double', 5, "not valid CSV"),
        ("sites/alpha/points/rtu-1.csv", "int16,0.01,-100", "int16,0.01,400", 2, "is not below"),
        ("sites/alpha/points/rtu-1.csv", "coil,0,,,", "coil,0,,0.5,", 5, "is not scaled"),
        ("sites/alpha/points/rtu-1.csv", "int16,0.01", "int16,nan", 2, "number"),
        ("sites/alpha/site.toml", 'transport = "tcp"', 'transport = "tcp"\nmax_registers = 0', 10, "out of range"),
    ],
)
def test_each_mistake_names_file_line_and_what_is_wrong(
    folder: Path, file: str, old: str, new: str, line: int, says: str
) -> None:
    edit(folder, file, old, new)
    nothing, findings = inspect_folder(folder)
    assert nothing is None
    found = [finding for finding in findings if finding.file == file and finding.line == line and says in str(finding)]
    assert found, "\n".join(map(str, findings))


def test_a_value_that_no_request_of_the_device_can_hold_is_reported(folder: Path) -> None:
    edit(folder, "sites/alpha/site.toml", 'transport = "tcp"', 'transport = "tcp"\nmax_registers = 1')
    _, findings = inspect_folder(folder)
    assert [(finding.line, finding.where) for finding in findings] == [(3, "type")]


def test_bytes_that_are_not_text_are_a_finding(folder: Path) -> None:
    (folder / "sites/alpha/points/rtu-1.csv").write_bytes(b"name,kind\n\xff\xfe,analog\n")
    (folder / "utility.toml").write_bytes(b"\x80")
    _, findings = inspect_folder(folder)
    assert [(finding.file, finding.line, finding.value) for finding in findings] == [
        ("sites/alpha/points/rtu-1.csv", 2, "0xff"),
        ("utility.toml", 1, "0x80"),
    ]


def test_an_empty_folder_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="has 2 mistakes"):
        read_folder(tmp_path)
    with pytest.raises(ConfigError, match="is not a folder"):
        read_folder(tmp_path / "absent")


def test_a_semicolon_list_is_named_as_such(folder: Path) -> None:
    (folder / "sites/alpha/points/rtu-1.csv").write_text(POINTS.replace(",", ";"))
    _, findings = inspect_folder(folder)
    assert [finding.problem for finding in findings] == ["the cells are not separated by commas"]


def test_a_list_that_spreadsheets_save_with_a_byte_order_mark_is_read(folder: Path) -> None:
    (folder / "sites/alpha/points/rtu-1.csv").write_bytes(b"\xef\xbb\xbf" + POINTS.replace("\n", "\r\n").encode())
    assert len(list(read_folder(folder).plant_points)) == 4


def test_a_setpoint_may_share_its_register_with_its_feedback(folder: Path) -> None:
    with (folder / "sites/alpha/points/rtu-1.csv").open("a") as file:
        file.write(
            "sp,setpoint,MW,holding_register,7,int16,0.01,,,,slow,\nsp-fb,analog,MW,holding_register,7,int16,0.01,,,,slow,\n"
        )
    assert len(list(read_folder(folder).plant_points)) == 6


def test_a_long_value_over_several_short_ones_is_reported_for_each(folder: Path) -> None:
    with (folder / "sites/alpha/points/rtu-1.csv").open("a") as file:
        file.write("".join(f"x{at},analog,,holding_register,{100 + at},int16,,,,,slow,\n" for at in range(4)))
        file.write("long,analog,,holding_register,100,float64,,,,,slow,\n")
    _, findings = inspect_folder(folder)
    assert len([finding for finding in findings if "overlaps" in finding.problem]) == 4


def test_two_points_with_one_id_are_told_a_free_one(folder: Path) -> None:
    path = folder / "sites/alpha/points/rtu-1.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",id", lines[1] + ",7", lines[2] + ",7", *(f"{line}," for line in lines[3:])]))
    _, findings = inspect_folder(folder)
    assert len(findings) == 1
    assert "for example 8" in findings[0].remedy


def test_an_unused_point_list_is_reported(folder: Path) -> None:
    (folder / "sites/alpha/points/old.csv").write_text(POINTS)
    _, findings = inspect_folder(folder)
    assert [finding.file for finding in findings] == ["sites/alpha/points/old.csv"]


def test_devices_on_one_serial_line_have_to_agree(folder: Path) -> None:
    with (folder / "sites/alpha/site.toml").open("a") as file:
        for unit, baud in ((1, 9600), (2, 19200), (1, 9600)):
            name = f"meter-{unit}-{baud}" if unit == 2 else f"m{file.tell()}"
            file.write(
                f'\n[[devices]]\nname = "{name}"\nprotocol = "modbus"\npoints = "points/{name}.csv"\npolls = {{ slow = 5 }}\n'
                f'[devices.connection]\ntransport = "rtu"\nserial_port = "/dev/ttyS1"\nunit = {unit}\nbaud_rate = {baud}\n'
            )
            file.flush()
            (folder / f"sites/alpha/points/{name}.csv").write_text(
                "name,kind,table,address,poll\nx,analog,input_register,0,slow\n"
            )
    _, findings = inspect_folder(folder)
    assert {finding.problem.split(" ", 1)[1] for finding in findings} >= {"uses 9600 on the same serial line"}
    assert any("same address and unit" in finding.problem for finding in findings)


def test_five_thousand_points_are_checked_in_well_under_a_second(folder: Path) -> None:
    rows = "".join(f"p{at},analog,kV,input_register,{2 * at},float32,,0,150,0.1,fast,\n" for at in range(5_000))
    (folder / "sites/alpha/points/rtu-1.csv").write_text(POINTS.splitlines()[0] + "\n" + rows)
    started = time.process_time()
    assert len(list(read_folder(folder).plant_points)) == 5_000
    assert time.process_time() - started < 0.9


def test_a_way_inside_a_zone_names_who_listens(folder: Path) -> None:
    way = (
        '\n[[conduits]]\nsource = "stations"\ntarget = "stations"\nprotocol = "ssh"\nreason = "maintenance"\nowner = "systems"\n'
    )
    file = folder / "utility.toml"
    plain = file.read_text()
    file.write_text(plain + way)
    assert ["everybody" in finding.problem for finding in inspect_folder(folder)[1]] == [True]
    file.write_text(plain + way + 'target_members = ["rtu-1"]\n')
    assert inspect_folder(folder)[1] == []
