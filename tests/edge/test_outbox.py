from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tieline.edge.outbox import MOST_EVENTS, Outbox
from tieline.model import AuditRecord, Batch, Event, Purpose, Samples, UnavailableError


def make(*, batch_samples: int = 100, batch_age_s: float = 0.05, memory_samples: int = 1_000, repeats_s: float = 120.0) -> Outbox:
    return Outbox(
        "a",
        batch_samples=batch_samples,
        batch_age_s=batch_age_s,
        memory_samples=memory_samples,
        rng=random.Random(1),
        repeats_s=repeats_s,
    )


class Stream:
    """A stream in memory that can be told to fail, before or after it has stored."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.attempts: list[int] = []
        self.failures = 0
        self.stores_first = False
        self.held: dict[Purpose, asyncio.Event] = {}
        """Batches of these purposes wait for the event before they are stored."""

    async def publish(self, batch: Batch) -> None:
        if batch.purpose in self.held:
            await self.held[batch.purpose].wait()
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


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(outbox: Outbox, stream: Stream) -> AsyncIterator[None]:
    """The outbox runs; what is still in it at the end is stored."""
    task = asyncio.create_task(outbox.run(stream.publish))
    yield
    outbox.close()
    async with asyncio.timeout(5):
        await task


async def test_live_samples_pass_a_backlog_that_is_stuck_and_all_share_one_counter() -> None:
    outbox, stream = make(batch_samples=10), Stream()
    stream.held[Purpose.BACKFILL] = asyncio.Event()
    async with running(outbox, stream):
        outbox.is_live = False
        outbox.add(burst(0, 50))
        outbox.is_live = True
        outbox.add(burst(50, 10))
        outbox.add_event(event(1))
        await until(lambda: len(stream.batches) == 2)
        assert {batch.purpose for batch in stream.batches} == {Purpose.LIVE, Purpose.EVENTS}
        stream.held[Purpose.BACKFILL].set()
    assert sorted(batch.sequence for batch in stream.batches) == list(range(1, 8))
    backfill = [batch for batch in stream.batches if batch.purpose is Purpose.BACKFILL]
    assert [value for batch in backfill for value in batch.samples.value] == list(range(50))
    assert {batch.incarnation for batch in stream.batches} == {outbox.incarnation}


async def test_a_picture_goes_ahead_of_what_is_added_after_it_and_replaces_one_that_waits() -> None:
    outbox, stream = make(batch_samples=10), Stream()
    outbox.add(burst(0, 10))
    outbox.show(burst(100, 5))
    outbox.show(burst(200, 15))
    outbox.add(burst(10, 10))
    outbox.close()
    await outbox.run(stream.publish)
    assert [(batch.purpose, batch.samples.value.tolist()) for batch in stream.batches] == [
        (Purpose.LIVE, list(range(10))),
        (Purpose.PICTURE, list(range(200, 210))),
        (Purpose.PICTURE, list(range(210, 215))),
        (Purpose.LIVE, list(range(10, 20))),
    ]
    assert (outbox.samples_taken, outbox.conflated) == (20, 0)


async def test_nothing_is_settled_before_it_is_acknowledged() -> None:
    outbox, stream = make(batch_age_s=5.0), Stream()
    stream.held = {Purpose.LIVE: asyncio.Event(), Purpose.EVENTS: asyncio.Event()}
    async with running(outbox, stream):
        outbox.add(burst(0, 5))
        outbox.add_event(event(1))
        settled = asyncio.create_task(outbox.settle())
        stream.held[Purpose.EVENTS].set()
        await until(lambda: len(stream.batches) == 1)
        assert outbox.pending == 5, "a batch on its way is not safe"
        outbox.add(burst(5, 5))
        assert not settled.done()
        stream.held[Purpose.LIVE].set()
        async with asyncio.timeout(2):
            await settled
        assert stream.values == list(range(5)), "what came later is not hurried"


async def test_settling_hurries_what_waits_for_company_also_over_several_batches() -> None:
    outbox, stream = make(batch_samples=10, batch_age_s=60.0), Stream()
    async with running(outbox, stream):
        outbox.add(burst(0, 25))
        outbox.is_live = False
        outbox.add(burst(25, 3))
        async with asyncio.timeout(2):
            await outbox.settle()
        assert sorted(stream.values) == list(range(28))
        async with asyncio.timeout(2):
            await outbox.settle()


async def test_whoever_waits_is_told_when_part_of_it_had_to_be_given_up() -> None:
    outbox, stream = make(batch_samples=10, memory_samples=50), Stream()
    stream.held[Purpose.LIVE] = asyncio.Event()
    async with running(outbox, stream):
        outbox.add(burst(0, 30))
        settled = asyncio.create_task(outbox.settle())
        await asyncio.sleep(0)
        outbox.add(burst(30, 60))
        assert outbox.conflated
        with pytest.raises(UnavailableError, match="given up"):
            await settled
        stream.held[Purpose.LIVE].set()
        async with asyncio.timeout(2):
            await outbox.settle()


async def test_a_picture_that_waits_survives_memory_that_is_full() -> None:
    """It shows the center what happened while that was away; what follows tells only what has changed since."""
    outbox, stream = make(batch_samples=1_000, memory_samples=50), Stream()
    outbox.show(burst(0, 7))
    outbox.add(burst(100, 60))
    outbox.close()
    await outbox.run(stream.publish)
    assert [(batch.purpose, len(batch.samples)) for batch in stream.batches] == [(Purpose.PICTURE, 7), (Purpose.LIVE, 7)]


async def test_memory_is_bounded_over_live_and_backfill_together() -> None:
    outbox, stream = make(memory_samples=100), Stream()
    for first in range(0, 1_000, 20):
        outbox.is_live = first % 40 == 0
        outbox.add(burst(first, 20))
        assert outbox.pending <= 100
    outbox.close()
    await outbox.run(stream.publish)
    assert len(stream.values) + outbox.conflated == 1_000


async def test_batches_may_repeat_for_a_while_after_the_start_and_again_when_a_device_comes_back() -> None:
    outbox, stream = make(batch_samples=1, repeats_s=0.05), Stream()
    async with running(outbox, stream):
        outbox.add(burst(0, 1))
        await outbox.settle()
        assert stream.batches[0].may_repeat

        async def is_certain() -> bool:
            outbox.add(burst(1, 1))
            await outbox.settle()
            return not stream.batches[-1].may_repeat

        async with asyncio.timeout(5):
            while not await is_certain():
                await asyncio.sleep(0.005)
        outbox.expect_repeats()
        assert not await is_certain()


async def test_audit_records_go_with_the_events_in_their_order() -> None:
    outbox, stream = make(), Stream()
    records = [AuditRecord(sequence=number, time_us=number, site="a", actor="x", action="command") for number in range(1, 4)]
    for one in records:
        outbox.add_record(one)
    outbox.add_event(event(1))
    outbox.start = 7
    outbox.close()
    await outbox.run(stream.publish)
    (batch,) = stream.batches
    assert (batch.purpose, batch.records, len(batch.events), batch.start) == (Purpose.EVENTS, tuple(records), 1, 7)


async def test_backfill_goes_in_small_batches_that_a_live_one_need_not_wait_for() -> None:
    outbox, stream = make(batch_samples=10_000, memory_samples=100_000), Stream()
    outbox.is_live = False
    outbox.add(burst(0, 5_000))
    outbox.close()
    await outbox.run(stream.publish)
    assert [len(batch.samples) for batch in stream.batches] == [2_000, 2_000, 1_000]
