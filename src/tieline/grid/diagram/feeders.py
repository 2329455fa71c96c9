"""Lays out a long feeder: its trunk in rows from left to right and back, with laterals and loads hanging from it.

Columns are the same in all rows, so that rows end where they should. A row has slots, and a slot has a few columns: parts of the
trunk, then the junction at which something hangs. In a row that runs back the same columns are used in the other order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

from tieline.grid.diagram.hanging import Hanging, Stretch
from tieline.grid.diagram.parts import Part
from tieline.grid.diagram.sheet import Bar, End, Facing, Port, Row, Sheet, Spot
from tieline.grid.diagram.trees import Tree

LONG = 14
"""So many parts in a row make it a feeder."""
_MOST_IN_A_SLOT = 3
_ROWS_BETWEEN = 1_000.0
_WIDTH_TO_HEIGHT = 2.6
"""How many slots wide a drawing should be for each row of it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Parts of the trunk, and the net behind them with what hangs there."""

    parts: tuple[tuple[Part, str], ...]
    """Each with the net that it is reached by."""
    net: str
    hanging: tuple[Part, ...]


def slots_of(tree: Tree) -> list[Slot]:
    """The trunk, which is the longest way through the tree, in slots."""
    slots: list[Slot] = []
    parts: list[tuple[Part, str]] = []
    part: Part | None
    at = tree.start
    part, *others = sorted(tree.children[at], key=lambda root: (-tree.depth[root], -root.order))
    if others:
        slots.append(Slot((), at, tuple(others)))
    while part is not None:
        parts.append((part, at))
        ahead = [(net, child) for net in tree.owned[part] for child in tree.children[net]]
        following = max(ahead, key=lambda step: (tree.depth[step[1]], step[1].order), default=None)
        net = following[0] if following else (tree.owned[part] or [""])[0]
        hanging = tuple(child for child in tree.children.get(net, ()) if following is None or child is not following[1])
        if hanging or following is None or len(parts) == _MOST_IN_A_SLOT:
            slots.append(Slot(tuple(parts), net, hanging))
            parts = []
        part, at = (following[1], net) if following else (None, "")
    return slots


class Feeder:
    """Lays out one feeder in its own rows."""

    def __init__(self, sheet: Sheet, tree: Tree, bars: Mapping[str, Bar], zone: int, base: float, columns: int | None) -> None:
        self._sheet = sheet
        self._tree = tree
        self._bars = bars
        self._zone = zone
        self._base = base
        self._slots = slots_of(tree)
        self._width = columns or max(6, ceil(sqrt(len(self._slots) * _WIDTH_TO_HEIGHT)))
        self._parts = max(1, *(len(slot.parts) for slot in self._slots))
        self._slot_size = self._parts + 2
        self._start = sheet.columns_for((self._width + 1) * self._slot_size)
        self.joins: list[tuple[Port, str]] = []

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return ceil(len(self._slots) / self._width)

    def lay(self, above: End | None) -> None:
        """Lays it out; `above` is where the wire to its first part comes from."""
        last: End | None = None
        if above is not None:
            corner = Spot(above.column, self._row(0))
            self._sheet.wire(self._tree.start, above, corner)
            last = corner
        for number, slot in enumerate(self._slots):
            row, place = divmod(number, self._width)
            is_back = row % 2 == 1
            if number and place == 0:
                last = self._turn(row, self._slots[number - 1].net, last)
            last = self._slot(slot, row, self._width - 1 - place if is_back else place, is_back=is_back, last=last)

    def _slot(self, slot: Slot, row: int, place: int, *, is_back: bool, last: End | None) -> End | None:
        facing = Facing.LEFT if is_back else Facing.RIGHT
        for number, (part, at) in enumerate(slot.parts):
            index = part.nets.index(at) if at in part.nets else 0
            ports = (part.nets[index], *part.nets[:index], *part.nets[index + 1 :]) if part.nets else ()
            column = self._column(place, self._parts - number if is_back else number)
            if len(ports) > 1:
                following = slot.parts[number + 1][1] if number + 1 < len(slot.parts) else slot.net
                rest = [net for net in ports[1:] if net != following]
                if following in ports[1:]:
                    ports = (ports[0], following, *rest, *[following] * (ports[1:].count(following) - 1))
            placed = self._sheet.place(part, column, self._row(row), facing, ports)
            if last is not None:
                self._sheet.wire(at, last, Port(placed, 0))
            for other in range(2, len(ports)):
                self._aside(Port(placed, other), ports[other])
            last = Port(placed, 1) if len(ports) > 1 else Port(placed, 0)
            if len(ports) > 1 and (ports[1] in self._bars or ports[1] not in self._tree.owned[part]):
                self.joins.append((Port(placed, 1), ports[1]))
                return None
        if slot.net:
            column = self._column(place, 0 if is_back else self._parts)
            junction = Spot(column, self._row(row))
            if last is not None:
                self._sheet.wire(slot.net, last, junction)
            if slot.hanging:
                below = Hanging(self._sheet, self._tree, self._bars, Stretch(self._zone, self._row(row)[1] + 1, 1))
                with self._sheet.between(column):
                    below.spread(slot.net, list(slot.hanging), column, 0, junction)
                self.joins += below.joins
            return junction
        return last

    def _turn(self, row: int, net: str, last: End | None) -> Spot | None:
        if last is None:
            return None
        is_right = row % 2 == 1
        column = self._column(self._width, 0) if is_right else self._column(-1, self._slot_size - 1)
        corner, following = Spot(column, self._row(row - 1)), Spot(column, self._row(row))
        self._sheet.wire(net, last, corner, following)
        return following

    def _aside(self, port: Port, net: str) -> None:
        """A third winding in the trunk: what is behind it is laid out below, and joined at last."""
        behind = self._tree.children.get(net, []) if net in self._tree.owned[port.placed.part] else []
        if behind:
            row = self._row(0)[1] + _ROWS_BETWEEN * self.rows
            below = Hanging(self._sheet, self._tree, self._bars, Stretch(self._zone, row, 1))
            below.spread_alone(net, behind, self._sheet.column(), 0)
            self.joins += below.joins
        self.joins.append((port, net))

    def _row(self, row: int) -> Row:
        return (self._zone, self._base + row * _ROWS_BETWEEN)

    def _column(self, place: int, number: float) -> float:
        return self._start + (place + 1) * self._slot_size + number
