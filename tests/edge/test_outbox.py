from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from tieline.edge.outbox import MOST_EVENTS, Outbox
from tieline.model import Batch, Event, Samples, UnavailableError


def make(*, batch_samples: int = 100, batch_age_s: float = 0.05, memory_samples: int = 1_000) -> Outbox:
    return Outbox("a", batch_samples=batch_samples, batch_age_s=batch_age_s, memory_samples=memory_samples, rng=random.Random(1))


class Stream:
    """A stream in memory that can be told to fail, before or after it has stored."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.attempts: list[int] = []
        self.failures = 0
        self.stores_first = False

    async def publish(self, batch: Batch) -> None:
        self.attempts.append(batch.sequence)
        if self.failures:
            self.failures -= 1
            if self.stores_first:
                self.batches.append(batch)
            raise UnavailableError("no acknowledgement")
        self.batches.append(batch)

    @property
    def values(self) -> list[float]:
        return [value for batch in self.batches for value in batch.samples.value.tolist()]


def burst(first: int, count: int) -> Samples:
    numbers = np.arange(first, first + count)
    return Samples.of(numbers % 7, numbers, numbers)


def event(number: int) -> Event:
    return Event(time=number, site="a", kind="k", text=str(number))


async def test_a_full_batch_goes_at_once_and_none_is_larger() -> None:
    outbox, stream = make(batch_age_s=9.0), Stream()
    outbox.add(burst(0, 250))
    outbox.close()
    await outbox.run(stream.publish)
    assert [len(batch.samples) for batch in stream.batches] == [100, 100, 50]
    assert [batch.sequence for batch in stream.batches] == [1, 2, 3]
    assert stream.values == list(range(250))


async def test_a_lonely_sample_goes_when_it_is_old_enough() -> None:
    outbox, stream = make(batch_age_s=0.02), Stream()
    running = asyncio.create_task(outbox.run(stream.publish))
    async with asyncio.timeout(5):
        outbox.add(burst(0, 1))
        while not stream.batches:
            await asyncio.sleep(0.001)
        outbox.add(burst(1, 1))
        while len(stream.batches) < 2:
            await asyncio.sleep(0.001)
    outbox.close()
    await running
    assert stream.values == [0, 1]


@pytest.mark.parametrize("stores_first", [False, True])
async def test_a_batch_is_repeated_under_its_own_number_until_it_is_acknowledged(stores_first: bool) -> None:
    outbox, stream = make(batch_samples=10), Stream()
    stream.failures, stream.stores_first = 2, stores_first
    outbox.add(burst(0, 20))
    outbox.close()
    await outbox.run(stream.publish)
    assert stream.attempts == [1, 1, 1, 2]
    by_number = {batch.sequence: batch.samples.value.tolist() for batch in stream.batches}
    assert by_number == {1: list(range(10)), 2: list(range(10, 20))}


async def test_full_memory_keeps_the_newest_of_each_point_and_counts_the_rest() -> None:
    outbox, stream = make(batch_samples=10_000, memory_samples=100), Stream()
    for first in range(0, 1_000, 50):
        outbox.add(burst(first, 50))
        assert outbox.pending <= 100
    outbox.close()
    await outbox.run(stream.publish)
    kept = stream.values
    assert kept == sorted(kept)
    assert set(kept) >= set(range(993, 1_000))
    assert len(kept) + outbox.conflated == outbox.samples_taken == 1_000


async def test_memory_is_bounded_even_with_more_points_than_places() -> None:
    outbox, stream = make(memory_samples=100), Stream()
    outbox.add(Samples.of(np.arange(500), np.arange(500), np.arange(500)))
    outbox.close()
    await outbox.run(stream.publish)
    assert stream.values == list(range(400, 500))


async def test_events_go_with_the_samples_and_are_bounded_too() -> None:
    outbox, stream = make(), Stream()
    for number in range(MOST_EVENTS + 5):
        outbox.add_event(event(number))
    outbox.add(burst(0, 1))
    outbox.close()
    await outbox.run(stream.publish)
    texts = [one.text for batch in stream.batches for one in batch.events]
    assert texts == [str(number) for number in range(5, MOST_EVENTS + 5)]
    assert outbox.events_dropped == 5
    assert stream.values == [0]


def test_every_start_of_a_gateway_is_another_incarnation() -> None:
    drawn = {
        Outbox("a", batch_samples=1, batch_age_s=1, memory_samples=1, rng=random.SystemRandom()).incarnation for _ in range(50)
    }
    assert len(drawn) == 50
    assert all(0 <= number < 2**63 for number in drawn)
