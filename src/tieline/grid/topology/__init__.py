"""Switching state of the whole network: what is energized, de-energized, earthed or unknown, from connectivity and switch positions."""

from tieline.grid.topology.building import network_of
from tieline.grid.topology.network import Network, Piece, Place, PositionPoint, VoltagePoint
from tieline.grid.topology.positions import is_usable
from tieline.grid.topology.states import State
from tieline.grid.topology.switching import Changes, Columns, Topology
from tieline.grid.topology.verdicts import Effect, Verdict

__all__ = [
    "Changes",
    "Columns",
    "Effect",
    "Network",
    "Piece",
    "Place",
    "PositionPoint",
    "State",
    "Topology",
    "Verdict",
    "VoltagePoint",
    "is_usable",
    "network_of",
]
