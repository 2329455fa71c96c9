"""Two real switches, as far as their agents go (Debian's snmpd and lldpd), watched through a gateway, seen and operated from the center."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.config.folders import UTILITY, write
from tests.snmp_agents import KEYS, SnmpAgent, set_link, two_switches
from tests.snmp_agents import free_port as free_udp_port
from tests.system.people import Person, prepare_accounts
from tests.system.processes import Processes, eventually, run
from tieline.cli.run import free_port
from tieline.config.field import FIELD_FILE, NetworkPlace, traps_key, write_book
from tieline.security.audit import AuditReader, verify
from tieline.security.network_keys import key_files

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

PEOPLE = """
[[people]]
name = "ada"
roles = ["operator"]
responsibility = "OT"

[[people]]
name = "rosalind"
roles = ["security_administrator"]
responsibility = "IT"

[[control.rules]]
roles = ["operator"]
"""
NETWORK = """
[watch]
period_s = 1
timeout_s = 0.5
retries = 1
trap_port = 162

[[vlans]]
id = 11
name = "control"
zone = "stations"
subnet = "10.1.0.0/24"
"""
MODEL = """
[[models]]
name = "{name}"
kind = "{kind}"
source = "this test"
{more}

[[models.ports]]
names = "{ports}"
medium = "copper"
speeds_mbps = [10000]
connector = "rj45"
{power}
"""
NODES = """\
name,site,model,addresses,supplies,firmware
switch-a,alpha,bench-switch,10.1.0.11,dc48,1.2
switch-b,alpha,bench-switch,10.1.0.12,dc48,
gw,alpha,bench-gateway,10.1.0.2,dc48,
cam,alpha,bench-camera,10.1.0.21,,
"""
PORTS = """\
node,port,mode,vlan,allowed,poe
switch-a,port1-3,,11,,
switch-a,mgmt,,11,,off
switch-b,port1-2,,11,,
switch-b,port3,disabled,,,off
switch-b,mgmt,,11,,off
"""
LINKS = """\
name,a,b,medium,cable,length_m
one,switch-a/port1,switch-b/port1,copper,cat6a,3
two,switch-a/port2,switch-b/port2,copper,cat6a,3
gw-a,gw/eth0,switch-a/mgmt,copper,cat6a,3
gw-b,gw/eth1,switch-b/mgmt,copper,cat6a,3
cam,switch-a/port3,cam/1,copper,cat6a,30
"""
SUPPLIES = "name,site,kind,voltage_v\ndc48,alpha,dc,48\n"
ADMIN, DETECTION, FIRMWARE = "1.3.6.1.2.1.105.1.1.1.3.1.3", "1.3.6.1.2.1.105.1.1.1.6.1.3", "1.3.6.1.2.1.47.1.1.1.1.10.1"
CELLS: dict[str, tuple[str, str | int]] = {
    ADMIN: ("integer", 1),
    DETECTION: ("integer", 3),
    "1.3.6.1.4.1.9.9.402.1.2.1.9.1.3": ("gauge", 6_500),
    "1.3.6.1.2.1.105.1.3.1.1.2.1": ("gauge", 120),
    "1.3.6.1.2.1.105.1.3.1.1.4.1": ("gauge", 6),
    "1.3.6.1.2.1.47.1.1.1.1.5.1": ("integer", 3),
    FIRMWARE: ("string", "1.2"),
    "1.3.6.1.4.1.9.9.13.1.5.1.3.1": ("integer", 1),
}


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def folder_of(tmp_path: Path) -> Path:
    switch = MODEL.format(
        name="bench-switch",
        kind="switch",
        more="poe_budget_w = 120.0\nhas_lldp = true\nhas_snmp = true",
        ports="port1 port2 port3 mgmt",
        power="poe_class = 4",
    )
    gateway = MODEL.format(name="bench-gateway", kind="gateway", more="", ports="eth0 eth1", power="")
    camera = MODEL.format(name="bench-camera", kind="camera", more="poe_class = 2\nsupply_inputs = 0", ports="1", power="")
    zones = UTILITY.replace('sites = ["alpha"]', 'sites = ["alpha"]\nvlans = [11]\nsubnets = ["10.1.0.0/16"]', 1)
    return write(
        tmp_path / "mine",
        {
            "utility.toml": zones + PEOPLE,
            "sites/alpha/site.toml": 'title = "Alpha"\nkind = "substation"\n',
            "network/network.toml": NETWORK,
            "network/nodes.csv": NODES,
            "network/ports.csv": PORTS,
            "network/links.csv": LINKS,
            "network/supplies.csv": SUPPLIES,
            "network/catalogue/bench.toml": switch + gateway + camera,
        },
    )


class Bench:
    """The two switches, and a utility that watches them."""

    def __init__(self, a: SnmpAgent, b: SnmpAgent, folder: Path, data: Path, port: int, trap_port: int) -> None:
        self.a, self.b, self.folder, self.data, self.trap_port = a, b, folder, data, trap_port
        self.ada = Person(port, "ada")

    def value(self, point: str) -> Any:
        return self.ada.ask(f"/api/values/alpha/{point}")

    def shows(self, point: str, value: float) -> bool:
        newest = self.value(point)
        return newest["value"] == value and newest["quality_words"] == "good"

    def alarms(self, kind: str = "") -> set[str]:
        return {each["device"] for each in self.ada.ask("/api/alarms")["alarms"] if each["kind"] == kind or kind in each["name"]}

    def events(self, kind: str) -> list[str]:
        """What was told so far."""
        return [each["text"] for each in self.ada.ask("/api/events?limit=1000")["events"] if each["kind"] == kind]

    def watch(self) -> subprocess.CompletedProcess[str]:
        """What the terminal says, beside the gateway."""
        return run("network", "watch", self.folder, "--data", self.data, "--simulated", "--once")


@contextmanager
def running(tmp_path: Path, processes: Processes) -> Iterator[Bench]:
    folder, data, port = folder_of(tmp_path), tmp_path / "data", free_port()
    with two_switches(tmp_path) as (a, b):
        a.put(CELLS)
        # The camera's end of its cable; nothing else of it is needed.
        ip("-n", a.namespace, "link", "add", "port3", "type", "veth", "peer", "name", "veth-cam")
        for name in ("port3", "veth-cam"):
            ip("-n", a.namespace, "link", "set", name, "up")
        ip("-n", b.namespace, "link", "add", "port3", "type", "veth", "peer", "name", "veth-none")
        book = {f"alpha/{each.name}": NetworkPlace(host=each.host, port=each.port) for each in (a, b)}
        traps = NetworkPlace(host="127.0.0.1", port=free_udp_port())
        write_book(data / FIELD_FILE, {**book, traps_key("alpha"): traps})
        made = run("network", "keys", folder, "--data", data)
        assert made.returncode == 0, made.stdout + made.stderr
        for name in ("switch-a", "switch-b"):
            for file, secret in zip(key_files(data, name), (KEYS.auth_secret, KEYS.priv_secret), strict=True):
                file.write_text(secret + "\n")
        prepare_accounts(folder, data, "ada")
        processes.start("run", folder, "--data", data, "--simulated", "--port", str(port))
        eventually(lambda: answers(port))
        bench = Bench(a, b, folder, data, port, traps.port)
        try:
            yield bench
        finally:
            bench.ada.close()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_network_is_watched_against_its_design(tmp_path: Path, processes: Processes) -> None:
    with running(tmp_path, processes) as bench:
        as_designed(bench)
        a_link_that_is_cut(bench)
        cables_that_are_exchanged(bench)
        a_camera_that_is_restarted(bench)
        a_trap(bench)
        an_agent_that_falls_silent(bench)


def as_designed(bench: Bench) -> None:
    eventually(lambda: bench.shows("switch-a/port-port1-neighbor", 1) and bench.shows("switch-b/port-port2-neighbor", 1))
    eventually(lambda: bench.shows("switch-a/drift", 0) and bench.shows("switch-b/drift", 0))
    for point, value in (
        ("port-port1-link", 1),
        ("port-port3-poe", 1),
        ("port-port3-poe_w", 6.5),
        ("supply-1", 1),
        ("firmware", 1),
        ("poe_used_percent", 5),
    ):
        eventually(lambda point=point, value=value: bench.shows(f"switch-a/{point}", value))  # type: ignore[misc]


def a_link_that_is_cut(bench: Bench) -> None:
    set_link(bench.a, "port1", is_up=False)
    eventually(lambda: bench.shows("switch-b/port-port1-link", 0))
    eventually(lambda: bench.alarms("link_down") == {"switch-a", "switch-b"})
    eventually(lambda: any("port1 is switched off" in text for text in bench.events("network_drift")))
    watched = bench.watch()
    assert watched.returncode == 1
    assert "port port1 has no link to switch-a port port1" in watched.stdout
    set_link(bench.a, "port1", is_up=True)
    eventually(lambda: bench.shows("switch-a/drift", 0) and bench.shows("switch-b/drift", 0))
    assert bench.events("network_drift_ended")


def cables_that_are_exchanged(bench: Bench) -> None:
    cross(bench, {"port1": "port2", "port2": "port1"})
    eventually(lambda: any("port1 leads to switch-b port port2" in text for text in bench.events("network_drift")))
    eventually(lambda: bench.shows("switch-a/port-port1-neighbor", 0))
    cross(bench, {"port1": "port1", "port2": "port2"})
    eventually(lambda: bench.shows("switch-a/drift", 0) and bench.shows("switch-a/port-port1-neighbor", 1))


def cross(bench: Bench, ends: dict[str, str]) -> None:
    """Plugs the cables of switch-a into these ports of switch-b."""
    for port in ends:
        ip("-n", bench.a.namespace, "link", "del", port)
    for port, other in ends.items():
        ip("link", "add", port, "netns", bench.a.namespace, "type", "veth", "peer", "name", other, "netns", bench.b.namespace)
    for switch in (bench.a, bench.b):
        for port in ends:
            set_link(switch, port, is_up=True)


def a_camera_that_is_restarted(bench: Bench) -> None:
    assert bench.ada.operate("alpha/switch-a/port-port3-poe_restart", 1) == ("done", "")
    assert bench.a.played(ADMIN) == "1"
    eventually(lambda: any("port3 was without power and has it again" in text for text in bench.events("poe_restarted")))
    assert not any("power switched off" in text for text in bench.events("network_drift"))
    records = (json.loads(record.entry) for record in AuditReader(bench.data / "site-alpha" / "audit").records())
    restarts = [each["outcome"] for each in records if each["target"] == "alpha/switch-a/port-port3-poe_restart"]
    assert restarts == ["released", "done"]
    assert verify(bench.data / "site-alpha" / "audit").is_intact


def a_trap(bench: Bench) -> None:
    bench.a.notify(bench.trap_port, "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.31.1.1.1.1.3", "s", "port1")
    eventually(lambda: any("link down" in text for text in bench.events("network_trap")))
    assert bench.shows("switch-a/port-port1-link", 1), "what a trap says is not believed"


def an_agent_that_falls_silent(bench: Bench) -> None:
    bench.b.stop()
    eventually(lambda: "invalid" in bench.value("switch-b/port-port1-link")["quality_words"])
    eventually(lambda: "switch-b" in bench.alarms("communication"))
    bench.b.start()
    eventually(lambda: bench.shows("switch-b/port-port1-link", 1))
    eventually(lambda: any("switch-b answers again" in text for text in bench.events("device_restored")))
