"""Access lists as routers have them: one for each interface and direction, each line with the conduit that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tieline.config.network import AclEntry, Subnet
from tieline.security.zones import Plan
from tieline.security.zones.packet_flows import Flow, flows_of
from tieline.security.zones.packets import Intervals, network_intervals, normalized, without


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an access list."""

    entry: AclEntry
    conduit: str
    """Its id; empty where the line belongs to none."""
    reason: str
    """The conduit's, else what acls.csv says of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessList:
    """What is looked at for packets that come in, or go out, at some interfaces."""

    name: str
    direction: str
    interfaces: tuple[str, ...]
    lines: tuple[Line, ...]


class Conduits:
    """Which conduit a line of an access list belongs to."""

    def __init__(self, plan: Plan) -> None:
        self._flows = [flow for flow in flows_of(plan) if flow.is_conduit]

    def of(self, entry: AclEntry) -> Flow | None:
        """The conduit that holds everything that the line fits; the one with the fewest addresses where several do."""
        if entry.action != "permit" or not entry.sources or not entry.targets:
            return None
        sources, targets = _intervals(entry.sources), _intervals(entry.targets)
        if entry.is_reply:
            sources, targets = targets, sources
        fitting = [flow for flow in self._flows if _holds(flow, entry, sources, targets)]
        return min(fitting, key=lambda flow: (_size(flow.source) + _size(flow.target), flow.id), default=None)

    def line(self, entry: AclEntry) -> Line:
        """The line with its conduit."""
        flow = self.of(entry)
        said = entry.description or f"acls.csv line {entry.line}"
        return Line(entry, "", said) if flow is None else Line(entry, flow.id, flow.reason or said)


def _holds(flow: Flow, entry: AclEntry, sources: Intervals, targets: Intervals) -> bool:
    if without(sources, flow.source) or without(targets, flow.target):
        return False
    numbers = normalized((each.first, each.last) for each in flow.ports if each.transport == entry.protocol)
    if entry.protocol == "icmp":
        return any(each.transport == "icmp" for each in flow.ports)
    asked = normalized((each.first, each.last) for each in entry.ports)
    return bool(asked) and not without(asked, numbers)


def _intervals(subnets: Iterable[Subnet]) -> Intervals:
    return normalized(interval for subnet in subnets for interval in network_intervals(str(subnet)))


def _size(intervals: Intervals) -> int:
    return sum(last - first + 1 for first, last in intervals)


def access_lists(entries: Sequence[AclEntry], interfaces: Sequence[str], conduits: Conduits) -> Iterator[AccessList]:
    """The lists of a node. Interfaces with the same lines share one; one without any line has none."""
    lines = {id(entry): conduits.line(entry) for entry in entries}
    for direction in ("in", "out"):
        found: dict[tuple[int, ...], list[str]] = {}
        for interface in interfaces:
            own = tuple(id(each) for each in entries if each.direction == direction and each.interface in ("", interface))
            if own:
                found.setdefault(own, []).append(interface)
        for own, names in found.items():
            name = direction if len(found) == 1 and len(names) == len(interfaces) else f"{direction}-{names[0]}"
            yield AccessList(name=name, direction=direction, interfaces=tuple(names), lines=tuple(lines[each] for each in own))
