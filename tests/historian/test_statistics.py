"""Statistics of a range are those that SQL finds over the raw samples, wherever these lie."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from tieline.historian import Historian
from tieline.historian.pieces import MOST_ROWS, Pieces
from tieline.model import Batch, Quality, Samples

from .conftest import DAY, HOUR, MINUTE, NOW, FakeClock

HOLD = 90_000_000
SQL = """
WITH raw AS (
    SELECT p.id AS point, epoch_us(s.time) AS t, s.value AS v, s.quality & 3 AS validity
    FROM samples s JOIN points p ON p.site = s.site AND p.device = s.device AND p.name = s.point
    WHERE p.id IN (1, 2, 3) AND s.time >= make_timestamptz($1 - $3) AND s.time < make_timestamptz($2)
), held AS (
    SELECT *, least(lead(t, 1, $2) OVER (PARTITION BY point ORDER BY t), t + $3, $2) - greatest(t, $1) AS raw_weight,
        isfinite(v) AND validity IN (0, 3) AS usable
    FROM raw
), weighed AS (SELECT *, CASE WHEN usable THEN greatest(raw_weight, 0) ELSE 0 END AS w FROM held),
means AS (SELECT point, sum(CASE WHEN w > 0 THEN w * v END) / sum(w) AS mean FROM weighed GROUP BY point)
SELECT point, count(*) FILTER (t >= $1) AS samples, min(v) FILTER (usable AND t >= $1) AS min,
    max(v) FILTER (usable AND t >= $1) AS max, arg_min(t, v) FILTER (usable AND t >= $1) AS min_time,
    arg_max(t, v) FILTER (usable AND t >= $1) AS max_time, any_value(mean) AS mean,
    sqrt(sum(CASE WHEN w > 0 THEN w * (v - mean) ** 2 END) / sum(w)) AS deviation,
    sum(CASE WHEN w > 0 THEN w * v END) / 3600e6 AS integral, sum(w)::BIGINT AS covered,
    coalesce(sum(w) FILTER (validity = 0), 0)::BIGINT AS good
FROM weighed JOIN means USING (point) GROUP BY point ORDER BY point
"""


def fill(historian: Historian, clock: FakeClock) -> None:
    """Three days of three points by exception: gaps, invalid values and none, values at odd moments."""
    random = np.random.default_rng(7)
    for day in range(3):
        clock.now = NOW - (2 - day) * DAY
        count = 6_000
        point = random.integers(1, 4, count)
        time = np.sort(random.choice(np.arange(clock.now - 12 * HOUR, clock.now, 1_000), count, replace=False))
        time = time[(time // HOUR) % 7 != 3]
        point = point[: len(time)]
        value = 50 + random.normal(0, 0.01, len(time)) + 1_000 * (point == 2)
        value[random.random(len(time)) < 0.02] = np.nan
        quality = random.choice([0, 0, 0, Quality.QUESTIONABLE, Quality.INVALID | Quality.OLD_DATA], len(time))
        historian.commit([Batch(site="x", incarnation=1, sequence=day + 1, samples=Samples.of(point, time, value, quality))])
        if day < 2:
            historian.maintain(fully=True)


@pytest.mark.parametrize("memory_mb", [None, 64])
def test_statistics_over_lake_body_and_tail_are_those_of_sql(
    opened: Callable[..., Historian], clock: FakeClock, memory_mb: int | None
) -> None:
    historian = opened(memory_mb=memory_mb)
    fill(historian, clock)
    clock.now = NOW
    historian.maintain()
    assert {part.kind for part in historian._seen().parts} == {"body", "tail"}
    assert historian._seen().files
    with historian.reader() as reader:
        for start, end in ((NOW - 3 * DAY, NOW), (NOW - 2 * DAY - 17 * MINUTE - 3, NOW - HOUR - 7), (NOW - 65 * MINUTE, NOW)):
            found = reader.statistics([3, 1, 2], start, end, [HOLD] * 3).to_pydict()
            expected = reader.query(SQL, [start, end, HOLD]).read_all().to_pydict()
            assert found["point"] == expected["point"] == [1, 2, 3]
            assert found["samples"] == expected["samples"]
            for name in ("min", "max", "covered", "good"):
                assert found[name] == expected[name], name
            for name in ("min_time", "max_time"):
                assert [round(time.timestamp() * 1e6) for time in found[name]] == expected[name], name
            for name in ("mean", "deviation", "integral"):
                assert found[name] == pytest.approx(expected[name], rel=1e-11), name


def test_a_value_holds_into_the_range_and_no_longer_than_its_point_may_be_silent(historian: Historian) -> None:
    times = [NOW - 30_000_000, NOW + 10_000_000, NOW + 200_000_000]
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of(1, times, [2.0, 4.0, 6.0]))])
    with historian.reader() as reader:
        row = reader.statistics([1], NOW, NOW + 210_000_000, [60_000_000]).to_pylist()[0]
    assert row["samples"] == 2
    assert row["covered"] == (10 + 60 + 10) * 1_000_000
    assert row["mean"] == pytest.approx((10 * 2 + 60 * 4 + 10 * 6) / 80)
    assert row["integral"] == pytest.approx((10 * 2 + 60 * 4 + 10 * 6) / 3_600)
    assert (row["min"], row["max"]) == (4.0, 6.0)


def test_a_point_without_a_value_has_no_statistics(historian: Historian) -> None:
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of([1, 1], [NOW, NOW + 1], np.nan))])
    with historian.reader() as reader:
        silent, broken = reader.statistics([2, 1], NOW, NOW + 10, [5, 5]).sort_by([("point", "descending")]).to_pylist()
    assert silent | broken == broken | {"point": 1}
    assert (silent["samples"], broken["samples"]) == (0, 2)
    assert {broken[name] for name in ("min", "max", "min_time", "mean", "deviation", "integral")} == {None}
    assert (broken["covered"], broken["good"]) == (0, 0)


def test_pieces_cover_a_range_and_keep_their_rows_bounded() -> None:
    pieces = Pieces(NOW - 30 * DAY, NOW)
    cut = []
    for start, end in pieces:
        cut.append((start, end))
        pieces.took((end - start) * 16 // 1_000_000)
    assert (cut[0][0], cut[-1][1]) == (NOW - 30 * DAY, NOW)
    assert all(one[1] == following[0] for one, following in pairwise(cut))
    assert max(end - start for start, end in cut) * 16 // 1_000_000 <= MOST_ROWS
    assert all(end // DAY - start // DAY <= 1 and (end % DAY == 0 or end // DAY == start // DAY) for start, end in cut[:-1])
