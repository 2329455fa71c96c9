"""The sheet: parts and wires in rows and columns that have an order, and no sizes yet.

Theory of operation. Every part has a cell of its own, and every wire runs along a row or a column. A row or column is a number
that sorts; a new one fits between any two. A wire runs through a cell with a part in it only where it ends there, so nothing is crossed but
wires by wires, at right angles. `geometry` gives the rows and columns their places, with room for the largest thing in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from tieline.grid.diagram.parts import Net, Part

_MOST_BETWEEN = 1_000

Row = tuple[int, float]
"""A zone and a place in it."""


class Facing(Enum):
    """Where the way through a part leads, from its first port here to the second; the number is the angle."""

    DOWN = 0
    LEFT = 90
    UP = 180
    RIGHT = 270

    @property
    def is_vertical(self) -> bool:
        """Whether the first two ports are one above the other."""
        return self in {Facing.DOWN, Facing.UP}


@dataclass(slots=True, eq=False)
class Placed:
    """A part in its cell."""

    part: Part
    column: float
    row: Row
    facing: Facing
    ports: tuple[str, ...]
    """Nets in the order of the drawn ports: another order than the part's own where a winding changes places with another."""
    is_end: bool = False
    """The end of a bay, with the bay's name and values."""
    footer: tuple[Part, ...] = ()
    """Parts whose values it shows."""
    is_shown: bool = False
    """Whether another one shows its values."""

    @property
    def is_mirrored(self) -> bool:
        """Whether the symbol is drawn upside down rather than turned, so that its third port stays at the right."""
        return len(self.ports) > 2 and self.facing is Facing.UP

    @property
    def is_turned(self) -> bool:
        """Whether the symbol's own first port is not the first one here."""
        return len(self.ports) == 2 and self.ports != self.part.nets


@dataclass(slots=True, eq=False)
class Bar:
    """A net that is drawn as one horizontal line at which others hang: a busbar, or a corner of a ring."""

    net: Net
    row: Row
    is_thick: bool
    columns: set[float] = field(default_factory=set)
    start: float | None = None
    """Columns in which nothing but bars begin and end."""
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a wire: a corner, or a junction. `row` is a bar where it is on that."""

    column: float
    row: Row | Bar

    @property
    def level(self) -> Row:
        """The row it is in."""
        return self.row.row if isinstance(self.row, Bar) else self.row


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """A port of a part."""

    placed: Placed
    index: int

    @property
    def column(self) -> float:
        """The part's column."""
        return self.placed.column

    @property
    def level(self) -> Row:
        """The part's row."""
        return self.placed.row


End = Spot | Port


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A straight line of a net."""

    net: str
    start: End
    end: End

    @property
    def is_vertical(self) -> bool:
        """Whether it runs along a column."""
        return self.start.column == self.end.column


class Sheet:
    """Everything that is drawn, with its rows and columns."""

    def __init__(self) -> None:
        self.placed: list[Placed] = []
        self.wires: list[Wire] = []
        self.bars: dict[str, Bar] = {}
        self.tied: dict[float, float] = {}
        """Columns that stand close to the left of another."""
        self.beats: dict[str, list[float]] = {}
        """Columns that should be equally far apart."""
        self._fresh = 0
        self._column = 0.0
        self.step = 1.0
        """How far apart new columns are."""

    def place(
        self, part: Part, column: float, row: Row, facing: Facing = Facing.DOWN, ports: tuple[str, ...] | None = None
    ) -> Placed:
        """Puts a part into a cell."""
        placed = Placed(part, column, row, facing, ports or part.nets)
        self.placed.append(placed)
        return placed

    def wire(self, net: str, *ends: End) -> None:
        """A line through all these places."""
        for start, end in pairwise(ends):
            if start.column != end.column or start.level != end.level:
                self.wires.append(Wire(net, start, end))

    def touch(self, bar: Bar, column: float) -> Spot:
        """A place on a bar."""
        bar.columns.add(column)
        return Spot(column, bar)

    def column(self) -> float:
        """A new column to the right of all that were given, or of those given within `between`."""
        self._column += self.step
        return self._column

    @contextmanager
    def between(self, column: float) -> Iterator[None]:
        """While it lasts, new columns are directly to the right of this one, before the next whole number."""
        before = self._column, self.step
        self._column, self.step = column, 1 / _MOST_BETWEEN
        try:
            yield
        finally:
            self._column, self.step = before

    def columns_for(self, count: int) -> float:
        """The first of so many new columns, one apart."""
        first = self._column + 1.0
        self._column += count + 1.0
        return first

    def beside(self, column: float) -> float:
        """A new column directly to the right of that one."""
        self._fresh += 1
        return column + self.step * (0.45 + self._fresh * 1e-6)

    def before(self, column: float) -> float:
        """A new column directly to the left of that one."""
        self._fresh += 1
        return column - self.step * (0.45 + self._fresh * 1e-6)

    def off(self, row: Row, way: int) -> Row:
        """A new row directly below (1) or above (-1) that one."""
        self._fresh += 1
        return (row[0], row[1] + way * (0.3 - self._fresh * 1e-6))

    def rows(self) -> list[Row]:
        """All rows, from the top."""
        found = {placed.row for placed in self.placed} | {bar.row for bar in self.bars.values()}
        found |= {end.level for wire in self.wires for end in (wire.start, wire.end)}
        return sorted(found)

    def columns(self) -> list[float]:
        """All columns, from the left."""
        found = {placed.column for placed in self.placed}
        found |= {end.column for wire in self.wires for end in (wire.start, wire.end)}
        for bar in self.bars.values():
            found |= {column for column in (bar.start, bar.end, *bar.columns) if column is not None}
        return sorted(found)


def span(columns: Iterable[float]) -> tuple[float, float] | None:
    """The first and the last; None where there is none."""
    found = sorted(columns)
    return (found[0], found[-1]) if found else None
