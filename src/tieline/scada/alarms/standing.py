"""How every alarm stands, in columns; times are microseconds since 1970-01-01 UTC, 0 for never."""

from __future__ import annotations

import numpy as np

from tieline.scada.alarms.conditions import Rows, Times

RECENT = 3
"""An alarm that came so often..."""
RECENT_US = 60_000_000
"""... in so long is chattering (ISA-18.2 clause 16.5: three times in a minute)."""


def _texts(count: int) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.full(count, "", np.object_)


class Standing:
    """The state of every alarm, who made it so, and when."""

    def __init__(self, count: int) -> None:
        self.state = np.zeros(count, np.int8)
        """A code of `machine.STATES`."""
        self.raised = np.zeros(count, np.int64)
        """When the condition came last, by its own clock; likewise `raised_quality`."""
        self.raised_received = np.zeros(count, np.int64)
        self.raised_quality = np.zeros(count, np.uint16)
        self.returned = np.zeros(count, np.int64)
        self.acknowledged = np.zeros(count, np.int64)
        self.acknowledged_by = _texts(count)
        self.value = np.full(count, np.nan)
        self.quality = np.zeros(count, np.uint16)
        self.count = np.zeros(count, np.int64)
        """How often the condition came."""
        self.is_shelved = np.zeros(count, np.bool_)
        self.shelved_until = np.zeros(count, np.int64)
        self.shelved_by = _texts(count)
        self.shelved_reason = _texts(count)
        self.unshelve_s = np.full(count, np.inf)
        """When shelving is over by the monotonic clock of this process, so that a clock that is set back prolongs nothing."""
        self.is_suppressed = np.zeros(count, np.bool_)
        """By its expression."""
        self.is_suppressed_by_logic = np.zeros(count, np.bool_)
        self.suppressed_reason = _texts(count)
        self.is_out = np.zeros(count, np.bool_)
        self.out_by = _texts(count)
        self.out_reason = _texts(count)
        self.revision = np.zeros(count, np.int64)
        self.is_unsaved = np.zeros(count, np.bool_)
        self._recent = np.full((RECENT, count), np.iinfo(np.int64).min // 2)

    def came(self, rows: Rows, received: int) -> None:
        """The condition of these came."""
        self.count[rows] += 1
        self._recent[:-1, rows] = self._recent[1:, rows]
        self._recent[-1, rows] = received

    def chatters(self, rows: Rows, now_us: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether they came three times in the last minute."""
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = now_us - self._recent[0, rows] <= RECENT_US
        return found

    def lasted_us(self, now_us: int) -> Times:
        """How long ago each condition came."""
        return now_us - self.raised_received
