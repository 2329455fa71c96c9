"""What travels for a session: frames on the bus between the DMZ, the center and a site, and on the TLS connection of the person.

On the bus a message is one frame, msgpack. On the connection a frame is a kind, a length of two bytes, big-endian, and as many bytes;
the first one of the person is the ticket, the first one of the DMZ says what became of it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec

from tieline.model import RemoteError
from tieline.security.remote.flow import CHUNK

HELLO = b"tieline-remote 1\n"
"""What a client begins with, before the ticket's frame: whatever else comes is no client of ours."""
TICKET_BYTES = 32
HEAD_BYTES = 3
MOST_WORDS = 1_000


class Data(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """Bytes, and where they begin."""

    begin: int
    content: bytes


class Taken(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """So many bytes of the other way were taken in all."""

    total: int


class End(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """No more bytes come this way (a half-closed connection); so many did."""

    total: int


class Permit(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """From the center: the session may go on. From an end: it lives."""


class Close(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """The session is over; where `is_cut`, at once, whatever was still on its way."""

    words: str
    is_cut: bool = False


class Open(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """The DMZ asks what a ticket is good for; `line` is its name for the connection."""

    line: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    """It becomes part of a subject."""
    ticket: Annotated[bytes, msgspec.Meta(min_length=TICKET_BYTES, max_length=TICKET_BYTES)]
    address: Annotated[str, msgspec.Meta(max_length=64)]


class Opened(msgspec.Struct, frozen=True, array_like=True, tag="y"):
    """The session that a ticket has opened."""

    session: str
    target: str
    end_us: int
    idle_s: float


class NotOpened(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    """Why a ticket has opened none."""

    words: str


Frame = Data | Taken | End | Permit | Close
_encode = msgspec.msgpack.Encoder().encode
_frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_open = msgspec.msgpack.Decoder(Open)
_outcome: msgspec.msgpack.Decoder[Opened | NotOpened] = msgspec.msgpack.Decoder(Opened | NotOpened)


def encode(frame: Frame | Open | Opened | NotOpened) -> bytes:
    """The payload of a message."""
    return _encode(frame)


def decode(payload: bytes) -> Frame:
    """A frame of a session. Raises `RemoteError` for anything else."""
    if len(payload) > CHUNK + 64:
        raise RemoteError(f"a message of {len(payload)} bytes is no frame of a session")
    try:
        return _frames.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the message is no frame of a session: {error}") from error


def decode_open(payload: bytes) -> Open:
    """What the DMZ asks. Raises `RemoteError` for anything else."""
    try:
        return _open.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the message asks nothing about a ticket: {error}") from error


def decode_outcome(payload: bytes) -> Opened | NotOpened:
    """What the DMZ is answered. Raises `RemoteError` for anything else."""
    try:
        return _outcome.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the message does not say what became of a ticket: {error}") from error


class Kind(IntEnum):
    """Of a frame on the connection between a person and the DMZ."""

    TICKET = 1
    """From the person, first."""
    OPENED = 2
    """From the DMZ, first, where the ticket is good: `session target` as text."""
    DATA = 3
    END = 4
    """No more data comes from this side."""
    CLOSE = 5
    """It is over; why, as text."""
    ALIVE = 6


def pack(kind: Kind, content: bytes = b"") -> bytes:
    """A frame of the connection."""
    return bytes((kind,)) + len(content).to_bytes(2, "big") + content


def unpack_head(head: bytes) -> tuple[Kind, int]:
    """The kind and length of a frame. Raises `RemoteError` where it is none."""
    try:
        kind = Kind(head[0])
    except (ValueError, IndexError) as error:
        raise RemoteError("what came is no frame of remote access") from error
    length = int.from_bytes(head[1:HEAD_BYTES], "big")
    most = {Kind.TICKET: TICKET_BYTES, Kind.DATA: CHUNK, Kind.END: 0, Kind.ALIVE: 0}.get(kind, MOST_WORDS * 4)
    if length > most:
        raise RemoteError(f"a frame of {length} bytes is too long")
    return kind, length
