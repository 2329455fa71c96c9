"""Puts a batch on a stream, and knows when it is safe."""

from __future__ import annotations

from nats.aio.client import Client
from nats.errors import Error
from nats.js.errors import APIError

from tieline.bus.envelope import encode_batch
from tieline.model import Batch, Purpose, UnavailableError, subjects

ACKNOWLEDGE_TIMEOUT_S = 10.0
STREAM_OF = {
    Purpose.LIVE: subjects.SITE_STREAM,
    Purpose.PICTURE: subjects.SITE_STREAM,
    Purpose.EVENTS: subjects.EVENTS_STREAM,
    Purpose.BACKFILL: subjects.BACKFILL_STREAM,
}
_FULL = {10023, 10028, 10047, 10077}
"""The stream service's numbers for: no resources, account limit, no storage, the stream's limit."""


class FullError(UnavailableError):
    """The stream has no space for the batch."""


async def publish(
    client: Client, batch: Batch, *, subject: str | None = None, timeout_s: float = ACKNOWLEDGE_TIMEOUT_S, payload: bytes = b""
) -> None:
    """Publishes to the site's stream for the batch's purpose, or to another subject; returns when the batch is on disk.

    `payload` is the encoded batch, where the caller has it already. Raises `FullError` where there is no space, another
    `UnavailableError` where it is not certain that the batch is stored; the same batch may then be published again and is stored once.
    """
    try:
        await client.jetstream().publish(
            subject or subjects.site_batches(batch.site, STREAM_OF[batch.purpose]),
            payload or encode_batch(batch),
            headers={"Nats-Msg-Id": batch.message_id},
            timeout=timeout_s,
        )
    except APIError as error:
        refusal = FullError if error.err_code in _FULL else UnavailableError
        raise refusal(f"the stream refuses the batch: {error.description}") from error
    except (Error, TimeoutError) as error:
        raise UnavailableError(f"no acknowledgement: {str(error) or type(error).__name__}") from error
