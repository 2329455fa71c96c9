"""The live feed, over a real server on loopback: snapshots, changes, slow viewers, bad messages."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tieline.model import Event, Quality, Samples
from tieline.scada import LiveState
from tieline.web.frames import FrameType, decode_frame, encode_frame

from .world import NOON, World, make_world, serving

POWER, OIL = "northgate/rtu-1/t1-p", "northgate/rtu-1/t1-oil"


@asynccontextmanager
async def viewing(address: str, *, is_slow: bool = False, **options: object) -> AsyncIterator[ClientConnection]:
    if is_slow:
        options |= {"max_queue": 1, "sock": small_socket(address)}
    async with connect(f"ws://{address}/live", compression=None, max_size=None, **options) as viewer:  # type: ignore[arg-type]
        yield viewer


def small_socket(address: str) -> socket.socket:
    """A connection whose kernel buffer holds little, so that a reader that does not read is felt soon."""
    host, port = address.split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.connect((host, int(port)))
    sock.setblocking(False)
    return sock


async def next_text(viewer: ClientConnection, kind: str, fits: Callable[[dict], bool] = lambda _: True) -> dict:  # type: ignore[type-arg]
    while True:
        message = await viewer.recv()
        if isinstance(message, str):
            body = json.loads(message)
            if body["type"] == kind and fits(body):
                return body


async def next_frame(viewer: ClientConnection) -> tuple[FrameType, int, dict[int, tuple[int, float, int]]]:
    while True:
        message = await viewer.recv()
        if isinstance(message, bytes):
            kind, subscription, _, values = decode_frame(message)
            rows = {int(row["point"]): (int(row["time"]), float(row["value"]), int(row["quality"])) for row in values}
            return kind, subscription, rows


async def subscribe(viewer: ClientConnection, *points: int) -> None:
    await viewer.send(json.dumps({"subscribe": points}))


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fits():
            await asyncio.sleep(0.005)


async def test_a_subscription_is_answered_with_a_snapshot_and_then_only_with_changes(world: World) -> None:
    power, oil = world.id_of(POWER), world.id_of(OIL)
    world.field.step()
    async with serving(world, tick_s=0.02) as address, viewing(address) as viewer:
        await subscribe(viewer, power, oil)
        kind, number, rows = await next_frame(viewer)
        assert (kind, number, set(rows)) == (FrameType.SNAPSHOT, 1, {power, oil})
        world.live.apply("northgate", Samples.of(power, NOON, 42.0, Quality.SUBSTITUTED), NOON)
        assert await next_frame(viewer) == (FrameType.CHANGES, 1, {power: (NOON, 42.0, Quality.SUBSTITUTED)})
        world.live.apply("northgate", Samples.of(world.id_of("northgate/rtu-1/t2-oil"), NOON, 1.0), NOON)
        world.live.apply("northgate", Samples.of(oil, NOON, 2.0), NOON)
        assert await next_frame(viewer) == (FrameType.CHANGES, 1, {oil: (NOON, 2.0, 0)})


async def test_a_new_subscription_replaces_the_old_one(world: World) -> None:
    power, oil = world.id_of(POWER), world.id_of(OIL)
    async with serving(world, tick_s=0.02) as address, viewing(address) as viewer:
        await subscribe(viewer, power)
        assert (await next_frame(viewer))[1:] == (1, {power: (0, pytest.approx(float("nan"), nan_ok=True), 130)})
        await subscribe(viewer, oil, oil)
        kind, number, rows = await next_frame(viewer)
        assert (kind, number, list(rows)) == (FrameType.SNAPSHOT, 2, [oil])
        world.live.apply("northgate", Samples.of([power, oil], NOON, 1.0), NOON)
        assert (await next_frame(viewer))[2] == {oil: (NOON, 1.0, 0)}
        await subscribe(viewer)
        assert (await next_frame(viewer)) == (FrameType.SNAPSHOT, 3, {})


async def test_nothing_changed_means_no_frame(world: World) -> None:
    world.field.step()
    async with serving(world, tick_s=0.01, status_s=0.02) as address, viewing(address) as viewer:
        await subscribe(viewer, world.id_of(POWER))
        await next_frame(viewer)
        seen = [await viewer.recv() for _ in range(5)]
        assert all(isinstance(message, str) for message in seen)


async def test_the_status_tells_links_and_counts_and_afterwards_only_what_changed(world: World) -> None:
    world.field.down.add("northgate/rtu-3")
    world.field.step()
    async with serving(world, tick_s=0.01, status_s=0.05) as address, viewing(address) as viewer:
        first = await next_text(viewer, "status")
        assert [site["site"] for site in first["sites"]] == ["millbrook", "northgate", "sunfield"]
        northgate = first["sites"][1]
        assert (northgate["link"], northgate["devices_up"], northgate["devices_down"]) == ("up", 2, ["rtu-3"])
        assert (northgate["good"], northgate["stale"], northgate["spooled_batches"]) == (131, 0, 1)
        assert (first["time"], first["viewers"]) == (NOON, 1)
        assert (await next_text(viewer, "status"))["sites"] == []


async def test_a_lost_link_is_told_at_once_and_so_is_its_event() -> None:
    moment = [NOON]
    world = make_world(lambda: moment[0])
    world.field.step()
    async with serving(world, tick_s=0.01, status_s=60) as address, viewing(address) as viewer:
        await next_text(viewer, "status")
        moment[0] += 4_000_000
        lost = await next_text(viewer, "status")
        assert {site["link"] for site in lost["sites"]} == {"lost"}
        assert {site["stale"] for site in lost["sites"]} == {95, 131, 41}
        events = await next_text(viewer, "events", lambda body: not body["is_first"])
        assert {(event["kind"], event["severity"]) for event in events["events"]} == {("link_lost", "error")}


async def test_events_come_first_in_bulk_and_then_one_by_one(world: World) -> None:
    for number in range(150):
        world.live.record(Event(time=NOON, site="northgate", kind="test", text=str(number)))
    async with serving(world, tick_s=0.01) as address, viewing(address) as viewer:
        first = await next_text(viewer, "events")
        assert (first["is_first"], [event["text"] for event in first["events"]]) == (True, [str(n) for n in range(50, 150)])
        world.live.record(Event(time=NOON, site="sunfield", device="ppc", kind="test", text="new"))
        second = await next_text(viewer, "events")
        assert (second["is_first"], [(event["id"], event["text"]) for event in second["events"]]) == (False, [(151, "new")])


async def test_a_slow_viewer_gets_the_newest_values_and_no_queue_grows() -> None:
    world = make_world(lambda: NOON)
    ids = [int(point.id) for point in world.utility.points]
    northgate = [int(point.id) for point in world.utility.points if point.site == "northgate"]
    async with serving(world, tick_s=0.002) as address, viewing(address, is_slow=True) as viewer:
        app_frames = 0
        await subscribe(viewer, *ids)
        assert (await next_frame(viewer))[0] is FrameType.SNAPSHOT
        # The viewer reads nothing now: the socket's buffers fill, then the server waits, and only the newest values are kept.
        transport = viewer.transport
        transport.pause_reading()
        for app_frames in range(1, 1_001):
            world.live.apply("northgate", Samples.of(northgate, NOON + app_frames, float(app_frames)), NOON)
            await asyncio.sleep(0.001)
        transport.resume_reading()
        received, last = 0, -1.0
        while last < app_frames:
            _, _, rows = await next_frame(viewer)
            received += 1
            values = {value for _, value, _ in rows.values()}
            assert len(values) == 1
            assert min(values) > last
            last = min(values)
        assert received < app_frames


async def test_a_viewer_that_takes_nothing_is_dropped() -> None:
    world = make_world(lambda: NOON)
    world.field.step()
    northgate = [int(point.id) for point in world.utility.points if point.site == "northgate"]
    app = world.app(tick_s=0.001, send_timeout_s=0.3)
    async with serving(world, app=app) as address, viewing(address, is_slow=True) as viewer:
        await subscribe(viewer, *northgate)
        viewer.transport.pause_reading()
        feed = app.state.feed
        await until(lambda: feed.viewers == 1)
        for number in range(1_000_000):
            world.live.apply("northgate", Samples.of(northgate, NOON + number, float(number)), NOON)
            await asyncio.sleep(0)
            if feed.viewers == 0:
                break
        assert feed.viewers == 0
        assert feed.metrics.dropped._value.get() == 1
        viewer.transport.abort()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("nonsense", "JSON is malformed"),
        ('"subscribe"', "Expected `object`"),
        ("{}", "missing required field `subscribe`"),
        ('{"subscribe": [1.5]}', "Expected `int`"),
        ('{"subscribe": ["northgate"]}', "Expected `int`"),
        ('{"subscribe": [], "more": 1}', "unknown field `more`"),
        ('{"subscribe": [-1]}', "between 0 and 4294967295"),
        ('{"subscribe": [4294967296]}', "between 0 and 4294967295"),
        ('{"subscribe": [99999999999999999999999999]}', "between 0 and 4294967295"),
        ('{"subscribe": [17]}', "there is no point with the id 17"),
        ('{"subscribe": [' + "1," * 300 + "1]}", "subscribe to at most 300"),
        ('{"subscribe": ' + "[" * 10_000, "malformed|recursion|Expected|truncated"),
        (b"\x00\x01", "binary messages are not understood"),
    ],
    ids=range(13),
)
async def test_a_bad_message_gets_an_error_in_words_and_the_end(
    world: World, message: str | bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(world, tick_s=0.01, max_points=300) as address, viewing(address) as viewer:
        await viewer.send(message)
        error = (await next_text(viewer, "error"))["error"]
        assert error["kind"] == "bad_message"
        assert any(word in error["message"] for word in words.split("|")), error
        with pytest.raises(ConnectionClosed):
            await viewer.recv()
        assert viewer.close_code == 1008
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


async def test_one_bad_viewer_does_not_disturb_another(world: World) -> None:
    async with serving(world, tick_s=0.01) as address, viewing(address) as good, viewing(address) as bad:
        await subscribe(good, world.id_of(POWER))
        await next_frame(good)
        await bad.send("nonsense")
        await next_text(bad, "error")
        world.live.apply("northgate", Samples.of(world.id_of(POWER), NOON, 5.0), NOON)
        assert (await next_frame(good))[2] == {world.id_of(POWER): (NOON, 5.0, 0)}


async def test_too_many_viewers_are_sent_away_with_words(world: World) -> None:
    app = world.app(tick_s=0.01, max_viewers=1)
    async with serving(world, app=app) as address, viewing(address) as first:
        await next_text(first, "status")
        async with viewing(address) as second:
            assert (await next_text(second, "error"))["error"]["kind"] == "too_many_viewers"
            with pytest.raises(ConnectionClosed):
                await second.recv()
            assert second.close_code == 1013
        await first.close()
        await until(lambda: app.state.feed.viewers == 0)
        async with viewing(address) as third:
            await next_text(third, "status")


async def test_viewers_that_leave_are_forgotten(world: World) -> None:
    app = world.app(tick_s=0.01)
    async with serving(world, app=app) as address:
        async with viewing(address) as polite, viewing(address) as rude:
            await next_text(polite, "status")
            await until(lambda: app.state.feed.viewers == 2)
            rude.transport.abort()
            await until(lambda: app.state.feed.viewers == 1)
        await until(lambda: app.state.feed.viewers == 0)


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "rebound.example"}])
async def test_foreign_pages_cannot_view(world: World, headers: dict[str, str]) -> None:
    async with serving(world) as address:
        with pytest.raises(InvalidStatus) as refused:
            async with viewing(address, additional_headers=headers):
                pass
        assert refused.value.response.status_code in {400, 403}


async def test_a_stopping_server_sends_its_viewers_away(world: World) -> None:
    async with serving(world, tick_s=0.01) as address:
        viewer = await connect(f"ws://{address}/live")
        await next_text(viewer, "status")
    await viewer.wait_closed()
    assert viewer.close_code == 1012


samples = st.lists(
    st.tuples(st.integers(1, 2**50), st.floats(), st.integers(0, 65_535)), min_size=1, max_size=len(make_world().utility.points)
)


@given(samples, st.integers(0, 2**32 - 1), st.integers(0, 2**52))
def test_a_frame_survives_the_way(values: list[tuple[int, float, int]], subscription: int, now: int) -> None:
    points = make_world(lambda: NOON).utility.points[: len(values)]
    live = LiveState(points)
    ids = [int(point.id) for point in points]
    live.seed(Samples.of(ids, *(list(column) for column in zip(*values, strict=True))), NOON)
    frame = encode_frame(FrameType.CHANGES, live, live.rows(ids), subscription, now)
    kind, number, at, rows = decode_frame(frame)
    assert (kind, number, at) == (FrameType.CHANGES, subscription, now)
    assert rows["point"].tolist() == ids
    assert rows["time"].tolist() == [time for time, _, _ in values]
    assert np.array_equal(rows["value"], np.array([value for _, value, _ in values]), equal_nan=True)
    assert rows["quality"].tolist() == [quality for _, _, quality in values]


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda rest: b"TLF1\x01\x02\x00\x00" + rest))
def test_any_bytes_are_a_frame_or_an_error(data: bytes) -> None:
    with suppress(ValueError):
        decode_frame(data)
