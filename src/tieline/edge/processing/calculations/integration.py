"""The mean of a quantity that runs straight from one sample to the next, as a whole or of one direction alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tieline.edge.processing.calculations.fanout import Floats

SIGN = {"injection": 1, "withdrawal": -1, "net": 0}
"""Of a direction: what counts is the positive part of the power times this; 0 is all of it, with its sign."""


def mean_of(start: Floats, end: Floats, sign: npt.NDArray[np.int8]) -> Floats:
    """Over a straight line from `start` to `end`: where it crosses zero, its positive part is a triangle."""
    one, other = start * sign, end * sign
    low, high = np.minimum(one, other), np.maximum(one, other)
    triangle = high**2 / (2 * (high - low))
    directed = np.where(low >= 0, (one + other) / 2, np.where(high <= 0, 0.0, triangle))
    found: Floats = np.where(sign == 0, (start + end) / 2, directed)
    return found
