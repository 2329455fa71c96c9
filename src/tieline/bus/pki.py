"""Certificates on the bus: what is revoked, told by the center; who asks for a certificate, passed on by the DMZ.

The center repeats the list of what is revoked every ten seconds, and at once where it has changed. A site that was away hears it when it is
back; nobody on the way keeps anything, and nobody can hold back a newer list by sending an older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeoutError

from tieline.model import RemoteError, TielineError, UnavailableError, subjects
from tieline.security.identity.est import Operation
from tieline.security.identity.revocation import Revocations

LOOK_S = 1.0
REPEAT_S = 10.0
ANSWER_S = 15.0
MOST_WAITING = 100

log = structlog.get_logger()


class Ask(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a client of EST wants, as the DMZ understood it."""

    operation: Operation
    csr: bytes = b""
    user: str = ""
    password: str = ""
    certificate: bytes = b""
    """The one that the client has shown, in DER."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A status of HTTP, and certificates in DER or the reason."""

    status: int
    reason: str = ""
    certificates: tuple[bytes, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_asks = msgspec.msgpack.Decoder(Ask)
_answers = msgspec.msgpack.Decoder(Answer)


async def ask_center(client: Client, ask: Ask) -> Answer:
    """The center's answer. Raises `UnavailableError` where none comes, `RemoteError` for one that makes no sense."""
    try:
        message = await client.request(subjects.PKI_ASK, _encode(ask), timeout=ANSWER_S)
        return _answers.decode(message.data)
    except (Error, NatsTimeoutError, TimeoutError) as error:
        raise UnavailableError("the center, which issues certificates, cannot be reached; try again") from error
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the answer of the center makes no sense: {error}") from error


async def answer_asks(client: Client, answer: Callable[[Ask], Awaitable[Answer]]) -> None:
    """Answers the DMZ until cancelled, one after the other."""
    asked: asyncio.Queue[Msg] = asyncio.Queue(MOST_WAITING)

    async def on_message(message: Msg) -> None:
        if not message.reply.startswith(f"{subjects.inbox(subjects.DMZ_ROLE)}."):
            return  # nowhere else: the center may publish what the DMZ may not
        try:
            asked.put_nowait(message)
        except asyncio.QueueFull:
            log.warning("question for a certificate dropped", waiting=MOST_WAITING)

    subscription = await client.subscribe(subjects.PKI_ASK, cb=on_message)
    try:
        while True:
            message = await asked.get()
            try:
                reply = await answer(_asks.decode(message.data))
            except msgspec.MsgspecError as error:
                reply = Answer(400, f"the question makes no sense: {error}")
            try:
                await message.respond(_encode(reply))
            except Error as error:  # whoever asked may ask again
                log.warning("answer not sent", reason=str(error) or type(error).__name__)
    finally:
        if client.is_connected:
            await subscription.unsubscribe()


async def tell_revoked(client: Client, revocations: Revocations) -> None:
    """Repeats the list until cancelled."""
    loop = asyncio.get_running_loop()
    told, told_at = b"", 0.0
    while True:
        try:
            current = revocations.current()
            if current is not None and (current.pem != told or loop.time() - told_at >= REPEAT_S):
                await client.publish(subjects.PKI_REVOKED, current.pem)
                told, told_at = current.pem, loop.time()
        except (TielineError, Error) as error:
            log.debug("what is revoked is not told", reason=str(error) or type(error).__name__)
        await asyncio.sleep(LOOK_S)


async def hear_revoked(client: Client, revocations: Revocations) -> None:
    """Keeps the newest list that the center tells, until cancelled."""
    refused = ""

    async def on_message(message: Msg) -> None:
        nonlocal refused
        try:
            is_new = revocations.take(message.data)
        except TielineError as error:
            if str(error) != refused:
                refused = str(error)
                log.error("list of what is revoked not taken", reason=refused)
            return
        if is_new:
            refused = ""
            log.info("list of what is revoked taken", number=_number(revocations))

    subscription = await client.subscribe(subjects.PKI_REVOKED, cb=on_message)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        if client.is_connected:
            await subscription.unsubscribe()


def _number(revocations: Revocations) -> int:
    current = revocations.current()
    return 0 if current is None else current.number
