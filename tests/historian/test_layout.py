"""However samples are kept (tail, body, lake), every question has the same answer as on a plain list."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.historian.conftest import DAY, HOUR, MINUTE, NOW, POINTS, batch, count, rows_of
from tieline.historian import FILE_NAME, Historian, Retention
from tieline.historian.lake import Lake
from tieline.historian.schema import QUARTER_US
from tieline.model import Batch, Quality, Samples, UnavailableError, severity

Open = Callable[..., Historian]
TODAY = NOW // DAY * DAY


def at(sequence: int, *times: int, value: float = 1.0) -> Batch:
    return Batch(site="s", incarnation=1, sequence=sequence, samples=Samples.of(1, list(times), value))


def parts(historian: Historian) -> list[str]:
    return sorted(part.name.rstrip("0123456789") for part in historian._catalog.parts)


def test_a_full_tail_is_compacted_into_the_body_of_its_day(opened: Open) -> None:
    historian = opened(seal_rows=15)
    historian.commit([batch(1)])
    assert historian.maintain().compacted_rows == 0
    historian.commit([batch(2)])
    assert historian.maintain().compacted_rows == 20
    assert parts(historian) == ["body_20241004_", "tail_"]
    assert count(historian) == 20


def test_bodies_are_merged_when_they_are_ragged(opened: Open) -> None:
    historian = opened(seal_rows=10)
    for number in range(1, 6):
        historian.commit([batch(number)])
        historian.maintain()
    (body,) = [part for part in historian._catalog.parts if part.kind == "body"]
    assert (body.rows, body.runs) == (50, 2)
    historian.maintain(fully=True)
    (body,) = [part for part in historian._catalog.parts if part.kind == "body"]
    assert (body.rows, body.runs, body.sorted) == (50, 1, 50)
    scan = historian._writer.execute(f"SELECT point, epoch_us(time) AS time FROM store.{body.name}").fetchnumpy()
    assert (np.lexsort((scan["time"], scan["point"])) == np.arange(50)).all()


def test_a_broken_clock_makes_no_table_for_each_day(historian: Historian) -> None:
    historian.commit([at(1, *(TODAY - days * DAY for days in range(1, 200)))])
    historian.commit([batch(2, rows=4000)])
    historian.maintain(fully=True)
    assert parts(historian) == ["body_20241004_", "tail_"]
    assert len({file.day for file in historian._catalog.files}) == 199
    assert count(historian) == 4199


def test_closed_days_move_to_the_lake(historian: Historian) -> None:
    historian.commit([at(1, TODAY, TODAY - DAY, TODAY - DAY - 1, TODAY - 2 * DAY)])
    assert historian.maintain(fully=True).moved_rows == 2
    assert {file.day.isoformat() for file in historian._catalog.files} == {"2024-10-02"}
    assert count(historian) == 4


def test_the_lake_is_an_open_table_sorted_by_point_and_time(historian: Historian, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    points = random.integers(1, 2**32, 300)
    samples = Samples.of(points, TODAY - 3 * DAY + random.integers(0, DAY, 300), 1.5, 3)
    historian.commit([Batch(site="s", incarnation=1, sequence=1, samples=samples)])
    historian.maintain(fully=True)
    table = DeltaTable(str(tmp_path / "lake"))
    assert table.metadata().partition_columns == ["day"]
    (file,) = historian._catalog.files
    held = pq.ParquetFile(file.path)
    assert held.metadata.row_group(0).column(0).compression == "ZSTD"
    columns = held.read()
    assert columns.column_names == ["point", "time", "value", "quality"]
    order = np.lexsort((columns["time"].to_numpy(), columns["point"].to_numpy()))
    assert (order == np.arange(300)).all()
    assert sorted(columns["point"].to_pylist()) == sorted(points.tolist())


def test_late_samples_of_a_moved_day_follow_it(historian: Historian, clock: Callable[[], int]) -> None:
    historian.commit([at(1, TODAY - 3 * DAY)])
    historian.maintain(fully=True)
    historian.commit([at(2, TODAY - 3 * DAY + 1)])
    assert historian.maintain(fully=True).moved_rows == 0
    assert count(historian) == 2
    clock.now += DAY  # type: ignore[attr-defined]
    assert historian.maintain(fully=True).moved_rows == 1
    assert count(historian) == 2


class Killed(BaseException):
    """Stands for the process's end at this instruction."""


@pytest.mark.parametrize("moment", ["before the append", "after the append"])
def test_a_move_that_is_cut_off_neither_loses_nor_doubles(opened: Open, moment: str) -> None:
    historian = opened()
    historian.commit([at(1, *(TODAY - 3 * DAY + second * 1_000_000 for second in range(100)))])
    append = Lake.append

    def killed(self: Lake, move: int, rows: object) -> None:
        if moment == "after the append":
            append(self, move, rows)  # type: ignore[arg-type]
        raise Killed

    with patch.object(Lake, "append", killed), pytest.raises(Killed):
        historian.maintain(fully=True)
    assert count(historian) == 100
    historian = opened()
    assert count(historian) == 100
    historian.maintain(fully=True)
    assert count(historian) == 100
    assert sum(file.rows for file in historian._catalog.files) == 100
    assert parts(historian) == ["tail_"]


def test_a_lake_that_cannot_be_written_is_no_loss(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("in the way")
    historian = opened()
    historian.commit([at(1, TODAY - 3 * DAY)])
    with pytest.raises(UnavailableError, match="lake"):
        historian.maintain(fully=True)
    assert count(historian) == 1
    (tmp_path / "lake").unlink()
    assert historian.maintain(fully=True).moved_rows == 1
    assert count(historian) == 1


def test_a_lake_that_another_engine_optimizes_is_followed(historian: Historian, clock: Callable[[], int], tmp_path: Path) -> None:
    for number in range(1, 4):
        historian.commit([at(number, TODAY - 5 * DAY + number)])
        historian.maintain(fully=True)
        clock.now += DAY  # type: ignore[attr-defined]
    table = DeltaTable(str(tmp_path / "lake"))
    assert len(table.file_uris()) == 3
    table.optimize.compact()
    historian.maintain(fully=True)
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert len(historian._catalog.files) == 1
    assert count(historian) == 3


def test_a_folder_moved_elsewhere_finds_its_lake(opened: Open, tmp_path: Path, clock: Callable[[], int]) -> None:
    historian = opened()
    historian.commit([at(1, TODAY - 3 * DAY)])
    historian.maintain(fully=True)
    historian.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (FILE_NAME, "lake"):
        shutil.move(tmp_path / name, elsewhere / name)
    with Historian.open(elsewhere / FILE_NAME, lake=elsewhere / "lake", clock=clock) as moved:
        assert count(moved) == 1


def test_expired_days_are_deleted_everywhere(historian: Historian, opened: Open, clock: Callable[[], int]) -> None:
    historian = opened(retention=Retention(lake_after_days=2, delete_after_days=4))
    historian.commit([at(1, *(TODAY - days * DAY for days in range(8))), batch(2, TODAY - 6 * DAY, events=1)])
    assert count(historian) == 18
    historian.maintain(fully=True)
    assert count(historian) == 5
    assert rows_of(historian, "SELECT count(*) FROM events") == [(0,)]
    assert rows_of(historian, "SELECT sum(count)::INTEGER FROM rollup") == [(5,)]
    clock.now += 100 * DAY  # type: ignore[attr-defined]
    historian.maintain()
    assert count(opened()) == 0
    assert rows_of(opened(), "SELECT sum(count)::INTEGER FROM rollup") == [(None,)]


def test_newest_is_right_wherever_the_samples_are(historian: Historian) -> None:
    def newest() -> list[tuple[object, ...]]:
        return rows_of(historian, "SELECT point, value FROM newest")

    historian.commit([at(1, NOW, value=1.0)])
    assert newest() == [("point-1", 1.0)]
    historian.maintain(fully=True)
    historian.commit([at(2, NOW - 1, value=2.0)])
    assert newest() == [("point-1", 1.0)]
    historian.commit([at(3, NOW + 1, value=3.0)])
    assert newest() == [("point-1", 3.0)]
    historian.maintain(fully=True)
    assert newest() == [("point-1", 3.0)]


def test_care_runs_by_itself_when_the_tail_is_full(opened: Open) -> None:
    historian = opened(seal_rows=5)
    historian.start_care(period_s=3600)
    historian.commit([batch(1)])
    with historian._care_lock:
        pass
    while not any(part.kind == "body" for part in historian._catalog.parts):
        pass
    assert count(historian) == 10


Action = tuple[str, Sequence[tuple[int, int, float, int]]]

sample = st.tuples(
    st.integers(1, 4),
    st.one_of(st.integers(-5 * DAY, HOUR), st.integers(-HOUR, HOUR)),
    st.sampled_from([0.0, 1.5, -2.0, 1e9, float("nan"), float("inf")]),
    st.sampled_from([0, int(Quality.INVALID), int(Quality.QUESTIONABLE | Quality.OLD_DATA)]),
)
actions = st.lists(
    st.tuples(st.sampled_from(["commit", "commit", "seal", "care", "reopen", "tomorrow"]), st.lists(sample, max_size=12)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions)
def test_any_interleaving_of_care_shows_the_plain_list(done: list[Action]) -> None:
    folder = Path(tempfile.mkdtemp())
    now = [NOW]

    def open_it() -> Historian:
        return Historian.open(folder / FILE_NAME, lake=folder / "lake", points=POINTS, clock=lambda: now[0], seal_rows=8)

    plain: list[tuple[int, int, float, int]] = []
    historian = open_it()
    try:
        for number, (what, samples) in enumerate(done, 1):
            match what:
                case "commit":
                    rows = [(point, NOW + time, value, quality) for point, time, value, quality in samples]
                    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
                    historian.commit([Batch(site="s", incarnation=1, sequence=number, samples=Samples.of(*columns))])
                    plain += rows
                case "seal":
                    historian.maintain(fully=True)
                case "care":
                    historian.maintain()
                case "reopen":
                    historian.close()
                    historian = open_it()
                case "tomorrow":
                    now[0] += DAY
            check(historian, plain)
    finally:
        historian.close()
        shutil.rmtree(folder)


def check(historian: Historian, plain: list[tuple[int, int, float, int]]) -> None:
    names = {point.name: point.id for point in POINTS}
    found = rows_of(historian, "SELECT point, epoch_us(time), value, quality FROM samples")
    assert ordered((names[str(row[0])], *row[1:]) for row in found) == ordered(plain)
    start, end = NOW - 2 * DAY, NOW + 2 * HOUR
    wanted = [row for row in plain if start <= row[1] < end]
    with historian.reader() as reader:
        for _ in range(3):  # from the file, then from memory
            table = reader.samples([1, 2, 3, 4], start, end)
            got = zip(*(column.to_pylist() for column in table.columns), strict=True)
            assert ordered((point, int(time.timestamp() * 1e6 + 0.5), value, quality) for point, time, value, quality in got) == (
                ordered(wanted)
            )
            for buckets in (3, 50, 700):
                table = reader.history([1, 2, 3, 4], start, end, buckets)
                compare(table.to_pylist(), plain, start, end, buckets)
    quarters = rows_of(historian, "SELECT point, epoch_us(time), min, max, count, severity FROM quarter_hours")
    expected = banded(plain, 0, QUARTER_US)
    assert {(names[str(row[0])], row[1]): row[2:] for row in quarters} == {key: band[:4] for key, band in expected.items()}


def ordered(rows: object) -> list[str]:
    return sorted(map(repr, rows))  # type: ignore[call-overload]


def banded(rows: list[tuple[int, int, float, int]], start: int, width: int) -> dict[tuple[int, int], tuple[object, ...]]:
    grouped: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for point, time, value, quality in rows:
        grouped.setdefault((point, start + (time - start) // width * width), []).append((value, quality))
    bands = {}
    for key, held in grouped.items():
        values = [value for value, _ in held if np.isfinite(value)]
        worst = int(severity(np.array([quality for _, quality in held], np.uint16)).max())
        mean = sum(values) / len(values) if values else None
        bands[key] = (min(values, default=None), max(values, default=None), len(values), worst, mean)
    return bands


def compare(table: list[dict[str, object]], plain: list[tuple[int, int, float, int]], start: int, end: int, buckets: int) -> None:
    width = -(-(end - start) // buckets)
    if width >= QUARTER_US:
        start, end = start // QUARTER_US * QUARTER_US, -(-end // QUARTER_US) * QUARTER_US
        width = -(-(end - start) // (buckets * QUARTER_US)) * QUARTER_US
    expected = banded([row for row in plain if start <= row[1] < end], start, width)
    found = {}
    for row in table:
        key = row["point"], int(row["time"].timestamp() * 1e6 + 0.5)  # type: ignore[attr-defined]
        found[key] = (row["min"], row["max"], row["count"], row["severity"], row["mean"])
    assert found.keys() == expected.keys()
    for key, band in found.items():
        assert band[:4] == expected[key][:4]
        assert band[4] == pytest.approx(expected[key][4])
    assert [(row["point"], row["time"]) for row in table] == sorted((row["point"], row["time"]) for row in table)  # type: ignore[type-var]
    assert MINUTE
