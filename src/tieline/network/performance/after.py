"""Delays after failures: what goes another way then, and what has to share that way with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tieline.network.performance.network import Performance, performance_of
from tieline.network.redundancy.failures import Element, Failure, has_to_survive
from tieline.network.result import Result, Verdict

_MORE = 1 + 1e-6
"""What differs by less is a rounding."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A stream's bound after the failure that raises it most."""

    failure: Failure
    result: Result
    has_to_survive: bool
    """Whether the description asks the service to survive that failure; where it does not, the result has no limit."""


def rerouting(whole: Performance, failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures that send frames another way: not those that no stream meets, and not those of devices that have one link."""
    network = whole.network
    links = {link.name: link for link in network.links}
    used = {network.links[step.way.link].name for steps in whole.steps for step in steps}

    def sends_another_way(element: Element) -> bool:
        kind, name = element
        if kind == "node":
            return len(network.links_of[name]) > 1 and any(link.name in used for link in network.links_of[name])
        return name in used and all(len(network.links_of[node]) > 1 for node in links[name].nodes)

    return tuple(failure for failure in failures if any(map(sends_another_way, failure.gone)))


def worst_after(whole: Performance, failures: Iterable[Failure]) -> tuple[Raised, ...]:
    """Of each stream whose bound a failure raises and that still has a way: the failure that raises it most.

    Of those that its service has to survive first; and, where others raise it more, of those too. `failures` are those of `rerouting`.
    """
    service_of = {stream.name: stream.service for stream in whole.routed}
    before = {result.subject: result.value for result in whole.delays()}
    worst: dict[tuple[str, bool], tuple[Failure, Result]] = {}
    for failure in failures:
        for result in performance_of(whole.network, whole.streams, failure.gone).delays():
            key = result.subject, has_to_survive(service_of[result.subject], failure) if result.subject in service_of else False
            least = worst[key][1].value if key in worst else before[result.subject]
            if result.value > least * _MORE:
                worst[key] = failure, result
    return tuple(_raised(worst))


def _raised(worst: dict[tuple[str, bool], tuple[Failure, Result]]) -> Iterator[Raised]:
    for (name, is_asked), (failure, result) in worst.items():
        asked = worst.get((name, True))
        what = f"{result.what} after the failure of {failure}"
        if is_asked:
            yield Raised(failure, replace(result, what=what), has_to_survive=True)
        elif asked is None or result.value > asked[1].value * _MORE:
            limit = "" if result.limit is None else f"; with nothing failed its limit is {result.limit:g} {result.unit}"
            note = f"the service does not have to survive this{limit}"
            least = replace(result, what=what, limit=None, margin=None, verdict=Verdict.INFORMATION, note=note)
            yield Raised(failure, least, has_to_survive=False)
