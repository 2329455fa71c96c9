"""The drawing of a site: routers above, switches below in layers, and with each switch the devices that are attached to it.

Layers are the distance from the site's routers. Devices that are attached to the same switches are one group with one wire to each of
them; media converters are part of the wire, and told in the device's row. Wires run in the channels between layers, each in a lane of its
own, and enter switches from above.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tieline.config.network import Link, Network, Node
from tieline.model import ConfigError
from tieline.network.drawing.plan import HEAD, Box, Plan, Row, Wire, link_tip, link_words, speed_words, speeds_words

_GAP = 46.0
"""Between blocks of a layer; wires go down in it."""
_LANE = 17.0
_PORT = 14.0
"""Between wires that enter a box."""
_EDGE = 28.0
_LETTER = 5.0
"""Width of a letter of a label, on average."""


@dataclass(slots=True)
class _Block:
    """A box and, below it, the devices that are attached to it alone."""

    box: Box
    group: Box | None = None
    rank: int = 0
    order: float = 0.0
    above: list[int] = field(default_factory=list)
    """Numbers of the wires that enter from above."""
    aside: int = 0
    """How many wires leave at its right."""

    @property
    def width(self) -> float:
        return max(self.box.width, self.group.width if self.group else 0.0)

    @property
    def height(self) -> float:
        return self.box.height + (self.group.height if self.group else 0.0)


@dataclass(frozen=True, slots=True)
class _Edge:
    """A wire between two blocks, by their keys."""

    key: str
    a: str
    b: str
    medium: str
    label: str
    tip: str
    links: tuple[str, ...]
    speeds: str


def plan_site(network: Network, name: str) -> Plan:
    """The drawing. Raises `ConfigError` where no node stands there."""
    place = next((place for place in network.places if place.name == name), None)
    here = {node.name: node for node in network.nodes if node.site == name}
    if place is None or not here:
        known = sorted({node.site for node in network.nodes})
        raise ConfigError(f"there is no site {name!r} with a network; write one of {', '.join(known)}")
    blocks, edges = _Gathered(network, here).result()
    _rank(blocks, edges)
    boxes, wires, width, height = _Routed(blocks, edges).result()
    kinds = Counter(node.kind.replace("_", " ") for node in here.values())
    counted = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in kinds.items())
    return Plan(
        title=place.title,
        summary=f"Network of {place.title}: {counted}.",
        width=width,
        height=height,
        boxes=tuple(boxes),
        wires=tuple(wires),
    )


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return word if word.endswith("s") else f"{word}es" if word.endswith(("x", "ch")) else f"{word}s"


class _Gathered:
    """Blocks and edges of a site."""

    def __init__(self, network: Network, here: Mapping[str, Node]) -> None:
        self._network = network
        self._here = here
        self._bridges = {name: node for name, node in here.items() if node.is_bridge}
        self._blocks: dict[str, _Block] = {}
        self._edges: list[_Edge] = []

    def result(self) -> tuple[dict[str, _Block], list[_Edge]]:
        """Every node and link of the site is in exactly one of them."""
        for name, node in self._bridges.items():
            rack = f"{node.model.name}{f' · {node.rack}' if node.rack else ''}"
            self._blocks[name] = _Block(Box(key=name, title=name, subtitle=rack, kind=node.kind, tip=_node_tip(node)))
        self._devices()
        drawn: dict[tuple[str, str], list[Link]] = defaultdict(list)
        for name in self._here:
            for link in self._network.links_of[name]:
                one, other = link.nodes
                if one in self._bridges and other in self._bridges:
                    drawn[(one, other)].append(link)
                elif (one in self._here) != (other in self._here):
                    self._remote(link, one if one in self._here else other)
        for (one, other), links in drawn.items():
            unique = list({link.name: link for link in links}.values())
            self._edges.append(_edge(unique, one, other))
        return self._blocks, self._edges

    def _remote(self, link: Link, inner: str) -> None:
        if inner not in self._bridges:
            return
        outer = link.other(inner)
        site = self._network.by_name[outer.node].site
        title = next((place.title for place in self._network.places if place.name == site), site)
        short = title.partition(":")[0]
        key = f"to {outer.path}"
        self._blocks[key] = _Block(Box(key=key, title=f"{short}: {outer.node}", kind="remote", tip=link_tip(link)))
        self._edges.append(_edge([link], key, inner))

    def _devices(self) -> None:
        """Devices by the switches that they are attached to, directly or through others that do not bridge."""
        attached: dict[str, dict[str, list[Link]]] = defaultdict(lambda: defaultdict(list))
        through: dict[str, tuple[str, ...]] = {}
        frontier: list[str] = []
        for name, node in self._here.items():
            if node.is_bridge:
                continue
            for link in self._network.links_of[name]:
                other = link.other(name).node
                if other in self._bridges:
                    attached[name][other].append(link)
            if name in attached:
                through[name] = ()
                frontier.append(name)
        while frontier:
            name = frontier.pop(0)
            for link in self._network.links_of[name]:
                other = link.other(name).node
                if other in self._here and other not in self._bridges and other not in through:
                    through[other] = (*through[name], name)
                    frontier.append(other)
        below: dict[str, list[str]] = defaultdict(list)
        for name, chain in through.items():
            if chain:
                below[chain[-1]].append(name)
        groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name in self._here:
            if name in attached:
                groups[tuple(sorted(attached[name]))].append(name)
        alone = [name for name, node in self._here.items() if not node.is_bridge and name not in through]
        for switches, names in groups.items():
            rows = list(self._rows(names, attached, below))
            if len(switches) == 1:
                self._blocks[switches[0]].group = Box(key=f"at {switches[0]}", title="", kind="group", rows=rows)
                continue
            key = f"at {' '.join(switches)}"
            self._blocks[key] = _Block(Box(key=key, title="", kind="group", rows=rows))
            for switch in switches:
                self._edges.append(_edge([link for name in names for link in attached[name][switch]], switch, key))
        if alone:
            rows = [Row(name=name, note="not attached", tip=_node_tip(self._here[name])) for name in alone]
            self._blocks["alone"] = _Block(Box(key="alone", title="", kind="group", rows=rows))

    def _rows(
        self, names: Iterable[str], attached: Mapping[str, Mapping[str, Sequence[Link]]], below: Mapping[str, Sequence[str]]
    ) -> Iterable[Row]:
        by_rack: dict[str, list[str]] = defaultdict(list)
        for name in names:
            by_rack[self._here[name].rack].append(name)
        for rack, members in by_rack.items():
            if rack:
                yield Row(name=rack, is_heading=True)
            for name in members:
                links = [link for of_switch in attached[name].values() for link in of_switch]
                ports = ", ".join(dict.fromkeys(link.other(name).name for link in links))
                power = " PoE" if self._here[name].powered_by else ""
                yield Row(name=name, note=f"{ports} · {speed_words(links[0].speed_mbps)}{power}", tip=_node_tip(self._here[name]))
                yield from self._below(name, below, 1)

    def _below(self, name: str, below: Mapping[str, Sequence[str]], indent: int) -> Iterable[Row]:
        for other in below.get(name, ()):
            links = [link for link in self._network.links_of[other] if link.other(other).node == name]
            yield Row(name=other, note=link_words(links[0]), tip=_node_tip(self._here[other]), indent=indent)
            yield from self._below(other, below, indent + 1)


def _edge(links: Sequence[Link], a: str, b: str) -> _Edge:
    alike = Counter((speed_words(link.speed_mbps), link.cable.name if link.cable else link.medium) for link in links)
    together = ", ".join(f"{f'{count} x ' if count > 1 else ''}{speed} {cable}" for (speed, cable), count in alike.items())
    label = link_words(links[0]) if len(links) == 1 else together
    media = {link.medium for link in links}
    medium = media.pop() if len(media) == 1 else "copper"
    tip = "\n".join(link_tip(link) for link in links)
    return _Edge(f"{a}|{b}", a, b, medium, label, tip, tuple(link.name for link in links), speeds_words(links))


def _node_tip(node: Node) -> str:
    parts = [f"{node.name}: {node.model.description or node.model.name}"]
    if node.description:
        parts.append(node.description)
    if node.addresses:
        parts.append(", ".join(str(each.address) for each in node.addresses))
    return "; ".join(parts)


def _rank(blocks: Mapping[str, _Block], edges: Sequence[_Edge]) -> None:
    """Layers, and the order in each: every block near those that it is joined to."""
    neighbors: dict[str, set[str]] = {key: set() for key in blocks}
    for edge in edges:
        neighbors[edge.a].add(edge.b)
        neighbors[edge.b].add(edge.a)
    bridges = [key for key, block in blocks.items() if block.box.kind not in {"group", "remote"}]
    roots = [key for key in bridges if blocks[key].box.kind in {"router", "firewall"}]
    rank: dict[str, int] = {}
    while set(bridges) - rank.keys():
        left = [key for key in bridges if key not in rank]
        begin = [key for key in roots if key not in rank] or [max(left, key=lambda key: (len(neighbors[key]), left[0] == key))]
        frontier = begin
        rank.update((key, 1) for key in begin)
        while frontier:
            following = []
            for key in frontier:
                for other in sorted(neighbors[key]):
                    if other not in rank and other in blocks and blocks[other].box.kind not in {"group", "remote"}:
                        rank[other] = rank[key] + 1
                        following.append(other)
            frontier = following
    lowest = max(rank.values(), default=0)
    for key, block in blocks.items():
        if block.box.kind == "remote":
            block.rank = 0
        elif block.box.kind == "group":
            block.rank = 1 + max((rank[other] for other in neighbors[key] if other in rank), default=lowest)
        else:
            block.rank = rank[key]
    layers: dict[int, list[str]] = defaultdict(list)
    for key, block in blocks.items():
        layers[block.rank].append(key)
    for keys in layers.values():
        for number, key in enumerate(keys):
            blocks[key].order = number - (len(keys) - 1) / 2
    for downwards in (True, False, True, False, True):
        for level in sorted(layers, reverse=not downwards):
            _order(layers[level], blocks, neighbors)


def _order(keys: list[str], blocks: Mapping[str, _Block], neighbors: Mapping[str, set[str]]) -> None:
    """By the mean place of neighbors in other layers; ties stay as they are."""

    def wanted(key: str) -> float:
        near = [blocks[other].order for other in neighbors[key] if blocks[other].rank != blocks[key].rank]
        return sum(near) / len(near) if near else blocks[key].order

    keys.sort(key=lambda key: (wanted(key), blocks[key].order))
    for number, key in enumerate(keys):
        blocks[key].order = number - (len(keys) - 1) / 2


class _Routed:
    """Places for blocks, and ways for wires."""

    def __init__(self, blocks: Mapping[str, _Block], edges: Sequence[_Edge]) -> None:
        self._blocks = blocks
        self._edges = sorted(edges, key=lambda edge: (self._upper(edge).rank, self._upper(edge).order, self._lower(edge).order))
        self._layers: dict[int, list[_Block]] = defaultdict(list)
        for block in sorted(blocks.values(), key=lambda block: (block.rank, block.order)):
            self._layers[block.rank].append(block)
        self._channel: dict[int, list[_Edge]] = defaultdict(list)
        """Edges with a lane above the layer."""
        self._over: dict[int, float] = {}
        """Y of the upper end of the channel above a layer."""
        self._widest = 0.0
        self._detours = 0

    def _upper(self, edge: _Edge) -> _Block:
        a, b = self._blocks[edge.a], self._blocks[edge.b]
        return a if (a.rank, a.order) <= (b.rank, b.order) else b

    def _lower(self, edge: _Edge) -> _Block:
        return self._blocks[edge.b] if self._upper(edge) is self._blocks[edge.a] else self._blocks[edge.a]

    def result(self) -> tuple[list[Box], list[Wire], float, float]:
        """Boxes, wires, width and height."""
        for number, edge in enumerate(self._edges):
            upper, lower = self._upper(edge), self._lower(edge)
            lower.above.append(number)
            if upper.rank == lower.rank:
                upper.above.append(number)
            elif upper.group is not None:
                upper.aside += 1
            self._channel[lower.rank].append(edge)
            if lower.rank - upper.rank > 1:
                self._channel[upper.rank + 1].append(edge)
        for block in self._blocks.values():
            room = max(len(block.above), 1) * _PORT + 24
            block.box.width = max(block.box.width, room, block.group.width if block.group else 0.0)
            if block.group is not None:
                block.group.width = block.box.width
        height = self._place()
        wires = [self._wire(number, edge) for number, edge in enumerate(self._edges)]
        read = (block for level in sorted(self._layers) for block in self._layers[level])
        boxes = [box for block in read for box in (block.box, block.group) if box is not None]
        right = max((block.box.x + block.box.width for block in self._blocks.values()), default=0.0)
        right = max([right, *(_reach(wire) for wire in wires)])
        left = min([0.0, *(_left(wire) for wire in wires)])
        return boxes, wires, right - left + 2 * _EDGE, height + _EDGE

    def _place(self) -> float:
        widths = {
            level: sum(block.width for block in layer) + sum(_GAP + 8 * block.aside for block in layer[:-1])
            for level, layer in self._layers.items()
        }
        self._widest = max(widths.values(), default=0.0)
        y = 76.0
        for level in sorted(self._layers):
            layer = self._layers[level]
            self._over[level] = y
            y += _LANE * len(self._channel[level]) + (24 if self._channel[level] else 0)
            x = _EDGE + (self._widest - widths[level]) / 2
            for block in layer:
                block.box.x, block.box.y = x, y
                if block.group is not None:
                    block.group.x, block.group.y = x, y + block.box.height
                x += block.width + _GAP + 8 * block.aside
            y += max(block.height for block in layer) + 6
        return y

    def _entry(self, block: _Block, number: int) -> float:
        """X at which a wire enters from above."""
        ordered = sorted(block.above, key=lambda each: self._far(block, each))
        start = block.box.x + block.width / 2 - _PORT * (len(ordered) - 1) / 2
        return start + _PORT * ordered.index(number)

    def _far(self, block: _Block, number: int) -> tuple[float, int]:
        edge = self._edges[number]
        other = self._lower(edge) if self._upper(edge) is block else self._upper(edge)
        return other.box.x + other.width / 2, number

    def _lane(self, level: int, edge: _Edge) -> float:
        return self._over[level] + 16 + _LANE * self._channel[level].index(edge)

    def _wire(self, number: int, edge: _Edge) -> Wire:
        upper, lower = self._upper(edge), self._lower(edge)
        end = self._entry(lower, number)
        lane = self._lane(lower.rank, edge)
        if upper.rank == lower.rank:
            start = self._entry(upper, number)
            points = [(start, upper.box.y), (start, lane), (end, lane), (end, lower.box.y)]
        else:
            points = self._leave(upper, number)
            if lower.rank - upper.rank > 1:
                high = self._lane(upper.rank + 1, edge)
                self._detours += 1
                aside = _EDGE + self._widest + 10 + 8 * self._detours
                points += [(points[-1][0], high), (aside, high), (aside, lane)]
            else:
                points.append((points[-1][0], lane))
            points += [(end, lane), (end, lower.box.y)]
        label_x, label_y, anchor = _label_at(edge.label, points[-3][0], end, lane, lower.box.x + lower.width / 2)
        return Wire(
            key=edge.key,
            points=tuple(points),
            medium=edge.medium,
            label=edge.label,
            label_x=label_x,
            label_y=label_y,
            anchor=anchor,
            tip=edge.tip,
            links=edge.links,
            speeds=edge.speeds,
        )

    def _leave(self, block: _Block, number: int) -> list[tuple[float, float]]:
        """The first corners of a wire that goes down: from the bottom, or around the devices below."""
        downwards = [
            each for each, edge in enumerate(self._edges) if self._upper(edge) is block and self._lower(edge).rank > block.rank
        ]
        downwards.sort(key=lambda each: self._far(block, each))
        place = downwards.index(number)
        if block.group is None:
            x = block.box.x + block.width / 2 - _PORT * (len(downwards) - 1) / 2 + _PORT * place
            return [(x, block.box.y + block.box.height)]
        step = HEAD / (len(downwards) + 1)
        x = block.box.x + block.width + 12 + 8 * place
        return [(block.box.x + block.width, block.box.y + step * (place + 1)), (x, block.box.y + step * (place + 1))]


def _label_at(label: str, before: float, end: float, lane: float, center: float) -> tuple[float, float, str]:
    """Above the level part of a wire where that is long enough, otherwise below it, on the outer side of the wires that enter with it."""
    if abs(before - end) > len(label) * _LETTER:
        return (end - 5, lane - 4, "end") if before < end else (end + 5, lane - 4, "start")
    return (end - 5, lane + 12, "end") if end < center else (end + 5, lane + 12, "start")


def _reach(wire: Wire) -> float:
    text = len(wire.label) * _LETTER
    return max(*(x for x, _ in wire.points), wire.label_x + (text if wire.anchor == "start" else 0.0))


def _left(wire: Wire) -> float:
    text = len(wire.label) * _LETTER
    return wire.label_x - text if wire.anchor == "end" else wire.label_x
