"""Sets of packets, exactly: what a rule matches, what a firewall lets through, and the differences between them.

A set is a list of boxes. A box gives each field of a packet the values that it may have, as sorted disjoint intervals of integers,
and holds every combination of them. Boxes of a list may overlap. Addresses of both families stand on one line of integers, IPv4 first;
the name of an interface is its 15 octets as a number, so that `eth*` is an interval as well.

Transports without ports have none to compare: ICMP and ICMPv6 keep their message type in `TARGET_PORT`.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

Interval = tuple[int, int]
"""First and last value, both included."""
Intervals = tuple[Interval, ...]
"""Sorted, disjoint, not adjacent; empty for no value at all."""
Box = tuple[Intervals, ...]
"""One `Intervals` for each `Field`, none of them empty."""


class Field(IntEnum):
    """What tells packets apart, in the order of a box."""

    INPUT = 0
    """The interface by which it came."""
    OUTPUT = 1
    """The interface by which it leaves."""
    SOURCE = 2
    TARGET = 3
    TRANSPORT = 4
    """The protocol number of the Internet header."""
    SOURCE_PORT = 5
    TARGET_PORT = 6
    STATE = 7
    HOPS = 8
    """Hop limit or time to live."""


class State(IntEnum):
    """What connection tracking says of a packet (`ct state` and `ct direction` in one)."""

    NEW = 0
    ESTABLISHED = 1
    """Of a connection that was answered, from who opened it."""
    ESTABLISHED_REPLY = 2
    """Of a connection, from who was asked."""
    RELATED = 3
    RELATED_REPLY = 4
    INVALID = 5
    UNTRACKED = 6


TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
WITH_PORTS: Intervals = ((6, 6), (17, 17), (33, 33), (132, 132), (136, 136))
"""TCP, UDP, DCCP, SCTP, UDP-Lite."""
TRANSPORTS = {
    "tcp": TCP,
    "udp": UDP,
    "icmp": ICMP,
    "icmpv6": ICMPV6,
    "ipv6-icmp": ICMPV6,
    "dccp": 33,
    "sctp": 132,
    "udplite": 136,
}
TRANSPORTS |= {"esp": 50, "ah": 51, "gre": 47, "igmp": 2, "ospf": 89, "vrrp": 112, "pim": 103}
_NAMES = {number: name for name, number in reversed(TRANSPORTS.items())}

IPV4: Intervals = ((0, 2**32 - 1),)
_SIX = 2**32
IPV6: Intervals = ((_SIX, _SIX + 2**128 - 1),)
ANY_ADDRESS: Intervals = ((0, _SIX + 2**128 - 1),)
ANY_PORT: Intervals = ((0, 65_535),)
ANY_OCTET: Intervals = ((0, 255),)
ANY_STATE: Intervals = ((State.NEW, State.UNTRACKED),)
_NAME_OCTETS = 15
ANY_INTERFACE: Intervals = ((0, 2 ** (8 * _NAME_OCTETS) - 1),)

ANYTHING: Box = (
    ANY_INTERFACE,
    ANY_INTERFACE,
    ANY_ADDRESS,
    ANY_ADDRESS,
    ANY_OCTET,
    ANY_PORT,
    ANY_PORT,
    ANY_STATE,
    ANY_OCTET,
)
"""With packets that cannot be: from an address of one family to one of the other."""


def normalized(intervals: Iterable[Interval]) -> Intervals:
    """The same values, sorted, without overlaps and gaps of no width."""
    result: list[Interval] = []
    for first, last in sorted(intervals):
        if first > last:
            continue
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


def common(a: Intervals, b: Intervals) -> Intervals:
    """The values that are in both."""
    if a is b or a == b:
        return a
    if len(a) > 8 * len(b):
        a, b = b, a
    if len(b) > 8 * len(a):
        return _few_in_many(a, b)
    result: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        first, last = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if first <= last:
            result.append((first, last))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def _few_in_many(few: Intervals, many: Intervals) -> Intervals:
    result: list[Interval] = []
    for first, last in few:
        position = bisect_left(many, (first, first))
        if position and many[position - 1][1] >= first:
            position -= 1
        while position < len(many) and many[position][0] <= last:
            result.append((max(first, many[position][0]), min(last, many[position][1])))
            position += 1
    return tuple(result)


def without(a: Intervals, b: Intervals) -> Intervals:
    """The values of `a` that are not in `b`."""
    overlaps = common(b, a)
    if not overlaps:
        return a
    result: list[Interval] = []
    position = 0
    for first, last in a:
        start = first
        while position < len(overlaps) and overlaps[position][0] <= last:
            if overlaps[position][0] > start:
                result.append((start, overlaps[position][0] - 1))
            start = overlaps[position][1] + 1
            position += 1
        if start <= last:
            result.append((start, last))
    return tuple(result)


def includes(intervals: Intervals, value: int) -> bool:
    """Whether the value is one of these."""
    position = bisect_left(intervals, (value + 1, value + 1)) - 1
    return position >= 0 and intervals[position][1] >= value


def box(**fields: Intervals) -> Box:
    """A box of these fields by name in lower case, `target_port=((22, 22),)`; any other field has any value."""
    values = {Field[name.upper()]: value for name, value in fields.items()}
    return tuple(values.get(field, ANYTHING[field]) for field in Field)


def narrowed(one: Box, field: Field, values: Intervals) -> Box | None:
    """The packets of the box that have one of these values in the field; None for no packet."""
    both = common(one[field], values)
    return (*one[:field], both, *one[field + 1 :]) if both else None


def overlap(a: Box, b: Box) -> Box | None:
    """The packets that are in both; None for no packet."""
    result = []
    for one, other in zip(a, b, strict=True):
        both = common(one, other)
        if not both:
            return None
        result.append(both)
    return tuple(result)


def overlaps(boxes: Iterable[Box], other: Box) -> list[Box]:
    """The packets of the boxes that are in the other one."""
    return [both for one in boxes if (both := overlap(one, other)) is not None]


def subtract(boxes: Iterable[Box], minus: Iterable[Box]) -> list[Box]:
    """The packets that are in one of the boxes and in none of the others; the pieces of one box do not overlap."""
    left = list(boxes)
    for other in minus:
        if not left:
            break
        left = [piece for one in left for piece in _pieces(one, other)]
    return left


def _pieces(one: Box, other: Box) -> Iterator[Box]:
    both = overlap(one, other)
    if both is None:
        yield one
        return
    rest = list(one)
    for field, kept in enumerate(both):
        outside = without(rest[field], kept)
        if outside:
            yield (*rest[:field], outside, *rest[field + 1 :])
        rest[field] = kept


def merged(boxes: Iterable[Box]) -> list[Box]:
    """The same packets in fewer boxes: those that differ in one field only become one."""
    left = list(dict.fromkeys(boxes))
    for field in (Field.SOURCE, Field.TARGET, Field.SOURCE_PORT, Field.TARGET_PORT, Field.STATE, Field.TRANSPORT):
        alike: dict[tuple[Intervals, ...], list[Interval]] = {}
        for one in left:
            alike.setdefault((*one[:field], *one[field + 1 :]), []).extend(one[field])
        left = [(*rest[:field], normalized(values), *rest[field:]) for rest, values in alike.items()]
    return left


def is_within(one: Box, boxes: Sequence[Box]) -> bool:
    """Whether every packet of the box is in one of the others."""
    return not subtract([one], boxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet, as connection tracking of a host sees it."""

    input: int
    output: int
    source: int
    target: int
    transport: int
    source_port: int
    target_port: int
    state: State
    hops: int

    @property
    def values(self) -> tuple[int, ...]:
        """In the order of `Field`."""
        return (
            self.input,
            self.output,
            self.source,
            self.target,
            self.transport,
            self.source_port,
            self.target_port,
            self.state,
            self.hops,
        )

    def is_in(self, one: Box) -> bool:
        """Whether it is one of the box's packets."""
        return all(includes(values, value) for values, value in zip(one, self.values, strict=True))

    def __str__(self) -> str:
        transport = _NAMES.get(self.transport, f"protocol {self.transport}")
        source, target = address_text(self.source), address_text(self.target)
        if self.transport in {ICMP, ICMPV6}:
            text = f"{transport} type {self.target_port} {source} -> {target}"
        elif includes(WITH_PORTS, self.transport):
            text = f"{transport} {_with_port(source, self.source_port)} -> {_with_port(target, self.target_port)}"
        else:
            text = f"{transport} {source} -> {target}"
        return f"{text}, {_STATE_WORDS[self.state]}"


_STATE_WORDS = {
    State.NEW: "new",
    State.ESTABLISHED: "established",
    State.ESTABLISHED_REPLY: "established, a reply",
    State.RELATED: "related",
    State.RELATED_REPLY: "related, a reply",
    State.INVALID: "invalid",
    State.UNTRACKED: "untracked",
}


def sample(one: Box) -> Packet:
    """A packet of the box, always the same, of the kind that people expect where there is a choice."""
    first = [values[0][0] for values in one]
    for field in (Field.SOURCE, Field.TARGET):  # the first address of a subnet is no host's
        start, end = one[field][0]
        first[field] += end > start
    for field, wanted in (
        (Field.INPUT, interface_number("eth0")),
        (Field.OUTPUT, interface_number("eth0")),
        (Field.TRANSPORT, TCP),
        (Field.SOURCE_PORT, 49_152),
        (Field.TARGET_PORT, 22),
        (Field.HOPS, 64),
    ):
        if includes(one[field], wanted):
            first[field] = wanted
    return Packet(
        input=first[Field.INPUT],
        output=first[Field.OUTPUT],
        source=first[Field.SOURCE],
        target=first[Field.TARGET],
        transport=first[Field.TRANSPORT],
        source_port=first[Field.SOURCE_PORT],
        target_port=first[Field.TARGET_PORT],
        state=State(first[Field.STATE]),
        hops=first[Field.HOPS],
    )


def address_number(text: str) -> int:
    """Where an address stands on the line. Raises `ValueError` where the text is none."""
    address = ipaddress.ip_address(text)
    return int(address) if address.version == 4 else _SIX + int(address)


def address_text(number: int) -> str:
    """The address that stands there."""
    return str(ipaddress.IPv4Address(number) if number < _SIX else ipaddress.IPv6Address(number - _SIX))


def network_intervals(text: str) -> Intervals:
    """The addresses of `10.1.0.0/24`, of `10.1.0.2`, or of `10.1.0.2-10.1.0.9`. Raises `ValueError` where the text is none of these."""
    if "-" in text:
        first, last = map(address_number, text.split("-", 1))
        if first > last or (first < _SIX) != (last < _SIX):
            raise ValueError(f"{text!r} is no range of addresses")
        return ((first, last),)
    network = ipaddress.ip_network(text, strict=False)
    start = address_number(str(network.network_address))
    return ((start, start + network.num_addresses - 1),)


def interface_intervals(text: str) -> Intervals:
    """The interface of this name, or those whose names begin so: `eth*`."""
    if text.endswith("*"):
        prefix = text[:-1].encode()
        rest = 8 * (_NAME_OCTETS - len(prefix))
        start = int.from_bytes(prefix) << rest
        return ((start, start + 2**rest - 1),)
    number = interface_number(text)
    return ((number, number),)


def interface_number(name: str) -> int:
    """The name's octets as a number."""
    return int.from_bytes(name.encode()[:_NAME_OCTETS].ljust(_NAME_OCTETS, b"\0"))


def interface_text(number: int) -> str:
    """The name of an interface; a neighbor of the others where the number is no name that one would give."""
    text = number.to_bytes(_NAME_OCTETS).rstrip(b"\0")
    return text.decode() if text.isalnum() else "another interface"


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


LOOPBACK = interface_intervals("lo")
NOT_LOOPBACK = without(ANY_INTERFACE, LOOPBACK)
POSSIBLE: tuple[Box, Box] = (box(source=IPV4, target=IPV4), box(source=IPV6, target=IPV6))
"""Every packet that can be: both addresses of one family."""
