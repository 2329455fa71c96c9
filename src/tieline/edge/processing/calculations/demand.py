"""`demand`: mean power over windows as it is billed, from subintervals that are aligned to the UTC clock.

Each subinterval has its energy and the share of time in which the power was known and good. A demand is the energy of as many
subintervals as make a window, over the time in which the power was known: of the newest ones (`last`; a rolling demand where there
are several), of those of the clock's window so far (`present`), and the largest of the `last` since the reset (`maximum`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tieline.config.calculation_sections import DemandSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations import memory
from tieline.edge.processing.calculations.fanout import Index, Times
from tieline.edge.processing.calculations.integration import SIGN
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INACCURATE, INVALID, checked
from tieline.edge.processing.calculations.series import Closed, Series, SeriesSettings
from tieline.edge.processing.calculations.windows import HALF
from tieline.model import Now, Samples

DAY_US = 86_400_000_000


class Demands(Part):
    """All demands at once."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = [_settings(calculation) for calculation in plan]
        self._keys = [_key(calculation) for calculation in plan]
        self._series = Series([_series(calculation, row_of) for calculation in plan], len(row_of))
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._window = np.array([each.window_s * 1_000_000 for each in settings], np.int64)
        self._step = np.array([each.step_s * 1_000_000 for each in settings], np.int64)
        self._good_share = np.array([each.good_share for each in settings])
        self._is_present = np.array([each.show == "present" for each in settings])
        self._is_maximum = np.array([each.show == "maximum" for each in settings])
        self._reset = [each.reset for each in settings]
        width = max(each.window_s // each.step_s for each in settings)
        count = len(plan)
        self._end = np.zeros((count, width), np.int64)
        """The newest subintervals, each at the place that its number gives it; 0 where there is none."""
        self._energy = np.zeros((count, width))
        self._usable = np.zeros((count, width), np.int64)
        self._good = np.zeros((count, width), np.int64)
        self._bits = np.zeros((count, width), np.uint16)
        self._maximum = np.full(count, np.nan)
        self._period = np.full(count, -1, np.int64)
        """The day or month to which the maximum belongs."""
        self._is_missed = np.zeros(count, np.uint16)
        """Of the period, a demand was not known well enough to say whether it was the largest."""

    @property
    def late(self) -> int:  # type: ignore[override]  # counted by the series
        """Samples that came too late for their subinterval."""
        return self._series.late

    def take(self, rows: Index, samples: Samples) -> Samples:
        """Nothing yet: a subinterval is over when the time is."""
        self._series.take(rows, samples)
        return Samples.empty()

    def tick(self, now: Now) -> Samples:
        """The demands of the subintervals that are over."""
        return Samples.concatenate(self._result(closed) for closed in self._series.tick(now))

    def remember(self) -> dict[str, Any]:
        return {"series": self._series.remember(), "maxima": memory.remember(self._keys, self._maxima()), "rings": self._rings()}

    def recall(self, state: Mapping[str, Any]) -> None:
        if isinstance(state.get("series"), Mapping):
            self._series.recall(state["series"])
        memory.recall(self._keys, self._maxima(), state.get("maxima"))
        rings = state.get("rings")
        for row, key in enumerate(self._keys):
            if isinstance(rings, Mapping):
                self._recall_ring(row, rings.get(key))

    def _maxima(self) -> memory.Columns:
        return {"maximum": self._maximum, "period": self._period, "missed": self._is_missed}

    def _rings(self) -> dict[str, Any]:
        widths = self._window // self._step
        return {
            key: [column[row, :width].tobytes() for column in self._columns()]
            for row, (key, width) in enumerate(zip(self._keys, widths.tolist(), strict=True))
        }

    def _recall_ring(self, row: int, kept: object) -> None:
        columns = self._columns()
        if not isinstance(kept, list | tuple) or len(kept) != len(columns):
            return
        width = int(self._window[row] // self._step[row])
        read = [memory.column_of(each, column.dtype, width) for each, column in zip(kept, columns, strict=True)]
        for column, found in zip(columns, read, strict=True):
            if all(each is not None for each in read) and found is not None:
                column[row, :width] = found

    def _columns(self) -> tuple[Any, ...]:
        return self._end, self._energy, self._usable, self._good, self._bits

    def _result(self, closed: Closed) -> Samples:
        which, end = closed.series, closed.end
        place = (end // self._step[which] - 1) % (self._window[which] // self._step[which])
        sums = closed.sums
        given = (end, sums["integral"], sums["usable_us"], sums["good_us"], sums["bits"])
        for column, new in zip(self._columns(), given, strict=True):
            column[which, place] = new
        whole = self._window[which]
        since_begin = end - (end - 1) // whole * whole
        span = np.where(self._is_present[which], since_begin, whole)
        ends = self._end[which]
        counts = (ends > (end - span)[:, None]) & (ends <= end[:, None])
        usable = np.where(counts, self._usable[which], 0).sum(axis=1)
        value = np.where(counts, self._energy[which], 0.0).sum(axis=1) / usable
        share = np.where(counts, self._good[which], 0).sum(axis=1) / span
        bits = np.bitwise_or.reduce(np.where(counts, self._bits[which], 0).astype(np.uint16), axis=1)
        quality = np.where(share >= self._good_share[which], 0, bits | INACCURATE).astype(np.uint16)
        quality = np.where(share < HALF, bits | INVALID, quality).astype(np.uint16)
        value, quality = checked(value, quality)
        is_maximum = self._is_maximum[which]
        if is_maximum.any():
            largest = which[is_maximum]
            value[is_maximum], quality[is_maximum] = self._largest(
                largest, end[is_maximum], value[is_maximum], quality[is_maximum]
            )
        return Samples(self._id[which], end, value, quality)

    def _largest(self, which: Index, end: Times, value: Any, quality: Any) -> tuple[Any, Any]:
        """The largest good or questionable demand since the reset; questionable where one in the period was not known well."""
        period = np.array([_period(at, self._reset[row]) for row, at in zip(which.tolist(), end.tolist(), strict=True)], np.int64)
        anew = which[period != self._period[which]]
        self._maximum[anew] = np.nan
        self._is_missed[anew] = 0
        self._period[which] = period
        self._maximum[which] = np.fmax(self._maximum[which], value)
        self._is_missed[which] |= np.where(quality != 0, INACCURATE, 0).astype(np.uint16)
        return checked(self._maximum[which], self._is_missed[which])


def _period(end: int, reset: str) -> int:
    """The number of the day or month (UTC) in which a window lies that ends at this time."""
    within = end - 1
    match reset:
        case "daily":
            return within // DAY_US
        case "monthly":
            at = datetime.fromtimestamp(within // 1_000_000, UTC)
            return at.year * 12 + at.month
        case _:
            return 0


def _settings(calculation: Calculation) -> DemandSection:
    assert isinstance(calculation.settings, DemandSection)
    return calculation.settings


def _key(calculation: Calculation) -> str:
    settings, (source,) = _settings(calculation), calculation.inputs
    own = (settings.window_s, settings.step_s, settings.show, settings.direction, settings.reset, settings.interpolation)
    return " ".join([calculation.point.path, source.point.path, *map(str, own), f"{source.factor:g}"])


def _series(calculation: Calculation, row_of: dict[int, int]) -> SeriesSettings:
    settings, (source,) = _settings(calculation), calculation.inputs
    return SeriesSettings(
        key=_key(calculation),
        row=row_of[source.point.id],
        factor=source.factor,
        window_s=settings.step_s,
        grace_s=settings.grace_s,
        max_gap_s=settings.max_gap_s,
        is_linear=settings.interpolation == "trapezoid",
        sign=SIGN[settings.direction],
    )
