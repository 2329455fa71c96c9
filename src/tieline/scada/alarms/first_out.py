"""First-out: of the alarms of a group, which came first (ISA-18.1, ISA-18.2 clause 11.7).

The first alarm that comes while no other of its group stands is marked; the mark stays until all of the group are normal
again. Where an alarm comes to be known later that was earlier by its device's own, synchronized clock, the mark goes over to
it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieline.model import Quality
from tieline.scada.alarms.conditions import Mask, Qualities, Rows, Times

_TRUSTED = int(Quality.DEVICE_TIME)
_CLOCK = int(Quality.DEVICE_TIME | Quality.CLOCK_NOT_SYNCHRONIZED | Quality.CLOCK_FAILURE)


class FirstOut:
    """The marks of all groups."""

    def __init__(self, groups: Sequence[str]) -> None:
        names = {name: number for number, name in enumerate(dict.fromkeys(name for name in groups if name))}
        self.group = np.array([names.get(name, -1) for name in groups], np.intp)
        self.is_marked = np.zeros(len(groups), np.bool_)
        self._standing = np.zeros(len(names), np.int64)
        self._first = np.full(len(names), -1)

    def recall(self, is_told: Mask, raised: Times) -> None:
        """Goes on from marks that are set in `is_marked` already; of two that are in one group now, the earlier one holds."""
        grouped = np.flatnonzero((self.group >= 0) & is_told)
        np.add.at(self._standing, self.group[grouped], 1)
        marked = np.flatnonzero(self.is_marked & is_told & (self.group >= 0))
        marked = marked[np.argsort(-raised[marked], kind="stable")]
        self._first[self.group[marked]] = marked  # of several, the last stays
        self.is_marked[:] = False
        self.is_marked[self._first[self._first >= 0]] = True

    def move(self, rows: Rows, was_told: Mask, is_told: Mask, raised: Times, quality: Qualities) -> Rows:
        """Follows alarms that came to stand or no longer do; gives the alarms whose marks changed.

        `raised` and `quality` are columns of all alarms.
        """
        grouped = np.flatnonzero((self.group[rows] >= 0) & (was_told != is_told))
        changed: list[int] = []
        for place in grouped[np.argsort(raised[rows[grouped]], kind="stable")].tolist():
            row = int(rows[place])
            group = int(self.group[row])
            if is_told[place]:
                self._standing[group] += 1
                changed += self._came(row, group, raised, quality)
            else:
                self._standing[group] -= 1
                if not self._standing[group]:
                    changed += self._mark(group, -1)
        return np.array(changed, np.intp)

    def _came(self, row: int, group: int, raised: Times, quality: Qualities) -> list[int]:
        first = int(self._first[group])
        if self._standing[group] == 1 or first < 0:
            return self._mark(group, row)
        is_comparable = (quality[row] & _CLOCK) == _TRUSTED and (quality[first] & _CLOCK) == _TRUSTED
        return self._mark(group, row) if is_comparable and raised[row] < raised[first] else []

    def _mark(self, group: int, row: int) -> list[int]:
        first = int(self._first[group])
        self._first[group] = row
        changed = [each for each in (first, row) if each >= 0 and first != row]
        if first >= 0:
            self.is_marked[first] = False
        if row >= 0:
            self.is_marked[row] = True
        return changed
