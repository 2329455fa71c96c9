"""A process that takes storms of alarms until it is killed: `python -m tests.scada.alarms.killed FILE FIRST`.

It takes batch after batch from `FIRST` on, and prints the number of each one when that may be acknowledged.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from tieline.config.alarms import AlarmPlan
from tieline.model import Batch, Now, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore

from .plans import START_US, plan, point

ALARMS = 10_000
BATCHES = 20
A_BATCH = 1_000


def plans() -> list[AlarmPlan]:
    """One alarm for each of many trips."""
    return [
        plan(
            f"a{number}", point(number, kind=PointKind.BINARY), AlarmKind.STATE, abnormal=frozenset({1}), latched=number % 3 == 0
        )
        for number in range(1, ALARMS + 1)
    ]


def batch(sequence: int) -> Batch:
    """A tenth of all trips comes, goes and comes again; later half of them are gone. Taken twice, it would count twice."""
    first = (sequence - 1) % 10 * A_BATCH + 1
    numbers = np.arange(first, first + A_BATCH)
    value = np.concatenate([np.ones(A_BATCH), np.zeros(A_BATCH), np.where(sequence > 10, numbers % 2, 1)])
    time_us = START_US + sequence * 50_000 + np.arange(3 * A_BATCH)
    samples = Samples.of(np.tile(numbers, 3), time_us, value, Quality.DEVICE_TIME)
    return Batch(site="alpha", incarnation=7, sequence=sequence, samples=samples)


def now_of(sequence: int) -> Now:
    """Every batch is taken at a time of its own, in every process the same."""
    return Now(time.monotonic(), START_US + sequence * 50_000 + 10_000)


def main() -> None:
    """Takes what there is, and says so."""
    store = AlarmStore(Path(sys.argv[1]))
    service = AlarmService(AlarmEngine(plans()), store, now_of(0))
    for sequence in range(int(sys.argv[2]), BATCHES + 1):
        service.take([batch(sequence)], now_of(sequence))
        print(sequence, flush=True)
    store.close()


if __name__ == "__main__":
    main()
