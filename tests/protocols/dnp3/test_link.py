"""The state tables of clause 9.2, row by row, and what a lossy or hostile line makes of them."""

from __future__ import annotations

import random

import pytest

from tests.protocols.dnp3 import bitwise
from tieline.model import LocalError, Now
from tieline.protocols.dnp3.link import (
    BROADCAST_MAY_CONFIRM,
    BROADCAST_MUST_CONFIRM,
    BROADCAST_NO_CONFIRM,
    MAX_PENDING,
    SELF_ADDRESS,
    Deframer,
    LinkFrame,
    LinkStation,
    PrimaryState,
    SecondaryState,
)

MASTER, OUTSTATION = 1024, 1
P = PrimaryState

# Control octets of an outstation's primary frames and of its answers; a master's have 80h as well.
RESET, TEST, DATA, UNCONFIRMED, STATUS_REQUEST = 0x40, 0x52, 0x53, 0x44, 0x49
ACK, NACK, LINK_STATUS, NOT_SUPPORTED, FCB, DFC, DIR = 0x00, 0x01, 0x0B, 0x0F, 0x20, 0x10, 0x80


def at(seconds: float) -> Now:
    return Now(seconds, 1_700_000_000_000_000 + int(seconds * 1e6))


def opened(*, is_master: bool = False, now: float = 0.0, **settings) -> LinkStation:
    local, remote = (MASTER, OUTSTATION) if is_master else (OUTSTATION, MASTER)
    station = LinkStation(local, remote, is_master=is_master, **settings)
    station.opened(at(now))
    return station


def feed(
    station: LinkStation, control: int, payload: bytes = b"", now: float = 0.0, destination: int | None = None
) -> list[bytes]:
    """A frame from the peer, its DIR as it should be."""
    direction = 0 if station.is_master else DIR
    to = station.local if destination is None else destination
    return station.receive(LinkFrame(control | direction, to, station.remote, payload), at(now))


def said(station: LinkStation) -> list[int]:
    """The control octets that the station sends, DIR aside; addresses and DIR are checked here."""
    frames = Deframer().receive(station.take())
    assert all((frame.source, frame.destination) == (station.local, station.remote) for frame in frames)
    assert all(frame.is_from_master == station.is_master for frame in frames)
    return [frame.control & ~DIR for frame in frames]


# The secondary station ---------------------------------------------------------------------------------------------------------

UNRESET_ROWS = [
    # frame, payload -> answers, delivered, state
    (RESET, b"", [ACK], [], SecondaryState.RESET),
    (TEST, b"", [NACK], [], SecondaryState.UNRESET),
    (TEST | FCB, b"", [NACK], [], SecondaryState.UNRESET),
    (DATA, b"d", [NACK], [], SecondaryState.UNRESET),
    (DATA | FCB, b"d", [NACK], [], SecondaryState.UNRESET),
    (UNCONFIRMED, b"d", [], [b"d"], SecondaryState.UNRESET),
    (STATUS_REQUEST, b"", [LINK_STATUS], [], SecondaryState.UNRESET),
]
RESET_ROWS = [
    (RESET, b"", [ACK], [], True),
    (TEST | FCB, b"", [ACK], [], False),
    (TEST, b"", [ACK], [], True),
    (DATA | FCB, b"d", [ACK], [b"d"], False),
    (DATA, b"d", [ACK], [], True),
    (UNCONFIRMED, b"d", [], [b"d"], True),
    (STATUS_REQUEST, b"", [LINK_STATUS], [], True),
]


@pytest.mark.parametrize("is_master", [False, True])
@pytest.mark.parametrize(("control", "payload", "answers", "delivered", "state"), UNRESET_ROWS)
def test_a_secondary_station_before_a_reset(control, payload, answers, delivered, state, is_master):
    station = opened(is_master=is_master)
    assert feed(station, control, payload) == delivered
    assert (said(station), station.secondary_state) == (answers, state)


@pytest.mark.parametrize(("control", "payload", "answers", "delivered", "expects_fcb_after"), RESET_ROWS)
def test_a_secondary_station_after_a_reset(control, payload, answers, delivered, expects_fcb_after):
    station = opened()
    feed(station, RESET)
    station.take()
    assert feed(station, control, payload) == delivered
    assert (said(station), station.secondary_state) == (answers, SecondaryState.RESET)
    fcb = FCB if expects_fcb_after else 0
    assert feed(station, DATA | (fcb ^ FCB), b"repetition") == []
    assert feed(station, DATA | fcb, b"next") == [b"next"]


def test_confirmed_data_are_delivered_once_however_often_they_are_repeated():
    station = opened()
    feed(station, RESET)
    delivered = [feed(station, DATA | fcb, bytes((n,))) for n, fcb in enumerate((FCB, FCB, 0, 0, 0, FCB))]
    assert delivered == [[b"\x00"], [], [b"\x02"], [], [], [b"\x05"]]
    assert said(station) == [ACK] * 7
    assert station.repetitions == 3


def test_a_reset_begins_with_the_frame_count_bit_set_again():
    station = opened()
    feed(station, RESET)
    assert feed(station, DATA | FCB, b"a") == [b"a"]
    feed(station, RESET)
    assert feed(station, DATA | FCB, b"b") == [b"b"]


@pytest.mark.parametrize("function", [1, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("counts", [0, DFC])
def test_obsolete_and_reserved_functions_are_not_supported(function, counts):
    station = opened()
    assert feed(station, 0x40 | counts | function) == []
    assert said(station) == [NOT_SUPPORTED]
    assert station.ignored == 0


@pytest.mark.parametrize(
    ("control", "payload"),
    [
        (RESET | DFC, b""),  # FCV where nothing counts
        (STATUS_REQUEST | DFC, b""),
        (UNCONFIRMED | DFC, b"d"),
        (TEST & ~DFC, b""),  # and none where it does
        (DATA & ~DFC, b"d"),
        (RESET, b"d"),  # data where there are none
        (UNCONFIRMED, b""),  # and none where there are
        (DATA | FCB, b""),
    ],
)
def test_frames_that_the_standard_does_not_know_are_ignored_and_counted(control, payload):
    station = opened()
    assert feed(station, control, payload) == []
    assert (said(station), station.ignored, station.secondary_state) == ([], 1, SecondaryState.UNRESET)


@pytest.mark.parametrize("address", [BROADCAST_NO_CONFIRM, BROADCAST_MUST_CONFIRM, BROADCAST_MAY_CONFIRM])
def test_a_broadcast_is_delivered_and_never_answered(address):
    station = opened()
    assert feed(station, UNCONFIRMED, b"all", destination=address) == [b"all"]
    for control in (RESET, STATUS_REQUEST, TEST, 0x41):
        assert feed(station, control, destination=address) == []
    assert feed(station, DATA | FCB, b"d", destination=address) == []
    assert (said(station), station.secondary_state) == ([], SecondaryState.UNRESET)


def test_the_self_address_is_answered_with_the_real_one_where_it_is_accepted():
    station = opened(accept_self_address=True)
    feed(station, STATUS_REQUEST, destination=SELF_ADDRESS)
    assert said(station) == [LINK_STATUS]  # which checks the source
    deaf = opened()
    feed(deaf, STATUS_REQUEST, destination=SELF_ADDRESS)
    assert (said(deaf), deaf.ignored) == ([], 1)


@pytest.mark.parametrize(
    ("control", "destination", "source"),
    [(UNCONFIRMED, OUTSTATION, MASTER), (UNCONFIRMED | DIR, 2, MASTER), (UNCONFIRMED | DIR, OUTSTATION, MASTER + 1)],
    ids=["wrong direction", "another destination", "another source"],
)
def test_what_is_not_from_the_peer_or_not_for_us_is_ignored_and_counted(control, destination, source):
    station = opened()
    assert station.receive(LinkFrame(control, destination, source, b"d"), at(0)) == []
    assert station.ignored == 1


def test_a_master_takes_no_broadcast():
    station = opened(is_master=True)
    assert feed(station, UNCONFIRMED, b"d", destination=BROADCAST_MAY_CONFIRM) == []
    assert station.ignored == 1


def test_a_flood_of_requests_gets_a_bounded_number_of_answers():
    station = opened()
    for _ in range(10_000):
        feed(station, STATUS_REQUEST)
    answered = len(said(station))
    assert 0 < answered < 100
    assert station.unanswered == 10_000 - answered
    feed(station, STATUS_REQUEST)
    assert said(station) == [LINK_STATUS]


# The primary station -----------------------------------------------------------------------------------------------------------


def waiting_for(state: PrimaryState, **settings) -> LinkStation:
    """A confirming master that has come to a state, with what it said on the way taken."""
    station = opened(is_master=True, confirmed=True, keep_alive_s=60.0, retries=1, **settings)
    match state:
        case P.UNRESET_STATUS_WAIT:
            station.tick(at(60))
        case P.RESET_WAIT:
            station.send([b"one", b"two"], at(0))
        case P.RESET_IDLE | P.RESET_STATUS_WAIT:
            station.send([b"zero"], at(0))
            feed(station, ACK)
            feed(station, ACK)
            if state is P.RESET_STATUS_WAIT:
                station.tick(at(60))
        case P.DATA_WAIT:
            station.send([b"one", b"two"], at(0))
            feed(station, ACK)
        case P.BUSY:
            station.send([b"one", b"two"], at(0))
            feed(station, ACK)
            feed(station, NACK | DFC)
    station.take()
    assert station.primary_state is state
    return station


ANSWER_ROWS = [
    # state, answer -> says, state
    (P.UNRESET_IDLE, ACK, [], P.UNRESET_IDLE),
    (P.UNRESET_IDLE, NACK, [], P.UNRESET_IDLE),
    (P.UNRESET_IDLE, LINK_STATUS, [], P.UNRESET_IDLE),
    (P.UNRESET_IDLE, NOT_SUPPORTED, [], P.UNRESET_IDLE),
    (P.UNRESET_STATUS_WAIT, ACK, [], P.UNRESET_STATUS_WAIT),
    (P.UNRESET_STATUS_WAIT, NACK, [], P.UNRESET_STATUS_WAIT),
    (P.UNRESET_STATUS_WAIT, LINK_STATUS, [], P.UNRESET_IDLE),
    (P.UNRESET_STATUS_WAIT, NOT_SUPPORTED, [], P.UNRESET_IDLE),
    (P.RESET_WAIT, ACK, [DATA | FCB], P.DATA_WAIT),
    (P.RESET_WAIT, NACK, [], P.UNRESET_IDLE),
    (P.RESET_WAIT, NACK | DFC, [], P.UNRESET_IDLE),
    (P.RESET_WAIT, LINK_STATUS, [], P.RESET_WAIT),
    (P.RESET_WAIT, NOT_SUPPORTED, [], P.UNRESET_IDLE),
    (P.RESET_IDLE, ACK, [], P.RESET_IDLE),
    (P.RESET_IDLE, NACK, [], P.RESET_IDLE),
    (P.RESET_IDLE, LINK_STATUS, [], P.RESET_IDLE),
    (P.RESET_IDLE, NOT_SUPPORTED, [], P.RESET_IDLE),
    (P.RESET_STATUS_WAIT, ACK, [], P.RESET_STATUS_WAIT),
    (P.RESET_STATUS_WAIT, NACK, [], P.RESET_STATUS_WAIT),
    (P.RESET_STATUS_WAIT, LINK_STATUS, [], P.RESET_IDLE),
    (P.RESET_STATUS_WAIT, NOT_SUPPORTED, [], P.RESET_IDLE),
    (P.DATA_WAIT, ACK, [DATA], P.DATA_WAIT),  # the second segment, with the other frame count bit
    (P.DATA_WAIT, ACK | DFC, [], P.BUSY),
    (P.DATA_WAIT, NACK, [RESET], P.RESET_WAIT),
    (P.DATA_WAIT, NACK | DFC, [], P.BUSY),
    (P.DATA_WAIT, LINK_STATUS, [], P.DATA_WAIT),
    (P.DATA_WAIT, NOT_SUPPORTED, [], P.UNRESET_IDLE),
    (P.BUSY, ACK, [], P.BUSY),
    (P.BUSY, LINK_STATUS, [], P.BUSY),
]


@pytest.mark.parametrize(("state", "answer", "says", "after"), ANSWER_ROWS)
def test_a_primary_station_gets_an_answer(state, answer, says, after):
    station = waiting_for(state)
    assert feed(station, answer, now=60.0) == []
    assert (said(station), station.primary_state) == (says, after)


TIMEOUT_ROWS = [
    # state -> says at the first timeout and the state then, says at the second and the state then
    (P.UNRESET_STATUS_WAIT, [STATUS_REQUEST], P.UNRESET_STATUS_WAIT, [], P.UNRESET_IDLE),
    (P.RESET_WAIT, [RESET], P.RESET_WAIT, [], P.UNRESET_IDLE),
    (P.RESET_STATUS_WAIT, [STATUS_REQUEST], P.RESET_STATUS_WAIT, [], P.UNRESET_IDLE),
    (P.DATA_WAIT, [DATA | FCB], P.DATA_WAIT, [], P.UNRESET_IDLE),
    (P.BUSY, [STATUS_REQUEST], P.RESET_STATUS_WAIT, [STATUS_REQUEST], P.RESET_STATUS_WAIT),
]


@pytest.mark.parametrize(("state", "says", "then", "says_at_last", "at_last"), TIMEOUT_ROWS)
def test_a_primary_station_gets_no_answer(state, says, then, says_at_last, at_last):
    station = waiting_for(state)
    first = station.next_deadline()
    station.tick(at(first - 0.001))
    assert said(station) == []
    station.tick(at(first))
    assert (said(station), station.primary_state) == (says, then)
    station.tick(at(station.next_deadline()))
    assert (said(station), station.primary_state) == (says_at_last, at_last)
    assert station.failures == (state in (P.RESET_WAIT, P.DATA_WAIT))
    assert station.is_up == (state not in (P.UNRESET_STATUS_WAIT, P.RESET_STATUS_WAIT))


def test_a_fragment_that_failed_leaves_nothing_of_itself_and_the_next_one_begins_with_a_reset():
    station = waiting_for(P.DATA_WAIT)
    assert not station.is_ready
    feed(station, NOT_SUPPORTED)
    assert (station.is_ready, station.failures) == (True, 1)
    station.send([b"next"], at(0))
    assert said(station) == [RESET]
    feed(station, ACK)
    assert Deframer().receive(station.take())[0].payload == b"next"


def test_a_peer_that_forgot_its_reset_is_reset_and_gets_the_same_segment_again_but_not_for_ever():
    station = waiting_for(P.DATA_WAIT)
    feed(station, NACK)
    assert said(station) == [RESET]
    feed(station, ACK)
    frame = Deframer().receive(station.take())[0]
    assert (frame.payload, frame.fcb) == (b"one", True)
    feed(station, NACK)
    assert (said(station), station.primary_state, station.failures) == ([], P.UNRESET_IDLE, 1)


def test_a_busy_peer_is_asked_until_it_is_not_and_gets_the_same_frame():
    station = waiting_for(P.BUSY)
    station.tick(at(1))
    assert said(station) == [STATUS_REQUEST]
    feed(station, LINK_STATUS, now=1.0)
    frame = Deframer().receive(station.take())[0]
    assert (frame.payload, frame.fcb, frame.function) == (b"one", True, 3)


def test_a_peer_that_acknowledged_and_is_busy_gets_the_next_segment_later():
    station = waiting_for(P.DATA_WAIT)
    feed(station, ACK | DFC)
    station.tick(at(1))
    assert said(station) == [STATUS_REQUEST]
    feed(station, LINK_STATUS, now=1.0)
    frame = Deframer().receive(station.take())[0]
    assert (frame.payload, frame.fcb) == (b"two", False)


def test_a_peer_that_stays_busy_costs_the_fragment():
    station = waiting_for(P.BUSY)
    for now in range(1, 20):
        station.tick(at(now))
        if said(station):
            feed(station, LINK_STATUS | DFC, now=now)
    assert (station.primary_state, station.failures, station.is_ready) == (P.UNRESET_IDLE, 1, True)


def test_a_busy_peer_that_falls_silent_is_reset_and_given_up():
    station = opened(is_master=True, confirmed=True)
    station.send([b"one"], at(0))
    feed(station, ACK)
    feed(station, NACK | DFC)
    for now in range(1, 20):
        station.tick(at(now))
    assert said(station) == [RESET, DATA | FCB, *[STATUS_REQUEST] * 3, *[RESET] * 3]
    assert (station.failures, station.is_ready, station.is_up) == (1, True, True)


@pytest.mark.parametrize("function", [2, 3, 9, 14])
def test_answers_that_the_standard_does_not_know_are_ignored(function):
    station = waiting_for(P.DATA_WAIT)
    feed(station, function)
    feed(station, ACK, b"with data")
    assert (station.primary_state, station.ignored) == (P.DATA_WAIT, 2)


def test_unconfirmed_data_go_out_at_once_and_to_all_also_from_a_station_that_confirms():
    station = opened(is_master=True)
    station.send([b"a", b"b"], at(0))
    assert [len(datagram) for datagram in station.take_datagrams()] == [2 * 13]
    assert station.is_ready
    station.send([b"c"], at(0))
    assert said(station) == [UNCONFIRMED]
    confirming = opened(is_master=True, confirmed=True)
    confirming.send([b"all"], at(0), BROADCAST_MUST_CONFIRM)
    assert confirming.take() == bitwise.frame(UNCONFIRMED | DIR, BROADCAST_MUST_CONFIRM, MASTER, b"all")


def test_a_station_from_which_nobody_takes_accepts_no_more_than_a_bound():
    station = opened()
    while station.is_ready:
        station.send([b"x" * 250] * 8, at(0))
    assert MAX_PENDING <= len(station.take()) < MAX_PENDING + 8 * 292
    assert station.is_ready


# Keep-alive --------------------------------------------------------------------------------------------------------------------


def test_a_silent_peer_is_asked_for_its_status_and_a_speaking_one_is_not():
    station = opened(keep_alive_s=10.0, now=5.0)
    assert station.next_deadline() == 15.0
    feed(station, UNCONFIRMED, b"d", now=14.0)
    assert station.next_deadline() == 24.0
    station.tick(at(23.9))
    assert said(station) == []
    station.tick(at(24.0))
    assert said(station) == [STATUS_REQUEST]
    feed(station, LINK_STATUS, now=24.5)
    assert (station.is_up, station.next_deadline()) == (True, 34.5)


def test_without_an_answer_the_link_is_down_until_something_is_heard():
    station = opened(keep_alive_s=10.0, timeout_s=1.0, retries=2)
    for now in (10, 11, 12, 13):
        assert station.is_up
        station.tick(at(now))
    assert said(station) == [STATUS_REQUEST] * 3
    assert (station.is_up, station.next_deadline()) == (False, 23.0)
    station.tick(at(23))
    assert said(station) == [STATUS_REQUEST]
    feed(station, UNCONFIRMED, b"d", now=23.1)
    assert station.is_up


def test_a_peer_that_speaks_but_does_not_answer_about_its_status_is_up():
    station = opened(keep_alive_s=10.0, retries=0)
    station.tick(at(10))
    feed(station, UNCONFIRMED, b"d", now=10.5)
    station.tick(at(11))
    assert (station.is_up, station.primary_state, station.next_deadline()) == (True, P.UNRESET_IDLE, 20.5)


def test_who_may_not_begin_asks_nobody():
    station = opened(keep_alive_s=10.0)
    station.tick(at(50), may_begin=False)
    assert said(station) == []
    assert station.next_deadline(may_begin=False) is None
    station.tick(at(50))
    assert said(station) == [STATUS_REQUEST]


def test_without_keep_alive_there_is_nothing_to_wait_for():
    station = opened()
    station.tick(at(1e9))
    assert (station.next_deadline(), said(station), station.is_up) == (None, [], True)


# Opening, closing, wrong calls -------------------------------------------------------------------------------------------------


def test_a_medium_that_comes_again_finds_everything_as_at_first():
    station = waiting_for(P.DATA_WAIT)
    feed(station, RESET)
    station.closed(at(1))
    assert (station.take(), station.is_up, station.is_ready, station.next_deadline()) == (b"", False, False, None)
    station.tick(at(2))
    assert feed(station, UNCONFIRMED, b"late") == []
    assert station.ignored == 1
    station.opened(at(3))
    assert (station.primary_state, station.secondary_state) == (P.UNRESET_IDLE, SecondaryState.UNRESET)
    assert (station.is_ready, station.take(), station.next_deadline()) == (True, b"", 63.0)


@pytest.mark.parametrize(
    ("segments", "destination"),
    [([], None), ([b""], None), ([b"x" * 251], None), ([b"x"], 99), ([b"x"], BROADCAST_MAY_CONFIRM)],
    ids=["no segment", "an empty one", "a long one", "another station", "an outstation's broadcast"],
)
def test_what_cannot_be_sent_is_a_local_error_and_changes_nothing(segments, destination):
    station = opened()
    with pytest.raises(LocalError):
        station.send(segments, at(0), destination)
    assert station.take() == b""


def test_a_station_without_a_medium_or_behind_another_fragment_sends_nothing():
    closed = LinkStation(OUTSTATION, MASTER, is_master=False)
    with pytest.raises(LocalError, match="no medium"):
        closed.send([b"x"], at(0))
    with pytest.raises(LocalError, match="waits"):
        waiting_for(P.DATA_WAIT).send([b"x"], at(0))


@pytest.mark.parametrize(
    ("local", "remote", "settings"),
    [
        (-1, 1, {}),
        (0xFFF0, 1, {}),
        (1, SELF_ADDRESS, {}),
        (1, 2, {"timeout_s": 0.0}),
        (1, 2, {"timeout_s": float("nan")}),
        (1, 2, {"retries": -1}),
        (1, 2, {"keep_alive_s": 0.0}),
        (1, 2, {"is_master": True, "accept_self_address": True}),
    ],
)
def test_settings_that_make_no_link_are_refused(local, remote, settings):
    with pytest.raises(LocalError):
        LinkStation(local, remote, **{"is_master": False, **settings})


# Both ends together ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_confirmed_segments_arrive_once_and_in_order_on_a_line_that_loses_one_frame_in_eight(seed):
    # The standard's acknowledgements carry no count, so only frames that are lost, not late or doubled, can be made good.
    rng = random.Random(seed)
    master, outstation = opened(is_master=True, confirmed=True, retries=20), opened()
    wanted, got = [], []
    now = 0.0
    for n in range(40):
        segments = [bytes((n, part)) for part in range(rng.randrange(1, 6))]
        wanted += segments
        master.send(segments, at(now))
        while not master.is_ready:
            for frame in Deframer().receive(master.take()):
                if rng.random() > 0.125:
                    got += outstation.receive(frame, at(now))
            for frame in Deframer().receive(outstation.take()):
                if rng.random() > 0.125:
                    master.receive(frame, at(now))
            now += 0.25
            master.tick(at(now))
    assert got == wanted
    assert master.failures == 0
    assert outstation.repetitions > 0


@pytest.mark.parametrize("seed", range(20))
def test_any_frames_at_any_time_leave_a_station_that_works(seed):
    rng = random.Random(seed)
    station = opened(is_master=True, confirmed=True, keep_alive_s=7.0, retries=1)
    now = 0.0
    for _ in range(500):
        now += rng.choice((0.0, 0.1, 1.0, 8.0))
        if rng.random() < 0.2 and station.is_ready:
            station.send([b"s"] * rng.randrange(1, 4), at(now))
        feed(station, rng.randrange(128), rng.choice((b"", b"", b"p")), now)
        station.tick(at(now))
        assert station.next_deadline() > now - 1e-9
        station.take()
    for _ in range(40):
        now += 1.0
        station.tick(at(now))
    station.take()
    assert station.is_ready
    station.closed(at(now))
    station.opened(at(now))
    assert feed(station, RESET) == []
    assert said(station) == [ACK]
