"""Part (t): the proof on packets, against the number of hosts.

A zone for each substation, with a gateway and ten devices, and a DMZ and a center: every substation opens the bus and sends logs to the
DMZ's host, which therefore has rules for all of them. Measured are the rendering of all firewalls, reading them back, the proof of all,
and the proof with a fault in the DMZ's firewall, where the accepting rules of all conduits meet one that accepts everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import TypeVar

from bench.result import Result
from tieline.config.field_ways import FieldWay
from tieline.config.services import SERVICES, Ports
from tieline.security.zones import Conduit, FieldDevice, Host, Plan, Zone
from tieline.security.zones.nftables import render
from tieline.security.zones.packet_flows import flows_by_zone, flows_of
from tieline.security.zones.packet_proof import prove_packets
from tieline.security.zones.ruleset_script import read_script
from tieline.security.zones.vlan_intent import prove_vlans, vlan_intent

HOSTS = (10, 100, 1_000)
DEVICES = 10

T = TypeVar("T")


def plan_with(hosts: int) -> Plan:
    """A utility with so many hosts in all."""
    substations = hosts - 2
    zones = [_substation(number) for number in range(substations)]
    zones += [_zone("dmz", "dmz", 60_000, ("dmz",)), _zone("center", "control_center", 60_001, ("center",))]
    conduits = [_conduit(zone.name, "dmz", service) for zone in zones[:substations] for service in ("bus", "syslog")]
    return Plan(utility="bench", zones=tuple(zones), conduits=(*conduits, _conduit("center", "dmz", "bus")))


def _subnet(number: int) -> str:
    return f"10.{number // 256}.{number % 256}"


def _zone(name: str, kind: str, number: int, roles: tuple[str, ...], devices: tuple[FieldDevice, ...] = ()) -> Zone:
    host = Host(name=f"{name}-1", zone=name, addresses=(ip_address(f"{_subnet(number)}.2"),), roles=roles)
    return Zone(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        sites=(name,) if kind == "substation" else (),
        security_level=2,
        description="",
        subnets=(ip_network(f"{_subnet(number)}.0/24"),),
        vlans=(),
        hosts=(host,),
        devices=devices,
    )


def _substation(number: int) -> Zone:
    name = f"s{number}"
    devices = []
    for index in range(DEVICES):
        address = f"{_subnet(number)}.{100 + index}"
        ports = Ports("tcp", 502, 502)
        way = FieldWay(path=f"{name}/d{index}", service="modbus", is_opened_by_gateway=True, ports=ports, peer_hosts=(address,))
        devices.append(FieldDevice(path=way.path, zone=name, addresses=(ip_address(address),), way=way))
    return _zone(name, "substation", number, (f"edge-{name}",), tuple(devices))


def _conduit(source: str, target: str, service: str) -> Conduit:
    return Conduit(
        id=f"{source}-{target}-{service}",
        source=source,
        target=target,
        service=SERVICES[service],
        ports=SERVICES[service].ports,
        direction="both",
        reason="measurements up, commands down",
        owner="grid operations",
        source_members=(),
        target_members=(),
    )


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    done = work()
    return done, time.perf_counter() - start


def run() -> list[Result]:
    """Seconds for all hosts together."""
    results = []
    for hosts in HOSTS:
        plan = plan_with(hosts)

        def scripts(plan: Plan = plan) -> dict[str, str]:
            flows = flows_by_zone(flows_of(plan))
            return {host.name: render(plan.utility, host, flows[host.zone]) for host in plan.hosts}

        rendered, to_render = _timed(scripts)
        rulesets, to_read = _timed(lambda rendered=rendered: {name: read_script(text) for name, text in rendered.items()})
        found, to_prove = _timed(lambda plan=plan, rulesets=rulesets: prove_packets(plan, rulesets))
        opened = rendered["dmz-1"].replace("policy drop;\n", "policy drop;\n\t\taccept\n", 1)
        faulty = {**rulesets, "dmz-1": read_script(opened)}
        leaks, to_find = _timed(lambda plan=plan, faulty=faulty: prove_packets(plan, faulty))
        vlans, to_prove_vlans = _timed(lambda plan=plan: prove_vlans(plan, vlan_intent(plan)))
        if found or vlans or not leaks:
            raise AssertionError("the proof is wrong")
        rules = sum(text.count(" accept comment ") for text in rendered.values())
        figures = {
            "rendering all firewalls": to_render,
            "reading them": to_read,
            "proof on packets": to_prove,
            "the same with a rule that accepts everything": to_find,
            "proof of the intent for VLANs": to_prove_vlans,
        }
        detail = f"{rules:,} accepting rules"
        results += [
            Result(part="t", name=f"{hosts:,} hosts: {name}", value=value, unit="s", detail=detail)
            for name, value in figures.items()
        ]
    return results


if __name__ == "__main__":
    from bench.result import show

    show(run())
