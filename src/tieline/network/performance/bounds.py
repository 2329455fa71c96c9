"""Bounds of delay and backlog for every queue and every flow of a switched network, in columns.

Theory of operation. A port sends one frame at a time; each class of traffic has a queue in it, first-in first-out. A flow is limited by two
leaky buckets, one for short times and one for the long run, where it enters; at every later port it may have bunched up by its jitter so
far, that is the longest delay less the shortest: its bucket grows by rate times jitter. Flows that came over the same link are limited
together by that link's rate as well. What a node takes to forward varies from nothing to its longest, which is jitter like any other.

What a port gives a queue is a rate after a latency: strict priority leaves what higher classes do not take, after one frame of a lower
class that has just begun; weighted queues get their share after a round (deficit round robin), or what the others leave, whichever is
better. A frame has left a port when its last bit has (store and forward). The delay of a queue is the horizontal distance between the
curves, its backlog the vertical one.

The delays depend on the jitters and these on the delays of the ports before, so that all are computed again until nothing changes. Without
cycles that ends after as many rounds as ports wait one for the other. With cycles (HSR rings, for example) a finite fixed point bounds the
delays (Thomas, Le Boudec, Mifdaoui 2019); where there is none found, the delays are infinite and `is_stable` is False.

End to end a flow's bound is the lesser of two: the delays of the ports one after the other (total flow analysis, with the links' own
limits), and the service left along the path put together, so that the flow pays its own burst once (separated flow analysis).

Sources: Le Boudec and Thiran, Network Calculus, 2001, 1.4, 1.7 (packetizers), 6.2 (FIFO); A. Bouillard, M. Boyer, E. Le Corronc,
Deterministic Network Calculus, 2018, chapter 7 (strict priority, deficit round robin), 10 and 12 (networks, cycles); L. Thomas,
J.-Y. Le Boudec, A. Mifdaoui, On Cyclic Dependencies and Regulators in Time-Sensitive Networks, RTSS 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

LARGEST_FRAME_BITS = 1_542 * 8.0
"""A full Ethernet frame with VLAN tag, preamble, start delimiter and gap."""
OVERHEAD_OCTETS = 20
"""Preamble and start delimiter (8) and the gap between frames (12) of IEEE 802.3."""
_MOST_ROUNDS = 200
_CLOSE = 1e-9
_ROUNDING = 1e-12
_GUARD = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Sending ends of links, one row each."""

    rate_bps: Floats
    forwarding_s: Floats
    """The longest time from the last bit in to the queue, of the node that sends; it may take any shorter time, too."""
    propagation_s: Floats
    lanes: Integers | None = None
    """Links that a row stands for, of a LAG; flows may all be on one of them, or on any. None: one each."""
    queues: Integers | None = None
    """How many it has; where there are fewer than classes, the highest classes share the last. None: one for each class."""
    is_cut_through: Booleans | None = None
    """Whether the node that sends may begin before a frame is whole. None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The queues of every port, one row each, the least important first. Strict ones stand above all weighted ones."""

    weight: Floats
    """Share among the weighted queues; NaN for strict priority."""
    blocking_bits: float = LARGEST_FRAME_BITS
    """The frame of a lower class that may be on its way even where none is described."""

    @property
    def is_strict(self) -> Booleans:
        """Which are served by strict priority."""
        return np.isnan(self.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Streams of frames, one row each. Bits count on the wire, with `OVERHEAD_OCTETS`."""

    of_class: Integers
    burst_bits: Floats
    """Shape (flows, 2): for short times, and for the long run."""
    rate_bps: Floats
    """Shape (flows, 2)."""
    largest_bits: Floats
    smallest_bits: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Hops:
    """Which flow passes which port, one row for each; a multicast flow is a tree."""

    flow: Integers
    port: Integers
    before: Integers
    """The row of the port that it came from, always an earlier row; -1 where the flow begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What was found. A queue is a class at a port that has flows."""

    is_stable: bool
    """Whether a bound exists for every flow."""
    is_cyclic: bool
    """Whether ports wait for each other in a circle."""
    rounds: int
    queue_port: Integers
    queue_class: Integers
    queue_rate_bps: Floats
    """Long-run arrivals."""
    queue_service_bps: Floats
    queue_latency_s: Floats
    queue_burst_bits: Floats
    """Most that arrives at one instant."""
    queue_delay_s: Floats
    """From the last bit in the queue to the last bit on the wire; infinite where no bound exists."""
    queue_backlog_bits: Floats
    hop_queue: Integers
    """Of each row of `Hops`."""
    hop_delay_s: Floats
    """From the flow's beginning to the far end of this row's link."""
    hop_total_flow_s: Floats
    """The same by the delays of the ports alone."""


@dataclass(slots=True)
class _Groups:
    """Flows of one class that enter a port over the same link, and the queues that they form; what does not change between rounds."""

    of_hop: Integers
    queue: Integers
    line_bps: Floats
    """Of the link they came over; infinite where flows begin."""
    line_bits: Floats
    """What that link lets come at once: a frame, one more that is still coming where it is cut through, and what is carried while
    forwarding takes its longest."""
    frame_bits: Floats
    class_of_hop: Integers
    queue_of_hop: Integers
    queue_port: Integers
    queue_class: Integers
    levels: list[Integers] = field(default_factory=list)
    """Rows of hops by their depth."""


_Pieces = tuple[Floats, Floats, Floats, Floats]
"""Of each group: what comes at once, the first slope; times and falls of the slope, shape (groups, 2)."""


@dataclass(slots=True)
class _Round:
    """One computation of all queues from the jitters."""

    service: Floats
    latency: Floats
    delay: Floats
    pieces: _Pieces
    rate: Floats
    burst: Floats
    sums: tuple[Floats, Floats]
    """Bursts and rates of all flows of a queue, shape (queues, 2)."""
    bursts: Floats
    """Of each hop, shape (hops, 2)."""


def bounds_of(ports: Ports, classes: Classes, flows: Flows, hops: Hops) -> Bounds:
    """The bounds."""
    groups = _groups(ports, flows, hops)
    least = _least(ports, flows, hops)
    jitter = np.zeros(len(hops.flow))

    def step(before: Floats) -> tuple[_Round, Floats]:
        found = _round(ports, classes, flows, hops, groups, before)
        spread = found.delay[groups.queue_of_hop] - least + ports.forwarding_s[hops.port]
        return found, _along(groups.levels, hops.before, spread)

    is_cyclic, chain = _chain(hops)
    rounds = 0
    while True:
        rounds += 1
        found, after = step(jitter)
        if not is_cyclic:
            if rounds == chain or np.allclose(after, jitter, rtol=_ROUNDING, atol=0.0):
                break
            jitter = after
            continue
        after = np.where(np.isinf(jitter) | (rounds > 2 * _MOST_ROUNDS), np.inf, after)
        if _is_close(after, jitter):
            # A step close to the fixed point is below it; one that the next step does not exceed is above it, and holds.
            raised = after * (1 + _GUARD)
            found, again = step(raised)
            is_above = again <= raised
            if is_above.all():
                break
            if rounds >= _MOST_ROUNDS:
                after = np.where(is_above, after, np.inf)
        elif rounds >= _MOST_ROUNDS:
            after = np.where(after > jitter * (1 + _CLOSE), np.inf, after)
        jitter = after
    is_stable = bool(np.isfinite(found.delay).all())
    total = _total(groups, hops, ports, found)
    separated = _separated(groups, hops, ports, flows, found)
    return Bounds(
        is_stable=is_stable,
        is_cyclic=is_cyclic,
        rounds=rounds,
        queue_port=groups.queue_port,
        queue_class=groups.queue_class,
        queue_rate_bps=found.rate,
        queue_service_bps=found.service,
        queue_latency_s=found.latency,
        queue_burst_bits=found.burst,
        queue_delay_s=found.delay,
        queue_backlog_bits=_backlog(ports, groups, found),
        hop_queue=groups.queue_of_hop,
        hop_delay_s=np.minimum(total, separated),
        hop_total_flow_s=total,
    )


def _chain(hops: Hops) -> tuple[bool, int]:
    """Whether ports wait for each other in a circle; otherwise how many wait one for the other at most."""
    is_later = hops.before >= 0
    edges = np.unique(np.stack([hops.port[hops.before[is_later]], hops.port[is_later]], axis=1), axis=0)
    length = 1
    while len(edges):
        # Ports that wait for none are done, and with them what waits for them alone.
        kept = np.isin(edges[:, 0], edges[:, 1])
        if kept.all():
            return True, length
        edges = edges[kept]
        length += 1
    return False, length


def _least(ports: Ports, flows: Flows, hops: Hops) -> Floats:
    """The shortest delay at each port: sending the smallest frame. None of it is sure into and out of a node that cuts through."""
    least = flows.smallest_bits[hops.flow] / ports.rate_bps[hops.port]
    if ports.is_cut_through is not None:
        is_cut = ports.is_cut_through[hops.port]
        least[is_cut] = 0.0
        least[hops.before[is_cut & (hops.before >= 0)]] = 0.0
    return least


def _is_close(after: Floats, before: Floats) -> bool:
    return bool(np.allclose(after, before, rtol=_CLOSE, atol=0.0))


def _groups(ports: Ports, flows: Flows, hops: Hops) -> _Groups:
    classes = int(flows.of_class.max(initial=0)) + 1
    class_of_hop = flows.of_class[hops.flow]
    if ports.queues is not None:
        class_of_hop = np.minimum(class_of_hop, ports.queues[hops.port] - 1)
    queue_key = hops.port * classes + class_of_hop
    queue_keys, queue_of_hop = np.unique(queue_key, return_inverse=True)
    came_over = np.where(hops.before >= 0, hops.port[hops.before], -1)
    group_key = queue_of_hop * (len(ports.rate_bps) + 1) + came_over + 1
    group_keys, of_hop = np.unique(group_key, return_inverse=True)
    line = group_keys % (len(ports.rate_bps) + 1) - 1
    frame = np.zeros(len(group_keys))
    np.maximum.at(frame, of_hop, flows.largest_bits[hops.flow])
    depth = np.zeros(len(hops.flow), dtype=np.int64)
    deeper = np.ones(1, dtype=np.int64)
    while deeper.any():
        deeper = np.where(hops.before >= 0, depth[hops.before] + 1, 0) - depth
        depth += deeper
    order = np.argsort(depth, kind="stable")
    levels = np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)
    queue = group_keys // (len(ports.rate_bps) + 1)
    lanes = np.ones(len(line), dtype=np.int64) if ports.lanes is None else np.where(line >= 0, ports.lanes[line], 1)
    line_bps = np.where(line >= 0, ports.rate_bps[line] * lanes, np.inf)
    port = (queue_keys // classes)[queue]
    forwarding = ports.forwarding_s[port]
    is_cut = np.zeros(len(port), dtype=bool) if ports.is_cut_through is None else ports.is_cut_through[port]
    return _Groups(
        of_hop=of_hop,
        queue=queue,
        line_bps=line_bps,
        line_bits=frame * np.where(is_cut, 2, 1) * lanes + np.where(line >= 0, line_bps, 0.0) * forwarding,
        frame_bits=frame,
        class_of_hop=class_of_hop,
        queue_of_hop=queue_of_hop,
        queue_port=queue_keys // classes,
        queue_class=queue_keys % classes,
        levels=levels,
    )


def _along(levels: list[Integers], before: Integers, step: Floats) -> Floats:
    """Sums of `step` over the rows before each row, without its own."""
    found = np.zeros(len(step))
    for level in levels[1:]:
        found[level] = found[before[level]] + step[before[level]]
    return found


def _round(
    ports: Ports,
    classes: Classes,
    flows: Flows,
    hops: Hops,
    groups: _Groups,
    jitter: Floats,
) -> _Round:
    rates = flows.rate_bps[hops.flow]
    is_endless = np.isinf(jitter)
    # Forwarding takes from nothing to its longest time, so that frames may bunch up once more before the queue.
    spread = np.where(is_endless, 0.0, jitter) + ports.forwarding_s[hops.port]
    bursts = flows.burst_bits[hops.flow] + rates * spread[:, None]
    group_count, queue_count = len(groups.queue), len(groups.queue_port)
    group_bursts = _sums(groups.of_hop, bursts, group_count)
    group_rates = _sums(groups.of_hop, rates, group_count)
    sums = _sums(groups.queue, group_bursts, queue_count), _sums(groups.queue, group_rates, queue_count)
    offers = _offers(ports, classes, flows, hops, groups, sums)
    pieces = _pieces(groups, group_bursts, group_rates)
    curves = _curves(pieces, groups.queue, queue_count)
    delays = np.full((len(offers), queue_count), np.inf)
    for index, (service, latency) in enumerate(offers):
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = _excess(curves, service)
            delays[index] = np.where(service > 0, latency + excess / service, np.inf)
    delays = np.where(np.isnan(delays), np.inf, delays)
    delays[:, _hit(classes, groups, is_endless)] = np.inf
    best = np.argmin(delays, axis=0)
    rows = np.arange(queue_count)
    service = np.stack([offer[0] for offer in offers])[best, rows]
    latency = np.stack([offer[1] for offer in offers])[best, rows]
    delay = delays[best, rows]
    return _Round(
        service=service,
        latency=latency,
        delay=delay,
        pieces=pieces,
        rate=sums[1].min(axis=1),
        burst=_total_of(groups.queue, pieces[0], queue_count),
        sums=sums,
        bursts=bursts,
    )


def _hit(classes: Classes, groups: _Groups, is_endless: Booleans) -> Booleans:
    """Queues that a flow without a bound enters, and those that wait for such a queue."""
    highest = np.full(int(groups.queue_port.max(initial=0)) + 1, -1)
    at = groups.queue_of_hop[is_endless]
    strict = classes.is_strict
    first_strict = int(np.argmax(strict)) if strict.any() else len(strict)
    reach = np.where(strict[groups.queue_class[at]], groups.queue_class[at], first_strict - 1)
    np.maximum.at(highest, groups.queue_port[at], reach)
    return groups.queue_class <= highest[groups.queue_port]


def _sums(of: Integers, values: Floats, count: int) -> Floats:
    return np.stack([_total_of(of, values[:, index], count) for index in range(values.shape[1])], axis=1)


def _total_of(of: Integers, values: Floats, count: int) -> Floats:
    return np.bincount(of, values, count).astype(np.float64, copy=False)


def _offers(
    ports: Ports,
    classes: Classes,
    flows: Flows,
    hops: Hops,
    groups: _Groups,
    sums: tuple[Floats, Floats],
) -> list[tuple[Floats, Floats]]:
    """Rates and latencies that each queue is given, several that all hold."""
    port_count, class_count = len(ports.rate_bps), len(classes.weight)
    shape = (port_count, class_count)
    port, of_class = groups.queue_port, groups.queue_class
    frame = np.zeros(shape)
    np.maximum.at(frame, (hops.port, groups.class_of_hop), flows.largest_bits[hops.flow])
    is_strict = classes.is_strict
    # A lower frame that has begun is not stopped; anything may be in the lowest class. Weighted queues wait for each other by their rounds.
    lower = np.zeros(shape)
    for each in range(class_count):
        below = frame[:, :each].max(axis=1, initial=0.0)
        if each > 0:
            lower[:, each] = np.maximum(below, classes.blocking_bits) if is_strict[each] else classes.blocking_bits
    first_strict = int(np.argmax(is_strict)) if is_strict.any() else class_count
    capacity = ports.rate_bps[port]
    offers = []
    for kind in range(2):
        burst, rate = np.zeros(shape), np.zeros(shape)
        burst[port, of_class], rate[port, of_class] = sums[0][:, kind], sums[1][:, kind]
        over = np.where(is_strict[of_class], of_class + 1, first_strict)
        above_burst, above_rate = _above(burst)[port, over], _above(rate)[port, over]
        # What leaves the higher classes within any time: they may have waited for one lower frame themselves.
        level = np.where(over < class_count, np.minimum(over, class_count - 1), 0)
        waited = np.where(over < class_count, lower[port, level], 0.0)
        above_burst = above_burst + above_rate * waited / capacity
        left = capacity - above_rate
        with np.errstate(divide="ignore", invalid="ignore"):
            latency = np.where(left > 0, (above_burst + lower[port, of_class]) / left, np.inf)
        left = np.maximum(left, 0.0)
        is_weighted = ~is_strict[of_class]
        offers.append((np.where(is_weighted & _shares_port(port, is_weighted), 0.0, left), latency))
        if is_weighted.any():
            offers += _weighted(classes, port, of_class, frame, burst, rate, left, latency, is_weighted)
    return offers


def _above(values: Floats) -> Floats:
    """Sums over the classes from each one up; shape (ports, classes + 1), the last column 0."""
    sums = np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate([sums, np.zeros((len(values), 1))], axis=1)


def _shares_port(port: Integers, is_weighted: Booleans) -> Booleans:
    """Which queues have another weighted one at their port."""
    return np.bincount(port, is_weighted)[port] > 1


def _weighted(
    classes: Classes,
    port: Integers,
    of_class: Integers,
    frame: Floats,
    burst: Floats,
    rate: Floats,
    left: Floats,
    latency: Floats,
    is_weighted: Booleans,
) -> list[tuple[Floats, Floats]]:
    weights = np.where(classes.is_strict, 0.0, classes.weight)
    quantum = weights / weights[weights > 0].min() * LARGEST_FRAME_BITS
    is_there = frame > 0
    whole = (np.where(is_there, quantum, 0.0)).sum(axis=1)[port]
    own, own_frame = quantum[of_class], frame[port, of_class]
    frames = np.where(is_there & ~classes.is_strict, frame, 0.0).sum(axis=1)[port]
    others_burst = np.where(classes.is_strict, 0.0, burst).sum(axis=1)[port] - burst[port, of_class]
    others_rate = np.where(classes.is_strict, 0.0, rate).sum(axis=1)[port] - rate[port, of_class]
    with np.errstate(divide="ignore", invalid="ignore"):
        wait = ((whole - own) * (1 + own_frame / own) + frames - own_frame) / left
        share = np.where(is_weighted, left * own / whole, 0.0), latency + wait
        rest = left - others_rate
        rest_latency = np.where(rest > 0, (left * latency + others_burst) / rest, np.inf)
    return [share, (np.where(is_weighted, np.maximum(rest, 0.0), 0.0), rest_latency)]


def _pieces(groups: _Groups, bursts: Floats, rates: Floats) -> _Pieces:
    """The least of three lines for each group: the link it came over and the two sums of buckets."""
    with_line = np.isfinite(groups.line_bps)
    b = np.stack([np.where(with_line, groups.line_bits, bursts[:, 0]), bursts[:, 0], bursts[:, 1]], axis=1)
    r = np.stack([np.where(with_line, groups.line_bps, rates[:, 0]), rates[:, 0], rates[:, 1]], axis=1)
    order = np.argsort(-r, axis=1, kind="stable")
    b, r = np.take_along_axis(b, order, 1), np.take_along_axis(r, order, 1)
    for _ in range(2):
        for i in range(2):
            same = r[:, i] == r[:, i + 1]
            lesser = np.minimum(b[:, i], b[:, i + 1])
            b[:, i], b[:, i + 1] = np.where(same, lesser, b[:, i]), np.where(same, lesser, b[:, i + 1])

    def meet(i: int, j: int) -> Floats:
        fall = r[:, i] - r[:, j]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(fall > 0, (b[:, j] - b[:, i]) / fall, 0.0)

    early, late, both = meet(0, 1), meet(1, 2), meet(0, 2)
    is_idle = early >= late
    times = np.stack([np.where(is_idle, both, early), np.where(is_idle, both, late)], axis=1)
    falls = np.stack([r[:, 0] - r[:, 1], r[:, 1] - r[:, 2]], axis=1)
    return b.min(axis=1), r[:, 0], np.maximum(times, 0.0), falls


@dataclass(slots=True)
class _Curves:
    """The arrivals of all queues as straight pieces: what comes at once, the first slope, and each piece from its beginning `at`."""

    at_once: Floats
    begin: Floats
    at: Floats
    after: Floats
    """Slope from there on."""
    moved: Floats
    """What the piece, drawn back to t = 0, would begin with, less what comes at once."""
    queue: Integers
    first: Integers


def _curves(pieces: _Pieces, of_queue: Integers, count: int) -> _Curves:
    start, slope, times, falls = pieces
    at, fall, queue = times.ravel(), falls.ravel(), np.repeat(of_queue, 2)
    order = np.lexsort((at, queue))
    at, fall, queue = at[order], fall[order], queue[order]
    first = np.searchsorted(queue, np.arange(count))
    at = np.where(fall > 0, at, 0.0)
    fallen, moved = np.cumsum(fall), np.cumsum(fall * np.where(np.isfinite(at), at, 0.0))
    fallen -= (fallen[first] - fall[first])[queue]
    moved -= (moved[first] - (fall * at)[first])[queue]
    begin = _total_of(of_queue, slope, count)
    return _Curves(_total_of(of_queue, start, count), begin, at, begin[queue] - fallen, moved, queue, first)


def _excess(curves: _Curves, service: Floats) -> Floats:
    """max over t of (arrivals within t - service * t) for each queue; infinite where arrivals outrun the service for ever."""
    # Sums of many rates: what differs in the twelfth digit is the same rate.
    is_under = curves.after <= service[curves.queue] + 1e-12 * curves.begin[curves.queue]
    size = len(curves.queue)
    hit = np.minimum.reduceat(np.where(is_under, np.arange(size), size), curves.first)
    known = np.minimum(hit, size - 1)
    value = curves.at_once + curves.moved[known] + (curves.after[known] - service) * curves.at[known]
    value = np.where(curves.begin <= service, curves.at_once, value)
    return np.where((hit < size) | (curves.begin <= service), value, np.inf)


def _backlog(ports: Ports, groups: _Groups, found: _Round) -> Floats:
    start, slope, times, falls = found.pieces
    # From the latency on, the curve is the same one moved to the left by it; what has fallen by then has fallen at once.
    with np.errstate(invalid="ignore"):
        t = np.where(np.isfinite(found.latency), found.latency, 0.0)[groups.queue]
        reached = start + slope * t - (falls * np.maximum(t[:, None] - times, 0.0)).sum(axis=1)
        moved = (reached, slope, np.maximum(times - t[:, None], 0.0), falls)
        value = _excess(_curves(moved, groups.queue, len(found.latency)), found.service)
    lanes = 1 if ports.lanes is None else ports.lanes[groups.queue_port]
    return np.where(np.isfinite(found.delay), value, np.inf) + _largest(groups, len(found.latency)) * lanes


def _largest(groups: _Groups, count: int) -> Floats:
    """The largest frame of each queue: it keeps its place until its last bit has left."""
    found = np.zeros(count)
    np.maximum.at(found, groups.queue, groups.frame_bits)
    return found


def _total(groups: _Groups, hops: Hops, ports: Ports, found: _Round) -> Floats:
    step = found.delay[groups.queue_of_hop] + ports.forwarding_s[hops.port] + ports.propagation_s[hops.port]
    return _along(groups.levels, hops.before, step) + step


def _separated(groups: _Groups, hops: Hops, ports: Ports, flows: Flows, found: _Round) -> Floats:
    """Along each path what is left for the flow: the least rate, all latencies; a whole frame is sent on at every port but the last."""
    best = np.full(len(hops.flow), np.inf)
    fixed = ports.forwarding_s[hops.port] + ports.propagation_s[hops.port]
    service, latency = found.service[groups.queue_of_hop], found.latency[groups.queue_of_hop]
    for kind in range(2):
        own_rate = flows.rate_bps[hops.flow, kind]
        others_burst = found.sums[0][groups.queue_of_hop, kind] - found.bursts[:, kind]
        others_rate = found.sums[1][groups.queue_of_hop, kind] - own_rate
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.maximum(service - others_rate, 0.0)
            wait = latency + np.maximum(others_burst, 0.0) / service + fixed
            packet = flows.largest_bits[hops.flow] / left
        is_endless = np.isinf(found.delay[groups.queue_of_hop]) | np.isnan(wait)
        wait, packet = np.where(is_endless, np.inf, wait), np.where(np.isnan(packet), np.inf, packet)
        waited = _along(groups.levels, hops.before, wait + packet) + wait
        least = left.copy()
        for level in groups.levels[1:]:
            least[level] = np.minimum(least[level], least[hops.before[level]])
        for own in range(2):
            with np.errstate(divide="ignore", invalid="ignore"):
                bound = waited + flows.burst_bits[hops.flow, own] / least
            best = np.minimum(best, np.where((flows.rate_bps[hops.flow, own] <= least) & ~np.isnan(bound), bound, np.inf))
    return best
