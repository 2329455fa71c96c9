"""What becomes of an outstation's measurements, without an outstation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tieline.config.dnp3_points import Dnp3Row
from tieline.edge.dnp3.acquisition import EARLIEST_US, FUTURE_US, WITHHOLD_US, Acquisition
from tieline.model import Quality, Reporting, Samples
from tieline.protocols.dnp3.application import EVENTS_WAITING, IIN
from tieline.protocols.dnp3.master import Measured
from tieline.protocols.dnp3.measurements import NO_TIME, Flag, Measurements, PointType

S = 1_000_000
T = 1_800_000_000 * S
NOTHING = IIN(0)
LOST = int(Quality.INVALID | Quality.OLD_DATA)
DEVICE = int(Quality.DEVICE_TIME)

Told = list[tuple[int, int, float, int]]


def acquire(*rows: dict[str, Any], reports_events: bool = True) -> Acquisition:
    """Points 0, 1, 2 ... with these ids."""
    read = [
        Dnp3Row.model_validate({"name": f"p{number}", "kind": "analog", "group": 30, "index": number, "id": number} | row)
        for number, row in enumerate(rows)
    ]
    points = [row.to_point("northgate", "rtu-1", Reporting()) for row in read]
    return Acquisition(read, points, reports_events=reports_events)


def block(
    *values: tuple[int, float, int], kind: PointType = PointType.ANALOG_INPUT, is_event: bool = False, **keys: Any
) -> Measurements:
    """Index, value and time of each."""
    index, value, time = (np.array(column) for column in zip(*values, strict=True))
    flags = np.full(len(values), keys.pop("flags", Flag.ONLINE), np.uint8)
    return Measurements(kind, is_event, index.astype(np.uint32), value.astype(float), flags, time.astype(np.int64), **keys)


def events(*values: tuple[int, float, int], **keys: Any) -> Measurements:
    return block(*values, is_event=True, **keys)


def present(*values: tuple[int, float], **keys: Any) -> Measurements:
    return block(*((index, value, NO_TIME) for index, value in values), **keys)


def fragment(*blocks: Measurements, at: int = T, iin: IIN = NOTHING) -> Measured:
    return Measured(blocks, False, at, iin)


def told(samples: Samples) -> Told:
    """Point, seconds after T, value and quality of each."""
    columns = (samples.point.tolist(), (samples.time - T).tolist(), samples.value.tolist(), samples.quality.tolist())
    return [(point, time // S, value, quality) for point, time, value, quality in zip(*columns, strict=True)]


def test_a_present_value_comes_once_with_the_time_of_its_arrival() -> None:
    points = acquire({}, {"scale": 0.1, "offset": -5})
    assert told(points.take(fragment(present((0, 7), (1, 100))))) == [(0, 0, 7, 0), (1, 0, 5, 0)]
    assert told(points.take(fragment(present((0, 7), (1, 100)), at=T + 9 * S))) == []
    assert told(points.take(fragment(present((0, 8), (1, 100)), at=T + 10 * S))) == [(0, 10, 8, 0)]


def test_events_come_all_in_their_order_with_the_time_of_the_device() -> None:
    points = acquire({}, {"kind": "binary", "group": 1})
    binary = events((1, 1, T), (1, 0, T + S), (1, 1, T + S), kind=PointType.BINARY_INPUT)
    assert told(points.take(fragment(events((0, 5, T)), binary, events((0, 5, T + 2 * S)), at=T + 3 * S))) == [
        (0, 0, 5, DEVICE),
        (1, 0, 1, DEVICE),
        (1, 1, 0, DEVICE),
        (1, 1, 1, DEVICE),
        (0, 2, 5, DEVICE),
    ]


def test_a_change_is_told_once_be_its_event_before_its_present_value_or_behind_it() -> None:
    points = acquire({})
    points.take(fragment(present((0, 1))))
    both = fragment(events((0, 2, T + S)), present((0, 2)), at=T + 2 * S)
    assert told(points.take(both)) == [(0, 1, 2, DEVICE)]
    early = fragment(present((0, 3)), at=T + 10 * S, iin=IIN.CLASS_2_EVENTS)
    assert told(points.take(early)) == []
    assert told(points.take(fragment(events((0, 3, T + 9 * S)), at=T + 11 * S))) == [(0, 9, 3, DEVICE)]
    assert told(points.settle(T + 1000 * S)) == []


def test_a_present_value_whose_event_never_comes_is_told_when_nothing_waits_any_more() -> None:
    points = acquire({}, {})
    points.take(fragment(present((0, 1), (1, 1))))
    assert told(points.take(fragment(present((0, 2)), at=T + S, iin=IIN.CLASS_1_EVENTS))) == []
    assert told(points.take(fragment(events((1, 5, T + 2 * S)), at=T + 3 * S))) == [(1, 2, 5, DEVICE), (0, 1, 2, 0)]


def test_a_present_value_whose_event_never_comes_is_told_after_a_while_at_the_latest() -> None:
    points = acquire({})
    points.take(fragment(present((0, 1))))
    points.take(fragment(present((0, 2)), at=T + S, iin=EVENTS_WAITING))
    assert told(points.settle(T + S + WITHHOLD_US - 1)) == []
    assert told(points.settle(T + S + WITHHOLD_US)) == [(0, 1, 2, 0)]
    assert told(points.settle(T + S + 2 * WITHHOLD_US)) == []


def test_only_events_of_its_own_class_hold_a_present_value_back() -> None:
    points = acquire({"class": 2}, {"class": 0})
    points.take(fragment(present((0, 1), (1, 1))))
    waits = fragment(present((0, 2), (1, 2)), at=T + S, iin=IIN.CLASS_2_EVENTS)
    assert told(points.take(waits)) == [(1, 1, 2, 0)]
    assert told(points.settle(T + 2 * S, IIN.CLASS_1_EVENTS)) == [(0, 1, 2, 0)]


def test_a_newer_event_makes_a_withheld_value_worthless() -> None:
    points = acquire({})
    points.take(fragment(present((0, 1))))
    points.take(fragment(present((0, 2)), at=T + S, iin=EVENTS_WAITING))
    assert told(points.take(fragment(events((0, 2.1, T), (0, 3, T + 2 * S)), at=T + 3 * S))) == [
        (0, 0, 2.1, DEVICE),
        (0, 2, 3, DEVICE),
    ]
    assert told(points.settle(T + 1000 * S)) == []


def test_a_present_value_as_before_ends_the_waiting() -> None:
    points = acquire({})
    points.take(fragment(present((0, 1))))
    points.take(fragment(present((0, 2)), at=T + S, iin=EVENTS_WAITING))
    points.take(fragment(present((0, 1)), at=T + 2 * S, iin=EVENTS_WAITING))
    assert told(points.settle(T + 1000 * S)) == []


def test_an_event_of_a_clock_that_is_behind_is_followed_by_its_value_with_our_time() -> None:
    points = acquire({}, {})
    points.take(fragment(present((0, 1), (1, 1)), at=T + 60 * S))
    late = fragment(events((0, 2, T), (1, 2, T + 61 * S)), at=T + 62 * S)
    assert told(points.take(late)) == [(0, 0, 2, DEVICE), (1, 61, 2, DEVICE), (0, 62, 2, 0)]


def test_events_without_time_of_one_point_have_different_times() -> None:
    points = acquire({})
    samples = points.take(fragment(events((0, 1, NO_TIME), (0, 2, NO_TIME), (0, 1, NO_TIME))))
    assert samples.time.tolist() == [T, T + 1, T + 2]
    assert samples.value.tolist() == [1, 2, 1]
    assert not samples.quality.any()


def test_what_the_gateway_stamps_is_never_before_what_a_fast_clock_said() -> None:
    points = acquire({})
    points.take(fragment(events((0, 1, T + 3600 * S))))
    (sample,) = told(points.take(fragment(present((0, 2)), at=T + S)))
    assert sample == (0, 3600, 2, 0)


@pytest.mark.parametrize("time", [0, EARLIEST_US - 1, T + FUTURE_US + 1, -5, (1 << 48) * 1000 - 1])
def test_an_absurd_time_is_replaced_by_ours(time: int) -> None:
    points = acquire({})
    assert told(points.take(fragment(events((0, 1, time))))) == [(0, 0, 1, int(Quality.CLOCK_FAILURE))]


def test_a_time_that_the_device_is_not_sure_of_says_so() -> None:
    points = acquire({}, {})
    unsure = DEVICE | int(Quality.CLOCK_NOT_SYNCHRONIZED)
    assert told(points.take(fragment(events((0, 1, T), is_time_synchronized=False)))) == [(0, 0, 1, unsure)]
    assert told(points.take(fragment(events((1, 1, T)), present((0, 2)), iin=IIN.NEED_TIME))) == [
        (1, 0, 1, unsure),
        (0, 0, 2, 0),
    ]


def test_flags_become_qualities_and_a_change_of_them_is_told() -> None:
    points = acquire({}, {"kind": "double", "group": 3})
    points.take(fragment(present((0, 1))))
    assert told(points.take(fragment(present((0, 1), flags=Flag.ONLINE | Flag.OVER_RANGE)))) == [
        (0, 0, 1, int(Quality.QUESTIONABLE | Quality.OVERFLOW))
    ]
    assert told(points.take(fragment(present((0, 1), flags=Flag.COMM_LOST)))) == [
        (0, 0, 1, int(Quality.INVALID | Quality.OLD_DATA | Quality.FAILURE))
    ]
    for state in (0, 1, 2, 3):
        (sample,) = told(points.take(fragment(present((1, state), kind=PointType.DOUBLE_BIT_BINARY_INPUT))))
        assert sample[2:] == (state, 0)


def test_what_is_no_number_is_invalid() -> None:
    points = acquire({}, {})
    samples = points.take(fragment(present((0, np.nan), (1, np.inf))))
    assert samples.quality.tolist() == [int(Quality.INVALID | Quality.FAILURE)] * 2
    assert told(points.take(fragment(present((0, np.nan)), at=T + S))) == []


def test_a_frozen_counter_is_told_once_for_each_freeze() -> None:
    points = acquire({"kind": "counter", "group": 21})
    frozen = PointType.FROZEN_COUNTER
    assert told(points.take(fragment(block((0, 5, T), kind=frozen), at=T + S))) == [(0, 0, 5, DEVICE)]
    assert told(points.take(fragment(events((0, 5, T), kind=frozen), at=T + 2 * S))) == []
    assert told(points.take(fragment(block((0, 5, T), kind=frozen), at=T + 3 * S))) == []
    assert told(points.take(fragment(events((0, 5, T + 60 * S), kind=frozen), at=T + 61 * S))) == [(0, 60, 5, DEVICE)]
    assert told(points.take(fragment(block((0, 5, T + 60 * S), kind=frozen), at=T + 62 * S))) == []


def test_values_of_a_lost_device_stay_and_are_old_until_they_are_read_again() -> None:
    points = acquire({}, {})
    points.take(fragment(present((0, 5))))
    samples = points.lose(T + S)
    assert samples.quality.tolist() == [LOST, LOST]
    assert samples.value[0] == 5
    assert np.isnan(samples.value[1])
    assert told(points.refresh(T + 2 * S)) == []
    back = fragment(present((0, 5), (1, 6)), at=T + 3 * S, iin=EVENTS_WAITING)
    assert told(points.take(back)) == [(0, 3, 5, 0), (1, 3, 6, 0)]


def test_what_came_again_is_not_called_lost_once_more() -> None:
    points = acquire({}, {})
    points.take(fragment(present((0, 5), (1, 6))))
    points.lose(T + S)
    assert told(points.take(fragment(present((0, 5)), at=T + 2 * S))) == [(0, 2, 5, 0)]
    assert told(points.repeat_absent(T + 3 * S)) == [(1, 3, 6, LOST)]
    assert told(points.lose(T + 4 * S)) == [(0, 4, 5, LOST), (1, 4, 6, LOST)]


def test_a_refresh_repeats_what_is_followed_and_held_with_a_later_time() -> None:
    points = acquire({"class": 2}, {"class": 0}, {})
    points.take(fragment(present((0, 5), (1, 6))))
    assert told(points.refresh(T)) == []
    assert told(points.refresh(T + S)) == [(0, 1, 5, 0)]
    points.take(fragment(events((0, 7, T + 5 * S)), at=T + 6 * S))
    assert told(points.refresh(T + 4 * S)) == []
    assert told(points.refresh(T + 7 * S)) == [(0, 7, 7, 0)]


def test_what_is_only_polled_is_told_with_each_poll_and_never_between() -> None:
    points = acquire({}, reports_events=False)
    points.take(fragment(present((0, 5))))
    assert told(points.refresh(T + 9 * S)) == []
    assert told(points.take(fragment(present((0, 5)), at=T + 10 * S))) == [(0, 10, 5, 0)]


def test_points_of_only_one_side_are_known_by_name() -> None:
    points = acquire({}, {"index": 50}, {"kind": "binary", "group": 1, "index": 9})
    kinds = PointType.COUNTER, PointType.ANALOG_INPUT
    taken = points.take(fragment(present((0, 1), (3, 1), (70_000, 1)), present((8, 1), kind=kinds[0])))
    assert told(taken) == [(0, 0, 1, 0)]
    assert points.unlisted == {PointType.ANALOG_INPUT: [3], PointType.COUNTER: [8]}
    assert points.missing_kinds() == (PointType.ANALOG_INPUT, PointType.BINARY_INPUT)
    assert [point.name for point in points.missing()] == ["p1", "p2"]
    given_up = points.give_up_missing(T + S)
    assert given_up.point.tolist() == [1, 2]
    assert set(given_up.quality.tolist()) == {int(Quality.INVALID | Quality.BAD_REFERENCE)}
    assert told(points.take(fragment(present((50, 4)), at=T + 2 * S))) == [(1, 2, 4, 0)]


def test_a_clock_that_was_set_back_does_not_hold_the_values_in_the_future() -> None:
    points = acquire({})
    points.take(fragment(present((0, 1)), at=T + 3600 * S))
    points.clock_stepped(T)
    assert told(points.take(fragment(present((0, 2)), at=T + S))) == [(0, 1, 2, 0)]


def test_every_change_ends_as_the_last_and_newest_sample_of_its_point() -> None:
    rng = np.random.default_rng(7)
    points = acquire({}, {}, {"class": 0})
    newest: dict[int, tuple[int, float]] = {}
    truth = [0.0, 0.0, 0.0]
    for step in range(2000):
        now = T + step * S
        index = int(rng.integers(0, 3))
        truth[index] = float(rng.integers(0, 3))
        parts = [present(*enumerate(truth))]
        if index < 2:
            parts.insert(0, events((index, truth[index], now - int(rng.integers(-30, 30)) * S)))
        samples = Samples.concatenate([points.take(fragment(*parts, at=now)), points.refresh(now - 2 * S)])
        for point, time, value in zip(samples.point.tolist(), samples.time.tolist(), samples.value.tolist(), strict=True):
            if time >= newest.get(point, (0, 0.0))[0]:
                newest[point] = time, value
        if step:
            assert {point: value for point, (_, value) in newest.items()} == dict(enumerate(truth)), step


CLOSE = {"kind": "control", "group": 12, "index": 3, "operation": "trip_close"}


def outputs(*values: tuple[int, float]) -> Measurements:
    return present(*values, kind=PointType.BINARY_OUTPUT_STATUS)


def test_a_command_shows_the_status_of_its_output() -> None:
    points = acquire(CLOSE)
    assert told(points.take(fragment(outputs((3, 1))))) == [(0, 0, 1, 0)]


def test_a_command_and_the_status_on_the_list_show_the_same() -> None:
    points = acquire({"kind": "binary", "group": 10, "index": 3}, CLOSE)
    assert told(points.take(fragment(outputs((3, 1))))) == [(0, 0, 1, 0), (1, 0, 1, 0)]
    event = events((3, 0, T + S), kind=PointType.BINARY_OUTPUT_STATUS)
    assert told(points.take(fragment(event, at=T + 2 * S))) == [(0, 1, 0, DEVICE), (1, 1, 0, DEVICE)]


def test_a_setpoint_shows_its_output_in_its_own_unit() -> None:
    points = acquire({"kind": "setpoint", "group": 41, "scale": 0.1}, {"group": 40, "index": 0})
    assert told(points.take(fragment(present((0, 215), kind=PointType.ANALOG_OUTPUT_STATUS)))) == [
        (0, 0, 21.5, 0),
        (1, 0, 215, 0),
    ]


def test_a_command_without_a_status_is_never_missed() -> None:
    points = acquire(CLOSE, {"index": 1})
    points.take(fragment(present((1, 7))))
    assert points.missing() == ()
    assert points.missing_kinds() == ()
    assert told(points.give_up_missing(T)) == []
    assert [point for point, *_ in told(points.lose(T + S))] == [1]
    assert [point for point, *_ in told(points.repeat_absent(T + 2 * S))] == [1]


def test_a_command_whose_status_was_shown_is_lost_with_the_device() -> None:
    points = acquire(CLOSE)
    points.take(fragment(outputs((3, 1))))
    assert told(points.lose(T + S)) == [(0, 1, 1, LOST)]
