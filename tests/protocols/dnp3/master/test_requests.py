"""What the application may ask: the octets that leave, and what is said about each answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import ObjectBlock
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, OperateMode, Operation, TripClose
from tieline.protocols.dnp3.master import (
    ClassAssignment,
    FileAccess,
    Master,
    MasterSettings,
    Outcome,
    TaskDone,
    TimeSynchronization,
)
from tieline.protocols.dnp3.measurements import PointType

from .rig import START_US, Rig, functions

LATCH_ON = BinaryCommand(operation=Operation.LATCH_ON)
CLOSE = BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.CLOSE, count=2, on_ms=250, off_ms=1000)
SETPOINT = AnalogCommand(value=12.5)
BEFORE, DIRECT, UNHEARD = OperateMode
CROB = "0c 01 17 01 07 03 01 00 00 00 00 00 00 00 00 00"
TWO = CROB + " 29 03 17 01 02 00 00 48 41 00"
CLASSES = frozenset({1, 2, 3})

GOLDEN: list[tuple[Callable[[Master, Now], int], str]] = [
    (lambda m, now: m.read([ObjectBlock.range(1, 0, 3, 9), ObjectBlock.limited(2, 0, 5)], now), "01 01 00 00 03 09 02 00 07 05"),
    (lambda m, now: m.scan_integrity(now), "01 3c 02 06 3c 03 06 3c 04 06 3c 01 06"),
    (lambda m, now: m.scan_events(frozenset({3, 1}), now), "01 3c 02 06 3c 04 06"),
    (lambda m, now: m.freeze(now), "07 14 00 06"),
    (lambda m, now: m.freeze(now, clear=True, ranges=[(0, 3), (300, 301)]), "09 14 00 00 00 03 14 00 01 2c 01 2d 01"),
    (lambda m, now: m.freeze(now, kind=PointType.ANALOG_INPUT), "07 1e 00 06"),
    (lambda m, now: m.freeze_at_time(START_US, now, interval_ms=60_000), "0b 32 02 07 01 00 68 e5 cf 8b 01 60 ea 00 00 14 00 06"),
    (lambda m, now: m.synchronize_time(now), "18"),
    (lambda m, now: m.measure_delay(now), "17"),
    (
        lambda m, now: m.assign_classes([ClassAssignment(point_class=1, kind=PointType.ANALOG_INPUT)], now),
        "16 3c 02 06 1e 00 06",
    ),
    (lambda m, now: m.write_deadbands([(3, 2.0)], now), "02 22 03 17 01 03 00 00 00 40"),
    (lambda m, now: m.write_deadbands([(3, 2.0)], now, variation=2), "02 22 02 17 01 03 02 00 00 00"),
    (lambda m, now: m.cold_restart(now), "0d"),
    (lambda m, now: m.warm_restart(now), "0e"),
    (lambda m, now: m.enable_unsolicited(frozenset({2}), now), "14 3c 03 06"),
    (lambda m, now: m.disable_unsolicited(CLASSES, now), "15 3c 02 06 3c 03 06 3c 04 06"),
    (lambda m, now: m.operate([(7, LATCH_ON)], BEFORE, now), "03 " + CROB),
    (lambda m, now: m.operate([(7, LATCH_ON), (2, SETPOINT)], DIRECT, now), "05 " + TWO),
    (
        lambda m, now: m.operate([(300, CLOSE)], DIRECT, now),
        "05 0c 01 28 01 00 2c 01 41 02 fa 00 00 00 e8 03 00 00 00",
    ),
]


@pytest.mark.parametrize(("ask", "octets"), GOLDEN)
def test_a_request_leaves_as_the_standard_writes_it_and_ends_in_one_result(ask, octets) -> None:
    for answer, outcomes in (
        ("c1 81 00 01", {Outcome.REFUSED}),
        (None, {Outcome.UNCONFIRMED, Outcome.NOT_SENT}),
    ):
        rig = Rig.started(retries=0)
        number = ask(rig.master, rig.now)
        assert rig.sent() == ["c1 " + octets]
        if answer is None:
            rig.wait(5.0)
        else:
            rig.hear(answer)
        assert rig.result(number).outcome in outcomes
        assert rig.result(number).why
        rig.master.link_down(rig.now)
        rig.told()
        assert len(rig.logged(TaskDone)) == 1


@pytest.mark.parametrize(
    ("ask", "octets"),
    [
        (lambda m, now: m.freeze(now, acknowledged=False), "08 14 00 06"),
        (lambda m, now: m.freeze(now, clear=True, acknowledged=False), "0a 14 00 06"),
        (lambda m, now: m.freeze_at_time(0, now, acknowledged=False), "0c 32 02 07 01 00 00 00 00 00 00 00 00 00 00 14 00 06"),
        (lambda m, now: m.operate([(7, LATCH_ON)], UNHEARD, now), "06 " + CROB),
    ],
)
def test_what_asks_for_no_answer_is_done_when_it_has_left(ask, octets) -> None:
    rig = Rig.started()
    number = ask(rig.master, rig.now)
    assert rig.sent() == ["c1 " + octets]
    assert not rig.master.is_busy
    rig.told()
    assert rig.result(number).outcome is Outcome.SENT


def test_a_broadcast_leaves_to_its_address() -> None:
    for procedure, expected in (
        (TimeSynchronization.LAN, ["c0 18", "c1 02 32 03 07 01 00 68 e5 cf 8b 01", "c2 08 14 00 06", "c3 0a 14 00 06"]),
        (TimeSynchronization.NON_LAN, ["c0 02 32 01 07 01 00 68 e5 cf 8b 01", "c1 08 14 00 06", "c2 0a 14 00 06"]),
    ):
        settings = MasterSettings(time_synchronization=procedure)
        master, now = Master(settings), Now(0.0, START_US)
        master.link_up(now)
        master.take(now)
        master.receive(bytes.fromhex("c0 81 00 01"), now)
        master.take(now)
        master.receive(bytes.fromhex("c1 81 00 00"), now)
        master.take(now)
        master.receive(bytes.fromhex("c2 81 00 00"), now)
        master.events()
        numbers = [
            master.broadcast_time(0xFFFF, now),
            master.broadcast_freeze(0xFFFE, now),
            master.broadcast_freeze(0xFFFD, now, clear=True),
        ]
        outgoing = master.take(now)
        found = [each.fragment.hex(" ") for each in outgoing]
        assert [each[3:] for each in found] == [each[3:] for each in expected]
        assert [each.destination for each in outgoing] == [0xFFFF] * (len(found) - 2) + [0xFFFE, 0xFFFD]
        done = [event for event in master.events() if isinstance(event, TaskDone)]
        assert [(each.request, each.result.outcome) for each in done] == [(number, Outcome.SENT) for number in numbers]


@pytest.mark.parametrize(
    "ask",
    [
        lambda m, now: m.operate([], BEFORE, now),
        lambda m, now: m.operate([(-1, LATCH_ON)], BEFORE, now),
        lambda m, now: m.operate([(65_536, LATCH_ON)], BEFORE, now),
        lambda m, now: m.operate([(1, LATCH_ON)] * 200, BEFORE, now),
        lambda m, now: m.operate([(1, LATCH_ON)], BEFORE, now, within_s=0.0),
        lambda m, now: m.operate([(1, LATCH_ON)], BEFORE, now, within_s=float("nan")),
        lambda m, now: m.read([], now),
        lambda m, now: m.read([ObjectBlock.all(1)] * 1000, now),
        lambda m, now: m.scan_events(frozenset(), now),
        lambda m, now: m.scan_events(frozenset({0}), now),
        lambda m, now: m.freeze(now, kind=PointType.BINARY_INPUT),
        lambda m, now: m.freeze(now, ranges=[(5, 1)]),
        lambda m, now: m.freeze_at_time(-1, now),
        lambda m, now: m.freeze_at_time(1 << 60, now),
        lambda m, now: m.freeze_at_time(0, now, interval_ms=1 << 32),
        lambda m, now: m.assign_classes([], now),
        lambda m, now: m.write_deadbands([], now),
        lambda m, now: m.write_deadbands([(1, -1.0)], now),
        lambda m, now: m.write_deadbands([(1, 1e6)], now, variation=1),
        lambda m, now: m.enable_unsolicited(frozenset({7}), now),
        lambda m, now: m.read_file("", now),
        lambda m, now: m.read_file("x" * 256, now),
        lambda m, now: m.read_file("\udc80", now),
        lambda m, now: m.read_file("x", now, most_octets=0),
        lambda m, now: m.read_file("x", now, access=FileAccess(user="x" * 256, password="")),
        lambda m, now: m.broadcast_time(1, now),
        lambda m, now: m.broadcast_freeze(0x10000, now),
    ],
)
def test_calls_that_make_no_sense_are_refused_and_change_nothing(ask) -> None:
    rig = Rig.started()
    with pytest.raises(LocalError):
        ask(rig.master, rig.now)
    assert rig.sent() == []
    assert rig.told() == []
    rig.master.scan_integrity(rig.now)
    assert rig.sent()[0].startswith("c1")


def test_requests_wait_in_a_bounded_queue_and_commands_go_first() -> None:
    rig = Rig.started()
    for _ in range(255):
        rig.master.scan_events(CLASSES, rig.now)
    rig.master.operate([(7, LATCH_ON)], BEFORE, rig.now)
    with pytest.raises(LocalError):
        rig.master.scan_events(CLASSES, rig.now)
    assert functions(rig.sent()) == [3]


def test_a_restart_says_when_the_outstation_is_back_and_it_is_left_alone_until_then() -> None:
    rig = Rig.started()
    number = rig.master.warm_restart(rig.now)
    rig.reply("c0 81 10 00 34 02 07 01 10 27")
    assert rig.result(number).delay_ms == 10_000
    number = rig.master.cold_restart(rig.now)
    rig.reply("c0 81 10 00 34 01 07 01 1e 00")
    assert rig.result(number).delay_ms == 30_000
    assert rig.sent() == []
    assert rig.master.next_deadline() == 30.0


def test_a_measured_delay_is_the_way_in_one_direction() -> None:
    rig = Rig.started()
    number = rig.master.measure_delay(rig.now)
    rig.sent()
    rig.seconds = 0.5
    rig.hear("c1 81 00 00 34 02 07 01 64 00")
    assert rig.result(number).delay_ms == 200


def statuses(*octets: int) -> tuple[CommandStatus, ...]:
    return tuple(CommandStatus.of(octet) for octet in octets)


OK, LOCAL = CROB, CROB[:-2] + "07"
ANSWERS = [
    # what answers it, what is said, the statuses
    ("c0 81 00 00 " + OK, Outcome.DONE, statuses(0)),
    ("c0 81 00 00 " + LOCAL, Outcome.REFUSED, statuses(7)),
    ("c0 81 00 00 " + CROB[:-2] + "55", Outcome.REFUSED, statuses(127)),
    ("c0 81 00 04 " + CROB[:-2] + "04", Outcome.REFUSED, statuses(4)),
    ("c0 81 00 04", Outcome.REFUSED, ()),
    ("c0 81 00 01", Outcome.REFUSED, ()),
    ("c0 81 00 10", Outcome.REFUSED, ()),
    ("c0 81 00 00", Outcome.UNCONFIRMED, ()),
    ("c0 81 00 04 " + OK, Outcome.UNCONFIRMED, statuses(0)),
    ("c0 81 00 00 " + OK.replace("17 01 07", "17 01 08"), Outcome.UNCONFIRMED, ()),
    ("c0 81 00 00 " + OK.replace("07 03", "07 04"), Outcome.UNCONFIRMED, ()),
    ("c0 81 00 00 " + OK.replace("03 01", "03 02"), Outcome.UNCONFIRMED, ()),
    ("c0 81 00 00 0c 01 28 01 00 07 00 03 01 00 00 00 00 00 00 00 00 00", Outcome.UNCONFIRMED, ()),
    ("c0 81 00 00 " + OK + " " + OK, Outcome.UNCONFIRMED, statuses(0)),
    ("c0 81 00 00 " + OK + " ff", Outcome.UNCONFIRMED, statuses(0)),
    ("c0 81 00 00 " + OK[:-3], Outcome.UNCONFIRMED, ()),
    ("c0 81 00 00 1e 02 00 07 07 01 05 00", Outcome.UNCONFIRMED, ()),
    (None, Outcome.UNCONFIRMED, ()),
]


@pytest.mark.parametrize(("answer", "outcome", "found"), ANSWERS)
def test_what_the_answer_to_an_operate_means(answer, outcome, found) -> None:
    for mode, sent in ((DIRECT, [5]), (BEFORE, [3, 4])):
        rig = Rig.started(retries=5)
        number = rig.master.operate([(7, LATCH_ON)], mode, rig.now)
        if mode is BEFORE:
            assert rig.reply("c0 81 00 00 " + OK) == []
            assert rig.master.is_busy, "nothing may come between the select and its operate"
        if answer is None:
            assert functions(rig.sent()) == sent[-1:]
            rig.wait(5.0)
        else:
            rig.reply(answer)
        result = rig.result(number)
        assert (result.outcome, result.statuses) == (outcome, found)
        assert not result.was_only_selected
        assert bool(result.why) == (outcome is not Outcome.DONE)
        rig.wait(100.0)
        assert rig.sent() == [], "an operate is never repeated"


@pytest.mark.parametrize(("answer", "outcome", "found"), ANSWERS[1:])
def test_nothing_is_operated_unless_the_select_was_answered_as_it_was_sent(answer, outcome, found) -> None:
    rig = Rig.started(retries=5)
    number = rig.master.operate([(7, LATCH_ON)], BEFORE, rig.now)
    if answer is None:
        assert rig.sent() == ["c1 03 " + CROB]
        rig.wait(5.0)
    else:
        rig.reply(answer)
    result = rig.result(number)
    assert result.outcome is (Outcome.NOT_SENT if outcome is Outcome.UNCONFIRMED else Outcome.REFUSED)
    assert result.statuses == found
    assert result.was_only_selected
    rig.wait(100.0)
    assert rig.sent() == []


def test_the_operate_follows_its_select_with_the_next_number_whatever_waits() -> None:
    rig = Rig.started()
    rig.master.operate([(7, LATCH_ON), (2, SETPOINT)], BEFORE, rig.now)
    assert rig.sent() == ["c1 03 " + TWO]
    rig.master.operate([(8, LATCH_ON)], BEFORE, rig.now)
    rig.hear("f0 82 92 00 02 01 17 01 03 81")
    rig.hear("c1 81 00 00 " + TWO)
    assert rig.sent() == ["d0 00", "c2 04 " + TWO]


def test_each_command_has_its_status() -> None:
    rig = Rig.started()
    number = rig.master.operate([(7, LATCH_ON), (2, SETPOINT)], DIRECT, rig.now)
    rig.reply("c0 81 00 00 " + TWO[:-2] + "0c")
    result = rig.result(number)
    assert result.outcome is Outcome.REFUSED
    assert result.statuses == (CommandStatus.SUCCESS, CommandStatus.OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("mode", "answers", "outcome"),
    [
        (BEFORE, 0, Outcome.NOT_SENT),
        (BEFORE, 1, Outcome.UNCONFIRMED),
        (DIRECT, 0, Outcome.UNCONFIRMED),
    ],
)
def test_a_link_that_is_lost_leaves_no_doubt_about_what_may_have_happened(mode, answers, outcome) -> None:
    rig = Rig.started()
    number = rig.master.operate([(7, LATCH_ON)], mode, rig.now)
    for _ in range(answers):
        rig.reply("c0 81 00 00 " + OK)
    rig.sent()
    rig.master.link_down(rig.now)
    rig.told()
    assert rig.result(number).outcome is outcome


def test_a_link_that_is_lost_between_select_and_operate_has_operated_nothing() -> None:
    rig = Rig.started()
    number = rig.master.operate([(7, LATCH_ON)], BEFORE, rig.now)
    rig.reply("c0 81 00 00 " + OK)
    rig.master.link_down(rig.now)
    rig.told()
    assert rig.result(number).outcome is Outcome.NOT_SENT


def test_a_command_that_could_not_leave_in_time_does_not_leave() -> None:
    rig = Rig.started()
    stale = rig.master.operate([(7, LATCH_ON)], DIRECT, rig.now, within_s=2.0)
    usual = rig.master.operate([(7, LATCH_ON)], DIRECT, rig.now)
    assert rig.sent(may_begin=False) == []
    rig.wait_for_deadline()
    assert rig.seconds == 2.0
    assert rig.result(stale).outcome is Outcome.NOT_SENT
    rig.seconds = 10.0
    assert rig.sent() == []
    rig.told()
    assert rig.result(usual).outcome is Outcome.NOT_SENT


def test_an_operate_that_could_not_follow_its_select_in_time_does_not_leave() -> None:
    rig = Rig.started()
    number = rig.master.operate([(7, LATCH_ON)], BEFORE, rig.now, within_s=2.0)
    rig.sent()
    rig.seconds = 1.0
    rig.hear("c1 81 00 00 " + OK)
    rig.wait(1.0)
    assert rig.result(number).outcome is Outcome.NOT_SENT
    assert rig.sent() == []
    assert not rig.master.is_busy
