"""Which breakers protection opens for a short circuit: those around the faulted part through which a source feeds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tieline.config.grid import Equipment, Grid, Switch


def feeding_breakers(grid: Grid, node: str, is_closed: Callable[[str], bool], is_fed: Callable[[str], bool]) -> list[str]:
    """Names of the closed breakers between the fault and a source; none where the fault is not fed, or no breaker is in between.

    `is_closed` tells of a switch, `is_fed` of a source. Lines, transformers and closed disconnectors belong to what is faulted up to the
    next breaker.
    """
    branches = [
        piece for piece in grid if len(piece.nodes) == 2 and not (isinstance(piece, Switch) and not is_closed(piece.name))
    ]
    breakers = [piece for piece in branches if isinstance(piece, Switch) and piece.type == "breaker"]
    names = {breaker.name for breaker in breakers}
    faulted = _reach([node], (piece for piece in branches if piece.name not in names))
    around = {breaker.name: breaker for breaker in breakers if any(end in faulted for end in breaker.nodes)}
    elsewhere = (piece for piece in branches if piece.name not in around)
    fed = _reach([source.node for source in grid.sources if is_fed(source.name)], elsewhere)
    return [name for name, breaker in around.items() if any(end in fed and end not in faulted for end in breaker.nodes)]


def _reach(start: Iterable[str], branches: Iterable[Equipment]) -> set[str]:
    neighbors: dict[str, list[str]] = {}
    for one, other in _ends(branches):
        neighbors.setdefault(one, []).append(other)
        neighbors.setdefault(other, []).append(one)
    reached: set[str] = set()
    frontier = list(start)
    while frontier:
        node = frontier.pop()
        if node not in reached:
            reached.add(node)
            frontier.extend(neighbors.get(node, []))
    return reached


def _ends(branches: Iterable[Equipment]) -> Iterator[tuple[str, str]]:
    for branch in branches:
        one, other = branch.nodes
        yield one, other
