"""IEC 61850's quality as it comes in a bit string, and what a message's own state makes of its values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tieline.model import VALIDITY, Quality
from tieline.protocols.goose import Trust
from tieline.protocols.goose.timing import CLOCK_FAILURE, CLOCK_NOT_SYNCHRONIZED

QUALITY_BITS = 13

EXPIRED = Quality.INVALID | Quality.OLD_DATA
UNKNOWN_VALUE = Quality.INVALID | Quality.BAD_REFERENCE
NO_NUMBER = Quality.INVALID | Quality.FAILURE

TRUST_QUALITY = {
    Trust.USABLE: Quality.GOOD,
    Trust.INCONSISTENT: Quality.QUESTIONABLE | Quality.INCONSISTENT,
    Trust.UNUSABLE: Quality.INVALID | Quality.INCONSISTENT,
}
"""What it makes of values that a subscriber does not quite believe."""

QualityColumn = npt.NDArray[np.uint16]


@lru_cache
def qualities() -> QualityColumn:
    """The quality of each bit string of 13 bits, the first one the most significant (IEC 61850-8-1, clause 8.2)."""
    number = np.arange(1 << QUALITY_BITS)
    table = np.zeros(1 << QUALITY_BITS, np.uint16)
    for bit in range(QUALITY_BITS):
        table |= ((number >> (QUALITY_BITS - 1 - bit) & 1) << bit).astype(np.uint16)
    table.setflags(write=False)
    return table


@lru_cache
def time_qualities() -> QualityColumn:
    """What the time quality octet of a time stamp says of a device's time."""
    octet = np.arange(256)
    table = np.full(256, Quality.DEVICE_TIME, np.uint16)
    table[(octet & CLOCK_NOT_SYNCHRONIZED) != 0] |= np.uint16(Quality.CLOCK_NOT_SYNCHRONIZED)
    table[(octet & CLOCK_FAILURE) != 0] |= np.uint16(Quality.CLOCK_FAILURE)
    table.setflags(write=False)
    return table


def worse(quality: QualityColumn, other: QualityColumn) -> QualityColumn:
    """Both together: every detail bit, and the worse validity."""
    validity, more = quality & VALIDITY, other & VALIDITY
    # Good is 0 and questionable is 3; invalid, 2, and the reserved 1 are worse than both.
    is_worse = _RANK[more] > _RANK[validity]
    joined: QualityColumn = ((quality | other) & ~np.uint16(VALIDITY)) | np.where(is_worse, more, validity)
    return joined


_RANK = np.array([0, 2, 3, 1], np.uint8)
