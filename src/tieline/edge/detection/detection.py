"""Local detection: what is wrong with measurements, found where they arise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from tieline.config import PointDetection
from tieline.config.detection import Disagreement, Flatline, Limits, Missing, Rate, Residual, Spike, Stuck
from tieline.edge.detection.by_sample import FlatlineDetector, LimitDetector, RateDetector, SpikeDetector, StuckDetector
from tieline.edge.detection.by_time import DisagreementDetector, MissingDetector, ResidualDetector
from tieline.edge.detection.voice import Column, Index, Times, is_plain
from tieline.edge.image import ProcessImage
from tieline.edge.processing.turns import turns
from tieline.model import VALIDITY, Event, Now, Point, Quality, Samples

PERIOD_S = 1.0
_T = TypeVar("_T")


class _BySample(Protocol):
    def take(self, index: Index, time: Times, value: Column) -> Iterator[Event]: ...


class _ByTime(Protocol):
    def tick(self, now: Now) -> Iterator[Event]: ...


class Detection:
    """All detectors of a site; `take` whatever comes, `tick` as often as is handy: the image is looked at once a second."""

    def __init__(self, plan: Sequence[PointDetection], image: ProcessImage) -> None:
        self._image = image
        self._by_sample: list[tuple[Index, _BySample]] = []
        self._by_time: list[_ByTime] = []
        self._missing: tuple[Index, MissingDetector] | None = None
        self._due_s = -np.inf
        self._is_watched = np.zeros(len(image), np.bool_)
        self._watch(plan, Limits, LimitDetector)
        self._watch(plan, Rate, RateDetector)
        self._watch(plan, Stuck, StuckDetector)
        self._watch(plan, Flatline, FlatlineDetector)
        self._watch(plan, Spike, SpikeDetector)
        points, settings, _ = _of(plan, Missing)
        if points:
            detector = MissingDetector(points, settings)
            self._missing = self._place(points), detector
            self._by_time.append(detector)
        points, disagreements, others = _of(plan, Disagreement)
        if points:
            self._by_time.append(DisagreementDetector(points, disagreements, others, image))
        points, residuals, others = _of(plan, Residual)
        if points:
            self._by_time.append(ResidualDetector(points, residuals, others, image, PERIOD_S))

    def take(self, samples: Samples, rows: Index) -> list[Event]:
        """What the samples say; `rows` are those of the image."""
        if self._missing is not None:
            places, detector = self._missing
            heard = places[rows]
            detector.hear(heard[heard >= 0])
        if not self._by_sample:
            return []
        usable = self._is_watched[rows] & is_plain(samples.value) & ((samples.quality & VALIDITY) != Quality.INVALID)
        if not usable.any():
            return []
        if not usable.all():
            samples, rows = samples.take(usable), rows[usable]
        events: list[Event] = []
        for turn in turns(rows):
            turned, time, value = rows[turn], samples.time[turn], samples.value[turn]
            for places, looking in self._by_sample:
                index = places[turned]
                is_its = index >= 0
                if is_its.all():
                    events += looking.take(index, time, value)
                elif is_its.any():
                    events += looking.take(index[is_its], time[is_its], value[is_its])
        return events

    def tick(self, now: Now) -> list[Event]:
        """What the image says, where a second has passed since it was looked at."""
        if now.monotonic_s < self._due_s:
            return []
        self._due_s = max(self._due_s + PERIOD_S, now.monotonic_s)
        return [event for detector in self._by_time for event in detector.tick(now)]

    def _watch(
        self, plan: Sequence[PointDetection], kind: type[_T], make: Callable[[Sequence[Point], Sequence[_T]], _BySample]
    ) -> None:
        points, settings, _ = _of(plan, kind)
        if points:
            places = self._place(points)
            self._is_watched |= places >= 0
            self._by_sample.append((places, make(points, settings)))

    def _place(self, points: Sequence[Point]) -> Index:
        """The number within a detector of each row of the image; -1 where it does not look at that."""
        places = np.full(len(self._image), -1, np.intp)
        places[self._image.rows(np.array([point.id for point in points], np.uint32))] = np.arange(len(points))
        return places


def _of(plan: Sequence[PointDetection], kind: type[_T]) -> tuple[list[Point], list[_T], list[tuple[Point, ...]]]:
    """The points of one kind of detector, their settings, and what they are compared with."""
    points: list[Point] = []
    settings: list[_T] = []
    others: list[tuple[Point, ...]] = []
    for each in plan:
        looks_for: object = each.looks_for
        if isinstance(looks_for, kind):
            points.append(each.point)
            settings.append(looks_for)
            others.append(each.others)
    return points, settings, others
