"""Who gets which frame, who may speak, and what a hostile peer can make of a line."""

from __future__ import annotations

import random

import pytest

from tests.protocols.dnp3 import bitwise
from tieline.model import LocalError, Now
from tieline.protocols.dnp3.frame import (
    BROADCAST_MAY_CONFIRM,
    BROADCAST_MUST_CONFIRM,
    BROADCAST_NO_CONFIRM,
    SELF_ADDRESS,
    Deframer,
    LinkFrame,
    PrimaryFunction,
    encode_frame,
    encode_frames,
    primary_control,
)
from tieline.protocols.dnp3.line import Line, Outgoing
from tieline.protocols.dnp3.link import MAX_PENDING, LinkStation
from tieline.protocols.dnp3.transport import segment

FROM_MASTER, FROM_OUTSTATION = 0xC4, 0x44


def at(seconds: float) -> Now:
    return Now(seconds, 1_700_000_000_000_000 + int(seconds * 1e6))


class FakeSession:
    """Notes what it is told; sends what a test puts into `requests` and `answers`."""

    def __init__(self, *, echoes: bool = False, deadline: float | None = None) -> None:
        self.heard: list[str | tuple[bytes, int | None]] = []
        self.requests: list[Outgoing] = []
        self.answers: list[Outgoing] = []
        self.is_busy = False
        self.ticks = 0
        self.taken = 0
        self._echoes = echoes
        self._deadline = deadline

    def request(self, fragment: bytes, destination: int | None = None) -> None:
        self.requests.append(Outgoing(fragment, destination))

    def link_up(self, now: Now) -> None:
        self.heard.append("up")

    def link_down(self, now: Now) -> None:
        self.heard.append("down")
        self.is_busy = False

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        self.heard.append((fragment, broadcast))
        self.is_busy = False
        if self._echoes:
            self.answers = [Outgoing(fragment)]

    def tick(self, now: Now) -> None:
        self.ticks += 1

    def next_deadline(self) -> float | None:
        return self._deadline

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        self.taken += 1
        taken, self.answers = self.answers, []
        if may_begin and self.requests and not self.is_busy:
            taken.append(self.requests.pop(0))
            self.is_busy = taken[-1].destination is None
        return taken


def outstation(local: int, remote: int, **settings) -> LinkStation:
    return LinkStation(local, remote, is_master=False, **settings)


def master(local: int, remote: int, **settings) -> LinkStation:
    return LinkStation(local, remote, is_master=True, **settings)


def line_of(*stations: LinkStation, accept_broadcast: bool = False, **settings) -> tuple[Line, list[FakeSession]]:
    line = Line(**settings)
    sessions = [FakeSession() for _ in stations]
    for station, session in zip(stations, sessions, strict=True):
        line.add(station, session, accept_broadcast=accept_broadcast and not station.is_master)
    line.opened(at(0))
    for session in sessions:
        assert session.heard == ["up"]
        session.heard.clear()
    return line, sessions


def heard_by(sessions: list[FakeSession]) -> list[list[str | tuple[bytes, int | None]]]:
    heard = [session.heard for session in sessions]
    for session in sessions:
        session.heard = []
    return heard


def sent(control: int, destination: int, source: int, fragment: bytes = b"fragment") -> bytes:
    return encode_frames(control, destination, source, segment(fragment, 0)[0])


def addresses(wire: bytes) -> list[tuple[int, int, bytes]]:
    return [(frame.destination, frame.source, frame.payload) for frame in Deframer().receive(wire)]


# Routing -----------------------------------------------------------------------------------------------------------------------


def test_several_outstations_and_several_masters_each_get_what_is_theirs():
    line, sessions = line_of(outstation(10, 1), outstation(10, 2), outstation(11, 1), master(1, 10))
    for control, destination, source, expected in [
        (FROM_MASTER, 10, 1, 0),
        (FROM_MASTER, 10, 2, 1),
        (FROM_MASTER, 11, 1, 2),
        (FROM_OUTSTATION, 1, 10, 3),
    ]:
        line.receive(sent(control, destination, source), at(1))
        assert heard_by(sessions) == [[(b"fragment", None)] if n == expected else [] for n in range(4)]
    assert line.ignored == 0


@pytest.mark.parametrize(
    ("control", "destination", "source"),
    [
        (FROM_MASTER, 12, 1),
        (FROM_MASTER, 10, 3),
        (FROM_OUTSTATION, 10, 1),
        (FROM_MASTER, SELF_ADDRESS, 1),
        (FROM_MASTER, BROADCAST_MAY_CONFIRM, 1),
        (FROM_MASTER, 0xFFF5, 1),
    ],
    ids=["destination", "source", "direction", "self-address", "broadcast", "reserved"],
)
def test_frames_for_nobody_here_are_ignored_and_counted(control, destination, source):
    line, sessions = line_of(outstation(10, 1))
    line.receive(sent(control, destination, source), at(1))
    assert (heard_by(sessions), line.ignored, line.take()) == ([[]], 1, b"")


@pytest.mark.parametrize("address", [BROADCAST_NO_CONFIRM, BROADCAST_MUST_CONFIRM, BROADCAST_MAY_CONFIRM])
def test_a_broadcast_reaches_every_outstation_of_that_master_that_accepts_it(address):
    line, sessions = line_of(outstation(10, 1), outstation(11, 1), outstation(12, 2), master(5, 6), accept_broadcast=True)
    line.receive(sent(FROM_MASTER, address, 1, b"long" * 100), at(1))
    assert heard_by(sessions) == [[(b"long" * 100, address)], [(b"long" * 100, address)], [], []]
    line.receive(bitwise.frame(0xC9, address, 1), at(1))
    assert line.take() == b""


def test_broadcast_segments_mix_with_neither_the_peers_own_nor_those_to_another_broadcast_address():
    line, sessions = line_of(outstation(10, 1), accept_broadcast=True)
    own, everybody = segment(b"o" * 300, 0)[0], segment(b"e" * 300, 0)[0]
    for destination, part in [
        (10, own[0]),
        (BROADCAST_MAY_CONFIRM, everybody[0]),
        (10, own[1]),
        (BROADCAST_MUST_CONFIRM, everybody[1]),  # its beginning went to another address
    ]:
        line.receive(encode_frame(FROM_MASTER, destination, 1, part), at(1))
    assert heard_by(sessions) == [[(b"o" * 300, None)]]


def test_the_self_address_is_answered_by_the_outstation_that_accepts_it_from_its_own_address():
    line, sessions = line_of(outstation(10, 1), outstation(11, 1, accept_self_address=True))
    line.receive(sent(FROM_MASTER, SELF_ADDRESS, 1) + bitwise.frame(0xC9, SELF_ADDRESS, 1), at(1))
    assert heard_by(sessions) == [[], [(b"fragment", None)]]
    assert line.take() == bitwise.frame(0x0B, 1, 11)


# Sending -----------------------------------------------------------------------------------------------------------------------


def test_what_a_session_sends_goes_out_in_segments_with_running_numbers_and_broadcasts_to_all():
    line, (session,) = line_of(master(1, 10))
    session.answers = [Outgoing(b"confirm")]
    session.request(b"r" * 300)
    line.tick(at(1))
    assert addresses(line.take()) == [
        (10, 1, b"\xc0confirm"),
        (10, 1, b"\x41" + b"r" * 249),
        (10, 1, b"\x82" + b"r" * 51),
    ]
    session.is_busy = False
    session.request(b"all", BROADCAST_NO_CONFIRM)
    line.tick(at(1))
    assert addresses(line.take()) == [(BROADCAST_NO_CONFIRM, 1, b"\xc3all")]


def test_a_datagram_holds_the_whole_frames_of_one_fragment():
    line, (session, other) = line_of(outstation(10, 1), outstation(11, 1), datagrams=True)
    session.answers = [Outgoing(b"a" * 2048), Outgoing(b"b")]
    other.answers = [Outgoing(b"c")]
    line.tick(at(1))
    datagrams = line.take_datagrams()
    assert [len(Deframer().receive(datagram)) for datagram in datagrams] == [9, 1, 1]
    assert line.take_datagrams() == []


def test_a_frame_does_not_reach_over_the_end_of_a_datagram():
    wire = sent(FROM_MASTER, 10, 1)
    line, sessions = line_of(outstation(10, 1), datagrams=True)
    line.receive(wire[:9], at(1))
    line.receive(wire[9:], at(1))
    line.receive(wire + wire, at(1))
    assert heard_by(sessions) == [[(b"fragment", None)] * 2]
    assert line.deframer.dropped_octets == len(wire)


def test_confirmed_fragments_leave_one_after_the_other_and_the_session_is_asked_no_more_meanwhile():
    line, (session,) = line_of(outstation(10, 1, confirmed=True))
    session.answers = [Outgoing(b"one"), Outgoing(b"two")]
    line.tick(at(1))
    asked = session.taken
    said = []
    for _ in range(3):
        assert session.taken == asked
        (frame,) = Deframer().receive(line.take())
        said.append((frame.function, frame.payload))
        line.receive(bitwise.frame(0x80, 10, 1), at(1))
    assert said == [
        (PrimaryFunction.RESET_LINK_STATES, b""),
        (PrimaryFunction.CONFIRMED_USER_DATA, b"\xc0one"),
        (PrimaryFunction.CONFIRMED_USER_DATA, b"\xc1two"),
    ]
    assert line.take() == b""
    assert session.taken > asked


# A shared medium ---------------------------------------------------------------------------------------------------------------


def test_on_a_shared_medium_one_session_at_a_time_waits_and_they_take_turns():
    line, sessions = line_of(master(1, 10), master(1, 11), master(1, 12), shared_medium=True)
    for session in sessions:
        for n in range(3):
            session.request(b"%d" % n)
    order = []
    now = 0.0
    line.tick(at(now))
    while asked := addresses(line.take()):
        assert len(asked) == 1
        order.append(asked[0][0])
        now += 1
        line.receive(sent(FROM_OUTSTATION, 1, order[-1]), at(now))
    assert order == [10, 11, 12] * 3


def test_on_a_shared_medium_confirmations_are_not_held_back():
    line, (first, second) = line_of(master(1, 10), master(1, 11), shared_medium=True)
    first.request(b"poll")
    line.tick(at(1))
    line.take()
    second.request(b"poll")
    second.answers = [Outgoing(b"confirm")]
    line.tick(at(2))
    assert addresses(line.take()) == [(11, 1, b"\xc0confirm")]


def test_sessions_with_a_connection_each_of_their_own_do_not_wait_for_each_other():
    line, sessions = line_of(master(1, 10), master(1, 11))
    for session in sessions:
        session.request(b"poll")
    line.tick(at(1))
    assert [destination for destination, _, _ in addresses(line.take())] == [10, 11]


def test_on_a_shared_medium_a_silent_peer_is_asked_when_nobody_waits():
    line, (first, second) = line_of(master(1, 10), master(1, 11, keep_alive_s=5.0), shared_medium=True)
    first.request(b"poll")
    line.tick(at(1))
    line.take()
    line.tick(at(6))
    assert (line.take(), line.next_deadline()) == (b"", None)
    line.receive(sent(FROM_OUTSTATION, 1, 10), at(7))
    assert line.take() == bitwise.frame(0xC9, 11, 1)
    first.request(b"poll")
    line.tick(at(7.1))
    assert line.take() == b""
    line.receive(bitwise.frame(0x0B, 1, 11), at(7.2))
    assert addresses(line.take()) == [(10, 1, b"\xc1poll")]
    assert (heard_by([second]), line.next_deadline()) == ([[]], None)


# The link comes and goes -------------------------------------------------------------------------------------------------------


def test_a_channel_that_comes_again_begins_anew():
    line, (session,) = line_of(outstation(10, 1))
    wire = sent(FROM_MASTER, 10, 1, b"x" * 400)
    line.receive(wire[:-5], at(1))
    session.answers = [Outgoing(b"never sent")]
    line.closed(at(2))
    line.closed(at(2))
    with pytest.raises(LocalError):
        line.receive(wire, at(2))
    line.tick(at(2))
    assert (line.take(), line.next_deadline(), line.is_open) == (b"", None, False)
    session.answers = []
    line.opened(at(3))
    line.receive(wire[-5:] + wire, at(3))
    assert heard_by([session]) == [["down", "up", (b"x" * 400, None)]]
    assert line.deframer.dropped_octets == len(wire) - 292  # the second frame, in two halves


def test_opening_an_open_line_tells_the_sessions_that_it_was_closed():
    line, sessions = line_of(outstation(10, 1))
    line.opened(at(1))
    assert heard_by(sessions) == [["down", "up"]]


def test_a_peer_that_is_silent_is_down_until_it_speaks_and_its_session_is_not_asked():
    line, (session, other) = line_of(master(1, 10, keep_alive_s=5.0, retries=0), master(1, 11))
    for now in (5, 6):
        line.tick(at(now))
    assert heard_by([session, other]) == [["down"], []]
    assert line.is_silent
    session.request(b"poll")
    line.take()
    line.tick(at(7))
    assert (line.take(), line.next_deadline()) == (b"", 11.0)
    line.receive(sent(FROM_OUTSTATION, 1, 10), at(8))
    assert heard_by([session]) == [["up", (b"fragment", None)]]
    assert not line.is_silent
    assert addresses(line.take()) == [(10, 1, b"\xc0poll")]


def test_a_line_on_which_nobody_is_asked_for_signs_of_life_is_not_silent():
    line, _ = line_of(master(1, 10))
    line.tick(at(1e6))
    assert not line.is_silent


def test_what_waited_behind_a_confirmation_is_dropped_with_the_link():
    line, (session,) = line_of(outstation(10, 1, confirmed=True))
    session.answers = [Outgoing(b"one"), Outgoing(b"two")]
    line.tick(at(1))
    line.opened(at(2))
    assert line.take() == b""


def test_a_station_that_is_added_to_an_open_line_comes_up_with_the_next_call():
    line, _ = line_of(outstation(10, 1))
    session, station = FakeSession(), outstation(11, 1)
    line.add(station, session)
    assert (session.heard, line.next_deadline()) == ([], 0.0)
    line.receive(sent(FROM_MASTER, 11, 1), at(1))
    assert session.heard == ["up", (b"fragment", None)]
    assert line.next_deadline() is None
    line.remove(station, at(2))
    assert session.heard[2:] == ["down"]
    line.receive(sent(FROM_MASTER, 11, 1), at(3))
    assert line.ignored == 1


def test_the_next_deadline_is_the_earliest_of_all():
    line, sessions = line_of(master(1, 10, keep_alive_s=50.0), master(1, 11))
    assert line.next_deadline() == 50.0
    line.add(master(1, 12), FakeSession(deadline=20.0))
    line.tick(at(1))
    assert line.next_deadline() == 20.0
    line.closed(at(2))
    assert line.next_deadline() == 20.0  # sessions have things to give up without a channel too
    assert [session.ticks for session in sessions] == [1, 1]


def test_wrong_stations_are_local_errors_and_change_nothing():
    line, sessions = line_of(outstation(10, 1, accept_self_address=True))
    for station, accept_broadcast in (
        (outstation(10, 1), False),
        (outstation(11, 1, accept_self_address=True), False),
        (master(1, 10), True),
    ):
        with pytest.raises(LocalError):
            line.add(station, FakeSession(), accept_broadcast=accept_broadcast)
        with pytest.raises(LocalError):
            line.remove(station, at(1))
    used = outstation(12, 1)
    used.opened(at(0))
    with pytest.raises(LocalError):
        line.add(used, FakeSession())
    line.receive(sent(FROM_MASTER, 10, 1), at(1))
    assert heard_by(sessions) == [[(b"fragment", None)]]


# Hostile peers -----------------------------------------------------------------------------------------------------------------


def test_a_flood_of_status_requests_gets_few_answers():
    line, _ = line_of(outstation(10, 1))
    line.receive(bitwise.frame(0xC9, 10, 1) * 20_000, at(1))
    assert 0 < len(line.take()) < 1000
    line.receive(bitwise.frame(0xC9, 10, 1), at(1))
    assert line.take() == bitwise.frame(0x0B, 1, 10)


def test_a_line_from_which_nobody_takes_stops_asking_the_session_and_goes_on_when_somebody_does():
    line, (session,) = line_of(outstation(10, 1))
    for _ in range(200):
        session.answers = [Outgoing(b"a" * 2048)]
        line.receive(sent(FROM_MASTER, 10, 1), at(1))
    assert line.next_deadline() is None
    assert MAX_PENDING <= len(line.take()) < MAX_PENDING + 3000
    assert line.next_deadline() == 0.0
    line.tick(at(1))
    assert len(line.take()) > 2048
    assert line.next_deadline() is None


def test_octets_one_by_one_and_all_at_once_give_the_same():
    wire = b"noise" + b"".join(sent(FROM_MASTER, 10, 1, random.Random(n).randbytes(300 + n)) for n in range(5))
    line, (session,) = line_of(outstation(10, 1))
    other, (other_session,) = line_of(outstation(10, 1))
    line.receive(wire, at(1))
    for octet in wire:
        other.receive(bytes((octet,)), at(1))
    assert session.heard == other_session.heard
    assert len(session.heard) == 5


@pytest.mark.parametrize("seed", range(20))
def test_any_octets_leave_a_line_that_works(seed):
    rng = random.Random(seed)
    line, (first, second) = line_of(
        outstation(10, 1, confirmed=True, keep_alive_s=3.0, accept_self_address=True), master(1, 10, confirmed=True)
    )
    now = 0.0
    for _ in range(200):
        now += rng.choice((0.0, 0.5, 4.0))
        wire = bytearray()
        for _ in range(rng.randrange(5)):
            destination = rng.choice((10, 1, SELF_ADDRESS, BROADCAST_MAY_CONFIRM))
            frame = LinkFrame(rng.randrange(256), destination, rng.choice((1, 10)), rng.randbytes(rng.choice((0, 1, 9, 250))))
            wire += encode_frame(frame.control, frame.destination, frame.source, frame.payload)
        if wire and rng.random() < 0.5:
            wire[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
        first.answers = [Outgoing(b"answer")] * rng.randrange(3)
        line.receive(bytes(wire), at(now))
        line.tick(at(now))
        line.take()
    line.opened(at(now))
    first.heard.clear()
    line.receive(bytes(300) + sent(primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=True), 10, 1), at(now))
    assert first.heard == [(b"fragment", None)]
    assert second.heard[-1] == "up"


def test_two_lines_carry_fragments_both_ways():
    left, (asking,) = line_of(master(1, 10, confirmed=True))
    right = Line()
    right.add(outstation(10, 1, confirmed=True), FakeSession(echoes=True))
    right.opened(at(0))
    for n in range(10):
        fragment = random.Random(n).randbytes(200 * n + 1)
        asking.request(fragment)
        left.tick(at(n))
        for _ in range(100):
            right.receive(left.take(), at(n))
            left.receive(right.take(), at(n))
        assert heard_by([asking]) == [[(fragment, None)]]
