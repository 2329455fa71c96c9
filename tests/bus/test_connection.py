"""Connections that break at the worst moment: during the TLS handshake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from bench.topology import plan_for
from tieline.bus import Server, connected
from tieline.bus.configuration import for_center
from tieline.model import subjects
from tieline.security.identity import Authority, Credentials

pytestmark = pytest.mark.system


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Authority.open(tmp_path / "authority").credentials(subjects.CENTER_ROLE, hosts=["127.0.0.1"])


@asynccontextmanager
async def running(folder: Path, credentials: Credentials) -> AsyncIterator[Server]:
    configuration = for_center(plan_for(folder, ["north"]), credentials, folder / "streams", "127.0.0.1:1")
    async with Server.running("center", folder / "center", configuration) as server:
        yield server


async def test_a_task_that_is_cancelled_while_its_answer_arrives_ends(tmp_path: Path, credentials: Credentials) -> None:
    async with running(tmp_path, credentials) as server, connected(server.port, credentials) as client:
        went_on = False

        async def ask() -> None:
            nonlocal went_on
            await client.request("$JS.API.INFO", timeout=10)
            went_on = True

        await client.request("$JS.API.INFO", timeout=10)
        asking = asyncio.create_task(ask())
        while not client._resp_map:
            await asyncio.sleep(0)
        (answer,) = client._resp_map.values()
        answer.set_result(Msg(client, subject="answer"))
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert not went_on


async def test_a_server_that_dies_during_the_first_handshake_is_tried_again(tmp_path: Path, credentials: Credentials) -> None:
    connections = 0

    async with running(tmp_path, credentials) as server:

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    sink.write(data)
            sink.close()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            if connections == 1:
                await reader.read(1)
                writer.transport.abort()
                return
            from_server, to_server = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.gather(pass_on(reader, to_server), pass_on(from_server, writer))

        async with (
            asyncio.timeout(18),
            await asyncio.start_server(take, "127.0.0.1", 0) as front,
            connected(front.sockets[0].getsockname()[1], credentials) as client,
        ):
            assert client.is_connected
    assert connections > 1


async def test_a_client_can_be_closed_while_its_server_takes_connections_and_says_nothing(
    tmp_path: Path, credentials: Credentials
) -> None:
    async with AsyncExitStack() as connection:
        async with running(tmp_path, credentials) as server:
            client = await connection.enter_async_context(connected(server.port, credentials))
        is_shaking_hands, has_ended = asyncio.Event(), asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            is_shaking_hands.set()
            await reader.read()
            writer.close()
            has_ended.set()

        async with asyncio.timeout(15), await asyncio.start_server(say_nothing, "127.0.0.1", server.port):
            await is_shaking_hands.wait()
            await connection.aclose()
            await has_ended.wait()
    assert client.is_closed
