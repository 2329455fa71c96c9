"""The network as topology sees it: nodes, pieces of equipment between them, and the points that tell positions and voltages.

Built once, never changed. Two graphs are drawn from it, because energy and earth travel differently: a transformer energizes its other
side, and does not earth it. What conducts always is contracted to one vertex, so that the graphs have nothing but switches for branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline.grid.topology.partition import Graph, components
from tieline.grid.topology.states import Levels, Mask, Rows
from tieline.model import EquipmentType, LocalError

_SEPARATING = {EquipmentType.POWER_TRANSFORMER, EquipmentType.CONVERTER}
"""They hand on energy, and no earth."""
_INSULATING = {EquipmentType.SURGE_ARRESTER, EquipmentType.EARTH_FAULT_NEUTRALIZER, EquipmentType.VOLTAGE_TRANSFORMER}
"""They conduct nothing that counts here."""
_GENERATING = {EquipmentType.SOLAR, EquipmentType.STORAGE, EquipmentType.GENERATOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node."""

    name: str
    description: str = ""
    site: str = ""
    voltage_kv: float | None = None
    """Nominal, between phases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of equipment. Two terminals or more are connected with the first one, for a switch while it is closed."""

    name: str
    type: EquipmentType
    nodes: tuple[str, ...]
    """Without earth: an earthing switch has one."""
    also: tuple[tuple[str, str], ...] = ()
    """Further pairs of nodes that it connects."""
    description: str = ""
    site: str = ""
    is_source: bool = False
    """Whether it energizes its node."""
    load_mw: float = 0.0
    """What its customers take at their peak."""

    @property
    def is_generator(self) -> bool:
        """Whether it may feed what it is connected to, though topology does not count on it."""
        return self.type in _GENERATING

    @property
    def branches(self) -> tuple[tuple[str, str], ...]:
        """The pairs of nodes that it connects."""
        return (*((self.nodes[0], node) for node in self.nodes[1:]), *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPoint:
    """A binary or double point that tells a switch's position."""

    point: int
    switch: str
    is_double: bool = True
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltagePoint:
    """An analog point that measures the voltage of a node. Limits and values are in the point's own unit."""

    point: int
    node: str
    live_from: float
    dead_to: float
    unit: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A graph of switches between vertices, each of which is one node or several that are always connected."""

    graph: Graph
    vertex_of: Rows
    """For each node its vertex."""
    switch_of: Rows
    """For each branch its switch, a row of `Network.switches`."""


class Network:
    """Everything by rows: nodes, pieces and switches have numbers, which index the columns of a `Topology`."""

    def __init__(
        self,
        places: Iterable[Place],
        pieces: Iterable[Piece],
        *,
        positions: Iterable[PositionPoint] = (),
        voltages: Iterable[VoltagePoint] = (),
        names: Mapping[str, str] | None = None,
        commands: Mapping[int, str] | None = None,
    ) -> None:
        """`names` maps other names of pieces and nodes to theirs; `commands` ids of command points to switches.

        Raises `LocalError` where a name is taken twice or refers to nothing, or a piece has no terminal.
        """
        self.places = tuple(places)
        self.pieces = tuple(pieces)
        self.positions = tuple(positions)
        self.voltages = tuple(voltages)
        self._names = dict(names or {})
        self.node_row = _rows("node", [place.name for place in self.places])
        for piece in self.pieces:
            if not piece.nodes:
                raise LocalError(f"{piece.name} is connected with nothing")
        self.piece_row = _rows("piece of equipment", [piece.name for piece in self.pieces])
        self.switch_pieces = tuple(row for row, piece in enumerate(self.pieces) if piece.type.is_switch)
        self.switches = tuple(self.pieces[row].name for row in self.switch_pieces)
        """The names of all switches; a switch's row is its place here."""
        self.switch_row = {name: row for row, name in enumerate(self.switches)}
        self._switch_by_point = {each.point: each.switch for each in self.positions} | dict(commands or {})
        for name in self._switch_by_point.values():
            if name not in self.switch_row:
                raise LocalError(f"there is no switch {name!r}")
        self._ends = _padded([[self._node(name) for name in _terminals(piece)] for piece in self.pieces])
        self.electric = self._layer(_INSULATING)
        self.galvanic = self._layer(_INSULATING | _SEPARATING)
        self.source_nodes = self._nodes_of(lambda piece: piece.is_source)
        self.generator_nodes = self._nodes_of(lambda piece: piece.is_generator)
        earthing = [row for row, name in enumerate(self.switches) if self.is_earthing(name)]
        self.earthing_switches = np.array(earthing, np.intp)
        self.earthing_nodes = np.array([self._node(self.piece(self.switches[row]).nodes[0]) for row in earthing], np.intp)
        self.is_fed = self._find_fed()
        """For each node whether a source reaches it when everything is closed; of others nothing can be said."""

    def piece(self, name: str) -> Piece:
        """The piece of equipment of that name. Raises `LocalError` where there is none."""
        row = self.piece_row.get(self._names.get(name, name))
        if row is None:
            raise LocalError(f"there is no piece of equipment {name!r} in the network")
        return self.pieces[row]

    def switch(self, name: str) -> int:
        """The row of a switch. Raises `LocalError` where there is none of that name."""
        row = self.switch_row.get(self._names.get(name, name))
        if row is None:
            raise LocalError(f"there is no switch {name!r} in the network")
        return row

    def node(self, name: str) -> int:
        """The row of a node. Raises `LocalError` where there is none of that name."""
        return self._node(self._names.get(name, name))

    @property
    def points(self) -> npt.NDArray[np.uint32]:
        """The ids of all points that tell a position or a voltage."""
        ids = {each.point for each in self.positions} | {each.point for each in self.voltages}
        return np.array(sorted(ids), np.uint32)

    def find_node(self, name: str) -> int | None:
        """The row of a node, or None where there is none of that name."""
        return self.node_row.get(self._names.get(name, name))

    def find_piece(self, name: str) -> int | None:
        """The row of a piece of equipment, or None where there is none of that name."""
        return self.piece_row.get(self._names.get(name, name))

    def is_earthing(self, switch: str) -> bool:
        """Whether it connects with earth."""
        return self.piece(switch).type is EquipmentType.EARTHING_SWITCH

    def switch_of(self, point: int) -> str | None:
        """The switch whose position a point tells or commands; None for any other point."""
        return self._switch_by_point.get(point)

    def worst_of(self, nodes: Levels) -> Levels:
        """For each piece the largest of its terminals' values."""
        found: Levels = nodes[self._ends[0]]
        for column in self._ends[1:]:
            found = np.maximum(found, nodes[column])
        return found

    def at(self, nodes: Mask) -> Mask:
        """For each piece whether it has a terminal at one of these nodes."""
        found: Mask = self.worst_of(nodes.astype(np.int8)) > 0
        return found

    def _node(self, name: str) -> int:
        row = self.node_row.get(name)
        if row is None:
            raise LocalError(f"there is no node {name!r} in the network")
        return row

    def _nodes_of(self, belongs: Callable[[Piece], bool]) -> Rows:
        names = {node for piece in self.pieces if belongs(piece) for node in piece.nodes}
        return np.array(sorted(self._node(name) for name in names), np.intp)

    def _layer(self, blocking: set[EquipmentType]) -> Layer:
        always: list[tuple[int, int]] = []
        switched: list[tuple[int, int, int]] = []
        for piece in self.pieces:
            for one, other in piece.branches:
                ends = self._node(one), self._node(other)
                if piece.type.is_switch:
                    switched.append((*ends, self.switch_row[piece.name]))
                elif piece.type not in blocking:
                    always.append(ends)
        fixed = np.array(always, np.intp).reshape(-1, 2)
        members, vertex_of = np.unique(components(len(self.places), fixed[:, 0], fixed[:, 1]), return_inverse=True)
        moving = np.array(switched, np.intp).reshape(-1, 3)
        graph = Graph(len(members), vertex_of[moving[:, 0]], vertex_of[moving[:, 1]])
        return Layer(graph, vertex_of, moving[:, 2])

    def _find_fed(self) -> Mask:
        graph = self.electric.graph
        labels = components(graph.count, graph.one, graph.other)[self.electric.vertex_of]
        fed: Mask = np.isin(labels, labels[self.source_nodes])
        return fed


def _terminals(piece: Piece) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*piece.nodes, *(node for pair in piece.also for node in pair)]))


def _padded(ends: Sequence[Sequence[int]]) -> list[Rows]:
    """The first terminals of all pieces, the second ones, and so on; those that have fewer repeat their first."""
    most = max(map(len, ends), default=1)
    return [np.array([nodes[column] if column < len(nodes) else nodes[0] for nodes in ends], np.intp) for column in range(most)]


def _rows(what: str, names: Sequence[str]) -> dict[str, int]:
    rows = {name: row for row, name in enumerate(names)}
    if len(rows) < len(names):
        twice = next(name for row, name in enumerate(names) if rows[name] != row)
        raise LocalError(f"two of the network have the name {twice!r}: each {what} needs its own")
    return rows
