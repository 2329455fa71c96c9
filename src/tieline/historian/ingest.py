"""From the bus into the store: what the center's stream holds is committed, and only then acknowledged.

A commit costs the same for one small batch as for a hundred, so what comes within a fifth of a second becomes one commit, unless it
is much. (The live state does not wait for it: it reads the stream itself.) Each message is acknowledged by itself: after
a restart messages come again in any order, and acknowledging "everything up to this one" would give up those still on their way. A
process that dies between commit and acknowledgement is given the same batches again, and the store's ledger recognizes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus import decode_batch
from tieline.bus.pull import Pull
from tieline.historian.store import Historian
from tieline.io import Backoff
from tieline.model import Batch, RemoteError, UnavailableError, subjects

log = structlog.get_logger()

MOST_MESSAGES = 2_000
COMMIT_PERIOD_S = 0.2
ENOUGH_BYTES = 8 * 1024 * 1024
"""So much is committed at once, without waiting for more."""
FINISH_TIMEOUT_S = 10.0


@dataclass(slots=True)
class IngestCounts:
    """What was taken since the start."""

    batches: int = 0
    samples: int = 0
    repeats: int = 0
    repeated_samples: int = 0
    unreadable: int = 0


async def ingest(
    client: Client,
    historian: Historian,
    counts: IngestCounts,
    backoff: Backoff,
    *,
    stream: str = subjects.CENTER_STREAM,
    on_commit: Callable[[list[Batch]], None] | None = None,
) -> None:
    """Commits what comes until cancelled; a commit under way is finished first. A store that cannot write is tried again for ever."""
    async with Pull.following(client, stream, subjects.HISTORIAN_CONSUMER, limit=MOST_MESSAGES) as pull:
        committed_at = 0.0
        while True:
            messages = await _gather(pull, until=committed_at + COMMIT_PERIOD_S)
            committed_at = asyncio.get_running_loop().time()
            batches = [batch for message in messages if (batch := _read(message, historian, counts)) is not None]
            await _commit_surely(historian, batches, counts, backoff)
            if on_commit is not None:
                on_commit(batches)
            try:
                for message in messages:
                    await message.ack()
            except Error as error:
                log.debug("acknowledgement not sent", reason=str(error))  # the batches come again and are recognized


async def _gather(pull: Pull, *, until: float) -> list[Msg]:
    """What is there, and what comes until then, but that enough is enough."""
    messages = await pull.next()
    size = sum(len(message.data) for message in messages)
    while len(messages) < MOST_MESSAGES // 2 and size < ENOUGH_BYTES:
        try:
            async with asyncio.timeout_at(until):
                more = await pull.next()
        except TimeoutError:
            break
        messages += more
        size += sum(len(message.data) for message in more)
    return messages


async def _commit_surely(historian: Historian, batches: list[Batch], counts: IngestCounts, backoff: Backoff) -> None:
    is_delayed = False
    while True:
        try:
            await _finish(partial(_commit, historian, batches, counts))
        except UnavailableError as error:
            if not is_delayed:
                is_delayed = True
                log.error("historian cannot write", reason=str(error))
            await asyncio.sleep(backoff.next_wait())
        else:
            if is_delayed:
                log.info("historian writes again")
            backoff.reset()
            return


def _commit(historian: Historian, batches: list[Batch], counts: IngestCounts) -> None:
    """Commits and counts in one step: nobody may be left to count what was committed when the caller was cancelled meanwhile."""
    result = historian.commit(batches)
    counts.batches += result.batches
    counts.samples += result.samples
    counts.repeats += result.repeats
    counts.repeated_samples += result.repeated_samples


async def _finish(work: Callable[[], None]) -> None:
    """Does the work in a thread and waits for its end even when cancelled meanwhile: a thread cannot be stopped half-way."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=FINISH_TIMEOUT_S)
        raise


def _read(message: Msg, historian: Historian, counts: IngestCounts) -> Batch | None:
    """The batch in a message, with what is its site's; one that is not readable must not hold up those behind it."""
    try:
        batch = decode_batch(message.data, site=subjects.site_of(message.subject))
    except RemoteError as error:
        counts.unreadable += 1
        log.error("message is not a batch", subject=message.subject, reason=str(error), bytes=len(message.data))
        return None
    return replace(batch, samples=historian.owners.own(batch))
