"""The streams of the bus, and the way from one to the next.

A site's stream forgets a batch when the center's stream has it on disk (work-queue retention, sourced through a durable consumer
whose acknowledgement follows the center's storage: NATS ADR-60); the center's stream forgets it when the historian has committed it
(interest retention). `discard: new` makes a full disk an error at the publisher instead of a silent loss.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from tieline.bus import subjects
from tieline.model import UnavailableError

MOST_ON_THE_WAY = 500
"""Batches that the center's stream may take from a site ahead of its acknowledgement; at low rates, acknowledged are so many at once."""

LOCAL_MB = 64
LOCAL_AGE_S = 3_600
"""How much, and how old, waits for the site's own store at the most; it is there to be lost first."""

DUPLICATE_WINDOW_S = 120
HISTORIAN_ACK_WAIT_S = 30
REQUEST_TIMEOUT_S = 5.0
_MOST_REQUESTS = 50
_NOT_FOUND = {10014, 10059}
_S = 1_000_000_000

log = structlog.get_logger()


class ApiError(UnavailableError):
    """The stream service said no; `code` is its own number for the reason."""

    def __init__(self, code: int, description: str) -> None:
        self.code = code
        super().__init__(f"the bus refused: {description}")


async def ensure_site_stream(client: Client, site: str, *, spool_mb: int, subject: str | None = None) -> None:
    """The site's stream with its present settings; what it holds stays."""
    await _ensure_stream(
        client,
        {
            "name": subjects.SITE_STREAM,
            "subjects": [subject or subjects.batches(site)],
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_bytes": spool_mb * 1024 * 1024,
            "duplicate_window": DUPLICATE_WINDOW_S * _S,
            "num_replicas": 1,
        },
    )


async def ensure_local_stream(client: Client, site: str) -> None:
    """The stream from a site's gateway to its own store, and the store's place in it; the oldest goes where it grows too large."""
    await _ensure_stream(
        client,
        {
            "name": subjects.LOCAL_STREAM,
            "subjects": [subjects.local_batches(site)],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "max_bytes": LOCAL_MB * 1024 * 1024,
            "max_age": LOCAL_AGE_S * _S,
            "duplicate_window": DUPLICATE_WINDOW_S * _S,
            "num_replicas": 1,
        },
    )
    await _ensure_historian(client, subjects.LOCAL_STREAM)


async def ensure_center_stream(client: Client, *, stream_mb: int) -> None:
    """The center's stream and the historian's place in it; sites are joined to it one by one."""
    described = {
        "name": subjects.CENTER_STREAM,
        "subjects": [subjects.EVERY_CENTER_BATCH],
        "retention": "interest",
        "storage": "file",
        "discard": "new",
        "max_bytes": stream_mb * 1024 * 1024,
        "duplicate_window": DUPLICATE_WINDOW_S * _S,
        "num_replicas": 1,
    }
    held = await _info(client)
    if held is not None:
        described["sources"] = held["config"].get("sources", [])
    await _ensure_stream(client, described)
    await _ensure_historian(client, subjects.CENTER_STREAM)


async def _ensure_historian(client: Client, stream: str) -> None:
    """The place of a historian in the stream that it follows."""
    await api(
        client,
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{subjects.HISTORIAN_CONSUMER}",
        {
            "stream_name": stream,
            "config": {
                "durable_name": subjects.HISTORIAN_CONSUMER,
                "ack_policy": "explicit",
                "deliver_policy": "all",
                "ack_wait": HISTORIAN_ACK_WAIT_S * _S,
                "max_ack_pending": 20_000,
                "max_waiting": 512,
            },
        },
    )


async def join_sites(client: Client, sites: Sequence[str]) -> list[str]:
    """Lets the center's stream take the streams of these sites; gives those that could be reached. Joining twice is fine.

    One caller at a time: the stream's configuration is read, completed and written back.
    """
    places = asyncio.Semaphore(_MOST_REQUESTS)

    async def prepare(site: str) -> bool:
        async with places:
            try:
                await _ensure_delivery(client, site)
            except UnavailableError as error:
                log.debug("site not reached", site=site, reason=str(error))
                return False
            return True

    reached = [site for site, is_ready in zip(sites, await asyncio.gather(*map(prepare, sites)), strict=True) if is_ready]
    held = await _info(client)
    assert held is not None, "the center's stream is made before sites are joined to it"
    configuration = held["config"]
    sources = configuration.get("sources") or []
    known = {source.get("external", {}).get("api") for source in sources}
    new = [_source(site) for site in reached if _remote(site) not in known]
    if new:
        await api(client, f"$JS.API.STREAM.UPDATE.{subjects.CENTER_STREAM}", {**configuration, "sources": [*sources, *new]})
    return reached


def _remote(site: str) -> str:
    return f"$JS.{site}.API"


def _source(site: str) -> dict[str, Any]:
    return {
        "name": subjects.SITE_STREAM,
        "external": {"api": _remote(site), "deliver": ""},
        "consumer": {"name": subjects.CENTER_CONSUMER, "deliver_subject": subjects.delivery(site)},
    }


async def _ensure_delivery(client: Client, site: str) -> None:
    """The durable consumer at the site, through which the center's stream takes its batches."""
    await api(
        client,
        f"{_remote(site)}.CONSUMER.DURABLE.CREATE.{subjects.SITE_STREAM}.{subjects.CENTER_CONSUMER}",
        {
            "stream_name": subjects.SITE_STREAM,
            "config": {
                "durable_name": subjects.CENTER_CONSUMER,
                "deliver_subject": subjects.delivery(site),
                "ack_policy": "flow_control",
                "deliver_policy": "all",
                "flow_control": True,
                "idle_heartbeat": _S,
                "max_ack_pending": MOST_ON_THE_WAY,
            },
        },
    )


async def spooled(client: Client) -> int:
    """Batches in the site's stream that the center has not been sent yet."""
    try:
        answer = await api(client, f"$JS.API.CONSUMER.INFO.{subjects.SITE_STREAM}.{subjects.CENTER_CONSUMER}", {})
    except ApiError as error:
        if error.code not in _NOT_FOUND:
            raise
        return await held_at_site(client)  # the center has not joined this site yet
    return int(answer["num_pending"])


async def held_at_site(client: Client) -> int:
    """Batches in the site's stream: those that the center was not sent, and those whose storage it has not acknowledged."""
    answer = await api(client, f"$JS.API.STREAM.INFO.{subjects.SITE_STREAM}", {})
    return int(answer["state"]["messages"])


async def api(client: Client, subject: str, request: dict[str, Any]) -> dict[str, Any]:
    """One request to the stream service. Raises `ApiError` for its refusal, `UnavailableError` where nobody answers."""
    try:
        message = await client.request(subject, json.dumps(request).encode(), timeout=REQUEST_TIMEOUT_S)
    except (NoRespondersError, NatsTimeoutError, TimeoutError) as error:
        raise UnavailableError(f"nobody answers on {subject}") from error
    except Error as error:
        raise UnavailableError(f"the bus cannot be used: {error}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise ApiError(answer["error"].get("err_code", 0), answer["error"].get("description", "no reason given"))
    return answer


async def _info(client: Client) -> dict[str, Any] | None:
    try:
        return await api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
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
