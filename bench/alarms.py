"""Part (o): alarms raised and stored.

10,000 trips come and go as fast as they are taken, in batches of 1,000 samples as a storm brings them; what waits when a commit is done is
taken at once, ten batches at the most. Every transition is on the disk, synchronized, before the next is taken. Beside it a second of
measurements that raise nothing: 20,000 samples of 2,000 points, four limits each.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.result import Result
from tieline.config.alarms import AlarmPlan
from tieline.model import Batch, Now, Point, PointId, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore, Requester

TRIPS = 10_000
MEASURED = 2_000
A_BATCH = 1_000
AT_ONCE = 10
ROUNDS = 20
LEVELS = {AlarmKind.LOW_LOW: 10.0, AlarmKind.LOW: 20.0, AlarmKind.HIGH: 80.0, AlarmKind.HIGH_HIGH: 90.0}


def plans() -> Iterator[AlarmPlan]:
    """A state alarm for each trip, four limits for each measurement."""

    def plan(number: int, kind: AlarmKind, point_kind: PointKind, limit: float | None = None) -> AlarmPlan:
        point = Point(id=PointId(number), site="alpha", device="rtu", name=f"p{number}", kind=point_kind)
        return AlarmPlan(
            id=f"alpha/{kind}/rtu/p{number}",
            site="alpha",
            device="rtu",
            point=point,
            name=kind,
            text=point.name,
            kind=kind,
            priority=1 + number % 4,
            limit=limit,
            hysteresis=1.0 if limit else 0.0,
            abnormal=frozenset({1} if limit is None else ()),
        )

    for number in range(TRIPS):
        yield plan(number, AlarmKind.STATE, PointKind.BINARY)
    for number in range(TRIPS, TRIPS + MEASURED):
        for kind, limit in LEVELS.items():
            yield plan(number, kind, PointKind.ANALOG, limit)


def now() -> Now:
    """On the machine's clocks."""
    return Now(time.monotonic(), time.time_ns() // 1_000)


def storm() -> Iterator[list[Batch]]:
    """All trips come, all go, and so on: what waits at each commit."""
    sequence = 0
    for turn in range(ROUNDS):
        waiting = []
        for first in range(0, TRIPS, A_BATCH):
            sequence += 1
            numbers = np.arange(first, first + A_BATCH)
            samples = Samples.of(numbers, now().utc_us, float(turn % 2 == 0), Quality.DEVICE_TIME)
            waiting.append(Batch(site="alpha", incarnation=1, sequence=sequence, samples=samples))
        for begin in range(0, len(waiting), AT_ONCE):
            yield waiting[begin : begin + AT_ONCE]


def quiet() -> Iterator[list[Batch]]:
    """Ten batches of measurements within their limits."""
    random = np.random.default_rng(5)
    numbers = np.arange(TRIPS, TRIPS + MEASURED)
    for sequence in range(1, 11):
        samples = Samples.of(numbers, now().utc_us, random.uniform(30, 70, MEASURED))
        yield [Batch(site="alpha", incarnation=2, sequence=sequence, samples=samples)]


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        store = AlarmStore(Path(folder) / "alarms.sqlite")
        service = AlarmService(AlarmEngine(tuple(plans())), store, now())
        transitions, raised, longest_s = 0, 0, 0.0
        began = time.perf_counter()
        for waiting in storm():
            begin = time.perf_counter()
            took = service.take(waiting, now())
            longest_s = max(longest_s, time.perf_counter() - begin)
            transitions += took
            raised += took if waiting[0].samples.value[0] else 0
        spent_s = time.perf_counter() - began

        began = time.process_time()
        for waiting in quiet():
            service.take(waiting, now())
        quiet_s = time.process_time() - began

        began = time.perf_counter()
        shown = service.snapshot(now())
        snapshot_s = time.perf_counter() - began
        began = time.perf_counter()
        waiting_ids = [alarm.id for alarm in shown.alarms]
        service.acknowledge(waiting_ids, Requester(name="bench", roles=frozenset({"operator"})), now())
        acknowledge_s = time.perf_counter() - began
        store.close()
        began = time.perf_counter()
        store = AlarmStore(Path(folder) / "alarms.sqlite")
        AlarmService(AlarmEngine(tuple(plans())), store, now())
        restart_s = time.perf_counter() - began
        store.close()
    detail = f"{transitions:,} transitions, {TRIPS + MEASURED * len(LEVELS):,} alarms, in commits of {AT_ONCE * A_BATCH:,}"
    return [
        Result(
            part="o",
            name="alarms raised and stored",
            value=raised / spent_s,
            unit="alarms/s",
            detail="and as many returned meanwhile",
        ),
        Result(part="o", name="transitions stored", value=transitions / spent_s, unit="transitions/s", detail=detail),
        Result(
            part="o",
            name="10,000 alarms of one moment",
            value=longest_s * 1e3,
            unit="ms",
            detail="until they are on the disk, the worst",
        ),
        Result(
            part="o",
            name="20,000 samples/s, nothing raised",
            value=100 * quiet_s,
            unit="% of a core",
            detail="80,000 limits looked at",
        ),
        Result(part="o", name="list of alarms", value=snapshot_s * 1e3, unit="ms", detail=f"{len(shown.alarms):,} alarms"),
        Result(
            part="o", name="acknowledged at once", value=acknowledge_s * 1e3, unit="ms", detail=f"{len(waiting_ids):,} alarms"
        ),
        Result(part="o", name="restart", value=restart_s, unit="s", detail=f"a journal of {transitions:,} lines"),
    ]
