"""Servers that answer late, never, or nonsense: the device is lost, nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.edge.iec61850.station import BREAKER, LD, POINTS, SWITCHES, driving, line_to, needs_peer, serving, settings
from tieline.edge.driver import UnconfirmedError
from tieline.edge.iec61850.client import associate
from tieline.model import VALIDITY, Quality, RemoteError, UnavailableError
from tieline.protocols.iec61850.mms.names import Name

OLD = Quality.INVALID | Quality.OLD_DATA
CONFIRM = bytes.fromhex("0300000b06d00001000100")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def pretending(handler: Handler) -> AsyncIterator[int]:
    """A server that is what the handler makes of it."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def dt(content: bytes, *, is_last: bool = True) -> bytes:
    return bytes([3, 0]) + (len(content) + 7).to_bytes(2, "big") + bytes([2, 0xF0, 0x80 if is_last else 0]) + content


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(random.Random(1).randbytes(4096))
    await reader.read(-1)


async def endless_unit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONFIRM)
    while True:
        writer.write(dt(bytes(8000), is_last=False))
        await writer.drain()


async def disconnects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes.fromhex("0300000b06800001000100"))
    await reader.read(-1)


async def refuses_session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONFIRM + dt(bytes.fromhex("0c03320102")))
    await reader.read(-1)


async def deep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    nested = b""
    for _ in range(4000):
        size = len(nested)
        nested = b"\xa2\x82" + size.to_bytes(2, "big") + nested
    writer.write(CONFIRM + dt(b"\x0e\x82" + nested))
    await reader.read(-1)


@pytest.mark.parametrize(
    "handler", [silent, noise, endless_unit, disconnects, refuses_session, deep], ids=lambda each: each.__name__
)
async def test_a_server_that_makes_no_sense_is_lost_with_a_reason(handler: Handler) -> None:
    async with pretending(handler) as port, driving(settings(port, timeout_s=0.3)) as seen:
        await seen.until(lambda: seen.texts("device_lost"))
        await seen.until(lambda: seen.driver.health.errors >= 2)
        assert len(seen.texts("device_lost")) == 1
        assert all(seen.newest(point)[2] == OLD for point in POINTS)
        with pytest.raises(UnavailableError):
            await seen.driver.write(SWITCHES[0].point.id, 1.0)


@needs_peer
async def test_a_silent_server_does_not_delay_another() -> None:
    async with (
        serving() as peer,
        pretending(silent) as port,
        driving(settings(port, timeout_s=0.2)) as lost,
        driving(settings(peer.port)) as seen,
    ):
        await seen.up()
        for number in range(10):
            await peer.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=number % 4, quality=0)
            await seen.until(lambda number=number: seen.newest(BREAKER)[1] == number % 4, 1.0)
        assert not lost.driver.health.is_up


@needs_peer
async def test_a_server_that_falls_silent_is_noticed_and_found_again() -> None:
    async with (
        serving() as peer,
        line_to(peer.port) as line,
        driving(settings(line.port, timeout_s=0.3, keepalive_s=0.2, poll_s=60.0)) as seen,
    ):
        await seen.up()
        line.hold()
        await seen.until(lambda: seen.newest(BREAKER)[2] == OLD)
        line.is_held = False
        await seen.until(lambda: seen.texts("device_restored") and seen.newest(BREAKER)[2] & VALIDITY == 0)
        assert len(seen.texts("device_lost")) == len(seen.texts("device_restored")) == 1


@needs_peer
async def test_an_answer_that_comes_late_is_not_taken_for_the_next() -> None:
    async with serving() as peer, line_to(peer.port) as line:
        client = await associate("127.0.0.1", line.port, timeout_s=0.3, on_informed=lambda _: None, on_closed=lambda _: None)
        try:
            line.is_slow = True
            with pytest.raises(UnconfirmedError):
                await client.read([Name(LD, "MMXU1$MX$TotW")])
            line.release()
            (value,) = await client.read([Name(LD, "GGIO1$ST$Ind1$stVal")])
            assert value is False
        finally:
            client.close()
            await client.wait_closed()


@needs_peer
async def test_octets_one_by_one_are_answers_when_they_are_complete() -> None:
    async with serving() as peer, line_to(peer.port) as line:
        line.piece = 1
        async with driving(settings(line.port)) as seen:
            await seen.up()
            await seen.until(lambda: all(seen.newest(point)[2] & VALIDITY == 0 for point in POINTS))
            assert seen.events == []


@needs_peer
@pytest.mark.parametrize("seed", range(4))
async def test_a_driver_survives_damaged_octets_and_recovers(seed: int) -> None:
    generator = random.Random(seed)
    async with serving() as peer, line_to(peer.port) as line, driving(settings(line.port, timeout_s=0.15, poll_s=0.02)) as seen:
        await seen.up()

        def damage(data: bytes) -> bytes:
            damaged = bytearray(data)
            for _ in range(generator.randrange(1, 4)):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            return bytes(damaged) if generator.random() < 0.3 else data

        line.damage = damage
        await seen.until(lambda: line.connections >= 4)
        line.damage = None
        line.cut()
        line.mend()
        await seen.until(lambda: all(seen.newest(point)[2] & VALIDITY == 0 for point in POINTS))
        assert seen.driver.health.is_up
        assert not any("error of ours" in event.text for event in seen.events)


@needs_peer
async def test_a_server_that_is_nobody_is_an_error_that_says_so() -> None:
    async with pretending(refuses_session) as port:
        with pytest.raises(RemoteError, match="does not accept the association"):
            await associate("127.0.0.1", port, timeout_s=1.0, on_informed=lambda _: None, on_closed=lambda _: None)
