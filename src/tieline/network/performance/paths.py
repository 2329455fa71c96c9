"""Which way frames go through the described network, while it is whole and after a failure.

Bridges that are joined form a spanning tree (IEEE 802.1Q, RSTP), by the priorities of the `rstp` and `mrp` rings and the costs of its
table; the order of a ring's members, then names, stand for MAC addresses, which the description does not know. A device hangs from its
first link that works, one in a PRP network from all of them. An HSR ring is gone around both ways. Between subnets the way of the fewest
routers is taken. Whether tags fit at both ends of a link, and whether access lists let packets pass, is for the proof of segmentation.
Parallel links of a LAG are one to the tree; all is taken to go over the first of them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

from tieline.config.network import Network, Node, NodeAddress, Port
from tieline.network.redundancy.failures import Element
from tieline.network.redundancy.spanning_tree import DEFAULT_PRIORITY, cost_of, priority_of

_Subnet: TypeAlias = tuple[int, int]
"""Network address as a number, length of its prefix."""


class NoPathError(Exception):
    """There is no way; the words say where it ends."""


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a link."""

    link: int
    """Position in `network.links`."""
    is_forth: bool
    """From the link's end a to b."""

    @property
    def row(self) -> int:
        """Its row among all directions."""
        return 2 * self.link + (0 if self.is_forth else 1)


@dataclass(frozen=True, slots=True)
class Step:
    """A way that a frame takes, and the step before it, as an index into the same row; -1 at the beginning."""

    way: Way
    before: int


class Paths:
    """The ways through a network without what is gone."""

    def __init__(self, network: Network, gone: Iterable[Element] = ()) -> None:
        self._network = network
        self._gone = frozenset(gone)
        self._ways: dict[str, list[tuple[str, Way]]] = {node.name: [] for node in network.nodes}
        for number, link in enumerate(network.links):
            elements: tuple[Element, ...] = (("link", link.name), ("node", link.a.node), ("node", link.b.node))
            if self._gone.isdisjoint(elements) and "disabled" not in {link.a.mode, link.b.mode}:
                self._ways[link.a.node].append((link.b.node, Way(number, True)))
                self._ways[link.b.node].append((link.a.node, Way(number, False)))
        self._above: dict[str, tuple[str, Way] | None] = {}
        self._depth: dict[str, int] = {}
        self._below: dict[str, list[tuple[str, Way]]] = {}
        for root in self._roots():
            if root not in self._above:
                self._grow(root)
        self._prp = {member for ring in network.rings if ring.protocol == "prp" for member in ring.members}
        self._hsr = {member: ring.members for ring in network.rings if ring.protocol == "hsr" for member in ring.members}

    def unicast(self, source: str, target: str, vlan: int | None) -> tuple[Step, ...]:
        """The steps from one node to another, several rows where both are attached twice. Raises `NoPathError`."""
        for name in (source, target):
            if ("node", name) in self._gone:
                raise NoPathError(f"{name} is lost")
        if source == target:
            return ()
        ring = self._hsr.get(source)
        if ring is not None and target in ring:
            return self._around(ring, source, target)
        if vlan is None:
            return _chain(self._routed(source, target))
        copies = list(self._bridged(source, target, vlan))
        return tuple(
            Step(step.way, step.before + offset if step.before >= 0 else -1) for offset, row in _offsets(copies) for step in row
        )

    def flood(self, source: str, vlan: int | None) -> tuple[Step, ...]:
        """The steps of a multicast frame to every port of its VLAN that is on the tree. Raises `NoPathError`."""
        if ("node", source) in self._gone:
            raise NoPathError(f"{source} is lost")
        ring = self._hsr.get(source)
        if ring is not None:
            return self._around(ring, source, source)
        steps: list[Step] = []
        waiting: deque[tuple[str, int]] = deque()
        if self._is_bridge(source):
            waiting.append((source, -1))
        seen = {source}
        for node, way in self._attachments(source):
            if self._passes(way, vlan):
                steps.append(Step(way, -1))
                seen.add(node)
                if self._is_bridge(node):
                    waiting.append((node, len(steps) - 1))
        while waiting:
            node, before = waiting.popleft()
            for other, way in self._around_bridge(node):
                if other not in seen and self._passes(way, vlan):
                    steps.append(Step(way, before))
                    if self._is_bridge(other):
                        seen.add(other)
                        waiting.append((other, len(steps) - 1))
        if not steps:
            raise NoPathError(f"{source} has no link that works and carries VLAN {vlan}")
        return tuple(steps)

    def _is_bridge(self, name: str) -> bool:
        node = self._network.by_name[name]
        return node.is_bridge or node.model.layer == 1

    def _roots(self) -> Iterator[str]:
        """Bridges, the one that would be root of all first."""
        bridges = [node for node in self._network.nodes if self._is_bridge(node.name) and ("node", node.name) not in self._gone]
        for bridge in sorted(bridges, key=lambda node: (node.model.layer == 1, self._order(node.name))):
            yield bridge.name

    def _order(self, name: str) -> tuple[int, int, str]:
        return self._orders.get(name, (DEFAULT_PRIORITY, len(self._orders), name))

    @cached_property
    def _orders(self) -> Mapping[str, tuple[int, int, str]]:
        """Priority of the bridges that a ring names, and their place in it, which stands for the MAC address."""
        found: dict[str, tuple[int, int, str]] = {}
        for ring in self._network.rings:
            if ring.protocol in {"rstp", "mrp"}:
                for index, name in enumerate(ring.members):
                    found[name] = min(found.get(name, (DEFAULT_PRIORITY + 1, 0, "")), (priority_of(ring, name), index, name))
        return found

    def _grow(self, root: str) -> None:
        waiting: list[tuple[int, tuple[int, int, str], int, str, str, Way | None]] = [(0, self._order(root), 0, root, "", None)]
        while waiting:
            cost, _, _, name, above, way = heapq.heappop(waiting)
            if name in self._above:
                continue
            self._above[name] = (above, way) if way is not None else None
            self._depth[name] = self._depth[above] + 1 if way is not None else 0
            if way is not None:
                self._below.setdefault(above, []).append((name, way))
            for number, (other, onward) in enumerate(self._ways[name]):
                if other not in self._above and self._is_bridge(other) and self._is_switched(onward):
                    # The two ends of a media converter are one link to the bridges, which do not see it.
                    is_seen = self._network.by_name[name].model.layer > 1
                    own = cost_of(self._network.links[onward.link].speed_mbps) if is_seen else 0
                    heapq.heappush(waiting, (cost + own, self._order(name), number, other, name, onward))

    def _is_switched(self, way: Way) -> bool:
        link = self._network.links[way.link]
        return "routed" not in {link.a.mode, link.b.mode}

    def _attachments(self, name: str) -> Sequence[tuple[str, Way]]:
        """Where a device that is no bridge hangs."""
        if self._is_bridge(name):
            return ()
        ways = self._ways[name]
        return ways if name in self._prp else ways[:1]

    def _around_bridge(self, name: str) -> Iterator[tuple[str, Way]]:
        """The bridges next on the tree, and the devices that hang here."""
        above = self._above[name]
        if above is not None:
            yield above[0], _back(above[1])
        yield from self._below.get(name, ())
        for other, way in self._ways[name]:
            if not self._is_bridge(other) and any(_back(each) == way for _, each in self._attachments(other)):
                yield other, way

    def _passes(self, way: Way, vlan: int | None) -> bool:
        link = self._network.links[way.link]
        return all(_lets(self._network.by_name[port.node], port, vlan) for port in (link.a, link.b))

    def _bridged(self, source: str, target: str, vlan: int) -> Iterator[tuple[Step, ...]]:
        """A row of steps for each pair of attachments that are joined; raises where there is none."""
        problem = f"{source} and {target} are not joined by bridges"
        found = 0
        for start in self._ends(source):
            for end in self._ends(target):
                ways = self._joined(source, start, target, end)
                if ways is None:
                    continue
                bad = next((way for way in ways if not self._passes(way, vlan)), None)
                if bad is not None:
                    problem = f"link {self._network.links[bad.link].name} does not carry VLAN {vlan}"
                    continue
                found += 1
                yield _chain(ways)
        if not found:
            raise NoPathError(problem)

    def _ends(self, name: str, port: str = "") -> Sequence[Way | None]:
        """The ways out of a node to the bridges; None where it is one, the link of a routed port where that is named."""
        if port:
            return [way for _, way in self._ways[name] if self._begin(way) == (name, port)]
        return [None] if self._is_bridge(name) else [way for _, way in self._attachments(name)]

    def _joined(self, source: str, start: Way | None, target: str, end: Way | None) -> list[Way] | None:
        """The ways out of one node over `start`, along the tree, and into another, which would leave over `end`."""
        if start is not None and end is not None and start == _back(end):
            return [start]
        first = source if start is None else self._end(start)
        last = target if end is None else self._end(end)
        between = self._tree(first, last)
        if between is None:
            return None
        return [*([start] if start is not None else []), *between, *([_back(end)] if end is not None else [])]

    def _tree(self, first: str, last: str) -> list[Way] | None:
        if first not in self._above or last not in self._above:
            return [] if first == last else None
        up: list[Way] = []
        down: list[Way] = []
        while first != last:
            if self._depth[first] >= self._depth[last]:
                above = self._above[first]
                if above is None:
                    return None
                up.append(_back(above[1]))
                first = above[0]
            else:
                above = self._above[last]
                assert above is not None  # it is deeper than another node
                down.append(above[1])
                last = above[0]
        return up + down[::-1]

    def _routed(self, source: str, target: str) -> list[Way]:
        """Through routers, subnet by subnet."""
        came: dict[str, tuple[str, list[Way]]] = {}
        waiting = deque([source])
        goals = dict(self._subnets[target])
        while waiting and target not in came:
            name = waiting.popleft()
            for subnet, address in self._subnets[name]:
                goal = goals.get(subnet)
                others = [(target, goal)] if goal is not None else self._members.get(subnet, ())
                for other, there in others:
                    if other in came or other == source or ("node", other) in self._gone:
                        continue
                    ways = self._within(name, address, other, there)
                    if ways is not None:
                        came[other] = (name, ways)
                        waiting.append(other)
        if target not in came:
            raise NoPathError(f"no routers join {source} and {target}")
        found: list[Way] = []
        name = target
        while name != source:
            name, ways = came[name]
            found = [*ways, *found]
        return found

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

    def _within(self, one: str, here: NodeAddress, other: str, there: NodeAddress) -> list[Way] | None:
        """The way within a subnet: over a link between routed ports, or over bridges that carry its VLAN."""
        vlan = here.vlan if here.vlan is not None else there.vlan
        for start in self._ends(one, here.port):
            for end in self._ends(other, there.port):
                ways = self._joined(one, start, other, end)
                if ways is None:
                    continue
                bridged = ways[1 if here.port else 0 : -1 if there.port else None]
                if all(self._passes(way, vlan) for way in bridged):
                    return ways
        return None

    def _around(self, ring: Sequence[str], source: str, target: str) -> tuple[Step, ...]:
        """Both ways around an HSR ring: to the target, or for multicast to the last node before the source."""
        steps: list[Step] = []
        at = ring.index(source)
        for direction in (1, -1):
            order = [ring[(at + direction * index) % len(ring)] for index in range(len(ring))]
            stop = len(order) if target == source else order.index(target) + 1
            before = -1
            for one, other in pairwise(order[:stop]):
                way = next((way for neighbor, way in self._ways[one] if neighbor == other), None)
                if way is None:
                    break
                steps.append(Step(way, before))
                before = len(steps) - 1
        if not any(self._end(step.way) == target for step in steps) and target != source:
            raise NoPathError(f"the ring is broken on both sides of {target}")
        return tuple(steps)

    def _begin(self, way: Way) -> tuple[str, str]:
        link = self._network.links[way.link]
        port = link.a if way.is_forth else link.b
        return port.node, port.name

    def _end(self, way: Way) -> str:
        link = self._network.links[way.link]
        return link.b.node if way.is_forth else link.a.node


def _back(way: Way) -> Way:
    return Way(way.link, not way.is_forth)


def _chain(ways: Collection[Way]) -> tuple[Step, ...]:
    return tuple(Step(way, index - 1) for index, way in enumerate(ways))


def _offsets(rows: Sequence[tuple[Step, ...]]) -> Iterator[tuple[int, tuple[Step, ...]]]:
    offset = 0
    for row in rows:
        yield offset, row
        offset += len(row)


def _lets(node: Node, port: Port, vlan: int | None) -> bool:
    """Whether a port carries the VLAN; a device and a media converter take what the other end gives."""
    if vlan is None or node.model.layer == 1 or port.mode == "host":
        return True
    return port.mode != "routed" and vlan in port.allowed
