"""Puts a batch on a stream, and knows when it is safe."""

from __future__ import annotations

from nats.aio.client import Client
from nats.errors import Error
from nats.js.errors import APIError

from tieline.bus import subjects
from tieline.bus.envelope import encode_batch
from tieline.model import Batch, UnavailableError

ACKNOWLEDGE_TIMEOUT_S = 10.0


async def publish(client: Client, batch: Batch, *, subject: str | None = None) -> None:
    """Publishes to the site's stream, or to another subject; returns when the batch is on disk.

    Raises `UnavailableError` where that is not certain; the same batch may then be published again and is stored once.
    """
    try:
        await client.jetstream().publish(
            subject or subjects.batches(batch.site),
            encode_batch(batch),
            headers={"Nats-Msg-Id": batch.message_id},
            timeout=ACKNOWLEDGE_TIMEOUT_S,
        )
    except APIError as error:
        raise UnavailableError(f"the stream refuses the batch: {error.description}") from error
    except (Error, TimeoutError) as error:
        raise UnavailableError(f"no acknowledgement: {str(error) or type(error).__name__}") from error
