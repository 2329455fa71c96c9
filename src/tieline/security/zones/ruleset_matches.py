"""What the matches of nftables mean, as boxes of packets; shared by the two readers of rule sets.

A match narrows a rule's box, and it brings what it implies: `ip saddr` matches IPv4 only, `tcp dport` TCP only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tieline.security.zones.packets import (
    ANY_ADDRESS,
    ANY_INTERFACE,
    ANY_OCTET,
    ANY_PORT,
    ANY_STATE,
    ANYTHING,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TRANSPORTS,
    WITH_PORTS,
    Box,
    Field,
    Intervals,
    State,
    common,
    interface_intervals,
    narrowed,
    network_intervals,
    normalized,
    without,
)

_S = State
STATES: dict[str, tuple[State, ...]] = {
    "new": (_S.NEW,),
    "established": (_S.ESTABLISHED, _S.ESTABLISHED_REPLY),
    "related": (_S.RELATED, _S.RELATED_REPLY),
    "invalid": (_S.INVALID,),
    "untracked": (_S.UNTRACKED,),
}
_DIRECTIONS: dict[str, tuple[State, ...]] = {
    "original": (_S.NEW, _S.ESTABLISHED, _S.RELATED),
    "reply": (_S.ESTABLISHED_REPLY, _S.RELATED_REPLY),
}
_ICMP_TYPES = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}
_ICMPV6_TYPES = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "nd-router-solicit": 133,
    "nd-router-advert": 134,
    "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}
_PORTS = {"ssh": 22, "domain": 53, "http": 80, "https": 443, "ntp": 123, "snmp": 161, "syslog": 514}
_FAMILIES = {"ipv4": IPV4, "ipv6": IPV6, "ip": IPV4, "ip6": IPV6}


class NotUnderstoodError(ValueError):
    """A match or statement that is not modeled; its text says which."""


def _field_of(key: str) -> Field:
    protocol, _, name = key.partition(" ")
    fields = {
        "saddr": Field.SOURCE,
        "daddr": Field.TARGET,
        "sport": Field.SOURCE_PORT,
        "dport": Field.TARGET_PORT,
        "hoplimit": Field.HOPS,
        "ttl": Field.HOPS,
    }
    if protocol in {"ip", "ip6", "tcp", "udp", "sctp", "dccp", "udplite", "th"} and name in fields:
        return fields[name]
    others = {
        "meta iifname": Field.INPUT,
        "meta iif": Field.INPUT,
        "meta oifname": Field.OUTPUT,
        "meta oif": Field.OUTPUT,
        "meta l4proto": Field.TRANSPORT,
        "ip protocol": Field.TRANSPORT,
        "ip6 nexthdr": Field.TRANSPORT,
        "icmp type": Field.TARGET_PORT,
        "icmpv6 type": Field.TARGET_PORT,
        "ct state": Field.STATE,
        "ct direction": Field.STATE,
        "meta nfproto": Field.SOURCE,
        "meta protocol": Field.SOURCE,
    }
    if key not in others:
        raise NotUnderstoodError(key)
    return others[key]


_EVERY: dict[Field, Intervals] = {
    Field.INPUT: ANY_INTERFACE,
    Field.OUTPUT: ANY_INTERFACE,
    Field.SOURCE: ANY_ADDRESS,
    Field.TARGET: ANY_ADDRESS,
    Field.TRANSPORT: ANY_OCTET,
    Field.SOURCE_PORT: ANY_PORT,
    Field.TARGET_PORT: ANY_PORT,
    Field.STATE: ANY_STATE,
    Field.HOPS: ANY_OCTET,
}


def _implied(key: str) -> list[tuple[Field, Intervals]]:
    protocol = key.partition(" ")[0]
    if protocol in {"ip", "ip6"}:
        return [(Field.SOURCE, _FAMILIES[protocol]), (Field.TARGET, _FAMILIES[protocol])]
    if protocol in {"icmp", "icmpv6"}:
        family, number = (IPV4, ICMP) if protocol == "icmp" else (IPV6, ICMPV6)
        return [(Field.SOURCE, family), (Field.TARGET, family), (Field.TRANSPORT, ((number, number),))]
    if protocol in {"tcp", "udp", "sctp", "dccp", "udplite"}:
        return [(Field.TRANSPORT, ((TRANSPORTS[protocol], TRANSPORTS[protocol]),))]
    return []


@lru_cache(maxsize=65_536)
def value_intervals(key: str, text: str) -> Intervals:
    """What one value of a match on `key` means: `10.1.0.0/24`, `4000-4010`, `established`.

    Raises `NotUnderstoodError`.
    """
    try:
        match key:
            case "ip saddr" | "ip daddr" | "ip6 saddr" | "ip6 daddr":
                return common(network_intervals(text), _FAMILIES[key.partition(" ")[0]])
            case "meta iifname" | "meta iif" | "meta oifname" | "meta oif":
                return interface_intervals(text)
            case "meta nfproto" | "meta protocol":
                return _FAMILIES[text]
            case "ct state":
                return normalized((state, state) for state in STATES[text])
            case "ct direction":
                return normalized((state, state) for state in _DIRECTIONS[text])
            case "icmp type":
                return _numbers(text, _ICMP_TYPES)
            case "icmpv6 type":
                return _numbers(text, _ICMPV6_TYPES)
            case "meta l4proto" | "ip protocol" | "ip6 nexthdr":
                return _numbers(text, TRANSPORTS)
            case _:
                return _numbers(text, _PORTS)
    except (KeyError, ValueError) as error:
        raise NotUnderstoodError(f"{key} {text}") from error


def _numbers(text: str, names: dict[str, int]) -> Intervals:
    if text in names:
        return ((names[text], names[text]),)
    first, _, last = text.partition("-")
    return ((int(first), int(last or first)),)


def narrow(box: Box | None, key: str, operator: str, values: Sequence[Intervals]) -> Box | None:
    """The box, narrowed by one match; None where no packet is left. Raises `NotUnderstoodError`."""
    field = _field_of(key)
    wanted = normalized(interval for intervals in values for interval in intervals)
    if operator in {"<", "<=", ">", ">="}:
        wanted = _compared(operator, wanted, _EVERY[field])
    elif operator == "!=":
        wanted = without(_EVERY[field], wanted)
    elif operator not in {"==", "in"}:
        raise NotUnderstoodError(f"{key} {operator}")
    if key == "ct direction":  # a packet without a connection has none
        wanted = common(wanted, ((State.NEW, State.RELATED_REPLY),))
    narrowing = [*_implied(key), (field, wanted)]
    if key in {"meta nfproto", "meta protocol"}:
        narrowing.append((Field.TARGET, wanted))
    for which, intervals in narrowing:
        box = None if box is None else narrowed(box, which, intervals)
    if key.startswith("th ") and box is not None and without(box[Field.TRANSPORT], WITH_PORTS):
        raise NotUnderstoodError(f"{key} of a transport that may have no ports")
    return box


def _compared(operator: str, wanted: Intervals, every: Intervals) -> Intervals:
    if len(wanted) != 1 or wanted[0][0] != wanted[0][1]:
        raise NotUnderstoodError(operator)
    value = wanted[0][0]
    first, last = every[0]
    limits = {"<": (first, value - 1), "<=": (first, value), ">": (value + 1, last), ">=": (value, last)}
    return normalized([limits[operator]])


__all__ = ["ANYTHING", "STATES", "NotUnderstoodError", "narrow", "value_intervals"]
