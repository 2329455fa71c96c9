"""Nodes of the network that are watched become devices of their sites, with points and alarms of what the design says."""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.config.folders import edit, findings_of
from tests.config.network.folders import WATCH, network_folder, watched_folder
from tests.network.large import write_large
from tieline.config import Site, read_folder
from tieline.config.field import NetworkPlace, relocate, syslog_key, traps_key
from tieline.config.field_ways import field_way
from tieline.config.folder import Utility
from tieline.config.snmp import Measure, Neighbor, SnmpDevice
from tieline.model import PointKind
from tieline.model.alarms import AlarmKind
from tieline.security.zones import plan_of
from tieline.security.zones.packet_flows import addresses_of, flows_of

FW = "fw,alpha,r1,,generic-firewall-6t-2sfp,10.1.0.1 10.1.1.1,all,dc24,,,"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return watched_folder(tmp_path)


def alpha(utility: Utility) -> Site:
    return utility.site("alpha")


def watched(utility: Utility, name: str) -> SnmpDevice:
    device = next(device for device in alpha(utility).devices if device.name == name)
    assert isinstance(device, SnmpDevice)
    return device


def test_without_watch_nothing_is_watched(tmp_path: Path) -> None:
    site = alpha(read_folder(network_folder(tmp_path)))
    assert [device.name for device in site.devices] == ["rtu-1"]
    assert site.watch is None


def test_every_node_with_an_agent_and_an_address_is_a_device_of_its_site(folder: Path) -> None:
    utility = read_folder(folder)
    site = alpha(utility)
    assert [device.name for device in site.devices] == ["rtu-1", "sw-1", "sw-2", "fw"]
    assert [str(watched(utility, name).connection.host) for name in ("sw-1", "sw-2", "fw")] == [
        "10.1.0.11",
        "10.1.0.12",
        "10.1.0.1",
    ]
    connection = watched(utility, "sw-1").connection
    assert (connection.user, connection.auth, connection.priv, connection.period_s) == ("tieline", "sha256", "aes128", 20)
    assert {"sw-1_up", "sw-1_errors", "sw-1_cycle_percent"} <= {point.name for point in site.own_points}
    assert site.watch is not None
    assert site.watch.trap_port == 1162


def test_points_are_what_the_design_has_at_each_port_and_node(folder: Path) -> None:
    device = watched(read_folder(folder), "sw-1")
    assert [(row.name, row.port, row.measure) for row in device.rows if row.port == "3"] == [
        ("port-3-link", "3", Measure.LINK),
        ("port-3-in_percent", "3", Measure.IN_PERCENT),
        ("port-3-out_percent", "3", Measure.OUT_PERCENT),
        ("port-3-errors_per_s", "3", Measure.ERRORS_PER_S),
        ("port-3-discards_per_s", "3", Measure.DISCARDS_PER_S),
        ("port-3-poe", "3", Measure.POE),
        ("port-3-poe_w", "3", Measure.POE_W),
        ("port-3-poe_switch", "3", Measure.POE_SWITCH),
        ("port-3-poe_restart", "3", Measure.POE_RESTART),
    ]
    assert [row.name for row in device.rows if not row.port] == [
        "supply-1",
        "temperature_c",
        "uptime_s",
        "drift",
        "poe_used_percent",
    ]
    assert {row.port for row in device.rows} == {"", "1", "2", "3", "8", "9", "10"}
    assert [point.name for point in device.points] == [row.name for row in device.rows]
    assert next(point for point in device.points if point.name == "port-3-poe_switch").kind is PointKind.CONTROL
    assert "firmware" in {row.name for row in watched(read_folder(folder), "sw-2").rows}


def test_ports_carry_what_the_design_says_of_them(folder: Path) -> None:
    device = watched(read_folder(folder), "sw-1")
    ports = {port.name: port for port in device.ports}
    assert list(ports) == [str(number) for number in range(1, 11)]
    assert (ports["9"].speed_mbps, ports["9"].is_linked) == (1000, True)
    neighbor = Neighbor(node="sw-2", port="9", interface="9", addresses=("10.1.0.12",))
    assert ports["9"].neighbor == neighbor
    assert ports["1"].neighbor is None, "the gateway tells nothing by LLDP"
    assert (ports["3"].feeds, ports["3"].poe_class) == ("cam-1", 3)
    assert (ports["4"].is_linked, ports["4"].speed_mbps, ports["4"].neighbor) == (False, None, None)


def test_ports_of_a_media_converter_do_not_hide_the_neighbor_behind_it(tmp_path: Path) -> None:
    folder = watched_folder(tmp_path)
    nodes, links = folder / "network" / "nodes.csv", folder / "network" / "links.csv"
    converters = "".join(f"mc-{number},alpha,,,generic-media-converter,,,dc24,,,,,\n" for number in (1, 2))
    nodes.write_text(nodes.read_text() + converters)
    through = (
        "sw1-mc1,sw-1/5,mc-1/tp,copper,cat5e,3,,,,,,,,,,\nmc1-mc2,mc-1/sfp,mc-2/sfp,fiber,om3,50,,,,,1000base-sx,1000base-sx,,,,\n"
        "mc2-sw2,mc-2/tp,sw-2/5,copper,cat5e,3,,,,,,,,,,\n"
    )
    links.write_text(links.read_text() + through)
    device = watched(read_folder(folder), "sw-1")
    neighbor = next(port.neighbor for port in device.ports if port.name == "5")
    assert neighbor is not None
    assert (neighbor.node, neighbor.port) == ("sw-2", "5")


def test_a_ports_switch_is_followed_by_its_power(folder: Path) -> None:
    site = alpha(read_folder(folder))
    points = {point.name: point for point in site.points if point.device == "sw-1"}
    feedback = site.gate.feedbacks[points["port-3-poe_switch"].id]
    assert (feedback.point, feedback.within_s) == (points["port-3-poe"], 30)
    assert points["port-3-poe_restart"].id not in site.gate.feedbacks


def test_what_differs_from_the_design_is_an_alarm_unless_alarms_csv_says_otherwise(folder: Path) -> None:
    alarms = {alarm.id: alarm for alarm in alpha(read_folder(folder)).alarms}
    link = alarms["alpha/link_down/sw-1/port-9-link"]
    assert (link.kind, link.abnormal, link.priority) == (AlarmKind.STATE, frozenset({0}), 2)
    assert link.text == "sw-1 port 9 to sw-2: the link is down"
    full = alarms["alpha/utilization/sw-1/port-9-out_percent"]
    assert (full.kind, full.limit, full.priority) == (AlarmKind.HIGH, 80, 3)
    assert alarms["alpha/communication/sw-1"].kind is AlarmKind.COMMUNICATION
    priorities = {alarm.name: alarm.priority for alarm in alarms.values()}
    assert priorities == {
        "link": 2,
        "communication": 2,
        "link_down": 2,
        "supply_lost": 2,
        "neighbor_wrong": 3,
        "firmware_wrong": 3,
        "poe_off": 3,
        "utilization": 3,
        "frame_errors": 3,
        "drift": 4,
    }
    (folder / "sites/alpha/alarms.csv").write_text(
        "name,point,type,state,priority\nuplink,sw-1/port-8-link,state,off,1\nmute,sw-1,communication,,3\n"
    )
    described = {alarm.id for alarm in alpha(read_folder(folder)).alarms}
    assert {"alpha/uplink", "alpha/mute", "alpha/link_down/sw-1/port-9-link", "alpha/communication/sw-2"} <= described
    assert (
        not {"alpha/link_down/sw-1/port-8-link", "alpha/communication/sw-1", "alpha/communication/rtu-1", "alpha/link"}
        & described
    )
    edit(folder, "network/network.toml", "[watch]", "[watch]\nalarms = false")
    assert [alarm.id for alarm in alpha(read_folder(folder)).alarms] == ["alpha/uplink", "alpha/mute"]


def test_a_site_may_have_watched_nodes_alone(folder: Path) -> None:
    site = folder / "sites" / "alpha"
    (site / "points" / "rtu-1.csv").unlink()
    (site / "site.toml").write_text('title = "Alpha"\n')
    edit(folder, "network/nodes.csv", ",rtu-1,,", ",,,")
    assert [device.name for device in alpha(read_folder(folder)).devices] == ["sw-1", "sw-2", "fw"]
    top = folder / "network" / "network.toml"
    top.write_text(top.read_text().replace(WATCH, ""))
    (finding,) = findings_of(folder)
    assert (finding.file, finding.problem) == ("sites/alpha/site.toml", "the site has no device")


MISTAKES = [
    (FW + ",10.1.0.1,", FW + ",,", "watch", "the node has several addresses, and its agent is asked at one"),
    (FW + ",10.1.0.1,", FW + ",10.1.0.9,", "watch", "is none of the node's addresses"),
    ("cam-1,alpha,,,generic-camera-fixed,10.1.1.21,,,,true,gate,,", None, "watch", "has no SNMP agent, says the catalogue"),
    ("gate,,", "gate,maybe,", "watch", "has no SNMP agent, says the catalogue"),
]


@pytest.mark.parametrize(("old", "new", "where", "problem"), MISTAKES, ids=range(4))
def test_a_node_that_cannot_be_watched_as_written_is_a_finding(
    folder: Path, old: str, new: str | None, where: str, problem: str
) -> None:
    edit(folder, "network/nodes.csv", old, old[:-2] + ",yes," if new is None else new)
    (finding,) = findings_of(folder)
    assert (finding.file, finding.where) == ("network/nodes.csv", where)
    assert problem in finding.problem
    assert finding.line > 1


def cameras_apart(folder: Path) -> None:
    """Has sw-2 and the camera's VLAN in a zone of their own, of which the site's gateway knows nothing."""
    edit(folder, "utility.toml", "vlans = [11, 12]", "vlans = [11]")
    edit(folder, "utility.toml", "10.1.0.0/16", "10.1.0.0/24")
    top = folder / "utility.toml"
    zone = '\n[[zones]]\nname = "cameras"\nkind = "substation"\nsubnets = ["10.1.1.0/24"]\nvlans = [12]\n'
    hosts = '\n[[hosts]]\nname = "alpha-gw"\nzone = "stations"\naddresses = ["10.1.0.2"]\n'
    top.write_text(top.read_text() + zone + hosts)
    edit(folder, "network/network.toml", 'name = "cameras"\nzone = "stations"', 'name = "cameras"\nzone = "cameras"')
    edit(folder, "network/nodes.csv", "10.1.0.12", "10.1.1.12")


CONDUIT = '\n[[conduits]]\nsource = "stations"\ntarget = "cameras"\nprotocol = "snmp"\nowner = "grid"\nreason = "watched"\n'


def test_a_node_in_another_zone_is_watched_through_a_conduit_only(folder: Path) -> None:
    cameras_apart(folder)
    (finding,) = findings_of(folder)
    assert (finding.where, finding.value) == ("conduits", "alpha/sw-2")
    assert "no conduit lets the gateway in stations ask nodes in cameras" in finding.problem
    top = folder / "utility.toml"
    before = top.read_text()
    top.write_text(before + CONDUIT + 'target_members = ["sw-2"]\n')
    plan = plan_of(read_folder(folder))
    assert [member.name for conduit in plan.between("stations", "cameras") for member in conduit.target_members] == ["alpha/sw-2"]
    top.write_text(before)
    edit(folder, "network/nodes.csv", ",,,,,7.1.3", ",,,,no,7.1.3")
    assert "sw-2" not in [device.name for device in alpha(read_folder(folder)).devices]


def test_the_zones_permit_that_the_gateway_asks_and_is_told(folder: Path) -> None:
    cameras_apart(folder)
    top = folder / "utility.toml"
    top.write_text(top.read_text() + CONDUIT)
    utility = read_folder(folder)
    flows = {flow.id: flow for flow in flows_of(plan_of(utility))}
    assert [str(ports) for ports in flows["alpha/sw-1"].ports] == ["udp/161"]
    assert flows["alpha/sw-1"].source == addresses_of([ip_address("10.1.0.2")])
    assert "alpha/sw-2" not in flows, "the conduit permits it"
    told = flows["alpha/watch.traps"]
    assert [str(ports) for ports in told.ports] == ["udp/1162"]
    assert told.source == addresses_of(map(ip_address, ("10.1.0.11", "10.1.0.1")))
    assert told.target == addresses_of([ip_address("10.1.0.2")])
    assert "alpha/watch.syslog" not in flows
    way = field_way(watched(utility, "sw-1"))
    assert way is not None
    assert (way.service, way.is_opened_by_gateway, way.peer_hosts) == ("snmp", True, ("10.1.0.11",))


def test_a_simulated_network_is_asked_and_tells_where_the_address_book_says(folder: Path) -> None:
    utility = read_folder(folder)
    book = {device.path: NetworkPlace(host="127.0.0.1", port=20_000 + n) for n, device in enumerate(alpha(utility).devices)}
    moved = relocate(utility, book)
    assert watched(moved, "sw-2").connection.port == 20_002
    assert str(watched(moved, "sw-2").connection.host) == "127.0.0.1"
    assert alpha(moved).watch is not None
    assert alpha(moved).watch.trap_port is None  # type: ignore[union-attr]  # told the line before
    told = {
        traps_key("alpha"): NetworkPlace(host="127.0.0.1", port=4_162),
        syslog_key("alpha"): NetworkPlace(host="::1", port=4_514),
    }
    watch = alpha(relocate(utility, {**book, **told})).watch
    assert watch is not None
    assert (watch.trap_port, watch.syslog_port) == (4_162, 4_514)


def test_points_of_watched_nodes_are_points_like_others_to_whoever_names_them(folder: Path) -> None:
    site = folder / "sites" / "alpha"
    (site / "alarms.csv").write_text(
        "name,point,type,state,event,priority\nuplink,sw-1/port-8-link,state,off,,1\nmute,sw-1,communication,,,2\n"
        "errors,sw-*/port-9-errors_per_s,quality,invalid,,3\n"
    )
    limit = '\n[[gate.limits]]\npoints = ["sw-1/port-3-poe_*"]\nleast_interval_s = 60\ntogether = true\n'
    (site / "site.toml").write_text((site / "site.toml").read_text() + limit)
    described = alpha(read_folder(folder))
    assert {alarm.id for alarm in described.alarms if alarm.name in {"uplink", "mute", "errors"}} == {
        "alpha/uplink",
        "alpha/mute",
        "alpha/errors/sw-1/port-9-errors_per_s",
        "alpha/errors/sw-2/port-9-errors_per_s",
    }
    assert len(described.gate.limits[0].points) == 2
    edit(folder, "sites/alpha/alarms.csv", "port-8-link", "port-7-link")
    (finding,) = findings_of(folder)
    assert (finding.where, finding.value) == ("point", "sw-1/port-7-link")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("network/links.csv", "cat6,60", "cat6,-60"),
        ("network/nodes.csv", "sw-2,alpha,r1,,generic-ie-8p-2sfp", "sw-2,alpha,r1,,generic-ie-8q"),
        ("network/network.toml", "period_s = 20", "period_s = -20"),
        ("network/network.toml", "id = 12\n", "id = 5000\n"),
        ("network/network.toml", "id = 12\n", "id = \n"),
        ("network/nodes.csv", "cam-1,alpha,,,generic-camera-fixed,10.1.1.21,,,,true", "cam-1,alpha,,,,,,,,perhaps"),
    ],
)
def test_a_mistake_in_the_network_hides_none_elsewhere_and_is_told_once(folder: Path, file: str, old: str, new: str) -> None:
    site = folder / "sites" / "alpha"
    (site / "alarms.csv").write_text(
        "name,point,type,state,priority\nuplink,sw-2/port-9-link,state,off,1\nmute,sw-2,communication,,2\ntypo,rtu-1/volts,quality,,2\n"
    )
    edit(folder, file, old, new)
    findings = findings_of(folder)
    assert [finding.value for finding in findings if finding.file == "sites/alpha/alarms.csv"] == ["rtu-1/volts"]
    assert {finding.file for finding in findings} == {file, "sites/alpha/alarms.csv"}


def test_names_that_collide_are_findings(folder: Path) -> None:
    catalogue = folder / "network" / "catalogue"
    catalogue.mkdir()
    (catalogue / "own.toml").write_text(
        '[[models]]\nname = "two-names"\nkind = "switch"\nsource = "a manual"\nhas_snmp = true\n\n[[models.ports]]\nnames = "Gi1/1 Gi1:1"\n'
    )
    nodes = folder / "network" / "nodes.csv"
    nodes.write_text(nodes.read_text() + "sw-3,alpha,,,two-names,10.1.0.13,,dc48,,,,,\n")
    edit(folder, "network/nodes.csv", "rtu-1,alpha,r2,,generic-rtu", "rtu-1,alpha,r2,,generic-ie-8p-2sfp")
    edit(folder, "network/links.csv", "rtu-1/1", "rtu-1/2")
    edit(folder, "network/nodes.csv", "10.1.0.3,,dc24", "10.1.0.3,,dc48")
    problems = {finding.where: finding.problem for finding in findings_of(folder)}
    assert problems["name"].startswith("a device of site alpha has the name")
    assert problems["model"] == "ports Gi1/1 and Gi1:1 would both be gi1-1 in names of points"
    assert len(problems) == 2


def test_ids_that_collide_are_resolved_in_watch(folder: Path) -> None:
    ids = {point.path: point.id for point in read_folder(folder).points}
    top, points = folder / "network" / "network.toml", folder / "sites/alpha/points/rtu-1.csv"
    before = top.read_text()
    clash = f'[watch.ids]\n"alpha/sw-1/drift" = {ids["alpha/sw-2/drift"]}\n"alpha/fw/drift" = {ids["alpha/rtu-1/voltage"]}\n'
    top.write_text(before + clash)
    first, second = sorted(findings_of(folder), key=lambda each: each.file)
    assert (first.file, first.where) == ("network/network.toml", "id of alpha/sw-2/drift")
    assert 'write "alpha/sw-2/drift" = ' in first.remedy
    assert (second.file, second.where) == ("sites/alpha/site.toml", "id of alpha/rtu-1/voltage")
    top.write_text(before + '[watch.ids]\n"alpha/sw-1/drift" = 7\n')
    assert next(point.id for point in read_folder(folder).points if point.path == "alpha/sw-1/drift") == 7
    top.write_text(before + '[watch.ids]\n"alpha/sw-1/drifts" = 7\n')
    (finding,) = findings_of(folder)
    assert (finding.problem, points.is_file()) == ("no watched node has such a point", True)


def test_a_large_network_that_is_watched_is_read_and_checked_in_time(tmp_path: Path) -> None:
    folder = write_large(tmp_path)
    nodes, top = folder / "network" / "nodes.csv", folder / "network" / "network.toml"
    lines = []
    for line in nodes.read_text().splitlines():
        name, site, rack, model, addresses, *rest = line.split(",")
        number = int(name[-2:]) if model == "generic-ie-16t-4sfp" else 0
        if model == "generic-ie-16t-4sfp":
            vlan = 100 + 8 * int(site[1:]) + 1
            addresses = f"10.{vlan // 256}.{vlan % 256}.{200 + number}"
        agent = addresses.partition(" ")[0] if model == "generic-firewall-6t-2sfp" else "watch" if name == "name" else ""
        lines.append(",".join([name, site, rack, model, addresses, *rest, agent]))
    nodes.write_text("\n".join(lines) + "\n")
    top.write_text(top.read_text() + "\n[watch]\ntrap_port = 162\n")
    started = time.process_time()
    utility = read_folder(folder)
    plan_of(utility)
    took_s = time.process_time() - started
    nodes_watched = [device for site in utility.sites for device in site.devices if isinstance(device, SnmpDevice)]
    assert len(nodes_watched) == 525
    assert sum(len(device.points) for device in nodes_watched) > 25_000
    assert took_s < 6


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('auth = "sha"\npriv = "aes256"', "needs a longer digest"),
        ("trap_port = 514\nsyslog_port = 514", "are one port"),
        ('user = "two words"', "user"),
    ],
)
def test_a_watch_that_cannot_be_is_a_finding(tmp_path: Path, text: str, problem: str) -> None:
    folder = watched_folder(tmp_path, f"\n[watch]\n{text}\n")
    (finding,) = findings_of(folder)
    assert problem in f"{finding.where} {finding.problem}"
    assert finding.file == "network/network.toml"
