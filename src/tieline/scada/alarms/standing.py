"""How every alarm stands, in columns; times are microseconds since 1970-01-01 UTC, 0 for never."""

from __future__ import annotations

import numpy as np

from tieline.scada.alarms.conditions import Mask, Rows

RECENT = 3
"""An alarm that came so often..."""
RECENT_US = 60_000_000
"""... in so long is chattering (ISA-18.2 clause 16.5: three times in a minute)."""

STALE_US = 24 * 3_600_000_000
"""An alarm that is active for longer is stale."""


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
        """What the logic says; of an expression it is the expression."""
        self.is_out = np.zeros(count, np.bool_)
        self.out_by = _texts(count)
        self.out_reason = _texts(count)
        self._judged = np.zeros((2, count), np.bool_)
        self.revision = np.zeros(count, np.int64)
        self.is_unsaved = np.zeros(count, np.bool_)
        self._recent = np.full((RECENT, count), np.iinfo(np.int64).min // 2)

    def came(self, rows: Rows, received: int) -> None:
        """The condition of these came."""
        self.count[rows] += 1
        self._recent[:-1, rows] = self._recent[1:, rows]
        self._recent[-1, rows] = received

    def chatters(self, now_us: int) -> Mask:
        """Which came three times in the last minute."""
        age = now_us - self._recent[0]
        found: Mask = (age >= 0) & (age <= RECENT_US)
        return found

    def is_old(self, is_active: Mask, now_us: int) -> Mask:
        """Which are stale."""
        found: Mask = is_active & (now_us - self.raised_received > STALE_US)
        return found

    def judge(self, is_active: Mask, now_us: int) -> Mask:
        """Where it is otherwise than when this was asked last whether an alarm chatters or is stale."""
        before = self._judged
        self._judged = np.stack([self.chatters(now_us), self.is_old(is_active, now_us)])
        changed: Mask = (before != self._judged).any(axis=0)
        return changed
