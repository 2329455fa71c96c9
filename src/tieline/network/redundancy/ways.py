"""The ways that frames and packets can take, and which single failures leave none of them.

How it works. A place is a node in a VLAN; links lead from place to place where both of their ports pass the VLAN, routers from each of
their VLANs to the others. Only what lies on one way can be a single point of failure. So one way is looked for, and the failures that touch
it are tried one by one; each way that is found around a failure rules out all that do not touch it. What is left at the end cuts every
way. Ducts and supplies, which take several links or nodes away at once, need nothing special. Ways are looked for from both ends: where one
of them is cut off, that is found at once. What is attached once shares the answer with its neighbors.

Redundant links are taken as usable, those that a spanning tree blocks included. Routers are taken to find any way that there is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.config.network import Link, Network, Node, NodeAddress, Port
from tieline.network.redundancy.failures import Element, Failure, failures_of
from tieline.network.redundancy.next_hops import NextHops
from tieline.network.segmentation.described import ROUTED, fabric_port
from tieline.network.segmentation.fabric import FabricPort

_Place = tuple[str, object, str]
"""Node, VLAN or what stands for one, side."""
_At = tuple[int, str]
"""A place, and the PRP network that the way came out of."""
_HUB, _HOST = "routing", "host"


@dataclass(frozen=True, slots=True)
class Cable:
    """Links in a row, with what only passes on between them, from a port to a port."""

    a: Port
    b: Port
    elements: tuple[Element, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    to: int
    elements: tuple[Element, ...]
    label: int | None = None
    """Of what a device sends: the tag."""


def cables_of(network: Network) -> Iterator[Cable]:
    """Every connection between two nodes that do more than pass on bits."""
    linked: dict[str, list[Link]] = {node.name: list(network.links_of[node.name]) for node in network.nodes}
    passing = {node.name for node in network.nodes if node.model.layer == 1 and len(linked[node.name]) == 2}
    for link in network.links:
        for start in (link.a, link.b):
            if start.node in passing:
                continue
            elements: list[Element] = [("link", link.name)]
            links = [link]
            end = link.other(start.node) if link.a.node != link.b.node else link.b
            while end.node in passing:
                elements.append(("node", end.node))
                onward = next((one for one in linked[end.node] if one is not links[-1]), None)
                if onward is None or onward in links:
                    break
                links.append(onward)
                elements.append(("link", onward.name))
                end = onward.other(end.node)
            if end.node not in passing and (start.path < end.path):
                yield Cable(start, end, tuple(elements), tuple(links))


class Ways:
    """The ways of a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._next_hops = NextHops(network)
        self._number: dict[_Place, int] = {}
        self._node_of: list[str] = []
        self._vlan_of: list[object] = []
        self._side_of: list[str] = []
        self._element_of: list[Element] = []
        self._edges: list[list[_Edge]] = []
        self._backward: list[list[_Edge]] = []
        self._into: dict[str, dict[int, list[_Edge]]] = {}
        """Of a device: the places that lead to it."""
        self._of_node: dict[str, list[int]] = {}
        self._hubs: set[int] = set()
        self._sides = _sides(network)
        self._has_sides = {node for node, _ in self._sides}
        hsr = {member for ring in network.rings if ring.protocol == "hsr" for member in ring.members}
        self._passing = {name for name in hsr if not network.by_name[name].is_bridge}
        self.cables = tuple(cables_of(network))
        self._ports: dict[str, FabricPort | None] = {}
        for cable in self.cables:
            self._join(cable.a, cable.b, cable.elements)
            self._join(cable.b, cable.a, cable.elements)
        for node in network.nodes:
            if node.is_router:
                self._route(node)
        self.failures = tuple(failures_of(network))
        self.order = {failure: number for number, failure in enumerate(self.failures)}
        self._touching: dict[Element, list[Failure]] = {}
        for failure in self.failures:
            for element in failure.gone:
                self._touching.setdefault(element, []).append(failure)
        self._cores: dict[tuple[frozenset[int], frozenset[int], int | str | None], frozenset[Failure] | None] = {}
        self._beside: dict[str, list[Cable]] = {}
        for cable in self.cables:
            self._beside.setdefault(cable.a.node, []).append(cable)

    def cables_among(self, members: Iterable[str]) -> tuple[Cable, ...]:
        """The connections between these nodes."""
        these = set(members)
        return tuple(cable for name in members for cable in self._beside.get(name, ()) if cable.b.node in these)

    # building

    def _place(self, node: str, vlan: object, side: str = "") -> int:
        key = node, vlan, side
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._node_of)
            self._node_of.append(node)
            self._vlan_of.append(vlan)
            self._side_of.append(side)
            self._element_of.append(("node", node))
            self._edges.append([])
            self._backward.append([])
            self._of_node.setdefault(node, []).append(number)
        return number

    def _port(self, port: Port) -> FabricPort | None:
        if port.path not in self._ports:
            node = self._network.by_name[port.node]
            self._ports[port.path] = fabric_port(node, port) if node.is_bridge else None
        return self._ports[port.path]

    def _join(self, a: Port, b: Port, elements: tuple[Element, ...]) -> None:
        """Everything that gets from one port to the other."""
        from_, to = self._network.by_name[a.node], self._network.by_name[b.node]
        target_side = self._sides.get((b.node, a.node), "")
        for vlan, tag in self._sent(from_, a):
            into = self._taken(to, b, tag)
            if into is None:
                continue
            # A PRP RedBox passes frames from a LAN to what is behind it, never to the other LAN.
            is_lan = (a.node, b.node) in self._sides
            sides = ("",) if is_lan or a.node not in self._has_sides else ("", "A", "B")
            for side in sides:
                edge = _Edge(self._place(b.node, into, target_side), elements, tag)
                place = self._place(a.node, vlan, side)
                if into == _HOST:  # where nothing leads on
                    self._into.setdefault(b.node, {}).setdefault(place, []).append(edge)
                else:
                    self._edges[place].append(edge)
                    if vlan != _HOST:
                        self._backward[edge.to].append(_Edge(place, elements))

    def _sent(self, node: Node, port: Port) -> Iterator[tuple[object, int | None]]:
        """Places in a node, and the tag that what is sent from there has."""
        if node.name in self._passing:
            yield from ((f"as {tag}", tag) for tag in (None, *self._network.vlan_by_id))
            return
        if not node.is_bridge:
            yield _HOST, None
            yield from ((_HOST, vlan) for vlan in port.tagged)
            return
        made = self._port(port)
        if made is not None:
            for vlan in made.members:
                yield _inside(port, vlan), None if made.leaves_untagged(vlan) else vlan

    def _taken(self, node: Node, port: Port, tag: int | None) -> object | None:
        if node.name in self._passing:  # a node of an HSR ring passes on whatever comes
            return f"as {tag}"
        if not node.is_bridge:
            return _HOST
        made = self._port(port)
        if made is None:
            return None
        vlan = made.vlan_of_untagged() if tag is None else made.vlan_of_tagged(tag)
        return None if vlan is None or vlan not in made.members else _inside(port, vlan)

    def _route(self, node: Node) -> None:
        hub = self._place(node.name, _HUB)
        self._hubs.add(hub)
        for each in node.addresses:
            place = each.vlan if each.vlan is not None else f"routed {each.port}"
            for side in ("", "A", "B") if node.name in self._has_sides else ("",):
                self._lead(self._place(node.name, place, side), hub)
            self._lead(hub, self._place(node.name, place))

    def _lead(self, from_: int, to: int) -> None:
        self._edges[from_].append(_Edge(to, ()))
        self._backward[to].append(_Edge(from_, ()))

    # looking for ways

    def _starts(self, node: Node, vlan: int | str | None) -> list[_Edge]:
        if node.is_bridge:
            places = self._of_node.get(node.name, ())
            return [_Edge(number, ()) for number in places if vlan is None or self._vlan_of[number] == vlan]
        out = [edge for number in self._of_node.get(node.name, ()) for edge in self._edges[number]]
        if vlan is None:
            return out
        wanted = vlan if any(vlan in port.tagged for port in node.ports) else None
        return [edge for edge in out if edge.label == wanted]

    def _goals(self, source: Node, target: Node) -> Mapping[int, Sequence[_Edge]]:
        """The places from which it is one step, of no more than these elements, to the target."""
        own = {number: (_Edge(number, ()),) for number in self._of_node.get(target.name, ()) if self._vlan_of[number] != _HOST}
        into = self._into.get(target.name, {})
        is_beyond = {place: self._node_of[place] != source.name or self._vlan_of[place] != _HOST for place in into}
        return {**own, **{place: edges for place, edges in into.items() if is_beyond[place]}}

    def _direct(self, source: Node, target: Node) -> list[_Edge]:
        """What joins two devices without anything between."""
        return [
            edge
            for place, edges in self._into.get(target.name, {}).items()
            if self._node_of[place] == source.name and self._vlan_of[place] == _HOST
            for edge in edges
        ]

    def way(
        self, source: Node, target: Node, vlan: int | None, missing: frozenset[Element] = frozenset()
    ) -> frozenset[Element] | None:
        """The elements between two nodes on one way without what is missing; None where there is none."""
        for edge in self._direct(source, target):
            if missing.isdisjoint(edge.elements):
                return frozenset(edge.elements)
        found = self._search(self._starts(source, vlan), self._goals(source, target), vlan, missing)
        return None if found is None else found - {("node", source.name), ("node", target.name)}

    def _search(
        self,
        starts: Iterable[_Edge],
        goals: Mapping[int, Sequence[_Edge]],
        vlan: int | str | None,
        missing: frozenset[Element] = frozenset(),
    ) -> frozenset[Element] | None:
        """The elements of one way without what is missing; None where there is no way."""
        starts = list(starts)
        found = self._meeting(starts, goals, vlan, missing)
        return found if found is None or not self._sides else self._beyond_prp(starts, goals, vlan, missing)

    def _meeting(
        self, starts: Iterable[_Edge], goals: Mapping[int, Sequence[_Edge]], vlan: int | str | None, missing: frozenset[Element]
    ) -> frozenset[Element] | None:
        """From both ends at once: where one is cut off, that is found without looking at the rest. As if a RedBox joined its LANs."""
        element_of, hubs = self._element_of, self._hubs if vlan is not None else frozenset[int]()
        ahead: dict[int, tuple[int, tuple[Element, ...]]] = {}
        behind: dict[int, tuple[int, tuple[Element, ...]]] = {}
        for edge in starts:
            if element_of[edge.to] not in missing and missing.isdisjoint(edge.elements):
                ahead[edge.to] = -1, edge.elements
        for place, edges in goals.items():
            last = next((edge for edge in edges if missing.isdisjoint(edge.elements)), None)
            if last is not None and element_of[place] not in missing:
                behind[place] = -1, last.elements
                if place in ahead:
                    return self._joined(place, ahead, behind)
        front, back = list(ahead), list(behind)
        while front and back:
            is_forward = len(front) <= len(back)
            mine, other, steps = (ahead, behind, self._edges) if is_forward else (behind, ahead, self._backward)
            reached = []
            for place in front if is_forward else back:
                if place in hubs:
                    continue
                for edge in steps[place]:
                    to = edge.to
                    if to in mine or element_of[to] in missing or not missing.isdisjoint(edge.elements):
                        continue
                    mine[to] = place, edge.elements
                    if to in other and to not in hubs:
                        return self._joined(to, ahead, behind)
                    reached.append(to)
            if is_forward:
                front = reached
            else:
                back = reached
        return None

    def _joined(
        self,
        place: int,
        ahead: Mapping[int, tuple[int, tuple[Element, ...]]],
        behind: Mapping[int, tuple[int, tuple[Element, ...]]],
    ) -> frozenset[Element]:
        elements: set[Element] = set()
        for steps in (ahead, behind):
            at = place
            while at >= 0:
                elements.add(self._element_of[at])
                at, own = steps[at]
                elements.update(own)
        return frozenset(elements)

    def _beyond_prp(
        self, starts: Iterable[_Edge], goals: Mapping[int, Sequence[_Edge]], vlan: int | str | None, missing: frozenset[Element]
    ) -> frozenset[Element] | None:
        """The same, where what left a PRP network does not come back to it: neither LAN hears of the other."""
        before: dict[_At, tuple[_At | None, _Edge]] = {}
        queue: deque[_At] = deque()
        element_of, sides = self._element_of, self._sides

        def offer(origin: _At | None, edge: _Edge, out_of: str) -> None:
            at = edge.to, out_of
            if at not in before and element_of[edge.to] not in missing and missing.isdisjoint(edge.elements):
                before[at] = origin, edge
                queue.append(at)

        for edge in starts:
            offer(None, edge, "")
        while queue:
            at = queue.popleft()
            place, out_of = at
            for last in goals.get(place, ()):
                if missing.isdisjoint(last.elements):
                    return self._elements(at, before) | frozenset(last.elements)
            if place in self._hubs and vlan is not None:
                continue
            name = self._node_of[place]
            ring = sides.get((name, name), "")
            if ring and self._side_of[place]:
                out_of = ring
            for edge in self._edges[place]:
                if not (ring and ring == out_of and (name, self._node_of[edge.to]) in sides):
                    offer(at, edge, out_of)
        return None

    def _elements(self, at: _At | None, before: dict[_At, tuple[_At | None, _Edge]]) -> frozenset[Element]:
        elements: set[Element] = set()
        while at is not None:
            elements.add(self._element_of[at[0]])
            at, edge = before[at]
            elements.update(edge.elements)
        return frozenset(elements)

    def single_points(self, source: str, target: str, vlan: int | None) -> tuple[Failure, ...] | None:
        """The failures that leave no way between two nodes, but for those of the nodes themselves; None where there is none anyway.

        What is routed goes through the gateways that devices have, and where static routes lead, there and back; whichever other routers
        there are.
        """
        one, other = self._network.by_name[source], self._network.by_name[target]
        legs: list[tuple[str, str, int | str | None]] = [(source, target, vlan)]
        if vlan is None:
            legs = [*self._legs(one, other), *self._legs(other, one)]
        found: set[Failure] = set()
        for leg in dict.fromkeys(legs):
            points = self._points_between(*leg)
            if points is None:
                return None
            found.update(points)
        for name in {name for leg in legs for name in leg[:2]}:
            found.update(self._touching.get(("node", name), ()))
        return tuple(sorted((each for each in found if self._is_other(each, (source, target))), key=self.order.__getitem__))

    def _legs(self, source: Node, target: Node) -> Iterator[tuple[str, str, int | str | None]]:
        """From router to router as far as that is known, each within one subnet; then to the target, any way where no subnet is shared."""
        at = source
        for hop in self._next_hops.along(source, target):
            yield at.name, hop.router, _within(hop.own)
            at = self._network.by_name[hop.router]
        subnets = {each.network for each in target.addresses}
        shared = [each for each in at.addresses if each.network in subnets] if at is not source else []
        yield at.name, target.name, _within(shared[0]) if len(shared) == 1 else None

    @staticmethod
    def _is_other(failure: Failure, ends: tuple[str, str]) -> bool:
        return failure.kind != "node" or failure.name not in ends

    def _points_between(self, source: str, target: str, vlan: int | str | None) -> tuple[Failure, ...] | None:
        one, other = self._network.by_name[source], self._network.by_name[target]
        starts, goals, direct = self._starts(one, vlan), self._goals(one, other), self._direct(one, other)
        ends: set[Element] = {("node", source), ("node", target)}
        first, last = {edge.elements for edge in starts}, {edge.elements for edges in goals.values() for edge in edges}
        if direct:
            # The cable between them is one way, what leads around it another.
            around = self._cutting(starts, goals, vlan)
            cables = [{failure for element in edge.elements for failure in self._touching.get(element, ())} for edge in direct]
            cutting = frozenset.intersection(*map(frozenset, cables), *(() if around is None else (around,)))
        elif len(first) == 1 and len(last) == 1:
            # Attached once, at both ends: what is between is the same for all that are attached there.
            key = frozenset(edge.to for edge in starts), frozenset(goals), vlan
            if key not in self._cores:
                bare = {place: tuple(_Edge(edge.to, ()) for edge in edges) for place, edges in goals.items()}
                self._cores[key] = self._cutting([_Edge(edge.to, ()) for edge in starts], bare, vlan)
            between = self._cores[key]
            if between is None:
                return None
            cutting = between
            ends.update(*first, *last)
        else:
            found = self._cutting(starts, goals, vlan)
            if found is None:
                return None
            cutting = found
        every = cutting | {failure for element in ends for failure in self._touching.get(element, ())}
        return tuple(each for each in every if self._is_other(each, (source, target)))

    def _cutting(
        self, starts: list[_Edge], goals: Mapping[int, Sequence[_Edge]], vlan: int | str | None
    ) -> frozenset[Failure] | None:
        """The failures without which there is no way; None where there is none anyway."""
        first = self._search(starts, goals, vlan)
        if first is None:
            return None
        tried = deque(dict.fromkeys(failure for element in first for failure in self._touching.get(element, ())))
        certain: set[Failure] = set()
        while tried:
            failure = tried.popleft()
            around = self._search(starts, goals, vlan, failure.gone)
            if around is None:
                certain.add(failure)
            else:
                tried = deque(each for each in tried if not each.gone.isdisjoint(around))
        return frozenset(certain)


def _within(own: NodeAddress) -> int | str | None:
    """What stands for the subnet of an address in the node that has it."""
    return f"routed {own.port}" if own.vlan is None and own.port else own.vlan


def _inside(port: Port, vlan: int) -> object:
    return f"routed {port.name}" if vlan == ROUTED else vlan


def _sides(network: Network) -> dict[tuple[str, str], str]:
    """Of each RedBox and each switch of a PRP network's LANs: which LAN it is. Of a RedBox and itself: the ring."""
    found: dict[tuple[str, str], str] = {}
    for ring in network.rings:
        if ring.protocol == "prp":
            for member in ring.members:
                if network.by_name[member].is_bridge:
                    found[member, member] = ring.name
                    found |= {(member, switch): "A" for switch in ring.lan_a} | {(member, switch): "B" for switch in ring.lan_b}
    return found
