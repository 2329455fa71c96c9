"""Commands to an outstation: which are carried out, which are refused, and with what status."""

from __future__ import annotations

import numpy as np
import pytest

from tests.protocols.dnp3.dissect import assert_clean, frames_of, needs_tshark
from tests.protocols.dnp3.outstation.rig import CLASS_3, Bench, Handler, measurements, online, small_database
from tieline.protocols.dnp3.application import IIN, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.commands import (
    AnalogCommand,
    BinaryCommand,
    CommandStatus,
    OperateMode,
    Operation,
    TripClose,
    command_block,
)
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import object_type
from tieline.protocols.dnp3.outstation import OutstationSettings

CLOSE = BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.CLOSE, on_ms=100, off_ms=200)
TRIP = BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.TRIP, on_ms=100)
LATCH = BinaryCommand(operation=Operation.LATCH_ON, count=2, clear=True)
SETPOINT = AnalogCommand(value=12.5)
SELECT, OPERATE, DIRECT, DIRECT_SILENT = (
    Function.SELECT,
    Function.OPERATE,
    Function.DIRECT_OPERATE,
    Function.DIRECT_OPERATE_NO_RESPONSE,
)


def bench(database=None, **settings):
    settings = OutstationSettings(unsolicited_allowed=False, **settings)
    return Bench(database or online(small_database()), settings=settings)


def statuses(response):
    return [
        CommandStatus(status)
        for block in response.blocks
        if block.records is not None
        for status in block.records["status"].tolist()
    ]


def pattern(command, outputs, *, start=0):
    """One block for several outputs (g12v2, g12v3)."""
    single = command_block(0, command).records
    states = np.zeros(8, np.uint8)
    states[np.array(outputs) - start] = 1
    return ObjectBlock.counted(12, 2, single), ObjectBlock.range(12, 3, start, start + 7, states=states)


@pytest.mark.parametrize(
    "command", [CLOSE, TRIP, LATCH, SETPOINT, *(AnalogCommand(value=-3.0, variation=variation) for variation in (1, 2, 3, 4))]
)
@pytest.mark.parametrize("index", [0, 255, 256, 65_535])
def test_a_command_is_selected_then_operated_and_comes_back_as_it_was(command, index):
    one = bench()
    block = command_block(index, command)
    for function in (SELECT, OPERATE):
        request = one.request(function, block)
        (response,) = one.send(request)
        assert response[4:] == request[2:]
    assert one.handler.selected == [(index, command)]
    assert one.handler.operated == [(index, command, OperateMode.SELECT_BEFORE_OPERATE)]


def test_golden_octets_of_a_refused_select():
    one = bench()
    one.handler.answers[3] = CommandStatus.LOCAL
    (response,) = one.send(bytes.fromhex("c1 03 0c 01 17 01 03 41 01 64 00 00 00 c8 00 00 00 00"))
    assert response.hex(" ") == "c1 81 80 00 0c 01 17 01 03 41 01 64 00 00 00 c8 00 00 00 07"


def test_a_direct_operate_needs_no_select():
    one = bench()
    response = one.ask(DIRECT, command_block(1, LATCH), command_block(0, SETPOINT))
    assert statuses(response) == [CommandStatus.SUCCESS] * 2
    assert one.handler.selected == []
    assert one.handler.operated == [(1, LATCH, OperateMode.DIRECT_OPERATE), (0, SETPOINT, OperateMode.DIRECT_OPERATE)]


def test_a_direct_operate_without_response_gets_none():
    one = bench()
    request = one.request(DIRECT_SILENT, command_block(1, LATCH))
    assert one.send(request) == []
    assert one.handler.operated == [(1, LATCH, OperateMode.DIRECT_OPERATE_NO_ACK)]
    assert one.send(request) == []
    assert len(one.handler.operated) == 1


@pytest.mark.parametrize("status", [status for status in CommandStatus if status])
@pytest.mark.parametrize("function", [SELECT, DIRECT])
def test_what_the_device_says_comes_back(status, function):
    one = bench()
    one.handler.answers[3] = status
    assert statuses(one.ask(function, command_block(2, CLOSE), command_block(3, CLOSE))) == [CommandStatus.SUCCESS, status]


def test_what_the_device_says_to_a_selected_command_comes_back():
    one = bench()
    one.ask(SELECT, command_block(3, CLOSE))
    one.handler.answers[3] = CommandStatus.HARDWARE_ERROR
    assert statuses(one.ask(OPERATE, command_block(3, CLOSE))) == [CommandStatus.HARDWARE_ERROR]


def no_select(one):
    return [one.request(OPERATE, command_block(3, CLOSE))]


def other_object(one):
    return [one.request(SELECT, command_block(3, CLOSE)), one.request(OPERATE, command_block(3, TRIP))]


def other_index(one):
    return [one.request(SELECT, command_block(3, CLOSE)), one.request(OPERATE, command_block(4, CLOSE))]


def fewer_objects(one):
    blocks = command_block(3, CLOSE), command_block(4, CLOSE)
    return [one.request(SELECT, *blocks), one.request(OPERATE, blocks[0])]


def more_objects(one):
    blocks = command_block(3, CLOSE), command_block(4, CLOSE)
    return [one.request(SELECT, blocks[0]), one.request(OPERATE, *blocks)]


def sequence_again(one):
    return [one.request(SELECT, command_block(3, CLOSE)), one.request(OPERATE, command_block(3, CLOSE), sequence=one.sequence)]


def sequence_skipped(one):
    return [
        one.request(SELECT, command_block(3, CLOSE)),
        one.request(OPERATE, command_block(3, CLOSE), sequence=one.sequence + 2),
    ]


def request_between(one):
    return [
        one.request(SELECT, command_block(3, CLOSE)),
        one.request(Function.DELAY_MEASURE),
        one.request(OPERATE, command_block(3, CLOSE)),
    ]


def sixteen_requests_between(one):
    select = one.request(SELECT, command_block(3, CLOSE))
    between = [one.request(Function.DELAY_MEASURE) for _ in range(16)]
    return [select, *between, one.request(OPERATE, command_block(3, CLOSE))]


def read_between_that_waits(one):
    """Its number is the select's: the operate has the right one."""
    one.outstation.restart(one.now)
    one.take()  # the start-up response, which keeps a READ waiting
    select = one.request(SELECT, command_block(3, CLOSE))
    between = one.request(Function.READ, ObjectBlock.all(60, 2), sequence=one.sequence)
    return [select, between, one.request(OPERATE, command_block(3, CLOSE))]


def second_operate(one):
    block = command_block(3, CLOSE)
    return [one.request(SELECT, block), one.request(OPERATE, block), one.request(OPERATE, block)]


def refused_select(one):
    one.handler.answers[4] = CommandStatus.BLOCKED
    blocks = command_block(3, CLOSE), command_block(4, CLOSE)
    return [one.request(SELECT, *blocks), one.request(OPERATE, *blocks)]


def refused_select_after_a_good_one(one):
    one.handler.answers[4] = CommandStatus.BLOCKED
    return [
        one.request(SELECT, command_block(3, CLOSE)),
        one.request(SELECT, command_block(4, CLOSE)),
        one.request(OPERATE, command_block(3, CLOSE), sequence=one.sequence - 1),
    ]


@pytest.mark.parametrize(
    "requests",
    [
        no_select,
        other_object,
        other_index,
        fewer_objects,
        more_objects,
        sequence_again,
        sequence_skipped,
        request_between,
        sixteen_requests_between,
        read_between_that_waits,
        second_operate,
        refused_select,
        refused_select_after_a_good_one,
    ],
)
def test_an_operate_that_does_not_follow_its_select_is_refused(requests):
    one = bench()
    one.sequence = 3
    out = []
    for request in requests(one):
        out = one.send(request)
    before = 1 if requests is second_operate else 0
    assert set(statuses(parse_fragment(out[0]))) == {CommandStatus.NO_SELECT}
    assert len(one.handler.operated) == before


@pytest.mark.parametrize(
    ("after_s", "status"), [(9.9, CommandStatus.SUCCESS), (10.0, CommandStatus.TIMEOUT), (99.0, CommandStatus.TIMEOUT)]
)
def test_a_selection_times_out(after_s, status):
    one = bench(select_timeout_s=10.0)
    one.ask(SELECT, command_block(3, CLOSE))
    one.after(after_s)
    assert statuses(one.ask(OPERATE, command_block(3, CLOSE))) == [status]
    assert len(one.handler.operated) == (status is CommandStatus.SUCCESS)


def test_a_select_with_sequence_number_15_is_followed_by_an_operate_with_0():
    one = bench()
    one.ask(SELECT, command_block(3, CLOSE), sequence=15)
    assert statuses(one.ask(OPERATE, command_block(3, CLOSE), sequence=0)) == [CommandStatus.SUCCESS]


def test_a_lost_link_voids_a_selection():
    one = bench()
    one.ask(SELECT, command_block(3, CLOSE))
    one.outstation.link_down(one.now)
    one.outstation.link_up(one.now)
    assert statuses(one.ask(OPERATE, command_block(3, CLOSE))) == [CommandStatus.NO_SELECT]


@pytest.mark.parametrize("function", [SELECT, OPERATE, DIRECT])
def test_a_repeated_request_is_answered_as_before_and_not_carried_out_again(function):
    one = bench()
    block = command_block(3, CLOSE)
    if function is OPERATE:
        one.ask(SELECT, block)
    request = one.request(function, block)
    first = one.send(request)
    done = len(one.handler.operated), len(one.handler.selected)
    one.handler.answers[3] = CommandStatus.LOCAL
    assert one.send(request) == first
    assert one.send(request) == first
    assert (len(one.handler.operated), len(one.handler.selected)) == done


def test_an_operate_follows_a_select_that_was_repeated():
    one = bench()
    request = one.request(SELECT, command_block(3, CLOSE))
    one.send(request)
    one.send(request)
    assert statuses(one.ask(OPERATE, command_block(3, CLOSE))) == [CommandStatus.SUCCESS]


def test_a_request_after_a_lost_link_is_a_new_one_even_with_the_same_octets():
    one = bench()
    request = one.request(DIRECT, command_block(3, CLOSE))
    one.send(request)
    one.outstation.link_down(one.now)
    one.outstation.link_up(one.now)
    one.send(request)
    assert len(one.handler.operated) == 2


def test_commands_beyond_the_limit_are_too_many():
    one = bench(max_controls=2)
    blocks = [command_block(index, CLOSE) for index in range(4)]
    expected = [CommandStatus.SUCCESS] * 2 + [CommandStatus.TOO_MANY_OBJECTS] * 2
    assert statuses(one.ask(SELECT, *blocks)) == expected
    assert statuses(one.ask(OPERATE, *blocks)) == [CommandStatus.NO_SELECT] * 4
    assert statuses(one.ask(DIRECT, *blocks)) == expected
    assert [index for index, _, _ in one.handler.operated] == [0, 1]


@pytest.mark.parametrize("code", [0x05, 0x0F, 0xC1, 0xC3, 0xFF])
def test_a_control_code_that_means_nothing_is_not_supported(code):
    one = bench()
    block = command_block(3, CLOSE)
    block.records["code"] = code
    assert statuses(one.ask(DIRECT, block)) == [CommandStatus.NOT_SUPPORTED]
    assert one.handler.operated == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("variation", [3, 4])
def test_a_set_point_that_is_no_number_is_not_supported(value, variation):
    one = bench()
    block = command_block(0, AnalogCommand(value=0, variation=variation))
    block.records["value"] = value
    assert statuses(one.ask(DIRECT, block)) == [CommandStatus.NOT_SUPPORTED]
    assert one.handler.operated == []


@pytest.mark.parametrize("function", [SELECT, OPERATE, DIRECT])
@pytest.mark.parametrize(
    ("blocks", "iin"),
    [
        ([ObjectBlock.all(12, 1)], IIN.PARAMETER_ERROR),
        ([ObjectBlock.counted(12, 1, command_block(0, CLOSE).records)], IIN.PARAMETER_ERROR),
        ([pattern(CLOSE, [1])[0]], IIN.PARAMETER_ERROR),
        ([pattern(CLOSE, [1])[1]], IIN.PARAMETER_ERROR),
        ([*pattern(CLOSE, [1])[::-1]], IIN.PARAMETER_ERROR),
        ([ObjectBlock.all(60, 1)], IIN.OBJECT_UNKNOWN),
        ([command_block(0, CLOSE), ObjectBlock.counted(50, 1, object_type(50, 1).zeros(1))], IIN.OBJECT_UNKNOWN),
        ([], IIN.PARAMETER_ERROR),
    ],
)
def test_a_request_with_anything_but_commands_is_refused_as_a_whole(function, blocks, iin):
    one = bench()
    response = one.ask(function, *blocks)
    assert response.iin & (IIN.PARAMETER_ERROR | IIN.OBJECT_UNKNOWN) == iin
    assert response.blocks == ()
    assert one.handler.operated == one.handler.selected == []


@pytest.mark.parametrize(("tail", "iin"), [("0c 01", IIN.PARAMETER_ERROR), ("63 01 17 01 00 00", IIN.OBJECT_UNKNOWN)])
def test_a_request_that_cannot_be_read_to_its_end_is_refused_as_a_whole(tail, iin):
    one = bench()
    (octets,) = one.send(one.request(DIRECT, command_block(0, CLOSE)) + bytes.fromhex(tail))
    response = parse_fragment(octets)
    assert response.iin & (IIN.PARAMETER_ERROR | IIN.OBJECT_UNKNOWN) == iin
    assert one.handler.operated == []


def test_a_request_whose_response_would_be_too_long_is_refused_as_a_whole():
    one = bench(max_fragment=292)
    records = object_type(12, 1).zeros(24)
    response = one.ask(DIRECT, ObjectBlock.indexed(12, 1, range(24), records=records))
    assert response.iin & IIN.PARAMETER_ERROR
    assert one.handler.operated == []


def test_commands_come_in_ranges_too():
    one = bench()
    records = object_type(41, 2).zeros(2)
    records["value"] = [7, -7]
    response = one.ask(DIRECT, ObjectBlock.range(41, 2, 4, 5, records=records))
    assert statuses(response) == [CommandStatus.SUCCESS] * 2
    assert [(index, command.value) for index, command, _ in one.handler.operated] == [(4, 7.0), (5, -7.0)]


def test_a_pattern_operates_each_output_that_its_mask_names():
    one = bench()
    blocks = pattern(CLOSE, [9, 11, 15], start=8)
    request = one.request(SELECT, *blocks)
    (response,) = one.send(request)
    assert response[4:] == request[2:]
    assert statuses(one.ask(OPERATE, *blocks)) == [CommandStatus.SUCCESS]
    assert [(index, command) for index, command, _ in one.handler.operated] == [(9, CLOSE), (11, CLOSE), (15, CLOSE)]


def test_a_pattern_says_when_one_of_its_outputs_refused():
    one = bench()
    one.handler.answers[1] = CommandStatus.LOCAL
    assert statuses(one.ask(SELECT, *pattern(CLOSE, [0, 1, 2]))) == [CommandStatus.LOCAL]
    assert statuses(one.ask(OPERATE, *pattern(CLOSE, [0, 1, 2]))) == [CommandStatus.NO_SELECT]


def test_a_command_that_was_carried_out_or_refused_is_an_event_where_that_is_configured():
    one = bench()
    one.handler.answers[0] = CommandStatus.LOCAL
    one.ask(DIRECT, command_block(1, TRIP), command_block(2, TRIP), command_block(1, LATCH), command_block(0, SETPOINT))
    seen = measurements(one.read(CLASS_3))
    assert [(each.kind, each.index, each.value, each.flags) for each in seen] == [
        (PointType.BINARY_OUTPUT_COMMAND, 1, 0.0, 0),
        (PointType.BINARY_OUTPUT_COMMAND, 1, 1.0, 0),
        (PointType.ANALOG_OUTPUT_COMMAND, 0, 12.5, CommandStatus.LOCAL),
    ]
    assert all(each.time_us == one.now.utc_us for each in seen)


# Several masters


def two_masters():
    database, handler = online(small_database()), Handler()
    settings = OutstationSettings(unsolicited_allowed=False, select_timeout_s=10.0)
    return [Bench(database, settings=settings, handler=handler) for _ in range(2)]


@pytest.mark.parametrize("function", [SELECT, DIRECT])
def test_an_output_that_one_master_selected_is_closed_to_another(function):
    first, second = two_masters()
    first.ask(SELECT, command_block(3, CLOSE))
    blocked = second.ask(function, command_block(2, CLOSE), command_block(3, CLOSE), command_block(3, SETPOINT))
    assert statuses(blocked) == [CommandStatus.SUCCESS, CommandStatus.BLOCKED_OTHER_MASTER, CommandStatus.SUCCESS]
    assert statuses(first.ask(OPERATE, command_block(3, CLOSE))) == [CommandStatus.SUCCESS]


@pytest.mark.parametrize("how", ["operated", "timeout", "link lost", "closed"])
def test_an_output_is_open_again_when_its_selection_is_over(how):
    first, second = two_masters()
    first.ask(SELECT, command_block(3, CLOSE))
    match how:
        case "operated":
            first.ask(OPERATE, command_block(3, CLOSE))
        case "timeout":
            second.after(10.0)
        case "link lost":
            first.outstation.link_down(first.now)
        case _:
            first.outstation.close()
    assert statuses(second.ask(DIRECT, command_block(3, CLOSE))) == [CommandStatus.SUCCESS]


@needs_tshark
def test_wireshark_finds_nothing_wrong_with_answers_to_commands():
    one = bench()
    one.handler.answers[3] = CommandStatus.LOCAL
    frames = []
    for command in (CLOSE, SETPOINT, AnalogCommand(value=1, variation=1), AnalogCommand(value=1.5, variation=4)):
        for index in (2, 3, 300):
            (octets,) = one.send(one.request(DIRECT, command_block(index, command)))
            frames += frames_of(octets, is_from_master=False)
    assert_clean(frames)


def test_a_request_is_encoded_and_its_echo_parsed_without_loss():
    one = bench()
    blocks = command_block(1, CLOSE), command_block(0, SETPOINT)
    response = one.ask(DIRECT, *blocks)
    assert encode_fragment(response.control, Function.READ, response.blocks)[2:] == one.request(DIRECT, *blocks)[2:]
