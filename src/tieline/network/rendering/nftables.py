"""The access lists of a router as an nftables script: one table of its own, made anew in one transaction.

A chain for each access list: the first line that fits returns or drops, and behind the last line everything is dropped. The base chain asks
the list of the interface where a packet comes in, then that of the one where it goes out, and accepts what both let through. Comments carry
the conduit's id, as those of the hosts' firewalls do; every line and every drop is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from tieline.config.network import Subnet
from tieline.network.rendering.access_lists import AccessList, Line
from tieline.network.rendering.device import Device
from tieline.network.rendering.words import one_line
from tieline.security.zones.nftables import FAMILY, comment_of

TABLE = "tieline_network"
"""Beside the table of the host's own firewall."""


def render(device: Device, named: Callable[[str], str]) -> str:
    """The script, for `nft -f`; `named` gives the name of a port's interface."""
    lines = [
        "#!/usr/sbin/nft -f",
        f"# Access lists of {device.node.name} in {one_line(device.utility)}, made by `tieline network render`; do not edit.",
        f"add table {FAMILY} {TABLE}",
        f"delete table {FAMILY} {TABLE}",
        f"table {FAMILY} {TABLE} {{",
        *(text for each in device.lists for text in _list(each)),
        *_base(device, named),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _base(device: Device, named: Callable[[str], str]) -> Iterator[str]:
    yield "\tchain forward {"
    yield "\t\ttype filter hook forward priority filter; policy drop;"
    if device.node.model.stateful:
        yield '\t\tct state established,related counter accept comment "replies"'
        yield '\t\tct state invalid counter drop comment "belongs to no connection"'
    for each in device.lists:
        word = "iifname" if each.direction == "in" else "oifname"
        yield f"\t\t{word} {_set([_quoted(named(name)) for name in each.interfaces])} jump {each.name}"
    if device.is_denied_by_default:
        without = {
            direction: [
                interface.name
                for interface in device.interfaces
                if not any(interface.name in each.interfaces for each in device.lists if each.direction == direction)
            ]
            for direction in ("in", "out")
        }
        if without["in"] and without["out"]:
            into, out = (_set([_quoted(named(name)) for name in without[direction]]) for direction in ("in", "out"))
            yield f'\t\tiifname {into} oifname {out} counter drop comment "no list lets it through"'
    yield "\t\tcounter accept"
    yield "\t}"


def _list(each: AccessList) -> Iterator[str]:
    yield f"\tchain {each.name} {{"
    for line in each.lines:
        for match in _matches(line):
            verdict = "return" if line.entry.action == "permit" else "drop"
            comment = comment_of(line.conduit or "no conduit", line.reason)
            yield f'\t\t{match}counter {verdict} comment "{comment}"'
    yield f'\t\tlimit rate 10/second burst 20 packets log prefix "tieline {each.name} drop: "'
    yield "\t\tcounter drop"
    yield "\t}"


def _matches(line: Line) -> Iterator[str]:
    """What comes before the counter, for each family of addresses that the line speaks of."""
    entry = line.entry
    families = [
        (word, kind)
        for word, kind in (("ip", IPv4Network), ("ip6", IPv6Network))
        if all(not side or any(isinstance(each, kind) for each in side) for side in (entry.sources, entry.targets))
    ]
    is_any = not entry.sources and not entry.targets
    for word, kind in [("", IPv4Network)] if is_any and entry.protocol != "icmp" else families:
        parts = []
        for side, subnets in (("saddr", entry.sources), ("daddr", entry.targets)):
            if subnets:
                parts.append(f"{word} {side} {_addresses(each for each in subnets if isinstance(each, kind))}")
        if entry.protocol == "icmp":
            parts.append(f"meta l4proto {'icmp' if word == 'ip' else 'ipv6-icmp'}")
        elif entry.protocol != "any":
            side = "sport" if entry.is_reply else "dport"
            numbers = [str(each.first) if each.first == each.last else f"{each.first}-{each.last}" for each in entry.ports]
            parts.append(f"{entry.protocol} {side} {_set(numbers)}" if numbers else f"meta l4proto {entry.protocol}")
        yield "".join(f"{part} " for part in parts)


def _addresses(subnets: Iterable[Subnet]) -> str:
    return _set([str(each.network_address) if each.prefixlen == each.max_prefixlen else str(each) for each in subnets])


def _quoted(name: str) -> str:
    return f'"{name}"'


def _set(elements: Sequence[str]) -> str:
    return elements[0] if len(elements) == 1 else "{ " + ", ".join(elements) + " }"
