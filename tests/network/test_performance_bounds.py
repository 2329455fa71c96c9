"""Bounds of whole networks: by hand on small ones, never exceeded in a thousand simulated runs, and fast on large ones."""

from __future__ import annotations

import math
import time
from random import Random

import numpy as np
import pytest

from tests.network.simulation import Case, adversarial_phases, random_case, simulate
from tieline.network.performance.bounds import Bounds, Classes, Flows, Hops, Ports, bounds_of

STRICT = math.nan


def flows_of(rows: list[tuple[int, float, float, float]]) -> Flows:
    """Class, burst in bits, rate, frame in bits; one bucket each."""
    of_class, burst, rate, frame = (np.array(column) for column in zip(*rows, strict=True))
    return Flows(
        of_class=of_class.astype(np.int64),
        burst_bits=np.stack([burst, burst], axis=1).astype(float),
        rate_bps=np.stack([rate, rate], axis=1).astype(float),
        largest_bits=frame.astype(float),
        smallest_bits=frame.astype(float),
    )


def hops_of(rows: list[tuple[int, int, int]]) -> Hops:
    flow, port, before = (np.array(column) for column in zip(*rows, strict=True))
    return Hops(flow=flow, port=port, before=before)


def ports_of(*rates: float) -> Ports:
    return Ports(rate_bps=np.array(rates), forwarding_s=np.zeros(len(rates)), propagation_s=np.zeros(len(rates)))


def assert_holds(case: Case, bounds: Bounds, random: Random) -> float:
    """Simulates once; the closest that any flow came to its bound."""
    until = 1e-2 if case.ports.rate_bps.min() < 5e7 else 3e-3
    is_greedy = random.random() < 0.7
    phases = adversarial_phases(case, random) if random.random() < 0.7 else [random.uniform(0, 1e-3) for _ in case.flows.of_class]
    seen = simulate(case, random, until_s=until, phases_s=phases, is_greedy=is_greedy)
    found = np.array(seen.delay_s)
    assert (found <= bounds.hop_delay_s + 1e-12).all()
    assert (bounds.hop_delay_s <= bounds.hop_total_flow_s).all()
    queues = {key: row for row, key in enumerate(zip(bounds.queue_port.tolist(), bounds.queue_class.tolist(), strict=True))}
    for key, held in seen.backlog_bits.items():
        assert held <= bounds.queue_backlog_bits[queues[key]] + 1e-6
    return float((found / bounds.hop_delay_s).max())


def test_no_frame_is_later_than_its_bound_in_a_thousand_runs() -> None:
    random = Random(20260)
    runs, closeness = 0, []
    while runs < 1_000:
        case = random_case(random)
        bounds = bounds_of(case.ports, case.classes, case.flows, case.hops)
        if not bounds.is_stable:
            continue
        assert not bounds.is_cyclic
        for _ in range(4):
            closeness.append(assert_holds(case, bounds, random))
            runs += 1
    print(f"closest of each run to its bound: median {np.median(closeness):.2f}, best {max(closeness):.2f}")
    assert max(closeness) > 0.95
    assert np.median(closeness) > 0.5


def test_no_frame_is_later_in_rings_and_lags_and_where_switches_cut_through_or_have_few_queues() -> None:
    random = Random(20261)
    cyclic = 0
    for _ in range(200):
        case = random_case(random, is_odd=True)
        bounds = bounds_of(case.ports, case.classes, case.flows, case.hops)
        cyclic += bounds.is_cyclic
        for _ in range(2 if bounds.is_stable else 0):
            assert_holds(case, bounds, random)
    assert cyclic > 5


def test_one_port_is_bounded_as_by_hand() -> None:
    """Ten frames of 1,500 bits meet at 10 Mbit/s, behind one full frame that has just begun: 12,336 + 15,000 bits."""
    bounds = bounds_of(
        ports_of(1e7),
        Classes(weight=np.array([STRICT] * 2)),
        flows_of([(1, 1500, 1000, 1500)] * 10),
        hops_of([(i, 0, -1) for i in range(10)]),
    )
    assert bounds.queue_delay_s[0] == pytest.approx((12_336 + 15_000) / 1e7)
    assert bounds.queue_backlog_bits[0] == pytest.approx(15_000 + 10_000 * 12_336 / 1e7 + 1_500)
    alone = bounds_of(ports_of(1e7), Classes(weight=np.array([STRICT])), flows_of([(0, 1500, 1000, 1500)]), hops_of([(0, 0, -1)]))
    assert alone.hop_delay_s[0] == pytest.approx(1500 / 1e7)


def test_frames_that_come_over_one_link_do_not_meet_again() -> None:
    """Behind the first port they come one after the other, so that each later port of the same rate delays by one frame."""
    rows = [(flow, port, flow * 4 + port - 1 if port else -1) for flow in range(10) for port in range(4)]
    bounds = bounds_of(
        ports_of(*[1e8] * 4), Classes(weight=np.array([STRICT])), flows_of([(0, 1000, 1000, 1000)] * 10), hops_of(rows)
    )
    last = bounds.hop_delay_s.reshape(10, 4)[:, -1]
    assert last == pytest.approx((10 + 3) * 1000 / 1e8, rel=1e-3)


def test_a_higher_class_delays_a_lower_one_and_not_the_other_way_round() -> None:
    rows = [(0, 8000, 1e6, 8000), (1, 800, 1e6, 800)]
    both = bounds_of(ports_of(1e7), Classes(weight=np.array([STRICT] * 2)), flows_of(rows), hops_of([(0, 0, -1), (1, 0, -1)]))
    low, high = both.queue_delay_s
    assert high == pytest.approx((12_336 + 800) / 1e7)
    # What is left is 9 Mbit/s after the burst of the higher one and what it sends while it waits for one lower frame.
    assert low == pytest.approx((800 + 1e6 * 12_336 / 1e7 + 8000) / 9e6)


def test_weighted_queues_share_what_strict_ones_leave() -> None:
    weights = Classes(weight=np.array([1.0, 3.0]), blocking_bits=0)
    rows = [(0, 12_336, 4e6, 12_336), (1, 12_336, 4e6, 12_336)]
    bounds = bounds_of(ports_of(1e7), weights, flows_of(rows), hops_of([(0, 0, -1), (1, 0, -1)]))
    # What the other leaves is the better of the two offers here: both bursts at 6 Mbit/s.
    assert bounds.queue_delay_s[0] == pytest.approx(2 * 12_336 / 6e6)
    greedy = [(0, 12_336, 1e6, 12_336), (1, 12_336, 5e7, 12_336)]
    bounds = bounds_of(ports_of(1e7), weights, flows_of(greedy), hops_of([(0, 0, -1), (1, 0, -1)]))
    assert math.isfinite(bounds.queue_delay_s[0])
    assert math.isinf(bounds.queue_delay_s[1])
    assert not bounds.is_stable


def test_an_overloaded_port_has_no_bound_and_nothing_behind_it_has() -> None:
    rows = [(0, 1000, 6e6, 1000), (0, 1000, 6e6, 1000), (0, 1000, 1e5, 1000)]
    hops = hops_of([(0, 0, -1), (0, 1, 0), (1, 0, -1), (2, 2, -1), (2, 1, 3)])
    bounds = bounds_of(ports_of(1e7, 1e8, 1e8), Classes(weight=np.array([STRICT])), flows_of(rows), hops)
    assert np.isinf(bounds.hop_delay_s).tolist() == [True, True, True, False, True]
    assert np.isinf(bounds.queue_backlog_bits).tolist() == [True, True, False]
    assert not bounds.is_stable


def ring(load: float) -> tuple[Ports, Classes, Flows, Hops]:
    """Six nodes in a ring, each sending four hops on: every port waits for every other."""
    rows = []
    for flow in range(6):
        for step in range(4):
            rows.append((flow, (flow + step) % 6, len(rows) - 1 if step else -1))
    return (
        ports_of(*[1e8] * 6),
        Classes(weight=np.array([STRICT])),
        flows_of([(0, 5_000, load / 4 * 1e8, 5_000)] * 6),
        hops_of(rows),
    )


def test_a_ring_is_bounded_by_a_fixed_point_that_holds() -> None:
    columns = ring(0.5)
    bounds = bounds_of(*columns)
    assert bounds.is_cyclic
    assert bounds.is_stable
    case = Case(*columns, is_flooded=False)
    random = Random(7)
    assert max(assert_holds(case, bounds, random) for _ in range(20)) > 0.3


def test_a_ring_that_feeds_itself_too_much_is_refused() -> None:
    bounds = bounds_of(*ring(0.999))
    assert bounds.is_cyclic
    assert not bounds.is_stable
    assert np.isinf(bounds.hop_delay_s).all()


def test_a_network_of_ten_thousand_ports_is_bounded_in_seconds() -> None:
    columns = large(switches=500, flows=5_000)
    begin = time.process_time()
    bounds = bounds_of(*columns)
    spent = time.process_time() - begin
    assert bounds.is_stable
    assert len(columns[0].rate_bps) >= 10_000
    assert spent < 6  # 3 s on an idle machine; other work on both cores slows numpy, too


def large(*, switches: int, flows: int, ports_each: int = 20) -> tuple[Ports, Classes, Flows, Hops]:
    """A tree of switches, ten below each; every flow goes from one switch's device through the root's side to another."""
    random = Random(1)
    parent = [-1] + [(index - 1) // 10 for index in range(1, switches)]
    # Port 2i is up from switch i, 2i + 1 down to it, the rest are devices'.
    count = switches * ports_each
    rates = np.full(count, 1e8)
    rates[: 2 * switches] = 1e9
    ports = Ports(rate_bps=rates, forwarding_s=np.full(count, 1e-5), propagation_s=np.full(count, 1e-6))
    hops: list[tuple[int, int, int]] = []
    rows: list[tuple[int, float, float, float]] = []
    for flow in range(flows):
        source, target = random.sample(range(1, switches), 2)
        ups, downs = _lineage(parent, source), _lineage(parent, target)
        while ups and downs and ups[-1] == downs[-1]:
            ups.pop()
            downs.pop()
        device = 2 * switches + random.randrange(count - 2 * switches)
        way = [device, *(2 * each for each in ups), *(2 * each + 1 for each in reversed(downs)), 2 * switches + target]
        before = -1
        for port in way:
            hops.append((flow, port, before))
            before = len(hops) - 1
        frame = random.choice((1_200.0, 4_000.0, 12_336.0))
        rows.append((random.randrange(4), frame, 50_000.0, frame))
    return ports, Classes(weight=np.array([1.0, 2.0, STRICT, STRICT])), flows_of(rows), hops_of(hops)


def _lineage(parent: list[int], node: int) -> list[int]:
    found = []
    while node >= 0:
        found.append(node)
        node = parent[node]
    return found
