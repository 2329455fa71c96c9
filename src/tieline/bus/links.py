"""The center's side of the links: answers every site that asks whether it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from tieline.bus.envelope import LinkAnswer, decode_link_request, encode_link
from tieline.model import RemoteError, subjects

log = structlog.get_logger()


async def answer_links(client: Client, sites: Iterable[str], clock: Callable[[], int]) -> None:
    """Answers until cancelled; `clock` gives microseconds since 1970-01-01 UTC."""

    async def answer(message: Msg) -> None:
        received = clock()
        try:
            number = decode_link_request(message.data).number
        except RemoteError as error:
            log.error("message does not ask for the center", subject=message.subject, reason=str(error))
            return
        # Nowhere else: the center may publish what a site may not.
        if message.reply.startswith(f"{subjects.inbox(subjects.edge_role(subjects.site_of(message.subject)))}."):
            await client.publish(message.reply, encode_link(LinkAnswer(number, received, clock())))

    # One subscription a site: the DMZ passes on no wildcard that reaches beyond what a site may publish.
    questions = [await client.subscribe(subjects.link(site), cb=answer) for site in sites]
    try:
        await asyncio.Event().wait()
    finally:
        if client.is_connected:
            for question in questions:
                await question.unsubscribe()
