"""Connects a role to the bus server beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error

from tieline.model import UnavailableError
from tieline.security.identity import Credentials

log = structlog.get_logger()

FIRST_TRY_S = 20.0
_RETRY_S = 0.1


@asynccontextmanager
async def connected(port: int, credentials: Credentials) -> AsyncIterator[Client]:
    """A client as the role of the credentials; it reconnects for ever once it was connected.

    Raises `UnavailableError` where the server cannot be reached at all.
    """
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

    client: Client | None = None
    deadline = asyncio.get_running_loop().time() + FIRST_TRY_S
    while client is None:
        try:
            client = await nats.connect(
                f"tls://127.0.0.1:{port}",
                name=credentials.name,
                tls=credentials.client_context(),
                tls_handshake_first=True,
                connect_timeout=5,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=64 * 1024 * 1024,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=on_reconnect,
            )
        except (OSError, Error, TimeoutError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(f"{credentials.name} cannot reach its bus server on port {port}: {error}") from error
            await asyncio.sleep(_RETRY_S)
    try:
        yield client
    finally:
        state["is_lost"] = True
        await client.close()


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drops asyncio's remark about TLS connections that the peer closes first; it says nothing that we do not log ourselves."""
    return "eof_received" not in record.getMessage()
