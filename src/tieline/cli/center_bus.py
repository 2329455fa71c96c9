"""What becomes of the center's streams when the number of its bus servers is changed."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path

import structlog
from nats.aio.client import Client

from tieline.bus import connected, streams
from tieline.bus.center import center_bus, ensure_center_stream, stores
from tieline.historian import Historian
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff
from tieline.model import UnavailableError, subjects
from tieline.security.identity import Credentials
from tieline.security.zones import Plan

_LOOK_S = 0.25

log = structlog.get_logger()


async def take_rest(
    plan: Plan,
    place: Path,
    credentials: Credentials,
    committing: Credentials,
    historian: Historian,
    *,
    servers: int,
    stream_mb: int,
    take_alarms: Callable[[Client], Coroutine[None, None, None]] | None = None,
) -> None:
    """Commits what waits in the streams of the other number of servers, and removes them; nothing where there are none.

    Nothing new comes meanwhile: sites keep what they have. `committing` are the historian's own credentials; `take_alarms` takes what is
    there for the alarms until it is cancelled. Raises `UnavailableError` where those servers do not start.
    """
    others = 3 if servers == 1 else 1
    left = [store for store in stores(place, others) if store.exists()]
    if not left:
        return
    if 2 * len(left) > others:  # a majority: fewer are what was not removed when all was committed
        log.info("streams of the former bus are taken", servers=others)
        async with (
            center_bus(plan, place, credentials, None, servers=others) as bus,
            connected(bus.ports, credentials) as client,
            connected(bus.ports, committing) as taker,
        ):
            await ensure_center_stream(client, bus, stream_mb=stream_mb)
            counts = IngestCounts()
            taking = {
                asyncio.create_task(ingest(taker, historian, counts, Backoff(random.random, cap_s=5.0)), name="take the rest")
            }
            if take_alarms is not None:
                await streams.ensure_place(client, subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER)
                taking.add(asyncio.create_task(take_alarms(client), name="take the rest of the alarms"))
            try:
                while not any(each.done() for each in taking) and await _waiting(client):
                    await asyncio.wait(taking, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in taking:
                    each.cancel()
                await asyncio.wait(taking)
            for each in taking:
                if not each.cancelled():
                    each.result()
        log.info("streams of the former bus are committed", batches=counts.batches, samples=counts.samples)
    for store in left:
        shutil.rmtree(store)


async def _waiting(client: Client) -> bool:
    try:
        answer = await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
    except UnavailableError:
        return True  # a leader is being elected
    return int(answer["state"]["messages"]) > 0
