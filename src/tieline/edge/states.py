"""State changes as events: a breaker that opens is worth a line to a person, not only a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tieline.model import Event, Point, PointKind, Samples, is_good

_DOUBLE = ("is between its positions", "opened", "closed", "has a bad position")
_SWITCH = ("opened", "closed")
_SIGNAL = ("went off", "came on")


class StateChanges:
    """Remembers the state of every binary and double point; looks at those few samples only that are reported of them."""

    def __init__(self, points: Iterable[Point]) -> None:
        self._points = {int(point.id): point for point in points if point.kind in {PointKind.BINARY, PointKind.DOUBLE}}
        self._ids = np.array(sorted(self._points), dtype=np.uint32)
        self._state: dict[int, int] = {}

    def of(self, reported: Samples) -> Iterator[Event]:
        """An event for each change from one good state to another; the first state that is heard is none."""
        if not len(self._ids):
            return
        place = np.minimum(np.searchsorted(self._ids, reported.point), len(self._ids) - 1)
        is_state = (self._ids[place] == reported.point) & is_good(reported.quality) & np.isfinite(reported.value)
        for row in np.flatnonzero(is_state).tolist():
            number, state = int(reported.point[row]), int(reported.value[row])
            before = self._state.get(number)
            self._state[number] = state
            if before is not None and before != state:
                yield _event(self._points[number], state, int(reported.time[row]))


def _event(point: Point, state: int, time: int) -> Event:
    words = _DOUBLE if point.kind is PointKind.DOUBLE else _SWITCH if point.quantity == "switch_position" else _SIGNAL
    what = words[state] if 0 <= state < len(words) else f"is in state {state}"
    name = point.description or point.name
    return Event(time=time, site=point.site, device=point.device, kind="state_changed", text=f"{name} {what}")
