from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tieline.edge.snmp.rates import COUNTERS, Meter, Reading, rates_between

GIGABIT = 1_000.0
SECONDS = st.floats(10.0, 120.0)


def reading(
    time_s: float,
    counters: list[list[int]],
    *,
    uptime_s: float | None = None,
    bits: int | list[list[int]] = 64,
    discontinuity: int = 0,
    speed_mbps: float = GIGABIT,
) -> Reading:
    ports = len(counters)
    return Reading(
        time_s=time_s,
        uptime_ticks=round((1_000.0 + time_s if uptime_s is None else uptime_s) * 100) % 2**32,
        counters=np.array(counters, np.uint64).reshape(ports, COUNTERS),
        bits=np.broadcast_to(np.asarray(bits, np.uint8), (ports, COUNTERS)),
        discontinuity_ticks=np.full(ports, discontinuity, np.int64),
        speed_mbps=np.full(ports, speed_mbps, np.float64),
    )


def designed(ports: int = 1, mbps: float = GIGABIT) -> npt.NDArray[np.float64]:
    return np.full(ports, mbps, np.float64)


NONE = [[0] * COUNTERS]


@given(
    start=st.lists(st.integers(0, 2**64 - 1), min_size=COUNTERS, max_size=COUNTERS),
    percent=st.lists(st.floats(0.0, 100.0), min_size=2, max_size=2),
    events_per_s=st.lists(st.floats(0.0, 1_000.0), min_size=4, max_size=4),
    elapsed_s=SECONDS,
    wide=st.booleans(),
)
def test_what_was_carried_is_found_wherever_the_counters_stand(
    start: list[int], percent: list[float], events_per_s: list[float], elapsed_s: float, wide: bool
) -> None:
    """At 10 Mbit/s no counter of 32 bits goes round twice within two minutes."""
    ring = 2**64 if wide else 2**32
    grown = [round(share / 100 * 10e6 / 8 * elapsed_s) for share in percent] + [round(rate * elapsed_s) for rate in events_per_s]
    bits = 64 if wide else 32
    before = reading(0.0, [[each % ring for each in start]], bits=bits, speed_mbps=10)
    after = reading(
        elapsed_s, [[(each + more) % ring for each, more in zip(start, grown, strict=True)]], bits=bits, speed_mbps=10
    )
    found = rates_between(before, after, designed(mbps=10))
    # Rounded to whole octets, frames: the tolerance.
    np.testing.assert_allclose([found.in_percent[0], found.out_percent[0]], percent, atol=1e-4)
    np.testing.assert_allclose(found.errors_per_s[0], sum(events_per_s[:2]), atol=0.11)
    np.testing.assert_allclose(found.discards_per_s[0], sum(events_per_s[2:]), atol=0.11)


@given(
    before=st.lists(st.integers(0, 2**64 - 1), min_size=COUNTERS, max_size=COUNTERS),
    after=st.lists(st.integers(0, 2**64 - 1), min_size=COUNTERS, max_size=COUNTERS),
    uptime_ticks=st.integers(0, 2**32 - 1),
    elapsed_s=st.floats(-10.0, 1_000.0),
    bits=st.tuples(st.sampled_from([0, 32, 64]), st.sampled_from([0, 32, 64])),
    speeds=st.tuples(*[st.sampled_from([np.nan, 0.0, 10.0, 100.0, 1_000.0])] * 3),
)
def test_no_counters_make_more_than_the_port_can_carry_or_less_than_nothing(
    before: list[int],
    after: list[int],
    uptime_ticks: int,
    elapsed_s: float,
    bits: tuple[int, int],
    speeds: tuple[float, float, float],
) -> None:
    first = replace(reading(0.0, [before], bits=bits[0], speed_mbps=speeds[0]), uptime_ticks=uptime_ticks)
    later_ticks = (uptime_ticks + round(elapsed_s * 100)) % 2**32
    second = replace(reading(elapsed_s, [after], bits=bits[1], speed_mbps=speeds[1]), uptime_ticks=later_ticks)
    found = rates_between(first, second, designed(mbps=speeds[2]))
    for column in (found.in_percent, found.out_percent):
        assert np.isnan(column[0]) or 0 <= column[0] <= 110.01
    for column in (found.errors_per_s, found.discards_per_s):
        assert np.isnan(column[0]) or column[0] >= 0


def test_an_agent_that_has_started_again_counts_from_there() -> None:
    before = reading(0.0, [[9_000] * COUNTERS], uptime_s=5_000)
    after = reading(30.0, [[9_500] * COUNTERS], uptime_s=12)
    assert np.isnan(rates_between(before, after, designed()).in_percent[0])


def test_an_uptime_that_goes_round_after_497_days_is_no_start() -> None:
    end_s = 2**32 / 100
    before = reading(0.0, NONE, uptime_s=end_s - 10)
    after = reading(30.0, [[3_750_000] + [0] * 5], uptime_s=end_s + 20)
    np.testing.assert_allclose(rates_between(before, after, designed()).in_percent, [0.1])


def test_a_counter_that_began_anew_without_an_uptime_that_says_so_is_not_taken_for_one_that_went_round() -> None:
    found = rates_between(reading(0.0, [[10_000_000_000] * COUNTERS]), reading(30.0, [[1_000] * COUNTERS]), designed())
    assert np.isnan(found.in_percent[0])
    assert np.isnan(found.errors_per_s[0])


def test_a_discontinuity_makes_the_rates_of_that_port_alone_unknown() -> None:
    before = reading(0.0, NONE * 2)
    after = reading(30.0, [[3_750_000] + [0] * 5] * 2)
    after.discontinuity_ticks[0] = 77
    np.testing.assert_allclose(rates_between(before, after, designed(2)).in_percent, [np.nan, 0.1])


def test_a_counter_of_32_bits_that_can_have_gone_round_twice_says_nothing() -> None:
    found = rates_between(reading(0.0, NONE, bits=32), reading(40.0, [[1_000] * 6], bits=32), designed())
    assert np.isnan(found.in_percent[0])
    np.testing.assert_allclose(found.errors_per_s, [50.0])


def test_a_port_whose_speed_has_changed_has_errors_but_no_share() -> None:
    found = rates_between(reading(0.0, NONE, speed_mbps=100), reading(30.0, [[3_000] * 6]), designed())
    assert np.isnan(found.out_percent[0])
    np.testing.assert_allclose(found.errors_per_s, [200.0])


def test_the_design_says_the_speed_where_the_agent_does_not() -> None:
    found = rates_between(
        reading(0.0, NONE, speed_mbps=np.nan), reading(30.0, [[3_750_000] * 6], speed_mbps=np.nan), designed(mbps=100)
    )
    np.testing.assert_allclose(found.in_percent, [1.0])


def test_a_counter_that_the_agent_has_one_way_only_is_the_whole() -> None:
    bits = [[64, 64, 32, 0, 0, 0]]
    found = rates_between(reading(0.0, NONE, bits=bits), reading(30.0, [[300] * 6], bits=bits), designed())
    np.testing.assert_allclose(found.errors_per_s, [10.0])
    assert np.isnan(found.discards_per_s[0])


def test_looks_in_quick_succession_are_measured_from_one_that_is_old_enough() -> None:
    meter = Meter(designed(), shortest_s=10.0, longest_s=100.0)
    meter.take(reading(0.0, NONE))
    first = meter.take(reading(30.0, [[3_750_000] * 6]))
    np.testing.assert_allclose(first.in_percent, [0.1])
    # The agent has not counted since: no rate of nothing.
    np.testing.assert_allclose(meter.take(reading(31.0, [[3_750_000] * 6])).in_percent, [0.1])
    np.testing.assert_allclose(meter.take(reading(60.0, [[11_250_000] * 6])).in_percent, [0.2])


def test_polls_that_were_missed_are_averaged_over_but_an_outage_is_not() -> None:
    meter = Meter(designed(), shortest_s=10.0, longest_s=100.0)
    meter.take(reading(0.0, NONE))
    np.testing.assert_allclose(meter.take(reading(90.0, [[11_250_000] * 6])).in_percent, [0.1])
    assert np.isnan(meter.take(reading(300.0, [[12_000_000] * 6])).in_percent[0])
    np.testing.assert_allclose(meter.take(reading(330.0, [[15_750_000] * 6])).in_percent, [0.1])


def test_a_start_in_quick_succession_ends_the_rates_of_before() -> None:
    meter = Meter(designed(), shortest_s=10.0, longest_s=100.0)
    meter.take(reading(0.0, NONE))
    meter.take(reading(30.0, [[3_750_000] * 6]))
    assert np.isnan(meter.take(reading(35.0, [[10] * 6], uptime_s=1)).in_percent[0])
    np.testing.assert_allclose(meter.take(reading(65.0, [[3_750_010] * 6], uptime_s=31)).in_percent, [0.1])
