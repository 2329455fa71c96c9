"""Which way frames go through the described network, while it is whole and after a failure.

Bridges that are joined form a spanning tree (`forest`). A device sends over its first link that works and carries the VLAN. What belongs to
a PRP network sends over both LANs, what belongs to an HSR ring both ways around it. A box, that is a member that bridges (RedBox, QuadBox),
joins these with what is behind it: it takes each frame once, the copy that is there first, and never sends it back to the side that it came
from. Between subnets packets go to the gateway, and where static routes say; of what a routing protocol decides, the way of the fewest
routers is taken. Whether tags fit at both ends of a link, and whether access lists let packets pass, is for the proof of segmentation.
Parallel links of a LAG are one to the tree: the first of them stands for all.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from tieline.config.network import Link, Network, Node, NodeAddress, Port, Ring
from tieline.network.performance.forest import Forest, Way, back
from tieline.network.redundancy.failures import Element
from tieline.network.redundancy.next_hops import NextHops

_Subnet: TypeAlias = tuple[int, int]
"""Network address as a number, length of its prefix."""
_TREE = "tree"
"""The side of a node that is neither a PRP network nor an HSR ring."""
_SHORTEST_BITS = 84 * 8
"""A frame of 64 octets, with preamble and gap."""
_FIBER_S_PER_M = 5e-9
_RADIO_S_PER_M = 1 / 299_792_458


class NoPathError(Exception):
    """There is no way; the words say where it ends."""


@dataclass(frozen=True, slots=True)
class Step:
    """A way that a frame takes, and the step before it, as an index into the same row; -1 at the beginning."""

    way: Way
    before: int


@dataclass(frozen=True, slots=True)
class _Leg:
    """From one node to another without a box between, as several rows of ways where there are copies."""

    rows: tuple[tuple[Way, ...], ...]
    side: str
    """Of the other node: what it is reached over."""


@dataclass(frozen=True, slots=True, eq=False)
class _At:
    """A node that is reached, and how."""

    node: str
    leg: _Leg | None = None
    before: _At | None = None

    @property
    def side(self) -> str:
        """That it was reached over; empty where it begins."""
        return "" if self.leg is None else self.leg.side


def propagation_s(link: Link) -> float:
    """How long a bit is on its way over a link."""
    if link.delay_us is not None:
        return link.delay_us * 1e-6
    return link.length_m * (_RADIO_S_PER_M if link.medium == "radio" else _FIBER_S_PER_M)


class Paths:
    """The ways through a network without what is gone."""

    def __init__(self, network: Network, gone: Iterable[Element] = ()) -> None:
        self._network = network
        self._gone = frozenset(gone)
        self._next_hops = NextHops(network)
        self._rings_of: dict[str, list[Ring]] = {}
        for ring in network.rings:
            if ring.protocol in {"prp", "hsr"}:
                for member in ring.members:
                    self._rings_of.setdefault(member, []).append(ring)
        self._ways: dict[str, list[tuple[str, Way]]] = {node.name: [] for node in network.nodes}
        self._doubled: dict[tuple[str, str], list[tuple[str, Way]]] = {}
        """Of a member and a ring, its ways into it."""
        self._hanging: dict[str, list[tuple[str, Way]]] = {}
        """Of a bridge: devices, and members of a PRP network whose LAN it is in."""
        for number, link in enumerate(network.links):
            elements: tuple[Element, ...] = (("link", link.name), ("node", link.a.node), ("node", link.b.node))
            if not self._gone.isdisjoint(elements) or "disabled" in {link.a.mode, link.b.mode}:
                continue
            for one, other, way in (
                (link.a.node, link.b.node, Way(number, True)),
                (link.b.node, link.a.node, Way(number, False)),
            ):
                for ring in self._rings_of.get(one, ()):
                    if other in (ring.members if ring.protocol == "hsr" else (*ring.lan_a, *ring.lan_b)):
                        self._doubled.setdefault((one, ring.name), []).append((other, way))
                        if ring.protocol == "prp":
                            self._hanging.setdefault(other, []).append((one, back(way)))
                self._ways[one].append((other, way))
        into_rings = {way.link for ways in self._doubled.values() for _, way in ways}
        self._plain = {name: [each for each in ways if each[1].link not in into_rings] for name, ways in self._ways.items()}
        for node in network.nodes:
            if not node.is_bridge and node.model.layer > 1:
                for other, way in self._plain[node.name]:
                    self._hanging.setdefault(other, []).append((node.name, back(way)))
        self._forest = Forest(network, self._plain, self._gone)
        self._boxes = [name for name in self._rings_of if network.by_name[name].is_bridge and ("node", name) not in self._gone]
        self._least_s = [_SHORTEST_BITS / (link.speed_mbps * 1e6) + propagation_s(link) for link in network.links]

    def unicast(self, source: str, target: str, vlan: int | None) -> tuple[Step, ...]:
        """The steps from one node to another, several rows where there are copies. Raises `NoPathError`."""
        for name in (source, target):
            if ("node", name) in self._gone:
                raise NoPathError(f"{name} is lost")
        if source == target:
            return ()
        steps: list[Step] = []
        if vlan is None:
            self._routed(source, target, steps)
            return tuple(steps)
        problems = [f"{source} and {target} are not joined by bridges"]
        found = self._switched(source, target, vlan, problems)
        if not found:
            raise NoPathError(problems[-1])
        self._add(found, steps, -1)
        return tuple(steps)

    def flood(self, source: str, vlan: int | None) -> tuple[Step, ...]:
        """The steps of a multicast frame to every port of its VLAN that is on the tree. Raises `NoPathError`."""
        if ("node", source) in self._gone:
            raise NoPathError(f"{source} is lost")
        steps: list[Step] = []
        waiting: list[tuple[float, int, str, str]] = []
        is_sent: set[tuple[str, str]] = set()

        def send(ways: Iterable[Way], before: int, at: float, side: str = "") -> None:
            for way in ways:
                if not self._passes(way, vlan):
                    return
                steps.append(Step(way, before))
                before, at = len(steps) - 1, at + self._least_s[way.link]
                end = self._end(way)
                heapq.heappush(waiting, (at, before, end, side or self._side_of(way, end)))

        def leave(name: str, before: int, at: float, came: str) -> None:
            is_bridge = self._forest.is_bridge(name)
            if not is_bridge and before >= 0:
                return
            if (name, _TREE) not in is_sent:
                is_sent.add((name, _TREE))
                ways = self._around_bridge(name) if is_bridge else self._attachment(name, vlan)
                for _, way in ways:
                    if before < 0 or way != back(steps[before].way):
                        send([way], before, at)
            for ring in self._rings_of.get(name, ()):
                if ring.name != came and (name, ring.name) not in is_sent:
                    is_sent.add((name, ring.name))
                    if ring.protocol == "prp":
                        for _, way in self._doubled.get((name, ring.name), ()):
                            send([way], before, at)
                    else:
                        for row in self._both_ways(ring, name):
                            send(row, before, at, ring.name)

        leave(source, -1, 0.0, "")
        while waiting:
            at, before, name, side = heapq.heappop(waiting)
            leave(name, before, at, side)
        if not steps:
            raise NoPathError(f"{source} has no link that works and carries VLAN {vlan}")
        return tuple(steps)

    def _side_of(self, way: Way, name: str) -> str:
        """The side of a node that a way leads to."""
        for ring in self._rings_of.get(name, ()):
            if any(each == back(way) for _, each in self._doubled.get((name, ring.name), ())):
                return ring.name
        return _TREE

    def _around_bridge(self, name: str) -> Iterator[tuple[str, Way]]:
        """The bridges next on the tree, and what hangs here."""
        yield from self._forest.beside(name)
        yield from self._hanging.get(name, ())

    def _passes(self, way: Way, vlan: int | None) -> bool:
        link = self._network.links[way.link]
        return all(_lets(self._network.by_name[port.node], port, vlan) for port in (link.a, link.b))

    def _switched(self, source: str, target: str, vlan: int, problems: list[str]) -> list[_At]:
        """How the target is reached through the fewest boxes, every way of so many; empty where it is not."""
        reached, seen = [_At(source)], {source}
        while reached:
            found = [_At(target, leg, at) for at in reached for leg in self._legs(at, target, vlan, problems, is_last=True)]
            if found:
                return found
            left = [box for box in self._boxes if box not in seen]
            reached = [_At(box, leg, at) for at in reached for box in left for leg in self._legs(at, box, vlan, problems)]
            seen.update(at.node for at in reached)
        return []

    def _legs(self, at: _At, other: str, vlan: int, problems: list[str], *, is_last: bool = False) -> Iterator[_Leg]:
        """To another node without a box between, one leg for each of its sides; not back to the side that frames came from."""
        for ring in self._rings_of.get(at.node, ()):
            if ring.protocol == "hsr" and ring.name != at.side and other in ring.members:
                # The target takes frames to itself off the ring, those to others go around until they are back.
                rows = [self._cut(row, other if is_last else "", vlan) for row in self._both_ways(ring, at.node)]
                if any(self._end(way) == other for row in rows for way in row):
                    yield _Leg(tuple(row for row in rows if row), ring.name)
        sides: dict[str, list[tuple[Way, ...]]] = {}
        for from_side, start in self._ends(at.node, vlan):
            for side, end in self._ends(other, vlan):
                ways = self._joined(at.node, start, other, end) if from_side != at.side else None
                if ways is None:
                    continue
                bad = next((way for way in ways if not self._passes(way, vlan)), None)
                if bad is not None:
                    problems.append(f"link {self._network.links[bad.link].name} does not carry VLAN {vlan}")
                elif ways:
                    sides.setdefault(side, []).append(tuple(ways))
        yield from (_Leg(tuple(rows), side) for side, rows in sides.items())

    def _both_ways(self, ring: Ring, start: str) -> Iterator[list[Way]]:
        """Both ways around an HSR ring, as far as it is whole, to the last node before the start."""
        at = ring.members.index(start)
        for direction in (1, -1):
            order = [ring.members[(at + direction * index) % len(ring.members)] for index in range(len(ring.members))]
            row: list[Way] = []
            for one, other in pairwise(order):
                way = next((way for neighbor, way in self._doubled.get((one, ring.name), ()) if neighbor == other), None)
                if way is None:
                    break
                row.append(way)
            yield row

    def _cut(self, row: Sequence[Way], last: str, vlan: int) -> tuple[Way, ...]:
        """As far as the node, and the VLAN, go."""
        found: list[Way] = []
        for way in row:
            if not self._passes(way, vlan):
                break
            found.append(way)
            if self._end(way) == last:
                break
        return tuple(found)

    def _attachment(self, name: str, vlan: int | None) -> Sequence[tuple[str, Way]]:
        """The link that a device sends over: the first that carries the VLAN, or the first where none does."""
        ways = self._plain[name]
        return [each for each in ways if self._passes(each[1], vlan)][:1] or ways[:1]

    def _ends(self, name: str, vlan: int | None) -> Sequence[tuple[str, Way | None]]:
        """The ways out of a node to the bridges, by side; None where it is a bridge itself."""
        tree: Sequence[Way | None] = [None] if self._forest.is_bridge(name) else [way for _, way in self._attachment(name, vlan)]
        lans = ((r.name, way) for r in self._rings_of.get(name, ()) if r.protocol == "prp" for _, way in self._of(name, r))
        return [*((_TREE, way) for way in tree), *lans]

    def _of(self, name: str, ring: Ring) -> Sequence[tuple[str, Way]]:
        return self._doubled.get((name, ring.name), ())

    def _joined(self, source: str, start: Way | None, target: str, end: Way | None) -> list[Way] | None:
        """The ways out of one node over `start`, along the tree, and into another, which would leave over `end`."""
        if start is not None and end is not None and start == back(end):
            return [start]
        first = source if start is None else self._end(start)
        last = target if end is None else self._end(end)
        between = self._forest.between(first, last)
        if between is None:
            return None
        return [*([start] if start is not None else []), *between, *([back(end)] if end is not None else [])]

    def _add(self, found: Sequence[_At], steps: list[Step], before: int) -> int:
        """Adds the steps of these, that begin after a step; which of the steps that reach the end is the first to be there."""
        known: dict[_At, tuple[float, int]] = {}

        def add(at: _At) -> tuple[float, int]:
            if at.leg is None or at.before is None:
                return 0.0, before
            if at not in known:
                begin, last = add(at.before)
                reached = []
                for row in at.leg.rows:
                    then, index = begin, last
                    for way in row:
                        steps.append(Step(way, index))
                        index, then = len(steps) - 1, then + self._least_s[way.link]
                        if self._end(way) == at.node:
                            reached.append((then, index))
                known[at] = min(reached)
            return known[at]

        return min(add(at) for at in found)[1]

    def _routed(self, source: str, target: str, steps: list[Step]) -> None:
        """Through routers, subnet by subnet."""
        came: dict[str, tuple[str, list[_At]]] = {}
        waiting = deque([source])
        goals = dict(self._subnets[target])
        while waiting and target not in came:
            name = waiting.popleft()
            hops = self._next_hops.of(self._network.by_name[name], self._network.by_name[target])
            for subnet, address in self._subnets[name]:
                goal = goals.get(subnet)
                others: Sequence[tuple[str, NodeAddress]]
                if goal is not None:
                    others = [(target, goal)]
                elif hops is None:
                    others = self._members.get(subnet, ())
                else:
                    others = [(hop.router, hop.address) for hop in hops if hop.own == address]
                for other, there in others:
                    if other in came or other == source or ("node", other) in self._gone:
                        continue
                    found = self._within(name, address, other, there)
                    if found:
                        came[other] = (name, found)
                        waiting.append(other)
        if target not in came:
            raise NoPathError(f"no routers join {source} and {target}")
        row: list[list[_At]] = []
        name = target
        while name != source:
            name, found = came[name]
            row.append(found)
        before = -1
        for found in reversed(row):
            before = self._add(found, steps, before)

    @cached_property
    def _subnets(self) -> Mapping[str, Sequence[tuple[_Subnet, NodeAddress]]]:
        """The addresses of each node, with their subnets."""
        found = {}
        for node in self._network.nodes:
            nets = [(each.network, each) for each in node.addresses]
            found[node.name] = [((int(net.network_address), net.prefixlen), each) for net, each in nets]
        return found

    @cached_property
    def _members(self) -> Mapping[_Subnet, Sequence[tuple[str, NodeAddress]]]:
        """The routers of each subnet."""
        found: dict[_Subnet, list[tuple[str, NodeAddress]]] = {}
        for node in self._network.nodes:
            for subnet, address in self._subnets[node.name] if node.is_router else ():
                found.setdefault(subnet, []).append((node.name, address))
        return found

    def _within(self, one: str, here: NodeAddress, other: str, there: NodeAddress) -> list[_At]:
        """How a node of a subnet is reached from another: over a link between routed ports, or over bridges that carry its VLAN."""
        vlan = here.vlan if here.vlan is not None else there.vlan
        if vlan is not None and not here.port and not there.port:
            return self._switched(one, other, vlan, [])
        for start in self._routed_ends(one, here.port):
            for end in self._routed_ends(other, there.port):
                ways = self._joined(one, start, other, end)
                if ways is None:
                    continue
                bridged = ways[1 if here.port else 0 : -1 if there.port else None]
                if all(self._passes(way, vlan) for way in bridged):
                    return [_At(other, _Leg((tuple(ways),), _TREE), _At(one))]
        return []

    def _routed_ends(self, name: str, port: str) -> Sequence[Way | None]:
        """The link of a routed port; the ways out of a node where none is named."""
        return (
            [way for _, way in self._ways[name] if self._begin(way) == port]
            if port
            else [way for _, way in self._ends(name, None)]
        )

    def _begin(self, way: Way) -> str:
        link = self._network.links[way.link]
        return (link.a if way.is_forth else link.b).name

    def _end(self, way: Way) -> str:
        link = self._network.links[way.link]
        return link.b.node if way.is_forth else link.a.node


def _lets(node: Node, port: Port, vlan: int | None) -> bool:
    """Whether a port carries the VLAN; a device and a media converter take what the other end gives."""
    if vlan is None or node.model.layer == 1 or port.mode == "host":
        return True
    return port.mode != "routed" and vlan in port.allowed
