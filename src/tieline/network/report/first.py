"""Which link breaks first, and why: when traffic grows, when something is cut, when fibers age. Sentences for somebody who is new here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tieline.network.redundancy import Loss
from tieline.network.redundancy.failures import has_to_survive
from tieline.network.report.made import Report
from tieline.network.result import Result, Verdict, shown

_MOST = 4
_OPTICAL_POWER = frozenset({"least received optical power", "optical loss"})


@dataclass(frozen=True, slots=True)
class First:
    """What breaks first in one case."""

    when: str
    """The case, in words."""
    what: str
    """One or two sentences."""

    def __str__(self) -> str:
        return f"{self.when}: {self.what}"


def first_of(report: Report) -> tuple[First, ...]:
    """What is broken as it is, if anything; then what growth, a cut and age break first."""
    parts = (("As it is", _today), ("When traffic grows", _growth), ("When a cable is cut", _cut), ("When fibers age", _age))
    return tuple(First(when, what) for when, each in parts for what in each(report))


def _today(report: Report) -> Iterator[str]:
    results = {topic.key: topic.results for topic in report.topics}
    overfull = [each for each in results["utilizations"] if each.verdict is Verdict.FAILS]
    if overfull:
        most = max(overfull, key=lambda each: each.value)
        link = most.subject.partition(" from ")[0]
        more = f", and {len(overfull) - 1} more directions of links" if len(overfull) > 1 else ""
        yield f"link {link} is overfull: what it has to carry is {most.value:.0f} % of what it can{more}."
    late = [each for each in results["delays"] if each.verdict is Verdict.FAILS]
    if late and not overfull:
        most = max(late, key=lambda each: -(each.margin or 0.0) / (each.limit or 1.0))
        took = f"takes {shown(most.value)} ms of {shown(most.limit)} ms" if most.limit is not None else "has no bound"
        more = f", and {len(late) - 1} more streams are too late" if len(late) > 1 else ""
        yield f"{most.subject} is too late, it {took}, {most.note or _longest_wait(most)}{more}."


def _longest_wait(delay: Result) -> str:
    waits = [(each.value, each.name) for each in delay.inputs if each.name.startswith("port ") and isinstance(each.value, float)]
    if not waits:
        return "with the limits that it has"
    value, name = max(waits)
    return f"{shown(value)} ms of it at {name}"


def _growth(report: Report) -> Iterator[str]:
    if report.growth is not None:
        yield report.growth.note


def _cut(report: Report) -> Iterator[str]:
    """The cable whose loss does the most harm: first of those that a service has to survive, then of all."""
    cuts = [loss for loss in report.redundancy.losses if loss.failure.kind in {"link", "duct"}]
    wanted = {service.name: service for service in report.network.services}

    def harm(loss: Loss) -> tuple[int, int]:
        asked = [name for name in loss.services if has_to_survive(wanted[name], loss.failure)]
        return len(asked), sum(map(len, loss.services.values()))

    if not report.network.services:
        return
    if not cuts:
        yield "no service stops, whichever link or duct it is."
        return
    worst = max(cuts, key=harm)
    asked = [name for name in worst.services if has_to_survive(wanted[name], worst.failure)]
    stop = "stops" if len(worst.services) == 1 else "stop"
    because = f", though {_listed(asked)} {'has' if len(asked) == 1 else 'have'} to survive that" if asked else ""
    yield f"{worst.failure} does most harm. When {worst.cause}, {_listed(list(worst.services))} {stop}{because}."


def _age(report: Report) -> Iterator[str]:
    powers = [
        each for topic in report.topics for each in topic.results if each.what in _OPTICAL_POWER and each.margin is not None
    ]
    if not powers:
        return
    least = min(powers, key=lambda each: each.margin or 0.0)
    link, _, node = least.subject.partition(" from ")
    reserves = (each.value for each in least.inputs if each.name == "reserve" and isinstance(each.value, float))
    margin, reserve = least.margin or 0.0, next(reserves, 0.0)
    kept = f", with {shown(reserve)} dB kept in reserve for it" if reserve else ""
    if margin < 0:
        yield f"link {link} is too weak already: light from {node} lacks {shown(-margin)} dB{kept}."
    else:
        yield f"link {link} breaks first. Light from {node} has {shown(margin)} dB more than the receiver needs{kept}."


def _listed(names: list[str]) -> str:
    if len(names) > _MOST:
        return f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
