from __future__ import annotations

import pytest

from tieline.edge.states import StateChanges
from tieline.model import Point, PointId, PointKind, Quality, Samples


def point(number: int, kind: PointKind, *, quantity: str = "", description: str = "") -> Point:
    return Point(
        id=PointId(number), site="a", device="d", name=f"p{number}", kind=kind, quantity=quantity, description=description
    )


POINTS = [
    point(1, PointKind.DOUBLE, quantity="switch_position", description="F1 breaker"),
    point(2, PointKind.BINARY, description="F1 protection trip"),
    point(3, PointKind.ANALOG),
    point(4, PointKind.BINARY, quantity="switch_position"),
    point(5, PointKind.CONTROL),
]


def test_a_change_of_state_is_an_event_with_the_time_of_its_sample() -> None:
    states = StateChanges(POINTS)
    assert list(states.of(Samples.of([1, 2, 3, 4, 5], 100, [2, 0, 7.5, 1, 0]))) == []
    events = list(states.of(Samples.of([1, 1, 2, 3, 4, 5], [200, 210, 205, 1, 220, 1], [0, 1, 1, 8.5, 0, 1])))
    assert [(event.time, event.text) for event in events] == [
        (200, "F1 breaker is between its positions"),
        (210, "F1 breaker opened"),
        (205, "F1 protection trip came on"),
        (220, "p4 opened"),
    ]
    assert {(event.site, event.device, event.kind) for event in events} == {("a", "d", "state_changed")}


def test_a_state_that_is_not_good_changes_nothing() -> None:
    states = StateChanges(POINTS)
    list(states.of(Samples.of(1, 1, 2)))
    assert list(states.of(Samples.of(1, 2, 0, int(Quality.INVALID)))) == []
    assert list(states.of(Samples.of(1, 3, 2))) == []


def test_a_site_without_states_has_no_events() -> None:
    assert list(StateChanges([POINTS[2]]).of(Samples.of([3, 9], 1, 1))) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_state_that_is_no_state_stops_nobody(value: float) -> None:
    states = StateChanges(POINTS)
    list(states.of(Samples.of(1, 1, 2)))
    list(states.of(Samples.of(1, 2, value)))
    events = list(states.of(Samples.of(1, 3, 1)))
    assert [event.text for event in events] == ["F1 breaker opened"]
