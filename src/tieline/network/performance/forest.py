"""The spanning trees that joined bridges form: root by root, the way from each bridge to any other.

By the priorities of the `rstp` and `mrp` rings and the costs of IEEE 802.1Q's table; the order of a ring's members, then names, stand for
MAC addresses, which the description does not know. Media converters are on the tree, as bridges that cost nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tieline.config.network import Network
from tieline.network.redundancy.failures import Element
from tieline.network.redundancy.spanning_tree import DEFAULT_PRIORITY, cost_of, priority_of


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


def back(way: Way) -> Way:
    """The other direction."""
    return Way(way.link, not way.is_forth)


class Forest:
    """The trees of a network; `ways` are, by node, those that bridges may use."""

    def __init__(self, network: Network, ways: Mapping[str, Sequence[tuple[str, Way]]], gone: Collection[Element]) -> None:
        self._network = network
        self._ways = ways
        self._gone = gone
        self._above: dict[str, tuple[str, Way] | None] = {}
        self._depth: dict[str, int] = {}
        self._below: dict[str, list[tuple[str, Way]]] = {}
        for root in self._roots():
            if root not in self._above:
                self._grow(root)

    def is_bridge(self, name: str) -> bool:
        """Whether frames pass through a node."""
        node = self._network.by_name[name]
        return node.is_bridge or node.model.layer == 1

    def beside(self, name: str) -> Iterator[tuple[str, Way]]:
        """The bridges next on the tree."""
        above = self._above[name]
        if above is not None:
            yield above[0], back(above[1])
        yield from self._below.get(name, ())

    def between(self, first: str, last: str) -> list[Way] | None:
        """The ways from one bridge to another; None where no tree has both."""
        if first not in self._above or last not in self._above:
            return [] if first == last else None
        up: list[Way] = []
        down: list[Way] = []
        while first != last:
            if self._depth[first] >= self._depth[last]:
                above = self._above[first]
                if above is None:
                    return None
                up.append(back(above[1]))
                first = above[0]
            else:
                above = self._above[last]
                assert above is not None  # it is deeper than another node
                down.append(above[1])
                last = above[0]
        return up + down[::-1]

    def _roots(self) -> Iterator[str]:
        """Bridges, the one that would be root of all first."""
        bridges = [node for node in self._network.nodes if self.is_bridge(node.name) and ("node", node.name) not in self._gone]
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
                if other not in self._above and self.is_bridge(other) and self._is_switched(onward):
                    # The two ends of a media converter are one link to the bridges, which do not see it.
                    is_seen = self._network.by_name[name].model.layer > 1
                    own = cost_of(self._network.links[onward.link].speed_mbps) if is_seen else 0
                    heapq.heappush(waiting, (cost + own, self._order(name), number, other, name, onward))

    def _is_switched(self, way: Way) -> bool:
        link = self._network.links[way.link]
        return "routed" not in {link.a.mode, link.b.mode}
