"""Wires for what could not be connected in passing: rings within a bay, and busbars that are far away.

A wire can always be drawn: a new row directly beside a part crosses the vertical wire that ends there and nothing but vertical wires
besides; a new column crosses nothing but horizontal ones.
"""

from __future__ import annotations

from tieline.grid.diagram.sheet import Bar, Port, Sheet, Spot


def join(sheet: Sheet, port: Port, net: str) -> None:
    """Connects a port with the net that it belongs to."""
    bar = sheet.bars.get(net)
    if port.placed.facing.is_vertical and port.index < 2:
        way = 1 if _is_below(port) else -1
        spot = Spot(port.column, sheet.off(port.level, way))
        sheet.wire(net, port, spot)
    else:
        aside = sheet.beside(port.column if _is_right(port) else port.column - sheet.step)
        middle = Spot(aside, port.level)
        spot = Spot(aside, sheet.off(port.level, 1))
        sheet.wire(net, port, middle, spot)
    if bar is not None:
        _to_bar(sheet, spot, bar)
    else:
        _to_net(sheet, spot, net)


def _to_bar(sheet: Sheet, spot: Spot, bar: Bar) -> None:
    aside = sheet.beside(max((*bar.columns, spot.column)))
    sheet.wire(bar.net.id, spot, Spot(aside, spot.level), sheet.touch(bar, aside))


def _to_net(sheet: Sheet, spot: Spot, net: str) -> None:
    handle = next((each for each in sheet.handles.get(net, ()) if each[:2] != (spot.column, spot.level)), None)
    if handle is None:
        return
    column, row, way = handle
    if way == 0:  # a junction in a row: a new column beside it, and from there down
        beside = sheet.beside(column)
        here = Spot(beside, sheet.off(row, 1))
        sheet.wire(net, Spot(column, row), Spot(beside, row), here)
    else:
        here = Spot(column, sheet.off(row, way))
        sheet.wire(net, *_ends_of(sheet, net, column, row, way), here)
    aside = sheet.beside(max(here.column, spot.column))
    sheet.wire(net, spot, Spot(aside, spot.level), Spot(aside, here.level), here)


def _ends_of(sheet: Sheet, net: str, column: float, row: tuple[int, float], way: int) -> tuple[Port, ...]:
    """The port that the handle is at."""
    for placed in sheet.placed:
        if placed.column == column and placed.row == row:
            for index, each in enumerate(placed.ports):
                port = Port(placed, index)
                if each == net and index < 2 and _is_below(port) == (way > 0):
                    return (port,)
    return ()


def _is_below(port: Port) -> bool:
    """Whether a vertical part's port is its lower one."""
    return (port.index == 1) == (port.placed.facing.value == 0)


def _is_right(port: Port) -> bool:
    facing = port.placed.facing.value
    return (port.index, facing) in {(2, 0), (3, 180), (1, 270), (0, 90)}
