from __future__ import annotations

import numpy as np
import pytest

from tieline.model import Point, PointKind, Quality, Samples, derive_point_id, in_words, is_good, severity


def test_samples_share_memory_with_arrow_both_ways() -> None:
    samples = Samples.of([1, 2, 3], [10, 20, 30], [0.5, np.nan, -1.5], [0, Quality.INVALID, 0])
    batch = samples.to_arrow()
    back = Samples.from_arrow(batch)
    for name in ("point", "time", "value", "quality"):
        assert np.array_equal(getattr(samples, name), getattr(back, name), equal_nan=name == "value")
        assert np.shares_memory(getattr(samples, name), getattr(back, name))


def test_samples_of_other_columns_are_refused() -> None:
    batch = Samples.empty().to_arrow()
    with pytest.raises(ValueError, match="expected the columns"):
        Samples.from_arrow(batch.select(["point", "time"]))


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Samples(np.zeros(1, np.uint32), np.zeros(2, np.int64), np.zeros(1), np.zeros(1, np.uint16))


def test_concatenating_nothing_gives_no_samples() -> None:
    assert len(Samples.concatenate([])) == 0


def test_time_bits_do_not_make_a_value_bad() -> None:
    quality = np.array([0, Quality.DEVICE_TIME, Quality.QUESTIONABLE, Quality.INVALID, Quality.RESERVED], dtype=np.uint16)
    assert is_good(quality).tolist() == [True, True, False, False, False]
    assert severity(quality).tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (Quality.GOOD, "good"),
        (Quality.DEVICE_TIME, "good"),
        (Quality.INVALID | Quality.OLD_DATA, "invalid, old data"),
        (Quality.QUESTIONABLE | Quality.OUT_OF_RANGE | Quality.DEVICE_TIME, "questionable, out of range"),
    ],
)
def test_quality_in_words(quality: Quality, words: str) -> None:
    assert in_words(int(quality)) == words


def test_the_id_of_a_path_never_changes() -> None:
    assert derive_point_id("northgate/rtu-1/f1-p") == 0xE3526BC9
    point = Point(id=derive_point_id("a/b/c"), site="a", device="b", name="c", kind=PointKind.ANALOG)
    assert point.path == "a/b/c"
