"""Whether sites and their devices are heard: the conditions of communication alarms, and a mark on the alarms of those that are
not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tieline.config.alarm_plan import AlarmPlan
from tieline.model.alarms import AlarmKind
from tieline.scada.alarms.conditions import Observed, Rows
from tieline.scada.alarms.events import observed
from tieline.scada.links import Link, LinkState

_EVERY = ""
"""Stands for the whole site where a device's name could."""


class Hearing:
    """Follows the links. Where a site is not heard nobody knows of its devices, and their communication alarms stay as they are."""

    def __init__(self, plan: Sequence[AlarmPlan]) -> None:
        self.is_lost = np.zeros(len(plan), np.bool_)
        """Alarms of whose device or site nothing is heard."""
        communication: dict[tuple[str, str], list[int]] = {}
        belonging: dict[tuple[str, str], list[int]] = {}
        for row, each in enumerate(plan):
            if each.kind is AlarmKind.COMMUNICATION:
                communication.setdefault((each.site, each.device), []).append(row)
                if not each.device:
                    continue  # that the site is not heard is known for certain
            belonging.setdefault((each.site, _EVERY), []).append(row)
            if each.device and each.kind is not AlarmKind.COMMUNICATION:
                belonging.setdefault((each.site, each.device), []).append(row)
        self._communication = communication
        self._belonging = {key: np.array(rows, np.intp) for key, rows in belonging.items()}
        self._lost: set[tuple[str, str]] = set()

    def take(self, links: Iterable[Link], now_us: int) -> tuple[Observed | None, Rows]:
        """What the links say of communication alarms, and the alarms whose marks changed."""
        rows: list[int] = []
        signals: list[int] = []
        times: list[int] = []
        lost = set(self._lost)
        for link in links:
            if link.state is LinkState.WAITING:
                continue
            is_up = link.state is LinkState.UP
            found = [(_EVERY, is_up, link.since)]
            if is_up:
                found += [(name, device.is_up, now_us) for name, device in link.stats.devices.items()]
            for device, is_heard, since in found:
                (lost.discard if is_heard else lost.add)((link.site, device))
                of_it = self._communication.get((link.site, device), ())
                rows += of_it
                signals += [-1 if is_heard else 1] * len(of_it)
                times += [since] * len(of_it)
        return observed(rows, signals, times) if rows else None, self._mark(lost)

    def _mark(self, lost: set[tuple[str, str]]) -> Rows:
        if lost == self._lost:
            return np.zeros(0, np.intp)
        self._lost = lost
        before = self.is_lost.copy()
        self.is_lost[:] = False
        for key in lost:
            if key in self._belonging:
                self.is_lost[self._belonging[key]] = True
        return np.flatnonzero(self.is_lost != before)
