"""Mistakes in zones, hosts and conduits: each is found at its key, with what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.config.folders import findings_of, write
from tests.security.zones.folders import seeded_utility
from tieline.config import Utility, inspect_folder, read_folder
from tieline.security.zones import plan_of

POINTS = "name,kind,table,address,poll\np,analog,holding_register,0,all\n"


def site_toml(host: str) -> str:
    return f"""\
[[devices]]
name = "rtu-1"
protocol = "modbus"
polls = {{ all = 1 }}
connection = {{ transport = "tcp", host = "{host}" }}
"""


UTILITY = """\
name = "Test Electric"

[dmz]
host = "10.40.0.2"

[[zones]]
name = "stations"
kind = "substation"
sites = ["alpha"]
subnets = ["10.1.0.0/24"]
vlans = [10]

[[zones]]
name = "plants"
kind = "plant"
sites = ["beta"]
subnets = ["10.2.0.0/24"]
vlans = [20]
security_level = 2

[[zones]]
name = "dmz"
kind = "dmz"
subnets = ["10.40.0.0/24"]

[[zones]]
name = "center"
kind = "control_center"

[[zones]]
name = "office"
kind = "enterprise"

[[hosts]]
name = "gw-1"
zone = "stations"
addresses = ["10.1.0.2"]

[[hosts]]
name = "door-1"
zone = "dmz"
addresses = ["10.40.0.2"]

[[conduits]]
source = "stations"
target = "dmz"
reason = "telemetry"

[[conduits]]
source = "plants"
target = "dmz"
reason = "telemetry"
owner = "generation"

[[conduits]]
source = "center"
target = "dmz"
reason = "telemetry"

[[conduits]]
source = "office"
target = "dmz"
direction = "to_source"
reason = "analysis"

[[conduits]]
id = "keep-time"
source = "stations"
target = "dmz"
protocol = "ntp"
reason = "time"
source_members = ["gw-1", "rtu-1"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"utility.toml": UTILITY}
    for site, host in (("alpha", "10.1.0.11"), ("beta", "10.2.0.11")):
        files |= {f"sites/{site}/site.toml": site_toml(host), f"sites/{site}/points/rtu-1.csv": POINTS}
    return write(tmp_path, files)


def change(old: str, new: str) -> Callable[[str], str]:
    def do(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return do


def add(text: str) -> Callable[[str], str]:
    return lambda before: before + text


def test_a_right_folder_has_no_finding_and_its_plan_says_all_that_it_implies(folder: Path) -> None:
    assert findings_of(folder) == []
    plan = plan_of(read_folder(folder))
    assert plan == plan_of(read_folder(folder))
    gateway = plan.host("gw-1")
    assert gateway.roles == ("edge-alpha", "local-alpha")
    assert [(host.name, host.is_implied, host.roles) for host in plan.zone("office").hosts] == [("office", True, ("it-office",))]
    keep_time = plan.conduits[-1]
    assert [str(ports) for ports in keep_time.ports] == ["udp/123"]
    assert [(member.name, member.kind) for member in keep_time.source_members] == [("gw-1", "host"), ("alpha/rtu-1", "device")]
    assert [conduit.id for conduit in plan.between("stations", "dmz")] == ["stations-dmz-bus", "keep-time"]
    assert [str(plan.between(zone, "dmz")[0].ports[0]) for zone in ("stations", "office")] == ["tcp/7422", "tcp/7423"]


BUS_FROM_OFFICE = '[[conduits]]\nsource = "office"\ntarget = "{}"\nprotocol = "https"\nreason = "reports"\nowner = "it"\n'


@pytest.mark.parametrize(
    ("edit", "where", "problem"),
    [
        (change('"10.2.0.0/24"', '"10.1.0.128/25"'), "zones[1].subnets", "zone stations has 10.1.0.0/24, which overlaps"),
        (change('"10.2.0.0/24"', '"10.2.0.1/24"'), "zones[1].subnets[0]", "is no subnet"),
        (change("vlans = [20]", "vlans = [10]"), "zones[1].vlans", "zone stations has this VLAN"),
        (change("vlans = [20]", "vlans = [4095]"), "zones[1].vlans[0]", "out of range"),
        (
            change('addresses = ["10.1.0.2"]', 'addresses = ["10.9.0.2"]'),
            "hosts[0].addresses",
            "outside the subnets of zone stations",
        ),
        (change('"10.2.0.0/24"', '"10.2.9.0/24"'), "zones[1].subnets", "outside the subnets of zone plants"),
        (change('addresses = ["10.1.0.2"]', 'addresses = ["gateway"]'), "hosts[0].addresses[0]", "is no IP address"),
        (add('[[hosts]]\nname = "gw-1"\nzone = "plants"\n'), "hosts[2].name", "is in zone stations already"),
        (add('[[hosts]]\nname = "x"\nzone = "nowhere"\n'), "hosts[2].zone", "there is no such zone"),
        (add('[[hosts]]\nname = "x"\nzone = "stations"\naddresses = ["10.1.0.2"]\n'), "hosts[2].addresses", "gw-1 has it"),
        (add('[[hosts]]\nname = "x"\nzone = "stations"\n'), "hosts[0].roles", "no host of zone stations is edge-alpha"),
        (
            add('[[hosts]]\nname = "x"\nzone = "plants"\nroles = ["edge-alpha"]\n'),
            "hosts[2].roles",
            "the role belongs to zone stations",
        ),
        (change('target = "dmz"\nreason', 'target = "dmz2"\nreason'), "conduits[0].target", "there is no such zone"),
        (change('protocol = "ntp"', 'protocol = "ntpp"'), "conduits[4].protocol", "no conduit knows this protocol"),
        (change('protocol = "ntp"', 'protocol = "tcp"'), "conduits[4]", "names no ports"),
        (change('protocol = "ntp"', 'protocol = "ping"\nports = [7]'), "conduits[4].ports", "ICMP has no ports"),
        (change('id = "keep-time"', 'id = "center-dmz-bus"'), "conduits[4]", "the id is taken already"),
        (
            change('["gw-1", "rtu-1"]', '["gw-1", "rtu-9"]'),
            "conduits[4].source_members",
            "zone stations has no such host or device",
        ),
        (change('["gw-1", "rtu-1"]', '["door-1"]'), "conduits[4].source_members", "zone stations has no such host or device"),
        (change('owner = "generation"\n', ""), "conduits[1]", "nobody answers for it, though zone plants has security level 2"),
        (change('reason = "analysis"', 'reason = ""'), "conduits[3].reason", "is empty"),
        (change('direction = "to_source"\n', ""), "conduits[3].direction", "enterprise only reads"),
        (
            change('reason = "telemetry"', 'reason = "x"\ndirection = "to_source"'),
            "conduits[0].direction",
            "needs its data to flow",
        ),
        (add(BUS_FROM_OFFICE.format("stations")), "conduits[5]", "past the DMZ"),
        (add(BUS_FROM_OFFICE.format("center")), "conduits[5]", "past the DMZ"),
        (
            add('[[conduits]]\nsource = "plants"\ntarget = "office"\nprotocol = "https"\nreason = "x"\nowner = "x"\n'),
            "conduits[5]",
            "past the DMZ",
        ),
        (
            add('[[conduits]]\nsource = "stations"\ntarget = "center"\nreason = "x"\n'),
            "conduits[5]",
            "opened towards the DMZ only",
        ),
        (change('host = "10.40.0.2"', 'host = "10.40.0.3"'), "dmz.host", "no host of the DMZ has this address"),
        (
            change('source = "plants"\ntarget = "dmz"', 'source = "plants"\ntarget = "dmz"\nprotocol = "https"'),
            "conduits",
            "no conduit leads from plants to dmz",
        ),
    ],
)
def test_a_mistake_is_found_at_its_key(folder: Path, edit: Callable[[str], str], where: str, problem: str) -> None:
    path = folder / "utility.toml"
    path.write_text(edit(path.read_text()))
    found = [each for each in findings_of(folder) if each.where == where and problem in each.problem]
    assert found
    assert all(each.remedy and each.line for each in found)


@pytest.mark.parametrize("seed", range(10))
def test_a_made_up_utility_is_right_as_a_folder_too(tmp_path: Path, seed: int) -> None:
    made = seeded_utility(seed)
    folder = write(tmp_path, files_of(made))
    utility, findings = inspect_folder(folder)
    assert findings == []
    assert utility is not None
    plan, expected = plan_of(utility), plan_of(made)
    assert (plan.conduits, plan.remote_sites) == (expected.conduits, tuple(sorted(expected.remote_sites)))
    assert [(zone.name, zone.hosts, zone.subnets) for zone in plan.zones] == [
        (zone.name, zone.hosts, zone.subnets) for zone in expected.zones
    ]


def files_of(utility: Utility) -> dict[str, str]:
    """The utility as its folder's files, with one device at each site."""
    lines = [f'name = "{utility.name}"']
    lines += ["[dmz]", f'host = "{utility.dmz.host}"']
    if utility.dmz.remote_port is not None:
        lines += [f"remote_port = {utility.dmz.remote_port}"]
    for section, entries in (("zones", utility.zones), ("hosts", utility.hosts), ("conduits", utility.conduits)):
        for entry in entries:
            lines += [f"[[{section}]]", *(f"{key} = {value!r}" for key, value in entry.model_dump(exclude_defaults=True).items())]
    files = {"utility.toml": "\n".join(lines) + "\n"}
    for zone in utility.zones:
        for number, site in enumerate(zone.sites):
            host = str(ip_network(zone.subnets[0])[10 + number])
            files |= {f"sites/{site}/site.toml": site_toml(host), f"sites/{site}/points/rtu-1.csv": POINTS}
    return files
