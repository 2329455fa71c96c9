"""Commands from the center to a site: signed, bound to what they are for, and the site's answer.

An order is encoded once, and what is signed are the bytes that travel: how it is written is nothing to agree on. It names one site, one
point, one value, who wants it, the selection it comes from, when it was issued and until when it counts, and it has a number that
grows with every order to that site. A question is an order too: it asks what became of an earlier one with the same id, and never
makes anybody act; its number makes the earlier one worthless where that is still on its way.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from tieline.model import Outcome, RemoteError, Result

VERSION = 1
PURPOSE = "command 1"
"""What the signature is for."""
MOST_BYTES = 16_384

_Text = Annotated[str, msgspec.Meta(max_length=200)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**62)]
_Point = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class Order(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the center wants of a site; times are microseconds since 1970-01-01 UTC by the center's clock."""

    version: int
    id: _Id
    """Of the command; the same when it is asked for again."""
    site: _Id
    point: _Point
    value: float
    requester: _Id
    select: _Id
    """The selection that was executed."""
    issued_us: _Time
    expires_us: _Time
    number: _Number
    is_question: bool
    reason: _Text


class SignedCommand(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An order as it travels: its bytes, the signature over them, the signer's certificate in DER."""

    order: bytes
    signature: bytes
    certificate: bytes


class CommandAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What became of the command with that id."""

    version: int
    id: str
    """Empty where the message was not understood, or where it was a question that was not taken."""
    time_us: _Time
    result: str
    reason: str
    has_arrived: bool
    """False for an order that was refused before it was looked at as a command, or that never came."""

    @property
    def outcome(self) -> Outcome:
        """In the model's terms."""
        return Outcome(command=self.id, time=self.time_us, result=Result(self.result), reason=self.reason)


_M = TypeVar("_M")
_encode = msgspec.msgpack.Encoder().encode
_signed = msgspec.msgpack.Decoder(SignedCommand)
_order = msgspec.msgpack.Decoder(Order)
_answer = msgspec.msgpack.Decoder(CommandAnswer)


def encode_order(order: Order) -> bytes:
    """The bytes that are signed."""
    return _encode(order)


def encode_signed(signed: SignedCommand) -> bytes:
    """The payload of a message."""
    return _encode(signed)


def encode_answer(outcome: Outcome, *, has_arrived: bool) -> bytes:
    """The payload of the reply."""
    return _encode(CommandAnswer(VERSION, outcome.command, outcome.time, outcome.result, outcome.reason, has_arrived))


def decode_signed(payload: bytes) -> SignedCommand:
    """What a message holds. Raises `RemoteError` for anything else."""
    if len(payload) > MOST_BYTES:
        raise RemoteError(f"a message of {len(payload)} bytes is no command")
    return _checked(_signed, payload, "a signed command")


def decode_order(signed: SignedCommand) -> Order:
    """The order, once its signature is known to be right. Raises `RemoteError` where it makes no sense."""
    order = _checked(_order, signed.order, "an order")
    if order.version != VERSION:
        raise RemoteError(f"the order has version {order.version}, this release reads {VERSION}; update the older side")
    return order


def decode_answer(payload: bytes) -> CommandAnswer:
    """The site's answer. Raises `RemoteError` for anything else."""
    answer = _checked(_answer, payload, "an answer to a command")
    if answer.version != VERSION or answer.result not in set(Result):
        raise RemoteError(f"the site's answer to command {answer.id} makes no sense: version {answer.version}, {answer.result!r}")
    return answer


def _checked(decoder: msgspec.msgpack.Decoder[_M], payload: bytes, what: str) -> _M:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RemoteError(f"the message is not {what}: {error}") from error
