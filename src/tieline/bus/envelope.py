"""What travels in a message: batches of samples and events, and a site's health.

A batch carries its columns as the bytes that they are in memory (little-endian, `tieline.model.Samples`): one copy when it is made,
none when it is read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from tieline.model import Batch, Event, RemoteError, Samples, Severity

VERSION = 1


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Incarnation = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Event(msgspec.Struct, array_like=True):
    time: _Int64
    device: str
    kind: str
    severity: str
    text: str


class _Batch(msgspec.Struct, array_like=True):
    version: int
    site: str
    incarnation: _Incarnation
    sequence: _Sequence
    point: memoryview
    time: memoryview
    value: memoryview
    quality: memoryview
    events: list[_Event]


class DeviceHealth(msgspec.Struct, frozen=True):
    """How a device answers, counted since the gateway's start."""

    is_up: bool
    requests: int = 0
    errors: int = 0
    overruns: int = 0


class Health(msgspec.Struct, frozen=True):
    """How a site's gateway is; sent every second. Counts are since its start, `time` is microseconds since 1970-01-01 UTC."""

    site: str
    time: int
    incarnation: int
    samples: int
    """Reported."""
    batches: int
    """Acknowledged by the site's stream."""
    pending: int
    """Samples in memory, not yet acknowledged."""
    conflated: int
    """Samples given up for newer ones of the same point because memory was full."""
    spooled: int
    """Batches in the site's stream that the center does not have yet."""
    devices: dict[str, DeviceHealth]


_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(_Batch)
_health_decoder = msgspec.msgpack.Decoder(Health)


def encode_batch(batch: Batch) -> bytes:
    """The batch as the payload of a message."""
    samples = batch.samples
    return _encoder.encode(
        _Batch(
            VERSION,
            batch.site,
            batch.incarnation,
            batch.sequence,
            _raw(samples.point, np.uint32),
            _raw(samples.time, np.int64),
            _raw(samples.value, np.float64),
            _raw(samples.quality, np.uint16),
            [_Event(event.time, event.device, event.kind, event.severity, event.text) for event in batch.events],
        )
    )


def decode_batch(payload: bytes, *, site: str | None = None) -> Batch:
    """The batch in a payload, its columns over the payload's memory.

    Raises `RemoteError` for anything else, also for a batch of another site than the one in whose name it came.
    """
    try:
        raw = _batch_decoder.decode(payload)
        if raw.version != VERSION:
            raise RemoteError(f"the batch has version {raw.version}, this release reads {VERSION}; update the older side")
        if site is not None and raw.site != site:
            raise RemoteError(f"a message of {site} holds a batch of {raw.site}")
        samples = Samples(
            np.frombuffer(raw.point, "<u4"),
            np.frombuffer(raw.time, "<i8"),
            np.frombuffer(raw.value, "<f8"),
            np.frombuffer(raw.quality, "<u2"),
        )
        events = tuple(
            Event(
                time=event.time,
                site=raw.site,
                device=event.device,
                kind=event.kind,
                severity=Severity(event.severity),
                text=event.text,
            )
            for event in raw.events
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise RemoteError(f"a message is not a batch: {error}") from error
    return Batch(site=raw.site, incarnation=raw.incarnation, sequence=raw.sequence, samples=samples, events=events)


def encode_health(health: Health) -> bytes:
    """The health as the payload of a message."""
    return _encoder.encode(health)


def decode_health(payload: bytes) -> Health:
    """The health in a payload. Raises `RemoteError` for anything else."""
    try:
        return _health_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"a message is not a health report: {error}") from error


def _raw(column: npt.NDArray[np.generic], dtype: type[np.generic]) -> memoryview:
    return np.ascontiguousarray(column, dtype).data.cast("B")
