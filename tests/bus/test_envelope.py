from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tieline.bus import DeviceHealth, Health, decode_batch, decode_health, encode_batch, encode_health
from tieline.bus.configuration import MAX_PAYLOAD
from tieline.config.site import MOST_BATCH_SAMPLES
from tieline.model import Batch, Event, RemoteError, Samples, Severity

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
batches = st.builds(
    Batch,
    site=st.just("a"),
    incarnation=st.integers(0, 2**63 - 1),
    sequence=st.integers(1, 2**63 - 1),
    samples=columns,
    events=st.lists(events, max_size=3).map(tuple),
)


@given(batches)
def test_a_batch_comes_out_as_it_went_in(batch: Batch) -> None:
    back = decode_batch(encode_batch(batch))
    assert (back.site, back.incarnation, back.sequence, back.events) == ("a", batch.incarnation, batch.sequence, batch.events)
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
    assert raw[1] == 1
    raw[1] = 2
    with pytest.raises(RemoteError, match="version 2, this release reads 1"):
        decode_batch(bytes(raw))


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
