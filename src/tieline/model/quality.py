"""Quality of a sample: IEC 61850-7-3 validity and detail bits, plus where its time came from.

A quality is one unsigned 16-bit number, so that a million of them are a numpy column. Bits 0 to 12 are those of the `Quality`
attribute of IEC 61850-7-3 (clause 6.2) in the order in which 61850-8-1 encodes them; bits 13 to 15 say what the time stamp is
worth. Good is zero in the validity bits, whatever the time bits say.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np
import numpy.typing as npt

QualityColumn = npt.NDArray[np.uint16]


class Quality(IntFlag):
    """The bits of a quality; combine with `|`. `Quality.GOOD` is none of them."""

    GOOD = 0
    RESERVED = 1 << 0
    """Not used alone; with `INVALID` it makes `QUESTIONABLE`."""
    INVALID = 1 << 1
    QUESTIONABLE = RESERVED | INVALID
    OVERFLOW = 1 << 2
    OUT_OF_RANGE = 1 << 3
    BAD_REFERENCE = 1 << 4
    OSCILLATORY = 1 << 5
    FAILURE = 1 << 6
    OLD_DATA = 1 << 7
    INCONSISTENT = 1 << 8
    INACCURATE = 1 << 9
    SUBSTITUTED = 1 << 10
    TEST = 1 << 11
    OPERATOR_BLOCKED = 1 << 12
    DEVICE_TIME = 1 << 13
    """The time is the device's own; without this bit it is the gateway's. The stronger claim needs the bit."""
    CLOCK_NOT_SYNCHRONIZED = 1 << 14
    CLOCK_FAILURE = 1 << 15


VALIDITY = int(Quality.QUESTIONABLE)
"""Mask of the two validity bits."""

STATUS = 0x1FFF
"""Mask of the bits of IEC 61850-7-3; a change in them is always reported."""


def is_good(quality: QualityColumn) -> npt.NDArray[np.bool_]:
    """True where the validity is good; time bits do not matter."""
    good: npt.NDArray[np.bool_] = (quality & VALIDITY) == 0
    return good


def severity(quality: QualityColumn) -> npt.NDArray[np.uint8]:
    """0 good, 1 questionable, 2 invalid (the reserved validity counts as invalid): larger is worse."""
    worst: npt.NDArray[np.uint8] = _SEVERITY[quality & VALIDITY]
    return worst


_SEVERITY = np.array([0, 2, 2, 1], dtype=np.uint8)


def in_words(quality: int) -> str:
    """The quality as a person reads it, for example `invalid, old data` or `good`."""
    validity = {0: "good", 1: "invalid", 2: "invalid", 3: "questionable"}[quality & VALIDITY]
    details = [
        bit.name.lower().replace("_", " ")
        for bit in Quality
        if bit.name and bit & ~VALIDITY and quality & bit and bit != Quality.DEVICE_TIME
    ]
    return ", ".join([validity, *details])
