"""Requests to read, and the responses: every way to ask, in fragments of any size, with confirmations and without."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest

from tests.protocols.dnp3.dissect import assert_clean, frames_of, needs_tshark
from tests.protocols.dnp3.outstation.rig import (
    CLASS_0,
    CLASS_1,
    CLASS_2,
    CLASS_3,
    EVENTS,
    INTEGRITY,
    ONLINE,
    T0_US,
    Bench,
    block_names,
    measurements,
    online,
    small_database,
)
from tieline.model import LocalError
from tieline.protocols.dnp3.application import (
    IIN,
    REQUEST_REFUSED,
    Control,
    Function,
    ObjectBlock,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, STATIC_VARIATIONS, Flag, PointType
from tieline.protocols.dnp3.objects import times_ms
from tieline.protocols.dnp3.outstation import Database, OutstationSettings, Points

AI, BI, DI, CT, FC = (
    PointType.ANALOG_INPUT,
    PointType.BINARY_INPUT,
    PointType.DOUBLE_BIT_BINARY_INPUT,
    PointType.COUNTER,
    PointType.FROZEN_COUNTER,
)
SILENT = OutstationSettings(unsolicited_allowed=False)


def silent(**settings):
    return OutstationSettings(unsolicited_allowed=False, **settings)


def bench(**settings):
    return Bench(online(small_database()), settings=silent(**settings))


def test_golden_octets_of_an_integrity_poll():
    database = Database(
        {BI: Points(index=range(3), static_variation=1, event_class=1), AI: Points(index=[9], static_variation=2)}
    )
    one = Bench(online(database), settings=SILENT)
    one.update(BI, 1, 1, time_us=0x010203040506 * 1_000)
    one.update(AI, 9, -2)
    (response,) = one.send(bytes.fromhex("c5 01 3c 02 06 3c 03 06 3c 04 06 3c 01 06"))
    assert response.hex(" ") == "e5 81 80 00 02 02 17 01 01 81 06 05 04 03 02 01 01 01 00 00 02 02 1e 02 00 09 09 01 fe ff"


def test_class_0_holds_the_present_value_of_every_point_but_no_deadband():
    one = bench()
    one.update(AI, 300, 42.5)
    (response,) = one.read(CLASS_0)
    assert block_names(response) == ["g1v1", "g3v2", "g10v2", "g20v1", "g21v5", "g30v5", "g30v5", "g31v7", "g40v3", "g110v1"]
    assert not response.control.confirm
    seen = measurements([response])
    assert len(seen) == 20 + 5 + 4 + 6 + 4 + 6 + 2 + 2 + 3
    assert next(one.value for one in seen if (one.kind, one.index) == (AI, 300)) == 42.5


def test_a_database_without_points_answers_with_nothing():
    one = Bench(Database({}), settings=SILENT)
    (response,) = one.read(*INTEGRITY)
    assert response.blocks == ()
    assert not response.control.confirm
    assert not response.iin & REQUEST_REFUSED


@pytest.mark.parametrize(
    ("kind", "variation"), [(kind, variation) for kind, variations in STATIC_VARIATIONS.items() for variation in variations]
)
def test_every_static_variation_is_read_by_its_name(kind, variation):
    database = Database({AI if kind is PointType.ANALOG_INPUT_DEADBAND else kind: Points(index=range(4), deadband=1.0)})
    one = Bench(online(database), settings=SILENT)
    (response,) = one.read(ObjectBlock.all(kind.static, variation))
    assert block_names(response) == [f"g{kind.static}v{variation}"]
    expected = 1.0 if kind is PointType.ANALOG_INPUT_DEADBAND else 0.0
    assert [(seen.index, seen.value, seen.flags) for seen in measurements([response])] == [(i, expected, 1) for i in range(4)]


@pytest.mark.parametrize(
    ("header", "indexes", "qualifier"),
    [
        (ObjectBlock.all(30), [0, 1, 2, 3, 300, 301], 0x00),
        (ObjectBlock.range(30, 0, 1, 3), [1, 2, 3], 0x00),
        (ObjectBlock.range(30, 0, 300, 301), [300, 301], 0x01),
        (ObjectBlock(30, 0, 0x02, 2, start=300), [300, 301], 0x01),
        (ObjectBlock.indexed(30, 0, [2, 0, 1]), [2, 0, 1], 0x17),
        (ObjectBlock.indexed(30, 0, [301, 0]), [301, 0], 0x28),
        (ObjectBlock(30, 0, 0x27, 2, indexes=np.array([300, 3], np.uint32)), [300, 3], 0x28),
        (ObjectBlock(30, 0, 0x39, 1, indexes=np.array([3], np.uint32)), [3], 0x17),
    ],
)
def test_points_are_named_in_every_way(header, indexes, qualifier):
    (response,) = bench().read(header)
    assert [seen.index for seen in measurements([response])] == indexes
    assert response.blocks[0].qualifier == qualifier
    assert not response.iin & REQUEST_REFUSED


@pytest.mark.parametrize(
    ("header", "indexes"),
    [
        (ObjectBlock.range(30, 0, 2, 5), [2, 3]),
        (ObjectBlock.range(30, 0, 10, 20), []),
        (ObjectBlock.range(30, 0, 65_000, 65_535), []),
        (ObjectBlock(30, 0, 0x02, 0xFFFFFFFF - 300, start=301), [301]),
        (ObjectBlock.indexed(30, 0, [3, 4, 2]), [3, 2]),
        (ObjectBlock(30, 0, 0x39, 2, indexes=np.array([0xFFFFFFFF, 3], np.uint32)), [3]),
        (ObjectBlock.limited(30, 0, 3), []),
        (ObjectBlock.range(32, 0, 0, 1), []),
        (ObjectBlock.indexed(2, 0, [1]), []),
        (ObjectBlock.range(60, 2, 0, 1), []),
        (ObjectBlock.limited(60, 1, 1), []),
        (ObjectBlock.range(80, 1, 4, 16), []),
        (ObjectBlock.limited(80, 1, 1), []),
        (ObjectBlock.limited(50, 1, 2), []),
    ],
)
def test_points_that_do_not_exist_are_a_parameter_error_and_what_can_be_read_is(header, indexes):
    (response,) = bench().read(header, ObjectBlock.range(20, 1, 0, 0))
    seen = measurements([response])
    assert [one.index for one in seen if one.kind is AI] == indexes
    assert seen[-1].kind is CT
    assert response.iin & REQUEST_REFUSED == IIN.PARAMETER_ERROR


@pytest.mark.parametrize(
    "header",
    [
        ObjectBlock.all(30, 7),
        ObjectBlock.all(32, 9),
        ObjectBlock.all(60, 5),
        ObjectBlock.all(60, 0),
        ObjectBlock.all(50, 2),
        ObjectBlock.all(80, 2),
        ObjectBlock.all(110, 4),
        ObjectBlock.all(111, 4),
        ObjectBlock.all(12, 1),
        ObjectBlock.all(99, 1),
        ObjectBlock.free(70, 5, b"12345678"),
    ],
)
def test_an_object_that_is_not_there_is_unknown_and_what_can_be_read_is(header):
    (response,) = bench().read(header, ObjectBlock.range(20, 1, 0, 0))
    assert [(seen.kind, seen.index) for seen in measurements([response])] == [(CT, 0)]
    assert response.iin & REQUEST_REFUSED == IIN.OBJECT_UNKNOWN


def test_a_group_without_points_is_unknown():
    (response,) = Bench(Database({AI: Points(index=[1])}), settings=SILENT).read(ObjectBlock.all(1), ObjectBlock.all(2))
    assert response.iin & REQUEST_REFUSED == IIN.OBJECT_UNKNOWN


def test_a_header_that_is_cut_off_is_a_parameter_error_and_what_stands_before_it_is_read():
    one = bench()
    (octets,) = one.send(bytes.fromhex("c0 01 14 01 00 00 01 1e 00 01 00"))
    response = parse_fragment(octets)
    assert len(measurements([response])) == 2
    assert response.iin & REQUEST_REFUSED == IIN.PARAMETER_ERROR


def test_packed_points_that_are_named_one_by_one_come_in_ranges():
    (response,) = bench().read(ObjectBlock.indexed(1, 1, [3, 4, 9]))
    assert [(block.qualifier, block.start, block.count) for block in response.blocks] == [(0, 3, 2), (0, 9, 1)]


@pytest.mark.parametrize(
    ("group", "variation", "flagged"),
    [
        (1, 1, 2),
        (3, 1, 2),
        (10, 1, 2),
        (20, 5, 1),
        (20, 6, 2),
        (21, 9, 1),
        (21, 10, 2),
        (30, 3, 1),
        (30, 4, 2),
        (31, 5, 1),
        (31, 6, 2),
    ],
)
@pytest.mark.parametrize("is_listed", [False, True])
def test_a_variation_without_flags_gives_way_to_one_with_them_where_a_point_is_not_well(group, variation, flagged, is_listed):
    kind = next(kind for kind in STATIC_VARIATIONS if kind.static == group)
    one = Bench(online(Database({kind: Points(index=range(3), static_variation=variation)})), settings=SILENT)
    header = ObjectBlock.indexed(group, variation, [0, 1, 2]) if is_listed else ObjectBlock.all(group)
    assert block_names(one.read(header)[0]) == [f"g{group}v{variation}"]
    one.update(kind, 1, 1.0, Flag.COMM_LOST)
    (response,) = one.read(header)
    assert block_names(response) == [f"g{group}v{flagged}"]
    assert [seen.flags for seen in measurements([response])] == [ONLINE, Flag.COMM_LOST, ONLINE]


def test_points_of_different_variations_have_headers_of_their_own():
    database = Database({AI: Points(index=range(4), static_variation=[1, 1, 2, 5])})
    (response,) = Bench(online(database), settings=SILENT).read(CLASS_0)
    assert block_names(response) == ["g30v1", "g30v2", "g30v5"]
    assert [seen.index for seen in measurements([response])] == [0, 1, 2, 3]


def test_octet_strings_are_read_with_headers_by_length_and_by_neighborhood():
    one = Bench(Database({PointType.OCTET_STRING: Points(index=[1, 2, 3, 9, 10])}), settings=SILENT)
    strings = [b"open", b"shut", b"on", b"in", b"x" * 255]
    one.database.update_strings([1, 2, 3, 9, 10], strings, T0_US)
    (response,) = one.read(ObjectBlock.all(110))
    assert block_names(response) == ["g110v4", "g110v2", "g110v2", "g110v255"]
    assert [seen.text for seen in measurements([response])] == strings


def test_octet_strings_need_fragments_that_hold_them():
    with pytest.raises(LocalError):
        Bench(small_database(), settings=silent(max_fragment=249))


def test_the_time_and_the_indications_can_be_read():
    one = bench()
    (response,) = one.read(ObjectBlock.limited(50, 1, 1), ObjectBlock.range(80, 1, 4, 7), ObjectBlock.all(80, 1))
    time, some, every = response.blocks
    assert times_ms(time.records).tolist() == [T0_US // 1_000]
    assert (some.start, some.states.tolist()) == (4, [0, 0, 0, 1])
    assert np.flatnonzero(every.states).tolist() == [7]


def test_single_objects_are_split_into_fragments_too():
    one = Bench(Database({AI: Points(index=[1])}), settings=silent(max_fragment=249))
    fragments = one.read(*[ObjectBlock.limited(50, 1, 1)] * 30)
    assert [len(fragment.blocks) for fragment in fragments] == [24, 6]


def test_deadbands_can_be_read():
    one = bench()
    (response,) = one.read(ObjectBlock.range(34, 1, 300, 301))
    assert response.blocks[0].records["value"].tolist() == [1, 1]
    assert block_names(one.read(ObjectBlock.all(34))[0]) == ["g34v3", "g34v3"]


# Events


def with_events(**settings):
    one = bench(**settings)
    one.update(BI, [1, 2], 1)
    one.update(AI, [3, 301], [30, 301])
    one.update(CT, 5, 7)
    one.update(DI, 4, 2)
    return one


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([CLASS_1], [(BI, 1), (BI, 2), (DI, 4)]),
        ([CLASS_2], [(AI, 3), (AI, 301)]),
        ([CLASS_3], [(CT, 5)]),
        (EVENTS, [(BI, 1), (BI, 2), (AI, 3), (AI, 301), (CT, 5), (DI, 4)]),
        ([ObjectBlock.limited(60, 2, 2)], [(BI, 1), (BI, 2)]),
        ([ObjectBlock(60, 3, 0x08, 1)], [(AI, 3)]),
        ([ObjectBlock.all(2)], [(BI, 1), (BI, 2)]),
        ([ObjectBlock.limited(32, 3, 1), ObjectBlock.limited(4, 0, 9)], [(AI, 3), (DI, 4)]),
    ],
)
def test_events_are_read_by_class_and_by_group_in_their_order(headers, expected):
    one = with_events()
    (response,) = one.read(*headers)
    assert [(seen.kind, seen.index) for seen in measurements([response])] == expected
    assert response.control.confirm
    left = one.read(*EVENTS)
    assert len(measurements(left)) == 6 - len(expected)


@pytest.mark.parametrize(
    ("kind", "variation"),
    [(kind, variation) for kind, variations in EVENT_VARIATIONS.items() for variation in variations if kind.static],
)
def test_every_event_variation_is_read_by_its_name(kind, variation):
    one = Bench(online(Database({kind: Points(index=range(2), event_class=1)})), settings=SILENT)
    one.update(kind, 1, 1.0)
    (response,) = one.read(ObjectBlock.all(kind.event, variation))
    assert block_names(response)[-1] == f"g{kind.event}v{variation}"
    assert [(seen.index, seen.value) for seen in measurements([response])] == [(1, 1.0)]


def test_octet_string_events_are_read():
    one = bench()
    one.database.update_strings([0, 2], [b"abc", b"de"], T0_US)
    (response,) = one.read(ObjectBlock.all(111))
    assert [(seen.index, seen.text) for seen in measurements([response])] == [(0, b"abc"), (2, b"de")]


def test_events_stand_before_present_values_even_where_these_were_asked_for_first():
    one = with_events()
    (response,) = one.read(CLASS_0, *EVENTS)
    groups = [block.group for block in response.blocks]
    assert groups[:4] == [2, 32, 22, 4]
    assert groups[4:] == [1, 3, 10, 20, 21, 30, 30, 31, 40, 110]


def test_the_class_bits_say_what_is_left_to_be_read():
    one = with_events()
    bits = IIN.CLASS_1_EVENTS | IIN.CLASS_2_EVENTS | IIN.CLASS_3_EVENTS
    assert one.ask(Function.DELAY_MEASURE).iin & bits == bits
    response = one.ask(Function.READ, CLASS_2)
    assert response.iin & bits == IIN.CLASS_1_EVENTS | IIN.CLASS_3_EVENTS
    assert one.ask(Function.DELAY_MEASURE).iin & bits == bits  # unconfirmed: they are back


def test_events_that_are_not_confirmed_are_read_again():
    one = with_events()
    first = one.ask(Function.READ, *EVENTS)
    again = one.ask(Function.READ, *EVENTS)
    assert measurements([first]) == measurements([again])
    assert measurements(one.read(*EVENTS)) == measurements([first])
    assert measurements(one.read(*EVENTS)) == []


def test_a_confirmation_that_is_too_late_confirms_nothing():
    one = with_events()
    (response,) = one.send(one.request(Function.READ, *EVENTS))
    assert one.outstation.is_busy
    assert one.outstation.next_deadline() == one.now.monotonic_s + 5.0
    assert one.to_deadline() == []
    assert not one.outstation.is_busy
    assert one.confirm(response) == []
    assert len(measurements(one.read(*EVENTS))) == 6


@pytest.mark.parametrize("control", [Control(sequence=5), Control(sequence=4, unsolicited=True)])
def test_a_confirmation_of_something_else_confirms_nothing(control):
    one = with_events()
    one.send(one.request(Function.READ, *EVENTS, sequence=4))
    one.send(encode_fragment(control, Function.CONFIRM))
    assert one.outstation.is_busy
    assert len(one.outstation.buffer) == 6


def test_a_lost_link_brings_events_back():
    one = with_events()
    (response,) = one.send(one.request(Function.READ, *EVENTS))
    one.outstation.link_down(one.now)
    assert one.outstation.next_deadline() is None
    one.outstation.link_up(one.now)
    one.confirm(response)
    assert len(measurements(one.read(*EVENTS))) == 6


def test_a_response_that_was_not_sent_when_the_link_was_lost_is_not_sent_later():
    one = with_events()
    one.outstation.receive(one.request(Function.READ, *EVENTS), one.now)
    one.outstation.link_down(one.now)
    one.outstation.link_up(one.now)
    assert one.take() == []


def test_a_repeated_read_gets_the_same_octets_while_they_are_not_confirmed():
    one = with_events()
    request = one.request(Function.READ, *INTEGRITY)
    first = one.send(request)
    one.update(AI, 0, 99)
    one.after(3.0)
    assert one.send(request) == first
    assert one.outstation.next_deadline() == one.now.monotonic_s + 5.0
    one.confirm(first[0])
    (fresh,) = one.send(request)  # the same request once more: now it is a new one
    assert [seen.value for seen in measurements([parse_fragment(fresh)], is_event=True)] == [99]


def test_a_response_that_could_not_leave_yet_is_not_late():
    one = with_events()
    one.outstation.receive(one.request(Function.READ, *EVENTS), one.now)
    assert one.outstation.next_deadline() is None
    (response,) = one.after(60.0)
    assert one.outstation.next_deadline() == one.now.monotonic_s + 5.0
    one.confirm(response)
    assert len(one.outstation.buffer) == 0


def test_a_new_request_takes_the_place_of_a_response_that_could_not_leave_yet():
    one = with_events()
    one.outstation.receive(one.request(Function.READ, *EVENTS), one.now)
    assert one.ask(Function.DELAY_MEASURE).control.confirm is False
    assert len(measurements(one.read(*EVENTS))) == 6


def test_a_read_that_is_repeated_in_the_middle_of_its_response_begins_again():
    one = with_events(max_fragment=270)
    request = one.request(Function.READ, *INTEGRITY)
    (first,) = one.send(request)
    (second,) = one.confirm(first)
    assert not parse_fragment(second).control.first
    (again,) = one.send(request)
    assert parse_fragment(again).control.first


def test_an_overflow_is_told_until_there_is_room():
    one = bench(event_capacity=(2, 9, 9))
    one.update(BI, range(5), 1)
    assert one.ask(Function.DELAY_MEASURE).iin & IIN.EVENT_BUFFER_OVERFLOW
    (response,) = one.read(CLASS_1)
    assert response.iin & IIN.EVENT_BUFFER_OVERFLOW
    assert [seen.index for seen in measurements([response])] == [3, 4]
    assert not one.ask(Function.DELAY_MEASURE).iin & IIN.EVENT_BUFFER_OVERFLOW


def test_a_response_has_an_end_even_if_the_rest_of_its_events_was_lost_meanwhile():
    one = bench(event_capacity=(9, 200, 9), max_fragment=280)
    one.update(AI, [0] * 200, [10.0 * number for number in range(1, 201)])
    (first,) = one.send(one.request(Function.READ, CLASS_2))
    one.update(AI, [0] * 200, [-10.0 * number for number in range(1, 201)])
    (last,) = one.confirm(first)
    response = parse_fragment(last)
    assert (response.control.first, response.control.final, response.blocks) == (False, True, ())
    assert [seen.value for seen in measurements(one.read(CLASS_2))] == [-10.0 * number for number in range(1, 201)]


def test_times_are_told_as_not_synchronized_while_the_master_is_asked_for_the_time():
    one = with_events(time_period_s=3600.0)
    assert block_names(one.ask(Function.READ, ObjectBlock.all(2, 3)))[0] == "g51v2"
    record = ObjectBlock.counted(50, 1, struct_time(T0_US // 1_000))
    one.ask(Function.WRITE, record)
    assert block_names(one.ask(Function.READ, ObjectBlock.all(2, 3)))[0] == "g51v1"


def struct_time(time_ms):
    octets = struct.pack("<Q", time_ms)[:6]
    return parse_fragment(b"\xc0\x02\x32\x01\x07\x01" + octets).blocks[0].records


# Fragments


def large_database():
    return online(
        Database(
            {
                BI: Points(index=range(3_000), event_class=1, static_variation=1, event_variation=3),
                DI: Points(index=range(0, 500, 2), event_class=1, static_variation=1),
                AI: Points(index=range(700), event_class=2, static_variation=np.arange(700) // 100 % 6 + 1),
                CT: Points(index=range(100), event_class=3),
            }
        )
    )


@pytest.mark.parametrize("max_fragment", [249, 250, 251, 256, 292, 500, 1_023, 1_024, 2_047, 2_048, 65_535])
def test_a_response_is_split_wherever_a_fragment_ends_and_loses_nothing(max_fragment):
    one = Bench(large_database(), settings=silent(max_fragment=max_fragment))
    rng = np.random.default_rng(max_fragment)
    states, numbers = rng.integers(0, 2, 3_000), rng.integers(-30_000, 30_000, 700)
    one.update(BI, range(3_000), states)
    one.update(AI, range(700), numbers)
    made = len(one.outstation.buffer)
    fragments = one.read(*INTEGRITY)
    assert [fragment.control.first for fragment in fragments] == [True] + [False] * (len(fragments) - 1)
    assert [fragment.control.final for fragment in fragments] == [False] * (len(fragments) - 1) + [True]
    assert all(fragment.control.confirm for fragment in fragments[:-1])
    first = fragments[0].control.sequence
    assert [fragment.control.sequence for fragment in fragments] == [(first + n) % 16 for n in range(len(fragments))]
    events, static = measurements(fragments, is_event=True), measurements(fragments, is_event=False)
    assert len(events) == made
    assert len(one.outstation.buffer) == 0
    expected = [(kind, index) for kind in (BI, DI, CT, AI) for index in one.database.table(kind).index.tolist()]
    assert [(seen.kind, seen.index) for seen in static] == expected
    assert [seen.value for seen in static if seen.kind is BI] == states.tolist()
    assert [seen.value for seen in static if seen.kind is AI] == numbers.tolist()


@pytest.mark.parametrize("max_fragment", [249, 500, 2_048])
def test_points_that_are_named_one_by_one_are_split_too(max_fragment):
    one = Bench(large_database(), settings=silent(max_fragment=max_fragment))
    names = [*range(0, 700, 2), *range(1, 700, 2)]
    fragments = one.read(ObjectBlock.indexed(30, 0, names))
    assert [seen.index for seen in measurements(fragments)] == names


def test_a_fragment_that_is_not_confirmed_ends_the_response():
    one = Bench(large_database(), settings=silent(max_fragment=249))
    one.update(BI, range(3_000), 1)
    (first,) = one.send(one.request(Function.READ, *INTEGRITY))
    (second,) = one.confirm(first)
    confirmed = len(measurements([parse_fragment(first)]))
    assert one.to_deadline() == []
    assert one.confirm(second) == []
    events = measurements(one.read(*EVENTS), is_event=True)
    assert [seen.index for seen in events] == list(range(confirmed, 3_000))


def test_a_new_request_ends_the_response_too():
    one = Bench(large_database(), settings=silent(max_fragment=249))
    (first,) = one.send(one.request(Function.READ, CLASS_0))
    one.ask(Function.DELAY_MEASURE)
    assert one.confirm(first) == []


def test_values_that_change_while_a_response_goes_out_are_never_older_than_the_events_before_them():
    one = Bench(large_database(), settings=silent(max_fragment=249))
    out = one.send(one.request(Function.READ, *INTEGRITY))
    fragments = []
    for number in itertools.count():
        if not out:
            break
        fragments.append(parse_fragment(out[0]))
        one.update(AI, 699, 1_000 + number)
        out = one.confirm(out[0]) if fragments[-1].control.confirm else []
    last = measurements(fragments)[-1]
    assert last.value == 1_000 + number - 2
    newest = [seen.value for seen in measurements(one.read(*EVENTS))]
    assert newest[-1] == 1_000 + number - 1


# Nobody answers these


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xc0",
        b"\x80\x01\x3c\x02\x06",
        b"\x40\x01\x3c\x02\x06",
        b"\xd0\x01\x3c\x02\x06",
        b"\xc0\x81\0\0",
        b"\xc0\x82\0\0",
        b"\xc0\x81",
    ],
)
def test_what_is_no_request_gets_no_answer(octets):
    one = with_events()
    assert one.send(octets) == []
    assert len(measurements(one.read(*EVENTS))) == 6


@needs_tshark
def test_wireshark_finds_nothing_wrong_with_responses():
    one = Bench(large_database(), settings=SILENT)
    one.update(BI, range(0, 3_000, 7), 1)
    one.update(AI, range(700), 5.5)
    out, frames = one.send(one.request(Function.READ, *INTEGRITY)), []
    while out:
        frames += frames_of(out[0], is_from_master=False, sequence=len(frames) % 64)
        out = one.confirm(out[0]) if Control.of(out[0][0]).confirm else []
    small = with_events()
    for header in (*EVENTS, CLASS_0, ObjectBlock.all(34), ObjectBlock.all(80, 1), ObjectBlock.all(50, 1)):
        (octets,) = small.send(small.request(Function.READ, header))
        frames += frames_of(octets, is_from_master=False, sequence=len(frames) % 64)
    assert_clean(frames)
