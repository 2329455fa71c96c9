"""From messages to samples: the points of one control block, in columns.

A message carries all values of its data set, and comes because one of them changed. So a point becomes a sample when its value or quality
differs from what is held, with the time that the message gives, or with the gateway's where the message only says what is. While a
publisher lives its values are true: `refresh` repeats them.

A live picture shows the sample with the latest time. So no point may keep a sample of an earlier time as its last one: what the gateway
stamps is never before what was handed on, and a change from a clock that is behind is followed by its value with the gateway's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from tieline.edge.goose.points import GooseBlock
from tieline.edge.goose.quality import (
    EXPIRED,
    NO_NUMBER,
    QUALITY_BITS,
    TRUST_QUALITY,
    UNKNOWN_VALUE,
    qualities,
    time_qualities,
    worse,
)
from tieline.model import STATUS, Quality, Samples
from tieline.protocols.goose import Columns, Layout, Path, Trust, Update, read_columns
from tieline.protocols.goose.data import BIT_STRING, UTC_TIME
from tieline.protocols.goose.reading import utc_us

EARLIEST_US = 946_684_800_000_000
"""2000-01-01: a device whose clock is before that has never been set."""

FUTURE_US = 86_400_000_000
"""A time further ahead than a day is no time."""

_NEVER = np.iinfo(np.int64).min
_Places = npt.NDArray[np.intp]


class BlockValues:
    """The points of one control block, and what is held of them."""

    def __init__(self, block: GooseBlock) -> None:
        self.block = block
        points = block.points
        self._ids = np.array([each.point for each in points], np.uint32)
        self._scale = np.array([each.scale for each in points], np.float64)
        self._offset = np.array([each.offset for each in points], np.float64)
        self._value = np.full(len(points), np.nan)
        self._status = np.full(len(points), EXPIRED, np.uint16)
        self._newest = np.full(len(points), _NEVER)
        self._is_held = False
        self._layout: Layout | None = None
        self._value_at = self._quality_at = self._time_at = np.zeros(len(points), np.intp)

    def take(self, updates: Sequence[Update], now_us: int) -> Samples:
        """Samples of what is new in messages, in their order."""
        if not len(self._ids):
            return Samples.empty()
        parts = []
        for _, group in groupby(updates, key=lambda update: (id(update.reading.layout), update.trust is Trust.UNUSABLE)):
            several = list(group)
            if several[0].trust is Trust.UNUSABLE:
                parts.append(self._distrust(now_us))
            else:
                parts += self._take(several, now_us)
        return Samples.concatenate(parts)

    def expire(self, now_us: int) -> Samples:
        """The publisher fell silent: every point keeps its value, which is old now."""
        self._is_held = False
        self._status[:] = EXPIRED
        return self._say_again(np.arange(len(self._ids)), now_us)

    def refresh(self, at_us: int) -> Samples:
        """What is held, with a time at which it was surely true; nothing where nothing is."""
        return self._say_again(np.flatnonzero(self._newest < at_us), at_us) if self._is_held else Samples.empty()

    def clock_stepped(self, now_us: int) -> None:
        """The gateway's clock was set: what was stamped later than now does not count any more."""
        np.minimum(self._newest, now_us - 1, out=self._newest)

    def _distrust(self, now_us: int) -> Samples:
        self._is_held = False
        self._status[:] = TRUST_QUALITY[Trust.UNUSABLE]
        return self._say_again(np.arange(len(self._ids)), now_us)

    def _take(self, updates: list[Update], now_us: int) -> list[Samples]:
        layout = updates[0].reading.layout
        if layout is not self._layout:
            self._find(layout)
        columns = read_columns([update.reading for update in updates])
        value, status = self._values(columns, updates, layout)
        before, status_before = np.vstack((self._value, value[:-1])), np.vstack((self._status, status[:-1]))
        is_new = (value != before) & ~(np.isnan(value) & np.isnan(before))
        is_new |= status != status_before
        if not self._is_held:
            is_new[0] = True
        self._value, self._status, self._is_held = value[-1], status[-1], True
        row, place = np.nonzero(is_new)
        if not len(row):
            return []
        is_change = np.array([update.is_change for update in updates])
        device_us, octet = self._device_times(columns)
        time, stamp = device_us[row, place], time_qualities()[octet[row, place]]
        is_sensible = (time >= EARLIEST_US) & (time <= now_us + FUTURE_US)
        stamp = np.where(is_sensible, stamp, np.uint16(Quality.CLOCK_FAILURE))
        stamp = np.where(is_change[row], stamp, np.uint16(0))
        ours = np.maximum(now_us, self._newest[place] + 1) + row
        time = np.where(is_change[row] & is_sensible, time, ours)
        samples = Samples(self._ids[place], time, value[row, place], status[row, place] | stamp)
        np.maximum.at(self._newest, place, time)
        # Of each point the last sample of this batch: numpy keeps the last of several that are assigned.
        last = np.full(len(self._ids), _NEVER)
        last[place] = time
        behind = np.flatnonzero((last != _NEVER) & (last < self._newest))
        return [samples, self._say_again(behind, now_us)]

    def _values(
        self, columns: Columns, updates: list[Update], layout: Layout
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint16]]:
        """Values in the points' units and their quality: a row for each message, a column for each point."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is marked below
            value = columns.numbers[:, self._value_at] * self._scale + self._offset
        status = np.zeros(value.shape, np.uint16)
        has_quality = self._quality_at >= 0
        octets = columns.bits[:, self._quality_at[has_quality]] & np.uint64((1 << QUALITY_BITS) - 1)
        status[:, has_quality] = qualities()[octets.astype(np.intp)]
        trust = np.array([TRUST_QUALITY[update.trust] for update in updates], np.uint16)
        status = worse(status, np.broadcast_to(trust[:, np.newaxis], status.shape))
        if layout.key.simulation:
            status |= np.uint16(Quality.TEST)
        lacks = self._value_at < 0
        value[:, lacks] = np.nan
        status[:, lacks] = UNKNOWN_VALUE
        no_number = ~np.isfinite(value) & ~lacks
        status[no_number] = worse(status[no_number], np.full(int(no_number.sum()), NO_NUMBER, np.uint16))
        return value, status

    def _device_times(self, columns: Columns) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """The time of each value: its own, or the message's; and the octet that says what it is worth."""
        shape = (len(columns.t_us), len(self._ids))
        time = np.broadcast_to(columns.t_us[:, np.newaxis], shape).copy()
        octet = np.broadcast_to(columns.t_quality[:, np.newaxis], shape).copy()
        own = self._time_at >= 0
        if own.any():
            stamps = columns.bits[:, self._time_at[own]]
            time[:, own] = utc_us(stamps)
            octet[:, own] = (stamps & np.uint64(0xFF)).astype(np.uint8)
        return time, octet

    def _find(self, layout: Layout) -> None:
        """Where this layout has the points' values; -1 where it has none, or one of another type."""
        leaves = {leaf.path: number for number, leaf in enumerate(layout.leaves)}

        def places(paths: Sequence[Path | None], *, tag: int = 0, bits: int = 0) -> _Places:
            found = [leaves.get(path, -1) if path is not None else -1 for path in paths]
            return np.array(
                [
                    at
                    if at >= 0 and (not tag or (layout.leaves[at].tag == tag and layout.bit_size(layout.leaves[at]) == bits))
                    else -1
                    for at in found
                ],
                np.intp,
            )

        points = self.block.points
        self._layout = layout
        self._value_at = places([each.value for each in points])
        self._quality_at = places([each.quality for each in points], tag=BIT_STRING, bits=QUALITY_BITS)
        self._time_at = places([each.time for each in points], tag=UTC_TIME)
        # Where a quality was to be and is not, nobody can say how good the value is.
        self._value_at[[each.quality is not None for each in points] & (self._quality_at < 0)] = -1

    def _say_again(self, place: _Places, now_us: int) -> Samples:
        """What is held, stamped by the gateway."""
        time = np.maximum(now_us, self._newest[place] + 1)
        self._newest[place] = time
        return Samples(self._ids[place], time, self._value[place], self._status[place] & np.uint16(STATUS))
