"""Values for points that no electrical model moves: they wander between their limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.model import Point, PointKind
from tieline.simulator.plant.shapes import Walk

Column = npt.NDArray[np.float64]


class Wander:
    """Analog values wander, counters count, double points are closed, everything else stays as it was written."""

    def __init__(self, points: Sequence[Point], rng: np.random.Generator) -> None:
        low = np.array([0.0 if point.low is None else point.low for point in points])
        high = np.array(
            [max(100.0, start + 1) if point.high is None else point.high for point, start in zip(points, low, strict=True)]
        )
        self._middle, self._span = (low + high) / 2, high - low
        self._analog = np.array([point.kind is PointKind.ANALOG for point in points], np.bool_)
        self._counter = np.array([point.kind is PointKind.COUNTER for point in points], np.bool_)
        self._walk = Walk(rng, len(points), spread=0.12, memory_s=120)
        self.values: Column = np.array([2.0 if point.kind is PointKind.DOUBLE else 0.0 for point in points])
        self._total = np.zeros(len(points))
        self.step(1e-3)

    def step(self, seconds: float) -> None:
        """Lets some seconds pass."""
        share = np.clip(self._walk.step(seconds), -0.45, 0.45)
        self._total += seconds * (0.6 + share)
        self.values = np.where(self._analog, self._middle + self._span * share, self.values)
        self.values = np.where(self._counter, np.floor(self._total), self.values)
