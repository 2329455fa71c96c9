"""What breaks first when traffic grows: by how much everything may be multiplied until a service is too late, and where."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tieline.network.performance.bounds import Bounds, Floats, Integers, bounds_of
from tieline.network.performance.network import Performance, end_of, limit_of, sender_of, starts_of
from tieline.network.result import Input, Result, at_least

_MOST = 1_024.0
_CLOSE = 1.01


def headroom_of(performance: Performance) -> Result | None:
    """By how much rates and bursts of all streams may be multiplied together; None where nothing is carried or nothing keeps its limit.

    Streams that are too late as it is are left out: they have results of their own. The growth is found to a hundredth, and no more than
    it is.
    """
    if performance.columns is None or performance.bounds is None:
        return None
    rows, streams, limits = _watched(performance)
    kept = performance.bounds.hop_delay_s[rows] <= limits
    kept &= np.isfinite(performance.bounds.hop_delay_s[rows])
    rows, streams, limits = rows[kept], streams[kept], limits[kept]
    if not len(rows):
        return None
    low, high = 1.0, max(2.0, _full(performance))
    below = _worst(performance.bounds, rows, limits)[0]
    broken = _grown(performance, high)
    above, first = _worst(broken, rows, limits)
    while above <= 1:
        if high >= _MOST:
            return _unlimited(performance, high)
        low, high, below = high, 2 * high, above
        broken = _grown(performance, high)
        above, first = _worst(broken, rows, limits)
    while high / low > _CLOSE:
        middle = _between(low, high, below, above)
        bounds = _grown(performance, middle)
        worst, row = _worst(bounds, rows, limits)
        if worst > 1:
            high, above, first, broken = middle, worst, row, bounds
        else:
            low, below = middle, worst
    row, stream = int(rows[first]), int(streams[first])
    port, used = _fullest(performance, broken)
    if not np.isfinite(broken.hop_delay_s[row]) and used > 1:
        return _overfull(performance, low, port, used, stream)
    return _result(performance, low, broken, row, stream, float(limits[first]))


def _full(performance: Performance) -> float:
    """A factor with which the fullest link is overfull: nothing bounds its delay."""
    assert performance.bounds is not None
    return min(_MOST, _CLOSE / _fullest(performance, performance.bounds)[1])


def _fullest(performance: Performance, bounds: Bounds) -> tuple[int, float]:
    """The port that has most to carry of what it can, and how much, 1 for all of it."""
    assert performance.columns is not None
    rates = performance.columns[0].rate_bps
    used = np.bincount(bounds.queue_port, bounds.queue_rate_bps, len(rates)) / rates
    port = int(np.argmax(used))
    return port, float(used[port])


def _worst(bounds: Bounds, rows: Integers, limits: Floats) -> tuple[float, int]:
    """The greatest delay by its limit, infinite without a bound, and which of the rows has it."""
    delays = bounds.hop_delay_s[rows]
    shares = np.full(len(rows), np.inf)
    np.divide(delays, limits, out=shares, where=np.isfinite(delays))
    at = int(np.argmax(shares))
    return float(shares[at]), at


def _between(low: float, high: float, below: float, above: float) -> float:
    """Where the delay is likely to meet its limit, at a distance from either end."""
    if not math.isfinite(above):
        return math.sqrt(low * high)
    guess = low + (high - low) * (1 - below) / (above - below)
    nearest = math.pow(high / low, 0.15)
    return min(max(guess, low * nearest), high / nearest)


def _watched(performance: Performance) -> tuple[Integers, Integers, Floats]:
    """Rows of the columns that end at a target, their streams, and their limits in seconds; infinite without one."""
    rows, streams, limits = [], [], []
    for number, (start, steps) in enumerate(zip(starts_of(performance.steps), performance.steps, strict=True)):
        stream = performance.routed[number]
        limit, _ = limit_of(stream)
        for index, step in enumerate(steps):
            if end_of(performance.network, step) in stream.targets:
                rows.append(start + index)
                streams.append(number)
                limits.append(np.inf if limit is None else limit / 1_000)
    return np.array(rows, dtype=np.int64), np.array(streams, dtype=np.int64), np.array(limits)


def _grown(performance: Performance, factor: float) -> Bounds:
    assert performance.columns is not None
    ports, classes, flows, hops = performance.columns
    grown = replace(flows, burst_bits=flows.burst_bits * factor, rate_bps=flows.rate_bps * factor)
    return bounds_of(ports, classes, grown, hops)


def _result(performance: Performance, factor: float, broken: Bounds, row: int, number: int, limit_s: float) -> Result:
    stream = performance.routed[number]
    start = list(starts_of(performance.steps))[number]
    steps = performance.steps[number]
    way, index = [], row - start
    while index >= 0:
        queue = int(broken.hop_queue[start + index])
        link = performance.network.links[steps[index].way.link]
        on_port = broken.queue_port == broken.queue_port[queue]
        share = float(broken.queue_rate_bps[on_port].sum()) / (link.speed_mbps * 1e6) * 100
        way.append((float(broken.queue_delay_s[queue]), share, steps[index]))
        index = steps[index].before
    # Of ports that have no bound the fullest is the first to lose it.
    delay, share, step = max(way, key=lambda each: each[:2])
    link = performance.network.links[step.way.link]
    port = sender_of(performance.network, step)
    margin, verdict = at_least(factor, 1.0)
    late = f"takes longer than the {limit_s * 1_000:.2f} ms that it may" if np.isfinite(limit_s) else "has no bound any more"
    waits = f"it may wait {delay * 1_000:.2f} ms of that" if np.isfinite(delay) else "it may wait for ever"
    return Result(
        what="growth of all traffic until a service is too late",
        subject=link.name,
        value=factor,
        unit="times",
        formula="the greatest factor on all rates and bursts with which every stream that keeps its limit still does",
        inputs=(
            Input(name="first too late", value=stream.name),
            Input(name="its limit", value=limit_s * 1_000, unit="ms")
            if np.isfinite(limit_s)
            else Input(name="its limit", value="a bound at all"),
            Input(name="where it waits longest", value=port),
            Input(name="utilization there then", value=share, unit="%"),
            Input(name="utilization there now", value=share / factor, unit="%"),
        ),
        source="bounds of network calculus, computed again for each factor",
        limit=1.0,
        margin=margin,
        verdict=verdict,
        note=f"link {link.name} ({link.speed_mbps:g} Mbit/s, {link.a.path} to {link.b.path}) breaks first. With more than {factor:.2f} "
        f"times as much of everything, {stream.name} {late}: at port {port} {waits}{_behind(performance, step.way.row, number)}. "
        f"On average that link is {share:.0f} % full then, {share / factor:.0f} % today.",
    )


def _overfull(performance: Performance, factor: float, port_row: int, used: float, number: int) -> Result:
    """Of a port that has to carry more than it can; what has no bound then may not even pass it, only wait for what does."""
    assert performance.columns is not None
    _, _, flows, hops = performance.columns
    link = performance.network.links[port_row // 2]
    port = (link.a if port_row % 2 == 0 else link.b).path
    senders = np.unique(hops.flow[hops.port == port_row])
    most = performance.routed[int(senders[np.argmax(flows.rate_bps[senders].min(axis=1))])]
    more = f" and {len(senders) - 1} more" if len(senders) > 1 else ""
    margin, verdict = at_least(factor, 1.0)
    return Result(
        what="growth of all traffic until a service is too late",
        subject=link.name,
        value=factor,
        unit="times",
        formula="the greatest factor on all rates and bursts with which every stream that keeps its limit still does",
        inputs=(
            Input(name="first too late", value=performance.routed[number].name),
            Input(name="what is overfull", value=port),
            Input(name="utilization there then", value=used * 100, unit="%"),
            Input(name="utilization there now", value=used * 100 / factor, unit="%"),
        ),
        source="bounds of network calculus, computed again for each factor",
        limit=1.0,
        margin=margin,
        verdict=verdict,
        note=f"link {link.name} ({link.speed_mbps:g} Mbit/s, {link.a.path} to {link.b.path}) breaks first. With more than {factor:.2f} "
        f"times as much of everything it is full: port {port} cannot send all of {most.name}{more}, and nothing bounds the wait. "
        f"Today it is {used * 100 / factor:.0f} % full.",
    )


def _behind(performance: Performance, row: int, number: int) -> str:
    """What shares a port with a stream."""
    assert performance.columns is not None
    _, _, flows, hops = performance.columns
    others = np.unique(hops.flow[(hops.port == row) & (hops.flow != number)])
    if not len(others):
        return ""
    largest = performance.routed[int(others[np.argmax(flows.burst_bits[others].max(axis=1))])]
    return f" behind {largest.name}" + (f" and {len(others) - 1} more" if len(others) > 1 else "") + ", if all send at once"


def _unlimited(performance: Performance, factor: float) -> Result:
    margin, verdict = at_least(factor, 1.0)
    return Result(
        what="growth of all traffic until a service is too late",
        subject="network",
        value=factor,
        unit="times",
        formula="the greatest factor on all rates and bursts with which every stream that keeps its limit still does",
        inputs=(Input(name="streams", value=len(performance.routed)),),
        source="bounds of network calculus, computed again for each factor",
        limit=1.0,
        margin=margin,
        verdict=verdict,
        note=f"no link breaks: every stream keeps its limit with {factor:,.0f} times as much of everything, at least.",
    )
