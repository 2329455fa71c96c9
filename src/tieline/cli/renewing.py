"""Keeps the certificates of the roles in this process from ending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from tieline.security.identity import Authority, Credentials, Renewal

NOTICE_S = 1.0
"""So soon a certificate that somebody put there is taken up."""


@asynccontextmanager
async def renewing(
    authority: Authority, kept: Mapping[Credentials, Callable[[], None] | None], *, est: str = ""
) -> AsyncIterator[None]:
    """Renews these while the block lasts; each is given with what is to be told when it was.

    Where no certificates are issued, they are asked of the DMZ at the address `est` (HOST:PORT), if there is one.
    """
    renewal = Renewal(authority)
    for credentials, on_renewed in kept.items():
        renewal.keep(credentials, on_renewed)

    loop = asyncio.get_running_loop()

    async def look() -> None:
        due = loop.time()
        while True:
            if loop.time() >= due or renewal.has_changed():
                if est and renewal.has_due():
                    from tieline.cli.est_client import renew

                    await asyncio.to_thread(renewal.fetch_due, partial(renew, authority, address=est))
                due = loop.time() + renewal.look().total_seconds()
            await asyncio.sleep(max(0.0, min(NOTICE_S, due - loop.time())))

    # Not a task group: it would wrap whatever leaves the caller's block into a group of its own.
    looking = asyncio.create_task(look(), name="renew certificates")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])
