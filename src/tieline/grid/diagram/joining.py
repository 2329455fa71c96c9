"""Wires for what could not be connected in passing: rings within a bay, and busbars that are far away.

A wire can always be drawn: a new row directly beside a part crosses the vertical wire that ends there and nothing but vertical wires
besides; a new column crosses nothing but horizontal ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tieline.grid.diagram.sheet import Bar, Facing, Port, Sheet, Spot


def join_all(sheet: Sheet, joins: Sequence[tuple[Port, str]]) -> None:
    """Connects ports with the nets that they belong to."""
    pending = {(port.placed, port.index) for port, _ in joins}
    ports: dict[str, list[Port]] = defaultdict(list)
    for placed in sheet.placed:
        for index, net in enumerate(placed.ports):
            if (placed, index) not in pending:
                ports[net].append(Port(placed, index))
    for port, net in joins:
        bar = sheet.bars.get(net)
        if bar is not None:
            _to_bar(sheet, port, bar)
        elif ports[net]:
            _to_port(sheet, net, port, min(ports[net], key=lambda other: _distance(port, other)))
        ports[net].append(port)


def _distance(port: Port, other: Port) -> tuple[bool, float]:
    """Ports that a row can be put beside come first, then those that are near."""
    return not (other.placed.facing.is_vertical and other.index < 2), abs(port.column - other.column)


def _to_bar(sheet: Sheet, port: Port, bar: Bar) -> None:
    spot = _beside(sheet, port, bar.net.id)
    aside = sheet.beside(max(bar.columns, default=spot.column))
    sheet.wire(bar.net.id, spot, Spot(aside, spot.level), sheet.touch(bar, aside))


def _to_port(sheet: Sheet, net: str, port: Port, other: Port) -> None:
    here, there = _beside(sheet, port, net), _beside(sheet, other, net)
    aside = sheet.beside(max(here.column, there.column))
    sheet.wire(net, here, Spot(aside, here.level), Spot(aside, there.level), there)


def _beside(sheet: Sheet, port: Port, net: str) -> Spot:
    """A place in a row that has no part in it, connected with the port."""
    if port.placed.facing.is_vertical and port.index < 2:
        is_below = (port.index == 1) == (port.placed.facing is Facing.DOWN)
        spot = Spot(port.column, sheet.off(port.level, 1 if is_below else -1))
        sheet.wire(net, port, spot)
        return spot
    aside = sheet.beside(port.column) if _is_right(port) else sheet.before(port.column)
    spot = Spot(aside, sheet.off(port.level, 1))
    sheet.wire(net, port, Spot(aside, port.level), spot)
    return spot


def _is_right(port: Port) -> bool:
    """Whether a port is at the right-hand side of its part."""
    if port.placed.facing.is_vertical:
        return port.index == 2
    return (port.index == 1) == (port.placed.facing is Facing.RIGHT)
