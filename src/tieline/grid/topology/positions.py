"""Positions of switches from the points that tell them; what is not known for certain is unknown.

A position counts when its quality is good and it is neither old, substituted, blocked by an operator nor from a device under test. Of
several points of one switch (a controller's and the switch's own) those that count have to agree; those that do not are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tieline.grid.topology.network import Network
from tieline.grid.topology.states import Levels, Mask, Position, Rows
from tieline.model import VALIDITY, Quality, in_words
from tieline.model.quality import QualityColumn

_UNUSABLE = VALIDITY | int(Quality.OLD_DATA | Quality.SUBSTITUTED | Quality.TEST | Quality.OPERATOR_BLOCKED)

_OPEN, _CLOSED, _BETWEEN, _BAD, _STALE, _SILENT = range(6)
"""What a point says of its switch."""

Values = npt.NDArray[np.float64]


def is_usable(quality: QualityColumn) -> Mask:
    """True where a value may be believed."""
    usable: Mask = (quality & _UNUSABLE) == 0
    return usable


class Positions:
    """The positions of all switches, in columns."""

    def __init__(self, network: Network) -> None:
        """Nothing was heard of any."""
        self._network = network
        points = sorted(network.positions, key=lambda each: each.point)
        self._points = points
        self._ids = np.array([each.point for each in points], np.int64)
        self._is_double = np.array([each.is_double for each in points], np.bool_)
        self._switch_of = np.array([network.switch_row[each.switch] for each in points], np.intp)
        self._says = np.full(len(points), _SILENT, np.int8)
        self._quality = np.zeros(len(points), np.uint16)
        self._votes = np.zeros((len(network.switches), 6), np.int32)
        np.add.at(self._votes, (self._switch_of, self._says), 1)
        self.state: Levels = np.full(len(network.switches), Position.UNKNOWN, np.int8)
        """`Position` of each switch."""

    def update(self, ids: npt.NDArray[np.int64], values: Values, quality: QualityColumn, stale: Mask) -> Rows:
        """Takes samples; returns the rows of the switches whose position changed."""
        if not len(self._ids):
            return np.zeros(0, np.intp)
        rows = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        mine = self._ids[rows] == ids
        if not mine.any():
            return np.zeros(0, np.intp)
        rows = rows[mine]
        says = self._meaning(rows, values[mine], quality[mine], stale[mine])
        before = self._says.copy()
        self._says[rows] = says
        self._quality[rows] = quality[mine]
        rows = np.flatnonzero(self._says != before)
        np.add.at(self._votes, (self._switch_of[rows], before[rows]), -1)
        np.add.at(self._votes, (self._switch_of[rows], self._says[rows]), 1)
        switches = np.unique(self._switch_of[rows])
        state = self._decide(self._votes[switches])
        moved = state != self.state[switches]
        self.state[switches] = state
        changed: Rows = switches[moved]
        return changed

    def why_unknown(self, switch: int) -> str:
        """Why a switch's position is not known, in words."""
        rows = np.flatnonzero(self._switch_of == switch).tolist()
        if not rows:
            return "no point tells its position"
        votes = self._votes[switch]
        if votes[_OPEN] and votes[_CLOSED]:
            return "its points disagree"
        if votes[_BETWEEN]:
            return "it is between its positions, or in a bad one"
        if votes[_BAD]:
            row = next(row for row in rows if self._says[row] == _BAD)
            return f"its quality is {in_words(int(self._quality[row]))}"
        return "its position is stale" if votes[_STALE] else "nothing was heard of its position"

    def _meaning(self, rows: Rows, values: Values, quality: QualityColumn, stale: Mask) -> Levels:
        is_double = self._is_double[rows]
        closed = values == np.where(is_double, 2.0, 1.0)
        is_open = values == np.where(is_double, 1.0, 0.0)
        told = np.where(closed, _CLOSED, np.where(is_open, _OPEN, _BETWEEN))
        says: Levels = np.where(stale, _STALE, np.where(is_usable(quality), told, _BAD)).astype(np.int8)
        return says

    @staticmethod
    def _decide(votes: npt.NDArray[np.int32]) -> Levels:
        is_open, is_closed, is_between = (votes[:, column] > 0 for column in (_OPEN, _CLOSED, _BETWEEN))
        closed = is_closed & ~is_open & ~is_between
        opened = is_open & ~is_closed & ~is_between
        state: Levels = np.where(closed, Position.CLOSED, np.where(opened, Position.OPEN, Position.UNKNOWN)).astype(np.int8)
        return state
