"""Lines on channels: who is behind a connection, what goes wrong with it, and peers that mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from tieline.edge.dnp3 import Station, StationChannels
from tieline.edge.dnp3.line_runner import MOST_PENDING, STALLED_S, LineRunner
from tieline.edge.dnp3.listening import MOST_STRANGERS, ListeningChannel, normal_address
from tieline.io import SystemClock
from tieline.model import LocalError, Now, Quality
from tieline.protocols.dnp3.frame import PrimaryFunction, encode_frame, primary_control
from tieline.protocols.dnp3.line import Line, Outgoing
from tieline.protocols.dnp3.link import LinkStation
from tieline.protocols.dnp3.measurements import PointType

from .field import SkippingClock
from .outstations import Asking, Rtu, connection, free_port, listed, make_device, running, serving

VALUES = {PointType.ANALOG_INPUT: 1}
STATUS = primary_control(PrimaryFunction.REQUEST_LINK_STATUS, is_from_master=True)


@contextlib.asynccontextmanager
async def dialing(port: int, host: str = "127.0.0.1") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the other side closes."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


# Listening


async def test_a_second_connection_of_a_master_takes_over_and_the_first_is_closed():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), VALUES, unsolicited_allowed=False)
    async with serving(rtu), dialing(port) as (first, to_first):
        to_first.write(encode_frame(STATUS, 10, 1))
        assert len(await first.readexactly(10)) == 10
        async with dialing(port) as (second, to_second):
            to_second.write(encode_frame(STATUS, 10, 1))
            assert len(await second.readexactly(10)) == 10
            assert await ended(first) == b""
            to_second.write(encode_frame(STATUS, 10, 1))
            assert len(await second.readexactly(10)) == 10


async def test_an_older_connection_takes_no_station_back_from_a_newer_one():
    port = free_port()
    place = connection("tcp_server", port=port)
    channel = StationChannels(clock=SystemClock(), random=lambda: 0.0).of(place)
    rtus = [Rtu(place, VALUES, address=address, channel=channel, unsolicited_allowed=False) for address in (10, 11)]
    async with serving(*rtus), dialing(port) as (first, to_first), dialing(port) as (second, to_second):
        for address in (10, 11):
            to_first.write(encode_frame(STATUS, address, 1))
            await first.readexactly(10)
        to_second.write(encode_frame(STATUS, 10, 1))
        await second.readexactly(10)
        to_first.write(encode_frame(STATUS, 10, 1) + encode_frame(STATUS, 11, 1))
        assert int.from_bytes((await first.readexactly(10))[6:8], "little") == 11
        to_second.write(encode_frame(STATUS, 10, 1))
        assert int.from_bytes((await second.readexactly(10))[6:8], "little") == 10


async def test_a_connection_that_says_nothing_to_the_point_is_closed_and_a_useful_one_is_not():
    port = free_port()
    place = connection("tcp_server", port=port)
    channel = ListeningChannel(place, name="test", clock=SystemClock(), tls=None, random=lambda: 0.0, identify_s=0.2)
    rtu = Rtu(place, VALUES, channel=channel)
    async with serving(rtu), dialing(port) as (good, to_good), dialing(port) as (bad, to_bad):
        to_good.write(encode_frame(STATUS, 10, 1))
        await good.readexactly(10)
        to_bad.write(encode_frame(STATUS, 99, 1) + encode_frame(STATUS, 10, 77) + b"\x05\x64\x05")
        assert await ended(bad) == b""
        to_good.write(encode_frame(STATUS, 10, 1))
        await good.readexactly(10)


async def test_of_too_many_strangers_the_oldest_goes():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), VALUES)
    async with serving(rtu), contextlib.AsyncExitStack() as stack:
        readers = [(await stack.enter_async_context(dialing(port)))[0] for _ in range(MOST_STRANGERS + 1)]
        assert await ended(readers[0]) == b""
        reader, writer = await stack.enter_async_context(dialing(port))
        writer.write(encode_frame(STATUS, 10, 1))
        assert len(await reader.readexactly(10)) == 10
        assert isinstance(rtu.channel, ListeningChannel)
        assert len(rtu.channel.connections) <= MOST_STRANGERS + 1


async def test_only_hosts_that_are_named_may_connect():
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port, peer_hosts=("127.0.0.2", "localhost.invalid")), VALUES)
    async with serving(rtu), dialing(port) as (refused, _), dialing(port, "127.0.0.2") as (reader, writer):
        assert await ended(refused) == b""
        writer.write(encode_frame(STATUS, 10, 1))
        assert len(await reader.readexactly(10)) == 10


async def test_two_outstations_with_the_same_addresses_are_told_apart_by_where_they_dial_from():
    port = free_port()
    places = [connection("tcp_server", port=port, peer_hosts=(host,)) for host in ("127.0.0.1", "127.0.0.2")]
    devices = [make_device(listed(30), place, name=f"rtu-{n}") for n, place in enumerate(places)]
    rtu = Rtu(connection(port=port), VALUES)
    async with running(*devices) as field, serving(rtu):
        await field.until(lambda: field.quality("p0", 0) == Quality.GOOD)
        assert field.drivers[0].health.is_up
        assert not field.drivers[1].health.is_up


async def test_a_station_is_on_a_channel_once():
    rtu = Rtu(connection("tcp_server", port=free_port()), VALUES)
    async with serving(rtu):
        twin = Rtu(rtu.place, VALUES, channel=rtu.channel)
        with pytest.raises(LocalError, match="already"):
            await twin.channel.run(twin.station)
    dialed = Asking(connection(port=free_port()))
    task = asyncio.create_task(dialed.channel.run(dialed.station))
    await asyncio.sleep(0)
    with pytest.raises(LocalError, match="already"):
        await dialed.channel.run(dialed.station)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_channel_goes_on_when_the_station_that_drove_it_ends():
    port = free_port()
    place = connection("tcp_server", port=port)
    channel = StationChannels(clock=SystemClock(), random=lambda: 0.0).of(place)
    first, second = (Rtu(place, VALUES, address=address, channel=channel) for address in (10, 11))
    async with serving(first, second):
        await first.kill()
        async with running(make_device(listed(30), connection(port=port), outstation=11)) as field:
            await field.until(lambda: field.quality("p0") == Quality.GOOD)


@pytest.mark.parametrize("seed", range(4))
async def test_a_master_is_served_while_others_flood_the_listener(seed):
    rng = random.Random(seed)
    port = free_port()
    rtu = Rtu(connection("tcp_server", port=port), VALUES)
    frames = encode_frame(STATUS, 10, 2) + encode_frame(STATUS, 9, 1) + b"\x05\x64\xff"

    async def flood() -> None:
        async with dialing(port) as (_, writer):
            with contextlib.suppress(ConnectionError):
                for _ in range(200):
                    writer.write(rng.randbytes(rng.randrange(1, 2000)) + frames)
                    await writer.drain()

    async with serving(rtu), asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(flood())
        async with running(make_device(listed(30), connection(port=port, timeout_s=5))) as field:
            await field.until(lambda: field.quality("p0") == Quality.GOOD)
            rtu.update(PointType.ANALOG_INPUT, 0, 8.0)
            await field.until(lambda: field.value("p0") == 8.0)
            assert "device_lost" not in field.kinds()


def test_addresses_are_compared_in_one_form():
    assert normal_address("::ffff:10.1.2.3") == "10.1.2.3"
    assert normal_address("fe80::1%eth0") == "fe80::1"
    assert normal_address("2001:DB8:0::1") == "2001:db8::1"
    assert normal_address("rtu.example") == "rtu.example"


# One line


class Talker:
    """A session that says what it is given, and may fail; its own owner."""

    def __init__(self) -> None:
        self.is_busy = False
        self.to_say: list[bytes] = []
        self.heard: list[bytes] = []
        self.reasons: list[str | None] = []
        self.fails = False
        self.deadline: float | None = None
        self.ticks = 0

    def link_up(self, now: Now) -> None:
        pass

    def link_down(self, now: Now) -> None:
        pass

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        self.heard.append(fragment)

    def tick(self, now: Now) -> None:
        self.ticks += 1

    def next_deadline(self) -> float | None:
        return self.deadline

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        said, self.to_say = self.to_say, []
        return [Outgoing(fragment) for fragment in said]

    def on_activity(self, now: Now) -> None:
        if self.fails:
            raise ValueError("a mistake of ours")

    def on_channel(self, reason: str | None) -> None:
        self.reasons.append(reason)


class Wire:
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.is_open = True
        self.pending = 0
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.is_open = False

    async def wait_closed(self) -> None:
        return


def make_runner(clock: SystemClock | None = None) -> tuple[LineRunner, Talker, list[str]]:
    talker, ends = Talker(), list[str]()
    runner = LineRunner(Line(), name="test", clock=clock or SystemClock(), is_stream=True, on_end=ends.append)
    runner.add(Station(LinkStation(1, 10, is_master=True), talker, talker))
    return runner, talker, ends


async def test_nothing_is_sent_to_a_peer_that_does_not_read_and_all_when_it_does():
    runner, talker, ends = make_runner()
    wire = Wire()
    runner.attach(wire)
    wire.pending = MOST_PENDING + 1
    for _ in range(1000):
        talker.to_say.append(bytes(200))
        runner.wake()
    assert wire.sent == []
    wire.pending = 0
    async with asyncio.timeout(5):
        while sum(map(len, wire.sent)) < 200_000:
            await asyncio.sleep(0.001)
    assert ends == []
    runner.stop()


async def test_a_peer_that_does_not_read_at_all_is_given_up_and_a_slow_one_is_not():
    clock = SkippingClock()
    runner, talker, ends = make_runner(clock)
    wire = Wire()
    runner.attach(wire)
    wire.pending = MOST_PENDING + 1000
    for _ in range(10):
        wire.pending -= 1
        runner.wake()
        clock.skipped_s += STALLED_S - 1
    assert ends == []
    clock.skipped_s += 2
    runner.wake()
    assert ends == ["the peer does not read what is sent to it"]
    assert not wire.is_open
    assert talker.reasons == [None, "the peer does not read what is sent to it"]


async def test_a_mistake_of_ours_costs_the_channel_and_nothing_else():
    runner, talker, ends = make_runner()
    wire = Wire()
    runner.attach(wire)
    talker.fails = True
    runner.received(b"\x05\x64")
    assert not wire.is_open
    assert len(ends) == 1
    assert "a mistake of ours" in ends[0]
    talker.fails = False
    runner.attach(again := Wire())
    talker.to_say.append(b"hello")
    runner.wake()
    assert len(again.sent) == 1
    runner.stop()


async def test_what_comes_while_a_channel_is_being_opened_is_kept():
    runner, talker, ends = make_runner()
    frame = encode_frame(
        primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=False), 1, 10, b"\xc0" + b"fragment"
    )
    runner.expect()
    runner.received(frame)
    runner.attach(Wire())
    assert talker.heard == [b"fragment"]
    runner.detach("over")
    runner.received(frame)
    assert talker.heard == [b"fragment"]
    runner.expect()
    runner.closed("gone before it was there")
    runner.attach(Wire())
    assert ends == ["gone before it was there"]
    runner.stop()


async def test_a_deadline_that_never_passes_does_not_keep_the_processor():
    runner, talker, _ = make_runner()
    talker.deadline = 0.0
    runner.attach(Wire())
    for _ in range(2000):
        await asyncio.sleep(0)
    assert talker.ticks < 500
    runner.stop()


async def test_an_owner_may_end_the_channel_from_within():
    runner, talker, ends = make_runner()
    wire = Wire()
    runner.attach(wire)
    talker.on_activity = lambda now: runner.closed("enough")  # type: ignore[method-assign]
    runner.received(b"\0")
    assert ends == ["enough"]
    assert not wire.is_open
    runner.stop()
