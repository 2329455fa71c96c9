"""Part (w): how the checks of the communications network grow: physical budgets, ways, bounds of delay, proofs; bounds alone by flows.

The network is made up by a rule: sites of twenty switches in a ring, eight devices each, firewalls between them. Each device is polled
from its site's gateway through the firewall, and in each VLAN two devices send GOOSE to two others. Times are CPU time of one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.result import Result
from tests.network.large import write_large
from tests.network.test_performance_bounds import large
from tieline.config import read_folder
from tieline.network.performance.bounds import bounds_of
from tieline.network.performance.headroom import headroom_of
from tieline.network.performance.known import known_of
from tieline.network.performance.network import performance_of
from tieline.network.performance.traffic import streams_of
from tieline.network.physical.network import budgets_of
from tieline.network.redundancy import prove_redundancy
from tieline.network.report import lines_of, report_of
from tieline.network.segmentation import prove_segmentation
from tieline.security.zones import plan_of

T = TypeVar("T")


def run() -> list[Result]:
    """Networks of 60 to 1,000 switches, and 1,000 to 20,000 flows in one of 500."""
    results: list[Result] = []
    for switches in (60, 120, 240, 500, 1_000):
        results += _described(switches)
    for flows in (1_000, 5_000, 20_000):
        columns = large(switches=500, flows=flows)
        spent, bounds = _timed(lambda columns=columns: bounds_of(*columns))  # type: ignore[misc]
        detail = f"{len(columns[3].flow):,} hops, 10,000 ports, {bounds.rounds} rounds"
        results.append(Result(part="w", name=f"bounds of {flows:,} flows", value=spent, unit="s CPU", detail=detail))
    return results


def _described(switches: int) -> list[Result]:
    with TemporaryDirectory() as name:
        folder = write_large(Path(name), switches=switches, vlans=switches * 2 // 5, is_busy=True)
        read, utility = _timed(lambda: read_folder(folder))
    network = utility.network
    assert network is not None
    ports = sum(len(node.ports) for node in network.nodes if node.kind == "switch")
    physical, budgets = _timed(lambda: budgets_of(network))
    traffic, streams = _timed(lambda: streams_of(network, known_of(utility, network)))
    bounding, performance = _timed(lambda: performance_of(network, streams))
    words, results = _timed(performance.results)
    growing, _ = _timed(lambda: headroom_of(performance))
    zones, segmentation = _timed(lambda: prove_segmentation(network, plan_of(utility)))
    failing, redundancy = _timed(lambda: prove_redundancy(network))
    telling, lines = _timed(lambda: list(lines_of(report_of(utility, with_failures=False), is_whole=False)))
    ways = sum(len(service.sources) * len(service.targets) for service in network.services)
    size = f"{switches} switches, {len(network.vlans)} VLANs, {ports:,} ports of switches"
    hops = sum(map(len, performance.steps))
    figures = [
        ("folder read and checked", read, size),
        ("physical budgets", physical, f"{len(budgets):,} results"),
        ("streams, ways and bounds", traffic + bounding, f"{len(streams):,} streams, {hops:,} hops"),
        ("results of delay, utilization, backlog", words, f"{len(results):,} results"),
        ("what breaks first", growing, "bounds computed again for each growth"),
        ("proof of segmentation", zones, f"{len(segmentation.zones)} zones, {segmentation.devices:,} devices"),
        ("proof of redundancy", failing, f"{ways:,} ways, {len(redundancy.losses) + redundancy.harmless:,} failures"),
        ("the whole check", read + telling, f"read, proven, computed and told in {len(lines)} lines; {size}"),
    ]
    return [
        Result(part="w", name=f"{switches} switches: {what}", value=spent, unit="s CPU", detail=d) for what, spent, d in figures
    ]


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found
