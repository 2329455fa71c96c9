"""Questions and orders of screens to a role of the center: one message, answered once, in the name of the person who is logged in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from tieline.model import ConfigError, LocalError, RefusedError, RemoteError, TielineError, UnavailableError
from tieline.security.identity.accounts.identity import Identity

log = structlog.get_logger()

ANSWER_S = 10.0
MOST_WAITING = 1_000

A = TypeVar("A")
R = TypeVar("R")


class Request(msgspec.Struct, Generic[A], frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """A question or an order."""

    answer: ClassVar[Any]
    timeout_s: ClassVar[float] = ANSWER_S

    who: Identity | None = None
    """In whose name; None for what everybody may know."""


class _Failure(msgspec.Struct, frozen=True, tag="failure"):
    kind: str
    message: str


class _Success(msgspec.Struct, frozen=True, tag="success"):
    result: msgspec.Raw


_ERRORS: dict[str, type[TielineError]] = {
    kind.__name__: kind for kind in (ConfigError, RemoteError, LocalError, UnavailableError, RefusedError)
}
_encode = msgspec.msgpack.Encoder().encode
_answers = msgspec.msgpack.Decoder(_Success | _Failure)


async def ask(client: Client, subject: str, request: Request[A], *, whom: str) -> A:
    """The answer. Raises `UnavailableError` where none comes, and what was raised there: `RefusedError` above all.

    `whom` names in words, in the plural, who is asked.
    """
    try:
        message = await client.request(subject, _encode(request), timeout=request.timeout_s)
    except NoRespondersError as error:
        raise UnavailableError(f"{whom} do not run at the moment; they are started again") from error
    except (NatsTimeoutError, TimeoutError) as error:
        raise UnavailableError(f"{whom} did not answer in time; ask what became of it before you repeat it") from error
    except Error as error:
        raise UnavailableError(f"the bus cannot be used: {error}") from error
    try:
        answer = _answers.decode(message.data)
        if isinstance(answer, _Failure):
            raise _ERRORS.get(answer.kind, UnavailableError)(answer.message)
        result: A = msgspec.msgpack.decode(answer.result, type=request.answer)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the answer of {whom} makes no sense: {error}") from error
    return result


async def answer_all(
    client: Client, subject: str, requests: msgspec.msgpack.Decoder[R], answer: Callable[[R], Awaitable[object]]
) -> None:
    """Answers until cancelled, side by side; `answer` gives the result or raises `TielineError`."""
    async with asyncio.TaskGroup() as tasks:

        async def on_message(message: Msg) -> None:
            tasks.create_task(_answer(message, requests, answer), name="answer a request")

        subscription = await client.subscribe(subject, cb=on_message, pending_msgs_limit=MOST_WAITING)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if client.is_connected:
                await subscription.unsubscribe()


async def _answer(message: Msg, requests: msgspec.msgpack.Decoder[R], answer: Callable[[R], Awaitable[object]]) -> None:
    reply: _Success | _Failure
    try:
        reply = _Success(msgspec.Raw(_encode(await answer(requests.decode(message.data)))))
    except msgspec.MsgspecError as error:
        reply = _Failure(RemoteError.__name__, f"the request makes no sense: {error}")
    except TielineError as error:
        kind = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), UnavailableError.__name__)
        reply = _Failure(kind, str(error))
    try:
        await message.respond(_encode(reply))
    except Error as error:  # whoever asked may ask again
        log.warning("answer not sent", reason=str(error) or type(error).__name__)
