"""The site's own history within the disk that it may take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tieline.historian import FILE_NAME, Historian, Retention
from tieline.historian.schema import DAY_US
from tieline.model import Batch, Samples

NOON = int(datetime(2026, 1, 10, 12, tzinfo=UTC).timestamp()) * 1_000_000
MB = 1_000_000


def noise(first_us: int, last_us: int, rows: int, seed: int) -> Samples:
    """Samples that do not compress."""
    rng = np.random.default_rng(seed)
    return Samples.of(rng.integers(0, 50, rows), np.sort(rng.integers(first_us, last_us, rows)), rng.standard_normal(rows), 0)


def opened(folder: Path, clock: list[int], *, mb: int, days: int = 7) -> Historian:
    retention = Retention(lake_after_days=0, delete_after_days=days, most_mb=mb)
    return Historian.open(folder / FILE_NAME, lake=folder / "lake", retention=retention, clock=lambda: clock[0], memory_mb=256)


def oldest(historian: Historian) -> int:
    with historian.reader() as reader:
        return int(reader.query("SELECT epoch_us(min(time)) AS t FROM samples").read_all()["t"][0].as_py())


def test_the_oldest_days_go_first_where_the_disk_is_short(tmp_path: Path) -> None:
    clock = [NOON]
    with opened(tmp_path, clock, mb=32) as historian:
        for day in range(9):
            clock[0] = NOON + day * DAY_US
            begin = clock[0] - DAY_US // 4
            historian.commit([Batch(site="x", incarnation=1, sequence=day + 1, samples=noise(begin, clock[0], 200_000, day))])
            historian.maintain(fully=True)
            assert historian.size() <= 32 * MB
        assert oldest(historian) >= NOON + 2 * DAY_US - DAY_US // 4
        with historian.reader() as reader:
            days = reader.query("SELECT DISTINCT time::DATE AS day FROM samples").read_all()
        assert len(days) >= 3


def test_a_day_too_large_by_itself_loses_its_oldest_hours(tmp_path: Path) -> None:
    clock = [NOON]
    with opened(tmp_path, clock, mb=32) as historian:
        begin = NOON - DAY_US // 4
        for part in range(24):
            first = begin + part * DAY_US // 96
            samples = noise(first, first + DAY_US // 96, 60_000, part)
            historian.commit([Batch(site="x", incarnation=1, sequence=part + 1, samples=samples)])
            historian.maintain(fully=True)
            assert historian.size() <= 32 * MB
        assert oldest(historian) > begin + DAY_US // 24
        with historian.reader() as reader:
            newest = reader.query("SELECT epoch_us(max(time)) AS t FROM samples").read_all()["t"][0].as_py()
            assert newest > NOON - DAY_US // 480
            trend = reader.history(list(range(50)), NOON - DAY_US // 48, NOON, 10)
        assert sum(trend["count"].to_pylist()) > 50_000


def test_the_oldest_goes_too_where_the_disk_itself_is_short(tmp_path: Path) -> None:
    clock = [NOON]
    retention = Retention(lake_after_days=0, most_mb=1_000, reserve_mb=10**9)  # no disk has so much free
    with Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake", retention=retention, clock=lambda: clock[0]) as historian:
        for day in range(3):
            clock[0] = NOON + day * DAY_US
            samples = noise(clock[0] - DAY_US // 4, clock[0], 50_000, day)
            historian.commit([Batch(site="x", incarnation=1, sequence=day + 1, samples=samples)])
            historian.maintain(fully=True)
        assert oldest(historian) > NOON + 2 * DAY_US - DAY_US // 4  # of the newest day, something


def test_whole_days_are_kept_as_many_as_asked_for(tmp_path: Path) -> None:
    clock = [NOON]
    with opened(tmp_path, clock, mb=1_000, days=3) as historian:
        for day in range(8):
            clock[0] = NOON + day * DAY_US
            historian.commit(
                [Batch(site="x", incarnation=1, sequence=day + 1, samples=noise(clock[0] - 1000, clock[0], 100, day))]
            )
            historian.maintain(fully=True)
        with historian.reader() as reader:
            days = reader.query("SELECT DISTINCT time::DATE AS day FROM samples").read_all()
        assert len(days) == 4  # three whole days, and today
