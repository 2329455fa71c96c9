"""Plans for the proofs on packets: one that reads easily, and any number of made-up ones."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

from tieline.config.field_ways import FieldWay
from tieline.config.services import SERVICES, Ports
from tieline.security.zones import Conduit, FieldDevice, Host, Member, Plan, Zone
from tieline.security.zones.nftables import render
from tieline.security.zones.packet_flows import flows_by_zone, flows_of
from tieline.security.zones.ruleset import Ruleset
from tieline.security.zones.ruleset_script import read_script


def scripts_of(plan: Plan) -> dict[str, str]:
    """The scripts of all hosts that have addresses, by name."""
    flows = flows_by_zone(flows_of(plan))
    return {host.name: render(plan.utility, host, flows.get(host.zone, [])) for host in plan.hosts if host.addresses}


def rulesets_of(plan: Plan) -> dict[str, Ruleset]:
    """What the scripts mean."""
    return {name: read_script(script) for name, script in scripts_of(plan).items()}


def conduit(source: str, target: str, service: str, **changes: Any) -> Conduit:
    """A conduit for the whole of both zones."""
    values = {
        "id": f"{source}-{target}-{service}",
        "ports": SERVICES[service].ports,
        "direction": "both",
        "reason": "measurements up, commands down",
        "owner": "grid operations",
        "source_members": (),
        "target_members": (),
    }
    return Conduit(source=source, target=target, service=SERVICES[service], **{**values, **changes})


def host(name: str, zone: str, *addresses: str, roles: tuple[str, ...] = ()) -> Host:
    return Host(name=name, zone=zone, addresses=tuple(map(ip_address, addresses)), roles=roles)


def device(
    path: str, zone: str, address: str, service: str, port: int, *, opens: bool = False, transport: Any = "tcp"
) -> FieldDevice:
    """A device that the gateway dials, or one that dials the gateway."""
    way = FieldWay(
        path=path,
        service=service,
        is_opened_by_gateway=not opens,
        ports=Ports(transport, port, port),
        peer_hosts=(address,) if address else (),
    )
    return FieldDevice(path=path, zone=zone, addresses=(ip_address(address),) if address else (), way=way)


def zone(name: str, kind: Any, number: int, hosts: tuple[Host, ...], **changes: Any) -> Zone:
    values = {
        "sites": (),
        "security_level": 2,
        "description": "",
        "subnets": (ip_network(f"10.{number}.0.0/24"), ip_network(f"fd00:{number}::/64")),
        "vlans": (number,),
        "devices": (),
    }
    return Zone(name=name, kind=kind, hosts=hosts, **{**values, **changes})


def small_plan() -> Plan:
    """Two substations, a DMZ, a center and an enterprise zone; both families of addresses."""
    northgate = zone(
        "northgate",
        "substation",
        10,
        (host("northgate-gw", "northgate", "10.10.0.2", "fd00:10::2", roles=("edge-northgate", "local-northgate")),),
        sites=("northgate",),
        devices=(
            device("northgate/rtu-1", "northgate", "10.10.0.11", "dnp3-tls", 19_999),
            device("northgate/tm-1", "northgate", "10.10.0.21", "modbus", 502),
            device("northgate/control-room", "northgate", "10.10.0.60", "dnp3", 20_000, opens=True),
        ),
    )
    millbrook = zone(
        "millbrook",
        "substation",
        20,
        (host("millbrook-gw", "millbrook", "10.20.0.2", roles=("edge-millbrook", "local-millbrook")),),
        sites=("millbrook",),
        devices=(device("millbrook/meter-1", "millbrook", "10.20.0.11", "iec61850", 102),),
    )
    dmz = zone(
        "dmz", "dmz", 30, (host("dmz-1", "dmz", "10.30.0.2", "fd00:30::2", roles=("dmz",)), host("jump-1", "dmz", "10.30.0.3"))
    )
    center = zone("center", "control_center", 40, (host("center-1", "center", "10.40.0.2", "fd00:40::2", roles=("center",)),))
    office = zone("office", "enterprise", 50, (host("office-1", "office", "10.50.0.2"),))
    dmz_server = (Member(name="dmz-1", kind="host", addresses=dmz.hosts[0].addresses),)
    jump = (Member(name="jump-1", kind="host", addresses=dmz.hosts[1].addresses),)
    return Plan(
        utility="Ridgeway Electric",
        zones=(northgate, millbrook, dmz, center, office),
        conduits=(
            conduit("northgate", "dmz", "bus", target_members=dmz_server),
            conduit("millbrook", "dmz", "bus", target_members=dmz_server),
            conduit("center", "dmz", "bus", target_members=dmz_server),
            conduit("northgate", "dmz", "syslog-udp", direction="to_target", reason="logs go up"),
            conduit("center", "dmz", "ping", reason="is it there"),
            conduit("office", "dmz", "https", direction="to_source", target_members=dmz_server, reason="reports"),
            conduit("center", "dmz", "ssh", target_members=jump, reason="maintenance through the jump host"),
            conduit("center", "dmz", "dns"),
            conduit("dmz", "dmz", "https", id="screens", target_members=dmz_server, reason="screens of the own zone"),
        ),
    )


_SERVICES = [name for name in SERVICES if SERVICES[name].ports]


def seeded_plan(seed: int) -> Plan:
    """A made-up utility; the same seed gives the same."""
    chance = random.Random(seed)
    zones: list[Zone] = []
    for number in range(1, chance.randint(3, 8)):
        name = f"zone{number}"
        families = chance.choice([("4",), ("4", "6"), ("6",), ("4",)])
        hosts = tuple(
            host(
                f"{name}-host{index}",
                name,
                *([f"10.{number}.0.{index + 2}"] if "4" in families else []),
                *([f"fd00:{number}::{index + 2}"] if "6" in families else []),
                roles=(f"edge-site{number}",) if index == 0 else (),
            )
            for index in range(chance.randint(1, 3))
        )
        devices = tuple(
            device(
                f"site{number}/device{index}",
                name,
                f"10.{number}.0.{index + 100}" if chance.random() < 0.8 else "",
                "dnp3",
                chance.choice([20_000, 502, 102]),
                opens=chance.random() < 0.3,
                transport=chance.choice(["tcp", "tcp", "udp"]),
            )
            for index in range(chance.randint(0, 4))
        )
        subnets = [ip_network(f"10.{number}.0.0/24")] if chance.random() < 0.8 else []
        subnets += [ip_network(f"fd00:{number}::/64")] if "6" in families else []
        zones.append(
            zone(
                name,
                "substation",
                number,
                hosts if chance.random() < 0.85 else (Host(name=name, zone=name, addresses=(), roles=(), is_implied=True),),
                sites=(f"site{number}",),
                devices=devices,
                subnets=tuple(subnets),
                vlans=tuple(range(number * 10, number * 10 + chance.randint(0, 3))),
            )
        )
    conduits: dict[str, Conduit] = {}
    for _ in range(chance.randint(1, 12)):
        source, target = chance.sample(zones, 2)
        made = conduit(
            source.name,
            target.name,
            chance.choice(_SERVICES),
            direction=chance.choice(["both", "to_target", "to_source"]),
            source_members=_some(chance, source),
            target_members=_some(chance, target),
            reason=chance.choice(["because", 'with "quotes"; drop }', "äöü " * 60, "line\nbreak"]),
        )
        conduits[made.id] = made
    return Plan(utility=f"Utility {seed}", zones=tuple(zones), conduits=tuple(conduits.values()))


def _some(chance: random.Random, one: Zone) -> tuple[Member, ...]:
    members = [
        *(Member(name=host.name, kind="host", addresses=host.addresses) for host in one.hosts if host.addresses),
        *(Member(name=device.path, kind="device", addresses=device.addresses) for device in one.devices if device.addresses),
    ]
    return tuple(chance.sample(members, min(len(members), chance.choice([0, 0, 1, 2]))))
