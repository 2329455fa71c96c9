"""Where the server listens, and where it refuses to."""

from __future__ import annotations

import asyncio
import signal
from contextlib import closing

import httpx
import pytest

from tieline.model import RefusedError, UnavailableError
from tieline.web import listen, serve

from .world import World, serving


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "scada.example", ""])
def test_only_loopback_is_served_without_tls(host: str) -> None:
    with pytest.raises(RefusedError, match="without TLS"):
        listen(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "::1", "[::1]"])
def test_loopback_is_served_under_each_of_its_names(host: str) -> None:
    with closing(listen(host, 0)) as listener:
        assert listener.getsockname()[1] > 0


async def test_a_port_in_use_is_one_clear_line(world: World) -> None:
    with closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"^port {port} on 127.0.0.1 is in use; choose another one with --port$"):
            await serve(world.app(), "127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_cannot_be_is_an_error_of_ours(port: int) -> None:
    with pytest.raises(UnavailableError, match="cannot be used"):
        listen("127.0.0.1", port)


async def test_serving_ends_when_cancelled_and_gives_the_port_back(world: World) -> None:
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    async with serving(world) as address:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://{address}/healthz")).json()["points"] == 267
        assert {one: signal.getsignal(one) for one in handlers} == handlers
    port = int(address.split(":")[1])
    with closing(listen("127.0.0.1", port)):
        pass
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "web server"]
