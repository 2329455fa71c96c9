"""Events as octets: columns of any types, in their order, become object blocks.

Events of one type that follow each other share a header. All those of a type that may fit are turned into records at once and the
octets cut where a header ends, so that even events of alternating types cost little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from tieline.protocols.dnp3.application import ObjectBlock, encode_block
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, encode
from tieline.protocols.dnp3.objects import ObjectType, Records, object_type, prefixed, set_times_ms

STRING_EVENTS = 111
_MOST_RELATIVE_MS = 0xFFFF


def _sizes() -> npt.NDArray[np.int64]:
    sizes = np.zeros((256, 256), np.int64)
    for point, variations in EVENT_VARIATIONS.items():
        for variation in variations:
            kind = object_type(point.event, variation)
            assert kind is not None
            sizes[point.event, variation] = kind.octets(1)
    sizes[STRING_EVENTS] = np.arange(256)
    return sizes


_SIZES = _sizes()
_IS_RELATIVE = np.zeros((256, 256), np.bool_)
_IS_RELATIVE[[2, 4], 3] = True


@dataclass(frozen=True, slots=True, eq=False)
class EventColumns:
    """Events in their order."""

    group: npt.NDArray[np.uint8]
    variation: npt.NDArray[np.uint8]
    index: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float64]
    flags: npt.NDArray[np.uint8]
    time_us: npt.NDArray[np.int64]
    text: npt.NDArray[np.object_]
    """The octets of octet strings, else None."""

    def __len__(self) -> int:
        return len(self.group)

    def first(self, count: int) -> EventColumns:
        """The first so many."""
        return self.at(slice(count))

    def at(self, rows: npt.NDArray[np.intp] | slice) -> EventColumns:
        """Those in these rows."""
        return EventColumns(
            self.group[rows],
            self.variation[rows],
            self.index[rows],
            self.value[rows],
            self.flags[rows],
            self.time_us[rows],
            self.text[rows],
        )


def encode_events(events: EventColumns, room: int, *, is_synchronized: bool) -> tuple[bytes, int]:
    """The blocks of as many events as fit into so many octets, and how many these are.

    Whether the clock that stamped them is synchronized matters where times are relative to a common one (g51v1 or v2).
    """
    sizes = _SIZES[events.group, events.variation]
    count = int(np.searchsorted(np.cumsum(sizes + 1), room, "right"))
    if not count:
        return b"", 0
    events, sizes = events.first(count), sizes[:count]
    keys = events.group.astype(np.int64) << 8 | events.variation
    common = _common_times(events)
    changes = keys[1:] != keys[:-1]
    kinds = np.unique(keys).tolist() if changes.any() else [int(keys[0])]
    objects = {key: _objects(events, common, None if len(kinds) == 1 else np.flatnonzero(keys == key)) for key in kinds}
    starts = np.append(0, np.flatnonzero(changes | (common[1:] != common[:-1])) + 1)
    runs = keys[starts].tolist(), common[starts].tolist(), sizes[starts].tolist(), np.append(starts[1:], count).tolist()
    used = dict.fromkeys(kinds, 0)
    out: list[bytes] = []
    current = -1
    start = 0
    for key, time_ms, size, end in zip(*runs, strict=True):
        prefix, octets = objects[key]
        step = size + prefix
        head = 3 + prefix
        before = b"" if time_ms in {-1, current} else _common_time(time_ms, is_synchronized)
        while start < end:
            number = min(end - start, 0xFF if prefix == 1 else 0xFFFF, (room - len(before) - head) // step)
            if number <= 0:
                return b"".join(out), start
            at = used[key]
            used[key] = at + number * step
            header = bytes((key >> 8, key & 0xFF, 0x17 if prefix == 1 else 0x28)) + number.to_bytes(prefix, "little")
            out += (before, header, octets[at : used[key]])
            room -= len(before) + head + number * step
            start += number
            if before:
                current, before = time_ms, b""
    return b"".join(out), count


def _common_times(events: EventColumns) -> npt.NDArray[np.int64]:
    """For each event whose time is relative, the time in milliseconds that it counts from; -1 for others."""
    common = np.full(len(events), -1, np.int64)
    rows = np.flatnonzero(_IS_RELATIVE[events.group, events.variation])
    times = np.maximum(events.time_us[rows] // 1_000, 0)
    at = 0
    while at < len(rows):
        base = times[at]
        beyond = np.flatnonzero((times[at:] < base) | (times[at:] > base + _MOST_RELATIVE_MS))
        end = at + int(beyond[0]) if len(beyond) else len(rows)
        common[rows[at:end]] = base
        at = end
    return common


def _common_time(time_ms: int, is_synchronized: bool) -> bytes:
    variation = 1 if is_synchronized else 2
    kind = object_type(51, variation)
    assert kind is not None
    records = kind.zeros(1)
    set_times_ms(records, time_ms)
    return encode_block(ObjectBlock.counted(51, variation, records))


def _objects(events: EventColumns, common_ms: npt.NDArray[np.int64], rows: npt.NDArray[np.intp] | None) -> tuple[int, bytes]:
    """Events of one type (those in some rows, or all), each behind its index; and how many octets an index has."""
    if rows is not None:
        events, common_ms = events.at(rows), common_ms[rows]
    prefix = 1 if int(events.index.max()) <= 0xFF else 2
    if events.group[0] == STRING_EVENTS:
        pairs = zip(events.index.tolist(), events.text.tolist(), strict=True)
        return prefix, b"".join(index.to_bytes(prefix, "little") + text for index, text in pairs)
    kind = object_type(int(events.group[0]), int(events.variation[0]))
    assert kind is not None
    time_us = events.time_us
    if kind.has_relative_time:
        time_us = np.maximum(time_us, 0) - common_ms * 1_000
    return prefix, _prefixed(kind, events, time_us, prefix)


def _prefixed(kind: ObjectType, events: EventColumns, time_us: npt.NDArray[np.int64], prefix: int) -> bytes:
    assert kind.dtype is not None
    records = cast("Records", encode(kind, events.value, events.flags, time_us))  # no event is packed
    index_type, record_type = prefixed(kind.dtype, prefix)
    octets = np.empty(len(events) * record_type.itemsize, np.uint8)
    octets.view(index_type)["index"] = events.index
    target = octets.view(record_type)
    for name in kind.dtype.names or ():
        target[name] = records[name]
    return octets.tobytes()
