from __future__ import annotations

import numpy as np

from tieline.config.processing import PointReporting, ReportClass, SwingingDoor
from tieline.edge.processing.memo import Memo
from tieline.edge.processing.reporting import Reporting
from tieline.model import Now, PointKind, Quality, Samples

from .points import BAD, S, point, reported, rows, samples

T0 = 1_000 * S


def way(report: ReportClass = "exceptions", *, deadband: float = 0.0, percent: float = 0.0) -> PointReporting:
    return PointReporting(report=report, deadband=deadband, percent_of_value=percent, max_silence_s=60.0)


def told(reporting: Reporting, values: list[float], quality: int = 0) -> list[float]:
    parts = [reporting.select(Samples.of(1, T0 + at * S, value, quality)) for at, value in enumerate(values)]
    return Samples.concatenate(parts).value.tolist()


def test_of_everything_every_sample_goes_up() -> None:
    assert told(Reporting([point(1)], [reported(1, way("everything"))]), [5.0, 5.0, 5.0]) == [5, 5, 5]
    burst = samples([(1, T0, 5.0, 0)] * 3)
    assert len(Reporting([point(1)], [reported(1, way("everything"))]).select(burst)) == 3


def test_of_aggregates_and_on_request_nothing_goes_up_whatever_happens() -> None:
    plan = [reported(1, way("aggregates")), reported(2, way("on_request"), PointKind.BINARY)]
    reporting = Reporting([point(1), point(2, PointKind.BINARY), point(3)], plan)
    batch = samples([(1, T0, 5.0, 0), (2, T0, 1.0, 0), (3, T0, 5.0, 0), (1, T0 + S, 99.0, BAD), (2, T0 + S, 0.0, BAD)])
    assert reporting.select(batch).point.tolist() == [3]


def test_of_a_state_every_change_goes_up_and_its_own_time_with_it() -> None:
    reporting = Reporting([point(1, PointKind.BINARY)])
    device_time = int(Quality.DEVICE_TIME)
    batch = samples([(1, T0 + at, float(at % 2), device_time) for at in range(6)])
    assert rows(reporting.select(batch)) == rows(batch)


def test_a_percent_band_grows_with_the_value_and_is_no_less_than_the_deadband() -> None:
    plan = [reported(1, way(deadband=0.5, percent=10))]
    reporting = Reporting([point(1)], plan)
    assert told(reporting, [100, 109, 111, 100, 99, 0, 0.4, -0.4, 0.6]) == [100, 111, 99, 0, 0.6]


def test_bands_and_doors_side_by_side_keep_the_order_of_samples() -> None:
    door = PointReporting(
        report="exceptions", deadband=0.0, max_silence_s=60.0, door=SwingingDoor(deviation=1.0, max_interval_s=60.0)
    )
    reporting = Reporting([point(1), point(2)], [reported(1, door)])
    reporting.select(samples([(1, T0, 0.0, 0), (2, T0, 0.0, 0), (1, T0 + S, 0.0, 0)]))
    chosen = reporting.select(samples([(2, T0 + S, 7.0, 0), (1, T0 + 2 * S, 9.0, 0), (2, T0 + 2 * S, 8.0, 0)]))
    assert [row[:2] for row in rows(chosen)] == [(2, T0 + S), (1, T0 + S), (2, T0 + 2 * S)]
    assert not len(reporting.tick(Now(0.0, 0)))


def test_bursts_of_many_points_give_what_single_samples_give() -> None:
    rng = np.random.default_rng(2)
    count, length = 40, 25
    whole = Samples(
        np.tile(np.arange(count, dtype=np.uint32), length),
        T0 + np.repeat(np.arange(length), count) * S,
        np.cumsum(rng.normal(0, 1, (length, count)), axis=0).ravel(),
        rng.choice(np.array([0, 0, 0, BAD], np.uint16), count * length),
    )
    whole = Samples.concatenate([whole, whole.take(whole.point < 3)])  # some points more often than others
    points = [point(number) for number in range(count)]
    plan = [reported(number, way(deadband=1.5)) for number in range(count)]
    together, apart = Reporting(points, plan), Reporting(points, plan)
    singles = [rows(apart.select(whole.take(slice(at, at + 1)))) for at in range(len(whole))]
    assert rows(together.select(whole)) == [row for single in singles for row in single]


def test_what_follows_from_a_point_column_is_worked_out_once_and_for_columns_of_the_same_ends_apart() -> None:
    asked: list[list[int]] = []

    def total(column: np.ndarray) -> int:
        asked.append(column.tolist())
        return int(column.sum())

    memo = Memo(total)
    for column, expected in (([1, 2, 9], 12), ([1, 3, 9], 13), ([1, 3, 9], 13), ([1, 2, 9], 12)):
        assert memo.of(np.array(column, np.uint32)) == expected
    assert asked == [[1, 2, 9], [1, 3, 9], [1, 2, 9]]


def test_a_column_that_is_changed_afterwards_is_another_one() -> None:
    memo = Memo(lambda column: int(column.sum()))
    column = np.array([1, 2, 3], np.uint32)
    assert memo.of(column) == 6
    column[1] = 5
    assert memo.of(column) == 9


def test_what_is_remembered_of_columns_is_bounded() -> None:
    asked: list[int] = []
    memo = Memo(lambda column: asked.append(len(column)))
    big = [np.full(60_000, number, np.uint32) for number in range(5)]
    for column in [*big, big[4], big[0]]:
        memo.of(column)
    assert len(asked) == 6
