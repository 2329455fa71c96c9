"""The quality of a result, from the qualities of what it was calculated from."""

from __future__ import annotations

import numpy as np

from tieline.edge.processing.calculations.fanout import Bits, Floats, Index, Mask
from tieline.model import VALIDITY, Quality, severity

INVALID = np.uint16(Quality.INVALID)
UNDEFINED = np.uint16(Quality.INVALID | Quality.OVERFLOW)
"""Of an arithmetic result that is no finite number: a division by zero."""
INACCURATE = np.uint16(Quality.QUESTIONABLE | Quality.INACCURATE)
"""Of a result from which something is missing."""

_VALIDITY_OF = np.array([Quality.GOOD, Quality.QUESTIONABLE, Quality.INVALID], np.uint16)
_DEVICE_TIME = int(Quality.DEVICE_TIME)
_DETAILS = np.uint16(0xFFFF & ~VALIDITY & ~_DEVICE_TIME)


def is_usable(value: Floats, quality: Bits) -> Mask:
    """Numbers that are not invalid; questionable ones are usable, and make the result questionable."""
    usable: Mask = (severity(quality) < 2) & np.isfinite(value)
    return usable


def combined(quality: Bits, first: Index) -> Bits:
    """Of each run of inputs that begins at `first`: the worst validity, every detail, and device time where all have it."""
    worst = _VALIDITY_OF[np.maximum.reduceat(severity(quality), first)]
    details = np.bitwise_or.reduceat(quality & _DETAILS, first)
    timed = np.bitwise_and.reduceat(quality, first) & np.uint16(_DEVICE_TIME)
    found: Bits = worst | details | timed
    return found


def worsened(quality: Bits, by: Bits) -> Bits:
    """The worse validity of both with all their details."""
    worst = _VALIDITY_OF[np.maximum(severity(quality), severity(by))]
    found: Bits = worst | ((quality | by) & np.uint16(0xFFFF & ~VALIDITY))
    return found


def checked(value: Floats, quality: Bits) -> tuple[Floats, Bits]:
    """A result that is no finite number is invalid, and what is invalid has no number."""
    is_undefined = ~np.isfinite(value) & (severity(quality) < 2)
    quality = np.where(is_undefined, worsened(quality, np.full_like(quality, UNDEFINED)), quality)
    return np.where(severity(quality) == 2, np.nan, value), quality


def accumulated(quality: Bits, usable: Mask, is_missed: Mask) -> Bits:
    """Of a total that goes on with a sample: what it says stays true without the sample, but something may be missing from it."""
    without = np.where(usable, quality, (quality & np.uint16(0xFFFF & ~VALIDITY)) | INACCURATE)
    found: Bits = np.where(is_missed, worsened(without, np.full_like(quality, INACCURATE)), without).astype(np.uint16)
    return found
