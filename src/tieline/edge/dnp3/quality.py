"""DNP3's flags and Tieline's quality, one into the other (IEEE 1815-2012, clause 11.6.1; IEC 61850-7-3, clause 6.2).

Both directions are tables that a column of octets, or of qualities, indexes. What is bad never becomes good: of several flags the
worst validity counts, and a quality for which there is no flag is sent as not ONLINE. The tables are in docs/reference/dnp3.md.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tieline.model import STATUS, VALIDITY, Quality
from tieline.protocols.dnp3.measurements import Flag, PointType

QualityTable = npt.NDArray[np.uint16]
FlagTable = npt.NDArray[np.uint8]


class FlagClass(Enum):
    """Point types whose bits 5 and 6 mean the same."""

    STATE = "binary and double-bit inputs, binary outputs"
    COUNTER = "counters"
    ANALOG = "analog inputs and outputs"


class FlagMeaning(NamedTuple):
    """What a flag in one state says of a value."""

    classes: tuple[FlagClass, ...]
    flag: Flag
    is_set: bool
    quality: Quality


_ALL = tuple(FlagClass)

FLAG_MEANINGS: tuple[FlagMeaning, ...] = (
    FlagMeaning(_ALL, Flag.ONLINE, False, Quality.INVALID | Quality.FAILURE),
    # Not read since the outstation started: what it reports is from before, or a zero that nobody measured.
    FlagMeaning(_ALL, Flag.RESTART, True, Quality.INVALID | Quality.OLD_DATA),
    FlagMeaning(_ALL, Flag.COMM_LOST, True, Quality.INVALID | Quality.OLD_DATA),
    FlagMeaning(_ALL, Flag.REMOTE_FORCED, True, Quality.SUBSTITUTED),
    FlagMeaning(_ALL, Flag.LOCAL_FORCED, True, Quality.SUBSTITUTED),
    FlagMeaning((FlagClass.STATE,), Flag.CHATTER_FILTER, True, Quality.QUESTIONABLE | Quality.OSCILLATORY),
    FlagMeaning((FlagClass.COUNTER,), Flag.DISCONTINUITY, True, Quality.QUESTIONABLE | Quality.INCONSISTENT),
    # The value is the nearest that could be measured or sent.
    FlagMeaning((FlagClass.ANALOG,), Flag.OVER_RANGE, True, Quality.QUESTIONABLE | Quality.OVERFLOW),
    # The converter's own reference: IEC 61850's badReference means just that.
    FlagMeaning((FlagClass.ANALOG,), Flag.REFERENCE_ERR, True, Quality.QUESTIONABLE | Quality.BAD_REFERENCE),
)
"""Everything flags say; what is not here says nothing (ROLLOVER is obsolete, and a counter that rolls over is as good as before)."""

QUALITY_FLAGS: tuple[FlagMeaning, ...] = (
    FlagMeaning(_ALL, Flag.COMM_LOST, True, Quality.OLD_DATA),
    FlagMeaning(_ALL, Flag.REMOTE_FORCED, True, Quality.SUBSTITUTED),
    FlagMeaning((FlagClass.STATE,), Flag.CHATTER_FILTER, True, Quality.OSCILLATORY),
    FlagMeaning((FlagClass.COUNTER,), Flag.DISCONTINUITY, True, Quality.INCONSISTENT),
    FlagMeaning((FlagClass.ANALOG,), Flag.OVER_RANGE, True, Quality.OVERFLOW),
    FlagMeaning((FlagClass.ANALOG,), Flag.OVER_RANGE, True, Quality.OUT_OF_RANGE),
    FlagMeaning((FlagClass.ANALOG,), Flag.REFERENCE_ERR, True, Quality.BAD_REFERENCE),
    FlagMeaning((FlagClass.ANALOG,), Flag.REFERENCE_ERR, True, Quality.INACCURATE),
)
"""The flags that are set where the gateway is the outstation and a value has the detail bit; ONLINE follows from the validity."""

_CLASSES = {PointType.COUNTER: FlagClass.COUNTER, PointType.FROZEN_COUNTER: FlagClass.COUNTER} | dict.fromkeys(
    (PointType.ANALOG_INPUT, PointType.FROZEN_ANALOG_INPUT, PointType.ANALOG_OUTPUT_STATUS), FlagClass.ANALOG
)


def flag_class(kind: PointType) -> FlagClass:
    """The class of a point type that has flags."""
    return _CLASSES.get(kind, FlagClass.STATE)


@lru_cache
def qualities(kind: FlagClass) -> QualityTable:
    """The quality of each octet of flags; index it with a column."""
    table = np.zeros(256, np.uint16)
    octets = np.arange(256)
    is_invalid, is_questionable = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
    for meaning in FLAG_MEANINGS:
        if kind not in meaning.classes:
            continue
        says = ((octets & meaning.flag) != 0) == meaning.is_set
        table[says] |= np.uint16(meaning.quality & ~VALIDITY)
        validity = meaning.quality & VALIDITY
        is_invalid |= says & (validity == Quality.INVALID)
        is_questionable |= says & (validity == Quality.QUESTIONABLE)
    table[is_questionable] |= np.uint16(Quality.QUESTIONABLE)
    table[is_invalid] = (table[is_invalid] & ~np.uint16(VALIDITY)) | np.uint16(Quality.INVALID)
    table.setflags(write=False)
    return table


@lru_cache
def flags(kind: FlagClass) -> FlagTable:
    """The flags of each quality, of which only the bits of `STATUS` count; index it with a column and that mask."""
    table = np.zeros(STATUS + 1, np.uint8)
    quality = np.arange(STATUS + 1)
    says_why = np.zeros(STATUS + 1, np.bool_)
    for meaning in QUALITY_FLAGS:
        if kind in meaning.classes:
            has_it = (quality & meaning.quality) != 0
            table[has_it] |= np.uint8(meaning.flag)
            says_why |= has_it & (meaning.flag != Flag.REMOTE_FORCED)
    validity = quality & VALIDITY
    is_questionable = validity == Quality.QUESTIONABLE
    is_online = ((validity == 0) | (is_questionable & says_why)) & ((quality & Quality.TEST) == 0)
    table[is_online] |= np.uint8(Flag.ONLINE)
    table.setflags(write=False)
    return table
