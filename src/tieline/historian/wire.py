"""How asker and historian talk over the Unix socket.

A request is a length (32 bits, big endian) and so many bytes of msgpack. An answer is a row of frames, each a letter, a length and
so many bytes: `d` a complete Arrow IPC stream with one batch (the first frame always comes, with the schema alone when there are
no rows), `e` a query error and `u` an unavailability, both in words, `z` the end. A connection takes one request after another.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

SOCKET_NAME = "historian.sock"
MAX_REQUEST = 16 * 1024 * 1024

LENGTH = struct.Struct(">I")
HEAD = struct.Struct(">cI")

DATA, ERROR, UNAVAILABLE, END = b"d", b"e", b"u", b"z"
END_FRAME = HEAD.pack(END, 0)


class Query(msgspec.Struct, frozen=True, tag="query"):
    """Any SQL that reads."""

    statement: str
    parameters: list[Any] | dict[str, Any] | None = None


class SamplesOf(msgspec.Struct, frozen=True, tag="samples"):
    """`Reader.samples`."""

    points: list[int]
    start_us: int
    end_us: int


class HistoryOf(msgspec.Struct, frozen=True, tag="history"):
    """`Reader.history`."""

    points: list[int]
    start_us: int
    end_us: int
    buckets: int


class StatisticsOf(msgspec.Struct, frozen=True, tag="statistics"):
    """`Reader.statistics`."""

    points: list[int]
    start_us: int
    end_us: int
    holds_us: list[int]


Request = Query | SamplesOf | HistoryOf | StatisticsOf

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Request).decode


def encode_request(request: Request) -> bytes:
    """The request as it goes over the socket."""
    body = _encode(request)
    return LENGTH.pack(len(body)) + body


def decode_request(body: bytes) -> Request:
    """The request; raises `ValueError` where the bytes make none."""
    request: Request = _decode(body)
    return request


def frame(kind: bytes, body: bytes) -> bytes:
    """One frame of an answer."""
    return HEAD.pack(kind, len(body)) + body


def data_frame(schema: pa.Schema, batch: pa.RecordBatch | None) -> tuple[bytes, pa.Buffer]:
    """Head and body of a frame with these rows, or none."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        if batch is not None:
            writer.write_batch(batch)
    body = sink.getvalue()
    return HEAD.pack(DATA, len(body)), body


@contextmanager
def socket_address(folder: Path) -> Iterator[str]:
    """The socket's address by way of an open folder: a socket address holds 107 bytes, a path may be longer."""
    path = folder / SOCKET_NAME
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)
