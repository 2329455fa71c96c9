"""What an expression is evaluated over: values with their quality, single ones or columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tieline.model.quality import Quality, QualityColumn

FloatColumn = npt.NDArray[np.float64]

FAULT = int(Quality.INVALID | Quality.OVERFLOW)
"""The status of a result that arithmetic does not have: division by zero, overflow, an argument outside of a function's domain.

It reads the same in both writings of the validity bits."""


class Value(NamedTuple):
    """A value with its quality: two numbers, or two columns of the same length. BOOL is 0 or 1, TIME is in seconds."""

    value: FloatColumn | float
    quality: QualityColumn | int


# While an expression is evaluated, the two validity bits are written differently, so that the worse of two qualities is their bitwise
# OR: bit 0 says that something was questionable, bit 1 that something was invalid (or had the reserved validity).
BAD = 3
"""Mask of the two validity bits in the inner writing; zero is good."""


def inner(status: int) -> int:
    """The inner writing of status bits."""
    low = status & 3
    return (status & ~3) | (1 if low == 3 else 2 if low else 0)


def outer(status: int) -> int:
    """The status bits of IEC 61850 of an inner writing."""
    low = status & 3
    return (status & ~3) | (2 if low & 2 else 3 if low else 0)


def inner_column(status: QualityColumn) -> QualityColumn:
    """The inner writing of a column of status bits."""
    written: QualityColumn = _VALIDITY_INNER[status & 3] | (status & _DETAILS)
    return written


def outer_column(status: QualityColumn) -> QualityColumn:
    """The status bits of IEC 61850 of a column of inner writings."""
    written: QualityColumn = _VALIDITY_OUTER[status & 3] | (status & _DETAILS)
    return written


_DETAILS = np.uint16(0xFFFC)
_VALIDITY_INNER = np.array([0, 2, 2, 1], dtype=np.uint16)
_VALIDITY_OUTER = np.array([0, 3, 2, 2], dtype=np.uint16)
