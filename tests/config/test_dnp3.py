from __future__ import annotations

import re
from pathlib import Path

import pytest

from tieline.config import Dnp3Device, read_folder
from tieline.config.dnp3 import Dnp3Serial, Dnp3Tcp, Dnp3Tls, Dnp3TlsServer, Dnp3Udp
from tieline.config.dnp3_points import GROUPS
from tieline.model import PointKind

from .folders import UTILITY, edit, findings_of, write

SITE = "sites/alpha/site.toml"
LIST = "sites/alpha/points/rtu-1.csv"

DEVICE = """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
polls = { integrity_s = 600 }

[devices.connection]
transport = "tcp"
host = "10.1.1.11"
"""

POINTS = """\
name,kind,unit,group,index,class,variation,event_variation,scale,offset,low,high,deadband,operation,on_ms,count
p,analog,MW,30,0,2,2,,0.01,,-100,100,0.1,,,
cb,double,,3,0,1,,,,,,,,,,
door,binary,,1,0,1,,3,,,,,,,,
energy,counter,MWh,20,0,3,1,,0.1,,,,,,,
energy-frozen,counter,MWh,21,0,3,9,,0.1,,,,,,,
operate,control,,12,0,,,,,,,,,trip_close,250,1
operated,binary,,10,0,,,,,,,,,,,
target,setpoint,kV,41,3,,2,,0.1,,100,120,,,,
targeted,analog,kV,40,3,,,,0.1,,,,,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"utility.toml": UTILITY, SITE: DEVICE, LIST: POINTS})


def add_device(folder: Path, name: str, connection: str, *, outstation: int = 11, master: int = 1) -> None:
    """One more device, with one point."""
    with (folder / SITE).open("a") as file:
        file.write(
            f'\n[[devices]]\nname = "{name}"\nprotocol = "dnp3"\noutstation = {outstation}\nmaster = {master}\n'
            f"[devices.connection]\n{connection}\n"
        )
    write(folder, {f"sites/alpha/points/{name}.csv": "name,kind,group,index\nx,binary,1,0\n"})


def test_a_right_folder_gives_a_device_with_everything_that_a_master_needs(folder: Path) -> None:
    (device,) = read_folder(folder).site("alpha").devices
    assert isinstance(device, Dnp3Device)
    assert (device.protocol, device.outstation, device.master) == ("dnp3", 10, 1)
    assert device.unsolicited == (1, 2, 3)
    assert (device.polls.integrity_s, device.polls.events_s) == (600, 0)
    assert isinstance(device.connection, Dnp3Tcp)
    assert (device.connection.host, device.connection.port, device.connection.max_fragment) == ("10.1.1.11", 20_000, 2048)
    rows = {row.name: row for row in device.rows}
    assert (rows["p"].group, rows["p"].event_class, rows["p"].variation) == (30, 2, 2)
    assert rows["operated"].event_class is None
    assert (rows["operate"].operation, rows["operate"].on_ms, rows["operate"].off_ms) == ("trip_close", 250, 100)
    assert [point.name for point in device.points] == list(rows)
    assert device.points[0].reporting.deadband == 0.1


def test_a_row_knows_its_span_and_its_step_where_the_encoding_tells(folder: Path) -> None:
    (device,) = read_folder(folder).site("alpha").devices
    assert isinstance(device, Dnp3Device)
    rows = {row.name: row for row in device.rows}
    assert rows["p"].span == pytest.approx((-327.68, 327.67))
    assert rows["p"].step == 0.01
    assert rows["energy"].span == pytest.approx((0, 429_496_729.5))
    assert rows["targeted"].span is None
    assert rows["targeted"].step == 0
    assert rows["target"].command_variation == 2
    assert rows["target"].step == 0.1
    assert rows["operate"].span is None


@pytest.mark.parametrize(
    ("connection", "kind"),
    [
        ('transport = "tls"\nhost = "rtu.example"', Dnp3Tls),
        ('transport = "tls_server"\nhost = "0.0.0.0"\npeer_hosts = ["10.1.1.11"]\npeer_name = "rtu.example"', Dnp3TlsServer),
        ('transport = "udp"\nhost = "10.1.1.11"\nlocal_port = 0', Dnp3Udp),
        ('transport = "serial"\nserial_port = "/dev/ttyS1"\nlink_confirm = true', Dnp3Serial),
    ],
)
def test_every_transport_is_understood(folder: Path, connection: str, kind: type) -> None:
    edit(folder, SITE, 'transport = "tcp"\nhost = "10.1.1.11"', connection)
    (device,) = read_folder(folder).site("alpha").devices
    assert isinstance(device, Dnp3Device)
    assert type(device.connection) is kind


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("master = 1", "master = 10", 1, "the same link address 10; give each its own"),
        ("outstation = 10", "outstation = 65520", 4, "devices[0].outstation = 65520: is out of range"),
        ("outstation = 10\n", "", 1, "devices[0].outstation: is missing"),
        ("{ integrity_s = 600 }", "{ integrity_s = 0 }\nunsolicited = []", 1, "nothing would be read"),
        ("{ integrity_s = 600 }", "{ integrity = 600 }", 6, "did you mean integrity_s?"),
        ("{ integrity_s = 600 }", "{ fast = 1 }", 6, "permitted are class_1_s, class_2_s, class_3_s, events_s, integrity_s"),
        ("{ integrity_s = 600 }", "{ events_s = -1 }", 6, "is out of range"),
        (
            "{ integrity_s = 600 }",
            "{}\nunsolicited = [1, 4]",
            7,
            "unsolicited[1] = 4: is not one of the permitted words; write 1, 2 or 3",
        ),
        ("{ integrity_s = 600 }", "{}\nunsolicited = 1", 7, "is not a list"),
        ("{ integrity_s = 600 }", '{}\ntime_synchronization = "ntp"', 7, "write 'lan', 'non_lan' or 'off'"),
        ("{ integrity_s = 600 }", '{}\nassign_classes = "perhaps"', 7, "is neither true nor false"),
        ("{ integrity_s = 600 }", '{}\ncontrol = "direct"', 7, "'select_before_operate' or 'direct_operate'"),
        ("{ integrity_s = 600 }", "{}\nunit = 1", 7, "unknown key"),
        ('transport = "tcp"', 'transport = "tcp"\nx25 = 1', 10, "unknown key; permitted are host, keep_alive_s"),
        ('transport = "tcp"', 'transport = "tcp"\nmax_fragment = 248', 10, "is out of range"),
        (
            'transport = "tcp"',
            'transport = "tcpserver"',
            9,
            "connection.transport = tcpserver: is not one of the permitted words",
        ),
        ('transport = "tcp"', 'transport = "serial"\nserial_port = "a"', 11, "connection.host = 10.1.1.11: unknown key"),
        ('transport = "tcp"', 'transport = "tls"\nkey_file = "a.pem"', 8, "belong together"),
        ('transport = "tcp"', 'transport = "tls"\nauthority_file = "a.pem"', 10, "there is no such file"),
        (
            'transport = "tcp"',
            'transport = "tcp_server"\npeer_hosts = ["10.1.1.300"]',
            10,
            "neither an IP address nor a host name",
        ),
    ],
)
def test_each_mistake_of_a_section_names_line_and_what_is_wrong(folder: Path, old: str, new: str, line: int, says: str) -> None:
    edit(folder, SITE, old, new)
    found = findings_of(folder)
    assert [finding for finding in found if finding.line == line and says in str(finding)], "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("row", "where", "says"),
    [
        ("x,analog,,2,0,,,,,,,,,,,", "group", "is not a group of points; write one of 1, 3, 10, 12"),
        ("x,analog,,,0,,,,,,,,,,,", "group", "is missing"),
        ("x,analog,,30,70000,,,,,,,,,,,", "index", "is out of range"),
        ("x,analog,,30,0,,,,,,,,,,,", "index", "line 2 has the same group and index"),
        ("p,analog,,30,1,,,,,,,,,,,", "name", "the name is taken by line 2"),
        ("x,analog,,1,1,,,,,,,,,,,", "group", "kind analog does not fit group 1, binary input; write 30 or 31 or 40"),
        ("x,control,,10,1,,,,,,,,,,,", "group", "write 12"),
        ("x,setpoint,,12,1,,,,,,,,,,,", "group", "write 41"),
        ("x,analog,,30,1,4,,,,,,,,,,", "class", "is out of range"),
        (
            "x,analog,,30,1,,7,,,,,,,,,",
            "variation",
            "group 30 has no variation 7; write one of 1, 2, 3, 4, 5, 6, or leave it empty",
        ),
        ("x,analog,,30,1,,,9,,,,,,,,", "event_variation", "group 32 has no variation 9"),
        ("x,counter,,20,1,,,3,,,,,,,,", "event_variation", "group 22 has no variation 3; write one of 1, 2, 5, 6"),
        ("x,control,,12,1,1,,,,,,,,,,", "class", "is written, nothing reports it"),
        ("x,setpoint,,41,1,,,1,,,,,,,,", "event_variation", "is written, nothing reports it"),
        ("x,setpoint,,41,1,,5,,,,,,,,,", "variation", "group 41 has no variation 5"),
        ("x,binary,,1,1,,,,0.1,,,,,,,", "scale", "is not scaled"),
        ("x,analog,,30,1,,,,0,,,,,,,", "scale", "every value would be the same"),
        ("x,analog,,30,1,,2,,0.1,,4000,5000,,,,", "low", "variation 2 of group 30 with this scale and offset gives -3276.8 to"),
        ("x,setpoint,,41,1,,2,,0.1,,4000,5000,,,,", "low", "variation 2 of group 41"),
        ("x,binary,,1,1,,,,,,,,,latch,,", "operation", "only controls (group 12) have that"),
        ("x,control,,12,1,,,,,,,,,,100,", "on_ms", "a latch takes no times"),
        ("x,control,,12,1,,,,,,,,,close,,", "operation", "'latch', 'trip_close' or 'pulse'"),
        ("x,control,,12,1,,,,,,,,,pulse,,256", "count", "is out of range"),
        ("x,binary,,1,1,,,,,,,,0.5,,,", "", "a binary point has no deadband"),
    ],
)
def test_each_mistake_of_a_row_names_line_and_column(folder: Path, row: str, where: str, says: str) -> None:
    with (folder / LIST).open("a") as file:
        file.write(row + "\n")
    found = findings_of(folder)
    assert [(finding.file, finding.line, finding.where) for finding in found] == [(LIST, 11, where)], "\n".join(map(str, found))
    assert says in str(found[0])


def test_columns_go_by_the_names_that_people_write(folder: Path) -> None:
    edit(folder, LIST, "index,class", "index,event_class")
    assert [(finding.line, finding.where) for finding in findings_of(folder)] == [(1, "event_class")]


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("assign_classes = true", "x,binary,1,1,1,"),
        ("write_deadbands = true", "x,analog,30,1,,0.5"),
        ("freeze_counters_s = 900", "x,counter,21,1,,"),
    ],
)
def test_a_key_that_the_point_list_gives_nothing_to_do_is_reported(folder: Path, key: str, row: str) -> None:
    edit(folder, SITE, "master = 1\n", f"master = 1\n{key}\n")
    write(folder, {LIST: "name,kind,group,index,class,deadband\ndoor,binary,1,0,,\n"})
    assert [(finding.file, finding.line) for finding in findings_of(folder)] == [(SITE, 6)]
    with (folder / LIST).open("a") as file:
        file.write(row + "\n")
    assert findings_of(folder) == []


TCP = 'transport = "tcp"\nhost = "10.1.1.11"'
LISTENING = 'transport = "tcp_server"\nhost = "0.0.0.0"'
SERIAL = 'transport = "serial"\nserial_port = "/dev/ttyS1"'
UDP = 'transport = "udp"\nhost = "10.1.1.11"'
MODBUS_TCP = 'transport = "tcp"\nhost = "10.1.1.11"\nport = 20000'
MODBUS_RTU = 'transport = "rtu"\nserial_port = "/dev/ttyS1"'


def test_several_devices_share_a_channel_under_addresses_of_their_own(folder: Path) -> None:
    add_device(folder, "bay-2", TCP)
    add_device(folder, "bay-3", SERIAL)
    add_device(folder, "bay-4", SERIAL, outstation=12)
    add_device(folder, "bay-5", SERIAL, outstation=12, master=2)
    add_device(folder, "far-1", LISTENING)
    add_device(folder, "far-2", LISTENING, outstation=12)
    assert findings_of(folder) == []


def test_two_devices_under_one_pair_of_addresses_are_reported(folder: Path) -> None:
    add_device(folder, "twin", TCP, outstation=10)
    (found,) = findings_of(folder)
    assert "devices[1].outstation = 10: rtu-1 on the same channel has the same link addresses" in str(found)


def test_devices_that_dial_in_may_have_one_pair_of_addresses_where_their_hosts_tell_them_apart(folder: Path) -> None:
    add_device(folder, "far-1", LISTENING + '\npeer_hosts = ["10.9.0.1"]')
    add_device(folder, "far-2", LISTENING + '\npeer_hosts = ["10.9.0.2"]')
    assert findings_of(folder) == []
    add_device(folder, "far-3", LISTENING)
    (found,) = findings_of(folder)
    assert "far-1 on the same channel has the same link addresses" in str(found)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        (SERIAL, SERIAL + "\nbaud_rate = 19200", "baud_rate"),
        (SERIAL, SERIAL + '\nparity = "even"', "parity"),
        (UDP, UDP + "\nlocal_port = 20001", "local_port"),
        (TCP.replace("tcp", "tls"), TCP.replace("tcp", "tls") + '\nserver_name = "x.example"', "server_name"),
    ],
)
def test_devices_on_one_channel_have_to_agree(folder: Path, first: str, second: str, key: str) -> None:
    add_device(folder, "a", first, outstation=20)
    add_device(folder, "b", second, outstation=21)
    found = [finding for finding in findings_of(folder) if finding.where == f"devices[2].connection.{key}"]
    assert [finding.remedy for finding in found] == ["a channel has one setting; make them equal"]


@pytest.mark.parametrize(
    ("first", "second", "where", "says"),
    [
        (TCP, TCP.replace("tcp", "tls") + "\nport = 20000", "host", "rtu-1 speaks DNP3 (tcp) as master there"),
        (LISTENING, 'transport = "tls_server"\nhost = "10.1.1.1"\nport = 20000', "host", "a speaks DNP3 (tcp_server)"),
    ],
)
def test_two_languages_on_one_socket_are_reported(folder: Path, first: str, second: str, where: str, says: str) -> None:
    add_device(folder, "a", first, outstation=20)
    add_device(folder, "b", second, outstation=21)
    (found,) = findings_of(folder)
    assert found.where == f"devices[2].connection.{where}"
    assert says in found.problem


@pytest.mark.parametrize(("ours", "modbus", "key"), [(TCP, MODBUS_TCP, "host"), (SERIAL, MODBUS_RTU, "serial_port")])
def test_modbus_and_dnp3_do_not_share_a_line_or_socket(folder: Path, ours: str, modbus: str, key: str) -> None:
    add_device(folder, "a", ours)
    with (folder / SITE).open("a") as file:
        file.write(f'[[devices]]\nname = "meter"\nprotocol = "modbus"\npolls = {{ slow = 5 }}\n[devices.connection]\n{modbus}\n')
    write(folder, {"sites/alpha/points/meter.csv": "name,kind,table,address,poll\nx,analog,input_register,0,slow\n"})
    (found,) = findings_of(folder)
    assert found.where == f"devices[2].connection.{key}"
    assert found.problem.endswith(" as master there")


def test_a_misspelled_protocol_hides_nothing(folder: Path) -> None:
    edit(folder, SITE, 'protocol = "dnp3"', 'protocol = "dpn3"')
    edit(folder, SITE, "master = 1", "master = 70000")
    edit(folder, SITE, 'host = "10.1.1.11"', 'host = "10.1.1.311"')
    edit(folder, LIST, "door,binary,,1,0", "door,binary,,1,70000")
    assert {(finding.file, finding.line) for finding in findings_of(folder)} == {(SITE, 3), (SITE, 5), (SITE, 10), (LIST, 4)}


def test_a_protocol_like_no_other_is_reported_alone(folder: Path) -> None:
    edit(folder, SITE, 'protocol = "dnp3"', 'protocol = "x25"')
    found = findings_of(folder)
    assert [(finding.line, finding.where, finding.value) for finding in found] == [(3, "devices[0].protocol", "x25")]
    assert found[0].remedy == "write 'modbus', 'dnp3', 'iec61850' as 'protocol'"


def test_the_tables_of_groups_agree_with_each_other() -> None:
    for number, group in GROUPS.items():
        assert set(group.spans) <= group.variations, number
        assert group.is_written == (group.kinds <= {PointKind.CONTROL, PointKind.SETPOINT}), number
        assert group.is_written == (not group.event_variations), number
        assert (group.event_class == 0) == group.is_written, number
    assert set().union(*(group.kinds for group in GROUPS.values())) == set(PointKind)


def test_the_example_of_the_documentation_is_right(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/dnp3.md").read_text()
    section, points = (
        "\n".join(line.removeprefix("    ") for line in block.strip("\n").splitlines()) + "\n"
        for block in re.findall(r"(?:^(?:    .*)?\n)+", page, flags=re.MULTILINE)
        if block.strip()
    )
    write(folder, {SITE: section, "sites/alpha/points/rtu-3.csv": points})
    (folder / LIST).unlink()
    assert findings_of(folder) == []
    assert len(list(read_folder(folder).plant_points)) == 6
