"""Fetching from a site's own history: the walk through it, and what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tieline.bus.fetching import FetchRequest, decode_fetch_answer, decode_fetch_request, encode_fetch
from tieline.cli.fetch import find
from tieline.cli.run import historian_folder
from tieline.historian import FILE_NAME, Historian
from tieline.historian.fetching import answer_one
from tieline.model import Batch, ConfigError, Point, PointId, PointKind, RemoteError, Samples, UnavailableError

HOUR_US = 3_600_000_000
START = 1_795_000_000_000_000


@pytest.fixture
def historian(tmp_path: Path) -> Iterator[Historian]:
    with Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake", clock=lambda: START + 30 * HOUR_US) as opened:
        yield opened


def walk(historian: Historian, points: list[int], start_us: int, end_us: int, most: int) -> tuple[Samples, int]:
    """Everything, asked for as the center does, over the wire's own encoding; and how many questions it took."""
    parts, after, questions = [], None, 0
    while True:
        request = FetchRequest(points=points, start_us=start_us, end_us=end_us, after=after, most=most)
        answer = decode_fetch_answer(encode_fetch(answer_one(historian, decode_fetch_request(encode_fetch(request)))))
        parts.append(answer.samples)
        questions += 1
        if answer.after is None:
            return Samples.concatenate(parts), questions
        assert after is None or answer.after > after
        after = answer.after


def rows(samples: Samples) -> list[tuple[int, int, float, int]]:
    columns = (samples.time, samples.point, samples.value, samples.quality)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("most", [1, 3, 7, 500, 20_000])
def test_a_walk_finds_every_sample_once_whatever_the_size_of_its_steps(historian: Historian, most: int) -> None:
    rng = np.random.default_rng(most)
    count = 120 if most < 100 else 4_000
    # Gaps of hours, many points at one time, and some samples with one time and point.
    time = START + rng.choice([0, HOUR_US, 9 * HOUR_US, 27 * HOUR_US], count) + rng.integers(0, 5, count) * 1_000
    samples = Samples.of(rng.integers(1, 6, count), time, np.arange(count), rng.integers(0, 3, count))
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=samples)])
    historian.maintain(fully=True)
    found, _ = walk(historian, [1, 2, 4], START + 1_000, START + 28 * HOUR_US, most)
    expected = samples.take(np.isin(samples.point, [1, 2, 4]) & (samples.time >= START + 1_000))
    assert rows(found) == rows(expected)
    assert np.all(np.diff(found.time) >= 0)


def test_a_walk_goes_on_where_the_last_answer_ended_and_no_place_is_split(historian: Historian) -> None:
    samples = Samples.of([1, 2, 3, 1, 2, 3], START + np.array([0, 0, 0, 1, 1, 1]), [1, 2, 3, 4, 5, 6])
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=samples)])
    first = answer_one(historian, FetchRequest(points=[1, 2, 3], start_us=START, end_us=START + 2, most=2))
    assert rows(first.samples) == rows(samples)[:2]
    assert first.after == (START, 2)
    found, questions = walk(historian, [1, 2, 3], START, START + 2, 2)
    assert rows(found) == rows(samples)
    assert questions == 3


def test_an_empty_history_and_an_empty_range_end_at_once(historian: Historian) -> None:
    assert answer_one(historian, FetchRequest(points=[1], start_us=0, end_us=START)).kept is None
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of([1, 1], [START, START + 9], [1, 2]))])
    answer = answer_one(historian, FetchRequest(points=[1], start_us=0, end_us=START))
    assert (len(answer.samples), answer.after, answer.kept) == (0, None, (START, START + 9))


@pytest.mark.parametrize(
    "payload", [b"", b"\x00", b"nonsense", encode_fetch(FetchRequest(points=[1], start_us=1, end_us=2, most=0))]
)
def test_a_message_that_asks_for_nothing_sensible_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteError, match="is not a question for samples"):
        decode_fetch_request(payload)


def test_an_answer_that_says_what_is_wrong_is_an_error() -> None:
    from tieline.bus.fetching import FetchAnswer

    with pytest.raises(RemoteError, match="the disk is gone"):
        decode_fetch_answer(encode_fetch(FetchAnswer(error="the disk is gone")))
    with pytest.raises(RemoteError, match="update the older side"):
        decode_fetch_answer(encode_fetch(FetchAnswer(version=9)))
    with pytest.raises(RemoteError, match="makes no sense"):
        _ = FetchAnswer(point=b"\0\0\0\0", time=b"\0").samples


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = historian_folder(tmp_path)
    folder.mkdir(parents=True)
    names = [("north", "rtu-1", "p"), ("north", "rtu-1", "q"), ("north", "calc", "sum"), ("south", "rtu-1", "p")]
    points = [
        Point(id=PointId(number), site=site, device=device, name=name, kind=PointKind.ANALOG)
        for number, (site, device, name) in enumerate(names, 1)
    ]
    with Historian.open(folder / FILE_NAME, lake=folder / "lake", points=points):
        pass
    return tmp_path


def test_points_are_found_by_name_and_pattern(data: Path) -> None:
    assert set(find(data, "north", "rtu-1/*", "-1h", "now").paths) == {1, 2}
    assert find(data, "north", "calc/sum, north/rtu-1/p", "-1h", "now").paths == {3: "north/calc/sum", 1: "north/rtu-1/p"}
    wanted = find(data, "south", "*", "2026-01-01T00:00:00Z", "2026-01-02")
    assert wanted.end_us - wanted.start_us == 24 * HOUR_US


@pytest.mark.parametrize(
    ("site", "points", "start", "end", "said"),
    [
        ("nort", "*", "-1h", "now", "there is no site 'nort'; did you mean north?"),
        ("north", "rtu-1/pp", "-1h", "now", "north has no point 'rtu-1/pp'; did you mean rtu-1/p?"),
        ("north", "rtu-9/*,rtu-1/p", "-1h", "now", "north has no point 'rtu-9/*'"),
        ("north", ",", "-1h", "now", "name at least one point"),
        ("north", "*", "yesterday", "now", "'yesterday' is no time"),
        ("north", "*", "now", "-1h", "the earlier time comes first"),
    ],
)
def test_what_is_not_there_is_named_with_what_is_close(
    data: Path, site: str, points: str, start: str, end: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        find(data, site, points, start, end)
    assert said in str(caught.value)


def test_without_a_center_it_says_where_to_fetch(data: Path, tmp_path: Path) -> None:
    from tieline.cli.fetch import run

    with pytest.raises(UnavailableError, match="no center runs with"):
        run("north", "rtu-1/p", "-1h", "now", data, "csv", tmp_path / "out.csv", store=False)
    assert not (tmp_path / "out.csv").exists()
