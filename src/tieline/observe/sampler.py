"""One sampler for all that a role says of itself: values are put or measured, and once a second they become samples.

A value that was put holds for a few seconds only; one that is not known at the moment is invalid, never an old number.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import structlog

from tieline.model import Point, Quality, Samples

PERIOD_S = 1.0
HOLDS_S = 5.0

Measure = Callable[[], Mapping[str, float]]
"""Gives values by the names of own points; quick, and never waits."""

log = structlog.get_logger()


class Sampler:
    """The own points of one role. `run` it, or call `sample` once a second."""

    def __init__(self, points: Iterable[Point], now_us: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self.points = tuple(points)
        self._ids = np.array([point.id for point in self.points], np.uint32)
        self._names = [point.name for point in self.points]
        self._now_us = now_us
        self._monotonic = monotonic
        self._measures: list[Measure] = []
        self._put: dict[str, tuple[float, float]] = {}
        self._is_failing = False
        self.known: dict[str, float] = {}
        """The values that were known when it sampled last, by the names of the own points."""

    def add(self, *measures: Measure) -> None:
        """Asks these too whenever it samples."""
        self._measures += measures

    def put(self, values: Mapping[str, float]) -> None:
        """Values that come by themselves; each holds for five seconds."""
        until = self._monotonic() + HOLDS_S
        self._put.update({name: (value, until) for name, value in values.items()})

    def values(self) -> dict[str, float]:
        """Asks every measure; gives what is known now, by the names of the own points. What is not is left out."""
        now = self._monotonic()
        found = {name: value for name, (value, until) in self._put.items() if until >= now}
        for measure in self._measures:
            found.update(self._ask(measure))
        self.known = {name: float(found[name]) for name in self._names if name in found and math.isfinite(found[name])}
        return self.known

    def sample(self) -> Samples:
        """One sample of each own point; invalid where its value is not known."""
        values = self.values()
        value = np.array([values.get(name, math.nan) for name in self._names])
        quality = np.where(np.isnan(value), np.uint16(Quality.INVALID | Quality.FAILURE), np.uint16(Quality.GOOD))
        return Samples(self._ids, np.full(len(self._ids), self._now_us(), np.int64), value, quality.astype(np.uint16))

    async def run(self, on_samples: Callable[[Samples], None]) -> None:
        """Samples once a second until cancelled."""
        while True:
            on_samples(self.sample())
            await asyncio.sleep(PERIOD_S)

    def _ask(self, measure: Measure) -> Mapping[str, float]:
        """What it gives; a measure that fails makes its own points unknown and nothing else."""
        try:
            return measure()
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                log.warning("own state not measured", reason=str(error))
            return {}
