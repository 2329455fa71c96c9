"""What packets get from the subnets of one zone to those of another: through routers and firewalls, their routes and access lists.

Packets are sets (`tieline.security.zones.packets`): what starts in a zone's subnets with an address of them is followed from router to
router, each keeping what its lists let through, until nothing new arrives anywhere. Access lists are looked at as routers do: those for
packets coming in at the interface, then those for packets going out; the first line that fits decides, and behind the last line of a list
everything else is dropped. A router with static routes sends a packet by the longest prefix; of one without, which has its routes from a
protocol, any way is taken to be possible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tieline.config.network import AclEntry, Network, NodeAddress
from tieline.network.segmentation.described import Places, address_port
from tieline.security.zones.packets import (
    ICMP,
    ICMPV6,
    TRANSPORTS,
    Box,
    Field,
    Intervals,
    Packet,
    State,
    box,
    narrowed,
    network_intervals,
    normalized,
    overlaps,
    subtract,
    without,
)

_NEW: Intervals = ((State.NEW, State.NEW),)


@dataclass(frozen=True, slots=True)
class Interface:
    """A router's, in one subnet."""

    router: str
    name: str
    """`vlan11`, or the routed port."""
    subnet: str
    addresses: Intervals
    """Of the whole subnet."""
    own: int
    """The router's address on the line of addresses."""
    zone: str


@dataclass(frozen=True, slots=True)
class Hop:
    """Through one router."""

    into: Interface
    out: Interface


@dataclass(frozen=True, slots=True)
class Delivery:
    """Packets that arrive in a subnet."""

    boxes: tuple[Box, ...]
    hops: tuple[Hop, ...]

    @property
    def zone(self) -> str:
        """Where they arrive."""
        return self.hops[-1].out.zone


@dataclass(frozen=True, slots=True)
class _List:
    entries: tuple[AclEntry, ...]
    boxes: tuple[tuple[Box, ...], ...]
    """Of each entry."""


class Routing:
    """The routers of a network, and what they let through."""

    def __init__(self, network: Network, places: Places) -> None:
        self._network = network
        self._nodes = {node.name: node for node in network.nodes if node.is_router}
        self.interfaces: dict[str, tuple[Interface, ...]] = {
            name: tuple(_interface(name, each, places) for each in node.addresses) for name, node in self._nodes.items()
        }
        self._in_subnet: dict[str, list[Interface]] = {}
        for each in self.every:
            self._in_subnet.setdefault(each.subnet, []).append(each)
        self._lists: dict[tuple[str, str, str], _List] = {}
        self._ways = {name: self._routes(name) for name in self._nodes}

    @property
    def every(self) -> Iterator[Interface]:
        """All interfaces."""
        return (each for interfaces in self.interfaces.values() for each in interfaces)

    @cached_property
    def of_zone(self) -> dict[str, tuple[Interface, ...]]:
        """The interfaces in the subnets of each zone."""
        found: dict[str, list[Interface]] = {}
        for each in self.every:
            if each.zone:
                found.setdefault(each.zone, []).append(each)
        return {zone: tuple(interfaces) for zone, interfaces in found.items()}

    def in_subnet(self, subnet: str) -> Sequence[Interface]:
        """The interfaces in a subnet, which is written like `10.1.0.0/24`."""
        return self._in_subnet.get(subnet, ())

    @cached_property
    def at_port(self) -> dict[str, Interface]:
        """The interfaces by the port of the fabric behind which their address is."""
        return {
            address_port(node, each): interface
            for name, node in self._nodes.items()
            for each, interface in zip(node.addresses, self.interfaces[name], strict=True)
        }

    def entering(self, at: Iterable[Interface], sources: Intervals) -> Iterator[Delivery]:
        """What arrives elsewhere of packets with these source addresses that come in at some interfaces."""
        return self._spread((each, [box(source=sources, state=_NEW)]) for each in at)

    def deliveries(self, zone: str, starting: Sequence[Box] | None = None, *, as_replies: bool = False) -> Iterator[Delivery]:
        """What arrives elsewhere of what a zone sends, or of some of it. As replies: what keeps connections in mind lets all through."""

        def starts() -> Iterator[tuple[Interface, list[Box]]]:
            for interface in self.of_zone.get(zone, ()):
                sent = [box(source=interface.addresses, state=_NEW)]
                yield interface, sent if starting is None else [both for one in starting for both in overlaps(sent, one)]

        return self._spread(starts(), as_replies=as_replies)

    def _spread(self, starts: Iterable[tuple[Interface, list[Box]]], *, as_replies: bool = False) -> Iterator[Delivery]:
        reached: dict[Interface, list[Box]] = {}
        queue: deque[tuple[Interface, list[Box], tuple[Hop, ...]]] = deque((into, boxes, ()) for into, boxes in starts)
        while queue:
            into, boxes, before = queue.popleft()
            boxes = subtract(boxes, reached.get(into, ()))
            if not boxes:
                continue
            reached.setdefault(into, []).extend(boxes)
            for out in self.interfaces[into.router]:
                hops = (*before, Hop(into, out))
                here = self._passed(hops[-1], _narrowed(boxes, out.addresses), as_replies=as_replies) if out != into else []
                if here:
                    yield Delivery(tuple(here), hops)
                # Out where it came in: on to another router of the same subnet.
                for following, targets in self._following(out):
                    left = self._passed(hops[-1], _narrowed(boxes, targets), as_replies=as_replies)
                    if left:
                        queue.append((following, left, hops))

    def deciding(self, hop: Hop, packet: Packet) -> Iterator[tuple[str, AclEntry | None]]:
        """The lines that let a packet through a router: `in` and `out`; None where no list is."""
        for direction, interface in (("in", hop.into), ("out", hop.out)):
            lines = self._list(interface, direction)
            yield (
                direction,
                next(
                    (
                        entry
                        for entry, boxes in zip(lines.entries, lines.boxes, strict=True)
                        if any(packet.is_in(one) for one in boxes)
                    ),
                    None,
                ),
            )

    def is_stateful(self, router: str) -> bool:
        """Whether it lets replies through by itself."""
        return self._nodes[router].model.stateful

    def _routes(self, router: str) -> list[tuple[Intervals, Interface]] | None:
        """Targets and the interface of the router that is next, for static routes; None where there are none."""
        own = self.interfaces[router]
        routes = sorted(
            (route for route in self._network.routes if route.node == router), key=lambda route: -route.target.prefixlen
        )
        if not routes:
            return None
        taken = normalized(interval for each in own for interval in each.addresses)
        found = []
        for route in routes:
            targets = without(network_intervals(str(route.target)), taken)
            taken = normalized([*taken, *targets])
            via = network_intervals(str(route.via))[0][0]
            for each in own:
                if any(first <= via <= last for first, last in each.addresses):
                    found += [(targets, other) for other in self._in_subnet[each.subnet] if other.own == via and other != each]
        return found

    def _following(self, out: Interface) -> Iterator[tuple[Interface, Intervals]]:
        """Routers behind an interface, and the targets for which they are next."""
        ways = self._ways[out.router]
        if ways is not None:
            yield from ((other, targets) for targets, other in ways if other.subnet == out.subnet and targets)
            return
        for other in self._in_subnet[out.subnet]:
            if other.router != out.router:
                behind = normalized(
                    interval for each in self.interfaces[other.router] if each.subnet != out.subnet for interval in each.addresses
                )
                leads_on = any(
                    len(self._in_subnet[each.subnet]) > 1 for each in self.interfaces[other.router] if each.subnet != out.subnet
                )
                yield other, _ANYWHERE if leads_on or self._ways[other.router] is not None else behind

    def _passed(self, hop: Hop, boxes: list[Box], *, as_replies: bool) -> list[Box]:
        if not boxes:
            return boxes
        node = self._nodes[hop.into.router]
        if as_replies and node.model.stateful:
            return boxes
        coming, going = self._list(hop.into, "in"), self._list(hop.out, "out")
        if not coming.entries and not going.entries:
            return [] if self._network.is_denied_by_default(node) else boxes
        return _permitted(going, _permitted(coming, boxes))

    def _list(self, interface: Interface, direction: str) -> _List:
        key = interface.router, interface.name, direction
        found = self._lists.get(key)
        if found is None:
            entries = tuple(
                entry
                for entry in self._network.acls_of.get(interface.router, ())
                if entry.direction == direction and entry.interface in ("", interface.name)
            )
            found = self._lists[key] = _List(entries, tuple(tuple(_boxes(entry)) for entry in entries))
        return found


_ANYWHERE: Intervals = network_intervals("0.0.0.0/0") + network_intervals("::/0")


def _interface(router: str, each: NodeAddress, places: Places) -> Interface:
    return Interface(
        router=router,
        name=f"vlan{each.vlan}" if each.vlan is not None else each.port,
        subnet=str(each.network),
        addresses=network_intervals(str(each.network)),
        own=network_intervals(str(each.address))[0][0],
        zone=places.of_address(each),
    )


def _narrowed(boxes: Iterable[Box], targets: Intervals) -> list[Box]:
    return [one for each in boxes if (one := narrowed(each, Field.TARGET, targets)) is not None]


def _permitted(lines: _List, boxes: list[Box]) -> list[Box]:
    """What an access list lets through; everything where it has no line."""
    if not lines.entries:
        return boxes
    left, permitted = boxes, []
    for entry, fitting in zip(lines.entries, lines.boxes, strict=True):
        hits = [both for one in fitting for both in overlaps(left, one)]
        if hits:
            if entry.action == "permit":
                permitted += hits
            left = subtract(left, fitting)
            if not left:
                break
    return permitted


def _boxes(entry: AclEntry) -> Iterator[Box]:
    sources = normalized(interval for subnet in entry.sources for interval in network_intervals(str(subnet))) or _ANYWHERE
    targets = normalized(interval for subnet in entry.targets for interval in network_intervals(str(subnet))) or _ANYWHERE
    if entry.protocol == "any":
        yield box(source=sources, target=targets)
        return
    numbers = (ICMP, ICMPV6) if entry.protocol == "icmp" else (TRANSPORTS[entry.protocol],)
    ports = normalized((each.first, each.last) for each in entry.ports)
    for number in numbers:
        one = box(source=sources, target=targets, transport=((number, number),))
        field = Field.SOURCE_PORT if entry.is_reply else Field.TARGET_PORT
        both = narrowed(one, field, ports) if ports else one
        if both is not None:
            yield both
