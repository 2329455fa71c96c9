"""A port on which others connect, with and without TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from tests.io.heard import Doorkeeper, Heard, soon
from tieline.io import listen_tcp, open_tcp
from tieline.io.channel import MAX_PENDING
from tieline.model import UnavailableError
from tieline.security.identity import Authority


@pytest.fixture(scope="module")
def contexts(tmp_path_factory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server and for a client, each with a certificate of one authority."""
    authority = Authority.open(tmp_path_factory.mktemp("tls"))
    return (
        authority.credentials("server", hosts=["localhost"]).server_context(),
        authority.credentials("client").client_context(),
    )


async def test_connections_come_with_their_host_carry_bytes_both_ways_and_end():
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door)
    heard = Heard()
    client = await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    await door.count(1)
    assert (door.hosts, door.receivers[0].starts, listener.connections) == (["127.0.0.1"], 1, 1)
    client.send(b"hello")
    await door.receivers[0].until(lambda: door.receivers[0].data == b"hello")
    door.channels[0].send(b"welcome")
    await heard.until(lambda: heard.data == b"welcome")
    client.close()
    await door.receivers[0].until(lambda: bool(door.receivers[0].reasons))
    assert (listener.connections, listener.refused, door.channels[0].is_open) == (0, 0, False)
    listener.close()
    listener.close()
    await listener.wait_closed()


async def test_who_is_told_that_a_connection_works_may_send_at_once():
    class Greeting(Heard):
        def start(self) -> None:
            door.channels[0].send(b"hello")

    class Greeter(Doorkeeper):
        def __call__(self, channel, host):
            super().__call__(channel, host)
            return Greeting()

    door = Greeter()
    listener = await listen_tcp("127.0.0.1", 0, door)
    heard = Heard()
    client = await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    await heard.until(lambda: heard.data == b"hello")
    client.close()
    listener.close()
    await listener.wait_closed()


async def test_a_connection_that_is_refused_is_closed():
    door = Doorkeeper(refuses=True)
    listener = await listen_tcp("127.0.0.1", 0, door)
    heard = Heard()
    await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    await heard.until(lambda: bool(heard.reasons))
    await soon(lambda: listener.connections == 0)
    assert door.receivers[0].starts == 0
    listener.close()
    await listener.wait_closed()


async def test_a_closed_listener_frees_its_port_and_leaves_connections_to_their_owners():
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door)
    heard = Heard()
    client = await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    await door.count(1)
    listener.close()
    await listener.wait_closed()
    with pytest.raises(UnavailableError, match="connect"):
        await open_tcp("127.0.0.1", listener.port, Heard(), timeout_s=5)
    door.channels[0].send(b"still here")
    await heard.until(lambda: heard.data == b"still here")
    client.close()
    await door.receivers[0].until(lambda: bool(door.receivers[0].reasons))


async def test_a_listener_that_is_closed_before_it_began_frees_its_port():
    listener = await listen_tcp("127.0.0.1", 0, Doorkeeper())
    listener.close()
    await listener.wait_closed()
    again = await listen_tcp("127.0.0.1", listener.port, Doorkeeper())
    again.close()
    await again.wait_closed()


async def test_connections_beyond_the_bound_are_closed_and_room_is_used_again():
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door, max_connections=2)
    clients = [await open_tcp("127.0.0.1", listener.port, Heard(), timeout_s=5) for _ in range(2)]
    await door.count(2)
    too_many = Heard()
    await open_tcp("127.0.0.1", listener.port, too_many, timeout_s=5)
    await too_many.until(lambda: bool(too_many.reasons))
    assert (len(door.channels), listener.connections, listener.refused) == (2, 2, 1)
    clients[0].close()
    await soon(lambda: listener.connections == 1)
    clients.append(await open_tcp("127.0.0.1", listener.port, Heard(), timeout_s=5))
    await door.count(3)
    for channel in (*clients, *door.channels):
        channel.close()
        await channel.wait_closed()
    assert listener.connections == 0
    listener.close()
    await listener.wait_closed()


async def test_a_port_that_is_taken_or_a_host_that_is_not_ours_is_unavailable():
    listener = await listen_tcp("127.0.0.1", 0, Doorkeeper())
    for host, port in (("127.0.0.1", listener.port), ("192.0.2.1", 0), ("no-such-host.invalid", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(UnavailableError, match="cannot listen"):
            await listen_tcp(host, port, Doorkeeper())
    listener.close()
    await listener.wait_closed()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
async def test_a_port_on_ipv6_is_a_port():
    try:
        listener = await listen_tcp("::1", 0, door := Doorkeeper())
    except UnavailableError:
        pytest.skip("no IPv6 loopback")
    client = await open_tcp("::1", listener.port, Heard(), timeout_s=5)
    await door.count(1)
    assert door.hosts == ["::1"]
    for each in (client, door.channels[0]):
        each.close()
        await each.wait_closed()
    listener.close()
    await listener.wait_closed()


# TLS ---------------------------------------------------------------------------------------------------------------------------


async def test_tls_on_both_sides_carries_bytes(contexts):
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door, tls=contexts[0])
    heard = Heard()
    client = await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5, tls=contexts[1], server_name="localhost")
    await door.count(1)
    client.send(b"x" * 100_000)
    await door.receivers[0].until(lambda: len(door.receivers[0].data) == 100_000)
    door.channels[0].send(b"back")
    await heard.until(lambda: heard.data == b"back")
    client.close()
    await door.receivers[0].until(lambda: bool(door.receivers[0].reasons))
    assert listener.connections == 0
    listener.close()
    await listener.wait_closed()


async def test_clients_that_are_silent_during_the_handshake_are_closed_in_time_and_count_among_the_connections(contexts):
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door, tls=contexts[0], max_connections=2, handshake_timeout_s=0.05)
    silent = [Heard() for _ in range(2)]
    for heard in silent:
        await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    for heard in silent:
        await heard.until(lambda heard=heard: bool(heard.reasons))
    await soon(lambda: listener.connections == 0)
    assert (door.channels, listener.refused) == ([], 2)
    listener.close()
    await listener.wait_closed()


async def test_a_handshake_that_is_under_way_when_the_listener_closes_is_ended(contexts):
    listener = await listen_tcp("127.0.0.1", 0, Doorkeeper(), tls=contexts[0])
    heard = Heard()
    await open_tcp("127.0.0.1", listener.port, heard, timeout_s=5)
    await soon(lambda: listener.connections == 1)
    listener.close()
    await listener.wait_closed()
    await heard.until(lambda: bool(heard.reasons))
    assert listener.connections == 0


async def test_a_client_that_speaks_no_tls_or_shows_no_certificate_is_refused(contexts):
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door, tls=contexts[0])
    plain = Heard()
    (await open_tcp("127.0.0.1", listener.port, plain, timeout_s=5)).send(b"\x05\x64\x05\xc9" * 100)
    await plain.until(lambda: bool(plain.reasons))
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname = False
    nobody.verify_mode = ssl.CERT_NONE
    anonymous = Heard()
    await open_tcp("127.0.0.1", listener.port, anonymous, timeout_s=5, tls=nobody)  # in TLS 1.3 the client hears of it later
    await anonymous.until(lambda: bool(anonymous.reasons))
    await soon(lambda: listener.refused == 2)
    assert (door.channels, listener.connections) == ([], 0)
    listener.close()
    await listener.wait_closed()


# A peer that does not read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_tls", [False, True])
async def test_what_a_peer_does_not_read_is_pending_and_ends_the_channel_at_a_bound(contexts, is_tls):
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door, tls=contexts[0] if is_tls else None)
    if is_tls:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=contexts[1], server_hostname="localhost")
    else:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.transport.pause_reading()
    await door.count(1)
    channel, heard = door.channels[0], door.receivers[0]
    assert channel.pending == 0
    most = 0
    for _ in range(400):
        channel.send(bytes(65_536))
        assert not heard.reasons  # never from within
        most = max(most, channel.pending)
        await asyncio.sleep(0)
        if heard.reasons:
            break
    assert len(heard.reasons) == 1
    assert "does not read" in heard.reasons[0]
    assert MAX_PENDING - 200_000 < most <= MAX_PENDING + 200_000  # TLS puts its own octets around each record
    assert (channel.pending, channel.is_open) == (0, False)
    channel.send(b"nobody")
    writer.close()
    listener.close()
    await listener.wait_closed()


async def test_what_was_pending_leaves_when_the_peer_reads():
    door = Doorkeeper()
    listener = await listen_tcp("127.0.0.1", 0, door)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.transport.pause_reading()
    await door.count(1)
    channel = door.channels[0]
    sent = 0
    while channel.pending < 300_000:
        channel.send(bytes(65_536))
        sent += 65_536
        await asyncio.sleep(0)
    writer.transport.resume_reading()
    await reader.readexactly(sent)
    assert channel.pending == 0
    channel.close()
    await channel.wait_closed()
    writer.close()
    listener.close()
    await listener.wait_closed()
