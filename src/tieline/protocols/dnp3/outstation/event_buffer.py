"""The events that one master has not confirmed yet, in the order in which they happened (clauses 4.5.9, 5.1.4).

A row is queued, then selected by a request, then sent, then free again once it is confirmed; where no confirmation comes, what was
selected or sent is queued again in its old place. Each class has room for so many; when it is full its oldest event makes way, and the
master is told (IIN2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.outstation.event_encoding import EventColumns, encode_events

_FREE, _QUEUED, _SELECTED, _SENT = range(4)
_FIRST_ROWS = 1_024
_LOOK_AHEAD = 2_048
CLASSES = (1, 2, 3)
SMALLEST_EVENT = 2
"""Octets that an event takes at the least: its flags behind its index."""


class EventBuffer:
    """Events for one master. Its columns grow up to twice the capacity and no further."""

    def __init__(self, capacity: tuple[int, int, int] = (10_000, 10_000, 10_000)) -> None:
        """`capacity` is of classes 1, 2 and 3. Raises `LocalError` where a class has no room."""
        if min(capacity) < 1:
            raise LocalError("each class has room for one event at least")
        self._capacity = dict(zip(CLASSES, capacity, strict=True))
        self._most_rows = 2 * sum(capacity)
        self._allocate(min(_FIRST_ROWS, self._most_rows))
        self._start = self._end = 0
        self._selected = 0
        self._selected_from = 0
        self._sent_at = slice(0, 0)
        self._held = np.zeros(4, np.int64)
        self._waiting = np.zeros(4, np.int64)
        self._overflown = self._overflow_told = False
        self.lost = 0
        """Events that made way for newer ones."""

    def __len__(self) -> int:
        """Events that are not confirmed yet."""
        return int(self._held.sum())

    def waiting(self, event_class: int) -> int:
        """Events of a class that are not in the fragment that waits for its confirmation."""
        return int(self._waiting[event_class])

    @property
    def is_overflown(self) -> bool:
        """Whether events were lost and the master may not know it, or there still is no room (IIN2.3)."""
        return self._overflown

    @property
    def has_selected(self) -> bool:
        """Whether selected events wait to be written."""
        return self._selected > 0

    @property
    def has_sent(self) -> bool:
        """Whether written events wait for their confirmation."""
        return bool((self._held - self._waiting).any())

    def append(self, events: EventColumns, event_class: npt.NDArray[np.uint8]) -> None:
        """Puts events, all of a class 1 to 3, behind those that are there."""
        arriving = np.bincount(event_class, minlength=4)
        for number in CLASSES:
            excess = int(self._held[number] + arriving[number]) - self._capacity[number]
            if not arriving[number] or excess <= 0:
                continue
            self._overflown, self._overflow_told = True, False
            self.lost += excess
            excess -= self._drop_oldest(number, excess)
            if excess:  # more arrive at once than there is room for
                keep = np.ones(len(event_class), np.bool_)
                keep[np.flatnonzero(event_class == number)[:excess]] = False
                rows = np.flatnonzero(keep)
                events, event_class = events.at(rows), event_class[rows]
        count = len(event_class)
        self._make_room(count)
        rows_at = slice(self._end, self._end + count)
        self._group[rows_at] = events.group
        self._variation[rows_at] = events.variation
        self._asked[rows_at] = 0
        self._index[rows_at] = events.index
        self._value[rows_at] = events.value
        self._flags[rows_at] = events.flags
        self._time_us[rows_at] = events.time_us
        self._text[rows_at] = events.text
        self._class[rows_at] = event_class
        self._state[rows_at] = _QUEUED
        self._end += count
        added = np.bincount(event_class, minlength=4)
        self._held += added
        self._waiting += added

    def select_classes(self, classes: Collection[int], limit: int | None = None) -> int:
        """Selects the oldest events of classes, each in its own variation; gives how many."""
        is_asked = np.zeros(4, np.bool_)
        is_asked[list(classes)] = True
        return self._select(self._queued(is_asked, self._class, limit), 0)

    def select_group(self, group: int, variation: int = 0, limit: int | None = None) -> int:
        """Selects the oldest events of a group, to be sent as that variation (0: each in its own); gives how many."""
        is_asked = np.zeros(256, np.bool_)
        is_asked[group] = True
        return self._select(self._queued(is_asked, self._group, limit), variation)

    def write(self, room: int, *, is_synchronized: bool) -> bytes:
        """The blocks of as many selected events as fit into so many octets; they count as sent."""
        rows = self._next_selected(max(room // SMALLEST_EVENT, 0))
        columns = EventColumns(
            self._group[rows],
            np.where(self._asked[rows] > 0, self._asked[rows], self._variation[rows]),
            self._index[rows],
            self._value[rows],
            self._flags[rows],
            self._time_us[rows],
            self._text[rows],
        )
        octets, count = encode_events(columns, room, is_synchronized=is_synchronized)
        if count:
            rows = rows[:count]
            first, last = int(rows[0]), int(rows[-1])
            sent_at = self._sent_at
            self._sent_at = (
                slice(min(first, sent_at.start), max(last + 1, sent_at.stop)) if self.has_sent else slice(first, last + 1)
            )
            self._selected_from = last + 1
            self._selected -= count
            self._state[rows] = _SENT
            self._waiting -= np.bincount(self._class[rows], minlength=4)
        return octets

    def note_overflow_told(self) -> None:
        """The master is being told of the overflow."""
        self._overflow_told = self._overflown

    def confirm(self) -> int:
        """What was sent has arrived: it is forgotten. Gives how many events that were."""
        sent_at = self._sent_at
        rows = np.flatnonzero(self._state[sent_at] == _SENT) + sent_at.start
        self._forget(rows)
        self._advance()
        if self._overflow_told and all(self._held[number] < self._capacity[number] for number in CLASSES):
            self._overflown = self._overflow_told = False
        return len(rows)

    def unselect(self) -> None:
        """What was selected and not written is queued again."""
        if self._selected:
            rows = self._next_selected(self._selected)
            self._state[rows] = _QUEUED
            self._asked[rows] = 0
            self._selected = 0

    def restore(self) -> None:
        """What was sent or selected is queued again."""
        rows = slice(self._start, self._end)
        state = self._state[rows]
        state[state != _FREE] = _QUEUED
        self._asked[rows] = 0
        self._selected = 0
        self._waiting[:] = self._held

    def _queued(self, is_asked: npt.NDArray[np.bool_], column: npt.NDArray[np.uint8], limit: int | None) -> npt.NDArray[np.intp]:
        """The first queued rows in which a column has one of the numbers that are asked for."""
        return self._first(self._start, limit, lambda at: (self._state[at] == _QUEUED) & is_asked[column[at]])

    def _next_selected(self, limit: int) -> npt.NDArray[np.intp]:
        start = max(self._selected_from, self._start)
        return self._first(start, min(limit, self._selected), lambda at: self._state[at] == _SELECTED)

    def _first(self, start: int, limit: int | None, test: Callable[[slice], npt.NDArray[np.bool_]]) -> npt.NDArray[np.intp]:
        """The first rows that pass; looks no further than it must, because a fragment is short and the buffer may be long."""
        if limit is None:
            return np.flatnonzero(test(slice(start, self._end))) + start
        found: list[npt.NDArray[np.intp]] = []
        while limit and start < self._end:
            rows = np.flatnonzero(test(slice(start, min(start + _LOOK_AHEAD, self._end))))[:limit] + start
            found.append(rows)
            limit -= len(rows)
            start += _LOOK_AHEAD
        return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.intp), *found])

    def _select(self, rows: npt.NDArray[np.intp], variation: int) -> int:
        if len(rows):
            first = int(rows[0])
            self._selected_from = min(first, self._selected_from) if self._selected else first
            self._selected += len(rows)
            self._state[rows] = _SELECTED
            self._asked[rows] = variation
        return len(rows)

    def _drop_oldest(self, event_class: int, count: int) -> int:
        held = slice(self._start, self._end)
        rows = np.flatnonzero((self._class[held] == event_class) & (self._state[held] != _FREE))[:count] + self._start
        self._forget(rows)
        self._advance()
        return len(rows)

    def _forget(self, rows: npt.NDArray[np.intp]) -> None:
        classes, states = self._class[rows], self._state[rows]
        self._selected -= int(np.count_nonzero(states == _SELECTED))
        self._held -= np.bincount(classes, minlength=4)
        self._waiting -= np.bincount(classes[states != _SENT], minlength=4)
        self._state[rows] = _FREE
        self._text[rows] = None

    def _advance(self) -> None:
        """Leaves the free rows in front behind."""
        used = self._state[self._start : self._end] != _FREE
        first = int(used.argmax()) if len(used) else 0
        if len(used) and used[first]:
            self._start += first
        else:
            self._start = self._end = 0

    def _make_room(self, count: int) -> None:
        if self._end + count <= len(self._state):
            return
        rows = np.flatnonzero(self._state[self._start : self._end] != _FREE) + self._start
        before = self._columns()
        needed = len(rows) + count
        if needed > len(self._state) // 2:  # no copying of a full buffer for each event
            self._allocate(min(max(2 * len(self._state), 2 * needed), self._most_rows))
        for old, new in zip(before, self._columns(), strict=True):
            new[: len(rows)] = old[rows]
        self._start, self._end = 0, len(rows)
        self._selected_from, self._sent_at = 0, slice(0, len(rows))

    def _columns(self) -> tuple[npt.NDArray[np.generic] | npt.NDArray[np.object_], ...]:
        return (
            self._group,
            self._variation,
            self._asked,
            self._index,
            self._value,
            self._flags,
            self._time_us,
            self._text,
            self._class,
            self._state,
        )

    def _allocate(self, rows: int) -> None:
        self._group = np.zeros(rows, np.uint8)
        self._variation = np.zeros(rows, np.uint8)
        self._asked = np.zeros(rows, np.uint8)
        self._index = np.zeros(rows, np.uint32)
        self._value = np.zeros(rows, np.float64)
        self._flags = np.zeros(rows, np.uint8)
        self._time_us = np.zeros(rows, np.int64)
        self._text = np.full(rows, None, np.object_)
        self._class = np.zeros(rows, np.uint8)
        self._state = np.zeros(rows, np.uint8)
