"""What the octet behind a time says of it (IEC 61850-7-2, clause 6.1.2.9; 61850-8-1, clause 8.1.3.7).

| bits                     | here                                                                                      |
|--------------------------|-------------------------------------------------------------------------------------------|
| leap seconds known       | nothing: what is meant is UTC either way, and nobody can correct what the device left out |
| clock failure            | the time is not used; the gateway's is, with `CLOCK_FAILURE`                              |
| clock not synchronized   | `CLOCK_NOT_SYNCHRONIZED`                                                                  |
| accuracy, 1 to 6 bits    | `CLOCK_NOT_SYNCHRONIZED`: worse than the 10 ms of class T0 (61850-5, clause 11.1.3.3)      |
| accuracy, otherwise      | nothing: 7 bits and more are good enough for a sequence of events, 0 and 31 say nothing   |
"""

from __future__ import annotations

import numpy as np

from tieline.model import Quality

EARLIEST_US = 946_684_800_000_000
"""2000-01-01: a clock that is before that has never been set."""

FUTURE_US = 86_400_000_000
"""A time further ahead than a day is no time."""

_FAILURE, _NOT_SYNCHRONIZED, _ACCURACY = 0x40, 0x20, 0x1F


def _worth() -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    octets = np.arange(256)
    accuracy = octets & _ACCURACY
    is_coarse = (accuracy >= 1) & (accuracy <= 6)
    worth = np.where((octets & _NOT_SYNCHRONIZED != 0) | is_coarse, Quality.CLOCK_NOT_SYNCHRONIZED, 0)
    return np.asarray(worth | np.where(octets & _FAILURE != 0, Quality.CLOCK_FAILURE, 0), np.uint16)


TIME_WORTH = _worth()
"""Bits of `Quality` for each octet."""
