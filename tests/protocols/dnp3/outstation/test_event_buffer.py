"""Events that wait for a master: selected in order, sent, confirmed or taken back, and lost only when told."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.protocols.dnp3.outstation.rig import T0_US, measurements
from tieline.model import LocalError
from tieline.protocols.dnp3.application import parse_fragment
from tieline.protocols.dnp3.measurements import EVENT_VARIATIONS, PointType
from tieline.protocols.dnp3.outstation import EventBuffer
from tieline.protocols.dnp3.outstation.event_encoding import EventColumns

BI, DI, AI, CT, STRINGS = (
    PointType.BINARY_INPUT,
    PointType.DOUBLE_BIT_BINARY_INPUT,
    PointType.ANALOG_INPUT,
    PointType.COUNTER,
    PointType.OCTET_STRING,
)


def put(buffer, kind, index, value=0.0, *, event_class=1, variation=None, time_us=T0_US, flags=1, text=None):
    indexes = np.atleast_1d(np.asarray(index, np.uint32))
    count = len(indexes)
    texts = np.full(count, None, np.object_)
    if text is not None:
        texts[:] = text
        variation = len(text)
    columns = EventColumns(
        np.full(count, kind.event, np.uint8),
        np.full(count, variation or EVENT_VARIATIONS[kind][0], np.uint8),
        indexes,
        np.broadcast_to(np.asarray(value, np.float64), count),
        np.broadcast_to(np.asarray(flags, np.uint8), count),
        np.broadcast_to(np.asarray(time_us, np.int64), count),
        texts,
    )
    buffer.append(columns, np.broadcast_to(np.asarray(event_class, np.uint8), count))


def fragment(octets):
    found = parse_fragment(b"\xc0\x81\x00\x00" + octets)
    assert found.fault is None
    return found


def written(buffer, room=2_000, *, is_synchronized=True):
    octets = buffer.write(room, is_synchronized=is_synchronized)
    assert len(octets) <= room
    return fragment(octets)


def drain(buffer, room=2_000):
    """All selected events in fragments that are each confirmed."""
    found = []
    while buffer.has_selected:
        found.append(written(buffer, room))
        assert buffer.confirm()
    return found


def indexes(fragments):
    return [(seen.kind, seen.index) for seen in measurements(fragments)]


def test_events_leave_in_the_order_in_which_they_came_whatever_their_types_and_classes():
    buffer = EventBuffer()
    put(buffer, BI, [1, 2], event_class=[3, 1])
    put(buffer, AI, [1], event_class=2)
    put(buffer, BI, [3], event_class=1)
    buffer.select_classes({1, 2, 3})
    assert indexes(drain(buffer)) == [(BI, 1), (BI, 2), (AI, 1), (BI, 3)]
    assert not len(buffer)


def test_only_events_of_the_classes_that_are_asked_for_are_selected_and_no_more_than_the_limit():
    buffer = EventBuffer()
    put(buffer, BI, range(10), event_class=[1, 2] * 5)
    assert buffer.select_classes({2}, 3) == 3
    assert indexes(drain(buffer)) == [(BI, 1), (BI, 3), (BI, 5)]
    assert [buffer.waiting(number) for number in (1, 2, 3)] == [5, 2, 0]


def test_a_second_selection_takes_what_the_first_left():
    buffer = EventBuffer()
    put(buffer, BI, range(6))
    put(buffer, AI, range(3))
    assert buffer.select_group(2, 1, 2) == 2
    assert buffer.select_classes({1}, 5) == 5
    fragments = drain(buffer)
    assert [str(block) for block in fragments[0].blocks] == ["g2v1", "g2v2", "g32v7"]
    assert [block.count for block in fragments[0].blocks] == [2, 4, 1]


def test_what_was_sent_is_forgotten_when_it_is_confirmed_and_nothing_else():
    buffer = EventBuffer()
    put(buffer, AI, range(50))
    buffer.select_classes({1})
    first = written(buffer, 100)
    put(buffer, AI, [99])
    confirmed = buffer.confirm()
    assert confirmed == len(measurements([first])) < 50
    buffer.restore()
    buffer.select_classes({1})
    rest = indexes(drain(buffer))
    assert rest == [(AI, index) for index in (*range(confirmed, 50), 99)]


def test_what_is_not_confirmed_is_back_in_its_place():
    buffer = EventBuffer()
    put(buffer, BI, range(4), event_class=[1, 2, 1, 2])
    buffer.select_group(2, 1)
    assert measurements([written(buffer)])[0].time_us < 0
    assert buffer.waiting(1) == buffer.waiting(2) == 0
    buffer.restore()
    assert buffer.waiting(1) == buffer.waiting(2) == 2
    buffer.select_classes({1, 2})
    again = drain(buffer)
    assert [str(block) for block in again[0].blocks] == ["g2v2"]
    assert indexes(again) == [(BI, index) for index in range(4)]


def test_what_was_selected_and_not_written_can_be_left_while_the_rest_is_confirmed():
    buffer = EventBuffer()
    put(buffer, AI, range(50))
    buffer.select_classes({1})
    sent = len(measurements([written(buffer, 100)]))
    buffer.unselect()
    assert not buffer.has_selected
    assert buffer.has_sent
    assert buffer.waiting(1) == 50 - sent
    assert buffer.confirm() == sent
    assert len(buffer) == 50 - sent


def test_a_full_class_loses_its_oldest_event_and_the_others_lose_none():
    buffer = EventBuffer((3, 5, 1))
    put(buffer, BI, [0, 1, 2], event_class=1)
    put(buffer, AI, [0, 1, 2], event_class=2)
    assert not buffer.is_overflown
    put(buffer, BI, [3, 4], event_class=1)
    assert buffer.is_overflown
    assert buffer.lost == 2
    buffer.select_classes({1, 2, 3})
    assert indexes(drain(buffer)) == [(BI, 2), (AI, 0), (AI, 1), (AI, 2), (BI, 3), (BI, 4)]


def test_of_more_events_at_once_than_there_is_room_for_the_newest_are_kept():
    buffer = EventBuffer((4, 4, 4))
    put(buffer, BI, [100], event_class=1)
    put(buffer, BI, range(20), event_class=[1, 2] * 10)
    buffer.select_classes({1, 2, 3})
    assert indexes(drain(buffer)) == [(BI, index) for index in range(12, 20)]
    assert buffer.lost == 13


def test_an_overflow_is_over_when_it_was_told_and_there_is_room():
    buffer = EventBuffer((2, 2, 2))
    put(buffer, BI, [0, 1, 2])
    buffer.select_classes({1}, 1)
    drain(buffer)
    assert buffer.is_overflown  # there is room, but nobody was told
    buffer.note_overflow_told()
    buffer.select_classes({1})
    drain(buffer)
    assert not buffer.is_overflown


def test_an_overflow_after_it_was_told_is_told_again():
    buffer = EventBuffer((2, 2, 2))
    put(buffer, BI, [0, 1, 2])
    buffer.note_overflow_told()
    buffer.select_classes({1}, 1)
    written(buffer)
    put(buffer, BI, [3, 4])
    buffer.confirm()
    assert buffer.is_overflown


def test_an_event_that_made_way_while_it_was_sent_is_not_confirmed_in_the_name_of_another():
    buffer = EventBuffer((3, 1, 1))
    put(buffer, BI, [0, 1, 2])
    buffer.select_classes({1}, 2)
    written(buffer)
    put(buffer, BI, [3, 4])
    assert buffer.confirm() == 0
    buffer.select_classes({1})
    assert indexes(drain(buffer)) == [(BI, 2), (BI, 3), (BI, 4)]


def test_a_class_without_room_is_refused():
    with pytest.raises(LocalError):
        EventBuffer((1, 0, 1))


@pytest.mark.parametrize("seed", range(4))
def test_what_goes_in_comes_out_once_and_in_order_whatever_happens_between(seed):
    rng = random.Random(seed)
    buffer = EventBuffer((4_000, 4_000, 4_000))
    expected, seen, number = [], [], 0
    for _ in range(400):
        for _ in range(rng.randrange(4)):
            count = rng.randrange(1, 30)
            put(buffer, rng.choice([BI, AI, CT]), range(number, number + count), event_class=rng.randrange(1, 4))
            expected += range(number, number + count)
            number += count
        buffer.select_classes({1, 2, 3}, rng.choice([None, 1, 20]))
        sent = written(buffer, rng.choice([20, 100, 2_000]))
        if rng.random() < 0.7:
            seen += [index for _, index in indexes([sent])]
            buffer.confirm()
        if rng.random() < 0.8 or buffer.has_sent:
            buffer.restore()
    buffer.restore()
    buffer.select_classes({1, 2, 3})
    seen += [index for _, index in indexes(drain(buffer))]
    assert seen == expected
    assert buffer.lost == 0


def test_the_buffer_counts_right_under_overflow_by_chance():
    rng = random.Random(7)
    buffer = EventBuffer((50, 30, 10))
    held = {1: [], 2: [], 3: []}
    for number in range(2_000):
        event_class = rng.randrange(1, 4)
        put(buffer, BI, [number], event_class=event_class)
        held[event_class] = [*held[event_class], number][-{1: 50, 2: 30, 3: 10}[event_class] :]
        number += 1
        if rng.random() < 0.02:
            wanted = rng.randrange(1, 4)
            limit = rng.randrange(1, 40)
            buffer.select_classes({wanted}, limit)
            assert [index for _, index in indexes(drain(buffer))] == held[wanted][:limit]
            del held[wanted][:limit]
        assert [buffer.waiting(each) for each in (1, 2, 3)] == [len(held[each]) for each in (1, 2, 3)]
    assert len(buffer) == sum(map(len, held.values()))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_sent_while_others_arrive_and_make_way_is_confirmed_or_comes_back(seed):
    rng = random.Random(seed)
    capacity = {1: 40, 2: 25, 3: 10}
    buffer = EventBuffer(tuple(capacity.values()))
    held, sent, number = [], set(), 0
    for _ in range(3_000):
        for _ in range(rng.randrange(4)):
            event_class = rng.randrange(1, 4)
            put(buffer, rng.choice([BI, AI]), [number], event_class=event_class)
            held.append((event_class, number))
            of_class = [row for row in held if row[0] == event_class]
            if len(of_class) > capacity[event_class]:
                held.remove(of_class[0])
            number += 1
        match rng.randrange(6):
            case 0:
                buffer.select_classes(rng.sample([1, 2, 3], rng.randrange(1, 4)), rng.choice([None, 3, 30]))
            case 1 | 2:
                sent |= {index for _, index in indexes([written(buffer, rng.choice([30, 200]))])}
            case 3:
                buffer.unselect()
            case 4:
                assert buffer.confirm() == sum(row[1] in sent for row in held)
                held = [row for row in held if row[1] not in sent]
                sent = set()
            case _:
                buffer.restore()
                sent = set()
        waiting = [row for row in held if row[1] not in sent]
        assert [buffer.waiting(each) for each in (1, 2, 3)] == [sum(row[0] == each for row in waiting) for each in (1, 2, 3)]
        assert buffer.has_sent == (len(held) > len(waiting))
    buffer.restore()
    buffer.select_classes({1, 2, 3})
    assert [index for _, index in indexes(drain(buffer))] == [row[1] for row in held]


@pytest.mark.parametrize(
    ("kind", "variation"), [(kind, variation) for kind, variations in EVENT_VARIATIONS.items() for variation in variations]
)
def test_events_of_every_variation_are_written_as_they_are_read(kind, variation):
    buffer = EventBuffer()
    is_state = kind.event in {2, 4, 11, 13}
    values = [1.0, 0.0, 1.0] if is_state else [5.0, 7.0, 30_000.0]
    put(buffer, kind, [3, 700, 2], values, variation=variation, time_us=T0_US + np.arange(3) * 1_000)
    buffer.select_classes({1})
    found = written(buffer)
    assert str(found.blocks[-1]) == f"g{kind.event}v{variation}"
    seen = measurements([found])
    assert [(one.kind, one.index, one.value, one.flags) for one in seen] == [
        (kind, index, value, 1) for index, value in zip([3, 700, 2], values, strict=True)
    ]
    if found.blocks[-1].type.has_time or found.blocks[-1].type.has_relative_time:
        assert [one.time_us for one in seen] == [T0_US, T0_US + 1_000, T0_US + 2_000]


def test_relative_times_get_a_new_common_time_where_the_old_one_does_not_reach():
    buffer = EventBuffer()
    times = T0_US + np.array([0, 65_535, 65_536, 65_500, 200_000]) * 1_000
    put(buffer, BI, range(3), variation=3, time_us=times[:3])
    put(buffer, AI, [0])
    put(buffer, DI, range(2), variation=3, time_us=times[3:])
    buffer.select_classes({1})
    found = written(buffer)
    assert [str(block) for block in found.blocks] == ["g51v1", "g2v3", "g51v1", "g2v3", "g32v7", "g51v1", "g4v3", "g51v1", "g4v3"]
    assert [seen.time_us for seen in measurements([found]) if seen.kind is not AI] == times.tolist()


def test_a_common_time_goes_on_behind_events_of_another_type():
    buffer = EventBuffer()
    put(buffer, BI, [0], variation=3)
    put(buffer, AI, [0])
    put(buffer, BI, [1], variation=3, time_us=T0_US + 5_000)
    buffer.select_classes({1})
    found = written(buffer)
    assert [str(block) for block in found.blocks] == ["g51v1", "g2v3", "g32v7", "g2v3"]
    assert measurements([found])[-1].time_us == T0_US + 5_000


def test_each_fragment_has_its_own_common_time_and_says_whether_the_clock_is_synchronized():
    buffer = EventBuffer()
    put(buffer, BI, range(100), variation=3)
    buffer.select_classes({1})
    first = written(buffer, 60, is_synchronized=False)
    assert [str(block) for block in first.blocks] == ["g51v2", "g2v3"]
    buffer.confirm()
    assert [str(block) for block in written(buffer, 60).blocks] == ["g51v1", "g2v3"]


@pytest.mark.parametrize("room", range(60))
def test_no_more_is_written_than_there_is_room_for_and_no_event_is_skipped(room):
    buffer = EventBuffer()
    for index in range(20):
        put(
            buffer,
            [BI, AI, DI][index % 3],
            [index * 40],
            variation=3 if index % 3 != 1 else 1,
            time_us=T0_US + index * 40_000_000,
        )
    buffer.select_classes({1})
    octets = buffer.write(room, is_synchronized=True)
    assert len(octets) <= room
    seen = [index for _, index in indexes([fragment(octets)])]
    assert seen == [40 * number for number in range(len(seen))]
    assert buffer.confirm() == len(seen)
    buffer.restore()
    buffer.select_classes({1})
    assert [index for _, index in indexes(drain(buffer))] == [40 * number for number in range(len(seen), 20)]


def test_more_events_than_one_octet_counts_share_headers_of_255_where_indexes_are_short():
    buffer = EventBuffer()
    put(buffer, BI, np.arange(600) % 200, variation=1)
    buffer.select_classes({1})
    found = written(buffer)
    assert [(block.qualifier, block.count) for block in found.blocks] == [(0x17, 255), (0x17, 255), (0x17, 90)]


def test_octet_strings_of_different_lengths_have_headers_of_their_own():
    buffer = EventBuffer()
    put(buffer, STRINGS, [1, 2], text=b"open")
    put(buffer, STRINGS, [300], text=b"shut")
    put(buffer, STRINGS, [1], text=b"x" * 255)
    buffer.select_classes({1})
    assert [(seen.index, seen.text) for seen in measurements(drain(buffer))] == [
        (1, b"open"),
        (2, b"open"),
        (300, b"shut"),
        (1, b"x" * 255),
    ]


def test_golden_octets_of_events():
    buffer = EventBuffer()
    put(buffer, BI, [5], 1.0, variation=2, time_us=0x010203040506 * 1_000)
    put(buffer, AI, [256], -2.0, variation=2)
    buffer.select_classes({1})
    assert buffer.write(100, is_synchronized=True).hex(" ") == "02 02 17 01 05 81 06 05 04 03 02 01 20 02 28 01 00 00 01 01 fe ff"
