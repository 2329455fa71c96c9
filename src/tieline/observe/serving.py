"""Serves metrics on loopback from a process that serves nothing else over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tieline.model import UnavailableError

MOST_HEAD = 8_192
HEAD_TIMEOUT_S = 5.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def serve_metrics(port: int, text: Callable[[], bytes]) -> None:
    """Answers `GET /metrics` until cancelled. Raises `UnavailableError` where the port cannot be had."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                is_asked = head.split(b"\r\n", 1)[0].split(b" ")[:2] == [b"GET", b"/metrics"]
                body = text() if is_asked else b"there is /metrics only\n"
                status = "200 OK" if is_asked else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or said nothing that is a request
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port, limit=MOST_HEAD)
    except OSError as error:
        raise UnavailableError(f"port {port} for metrics cannot be had: {(error.strerror or str(error)).lower()}") from error
    async with server:
        await server.serve_forever()
