"""Looks at a drawing as a person does who has nothing but the picture: what touches is connected, what crosses is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

from tieline.grid.diagram import Box, Drawing, Element, Line
from tieline.model import EquipmentType, SingleLine

_TOUCH = 0.01


def expected_equipment(station: SingleLine) -> Counter[str]:
    """Every piece once."""
    return Counter(piece.path for piece in station.equipment())


def drawn_equipment(drawing: Drawing, station: SingleLine) -> Counter[str]:
    """What the picture has: symbols, and busbars that are pieces of equipment."""
    pieces = {piece.path for piece in station.equipment() if piece.type is EquipmentType.BUSBAR}
    return Counter(element.id for element in drawing.elements) + Counter(bar.id for bar in drawing.busbars if bar.id in pieces)


def expected_connections(station: SingleLine) -> dict[str, Counter[str]]:
    """For each node the pieces at it, a piece with two ends there twice; nodes with one end or none connect nothing."""
    inside = {node.path for node in station.nodes()}
    bars = {node.path for node in station.nodes() if node.is_busbar}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    claimed: set[str] = set()
    for piece in station.equipment():
        ends = [end for end in piece.nodes if end in inside]
        if piece.type is EquipmentType.BUSBAR and ends and ends[0] in bars and ends[0] not in claimed:
            claimed.add(ends[0])
            continue
        for end in ends:
            found[end][piece.path] += 1
    return found


def seen_connections(drawing: Drawing) -> list[tuple[Counter[str], set[str]]]:
    """What hangs together by geometry alone: the pieces, and the busbars."""
    parent: dict[object, object] = {}

    def root(thing: object) -> object:
        parent.setdefault(thing, thing)
        while parent[thing] != thing:
            parent[thing] = parent[parent[thing]]
            thing = parent[thing]
        return thing

    lines = [(line.x1, line.y1, line.x2, line.y2) for line in drawing.lines]
    lines += [(bar.x1, bar.y, bar.x2, bar.y) for bar in drawing.busbars]
    ports = [
        (element.id, number, joint.x, joint.y) for element in drawing.elements for number, joint in enumerate(element.joints)
    ]
    points = [(("line", row), (x, y)) for row, (x1, y1, x2, y2) in enumerate(lines) for x, y in ((x1, y1), (x2, y2))]
    points += [(("port", ident, number), (x, y)) for ident, number, x, y in ports]
    by_x: dict[float, list[int]] = defaultdict(list)
    by_y: dict[float, list[int]] = defaultdict(list)
    for row, (x1, y1, x2, y2) in enumerate(lines):
        root(("line", row))
        if x1 == x2:
            by_x[round(x1, 3)].append(row)
        if y1 == y2:
            by_y[round(y1, 3)].append(row)
    at: dict[tuple[float, float], list[object]] = defaultdict(list)
    for thing, (x, y) in points:
        at[round(x, 3), round(y, 3)].append(thing)
        for row in (*by_x[round(x, 3)], *by_y[round(y, 3)]):
            x1, y1, x2, y2 = lines[row]
            if x1 - _TOUCH <= x <= x2 + _TOUCH and y1 - _TOUCH <= y <= y2 + _TOUCH:
                parent[root(thing)] = root(("line", row))
    for things in at.values():
        for thing in things[1:]:
            parent[root(thing)] = root(things[0])
    pieces: dict[object, Counter[str]] = defaultdict(Counter)
    bars: dict[object, set[str]] = defaultdict(set)
    for ident, number, _, _ in ports:
        pieces[root(("port", ident, number))][ident] += 1
    for row, bar in enumerate(drawing.busbars, start=len(drawing.lines)):
        bars[root(("line", row))].add(bar.net)
    return [(pieces[key], bars[key]) for key in {*pieces, *bars}]


def assert_shows(drawing: Drawing, station: SingleLine) -> None:
    """Every piece is there once, and what hangs together in the picture is what hangs together in the station."""
    assert drawn_equipment(drawing, station) == expected_equipment(station)
    busbars = {node.path for node in station.nodes() if node.is_busbar}
    assert Counter(bar.net for bar in drawing.busbars) == Counter(busbars)
    wanted = sorted(
        (tuple(sorted(pieces.items())), (node,) if node in busbars else ())
        for node, pieces in expected_connections(station).items()
    )
    wanted += [((), (node,)) for node in busbars - expected_connections(station).keys()]
    seen = sorted((tuple(sorted(pieces.items())), tuple(sorted(bars))) for pieces, bars in seen_connections(drawing))
    assert seen == sorted(wanted)


def assert_reads(drawing: Drawing) -> None:
    """Nothing overlaps, and no wire runs through a symbol or a text."""
    boxes: list[tuple[str, Box]] = [(f"symbol {element.id}", element.box) for element in drawing.elements]
    boxes += [(f"label {label.text}", label.box) for label in drawing.labels]
    boxes += [(f"reading {reading.point}", reading.box) for reading in drawing.readings]
    overlaps = [(one, other) for (one, box), (other, second) in _near(boxes) if box.overlaps(second)]
    assert not overlaps, overlaps[:5]
    wires = [
        (line, Box(left=line.x1 - 0.5, top=line.y1 - 0.5, right=line.x2 + 0.5, bottom=line.y2 + 0.5)) for line in drawing.lines
    ]
    elements = {f"symbol {element.id}": element for element in drawing.elements}
    crossed = [
        (name, line.net)
        for name, box in boxes
        for line, wire in wires
        if box.overlaps(wire) and not _ends_at(line, elements.get(name))
    ]
    assert not crossed, crossed[:5]
    for line in drawing.lines:
        assert line.x1 == line.x2 or line.y1 == line.y2
    lines = [(line.net, line.x1, line.y1, line.x2, line.y2) for line in drawing.lines]
    lines += [(bar.net, bar.x1, bar.y, bar.x2, bar.y) for bar in drawing.busbars]
    tracks: dict[tuple[str, float], list[tuple[float, float, str]]] = defaultdict(list)
    for net, x1, y1, x2, y2 in lines:
        tracks["upright" if x1 == x2 else "level", x1 if x1 == x2 else y1].append((y1, y2, net) if x1 == x2 else (x1, x2, net))
    for track in tracks.values():
        for (start, end, net), (other_start, other_end, other) in combinations(track, 2):
            assert net == other or start > other_end or other_start > end, (net, other)
    for box in (box for _, box in boxes):
        assert box.left >= 0
        assert box.top >= 0
        assert box.right <= drawing.width
        assert box.bottom <= drawing.height


def _near(boxes: list[tuple[str, Box]]) -> list[tuple[tuple[str, Box], tuple[str, Box]]]:
    ordered = sorted(boxes, key=lambda each: each[1].left)
    found = []
    for place, one in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if other[1].left >= one[1].right:
                break
            found.append((one, other))
    return found


def _ends_at(line: Line, element: Element | None) -> bool:
    """Whether a wire ends at the symbol, and outside of it."""
    if element is None:
        return False
    ends = {(round(line.x1, 2), round(line.y1, 2)), (round(line.x2, 2), round(line.y2, 2))}
    is_joined = any((round(joint.x, 2), round(joint.y, 2)) in ends for joint in element.joints)
    return is_joined and not _inside(element, line.x1, line.y1, line.x2, line.y2)


def _inside(element: Element, x1: float, y1: float, x2: float, y2: float) -> bool:
    box = element.box
    return min(x2, box.right) - max(x1, box.left) > 1 or min(y2, box.bottom) - max(y1, box.top) > 1
