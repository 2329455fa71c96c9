"""What travels in a message: batches of samples and events, a site's health, and the question whether the center is there.

A batch carries its columns as the bytes that they are in memory (little-endian, `tieline.model.Samples`): one copy when it is made,
none when it is read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from tieline.model import AuditRecord, Batch, Event, Purpose, RemoteError, Samples, Severity

VERSION = 2
OLDEST_VERSION = 1
"""A site's streams may still hold batches of it: they end after the events."""


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Sequence = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Incarnation = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Event(msgspec.Struct, array_like=True):
    time: _Int64
    device: str
    kind: str
    severity: str
    text: str


class _Record(msgspec.Struct, array_like=True):
    sequence: _Sequence
    time_us: _Int64
    actor: str
    action: str
    target: str
    detail: dict[str, str | int | float | bool | None]
    outcome: str


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
    records: list[_Record] = []
    purpose: str = Purpose.LIVE
    start: _Incarnation = 0
    may_repeat: bool = False


class LinkRequest(msgspec.Struct, array_like=True, frozen=True):
    """A site asks whether the center is there; `time` is its own, in microseconds since 1970-01-01 UTC."""

    number: _Incarnation
    time: _Int64


class LinkAnswer(msgspec.Struct, array_like=True, frozen=True):
    """The center is there; it got the question and sent this answer at these times of its own clock."""

    number: _Incarnation
    received: _Int64
    sent: _Int64


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
    """Batches in the site's streams that the center has not been sent yet, back-fill among them."""
    devices: dict[str, DeviceHealth]
    backfill: int = 0
    """Of them, batches measured while the center could not be reached."""
    dropped: int = 0
    """Samples given up because the disk was full."""
    values: dict[str, float] = {}
    """The own points, by their names, of a role that has no stream to put samples on."""


_encoder = msgspec.msgpack.Encoder()
_batch_decoder = msgspec.msgpack.Decoder(_Batch)
_health_decoder = msgspec.msgpack.Decoder(Health)
_request_decoder = msgspec.msgpack.Decoder(LinkRequest)
_answer_decoder = msgspec.msgpack.Decoder(LinkAnswer)


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
            [_record(record) for record in batch.records],
            batch.purpose,
            batch.start,
            batch.may_repeat,
        )
    )


def decode_batch(payload: bytes, *, site: str | None = None) -> Batch:
    """The batch in a payload, its columns over the payload's memory.

    Raises `RemoteError` for anything else, also for a batch of another site than the one in whose name it came.
    """
    try:
        raw = _batch_decoder.decode(payload)
        if not OLDEST_VERSION <= raw.version <= VERSION:
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
        purpose = Purpose(raw.purpose)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RemoteError(f"a message is not a batch: {error}") from error
    return Batch(
        site=raw.site,
        incarnation=raw.incarnation,
        sequence=raw.sequence,
        samples=samples,
        events=events,
        records=tuple(AuditRecord(site=raw.site, **msgspec.structs.asdict(record)) for record in raw.records),
        purpose=purpose,
        start=raw.start,
        may_repeat=raw.may_repeat,
    )


def encode_health(health: Health) -> bytes:
    """The health as the payload of a message."""
    return _encoder.encode(health)


def decode_health(payload: bytes, *, site: str | None = None) -> Health:
    """The health in a payload. Raises `RemoteError` for anything else, also for that of another than the one in whose name it came."""
    try:
        health = _health_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"a message is not a health report: {error}") from error
    if site is not None and health.site != site:
        raise RemoteError(f"a message of {site} holds the health of {health.site}")
    return health


def encode_link(message: LinkRequest | LinkAnswer) -> bytes:
    """The question or the answer as the payload of a message."""
    return _encoder.encode(message)


def decode_link_request(payload: bytes) -> LinkRequest:
    """The question in a payload. Raises `RemoteError` for anything else."""
    try:
        return _request_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"a message does not ask for the center: {error}") from error


def decode_link_answer(payload: bytes) -> LinkAnswer:
    """The answer in a payload. Raises `RemoteError` for anything else."""
    try:
        return _answer_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"a message is not the center's answer: {error}") from error


def _record(record: AuditRecord) -> _Record:
    return _Record(
        record.sequence,
        record.time_us,
        record.actor,
        record.action,
        record.target,
        dict(record.detail),
        record.outcome,
    )


def _raw(column: npt.NDArray[np.generic], dtype: type[np.generic]) -> memoryview:
    return np.ascontiguousarray(column, dtype).data.cast("B")
