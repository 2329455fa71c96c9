"""Local detection: each kind of trouble is found, with evidence, and what is not trouble is left alone."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.config import PointDetection
from tieline.config.detection import Disagreement, Flatline, Limits, Missing, Rate, Residual, Spike, Stuck
from tieline.edge.detection import Detection
from tieline.edge.image import ProcessImage
from tieline.model import Event, Now, Point, PointId, PointKind, Quality, Samples, Severity

START = 1_790_000_000_000_000
S = 1_000_000


def point(number: int, unit: str = "A") -> Point:
    return Point(id=PointId(number), site="north", device="rtu", name=f"p{number}", kind=PointKind.ANALOG, unit=unit)


class Bench:
    """A detection with its image, fed one second after the other."""

    def __init__(self, *plan: PointDetection, others: Sequence[Point] = ()) -> None:
        everyone = [*others, *(point for each in plan for point in (each.point, *each.others))]
        points = {each.id: each for each in everyone}
        self.image = ProcessImage(points.values())
        self.detection = Detection(plan, self.image)
        self.seconds = 0.0

    def feed(self, values: dict[int, float], *, quality: int = 0, step_s: float = 1.0) -> list[Event]:
        """One sample of each point, and a second passes."""
        self.seconds += step_s
        samples = Samples.of(list(values), START + int(self.seconds * S), list(values.values()), quality)
        return self.take(samples) + self.tick()

    def take(self, samples: Samples) -> list[Event]:
        return self.detection.take(samples, self.image.update(samples))

    def tick(self) -> list[Event]:
        return self.detection.tick(Now(self.seconds, START + int(self.seconds * S)))

    def series(self, number: int, values: Sequence[float], *, step_s: float = 1.0) -> list[Event]:
        return [event for value in values for event in self.feed({number: value}, step_s=step_s)]


def looks(number: int, looks_for: object, *others: Point, unit: str = "A") -> PointDetection:
    return PointDetection(point=point(number, unit), looks_for=looks_for, others=others)  # type: ignore[arg-type]


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


# ---- limits


LIMITS = Limits(low_low=80, low=90, high=110, high_high=120, hysteresis=2)


def test_a_value_beyond_a_limit_is_found_once_and_its_return_too() -> None:
    bench = Bench(looks(1, LIMITS))
    events = bench.series(1, [100, 111, 112, 109, 111, 107, 100])
    assert kinds(events) == ["limit_exceeded", "limit_exceeded_ended"]
    assert events[0].text == "rtu/p1 is above its limit: 111 A, the limit is 110 A"
    assert events[0].severity is Severity.WARNING
    assert events[0].time == START + 2 * S
    assert events[1].text == "rtu/p1 is back at 107 A; the limit is 110 A"


def test_each_further_limit_is_found() -> None:
    texts = [event.text for event in Bench(looks(1, LIMITS)).series(1, [100, 115, 125, 119, 115, 70, 85, 100])]
    assert texts == [
        "rtu/p1 is above its limit: 115 A, the limit is 110 A",
        "rtu/p1 is far above its limit: 125 A, the limit is 120 A",
        "rtu/p1 is back at 115 A; the limit is 120 A",
        "rtu/p1 is far below its limit: 70 A, the limit is 80 A",
        "rtu/p1 is back at 85 A; the limit is 80 A",
        "rtu/p1 is back at 100 A; the limit is 90 A",
    ]


@given(st.lists(st.floats(60, 140), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_limits_do_what_a_plain_state_machine_does(values: list[float]) -> None:
    def level_of(before: int, value: float) -> int:
        for level, bound in ((2, 120.0), (1, 110.0)):
            if value > bound or (before >= level and value > bound - 2):
                return level
        for level, bound in ((-2, 80.0), (-1, 90.0)):
            if value < bound or (before <= level and value < bound + 2):
                return level
        return 0

    bench = Bench(looks(1, LIMITS))
    level = 0
    for value in values:
        before, level = level, level_of(level, value)
        assert bool(bench.feed({1: value}, step_s=100)) == (before != level), (before, level, value)


@pytest.mark.parametrize("quality", [Quality.INVALID, Quality.INVALID | Quality.OLD_DATA])
def test_what_is_invalid_is_no_evidence(quality: int) -> None:
    bench = Bench(looks(1, LIMITS), looks(1, Rate(per_s=1)), looks(1, Spike(least=1)))
    bench.series(1, [100.0] * 30)
    assert bench.feed({1: 500}, quality=quality) == []
    assert bench.feed({1: float("nan")}) == []
    assert bench.series(1, [100, 100]) == []


# ---- rate, stuck, flatline, spike


def test_a_value_that_moves_faster_than_possible_is_found() -> None:
    events = Bench(looks(1, Rate(per_s=5))).series(1, [20, 24, 40, 80, 81])
    assert kinds(events) == ["rate_exceeded", "rate_exceeded_ended"]
    assert events[0].text == "rtu/p1 moved from 24 A to 40 A in 1 s: 16 a second, 5 are possible"


def test_the_rate_counts_the_time_between_samples() -> None:
    assert Bench(looks(1, Rate(per_s=5))).series(1, [20, 60, 20], step_s=10) == []


def test_a_value_that_never_moves_is_stuck() -> None:
    events = Bench(looks(1, Stuck(for_s=5))).series(1, [1, 2, 3, 3, 3, 3, 3, 3, 3, 4])
    assert kinds(events) == ["value_stuck", "value_stuck_ended"]
    assert events[0].text == "rtu/p1 has been exactly 3 A for 5 s"
    assert events[1].text == "rtu/p1 moves again, to 4 A"


def test_a_value_that_has_lost_its_unrest_is_a_flatline() -> None:
    rng = np.random.default_rng(1)
    lively = (100 + rng.normal(0, 1, 40)).tolist()
    dead = (100 + rng.normal(0, 0.01, 40)).tolist()
    events = Bench(looks(1, Flatline(for_s=20, spread=0.5))).series(1, [*lively, *dead, *lively])
    assert kinds(events) == ["flatline", "flatline_ended"]
    assert 10 * S <= events[0].time - (START + 40 * S) <= 35 * S


def test_a_spike_is_found_and_a_step_is_none() -> None:
    rng = np.random.default_rng(2)
    course = 100 + rng.normal(0, 0.5, 60)
    bench = Bench(looks(1, Spike(deviations=8)))
    assert bench.series(1, course.tolist()) == []
    events = bench.series(1, [130, 100.2, 99.8])
    assert kinds(events) == ["spike"]
    assert "jumped to 130 A for one sample, between" in events[0].text
    assert events[0].time == START + 61 * S
    assert bench.series(1, (120 + rng.normal(0, 0.5, 30)).tolist()) == []


def test_a_burst_in_one_batch_is_seen_sample_by_sample() -> None:
    bench = Bench(looks(1, LIMITS))
    burst = Samples.of([1, 2, 1, 1], [START + n * S for n in range(4)], [100, 5, 150, 100])
    bench = Bench(looks(1, LIMITS), others=[point(2)])
    assert kinds(bench.take(burst)) == ["limit_exceeded", "limit_exceeded_ended"]


# ---- missing, disagreement, residual


def test_missing_data_is_found_by_the_clock_and_not_by_samples() -> None:
    bench = Bench(looks(1, Missing(for_s=10)), others=[point(2)])
    events = []
    for second in range(30):
        values = {2: 1.0} | ({1: 5.0} if second < 5 or second > 25 else {})
        events += bench.feed(values)
    assert kinds(events) == ["data_missing", "data_missing_ended"]
    assert events[0].text == "rtu/p1 has sent nothing for 10 s"
    assert "after 2" in events[1].text


def test_a_point_of_which_nothing_ever_comes_is_missing() -> None:
    bench = Bench(looks(1, Missing(for_s=10)), others=[point(2)])
    assert kinds([event for _ in range(15) for event in bench.feed({2: 1.0})]) == ["data_missing"]


def test_redundant_measurements_that_disagree_are_found_after_a_while() -> None:
    bench = Bench(looks(1, Disagreement(**{"with": ["rtu/p2", "rtu/p3"], "tolerance": 1.0, "for_s": 3}), point(2), point(3)))
    events = [event for _ in range(5) for event in bench.feed({1: 100.0, 2: 100.2, 3: 99.9})]
    assert events == []
    assert bench.feed({1: 103.0, 2: 100.2, 3: 99.9}) == []
    events = [event for _ in range(6) for event in bench.feed({1: 103.0, 2: 100.2, 3: 99.9})]
    assert kinds(events) == ["disagreement"]
    assert events[0].text == "rtu/p1 says 103 A, but rtu/p2 100.2 A, rtu/p3 99.9 A"
    assert bench.feed({1: 103.0, 2: 0.0, 3: 0.0}, quality=int(Quality.INVALID)) == []
    assert kinds(bench.feed({1: 100.0, 2: 100.2, 3: 99.9})) == ["disagreement_ended"]


def residual_bench(seed: int = 3) -> tuple[Bench, np.random.Generator]:
    bench = Bench(looks(1, Residual(neighbors=["rtu/p2", "rtu/p3"], for_s=5, warm_up_s=200), point(2, "kV"), point(3)))
    return bench, np.random.default_rng(seed)


def test_a_point_that_leaves_its_learned_relation_is_found() -> None:
    bench, rng = residual_bench()
    load = 100 + np.cumsum(rng.normal(0, 1, 1200))
    other = 50 + 10 * np.sin(np.arange(1200) / 60)
    values = 2.0 * load + 0.5 * other + 7 + rng.normal(0, 0.3, 1200)
    events = []
    for second in range(1000):
        events += bench.feed({1: values[second], 2: load[second], 3: other[second]})
    assert events == []
    for second in range(1000, 1100):
        events += bench.feed({1: values[second] + 5, 2: load[second], 3: other[second]})
    assert kinds(events) == ["unusual_value"]
    assert 1005 * S <= events[0].time - START <= 1010 * S
    assert "it is usually" in events[0].text
    expected = float(events[0].text.split("usually ")[1].split(" A")[0])
    second = round((events[0].time - START) / S) - 1
    assert expected == pytest.approx(values[second], abs=1.5)
    for second in range(1100, 1200):
        events += bench.feed({1: values[second], 2: load[second], 3: other[second]})
    assert kinds(events) == ["unusual_value", "unusual_value_ended"]


def test_a_change_that_the_neighbors_share_is_usual() -> None:
    bench, rng = residual_bench(4)
    load = np.where(np.arange(900) < 600, 100.0, 160.0) + rng.normal(0, 2, 900)
    events = []
    for second in range(900):
        events += bench.feed({1: 2 * load[second] + rng.normal(0, 0.3), 2: load[second], 3: 50 + rng.normal(0, 1)})
    assert events == []


def test_neighbors_that_never_move_do_not_make_the_relation_burst() -> None:
    bench, rng = residual_bench(5)
    events = []
    for _ in range(5000):
        events += bench.feed({1: 20 + rng.normal(0, 0.1), 2: 100.0, 3: 0.0})
    assert events == []
    assert all(np.isfinite(detector._covariance).all() for detector in bench.detection._by_time)  # type: ignore[attr-defined]


# ---- manners


def test_a_chattering_point_says_ten_things_in_ten_minutes_and_then_how_many_were_left_out() -> None:
    bench = Bench(looks(1, LIMITS))
    events = bench.series(1, [100.0, 150.0] * 100)
    assert len(events) == 10
    bench.seconds += 700
    (event,) = bench.feed({1: 100.0})
    assert event.text.endswith("(189 such events were left out)")


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 65535)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_whatever_comes_nothing_breaks(rows: list[tuple[int, float, int]]) -> None:
    everything = (LIMITS, Rate(per_s=1), Stuck(for_s=2), Flatline(for_s=4, spread=1), Spike(), Missing(for_s=3))
    others = (point(2), point(3))
    bench = Bench(
        *(looks(1, each) for each in everything),
        looks(1, Disagreement(**{"with": ["rtu/p2"], "tolerance": 1.0}), *others),
        looks(1, Residual(neighbors=["rtu/p2"], warm_up_s=1), *others),
        others=others,
    )
    for number, value, quality in rows:
        bench.feed({number: value}, quality=quality)


def test_twenty_thousand_samples_a_second_are_cheap() -> None:
    """2,000 points with five detectors each and 200 learned relations, in batches of a hundred: far below a core."""
    plan = [
        looks(number, each)
        for number in range(1, 2001)
        for each in (LIMITS, Rate(per_s=1e6), Stuck(for_s=60), Flatline(for_s=60, spread=1e-6), Missing(for_s=60))
    ]
    plan += [looks(n, Residual(neighbors=["rtu/p1"], warm_up_s=1e4), point(n + 1), point(n + 2)) for n in range(1, 201)]
    bench = Bench(*plan)
    rng = np.random.default_rng(6)
    numbers = np.arange(1, 2001, dtype=np.uint32)
    batches = [
        Samples.of(numbers[start : start + 100], START + turn * S // 10, 100 + rng.normal(0, 1, 100))
        for turn in range(10)
        for start in range(0, 2000, 100)
    ]
    began = clock.process_time()
    for batch in batches:
        bench.take(batch)
    bench.seconds += 1
    bench.tick()
    assert clock.process_time() - began < 0.5  # for a second's worth; measured 0.05
