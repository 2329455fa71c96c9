"""Clocks that are wrong, and clocks that step."""

from __future__ import annotations

import pytest

from tieline.model import Quality

from .plans import Station

DEVICE = int(Quality.DEVICE_TIME)
FAILED = int(Quality.CLOCK_FAILURE)
INCOMPLETE = int(Quality.QUESTIONABLE | Quality.INACCURATE)
TEXT = """
[[calculations]]
name = "sum"
function = "sum"
of = ["m/p", "m/q"]

[[calculations]]
name = "energy"
function = "energy"
of = "m/p"
unit = "kWh"

[[calculations]]
name = "rate"
function = "rate"
of = "m/p"

[[calculations]]
name = "time"
function = "duration"
of = "m/cb"
state = "on"
unit = "s"

[[calculations]]
name = "window"
function = "window"
of = "m/p"
aggregate = "sum"
window_s = 60
"""


@pytest.fixture
def alpha() -> Station:
    return Station(TEXT, ["p analog kW", "q analog kW", "cb binary"])


def test_a_device_whose_clock_is_far_ahead_gives_results_at_our_time(alpha: Station) -> None:
    alpha.tick(10)
    result = alpha.take(("p", 86_400, 1.0, DEVICE), ("q", 10, 2.0, DEVICE))
    assert alpha.of(result, "sum") == [(10, 3.0, FAILED)]
    alpha.tick(20)
    assert alpha.of(alpha.take(("p", 20, 5.0, DEVICE), ("q", 20, 2.0, DEVICE)), "sum") == [(20, 7.0, DEVICE)]
    assert [value for _, value, _ in alpha.of(alpha.tick(65), "window")] == [6.0]


def test_results_go_on_where_our_own_clock_steps_back(alpha: Station) -> None:
    alpha.take(("p", 1000, 3600.0), ("q", 1000, 1.0), ("cb", 1000, 1.0))
    alpha.take(("p", 1001, 3600.0), ("cb", 1010, 1.0))
    result = alpha.take(("p", 500, 7200.0), ("q", 500, 1.0), ("cb", 500, 1.0))
    assert alpha.of(result, "sum") == [(500, 7201.0, 0)]
    assert alpha.of(result, "energy") == [(500, pytest.approx(1.0), INCOMPLETE)]
    assert alpha.of(result, "time") == [(500, 10.0, INCOMPLETE)]
    assert [quality & 3 for _, _, quality in alpha.of(result, "rate")] == [int(Quality.INVALID)]
    result = alpha.take(("p", 501, 7200.0), ("cb", 501, 1.0))
    assert alpha.of(result, "energy") == [(501, pytest.approx(3.0), 0)]
    assert alpha.of(result, "time") == [(501, 11.0, 0)]
    assert alpha.of(result, "rate") == [(501, 0.0, 0)]


def test_durations_are_told_with_the_clock_after_it_has_stepped_back(alpha: Station) -> None:
    alpha.tick(10_000)
    alpha.take(("cb", 100, 1.0))
    assert alpha.of(alpha.tick(121), "time") == [(120, 20.0, 0)]


def test_a_sample_that_its_device_stamped_earlier_changes_nothing(alpha: Station) -> None:
    alpha.take(("p", 5, 1.0, DEVICE), ("q", 5, 1.0, DEVICE))
    assert alpha.of(alpha.take(("p", 4, 9.0, DEVICE)), "sum") == []
    assert alpha.of(alpha.take(("q", 6, 2.0, DEVICE)), "sum") == [(6, 3.0, DEVICE)]
