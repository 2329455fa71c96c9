"""Puts samples that were held back into their places among others."""

from __future__ import annotations

import numpy as np

from tieline.edge.processing.turns import Index
from tieline.model import Samples


def woven(samples: Samples, places: Index, extra: Samples, before: Index) -> Samples:
    """Both in one order: samples at places of their own, and extra ones in front of the places that they are given."""
    if not len(extra):
        return samples
    order = np.lexsort((np.repeat([1, 0], [len(samples), len(extra)]), np.concatenate([places, before])))
    return Samples.concatenate([samples, extra]).take(order)
