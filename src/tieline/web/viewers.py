"""The live feed at `/live`: each viewer gets what changed among its points, at its own pace.

Nothing is queued for a viewer. Its writer remembers the revision that it sent last; when the connection has taken a frame, it sends
what changed since. A slow viewer therefore gets fewer frames, each with the newest values (conflation), and one that takes
nothing at all for `send_timeout_s` is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from tieline.bus.scada import ScadaClient
from tieline.scada import LiveState, NumberedEvent
from tieline.scada.live import Rows
from tieline.web.alarm_board import AlarmBoard
from tieline.web.alarms import alarm_body
from tieline.web.frames import FrameType, encode_frame
from tieline.web.metrics import WebMetrics
from tieline.web.own_screen import OwnScreen
from tieline.web.status import StatusBoard

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimits:
    """How fast, and how much for whom."""

    tick_s: float = 0.1
    status_s: float = 1.0
    """A status message is sent this often even if nothing changed: a viewer that hears nothing for longer knows that it is cut off."""
    max_viewers: int = 200
    max_points: int = 20_000
    """The most points that one viewer may subscribe to."""
    send_timeout_s: float = 20.0
    events_at_start: int = 100


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """What a viewer may say: the ids of the points it wants from now on."""

    subscribe: list[int]


class BadMessageError(Exception):
    """A viewer said something that is not understood; the message says what would be."""


class Feed:
    """All viewers of one live state."""

    def __init__(
        self,
        live: LiveState,
        metrics: WebMetrics,
        clock: Callable[[], int],
        limits: FeedLimits,
        own_screen: OwnScreen | None = None,
        scada: ScadaClient | None = None,
    ) -> None:
        self.own_screen = own_screen
        self.scada = scada
        self.live = live
        self.metrics = metrics
        self.clock = clock
        self.limits = limits
        self.board = StatusBoard(live, clock, limits.status_s)
        self.alarm_board = None if scada is None else AlarmBoard(scada)
        self.viewers = 0
        self._following: asyncio.Task[None] | None = None

    async def view(self, socket: WebSocket) -> None:
        """Serves one viewer until it leaves."""
        await socket.accept()
        if self.viewers >= self.limits.max_viewers:
            self.metrics.refused.inc()
            await _refuse(socket, "too_many_viewers", f"there are {self.viewers} viewers already", TRY_AGAIN_LATER)
            return
        await self._count(1)
        try:
            await _Viewer(self, socket).run()
        finally:
            await self._count(-1)

    async def _count(self, more: int) -> None:
        """One viewer more or less; alarms are followed while there is any."""
        self.viewers += more
        self.metrics.viewers.set(self.viewers)
        if self.alarm_board is None:
            return
        if self.viewers and self._following is None:
            self._following = asyncio.create_task(self.alarm_board.follow(), name="follow the alarms")
        elif not self.viewers and self._following is not None:
            following, self._following = self._following, None
            await _stop(following)


@dataclass(slots=True)
class _Viewer:
    feed: Feed
    socket: WebSocket
    rows: Rows = field(default_factory=lambda: np.zeros(0, np.intp))
    subscription: int = 0
    answered: int = 0
    revision: int = 0
    status_revision: int = -1
    status_sent: float = float("-inf")
    event_id: int = -1
    supervision: tuple[object, ...] = ()
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        writing = asyncio.create_task(self._write(), name="live feed writer")
        try:
            await self._read(writing)
        except BadMessageError as error:
            self.feed.metrics.refused.inc()
            await _stop(writing)
            await _refuse(self.socket, "bad_message", str(error), POLICY_VIOLATION)
        finally:
            await _stop(writing)

    async def _read(self, writing: asyncio.Task[None]) -> None:
        """Takes messages until the viewer leaves or the writer ends."""
        while True:
            receiving = asyncio.create_task(self.socket.receive(), name="live feed reader")
            try:
                await asyncio.wait({receiving, writing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not receiving.done():
                    await _stop(receiving)
            if writing.done():
                return
            message = receiving.result()
            if message["type"] == "websocket.disconnect":
                return
            self._subscribe(message.get("text"))

    def _subscribe(self, text: str | None) -> None:
        if text is None:
            raise BadMessageError('binary messages are not understood; send {"subscribe": [ids]} as text')
        try:
            wanted = msgspec.json.decode(text, type=Subscribe).subscribe
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise BadMessageError(f'{error}; send {{"subscribe": [ids]}}') from error
        limit = self.feed.limits.max_points
        if len(wanted) > limit:
            raise BadMessageError(f"{len(wanted)} points are too many for one viewer; subscribe to at most {limit}")
        if any(not 0 <= one <= 0xFFFFFFFF for one in wanted):
            raise BadMessageError("a point id lies between 0 and 4294967295")
        try:
            self.rows = self.feed.live.rows(np.unique(np.array(wanted, np.uint32)))
        except KeyError as error:
            raise BadMessageError(f"there is no point with the id {error.args[0]}") from error
        self.subscription += 1
        self.asked.set()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        with suppress(WebSocketDisconnect):
            while True:
                await self._send_status(loop.time())
                await self._send_events()
                await self._send_supervision()
                await self._send_values()
                next_tick = max(next_tick + self.feed.limits.tick_s, loop.time())
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_tick):
                        await self.asked.wait()
                        next_tick = loop.time()

    async def _send_values(self) -> None:
        live = self.feed.live
        kind, rows = FrameType.CHANGES, self.rows
        if self.answered != self.subscription:
            kind = FrameType.SNAPSHOT
            self.asked.clear()
        elif live.revision != self.revision:
            rows = live.changed_since(self.revision, self.rows)
            self.revision = live.revision
            if not len(rows):
                return
        else:
            return
        self.revision, self.answered = live.revision, self.subscription
        frame = encode_frame(kind, live, rows, self.subscription, self.feed.clock())
        await self._send(frame)
        self.feed.metrics.frames.inc()
        self.feed.metrics.values.inc(len(rows))

    async def _send_status(self, now: float) -> None:
        board = self.feed.board
        board.refresh()
        changed = board.changed_since(self.status_revision)
        if not changed and now - self.status_sent < self.feed.limits.status_s:
            return
        self.status_revision, self.status_sent = board.revision, now
        message = {"type": "status", "time": self.feed.clock(), "viewers": self.feed.viewers, "sites": changed}
        if self.feed.own_screen is not None:
            message["reaches_center"] = self.feed.own_screen.reaches_center
        await self._send_text(message)

    async def _send_events(self) -> None:
        ring = self.feed.live.events
        if self.event_id == ring.newest_id:
            return
        is_first = self.event_id < 0
        events = ring.after(max(self.event_id, 0))
        self.event_id = ring.newest_id
        if is_first:
            events = events[-self.feed.limits.events_at_start :]
        await self._send_text({"type": "events", "is_first": is_first, "events": [_event(one) for one in events]})

    async def _send_supervision(self) -> None:
        """Where alarms and control are, and which alarms come first; what else is new there the page asks for."""
        scada, board = self.feed.scada, self.feed.alarm_board
        if scada is None or board is None:
            return
        alarms, control = scada.alarms, scada.control
        found = (scada.is_heard, alarms, control, board.revision)
        if found == self.supervision:
            return
        self.supervision = found
        await self._send_text(
            {
                "type": "supervision",
                "is_heard": scada.is_heard,
                "alarms": [alarms.incarnation, alarms.revision],
                "unacknowledged": alarms.unacknowledged,
                "control": [control.incarnation, control.revision],
                "first": [alarm_body(alarm).model_dump(mode="json") for alarm in board.first],
                "sites": board.sites,
            }
        )

    async def _send_text(self, message: dict[str, object]) -> None:
        await self._send(msgspec.json.encode(message).decode())
        self.feed.metrics.messages.inc()

    async def _send(self, message: bytes | str) -> None:
        try:
            async with asyncio.timeout(self.feed.limits.send_timeout_s):
                if isinstance(message, bytes):
                    await self.socket.send_bytes(message)
                else:
                    await self.socket.send_text(message)
        except TimeoutError:
            self.feed.metrics.dropped.inc()
            raise WebSocketDisconnect(code=POLICY_VIOLATION, reason="took nothing") from None
        except RuntimeError as error:  # Starlette's word for sending after the close
            raise WebSocketDisconnect(code=1006) from error
        self.feed.metrics.bytes.inc(len(message))


def _event(numbered: NumberedEvent) -> dict[str, object]:
    event = numbered.event
    return {
        "id": numbered.id,
        "time": event.time,
        "site": event.site,
        "device": event.device,
        "kind": event.kind,
        "severity": event.severity.value,
        "text": event.text,
    }


async def _stop(task: asyncio.Task[object] | asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, WebSocketDisconnect):
        await task


async def _refuse(socket: WebSocket, kind: str, message: str, code: int) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(msgspec.json.encode({"type": "error", "error": {"kind": kind, "message": message}}).decode())
        await socket.close(code, kind)
