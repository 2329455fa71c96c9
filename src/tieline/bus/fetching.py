"""How samples that a site has kept are asked for: the next few after a place, and nothing remembered in between.

The order is by time, then by point. A question names a place in it, `after`, and gets the samples that follow, with the place for the
next question. The site keeps no state, so a question may be repeated, and whoever asks goes at his own pace.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
import numpy as np

from tieline.model import RemoteError, Samples

VERSION = 1
MOST_SAMPLES = 20_000
"""In an answer; with 22 bytes each well below the bus's payload limit."""
MOST_POINTS = 10_000

Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
PointNumber = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Place = tuple[Time, PointNumber]


class FetchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for samples of these points from `start_us` to before `end_us`, those after a place only; microseconds UTC."""

    version: int = VERSION
    points: Annotated[list[PointNumber], msgspec.Meta(max_length=MOST_POINTS)]
    start_us: Time
    end_us: Time
    after: Place | None = None
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_SAMPLES)] = MOST_SAMPLES


class FetchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The samples that follow, and the place for the next question; none where that was the end."""

    version: int = VERSION
    point: bytes = b""
    time: bytes = b""
    value: bytes = b""
    quality: bytes = b""
    after: Place | None = None
    kept: tuple[Time, Time] | None = None
    """The oldest and the newest time of anything that the site keeps."""
    error: str = ""

    @property
    def samples(self) -> Samples:
        """Its samples. Raises `RemoteError` where the columns do not fit each other."""
        try:
            return Samples(
                np.frombuffer(self.point, "<u4"),
                np.frombuffer(self.time, "<i8"),
                np.frombuffer(self.value, "<f8"),
                np.frombuffer(self.quality, "<u2"),
            )
        except ValueError as error:
            raise RemoteError(f"the site's answer makes no sense: {error}") from error


_M = TypeVar("_M", FetchRequest, FetchAnswer)
_encode = msgspec.msgpack.Encoder().encode
_request_decoder = msgspec.msgpack.Decoder(FetchRequest)
_answer_decoder = msgspec.msgpack.Decoder(FetchAnswer)


def encode_fetch(message: FetchRequest | FetchAnswer) -> bytes:
    """The question or the answer as the payload of a message."""
    return _encode(message)


def answer_of(samples: Samples, *, after: Place | None, kept: tuple[int, int] | None) -> FetchAnswer:
    """An answer with these samples."""
    columns = ((samples.point, "<u4"), (samples.time, "<i8"), (samples.value, "<f8"), (samples.quality, "<u2"))
    point, time, value, quality = (np.ascontiguousarray(column, kind).tobytes() for column, kind in columns)
    return FetchAnswer(point=point, time=time, value=value, quality=quality, after=after, kept=kept)


def decode_fetch_request(payload: bytes) -> FetchRequest:
    """The question in a payload. Raises `RemoteError` for anything else."""
    return _checked(_request_decoder, payload, "a question for samples")


def decode_fetch_answer(payload: bytes) -> FetchAnswer:
    """The answer in a payload. Raises `RemoteError` for anything else, and for an answer that says what is wrong."""
    answer = _checked(_answer_decoder, payload, "an answer with samples")
    if answer.error:
        raise RemoteError(f"the site answers: {answer.error}")
    return answer


def _checked(decoder: msgspec.msgpack.Decoder[_M], payload: bytes, what: str) -> _M:
    try:
        message = decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"a message is not {what}: {error}") from error
    if message.version != VERSION:
        raise RemoteError(f"{what} has version {message.version}, this release reads {VERSION}; update the older side")
    return message
