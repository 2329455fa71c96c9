"""Network calculus: the known answers to the printed digit, and what the curves have to obey."""

from __future__ import annotations

import math

import pytest

from tieline.network.performance.curves import Arrival, Bucket, Service, backlog, delay, leaky, left_in_order, output, together
from tieline.network.performance.tandem import TandemFlow, pay_multiplexing_once, separated_flow, total_flow

SERVER = Service(rate=10, latency=10)
FLOW = leaky(burst=25, rate=5)


def test_one_server_delays_and_holds_what_is_known() -> None:
    assert f"{delay(FLOW, SERVER):.2f}" == "12.50"
    assert f"{backlog(FLOW, SERVER):.2f}" == "75.00"


def test_two_servers_delay_what_is_known_by_each_analysis() -> None:
    servers, flows = [SERVER, SERVER], [TandemFlow(Bucket(25, 5), 0, 1)]
    assert f"{total_flow(servers, flows):.2f}" == "30.00"
    assert f"{separated_flow(servers, flows):.2f}" == "22.50"
    assert f"{pay_multiplexing_once(servers, flows):.2f}" == "22.50"


def test_a_crossing_flow_is_paid_once_along_a_shared_stretch() -> None:
    servers = [Service(10, 1)] * 4
    flows = [TandemFlow(Bucket(1, 1), 0, 3), TandemFlow(Bucket(40, 1), 0, 3)]
    # Rate left 9; the other's burst counts once, and what it sends within the four latencies: 4 + (40 + 4) / 9 + 1 / 9
    assert pay_multiplexing_once(servers, flows) == pytest.approx(9)
    assert pay_multiplexing_once(servers, flows) < separated_flow(servers, flows)
    apart = [TandemFlow(Bucket(1, 1), 0, 1), TandemFlow(Bucket(40, 1), 2, 3)]
    assert pay_multiplexing_once(servers, apart) == pytest.approx(2 + 1 / 10)


def test_more_than_a_server_can_carry_has_no_bound() -> None:
    assert delay(leaky(1, 11), SERVER) == math.inf
    assert backlog(leaky(1, 11), SERVER) == math.inf
    servers, flows = [SERVER], [TandemFlow(Bucket(1, 5), 0, 0), TandemFlow(Bucket(1, 6), 0, 0)]
    assert [analysis(servers, flows) for analysis in (total_flow, separated_flow, pay_multiplexing_once)] == [math.inf] * 3
    assert left_in_order(SERVER, Bucket(1, 10)).rate == 0


def test_several_buckets_bound_closer_than_one() -> None:
    both = Arrival((Bucket(2, 8), Bucket(25, 5)))
    # They meet at t = 23 / 3 with 2 + 8 * 23 / 3 = 63.33; at a rate of 10 nothing piles up beyond the first burst.
    assert delay(both, SERVER) == pytest.approx(10.2)
    slow = Service(6, 0)
    assert delay(both, slow) == pytest.approx((2 + 8 * 23 / 3) / 6 - 23 / 3)
    assert backlog(both, slow) == pytest.approx(2 + 2 * 23 / 3)
    assert delay(both, slow) < delay(leaky(25, 5), slow)


def test_what_leaves_has_grown_by_the_latency() -> None:
    assert output(FLOW, SERVER) == leaky(75, 5)


def test_a_sum_is_no_less_than_its_parts() -> None:
    one, other = Arrival((Bucket(1, 9), Bucket(10, 1))), Arrival((Bucket(2, 3),))
    whole = together([one, other])
    for t in (0.0, 0.5, 1.0, 2.0, 5.0, 50.0):
        assert whole.at(t) >= one.at(t) + other.at(t) - 1e-9
    assert whole.at(0) == 3
    assert whole.at(50) == pytest.approx(one.at(50) + other.at(50))
