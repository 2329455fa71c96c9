from __future__ import annotations

from contextlib import suppress

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tieline.bus import DeviceHealth, Health, decode_batch, decode_health, encode_batch, encode_health
from tieline.bus.configuration import MAX_PAYLOAD
from tieline.config.site import MOST_BATCH_SAMPLES
from tieline.model import AuditRecord, Batch, Event, Purpose, RemoteError, Samples, Severity

lengths = st.shared(st.integers(0, 30), key="length")
columns = st.builds(
    Samples,
    hnp.arrays(np.uint32, lengths),
    hnp.arrays(np.int64, lengths),
    hnp.arrays(np.float64, lengths),
    hnp.arrays(np.uint16, lengths),
)
events = st.builds(
    Event,
    time=st.integers(-(2**62), 2**62),
    site=st.just("a"),
    device=st.text(max_size=5),
    kind=st.text(max_size=5),
    severity=st.sampled_from(Severity),
    text=st.text(max_size=20),
)
records = st.builds(
    AuditRecord,
    sequence=st.integers(1, 2**62),
    time_us=st.integers(-(2**62), 2**62),
    site=st.just("a"),
    actor=st.text(max_size=5),
    action=st.text(max_size=5),
    target=st.text(max_size=5),
    detail=st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), max_size=2),
    outcome=st.text(max_size=5),
)
batches = st.builds(
    Batch,
    site=st.just("a"),
    incarnation=st.integers(0, 2**63 - 1),
    sequence=st.integers(1, 2**63 - 1),
    samples=columns,
    events=st.lists(events, max_size=3).map(tuple),
    records=st.lists(records, max_size=2).map(tuple),
    purpose=st.sampled_from(Purpose),
    start=st.integers(0, 2**62),
    may_repeat=st.booleans(),
)


@given(batches)
def test_a_batch_comes_out_as_it_went_in(batch: Batch) -> None:
    back = decode_batch(encode_batch(batch))
    assert (back.site, back.incarnation, back.sequence, back.events) == ("a", batch.incarnation, batch.sequence, batch.events)
    assert (back.records, back.purpose, back.start, back.may_repeat) == (
        batch.records,
        batch.purpose,
        batch.start,
        batch.may_repeat,
    )
    for name in ("point", "time", "value", "quality"):
        assert getattr(back.samples, name).tobytes() == getattr(batch.samples, name).tobytes()


@given(batches, st.data())
def test_any_bytes_give_a_batch_or_a_remote_error(batch: Batch, data: st.DataObject) -> None:
    raw = bytearray(encode_batch(batch))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for decode in (decode_batch, decode_health):
        with suppress(RemoteError):
            decode(cut)  # type: ignore[operator]


def test_a_batch_of_another_version_says_which_side_is_older() -> None:
    raw = bytearray(encode_batch(Batch(site="a", incarnation=1, sequence=1, samples=Samples.empty())))
    assert raw[1] == 2
    raw[1] = 3
    with pytest.raises(RemoteError, match="version 3, this release reads 2"):
        decode_batch(bytes(raw))


def test_a_batch_that_an_older_release_left_in_a_site_s_stream_is_read() -> None:
    happened = ["", "k", "info", "t"]
    columns = [np.array([7], dtype).tobytes() for dtype in ("<u4", "<i8", "<f8", "<u2")]
    batch = decode_batch(msgspec.msgpack.encode([1, "a", 5, 6, *columns, [[1, *happened]]]))
    assert (batch.incarnation, batch.sequence, batch.samples.value.tolist()) == (5, 6, [7.0])
    assert [event.kind for event in batch.events] == ["k"]
    assert (batch.purpose, batch.start, batch.may_repeat, batch.records) == (Purpose.LIVE, 0, False, ())


def test_a_batch_in_another_site_s_name_is_refused() -> None:
    payload = encode_batch(Batch(site="a", incarnation=1, sequence=1, samples=Samples.empty()))
    assert decode_batch(payload, site="a").site == "a"
    with pytest.raises(RemoteError, match="a message of b holds a batch of a"):
        decode_batch(payload, site="b")


@pytest.mark.parametrize(("incarnation", "sequence", "time"), [(2**63, 1, 0), (1, 0, 0), (1, -1, 0), (1, 1, 2**63)])
def test_numbers_that_the_historian_could_not_store_are_refused(incarnation: int, sequence: int, time: int) -> None:
    batch = Batch(
        site="a",
        incarnation=incarnation,
        sequence=sequence,
        samples=Samples.empty(),
        events=(Event(time=time, site="a", kind="k", text="t"),),
    )
    with pytest.raises(RemoteError):
        decode_batch(encode_batch(batch))


def test_the_largest_batch_fits_the_payload_limit() -> None:
    samples = Samples.of(np.arange(MOST_BATCH_SAMPLES), np.arange(MOST_BATCH_SAMPLES), np.arange(MOST_BATCH_SAMPLES))
    assert len(encode_batch(Batch(site="a" * 64, incarnation=2**63 - 1, sequence=2**40, samples=samples))) < MAX_PAYLOAD / 2


def test_reading_a_batch_does_not_copy_its_columns() -> None:
    payload = encode_batch(Batch(site="a", incarnation=1, sequence=1, samples=Samples.of([1, 2], [3, 4], [5, 6])))
    value = decode_batch(payload).samples.value
    assert np.shares_memory(value, np.frombuffer(payload, np.uint8))


def test_health_comes_out_as_it_went_in() -> None:
    health = Health(
        site="a",
        time=1,
        incarnation=2,
        samples=3,
        batches=4,
        pending=5,
        conflated=6,
        spooled=7,
        devices={"rtu-1": DeviceHealth(is_up=True, requests=8, errors=9, overruns=10)},
    )
    assert decode_health(encode_health(health)) == health
    assert decode_health(encode_health(health), site="a") == health


def test_health_in_another_site_s_name_is_refused() -> None:
    """A site that says so under its own name would keep the values of another from becoming stale."""
    health = Health(site="a", time=1, incarnation=2, samples=3, batches=4, pending=5, conflated=6, spooled=7, devices={})
    with pytest.raises(RemoteError, match="a message of b holds the health of a"):
        decode_health(encode_health(health), site="b")
