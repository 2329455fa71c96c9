"""Debouncing: a change of state counts only once it has lasted, and then with the time at which it began.

A change is held back. It is let go in front of the next sample of its point that comes at least `for_s` later, whatever that says, or by
`tick`, where `for_s` have passed on the monotonic clock since the tick that found it. It never was where the old state comes back
before. Repetitions of a held change are dropped. A bad sample passes at once, and so does the first good one after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tieline.config.processing_steps import Debounce
from tieline.edge.processing.part import Mask, Part, Qualities, Times, Values
from tieline.edge.processing.steps import State
from tieline.edge.processing.turns import Index
from tieline.model import Now


class LetGo(NamedTuple):
    """Changes that count now, in columns; `at` is the sample of the part in front of which each belongs."""

    at: Index
    rows: Index
    time: Times
    value: Values
    quality: Qualities


class DebounceMany:
    """Not a number as held value means that nothing is held; as state, that none is known."""

    def __init__(self, steps: Sequence[Debounce]) -> None:
        self._for_s = np.array([step.for_s for step in steps])
        self._for_us = [round(step.for_s * 1e6) for step in steps]
        self._stable = np.full(len(steps), np.nan)
        self._held = np.full(len(steps), np.nan)
        self._time = np.zeros(len(steps), np.int64)
        self._quality = np.zeros(len(steps), np.uint16)
        self._found_s = np.full(len(steps), np.nan)
        """When a tick found that something is held."""

    @property
    def state(self) -> State:
        return {"stable": self._stable, "held": self._held, "time": self._time, "quality": self._quality}

    def take(self, part: Part) -> tuple[Mask, LetGo] | None:
        """Which samples of the part pass, and what passes besides; None where all pass and nothing else does."""
        usable = part.is_usable()
        is_quiet = usable & (part.value == self._stable[part.rows]) & np.isnan(self._held[part.rows])
        if is_quiet.all():
            return None
        passes = np.ones(len(part.rows), np.bool_)
        is_busy = np.zeros(len(self._stable), np.bool_)
        is_busy[part.rows[~is_quiet]] = True
        released: list[tuple[int, int, int, float, int]] = []
        for at in np.flatnonzero(is_busy[part.rows]).tolist():
            row, time, value = int(part.rows[at]), int(part.time[at]), float(part.value[at])
            if not np.isnan(self._held[row]) and time - int(self._time[row]) >= self._for_us[row]:
                released.append((at, row, int(self._time[row]), float(self._held[row]), int(self._quality[row])))
                self._settle(row, float(self._held[row]))
            if not usable[at]:
                self._settle(row, np.nan)
            elif np.isnan(self._stable[row]) or value == self._stable[row]:
                self._settle(row, value)
            else:
                passes[at] = False
                if value != self._held[row]:
                    self._held[row], self._time[row], self._quality[row] = value, time, part.quality[at]
                    self._found_s[row] = np.nan
        return passes, _columns(released)

    def tick(self, now: Now) -> LetGo | None:
        """The changes that have lasted long enough, oldest first."""
        rows = np.flatnonzero(~np.isnan(self._held))
        if not len(rows):
            return None
        found_s = self._found_s[rows]
        self._found_s[rows] = np.where(np.isnan(found_s), now.monotonic_s, found_s)
        due = rows[now.monotonic_s - self._found_s[rows] >= self._for_s[rows]]
        due = due[np.argsort(self._time[due], kind="stable")]
        let_go = LetGo(np.zeros(len(due), np.intp), due, self._time[due], self._held[due], self._quality[due])
        self._stable[due] = self._held[due]
        self._held[due] = np.nan
        return let_go if len(due) else None

    def _settle(self, row: int, value: float) -> None:
        self._stable[row] = value
        self._held[row] = np.nan


def _columns(released: Sequence[tuple[int, int, int, float, int]]) -> LetGo:
    at, rows, time, value, quality = zip(*released, strict=True) if released else ((),) * 5
    return LetGo(
        np.array(at, np.intp),
        np.array(rows, np.intp),
        np.array(time, np.int64),
        np.array(value, np.float64),
        np.array(quality, np.uint16),
    )
