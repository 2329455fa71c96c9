"""The order by which the center lets a site open one connection to one service of one device: signed, for one session, taken once.

What is signed are the bytes that travel. A site believes nobody on the way: it takes an order only with the signature of the center's
remote access over this purpose, for its own name, for a service and port that its own folder has, with a number above every one
that it took before (over a restart too), issued within seconds by clocks that agree, and with an end that is not over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from tieline.config.remote import RemoteService, SiteRemote
from tieline.model import RefusedError, RemoteError
from tieline.security.identity.signing import Signer, Verifier

VERSION = 1
PURPOSE = "remote-access 1"
"""What the signature is for."""
MOST_BYTES = 32_768
"""With the chain of the signer's certificate."""
MOST_OFFSET_S = 2.0
"""Clocks of the center and the site that differ by more make no statement about an age."""
MOST_AGE_S = 15.0
"""An order is taken within this time after it was issued."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=400)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Order(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """A session that the site is to open; times are microseconds since 1970-01-01 UTC by the center's clock."""

    version: int = VERSION
    session: _Id
    grant: _Id
    person: _Text
    reason: _Text
    site: _Id
    device: _Id
    service: _Id
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    issued_us: _Time
    end_us: _Time
    idle_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    number: Annotated[int, msgspec.Meta(ge=1, le=2**62)]
    """Grows with every order to the site."""


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An order as it travels: its bytes, the signature over them, the signer's certificate in DER."""

    order: bytes
    signature: bytes
    certificate: bytes


class OrderAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What the site has done: connected, or why not."""

    session: str
    is_open: bool
    words: str = ""


T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode
_signed = msgspec.msgpack.Decoder(Signed)
_order = msgspec.msgpack.Decoder(Order)
_answer = msgspec.msgpack.Decoder(OrderAnswer)


def sign(order: Order, signer: Signer) -> bytes:
    """The payload of a message."""
    raw = _encode(order)
    return _encode(Signed(raw, signer.sign(PURPOSE, raw), signer.certificate))


def encode_answer(answer: OrderAnswer) -> bytes:
    """The payload of the reply."""
    return _encode(answer)


def decode_answer(payload: bytes) -> OrderAnswer:
    """The site's answer. Raises `RemoteError` for anything else."""
    return _decode(_answer, payload, "an answer of a site")


class Acceptance:
    """What a site asks of an order. One at a time: whoever takes one writes `newest` down before it acts."""

    def __init__(
        self, site: str, remote: SiteRemote, verifier: Verifier, *, newest: int, offset_s: Callable[[], float | None]
    ) -> None:
        """`newest` is the largest number that was ever taken; `offset_s` how far the center's clock is ahead, None if unknown."""
        self._site = site
        self._remote = remote
        self._verifier = verifier
        self._offset_s = offset_s
        self.newest = newest

    def take(self, payload: bytes, now_us: int, running: int) -> tuple[Order, RemoteService]:
        """The order and the service that it is for; its number is used from now on, whatever becomes of it.

        `running` sessions are open here. Raises `RemoteError` for what is no order, `RefusedError` for one that is not taken.
        """
        order = self._verified(payload, now_us)
        if order.site != self._site:
            raise RefusedError(f"the order is for {order.site}")
        if order.number <= self.newest:
            raise RefusedError(
                f"the order has number {order.number}, and {self.newest} was here already: a repetition, or it comes too late"
            )
        self.newest = order.number
        offset_s = self._offset_s()
        if offset_s is not None and abs(offset_s) > MOST_OFFSET_S:
            where = "ahead of" if offset_s > 0 else "behind"
            raise RefusedError(f"the clocks differ: the center's is {abs(offset_s):.1f} s {where} the site's")
        age_s = (now_us - order.issued_us) / 1e6
        if not -MOST_OFFSET_S <= age_s <= MOST_AGE_S:
            raise RefusedError(f"the order was issued {age_s:.1f} s ago, and counts for {MOST_AGE_S:g} s")
        if now_us >= order.end_us:
            raise RefusedError("the grant's time is over")
        if not self._remote.allowed:
            raise RefusedError(f"{self._site} permits no remote access")
        service = self._remote.service(order.device, order.service)
        if service is None or service.port != order.port:
            raise RefusedError(f"{self._site} has no service {order.device}/{order.service} at port {order.port} in its folder")
        if running >= self._remote.most_sessions:
            raise RefusedError(f"{self._site} has {running} sessions already, which is the most")
        return order, service

    def _verified(self, payload: bytes, now_us: int) -> Order:
        if len(payload) > MOST_BYTES:
            raise RemoteError(f"a message of {len(payload)} bytes is no order")
        signed = _decode(_signed, payload, "a signed order")
        at = datetime.fromtimestamp(now_us / 1e6, UTC)
        self._verifier.verify(PURPOSE, signed.order, signed.signature, signed.certificate, at)
        order = _decode(_order, signed.order, "an order")
        if order.version != VERSION:
            raise RemoteError(f"the order has version {order.version}, this release reads {VERSION}; update the older side")
        return order


def _decode(decoder: msgspec.msgpack.Decoder[T], payload: bytes, what: str) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RemoteError(f"the message is not {what}: {error}") from error
