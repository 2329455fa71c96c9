"""Events that come a second time, because the confirmation of the first was lost.

Theory of operation. An outstation keeps what it has sent until it is confirmed. When the link drops, a datagram is lost or a timer of
the outstation runs out, the master does not know whether its confirmation has arrived. If it has not, the outstation reports the same
events again: maybe under another sequence number, cut into other fragments, among new ones, or among those of other classes when they
first came unsolicited and are now polled. A network may bring old fragments late, and twice.

One thing stays: a point belongs to one class, and the events of a point come in the order in which they happened. So the events of the
last fragments are remembered as they were delivered. Events *with time* that come in are compared with them point by point, in every
respect (type, index, value, flags, time): those that go on in the order of what was delivered are repetitions; the first that does not,
and all of the point behind it, are new. An outstation whose buffer has overflowed may leave out some in between. As a rule there is
nothing to compare: events later than all that were delivered are new, which two looks at the times tell.

Stamps may be coarse, and a contact may bounce. States that alternate under one stamp and come again are a repetition only when they go
on to the last of them, and when something else of that fragment has come again too, or there was nothing else.

Events *without time*, or with one of 0, have nothing that tells one from the next like it: a contact that pulses between any two polls
brings the same two events for ever. Here a repetition is only believed where there is reason to: the link was lost, and the event is
among those of the last fragments before, whose confirmations may have been lost with it. The first event of a point that does not go on
with them ends that, and so does a READ of all classes. Where there is no such reason they are delivered again rather than lost.

Limits. Of two events of a point that are the same in every respect, stamp included, and have no other between them, the second is taken
for a repetition; so are two numbers that alternate under one stamp. An outstation that answers with another variation than at first (a
poll for events without time) repeats what cannot be recognized. What was delivered more than thirty-two fragments ago is delivered again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import compress, islice

import numpy as np
import numpy.typing as npt

from tieline.protocols.dnp3.measurements import NO_TIME, Measurements, PointType

_MOST_BATCHES = 32
_BATCHES_LOST_WITH_THE_LINK = 2
"""An outstation waits for one confirmation of a response and one of an unsolicited response."""
_POINT_OCTETS = 5
_TIME = slice(6, 14)
_ALTERNATING = {PointType.BINARY_INPUT, PointType.DOUBLE_BIT_BINARY_INPUT, PointType.BINARY_OUTPUT_STATUS}
_EVENT = np.dtype([("kind", "u1"), ("index", "<u4"), ("flags", "u1"), ("time", "<i8"), ("value", "<f8")])

_Column = tuple[Measurements, list[bytes], list[bool]]
"""Measurements, the events among them, and whether each was delivered before."""
_Past = dict[bytes, list[bytes]]
"""The events of each point, in their order."""


class _Batch:
    """The new events of one fragment; looked at one by one only when it must be."""

    __slots__ = ("_by_point", "events", "newest_us", "number")

    def __init__(self, number: int, events: list[Measurements]) -> None:
        self.number = number
        self.events = events
        self.newest_us = max(int(each.time_us.max()) for each in events)
        self._by_point: _Past | None = None

    @property
    def by_point(self) -> _Past:
        """Those with time."""
        if self._by_point is None:
            self._by_point = _collect(each for each in self.events if _is_timed(each))
        return self._by_point


class Repeats:
    """What was delivered last."""

    def __init__(self) -> None:
        self.dropped = 0
        """Events that came a second time and were not passed on."""
        self._batches: deque[_Batch] = deque(maxlen=_MOST_BATCHES)
        self._newest_us = NO_TIME
        self._number = 0
        self._settled = 0
        self._doubted: _Past = {}
        """Events without time whose confirmation may have been lost with the link."""

    @property
    def mark(self) -> int:
        """The number of the batch that comes next."""
        return self._number

    def pass_new(self, measurements: Sequence[Measurements]) -> list[Measurements]:
        """The measurements without the events that were delivered before."""
        events = [each for each in measurements if each.is_event]
        if not events:
            return list(measurements)
        passed = list(measurements)
        if any(self._may_repeat(each) for each in events):
            passed = self._without_repeats(measurements)
            events = [each for each in passed if each.is_event]
        if events:
            self._batches.append(_Batch(self._number, events))
            self._number += 1
            self._newest_us = max(batch.newest_us for batch in self._batches)
        return passed

    def link_lost(self) -> None:
        """The confirmations of the last fragments may not have arrived."""
        last = islice(reversed(self._batches), _BATCHES_LOST_WITH_THE_LINK)
        batches = [batch for batch in last if batch.number >= self._settled]
        untimed = (each for batch in reversed(batches) for each in batch.events if not _is_timed(each))
        self._doubted = _collect(untimed)

    def forget(self) -> None:
        """What was delivered is lost: it is new when it comes again."""
        self._batches.clear()
        self._doubted.clear()
        self._newest_us = NO_TIME

    def all_read(self, mark: int) -> None:
        """Since the mark the outstation was asked for all its events: what came before is no longer in its buffer."""
        self._settled = mark
        self._doubted.clear()

    def _may_repeat(self, events: Measurements) -> bool:
        if _is_timed(events):
            return bool(events.time_us.min() <= self._newest_us)
        return bool(self._doubted)

    def _without_repeats(self, measurements: Sequence[Measurements]) -> list[Measurements]:
        past: _Past = {}
        places: dict[bytes, int] = {}
        doubted_places: dict[bytes, int] = {}
        columns: list[_Column] = []
        for each in measurements:
            if not each.is_event:
                columns.append((each, [], []))
                continue
            keys = _keys(each)
            if _is_timed(each):
                self._recall(keys, past)
                columns.append((each, keys, _follow(keys, past, places)))
            else:
                columns.append((each, keys, _follow(keys, self._doubted, doubted_places)))
        for point, place in doubted_places.items():
            if place < 0:
                self._doubted.pop(point, None)
            else:
                self._doubted[point] = self._doubted[point][place:]
        passed: list[Measurements] = []
        self._believe_alternation(columns, past)
        for each, _, repeated in columns:
            self.dropped += sum(repeated)
            rest = _without(each, repeated)
            if len(rest):
                passed.append(rest)
        return passed

    def _believe_alternation(self, columns: list[_Column], past: _Past) -> None:
        """Takes events for new that come again under the stamp of others of their point, unless the fragment shows that they do not."""
        open_places: dict[bytes, list[tuple[list[bool], int, bytes]]] = {}
        newest: _Past = {}
        is_repetition = False
        for each, keys, repeated in columns:
            for number, key in enumerate(keys):
                if not repeated[number]:
                    continue
                point = key[:_POINT_OCTETS]
                if each.kind in _ALTERNATING and point not in newest:
                    newest[point] = _newest(past.get(point, []))
                last = newest.get(point, [])
                if len(last) > 1 and last[-1][_TIME] == key[_TIME]:
                    open_places.setdefault(point, []).append((repeated, number, key))
                else:
                    is_repetition = True
        if not open_places:
            return
        found = {key for _, keys, repeated in columns for key in compress(keys, repeated)}
        came_whole: dict[int, bool] = {}
        for point, events in open_places.items():
            last, again = newest[point], [key for _, _, key in events]
            sizes = range(min(len(again), len(last)), 0, -1)
            size = next((size for size in sizes if again[:size] == last[-size:]), 0)
            batch = next(batch for batch in reversed(self._batches) if point in batch.by_point)
            if not is_repetition:
                if batch.number not in came_whole:
                    came_whole[batch.number] = found.issuperset(key for keys in batch.by_point.values() for key in keys)
                if not came_whole[batch.number]:
                    size = 0  # a repetition would hold the rest of that fragment too
            for place, (repeated, number, _) in enumerate(events):
                repeated[number] = place < size

    def _recall(self, keys: list[bytes], past: _Past) -> None:
        """Puts together what was delivered of these points."""
        for point in {key[:_POINT_OCTETS] for key in keys} - past.keys():
            past[point] = [key for batch in self._batches for key in batch.by_point.get(point, ())]


def _newest(known: list[bytes]) -> list[bytes]:
    """The events of a point that have the stamp of its last one."""
    return [each for each in known if each[_TIME] == known[-1][_TIME]]


def _follow(keys: list[bytes], past: _Past, places: dict[bytes, int]) -> list[bool]:
    """Whether each event goes on in the order of the past of its point.

    `places` says how far each point has come: how many of its past are behind it, and their complement once there was a new one.
    """
    found: list[bool] = []
    for key in keys:
        point = key[:_POINT_OCTETS]
        known, place = past.get(point, []), places.get(point, 0)
        is_known = False
        if place >= 0:
            try:
                place = known.index(key, place) + 1
                is_known = True
            except ValueError:
                place = ~place  # it is new, and so is all that follows
            places[point] = place
        found.append(is_known)
    return found


def _is_timed(events: Measurements) -> bool:
    """Some outstations without a clock stamp with 0."""
    return bool(events.time_us.min() > 0)


def _collect(events: Iterable[Measurements]) -> _Past:
    found: _Past = {}
    for each in events:
        for key in _keys(each):
            found.setdefault(key[:_POINT_OCTETS], []).append(key)
    return found


def _keys(events: Measurements) -> list[bytes]:
    table = np.empty(len(events), _EVENT)
    table["kind"] = events.kind.event
    table["index"] = events.index
    table["flags"] = events.flags
    table["time"] = events.time_us
    table["value"] = events.value
    keys: list[bytes] = table.view(f"V{_EVENT.itemsize}").tolist()
    if events.strings:
        return [key + string for key, string in zip(keys, events.strings, strict=True)]
    return keys


def _without(events: Measurements, repeated: list[bool]) -> Measurements:
    if not any(repeated):
        return events
    kept: npt.NDArray[np.bool_] = ~np.array(repeated)
    return Measurements(
        events.kind,
        events.is_event,
        events.index[kept],
        events.value[kept],
        events.flags[kept],
        events.time_us[kept],
        events.is_time_synchronized,
        tuple(compress(events.strings, kept.tolist())),
    )
