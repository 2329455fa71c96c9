"""End-to-end delay bounds along a row of servers, by three analyses.

- Total flow analysis (TFA): each server delays everything by the bound for its total arrivals; the delays add up.
- Separated flow analysis (SFA): what each server leaves for the flow is put together first, so that the flow pays its burst once.
- Pay multiplexing only once (PMOO): a flow that crosses several servers in a row is paid for once, too; holds for any order of service.

Servers are first-in first-out for the first two. Each bound holds, so the least of them does.
Sources: Le Boudec and Thiran, Network Calculus, 6.2 (output of a FIFO server); J. B. Schmitt, F. A. Zdarsky, I. Martinovic, Improving
Performance Bounds in Feed-Forward Networks by Paying Multiplexing Only Once, MMB 2008.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tieline.network.performance.curves import Bucket, Service, delay, leaky, left_in_order, one_after_the_other


@dataclass(frozen=True, slots=True)
class TandemFlow:
    """A flow that enters at server `first` and leaves after server `last`, counted from 0."""

    bucket: Bucket
    first: int
    last: int

    def crosses(self, server: int) -> bool:
        """Whether it passes that server."""
        return self.first <= server <= self.last


def total_flow(servers: Sequence[Service], flows: Sequence[TandemFlow], of: int = 0) -> float:
    """The bound by TFA of flow number `of`."""
    buckets = _buckets(servers, flows)
    found = 0.0
    for index in range(flows[of].first, flows[of].last + 1):
        everything = [buckets[index][number] for number, flow in enumerate(flows) if flow.crosses(index)]
        found += delay(leaky(*_sum(everything)), servers[index])
    return found


def separated_flow(servers: Sequence[Service], flows: Sequence[TandemFlow], of: int = 0) -> float:
    """The bound by SFA of flow number `of`."""
    buckets = _buckets(servers, flows)
    left = []
    for index in range(flows[of].first, flows[of].last + 1):
        others = [buckets[index][number] for number, flow in enumerate(flows) if flow.crosses(index) and number != of]
        left.append(left_in_order(servers[index], Bucket(*_sum(others))))
    whole = one_after_the_other(left)
    if whole.rate <= 0:
        return math.inf
    return delay(leaky(flows[of].bucket.burst, flows[of].bucket.rate), whole)


def pay_multiplexing_once(servers: Sequence[Service], flows: Sequence[TandemFlow], of: int = 0) -> float:
    """The bound by PMOO of flow number `of`.

    A crossing flow that came from before the flow's first server enters with the burst that first-in first-out servers let it grow to.
    """
    me = flows[of]
    path = range(me.first, me.last + 1)
    buckets = _buckets(servers, flows)
    extra = 0.0
    rate = min(
        servers[index].rate - sum(flow.bucket.rate for n, flow in enumerate(flows) if n != of and flow.crosses(index))
        for index in path
    )
    if rate <= 0:
        return math.inf
    for number, flow in enumerate(flows):
        shared = [index for index in path if flow.crosses(index)]
        if number == of or not shared:
            continue
        entering = buckets[shared[0]][number].burst
        extra += entering + flow.bucket.rate * sum(servers[index].latency for index in shared)
    left = Service(rate, sum(servers[index].latency for index in path) + extra / rate)
    return delay(leaky(me.bucket.burst, me.bucket.rate), left)


def _buckets(servers: Sequence[Service], flows: Sequence[TandemFlow]) -> list[dict[int, Bucket]]:
    """What each flow is when it arrives at each server that it passes."""
    found: list[dict[int, Bucket]] = [{} for _ in servers]
    now: dict[int, Bucket] = {}
    for index, server in enumerate(servers):
        now = {number: now.get(number, flow.bucket) for number, flow in enumerate(flows) if flow.crosses(index)}
        found[index] = dict(now)
        total = sum(bucket.burst for bucket in now.values())
        for number, bucket in now.items():
            others = total - bucket.burst
            now[number] = Bucket(bucket.burst + bucket.rate * (server.latency + others / server.rate), bucket.rate)
    return found


def _sum(buckets: Sequence[Bucket]) -> tuple[float, float]:
    return sum(bucket.burst for bucket in buckets), sum(bucket.rate for bucket in buckets)
