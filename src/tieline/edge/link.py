"""Whether the center can be reached, asked for once a second, and what its clock says.

How it works. Every second the center is sent a numbered question; whoever answers is the center's own process, so an answer means that
the way there and back is open and somebody is at its end. Three seconds without an answer, and the link is down; questions answered
without a gap for a second, and it is up again. Before the first stable second it counts as down, but that is told to nobody
unless the center stays away for as long as it takes to lose it.

Time in which this process itself stood still is no silence of the center: between two ticks at most half a second counts.

The center's answer holds when it received the question (t2) and when it answered (t3); with the times of asking (t1) and of the answer's
arrival (t4) the offset of its clock is ((t2 - t1) + (t3 - t4)) / 2 and the round trip (t4 - t1) - (t3 - t2), as in NTP (RFC 5905,
section 8). t4 is t1 plus what has passed on the monotonic clock, so that a step of our clock in between spoils nothing. Of the last eight
answers the one with the shortest round trip tells the offset: the less an answer waited on its way, the less it can be wrong.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.envelope import LinkRequest, decode_link_answer, encode_link
from tieline.io import Clock
from tieline.model import Event, Now, RemoteError, Severity, subjects

PERIOD_S = 1.0
TICK_S = 0.1
LOST_AFTER_S = 3.0
STABLE_S = 1.0
MOST_GAP_S = 0.5
MOST_OPEN = 8
"""Questions that may still be answered; also the answers of which the best one tells the offset."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Question:
    due_s: float
    asked: Now


class Link:
    """The state of the link from a site to the center."""

    def __init__(self, site: str, on_event: Callable[[Event], None]) -> None:
        self.is_up = False
        self.since = 0
        """When the state began, in microseconds since 1970-01-01 UTC; 0 before the first tick."""
        self.round_trip_s: float | None = None
        """Of the newest answer."""
        self.on_change: Callable[[bool], None] = lambda _: None
        """Called with `is_up` whenever it changes."""
        self.site = site
        self._on_event = on_event
        self._is_told_lost = False
        self._number = 0
        self._open: OrderedDict[int, _Question] = OrderedDict()
        self._answers: deque[tuple[float, float]] = deque(maxlen=MOST_OPEN)
        """(round trip, offset) of the newest answers."""
        self._due_s: float | None = None
        self._ticked_s: float | None = None
        self._silent_s = 0.0
        self._answered_since_s: float | None = None
        """When the first of an unbroken run of answered questions was due."""
        self._answered_number = 0

    @property
    def offset_s(self) -> float | None:
        """How far the center's clock is ahead of this one; None before an answer came."""
        return min(self._answers)[1] if self._answers else None

    def tick(self, now: Now) -> bytes | None:
        """To be called several times a second; gives the question that is to be sent now, if one is."""
        if self._ticked_s is None:
            self.since = now.utc_us
        else:
            self._silent_s += min(now.monotonic_s - self._ticked_s, MOST_GAP_S)
        self._ticked_s = now.monotonic_s
        if self._silent_s > LOST_AFTER_S:
            self._lose(now)
        if self._due_s is not None and now.monotonic_s < self._due_s:
            return None
        is_late = self._due_s is None or now.monotonic_s >= self._due_s + PERIOD_S
        due_s = now.monotonic_s if is_late or self._due_s is None else self._due_s
        self._due_s = due_s + PERIOD_S
        self._number += 1
        self._open[self._number] = _Question(due_s, now)
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return encode_link(LinkRequest(self._number, now.utc_us))

    def answered(self, payload: bytes, now: Now) -> None:
        """Takes an answer; one that nobody asked for, that came before, or that is none changes nothing."""
        try:
            answer = decode_link_answer(payload)
        except RemoteError:
            return
        question = self._open.pop(answer.number, None)
        if question is None:
            return
        passed_s = now.monotonic_s - question.asked.monotonic_s
        round_trip_s = max(0.0, passed_s - (answer.sent - answer.received) / 1e6)
        ahead_us = (answer.received - question.asked.utc_us) + (answer.sent - question.asked.utc_us)
        self.round_trip_s = round_trip_s
        self._answers.append((round_trip_s, ahead_us / 2e6 - passed_s / 2))
        if passed_s > LOST_AFTER_S:
            return
        self._silent_s = 0.0
        if self._answered_since_s is None or answer.number != self._answered_number + 1:
            self._answered_since_s = question.due_s
        self._answered_number = answer.number
        if not self.is_up and question.due_s - self._answered_since_s > STABLE_S - MOST_GAP_S:
            self._restore(now)

    def _lose(self, now: Now) -> None:
        self._answered_since_s = None
        if self.is_up:
            self._change(now, is_up=False)
        if not self._is_told_lost:
            self._is_told_lost = True
            self._tell(now, "center_lost", Severity.WARNING, "the center does not answer; the site goes on alone")

    def _restore(self, now: Now) -> None:
        down_s = (now.utc_us - self.since) / 1e6
        self._change(now, is_up=True)
        if self._is_told_lost:
            self._is_told_lost = False
            self._tell(now, "center_restored", Severity.INFO, f"the center answers again after {down_s:.0f} s")

    def _change(self, now: Now, *, is_up: bool) -> None:
        self.is_up = is_up
        self.since = now.utc_us
        self.on_change(is_up)

    def _tell(self, now: Now, kind: str, severity: Severity, text: str) -> None:
        self._on_event(Event(time=now.utc_us, site=self.site, kind=kind, severity=severity, text=text))


async def keep_asking(link: Link, client: Client, clock: Clock) -> None:
    """Asks and listens until cancelled. A bus that takes no questions is a link that is down, never an error."""

    def now() -> Now:
        return Now(clock.monotonic(), clock.now_us())

    async def take(message: Msg) -> None:
        link.answered(message.data, now())

    inbox = client.new_inbox()
    answers = await client.subscribe(inbox, cb=take)
    try:
        while True:
            question = link.tick(now())
            if question is not None and client.is_connected:
                try:
                    async with asyncio.timeout(TICK_S):
                        await client.publish(subjects.link(link.site), question, reply=inbox)
                except (Error, TimeoutError) as error:
                    log.debug("center not asked", site=link.site, reason=str(error) or type(error).__name__)
            await asyncio.sleep(TICK_S)
    finally:
        if client.is_connected:
            await answers.unsubscribe()
