"""Which alarms come first, and how each site stands: what every page shows of the alarms, asked for once for all viewers."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import suppress

from tieline.bus.scada import ListAlarms, ScadaClient
from tieline.model import TielineError
from tieline.model.alarms import Alarm, AlarmState

MOST_FIRST = 4
PRIORITIES = 4
UNACKNOWLEDGED = {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.LATCHED_UNACKNOWLEDGED}
ACKNOWLEDGED = {AlarmState.ACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED}

Counts = dict[str, list[int]]


class AlarmBoard:
    """Keeps what has changed since it asked last; `follow` it while anybody looks."""

    def __init__(self, scada: ScadaClient, period_s: float = 0.25) -> None:
        self._scada = scada
        self._period_s = period_s
        self._alarms: dict[str, Alarm] = {}
        self._incarnation = 0
        self._revision = -1
        self.revision = 0
        """Grows whenever something below differs."""
        self.first: tuple[Alarm, ...] = ()
        """The unacknowledged ones of the highest priority, among them the newest; at most four."""
        self.sites: dict[str, Counts] = {}
        """By site that has any: `unacknowledged` and `acknowledged`, for priorities 1 to 4."""

    async def follow(self) -> None:
        """Asks whenever supervision says that something has changed, until cancelled."""
        while True:
            told = self._scada.alarms
            if self._scada.is_heard and (told.incarnation, told.revision) != (self._incarnation, self._revision):
                with suppress(TielineError):  # it says by itself when it does not answer: no sign of life
                    await self._ask()
            await asyncio.sleep(self._period_s)

    async def _ask(self) -> None:
        after = ""
        while True:
            found = await self._scada.ask(ListAlarms(since=self._revision, incarnation=self._incarnation, after=after))
            if found.is_whole:
                self._alarms.clear()
            for alarm in found.alarms:
                if alarm.state is AlarmState.NORMAL:
                    self._alarms.pop(alarm.id, None)
                else:
                    self._alarms[alarm.id] = alarm
            self._incarnation, self._revision, after = found.incarnation, found.revision, found.after
            if found.is_complete:
                break
        self._sum_up()

    def _sum_up(self) -> None:
        waiting = (alarm for alarm in self._alarms.values() if alarm.state in UNACKNOWLEDGED)
        first = tuple(heapq.nsmallest(MOST_FIRST, waiting, key=lambda alarm: (alarm.priority, -alarm.raised, alarm.id)))
        sites: dict[str, Counts] = {}
        for alarm in self._alarms.values():
            kind = "unacknowledged" if alarm.state in UNACKNOWLEDGED else "acknowledged" if alarm.state in ACKNOWLEDGED else ""
            if kind:
                counts = sites.setdefault(alarm.site, {"unacknowledged": [0] * PRIORITIES, "acknowledged": [0] * PRIORITIES})
                counts[kind][alarm.priority - 1] += 1
        if (first, sites) != (self.first, self.sites):
            self.first, self.sites = first, sites
            self.revision += 1
