"""The firewall of a host as an nftables script, made from the plan.

One table of its own, deleted and made anew in one transaction: there is no moment without rules and none with half of them. Every base
chain drops what no rule accepts. Every accepting rule has a named counter and a comment with the conduit's id and reason; drops are
counted and, at a limited rate, logged. The same folder gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal

from tieline.config.services import Ports
from tieline.security.zones.packet_flows import (
    HOST_ERRORS,
    HOST_LOOPBACK,
    HOST_NEIGHBORS,
    Flow,
    addresses_of,
)
from tieline.security.zones.packets import IPV4, IPV6, Intervals, address_text, common, normalized, without
from tieline.security.zones.plan import Host

FAMILY = "inet"
TABLE = "tieline"
Chain = Literal["input", "output", "forward"]
CHAINS: tuple[Chain, ...] = ("input", "output", "forward")
MOST_COMMENT_OCTETS = 120
"""Of the 128 that the kernel's user data has room for (NFTNL_UDATA_COMMENT_MAXLEN)."""
_MOST_ID_OCTETS = 90
_LIFE_REASONS = {
    HOST_LOOPBACK: "roles of this host talk to each other",
    HOST_ERRORS: "errors about connections of its own",
    HOST_NEIGHBORS: "IPv6 finds the neighbors on the link",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """An accepting rule."""

    chain: Chain
    match: str
    flow: str
    reason: str

    @property
    def counter(self) -> str:
        return counter_name(self.chain, self.flow)

    def __str__(self) -> str:
        return f'{self.match} counter name {self.counter} accept comment "{comment_of(self.flow, self.reason)}"'


def render(utility: str, host: Host, flows: Iterable[Flow]) -> str:
    """The script of a host; `flows` are those of its zone. Loaded by `nft -f`."""
    own = addresses_of(host.addresses)
    accepting = [*_life(own), *(line for flow in flows for line in _lines(flow, own))]
    counters = dict.fromkeys([*(f"{chain}.denied" for chain in CHAINS), *(line.counter for line in accepting)])
    lines = [
        "#!/usr/sbin/nft -f",
        f"# Firewall of host {host.name} in zone {host.zone} of {_plain(utility)}, made by `tieline zones render`; do not edit.",
        f"add table {FAMILY} {TABLE}",
        f"delete table {FAMILY} {TABLE}",
        f"table {FAMILY} {TABLE} {{",
        *(f"\tcounter {name} {{\n\t}}" for name in counters),
        *(text for chain in CHAINS for text in _chain(chain, [line for line in accepting if line.chain == chain])),
        "}",
    ]
    return "\n".join(lines) + "\n"


def counter_name(chain: str, flow: str) -> str:
    """The counter of a flow in a chain: `input.northgate-dmz-bus`."""
    return f"{chain}.{label(flow)}"


def label(flow: str) -> str:
    """The id as counters and comments have it: shortened, and told apart by a hash, where there is no room for all of it."""
    if len(flow.encode()) <= _MOST_ID_OCTETS:
        return flow
    return f"{flow[: _MOST_ID_OCTETS - 10]}_{hashlib.sha256(flow.encode()).hexdigest()[:9]}"


def comment_of(flow: str, reason: str) -> str:
    """The comment of a flow's rules: its id, and as much of the reason as there is room for."""
    text = f"{label(flow)}: {_plain(reason)}"
    octets = text.encode()
    if len(octets) <= MOST_COMMENT_OCTETS:
        return text
    return octets[: MOST_COMMENT_OCTETS - 3].decode(errors="ignore").rstrip() + "..."


def id_in(comment: str) -> str:
    """The id that a comment begins with, as `label` has it."""
    return comment.partition(":")[0]


def _plain(text: str) -> str:
    """Without what could end a string or a line: nft knows no escapes within quotes."""
    return "".join(" " if not letter.isprintable() else letter for letter in text).replace('"', "'").replace("\\", "/").strip()


def _chain(name: str, accepting: Sequence[_Line]) -> list[str]:
    return [
        f"\tchain {name} {{",
        f"\t\ttype filter hook {name} priority filter; policy drop;",
        *(f"\t\t{line}" for line in accepting),
        f'\t\tlimit rate 10/second burst 20 packets log prefix "{TABLE} {name} drop: "',
        f"\t\tcounter name {name}.denied",
        "\t}",
    ]


def _life(own: Intervals) -> Iterator[_Line]:
    yield _living("input", 'iifname "lo"', HOST_LOOPBACK)
    yield _living("output", 'oifname "lo"', HOST_LOOPBACK)
    both: tuple[Chain, Chain] = ("input", "output")
    for chain in both:
        if common(own, IPV4):
            errors = "icmp type { destination-unreachable, time-exceeded, parameter-problem }"
            yield _living(chain, f"{errors} ct state related", HOST_ERRORS)
        if common(own, IPV6):
            errors = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }"
            yield _living(chain, f"{errors} ct state related", HOST_ERRORS)
            neighbors = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255"
            yield _living(chain, neighbors, HOST_NEIGHBORS)
    if common(own, IPV6):
        yield _living("output", "icmpv6 type mld2-listener-report ip6 hoplimit 1", HOST_NEIGHBORS)


def _living(chain: Chain, match: str, flow: str) -> _Line:
    return _Line(chain, match, flow, _LIFE_REASONS[flow])


def _lines(flow: Flow, own: Intervals) -> Iterator[_Line]:
    ends: tuple[tuple[Chain, Chain, Intervals, Intervals], ...] = (
        ("output", "input", common(flow.source, own), without(flow.target, own)),
        ("input", "output", flow.source, common(flow.target, own)),
    )
    for there, back, source, target in ends:
        for word, family in (("ip", IPV4), ("ip6", IPV6)):
            from_, to = common(source, family), common(target, family)
            if not from_ or not to:
                continue
            opens = f"{word} saddr {_addresses(from_)} {word} daddr {_addresses(to)}"
            replies = f"{word} saddr {_addresses(to)} {word} daddr {_addresses(from_)}"
            for asked, answered in _services(flow.ports, word):
                yield _Line(there, f"{opens} {asked} ct state new,established ct direction original", flow.id, flow.reason)
                if flow.has_replies:
                    yield _Line(back, f"{replies} {answered} ct state established ct direction reply", flow.id, flow.reason)


def _services(ports: tuple[Ports, ...], family: str) -> Iterator[tuple[str, str]]:
    """The matches of what is asked and of what is answered, for each transport."""
    for transport in dict.fromkeys(one.transport for one in ports):
        if transport == "icmp":
            protocol = "icmp" if family == "ip" else "icmpv6"
            yield f"{protocol} type echo-request", f"{protocol} type echo-reply"
        else:
            numbers = normalized((one.first, one.last) for one in ports if one.transport == transport)
            listening = _set([str(first) if first == last else f"{first}-{last}" for first, last in numbers])
            yield f"{transport} dport {listening}", f"{transport} sport {listening}"


def _addresses(intervals: Intervals) -> str:
    return _set([address_range(first, last) for first, last in intervals])


def address_range(first: int, last: int) -> str:
    """An address, a prefix where the addresses are one, otherwise the first and the last."""
    start, end = address_text(first), address_text(last)
    if first == last:
        return start
    network = ip_network(f"{start}/{ip_address(start).max_prefixlen - (last - first).bit_length()}", strict=False)
    is_prefix = (str(network.network_address), str(network.broadcast_address)) == (start, end)
    return str(network) if is_prefix else f"{start}-{end}"


def _set(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else "{ " + ", ".join(elements) + " }"
