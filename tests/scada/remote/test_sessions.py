"""Sessions on a real bus: everything passes and is recorded, whoever ends it, and whatever fails ends it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scada.remote.rig import VENDOR, Rig, eventually, running, until
from tests.security.remote.world import BOTH, OPERATOR, SECURITY
from tieline.bus import remote
from tieline.config.remote import RemoteSection
from tieline.model import RefusedError
from tieline.security.remote.flow import WINDOW
from tieline.security.remote.frames import HELLO, Kind, pack
from tieline.security.remote.recording import Reader

pytestmark = pytest.mark.system


def passed(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        packets = list(Reader(file))
    up, down = (b"".join(each.content for each in packets if each.way == way) for way in ("up", "down"))
    return up, down


async def test_everything_passes_is_recorded_and_ends_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        line = await rig.session()
        sent = os.urandom(3 * WINDOW + 5)
        line.send(sent)
        assert await line.data(len(sent)) == sent
        line.writer.write(pack(Kind.END))
        assert await line.farewell() == "both sides have closed the connection"
        record = await rig.closed(line.name)
        path = rig.recording(line.name)
        assert passed(path) == (sent, sent)
        assert record.detail["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (record.detail["up_bytes"], record.detail["down_bytes"]) == (len(sent), len(sent))
        assert path.stat().st_mode & 0o777 == 0o600
        assert [event.kind for event in rig.events] == ["remote_opened", "remote_closed"]
        await several_at_once_do_not_mix(rig)
        await who_does_not_read_is_waited_for(rig)
        await a_cut_ends_both_ends_and_the_way_back(rig)
        await a_person_who_goes_is_let_go_of_at_the_device(rig)
        await a_person_whose_account_is_changed_is_cut(rig)
        await nothing_is_permitted_without_the_center(rig)


async def several_at_once_do_not_mix(rig: Rig) -> None:
    grant = await rig.granted()
    lines = [await rig.session(grant) for _ in range(4)]
    contents = [bytes([number]) * 50_000 for number in range(4)]
    for line, content in zip(lines, contents, strict=True):
        line.send(content)
    for line, content in zip(lines, contents, strict=True):
        assert await line.data(len(content)) == content
        line.close()
    for line, content in zip(lines, contents, strict=True):
        await rig.closed(line.name)
        assert passed(rig.recording(line.name))[0] == content


async def who_does_not_read_is_waited_for(rig: Rig) -> None:
    """A device that does not read holds the person up: no more than the windows and the sockets' buffers is ever under way."""
    line = await rig.session()
    rig.device.reads.clear()
    rig.device.received = b""
    sent = os.urandom(30_000_000)
    line.send(sent)
    sizes = [0, -1]
    while sizes[-1] != sizes[-2]:
        await asyncio.sleep(0.5)
        sizes.append(rig.recording(line.name).stat().st_size)
    assert sizes[-1] < 12_000_000
    assert len(rig.device.received) <= 65_536, "no more than it was about to read"
    rig.device.reads.set()
    assert sent.startswith(await line.data(2_000_000))
    line.close()
    await rig.closed(line.name)


async def a_cut_ends_both_ends_and_the_way_back(rig: Rig) -> None:
    grant = await rig.granted()
    line, waiting = await rig.session(grant), await rig.ticket(grant)
    begun = time.monotonic()
    await rig.cut(line.name)
    assert await line.farewell() == "cut by ada: enough"
    await until(rig.device.closed.is_set)
    assert time.monotonic() - begun < 2
    assert (await rig.closed(line.name)).detail["reason"] == "cut by ada: enough"
    (cut,) = [record for record in rig.records("remote_cut") if record.detail["id"] == grant]
    assert cut.sequence < (await rig.closed(line.name)).sequence
    again = await rig.connect(waiting)
    assert "the ticket is not good" in await again.farewell()
    with pytest.raises(RefusedError, match="the grant has ended: cut by ada: enough"):
        await rig.ticket(grant)


async def a_person_who_goes_is_let_go_of_at_the_device(rig: Rig) -> None:
    line = await rig.session()
    rig.device.closed.clear()
    line.close()
    assert (await rig.closed(line.name)).detail["reason"] == "the person's connection has ended"
    await until(rig.device.closed.is_set)


async def a_person_whose_account_is_changed_is_cut(rig: Rig) -> None:
    line = await rig.session()
    with pytest.raises(RefusedError, match="may not end the remote access of ines"):
        await rig.service.answer(remote.CutPerson(who=OPERATOR, person="ines"))
    await rig.service.answer(remote.CutPerson(who=SECURITY, person="ines"))
    assert await line.farewell() == "the account of ines was changed by rosalind"


async def nothing_is_permitted_without_the_center(rig: Rig) -> None:
    """The role is gone without a word: both ends close by themselves."""
    line = await rig.session()
    begun = time.monotonic()
    rig.tasks["center"].cancel()
    assert await line.farewell()
    await until(rig.device.closed.is_set)
    assert time.monotonic() - begun < 3


async def test_a_session_ends_with_its_grant_and_when_nothing_passes(tmp_path: Path) -> None:
    async with running(tmp_path, RemoteSection(free_mb=16, idle_minutes=1 / 60)) as rig:
        line = await rig.session(await rig.granted(minutes=10))
        assert await line.farewell() == "nothing has passed for too long"
        line = await rig.session(await rig.granted(minutes=1 / 60))
        for _ in range(10):
            line.send(b"x")
            await asyncio.sleep(0.1)
        assert "time is over" in await line.farewell()
        await until(rig.device.closed.is_set)


async def test_nothing_passes_that_cannot_be_recorded(tmp_path: Path) -> None:
    """A recording that has reached its size ends the session; what has passed is in it."""
    async with running(tmp_path, RemoteSection(free_mb=16, most_session_mb=1)) as rig:
        line = await rig.session()
        rig.device.received = b""
        sent = os.urandom(2_000_000)
        line.send(sent)
        assert "the recording has reached 1 MB" in await line.farewell()
        record = await rig.closed(line.name)
        await until(rig.device.closed.is_set)
        up, down = passed(rig.recording(line.name))
        assert sent.startswith(up)
        assert up.startswith(rig.device.received)
        assert (len(up), len(down)) == (record.detail["up_bytes"], record.detail["down_bytes"])


async def test_strangers_at_the_door_are_turned_away_and_cost_little(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        opened = rig.device.connections
        ticket = await rig.ticket(await rig.granted())
        for hello in (
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            HELLO,
            HELLO + pack(Kind.DATA, b"x"),
            HELLO + bytes((1,)) + (65_535).to_bytes(2, "big"),
            HELLO + pack(Kind.TICKET, ticket[:-1]),
            HELLO + bytes(range(256)) * 100,
        ):
            stranger = await rig.dial(hello)
            if hello in {b"", HELLO}:
                begun = time.monotonic()
                assert await stranger.farewell() == ""
                assert time.monotonic() - begun < 8, "who says nothing is not waited for"
            else:
                assert await stranger.farewell() == ""
            stranger.close()
        guessed = await rig.connect(bytes(32))
        assert "the ticket is not good" in await guessed.farewell()
        assert rig.device.connections == opened
        line = await rig.connect(ticket)
        assert (await line.read())[0] is Kind.OPENED
        replayed = await rig.connect(ticket)
        assert "the ticket is not good" in await replayed.farewell()
        line.send(b"still here")
        assert await line.data(10) == b"still here"
        with suppress(OSError):
            for _ in range(10):
                await (await rig.connect(os.urandom(32))).farewell()
        with pytest.raises((OSError, asyncio.IncompleteReadError)):  # an address that guesses has to wait
            await (await rig.connect(os.urandom(32))).read()
        refused = [record for record in rig.records("remote_open") if record.outcome == "refused"]
        assert refused
        assert {record.actor for record in refused} == {"unverified"}
        line.send(b"and still")
        assert await line.data(9) == b"and still"


async def test_many_who_say_nothing_do_not_keep_others_out(tmp_path: Path) -> None:
    """Connections without a ticket are few of one address; those that are open go on, and in some seconds there is room again."""
    async with running(tmp_path) as rig:
        line = await rig.session()
        ticket = await rig.ticket(await rig.granted())
        silent = [await asyncio.open_connection("127.0.0.1", rig.door) for _ in range(40)]
        line.send(b"here")
        assert await line.data(4) == b"here"
        assert rig.tasks["dmz"].done() is False
        for _, writer in silent:
            writer.transport.abort()

        async def is_let_in() -> bool:
            try:
                return (await (await rig.connect(ticket)).read())[0] is Kind.OPENED
            except (OSError, asyncio.IncompleteReadError):
                return False

        await eventually(is_let_in)


async def test_a_site_does_not_open_for_others_and_an_outage_of_the_device_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        grant = await rig.granted()
        for who, words in ((BOTH, "the grant is ines's"), (OPERATOR, "the grant is ines's")):
            with pytest.raises(RefusedError, match=words):
                await rig.service.answer(remote.AskTicket(who=who, grant=grant))
        state = await rig.service.answer(remote.ReadRemote(who=VENDOR))
        assert [seen.may_use for seen in state.grants if seen.grant.id == grant] == [True]
        rig.tasks["site"].cancel()
        line = await rig.connect(await rig.ticket(grant))
        assert "north cannot be reached" in await line.farewell()
