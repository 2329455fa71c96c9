"""The alarms at the center's bus: fed from the stream, looked at by the clock, asked by people, each in its turn.

The alarm service belongs to one thread, because it waits for the disk. What comes from the stream is acknowledged when it is there, and
the stream keeps it until then: a process that dies in between is given the same batches again, and the service recognizes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus import decode_batch, scada
from tieline.bus.pull import Pull
from tieline.io import Backoff, Clock
from tieline.model import Batch, Now, RemoteError, UnavailableError, subjects
from tieline.scada.alarms import AlarmService
from tieline.scada.links import Link
from tieline.scada.live import LiveState

log = structlog.get_logger()

MOST_MESSAGES = 2_000
TICK_S = 0.5
TELL_S = 0.2
LIFE_S = 1.0

T = TypeVar("T")


class AlarmDesk:
    """One alarm service, asked from the event loop."""

    def __init__(self, open_service: Callable[[Now], AlarmService], clock: Clock) -> None:
        """`open_service` is called in the thread to which the service belongs from then on."""
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alarms")
        self._open = open_service
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="alarm journal")
        self._service: AlarmService | None = None
        self._told = scada.AlarmsChanged(0, 0)

    async def __aenter__(self) -> Self:
        self._service = await self._in_thread(lambda: self._open(self._now()))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reading.shutdown(wait=True)
        if self._service is not None:
            self._thread.submit(_close, self._service)
        self._thread.shutdown(wait=True)

    async def do(self, work: Callable[[AlarmService, Now], T]) -> T:
        """What the work gives, when all of it is on the disk."""
        service = self._entered()
        return await self._in_thread(lambda: work(service, self._now()))

    async def read(self, work: Callable[[AlarmService, Now], T]) -> T:
        """What the work gives that only reads the journal; it may take long, and no alarm waits for it."""
        service = self._entered()
        return await asyncio.get_running_loop().run_in_executor(self._reading, lambda: work(service, self._now()))

    def _entered(self) -> AlarmService:
        assert self._service is not None, "the desk is entered before it is asked"
        return self._service

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Waits for its end even when cancelled meanwhile: a thread cannot be stopped half-way."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())

    async def take_stream(self, client: Client, backoff: Backoff) -> None:
        """Takes what the center's stream holds, and what comes, until cancelled; a disk that takes nothing is tried again for ever."""
        async with Pull.following(client, subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER, limit=MOST_MESSAGES) as pull:
            while True:
                messages = await pull.next()
                await self._take_surely([batch for message in messages if (batch := _read(message)) is not None], backoff)
                try:
                    for message in messages:
                        await message.ack()
                except Error as error:
                    log.debug("acknowledgement not sent", reason=str(error))  # the batches come again and are recognized

    async def _take_surely(self, batches: Sequence[Batch], backoff: Backoff) -> None:
        while True:
            try:
                await self.do(lambda service, now: service.take(batches, now))
            except UnavailableError as error:
                log.error("alarms cannot be stored", reason=str(error))
                await asyncio.sleep(backoff.next_wait())
            else:
                backoff.reset()
                return

    async def watch(self, live: LiveState) -> None:
        """Has the alarms look at the clock, and at how sites and devices are heard, until cancelled."""
        while True:
            try:
                await self.do(partial(_look_around, live.links()))
            except UnavailableError as error:
                log.error("alarms cannot be stored", reason=str(error))
            await asyncio.sleep(TICK_S)

    async def tell_changes(self, client: Client) -> None:
        """Says where the alarms are, as soon as that changes and at least once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        told_at = float("-inf")
        while True:
            change = await self.do(self._look)
            if change != self._told or loop.time() - told_at >= LIFE_S:
                try:
                    await scada.tell(client, change)
                except UnavailableError as error:
                    log.debug("change of alarms not told", reason=str(error))
                else:
                    self._told, told_at = change, loop.time()
            await asyncio.sleep(TELL_S)

    def _look(self, service: AlarmService, _: Now) -> scada.AlarmsChanged:
        told = self._told
        lately = service.in_ten_minutes()
        if (told.incarnation, told.revision, told.in_ten_minutes) == (service.incarnation, service.revision, lately):
            return told
        return scada.AlarmsChanged(
            service.incarnation, service.revision, service.unacknowledged(), standing=service.standing(), in_ten_minutes=lately
        )


def _close(service: AlarmService) -> None:
    try:
        service.close()
    except UnavailableError as error:
        log.error("alarms cannot be stored", reason=str(error))


def _look_around(links: Sequence[Link], service: AlarmService, now: Now) -> None:
    service.links(links, now)
    service.tick(now)


def _read(message: Msg) -> Batch | None:
    """The batch in a message; one that is not readable must not hold up those behind it."""
    try:
        return decode_batch(message.data, site=subjects.site_of(message.subject))
    except RemoteError as error:
        log.error("message is not a batch", subject=message.subject, reason=str(error))
        return None
