"""What is connected with what, once with unknown switches open and once with them closed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tieline.grid.topology.network import Layer, Network
from tieline.grid.topology.partition import Partition
from tieline.grid.topology.states import Levels, Mask, Position, Rows


class Bounds:
    """The components of one layer in both bounds."""

    def __init__(self, layer: Layer, certain: Partition, possible: Partition) -> None:
        self.layer = layer
        self.certain = certain
        """Unknown switches are open."""
        self.possible = possible
        """Unknown switches are closed."""

    def copy(self) -> Bounds:
        """One that can be changed without changing this one."""
        return Bounds(self.layer, self.certain.copy(), self.possible.copy())

    def take(self, state: Levels) -> None:
        """Takes the positions of all switches."""
        of_branch = state[self.layer.switch_of]
        self.certain.move(of_branch == Position.CLOSED)
        self.possible.move(of_branch != Position.OPEN)

    def recompute(self, state: Levels) -> None:
        """Takes the positions of all switches and computes everything anew."""
        of_branch = state[self.layer.switch_of]
        self.certain.recompute(of_branch == Position.CLOSED)
        self.possible.recompute(of_branch != Position.OPEN)

    def reached(self, certain_from: Rows, possible_from: Rows) -> tuple[Mask, Mask]:
        """For each node whether one of those is connected with it: for certain, and possibly."""
        vertex_of = self.layer.vertex_of
        return (
            _marked(self.certain.labels, vertex_of[certain_from])[vertex_of],
            _marked(self.possible.labels, vertex_of[possible_from])[vertex_of],
        )

    def label(self, node: int, *, possible: bool = False) -> int:
        """The component of a node."""
        partition = self.possible if possible else self.certain
        return int(partition.labels[self.layer.vertex_of[node]])

    def together(self, node: int, *, possible: bool = False) -> Mask:
        """For each node whether it is connected with this one."""
        partition = self.possible if possible else self.certain
        mask: Mask = (partition.labels == self.label(node, possible=possible))[self.layer.vertex_of]
        return mask


class Conduction:
    """Energization and earthing for given positions of all switches."""

    def __init__(self, network: Network, *, like: Conduction | None = None) -> None:
        """Nothing is known of any switch, or the same as in another one, from which it is independent."""
        self._network = network
        self.state: Levels
        self.electric: Bounds
        self.galvanic: Bounds
        if like is not None:
            self.state, self.electric, self.galvanic = like.state.copy(), like.electric.copy(), like.galvanic.copy()
            return
        self.state = np.full(len(network.switches), Position.UNKNOWN, np.int8)
        self.electric, self.galvanic = (
            Bounds(layer, Partition(layer.graph), Partition(layer.graph)) for layer in (network.electric, network.galvanic)
        )
        self.recompute()

    def recompute(self) -> None:
        """Computes all connections anew."""
        self.electric.recompute(self.state)
        self.galvanic.recompute(self.state)

    def take(self, state: Levels) -> None:
        """Takes the positions of all switches."""
        self.state = state.copy()
        self.electric.take(state)
        self.galvanic.take(state)

    def supposing(self, positions: Mapping[int, Position]) -> Conduction:
        """What it would be with some switches in other positions; this one stays as it is."""
        trial = Conduction(self._network, like=self)
        state = self.state.copy()
        for switch, position in positions.items():
            state[switch] = position
        trial.take(state)
        return trial

    def energized(self) -> Levels:
        """For each node whether a source reaches it. What no source can reach at all is unknown."""
        sources = self._network.source_nodes
        certain, possible = self.electric.reached(sources, sources)
        return _levels(certain, possible | ~self._network.is_fed)

    def earthed(self) -> Levels:
        """For each node whether a closed earthing switch is connected with it, not through a transformer."""
        of_earthing = self.state[self._network.earthing_switches]
        nodes = self._network.earthing_nodes
        return _levels(*self.galvanic.reached(nodes[of_earthing == Position.CLOSED], nodes[of_earthing != Position.OPEN]))


def _marked(labels: Rows, vertices: Rows) -> Mask:
    is_marked = np.zeros(len(labels), np.bool_)
    is_marked[labels[vertices]] = True
    marked: Mask = is_marked[labels]
    return marked


def _levels(certain: Mask, possible: Mask) -> Levels:
    return certain.astype(np.int8) + possible.astype(np.int8)
