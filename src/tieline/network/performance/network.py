"""Utilization, delay and backlog of a described network, whole or after a failure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieline.config.network import Link, Network, QosClass
from tieline.config.network.catalog import expand_names
from tieline.network.performance.bounds import LARGEST_FRAME_BITS, Bounds, Classes, Flows, Hops, Ports, bounds_of
from tieline.network.performance.paths import NoPathError, Paths, Step, propagation_s
from tieline.network.performance.traffic import Stream
from tieline.network.redundancy.failures import Element
from tieline.network.result import Input, Result, Verdict, at_most

NETWORK_SHARE = 0.2
"""Of a transfer time class: IEC 61850-10 gives each of the two devices 40 % of it."""
_BEST_EFFORT_PCP = 0
_MOST_QUEUES_NAMED = 4
_MOST_NAMED = 4
_TRAILER_BITS = 6 * 8
"""The trailer of PRP, or the tag of HSR (IEC 62439-3)."""
_UNTAGGED_BITS = 4 * 8
"""What a frame has less where it goes without a tag."""
_SHORTEST_BITS = 84 * 8.0
_DELAY_SOURCE = (
    "Network calculus: Le Boudec and Thiran 2001; Bouillard, Boyer and Le Corronc 2018 (docs/reference/network-performance.md)"
)


@dataclass(frozen=True, kw_only=True)
class Performance:
    """What was computed."""

    network: Network
    streams: tuple[Stream, ...]
    routed: tuple[Stream, ...]
    """Those that have a way; the flows of `bounds`, in order."""
    unrouted: Mapping[str, str]
    """Names of the others, and why."""
    steps: tuple[tuple[Step, ...], ...]
    """Of each routed stream."""
    classes: tuple[QosClass | None, ...]
    """By their row in `bounds`, the least important first; None is what no class is written for."""
    columns: tuple[Ports, Classes, Flows, Hops] | None
    """What the bounds were computed from; None where nothing is carried."""
    bounds: Bounds | None

    def results(self) -> tuple[Result, ...]:
        """Delays of the streams first, then utilization of the links, then backlogs of the queues."""
        return (*self.delays(), *self.utilizations(), *self.backlogs())

    def delays(self) -> Iterator[Result]:
        """One result for each stream: the target that may wait longest."""
        rows = dict(zip((stream.name for stream in self.routed), starts_of(self.steps), strict=True))
        steps = dict(zip((stream.name for stream in self.routed), self.steps, strict=True))
        for stream in self.streams:
            if stream.name in self.unrouted:
                yield _no_way(stream, self.unrouted[stream.name])
            else:
                yield self._delay(stream, rows[stream.name], steps[stream.name])

    def _delay(self, stream: Stream, first: int, steps: Sequence[Step]) -> Result:
        bounds, network = self.bounds, self.network
        assert bounds is not None  # it has a routed stream
        worst, total = -1, -1.0
        for index, step in enumerate(steps):
            if end_of(network, step) in stream.targets and bounds.hop_delay_s[first + index] > total:
                worst, total = index, float(bounds.hop_delay_s[first + index])
        reached = {end_of(network, step) for step in steps}
        missing = [target for target in stream.targets if target not in reached]
        if worst < 0 or missing:
            return _no_way(stream, f"it does not reach {', '.join(missing[:_MOST_NAMED])}")
        value = total * 1_000
        limit, words = limit_of(stream)
        margin, verdict = at_most(value, limit)
        row, hops = worst, []
        while row >= 0:
            queue = int(bounds.hop_queue[first + row])
            hops.append((sender_of(network, steps[row]), float(bounds.queue_delay_s[queue]) * 1_000))
            row = steps[row].before
        note = ""
        if not math.isfinite(value):
            slow = next((name for name, delay in reversed(hops) if not math.isfinite(delay)), "")
            verdict = Verdict.FAILS
            note = f"no bound exists: more is sent over {slow} than its class is served, or ports wait for each other in a circle"
            if any(len(_lanes(network, network.links[step.way.link])) > 1 for step in steps):
                note += "; of a LAG, one link has to carry all: nothing says which streams it distributes where"
        target = end_of(network, steps[worst])
        return Result(
            what=f"worst-case delay to {target}",
            subject=stream.name,
            value=value,
            unit="ms",
            formula="the lesser of: sum of the ports' delays; burst / least rate left + sum of the latencies, along the path",
            inputs=(
                *(Input(name=f"port {name}", value=delay, unit="ms") for name, delay in reversed(hops)),
                Input(name="frame", value=stream.largest_bits / 8, unit="octets on the wire"),
                Input(name="burst", value=stream.arrival.last.burst / 8, unit="octets on the wire"),
                Input(name="rate", value=stream.rate.value, unit="Mbit/s"),
                *((Input(name="limit", value=limit, unit="ms", origin=words),) if limit is not None else ()),
            ),
            source=_DELAY_SOURCE,
            limit=limit,
            margin=margin if math.isfinite(value) else None,
            verdict=verdict,
            note=note,
        )

    def utilizations(self) -> Iterator[Result]:
        """Each direction of each link that carries something, with the shares of the classes."""
        if self.bounds is None:
            return
        bounds = self.bounds
        order = np.argsort(bounds.queue_port, kind="stable")
        rows, starts = np.unique(bounds.queue_port[order], return_index=True)
        for row, queues in zip(rows.tolist(), np.split(order, starts[1:]), strict=True):
            link = self.network.links[row // 2]
            lanes = _lanes(self.network, link)
            speed = sum(each.speed_mbps for each in lanes) * 1e6
            shares = bounds.queue_rate_bps[queues] / speed * 100
            value = float(shares.sum())
            margin, verdict = at_most(value, 100.0)
            yield Result(
                what="utilization",
                subject=f"{link.name} from {(link.a if row % 2 == 0 else link.b).path}",
                value=value,
                unit="%",
                formula="sum of the long-run rates of all streams on the wire / speed of the link"
                + (", of all links of the LAG together" if len(lanes) > 1 else ""),
                inputs=(
                    *(
                        Input(name="speed", value=each.speed_mbps, unit="Mbit/s", origin=f"links.csv, {each.name}")
                        for each in lanes
                    ),
                    *(
                        Input(name=f"class {self._class(int(bounds.queue_class[queue]))}", value=float(share), unit="%")
                        for queue, share in zip(queues.tolist(), shares, strict=True)
                    ),
                ),
                source="IEEE 802.3: frames with preamble and gap",
                limit=100.0,
                margin=margin,
                verdict=verdict,
                note=_lag_note(float(shares.sum()) * len(lanes)) if len(lanes) > 1 else "",
            )

    def backlogs(self) -> Iterator[Result]:
        """What all queues of a node hold at most, if all do at once; of ports that have a buffer of their own, those of the port."""
        if self.bounds is None:
            return
        bounds = self.bounds
        held: dict[str, list[tuple[float, str, str]]] = {}
        for port_row, number, bits in zip(
            bounds.queue_port.tolist(), bounds.queue_class.tolist(), bounds.queue_backlog_bits.tolist(), strict=True
        ):
            link = self.network.links[port_row // 2]
            port = link.a if port_row % 2 == 0 else link.b
            held.setdefault(port.node, []).append((bits / 8_192, port.name, f"class {self._class(number)}"))
        for name, queues in held.items():
            model = self.network.by_name[name].model
            own = {port: group.buffer_kib for group in model.ports for port in expand_names(group.names) if group.buffer_kib}
            for port, buffer in own.items():
                if mine := [queue for queue in queues if queue[1] == port]:
                    yield _backlog(f"{name}/{port}", mine, buffer, model.name)
            shared = [queue for queue in queues if queue[1] not in own]
            if model.buffer_kib is not None and shared:
                yield _backlog(name, shared, model.buffer_kib, model.name)
        yield from self._forwarded()

    def _forwarded(self) -> Iterator[Result]:
        """Of each node whose ports together are slower than each by itself: what it has to forward in the long run."""
        assert self.columns is not None  # there are bounds
        _, _, flows, hops = self.columns
        through: dict[str, float] = {}
        for row in np.unique(hops.before[hops.before >= 0]).tolist():
            link, is_forth = self.network.links[int(hops.port[row]) // 2], int(hops.port[row]) % 2 == 0
            name = (link.b if is_forth else link.a).node
            through[name] = through.get(name, 0.0) + float(flows.rate_bps[hops.flow[row]].min()) / 1e6
        for name, value in through.items():
            model = self.network.by_name[name].model
            if model.switching_mbps is None:
                continue
            margin, verdict = at_most(value, model.switching_mbps)
            yield Result(
                what="forwarded by all ports together",
                subject=name,
                value=value,
                unit="Mbit/s",
                formula="sum of the long-run rates of all streams that pass it, on the wire",
                inputs=(Input(name="forwarding", value=model.switching_mbps, unit="Mbit/s", origin=f"catalogue, {model.name}"),),
                source="the figures of the catalogue",
                limit=model.switching_mbps,
                margin=margin,
                verdict=verdict,
                note="" if verdict is Verdict.OK else "delays are computed as if it forwarded all of it",
            )

    def _class(self, number: int) -> str:
        each = self.classes[number]
        return "best effort" if each is None else each.name


def _backlog(subject: str, queues: Sequence[tuple[float, str, str]], buffer_kib: float, model: str) -> Result:
    """`queues` are KiB, port and class."""
    value = sum(kib for kib, _, _ in queues)
    margin, verdict = at_most(value, buffer_kib)
    return Result(
        what="backlog of all queues",
        subject=subject,
        value=value,
        unit="KiB",
        formula="sum over the queues of the greatest difference of arrivals and service, and one frame",
        inputs=(
            *(
                Input(name=f"port {port}, {words}", value=kib, unit="KiB")
                for kib, port, words in sorted(queues, reverse=True)[:_MOST_QUEUES_NAMED]
            ),
            Input(name="queues", value=len(queues)),
            Input(name="buffer", value=buffer_kib, unit="KiB", origin=f"catalogue, {model}"),
        ),
        source=_DELAY_SOURCE,
        limit=buffer_kib,
        margin=margin if math.isfinite(value) else None,
        verdict=verdict,
    )


def performance_of(network: Network, streams: Sequence[Stream], gone: Iterable[Element] = ()) -> Performance:
    """Bounds for all streams without what is `gone`; streams that have no way left become failed results."""
    paths = Paths(network, gone)
    routed: list[Stream] = []
    rows: list[tuple[Step, ...]] = []
    unrouted: dict[str, str] = {}
    for stream in streams:
        try:
            steps = _steps(paths, stream)
        except NoPathError as error:
            unrouted[stream.name] = str(error)
            continue
        routed.append(stream)
        rows.append(steps)
    classes, of_stream = _classes(network, routed)
    columns = None
    if any(rows):
        columns = _ports(network), _columns_of(network, classes), _flows(network, routed, of_stream), _hops(rows)
    return Performance(
        network=network,
        streams=tuple(streams),
        routed=tuple(routed),
        unrouted=unrouted,
        steps=tuple(rows),
        classes=classes,
        columns=columns,
        bounds=bounds_of(*columns) if columns is not None else None,
    )


def _steps(paths: Paths, stream: Stream) -> tuple[Step, ...]:
    vlan = stream.service.vlan
    if stream.is_flooded:
        return paths.flood(stream.source, vlan)
    return paths.unicast(stream.source, stream.targets[0], vlan)


def limit_of(stream: Stream) -> tuple[float | None, str]:
    """The longest delay that the network may add, in ms, and where that is from; None where the service states none."""
    service = stream.service
    if service.max_delay_ms is None:
        return None, ""
    if service.transfer_class is None:
        return service.max_delay_ms, f"network.toml, service {service.name}"
    whole = f"{service.transfer_class} (IEC 61850-5), {service.max_delay_ms:g} ms"
    words = f"{NETWORK_SHARE:.0%} of {whole}; the devices have 40 % each (IEC 61850-10)"
    return service.max_delay_ms * NETWORK_SHARE, words


def _no_way(stream: Stream, why: str) -> Result:
    return Result(
        what="worst-case delay",
        subject=stream.name,
        value=math.nan,
        unit="ms",
        formula="no path, no delay",
        inputs=(Input(name="from", value=stream.source), Input(name="to", value=", ".join(stream.targets))),
        source=_DELAY_SOURCE,
        verdict=Verdict.FAILS,
        note=why,
    )


def starts_of(rows: Sequence[Sequence[Step]]) -> Iterator[int]:
    """Where the steps of each stream begin in the columns."""
    start = 0
    for row in rows:
        yield start
        start += len(row)


def end_of(network: Network, step: Step) -> str:
    """The node that a step leads to."""
    link = network.links[step.way.link]
    return link.b.node if step.way.is_forth else link.a.node


def sender_of(network: Network, step: Step) -> str:
    """The port that sends, as `node/port`."""
    link = network.links[step.way.link]
    return (link.a if step.way.is_forth else link.b).path


def _classes(network: Network, streams: Sequence[Stream]) -> tuple[tuple[QosClass | None, ...], list[int]]:
    """The queues, weighted ones below strict ones, and the row of each stream. What has no class goes with priority 0."""
    ordered: list[QosClass | None] = [*sorted(network.classes, key=lambda each: (each.weight is None, each.queue))]
    default = next((each for each in network.classes if _BEST_EFFORT_PCP in each.pcp), None)
    if default is None:
        ordered.insert(0, None)
    rows = {each.name if each is not None else "": row for row, each in enumerate(ordered)}
    unnamed = rows[default.name if default is not None else ""]
    return tuple(ordered), [rows[stream.qos.name] if stream.qos is not None else unnamed for stream in streams]


def _columns_of(network: Network, classes: Sequence[QosClass | None]) -> Classes:
    """What has no class stands below strict ones; among weighted ones it has the least of their weights."""
    weights = [each.weight for each in classes if each is not None and each.weight is not None]
    least = min(weights) if weights else math.nan
    values = [least if each is None else math.nan if each.weight is None else each.weight for each in classes]
    return Classes(weight=np.array(values), blocking_bits=LARGEST_FRAME_BITS + _longer_bits(network))


def _ports(network: Network) -> Ports:
    rate = np.repeat(np.array([link.speed_mbps * 1e6 for link in network.links]), 2)
    propagation = np.repeat(np.array([propagation_s(link) for link in network.links]), 2)
    senders = [network.by_name[port.node] for link in network.links for port in (link.a, link.b)]
    return Ports(
        rate_bps=rate,
        forwarding_s=np.array([node.model.latency_us * 1e-6 for node in senders]),
        propagation_s=propagation,
        lanes=np.repeat(np.array([len(_lanes(network, link)) for link in network.links]), 2),
        queues=np.array([node.model.queues for node in senders]),
        is_cut_through=np.array([node.model.forwarding == "cut_through" for node in senders]),
    )


def _lag_note(on_one: float) -> str:
    words = f"where the distribution puts all streams on one link, its utilization is {on_one:.2f} %"
    return f"{words}; delays are for that case" if on_one <= 100 else f"{words}, and delays have no bound"


def _lanes(network: Network, link: Link) -> Sequence[Link]:
    """The links of its LAG, or itself."""
    if not link.a.lag or not link.b.lag:
        return (link,)
    ends = {(port.node, port.lag) for port in (link.a, link.b)}
    return [each for each in network.links_of[link.a.node] if {(port.node, port.lag) for port in (each.a, each.b)} == ends]


def _flows(network: Network, streams: Sequence[Stream], of_class: Sequence[int]) -> Flows:
    """All as long as they are anywhere: with PRP's trailer or HSR's tag where the network has these."""
    buckets = [(stream.arrival.buckets[0], stream.arrival.last) for stream in streams]
    largest = np.array([stream.largest_bits for stream in streams])
    grown = (largest + _longer_bits(network)) / largest
    return Flows(
        of_class=np.array(of_class, dtype=np.int64),
        burst_bits=np.array([[first.burst, last.burst] for first, last in buckets]) * grown[:, None],
        rate_bps=np.array([[first.rate, last.rate] for first, last in buckets]) * grown[:, None],
        largest_bits=largest * grown,
        smallest_bits=np.maximum(np.array([stream.smallest_bits for stream in streams]) - _UNTAGGED_BITS, _SHORTEST_BITS),
    )


def _longer_bits(network: Network) -> int:
    return _TRAILER_BITS if any(ring.protocol in {"prp", "hsr"} for ring in network.rings) else 0


def _hops(rows: Sequence[Sequence[Step]]) -> Hops:
    flow, port, before = [], [], []
    for number, (start, row) in enumerate(zip(starts_of(rows), rows, strict=True)):
        for step in row:
            flow.append(number)
            port.append(step.way.row)
            before.append(start + step.before if step.before >= 0 else -1)
    return Hops(flow=np.array(flow), port=np.array(port), before=np.array(before))
