"""How much is under way, how fast, and for how long; in fake time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import Now, RemoteError
from tieline.security.remote import frames
from tieline.security.remote.flow import CHUNK, WINDOW, Bucket, Receiving, Sending
from tieline.security.remote.frames import Close, Data, End, Kind, Open, Permit, Taken
from tieline.security.remote.tenure import LOST_S, PERMIT_S, Tenure


@given(st.lists(st.integers(1, CHUNK), max_size=60))
def test_a_sender_that_heeds_its_window_never_breaks_that_of_the_receiver(sizes: list[int]) -> None:
    sending, receiving = Sending(), Receiving()
    for size in sizes:
        if sending.room < size:
            while (told := receiving.take(1)) is None:
                pass
            sending.acknowledge(told)
        if sending.room >= size:
            receiving.receive(sending.send(size), size)
    receiving.receive_end(sending.sent)
    assert receiving.received - receiving.taken <= WINDOW


def test_a_lost_doubled_or_surplus_frame_ends_the_session() -> None:
    receiving = Receiving()
    receiving.receive(0, 10)
    for begin, size, words in ((20, 5, "bytes were lost"), (0, 10, "bytes were lost"), (10, CHUNK + 1, "more than may come")):
        with pytest.raises(RemoteError, match=words):
            receiving.receive(begin, size)
    with pytest.raises(RemoteError, match="bytes were lost"):
        receiving.receive_end(11)
    receiving.receive_end(10)
    with pytest.raises(RemoteError, match="after the end"):
        receiving.receive(10, 1)
    with pytest.raises(RemoteError, match="bytes were lost"):
        receiving.receive_end(10)


def test_more_than_the_window_under_way_ends_the_session() -> None:
    receiving = Receiving()
    for place in range(0, WINDOW, CHUNK):
        receiving.receive(place, CHUNK)
    with pytest.raises(RemoteError, match="more than may come"):
        receiving.receive(WINDOW, 1)


def test_nobody_takes_what_was_not_sent() -> None:
    sending, receiving = Sending(), Receiving()
    sending.send(10)
    sending.acknowledge(5)
    for taken in (4, 11):
        with pytest.raises(RemoteError, match="said to be taken"):
            sending.acknowledge(taken)
    with pytest.raises(RemoteError, match="said to be taken"):
        receiving.tell_taken(1, most=0)


def test_a_bucket_lets_so_much_through_and_no_more() -> None:
    bucket, now_s, passed = Bucket(100_000.0), 0.0, 0
    while now_s < 60:
        now_s += bucket.take(CHUNK, now_s)
        passed += CHUNK
    assert passed == pytest.approx(6_000_000, rel=0.01)


def test_after_a_pause_a_bucket_gives_little_at_once() -> None:
    bucket = Bucket(1_000_000.0)
    assert bucket.take(100_000, 0.0) == 0
    assert bucket.take(100_000, 3_600.0) == 0
    assert bucket.take(100_000, 3_600.0) == pytest.approx(0.1)


def at(seconds: float, *, stepped_s: float = 0.0) -> Now:
    return Now(100.0 + seconds, round((1_000.0 + seconds + stepped_s) * 1e6))


def tenure(lasts_s: float = 60.0, idle_s: float = 30.0) -> Tenure:
    return Tenure(at(0), end_us=at(lasts_s).utc_us, idle_s=idle_s)


def test_an_end_without_permission_closes_within_two_seconds() -> None:
    kept = tenure()
    for tick in range(5):
        kept.permit(at(tick * PERMIT_S))
        assert kept.why_over(at(tick * PERMIT_S)) == ""
    last = 4 * PERMIT_S
    assert kept.why_over(at(last + LOST_S - 0.01)) == ""
    assert "does not permit it any more" in kept.why_over(at(last + LOST_S + 0.1))
    assert LOST_S + PERMIT_S / 2 <= 2.0


def test_an_end_closes_with_the_grant_whatever_is_done_to_the_clock() -> None:
    for stepped_s in (0.0, -3_600.0):
        kept = tenure(lasts_s=60, idle_s=1e9)
        kept.permit(at(59.9))
        assert kept.why_over(at(59.9, stepped_s=stepped_s)) == ""
        assert kept.why_over(at(60.0, stepped_s=stepped_s)) == "the grant's time is over"
    forward = tenure(lasts_s=60)
    assert forward.why_over(at(1.0, stepped_s=100.0)) == "the grant's time is over"


def test_an_idle_session_closes() -> None:
    kept = tenure(idle_s=30)
    for now_s, has_moved in ((20.0, True), (49.9, False)):
        kept.permit(at(now_s))
        assert kept.why_over(at(now_s)) == ""
        if has_moved:
            kept.move(at(now_s))
    kept.permit(at(50.5))
    assert kept.why_over(at(50.5)) == "nothing has passed for too long"


@pytest.mark.parametrize("frame", [Data(7, b"abc"), Taken(5), End(9), Permit(), Close("why", is_cut=True)])
def test_a_frame_is_read_as_it_was_written(frame: frames.Frame) -> None:
    assert frames.decode(frames.encode(frame)) == frame


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_frame_or_an_error(payload: bytes) -> None:
    for read in (frames.decode, frames.decode_open, frames.decode_outcome):
        try:
            read(payload)
        except RemoteError:
            continue
    try:
        kind, length = frames.unpack_head(payload)
    except RemoteError:
        return
    assert isinstance(kind, Kind)
    assert 0 <= length <= max(CHUNK, frames.MOST_WORDS * 4)


def test_an_oversized_frame_is_none() -> None:
    with pytest.raises(RemoteError, match="is no frame"):
        frames.decode(frames.encode(Data(0, bytes(CHUNK + 100))))
    for kind in (Kind.TICKET, Kind.DATA, Kind.END):
        with pytest.raises(RemoteError, match="too long"):
            frames.unpack_head(bytes((kind,)) + (65_535).to_bytes(2, "big"))


@pytest.mark.parametrize("line", ["", "*", ">", "a.b", "0123456789abcdef\r\nPUB x 0", "0123456789abcdeF", "0123456789abcdef\n"])
def test_the_name_of_a_line_is_nothing_but_a_name(line: str) -> None:
    with pytest.raises(RemoteError, match="asks nothing about a ticket"):
        frames.decode_open(frames.encode(Open(line, bytes(32), "192.0.2.9")))
    assert frames.decode_open(frames.encode(Open("0123456789abcdef", bytes(32), "192.0.2.9"))).address == "192.0.2.9"
