"""Datagrams on loopback."""

from __future__ import annotations

import pytest

from tests.io.heard import Heard, soon
from tieline.io import open_udp
from tieline.model import UnavailableError


async def test_datagrams_keep_their_boundaries_and_answers_go_to_who_spoke_last():
    ours = Heard()
    listening = await open_udp(ours, local_host="127.0.0.1")
    listening.send(b"to nobody")
    assert (listening.peer, listening.dropped) == (None, 1)
    for _ in range(2):
        theirs = Heard()
        peer = await open_udp(theirs, peer_host="127.0.0.1", peer_port=listening.local_port)
        assert peer.peer == ("127.0.0.1", listening.local_port)
        ours.pieces.clear()
        peer.send(b"one")
        peer.send(b"two")
        await ours.until(lambda: ours.pieces == [b"one", b"two"])
        assert listening.peer == ("127.0.0.1", peer.local_port)
        listening.send(b"back")
        await theirs.until(lambda theirs=theirs: theirs.pieces == [b"back"])
        peer.close()
        await peer.wait_closed()
    assert (listening.pending, listening.dropped) == (0, 1)
    listening.close()
    await listening.wait_closed()
    assert ours.reasons == []


async def test_a_channel_with_a_peer_hears_nobody_else():
    theirs, ours = Heard(), Heard()
    peer = await open_udp(theirs, local_host="127.0.0.1")
    channel = await open_udp(ours, local_host="127.0.0.1", peer_host="127.0.0.1", peer_port=peer.local_port)
    stranger = await open_udp(Heard(), peer_host="127.0.0.1", peer_port=channel.local_port)
    stranger.send(b"from a stranger")
    channel.send(b"ask")
    await theirs.until(lambda: theirs.pieces == [b"ask"])
    peer.send(b"answer")
    await ours.until(lambda: bool(ours.pieces))
    assert ours.pieces == [b"answer"]
    for each in (peer, channel, stranger):
        each.close()
        await each.wait_closed()


async def test_a_peer_that_is_not_there_and_a_datagram_that_is_too_long_are_no_end():
    heard = Heard()
    gone = await open_udp(Heard(), local_host="127.0.0.1")
    channel = await open_udp(heard, peer_host="127.0.0.1", peer_port=gone.local_port)
    gone.close()
    await gone.wait_closed()
    channel.send(b"anybody?")
    await soon(lambda: channel.dropped == 1)
    channel.send(bytes(70_000))
    await soon(lambda: channel.dropped == 2)
    assert (channel.is_open, heard.reasons) == (True, [])
    channel.close()
    channel.close()
    await channel.wait_closed()
    channel.send(b"late")
    assert (channel.is_open, channel.pending, channel.dropped) == (False, 0, 2)


async def test_a_port_that_is_taken_or_a_host_that_is_unknown_is_unavailable():
    taken = await open_udp(Heard(), local_host="127.0.0.1")
    for settings in (
        {"local_host": "127.0.0.1", "local_port": taken.local_port},
        {"local_port": 70_000},
        {"peer_host": "no-such-host.invalid", "peer_port": 20_000},
    ):
        with pytest.raises(UnavailableError, match="cannot open UDP"):
            await open_udp(Heard(), **settings)
    taken.close()
    await taken.wait_closed()
