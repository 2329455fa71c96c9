"""Which sites lines join, for the map: straight from one to the other, or over places that belong to no site."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from tieline.config.grid import Grid


def ties(grid: Grid | None) -> list[tuple[str, str, float, int]]:
    """Two sites, the highest nominal voltage between them in kV, and how many ways; sorted by the sites' names."""
    if grid is None:
        return []
    nodes = {node.name: node for node in grid.nodes}
    place = {name: name for name in nodes}

    def root(name: str) -> str:
        while place[name] != name:
            place[name] = name = place[place[name]]
        return name

    crossing: list[tuple[str, str]] = []
    for line in grid.lines:
        start, end = line.from_node, line.to_node
        if nodes[start].site is None and nodes[end].site is None:
            place[root(start)] = root(end)
        else:
            crossing.append((start, end))
    ways: Counter[tuple[str, str]] = Counter()
    voltages: dict[tuple[str, str], float] = {}
    reached: dict[str, dict[str, float]] = {}

    def add(one: str, other: str, voltage_kv: float) -> None:
        pair = (min(one, other), max(one, other))
        ways[pair] += 1
        voltages[pair] = max(voltages.get(pair, 0.0), voltage_kv)

    for start, end in crossing:
        here, there = nodes[start].site, nodes[end].site
        if here is not None and there is not None:
            if here != there:
                add(here, there, nodes[start].voltage_kv)
            continue
        site, outside = (here, end) if here is not None else (there, start)
        assert site is not None  # one of the ends is at a site
        reached.setdefault(root(outside), {})[site] = nodes[outside].voltage_kv
    for sites in reached.values():
        for one, other in combinations(sorted(sites), 2):
            add(one, other, sites[one])
    return [(*pair, voltages[pair], ways[pair]) for pair in sorted(ways)]
