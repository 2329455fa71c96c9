"""Events that come a second time, because the confirmation of the first was lost.

Theory of operation. An outstation keeps what it has sent until it is confirmed. When the link drops, a datagram is lost or a timer of
the outstation runs out, the master does not know whether a confirmation has arrived: every fragment with events is *in doubt* once it
has been delivered. The outstation then reports the same events again, maybe under another sequence number, cut into other fragments,
among new ones, or among those of other classes when they first came unsolicited and are now polled.

One thing stays: a point belongs to one class, and events of one point come in the order in which they happened. If the confirmation
was lost, the next events of a point are those in doubt, in that order, or, where the outstation's buffer has overflowed, the last of
them. So the last fragments with events are remembered. When a fragment comes in that has an event which is the same in every respect
(type, index, value, flags, time) as one in doubt, its events are compared point by point: as long as they go on as those in doubt do,
they are dropped; the first event of a point that does not ends the doubt about that point, because it is newer.

Doubt ends for certain when the outstation goes on with the next fragment of a response, which it does only when the last was confirmed
(clause 4.3.2). It very probably ends when another READ of all classes has been answered. Probability is enough for events without
time, where remembering costs: two equal ones of a point may be two events. Events with time are remembered longer, because no two of a
point are the same; that also recognizes fragments which a network delays and doubles.

Limits. Of two events of a point that are the same in every respect, one right after the other, the second is taken for a repetition while
the first is in doubt. With times that means twice in one millisecond without another state between; without times, twice the same value
(a counter frozen twice). An outstation that answers with another variation than at first (a poll for events without time) repeats what
cannot be recognized. What was forgotten after sixteen more fragments is delivered again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

from tieline.protocols.dnp3.measurements import NO_TIME, Measurements

_MOST_BATCHES = 16
_ALWAYS = np.iinfo(np.int64).min
_POINT_OCTETS = 5
_EVENT = np.dtype([("kind", "u1"), ("index", "<u4"), ("flags", "u1"), ("time", "<i8"), ("value", "<f8")])


class _Batch:
    """The events of one fragment that are in doubt."""

    __slots__ = ("keys", "newest_us", "number", "points", "timed", "untimed")

    def __init__(self, number: int, timed: list[bytes], untimed: list[bytes], newest_us: int) -> None:
        self.number = number
        self.newest_us = newest_us
        self.keep(timed, untimed)

    def keep(self, timed: list[bytes], untimed: list[bytes]) -> None:
        self.timed, self.untimed = timed, untimed
        self.keys = frozenset(timed + untimed)
        self.points = frozenset(key[:_POINT_OCTETS] for key in untimed)


class Repeats:
    """The events in doubt."""

    def __init__(self) -> None:
        self.dropped = 0
        """Events that came a second time and were not passed on."""
        self._batches: deque[_Batch] = deque()
        self._number = 0
        self._newest_us = _ALWAYS

    @property
    def mark(self) -> int:
        """The number of the batch that comes next."""
        return self._number

    def pass_new(self, measurements: Sequence[Measurements]) -> list[Measurements]:
        """The measurements without events that were delivered before; the events are in doubt from now on."""
        events = [each for each in measurements if each.is_event]
        if not events:
            return list(measurements)
        columns = [_keys(each) for each in events]
        oldest_us = min(int(each.time_us.min()) for each in events)
        dropped: list[list[bool]] | None = None
        # Events with later times than all in doubt are new: the usual case, decided without a look at each.
        if self._batches and (oldest_us <= self._newest_us or any(batch.untimed for batch in self._batches)):
            dropped = self._compare(columns)
        self._remember(events, columns)
        if dropped is None:
            return list(measurements)
        self.dropped += sum(map(sum, dropped))
        masks = iter(dropped)
        passed = [_without(each, next(masks)) if each.is_event else each for each in measurements]
        return [each for each in passed if len(each)]

    def confirmed(self, number: int) -> None:
        """The outstation has the confirmation of the fragment that was the batch of this number."""
        self._keep(batch for batch in self._batches if batch.number != number)

    def settled_before(self, mark: int) -> None:
        """The outstation has been asked for all events since, so that what came before the mark is no longer in its buffer."""
        for batch in self._batches:
            if batch.number < mark and batch.untimed:
                batch.keep(batch.timed, [])
        self._keep(batch for batch in self._batches if batch.keys)

    def _compare(self, columns: list[list[bytes]]) -> list[list[bool]] | None:
        dropped: list[list[bool]] | None = None
        for batch in self._batches:
            if all(batch.keys.isdisjoint(keys) for keys in columns):
                if batch.untimed and any(not batch.points.isdisjoint(_points(keys)) for keys in columns):
                    batch.keep(batch.timed, [])
                continue
            if dropped is None:
                dropped = [[False] * len(keys) for keys in columns]
            _match(batch, columns, dropped)
        self._keep(batch for batch in self._batches if batch.keys)
        return dropped

    def _keep(self, batches: Iterable[_Batch]) -> None:
        self._batches = deque(batches, maxlen=_MOST_BATCHES)
        self._newest_us = max((batch.newest_us for batch in self._batches), default=_ALWAYS)

    def _remember(self, events: list[Measurements], columns: list[list[bytes]]) -> None:
        timed: list[bytes] = []
        untimed: list[bytes] = []
        newest_us = _ALWAYS
        for each, keys in zip(events, columns, strict=True):
            last_us = int(each.time_us.max())
            newest_us = max(newest_us, last_us)
            (untimed if last_us == NO_TIME else timed).extend(keys)
        self._keep((*self._batches, _Batch(self._number, timed, untimed, newest_us)))
        self._number += 1


def _match(batch: _Batch, columns: list[list[bytes]], dropped: list[list[bool]]) -> None:
    """Marks what repeats the batch, point by point, and takes out of the batch what is no longer in doubt."""
    waiting: dict[bytes, deque[bytes]] = {}
    for key in (*batch.timed, *batch.untimed):
        waiting.setdefault(key[:_POINT_OCTETS], deque()).append(key)
    for keys, marks in zip(columns, dropped, strict=True):
        for place, key in enumerate(keys):
            queue = waiting.get(key[:_POINT_OCTETS])
            if not queue:
                continue
            if key in queue:
                while queue.popleft() != key:
                    pass  # the outstation's buffer has overflowed and lost these
                marks[place] = True
            else:
                queue.clear()
    left = {key for queue in waiting.values() for key in queue}
    batch.keep([key for key in batch.timed if key in left], [key for key in batch.untimed if key in left])


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


def _points(keys: list[bytes]) -> list[bytes]:
    return [key[:_POINT_OCTETS] for key in keys]


def _without(events: Measurements, marks: list[bool]) -> Measurements:
    if not any(marks):
        return events
    kept: npt.NDArray[np.bool_] = ~np.array(marks)
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
