"""What an outstation measures, and which of its values are events."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.protocols.dnp3.outstation.rig import ONLINE, T0_US
from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.measurements import Flag, PointType
from tieline.protocols.dnp3.outstation import Database, EventBuffer, Points

AI, BI, DI, CT, FC = (
    PointType.ANALOG_INPUT,
    PointType.BINARY_INPUT,
    PointType.DOUBLE_BIT_BINARY_INPUT,
    PointType.COUNTER,
    PointType.FROZEN_COUNTER,
)
STRINGS = PointType.OCTET_STRING


def one(kind=AI, **settings):
    database = Database({kind: Points(index=[7], **{"event_class": 1, **settings})})
    database.update(kind, 7, 0, ONLINE, T0_US, with_events=False)
    return database


def test_a_number_makes_an_event_when_it_moved_further_than_its_deadband_from_the_last_event():
    database = one(deadband=10.0)
    made = [database.update(AI, 7, value, ONLINE, T0_US) for value in (10.0, 10.5, 1.0, 0.4, 0.6, -9.7)]
    assert made == [0, 1, 0, 1, 0, 1]


def test_the_deadband_counts_from_the_last_event_and_not_from_the_last_value():
    database = one(deadband=10.0)
    assert [database.update(AI, 7, value, ONLINE, T0_US) for value in (4.0, 8.0, 12.0)] == [0, 0, 1]


def test_flags_that_change_make_an_event_even_within_the_deadband():
    database = one(deadband=10.0)
    flags = [ONLINE, Flag.COMM_LOST, Flag.COMM_LOST, ONLINE]
    assert [database.update(AI, 7, 0.0, flag, T0_US) for flag in flags] == [0, 1, 0, 1]


def test_a_value_that_is_no_number_makes_one_event_when_it_comes_and_one_when_it_goes():
    database = one(deadband=10.0)
    assert [database.update(AI, 7, value, ONLINE, T0_US) for value in (np.nan, np.nan, 0.0, np.inf, np.inf)] == [1, 0, 1, 1, 0]


def test_a_state_makes_an_event_when_it_changes():
    database = one(DI)
    assert [database.update(DI, 7, state, ONLINE, T0_US) for state in (1, 1, 2, 0, 3)] == [1, 0, 1, 1, 1]


def test_a_point_without_a_class_makes_no_event_and_none_for_its_past_when_it_gets_one():
    database = one(event_class=0)
    assert database.update(AI, 7, 100.0, ONLINE, T0_US) == 0
    database.assign_class(AI, None, 2)
    assert database.update(AI, 7, 100.0, ONLINE, T0_US) == 0
    assert database.update(AI, 7, 101.0, ONLINE, T0_US) == 1


def test_a_point_that_was_never_updated_is_not_online():
    table = Database({AI: Points(index=[1])}).table(AI)
    assert table.flags.tolist() == [Flag.RESTART]


def test_a_point_that_is_named_several_times_makes_an_event_each_time_it_changes_in_order():
    database = Database({BI: Points(index=[1, 2, 9], event_class=1)})
    database.update(BI, [1, 2, 9], 0, ONLINE, T0_US, with_events=False)
    buffer = EventBuffer()
    database.attach(buffer)
    made = database.update(BI, [9, 1, 9, 9, 1, 2], [1, 1, 0, 0, 1, 1], ONLINE, np.arange(6) * 1_000)
    assert made == 4
    buffer.select_classes({1})
    octets = buffer.write(2_000, is_synchronized=True)
    assert octets[:4] == bytes((2, 2, 0x17, 4))
    events = [octets[4 + 8 * row : 12 + 8 * row] for row in range(4)]
    assert [(event[0], event[1], event[2]) for event in events] == [(9, 0x81, 0), (1, 0x81, 1), (9, 1, 2), (2, 0x81, 5)]
    assert database.table(BI).value.tolist() == [1, 1, 0]


def test_events_go_into_the_buffer_of_each_association_and_no_longer_into_one_that_left():
    database = one()
    first, second = EventBuffer(), EventBuffer()
    database.attach(first)
    database.attach(second)
    database.update(AI, 7, 5.0, ONLINE, T0_US)
    database.detach(first)
    database.update(AI, 7, 6.0, ONLINE, T0_US)
    assert (len(first), len(second)) == (1, 2)
    with pytest.raises(LocalError):
        database.detach(first)


@pytest.mark.parametrize(
    ("kind", "index", "value", "flags", "time_us"),
    [
        (AI, [7, 8], [5.0, 6.0], ONLINE, T0_US),
        (AI, [7, 7], [5.0, 6.0, 7.0], ONLINE, T0_US),
        (AI, [-1], [5.0], ONLINE, T0_US),
        (AI, [70_000], [5.0], ONLINE, T0_US),
        (CT, [7], [5.0], ONLINE, T0_US),
        (STRINGS, [0], [5.0], ONLINE, T0_US),
        (BI, [0, 1], [1, 2], ONLINE, T0_US),
        (BI, [0], [0.5], ONLINE, T0_US),
        (BI, [0], [np.nan], ONLINE, T0_US),
        (DI, [0], [4], ONLINE, T0_US),
    ],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(kind, index, value, flags, time_us):
    tables = {AI: [7], BI: [0, 1], DI: [0], STRINGS: [0]}
    database = Database({name: Points(index=indexes, event_class=1) for name, indexes in tables.items()})
    buffer = EventBuffer()
    database.attach(buffer)
    before = {name: (database.table(name).value.tolist(), database.table(name).flags.tolist()) for name in tables}
    with pytest.raises(LocalError):
        database.update(kind, index, value, flags, time_us)
    assert {name: (database.table(name).value.tolist(), database.table(name).flags.tolist()) for name in tables} == before
    assert not len(buffer)


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (AI, Points(index=[1, 1])),
        (AI, Points(index=[-1])),
        (AI, Points(index=[65_536])),
        (AI, Points(index=[1], event_class=4)),
        (AI, Points(index=[1], static_variation=7)),
        (AI, Points(index=[1], event_variation=9)),
        (BI, Points(index=[1], static_variation=3)),
        (AI, Points(index=[1], deadband=-1.0)),
        (AI, Points(index=[1], deadband=np.nan)),
        (AI, Points(index=[1, 2], event_class=[1, 2, 3])),
        (AI, Points(index=[1, 2], deadband=[1.0, 2.0, 3.0])),
        (PointType.ANALOG_INPUT_DEADBAND, Points(index=[1])),
    ],
)
def test_points_that_cannot_be_are_refused(kind, points):
    with pytest.raises(LocalError):
        Database({kind: points})


def test_columns_of_points_keep_together_when_they_are_sorted():
    table = Database({AI: Points(index=[9, 3], event_class=[1, 2], deadband=[0.9, 0.3], static_variation=[1, 2])}).table(AI)
    assert table.index.tolist() == [3, 9]
    assert table.event_class.tolist() == [2, 1]
    assert table.deadband.tolist() == [0.3, 0.9]
    assert table.static_variation.tolist() == [2, 1]


def test_a_freeze_copies_counters_that_have_a_frozen_one_and_each_freeze_is_an_event():
    database = Database({CT: Points(index=[0, 1, 2]), FC: Points(index=[1, 2, 5], event_class=[1, 0, 1])})
    database.update(CT, [0, 1, 2], [10, 11, 12], ONLINE, T0_US)
    assert database.freeze(CT, None, T0_US + 1) == 1
    assert database.freeze(CT, None, T0_US + 2) == 1
    table = database.table(FC)
    assert table.value.tolist() == [11, 12, 0]
    assert table.time_us.tolist()[:2] == [T0_US + 2, T0_US + 2]
    assert database.table(CT).value.tolist() == [10, 11, 12]


def test_a_freeze_with_clear_lets_counters_begin_again_without_an_event_for_it():
    database = Database({CT: Points(index=[0, 1], event_class=1), FC: Points(index=[0, 1])})
    database.update(CT, [0, 1], [10, 11], ONLINE, T0_US)
    database.freeze(CT, np.array([1]), T0_US, clear=True)
    assert database.table(CT).value.tolist() == [10, 0]
    assert database.table(FC).value.tolist() == [0, 11]
    assert database.update(CT, [0, 1], [10, 0], ONLINE, T0_US) == 0
    assert database.update(CT, [0, 1], [10, 1], ONLINE, T0_US) == 1


def test_a_freeze_without_frozen_points_only_clears():
    database = Database({CT: Points(index=[0])})
    database.update(CT, 0, 5, ONLINE, T0_US)
    assert database.freeze(CT, None, T0_US, clear=True) == 0
    assert database.table(CT).value.tolist() == [0]


def test_commands_are_noted_only_where_that_is_configured():
    kind = PointType.BINARY_OUTPUT_COMMAND
    buffer = EventBuffer()
    database = Database({kind: Points(index=[1, 2], event_class=[1, 0])})
    database.attach(buffer)
    database.record_commands(kind, [1, 2, 3], 1.0, 0, T0_US)
    database.record_commands(PointType.ANALOG_OUTPUT_COMMAND, 1, 1.0, 0, T0_US)
    assert len(buffer) == 1


def test_a_type_may_have_no_points():
    database = Database({AI: Points(index=[])})
    assert database.update(AI, [], [], ONLINE, T0_US) == 0
    with pytest.raises(LocalError):
        database.update(AI, 0, 1.0, ONLINE, T0_US)


def test_what_cannot_be_frozen_is_refused():
    database = Database({BI: Points(index=[0])})
    for kind in (BI, CT):
        with pytest.raises(LocalError):
            database.freeze(kind, None, T0_US)


def test_deadbands_can_be_changed_and_only_to_what_they_can_be():
    database = one(deadband=10.0)
    database.set_deadbands([7], [1.0])
    assert database.update(AI, 7, 2.0, ONLINE, T0_US) == 1
    for index, deadband in ((7, -1.0), (7, np.inf), (8, 1.0)):
        with pytest.raises(LocalError):
            database.set_deadbands(index, deadband)
    assert database.table(AI).deadband.tolist() == [1.0]


@pytest.mark.parametrize(("kind", "event_class"), [(BI, 1), (AI, 4), (AI, -1)])
def test_a_class_that_cannot_be_assigned_is_refused(kind, event_class):
    with pytest.raises(LocalError):
        one().assign_class(kind, None, event_class)


def test_an_octet_string_makes_an_event_when_it_changes():
    database = Database({STRINGS: Points(index=[1, 4], event_class=[3, 0])})
    assert database.update_strings([1, 4], [b"open", b"shut"], T0_US) == 1
    assert database.update_strings([1, 4], [b"open", b"gone"], T0_US) == 0
    assert database.update_strings(1, [b"shut"], T0_US) == 1
    assert database.table(STRINGS).strings == [b"shut", b"gone"]


@pytest.mark.parametrize(("index", "strings"), [([1], [b""]), ([1], [bytes(256)]), ([2], [b"a"]), ([1, 1], [b"a"])])
def test_an_octet_string_that_cannot_be_is_refused(index, strings):
    database = Database({STRINGS: Points(index=[1], event_class=1)})
    with pytest.raises(LocalError):
        database.update_strings(index, strings, T0_US)
    assert database.table(STRINGS).strings == [b"\0"]


def test_the_device_says_only_what_is_its_to_say():
    database = one()
    database.indications = IIN.LOCAL_CONTROL | IIN.DEVICE_TROUBLE
    with pytest.raises(LocalError):
        database.indications = IIN.DEVICE_RESTART
    assert database.indications == IIN.LOCAL_CONTROL | IIN.DEVICE_TROUBLE


def test_ten_thousand_points_are_updated_within_milliseconds():
    database = Database({AI: Points(index=range(10_000), event_class=2, deadband=0.5)})
    database.attach(EventBuffer())
    values = np.random.default_rng(1).normal(size=(10, 10_000)) * 100
    best = np.inf
    for row in values:
        begin = time.perf_counter()
        database.update(AI, np.arange(10_000), row, ONLINE, T0_US)
        best = min(best, time.perf_counter() - begin)
    assert best < 0.02
