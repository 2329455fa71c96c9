"""Measured voltage beside what is computed: a disagreement makes the computed state doubtful.

Presence and absence are told as voltage detecting systems tell them (IEC 61243-5, IEC 62271-213): live from 45 % of the nominal voltage,
dead up to 10 %; between them nothing is said.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tieline.grid.topology.network import Network
from tieline.grid.topology.positions import Values, is_usable
from tieline.grid.topology.states import Levels, Mask
from tieline.model.quality import QualityColumn

LIVE_FROM = 0.45
"""Of the nominal voltage."""
DEAD_TO = 0.10

_NOTHING, _DEAD, _LIVE = range(3)


class Voltages:
    """What measured voltages say of their nodes."""

    def __init__(self, network: Network) -> None:
        """Nothing was heard of any."""
        points = sorted(network.voltages, key=lambda each: each.point)
        self._points = points
        self._ids = np.array([each.point for each in points], np.int64)
        self._node_of = np.array([network.node(each.node) for each in points], np.intp)
        self._live_from = np.array([each.live_from for each in points])
        self._dead_to = np.array([each.dead_to for each in points])
        self._says = np.zeros(len(points), np.int8)
        self._value = np.full(len(points), np.nan)
        self._votes = np.zeros((len(network.places), 3), np.int32)
        np.add.at(self._votes, (self._node_of, self._says), 1)

    def update(self, ids: npt.NDArray[np.int64], values: Values, quality: QualityColumn, stale: Mask) -> bool:
        """Takes samples; True where what they say of a node may have changed."""
        if not len(self._ids):
            return False
        rows = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        mine = self._ids[rows] == ids
        if not mine.any():
            return False
        rows, size = rows[mine], np.abs(values[mine])
        told = np.where(size >= self._live_from[rows], _LIVE, np.where(size <= self._dead_to[rows], _DEAD, _NOTHING))
        before = self._says.copy()
        self._says[rows] = np.where(is_usable(quality[mine]) & ~stale[mine], told, _NOTHING)
        self._value[rows] = values[mine]
        rows = np.flatnonzero(self._says != before)
        np.add.at(self._votes, (self._node_of[rows], before[rows]), -1)
        np.add.at(self._votes, (self._node_of[rows], self._says[rows]), 1)
        return bool(len(rows))

    @property
    def is_live(self) -> Mask:
        """For each node whether a voltage is measured there."""
        live: Mask = self._votes[:, _LIVE] > 0
        return live

    def doubtful(self, energized: Levels) -> Mask:
        """For each node whether what is measured there contradicts its level of energization."""
        live = self.is_live
        dead = (self._votes[:, _DEAD] > 0) & ~live
        doubts: Mask = ((energized == 0) & live) | ((energized == 2) & dead)
        return doubts

    def words(self, node: int) -> str:
        """What is measured at a node: `northgate/rtu-1/voltage measures 11.9 kV`."""
        rows = [row for row in np.flatnonzero(self._node_of == node).tolist() if self._says[row] != _NOTHING]
        row = max(rows, key=lambda row: (self._says[row], -self._points[row].point), default=None)
        if row is None:
            return "nothing is measured"
        point = self._points[row]
        return f"{point.path or point.point} measures {self._value[row]:.4g} {point.unit}".rstrip()
