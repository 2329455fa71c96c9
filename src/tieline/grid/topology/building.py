"""The network of a utility, from its electrical model and the single-lines of its SCL files.

Where `grid/` and SCL describe the same (the `scl` column says so), there is one of it, under the name that it has in `grid/`. SCL is more
detailed inside a station: between the two nodes of a breaker in `grid/` it has disconnectors and transformers for instruments. So the
breaker takes the terminals that SCL gives it, provided that SCL leads from one of those two nodes to the other; otherwise it connects both
pairs. A site without SCL is in `grid/` already.

An infeed of SCL is the network beyond. Where `grid/` reaches the place, it knows what is beyond; elsewhere the infeed counts as a source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from tieline.config.folder import Site, Utility
from tieline.config.grid import Equipment, ExternalSource, Grid, Load, Node, Shunt, Switch
from tieline.config.iec61850.rows import Iec61850Row
from tieline.config.quantities import MEASURED, EquipmentKind
from tieline.grid.topology.network import Network, Piece, Place, PositionPoint, VoltagePoint
from tieline.grid.topology.partition import components
from tieline.grid.topology.voltages import DEAD_TO, LIVE_FROM
from tieline.model import EquipmentType, Point, PointKind, SingleLine
from tieline.model.single_line import Equipment as Drawn

_TYPES = {
    EquipmentKind.LINE: EquipmentType.LINE,
    EquipmentKind.TRANSFORMER: EquipmentType.POWER_TRANSFORMER,
    EquipmentKind.SOURCE: EquipmentType.INFEED,
    EquipmentKind.LOAD: EquipmentType.LOAD,
    EquipmentKind.SOLAR: EquipmentType.SOLAR,
    EquipmentKind.STORAGE: EquipmentType.STORAGE,
}
_PHASES_TO_EARTH = {"A", "B", "C"}
_SQRT_3 = 3**0.5


def network_of(utility: Utility) -> Network:
    """The network that a utility folder describes; empty where it has neither `grid/` nor SCL."""
    building = _Building(utility.grid or Grid())
    for site in utility.sites:
        if site.single_line is not None:
            building.add_station(site, site.single_line)
    building.add_sources()
    for point in utility.plant_points:
        building.add_point(point)
    return building.network()


class _Building:
    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._places = {node.name: _place(node) for node in grid.nodes}
        site_of = {node.name: node.site or "" for node in grid.nodes}
        self._pieces = {piece.name: _piece(piece, site_of[piece.nodes[0]]) for piece in grid if not isinstance(piece, Node)}
        self._of_scl = {piece.scl: piece.name for piece in grid if piece.scl}
        self._names: dict[str, str] = {}
        self._infeeds: list[str] = []
        self._positions: dict[int, PositionPoint] = {}
        self._commands: dict[int, str] = {}
        self._voltages: list[VoltagePoint] = []

    def add_station(self, site: Site, station: SingleLine) -> None:
        """What the single-line of an SCL file has; one that was drawn from `grid/` adds nothing."""
        if not any("/" in piece.path for piece in station.equipment()):
            return
        self._find_breakers(station)
        nodes = self._add_nodes(site, station)
        drawn = [(piece, tuple(nodes.get(end, end) for end in piece.nodes)) for piece in station.equipment()]
        drawn = [(piece, ends) for piece, ends in drawn if ends and all(end in self._places for end in ends)]
        reaching = _joined(self._places, (ends for _, ends in drawn))
        owners: dict[str, str] = {}
        for piece, ends in drawn:
            name = self._add_drawn(site, piece, ends, reaching)
            owners.update(dict.fromkeys(piece.logical_nodes, name) if piece.type.is_switch else {})
        self._add_logical_nodes(site, owners)

    def add_sources(self) -> None:
        """Infeeds of SCL become sources where `grid/` does not reach them."""
        joined = _joined(self._places, (pair for piece in self._pieces.values() for pair in piece.branches))
        known = {joined[node.name] for node in self._grid.nodes}
        for name in self._infeeds:
            piece = self._pieces[name]
            if not any(joined[node] in known for node in piece.nodes):
                self._pieces[name] = replace(piece, is_source=True)

    def add_point(self, point: Point) -> None:
        """A position, a voltage or the command of a switch, by the equipment that its point list names."""
        name = self._names.get(point.equipment, point.equipment)
        piece = self._pieces.get(name)
        if point.quantity == "switch_position" and piece is not None and piece.type.is_switch:
            if point.kind is PointKind.CONTROL:
                self._commands[point.id] = name
            else:
                self._add_position(point, name)
        elif point.quantity == "voltage" and point.kind is PointKind.ANALOG:
            node = self._measured_at(point.equipment)
            if node is not None:
                self._add_voltage(point, node)

    def network(self) -> Network:
        """All of it."""
        return Network(
            self._places.values(),
            self._pieces.values(),
            positions=self._positions.values(),
            voltages=self._voltages,
            names=self._names,
            commands=self._commands,
        )

    def _find_breakers(self, station: SingleLine) -> None:
        """A switch of `grid/` that is said to be a bay is the only one of its type there."""
        for level in station.levels:
            for bay in level.bays:
                name = self._of_scl.get(f"{station.name}/{level.name}/{bay.name}", "")
                switch = self._pieces.get(name)
                same = [piece.path for piece in bay.equipment if switch is not None and piece.type is switch.type]
                if switch is not None and switch.type.is_switch and len(same) == 1:
                    self._of_scl.setdefault(same[0], name)

    def _add_nodes(self, site: Site, station: SingleLine) -> dict[str, str]:
        nodes = {}
        for level in station.levels:
            for bay in level.bays:
                for node in bay.nodes:
                    name = self._of_scl.get(node.path)
                    if name in self._places:
                        self._names[node.path] = name
                    else:
                        name = self._free(node.path, site)
                        self._places[name] = Place(
                            name=name, description=node.description, site=site.name, voltage_kv=level.nominal_kv
                        )
                    nodes[node.path] = name
        return nodes

    def _add_drawn(self, site: Site, drawn: Drawn, ends: tuple[str, ...], reaching: dict[str, int]) -> str:
        name = self._of_scl.get(drawn.path, "")
        known = self._pieces.get(name)
        if known is None:
            name = self._free(drawn.path, site)
            self._pieces[name] = Piece(name=name, type=drawn.type, nodes=ends, description=drawn.description, site=site.name)
            if drawn.type is EquipmentType.INFEED:
                self._infeeds.append(name)
            return name
        self._names[drawn.path] = name
        is_detailed = len({reaching[node] for node in (*known.nodes, *ends)}) == 1
        if is_detailed:
            self._pieces[name] = replace(known, nodes=ends)
        elif len(known.nodes) > 1:
            self._pieces[name] = replace(known, nodes=ends, also=tuple(zip(known.nodes, known.nodes[1:], strict=False)))
        return name

    def _add_logical_nodes(self, site: Site, owners: dict[str, str]) -> None:
        """`MBQ01CTRL/XSWI1.Pos.stVal` tells the position of what that logical node is linked to."""
        for device in site.devices:
            for row, point in zip(device.rows, device.points, strict=True):
                if not isinstance(row, Iec61850Row) or point.equipment in self._pieces:
                    continue
                logical_node, _, attribute = row.reference.partition(".")
                name = owners.get(logical_node)
                if name is None:
                    continue
                if attribute == "Pos.stVal" and point.kind in {PointKind.DOUBLE, PointKind.BINARY}:
                    self._add_position(point, name)
                elif attribute.startswith("Pos.") and point.kind is PointKind.CONTROL:
                    self._commands[point.id] = name

    def _add_position(self, point: Point, switch: str) -> None:
        self._positions[point.id] = PositionPoint(
            point=point.id, switch=switch, is_double=point.kind is PointKind.DOUBLE, path=point.path
        )

    def _add_voltage(self, point: Point, node: str) -> None:
        nominal_kv = self._places[node].voltage_kv
        unit = MEASURED["voltage"].units.get(point.unit)
        if nominal_kv is None or unit is None:
            return
        nominal = nominal_kv * 1e3 / unit / (_SQRT_3 if point.phase in _PHASES_TO_EARTH else 1.0)
        self._voltages.append(
            VoltagePoint(
                point=point.id,
                node=node,
                live_from=LIVE_FROM * nominal,
                dead_to=DEAD_TO * nominal,
                unit=point.unit,
                path=point.path,
            )
        )

    def _measured_at(self, equipment: str) -> str | None:
        """The node at which a piece of `grid/` is measured."""
        piece = self._grid.by_name.get(equipment)
        return None if piece is None else piece.nodes[0]

    def _free(self, path: str, site: Site) -> str:
        """The path, with the site before it where another station has the same."""
        return f"{site.name}:{path}" if path in self._places or path in self._pieces else path


def _place(node: Node) -> Place:
    return Place(name=node.name, description=node.description, site=node.site or "", voltage_kv=node.voltage_kv)


def _piece(piece: Equipment, site: str) -> Piece:
    return Piece(
        name=piece.name,
        type=_type_of(piece),
        nodes=piece.nodes,
        description=piece.description,
        site=site,
        is_source=isinstance(piece, ExternalSource),
        load_mw=piece.peak_mw if isinstance(piece, Load) else 0.0,
    )


def _type_of(piece: Equipment) -> EquipmentType:
    if isinstance(piece, Switch):
        return EquipmentType.BREAKER if piece.type == "breaker" else EquipmentType.DISCONNECTOR
    if isinstance(piece, Shunt):
        return EquipmentType.CAPACITOR if piece.reactive_mvar >= 0 else EquipmentType.REACTOR
    return _TYPES[piece.kind]


def _joined(places: Iterable[str], groups: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """For each place a number that is the same for all that these groups connect."""
    rows = {name: row for row, name in enumerate(places)}
    pairs = np.array(list(_pairs(rows, groups)), np.intp).reshape(-1, 2)
    labels = components(len(rows), pairs[:, 0], pairs[:, 1]).tolist()
    return dict(zip(rows, labels, strict=True))


def _pairs(rows: dict[str, int], groups: Iterable[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    for group in groups:
        for other in group[1:]:
            yield rows[group[0]], rows[other]
