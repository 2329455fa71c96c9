"""The outbox: what the gateway has reported and the site's stream has not yet acknowledged.

Samples gather until a batch is full or the oldest has waited long enough; a batch is published until it is acknowledged, and only then
forgotten. One batch is on the way at a time, so batches stay in order. Memory is bounded: when the stream cannot be reached and
more than the permitted number of samples waits, all but the newest sample of each point are given up and counted; if that is not
enough, the oldest go. Events are never given up for samples; past their own bound the oldest go, and are counted too.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

import numpy as np
import structlog

from tieline.io.backoff import Backoff
from tieline.model import Batch, Event, Samples, UnavailableError

MOST_EVENTS = 100_000
MOST_EVENTS_A_BATCH = 1_000

Publish = Callable[[Batch], Awaitable[None]]
"""Stores a batch durably; returns when it is acknowledged, raises `UnavailableError` where it may not have been."""

log = structlog.get_logger()


class Outbox:
    """Gathers, batches, publishes, forgets."""

    def __init__(self, site: str, *, batch_samples: int, batch_age_s: float, memory_samples: int, rng: random.Random) -> None:
        self.incarnation = rng.getrandbits(63)
        self.samples_taken = 0
        self.batches_acknowledged = 0
        self.conflated = 0
        """Samples given up because memory was full."""
        self.events_dropped = 0
        self._site = site
        self._batch_samples = batch_samples
        self._batch_age_s = batch_age_s
        self._memory_samples = memory_samples
        self._rng = rng
        self._parts: deque[Samples] = deque()
        self._waiting = 0
        self._events: deque[Event] = deque()
        self._sequence = 0
        self._is_closed = False
        self._oldest: float | None = None
        self._something = asyncio.Event()
        self._enough = asyncio.Event()

    @property
    def pending(self) -> int:
        """Samples in memory that wait for a batch."""
        return self._waiting

    def add(self, samples: Samples) -> None:
        """Takes samples; never waits."""
        if not len(samples):
            return
        self._parts.append(samples)
        self._waiting += len(samples)
        self.samples_taken += len(samples)
        if self._waiting > self._memory_samples:
            self._conflate()
        self._mark()

    def add_event(self, event: Event) -> None:
        """Takes an event; never waits."""
        self._events.append(event)
        if len(self._events) > MOST_EVENTS:
            self._events.popleft()
            self.events_dropped += 1
        self._mark()

    def close(self) -> None:
        """No more will come: `run` publishes what is here and returns."""
        self._is_closed = True
        self._something.set()
        self._enough.set()

    async def run(self, publish: Publish) -> None:
        """Publishes batch after batch until the outbox is closed and empty."""
        while True:
            await self._something.wait()
            if not (self._parts or self._events):
                if self._is_closed:
                    return
                self._something.clear()
                continue
            await self._wait_for_company()
            await self._publish_surely(publish, self._take())
            self.batches_acknowledged += 1

    async def _wait_for_company(self) -> None:
        assert self._oldest is not None
        left_s = self._oldest + self._batch_age_s - asyncio.get_running_loop().time()
        if left_s > 0 and not self._enough.is_set():
            try:
                async with asyncio.timeout(left_s):
                    await self._enough.wait()
            except TimeoutError:
                pass

    async def _publish_surely(self, publish: Publish, batch: Batch) -> None:
        backoff = Backoff(self._rng.random, first_s=0.1, cap_s=5.0)
        is_delayed = False
        while True:
            try:
                await publish(batch)
            except UnavailableError as error:
                if not is_delayed:
                    is_delayed = True
                    log.warning("site stream does not take batches", site=self._site, reason=str(error))
                await asyncio.sleep(backoff.next_wait())
            else:
                if is_delayed:
                    log.info("site stream takes batches again", site=self._site)
                return

    def _take(self) -> Batch:
        """The next batch: the oldest samples up to the size of one, and the oldest events."""
        parts: list[Samples] = []
        room = self._batch_samples
        while self._parts and room:
            part = self._parts.popleft()
            if len(part) > room:
                self._parts.appendleft(part.take(slice(room, None)))
                part = part.take(slice(None, room))
            parts.append(part)
            room -= len(part)
        samples = Samples.concatenate(parts)
        self._waiting -= len(samples)
        events = tuple(self._events.popleft() for _ in range(min(len(self._events), MOST_EVENTS_A_BATCH)))
        if self._waiting < self._batch_samples and not self._is_closed:
            self._enough.clear()
        self._oldest = asyncio.get_running_loop().time() if self._parts or self._events else None
        self._sequence += 1
        return Batch(site=self._site, incarnation=self.incarnation, sequence=self._sequence, samples=samples, events=events)

    def _mark(self) -> None:
        if self._oldest is None:
            self._oldest = asyncio.get_running_loop().time()
        self._something.set()
        if self._waiting >= self._batch_samples:
            self._enough.set()

    def _conflate(self) -> None:
        """Keeps the newest sample of each point; where even those are too many, the latest of them."""
        samples = Samples.concatenate(self._parts)
        _, last_from_end = np.unique(samples.point[::-1], return_index=True)
        kept = np.sort(len(samples) - 1 - last_from_end)[-self._memory_samples :]
        self.conflated += len(samples) - len(kept)
        self._parts = deque([samples.take(kept)])
        self._waiting = len(kept)
