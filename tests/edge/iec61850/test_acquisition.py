"""From columns to samples: each change once, nothing bad looks good, and the newest sample says what is so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.edge.iec61850.station import BREAKER, POWER
from tieline.edge.iec61850.acquisition import LOST, UNKNOWN_POINT, Acquisition
from tieline.edge.iec61850.settings import MonitoredPoint
from tieline.edge.iec61850.time_quality import TIME_WORTH
from tieline.model import Quality, Samples
from tieline.protocols.iec61850.mms.layout import Columns

T = 1_790_000_000_000_000
S = 1_000_000
EVENT, GI = 0x40, 0x04
DEVICE = Quality.DEVICE_TIME


def columns(
    *,
    value: float | None = None,
    quality: int | None = None,
    time: int | None = None,
    octet: int = 0x0A,
    reason: int | None = EVENT,
    row: int = 0,
) -> Columns:
    rows = np.array([row], np.intp)
    none = np.empty(0, np.intp)
    return Columns(
        none if value is None else rows,
        np.array([] if value is None else [value]),
        none if quality is None else rows,
        np.array([] if quality is None else [quality], np.uint16),
        none if time is None else rows,
        np.array([] if time is None else [time], np.int64),
        np.array([] if time is None else [octet], np.uint8),
        reason_row=None if reason is None else rows,
        reason=None if reason is None else np.array([reason], np.uint8),
    )


def rows_of(samples: Samples) -> list[tuple[int, float, int]]:
    return list(zip(samples.time.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True))


def held(point: MonitoredPoint = BREAKER) -> Acquisition:
    """One that holds 1.0, good, of the device's time T, followed by reports."""
    acquisition = Acquisition([point])
    acquisition.follow(np.array([0]))
    acquisition.take(columns(value=1.0, quality=0, time=T), received_us=T + S)
    return acquisition


def test_an_event_has_the_devices_time() -> None:
    acquisition = Acquisition([POWER])
    samples = acquisition.take(columns(value=2500.0, quality=0, time=T), received_us=T + S)
    assert rows_of(samples) == [(T, 2.5, DEVICE)]


def test_a_value_whose_quality_has_not_come_is_not_good() -> None:
    samples = Acquisition([BREAKER]).take(columns(value=1.0, time=T), received_us=T + S)
    assert rows_of(samples) == [(T, 1.0, LOST | DEVICE)]


def test_a_quality_whose_value_has_not_come_is_no_number() -> None:
    samples = Acquisition([BREAKER]).take(columns(quality=0, time=T), received_us=T + S)
    assert np.isnan(samples.value[0])
    assert samples.quality[0] == Quality.INVALID | Quality.FAILURE | DEVICE


def test_a_quality_alone_leaves_the_value() -> None:
    samples = held().take(columns(quality=Quality.QUESTIONABLE | Quality.OLD_DATA, time=T + 1), received_us=T + S)
    assert rows_of(samples) == [(T + 1, 1.0, Quality.QUESTIONABLE | Quality.OLD_DATA | DEVICE)]


def test_a_value_that_is_reported_again_as_present_says_nothing() -> None:
    assert len(held().take(columns(value=1.0, quality=0, time=T, reason=GI), received_us=T + 2 * S)) == 0


def test_an_event_that_was_known_as_a_present_value_is_not_doubled() -> None:
    acquisition = Acquisition([BREAKER])
    acquisition.follow(np.array([0]))
    first = acquisition.take(columns(value=1.0, quality=0, time=T, reason=GI), received_us=T + S)
    second = acquisition.take(columns(value=1.0, quality=0, time=T), received_us=T + 2 * S)
    assert (rows_of(first), len(second)) == ([(T, 1.0, DEVICE)], 0)


def test_an_event_of_the_same_value_at_another_time_is_an_event() -> None:
    samples = held().take(columns(value=1.0, quality=0, time=T + 5), received_us=T + S)
    assert rows_of(samples) == [(T + 5, 1.0, DEVICE)]


def test_a_present_value_that_differs_was_missed_and_is_told_with_its_time() -> None:
    samples = held().take(columns(value=2.0, quality=0, time=T + 7, reason=GI), received_us=T + S)
    assert rows_of(samples) == [(T + 7, 2.0, DEVICE)]


def test_a_present_value_from_before_gets_the_gateways_time() -> None:
    samples = held().take(columns(value=2.0, quality=0, time=T - 7, reason=GI), received_us=T + S)
    assert rows_of(samples) == [(T + S, 2.0, 0)]


def test_an_event_from_before_is_followed_by_its_value_now() -> None:
    samples = held().take(columns(value=2.0, quality=0, time=T - 7), received_us=T + S)
    assert rows_of(samples) == [(T - 7, 2.0, DEVICE), (T + S, 2.0, 0)]


def test_the_reason_of_a_member_that_could_not_be_accessed_is_not_its_neighbors() -> None:
    acquisition = Acquisition([BREAKER, POWER])
    acquisition.follow(np.array([0, 1]))
    present = columns(value=1.0, quality=0, time=T, row=1)
    acquisition.take(present, received_us=T + S)
    again = dataclasses.replace(present, reason_row=np.array([0, 1]), reason=np.array([EVENT, GI], np.uint8))
    later = dataclasses.replace(again, time_us=np.array([T - 1]))
    assert len(acquisition.take(later, received_us=T + 2 * S)) == 0


def test_an_event_without_a_time_of_its_own_has_that_of_the_entry() -> None:
    samples = held().take(columns(value=2.0), received_us=T + 2 * S, entry_us=T + S)
    assert rows_of(samples) == [(T + S, 2.0, DEVICE)]


@pytest.mark.parametrize("time", [T + 2 * 86_400 * S, 1])
def test_a_time_that_cannot_be_is_the_gateways_and_says_so(time: int) -> None:
    samples = held().take(columns(value=2.0, quality=0, time=time), received_us=T + S)
    assert rows_of(samples) == [(T + S, 2.0, Quality.CLOCK_FAILURE)]


def test_a_time_that_was_never_set_is_the_gateways() -> None:
    samples = held().take(columns(value=2.0, quality=0, time=0, reason=GI), received_us=T + S)
    assert rows_of(samples) == [(T + S, 2.0, 0)]


def test_what_a_poll_reads_again_is_confirmed_with_the_gateways_time() -> None:
    acquisition = Acquisition([BREAKER])
    acquisition.take(columns(value=1.0, quality=0, time=T, reason=None), received_us=T + S, is_poll=True)
    samples = acquisition.take(columns(value=1.0, quality=0, time=T, reason=None), received_us=T + 3 * S, is_poll=True)
    assert rows_of(samples) == [(T + 3 * S, 1.0, 0)]


def test_what_reports_follow_is_true_until_they_say_else() -> None:
    acquisition = held()
    assert rows_of(acquisition.refresh(T + 5 * S)) == [(T + 5 * S, 1.0, 0)]
    assert len(acquisition.refresh(T + 5 * S)) == 0


def test_a_lost_device_keeps_its_values_which_are_old_and_not_true_any_more() -> None:
    acquisition = held()
    assert rows_of(acquisition.lose(T + 2 * S)) == [(T + 2 * S, 1.0, LOST)]
    assert len(acquisition.refresh(T + 9 * S)) == 0
    assert rows_of(acquisition.repeat_absent(T + 9 * S)) == [(T + 9 * S, 1.0, LOST)]
    back = acquisition.take(columns(value=1.0, quality=0, time=T, reason=GI), received_us=T + 10 * S)
    assert rows_of(back) == [(T + 10 * S, 1.0, 0)]


def test_an_entry_that_is_known_from_before_a_loss_restores_and_does_not_repeat() -> None:
    acquisition = held()
    acquisition.lose(T + 2 * S)
    back = acquisition.take(columns(value=1.0, quality=0, time=T), received_us=T + 3 * S)
    assert rows_of(back) == [(T + 3 * S, 1.0, 0)]


def test_a_point_that_the_device_does_not_have_stays_marked() -> None:
    acquisition = Acquisition([BREAKER])
    acquisition.mark(np.array([0]), UNKNOWN_POINT, T)
    (row,) = rows_of(acquisition.repeat_absent(T + S))
    assert row[0] == T + S
    assert row[2] == UNKNOWN_POINT


def test_no_two_samples_of_the_gateway_have_one_time() -> None:
    acquisition = held()
    times = [acquisition.lose(T).time[0] for _ in range(3)] + [acquisition.repeat_absent(T).time[0]]
    assert len(set(times)) == 4


def test_a_clock_that_was_set_back_does_not_push_samples_into_the_future() -> None:
    acquisition = held()
    acquisition.lose(T + 3600 * S)
    acquisition.clock_stepped(T)
    assert acquisition.repeat_absent(T + S).time[0] == T + S


@pytest.mark.parametrize(
    ("octet", "expected"),
    [
        (0x00, 0),
        (0x0A, 0),
        (0x8A, 0),
        (0x1F, 0),
        (0x20, Quality.CLOCK_NOT_SYNCHRONIZED),
        (0x40, Quality.CLOCK_FAILURE),
        (0x60, Quality.CLOCK_FAILURE | Quality.CLOCK_NOT_SYNCHRONIZED),
        (0x01, Quality.CLOCK_NOT_SYNCHRONIZED),
        (0x06, Quality.CLOCK_NOT_SYNCHRONIZED),
        (0x07, 0),
    ],
)
def test_the_quality_of_a_time_is_what_its_octet_says(octet: int, expected: int) -> None:
    assert TIME_WORTH[octet] == expected


def test_a_value_that_its_scale_makes_infinite_is_no_number_and_no_complaint() -> None:
    acquisition = Acquisition([dataclasses.replace(BREAKER, scale=1e10)])
    (quality,) = acquisition.take(columns(value=1e308, quality=0), received_us=T).quality.tolist()
    assert quality & 3 == Quality.INVALID


@pytest.mark.parametrize(("position", "value"), [(1, 0.0), (2, 1.0)])
def test_a_command_of_a_switch_shows_off_and_on(position: int, value: float) -> None:
    acquisition = Acquisition([dataclasses.replace(BREAKER, is_switched=True)])
    samples = acquisition.take(columns(value=position, quality=0, time=T), received_us=T + S)
    assert rows_of(samples) == [(T, value, DEVICE)]


@pytest.mark.parametrize("position", [0, 3])
def test_a_command_of_a_switch_that_is_in_neither_position_shows_none(position: int) -> None:
    acquisition = Acquisition([dataclasses.replace(BREAKER, is_switched=True)])
    samples = acquisition.take(columns(value=position, quality=0, time=T), received_us=T + S)
    assert np.isnan(samples.value[0])
    assert Quality(int(samples.quality[0])) & Quality.INVALID
