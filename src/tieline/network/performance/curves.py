"""Arrival and service curves of network calculus, and what follows from a pair of them.

An arrival curve is the least of several leaky buckets, hence concave: within any t seconds at most min(burst + rate * t) arrives. A
service curve is a rate after a latency. Units are the caller's, as long as they agree (here bits, bits per second, seconds).
Source: J.-Y. Le Boudec, P. Thiran, Network Calculus, Springer 2001, chapter 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """A leaky bucket."""

    burst: float
    rate: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """The least of several leaky buckets."""

    buckets: tuple[Bucket, ...]

    def at(self, t: float) -> float:
        """The most that arrives within `t` seconds, right after their beginning with t = 0."""
        return min(bucket.burst + bucket.rate * t for bucket in self.buckets)

    @property
    def last(self) -> Bucket:
        """The bucket that holds in the long run."""
        return min(self.buckets, key=lambda bucket: (bucket.rate, bucket.burst))

    def corners(self) -> tuple[float, ...]:
        """0 and every time at which two buckets meet; the curve is straight in between."""
        times = {0.0}
        for index, one in enumerate(self.buckets):
            for other in self.buckets[index + 1 :]:
                if one.rate != other.rate:
                    times.add(max(0.0, (other.burst - one.burst) / (one.rate - other.rate)))
        return tuple(sorted(times))


@dataclass(frozen=True, slots=True)
class Service:
    """A rate after a latency: at least rate * (t - latency) within any t seconds of a busy time."""

    rate: float
    latency: float

    def at(self, t: float) -> float:
        """The least that is served within `t` seconds."""
        return self.rate * max(0.0, t - self.latency)


def leaky(burst: float, rate: float) -> Arrival:
    """An arrival curve of one bucket."""
    return Arrival((Bucket(burst, rate),))


def together(arrivals: Sequence[Arrival]) -> Arrival:
    """What several flows send at most, as few buckets: one of all long-run buckets, one of those for the shortest times.

    No less than the sum of the curves, and equal to it where each has one bucket.
    """
    last = [each.last for each in arrivals]
    first = [min(each.buckets, key=lambda bucket: (bucket.burst, bucket.rate)) for each in arrivals]
    buckets = {Bucket(sum(bucket.burst for bucket in some), sum(bucket.rate for bucket in some)) for some in (first, last)}
    return Arrival(tuple(buckets))


def delay(arrival: Arrival, service: Service) -> float:
    """The longest delay in order of arrival: the horizontal distance. Infinite where the long-run rate exceeds the service."""
    if arrival.last.rate > service.rate:
        return math.inf
    return service.latency + max(arrival.at(t) / service.rate - t for t in arrival.corners())


def backlog(arrival: Arrival, service: Service) -> float:
    """The greatest backlog: the vertical distance. Infinite where the long-run rate exceeds the service."""
    if arrival.last.rate > service.rate:
        return math.inf
    return max(arrival.at(t) - service.at(t) for t in (*arrival.corners(), service.latency))


def output(arrival: Arrival, service: Service) -> Arrival:
    """What leaves: each bucket has grown by what it may send within the latency. Buckets faster than the service are left out."""
    kept = [bucket for bucket in arrival.buckets if bucket.rate <= service.rate]
    return Arrival(tuple(Bucket(bucket.burst + bucket.rate * service.latency, bucket.rate) for bucket in kept))


def one_after_the_other(services: Sequence[Service]) -> Service:
    """What a row of servers gives: the least rate, the sum of the latencies."""
    return Service(min(each.rate for each in services), sum(each.latency for each in services))


def left_in_order(service: Service, cross: Bucket) -> Service:
    """What is left of a first-in first-out server for a flow, the others being within `cross` (Le Boudec and Thiran, 6.2.2)."""
    if cross.rate >= service.rate:
        return Service(0.0, math.inf)
    return Service(service.rate - cross.rate, service.latency + cross.burst / service.rate)
