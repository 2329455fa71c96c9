"""From events to signals: what gateways report begins and ends conditions of event and communication alarms.

An event says that something begins, that it ends, or that it happened. Which it is follows from its kind: `x_ended` ends
`x`, `ENDS` lists those that end otherwise, and what neither detection nor `ENDS` knows just happened: its condition comes
and goes at once. An alarm of a point takes those events whose text begins with the point's name, as detection writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tieline.config.alarm_events import DEVICE_LOST, DEVICE_RESTORED, ENDS, LASTING
from tieline.config.alarm_plan import AlarmPlan
from tieline.edge.detection.voice import name_of
from tieline.model import Event
from tieline.model.alarms import AlarmKind
from tieline.scada.alarms.conditions import Observed

_COMES, _GOES = 1, -1


class EventConditions:
    """The conditions of all alarms that listen to events."""

    def __init__(self, plan: Sequence[AlarmPlan]) -> None:
        self._listeners: dict[tuple[str, str | None, str], list[tuple[str, int, tuple[int, ...]]]] = {}
        """Site, device (None is any) and kind: how the text begins, the alarm, its signals. Longer beginnings come first."""
        for row, each in enumerate(plan):
            prefix = f"{name_of(each.point)} " if each.point else ""
            device = each.device or None
            if each.kind is AlarmKind.COMMUNICATION and each.device:
                self._listen((each.site, device, DEVICE_LOST), prefix, row, (_COMES,))
                self._listen((each.site, device, DEVICE_RESTORED), prefix, row, (_GOES,))
            elif each.kind is AlarmKind.EVENT:
                is_lasting = each.event in LASTING
                self._listen((each.site, device, each.event), prefix, row, (_COMES,) if is_lasting else (_COMES, _GOES))
                for end in (f"{each.event}_ended", *ENDS.get(each.event, ())) if is_lasting else ():
                    self._listen((each.site, device, end), prefix, row, (_GOES,))
        for listeners in self._listeners.values():
            listeners.sort(key=lambda listener: -len(listener[0]))

    def _listen(self, key: tuple[str, str | None, str], prefix: str, row: int, signals: tuple[int, ...]) -> None:
        self._listeners.setdefault(key, []).append((prefix, row, signals))

    def take(self, events: Iterable[Event]) -> Observed | None:
        """What the events say; None where they say nothing to any alarm."""
        rows: list[int] = []
        signals: list[int] = []
        times: list[int] = []
        for event in events:
            for device in (event.device, None) if event.device else (None,):
                heard = ""
                for prefix, row, said in self._listeners.get((event.site, device, event.kind), ()):
                    if len(prefix) < len(heard) or not event.text.startswith(prefix):
                        continue
                    heard = prefix
                    rows += [row] * len(said)
                    signals += said
                    times += [event.time] * len(said)
        return observed(rows, signals, times) if rows else None


def observed(rows: Sequence[int], signals: Sequence[int], times: Sequence[int]) -> Observed:
    """Signals that come with no value, in the order of their alarms."""
    row = np.array(rows, np.intp)
    order = np.argsort(row, kind="stable")
    return Observed(
        row[order],
        np.array(signals, np.int8)[order],
        np.array(times, np.int64)[order],
        np.full(len(row), np.nan),
        np.zeros(len(row), np.uint16),
    )
