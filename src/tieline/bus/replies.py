"""Questions to a site: it answers where no other site may speak, so nobody can answer in its place."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from tieline.model import subjects


def reply_subject(client: Client, role: str, site: str) -> str:
    """A new subject on which this site, and no other, can answer the role."""
    return f"{subjects.site_inbox(role, site)}.{client.new_inbox().rpartition('.')[2]}"


async def ask_site(client: Client, subject: str, payload: bytes, *, role: str, site: str, timeout_s: float) -> Msg:
    """The site's answer to the role. Raises `NoRespondersError` where nobody listens there, `TimeoutError`, and what nats-py raises."""
    answered: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
    reply = reply_subject(client, role, site)
    subscription = await client.subscribe(reply, future=answered)
    try:
        await client.publish(subject, payload, reply=reply)
        async with asyncio.timeout(timeout_s):
            message = await answered
    finally:
        if client.is_connected:
            await subscription.unsubscribe()
    if (message.headers or {}).get("Status") == "503":  # the server found nobody who listens
        raise NoRespondersError
    return message
