"""`tieline run --site X --local`: what a site has without the center, its own history and its own screen; a child of the site's role.

    the stream LOCAL -> ingest -> the site's historian (DuckDB, Parquet) -> history of the screen, questions of `tieline fetch`
                     -> live state -> the screen

It is the same chain as at the center, one level below. It runs beside the gateway at a lower priority; when it is killed, only what
the screen shows is late.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from tieline.cli.run import open_authority, open_patiently, seed
from tieline.config import Utility
from tieline.io import Backoff, SystemClock
from tieline.model import UnavailableError

if TYPE_CHECKING:
    from nats.aio.client import Client

    from tieline.historian import Historian

log = structlog.get_logger()

NICENESS = 5
SEAL_ROWS = 500_000
RETRY_S = 1.0
CATCH_UP_S = 5.0
CATCH_UP_POLL_S = 0.1


def local_folder(data: Path, site: str) -> Path:
    """Where a site's own historian keeps its file, its lake and its socket."""
    return data.absolute() / f"site-{site}" / "historian"


async def run_local(utility: Utility, data: Path, site: str, bus_port: int, host: str, hmi_port: int) -> None:
    """Runs until cancelled. Raises `UnavailableError` where the screen's port cannot be had."""
    from tieline.bus import connected
    from tieline.cli.renewing import renewing
    from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer, Retention
    from tieline.historian.fetching import answer_questions
    from tieline.model import subjects
    from tieline.scada import LiveState
    from tieline.scada.feed import Feed
    from tieline.web import create_app, listen, serve

    os.nice(NICENESS)
    own = utility.narrowed(site)
    section = own.site(site).local
    clock = SystemClock().now_us
    listener = listen(host, hmi_port)
    log.info("local screen", site=site, address=f"http://{host}:{listener.getsockname()[1]}")
    folder = local_folder(data, site)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    retention = Retention(
        lake_after_days=0, delete_after_days=section.keep_days, most_mb=section.mb, reserve_mb=own.site(site).spool.reserve_mb
    )
    open_historian = partial(
        Historian.open,
        folder / FILE_NAME,
        lake=folder / "lake",
        points=own.points,
        retention=retention,
        seal_rows=SEAL_ROWS,
        memory_mb=section.memory_mb,
    )
    authority = open_authority(data)
    credentials = authority.credentials(subjects.local_role(site))
    live = LiveState(own.points, sites=[site], started=clock())
    async with AsyncExitStack() as stack:
        historian = stack.enter_context(await open_patiently(open_historian))
        historian.start_care()
        stack.enter_context(HistorianServer(historian))
        asker = await stack.enter_async_context(AsyncClient(folder))
        await stack.enter_async_context(renewing(authority, {credentials: None}))
        client = await stack.enter_async_context(connected(bus_port, credentials))
        async with asyncio.TaskGroup() as tasks:
            app = create_app(own, live, asker, local_site=site)
            tasks.create_task(serve(app, listener=listener), name="serve")
            await _stream_exists(client)
            tasks.create_task(_ingest(client, historian), name="ingest")
            tasks.create_task(answer_questions(client, site, historian), name="answer questions")
            feed = Feed(
                client,
                live,
                clock,
                stream=subjects.LOCAL_STREAM,
                batches=(subjects.local_batches(site),),
                found=subjects.local_found,
                start_after=await _committed(client),
            )
            tasks.create_task(feed.run(lambda: seed(live, asker, clock)), name="feed")


async def _stream_exists(client: Client) -> None:
    """Waits until the gateway has made the stream."""
    from tieline.bus import streams
    from tieline.model import subjects

    while True:
        try:
            await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.LOCAL_STREAM}", {})
        except UnavailableError as error:
            log.debug("no stream to follow yet", reason=str(error))
            await asyncio.sleep(RETRY_S)
        else:
            return


async def _committed(client: Client) -> int:
    """The number of the last message of the stream that is in the historian, once that has caught up, or after five seconds."""
    from tieline.bus import streams
    from tieline.model import subjects

    subject = f"$JS.API.CONSUMER.INFO.{subjects.LOCAL_STREAM}.{subjects.HISTORIAN_CONSUMER}"
    deadline = asyncio.get_running_loop().time() + CATCH_UP_S
    last = 0
    while asyncio.get_running_loop().time() < deadline:
        try:
            consumer = await streams.api(client, subject, {})
        except UnavailableError as error:
            log.debug("historian's place not known yet", reason=str(error))
        else:
            last = int(consumer["ack_floor"]["stream_seq"])
            if not consumer["num_pending"] and not consumer["num_ack_pending"]:
                break
        await asyncio.sleep(CATCH_UP_POLL_S)
    return last


async def _ingest(client: Client, historian: Historian) -> None:
    from tieline.historian.ingest import IngestCounts, ingest
    from tieline.model import subjects

    counts, backoff = IngestCounts(), Backoff(random.random, cap_s=5.0)
    is_told = False
    while True:
        try:
            await ingest(client, historian, counts, backoff, stream=subjects.LOCAL_STREAM)
        except UnavailableError as error:  # the server was away when the consumer was asked for
            if not is_told:
                is_told = True
                log.warning("own history not written yet", reason=str(error))
            await asyncio.sleep(RETRY_S)
