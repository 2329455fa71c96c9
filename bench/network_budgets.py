"""Part (w): how the checks of the communications network grow: physical budgets, ways, bounds of delay, proofs; bounds alone by flows.

The network is made up by a rule: sites of twenty switches in a ring, eight devices each, firewalls between them. Each device is polled
from its site's gateway through the firewall, and in each VLAN two devices send GOOSE to two others. Times are CPU time of one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.result import Result
from tests.network.large import write_large
from tests.network.test_performance_bounds import large
from tieline.config import read_folder
from tieline.config.network import Network, Service
from tieline.network.performance.bounds import bounds_of
from tieline.network.performance.network import performance_of
from tieline.network.performance.traffic import streams_of
from tieline.network.physical.network import budgets_of
from tieline.network.redundancy import prove_redundancy
from tieline.network.segmentation import prove_segmentation
from tieline.security.zones import plan_of

T = TypeVar("T")


def run() -> list[Result]:
    """Networks of 60 to 500 switches, and 1,000 to 20,000 flows in one of 500."""
    results: list[Result] = []
    for switches in (60, 240, 500):
        results += _described(switches)
    for flows in (1_000, 5_000, 20_000):
        columns = large(switches=500, flows=flows)
        spent, bounds = _timed(lambda columns=columns: bounds_of(*columns))  # type: ignore[misc]
        detail = f"{len(columns[3].flow):,} hops, 10,000 ports, {bounds.rounds} rounds"
        results.append(Result(part="w", name=f"bounds of {flows:,} flows", value=spent, unit="s CPU", detail=detail))
    return results


def _described(switches: int) -> list[Result]:
    with TemporaryDirectory() as name:
        read, utility = _timed(lambda: read_folder(write_large(Path(name), switches=switches)))
        network = utility.network
        assert network is not None
    network = with_services(network)
    ports = sum(1 for _ in network.ports())
    physical, budgets = _timed(lambda: budgets_of(network))
    traffic, streams = _timed(lambda: streams_of(network))
    bounding, performance = _timed(lambda: performance_of(network, streams))
    words, results = _timed(performance.results)
    zones, segmentation = _timed(lambda: prove_segmentation(network, plan_of(utility)))
    failing, redundancy = _timed(lambda: prove_redundancy(network))
    ways = sum(len(service.sources) * len(service.targets) for service in network.services)
    size = f"{switches} switches, {ports:,} ports"
    hops = sum(map(len, performance.steps))
    figures = [
        ("folder written and read", read, size),
        ("physical budgets", physical, f"{len(budgets):,} results"),
        ("streams, ways and bounds", traffic + bounding, f"{len(streams):,} streams, {hops:,} hops"),
        ("results of delay, utilization, backlog", words, f"{len(results):,} results"),
        ("proof of segmentation", zones, f"{len(segmentation.zones)} zones, {segmentation.devices:,} devices"),
        ("proof of redundancy", failing, f"{ways:,} ways, {len(redundancy.losses) + redundancy.harmless:,} failures"),
    ]
    return [
        Result(part="w", name=f"{switches} switches: {what}", value=spent, unit="s CPU", detail=d) for what, spent, d in figures
    ]


def with_services(network: Network) -> Network:
    """Polls of every device from its site's gateway, and GOOSE among the first devices of each VLAN."""
    services: list[Service] = []
    by_vlan: dict[int, list[str]] = {}
    by_site: dict[str, list[str]] = {}
    for node in network.nodes:
        if node.kind == "controller" and node.addresses[0].vlan is not None:
            by_vlan.setdefault(node.addresses[0].vlan, []).append(node.name)
            by_site.setdefault(node.site, []).append(node.name)
    for vlan, names in by_vlan.items():
        services.append(_service(f"trip-{vlan}", "goose", tuple(names[:2]), tuple(names[2:4]), vlan, network))
    for site, names in by_site.items():
        services.append(_service(f"poll-{site}", "modbus", (f"{site}-gw",), tuple(names), None, network))
    return replace(network, services=tuple(services))


def _service(
    name: str, kind: str, sources: tuple[str, ...], targets: tuple[str, ...], vlan: int | None, network: Network
) -> Service:
    return Service(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        sources=sources,
        targets=targets,
        vlan=vlan,
        qos=network.classes[0] if kind == "goose" else None,
        transfer_class=None,
        max_delay_ms=500.0,
    )


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found
