"""A bay as a tree: from the busbars that it hangs at to everything behind them.

What hangs together once the busbars are taken out is a group. Its tree is found breadth first, so that the way to everything is short.
Each part is the child of the first net that reaches it; a port at a net that another part has reached before is a join, which is drawn at
last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tieline.grid.diagram.parts import Part, Plan

STUBS = {
    "earthing-switch",
    "voltage-transformer",
    "surge-arrester",
    "capacitor-earthed",
    "reactor-earthed",
    "resistor-earthed",
    "earth-fault-neutralizer",
    "bushing",
    "busbar",
}
"""What stands beside the way rather than at its end."""
ENDS = {
    "line-end",
    "cable-end",
    "load",
    "infeed",
    "generator",
    "motor",
    "solar",
    "storage",
    "converter-end",
    "capacitor-earthed",
    "reactor-earthed",
}
"""Where a bay ends."""


@dataclass(slots=True, eq=False)
class Group:
    """What hangs together without the busbars."""

    parts: list[Part]
    bars: list[str]
    """The busbars that it reaches, in the order of its parts."""

    @property
    def order(self) -> int:
        """Its place among the others."""
        return min((part.order for part in self.parts), default=0)

    @property
    def ends(self) -> list[Part]:
        """Where it ends, busbars left out."""
        return [part for part in self.parts if len(part.nets) == 1 and part.kind not in STUBS]


@dataclass(slots=True, eq=False)
class Tree:
    """A group, seen from where it begins."""

    start: str
    """The net it begins at: a busbar, or any net where the group reaches none."""
    children: dict[str, list[Part]] = field(default_factory=dict)
    """For each net the parts behind it."""
    owned: dict[Part, list[str]] = field(default_factory=dict)
    """For each part the nets that it is the first to reach."""
    depth: dict[Part, int] = field(default_factory=dict)
    """Parts in the longest way from this one outwards, itself included."""


def groups_of(plan: Plan, bars: Collection[str]) -> list[Group]:
    """The groups of a station, by the order of their first parts; parts at no net at all are each one of their own."""
    number: dict[str, int] = {}
    found: list[Group] = []
    for first in plan.parts:
        inner = [net for net in first.nets if net not in bars]
        if inner and inner[0] in number:
            continue
        group = Group([], [])
        if not inner:
            group.parts.append(first)
        frontier = deque(inner)
        for net in inner:
            number[net] = len(found)
        while frontier:
            net = frontier.popleft()
            for part in plan.at.get(net, ()):
                for other in part.nets:
                    if other not in bars and other not in number:
                        number[other] = len(found)
                        frontier.append(other)
        if inner:
            mark = len(found)
            nets = {net for net, each in number.items() if each == mark}
            group.parts.extend(sorted({part for net in nets for part in plan.at[net]}, key=plan.parts.index))
        group.bars.extend(dict.fromkeys(net for part in group.parts for net in part.nets if net in bars))
        found.append(group)
    return found


def tree_of(group: Group, plan: Plan, bars: Collection[str], at: str, roots: list[Part]) -> Tree:
    """The tree that begins at the net `at`, with these parts there."""
    tree = Tree(start=at, children={at: list(roots)})
    seen: set[Part] = set(roots)
    reached: set[str] = {at}
    order: list[Part] = []
    frontier: deque[Part] = deque(roots)
    known = set(group.parts)
    while frontier:
        part = frontier.popleft()
        order.append(part)
        mine = [net for net in dict.fromkeys(part.nets) if net not in bars and net not in reached]
        tree.owned[part] = mine
        for net in mine:
            reached.add(net)
            behind = [other for other in plan.at[net] if other not in seen and other in known]
            seen.update(behind)
            tree.children[net] = behind
            frontier.extend(behind)
    for part in reversed(order):
        depths = [tree.depth[child] for net in tree.owned[part] for child in tree.children[net]]
        tree.depth[part] = 1 + max(depths, default=0)
    return tree


def shortest(group: Group, start: str, goal: str, bars: Collection[str], at: Mapping[str, Iterable[Part]]) -> list[Part]:
    """The parts on the shortest way between two busbars within a group; empty where there is none."""
    known = set(group.parts)
    came: dict[str, tuple[str, Part] | None] = {start: None}
    frontier = deque([start])
    while frontier:
        net = frontier.popleft()
        for part in at.get(net, ()):
            if part not in known:
                continue
            for other in part.nets:
                if other in came or (other in bars and other != goal):
                    continue
                came[other] = (net, part)
                if other == goal:
                    return _way_back(came, goal)
                frontier.append(other)
    return []


def _way_back(came: Mapping[str, tuple[str, Part] | None], goal: str) -> list[Part]:
    way: list[Part] = []
    step = came[goal]
    while step is not None:
        way.append(step[1])
        step = came[step[0]]
    return way[::-1]
