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
from tieline.model import ConfigError, EquipmentType, Point, PointKind

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
"""What is shown in a drawing, with so many decimals."""
_AT_BAYS = (
    "active_power",
    "state_of_charge",
    "reactive_power",
    "current",
    "tap_position",
    "oil_temperature",
    "voltage",
    "frequency",
)
_AT_BAYS_ALONE = ("active_power", "state_of_charge", "current", "voltage", *_AT_BAYS)
"""The order at bays where no busbar of their level is measured: the voltage is known at them alone."""
_AT_BUSBARS = ("voltage", "frequency")
_SMALL = {"W", "kW", "var", "kvar", "VA", "kVA", "V"}
"""Units whose fractions say nothing."""
_UNITS = {"tap_position": "tap"}
"""What stands behind a number that has no unit."""
_MOST = 3


def draw_site(utility: Utility, name: str, symbols: SymbolSet | None = None, network: Network | None = None) -> Drawing:
    """The diagram of the site of that name. Raises `ConfigError` where there is no such site or nothing is known of its connectivity."""
    site = utility.site(name)
    if site.single_line is None:
        remedy = "write it in grid/, or give the site an SCL file with a substation"
        raise ConfigError(f"the connectivity of {name} is not described; {remedy}")
    return draw(site.single_line, site.diagram, values_of(site, network or network_of(utility)), symbols)


def values_of(site: Site, network: Network) -> Mapping[str, tuple[Value, ...]]:
    """The measurements of a site's equipment and busbars by their path in the single-line: of each quantity one, at most three."""
    points: dict[str, list[Point]] = {}
    for point in site.plant_points:
        if point.equipment and point.kind is PointKind.ANALOG and point.quantity in _SHOWN:
            points.setdefault(point.equipment, []).append(point)
    station = site.single_line
    assert station is not None
    found: dict[str, tuple[Value, ...]] = {}
    for level in station.levels:
        is_measured = False
        for node in (node for bay in level.bays for node in bay.nodes if node.is_busbar):
            row = network.find_node(node.path)
            mine = _of(points, node.path, None if row is None else network.places[row].name)
            found[node.path] = _chosen(mine, _AT_BUSBARS)
            is_measured |= any(value.quantity == "voltage" for value in found[node.path])
        busbars = {piece.path for bay in level.bays for piece in bay.equipment if piece.type is EquipmentType.BUSBAR}
        for piece in (piece for bay in level.bays for piece in bay.equipment):
            mine = _of(points, piece.path, _name_of(piece.path, network))
            order = _AT_BUSBARS if piece.path in busbars else _AT_BAYS if is_measured else _AT_BAYS_ALONE
            found[piece.path] = _chosen(mine, order)
    for piece in station.transformers:
        found[piece.path] = _chosen(_of(points, piece.path, _name_of(piece.path, network)), _AT_BAYS)
    return {path: values for path, values in found.items() if values}


def _name_of(path: str, network: Network) -> str | None:
    row = network.find_piece(path)
    return None if row is None else network.pieces[row].name


def _of(points: Mapping[str, list[Point]], path: str, name: str | None) -> list[Point]:
    """Those that name a thing by its path or by its name in the network."""
    return [point for each in dict.fromkeys((path, name or path)) for point in points.get(each, ())]


def _chosen(points: list[Point], quantities: tuple[str, ...]) -> tuple[Value, ...]:
    """Of the first quantities that there are the point of all phases, otherwise that of the first; in the order of `_SHOWN`."""
    there = [quantity for quantity in dict.fromkeys(quantities) if any(point.quantity == quantity for point in points)]
    chosen: list[Value] = []
    for quantity in sorted(there[:_MOST], key=list(_SHOWN).index):
        mine = [point for point in points if point.quantity == quantity]
        point = min(mine, key=lambda each: (each.phase not in {"", "ABC"}, each.phase, each.path))
        decimals = 0 if point.unit in _SMALL else _SHOWN[quantity]
        unit = point.unit or _UNITS.get(quantity, "")
        chosen.append(Value(point=point.path, quantity=quantity, unit=unit, decimals=decimals))
    return tuple(chosen)
