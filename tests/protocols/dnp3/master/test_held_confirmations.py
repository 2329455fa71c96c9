"""Confirmations that wait until what they confirm is safe."""

from __future__ import annotations

from tests.protocols.dnp3.master.rig import Rig, functions
from tieline.model import Now
from tieline.protocols.dnp3.application import Function
from tieline.protocols.dnp3.master.events import Measured, Unanswered

# A binary input event with time (g2v2): index 3 at a time that differs.
EVENT = "02 02 17 01 03 81 {time:02x} 00 00 00 00 01"
UNSOLICITED = "f1 82 00 00 "
RESPONSE = "e1 81 00 00 "
FIRST = "a1 81 00 00 "
CONFIRM_UNSOLICITED = "d1 00"
CONFIRM = "c1 00"


def event(time: int) -> str:
    return EVENT.format(time=time)


def started(**settings: object) -> Rig:
    return Rig.started(holds_confirmations=True, **settings)


def release(rig: Rig) -> None:
    mark = rig.master.held
    assert mark is not None
    rig.master.release(mark, rig.now)


def test_an_unsolicited_response_is_confirmed_when_its_events_are_safe() -> None:
    rig = started()
    rig.hear(UNSOLICITED + event(1))
    assert rig.logged(Measured)
    assert rig.sent() == []
    release(rig)
    assert rig.sent() == [CONFIRM_UNSOLICITED]
    assert rig.master.held is None


def test_nothing_is_held_unless_the_application_wants_it() -> None:
    rig = Rig.started()
    rig.hear(UNSOLICITED + event(1))
    assert rig.sent() == [CONFIRM_UNSOLICITED]


def test_a_response_without_values_is_confirmed_at_once() -> None:
    rig = started()
    rig.hear("f1 82 80 00")
    assert CONFIRM_UNSOLICITED in rig.sent()


def test_no_request_leaves_between_a_response_and_its_confirmation() -> None:
    rig = started()
    rig.master.scan_events(frozenset({1}), rig.now)
    assert functions(rig.sent()) == [Function.READ]
    rig.hear(RESPONSE + event(1))
    rig.master.scan_events(frozenset({2}), rig.now)
    assert rig.master.is_busy
    assert rig.sent() == []
    release(rig)
    assert functions(rig.sent()) == [Function.CONFIRM, Function.READ]


def test_a_command_may_leave_while_an_unsolicited_response_is_not_confirmed() -> None:
    rig = started()
    rig.hear(UNSOLICITED + event(1))
    rig.master.scan_events(frozenset({1}), rig.now)
    assert functions(rig.sent()) == [Function.READ]


def test_only_what_came_before_the_mark_is_released() -> None:
    rig = started()
    rig.hear(UNSOLICITED + event(1))
    mark = rig.master.held
    assert mark is not None
    rig.hear("f2 82 00 00 " + event(2))
    rig.master.release(mark, rig.now)
    assert rig.sent() == [CONFIRM_UNSOLICITED]
    release(rig)
    assert rig.sent() == ["d2 00"]


def test_the_next_fragment_has_its_whole_time_after_a_confirmation_that_was_held() -> None:
    rig = started(timeout_s=5.0, retries=0)
    rig.master.scan_events(frozenset({1}), rig.now)
    rig.sent()
    rig.hear(FIRST + event(1))
    rig.wait(4.0)
    release(rig)
    assert rig.sent() == [CONFIRM]
    assert not any(isinstance(each, Unanswered) for each in rig.wait(4.0))
    assert any(isinstance(each, Unanswered) for each in rig.wait(1.1))


def test_a_confirmation_that_is_held_too_long_is_given_up_and_the_events_are_confirmed_when_they_come_again() -> None:
    rig = started(timeout_s=5.0)
    rig.hear(UNSOLICITED + event(1))
    deadline = rig.master.next_deadline()
    assert deadline is not None
    assert deadline <= 5.0
    rig.wait(5.0)
    assert rig.master.held is None
    rig.hear(UNSOLICITED + event(1))
    assert len(rig.logged(Measured)) == 1
    release(rig)
    assert rig.sent() == [CONFIRM_UNSOLICITED]


def test_events_that_were_lost_on_our_side_are_not_confirmed_and_taken_again() -> None:
    rig = started()
    rig.hear(UNSOLICITED + event(1))
    mark = rig.master.held
    assert mark is not None
    rig.master.distrust(mark)
    assert rig.sent() == []
    rig.hear(UNSOLICITED + event(1))
    assert len(rig.logged(Measured)) == 2
    release(rig)
    assert rig.sent() == [CONFIRM_UNSOLICITED]


def test_a_lost_link_forgets_what_was_held() -> None:
    rig = started()
    rig.hear(UNSOLICITED + event(1))
    rig.master.link_down(rig.now)
    assert rig.master.held is None
    rig.master.release(99, Now(0.0, 0))
    rig.master.link_up(rig.now)
    assert Function.CONFIRM not in functions(rig.sent())


def test_the_same_response_again_is_confirmed_once() -> None:
    rig = started()
    for _ in range(3):
        rig.hear(UNSOLICITED + event(1))
    release(rig)
    assert rig.sent() == [CONFIRM_UNSOLICITED]
