"""Connects a role to the bus server beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.model import UnavailableError, subjects
from tieline.security.identity import Credentials

log = structlog.get_logger()

FIRST_TRY_S = 20.0
ATTEMPT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
_RETRY_S = 0.1


class CancellableClient(Client):
    """A client whose requests end when their task is cancelled.

    nats-py waits with `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that comes in the same turn as the answer: the
    task would go on for ever, and whoever ends it wait for ever.
    """

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109 - the signature of what it overrides
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """The answer. Raises what nats-py's own raises."""
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        answer = await super().request(subject, payload, timeout, old_style, headers)
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
        return answer


@asynccontextmanager
async def connected(port: int | Sequence[int], credentials: Credentials) -> AsyncIterator[Client]:
    """A client as the role of the credentials; it reconnects for ever once it was connected.

    With several ports, those of a cluster, it is connected with one of its servers, and with another one where that ends. Raises
    `UnavailableError` where no server can be reached at all.
    """
    ports = [port] if isinstance(port, int) else list(port)
    logging.getLogger("asyncio").addFilter(_is_worth_a_line)
    state = {"is_lost": False}

    async def on_error(error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if "permissions violation" in reason:
            log.error("bus forbids", role=credentials.name, reason=reason)
        else:
            log.debug("bus error", role=credentials.name, reason=reason)

    async def on_disconnect() -> None:
        if not state["is_lost"]:
            state["is_lost"] = True
            log.warning("bus connection lost", role=credentials.name)

    async def on_reconnect() -> None:
        state["is_lost"] = False
        log.info("bus connection restored", role=credentials.name)

    callbacks = {"error_cb": on_error, "disconnected_cb": on_disconnect, "reconnected_cb": on_reconnect}
    client = await _open(ports, credentials, callbacks)
    try:
        yield client
    finally:
        state["is_lost"] = True
        await _close(client)


@asynccontextmanager
async def subscribed(
    client: Client, heard: Mapping[str, Callable[[Msg], Awaitable[None]]], *, pending_msgs_limit: int
) -> AsyncIterator[None]:
    """Hears these subjects, and no more once it is left."""
    subscriptions = [
        await client.subscribe(subject, cb=hear, pending_msgs_limit=pending_msgs_limit) for subject, hear in heard.items()
    ]
    try:
        yield
    finally:
        if client.is_connected:
            for subscription in subscriptions:
                await subscription.unsubscribe()


async def _open(ports: Sequence[int], credentials: Credentials, callbacks: dict[str, Any]) -> Client:
    """A client that is connected.

    Each attempt is bounded, and made with a client of its own: where a server dies during the TLS handshake, nats-py waits for ever for
    the end of a connection that was replaced by the one with TLS.
    """
    options: dict[str, Any] = {
        "tls_handshake_first": True,
        "connect_timeout": 5,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "ping_interval": 5,
        "max_outstanding_pings": 2,
        "pending_size": 64 * 1024 * 1024,
        **callbacks,
    }
    deadline = asyncio.get_running_loop().time() + FIRST_TRY_S
    while True:
        client = CancellableClient()
        is_connected = False
        try:
            async with asyncio.timeout(ATTEMPT_S):
                await client.connect(
                    [f"tls://127.0.0.1:{port}" for port in ports],
                    name=credentials.name,
                    inbox_prefix=subjects.inbox(credentials.name),
                    tls=credentials.client_context(),
                    **options,
                )
            is_connected = True
        except (OSError, Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                reason = str(error) or "it does not answer"
                where = ", ".join(map(str, ports))
                raise UnavailableError(f"{credentials.name} cannot reach its bus server on port {where}: {reason}") from error
        else:
            return client
        finally:
            if not is_connected:
                await _close(client)
        await asyncio.sleep(_RETRY_S)


async def _close(client: Client) -> None:
    """Closes the client within a bounded time, whatever its connection is doing.

    nats-py's own `close` cancels the reconnecting once, which Python 3.11 may swallow; and it may wait for ever, as described above.
    """
    reconnecting = client._reconnection_task  # noqa: SLF001  # there is no public way to end it
    while reconnecting is not None and not reconnecting.done():
        reconnecting.cancel()
        await asyncio.wait([reconnecting], timeout=_RETRY_S)
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
    except (OSError, Error, TimeoutError, AttributeError) as error:  # `AttributeError`: it stopped before it had a transport
        log.debug("bus connection not closed in order", reason=str(error) or type(error).__name__)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drops asyncio's remark about TLS connections that the peer closes first; it says nothing that we do not log ourselves."""
    return "eof_received" not in record.getMessage()
