"""Part (j): what a sample costs at the edge before it goes up, for each second of CPU time of one core.

"Scale, limits, deadband" is what nearly every point has; the chain of ten steps has every step that suits a measurement. Values
wander by a quarter of the deadband, so that some samples go up and most do not. A poll brings the same points in the same order each time;
"in any order" they come in another one, and nothing is known of it beforehand. Of small polls what counts is the time of one call.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench.result import Result
from tieline.config.processing import PointProcessing, PointReporting, SwingingDoor
from tieline.config.processing_steps import (
    Filter,
    Limits,
    Linearization,
    Median,
    RateOfChange,
    Round,
    Scale,
    Step,
    Substitute,
)
from tieline.edge.processing.chain import Chain
from tieline.edge.processing.reporting import Reporting
from tieline.model import Point, PointId, PointKind, Samples

LARGE, SMALL, BURST = 10_000, 20, 5_000
SECONDS = 2.0
ROUNDS = 50
DEADBAND = 0.4

SHORT: tuple[Step, ...] = (Scale(step="scale", factor=0.1, offset=-40), Limits(step="limits", low=-1e3, high=1e3))
TEN: tuple[Step, ...] = (
    Scale(step="scale", factor=0.1),
    Linearization(
        inputs=tuple(np.linspace(-100, 100, 50).tolist()), outputs=tuple(np.linspace(-90, 120, 50).tolist()), outside="clamp"
    ),
    Limits(step="limits", low=-1e3, high=1e3),
    RateOfChange(step="rate_of_change", per_s=1e3),
    Median(step="median", of=3),
    Filter(step="filter", time_constant_s=0.5),
    Substitute(step="substitute", hold=True),
    Scale(step="scale", factor=1.5, offset=3),
    Limits(step="limits", low=-500, high=500),
    Round(step="round", resolution=0.01),
)


def run() -> list[Result]:
    """Everything, in batches of 10,000, of 20, and as a burst of one point."""
    band = PointReporting(report="exceptions", deadband=DEADBAND, max_silence_s=60.0)
    door = SwingingDoor(deviation=DEADBAND, max_interval_s=60.0)
    doors = PointReporting(report="exceptions", deadband=0.0, max_silence_s=60.0, door=door)
    results = []
    for name, steps, reporting in (
        ("scale, limits, deadband", SHORT, band),
        ("ten steps", TEN, None),
        ("ten steps, deadband", TEN, band),
        ("scale, limits, swinging door", SHORT, doors),
    ):
        for shape, batches in (
            (f"polls of {LARGE:,}", _polls(LARGE)),
            (f"{LARGE:,} in any order", _polls(LARGE, is_shuffled=True)),
            (f"polls of {SMALL}", _polls(SMALL)),
            (f"bursts of {BURST:,} of one point", _bursts()),
        ):
            results.append(_measured(f"{name}: {shape}", _work(steps, reporting), batches))
    return results


def _work(steps: Sequence[Step], reporting: PointReporting | None) -> Callable[[Samples], Samples]:
    points = [
        Point(id=PointId(number), site="a", device="b", name=f"p{number}", kind=PointKind.ANALOG, low=-900, high=900)
        for number in range(LARGE)
    ]
    plan = [PointProcessing(point=point, steps=tuple(steps), reporting=reporting) for point in points]
    chain, selecting = Chain(plan), Reporting(points, plan)
    if reporting is None:
        return chain.take
    return lambda samples: selecting.select(chain.take(samples))


def _polls(size: int, *, is_shuffled: bool = False) -> list[Samples]:
    rng = np.random.default_rng(1)
    values = 500 + np.cumsum(rng.normal(0, DEADBAND * 10 / 4, (ROUNDS, size)), axis=0)
    orders = [rng.permutation(size) if is_shuffled else np.arange(size) for _ in range(ROUNDS)]
    return [
        Samples(order.astype(np.uint32), np.full(size, (at + 1) * 1_000_000), row[order], np.zeros(size, np.uint16))
        for at, (order, row) in enumerate(zip(orders, values, strict=True))
    ]


def _bursts() -> list[Samples]:
    rng = np.random.default_rng(1)
    values = 500 + np.cumsum(rng.normal(0, DEADBAND * 10 / 4, (ROUNDS, BURST)), axis=1)
    times = np.arange(1, BURST + 1) * 1_000
    return [Samples(np.full(BURST, at, np.uint32), times, row, np.zeros(BURST, np.uint16)) for at, row in enumerate(values)]


def _later(batches: Sequence[Samples]) -> Iterator[Samples]:
    """The batches again and again, each time later than before."""
    length = max(int(batch.time.max()) for batch in batches)
    for turn in itertools.count():
        for batch in batches:
            yield Samples(batch.point, batch.time + turn * length, batch.value, batch.quality)


def _measured(name: str, work: Callable[[Samples], Samples], batches: Sequence[Samples]) -> Result:
    coming = _later(batches)
    for _ in batches:
        work(next(coming))
    count = up = calls = 0
    spent_s, end = 0.0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        part = [next(coming) for _ in range(10)]
        begun = time.process_time()
        for batch in part:
            up += len(work(batch))
        spent_s += time.process_time() - begun
        calls += len(part)
        count += sum(map(len, part))
    detail = f"{spent_s / calls * 1e6:,.0f} us a call; {up / count:.0%} go on"
    return Result(part="j", name=name, value=count / spent_s, unit="samples/s", detail=detail)
