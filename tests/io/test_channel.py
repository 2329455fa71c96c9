"""Channels over real sockets and pseudo terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import random
import tty

import pytest

from tests.io.heard import Heard
from tieline.io import open_serial, open_tcp
from tieline.io.serial_line import MAX_SERIAL_PENDING
from tieline.model import UnavailableError


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


def read_all(master: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(master, count - len(data))
    return data


async def test_more_than_a_serial_line_takes_at_once_leaves_in_order_as_the_line_moves():
    master, slave = pty.openpty()
    tty.setraw(slave)
    channel = await open_line(Heard(), os.ttyname(slave))
    sent = b""
    while channel.pending == 0:
        fragment = random.Random(len(sent)).randbytes(2400)
        channel.send(fragment)
        sent += fragment
    channel.send(b"behind it")
    sent += b"behind it"
    data = b""
    async with asyncio.timeout(10):
        while len(data) < len(sent):
            data += await asyncio.to_thread(os.read, master, 4096)
    assert data == sent
    assert channel.pending == 0
    channel.send(b"and on")
    assert read_all(master, 6) == b"and on"
    channel.close()
    await channel.wait_closed()
    os.close(slave)
    os.close(master)


async def test_a_serial_line_that_does_not_move_is_closed_at_a_bound():
    master, slave = pty.openpty()
    tty.setraw(slave)
    heard = Heard()
    channel = await open_line(heard, os.ttyname(slave))
    most = 0
    for _ in range(200):
        channel.send(bytes(2400))
        most = max(most, channel.pending)
    assert heard.reasons == []  # never from within
    assert MAX_SERIAL_PENDING - 2400 < most <= MAX_SERIAL_PENDING
    await heard.something()
    assert ["does not move" in reason for reason in heard.reasons] == [True]
    assert (channel.is_open, channel.pending) == (False, 0)
    os.close(slave)
    os.close(master)


async def test_a_serial_line_that_hangs_up_while_much_waits_says_so_once():
    master, slave = pty.openpty()
    tty.setraw(slave)
    heard = Heard()
    channel = await open_line(heard, os.ttyname(slave))
    for _ in range(20):
        channel.send(bytes(2400))
    os.close(slave)
    os.close(master)
    channel.send(b"nobody")
    await heard.something()
    await asyncio.sleep(0)
    assert len(heard.reasons) == 1
    assert (channel.is_open, channel.pending) == (False, 0)


async def test_sending_on_a_serial_line_that_hung_up_unnoticed_says_so_once_and_not_from_within():
    master, slave = pty.openpty()
    tty.setraw(slave)
    heard = Heard()
    channel = await open_line(heard, os.ttyname(slave))
    os.close(slave)
    os.close(master)
    channel.send(b"nobody")
    channel.send(b"nobody")
    assert heard.reasons == []
    await heard.something()
    await asyncio.sleep(0)
    assert len(heard.reasons) == 1
    assert not channel.is_open


@pytest.mark.parametrize("path", ["/dev/no-such-line", "/dev/null", "/"])
async def test_what_is_no_serial_line_is_unavailable(path):
    with pytest.raises(UnavailableError, match="cannot open the serial line"):
        await open_line(Heard(), path)
