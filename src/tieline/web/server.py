"""Serving the application: on a loopback port, or with TLS and a login on any."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

import uvicorn
from fastapi import FastAPI

from tieline.model import RefusedError, UnavailableError
from tieline.web.connections import PATIENCE_S, permit_descriptors, protocol
from tieline.web.guard import is_loopback
from tieline.web.login import ServerTls

SEND_BUFFER = 128 * 1024


def listen(host: str = "127.0.0.1", port: int = 8400, *, tls: ServerTls | None = None) -> socket.socket:
    """A listening socket, taken before anything else starts; port 0 takes any free one.

    Raises `RefusedError` where the host is not loopback and there is no TLS, `UnavailableError` where the port cannot be had.
    """
    if not is_loopback(host) and tls is None:
        raise RefusedError(
            f"refused to serve on {host} without TLS: only this machine may connect; "
            "use 127.0.0.1 (and an SSH tunnel), or give a certificate and its key"
        )
    address = "127.0.0.1" if host.lower() == "localhost" else host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What the kernel holds for a slow viewer is old: little of it, so that conflation sets in early.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        # Accepted sockets inherit it; without, every answer on a connection that is kept waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((address, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "is in use" if is_taken else f"cannot be used ({error})"
        raise UnavailableError(f"port {port} on {host} {reason}; choose another one with --port") from error
    listener.setblocking(False)
    return listener


async def serve(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 8400,
    *,
    listener: socket.socket | None = None,
    tls: ServerTls | None = None,
    patience_s: float = PATIENCE_S,
) -> None:
    """Serves until cancelled, on a socket of `listen(host, port)` or on the one given; a request has to arrive in `patience_s`.

    Raises what `listen` raises, and `RefusedError` where others than this machine could connect to an application without a login.
    """
    taken = listener or listen(host, port, tls=tls)
    bound = taken.getsockname()[0]
    if not is_loopback(bound) and (tls is None or app.state.accounts is None):
        taken.close()
        raise RefusedError(f"refused to serve on {bound}: other machines may connect with TLS and a login only")
    permit_descriptors()
    config = uvicorn.Config(
        app,
        http=protocol(patience_s=patience_s),
        ws="websockets-sansio",
        ws_max_size=1_000_000,
        ws_per_message_deflate=False,  # costs more CPU than loopback costs time
        ws_ping_interval=10,
        ws_ping_timeout=20,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # whoever connects could say any address, or that plain HTTP is TLS
        lifespan="off",
        timeout_graceful_shutdown=1,
        ssl_context_factory=None if tls is None else partial(_context, tls),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[taken]), name="web server")
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        try:
            await serving
        finally:
            taken.close()


def _context(tls: ServerTls, _config: uvicorn.Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    return tls.context


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the event loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
