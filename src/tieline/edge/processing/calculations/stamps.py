"""Time stamps that cannot be right, and clocks that step.

A sample is out of order where its device stamped it before one that is there already. Where the gateway stamped it, it is not: then the
gateway's clock has stepped back, and what comes later is newer all the same.
"""

from __future__ import annotations

import numpy as np

from tieline.edge.processing.calculations.fanout import Bits, Mask, Times
from tieline.model import Quality, Samples

AHEAD_US = 600_000_000
"""A device whose stamps are ten minutes ahead of our clock has one that is wrong."""

_DEVICE_TIME = np.uint16(Quality.DEVICE_TIME)


def is_in_order(time: Times, held: Times, quality: Bits) -> Mask:
    """Which samples are no older than what is held, or are so only because our own clock has stepped back."""
    found: Mask = (time >= held) | ((quality & _DEVICE_TIME) == 0)
    return found


def restamped(samples: Samples, now_us: int) -> Samples:
    """Stamps of devices that are far ahead are replaced by ours, and the quality says that the clock failed."""
    ahead = (samples.time > now_us + AHEAD_US) & ((samples.quality & _DEVICE_TIME) != 0)
    if not ahead.any():
        return samples
    quality = np.where(ahead, (samples.quality & ~_DEVICE_TIME) | np.uint16(Quality.CLOCK_FAILURE), samples.quality)
    return Samples(samples.point, np.where(ahead, now_us, samples.time), samples.value, quality)
