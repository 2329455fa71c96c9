"""The drawing of all sites and what joins them: on an ellipse, neighbors beside each other, so that a ring is seen as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import cos, hypot, pi, sin

from tieline.config.network import Link, Network
from tieline.network.drawing.plan import Box, Plan, Row, Wire, link_tip, link_words, speeds_words

_WIDTH = 190.0
_EDGE = 30.0
_MOST_COUNTED = 8
"""Sites up to this number have their nodes counted by kind."""
_TOP = 84.0
"""Below the heading."""


def plan_overview(network: Network, title: str) -> Plan:
    """The drawing; `title` is the utility's name."""
    sites = [place for place in network.places if any(node.site == place.name for node in network.nodes)]
    between: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in network.links:
        one, other = (network.by_name[name].site for name in link.nodes)
        if one != other:
            between[(min(one, other), max(one, other))].append(link)
    boxes: dict[str, Box] = {}
    for place in sites:
        kinds = Counter(node.kind.replace("_", " ") for node in network.nodes if node.site == place.name)
        rows = [Row(name=kind, note=str(count)) for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))]
        short, _, rest = place.title.partition(": ")
        if len(sites) > _MOST_COUNTED:
            switches = kinds["switch"]
            rest, rows = f"{sum(kinds.values())} nodes, {switches} switch{'' if switches == 1 else 'es'}", []
        kind = "site" if place.is_site else "place"
        box = Box(key=place.name, title=short, subtitle=rest or place.name, kind=kind, rows=rows, tip=place.title)
        box.width = max(_WIDTH, box.width)
        boxes[place.name] = box
    order = _around([place.name for place in sites], between)
    width, height = _place(boxes, order)
    wires = [_wire(boxes, pair, links) for pair, links in between.items()]
    summary = f"Network of {title}: {len(sites)} sites, {sum(map(len, between.values()))} links between them."
    read = sorted(boxes.values(), key=lambda box: (round(box.y), box.x))
    return Plan(title=title, summary=summary, width=width, height=height, boxes=tuple(read), wires=tuple(wires))


def _around(names: Sequence[str], between: Mapping[tuple[str, str], Sequence[Link]]) -> list[str]:
    """An order in which neighbors come one after the other, as far as that is possible by going on to the least joined one."""
    neighbors: dict[str, set[str]] = {name: set() for name in names}
    for one, other in between:
        neighbors[one].add(other)
        neighbors[other].add(one)
    order: list[str] = []
    left = list(names)
    while left:
        begin = max(left, key=lambda name: (len(neighbors[name]), -left.index(name)))
        ahead = [begin]
        while ahead:
            name = ahead.pop()
            if name in left:
                left.remove(name)
                order.append(name)
                ahead += sorted(
                    (other for other in neighbors[name] if other in left), key=lambda each: (-len(neighbors[each]), each)
                )
    return order


def _place(boxes: Mapping[str, Box], order: Sequence[str]) -> tuple[float, float]:
    """Centers on an ellipse that leaves room for every box; width and height of the drawing."""
    tall = max((box.height for box in boxes.values()), default=0.0)
    wide = max((box.width for box in boxes.values()), default=0.0)
    count = max(len(order), 1)
    across = 0.0 if count == 1 else max(330.0, count * (wide + 110) / (2 * pi))
    down = 0.0 if count == 1 else max(150.0, count * (tall + 60) / (2 * pi))
    center_x, center_y = across, down
    for number, name in enumerate(order):
        angle = 2 * pi * number / count - pi / 2
        box = boxes[name]
        box.x = center_x + across * cos(angle) - box.width / 2
        box.y = center_y + down * sin(angle) - box.height / 2
    left, top = (min((getattr(box, side) for box in boxes.values()), default=0.0) for side in ("x", "y"))
    for box in boxes.values():
        box.x += _EDGE - left
        box.y += _TOP - top
    right = max((box.x + box.width for box in boxes.values()), default=0.0)
    return right + _EDGE, max((box.y + box.height for box in boxes.values()), default=_TOP) + _EDGE


def _wire(boxes: Mapping[str, Box], pair: tuple[str, str], links: Sequence[Link]) -> Wire:
    one, other = (boxes[name] for name in pair)
    ends = [(box.x + box.width / 2, box.y + box.height / 2) for box in (one, other)]
    start, end = _leave(one, *ends), _leave(other, ends[1], ends[0])
    ducts = sorted({duct for link in links for duct in link.ducts})
    words = link_words(links[0]) if len(links) == 1 else f"{len(links)} x {link_words(links[0])}"
    media = {link.medium for link in links}
    return Wire(
        key="|".join(pair),
        points=(start, end),
        medium=media.pop() if len(media) == 1 else "copper",
        label="\n".join([words, *([", ".join(ducts)] if ducts else [])]),
        label_x=(start[0] + end[0]) / 2,
        label_y=(start[1] + end[1]) / 2 - (3 if ducts else -3),
        anchor="middle",
        tip="\n".join(map(link_tip, links)),
        links=tuple(link.name for link in links),
        speeds=speeds_words(links),
    )


def _leave(box: Box, center: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Where the line between two centers leaves a box."""
    across, down = towards[0] - center[0], towards[1] - center[1]
    if hypot(across, down) == 0:
        return center
    share = min(
        box.width / 2 / abs(across) if across else float("inf"),
        box.height / 2 / abs(down) if down else float("inf"),
    )
    return center[0] + across * share, center[1] + down * share
