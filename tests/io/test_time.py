"""Clock, ticker and back-off in fake time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.io import Backoff, SystemClock, Ticker


def test_ticks_stand_on_a_grid_from_the_origin():
    ticker = Ticker(0.1, origin=100.0)
    assert [ticker.next_tick(100.0) for _ in range(4)] == pytest.approx([100.0, 100.1, 100.2, 100.3])
    assert ticker.missed == 0


def test_a_million_late_wake_ups_do_not_add_up():
    ticker = Ticker(1.0, origin=0.0)
    now = 0.0
    for _ in range(1_000_000):
        now = ticker.next_tick(now) + 0.003
    assert now == pytest.approx(999_999 + 0.003)
    assert ticker.missed == 0


def test_an_overrun_skips_the_ticks_that_passed_and_counts_them():
    ticker = Ticker(1.0, origin=10.0)
    assert ticker.next_tick(10.0) == 10.0
    assert ticker.next_tick(13.5) == 14.0  # 11, 12 and 13 passed
    assert ticker.missed == 3
    assert ticker.next_tick(14.2) == 15.0
    assert ticker.missed == 3


def test_work_that_ends_exactly_on_a_tick_is_in_time():
    ticker = Ticker(1.0, origin=0.0)
    ticker.next_tick(0.0)
    assert ticker.next_tick(1.0) == 1.0
    assert ticker.missed == 0


@given(st.floats(0.001, 1000), st.lists(st.floats(0, 5000), max_size=50))
def test_ticks_never_burst_and_every_tick_is_handed_out_or_counted(period_s, durations):
    ticker = Ticker(period_s, origin=0.0)
    now = last = ticker.next_tick(0.0)
    handed = 1
    for duration in durations:
        now += duration
        tick = ticker.next_tick(now)
        assert tick >= now - 1e-9 * max(1, now)
        assert tick - last > period_s / 2
        handed += 1
        assert round(tick / period_s) == handed + ticker.missed - 1
        now = last = max(now, tick)


@pytest.mark.parametrize("period_s", [0, -1, float("nan")])
def test_a_period_is_positive(period_s):
    with pytest.raises(ValueError, match="period"):
        Ticker(period_s, 0.0)


def test_back_off_doubles_to_its_cap_and_starts_anew_after_a_reset():
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_wait() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_wait() == 0.5


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_back_off_stays_between_its_first_wait_and_its_cap_whatever_the_dice_say(dice):
    backoff = Backoff(iter(dice).__next__, first_s=0.5, cap_s=30)
    waits = [backoff.next_wait() for _ in dice]
    assert all(0.5 <= wait <= 30 for wait in waits)


def test_the_system_clock_gives_microseconds_of_utc_and_seconds_that_grow():
    clock = SystemClock()
    assert abs(clock.now_us() - time.time() * 1e6) < 5e6
    assert clock.monotonic() <= clock.monotonic()
