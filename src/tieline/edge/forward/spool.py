"""The site's streams as one spool: a budget that they share by priority, and a disk that may fill up.

How it works. Before a batch is stored, there must be room for it:

- events and audit records may take the whole budget, measurements all but the share of the events;
- measurements leave a reserve of the disk free, events a quarter of it.

Where there is none, the oldest back-fill goes, then the oldest measurements of the live stream, and for events at last the oldest
events. What the center was sent already, and has perhaps not acknowledged, is left alone: what is dropped is read first and counted
exactly. A little more than needed is dropped at once, because it is cheaper, and because one event then tells of much.

A disk that others fill to the last byte is another matter: nats-server (2.15) stops the stream whose write failed, never answers a
publisher again, and goes on so when there is space again, until it is started anew. A stream that does not answer while its server is
connected is therefore taken for that: once the disk has space, the server is started again. Meanwhile batches wait in memory, and
nothing waits for them.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from nats.aio.client import Client

from tieline.bus import decode_batch, encode_batch, publish, streams
from tieline.bus.publishing import STREAM_OF, FullError
from tieline.bus.streams import Depth
from tieline.config.spool import SpoolSection
from tieline.edge.forward.dropping import Dropped
from tieline.io import Clock
from tieline.model import Batch, Event, Purpose, RemoteError, Severity, UnavailableError, subjects

PERIOD_S = 1.0
ACKNOWLEDGE_TIMEOUT_S = 5.0
STUCK_S = 8.0
"""A stream that takes nothing for so long although its server is connected has stopped."""
RESTART_PERIOD_S = 20.0
OVERHEAD_BYTES = 256
"""A message on disk is longer than its payload by less than this: subject, message id, checksum."""
MOST_TRIES = 4
_MB = 1024 * 1024
_MEASUREMENTS = (subjects.BACKFILL_STREAM, subjects.SITE_STREAM)
"""In the order in which they are dropped."""

log = structlog.get_logger()


class Restartable(Protocol):
    """A server that can be started again."""

    async def restart(self) -> None:
        """Ends it; whoever keeps it starts it again."""
        ...


class Spool:
    """Stores the batches of one gateway. `watch` it."""

    def __init__(
        self,
        site: str,
        client: Client,
        section: SpoolSection,
        *,
        disk: Path | None,
        server: Restartable | None,
        on_event: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.depths: dict[str, Depth] = {stream: Depth() for stream in subjects.SITE_STREAMS}
        """What each stream held when it was last asked."""
        self.dropped_samples: Counter[str] = Counter()
        """By stream; given up for lack of space since the start."""
        self.dropped_events: int = 0
        """Events and audit records given up for lack of space since the start."""
        self.is_disk_full = False
        self.restarts = 0
        """Of the server, because it did not recover from a full disk by itself."""
        self._site = site
        self._client = client
        self._budget = section.mb * _MB
        self._events_share = self._budget * section.events_percent // 100
        self._reserve = section.reserve_mb * _MB
        self._disk = disk
        self._server = server
        self._on_event = on_event
        self._clock = clock
        self._held: Counter[str] = Counter()
        """Bytes by stream, at the most."""
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        """Bytes by stream that were ever on their way there, and that are not any more."""
        self._free: float = float("inf")
        """Bytes on the disk that are free."""
        self._credit = 0
        """Bytes that were dropped while the disk was short, and that may be stored in their place."""
        self._dropping: Dropped | None = None
        self._making_room = asyncio.Lock()
        self._failed_since_s: dict[str, float] = {}
        """By stream: since when it takes nothing although its server is connected."""
        self._restarted_s = float("-inf")
        self._is_closed = False

    async def store(self, batch: Batch) -> None:
        """Stores a batch; returns when it is on disk. Raises `UnavailableError` where that is not certain."""
        payload, stream = encode_batch(batch), STREAM_OF[batch.purpose]
        size = len(payload) + OVERHEAD_BYTES
        for _ in range(MOST_TRIES):
            async with self._making_room:
                await self._make_space(stream, size)
                self._held[stream] += size
                self._begun[stream] += size
            try:
                await publish(self._client, batch, payload=payload, timeout_s=ACKNOWLEDGE_TIMEOUT_S)
            except FullError:
                async with self._making_room:
                    await self._drop(size, for_events=batch.purpose is Purpose.EVENTS)
            except UnavailableError:
                if self._client.is_connected:
                    self._failed_since_s.setdefault(stream, self._clock.monotonic())
                raise
            else:
                self._failed_since_s.pop(stream, None)
                return
            finally:
                self._ended[stream] += size
        raise UnavailableError("the stream stays full")

    def close(self) -> None:
        """`watch` returns within a second; merely to cancel it is not enough, because nats-py's requests may swallow that."""
        self._is_closed = True

    async def watch(self) -> None:
        """Looks at streams and disk once a second, until closed; brings the server back where it has stopped storing."""
        while not self._is_closed:
            try:
                async with self._making_room:
                    await self._look()
            except UnavailableError as error:
                log.debug("streams cannot be asked", site=self._site, reason=str(error))
            await self._heal()
            await asyncio.sleep(PERIOD_S)

    async def _look(self) -> None:
        """To be called while nothing is dropped; what is on its way to a stream counts as there."""
        self._look_at_disk()
        for stream in subjects.SITE_STREAMS:
            ended = self._ended[stream]
            self.depths[stream] = await streams.depth(self._client, stream)
            self._held[stream] = self.depths[stream].bytes + self._begun[stream] - ended
        if self._dropping is not None and self._has_recovered():
            self._tell("spool_restored", Severity.WARNING, f"the spool has room again; {self._dropping.in_words()}")
            self._dropping, self._credit = None, 0

    def _look_at_disk(self) -> None:
        if self._disk is not None:
            found = os.statvfs(self._disk)
            self._free = found.f_bavail * found.f_frsize
        if self.is_disk_full and not self._failed_since_s and self._free > max(self._reserve, self._chunk):
            self.is_disk_full = False
            self._tell("disk_restored", Severity.INFO, f"the disk has {self._free / _MB:,.0f} MB free again")

    def _has_recovered(self) -> bool:
        measured = sum(self._held[stream] for stream in _MEASUREMENTS)
        return measured < 0.9 * self._measurement_limit and self._free > self._reserve + self._chunk

    @property
    def _chunk(self) -> int:
        """So much is dropped at once, at the least."""
        return self._budget // 64

    @property
    def _measurement_limit(self) -> int:
        return self._budget - max(self._events_share, self._held[subjects.EVENTS_STREAM])

    def _excess(self, size: int, *, is_event: bool) -> int:
        """How much too much there would be with a batch of this size."""
        if is_event:
            return sum(self._held.values()) + size - self._budget
        return sum(self._held[stream] for stream in _MEASUREMENTS) + size - self._measurement_limit

    async def _make_space(self, stream: str, size: int) -> None:
        """Raises `UnavailableError` where there is none to be made."""
        is_event = stream == subjects.EVENTS_STREAM
        if self._excess(size, is_event=is_event) > 0:
            await self._look()
            excess = self._excess(size, is_event=is_event)
            if excess > 0 and not await self._drop(excess, for_events=is_event):
                raise UnavailableError("the spool is full")
        await self._spare_the_disk(size, self._reserve // 4 if is_event else self._reserve, for_events=is_event)

    async def _spare_the_disk(self, size: int, reserve: int, *, for_events: bool) -> None:
        self._look_at_disk()
        if self._free - size >= reserve:
            return
        self._note_disk_full()
        if self._credit < size and self._free > size:
            self._credit += await self._drop(size, for_events=for_events)
        if self._credit < size:
            raise UnavailableError("the disk is full")
        self._credit -= size

    async def _drop(self, size: int, *, for_events: bool) -> int:
        """Drops the oldest of what matters least, so many bytes at least if there are so many; gives how many it dropped."""
        wanted, freed = max(size, self._chunk), 0
        order = (*_MEASUREMENTS, subjects.EVENTS_STREAM) if for_events else _MEASUREMENTS
        for stream in order:
            if freed < size:
                freed += await self._drop_from(stream, wanted - freed)
        return freed

    async def _drop_from(self, stream: str, wanted: int) -> int:
        freed = 0
        async with streams.unsent(self._client, stream) as first:
            place = first
            while freed < wanted:
                found = await streams.read_next(self._client, stream, place)
                if found is None:
                    break
                number, payload = found
                place = number + 1
                if await streams.delete(self._client, stream, number):
                    freed += len(payload) + OVERHEAD_BYTES
                    self._note_dropped(stream, payload)
        self._held[stream] -= min(freed, self._held[stream])
        return freed

    def _note_dropped(self, stream: str, payload: bytes) -> None:
        try:
            batch = decode_batch(payload)
        except RemoteError as error:
            log.error("dropped message is not a batch", site=self._site, stream=stream, reason=str(error))
            return
        if batch.purpose is Purpose.PICTURE:
            return
        self.dropped_samples[stream] += len(batch.samples)
        self.dropped_events += len(batch.events) + len(batch.records)
        if self._dropping is None:
            self._dropping = Dropped()
            self._tell(
                "spool_full", Severity.ERROR, "there is no room for what the center does not have yet; the oldest is given up"
            )
        self._dropping.note(batch)

    def _note_disk_full(self) -> None:
        if not self.is_disk_full:
            self.is_disk_full = True
            free = f"{max(self._free, 0) / _MB:,.0f} MB"
            self._tell(
                "disk_full", Severity.ERROR, f"the disk has only {free} free; the oldest measurements make room for new ones"
            )

    async def _heal(self) -> None:
        """Starts the server again when its streams have stopped, once there is space for what they will be given."""
        now_s = self._clock.monotonic()
        if not self._client.is_connected:
            self._failed_since_s.clear()
        longest_s = now_s - min(self._failed_since_s.values(), default=now_s)
        if longest_s < STUCK_S or self._server is None:
            return
        self._look_at_disk()
        if self._free < max(self._reserve // 4, self._chunk):
            self._note_disk_full()
            return
        if now_s - self._restarted_s < RESTART_PERIOD_S:
            return
        self._restarted_s = now_s
        self.restarts += 1
        log.warning("bus server has stopped storing and is started again", site=self._site)
        await self._server.restart()
        self._failed_since_s.clear()

    def _tell(self, kind: str, severity: Severity, text: str) -> None:
        self._on_event(Event(time=self._clock.now_us(), site=self._site, kind=kind, severity=severity, text=text))
