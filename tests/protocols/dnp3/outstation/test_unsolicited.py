"""When an outstation speaks unasked: after a start, with events that are enabled, again and again until it is confirmed."""

from __future__ import annotations

import random

import pytest

from tests.protocols.dnp3.dissect import assert_clean, frames_of, needs_tshark
from tests.protocols.dnp3.outstation.rig import (
    CLASS_0,
    CLASS_1,
    CLASS_2,
    CLASS_3,
    EVENTS,
    INTEGRITY,
    Bench,
    measurements,
    online,
    small_database,
)
from tieline.protocols.dnp3.application import IIN, Control, Function, encode_fragment, parse_fragment
from tieline.protocols.dnp3.frame import BROADCAST_MUST_CONFIRM
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.outstation import Database, OutstationSettings, Points

AI, BI, CT = PointType.ANALOG_INPUT, PointType.BINARY_INPUT, PointType.COUNTER


def bench(*, start=True, database=None, **settings):
    return Bench(database or online(small_database()), settings=OutstationSettings(**settings), start=start)


def enabled(*, classes=EVENTS, **settings):
    one = bench(**settings)
    one.ask(Function.ENABLE_UNSOLICITED, *classes)
    return one


def events_in(octets):
    return [(seen.kind, seen.index) for seen in measurements([parse_fragment(octets)])]


# After a start


def test_the_first_word_is_an_empty_response_that_wants_to_be_confirmed():
    one = bench(start=False)
    assert [octets.hex(" ") for octets in one.take()] == ["f0 82 80 00"]
    assert one.outstation.is_busy
    assert one.take() == []


def test_the_start_up_response_is_repeated_until_it_is_confirmed():
    one = bench(start=False, confirm_timeout_s=5.0, unsolicited_retry_s=2.0, unsolicited_retry_most_s=7.0)
    (null,) = one.take()
    pauses = []
    for _ in range(5):
        assert one.to_deadline() == []  # the confirmation did not come
        before = one.now.monotonic_s
        assert one.to_deadline() == [null]
        pauses.append(one.now.monotonic_s - before)
    assert pauses == [2.0, 4.0, 7.0, 7.0, 7.0]
    one.confirm(null)
    assert one.outstation.next_deadline() is None


def test_no_event_is_sent_before_the_start_up_response_is_confirmed():
    one = bench(start=False)
    (null,) = one.take()
    one.ask(Function.ENABLE_UNSOLICITED, *EVENTS)
    one.update(BI, 1, 1)
    one.to_deadline()
    assert one.to_deadline() == [null]
    (octets,) = one.confirm(null)
    assert octets[0] == 0xF1
    assert events_in(octets) == [(BI, 1)]


def test_a_late_confirmation_of_the_start_up_response_confirms_no_events():
    one = bench(start=False)
    (null,) = one.take()
    one.update(BI, 1, 1)
    one.to_deadline()  # the confirmation is overdue, and a READ is answered
    read = one.ask(Function.READ, CLASS_1)
    assert len(measurements([read])) == 1
    one.confirm(null)
    assert measurements(one.read(CLASS_1)) == measurements([read])


def test_nothing_is_said_without_a_link_nor_where_it_is_not_allowed():
    one = bench(start=False)
    one.outstation.link_down(one.now)
    assert one.take() == []
    one.outstation.link_up(one.now)
    assert len(one.take()) == 1
    assert bench(start=False, unsolicited_allowed=False).take() == []


def test_nothing_is_begun_while_somebody_else_speaks():
    one = bench(start=False)
    assert one.take(may_begin=False) == []
    assert one.outstation.next_deadline() is None
    assert len(one.take()) == 1


def test_a_restart_begins_with_the_start_up_response_and_nothing_enabled():
    one = enabled()
    one.update(BI, 1, 1)
    (octets,) = one.take()
    one.outstation.restart(one.now)
    (null,) = one.take()
    assert null[0] & 0x0F == (octets[0] + 1) & 0x0F
    assert parse_fragment(null).blocks == ()
    assert parse_fragment(null).iin & IIN.DEVICE_RESTART
    assert one.confirm(null) == []
    assert measurements(one.read(CLASS_1))[0].index == 1


# Events


def test_events_of_enabled_classes_are_sent_and_forgotten_when_they_are_confirmed():
    one = enabled(classes=[CLASS_1])
    one.update(BI, [1, 2], 1)
    one.update(AI, 0, 50)
    (octets,) = one.after(0)
    assert octets[:2].hex() == "f182"
    assert events_in(octets) == [(BI, 1), (BI, 2)]
    assert parse_fragment(octets).iin == IIN.DEVICE_RESTART | IIN.CLASS_2_EVENTS
    assert one.confirm(octets) == []
    assert len(one.outstation.buffer) == 1


def test_events_that_come_while_a_confirmation_is_awaited_are_sent_after_it_with_the_next_sequence_number():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.update(BI, 2, 1)
    assert one.take() == []
    (second,) = one.confirm(first)
    assert events_in(second) == [(BI, 2)]
    assert second[0] & 0x0F == (first[0] + 1) & 0x0F


def test_more_events_than_a_fragment_holds_are_sent_one_fragment_after_another():
    database = online(Database({AI: Points(index=range(100), event_class=1)}))
    one = enabled(database=database, max_fragment=249)
    one.update(AI, range(100), 5)
    out, seen = one.take(), []
    while out:
        control = Control.of(out[0][0])
        assert (control.first, control.final, control.confirm, control.unsolicited) == (True, True, True, True)
        assert len(out[0]) <= 249
        seen += events_in(out[0])
        out = one.confirm(out[0])
    assert seen == [(AI, index) for index in range(100)]


def test_events_are_held_for_company():
    one = enabled(unsolicited_hold_s=(0.5, 5.0, 0.0))
    one.update(AI, 0, 50)
    assert one.after(0) == []
    one.after(1.0)
    one.update(BI, 1, 1)
    assert one.after(0) == []
    assert one.outstation.next_deadline() == one.now.monotonic_s + 0.5
    one.update(BI, 2, 1)
    (octets,) = one.after(0.5)
    assert events_in(octets) == [(AI, 0), (BI, 1), (BI, 2)]


def test_many_events_are_not_held():
    one = enabled(unsolicited_hold_s=(5.0, 5.0, 5.0), unsolicited_max_events=(3, 100, 100))
    one.update(BI, [1, 2], 1)
    assert one.after(0) == []
    one.update(BI, 3, 1)
    assert len(one.after(0)) == 1


def test_events_that_are_read_meanwhile_are_not_sent():
    one = enabled(unsolicited_hold_s=(5.0, 5.0, 5.0))
    one.update(BI, 1, 1)
    one.after(0)
    one.read(CLASS_1)
    assert one.outstation.next_deadline() is None
    assert one.after(5.0) == []


def test_classes_that_are_disabled_are_not_sent_any_more():
    one = enabled(unsolicited_hold_s=(5.0, 5.0, 5.0))
    one.update(BI, 1, 1)
    one.after(0)
    one.ask(Function.DISABLE_UNSOLICITED, CLASS_1)
    assert one.outstation.next_deadline() is None
    assert one.after(5.0) == []
    one.ask(Function.ENABLE_UNSOLICITED, CLASS_1)
    assert len(one.to_deadline()) == 1


def test_disabling_awaits_the_confirmation_that_may_be_under_way():
    one = enabled()
    one.update(BI, 1, 1)
    (octets,) = one.take()
    one.ask(Function.DISABLE_UNSOLICITED, *EVENTS)
    assert one.send(one.request(Function.READ, CLASS_1)) == []
    (response,) = one.confirm(octets)
    assert measurements([parse_fragment(response)]) == []
    assert len(one.outstation.buffer) == 0


def test_a_fragment_that_is_not_confirmed_is_given_up_once_it_is_disabled():
    one = enabled()
    one.update(BI, 1, 1)
    (octets,) = one.take()
    one.ask(Function.DISABLE_UNSOLICITED, *EVENTS)
    assert one.to_deadline() == []
    assert one.after(100.0) == []
    assert one.confirm(octets) == []
    assert [seen.index for seen in measurements(one.read(CLASS_1))] == [1]


@pytest.mark.parametrize("has_timed_out", [False, True])
def test_a_disabled_fragment_is_not_sent_again_by_the_next_link(has_timed_out):
    one = enabled()
    one.update(BI, 1, 1)
    one.take()
    if has_timed_out:
        one.to_deadline()
    one.ask(Function.DISABLE_UNSOLICITED, *EVENTS)
    one.outstation.link_down(one.now)
    one.outstation.link_up(one.now)
    assert one.after(100.0) == []
    assert [seen.index for seen in measurements(one.read(CLASS_1))] == [1]


# Repetitions


def test_an_unconfirmed_response_is_repeated_octet_for_octet_even_if_there_is_news():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.update(BI, 2, 1)
    assert one.to_deadline() == []
    assert one.to_deadline() == [first]
    (second,) = one.confirm(first)
    assert events_in(second) == [(BI, 2)]


def test_a_late_confirmation_counts_as_long_as_nothing_new_was_sent():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.to_deadline()
    assert one.confirm(first) == []
    assert len(one.outstation.buffer) == 0
    assert one.outstation.next_deadline() is None


@pytest.mark.parametrize("control", [Control(sequence=2, unsolicited=True), Control(sequence=1)])
def test_a_confirmation_of_something_else_does_not_count(control):
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    assert first[0] & 0x0F == 1
    one.send(encode_fragment(control, Function.CONFIRM))
    assert one.outstation.is_busy
    assert len(one.outstation.buffer) == 1


def test_after_the_last_repetition_events_are_sent_anew_with_the_next_sequence_number():
    one = enabled(unsolicited_retries=1)
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.to_deadline()
    assert one.to_deadline() == [first]
    one.update(BI, 2, 1)
    assert one.to_deadline() == []
    assert one.take() == []
    (anew,) = one.to_deadline()
    assert anew[0] & 0x0F == (first[0] + 1) & 0x0F
    assert events_in(anew) == [(BI, 1), (BI, 2)]
    assert one.confirm(first) == []
    assert len(one.outstation.buffer) == 2


def test_a_pending_fragment_outlives_a_lost_link():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.outstation.link_down(one.now)
    assert not one.outstation.is_busy
    assert one.outstation.next_deadline() is None
    one.update(BI, 2, 1)
    assert one.after(100.0) == []
    one.outstation.link_up(one.now)
    assert one.take() == [first]
    (second,) = one.confirm(first)
    assert events_in(second) == [(BI, 2)]


# Together with requests


def test_a_read_waits_until_the_unsolicited_response_is_confirmed():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.update(BI, 2, 1)
    assert one.send(one.request(Function.READ, *INTEGRITY)) == []
    (response,) = one.confirm(first)
    assert response[0] == 0xE0 | one.sequence
    assert [seen.index for seen in measurements([parse_fragment(response)], is_event=True)] == [2]
    assert one.confirm(response) == []


def test_a_read_waits_no_longer_than_for_the_timeout_and_then_brings_the_events():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.send(one.request(Function.READ, CLASS_1))
    (response,) = one.to_deadline()
    assert events_in(response) == [(BI, 1)]
    assert one.confirm(first) == []  # given up: these events are in the response now
    assert len(one.outstation.buffer) == 1
    assert one.confirm(response) == []
    assert len(one.outstation.buffer) == 0


def test_of_several_reads_that_wait_the_last_is_answered():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    for header in (CLASS_0, CLASS_1, CLASS_2):
        assert one.send(one.request(Function.READ, header)) == []
    (response,) = one.confirm(first)
    assert parse_fragment(response).control.sequence == one.sequence
    assert parse_fragment(response).blocks == ()


def test_a_read_waits_for_the_start_up_response_too():
    one = bench(start=False)
    (null,) = one.take()
    assert one.send(one.request(Function.READ, CLASS_0)) == []
    (response,) = one.to_deadline()
    assert response[1] == Function.RESPONSE
    assert one.to_deadline() == [null]


def test_other_requests_are_answered_at_once_and_do_not_disturb_the_confirmation():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    assert one.ask(Function.DELAY_MEASURE).control.confirm is False
    one.confirm(first)
    assert len(one.outstation.buffer) == 0


def test_another_request_takes_the_place_of_a_read_that_waits():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.send(one.request(Function.READ, CLASS_0))
    one.ask(Function.DELAY_MEASURE)
    assert one.confirm(first) == []


def test_a_response_that_asks_for_a_confirmation_does_not_take_the_events_of_the_unsolicited_one():
    one = enabled()
    one.update(BI, 1, 1)
    (first,) = one.take()
    one.send(encode_fragment(Control(), Function.RECORD_CURRENT_TIME), broadcast=BROADCAST_MUST_CONFIRM)
    (response,) = one.send(one.request(Function.DELAY_MEASURE))
    assert parse_fragment(response).control.confirm
    one.ask(Function.DELAY_MEASURE)
    assert one.outstation.buffer.has_sent
    one.confirm(first)
    assert len(one.outstation.buffer) == 0


def test_nothing_unsolicited_is_sent_while_a_response_waits_for_its_confirmation():
    one = enabled()
    one.update(BI, 1, 1)
    (response,) = one.send(one.request(Function.READ, CLASS_1))[:1]
    one.update(BI, 2, 1)
    assert one.after(0) == []
    (unsolicited,) = one.confirm(response)
    assert events_in(unsolicited) == [(BI, 2)]


def test_a_broadcast_is_told_in_an_unsolicited_response_too():
    one = enabled()
    one.send(encode_fragment(Control(), Function.RECORD_CURRENT_TIME), broadcast=BROADCAST_MUST_CONFIRM)
    one.update(BI, 1, 1)
    (octets,) = one.take()
    assert parse_fragment(octets).iin & IIN.BROADCAST
    one.confirm(octets)
    assert not one.ask(Function.DELAY_MEASURE).iin & IIN.BROADCAST


def test_an_overflow_is_told_unsolicited():
    one = enabled(classes=[CLASS_3], event_capacity=(2, 2, 2))
    one.update(BI, range(5), 1)
    one.update(CT, 1, 1)
    (octets,) = one.take()
    assert parse_fragment(octets).iin & IIN.EVENT_BUFFER_OVERFLOW


# A bad link


class Master:
    """A master that confirms, and knows a repetition by its octets."""

    def __init__(self):
        self.last, self.seen = b"", []

    def receive(self, octets):
        control = Control.of(octets[0])
        if octets != self.last:
            self.last = octets
            self.seen += measurements([parse_fragment(octets)])
        return encode_fragment(Control(unsolicited=True, sequence=control.sequence), Function.CONFIRM)


@pytest.mark.parametrize("seed", range(5))
def test_events_arrive_once_and_in_order_over_a_link_that_loses_doubles_and_breaks(seed):
    rng = random.Random(seed)
    database = online(Database({CT: Points(index=range(10), event_class=1), BI: Points(index=range(10), event_class=2)}))
    one = enabled(database=database, max_fragment=249, unsolicited_hold_s=(0.2, 0.1, 0.0))
    master, made = Master(), []
    for number in range(1, 1_500):
        kind, index = rng.choice([CT, BI]), rng.randrange(10)
        value = number if kind is CT else 1 - database.table(BI).value[index]
        one.update(kind, index, value, time_us=one.now.utc_us + number * 1_000)
        made.append((kind, index, value))
        carry(one, master, rng, rng.random() * 2.0)
        if rng.random() < 0.01:
            one.outstation.link_down(one.now)
            one.outstation.link_up(one.now)
    for _ in range(1_000):
        carry(one, master, rng, 30.0)
    assert [(seen.kind, seen.index, seen.value) for seen in master.seen] == made
    assert len(one.outstation.buffer) == 0


def carry(one, master, rng, seconds):
    out = one.after(seconds)
    while out:
        confirms = []
        for octets in out:
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                confirms += [master.receive(octets)] * rng.choice([0, 1, 1, 1, 2])
        out = [octets for confirm in confirms for octets in one.send(confirm)]


@needs_tshark
def test_wireshark_finds_nothing_wrong_with_unsolicited_responses():
    one = bench(start=False)
    (null,) = one.take()
    one.confirm(null)
    one.ask(Function.ENABLE_UNSOLICITED, *EVENTS)
    one.update(BI, range(20), 1)
    one.update(AI, [0, 301], 5)
    one.database.update_strings([1], [b"abc"], one.now.utc_us)
    (octets,) = one.take()
    assert_clean(frames_of(null, is_from_master=False) + frames_of(octets, is_from_master=False, sequence=1))
