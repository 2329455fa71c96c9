"""What points measure, in columns: from object blocks, and into them.

Both directions work on whole headers. A value is always a float64, which holds every 32-bit integer exactly; a state is 0 or 1, and of
a double-bit input 0 intermediate, 1 off, 2 on, 3 indeterminate (clause 11.9.6). States are taken out of the flags and put back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.application import ObjectBlock
from tieline.protocols.dnp3.objects import ObjectType, Packing, Records, set_times_ms, times_ms

NO_TIME = np.iinfo(np.int64).min
"""The time of a measurement that came without one."""


class _Groups(NamedTuple):
    static: int
    event: int


class PointType(_Groups, Enum):
    """A type of point: the group of its present values and that of its events (0: there are none)."""

    BINARY_INPUT = 1, 2
    DOUBLE_BIT_BINARY_INPUT = 3, 4
    BINARY_OUTPUT_STATUS = 10, 11
    COUNTER = 20, 22
    FROZEN_COUNTER = 21, 23
    ANALOG_INPUT = 30, 32
    FROZEN_ANALOG_INPUT = 31, 33
    ANALOG_INPUT_DEADBAND = 34, 0
    ANALOG_OUTPUT_STATUS = 40, 42
    BINARY_OUTPUT_COMMAND = 0, 13
    """Reported after the fact: the flags are the status that the command was answered with."""
    ANALOG_OUTPUT_COMMAND = 0, 43
    OCTET_STRING = 110, 111


class Flag(IntFlag):
    """Flags (clause 11.6.1). Bits 5 and 6 mean something else with each type; state bits are not among them."""

    ONLINE = 1
    RESTART = 2
    COMM_LOST = 4
    REMOTE_FORCED = 8
    LOCAL_FORCED = 16
    CHATTER_FILTER = 32
    """Binary and double-bit inputs."""
    ROLLOVER = 32
    """Counters; obsolete."""
    OVER_RANGE = 32
    """Analogs."""
    DISCONTINUITY = 64
    """Counters."""
    REFERENCE_ERR = 64
    """Analogs."""


POINT_TYPES: dict[int, tuple[PointType, bool]] = {
    **{kind.static: (kind, False) for kind in PointType if kind.static},
    **{kind.event: (kind, True) for kind in PointType if kind.event},
}
"""By group: whose values it holds, and whether they are events."""

_SINGLE = {PointType.BINARY_INPUT, PointType.BINARY_OUTPUT_STATUS, PointType.BINARY_OUTPUT_COMMAND}
STATE_BITS: dict[PointType, int] = dict.fromkeys(_SINGLE, 0x80) | {PointType.DOUBLE_BIT_BINARY_INPUT: 0xC0}
"""The bits of the flag octet that hold the state, of the types that have states."""
_STATE_SHIFT: dict[PointType, int] = dict.fromkeys(_SINGLE, 7) | {PointType.DOUBLE_BIT_BINARY_INPUT: 6}


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Values of points of one type, in the order in which they stood in the fragment."""

    kind: PointType
    is_event: bool
    index: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float64]
    """NaN where there are strings."""
    flags: npt.NDArray[np.uint8]
    """`Flag`s without the state; ONLINE where the variation has no flags. Of commands: the status."""
    time_us: npt.NDArray[np.int64]
    """The outstation's time, microseconds since 1970-01-01 UTC; `NO_TIME` where the variation has none."""
    is_time_synchronized: bool = True
    """False where the outstation says that its clock was not synchronized when it stamped these (g51v2)."""
    strings: tuple[bytes, ...] = ()
    """The values of octet strings."""

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class CommonTime:
    """A common time of occurrence: what relative times of the headers behind it count from."""

    time_ms: int
    is_synchronized: bool


def common_time(block: ObjectBlock) -> CommonTime | None:
    """The common time that a block sets, if it is one that does (group 51)."""
    if block.group != 51 or block.records is None or not len(block.records):
        return None
    return CommonTime(int(times_ms(block.records)[-1]), block.variation == 1)


def decode(block: ObjectBlock, common: CommonTime | None = None) -> Measurements | None:
    """The measurements in a block of a response; None where it holds none, or where nothing says of which points."""
    found = POINT_TYPES.get(block.group)
    kind = block.type
    if found is None or kind is None or (block.start is None and block.indexes is None):
        return None
    point, is_event = found
    if block.strings is not None:
        return _measure(point, is_event, block, np.full(block.count, np.nan), None, None, True)
    if block.states is not None:
        return _measure(point, is_event, block, block.states.astype(np.float64), None, None, True)
    if block.records is None:
        return None
    records = block.records
    flags: npt.NDArray[np.uint8] | None = None
    if point is PointType.ANALOG_OUTPUT_COMMAND:
        flags = records["status"]
        value = values_of(records)
    elif point in STATE_BITS:
        raw: npt.NDArray[np.uint8] = records["flags"]
        flags = raw & np.uint8(0xFF ^ STATE_BITS[point])
        value = (raw >> np.uint8(_STATE_SHIFT[point])).astype(np.float64)
    else:
        flags = records["flags"] if kind.has_flags else None
        value = values_of(records)
    times: npt.NDArray[np.int64] | None = None
    is_synchronized = True
    if kind.has_time:
        times = times_ms(records) * 1_000
    elif kind.has_relative_time and common is not None:
        times = (common.time_ms + records["relative"].astype(np.int64)) * 1_000
        is_synchronized = common.is_synchronized
    return _measure(point, is_event, block, value, flags, times, is_synchronized)


def values_of(records: Records) -> npt.NDArray[np.float64]:
    """The numbers in records."""
    with np.errstate(invalid="ignore"):  # a peer may send signaling NaNs, and they become quiet ones
        found: npt.NDArray[np.float64] = records["value"].astype(np.float64)
    return found


def _measure(
    kind: PointType,
    is_event: bool,
    block: ObjectBlock,
    value: npt.NDArray[np.float64],
    flags: npt.NDArray[np.uint8] | None,
    times: npt.NDArray[np.int64] | None,
    is_synchronized: bool,
) -> Measurements:
    count = len(value)
    return Measurements(
        kind,
        is_event,
        block.points,
        value,
        np.full(count, Flag.ONLINE, np.uint8) if flags is None else flags,
        np.full(count, NO_TIME) if times is None else times,
        is_synchronized,
        block.strings or (),
    )


def encode(
    kind: ObjectType,
    value: npt.NDArray[np.float64],
    flags: npt.NDArray[np.uint8],
    time_us: npt.NDArray[np.int64],
    *,
    common_ms: int = 0,
) -> Records | npt.NDArray[np.uint8]:
    """Records of a type, or states where it is packed.

    A number that a variation cannot hold is brought to the nearest that it can and flagged OVER_RANGE (clause 11.9.9.1); a counter is
    cut to its low bits (11.9.7.1); what is no number becomes 0 and is not ONLINE. A status keeps what it was. Relative times count from
    `common_ms`.
    Raises `LocalError` for a type that holds no measurements of points.
    """
    found = POINT_TYPES.get(kind.group)
    if found is None or found[0] is PointType.OCTET_STRING:
        raise LocalError(f"{kind} holds no numbers")
    point = found[0]
    if kind.packing in {Packing.BITS, Packing.PAIRS}:
        return _states(value, 3 if kind.packing is Packing.PAIRS else 1)
    records = kind.zeros(len(value))
    shift = _STATE_SHIFT.get(point)
    if shift is not None:
        state = _states(value, 0xFF >> shift) << np.uint8(shift)
        if point is not PointType.BINARY_OUTPUT_COMMAND:
            flags = _offline(flags, ~np.isfinite(value))
        records["flags"] = (flags & np.uint8(0xFF ^ STATE_BITS[point])) | state
    else:
        number, out_flags = _fit(point, value, flags, records.dtype["value"])
        records["value"] = number
        if point is PointType.ANALOG_OUTPUT_COMMAND:
            records["status"] = flags
        elif kind.has_flags:
            records["flags"] = out_flags
    if kind.has_time:
        set_times_ms(records, np.where(time_us == NO_TIME, 0, time_us // 1_000))
    elif kind.has_relative_time:
        records["relative"] = np.clip(time_us // 1_000 - common_ms, 0, 0xFFFF)
    return records


def _states(value: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(np.where(np.isfinite(value), value, 0.0)), 0, most).astype(np.uint8)


def _offline(flags: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.where(where, flags & np.uint8(0xFF ^ Flag.ONLINE), flags) if where.any() else flags


def _fit(
    point: PointType, value: npt.NDArray[np.float64], flags: npt.NDArray[np.uint8], dtype: np.dtype[np.generic]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8]]:
    is_counter = point in {PointType.COUNTER, PointType.FROZEN_COUNTER}
    is_none = ~np.isfinite(value) if is_counter else np.isnan(value)
    if is_none.any():
        flags = _offline(flags, is_none)
        value = np.where(is_none, 0.0, value)
    if is_counter:
        return np.mod(np.rint(value), 2.0 ** (8 * dtype.itemsize)).astype(dtype), flags
    if dtype.kind == "f":
        highest = float(np.finfo(dtype.str).max)
        lowest = -highest
    else:
        value = np.rint(value)
        lowest, highest = float(np.iinfo(dtype.str).min), float(np.iinfo(dtype.str).max)
    bounded = np.clip(value, lowest, highest)
    beyond = bounded != value
    if beyond.any():
        flags = np.where(beyond, flags | np.uint8(Flag.OVER_RANGE), flags)
    return bounded.astype(dtype), flags


STATIC_VARIATIONS: dict[PointType, tuple[int, ...]] = {
    PointType.BINARY_INPUT: (2, 1),
    PointType.DOUBLE_BIT_BINARY_INPUT: (2, 1),
    PointType.BINARY_OUTPUT_STATUS: (2, 1),
    PointType.COUNTER: (1, 2, 5, 6),
    PointType.FROZEN_COUNTER: (5, 1, 2, 6, 9, 10),
    PointType.ANALOG_INPUT: (5, 1, 2, 3, 4, 6),
    PointType.FROZEN_ANALOG_INPUT: (7, 1, 2, 3, 4, 5, 6, 8),
    PointType.ANALOG_INPUT_DEADBAND: (3, 1, 2),
    PointType.ANALOG_OUTPUT_STATUS: (3, 1, 2, 4),
}
"""The variations that a point of each type may have as its present value, the usual one first."""

EVENT_VARIATIONS: dict[PointType, tuple[int, ...]] = {
    PointType.BINARY_INPUT: (2, 1, 3),
    PointType.DOUBLE_BIT_BINARY_INPUT: (2, 1, 3),
    PointType.BINARY_OUTPUT_STATUS: (2, 1),
    PointType.COUNTER: (5, 1, 2, 6),
    PointType.FROZEN_COUNTER: (5, 1, 2, 6),
    PointType.ANALOG_INPUT: (7, 1, 2, 3, 4, 5, 6, 8),
    PointType.FROZEN_ANALOG_INPUT: (7, 1, 2, 3, 4, 5, 6, 8),
    PointType.ANALOG_OUTPUT_STATUS: (7, 1, 2, 3, 4, 5, 6, 8),
    PointType.BINARY_OUTPUT_COMMAND: (2, 1),
    PointType.ANALOG_OUTPUT_COMMAND: (7, 1, 2, 3, 4, 5, 6, 8),
}
"""The variations that its events may have, the usual one first."""
