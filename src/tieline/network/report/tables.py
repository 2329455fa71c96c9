"""The tables of a report: services, what single failures stop, rings after each failure. Rows of texts, the head of a row first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tieline.network.redundancy import RingState
from tieline.network.redundancy.failures import Failure, has_to_survive
from tieline.network.report.made import Report
from tieline.network.result import Result, shown

_MOST = 10
_MOST_SERVICES = 25
_MOST_GONE = 4


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title; columns in `numbers`, from 0, stand to the right."""

    title: str
    columns: tuple[str, ...]
    numbers: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def services_table(report: Report, *, is_whole: bool) -> Table:
    """What each service has to survive, how many single failures stop it, how long it takes; of many, those closest to a limit."""
    stopped = Counter(name for loss in report.redundancy.losses for name in loss.services)
    wanted = {service.name: service for service in report.network.services}
    unmet = Counter(
        name for loss in report.redundancy.losses for name in loss.services if has_to_survive(wanted[name], loss.failure)
    )
    service_of = {stream.name: stream.service.name for stream in report.performance.streams}
    delays = _slowest((each for topic in report.topics if topic.key == "delays" for each in topic.results), service_of)
    after = _slowest((each.result for each in report.raised), service_of)
    listed = report.network.services
    if len(listed) > _MOST_SERVICES and not is_whole:
        listed = tuple(sorted(listed, key=lambda each: (-unmet[each.name], -_share(delays.get(each.name))))[:_MOST_SERVICES])
    rows = tuple(
        (
            service.name,
            service.redundancy.replace("_", " "),
            str(stopped[service.name] or "none"),
            f"{unmet[service.name]} too many" if unmet[service.name] else "ok" if service.redundancy != "none" else "",
            *_delay(delays.get(service.name), after.get(service.name)),
        )
        for service in listed
    )
    left = len(report.network.services) - len(rows)
    note = f"{left} more services; --all lists them." if left else ""
    columns = (
        "service",
        "has to survive",
        "failures that stop it",
        "redundancy",
        "longest delay, ms",
        "after a failure, ms",
        "limit, ms",
    )
    return Table("Services", columns, frozenset({2, 4, 5, 6}), rows, note)


def _slowest(results: Iterator[Result], service_of: Mapping[str, str]) -> dict[str, Result]:
    """The longest of each service; one without a way counts as longest."""
    found: dict[str, Result] = {}
    for each in results:
        name = service_of[each.subject]
        if name not in found or not each.value <= found[name].value:
            found[name] = each
    return found


def _share(delay: Result | None) -> float:
    """The delay by its limit; infinite without a way, 0 without a limit."""
    if delay is None or delay.limit is None:
        return 0.0 if delay is None or delay.value >= 0 else math.inf
    return delay.value / delay.limit


def _delay(delay: Result | None, after: Result | None) -> tuple[str, str, str]:
    if delay is None:
        return "", "", ""
    limit = "" if delay.limit is None else shown(delay.limit)
    raised = after if after is not None and after.value > delay.value else None
    return shown(delay.value), "" if raised is None else shown(raised.value), limit


def failures_table(report: Report, *, is_whole: bool) -> Table:
    """What single failures stop; those first that a service has to survive, then by how much they stop."""
    wanted = {service.name: service for service in report.network.services}
    pairs = {
        service.name: sum(source != target for source in service.sources for target in service.targets)
        for service in report.network.services
    }
    rows = []
    for loss in report.redundancy.losses:
        asked = [name for name in loss.services if has_to_survive(wanted[name], loss.failure)]
        stops = ", ".join(
            name if len(ways) == pairs[name] else f"{name} ({len(ways)} of {pairs[name]} ways)"
            for name, ways in loss.services.items()
        )
        rows.append((not asked, str(loss.failure), _with_it(loss.failure), ", ".join(asked), stops))
    rows.sort(key=lambda row: row[0])
    shown_rows = tuple(row[1:] for row in (rows if is_whole else rows[:_MOST]))
    left = len(rows) - len(shown_rows)
    note = (
        f"{left} more {'failures stop' if left > 1 else 'failure stops'} something; --all lists {'them' if left > 1 else 'it'}."
        if left
        else ""
    )
    harmless = f"{report.redundancy.harmless} other single failures stop nothing." if report.network.services else ""
    return Table(
        "What single failures stop",
        ("failure", "gone with it", "has to survive it", "stops"),
        frozenset(),
        shown_rows,
        " ".join(part for part in (note, harmless) if part),
    )


def _with_it(failure: Failure) -> str:
    names = sorted(name for _, name in failure.gone if name != failure.name)
    more = f" and {len(names) - _MOST_GONE} more" if len(names) > _MOST_GONE else ""
    return ", ".join(names[:_MOST_GONE]) + more


def ring_table(state: RingState) -> Table:
    """What a ring of RSTP does after each failure in it: which bridge is root, which ports do not forward."""
    rows = [("nothing", state.tree.root, ", ".join(state.tree.blocked) or "none")]
    for (kind, name), tree in state.after:
        # Without a bridge the others may fall apart into trees of their own, of which the one with the root is shown.
        alone = "" if len(tree.costs) >= len(state.tree.costs) - (kind == "node") else "; the ring falls apart"
        rows.append((f"{kind} {name}", tree.root, (", ".join(tree.blocked) or "none") + alone))
    return Table(
        f"Ring {state.ring.name} after each failure",
        ("failed", "root", "ports that do not forward"),
        frozenset(),
        tuple(rows),
        str(state),
    )
