"""The process image: what is newest, whatever order and clocks do."""

from __future__ import annotations

import numpy as np
import pytest

from tieline.edge.image import NEVER, ProcessImage
from tieline.model import Point, PointId, PointKind, Quality, Samples

S = 1_000_000
HOUR = 3600 * S
T = 1_790_000_000 * S
DEVICE = int(Quality.DEVICE_TIME)


def point(number: int) -> Point:
    return Point(id=PointId(number), site="north", device="rtu", name=f"p{number}", kind=PointKind.ANALOG)


@pytest.fixture
def image() -> ProcessImage:
    return ProcessImage([point(number) for number in (7, 3, 5)])


def test_nothing_is_known_at_first(image: ProcessImage) -> None:
    assert image.id.tolist() == [3, 5, 7]
    assert image.quality.tolist() == [NEVER] * 3
    assert np.isnan(image.value).all()
    assert len(image.newest()) == 0


def test_the_last_of_a_batch_is_the_newest(image: ProcessImage) -> None:
    assert image.update(Samples.of([7, 3, 7], [T, T, T + 1], [1, 2, 3], 0)).tolist() == [2, 0, 2]
    newest = image.newest()
    assert newest.point.tolist() == [3, 7]
    assert newest.value.tolist() == [2, 3]


def test_a_late_event_of_a_device_stays_out(image: ProcessImage) -> None:
    image.update(Samples.of(3, T, 1.0, DEVICE))
    image.update(Samples.of([3, 5], [T - 30 * S, T - 30 * S], [2.0, 4.0], DEVICE))
    assert image.value[:2].tolist() == [1, 4]


def test_a_late_event_of_a_device_stays_out_of_its_own_batch_too(image: ProcessImage) -> None:
    late = [(3, T, 1.0), (5, T, 7.0), (3, T - 30 * S, 2.0), (3, T - 20 * S, 3.0)]
    rows = image.update(Samples.of(*(list(column) for column in zip(*late, strict=True)), DEVICE))
    assert rows.tolist() == [0, 1, 0, 0]
    assert (image.value[:2].tolist(), image.time[:2].tolist()) == ([1, 7], [T, T])


@pytest.mark.parametrize("quality", [0, DEVICE])
def test_a_clock_that_was_far_ahead_blocks_nothing(image: ProcessImage, quality: int) -> None:
    image.update(Samples.of(3, T + 100 * 24 * HOUR, 1.0, quality))
    image.update(Samples.of(3, T, 2.0, quality))
    assert (image.value[0], image.time[0]) == (2, T)


def test_a_gateway_whose_clock_steps_back_goes_on(image: ProcessImage) -> None:
    image.update(Samples.of(3, T, 1.0))
    image.update(Samples.of(3, T - 5 * S, 2.0))
    assert (image.value[0], image.time[0]) == (2, T - 5 * S)


def test_a_point_of_another_site_is_refused(image: ProcessImage) -> None:
    for number in (4, 8):
        with pytest.raises(ValueError, match="this site does not have"):
            image.update(Samples.of([3, number], T, 1.0))
    with pytest.raises(ValueError, match="this site does not have"):
        ProcessImage([]).update(Samples.of(3, T, 1.0))
