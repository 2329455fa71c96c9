"""Proof that the network lets through what the zones and conduits permit, and nothing else; each difference with a way that shows it.

Leaks in layer 2: somebody at any port of a zone may send any frame, with as many tags as he likes; whatever leaves at a port of another
zone got around every router. Leaks in layer 3: packets from the addresses of a zone that arrive in another one, and that no conduit
permits. Cuts: what a conduit permits and routers drop; and services whose frames do not get from one end to the other, where devices send
as they are meant to.

What is not looked at: forged source addresses, and ports to which the description connects nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from tieline.config.network import Network, Node, Port, Service
from tieline.network.segmentation.described import Places, address_port, fabric_of
from tieline.network.segmentation.fabric import Endpoint, Stack
from tieline.network.segmentation.frames import frame_bytes
from tieline.network.segmentation.routing import Delivery, Interface, Routing
from tieline.network.segmentation.spread import END, FREE, Arrival, deliveries, spread, taken
from tieline.network.segmentation.words import stops, tags_text, way
from tieline.security.zones import Plan
from tieline.security.zones.packet_flows import ECHO, Flow, flows_of
from tieline.security.zones.packets import (
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TRANSPORTS,
    Box,
    Field,
    Intervals,
    Packet,
    State,
    box,
    common,
    narrowed,
    network_intervals,
    normalized,
    overlaps,
    sample,
    subtract,
)

Fault = Literal["frame-leak", "packet-leak", "conduit-cut", "service-cut", "no-zone"]
_NEW: Intervals = ((State.NEW, State.NEW),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationFinding:
    """One difference between what is permitted and what the network does."""

    fault: Fault
    source: str
    """A zone; of a service, the node that sends."""
    target: str
    problem: str
    path: tuple[str, ...] = ()
    """Step by step."""
    port: str = ""
    """Of a frame: the port into which it is sent, for a replay."""
    tags: Stack = ()
    packet: str = ""
    conduit: str = ""
    """Or the service."""

    @property
    def frame(self) -> bytes:
        """The frame, where there is a port for it."""
        return frame_bytes(self.tags) if self.port else b""

    def lines(self) -> Iterator[str]:
        """As it stands in a report: the problem, then the way, indented."""
        yield self.problem
        for step in self.path:
            yield f"  {step}"
        if self.frame:
            yield f"  replay: send {self.frame.hex()} into {self.port}"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def as_json(self) -> dict[str, Any]:
        """Its fields, and the frame in hexadecimal."""
        return {**asdict(self), "frame": self.frame.hex()}


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """What the proof found."""

    findings: tuple[SegmentationFinding, ...]
    zones: tuple[str, ...]
    """Those that have something on the network."""
    devices: int
    not_searched: tuple[str, ...] = ()
    """Zones that were left out because there was too much to say before."""

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings and not self.not_searched

    def lines(self) -> Iterator[str]:
        """The report."""
        if not self.findings:
            yield f"{len(self.zones)} zones with {self.devices} connections are apart but for their conduits, and every service passes"
        for finding in self.findings:
            yield from finding.lines()
        if self.not_searched:
            yield f"not looked at any more: what starts in {', '.join(self.not_searched)}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def prove_segmentation(network: Network, plan: Plan, *, most: int = 200) -> Segmentation:
    """Looks for leaks and cuts; after `most` findings of leaks no further zone is begun."""
    return _Proof(network, plan).run(most)


class _Proof:
    def __init__(self, network: Network, plan: Plan) -> None:
        self._network = network
        self._plan = plan
        self._places = Places(network, plan)
        self._fabric = fabric_of(network, plan)
        self._routing = Routing(network, self._places)
        self._reached: dict[tuple[str, int, Stack], frozenset[str]] = {}
        self._delivered: dict[str, list[Delivery]] = {}

    def run(self, most: int) -> Segmentation:
        starts: dict[str, dict[str, Endpoint]] = {}
        for endpoint in self._fabric.endpoints:
            if endpoint.zone and not endpoint.is_own:
                starts.setdefault(endpoint.zone, {}).setdefault(endpoint.port, endpoint)
        findings = [*self._without_zone()]
        left_out = []
        zones = [zone.name for zone in self._plan.zones if zone.name in starts or zone.name in self._routing.of_zone]
        for zone in zones:
            if len(findings) >= most:
                left_out.append(zone)
                continue
            entries: dict[Interface, Arrival] = {}
            findings += self._frame_leaks(zone, starts.get(zone, {}), entries)
            findings += self._packet_leaks(zone)
            findings += self._packet_leaks_between(
                zone, entries, {finding.target for finding in findings if finding.source == zone}
            )
        findings += self._conduit_cuts()
        for service in self._network.services:
            findings += self._service_cuts(service)
        return Segmentation(
            findings=tuple(findings), zones=tuple(zones), devices=sum(map(len, starts.values())), not_searched=tuple(left_out)
        )

    def _without_zone(self) -> Iterator[SegmentationFinding]:
        for endpoint in self._fabric.endpoints:
            if not endpoint.zone and not endpoint.is_own:
                yield SegmentationFinding(
                    fault="no-zone",
                    source=endpoint.device,
                    target="",
                    problem=f"{endpoint.device} at {endpoint.port} is in no zone: its addresses, VLANs and site are in none",
                )

    # layer 2

    def _frame_leaks(
        self, zone: str, starts: dict[str, Endpoint], entries: dict[Interface, Arrival]
    ) -> Iterator[SegmentationFinding]:
        """Notes in `entries` the routers' interfaces in no zone that frames get to."""
        found: dict[str, tuple[Arrival, Endpoint]] = {}
        for arrival in spread(self._fabric, [(port, (), FREE) for port in starts]):
            for endpoint in self._who_has(arrival):
                if not endpoint.zone and endpoint.port in self._routing.at_port:
                    entries.setdefault(self._routing.at_port[endpoint.port], arrival)
                if endpoint.zone in ("", zone):
                    continue
                known = found.get(endpoint.zone)
                if known is None or (known[1].is_own and not endpoint.is_own):
                    found[endpoint.zone] = arrival, endpoint
        for target_zone, (arrival, endpoint) in found.items():
            sender = starts[arrival.start]
            target = f"{endpoint.device} itself" if endpoint.is_own else endpoint.device
            frame = arrival.frame
            yield SegmentationFinding(
                fault="frame-leak",
                source=zone,
                target=target_zone,
                problem=f"zone {zone} reaches zone {target_zone} past every router: {sender.device} ({arrival.start}) "
                f"reaches {target} ({endpoint.port}) with a frame {tags_text(frame)}",
                path=tuple(way(self._fabric, arrival, sender=sender.device, target=target)),
                port=arrival.start,
                tags=frame,
            )

    def _who_has(self, arrival: Arrival) -> Iterator[Endpoint]:
        """Whom a frame is for that leaves at a port: of a device in several zones, the one of its tag."""
        there = self._fabric.endpoints_of.get(arrival.port, ())
        top = arrival.known[0] if arrival.known else None
        meant = [endpoint for endpoint in there if endpoint.tag is not None and endpoint.tag == top]
        devices = {endpoint.device for endpoint in meant}
        yield from meant
        yield from (endpoint for endpoint in there if endpoint.tag is None and endpoint.device not in devices)

    # layer 3

    def _all_from(self, zone: str) -> list[Delivery]:
        if zone not in self._delivered:
            self._delivered[zone] = [one for one in self._routing.deliveries(zone) if one.zone not in ("", zone)]
        return self._delivered[zone]

    def _packet_leaks(self, zone: str) -> Iterator[SegmentationFinding]:
        found: set[str] = set()
        for delivery in self._all_from(zone):
            if delivery.zone in found:
                continue
            beyond = subtract(delivery.boxes, self._permitted(zone, delivery.zone))
            if not beyond:
                continue
            found.add(delivery.zone)
            packet = sample(beyond[0])
            yield SegmentationFinding(
                fault="packet-leak",
                source=zone,
                target=delivery.zone,
                problem=f"zone {zone} reaches zone {delivery.zone} with packets that no conduit permits: {_packet_text(packet)}",
                path=tuple(self._packet_way(delivery, packet)),
                packet=_packet_text(packet),
            )

    def _packet_leaks_between(
        self, zone: str, entries: Mapping[Interface, Arrival], known: Collection[str]
    ) -> Iterator[SegmentationFinding]:
        """What gets from a zone into a subnet between routers, which are in no zone, and on from there."""
        sources = normalized(
            interval
            for one in self._plan.zones
            if one.name == zone
            for subnet in one.subnets
            for interval in network_intervals(str(subnet))
        )
        told = set(known)
        for delivery in self._routing.entering(entries, sources) if entries and sources else ():
            beyond = subtract(delivery.boxes, self._permitted(zone, delivery.zone))
            if delivery.zone in ("", zone, *told) or not beyond:
                continue
            told.add(delivery.zone)
            packet, arrival = sample(beyond[0]), entries[delivery.hops[0].into]
            router = f"{delivery.hops[0].into.router} itself"
            sender = next(iter(self._fabric.endpoints_of[arrival.start])).device
            yield SegmentationFinding(
                fault="packet-leak",
                source=zone,
                target=delivery.zone,
                problem=f"zone {zone} gets between the routers, and from there to zone {delivery.zone} with packets that no conduit "
                f"permits: {_packet_text(packet)}",
                path=(*way(self._fabric, arrival, sender=sender, target=router), *self._packet_way(delivery, packet)),
                port=arrival.start,
                tags=arrival.frame,
                packet=_packet_text(packet),
            )

    def _packet_way(self, delivery: Delivery, packet: Packet) -> Iterator[str]:
        for hop in delivery.hops:
            yield f"{hop.into.router} takes it at {hop.into.name} ({hop.into.subnet}) and routes it to {hop.out.name} ({hop.out.subnet})"
            for direction, entry in self._routing.deciding(hop, packet):
                if entry is not None:
                    yield f"  acls.csv, line {entry.line}, {direction} {entry.interface or 'everywhere'}, lets it through"
        yield f"it arrives in {delivery.hops[-1].out.subnet}, zone {delivery.zone}"

    def _permitted(self, source: str, target: str) -> list[Box]:
        permitted: list[Box] = []
        for flow in self._flows.get((source, target), ()):
            permitted += _openings(flow)
        for flow in self._flows.get((target, source), ()):
            if flow.has_replies:
                permitted += map(_turned, _openings(flow))
        return permitted

    @cached_property
    def _flows(self) -> dict[tuple[str, str], list[Flow]]:
        """The conduits' flows, by source and target."""
        found: dict[tuple[str, str], list[Flow]] = {}
        for flow in flows_of(self._plan):
            if flow.is_conduit:
                found.setdefault((flow.source_zone, flow.target_zone), []).append(flow)
        return found

    def _conduit_cuts(self) -> Iterator[SegmentationFinding]:
        for (source, target), flows in self._flows.items():
            ends = self._routing.of_zone.get(source, ()), self._routing.of_zone.get(target, ())
            if source == target or not all(ends):
                continue
            arrived = [one for delivery in self._all_from(source) if delivery.zone == target for one in delivery.boxes]
            for flow in flows:
                for opening in (one for whole in _openings(flow) for one in _between(whole, *ends)):
                    passing = overlaps(arrived, opening)
                    missing = subtract([opening], [self._widened(flow, one, opening) for one in passing])
                    if missing:
                        yield _conduit_cut(flow, "opens", missing)
                        break
                    back = [_turned(one) for one in passing]
                    if flow.has_replies and (missing := subtract(back, self._answers(target, source, back))):
                        yield _conduit_cut(flow, "answers", missing)
                        break

    def _widened(self, flow: Flow, passing: Box, opening: Box) -> Box:
        """With every address of a side that the conduit names no members of: lists may be closer than the conduit there."""
        conduit = next(one for one in self._plan.conduits if one.id == flow.id)
        whole = list(passing)
        if not conduit.source_members:
            whole[Field.SOURCE] = opening[Field.SOURCE]
        if not conduit.target_members:
            whole[Field.TARGET] = opening[Field.TARGET]
        return tuple(whole)

    def _answers(self, source: str, target: str, replies: Sequence[Box]) -> list[Box]:
        back = self._routing.deliveries(source, replies, as_replies=True)
        return [one for delivery in back if delivery.zone == target for one in delivery.boxes]

    # services

    def _service_cuts(self, service: Service) -> Iterator[SegmentationFinding]:
        for name in service.sources:
            node = self._network.by_name[name]
            if service.vlan is not None:
                for target in service.targets:
                    if target != name and not self._is_heard(node, self._network.by_name[target], service.vlan):
                        problem = f"frames of VLAN {service.vlan} from {name} do not get to {target}"
                        yield self._cut(service, name, target, problem, service.vlan)
        if service.vlan is None:
            for name in dict.fromkeys((*service.sources, *service.targets)):
                node = self._network.by_name[name]
                if not node.is_router and not self._has_gateway(node):
                    others = service.targets if name in service.sources else service.sources
                    if not self._are_neighbors(node, others):
                        yield self._cut(service, name, others[0], f"frames of {name} get to no router of its subnets", None)

    def _cut(self, service: Service, source: str, target: str, problem: str, vlan: int | None) -> SegmentationFinding:
        sent = self._sent(self._network.by_name[source], vlan)
        return SegmentationFinding(
            fault="service-cut",
            source=source,
            target=target,
            problem=f"service {service.name} cannot pass: {problem}",
            path=tuple(dict.fromkeys(line for port, stack in sent for line in stops(self._fabric, source, port, stack))),
            port=sent[0][0] if sent else "",
            tags=sent[0][1] if sent else (),
            conduit=service.name,
        )

    def _sent(self, node: Node, vlan: int | None) -> list[tuple[str, Stack]]:
        """The ports of the fabric into which a device sends frames of a VLAN, and their tags."""
        if node.is_bridge:
            return [(address_port(node, each), ()) for each in node.addresses if vlan is None or each.vlan == vlan]
        found: list[tuple[str, Stack]] = []
        for endpoint in self._own.get(node.name, ()):
            port = self._behind.get((node.name, endpoint.port))
            is_tagged = vlan is not None and port is not None and vlan in port.tagged
            found.append((endpoint.port, (vlan,) if is_tagged and vlan is not None else ()))
        return found

    @cached_property
    def _own(self) -> dict[str, list[Endpoint]]:
        """Where each device is attached."""
        found: dict[str, list[Endpoint]] = {}
        for endpoint in self._fabric.endpoints:
            if endpoint.tag is None:
                found.setdefault(endpoint.device, []).append(endpoint)
        return found

    @cached_property
    def _behind(self) -> dict[tuple[str, str], Port]:
        """The port of a device that is plugged into a port of the fabric."""
        return {
            (near.node, f"{far.node}/{far.lag}" if far.lag else far.path): near
            for link in self._network.links
            for near, far in ((link.a, link.b), (link.b, link.a))
        }

    def _heard_from(self, port: str, stack: Stack) -> frozenset[str]:
        """The ports at which a frame leaves, and its own where others of its VLAN leave there: all of a VLAN in a switch share this."""
        start = self._fabric.by_name[port]
        held = next(taken(self._fabric, start, stack, END), None)
        if held is None:
            return frozenset()
        key = start.bridge, held.vlan, held.known
        if key not in self._reached:
            itself = {port} if held.vlan in start.members else set[str]()
            self._reached[key] = frozenset(itself.union(out for out, _ in deliveries(self._fabric, port, stack)))
        return self._reached[key]

    def _is_heard(self, node: Node, target: Node, vlan: int | None) -> bool:
        at = {endpoint.port for endpoint in self._own.get(target.name, ())}
        sent = self._sent(node, vlan)
        return any(port in at or at & self._heard_from(port, stack) for port, stack in sent)

    def _has_gateway(self, node: Node) -> bool:
        return any(
            self._is_heard_inside(node, each.vlan, self._network.by_name[interface.router], interface)
            for each in node.addresses
            for interface in self._routing.in_subnet(str(each.network))
        )

    def _is_heard_inside(self, node: Node, vlan: int | None, router: Node, interface: Interface) -> bool:
        inside = {address_port(router, each) for each in router.addresses if str(each.network) == interface.subnet}
        if not router.is_bridge:
            inside = {endpoint.port for endpoint in self._own.get(router.name, ())}
        return any(inside & self._heard_from(port, stack) for port, stack in self._sent(node, vlan))

    def _are_neighbors(self, node: Node, others: Sequence[str]) -> bool:
        """Whether it needs no router: the others are in its subnets, and hear it."""
        subnets = {each.network: each.vlan for each in node.addresses}
        for name in others:
            other = self._network.by_name[name]
            shared = [each.network for each in other.addresses if each.network in subnets]
            if node.addresses and other.addresses and not shared:
                return False
            if not self._is_heard(node, other, subnets[shared[0]] if shared else None):
                return False
        return True


def _conduit_cut(flow: Flow, what: str, missing: Sequence[Box]) -> SegmentationFinding:
    packet = _packet_text(sample(missing[0]))
    return SegmentationFinding(
        fault="conduit-cut",
        source=flow.source_zone,
        target=flow.target_zone,
        problem=f"conduit {flow.id} cannot be used: no router lets through what {what} a connection, for example {packet}",
        packet=packet,
        conduit=flow.id,
    )


def _between(opening: Box, sources: Sequence[Interface], targets: Sequence[Interface]) -> Iterator[Box]:
    from_ = normalized(interval for each in sources for interval in each.addresses)
    to = normalized(interval for each in targets for interval in each.addresses)
    one = narrowed(opening, Field.SOURCE, from_)
    both = narrowed(one, Field.TARGET, to) if one is not None else None
    if both is not None:
        yield both


def _openings(flow: Flow) -> Iterator[Box]:
    for transport in dict.fromkeys(ports.transport for ports in flow.ports):
        numbers = normalized((ports.first, ports.last) for ports in flow.ports if ports.transport == transport)
        for family in (IPV4, IPV6):
            source, target = common(flow.source, family), common(flow.target, family)
            if not source or not target:
                continue
            if transport == "icmp":
                number = ICMP if family is IPV4 else ICMPV6
                types: Intervals = ((ECHO[number][0], ECHO[number][0]),)
                yield box(source=source, target=target, transport=((number, number),), target_port=types, state=_NEW)
            else:
                number = TRANSPORTS[transport]
                yield box(source=source, target=target, transport=((number, number),), target_port=numbers, state=_NEW)


def _turned(one: Box) -> Box:
    """The replies: of an echo request the echo reply, otherwise from the port where the target listens."""
    turned = list(one)
    turned[Field.SOURCE], turned[Field.TARGET] = one[Field.TARGET], one[Field.SOURCE]
    turned[Field.SOURCE_PORT], turned[Field.TARGET_PORT] = one[Field.TARGET_PORT], one[Field.SOURCE_PORT]
    number = one[Field.TRANSPORT][0][0]
    if number in ECHO:
        turned[Field.SOURCE_PORT] = one[Field.SOURCE_PORT]
        turned[Field.TARGET_PORT] = ((ECHO[number][1], ECHO[number][1]),)
    return tuple(turned)


def _packet_text(packet: Packet) -> str:
    return str(packet).removesuffix(", new")
