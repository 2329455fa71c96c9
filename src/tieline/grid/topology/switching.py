"""The switching state of a network, kept as positions and voltages come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline.grid.topology import verdicts
from tieline.grid.topology.conduction import Conduction
from tieline.grid.topology.network import Network
from tieline.grid.topology.positions import Positions
from tieline.grid.topology.states import Levels, Mask, Position, Rows, State, known, states_of
from tieline.grid.topology.verdicts import Effect, Verdict
from tieline.grid.topology.voltages import Voltages


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Changes:
    """What an update changed, as rows of the network; falsy where that is nothing."""

    network: Network
    switch_rows: Rows
    """Switches whose position changed."""
    node_rows: Rows
    """Nodes whose state, earthing or doubt changed."""
    piece_rows: Rows
    """Equipment whose state changed."""

    def __bool__(self) -> bool:
        return bool(len(self.switch_rows) or len(self.node_rows) or len(self.piece_rows))

    @property
    def switches(self) -> tuple[str, ...]:
        """The names of the switches."""
        return tuple(self.network.switches[row] for row in self.switch_rows.tolist())

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(self.network.places[row].name for row in self.node_rows.tolist())

    @property
    def equipment(self) -> tuple[str, ...]:
        """The names of the equipment."""
        return tuple(self.network.pieces[row].name for row in self.piece_rows.tolist())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Columns:
    """The whole state, by rows of the network; not to be changed."""

    node_state: Levels
    """`State` of each node."""
    piece_state: Levels
    """`State` of each piece of equipment: that of its most dangerous terminal."""
    energized: Levels
    """For each node 0 no, 1 unknown, 2 yes."""
    earthed: Levels
    is_doubtful: Mask
    """For each node whether a voltage that is measured there contradicts it."""


class Topology:
    """What is energized, de-energized, earthed or unknown. Belongs to one thread; knows no clock."""

    def __init__(self, network: Network) -> None:
        """No position is known yet."""
        self.network = network
        self.positions = Positions(network)
        self.voltages = Voltages(network)
        self.conduction = Conduction(network)
        self.revision = 0
        """Grows by one with each update that changed something."""
        self.columns = self._compute()

    def update(
        self,
        points: npt.ArrayLike,
        values: npt.ArrayLike,
        qualities: npt.ArrayLike = 0,
        stale: npt.ArrayLike = False,
    ) -> Changes:
        """Takes samples, in columns; points that tell neither a position nor a voltage are passed over.

        `stale` is True where a value is too old to be believed. Give it again with the same value when that changes.
        """
        ids = np.atleast_1d(np.asarray(points, np.int64))
        value = np.broadcast_to(np.asarray(values, np.float64), ids.shape)
        quality = np.broadcast_to(np.asarray(qualities, np.uint16), ids.shape)
        is_stale = np.broadcast_to(np.asarray(stale, np.bool_), ids.shape)
        moved = self.positions.update(ids, value, quality, is_stale)
        if len(moved):
            self.conduction.take(self.positions.state)
        is_measured = self.voltages.update(ids, value, quality, is_stale)
        if not len(moved) and not is_measured:
            none = np.zeros(0, np.intp)
            return Changes(network=self.network, switch_rows=none, node_rows=none, piece_rows=none)
        before, self.columns = self.columns, self._compute()
        now = self.columns
        differs = (
            (now.node_state != before.node_state) | (now.earthed != before.earthed) | (now.is_doubtful != before.is_doubtful)
        )
        changes = Changes(
            network=self.network,
            switch_rows=moved,
            node_rows=np.flatnonzero(differs),
            piece_rows=np.flatnonzero(now.piece_state != before.piece_state),
        )
        self.revision += bool(changes)
        return changes

    def recompute(self) -> None:
        """Computes everything from the positions, whatever was computed before."""
        self.conduction.recompute()
        self.columns = self._compute()

    def state(self, name: str) -> State:
        """The state of a node or a piece of equipment. Raises `LocalError` where there is none of that name."""
        row = self.network.find_node(name)
        if row is not None:
            return State(int(self.columns.node_state[row]))
        return State(int(self.columns.piece_state[self.network.piece_row[self.network.piece(name).name]]))

    def is_energized(self, node: str) -> bool | None:
        """Whether a source reaches the node; None where that is not known."""
        return known(int(self.columns.energized[self.network.node(node)]))

    def is_earthed(self, node: str) -> bool | None:
        """Whether a closed earthing switch is connected with the node; None where that is not known."""
        return known(int(self.columns.earthed[self.network.node(node)]))

    def position(self, switch: str) -> bool | None:
        """True where the switch is closed, False where open, None where that is not known."""
        return {Position.OPEN: False, Position.CLOSED: True}.get(Position(int(self.positions.state[self.network.switch(switch)])))

    def why_unknown(self, switch: str) -> str:
        """Why a switch's position is not known, in words."""
        return self.positions.why_unknown(self.network.switch(switch))

    def doubts(self) -> dict[str, str]:
        """The nodes whose computed state a measured voltage contradicts, each with the reason in words."""
        return {
            self.network.places[
                row
            ].name: f"computed {State(int(self.columns.node_state[row])).words}, but {self.voltages.words(row)}"
            for row in np.flatnonzero(self.columns.is_doubtful).tolist()
        }

    def would_parallel(self, switch: str) -> Verdict:
        """Whether closing the switch closes a loop or connects two energized islands; `ok` where neither."""
        return verdicts.would_parallel(self, switch)

    def synchrocheck_needed(self, switch: str) -> Verdict:
        """Whether the switch may be closed only with a synchrocheck; `ok` where it needs none."""
        return verdicts.synchrocheck_needed(self, switch)

    def would_energize(self, switch: str) -> Effect:
        """What closing the switch energizes; not `ok` where something of that is earthed."""
        return verdicts.would_energize(self, switch)

    def would_deenergize(self, switch: str) -> Effect:
        """What opening the switch takes the voltage from; `ok` where that is nothing."""
        return verdicts.would_deenergize(self, switch)

    def would_earth_live(self, switch: str) -> Verdict:
        """Whether closing an earthing switch earths something that is energized, or may be; `ok` where not."""
        return verdicts.would_earth_live(self, switch)

    def _compute(self) -> Columns:
        energized, earthed = self.conduction.energized(), self.conduction.earthed()
        nodes = states_of(energized, earthed)
        return Columns(
            node_state=nodes,
            piece_state=self.network.worst_of(nodes),
            energized=energized,
            earthed=earthed,
            is_doubtful=self.voltages.doubtful(energized),
        )
