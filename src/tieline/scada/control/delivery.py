"""The way to a site: an order is numbered, signed and sent, and its answer awaited."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus import commands
from tieline.bus.commands import CommandAnswer, Order, SignedCommand
from tieline.bus.replies import reply_subject
from tieline.io import Clock
from tieline.model import Point, RemoteError, UnavailableError, subjects
from tieline.security.identity.signing import Signer

_NOTHING = "the center's bus cannot be reached; nothing was sent"


class NotSentError(UnavailableError):
    """Nothing left the center: the site cannot have acted."""


class NoAnswerError(UnavailableError):
    """The order left, and nobody knows what became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an order says, but for its number and its time."""

    id: str
    point: Point
    value: float
    requester: str
    selection: str
    reason: str = ""
    is_question: bool = False


class Delivery:
    """Sends orders; those to one site leave in the order of their numbers."""

    def __init__(self, client: Client, signer: Signer, *, command_s: float, clock: Clock) -> None:
        """An order counts for `command_s`."""
        self._client = client
        self._signer = signer
        self._life_us = round(command_s * 1e6)
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def order(self, wanted: Wanted, number: Callable[[], int], *, within_s: float) -> CommandAnswer:
        """The site's answer. `number` is called in a thread, and may do what has to be stored before the order leaves.

        Raises `NotSentError` or `NoAnswerError`, and what `number` raises.
        """
        site = wanted.point.site
        inbox = reply_subject(self._client, subjects.SCADA_ROLE, site)
        answered: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        try:
            subscription = await self._client.subscribe(inbox, future=answered)
        except Error as error:
            raise NotSentError(f"{_NOTHING}: {_reason(error)}") from error
        try:
            async with self._turns[site]:
                await self._send(site, self._sign(wanted, await asyncio.to_thread(number)), inbox)
            async with asyncio.timeout(within_s):
                message = await answered
        except TimeoutError as error:
            raise NoAnswerError(f"{site} has not answered within {within_s:g} s; it may have acted") from error
        finally:
            if self._client.is_connected:
                await subscription.unsubscribe()
        return _read(message, site)

    async def _send(self, site: str, payload: bytes, inbox: str) -> None:
        if not self._client.is_connected:  # the client would keep it, and send it when nobody wants it any more
            raise NotSentError(_NOTHING)
        try:
            await self._client.publish(subjects.command(site), payload, reply=inbox)
        except Error as error:
            raise NotSentError(f"{_NOTHING}: {_reason(error)}") from error

    def _sign(self, wanted: Wanted, number: int) -> bytes:
        now_us = self._clock.now_us()
        order = commands.encode_order(
            Order(
                version=commands.VERSION,
                id=wanted.id,
                site=wanted.point.site,
                point=wanted.point.id,
                value=wanted.value,
                requester=wanted.requester,
                select=wanted.selection,
                issued_us=now_us,
                expires_us=now_us + self._life_us,
                number=number,
                is_question=wanted.is_question,
                reason=wanted.reason,
            )
        )
        signature = self._signer.sign(commands.PURPOSE, order)
        return commands.encode_signed(SignedCommand(order, signature, self._signer.certificate))


def _read(message: Msg, site: str) -> CommandAnswer:
    if (message.headers or {}).get("Status") == "503":  # the server found nobody who listens
        raise NotSentError(f"nobody takes commands at {site}: its gateway or its link is down; nothing was sent")
    try:
        return commands.decode_answer(message.data)
    except RemoteError as error:
        raise NoAnswerError(str(error)) from error


def _reason(error: Error) -> str:
    return str(error) or type(error).__name__
