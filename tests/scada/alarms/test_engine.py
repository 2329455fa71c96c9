"""Delays, suppression, first-out, events, links, what was missed: in fake time."""

from __future__ import annotations

import numpy as np
import pytest

from tieline.model import Event, Now, Point, PointKind, Quality, Samples
from tieline.model.alarms import AlarmKind, AlarmState
from tieline.scada import DeviceStats, Link, LinkState, SiteStats

from .plans import SECOND, START_US, Bench, bench, path, plan, point, state_plan

S = AlarmState
GOOD = Quality.DEVICE_TIME


# delays


def test_a_condition_that_does_not_last_is_no_alarm() -> None:
    made = bench(state_plan(1, on_delay_s=5))
    made.read(1, 1)
    made.wait(4.9)
    made.read(1, 0)
    assert made.wait(10) == []
    assert made.state() is S.NORMAL


def test_a_condition_that_lasts_is_an_alarm_as_old_as_the_condition() -> None:
    made = bench(state_plan(1, on_delay_s=5))
    made.read(1, 1)
    made.wait(4.9)
    assert made.state() is S.NORMAL
    made.wait(0.1)
    assert made.state() is S.UNACKNOWLEDGED
    assert made.alarm().raised == START_US
    assert made.alarm().raised_received == START_US + 5 * SECOND


def test_an_alarm_returns_when_its_condition_has_been_gone_for_long_enough() -> None:
    made = bench(state_plan(1, off_delay_s=5))
    made.read(1, 1)
    made.wait(1)
    made.read(1, 0)
    made.wait(4)
    made.read(1, 1)
    made.wait(1)
    made.read(1, 0)
    made.wait(4.9)
    assert made.state() is S.UNACKNOWLEDGED
    made.wait(0.1)
    assert made.state() is S.RETURNED
    assert made.alarm().returned == START_US + 6 * SECOND
    assert made.alarm().count == 1


def test_samples_that_come_late_are_judged_by_when_they_were_measured() -> None:
    made = bench(state_plan(1, on_delay_s=5))
    made.wait(60)
    at = START_US + np.array([0, 6, 7, 20, 24]) * SECOND
    transitions = made.engine.take(Samples.of([1] * 5, at, [1, 1, 0, 1, 0], GOOD), made.now)
    assert path(transitions) == [("raise", S.NORMAL, S.UNACKNOWLEDGED), ("return", S.UNACKNOWLEDGED, S.RETURNED)]


def test_a_condition_that_no_sample_repeats_is_due_by_the_last_sample() -> None:
    made = bench(state_plan(1, on_delay_s=5))
    at = START_US + np.array([-6, 0]) * SECOND
    made.engine.take(Samples.of([1, 1], at, [1, 1], GOOD), made.now)
    assert made.state() is S.UNACKNOWLEDGED


# suppression by design

EARTHED, IN_SERVICE = point(8, kind=PointKind.DOUBLE), point(9, kind=PointKind.BINARY)


def suppressible(*numbers: int) -> Bench:
    inputs: dict[str, Point] = {"earthed": EARTHED, "in_service": IN_SERVICE}
    text = "earthed = 2 OR NOT in_service"
    return bench(*(state_plan(number, suppress=text, suppress_inputs=inputs) for number in numbers))


def test_nothing_is_suppressed_until_everything_in_the_expression_is_known() -> None:
    made = suppressible(1)
    made.read(8, 2)
    assert made.state() is S.NORMAL
    made.read(9, 1)
    assert made.state() is S.SUPPRESSED


def test_all_alarms_of_an_expression_are_suppressed_before_samples_of_the_same_batch_raise_them() -> None:
    made = suppressible(1, 2)
    transitions = made.engine.take(Samples.of([1, 2, 8, 9], START_US, [1, 1, 1, 0], GOOD), made.now)
    assert [made.state("a1"), made.state("a2")] == [S.SUPPRESSED, S.SUPPRESSED]
    assert sum(len(each.told) for each in transitions) == 0
    assert made.alarm().is_active
    assert made.alarm().reason == "earthed = 2 OR NOT in_service"


@pytest.mark.parametrize("quality", [Quality.INVALID, Quality.QUESTIONABLE])
def test_a_position_that_nobody_knows_suppresses_nothing(quality: Quality) -> None:
    made = suppressible(1)
    made.read(8, 1)
    made.read(9, 0)
    made.read(1, 1)
    assert made.state() is S.SUPPRESSED
    made.wait(1)
    made.read(9, 0, quality=quality)
    assert made.state() is S.UNACKNOWLEDGED


def test_a_good_position_that_decides_alone_suppresses() -> None:
    made = suppressible(1)
    made.read(8, 2)
    made.read(9, 1, quality=Quality.INVALID)
    assert made.state() is S.SUPPRESSED


def test_logic_and_expression_suppress_beside_each_other() -> None:
    made = suppressible(1)
    made.read(8, 1)
    made.read(9, 0)
    assert made.engine.suppress(["alpha/a1", "alpha/unknown"], "topology", made.now, is_on=True, reason="de-energized") == []
    made.wait(1)
    assert made.read(9, 1) == []
    assert made.state() is S.SUPPRESSED
    assert path(made.engine.suppress(["alpha/a1"], "topology", made.now, is_on=False, reason="energized")) == [
        ("unsuppress", S.SUPPRESSED, S.NORMAL)
    ]


def test_a_position_from_the_future_does_not_suppress_for_ever() -> None:
    made = suppressible(1)
    made.read(9, 1)
    made.read(8, 2, at_s=86_400)
    assert made.state() is S.SUPPRESSED
    made.wait(11)
    made.read(8, 1)
    assert made.state() is S.NORMAL


def test_a_device_under_test_suppresses_nothing() -> None:
    made = suppressible(1)
    made.read(9, 1)
    made.read(8, 1)
    made.wait(1)
    made.read(8, 2, quality=Quality.TEST)
    assert made.state() is S.NORMAL


def test_the_reason_is_that_of_what_still_suppresses() -> None:
    made = suppressible(1)
    made.read(8, 2)
    made.read(9, 1)
    made.engine.suppress(["alpha/a1"], "topology", made.now, is_on=True, reason="t1 is de-energized")
    made.wait(1)
    made.read(8, 1)
    assert (made.state(), made.alarm().reason) == (S.SUPPRESSED, "t1 is de-energized")
    made.read(8, 2)
    made.engine.suppress(["alpha/a1"], "topology", made.now, is_on=False, reason="t1 is energized")
    assert (made.state(), made.alarm().reason) == (S.SUPPRESSED, "earthed = 2 OR NOT in_service")


# first-out


def group(*names: int) -> Bench:
    return bench(*(state_plan(number, group="t1") for number in names))


def marks(made: Bench) -> list[bool]:
    return [made.alarm(each.name).is_first_out for each in made.engine.plan]


def test_the_first_of_a_group_is_marked_by_the_time_of_the_device() -> None:
    made = group(1, 2, 3)
    at = START_US + np.array([7, 2, 5])
    made.engine.take(Samples.of([1, 2, 3], at, 1, GOOD), made.now)
    assert marks(made) == [False, True, False]


def test_the_mark_stays_until_all_of_the_group_are_normal() -> None:
    made = group(1, 2)
    made.read(1, 1)
    made.wait(1)
    made.read(2, 1)
    made.engine.acknowledge(["alpha/a1", "alpha/a2"], "anna", made.now)
    made.wait(1)
    made.read(1, 0)
    assert made.state("a1") is S.NORMAL
    assert marks(made) == [True, False]
    made.read(2, 0)
    assert marks(made) == [False, False]
    made.wait(1)
    made.read(2, 1)
    assert marks(made) == [False, True]


@pytest.mark.parametrize(
    ("quality", "expected"),
    [(GOOD, [False, True]), (0, [True, False]), (GOOD | Quality.CLOCK_NOT_SYNCHRONIZED, [True, False])],
)
def test_an_alarm_that_was_earlier_takes_the_mark_over_where_clocks_can_be_trusted(quality: int, expected: list[bool]) -> None:
    made = group(1, 2)
    made.read(1, 1, at_s=10)
    made.read(2, 1, at_s=9.9995, quality=quality)
    assert marks(made) == expected


def test_an_alarm_that_is_held_back_is_not_the_first() -> None:
    made = group(1, 2)
    made.engine.shelve(["alpha/a1"], "anna", made.now, minutes=10, reason="noisy")
    made.read(1, 1, at_s=1)
    made.read(2, 1, at_s=2)
    assert marks(made) == [False, True]


# events


def event(kind: str, text: str = "", *, device: str = "rtu-1", at_s: float = 0, site: str = "alpha") -> Event:
    return Event(time=START_US + round(at_s * SECOND), site=site, device=device, kind=kind, text=text)


def named(number: int, description: str) -> Point:
    return Point(
        **{name: getattr(point(number), name) for name in ("id", "site", "device", "name", "kind")}, description=description
    )


def test_an_event_begins_an_alarm_of_its_point_and_its_end_ends_it() -> None:
    made = bench(
        plan("stuck-1", named(1, "T1: oil"), AlarmKind.EVENT, event="value_stuck"),
        plan("stuck-2", named(2, "T1: oil temperature"), AlarmKind.EVENT, event="value_stuck"),
    )
    made.engine.take_events(
        [event("value_stuck", "T1: oil temperature has been exactly 3"), event("spike", "T1: oil x")], made.now
    )
    assert [made.state("stuck-1"), made.state("stuck-2")] == [S.NORMAL, S.UNACKNOWLEDGED]
    made.engine.take_events(
        [
            event("value_stuck", "T1: oil has been exactly 3"),
            event("value_stuck_ended", "T1: oil temperature moves again", at_s=3),
        ],
        made.now,
    )
    assert [made.state("stuck-1"), made.state("stuck-2")] == [S.UNACKNOWLEDGED, S.RETURNED]
    assert made.alarm("stuck-2").returned == START_US + 3 * SECOND


def test_what_has_no_end_comes_and_goes_at_once() -> None:
    made = bench(plan("spike", point(1), AlarmKind.EVENT, event="spike"))
    assert path(made.engine.take_events([event("spike", "rtu-1/p1 jumped"), event("spike", "rtu-1/p1 jumped")], made.now)) == [
        ("raise", S.NORMAL, S.UNACKNOWLEDGED),
        ("return", S.UNACKNOWLEDGED, S.RETURNED),
        ("raise", S.RETURNED, S.UNACKNOWLEDGED),
        ("return", S.UNACKNOWLEDGED, S.RETURNED),
    ]


def test_an_alarm_of_the_site_listens_to_all_its_devices_and_to_no_other_site() -> None:
    made = bench(plan("fault", None, AlarmKind.EVENT, event="function_fault"))
    made.engine.take_events([event("function_fault", site="beta")], made.now)
    assert made.state("fault") is S.NORMAL
    made.engine.take_events([event("function_fault", device="automation")], made.now)
    assert made.state("fault") is S.UNACKNOWLEDGED
    made.engine.take_events([event("function_recovered", device="automation")], made.now)
    assert made.state("fault") is S.RETURNED


# links


def link(*devices: str, state: LinkState = LinkState.UP, **down: bool) -> Link:
    stats = SiteStats(devices={name.replace("_", "-"): DeviceStats(is_up=not is_down) for name, is_down in down.items()})
    return Link(site="alpha", state=state, since=START_US + SECOND, stats=stats)


def communicating() -> Bench:
    return bench(
        state_plan(1),
        plan("link", None, AlarmKind.COMMUNICATION),
        plan("rtu-1", None, AlarmKind.COMMUNICATION, device="rtu-1"),
    )


def test_a_site_that_is_lost_is_an_alarm_of_its_own_and_marks_the_others() -> None:
    made = communicating()
    made.read(1, 1)
    made.engine.links([link(rtu_1=False)], made.now)
    made.engine.links([link(state=LinkState.WAITING)], made.now)
    assert (made.state("link"), made.alarm("a1").is_communication_lost) == (S.NORMAL, False)
    revision = made.engine.revision
    made.engine.links([link(state=LinkState.LOST)], made.now)
    assert made.state("link") is S.UNACKNOWLEDGED
    assert made.alarm("link").raised == START_US + SECOND
    assert made.alarm("a1").is_communication_lost
    assert made.alarm("a1").revision > revision
    assert not made.alarm("link").is_communication_lost
    assert made.state("rtu-1") is S.NORMAL  # nobody knows
    made.engine.links([link(rtu_1=False)], made.now)
    assert (made.state("link"), made.alarm("a1").is_communication_lost) == (S.RETURNED, False)


def test_a_device_is_lost_by_event_or_by_heartbeat() -> None:
    made = communicating()
    made.engine.take_events([event("device_lost", at_s=0.25)], made.now)
    assert made.state("rtu-1") is S.UNACKNOWLEDGED
    assert made.alarm("rtu-1").raised == START_US + SECOND // 4
    assert made.engine.links([link(rtu_1=True)], made.now) == []
    assert made.alarm("a1").is_communication_lost
    made.engine.links([link(rtu_1=False)], made.now)
    assert (made.state("rtu-1"), made.alarm("a1").is_communication_lost) == (S.RETURNED, False)


def test_heartbeats_that_say_nothing_new_change_nothing() -> None:
    made = communicating()
    made.engine.links([link(rtu_1=True)], made.now)
    revision = made.engine.revision
    made.engine.links([link(rtu_1=True)], made.now)
    assert made.engine.revision == revision


# what was missed


def late(made: Bench, *samples: tuple[float, float]) -> list[tuple[str, str, str]]:
    at = START_US + np.array([seconds for seconds, _ in samples]) * SECOND
    return path(made.engine.take_late(Samples.of([1] * len(samples), at, [value for _, value in samples], GOOD), made.now))


MISSED = [("raise", S.NORMAL, S.UNACKNOWLEDGED), ("return", S.UNACKNOWLEDGED, S.RETURNED)]


def test_what_came_and_went_while_nobody_could_be_told_is_told_afterwards() -> None:
    made = bench(state_plan(1))
    made.wait(100)
    made.read(1, 0)
    assert late(made, (10, 0), (20, 1), (21, 0)) == MISSED
    assert (made.alarm().raised, made.alarm().is_active) == (START_US + 20 * SECOND, False)


def test_what_did_not_last_was_no_alarm_then_either() -> None:
    made = bench(state_plan(1, on_delay_s=5))
    made.wait(100)
    assert late(made, (20, 1), (21, 0), (30, 0)) == []
    assert late(made, (40, 1), (46, 1), (50, 0)) == MISSED


def test_what_stands_now_or_was_known_then_is_not_told_again() -> None:
    made = bench(state_plan(1))
    made.read(1, 1, at_s=0)
    made.wait(100)
    assert late(made, (10, 1)) == []
    made.read(1, 0)
    made.engine.acknowledge(["alpha/a1"], "anna", made.now)
    other = bench(state_plan(1))
    other.read(1, 1, at_s=0)
    other.wait(100)
    other.read(1, 0)
    other.engine.acknowledge(["alpha/a1"], "anna", other.now)
    assert late(other, (10, 1), (20, 1)) == []
    assert other.state() is S.NORMAL


def test_what_was_seen_at_the_end_of_an_outage_does_not_last_until_the_next() -> None:
    made = bench(state_plan(1, on_delay_s=60))
    made.wait(100)
    made.read(1, 0)
    assert late(made, (50, 0), (80, 1)) == []  # it went after 80 s, and was gone when the link was up again
    made.wait(86_400)
    made.read(1, 0)
    assert late(made, (80_000, 0), (80_001, 1), (80_002, 0)) == []
    assert late(made, (80_010, 1)) == []
    assert late(made, (80_071, 0)) == MISSED


def test_late_samples_say_nothing_of_how_things_stand_now() -> None:
    made = bench(state_plan(1))
    made.wait(100)
    made.read(1, 1)
    assert late(made, (10, 0), (20, 1), (30, 0)) == []
    assert made.state() is S.UNACKNOWLEDGED
    made.wait(1)
    made.read(1, 0)
    assert made.state() is S.RETURNED


def test_an_alarm_that_came_three_times_in_a_minute_is_chattering_for_a_minute() -> None:
    made = bench(state_plan(1))
    for _ in range(3):
        made.wait(10)
        made.read(1, 1)
        made.wait(10)
        made.read(1, 0)
    assert made.alarm().is_chattering
    revision = made.alarm().revision
    made.wait(11)
    assert not made.alarm().is_chattering
    assert made.alarm().revision > revision  # viewers are told


def test_an_alarm_that_is_active_for_more_than_a_day_is_stale() -> None:
    made = bench(state_plan(1), state_plan(2))
    made.read(1, 1)
    made.wait(86_400)
    revision = made.engine.revision
    assert not made.alarm().is_stale
    made.wait(1)
    assert made.alarm().is_stale
    assert made.engine.revision == made.alarm().revision > revision
    made.read(1, 0)
    assert not made.alarm().is_stale


def test_two_alarms_cannot_have_one_id() -> None:
    with pytest.raises(ValueError, match="same id"):
        bench(state_plan(1), state_plan(1))


def test_a_clock_that_is_set_back_leaves_nothing_chattering() -> None:
    made = bench(state_plan(1))
    for _ in range(3):
        made.read(1, 1)
        made.wait(1)
        made.read(1, 0)
        made.wait(1)
    assert made.alarm().is_chattering
    made.now = Now(made.now.monotonic_s, made.now.utc_us - 3_600 * SECOND)
    assert not made.alarm().is_chattering
