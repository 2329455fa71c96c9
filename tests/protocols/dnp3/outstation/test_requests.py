"""Everything else that a master asks of an outstation: to write, freeze, assign, restart; one by one and as a broadcast."""

from __future__ import annotations

import numpy as np
import pytest

from tests.protocols.dnp3.outstation.rig import (
    CLASS_0,
    CLASS_1,
    CLASS_3,
    ONLINE,
    T0_US,
    Bench,
    block_names,
    measurements,
    online,
    small_database,
)
from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import (
    IIN,
    REQUEST_REFUSED,
    Control,
    Function,
    ObjectBlock,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.commands import BinaryCommand, Operation, command_block
from tieline.protocols.dnp3.frame import BROADCAST_MAY_CONFIRM, BROADCAST_MUST_CONFIRM, BROADCAST_NO_CONFIRM
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import object_type, set_times_ms
from tieline.protocols.dnp3.outstation import (
    ClassAssigned,
    Database,
    DeadbandsWritten,
    Frozen,
    OutstationSettings,
    Points,
    RestartCleared,
    RestartRequested,
    TimeWritten,
    UnsolicitedChanged,
)

AI, BI, CT, FC = PointType.ANALOG_INPUT, PointType.BINARY_INPUT, PointType.COUNTER, PointType.FROZEN_COUNTER
HOUR_US = 3_600_000_000


def bench(**settings):
    settings = {"unsolicited_allowed": False, **settings}
    return Bench(online(small_database()), settings=OutstationSettings(**settings))


def time_block(time_us, variation=1, interval_ms=None):
    records = object_type(50, variation).zeros(1)
    set_times_ms(records, time_us // 1_000)
    if interval_ms is not None:
        records["interval"] = interval_ms
    return ObjectBlock.counted(50, variation, records)


def restart_bit(start=7, *states):
    states = np.array(states or (0,), np.uint8)
    return ObjectBlock.range(80, 1, start, start + len(states) - 1, states=states)


def refusal(response):
    return response.iin & REQUEST_REFUSED


# Write


def test_the_restart_indication_is_there_until_the_master_clears_it():
    one = bench()
    assert one.ask(Function.READ).iin & IIN.DEVICE_RESTART
    response = one.ask(Function.WRITE, restart_bit())
    assert response.iin == 0
    assert one.outstation.events() == [RestartCleared()]
    assert one.ask(Function.WRITE, restart_bit()).iin == 0
    assert one.outstation.events() == []
    one.outstation.restart(one.now)
    assert one.ask(Function.READ).iin & IIN.DEVICE_RESTART


def test_golden_octets_of_the_restart_indication_being_cleared():
    assert bench().send(bytes.fromhex("c3 02 50 01 00 07 07 00")) == [bytes.fromhex("c3 81 00 00")]


@pytest.mark.parametrize(
    "block", [restart_bit(7, 1), restart_bit(4), restart_bit(6, 0, 0), restart_bit(7, 0, 0), ObjectBlock.all(80, 1)]
)
def test_no_other_indication_can_be_written(block):
    one = bench()
    response = one.ask(Function.WRITE, block)
    assert refusal(response) == IIN.PARAMETER_ERROR
    assert response.iin & IIN.DEVICE_RESTART


def test_the_time_is_written_and_needed_again_after_its_period():
    one = bench(time_period_s=3600.0)
    assert one.ask(Function.READ).iin & IIN.NEED_TIME
    one.ask(Function.WRITE, time_block(T0_US + HOUR_US))
    assert one.outstation.events() == [TimeWritten(T0_US + HOUR_US, one.now.monotonic_s)]
    assert not one.outstation.needs_time
    assert not one.ask(Function.READ).iin & IIN.NEED_TIME
    assert one.outstation.next_deadline() == one.now.monotonic_s + 3600.0
    one.to_deadline()
    assert one.ask(Function.READ).iin & IIN.NEED_TIME
    assert one.outstation.next_deadline() is None


def test_the_master_is_asked_for_the_time_when_the_application_wants_that():
    one = bench()
    assert not one.ask(Function.READ).iin & IIN.NEED_TIME
    one.outstation.request_time(one.now)
    assert one.ask(Function.READ).iin & IIN.NEED_TIME
    one.ask(Function.WRITE, time_block(T0_US))
    assert not one.ask(Function.READ).iin & IIN.NEED_TIME
    assert one.outstation.next_deadline() is None


def test_on_a_lan_the_time_counts_from_the_moment_that_was_recorded():
    one = bench()
    one.ask(Function.RECORD_CURRENT_TIME)
    recorded_s = one.now.monotonic_s
    one.after(3.0)
    assert one.ask(Function.WRITE, time_block(T0_US, 3)).iin & REQUEST_REFUSED == 0
    assert one.outstation.events() == [TimeWritten(T0_US, recorded_s)]
    assert refusal(one.ask(Function.WRITE, time_block(T0_US, 3))) == IIN.PARAMETER_ERROR
    assert one.outstation.events() == []


def test_a_measurement_of_the_delay_is_answered_in_milliseconds():
    (response,) = bench().send(bytes.fromhex("c0 17"))
    assert response.hex(" ") == "c0 81 80 00 34 02 07 01 00 00"


@pytest.mark.parametrize(("variation", "values"), [(1, [5, 7]), (2, [5, 70_000]), (3, [0.5, 7.25])])
@pytest.mark.parametrize("is_listed", [False, True])
def test_deadbands_are_written(variation, values, is_listed):
    one = bench()
    records = object_type(34, variation).zeros(2)
    records["value"] = values
    block = ObjectBlock.range(34, variation, 300, 301, records=records)
    if is_listed:
        block = ObjectBlock.indexed(34, variation, [300, 301], records=records)
    assert refusal(one.ask(Function.WRITE, block)) == 0
    assert one.database.table(AI).deadband.tolist() == [1, 1, 1, 1, *values]
    (event,) = one.outstation.events()
    assert isinstance(event, DeadbandsWritten)
    assert (event.index.tolist(), event.deadband.tolist()) == ([300, 301], values)


def test_deadbands_that_cannot_be_are_refused_and_the_others_written():
    one = bench()
    records = object_type(34, 3).zeros(4)
    records["value"] = [-1.0, np.nan, 4.0, 4.0]
    assert refusal(one.ask(Function.WRITE, ObjectBlock.indexed(34, 3, [0, 1, 2, 77], records=records))) == IIN.PARAMETER_ERROR
    assert one.database.table(AI).deadband.tolist() == [1, 1, 4, 1, 1, 1]


def test_a_deadband_of_a_signaling_nan_is_refused_without_a_warning():
    signaling = np.frombuffer(bytes.fromhex("0100807f"), object_type(34, 3).dtype)
    assert refusal(bench().ask(Function.WRITE, ObjectBlock.range(34, 3, 0, 0, records=signaling))) == IIN.PARAMETER_ERROR


def test_octet_strings_that_are_written_go_to_the_application():
    one = bench()
    blocks = (
        ObjectBlock.indexed(110, 3, [2, 4], strings=(b"abc", b"def")),
        ObjectBlock.range(110, 2, 9, 10, strings=(b"ab", b"cd")),
    )
    assert refusal(one.ask(Function.WRITE, blocks[0])) == 0
    assert refusal(one.ask(Function.WRITE, blocks[1])) == IIN.PARAMETER_ERROR
    assert one.handler.strings == {2: b"abc", 4: b"def", 9: b"ab"}


@pytest.mark.parametrize(
    ("block", "iin"),
    [
        (ObjectBlock.range(1, 1, 0, 0, states=np.zeros(1, np.uint8)), IIN.OBJECT_UNKNOWN),
        (ObjectBlock.all(60, 1), IIN.OBJECT_UNKNOWN),
        (time_block(0, 2, 5), IIN.OBJECT_UNKNOWN),
        (ObjectBlock.counted(50, 1, object_type(50, 1).zeros(2)), IIN.PARAMETER_ERROR),
        (ObjectBlock.counted(34, 1, object_type(34, 1).zeros(2)), IIN.PARAMETER_ERROR),
        (ObjectBlock(110, 1, 0x07, 1, strings=(b"a",)), IIN.PARAMETER_ERROR),
        (ObjectBlock.free(70, 5, b"12345678"), IIN.OBJECT_UNKNOWN),
    ],
)
def test_what_cannot_be_written_is_refused(block, iin):
    one = bench()
    assert refusal(one.ask(Function.WRITE, block)) == iin
    assert one.outstation.events() == []


def test_deadbands_of_no_analogs_are_unknown():
    one = Bench(Database({BI: Points(index=[0])}))
    assert (
        refusal(one.ask(Function.WRITE, ObjectBlock.range(34, 1, 0, 0, records=object_type(34, 1).zeros(1))))
        == IIN.OBJECT_UNKNOWN
    )


def test_a_write_is_done_once_however_often_it_is_repeated():
    one = bench()
    request = one.request(Function.WRITE, time_block(T0_US))
    assert one.send(request) == one.send(request)
    assert len(one.outstation.events()) == 1


# Freeze


def counting():
    one = bench()
    one.update(CT, range(6), np.arange(6) * 10)
    one.read(CLASS_3)
    return one


@pytest.mark.parametrize(
    "header", [ObjectBlock.all(20), ObjectBlock.range(20, 0, 0, 5), ObjectBlock.indexed(20, 0, list(range(6)))]
)
@pytest.mark.parametrize(("function", "silent"), [(7, False), (8, True), (9, False), (10, True)])
def test_counters_are_frozen_and_cleared(header, function, silent):
    one = counting()
    is_cleared = function >= 9
    out = one.send(one.request(function, header))
    assert len(out) == (not silent)
    assert one.database.table(FC).value.tolist() == [0, 10, 20, 30]
    assert one.database.table(CT).value.tolist() == ([0.0] * 6 if is_cleared else [0, 10, 20, 30, 40, 50])
    (event,) = one.outstation.events()
    assert isinstance(event, Frozen)
    assert (event.kind, event.index.tolist(), event.is_cleared) == (CT, list(range(6)), is_cleared)
    seen = measurements(one.read(CLASS_3))
    assert [(each.kind, each.index, each.value) for each in seen] == [(FC, index, 10.0 * index) for index in range(4)]


def test_a_freeze_that_is_repeated_is_done_once():
    one = counting()
    request = one.request(Function.FREEZE_CLEAR, ObjectBlock.all(20))
    first = one.send(request)
    one.update(CT, 1, 3)
    assert one.send(request) == first
    assert one.database.table(FC).value.tolist() == [0, 10, 20, 30]


def test_a_counter_that_is_named_again_and_again_is_frozen_once():
    one = counting()
    headers = ObjectBlock.range(20, 0, 2, 3), ObjectBlock.indexed(20, 0, [3, 1, 1]), *[ObjectBlock.all(20)] * 400
    assert refusal(one.ask(Function.FREEZE_CLEAR, *headers)) == 0
    assert one.database.table(FC).value.tolist() == [0, 10, 20, 30]
    (event,) = one.outstation.events()
    assert event.index.tolist() == list(range(6))
    assert [(each.kind, each.index) for each in measurements(one.read(CLASS_3))] == [(FC, index) for index in range(4)]


def test_analog_inputs_are_frozen():
    one = bench()
    one.update(AI, [0, 1], [3.5, 4.5])
    assert refusal(one.ask(Function.IMMEDIATE_FREEZE, ObjectBlock.all(30))) == 0
    assert [seen.value for seen in measurements(one.read(ObjectBlock.all(31)))] == [3.5, 4.5]


@pytest.mark.parametrize(
    ("function", "header", "iin"),
    [
        (Function.IMMEDIATE_FREEZE, ObjectBlock.all(1), IIN.OBJECT_UNKNOWN),
        (Function.IMMEDIATE_FREEZE, ObjectBlock.all(22), IIN.OBJECT_UNKNOWN),
        (Function.IMMEDIATE_FREEZE, ObjectBlock.all(99), IIN.OBJECT_UNKNOWN),
        (Function.FREEZE_CLEAR, ObjectBlock.all(30), IIN.OBJECT_UNKNOWN),
        (Function.IMMEDIATE_FREEZE, ObjectBlock.range(20, 0, 3, 9), IIN.PARAMETER_ERROR),
        (Function.IMMEDIATE_FREEZE, ObjectBlock.limited(20, 0, 3), IIN.PARAMETER_ERROR),
        (Function.FREEZE_AT_TIME, ObjectBlock.all(20), IIN.PARAMETER_ERROR),
    ],
)
def test_what_cannot_be_frozen_is_refused(function, header, iin):
    assert refusal(counting().ask(function, header)) == iin


@pytest.mark.parametrize("function", [Function.IMMEDIATE_FREEZE, Function.FREEZE_CLEAR])
def test_what_has_no_place_for_frozen_values_cannot_be_frozen(function):
    database = Database({CT: Points(index=range(4))})
    database.update(CT, range(4), 7, ONLINE, T0_US)
    one = Bench(database)
    assert refusal(one.ask(function, ObjectBlock.all(20))) == IIN.OBJECT_UNKNOWN
    assert database.table(CT).value.tolist() == [7] * 4
    assert one.outstation.events() == []


def frozen_at(one):
    return one.database.table(FC).time_us[1] - T0_US


@pytest.mark.parametrize("function", [Function.FREEZE_AT_TIME, Function.FREEZE_AT_TIME_NO_RESPONSE])
def test_a_freeze_waits_for_its_time(function):
    one = counting()
    out = one.send(one.request(function, time_block(T0_US + 10_000_000, 2, 0), ObjectBlock.all(20)))
    assert len(out) == (function is Function.FREEZE_AT_TIME)
    assert one.outstation.next_deadline() == pytest.approx(one.now.monotonic_s + 10.0)
    one.after(9.9)
    assert one.outstation.events() == []
    one.after(0.1)
    assert len(one.outstation.events()) == 1
    assert frozen_at(one) == 10_000_000
    assert one.outstation.next_deadline() is None


def test_a_freeze_without_a_time_is_done_now():
    one = counting()
    assert refusal(one.ask(Function.FREEZE_AT_TIME, time_block(0, 2, 0), ObjectBlock.all(20))) == 0
    assert frozen_at(one) == 0


def test_a_freeze_with_an_interval_comes_again_and_again_until_another_takes_its_place():
    one = counting()
    one.ask(Function.FREEZE_AT_TIME, time_block(T0_US + 5_000_000, 2, 60_000), ObjectBlock.all(20))
    times = []
    for _ in range(3):
        one.to_deadline()
        times.append(frozen_at(one))
    assert times == [5_000_000, 65_000_000, 125_000_000]
    one.after(600.0)  # the machine slept: one freeze, and the series goes on
    assert len(one.outstation.events()) == 4
    one.to_deadline()
    assert frozen_at(one) == 785_000_000
    one.ask(Function.FREEZE_AT_TIME, time_block(0, 2, 0), ObjectBlock.all(20))
    assert one.outstation.next_deadline() is None


def test_a_restart_forgets_what_was_ordered_and_recorded_before():
    one = counting()
    one.ask(Function.FREEZE_AT_TIME, time_block(T0_US + 5_000_000, 2, 60_000), ObjectBlock.all(20))
    one.ask(Function.RECORD_CURRENT_TIME)
    one.outstation.restart(one.now)
    one.after(600.0)
    assert refusal(one.ask(Function.WRITE, time_block(T0_US, 3))) == IIN.PARAMETER_ERROR
    assert one.outstation.events() == []


def test_an_interval_alone_counts_from_whole_multiples_of_it():
    one = counting()
    one.ask(Function.FREEZE_AT_TIME, time_block(0, 2, 3_600_000), ObjectBlock.all(20))
    one.to_deadline()
    assert (T0_US + frozen_at(one)) % HOUR_US == 0


def test_orders_to_freeze_are_not_many():
    one = counting()
    blocks = [ObjectBlock.range(20, 0, 0, 0)] * 40
    assert refusal(one.ask(Function.FREEZE_AT_TIME, time_block(T0_US + HOUR_US, 2, 0), *blocks)) == IIN.PARAMETER_ERROR
    one.after(3_600.0)
    assert len(one.outstation.events()) == 32


# Classes, unsolicited, restart


def test_points_are_put_into_classes():
    one = bench()
    blocks = (
        ObjectBlock.all(60, 4),
        ObjectBlock.range(30, 0, 0, 1),
        ObjectBlock.all(1),
        ObjectBlock.all(60, 1),
        ObjectBlock.all(20),
    )
    assert refusal(one.ask(Function.ASSIGN_CLASS, *blocks)) == 0
    assert one.database.table(AI).event_class.tolist() == [3, 3, 2, 2, 2, 2]
    assert set(one.database.table(BI).event_class.tolist()) == {3}
    assert set(one.database.table(CT).event_class.tolist()) == {0}
    events = one.outstation.events()
    assert all(isinstance(event, ClassAssigned) for event in events)
    assert [(event.kind, event.event_class) for event in events] == [(AI, 3), (BI, 3), (CT, 0)]
    one.update(AI, [0, 3], 50)
    one.update(CT, 0, 5)
    assert [(seen.kind, seen.index) for seen in measurements(one.read(CLASS_3))] == [(AI, 0)]


@pytest.mark.parametrize(
    ("blocks", "iin"),
    [
        ([ObjectBlock.all(30)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.all(60, 5), ObjectBlock.all(30)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.range(60, 2, 0, 1), ObjectBlock.all(30)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.all(60, 2), ObjectBlock.limited(30, 0, 2)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.all(60, 2), ObjectBlock.range(30, 0, 77, 78)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.all(60, 2), ObjectBlock.all(50, 1)], IIN.OBJECT_UNKNOWN),
        ([ObjectBlock.all(60, 2), ObjectBlock.all(34)], IIN.OBJECT_UNKNOWN),
    ],
)
def test_classes_that_cannot_be_assigned_are_refused(blocks, iin):
    one = bench()
    assert refusal(one.ask(Function.ASSIGN_CLASS, *blocks)) == iin
    assert set(one.database.table(AI).event_class.tolist()) == {2}


def test_unsolicited_responses_are_enabled_by_class():
    one = bench(unsolicited_allowed=True)
    assert refusal(one.ask(Function.ENABLE_UNSOLICITED, CLASS_1, CLASS_3)) == 0
    assert refusal(one.ask(Function.DISABLE_UNSOLICITED, CLASS_1)) == 0
    assert refusal(one.ask(Function.DISABLE_UNSOLICITED, CLASS_1)) == 0
    assert refusal(one.ask(Function.ENABLE_UNSOLICITED, CLASS_0)) == IIN.OBJECT_UNKNOWN
    assert refusal(one.ask(Function.ENABLE_UNSOLICITED, ObjectBlock.limited(60, 3, 1))) == IIN.PARAMETER_ERROR
    assert one.outstation.events() == [UnsolicitedChanged(frozenset({1, 3})), UnsolicitedChanged(frozenset({3}))]


@pytest.mark.parametrize("function", [Function.ENABLE_UNSOLICITED, Function.DISABLE_UNSOLICITED])
def test_unsolicited_responses_that_are_not_allowed_are_an_unknown_function(function):
    assert refusal(bench().ask(function, CLASS_1)) == IIN.NO_FUNCTION_CODE_SUPPORT


@pytest.mark.parametrize(("function", "is_cold", "delay"), [(Function.COLD_RESTART, True, 30), (Function.WARM_RESTART, False, 3)])
def test_a_restart_is_answered_with_its_delay_and_told(function, is_cold, delay):
    one = bench(restart_delay_s=(30, 3))
    response = one.ask(function)
    assert block_names(response) == ["g52v1"]
    assert response.blocks[0].records["value"].tolist() == [delay]
    assert one.outstation.events() == [RestartRequested(is_cold)]


def test_a_restart_that_is_not_allowed_is_an_unknown_function():
    one = bench(restart_allowed=False)
    assert refusal(one.ask(Function.COLD_RESTART)) == IIN.NO_FUNCTION_CODE_SUPPORT
    assert one.outstation.events() == []


@pytest.mark.parametrize("function", [15, 16, 17, 18, 19, 25, 26, 27, 28, 29, 30, 31, 32, 34, 99, 128, 132, 255])
def test_other_functions_are_unknown(function):
    response = parse_fragment(bench().send(bytes((0xC2, function)))[0])
    assert refusal(response) == IIN.NO_FUNCTION_CODE_SUPPORT
    assert response.control.sequence == 2


def test_a_request_for_authentication_without_response_gets_none():
    assert bench().send(bytes((0xC2, 33))) == []


def test_what_the_device_says_of_itself_is_in_every_response():
    one = bench()
    one.database.indications = IIN.LOCAL_CONTROL | IIN.CONFIG_CORRUPT
    assert one.ask(Function.READ).iin == IIN.DEVICE_RESTART | IIN.LOCAL_CONTROL | IIN.CONFIG_CORRUPT


def test_what_the_master_did_is_told_once_and_never_without_bound():
    one = bench()
    for number in range(1_000):
        one.ask(Function.WRITE, time_block(number * 1_000))
    events = one.outstation.events()
    assert len(events) == 256
    assert events[-1].utc_us == 999_000
    assert one.outstation.events() == []


# Broadcast


def broadcast(one, address, function, *blocks):
    assert one.send(encode_fragment(Control(sequence=9), function, blocks), broadcast=address) == []


def test_a_broadcast_is_carried_out_and_not_answered():
    one = bench()
    broadcast(one, BROADCAST_NO_CONFIRM, Function.WRITE, time_block(T0_US))
    latch = BinaryCommand(operation=Operation.LATCH_ON)
    broadcast(one, BROADCAST_NO_CONFIRM, Function.DIRECT_OPERATE_NO_RESPONSE, command_block(1, latch))
    assert one.outstation.events() == [TimeWritten(T0_US, one.now.monotonic_s)]
    assert len(one.handler.operated) == 1


@pytest.mark.parametrize("function", [Function.READ, Function.SELECT, Function.DIRECT_OPERATE, Function.COLD_RESTART])
def test_a_broadcast_that_would_be_answered_is_not_carried_out(function):
    one = bench()
    broadcast(one, BROADCAST_MAY_CONFIRM, function, command_block(1, BinaryCommand(operation=Operation.LATCH_ON)))
    assert one.handler.operated == one.handler.selected == one.outstation.events() == []
    assert one.ask(Function.DELAY_MEASURE).iin & IIN.BROADCAST


def test_broadcasts_can_be_refused():
    one = bench(accept_broadcast=False)
    broadcast(one, BROADCAST_MAY_CONFIRM, Function.WRITE, time_block(T0_US))
    assert one.outstation.events() == []
    assert not one.ask(Function.DELAY_MEASURE).iin & IIN.BROADCAST


@pytest.mark.parametrize("address", [0xFFFC, 10])
def test_an_address_that_is_no_broadcast_is_none(address):
    one = bench()
    broadcast(one, address, Function.WRITE, time_block(T0_US))
    assert one.outstation.events() == []


@pytest.mark.parametrize("address", [BROADCAST_NO_CONFIRM, BROADCAST_MAY_CONFIRM])
def test_one_response_tells_of_a_broadcast_that_needs_no_confirmation(address):
    one = bench()
    broadcast(one, address, Function.WRITE, time_block(T0_US))
    first = one.ask(Function.DELAY_MEASURE)
    assert first.iin & IIN.BROADCAST
    assert not first.control.confirm
    assert not one.ask(Function.DELAY_MEASURE).iin & IIN.BROADCAST


@pytest.mark.parametrize("address", [BROADCAST_MUST_CONFIRM, BROADCAST_MAY_CONFIRM])
def test_a_broadcast_is_told_until_the_response_that_tells_of_it_is_confirmed(address):
    one = bench()
    one.update(BI, 1, 1)
    broadcast(one, address, Function.WRITE, time_block(T0_US))
    for _ in range(2):
        (octets,) = one.send(one.request(Function.READ, CLASS_1))
        assert parse_fragment(octets).iin & IIN.BROADCAST
        assert parse_fragment(octets).control.confirm
    one.confirm(octets)
    assert not one.ask(Function.DELAY_MEASURE).iin & IIN.BROADCAST


def test_a_broadcast_that_must_be_confirmed_asks_for_that_in_any_response():
    one = bench()
    broadcast(one, BROADCAST_MUST_CONFIRM, Function.WRITE, time_block(T0_US))
    (octets,) = one.send(one.request(Function.DELAY_MEASURE))
    assert parse_fragment(octets).control.confirm
    one.to_deadline()
    (octets,) = one.send(one.request(Function.DELAY_MEASURE))
    assert parse_fragment(octets).iin & IIN.BROADCAST
    one.confirm(octets)
    assert parse_fragment(one.send(one.request(Function.DELAY_MEASURE))[0]).iin == IIN.DEVICE_RESTART


def test_a_confirmation_of_what_was_sent_before_a_broadcast_says_nothing_about_it():
    one = bench(unsolicited_allowed=True)
    one.ask(Function.ENABLE_UNSOLICITED, CLASS_1)
    one.update(BI, 1, 1)
    (unsolicited,) = one.take()
    broadcast(one, BROADCAST_MUST_CONFIRM, Function.WRITE, time_block(T0_US))
    one.confirm(unsolicited)
    (response,) = one.send(one.request(Function.DELAY_MEASURE))
    broadcast(one, BROADCAST_MUST_CONFIRM, Function.WRITE, time_block(0))
    one.confirm(response)
    assert parse_fragment(one.send(one.request(Function.DELAY_MEASURE))[0]).iin & IIN.BROADCAST


def test_a_broadcast_that_arrives_twice_is_carried_out_once_and_again_after_another_request():
    one = bench()
    for _ in range(2):
        broadcast(one, BROADCAST_NO_CONFIRM, Function.FREEZE_CLEAR_NO_RESPONSE, ObjectBlock.all(20))
    assert len(one.outstation.events()) == 1
    one.ask(Function.DELAY_MEASURE)
    broadcast(one, BROADCAST_NO_CONFIRM, Function.FREEZE_CLEAR_NO_RESPONSE, ObjectBlock.all(20))
    assert len(one.outstation.events()) == 1


def test_a_broadcast_does_not_disturb_a_response_that_waits():
    one = bench()
    one.update(BI, 1, 1)
    (octets,) = one.send(one.request(Function.READ, CLASS_1))
    broadcast(one, BROADCAST_NO_CONFIRM, Function.IMMEDIATE_FREEZE_NO_RESPONSE, ObjectBlock.all(20))
    one.confirm(octets)
    assert measurements(one.read(CLASS_1)) == []


# The application's side


def test_an_association_that_is_closed_collects_no_more_events():
    one = bench()
    one.outstation.close()
    one.update(BI, 1, 1)
    assert len(one.outstation.buffer) == 0


def test_each_master_gets_all_events():
    database = online(small_database())
    first, second = (Bench(database, settings=OutstationSettings(unsolicited_allowed=False)) for _ in range(2))
    first.update(BI, [1, 2], 1)
    assert len(measurements(first.read(CLASS_1))) == 2
    assert len(measurements(second.read(CLASS_1))) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"max_fragment": 248},
        {"max_fragment": 65_536},
        {"event_capacity": (0, 1, 1)},
        {"unsolicited_max_events": (1, 0, 1)},
        {"max_controls": 0},
        {"max_open_files": -1},
        {"select_timeout_s": 0},
        {"confirm_timeout_s": float("nan")},
        {"unsolicited_hold_s": (0.0, float("nan"), 0.0)},
        {"time_period_s": float("nan")},
        {"confirm_timeout_s": -1.0},
        {"time_period_s": 0},
        {"unsolicited_retry_most_s": 1.0},
        {"unsolicited_hold_s": (0, -1, 0)},
        {"unsolicited_retries": -1},
        {"restart_delay_s": (65_536, 0)},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(LocalError):
        OutstationSettings(**settings)


def test_a_clock_that_steps_does_not_disturb_timers():
    one = bench()
    one.update(BI, 1, 1)
    one.send(one.request(Function.READ, CLASS_1))
    one.now = Now(one.now.monotonic_s + 1.0, T0_US - HOUR_US)
    one.outstation.tick(one.now)
    assert one.outstation.is_busy
    assert one.outstation.next_deadline() == one.now.monotonic_s + 4.0


def test_a_point_that_is_online_again_after_a_restart_is_told():
    one = Bench(small_database(), settings=OutstationSettings(unsolicited_allowed=False))
    one.update(BI, range(20), 0, ONLINE)
    assert len(measurements(one.read(CLASS_1))) == 20
