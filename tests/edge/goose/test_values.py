"""Messages to samples: which points, what value, how good, and when."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.protocols.goose.frames import GOCB_REF, T0_US, octets
from tieline.edge.goose import GooseBlock, GoosePoint
from tieline.edge.goose.quality import EXPIRED, NO_NUMBER, UNKNOWN_VALUE, qualities, time_qualities, worse
from tieline.edge.goose.values import EARLIEST_US, BlockValues
from tieline.model import PointId, Quality, Samples
from tieline.protocols.goose import (
    BitString,
    Boolean,
    Data,
    Expected,
    Float32,
    Float64,
    FrameReader,
    Structure,
    Trust,
    Unsigned,
    Update,
    UtcTime,
    VisibleString,
)

Q = Quality
EXPECTED = Expected(gocb_ref=GOCB_REF)
DEVICE = int(Q.DEVICE_TIME)
NOW_US = T0_US + 3_600_000_000

POSITION = GoosePoint(point=PointId(1), value=(0, 0), quality=(0, 1), time=(0, 2))
CURRENT = GoosePoint(point=PointId(2), value=(1,), quality=(2,), scale=0.001)
COUNT = GoosePoint(point=PointId(3), value=(3,))


class Bench:
    def __init__(self, *points: GoosePoint) -> None:
        self.values = BlockValues(GooseBlock(expected=EXPECTED, device="q01", points=points or (POSITION, CURRENT, COUNT)))
        self.reader = FrameReader()

    def update(
        self,
        position: int = 2,
        current: float = 100.0,
        count: int = 7,
        *,
        quality: int = 0,
        own: UtcTime | None = None,
        t: UtcTime | None = None,
        is_change: bool = True,
        trust: Trust = Trust.USABLE,
        simulation: bool = False,
    ) -> Update:
        t = t or UtcTime.of(T0_US)
        data: tuple[Data, ...] = (
            Structure((BitString(position, 2), BitString(quality, 13), own or t)),
            Float32(current),
            BitString(0, 13),
            Unsigned(count, 4),
        )
        return self.of(*data, t=t, is_change=is_change, trust=trust, simulation=simulation)

    def of(self, *data: Data, is_change: bool = True, trust: Trust = Trust.USABLE, **changes: object) -> Update:
        reading = self.reader.read(octets(*data, **changes))  # type: ignore[arg-type]
        return Update(EXPECTED, reading, trust, is_change)

    def take(self, *updates: Update, now_us: int = NOW_US) -> Samples:
        return self.values.take(updates, now_us)


def rows(samples: Samples) -> list[tuple[int, int, float, int]]:
    """Point, seconds since T0 in microseconds, value, quality."""
    columns = zip(samples.point.tolist(), samples.time.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True)
    return [(point, time - T0_US, value, quality) for point, time, value, quality in columns]


@pytest.mark.parametrize(
    ("bits", "quality"),
    [
        (0b00_00000000_0_0_0, Q.GOOD),
        (0b01_00000000_0_0_0, Q.INVALID),
        (0b11_00000000_0_0_0, Q.QUESTIONABLE),
        (0b11_10000000_0_0_0, Q.QUESTIONABLE | Q.OVERFLOW),
        (0b01_00001000_0_0_0, Q.INVALID | Q.FAILURE),
        (0b01_00000100_0_0_0, Q.INVALID | Q.OLD_DATA),
        (0b00_00000000_1_0_0, Q.SUBSTITUTED),
        (0b00_00000000_0_1_0, Q.TEST),
        (0b00_00000000_0_0_1, Q.OPERATOR_BLOCKED),
    ],
)
def test_quality_bits_are_read_from_the_left(bits: int, quality: Quality) -> None:
    assert qualities()[bits] == quality


def test_the_time_quality_octet_says_what_a_clock_is_worth() -> None:
    table = time_qualities()
    assert table[0x0A] == table[0x8A] == Q.DEVICE_TIME
    assert table[0x2A] == Q.DEVICE_TIME | Q.CLOCK_NOT_SYNCHRONIZED
    assert table[0x4A] == Q.DEVICE_TIME | Q.CLOCK_FAILURE


def test_of_two_qualities_the_worse_counts_and_every_detail() -> None:
    good, questionable, invalid = Q.SUBSTITUTED, Q.QUESTIONABLE | Q.OLD_DATA, Q.INVALID | Q.FAILURE
    pairs = [(good, questionable), (questionable, good), (questionable, invalid), (invalid, questionable), (good, good)]
    first, second = (np.array(column, np.uint16) for column in zip(*pairs, strict=True))
    wanted = [
        Q.QUESTIONABLE | Q.OLD_DATA | Q.SUBSTITUTED,
        Q.QUESTIONABLE | Q.OLD_DATA | Q.SUBSTITUTED,
        Q.INVALID | Q.OLD_DATA | Q.FAILURE,
        Q.INVALID | Q.OLD_DATA | Q.FAILURE,
        Q.SUBSTITUTED,
    ]
    assert worse(first, second).tolist() == wanted


def test_the_first_message_brings_every_point_with_the_gateways_time() -> None:
    samples = Bench().take(Bench().update(is_change=False))
    hour = 3_600_000_000
    assert rows(samples) == [(1, hour, 2.0, 0), (2, hour, pytest.approx(0.1), 0), (3, hour, 7.0, 0)]


def test_a_change_brings_the_points_that_changed_with_the_devices_time() -> None:
    bench = Bench()
    bench.take(bench.update(is_change=False), now_us=T0_US)
    opened = bench.update(1, own=UtcTime.of(T0_US + 500_000, 0x2A), t=UtcTime.of(T0_US + 500_100))
    counted = bench.update(1, own=UtcTime.of(T0_US + 500_000, 0x2A), count=8, t=UtcTime.of(T0_US + 600_000))
    assert rows(bench.take(opened, counted, now_us=T0_US + 700_000)) == [
        (1, 500_000, 1.0, DEVICE | Q.CLOCK_NOT_SYNCHRONIZED),
        (3, 600_000, 8.0, DEVICE),
    ]
    assert rows(bench.take(counted)) == []


def test_a_change_of_quality_is_one() -> None:
    bench = Bench()
    bench.take(bench.update(is_change=False), now_us=T0_US)
    bad = bench.update(quality=0b01_00001000_0_0_0, t=UtcTime.of(T0_US + 5))
    assert rows(bench.take(bad)) == [(1, 5, 2.0, DEVICE | Q.INVALID | Q.FAILURE)]


def test_a_pulse_within_one_batch_is_two_samples() -> None:
    bench = Bench()
    bench.take(bench.update(is_change=False), now_us=T0_US)
    pulse = [bench.update(position, t=UtcTime.of(T0_US + number)) for number, position in enumerate((1, 2), 1)]
    assert rows(bench.take(*pulse)) == [(1, 1, 1.0, DEVICE), (1, 2, 2.0, DEVICE)]


@pytest.mark.parametrize("us", [0, EARLIEST_US - 1, NOW_US + 86_400_000_001])
def test_a_time_that_makes_no_sense_is_not_believed(us: int) -> None:
    bench = Bench(POSITION)
    bench.take(bench.update(is_change=False), now_us=T0_US)
    ((_, time, _, quality),) = rows(bench.take(bench.update(1, t=UtcTime.of(us))))
    assert (time, quality) == (NOW_US - T0_US, Q.CLOCK_FAILURE)


def test_a_change_from_a_clock_that_is_behind_is_followed_by_its_value_now() -> None:
    bench = Bench(POSITION)
    bench.take(bench.update(is_change=False), now_us=T0_US)
    late = bench.update(1, t=UtcTime.of(T0_US - 60_000_000))
    assert rows(bench.take(late, now_us=T0_US + 9)) == [(1, -60_000_000, 1.0, DEVICE), (1, 9, 1.0, 0)]


def test_the_gateways_time_never_goes_back() -> None:
    bench = Bench(POSITION)
    bench.take(bench.update(is_change=False), now_us=T0_US + 100)
    assert rows(bench.values.expire(T0_US)) == [(1, 101, 2.0, EXPIRED)]
    bench.values.clock_stepped(T0_US - 1_000_000)
    assert rows(bench.values.expire(T0_US)) == [(1, 0, 2.0, EXPIRED)]


def test_what_expired_keeps_its_value_and_comes_back_whole() -> None:
    bench = Bench()
    assert [(point, math.isnan(value), quality) for point, _, value, quality in rows(bench.values.expire(T0_US))] == [
        (point, True, EXPIRED) for point in (1, 2, 3)
    ]
    bench.take(bench.update(is_change=False), now_us=T0_US + 1)
    assert [value for _, _, value, _ in rows(bench.values.expire(T0_US + 2))] == [2.0, pytest.approx(0.1), 7.0]
    assert bench.values.refresh(NOW_US).point.tolist() == []
    assert bench.take(bench.update(is_change=False)).point.tolist() == [1, 2, 3]


def test_living_values_are_repeated() -> None:
    bench = Bench()
    bench.take(bench.update(is_change=False), now_us=T0_US)
    assert rows(bench.values.refresh(T0_US + 10)) == [(1, 10, 2.0, 0), (2, 10, pytest.approx(0.1), 0), (3, 10, 7.0, 0)]
    bench.take(bench.update(1, t=UtcTime.of(T0_US + 15)))
    assert [point for point, *_ in rows(bench.values.refresh(T0_US + 12))] == [2, 3]


def test_messages_that_are_not_trusted_mark_the_points_once_with_their_values() -> None:
    bench = Bench(POSITION)
    bench.take(bench.update(is_change=False), now_us=T0_US)
    assert rows(bench.take(bench.update(1, trust=Trust.UNUSABLE), now_us=T0_US + 5)) == [(1, 5, 2.0, Q.INVALID | Q.INCONSISTENT)]
    assert len(bench.values.refresh(NOW_US)) == 0
    assert rows(bench.take(bench.update(1, is_change=False), now_us=T0_US + 6)) == [(1, 6, 1.0, 0)]


def test_an_unannounced_change_is_questionable() -> None:
    bench = Bench(POSITION)
    bench.take(bench.update(is_change=False), now_us=T0_US)
    samples = bench.take(bench.update(1, trust=Trust.INCONSISTENT, is_change=False), now_us=T0_US + 5)
    assert rows(samples) == [(1, 5, 1.0, Q.QUESTIONABLE | Q.INCONSISTENT)]


def test_simulated_values_are_for_test() -> None:
    bench = Bench(POSITION)
    assert rows(bench.take(bench.update(simulation=True, is_change=False), now_us=T0_US)) == [(1, 0, 2.0, Q.TEST)]


def test_values_that_are_no_numbers_are_invalid() -> None:
    bench = Bench(CURRENT)
    for value in (math.nan, math.inf):
        ((_, _, _, quality),) = rows(bench.take(bench.update(current=value, is_change=False)))
        assert quality == NO_NUMBER
        bench.values.expire(NOW_US)


@pytest.mark.parametrize(
    "point",
    [
        GoosePoint(point=PointId(1), value=(9,)),
        GoosePoint(point=PointId(1), value=(0,)),
        GoosePoint(point=PointId(1), value=(1,), quality=(1,)),
        GoosePoint(point=PointId(1), value=(1,), quality=(7,)),
    ],
)
def test_a_value_that_the_message_does_not_have_has_a_bad_reference(point: GoosePoint) -> None:
    bench = Bench(point)
    ((_, _, value, quality),) = rows(bench.take(bench.update(is_change=False)))
    assert math.isnan(value)
    assert quality == UNKNOWN_VALUE


def test_a_text_is_no_number() -> None:
    bench = Bench(GoosePoint(point=PointId(1), value=(0,)))
    ((_, _, value, quality),) = rows(bench.take(bench.of(VisibleString("x"), is_change=False)))
    assert math.isnan(value)
    assert quality == NO_NUMBER


def test_without_a_time_of_its_own_a_value_has_the_messages() -> None:
    bench = Bench(GoosePoint(point=PointId(1), value=(0,), time=(5,)))
    bench.take(bench.of(Boolean(False), is_change=False), now_us=T0_US)
    assert rows(bench.take(bench.of(Boolean(True), t=UtcTime.of(T0_US + 3)))) == [(1, 3, 1.0, DEVICE)]


def test_a_block_without_points_gives_no_samples() -> None:
    values = BlockValues(GooseBlock(expected=EXPECTED, device="q01"))
    assert len(values.take([Bench().update()], NOW_US)) == 0
    assert len(values.expire(NOW_US)) == 0


def test_a_value_that_its_scale_makes_infinite_is_no_number_and_no_complaint() -> None:
    bench = Bench(GoosePoint(point=PointId(2), value=(0,), scale=1e10))
    (quality,) = bench.take(bench.of(Float64(1e308))).quality.tolist()
    assert quality & ~DEVICE == NO_NUMBER
