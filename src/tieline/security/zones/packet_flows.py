"""What the plan permits on the network: for each conduit, and for each device that a gateway reads, who may open what to whom.

A flow is opened by its source. The packets of a flow are those of its connections: from the source to the port where the target listens,
new or established, and the replies. Everything else is denied, but for what a host needs to live: loopback, errors (ICMP) about its own
connections, and with IPv6 the discovery of its neighbors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from tieline.config.services import Ports
from tieline.model import subjects
from tieline.security.zones.packets import (
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    LOOPBACK,
    TRANSPORTS,
    Box,
    Intervals,
    State,
    address_number,
    box,
    common,
    network_intervals,
    normalized,
    without,
)
from tieline.security.zones.plan import Address, Conduit, FieldDevice, Host, Member, Plan, Zone

End = Literal["source", "target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What one side may open to the other."""

    id: str
    """The conduit's; `site/device` for what a gateway and a device of its zone say to each other."""
    reason: str
    owner: str
    service: str
    source_zone: str
    target_zone: str
    source: Intervals
    """Addresses; empty where the folder gives none."""
    target: Intervals
    ports: tuple[Ports, ...]
    has_replies: bool = True

    @property
    def is_conduit(self) -> bool:
        """Whether it leads from one zone to another."""
        return self.source_zone != self.target_zone

    @property
    def can_be_enforced(self) -> bool:
        """Whether addresses of both ends are known."""
        return any(common(self.source, family) and common(self.target, family) for family in (IPV4, IPV6))

    def concerns(self, host: Host) -> bool:
        """Whether the host is at one of its ends."""
        own = addresses_of(host.addresses)
        return bool(common(self.source, own) or common(self.target, own))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """Packets that may pass in one direction through a host, and because of what."""

    direction: Literal["input", "output"]
    box: Box
    id: str


HOST_LOOPBACK = "host.loopback"
HOST_ERRORS = "host.errors"
HOST_NEIGHBORS = "host.neighbors"
ICMP_ERRORS: Intervals = ((3, 3), (11, 12))
"""Destination unreachable, time exceeded, parameter problem (RFC 792)."""
ICMPV6_ERRORS: Intervals = ((1, 4),)
"""The same, and packet too big (RFC 4443)."""
NEIGHBOR_TYPES: Intervals = ((135, 136),)
"""Neighbor solicitation and advertisement (RFC 4861), which never come through a router: their hop limit is 255."""
LISTENER_REPORT: Intervals = ((143, 143),)
"""By which a host joins the group of its solicited-node address (RFC 3810), with hop limit 1."""
ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Types of an echo request and its reply."""
_ORIGINAL: Intervals = ((State.NEW, State.ESTABLISHED),)
_REPLY: Intervals = ((State.ESTABLISHED_REPLY, State.ESTABLISHED_REPLY),)
_RELATED: Intervals = ((State.RELATED, State.RELATED_REPLY),)


def flows_of(plan: Plan) -> list[Flow]:
    """Every flow of the plan: conduits in their order, then the devices, zone by zone."""
    flows = [_conduit_flow(plan, conduit) for conduit in plan.conduits]
    for zone in plan.zones:
        flows += _field_flows(zone)
    return flows


def _conduit_flow(plan: Plan, conduit: Conduit) -> Flow:
    is_stateless = all(ports.transport == "udp" for ports in conduit.ports)
    return Flow(
        id=conduit.id,
        reason=conduit.reason,
        owner=conduit.owner,
        service=conduit.service.name,
        source_zone=conduit.source,
        target_zone=conduit.target,
        source=members_addresses(plan.zone(conduit.source), conduit.source_members),
        target=members_addresses(plan.zone(conduit.target), conduit.target_members),
        ports=conduit.ports,
        has_replies=conduit.lets_to_source or not is_stateless,
    )


def members_addresses(zone: Zone, members: tuple[Member, ...]) -> Intervals:
    """The addresses of these members; of everything in the zone where there are none."""
    if members:
        return addresses_of(address for member in members for address in member.addresses)
    networks = [interval for subnet in zone.subnets for interval in network_intervals(str(subnet))]
    single = addresses_of(
        [
            *(address for host in zone.hosts for address in host.addresses),
            *(address for device in zone.devices for address in device.addresses),
        ]
    )
    return normalized([*networks, *single])


def addresses_of(addresses: Iterable[Address]) -> Intervals:
    """Single addresses as intervals."""
    numbers = [address_number(str(address)) for address in addresses]
    return normalized((number, number) for number in numbers)


_TOLD = "the network's nodes tell the gateway"
_REASONS = {"snmp-trap": _TOLD, "syslog-udp": _TOLD}


def _field_flows(zone: Zone) -> Iterator[Flow]:
    subnets = normalized(interval for subnet in zone.subnets for interval in network_intervals(str(subnet)))
    for device in zone.devices:
        if device.way is None or device.site not in zone.sites:
            continue  # from another zone a conduit leads to it
        role = subjects.edge_role(device.site)
        gateway = addresses_of(address for host in zone.hosts if role in host.roles for address in host.addresses)
        peers = addresses_of(device.addresses)
        if device.way.is_opened_by_gateway:
            yield _field_flow(zone, device, gateway, peers)
        else:
            listens = addresses_of(_own_addresses(device.way.own_host))
            at = common(gateway, listens) or gateway
            yield _field_flow(zone, device, peers if device.way.peer_hosts else subnets, at)


def _own_addresses(host: str) -> list[Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        return []


def _field_flow(zone: Zone, device: FieldDevice, source: Intervals, target: Intervals) -> Flow:
    way = device.way
    assert way is not None
    reason = _REASONS.get(way.service, "the gateway reads the device" if way.is_opened_by_gateway else "the gateway is asked")
    return Flow(
        id=device.path,
        reason=reason,
        owner="",
        service=way.service,
        source_zone=zone.name,
        target_zone=zone.name,
        source=source,
        target=target,
        ports=(way.ports,),
    )


def flows_by_zone(flows: Iterable[Flow]) -> dict[str, list[Flow]]:
    """The flows that concern each zone."""
    by_zone: dict[str, list[Flow]] = {}
    for flow in flows:
        for zone in dict.fromkeys((flow.source_zone, flow.target_zone)):
            by_zone.setdefault(zone, []).append(flow)
    return by_zone


def permitted_at(host: Host, flows: Iterable[Flow]) -> list[Permitted]:
    """What may pass through a host, in and out; nothing may be forwarded."""
    own = addresses_of(host.addresses)
    result = [
        Permitted(direction="input", box=box(input=LOOPBACK), id=HOST_LOOPBACK),
        Permitted(direction="output", box=box(output=LOOPBACK), id=HOST_LOOPBACK),
    ]
    for family, transport, errors in ((IPV4, ICMP, ICMP_ERRORS), (IPV6, ICMPV6, ICMPV6_ERRORS)):
        if common(own, family):
            about = {"source": family, "target": family, "transport": ((transport, transport),)}
            result += _both_ways(HOST_ERRORS, box(**about, target_port=errors, state=_RELATED))
            if family is IPV6:
                result += _both_ways(HOST_NEIGHBORS, box(**about, target_port=NEIGHBOR_TYPES, hops=((255, 255),)))
                report = box(**about, target_port=LISTENER_REPORT, hops=((1, 1),))
                result.append(Permitted(direction="output", box=report, id=HOST_NEIGHBORS))
    for flow in flows:
        result += _permitted_by(flow, own)
    return result


def _both_ways(name: str, one: Box) -> list[Permitted]:
    return [Permitted(direction="input", box=one, id=name), Permitted(direction="output", box=one, id=name)]


def _permitted_by(flow: Flow, own: Intervals) -> Iterator[Permitted]:
    for opens, replies in packets_of(flow):
        for is_source, source, target in (
            (True, common(flow.source, own), without(flow.target, own)),
            (False, flow.source, common(flow.target, own)),
        ):
            for family in (IPV4, IPV6):
                from_, to = common(source, family), common(target, family)
                if not from_ or not to or not _fits(opens, family):
                    continue
                there = box(source=from_, target=to, **opens)
                yield Permitted(direction="output" if is_source else "input", box=there, id=flow.id)
                if flow.has_replies:
                    back = box(source=to, target=from_, **replies)
                    yield Permitted(direction="input" if is_source else "output", box=back, id=flow.id)


def _fits(fields: dict[str, Intervals], family: Intervals) -> bool:
    number = fields["transport"][0][0]
    return number not in ECHO or (number == ICMP) == (family is IPV4)


def packets_of(flow: Flow) -> Iterator[tuple[dict[str, Intervals], dict[str, Intervals]]]:
    """Fields of the packets that open a flow's connections and go on in them, and of their replies; for each kind of port."""
    for transport in dict.fromkeys(ports.transport for ports in flow.ports):
        if transport == "icmp":
            for number, (request, reply) in ECHO.items():
                kind: Intervals = ((number, number),)
                yield (
                    {"transport": kind, "target_port": ((request, request),), "state": _ORIGINAL},
                    {"transport": kind, "target_port": ((reply, reply),), "state": _REPLY},
                )
        else:
            number = TRANSPORTS[transport]
            kind = ((number, number),)
            there = normalized((ports.first, ports.last) for ports in flow.ports if ports.transport == transport)
            yield (
                {"transport": kind, "target_port": there, "state": _ORIGINAL},
                {"transport": kind, "source_port": there, "state": _REPLY},
            )
