"""The report of a network, put together from its proofs and budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tieline.config import Utility
from tieline.config.network import Network
from tieline.model import ConfigError
from tieline.network.performance.after import Raised, rerouting, worst_after
from tieline.network.performance.headroom import headroom_of
from tieline.network.performance.known import known_of
from tieline.network.performance.network import Performance, performance_of
from tieline.network.performance.traffic import streams_of
from tieline.network.physical.network import optical, power_over_ethernet, supplies, temperatures
from tieline.network.redundancy import Redundancy, prove_redundancy
from tieline.network.redundancy.failures import Failure, failures_of
from tieline.network.report.topics import Topic, Weakness
from tieline.network.result import Result, Verdict
from tieline.network.segmentation import Segmentation, prove_segmentation
from tieline.security.zones import plan_of

_FEW = 20_000
"""Failures times streams; delays after failures are computed by themselves up to it, which takes some seconds."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was found."""

    name: str
    """Of the utility."""
    network: Network
    segmentation: Segmentation
    redundancy: Redundancy
    performance: Performance
    topics: tuple[Topic, ...]
    """Segmentation and redundancy first, then the budgets."""
    growth: Result | None
    """Which link breaks first when traffic grows; its note says it in a sentence. None where no stream keeps a limit."""
    raised: tuple[Raised, ...]
    """Delays that failures raise."""
    not_computed: tuple[Failure, ...]
    """Failures after which no delays were computed, since there are so many."""

    @property
    def is_right(self) -> bool:
        """Whether nothing fails."""
        return all(topic.verdict is not Verdict.FAILS for topic in self.topics) and not self.segmentation.not_searched

    @cached_property
    def weaknesses(self) -> tuple[Weakness, ...]:
        """Of all topics."""
        return tuple(weakness for topic in self.topics for weakness in topic.weaknesses)

    @property
    def size(self) -> str:
        """In words."""
        network = self.network
        return f"{len(network.nodes)} nodes, {len(network.links)} links, {len(network.vlans)} VLANs, {len(network.services)} services"


def report_of(utility: Utility, *, with_failures: bool | None = None) -> Report:
    """Proves and computes everything; one to three seconds of CPU for seventy nodes.

    `with_failures` says whether delays after each single failure are computed; None does where it takes some seconds at most. Raises
    `ConfigError` for a utility without a network.
    """
    network = utility.network
    if network is None:
        raise ConfigError(
            f"{utility.name} describes no network; write network/network.toml, network/nodes.csv and network/links.csv"
        )
    segmentation = prove_segmentation(network, plan_of(utility))
    redundancy = prove_redundancy(network)
    performance = performance_of(network, streams_of(network, known_of(utility, network)))
    failures = rerouting(performance, failures_of(network))
    if with_failures is None:
        with_failures = len(failures) * len(performance.streams) <= _FEW
    raised = worst_after(performance, failures) if with_failures else ()
    return Report(
        name=utility.name,
        network=network,
        segmentation=segmentation,
        redundancy=redundancy,
        performance=performance,
        topics=(
            _segmentation(segmentation),
            _redundancy(redundancy, has_services=bool(network.services)),
            _computed("fibers", "Optical budgets of fibers", optical(network)),
            _computed("poe", "Power over Ethernet", power_over_ethernet(network)),
            _computed("supplies", "Supplies and batteries", supplies(network)),
            _computed("temperatures", "Temperatures", temperatures(network)),
            _computed("delays", "Worst-case delays", performance.delays()),
            _after(failures, raised, is_computed=with_failures),
            _computed("utilizations", "Utilization of links", performance.utilizations()),
            _computed("backlogs", "Buffers of switches", performance.backlogs()),
        ),
        growth=headroom_of(performance),
        raised=raised,
        not_computed=() if with_failures else failures,
    )


def _segmentation(proof: Segmentation) -> Topic:
    weaknesses = [
        Weakness(topic="segmentation", subject=each.source, text=each.problem, lines=tuple(each.lines())[1:])
        for each in proof.findings
    ]
    summary = (
        f"{len(proof.zones)} zones with {proof.devices} connections are apart but for their conduits, and every service passes"
        if not weaknesses
        else f"{_many(weaknesses, 'leak or cut', 'leaks and cuts')} among {len(proof.zones)} zones with {proof.devices} connections"
    )
    if proof.not_searched:
        summary += f"; not looked at any more: what starts in {', '.join(proof.not_searched)}"
    return Topic(key="segmentation", title="Segmentation", weaknesses=tuple(weaknesses), summary=summary)


def _redundancy(proof: Redundancy, *, has_services: bool) -> Topic:
    weaknesses = [Weakness(topic="redundancy", subject=each.subject, text=each.problem) for each in proof.findings]
    stopping, every = len(proof.losses), len(proof.losses) + proof.harmless
    asked = "every service survives what it has to" if not weaknesses else _many(weaknesses, "finding", "findings")
    summary = (
        f"{asked}; {stopping} of {every} single failures stop something"
        if has_services
        else "no service is described; write [[services]]"
    )
    is_judged = has_services or bool(weaknesses)
    return Topic(key="redundancy", title="Redundancy", weaknesses=tuple(weaknesses), summary=summary, is_judged=is_judged)


def _after(failures: Sequence[Failure], raised: Sequence[Raised], *, is_computed: bool) -> Topic:
    topic = _computed("failures", "Delays after a failure", (each.result for each in raised))
    those = _many(failures, "failure that sends traffic another way", "failures that send traffic another way")
    summary = f"{topic.summary}, {those}" if is_computed else f"not computed for {those}; --failures does"
    return replace(topic, summary=summary, is_judged=is_computed and bool(failures))


def _computed(key: str, title: str, computed: Iterable[Result]) -> Topic:
    results = tuple(computed)
    weaknesses = []
    for result in results:
        if result.verdict in {Verdict.FAILS, Verdict.UNKNOWN}:
            head, *lines = result.lines()
            weaknesses.append(Weakness(topic=key, subject=result.subject, text=head, lines=tuple(lines), verdict=result.verdict))
    judged = sum(result.verdict in {Verdict.OK, Verdict.FAILS} for result in results)
    right = sum(result.verdict is Verdict.OK for result in results)
    unknown = sum(result.verdict is Verdict.UNKNOWN for result in results)
    summary = f"{right} of {judged} within their limits" if judged else "nothing to judge"
    if unknown:
        summary += f", {unknown} not known"
    return Topic(key=key, title=title, weaknesses=tuple(weaknesses), summary=summary, results=results, is_judged=judged > 0)


def _many(found: Sequence[object], one: str, several: str) -> str:
    return f"{len(found)} {one if len(found) == 1 else several}"
