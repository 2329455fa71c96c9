"""Utilization, delay and backlog of a described network, whole or after a failure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tieline.config.network import Link, Network, QosClass
from tieline.network.performance.bounds import Bounds, Classes, Flows, Hops, Ports, bounds_of
from tieline.network.performance.paths import NoPathError, Paths, Step
from tieline.network.performance.traffic import Stream
from tieline.network.redundancy.failures import Element, Failure
from tieline.network.result import Input, Result, Verdict, at_most

NETWORK_SHARE = 0.2
"""Of a transfer time class: IEC 61850-10 gives each of the two devices 40 % of it."""
_FIBER_S_PER_M = 5e-9
_RADIO_S_PER_M = 1 / 299_792_458
_BEST_EFFORT_PCP = 0
_MOST_QUEUES_NAMED = 4
_MORE = 1 + 1e-6
"""What differs by less is a rounding."""
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
        if worst < 0:
            return _no_way(stream, "it does not reach its targets")
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
            speed = link.speed_mbps * 1e6
            shares = bounds.queue_rate_bps[queues] / speed * 100
            value = float(shares.sum())
            margin, verdict = at_most(value, 100.0)
            yield Result(
                what="utilization",
                subject=f"{link.name} from {(link.a if row % 2 == 0 else link.b).path}",
                value=value,
                unit="%",
                formula="sum of the long-run rates of all streams on the wire / speed of the link",
                inputs=(
                    Input(name="speed", value=link.speed_mbps, unit="Mbit/s", origin=f"links.csv, {link.name}"),
                    *(
                        Input(name=f"class {self._class(int(bounds.queue_class[queue]))}", value=float(share), unit="%")
                        for queue, share in zip(queues.tolist(), shares, strict=True)
                    ),
                ),
                source="IEEE 802.3: frames with preamble and gap",
                limit=100.0,
                margin=margin,
                verdict=verdict,
            )

    def backlogs(self) -> Iterator[Result]:
        """Of each node whose buffer the catalogue knows: what all its queues hold at most, if all do at once."""
        if self.bounds is None:
            return
        bounds = self.bounds
        held: dict[str, list[tuple[float, str]]] = {}
        for port_row, number, bits in zip(
            bounds.queue_port.tolist(), bounds.queue_class.tolist(), bounds.queue_backlog_bits.tolist(), strict=True
        ):
            link = self.network.links[port_row // 2]
            port = link.a if port_row % 2 == 0 else link.b
            held.setdefault(port.node, []).append((bits / 8_192, f"{port.name}, class {self._class(number)}"))
        for name, queues in held.items():
            model = self.network.by_name[name].model
            if model.buffer_kib is None:
                continue
            value = sum(kib for kib, _ in queues)
            margin, verdict = at_most(value, model.buffer_kib)
            largest = sorted(queues, reverse=True)[:_MOST_QUEUES_NAMED]
            yield Result(
                what="backlog of all queues",
                subject=name,
                value=value,
                unit="KiB",
                formula="sum over the queues of the greatest difference of arrivals and service, and one frame",
                inputs=(
                    *(Input(name=f"port {queue}", value=kib, unit="KiB") for kib, queue in largest),
                    Input(name="queues", value=len(queues)),
                    Input(name="buffer", value=model.buffer_kib, unit="KiB", origin=f"catalogue, {model.name}"),
                ),
                source=_DELAY_SOURCE,
                limit=model.buffer_kib,
                margin=margin if math.isfinite(value) else None,
                verdict=verdict,
            )

    def _class(self, number: int) -> str:
        each = self.classes[number]
        return "best effort" if each is None else each.name


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
        columns = _ports(network), _columns_of(classes), _flows(routed, of_stream), _hops(rows)
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


def _columns_of(classes: Sequence[QosClass | None]) -> Classes:
    """What has no class stands below strict ones; among weighted ones it has the least of their weights."""
    weights = [each.weight for each in classes if each is not None and each.weight is not None]
    least = min(weights) if weights else math.nan
    values = [least if each is None else math.nan if each.weight is None else each.weight for each in classes]
    return Classes(weight=np.array(values))


def _ports(network: Network) -> Ports:
    rate = np.repeat(np.array([link.speed_mbps * 1e6 for link in network.links]), 2)
    propagation = np.repeat(np.array([_propagation_s(link) for link in network.links]), 2)
    latency = {node.name: node.model.latency_us * 1e-6 for node in network.nodes}
    forwarding = np.array([latency[port.node] for link in network.links for port in (link.a, link.b)])
    return Ports(rate_bps=rate, forwarding_s=forwarding, propagation_s=propagation)


def _propagation_s(link: Link) -> float:
    if link.delay_us is not None:
        return link.delay_us * 1e-6
    return link.length_m * (_RADIO_S_PER_M if link.medium == "radio" else _FIBER_S_PER_M)


def _flows(streams: Sequence[Stream], of_class: Sequence[int]) -> Flows:
    buckets = [(stream.arrival.buckets[0], stream.arrival.last) for stream in streams]
    return Flows(
        of_class=np.array(of_class, dtype=np.int64),
        burst_bits=np.array([[first.burst, last.burst] for first, last in buckets]),
        rate_bps=np.array([[first.rate, last.rate] for first, last in buckets]),
        largest_bits=np.array([stream.largest_bits for stream in streams]),
        smallest_bits=np.array([stream.smallest_bits for stream in streams]),
    )


def _hops(rows: Sequence[Sequence[Step]]) -> Hops:
    flow, port, before = [], [], []
    for number, (start, row) in enumerate(zip(starts_of(rows), rows, strict=True)):
        for step in row:
            flow.append(number)
            port.append(step.way.row)
            before.append(start + step.before if step.before >= 0 else -1)
    return Hops(flow=np.array(flow), port=np.array(port), before=np.array(before))


def worst_after(network: Network, streams: Sequence[Stream], failures: Iterable[Failure]) -> Mapping[str, tuple[Failure, Result]]:
    """Of each stream whose bound a failure raises and that still has a way: the failure that raises it most, with the result after it.

    Failures that send no frame another way are passed over: those that no stream meets, and those of devices that have one link.
    """
    whole = performance_of(network, streams)
    links = {link.name: link for link in network.links}
    used = {network.links[step.way.link].name for steps in whole.steps for step in steps}

    def sends_another_way(element: Element) -> bool:
        kind, name = element
        if kind == "node":
            return len(network.links_of[name]) > 1 and any(link.name in used for link in network.links_of[name])
        return name in used and all(len(network.links_of[node]) > 1 for node in links[name].nodes)

    bounds = {result.subject: result.value for result in whole.delays()}
    worst: dict[str, tuple[Failure, Result]] = {}
    for failure in failures:
        if not any(sends_another_way(element) for element in failure.gone):
            continue
        for result in performance_of(network, streams, failure.gone).delays():
            if result.value > bounds[result.subject] * _MORE:
                bounds[result.subject] = result.value
                worst[result.subject] = (failure, replace(result, what=f"{result.what} after the failure of {failure}"))
    return worst
