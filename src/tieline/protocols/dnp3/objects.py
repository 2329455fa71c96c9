"""The object library: what an object of each group and variation looks like on the wire (IEEE 1815-2012, annex A).

Objects of one size are numpy structured dtypes, so that a header's worth of them is decoded at once. The fields are called

    flags      the flag octet; of a binary or double-bit object it holds the state too
    value      the number
    status     the status of a command (clause 11.9.2)
    time_low, time_high    48 bits of milliseconds since 1970-01-01 UTC
    relative   milliseconds after the common time of occurrence that precedes it (group 51)

and as in the standard for the few that are none of these. Single bits and double-bit pairs are packed; octet strings are as long as
their variation says; objects in free format carry their length in front. Obsolete variations (the delta counters) are read like
the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]
"""Objects of one size: a structured array."""


class Packing(Enum):
    """How objects of a type follow each other."""

    RECORDS = "fixed-size records"
    BITS = "single bits, the lowest first"
    PAIRS = "two bits each, the lowest first"
    STRINGS = "octets, as many as the variation says"
    ATTRIBUTES = "type octet, length octet, data (clause A.1)"
    FREE = "free format behind its length"
    NOTHING = "no data: the header says it all"


@dataclass(frozen=True, slots=True, eq=False)
class ObjectType:
    """One group and variation."""

    group: int
    variation: int
    packing: Packing
    dtype: np.dtype[np.void] | None = None

    def __str__(self) -> str:
        return f"g{self.group}v{self.variation}"

    @property
    def has_time(self) -> bool:
        """Whether each object carries an absolute time."""
        return self._has("time_low")

    @property
    def has_relative_time(self) -> bool:
        """Whether each object's time counts from a common time of occurrence."""
        return self._has("relative")

    @property
    def has_flags(self) -> bool:
        """Whether each object carries a flag octet."""
        return self._has("flags")

    def octets(self, count: int) -> int:
        """What so many objects take without their prefixes; 0 where that cannot be said from the type."""
        match self.packing:
            case Packing.RECORDS:
                assert self.dtype is not None
                return count * self.dtype.itemsize
            case Packing.BITS:
                return (count + 7) // 8
            case Packing.PAIRS:
                return (count + 3) // 4
            case Packing.STRINGS:
                return count * self.variation
            case _:
                return 0

    def zeros(self, count: int) -> Records:
        """So many records to be filled. Raises `TypeError` for a type that is not made of records."""
        if self.dtype is None:
            raise TypeError(f"{self} is not made of records")
        return np.zeros(count, self.dtype)

    def _has(self, field: str) -> bool:
        return self.dtype is not None and self.dtype.names is not None and field in self.dtype.names


@lru_cache(maxsize=1024)
def object_type(group: int, variation: int) -> ObjectType | None:
    """The type with these numbers, or None where this package does not know it."""
    fields = _RECORDS.get((group, variation))
    if fields is not None:
        return ObjectType(group, variation, Packing.RECORDS, np.dtype(_fields(fields)))
    if (group, variation) in _BITS:
        return ObjectType(group, variation, Packing.BITS)
    if (group, variation) == (3, 1):
        return ObjectType(group, variation, Packing.PAIRS)
    if group in _STRING_GROUPS and variation:
        return ObjectType(group, variation, Packing.STRINGS)
    if group == 0 and variation not in {0, _ALL_ATTRIBUTES}:
        return ObjectType(group, variation, Packing.ATTRIBUTES)
    if group in _FREE_GROUPS and variation:
        return ObjectType(group, variation, Packing.FREE)
    if group == 60 and 1 <= variation <= 4:
        return ObjectType(group, variation, Packing.NOTHING)
    return None


def times_ms(records: Records) -> npt.NDArray[np.int64]:
    """The absolute times of records, in milliseconds since 1970-01-01 UTC."""
    return records["time_low"].astype(np.int64) | (records["time_high"].astype(np.int64) << 32)


def set_times_ms(records: Records, times: npt.NDArray[np.int64] | int) -> None:
    """Writes absolute times into records; what 48 bits cannot hold is brought to the nearest they can."""
    bounded = np.clip(times, 0, (1 << 48) - 1)
    records["time_low"] = bounded & 0xFFFFFFFF
    records["time_high"] = bounded >> 32


def _fields(letters: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for word in letters.split():
        found += _WORDS.get(word) or [("value", word)]
    return found


_WORDS: dict[str, list[tuple[str, str]]] = {
    "flags": [("flags", "u1")],
    "status": [("status", "u1")],
    "time": [("time_low", "<u4"), ("time_high", "<u2")],
    "relative": [("relative", "<u2")],
    "crob": [("code", "u1"), ("count", "u1"), ("on_ms", "<u4"), ("off_ms", "<u4"), ("status", "u1")],
    "interval": [("interval", "<u4")],
    "units": [("units", "u1")],
    "challenge": [("challenge", "<u4")],
    "user": [("user", "<u2")],
    "buffer": [("fill", "u1"), ("group", "u1"), ("variation", "u1")],
    "association": [("flags", "u1"), ("association", "<u2"), ("value", "<u4")],
}

_COUNTER = {1: "flags <u4", 2: "flags <u2", 3: "flags <u4", 4: "flags <u2", 5: "<u4", 6: "<u2", 7: "<u4", 8: "<u2"}
_FROZEN_COUNTER = {
    1: "flags <u4",
    2: "flags <u2",
    3: "flags <u4",
    4: "flags <u2",
    5: "flags <u4 time",
    6: "flags <u2 time",
    7: "flags <u4 time",
    8: "flags <u2 time",
    9: "<u4",
    10: "<u2",
    11: "<u4",
    12: "<u2",
}
_COUNTER_EVENT = {variation: fields for variation, fields in _FROZEN_COUNTER.items() if variation <= 8}
_ANALOG_EVENT = {
    1: "flags <i4",
    2: "flags <i2",
    3: "flags <i4 time",
    4: "flags <i2 time",
    5: "flags <f4",
    6: "flags <f8",
    7: "flags <f4 time",
    8: "flags <f8 time",
}
_BINARY_EVENT = {1: "flags", 2: "flags time", 3: "flags relative"}

_TABLE: dict[int, dict[int, str]] = {
    1: {2: "flags"},
    2: _BINARY_EVENT,
    3: {2: "flags"},
    4: _BINARY_EVENT,
    10: {2: "flags"},
    11: {1: "flags", 2: "flags time"},
    12: {1: "crob", 2: "crob"},
    13: {1: "flags", 2: "flags time"},
    20: _COUNTER,
    21: _FROZEN_COUNTER,
    22: _COUNTER_EVENT,
    23: _COUNTER_EVENT,
    30: {1: "flags <i4", 2: "flags <i2", 3: "<i4", 4: "<i2", 5: "flags <f4", 6: "flags <f8"},
    31: {
        1: "flags <i4",
        2: "flags <i2",
        3: "flags <i4 time",
        4: "flags <i2 time",
        5: "<i4",
        6: "<i2",
        7: "flags <f4",
        8: "flags <f8",
    },
    32: _ANALOG_EVENT,
    33: _ANALOG_EVENT,
    34: {1: "<u2", 2: "<u4", 3: "<f4"},
    40: {1: "flags <i4", 2: "flags <i2", 3: "flags <f4", 4: "flags <f8"},
    41: {1: "<i4 status", 2: "<i2 status", 3: "<f4 status", 4: "<f8 status"},
    42: _ANALOG_EVENT,
    43: {
        1: "status <i4",
        2: "status <i2",
        3: "status <i4 time",
        4: "status <i2 time",
        5: "status <f4",
        6: "status <f8",
        7: "status <f4 time",
        8: "status <f8 time",
    },
    50: {1: "time", 2: "time interval", 3: "time", 4: "time interval units"},
    51: {1: "time", 2: "time"},
    52: {1: "<u2", 2: "<u2"},
    # Not used here, but read, so that what stands behind them is: buffer status, the characteristics of data sets, BCD, unsigned
    # integers, what of authentication has no length in front (an aggressive-mode request, a request for key status), statistics.
    81: {1: "buffer"},
    86: {2: "u1"},
    101: {1: "<u2", 2: "<u4", 3: "<u8"},
    102: {1: "u1"},
    120: {3: "challenge user", 4: "user"},
    121: {1: "association"},
    122: {1: "association", 2: "association time"},
}
_RECORDS: dict[tuple[int, int], str] = {
    (group, variation): fields for group, variations in _TABLE.items() for variation, fields in variations.items()
}
_BITS = {(1, 1), (10, 1), (12, 3), (80, 1)}
_STRING_GROUPS = {110, 111, 112, 113}
_ALL_ATTRIBUTES = 254
"""A request's variation for all device attributes; no object has it (clause A.1)."""
_FREE_GROUPS = {70, 82, 83, 85, 86, 87, 88, 90, 91, 120}

KNOWN_TYPES: tuple[tuple[int, int], ...] = (*_RECORDS, *sorted(_BITS), (3, 1))
"""Group and variation of every object whose size follows from them."""


@lru_cache(maxsize=1024)
def prefixed(dtype: np.dtype[Any], octets: int) -> tuple[np.dtype[np.void], np.dtype[np.void]]:
    """The same records each behind an index of so many octets: one dtype that sees the index, one that sees the record."""
    assert dtype.fields is not None
    assert dtype.names is not None
    size = octets + dtype.itemsize
    index = np.dtype({"names": ["index"], "formats": [f"<u{octets}"], "offsets": [0], "itemsize": size})
    names = list(dtype.names)
    record = np.dtype(
        {
            "names": names,
            "formats": [dtype.fields[name][0] for name in names],
            "offsets": [octets + dtype.fields[name][1] for name in names],
            "itemsize": size,
        }
    )
    return index, record
