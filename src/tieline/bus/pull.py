"""Takes messages from a durable consumer as they come, bounded in number and bytes, without waiting for a batch to fill.

The server is asked for more whenever fewer than half of `limit` messages are on the way or waiting here, so that it always has an open
request to answer, and a slow taker is never flooded. Silence longer than two heartbeats means that the request is gone (the server
was restarted, the connection broke): it is made again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

from tieline.bus import streams

MOST_BYTES = 32 * 1024 * 1024
"""In the answer to one request; two are open at the most."""

HEARTBEAT_S = 2.0
EXPIRES_S = 20.0
_S = 1_000_000_000


class Pull:
    """Messages of one durable consumer. Use `following`."""

    def __init__(self, client: Client, stream: str, consumer: str, limit: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._limit = limit
        self._waiting: list[Msg] = []
        self._on_the_way = 0
        self._changed = asyncio.Event()
        self._inbox = ""

    @classmethod
    @asynccontextmanager
    async def following(cls, client: Client, stream: str, consumer: str, *, limit: int = 1_000) -> AsyncIterator[Pull]:
        """The messages of the consumer, beginning with those that were delivered before but never acknowledged."""
        await streams.api(client, f"$JS.API.CONSUMER.RESET.{stream}.{consumer}", {})
        pull = cls(client, stream, consumer, limit)
        pull._inbox = client.new_inbox()
        subscription: Subscription = await client.subscribe(
            pull._inbox, cb=pull._receive, pending_msgs_limit=4 * limit, pending_bytes_limit=8 * MOST_BYTES
        )
        try:
            yield pull
        finally:
            if client.is_connected:
                await subscription.unsubscribe()

    async def next(self) -> list[Msg]:
        """All messages that are here, at least one; waits for it."""
        await self._ask()
        while not self._waiting:
            self._changed.clear()
            try:
                async with asyncio.timeout(2.5 * HEARTBEAT_S):
                    await self._changed.wait()
            except TimeoutError:
                self._on_the_way = 0
            await self._ask()
        taken, self._waiting = self._waiting, []  # nothing is awaited from here on: a caller's timeout must not lose them
        return taken

    async def _ask(self) -> None:
        open_places = self._limit - self._on_the_way - len(self._waiting)
        if open_places * 2 < self._limit:
            return
        request = {
            "batch": open_places,
            "max_bytes": MOST_BYTES,
            "expires": int(EXPIRES_S * _S),
            "idle_heartbeat": int(HEARTBEAT_S * _S),
        }
        try:
            await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)
        except Error:
            return  # not connected now; the silence brings us back here
        self._on_the_way += open_places

    async def _receive(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None or message.reply.startswith("$JS.ACK"):
            self._waiting.append(message)
            self._on_the_way = max(0, self._on_the_way - 1)
        elif status != "100":  # the request ended: expired (408), nothing (404), or the consumer changed (409)
            ended = int((message.headers or {}).get("Nats-Pending-Messages", self._on_the_way))
            self._on_the_way = max(0, self._on_the_way - ended)
        self._changed.set()
