"""Lays a tree out downwards from a busbar, or upwards: the way to its end in one column, what branches off beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tieline.grid.diagram.parts import Part
from tieline.grid.diagram.sheet import Bar, End, Facing, Placed, Port, Row, Sheet, Spot
from tieline.grid.diagram.trees import ENDS, STUBS, Tree

_BESIDE = 0.4
"""How far from the column of a bay its stubs are."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of a block: from a place in a zone away from the busbar."""

    zone: int
    base: float
    way: int
    """1 downwards, -1 upwards."""
    end: float | None = None
    """The row at which bays end; None where each ends for itself."""

    def row(self, step: float) -> Row:
        """The row so many steps from the beginning."""
        return (self.zone, self.way * (self.base + step))


class Hanging:
    """Lays out one tree. What it cannot connect in passing is left in `joins`: ports, each with the net it belongs to."""

    def __init__(self, sheet: Sheet, tree: Tree, bars: Mapping[str, Bar], stretch: Stretch) -> None:
        self._sheet = sheet
        self._tree = tree
        self._bars = bars
        self._stretch = stretch
        self._facing = Facing.DOWN if stretch.way > 0 else Facing.UP
        self.joins: list[tuple[Port, str]] = []
        self.ends: list[Placed] = []

    def hang(self, part: Part, at: str, column: float, step: int, above: End | None) -> None:
        """Places a part, its port at the net `at` towards the beginning, and everything behind it. `above` is where its wire comes from."""
        placed = self._place(part, at, column, step)
        first = Port(placed, 0)
        if above is not None:
            self._sheet.wire(at, above, first)
        for index, net in enumerate(placed.ports[1:], start=1):
            self._lead_on(Port(placed, index), net, step)

    def spread(self, net: str, parts: list[Part], column: float, step: int, came: End) -> None:
        """What is behind a net that is reached at a place in this column."""
        stubs = [part for part in parts if part.kind in STUBS]
        others = sorted((part for part in parts if part.kind not in STUBS), key=self._main_first)
        up = [part for part in others if self._returns(part, net)]
        down = [part for part in others if part not in up]
        if not down and not up and stubs and (stubs[-1].kind in ENDS or len(stubs) == 1):
            down.append(stubs.pop())
        last: End = came
        if len(down) > 1 or up:
            junction = Spot(column, self._stretch.row(step))
            self._sheet.wire(net, last, junction)
            last = junction
            for part in up:
                aside = self._sheet.column()
                corner = Spot(aside, self._stretch.row(step))
                self._sheet.wire(net, junction, corner)
                self._raise(part, net, aside, step, corner)
                junction = corner
            step += 1
        corners = junction if len(down) > 1 or up else None
        first = step
        for number, part in enumerate(stubs):
            row = self._stretch.row(step + number // 2)
            side = 1 if number % 2 == 0 else -1
            if number % 2 == 0:
                at = Spot(column, row)
                self._sheet.wire(net, last, at)
                last = at
            beside = column + side * _BESIDE * self._sheet.step
            if side < 0:
                self._sheet.tied[beside] = column
            stub = self._sheet.place(part, beside, row, Facing.RIGHT if side > 0 else Facing.LEFT)
            self._sheet.wire(net, last, Port(stub, 0))
        step += (len(stubs) + 1) // 2
        if down:
            self.hang(down[0], net, column, step, last)
        for part in down[1:]:
            assert corners is not None
            aside = self._sheet.column()
            corner = Spot(aside, self._stretch.row(first - 1))
            self._sheet.wire(net, corners, corner)
            corners = corner
            self.hang(part, net, aside, first, corner)

    def _place(self, part: Part, at: str, column: float, step: int) -> Placed:
        index = part.nets.index(at) if at in part.nets else 0
        ports = part.nets
        if index:
            ports = (ports[index], *ports[:index], *ports[index + 1 :])
        is_end = len(ports) < 2 and part.kind in ENDS
        row = self._stretch.row(step)
        if is_end and self._stretch.end is not None:
            row = self._stretch.row(self._stretch.end)
        placed = self._sheet.place(part, column, row, self._facing, ports)
        placed.is_end = is_end
        if is_end:
            self.ends.append(placed)
        return placed

    def _lead_on(self, port: Port, net: str, step: int) -> None:
        """What is connected to a port at the far side of a part."""
        part, column = port.placed.part, port.column
        if net in self._bars:
            self._reach(port, self._bars[net], step)
            return
        if net not in self._tree.owned[part] or net in port.placed.ports[1 : port.index]:
            self.joins.append((port, net))
            return
        behind = self._tree.children[net]
        if port.index == 1:
            if behind:
                # Parts that lead back up stand one row higher, where a third winding's wire would run through them.
                self.spread(net, behind, column, step + (2 if len(port.placed.ports) > 2 else 1), port)
            return
        if not behind:
            return
        aside = self._sheet.column()
        corner = Spot(aside, port.level)
        if port.index == 2:
            self._sheet.wire(net, port, corner)
            self.spread(net, behind, aside, step + 1, corner)
        else:
            self.joins.append((port, net))
            self.spread_alone(net, behind, aside, step + 1)

    def spread_alone(self, net: str, parts: list[Part], column: float, step: int) -> None:
        """What is behind a net that no wire reaches yet."""
        self.hang(parts[0], net, column, step, None)
        for part in parts[1:]:
            placed_at = self._sheet.column()
            self.hang(part, net, placed_at, step, None)
            self.joins.append((_port_of(self._sheet, part, net), net))

    def _reach(self, port: Port, bar: Bar, step: int) -> None:
        """A wire from a port straight on to a bar, or around where the bar is behind."""
        column = port.column
        if port.index >= 2:
            aside = self._sheet.column() if port.index == 2 else self._sheet.before(column)
            corner = Spot(aside, port.level)
            self._sheet.wire(bar.net.id, port, corner, self._sheet.touch(bar, aside))
            return
        row = port.level
        is_ahead = bar.row > row if self._stretch.way > 0 else bar.row < row
        if is_ahead:
            self._sheet.wire(bar.net.id, port, self._sheet.touch(bar, column))
            return
        below = self._stretch.row(step + 1)
        aside = self._sheet.column()
        self._sheet.wire(bar.net.id, port, Spot(column, below), Spot(aside, below), self._sheet.touch(bar, aside))

    def _raise(self, part: Part, net: str, column: float, step: int, corner: Spot) -> None:
        """A part that leads back to a bar: it stands in the row before, over the corner."""
        facing = Facing.UP if self._facing is Facing.DOWN else Facing.DOWN
        other = next(each for each in part.nets if each != net)
        placed = self._sheet.place(part, column, self._stretch.row(step - 1), facing, (net, other))
        self._sheet.wire(net, corner, Port(placed, 0))
        self._sheet.wire(other, Port(placed, 1), self._sheet.touch(self._bars[other], column))

    def _returns(self, part: Part, net: str) -> bool:
        """Whether a part leads from a net to a bar that is behind."""
        others = [each for each in part.nets if each != net]
        if len(part.nets) != 2 or len(others) != 1 or others[0] not in self._bars:
            return False
        row = self._bars[others[0]].row
        start = self._stretch.row(0)
        return row <= start if self._stretch.way > 0 else row >= start

    def _main_first(self, part: Part) -> tuple[int, int]:
        return (-self._tree.depth.get(part, 1), part.order)


def _port_of(sheet: Sheet, part: Part, net: str) -> Port:
    placed = next(each for each in reversed(sheet.placed) if each.part is part)
    return Port(placed, placed.ports.index(net))
