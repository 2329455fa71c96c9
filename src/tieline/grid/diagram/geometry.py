"""Gives rows and columns their places.

Columns go from left to right, each as far to the left as everything before it in the same rows permits. A wire that ends at a busbar from
above and another that ends there from below do not keep each other away, so each row counts as two halves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from math import ceil
from statistics import median

from tieline.grid.diagram.cells import Cell, bar_cell, cell_of, extents
from tieline.grid.diagram.drawing import Box, Busbar, Dot, Drawing, Element, Joint, Label, Line, Reading
from tieline.grid.diagram.parts import Plan
from tieline.grid.diagram.sheet import Bar, End, Facing, Placed, Port, Row, Sheet, Wire
from tieline.grid.diagram.symbols import SymbolSet, symbol

_GRID = 5.0
_GAP = 9.0
_ROW_GAP = 8.0
_BAR_GAP = 14.0
_MARGIN = 20.0
_UNEVEN = 1.6
"""Bays that need so many times as much room as others stand where they can."""
_UPPER, _LOWER = 0, 1


def drawn(sheet: Sheet, plan: Plan, symbols: SymbolSet = "iec") -> Drawing:
    """The drawing of a sheet."""
    return _Geometry(sheet, plan, symbols).drawing()


class _Geometry:
    def __init__(self, sheet: Sheet, plan: Plan, symbols: SymbolSet) -> None:
        self._sheet = sheet
        self._plan = plan
        self._symbols = symbols
        feet = self._feet()
        self._cells = {placed: cell_of(placed, symbols, feet[placed.row]) for placed in sheet.placed}
        self._names = {bar: bar_cell(bar) for bar in sheet.bars.values() if bar.is_thick}
        self._y = self._rows()
        self._x = self._columns()

    def drawing(self) -> Drawing:
        elements = tuple(self._element(placed) for placed in self._sheet.placed)
        labels: list[Label] = []
        readings: list[Reading] = []
        for placed, cell in self._cells.items():
            self._texts(cell, self._x[placed.column], self._y[placed.row], labels, readings)
        busbars = []
        for bar in self._sheet.bars.values():
            x1, x2 = self._reach(bar)
            if bar.is_thick:
                net = bar.net
                busbars.append(
                    Busbar(
                        id=net.bar_part or net.id, net=net.id, name=net.name, level=net.level, x1=x1, x2=x2, y=self._y[bar.row]
                    )
                )
                self._texts(self._names[bar], x1, self._y[bar.row], labels, readings)
        lines = self._lines()
        everything = [
            *(element.box for element in elements),
            *(label.box for label in labels),
            *(reading.box for reading in readings),
            *(Box(left=each.x1, top=each.y1, right=each.x2, bottom=each.y2) for each in lines),
            *(Box(left=each.x1, top=each.y - 2, right=each.x2, bottom=each.y + 2) for each in busbars),
        ]
        dx = _MARGIN - min((box.left for box in everything), default=0.0)
        dy = _MARGIN - min((box.top for box in everything), default=0.0)
        dx, dy = ceil(dx / _GRID) * _GRID, ceil(dy / _GRID) * _GRID
        drawing = Drawing(
            name=self._plan.name,
            title=self._plan.title,
            width=max((box.right for box in everything), default=0.0) + dx + _MARGIN,
            height=max((box.bottom for box in everything), default=0.0) + dy + _MARGIN,
            symbols=self._symbols,
            levels=self._plan.levels,
            elements=tuple(_moved_element(each, dx, dy) for each in elements),
            busbars=tuple(replace(each, x1=each.x1 + dx, x2=each.x2 + dx, y=each.y + dy) for each in busbars),
            lines=tuple(_moved_line(each, dx, dy) for each in lines),
            dots=(),
            labels=tuple(replace(each, x=each.x + dx, y=each.y + dy, box=_moved(each.box, dx, dy)) for each in labels),
            readings=tuple(replace(each, x=each.x + dx, y=each.y + dy, box=_moved(each.box, dx, dy)) for each in readings),
        )
        return replace(drawing, dots=_dots(drawing))

    def _feet(self) -> dict[Row, float]:
        """How far the symbols at the ends of bays reach outwards, so that the texts below them begin in one line."""
        feet: dict[Row, float] = defaultdict(float)
        for placed in self._sheet.placed:
            if placed.is_end:
                size = extents(placed, symbol(placed.part.kind, self._symbols))
                feet[placed.row] = max(feet[placed.row], size.up if placed.facing is Facing.UP else size.down)
        return feet

    def _rows(self) -> dict[Row, float]:
        up: dict[Row, float] = defaultdict(float)
        down: dict[Row, float] = defaultdict(float)
        bars = {bar.row for bar in self._names}
        for placed, cell in self._cells.items():
            up[placed.row] = max(up[placed.row], cell.up)
            down[placed.row] = max(down[placed.row], cell.down)
        for bar, cell in self._names.items():
            up[bar.row] = max(up[bar.row], cell.up)
            down[bar.row] = max(down[bar.row], 2.0)
        y = 0.0
        found: dict[Row, float] = {}
        before: Row | None = None
        for row in self._sheet.rows():
            if before is not None:
                gap = _BAR_GAP if (row in bars or before in bars) else _ROW_GAP
                y += down[before] + gap + up[row]
                y = ceil(y / _GRID) * _GRID
            found[row] = y
            before = row
        return found

    def _columns(self) -> dict[float, float]:
        """Places of columns; bays of a kind at equal distances where that does not widen the drawing much."""
        x = self._compact({})
        apart: dict[float, tuple[float, float]] = {}
        for columns in self._sheet.beats.values():
            steps = [x[after] - x[before] for before, after in pairwise(columns)]
            if len(steps) > 1:
                usual = median(steps)
                beat = max(step for step in steps if step <= _UNEVEN * usual)
                apart |= {after: (before, beat) for before, after in pairwise(columns) if before < after}
        if apart:
            x = self._compact(apart)
        for column, to in self._sheet.tied.items():
            right = max(cell.right for placed, cell in self._cells.items() if placed.column == column)
            x[column] = max(x[column], (x[to] - right - _GAP) // _GRID * _GRID)
        return x

    def _compact(self, apart: dict[float, tuple[float, float]]) -> dict[float, float]:
        """Greedy from the left: in each half of a row, where the last thing ends.

        In the row of a busbar there is nothing but wires that cross it or end there; those need not keep their order, they must only not
        run into each other.
        """
        number = {row: place for place, row in enumerate(self._sheet.rows())}
        is_bar = {number[bar.row] for bar in self._names}
        solid, loose = self._wants(number, is_bar)
        edge = [[0.0, 0.0] for _ in number]
        after_wires = [[0.0, 0.0] for _ in number]
        wires: dict[tuple[int, int], set[float]] = defaultdict(set)
        x: dict[float, float] = {}
        for column in sorted(solid.keys() | loose.keys()):
            place = _GRID
            if column in apart:
                before, beat = apart[column]
                place = x[before] + beat
            for row, half, left, _ in solid[column]:
                last = max(edge[row][half], after_wires[row][half])
                if last:
                    place = max(place, last + left + _GAP)
            for row, half in loose[column]:
                if edge[row][half]:
                    place = max(place, edge[row][half] + _GAP)
            place = ceil(place / _GRID) * _GRID
            while any(abs(other - place) < _GAP for key in loose[column] for other in wires[key]):
                place += _GRID
            x[column] = place
            for row, half, _, right in solid[column]:
                edge[row][half] = max(edge[row][half], place + right)
            for row, half in loose[column]:
                wires[row, half].add(place)
                after_wires[row][half] = max(after_wires[row][half], place)
        return x

    def _wants(
        self, number: dict[Row, int], is_bar: set[int]
    ) -> tuple[dict[float, list[tuple[int, int, float, float]]], dict[float, list[tuple[int, int]]]]:
        """For each column the halves of rows that it needs, with extents; and those of busbars, which its wires cross or end at."""
        solid: dict[float, list[tuple[int, int, float, float]]] = defaultdict(list)
        loose: dict[float, list[tuple[int, int]]] = defaultdict(list)
        for placed, cell in self._cells.items():
            for half in (_UPPER, _LOWER):
                solid[placed.column].append((number[placed.row], half, cell.left, cell.right))
        for bar, cell in self._names.items():
            assert bar.start is not None
            assert bar.end is not None
            solid[bar.start].append((number[bar.row], _UPPER, 0.0, cell.right))
            for column in (bar.start, bar.end):
                solid[column] += [(number[bar.row], half, 0.0, 0.0) for half in (_UPPER, _LOWER)]
        for wire in self._sheet.wires:
            for column, row, half in self._halves(wire, number):
                if row in is_bar and wire.is_vertical:
                    loose[column].append((row, half))
                else:
                    solid[column].append((row, half, 0.0, 0.0))
        return solid, loose

    def _halves(self, wire: Wire, number: dict[Row, int]) -> Iterable[tuple[float, int, int]]:
        """The halves of rows that a wire keeps for itself."""
        first, last = number[wire.start.level], number[wire.end.level]
        if not wire.is_vertical:
            for end in (wire.start, wire.end):
                if not isinstance(end, Port):
                    yield end.column, first, _UPPER
                    yield end.column, first, _LOWER
            return
        first, last = min(first, last), max(first, last)
        yield wire.start.column, first, _LOWER
        yield wire.start.column, last, _UPPER
        for row in range(first + 1, last):
            yield wire.start.column, row, _UPPER
            yield wire.start.column, row, _LOWER

    def _reach(self, bar: Bar) -> tuple[float, float]:
        found = [self._x[column] for column in (bar.start, bar.end, *bar.columns) if column is not None]
        return min(found), max(found)

    def _element(self, placed: Placed) -> Element:
        x, y, part = self._x[placed.column], self._y[placed.row], placed.part
        size = extents(placed, symbol(part.kind, self._symbols))
        turn = 0 if placed.is_mirrored else placed.facing.value + (180 if placed.is_turned else 0)
        level = min((self._plan.nets[net].level for net in part.nets), default=0)
        return Element(
            id=part.id,
            kind=part.kind,
            name=part.name,
            description=part.description,
            level=level,
            x=x,
            y=y,
            turn=turn % 360,
            is_mirrored=placed.is_mirrored,
            box=Box(left=x - size.left, top=y - size.up, right=x + size.right, bottom=y + size.down),
            joints=tuple(
                Joint(net=net, x=point[0], y=point[1])
                for index, net in enumerate(placed.ports)
                for point in (self._at(Port(placed, index)),)
            ),
            has_position=symbol(part.kind, self._symbols).has_position,
            is_normally_open=part.is_normally_open,
            has_taps=part.has_taps,
        )

    def _at(self, end: End) -> tuple[float, float]:
        x, y = self._x[end.column], self._y[end.level]
        if not isinstance(end, Port):
            return x, y
        size = extents(end.placed, symbol(end.placed.part.kind, self._symbols))
        facing = end.placed.facing
        side = {Facing.DOWN: 0, Facing.RIGHT: 1, Facing.UP: 2, Facing.LEFT: 3}[facing]
        # Ports in the order top, bottom, right, left of a part that faces down; turning it to the right moves the top to the left.
        names = ("up", "down", "right", "left")[end.index]
        ring = ["up", "left", "down", "right"]
        where = ring[(ring.index(names) + side) % 4]
        if end.index >= 2 and end.placed.is_mirrored:
            where = names
        return {
            "up": (x, y - size.up),
            "down": (x, y + size.down),
            "left": (x - size.left, y),
            "right": (x + size.right, y),
        }[where]

    def _lines(self) -> tuple[Line, ...]:
        found: list[Line] = []
        for wire in self._sheet.wires:
            ends = sorted((self._at(wire.start), self._at(wire.end)))
            found.append(self._line(wire.net, *ends))
        for bar in self._sheet.bars.values():
            if not bar.is_thick:
                x1, x2 = self._reach(bar)
                found.append(self._line(bar.net.id, (x1, self._y[bar.row]), (x2, self._y[bar.row])))
        return tuple(line for line in found if (line.x1, line.y1) != (line.x2, line.y2))

    def _line(self, net: str, start: tuple[float, float], end: tuple[float, float]) -> Line:
        (x1, y1), (x2, y2) = sorted((start, end))
        return Line(net=net, level=self._plan.nets[net].level, x1=x1, y1=min(y1, y2), x2=x2, y2=max(y1, y2))

    def _texts(self, cell: Cell, x: float, y: float, labels: list[Label], readings: list[Reading]) -> None:
        labels += [replace(each, x=each.x + x, y=each.y + y, box=_moved(each.box, x, y)) for each in cell.labels]
        readings += [replace(each, x=each.x + x, y=each.y + y, box=_moved(each.box, x, y)) for each in cell.readings]


def _moved(box: Box, dx: float, dy: float) -> Box:
    return Box(left=box.left + dx, top=box.top + dy, right=box.right + dx, bottom=box.bottom + dy)


def _moved_line(line: Line, dx: float, dy: float) -> Line:
    return replace(line, x1=line.x1 + dx, y1=line.y1 + dy, x2=line.x2 + dx, y2=line.y2 + dy)


def _moved_element(element: Element, dx: float, dy: float) -> Element:
    joints = tuple(replace(joint, x=joint.x + dx, y=joint.y + dy) for joint in element.joints)
    return replace(element, x=element.x + dx, y=element.y + dy, box=_moved(element.box, dx, dy), joints=joints)


def _dots(drawing: Drawing) -> tuple[Dot, ...]:
    """Junctions of three wires and more, and where wires end at a busbar."""
    arms: dict[tuple[str, float, float], set[str]] = defaultdict(set)
    levels = {line.net: line.level for line in drawing.lines}
    across: dict[str, dict[float, list[Line]]] = defaultdict(lambda: defaultdict(list))
    down: dict[str, dict[float, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in drawing.lines:
        if line.x1 == line.x2:
            down[line.net][line.x1].append(line)
            arms[line.net, line.x1, line.y1].add("down")
            arms[line.net, line.x2, line.y2].add("up")
        else:
            across[line.net][line.y1].append(line)
            arms[line.net, line.x1, line.y1].add("right")
            arms[line.net, line.x2, line.y2].add("left")
    for (net, x, y), found in arms.items():
        if any(line.x1 < x < line.x2 for line in across[net].get(y, ())):
            found |= {"left", "right"}
        if any(line.y1 < y < line.y2 for line in down[net].get(x, ())):
            found |= {"up", "down"}
    bars = {(bar.net, bar.y) for bar in drawing.busbars}
    return tuple(
        Dot(net=net, level=levels[net], x=x, y=y)
        for (net, x, y), found in sorted(arms.items())
        if len(found) > 2 or ((net, y) in bars and found & {"up", "down"})
    )
