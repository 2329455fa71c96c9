"""The outbox: what the gateway has reported and the site's streams have not yet acknowledged.

What is added gathers in three lanes, each with a stream of its own: events with audit records, what is measured now, and what is
measured while the center cannot be reached. In a lane samples gather until a batch is full or the oldest has waited long enough; a batch is
stored until that is acknowledged, and only then forgotten. One batch of a lane is on the way at a time, so each lane keeps its order.
All lanes number their batches with one counter.

Memory is bounded: when the streams cannot be reached and more than the permitted number of samples waits, all but the newest
sample of each point are given up and counted; if that is not enough, the oldest go. Events are never given up for samples; past their
own bound the oldest go, and are counted too.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable

import numpy as np
import structlog

from tieline.bus.streams import MOST_BACKFILL_SAMPLES
from tieline.io.backoff import Backoff
from tieline.model import AuditRecord, Batch, Event, Purpose, Samples, UnavailableError

MOST_EVENTS = 100_000
MOST_EVENTS_A_BATCH = 1_000
BACKFILL_AGE_S = 0.5
"""Back-fill waits so long for company: nobody waits for it, and fewer messages are handed over sooner."""
REPEATS_S = 120.0
"""After a start, or after a device was connected anew, it may repeat for so long what was stored but not confirmed to it."""
RETRY_CAP_S = 2.0

Store = Callable[[Batch], Awaitable[None]]
"""Stores a batch durably; returns when it is acknowledged, raises `UnavailableError` where it may not have been."""

log = structlog.get_logger()


class Outbox:
    """Gathers, batches, stores, forgets."""

    def __init__(
        self,
        site: str,
        *,
        batch_samples: int,
        batch_age_s: float,
        memory_samples: int,
        rng: random.Random,
        repeats_s: float = REPEATS_S,
    ) -> None:
        self.incarnation = rng.getrandbits(63)
        self.start = 0
        """The how manieth start of the gateway this is; known when its streams are."""
        self.is_live = True
        """Whether what is added now is live, or for back-fill."""
        self.samples_taken = 0
        self.batches_acknowledged = 0
        self.conflated = 0
        """Samples given up because memory was full."""
        self.events_dropped = 0
        self._site = site
        self._batch_samples = batch_samples
        self._memory_samples = memory_samples
        self._rng = rng
        self._repeats_s = repeats_s
        self._sequence = 0
        self._is_closed = False
        self._repeats_until_s: float | None = None
        self._progress = asyncio.Event()
        self._events = _EventLane(batch_age_s)
        self._live = _SampleLane(Purpose.LIVE, batch_age_s, batch_samples)
        most_backfill = min(batch_samples, MOST_BACKFILL_SAMPLES)
        self._backfill = _SampleLane(Purpose.BACKFILL, max(batch_age_s, BACKFILL_AGE_S), most_backfill)
        self._lanes: tuple[_Lane, ...] = (self._events, self._live, self._backfill)

    @property
    def pending(self) -> int:
        """Samples in memory that are not acknowledged: those that wait for a batch, and those of a batch on its way."""
        return sum(lane.added - lane.safe for lane in (self._live, self._backfill))

    def add(self, samples: Samples) -> None:
        """Takes samples; never waits."""
        if not len(samples):
            return
        self.samples_taken += len(samples)
        lane, other = (self._live, self._backfill) if self.is_live else (self._backfill, self._live)
        lane.add(samples)
        if lane.waiting + other.waiting > self._memory_samples:
            if lane.waiting < other.waiting:
                lane, other = other, lane
            self._give_up(lane.conflate(self._memory_samples - other.waiting))

    def add_event(self, event: Event) -> None:
        """Takes an event; never waits."""
        if self._events.add(event):
            self.events_dropped += 1
            self._progress.set()

    def add_record(self, record: AuditRecord) -> None:
        """Takes an audit record; never waits. Whoever keeps the audit adds it again where it never reached the center."""
        if self._events.add(record):
            self.events_dropped += 1
            self._progress.set()

    def show(self, picture: Samples) -> None:
        """Sends the newest samples of all points ahead of everything live that is added from now on."""
        self._live.add_picture(picture)

    def expect_repeats(self) -> None:
        """Devices may repeat, for a while from now, what was stored but not confirmed to them."""
        self._repeats_until_s = asyncio.get_running_loop().time() + self._repeats_s

    async def settle(self) -> None:
        """Returns when everything that was added so far is acknowledged by the site's streams; hurries it along.

        Raises `UnavailableError` where some of it had to be given up meanwhile, for lack of memory.
        """
        marks = [(lane, lane.added) for lane in self._lanes]
        given_up = self.conflated + self.events_dropped
        for lane, mark in marks:
            lane.hurry(mark)
        while True:
            if self.conflated + self.events_dropped != given_up:
                raise UnavailableError("memory was full, and part of what was reported had to be given up")
            if all(lane.safe >= mark for lane, mark in marks):
                return
            self._progress.clear()
            await self._progress.wait()

    def close(self) -> None:
        """No more will come: `run` stores what is here and returns."""
        self._is_closed = True
        for lane in self._lanes:
            lane.close()

    async def run(self, store: Store) -> None:
        """Stores batch after batch until the outbox is closed and empty."""
        self.expect_repeats()
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(self._empty(lane, store), name=f"store {lane.name} of {self._site}")

    async def _empty(self, lane: _Lane, store: Store) -> None:
        while await lane.is_due():
            batch, count = self._take(lane)
            await self._store_surely(store, batch)
            self.batches_acknowledged += 1
            lane.safe += count
            self._progress.set()

    async def _store_surely(self, store: Store, batch: Batch) -> None:
        backoff = Backoff(self._rng.random, first_s=0.1, cap_s=RETRY_CAP_S)
        is_delayed = False
        while True:
            try:
                await store(batch)
            except UnavailableError as error:
                if not is_delayed:
                    is_delayed = True
                    log.warning("site stream does not take batches", site=self._site, kind=batch.purpose, reason=str(error))
                await asyncio.sleep(backoff.next_wait())
            else:
                if is_delayed:
                    log.info("site stream takes batches again", site=self._site, kind=batch.purpose)
                return

    def _take(self, lane: _Lane) -> tuple[Batch, int]:
        """The lane's next batch, and how much of what was added is in it."""
        samples, held, purpose = lane.take()
        self._sequence += 1
        assert self._repeats_until_s is not None
        batch = Batch(
            site=self._site,
            incarnation=self.incarnation,
            sequence=self._sequence,
            samples=samples,
            events=tuple(one for one in held if isinstance(one, Event)),
            records=tuple(one for one in held if isinstance(one, AuditRecord)),
            purpose=purpose,
            start=self.start,
            may_repeat=asyncio.get_running_loop().time() < self._repeats_until_s,
        )
        return batch, 0 if purpose is Purpose.PICTURE else len(samples) + len(held)

    def _give_up(self, count: int) -> None:
        self.conflated += count
        self.expect_repeats()  # whoever was told that nothing is safe sends it again, and some of it is
        self._progress.set()


class _Lane(ABC):
    """What waits for one stream, oldest first."""

    def __init__(self, purpose: Purpose, age_s: float) -> None:
        self.added = 0
        """Everything that was ever added."""
        self.safe = 0
        """Of it, what was acknowledged or given up."""
        self._purpose = purpose
        self._age_s = age_s
        self._hurried = 0
        self._taken = 0
        self._is_closed = False
        self._oldest_s: float | None = None
        self._something = asyncio.Event()
        self._enough = asyncio.Event()

    @property
    def name(self) -> str:
        """For people."""
        return str(self._purpose)

    @property
    @abstractmethod
    def is_empty(self) -> bool:
        """Whether nothing waits."""

    @abstractmethod
    def take(self) -> tuple[Samples, list[Event | AuditRecord], Purpose]:
        """What goes into the next batch."""

    def hurry(self, mark: int) -> None:
        """What was added up to the mark waits for no company."""
        self._hurried = max(self._hurried, mark)
        if self._taken < self._hurried:
            self._enough.set()

    def close(self) -> None:
        """Nothing more will be added."""
        self._is_closed = True
        self._something.set()
        self._enough.set()

    async def is_due(self) -> bool:
        """Returns when there is a batch to be taken; False when there will be none any more."""
        while self.is_empty:
            if self._is_closed:
                return False
            self._something.clear()
            await self._something.wait()
        assert self._oldest_s is not None
        left_s = self._oldest_s + self._age_s - asyncio.get_running_loop().time()
        if left_s > 0 and not self._enough.is_set():
            try:
                async with asyncio.timeout(left_s):
                    await self._enough.wait()
            except TimeoutError:
                pass
        return True

    def _mark(self, *, is_enough: bool) -> None:
        if self._oldest_s is None:
            self._oldest_s = asyncio.get_running_loop().time()
        self._something.set()
        if is_enough:
            self._enough.set()

    def _note_taken(self, count: int, *, is_enough: bool) -> None:
        self._taken += count
        if not (is_enough or self._is_closed or self._taken < self._hurried):
            self._enough.clear()
        self._oldest_s = None if self.is_empty else asyncio.get_running_loop().time()


class _EventLane(_Lane):
    """Events and audit records."""

    def __init__(self, age_s: float) -> None:
        super().__init__(Purpose.EVENTS, age_s)
        self._held: deque[Event | AuditRecord] = deque()

    @property
    def is_empty(self) -> bool:
        return not self._held

    def add(self, one: Event | AuditRecord) -> bool:
        """Whether the oldest had to go for it."""
        self._held.append(one)
        self.added += 1
        is_full = len(self._held) > MOST_EVENTS
        if is_full:
            self._held.popleft()
            self._taken += 1
            self.safe += 1
        self._mark(is_enough=len(self._held) >= MOST_EVENTS_A_BATCH)
        return is_full

    def take(self) -> tuple[Samples, list[Event | AuditRecord], Purpose]:
        taken = [self._held.popleft() for _ in range(min(len(self._held), MOST_EVENTS_A_BATCH))]
        self._note_taken(len(taken), is_enough=len(self._held) >= MOST_EVENTS_A_BATCH)
        return Samples.empty(), taken, self._purpose


class _SampleLane(_Lane):
    """Samples; in the live lane also pictures, which hold nothing that is not elsewhere."""

    def __init__(self, purpose: Purpose, age_s: float, batch_samples: int) -> None:
        super().__init__(purpose, age_s)
        self.waiting = 0
        """Samples that wait, those of pictures left out."""
        self._batch_samples = batch_samples
        self._parts: deque[tuple[Samples, Purpose]] = deque()

    @property
    def is_empty(self) -> bool:
        return not self._parts

    def add(self, samples: Samples) -> None:
        """Takes samples."""
        self._parts.append((samples, self._purpose))
        self.waiting += len(samples)
        self.added += len(samples)
        self._mark(is_enough=self.waiting >= self._batch_samples)

    def add_picture(self, samples: Samples) -> None:
        """Takes a picture, which replaces one that is still here."""
        self._parts = deque(part for part in self._parts if part[1] is not Purpose.PICTURE)
        if len(samples):
            self._parts.append((samples, Purpose.PICTURE))
            self._mark(is_enough=True)

    def take(self) -> tuple[Samples, list[Event | AuditRecord], Purpose]:
        taken: list[Samples] = []
        purpose = self._parts[0][1]
        room = self._batch_samples
        while self._parts and room and self._parts[0][1] is purpose:
            part, _ = self._parts.popleft()
            if len(part) > room:
                self._parts.appendleft((part.take(slice(room, None)), purpose))
                part = part.take(slice(None, room))
            taken.append(part)
            room -= len(part)
        samples = Samples.concatenate(taken)
        count = 0 if purpose is Purpose.PICTURE else len(samples)
        self.waiting -= count
        is_enough = self.waiting >= self._batch_samples or (bool(self._parts) and self._parts[0][1] is not purpose)
        self._note_taken(count, is_enough=is_enough)
        return samples, [], purpose

    def conflate(self, room: int) -> int:
        """Keeps the newest sample of each point, where even those are too many the latest of them; gives how many it gave up.

        A picture that waits stays, ahead of them: what is older than it changes nothing at the center.
        """
        pictures = [part for part in self._parts if part[1] is Purpose.PICTURE]
        samples = Samples.concatenate(part for part, purpose in self._parts if purpose is not Purpose.PICTURE)
        _, last_from_end = np.unique(samples.point[::-1], return_index=True)
        newest = np.sort(len(samples) - 1 - last_from_end)
        kept = newest[max(0, len(newest) - room) :]
        given_up = len(samples) - len(kept)
        self._parts = deque([*pictures, *([(samples.take(kept), self._purpose)] if len(kept) else [])])
        self.waiting = len(kept)
        self._taken += given_up
        self.safe += given_up
        return given_up
