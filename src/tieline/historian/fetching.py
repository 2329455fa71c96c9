"""Answers the center's questions for samples that a site has kept."""

from __future__ import annotations

import asyncio
import time

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.fetching import FetchAnswer, FetchRequest, Place, answer_of, decode_fetch_request, encode_fetch
from tieline.historian.store import Historian
from tieline.model import Samples, TielineError, subjects

FIRST_WINDOW_US = 600_000_000
GROWTH = 4
TIME_LIMIT_S = 1.0
"""After so long an answer goes out with what was found until then."""
MOST_POINT = 2**32 - 1
MOST_AT_ONE_PLACE = 100_000

log = structlog.get_logger()


async def answer_questions(client: Client, site: str, historian: Historian) -> None:
    """Answers until cancelled, one question after another."""

    async def on_question(message: Msg) -> None:
        try:
            request = decode_fetch_request(message.data)
            answer = await asyncio.to_thread(answer_one, historian, request)
        except TielineError as error:
            log.warning("question for samples not answered", site=site, reason=str(error))
            answer = FetchAnswer(error=str(error))
        try:
            await message.respond(encode_fetch(answer))
        except Error as error:
            log.debug("answer not sent", site=site, reason=str(error))  # the question comes again

    subscription = await client.subscribe(subjects.fetch(site), cb=on_question, pending_msgs_limit=16)
    try:
        await asyncio.Event().wait()
    finally:
        if client.is_connected:
            await subscription.unsubscribe()


def answer_one(historian: Historian, request: FetchRequest) -> FetchAnswer:
    """The next samples after the place in the request.

    Time is searched in windows that grow while they are empty, so that a question costs about as much as its answer is long.
    """
    with historian.reader() as reader:
        kept = reader.span()
        began, window = time.monotonic(), FIRST_WINDOW_US
        start = request.start_us if request.after is None else max(request.start_us, request.after[0])
        end = request.end_us
        if kept is not None:
            start, end = max(start, kept[0]), min(end, kept[1] + 1)
        parts: list[Samples] = []
        room = request.most
        while start < end and room and kept is not None:
            until = min(start + window, end)
            found = reader.following(request.points, start, until, request.after, room + 1)
            if len(found) > room:
                whole = _without_last_place(found)
                if not len(whole) and room == request.most:  # more at one place than asked for
                    time_us, point = int(found.time[0]), int(found.point[0])
                    whole = reader.following([point], time_us, time_us + 1, None, MOST_AT_ONE_PLACE)
                parts.append(whole)
                break
            parts.append(found)
            room -= len(found)
            start, window = until, window * GROWTH
            if time.monotonic() - began > TIME_LIMIT_S:
                break
        samples = Samples.concatenate(parts)
        return answer_of(samples, after=_next_place(samples, start, end), kept=kept)


def _without_last_place(found: Samples) -> Samples:
    """All but the last, and those with its time and point: samples that stand at one place go together or not at all."""
    return found.take((found.time != found.time[-1]) | (found.point != found.point[-1]))


def _next_place(samples: Samples, start: int, end: int) -> Place | None:
    if start >= end:
        return None
    if len(samples) and int(samples.time[-1]) >= start:
        return int(samples.time[-1]), int(samples.point[-1])
    return start - 1, MOST_POINT
