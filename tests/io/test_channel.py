"""Channels over real sockets and pseudo terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import tty

import pytest

from tieline.io import open_serial, open_tcp
from tieline.model import UnavailableError


class Heard:
    def __init__(self) -> None:
        self.data = b""
        self.reasons: list[str] = []
        self.changed = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self.changed.set()

    async def something(self) -> None:
        async with asyncio.timeout(10):
            await self.changed.wait()
        self.changed.clear()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        if data == b"bye":
            break
    writer.close()


async def open_line(heard: Heard, path: str):
    return await open_serial(path, heard, baud_rate=9600, parity="even", stop_bits=1)


async def test_a_tcp_channel_carries_bytes_and_says_when_the_other_side_ends_it():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        heard = Heard()
        channel = await open_tcp("127.0.0.1", server.sockets[0].getsockname()[1], heard, timeout_s=5)
        channel.send(b"hello")
        await heard.something()
        assert (heard.data, channel.is_open) == (b"hello", True)
        channel.send(b"bye")
        while not heard.reasons:
            await heard.something()
        assert heard.reasons == ["the device closed the connection"]
        assert not channel.is_open
        channel.send(b"nobody")
        channel.close()
        await channel.wait_closed()


async def test_closing_a_channel_is_not_reported_to_who_closed_it():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        heard = Heard()
        channel = await open_tcp("127.0.0.1", server.sockets[0].getsockname()[1], heard, timeout_s=5)
        channel.close()
        channel.close()
        await channel.wait_closed()
        assert heard.reasons == []


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a" * 70 + ".invalid"])
async def test_a_host_that_cannot_be_reached_is_unavailable(host):
    with pytest.raises(UnavailableError, match="connect"):
        await open_tcp(host, 1, Heard(), timeout_s=5)


async def test_a_serial_line_carries_bytes_belongs_to_one_and_says_when_it_hangs_up():
    master, slave = pty.openpty()
    tty.setraw(slave)
    heard = Heard()
    channel = await open_line(heard, os.ttyname(slave))
    with pytest.raises(UnavailableError, match="cannot open the serial line"):
        await open_line(heard, os.ttyname(slave))
    channel.send(b"out")
    assert os.read(master, 10) == b"out"
    os.write(master, b"in")
    await heard.something()
    assert heard.data == b"in"
    os.close(slave)
    os.close(master)
    await heard.something()
    assert len(heard.reasons) == 1
    assert not channel.is_open
    channel.send(b"nobody")
    channel.close()


@pytest.mark.parametrize("path", ["/dev/no-such-line", "/dev/null", "/"])
async def test_what_is_no_serial_line_is_unavailable(path):
    with pytest.raises(UnavailableError, match="cannot open the serial line"):
        await open_line(Heard(), path)
