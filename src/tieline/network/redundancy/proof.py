"""What each single failure stops, and what stands against the redundancy that the description asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tieline.config.network import Network, Node, Ring, Service
from tieline.network.redundancy.failures import Element, Failure, has_to_survive
from tieline.network.redundancy.rules import ring_problems
from tieline.network.redundancy.spanning_tree import Tree, recovery_ms, timer_bound_ms, tree_of
from tieline.network.redundancy.ways import Cable, Ways

Pair = tuple[str, str]
Fault = Literal["no-way", "single-point", "slow", "ring"]

_MOST = 4


@dataclass(frozen=True, slots=True)
class Loss:
    """What stops when one thing fails."""

    failure: Failure
    services: Mapping[str, tuple[Pair, ...]]
    """By name: from whom to whom. Everything else goes on."""

    @property
    def cause(self) -> str:
        """What fails, and what is gone with it."""
        return _what_fails(self.failure)

    def __str__(self) -> str:
        services = "; ".join(f"{name} ({_pairs(pairs)})" for name, pairs in self.services.items())
        return f"{self.cause}: these services stop: {services}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancyFinding:
    """Something that is not as the description asks."""

    fault: Fault
    subject: str
    """A service, a ring, or empty."""
    problem: str
    failure: str = ""

    def __str__(self) -> str:
        return self.problem

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RingState:
    """A ring of RSTP."""

    ring: Ring
    tree: Tree
    """With everything in order."""
    after: tuple[tuple[Element, Tree], ...]
    """After the loss of each link and each bridge of it."""
    recovery_ms: float
    timer_bound_ms: float

    def __str__(self) -> str:
        blocked = ", ".join(self.tree.blocked) or "nothing"
        sure = "" if self.tree.is_certain else " (priorities are equal: MAC addresses may decide otherwise)"
        heir = next((tree.root for lost, tree in self.after if lost == ("node", self.tree.root)), "")
        root = f"root {self.tree.root}" + (f", without it {heir}" if heir else "")
        return (
            f"{self.ring.name}: {root}, blocked {blocked}{sure}; forwards again within {self.recovery_ms:g} ms of the loss of a link, "
            f"within {self.timer_bound_ms / 1000:g} s where no link goes down"
        )


@dataclass(frozen=True, kw_only=True)
class Redundancy:
    """What was found."""

    findings: tuple[RedundancyFinding, ...]
    losses: tuple[Loss, ...]
    """Failures that stop something, those that stop most first."""
    harmless: int
    """So many failures stop nothing."""
    rings: tuple[RingState, ...]

    def lines(self) -> Iterator[str]:
        """The report."""
        yield from map(str, self.findings)
        yield from map(str, self.losses)
        yield f"{self.harmless} other single failures stop nothing"
        yield from map(str, self.rings)

    def __str__(self) -> str:
        return "\n".join(self.lines())


def prove_redundancy(network: Network) -> Redundancy:
    """Looks at every single failure, for every service."""
    ways = Ways(network)
    findings: list[RedundancyFinding] = []
    lost: dict[Failure, dict[str, list[Pair]]] = {}
    for service in network.services:
        for pair in _pairs_of(service):
            points = ways.single_points(*pair, service.vlan)
            if points is None:
                problem = f"service {service.name} has no way from {pair[0]} to {pair[1]}, even with nothing failed"
                findings.append(RedundancyFinding(fault="no-way", subject=service.name, problem=problem))
                continue
            for failure in points:
                lost.setdefault(failure, {}).setdefault(service.name, []).append(pair)
    losses = tuple(
        Loss(failure, {name: tuple(pairs) for name, pairs in services.items()})
        for failure, services in sorted(lost.items(), key=lambda item: (-sum(map(len, item[1].values())), ways.order[item[0]]))
    )
    findings += _unmet(network, losses)
    findings += _slow(network, ways)
    for ring, problem in ring_problems(network, ways):
        text = f"ring {ring}: {problem}" if ring else problem
        findings.append(RedundancyFinding(fault="ring", subject=ring, problem=text))
    rings = tuple(
        RingState(
            ring,
            tree_of(network, ring, cables),
            tuple((lost, tree_of(network, ring, cables, [lost])) for lost in _parts(network, ring, cables)),
            recovery_ms(network, ring, cables),
            timer_bound_ms(ring),
        )
        for ring in network.rings
        if ring.protocol == "rstp"
        for cables in (ways.cables_among(ring.members),)
    )
    return Redundancy(findings=tuple(findings), losses=losses, harmless=len(ways.failures) - len(losses), rings=rings)


def _parts(network: Network, ring: Ring, cables: Iterable[Cable]) -> Iterator[Element]:
    yield from dict.fromkeys(element for cable in cables for element in cable.elements)
    yield from (("node", name) for name in ring.members if network.by_name[name].is_bridge)


def _pairs_of(service: Service) -> Iterator[Pair]:
    return ((source, target) for source in service.sources for target in service.targets if source != target)


def _unmet(network: Network, losses: tuple[Loss, ...]) -> Iterator[RedundancyFinding]:
    wanted = {service.name: service for service in network.services}
    for loss in losses:
        for name, pairs in loss.services.items():
            service = wanted[name]
            if has_to_survive(service, loss.failure):
                asked = (
                    "any single failure" if service.redundancy == "any" else f"the loss of {service.redundancy.replace('_', ' ')}"
                )
                yield RedundancyFinding(
                    fault="single-point",
                    subject=name,
                    problem=f"service {name} has to survive {asked}, but stops when {loss.cause}{_alone(network, loss, pairs)}: "
                    f"{_pairs(pairs)}",
                    failure=str(loss.failure),
                )


def _alone(network: Network, loss: Loss, pairs: tuple[Pair, ...]) -> str:
    """Whose only link it is: no ring helps there, a second attachment does."""
    ends = sorted({name for pair in pairs for name in pair})
    of = [name for name in ends if [each.name for each in network.links_of[name]] == [loss.failure.name]]
    return f", the only link of {of[0]}" if loss.failure.kind == "link" and of else ""


def _slow(network: Network, ways: Ways) -> Iterator[RedundancyFinding]:
    """Services that stand a shorter interruption than a ring on their way takes to recover."""
    seamless = [ring for ring in network.rings if ring.protocol in ("prp", "hsr")]
    recovery = {ring.name: _recovery(network, ring, ways) for ring in network.rings}
    for service in network.services:
        if service.max_outage_ms is None:
            continue
        slow: dict[str, Pair] = {}
        half: dict[str, Pair] = {}
        for pair in _pairs_of(service):
            source, target = (network.by_name[name] for name in pair)
            doubled = [ring for ring in seamless if {*pair} <= {*ring.members}]
            if any(_is_doubled(ways, ring, source, target, service.vlan) for ring in doubled):
                continue
            if doubled:
                half.setdefault(doubled[0].name, pair)
                continue
            way = ways.way(source, target, service.vlan) or frozenset()
            nodes = {name for kind, name in way if kind == "node"} | {*pair}
            for ring in network.rings:
                if len(nodes & {*ring.members}) > 1 and recovery[ring.name] > service.max_outage_ms:
                    slow.setdefault(ring.name, pair)
        for name, pair in half.items():
            yield RedundancyFinding(
                fault="slow",
                subject=service.name,
                problem=f"service {service.name} stands an interruption of {service.max_outage_ms:g} ms; of the two ways that {name} is to "
                f"give it, only one leads from {pair[0]} to {pair[1]}",
            )
        for name, pair in slow.items():
            yield RedundancyFinding(
                fault="slow",
                subject=service.name,
                problem=f"service {service.name} stands an interruption of {service.max_outage_ms:g} ms; ring {name}, on the way from "
                f"{pair[0]} to {pair[1]}, takes up to {recovery[name]:g} ms to recover",
            )


def _is_doubled(ways: Ways, ring: Ring, source: Node, target: Node, vlan: int | None) -> bool:
    """Whether both LANs of PRP, or both ways around HSR, lead from one to the other."""
    if ring.protocol == "prp":
        halves: Iterable[Iterable[Element]] = ([("node", name) for name in lan] for lan in (ring.lan_a, ring.lan_b))
    else:
        first = (cable for cable in ways.cables_among(ring.members) if source.name in (cable.a.node, cable.b.node))
        halves = (cable.elements for cable in first)
    return all(ways.way(source, target, vlan, frozenset(half)) is not None for half in halves)


_MRP_MS = 200.0
"""IEC 62439-2:2016, with the parameter set that every manager has; others are 500, 30 and 10 ms."""


def _recovery(network: Network, ring: Ring, ways: Ways) -> float:
    if ring.recovery_ms is not None:
        return ring.recovery_ms
    if ring.protocol == "rstp":
        return recovery_ms(network, ring, ways.cables_among(ring.members))
    return _MRP_MS if ring.protocol == "mrp" else 0.0


def _what_fails(failure: Failure) -> str:
    links = sorted(name for kind, name in failure.gone if kind == "link")
    nodes = sorted(name for kind, name in failure.gone if kind == "node" and name != failure.name)
    match failure.kind:
        case "link":
            return f"link {failure.name} is cut"
        case "duct":
            return f"duct {failure.name} is cut, with {_some(links)} in it"
        case "node":
            return f"{failure.name} fails" + (f", and with it {_some(nodes)}, which it feeds" if nodes else "")
        case "supply":
            return f"supply {failure.name} fails, which alone feeds {_some(nodes)}"


def _some(names: list[str]) -> str:
    if len(names) > _MOST:
        return f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _pairs(pairs: tuple[Pair, ...]) -> str:
    words = [f"{source} to {target}" for source, target in pairs[:_MOST]]
    return ", ".join(words) + (f" and {len(pairs) - _MOST} more" if len(pairs) > _MOST else "")
