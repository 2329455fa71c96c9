from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.dnp3 import Dnp3TcpServer

from .folders import UTILITY, edit, findings_of, write

SITE = "sites/alpha/site.toml"
POINTS = "sites/alpha/points/rtu-1.csv"
LIST = "sites/alpha/outstations/scada.csv"

FILES = {
    "utility.toml": UTILITY,
    SITE: """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
connection = { transport = "tcp", host = "10.1.1.11" }

[[outstations]]
name = "scada"
outstation = 100
masters = [1, 2]

[outstations.connection]
transport = "tcp_server"
host = "10.1.1.2"
""",
    POINTS: """\
name,kind,unit,group,index,low,high
p,analog,MW,30,0,-100,100
cb,double,,3,0,,
door,binary,,1,0,,
energy,counter,MWh,20,0,,
open,control,,12,0,,
target,setpoint,kV,41,0,,
""",
    LIST: """\
point,group,index,class,variation,deadband,scale
rtu-1/p,30,0,,2,0.1,0.01
rtu-1/cb,3,0,2,,,
rtu-1/door,1,0,,,,
rtu-1/energy,20,0,,,,
rtu-1/target,40,0,0,,,
rtu-1/p,30,1,,5,,
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


def test_an_outstation_presents_points_of_its_site(folder: Path) -> None:
    (outstation,) = read_folder(folder).site("alpha").outstations
    assert outstation.path == "alpha/scada"
    assert (outstation.outstation, outstation.masters, outstation.unsolicited) == (100, (1, 2), True)
    assert outstation.event_buffer == 10_000
    assert isinstance(outstation.connection, Dnp3TcpServer)
    assert [point.path for point in outstation.points] == [f"alpha/{row.point}" for row in outstation.rows]
    assert [row.assigned_class for row in outstation.rows] == [2, 2, 1, 3, 0, 2]


def test_a_site_without_outstations_has_none(folder: Path) -> None:
    text = (folder / SITE).read_text()
    (folder / SITE).write_text(text[: text.index("[[outstations]]")])
    (folder / LIST).unlink()
    assert read_folder(folder).site("alpha").outstations == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("masters = [1, 2]", "masters = []", 11, "is empty; write at least one"),
        ("masters = [1, 2]", "masters = [1, 1]", 11, "names 1 twice"),
        ("masters = [1, 2]", "masters = [1, 65532]", 11, "masters[1] = 65532: is out of range"),
        ("masters = [1, 2]", "masters = [1, 100]", 11, "the link address of one of its masters"),
        ("outstation = 100", "outstation = -1", 10, "is out of range"),
        ("outstation = 100\n", "", 8, "outstations[0].outstation: is missing"),
        ('name = "scada"', 'name = "rtu-1"\npoints = "outstations/scada.csv"', 9, "a device has the name already"),
        ('name = "scada"', 'name = "scada"\npoints = "points/rtu-1.csv"', 10, "another section reads the same list"),
        ('name = "scada"', 'name = "scada"\npoints = "../../../x.csv"', 10, "lies outside the folder"),
        ('name = "scada"', 'name = "scada"\nunsolicited = 3', 10, "is neither true nor false"),
        ('name = "scada"', 'name = "scada"\nevent_buffer = 0', 10, "is out of range"),
        ('name = "scada"', 'name = "scada"\nmaster = 1', 10, "did you mean masters?"),
        ('transport = "tcp_server"', 'transport = "tls_server"\nauthority_file = "a.pem"', 15, "there is no such file"),
    ],
)
def test_each_mistake_of_a_section_names_line_and_what_is_wrong(folder: Path, old: str, new: str, line: int, says: str) -> None:
    edit(folder, SITE, old, new)
    found = findings_of(folder)
    assert [finding for finding in found if finding.file == SITE and finding.line == line and says in str(finding)], "\n".join(
        map(str, found)
    )


@pytest.mark.parametrize(
    ("row", "where", "says"),
    [
        ("rtu-1/q,30,9,,,,", "point", "the site has no such point"),
        ("rtu-9/p,30,9,,,,", "point", "the site has no such point"),
        ("beta/rtu-1/p,30,9,,,,", "point", "is not of the form device/name"),
        ("rtu-1/p,1,9,,,,", "group", "kind analog does not fit group 1, binary input; write 30 or 40"),
        ("rtu-1/open,12,9,,,,", "group", "is not a group that points are presented in; write one of 1, 3, 10, 20, 30, 40"),
        ("rtu-1/p,30,0,,,,", "index", "line 2 has the same group and index"),
        ("rtu-1/p,30,9,4,,,", "class", "is out of range"),
        ("rtu-1/p,30,9,,9,,", "variation", "group 30 has no variation 9"),
        ("rtu-1/door,1,9,,,0.5,", "deadband", "a binary point has no deadband"),
        ("rtu-1/door,1,9,,,,2", "scale", "is not scaled"),
        ("rtu-1/p,30,9,,,,0", "scale", "every value would be the same"),
        ("rtu-1/p,30,9,,,-1,", "deadband", "is out of range"),
        ("rtu-1/p,30,9,,2,,0.001", "variation", "goes from -100000 to 100000 in this scale; the variation holds -32768 to 32767"),
    ],
)
def test_each_mistake_of_a_row_names_line_and_column(folder: Path, row: str, where: str, says: str) -> None:
    with (folder / LIST).open("a") as file:
        file.write(row + "\n")
    found = findings_of(folder)
    assert [(finding.file, finding.line, finding.where) for finding in found] == [(LIST, 8, where)], "\n".join(map(str, found))
    assert says in str(found[0])


def test_a_point_whose_own_row_is_wrong_is_not_called_unknown_as_well(folder: Path) -> None:
    edit(folder, POINTS, "p,analog,MW,30,0", "p,analog,MW,30,seventy")
    assert [(finding.file, finding.where) for finding in findings_of(folder)] == [(POINTS, "index")]


def test_a_device_whose_section_is_wrong_still_has_its_points(folder: Path) -> None:
    edit(folder, SITE, "outstation = 10\n", "outstation = 70000\n")
    edit(folder, LIST, "rtu-1/door", "rtu-1/window")
    assert [(finding.file, finding.line) for finding in findings_of(folder)] == [(LIST, 4), (SITE, 4)]


def test_a_list_that_is_missing_and_one_that_nobody_reads_are_reported(folder: Path) -> None:
    (folder / LIST).rename(folder / "sites/alpha/outstations/scala.csv")
    assert [(finding.file, finding.problem) for finding in findings_of(folder)] == [
        (LIST, "the file is missing"),
        ("sites/alpha/outstations/scala.csv", "no outstation reads this list"),
    ]


def add_outstation(folder: Path, name: str, outstation: int, masters: list[int], *, port: int = 20_000) -> None:
    with (folder / SITE).open("a") as file:
        file.write(
            f'\n[[outstations]]\nname = "{name}"\noutstation = {outstation}\nmasters = {masters}\n'
            f'[outstations.connection]\ntransport = "tcp_server"\nhost = "10.1.1.2"\nport = {port}\n'
        )
    write(folder, {f"sites/alpha/outstations/{name}.csv": "point,group,index\nrtu-1/p,30,0\n"})


def test_several_outstations_listen_on_one_port_where_their_addresses_differ(folder: Path) -> None:
    add_outstation(folder, "regional", 101, [1, 2])
    add_outstation(folder, "market", 100, [3])
    add_outstation(folder, "elsewhere", 100, [1], port=20_001)
    assert findings_of(folder) == []
    add_outstation(folder, "twin", 100, [2])
    (found,) = findings_of(folder)
    assert "outstations[4].outstation = 100: scada on the same channel has the same link addresses" in str(found)


def test_a_device_and_an_outstation_do_not_listen_on_one_port(folder: Path) -> None:
    edit(folder, SITE, '{ transport = "tcp", host = "10.1.1.11" }', '{ transport = "tcp_server", host = "0.0.0.0" }')
    (found,) = findings_of(folder)
    assert found.where == "outstations[0].connection.host"
    assert "rtu-1 speaks DNP3 (tcp_server) as master there" in found.problem
