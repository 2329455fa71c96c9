"""What stands in a cell besides the symbol: its name, the name of its bay, its measurements; and how much room all of it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tieline.grid.diagram.drawing import Anchor, Box, Label, Reading
from tieline.grid.diagram.parts import Part, Value
from tieline.grid.diagram.sheet import Bar, Facing, Placed
from tieline.grid.diagram.symbols import Symbol, SymbolSet, symbol
from tieline.grid.diagram.text import shortened, text_width

NAME_SIZE = 10.0
TITLE_SIZE = 11.0
BAR_SIZE = 12.0
VALUE_SIZE = 11.0
UNIT_SIZE = 9.0
_LINE = 13.0
_VALUE_WIDTH = 44.0
_UNIT_WIDTH = 27.0
_SUBTITLE_WIDTH = 92.0
_MOST_VALUES = 3
_GAP = 4.0
_TAPS = 15.0
"""How far the arrow of a tap changer reaches."""


@dataclass(slots=True)
class Cell:
    """Extents in pixels from the center, and texts with places relative to it."""

    left: float
    right: float
    up: float
    down: float
    labels: list[Label]
    readings: list[Reading]


def cell_of(placed: Placed, symbols: SymbolSet, foot: float = 0.0) -> Cell:
    """The cell of a part. `foot` is how far from its center the text at the end of its bay begins at least."""
    drawn = extents(placed, symbol(placed.part.kind, symbols))
    cell = Cell(drawn.left, drawn.right, drawn.up, drawn.down, [], [])
    if placed.part.has_taps:
        cell.left, cell.right = max(cell.left, _TAPS), max(cell.right, _TAPS)
    if placed.is_end:
        _foot(cell, placed, foot)
    elif placed.facing.is_vertical and not (len(placed.ports) > 2):
        _beside(cell, placed.part, _values(placed))
    else:
        _above(cell, placed.part, _values(placed), below=placed.facing.is_vertical)
    return cell


def extents(placed: Placed, drawn: Symbol) -> Symbol:
    """The symbol's extents as it is turned."""
    facing = placed.facing
    if placed.is_turned:
        facing = {Facing.DOWN: Facing.UP, Facing.UP: Facing.DOWN, Facing.LEFT: Facing.RIGHT, Facing.RIGHT: Facing.LEFT}[facing]
    sides = {
        Facing.DOWN: (drawn.up, drawn.down, drawn.left, drawn.right),
        Facing.UP: (drawn.down, drawn.up, drawn.right, drawn.left),
        Facing.RIGHT: (drawn.right, drawn.left, drawn.up, drawn.down),
        Facing.LEFT: (drawn.left, drawn.right, drawn.down, drawn.up),
    }
    up, down, left, right = sides[facing]
    if placed.is_mirrored:
        left, right = right, left
    return replace(drawn, up=up, down=down, left=left, right=right)


def bar_cell(bar: Bar) -> Cell:
    """The name of a busbar and what is measured there, above its left end: extents to the right of where it begins."""
    cell = Cell(0, 0, 0, 0, [], [])
    width = text_width(bar.net.name, BAR_SIZE)
    _label(cell, bar.net.name, 0, -7, "start", "bar-name", bar.net.id, BAR_SIZE)
    x = width + 10
    for value in bar.net.values[:2]:
        _reading(cell, value, x + _VALUE_WIDTH, -7, bar.net.id)
        x += _VALUE_WIDTH + _UNIT_WIDTH + 6
    return cell


def _values(placed: Placed) -> tuple[Value, ...]:
    return placed.part.values if not placed.is_shown else ()


def _foot(cell: Cell, placed: Placed, foot: float) -> None:
    """Name, where it leads to, values: outside of the end."""
    part = placed.part
    is_down = placed.facing is not Facing.UP
    values = [value for each in placed.footer or (part,) for value in each.values][:_MOST_VALUES]
    subtitle = shortened(part.subtitle, UNIT_SIZE, _SUBTITLE_WIDTH) if part.subtitle else ""
    count = 1 + bool(subtitle) + len(values)
    y = max(cell.down, foot) + 12 if is_down else -max(cell.up, foot) - 5 - (count - 1) * _LINE
    _label(cell, part.title or part.name, 0, y, "middle", "title", part.id, TITLE_SIZE)
    if subtitle:
        y += _LINE
        _label(cell, subtitle, 0, y, "middle", "subtitle", part.id, UNIT_SIZE)
    for value in values:
        y += _LINE
        _reading(cell, value, 8, y, part.id)


def _beside(cell: Cell, part: Part, values: tuple[Value, ...]) -> None:
    """The name to the right of the symbol, values below it."""
    x = cell.right + _GAP
    lines = 1 + min(len(values), _MOST_VALUES)
    y = 3.5 - (lines - 1) * _LINE / 2
    _label(cell, part.name, x, y, "start", "name", part.id, NAME_SIZE)
    for value in values[:_MOST_VALUES]:
        y += _LINE
        _reading(cell, value, x + _VALUE_WIDTH - 4, y, part.id)


def _above(cell: Cell, part: Part, values: tuple[Value, ...], *, below: bool) -> None:
    """The name over the symbol, values over the name; beside the wire where that comes from above."""
    y = -cell.up - 4
    anchor: Anchor = "start" if below else "middle"
    x = _GAP if below else (cell.right - cell.left) / 2
    lines = values[:_MOST_VALUES]
    top = y - len(lines) * _LINE
    _label(cell, part.name, x, top, anchor, "name", part.id, NAME_SIZE)
    for value in lines:
        top += _LINE
        _reading(cell, value, x + (_VALUE_WIDTH if below else 8), top, part.id)


def _label(cell: Cell, text: str, x: float, y: float, anchor: Anchor, style: str, of: str, size: float) -> None:
    width = text_width(text, size)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    box = Box(left=left, top=y - size * 0.8, right=left + width, bottom=y + size * 0.25)
    cell.labels.append(Label(text=text, x=x, y=y, anchor=anchor, style=style, of=of, box=box))  # type: ignore[arg-type]
    _stretch(cell, box)


def _reading(cell: Cell, value: Value, x: float, y: float, of: str) -> None:
    box = Box(left=x - _VALUE_WIDTH, top=y - VALUE_SIZE * 0.85, right=x + _UNIT_WIDTH, bottom=y + VALUE_SIZE * 0.25)
    cell.readings.append(
        Reading(point=value.point, quantity=value.quantity, unit=value.unit, decimals=value.decimals, x=x, y=y, of=of, box=box)
    )
    _stretch(cell, box)


def _stretch(cell: Cell, box: Box) -> None:
    cell.left, cell.right = max(cell.left, -box.left), max(cell.right, box.right)
    cell.up, cell.down = max(cell.up, -box.top), max(cell.down, box.bottom)
