"""Whoever connects and does not get on: half requests, too many connections, more live feeds than one person needs."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.security.accounts.world import PASSWORD
from tieline.web import listen, serve
from tieline.web.connections import MOST_AN_ADDRESS
from tieline.web.login.gate import MOST_SOCKETS

from .login_world import Browser, app_of, center_in
from .world import World, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 0.6


@asynccontextmanager
async def impatient(world: World) -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    port = int(listener.getsockname()[1])
    task = asyncio.create_task(serve(world.app(), listener=listener, patience_s=PATIENCE_S))
    try:
        yield port
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def drip(port: int, begin: bytes, more: bytes) -> float:
    """Sends bytes one by one until the server has enough of it; after how long that was."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = loop.time()
    writer.write(begin)
    reading = asyncio.create_task(reader.read())
    try:
        while not reading.done():
            writer.write(more)
            await asyncio.wait({reading}, timeout=0.05)
        with suppress(ConnectionError):
            await reading
        return loop.time() - started
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ", b"a"),
        (b"POST /api/alarms/reset HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 60000\r\n\r\n", b"a"),
        (b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\nx: ", b"a"),
    ],
    ids=["nothing", "headers", "body", "second request"],
)
async def test_a_request_that_does_not_arrive_in_time_is_given_up(world: World, begin: bytes, more: bytes) -> None:
    async with impatient(world) as port:
        async with asyncio.timeout(20):
            took_s = await drip(port, begin, more)
        assert took_s > PATIENCE_S * 0.9


async def test_requests_that_arrive_are_answered_on_one_connection_as_long_as_they_come(world: World) -> None:
    async with impatient(world) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(6):
            assert (await client.get("/healthz")).status_code == 200
            await asyncio.sleep(PATIENCE_S / 4)
        async with connect(f"ws://127.0.0.1:{port}/live") as socket:
            await asyncio.sleep(PATIENCE_S * 2)
            await socket.recv()
            assert socket.close_code is None


async def test_one_address_does_not_take_every_connection_and_gets_new_ones_when_it_gives_up_old_ones(world: World) -> None:
    async with serving(world) as address:
        host, port = address.split(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in range(MOST_AN_ADDRESS)]
        reader, writer = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):
            assert await reader.read() == b""
        for _, one in [*opened, (reader, writer)]:
            one.close()
        async with asyncio.timeout(10), httpx.AsyncClient(base_url=f"http://{address}") as client:
            while True:
                with suppress(httpx.TransportError):
                    assert (await client.get("/healthz")).status_code == 200
                    break


async def test_one_person_does_not_take_every_live_feed(tmp_path: Path, world: World) -> None:
    center = center_in(tmp_path)
    with closing(center.accounts):
        for name in ("ada", "lise"):
            center.prepare(name)
        app = app_of(world, center)
        async with serving(world, app=app) as address, AsyncExitStack() as stack:
            cookies = {}
            for name in ("ada", "lise"):
                browser = await stack.enter_async_context(Browser(base_url=f"http://{address}"))
                await browser.post("/api/login", json={"name": name, "password": PASSWORD})
                cookies[name] = {"cookie": f"tieline_session={browser.cookies['tieline_session']}"}

            def live(name: str) -> connect:
                return connect(f"ws://{address}/live", origin=f"http://{address}", additional_headers=cookies[name])  # type: ignore[arg-type]

            for _ in range(MOST_SOCKETS):
                last = await stack.enter_async_context(live("ada"))
            with pytest.raises(InvalidStatus):
                await stack.enter_async_context(live("ada"))
            await stack.enter_async_context(live("lise"))
            await last.close()
            async with asyncio.timeout(10):
                while app.state.feed.viewers > MOST_SOCKETS:
                    await asyncio.sleep(0.02)
            await stack.enter_async_context(live("ada"))
