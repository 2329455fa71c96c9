from __future__ import annotations

import math

import pytest

from tieline.model import Quality

from .plans import Station

GOOD = 0
INVALID = int(Quality.INVALID)
INCOMPLETE = int(Quality.QUESTIONABLE | Quality.INACCURATE)
DAY = 86_400


def demand(name: str = "d", **keys: object) -> str:
    text = f'[[calculations]]\nname = "{name}"\nfunction = "demand"\nof = "m/p"\n'
    return text + "".join(f"{key} = {value!r}\n" for key, value in keys.items())


def run(alpha: Station, powers: list[float], *, step_s: float = 60.0, begin: float = 0.0) -> list[tuple[float, float, int]]:
    """A sample at the beginning of each step; what comes of `d` until the last step is over."""
    found = []
    alpha.tick(begin + 5)
    for number, power in enumerate(powers):
        at = begin + number * step_s
        alpha.take(("p", at, power, INVALID if math.isnan(power) else GOOD))
        found += alpha.of(alpha.tick(at + step_s + 5), "d")
    return found


def test_block_demand_is_the_mean_power_of_each_window() -> None:
    alpha = Station(demand(window_s=180), ["p analog kW"])
    assert run(alpha, [-1.0, -2.0, -6.0, -4.0, -4.0, -1.0]) == [
        (180, pytest.approx(3.0), GOOD),
        (360, pytest.approx(3.0), GOOD),
    ]


def test_rolling_demand_comes_with_each_subinterval() -> None:
    alpha = Station(demand(window_s=180, subinterval_s=60), ["p analog kW"])
    found = run(alpha, [-1.0, -2.0, -6.0, -4.0, -4.0, -1.0])
    assert [at for at, _, _ in found] == [60, 120, 180, 240, 300, 360]
    assert [value for _, value, _ in found[2:]] == pytest.approx([3.0, 4.0, 14 / 3, 3.0])
    assert [quality for _, _, quality in found] == [INVALID, INCOMPLETE, GOOD, GOOD, GOOD, GOOD]


def test_present_demand_is_that_of_the_window_so_far() -> None:
    alpha = Station(demand(window_s=180, subinterval_s=60, show="present"), ["p analog kW"])
    found = run(alpha, [-1.0, -2.0, -6.0, -4.0, -2.0])
    assert [value for _, value, _ in found] == pytest.approx([1.0, 1.5, 3.0, 4.0, 3.0])
    assert [quality for _, _, quality in found] == [GOOD] * 5


@pytest.mark.parametrize(("direction", "expected"), [("withdrawal", 1.0), ("injection", 2.0), ("net", 1.0)])
def test_demand_counts_one_direction(direction: str, expected: float) -> None:
    alpha = Station(demand(window_s=120, direction=direction), ["p analog kW"])
    assert run(alpha, [-2.0, 4.0]) == [(120, pytest.approx(expected), GOOD)]


def test_demand_is_converted_into_its_unit() -> None:
    alpha = Station(demand(window_s=60, unit="MW"), ["p analog kW"])
    assert run(alpha, [-2000.0]) == [(60, pytest.approx(2.0), GOOD)]


def test_maximum_demand_is_kept_until_its_reset() -> None:
    alpha = Station(demand(window_s=21_600, show="maximum", reset="daily", max_gap_s=21_600), ["p analog kW"])
    found = run(alpha, [-1.0, -5.0, -2.0, -3.0, -1.0, -2.0], step_s=21_600.0)
    assert [at for at, _, _ in found] == [21_600 * number for number in range(1, 7)]
    assert [value for _, value, _ in found] == pytest.approx([1, 5, 5, 5, 1, 2])


def test_maximum_demand_of_a_month_ends_with_the_month_of_utc() -> None:
    alpha = Station(demand(window_s=86_400, show="maximum", reset="monthly", max_gap_s=86_400), ["p analog kW"])
    found = run(alpha, [-1.0, -5.0, -2.0, -3.0], step_s=DAY, begin=28 * DAY)
    assert [value for _, value, _ in found] == pytest.approx([1, 5, 5, 3])


def test_maximum_demand_that_is_never_reset_goes_on() -> None:
    alpha = Station(demand(window_s=86_400, show="maximum", reset="never", max_gap_s=86_400), ["p analog kW"])
    found = run(alpha, [-1.0, -5.0, -2.0, -3.0], step_s=DAY, begin=28 * DAY)
    assert [value for _, value, _ in found] == pytest.approx([1, 5, 5, 5])


def test_a_maximum_says_that_a_demand_of_its_period_is_not_known() -> None:
    alpha = Station(demand(window_s=60, show="maximum"), ["p analog kW"])
    found = run(alpha, [-3.0, math.nan, -2.0])
    assert [value for _, value, _ in found] == pytest.approx([3, 3, 3])
    assert [quality for _, _, quality in found] == [GOOD, INCOMPLETE, INCOMPLETE]


def test_demand_goes_on_after_a_restart() -> None:
    text = demand(window_s=180, subinterval_s=60) + demand("m", window_s=120, show="maximum")
    alpha, beta = (Station(text, ["p analog kW"]) for _ in range(2))
    for station in (alpha, beta):
        run(station, [-1.0, -2.0, -6.0, -4.0])
    beta.restart(beta.calculations.remember())
    for station in (alpha, beta):
        station.take(("p", 240, -1.0))
        station.tick(300)
        station.take(("p", 300, -1.0))
    one, other = alpha.tick(365), beta.tick(365)
    assert len(one) == 3
    assert [alpha.of(one, name) for name in "dm"] == [beta.of(other, name) for name in "dm"]
    assert alpha.of(one, "m") == [(360, 5.0, GOOD)]
