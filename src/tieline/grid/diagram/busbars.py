"""Which nets are drawn as bars, and how busbars stand to each other: side by side, one below the other, in a ring."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from tieline.grid.diagram.parts import Part, Plan
from tieline.grid.diagram.trees import ENDS, STUBS, Group, groups_of, shortest

_RING = 3
"""So many corners make a ring."""
_RUNNING_THROUGH = {"breaker", "disconnector", "load-break-switch", "current-transformer", "fuse", "reactor", "bushing"}


@dataclass(slots=True, eq=False)
class Ring:
    """Nets in a circle, and the parts between each and the next."""

    corners: list[str]
    sides: list[list[Part]]


@dataclass(slots=True, eq=False)
class Diameter:
    """Breakers in a row between two busbars; what leaves between them does so at `taps`."""

    upper: str
    lower: str
    taps: list[str]
    segments: list[list[Part]]
    """The parts between each of upper, taps, lower and the next."""
    order: int


@dataclass(slots=True, eq=False)
class Coupling:
    """Parts in a row between two busbars, and nothing else but stubs."""

    group: Group
    way: list[Part]
    ends: tuple[str, str]


@dataclass(slots=True, eq=False)
class Busbars:
    """The busbars of one level, in sections from left to right; a section's busbars are one below the other."""

    sections: list[list[str]] = field(default_factory=list)
    couplings: list[Coupling] = field(default_factory=list)
    diameters: list[Diameter] = field(default_factory=list)
    ring: Ring | None = None

    def section_of(self, net: str) -> int:
        """Which section a busbar is in."""
        return next((row for row, section in enumerate(self.sections) if net in section), 0)


def busbars_of(plan: Plan) -> list[Busbars]:
    """For each level of the station its busbars."""
    buses = {net.id for net in plan.nets.values() if net.is_bar}
    groups = groups_of(plan, buses)
    return [_Level(plan, row, buses, groups).found() for row in range(len(plan.levels))]


class _Level:
    def __init__(self, plan: Plan, level: int, buses: set[str], groups: list[Group]) -> None:
        self._plan = plan
        self._buses = buses
        self._here = [net.id for net in plan.nets.values() if net.is_bar and net.level == level]
        self._groups = [group for group in groups if self._is_here(group, level)]
        self._level = level

    def _is_here(self, group: Group, level: int) -> bool:
        return any(self._plan.nets[net].level == level for part in group.parts for net in part.nets)

    def found(self) -> Busbars:
        ring = self._ring()
        if ring is not None:
            return Busbars(sections=[[net] for net in ring.corners], ring=ring)
        busbars = Busbars()
        parallel: dict[str, set[str]] = defaultdict(set)
        for group in self._groups:
            mine = [net for net in group.bars if net in self._here]
            if len(mine) < 2:
                continue
            diameter = self._diameter(group, mine)
            coupling = self._coupling(group, mine)
            if diameter is not None:
                busbars.diameters.append(diameter)
            elif coupling is not None:
                busbars.couplings.append(coupling)
                continue
            for net in mine:
                parallel[net].update(mine)
        self._arrange(busbars, parallel)
        return busbars

    def _arrange(self, busbars: Busbars, parallel: dict[str, set[str]]) -> None:
        """Sections in the order in which couplings lead from one to the next, their busbars level with what they are coupled with."""
        sections: list[list[str]] = []
        taken: set[str] = set()
        for net in self._here:
            if net in taken:
                continue
            section, frontier = [], [net]
            while frontier:
                each = frontier.pop()
                if each not in taken:
                    taken.add(each)
                    section.append(each)
                    frontier.extend(parallel[each] - taken)
            sections.append(sorted(section, key=self._here.index))
        busbars.sections = _along(sections, busbars.couplings)
        for diameter in busbars.diameters:
            section = busbars.sections[busbars.section_of(diameter.upper)]
            section.sort(key=lambda net: net in {each.lower for each in busbars.diameters})

    def _coupling(self, group: Group, mine: list[str]) -> Coupling | None:
        if len(mine) != 2 or len(group.bars) != 2:
            return None
        way = shortest(group, mine[0], mine[1], self._buses, self._plan.at)
        others = [part for part in group.parts if part not in way and part.kind not in STUBS]
        if others or any(len(part.nets) != 2 or part.kind not in _RUNNING_THROUGH for part in way):
            return None
        return Coupling(group, way, (mine[0], mine[1]))

    def _diameter(self, group: Group, mine: list[str]) -> Diameter | None:
        """Breakers between two busbars with something in between that leaves the group."""
        if len(mine) != 2:
            return None
        way = shortest(group, mine[0], mine[1], self._buses, self._plan.at)
        breakers = [part for part in way if part.kind == "breaker"]
        if len(breakers) < 2 or any(len(part.nets) != 2 or part.kind not in _RUNNING_THROUGH for part in way):
            return None
        taps, segments, net = [], [[way[0]]], mine[0]
        for part, following in pairwise(way):
            net = next(each for each in part.nets if each != net)
            if any(each not in way and each.kind not in STUBS for each in self._plan.at[net]):
                taps.append(net)
                segments.append([])
            segments[-1].append(following)
        if not taps or any(not any(part.kind == "breaker" for part in segment) for segment in segments):
            return None
        return Diameter(mine[0], mine[1], taps, segments, group.order)

    def _ring(self) -> Ring | None:
        """All busbars of the level in one circle, or, where it has none, a circle of nets with something at three of them."""
        degree: Counter[str] = Counter()
        edges: dict[str, list[tuple[Part, str]]] = defaultdict(list)
        for part in self._plan.parts:
            ends = set(part.nets)
            if len(part.nets) == 2 and len(ends) == 2 and all(self._plan.nets[net].level == self._level for net in ends):
                if part.kind not in _RUNNING_THROUGH:
                    continue
                first, second = part.nets
                edges[first].append((part, second))
                edges[second].append((part, first))
                degree.update(ends)
        bare = [net for net in edges if degree[net] == 1]
        gone: set[str] = set()
        while bare:
            net = bare.pop()
            gone.add(net)
            for _, other in edges[net]:
                degree[other] -= 1
                if degree[other] == 1 and other not in gone:
                    bare.append(other)
        circle = [net for net in edges if net not in gone and degree[net] > 0]
        if not circle or any(degree[net] != 2 for net in circle):
            return None
        if self._here and (len(self._here) < _RING or any(net not in circle for net in self._here)):
            return None
        return self._walk(circle, gone, edges)

    def _walk(self, circle: list[str], gone: set[str], edges: dict[str, list[tuple[Part, str]]]) -> Ring | None:
        start = min(circle, key=lambda net: min(part.order for part in self._plan.at[net]))
        if self._here:
            start = self._here[0]
        walk: list[tuple[str, Part]] = []
        net, came = start, None
        while True:
            ahead = [(part, other) for part, other in edges[net] if part is not came and other not in gone]
            if not ahead:
                return None
            part, other = ahead[0]
            walk.append((net, part))
            net, came = other, part
            if net == start:
                break
        if len(walk) != len(circle):
            return None
        within = {part for _, part in walk}
        first = next((row for row, (net, _) in enumerate(walk) if self._is_corner(net, within)), None)
        if first is None:
            return None
        corners: list[str] = []
        sides: list[list[Part]] = []
        for net, part in walk[first:] + walk[:first]:
            if self._is_corner(net, within):
                corners.append(net)
                sides.append([])
            sides[-1].append(part)
        breakers = sum(part.kind == "breaker" for part in within)
        is_ring = len(corners) >= _RING and breakers >= _RING and self._is_alone(set(corners), within)
        return Ring(corners, sides) if is_ring else None

    def _is_alone(self, corners: set[str], within: set[Part]) -> bool:
        """Whether what hangs at each corner reaches no other one, and no busbar of a higher voltage."""
        for group in groups_of(self._plan, self._buses | corners):
            reached = [net for net in group.bars if net in corners]
            if within & set(group.parts) or not reached:
                continue
            if len(reached) > 1 or any(self._plan.nets[net].level < self._level for net in group.bars):
                return False
        return True

    def _is_corner(self, net: str, within: set[Part]) -> bool:
        return net in self._here or any(
            each not in within and (each.kind not in STUBS or each.kind in ENDS) for each in self._plan.at[net]
        )


def _along(sections: list[list[str]], couplings: list[Coupling]) -> list[list[str]]:
    """Sections in the order of the couplings between them, beginning where there is but one."""
    number = {net: row for row, section in enumerate(sections) for net in section}
    beside: dict[int, list[int]] = defaultdict(list)
    for coupling in couplings:
        one, other = number[coupling.ends[0]], number[coupling.ends[1]]
        if one != other:
            beside[one].append(other)
            beside[other].append(one)
    done: list[int] = []
    for first in sorted(range(len(sections)), key=lambda row: (len(set(beside[row])) > 1, row)):
        frontier = [first]
        while frontier:
            row = frontier.pop()
            if row not in done:
                done.append(row)
                frontier.extend(sorted(set(beside[row]) - set(done), reverse=True))
    ordered = [sections[row] for row in done]
    _level_up(ordered, couplings)
    return ordered


def _level_up(sections: list[list[str]], couplings: list[Coupling]) -> None:
    """Busbars that are coupled become level with each other."""
    coupled = {frozenset(coupling.ends) for coupling in couplings}
    for before, section in pairwise(sections):
        if len(section) > 1:
            place = {net: row for row, each in enumerate(before) for net in section if frozenset((each, net)) in coupled}
            section.sort(key=lambda net: place.get(net, len(before)))
