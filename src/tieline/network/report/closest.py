"""Of many results that are right, those that are worth a look: of each kind, the one that is closest to its limit."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.network.result import Result, Verdict


def closest_of(results: Iterable[Result]) -> list[Result]:
    """One of each kind. Those with a margin of the same unit are compared; kinds are told apart by what is computed, targets left out."""
    closest: dict[str, Result] = {}
    for each in results:
        if each.verdict is not Verdict.OK or each.margin is None:
            continue
        kind = each.what.partition(" to ")[0]
        before = closest.get(kind)
        if before is None or _share(each) < _share(before):
            closest[kind] = each
    return list(closest.values())


def _share(each: Result) -> float:
    """The margin as a share of its limit, so that 0.1 of 0.6 ms is closer than 0.5 of 1,000; powers in dBm are no shares."""
    assert each.margin is not None
    if each.unit == "dBm" or not each.limit:
        return each.margin
    return each.margin / abs(each.limit)
