"""Points and samples for tests of processing."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import strategies as st

from tieline.config.processing import PointProcessing, PointReporting
from tieline.config.processing_steps import Step
from tieline.model import Point, PointId, PointKind, Quality, Samples

S = 1_000_000
BAD = int(Quality.INVALID)

Row = tuple[int, int, float, int]
"""Point, time, value, quality."""


def point(number: int, kind: PointKind = PointKind.ANALOG) -> Point:
    return Point(id=PointId(number), site="a", device="b", name=f"p{number}", kind=kind)


def processing(number: int, *steps: Step, kind: PointKind = PointKind.ANALOG) -> PointProcessing:
    return PointProcessing(point=point(number, kind), steps=steps)


def reported(number: int, reporting: PointReporting, kind: PointKind = PointKind.ANALOG) -> PointProcessing:
    return PointProcessing(point=point(number, kind), reporting=reporting)


def samples(rows: list[Row]) -> Samples:
    return Samples.of(*zip(*rows, strict=True)) if rows else Samples.empty()


def rows(taken: Samples) -> list[tuple[int, int, str, int]]:
    """As they can be compared: two values that are not numbers are alike."""
    columns = (taken.point.tolist(), taken.time.tolist(), map(repr, taken.value.tolist()), taken.quality.tolist())
    return list(zip(*columns, strict=True))


def series(
    *, most: int = 120, points: int = 3, values: st.SearchStrategy[float] | None = None, backwards: bool = True
) -> st.SearchStrategy[list[Row]]:
    """Samples of some points at irregular times, some bad, some not a number."""
    number = values if values is not None else st.one_of(st.integers(-20, 20).map(float), st.floats(-1e6, 1e6), st.just(math.nan))
    steps = st.sampled_from([0, 1, S // 10, S, S, S, 7 * S, 100 * S, *([-3 * S] if backwards else [])])
    quality = st.sampled_from([0, 0, 0, 0, BAD, int(Quality.QUESTIONABLE), int(Quality.DEVICE_TIME)])
    row = st.tuples(st.integers(1, points), steps, number, quality)
    return st.lists(row, max_size=most).map(_dated)


def _dated(given: list[Row]) -> list[Row]:
    at = 1_000 * S
    dated = []
    for number, step, value, quality in given:
        at += step
        dated.append((number, at, value, quality))
    return dated


def split(whole: Samples, cuts: list[int]) -> list[Samples]:
    """The same samples in several batches."""
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    return [whole.take(slice(begin, end)) for begin, end in pairwise(places)]
