"""Events that come again because a confirmation was lost are delivered once, all others always."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest

from tieline.protocols.dnp3.application import IIN, ObjectBlock, parse_fragment
from tieline.protocols.dnp3.master.repeats import Repeats
from tieline.protocols.dnp3.measurements import NO_TIME, Measurements, PointType
from tieline.protocols.dnp3.objects import object_type, set_times_ms

from .rig import Rig, response

Row = tuple[int, float, int]
"""Index, value and time in milliseconds."""


def events(*rows: Row | tuple[int, float], kind: PointType = PointType.ANALOG_INPUT) -> Measurements:
    full = [(*row, None)[:3] for row in rows]
    return Measurements(
        kind,
        True,
        np.array([row[0] for row in full], np.uint32),
        np.array([row[1] for row in full], np.float64),
        np.ones(len(full), np.uint8),
        np.array([NO_TIME if row[2] is None else row[2] * 1000 for row in full], np.int64),
    )


def rows(measurements: list[Measurements]) -> list[tuple[int, float, int]]:
    return [
        (index, value, -1 if time == NO_TIME else time // 1000)
        for each in measurements
        for index, value, time in zip(each.index.tolist(), each.value.tolist(), each.time_us.tolist(), strict=True)
    ]


def passed(repeats: Repeats, *given: Measurements) -> list[tuple[int, float, int]]:
    return rows(repeats.pass_new(given))


TIMED = events((1, 5.0, 10), (2, 6.0, 11), (1, 7.0, 12))
UNTIMED = events((1, 5.0), (2, 6.0), (1, 7.0))


def test_what_comes_again_is_dropped_and_what_follows_is_not() -> None:
    repeats = Repeats()
    assert len(passed(repeats, TIMED)) == 3
    new = events((2, 8.0, 13), (1, 9.0, 14))
    assert passed(repeats, TIMED, new) == rows([new])
    assert repeats.dropped == 3


def test_what_comes_again_without_times_is_dropped_when_the_link_was_lost() -> None:
    repeats = Repeats()
    repeats.pass_new([UNTIMED])
    repeats.link_lost()
    assert passed(repeats, events((1, 5.0), (2, 6.0))) == []
    assert passed(repeats, events((1, 7.0), (2, 8.0), (1, 9.0))) == [(2, 8.0, -1), (1, 9.0, -1)]
    assert len(passed(repeats, UNTIMED)) == 3, "that was the end of the doubt"


def test_a_contact_without_times_that_pulses_between_polls_is_not_taken_for_a_repetition() -> None:
    repeats = Repeats()
    for _ in range(3):
        assert len(passed(repeats, events((1, 1.0), (1, 0.0)))) == 2
    assert repeats.dropped == 0


def contact(*rows: Row) -> Measurements:
    return events(*rows, kind=PointType.BINARY_INPUT)


def test_a_contact_that_bounces_under_one_stamp_is_not_taken_for_a_repetition() -> None:
    repeats = Repeats()
    bounces = [(1, float(number % 2), 10) for number in range(6)]
    assert [each for bounce in bounces for each in passed(repeats, contact(bounce))] == bounces
    assert passed(repeats, contact(bounces[-1])) == []
    assert passed(repeats, contact((1, 0.0, 10), (1, 0.0, 11))) == [(1, 0.0, 10), (1, 0.0, 11)]


def test_a_contact_that_bounced_within_a_fragment_is_recognized_when_all_of_it_comes_again() -> None:
    repeats = Repeats()
    bounces = contact((1, 1.0, 9), (1, 0.0, 10), (1, 1.0, 10))
    repeats.pass_new([bounces])
    assert passed(repeats, bounces, contact((1, 0.0, 12))) == [(1, 0.0, 12)]


def test_a_contact_that_bounced_across_two_fragments_is_not_taken_for_a_repetition() -> None:
    repeats = Repeats()
    repeats.pass_new([events((7, 5.0, 10)), contact((1, 1.0, 10), (1, 0.0, 10))])
    more = contact((1, 1.0, 10), (1, 0.0, 10), (2, 1.0, 10))
    assert passed(repeats, more) == rows([more])
    assert passed(repeats, more, contact((2, 0.0, 11))) == [(2, 0.0, 11)]


def test_events_stamped_with_nothing_are_delivered_rather_than_lost() -> None:
    repeats = Repeats()
    for _ in range(3):
        assert len(passed(repeats, contact((1, 1.0, 0), (1, 0.0, 0)))) == 2


def test_a_fragment_that_comes_late_and_again_after_newer_ones_is_dropped() -> None:
    repeats = Repeats()
    part = events((1, 5.0, 10), (2, 6.0, 11))
    repeats.pass_new([part])
    repeats.pass_new([TIMED])
    for late in (part, TIMED, part, TIMED):
        assert passed(repeats, late) == []
    assert passed(repeats, events((1, 8.0, 12))) == [(1, 8.0, 12)]


def test_what_comes_again_cut_otherwise_or_among_others_is_dropped() -> None:
    repeats = Repeats()
    repeats.pass_new([TIMED])
    assert passed(repeats, events((1, 5.0, 10), (9, 1.0, 10))) == [(9, 1.0, 10)]
    other = events((3, 1.0, 9), kind=PointType.COUNTER)
    assert passed(repeats, other, events((2, 6.0, 11), (1, 7.0, 12), (1, 8.0, 13))) == [(3, 1.0, 9), (1, 8.0, 13)]


def test_what_comes_a_third_time_is_dropped_too() -> None:
    repeats = Repeats()
    assert [len(passed(repeats, TIMED)) for _ in range(5)] == [3, 0, 0, 0, 0]
    assert repeats.dropped == 12


def test_an_overflow_of_the_outstations_buffer_may_take_the_oldest_away() -> None:
    repeats = Repeats()
    repeats.pass_new([TIMED])
    assert passed(repeats, events((2, 6.0, 11), (1, 7.0, 12), (1, 8.0, 13))) == [(1, 8.0, 13)]


@pytest.mark.parametrize(
    "changed", [(1, 5.0, 11), (1, 5.5, 10), (2, 5.0, 10)], ids=["another time", "another value", "another point"]
)
def test_what_differs_is_new(changed) -> None:
    repeats = Repeats()
    repeats.pass_new([events((1, 5.0, 10))])
    assert passed(repeats, events(changed)) == [changed]


def test_another_type_or_other_flags_are_new() -> None:
    repeats = Repeats()
    repeats.pass_new([events((1, 5.0, 10))])
    assert passed(repeats, events((1, 5.0, 10), kind=PointType.COUNTER)) == [(1, 5.0, 10)]
    other = events((1, 5.0, 10))
    other.flags[0] = 3
    assert passed(repeats, other) == [(1, 5.0, 10)]


def test_a_point_that_went_back_within_a_millisecond_is_new() -> None:
    repeats = Repeats()
    repeats.pass_new([events((1, 0.0, 9), (1, 1.0, 10))])
    assert passed(repeats, events((1, 0.0, 10), (1, 1.0, 10))) == [(1, 0.0, 10), (1, 1.0, 10)]


def test_a_point_without_times_that_went_back_is_new() -> None:
    repeats = Repeats()
    repeats.pass_new([events((1, 1.0), (2, 1.0))])
    repeats.link_lost()
    assert passed(repeats, events((1, 0.0), (1, 1.0))) == [(1, 0.0, -1), (1, 1.0, -1)]
    assert passed(repeats, events((2, 0.0), (2, 1.0))) == [(2, 0.0, -1), (2, 1.0, -1)]


def test_what_was_not_repeated_when_everything_was_asked_for_is_no_longer_in_doubt_without_times() -> None:
    repeats = Repeats()
    repeats.pass_new([UNTIMED, TIMED])
    repeats.link_lost()
    repeats.all_read(repeats.mark)
    repeats.link_lost()
    assert len(passed(repeats, UNTIMED)) == 3
    assert passed(repeats, TIMED) == []


def test_only_the_last_fragments_before_the_link_was_lost_are_in_doubt_without_times() -> None:
    repeats = Repeats()
    for value in (1.0, 2.0, 3.0):
        repeats.pass_new([events((int(value), value))])
    repeats.link_lost()
    assert len(passed(repeats, events((1, 1.0), (2, 2.0), (3, 3.0)))) == 1


def test_present_values_are_never_dropped() -> None:
    repeats = Repeats()
    static = Measurements(PointType.ANALOG_INPUT, False, TIMED.index, TIMED.value, TIMED.flags, TIMED.time_us)
    for _ in range(2):
        assert len(passed(repeats, static)) == 3
    repeats.pass_new([TIMED])
    assert len(passed(repeats, static, TIMED)) == 3


def test_strings_are_compared_as_they_are() -> None:
    def string(value: bytes) -> Measurements:
        one = events((1, float("nan")), kind=PointType.OCTET_STRING)
        return Measurements(one.kind, True, one.index, one.value, one.flags, one.time_us, strings=(value,))

    repeats = Repeats()
    assert len(repeats.pass_new([string(b"a")])) == 1
    repeats.link_lost()
    assert repeats.pass_new([string(b"a")]) == []
    (new,) = repeats.pass_new([string(b"b")])
    assert new.strings == (b"b",)


def test_a_contact_that_bounces_without_end_costs_no_more_than_it_takes_to_look_at_it() -> None:
    repeats = Repeats()
    for stamp in range(32):
        repeats.pass_new([contact(*((1, number % 2, 10 + stamp) for number in range(500)))])
    again = [contact(*((1, number % 2, 41) for number in range(500))) for _ in range(10)]
    started_s = time.process_time()
    assert [passed(repeats, each) for each in again] == [[]] * 10
    assert time.process_time() - started_s < 1.0, "some milliseconds each; with a look at the whole past for each event, a second"


def test_many_contacts_that_bounce_cost_no_more_than_it_takes_to_look_at_them() -> None:
    repeats = Repeats()
    many = contact(*((number % 4_000, number // 4_000 % 2, 10) for number in range(8_000)))
    repeats.pass_new([many, contact((9_999, 1, 10))])
    started_s = time.process_time()
    assert len(passed(repeats, many)) == 8_000, "the other contact did not come again"
    assert time.process_time() - started_s < 1.0, "with a look at the whole fragment for each contact, seconds"


def test_memory_is_bounded() -> None:
    repeats = Repeats()
    for number in range(100):
        repeats.pass_new([events((1, 5.0, number))])
    assert passed(repeats, events((1, 5.0, 68))) == []
    assert passed(repeats, events((1, 5.0, 10))) == [(1, 5.0, 10)]


def test_a_confirmation_that_was_lost_with_the_link_doubles_nothing() -> None:
    rig = Rig.started()
    event = "20 03 17 {:02x} {} "
    one, two = "01 01 05 00 00 00 00 68 e5 cf 8b 01 ", "01 01 06 00 00 00 05 68 e5 cf 8b 01 "
    rig.master.scan_events(frozenset({1, 2, 3}), rig.now)
    rig.sent()
    rig.hear("e1 81 00 00 " + event.format(1, one))
    rig.master.link_down(rig.now)
    rig.master.link_up(rig.now)
    rig.reply("c0 81 02 00")
    rig.hear("f0 82 00 00 " + event.format(2, one + two))
    assert rig.values() == [(32, 1, 5.0), (32, 1, 6.0)]
    assert rig.master.repeated_events == 1


def test_an_integrity_poll_ends_the_doubt_about_events_without_times() -> None:
    rig = Rig.started()
    rig.hear("f0 82 00 00 02 01 17 01 03 81")
    rig.sent()
    rig.master.link_down(rig.now)
    rig.master.link_up(rig.now)
    rig.hear("f0 82 00 00 02 01 17 01 03 81")
    rig.hear("f1 82 00 00 02 01 17 01 03 81")
    assert rig.values() == [(2, 3, 1.0)]
    rig.reply("c0 81 00 00")
    rig.hear("f2 82 00 00 02 01 17 01 03 81")
    assert rig.values() == [(2, 3, 1.0)] * 2


@dataclass
class Pending:
    octets: bytes
    events: list[tuple[int, Row]]
    due_s: float


class Outstation:
    """The least that reports events, in two classes, and forgets them only when they are confirmed."""

    def __init__(self, seed: int, count: int) -> None:
        self.random = random.Random(seed)
        self.buffers: dict[int, list[tuple[int, Row]]] = {1: [], 2: []}
        self.made: list[tuple[int, Row]] = []
        self.left = count
        self.unsolicited: Pending | None = None
        self.solicited: Pending | None = None
        self.sequence = 0
        self.is_enabled = False
        self.last_read = b"", b""

    def make_events(self, time_ms: int) -> None:
        for _ in range(min(self.left, self.random.randrange(40))):
            index = self.random.randrange(8)
            row = (index, float(len(self.made)), time_ms + self.random.randrange(2))
            self.made.append((index, row))
            self.buffers[1 + index % 2].append((index, row))
            self.left -= 1

    def report(self, classes: list[int], now_s: float, *, sequence: int, unsolicited: bool) -> Pending:
        chosen = [event for each in classes for event in self.buffers[each][: self.random.randrange(1, 60)]]
        # Oldest first, as an outstation does that keeps one buffer; it may not, and then goes by class.
        if self.random.random() < 0.5:
            chosen.sort(key=lambda event: event[1][1])
        blocks = [self.block([row for _, row in chosen])] if chosen else []
        octets = response(sequence, blocks, unsolicited=unsolicited, confirm=bool(chosen) or unsolicited)
        return Pending(octets, chosen, now_s + 2.0)

    def block(self, chosen: list[Row]) -> ObjectBlock:
        kind = object_type(32, 5 if chosen[0][2] is None else 7)
        assert kind is not None
        records = kind.zeros(len(chosen))
        records["flags"], records["value"] = 1, [row[1] for row in chosen]
        set_times_ms(records, np.array([row[2] for row in chosen], np.int64))
        return ObjectBlock.indexed(32, 7, [row[0] for row in chosen], records=records)

    def forget(self, pending: Pending) -> None:
        reported = set(pending.events)
        for each, buffer in self.buffers.items():
            self.buffers[each] = [event for event in buffer if event not in reported]

    def hear(self, octets: bytes, now_s: float) -> list[bytes]:
        fragment = parse_fragment(octets)
        sequence = fragment.control.sequence
        if fragment.function == 0:
            if fragment.control.unsolicited:
                if self.unsolicited is not None and sequence == self.sequence:
                    self.forget(self.unsolicited)
                    self.unsolicited = None
                    self.sequence = (self.sequence + 1) & 15
            elif self.solicited is not None and self.solicited.octets[0] & 15 == sequence:
                self.forget(self.solicited)
                self.solicited = None
            return []
        if fragment.function == 1:
            if octets == self.last_read[0]:
                return [self.last_read[1]]  # a request that comes twice is answered as before
            classes = [block.variation - 1 for block in fragment.blocks if block.variation in {2, 3}]
            self.solicited = self.report(classes, now_s, sequence=sequence, unsolicited=False)
            self.last_read = octets, self.solicited.octets
            return [self.solicited.octets]
        if fragment.function in {20, 21}:
            self.is_enabled = fragment.function == 20
        return [response(sequence, iin=IIN(0))]

    def tick(self, now_s: float) -> list[bytes]:
        if self.solicited is not None and now_s >= self.solicited.due_s:
            self.solicited = None
        if self.unsolicited is not None:
            if now_s < self.unsolicited.due_s:
                return []
            if self.random.random() < 0.5:  # the same once more, else newly made under the next number
                self.unsolicited.due_s = now_s + 2.0
                return [self.unsolicited.octets]
            self.sequence = (self.sequence + 1) & 15
            self.unsolicited = None
        if not self.is_enabled or not any(self.buffers.values()):
            return []
        classes = self.random.choice([[1], [2], [1, 2]])
        if not any(self.buffers[each] for each in classes):
            return []
        self.unsolicited = self.report(classes, now_s, sequence=self.sequence, unsolicited=True)
        return [self.unsolicited.octets]


@pytest.mark.parametrize("seed", range(6))
def test_over_a_link_that_loses_delays_doubles_and_drops_every_event_comes_once_and_in_order(seed) -> None:
    rig = Rig()
    outstation = Outstation(seed, 4000)
    chance = random.Random(1000 + seed)
    to_master: deque[tuple[float, bytes]] = deque()
    to_outstation: deque[tuple[float, bytes]] = deque()

    def send(line: deque[tuple[float, bytes]], octets: bytes) -> None:
        for _ in range(chance.choice([0, 1, 1, 1, 1, 1, 1, 2])):
            line.append((rig.seconds + chance.random(), octets))

    while rig.seconds < 20_000 and (outstation.left or any(outstation.buffers.values())):
        outstation.make_events(1_700_000_000_000 + round(rig.seconds * 1000))
        for line, hear in ((to_master, rig.hear), (to_outstation, None)):
            for item in [item for item in line if item[0] <= rig.seconds]:
                line.remove(item)
                if hear is not None:
                    hear(item[1])
                else:
                    for octets in outstation.hear(item[1], rig.seconds):
                        send(to_master, octets)
        for octets in outstation.tick(rig.seconds):
            send(to_master, octets)
        rig.wait(0.25)
        if chance.random() < 0.1:
            rig.master.scan_events(frozenset({1, 2}), rig.now)
        for octets in rig.sent():
            send(to_outstation, bytes.fromhex(octets))
        if chance.random() < 0.01:
            to_master.clear()
            to_outstation.clear()
            outstation.unsolicited = outstation.solicited = None
            rig.master.link_down(rig.now)
            rig.master.link_up(rig.now)
    assert not any(outstation.buffers.values())
    for index in range(8):
        made = [row[1] for each, row in outstation.made if each == index]
        assert [value for _, each, value in rig.values() if each == index] == made
    assert rig.master.repeated_events > 100, "otherwise nothing was tried"
