"""The streams of the bus, and the way from one to the next.

A site has three streams, so that what matters more is not behind what matters less: events, what is measured now, and back-fill. Each
forgets a batch when the center's stream has it on disk (work-queue retention, sourced through a durable consumer
whose acknowledgement follows the center's storage: NATS ADR-60); the center's stream forgets it when the historian has committed it
(interest retention). `discard: new` makes a full disk an error at the publisher instead of a silent loss.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from tieline.bus.replies import ask_site
from tieline.config.own_points import ROLES
from tieline.model import UnavailableError, subjects

MOST_ON_THE_WAY = 500
"""Batches that the center's stream may take from a site ahead of its acknowledgement; at low rates, acknowledged are so many at once."""

BACKFILL_ON_THE_WAY = 16
"""The same of back-fill, which must never stand in the way of what happens now. Measured: 90 % of the speed of 500 on the way."""

MOST_BACKFILL_SAMPLES = 2_000
"""In one batch of back-fill: what happens now waits for no larger one that is just being sent."""

MOST_BACKFILL_BYTES = 128 * 1024
"""In one message of back-fill. The server's limit on the rate also lets so much pass at once."""

LOCAL_MB = 64
LOCAL_AGE_S = 3_600
"""How much, and how old, waits for the site's own store at the most; it is there to be lost first."""

DUPLICATE_WINDOW_S = 120
HISTORIAN_ACK_WAIT_S = 30
PAUSE_S = 30.0
REQUEST_TIMEOUT_S = 5.0
_MOST_REQUESTS = 50
_NOT_FOUND = {10014, 10059}
_NO_MESSAGE = {10037, 10043}
_STARTS = "starts"
_S = 1_000_000_000

log = structlog.get_logger()


class ApiError(UnavailableError):
    """The stream service said no; `code` is its own number for the reason."""

    def __init__(self, code: int, description: str) -> None:
        self.code = code
        super().__init__(f"the bus refused: {description}")


async def ensure_site_streams(client: Client, site: str, *, spool_mb: int, subject: str | None = None) -> int:
    """The site's streams with their present settings; what they hold stays. Gives how often that was done, this time included.

    Each may grow to the whole budget: how they share it is the forwarder's business (`tieline.edge.forward`). `subject` lets the
    stream of live batches take more than its own (for load).
    """
    start = 1
    for stream in subjects.SITE_STREAMS:
        described: dict[str, Any] = {
            "name": stream,
            "subjects": [subjects.site_batches(site, stream)],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_bytes": spool_mb * 1024 * 1024,
            "duplicate_window": DUPLICATE_WINDOW_S * _S,
            "num_replicas": 1,
        }
        if stream == subjects.SITE_STREAM:
            described["republish"] = {"src": subjects.batches(site), "dest": subjects.export(site)}
            if subject is not None:
                described["subjects"] = [subject]
        held = await _info(client, stream)
        described["max_bytes"] = _at_least(described["max_bytes"], held)
        if stream == subjects.BACKFILL_STREAM:
            described["max_msg_size"] = MOST_BACKFILL_BYTES
        if stream == subjects.EVENTS_STREAM:
            start += _number((held or {}).get("config", {}).get("metadata", {}).get(_STARTS))
            described["metadata"] = {_STARTS: str(start)}
        await _ensure_stream(client, described)
    return start


def _at_least(most_bytes: int, held: Mapping[str, Any] | None) -> int:
    """The limit of a stream: one below what it holds would cost the oldest of it, so that stays as it was until the stream has emptied."""
    if held is None or held["state"]["bytes"] < most_bytes:
        return most_bytes
    return max(most_bytes, int(held["config"]["max_bytes"]))


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0


async def ensure_local_stream(client: Client, site: str) -> None:
    """The stream from a site's gateway to its own store, and the store's place in it; the oldest goes where it grows too large."""
    await _ensure_stream(
        client,
        {
            "name": subjects.LOCAL_STREAM,
            "subjects": [subjects.local_batches(site), subjects.local_found(site)],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_bytes": LOCAL_MB * 1024 * 1024,
            "max_age": LOCAL_AGE_S * _S,
            "duplicate_window": DUPLICATE_WINDOW_S * _S,
            "num_replicas": 1,
        },
    )
    await ensure_place(client, subjects.LOCAL_STREAM, subjects.HISTORIAN_CONSUMER)


async def ensure_center_stream(client: Client, *, stream_mb: int, replicas: int = 1) -> None:
    """The center's stream and the historian's place in it, on so many servers; sites are joined to it one by one."""
    described: dict[str, Any] = {
        "name": subjects.CENTER_STREAM,
        "subjects": [subjects.EVERY_CENTER_BATCH, subjects.EVERY_CONTROL_EVENT, *map(subjects.batches, ROLES)],
        "retention": "interest",
        "storage": "file",
        "discard": "new",
        "duplicate_window": DUPLICATE_WINDOW_S * _S,
        "num_replicas": replicas,
    }
    held = await _info(client, subjects.CENTER_STREAM)
    described["max_bytes"] = _at_least(stream_mb * 1024 * 1024, held)
    if held is not None:
        described["sources"] = held["config"].get("sources", [])
    await _ensure_stream(client, described)
    await ensure_place(client, subjects.CENTER_STREAM, subjects.HISTORIAN_CONSUMER)


async def ensure_place(client: Client, stream: str, consumer: str) -> None:
    """The place in the stream of one who commits what it holds: from now on the stream keeps what comes until that is done."""
    await api(
        client,
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{consumer}",
        {
            "stream_name": stream,
            "config": {
                "durable_name": consumer,
                "ack_policy": "explicit",
                "deliver_policy": "all",
                "ack_wait": HISTORIAN_ACK_WAIT_S * _S,
                "max_ack_pending": 20_000,
                "max_waiting": 512,
            },
        },
    )


async def join_sites(client: Client, sites: Sequence[str], *, backfill_kbps: Mapping[str, int] | None = None) -> list[str]:
    """Lets the center's stream take the streams of these sites; gives those that could be reached. Joining twice is fine.

    `backfill_kbps` limits the back-fill of a site; 0, or none, leaves it unlimited. One caller at a time: the stream's configuration is
    read, completed and written back.
    """
    places = asyncio.Semaphore(_MOST_REQUESTS)
    limits = backfill_kbps or {}

    async def prepare(site: str, stream: str) -> bool:
        async with places:
            try:
                await _ensure_delivery(client, site, stream, limits.get(site, 0))
            except UnavailableError as error:
                log.debug("site not reached", site=site, stream=stream, reason=str(error))
                return False
            return True

    wanted = [(site, stream) for site in sites for stream in subjects.SITE_STREAMS]
    are_ready = await asyncio.gather(*(prepare(*each) for each in wanted))
    ready = [each for each, is_ready in zip(wanted, are_ready, strict=True) if is_ready]
    held = await _info(client, subjects.CENTER_STREAM)
    assert held is not None, "the center's stream is made before sites are joined to it"
    configuration = held["config"]
    sources = configuration.get("sources") or []
    known = {(source.get("external", {}).get("api"), source["name"]) for source in sources}
    new = [_source(site, stream) for site, stream in ready if (_remote(site), stream) not in known]
    if new:
        await api(client, f"$JS.API.STREAM.UPDATE.{subjects.CENTER_STREAM}", {**configuration, "sources": [*sources, *new]})
    return [site for site in sites if all((site, stream) in ready for stream in subjects.SITE_STREAMS)]


def _remote(site: str) -> str:
    return f"$JS.{site}.API"


def _source(site: str, stream: str) -> dict[str, Any]:
    return {
        "name": stream,
        "external": {"api": _remote(site), "deliver": ""},
        "consumer": {"name": subjects.CENTER_CONSUMER, "deliver_subject": subjects.delivery(site, stream)},
    }


async def _ensure_delivery(client: Client, site: str, stream: str, backfill_kbps: int) -> None:
    """The durable consumer at the site, through which the center's stream takes the batches of one of its streams."""
    configuration: dict[str, Any] = {
        "durable_name": subjects.CENTER_CONSUMER,
        "deliver_subject": subjects.delivery(site, stream),
        "ack_policy": "flow_control",
        "deliver_policy": "all",
        "flow_control": True,
        "idle_heartbeat": _S,
        "max_ack_pending": MOST_ON_THE_WAY,
    }
    if stream == subjects.BACKFILL_STREAM:
        configuration |= {"max_ack_pending": BACKFILL_ON_THE_WAY, "rate_limit_bps": backfill_kbps * 1_000}
    await api(
        client,
        f"{_remote(site)}.CONSUMER.DURABLE.CREATE.{stream}.{subjects.CENTER_CONSUMER}",
        {"stream_name": stream, "config": configuration},
        site=site,
    )


@dataclass(frozen=True, slots=True)
class Depth:
    """What a site's stream holds."""

    messages: int = 0
    bytes: int = 0
    waiting: int = 0
    """Messages that the center was not sent yet; the others are on their way, or their storage is not acknowledged."""
    delivered: int = 0
    """The number in the stream of the last message that the center was sent; 0 where there was none."""


async def depth(client: Client, stream: str) -> Depth:
    """What one of the streams of the client's own site holds."""
    state = (await api(client, f"$JS.API.STREAM.INFO.{stream}", {}))["state"]
    try:
        answer = await api(client, f"$JS.API.CONSUMER.INFO.{stream}.{subjects.CENTER_CONSUMER}", {})
    except ApiError as error:
        if error.code not in _NOT_FOUND:
            raise
        return Depth(state["messages"], state["bytes"], state["messages"])  # the center has not joined this site yet
    return Depth(state["messages"], state["bytes"], answer["num_pending"], answer["delivered"]["stream_seq"])


@asynccontextmanager
async def unsent(client: Client, stream: str) -> AsyncIterator[int]:
    """Gives the number from which on the center was sent nothing of a stream of the client's own site.

    It is sent nothing more while the block lasts, for `PAUSE_S` at the most. A server that is told to pause may still send the one
    message that it has in hand, for example because the rate is limited; that counts as sent.
    """
    subject = f"$JS.API.CONSUMER.PAUSE.{stream}.{subjects.CENTER_CONSUMER}"
    try:
        until = datetime.now(UTC) + timedelta(seconds=PAUSE_S)
        await api(client, subject, {"pause_until": until.isoformat().replace("+00:00", "Z")})
    except ApiError as error:
        if error.code not in _NOT_FOUND:
            raise
        yield 1  # the center has not joined this site yet
        return
    try:
        in_hand = await read_next(client, stream, (await depth(client, stream)).delivered + 1)
        yield 1 if in_hand is None else in_hand[0] + 1
    finally:
        await api(client, subject, {})


async def read_next(client: Client, stream: str, sequence: int) -> tuple[int, bytes] | None:
    """The first message of a stream from this number on, with its number; None where there is none."""
    try:
        request = {"seq": sequence, "next_by_subj": ">"}
        message = (await api(client, f"$JS.API.STREAM.MSG.GET.{stream}", request))["message"]
    except ApiError as error:
        if error.code not in _NO_MESSAGE:
            raise
        return None
    return message["seq"], base64.b64decode(message.get("data", ""))


async def delete(client: Client, stream: str, sequence: int) -> bool:
    """Deletes a message; False where it is not there any more."""
    try:
        await api(client, f"$JS.API.STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True})
    except ApiError as error:
        if error.code not in _NO_MESSAGE:
            raise
        return False
    return True


async def api(client: Client, subject: str, request: dict[str, Any], *, site: str = "") -> dict[str, Any]:
    """One request to the stream service, or by the center to that of a `site`.

    Raises `ApiError` for its refusal, `UnavailableError` where nobody answers.
    """
    payload = json.dumps(request).encode()
    try:
        if site:
            asked = ask_site(client, subject, payload, role=subjects.CENTER_ROLE, site=site, timeout_s=REQUEST_TIMEOUT_S)
            message = await asked
        else:
            message = await client.request(subject, payload, timeout=REQUEST_TIMEOUT_S)
    except (NoRespondersError, NatsTimeoutError, TimeoutError) as error:
        raise UnavailableError(f"nobody answers on {subject}") from error
    except Error as error:
        raise UnavailableError(f"the bus cannot be used: {error}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise ApiError(answer["error"].get("err_code", 0), answer["error"].get("description", "no reason given"))
    return answer


async def _info(client: Client, stream: str) -> dict[str, Any] | None:
    try:
        return await api(client, f"$JS.API.STREAM.INFO.{stream}", {})
    except ApiError as error:
        if error.code in _NOT_FOUND:
            return None
        raise


async def _ensure_stream(client: Client, described: dict[str, Any]) -> None:
    try:
        await api(client, f"$JS.API.STREAM.UPDATE.{described['name']}", described)
    except ApiError as error:
        if error.code not in _NOT_FOUND:
            raise
        await api(client, f"$JS.API.STREAM.CREATE.{described['name']}", described)
