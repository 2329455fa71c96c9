"""What a master does on its own: the start-up sequence, restarts, polls, and what it does about an outstation that will not."""

from __future__ import annotations

import pytest

from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.master import (
    Answers,
    BufferOverflowed,
    ClassAssignment,
    DutyRefused,
    EventPoll,
    FreezePlan,
    IinChanged,
    MasterSettings,
    Outcome,
    Rank,
    Restarted,
    StartedUp,
    TimeSynchronization,
    Unanswered,
)
from tieline.protocols.dnp3.measurements import PointType

from .rig import Rig, functions, response

DISABLE = "15 3c 02 06 3c 03 06 3c 04 06"
CLEAR = "02 50 01 00 07 07 00"
INTEGRITY = "01 3c 02 06 3c 03 06 3c 04 06 3c 01 06"
ENABLE = "14 3c 02 06 3c 03 06 3c 04 06"
RECORD = "18"
WRITE_LAN = "02 32 03 07 01 00 68 e5 cf 8b 01"
DELAY = "17"
WRITE_TIME = "02 32 01 07 01 00 68 e5 cf 8b 01"
OFF = TimeSynchronization.OFF
SERIAL = TimeSynchronization.NON_LAN

SEQUENCES = [
    ({}, ["00 00"] * 3, [DISABLE, INTEGRITY, ENABLE]),
    ({}, ["80 00", "00 00", "00 00", "00 00"], [DISABLE, CLEAR, INTEGRITY, ENABLE]),
    ({}, ["90 00", "10 00", "10 00", "00 00", "00 00", "00 00"], [DISABLE, CLEAR, RECORD, WRITE_LAN, INTEGRITY, ENABLE]),
    ({"time_synchronization": OFF}, ["90 00", "10 00", "10 00", "10 00"], [DISABLE, CLEAR, INTEGRITY, ENABLE]),
    (
        {"time_synchronization": SERIAL},
        ["10 00", "10 00 34 02 07 01 00 00", "00 00", "00 00", "00 00"],
        [DISABLE, DELAY, WRITE_TIME, INTEGRITY, ENABLE],
    ),
    ({"unsolicited_classes": frozenset({2})}, ["00 00"] * 3, [DISABLE, INTEGRITY, "14 3c 03 06"]),
    ({"unsolicited_classes": frozenset()}, ["00 00"] * 2, [DISABLE, INTEGRITY]),
    ({"disable_unsolicited_at_start": False}, ["80 00", "00 00", "00 00"], [INTEGRITY, CLEAR, ENABLE]),
    (
        {
            "class_assignments": (
                ClassAssignment(point_class=2, kind=PointType.BINARY_INPUT, ranges=((3, 5),)),
                ClassAssignment(point_class=0, kind=PointType.COUNTER),
            ),
            "deadbands": ((4, 1.5), (300, 2.0)),
        },
        ["00 00"] * 5,
        [
            DISABLE,
            "16 3c 03 06 01 00 00 03 05 3c 01 06 14 00 06",
            "02 22 03 28 02 00 04 00 00 00 c0 3f 2c 01 00 00 00 40",
            INTEGRITY,
            ENABLE,
        ],
    ),
    ({"deadbands": ((4, 7.0),), "deadband_variation": 1}, ["00 00"] * 4, [DISABLE, "02 22 01 17 01 04 07 00", INTEGRITY, ENABLE]),
]


@pytest.mark.parametrize(("settings", "answers", "expected"), SEQUENCES)
def test_the_start_up_sequence_has_its_order(settings, answers, expected) -> None:
    rig = Rig(MasterSettings(**settings))
    for number, (answer, request) in enumerate(zip(answers, expected, strict=True)):
        assert rig.sent() == [f"c{number:x} {request}"]
        assert rig.master.is_busy
        rig.hear(f"c{number:x} 81 {answer}")
    assert rig.sent() == []
    assert not rig.master.is_busy
    assert rig.logged(StartedUp) == [StartedUp()]
    assert rig.logged(Answers) == [Answers()]
    assert len(rig.logged(Restarted)) == any(int(answer[:2], 16) & 0x80 for answer in answers)


def test_started_up_comes_with_the_end_of_the_integrity_poll() -> None:
    rig = Rig(MasterSettings(disable_unsolicited_at_start=False))
    rig.sent()
    assert StartedUp() not in rig.hear("a0 81 00 00 01 02 00 00 00 81")
    assert StartedUp() in rig.hear("41 81 00 00 01 02 00 01 01 81")


def test_a_restart_begins_the_sequence_anew_whenever_it_is_seen() -> None:
    rig = Rig()
    for _ in range(3):
        rig.reply("c0 81 00 00")
    rig.log.clear()
    assert Restarted() in rig.hear("f0 82 80 00")
    assert rig.sent() == ["d0 00", "c3 " + DISABLE]
    for request in (CLEAR, INTEGRITY, ENABLE):
        rig.hear(response((rig.master.counters.requests - 1) & 15, iin=IIN.DEVICE_RESTART if request is CLEAR else IIN(0)))
        assert rig.sent()[-1].endswith(request)
    assert rig.logged(Restarted) == [Restarted()]
    assert rig.logged(StartedUp) == [StartedUp()]


def test_a_restart_without_an_integrity_poll_does_the_rest() -> None:
    rig = Rig(MasterSettings(integrity_on_restart=False))
    for _ in range(3):
        rig.reply("c0 81 00 00")
    rig.hear("f0 82 80 00")
    found = []
    for _ in range(3):
        fragment = rig.sent()[-1]
        found.append(fragment[3:])
        rig.hear(response(int(fragment[1], 16)))
    assert found == [DISABLE, CLEAR, ENABLE]


def test_an_outstation_that_never_stops_to_say_that_it_restarted_is_not_asked_in_a_tight_loop() -> None:
    rig = Rig()
    requests = 0
    while rig.seconds < 3600:
        while rig.sent():
            requests += 1
            rig.hear(response((rig.master.counters.requests - 1) & 15, iin=IIN.DEVICE_RESTART | IIN.NEED_TIME))
        rig.wait(1.0)
        rig.hear(response(int(rig.seconds) & 15, iin=IIN.DEVICE_RESTART | IIN.NEED_TIME, unsolicited=True))
    assert 200 < requests < 1000


def test_an_outstation_that_always_needs_the_time_gets_it_at_growing_intervals() -> None:
    rig = Rig.started()
    times = []
    while rig.seconds < 600:
        rig.hear(response(int(rig.seconds) & 15, iin=IIN.NEED_TIME, unsolicited=True))
        for fragment in rig.sent():
            if functions([fragment]) != [0]:
                times.append(rig.seconds)
                rig.hear(response(int(fragment[1], 16), iin=IIN.NEED_TIME))
        while fragments := rig.sent():
            rig.hear(response(int(fragments[0][1], 16), iin=IIN.NEED_TIME))
        rig.wait(1.0)
    assert times[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert times[-1] - times[-2] == 60
    rig.hear(response(0, unsolicited=True))
    rig.hear(response(1, iin=IIN.NEED_TIME, unsolicited=True))
    assert functions(rig.sent()) == [24], "once it was content it is served at once again"


def test_an_outstation_that_does_not_answer_is_asked_at_doubling_intervals() -> None:
    rig = Rig(MasterSettings(timeout_s=2.0, retries=1, longest_backoff_s=10.0))
    times = []
    while rig.seconds < 120:
        if rig.sent():
            times.append(rig.seconds)
        rig.wait_for_deadline()
    assert times[:7] == [0, 2, 5, 9, 15, 25, 37]
    assert times[8] - times[7] == 12
    assert rig.logged(Unanswered) == [Unanswered("no answer to DISABLE_UNSOLICITED within 2.0 s")]
    rig.sent()
    assert Answers() in rig.hear(response((rig.master.counters.requests - 1) & 15))
    assert rig.sent()[0].endswith(INTEGRITY)


def test_an_outstation_that_speaks_after_a_silence_is_asked_at_once() -> None:
    rig = Rig(MasterSettings(timeout_s=1.0, retries=0))
    for _ in range(7):
        rig.sent()
        rig.wait_for_deadline()
    assert rig.sent() == []
    assert Answers() in rig.hear("f0 82 80 00")
    assert rig.sent()[-1].endswith(DISABLE)


def test_what_is_refused_is_reported_once_and_left_out() -> None:
    rig = Rig()
    rig.reply("c0 81 00 00")
    rig.reply("c0 81 00 00")
    (refused,) = rig.reply("c0 81 00 01")
    assert isinstance(refused, DutyRefused)
    assert refused.duty is Rank.ENABLE_UNSOLICITED
    assert refused.result.outcome is Outcome.REFUSED
    assert "no function code support" in refused.result.why
    rig.wait(10_000)
    assert rig.sent() == []
    rig.hear("f0 82 80 00")
    for _ in range(3):
        rig.reply("c0 81 00 00")
    assert rig.sent()[-1].endswith(ENABLE), "a restart may have changed that"


def test_an_outstation_that_is_busy_is_asked_again_later() -> None:
    rig = Rig()
    assert rig.reply("c0 81 00 10")[-1] == Answers()
    assert rig.sent()[0].endswith(INTEGRITY)
    rig.hear("c1 81 00 00")
    rig.reply("c0 81 00 00")
    assert rig.sent() == []
    rig.wait(1.0)
    assert rig.sent()[0].endswith(DISABLE)


def test_a_restart_bit_that_cannot_be_cleared_is_reported_and_then_let_be() -> None:
    rig = Rig(MasterSettings(unsolicited_classes=frozenset()))
    rig.reply("c0 81 80 00")
    (refused,) = rig.reply("c0 81 80 04")
    assert isinstance(refused, DutyRefused)
    rig.reply("c0 81 80 00")
    for second in range(100):
        rig.hear(response(second & 15, iin=IIN.DEVICE_RESTART, unsolicited=True))
        assert functions(rig.sent()) == []
    assert len(rig.logged(Restarted)) == 1
    rig.hear(response(0, unsolicited=True))
    rig.hear(response(1, iin=IIN.DEVICE_RESTART, unsolicited=True))
    assert len(rig.logged(Restarted)) == 2


def test_polls_keep_their_periods() -> None:
    polls = (EventPoll(classes=frozenset({1}), period_s=10.0), EventPoll(classes=frozenset({2, 3}), period_s=25.0))
    rig = Rig.started(event_polls=polls, integrity_period_s=60.0)
    found = []
    while rig.seconds < 70:
        rig.wait_for_deadline()
        while fragments := rig.sent():
            found.append((rig.seconds, fragments[0][3:]))
            rig.seconds += 0.5
            rig.hear(response(int(fragments[0][1], 16)))
    one, rest = "01 3c 02 06", "01 3c 03 06 3c 04 06"
    assert found == [
        (10, one),
        (20, one),
        (25, rest),
        (30, one),
        (40, one),
        (50, one),
        (50.5, rest),
        (60, INTEGRITY),
        (60.5, one),
        (70, one),
    ]


def test_a_poll_that_is_refused_is_reported_once_and_goes_on() -> None:
    rig = Rig.started(event_polls=(EventPoll(period_s=10.0),))
    for _ in range(3):
        rig.wait_for_deadline()
        rig.reply("c0 81 00 02")
    assert rig.seconds == 30
    assert len(rig.logged(DutyRefused)) == 1


def test_what_comes_although_something_is_unknown_is_taken() -> None:
    rig = Rig.started(event_polls=(EventPoll(period_s=10.0),))
    rig.wait_for_deadline()
    rig.reply("c0 81 00 02 02 01 17 01 07 81")
    assert rig.values() == [(2, 7, 1.0)]
    assert rig.logged(DutyRefused) == []


def test_events_of_all_classes_are_read_in_their_order_when_one_is_indicated() -> None:
    rig = Rig.started()
    rig.hear("f0 82 0a 00")
    assert rig.sent() == ["d0 00", "c1 01 3c 02 06 3c 03 06 3c 04 06"]
    rig.hear("e1 81 02 00 02 01 17 01 07 81")
    assert rig.sent() == ["c1 00", "c2 01 3c 02 06 3c 03 06 3c 04 06"], "there were events and there are more: at once"
    rig.hear("c2 81 02 00")
    assert rig.sent() == [], "there were none although there should be: later"
    rig.wait(1.0)
    assert rig.sent() == ["c3 01 3c 02 06 3c 03 06 3c 04 06"]
    rig.hear("c3 81 00 00")
    rig.wait(1000)
    assert rig.sent() == []


def test_events_that_come_unsolicited_are_not_read_too() -> None:
    rig = Rig(MasterSettings(unsolicited_classes=frozenset({1})))
    for _ in range(3):
        rig.reply("c0 81 02 00")
    assert rig.sent() == []
    rig.hear("f0 82 06 00")
    assert rig.sent() == ["d0 00", "c3 01 3c 03 06 3c 04 06"]


@pytest.mark.parametrize("iin", ["00 00", "04 00"])
def test_a_scan_that_waits_is_left_out_when_there_is_no_class_to_scan_any_more(iin) -> None:
    rig = Rig.started(scan_on_iin=frozenset({1}))
    rig.hear("d0 82 02 00")
    assert rig.sent() == ["c1 01 3c 02 06"]
    rig.hear("c1 81 02 00")
    assert rig.sent() == [], "there were none although there should be: later"
    rig.hear("d1 82 " + iin)
    rig.wait(1000)
    assert rig.sent() == []


def test_a_scan_is_not_made_where_the_settings_do_not_want_it() -> None:
    rig = Rig.started(scan_on_iin=frozenset({2}))
    rig.hear("f0 82 02 00")
    assert rig.sent() == ["d0 00"]
    rig.hear("f1 82 06 00")
    assert rig.sent() == ["d1 00", "c1 01 3c 03 06"]


def test_an_overflow_is_told_once_and_followed_by_an_integrity_poll() -> None:
    rig = Rig.started()
    assert rig.hear("f0 82 00 08") == [IinChanged(IIN.EVENT_BUFFER_OVERFLOW), BufferOverflowed()]
    assert rig.sent() == ["d0 00", "c1 " + INTEGRITY]
    assert rig.hear("e1 81 00 08 02 01 17 01 07 81")[1:] == []
    assert rig.sent() == ["c1 00"], "the answer still says so: its events were not confirmed"
    rig.wait(5.0)
    rig.hear("f1 82 00 08")
    assert rig.sent() == ["d1 00", "c2 " + INTEGRITY], "it lasts"
    assert len(rig.logged(BufferOverflowed)) == 1


def test_an_overflow_is_only_told_where_the_settings_want_no_more() -> None:
    rig = Rig.started(integrity_on_overflow=False)
    rig.hear("f0 82 00 08")
    assert rig.sent() == ["d0 00"]
    assert rig.logged(BufferOverflowed) == [BufferOverflowed()]


def test_counters_are_frozen_and_read_at_their_period() -> None:
    rig = Rig.started(freeze=FreezePlan(period_s=900.0))
    rig.wait_for_deadline()
    assert rig.seconds == 900
    assert rig.sent() == ["c1 07 14 00 06"]
    rig.hear("c1 81 00 00")
    assert rig.sent() == ["c2 01 15 00 06"]
    rig.hear("c2 81 00 00 15 01 00 00 00 01 2a 00 00 00")
    assert rig.values() == [(21, 0, 42.0)]
    rig.wait_for_deadline()
    assert rig.seconds == 1800


def test_a_freeze_that_sets_to_zero_is_not_repeated_when_its_answer_is_lost() -> None:
    rig = Rig.started(freeze=FreezePlan(period_s=900.0, clear=True), retries=5, event_polls=(EventPoll(period_s=1000.0),))
    rig.wait_for_deadline()
    assert rig.sent() == ["c1 09 14 00 06"]
    rig.wait(5.0)
    found = []
    while (rig.master.next_deadline() or 0) < 1700:
        rig.wait_for_deadline()
        while fragments := rig.sent():
            found += functions(fragments)
            rig.hear(response(int(fragments[0][1], 16)))
    assert found == [1]


def test_the_clock_is_set_to_the_time_at_which_the_request_left() -> None:
    rig = Rig.started()
    rig.hear("f0 82 10 00")
    rig.seconds = 1.25
    assert rig.sent() == ["d0 00", "c1 18"]
    rig.seconds = 3.0
    rig.hear("c1 81 10 00")
    rig.seconds = 4.0
    assert rig.sent() == ["c2 02 32 03 07 01 e2 6c e5 cf 8b 01"]  # 1,250 ms after the start


@pytest.mark.parametrize(
    ("taken", "delay_ms"), [("34 02 07 01 64 00", 200), ("34 02 07 01 00 00", 250), ("34 01 07 01 01 00", 0)]
)
def test_the_way_is_measured_where_it_is_long_even_if_the_clock_steps(taken, delay_ms) -> None:
    rig = Rig.started(time_synchronization=SERIAL)
    number = rig.master.synchronize_time(rig.now)
    assert rig.sent() == ["c1 17"]
    rig.seconds, rig.steps_us = 0.5, -77_000_000
    rig.hear("c1 81 00 00 " + taken)
    (fragment,) = rig.sent()
    expected = 1_700_000_000_000 + 500 - 77_000 + delay_ms
    assert fragment == "c2 02 32 01 07 01 " + expected.to_bytes(6, "little").hex(" ")
    rig.hear("c2 81 00 00")
    assert rig.result(number).delay_ms == delay_ms


def test_a_delay_that_is_not_said_sets_no_clock() -> None:
    rig = Rig.started(time_synchronization=SERIAL)
    rig.hear("f0 82 10 00")
    rig.reply("c0 81 10 00 34 02 08")
    assert rig.sent() == []
    rig.wait(1.0)
    assert functions(rig.sent()) == [23]


def test_settings_too_many_for_one_request_are_sent_in_several() -> None:
    deadbands = tuple((index, 1.0) for index in range(100))
    assignments = (ClassAssignment(point_class=1, kind=PointType.BINARY_INPUT, ranges=tuple((n, n) for n in range(40))),)
    rig = Rig(
        MasterSettings(deadbands=deadbands, class_assignments=assignments, max_request=249, unsolicited_classes=frozenset())
    )
    found = []
    while fragments := rig.sent():
        found += functions(fragments)
        assert len(bytes.fromhex(fragments[0])) <= 249
        rig.hear(response(int(fragments[0][1], 16)))
    assert found == [21, 22, 22, 22, 2, 2, 2, 2, 1]


def test_the_first_of_several_requests_that_is_refused_ends_them() -> None:
    rig = Rig(MasterSettings(deadbands=tuple((index, 1.0) for index in range(100))))
    rig.reply("c0 81 00 00")
    (refused,) = rig.reply("c0 81 00 02")
    assert isinstance(refused, DutyRefused)
    assert refused.duty is Rank.WRITE_DEADBANDS
    assert rig.sent()[0].endswith(INTEGRITY)


def test_a_restart_may_change_what_was_refused_at_its_period() -> None:
    rig = Rig.started(freeze=FreezePlan(period_s=10.0))
    rig.wait_for_deadline()
    rig.reply("c0 81 00 01")
    assert rig.master.next_deadline() is None
    rig.hear("f0 82 80 00")
    for _ in range(2):
        rig.reply("c0 81 00 00")
    rig.wait_for_deadline()
    assert (rig.seconds, functions(rig.sent())) == (20.0, [7])


def test_a_restart_while_a_duty_is_under_way_repeats_the_duty() -> None:
    rig = Rig()
    rig.reply("c0 81 00 00")
    assert rig.sent()[0].endswith(INTEGRITY)
    rig.hear("f0 82 80 00")
    rig.hear("c1 81 00 00")
    found = []
    while fragments := rig.sent():
        found.append(fragments[-1][3:])
        rig.hear(response(int(fragments[-1][1], 16)))
    assert found == [DISABLE, CLEAR, INTEGRITY, ENABLE]


WRONG = [
    {"timeout_s": 0.0},
    {"timeout_s": float("nan")},
    {"retries": -1},
    {"integrity_period_s": -1.0},
    {"most_fragments": 0},
    {"max_fragment": 100},
    {"max_fragment": 65_536},
    {"max_request": 10},
    {"longest_backoff_s": 0.5},
    {"unsolicited_classes": frozenset({0})},
    {"scan_on_iin": frozenset({4})},
    {"deadbands": ((70_000, 1.0),)},
    {"deadbands": ((1, float("nan")),)},
    {"deadbands": ((1, 70_000.0),), "deadband_variation": 1},
]


@pytest.mark.parametrize("settings", WRONG)
def test_settings_that_make_no_sense_are_refused(settings) -> None:
    with pytest.raises(LocalError):
        MasterSettings(**settings)


def test_parts_of_settings_that_make_no_sense_are_refused() -> None:
    for make in (
        lambda: ClassAssignment(point_class=4, kind=PointType.COUNTER),
        lambda: ClassAssignment(point_class=1, kind=PointType.ANALOG_OUTPUT_COMMAND),
        lambda: ClassAssignment(point_class=1, kind=PointType.COUNTER, ranges=((5, 4),)),
        lambda: EventPoll(classes=frozenset(), period_s=1.0),
        lambda: EventPoll(period_s=0.0),
        lambda: FreezePlan(period_s=0.0),
    ):
        with pytest.raises(LocalError):
            make()
