"""A packet-level simulation of a switched network, frame by frame: strict priority over deficit round robin, store and forward or cut
through, links alone or in a LAG.

It shares nothing with the analysis but its input columns.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from tieline.network.performance.bounds import LARGEST_FRAME_BITS, Classes, Flows, Hops, Ports


@dataclass(frozen=True, slots=True)
class Case:
    """A network with its flows, and whether frames that nobody described fill the lowest class of every port."""

    ports: Ports
    classes: Classes
    flows: Flows
    hops: Hops
    is_flooded: bool


@dataclass(slots=True)
class Observed:
    """The longest delays of each row of hops and each queue's greatest backlog in bits."""

    delay_s: list[float]
    backlog_bits: dict[tuple[int, int], float]
    frames: int


def emissions(
    case: Case, flow: int, random: Random, *, until_s: float, phase_s: float, is_greedy: bool
) -> list[tuple[float, float]]:
    """Times and sizes of frames, as early as both leaky buckets let them, or with pauses in between."""
    (b0, b1), (r0, r1) = case.flows.burst_bits[flow], case.flows.rate_bps[flow]
    large, small = case.flows.largest_bits[flow], case.flows.smallest_bits[flow]
    fills, last, now = [b0, b1], phase_s, phase_s
    found: list[tuple[float, float]] = []
    while len(found) < 400:
        size = large if is_greedy or random.random() < 0.5 else random.uniform(small, large)
        wait = 0.0
        for fill, rate in zip(fills, (r0, r1), strict=True):
            short = size - fill - rate * (now - last)
            if short > 0:
                wait = max(wait, short / rate if rate > 0 else math.inf)
        at = now + wait * (1 + 1e-12)
        if not is_greedy and random.random() < 0.2:
            at += random.expovariate(1.0) * size / max(r1, 1.0)
        if at > until_s:
            break
        fills = [min(b, fill + r * (at - last)) - size for b, fill, r in zip((b0, b1), fills, (r0, r1), strict=True)]
        last = now = at
        found.append((at, size))
    return found


class _Port:
    __slots__ = ("busy", "deficits", "queues", "turn", "visited")

    def __init__(self, classes: int) -> None:
        self.queues: list[deque[tuple[float, int, float, float]]] = [deque() for _ in range(classes)]
        self.deficits = [0.0] * classes
        self.turn = 0
        self.visited = False
        self.busy = False


def simulate(case: Case, random: Random, *, until_s: float, phases_s: list[float], is_greedy: bool) -> Observed:
    """Runs it until every frame has arrived."""
    rate, forwarding = case.ports.rate_bps.tolist(), case.ports.forwarding_s.tolist()
    propagation = case.ports.propagation_s.tolist()

    lanes = [1] * len(rate) if case.ports.lanes is None else case.ports.lanes.tolist()
    is_cut = [False] * len(rate) if case.ports.is_cut_through is None else case.ports.is_cut_through.tolist()
    lane_of = [[random.randrange(count) for count in lanes] for _ in range(len(case.flows.of_class))]
    offsets = [sum(lanes[:index]) for index in range(len(lanes))]

    queued: dict[tuple[int, int], float] = {}

    def after_forwarding(row: int, first: float, last: float) -> float:
        """When a frame is queued, that has begun to arrive at `first` and is there at `last`.

        From then, or where it is cut through from the first on, to the longest time later, another for each; frames of one link keep
        their order.
        """
        longest_s = forwarding[hop_port[row]]
        earliest = first if is_cut[hop_port[row]] else last
        if earliest == last and not longest_s:
            return last
        found = random.choice((earliest, random.uniform(earliest, last + longest_s), last + longest_s))
        way = (came_over[row], hop_port[row])
        found = max(found, queued.get(way, 0.0))
        queued[way] = found
        return found

    weights = case.classes.weight.tolist()
    count = len(weights)
    strict = [index for index in reversed(range(count)) if math.isnan(weights[index])]
    weighted = [index for index in range(count) if not math.isnan(weights[index])]
    least = min((weights[index] for index in weighted), default=1.0)
    quanta = [0.0 if math.isnan(weight) else weight / least * LARGEST_FRAME_BITS for weight in weights]
    hop_port, hop_flow = case.hops.port.tolist(), case.hops.flow.tolist()
    of_class = case.flows.of_class[case.hops.flow]
    if case.ports.queues is not None:
        of_class = np.minimum(of_class, case.ports.queues[case.hops.port] - 1)
    class_of_row = of_class.tolist()
    sender = [offsets[port] + lane_of[flow][port] for port, flow in zip(hop_port, hop_flow, strict=True)]
    port_of = [port for port, count in enumerate(lanes) for _ in range(count)]
    came_over = [sender[before] if before >= 0 else -1 - hop_flow[row] for row, before in enumerate(case.hops.before.tolist())]
    nexts: list[list[int]] = [[] for _ in hop_port]
    for row, before in enumerate(case.hops.before.tolist()):
        if before >= 0:
            nexts[before].append(row)
    ports = [_Port(count) for _ in port_of]
    longest = [0.0] * len(hop_port)
    held: dict[tuple[int, int], float] = {}
    most: dict[tuple[int, int], float] = {}
    events: list[tuple[float, int, int, int, float, float, float]] = []
    serial = 0
    for row, before in enumerate(case.hops.before.tolist()):
        if before < 0:
            flow = hop_flow[row]
            for at, size in emissions(case, flow, random, until_s=until_s, phase_s=phases_s[flow], is_greedy=is_greedy):
                serial += 1
                heapq.heappush(events, (after_forwarding(row, at, at), 0, serial, row, size, at, 0.0))
    frames = len(events)

    def pick(port: _Port) -> int:
        for index in strict:
            if port.queues[index]:
                return index
        if not any(port.queues[index] for index in weighted):
            return -1
        while True:
            index = weighted[port.turn]
            queue = port.queues[index]
            if not queue:
                port.deficits[index] = 0.0
            else:
                if not port.visited:
                    port.deficits[index] += quanta[index]
                    port.visited = True
                if queue[0][2] <= port.deficits[index]:
                    port.deficits[index] -= queue[0][2]
                    return index
            port.turn, port.visited = (port.turn + 1) % len(weighted), False

    def start(number: int, now: float) -> None:
        nonlocal serial
        port = ports[number]
        index = pick(port)
        serial += 1
        if index >= 0:
            _, row, size, born = port.queues[index].popleft()
            port.busy = True
            first, last = (now + wait + propagation[port_of[number]] for wait in (0.0, size / rate[port_of[number]]))
            heapq.heappush(events, (now + size / rate[port_of[number]], 1, serial, row, size, born, index))
            for after in nexts[row]:
                serial += 1
                # A frame that would have to be sent faster than it comes is not cut through.
                begin = first if rate[hop_port[after]] <= rate[port_of[number]] else last
                heapq.heappush(events, (after_forwarding(after, begin, last), 0, serial, after, size, born, 0.0))
        elif case.is_flooded and now < until_s:
            port.busy = True
            heapq.heappush(events, (now + LARGEST_FRAME_BITS / rate[port_of[number]], 2, serial, number, 0.0, 0.0, 0.0))

    if case.is_flooded:
        for number in range(len(ports)):
            start(number, random.uniform(-1e-4, 0.0))
    while events:
        # Frames that arrive at the moment at which one has been sent are in the queue before the next is chosen.
        now, kind, _, row, size, born, extra = heapq.heappop(events)
        if kind == 0:
            number, index = sender[row], class_of_row[row]
            port = ports[number]
            key = (number, index)
            held[key] = held.get(key, 0.0) + size
            most[key] = max(most.get(key, 0.0), held[key])
            port.queues[index].append((now, row, size, born))
            if not port.busy:
                # What arrives together is all there before the port chooses.
                port.busy = True
                serial += 1
                heapq.heappush(events, (now, 3, serial, number, 0.0, 0.0, 0.0))
            continue
        if kind == 1:
            number = sender[row]
            held[number, int(extra)] -= size
            longest[row] = max(longest[row], now + propagation[hop_port[row]] - born)
        else:
            number = row
        ports[number].busy = False
        start(number, now)
    greatest: dict[tuple[int, int], float] = {}
    for (number, index), bits in most.items():
        greatest[port_of[number], index] = max(greatest.get((port_of[number], index), 0.0), bits)
    return Observed(longest, greatest, frames)


def random_case(random: Random, *, is_odd: bool = False) -> Case:
    """A random tree of switches with devices, two to five classes, and flows that fit its links.

    Where it `is_odd`, switches stand in rings too, which flows go around one way or both, links in LAGs; some switches cut through, and
    some have fewer queues than there are classes.
    """
    switches = random.randint(2, 5)
    devices = random.randint(3, 8)
    parents = [-1] + [random.randrange(index) for index in range(1, switches)]
    homes = [index % switches if is_odd else random.randrange(switches) for index in range(devices)]
    ends = [(index, parent) for index, parent in enumerate(parents) if parent >= 0]
    ends += [(switches + index, home) for index, home in enumerate(homes)]
    if is_odd and switches > 2 and random.random() < 0.7:
        parents = [-1, *range(switches - 1)]
        ends = [(index, parent) for index, parent in enumerate(parents) if parent >= 0] + ends[switches - 1 :]
        ends.append((switches - 1, 0))
    speeds = {frozenset(end): random.choice((1e7, 1e8, 1e8, 1e9)) for end in ends}
    neighbors: dict[int, list[int]] = {}
    for one, other in ends:
        neighbors.setdefault(one, []).append(other)
        neighbors.setdefault(other, []).append(one)
    numbers = {way: index for index, way in enumerate(way for one, other in ends for way in ((one, other), (other, one)))}
    forwarding = random.choice((0.0, 5e-6, 2e-5, 1e-4))
    cutting = [is_odd and random.random() < 0.5 for _ in range(switches)]
    lanes = {end: random.choice((1, 1, 2)) if is_odd and max(end) < switches else 1 for end in speeds}
    ports = Ports(
        rate_bps=np.array([speeds[frozenset(way)] for way in numbers]),
        forwarding_s=np.array([forwarding if way[0] < switches else 0.0 for way in numbers]),
        propagation_s=np.array([random.choice((0.0, 5e-7, 5e-6)) for _ in numbers]),
        lanes=np.array([lanes[frozenset(way)] for way in numbers]),
        is_cut_through=np.array([way[0] < switches and cutting[way[0]] for way in numbers]),
    )
    strict = random.randint(1, 3)
    weights = random.choice(((), (), (1.0, 2.0), (1.0, 3.0, 2.0)))
    is_flooded = not weights and random.random() < 0.5
    # What nobody described fills the lowest queue, and shares it with nothing that has a bound.
    queues = [random.choice((1 + is_flooded, 2, 3, 8)) if is_odd else 8 for _ in range(switches)]
    ports = replace(ports, queues=np.array([queues[way[0]] if way[0] < switches else 8 for way in numbers]))
    classes = Classes(weight=np.array([*weights, *([math.nan] * (strict + is_flooded))]))
    rows: list[tuple[int, int, int]] = []
    of_class, bursts, rates, large, small = [], [], [], [], []
    for flow in range(random.randint(6, 24) if is_odd else random.randint(2, 14)):
        source = random.randrange(devices) + switches
        targets = random.sample(
            [index + switches for index in range(devices) if index + switches != source], random.choice((1, 1, 2))
        )
        of_class.append(random.randrange(int(is_flooded), len(classes.weight)))
        octets = random.choice((84, 150, 300, 800, 1542))
        large.append(octets * 8.0)
        small.append(random.choice((octets, min(octets, 84))) * 8.0)
        slowest = 1e9
        seen: dict[tuple[int, int], int] = {}
        for target in targets:
            before = -1
            for way in _path(neighbors, source, target, random if is_odd else None):
                slowest = min(slowest, speeds[frozenset(way)])
                if way not in seen:
                    seen[way] = len(rows)
                    rows.append((flow, numbers[way], before))
                before = seen[way]
        long = random.uniform(0.005, 0.05 if is_odd else 0.12) * slowest
        frames = random.choice((1, 1, 2, 4, 8))
        bursts.append((octets * 8.0, octets * 8.0 * frames) if frames > 1 else (octets * 8.0,) * 2)
        rates.append((long * random.uniform(2, 8), long) if frames > 1 else (long, long))
    flows = Flows(
        of_class=np.array(of_class),
        burst_bits=np.array(bursts),
        rate_bps=np.array(rates),
        largest_bits=np.array(large),
        smallest_bits=np.array(small),
    )
    flow, port, before = (np.array(column) for column in zip(*rows, strict=True))
    return Case(ports, classes, flows, Hops(flow=flow, port=port, before=before), is_flooded)


def _path(neighbors: dict[int, list[int]], source: int, target: int, random: Random | None) -> list[tuple[int, int]]:
    came = {source: source}
    waiting = deque([source])
    while waiting:
        # Around a ring either way, not the shorter one alone.
        node = waiting.popleft() if random is None or random.random() < 0.5 else waiting.pop()
        for other in neighbors[node] if random is None else random.sample(neighbors[node], len(neighbors[node])):
            if other not in came:
                came[other] = node
                waiting.append(other)
    ways, node = [], target
    while node != source:
        ways.append((came[node], node))
        node = came[node]
    return ways[::-1]


def adversarial_phases(case: Case, random: Random) -> list[float]:
    """Phases that bring the flows of one port there at the same time, as far as their shortest ways tell."""
    fixed = case.ports.propagation_s + case.ports.forwarding_s
    arrival: dict[int, list[tuple[int, float]]] = {}
    at: list[float] = []
    for flow, port, before in zip(case.hops.flow.tolist(), case.hops.port.tolist(), case.hops.before.tolist(), strict=True):
        begin = at[before] if before >= 0 else 0.0
        arrival.setdefault(port, []).append((flow, begin))
        at.append(begin + case.flows.largest_bits[flow] / case.ports.rate_bps[port] + fixed[port])
    port = random.choice(sorted(arrival, key=lambda each: -len(arrival[each]))[:3])
    times = dict(arrival[port])
    latest = max(times.values())
    return [latest - times[flow] if flow in times else random.uniform(0, 2 * latest) for flow in range(len(case.flows.of_class))]
