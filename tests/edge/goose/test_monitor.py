"""The monitor: frames in, samples and events out; on a made-up interface, and on a veth pair with a publisher at its other end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.io.namespaces import FAR, NEAR, Namespace, veth_pair
from tests.protocols.goose.frames import ADDRESS, GOCB_REF, T0_US, octets
from tieline.edge.goose import GooseBlock, GooseMonitor, GoosePoint
from tieline.io import SystemClock
from tieline.io.packet import PacketSocket, PacketStatistics, open_packet
from tieline.model import Event, LocalError, Now, PointId, Quality, Samples, Severity, UnavailableError
from tieline.protocols.goose import ETHERTYPE_GOOSE, Boolean, Expected, Integer, LeafType, Publisher, PublisherSettings, UtcTime

EXPECTED = Expected(gocb_ref=GOCB_REF, conf_rev=3, entries=(LeafType.BOOLEAN, LeafType.INTEGER))
POINTS = (GoosePoint(point=PointId(11), value=(0,)), GoosePoint(point=PointId(12), value=(1,)))
BLOCK = GooseBlock(expected=EXPECTED, device="q01", points=POINTS)
OLD = Quality.INVALID | Quality.OLD_DATA


class StillClock:
    def __init__(self) -> None:
        self.seconds = 100.0
        self.step_us = 0

    def monotonic(self) -> float:
        return self.seconds

    def now_us(self) -> int:
        return T0_US + round((self.seconds - 100.0) * 1e6) + self.step_us


class FakeInterface:
    """Frames that a test puts there; readable as a socket is."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self.frames: list[bytes] = []
        self.dropped = 0
        self.reads = 0
        self.error = ""
        self.is_closed = False

    def put(self, *frames: bytes) -> None:
        self.frames += frames
        self._far.send(b"!")

    def fileno(self) -> int:
        return self._near.fileno()

    def receive(self) -> list[bytes]:
        if self.error:
            raise UnavailableError(self.error)
        try:
            self._near.recv(1_000)
        except BlockingIOError:
            return []
        self.reads += 1
        frames, self.frames = self.frames, []
        return frames

    def send(self, frame: bytes) -> None:
        raise AssertionError("the monitor listens only")

    @property
    def statistics(self) -> PacketStatistics:
        return PacketStatistics(received=0, dropped=self.dropped)

    def close(self) -> None:
        self.is_closed = True
        self._near.close()
        self._far.close()


class Rig:
    """A monitor at work, and what it said."""

    def __init__(
        self, *, clock: StillClock | None = None, opened: Callable[[str, Iterable[int]], PacketSocket] | None = None
    ) -> None:
        self.clock = clock or StillClock()
        self.interfaces: list[FakeInterface] = []
        self.refusals: list[str] = []
        self.samples: list[Samples] = []
        self.events: list[Event] = []
        self.monitor = GooseMonitor(
            "northgate",
            NEAR,
            [BLOCK],
            on_samples=self.samples.append,
            on_event=self.events.append,
            clock=self.clock if opened is None else SystemClock(),
            open_interface=opened or self._open,
            random=lambda: 0.0,
        )

    def _open(self, name: str, ethertypes: Iterable[int]) -> FakeInterface:
        assert (name, list(ethertypes)) == (NEAR, [ETHERTYPE_GOOSE])
        if self.refusals:
            raise UnavailableError(self.refusals.pop(0))
        self.interfaces.append(FakeInterface())
        return self.interfaces[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Rig]:
        task = asyncio.create_task(self.monitor.run(), name="goose monitor")
        try:
            await self.until(lambda: self.monitor.health.is_up)
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not holds():
                await asyncio.sleep(0)

    async def hear(self, *frames: bytes, after: float = 0.0) -> None:
        """Frames at a later time; back when they were taken."""
        self.clock.seconds += after
        interface = self.interfaces[-1]
        reads = interface.reads
        interface.put(*frames)
        await self.until(lambda: interface.reads > reads)

    def taken(self) -> list[tuple[int, int, float, int]]:
        samples = Samples.concatenate(self.samples)
        self.samples.clear()
        time = samples.time - T0_US
        return list(zip(samples.point.tolist(), time.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True))

    def kinds(self) -> list[str]:
        kinds = [event.kind for event in self.events]
        self.events.clear()
        return kinds


def frame(st_num: int, sq_num: int, value: int = 0, *, t: float = 0.0, **changes: object) -> bytes:
    return octets(Boolean(True), Integer(value, 4), st_num=st_num, sq_num=sq_num, t=UtcTime.of(T0_US + int(t * 1e6)), **changes)  # type: ignore[arg-type]


async def test_values_become_samples_and_findings_become_events() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(5, 0))
        assert rig.taken() == [(11, 0, 1.0, 0), (12, 0, 0.0, 0)]
        await rig.hear(frame(5, 1), frame(5, 4), frame(6, 0, 9, t=0.5), after=1.0)
        assert rig.taken() == [(12, 500_000, 9.0, Quality.DEVICE_TIME)]
        (event,) = rig.events
        assert (event.site, event.device, event.kind, event.severity) == ("northgate", "q01", "goose_loss", Severity.WARNING)
        assert event.text == f"GOOSE {GOCB_REF}: 2 messages are missing between stNum 5, sqNum 1 and stNum 5, sqNum 4"
        health = rig.monitor.health
        assert (health.frames, health.malformed, health.unknown, health.dropped) == (4, 0, 0, 0)
        assert health.streams[0].st_num == 6


async def test_a_publisher_that_falls_silent_leaves_its_points_old() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(5, 0))
        rig.taken()
        await rig.hear(after=2.5)
        assert rig.taken() == [(11, 2_500_000, 1.0, OLD), (12, 2_500_000, 0.0, OLD)]
        assert rig.kinds() == ["goose_expired"]
        await rig.hear(frame(5, 1), after=1.0)
        assert rig.taken() == [(11, 3_500_000, 1.0, 0), (12, 3_500_000, 0.0, 0)]
        (event,) = rig.events
        assert (event.kind, event.severity) == ("goose_expired", Severity.INFO)
        assert event.text.startswith(f"GOOSE {GOCB_REF}: no longer: no further message")


async def test_what_came_before_a_silence_in_one_step_is_taken_before_it() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(5, 0))
        rig.taken()
        await rig.hear(frame(6, 0, 9, t=0.1, time_allowed_to_live_ms=0), after=0.2)
        await rig.hear(after=0.1)
        assert [(point, value, quality) for point, _, value, quality in rig.taken()] == [
            (12, 9.0, Quality.DEVICE_TIME),
            (11, 1.0, OLD),
            (12, 9.0, OLD),
        ]


async def test_living_values_are_repeated_for_the_live_picture() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(5, 0, time_allowed_to_live_ms=60_000))
        rig.taken()
        await rig.hear(after=10.0)
        assert rig.taken() == [(11, 9_000_000, 1.0, 0), (12, 9_000_000, 0.0, 0)]
        await rig.hear(after=5.0)
        assert rig.taken() == []


async def test_a_step_of_the_gateways_clock_is_followed() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(5, 0))
        rig.taken()
        rig.clock.step_us = -3_600_000_000
        await rig.hear(after=2.5)
        assert [time for _, time, _, _ in rig.taken()] == [-3_597_500_000] * 2


async def test_strangers_and_nonsense_are_events_of_the_interface() -> None:
    async with Rig().running() as rig:
        await rig.hear(frame(1, 0, gocb_ref="X/LLN0$GO$g"), b"nonsense", frame(1, 0))
        assert [(event.kind, event.device) for event in rig.events] == [("goose_unknown_publisher", ""), ("goose_malformed", "")]
        assert rig.events[0].text.startswith("GOOSE on near0: X/LLN0$GO$g from 02:00:00:00:00:11")
        assert len(rig.taken()) == 2


async def test_dropped_frames_are_told_now_and_then() -> None:
    async with Rig().running() as rig:
        rig.interfaces[0].dropped = 5
        await rig.hear(frame(5, 0, time_allowed_to_live_ms=600_000), after=1.0)
        assert rig.kinds() == ["goose_frames_dropped"]
        rig.interfaces[0].dropped = 7
        await rig.hear(after=30.0)
        assert rig.kinds() == []
        await rig.hear(after=31.0)
        assert [event.text for event in rig.events] == ["2 frames on near0 were dropped: more came than could be taken"]
        assert rig.monitor.health.dropped == 7


async def test_an_interface_that_goes_is_opened_again() -> None:
    rig = Rig()
    async with rig.running():
        await rig.hear(frame(5, 0))
        rig.interfaces[0].dropped = 3
        rig.interfaces[0].error = "the interface near0 cannot be read: Network is down"
        rig.refusals = ["the interface near0 is still away"]
        rig.interfaces[0].put()
        await rig.until(lambda: rig.interfaces[0].is_closed)
        assert not rig.monitor.health.is_up
        rig.taken()
        rig.clock.seconds += 5
        await rig.until(lambda: not rig.refusals)
        assert {quality for *_, quality in rig.taken()} == {OLD}
        rig.clock.seconds += 5
        await rig.until(lambda: len(rig.interfaces) == 2)
        await rig.until(lambda: rig.monitor.health.is_up)
        assert rig.kinds() == ["goose_interface_lost", "goose_expired", "goose_frames_dropped", "goose_interface_restored"]
        await rig.hear(frame(5, 9))
        assert rig.taken()[-1][3] == 0
        assert rig.monitor.health.dropped == 3


def test_two_blocks_cannot_have_one_name() -> None:
    with pytest.raises(LocalError, match="two control blocks"):
        GooseMonitor("s", "i", [BLOCK, BLOCK], on_samples=lambda _: None, on_event=lambda _: None, clock=StillClock())


# On a network of two interfaces


@pytest.fixture
def network() -> Iterator[Namespace]:
    with veth_pair() as namespace:
        yield namespace


@asynccontextmanager
async def listening(network: Namespace) -> AsyncIterator[tuple[Rig, PacketSocket, Publisher]]:
    """A monitor at one end of the pair, and at the other a socket to send through, with a publisher."""

    def opened(name: str, ethertypes: Iterable[int]) -> PacketSocket:
        return network.call(lambda: open_packet(name, ethertypes))

    rig = Rig(opened=opened)
    far = opened(FAR, [ETHERTYPE_GOOSE])
    settings = PublisherSettings(address=ADDRESS, gocb_ref=GOCB_REF, dat_set="ds", conf_rev=3, shortest_live_ms=5_000)
    publisher = Publisher(settings, [Boolean(False), Integer(0, 4)])
    with far:
        async with rig.running():
            yield rig, far, publisher


def now() -> Now:
    clock = SystemClock()
    return Now(clock.monotonic(), clock.now_us())


def repetition(publisher: Publisher) -> bytes:
    """The next one, without waiting for it."""
    deadline = publisher.next_deadline()
    assert deadline is not None
    frame = publisher.tick(Now(deadline, now().utc_us))
    assert frame is not None
    return frame


async def test_a_publisher_is_heard_and_what_goes_missing_or_comes_again_is_found(network: Namespace) -> None:
    async with listening(network) as (rig, far, publisher):
        first = publisher.first(now())
        far.send(first)
        for _ in range(5):
            far.send(repetition(publisher))
        await rig.until(lambda: rig.monitor.health.frames == 6)
        changed = publisher.publish([Boolean(True), Integer(7, 4)], now())
        far.send(changed)
        await rig.until(lambda: rig.monitor.health.frames == 7)
        assert [(point, value) for point, _, value, _ in rig.taken()] == [(11, 0.0), (12, 0.0), (11, 1.0), (12, 7.0)]
        assert rig.kinds() == []
        for _ in range(3):
            repetition(publisher)  # lost on the way
        far.send(repetition(publisher))
        far.send(first)
        far.send(changed)
        await rig.until(lambda: rig.monitor.health.frames == 10)
        await rig.until(lambda: len(rig.events) >= 3)
        assert rig.kinds() == ["goose_loss", "goose_replay", "goose_replay"]
        assert rig.taken() == []
        stream = rig.monitor.health.streams[0]
        assert (stream.lost, stream.replayed, stream.st_num, stream.sq_num) == (3, 2, 2, 4)


async def test_a_flood_is_caught_to_the_last_frame_and_called_a_storm(network: Namespace) -> None:
    async with listening(network) as (rig, far, publisher):
        far.send(publisher.first(now()))
        flood = [repetition(publisher) for _ in range(9_998)] + [publisher.publish([Boolean(True), Integer(9, 4)], now())]
        for each in flood:
            far.send(each)
        await rig.until(lambda: rig.monitor.health.frames == 10_000)
        stream = rig.monitor.health.streams[0]
        assert (stream.lost, stream.frames, stream.st_num) == (0, 10_000, 2)
        assert rig.monitor.health.dropped == 0
        assert rig.taken()[-1][2] == 9.0
        assert "goose_storm" in rig.kinds()


async def test_an_interface_that_goes_down_and_comes_back_is_heard_again(network: Namespace) -> None:
    async with listening(network) as (rig, far, publisher):
        far.send(publisher.first(now()))
        await rig.until(lambda: rig.monitor.health.frames == 1)
        network.ip("link", "set", NEAR, "down")
        await rig.until(lambda: "goose_interface_lost" in [event.kind for event in rig.events])
        network.ip("link", "set", NEAR, "up")
        network.await_up(NEAR)
        network.await_up(FAR)
        await rig.until(lambda: rig.monitor.health.is_up)
        far.send(repetition(publisher))
        await rig.until(lambda: rig.monitor.health.frames == 2)
        assert rig.kinds() == ["goose_interface_lost", "goose_interface_restored"]
