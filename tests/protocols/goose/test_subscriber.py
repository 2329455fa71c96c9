"""What a subscriber makes of every sequence of messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.protocols.goose.frames import ADDRESS, GOCB_REF, T0_US, octets
from tieline.model import Now
from tieline.protocols.goose import (
    BitString,
    Boolean,
    Data,
    Expected,
    Expired,
    Finding,
    FindingKind,
    Float32,
    Integer,
    LeafType,
    Structure,
    Subscriber,
    SubscriberSettings,
    Trust,
    Unsigned,
    Update,
    UtcTime,
)

K = FindingKind
EXPECTED = Expected(
    gocb_ref=GOCB_REF,
    conf_rev=3,
    dat_set="NG_Q01LD0/LLN0$dsTrip",
    go_id="trip",
    entries=(LeafType.BOOLEAN, LeafType.INTEGER),
    destination="01-0C-CD-01-00-03",
    app_id=3,
    vlan_id=5,
)


def at(seconds: float) -> Now:
    return Now(1_000.0 + seconds, T0_US + int(seconds * 1e6))


class Bench:
    """A subscriber, and a publisher whose every number can be chosen."""

    def __init__(self, *expected: Expected, **settings: object) -> None:
        self.subscriber = Subscriber(expected or (EXPECTED,), at(0), SubscriberSettings(**settings))  # type: ignore[arg-type]
        self.seconds = 0.0

    def hear(self, st_num: int, sq_num: int, value: int = 0, *, t: float = 0.0, **changes: object) -> list[Update | Expired]:
        """A message a tenth of a second after the one before; `t` in seconds."""
        self.seconds += 0.1
        data: tuple[Data, ...] = (Boolean(True), Integer(value, 4))
        frame = octets(*data, st_num=st_num, sq_num=sq_num, t=UtcTime.of(T0_US + int(t * 1e6)), **changes)  # type: ignore[arg-type]
        return self.subscriber.receive([frame], at(self.seconds))

    def wait(self, seconds: float) -> list[Update | Expired]:
        self.seconds += seconds
        return self.subscriber.tick(at(self.seconds))

    def found(self) -> list[FindingKind]:
        return [each.kind for each in self.subscriber.findings()]

    def finding(self) -> Finding:
        (finding,) = self.subscriber.findings()
        return finding


@pytest.mark.parametrize(
    ("before", "then", "kinds", "is_taken", "lost"),
    [
        # (stNum, sqNum, value, t), the next ones, findings, whether the last one's value is taken, how many are counted as lost
        ((5, 3, 0, 0), [(5, 4, 0, 0)], [], False, 0),
        ((5, 3, 0, 0), [(5, 4, 0, 0), (5, 5, 0, 0), (5, 6, 0, 0)], [], False, 0),
        ((5, 3, 0, 0), [(6, 0, 1, 1)], [], True, 0),
        ((5, 3, 0, 0), [(6, 0, 1, 1), (6, 1, 1, 1)], [], False, 0),
        ((5, 3, 0, 0), [(6, 0, 0, 1)], [], True, 0),
        ((5, 3, 0, 0), [(5, 6, 0, 0)], [K.LOSS], False, 2),
        ((5, 3, 0, 0), [(6, 2, 1, 1)], [K.LOSS], True, 2),
        ((5, 3, 0, 0), [(8, 0, 1, 1)], [K.LOSS], True, 2),
        ((5, 3, 0, 0), [(5, 3, 0, 0)], [K.DUPLICATE], False, 0),
        ((5, 3, 0, 0), [(5, 3, 0, 0), (5, 4, 0, 0)], [K.DUPLICATE], False, 0),
        ((5, 3, 0, 0), [(5, 3, 7, 0)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(5, 2, 0, 0)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(4, 9, 1, -1)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(4, 9, 1, -1), (5, 4, 0, 0)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(1, 0, 1, -1)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(1, 0, 1, 0)], [K.REPLAY], False, 0),
        ((5, 3, 0, 0), [(1, 0, 1, 1)], [K.RESTART], True, 0),
        ((5, 3, 0, 0), [(1, 0, 1, 1), (1, 1, 1, 1)], [K.RESTART], False, 0),
        ((5, 3, 0, 0), [(2, 7, 1, 1)], [K.RESTART], True, 0),
        ((1, 3, 0, 0), [(1, 0, 1, 1)], [K.RESTART], True, 0),
        ((5, 3, 0, 0), [(6, 0, 1, -1)], [K.TIME_BACKWARD], True, 0),
        ((5, 3, 0, 0), [(9, 0, 1, -1)], [K.LOSS, K.TIME_BACKWARD], True, 3),
        ((5, 3, 0, 0), [(5, 4, 1, 0)], [K.UNANNOUNCED_CHANGE], True, 0),
        ((5, 3, 0, 0), [(5, 4, 1, 0), (5, 5, 1, 0)], [K.UNANNOUNCED_CHANGE], False, 0),
        ((5, 3, 0, 0), [(5, 9, 1, 0)], [K.LOSS, K.UNANNOUNCED_CHANGE], True, 5),
        ((5, 0xFFFF_FFFF, 0, 0), [(5, 1, 0, 0)], [], False, 0),
        ((5, 0xFFFF_FFFF, 0, 0), [(5, 0, 0, 0)], [K.REPLAY], False, 0),
        ((0xFFFF_FFFF, 3, 0, 0), [(1, 0, 1, 1)], [], True, 0),
    ],
)
def test_the_verdict_on_the_message_that_follows(
    before: tuple[int, int, int, float],
    then: list[tuple[int, int, int, float]],
    kinds: list[FindingKind],
    is_taken: bool,
    lost: int,
) -> None:
    bench = Bench()
    bench.hear(*before[:3], t=before[3])
    results: list[Update | Expired] = []
    for st_num, sq_num, value, t in then:
        results = bench.hear(st_num, sq_num, value, t=t)
    assert bench.found() == kinds
    assert bool(results) == is_taken
    (status,) = bench.subscriber.status()
    assert status.lost == lost
    assert status.is_alive


@pytest.mark.parametrize(
    ("st_num", "sq_num", "value", "t", "is_change"),
    [
        (6, 0, 1, 1.0, True),
        (6, 2, 1, 1.0, True),
        (8, 0, 1, 1.0, True),
        (1, 0, 1, 1.0, True),
        (6, 0, 1, -1.0, False),
        (5, 4, 1, 0.0, False),
    ],
)
def test_whether_t_says_when_the_values_changed(st_num: int, sq_num: int, value: int, t: float, is_change: bool) -> None:
    bench = Bench()
    (first,) = bench.hear(5, 3)
    (update,) = bench.hear(st_num, sq_num, value, t=t)
    assert isinstance(first, Update)
    assert isinstance(update, Update)
    assert not first.is_change
    assert update.is_change == is_change


def test_the_first_message_is_taken_whatever_its_numbers_are() -> None:
    bench = Bench()
    (update,) = bench.hear(70, 12)
    assert isinstance(update, Update)
    assert (update.expected, update.trust, update.reading.st_num) == (EXPECTED, Trust.USABLE, 70)
    assert bench.found() == []


def test_the_time_to_live_is_watched() -> None:
    bench = Bench()
    bench.hear(1, 0)
    assert bench.subscriber.next_deadline() == pytest.approx(at(0.1 + 1.0).monotonic_s, abs=1.0)
    assert bench.wait(1.99) == []
    assert bench.wait(0.01) == [Expired(EXPECTED)]
    finding = bench.finding()
    assert (finding.kind, finding.is_over, finding.stream) == (K.EXPIRED, False, GOCB_REF)
    assert "stNum 1, sqNum 0" in finding.text
    assert bench.wait(100) == []
    assert not bench.subscriber.status()[0].is_alive


def test_a_repetition_after_a_silence_brings_the_values_back() -> None:
    bench = Bench()
    bench.hear(5, 0)
    bench.wait(2)
    bench.found()
    (update,) = bench.hear(5, 1)
    assert isinstance(update, Update)
    finding = bench.finding()
    assert (finding.kind, finding.is_over) == (K.EXPIRED, True)
    assert bench.hear(5, 2) == []


@pytest.mark.parametrize(
    ("st_num", "sq_num", "kinds"), [(5, 9, [K.LOSS]), (8, 0, [K.LOSS]), (6, 0, []), (5, 3, [K.RESTART]), (1, 0, [K.RESTART])]
)
def test_what_was_missed_during_a_silence_is_said(st_num: int, sq_num: int, kinds: list[FindingKind]) -> None:
    bench = Bench()
    bench.hear(5, 3)
    bench.wait(2)
    bench.found()
    (update,) = bench.hear(st_num, sq_num, t=-5)
    assert isinstance(update, Update)
    assert (update.trust is Trust.INCONSISTENT) == (K.RESTART in kinds)
    assert sorted(bench.found()) == sorted([*kinds, K.EXPIRED])


def test_neither_duplicates_nor_replays_keep_a_stream_alive() -> None:
    bench = Bench()
    bench.hear(5, 3)
    results = []
    for number in range(30):
        results += bench.hear(5, 3) if number % 2 else bench.hear(4, number, t=-1)
    assert results[0] == Expired(EXPECTED)
    # Once it has expired, an old message may be that of a publisher with a wrong clock: it is taken, but not at its word.
    assert isinstance(results[1], Update)
    assert results[1].trust is Trust.INCONSISTENT
    assert K.RESTART in bench.found()


def test_a_publisher_that_was_never_heard_is_missed() -> None:
    bench = Bench(first_message_s=10.0)
    assert bench.subscriber.next_deadline() == at(10).monotonic_s
    assert bench.wait(9.9) == []
    assert bench.wait(0.1) == [Expired(EXPECTED)]
    assert bench.finding().text == "no message came since the supervision began"
    assert bench.hear(1, 5)
    assert bench.finding().is_over


def test_a_late_look_at_the_clock_does_not_expire_what_is_waiting() -> None:
    bench = Bench()
    bench.hear(1, 0)
    bench.seconds += 60
    assert bench.hear(1, 1) == []
    assert bench.found() == []


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"conf_rev": 4}, K.CONFIGURATION, "confRev is 4, not 3"),
        ({"dat_set": "NG_Q01LD0/LLN0$ds2"}, K.CONFIGURATION, "datSet is NG_Q01LD0/LLN0$ds2"),
        ({"go_id": "open"}, K.CONFIGURATION, "goID is open, not trip"),
        ({"go_id": None}, K.CONFIGURATION, f"goID is {GOCB_REF[:10]}"),
        ({"nds_com": True}, K.NEEDS_COMMISSIONING, "needs commissioning"),
    ],
)
def test_messages_of_another_configuration_are_not_trusted(changes: dict[str, object], kind: FindingKind, words: str) -> None:
    bench = Bench()
    (update,) = bench.hear(1, 0, **changes)  # type: ignore[arg-type]
    assert isinstance(update, Update)
    assert update.trust is Trust.UNUSABLE
    finding = bench.finding()
    assert finding.kind is kind
    assert words in finding.text
    assert bench.hear(1, 1, **changes) == []  # type: ignore[arg-type]
    assert bench.found() == []
    (update,) = bench.hear(1, 2)
    assert isinstance(update, Update)
    assert update.trust is Trust.USABLE
    assert bench.finding().is_over


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((Boolean(True),), "has 1 entries, not 2"),
        ((Boolean(True), Integer(1), Integer(2)), "has 3 entries, not 2"),
        ((Boolean(True), Unsigned(1)), "entry 2 has tag 86 and size 1, where a integer was expected"),
        ((Structure((Boolean(True),)), Integer(1)), "entry 1.1 has tag 83"),
        ((Structure((Boolean(True), Boolean(True))), Integer(1)), "has 3 values, not 2"),
    ],
)
def test_other_entries_are_not_trusted(data: tuple[Data, ...], words: str) -> None:
    bench = Bench()
    (update,) = bench.subscriber.receive([octets(*data)], at(0))
    assert isinstance(update, Update)
    assert update.trust is Trust.UNUSABLE
    finding = bench.finding()
    assert finding.kind is K.ENTRIES
    assert words in finding.text


def test_sizes_of_bit_strings_and_floats_are_part_of_their_type() -> None:
    types = (LeafType.DOUBLE_POINT, LeafType.QUALITY, LeafType.BIT_STRING, LeafType.FLOAT32, (LeafType.TIMESTAMP,))
    data = (BitString(2, 2), BitString(0, 13), BitString(0, 5), Float32(1.0), Structure((UtcTime.of(T0_US),)))
    expected = Expected(gocb_ref=GOCB_REF, entries=types)
    assert [path for path, _ in expected.leaves] == [(0,), (1,), (2,), (3,), (4, 0)]
    bench = Bench(expected)
    bench.subscriber.receive([octets(*data)], at(0))
    assert bench.found() == []
    bench.subscriber.receive([octets(BitString(0, 13), BitString(2, 2), *data[2:], st_num=2)], at(0))
    assert "entry 1 has tag 84 and size 13, where a double point was expected; entry 2" in bench.finding().text


def test_of_many_differences_a_handful_is_told() -> None:
    bench = Bench(Expected(gocb_ref=GOCB_REF, entries=(LeafType.QUALITY,) * 20))
    bench.subscriber.receive([octets(*[Boolean(True)] * 20)], at(0))
    assert bench.finding().text.count("entry") == 5


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (replace(ADDRESS, destination="01:0c:cd:01:00:04"), "the destination is 01:0c:cd:01:00:04, not 01-0C-CD-01-00-03"),
        (replace(ADDRESS, app_id=0x8001), "APPID is 8001, not 0003"),
        (replace(ADDRESS, vlan_id=6), "the VLAN is 6, not 5"),
        (replace(ADDRESS, vlan_id=None, vlan_priority=0), "the VLAN is missing, not 5"),
    ],
)
def test_another_address_is_said_but_the_values_are_used(address: object, words: str) -> None:
    bench = Bench()
    (update,) = bench.hear(1, 0, address=address)
    assert isinstance(update, Update)
    assert update.trust is Trust.USABLE
    finding = bench.finding()
    assert (finding.kind, finding.text) == (K.ADDRESS, words)


def test_what_is_not_known_is_not_compared() -> None:
    bench = Bench(Expected(gocb_ref=GOCB_REF))
    assert bench.hear(1, 0, conf_rev=77, go_id=None, address=replace(ADDRESS, app_id=9))
    assert bench.found() == []


def test_an_unannounced_change_is_not_consistent() -> None:
    bench = Bench()
    bench.hear(5, 3, 0)
    (update,) = bench.hear(5, 4, 1)
    assert isinstance(update, Update)
    assert update.trust is Trust.INCONSISTENT


def test_a_second_source_is_not_used_while_the_first_one_lives() -> None:
    other = replace(ADDRESS, source="02:00:00:00:00:99")
    bench = Bench()
    bench.hear(5, 3)
    assert bench.hear(6, 0, 9, t=5, address=other) == []
    finding = bench.finding()
    assert finding.kind is K.SECOND_PUBLISHER
    assert "02:00:00:00:00:99" in finding.text
    assert bench.hear(5, 4) == []
    assert bench.found() == []
    bench.wait(2)
    bench.found()
    (update,) = bench.hear(6, 0, 9, t=5, address=other)
    assert isinstance(update, Update)
    assert bench.found() == [K.SECOND_PUBLISHER, K.EXPIRED]
    assert bench.subscriber.status()[0].key == update.reading.key


def test_a_forged_message_is_overcome_when_it_expires() -> None:
    bench = Bench()
    bench.hear(5, 0)
    assert bench.hear(1_000_000, 0, 9, t=60)
    results = []
    for number in range(1, 25):
        results += bench.hear(5, number)
    assert [type(each) for each in results] == [Expired, Update]
    assert bench.subscriber.status()[0].st_num == 5


def test_simulated_messages_are_said_and_not_used() -> None:
    bench = Bench()
    bench.hear(5, 0)
    assert bench.hear(9, 0, 1, simulation=True) == []
    assert bench.hear(5, 1) == []
    finding = bench.finding()
    assert (finding.kind, finding.is_over) == (K.SIMULATION, False)
    assert "not used" in finding.text
    for number in range(2, 40):
        assert bench.hear(5, number) == []
    finding = bench.finding()
    assert (finding.kind, finding.is_over) == (K.SIMULATION, True)


def test_the_end_of_a_simulation_is_a_deadline() -> None:
    bench = Bench()
    bench.hear(5, 0, time_allowed_to_live_ms=600_000)
    bench.hear(9, 0, simulation=True)
    bench.wait(1.0)
    assert bench.subscriber.next_deadline() == pytest.approx(at(2.2).monotonic_s)


def test_simulated_messages_are_used_where_they_are_wanted() -> None:
    bench = Bench(accepts_simulated=True)
    (update,) = bench.hear(9, 0, 1, simulation=True)
    assert isinstance(update, Update)
    assert update.reading.key.simulation
    assert bench.found() == [K.SIMULATION]


def test_strangers_are_said_once_each_and_counted() -> None:
    bench = Bench()
    for number in range(5):
        assert bench.hear(1, number, gocb_ref="X/LLN0$GO$g") == []
    finding = bench.finding()
    assert finding.kind is K.UNKNOWN_PUBLISHER
    assert "X/LLN0$GO$g from 02:00:00:00:00:11 with APPID 0003" in finding.text
    assert list(bench.subscriber.strangers().values()) == [5]
    for number in range(1_000):
        bench.hear(1, 0, gocb_ref=f"X/LLN0$GO${number}")
    assert len(bench.subscriber.strangers()) == 256
    assert bench.subscriber.unknown == 1_005
    assert 0 < len(bench.found()) < 20


def test_octets_that_make_no_message_are_counted_and_said() -> None:
    bench = Bench()
    frames = [octets()[:-1], b"", bytes(60)] * 100
    assert bench.subscriber.receive(frames, at(0)) == []
    assert bench.subscriber.malformed == 300
    findings = bench.subscriber.findings()
    assert {each.kind for each in findings} == {K.MALFORMED}
    assert len(findings) == 4
    bench.wait(15)
    assert [each.count for each in bench.subscriber.findings() if each.kind is K.MALFORMED] == [296]


def test_a_storm_is_said_when_it_begins_and_when_it_ends() -> None:
    bench = Bench(storm_frames_per_s=1_000, storm_total_per_s=3_000)
    flood = [octets(Boolean(True), Integer(0, 4), sq_num=number) for number in range(5_000)]
    (update,) = bench.subscriber.receive(flood, at(0))
    assert isinstance(update, Update)
    findings = bench.subscriber.findings()
    assert [(each.kind, each.stream) for each in findings] == [(K.STORM, GOCB_REF), (K.STORM, "")]
    assert bench.subscriber.next_deadline() <= at(1).monotonic_s
    bench.subscriber.tick(at(1))
    assert bench.found() == []
    bench.subscriber.tick(at(2))
    findings = bench.subscriber.findings()
    assert {(each.kind, each.is_over) for each in findings if each.kind is K.STORM} == {(K.STORM, True)}
    assert bench.subscriber.status()[0].frames == 5_000


def test_a_storm_after_a_quiet_time_is_one() -> None:
    bench = Bench()
    bench.hear(1, 0, time_allowed_to_live_ms=600_000)
    bench.wait(60)
    flood = [octets(Boolean(True), Integer(0, 4), sq_num=number, time_allowed_to_live_ms=600_000) for number in range(1, 2_000)]
    bench.subscriber.receive(flood, at(bench.seconds + 0.5))
    assert [(each.kind, each.is_over) for each in bench.subscriber.findings()] == [(K.STORM, False)]


def test_many_findings_of_one_kind_are_told_together() -> None:
    bench = Bench()
    bench.hear(1, 0)
    for number in range(1, 1_000):
        bench.hear(1, 2 * number)
    findings = bench.subscriber.findings()
    losses = [each for each in findings if each.kind is K.LOSS]
    assert len(losses) <= 4 + 100 / 15
    assert sum(each.count for each in losses) <= 999
    bench.wait(15)
    rest = [each for each in bench.subscriber.findings() if each.kind is K.LOSS]
    assert sum(each.count for each in [*losses, *rest]) == 999


def test_a_condition_that_comes_and_goes_is_told_as_it_is_in_the_end() -> None:
    bench = Bench()
    for number in range(50):
        bench.hear(1, number, conf_rev=3 + number % 2)
    findings = bench.subscriber.findings()
    assert len(findings) == 4
    assert findings[-1].is_over
    deadline = bench.subscriber.next_deadline()
    bench.subscriber.tick(Now(deadline, T0_US))
    while deadline < at(40).monotonic_s and not (
        rest := [each for each in bench.subscriber.findings() if each.kind is K.CONFIGURATION]
    ):
        deadline = bench.subscriber.next_deadline()
        bench.subscriber.tick(Now(deadline, T0_US))
    assert [(each.is_over, each.text) for each in rest] == [(False, "confRev is 4, not 3")]


def test_status_counts_what_happened() -> None:
    bench = Bench()
    for st_num, sq_num, t in [(5, 0, 0), (5, 1, 0), (5, 1, 0), (5, 4, 0), (4, 0, -1), (6, 0, 1), (1, 0, 2)]:
        bench.hear(st_num, sq_num, t=t)
    (status,) = bench.subscriber.status()
    assert (status.frames, status.changes, status.lost, status.duplicates, status.replayed, status.restarts) == (5, 3, 2, 1, 1, 1)
    assert (status.st_num, status.sq_num, status.is_alive) == (1, 0, True)
    assert bench.subscriber.frames == 7
