"""The single-line diagram of a site of a utility: with its layout file, and the measurements that its points give."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.config import Utility
from tieline.config.folder import Site
from tieline.grid.diagram.drawing import Drawing
from tieline.grid.diagram.making import draw
from tieline.grid.diagram.parts import Value
from tieline.grid.diagram.symbols import SymbolSet
from tieline.grid.topology import Network, network_of
from tieline.model import ConfigError, Point, PointKind

_SHOWN = {
    "active_power": 2,
    "reactive_power": 2,
    "current": 0,
    "voltage": 2,
    "frequency": 3,
    "state_of_charge": 1,
    "tap_position": 0,
    "oil_temperature": 1,
}
"""What is shown in a drawing, in this order, with so many decimals."""
_AT_BUSBARS = {"voltage", "frequency"}
_MOST = 4


def draw_site(utility: Utility, name: str, symbols: SymbolSet | None = None, network: Network | None = None) -> Drawing:
    """The diagram of the site of that name. Raises `ConfigError` where there is no such site or nothing is known of its connectivity."""
    site = utility.site(name)
    if site.single_line is None:
        remedy = "write it in grid/, or give the site an SCL file with a substation"
        raise ConfigError(f"the connectivity of {name} is not described; {remedy}")
    return draw(site.single_line, site.diagram, values_of(site, network or network_of(utility)), symbols)


def values_of(site: Site, network: Network) -> Mapping[str, tuple[Value, ...]]:
    """The measurements of a site's equipment and busbars by their path in the single-line: of each quantity one, at most four."""
    points: dict[str, list[Point]] = {}
    for point in site.plant_points:
        if point.equipment and point.kind is PointKind.ANALOG and point.quantity in _SHOWN:
            points.setdefault(point.equipment, []).append(point)
    assert site.single_line is not None
    found: dict[str, tuple[Value, ...]] = {}
    for piece in site.single_line.equipment():
        row = network.find_piece(piece.path)
        names = dict.fromkeys((piece.path, network.pieces[row].name if row is not None else piece.path))
        mine = [point for name in names for point in points.get(name, ())]
        if mine:
            found[piece.path] = _chosen(mine, set(_SHOWN))
    for node in site.single_line.nodes():
        row = network.find_node(node.path)
        names = dict.fromkeys((node.path, network.places[row].name if row is not None else node.path))
        mine = [point for name in names for point in points.get(name, ())]
        if mine and node.is_busbar:
            found[node.path] = _chosen(mine, _AT_BUSBARS)
    return found


def _chosen(points: list[Point], quantities: set[str]) -> tuple[Value, ...]:
    """Of each quantity the point of all phases, otherwise that of the first."""
    chosen: list[Value] = []
    for quantity, decimals in _SHOWN.items():
        mine = [point for point in points if point.quantity == quantity and quantity in quantities]
        if mine:
            point = min(mine, key=lambda each: (each.phase not in {"", "ABC"}, each.phase, each.path))
            chosen.append(Value(point=point.path, quantity=quantity, unit=point.unit, decimals=decimals))
    return tuple(chosen[:_MOST])
