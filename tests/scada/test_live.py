"""The live state: newest values, links, events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import Event, Point, PointId, PointKind, Quality, Reporting, Samples, Severity
from tieline.scada import Counts, DeviceStats, LinkState, LiveState, SiteStats
from tieline.scada.live import FUTURE_US, NEVER

NOW = 1_700_000_000_000_000
SECOND = 1_000_000


def make_point(number: int, site: str = "northgate") -> Point:
    return Point(id=PointId(number), site=site, device="rtu-1", name=f"p{number}", kind=PointKind.ANALOG, reporting=Reporting())


POINTS = [make_point(4_000_000_000), make_point(7), make_point(1_000), make_point(12, "sunfield"), make_point(3, "sunfield")]


def make_live(**settings: object) -> LiveState:
    return LiveState(POINTS, started=NOW, **settings)  # type: ignore[arg-type]


def held(live: LiveState, point: int) -> tuple[int, float, int]:
    row = live.rows([point])[0]
    return int(live.time[row]), float(live.value[row]), int(live.quality[row])


def apply(live: LiveState, points: Sequence[int] | int, time: object, value: object, quality: object = 0, now: int = NOW) -> int:
    return live.apply("northgate", Samples.of(points, time, value, quality), now)


def test_a_point_that_was_never_heard_is_invalid_and_has_no_time() -> None:
    live = make_live()
    newest = live.newest(live.rows([7, 12]), NOW)
    assert newest.time.tolist() == [0, 0]
    assert newest.quality.tolist() == [NEVER, NEVER]
    assert np.isnan(newest.value).all()
    assert newest.is_stale.all()


def test_a_newer_sample_replaces_and_an_older_one_does_not() -> None:
    live = make_live()
    assert apply(live, 7, NOW, 1.0) == 1
    assert apply(live, 7, NOW - 1, 2.0) == 0
    assert held(live, 7) == (NOW, 1.0, 0)
    assert apply(live, 7, NOW + 1, 3.0) == 1
    assert held(live, 7) == (NOW + 1, 3.0, 0)


def test_a_sample_with_the_same_time_corrects_the_held_one() -> None:
    live = make_live()
    apply(live, 7, NOW, 1.0)
    assert apply(live, 7, NOW, 1.0, Quality.INVALID) == 1
    assert held(live, 7) == (NOW, 1.0, Quality.INVALID)


def test_the_newest_of_a_batch_wins_wherever_it_stands() -> None:
    live = make_live()
    assert apply(live, [7, 1_000, 7, 7], [NOW - 5, NOW, NOW - 3, NOW - 4], [1.0, 9.0, 2.0, 3.0]) == 2
    assert held(live, 7) == (NOW - 3, 2.0, 0)
    assert held(live, 1_000) == (NOW, 9.0, 0)


def test_the_later_of_two_with_the_same_time_wins() -> None:
    live = make_live()
    apply(live, [7, 7, 7], [NOW, NOW, NOW - 1], [1.0, 2.0, 3.0])
    assert held(live, 7) == (NOW, 2.0, 0)


def test_a_batch_delivered_twice_changes_nothing_the_second_time() -> None:
    live = make_live()
    batch = Samples.of([7, 1_000], NOW, [1.0, np.nan], [0, Quality.INVALID])
    live.apply("northgate", batch, NOW)
    revision = live.revision
    assert live.apply("northgate", batch, NOW + SECOND) == 0
    assert live.revision == revision


def test_values_go_on_when_the_clocks_are_set_back() -> None:
    live = make_live()
    apply(live, 7, NOW, 1.0)
    back = NOW - 3_600 * SECOND
    assert apply(live, 7, back, 2.0, now=back) == 1
    assert held(live, 7) == (back, 2.0, 0)
    assert apply(live, 7, back - 1, 3.0, now=back) == 0


def test_samples_of_unknown_points_are_counted_and_dropped() -> None:
    live = make_live()
    assert apply(live, [5, 7, 4_294_967_295], NOW, 1.0) == 1
    assert (live.unknown, live.applied) == (2, 1)


def test_a_site_cannot_write_the_points_of_another() -> None:
    live = make_live()
    assert live.apply("sunfield", Samples.of([7, 12], NOW, 1.0), NOW) == 1
    assert live.unknown == 1
    assert held(live, 7)[0] == 0


def test_batches_of_unknown_sites_are_counted_and_dropped() -> None:
    live = make_live()
    assert live.apply("nowhere", Samples.of([7, 12], NOW, 1.0), NOW) == 0
    assert live.unknown == 2


def test_a_clock_that_once_jumped_ahead_does_not_freeze_its_points() -> None:
    live = make_live()
    apply(live, 7, NOW + 3_600 * SECOND, 1.0)
    later = NOW + FUTURE_US + 1
    assert apply(live, 7, later, 2.0, now=later) == 1
    assert held(live, 7) == (later, 2.0, 0)


def test_an_empty_batch_and_an_empty_utility_are_fine() -> None:
    assert make_live().apply("northgate", Samples.empty(), NOW) == 0
    empty = LiveState([], sites=["northgate"])
    assert empty.apply("northgate", Samples.of(7, NOW, 1.0), NOW) == 0
    assert empty.counts(NOW) == {"northgate": Counts()}


def test_two_points_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        LiveState([make_point(7), make_point(7, "sunfield")])


def test_what_changed_since_a_revision_are_the_viewers_own_points() -> None:
    live = make_live()
    rows = live.rows([7, 12])
    apply(live, [7, 1_000], NOW, 1.0)
    first = live.revision
    assert live.id[live.changed_since(0, rows)].tolist() == [7]
    apply(live, 1_000, NOW + 1, 2.0)
    assert not len(live.changed_since(first, rows))
    live.apply("sunfield", Samples.of(12, NOW, 3.0), NOW)
    assert live.id[live.changed_since(first, rows)].tolist() == [12]


def test_asking_for_a_point_that_is_not_there_names_it() -> None:
    with pytest.raises(KeyError, match="99"):
        make_live().rows([7, 99])


def test_seeded_values_are_stale_until_their_site_is_heard() -> None:
    live = make_live()
    assert live.seed(Samples.of([7, 12], NOW - SECOND, [1.0, 2.0]), NOW) == 2
    rows = live.rows([7, 12])
    assert live.is_stale(rows, NOW).tolist() == [True, True]
    live.heartbeat("northgate", NOW, SiteStats())
    assert live.is_stale(rows, NOW).tolist() == [False, True]


def test_a_seed_does_not_replace_what_came_over_the_link() -> None:
    live = make_live()
    apply(live, 7, NOW, 1.0)
    assert live.seed(Samples.of(7, NOW - 1, 2.0), NOW) == 0


def test_a_value_is_stale_when_its_longest_silence_has_passed() -> None:
    live = make_live()
    apply(live, 7, NOW, 1.0)
    rows = live.rows([7])
    for seconds, is_stale in ((0, False), (94, False), (96, True)):
        now = NOW + seconds * SECOND
        live.heartbeat("northgate", now, SiteStats())
        assert live.is_stale(rows, now).tolist() == [is_stale]


def test_a_silent_site_is_lost_and_all_its_values_stale_at_once() -> None:
    live = make_live()
    for site in live.sites:
        live.heartbeat(site, NOW, SiteStats())
    apply(live, [7, 1_000], NOW, 1.0)
    live.apply("sunfield", Samples.of(12, NOW, 1.0), NOW)
    revision, links = live.revision, live.link_revision
    live.heartbeat("sunfield", NOW + 2 * SECOND, SiteStats())
    live.tick(NOW + 3 * SECOND)
    assert live.link("northgate").state is LinkState.UP
    live.tick(NOW + 3 * SECOND + 1)
    assert live.link("northgate").state is LinkState.LOST
    assert live.link("sunfield").state is LinkState.UP
    assert live.is_stale(live.rows([7, 1_000, 12]), NOW + 4 * SECOND).tolist() == [True, True, False]
    assert live.revision == revision
    assert live.link_revision == links + 1


def test_a_link_that_is_lost_and_restored_is_told_once_each() -> None:
    live = make_live()
    live.heartbeat("northgate", NOW, SiteStats())
    for second in range(4, 9):
        live.tick(NOW + second * SECOND)
    live.heartbeat("northgate", NOW + 9 * SECOND, SiteStats(samples_per_s=5))
    live.heartbeat("northgate", NOW + 10 * SECOND, SiteStats(samples_per_s=6))
    told = [(one.event.kind, one.event.severity) for one in live.events_after(0) if one.event.site == "northgate"]
    assert told == [("link_up", Severity.INFO), ("link_lost", Severity.ERROR), ("link_restored", Severity.INFO)]
    assert live.events_after(0)[-1].event.text == "link restored after 9.0 s"
    assert live.link("northgate").stats.samples_per_s == 6


def test_a_site_that_is_not_heard_after_the_start_is_lost_too() -> None:
    live = make_live()
    assert live.link("northgate").state is LinkState.WAITING
    live.tick(NOW + 4 * SECOND)
    assert [link.state for link in live.links()] == [LinkState.LOST, LinkState.LOST]
    assert live.events_after(0)[0].event.text == "not heard since start"


def test_a_clock_that_is_set_back_does_not_keep_a_dead_link_alive() -> None:
    live = make_live()
    live.heartbeat("northgate", NOW, SiteStats())
    back = NOW - 3_600 * SECOND
    live.tick(back)
    live.tick(back + 4 * SECOND)
    assert live.link("northgate").state is LinkState.LOST


def test_a_heartbeat_of_a_site_nobody_knows_is_ignored() -> None:
    live = make_live()
    live.heartbeat("nowhere", NOW, SiteStats())
    assert live.sites == ("northgate", "sunfield")


def test_stats_say_which_devices_are_up() -> None:
    live = make_live()
    live.heartbeat("northgate", NOW, SiteStats(devices={"rtu-1": DeviceStats(is_up=False, polls=9, errors=9)}))
    assert not live.link("northgate").stats.devices["rtu-1"].is_up


def test_counts_tell_good_questionable_invalid_and_stale_apart() -> None:
    live = make_live()
    live.heartbeat("northgate", NOW, SiteStats())
    apply(live, [4_000_000_000, 7, 1_000], NOW, 1.0, [Quality.DEVICE_TIME, Quality.QUESTIONABLE, Quality.RESERVED])
    live.apply("sunfield", Samples.of(12, NOW, 1.0), NOW)
    assert live.counts(NOW) == {"northgate": Counts(good=1, questionable=1, invalid=1), "sunfield": Counts(stale=2)}


def test_only_the_newest_events_are_held() -> None:
    live = make_live(max_events=3)
    for number in range(5):
        live.record(Event(time=NOW, site="northgate", kind="test", text=str(number)))
    assert [(one.id, one.event.text) for one in live.events_after(0)] == [(3, "2"), (4, "3"), (5, "4")]
    assert [one.id for one in live.events_after(4)] == [5]
    assert live.events_after(5) == []
    assert live.events_after(99) == []


ids = st.sampled_from([int(point.id) for point in POINTS] + [5])
rows = st.lists(st.tuples(ids, st.integers(0, 6), st.floats(allow_nan=True), st.sampled_from([0, 1, 2, 3, 1024])), max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["northgate", "sunfield"]), rows), max_size=8))
def test_the_live_state_agrees_with_a_dictionary(batches: list[tuple[str, list[tuple[int, int, float, int]]]]) -> None:
    live = make_live()
    site_of = {int(point.id): point.site for point in POINTS}
    model: dict[int, tuple[int, float, int]] = {}
    unknown = 0
    for site, batch in batches:
        before = dict(model)
        revision = live.revision
        for point, time, value, quality in batch:
            if site_of.get(point) != site:
                unknown += 1
            elif point not in model or time >= model[point][0]:
                model[point] = (time, value, quality)
        columns = [list(column) for column in zip(*batch, strict=True)] or [[], [], [], []]
        live.apply(site, Samples.of(*columns), NOW)
        changed = {point for point in model if repr(model[point]) != repr(before.get(point))}
        seen = live.changed_since(revision, np.arange(len(live.points)))
        # a never-heard point starts at time 0 with NaN: a first sample that equals this is no change
        assert set(live.id[seen].tolist()) >= {point for point in changed if model[point][0] > 0}
        assert set(live.id[seen].tolist()) <= changed
    assert live.unknown == unknown
    for point, sample in model.items():
        assert repr(held(live, point)) == repr(sample)
