"""Alarms as viewers and people get them, and as they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tieline.model import Batch, ConfigError, Event, LocalError, Now, Purpose, Quality, RefusedError, Samples, UnavailableError
from tieline.model.alarms import AlarmKind, AlarmState
from tieline.scada import Link, LinkState
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore, Requester, by_roles

from .plans import SECOND, START_US, plan, point, state_plan

S = AlarmState
ANNA = Requester(name="anna", roles=frozenset({"operator"}))
EVA = Requester(name="eva", roles=frozenset({"engineer"}))
VERA = Requester(name="vera", roles=frozenset({"viewer"}))
COUNT = 5
PLAN = [
    *(
        state_plan(number, priority=1 + number % 4, suppress_states=frozenset({"de-energized"} if number == 4 else ()))
        for number in range(1, COUNT + 1)
    ),
    plan("b1", point(101, site="beta"), AlarmKind.HIGH, limit=10.0, on_delay_s=60.0),
    plan("link", None, AlarmKind.COMMUNICATION),
]
IDS = [f"alpha/a{number}" for number in range(1, COUNT + 1)]


class Center:
    """A service with its file and its time; starts again over the same file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now = Now(100.0, START_US)
        self.sequence = 0
        self.start()

    def start(self, **settings: int) -> None:
        self.store = AlarmStore(self.file, **settings)
        self.service = AlarmService(AlarmEngine(PLAN), self.store, self.now)

    def restart(self, after_s: float = 0.0, **settings: int) -> None:
        self.store.close()
        self.now = Now(5.0, self.now.utc_us + round(after_s * SECOND))
        self.start(**settings)

    def wait(self, seconds: float) -> None:
        self.now = Now(self.now.monotonic_s + seconds, self.now.utc_us + round(seconds * SECOND))
        self.service.tick(self.now)

    def batch(self, points: object, values: object, *, site: str = "alpha", **more: object) -> Batch:
        self.sequence += 1
        samples = Samples.of(points, self.now.utc_us, values, Quality.DEVICE_TIME)
        return Batch(site=site, incarnation=7, sequence=self.sequence, samples=samples, **more)  # type: ignore[arg-type]

    def send(self, points: object, values: object, *, site: str = "alpha", **more: object) -> int:
        return self.service.take([self.batch(points, values, site=site, **more)], self.now)

    def states(self) -> dict[str, AlarmState]:
        return {alarm.id: alarm.state for alarm in self.service.snapshot(self.now).alarms}


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    made = Center(tmp_path / "scada" / "alarms.sqlite")
    yield made
    made.store.close()


def test_a_batch_that_comes_again_changes_nothing_also_after_a_restart(center: Center) -> None:
    on, off = center.batch(1, 1), center.batch(1, 0)
    assert center.service.take([on, off], center.now) == 2
    assert center.service.take([on, off], center.now) == 0
    center.restart()
    assert center.service.take([off, on], center.now) == 0
    assert center.states() == {"alpha/a1": S.RETURNED}
    assert len(center.service.journal()) == 2


def test_batches_that_lead_to_nothing_are_not_written_and_lead_to_nothing_again(center: Center) -> None:
    wal = center.file.with_name(f"{center.file.name}-wal")
    center.send(1, 0)
    before = wal.stat().st_size
    quiet = [center.batch([1, 2], [0, 0]) for _ in range(100)]
    for batch in quiet:
        center.service.take([batch], center.now)
    assert wal.stat().st_size == before
    on = center.batch(1, 1)
    center.service.take([on], center.now)
    more = center.batch(1, 1)
    center.service.take([more], center.now)
    center.restart()
    assert center.service.take([*quiet, on, more], center.now) == 0
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED}


def test_a_service_that_is_closed_knows_all_that_it_took(center: Center) -> None:
    center.send(1, 0)
    center.service.close()
    with sqlite3.connect(center.file) as file:
        assert file.execute("SELECT first, last FROM taken").fetchall() == [(1, 1)]
    file.close()
    center.start()


def test_what_a_device_repeats_after_a_restart_is_not_told_again(center: Center) -> None:
    first = Samples.of([1, 1], [START_US, START_US + SECOND], [1, 0], Quality.DEVICE_TIME)
    center.wait(2)
    center.service.take([Batch(site="alpha", incarnation=5, sequence=1, samples=first)], center.now)
    center.restart(60)
    assert center.service.take([Batch(site="alpha", incarnation=6, sequence=1, samples=first)], center.now) == 0
    center.send(1, 1)
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED}


def test_batches_that_overtook_each_other_are_all_taken(center: Center) -> None:
    first, second = center.batch(1, 1), center.batch(2, 1)
    center.service.take([second], center.now)
    center.restart()
    assert center.service.take([first], center.now) == 1


def test_a_restart_brings_back_everything_that_is_shown(center: Center) -> None:
    center.send([1, 2, 3, 4], 1)
    center.service.acknowledge(["alpha/a1"], ANNA, center.now)
    center.service.shelve(["alpha/a2"], ANNA, center.now, minutes=10, reason="noisy")
    center.service.take_out(["alpha/a3"], EVA, center.now, reason="new relay")
    center.service.suppress(["alpha/a4"], "topology", center.now, is_on=True, reason="de-energized")
    before = center.service.snapshot(center.now, everything=True)
    center.restart()
    after = center.service.snapshot(center.now, everything=True)
    forget = {"revision", "is_chattering"}
    for one, other in zip(before.alarms, after.alarms, strict=True):
        for name in type(one).__dataclass_fields__.keys() - forget:
            assert getattr(one, name) == getattr(other, name), (one.id, name)
    assert after.incarnation != before.incarnation
    reasons = {alarm.id: alarm.reason for alarm in after.alarms if alarm.reason}
    assert reasons == {"alpha/a2": "noisy", "alpha/a3": "new relay", "alpha/a4": "de-energized"}


def test_shelving_ends_when_it_should_whether_the_center_ran_or_not(center: Center) -> None:
    center.service.shelve(["alpha/a1", "alpha/a2"], ANNA, center.now, minutes=10, reason="noisy")
    center.send(1, 1)
    center.restart(after_s=300)
    center.wait(299)
    assert center.states() == {"alpha/a1": S.SHELVED, "alpha/a2": S.SHELVED}
    center.wait(1)
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED}


def test_a_clock_that_is_set_back_while_the_center_is_down_prolongs_no_shelving_beyond_what_is_permitted(center: Center) -> None:
    center.service.shelve(["alpha/a1"], ANNA, center.now, minutes=60, reason="work")
    center.restart(-30 * 86_400)
    center.wait(8 * 3_600 - 1)
    assert center.states() == {"alpha/a1": S.SHELVED}
    center.wait(2)
    assert center.states() == {}


def test_a_delay_goes_on_over_a_restart(center: Center) -> None:
    center.send(101, 20, site="beta")
    center.wait(10)
    center.restart(after_s=20)
    center.wait(29)
    assert center.states() == {}
    center.wait(1)
    assert center.states() == {"beta/b1": S.UNACKNOWLEDGED}
    alarm = center.service.alarm("beta/b1", center.now)
    assert alarm is not None
    assert (alarm.raised, alarm.value) == (START_US, 20.0)


def test_an_alarm_that_the_folder_no_longer_suppresses_is_told(tmp_path: Path) -> None:
    maintenance = {"out": point(9)}
    suppressed = [state_plan(1, suppress="out > 0.0", suppress_inputs=maintenance)]
    now = Now(0.0, START_US)
    store = AlarmStore(tmp_path / "alarms.sqlite")
    service = AlarmService(AlarmEngine(suppressed), store, now)
    service.take([Batch(site="alpha", incarnation=1, sequence=1, samples=Samples.of([9, 1], START_US, [1, 1]))], now)
    assert [alarm.state for alarm in service.snapshot(now).alarms] == [S.SUPPRESSED]
    store.close()
    store = AlarmStore(tmp_path / "alarms.sqlite")
    service = AlarmService(AlarmEngine([state_plan(1)]), store, now)
    assert [alarm.state for alarm in service.snapshot(now).alarms] == [S.UNACKNOWLEDGED]
    store.close()


def test_viewers_get_what_changed_since_they_looked(center: Center) -> None:
    first = center.service.snapshot(center.now)
    assert (first.is_whole, first.alarms) == (True, ())
    center.send([1, 2], 1)
    second = center.service.changes(first.revision, first.incarnation, center.now)
    assert (second.is_whole, [alarm.id for alarm in second.alarms]) == (False, IDS[:2])
    center.service.acknowledge(["alpha/a2"], ANNA, center.now)
    center.wait(1)
    center.send(2, 0)
    third = center.service.changes(second.revision, second.incarnation, center.now)
    assert [(alarm.id, alarm.state) for alarm in third.alarms] == [("alpha/a2", S.NORMAL)]
    assert center.service.changes(third.revision, third.incarnation, center.now).alarms == ()
    assert center.service.changes(third.revision, third.incarnation + 1, center.now).is_whole
    assert center.service.snapshot(center.now, sites=["beta"]).alarms == ()
    assert len(center.service.snapshot(center.now, everything=True).alarms) == len(PLAN)


def test_an_alarm_says_all_that_a_person_needs(center: Center) -> None:
    center.send(1, 1)
    center.wait(2)
    center.service.acknowledge(["alpha/a1"], ANNA, center.now)
    (alarm,) = center.service.snapshot(center.now).alarms
    assert (alarm.site, alarm.device, alarm.point, alarm.name, alarm.text) == ("alpha", "rtu-1", "p1", "a1", "a1")
    assert (alarm.state, alarm.priority, alarm.value, alarm.count) == (S.ACKNOWLEDGED, 2, 1.0, 1)
    assert (alarm.raised, alarm.has_device_time, alarm.acknowledged) == (START_US, True, START_US + 2 * SECOND)
    assert alarm.acknowledged_by == "anna"


def test_the_unacknowledged_are_counted_by_priority(center: Center) -> None:
    center.send([1, 2, 3, 4, 5], 1)
    center.wait(1)
    center.send(5, 0)
    center.service.acknowledge(["alpha/a1"], ANNA, center.now)
    assert center.service.unacknowledged() == (1, 1, 1, 1)


def test_the_first_of_a_group_is_still_known_after_a_restart(tmp_path: Path) -> None:
    now = Now(0.0, START_US)
    marked = []
    for sequence, numbers in enumerate(([2], [1], []), 1):
        store = AlarmStore(tmp_path / "alarms.sqlite")
        service = AlarmService(AlarmEngine([state_plan(1, group="t1"), state_plan(2, group="t1")]), store, now)
        samples = Samples.of(numbers, START_US + sequence, 1.0)
        service.take([Batch(site="alpha", incarnation=1, sequence=sequence, samples=samples)], now)
        marked.append([alarm.id for alarm in service.snapshot(now).alarms if alarm.is_first_out])
        store.close()
    assert marked == [["alpha/a2"]] * 3


def test_a_group_that_the_folder_joined_has_one_first(tmp_path: Path) -> None:
    now = Now(0.0, START_US)
    for sequence, groups in enumerate((("t1", "t2"), ("t1", "t1")), 1):
        store = AlarmStore(tmp_path / "alarms.sqlite")
        plans = [state_plan(number, group=group) for number, group in enumerate(groups, 1)]
        service = AlarmService(AlarmEngine(plans), store, now)
        samples = Samples.of([1, 2], [START_US + 1, START_US], 1.0)
        service.take([Batch(site="alpha", incarnation=1, sequence=sequence, samples=samples)], now)
        marked = [alarm.id for alarm in service.snapshot(now).alarms if alarm.is_first_out]
        store.close()
    assert marked == ["alpha/a2"]


def test_a_site_has_no_say_in_the_alarms_of_another(center: Center) -> None:
    assert center.send([1, 101], [1, 20], site="beta") == 0
    center.wait(60)
    assert center.states() == {"beta/b1": S.UNACKNOWLEDGED}
    assert center.send(1, 1, site="gamma", purpose=Purpose.BACKFILL) == 0
    assert center.send(1, 1, site="gamma") == 0
    assert center.send(1, 1) == 1


# people


@pytest.mark.parametrize(
    ("who", "action", "role"),
    [
        (VERA, "acknowledge", "operator"),
        (EVA, "reset", "operator"),
        (EVA, "unshelve", "operator"),
        (ANNA, "put_back", "engineer"),
    ],
)
def test_what_a_role_does_not_permit_is_refused(center: Center, who: Requester, action: str, role: str) -> None:
    center.send(1, 1)
    with pytest.raises(RefusedError, match=f"alpha/a1: {who.name} has not the role {role} for alpha"):
        getattr(center.service, action)(["alpha/a1"], who, center.now)
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED}
    assert len(center.service.journal()) == 1


def test_a_role_for_one_site_is_none_for_another(tmp_path: Path) -> None:
    now = Now(0.0, START_US)
    store = AlarmStore(tmp_path / "alarms.sqlite")
    plans = [state_plan(1), plan("b1", point(101, site="beta"), AlarmKind.HIGH, limit=10.0)]
    service = AlarmService(
        AlarmEngine(plans), store, now, permits=lambda who, right, site: site == "beta" and by_roles(who, right, site)
    )
    for number, (site, at) in enumerate((("alpha", 1), ("beta", 101)), 1):
        samples = Samples.of(at, START_US, 11 if at > 1 else 1)
        service.take([Batch(site=site, incarnation=1, sequence=number, samples=samples)], now)
    done = service.acknowledge(["alpha/a1", "beta/b1", "gamma/x"], ANNA, now)
    assert done.ids == ("beta/b1",)
    assert done.refused == {"alpha/a1": "anna has not the role operator for alpha", "gamma/x": "there is no such alarm"}
    store.close()


def test_a_request_is_done_where_it_can_be_and_refused_where_not(center: Center) -> None:
    center.send([1, 2], 1)
    center.service.acknowledge(["alpha/a1"], ANNA, center.now)
    done = center.service.acknowledge([*IDS[:3], "alpha/a1"], ANNA, center.now)
    assert done.ids == ("alpha/a2",)
    assert done.refused == {
        "alpha/a1": "it is acknowledged already",
        "alpha/a3": "it is normal, there is nothing to acknowledge",
    }
    with pytest.raises(RefusedError, match="alpha/a1: it is acknowledged already, and 1 more"):
        center.service.acknowledge(IDS[:2], ANNA, center.now)
    assert center.service.acknowledge([], ANNA, center.now).ids == ()


# the sequence of events


def test_the_journal_has_the_times_of_the_device_to_the_microsecond_and_who_did_what(center: Center) -> None:
    on = Samples.of([2, 1], [START_US - 1, START_US - 2], 1, [Quality.DEVICE_TIME, 0])
    center.service.take([Batch(site="alpha", incarnation=7, sequence=1, samples=on)], center.now)
    center.wait(1)
    center.service.acknowledge(["alpha/a1"], ANNA, center.now, reason="crew is on its way")
    lines = center.service.journal(by_time=True)
    assert [line.sequence for line in lines] == [2, 1, 3]
    assert [
        (line.alarm, line.trigger, line.time - START_US, line.has_device_time, line.received - START_US) for line in lines
    ] == [
        ("alpha/a1", "raise", -2, False, 0),
        ("alpha/a2", "raise", -1, True, 0),
        ("alpha/a1", "acknowledge", SECOND, False, SECOND),
    ]
    assert (lines[2].before, lines[2].after) == (S.UNACKNOWLEDGED, S.ACKNOWLEDGED)
    assert (lines[2].by, lines[2].reason, lines[2].value) == ("anna", "crew is on its way", 1.0)


def test_the_journal_is_asked_by_time_alarm_site_and_line(center: Center) -> None:
    center.send([1, 2], 1)
    center.wait(1)
    center.send(101, 20, site="beta")
    center.wait(60)
    names = lambda **asked: [line.alarm for line in center.service.journal(**asked)]  # noqa: E731
    assert names() == ["alpha/a1", "alpha/a2", "beta/b1"]
    assert names(begin=START_US + 1) == ["beta/b1"]
    assert names(end=START_US + 1, newest_first=True) == ["alpha/a2", "alpha/a1"]
    assert names(alarm="alpha/a2") == ["alpha/a2"]
    assert names(site="beta", alarm=None) == ["beta/b1"]
    assert names(after=1, limit=1) == ["alpha/a2"]


def test_what_an_alarm_does_while_it_is_held_back_is_in_the_journal_only(center: Center) -> None:
    center.service.shelve(["alpha/a1"], ANNA, center.now, minutes=10, reason="noisy")
    center.send(1, 1)
    last = center.service.journal()[-1]
    assert (last.trigger, last.before, last.after) == ("raise", S.SHELVED, S.SHELVED)
    assert center.service.unacknowledged() == (0, 0, 0, 0)


def test_the_journal_is_kept_by_age(center: Center) -> None:
    center.restart(keep_days=1)
    center.send(1, 1)
    center.wait(86_000)
    center.send(2, 1)
    center.wait(500)
    assert [line.alarm for line in center.service.journal()] == ["alpha/a2"]
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED, "alpha/a2": S.UNACKNOWLEDGED}


def test_the_journal_is_kept_by_size(center: Center) -> None:
    center.restart(most_mb=1)
    for _ in range(40):
        center.send(np.repeat(np.arange(1, 6), 100), np.tile([1, 0], 250))
        center.wait(1)
    before = len(center.service.journal(limit=100_000))
    center.wait(120)
    assert before > 10_000
    assert len(center.service.journal(limit=100_000)) < before
    center.send(1, 1)
    assert center.service.journal(newest_first=True, limit=1)[0].alarm == "alpha/a1"


def test_figures_are_computed_from_the_journal(center: Center) -> None:
    for _ in range(3):
        center.send([1, 2], 1)
        center.wait(10)
        center.send(1, 0)
        center.wait(10)
    figures = center.service.metrics(START_US, START_US + 3_600 * SECOND, center.now, operators=2)
    assert (figures.alarms, figures.per_operator_hour, figures.most_in_ten_minutes) == (4, 2.0, 2)
    assert [(actor.alarm, actor.count, actor.percent) for actor in figures.bad_actors] == [
        ("alpha/a1", 3, 75.0),
        ("alpha/a2", 1, 25.0),
    ]
    assert figures.chattering == ("alpha/a1",)
    assert figures.priorities == {1: 0, 2: 3, 3: 1, 4: 0}
    assert (figures.standing, figures.unacknowledged, figures.stale) == (1, 2, ())
    center.wait(86_400)
    assert center.service.metrics(START_US, START_US + SECOND, center.now).stale == ("alpha/a2",)
    with pytest.raises(LocalError):
        center.service.metrics(START_US, START_US, center.now)


def test_a_flood_goes_on_over_a_restart_and_ends(center: Center) -> None:
    for _ in range(11):
        center.send(1, 1)
        center.wait(1)
        center.send(1, 0)
        center.wait(1)
    assert center.service.floods()[""] is not None
    center.restart()
    flood = center.service.floods()[""]
    assert flood is not None
    assert (flood.began, flood.alarms) == (START_US + 20 * SECOND, 11)
    center.wait(611 - 22)
    assert center.service.floods()[""] is not None  # five are left
    center.wait(1)
    assert center.service.floods()[""] is None


# what can go wrong


def test_nothing_is_answered_until_it_is_on_the_disk(center: Center) -> None:
    other = sqlite3.connect(center.file, isolation_level=None)
    other.execute("PRAGMA busy_timeout = 0")
    center.store._connection.execute("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    batch = center.batch(1, 1)
    for _ in range(2):
        with pytest.raises(UnavailableError, match="database is locked"):
            center.service.take([batch], center.now)
    other.execute("COMMIT")
    other.close()
    center.service.take([batch], center.now)  # it comes again, since nobody has acknowledged it
    center.restart()
    assert center.states() == {"alpha/a1": S.UNACKNOWLEDGED}
    assert len(center.service.journal()) == 1
    assert center.service.take([batch], center.now) == 0


def test_a_file_that_is_none_of_ours_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "alarms.sqlite").write_text("not a database, " * 100)
    with pytest.raises(UnavailableError, match="file is not a database"):
        AlarmStore(tmp_path / "alarms.sqlite")


def test_a_file_of_a_later_release_is_refused(center: Center) -> None:
    center.store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="version 99"):
        AlarmStore(center.file)


def test_the_file_is_for_nobody_else(center: Center) -> None:
    assert center.file.stat().st_mode & 0o077 == 0
    assert center.file.parent.stat().st_mode & 0o077 == 0


# all that is taken


def test_events_links_and_back_fill_are_taken_too(center: Center) -> None:
    lost = Event(time=START_US, site="alpha", device="rtu-1", kind="device_lost", text="lost")
    center.service.take([center.batch([], [], events=(lost,), purpose=Purpose.EVENTS)], center.now)
    center.service.links([Link(site="alpha", state=LinkState.LOST, since=START_US)], center.now)
    assert center.states() == {"alpha/link": S.UNACKNOWLEDGED}
    center.wait(10)
    late = Samples.of([1, 1], [START_US + SECOND, START_US + 2 * SECOND], [1, 0])
    batch = Batch(site="alpha", incarnation=7, sequence=99, samples=late, purpose=Purpose.BACKFILL)
    center.service.take([batch], center.now)
    assert center.states() == {"alpha/a1": S.RETURNED, "alpha/link": S.UNACKNOWLEDGED}
